//! What the stack did or noticed: fallbacks, breakers, allocations, anomalies, health, learning, orders on trial.

use super::{Decision, Outcome, PolicyEvent};
use crate::units::{Level, ModelId, PerLevel, SimTime, TaskId};

/// Something that the stack did or noticed, in order of time.
#[derive(Clone, Debug)]
pub enum StackEvent {
    /// A fallback was asked for.
    Fallback(FallbackEvent),
    /// A breaker changed its state.
    Breaker(BreakerEvent),
    /// The allocator gave every level a model and a budget.
    Allocated(Allocation),
    /// An allocation gave way to the next one, or the run ended.
    AllocationEnded(AllocationUse),
    /// The monitor saw something out of bounds.
    Anomaly(Anomaly),
    /// The monitor's view of a level when a local day ended.
    Health(Health),
    /// The reward's weights of a level changed.
    Weights(WeightChange),
    /// A reporting period of the learner ended.
    Learning(LearningPeriod),
    /// Something was decided about an order on trial.
    Policy(Box<PolicyEvent>),
    /// A step's next call was chosen, or none; told only of the task that is to be explained.
    Decision(Box<Decision>),
    /// The router let more pass in a minute than its own limits allow; told of the last minute in any case.
    Overshoot(Overshoot),
}

/// How much more passed in a minute of the clock than the router's own limits allow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overshoot {
    /// When it was noticed: at the first call of a later minute, or the end of the run.
    pub at: SimTime,
    /// The model.
    pub model: ModelId,
    /// How far beyond the limit, as a share of it; 0 only of the last minute.
    pub share: f64,
}

/// Why a fallback was asked for (stage4.md section 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FallbackReason {
    /// The model's token quota is, or is believed to be, used up.
    TokenExhausted,
    /// Error, wrong answer, dead key or open breaker.
    ModelFailure,
    /// No answer in time.
    Timeout,
    /// 429 by a limit per minute.
    RateLimit,
}

impl FallbackReason {
    /// All reasons.
    pub const ALL: [Self; 4] =
        [Self::TokenExhausted, Self::ModelFailure, Self::Timeout, Self::RateLimit];

    /// The name in tables and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TokenExhausted => "token_exhausted",
            Self::ModelFailure => "model_failure",
            Self::Timeout => "timeout",
            Self::RateLimit => "rate_limit",
        }
    }

    /// The reason that an unserved call gives.
    #[must_use]
    pub fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::QuotaExhausted => Self::TokenExhausted,
            Outcome::RateLimited => Self::RateLimit,
            Outcome::Timeout => Self::Timeout,
            _ => Self::ModelFailure,
        }
    }
}

/// A fallback, successful or not.
#[derive(Clone, Copy, Debug)]
pub struct FallbackEvent {
    /// When it was asked for.
    pub at: SimTime,
    /// The task.
    pub task: TaskId,
    /// The task's step.
    pub step: u8,
    /// The step's level.
    pub level: Level,
    /// Why.
    pub reason: FallbackReason,
    /// The model that failed or was refused.
    pub from: ModelId,
    /// The model that the plan found, if any.
    pub to: Option<ModelId>,
    /// Why it found none, where that was noted.
    pub why_none: Option<NoTarget>,
}

/// Why a fallback found no target: what kept out the last of the models that it could have taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTarget {
    /// Every model has been tried, or the plan allows no further one.
    AllTried,
    /// Those left are believed to be short of tokens.
    ShortOfTokens,
    /// The breakers of those left are open.
    BreakerOpen,
    /// Those left are held back after a refusal.
    HeldBack,
    /// Those left have used up the router's own limits per minute.
    OverLimit,
    /// The plan names no model.
    ListEmpty,
    /// The models that the plan names are not there, or lack the level.
    NotThere,
}

impl NoTarget {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::AllTried,
        Self::ShortOfTokens,
        Self::BreakerOpen,
        Self::HeldBack,
        Self::OverLimit,
        Self::ListEmpty,
        Self::NotThere,
    ];

    /// The name in tables and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AllTried => "all_tried",
            Self::ShortOfTokens => "short_of_tokens",
            Self::BreakerOpen => "breaker_open",
            Self::HeldBack => "held_back",
            Self::OverLimit => "over_limit",
            Self::ListEmpty => "list_empty",
            Self::NotThere => "not_there",
        }
    }
}

/// State of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls pass.
    Closed,
    /// Calls are refused.
    Open,
    /// Calls pass on probation.
    HalfOpen,
}

impl BreakerState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// The name in tables and vectors.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// A breaker changed its state.
#[derive(Clone, Copy, Debug)]
pub struct BreakerEvent {
    /// When.
    pub at: SimTime,
    /// The model behind the breaker.
    pub model: ModelId,
    /// The state before.
    pub from: BreakerState,
    /// The state after.
    pub to: BreakerState,
}

/// What stands in the way of calls to one model, as its changes tell: its breakers in every instance of the stack, and what
/// takes it out of a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gates {
    open: u32,
    half_open: u32,
}

impl Gates {
    /// One of them changes its state.
    pub fn change(&mut self, from: BreakerState, to: BreakerState) {
        match from {
            BreakerState::Open => self.open = self.open.saturating_sub(1),
            BreakerState::HalfOpen => self.half_open = self.half_open.saturating_sub(1),
            BreakerState::Closed => {}
        }
        match to {
            BreakerState::Open => self.open += 1,
            BreakerState::HalfOpen => self.half_open += 1,
            BreakerState::Closed => {}
        }
    }

    /// Open if any of them is, else half-open if any is.
    #[must_use]
    pub fn state(self) -> BreakerState {
        match (self.open, self.half_open) {
            (0, 0) => BreakerState::Closed,
            (0, _) => BreakerState::HalfOpen,
            _ => BreakerState::Open,
        }
    }
}

/// Part of the day for which the allocator plans (stage4.md section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// 06:00 to 11:00: planning.
    Morning,
    /// 11:00 to 17:00: execution.
    Afternoon,
    /// 17:00 to 23:00: monitoring.
    Evening,
    /// 23:00 to 06:00: optimisation.
    Night,
}

impl Slot {
    /// All slots.
    pub const ALL: [Self; 4] = [Self::Morning, Self::Afternoon, Self::Evening, Self::Night];

    /// The slot of a local hour.
    #[must_use]
    pub fn of(hour: u32) -> Self {
        match hour {
            6..11 => Self::Morning,
            11..17 => Self::Afternoon,
            17..23 => Self::Evening,
            _ => Self::Night,
        }
    }

    /// The name in scenarios, tables and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Morning => "morning",
            Self::Afternoon => "afternoon",
            Self::Evening => "evening",
            Self::Night => "night",
        }
    }

    /// What the slot is for.
    #[must_use]
    pub fn purpose(self) -> &'static str {
        match self {
            Self::Morning => "planning",
            Self::Afternoon => "execution",
            Self::Evening => "monitoring",
            Self::Night => "optimisation",
        }
    }
}

/// What the allocator gave one level.
#[derive(Clone, Debug, PartialEq)]
pub struct LevelAllocation {
    /// The slot's focus lies on this level.
    pub in_focus: bool,
    /// Tokens that the level may use until the next allocation.
    pub budget_tokens: u64,
    /// The model; `None` where the rule has no opinion.
    pub model: Option<ModelId>,
    /// The number by which models were compared, by id; `None` for those left out.
    pub numbers: Vec<Option<f64>>,
}

/// One allocation, all levels.
#[derive(Clone, Debug, PartialEq)]
pub struct Allocation {
    /// Its number within the run, from 0.
    pub nth: u32,
    /// When it came into force.
    pub at: SimTime,
    /// Its local date, year-month-day.
    pub date: String,
    /// Its local time of day as configured, hour:minute.
    pub time: String,
    /// The part of the day.
    pub slot: Slot,
    /// What each level got.
    pub levels: PerLevel<LevelAllocation>,
}

/// What was used of an allocation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AllocationUse {
    /// The allocation's number.
    pub nth: u32,
    /// When it ceased.
    pub ended: SimTime,
    /// Billed tokens of calls that ended while it was in force, by level of the call.
    pub used_tokens: PerLevel<u64>,
    /// When a level's use went beyond its budget, if it did.
    pub over_budget: PerLevel<Option<SimTime>>,
    /// Calls that ended while it was in force.
    pub calls: PerLevel<u64>,
    /// Of them, calls to the level's allocated model.
    pub calls_allocated: PerLevel<u64>,
}

/// How well a level does, by its success rate (stage4.md section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PerformanceClass {
    /// Above 95 %.
    Excellent,
    /// Above 85 %.
    Good,
    /// Above 70 %.
    Normal,
    /// Above 50 %.
    Poor,
    /// 50 % or less.
    Critical,
}

impl PerformanceClass {
    /// All of them, the best first.
    pub const ALL: [Self; 5] =
        [Self::Excellent, Self::Good, Self::Normal, Self::Poor, Self::Critical];

    /// The class of `successes` out of `calls`; `None` without calls.
    #[must_use]
    pub fn of(successes: u64, calls: u64) -> Option<Self> {
        let above = |percent: u64| successes * 100 > calls * percent;
        (calls > 0).then(|| match () {
            () if above(95) => Self::Excellent,
            () if above(85) => Self::Good,
            () if above(70) => Self::Normal,
            () if above(50) => Self::Poor,
            () => Self::Critical,
        })
    }

    /// The name in tables and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Excellent => "excellent",
            Self::Good => "good",
            Self::Normal => "normal",
            Self::Poor => "poor",
            Self::Critical => "critical",
        }
    }
}

/// What the monitor finds out of bounds (stage4.md section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnomalyKind {
    /// A call took too long.
    SlowResponse,
    /// A call took too many tokens.
    HighTokenUsage,
    /// A level's success rate fell below the threshold.
    LowSuccessRate,
}

impl AnomalyKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::SlowResponse, Self::HighTokenUsage, Self::LowSuccessRate];

    /// The name in tables and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SlowResponse => "slow_response",
            Self::HighTokenUsage => "high_token_usage",
            Self::LowSuccessRate => "low_success_rate",
        }
    }
}

/// Something out of bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Anomaly {
    /// When it was noticed.
    pub at: SimTime,
    /// What.
    pub kind: AnomalyKind,
    /// The level.
    pub level: Level,
    /// The model of the call; `None` where it is about the level.
    pub model: Option<ModelId>,
    /// Milliseconds, tokens or percent.
    pub value: f64,
    /// The bound, in the same unit.
    pub threshold: f64,
}

/// Calls as the router saw them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HealthCounts {
    /// Calls that ended.
    pub calls: u64,
    /// Of them, answered.
    pub successes: u64,
    /// Sum of their times in milliseconds.
    pub response_ms: f64,
    /// Billed tokens.
    pub tokens: u64,
}

impl HealthCounts {
    /// Books a call.
    pub fn book(&mut self, served: bool, response_ms: f64, tokens: u64) {
        self.calls += 1;
        self.successes += u64::from(served);
        self.response_ms += response_ms;
        self.tokens += tokens;
    }

    /// The class of the success rate; `None` without calls.
    #[must_use]
    pub fn class(&self) -> Option<PerformanceClass> {
        PerformanceClass::of(self.successes, self.calls)
    }
}

/// A level's health at the end of a local day (or of the run).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Health {
    /// When it was taken.
    pub at: SimTime,
    /// The local day that ended, from 0.
    pub day: u32,
    /// The level.
    pub level: Level,
    /// Calls of that day.
    pub today: HealthCounts,
    /// Calls since the start.
    pub since_start: HealthCounts,
}

/// The weights of speed, efficiency and cost in a level's reward from now on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightChange {
    /// When they came into force.
    pub at: SimTime,
    /// The level.
    pub level: Level,
    /// Speed, efficiency, cost; they sum to 1.
    pub weights: [f64; 3],
}

/// Mean absolute change of a belief over the last 50 updates, on a scale of 1, below which a learner counts as converged
/// (stage4.md section 12).
pub const CONVERGED_BELOW: f64 = 0.01;

/// What a learner did in one reporting period.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LearningPeriod {
    /// What beliefs are: score, mean_reward, action_value or probability.
    pub scale: &'static str,
    /// Its number, from 0.
    pub nth: u32,
    /// Its first instant.
    pub from: SimTime,
    /// Its end.
    pub to: SimTime,
    /// Calls whose model the learner chose and that ended.
    pub choices: u64,
    /// Of them, made in order to learn: marked by the algorithm, or not of the model believed best.
    pub explored: u64,
    /// Results taken in.
    pub updates: u64,
    /// Mean of the rewards fed; 0 without updates.
    pub reward_mean: f64,
    /// Their standard deviation.
    pub reward_sd: f64,
    /// The smallest and the largest of them.
    pub reward_range: [f64; 2],
    /// Mean absolute change of a belief over the last 50 updates; `None` before there were as many.
    pub recent_change: Option<f64>,
    /// The update, from 1 and counted from the start, at which that first fell below the bound, and when that was.
    pub converged: Option<(u64, SimTime)>,
    /// Mean of all beliefs held at the end of the period.
    pub belief_mean: Option<f64>,
    /// Their standard deviation.
    pub belief_sd: Option<f64>,
}
