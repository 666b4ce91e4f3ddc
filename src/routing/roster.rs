//! Models that the router has only for a part of the run: added or taken away by whoever runs it.

use crate::domain::ModelSet;
use crate::units::{ModelId, SimTime};

/// A model that is there only for a part of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presence {
    /// The model.
    pub model: ModelId,
    /// When it is added.
    pub from: SimTime,
    /// When it is taken away.
    pub until: SimTime,
}

/// The roster in flight.
#[derive(Clone, Debug)]
pub(super) struct Roster {
    presences: Vec<Presence>,
    next: SimTime,
    absent: ModelSet,
}

impl Roster {
    /// The roster at the start.
    pub(super) fn new(presences: &[Presence]) -> Self {
        let mut roster =
            Self { presences: presences.to_vec(), next: SimTime::NEVER, absent: ModelSet::EMPTY };
        roster.look(SimTime::ZERO);
        roster
    }

    /// When a model is added or taken away next.
    pub(super) fn due(&self) -> SimTime {
        self.next
    }

    /// The models that are not there.
    pub(super) fn absent(&self) -> ModelSet {
        self.absent
    }

    /// Goes on to `now`; returns the models that were added.
    pub(super) fn advance(&mut self, now: SimTime) -> ModelSet {
        let before = self.absent;
        self.look(now);
        before.minus(self.absent)
    }

    fn look(&mut self, now: SimTime) {
        let is_there = |p: &Presence| p.from <= now && now < p.until;
        let named: ModelSet = self.presences.iter().map(|p| p.model).collect();
        let there = self.presences.iter().filter(|p| is_there(p)).map(|p| p.model).collect();
        self.absent = named.minus(there);
        let times = self.presences.iter().flat_map(|p| [p.from, p.until]);
        self.next = times.filter(|at| *at > now).min().unwrap_or(SimTime::NEVER);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_come_and_go() {
        let of = |model, from, until| Presence {
            model: ModelId(model),
            from: SimTime(from),
            until: SimTime(until),
        };
        let mut roster = Roster::new(&[of(1, 10, 30), of(2, 0, 20), of(2, 40, u64::MAX)]);
        let absent = |roster: &Roster| roster.absent().iter().map(|m| m.0).collect::<Vec<_>>();
        assert_eq!((absent(&roster), roster.due()), (vec![1], SimTime(10)));
        assert_eq!(roster.advance(SimTime(10)).nth(0), Some(ModelId(1)));
        assert_eq!((absent(&roster), roster.due()), (vec![], SimTime(20)));
        assert!(roster.advance(SimTime(20)).is_empty());
        assert_eq!((absent(&roster), roster.due()), (vec![2], SimTime(30)));
        roster.advance(SimTime(30));
        assert_eq!(roster.advance(SimTime(40)).nth(0), Some(ModelId(2)));
        assert_eq!((absent(&roster), roster.due()), (vec![1], SimTime::NEVER));
    }
}
