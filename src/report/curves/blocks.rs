//! Charts over all blocks of a scenario: performance profile and mean ranks. Blocks are the scenarios, never seeds.

use crate::analysis::aggregate::normalised_score;
use crate::analysis::interval::mean_over_seeds;
use crate::analysis::measure;
use crate::analysis::ranks::{
    SAFE_FROM, compare_pairs, critical_difference, friedman, groups_by_pairs, groups_by_rank,
};
use crate::report::charts::{Axis, Line, LineChart, Point, RankChart};
use crate::report::curves::view::{View, colours, first_measure, put, told_apart};

/// Blocks and variants from which ranks are drawn.
const FEWEST: usize = 3;
/// With fewer blocks Wilcoxon's test tells no two variants apart at 5 %.
const TELLS_FROM: usize = 6;
/// Scores below this are beyond the left end of the profile.
const LOWEST: f64 = -0.5;

/// Share of runs whose normalised score is above each value; `None` for one block or without regret.
pub(super) fn profile(views: &[View<'_>]) -> Option<LineChart> {
    let first = views.first()?;
    let manifest = first.manifest;
    if views.len() < 2 {
        return None;
    }
    let random = manifest.orders.iter().position(|order| order == "random");
    let mut scores: Vec<Vec<f64>> = vec![Vec::new(); manifest.variants.len()];
    for view in views {
        let regrets: Vec<Vec<f64>> =
            (0..scores.len()).map(|v| view.by_seed(v, measure::CUMULATIVE_REGRET)).collect();
        let means: Vec<f64> = regrets
            .iter()
            .filter_map(|values| mean_over_seeds(values, false))
            .map(|estimate| estimate.mean)
            .collect();
        if means.len() < regrets.len() {
            return None;
        }
        let worst = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let reference = random.map_or(worst, |v| means[v]);
        for (own, regrets) in scores.iter_mut().zip(&regrets) {
            for regret in regrets {
                own.push(normalised_score(*regret, reference, 0.0)?);
            }
        }
    }
    let lowest = scores.iter().flatten().copied().fold(0.0, f64::min).max(LOWEST);
    let mut axis = Axis::new("Normalised score", "");
    axis.least = Some(lowest);
    let share = Axis::new("Runs with a higher score", "%").all_of(0.0, 100.0);
    let mut chart = LineChart::new("Performance profile", "", axis, share);
    let mean = |v: usize| scores[v].iter().sum::<f64>() / scores[v].len() as f64;
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| mean(*b).total_cmp(&mean(*a)));
    let line = |v: &usize| Line {
        name: manifest.variants[*v].clone(),
        colour: *v,
        points: steps_down(&scores[*v], lowest),
    };
    put(&mut chart, order.iter().map(line).collect(), &told_apart(first.baseline, &order));
    let reference = match random {
        Some(v) => format!("`{}`", manifest.variants[v]),
        None => "the worst variant".to_owned(),
    };
    let (seeds, blocks) = (manifest.seeds.len(), views.len());
    let runs = if seeds == 1 { "one seed".to_owned() } else { format!("{seeds} seeds") };
    chart.subtitle = format!(
        "{}: {blocks} blocks of {runs}; score = 1 - regret / mean regret of {reference} in the same block (1 = no regret){}",
        manifest.scenario,
        colours(order.len(), "mean score")
    );
    Some(chart)
}

/// The steps of the share, in percent, of values above each value, from `from` to the largest value or 1.
fn steps_down(values: &[f64], from: f64) -> Vec<Point> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let n = values.len() as f64;
    let share = |above: usize| 100.0 * above as f64 / n;
    let below = values.iter().filter(|value| **value <= from).count();
    let mut points = vec![Point::exact(from, share(values.len() - below))];
    for (at, value) in values.iter().enumerate().skip(below) {
        let left = values.len() - at;
        points.extend([Point::exact(*value, share(left)), Point::exact(*value, share(left - 1))]);
    }
    if values.last().is_none_or(|last| *last < 1.0) {
        points.push(Point::exact(1.0, 0.0));
    }
    points
}

/// Mean ranks over blocks, with the groups that are not told apart; `None` for few blocks or variants.
pub(super) fn ranks(views: &[View<'_>]) -> Option<RankChart> {
    let manifest = views.first()?.manifest;
    let (n, k) = (views.len(), manifest.variants.len());
    if n < FEWEST || k < FEWEST {
        return None;
    }
    let measure = first_measure(manifest);
    let mean = |view: &View<'_>, v| view.measured(v, measure).map(|estimate| estimate.mean);
    let scores: Vec<Vec<f64>> = views
        .iter()
        .map(|view| (0..k).map(|v| mean(view, v)).collect::<Option<_>>())
        .collect::<Option<_>>()?;
    let found = friedman(&scores, measure.better)?;
    let alpha = 0.05;
    let difference = critical_difference(k, n, alpha);
    let (groups, meaning) = match difference {
        Some(difference) => (
            groups_by_rank(&found.mean_ranks, difference),
            "bars join ranks closer than the critical difference (Nemenyi, 5 %)".to_owned(),
        ),
        None => (
            groups_by_pairs(&found.mean_ranks, &compare_pairs(&scores)?, alpha),
            match n < TELLS_FROM {
                true => format!("no two can be told apart with fewer than {TELLS_FROM} blocks"),
                false => format!(
                    "bars join what Wilcoxon's test with Holm's correction does not tell apart at 5 %; a critical \
                     difference needs {SAFE_FROM} blocks"
                ),
            },
        ),
    };
    let ranks = manifest.variants.iter().cloned().zip(found.mean_ranks).collect();
    Some(RankChart {
        title: format!("Mean ranks by {}", measure.name),
        subtitle: format!(
            "{}: the {n} blocks are the scenarios, each the mean over {} seeds; 1 = best; {meaning}",
            manifest.scenario,
            manifest.seeds.len()
        ),
        ranks,
        groups,
        critical_difference: difference,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_falls_from_all_that_are_above_to_none() {
        let corners = |values: &[f64], from: f64| -> Vec<(f64, f64)> {
            steps_down(values, from).iter().map(|p| (p.x, p.y)).collect()
        };
        let wanted = [(0.0, 50.0), (0.5, 50.0), (0.5, 0.0), (1.0, 0.0)];
        assert_eq!(corners(&[0.5, -3.0], 0.0), wanted);
        assert_eq!(corners(&[1.0], -0.5), [(-0.5, 100.0), (1.0, 100.0), (1.0, 0.0)]);
    }
}
