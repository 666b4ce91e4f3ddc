//! A breaker's rule from its table, with what the libraries themselves refuse.

use super::convert::{small, span};
use crate::domain::BreakerState;
use crate::routing::breaker::{
    Accrual, BreakerRule, CockatielRule, Consecutive, DeadTime, FailsafeGoRule, FailsafeRsRule,
    FinagleRule, HalfOpenAfter, HystrixRule, Interval, OpossumRule, PollyRule, PurgatoryRule,
    PybreakerRule, RecloserRule, ReflexarcRule, Resilience4jRule, Stage4Rule, SuccessRate,
    Synchronization, Trip, WindowType,
};
use crate::scenario::problem::Problems;
use crate::scenario::tree::{Node, Path};
use crate::scenario::values::{Count, Duration, Fraction, Whole};
use crate::scenario::written::{
    self as written, Breaker, CallOutcome, CockatielBreaker, CockatielTrip, DeadFor, EndedBy,
    FailsafeGoBreaker, PollyBreaker, Resilience4jBreaker, SlidingWindow, WindowSynchronization,
};
use crate::units::SimDuration;

/// What is refused, at which key of the breaker.
struct Refusals<'a> {
    kind: &'static str,
    tree: &'a Node,
    problems: &'a mut Problems,
}

impl Refusals<'_> {
    fn of(&mut self, kind: &'static str) -> &mut Self {
        self.kind = kind;
        self
    }

    fn unless(&mut self, fine: bool, key: &str, message: &str, cure: &str) {
        if !fine {
            let path = format!("breaker.{}.{key}", self.kind);
            self.problems.add(self.tree.span_at(&Path::of(&path)), message, cure);
        }
    }
}

fn count(written: Count) -> u32 {
    small(written.get())
}

fn whole(written: Whole) -> u32 {
    small(written.get())
}

/// The classes of any breaker's table.
macro_rules! classes {
    ($own:expr) => {
        CallOutcome::classes($own.failures.as_ref(), &$own.ignored)
    };
}

/// Resolves a breaker, which was read from the stack's `tree`.
pub(super) fn resolve(
    written: Option<&Breaker>,
    tree: &Node,
    problems: &mut Problems,
) -> BreakerRule {
    let mut refusals = Refusals { kind: "", tree, problems };
    match written {
        None | Some(Breaker::None {}) => BreakerRule::None,
        Some(Breaker::Stage4(own)) => BreakerRule::Stage4(Stage4Rule {
            failures_to_open: count(own.failures_to_open),
            open_for: span(own.open_for),
            successes_to_close: count(own.successes_to_close),
            classes: classes!(own),
        }),
        Some(Breaker::Reflexarc(own)) => BreakerRule::Reflexarc(reflexarc(own)),
        Some(Breaker::Resilience4j(own)) => {
            BreakerRule::Resilience4j(resilience4j(own, refusals.of("resilience4j")))
        }
        Some(Breaker::Polly(own)) => BreakerRule::Polly(polly(own, refusals.of("polly"))),
        Some(Breaker::Hystrix(own)) => {
            let interval = own.health_snapshot_interval;
            let refusals = refusals.of("hystrix");
            refusals.unless(
                interval.nanos() > 0 && interval <= own.rolling_stats_time,
                "health_snapshot_interval",
                "the interval is no part of the window",
                "write an interval above 0 and at most `rolling_stats_time`",
            );
            BreakerRule::Hystrix(HystrixRule {
                request_volume_threshold: count(own.request_volume_threshold),
                error_threshold_percentage: whole(own.error_threshold_percentage),
                sleep_window: span(own.sleep_window),
                rolling_stats_time: span(own.rolling_stats_time),
                health_snapshot_interval: span(interval),
                classes: classes!(own),
            })
        }
        Some(Breaker::Finagle(own)) => {
            let refusals = refusals.of("finagle");
            let rate = (own.success_rate, own.min_requests, own.window, &own.success_rate_dead_for);
            let run = (own.consecutive_failures, &own.consecutive_dead_for);
            let policy = accrual(rate, run, refusals);
            BreakerRule::Finagle(FinagleRule { policy, classes: classes!(own) })
        }
        Some(Breaker::FailsafeRs(own)) => {
            let refusals = refusals.of("failsafe_rs");
            let rate = (own.success_rate, own.min_requests, own.window, &own.success_rate_dead_for);
            let run = (own.consecutive_failures, &own.consecutive_dead_for);
            let policy = accrual(rate, run, refusals);
            BreakerRule::FailsafeRs(FailsafeRsRule { policy, classes: classes!(own) })
        }
        Some(Breaker::FailsafeGo(own)) => {
            BreakerRule::FailsafeGo(failsafe_go(own, refusals.of("failsafe_go")))
        }
        Some(Breaker::Opossum(own)) => BreakerRule::Opossum(opossum(own)),
        Some(Breaker::Pybreaker(own)) => BreakerRule::Pybreaker(PybreakerRule {
            fail_max: count(own.fail_max),
            reset_timeout: span(own.reset_timeout),
            success_threshold: count(own.success_threshold),
            classes: classes!(own),
        }),
        Some(Breaker::Cockatiel(own)) => {
            BreakerRule::Cockatiel(cockatiel(own, refusals.of("cockatiel")))
        }
        Some(Breaker::Purgatory(own)) => BreakerRule::Purgatory(PurgatoryRule {
            threshold: count(own.threshold),
            ttl: span(own.ttl),
            classes: classes!(own),
        }),
        Some(Breaker::Recloser(own)) => BreakerRule::Recloser(recloser(own)),
    }
}

fn reflexarc(own: &written::ReflexarcBreaker) -> ReflexarcRule {
    ReflexarcRule {
        window: span(own.window),
        min_calls: count(own.min_calls),
        failure_rate: own.failure_rate.get(),
        consecutive_failures: whole(own.consecutive_failures),
        open_for: span(own.open_for),
        growth: own.growth.get(),
        max_open: span(own.max_open),
        probes: count(own.probes),
        successes_to_close: count(own.successes_to_close),
        classes: CallOutcome::classes(Some(&own.failures), &own.ignored),
    }
}

fn recloser(own: &written::RecloserBreaker) -> RecloserRule {
    RecloserRule {
        error_rate_closed: own.error_rate_closed.get() as f32,
        error_rate_half_open: own.error_rate_half_open.get() as f32,
        closed_len: count(own.closed_len),
        half_open_len: count(own.half_open_len),
        open_wait: span(own.open_wait),
        reopen_factor: count(own.reopen_factor),
        reopen_max_power: whole(own.reopen_max_power),
        classes: classes!(own),
    }
}

fn opossum(own: &written::OpossumBreaker) -> OpossumRule {
    OpossumRule {
        timeout: Some(span(own.timeout)).filter(|timeout| *timeout > SimDuration::ZERO),
        reset_timeout: span(own.reset_timeout),
        error_threshold_percentage: own.error_threshold_percentage.get(),
        rolling_count_timeout: span(own.rolling_count_timeout),
        rolling_count_buckets: count(own.rolling_count_buckets),
        volume_threshold: whole(own.volume_threshold),
        capacity: own.capacity.map(count),
        allow_warm_up: own.allow_warm_up,
        classes: classes!(own),
    }
}

fn resilience4j(own: &Resilience4jBreaker, refusals: &mut Refusals<'_>) -> Resilience4jRule {
    for (key, value) in [
        ("failure_rate_threshold", own.failure_rate_threshold),
        ("slow_call_rate_threshold", own.slow_call_rate_threshold),
    ] {
        let message = "a rate in percent is over 100";
        refusals.unless(value.get() <= 100.0, key, message, "write at most 100");
    }
    let wait = span(own.wait_duration_in_open_state);
    if let Some(growth) = &own.exponential_backoff {
        refusals.unless(
            growth.multiplier.get() >= 1.0,
            "exponential_backoff.multiplier",
            "the wait would shrink",
            "write 1 or more",
        );
    }
    let state = |written| match written {
        EndedBy::Open => BreakerState::Open,
        EndedBy::Closed => BreakerState::Closed,
    };
    Resilience4jRule {
        sliding_window_type: match own.sliding_window_type {
            SlidingWindow::CountBased => WindowType::CountBased,
            SlidingWindow::TimeBased => WindowType::TimeBased,
        },
        sliding_window_size: count(own.sliding_window_size),
        minimum_number_of_calls: count(own.minimum_number_of_calls),
        failure_rate_threshold: own.failure_rate_threshold.get() as f32,
        slow_call_rate_threshold: own.slow_call_rate_threshold.get() as f32,
        slow_call_duration_threshold: span(own.slow_call_duration_threshold),
        permitted_in_half_open: count(own.permitted_number_of_calls_in_half_open_state),
        wait_in_open: match &own.exponential_backoff {
            None => Interval::Fixed(wait),
            Some(growth) => Interval::Exponential {
                initial: wait,
                multiplier: growth.multiplier.get(),
                max: span(growth.max),
            },
        },
        automatic_transition: own.automatic_transition_from_open_to_half_open_enabled,
        max_wait_in_half_open: span(own.max_wait_duration_in_half_open_state),
        after_max_wait: state(own.transition_to_state_after_wait_duration),
        synchronization: match own.sliding_window_synchronization_strategy {
            WindowSynchronization::Synchronized => Synchronization::Synchronized,
            WindowSynchronization::LockFree => Synchronization::LockFree,
        },
        initial_state: state(own.initial_state),
        classes: classes!(own),
    }
}

fn polly(own: &PollyBreaker, refusals: &mut Refusals<'_>) -> PollyRule {
    let least = Duration::from_millis(500);
    let message = "Polly refuses a minimum throughput below 2";
    refusals.unless(
        own.minimum_throughput.get() >= 2,
        "minimum_throughput",
        message,
        "write 2 or more",
    );
    for (key, value) in
        [("sampling_duration", own.sampling_duration), ("break_duration", own.break_duration)]
    {
        let message = "Polly refuses less than half a second";
        refusals.unless(value >= least, key, message, "write \"500ms\" or more");
    }
    PollyRule {
        failure_ratio: own.failure_ratio.get(),
        minimum_throughput: count(own.minimum_throughput),
        sampling_duration: span(own.sampling_duration),
        break_duration: span(own.break_duration),
        break_duration_factor: own.break_duration_factor.get(),
        max_break_duration: span(own.max_break_duration),
        classes: classes!(own),
    }
}

fn failsafe_go(own: &FailsafeGoBreaker, refusals: &mut Refusals<'_>) -> FailsafeGoRule {
    let by_time = own.failure_thresholding_period.is_some();
    refusals.unless(
        own.failure_rate_threshold.is_none()
            || by_time && own.failure_execution_threshold.is_some(),
        "failure_rate_threshold",
        "a failure rate is computed over a period alone",
        "write `failure_thresholding_period` and `failure_execution_threshold` as well",
    );
    refusals.unless(
        by_time || own.failure_execution_threshold.is_none(),
        "failure_execution_threshold",
        "results are counted over a period alone",
        "write `failure_thresholding_period` as well",
    );
    let failures = count(own.failure_threshold);
    let capacity = own.failure_thresholding_capacity.map_or(failures, count);
    refusals.unless(
        capacity >= failures,
        "failure_thresholding_capacity",
        "so many results never hold so many failures",
        "write `failure_threshold` or more",
    );
    let successes = whole(own.success_threshold);
    let success_capacity = own.success_thresholding_capacity.map_or(successes, count);
    refusals.unless(
        success_capacity >= successes,
        "success_thresholding_capacity",
        "so many results never hold so many successes",
        "write `success_threshold` or more",
    );
    let executions = own.failure_execution_threshold.map(count);
    FailsafeGoRule {
        failure_threshold: failures,
        failure_capacity: capacity,
        failure_rate: own.failure_rate_threshold.map(|rate| rate.get()),
        failure_executions: executions.unwrap_or(if by_time { failures } else { 0 }),
        failure_period: own.failure_thresholding_period.map(span),
        success_threshold: successes,
        success_capacity,
        delay: span(own.delay),
        delay_step: own.delay_func_step.map(span),
        classes: classes!(own),
    }
}

fn cockatiel(own: &CockatielBreaker, refusals: &mut Refusals<'_>) -> CockatielRule {
    let (kind, threshold) = match &own.breaker {
        CockatielTrip::Consecutive { .. } => ("consecutive", None),
        CockatielTrip::Count { threshold, .. } => ("count", Some(threshold.get())),
        CockatielTrip::Sampling { threshold, .. } => ("sampling", Some(threshold.get())),
    };
    refusals.unless(
        threshold.is_none_or(|threshold| threshold < 1.0),
        &format!("breaker.{kind}.threshold"),
        "no share of failures is above 1",
        "write a share below 1",
    );
    let breaker = match &own.breaker {
        CockatielTrip::Consecutive { threshold } => {
            Trip::Consecutive { threshold: count(*threshold) }
        }
        CockatielTrip::Count { threshold, size, minimum_number_of_calls } => {
            let minimum = minimum_number_of_calls.unwrap_or(*size);
            refusals.unless(
                minimum <= *size,
                "breaker.count.minimum_number_of_calls",
                "it needs more results than it remembers",
                "write at most `size`",
            );
            Trip::Count {
                threshold: threshold.get(),
                size: count(*size),
                minimum_number_of_calls: count(minimum),
            }
        }
        CockatielTrip::Sampling { threshold, duration, minimum_rps } => Trip::Sampling {
            threshold: threshold.get(),
            duration: span(*duration),
            minimum_rps: minimum_rps.map(|rps| rps.get()),
        },
    };
    let half_open_after = match &own.half_open_after {
        written::HalfOpenAfter::Constant { delay } => HalfOpenAfter::List(vec![span(*delay)]),
        written::HalfOpenAfter::Iterable { delays } => {
            refusals.unless(
                !delays.is_empty(),
                "half_open_after.iterable.delays",
                "the list is empty",
                "write a time",
            );
            HalfOpenAfter::List(delays.iter().copied().map(span).collect())
        }
        written::HalfOpenAfter::Exponential { initial_delay, exponent, max_delay } => {
            HalfOpenAfter::Exponential {
                initial: span(*initial_delay),
                exponent: exponent.get(),
                max: span(*max_delay),
            }
        }
    };
    CockatielRule { breaker, half_open_after, classes: classes!(own) }
}

fn accrual(
    (required, min_requests, window, by_rate): (Fraction, Whole, Duration, &DeadFor),
    (failures, by_run): (Whole, &DeadFor),
    refusals: &mut Refusals<'_>,
) -> Accrual {
    let failsafe = refusals.kind == "failsafe_rs";
    refusals.unless(
        window.nanos() > 0 && (!failsafe || window >= Duration::from_millis(5000)),
        "window",
        "the window has five slices of a second or more",
        "write \"5s\" or more",
    );
    for (key, dead) in [("success_rate_dead_for", by_rate), ("consecutive_dead_for", by_run)] {
        let jittered = matches!(dead, DeadFor::FullJittered(_));
        let message = "Finagle has no such dead time";
        refusals.unless(failsafe || !jittered, key, message, "take `equal_jittered`");
        let (first, last) = match dead {
            DeadFor::Constant { time } => (*time, *time),
            DeadFor::Exponential(grows)
            | DeadFor::EqualJittered(grows)
            | DeadFor::FullJittered(grows) => (grows.start, grows.max),
        };
        let cure = "let `start` be above 0 and at most `max`";
        refusals.unless(first.nanos() > 0 && first <= last, key, "there is no such time", cure);
        let seconds = [first, last].iter().all(|t| t.nanos().is_multiple_of(1_000_000_000));
        let message = "the crate failsafe counts whole seconds";
        let constant = matches!(dead, DeadFor::Constant { .. });
        refusals.unless(!failsafe || constant || seconds, key, message, "write whole seconds");
    }
    Accrual {
        success_rate: (required.get() > 0.0).then(|| SuccessRate {
            required: required.get(),
            min_requests: whole(min_requests),
            window: span(window),
            dead: dead_time(by_rate),
        }),
        consecutive: (failures.get() > 0)
            .then(|| Consecutive { failures: whole(failures), dead: dead_time(by_run) }),
    }
}

fn dead_time(written: &DeadFor) -> DeadTime {
    match written {
        DeadFor::Constant { time } => DeadTime::Constant(span(*time)),
        DeadFor::Exponential(grows) => {
            DeadTime::Exponential { start: span(grows.start), max: span(grows.max) }
        }
        DeadFor::EqualJittered(grows) => {
            DeadTime::EqualJittered { start: span(grows.start), max: span(grows.max) }
        }
        DeadFor::FullJittered(grows) => {
            DeadTime::FullJittered { start: span(grows.start), max: span(grows.max) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::source::Span;
    use crate::scenario::values::{Positive, Share};
    use crate::scenario::written::{GrowingTime, WaitGrowth};

    fn resolved(written: &Breaker) -> (BreakerRule, usize) {
        let mut problems = Problems::default();
        let rule = resolve(Some(written), &Node::empty(Span::new(0, 0)), &mut problems);
        (rule, problems.len())
    }

    #[test]
    fn what_is_not_written_is_the_librarys_default() {
        macro_rules! same {
            ($($kind:ident: $written:ident, $rule:ident;)+) => {
                $(
                    let written = Breaker::$kind(written::$written::default());
                    assert_eq!(resolved(&written), (BreakerRule::$kind($rule::default()), 0));
                )+
            };
        }
        same! {
            Stage4: Stage4Breaker, Stage4Rule;
            Reflexarc: ReflexarcBreaker, ReflexarcRule;
            Resilience4j: Resilience4jBreaker, Resilience4jRule;
            Polly: PollyBreaker, PollyRule;
            Hystrix: HystrixBreaker, HystrixRule;
            Finagle: FinagleBreaker, FinagleRule;
            FailsafeGo: FailsafeGoBreaker, FailsafeGoRule;
            Opossum: OpossumBreaker, OpossumRule;
            Pybreaker: PybreakerBreaker, PybreakerRule;
            Cockatiel: CockatielBreaker, CockatielRule;
            Purgatory: PurgatoryBreaker, PurgatoryRule;
            FailsafeRs: FailsafeRsBreaker, FailsafeRsRule;
            Recloser: RecloserBreaker, RecloserRule;
        }
        assert_eq!(resolved(&Breaker::None {}), (BreakerRule::None, 0));
    }

    #[test]
    fn what_a_library_refuses_is_reported() {
        let polly = PollyBreaker {
            minimum_throughput: Count::of(1),
            break_duration: Duration::from_millis(499),
            ..PollyBreaker::default()
        };
        assert_eq!(resolved(&Breaker::Polly(polly)).1, 2);
        let go = FailsafeGoBreaker {
            failure_rate_threshold: Some(Share::of(0.5)),
            success_threshold: Whole::of(3),
            success_thresholding_capacity: Some(Count::of(2)),
            ..FailsafeGoBreaker::default()
        };
        assert_eq!(resolved(&Breaker::FailsafeGo(go)).1, 2);
        let cockatiel = CockatielBreaker {
            breaker: CockatielTrip::Count {
                threshold: Share::of(1.0),
                size: Count::of(5),
                minimum_number_of_calls: Some(Count::of(6)),
            },
            half_open_after: written::HalfOpenAfter::Iterable { delays: Vec::new() },
            ..CockatielBreaker::default()
        };
        assert_eq!(resolved(&Breaker::Cockatiel(cockatiel)).1, 3);
        let shrinking = WaitGrowth { multiplier: Positive::of(0.5), ..WaitGrowth::default() };
        let resilience4j = Resilience4jBreaker {
            failure_rate_threshold: Positive::of(101.0),
            exponential_backoff: Some(shrinking),
            ..Resilience4jBreaker::default()
        };
        assert_eq!(resolved(&Breaker::Resilience4j(resilience4j)).1, 2);
        let growing = |start, max| {
            DeadFor::FullJittered(GrowingTime {
                start: Duration::from_millis(start),
                max: Duration::from_millis(max),
            })
        };
        let finagle = written::FinagleBreaker {
            success_rate_dead_for: growing(1000, 2000),
            ..written::FinagleBreaker::default()
        };
        assert_eq!(resolved(&Breaker::Finagle(finagle)).1, 1);
        let failsafe = written::FailsafeRsBreaker {
            consecutive_dead_for: growing(1500, 1000),
            window: Duration::from_millis(4000),
            ..written::FailsafeRsBreaker::default()
        };
        assert_eq!(resolved(&Breaker::FailsafeRs(failsafe)).1, 3);
    }
}
