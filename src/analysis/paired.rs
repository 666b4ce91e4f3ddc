//! Two variants on the same seeds: the difference, its size, and a verdict.

use crate::analysis::bootstrap::{Bootstrap, mean};
use crate::analysis::interval::{Estimate, mean_within};
use crate::analysis::measure::Better;
use crate::analysis::moments::Moments;
use crate::analysis::wilcoxon::{SignedRank, signed_rank};

/// A variant against a baseline on the same seeds, the difference being variant less baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paired {
    /// Mean of the baseline.
    pub baseline: f64,
    /// Mean of the variant.
    pub variant: f64,
    /// Mean difference with its 95 % t interval (that of [`mean_within`]), on which a verdict rests: skewness cancels in
    /// differences of like laws, and t is honest from 50 seeds on. `sd` is that of the differences.
    pub difference: Estimate,
    /// The same with its BCa interval, for differences that are skewed themselves. It is a little short for few seeds:
    /// honest from 200 on; of 50 to 100 it tells 5.7 % of equal pairs apart. `None` where all differences agree, or where it
    /// has no bounds.
    pub bca: Option<Estimate>,
    /// Wilcoxon's signed-rank test of the differences.
    pub signed_rank: SignedRank,
    /// Standardised difference d(z): mean over standard deviation of the differences (Cohen, Statistical Power Analysis,
    /// 1988, 2.3.5). `None` where all differences agree.
    pub effect: Option<f64>,
    /// The difference as a share of the size of the baseline's mean; `None` where that is 0.
    pub relative: Option<f64>,
    /// Variance reduction by common seeds: (var(baseline) + var(variant)) / var(difference), how many times as many seeds
    /// of their own either would need. `None` where all differences agree.
    pub variance_reduction: Option<f64>,
}

/// Compares pairs (baseline, variant), one for each common seed; `range` is that of differences, if they have ends (as
/// [`crate::analysis::measure::Measure::range_of_differences`]). The seeds are independent of each other.
///
/// `None` without pairs or where a value is not a finite number.
#[must_use]
pub fn compare(
    pairs: &[(f64, f64)],
    range: Option<(f64, f64)>,
    bootstrap: Bootstrap,
) -> Option<Paired> {
    let differences: Vec<f64> =
        pairs.iter().map(|(baseline, variant)| variant - baseline).collect();
    let signed_rank = signed_rank(&differences)?;
    let difference = mean_within(&differences, range)?;
    let baseline: Moments = pairs.iter().map(|(baseline, _)| *baseline).collect();
    let variant: Moments = pairs.iter().map(|(_, variant)| *variant).collect();
    let sd = difference.sd;
    let with_spread = |value: f64| (sd > 0.0).then_some(value);
    Some(Paired {
        baseline: baseline.mean(),
        variant: variant.mean(),
        difference,
        bca: if sd > 0.0 { bootstrap.bca(&differences, mean) } else { None },
        signed_rank,
        effect: with_spread(difference.mean / sd),
        relative: (baseline.mean() != 0.0).then(|| difference.mean / baseline.mean().abs()),
        variance_reduction: with_spread((baseline.variance() + variant.variance()) / (sd * sd)),
    })
}

/// What an interval of a difference says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The whole interval is on the better side, beyond what counts as equal.
    Better,
    /// The whole interval is on the worse side, beyond what counts as equal.
    Worse,
    /// The whole interval is above what counts as equal, and neither way is better.
    Higher,
    /// The whole interval is below what counts as equal, and neither way is better.
    Lower,
    /// The whole interval counts as equal.
    PracticallyEqual,
    /// None of these: more seeds would tell.
    Undecided,
}

impl Verdict {
    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Higher => "higher",
            Self::Lower => "lower",
            Self::PracticallyEqual => "practically equal",
            Self::Undecided => "undecided",
        }
    }

    /// The verdict on a difference, variant less baseline, by its interval, of whatever kind: differences from -`rope` to
    /// `rope`, the region of practical equivalence, count as equal (Kruschke, "Rejecting or accepting parameter values in
    /// Bayesian estimation", 2018, whose rule this is on a confidence interval). With a `rope` of 0 it excludes 0 or not.
    ///
    /// Two equal variants are told better or worse as often as the interval misses, by a 95 % interval in 5 % of studies.
    /// Variants that are the same on every seed are practically equal; one seed decides nothing.
    #[must_use]
    pub fn of(difference: &Estimate, better: Better, rope: f64) -> Self {
        assert!(rope >= 0.0, "a region of practical equivalence of {rope}");
        let Estimate { n, mean, sd, low, high } = *difference;
        if n < 2 {
            Self::Undecided
        } else if low >= -rope && high <= rope || mean == 0.0 && sd == 0.0 {
            Self::PracticallyEqual
        } else if low > rope {
            match better {
                Better::Higher => Self::Better,
                Better::Lower => Self::Worse,
                Better::Neither => Self::Higher,
            }
        } else if high < -rope {
            match better {
                Better::Higher => Self::Worse,
                Better::Lower => Self::Better,
                Better::Neither => Self::Lower,
            }
        } else {
            Self::Undecided
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Student's sleep data (1908): hours of sleep gained by ten patients with either drug.
    const SLEEP: [(f64, f64); 10] = [
        (0.7, 1.9),
        (-1.6, 0.8),
        (-0.2, 1.1),
        (-1.2, 0.1),
        (-0.1, -0.1),
        (3.4, 4.4),
        (3.7, 5.5),
        (0.8, 1.6),
        (0.0, 4.6),
        (2.0, 3.4),
    ];

    fn near(found: Option<f64>, expected: f64) {
        let found = found.expect("has a value");
        assert!((found - expected).abs() < 5e-5, "{found} instead of {expected}");
    }

    #[test]
    fn the_comparison_gives_the_published_worked_example() {
        // R's documentation of t.test, paired: mean 1.58, interval (0.7001142, 2.4598858), t = 4.0621 = d(z) sqrt(10). The
        // groups have the means 0.75 and 2.33 and the standard deviations 1.789010 and 2.002249, the differences 1.229995.
        let found = compare(&SLEEP, None, Bootstrap::default()).expect("values");
        assert!((found.difference.low - 0.700_114_2).abs() < 5e-8, "{found:?}");
        assert!((found.difference.high - 2.459_885_8).abs() < 5e-8, "{found:?}");
        near(Some(found.baseline), 0.75);
        near(Some(found.variant), 2.33);
        near(found.effect, 4.0621 / 10.0_f64.sqrt());
        near(found.relative, 1.58 / 0.75);
        near(found.variance_reduction, (3.200_557 + 4.009_001) / 1.512_888);
        // All but the one difference of 0 are above it: 2 / 2^9.
        assert_eq!((found.signed_rank.zeros, found.signed_rank.p), (1, 2.0 / 512.0));
        let bca = found.bca.expect("spread");
        assert!(bca.low > 0.7 && bca.high > found.difference.high, "skewed upwards: {bca:?}");
        let turned = SLEEP.map(|(a, b)| (b, a));
        let turned = compare(&turned, None, Bootstrap::default()).expect("values");
        assert_eq!(turned.difference.low, -found.difference.high);
        assert_eq!(turned.effect, found.effect.map(|effect| -effect));
        near(turned.relative, -1.58 / 2.33);
    }

    fn verdict(low: f64, high: f64, better: Better, rope: f64) -> Verdict {
        let mean = 0.5 * (low + high);
        Verdict::of(&Estimate { n: 50, mean, sd: 1.0, low, high }, better, rope)
    }

    #[test]
    fn the_whole_interval_decides() {
        use Better::{Higher, Lower, Neither};
        for (low, high, rope, on_higher, on_lower, on_neither) in [
            (0.1, 2.0, 0.0, Verdict::Better, Verdict::Worse, Verdict::Higher),
            (-2.0, -0.1, 0.0, Verdict::Worse, Verdict::Better, Verdict::Lower),
            (1.1, 2.0, 1.0, Verdict::Better, Verdict::Worse, Verdict::Higher),
        ] {
            assert_eq!(verdict(low, high, Higher, rope), on_higher);
            assert_eq!(verdict(low, high, Lower, rope), on_lower);
            assert_eq!(verdict(low, high, Neither, rope), on_neither);
        }
        for better in [Higher, Lower, Neither] {
            assert_eq!(verdict(-0.1, 2.0, better, 0.0), Verdict::Undecided);
            assert_eq!(verdict(0.0, 2.0, better, 0.0), Verdict::Undecided);
            assert_eq!(verdict(0.5, 2.0, better, 1.0), Verdict::Undecided);
            assert_eq!(verdict(-3.0, 2.0, better, 1.0), Verdict::Undecided);
            assert_eq!(verdict(-1.0, 1.0, better, 1.0), Verdict::PracticallyEqual);
            // Surely above 0 and surely too little to matter.
            assert_eq!(verdict(0.2, 0.9, better, 1.0), Verdict::PracticallyEqual);
        }
    }

    #[test]
    fn differences_without_spread_have_a_verdict() {
        let of = |pairs: &[(f64, f64)], range| {
            let found = compare(pairs, range, Bootstrap::default()).expect("values");
            assert_eq!((found.bca, found.effect, found.variance_reduction), (None, None, None));
            Verdict::of(&found.difference, Better::Higher, 0.0)
        };
        let share = Some((-1.0, 1.0));
        let same: Vec<(f64, f64)> = (0..20).map(|i| (f64::from(i), f64::from(i))).collect();
        assert_eq!(of(&same, None), Verdict::PracticallyEqual);
        assert_eq!(of(&[(1.0, 1.0); 20], share), Verdict::PracticallyEqual);
        assert_eq!(of(&[(1.0, 3.0); 20], None), Verdict::Better);
        // Of a share, few seeds that differ alike prove nothing: 1 - 2 (1 - 0.025^(1/n)) > 0 from n = 6 on.
        assert_eq!(of(&[(0.0, 1.0); 5], share), Verdict::Undecided);
        assert_eq!(of(&[(0.0, 1.0); 6], share), Verdict::Better);
        assert_eq!(of(&[(1.0, 3.0)], None), Verdict::Undecided);
        assert_eq!(compare(&[], None, Bootstrap::default()), None);
        assert_eq!(compare(&[(1.0, f64::NAN)], None, Bootstrap::default()), None);
    }
}
