//! Sessions: they arrive on their own, and go through turns that wait for one another.

use crate::math;
use crate::sim::queue::EventQueue;
use crate::sim::sample::{LogNormal, standard_exponential, standard_normal};
use crate::sim::stream::{Purpose, Streams};
use crate::units::{ModelId, SimDuration, SimTime, TaskId};

use super::open::{OpenArrivals, OpenSpec};
use super::{Arrival, Turn};

/// The most turns that a session has.
const MOST_TURNS: u32 = 1 << 24;

/// How many turns a session has, at least one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Turns {
    /// Always the same number.
    Constant(u32),
    /// Geometric: after each turn another follows with the same probability.
    Geometric {
        /// Mean number, at least 1.
        mean: f64,
    },
}

/// How long a user thinks, from the end of one turn to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Think {
    /// Always the same time.
    Constant(SimDuration),
    /// Exponential.
    Exponential {
        /// Mean.
        mean: SimDuration,
    },
    /// Lognormal, in seconds.
    LogNormal(LogNormal),
}

/// Sessions that arrive and go through their turns.
#[derive(Clone, Debug)]
pub struct SessionSpec {
    /// When sessions arrive, each with its first turn.
    pub arrivals: OpenSpec,
    /// How many turns each has.
    pub turns: Turns,
    /// Time from the end of a turn, however it ended, to the next.
    pub think: Think,
    /// Of the tokens of a session's answered turns, prompts' own part and answers, the share that each later prompt
    /// repeats.
    pub context_share: f64,
}

/// A session in progress.
#[derive(Clone, Copy, Debug)]
struct Session {
    number: u64,
    turn: u32,
    turns: u32,
    answered_tokens: u64,
}

/// The sessions of one seed. Arrivals, turns and thoughts of a session are drawn by its number alone.
#[derive(Debug)]
pub(super) struct Sessions {
    turns: Turns,
    think: Think,
    context_share: f64,
    arrivals: OpenArrivals,
    streams: Streams,
    begun: u64,
    in_progress: Vec<Session>,
    vacant: Vec<u32>,
    thinking: EventQueue,
}

impl Sessions {
    pub(super) fn new(spec: SessionSpec, streams: Streams) -> Self {
        let SessionSpec { arrivals, turns, think, context_share } = spec;
        Self {
            turns,
            think,
            context_share,
            arrivals: OpenArrivals::new(arrivals, streams),
            streams,
            begun: 0,
            in_progress: Vec::new(),
            vacant: Vec::new(),
            thinking: EventQueue::default(),
        }
    }

    /// The first turn of the next session.
    pub(super) fn begin(&mut self) -> Option<Arrival> {
        let at = self.arrivals.next()?;
        let number = self.begun;
        self.begun += 1;
        let turns = match self.turns {
            Turns::Constant(n) => n.min(MOST_TURNS),
            Turns::Geometric { mean } => {
                let u = self.streams.nth(Purpose::Session, number).uniform();
                geometric(u, mean)
            }
        };
        let session = Session { number, turn: 0, turns, answered_tokens: 0 };
        let place = match self.vacant.pop() {
            Some(place) => {
                self.in_progress[place as usize] = session;
                place
            }
            None => {
                self.in_progress.push(session);
                self.in_progress.len() as u32 - 1
            }
        };
        Some(self.arrival(at, place))
    }

    fn arrival(&self, at: SimTime, place: u32) -> Arrival {
        let session = &self.in_progress[place as usize];
        // The cast saturates.
        let context_tokens = (session.answered_tokens as f64 * self.context_share + 0.5) as u32;
        let turn = Turn { session: session.number, nth: session.turn, context_tokens, place };
        Arrival { turn: Some(turn), ..Arrival::plain(at) }
    }

    /// Ends a turn at `now`, and says when the next one comes, if one does.
    pub(super) fn end(
        &mut self,
        turn: Turn,
        now: SimTime,
        answered_tokens: u64,
    ) -> Option<SimTime> {
        let session = &mut self.in_progress[turn.place as usize];
        session.turn += 1;
        if session.turn >= session.turns {
            self.vacant.push(turn.place);
            return None;
        }
        session.answered_tokens += answered_tokens;
        let (number, nth) = (session.number, session.turn);
        let draw = || {
            let (high, low) = ((nth >> 16) as usize, nth & 0xffff);
            self.streams.call(Purpose::Session, TaskId(number), ModelId(0), high, low)
        };
        let think = match self.think {
            Think::Constant(think) => think,
            Think::Exponential { mean } => {
                SimDuration::from_secs_f64(standard_exponential(&mut draw()) * mean.as_secs_f64())
            }
            Think::LogNormal(law) => {
                SimDuration::from_secs_f64(law.at(standard_normal(&mut draw())))
            }
        };
        let at = now + think;
        self.thinking.push(at, turn.place);
        Some(at)
    }

    /// The turn that is due at `now`.
    pub(super) fn next_turn(&mut self, now: SimTime) -> Arrival {
        let (at, place) = self.thinking.pop().expect("a turn is due");
        assert!(at == now, "a turn is due at {at:?} instead of {now:?}");
        self.arrival(at, place)
    }
}

/// The number at quantile `u` of the geometric law on 1, 2, ... with this mean.
fn geometric(u: f64, mean: f64) -> u32 {
    if mean <= 1.0 {
        return 1;
    }
    let further = math::ln(u) / math::ln(1.0 - 1.0 / mean);
    1 + further.min(f64::from(MOST_TURNS - 1)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_geometric_law_has_its_quantiles() {
        // With mean 4 a further turn follows with probability 3/4: P(N > n) = (3/4)^n.
        assert_eq!(geometric(0.76, 4.0), 1);
        assert_eq!(geometric(0.74, 4.0), 2);
        assert_eq!(geometric(0.57, 4.0), 2);
        assert_eq!(geometric(0.56, 4.0), 3);
        assert_eq!(geometric(0.3, 1.0), 1);
        assert_eq!(geometric(1e-300, 1e9), MOST_TURNS);
    }

    fn sessions(turns: u32, think_s: f64, context_share: f64) -> Sessions {
        let think = Think::Constant(SimDuration::from_secs_f64(think_s));
        let arrivals = OpenSpec::poisson(1.0);
        let turns = Turns::Constant(turns);
        Sessions::new(SessionSpec { arrivals, turns, think, context_share }, Streams::new(1))
    }

    #[test]
    fn turns_follow_one_another_and_repeat_what_was_said() {
        let mut sessions = sessions(3, 5.0, 0.5);
        let first = sessions.begin().expect("sessions do not end");
        let turn = first.turn.expect("a turn");
        assert_eq!((turn.session, turn.nth, turn.context_tokens), (0, 0, 0));
        let second = sessions.begin().expect("sessions do not end");
        assert_eq!(second.turn.expect("a turn").session, 1);
        let now = SimTime(100_000_000_000);
        let due = sessions.end(turn, now, 300).expect("two turns are left");
        assert_eq!(due, SimTime(105_000_000_000));
        let turn = sessions.next_turn(due).turn.expect("a turn");
        assert_eq!((turn.session, turn.nth, turn.context_tokens), (0, 1, 150));
        // A turn without an answer adds nothing.
        let due = sessions.end(turn, due, 0).expect("one turn is left");
        let turn = sessions.next_turn(due).turn.expect("a turn");
        assert_eq!((turn.nth, turn.context_tokens), (2, 150));
        assert_eq!(sessions.end(turn, due, 10), None);
        // The place of a session that has ended goes to the next.
        let third = sessions.begin().expect("sessions do not end").turn.expect("a turn");
        assert_eq!((third.session, third.nth, third.context_tokens), (2, 0, 0));
    }
}
