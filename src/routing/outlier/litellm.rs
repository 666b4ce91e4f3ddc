//! LiteLLM's cooldown of deployments (version 1.106.2, `router_utils/cooldown_handlers.py`, `cooldown_cache.py`).
//!
//! What it is known for:
//!
//! - The counters "of the current minute" are no calendar minutes: each is a cache entry that lives 60 s from its first
//!   count. Successes and failures begin their minutes apart.
//! - Failures are counted of whatever kind, also those that never cool a deployment.
//! - 429 cools at once, but only where the group has another deployment; so does a share of failures above one half. A
//!   lone deployment is cooled by 401, or when 1000 calls of its minute all failed (issue 40405).
//! - `allowed_fails` counts only if it is not 3, the default; writing 3 changes nothing. Its counter lives for
//!   `cooldown_time`, not for 60 s as documented, it takes the place of all other rules, and it cools lone deployments.
//! - A Retry-After header is the cooldown's length; 0 s is no cooldown.
//! - A failure that arrives during the cooldown does not prolong it (issue 40130).
//! - With all deployments in cooldown a request is refused ("No deployments available").

use super::bench::Bench;
use super::{Detector, End, Status, Surroundings};
use crate::domain::{ModelSet, StackEvent};
use crate::units::{ModelId, NANOS_PER_SECOND, SimDuration, SimTime};

/// What a failure does that arrives while its deployment is in cooldown.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Recool {
    /// The earlier of the two ends holds, as in LiteLLM 1.106 (issue 40130).
    #[default]
    KeepsFirst,
    /// The cooldown begins anew.
    Restarts,
}

/// The cooldown's settings.
#[derive(Clone, Debug, PartialEq)]
pub struct LitellmRule {
    /// How long a deployment is left alone.
    pub cooldown_time: SimDuration,
    /// Failures that are let pass; honoured only if it is not [`LitellmRule::IGNORED_ALLOWED_FAILS`].
    pub allowed_fails: u32,
    /// Nothing is ever cooled.
    pub disable_cooldowns: bool,
    /// The share of failures that must be exceeded, 0-1.
    pub failure_share: f64,
    /// Calls in the minute from which on the share counts.
    pub min_requests: u32,
    /// Calls in the minute from which on a share of 1 cools a lone deployment as well.
    pub all_failed_requests: u32,
    /// How long a counter lives from its first count.
    pub window: SimDuration,
    /// What a failure does to a cooldown that runs.
    pub recool: Recool,
}

impl LitellmRule {
    /// The `allowed_fails` that is no setting: the default, which cannot be told from one that was written.
    pub const IGNORED_ALLOWED_FAILS: u32 = 3;
}

impl Default for LitellmRule {
    fn default() -> Self {
        Self {
            cooldown_time: SimDuration(5 * NANOS_PER_SECOND),
            allowed_fails: Self::IGNORED_ALLOWED_FAILS,
            disable_cooldowns: false,
            failure_share: 0.5,
            min_requests: 5,
            all_failed_requests: 1000,
            window: SimDuration(60 * NANOS_PER_SECOND),
            recool: Recool::KeepsFirst,
        }
    }
}

/// A counter that lives for a time from its first count.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    n: u32,
    ends: SimTime,
}

impl Count {
    fn add(&mut self, now: SimTime, life: SimDuration) -> u32 {
        self.n = self.get(now) + 1;
        if now >= self.ends {
            self.ends = now + life;
        }
        self.n
    }

    fn get(&self, now: SimTime) -> u32 {
        if now > self.ends { 0 } else { self.n }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Deployment {
    successes: Count,
    failures: Count,
    /// For `allowed_fails`.
    fails: Count,
    alone: bool,
}

/// The deployments of a router.
#[derive(Clone, Debug)]
pub(super) struct Litellm {
    rule: LitellmRule,
    deployments: Vec<Deployment>,
    bench: Bench,
}

impl Litellm {
    pub(super) fn new(rule: LitellmRule, surroundings: &Surroundings) -> Self {
        let alone = surroundings.peers.iter().map(|peers| peers.len() <= 1);
        let deployments: Vec<Deployment> =
            alone.map(|alone| Deployment { alone, ..Deployment::default() }).collect();
        Self { bench: Bench::new(deployments.len()), rule, deployments }
    }

    /// The deployments that are in cooldown at `now`, and until when.
    pub(super) fn cooldowns(&self, now: SimTime) -> Vec<(ModelId, SimTime)> {
        let until = |model| self.bench.until(model).map(|until| (model, until));
        self.bench.still_out(now).iter().filter_map(until).collect()
    }

    /// Takes over cooldowns that other instances have written.
    pub(super) fn adopt(
        &mut self,
        now: SimTime,
        known: &[(ModelId, SimTime)],
        log: &mut Vec<StackEvent>,
    ) {
        self.bench.advance(now, log);
        for &(model, until) in known {
            if self.bench.until(model).is_none() {
                self.bench.take_out(now, model, until, log);
            }
        }
    }

    /// Whether a failure of a kind that may cool a deployment does.
    fn cools(&mut self, now: SimTime, end: End) -> bool {
        let rule = &self.rule;
        let deployment = &mut self.deployments[end.model.index()];
        if rule.allowed_fails != LitellmRule::IGNORED_ALLOWED_FAILS {
            let zero = rule.cooldown_time == SimDuration::ZERO;
            let life = if zero { LitellmRule::default().cooldown_time } else { rule.cooldown_time };
            return deployment.fails.add(now, life) > rule.allowed_fails;
        }
        let failures = deployment.failures.get(now);
        let all = failures + deployment.successes.get(now);
        let share = f64::from(failures) / f64::from(all);
        let too_many = end.status == Status::TooMany && !deployment.alone;
        let all_failed = failures == all && all >= rule.all_failed_requests;
        let most_failed =
            share > rule.failure_share && all >= rule.min_requests && !deployment.alone;
        let hopeless = end.status == Status::Unauthorized;
        too_many || all_failed || most_failed || hopeless
    }
}

impl Detector for Litellm {
    #[inline]
    fn refusing(&self, now: SimTime) -> ModelSet {
        self.bench.still_out(now)
    }

    fn passes_from(&self, now: SimTime, model: ModelId) -> SimTime {
        self.bench.until(model).map_or(now, |until| until.max(now))
    }

    fn settle(&mut self, now: SimTime, end: End, log: &mut Vec<StackEvent>) {
        let window = self.rule.window;
        let deployment = &mut self.deployments[end.model.index()];
        if end.status == Status::Ok {
            deployment.successes.add(now, window);
            return;
        }
        deployment.failures.add(now, window);
        let time = end.retry_after.unwrap_or(self.rule.cooldown_time);
        let may_cool = !matches!(end.status, Status::Disconnected | Status::BadRequest);
        if self.rule.disable_cooldowns || time == SimDuration::ZERO || !may_cool {
            return;
        }
        if self.cools(now, end) {
            let until = now + time;
            let until = match (self.bench.until(end.model), self.rule.recool) {
                (Some(running), Recool::KeepsFirst) => running.min(until),
                _ => until,
            };
            self.bench.take_out(now, end.model, until, log);
        }
    }

    #[inline]
    fn due(&self) -> SimTime {
        self.bench.due()
    }

    #[inline]
    fn advance(&mut self, now: SimTime, log: &mut Vec<StackEvent>) {
        self.bench.advance(now, log);
    }
}
