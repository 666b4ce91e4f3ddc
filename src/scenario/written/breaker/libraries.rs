//! Keys of `[stack.breaker]` for the libraries that have few of them, with the libraries' names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CallOutcome, written_span};
use crate::routing::breaker::{
    FailsafeGoRule, HystrixRule, OpossumRule, PollyRule, PurgatoryRule, PybreakerRule, RecloserRule,
};
use crate::scenario::values::{Count, Duration, Fraction, NonNegative, Positive, Share, Whole};
use crate::units::SimDuration;

/// The breaker of Polly.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PollyBreaker {
    /// The share of failures from which it opens.
    pub failure_ratio: Share,
    /// How many results in the sampling duration it needs, 2 or more.
    pub minimum_throughput: Count,
    /// The time over which results are counted, half a second or more.
    pub sampling_duration: Duration,
    /// How long it stays open, half a second or more.
    pub break_duration: Duration,
    /// By how much each half-open attempt since it closed last makes the break longer, as a break duration generator may.
    pub break_duration_factor: Positive,
    /// The longest break of that kind.
    pub max_break_duration: Duration,
    /// Outcomes that it handles as failures, by default all that serve nobody.
    pub failures: Option<Vec<CallOutcome>>,
    /// Outcomes that it does not handle: they count as successes and close half-open.
    pub ignored: Vec<CallOutcome>,
}

impl Default for PollyBreaker {
    fn default() -> Self {
        let rule = PollyRule::default();
        Self {
            failure_ratio: Share::of(rule.failure_ratio),
            minimum_throughput: Count::of(rule.minimum_throughput.into()),
            sampling_duration: written_span(rule.sampling_duration),
            break_duration: written_span(rule.break_duration),
            break_duration_factor: Positive::of(rule.break_duration_factor),
            max_break_duration: written_span(rule.max_break_duration),
            failures: rule.classes.failures.map(CallOutcome::of),
            ignored: CallOutcome::of(rule.classes.ignored),
        }
    }
}

/// The breaker of Hystrix.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HystrixBreaker {
    /// How many results in the window it needs.
    pub request_volume_threshold: Count,
    /// The percentage of errors from which it opens.
    pub error_threshold_percentage: Whole,
    /// How long it stays open.
    pub sleep_window: Duration,
    /// The length of the window.
    pub rolling_stats_time: Duration,
    /// How often its health is looked at, and the length of a bucket of the window.
    pub health_snapshot_interval: Duration,
    /// Outcomes that count as errors, by default all that serve nobody.
    pub failures: Option<Vec<CallOutcome>>,
    /// Outcomes that are not counted; a trial call that ends so opens it again.
    pub ignored: Vec<CallOutcome>,
}

impl Default for HystrixBreaker {
    fn default() -> Self {
        let rule = HystrixRule::default();
        Self {
            request_volume_threshold: Count::of(rule.request_volume_threshold.into()),
            error_threshold_percentage: Whole::of(rule.error_threshold_percentage.into()),
            sleep_window: written_span(rule.sleep_window),
            rolling_stats_time: written_span(rule.rolling_stats_time),
            health_snapshot_interval: written_span(rule.health_snapshot_interval),
            failures: rule.classes.failures.map(CallOutcome::of),
            ignored: CallOutcome::of(rule.classes.ignored),
        }
    }
}

/// The breaker of failsafe-go.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FailsafeGoBreaker {
    /// How many failures open it.
    pub failure_threshold: Count,
    /// Among how many results, by default `failure_threshold`: all in a row.
    pub failure_thresholding_capacity: Option<Count>,
    /// The share of failures that opens it in the place of their number, rounded to two decimals; needs
    /// `failure_thresholding_period` and `failure_execution_threshold`.
    pub failure_rate_threshold: Option<Share>,
    /// How many results in the period it needs, by default `failure_threshold`.
    pub failure_execution_threshold: Option<Count>,
    /// The time over which results are counted, by default none: they are counted by number.
    pub failure_thresholding_period: Option<Duration>,
    /// How many successes close it; 0 means that it closes once the failure threshold cannot be reached.
    pub success_threshold: Whole,
    /// Among how many results, by default `success_threshold`. So many trial calls may be in flight.
    pub success_thresholding_capacity: Option<Count>,
    /// How long it stays open.
    pub delay: Duration,
    /// A delay function in its place: this time, times the number of openings so far.
    pub delay_func_step: Option<Duration>,
    /// Outcomes that it handles as failures, by default all that serve nobody.
    pub failures: Option<Vec<CallOutcome>>,
    /// Outcomes that it does not handle: they count as successes.
    pub ignored: Vec<CallOutcome>,
}

impl Default for FailsafeGoBreaker {
    fn default() -> Self {
        let rule = FailsafeGoRule::default();
        Self {
            failure_threshold: Count::of(rule.failure_threshold.into()),
            failure_thresholding_capacity: None,
            failure_rate_threshold: None,
            failure_execution_threshold: None,
            failure_thresholding_period: None,
            success_threshold: Whole::of(rule.success_threshold.into()),
            success_thresholding_capacity: None,
            delay: written_span(rule.delay),
            delay_func_step: None,
            failures: rule.classes.failures.map(CallOutcome::of),
            ignored: CallOutcome::of(rule.classes.ignored),
        }
    }
}

/// The breaker of opossum.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OpossumBreaker {
    /// A call that takes longer counts as failed at that instant, though the stack waits on for it; "0s" means no limit.
    pub timeout: Duration,
    /// How long it stays open.
    pub reset_timeout: Duration,
    /// The error rate above which it opens, in percent.
    pub error_threshold_percentage: NonNegative,
    /// The length of the window.
    pub rolling_count_timeout: Duration,
    /// How many buckets the window has.
    pub rolling_count_buckets: Count,
    /// How many calls in the window it needs, refused ones included.
    pub volume_threshold: Whole,
    /// How many calls may be in flight, by default any number; one more is refused and counts as a failure.
    pub capacity: Option<Count>,
    /// Whether failures cannot open it during the first window.
    pub allow_warm_up: bool,
    /// Outcomes that count as failures, by default all that serve nobody.
    pub failures: Option<Vec<CallOutcome>>,
    /// Outcomes that pass its error filter: they count as successes.
    pub ignored: Vec<CallOutcome>,
}

impl Default for OpossumBreaker {
    fn default() -> Self {
        let rule = OpossumRule::default();
        Self {
            timeout: written_span(rule.timeout.unwrap_or(SimDuration::ZERO)),
            reset_timeout: written_span(rule.reset_timeout),
            error_threshold_percentage: NonNegative::of(rule.error_threshold_percentage),
            rolling_count_timeout: written_span(rule.rolling_count_timeout),
            rolling_count_buckets: Count::of(rule.rolling_count_buckets.into()),
            volume_threshold: Whole::of(rule.volume_threshold.into()),
            capacity: None,
            allow_warm_up: rule.allow_warm_up,
            failures: rule.classes.failures.map(CallOutcome::of),
            ignored: CallOutcome::of(rule.classes.ignored),
        }
    }
}

/// The breaker of pybreaker.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PybreakerBreaker {
    /// How many failures in a row open it.
    pub fail_max: Count,
    /// How long it stays open.
    pub reset_timeout: Duration,
    /// How many successes in half-open close it.
    pub success_threshold: Count,
    /// Outcomes that count as failures, by default all that serve nobody.
    pub failures: Option<Vec<CallOutcome>>,
    /// Outcomes that are excluded: they count as successes.
    pub ignored: Vec<CallOutcome>,
}

impl Default for PybreakerBreaker {
    fn default() -> Self {
        let rule = PybreakerRule::default();
        Self {
            fail_max: Count::of(rule.fail_max.into()),
            reset_timeout: written_span(rule.reset_timeout),
            success_threshold: Count::of(rule.success_threshold.into()),
            failures: rule.classes.failures.map(CallOutcome::of),
            ignored: CallOutcome::of(rule.classes.ignored),
        }
    }
}

/// The breaker of purgatory.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PurgatoryBreaker {
    /// How many failures in a row open it.
    pub threshold: Count,
    /// How long it stays open.
    pub ttl: Duration,
    /// Outcomes that count as failures, by default all that serve nobody.
    pub failures: Option<Vec<CallOutcome>>,
    /// Outcomes that are excluded: they count as successes.
    pub ignored: Vec<CallOutcome>,
}

impl Default for PurgatoryBreaker {
    fn default() -> Self {
        let rule = PurgatoryRule::default();
        Self {
            threshold: Count::of(rule.threshold.into()),
            ttl: written_span(rule.ttl),
            failures: rule.classes.failures.map(CallOutcome::of),
            ignored: CallOutcome::of(rule.classes.ignored),
        }
    }
}

/// The breaker of the crate recloser.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RecloserBreaker {
    /// The error rate from which closed opens.
    pub error_rate_closed: Fraction,
    /// The error rate up to which half-open closes, and from which it opens.
    pub error_rate_half_open: Fraction,
    /// How many results closed remembers; one more is needed for a rate.
    pub closed_len: Count,
    /// How many results half-open remembers; one more is needed for a rate.
    pub half_open_len: Count,
    /// How long it stays open.
    pub open_wait: Duration,
    /// A wait strategy: the nth re-opening in a row lasts `open_wait` times this to the power of n.
    pub reopen_factor: Count,
    /// The greatest such power.
    pub reopen_max_power: Whole,
    /// Outcomes that count as failures, by default all that serve nobody.
    pub failures: Option<Vec<CallOutcome>>,
    /// Outcomes that its predicate does not take for errors: they count as successes. Of a cancelled call it never hears.
    pub ignored: Vec<CallOutcome>,
}

impl Default for RecloserBreaker {
    fn default() -> Self {
        let rule = RecloserRule::default();
        Self {
            error_rate_closed: Fraction::of(rule.error_rate_closed.into()),
            error_rate_half_open: Fraction::of(rule.error_rate_half_open.into()),
            closed_len: Count::of(rule.closed_len.into()),
            half_open_len: Count::of(rule.half_open_len.into()),
            open_wait: written_span(rule.open_wait),
            reopen_factor: Count::of(rule.reopen_factor.into()),
            reopen_max_power: Whole::of(rule.reopen_max_power.into()),
            failures: rule.classes.failures.map(CallOutcome::of),
            ignored: CallOutcome::of(rule.classes.ignored),
        }
    }
}
