//! What every breaker is to the stack: a small machine for each model, asked before a call and told after it.

use std::fmt::Debug;

use jiff::Timestamp;

use super::{CallEnd, Permit, Verdict};
use crate::domain::{BreakerState, Outcome};
use crate::sim::stream::{Purpose, Streams};
use crate::units::{ModelId, SimDuration, SimTime, TaskId};

/// A figure of a breaker: its name as the library calls it, and its value.
pub type Figure = (&'static str, f64);

/// One breaker of one library. A library is one file that implements this, and its row in `presets!`.
pub trait Machine: Clone + Debug {
    /// Its configuration.
    type Rule: Clone + Debug + PartialEq;

    /// It changes by time alone, not only when it is asked or told.
    const TIMED: bool = false;

    /// Where it and all that could take its place refuse, the call passes.
    const FAILS_OPEN: bool = false;

    /// A breaker at virtual time zero.
    fn new(rule: &Self::Rule, birth: Birth) -> Self;

    /// The present state.
    fn state(&self) -> BreakerState;

    /// Whether it may refuse a call at some time from now on if nothing is asked of it and nothing told.
    fn guards(&self) -> bool {
        self.state() != BreakerState::Closed
    }

    /// Whether a call at `now` would pass.
    fn would_pass(&self, now: SimTime) -> bool;

    /// When time alone lets a call pass; `None` if it waits for a result.
    fn passes_from(&self) -> Option<SimTime>;

    /// When its next timer fires.
    fn due(&self) -> SimTime {
        SimTime::NEVER
    }

    /// Fires the timer that is due next, which is at `now`.
    fn fire(&mut self, _now: SimTime) {}

    /// Asks for a call; its timers up to `now` have fired.
    fn acquire(&mut self, now: SimTime) -> Option<Permit>;

    /// Lets a call pass that it refuses.
    fn pass_anyway(&mut self) -> Permit {
        Permit::default()
    }

    /// Takes the end of a call that it had let pass.
    fn settle(&mut self, now: SimTime, permit: Permit, end: &CallEnd);

    /// What it counts, as one reads it at `now`; some libraries move their windows by being read.
    fn figures(&mut self, now: SimTime) -> Vec<Figure>;

    /// The fewest results that can open it.
    fn volume(rule: &Self::Rule) -> Volume;

    /// How long it is open after the first opening; the shortest where that is drawn.
    fn opens_for(rule: &Self::Rule) -> SimDuration;

    /// What surprises the users of a configuration.
    fn traps(_rule: &Self::Rule) -> Vec<&'static str> {
        Vec::new()
    }

    /// In which way a configuration can get stuck, and how to avoid it.
    fn wedges(_rule: &Self::Rule) -> Option<&'static str> {
        None
    }
}

/// The fewest results that can open a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volume {
    /// How many.
    pub results: u32,
    /// Within which time; `None`: any.
    pub within: Option<SimDuration>,
}

impl Volume {
    /// So many results, however long they take.
    pub(super) fn ever(results: u32) -> Self {
        Self { results: results.max(1), within: None }
    }

    /// So many results within a time.
    pub(super) fn within(results: u32, time: SimDuration) -> Self {
        Self { results: results.max(1), within: Some(time) }
    }
}

/// What a breaker is born with.
#[derive(Clone, Copy, Debug)]
pub struct Birth {
    /// The model that it guards.
    pub model: ModelId,
    /// Nanoseconds since 1970 at virtual time zero.
    pub epoch: i128,
    /// Random numbers of the run.
    pub streams: Streams,
}

impl Birth {
    /// The birth of `model`'s breaker in a run that begins at `start`.
    pub(super) fn of(model: ModelId, start: Timestamp, streams: Streams) -> Self {
        Self { model, epoch: start.as_nanosecond(), streams }
    }

    /// Nanoseconds since 1970 at `now`.
    pub(super) fn since_epoch(&self, now: SimTime) -> i128 {
        self.epoch + i128::from(now.0)
    }

    /// The `nth` uniform number of this breaker, in (0, 1).
    pub(super) fn uniform(&self, nth: u32) -> f64 {
        self.streams.call(Purpose::Breaker, TaskId(nth.into()), self.model, 0, 0).uniform()
    }
}

/// A set of outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutcomeSet(u32);

impl OutcomeSet {
    /// The set of `outcomes`.
    #[must_use]
    pub const fn of(outcomes: &[Outcome]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < outcomes.len() {
            bits |= 1 << outcomes[at] as u32;
            at += 1;
        }
        Self(bits)
    }

    /// Whether `outcome` is in it.
    #[inline]
    #[must_use]
    pub const fn contains(self, outcome: Outcome) -> bool {
        self.0 >> outcome as u32 & 1 == 1
    }
}

impl FromIterator<Outcome> for OutcomeSet {
    fn from_iter<I: IntoIterator<Item = Outcome>>(outcomes: I) -> Self {
        Self(outcomes.into_iter().fold(0, |bits, outcome| bits | 1 << outcome as u32))
    }
}

/// How a breaker takes outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classes {
    /// Outcomes that count as failures; `None`: all that serve nobody.
    pub failures: Option<OutcomeSet>,
    /// Outcomes that are ignored, whatever the library does with such.
    pub ignored: OutcomeSet,
}

impl Classes {
    /// All that serve nobody are failures, cancelled ones too: what a library does that is told of every error.
    pub const ALL_UNSERVED: Self = Self { failures: None, ignored: OutcomeSet::of(&[]) };

    /// All that serve nobody are failures, but for calls that the caller gave up.
    pub const UNSERVED: Self = Self {
        failures: None,
        ignored: OutcomeSet::of(&[Outcome::Cancelled, Outcome::Shed, Outcome::Interrupted]),
    };

    /// How `outcome` is taken, which the stack serves somebody with, or not.
    #[inline]
    #[must_use]
    pub fn verdict(&self, outcome: Outcome, served: bool) -> Verdict {
        let failed = self.failures.map_or(!served, |failures| failures.contains(outcome));
        match (self.ignored.contains(outcome), failed) {
            (true, _) => Verdict::Ignored,
            (false, true) => Verdict::Failure,
            (false, false) => Verdict::Success,
        }
    }
}

/// The time for which a breaker is open.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wait {
    /// When it is over.
    pub until: SimTime,
    /// Whether at that very instant it still refuses.
    strict: bool,
}

impl Wait {
    /// Over at the end of `span`: a call at that instant passes.
    pub(super) fn inclusive(now: SimTime, span: SimDuration) -> Self {
        Self { until: now + span, strict: false }
    }

    /// Over after the end of `span`: a call at that instant is refused.
    pub(super) fn strict(now: SimTime, span: SimDuration) -> Self {
        Self { until: now + span, strict: true }
    }

    /// Whether it is over at `now`.
    pub(super) fn is_over(&self, now: SimTime) -> bool {
        if self.strict { now > self.until } else { now >= self.until }
    }

    /// The first instant at which it is over.
    pub(super) fn over_from(&self) -> SimTime {
        self.until + SimDuration(self.strict.into())
    }

    /// Whether a breaker in `state` lets a call pass at `now`; in half-open if `on_trial`.
    #[inline]
    pub(super) fn lets_pass(&self, state: BreakerState, now: SimTime, on_trial: bool) -> bool {
        match state {
            BreakerState::Closed => true,
            BreakerState::Open => self.is_over(now),
            BreakerState::HalfOpen => on_trial,
        }
    }

    /// When time alone lets a call of a breaker in `state` pass; in half-open at once if `on_trial`, else a result is
    /// waited for.
    pub(super) fn lets_pass_from(&self, state: BreakerState, on_trial: bool) -> Option<SimTime> {
        match state {
            BreakerState::Closed => Some(SimTime::ZERO),
            BreakerState::Open => Some(self.over_from()),
            BreakerState::HalfOpen => on_trial.then_some(SimTime::ZERO),
        }
    }
}
