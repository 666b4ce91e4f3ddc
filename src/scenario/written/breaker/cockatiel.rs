//! Keys of `[stack.breaker.cockatiel]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CallOutcome;
use crate::routing::breaker::CockatielRule;
use crate::scenario::values::{Count, Duration, Positive, Share};

/// When a breaker of cockatiel opens.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CockatielTrip {
    /// After consecutive failures.
    Consecutive {
        /// How many.
        threshold: Count,
    },
    /// By the share of failures among the last results.
    Count {
        /// The share above which it opens.
        threshold: Share,
        /// How many results are remembered.
        size: Count,
        /// How many results it needs, by default `size`.
        minimum_number_of_calls: Option<Count>,
    },
    /// By the share of failures over a time.
    Sampling {
        /// The share above which it opens.
        threshold: Share,
        /// The time.
        duration: Duration,
        /// How many results a second it needs, by default 5 over `threshold`.
        minimum_rps: Option<Positive>,
    },
}

/// How long a breaker of cockatiel stays open.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum HalfOpenAfter {
    /// Always as long.
    Constant {
        /// The time.
        delay: Duration,
    },
    /// As a list has it for each opening in a row; the last one stays.
    Iterable {
        /// The times.
        delays: Vec<Duration>,
    },
    /// Longer with each opening in a row, without jitter.
    Exponential {
        /// The first time.
        initial_delay: Duration,
        /// By how much each is longer than the last.
        exponent: Positive,
        /// The longest.
        max_delay: Duration,
    },
}

/// The breaker of cockatiel. The library has no defaults: these are the values of its README.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CockatielBreaker {
    /// When it opens.
    pub breaker: CockatielTrip,
    /// How long it stays open.
    pub half_open_after: HalfOpenAfter,
    /// Outcomes that its policy handles as failures, by default all that serve nobody.
    pub failures: Option<Vec<CallOutcome>>,
    /// Outcomes that its policy does not handle: not counted, and they close half-open.
    pub ignored: Vec<CallOutcome>,
}

impl Default for CockatielBreaker {
    fn default() -> Self {
        let classes = CockatielRule::default().classes;
        Self {
            breaker: CockatielTrip::Consecutive { threshold: Count::of(5) },
            half_open_after: HalfOpenAfter::Constant { delay: Duration::from_millis(10_000) },
            failures: classes.failures.map(CallOutcome::of),
            ignored: CallOutcome::of(classes.ignored),
        }
    }
}
