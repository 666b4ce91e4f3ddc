//! The breaker that reflexarc recommends.
//!
//! A sliding window of time or a run of failures opens it. In half-open a limited number of probes is in flight, and every
//! probe resolves: to a success, to a failure, or to nothing that can be said, which gives its permit back; so it cannot
//! wedge as deer-flow #3991 and roni #323 did on a probe that failed by its caller's fault. A result of a call from before
//! the last transition is ignored: a stale completion neither opens nor closes it (vellum #41236).

use super::machine::{Birth, Classes, Figure, Machine, OutcomeSet, Volume, Wait};
use super::window::{Counts, Slices};
use super::{CallEnd, Permit, Verdict};
use crate::domain::{BreakerState, Outcome};
use crate::math::powf;
use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};

/// Slices of the window.
const SLICES: u32 = 10;

/// What opens it, and how it comes back.
#[derive(Clone, Debug, PartialEq)]
pub struct ReflexarcRule {
    /// The sliding window, in tenths of it.
    pub window: SimDuration,
    /// Results in the window without which their rate does not count.
    pub min_calls: u32,
    /// The share of failures from which it opens.
    pub failure_rate: f64,
    /// Failures in a row that open it whatever the rate; 0: none do.
    pub consecutive_failures: u32,
    /// How long it stays open first.
    pub open_for: SimDuration,
    /// By how much each opening without a close before it is longer than the last.
    pub growth: f64,
    /// The longest.
    pub max_open: SimDuration,
    /// Probes in flight at most.
    pub probes: u32,
    /// Successful probes that close it.
    pub successes_to_close: u32,
    /// How it takes outcomes.
    pub classes: Classes,
}

/// What speaks against a provider: it did not answer.
const FAILURES: [Outcome; 3] = [Outcome::ApiError, Outcome::ConnectionError, Outcome::Timeout];

/// What says nothing of its health: limits, keys, prompts that it does not take, calls that were given up.
const IGNORED: [Outcome; 8] = [
    Outcome::RateLimited,
    Outcome::QuotaExhausted,
    Outcome::Auth,
    Outcome::ContextLength,
    Outcome::ContentPolicy,
    Outcome::Cancelled,
    Outcome::Shed,
    Outcome::Interrupted,
];

impl Default for ReflexarcRule {
    fn default() -> Self {
        Self {
            window: SimDuration(30 * NANOS_PER_SECOND),
            min_calls: 10,
            failure_rate: 0.5,
            consecutive_failures: 5,
            open_for: SimDuration(10 * NANOS_PER_SECOND),
            growth: 2.0,
            max_open: SimDuration(300 * NANOS_PER_SECOND),
            probes: 1,
            successes_to_close: 2,
            classes: Classes {
                failures: Some(OutcomeSet::of(&FAILURES)),
                ignored: OutcomeSet::of(&IGNORED),
            },
        }
    }
}

/// One breaker.
#[derive(Clone, Debug)]
pub struct ReflexarcBreaker {
    rule: ReflexarcRule,
    state: BreakerState,
    /// Transitions so far: a permit of another era is not for this state.
    era: u32,
    window: Slices,
    in_a_row: u32,
    wait: Wait,
    openings: u32,
    /// Probes in flight, and those that succeeded.
    in_flight: u32,
    successes: u32,
}

impl ReflexarcBreaker {
    fn enter(&mut self, state: BreakerState) {
        self.state = state;
        self.era = self.era.wrapping_add(1);
        self.window.clear();
        (self.in_a_row, self.in_flight, self.successes) = (0, 0, 0);
    }

    fn open(&mut self, now: SimTime) {
        let grown = powf(self.rule.growth, self.openings.into());
        let span = SimDuration((self.rule.open_for.0 as f64 * grown) as u64);
        self.openings = self.openings.saturating_add(1);
        self.wait = Wait::inclusive(now, span.min(self.rule.max_open));
        self.enter(BreakerState::Open);
    }

    fn slice(&self, now: SimTime) -> i64 {
        (now.0 / (self.rule.window.0 / u64::from(SLICES)).max(1)) as i64
    }

    fn settle_closed(&mut self, now: SimTime, failed: bool) {
        self.window.push(self.slice(now), Counts::one(failed, false));
        self.in_a_row = if failed { self.in_a_row + 1 } else { 0 };
        let sum = self.window.sum;
        let enough = sum.calls >= self.rule.min_calls.max(1);
        let rate = f64::from(sum.failed) / f64::from(sum.calls);
        let run = self.rule.consecutive_failures;
        // A success that only lets the rate stand as it was opens nothing.
        let opens = enough && rate >= self.rule.failure_rate || run > 0 && self.in_a_row >= run;
        if failed && opens {
            self.open(now);
        }
    }

    fn settle_probe(&mut self, now: SimTime, verdict: Verdict) {
        self.in_flight -= 1;
        match verdict {
            Verdict::Ignored => {}
            Verdict::Failure => self.open(now),
            Verdict::Success => {
                self.successes += 1;
                if self.successes >= self.rule.successes_to_close {
                    self.openings = 0;
                    self.enter(BreakerState::Closed);
                }
            }
        }
    }
}

impl Machine for ReflexarcBreaker {
    type Rule = ReflexarcRule;

    fn new(rule: &ReflexarcRule, _birth: Birth) -> Self {
        Self {
            rule: rule.clone(),
            state: BreakerState::Closed,
            era: 0,
            window: Slices::new(SLICES),
            in_a_row: 0,
            wait: Wait::default(),
            openings: 0,
            in_flight: 0,
            successes: 0,
        }
    }

    fn state(&self) -> BreakerState {
        self.state
    }

    fn would_pass(&self, now: SimTime) -> bool {
        match self.state {
            BreakerState::Closed => true,
            BreakerState::Open => self.wait.is_over(now),
            BreakerState::HalfOpen => self.in_flight < self.rule.probes.max(1),
        }
    }

    fn passes_from(&self) -> Option<SimTime> {
        match self.state {
            BreakerState::Closed => Some(SimTime::ZERO),
            BreakerState::Open => Some(self.wait.over_from()),
            BreakerState::HalfOpen => self.would_pass(SimTime::ZERO).then_some(SimTime::ZERO),
        }
    }

    fn acquire(&mut self, now: SimTime) -> Option<Permit> {
        if !self.would_pass(now) {
            return None;
        }
        if self.state == BreakerState::Open {
            self.enter(BreakerState::HalfOpen);
        }
        if self.state == BreakerState::HalfOpen {
            self.in_flight += 1;
        }
        Some(Permit(self.era))
    }

    fn settle(&mut self, now: SimTime, permit: Permit, end: &CallEnd) {
        if permit != Permit(self.era) {
            return;
        }
        match (self.state, end.verdict) {
            (BreakerState::HalfOpen, verdict) => self.settle_probe(now, verdict),
            (BreakerState::Closed, Verdict::Success) => self.settle_closed(now, false),
            (BreakerState::Closed, Verdict::Failure) => self.settle_closed(now, true),
            // Open lets no call pass in its era.
            (BreakerState::Closed, Verdict::Ignored) | (BreakerState::Open, _) => {}
        }
    }

    fn volume(rule: &ReflexarcRule) -> Volume {
        if rule.consecutive_failures > 0 {
            return Volume::ever(rule.consecutive_failures.min(rule.min_calls));
        }
        Volume::within(rule.min_calls, rule.window)
    }

    fn opens_for(rule: &ReflexarcRule) -> SimDuration {
        rule.open_for.min(rule.max_open)
    }

    fn figures(&mut self, now: SimTime) -> Vec<Figure> {
        let slice = self.slice(now);
        self.window.move_to(slice);
        vec![
            ("calls", self.window.sum.calls.into()),
            ("failures", self.window.sum.failed.into()),
            ("in_a_row", self.in_a_row.into()),
            ("probes_in_flight", self.in_flight.into()),
            ("probe_successes", self.successes.into()),
        ]
    }
}
