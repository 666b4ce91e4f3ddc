//! Charts over all blocks of a scenario: performance profile and mean ranks. Blocks are the scenarios, never seeds.

use crate::analysis::aggregate::normalised_score;
use crate::analysis::design::Design;
use crate::analysis::improvement::performance_profile;
use crate::analysis::interval::Estimate;
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
/// Scores at which the profile is drawn.
const POINTS: usize = 201;
/// Scores below this are beyond the left end of the profile.
const LOWEST: f64 = -0.5;

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Share of runs whose normalised score is above each value; `None` for one block or without regret.
pub(super) fn profile(views: &[View<'_>]) -> Option<LineChart> {
    let first = views.first()?;
    let manifest = first.manifest;
    if views.len() < 2 {
        return None;
    }
    let random = manifest.orders.iter().position(|order| order == "random");
    // Variant, block, seed.
    let mut scores: Vec<Vec<Vec<f64>>> = vec![Vec::new(); manifest.variants.len()];
    for view in views {
        let regrets: Vec<Vec<f64>> =
            (0..scores.len()).map(|v| view.by_seed(v, measure::CUMULATIVE_REGRET)).collect();
        if regrets.iter().any(|values| values.len() != manifest.seeds.len()) {
            return None;
        }
        let means: Vec<f64> = regrets.iter().map(|values| mean(values)).collect();
        let worst = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let reference = random.map_or(worst, |v| means[v]);
        for (own, regrets) in scores.iter_mut().zip(&regrets) {
            let score = |regret: &f64| normalised_score(*regret, reference, 0.0);
            own.push(regrets.iter().map(score).collect::<Option<_>>()?);
        }
    }
    let lowest = scores.iter().flatten().flatten().copied().fold(0.0, f64::min).max(LOWEST);
    let step = (1.0 - lowest) / (POINTS - 1) as f64;
    let taus: Vec<f64> = (0..POINTS).map(|at| lowest + step * at as f64).collect();
    let axis = Axis::new("Normalised score", "");
    let share = Axis::new("Runs with a higher score", "%").all_of(0.0, 100.0);
    let mut chart = LineChart::new("Performance profile", "", axis, share);
    let means: Vec<f64> = scores.iter().map(|blocks| mean(&blocks.concat())).collect();
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| means[*b].total_cmp(&means[*a]));
    let line = |v: &usize| {
        let shares = performance_profile(&scores[*v], &taus, Design::default())?;
        let point = |(tau, share): (&f64, &Estimate)| Point {
            x: *tau,
            y: 100.0 * share.mean,
            low: 100.0 * share.low,
            high: 100.0 * share.high,
        };
        let points = taus.iter().zip(&shares).map(point).collect();
        Some(Line { name: manifest.variants[*v].clone(), colour: *v, points })
    };
    let lines: Vec<Line> = order.iter().map(line).collect::<Option<_>>()?;
    put(&mut chart, lines, &told_apart(first.baseline, &order));
    let reference = match random {
        Some(v) => format!("`{}`", manifest.variants[v]),
        None => "the worst variant".to_owned(),
    };
    let (seeds, blocks) = (manifest.seeds.len(), views.len());
    let runs = if seeds == 1 { "one seed".to_owned() } else { format!("{seeds} seeds") };
    chart.subtitle = format!(
        "{}: {blocks} blocks of {runs}; score = 1 - regret / mean regret of {reference} in the same block (1 = no regret), band = \
         95 % interval of each point{}",
        manifest.scenario,
        colours(order.len(), "mean score")
    );
    Some(chart)
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
