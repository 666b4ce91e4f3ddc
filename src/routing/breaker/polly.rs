//! The circuit breaker of Polly v8 (`Polly.Core/CircuitBreaker`, commit 173d6d1d).
//!
//! Kept as it is there: half-open lets exactly one call pass; a result is booked in the state that it finds; whatever the
//! strategy does not handle counts as a success, so that a bad request or a cancelled call closes half-open; failures in
//! half-open are not counted.

use std::collections::VecDeque;

use super::machine::{Birth, Classes, Figure, Machine, OutcomeSet, Volume, Wait};
use super::window::Counts;
use super::{CallEnd, Permit, Verdict};
use crate::domain::BreakerState;
use crate::math::powf;
use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};

/// Windows of a sampling duration.
const WINDOWS: u64 = 10;

/// A sampling duration that is shorter has one window alone.
const SHORTEST_ROLLING: SimDuration = SimDuration(200_000_000);

/// The options.
#[derive(Clone, Debug, PartialEq)]
pub struct PollyRule {
    /// The share of failures from which it opens.
    pub failure_ratio: f64,
    /// Results in the sampling duration without which it does not open.
    pub minimum_throughput: u32,
    /// The time over which results are counted.
    pub sampling_duration: SimDuration,
    /// How long it stays open.
    pub break_duration: SimDuration,
    /// A generator of break durations in its place: each half-open attempt since it closed last makes it so much longer.
    pub break_duration_factor: f64,
    /// The longest break of such a generator.
    pub max_break_duration: SimDuration,
    /// How it takes outcomes; what is ignored is not handled, and a success.
    pub classes: Classes,
}

impl Default for PollyRule {
    fn default() -> Self {
        Self {
            failure_ratio: 0.1,
            minimum_throughput: 100,
            sampling_duration: SimDuration(30 * NANOS_PER_SECOND),
            break_duration: SimDuration(5 * NANOS_PER_SECOND),
            break_duration_factor: 1.0,
            max_break_duration: SimDuration(86_400 * NANOS_PER_SECOND),
            classes: Classes::UNSERVED,
        }
    }
}

/// Results over the sampling duration: windows that begin with a result each, or one that is emptied when it is over.
#[derive(Clone, Debug)]
struct Health {
    sampling: SimDuration,
    rolling: bool,
    windows: VecDeque<(SimTime, Counts)>,
    sum: Counts,
}

impl Health {
    fn new(sampling: SimDuration) -> Self {
        let mut health = Self {
            sampling,
            rolling: sampling >= SHORTEST_ROLLING,
            windows: VecDeque::new(),
            sum: Counts::default(),
        };
        health.reset(SimTime::ZERO);
        health
    }

    fn reset(&mut self, now: SimTime) {
        self.windows.clear();
        self.sum = Counts::default();
        if !self.rolling {
            self.windows.push_back((now, Counts::default()));
        }
    }

    fn update(&mut self, now: SimTime) {
        if !self.rolling {
            if self.windows.front().is_none_or(|(from, _)| now.since(*from) >= self.sampling) {
                self.reset(now);
            }
            return;
        }
        let span = SimDuration(self.sampling.0 / WINDOWS);
        if self.windows.back().is_none_or(|(from, _)| now.since(*from) >= span) {
            self.windows.push_back((now, Counts::default()));
        }
        while let Some((from, counts)) = self.windows.front().copied()
            && now.since(from) >= self.sampling
        {
            self.sum.take_off(counts);
            self.windows.pop_front();
        }
    }

    fn record(&mut self, now: SimTime, failed: bool) {
        self.update(now);
        let result = Counts::one(failed, false);
        if let Some((_, counts)) = self.windows.back_mut() {
            counts.add(result);
        }
        self.sum.add(result);
    }
}

/// One breaker of Polly.
#[derive(Clone, Debug)]
pub struct PollyBreaker {
    rule: PollyRule,
    state: BreakerState,
    health: Health,
    wait: Wait,
    half_open_attempts: u32,
}

impl PollyBreaker {
    fn open(&mut self, now: SimTime) {
        let grown = powf(self.rule.break_duration_factor, self.half_open_attempts.into());
        let span = SimDuration((self.rule.break_duration.0 as f64 * grown) as u64);
        self.state = BreakerState::Open;
        self.wait = Wait::inclusive(now, span.min(self.rule.max_break_duration));
    }

    fn fail(&mut self, now: SimTime) {
        if self.state == BreakerState::HalfOpen {
            self.open(now);
            return;
        }
        self.health.record(now, true);
        let sum = self.health.sum;
        let ratio = f64::from(sum.failed) / f64::from(sum.calls);
        if self.state == BreakerState::Closed
            && sum.calls >= self.rule.minimum_throughput
            && ratio >= self.rule.failure_ratio
        {
            self.open(now);
        }
    }
}

impl Machine for PollyBreaker {
    type Rule = PollyRule;

    fn new(rule: &PollyRule, _birth: Birth) -> Self {
        Self {
            rule: rule.clone(),
            state: BreakerState::Closed,
            health: Health::new(rule.sampling_duration),
            wait: Wait::default(),
            half_open_attempts: 0,
        }
    }

    fn state(&self) -> BreakerState {
        self.state
    }

    fn would_pass(&self, now: SimTime) -> bool {
        self.wait.lets_pass(self.state, now, false)
    }

    fn passes_from(&self) -> Option<SimTime> {
        self.wait.lets_pass_from(self.state, false)
    }

    fn acquire(&mut self, now: SimTime) -> Option<Permit> {
        if !self.would_pass(now) {
            return None;
        }
        if self.state == BreakerState::Open {
            self.state = BreakerState::HalfOpen;
            self.half_open_attempts += 1;
        }
        Some(Permit::default())
    }

    fn settle(&mut self, now: SimTime, _permit: Permit, end: &CallEnd) {
        if end.verdict == Verdict::Failure {
            self.fail(now);
            return;
        }
        self.health.record(now, false);
        if self.state == BreakerState::HalfOpen {
            self.state = BreakerState::Closed;
            self.half_open_attempts = 0;
            self.health.reset(now);
        }
    }

    fn volume(rule: &PollyRule) -> Volume {
        Volume::within(rule.minimum_throughput, rule.sampling_duration)
    }

    fn opens_for(rule: &PollyRule) -> SimDuration {
        rule.break_duration.min(rule.max_break_duration)
    }

    fn traps(rule: &PollyRule) -> Vec<&'static str> {
        let ignores = rule.classes.ignored != OutcomeSet::default();
        let trap = "what Polly does not handle is a success to it: a trial call that ends in an outcome of `ignored`, a \
                    cancelled one for example, closes the breaker though the model may still be down";
        ignores.then_some(trap).into_iter().collect()
    }

    fn figures(&mut self, now: SimTime) -> Vec<Figure> {
        self.health.update(now);
        vec![
            ("throughput", self.health.sum.calls.into()),
            ("failures", self.health.sum.failed.into()),
        ]
    }

    fn wedges(_rule: &PollyRule) -> Option<&'static str> {
        Some(
            "half-open waits for the end of its one call and has no time limit of its own: bound that call's time \
             (`call_timeout`), or the breaker refuses for good",
        )
    }
}
