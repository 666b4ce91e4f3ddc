//! Workloads: when tasks arrive, and how long a replayed one's prompt and answer are.

mod closed;
mod gaps;
mod open;
mod profile;
mod rate;
mod recording;
mod sessions;

pub use gaps::GapLaw;
pub use open::OpenSpec;
pub use profile::RateProfile;
pub use rate::Modulation;
pub use recording::{Recording, TraceRow};
pub use sessions::{SessionSpec, Think, Turns};

use crate::sim::stream::Streams;
use crate::units::{SimDuration, SimTime};

use closed::ClosedLoop;
use open::OpenArrivals;
use sessions::Sessions;

/// How tasks arrive.
#[derive(Clone, Debug)]
pub enum WorkloadSpec {
    /// Independent arrivals at a constant rate.
    Poisson {
        /// Mean arrivals per second.
        rate_per_s: f64,
    },
    /// Arrivals that wait for nothing, in bursts, or at a rate that changes.
    Open(OpenSpec),
    /// One arrival every `interval`.
    FixedInterval {
        /// Time between arrivals.
        interval: SimDuration,
    },
    /// A constant number of tasks in flight: the next arrives as one ends.
    ClosedLoop {
        /// Tasks in flight.
        in_flight: u32,
        /// Pause before the next one.
        think: SimDuration,
        /// Each user sends task i, from 0, no earlier than i times this.
        interval: SimDuration,
    },
    /// Sessions that arrive and go through their turns.
    Sessions(SessionSpec),
    /// Recorded arrivals and lengths.
    Trace(Recording),
}

/// One arrival.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival {
    /// When.
    pub at: SimTime,
    /// Recorded lengths of prompt and answer, in a replay.
    pub tokens: Option<(u32, u32)>,
    /// The turn that it is, in a session.
    pub turn: Option<Turn>,
    /// Whose it is in a closed loop.
    user: u32,
}

/// One turn of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Number of the session, from 0 in order of arrival.
    pub session: u64,
    /// Number of the turn in its session, from 0.
    pub nth: u32,
    /// Tokens of earlier turns that its prompts repeat.
    pub context_tokens: u32,
    /// Where the session keeps its state.
    place: u32,
}

impl Arrival {
    /// An arrival of which nothing but the time is given.
    #[must_use]
    pub fn plain(at: SimTime) -> Self {
        Self { at, tokens: None, turn: None, user: 0 }
    }
}

/// A workload in flight: arrivals are pulled one at a time.
#[derive(Debug)]
pub struct Workload {
    source: Source,
    issued: u64,
}

#[derive(Debug)]
enum Source {
    Open(OpenArrivals),
    FixedInterval { interval: SimDuration },
    ClosedLoop(ClosedLoop),
    Sessions(Sessions),
    Trace(Recording),
}

impl Workload {
    /// The arrivals of one seed.
    #[must_use]
    pub fn new(spec: WorkloadSpec, streams: Streams) -> Self {
        let source = match spec {
            WorkloadSpec::Poisson { rate_per_s } => {
                Source::Open(OpenArrivals::new(OpenSpec::poisson(rate_per_s), streams))
            }
            WorkloadSpec::Open(spec) => Source::Open(OpenArrivals::new(spec, streams)),
            WorkloadSpec::FixedInterval { interval } => Source::FixedInterval { interval },
            WorkloadSpec::ClosedLoop { in_flight, think, interval } => {
                Source::ClosedLoop(ClosedLoop::new(in_flight, think, interval))
            }
            WorkloadSpec::Sessions(spec) => Source::Sessions(Sessions::new(spec, streams)),
            WorkloadSpec::Trace(recording) => Source::Trace(recording),
        };
        Self { source, issued: 0 }
    }

    /// The next arrival that does not wait for a task's end.
    #[inline]
    pub fn next_arrival(&mut self) -> Option<Arrival> {
        let n = self.issued;
        let arrival = match &mut self.source {
            Source::Open(open) => Arrival::plain(open.next()?),
            Source::FixedInterval { interval } => {
                Arrival::plain(SimTime::ZERO + SimDuration(interval.0.saturating_mul(n)))
            }
            Source::ClosedLoop(users) => users.begin(n)?,
            Source::Sessions(sessions) => sessions.begin()?,
            Source::Trace(recording) => {
                let (at, tokens) = recording.nth(n)?;
                Arrival { tokens: Some(tokens), ..Arrival::plain(at) }
            }
        };
        self.issued += 1;
        Some(arrival)
    }

    /// When the task arrives that waited for the end at `now` of `arrival`, if one did: the next of a closed loop, or the
    /// next turn of its session. `answered_tokens` are those of its own part of the prompts and of the answers, none if
    /// there was no answer. It is to be fetched at that time with [`Workload::returning`].
    ///
    /// A task of a closed loop that is turned away in no time at all is followed after at least a second, or the loop
    /// would spin, unless an interval spaces its tasks; a session ends by itself.
    #[inline]
    #[must_use]
    pub fn after_end(
        &mut self,
        arrival: Arrival,
        now: SimTime,
        answered_tokens: u64,
    ) -> Option<SimTime> {
        match &mut self.source {
            Source::ClosedLoop(users) => Some(users.end(arrival, now)),
            Source::Sessions(sessions) => sessions.end(arrival.turn?, now, answered_tokens),
            Source::Open(_) | Source::FixedInterval { .. } | Source::Trace(_) => None,
        }
    }

    /// The arrival whose time [`Workload::after_end`] gave, the first of them if there are several at `now`.
    #[inline]
    #[must_use]
    pub fn returning(&mut self, now: SimTime) -> Arrival {
        match &mut self.source {
            Source::Sessions(sessions) => sessions.next_turn(now),
            Source::ClosedLoop(users) => users.next(now),
            _ => Arrival::plain(now),
        }
    }
}
