//! Detectors that take models out of service by their results and by those of their group, as gateways do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::routing::outlier::{EnvoyRule, HeliconeRule, LitellmRule, Recool};
use crate::scenario::values::{Count, Duration, Fraction, Points, Whole};

/// Which models are taken out of service for a while, with no trial calls before they come back.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outlier {
    /// No model is ever taken out.
    None {},
    /// LiteLLM's cooldown of deployments (1.106): 429, 401 and a majority of failures; a lone deployment hardly ever cools.
    Litellm(LitellmCooldown),
    /// Envoy's outlier detection: 5xx in a row, success rates compared in a group, longer each time, with a panic threshold.
    Envoy(EnvoyOutliers),
    /// The health monitor of Helicone's AI gateway: the share of 5xx, judged every 5 s.
    Helicone(HeliconeHealth),
    /// Portkey's circuit breaker as documented: a count or share of failures, closes by itself, bypassed if all are open.
    Portkey(PortkeyBreaker),
}

/// LiteLLM's cooldown. A Retry-After takes the place of `cooldown_time`. A minute is 60 s from the first result of its kind.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LitellmCooldown {
    /// How long a deployment is left alone. Zero: not at all.
    pub cooldown_time: Duration,
    /// How many failures within `cooldown_time` are let pass, in the place of all other rules. As in LiteLLM 3, the default,
    /// is no setting: the other rules hold.
    pub allowed_fails: Whole,
    /// Whether nothing is ever cooled.
    pub disable_cooldowns: bool,
    /// The share of failures in the minute that must be exceeded.
    pub failure_threshold: Fraction,
    /// How many results in the minute that needs.
    pub minimum_requests: Count,
    /// How many results in the minute cool even a lone deployment, if all of them failed.
    pub single_deployment_requests: Count,
    /// What a failure does that comes during a cooldown. Keeps first: the earlier of both ends holds, as in LiteLLM (issue
    /// 40130). Restarts: the cooldown begins anew.
    pub recool: Recool,
}

impl Default for LitellmCooldown {
    fn default() -> Self {
        let rule = LitellmRule::default();
        Self {
            cooldown_time: Duration::from_millis(5_000),
            allowed_fails: Whole::of(3),
            disable_cooldowns: rule.disable_cooldowns,
            failure_threshold: Fraction::of(0.5),
            minimum_requests: Count::of(5),
            single_deployment_requests: Count::of(1000),
            recool: rule.recool,
        }
    }
}

/// Envoy's outlier detection, with its names and defaults. Timeouts are 504 to it, broken connections 503; everything that
/// is not 5xx is a success, 429 too.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EnvoyOutliers {
    /// How many 5xx in a row eject a host. Zero: any number is let be.
    pub consecutive_5xx: Whole,
    /// In how many percent of cases that is enforced.
    pub enforcing_consecutive_5xx: Points,
    /// How many timeouts and broken connections in a row eject a host. Zero: any number is let be.
    pub consecutive_gateway_failure: Whole,
    /// In how many percent of cases that is enforced.
    pub enforcing_consecutive_gateway_failure: Points,
    /// The time between sweeps, which bring hosts back and compare success rates.
    pub interval: Duration,
    /// The time of the first ejection; the nth in short order takes n times as long.
    pub base_ejection_time: Duration,
    /// The longest ejection.
    pub max_ejection_time: Duration,
    /// A random time up to this is added, in whole milliseconds.
    pub max_ejection_time_jitter: Duration,
    /// How many percent of a group may be ejected at once.
    pub max_ejection_percent: Points,
    /// Whether one host may be ejected whatever `max_ejection_percent` says, as in Envoy up to 1.30. Since 1.31 its default is
    /// false, so that a group of fewer than ten hosts ejects none.
    pub always_eject_one_host: bool,
    /// How many hosts with enough requests a comparison of success rates needs.
    pub success_rate_minimum_hosts: Count,
    /// How many requests in an interval a host needs for that.
    pub success_rate_request_volume: Count,
    /// By how many thousandths of a standard deviation below the mean a success rate ejects a host.
    pub success_rate_stdev_factor: Whole,
    /// In how many percent of cases that is enforced.
    pub enforcing_success_rate: Points,
    /// The percentage of failures in an interval that ejects a host.
    pub failure_percentage_threshold: Points,
    /// How many hosts with enough requests that needs.
    pub failure_percentage_minimum_hosts: Count,
    /// How many requests in an interval a host needs for that.
    pub failure_percentage_request_volume: Count,
    /// In how many percent of cases that is enforced.
    pub enforcing_failure_percentage: Points,
    /// Below this percentage of healthy hosts all of a group are called, ejected or not. Zero: never.
    pub healthy_panic_threshold: Points,
}

impl Default for EnvoyOutliers {
    fn default() -> Self {
        let rule = EnvoyRule::default();
        Self {
            consecutive_5xx: Whole::of(5),
            enforcing_consecutive_5xx: Points::of(100.0),
            consecutive_gateway_failure: Whole::of(5),
            enforcing_consecutive_gateway_failure: Points::of(0.0),
            interval: Duration::from_millis(10_000),
            base_ejection_time: Duration::from_millis(30_000),
            max_ejection_time: Duration::from_millis(300_000),
            max_ejection_time_jitter: Duration::ZERO,
            max_ejection_percent: Points::of(10.0),
            always_eject_one_host: rule.always_eject_one_host,
            success_rate_minimum_hosts: Count::of(5),
            success_rate_request_volume: Count::of(100),
            success_rate_stdev_factor: Whole::of(1900),
            enforcing_success_rate: Points::of(100.0),
            failure_percentage_threshold: Points::of(85.0),
            failure_percentage_minimum_hosts: Count::of(5),
            failure_percentage_request_volume: Count::of(50),
            enforcing_failure_percentage: Points::of(0.0),
            healthy_panic_threshold: Points::of(50.0),
        }
    }
}

/// Helicone's health monitor. Errors are 5xx and broken connections; requests count when they are sent.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HeliconeHealth {
    /// The time that the counters cover.
    pub window: Duration,
    /// In how many parts, which matters only if it is `rolling`.
    pub buckets: Count,
    /// The time between judgements.
    pub interval: Duration,
    /// The share of errors that must be exceeded.
    pub error_threshold: Fraction,
    /// Fewer requests than this say nothing against a provider.
    pub min_requests: Count,
    /// Whether the window moves on part by part. In Helicone it does not: its counters begin anew with every whole window.
    pub rolling: bool,
}

impl Default for HeliconeHealth {
    fn default() -> Self {
        Self {
            window: Duration::from_millis(60_000),
            buckets: Count::of(10),
            interval: Duration::from_millis(5_000),
            error_threshold: Fraction::of(0.1),
            min_requests: Count::of(20),
            rolling: HeliconeRule::default().rolling,
        }
    }
}

/// Portkey's circuit breaker, by default with the numbers of its documentation's example. Its counts begin anew when it
/// closes.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PortkeyBreaker {
    /// More failures than this open it, by default any number is let be.
    #[schemars(example = 5)]
    pub failure_threshold: Option<Whole>,
    /// A larger percentage of failures than this opens it, by default 20 unless `failure_threshold` is given.
    #[schemars(example = 20.0)]
    pub failure_threshold_percentage: Option<Points>,
    /// How many results the percentage needs.
    pub minimum_requests: Count,
    /// How long it stays open, 30 s or more.
    pub cooldown_interval: Duration,
    /// Which results are failures. By default what has a status above 500: errors of the provider and broken connections. A
    /// timeout of the gateway's own is 408.
    pub failures: Vec<FailureClass>,
}

impl Default for PortkeyBreaker {
    fn default() -> Self {
        Self {
            failure_threshold: None,
            failure_threshold_percentage: None,
            minimum_requests: Count::of(10),
            cooldown_interval: Duration::from_millis(60_000),
            failures: vec![FailureClass::ApiError, FailureClass::ConnectionError],
        }
    }
}

impl PortkeyBreaker {
    /// The percentage that holds if none is written and `failure_threshold` is not either.
    pub const EXAMPLE_PERCENTAGE: f64 = 20.0;

    /// The percentage that holds, if any does.
    #[must_use]
    pub fn percentage(&self) -> Option<f64> {
        let example = self.failure_threshold.is_none().then_some(Self::EXAMPLE_PERCENTAGE);
        self.failure_threshold_percentage.map(|written| written.get()).or(example)
    }
}

/// A class of results that may count as a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// An error of the provider (5xx).
    ApiError,
    /// A connection that broke before any byte of an answer.
    ConnectionError,
    /// No answer in time.
    Timeout,
    /// A 429, for a limit per minute or for a daily quota.
    RateLimited,
    /// A refused key.
    Auth,
    /// A refused prompt: too long, or against the provider's policy.
    BadRequest,
}
