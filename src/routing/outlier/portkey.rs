//! Portkey's circuit breaker as documented (docs, "Circuit Breaker", 2026-09). The open-source gateway only calls a hook
//! for it, so that it never opens there (issue 1289).
//!
//! Each target counts failures and successes; it opens when its failures *exceed* `failure_threshold`, or their share
//! exceeds `failure_threshold_percentage` from `minimum_requests` on, and closes by itself after `cooldown_interval` (30 s
//! or more). There is no half-open state: it comes back with its whole traffic. If all targets of a group are open, the
//! breaker is bypassed. Only status codes above 500 are failures by default, so that a timeout (408) is none.
//!
//! The documentation names no window: here the counts begin anew when the target closes.

use super::bench::Bench;
use super::{Detector, End, Status, Surroundings};
use crate::domain::{ModelSet, Outcome, StackEvent};
use crate::units::{ModelId, NANOS_PER_SECOND, SimDuration, SimTime};

/// The breaker's settings.
#[derive(Clone, Debug, PartialEq)]
pub struct PortkeyRule {
    /// More failures than this open it.
    pub failure_threshold: Option<u32>,
    /// A larger share of failures than this opens it, 0-100.
    pub failure_threshold_percentage: Option<f64>,
    /// Results from which on the share counts.
    pub minimum_requests: u32,
    /// How long it stays open.
    pub cooldown_interval: SimDuration,
    /// What counts as a failure; everything else with an end of its own is a success.
    pub failures: Vec<Outcome>,
}

impl Default for PortkeyRule {
    /// The example of the documentation, which names no defaults.
    fn default() -> Self {
        Self {
            failure_threshold: None,
            failure_threshold_percentage: Some(20.0),
            minimum_requests: 10,
            cooldown_interval: SimDuration(60 * NANOS_PER_SECOND),
            failures: vec![Outcome::ApiError, Outcome::ConnectionError],
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    failures: u32,
    all: u32,
}

/// The targets of a gateway.
#[derive(Clone, Debug)]
pub(super) struct Portkey {
    rule: PortkeyRule,
    failing: Vec<Status>,
    peers: Vec<ModelSet>,
    counts: Vec<Counts>,
    bench: Bench,
}

impl Portkey {
    pub(super) fn new(rule: PortkeyRule, surroundings: &Surroundings) -> Self {
        let n = surroundings.peers.len();
        Self {
            failing: rule.failures.iter().filter_map(|outcome| Status::of(*outcome)).collect(),
            rule,
            peers: surroundings.peers.clone(),
            counts: vec![Counts::default(); n],
            bench: Bench::new(n),
        }
    }
}

impl Detector for Portkey {
    fn refusing(&self, now: SimTime) -> ModelSet {
        let open = self.bench.still_out(now);
        open.iter().filter(|model| !self.peers[model.index()].minus(open).is_empty()).collect()
    }

    fn passes_from(&self, now: SimTime, model: ModelId) -> SimTime {
        if !self.refusing(now).contains(model) {
            return now;
        }
        self.bench.until(model).map_or(now, |until| until.max(now))
    }

    fn settle(&mut self, now: SimTime, end: End, log: &mut Vec<StackEvent>) {
        // A bypassed target's results change nothing while it is open.
        if self.bench.out().contains(end.model) {
            return;
        }
        let counts = &mut self.counts[end.model.index()];
        counts.all += 1;
        counts.failures += u32::from(self.failing.contains(&end.status));
        let share = 100.0 * f64::from(counts.failures) / f64::from(counts.all);
        let too_many = self.rule.failure_threshold.is_some_and(|most| counts.failures > most);
        let too_often = self.rule.failure_threshold_percentage.is_some_and(|most| share > most)
            && counts.all >= self.rule.minimum_requests;
        if too_many || too_often {
            self.bench.take_out(now, end.model, now + self.rule.cooldown_interval, log);
        }
    }

    #[inline]
    fn due(&self) -> SimTime {
        self.bench.due()
    }

    fn advance(&mut self, now: SimTime, log: &mut Vec<StackEvent>) {
        for model in self.bench.advance(now, log).iter() {
            self.counts[model.index()] = Counts::default();
        }
    }
}
