//! Retry plans: after which failures a call is tried again, whom the retry calls, and how long it waits.

use crate::domain::Outcome;
use crate::math;
use crate::sim::stream::Stream;
use crate::units::SimDuration;

/// Whom a retry calls.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RetryTarget {
    /// The same model again.
    #[default]
    Same,
    /// Another eligible model by the router's order, as long as there is an untried one.
    Another,
    /// Whom the router's order picks among the eligible models, the failed one among them.
    Any,
}

/// What has its own budget of retries.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RetriesPer {
    /// The step, whatever it calls.
    #[default]
    Step,
    /// Every model or group that the step falls back to begins a new budget.
    Target,
}

/// How a provider's Retry-After is taken.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// Not at all.
    Ignored,
    /// The wait is at least as long.
    #[default]
    AtLeast,
    /// The wait is exactly as long, whatever the backoff says.
    Exactly,
    /// The wait is as long plus the backoff's added jitter.
    WithJitter,
}

/// How long to wait before a retry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Backoff {
    /// Always the same time.
    Fixed(SimDuration),
    /// `first * factor^k`, at most `max`, times a uniform number between `spread`'s ends, plus one up to `added`.
    Exponential {
        /// Wait before the first retry.
        first: SimDuration,
        /// Growth per retry.
        factor: f64,
        /// Longest wait before jitter.
        max: SimDuration,
        /// Ends of the random factor.
        spread: (f64, f64),
        /// Longest jitter that is added.
        added: SimDuration,
    },
    /// A uniform number between `first` and three times the last wait, at most `max` (Brooker, "Exponential backoff and
    /// jitter", 2015).
    Decorrelated {
        /// Shortest wait.
        first: SimDuration,
        /// Longest wait.
        max: SimDuration,
    },
}

impl Backoff {
    /// The wait before retry `k` (from 0) after a wait of `last`.
    #[must_use]
    pub fn delay(&self, k: u16, last: SimDuration, stream: &mut Stream) -> SimDuration {
        match *self {
            Self::Fixed(delay) => delay,
            Self::Exponential { first, factor, max, spread: (low, high), added } => {
                let grown = first.as_secs_f64() * math::powf(factor, f64::from(k));
                let wait = grown.min(max.as_secs_f64());
                let wait = wait * (low + (high - low) * stream.uniform());
                let jitter = match added {
                    SimDuration::ZERO => 0.0,
                    added => added.as_secs_f64() * stream.uniform(),
                };
                SimDuration::from_secs_f64(wait + jitter)
            }
            Self::Decorrelated { first, max } => {
                let low = first.as_secs_f64();
                let high = (3.0 * last.max(first).as_secs_f64()).max(low);
                let wait = low + (high - low) * stream.uniform();
                SimDuration::from_secs_f64(wait.min(max.as_secs_f64()))
            }
        }
    }

    /// The longest wait before retry `k`, whatever is drawn.
    #[must_use]
    pub fn longest(&self, k: u16) -> SimDuration {
        match *self {
            Self::Fixed(delay) => delay,
            Self::Exponential { first, factor, max, spread: (_, high), added } => {
                let grown = first.as_secs_f64() * math::powf(factor, f64::from(k));
                SimDuration::from_secs_f64(grown.min(max.as_secs_f64()) * high) + added
            }
            Self::Decorrelated { max, .. } => max,
        }
    }

    /// The jitter that is added to a wait.
    fn added(&self, stream: &mut Stream) -> SimDuration {
        match *self {
            Self::Exponential { added, .. } if added > SimDuration::ZERO => {
                SimDuration::from_secs_f64(added.as_secs_f64() * stream.uniform())
            }
            _ => SimDuration::ZERO,
        }
    }
}

/// What a stack does after a call that ended in one class of failure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OnFailure {
    /// It is tried again while the retry plan allows.
    pub retry: bool,
    /// A retry waits as the plan says; if not, it is made at once.
    pub waits: bool,
    /// A retry goes to another model, whatever the plan says.
    pub elsewhere: bool,
    /// The fallback plan goes on; if not, the step ends.
    pub fall_back: bool,
    /// The model is left alone for this time, or for its Retry-After if that is longer; zero: not at all.
    pub hold: SimDuration,
}

impl OnFailure {
    /// Goes on with the fallback plan.
    pub const FALL_BACK: Self = Self {
        retry: false,
        waits: true,
        elsewhere: false,
        fall_back: true,
        hold: SimDuration::ZERO,
    };
    /// Is tried again, then goes on with the fallback plan.
    pub const RETRY: Self = Self { retry: true, ..Self::FALL_BACK };
}

/// What a stack does after each class of failure.
#[derive(Clone, Debug, PartialEq)]
pub struct OnFailures([OnFailure; Outcome::ALL.len()]);

impl OnFailures {
    /// The same for every class.
    #[must_use]
    pub fn all(on: OnFailure) -> Self {
        Self([on; Outcome::ALL.len()])
    }

    /// What is done after `outcome`.
    #[inline]
    #[must_use]
    pub fn of(&self, outcome: Outcome) -> &OnFailure {
        &self.0[outcome as usize]
    }

    /// The same with `on` for `outcome`.
    #[must_use]
    pub fn with(mut self, outcome: Outcome, on: OnFailure) -> Self {
        self.0[outcome as usize] = on;
        self
    }
}

/// How a router reads a 429.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Reads429 {
    /// For what it is: a limit per minute, or a daily quota.
    #[default]
    Exactly,
    /// Always as a limit per minute.
    AsRateLimit,
    /// Always as a daily quota that is used up.
    AsQuota,
}

impl Reads429 {
    /// The outcome as the router takes it.
    #[inline]
    #[must_use]
    pub fn reads(self, outcome: Outcome) -> Outcome {
        match (self, outcome) {
            (Self::AsRateLimit, Outcome::QuotaExhausted) => Outcome::RateLimited,
            (Self::AsQuota, Outcome::RateLimited) => Outcome::QuotaExhausted,
            _ => outcome,
        }
    }
}

/// When and how to try again before falling back.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPlan {
    /// Most retries of one budget.
    pub max_retries: u16,
    /// What has a budget.
    pub per: RetriesPer,
    /// Whom they call.
    pub target: RetryTarget,
    /// How a provider's Retry-After is taken.
    pub retry_after: RetryAfter,
    /// A longer Retry-After than this is not looked at.
    pub longest_retry_after: SimDuration,
    /// A longer wait than this is not worth it: the step falls back at once.
    pub max_wait: SimDuration,
    /// No wait where another model of the group or level is eligible.
    pub at_once_if_others: bool,
    /// The last failed call of a budget is followed by a wait as well, before the step falls back.
    pub waits_after_last: bool,
    /// The wait.
    pub backoff: Backoff,
}

impl RetryPlan {
    /// No retries.
    #[must_use]
    pub fn none() -> Self {
        Self {
            max_retries: 0,
            per: RetriesPer::Step,
            target: RetryTarget::Same,
            retry_after: RetryAfter::AtLeast,
            longest_retry_after: SimDuration::MAX,
            max_wait: SimDuration::MAX,
            at_once_if_others: false,
            waits_after_last: false,
            backoff: Backoff::Fixed(SimDuration::ZERO),
        }
    }

    /// The wait before retry `k` (from 0), after a wait of `last` and a refusal that advises `advised`.
    #[must_use]
    pub fn wait(
        &self,
        k: u16,
        last: SimDuration,
        advised: Option<SimDuration>,
        stream: &mut Stream,
    ) -> SimDuration {
        let advised = advised
            .filter(|advised| *advised > SimDuration::ZERO && *advised <= self.longest_retry_after);
        match (self.retry_after, advised) {
            (RetryAfter::Exactly, Some(advised)) => advised,
            (RetryAfter::WithJitter, Some(advised)) => advised + self.backoff.added(stream),
            (RetryAfter::AtLeast, Some(advised)) => {
                self.backoff.delay(k, last, stream).max(advised)
            }
            _ => self.backoff.delay(k, last, stream),
        }
    }
}
