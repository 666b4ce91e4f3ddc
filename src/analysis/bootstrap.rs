//! Bootstrap intervals over seeds, for statistics that have no formula: a seed is resampled as a whole.
//!
//! Resample `b` is a pure function of (key, `b`), so an interval is a function of the values alone, and what is
//! measured on the same seeds in the same order is resampled together.

use rand::Rng;

use crate::analysis::interval::{Estimate, TAIL, t_quantile};
use crate::math;
use crate::sim::stream::{Purpose, Stream, Streams};

/// How resamples are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Bootstrap {
    /// Number of resamples. With 10,000 the limits move by 1.4 % of the half width (one standard deviation) from key to
    /// key.
    pub resamples: u32,
    /// Key of the random streams.
    pub key: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 10_000, key: 0 }
    }
}

impl Bootstrap {
    /// `statistic` of the seeds with its 95 % BCa interval: bias-corrected and accelerated (Efron, "Better bootstrap
    /// confidence intervals", 1987), the acceleration from the jackknife.
    ///
    /// The nominal normal quantile z is widened to sqrt(n / (n - 1)) t, n - 1 degrees of freedom, since resamples of n
    /// values vary too little (Hesterberg, "What teachers should know about the bootstrap", 2015). How often it covers
    /// stands in [`crate::analysis::interval`].
    ///
    /// `None` without seeds, where the statistic of the seeds, of a resample or of a jackknife sample is not a finite
    /// number, or where the correction has no bounds (all resamples on one side of the statistic, or few and wildly
    /// skewed seeds). One seed gives an interval without width.
    #[must_use]
    pub fn bca<T: Copy>(&self, seeds: &[T], statistic: impl Fn(&[T]) -> f64) -> Option<Estimate> {
        let sample = self.sample(seeds, statistic)?;
        sample.estimate(|p| sample.corrected(sample.widened(p)))
    }

    /// `statistic` of the seeds with its 95 % percentile interval (Efron 1979). It is too short for few seeds (90 % for
    /// 10 normal ones or 50 lognormal ones of sigma 1): prefer t or [`Bootstrap::bca`]. `None` as there.
    #[must_use]
    pub fn percentile<T: Copy>(
        &self,
        seeds: &[T],
        statistic: impl Fn(&[T]) -> f64,
    ) -> Option<Estimate> {
        self.sample(seeds, statistic)?.estimate(|p| p)
    }

    fn sample<T: Copy>(&self, seeds: &[T], statistic: impl Fn(&[T]) -> f64) -> Option<Sample> {
        if seeds.is_empty() || self.resamples == 0 {
            return None;
        }
        let streams = Streams::new(self.key);
        let mut taken = seeds.to_vec();
        let mut resampled: Vec<f64> = (0..u64::from(self.resamples))
            .map(|b| {
                resample(seeds, &mut streams.nth(Purpose::Resample, b), &mut taken);
                statistic(&taken)
            })
            .collect();
        resampled.sort_unstable_by(f64::total_cmp);
        let jackknife = |left_out: usize| {
            taken.clear();
            taken.extend_from_slice(&seeds[..left_out]);
            taken.extend_from_slice(&seeds[left_out + 1..]);
            statistic(&taken)
        };
        let jackknife: Vec<f64> = match seeds.len() {
            1 => Vec::new(),
            n => (0..n).map(jackknife).collect(),
        };
        let value = statistic(seeds);
        let finite = resampled.iter().chain(&jackknife).chain([&value]).all(|v| v.is_finite());
        finite.then(|| Sample::new(value, resampled, &jackknife, seeds.len()))
    }
}

/// Fills `taken` with seeds drawn with replacement.
///
/// One 64-bit number gives up to `k` indices below n with n^k <= 2^32: what a widening multiplication leaves is as
/// uniform as what it gives, to a bias of 2^-32 (Brackett-Rozinsky and Lemire, "Batched ranged random integer
/// generation", 2024).
fn resample<T: Copy>(seeds: &[T], stream: &mut Stream, taken: &mut [T]) {
    let n = seeds.len() as u64;
    let per_number = (1..=8_u32)
        .rev()
        .find(|k| n.checked_pow(*k).is_some_and(|combinations| combinations <= 1 << 32))
        .unwrap_or(1);
    for some in taken.chunks_mut(per_number as usize) {
        let mut rest = stream.next_u64();
        for slot in some {
            let wide = u128::from(rest) * u128::from(n);
            *slot = seeds[(wide >> 64) as usize];
            rest = wide as u64;
        }
    }
}

/// A statistic of `n` seeds, of their resamples in rising order, and what the jackknife says of it.
struct Sample {
    n: usize,
    value: f64,
    resampled: Vec<f64>,
    sd: f64,
    acceleration: f64,
}

impl Sample {
    fn new(value: f64, resampled: Vec<f64>, jackknife: &[f64], n: usize) -> Self {
        let centre = mean(jackknife);
        let (mut squares, mut cubes) = (0.0, 0.0);
        for without in jackknife {
            let off = centre - without;
            squares += off * off;
            cubes += off * off * off;
        }
        let sd = ((n - 1) as f64 * squares).sqrt();
        let acceleration =
            if squares > 0.0 { cubes / (6.0 * squares * squares.sqrt()) } else { 0.0 };
        Self { n, value, resampled, sd, acceleration }
    }

    /// The interval between the resamples at the shares that `share` makes of 2.5 and 97.5 %.
    fn estimate(&self, share: impl Fn(f64) -> f64) -> Option<Estimate> {
        let (n, mean, sd) = (self.n, self.value, self.sd);
        if n == 1 {
            return Some(Estimate { n, mean, sd, low: mean, high: mean });
        }
        let [low, high] = [TAIL, 1.0 - TAIL].map(|p| self.quantile(share(p)));
        Some(Estimate { n, mean, sd, low: low?, high: high? })
    }

    /// The normal quantile of `p`, widened for the number of seeds.
    fn widened(&self, p: f64) -> f64 {
        let n = self.n as f64;
        (n / (n - 1.0)).sqrt() * t_quantile(p, n - 1.0)
    }

    /// The share of resamples below the BCa limit whose nominal normal quantile is `z`.
    fn corrected(&self, z: f64) -> f64 {
        let below = self.resampled.partition_point(|v| *v < self.value);
        let upto = self.resampled.partition_point(|v| *v <= self.value);
        // Ties count half, so that a statistic of few values is not taken for biased.
        let bias = math::normal_quantile(0.5 * (below + upto) as f64 / self.resampled.len() as f64);
        let z = bias + z;
        let stretch = 1.0 - self.acceleration * z;
        if stretch > 0.0 { math::normal_cdf(bias + z / stretch) } else { f64::NAN }
    }

    /// Quantile of the resamples, linear between two of them; `None` for a share that is not a number.
    fn quantile(&self, share: f64) -> Option<f64> {
        if share.is_nan() {
            return None;
        }
        let place = share * (self.resampled.len() - 1) as f64;
        let [low, high] = [place.floor(), place.ceil()].map(|at| self.resampled[at as usize]);
        Some(low + place.fract() * (high - low))
    }
}

/// The mean over seeds.
#[must_use]
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The mean over seeds of the first less the second of each pair.
#[must_use]
pub fn paired_difference(pairs: &[(f64, f64)]) -> f64 {
    pairs.iter().map(|(a, b)| a - b).sum::<f64>() / pairs.len() as f64
}

/// Ratio of the means over seeds of numerator and denominator, the seeds of both being the same: a gain of
/// mean(learning - frozen) / mean(frozen) has the pairs (learning - frozen, frozen).
#[must_use]
pub fn ratio_of_means(pairs: &[(f64, f64)]) -> f64 {
    let (above, below) =
        pairs.iter().fold((0.0, 0.0), |(above, below), (a, b)| (above + a, below + b));
    above / below
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spatial test data of 26 children (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, table 14.1).
    const SPATIAL: [f64; 26] = [
        48.0, 36.0, 20.0, 29.0, 42.0, 42.0, 20.0, 42.0, 22.0, 41.0, 45.0, 14.0, 6.0, 0.0, 33.0,
        28.0, 34.0, 4.0, 32.0, 24.0, 47.0, 41.0, 24.0, 26.0, 30.0, 41.0,
    ];
    const MANY: Bootstrap = Bootstrap { resamples: 200_000, key: 61_001 };

    fn variance(values: &[f64]) -> f64 {
        let centre = mean(values);
        values.iter().map(|v| (v - centre) * (v - centre)).sum::<f64>() / values.len() as f64
    }

    fn within(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() < tolerance, "{found} instead of {expected}, key 61001");
    }

    #[test]
    fn bca_limits_of_a_variance_are_the_published_ones() {
        let sample = MANY.sample(&SPATIAL, variance).expect("finite");
        // Efron and Tibshirani (1993), section 14.3: estimate 171.5, acceleration 0.061.
        within(sample.value, 171.534, 1e-3);
        within(sample.acceleration, 0.061_240, 1e-6);
        // Their 90 % limits from 2,000 resamples: (115.8, 259.6). SciPy's bootstrap, 40 runs of 200,000 resamples: means
        // (115.746, 261.290), standard deviations of a run (0.19, 0.36), of which 3.9 are allowed.
        let limit = |p: f64| {
            sample.quantile(sample.corrected(math::normal_quantile(p))).expect("two-sided")
        };
        within(limit(0.05), 115.746, 0.75);
        within(limit(0.95), 261.290, 1.43);
    }

    /// Ten seeds of a numerator and a denominator.
    const PAIRS: [(f64, f64); 10] = [
        (5.1, 60.0),
        (2.0, 55.0),
        (7.3, 71.0),
        (4.4, 48.0),
        (6.0, 66.0),
        (3.2, 52.0),
        (8.8, 80.0),
        (1.5, 39.0),
        (4.9, 58.0),
        (5.5, 63.0),
    ];

    #[test]
    fn limits_of_a_ratio_of_means_match_an_independent_bootstrap() {
        // SciPy's bootstrap, 40 runs of 200,000 resamples: means, and 3.9 standard deviations of a run. The widened BCa
        // interval is a plain one at 1 - 2 Phi(-sqrt(10/9) t(.975, 9)) = 98.28987 %.
        let bca = MANY.bca(&PAIRS, ratio_of_means).expect("finite");
        within(bca.mean, 0.082_263_5, 1e-7);
        within(bca.low, 0.061_604, 3.9 * 1.05e-4);
        within(bca.high, 0.096_352, 3.9 * 4.5e-5);
        let percentile = MANY.percentile(&PAIRS, ratio_of_means).expect("finite");
        within(percentile.low, 0.066_495, 3.9 * 4.9e-5);
        within(percentile.high, 0.094_755, 3.9 * 2.2e-5);
    }

    #[test]
    fn the_spread_of_a_mean_is_its_standard_deviation() {
        // The jackknife of a mean is exact.
        let found = Bootstrap::default().bca(&SPATIAL, mean).expect("finite");
        assert!((found.mean - 771.0 / 26.0).abs() < 1e-12);
        assert!((found.sd - (variance(&SPATIAL) * 26.0 / 25.0).sqrt()).abs() < 1e-9);
        let pairs = SPATIAL.map(|v| (2.0 * v, v));
        let difference = Bootstrap::default().bca(&pairs, paired_difference).expect("finite");
        assert!((difference.low - found.low).abs() < 1e-9 && difference.n == 26);
    }

    #[test]
    fn what_has_no_interval_gets_none() {
        let bootstrap = Bootstrap { resamples: 500, key: 61_002 };
        assert_eq!(bootstrap.bca(&[], mean), None);
        let one = bootstrap.bca(&[3.0], mean).expect("a value");
        assert_eq!((one.n, one.low, one.mean, one.high), (1, 3.0, 3.0, 3.0));
        let same = bootstrap.bca(&[3.0; 8], mean).expect("values");
        assert_eq!((same.sd, same.low, same.high), (0.0, 3.0, 3.0));
        // A resample without a positive denominator has no ratio.
        assert_eq!(bootstrap.bca(&[(1.0, 1.0), (2.0, 0.0)], ratio_of_means), None);
        // All resamples below the statistic: its bias has no measure.
        let above = |values: &[f64]| if values == SPATIAL { 99.0 } else { mean(values) };
        assert_eq!(bootstrap.bca(&SPATIAL, above), None);
        assert!(bootstrap.percentile(&SPATIAL, above).is_some());
    }

    #[test]
    fn resamples_take_every_seed_equally_often() {
        // Draws are independent, so the counts over 10,000 resamples are multinomial: Pearson's chi-square has mean n - 1
        // and variance 2 (n - 1). Beyond 5 standard deviations it comes by chance once in 200 for n = 2, less above.
        for n in [2_usize, 3, 7, 20, 200, 300, 2_000] {
            let seeds: Vec<usize> = (0..n).collect();
            let mut taken = seeds.clone();
            let mut counts = vec![0.0_f64; n];
            let streams = Streams::new(61_003);
            for b in 0..10_000 {
                resample(&seeds, &mut streams.nth(Purpose::Resample, b), &mut taken);
                taken.iter().for_each(|i| counts[*i] += 1.0);
            }
            let expected = 10_000.0;
            let chi2: f64 = counts.iter().map(|c| (c - expected) * (c - expected) / expected).sum();
            let df = (n - 1) as f64;
            assert!((chi2 - df).abs() < 5.0 * (2.0 * df).sqrt(), "{n}: {chi2}, key 61003");
        }
    }
}
