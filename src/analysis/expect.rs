//! Expectations of a study, and whether they are met: tested at the unfavourable end of the 95 % interval over seeds.

use serde::{Deserialize, Serialize};

use crate::analysis::diff::{BySeed, paired_difference, pairs};
use crate::analysis::interval::{Estimate, seeds_to_tell};
use crate::analysis::measure::{Better, Measure};
use crate::analysis::summary::over_seeds;
use crate::analysis::window::Window;
use crate::units::Level;

/// What is expected of one measure of one variant in one block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// The measure.
    pub metric: Measure,
    /// The block.
    pub block: String,
    /// The variant.
    pub variant: String,
    /// Over which level; all if `None`.
    pub level: Option<Level>,
    /// Over which tasks.
    pub window: Window,
    /// What it is to reach.
    pub target: Target,
}

/// What a measure is to reach, in its unit; a share counts from 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// This much or more.
    AtLeast(f64),
    /// This much or less.
    AtMost(f64),
    /// Better than another variant on the same seeds; the measure has a better direction.
    BetterThan {
        /// The other variant.
        variant: String,
        /// By this much or more; by anything above nothing if 0.
        by: f64,
    },
}

/// Whether an expectation is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Met,
    /// No.
    NotMet,
    /// The runs do not tell.
    Undecided,
}

impl Verdict {
    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotMet => "not met",
            Self::Undecided => "undecided",
        }
    }
}

/// What a verdict rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The whole interval lies on one side of the target.
    Interval,
    /// So many seeds miss the target of an exact count; it is met if none does.
    SeedsThatMiss(usize),
    /// The interval holds the target; so many seeds would part them if mean and spread stayed, if any number would.
    Straddles(Option<usize>),
    /// All seeds agree, which is no proof for so few; so many that agree would be, if any number would.
    FewAgree(Option<usize>),
    /// One seed has no interval.
    OneSeed,
    /// Nothing of the kind happened on any seed.
    NotExercised,
}

/// An expectation held against the runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// What was measured: the mean, or the mean paired difference to the other variant, with its interval. For an exact
    /// count the interval's ends are the least and the greatest value of any seed.
    pub measured: Option<Estimate>,
    /// Whether it is met.
    pub verdict: Verdict,
    /// What that rests on.
    pub why: Why,
}

/// Judges an expectation by the values of its variant, and those of the variant it is to be better than.
///
/// A target is met if the interval's unfavourable end reaches it, and not met if even the favourable end does not. What
/// is an exact count is expected of every seed, and of one seed as well.
#[must_use]
pub fn judge(expectation: &Expectation, own: &BySeed, other: &BySeed) -> Judged {
    let metric = expectation.metric;
    let (values, estimate, range): (Vec<f64>, _, _) = match &expectation.target {
        Target::AtLeast(_) | Target::AtMost(_) => {
            let values: Vec<f64> = own.values().copied().collect();
            let estimate = over_seeds(metric, &values);
            (values, estimate, metric.range())
        }
        Target::BetterThan { .. } => {
            let pairs = pairs(other, own);
            let estimate = paired_difference(metric, &pairs);
            let values = pairs.iter().map(|(other, own)| own - other).collect();
            (values, estimate, metric.range_of_differences())
        }
    };
    let Some(estimate) = estimate else {
        return Judged { measured: None, verdict: Verdict::Undecided, why: Why::NotExercised };
    };
    let goal = Goal::of(&expectation.target, metric);
    if metric.is_exact {
        let n_missing = values.iter().filter(|value| !goal.is_reached(**value)).count();
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        return Judged {
            measured: Some(Estimate { low, high, ..estimate }),
            verdict: if n_missing == 0 { Verdict::Met } else { Verdict::NotMet },
            why: Why::SeedsThatMiss(n_missing),
        };
    }
    let (worst, best) = match goal.upwards {
        true => (estimate.low, estimate.high),
        false => (estimate.high, estimate.low),
    };
    let (verdict, why) = if estimate.n == 1 {
        (Verdict::Undecided, Why::OneSeed)
    } else if goal.is_reached(worst) {
        (Verdict::Met, Why::Interval)
    } else if !goal.is_reached(best) {
        (Verdict::NotMet, Why::Interval)
    } else {
        let needed = seeds_to_tell(&estimate, goal.mark, range);
        let why = match estimate.sd {
            0.0 => Why::FewAgree(needed),
            _ => Why::Straddles(needed),
        };
        (Verdict::Undecided, why)
    };
    Judged { measured: Some(estimate), verdict, why }
}

/// A target as one mark that a value is to reach from one side.
struct Goal {
    mark: f64,
    upwards: bool,
    /// The mark itself is not enough.
    beyond: bool,
}

impl Goal {
    fn of(target: &Target, metric: Measure) -> Self {
        match *target {
            Target::AtLeast(mark) => Self { mark, upwards: true, beyond: false },
            Target::AtMost(mark) => Self { mark, upwards: false, beyond: false },
            Target::BetterThan { by, .. } => {
                let upwards = metric.better != Better::Lower;
                Self { mark: if upwards { by } else { -by }, upwards, beyond: by == 0.0 }
            }
        }
    }

    fn is_reached(&self, value: f64) -> bool {
        let is_past = if self.upwards { value > self.mark } else { value < self.mark };
        is_past || !self.beyond && value == self.mark
    }
}

/// How many expectations of a study have come to which verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All of them.
    pub n: usize,
    /// Those that are not met.
    pub n_not_met: usize,
    /// Those that are undecided.
    pub n_undecided: usize,
}

impl Tally {
    /// Counts one verdict.
    pub fn count(&mut self, verdict: Verdict) {
        self.n += 1;
        self.n_not_met += usize::from(verdict == Verdict::NotMet);
        self.n_undecided += usize::from(verdict == Verdict::Undecided);
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.n += other.n;
        self.n_not_met += other.n_not_met;
        self.n_undecided += other.n_undecided;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::measure::{AVAILABILITY, COST, EFFICIENCY, INTERRUPTED};

    fn by_seed(values: &[f64]) -> BySeed {
        (1..).zip(values.iter().copied()).collect()
    }

    fn judged(metric: Measure, target: Target, own: &[f64], other: &[f64]) -> Judged {
        let expectation = Expectation {
            metric,
            block: "main".into(),
            variant: "a".into(),
            level: None,
            window: Window::Run,
            target,
        };
        judge(&expectation, &by_seed(own), &by_seed(other))
    }

    fn verdict(metric: Measure, target: Target, own: &[f64]) -> (Verdict, Why) {
        let judged = judged(metric, target, own, &[]);
        (judged.verdict, judged.why)
    }

    #[test]
    fn the_unfavourable_end_decides() {
        // Mean 2.5, half width 2.05426: from 0.44574 to 4.55426.
        let values = [1.0, 2.0, 3.0, 4.0];
        let (met, missed) = ((Verdict::Met, Why::Interval), (Verdict::NotMet, Why::Interval));
        for (target, wanted) in [
            (Target::AtLeast(0.4457), met),
            (Target::AtLeast(4.5543), missed),
            (Target::AtMost(4.5543), met),
            (Target::AtMost(0.4457), missed),
        ] {
            assert_eq!(verdict(EFFICIENCY, target.clone(), &values), wanted, "{target:?}");
        }
        for target in [0.4458, 2.5, 4.5542] {
            for target in [Target::AtLeast(target), Target::AtMost(target)] {
                let (verdict, why) = verdict(EFFICIENCY, target, &values);
                assert_eq!(verdict, Verdict::Undecided);
                assert!(matches!(why, Why::Straddles(_)));
            }
        }
        // Half width .9923 at 9 seeds, 1.0795 at 8.
        let (_, why) = verdict(EFFICIENCY, Target::AtLeast(1.5), &values);
        assert_eq!(why, Why::Straddles(Some(9)));
    }

    #[test]
    fn the_end_itself_is_enough_for_a_bound() {
        for target in [Target::AtLeast(7.0), Target::AtMost(7.0)] {
            assert_eq!(verdict(EFFICIENCY, target, &[7.0; 2]), (Verdict::Met, Why::Interval));
        }
        let just_below = Target::AtMost(f64::from_bits(7f64.to_bits() - 1));
        assert_eq!(verdict(EFFICIENCY, just_below, &[7.0; 2]).0, Verdict::NotMet);
    }

    #[test]
    fn seeds_that_agree_on_a_share_prove_no_more_than_their_number_allows() {
        let all = |n: usize, target| verdict(AVAILABILITY, target, &vec![1.0; n]);
        let few = (Verdict::Undecided, Why::FewAgree(Some(368)));
        assert_eq!(all(20, Target::AtLeast(0.99)), few);
        assert_eq!(all(367, Target::AtLeast(0.99)), few);
        assert_eq!(all(368, Target::AtLeast(0.99)), (Verdict::Met, Why::Interval));
        assert_eq!(all(368, Target::AtLeast(1.0)), (Verdict::Undecided, Why::FewAgree(None)));
        // Clopper-Pearson for 20 of 20: 0.83157.
        assert_eq!(all(20, Target::AtMost(0.83)), (Verdict::NotMet, Why::Interval));
        assert_eq!(all(20, Target::AtMost(0.84)).0, Verdict::Undecided);
        assert_eq!(all(20, Target::AtMost(1.0)), (Verdict::Met, Why::Interval));
    }

    #[test]
    fn an_exact_count_is_expected_of_every_seed() {
        let counts = |target| verdict(INTERRUPTED, target, &[0.0, 0.0, 3.0]);
        assert_eq!(counts(Target::AtMost(0.0)), (Verdict::NotMet, Why::SeedsThatMiss(1)));
        assert_eq!(counts(Target::AtMost(3.0)), (Verdict::Met, Why::SeedsThatMiss(0)));
        assert_eq!(counts(Target::AtLeast(1.0)), (Verdict::NotMet, Why::SeedsThatMiss(2)));
        let one = verdict(INTERRUPTED, Target::AtMost(0.0), &[0.0]);
        assert_eq!(one, (Verdict::Met, Why::SeedsThatMiss(0)));
        let measured = judged(INTERRUPTED, Target::AtMost(0.0), &[0.0, 3.0], &[]).measured;
        assert_eq!(measured.map(|e| (e.low, e.mean, e.high)), Some((0.0, 1.5, 3.0)));
    }

    #[test]
    fn one_seed_and_none_decide_nothing() {
        let target = Target::AtLeast(0.5);
        assert_eq!(
            verdict(EFFICIENCY, target.clone(), &[99.0]),
            (Verdict::Undecided, Why::OneSeed)
        );
        assert_eq!(verdict(EFFICIENCY, target, &[]), (Verdict::Undecided, Why::NotExercised));
        // No seed on which both have a value.
        let better = Target::BetterThan { variant: "b".into(), by: 0.0 };
        assert_eq!(judged(EFFICIENCY, better, &[1.0, 2.0], &[]).why, Why::NotExercised);
    }

    #[test]
    fn better_is_the_paired_difference_in_the_measures_direction() {
        let better = |by| Target::BetterThan { variant: "b".into(), by };
        // Own minus other: 1, 2, 3. Mean 2, half width 2.48414 by t(.975, 2) = 4.30265.
        let (own, other) = ([11.0, 22.0, 33.0], [10.0, 20.0, 30.0]);
        let higher = judged(EFFICIENCY, better(0.0), &own, &other);
        assert_eq!(
            (higher.verdict, higher.measured.map(|e| e.mean)),
            (Verdict::Undecided, Some(2.0))
        );
        assert_eq!(judged(EFFICIENCY, better(4.49), &own, &other).verdict, Verdict::NotMet);
        // 2, 2.1, 1.9: mean 2, sd 0.1, half width 0.248414.
        let close = [12.0, 22.1, 31.9];
        for (by, higher, lower) in [
            (0.0, Verdict::Met, Verdict::NotMet),
            (1.7515, Verdict::Met, Verdict::NotMet),
            (1.7516, Verdict::Undecided, Verdict::NotMet),
            (2.2485, Verdict::NotMet, Verdict::NotMet),
        ] {
            assert_eq!(judged(EFFICIENCY, better(by), &close, &other).verdict, higher, "{by}");
            assert_eq!(judged(COST, better(by), &close, &other).verdict, lower, "{by}");
            // The other way round, a lower measure is the better one.
            assert_eq!(judged(COST, better(by), &other, &close).verdict, higher, "{by}");
        }
    }

    #[test]
    fn what_is_the_same_is_not_better() {
        let better = |by| Target::BetterThan { variant: "b".into(), by };
        let values = [10.0, 20.0, 30.0];
        assert_eq!(judged(COST, better(0.0), &values, &values).verdict, Verdict::NotMet);
        // Three seeds with the same share leave room for others that differ.
        let shares = [0.5, 0.6, 0.7];
        let same = judged(AVAILABILITY, better(0.0), &shares, &shares);
        assert_eq!((same.verdict, same.why), (Verdict::Undecided, Why::FewAgree(None)));
        // A margin itself is enough.
        let by_one = [11.0, 21.0, 31.0];
        assert_eq!(judged(EFFICIENCY, better(1.0), &by_one, &values).verdict, Verdict::Met);
    }
}
