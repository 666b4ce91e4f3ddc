//! A fault that stops a model, and what became of the model: when it was left alone, when it served again.

use super::spans::FaultSpan;
use crate::domain::ModelSet;
use crate::units::{ModelId, SimTime};

/// One fault and one of the models that it stops.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) from: SimTime,
    pub(super) to: SimTime,
    /// When the first call was sent to the model while the fault lasted.
    pub(super) called: Option<SimTime>,
    /// First instant within the fault at which the model is left alone.
    pub(super) left_alone: Option<SimTime>,
    /// No other fault stops the model as this one ends.
    pub(super) frees: bool,
    /// End of the first served call that was sent after the fault.
    pub(super) served: Option<SimTime>,
}

/// The pairs of one model.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairs {
    /// In order of their starts.
    pub(super) all: Vec<Pair>,
    /// The latest end of the first ones up to each.
    reach: Vec<SimTime>,
    /// Positions in order of their ends, and how many of them have been served since.
    by_end: Vec<usize>,
    served: usize,
}

impl Pairs {
    pub(super) fn of(model: ModelId, faults: &[FaultSpan], measured_from: SimTime) -> Self {
        let hits = |models: ModelSet| models.contains(model);
        let stopping: Vec<&FaultSpan> =
            faults.iter().filter(|fault| fault.stops && hits(fault.models)).collect();
        let frees = |own: &FaultSpan| {
            let holds = |other: &&&FaultSpan| other.from <= own.to && own.to < other.to;
            own.to != SimTime::NEVER && !stopping.iter().any(|other| holds(&other))
        };
        let mut all: Vec<Pair> = stopping
            .iter()
            .filter(|fault| fault.from >= measured_from && fault.from < fault.to)
            .map(|fault| Pair {
                from: fault.from,
                to: fault.to,
                called: None,
                left_alone: None,
                frees: frees(fault),
                served: None,
            })
            .collect();
        all.sort_by_key(|pair| (pair.from, pair.to));
        let mut latest = SimTime::ZERO;
        let reach = all
            .iter()
            .map(|pair| {
                latest = latest.max(pair.to);
                latest
            })
            .collect();
        let mut by_end: Vec<usize> = (0..all.len()).collect();
        by_end.sort_by_key(|i| all[*i].to);
        Self { all, reach, by_end, served: 0 }
    }

    /// Those that last at `at`.
    fn at(&mut self, at: SimTime) -> impl Iterator<Item = &mut Pair> {
        let begun = self.all.partition_point(|pair| pair.from <= at);
        let ended = self.reach[..begun].partition_point(|reach| *reach <= at);
        self.all[ended..begun].iter_mut().filter(move |pair| at < pair.to)
    }

    /// A call was sent, whatever was told of later ones before.
    pub(super) fn called(&mut self, at: SimTime) {
        for pair in self.at(at) {
            pair.called = Some(pair.called.map_or(at, |earlier| earlier.min(at)));
        }
    }

    /// The model is left alone at an instant, whatever was noticed of later ones before.
    pub(super) fn left_alone(&mut self, at: SimTime) {
        for pair in self.at(at) {
            pair.left_alone = Some(pair.left_alone.map_or(at, |earlier| earlier.min(at)));
        }
    }

    /// The model has been left alone from before `from` up to `to`: faults that began meanwhile never had a call.
    pub(super) fn left_alone_through(&mut self, from: SimTime, to: SimTime) {
        let first = self.all.partition_point(|pair| pair.from < from);
        for pair in self.all[first..].iter_mut().take_while(|pair| pair.from < to) {
            pair.left_alone = Some(pair.from);
        }
    }

    /// A served call has ended; calls are told in order of their ends.
    pub(super) fn call_served(&mut self, sent: SimTime, ended: SimTime) {
        while let Some(at) = self.by_end.get(self.served) {
            let pair = &mut self.all[*at];
            if sent < pair.to {
                return;
            }
            pair.served = Some(ended);
            self.served += 1;
        }
    }
}
