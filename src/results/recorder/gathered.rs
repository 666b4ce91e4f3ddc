//! Rows that are made when a run has ended: curves, days, costs, measures.

use super::{Recorder, RowSink};
use crate::analysis::day::DaySums;
use crate::analysis::resilience::Ending;
use crate::analysis::run::Bins;
use crate::engine::QuotaSample;
use crate::results::schema::{
    CheckpointRow, Checkpoints, CostRow, Costs, CurveRow, Curves, DayRow, Days, MeasureRow,
    Measures, ModelCurveRow, ModelCurves,
};
use crate::units::Level;

impl<'n, S: RowSink> Recorder<'n, S> {
    pub(super) fn curves(&self) -> Curves<'n> {
        let mut curves = Curves::of(self.run);
        let mut cumulative = [(0.0, 0.0, 0.0); 5];
        for (bin, sums) in self.statistics.curve.iter().enumerate() {
            let (from, to) = self.recording.bins.edges(bin);
            let in_time = matches!(self.recording.bins, Bins::Time { .. });
            // Bandit problems have no levels.
            let n_scopes = if self.recording.is_bandit { 1 } else { sums.len() };
            for (at, sums) in sums[..n_scopes].iter().enumerate() {
                cumulative[at].0 += sums.reward;
                cumulative[at].1 += sums.decision_regret;
                cumulative[at].2 += sums.cost_usd;
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
                    late: sums.endings[Ending::Late as usize],
                    wrong: sums.endings[Ending::Wrong as usize],
                    error: sums.endings[Ending::Error as usize],
                    timeout: sums.endings[Ending::Timeout as usize],
                    refused: sums.endings[Ending::Refused as usize],
                    shed: sums.endings[Ending::Shed as usize],
                    efficiency: share(sums.efficiency, sums.tasks),
                    cumulative_reward: cumulative[at].0,
                    cumulative_decision_regret: self.recording.regret.then_some(cumulative[at].1),
                    best_model_share: share(sums.n_best as f64, sums.n_decisions),
                    exploration_share: share(sums.n_explored as f64, sums.n_choices),
                    cumulative_cost_usd: cumulative[at].2,
                });
            }
        }
        curves
    }

    pub(super) fn checkpoints(&self) -> Checkpoints<'n> {
        let mut rows = Checkpoints::of(self.run);
        for point in self.statistics.learning.checkpoints() {
            let of_best = point.n_best as f64 / point.n_decisions.max(1) as f64;
            rows.push(CheckpointRow {
                level: "all",
                tasks: point.tasks,
                cumulative_reward: point.reward,
                cumulative_decision_regret: self.recording.regret.then_some(point.decision_regret),
                cumulative_cost_usd: point.cost_usd,
                best_model_share: (point.n_decisions > 0).then_some(of_best),
            });
        }
        rows
    }

    pub(super) fn model_curves(&self) -> ModelCurves<'n> {
        let mut rows = ModelCurves::of(self.run);
        let unknown = QuotaSample { used: 0, limit: None, believed_used: 0 };
        for (bin, sums) in self.statistics.models.iter().enumerate() {
            for (at, sums) in sums.iter().enumerate() {
                let sample = self.samples.get(bin).map_or(unknown, |s| s[at]);
                rows.push(ModelCurveRow {
                    model: &self.recording.names.models[at],
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

    pub(super) fn measures(&self) -> Measures<'n> {
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

    pub(super) fn days(&self) -> Days<'n> {
        let mut rows = Days::of(self.run);
        let days = (0..).zip(&self.statistics.days.work);
        for (day, levels) in days.filter(|(day, _)| self.recording.clock.has_time(*day)) {
            for (at, sums) in levels.iter().enumerate() {
                let DaySums { tasks, completed, interrupted, .. } = *sums;
                rows.push(DayRow {
                    day,
                    date: self.recording.clock.date(day).to_string(),
                    level: at.checked_sub(1).map_or("all", |l| Level::ALL[l].name()),
                    tasks,
                    completed,
                    failed: tasks - completed - interrupted,
                    interrupted,
                    in_time: sums.in_time,
                    calls: sums.calls,
                    hours: sums.hours,
                    tokens: sums.tokens,
                    quality: sums.mean(sums.quality),
                    efficiency: sums.mean(sums.efficiency),
                    cost_usd: sums.cost_usd,
                });
            }
        }
        rows
    }

    pub(super) fn costs(&self) -> Costs<'n> {
        let mut rows = Costs::of(self.run);
        for (key, sums) in self.statistics.days.costs() {
            let plan = self.recording.plan_usd_per_mtok[key.model.index()];
            rows.push(CostRow {
                day: key.day,
                model: self.model(key.model),
                level: key.level,
                task_type: &self.recording.names.task_types[usize::from(key.task_type)],
                calls: sums.calls,
                served: sums.served,
                tokens: sums.tokens,
                cost_usd: sums.cost_usd,
                wasted_usd: sums.wasted_usd,
                response_ms_sum: sums.response_ms,
                plan_cost_usd: plan * sums.tokens as f64 / 1e6,
            });
        }
        rows
    }
}
