//! How a run learned: when it converged, how fast it got good, how fast it came back after a change. In memory that does
//! not grow with the number of tasks.

use crate::analysis::measure::{self, Measure};
use crate::analysis::run::Bins;
use crate::domain::TaskRecord;
use crate::units::SimTime;

/// Points at which a run is looked at.
const POINTS: u32 = 240;
/// Points of a rolling mean: a twentieth of the run.
const WINDOW: usize = 12;
/// Points of the reference of convergence: the last tenth of the run.
const LAST: usize = 24;
/// A rolling mean has converged while it stays within this share of its reference.
const CONVERGED_WITHIN: f64 = 0.05;
/// Share of the best expected reward at which a run counts as good.
const GOOD: f64 = 0.95;
/// Share of the best expected reward at which a run counts as adapted to a change.
const ADAPTED: f64 = 0.9;
/// Checkpoints in a factor of ten.
const CHECKPOINTS_PER_DECADE: f64 = 16.0;

/// Cumulative sums when a number of tasks had ended.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// Tasks that had ended.
    pub tasks: u64,
    /// Sum of their reward.
    pub reward: f64,
    /// Sum of their decision regret.
    pub decision_regret: f64,
    /// Sum of their billed cost.
    pub cost_usd: f64,
    /// Decisions that took a best model.
    pub n_best: u64,
    /// Decisions.
    pub n_decisions: u64,
}

/// Sums of one point.
#[derive(Clone, Copy, Debug, Default)]
struct Point {
    tasks: u64,
    reward: f64,
    regret: f64,
}

/// Gathers one run.
#[derive(Clone, Debug)]
pub struct LearningCurve {
    bins: Bins,
    measures_regret: bool,
    points: Vec<Point>,
    /// Instants from which on something is different, in order, and the first point of a task that arrived behind each and
    /// before the next.
    changes: Vec<(SimTime, Option<usize>)>,
    so_far: Checkpoint,
    next: u64,
    checkpoints: Vec<Checkpoint>,
}

/// The number of tasks at the checkpoint behind `tasks`.
fn checkpoint_after(tasks: u64) -> u64 {
    let step = crate::math::powf(10.0, 1.0 / CHECKPOINTS_PER_DECADE);
    (tasks + 1).max((tasks as f64 * step).round() as u64)
}

impl LearningCurve {
    /// Nothing gathered yet of a run with these points and changes.
    #[must_use]
    pub fn new(bins: Bins, changes: &[SimTime], measures_regret: bool) -> Self {
        let bins = match bins {
            Bins::Time { from, to, .. } => Bins::Time { from, to, n: POINTS },
            Bins::Tasks { from, to, .. } => {
                Bins::Tasks { from, to, n: u64::from(POINTS).min(to - from) as u32 }
            }
        };
        Self {
            points: vec![Point::default(); bins.len()],
            bins,
            measures_regret,
            changes: changes.iter().map(|at| (*at, None)).collect(),
            so_far: Checkpoint::default(),
            next: 1,
            checkpoints: Vec::new(),
        }
    }

    /// Books a task that has ended and counts.
    #[inline]
    pub fn task_ended(&mut self, task: &TaskRecord) {
        let Some(at) = self.bins.of(task.task, task.arrived) else { return };
        let regret = task.decision_regret.unwrap_or(0.0);
        let point = &mut self.points[at];
        point.tasks += 1;
        point.reward += task.reward;
        point.regret += regret;
        let behind = self.changes.partition_point(|(change, _)| *change <= task.arrived);
        if let Some((_, first)) = behind.checked_sub(1).map(|last| &mut self.changes[last]) {
            *first = Some(first.map_or(at, |first| first.min(at)));
        }
        let sums = &mut self.so_far;
        sums.tasks += 1;
        sums.reward += task.reward;
        sums.decision_regret += regret;
        sums.cost_usd += task.cost_usd;
        sums.n_best += u64::from(task.n_best);
        sums.n_decisions += u64::from(task.n_decisions);
        if sums.tasks == self.next {
            self.checkpoints.push(*sums);
            self.next = checkpoint_after(self.next);
        }
    }

    /// Cumulative sums at numbers of tasks that grow by a constant factor; the last is the whole run.
    #[must_use]
    pub fn checkpoints(&self) -> Vec<Checkpoint> {
        let mut checkpoints = self.checkpoints.clone();
        if self.so_far.tasks > 0 && checkpoints.last() != Some(&self.so_far) {
            checkpoints.push(self.so_far);
        }
        checkpoints
    }

    /// The measures of learning.
    #[must_use]
    pub fn measured(&self) -> Vec<(Measure, Option<f64>)> {
        let regret = |value: Option<f64>| value.filter(|_| self.measures_regret);
        let thirds = [0, 1, 2].map(|third| {
            let edge = |k: usize| self.points.len() * k / 3;
            mean_reward(&self.points[edge(third)..edge(third + 1)])
        });
        vec![
            (measure::CUMULATIVE_REGRET, regret(Some(self.so_far.decision_regret))),
            (measure::CONVERGED_AFTER, self.converged()),
            (measure::SAMPLE_EFFICIENCY, regret(self.good_after())),
            (measure::ADAPTATION_TIME, regret(self.adaptation())),
            (measure::LEARNING_CURVE_AREA, self.area()),
            (measure::REWARD_BY_PHASE[0], thirds[0]),
            (measure::REWARD_BY_PHASE[1], thirds[1]),
            (measure::REWARD_BY_PHASE[2], thirds[2]),
        ]
    }

    /// Tasks up to the end of a point.
    fn tasks_until(&self, point: usize) -> f64 {
        self.points[..=point].iter().map(|p| p.tasks).sum::<u64>() as f64
    }

    /// The points of the rolling window that ends with a point, from `first` on.
    fn window(&self, first: usize, last: usize) -> &[Point] {
        &self.points[first.max((last + 1).saturating_sub(WINDOW))..=last]
    }

    fn converged(&self) -> Option<f64> {
        let n = self.points.len();
        let reference = mean_reward(&self.points[n.saturating_sub(LAST)..])?;
        let within = CONVERGED_WITHIN * reference.abs();
        let is_near = |at: usize| {
            let mean = mean_reward(self.window(0, at));
            mean.is_none_or(|mean| (mean - reference).abs() <= within)
        };
        let first = WINDOW.min(n) - 1;
        let outside = (first..n).rev().find(|at| !is_near(*at));
        let from = outside.map_or(first, |at| at + 1);
        (from < n).then(|| self.tasks_until(from))
    }

    fn good_after(&self) -> Option<f64> {
        let first = WINDOW.min(self.points.len()) - 1;
        let is_good = |at: &usize| attained(self.window(0, *at)).is_some_and(|share| share >= GOOD);
        (first..self.points.len()).find(is_good).map(|at| self.tasks_until(at))
    }

    fn adaptation(&self) -> Option<f64> {
        // Behind a change without a task before the next comes the first task of those that follow.
        let mut starts: Vec<usize> = self.changes.iter().filter_map(|(_, first)| *first).collect();
        starts.dedup();
        let n = self.points.len();
        let times = starts.iter().enumerate().map(|(i, &start)| {
            let end = starts.get(i + 1).copied().unwrap_or(n);
            let is_back = |at: &usize| {
                attained(self.window(start, *at)).is_some_and(|share| share >= ADAPTED)
            };
            let back = (start..end).find(is_back).unwrap_or(end - 1);
            self.points[start..=back].iter().map(|p| p.tasks).sum::<u64>() as f64
        });
        let times: Vec<f64> = times.collect();
        (!times.is_empty()).then(|| times.iter().sum::<f64>() / times.len() as f64)
    }

    fn area(&self) -> Option<f64> {
        let (mut tasks, mut reward, mut sum, mut n) = (0, 0.0, 0.0, 0);
        for point in &self.points {
            tasks += point.tasks;
            reward += point.reward;
            if tasks > 0 {
                sum += reward / tasks as f64;
                n += 1;
            }
        }
        (n > 0).then(|| sum / f64::from(n))
    }
}

fn mean_reward(points: &[Point]) -> Option<f64> {
    let tasks: u64 = points.iter().map(|p| p.tasks).sum();
    (tasks > 0).then(|| points.iter().map(|p| p.reward).sum::<f64>() / tasks as f64)
}

/// Reward over the reward that the best decisions would have brought in expectation.
fn attained(points: &[Point]) -> Option<f64> {
    let (reward, regret) = points.iter().fold((0.0, 0.0), |(a, b), p| (a + p.reward, b + p.regret));
    (reward + regret > 0.0).then(|| reward / (reward + regret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Outcome, Priority};
    use crate::units::{Level, NANOS_PER_SECOND, TaskId};

    fn task(i: u64, reward: f64, regret: f64) -> TaskRecord {
        let at = SimTime(i * NANOS_PER_SECOND);
        TaskRecord {
            task: TaskId(i),
            task_type: 0,
            level: Level::L1,
            priority: Priority::Normal,
            prompt: None,
            estimated_tokens: 0.0,
            arrived: at,
            ended: at,
            outcome: Outcome::Success,
            served: true,
            in_time: true,
            quality: 0.0,
            input_tokens: 0,
            output_tokens: 0,
            cost_usd: 1.0,
            efficiency: 0.0,
            reward,
            decision_regret: Some(regret),
            n_best: u16::from(regret == 0.0),
            n_decisions: 1,
            n_steps: 1,
            n_attempts: 1,
            first_model: None,
            served_by: None,
            trigger: None,
            rescued: false,
        }
    }

    /// 2,400 tasks, 10 to a point: reward .5 of 1 at first, all of it from task 600 on, none for 240 tasks from 1,200 on.
    fn curve() -> LearningCurve {
        let bins = Bins::Tasks { from: 0, to: 2_400, n: 60 };
        let change = SimTime(1_200 * NANOS_PER_SECOND);
        let mut curve = LearningCurve::new(bins, &[change], true);
        for i in 0..2_400 {
            let reward = match i {
                0..600 => 0.5,
                1_200..1_440 => 0.0,
                _ => 1.0,
            };
            curve.task_ended(&task(i, reward, 1.0 - reward));
        }
        curve
    }

    fn value(curve: &LearningCurve, measure: Measure) -> Option<f64> {
        curve.measured().into_iter().find(|(own, _)| *own == measure).and_then(|(_, value)| value)
    }

    #[test]
    fn a_run_is_described_by_its_points() {
        let curve = curve();
        assert_eq!(value(&curve, measure::CUMULATIVE_REGRET), Some(540.0));
        // A window of 120 tasks is above .95 of 1 when it has at most 6 lost: 12 of its tasks are from before task 600.
        assert_eq!(value(&curve, measure::SAMPLE_EFFICIENCY), Some(710.0));
        // It is .9 of 1 from the change on after 240 lost tasks: within the window of 120, 12 lost ones remain.
        assert_eq!(value(&curve, measure::ADAPTATION_TIME), Some(350.0));
        // And stays within .05 of 1 after the window has left all but 6 of the lost ones behind.
        assert_eq!(value(&curve, measure::CONVERGED_AFTER), Some(1_560.0));
        assert_eq!(value(&curve, measure::REWARD_BY_PHASE[0]), Some(500.0 / 800.0));
        assert_eq!(value(&curve, measure::REWARD_BY_PHASE[2]), Some(1.0));
    }

    #[test]
    fn checkpoints_grow_by_a_constant_factor_and_end_with_the_run() {
        let points = curve().checkpoints();
        let tasks: Vec<u64> = points.iter().map(|p| p.tasks).collect();
        assert_eq!(&tasks[..8], [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(tasks.last(), Some(&2_400));
        assert!(tasks.len() < 60, "{tasks:?}");
        let last = points[points.len() - 1];
        assert_eq!((last.reward, last.decision_regret, last.cost_usd), (1_860.0, 540.0, 2_400.0));
    }

    #[test]
    fn a_run_that_does_not_settle_has_not_converged() {
        let bins = Bins::Tasks { from: 0, to: 2_400, n: 60 };
        let mut curve = LearningCurve::new(bins, &[], true);
        for i in 0..2_400 {
            curve.task_ended(&task(i, i as f64 / 2_400.0, 0.5));
        }
        // The reference is the last tenth's mean, .95; the last window's is .975, within 5 % of it, and the first such
        // window ends where its mean passes .9025.
        assert!(value(&curve, measure::CONVERGED_AFTER).unwrap() > 2_200.0);
        assert_eq!(value(&curve, measure::SAMPLE_EFFICIENCY), None);
        assert_eq!(value(&curve, measure::ADAPTATION_TIME), None);
    }
}
