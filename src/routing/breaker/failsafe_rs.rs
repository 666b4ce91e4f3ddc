//! The circuit breaker of the crate failsafe 1.3.0 (failsafe-rs).
//!
//! Kept as it is there: half-open limits no calls, any success closes it and any failure opens it; open takes in successes
//! but no failures; a failure in half-open for which the policy has no dead time takes the last one again.

use super::accrual::{Accrual, DeadTime, Dialect, Policy};
use super::machine::{Birth, Classes, Figure, Machine, Volume, Wait};
use super::{CallEnd, Permit, Verdict};
use crate::domain::BreakerState;
use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};

/// The failure policy.
#[derive(Clone, Debug, PartialEq)]
pub struct FailsafeRsRule {
    /// When it opens and for how long.
    pub policy: Accrual,
    /// How it takes outcomes; what is ignored fails its predicate and is a success.
    pub classes: Classes,
}

impl Default for FailsafeRsRule {
    fn default() -> Self {
        let dead = DeadTime::EqualJittered {
            start: SimDuration(10 * NANOS_PER_SECOND),
            max: SimDuration(300 * NANOS_PER_SECOND),
        };
        Self { policy: Accrual::with(&dead), classes: Classes::UNSERVED }
    }
}

/// One breaker of failsafe-rs.
#[derive(Clone, Debug)]
pub struct FailsafeRsBreaker {
    policy: Policy,
    state: BreakerState,
    wait: Wait,
    /// How long it was open last.
    last: SimDuration,
}

impl FailsafeRsBreaker {
    fn open(&mut self, now: SimTime, span: SimDuration) {
        self.state = BreakerState::Open;
        self.wait = Wait::strict(now, span);
        self.last = span;
    }
}

impl Machine for FailsafeRsBreaker {
    type Rule = FailsafeRsRule;

    fn new(rule: &FailsafeRsRule, birth: Birth) -> Self {
        Self {
            policy: Policy::new(&rule.policy, Dialect::FailsafeRs, birth),
            state: BreakerState::Closed,
            wait: Wait::default(),
            last: SimDuration::ZERO,
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
        }
        Some(Permit::default())
    }

    fn settle(&mut self, now: SimTime, _permit: Permit, end: &CallEnd) {
        if end.was_dropped() {
            // A future that is dropped tells it nothing.
        } else if end.verdict != Verdict::Failure {
            if self.state == BreakerState::HalfOpen {
                self.state = BreakerState::Closed;
                self.policy.revive(now);
            }
            self.policy.succeed(now);
        } else if self.state != BreakerState::Open {
            let span = self.policy.fail(now);
            let span = span.or((self.state == BreakerState::HalfOpen).then_some(self.last));
            if let Some(span) = span {
                self.open(now, span);
            }
        }
    }

    fn volume(rule: &FailsafeRsRule) -> Volume {
        rule.policy.volume()
    }

    fn opens_for(rule: &FailsafeRsRule) -> SimDuration {
        rule.policy.opens_for(Dialect::FailsafeRs)
    }

    fn figures(&mut self, _now: SimTime) -> Vec<Figure> {
        vec![("consecutive_failures", self.policy.failures().into())]
    }
}
