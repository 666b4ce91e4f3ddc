//! What a stack does day by day: allocation, monitor, re-weighting of the reward.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Name;
use crate::routing::allocator::{Binding, STAGE4_BUDGETS};
use crate::scenario::source::Spanned;
use crate::scenario::values::{
    Count, Duration, Fraction, Level, NonNegative, PerLevel, Share, TimeOfDay, Whole,
};

/// The daily allocation of models and token budgets to levels.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Allocation {
    /// How each level's model is chosen.
    pub rule: AllocationRule,
    /// The local times of day at which levels get their models and budgets.
    #[schemars(extend("examples" = [["08:00", "12:00", "17:00"]]))]
    pub times: Vec<TimeOfDay>,
    /// What an allocation means to the router. None: it is a plan, which is recorded and whose budgets are watched. First choice: the allocated model is called first, and the order decides where it is not eligible. Within budget: the same until the level's budget is used up.
    pub binding: Binding,
    /// The tokens that each level may use until the next allocation.
    pub budgets: Budgets,
}

impl Default for Allocation {
    fn default() -> Self {
        Self {
            rule: AllocationRule::Stage4 {},
            times: vec![TimeOfDay::of(8, 0)],
            binding: Binding::None,
            budgets: Budgets::default(),
        }
    }
}

/// How each level's model is chosen.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(non_snake_case, reason = "the levels are written in capitals everywhere")]
pub enum AllocationRule {
    /// Nothing is allocated.
    None {},
    /// The Stage 4 plan's rule: the level score, times 0.3 for a model short of tokens, then adjusted for speed, cost and quality by the time of day; the largest number wins.
    Stage4 {},
    /// The largest belief of the learner among models that are not short of tokens; a level of which the learner believes nothing yet gets no model.
    Beliefs {},
    /// Always the same models; a level that is not named gets none.
    Static {
        /// The model for level L1.
        #[schemars(example = &"Groq")]
        L1: Option<Name>,
        /// The model for level L2.
        L2: Option<Name>,
        /// The model for level L3.
        L3: Option<Name>,
        /// The model for level L4.
        L4: Option<Name>,
    },
}

/// Token budgets by the part of the day in which an allocation is made, each for L1 to L4.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Budgets {
    /// For allocations from 06:00 to 11:00.
    pub morning: PerLevel<Whole>,
    /// For allocations from 11:00 to 17:00.
    pub afternoon: PerLevel<Whole>,
    /// For allocations from 17:00 to 23:00.
    pub evening: PerLevel<Whole>,
    /// For allocations from 23:00 to 06:00.
    pub night: PerLevel<Whole>,
}

impl Default for Budgets {
    fn default() -> Self {
        let [morning, afternoon, evening, night] =
            STAGE4_BUDGETS.map(|levels| PerLevel(levels.map(Whole::of)));
        Self { morning, afternoon, evening, night }
    }
}

/// The bounds beyond which the performance monitor reports an anomaly.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Monitor {
    /// A call that takes longer is a slow response.
    pub slow_response: Duration,
    /// A call that takes more tokens is a high token usage.
    pub high_token_usage: Whole,
    /// A level whose share of answered calls is lower has a low success rate.
    pub low_success_rate: Share,
    /// From how many kept calls on a level's success rate is judged.
    pub min_calls: Count,
    /// How many of the last calls are kept for that, all levels together.
    pub keep: Count,
}

impl Default for Monitor {
    fn default() -> Self {
        Self {
            slow_response: Duration::from_millis(5000),
            high_token_usage: Whole::of(1000),
            low_success_rate: Share::of(0.8),
            min_calls: Count::of(20),
            keep: Count::of(1000),
        }
    }
}

/// How the weights of speed, efficiency and cost in the reward `level_reward` change while the run lasts. Only what the
/// learner is fed moves: results are measured in the scenario's own reward.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reweighting {
    /// They stay.
    Fixed {},
    /// They change at stated times.
    Scheduled {
        /// The changes, in order of time.
        changes: Vec<Spanned<WeightsFrom>>,
    },
    /// They follow outcomes: a weight w becomes w (1 + rate (mean - own)), where own is the mean of its component over the level's answered calls since the last change (0 to 1) and mean that of all three components; held at the floor and scaled to sum to 1. The level is pushed towards what it lacks.
    Adapted(AdaptedWeights),
}

/// New weights of one level from a time on; they are scaled to sum to 1.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightsFrom {
    /// The time after the start of the run.
    #[schemars(example = &"2d")]
    pub after: Duration,
    /// The level.
    pub level: Level,
    /// The weight of speed.
    pub speed: NonNegative,
    /// The weight of efficiency.
    pub efficiency: NonNegative,
    /// The weight of cost.
    pub cost: NonNegative,
}

/// Weights that follow outcomes.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdaptedWeights {
    /// The time from one change to the next.
    pub every: Duration,
    /// How strongly a shortfall moves a weight.
    pub rate: NonNegative,
    /// No weight falls below this before they are scaled.
    pub floor: Fraction,
}

impl Default for AdaptedWeights {
    fn default() -> Self {
        Self {
            every: Duration::from_millis(86_400_000),
            rate: NonNegative::of(0.5),
            floor: Fraction::of(0.05),
        }
    }
}
