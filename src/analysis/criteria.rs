//! The Stage 4 plan's success criteria (stage4.md section 14): what each asks for, and when it counts as met.

use crate::analysis::bootstrap::{Bootstrap, ratio_of_means};
use crate::analysis::expect;
use crate::analysis::interval::Estimate;

/// Share of triggered tasks that the plan wants answered by another model while five models are out of tokens.
pub const FALLBACK_TARGET: f64 = 0.99;
/// Relative gain in efficiency that the plan wants after two days of learning.
pub const LEARNING_TARGET: f64 = 0.05;
/// Availability that the plan wants over 24 hours.
pub const AVAILABILITY_TARGET: f64 = 0.99;

/// Whether a criterion is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Met,
    /// No.
    NotMet,
    /// The runs do not tell.
    Undecided,
    /// No, but not even a router that is told the truth gains as much in this world.
    LittleHeadroom,
    /// Nothing happened that would show it.
    NotExercised,
}

impl Verdict {
    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotMet => "not met",
            Self::Undecided => "undecided",
            Self::LittleHeadroom => "little headroom",
            Self::NotExercised => "not exercised",
        }
    }
}

impl From<expect::Judged> for Verdict {
    fn from(judged: expect::Judged) -> Self {
        match (judged.why, judged.verdict) {
            (expect::Why::NotExercised, _) => Self::NotExercised,
            (_, expect::Verdict::Met) => Self::Met,
            (_, expect::Verdict::NotMet) => Self::NotMet,
            (_, expect::Verdict::Undecided) => Self::Undecided,
        }
    }
}

/// Headline efficiency of one seed: of the learning variant on its first whole day and on the first that begins two days
/// after the start, and of its controls on the latter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GainDays {
    /// Of the variant, on its first whole day.
    pub first: f64,
    /// Of the variant.
    pub learning: f64,
    /// Of the same stack at its initial beliefs.
    pub frozen: f64,
    /// Of the same stack told the expected rewards.
    pub informed: f64,
}

/// What learning brought after two days, relative to what it is compared with; intervals are BCa bootstraps over seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gain {
    /// Against the frozen control: mean(learning - frozen) / mean(frozen).
    pub gain: Estimate,
    /// What there was to gain: mean(informed - frozen) / mean(frozen).
    pub headroom: Estimate,
    /// The plan's own reading, against the variant's first whole day: mean(learning - first) / mean(first).
    pub raw: Estimate,
}

impl Gain {
    /// The gain over seeds; `None` without seeds, or where nothing was served at all.
    #[must_use]
    pub fn of(seeds: &[GainDays]) -> Option<Self> {
        let ratio = |of: fn(&GainDays) -> (f64, f64)| {
            let pairs: Vec<(f64, f64)> = seeds.iter().map(of).collect();
            Bootstrap::default().bca(&pairs, ratio_of_means).or_else(|| {
                // All seeds alike: there is a ratio, but no spread to resample.
                let mean = ratio_of_means(&pairs);
                let alike = pairs.iter().all(|pair| *pair == pairs[0]) && mean.is_finite();
                let n = pairs.len();
                alike.then_some(Estimate { n, mean, sd: 0.0, low: mean, high: mean })
            })
        };
        Some(Self {
            gain: ratio(|s| (s.learning - s.frozen, s.frozen))?,
            headroom: ratio(|s| (s.informed - s.frozen, s.frozen))?,
            raw: ratio(|s| (s.learning - s.first, s.first))?,
        })
    }

    /// Met if the lower end of the interval reaches the target; with less headroom than the target it cannot be.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.gain.n < 2 {
            Verdict::Undecided
        } else if self.gain.low >= LEARNING_TARGET {
            Verdict::Met
        } else if self.headroom.mean < LEARNING_TARGET {
            Verdict::LittleHeadroom
        } else if self.gain.high < LEARNING_TARGET {
            Verdict::NotMet
        } else {
            Verdict::Undecided
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeds(learning: f64, informed: f64) -> Vec<GainDays> {
        // Frozen 50 on average; the gain varies by half a point from seed to seed.
        (0..40)
            .map(|i| {
                let noise = f64::from(i % 5) - 2.0;
                GainDays {
                    first: 50.0 + noise,
                    frozen: 50.0 + noise,
                    learning: 50.0 * (1.0 + learning) + noise + 0.25 * f64::from(i % 3 - 1),
                    informed: 50.0 * (1.0 + informed) + noise,
                }
            })
            .collect()
    }

    #[test]
    fn a_gain_is_judged_at_the_unfavourable_end_and_against_what_there_was_to_gain() {
        let verdict =
            |learning, informed| Gain::of(&seeds(learning, informed)).map(|gain| gain.verdict());
        assert_eq!(verdict(0.07, 0.10), Some(Verdict::Met));
        assert_eq!(verdict(0.03, 0.10), Some(Verdict::NotMet));
        assert_eq!(verdict(0.05, 0.10), Some(Verdict::Undecided));
        assert_eq!(verdict(0.02, 0.04), Some(Verdict::LittleHeadroom));
        // Beyond the target there was headroom, whatever the informed reference made of it.
        assert_eq!(verdict(0.07, 0.04), Some(Verdict::Met));
        assert_eq!(Gain::of(&[]).map(|gain| gain.verdict()), None);
    }

    #[test]
    fn the_gain_is_a_ratio_of_means() {
        let gain = Gain::of(&seeds(0.06, 0.10)).expect("there are seeds");
        // The 40 thirds of a point -1, 0, 1 sum to -1 quarter: 14 times -1, 13 times 0 and 13 times 1.
        let expected = 0.06 - 0.25 / 40.0 / 50.0;
        assert!((gain.gain.mean - expected).abs() < 1e-12, "{}", gain.gain.mean);
        assert!((gain.headroom.mean - 0.10).abs() < 1e-12);
    }
}
