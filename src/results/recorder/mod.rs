//! The observer that turns a run into rows and statistics.

mod events;
mod gathered;
mod work;

use crate::analysis::resilience::QuotaState;
use crate::analysis::run::{Bins, RunStatistics};
use crate::analysis::window::Spans;
use crate::analysis::work::WorkPhase;
use crate::calendar::LocalClock;
use crate::domain::{Allocation, AttemptRecord, StackEvent, StepRecord, TaskRecord};
use crate::engine::{Observer, QuotaSample, Sample};
use crate::results::column::{Run, Table};
use crate::results::schema::{
    Allocations, Anomalies, AttemptRow, Attempts, Breaker, Budgets, Costs, Days, Fallbacks,
    Learning, Monitor, Policies, Scores, TaskRow, Tasks, Weights, WorkLog,
};
use crate::routing::order::Belief;
use crate::units::{ModelId, SimTime, TaskId};

/// Rows held in memory before they are written as one row group.
///
/// Larger chunks make slightly smaller files but leave the cache, and recording costs a third more.
const CHUNK_ROWS: usize = 16_384;

/// Names that rows carry.
#[derive(Clone, Copy, Debug)]
pub struct Names<'n> {
    /// The block.
    pub block: &'n str,
    /// The variant.
    pub variant: &'n str,
    /// Models by id.
    pub models: &'n [String],
    /// Task types by position.
    pub task_types: &'n [String],
    /// Recorded prompts by position; empty where answers are not recorded.
    pub prompts: &'n [String],
}

/// What is recorded of a run, and what that takes to know.
#[derive(Clone, Debug)]
pub struct Recording<'n> {
    /// Names that rows carry.
    pub names: Names<'n>,
    /// Points of the curves.
    pub bins: Bins,
    /// It is a run of bandit mode: measures of providers, levels and days say nothing.
    pub is_bandit: bool,
    /// The table of tasks is written.
    pub tasks: bool,
    /// The table of attempts is written.
    pub attempts: bool,
    /// The work tracker's log is written.
    pub work_log: bool,
    /// What the learner believes is sampled.
    pub scores: bool,
    /// Decision regret is measured.
    pub regret: bool,
    /// Spans measured apart.
    pub spans: Spans,
    /// Local time of the scenario.
    pub clock: LocalClock,
    /// USD per million tokens in the plan's own cost table, by model.
    pub plan_usd_per_mtok: Vec<f64>,
}

impl<'n> Recording<'n> {
    /// No optional table, no regret, no faults.
    #[must_use]
    pub fn plain(names: Names<'n>, bins: Bins, clock: LocalClock) -> Self {
        Self {
            names,
            bins,
            is_bandit: false,
            tasks: true,
            attempts: false,
            work_log: false,
            scores: false,
            regret: false,
            spans: Spans::default(),
            clock,
            plan_usd_per_mtok: vec![0.0; names.models.len()],
        }
    }
}

/// Where rows go.
pub trait RowSink {
    /// Takes the rows of one table; the table is emptied afterwards.
    fn take<T: Table>(&mut self, table: &T);
}

/// Lets rows go: for benches and selection runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discarded;

impl RowSink for Discarded {
    fn take<T: Table>(&mut self, _: &T) {}
}

/// Rows of one run that wait to be written.
struct Waiting<'n> {
    tasks: Tasks<'n>,
    attempts: Attempts<'n>,
    fallbacks: Fallbacks<'n>,
    breaker: Breaker<'n>,
    work_log: WorkLog<'n>,
    anomalies: Anomalies<'n>,
    monitor: Monitor<'n>,
    allocations: Allocations<'n>,
    budgets: Budgets<'n>,
    scores: Scores<'n>,
    learning: Learning<'n>,
    weights: Weights<'n>,
    policies: Policies<'n>,
}

impl<'n> Waiting<'n> {
    fn of(run: Run<'n>) -> Self {
        Self {
            tasks: Tasks::of(run),
            attempts: Attempts::of(run),
            fallbacks: Fallbacks::of(run),
            breaker: Breaker::of(run),
            work_log: WorkLog::of(run),
            anomalies: Anomalies::of(run),
            monitor: Monitor::of(run),
            allocations: Allocations::of(run),
            budgets: Budgets::of(run),
            scores: Scores::of(run),
            learning: Learning::of(run),
            weights: Weights::of(run),
            policies: Policies::of(run),
        }
    }
}

/// Writes the rows of a table if there are many.
fn pass_on<T: Table>(table: &mut T, sink: &mut impl RowSink) {
    if table.len() >= CHUNK_ROWS {
        sink.take(table);
        table.clear();
    }
}

/// Records one run into a sink.
pub struct Recorder<'n, S: RowSink> {
    recording: Recording<'n>,
    run: Run<'n>,
    statistics: RunStatistics,
    sample_due: SimTime,
    samples: Vec<Vec<QuotaSample>>,
    /// The allocation in force.
    allocation: Option<Allocation>,
    /// The local day that the monitor is in.
    today: u32,
    waiting: Waiting<'n>,
    sink: &'n mut S,
}

impl<'n, S: RowSink> Recorder<'n, S> {
    /// A recorder of one run.
    #[must_use]
    pub fn new(recording: Recording<'n>, seed: u64, sink: &'n mut S) -> Self {
        let names = recording.names;
        let statistics = RunStatistics::new(
            recording.bins,
            names.models.len(),
            names.task_types.len(),
            recording.regret,
            recording.spans.clone(),
            recording.clock.clone(),
        );
        let statistics = if recording.is_bandit { statistics.of_bandit() } else { statistics };
        let run = Run { block: names.block, variant: names.variant, seed };
        let mut recorder = Self {
            recording,
            run,
            statistics,
            sample_due: SimTime::NEVER,
            samples: Vec::new(),
            allocation: None,
            today: 0,
            waiting: Waiting::of(run),
            sink,
        };
        if matches!(recorder.recording.bins, Bins::Time { .. }) {
            recorder.sample_due = recorder.end_of_bin(0);
        }
        recorder
    }

    /// The last nanosecond of a bin: a quota that resets at its end is still full then.
    fn end_of_bin(&self, bin: usize) -> SimTime {
        if bin >= self.recording.bins.len() {
            return SimTime::NEVER;
        }
        match self.recording.bins {
            Bins::Time { from, to, n } => {
                let span = u128::from(to.0 - from.0) * (bin as u128 + 1) / u128::from(n);
                SimTime(from.0 + (span as u64).max(1) - 1)
            }
            Bins::Tasks { .. } => SimTime::NEVER,
        }
    }

    fn model(&self, id: ModelId) -> &'n str {
        &self.recording.names.models[id.index()]
    }

    /// Writes what is left and the run's curves, days and measures; returns its statistics.
    pub fn finish(self) -> RunStatistics {
        let waiting = &self.waiting;
        self.sink.take(&waiting.tasks);
        self.sink.take(&waiting.attempts);
        self.sink.take(&waiting.work_log);
        self.sink.take(&waiting.fallbacks);
        self.sink.take(&waiting.breaker);
        self.sink.take(&waiting.anomalies);
        self.sink.take(&waiting.monitor);
        self.sink.take(&waiting.allocations);
        self.sink.take(&waiting.budgets);
        self.sink.take(&waiting.scores);
        self.sink.take(&waiting.learning);
        self.sink.take(&waiting.weights);
        self.sink.take(&waiting.policies);
        self.sink.take(&self.curves());
        self.sink.take(&self.checkpoints());
        self.sink.take(&self.model_curves());
        if self.recording.is_bandit {
            self.sink.take(&Days::of(self.run));
            self.sink.take(&Costs::of(self.run));
        } else {
            self.sink.take(&self.days());
            self.sink.take(&self.costs());
        }
        self.sink.take(&self.measures());
        self.statistics
    }
}

impl<S: RowSink> Observer for Recorder<'_, S> {
    fn run_begins(&mut self, beliefs: &[Belief]) {
        self.book_beliefs(SimTime::ZERO, None, beliefs);
    }

    #[inline]
    fn task_arrived(&mut self, record: &TaskRecord) {
        let (task, now) = (record.task, record.arrived);
        self.statistics.task_arrived(record);
        if self.recording.work_log {
            self.log_start(record);
        }
        let bins = self.recording.bins;
        if let Bins::Tasks { to, .. } = bins {
            let next = bins.of(TaskId(task.0 + 1), now);
            if task.0 + 1 == to || next.is_some_and(|bin| bin > self.samples.len()) {
                self.sample_due = now;
            }
        }
    }

    fn step_ended(&mut self, record: &StepRecord) {
        self.statistics.step_ended(record);
        if self.recording.work_log {
            self.log_step(record);
        }
    }

    #[inline]
    fn attempt_ended(&mut self, record: &AttemptRecord) {
        let response = &record.response;
        self.statistics.attempt_ended(record);
        if !self.recording.attempts {
            return;
        }
        let model = self.model(record.model);
        self.waiting.attempts.push(AttemptRow {
            task: record.task.0,
            step: record.step.into(),
            level: record.level,
            attempt: record.attempt.into(),
            model,
            role: record.role,
            chosen_by: record.chosen_by,
            propensity: record.propensity.value(),
            propensity_kind: record.propensity.kind(),
            explored: record.explored,
            fallback_reason: record.fallback_reason,
            dispatched_s: record.dispatched.as_secs_f64(),
            wait_ms: record.wait.as_millis_f64(),
            duration_ms: response.duration.as_millis_f64(),
            outcome: response.outcome,
            quality: response.quality,
            input_tokens: response.input_tokens,
            output_tokens: response.output_tokens,
            cost_usd: response.cost_usd,
            retry_after_s: response.retry_after.map(|wait| wait.as_secs_f64()),
            reward: record.reward,
            decision_regret: record.decision_regret,
        });
        pass_on(&mut self.waiting.attempts, self.sink);
    }

    fn stack_event(&mut self, event: &StackEvent) {
        self.book_event(event);
    }

    #[inline]
    fn task_ended(&mut self, record: &TaskRecord) {
        let work = self.statistics.task_ended(record);
        if self.recording.work_log {
            self.log_end(record, work.as_ref());
        }
        if !self.recording.tasks {
            return;
        }
        let named = |model: Option<ModelId>| model.map(|m| self.model(m));
        let row = TaskRow {
            task: record.task.0,
            task_type: &self.recording.names.task_types[usize::from(record.task_type)],
            prompt: record.prompt.map(|p| &*self.recording.names.prompts[p as usize]),
            level: record.level,
            priority: record.priority,
            arrived_s: record.arrived.as_secs_f64(),
            ended_s: record.ended.as_secs_f64(),
            duration_ms: record.ended.since(record.arrived).as_millis_f64(),
            phase: WorkPhase::of(record),
            outcome: record.outcome,
            served: record.served,
            in_time: record.in_time,
            in_warm_up: self.recording.bins.of(record.task, record.arrived).is_none(),
            quality: record.quality,
            input_tokens: record.input_tokens,
            output_tokens: record.output_tokens,
            cost_usd: record.cost_usd,
            estimated_tokens: record.estimated_tokens,
            efficiency: record.efficiency,
            stage4_efficiency: work.map_or(0.0, |work| work.efficiency),
            reward: record.reward,
            decision_regret: record.decision_regret,
            n_steps: record.n_steps.into(),
            n_attempts: record.n_attempts.into(),
            first_model: named(record.first_model),
            served_by: named(record.served_by),
            triggered_by: named(record.trigger.map(|(m, _)| m)),
            trigger_reason: record.trigger.map(|(_, reason)| reason),
            rescued: record.rescued,
        };
        self.waiting.tasks.push(row);
        pass_on(&mut self.waiting.tasks, self.sink);
    }

    #[inline]
    fn sample_due(&self) -> SimTime {
        self.sample_due
    }

    fn sample(&mut self, at: SimTime, sample: Sample) {
        if self.samples.len() < self.recording.bins.len() {
            let bin = self.samples.len() as u64;
            self.book_beliefs(at, Some(bin), &sample.beliefs);
            let quotas = sample
                .quotas
                .iter()
                .map(|quota| quota.limit.map(|limit| QuotaState { used: quota.used, limit }));
            self.statistics.resilience.quotas_seen(at, quotas);
            self.samples.push(sample.quotas);
        }
        self.sample_due = self.end_of_bin(self.samples.len());
    }
}
