//! The variants of a block on one measure: ranked, and each held against the baseline seed by seed.

use crate::analysis::aggregate::Aggregate;
use crate::analysis::bootstrap::Bootstrap;
use crate::analysis::design::Design;
use crate::analysis::diff::{BySeed, pairs};
use crate::analysis::improvement::paired_probability_of_improvement;
use crate::analysis::interval::Estimate;
use crate::analysis::measure::{Better, Measure};
use crate::analysis::paired::{Paired, Verdict, compare};
use crate::analysis::wilcoxon::holm;
use crate::report::criteria::Evidence;
use crate::report::entries::Entry;
use crate::report::number::estimated;
use crate::results::manifest::BlockEntry;

/// Seeds from which an interquartile mean leaves anything out.
const IQM_FROM: usize = 4;

/// All variants that have a value of a measure.
pub(super) struct Ranking<'a> {
    pub(super) measure: Measure,
    /// Differences up to this size count as equal.
    pub(super) rope: f64,
    /// In the order of the manifest, or best first after [`Ranking::sort`].
    pub(super) standings: Vec<Standing<'a>>,
}

/// One of them.
pub(super) struct Standing<'a> {
    pub(super) variant: &'a str,
    pub(super) mean: Entry,
    /// Interquartile mean, from [`IQM_FROM`] seeds on.
    pub(super) iqm: Option<Aggregated>,
    /// `None` for the baseline itself, and where both have a value on no common seed.
    pub(super) against: Option<Against>,
    by_seed: &'a BySeed,
}

/// An aggregate of runs with its interval, where the bootstrap has bounds: it has none where what counts agrees.
pub(super) struct Aggregated {
    pub(super) value: f64,
    pub(super) estimate: Option<Estimate>,
}

impl Aggregated {
    pub(super) fn of(aggregate: Aggregate, blocks: &[Vec<f64>]) -> Option<Self> {
        let value = aggregate.of(blocks)?;
        let estimate = aggregate.estimate(blocks, Design::default(), Bootstrap::default());
        Some(Self { value, estimate })
    }

    pub(super) fn text(&self, show: impl Fn(f64) -> String) -> String {
        match &self.estimate {
            None => show(self.value),
            Some(estimate) => estimated(estimate, show),
        }
    }
}

/// A variant held against the baseline.
pub(super) struct Against {
    pub(super) paired: Paired,
    /// P value of the signed-rank test, adjusted for all variants by Holm's procedure.
    pub(super) adjusted_p: f64,
    /// Probability to be better on the same seed; `None` where neither way is better.
    pub(super) chance: Option<Estimate>,
    /// By the paired t interval.
    pub(super) verdict: Verdict,
    /// What the paired BCa interval says, where that differs.
    pub(super) otherwise: Option<Verdict>,
}

impl<'a> Ranking<'a> {
    /// `None` where fewer than two variants have a value.
    pub(super) fn of(
        evidence: &'a Evidence<'_>,
        block: &BlockEntry,
        measure: Measure,
    ) -> Option<Self> {
        let Evidence { manifest, entries, values, .. } = evidence;
        let compared = &manifest.compare;
        let mut standings: Vec<Standing<'a>> = Vec::new();
        for variant in &manifest.variants {
            let mean = entries.get(&block.name, variant, "all", "run", measure);
            let by_seed = values.get(&block.name, variant, "all", "run", measure);
            if let (Some(mean), Some(by_seed)) = (mean, by_seed) {
                let iqm = iqm(by_seed);
                standings.push(Standing { variant, mean, iqm, against: None, by_seed });
            }
        }
        if standings.len() < 2 {
            return None;
        }
        let baseline = standings.iter().find(|s| s.variant == compared.baseline);
        let mean = baseline.map(|baseline| baseline.mean.mean);
        let rope = compared.practical_share * mean.unwrap_or(0.0).abs();
        if let Some(baseline) = baseline.map(|baseline| baseline.by_seed) {
            let others = standings.iter_mut().filter(|s| s.variant != compared.baseline);
            for other in others {
                other.against = against(measure, rope, baseline, other.by_seed);
            }
        }
        adjust(&mut standings);
        Some(Self { measure, rope, standings })
    }

    /// Best first; in the order of the manifest where variants agree, or where neither way is better.
    pub(super) fn sort(&mut self) {
        let of = |s: &Standing<'_>| match self.measure.better {
            Better::Higher => -s.mean.mean,
            Better::Lower => s.mean.mean,
            Better::Neither => 0.0,
        };
        self.standings.sort_by(|a, b| of(a).total_cmp(&of(b)));
    }

    /// In the order of `variants`.
    pub(super) fn sort_as(&mut self, variants: &[&str]) {
        let place = |s: &Standing<'_>| variants.iter().position(|v| *v == s.variant);
        self.standings.sort_by_key(|s| place(s).unwrap_or(variants.len()));
    }

    /// The value that all variants have on all seeds, if they do.
    pub(super) fn agreed(&self) -> Option<f64> {
        let mut all = self.standings.iter().flat_map(|s| s.by_seed.values());
        let first = all.next()?;
        all.all(|value| value == first).then_some(*first)
    }

    /// One standing less another on their common seeds.
    pub(super) fn difference(&self, of: &Standing<'_>, less: &Standing<'_>) -> Option<Estimate> {
        let pairs = pairs(less.by_seed, of.by_seed);
        crate::analysis::diff::paired_difference(self.measure, &pairs)
    }
}

fn iqm(by_seed: &BySeed) -> Option<Aggregated> {
    let values: Vec<f64> = by_seed.values().copied().collect();
    if values.len() < IQM_FROM { None } else { Aggregated::of(Aggregate::Iqm, &[values]) }
}

fn against(measure: Measure, rope: f64, baseline: &BySeed, variant: &BySeed) -> Option<Against> {
    let pairs = pairs(baseline, variant);
    let paired = compare(&pairs, measure.range_of_differences(), Bootstrap::default())?;
    let verdict = Verdict::of(&paired.difference, measure.better, rope);
    let by_bca = paired.bca.map(|bca| Verdict::of(&bca, measure.better, rope));
    let sign = match measure.better {
        Better::Higher => 1.0,
        Better::Lower => -1.0,
        Better::Neither => 0.0,
    };
    let (of_baseline, of_variant): (Vec<f64>, Vec<f64>) =
        pairs.iter().map(|(baseline, variant)| (sign * baseline, sign * variant)).unzip();
    let chance = (measure.better != Better::Neither).then(|| {
        paired_probability_of_improvement(&[of_variant], &[of_baseline], Design::default())
    });
    Some(Against {
        adjusted_p: paired.signed_rank.p,
        chance: chance.flatten(),
        verdict,
        otherwise: by_bca.filter(|by_bca| *by_bca != verdict),
        paired,
    })
}

/// Adjusts the p values of all variants as one family.
fn adjust(standings: &mut [Standing<'_>]) {
    let held: Vec<&mut Against> =
        standings.iter_mut().filter_map(|standing| standing.against.as_mut()).collect();
    let p_values: Vec<f64> = held.iter().map(|against| against.adjusted_p).collect();
    for (against, adjusted) in held.into_iter().zip(holm(&p_values)) {
        against.adjusted_p = adjusted;
    }
}
