//! The field's nouns as plain data: outcomes, requests, responses, sets of models; records of work; the stack's events.

mod decision;
mod event;
mod policy;
mod prompt;
mod record;

use crate::units::{Level, ModelId, SimDuration, SimTime, TaskId};

pub use decision::{Candidate, Decision, Standing};
pub use event::{
    Allocation, AllocationUse, Anomaly, AnomalyKind, BreakerEvent, BreakerState, CONVERGED_BELOW,
    FallbackEvent, FallbackReason, Gates, Health, HealthCounts, LearningPeriod, LevelAllocation,
    NoTarget, Overshoot, PerformanceClass, Slot, StackEvent, WeightChange,
};
pub use policy::{Policy, PolicyDecision, PolicyEvent, PolicyFigures, PolicyReason, PolicyTest};
pub use prompt::{KnownPrompts, PromptFeatures, PromptScores};
pub use record::{AttemptRecord, StepRecord, TaskRecord};

/// How a call, a step or a task ended. Stored by name; the list may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Outcome {
    /// A full answer.
    Success,
    /// An incomplete answer.
    Partial,
    /// A wrong or useless answer.
    Failure,
    /// The provider answered with an error (5xx).
    ApiError,
    /// The connection broke, or none came about, before any byte of an answer.
    ConnectionError,
    /// No answer within the call's timeout.
    Timeout,
    /// Refused with 429 by a limit of requests or tokens per minute.
    RateLimited,
    /// Refused with 429 because the daily token quota is used up.
    QuotaExhausted,
    /// Refused: the key is missing, invalid or revoked.
    Auth,
    /// Refused: the prompt is longer than the model's context.
    ContextLength,
    /// Refused by the provider's content filter.
    ContentPolicy,
    /// The caller no longer wanted the answer, since another call of the step had brought one.
    Cancelled,
    /// No model was left to call, or the stack refused the step itself.
    Shed,
    /// Cut off by the end of the run.
    Interrupted,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 14] = [
        Self::Success,
        Self::Partial,
        Self::Failure,
        Self::ApiError,
        Self::ConnectionError,
        Self::Timeout,
        Self::RateLimited,
        Self::QuotaExhausted,
        Self::Auth,
        Self::ContextLength,
        Self::ContentPolicy,
        Self::Cancelled,
        Self::Shed,
        Self::Interrupted,
    ];

    /// The name in scenarios, tables and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Partial => "partial",
            Self::Failure => "failure",
            Self::ApiError => "api_error",
            Self::ConnectionError => "connection_error",
            Self::Timeout => "timeout",
            Self::RateLimited => "rate_limited",
            Self::QuotaExhausted => "quota_exhausted",
            Self::Auth => "auth",
            Self::ContextLength => "context_length",
            Self::ContentPolicy => "content_policy",
            Self::Cancelled => "cancelled",
            Self::Shed => "shed",
            Self::Interrupted => "interrupted",
        }
    }

    /// The provider refused before any work was done.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::RateLimited
                | Self::QuotaExhausted
                | Self::Auth
                | Self::ContextLength
                | Self::ContentPolicy
                | Self::Shed
        )
    }

    /// The plan's quality of an outcome when nothing better is known (stage4.md section 5); 0 for refusals.
    #[must_use]
    pub fn nominal_quality(self) -> f64 {
        match self {
            Self::Success => 100.0,
            Self::Partial => 50.0,
            Self::ApiError | Self::ConnectionError => -10.0,
            Self::Timeout => 25.0,
            _ => 0.0,
        }
    }
}

/// How urgent a task is.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// May wait.
    Low,
    /// The usual.
    #[default]
    Normal,
    /// Before the usual.
    High,
    /// Before everything.
    Critical,
}

impl Priority {
    /// The name in scenarios and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// A set of models (up to 128).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelSet(u128);

impl ModelSet {
    /// The most models a registry may have.
    pub const CAPACITY: usize = 128;
    /// No model.
    pub const EMPTY: Self = Self(0);

    /// The models `0..n`.
    #[must_use]
    pub fn first(n: usize) -> Self {
        assert!(n <= Self::CAPACITY, "{n} models do not fit a set");
        Self(if n == 128 { u128::MAX } else { (1 << n) - 1 })
    }

    /// Adds a model.
    #[inline]
    pub fn insert(&mut self, model: ModelId) {
        self.0 |= 1 << model.0;
    }

    /// Takes a model out.
    #[inline]
    pub fn remove(&mut self, model: ModelId) {
        self.0 &= !(1 << model.0);
    }

    /// Whether the model is in the set.
    #[inline]
    #[must_use]
    pub fn contains(self, model: ModelId) -> bool {
        self.0 >> model.0 & 1 == 1
    }

    /// The models in both sets.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The models in either set.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The models in this set and not in the other.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Number of models.
    #[must_use]
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether no model is in the set.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The models in order of id.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = ModelId> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            (left != 0).then(|| {
                let id = left.trailing_zeros() as u16;
                left &= left - 1;
                ModelId(id)
            })
        })
    }

    /// The `n`th model in order of id.
    #[must_use]
    pub fn nth(self, n: usize) -> Option<ModelId> {
        self.iter().nth(n)
    }
}

impl FromIterator<ModelId> for ModelSet {
    fn from_iter<I: IntoIterator<Item = ModelId>>(models: I) -> Self {
        let mut set = Self::EMPTY;
        models.into_iter().for_each(|m| set.insert(m));
        set
    }
}

/// What the stack may know of a step that wants a call.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// The task.
    pub task: TaskId,
    /// Position of its type in the scenario.
    pub task_type: u16,
    /// Step within the task, from 0.
    pub step: u8,
    /// The step's level.
    pub level: Level,
    /// Urgency.
    pub priority: Priority,
    /// Tokens of the prompt.
    pub input_tokens: u32,
    /// Which recorded prompt it is, where the world's outcomes are recorded.
    pub prompt: Option<u32>,
    /// When its task arrived.
    pub arrived: SimTime,
    /// When its caller no longer waits for the task, as far as the stack is told.
    pub deadline: SimTime,
}

/// What a provider sent back, as the stack sees it.
#[derive(Clone, Copy, Debug)]
pub struct Response {
    /// How the call ended.
    pub outcome: Outcome,
    /// Quality of the answer, 0-100; the nominal quality where there is no answer.
    pub quality: f64,
    /// Billed prompt tokens.
    pub input_tokens: u32,
    /// Billed answer tokens.
    pub output_tokens: u32,
    /// Billed cost in USD.
    pub cost_usd: f64,
    /// From dispatch to the end of the call, waiting included.
    pub duration: SimDuration,
    /// The provider's advice when to come back.
    pub retry_after: Option<SimDuration>,
}

impl Response {
    /// Billed tokens of both directions.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        u64::from(self.input_tokens) + u64::from(self.output_tokens)
    }
}

/// Why a call was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The step's first call.
    First,
    /// Again after an unserved call, by the retry plan.
    Retry,
    /// Elsewhere after an unserved call, by the fallback plan.
    Fallback,
    /// At a dearer model after an answer that a cascade did not trust.
    Escalation,
    /// Beside a call that had not come back yet.
    Hedge,
}

impl Role {
    /// The name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Retry => "retry",
            Self::Fallback => "fallback",
            Self::Escalation => "escalation",
            Self::Hedge => "hedge",
        }
    }
}

/// Which part of the stack picked the model of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChosenBy {
    /// A learner; only these calls carry a propensity.
    Learner,
    /// A router order that does not learn.
    Order,
    /// The retry plan (the same model again).
    Retry,
    /// The fallback plan.
    Fallback,
    /// The last resort: no model was left.
    LastResort,
    /// The allocation in force, where it binds the router.
    Allocation,
    /// The hedging rule.
    Hedge,
}

impl ChosenBy {
    /// The name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Learner => "learner",
            Self::Order => "order",
            Self::Retry => "retry",
            Self::Fallback => "fallback",
            Self::LastResort => "last_resort",
            Self::Allocation => "allocation",
            Self::Hedge => "hedge",
        }
    }
}

/// The probability with which a learner chose what it chose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Propensity {
    /// Known in closed form.
    Exact(f64),
    /// Estimated by drawing the choice again.
    Estimated(f64),
    /// Not known.
    Unknown,
}

impl Propensity {
    /// The value where there is one.
    #[must_use]
    pub fn value(self) -> Option<f64> {
        match self {
            Self::Exact(p) | Self::Estimated(p) => Some(p),
            Self::Unknown => None,
        }
    }

    /// `exact`, `estimated` or `none`, the column `propensity_kind`.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Exact(_) => "exact",
            Self::Estimated(_) => "estimated",
            Self::Unknown => "none",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_was_put_in() {
        let set: ModelSet = [3, 0, 127].into_iter().map(ModelId).collect();
        assert_eq!(set.iter().map(|m| m.0).collect::<Vec<_>>(), [0, 3, 127]);
        assert_eq!((set.len(), set.nth(1)), (3, Some(ModelId(3))));
        assert_eq!(ModelSet::first(128).len(), 128);
        assert!(set.minus(ModelSet::first(4)).contains(ModelId(127)));
        assert!(set.and(ModelSet::first(4)).minus(set).is_empty());
    }
}
