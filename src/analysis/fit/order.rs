//! Whether values that came one after another could have come in any order: tests by permutation of their ranks.

use super::two_samples::TwoSample;
use crate::analysis::bootstrap::Bootstrap;
use crate::analysis::wilcoxon::midranks;
use crate::sim::stream::{Purpose, Stream, Streams};

/// A change of level at an unknown place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChangePoint {
    /// The test: Pettitt's statistic over its largest possible value, from 0 to 1.
    pub test: TwoSample,
    /// How many values lie before the most likely place of the change.
    pub at: usize,
}

/// Pettitt's test ("A non-parametric approach to the change-point problem", 1979): the largest sum of centred ranks from the
/// beginning on. `None` for fewer than two values or where all are equal.
#[must_use]
pub fn change_point(values: &[f64], permutations: Bootstrap) -> Option<ChangePoint> {
    let ranks = centred(values)?;
    let n = values.len();
    let largest = (n / 2) as f64 * (n - n / 2) as f64 / 2.0;
    let (at, own) = largest_sum(&ranks);
    let p = share_as_far(ranks, permutations, |ranks| largest_sum(ranks).1, own);
    Some(ChangePoint { test: TwoSample { statistic: own / largest, p }, at })
}

/// Whether neighbours are alike: the rank version of von Neumann's ratio (Bartels, "The rank version of von Neumann's ratio
/// test for randomness", 1982), as the correlation of ranks with the ranks before them; only likeness counts as far.
/// `None` for fewer than three values or where all are equal.
#[must_use]
pub fn serial_dependence(values: &[f64], permutations: Bootstrap) -> Option<TwoSample> {
    let ranks = centred(values).filter(|ranks| ranks.len() > 2)?;
    let squares: f64 = ranks.iter().map(|r| r * r).sum();
    let ratio = |ranks: &[f64]| -> f64 {
        ranks.windows(2).map(|pair| (pair[1] - pair[0]) * (pair[1] - pair[0])).sum()
    };
    let own = ratio(&ranks);
    let statistic = 1.0 - 0.5 * own / squares;
    let p = share_as_far(ranks, permutations, |ranks| -ratio(ranks), -own);
    Some(TwoSample { statistic, p })
}

fn centred(values: &[f64]) -> Option<Vec<f64>> {
    let first = values.first()?;
    if values.iter().all(|v| v == first) {
        return None;
    }
    let middle = (values.len() + 1) as f64 / 2.0;
    Some(midranks(values).into_iter().map(|rank| rank - middle).collect())
}

/// How many values come before the largest sum from the beginning on, and its size.
fn largest_sum(ranks: &[f64]) -> (usize, f64) {
    let (mut sum, mut most, mut at) = (0.0_f64, 0.0, 0);
    for (i, rank) in ranks.iter().enumerate() {
        sum += rank;
        if sum.abs() > most {
            (most, at) = (sum.abs(), i + 1);
        }
    }
    (at, most)
}

fn share_as_far(
    mut ranks: Vec<f64>,
    permutations: Bootstrap,
    statistic: impl Fn(&[f64]) -> f64,
    own: f64,
) -> f64 {
    let streams = Streams::new(permutations.key);
    let near = own - 1e-9 * own.abs();
    let mut further = 1.0;
    for b in 0..u64::from(permutations.resamples) {
        let mut stream = streams.nth(Purpose::Resample, b);
        shuffle(&mut ranks, &mut stream);
        if statistic(&ranks) >= near {
            further += 1.0;
        }
    }
    further / (f64::from(permutations.resamples) + 1.0)
}

/// Fisher and Yates' shuffle.
pub(super) fn shuffle<T>(values: &mut [T], stream: &mut Stream) {
    for i in (1..values.len()).rev() {
        let j = (stream.uniform() * (i + 1) as f64) as usize;
        values.swap(i, j.min(i));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERMUTATIONS: Bootstrap = Bootstrap { resamples: 9_999, key: 3 };

    #[test]
    fn changes_and_likeness_are_told_from_chance() {
        let step: Vec<f64> = (0..60).map(|i| f64::from((i * 37) % 60 + 60 * (i / 40))).collect();
        let found = change_point(&step, PERMUTATIONS).expect("has values");
        assert!(found.test.p < 0.001 && (found.at as i64 - 40).abs() <= 4, "{found:?}");
        let rising: Vec<f64> = (0..30).map(f64::from).collect();
        // Of rising ranks the sum of squared steps is n - 1, that of centred squares n (n^2 - 1) / 12.
        let alike = serial_dependence(&rising, PERMUTATIONS).expect("has values");
        assert!((alike.statistic - (1.0 - 0.5 * 29.0 / (30.0 * 899.0 / 12.0))).abs() < 1e-12);
        assert!(alike.p == 1e-4, "{alike:?}");
        let by_turns: Vec<f64> =
            (0..30).map(|i| if i % 2 == 0 { 1.0 } else { 2.0 } + 0.01 * f64::from(i)).collect();
        let unlike = serial_dependence(&by_turns, PERMUTATIONS).expect("has values");
        // Unlike neighbours do not count as far.
        assert!(unlike.statistic < 0.0 && unlike.p > 0.9, "{unlike:?}");
        assert_eq!(change_point(&[2.0; 9], PERMUTATIONS), None);
        assert_eq!(serial_dependence(&[1.0, 2.0], PERMUTATIONS), None);
    }

    #[test]
    fn four_values_have_the_p_values_of_all_24_orders() {
        let values = [1.0, 2.0, 3.0, 4.0];
        let (mut as_far, mut as_alike) = (0, 0);
        let own = [-1.5, -0.5, 0.5, 1.5];
        for order in 0..256_usize {
            let picked = [order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6];
            if (0..4).any(|i| !picked.contains(&i)) {
                continue;
            }
            let ranks = picked.map(|i| own[i]);
            as_far += usize::from(largest_sum(&ranks).1 >= largest_sum(&own).1);
            let steps: f64 = ranks.windows(2).map(|p| (p[1] - p[0]) * (p[1] - p[0])).sum();
            as_alike += usize::from(steps <= 3.0);
        }
        // Tolerance: 4 standard errors of a share near 1/3 over 9,999 permutations.
        let change = change_point(&values, PERMUTATIONS).expect("has values");
        assert!((change.test.p - as_far as f64 / 24.0).abs() < 0.019, "{change:?} {as_far}");
        assert_eq!((change.test.statistic, change.at), (1.0, 2));
        let alike = serial_dependence(&values, PERMUTATIONS).expect("has values");
        assert!((alike.p - as_alike as f64 / 24.0).abs() < 0.019, "{alike:?} {as_alike}");
    }
}
