//! A stack's retry budget, throttle, limit on steps in flight and ramp, checked.

use super::convert::{must_last, small, span};
use crate::routing::admission::{AdmissionRule, GradientRule, LimitRule};
use crate::routing::budget::{BudgetRule, EnvoyBudget, FailsafeGoBudget, FinagleBudget, SreBudget};
use crate::routing::ramp::RampRule;
use crate::routing::throttle::{FailsafeGoThrottle, SreThrottle, ThrottleRule};
use crate::scenario::problem::Problems;
use crate::scenario::tree::{Node, Path};
use crate::scenario::values::Priority;
use crate::scenario::written::{
    Admission, FinagleRetries, InFlightLimit, Ramp, RetryBudget, Throttle,
};
use crate::units::{NANOS_PER_SECOND, SimDuration};

/// The budget of retries, which is written at `key` of the stack that `tree` is.
pub(super) fn budget(
    written: &RetryBudget,
    key: &str,
    tree: &Node,
    problems: &mut Problems,
) -> BudgetRule {
    match written {
        RetryBudget::None {} => BudgetRule::None,
        RetryBudget::Finagle(own) => BudgetRule::Finagle(finagle(own, key, tree, problems)),
        RetryBudget::Envoy(own) => BudgetRule::Envoy(EnvoyBudget {
            budget_percent: own.budget_percent.get(),
            min_retry_concurrency: small(own.min_retry_concurrency.get()),
            budget_interval: span(own.budget_interval),
        }),
        RetryBudget::FailsafeGo(own) => BudgetRule::FailsafeGo(FailsafeGoBudget {
            max_rate: own.max_rate.get(),
            min_concurrency: small(own.min_concurrency.get()),
        }),
        RetryBudget::Sre(own) => {
            must_last(&format!("{key}.sre.window"), own.window, tree, problems);
            BudgetRule::Sre(SreBudget { ratio: own.ratio.get(), window: span(own.window) })
        }
    }
}

/// The limits of Finagle itself.
const TTL: [SimDuration; 2] = [SimDuration(NANOS_PER_SECOND), SimDuration(60 * NANOS_PER_SECOND)];
const MOST_RETRIES_PER_STEP: f64 = 1000.0;

fn finagle(
    written: &FinagleRetries,
    key: &str,
    tree: &Node,
    problems: &mut Problems,
) -> FinagleBudget {
    let ttl = span(written.ttl);
    if ttl < TTL[0] || ttl > TTL[1] {
        let at = tree.span_at(&Path::of(&format!("{key}.finagle.ttl")));
        let message = "a `ttl` is not from 1 s to 60 s, which Finagle asks for";
        problems.add(at, message, "write a time from \"1s\" to \"1min\"");
    }
    let percent_can_retry = written.percent_can_retry.get();
    if percent_can_retry > MOST_RETRIES_PER_STEP {
        let at = tree.span_at(&Path::of(&format!("{key}.finagle.percent_can_retry")));
        let message = "a `percent_can_retry` is above 1000 retries for a step";
        problems.add(at, message, "write the retries for a step, such as 0.2 for one in five");
    }
    FinagleBudget {
        ttl,
        min_retries_per_sec: small(written.min_retries_per_sec.get()),
        percent_can_retry,
    }
}

/// The throttle of the stack that `tree` is.
pub(super) fn throttle(written: &Throttle, tree: &Node, problems: &mut Problems) -> ThrottleRule {
    match written {
        Throttle::None {} => ThrottleRule::None,
        Throttle::Sre(own) => {
            must_last("throttle.sre.window", own.window, tree, problems);
            if own.k.get() < 1.0 {
                let at = tree.span_at(&Path::of("throttle.sre.k"));
                let message = "a `k` below 1 drops calls that would have been accepted";
                problems.add(at, message, "write 1 or more; the book has 2");
            }
            let default = SreThrottle::default();
            ThrottleRule::Sre(SreThrottle { k: own.k.get(), window: span(own.window), ..default })
        }
        Throttle::FailsafeGo(own) => {
            must_last("throttle.failsafe_go.window", own.window, tree, problems);
            ThrottleRule::FailsafeGo(FailsafeGoThrottle {
                failure_rate_threshold: own.failure_rate_threshold.get() as f32,
                max_rejection_rate: own.max_rejection_rate.get() as f32,
                window: span(own.window),
            })
        }
    }
}

/// The limit on steps in flight of the stack that `tree` is.
pub(super) fn admission(
    written: &Admission,
    tree: &Node,
    problems: &mut Problems,
) -> AdmissionRule {
    let shares = [Priority::Low, Priority::Normal, Priority::High, Priority::Critical];
    let limit = written.limit.as_ref().map(|limit| match limit {
        InFlightLimit::Fixed { steps } => LimitRule::Fixed(small(steps.get())),
        InFlightLimit::Gradient(own) => {
            let (min, max, initial) = (own.min.get(), own.max.get(), own.initial.get());
            if min > max || !(min..=max).contains(&initial) {
                let at = tree.span_at(&Path::of("admission.limit.gradient"));
                let message = format!(
                    "an `initial` limit of {initial} does not lie between `min` {min} and `max` {max}"
                );
                problems.add(at, message, "let `min` <= `initial` <= `max`");
            }
            LimitRule::Gradient(GradientRule {
                initial: small(initial),
                min: small(min),
                max: small(max),
                smoothing: own.smoothing.get(),
                queue_size: small(own.queue_size.get()),
                long_window: small(own.long_window.get()),
                tolerance: own.tolerance.get(),
            })
        }
    });
    AdmissionRule { limit, shares: shares.map(|priority| written.shares.of(priority)) }
}

/// The ramp after a recovery.
pub(super) fn ramp(written: &Ramp) -> RampRule {
    RampRule { from_share: written.from_share.get(), over: span(written.over) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::source::Span;
    use crate::scenario::values::Duration;
    use crate::scenario::values::Positive;
    use crate::scenario::written::{
        EnvoyRetries, FailsafeGoRetries, FailsafeGoThrottling, GradientLimit, SreRetries,
        SreThrottling,
    };

    fn node() -> Node {
        Node::empty(Span::new(0, 0))
    }

    #[test]
    fn what_is_not_written_is_the_projects_default() {
        let mut problems = Problems::default();
        let budgets = [
            (RetryBudget::None {}, BudgetRule::None),
            (
                RetryBudget::Finagle(FinagleRetries::default()),
                BudgetRule::Finagle(FinagleBudget::default()),
            ),
            (
                RetryBudget::Envoy(EnvoyRetries::default()),
                BudgetRule::Envoy(EnvoyBudget::default()),
            ),
            (
                RetryBudget::FailsafeGo(FailsafeGoRetries::default()),
                BudgetRule::FailsafeGo(FailsafeGoBudget::default()),
            ),
            (RetryBudget::Sre(SreRetries::default()), BudgetRule::Sre(SreBudget::default())),
        ];
        for (written, rule) in budgets {
            assert_eq!(budget(&written, "retry.budget", &node(), &mut problems), rule);
        }
        let throttles = [
            (Throttle::None {}, ThrottleRule::None),
            (Throttle::Sre(SreThrottling::default()), ThrottleRule::Sre(SreThrottle::default())),
            (
                Throttle::FailsafeGo(FailsafeGoThrottling::default()),
                ThrottleRule::FailsafeGo(FailsafeGoThrottle::default()),
            ),
        ];
        for (written, rule) in throttles {
            assert_eq!(throttle(&written, &node(), &mut problems), rule);
        }
        let none = admission(&Admission::default(), &node(), &mut problems);
        assert_eq!(none, AdmissionRule::default());
        let limit = Some(InFlightLimit::Gradient(GradientLimit::default()));
        let written = Admission { limit, ..Admission::default() };
        let rule = admission(&written, &node(), &mut problems);
        assert_eq!(rule.limit, Some(LimitRule::Gradient(GradientRule::default())));
        assert_eq!(ramp(&Ramp::default()), RampRule::default());
        assert!(problems.is_empty());
    }

    #[test]
    fn what_the_projects_refuse_is_reported() {
        let mut problems = Problems::default();
        let long =
            FinagleRetries { ttl: Duration::from_millis(61_000), ..FinagleRetries::default() };
        budget(&RetryBudget::Finagle(long), "retry.budget", &node(), &mut problems);
        let stingy = SreThrottling { k: Positive::of(0.9), ..SreThrottling::default() };
        throttle(&Throttle::Sre(stingy), &node(), &mut problems);
        let low = GradientLimit {
            initial: crate::scenario::values::Count::of(10),
            ..GradientLimit::default()
        };
        let limit = Some(InFlightLimit::Gradient(low));
        admission(&Admission { limit, ..Admission::default() }, &node(), &mut problems);
        assert_eq!(problems.len(), 3);
    }
}
