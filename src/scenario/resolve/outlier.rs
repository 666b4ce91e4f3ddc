//! A stack's detector of outliers, checked.

use super::convert::{must_last, small, span};
use crate::domain::Outcome;
use crate::routing::outlier::{EnvoyRule, HeliconeRule, LitellmRule, OutlierRule, PortkeyRule};
use crate::scenario::problem::Problems;
use crate::scenario::tree::{Node, Path};
use crate::scenario::written::{
    EnvoyOutliers, FailureClass, HeliconeHealth, LitellmCooldown, Outlier, PortkeyBreaker,
};
use crate::units::{NANOS_PER_SECOND, SimDuration};

/// The detector of the stack that `tree` is.
pub(super) fn outlier(written: &Outlier, tree: &Node, problems: &mut Problems) -> OutlierRule {
    match written {
        Outlier::None {} => OutlierRule::None,
        Outlier::Litellm(own) => OutlierRule::Litellm(litellm(own)),
        Outlier::Envoy(own) => OutlierRule::Envoy(envoy(own, tree, problems)),
        Outlier::Helicone(own) => OutlierRule::Helicone(helicone(own, tree, problems)),
        Outlier::Portkey(own) => OutlierRule::Portkey(portkey(own, tree, problems)),
    }
}

fn litellm(written: &LitellmCooldown) -> LitellmRule {
    LitellmRule {
        cooldown_time: span(written.cooldown_time),
        allowed_fails: small(written.allowed_fails.get()),
        disable_cooldowns: written.disable_cooldowns,
        failure_share: written.failure_threshold.get(),
        min_requests: small(written.minimum_requests.get()),
        all_failed_requests: small(written.single_deployment_requests.get()),
        recool: written.recool,
        ..LitellmRule::default()
    }
}

fn envoy(written: &EnvoyOutliers, tree: &Node, problems: &mut Problems) -> EnvoyRule {
    must_last("outlier.envoy.interval", written.interval, tree, problems);
    must_last("outlier.envoy.base_ejection_time", written.base_ejection_time, tree, problems);
    // Envoy itself raises a longest time that is not written to the base.
    let path = Path::of("outlier.envoy.max_ejection_time");
    let shorter = written.max_ejection_time < written.base_ejection_time;
    if shorter && tree.at(&path).is_some() {
        let message = "`max_ejection_time` is shorter than `base_ejection_time`";
        let cure = format!("write at least \"{}\", or leave it out", written.base_ejection_time);
        problems.add(tree.span_at(&path), message, cure);
    }
    EnvoyRule {
        consecutive_5xx: small(written.consecutive_5xx.get()),
        enforcing_consecutive_5xx: written.enforcing_consecutive_5xx.get(),
        consecutive_gateway_failure: small(written.consecutive_gateway_failure.get()),
        enforcing_consecutive_gateway_failure: written.enforcing_consecutive_gateway_failure.get(),
        interval: span(written.interval),
        base_ejection_time: span(written.base_ejection_time),
        max_ejection_time: span(written.max_ejection_time.max(written.base_ejection_time)),
        max_ejection_time_jitter: span(written.max_ejection_time_jitter),
        max_ejection_percent: written.max_ejection_percent.get(),
        always_eject_one_host: written.always_eject_one_host,
        success_rate_minimum_hosts: small(written.success_rate_minimum_hosts.get()),
        success_rate_request_volume: small(written.success_rate_request_volume.get()),
        success_rate_stdev_factor: small(written.success_rate_stdev_factor.get()),
        enforcing_success_rate: written.enforcing_success_rate.get(),
        failure_percentage_threshold: written.failure_percentage_threshold.get(),
        failure_percentage_minimum_hosts: small(written.failure_percentage_minimum_hosts.get()),
        failure_percentage_request_volume: small(written.failure_percentage_request_volume.get()),
        enforcing_failure_percentage: written.enforcing_failure_percentage.get(),
        healthy_panic_threshold: written.healthy_panic_threshold.get(),
    }
}

fn helicone(written: &HeliconeHealth, tree: &Node, problems: &mut Problems) -> HeliconeRule {
    must_last("outlier.helicone.window", written.window, tree, problems);
    must_last("outlier.helicone.interval", written.interval, tree, problems);
    HeliconeRule {
        window: span(written.window),
        buckets: small(written.buckets.get()).min(MOST_BUCKETS),
        interval: span(written.interval),
        error_threshold: written.error_threshold.get(),
        min_requests: small(written.min_requests.get()),
        rolling: written.rolling,
    }
}

/// Parts of a window; more make no difference that a report could show.
const MOST_BUCKETS: u32 = 10_000;

/// The shortest cooldown that Portkey takes.
const SHORTEST_COOLDOWN: SimDuration = SimDuration(30 * NANOS_PER_SECOND);

fn portkey(written: &PortkeyBreaker, tree: &Node, problems: &mut Problems) -> PortkeyRule {
    let cooldown_interval = span(written.cooldown_interval);
    if cooldown_interval < SHORTEST_COOLDOWN {
        let at = tree.span_at(&Path::of("outlier.portkey.cooldown_interval"));
        let message = "a `cooldown_interval` is shorter than 30 s, which Portkey does not take";
        problems.add(at, message, "write \"30s\" or more");
    }
    let failures = written.failures.iter().map(|class| match class {
        FailureClass::ApiError => Outcome::ApiError,
        FailureClass::ConnectionError => Outcome::ConnectionError,
        FailureClass::Timeout => Outcome::Timeout,
        FailureClass::RateLimited => Outcome::RateLimited,
        FailureClass::Auth => Outcome::Auth,
        FailureClass::BadRequest => Outcome::ContextLength,
    });
    PortkeyRule {
        failure_threshold: written.failure_threshold.map(|most| small(most.get())),
        failure_threshold_percentage: written.percentage(),
        minimum_requests: small(written.minimum_requests.get()),
        cooldown_interval,
        failures: failures.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::source::Span;
    use crate::scenario::values::Count;
    use crate::scenario::values::Duration;

    fn resolved(written: &Outlier) -> (OutlierRule, usize) {
        let mut problems = Problems::default();
        let rule = outlier(written, &Node::empty(Span::new(0, 0)), &mut problems);
        (rule, problems.len())
    }

    #[test]
    fn what_is_not_written_is_the_projects_default() {
        let all = [
            (Outlier::None {}, OutlierRule::None),
            (
                Outlier::Litellm(LitellmCooldown::default()),
                OutlierRule::Litellm(LitellmRule::default()),
            ),
            (Outlier::Envoy(EnvoyOutliers::default()), OutlierRule::Envoy(EnvoyRule::default())),
            (
                Outlier::Helicone(HeliconeHealth::default()),
                OutlierRule::Helicone(HeliconeRule::default()),
            ),
            (
                Outlier::Portkey(PortkeyBreaker::default()),
                OutlierRule::Portkey(PortkeyRule::default()),
            ),
        ];
        for (written, rule) in all {
            assert_eq!(resolved(&written), (rule, 0));
        }
    }

    #[test]
    fn impossible_times_are_reported() {
        let zero = EnvoyOutliers { interval: Duration::ZERO, ..EnvoyOutliers::default() };
        assert_eq!(resolved(&Outlier::Envoy(zero)).1, 1);
        let hasty = PortkeyBreaker {
            cooldown_interval: Duration::from_millis(29_999),
            minimum_requests: Count::of(1),
            ..PortkeyBreaker::default()
        };
        assert_eq!(resolved(&Outlier::Portkey(hasty)).1, 1);
        // A longest ejection that is not written follows the base.
        let long = EnvoyOutliers {
            base_ejection_time: Duration::from_millis(600_000),
            ..EnvoyOutliers::default()
        };
        let (rule, problems) = resolved(&Outlier::Envoy(long));
        let OutlierRule::Envoy(rule) = rule else { panic!("{rule:?}") };
        assert_eq!((rule.max_ejection_time, problems), (rule.base_ejection_time, 0));
    }
}
