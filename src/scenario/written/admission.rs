//! What stands before the calls: retry budgets, throttles, limits on steps in flight, ramps after recoveries.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::values::{
    Count, Duration, Fraction, NonNegative, Points, Positive, Priority, Share, Whole,
};

/// A bound on the retries of all steps together.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RetryBudget {
    /// Every retry is made.
    None {},
    /// Finagle's: tokens that steps bring and retries take, with a reserve for each second.
    Finagle(FinagleRetries),
    /// Envoy's: a share of the steps in flight, and a few in any case.
    Envoy(EnvoyRetries),
    /// failsafe-go's: a share of all that is in flight, and a few in any case.
    FailsafeGo(FailsafeGoRetries),
    /// The Google SRE book's: a share of all that was sent in a window.
    Sre(SreRetries),
}

/// Finagle's retry budget.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FinagleRetries {
    /// How long a step's tokens last, from 1 s to 60 s.
    pub ttl: Duration,
    /// How many retries a second need no tokens.
    pub min_retries_per_sec: Whole,
    /// How many retries a step's tokens are worth: 0.2 is one retry for five steps.
    pub percent_can_retry: NonNegative,
}

impl Default for FinagleRetries {
    fn default() -> Self {
        Self {
            ttl: Duration::from_millis(10_000),
            min_retries_per_sec: Whole::of(10),
            percent_can_retry: NonNegative::of(0.2),
        }
    }
}

/// Envoy's retry budget.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EnvoyRetries {
    /// How many retries may be in flight, in percent of the steps in flight, rounded down.
    pub budget_percent: Points,
    /// How many retries may be in flight in any case.
    pub min_retry_concurrency: Whole,
    /// If above zero, the percentage is of the steps that began in this time.
    pub budget_interval: Duration,
}

impl Default for EnvoyRetries {
    fn default() -> Self {
        Self {
            budget_percent: Points::of(20.0),
            min_retry_concurrency: Whole::of(3),
            budget_interval: Duration::ZERO,
        }
    }
}

/// failsafe-go's budget.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FailsafeGoRetries {
    /// The share of retries among all that is in flight up to which another one is made.
    pub max_rate: Fraction,
    /// How many retries may be in flight in any case.
    pub min_concurrency: Whole,
}

impl Default for FailsafeGoRetries {
    fn default() -> Self {
        Self { max_rate: Fraction::of(0.2), min_concurrency: Whole::of(3) }
    }
}

/// The Google SRE book's budget of a client.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SreRetries {
    /// The largest share of retries among all that is sent.
    pub ratio: Fraction,
    /// The time that is looked back on.
    pub window: Duration,
}

impl Default for SreRetries {
    fn default() -> Self {
        Self { ratio: Fraction::of(0.1), window: Duration::from_millis(120_000) }
    }
}

/// Whether a client that is refused drops a part of its calls itself.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Throttle {
    /// It does not.
    None {},
    /// The Google SRE book's: calls are dropped as far as they exceed K times the accepted ones.
    Sre(SreThrottling),
    /// failsafe-go's: the same over calls that have ended, with a bound.
    FailsafeGo(FailsafeGoThrottling),
}

/// The Google SRE book's client-side throttling.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SreThrottling {
    /// How many times the accepted calls may be sent: 2 lets through one call in vain for each accepted one.
    pub k: Positive,
    /// The time that is looked back on.
    pub window: Duration,
}

impl Default for SreThrottling {
    fn default() -> Self {
        Self { k: Positive::of(2.0), window: Duration::from_millis(120_000) }
    }
}

/// failsafe-go's adaptive throttler.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FailsafeGoThrottling {
    /// The share of failed calls that is let be.
    pub failure_rate_threshold: Fraction,
    /// The largest share of calls that is dropped.
    pub max_rejection_rate: Fraction,
    /// The time that is looked back on.
    pub window: Duration,
}

impl Default for FailsafeGoThrottling {
    fn default() -> Self {
        Self {
            failure_rate_threshold: Fraction::of(0.1),
            max_rejection_rate: Fraction::of(0.9),
            window: Duration::from_millis(60_000),
        }
    }
}

/// How many steps may be in flight at once; a step beyond that is shed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Admission {
    /// The bound, by default none.
    pub limit: Option<InFlightLimit>,
    /// Up to which share of the bound the steps of each priority may fill it.
    pub shares: PriorityShares,
}

/// A bound on the steps in flight.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum InFlightLimit {
    /// Always the same.
    Fixed {
        /// How many steps.
        #[schemars(example = 100)]
        steps: Count,
    },
    /// Netflix' Gradient2: it falls when steps take longer than they used to, and grows as long as they do not.
    Gradient(GradientLimit),
}

/// Netflix' Gradient2.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GradientLimit {
    /// The limit at the start.
    pub initial: Count,
    /// The least limit.
    pub min: Count,
    /// The largest limit.
    pub max: Count,
    /// The weight of the new limit against the old one.
    pub smoothing: Share,
    /// By how much the limit grows at most, before smoothing.
    pub queue_size: Whole,
    /// Over how many steps the long average of durations goes.
    pub long_window: Count,
    /// How many times as long as the long average a step may take before the limit falls.
    pub tolerance: Positive,
}

impl Default for GradientLimit {
    fn default() -> Self {
        Self {
            initial: Count::of(20),
            min: Count::of(20),
            max: Count::of(200),
            smoothing: Share::of(0.2),
            queue_size: Whole::of(4),
            long_window: Count::of(600),
            tolerance: Positive::of(1.5),
        }
    }
}

/// A share of the bound for each priority.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PriorityShares {
    /// For steps that may wait.
    pub low: Share,
    /// For the usual steps.
    pub normal: Share,
    /// For steps before the usual.
    pub high: Share,
    /// For steps before everything.
    pub critical: Share,
}

impl Default for PriorityShares {
    fn default() -> Self {
        let all = Share::of(1.0);
        Self { low: all, normal: all, high: all, critical: all }
    }
}

impl PriorityShares {
    /// The share of `priority`.
    #[must_use]
    pub fn of(&self, priority: Priority) -> f64 {
        match priority {
            Priority::Low => self.low.get(),
            Priority::Normal => self.normal.get(),
            Priority::High => self.high.get(),
            Priority::Critical => self.critical.get(),
        }
    }
}

/// A model that has come back, from an open breaker, a hold or an empty quota, takes only a part of the choices at first.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ramp {
    /// The share of choices that it may take at once.
    pub from_share: Fraction,
    /// The time in which the share grows to all of them.
    pub over: Duration,
}

impl Default for Ramp {
    fn default() -> Self {
        Self { from_share: Fraction::of(0.1), over: Duration::from_millis(60_000) }
    }
}
