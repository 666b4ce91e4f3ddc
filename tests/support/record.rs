//! An observer that keeps all that it is shown.

use reflexarc::domain::{
    AttemptRecord, BreakerEvent, FallbackEvent, StackEvent, StepRecord, TaskRecord,
};
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
    /// All else that the stack did or noticed.
    pub(crate) events: Vec<StackEvent>,
    /// Ended steps.
    pub(crate) steps: Vec<StepRecord>,
    /// Ended tasks.
    pub(crate) tasks: Vec<TaskRecord>,
}

impl Observer for Record {
    fn task_arrived(&mut self, record: &TaskRecord) {
        self.arrivals.push((record.arrived, record.task));
    }

    fn step_ended(&mut self, record: &StepRecord) {
        self.steps.push(*record);
    }

    fn attempt_ended(&mut self, record: &AttemptRecord) {
        self.attempts.push(*record);
    }

    fn stack_event(&mut self, event: &StackEvent) {
        match event {
            StackEvent::Fallback(event) => self.fallbacks.push(*event),
            StackEvent::Breaker(event) => self.breaker.push(*event),
            other => self.events.push(other.clone()),
        }
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
