//! The health monitor of Helicone's AI gateway (`discover/monitor/health/provider.rs`, `metrics/rolling_counter.rs`).
//!
//! Every 5 s each provider is judged: with 20 requests or more in the window and a share of errors above 0.10 it is taken
//! out of the balancer, otherwise it is in. There is no trial: it comes back when the window says nothing against it any
//! more. Requests count when they are sent, errors when they come back: 5xx and broken connections; the gateway's own
//! timeouts and 429 are none (429 goes to another monitor). With all providers out nobody takes a call.
//!
//! Its "rolling" counter (read in two forks, which carry the same file) sums only the buckets of the present lap around the
//! ring, so that it starts from zero at every whole minute of its own; the number of buckets has no effect.
//! [`HeliconeRule::rolling`] makes it roll.

use super::{Detector, End, Status, Surroundings};
use crate::domain::{BreakerEvent, BreakerState, ModelSet, StackEvent};
use crate::units::{ModelId, NANOS_PER_SECOND, SimDuration, SimTime};

/// The monitor's settings.
#[derive(Clone, Debug, PartialEq)]
pub struct HeliconeRule {
    /// What the counters cover.
    pub window: SimDuration,
    /// Parts of the window.
    pub buckets: u32,
    /// Time between judgements.
    pub interval: SimDuration,
    /// A larger share of errors than this takes a provider out, 0-1.
    pub error_threshold: f64,
    /// Fewer requests than this say nothing.
    pub min_requests: u32,
    /// The counters cover the last window, instead of the present lap.
    pub rolling: bool,
}

impl Default for HeliconeRule {
    fn default() -> Self {
        Self {
            window: SimDuration(60 * NANOS_PER_SECOND),
            buckets: 10,
            interval: SimDuration(5 * NANOS_PER_SECOND),
            error_threshold: 0.1,
            min_requests: 20,
            rolling: false,
        }
    }
}

/// Counts by part of the window; each part remembers which one since the start it is.
#[derive(Clone, Debug)]
struct Ring {
    counts: Vec<u32>,
    numbers: Vec<u64>,
}

impl Ring {
    fn new(buckets: u32) -> Self {
        Self { counts: vec![0; buckets as usize], numbers: vec![0; buckets as usize] }
    }

    fn add(&mut self, number: u64) {
        let at = (number % self.counts.len() as u64) as usize;
        if self.numbers[at] != number {
            self.numbers[at] = number;
            self.counts[at] = 0;
        }
        self.counts[at] += 1;
    }

    fn total(&self, now: u64, rolling: bool) -> u32 {
        let n = self.counts.len() as u64;
        let counts = self.counts.iter().zip(&self.numbers);
        let covered = counts.filter(|(_, number)| match rolling {
            true => now - **number < n,
            false => now / n == **number / n,
        });
        covered.map(|(count, _)| count).sum()
    }
}

#[derive(Clone, Debug)]
struct Provider {
    requests: Ring,
    errors: Ring,
}

/// The providers of a gateway.
#[derive(Clone, Debug)]
pub(super) struct Helicone {
    rule: HeliconeRule,
    /// Length of a part of the window in nanoseconds.
    width: u64,
    providers: Vec<Provider>,
    out: ModelSet,
    /// The next judgement; never, if it could not change anything.
    next: SimTime,
}

impl Helicone {
    pub(super) fn new(rule: HeliconeRule, surroundings: &Surroundings) -> Self {
        let ring = Ring::new(rule.buckets.max(1));
        let fresh = Provider { requests: ring.clone(), errors: ring };
        Self {
            width: (rule.window.0 / u64::from(rule.buckets.max(1))).max(1),
            providers: vec![fresh; surroundings.peers.len()],
            out: ModelSet::EMPTY,
            next: SimTime::NEVER,
            rule,
        }
    }

    fn is_sick(&self, at: SimTime, model: ModelId) -> bool {
        let number = at.0 / self.width;
        let provider = &self.providers[model.index()];
        let requests = provider.requests.total(number, self.rule.rolling);
        if requests < self.rule.min_requests {
            return false;
        }
        let errors = provider.errors.total(number, self.rule.rolling);
        f64::from(errors) / f64::from(requests) > self.rule.error_threshold
    }

    /// The first judgement after `now`.
    fn judgement_after(&self, now: SimTime) -> SimTime {
        let interval = self.rule.interval.0.max(1);
        SimTime((now.0 / interval + 1).saturating_mul(interval))
    }
}

impl Detector for Helicone {
    #[inline]
    fn refusing(&self, _now: SimTime) -> ModelSet {
        self.out
    }

    fn passes_from(&self, now: SimTime, model: ModelId) -> SimTime {
        if !self.out.contains(model) {
            return now;
        }
        // Without calls the window says nothing after its length, so that this ends.
        let mut at = if self.next < now { self.judgement_after(now) } else { self.next };
        while self.is_sick(at, model) {
            at = self.judgement_after(at);
        }
        at
    }

    fn sent(&mut self, now: SimTime, model: ModelId) {
        let number = now.0 / self.width;
        self.providers[model.index()].requests.add(number);
        self.next = self.next.min(self.judgement_after(now));
    }

    fn settle(&mut self, now: SimTime, end: End, _log: &mut Vec<StackEvent>) {
        if matches!(end.status, Status::ServerError | Status::Disconnected) {
            self.providers[end.model.index()].errors.add(now.0 / self.width);
            self.next = self.next.min(self.judgement_after(now));
        }
    }

    #[inline]
    fn due(&self) -> SimTime {
        self.next
    }

    fn advance(&mut self, now: SimTime, log: &mut Vec<StackEvent>) {
        while self.next <= now && self.next < SimTime::NEVER {
            let at = self.next;
            for index in 0..self.providers.len() as u16 {
                let model = ModelId(index);
                let (was, is) = (self.out.contains(model), self.is_sick(at, model));
                if was == is {
                    continue;
                }
                let (from, to) = match is {
                    true => (BreakerState::Closed, BreakerState::Open),
                    false => (BreakerState::Open, BreakerState::Closed),
                };
                if is {
                    self.out.insert(model);
                } else {
                    self.out.remove(model);
                }
                log.push(StackEvent::Breaker(BreakerEvent { at, model, from, to }));
            }
            // Nobody gets worse without a call.
            let idle = self.out.is_empty();
            self.next = if idle { SimTime::NEVER } else { self.judgement_after(at) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_forgets_by_lap_or_by_age() {
        let mut ring = Ring::new(10);
        (0..10).for_each(|n| ring.add(n));
        assert_eq!((ring.total(9, false), ring.total(9, true)), (10, 10));
        // The eleventh part begins a new lap, which knows nothing of the nine before it.
        assert_eq!((ring.total(10, false), ring.total(10, true)), (0, 9));
        ring.add(10);
        assert_eq!((ring.total(10, false), ring.total(10, true)), (1, 10));
        assert_eq!((ring.total(25, false), ring.total(25, true)), (0, 0));
    }
}
