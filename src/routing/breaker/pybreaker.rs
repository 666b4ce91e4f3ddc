//! The circuit breaker of pybreaker 1.4.1.
//!
//! Kept as it is there: a result is judged by the state that let its call pass, so that a late failure opens an open
//! breaker anew and a late success may close it from open; half-open limits no calls; every success empties the one counter
//! of failures.

use super::machine::{Birth, Classes, Figure, Machine, Volume, Wait};
use super::{CallEnd, Permit, Verdict};
use crate::domain::BreakerState;
use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};

/// The arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct PybreakerRule {
    /// Consecutive failures that open it.
    pub fail_max: u32,
    /// How long it stays open.
    pub reset_timeout: SimDuration,
    /// Successes in half-open that close it.
    pub success_threshold: u32,
    /// How it takes outcomes; what is ignored is an excluded exception, which counts as a success.
    pub classes: Classes,
}

impl Default for PybreakerRule {
    fn default() -> Self {
        Self {
            fail_max: 5,
            reset_timeout: SimDuration(60 * NANOS_PER_SECOND),
            success_threshold: 1,
            classes: Classes::ALL_UNSERVED,
        }
    }
}

/// The permit of a call that half-open let pass.
const TRIAL: Permit = Permit(1);

/// One breaker of pybreaker.
#[derive(Clone, Debug)]
pub struct PybreakerBreaker {
    rule: PybreakerRule,
    state: BreakerState,
    wait: Wait,
    failures: u32,
    successes: u32,
}

impl PybreakerBreaker {
    fn enter(&mut self, state: BreakerState) {
        self.state = state;
        self.successes = 0;
    }

    fn open(&mut self, now: SimTime) {
        self.enter(BreakerState::Open);
        self.wait = Wait::inclusive(now, self.rule.reset_timeout);
    }
}

impl Machine for PybreakerBreaker {
    type Rule = PybreakerRule;

    fn new(rule: &PybreakerRule, _birth: Birth) -> Self {
        Self {
            rule: rule.clone(),
            state: BreakerState::Closed,
            wait: Wait::default(),
            failures: 0,
            successes: 0,
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
            self.enter(BreakerState::HalfOpen);
        }
        Some(if self.state == BreakerState::HalfOpen { TRIAL } else { Permit::default() })
    }

    fn settle(&mut self, now: SimTime, permit: Permit, end: &CallEnd) {
        let trial = permit == TRIAL;
        if end.verdict == Verdict::Failure {
            self.failures += 1;
            if trial || self.failures >= self.rule.fail_max {
                self.open(now);
            }
            return;
        }
        self.failures = 0;
        if trial {
            self.successes += 1;
            if self.successes >= self.rule.success_threshold {
                self.enter(BreakerState::Closed);
            }
        }
    }

    fn volume(rule: &PybreakerRule) -> Volume {
        Volume::ever(rule.fail_max)
    }

    fn opens_for(rule: &PybreakerRule) -> SimDuration {
        rule.reset_timeout
    }

    fn figures(&mut self, _now: SimTime) -> Vec<Figure> {
        vec![("fail_counter", self.failures.into()), ("success_counter", self.successes.into())]
    }
}
