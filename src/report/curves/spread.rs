//! Charts of whole runs: how regret is spread over seeds, and what quality costs.

use crate::analysis::interval::{Estimate, mean_over_seeds};
use crate::analysis::measure::{self, Measure};
use crate::report::charts::{Axis, Dot, Line, LineChart, Point, ScatterChart};
use crate::report::curves::view::View;

/// Values that span more than this factor are drawn on an axis of factors.
const WIDE: f64 = 20.0;

/// Mean costs within this share of the largest are the same.
const SAME: f64 = 0.01;

/// Whether values span so much that an axis of factors shows them better.
pub(super) fn is_wide(values: impl Iterator<Item = f64> + Clone) -> bool {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(f64::NEG_INFINITY, f64::max);
    low > 0.0 && high > WIDE * low
}

impl View<'_> {
    /// Share of seeds whose regret stays at or below each value; `None` for one seed or where no seed differs.
    pub(super) fn regret_spread(&self) -> Option<LineChart> {
        let finals: Vec<(usize, Vec<f64>)> = self
            .ranking
            .iter()
            .map(|v| (*v, self.by_seed(*v, measure::CUMULATIVE_REGRET)))
            .filter(|(_, values)| !values.is_empty())
            .collect();
        // All seeds alike are one step, mostly at 0: an oracle, which an axis of factors could not show.
        let (flat, mut finals): (Vec<_>, Vec<_>) =
            finals.into_iter().partition(|(_, values)| values.iter().all(|v| *v == values[0]));
        if finals.is_empty() {
            return None;
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        finals.sort_by(|(_, a), (_, b)| mean(a).total_cmp(&mean(b)));
        let all = || finals.iter().flat_map(|(_, values)| values.iter().copied());
        let mut axis = Axis::new("Cumulative regret of a run", "reward");
        axis = if is_wide(all()) { axis.logarithmic() } else { axis.from_zero() };
        let share = Axis::new("Seeds with at most so much", "%").all_of(0.0, 100.0);
        let mut chart = LineChart::new("Regret of runs", "", axis, share);
        let name = |variant: usize| self.manifest.variants[variant].clone();
        let line = |(v, values): &(usize, Vec<f64>)| Line {
            name: name(*v),
            colour: *v,
            points: steps_up(values.clone()),
        };
        self.keep_apart(&mut chart, "", finals.iter().map(line).collect());
        let n = self.manifest.seeds.len();
        let mut what = format!("{n} seeds, the lowest mean first");
        if !flat.is_empty() {
            let names: Vec<String> = flat
                .iter()
                .map(|(v, values)| {
                    format!("{} ({})", name(*v), crate::report::number::rounded(values[0], 3))
                })
                .collect();
            what += &format!("; the same on every seed: {}", names.join(", "));
        }
        chart.subtitle = self.about(&what) + &self.colours();
        Some(chart)
    }

    /// Quality (in bandit mode reward) against cost; `None` where all cost the same, be it nothing or a budget.
    pub(super) fn quality_cost(&self) -> Option<ScatterChart> {
        let quality = if self.is_bandit() { measure::REWARD } else { measure::QUALITY };
        let estimate = |v: usize, measure: Measure| -> Option<Estimate> {
            mean_over_seeds(&self.by_seed(v, measure), false)
        };
        let dots: Vec<Dot> = (0..self.curves.len())
            .filter_map(|v| {
                let (up, across) = (estimate(v, quality)?, estimate(v, measure::COST)?);
                let point = Point { x: across.mean, y: up.mean, low: up.low, high: up.high };
                let name = self.manifest.variants[v].clone();
                Some(Dot { name, colour: v, point, across: (across.low, across.high) })
            })
            .collect();
        let costs = || dots.iter().map(|dot| dot.point.x);
        let (least, most) = (costs().fold(f64::INFINITY, f64::min), costs().fold(0.0, f64::max));
        if most - least <= SAME * most {
            return None;
        }
        let (name, unit) = match self.is_bandit() {
            true => ("Mean reward of a round", ""),
            false => ("Mean quality of a task", "points"),
        };
        let cost = if self.is_bandit() { "cost units" } else { measure::COST.unit };
        Some(ScatterChart {
            title: if self.is_bandit() { "Reward against cost" } else { "Quality against cost" }
                .to_owned(),
            subtitle: self.subtitle("crosses = 95 % intervals (t)"),
            x_axis: Axis::new(&format!("Cost of a {}", self.task()), cost),
            y_axis: Axis::new(name, unit),
            dots,
        })
    }
}

/// The steps of the share, in percent, of values at or below each value.
pub(super) fn steps_up(mut values: Vec<f64>) -> Vec<Point> {
    values.sort_by(f64::total_cmp);
    let n = values.len() as f64;
    let share = |at: usize| 100.0 * at as f64 / n;
    let corners = values.iter().enumerate();
    corners
        .flat_map(|(at, x)| [Point::exact(*x, share(at)), Point::exact(*x, share(at + 1))])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_go_from_none_to_all() {
        let corners: Vec<(f64, f64)> =
            steps_up(vec![5.0, 1.0, 5.0, 2.0]).iter().map(|p| (p.x, p.y)).collect();
        let wanted = [
            (1.0, 0.0),
            (1.0, 25.0),
            (2.0, 25.0),
            (2.0, 50.0),
            (5.0, 50.0),
            (5.0, 75.0),
            (5.0, 75.0),
            (5.0, 100.0),
        ];
        assert_eq!(corners, wanted);
    }

    #[test]
    fn only_positive_values_far_apart_are_wide() {
        assert!(is_wide([1.0, 21.0].into_iter()));
        assert!(!is_wide([1.0, 20.0].into_iter()));
        assert!(!is_wide([0.0, 1e9].into_iter()));
        assert!(!is_wide(std::iter::empty()));
    }
}
