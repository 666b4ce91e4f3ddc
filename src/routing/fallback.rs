//! Fallback plans and retry plans: where a step goes after a call that was not served.

use crate::domain::Outcome;
use crate::math;
use crate::sim::stream::Stream;
use crate::units::{ModelId, PerLevel, SimDuration};

/// Where else to try.
#[derive(Clone, Debug, PartialEq)]
pub enum FallbackPlan {
    /// Nowhere.
    None,
    /// The plan's fixed order per level (stage4.md section 10).
    Stage4 {
        /// Targets per level, first to last.
        order: PerLevel<Vec<ModelId>>,
        /// A target needs at least this many tokens left.
        min_tokens_left: u64,
    },
    /// The router's order again, over the models not yet tried.
    Ranked {
        /// Most fallbacks of one step.
        max_fallbacks: u16,
    },
}

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
    /// Another eligible model by the router's order.
    Another,
}

/// How long to wait before a retry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Backoff {
    /// Always the same time.
    Fixed(SimDuration),
    /// `first * factor^k`, at most `max`, times a uniform number in `1 - jitter .. 1 + jitter`.
    Exponential {
        /// Wait before the first retry.
        first: SimDuration,
        /// Growth per retry.
        factor: f64,
        /// Half width of the random factor, 0-1.
        jitter: f64,
        /// Longest wait before jitter.
        max: SimDuration,
    },
}

impl Backoff {
    /// The wait before retry `k` (from 0).
    #[must_use]
    pub fn delay(&self, k: u16, stream: &mut Stream) -> SimDuration {
        match *self {
            Self::Fixed(delay) => delay,
            Self::Exponential { first, factor, jitter, max } => {
                let grown = first.as_secs_f64() * math::powf(factor, f64::from(k));
                let wait = grown.min(max.as_secs_f64());
                SimDuration::from_secs_f64(wait * (1.0 - jitter + 2.0 * jitter * stream.uniform()))
            }
        }
    }
}

/// When and how to try again before falling back.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPlan {
    /// Most retries of one step.
    pub max_retries: u16,
    /// Whom they call.
    pub target: RetryTarget,
    /// Outcomes that are retried.
    pub on: Vec<Outcome>,
    /// A provider's Retry-After replaces a shorter wait.
    pub honour_retry_after: bool,
    /// A longer wait than this is not worth it: the step falls back at once.
    pub max_wait: SimDuration,
    /// The wait.
    pub backoff: Backoff,
}

impl RetryPlan {
    /// No retries.
    #[must_use]
    pub fn none() -> Self {
        Self {
            max_retries: 0,
            target: RetryTarget::Same,
            on: Vec::new(),
            honour_retry_after: true,
            max_wait: SimDuration::MAX,
            backoff: Backoff::Fixed(SimDuration::ZERO),
        }
    }
}
