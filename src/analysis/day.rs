//! Local days: what was done and what it cost, by the day on which a task arrived.

use crate::domain::{AttemptRecord, Outcome, TaskRecord};
use crate::units::{Level, ModelId};

/// Work of the tasks that arrived on one local day, for one level or all.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DaySums {
    /// Tasks that arrived.
    pub tasks: u64,
    /// Of them, answered.
    pub completed: u64,
    /// Of them, cut off by the end of the run; neither completed nor failed.
    pub interrupted: u64,
    /// Of them, answered in time.
    pub in_time: u64,
    /// Calls for them.
    pub calls: u64,
    /// Hours from arrival to end, summed.
    pub hours: f64,
    /// Billed tokens.
    pub tokens: u64,
    /// Sum of quality.
    pub quality: f64,
    /// Sum of headline efficiency.
    pub efficiency: f64,
    /// Billed cost.
    pub cost_usd: f64,
}

impl DaySums {
    /// Tasks that ended, cut ones left out: what means and rates are over.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.tasks - self.interrupted
    }

    /// A sum over ended tasks as their mean; `None` without any.
    #[must_use]
    pub fn mean(&self, sum: f64) -> Option<f64> {
        (self.ended() > 0).then(|| sum / self.ended() as f64)
    }
}

/// Calls of one day, model, level and task type, failed and cancelled ones included.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CostSums {
    /// Calls.
    pub calls: u64,
    /// Of them, answered.
    pub served: u64,
    /// Billed tokens.
    pub tokens: u64,
    /// Billed cost.
    pub cost_usd: f64,
    /// Of it, for calls that were not answered.
    pub wasted_usd: f64,
    /// Sum of their times from dispatch to end, in milliseconds.
    pub response_ms: f64,
}

/// What a [`CostSums`] is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostKey {
    /// Local day, from 0.
    pub day: u32,
    /// The model.
    pub model: ModelId,
    /// Level of the call.
    pub level: Level,
    /// Position of the task type.
    pub task_type: u16,
}

/// The days of one run.
#[derive(Clone, Debug, Default)]
pub struct Days {
    n_models: usize,
    n_task_types: usize,
    /// Per day: all levels, then L1..L4.
    pub work: Vec<[DaySums; 5]>,
    costs: Vec<CostSums>,
}

impl Days {
    /// Nothing done yet.
    #[must_use]
    pub fn new(n_models: usize, n_task_types: usize) -> Self {
        Self { n_models, n_task_types, work: Vec::new(), costs: Vec::new() }
    }

    /// Makes room up to `day`.
    pub fn reach(&mut self, day: u32) {
        let n = day as usize + 1;
        if self.work.len() < n {
            self.work.resize(n, Default::default());
            self.costs.resize(n * self.n_models * 4 * self.n_task_types, CostSums::default());
        }
    }

    /// Books a call of a task that arrived on `day`.
    #[inline]
    pub fn attempt_ended(&mut self, day: u32, task_type: u16, call: &AttemptRecord) {
        let at = (day as usize * self.n_models + call.model.index()) * 4 + call.level.index();
        let sums = &mut self.costs[at * self.n_task_types + usize::from(task_type)];
        let cost = call.response.cost_usd;
        sums.calls += 1;
        sums.served += u64::from(call.served);
        sums.tokens += call.response.tokens();
        sums.cost_usd += cost;
        sums.response_ms += call.response.duration.as_millis_f64();
        if !call.served {
            sums.wasted_usd += cost;
        }
    }

    /// Books a task that arrived on `day`.
    #[inline]
    pub fn task_ended(&mut self, day: u32, task: &TaskRecord) {
        for at in [0, 1 + task.level.index()] {
            let sums = &mut self.work[day as usize][at];
            sums.tasks += 1;
            sums.calls += u64::from(task.n_attempts);
            sums.tokens += task.input_tokens + task.output_tokens;
            sums.cost_usd += task.cost_usd;
            if task.outcome == Outcome::Interrupted {
                sums.interrupted += 1;
                continue;
            }
            sums.completed += u64::from(task.served);
            sums.in_time += u64::from(task.in_time);
            sums.hours += task.ended.since(task.arrived).as_secs_f64() / 3600.0;
            sums.quality += task.quality;
            sums.efficiency += task.efficiency;
        }
    }

    /// Costs with at least one call, in order of day, model, level and task type.
    pub fn costs(&self) -> impl Iterator<Item = (CostKey, &CostSums)> {
        self.costs.iter().enumerate().filter(|(_, sums)| sums.calls > 0).map(|(at, sums)| {
            let task_type = (at % self.n_task_types) as u16;
            let at = at / self.n_task_types;
            let model = ModelId((at / 4 % self.n_models) as u16);
            let day = (at / 4 / self.n_models) as u32;
            (CostKey { day, model, level: Level::ALL[at % 4], task_type }, sums)
        })
    }
}
