//! The Stage 4 plan's breaker (stage4.md section 11).

use super::machine::{Birth, Classes, Figure, Machine, Volume};
use super::{CallEnd, Permit, Verdict};
use crate::domain::BreakerState;
use crate::units::{SimDuration, SimTime};

/// The plan's thresholds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage4Rule {
    /// Consecutive failures that open it.
    pub failures_to_open: u32,
    /// Time from opening until it may half-open.
    pub open_for: SimDuration,
    /// Successes since half-opening that close it.
    pub successes_to_close: u32,
    /// How it takes outcomes.
    pub classes: Classes,
}

impl Default for Stage4Rule {
    fn default() -> Self {
        Self {
            failures_to_open: 5,
            open_for: SimDuration::from_secs_f64(60.0),
            successes_to_close: 3,
            classes: Classes::UNSERVED,
        }
    }
}

/// One breaker of the plan.
///
/// Kept as the plan has it: one failure in half-open does not re-open it, half-open limits no calls, and results that
/// arrive while it is open are counted, so that a late failure may restart the wait.
#[derive(Clone, Debug)]
pub struct Stage4Breaker {
    rule: Stage4Rule,
    state: BreakerState,
    consecutive_failures: u32,
    successes: u32,
    opened: SimTime,
}

impl Stage4Breaker {
    fn record(&mut self, now: SimTime, success: bool) {
        if success {
            self.consecutive_failures = 0;
            self.successes += 1;
            if self.state == BreakerState::HalfOpen
                && self.successes >= self.rule.successes_to_close
            {
                self.enter(BreakerState::Closed);
            }
        } else {
            self.consecutive_failures += 1;
            if self.consecutive_failures >= self.rule.failures_to_open {
                self.state = BreakerState::Open;
                self.opened = now;
            }
        }
    }

    fn enter(&mut self, state: BreakerState) {
        self.state = state;
        self.consecutive_failures = 0;
        self.successes = 0;
    }
}

impl Machine for Stage4Breaker {
    type Rule = Stage4Rule;

    fn new(rule: &Stage4Rule, _birth: Birth) -> Self {
        Self {
            rule: *rule,
            state: BreakerState::Closed,
            consecutive_failures: 0,
            successes: 0,
            opened: SimTime::ZERO,
        }
    }

    #[inline]
    fn state(&self) -> BreakerState {
        self.state
    }

    #[inline]
    fn guards(&self) -> bool {
        self.state == BreakerState::Open
    }

    #[inline]
    fn would_pass(&self, now: SimTime) -> bool {
        self.state != BreakerState::Open || now.since(self.opened) >= self.rule.open_for
    }

    fn passes_from(&self) -> Option<SimTime> {
        Some(match self.state {
            BreakerState::Open => self.opened + self.rule.open_for,
            _ => SimTime::ZERO,
        })
    }

    #[inline]
    fn acquire(&mut self, now: SimTime) -> Option<Permit> {
        if !self.would_pass(now) {
            return None;
        }
        if self.state == BreakerState::Open {
            self.enter(BreakerState::HalfOpen);
        }
        Some(Permit::default())
    }

    #[inline]
    fn settle(&mut self, now: SimTime, _permit: Permit, end: &CallEnd) {
        match end.verdict {
            Verdict::Success => self.record(now, true),
            Verdict::Failure => self.record(now, false),
            Verdict::Ignored => {}
        }
    }

    fn volume(rule: &Stage4Rule) -> Volume {
        Volume::ever(rule.failures_to_open)
    }

    fn opens_for(rule: &Stage4Rule) -> SimDuration {
        rule.open_for
    }

    fn figures(&mut self, _now: SimTime) -> Vec<Figure> {
        vec![
            ("consecutive_failures", self.consecutive_failures.into()),
            ("successes", self.successes.into()),
        ]
    }
}
