//! Keys of `[stack.breaker.finagle]` and `[stack.breaker.failsafe_rs]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CallOutcome, written_span};
use crate::routing::breaker::{Accrual, DeadTime, FailsafeRsRule, FinagleRule};
use crate::scenario::values::{Duration, Fraction, Whole};

/// How long a target stays dead, from one time to the next.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DeadFor {
    /// Always as long.
    Constant {
        /// The time.
        time: Duration,
    },
    /// Twice as long each time.
    Exponential(GrowingTime),
    /// Twice as long each time, of which a half is random.
    EqualJittered(GrowingTime),
    /// A random time between both, of whole seconds; not in Finagle.
    FullJittered(GrowingTime),
}

/// A time that grows.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrowingTime {
    /// The first time.
    #[schemars(example = &"5s")]
    pub start: Duration,
    /// The longest.
    #[schemars(example = &"300s")]
    pub max: Duration,
}

impl DeadFor {
    fn of(dead: &DeadTime) -> Self {
        let growing =
            |start, max| GrowingTime { start: written_span(start), max: written_span(max) };
        match *dead {
            DeadTime::Constant(time) => Self::Constant { time: written_span(time) },
            DeadTime::Exponential { start, max } => Self::Exponential(growing(start, max)),
            DeadTime::EqualJittered { start, max } => Self::EqualJittered(growing(start, max)),
            DeadTime::FullJittered { start, max } => Self::FullJittered(growing(start, max)),
        }
    }
}

/// Finagle's failure accrual.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FinagleBreaker {
    /// The success rate below which a target is dead, an exponentially weighted mean over `window`; 0 switches it off.
    pub success_rate: Fraction,
    /// How many results in the window the success rate needs.
    pub min_requests: Whole,
    /// The window of the success rate, and the time since creation or revival that it needs.
    pub window: Duration,
    /// How long a target with too low a success rate is dead.
    pub success_rate_dead_for: DeadFor,
    /// How many failures in a row make a target dead; 0 switches it off.
    pub consecutive_failures: Whole,
    /// How long a target with too many failures in a row is dead. If both fire, the longer time counts.
    pub consecutive_dead_for: DeadFor,
    /// Outcomes that count as failures, by default all that serve nobody.
    pub failures: Option<Vec<CallOutcome>>,
    /// Outcomes that are ignorable: not counted, and a probe that ends so opens probing again.
    pub ignored: Vec<CallOutcome>,
}

/// The breaker of the crate failsafe.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FailsafeRsBreaker {
    /// The success rate below which it opens, an exponentially weighted mean over `window`; 0 switches it off.
    pub success_rate: Fraction,
    /// How many results in the window the success rate needs.
    pub min_requests: Whole,
    /// The window of the success rate, and the time since creation or closing that it needs.
    pub window: Duration,
    /// How long it stays open for too low a success rate.
    pub success_rate_dead_for: DeadFor,
    /// How many failures in a row open it; 0 switches it off.
    pub consecutive_failures: Whole,
    /// How long it stays open for too many failures in a row. If both fire, the longer time counts.
    pub consecutive_dead_for: DeadFor,
    /// Outcomes that count as failures, by default all that serve nobody.
    pub failures: Option<Vec<CallOutcome>>,
    /// Outcomes that its predicate does not take for errors: they count as successes. Of a cancelled call it never hears.
    pub ignored: Vec<CallOutcome>,
}

/// The keys of both policies: success rate, requests, window, dead times, failures in a row.
type Keys = (Fraction, Whole, Duration, DeadFor, Whole, DeadFor);

fn keys(policy: &Accrual) -> Keys {
    let rate = policy.success_rate.as_ref().expect("the defaults have a success rate");
    let run = policy.consecutive.as_ref().expect("the defaults have consecutive failures");
    (
        Fraction::of(rate.required),
        Whole::of(rate.min_requests.into()),
        written_span(rate.window),
        DeadFor::of(&rate.dead),
        Whole::of(run.failures.into()),
        DeadFor::of(&run.dead),
    )
}

impl Default for FinagleBreaker {
    fn default() -> Self {
        let rule = FinagleRule::default();
        let (success_rate, min_requests, window, by_rate, consecutive_failures, by_run) =
            keys(&rule.policy);
        Self {
            success_rate,
            min_requests,
            window,
            success_rate_dead_for: by_rate,
            consecutive_failures,
            consecutive_dead_for: by_run,
            failures: rule.classes.failures.map(CallOutcome::of),
            ignored: CallOutcome::of(rule.classes.ignored),
        }
    }
}

impl Default for FailsafeRsBreaker {
    fn default() -> Self {
        let rule = FailsafeRsRule::default();
        let (success_rate, min_requests, window, by_rate, consecutive_failures, by_run) =
            keys(&rule.policy);
        Self {
            success_rate,
            min_requests,
            window,
            success_rate_dead_for: by_rate,
            consecutive_failures,
            consecutive_dead_for: by_run,
            failures: rule.classes.failures.map(CallOutcome::of),
            ignored: CallOutcome::of(rule.classes.ignored),
        }
    }
}
