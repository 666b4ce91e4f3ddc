//! Two results of one measure, compared seed by seed.

use std::collections::BTreeMap;

use crate::analysis::interval::{Estimate, mean_within};
use crate::analysis::measure::{Better, Measure};
use crate::analysis::summary::over_seeds;

/// The values of one measure by seed; a seed in which nothing of the kind happened is not there.
pub type BySeed = BTreeMap<u64, f64>;

/// What became of a measure from A to B.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// The whole interval of the difference is on the better side.
    Better,
    /// The whole interval of the difference is on the worse side.
    Worse,
    /// The whole interval is above zero, and neither way is better.
    Higher,
    /// The whole interval is below zero, and neither way is better.
    Lower,
    /// The interval holds zero.
    NotSeen,
    /// The same value on every common seed.
    Same,
    /// One common seed has no interval.
    OneSeed,
    /// Without common seeds there is no paired difference, and so no verdict.
    Unpaired,
    /// On no common seed do both have a value.
    Nothing,
}

impl Change {
    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Higher => "higher",
            Self::Lower => "lower",
            Self::NotSeen => "no difference seen",
            Self::Same => "same",
            Self::OneSeed => "one seed, no verdict",
            Self::Unpaired => "unpaired, no verdict",
            Self::Nothing => "nothing to compare",
        }
    }
}

/// One measure in A and in B.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// A, over the seeds on which both have a value; over all of its own where there is no such seed.
    pub a: Option<Estimate>,
    /// B, likewise.
    pub b: Option<Estimate>,
    /// B - A: over the common seeds with its paired interval, or the bare difference of means of unpaired results.
    pub difference: Option<Estimate>,
    /// What became of it.
    pub change: Change,
}

/// Pairs of values by common seed.
#[must_use]
pub fn pairs(a: &BySeed, b: &BySeed) -> Vec<(f64, f64)> {
    a.iter().filter_map(|(seed, a)| Some((*a, *b.get(seed)?))).collect()
}

/// The mean difference, second minus first, with its paired 95 % interval over seeds; `None` without pairs.
#[must_use]
pub fn paired_difference(measure: Measure, pairs: &[(f64, f64)]) -> Option<Estimate> {
    let differences: Vec<f64> = pairs.iter().map(|(first, second)| second - first).collect();
    mean_within(&differences, measure.range_of_differences())
}

/// Compares B with A; `share_seeds` says whether the two results have common seeds at all.
#[must_use]
pub fn compare(measure: Measure, a: &BySeed, b: &BySeed, share_seeds: bool) -> Comparison {
    let pairs = pairs(a, b);
    let Some(difference) = paired_difference(measure, &pairs) else {
        return apart(measure, a, b, share_seeds);
    };
    let (of_a, of_b): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    Comparison {
        a: over_seeds(measure, &of_a),
        b: over_seeds(measure, &of_b),
        difference: Some(difference),
        change: change(measure, &pairs, difference),
    }
}

/// Compares what has no pairs.
fn apart(measure: Measure, a: &BySeed, b: &BySeed, share_seeds: bool) -> Comparison {
    let over = |of: &BySeed| over_seeds(measure, &of.values().copied().collect::<Vec<_>>());
    let (a, b) = (over(a), over(b));
    let (difference, change) = match (a, b) {
        (Some(a), Some(b)) if !share_seeds => {
            let mean = b.mean - a.mean;
            let bare = Estimate { n: a.n + b.n, mean, sd: 0.0, low: mean, high: mean };
            (Some(bare), Change::Unpaired)
        }
        _ => (None, Change::Nothing),
    };
    Comparison { a, b, difference, change }
}

fn change(measure: Measure, pairs: &[(f64, f64)], difference: Estimate) -> Change {
    if pairs.iter().all(|(a, b)| a == b) {
        return Change::Same;
    }
    if difference.n == 1 {
        return Change::OneSeed;
    }
    let is_higher = difference.low > 0.0;
    if !is_higher && difference.high >= 0.0 {
        return Change::NotSeen;
    }
    match (measure.better, is_higher) {
        (Better::Neither, true) => Change::Higher,
        (Better::Neither, false) => Change::Lower,
        (Better::Higher, true) | (Better::Lower, false) => Change::Better,
        (Better::Higher, false) | (Better::Lower, true) => Change::Worse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::measure::{AVAILABILITY, COST, EFFICIENCY, TASKS};

    fn by_seed(first: u64, values: &[f64]) -> BySeed {
        (first..).zip(values.iter().copied()).collect()
    }

    #[test]
    fn differences_are_paired_on_common_seeds_only() {
        // Seeds 2, 3, 4 are common: differences 1, 2, 3. Mean 2, sd 1, t(.975, 2) = 4.30265, half width 2.48414.
        let a = by_seed(1, &[1000.0, 10.0, 20.0, 30.0]);
        let b = by_seed(2, &[11.0, 22.0, 33.0, -1000.0]);
        let found = compare(EFFICIENCY, &a, &b, true);
        let difference = found.difference.expect("paired");
        assert_eq!((difference.n, difference.mean, difference.sd), (3, 2.0, 1.0));
        assert!((difference.low + 0.484_14).abs() < 1e-4, "{difference:?}");
        assert!((difference.high - 4.484_14).abs() < 1e-4, "{difference:?}");
        assert_eq!((found.a.map(|e| e.mean), found.b.map(|e| e.mean)), (Some(20.0), Some(22.0)));
        assert_eq!(found.change, Change::NotSeen);
    }

    #[test]
    fn a_change_is_told_by_the_whole_interval_and_the_measures_direction() {
        let a = by_seed(1, &[10.0, 20.0, 30.0]);
        let up = by_seed(1, &[12.0, 22.1, 31.9]);
        for (measure, there, back) in [
            (EFFICIENCY, Change::Better, Change::Worse),
            (COST, Change::Worse, Change::Better),
            (TASKS, Change::Higher, Change::Lower),
        ] {
            assert_eq!(compare(measure, &a, &up, true).change, there);
            assert_eq!(compare(measure, &up, &a, true).change, back);
            assert_eq!(compare(measure, &a, &a, true).change, Change::Same);
        }
    }

    #[test]
    fn one_common_seed_is_the_same_or_tells_nothing() {
        let (a, b) = (by_seed(1, &[1.0]), by_seed(1, &[2.0, 5.0]));
        assert_eq!(compare(COST, &a, &b, true).change, Change::OneSeed);
        assert_eq!(compare(COST, &a, &a, true).change, Change::Same);
    }

    #[test]
    fn few_seeds_that_differ_alike_do_not_prove_a_share_better() {
        let a = |n: usize| by_seed(1, &vec![0.0; n]);
        let b = |n: usize| by_seed(1, &vec![1.0; n]);
        // 1 - 2 (1 - 0.025^(1/n)) > 0 from n = 6 on: 0.025^(1/5) = 0.478, 0.025^(1/6) = 0.541.
        assert_eq!(compare(AVAILABILITY, &a(5), &b(5), true).change, Change::NotSeen);
        assert_eq!(compare(AVAILABILITY, &a(6), &b(6), true).change, Change::Better);
    }

    #[test]
    fn without_pairs_there_is_no_verdict() {
        let (a, b) = (by_seed(1, &[1.0, 3.0]), by_seed(5, &[5.0, 7.0]));
        let apart = compare(COST, &a, &b, false);
        assert_eq!((apart.difference.map(|d| d.mean), apart.change), (Some(4.0), Change::Unpaired));
        let missing = compare(COST, &a, &BySeed::new(), true);
        assert_eq!((missing.difference, missing.change), (None, Change::Nothing));
        assert_eq!((missing.a.map(|a| a.mean), missing.b), (Some(2.0), None));
    }
}
