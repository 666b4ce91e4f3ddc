//! Quantiles of samples, and their bootstrap intervals in closed form.

use crate::analysis::distribution::beta_cdf;

/// The `p` quantile of values in rising order: the least of which at least the share `p` is no larger. `None` without values.
#[must_use]
pub fn quantile(sorted: &[f64], p: f64) -> Option<f64> {
    sorted.get(place(sorted.len(), p)?).copied()
}

/// Position of the `p` quantile among `n` values in rising order.
fn place(n: usize, p: f64) -> Option<usize> {
    // What lies above a whole number by rounding alone is that number.
    let k = (n as f64 * p - 1e-9).ceil().max(1.0) as usize;
    n.checked_sub(1).map(|last| (k - 1).min(last))
}

/// The percentile bootstrap interval of the `p` quantile that holds `level` (Efron 1979), as it is with infinitely many
/// resamples.
///
/// Resampling an order statistic needs no resamples: it is at most the `j`th of `n` values where at least `k` of `n` draws
/// are, each with probability `j / n` (Hutson and Ernst, "The exact bootstrap mean and variance of an L-estimator", 2000).
/// With fewer values than about 5 / (1 - p) an end is the sample's own, and the interval too short. `None` without values.
#[must_use]
pub fn bootstrap_interval(sorted: &[f64], p: f64, level: f64) -> Option<(f64, f64)> {
    let n = sorted.len();
    let k = place(n, p)? + 1;
    let tail = 0.5 * (1.0 - level);
    let at_most = |j: usize| beta_cdf(k as f64, (n - k + 1) as f64, j as f64 / n as f64);
    let first_from = |share: f64| {
        let (mut below, mut reached) = (0, n);
        while below + 1 < reached {
            let middle = below.midpoint(reached);
            if at_most(middle) >= share {
                reached = middle;
            } else {
                below = middle;
            }
        }
        reached - 1
    };
    Some((sorted[first_from(tail)], sorted[first_from(1.0 - tail)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::bootstrap::Bootstrap;

    #[test]
    fn quantiles_are_order_statistics() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0];
        let found = [0.0, 0.1, 0.5, 0.55, 0.95, 1.0].map(|p| quantile(&values, p));
        assert_eq!(found, [1.0, 1.0, 5.0, 6.0, 10.0, 10.0].map(Some));
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(bootstrap_interval(&[], 0.5, 0.99), None);
        assert_eq!(bootstrap_interval(&[3.0], 0.5, 0.99), Some((3.0, 3.0)));
    }

    #[test]
    fn the_interval_is_that_of_many_resamples() {
        let values: Vec<f64> = (1..=75).map(f64::from).collect();
        // The ends are whole numbers. The shares of resamples at and below them (binomial tails) are no nearer to .005 and
        // .995 than .0015, which is 4.7 standard errors of a share over 50,000 resamples.
        let bootstrap = Bootstrap { resamples: 50_000, key: 11 };
        for p in [0.5, 0.95] {
            let mut found = Vec::new();
            bootstrap.for_each(&[&values], |taken| {
                let mut taken = taken.to_vec();
                taken.sort_unstable_by(f64::total_cmp);
                found.push(quantile(&taken, p).expect("has values"));
            });
            found.sort_unstable_by(f64::total_cmp);
            let ends = [0.005, 0.995].map(|q| quantile(&found, q).expect("has values"));
            assert_eq!(bootstrap_interval(&values, p, 0.99), Some((ends[0], ends[1])), "{p}");
        }
    }
}
