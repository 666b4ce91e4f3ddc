//! Whether two samples come from one law, whichever: two statistics with p values by permutation.

use super::estimate::sorted;
use crate::analysis::bootstrap::Bootstrap;
use crate::sim::stream::{Purpose, Stream, Streams};

/// A distance between two samples, and how often chance alone brings as much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TwoSample {
    /// The statistic.
    pub statistic: f64,
    /// Its p value.
    pub p: f64,
}

/// The statistic of Anderson and Darling for two samples, ties at their midranks (Scholz and Stephens, "K-sample
/// Anderson-Darling tests", 1987, A^2_akN). `None` if either is empty or all values are equal.
#[must_use]
pub fn anderson_darling_two_samples(
    a: &[f64],
    b: &[f64],
    permutations: Bootstrap,
) -> Option<TwoSample> {
    let pooled = Pooled::of(a, b)?;
    Some(pooled.test(permutations, Pooled::anderson_darling))
}

/// Kolmogorov and Smirnov's distance between two samples (Smirnov 1939). `None` as for
/// [`anderson_darling_two_samples`].
#[must_use]
pub fn kolmogorov_smirnov_two_samples(
    a: &[f64],
    b: &[f64],
    permutations: Bootstrap,
) -> Option<TwoSample> {
    let pooled = Pooled::of(a, b)?;
    Some(pooled.test(permutations, Pooled::kolmogorov_smirnov))
}

/// Both samples in one rising order.
struct Pooled {
    /// Of each value, whether it is of the first sample.
    is_first: Vec<bool>,
    /// Ends of the runs of equal values.
    ends: Vec<usize>,
    n_first: f64,
}

impl Pooled {
    fn of(a: &[f64], b: &[f64]) -> Option<Self> {
        let (a, b) = (sorted(a), sorted(b));
        let mut all: Vec<(f64, bool)> =
            a.iter().map(|x| (*x, true)).chain(b.iter().map(|x| (*x, false))).collect();
        all.sort_by(|one, other| one.0.total_cmp(&other.0));
        let ends: Vec<usize> =
            (1..=all.len()).filter(|i| *i == all.len() || all[*i].0 != all[i - 1].0).collect();
        let usable = !a.is_empty() && !b.is_empty() && ends.len() > 1;
        usable.then(|| Self {
            is_first: all.into_iter().map(|(_, is_first)| is_first).collect(),
            ends,
            n_first: a.len() as f64,
        })
    }

    /// By permutation: p is (1 + number of permutations at least as far) / (1 + permutations).
    fn test(mut self, permutations: Bootstrap, statistic: fn(&Self) -> f64) -> TwoSample {
        let own = statistic(&self);
        let streams = Streams::new(permutations.key);
        let mut further = 1.0;
        for b in 0..u64::from(permutations.resamples) {
            let mut stream = streams.nth(Purpose::Resample, b);
            shuffle(&mut self.is_first, &mut stream);
            // What is equal but for rounding counts as far as the own one.
            if statistic(&self) >= own * (1.0 - 1e-12) {
                further += 1.0;
            }
        }
        TwoSample { statistic: own, p: further / (f64::from(permutations.resamples) + 1.0) }
    }

    fn anderson_darling(&self) -> f64 {
        let n = self.is_first.len() as f64;
        let n_second = n - self.n_first;
        let (mut sum, mut from, mut firsts) = (0.0, 0, 0.0);
        for &to in &self.ends {
            let tied = (to - from) as f64;
            let own = self.is_first[from..to].iter().filter(|f| **f).count() as f64;
            let below = from as f64 + 0.5 * tied;
            let off = n * (firsts + 0.5 * own) - self.n_first * below;
            sum += tied / n * off * off / (below * (n - below) - 0.25 * n * tied);
            firsts += own;
            from = to;
        }
        // The second sample's distances are the first's with the other sign.
        (n - 1.0) / n * sum * (1.0 / self.n_first + 1.0 / n_second)
    }

    fn kolmogorov_smirnov(&self) -> f64 {
        let n_second = self.is_first.len() as f64 - self.n_first;
        let (mut most, mut from, mut firsts): (f64, usize, f64) = (0.0, 0, 0.0);
        for &to in &self.ends {
            firsts += self.is_first[from..to].iter().filter(|f| **f).count() as f64;
            most = most.max((firsts / self.n_first - (to as f64 - firsts) / n_second).abs());
            from = to;
        }
        most
    }
}

/// Fisher and Yates' shuffle.
fn shuffle(labels: &mut [bool], stream: &mut Stream) {
    for i in (1..labels.len()).rev() {
        let j = (stream.uniform() * (i + 1) as f64) as usize;
        labels.swap(i, j.min(i));
    }
}
