//! The observer that turns a run into rows and statistics.

use std::path::Path;

use crate::analysis::run::{Bins, RunStatistics};
use crate::domain::{AttemptRecord, BreakerEvent, FallbackEvent, Outcome, TaskRecord};
use crate::engine::{Observer, QuotaSample};
use crate::results::ResultsError;
use crate::results::column::{Run, Table};
use crate::results::parquet::PartWriter;
use crate::results::schema::{
    AttemptRow, Attempts, Breaker, BreakerRow, CurveRow, Curves, FallbackRow, Fallbacks,
    MeasureRow, Measures, ModelCurveRow, ModelCurves, TaskRow, Tasks,
};
use crate::units::{Level, ModelId, SimTime, TaskId};

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

/// The files of one part, all tables of a run.
pub struct PartFiles {
    tasks: PartWriter,
    attempts: Option<PartWriter>,
    fallbacks: PartWriter,
    breaker: PartWriter,
    curves: PartWriter,
    model_curves: PartWriter,
    measures: PartWriter,
    error: Option<ResultsError>,
}

impl PartFiles {
    /// Opens part `part` below `folder`.
    ///
    /// # Errors
    /// If a file cannot be made.
    pub fn create(folder: &Path, part: usize, attempts: bool) -> Result<Self, ResultsError> {
        Ok(Self {
            tasks: PartWriter::create::<Tasks>(folder, part)?,
            attempts: attempts.then(|| PartWriter::create::<Attempts>(folder, part)).transpose()?,
            fallbacks: PartWriter::create::<Fallbacks>(folder, part)?,
            breaker: PartWriter::create::<Breaker>(folder, part)?,
            curves: PartWriter::create::<Curves>(folder, part)?,
            model_curves: PartWriter::create::<ModelCurves>(folder, part)?,
            measures: PartWriter::create::<Measures>(folder, part)?,
            error: None,
        })
    }

    /// Ends all files.
    ///
    /// # Errors
    /// The first thing that went wrong since they were opened.
    pub fn finish(self) -> Result<(), ResultsError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let writers = [
            Some(self.tasks),
            self.attempts,
            Some(self.fallbacks),
            Some(self.breaker),
            Some(self.curves),
            Some(self.model_curves),
            Some(self.measures),
        ];
        writers.into_iter().flatten().try_for_each(PartWriter::finish)
    }

    /// Whether a write has failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.error.is_some()
    }
}

impl RowSink for PartFiles {
    fn take<T: Table>(&mut self, table: &T) {
        if self.error.is_some() {
            return;
        }
        let writer = match T::DOC.name {
            "tasks" => Some(&mut self.tasks),
            "attempts" => self.attempts.as_mut(),
            "fallbacks" => Some(&mut self.fallbacks),
            "breaker" => Some(&mut self.breaker),
            "curves" => Some(&mut self.curves),
            "model_curves" => Some(&mut self.model_curves),
            "measures" => Some(&mut self.measures),
            other => panic!("table `{other}` has no file in a part"),
        };
        if let Some(writer) = writer {
            self.error = writer.write(table).err();
        }
    }
}

/// Records one run after the other into a sink.
pub struct Recorder<'n, S: RowSink> {
    names: Names<'n>,
    run: Run<'n>,
    bins: Bins,
    keeps_attempts: bool,
    measures_regret: bool,
    statistics: RunStatistics,
    sample_due: SimTime,
    samples: Vec<Vec<QuotaSample>>,
    tasks: Tasks<'n>,
    attempts: Attempts<'n>,
    fallbacks: Fallbacks<'n>,
    breaker: Breaker<'n>,
    sink: &'n mut S,
}

impl<'n, S: RowSink> Recorder<'n, S> {
    /// A recorder of one run.
    #[must_use]
    pub fn new(
        names: Names<'n>,
        seed: u64,
        bins: Bins,
        keeps_attempts: bool,
        measures_regret: bool,
        fault_windows: Option<Vec<(SimTime, SimTime)>>,
        sink: &'n mut S,
    ) -> Self {
        let statistics =
            RunStatistics::new(bins, names.models.len(), measures_regret, fault_windows);
        let run = Run { block: names.block, variant: names.variant, seed };
        let mut recorder = Self {
            names,
            run,
            bins,
            keeps_attempts,
            measures_regret,
            statistics,
            sample_due: SimTime::NEVER,
            samples: Vec::new(),
            tasks: Tasks::of(run),
            attempts: Attempts::of(run),
            fallbacks: Fallbacks::of(run),
            breaker: Breaker::of(run),
            sink,
        };
        if matches!(bins, Bins::Time { .. }) {
            recorder.sample_due = recorder.end_of_bin(0);
        }
        recorder
    }

    /// The last nanosecond of a bin: a quota that resets at its end is still full then.
    fn end_of_bin(&self, bin: usize) -> SimTime {
        if bin >= self.bins.len() {
            return SimTime::NEVER;
        }
        match self.bins {
            Bins::Time { from, to, n } => {
                let span = u128::from(to.0 - from.0) * (bin as u128 + 1) / u128::from(n);
                SimTime(from.0 + (span as u64).max(1) - 1)
            }
            Bins::Tasks { .. } => SimTime::NEVER,
        }
    }

    fn model(&self, id: ModelId) -> &'n str {
        &self.names.models[id.index()]
    }

    /// Writes what is left and the run's curves and measures; returns its statistics.
    pub fn finish(mut self) -> RunStatistics {
        self.flush();
        let curves = self.curves();
        self.sink.take(&curves);
        let model_curves = self.model_curves();
        self.sink.take(&model_curves);
        let measures = self.measures();
        self.sink.take(&measures);
        self.statistics
    }

    fn flush(&mut self) {
        self.sink.take(&self.tasks);
        self.tasks.clear();
        self.sink.take(&self.attempts);
        self.attempts.clear();
        self.sink.take(&self.fallbacks);
        self.fallbacks.clear();
        self.sink.take(&self.breaker);
        self.breaker.clear();
    }

    fn curves(&self) -> Curves<'n> {
        let mut curves = Curves::of(self.run);
        let mut cumulative = [(0.0, 0.0); 5];
        for (bin, sums) in self.statistics.curve.iter().enumerate() {
            let (from, to) = self.bins.edges(bin);
            let in_time = matches!(self.bins, Bins::Time { .. });
            for (at, sums) in sums.iter().enumerate() {
                cumulative[at].0 += sums.reward;
                cumulative[at].1 += sums.decision_regret;
                let share = |part: f64, whole: u64| (whole > 0).then(|| part / whole as f64);
                curves.push(CurveRow {
                    level: at.checked_sub(1).map_or("all", |l| Level::ALL[l].name()),
                    bin: bin as u32,
                    from_s: in_time.then_some(from),
                    to_s: in_time.then_some(to),
                    from_task: (!in_time).then_some(from as u64),
                    to_task: (!in_time).then_some(to as u64),
                    tasks: sums.tasks,
                    in_time: sums.in_time,
                    efficiency: share(sums.efficiency, sums.tasks),
                    cumulative_reward: cumulative[at].0,
                    cumulative_decision_regret: self.measures_regret.then_some(cumulative[at].1),
                    best_model_share: share(sums.n_best as f64, sums.n_decisions),
                });
            }
        }
        curves
    }

    fn model_curves(&self) -> ModelCurves<'n> {
        let mut rows = ModelCurves::of(self.run);
        let unknown = QuotaSample { used: 0, limit: None, believed_used: 0 };
        for (bin, sums) in self.statistics.models.iter().enumerate() {
            for (at, sums) in sums.iter().enumerate() {
                let sample = self.samples.get(bin).map_or(unknown, |s| s[at]);
                rows.push(ModelCurveRow {
                    model: &self.names.models[at],
                    bin: bin as u32,
                    calls: sums.calls,
                    served_l1: sums.served[0],
                    served_l2: sums.served[1],
                    served_l3: sums.served[2],
                    served_l4: sums.served[3],
                    tokens: sums.tokens,
                    cost_usd: sums.cost_usd,
                    quota_used_tokens: sample.used,
                    quota_limit_tokens: sample.limit,
                    quota_believed_tokens: sample.believed_used,
                });
            }
        }
        rows
    }

    fn measures(&self) -> Measures<'n> {
        let mut rows = Measures::of(self.run);
        for value in self.statistics.values() {
            rows.push(MeasureRow {
                level: value.level.map_or("all", Level::name),
                window: value.window.name(),
                measure: value.measure.name,
                unit: value.measure.unit,
                value: value.value,
            });
        }
        rows
    }
}

impl<S: RowSink> Observer for Recorder<'_, S> {
    #[inline]
    fn task_arrived(&mut self, now: SimTime, task: TaskId) {
        self.statistics.task_arrived(now, task);
        if let Bins::Tasks { to, .. } = self.bins {
            let next = self.bins.of(TaskId(task.0 + 1), now);
            if task.0 + 1 == to || next.is_some_and(|bin| bin > self.samples.len()) {
                self.sample_due = now;
            }
        }
    }

    #[inline]
    fn attempt_ended(&mut self, record: &AttemptRecord) {
        let response = &record.response;
        self.statistics.attempt_ended(record);
        if !self.keeps_attempts {
            return;
        }
        self.attempts.push(AttemptRow {
            task: record.task.0,
            step: record.step.into(),
            level: record.level,
            attempt: record.attempt.into(),
            model: self.model(record.model),
            role: record.role,
            chosen_by: record.chosen_by,
            propensity: record.propensity.value(),
            propensity_kind: record.propensity.kind(),
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
        if self.attempts.len() >= CHUNK_ROWS {
            self.sink.take(&self.attempts);
            self.attempts.clear();
        }
    }

    fn fallback_asked(&mut self, event: &FallbackEvent) {
        self.statistics.fallback_asked(event);
        self.fallbacks.push(FallbackRow {
            at_s: event.at.as_secs_f64(),
            task: event.task.0,
            step: event.step.into(),
            level: event.level,
            reason: event.reason,
            from_model: self.model(event.from),
            to_model: event.to.map(|m| self.model(m)),
            found: event.to.is_some(),
        });
        if self.fallbacks.len() >= CHUNK_ROWS {
            self.sink.take(&self.fallbacks);
            self.fallbacks.clear();
        }
    }

    fn breaker_changed(&mut self, event: &BreakerEvent) {
        self.breaker.push(BreakerRow {
            at_s: event.at.as_secs_f64(),
            model: self.model(event.model),
            from_state: event.from,
            to_state: event.to,
        });
        if self.breaker.len() >= CHUNK_ROWS {
            self.sink.take(&self.breaker);
            self.breaker.clear();
        }
    }

    #[inline]
    fn task_ended(&mut self, record: &TaskRecord) {
        self.statistics.task_ended(record);
        let done = record.outcome != Outcome::Interrupted && record.served;
        self.tasks.push(TaskRow {
            task: record.task.0,
            task_type: &self.names.task_types[usize::from(record.task_type)],
            level: record.level,
            priority: record.priority,
            arrived_s: record.arrived.as_secs_f64(),
            ended_s: record.ended.as_secs_f64(),
            duration_ms: record.ended.since(record.arrived).as_millis_f64(),
            phase: if done { "completed" } else { "failed" },
            outcome: record.outcome,
            served: record.served,
            in_time: record.in_time,
            in_warm_up: self.bins.of(record.task, record.arrived).is_none(),
            quality: record.quality,
            input_tokens: record.input_tokens,
            output_tokens: record.output_tokens,
            cost_usd: record.cost_usd,
            efficiency: record.efficiency,
            reward: record.reward,
            decision_regret: record.decision_regret,
            n_steps: record.n_steps.into(),
            n_attempts: record.n_attempts.into(),
            first_model: record.first_model.map(|m| self.model(m)),
            served_by: record.served_by.map(|m| self.model(m)),
            triggered_by: record.trigger.map(|(m, _)| self.model(m)),
            trigger_reason: record.trigger.map(|(_, reason)| reason),
            rescued: record.rescued,
        });
        if self.tasks.len() >= CHUNK_ROWS {
            self.sink.take(&self.tasks);
            self.tasks.clear();
        }
    }

    #[inline]
    fn sample_due(&self) -> SimTime {
        self.sample_due
    }

    fn sample(&mut self, quotas: &[QuotaSample]) {
        if self.samples.len() < self.bins.len() {
            self.samples.push(quotas.to_vec());
        }
        self.sample_due = self.end_of_bin(self.samples.len());
    }
}
