//! The circuit breaker of purgatory 3.0.1.
//!
//! Kept as it is there: open refuses at its deadline still; half-open limits no calls, and the first result that comes, of
//! whichever call, decides it; open takes in nothing.

use super::machine::{Birth, Classes, Figure, Machine, Volume, Wait};
use super::{CallEnd, Permit, Verdict};
use crate::domain::BreakerState;
use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};

/// The arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct PurgatoryRule {
    /// Consecutive failures that open it.
    pub threshold: u32,
    /// How long it stays open.
    pub ttl: SimDuration,
    /// How it takes outcomes; what is ignored is an excluded exception, which counts as a success.
    pub classes: Classes,
}

impl Default for PurgatoryRule {
    fn default() -> Self {
        Self {
            threshold: 5,
            ttl: SimDuration(30 * NANOS_PER_SECOND),
            classes: Classes::ALL_UNSERVED,
        }
    }
}

/// One breaker of purgatory.
#[derive(Clone, Debug)]
pub struct PurgatoryBreaker {
    rule: PurgatoryRule,
    state: BreakerState,
    wait: Wait,
    failures: u32,
}

impl Machine for PurgatoryBreaker {
    type Rule = PurgatoryRule;

    fn new(rule: &PurgatoryRule, _birth: Birth) -> Self {
        Self { rule: rule.clone(), state: BreakerState::Closed, wait: Wait::default(), failures: 0 }
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
        }
        Some(Permit::default())
    }

    fn settle(&mut self, now: SimTime, _permit: Permit, end: &CallEnd) {
        let failed = end.verdict == Verdict::Failure;
        match self.state {
            BreakerState::Open => return,
            BreakerState::HalfOpen if !failed => self.state = BreakerState::Closed,
            _ => {}
        }
        if !failed {
            self.failures = 0;
            return;
        }
        self.failures += 1;
        if self.state == BreakerState::HalfOpen || self.failures >= self.rule.threshold {
            self.state = BreakerState::Open;
            self.wait = Wait::strict(now, self.rule.ttl);
            self.failures = 0;
        }
    }

    fn volume(rule: &PurgatoryRule) -> Volume {
        Volume::ever(rule.threshold)
    }

    fn opens_for(rule: &PurgatoryRule) -> SimDuration {
        rule.ttl
    }

    fn figures(&mut self, _now: SimTime) -> Vec<Figure> {
        vec![("failure_count", self.failures.into())]
    }
}
