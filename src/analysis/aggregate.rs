//! Scores of a variant over blocks and seeds in one number, with its interval.
//!
//! Scores stand by block, then by seed; every run counts once. Source: Agarwal, Schwarzer, Castro, Courville and
//! Bellemare, "Deep reinforcement learning at the edge of the statistical precipice" (2021), whose aggregates these are.

use crate::analysis::bootstrap::Bootstrap;
use crate::analysis::design::{Design, Method, Units};
use crate::analysis::interval::Estimate;

/// The score at which nothing is left to gain.
pub const GAMMA: f64 = 1.0;

/// A number that stands for all runs of a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// Interquartile mean: the mean of what is left when the lowest and the highest floor(n / 4) of n runs are dropped.
    Iqm,
    /// Mean of all runs.
    Mean,
    /// Median of all runs.
    Median,
    /// Median of the blocks' means ("median" in Agarwal et al.); of one block it is the mean.
    MedianOfBlocks,
    /// Mean of max(0, [`GAMMA`] - score): how far runs fall short, a score beyond it not making up for another.
    OptimalityGap,
}

impl Aggregate {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Iqm, Self::Mean, Self::Median, Self::MedianOfBlocks, Self::OptimalityGap];

    /// The name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Iqm => "iqm",
            Self::Mean => "mean",
            Self::Median => "median",
            Self::MedianOfBlocks => "median_of_blocks",
            Self::OptimalityGap => "optimality_gap",
        }
    }

    /// The aggregate of the runs; `None` without runs in a block or where a score is not a finite number.
    #[must_use]
    pub fn of(self, blocks: &[Vec<f64>]) -> Option<f64> {
        let weights = vec![1; blocks.iter().map(Vec::len).sum()];
        are_scores(blocks).then(|| Ordered::new(self, blocks).of(&weights))
    }

    /// The aggregate with its 95 % bootstrap interval: BCa, or percentile for medians, of which the jackknife knows nothing
    /// (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 11.6).
    ///
    /// `None` where [`Aggregate::of`] or [`Bootstrap`] has none. How often it covers stands in
    /// `tests/comparison_statistics.rs`: the interval of the IQM is honest from 50 seeds on for lognormal scores up to
    /// sigma 1, that of the mean needs more ([`crate::analysis::interval`]).
    #[must_use]
    pub fn estimate(
        self,
        blocks: &[Vec<f64>],
        design: Design,
        bootstrap: Bootstrap,
    ) -> Option<Estimate> {
        if !are_scores(blocks) {
            return None;
        }
        let ordered = Ordered::new(self, blocks);
        let units = Units::new(&[blocks], design);
        units.estimate(bootstrap, self.method(), |weights| ordered.of(weights))
    }

    /// The aggregate of the second less that of the first, with its 95 % bootstrap interval as of [`Aggregate::estimate`].
    #[must_use]
    pub fn difference(
        self,
        first: &[Vec<f64>],
        second: &[Vec<f64>],
        design: Design,
        bootstrap: Bootstrap,
    ) -> Option<Estimate> {
        if !are_scores(first) || !are_scores(second) {
            return None;
        }
        let ordered = [first, second].map(|blocks| Ordered::new(self, blocks));
        let units = Units::new(&[first, second], design);
        let n_first: usize = first.iter().map(Vec::len).sum();
        units.estimate(bootstrap, self.method(), |weights| {
            let (of_first, of_second) = weights.split_at(n_first);
            ordered[1].of(of_second) - ordered[0].of(of_first)
        })
    }

    fn method(self) -> Method {
        match self {
            Self::Iqm | Self::Mean | Self::OptimalityGap => Method::Bca,
            Self::Median | Self::MedianOfBlocks => Method::Percentile,
        }
    }

    /// How many of `n` runs are dropped at either end.
    fn dropped(self, n: u32) -> u32 {
        match self {
            Self::Iqm => n / 4,
            Self::Median => n.saturating_sub(1) / 2,
            Self::Mean | Self::MedianOfBlocks | Self::OptimalityGap => 0,
        }
    }
}

/// Whether every block has runs and every run a score.
pub(crate) fn are_scores(blocks: &[Vec<f64>]) -> bool {
    !blocks.is_empty()
        && blocks.iter().all(|block| !block.is_empty() && block.iter().all(|v| v.is_finite()))
}

/// Runs in rising order, so that an aggregate of any weights needs no sorting.
struct Ordered {
    aggregate: Aggregate,
    /// Value and number of each run.
    runs: Vec<(f64, usize)>,
    /// Number of runs in each block.
    blocks: Vec<usize>,
}

impl Ordered {
    fn new(aggregate: Aggregate, blocks: &[Vec<f64>]) -> Self {
        let value = |score: f64| match aggregate {
            Aggregate::OptimalityGap => (GAMMA - score).max(0.0),
            _ => score,
        };
        let scores = blocks.iter().flatten().map(|score| value(*score));
        let mut runs: Vec<(f64, usize)> = scores.zip(0..).collect();
        if aggregate != Aggregate::MedianOfBlocks {
            runs.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        Self { aggregate, runs, blocks: blocks.iter().map(Vec::len).collect() }
    }

    fn of(&self, weights: &[u32]) -> f64 {
        if self.aggregate == Aggregate::MedianOfBlocks {
            return self.median_of_blocks(weights);
        }
        let n: u32 = weights.iter().sum();
        trimmed_mean(&self.runs, weights, n, self.aggregate.dropped(n))
    }

    fn median_of_blocks(&self, weights: &[u32]) -> f64 {
        let mut runs = self.runs.as_slice();
        let mut means = Vec::with_capacity(self.blocks.len());
        for n_runs in &self.blocks {
            let (own, rest) = runs.split_at(*n_runs);
            runs = rest;
            let n = own.iter().map(|(_, run)| weights[*run]).sum();
            means.push((trimmed_mean(own, weights, n, 0), means.len()));
        }
        means.sort_by(|a: &(f64, usize), b| a.0.total_cmp(&b.0));
        let n = means.len() as u32;
        trimmed_mean(&means, &vec![1; means.len()], n, Aggregate::Median.dropped(n))
    }
}

/// Mean of `n` weighted values in rising order without the lowest and highest `dropped`; not a number for `n` = 0.
fn trimmed_mean(values: &[(f64, usize)], weights: &[u32], n: u32, dropped: u32) -> f64 {
    let (mut seen, mut sum) = (0, 0.0);
    for (value, at) in values {
        let from = seen.max(dropped);
        seen += weights[*at];
        sum += f64::from(seen.min(n - dropped).saturating_sub(from)) * value;
    }
    sum / f64::from(n - 2 * dropped)
}

/// Where a regret lies between that of choosing uniformly (0) and that of the oracle (1): (uniform - regret) / (uniform -
/// oracle). Beyond 1 it beats the oracle of the scenario, below 0 it is worse than chance; `None` where the two references
/// are not a finite distance apart in this order.
#[must_use]
pub fn normalised_score(regret: f64, uniform: f64, oracle: f64) -> Option<f64> {
    let room = uniform - oracle;
    (room > 0.0 && room.is_finite()).then(|| (uniform - regret) / room)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOTSTRAP: Bootstrap = Bootstrap { resamples: 2_000, key: 61_020 };

    fn blocks(blocks: &[&[f64]]) -> Vec<Vec<f64>> {
        blocks.iter().map(|block| block.to_vec()).collect()
    }

    #[test]
    fn aggregates_of_few_runs_are_those_by_hand() {
        let runs = blocks(&[&[0.1, 0.9, 1.5], &[0.5, 0.3]]);
        let of = |aggregate: Aggregate| aggregate.of(&runs).expect("scores");
        // In order 0.1, 0.3, 0.5, 0.9, 1.5; the blocks' means are 2.5 / 3 and 0.4.
        for (aggregate, expected) in [
            (Aggregate::Iqm, 1.7 / 3.0),
            (Aggregate::Mean, 3.3 / 5.0),
            (Aggregate::Median, 0.5),
            (Aggregate::MedianOfBlocks, 0.5 * (2.5 / 3.0 + 0.4)),
            (Aggregate::OptimalityGap, (0.9 + 0.1 + 0.5 + 0.7) / 5.0),
        ] {
            assert!((of(aggregate) - expected).abs() < 1e-15, "{}", aggregate.name());
        }
        let even = blocks(&[&[4.0, 1.0, 2.0, 8.0]]);
        assert_eq!(Aggregate::Median.of(&even), Some(3.0));
        assert_eq!(Aggregate::MedianOfBlocks.of(&even), Aggregate::Mean.of(&even));
        for unsound in [blocks(&[]), blocks(&[&[1.0], &[]]), blocks(&[&[1.0, f64::NAN]])] {
            for aggregate in Aggregate::ALL {
                assert_eq!(aggregate.of(&unsound), None);
                assert_eq!(aggregate.estimate(&unsound, Design::default(), BOOTSTRAP), None);
            }
        }
    }

    #[test]
    fn the_interval_of_one_blocks_mean_is_the_bootstraps_own() {
        let runs = blocks(&[&[5.25, 2.0, 7.5, 4.5, 6.0, 3.25, 8.75, 1.5]]);
        let own = BOOTSTRAP.bca(&runs[0], crate::analysis::bootstrap::mean).expect("finite");
        for blocks_share_seeds in [false, true] {
            let design = Design { blocks_share_seeds, ..Design::default() };
            let found = Aggregate::Mean.estimate(&runs, design, BOOTSTRAP).expect("finite");
            assert!((found.low - own.low).abs() < 1e-12 && (found.high - own.high).abs() < 1e-12);
        }
    }

    #[test]
    fn blocks_that_share_seeds_are_resampled_together() {
        // Two blocks with the same scores say no more than one; apart they would seem to say twice as much.
        let scores = [5.25, 2.0, 7.5, 4.5, 6.0, 3.25, 8.75, 1.5, 5.0, 5.5];
        let width = |runs: &[Vec<f64>], blocks_share_seeds| {
            let design = Design { blocks_share_seeds, ..Design::default() };
            let found = Aggregate::Mean.estimate(runs, design, BOOTSTRAP).expect("finite");
            found.high - found.low
        };
        let (one, two) = (blocks(&[&scores]), blocks(&[&scores, &scores]));
        assert!((width(&two, true) / width(&one, true) - 1.0).abs() < 1e-12);
        // 1 / sqrt(2) and the t quantiles' ratio, t(18) / t(9) = 0.929, within the noise of 2,000 resamples (5 %).
        let apart = width(&two, false) / width(&one, true);
        assert!((apart - 0.929 / 2.0_f64.sqrt()).abs() < 0.05, "{apart}, key 61020");
    }

    #[test]
    fn differences_are_paired_where_variants_share_seeds() {
        let first = blocks(&[&[5.25, 2.0, 7.5, 4.5, 6.0, 3.25, 8.75, 1.5], &[1.0; 8]]);
        let second: Vec<Vec<f64>> =
            first.iter().map(|block| block.iter().map(|v| v + 0.25).collect()).collect();
        for aggregate in [Aggregate::Iqm, Aggregate::Mean, Aggregate::Median] {
            let of = |variants_share_seeds| {
                let design = Design { variants_share_seeds, ..Design::default() };
                aggregate.difference(&first, &second, design, BOOTSTRAP).expect("finite")
            };
            let paired = of(true);
            assert!((paired.low - 0.25).abs() < 1e-12 && (paired.high - 0.25).abs() < 1e-12);
            assert!(of(false).high - of(false).low > 0.1, "{}", aggregate.name());
        }
    }

    #[test]
    fn scores_are_placed_between_uniform_choice_and_the_oracle() {
        assert_eq!(normalised_score(30.0, 100.0, 20.0), Some(0.875));
        assert_eq!(normalised_score(100.0, 100.0, 20.0), Some(0.0));
        assert_eq!(normalised_score(20.0, 100.0, 20.0), Some(1.0));
        assert_eq!(normalised_score(1.0, 20.0, 20.0), None);
        assert_eq!(normalised_score(1.0, 20.0, 30.0), None);
        assert_eq!(normalised_score(1.0, f64::NAN, 30.0), None);
    }
}
