//! The table `[stack.breaker]`: which breaker stands before every model, and its numbers.

mod accrual;
mod cockatiel;
mod libraries;
mod resilience4j;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::Outcome;
use crate::routing::breaker::{Classes, OutcomeSet, ReflexarcRule, Stage4Rule};
use crate::scenario::values::{Count, Duration, Positive, Share, Whole};
use crate::units::SimDuration;

pub use accrual::{DeadFor, FailsafeRsBreaker, FinagleBreaker, GrowingTime};
pub use cockatiel::{CockatielBreaker, CockatielTrip, HalfOpenAfter};
pub use libraries::{
    FailsafeGoBreaker, HystrixBreaker, OpossumBreaker, PollyBreaker, PurgatoryBreaker,
    PybreakerBreaker, RecloserBreaker,
};
pub use resilience4j::{
    EndedBy, Resilience4jBreaker, SlidingWindow, WaitGrowth, WindowSynchronization,
};

/// When a failing model is left alone for a while.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Breaker {
    /// Every call passes.
    None {},
    /// The Stage 4 plan's breaker: consecutive failures open it, and it half-opens after a fixed time.
    Stage4(Stage4Breaker),
    /// The recommended breaker: a sliding window or a run of failures opens it, every probe resolves, late results are ignored.
    Reflexarc(ReflexarcBreaker),
    /// resilience4j 2.4.0: failure and slow-call rates over calls or seconds, a budget of trial calls.
    Resilience4j(Resilience4jBreaker),
    /// Polly v8: a failure ratio over a sampling duration, one trial call, whatever is not handled closes it.
    Polly(PollyBreaker),
    /// Hystrix 1.5: an error percentage that is looked at every half second, one trial call.
    Hystrix(HystrixBreaker),
    /// Finagle's failure accrual: success rate or consecutive failures, growing dead times with jitter, fails open.
    Finagle(FinagleBreaker),
    /// failsafe-go 0.9.7: a count, ratio or rounded rate of failures, a limit of trial calls in flight.
    FailsafeGo(FailsafeGoBreaker),
    /// opossum 9.0.0: an error rate over rolling buckets that refused calls dilute, its own timeout and capacity.
    Opossum(OpossumBreaker),
    /// pybreaker 1.4.1: consecutive failures, half-open without limit, results judged by the state that let them pass.
    Pybreaker(PybreakerBreaker),
    /// cockatiel 3.2.1: consecutive failures, a count or a sampled rate, one test call.
    Cockatiel(CockatielBreaker),
    /// purgatory 3.0.1: consecutive failures, half-open without limit, the first result decides.
    Purgatory(PurgatoryBreaker),
    /// The crate failsafe 1.3.0: success rate or consecutive failures, half-open without limit.
    FailsafeRs(FailsafeRsBreaker),
    /// The crate recloser 1.4.0: an error rate over a ring of results, half-open without limit.
    Recloser(RecloserBreaker),
}

/// How a call may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// An incomplete answer.
    Partial,
    /// A wrong or useless answer.
    Failure,
    /// The provider answered with an error (5xx).
    ApiError,
    /// The connection broke, or none came about.
    ConnectionError,
    /// No answer in time.
    Timeout,
    /// Refused by a limit of requests or tokens per minute.
    RateLimited,
    /// Refused because the token quota is used up.
    QuotaExhausted,
    /// Refused: the key is missing, invalid or revoked.
    Auth,
    /// Refused: the prompt is longer than the model's context.
    ContextLength,
    /// Refused by the provider's content filter.
    ContentPolicy,
    /// Given up by the caller.
    Cancelled,
}

impl CallOutcome {
    const ALL: [Self; 11] = [
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
    ];

    fn outcome(self) -> Outcome {
        match self {
            Self::Partial => Outcome::Partial,
            Self::Failure => Outcome::Failure,
            Self::ApiError => Outcome::ApiError,
            Self::ConnectionError => Outcome::ConnectionError,
            Self::Timeout => Outcome::Timeout,
            Self::RateLimited => Outcome::RateLimited,
            Self::QuotaExhausted => Outcome::QuotaExhausted,
            Self::Auth => Outcome::Auth,
            Self::ContextLength => Outcome::ContextLength,
            Self::ContentPolicy => Outcome::ContentPolicy,
            Self::Cancelled => Outcome::Cancelled,
        }
    }

    /// The outcomes of a set that can be written.
    pub(super) fn of(set: OutcomeSet) -> Vec<Self> {
        Self::ALL.into_iter().filter(|outcome| set.contains(outcome.outcome())).collect()
    }

    /// The set of what is written; the end of a run gives a call up like a caller.
    fn set(written: &[Self]) -> OutcomeSet {
        let given_up = written.contains(&Self::Cancelled);
        let implied = [Outcome::Interrupted, Outcome::Shed].into_iter().filter(|_| given_up);
        written.iter().map(|outcome| outcome.outcome()).chain(implied).collect()
    }

    /// How outcomes are taken.
    pub(crate) fn classes(failures: Option<&Vec<Self>>, ignored: &[Self]) -> Classes {
        Classes {
            failures: failures.map(|failures| Self::set(failures)),
            ignored: Self::set(ignored),
        }
    }
}

/// A duration that a library has by default, in whole milliseconds.
pub(super) fn written_span(span: SimDuration) -> Duration {
    Duration::from_millis(u32::try_from(span.0 / 1_000_000).unwrap_or(u32::MAX))
}

/// The breaker of Stage 4.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Stage4Breaker {
    /// How many failures in a row open the breaker.
    pub failures_to_open: Count,
    /// How long it stays open before a trial call.
    pub open_for: Duration,
    /// How many successes since it half-opened close it again.
    pub successes_to_close: Count,
    /// Outcomes that count as failures, by default all that serve nobody.
    pub failures: Option<Vec<CallOutcome>>,
    /// Outcomes that are not counted.
    pub ignored: Vec<CallOutcome>,
}

impl Default for Stage4Breaker {
    fn default() -> Self {
        let rule = Stage4Rule::default();
        Self {
            failures_to_open: Count::of(rule.failures_to_open.into()),
            open_for: written_span(rule.open_for),
            successes_to_close: Count::of(rule.successes_to_close.into()),
            failures: rule.classes.failures.map(CallOutcome::of),
            ignored: CallOutcome::of(rule.classes.ignored),
        }
    }
}

/// The recommended breaker.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReflexarcBreaker {
    /// The sliding window in which results are counted.
    pub window: Duration,
    /// How many results in the window their failure rate needs.
    pub min_calls: Count,
    /// The failure rate from which it opens.
    pub failure_rate: Share,
    /// How many failures in a row open it whatever the rate; 0 switches this off.
    pub consecutive_failures: Whole,
    /// How long it stays open first.
    pub open_for: Duration,
    /// By how much each opening without a close before it is longer than the last.
    pub growth: Positive,
    /// The longest time that it stays open.
    pub max_open: Duration,
    /// How many probes may be in flight in half-open.
    pub probes: Count,
    /// How many successful probes close it.
    pub successes_to_close: Count,
    /// Outcomes that count as failures. What is in neither list counts as a success.
    pub failures: Vec<CallOutcome>,
    /// Outcomes that say nothing of the model: a probe that ends so gives its permit back.
    pub ignored: Vec<CallOutcome>,
}

impl Default for ReflexarcBreaker {
    fn default() -> Self {
        let rule = ReflexarcRule::default();
        Self {
            window: written_span(rule.window),
            min_calls: Count::of(rule.min_calls.into()),
            failure_rate: Share::of(rule.failure_rate),
            consecutive_failures: Whole::of(rule.consecutive_failures.into()),
            open_for: written_span(rule.open_for),
            growth: Positive::of(rule.growth),
            max_open: written_span(rule.max_open),
            probes: Count::of(rule.probes.into()),
            successes_to_close: Count::of(rule.successes_to_close.into()),
            failures: rule.classes.failures.map(CallOutcome::of).unwrap_or_default(),
            ignored: CallOutcome::of(rule.classes.ignored),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_written_by_their_names() {
        for written in CallOutcome::ALL {
            let name = serde_json::to_value(written).unwrap();
            assert_eq!(name, written.outcome().name());
        }
    }

    #[test]
    fn defaults_are_read_back_as_the_rules_of_the_libraries() {
        let written = ReflexarcBreaker::default();
        let classes = CallOutcome::classes(Some(&written.failures), &written.ignored);
        assert_eq!(classes, ReflexarcRule::default().classes);
        let written = Stage4Breaker::default();
        let classes = CallOutcome::classes(written.failures.as_ref(), &written.ignored);
        for outcome in Outcome::ALL {
            let known = Stage4Rule::default().classes.verdict(outcome, false);
            assert_eq!(classes.verdict(outcome, false), known, "{outcome:?}");
        }
    }
}
