//! One breaker behind the seam that the stack uses, driven by hand.

use jiff::Timestamp;
use reflexarc::domain::{BreakerState, ModelSet, Outcome, StackEvent};
use reflexarc::routing::breaker::{BreakerRule, Breakers, CallEnd, Permit, Surroundings, Verdict};
use reflexarc::sim::stream::Streams;
use reflexarc::units::{ModelId, SimDuration, SimTime};

/// The model that the breaker guards.
pub(crate) const MODEL: ModelId = ModelId(0);

/// An instant in seconds.
pub(crate) fn at(seconds: f64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs_f64(seconds)
}

/// The breakers of `n` models that may take each other's place, in a run that starts at a time in ms since 1970.
pub(crate) fn breakers(rule: &BreakerRule, n: usize, start_ms: i64) -> Breakers {
    let start = Timestamp::from_millisecond(start_ms).expect("it is a time");
    let peers = vec![ModelSet::first(n); n];
    Breakers::new(rule, &Surroundings { peers, start, streams: Streams::new(1) })
}

/// One breaker, and what it logged. A model that is never called could take the place of its own, so that nothing fails open.
#[derive(Clone)]
pub(crate) struct OneBreaker {
    /// The breaker.
    pub(crate) breakers: Breakers,
    /// All that was logged.
    pub(crate) log: Vec<StackEvent>,
}

impl OneBreaker {
    /// A breaker at time zero.
    pub(crate) fn new(rule: &BreakerRule) -> Self {
        Self::starting(rule, 1_700_000_000_000)
    }

    /// A breaker of a run that starts at a time in ms since 1970.
    pub(crate) fn starting(rule: &BreakerRule, start_ms: i64) -> Self {
        Self { breakers: breakers(rule, 2, start_ms), log: Vec::new() }
    }

    /// Asks for a call; what it says beforehand must be what it does.
    pub(crate) fn acquire(&mut self, now: SimTime) -> Option<Permit> {
        self.breakers.advance(now, &mut self.log);
        let refuses = self.breakers.refusing(now).contains(MODEL);
        let from = self.breakers.passes_from(now, MODEL);
        assert_eq!(from == Some(now), !refuses, "{from:?} at {now:?}");
        let permit = self.breakers.acquire(now, MODEL, &mut self.log);
        assert_eq!(refuses, permit.is_none(), "it said otherwise before, at {now:?}");
        permit
    }

    /// Ends a call.
    pub(crate) fn end(
        &mut self,
        now: SimTime,
        permit: Permit,
        verdict: Verdict,
        took: SimDuration,
    ) {
        let outcome = match verdict {
            Verdict::Success => Outcome::Success,
            Verdict::Failure => Outcome::ApiError,
            Verdict::Ignored => Outcome::ContextLength,
        };
        let end = CallEnd { verdict, outcome, duration: took };
        self.breakers.settle(now, MODEL, permit, end, &mut self.log);
    }

    /// The state at `now`, after what is due by then.
    pub(crate) fn state(&mut self, now: SimTime) -> BreakerState {
        self.breakers.advance(now, &mut self.log);
        self.breakers.state(MODEL)
    }
}
