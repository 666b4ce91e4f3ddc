//! What is wrong with a model's log, in words: it is named, never smoothed over.

use crate::analysis::interval::binomial_interval;
use crate::offline::calibrate::Measured;
use crate::report::number::{percent, rounded};

/// Something that a reader of the calibration must know.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// No law of the three fits a quantity.
    Misfit {
        /// The quantity.
        quantity: &'static str,
        /// The family that came nearest.
        family: &'static str,
        /// Anderson and Darling's statistic.
        ad: f64,
        /// Its corrected p value.
        p: f64,
    },
    /// The second half's times follow another law than the first's.
    HalvesDiffer {
        /// Corrected p value.
        p: f64,
        /// Ratio of medians with its interval.
        median_ratio: Option<(f64, f64, f64)>,
    },
    /// The level of times changes.
    LevelChanges {
        /// Corrected p value.
        p: f64,
        /// Answers before the change.
        at: usize,
        /// Answers in all.
        n: usize,
    },
    /// Slow requests come in spells.
    Spells {
        /// Corrected p value.
        p: f64,
        /// Correlation of the ranks of neighbours.
        correlation: f64,
    },
    /// Requests were refused for a rate limit.
    RateLimited {
        /// How many.
        refused: u64,
        /// Of how many.
        requests: u64,
    },
    /// Few answers: intervals are wide, tests weak.
    Few {
        /// How many.
        answers: u64,
    },
}

/// Answers below which a model is said to have few.
const FEW: u64 = 50;

impl Finding {
    /// Whether times drift: they are not those of one law in any order.
    #[must_use]
    pub fn is_drift(&self) -> bool {
        matches!(self, Self::HalvesDiffer { .. } | Self::LevelChanges { .. } | Self::Spells { .. })
    }

    /// Whether a law does not fit.
    #[must_use]
    pub fn is_misfit(&self) -> bool {
        matches!(self, Self::Misfit { .. })
    }

    /// The finding in words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Misfit { quantity, family, ad, p } => format!(
                "does not fit: {quantity} follows none of the laws; {family} comes nearest \
                 (A² = {}, corrected p = {})",
                rounded(*ad, 3),
                p_value(*p)
            ),
            Self::HalvesDiffer { p, median_ratio } => {
                let change = median_ratio.map_or_else(String::new, |(ratio, low, high)| {
                    format!(
                        ", median x {} [{}, {}]",
                        rounded(ratio, 3),
                        rounded(low, 3),
                        rounded(high, 3)
                    )
                });
                format!("drifts: its halves differ (corrected p = {}{change})", p_value(*p))
            }
            Self::LevelChanges { p, at, n } => format!(
                "drifts: the level changes, most likely after answer {at} of {n} (corrected p = {})",
                p_value(*p)
            ),
            Self::Spells { p, correlation } => format!(
                "drifts: slow and fast answers come in spells (rank correlation of neighbours {}, \
                 corrected p = {})",
                rounded(*correlation, 2),
                p_value(*p)
            ),
            Self::RateLimited { refused, requests } => {
                let (low, high) = binomial_interval(*refused, *requests);
                format!(
                    "was rate-limited: {refused} of {requests} requests refused ({} [{}, {}])",
                    percent(*refused as f64 / *requests as f64, 1),
                    percent(low, 1),
                    percent(high, 1)
                )
            }
            Self::Few { answers } => {
                format!("has only {answers} answers: its intervals are wide and its tests weak")
            }
        }
    }
}

/// A p value as people read it.
pub(super) fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { rounded(p, 2) }
}

/// What is found at `alpha`; the p values are corrected.
pub(super) fn findings(model: &Measured, alpha: f64) -> Vec<Finding> {
    let mut found = Vec::new();
    for quantity in model.quantities().filter(|quantity| quantity.corrected_p < alpha) {
        if let (Some(best), Some(goodness)) = (quantity.best(), quantity.goodness) {
            found.push(Finding::Misfit {
                quantity: quantity.name,
                family: best.law.family().name(),
                ad: goodness.ad,
                p: quantity.corrected_p,
            });
        }
    }
    let order = &model.order;
    if let Some(test) = order.halves.filter(|test| test.p < alpha) {
        found.push(Finding::HalvesDiffer { p: test.p, median_ratio: order.median_ratio });
    }
    if let Some(change) = order.change.filter(|change| change.test.p < alpha) {
        let n = model.end_to_end.values.len();
        found.push(Finding::LevelChanges { p: change.test.p, at: change.at, n });
    }
    if let Some(test) = order.serial.filter(|test| test.p < alpha) {
        found.push(Finding::Spells { p: test.p, correlation: test.statistic });
    }
    if model.rate_limited > 0 {
        let (refused, requests) = (model.rate_limited, model.requests);
        found.push(Finding::RateLimited { refused, requests });
    }
    if model.answers < FEW {
        found.push(Finding::Few { answers: model.answers });
    }
    found
}
