//! Charts of what variants did as tasks went by: learning curves, regret, shares of best models, cost.

use std::collections::BTreeMap;

use crate::math;
use crate::report::charts::{Axis, Guide, Line, LineChart, Reference};
use crate::report::curves::tables::CurvePoint;
use crate::report::curves::view::{Around, BySeed, View};
use crate::report::frame::RunKey;

/// A rolling mean goes over this share of the run.
const ROLLING: usize = 20;
/// Variants that are drawn against the baseline.
const MOST_DIFFERENCES: usize = 8;
/// Points of a reference curve.
const GUIDE_POINTS: usize = 64;

const MEAN: Around = Around::EachPoint { is_proportion: false };

impl View<'_> {
    /// One line for every variant, of a value at each point of each seed.
    fn lines(
        &self,
        at_end: bool,
        around: Around,
        of: impl Fn(&[CurvePoint], usize) -> Option<f64>,
    ) -> Vec<Line> {
        let places = self.places(at_end);
        let variants = 0..self.curves.len();
        variants.map(|v| self.line(v, &places, &self.each(v, &of), around)).collect()
    }

    /// Mean efficiency against progress; in bandit mode, where a few rounds say little, mean reward so far.
    pub(super) fn learning_curve(&self) -> LineChart {
        let around = Around::WholeCurve;
        let mut chart = LineChart::learning_curve("", self.progress(), Vec::new());
        let lines = if self.is_bandit() {
            chart.y_axis = Axis::new("Mean reward of a round so far", "");
            self.lines(true, around, |curve, at| over_tasks(curve, at, at + 1, |p| Some(p.reward)))
        } else {
            self.lines(false, around, |curve, at| curve[at].efficiency)
        };
        (chart.windows, chart.marks) = (self.windows(None), self.changes());
        self.fill(&mut chart, around.name(), lines);
        chart
    }

    /// What regret is called.
    fn regret_name(&self) -> &'static str {
        if self.is_bandit() { "pseudo-regret" } else { "decision regret" }
    }

    fn regret_axis(&self) -> Axis {
        Axis::new(&format!("Cumulative {}", self.regret_name()), "reward").from_zero()
    }

    /// Cumulative regret against progress.
    pub(super) fn regret(&self) -> LineChart {
        let lines = self.lines(true, MEAN, |curve, at| curve[at].regret);
        self.chart("Cumulative regret", MEAN.name(), self.regret_axis(), lines)
    }

    /// Cumulative regret against the logarithm of the number of tasks, with the Lai-Robbins line where it is known.
    pub(super) fn regret_log(&self) -> LineChart {
        let variants = &self.manifest.variants;
        let lines = variants.iter().enumerate().map(|(at, variant)| {
            let runs = RunKey::of_seeds(self.manifest, &self.block.name, variant);
            let runs = runs.map(|run| self.tables.checkpoints(&run));
            let runs: Vec<BTreeMap<u64, Option<f64>>> =
                runs.map(|run| run.into_iter().collect()).collect();
            // The last checkpoint is the run's own number of tasks, which other seeds may not have.
            let tasks = runs.first().into_iter().flat_map(BTreeMap::keys).copied();
            let tasks: Vec<u64> =
                tasks.filter(|t| runs.iter().all(|run| run.contains_key(t))).collect();
            let places: Vec<f64> = tasks.iter().map(|tasks| *tasks as f64).collect();
            let by_seed: BySeed =
                runs.iter().map(|run| tasks.iter().map(|t| run[t]).collect()).collect();
            self.line(at, &places, &by_seed, MEAN)
        });
        let lines: Vec<Line> = lines.collect();
        let last = lines.iter().flat_map(|line| &line.points).map(|p| p.x).fold(1.0, f64::max);
        let mut chart = self.chart(
            "Cumulative regret on a logarithmic axis",
            MEAN.name(),
            self.regret_axis(),
            lines,
        );
        chart.windows.clear();
        let ended = if self.is_bandit() { "Rounds" } else { "Tasks ended" };
        chart.x_axis = Axis::new(ended, "").logarithmic();
        chart.marks.retain(|mark| mark.x > 0.0);
        if let Some(constant) = self.block.bandit.as_ref().and_then(|problem| problem.lai_robbins) {
            let at = |k: usize| math::powf(last, k as f64 / (GUIDE_POINTS - 1) as f64);
            let points = (0..GUIDE_POINTS).map(at).map(|t| (t, constant * math::ln(t))).collect();
            let label = format!("Lai-Robbins, {constant:.3} ln t");
            chart.subtitle += "; the Lai-Robbins slope is the least as t grows";
            chart.guides.push(Guide { label, points });
        }
        chart
    }

    /// Regret of a task, as a rolling mean.
    pub(super) fn rolling_regret(&self) -> LineChart {
        let window = (self.n_points() / ROLLING).max(1);
        let lines =
            self.lines(true, MEAN, |curve, at| over_tasks(curve, at, window, |point| point.regret));
        let axis = Axis::new(&format!("Regret of a {}", self.task()), "reward").from_zero();
        let share = 100.0 * window as f64 / self.n_points().max(1) as f64;
        let what = format!("each point the last {share:.0} % of the run, {}", MEAN.name());
        self.chart("Rolling regret", &what, axis, lines)
    }

    /// Share of decisions that took a best model.
    pub(super) fn best_model_share(&self) -> LineChart {
        let mut lines =
            self.lines(false, MEAN, |curve, at| curve[at].best_model_share.map(|s| 100.0 * s));
        for point in lines.iter_mut().flat_map(|line| &mut line.points) {
            (point.low, point.high) = (point.low.max(0.0), point.high.min(100.0));
        }
        let (title, what) = match self.is_bandit() {
            true => ("Best-arm share", "Rounds that played a best arm"),
            false => ("Best-model share", "Decisions that took a best model"),
        };
        self.chart(title, MEAN.name(), Axis::new(what, "%").all_of(0.0, 100.0), lines)
    }

    /// Cumulative cost, with the budget where there is one; `None` where nothing costs anything.
    pub(super) fn cost(&self) -> Option<LineChart> {
        let costs = self.curves.iter().flatten().filter_map(|curve| curve.last());
        if costs.map(|point| point.cost_usd).fold(0.0, f64::max) <= 0.0 {
            return None;
        }
        let unit = if self.is_bandit() { "cost units" } else { "USD" };
        let lines = self.lines(true, MEAN, |curve, at| Some(curve[at].cost_usd));
        let axis = Axis::new("Cumulative cost", unit).from_zero();
        let mut chart = self.chart("Cost", MEAN.name(), axis, lines);
        let budget = self.block.bandit.as_ref().and_then(|problem| problem.budget);
        chart.references.extend(budget.map(|y| Reference { y, label: "budget".to_owned() }));
        Some(chart)
    }

    /// Cumulative regret, or else reward, less that of the baseline on the same seed; `None` where all agree.
    pub(super) fn paired_difference(&self) -> Option<LineChart> {
        let has_regret = self.manifest.regret;
        let of = |point: &CurvePoint| if has_regret { point.regret } else { Some(point.reward) };
        let baseline = &self.curves[self.baseline];
        let drawn: Vec<usize> = self.challengers().take(MOST_DIFFERENCES).collect();
        let places = self.places(true);
        let line = |variant: usize| {
            let pairs = self.curves[variant].iter().zip(baseline);
            let difference = |(own, other): (&Vec<CurvePoint>, &Vec<CurvePoint>)| {
                own.iter().zip(other).map(|(a, b)| Some(of(a)? - of(b)?)).collect()
            };
            let by_seed: BySeed = pairs.map(difference).collect();
            self.line(variant, &places, &by_seed, Around::WholeCurve)
        };
        let lines: Vec<Line> = drawn.iter().map(|variant| line(*variant)).collect();
        if lines.iter().flat_map(|line| &line.points).all(|p| p.low == 0.0 && p.high == 0.0) {
            return None;
        }
        let name = &self.manifest.variants[self.baseline];
        let what = if has_regret { self.regret_name() } else { "reward" };
        let axis = Axis::new(&format!("Cumulative {what} less that of {name}"), "reward");
        let mut chart = self.chart("Difference to the baseline", "", axis, lines);
        let n = self.manifest.variants.len() - 1;
        let which = match n == drawn.len() {
            true => String::new(),
            false => format!("; the {} best of {n} variants", drawn.len()),
        };
        let caption = format!("paired by seed, {}{which}", Around::WholeCurve.name());
        chart.subtitle = self.subtitle(&caption);
        chart.references.push(Reference { y: 0.0, label: name.clone() });
        Some(chart)
    }
}

/// Mean over the tasks of the last `window` points of what a cumulative sum grew by; `None` without tasks.
fn over_tasks(
    curve: &[CurvePoint],
    at: usize,
    window: usize,
    sum: impl Fn(&CurvePoint) -> Option<f64>,
) -> Option<f64> {
    let from = (at + 1).saturating_sub(window);
    let tasks: f64 = curve[from..=at].iter().map(|point| point.tasks).sum();
    let before = if from == 0 { 0.0 } else { sum(&curve[from - 1])? };
    let grown = sum(&curve[at])? - before;
    (tasks > 0.0).then(|| grown / tasks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rolling_mean_is_over_tasks() {
        let point = |tasks: f64, regret: f64| CurvePoint {
            tasks,
            in_time: 0.0,
            efficiency: None,
            reward: 0.0,
            regret: Some(regret),
            cost_usd: 0.0,
            best_model_share: None,
            others: [0.0; 6],
        };
        let curve = [point(2.0, 1.0), point(0.0, 1.0), point(8.0, 5.0), point(0.0, 5.0)];
        let mean = |at, window| over_tasks(&curve, at, window, |point| point.regret);
        assert_eq!([mean(0, 1), mean(1, 1), mean(2, 1)], [Some(0.5), None, Some(0.5)]);
        assert_eq!([mean(0, 3), mean(2, 3), mean(3, 3)], [Some(0.5), Some(0.5), Some(0.5)]);
        assert_eq!(mean(3, 9), Some(0.5));
    }
}
