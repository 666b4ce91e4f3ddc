//! Variants ranked over many scenarios: Friedman's test, critical differences, groups that are not told apart.
//!
//! Source: Demšar, "Statistical comparisons of classifiers over multiple data sets" (2006). Rows are scenarios (or blocks as
//! unlike as scenarios), each the mean over its seeds, and must be independent of each other. Seeds are no scenarios: over
//! seeds of one scenario the question is another one ([`crate::analysis::paired`]).

use crate::analysis::distribution::{chi_square_p_value, f_p_value, range_quantile};
use crate::analysis::measure::Better;
use crate::analysis::wilcoxon::{SignedRank, holm, midranks, signed_rank};

/// Scenarios from which a critical difference is offered: with fewer, mean ranks are not normal.
pub const SAFE_FROM: usize = 10;

/// Friedman's test of equal variants.
#[derive(Clone, Debug, PartialEq)]
pub struct Friedman {
    /// Number of scenarios.
    pub n: usize,
    /// Mean rank of each variant; 1 is the best.
    pub mean_ranks: Vec<f64>,
    /// By which ties have enlarged the statistic: 1 - sum(t^3 - t) / (n (k^3 - k)) over groups of t equal scores in a
    /// scenario. 1 without ties.
    pub ties: f64,
    /// Friedman's chi-square (1937), divided by `ties`; k - 1 degrees of freedom.
    pub chi_square: f64,
    /// P value of `chi_square`.
    pub chi_square_p: f64,
    /// Iman and Davenport's F (1980), which is less conservative: k - 1 and (k - 1) (n - 1) degrees of freedom. Infinite
    /// where all scenarios rank alike.
    pub f: f64,
    /// P value of `f`.
    pub f_p: f64,
}

/// Ranks of one scenario's variants, 1 for the best, ties averaged.
fn ranks(scores: &[f64], better: Better) -> Vec<f64> {
    match better {
        Better::Higher => midranks(&scores.iter().map(|score| -score).collect::<Vec<_>>()),
        Better::Lower | Better::Neither => midranks(scores),
    }
}

/// Friedman's test over `scenarios`, each a row of the scores of k variants.
///
/// `None` with fewer than two scenarios or variants, rows of unequal lengths, a score that is not a finite number, or a
/// measure that is better neither way.
#[must_use]
pub fn friedman(scenarios: &[Vec<f64>], better: Better) -> Option<Friedman> {
    let (n, k) = shape(scenarios)?;
    if better == Better::Neither {
        return None;
    }
    let (rows, variants) = (n as f64, k as f64);
    let mut mean_ranks = vec![0.0; k];
    let mut squares = 0.0;
    for scores in scenarios {
        for (mean, rank) in mean_ranks.iter_mut().zip(ranks(scores, better)) {
            *mean += rank / rows;
            squares += rank * rank;
        }
    }
    // The squares of n times 1..k add up to this much; ties take sum(t^3 - t) / 12 from it.
    let untied = rows * variants * (variants + 1.0) * (2.0 * variants + 1.0) / 6.0;
    let ties =
        1.0 - 12.0 * (untied - squares) / (rows * (variants * variants * variants - variants));
    let middle = 0.5 * (variants + 1.0);
    let spread: f64 = mean_ranks.iter().map(|rank| (rank - middle) * (rank - middle)).sum();
    let statistic = 12.0 * rows / (variants * (variants + 1.0)) * spread;
    let chi_square = if ties > 0.0 { statistic / ties } else { 0.0 };
    let f = iman_davenport(chi_square, rows, variants);
    let (above, below) = (variants - 1.0, (variants - 1.0) * (rows - 1.0));
    Some(Friedman {
        n,
        mean_ranks,
        ties,
        chi_square,
        chi_square_p: chi_square_p_value(chi_square, above),
        f,
        f_p: f_p_value(f, above, below),
    })
}

/// Number of scenarios and of variants.
fn shape(scenarios: &[Vec<f64>]) -> Option<(usize, usize)> {
    let k = scenarios.first()?.len();
    let sound = |scores: &Vec<f64>| scores.len() == k && scores.iter().all(|v| v.is_finite());
    (scenarios.len() > 1 && k > 1 && scenarios.iter().all(sound)).then_some((scenarios.len(), k))
}

fn iman_davenport(chi_square: f64, n: f64, k: f64) -> f64 {
    // Rounding may leave a hair below 0 where all scenarios rank alike.
    let left = n * (k - 1.0) - chi_square;
    if left > 1e-9 * n { (n - 1.0) * chi_square / left } else { f64::INFINITY }
}

/// Nemenyi's factor q(alpha) for `k` variants: the upper quantile of the studentized range with infinitely many degrees of
/// freedom over sqrt(2) (Nemenyi 1963; Demšar 2006, table 5). 2 to 100 variants.
#[must_use]
pub fn nemenyi_factor(k: usize, alpha: f64) -> f64 {
    range_quantile(1.0 - alpha, k) / std::f64::consts::SQRT_2
}

/// Difference of mean ranks over `n` scenarios from which two of `k` variants are told apart, any two of them wrongly with
/// probability `alpha`: q(alpha) sqrt(k (k + 1) / (6 n)). `None` for fewer than [`SAFE_FROM`] scenarios.
#[must_use]
pub fn critical_difference(k: usize, n: usize, alpha: f64) -> Option<f64> {
    let variance = (k * (k + 1)) as f64 / (6 * n) as f64;
    (n >= SAFE_FROM).then(|| nemenyi_factor(k, alpha) * variance.sqrt())
}

/// The largest groups of variants whose mean ranks lie within less than the critical difference.
#[must_use]
pub fn groups_by_rank(mean_ranks: &[f64], critical_difference: f64) -> Vec<Vec<usize>> {
    groups(mean_ranks, |a, b| (mean_ranks[a] - mean_ranks[b]).abs() < critical_difference)
}

/// Two variants compared over scenarios.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// The one that stands first.
    pub first: usize,
    /// The other.
    pub second: usize,
    /// Signed-rank test of second less first.
    pub signed_rank: SignedRank,
    /// Its p value adjusted for all pairs by Holm's procedure.
    pub adjusted_p: f64,
}

/// All pairs of variants compared over scenarios by Wilcoxon's signed-rank test with Holm's correction: unlike mean ranks, a
/// pair's result does not hang on which other variants took part (Benavoli, Corani and Mangili, "Should we really use
/// post-hoc tests based on mean-ranks?", 2016). With 5 scenarios or fewer it can tell none apart. `None` as [`friedman`].
#[must_use]
pub fn compare_pairs(scenarios: &[Vec<f64>]) -> Option<Vec<Pair>> {
    let (_, k) = shape(scenarios)?;
    let mut pairs = Vec::with_capacity(k * (k - 1) / 2);
    for first in 0..k {
        for second in first + 1..k {
            let differences: Vec<f64> =
                scenarios.iter().map(|scores| scores[second] - scores[first]).collect();
            let signed_rank = signed_rank(&differences)?;
            pairs.push(Pair { first, second, signed_rank, adjusted_p: signed_rank.p });
        }
    }
    let p_values: Vec<f64> = pairs.iter().map(|pair| pair.adjusted_p).collect();
    for (pair, adjusted) in pairs.iter_mut().zip(holm(&p_values)) {
        pair.adjusted_p = adjusted;
    }
    Some(pairs)
}

/// The largest groups of variants of which no two are told apart: no pair has an adjusted p value below `alpha`. Such groups
/// need not be neighbours in rank.
#[must_use]
pub fn groups_by_pairs(mean_ranks: &[f64], pairs: &[Pair], alpha: f64) -> Vec<Vec<usize>> {
    let k = mean_ranks.len();
    let mut apart = vec![vec![false; k]; k];
    for pair in pairs.iter().filter(|pair| pair.adjusted_p < alpha) {
        apart[pair.first][pair.second] = true;
        apart[pair.second][pair.first] = true;
    }
    groups(mean_ranks, |a, b| !apart[a][b])
}

/// Maximal groups of two or more variants any two of which are `near`, each in order of mean ranks, best first (Bron and
/// Kerbosch, "Finding all cliques of an undirected graph", 1973).
fn groups(mean_ranks: &[f64], near: impl Fn(usize, usize) -> bool) -> Vec<Vec<usize>> {
    let mut best_first: Vec<usize> = (0..mean_ranks.len()).collect();
    best_first.sort_by(|a, b| mean_ranks[*a].total_cmp(&mean_ranks[*b]));
    let place = |variant: &usize| best_first.iter().position(|v| v == variant);
    let mut found = Vec::new();
    extend(&mut Vec::new(), best_first.clone(), Vec::new(), &near, &mut found);
    found.retain(|group| group.len() > 1);
    found.iter_mut().for_each(|group| group.sort_by_key(place));
    found.sort_by_key(|group| group.iter().map(place).collect::<Vec<_>>());
    found
}

/// Finds the maximal groups that contain `group`, some of `candidates` and none of `done`, all of them near to all of it.
fn extend(
    group: &mut Vec<usize>,
    mut candidates: Vec<usize>,
    mut done: Vec<usize>,
    near: &impl Fn(usize, usize) -> bool,
    found: &mut Vec<Vec<usize>>,
) {
    let near_to = |v: usize, of: &[usize]| -> Vec<usize> {
        of.iter().copied().filter(|u| *u != v && near(v, *u)).collect()
    };
    // Every maximal group holds the pivot or one that is not near to it.
    let pivot = candidates.iter().chain(&done).max_by_key(|v| near_to(**v, &candidates).len());
    let Some(pivot) = pivot else {
        found.push(group.clone());
        return;
    };
    let beside = near_to(*pivot, &candidates);
    let tried: Vec<usize> = candidates.iter().copied().filter(|v| !beside.contains(v)).collect();
    for v in tried {
        group.push(v);
        extend(group, near_to(v, &candidates), near_to(v, &done), near, found);
        group.pop();
        candidates.retain(|u| *u != v);
        done.push(v);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Areas under the curve of C4.5, C4.5+m, C4.5+cf and C4.5+m+cf on 14 data sets (Demšar 2006, table 6). "voting" is given
    /// as 0.975 twice and ranked 2 and 3.
    const AREAS: [[f64; 4]; 14] = [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9752, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ];

    fn areas() -> Vec<Vec<f64>> {
        AREAS.iter().map(|scores| scores.to_vec()).collect()
    }

    #[test]
    fn friedmans_test_gives_the_published_worked_example() {
        let found = friedman(&areas(), Better::Higher).expect("scores");
        for (found, published) in found.mean_ranks.iter().zip([3.143, 2.000, 2.893, 1.964]) {
            assert!((found - published).abs() < 5e-4, "{found} instead of {published}");
        }
        // Demšar 2006, section 3.2.2, without correction for ties: chi-square 9.28, F 3.69, critical value F(3, 39) = 2.85.
        let uncorrected = found.chi_square * found.ties;
        assert!((uncorrected - 9.28).abs() < 5e-3, "{uncorrected}");
        assert!((iman_davenport(uncorrected, 14.0, 4.0) - 3.69).abs() < 5e-3);
        // SciPy 1.17, friedmanchisquare, which corrects for ties. Ties: two of 2, one of 4, one more of 2.
        assert!((found.ties - (1.0 - (6.0 + 6.0 + 60.0 + 6.0) / (14.0 * 60.0))).abs() < 1e-12);
        assert!((found.chi_square - 10.228_346_456_692_925).abs() < 1e-11, "{found:?}");
        assert!((found.chi_square_p - 0.016_721_580_328_441_323).abs() < 1e-12, "{found:?}");
        assert!((found.f - 13.0 * found.chi_square / (42.0 - found.chi_square)).abs() < 1e-12);
        assert!(found.f_p < found.chi_square_p, "less conservative");
        let turned: Vec<Vec<f64>> =
            areas().iter().map(|s| s.iter().map(|v| -v).collect()).collect();
        assert_eq!(friedman(&turned, Better::Lower), Some(found));
    }

    #[test]
    fn scenarios_that_rank_alike_leave_no_doubt_and_equal_scores_leave_all() {
        let alike = friedman(&vec![vec![1.0, 2.0, 3.0]; 7], Better::Higher).expect("scores");
        assert!((alike.chi_square - 14.0).abs() < 1e-12 && alike.f_p == 0.0, "{alike:?}");
        assert_eq!(alike.mean_ranks.iter().map(|r| r.round()).collect::<Vec<_>>(), [3.0, 2.0, 1.0]);
        let equal = friedman(&vec![vec![1.0; 3]; 7], Better::Lower).expect("scores");
        assert_eq!((equal.chi_square, equal.chi_square_p, equal.f_p), (0.0, 1.0, 1.0));
        for unsound in [vec![], vec![vec![1.0, 2.0]], vec![vec![1.0, 2.0], vec![1.0]]] {
            assert_eq!(friedman(&unsound, Better::Higher), None);
        }
        assert_eq!(friedman(&areas(), Better::Neither), None);
    }

    #[test]
    fn critical_differences_are_the_published_ones() {
        // Demšar 2006, section 3.2.2: 1.25 for alpha .05 (2.569 in his table 5) and 1.12 for .10 (2.291).
        for (alpha, published) in [(0.05, 1.25), (0.10, 1.12)] {
            let found = critical_difference(4, 14, alpha).expect("enough scenarios");
            assert!((found - published).abs() < 5e-3, "{found} instead of {published}");
        }
        assert_eq!(critical_difference(4, SAFE_FROM - 1, 0.05), None);
        assert!(critical_difference(4, SAFE_FROM, 0.05).is_some());
    }

    #[test]
    fn groups_by_rank_are_the_published_ones() {
        let ranks = friedman(&areas(), Better::Higher).expect("scores").mean_ranks;
        // At .05 no two of the four lie 1.25 apart; at .10 C4.5 lies beyond 1.12 of the two with m (Demšar 2006: "C4.5 is
        // significantly worse than C4.5+m and C4.5+m+cf").
        assert_eq!(groups_by_rank(&ranks, 1.25), [vec![3, 1, 2, 0]]);
        assert_eq!(groups_by_rank(&ranks, 1.12), [vec![3, 1, 2], vec![2, 0]]);
    }

    #[test]
    fn pairs_are_compared_over_scenarios_and_corrected_as_a_family() {
        let pairs = compare_pairs(&areas()).expect("scores");
        assert_eq!(pairs.len(), 6);
        let first = pairs[0];
        let differences: Vec<f64> = AREAS.iter().map(|scores| scores[1] - scores[0]).collect();
        assert_eq!(Some(first.signed_rank), signed_rank(&differences));
        let p_values: Vec<f64> = pairs.iter().map(|pair| pair.signed_rank.p).collect();
        let adjusted: Vec<f64> = pairs.iter().map(|pair| pair.adjusted_p).collect();
        assert_eq!(adjusted, holm(&p_values));
        assert!(adjusted.iter().zip(&p_values).all(|(adjusted, p)| adjusted >= p));
    }

    #[test]
    fn groups_by_pairs_need_not_be_neighbours() {
        // Four variants; 1 is told apart from 0 and 2, though it ranks between them.
        let pair = |first, second, adjusted_p| {
            let signed_rank = signed_rank(&[1.0]).expect("a value");
            Pair { first, second, signed_rank, adjusted_p }
        };
        let pairs = [
            pair(0, 1, 0.01),
            pair(0, 2, 0.30),
            pair(0, 3, 0.05),
            pair(1, 2, 0.04),
            pair(1, 3, 1.00),
            pair(2, 3, 0.20),
        ];
        let ranks = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(groups_by_pairs(&ranks, &pairs, 0.05), [vec![0, 2, 3], vec![1, 3]]);
        let apart: Vec<Pair> = pairs.iter().map(|p| Pair { adjusted_p: 0.0, ..*p }).collect();
        assert_eq!(groups_by_pairs(&ranks, &apart, 0.05), [[0; 0]; 0]);
    }
}
