//! Wilcoxon's signed-rank test of paired differences, and Holm's correction for a family of tests.

use crate::math;

/// Differences other than 0 up to which the null distribution is enumerated.
const MOST_ENUMERATED: usize = 50;

/// What the signed-rank test says of paired differences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SignedRank {
    /// Number of differences.
    pub n: usize,
    /// How many of them are 0.
    pub zeros: usize,
    /// Sum of the ranks of differences above 0.
    pub above: f64,
    /// Sum of the ranks of differences below 0.
    pub below: f64,
    /// Two-sided p value.
    pub p: f64,
    /// The p value is exact, no normal approximation.
    pub is_exact: bool,
}

/// The signed-rank test (Wilcoxon 1945) of differences that lie as often and as far above 0 as below it.
///
/// Assumes independent differences, symmetric about the same middle. Tied sizes share the mean of their ranks; differences
/// of 0 are ranked with the others and then left out (Pratt, "Remarks on zeros and ties in the Wilcoxon signed rank
/// procedures", 1959). The null distribution is that of all signs of these very ranks: enumerated for up to 50 differences
/// other than 0, with ties and zeros too (Streitberg and Röhmel 1986), else normal with its variance, the sum of r^2 / 4,
/// which is the usual correction for ties; no correction for continuity. The other way round, `above` and `below` change
/// places. `None` without differences or where one is not a finite number; p = 1 if all are 0.
#[must_use]
pub fn signed_rank(differences: &[f64]) -> Option<SignedRank> {
    if differences.is_empty() || differences.iter().any(|d| !d.is_finite()) {
        return None;
    }
    let sizes: Vec<f64> = differences.iter().map(|d| d.abs()).collect();
    let signed: Vec<(f64, f64)> = differences.iter().copied().zip(midranks(&sizes)).collect();
    let sum_of = |keep: fn(f64) -> bool| -> f64 {
        signed.iter().filter(|(d, _)| keep(*d)).map(|(_, rank)| rank).sum()
    };
    let (above, below) = (sum_of(|d| d > 0.0), sum_of(|d| d < 0.0));
    let ranks: Vec<f64> = signed.iter().filter(|(d, _)| *d != 0.0).map(|(_, rank)| *rank).collect();
    let is_exact = ranks.len() <= MOST_ENUMERATED;
    let p = if is_exact { enumerated(&ranks, above.min(below)) } else { normal(&ranks, above) };
    let n = differences.len();
    Some(SignedRank { n, zeros: n - ranks.len(), above, below, p, is_exact })
}

/// Twice the probability that the ranks of one sign add up to at most `sum`, every rank having either sign with the same
/// probability; at most 1.
fn enumerated(ranks: &[f64], sum: f64) -> f64 {
    // Twice a mean of whole ranks is a whole number.
    let most = (2.0 * sum) as usize;
    let mut probability = vec![0.0; most + 1];
    probability[0] = 1.0;
    for rank in ranks.iter().map(|rank| (2.0 * rank) as usize) {
        for at in (0..=most).rev() {
            let without = if at >= rank { probability[at - rank] } else { 0.0 };
            probability[at] = 0.5 * (probability[at] + without);
        }
    }
    (2.0 * probability.iter().sum::<f64>()).min(1.0)
}

fn normal(ranks: &[f64], above: f64) -> f64 {
    let middle = 0.5 * ranks.iter().sum::<f64>();
    let sd = 0.5 * ranks.iter().map(|rank| rank * rank).sum::<f64>().sqrt();
    2.0 * math::normal_cdf(-((above - middle) / sd).abs())
}

/// Ranks from 1 in rising order of finite values; equal ones share the mean of their ranks.
#[must_use]
pub fn midranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].partial_cmp(&values[*b]).expect("values are finite"));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for same in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = before as f64 + 0.5 * (same.len() + 1) as f64;
        same.iter().for_each(|at| ranks[*at] = rank);
        before += same.len();
    }
    ranks
}

/// P values of a family of tests, adjusted so that rejecting those up to alpha wrongly rejects any with probability alpha at
/// most, however the tests depend on each other (Holm, "A simple sequentially rejective multiple test procedure", 1979).
///
/// The i-th smallest of m becomes the largest of (m - j + 1) p(j) up to j = i, at most 1. The order is that given.
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let m = p_values.len();
    let mut order: Vec<usize> = (0..m).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![0.0; m];
    let mut largest = 0.0_f64;
    for (before, at) in order.into_iter().enumerate() {
        largest = largest.max((m - before) as f64 * p_values[at]).min(1.0);
        adjusted[at] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::approx_constant, reason = "a depression score, not pi")]
    fn the_exact_test_gives_the_published_worked_example() {
        // Hollander and Wolfe, Nonparametric Statistical Methods, 1973, page 29 (depression scores of nine patients), as
        // in R's documentation of wilcox.test: V = 40 of 45, one-sided p = 0.01953.
        let before = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
        let after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
        let differences: Vec<f64> = before.iter().zip(after).map(|(b, a)| b - a).collect();
        let found = signed_rank(&differences).expect("values");
        assert_eq!((found.above, found.below, found.is_exact), (40.0, 5.0, true));
        assert_eq!(found.p, 0.039_062_5);
        let turned: Vec<f64> = differences.iter().map(|d| -d).collect();
        let turned = signed_rank(&turned).expect("values");
        assert_eq!((turned.above, turned.below, turned.p), (5.0, 40.0, found.p));
    }

    #[test]
    fn fifty_differences_without_ties_match_an_independent_library() {
        let d = |i: u32| f64::from(i * 37 % 101) - 40.0 + f64::from(i % 7) / 8.0;
        let differences: Vec<f64> = (0..50).map(d).collect();
        let found = signed_rank(&differences).expect("values");
        // SciPy 1.17, wilcoxon(method="exact").
        assert_eq!((found.below.min(found.above), found.is_exact), (410.0, true));
        assert!((found.p - 0.027_545_164_283_727_885).abs() < 1e-14, "{found:?}");
    }

    #[test]
    fn ties_and_zeros_have_the_distribution_of_all_signs() {
        let differences = [3.0, -1.0, 2.0, 2.0, 0.0, 5.0, -2.0, 4.0, 0.0, 1.0, 6.0, -3.0];
        let found = signed_rank(&differences).expect("values");
        assert_eq!((found.n, found.zeros, found.above, found.below), (12, 2, 57.0, 18.0));
        // 73 of the 1,024 signs of the ten ranks add up to at most 18 (counted one by one).
        assert_eq!(found.p, 2.0 * 73.0 / 1024.0);
    }

    #[test]
    fn many_differences_with_ties_and_zeros_match_an_independent_library() {
        let differences: Vec<f64> = (0..70).map(|i| f64::from(i * 37 % 11) - 4.0).collect();
        let found = signed_rank(&differences).expect("values");
        // SciPy 1.17, wilcoxon(zero_method="pratt", method="approx", correction=False).
        assert_eq!((found.zeros, found.above.min(found.below)), (7, 860.5));
        assert!((found.p - 0.030_643_313_225_819_212).abs() < 1e-14 && !found.is_exact);
    }

    #[test]
    fn equal_pairs_tell_nothing() {
        let found = signed_rank(&[0.0; 60]).expect("values");
        assert_eq!((found.zeros, found.p, found.above), (60, 1.0, 0.0));
        assert_eq!(signed_rank(&[]), None);
        assert_eq!(signed_rank(&[1.0, f64::NAN]), None);
        assert_eq!(signed_rank(&[2.5]).map(|found| found.p), Some(1.0));
    }

    #[test]
    fn adjusted_p_values_are_those_of_the_step_down_rule() {
        // By hand: 4 * 0.005, 3 * 0.011, 2 * 0.02 and, being smaller, 1 * 0.03 after it.
        let found = holm(&[0.02, 0.005, 0.03, 0.011]);
        for (found, expected) in found.iter().zip([0.04, 0.02, 0.04, 0.033]) {
            assert!((found - expected).abs() < 1e-15, "{found} instead of {expected}");
        }
        assert_eq!(holm(&[0.7, 0.6]), [1.0, 1.0]);
        assert_eq!(holm(&[]), [0.0; 0]);
    }
}
