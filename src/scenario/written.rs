//! A scenario as it is written: every table of the format with its keys, before names are resolved.

mod admission;
mod bandit;
mod breaker;
mod compare;
mod daily;
mod expect;
mod order;
mod outcomes;
mod outlier;
mod part;
mod recovery;
mod registry;
mod stack;
mod study;
mod workload;
mod world;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::problem::Refusal;
use super::source::{Span, Spanned};
use super::values::{Count, Duration, Finite, LocalDateTime, Named, Seeds, Zone};

pub use admission::{
    Admission, EnvoyRetries, FailsafeGoRetries, FailsafeGoThrottling, FinagleRetries,
    GradientLimit, InFlightLimit, PriorityShares, Ramp, RetryBudget, SreRetries, SreThrottling,
    Throttle,
};
pub use bandit::{Bandit, BanditBudget, Change, Delay, Means, Present, Rewards, Stage};
pub use breaker::{
    Breaker, CallOutcome, CockatielBreaker, CockatielTrip, DeadFor, EndedBy, FailsafeGoBreaker,
    FailsafeRsBreaker, FinagleBreaker, GrowingTime, HalfOpenAfter, HystrixBreaker, OpossumBreaker,
    PollyBreaker, PurgatoryBreaker, PybreakerBreaker, RecloserBreaker, ReflexarcBreaker,
    Resilience4jBreaker, SlidingWindow, Stage4Breaker, WaitGrowth, WindowSynchronization,
};
pub use compare::{Compare, ParameterRange, ParameterStudy, Scale};
pub use daily::{
    AdaptedWeights, Allocation, AllocationRule, Budgets, Monitor, Reweighting, WeightsFrom,
};
pub use expect::Expect;
pub use order::{
    AbTest, Adaptive, AlwaysOrder, BestFixed, CascadeOrder, LatencyWindowOrder, LeastBusyOrder,
    NoKeys, Order, PeakEwmaOrder, PlainOrder, PredictedOrder, PricesRead, RouterVariant,
    Stage4Order, StaticOrder, ThresholdOrder, WeightedOrder,
};
pub use outcomes::RecordedOutcomes;
pub use outlier::{
    EnvoyOutliers, FailureClass, HeliconeHealth, LitellmCooldown, Outlier, PortkeyBreaker,
};
pub use part::Part;
pub use recovery::{
    Backoff, ChainFallback, Deadline, Decorrelated, Exponential, Fallback, Group, GroupsFallback,
    Hedge, HedgeAfter, OnFailure, OnFailures, QuotaLedger, RankedFallback, Replicas, Retry,
    RouterLimit, RouterLimits, Stage4Fallback,
};
pub use registry::{AssumedKeys, Model, Performance, Prices, RegistryFile};
pub use stack::{Presence, Stack};
pub use study::{Effect, Fault, RandomFault, Study, TaskType, TimeLaw, TokenDistribution};
pub use workload::{
    Diurnal, MarkovModulated, RateProfile, Replay, SessionArrivals, Sessions, ThinkTime, Turns,
    Workload,
};
pub use world::{Limits, ModelTruth, Spread, World};

/// A text that names something which is looked up later.
pub type Name = Spanned<String>;

/// A study of LLM routing stacks for the simulator reflexarc.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The version of the format, which is 1.
    pub format: Option<Format>,
    /// The question that the study is to answer.
    #[schemars(example = &"Which levels go dark when five of ten models run out of tokens?")]
    pub question: Option<String>,
    /// Another scenario file on which this one builds, as a path relative to this file. Tables merge, arrays and
    /// scalars replace.
    #[schemars(example = &"base.toml")]
    pub base: Option<Name>,
    /// The seeds of the replications, ends included.
    pub seeds: Option<Seeds>,
    /// What an answer is worth, by default the efficiency.
    pub reward: Option<Reward>,
    /// Whether a partial answer counts as an answer, by default not.
    #[serde(default)]
    pub partial_counts: bool,
    /// When the run starts and ends.
    pub time: Option<Time>,
    /// What the router believes about the models.
    pub registry: Option<Registry>,
    /// What is true of the models. Figures that are not given here are those of the registry.
    pub world: Option<Part<World>>,
    /// How tasks arrive.
    pub workload: Option<Part<Workload>>,
    /// The sorts of tasks.
    pub task_types: Option<Part<Vec<TaskType>>>,
    /// What goes wrong, and when.
    pub faults: Option<Part<Vec<Fault>>>,
    /// What goes wrong at random.
    pub random_faults: Option<Part<Vec<RandomFault>>>,
    /// A classic bandit problem, which is played in rounds in the place of `time`, `registry`, `world`, `workload`,
    /// `task_types` and faults.
    pub bandit: Option<Part<Bandit>>,
    /// The same study in other worlds, which are never pooled.
    #[serde(default)]
    pub blocks: Vec<WrittenBlock>,
    /// The stack on which all variants build.
    pub stack: Option<Part<Stack>>,
    /// The stacks to compare. Each writes what differs from `[stack]`.
    #[serde(default)]
    pub variants: Vec<Variant>,
    /// What the study is expected to show: a run says of each whether it is met.
    #[serde(default)]
    pub expect: Vec<Expect>,
    /// What is recorded.
    #[serde(default)]
    pub record: Record,
    /// What is reported in full.
    #[serde(default)]
    pub reports: Reports,
    /// How the variants are compared, where there are two or more.
    pub compare: Option<Compare>,
    /// Parameters of learners that are tried at several values.
    #[serde(default)]
    pub parameter_studies: Vec<ParameterStudy>,
    /// Answers the Stage 4 plan's success criteria for the first variant and for the best alternative to it, with control
    /// runs whose learning is frozen.
    pub criteria: Option<Criteria>,
}

/// How the Stage 4 plan's success criteria are answered.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Criteria {
    /// The seeds on which the best alternative is chosen, by its mean reward, which must not be those of the study.
    pub selection_seeds: Spanned<Seeds>,
}

impl Default for Criteria {
    fn default() -> Self {
        let value = BestFixed::default().selection_seeds;
        Self { selection_seeds: Spanned { value, span: Span::default() } }
    }
}

/// The version of the format; this program reads version 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Format;

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if Count::deserialize(deserializer)?.get() == 1 {
            return Ok(Self);
        }
        let reason = "this program reads format 1";
        let cure = "write `format = 1`, or use a newer reflexarc";
        Err(Refusal::new(reason, cure).into_error())
    }
}

impl JsonSchema for Format {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Format".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "integer", "const": 1, "examples": [1], "x-form": "the number 1" })
    }
}

/// What an answer is worth: the one number by which stacks are compared and learners are fed.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reward {
    /// The plan's efficiency formula / 100 for what was served, 0 for the rest.
    Efficiency {},
    /// The plan's own formula / 100, paid for unserved work as well: it rewards failing fast.
    Stage4Efficiency {},
    /// Speed, efficiency and cost with the level's weights of the plan, / 100; 0 for unserved work.
    LevelReward {},
    /// Quality minus weighted cost and time; unserved work has no quality and still pays cost and time.
    Utility(Utility),
}

/// The weights of the utility.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Utility {
    /// The worth of a perfect answer; quality counts from 0 to 1.
    pub quality: Finite,
    /// What is taken off for each US dollar that the work cost.
    pub cost_per_usd: Finite,
    /// What is taken off for each second that the work took.
    pub latency_per_s: Finite,
}

impl Default for Utility {
    fn default() -> Self {
        Self {
            quality: Finite::of(1.0),
            cost_per_usd: Finite::of(10.0),
            latency_per_s: Finite::of(0.01),
        }
    }
}

impl Reward {
    /// The reward as it is computed.
    pub fn resolved(&self) -> crate::reward::Reward {
        match self {
            Self::Efficiency {} => crate::reward::Reward::Efficiency,
            Self::Stage4Efficiency {} => crate::reward::Reward::Stage4Efficiency,
            Self::LevelReward {} => {
                crate::reward::Reward::LevelReward(crate::reward::STAGE4_WEIGHTS)
            }
            Self::Utility(weights) => crate::reward::Reward::Utility {
                quality: weights.quality.get(),
                cost_per_usd: weights.cost_per_usd.get(),
                latency_per_s: weights.latency_per_s.get(),
            },
        }
    }
}

/// When the run starts and ends.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Time {
    /// The local date and time at which the run starts.
    pub start: LocalDateTime,
    /// The time zone of the local times, by its IANA name.
    pub zone: Zone,
    /// When the run ends.
    pub end: End,
    /// How long the run warms up; this time is left out of curves and summary.
    #[serde(default)]
    pub warm_up: Duration,
    /// Whether work in flight at the end is interrupted instead of drained.
    #[serde(default)]
    pub cut: bool,
}

/// When the run ends.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum End {
    /// A time after the start.
    After(#[schemars(example = &"24h")] Duration),
    /// When so many tasks have arrived.
    Tasks(#[schemars(example = 1000)] Count),
    /// When every recorded prompt has been asked so many times.
    Passes(#[schemars(example = 1)] Count),
}

/// What the router believes about the models.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// A registry that comes with the program, or the path of a registry file relative to this file.
    #[serde(rename = "use")]
    #[schemars(example = &"stage4")]
    pub used: Option<Name>,
    /// Whether `daily_tokens_small` is taken as the daily limit of each model.
    #[serde(default)]
    pub small_plan: bool,
    /// A table from which the prices of all models are taken, in the place of those in the registry file. A model whose
    /// two prices are written here, in `models`, keeps them.
    pub prices: Option<Prices>,
    /// Changes to models of the used registry, and new models, which must be complete.
    pub models: Option<Part<Named<Model>>>,
}

/// The same study in another world.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WrittenBlock {
    /// The name under which the block is reported.
    #[schemars(example = &"worst")]
    pub name: Name,
    /// The question that this block is to answer.
    pub question: Option<String>,
    /// How tasks arrive in this block.
    pub workload: Option<Part<Workload>>,
    /// What is true of the models in this block.
    pub world: Option<Part<World>>,
    /// The sorts of tasks in this block; they replace the scenario's.
    pub task_types: Option<Part<Vec<TaskType>>>,
    /// What goes wrong in this block, after the scenario's faults.
    pub faults: Option<Part<Vec<Fault>>>,
    /// What goes wrong at random in this block, besides the scenario's random faults.
    pub random_faults: Option<Part<Vec<RandomFault>>>,
    /// The bandit problem of this block.
    pub bandit: Option<Part<Bandit>>,
}

/// A stack to compare.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// The name under which the variant is reported.
    #[schemars(example = &"ucb1")]
    pub name: Name,
    /// The family that it belongs to: variants of one family are settings of one router, between which a mixture may be
    /// drawn. By default each is a family of its own.
    #[schemars(example = &"knn")]
    pub family: Option<Name>,
    /// What differs from `[stack]`.
    pub stack: Option<Part<Stack>>,
}

/// What is recorded.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Record {
    /// Whether the table of attempts is written.
    pub attempts: bool,
    /// Whether the work tracker's log is written: start, every step and end of every task.
    pub work_log: bool,
    /// Whether the table of what learners believed is written.
    pub scores: bool,
    /// Whether the regret against the best choice is computed.
    pub regret: bool,
    /// The number of points of a curve.
    pub bins: Count,
}

impl Default for Record {
    fn default() -> Self {
        Self { attempts: true, work_log: false, scores: true, regret: true, bins: Count::of(60) }
    }
}

/// What is reported in full.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Reports {
    /// The variants that get daily and learning reports, by default the first one alone.
    #[schemars(extend("examples" = [["stage4"]]))]
    pub variants: Option<Vec<Name>>,
}
