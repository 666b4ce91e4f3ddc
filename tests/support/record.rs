//! An observer that keeps all that it is shown.

use reflexarc::domain::{AttemptRecord, BreakerEvent, FallbackEvent, TaskRecord};
use reflexarc::engine::{self, Cell, Digest, Observer};
use reflexarc::units::{SimTime, TaskId};

/// What a run showed, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    /// Arrivals.
    pub(crate) arrivals: Vec<(SimTime, TaskId)>,
    /// Ended calls.
    pub(crate) attempts: Vec<AttemptRecord>,
    /// Fallbacks.
    pub(crate) fallbacks: Vec<FallbackEvent>,
    /// Breaker transitions.
    pub(crate) breaker: Vec<BreakerEvent>,
    /// Ended tasks.
    pub(crate) tasks: Vec<TaskRecord>,
}

impl Observer for Record {
    fn task_arrived(&mut self, now: SimTime, task: TaskId) {
        self.arrivals.push((now, task));
    }

    fn attempt_ended(&mut self, record: &AttemptRecord) {
        self.attempts.push(*record);
    }

    fn fallback_asked(&mut self, event: &FallbackEvent) {
        self.fallbacks.push(*event);
    }

    fn breaker_changed(&mut self, event: &BreakerEvent) {
        self.breaker.push(*event);
    }

    fn task_ended(&mut self, record: &TaskRecord) {
        self.tasks.push(*record);
    }
}

/// Runs `cell` for `seed` and keeps everything.
pub(crate) fn record(cell: &Cell, seed: u64) -> (Record, Digest) {
    let mut record = Record::default();
    let digest = engine::run(cell, seed, &mut record);
    (record, digest)
}
