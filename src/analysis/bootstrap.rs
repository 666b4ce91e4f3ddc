//! Bootstrap intervals over seeds, for statistics that have no formula: a seed is resampled as a whole.
//!
//! Resample `b` is a pure function of (key, `b`), so an interval is a function of the values alone, and what is
//! measured on the same seeds in the same order is resampled together.

use rand::Rng;

use crate::analysis::distribution::t_quantile;
use crate::analysis::interval::{Estimate, TAIL};
use crate::analysis::moments::Moments;
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
    pub fn bca<T: Copy>(
        &self,
        seeds: &[T],
        statistic: impl FnMut(&[T]) -> f64,
    ) -> Option<Estimate> {
        self.stratified_bca(&[seeds], statistic)
    }

    /// [`Bootstrap::bca`] of several strata, each resampled within itself: `statistic` sees them one behind the other. One
    /// stratum is the plain BCa.
    ///
    /// Acceleration from the jackknife within strata (Davison and Hinkley, Bootstrap Methods and their Application, 1997,
    /// section 5.3); the widening is that of the variances of all strata together, with Satterthwaite's degrees of
    /// freedom (1946). A stratum of one seed has no spread and adds none.
    #[must_use]
    pub fn stratified_bca<T: Copy>(
        &self,
        strata: &[&[T]],
        mut statistic: impl FnMut(&[T]) -> f64,
    ) -> Option<Estimate> {
        let sample = self.sample(strata, &mut statistic)?;
        let jackknife = Jackknife::of(strata, statistic)?;
        let sd = jackknife.variance.sqrt() * (sample.n as f64).sqrt();
        sample.estimate(sd, |p| sample.corrected(jackknife.widened(p), jackknife.acceleration))
    }

    /// `statistic` of the seeds with its 95 % percentile interval (Efron 1979). It is too short for few seeds (90 % for
    /// 10 normal ones or 50 lognormal ones of sigma 1): prefer t or [`Bootstrap::bca`]. `None` as there.
    ///
    /// Unlike BCa it needs no jackknife, which is wrong for a median; the standard error is that of the resamples.
    #[must_use]
    pub fn percentile<T: Copy>(
        &self,
        seeds: &[T],
        statistic: impl FnMut(&[T]) -> f64,
    ) -> Option<Estimate> {
        self.stratified_percentile(&[seeds], statistic)
    }

    /// [`Bootstrap::percentile`] of several strata, each resampled within itself.
    #[must_use]
    pub fn stratified_percentile<T: Copy>(
        &self,
        strata: &[&[T]],
        mut statistic: impl FnMut(&[T]) -> f64,
    ) -> Option<Estimate> {
        let sample = self.sample(strata, &mut statistic)?;
        let spread: Moments = sample.resampled.iter().copied().collect();
        sample.estimate((spread.variance() * sample.n as f64).sqrt(), |p| p)
    }

    /// Shows every resample of the strata, in which they lie one behind the other.
    pub fn for_each<T: Copy>(&self, strata: &[&[T]], mut see: impl FnMut(&[T])) {
        let streams = Streams::new(self.key);
        let mut taken = strata.concat();
        for b in 0..u64::from(self.resamples) {
            let mut stream = streams.nth(Purpose::Resample, b);
            let mut at = 0;
            for seeds in strata {
                resample(seeds, &mut stream, &mut taken[at..at + seeds.len()]);
                at += seeds.len();
            }
            see(&taken);
        }
    }

    fn sample<T: Copy>(
        &self,
        strata: &[&[T]],
        statistic: &mut impl FnMut(&[T]) -> f64,
    ) -> Option<Sample> {
        let all = strata.concat();
        if all.is_empty() || self.resamples == 0 {
            return None;
        }
        let mut resampled = Vec::with_capacity(self.resamples as usize);
        self.for_each(strata, |taken| resampled.push(statistic(taken)));
        resampled.sort_unstable_by(f64::total_cmp);
        let value = statistic(&all);
        let has_spread = strata.iter().any(|seeds| seeds.len() > 1);
        let finite = resampled.iter().chain([&value]).all(|v| v.is_finite());
        finite.then_some(Sample { n: all.len(), has_spread, value, resampled })
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

/// A statistic of `n` seeds and of their resamples in rising order.
struct Sample {
    n: usize,
    has_spread: bool,
    value: f64,
    resampled: Vec<f64>,
}

impl Sample {
    /// The interval between the resamples at the shares that `share` makes of 2.5 and 97.5 %.
    fn estimate(&self, sd: f64, share: impl Fn(f64) -> f64) -> Option<Estimate> {
        let (n, mean) = (self.n, self.value);
        if !self.has_spread {
            return Some(Estimate { n, mean, sd: 0.0, low: mean, high: mean });
        }
        let [low, high] = [TAIL, 1.0 - TAIL].map(|p| self.quantile(share(p)));
        Some(Estimate { n, mean, sd, low: low?, high: high? })
    }

    /// The share of resamples below the BCa limit whose nominal normal quantile is `z`.
    fn corrected(&self, z: f64, acceleration: f64) -> f64 {
        let below = self.resampled.partition_point(|v| *v < self.value);
        let upto = self.resampled.partition_point(|v| *v <= self.value);
        // Ties count half, so that a statistic of few values is not taken for biased.
        let bias = math::normal_quantile(0.5 * (below + upto) as f64 / self.resampled.len() as f64);
        let z = bias + z;
        let stretch = 1.0 - acceleration * z;
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

/// What the jackknife says of a statistic.
pub(crate) struct Jackknife {
    /// Variance of the statistic.
    pub(crate) variance: f64,
    acceleration: f64,
    /// By which the standard error of resamples is too small.
    stretch: f64,
    /// Degrees of freedom of the variance; 0 where no stratum has two seeds.
    pub(crate) df: f64,
}

impl Jackknife {
    /// `None` where a sample without one seed has no finite statistic.
    pub(crate) fn of<T: Copy>(
        strata: &[&[T]],
        mut statistic: impl FnMut(&[T]) -> f64,
    ) -> Option<Self> {
        let mut left = Vec::with_capacity(strata.iter().map(|seeds| seeds.len()).sum());
        let (mut n, mut n_free) = (0.0, 0.0);
        let (mut variance, mut of_resamples, mut cubes, mut below) = (0.0, 0.0, 0.0, 0.0);
        for (at, seeds) in strata.iter().enumerate().filter(|(_, seeds)| seeds.len() > 1) {
            let without = |out: usize| {
                left.clear();
                strata[..at].iter().for_each(|other| left.extend_from_slice(other));
                left.extend_from_slice(&seeds[..out]);
                left.extend_from_slice(&seeds[out + 1..]);
                strata[at + 1..].iter().for_each(|other| left.extend_from_slice(other));
                statistic(&left)
            };
            let values: Vec<f64> = (0..seeds.len()).map(without).collect();
            if values.iter().any(|v| !v.is_finite()) {
                return None;
            }
            let centre = mean(&values);
            let own = seeds.len() as f64;
            let share = (own - 1.0) / own;
            let squares: f64 = values.iter().map(|v| (centre - v) * (centre - v)).sum();
            let own_variance = share * squares;
            n += own;
            n_free += own - 1.0;
            variance += own_variance;
            of_resamples += share * own_variance;
            below += own_variance * own_variance / (own - 1.0);
            for off in values.iter().map(|v| share * (centre - v)) {
                cubes += off * off * off;
            }
        }
        Some(if variance > 0.0 {
            let acceleration = cubes / (6.0 * of_resamples * of_resamples.sqrt());
            let stretch = (variance / of_resamples).sqrt();
            Self { variance, acceleration, stretch, df: variance * variance / below }
        } else {
            Self { variance, acceleration: 0.0, stretch: (n / n_free).sqrt(), df: n_free }
        })
    }

    /// The normal quantile of `p`, widened for the number of seeds.
    fn widened(&self, p: f64) -> f64 {
        self.stretch * t_quantile(p, self.df)
    }
}

/// The mean over seeds.
#[must_use]
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
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
        let sample = MANY.sample(&[&SPATIAL], &mut variance).expect("finite");
        let jackknife = Jackknife::of(&[&SPATIAL], variance).expect("finite");
        // Efron and Tibshirani (1993), section 14.3: estimate 171.5, acceleration 0.061.
        within(sample.value, 171.534, 1e-3);
        within(jackknife.acceleration, 0.061_240, 1e-6);
        // Their 90 % limits from 2,000 resamples: (115.8, 259.6). SciPy's bootstrap, 40 runs of 200,000 resamples: means
        // (115.746, 261.290), standard deviations of a run (0.19, 0.36), of which 3.9 are allowed.
        let limit = |p: f64| {
            let share = sample.corrected(math::normal_quantile(p), jackknife.acceleration);
            sample.quantile(share).expect("two-sided")
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
        // The resamples' spread is plug-in: it divides by n.
        let found = MANY.percentile(&SPATIAL, mean).expect("finite");
        within(found.sd, variance(&SPATIAL).sqrt(), 3.9 * found.sd / (2.0 * 200_000.0_f64).sqrt());
    }

    #[test]
    fn strata_are_resampled_apart_as_in_an_independent_bootstrap() {
        let numerators = PAIRS.map(|(numerator, _)| numerator);
        let of_means = |taken: &[f64]| mean(&taken[..10]) / mean(&taken[10..]);
        let strata: [&[f64]; 2] = [&numerators, &SPATIAL];
        let of_jackknife = |left: &[f64]| {
            // Without one value of the first stratum 35 are left, of which it has 9; without one of the second, 10.
            let first = if left[9] == SPATIAL[0] { 9 } else { 10 };
            mean(&left[..first]) / mean(&left[first..])
        };
        let jackknife = Jackknife::of(&strata, of_jackknife).expect("finite");
        within(jackknife.df, 15.848_401_619_1, 1e-9);
        // SciPy's bootstrap of two samples, 40 runs of 200,000 resamples: means, and 3.9 standard deviations of a run. The
        // widened interval is a plain BCa at 97.33402 %.
        let statistic =
            |taken: &[f64]| if taken.len() == 36 { of_means(taken) } else { of_jackknife(taken) };
        let bca = MANY.stratified_bca(&strata, statistic).expect("finite");
        within(bca.mean, 0.164_228_275, 1e-9);
        within(bca.sd, 0.167_929_283, 1e-9);
        within(bca.low, 0.111_109_8, 3.9 * 1.80e-4);
        within(bca.high, 0.234_037_3, 3.9 * 3.24e-4);
        let percentile = MANY.stratified_percentile(&strata, of_means).expect("finite");
        within(percentile.low, 0.115_896_1, 3.9 * 1.24e-4);
        within(percentile.high, 0.223_471_3, 3.9 * 2.84e-4);
    }

    #[test]
    fn one_stratum_is_the_plain_interval_and_one_seed_a_stratum_has_no_width() {
        let bootstrap = Bootstrap { resamples: 500, key: 61_004 };
        let empty: &[f64] = &[];
        let among_empty = bootstrap.stratified_bca(&[empty, &SPATIAL, empty], mean);
        assert_eq!(among_empty, bootstrap.bca(&SPATIAL, mean));
        let single = bootstrap.stratified_bca(&[&[1.0], &[3.0]], mean).expect("values");
        assert_eq!((single.n, single.low, single.mean, single.high), (2, 2.0, 2.0, 2.0));
        assert_eq!(bootstrap.stratified_bca(&[empty, empty], mean), None);
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
