//! Over all blocks: scores on one scale, and mean ranks. Blocks are the scenarios here; seeds are not.

use crate::analysis::aggregate::{Aggregate, normalised_score};
use crate::analysis::bootstrap::mean;
use crate::analysis::design::Design;
use crate::analysis::improvement::probability_of_improvement;
use crate::analysis::interval::Estimate;
use crate::analysis::measure::{self, Measure};
use crate::analysis::ranks::{
    Friedman, compare_pairs, critical_difference, friedman, groups_by_pairs, groups_by_rank,
};
use crate::report::comparison::block::BlockComparison;
use crate::report::comparison::is_told;
use crate::report::comparison::ranking::Aggregated;
use crate::report::criteria::Evidence;
use crate::report::measured::Values;
use crate::results::manifest::Manifest;

/// Level of the tests.
pub(super) const ALPHA: f64 = 0.05;
/// Blocks from which Friedman's test says anything.
const FRIEDMAN_FROM: usize = 6;

/// What scores are made of.
pub(super) enum Scale<'a> {
    /// 1 - regret / mean regret of this variant in the block.
    Regret(&'a str),
    /// 1 - regret / mean regret of the block's worst variant.
    RegretOfWorst,
    /// (reward - worst) / (best - worst), of the variants' mean rewards in the block.
    Reward,
}

/// The scenario as a whole.
pub(super) struct Across<'a> {
    pub(super) scale: Scale<'a>,
    pub(super) n_seeds: usize,
    /// Blocks that have a score, and those that have none.
    pub(super) blocks: Vec<&'a str>,
    pub(super) left_out: Vec<&'a str>,
    /// Highest interquartile mean first.
    pub(super) rows: Vec<AcrossRow<'a>>,
    pub(super) ranks: Option<Ranks<'a>>,
}

/// One variant over all blocks.
pub(super) struct AcrossRow<'a> {
    pub(super) variant: &'a str,
    /// It is told the truth: a reference.
    pub(super) is_told: bool,
    /// As [`AGGREGATES`].
    pub(super) aggregates: Vec<Aggregated>,
    /// Probability that a run of it beats one of the baseline, both of one block and of any seeds.
    pub(super) improvement: Option<Estimate>,
}

/// Variants ranked by their means in each block.
pub(super) struct Ranks<'a> {
    pub(super) measure: Measure,
    pub(super) variants: Vec<&'a str>,
    pub(super) friedman: Friedman,
    /// Groups told apart by critical difference of mean ranks, and that difference.
    pub(super) by_rank: Option<(f64, Vec<Vec<&'a str>>)>,
    /// Groups told apart by pairs.
    pub(super) by_pairs: Option<Vec<Vec<&'a str>>>,
}

/// The aggregates of a row.
pub(super) const AGGREGATES: [Aggregate; 3] =
    [Aggregate::Iqm, Aggregate::Mean, Aggregate::OptimalityGap];

/// Scores of a variant by block, then by seed.
type Scores = Vec<Vec<f64>>;

impl<'a> Across<'a> {
    /// `None` with fewer than two blocks that have scores.
    pub(super) fn of(evidence: &'a Evidence<'_>, blocks: &[BlockComparison<'a>]) -> Option<Self> {
        let manifest = evidence.manifest;
        let first = blocks.first()?.first().measure;
        let scale = match first == measure::CUMULATIVE_REGRET {
            false => Scale::Reward,
            true => match manifest.orders.iter().position(|order| order == "random") {
                Some(at) => Scale::Regret(&manifest.variants[at]),
                None => Scale::RegretOfWorst,
            },
        };
        let seeds = common_seeds(manifest, &evidence.values, &scale);
        let (mut with, mut left_out) = (Vec::new(), Vec::new());
        let mut scores: Vec<Scores> = vec![Vec::new(); manifest.variants.len()];
        for block in &manifest.blocks {
            match of_block(manifest, &evidence.values, &block.name, &seeds, &scale) {
                None => left_out.push(block.name.as_str()),
                Some(of_block) => {
                    with.push(block.name.as_str());
                    scores.iter_mut().zip(of_block).for_each(|(all, own)| all.push(own));
                }
            }
        }
        if with.len() < 2 || seeds.is_empty() {
            return None;
        }
        let baseline = manifest.variants.iter().position(|name| *name == manifest.compare.baseline);
        let row = |(at, variant): (usize, &'a String)| {
            let own = &scores[at];
            let against = baseline.filter(|baseline| *baseline != at && seeds.len() > 1);
            let aggregated = |aggregate: &Aggregate| Aggregated::of(*aggregate, own);
            AcrossRow {
                variant,
                is_told: is_told(manifest, variant),
                aggregates: AGGREGATES.iter().filter_map(aggregated).collect(),
                improvement: against.and_then(|baseline| {
                    probability_of_improvement(own, &scores[baseline], Design::default())
                }),
            }
        };
        let mut rows: Vec<AcrossRow<'a>> = manifest.variants.iter().enumerate().map(row).collect();
        rows.sort_by(|a, b| b.aggregates[0].value.total_cmp(&a.aggregates[0].value));
        let ranks = Ranks::of(manifest, blocks, first);
        Some(Self { scale, n_seeds: seeds.len(), blocks: with, left_out, rows, ranks })
    }
}

fn measure_of(scale: &Scale<'_>) -> Measure {
    match scale {
        Scale::Regret(_) | Scale::RegretOfWorst => measure::CUMULATIVE_REGRET,
        Scale::Reward => measure::REWARD,
    }
}

/// Seeds on which every variant has a value in every block.
fn common_seeds(manifest: &Manifest, values: &Values, scale: &Scale<'_>) -> Vec<u64> {
    let has_value = |seed: &&u64| {
        manifest.blocks.iter().all(|block| {
            manifest.variants.iter().all(|variant| {
                let by_seed = values.get(&block.name, variant, "all", "run", measure_of(scale));
                by_seed.is_some_and(|by_seed| by_seed.contains_key(seed))
            })
        })
    };
    manifest.seeds.iter().filter(has_value).copied().collect()
}

/// Every variant's scores by seed; `None` where the block has no scale.
fn of_block(
    manifest: &Manifest,
    values: &Values,
    block: &str,
    seeds: &[u64],
    scale: &Scale<'_>,
) -> Option<Scores> {
    let of_variant = |variant: &String| -> Option<Vec<f64>> {
        let by_seed = values.get(block, variant, "all", "run", measure_of(scale))?;
        seeds.iter().map(|seed| by_seed.get(seed).copied()).collect()
    };
    let all: Scores = manifest.variants.iter().map(of_variant).collect::<Option<_>>()?;
    let means: Vec<f64> = all.iter().map(|own| mean(own)).collect();
    let (least, most) = (
        means.iter().copied().fold(f64::INFINITY, f64::min),
        means.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    );
    let score = |value: f64| match scale {
        Scale::Regret(reference) => {
            let at = manifest.variants.iter().position(|variant| variant == reference)?;
            normalised_score(value, means[at], 0.0)
        }
        Scale::RegretOfWorst => normalised_score(value, most, 0.0),
        // A reward is a regret turned round.
        Scale::Reward => normalised_score(-value, -least, -most),
    };
    all.iter().map(|own| own.iter().map(|value| score(*value)).collect()).collect()
}

impl<'a> Ranks<'a> {
    /// Of the variants that could be deployed and have a mean in every block.
    fn of(manifest: &Manifest, blocks: &[BlockComparison<'a>], measure: Measure) -> Option<Self> {
        let blocks: Vec<&BlockComparison<'a>> =
            blocks.iter().filter(|block| block.first().measure == measure).collect();
        let mean = |block: &BlockComparison<'a>, variant: &str| {
            let standing = block.first().standings.iter().find(|s| s.variant == variant);
            standing.map(|standing| standing.mean.mean)
        };
        let mut variants: Vec<&'a str> =
            blocks.first()?.first().standings.iter().map(|s| s.variant).collect();
        variants.retain(|variant| {
            !is_told(manifest, variant) && blocks.iter().all(|block| mean(block, variant).is_some())
        });
        let row = |block: &&BlockComparison<'a>| -> Vec<f64> {
            variants.iter().filter_map(|variant| mean(block, variant)).collect()
        };
        let rows: Vec<Vec<f64>> = blocks.iter().map(row).collect();
        let friedman = friedman(&rows, measure.better)?;
        let named = |groups: Vec<Vec<usize>>| -> Vec<Vec<&'a str>> {
            groups.iter().map(|group| group.iter().map(|at| variants[*at]).collect()).collect()
        };
        let (k, n) = (variants.len(), rows.len());
        let by_rank = critical_difference(k, n, ALPHA)
            .map(|least| (least, named(groups_by_rank(&friedman.mean_ranks, least))));
        let by_pairs = match least_p(n) * n_pairs(k) < ALPHA {
            false => None,
            true => compare_pairs(&rows)
                .map(|pairs| named(groups_by_pairs(&friedman.mean_ranks, &pairs, ALPHA))),
        };
        Some(Self { measure, variants, friedman, by_rank, by_pairs })
    }

    /// The mean rank of a variant that was ranked.
    pub(super) fn mean_rank(&self, variant: &str) -> Option<f64> {
        let at = self.variants.iter().position(|name| *name == variant)?;
        Some(self.friedman.mean_ranks[at])
    }

    /// Friedman's test is worth telling.
    pub(super) fn is_tested(&self) -> bool {
        self.friedman.n >= FRIEDMAN_FROM
    }
}

/// The least p value that the signed-rank test of `n` blocks can give: all of them have one sign.
pub(super) fn least_p(n: usize) -> f64 {
    2.0 * (0..n).fold(1.0, |p, _| 0.5 * p)
}

/// Pairs of `k` variants.
pub(super) fn n_pairs(k: usize) -> f64 {
    (k * k.saturating_sub(1) / 2) as f64
}
