//! The work tracker: every task's work is started, logged step by step and ended (stage4.md section 7).

use std::collections::VecDeque;

use crate::domain::{StepRecord, TaskRecord};
use crate::reward::stage4_efficiency;
use crate::units::{SimTime, TaskId};

/// Where a work stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkPhase {
    /// No step has ended yet.
    Started,
    /// A step has ended.
    InProgress,
    /// Every step was answered.
    Completed,
    /// It ended otherwise: shed, failed, timed out or interrupted.
    Failed,
}

impl WorkPhase {
    /// The name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    /// The phase in which an ended task leaves its work.
    #[must_use]
    pub fn of(task: &TaskRecord) -> Self {
        if task.served { Self::Completed } else { Self::Failed }
    }
}

/// One work in flight.
#[derive(Clone, Copy, Debug)]
struct Work {
    started: SimTime,
    phase: WorkPhase,
    n_steps: u32,
    quality: f64,
    efficiency: f64,
    tokens: u64,
}

/// What a work came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorkMetrics {
    /// Completed or failed.
    pub phase: WorkPhase,
    /// Steps logged.
    pub n_steps: u32,
    /// Mean quality of the steps, 0-100.
    pub quality: f64,
    /// Mean of the steps' efficiency by the plan's formula, each to one decimal.
    pub efficiency: f64,
    /// Billed tokens per minute of work; `None` for work that took no time.
    pub tokens_per_minute: Option<f64>,
    /// Seconds per step.
    pub seconds_per_step: f64,
    /// Billed tokens over the estimate.
    pub tokens_per_estimate: f64,
}

/// Efficiency of a step, 0-100 to one decimal, as the plan's tracker keeps it (stage4.md section 7).
#[must_use]
pub fn step_efficiency(step: &StepRecord) -> f64 {
    let duration_ms = step.ended.since(step.started).as_millis_f64();
    let exact = stage4_efficiency(step.quality, step.tokens as f64, duration_ms);
    (exact * 10.0).round() / 10.0
}

/// The tracker: works in flight by task, and counts of records.
#[derive(Clone, Debug, Default)]
pub struct WorkTracker {
    first: u64,
    open: VecDeque<Option<Work>>,
    /// Works started.
    pub n_started: u64,
    /// Works ended that had been started.
    pub n_ended: u64,
    /// Steps and ends that belong to no open work.
    pub n_stray: u64,
}

impl WorkTracker {
    /// A task's work begins; tasks come in order of their number, none left out.
    pub fn start_work(&mut self, task: TaskId, now: SimTime) {
        if self.open.is_empty() {
            self.first = task.0;
        }
        self.n_started += 1;
        self.open.push_back(Some(Work {
            started: now,
            phase: WorkPhase::Started,
            n_steps: 0,
            quality: 0.0,
            efficiency: 0.0,
            tokens: 0,
        }));
    }

    fn open(&mut self, task: TaskId) -> Option<&mut Option<Work>> {
        let at = task.0.checked_sub(self.first)?;
        self.open.get_mut(at as usize).filter(|work| work.is_some())
    }

    /// A step of a work ends.
    pub fn log_step(&mut self, step: &StepRecord) {
        let Some(Some(work)) = self.open(step.task) else {
            self.n_stray += 1;
            return;
        };
        work.phase = WorkPhase::InProgress;
        work.n_steps += 1;
        work.quality += step.quality;
        work.efficiency += step_efficiency(step);
        work.tokens += step.tokens;
    }

    /// Where a task's work stands; `None` if it is not open.
    #[must_use]
    pub fn phase(&self, task: TaskId) -> Option<WorkPhase> {
        let at = task.0.checked_sub(self.first)?;
        self.open.get(at as usize)?.as_ref().map(|work| work.phase)
    }

    /// A work ends; `None` if it was not open.
    pub fn end_work(&mut self, task: &TaskRecord) -> Option<WorkMetrics> {
        let Some(work) = self.open(task.task).and_then(Option::take) else {
            self.n_stray += 1;
            return None;
        };
        while self.open.front().is_some_and(Option::is_none) {
            self.open.pop_front();
            self.first += 1;
        }
        self.n_ended += 1;
        let steps = f64::from(work.n_steps.max(1));
        let seconds = task.ended.since(work.started).as_secs_f64();
        Some(WorkMetrics {
            phase: WorkPhase::of(task),
            n_steps: work.n_steps,
            quality: work.quality / steps,
            efficiency: work.efficiency / steps,
            tokens_per_minute: (seconds > 0.0).then(|| 60.0 * work.tokens as f64 / seconds),
            seconds_per_step: seconds / steps,
            tokens_per_estimate: work.tokens as f64 / task.estimated_tokens.max(1.0),
        })
    }

    /// Works started and not ended.
    #[must_use]
    pub fn n_open(&self) -> u64 {
        self.n_started - self.n_ended
    }
}
