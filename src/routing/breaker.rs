//! Circuit breakers: one per model, refusing calls after repeated failures.

use jiff::Timestamp;

use crate::domain::{BreakerEvent, BreakerState, ModelSet, Outcome, StackEvent};
use crate::sim::stream::Streams;
use crate::units::{ModelId, SimDuration, SimTime};

/// What a breaker gave to a call that it let pass, to be handed back when the call ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permit(u32);

/// How a call ended, as a breaker takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It speaks for the model.
    Success,
    /// It speaks against it.
    Failure,
    /// It says nothing of it: cancelled, or an error of the caller's own.
    Ignored,
}

/// The end of a call.
#[derive(Clone, Copy, Debug)]
pub struct CallEnd {
    /// As the breaker takes it.
    pub verdict: Verdict,
    /// How it ended.
    pub outcome: Outcome,
    /// From its permit to its end.
    pub duration: SimDuration,
}

/// What breakers know of the stack that they stand in.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// By model, those that may take its place, itself among them: its group.
    pub peers: Vec<ModelSet>,
    /// The instant of virtual time zero, for windows that follow the clock.
    pub start: Timestamp,
    /// Random numbers of the run.
    pub streams: Streams,
}

/// Which breaker a stack has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BreakerRule {
    /// Every call passes.
    None,
    /// The plan's breaker (stage4.md section 11).
    Stage4(Stage4Rule),
}

/// The plan's thresholds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage4Rule {
    /// Consecutive failures that open it.
    pub failures_to_open: u32,
    /// Time from opening until it may half-open.
    pub open_for: SimDuration,
    /// Successes since half-opening that close it.
    pub successes_to_close: u32,
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
    /// A closed breaker.
    #[must_use]
    pub fn new(rule: Stage4Rule) -> Self {
        Self {
            rule,
            state: BreakerState::Closed,
            consecutive_failures: 0,
            successes: 0,
            opened: SimTime::ZERO,
        }
    }

    /// The present state.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// Whether a call at `now` would pass.
    #[must_use]
    pub fn would_pass(&self, now: SimTime) -> bool {
        self.state != BreakerState::Open || now.since(self.opened) >= self.rule.open_for
    }

    /// When its time alone lets a call pass.
    fn passes_from(&self) -> SimTime {
        match self.state {
            BreakerState::Open => self.opened + self.rule.open_for,
            _ => SimTime::ZERO,
        }
    }

    /// Asks for a call: half-opens if its time has come, and says whether the call passes.
    pub fn acquire(&mut self, now: SimTime) -> bool {
        if !self.would_pass(now) {
            return false;
        }
        if self.state == BreakerState::Open {
            self.enter(BreakerState::HalfOpen);
        }
        true
    }

    /// Books a result.
    pub fn record(&mut self, now: SimTime, success: bool) {
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

/// The breakers of all models, with their transitions.
#[derive(Clone, Debug)]
pub struct Breakers {
    breakers: Vec<Stage4Breaker>,
    open: ModelSet,
}

impl Breakers {
    /// Closed breakers for all models, or none at all.
    #[must_use]
    pub fn new(rule: &BreakerRule, surroundings: &Surroundings) -> Self {
        let breakers = match rule {
            BreakerRule::None => Vec::new(),
            BreakerRule::Stage4(rule) => {
                vec![Stage4Breaker::new(*rule); surroundings.peers.len()]
            }
        };
        Self { breakers, open: ModelSet::EMPTY }
    }

    /// The models whose breaker would refuse a call at `now`.
    #[inline]
    #[must_use]
    pub fn refusing(&self, now: SimTime) -> ModelSet {
        let mut refusing = self.open;
        for model in self.open.iter() {
            if self.breakers[model.index()].would_pass(now) {
                refusing.remove(model);
            }
        }
        refusing
    }

    /// The first instant from `now` on at which `model`'s breaker may let a call pass, as far as time alone decides;
    /// `None` if it waits for something else.
    #[must_use]
    pub fn passes_from(&self, now: SimTime, model: ModelId) -> Option<SimTime> {
        let breaker = self.breakers.get(model.index());
        breaker.map_or(Some(now), |breaker| Some(breaker.passes_from().max(now)))
    }

    /// Asks for a call to `model`.
    #[inline]
    pub fn acquire(
        &mut self,
        now: SimTime,
        model: ModelId,
        log: &mut Vec<StackEvent>,
    ) -> Option<Permit> {
        let passes = self.with(now, model, log, |breaker| breaker.acquire(now)).unwrap_or(true);
        passes.then_some(Permit(0))
    }

    /// Takes the result of a call to `model` that had been let pass.
    #[inline]
    pub fn settle(
        &mut self,
        now: SimTime,
        model: ModelId,
        _permit: Permit,
        end: CallEnd,
        log: &mut Vec<StackEvent>,
    ) {
        self.with(now, model, log, |breaker| match end.verdict {
            Verdict::Success => breaker.record(now, true),
            Verdict::Failure => breaker.record(now, false),
            Verdict::Ignored => {}
        });
    }

    /// When a breaker changes by time alone next.
    #[inline]
    #[must_use]
    pub fn due(&self) -> SimTime {
        SimTime::NEVER
    }

    /// Makes the changes that are due at `now`.
    pub fn advance(&mut self, _now: SimTime, _log: &mut Vec<StackEvent>) {}

    fn with<T>(
        &mut self,
        at: SimTime,
        model: ModelId,
        log: &mut Vec<StackEvent>,
        act: impl FnOnce(&mut Stage4Breaker) -> T,
    ) -> Option<T> {
        let breaker = self.breakers.get_mut(model.index())?;
        let from = breaker.state();
        let result = act(breaker);
        let to = breaker.state();
        if from != to {
            log.push(StackEvent::Breaker(BreakerEvent { at, model, from, to }));
            if to == BreakerState::Open {
                self.open.insert(model);
            } else {
                self.open.remove(model);
            }
        }
        Some(result)
    }
}
