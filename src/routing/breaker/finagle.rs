//! The failure accrual of Finagle (`FailureAccrualFactory`, `FailureAccrualPolicy`).
//!
//! Kept as it is there: dead for a growing time with equal jitter, then one probe; a probe whose result is ignorable opens
//! probing again; a failed probe for which the policy has no dead time is tried again at once; where all targets are dead or
//! being probed, it fails open and calls pass.
//! Alive is closed here, dead is open, and both states of probing are half-open.

use super::accrual::{Accrual, DeadTime, Dialect, Policy};
use super::machine::{Birth, Classes, Figure, Machine, Volume};
use super::{CallEnd, Permit, Verdict};
use crate::domain::BreakerState;
use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};

/// The policy.
#[derive(Clone, Debug, PartialEq)]
pub struct FinagleRule {
    /// When a target is dead and for how long.
    pub policy: Accrual,
    /// How it takes outcomes; what is ignored is `ResponseClass.Ignorable`.
    pub classes: Classes,
}

impl Default for FinagleRule {
    fn default() -> Self {
        let dead = DeadTime::EqualJittered {
            start: SimDuration(5 * NANOS_PER_SECOND),
            max: SimDuration(300 * NANOS_PER_SECOND),
        };
        Self { policy: Accrual::with(&dead), classes: Classes::UNSERVED }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Alive,
    Dead { until: SimTime },
    ProbeOpen,
    ProbeClosed,
}

/// One breaker of Finagle.
#[derive(Clone, Debug)]
pub struct FinagleBreaker {
    policy: Policy,
    state: State,
}

impl Machine for FinagleBreaker {
    type Rule = FinagleRule;
    const TIMED: bool = true;
    const FAILS_OPEN: bool = true;

    fn new(rule: &FinagleRule, birth: Birth) -> Self {
        Self { policy: Policy::new(&rule.policy, Dialect::Finagle, birth), state: State::Alive }
    }

    fn state(&self) -> BreakerState {
        match self.state {
            State::Alive => BreakerState::Closed,
            State::Dead { .. } => BreakerState::Open,
            State::ProbeOpen | State::ProbeClosed => BreakerState::HalfOpen,
        }
    }

    fn would_pass(&self, now: SimTime) -> bool {
        match self.state {
            State::Alive | State::ProbeOpen => true,
            State::Dead { until } => now >= until,
            State::ProbeClosed => false,
        }
    }

    fn passes_from(&self) -> Option<SimTime> {
        match self.state {
            State::Alive | State::ProbeOpen => Some(SimTime::ZERO),
            State::Dead { until } => Some(until),
            State::ProbeClosed => None,
        }
    }

    fn due(&self) -> SimTime {
        match self.state {
            State::Dead { until } => until,
            _ => SimTime::NEVER,
        }
    }

    fn fire(&mut self, _now: SimTime) {
        self.state = State::ProbeOpen;
    }

    fn acquire(&mut self, _now: SimTime) -> Option<Permit> {
        match self.state {
            State::Alive => {}
            State::ProbeOpen => self.state = State::ProbeClosed,
            State::Dead { .. } | State::ProbeClosed => return None,
        }
        Some(Permit::default())
    }

    fn settle(&mut self, now: SimTime, _permit: Permit, end: &CallEnd) {
        let probed = self.state == State::ProbeClosed;
        match end.verdict {
            Verdict::Success => {
                if probed {
                    self.policy.revive(now);
                    self.state = State::Alive;
                }
                self.policy.succeed(now);
            }
            Verdict::Failure if probed || self.state == State::Alive => {
                match self.policy.fail(now) {
                    Some(span) => self.state = State::Dead { until: now + span },
                    None if probed => self.state = State::ProbeOpen,
                    None => {}
                }
            }
            Verdict::Ignored if probed => self.state = State::ProbeOpen,
            Verdict::Failure | Verdict::Ignored => {}
        }
    }

    fn volume(rule: &FinagleRule) -> Volume {
        rule.policy.volume()
    }

    fn opens_for(rule: &FinagleRule) -> SimDuration {
        rule.policy.opens_for(Dialect::Finagle)
    }

    fn figures(&mut self, _now: SimTime) -> Vec<Figure> {
        vec![("consecutive_failures", self.policy.failures().into())]
    }
}
