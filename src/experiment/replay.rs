//! One run of a study once more, and all that happened to one of its tasks.

use crate::domain::{
    AttemptRecord, BreakerEvent, BreakerState, Decision, FallbackEvent, Gates, Role, StackEvent,
    StepRecord, TaskRecord,
};
use crate::engine::{self, Observer};
use crate::results::manifest::{CellEntry, Manifest};
use crate::scenario::resolved::Resolved;
use crate::units::{ModelId, SimTime, TaskId};

use super::select::fixed;

/// Something that happened to the task, or to a breaker while it lived.
#[derive(Clone, Debug)]
pub enum Entry {
    /// It arrived.
    Arrived,
    /// A call ended.
    Ended(AttemptRecord),
    /// A breaker changed its state.
    Breaker(BreakerEvent),
    /// A fallback was asked for.
    Fallback(FallbackEvent),
    /// A call was chosen, or none.
    Decision(Box<Decision>),
    /// A call was sent: the one that ended later.
    Sent(AttemptRecord),
    /// A step ended.
    Step(StepRecord),
    /// It ended.
    Done,
}

impl Entry {
    /// When it happened, its step, and its place among what happened in that instant.
    fn key(&self, task: &TaskRecord, step_then: u8) -> (SimTime, u8, u8) {
        match self {
            Self::Arrived => (task.arrived, 0, 0),
            Self::Ended(call) => (call.dispatched + call.response.duration, call.step, 1),
            Self::Breaker(event) => (event.at, step_then, 2),
            // A choice that found nobody comes before the fallback that it led to, a fallback before its own choice.
            Self::Decision(decision) if decision.role != Role::Fallback => {
                (decision.at, decision.step, 3)
            }
            Self::Fallback(event) => (event.at, event.step, 4),
            Self::Decision(decision) => (decision.at, decision.step, 5),
            Self::Sent(call) => (call.dispatched, call.step, 6),
            Self::Step(step) => (step.ended, step.step, 7),
            Self::Done => (task.ended, u8::MAX, 8),
        }
    }

    /// When it happened.
    #[must_use]
    pub fn at(&self, task: &TaskRecord) -> SimTime {
        self.key(task, 0).0
    }
}

/// All that happened to one task.
#[derive(Clone, Debug)]
pub struct Story {
    /// The task as it ended.
    pub task: TaskRecord,
    /// Breakers that were not closed when it arrived.
    pub not_closed: Vec<(ModelId, BreakerState, SimTime)>,
    /// What happened, in order of time.
    pub entries: Vec<Entry>,
    /// The run left the same hash of events as it did then.
    pub is_same: bool,
}

/// Why a run could not be told again.
#[derive(Debug, thiserror::Error)]
pub enum NotReplayed {
    /// The scenario has lost a block, a variant or a model of the results.
    #[error(
        "the results have {what} {name}, which the scenario does not; they are of another version"
    )]
    Gone {
        /// What is gone.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The run is one of bandit mode.
    #[error(
        "block {0} is in bandit mode, where a stack decides nothing; its rounds are in the table `tasks`"
    )]
    Bandit(String),
    /// The task did not come about.
    #[error(
        "task {task} did not arrive: this program makes {n} tasks of the run; it is of another version"
    )]
    NoTask {
        /// The task.
        task: u64,
        /// Tasks of the run.
        n: u64,
    },
}

/// Runs the cell of `entry` once more and keeps what happened to `task`.
///
/// # Errors
/// If the scenario is not that of the results, or is one of bandit mode.
pub fn replay(
    scenario: &Resolved,
    manifest: &Manifest,
    entry: &CellEntry,
    task: TaskId,
) -> Result<Story, NotReplayed> {
    let gone = |what, name: &str| NotReplayed::Gone { what, name: name.to_owned() };
    let block = scenario.blocks.iter().find(|block| block.name == entry.block);
    let block = block.ok_or_else(|| gone("the block", &entry.block))?;
    if block.bandit.is_some() {
        return Err(NotReplayed::Bandit(block.name.clone()));
    }
    let variant = scenario.variants.iter().find(|variant| variant.name == entry.variant);
    let variant = variant.ok_or_else(|| gone("the variant", &entry.variant))?;
    let chosen = manifest
        .selections
        .iter()
        .find(|own| own.block == entry.block && own.variant == entry.variant);
    let stack = match chosen {
        None => variant.stack.clone(),
        Some(own) => {
            let at = scenario.registry.models.iter().position(|model| model.name == own.model);
            let at = at.ok_or_else(|| gone("the model", &own.model))?;
            fixed(variant, ModelId(at as u16))
        }
    };
    let mut listener = Listener {
        task,
        lives: false,
        step: 0,
        breakers: vec![(Gates::default(), SimTime::ZERO); block.registry.models.len()],
        not_closed: Vec::new(),
        entries: Vec::new(),
        record: None,
    };
    let digest =
        engine::run_explaining(&scenario.cell(block, &stack), entry.seed, task, &mut listener);
    let none = NotReplayed::NoTask { task: task.0, n: digest.n_tasks };
    let record = listener.record.ok_or(none)?;
    let mut entries = listener.entries;
    entries.sort_by_key(|(step, entry)| entry.key(&record, *step));
    Ok(Story {
        task: record,
        not_closed: listener.not_closed,
        entries: entries.into_iter().map(|(_, entry)| entry).collect(),
        is_same: format!("{:016x}", digest.event_hash) == entry.event_hash,
    })
}

/// Keeps what concerns one task.
struct Listener {
    task: TaskId,
    lives: bool,
    /// Its step at the time.
    step: u8,
    breakers: Vec<(Gates, SimTime)>,
    not_closed: Vec<(ModelId, BreakerState, SimTime)>,
    entries: Vec<(u8, Entry)>,
    record: Option<TaskRecord>,
}

impl Listener {
    fn note(&mut self, entry: Entry) {
        self.entries.push((self.step, entry));
    }
}

impl Observer for Listener {
    fn task_arrived(&mut self, record: &TaskRecord) {
        if record.task == self.task {
            self.lives = true;
            let ids = (0..).map(ModelId);
            let states =
                ids.zip(&self.breakers).map(|(model, (gates, at))| (model, gates.state(), *at));
            self.not_closed =
                states.filter(|(_, state, _)| *state != BreakerState::Closed).collect();
            self.note(Entry::Arrived);
        }
    }

    fn attempt_ended(&mut self, record: &AttemptRecord) {
        if record.task == self.task {
            self.note(Entry::Sent(*record));
            self.note(Entry::Ended(*record));
        }
    }

    fn step_ended(&mut self, record: &StepRecord) {
        if record.task == self.task {
            self.note(Entry::Step(*record));
            self.step += 1;
        }
    }

    fn stack_event(&mut self, event: &StackEvent) {
        match event {
            StackEvent::Breaker(event) => {
                let (gates, since) = &mut self.breakers[event.model.index()];
                let before = gates.state();
                gates.change(event.from, event.to);
                if gates.state() != before {
                    *since = event.at;
                }
                if self.lives {
                    self.note(Entry::Breaker(*event));
                }
            }
            StackEvent::Fallback(event) if event.task == self.task => {
                self.note(Entry::Fallback(*event));
            }
            StackEvent::Decision(decision) if decision.task == self.task => {
                self.note(Entry::Decision(decision.clone()));
            }
            _ => {}
        }
    }

    fn task_ended(&mut self, record: &TaskRecord) {
        if record.task == self.task {
            self.note(Entry::Done);
            self.record = Some(*record);
            self.lives = false;
        }
    }
}
