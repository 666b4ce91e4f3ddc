//! The circuit breaker of the crate recloser 1.4.0.
//!
//! Kept as it is there: a ring of a length gives a rate only once it was full before, so that the defaults need 101 results
//! to open; closed opens on any result, half-open closes on a success alone and opens on a failure alone; half-open limits
//! no calls.

use super::machine::{Birth, Classes, Figure, Machine, Volume, Wait};
use super::window::{Counts, Ring};
use super::{CallEnd, Permit, Verdict};
use crate::domain::BreakerState;
use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};

/// The builder's values.
#[derive(Clone, Debug, PartialEq)]
pub struct RecloserRule {
    /// The share of failures from which closed opens.
    pub error_rate_closed: f32,
    /// The share of failures up to which half-open closes, and from which it opens.
    pub error_rate_half_open: f32,
    /// Results that closed remembers.
    pub closed_len: u32,
    /// Results that half-open remembers.
    pub half_open_len: u32,
    /// How long it stays open.
    pub open_wait: SimDuration,
    /// A wait strategy for the `n`th re-opening in a row: `open_wait` times this to the power of `n`.
    pub reopen_factor: u32,
    /// The greatest power.
    pub reopen_max_power: u32,
    /// How it takes outcomes; what is ignored fails its predicate and is a success.
    pub classes: Classes,
}

impl Default for RecloserRule {
    fn default() -> Self {
        Self {
            error_rate_closed: 0.5,
            error_rate_half_open: 0.5,
            closed_len: 100,
            half_open_len: 10,
            open_wait: SimDuration(30 * NANOS_PER_SECOND),
            reopen_factor: 1,
            reopen_max_power: 3,
            classes: Classes::UNSERVED,
        }
    }
}

/// One breaker of recloser.
#[derive(Clone, Debug)]
pub struct RecloserBreaker {
    rule: RecloserRule,
    state: BreakerState,
    ring: Ring,
    wait: Wait,
    /// The number of the next re-opening in a row.
    reopening: u32,
}

impl RecloserBreaker {
    fn open(&mut self, now: SimTime, wait: SimDuration) {
        self.state = BreakerState::Open;
        self.wait = Wait::strict(now, wait);
    }

    fn judge_half_open(&mut self, now: SimTime, rate: f32, failed: bool) {
        let threshold = self.rule.error_rate_half_open;
        if failed && rate >= threshold {
            let power = self.reopening.min(self.rule.reopen_max_power);
            let factor = u64::from(self.rule.reopen_factor).saturating_pow(power);
            self.reopening += 1;
            self.open(now, SimDuration(self.rule.open_wait.0.saturating_mul(factor)));
        } else if !failed && rate <= threshold {
            self.state = BreakerState::Closed;
            self.ring = Ring::new(self.rule.closed_len);
        }
    }
}

impl Machine for RecloserBreaker {
    type Rule = RecloserRule;

    fn new(rule: &RecloserRule, _birth: Birth) -> Self {
        Self {
            rule: rule.clone(),
            state: BreakerState::Closed,
            ring: Ring::new(rule.closed_len),
            wait: Wait::default(),
            reopening: 1,
        }
    }

    fn state(&self) -> BreakerState {
        self.state
    }

    fn guards(&self) -> bool {
        self.state == BreakerState::Open
    }

    fn would_pass(&self, now: SimTime) -> bool {
        self.wait.lets_pass(self.state, now, true)
    }

    fn passes_from(&self) -> Option<SimTime> {
        self.wait.lets_pass_from(self.state, true)
    }

    fn acquire(&mut self, now: SimTime) -> Option<Permit> {
        if !self.would_pass(now) {
            return None;
        }
        if self.state == BreakerState::Open {
            self.state = BreakerState::HalfOpen;
            self.ring = Ring::new(self.rule.half_open_len);
        }
        Some(Permit::default())
    }

    fn settle(&mut self, now: SimTime, _permit: Permit, end: &CallEnd) {
        // A future that is dropped tells it nothing, and open takes in nothing.
        if end.was_dropped() || self.state == BreakerState::Open {
            return;
        }
        let failed = end.verdict == Verdict::Failure;
        if !self.ring.push(Counts::one(failed, false)) {
            return;
        }
        let rate = self.ring.sum.failed as f32 / self.ring.size() as f32;
        if self.state == BreakerState::HalfOpen {
            self.judge_half_open(now, rate, failed);
        } else if rate >= self.rule.error_rate_closed {
            self.reopening = 1;
            self.open(now, self.rule.open_wait);
        }
    }

    fn volume(rule: &RecloserRule) -> Volume {
        Volume::ever(rule.closed_len.saturating_add(1))
    }

    fn opens_for(rule: &RecloserRule) -> SimDuration {
        rule.open_wait
    }

    fn figures(&mut self, _now: SimTime) -> Vec<Figure> {
        vec![("calls", self.ring.sum.calls.into()), ("failures", self.ring.sum.failed.into())]
    }
}
