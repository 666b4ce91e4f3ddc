//! Keys of `[stack.breaker.resilience4j]`, with the library's names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CallOutcome, written_span};
use crate::routing::breaker::Resilience4jRule;
use crate::scenario::values::{Count, Duration, Positive};
use crate::units::SimDuration;

/// Of what the sliding window consists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SlidingWindow {
    /// The last calls.
    CountBased,
    /// The calls of the last seconds.
    TimeBased,
}

/// How a window of seconds lies in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WindowSynchronization {
    /// In whole seconds of the clock.
    Synchronized,
    /// In seconds from its creation.
    LockFree,
}

/// A state that follows or begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// Open.
    Open,
    /// Closed.
    Closed,
}

/// A wait that grows with each re-opening.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WaitGrowth {
    /// By how much each wait is longer than the last, in whole milliseconds that are cut off.
    pub multiplier: Positive,
    /// The longest wait; "0s" means none.
    pub max: Duration,
}

impl Default for WaitGrowth {
    fn default() -> Self {
        Self { multiplier: Positive::of(1.5), max: Duration::ZERO }
    }
}

/// The breaker of resilience4j.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Resilience4jBreaker {
    /// Of what the window consists.
    pub sliding_window_type: SlidingWindow,
    /// The size of the window in calls or seconds.
    pub sliding_window_size: Count,
    /// How many results a rate needs. A window of calls that is smaller needs no more than its size.
    pub minimum_number_of_calls: Count,
    /// The share of failures from which it opens, in percent.
    pub failure_rate_threshold: Positive,
    /// The share of slow calls from which it opens, in percent.
    pub slow_call_rate_threshold: Positive,
    /// A call that takes longer is slow.
    pub slow_call_duration_threshold: Duration,
    /// How many trial calls half-open lets pass, and the size of its window.
    pub permitted_number_of_calls_in_half_open_state: Count,
    /// How long it stays open.
    pub wait_duration_in_open_state: Duration,
    /// How that time grows with each re-opening, by default not at all.
    pub exponential_backoff: Option<WaitGrowth>,
    /// Whether a timer half-opens it at the end of that time. If not, the next call after it does.
    pub automatic_transition_from_open_to_half_open_enabled: bool,
    /// How long half-open may last; "0s" means for ever.
    pub max_wait_duration_in_half_open_state: Duration,
    /// The state after that time.
    pub transition_to_state_after_wait_duration: EndedBy,
    /// How a window of seconds lies in time.
    pub sliding_window_synchronization_strategy: WindowSynchronization,
    /// The state at the start.
    pub initial_state: EndedBy,
    /// Outcomes that are recorded as failures, by default all that serve nobody; the others count as successes.
    pub failures: Option<Vec<CallOutcome>>,
    /// Outcomes that are not recorded and give their permit back.
    pub ignored: Vec<CallOutcome>,
}

impl Default for Resilience4jBreaker {
    fn default() -> Self {
        let rule = Resilience4jRule::default();
        Self {
            sliding_window_type: SlidingWindow::CountBased,
            sliding_window_size: Count::of(rule.sliding_window_size.into()),
            minimum_number_of_calls: Count::of(rule.minimum_number_of_calls.into()),
            failure_rate_threshold: Positive::of(rule.failure_rate_threshold.into()),
            slow_call_rate_threshold: Positive::of(rule.slow_call_rate_threshold.into()),
            slow_call_duration_threshold: written_span(rule.slow_call_duration_threshold),
            permitted_number_of_calls_in_half_open_state: Count::of(
                rule.permitted_in_half_open.into(),
            ),
            wait_duration_in_open_state: written_span(rule.wait_in_open.of(1)),
            exponential_backoff: None,
            automatic_transition_from_open_to_half_open_enabled: rule.automatic_transition,
            max_wait_duration_in_half_open_state: written_span(SimDuration::ZERO),
            transition_to_state_after_wait_duration: EndedBy::Open,
            sliding_window_synchronization_strategy: WindowSynchronization::Synchronized,
            initial_state: EndedBy::Closed,
            failures: rule.classes.failures.map(CallOutcome::of),
            ignored: CallOutcome::of(rule.classes.ignored),
        }
    }
}
