//! Samples against their laws.
//!
//! Every test rejects at [`ALPHA`] with fixed seeds: Kolmogorov-Smirnov above c / sqrt(n) with c = sqrt(-ln(alpha/2)/2)
//! = 1.9495 (Smirnov's asymptotic law, good to 1e-3 at the n used here), frequencies beyond z sqrt(p (1 - p) / n) and
//! means beyond z sd / sqrt(n) with z = 3.2905, Pearson's chi-square beyond its quantile.

use reflexarc::math;

/// Probability of a false alarm per test.
const ALPHA: f64 = 0.001;
/// Two-sided normal quantile at [`ALPHA`].
pub(crate) fn z() -> f64 {
    math::normal_quantile(1.0 - ALPHA / 2.0)
}

/// Largest distance between the sample and `cdf`, which gives P(X <= x); holds for steps as well.
pub(crate) fn assert_law(what: &str, seed: u64, mut sample: Vec<f64>, cdf: impl Fn(f64) -> f64) {
    sample.sort_by(f64::total_cmp);
    let n = sample.len() as f64;
    let mut distance = 0.0_f64;
    let mut upto = 0;
    while upto < sample.len() {
        let x = sample[upto];
        let below = upto as f64 / n;
        upto += sample[upto..].partition_point(|y| *y <= x);
        // Between two values of the sample the law only grows, so the ends of the gap are enough.
        let gap = (below - cdf(x.next_down())).abs();
        distance = distance.max(gap).max((upto as f64 / n - cdf(x)).abs());
    }
    let limit = (-math::ln(ALPHA / 2.0) / 2.0).sqrt() / n.sqrt();
    assert!(distance < limit, "{what}: distance {distance:.6} above {limit:.6}, seed {seed}");
}

pub(crate) fn assert_share(what: &str, seed: u64, hits: usize, n: usize, p: f64) {
    let share = hits as f64 / n as f64;
    let tolerance = z() * (p * (1.0 - p) / n as f64).sqrt();
    assert!(
        (share - p).abs() <= tolerance,
        "{what}: {share:.5} instead of {p:.5} +- {tolerance:.5}, seed {seed}"
    );
}

pub(crate) fn assert_mean(what: &str, seed: u64, sample: &[f64], mean: f64, sd: f64) {
    let n = sample.len() as f64;
    let found = sample.iter().sum::<f64>() / n;
    let tolerance = z() * sd / n.sqrt();
    assert!(
        (found - mean).abs() <= tolerance,
        "{what}: {found:.5} instead of {mean:.5} +- {tolerance:.5}, seed {seed}"
    );
}

/// Pearson's statistic against the quantile of chi-square, by Wilson and Hilferty (1931; within 1 % at these tails).
pub(crate) fn assert_frequencies(what: &str, seed: u64, counts: &[u64], shares: &[f64]) {
    let n = counts.iter().sum::<u64>() as f64;
    let statistic: f64 = counts
        .iter()
        .zip(shares)
        .map(|(count, share)| {
            let off = *count as f64 - n * share;
            off * off / (n * share)
        })
        .sum();
    let df = counts.len() as f64 - 1.0;
    let root =
        1.0 - 2.0 / (9.0 * df) + math::normal_quantile(1.0 - ALPHA) * (2.0 / (9.0 * df)).sqrt();
    let limit = df * root * root * root;
    assert!(statistic < limit, "{what}: chi-square {statistic:.2} above {limit:.2}, seed {seed}");
}
