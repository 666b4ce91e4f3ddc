//! The work tracker's log: start, every step, end.

use super::{Recorder, RowSink, pass_on};
use crate::analysis::work::{WorkMetrics, WorkPhase, step_efficiency};
use crate::domain::{StepRecord, TaskRecord};
use crate::results::schema::WorkLogRow;

impl<S: RowSink> Recorder<'_, S> {
    fn log(&mut self, row: WorkLogRow<'static>) {
        self.waiting.work_log.push(row);
        pass_on(&mut self.waiting.work_log, self.sink);
    }

    pub(super) fn log_start(&mut self, task: &TaskRecord) {
        self.log(WorkLogRow {
            at_s: task.arrived.as_secs_f64(),
            task: task.task.0,
            record: "start",
            phase: WorkPhase::Started,
            level: task.level,
            outcome: None,
            quality: None,
            tokens: None,
            efficiency: None,
        });
    }

    pub(super) fn log_step(&mut self, step: &StepRecord) {
        self.log(WorkLogRow {
            at_s: step.ended.as_secs_f64(),
            task: step.task.0,
            record: "step",
            phase: WorkPhase::InProgress,
            level: step.level,
            outcome: Some(step.outcome),
            quality: Some(step.quality),
            tokens: Some(step.tokens),
            efficiency: Some(step_efficiency(step)),
        });
    }

    pub(super) fn log_end(&mut self, task: &TaskRecord, work: Option<&WorkMetrics>) {
        self.log(WorkLogRow {
            at_s: task.ended.as_secs_f64(),
            task: task.task.0,
            record: "end",
            phase: WorkPhase::of(task),
            level: task.level,
            outcome: Some(task.outcome),
            quality: work.map(|work| work.quality),
            tokens: Some(task.input_tokens + task.output_tokens),
            efficiency: work.map(|work| work.efficiency),
        });
    }
}
