//! The loop: one stack lives in one world for one seed. Only here do truth and belief meet.

mod bandit;
mod call;
mod run;
mod task;

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::domain::{AttemptRecord, StackEvent, StepRecord, TaskRecord};
use crate::registry::Registry;
use crate::reward::Reward;
use crate::routing::StackRule;
use crate::routing::order::Belief;
use crate::units::{SimTime, TaskId};
use crate::world::WorldSpec;
use crate::world::bandit::Problem;
use crate::world::expectation::Lengths;
use crate::world::workload::WorkloadSpec;

/// When arrivals stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At this instant.
    At(SimTime),
    /// After this many tasks.
    Tasks(u64),
}

/// Everything that a run depends on but the seed.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The truth.
    pub world: Arc<WorldSpec>,
    /// Arrivals.
    pub workload: WorkloadSpec,
    /// Where the expectation takes lengths from.
    pub lengths: Lengths,
    /// The scenario's zone.
    pub zone: TimeZone,
    /// When arrivals stop.
    pub end: End,
    /// Work in flight at the end is interrupted instead of drained.
    pub cut: bool,
    /// What the router believes of models.
    pub registry: Arc<Registry>,
    /// The stack.
    pub stack: Arc<StackRule>,
    /// What results are measured in.
    pub reward: Reward,
    /// Decision regret is measured.
    pub regret: bool,
    /// The bandit problem that is played in the place of world and workload, in bandit mode.
    pub bandit: Option<Arc<Problem>>,
}

/// Watches a run; cannot act on it.
pub trait Observer {
    /// The run begins, and the learner believes this.
    fn run_begins(&mut self, _beliefs: &[Belief]) {}
    /// A task has arrived (and started): its work begins.
    fn task_arrived(&mut self, _record: &TaskRecord) {}
    /// A call has ended.
    fn attempt_ended(&mut self, _record: &AttemptRecord) {}
    /// A step has ended.
    fn step_ended(&mut self, _record: &StepRecord) {}
    /// The stack did or noticed something.
    fn stack_event(&mut self, _event: &StackEvent) {}
    /// A task has ended.
    fn task_ended(&mut self, _record: &TaskRecord) {}
    /// The instant of the next [`Observer::sample`].
    fn sample_due(&self) -> SimTime {
        SimTime::NEVER
    }
    /// The state of the run at that instant.
    fn sample(&mut self, _at: SimTime, _sample: Sample) {}
}

/// The state of a run at one instant.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The daily quota of every model's account.
    pub quotas: Vec<QuotaSample>,
    /// What the learner believes.
    pub beliefs: Vec<Belief>,
}

/// State of one model's daily quota.
#[derive(Clone, Copy, Debug)]
pub struct QuotaSample {
    /// Tokens used since the reset, as the provider counts them.
    pub used: u64,
    /// The limit; `None` is unlimited.
    pub limit: Option<u64>,
    /// Tokens used, as the router believes.
    pub believed_used: u64,
}

/// An observer that looks away.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {}

/// What a run leaves besides what observers saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Rolling hash of every event's time, kind and ids.
    pub event_hash: u64,
    /// Events handled.
    pub n_events: u64,
    /// Tasks that arrived.
    pub n_tasks: u64,
    /// The last event's time.
    pub ended: SimTime,
}

/// Runs one cell for one seed.
pub fn run<O: Observer>(cell: &Cell, seed: u64, observer: &mut O) -> Digest {
    match &cell.bandit {
        Some(problem) => bandit::run(cell, problem, seed, observer),
        None => run::Run::new(cell, seed, observer).finish(),
    }
}

/// The same, with every decision about `task` told to the observer as a [`StackEvent::Decision`]; a round of bandit mode has
/// no such decisions.
pub fn run_explaining<O: Observer>(
    cell: &Cell,
    seed: u64,
    task: TaskId,
    observer: &mut O,
) -> Digest {
    match &cell.bandit {
        Some(problem) => bandit::run(cell, problem, seed, observer),
        None => {
            let mut run = run::Run::new(cell, seed, observer);
            run.stack.explains = Some(task);
            run.finish()
        }
    }
}
