//! Which runs of a comparison are resampled together.
//!
//! Scores stand by block, then by seed. A resample gives every run a weight, how often it was taken; the statistics of a
//! comparison are functions of these weights.

use crate::analysis::bootstrap::{Bootstrap, Jackknife};
use crate::analysis::interval::Estimate;

/// Which runs have common seeds, run `i` of one beside run `i` of the other, and so are resampled together.
///
/// Runs of one seed meet the same draws, in all blocks and variants of an experiment; an interval that resamples them apart
/// takes what they have in common for chance that averages out. It is too short over blocks (the mean over three that
/// correlate by 0.7 is covered in 81 % of studies instead of 95 %) and too long for a difference of variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Design {
    /// The blocks have common seeds, as those of one experiment. If not, each is resampled within itself (stratified
    /// bootstrap: Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice", 2021).
    pub blocks_share_seeds: bool,
    /// The variants have common seeds, as those of one experiment.
    pub variants_share_seeds: bool,
}

impl Default for Design {
    fn default() -> Self {
        Self { blocks_share_seeds: true, variants_share_seeds: true }
    }
}

/// How an interval is drawn from resamples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Bca,
    Percentile,
}

/// The seeds of a comparison, each with its runs.
pub(crate) struct Units {
    strata: Vec<Stratum>,
    n_runs: usize,
}

/// A seed by its stratum and its place in it.
#[derive(Clone, Copy)]
struct Seed {
    stratum: u32,
    nth: u32,
}

/// Seeds that are resampled among themselves.
struct Stratum {
    n_seeds: usize,
    /// Where the runs of each block and variant in it begin: seed `i` has the run `i` behind each.
    begins: Vec<usize>,
}

impl Units {
    /// The seeds of `variants`, whose runs are numbered variant by variant, block by block, seed by seed.
    ///
    /// Panics where blocks or variants that share seeds have unequal numbers of them.
    pub(crate) fn new(variants: &[&[Vec<f64>]], design: Design) -> Self {
        let mut strata: Vec<((usize, usize), Stratum)> = Vec::new();
        let mut n_runs = 0;
        for (v, variant) in variants.iter().enumerate() {
            for (b, block) in variant.iter().enumerate() {
                let key = (
                    if design.variants_share_seeds { 0 } else { v },
                    if design.blocks_share_seeds { 0 } else { b },
                );
                match strata.iter_mut().find(|(own, _)| *own == key) {
                    Some((_, stratum)) => {
                        assert_eq!(stratum.n_seeds, block.len(), "runs that share their seeds");
                        stratum.begins.push(n_runs);
                    }
                    None => {
                        let stratum = Stratum { n_seeds: block.len(), begins: vec![n_runs] };
                        strata.push((key, stratum));
                    }
                }
                n_runs += block.len();
            }
        }
        Self { strata: strata.into_iter().map(|(_, stratum)| stratum).collect(), n_runs }
    }

    /// A statistic of the runs' weights with its 95 % interval; `None` where [`Bootstrap`] has none.
    pub(crate) fn estimate(
        &self,
        bootstrap: Bootstrap,
        method: Method,
        statistic: impl FnMut(&[u32]) -> f64,
    ) -> Option<Estimate> {
        let seeds = self.seeds();
        let strata: Vec<&[Seed]> = seeds.iter().map(Vec::as_slice).collect();
        match method {
            Method::Bca => bootstrap.stratified_bca(&strata, self.of_seeds(statistic)),
            Method::Percentile => {
                bootstrap.stratified_percentile(&strata, self.of_seeds(statistic))
            }
        }
    }

    /// What the jackknife over seeds says of a statistic of the runs' weights.
    pub(crate) fn jackknife(&self, statistic: impl FnMut(&[u32]) -> f64) -> Option<Jackknife> {
        let seeds = self.seeds();
        let strata: Vec<&[Seed]> = seeds.iter().map(Vec::as_slice).collect();
        Jackknife::of(&strata, self.of_seeds(statistic))
    }

    /// Number of seeds.
    pub(crate) fn n_seeds(&self) -> usize {
        self.strata.iter().map(|stratum| stratum.n_seeds).sum()
    }

    fn seeds(&self) -> Vec<Vec<Seed>> {
        let of_stratum = |(stratum, own): (u32, &Stratum)| {
            (0..own.n_seeds as u32).map(|nth| Seed { stratum, nth }).collect()
        };
        (0..).zip(&self.strata).map(of_stratum).collect()
    }

    /// The statistic as one of seeds.
    fn of_seeds(&self, mut statistic: impl FnMut(&[u32]) -> f64) -> impl FnMut(&[Seed]) -> f64 {
        let mut weights = vec![0; self.n_runs];
        move |seeds| {
            weights.fill(0);
            for seed in seeds {
                for begin in &self.strata[seed.stratum as usize].begins {
                    weights[begin + seed.nth as usize] += 1;
                }
            }
            statistic(&weights)
        }
    }

    /// The values of runs by stratum, averaged over the runs of a seed.
    pub(crate) fn by_seed(&self, runs: &[f64]) -> Vec<Vec<f64>> {
        let of_seed = |stratum: &Stratum, i: usize| {
            let sum: f64 = stratum.begins.iter().map(|begin| runs[begin + i]).sum();
            sum / stratum.begins.len() as f64
        };
        let of_stratum =
            |stratum: &Stratum| (0..stratum.n_seeds).map(|i| of_seed(stratum, i)).collect();
        self.strata.iter().map(of_stratum).collect()
    }
}
