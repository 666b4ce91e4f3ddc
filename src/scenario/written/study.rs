//! What is asked of the models and what goes wrong: task types and faults.

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use super::{Bandit, Name, Workload, World};
use crate::scenario::shape::SHORT_FOR;
use crate::scenario::values::{
    Count, Duration, FaultTime, Finite, Fraction, Level, NonNegative, Positive, Priority,
    Probability, Share,
};
use crate::world::conditions::Rejection;

/// The parts of a scenario that a block may override.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Study {
    /// How tasks arrive.
    pub workload: Option<Workload>,
    /// What is true of the models.
    pub world: World,
    /// The sorts of tasks.
    pub task_types: Vec<TaskType>,
    /// What goes wrong, and when.
    pub faults: Vec<Fault>,
    /// What goes wrong at random.
    pub random_faults: Vec<RandomFault>,
    /// The bandit problem that is played in the place of all this.
    pub bandit: Option<Bandit>,
}

/// A sort of tasks.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskType {
    /// The name under which the tasks are reported.
    #[schemars(example = &"health-check")]
    pub name: Name,
    /// The weight of this sort among all tasks; the weights need not sum to 1. Where outcomes are recorded it follows from
    /// the prompts.
    #[schemars(required, example = 0.4)]
    pub share: Option<Positive>,
    /// The domains of the recorded prompts that are of this sort, by default all that are of no other.
    #[schemars(extend("examples" = [["math", "physics"]]))]
    pub domains: Option<Vec<Name>>,
    /// The level of a task with one step. Write either this or `steps`.
    pub level: Option<Level>,
    /// The levels of the steps of a task, in their order.
    #[schemars(extend("examples" = [["L3", "L4"]]))]
    pub steps: Option<Vec<Level>>,
    /// How much the task matters.
    #[serde(default)]
    pub priority: Priority,
    /// The input tokens of each step, where they are not recorded.
    #[schemars(required)]
    pub input_tokens: Option<TokenDistribution>,
    /// The output tokens of each step, where they are not recorded.
    #[schemars(required)]
    pub output_tokens: Option<TokenDistribution>,
    /// How long after its arrival a task must be done, by default without limit.
    #[schemars(example = &"10s")]
    pub deadline: Option<Duration>,
    /// How strongly the models find the same tasks hard, by default as in `[world]`.
    pub difficulty_correlation: Option<Fraction>,
}

/// How many tokens: always the same number, which may be written without a table, or drawn from a distribution.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[schemars(transform = allow_number)]
pub enum TokenDistribution {
    /// Always the same number.
    Constant(#[schemars(example = 300)] Count),
    /// Drawn from a lognormal distribution.
    Lognormal {
        /// The mean number of tokens.
        #[schemars(example = 200)]
        mean: Positive,
        /// The sigma, which is the standard deviation on the log scale.
        #[schemars(example = 0.6)]
        sigma: NonNegative,
    },
    /// Drawn from all whole numbers of a range alike.
    Uniform {
        /// The smallest number of tokens.
        #[schemars(example = 100)]
        low: Count,
        /// The largest number of tokens.
        #[schemars(example = 500)]
        high: Count,
    },
}

/// Adds the short form, in which a number stands for the constant.
fn allow_number(schema: &mut Schema) {
    let number = serde_json::json!({ "type": "integer", "minimum": 1, SHORT_FOR: "constant" });
    if let Some(serde_json::Value::Array(branches)) = schema.get_mut("oneOf") {
        branches.push(number);
    }
    let words = "a number of tokens, or a table with `lognormal` or `uniform`";
    schema.insert(crate::scenario::shape::FORM.to_owned(), words.into());
    schema.insert("examples".to_owned(), serde_json::json!([300]));
}

/// Something that goes wrong for some time.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The name under which the fault is reported.
    #[schemars(example = &"five exhausted")]
    pub name: Option<Name>,
    /// What the fault does to the models it hits.
    #[schemars(required)]
    pub effect: Option<Effect>,
    /// The models it hits. Write exactly one of `models`, `provider`, `draw`, `every_choice_of` and `everything`.
    #[schemars(extend("examples" = [["Groq"]]))]
    pub models: Option<Vec<Name>>,
    /// The provider all of whose models it hits.
    pub provider: Option<Name>,
    /// How many models it hits; each seed draws them anew.
    pub draw: Option<Count>,
    /// How many models it hits: the block is run once for every choice of so many, and reported as one, by its means over all
    /// choices and choice by choice in `reports/choices.md`.
    #[schemars(example = 5)]
    pub every_choice_of: Option<Count>,
    /// Whether it hits all models.
    pub everything: Option<bool>,
    /// When it starts: a local time of day on the first day, a local date and time, or a time after the start of the
    /// run.
    #[schemars(required)]
    pub start: Option<FaultTime>,
    /// When it ends, in the same three forms. By default it lasts until the end of the run.
    pub end: Option<FaultTime>,
    /// The time over which the effect grows from nothing to its full size, by default at once.
    #[schemars(example = &"10min")]
    pub ramp: Option<Duration>,
    /// Whether calls in flight at the start are killed.
    #[serde(default)]
    pub kills_in_flight: bool,
    /// The fault hits only so many calls to each model, the first that come while it lasts, by default all. What decision
    /// regret takes for expected leaves such a fault out.
    #[schemars(example = 1)]
    pub first_calls: Option<Count>,
}

/// Something that goes wrong at random. Each seed draws when, the same for all variants: all is well at first, and from
/// then on calm and fault take turns, or faults begin at random intervals whether or not the last one is over.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RandomFault {
    /// The name under which the fault is reported. What is drawn follows from it, so faults beside it change nothing.
    #[schemars(example = &"provider outage")]
    pub name: Name,
    /// What the fault does to the models it hits. It cannot use up a quota, which only its own reset would end.
    pub effect: Effect,
    /// The models it hits, all at once. Write exactly one of `models`, `provider`, `each_model` and `each_provider`.
    #[schemars(extend("examples" = [["Groq"]]))]
    pub models: Option<Vec<Name>>,
    /// The provider all of whose models it hits at once.
    pub provider: Option<Name>,
    /// Whether it hits every model, each independently of the others.
    pub each_model: Option<bool>,
    /// Whether it hits every provider, each with all its models at once and independently of the others.
    pub each_provider: Option<bool>,
    /// The mean time from the end of one fault to the start of the next, which is then exponential. On average the fault
    /// lasts for the share `mean_duration / (mean_time_between + mean_duration)` of the time. Write exactly one of
    /// `mean_time_between`, `time_between` and `time_between_starts`.
    #[schemars(example = &"60h")]
    pub mean_time_between: Option<Duration>,
    /// The time from the end of one fault to the start of the next, by another law.
    pub time_between: Option<TimeLaw>,
    /// The time from the start of one fault to the start of the next, whether or not the first is over, as incidents are
    /// counted in a history; brown-outs that overlap add up.
    pub time_between_starts: Option<TimeLaw>,
    /// The mean time that one fault lasts, which is then exponential. Write exactly one of `mean_duration` and `duration`.
    #[schemars(example = &"20min")]
    pub mean_duration: Option<Duration>,
    /// The time that one fault lasts, by another law.
    pub duration: Option<TimeLaw>,
    /// From when on the fault may come: a local time of day on the first day, a local date and time, or a time after
    /// the start of the run. By default from the start of the run.
    pub start: Option<FaultTime>,
    /// Until when it may come, in the same three forms; what still lasts ends then. By default until the end of the run.
    pub end: Option<FaultTime>,
    /// Whether calls in flight as it starts are killed.
    #[serde(default)]
    pub kills_in_flight: bool,
}

/// The law of a random time, by its mean and what shapes it.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TimeLaw {
    /// Exponential: what is left does not depend on what has passed.
    Exponential {
        /// The mean.
        #[schemars(example = &"60h")]
        mean: Duration,
    },
    /// Weibull: below shape 1 short times crowd together, above it times are more alike.
    Weibull {
        /// The mean.
        #[schemars(example = &"60h")]
        mean: Duration,
        /// The shape.
        #[schemars(example = 0.7)]
        shape: Positive,
    },
    /// Gamma: below shape 1 short times crowd together, above it times are more alike.
    Gamma {
        /// The mean.
        #[schemars(example = &"60h")]
        mean: Duration,
        /// The shape.
        #[schemars(example = 0.7)]
        shape: Positive,
    },
    /// Lognormal: some times are many times as long as most.
    Lognormal {
        /// The mean, which is exp(sigma^2 / 2) times the median.
        #[schemars(example = &"3h")]
        mean: Duration,
        /// The sigma, which is the standard deviation on the log scale.
        #[schemars(example = 1.2)]
        sigma: NonNegative,
    },
    /// Lomax, that is Pareto from 0 on: the share of times above t falls as a power of t.
    Lomax {
        /// The mean.
        #[schemars(example = &"3h")]
        mean: Duration,
        /// The shape, which is the power and more than 1; of shape 2 and less the variance is infinite.
        #[schemars(example = 2.5)]
        shape: Positive,
    },
}

/// What a fault does to a model.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// The model does not answer: calls end in an API error, in the time of one.
    Outage {
        /// Whether a call hangs until its timeout instead of failing at once.
        #[serde(default)]
        hang: bool,
        /// After what time the provider closes the connection of a call that hangs, which then ends in a connection error; by
        /// default never.
        #[schemars(example = &"120s")]
        closes_after: Option<Duration>,
        /// Whether the connection is reset: a call ends in a connection error, in the time of an API error.
        #[serde(default)]
        reset: bool,
    },
    /// Some calls fail.
    BrownOut {
        /// The probability that a call fails with an API error.
        error_rate: Probability,
    },
    /// Responses take longer.
    SlowDown {
        /// By how much the time of a response is multiplied.
        factor: Positive,
    },
    /// The daily tokens run short. Exactly one of the two keys is written: `used_share` sets the tokens used as the fault starts, and the quota's own reset clears them; `limit_factor` cuts the limit while the fault lasts.
    Quota {
        /// The share of the daily tokens that is used up when the fault starts.
        #[schemars(example = 1.0)]
        used_share: Option<Share>,
        /// By how much the daily limit is multiplied.
        limit_factor: Option<NonNegative>,
    },
    /// Calls are refused as if a rate limit were exceeded.
    RateLimitStorm {
        /// The share of the calls that is refused.
        refused_share: Share,
        /// When the refusal says to try again, by default nothing is said.
        #[schemars(example = &"20s")]
        retry_after: Option<Duration>,
    },
    /// Calls are turned away at the door, and nothing is billed.
    Reject {
        /// How they end.
        outcome: Rejection,
        /// The share of the calls that is turned away.
        #[serde(default = "all")]
        share: Share,
        /// When the refusal says to try again, by default nothing is said.
        #[schemars(example = &"2s")]
        retry_after: Option<Duration>,
    },
    /// The first token comes later, and the rest of the answer with it. Where only the time of a whole response is declared,
    /// the first token comes with the last one.
    Stall {
        /// What is added to the time of the first token.
        #[schemars(example = &"20s")]
        first_token: Duration,
    },
    /// Answers get better or worse.
    QualityDrift {
        /// What is added to the quality, in points.
        #[serde(default)]
        quality_points: Finite,
        /// By how much the probability of success is multiplied.
        #[serde(default = "unchanged")]
        success_factor: NonNegative,
    },
    /// Prices change. Exactly one of the two keys is written.
    PriceChange {
        /// By how much the price is multiplied.
        factor: Option<NonNegative>,
        /// The snapshot of the registry's price table whose prices are asked while the fault lasts. Where recorded outcomes have costs, the bill then follows from their tokens.
        #[schemars(example = &"2026-08-01")]
        to_snapshot: Option<Name>,
    },
    /// The API key is refused.
    KeyRevoked {},
}

fn all() -> Share {
    Share::of(1.0)
}

fn unchanged() -> NonNegative {
    NonNegative::of(1.0)
}
