//! One block: its rankings, who is best, what was learned, and how far each variant is from the reference.

use crate::analysis::diff::{paired_difference, pairs};
use crate::analysis::interval::Estimate;
use crate::analysis::measure::{self, Better, Measure};
use crate::analysis::paired::Verdict;
use crate::report::comparison::is_told;
use crate::report::comparison::ranking::{Ranking, Standing};
use crate::report::criteria::Evidence;
use crate::report::entries::Entry;
use crate::report::learned::learner;
use crate::results::manifest::{BlockEntry, Manifest};

/// Measures of how a variant learned.
const LEARNING: [Measure; 10] = [
    measure::CUMULATIVE_REGRET,
    measure::BEST_MODEL_SHARE,
    measure::CONVERGED_AFTER,
    measure::SAMPLE_EFFICIENCY,
    measure::ADAPTATION_TIME,
    measure::LEARNING_CURVE_AREA,
    measure::EXPLORATION_SHARE,
    measure::REWARD_BY_PHASE[0],
    measure::REWARD_BY_PHASE[1],
    measure::REWARD_BY_PHASE[2],
];

/// Measures of the policy gap.
pub(super) const GAP: [Measure; 3] = [measure::REWARD, measure::QUALITY, measure::COST];

/// All that is said of one block.
pub(super) struct BlockComparison<'a> {
    pub(super) block: &'a BlockEntry,
    /// One for each measure on which variants differ, all in the order of the first.
    pub(super) rankings: Vec<Ranking<'a>>,
    /// Measures on which all variants agree, on all seeds.
    pub(super) agreed: Vec<(Measure, f64)>,
    pub(super) leader: Option<Leader<'a>>,
    pub(super) learning: Option<Learning<'a>>,
    pub(super) gap: Option<Gap<'a>>,
}

/// Who is best on the first measure, of those that could be deployed.
pub(super) struct Leader<'a> {
    pub(super) variant: &'a str,
    pub(super) mean: Entry,
    /// The next in rank, and the difference to it: next less leader.
    pub(super) next: Option<(&'a str, Estimate)>,
    /// From whom it cannot be told apart.
    pub(super) undecided: Vec<&'a str>,
    /// Whose difference from it is too small to matter.
    pub(super) equal: Vec<&'a str>,
    /// How many were ranked.
    pub(super) of: usize,
    /// The best of those that learn, if that is another one.
    pub(super) learner: Option<&'a str>,
    /// Places of the plan's own routers, from 1, the leader left out.
    pub(super) plan: Vec<(&'a str, usize)>,
    /// Those that are told the truth, and so not ranked.
    pub(super) told: Vec<&'a str>,
}

/// How variants learned, in the order of the ranking.
pub(super) struct Learning<'a> {
    pub(super) measures: Vec<Measure>,
    pub(super) rows: Vec<(&'a str, Vec<Option<Entry>>)>,
}

/// The policy gap: reference less variant, for each measure of [`GAP`].
pub(super) struct Gap<'a> {
    pub(super) reference: &'a str,
    /// The reference is told the truth; if not it is the best variant, found by looking.
    pub(super) is_told: bool,
    pub(super) rows: Vec<(&'a str, [Option<Estimate>; 3])>,
}

impl<'a> BlockComparison<'a> {
    /// `None` where no measure has a value of two variants.
    pub(super) fn of(evidence: &'a Evidence<'_>, block: &'a BlockEntry) -> Option<Self> {
        let manifest = evidence.manifest;
        let measures = manifest.compare.measures.iter();
        let mut rankings: Vec<Ranking<'a>> =
            measures.filter_map(|measure| Ranking::of(evidence, block, *measure)).collect();
        let (first, others) = rankings.split_first_mut()?;
        first.sort();
        let order: Vec<&str> = first.standings.iter().map(|s| s.variant).collect();
        others.iter_mut().for_each(|ranking| ranking.sort_as(&order));
        let leader = leader(manifest, &rankings[0]);
        let agreed =
            rankings[1..].iter().filter_map(|r| r.agreed().map(|value| (r.measure, value)));
        let agreed: Vec<(Measure, f64)> = agreed.collect();
        let first = rankings[0].measure;
        rankings.retain(|r| r.measure == first || r.agreed().is_none());
        let learning = learning(evidence, block, &order);
        let gap = if block.bandit.is_some() { None } else { gap(evidence, block) };
        Some(Self { block, rankings, agreed, leader, learning, gap })
    }

    /// The ranking on the first measure.
    pub(super) fn first(&self) -> &Ranking<'a> {
        &self.rankings[0]
    }
}

/// `None` where neither way is better, or none could be deployed.
fn leader<'a>(manifest: &Manifest, ranking: &Ranking<'a>) -> Option<Leader<'a>> {
    let better = ranking.measure.better;
    let (told, ranked): (Vec<&Standing<'a>>, Vec<&Standing<'a>>) =
        ranking.standings.iter().partition(|s| is_told(manifest, s.variant));
    let (best, others) = ranked.split_first()?;
    if better == Better::Neither {
        return None;
    }
    let with = |wanted: Verdict| -> Vec<&'a str> {
        let is_it = |other: &&&Standing<'a>| {
            let difference = ranking.difference(other, best);
            let verdict = difference.map(|d| Verdict::of(&d, better, ranking.rope));
            verdict.unwrap_or(Verdict::Undecided) == wanted
        };
        others.iter().filter(is_it).map(|other| other.variant).collect()
    };
    let next =
        others.first().and_then(|next| Some((next.variant, ranking.difference(next, best)?)));
    let plan = ranked.iter().zip(1..).skip(1).filter(|(s, _)| is_plans_own(manifest, s.variant));
    Some(Leader {
        variant: best.variant,
        mean: best.mean,
        next,
        undecided: with(Verdict::Undecided),
        equal: with(Verdict::PracticallyEqual),
        of: ranked.len(),
        learner: ranked
            .iter()
            .find(|s| learner(manifest, s.variant).is_some())
            .filter(|first| first.variant != best.variant)
            .map(|first| first.variant),
        plan: plan.map(|(s, place)| (s.variant, place)).collect(),
        told: told.iter().map(|s| s.variant).collect(),
    })
}

/// Whether the variant's order is one of the Stage 4 plan's.
fn is_plans_own(manifest: &Manifest, variant: &str) -> bool {
    let at = manifest.variants.iter().position(|name| name == variant);
    at.and_then(|at| manifest.orders.get(at)).is_some_and(|order| order.starts_with("stage4"))
}

/// `None` where nothing learns.
fn learning<'a>(
    evidence: &'a Evidence<'_>,
    block: &BlockEntry,
    order: &[&'a str],
) -> Option<Learning<'a>> {
    let manifest = evidence.manifest;
    if !order.iter().any(|variant| learner(manifest, variant).is_some()) {
        return None;
    }
    let get =
        |variant: &str, measure| evidence.entries.get(&block.name, variant, "all", "run", measure);
    let has_value = |m: &Measure| order.iter().any(|variant| get(variant, *m).is_some());
    let measures: Vec<Measure> = LEARNING.into_iter().filter(has_value).collect();
    let row = |variant: &&'a str| (*variant, measures.iter().map(|m| get(variant, *m)).collect());
    let rows = order.iter().map(row).collect();
    (!measures.is_empty()).then_some(Learning { measures, rows })
}

/// The reference is the first variant that is told the truth, else the one with the highest mean reward.
fn gap<'a>(evidence: &'a Evidence<'_>, block: &BlockEntry) -> Option<Gap<'a>> {
    let Evidence { manifest, entries, values, .. } = evidence;
    let told = manifest.variants.iter().find(|variant| is_told(manifest, variant));
    let reward = |variant: &String| {
        let entry = entries.get(&block.name, variant, "all", "run", measure::REWARD);
        entry.map_or(f64::NEG_INFINITY, |entry| entry.mean)
    };
    // Of equal ones the first.
    let best = || manifest.variants.iter().rev().max_by(|a, b| reward(a).total_cmp(&reward(b)));
    let reference = told.or_else(best)?;
    let others = manifest.variants.iter().filter(|variant| *variant != reference);
    let mut rows: Vec<(&'a str, [Option<Estimate>; 3])> = others
        .map(|variant| {
            let of = |name, measure| values.get(&block.name, name, "all", "run", measure);
            let gap = |measure: Measure| {
                let pairs = pairs(of(variant, measure)?, of(reference, measure)?);
                paired_difference(measure, &pairs)
            };
            (variant.as_str(), GAP.map(gap))
        })
        .collect();
    rows.retain(|(_, gaps)| gaps.iter().any(Option::is_some));
    let size = |gaps: &[Option<Estimate>; 3]| gaps[0].map_or(f64::INFINITY, |gap| gap.mean);
    rows.sort_by(|a, b| size(&a.1).total_cmp(&size(&b.1)));
    (!rows.is_empty()).then_some(Gap { reference, is_told: told.is_some(), rows })
}
