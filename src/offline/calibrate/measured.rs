//! What is measured of one model: outcomes, laws of its times, counts of tokens, and whether it stayed the same.

use std::collections::BTreeMap;

use crate::analysis::bootstrap::Bootstrap;
use crate::analysis::fit::{
    ChangePoint, Family, Fit, Goodness, TwoSample, anderson_darling_two_samples, change_point,
    fit_all, serial_dependence, test_fit,
};
use crate::analysis::quantile::quantile;
use crate::data::requests::{LoggedAnswer, ModelLog};
use crate::offline::calibrate::{Finding, LEAST_ANSWERS, Plan};

/// The families that times are fitted with.
pub(super) const FAMILIES: [Family; 3] = [Family::Lognormal, Family::Gamma, Family::Weibull];

/// Values beyond this number are thinned out evenly for tests by resampling, which would take too long and find any law
/// wrong; the laws are fitted to all.
const MOST_TESTED: usize = 5_000;

/// A positive quantity with the laws fitted to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// What it is.
    pub name: &'static str,
    /// Its values in order of the log.
    pub values: Vec<f64>,
    /// Lognormal, gamma and Weibull law, least AIC first; empty where the values do not spread.
    pub fits: Vec<Fit>,
    /// How well the first of them fits.
    pub goodness: Option<Goodness>,
    /// Anderson and Darling's p value of the fit, corrected for all quantities of all models.
    pub corrected_p: f64,
}

impl Quantity {
    fn of(name: &'static str, values: Vec<f64>, bootstrap: Bootstrap) -> Option<Self> {
        if values.len() < LEAST_ANSWERS {
            return None;
        }
        let fits = fit_all(&FAMILIES, &values);
        let goodness = fits.first().and_then(|best| {
            // The distance is that of the law to what it was fitted to.
            let tested = thinned(&values);
            let own = if tested.len() == values.len() {
                best.clone()
            } else {
                crate::analysis::fit::fit(best.law.family(), &tested).ok()?
            };
            test_fit(&own, &tested, bootstrap).ok()
        });
        let corrected_p = goodness.map_or(1.0, |goodness| goodness.ad_p);
        Some(Self { name, values, fits, goodness, corrected_p })
    }

    /// The fit with the least AIC.
    #[must_use]
    pub fn best(&self) -> Option<&Fit> {
        self.fits.first()
    }

    /// Mean of the best law and its standard error; the values' own where none was fitted.
    #[must_use]
    pub fn mean(&self) -> (f64, f64) {
        let own = self.values.iter().sum::<f64>() / self.values.len() as f64;
        let law = self.best().and_then(|fit| Some((fit.law.mean()?, fit.mean_standard_error?)));
        law.unwrap_or((own, 0.0))
    }
}

/// Counts of tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenCounts {
    /// How many answers have a count.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Least, median and largest.
    pub range: [f64; 3],
    /// The lognormal law fitted to them; `None` where all are equal or one is 0.
    pub lognormal: Option<Fit>,
}

impl TokenCounts {
    fn of(counts: &[f64]) -> Option<Self> {
        let n = counts.len();
        let mut sorted = counts.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let mean = counts.iter().sum::<f64>() / n as f64;
        let squares: f64 = counts.iter().map(|c| (c - mean) * (c - mean)).sum();
        Some(Self {
            n,
            mean,
            standard_error: (squares / (n.max(2) - 1) as f64 / n as f64).sqrt(),
            range: [*sorted.first()?, quantile(&sorted, 0.5)?, *sorted.last()?],
            lognormal: crate::analysis::fit::fit(Family::Lognormal, counts).ok(),
        })
    }
}

/// Whether end-to-end times stayed the same over the log. The p values are corrected for all models.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// First against second half (Anderson and Darling).
    pub halves: Option<TwoSample>,
    /// A change of level anywhere (Pettitt).
    pub change: Option<ChangePoint>,
    /// Likeness of neighbours (Bartels).
    pub serial: Option<TwoSample>,
    /// Median of the second half over that of the first, and its 95 % bootstrap interval.
    pub median_ratio: Option<(f64, f64, f64)>,
}

impl Order {
    fn of(times: &[f64], permutations: Bootstrap) -> Self {
        let times = thinned(times);
        let (first, second) = times.split_at(times.len() / 2);
        let ratio = |both: &[f64]| {
            let (mut first, mut second) =
                (both[..first.len()].to_vec(), both[first.len()..].to_vec());
            first.sort_unstable_by(f64::total_cmp);
            second.sort_unstable_by(f64::total_cmp);
            match (quantile(&first, 0.5), quantile(&second, 0.5)) {
                (Some(first), Some(second)) => second / first,
                _ => f64::NAN,
            }
        };
        let resamples = Bootstrap { resamples: 2_000, ..permutations };
        let ratio = resamples.stratified_percentile(&[first, second], ratio);
        Self {
            halves: anderson_darling_two_samples(first, second, permutations),
            change: change_point(&times, permutations),
            serial: serial_dependence(&times, permutations),
            median_ratio: ratio.map(|ratio| (ratio.mean, ratio.low, ratio.high)),
        }
    }

    pub(super) fn p_values(&mut self) -> impl Iterator<Item = &mut f64> {
        let halves = self.halves.as_mut().map(|test| &mut test.p);
        let change = self.change.as_mut().map(|change| &mut change.test.p);
        let serial = self.serial.as_mut().map(|test| &mut test.p);
        halves.into_iter().chain(change).chain(serial)
    }
}

/// All that is measured of one model.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Provider.
    pub provider: String,
    /// `provider/model`.
    pub name: String,
    /// Requests in all.
    pub requests: u64,
    /// Requests that were answered.
    pub answers: u64,
    /// Requests refused for a rate limit.
    pub rate_limited: u64,
    /// Other failures by word or code.
    pub errors: BTreeMap<String, u64>,
    /// Time of a whole answer in seconds.
    pub end_to_end: Quantity,
    /// Time to the first token in seconds.
    pub ttft: Option<Quantity>,
    /// Time of each output token in seconds.
    pub per_token: Option<Quantity>,
    /// Time of a whole answer over what the means of its parts make it: the noise of a simulated response.
    pub pace: Option<Quantity>,
    /// Tokens of prompts.
    pub input_tokens: Option<TokenCounts>,
    /// Tokens of answers.
    pub output_tokens: Option<TokenCounts>,
    /// Of the recorded time between tokens, times the tokens, the share of the whole time (median).
    pub inter_token_share: Option<f64>,
    /// Whether times stayed the same.
    pub order: Order,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// Whether a log has answers enough for laws.
pub(super) fn is_enough(log: &ModelLog) -> bool {
    log.answers.len() >= LEAST_ANSWERS
}

/// At most [`MOST_TESTED`] values, evenly over the log.
fn thinned(values: &[f64]) -> Vec<f64> {
    let n = values.len();
    if n <= MOST_TESTED {
        return values.to_vec();
    }
    (0..MOST_TESTED).map(|k| values[k * n / MOST_TESTED]).collect()
}

impl Measured {
    pub(super) fn of(log: &ModelLog, plan: Plan, key: u64) -> Self {
        let answers = &log.answers;
        let resamples = |nth: u64| Bootstrap { resamples: plan.resamples, key: key + nth };
        let times: Vec<f64> = answers.iter().map(|a| a.end_to_end_s).collect();
        let values = |of: fn(&LoggedAnswer) -> Option<f64>| {
            answers.iter().filter_map(of).collect::<Vec<_>>()
        };
        let ttft = Quantity::of("time to first token", values(|a| a.ttft_s), resamples(1));
        let per_token =
            Quantity::of("time per token", values(LoggedAnswer::per_token_s), resamples(2));
        let end_to_end = Quantity::of("end-to-end time", times.clone(), resamples(0))
            .expect("a log with too few answers is left out");
        let expected = Expected::of(&end_to_end, ttft.as_ref(), per_token.as_ref());
        let mut shares: Vec<f64> = answers
            .iter()
            .filter_map(|a| Some(a.inter_token_latency_s? * a.output_tokens? / a.end_to_end_s))
            .collect();
        shares.sort_unstable_by(f64::total_cmp);
        let permutations = Bootstrap { resamples: plan.permutations, key: key + 4 };
        Self {
            provider: log.provider.clone(),
            name: log.name(),
            requests: log.requests,
            answers: answers.len() as u64,
            rate_limited: log.rate_limited,
            errors: log.errors.clone(),
            end_to_end,
            pace: untested("noise of the whole time", expected.paces(answers)),
            ttft,
            per_token,
            input_tokens: TokenCounts::of(&values(|a| a.input_tokens)),
            output_tokens: TokenCounts::of(&values(|a| a.output_tokens)),
            inter_token_share: quantile(&shares, 0.5),
            order: Order::of(&times, permutations),
            findings: Vec::new(),
        }
    }

    /// Requests that failed for another reason than a rate limit.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.errors.values().sum()
    }

    /// Times to first token and per token, where both were fitted.
    #[must_use]
    pub fn parts(&self) -> Option<(&Quantity, &Quantity)> {
        self.ttft.as_ref().zip(self.per_token.as_ref())
    }

    pub(super) fn quantities(&self) -> impl Iterator<Item = &Quantity> {
        std::iter::once(&self.end_to_end).chain(&self.ttft).chain(&self.per_token)
    }

    pub(super) fn fit_p_values(&mut self) -> impl Iterator<Item = &mut f64> {
        let parts = [&mut self.ttft, &mut self.per_token].into_iter().flatten();
        std::iter::once(&mut self.end_to_end)
            .chain(parts)
            .filter(|quantity| quantity.goodness.is_some())
            .map(|quantity| &mut quantity.corrected_p)
    }
}

/// What the means make of an answer's time: of its parts and its tokens, or of the whole.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expected {
    Parts { first_s: f64, each_s: f64 },
    Whole(f64),
}

impl Expected {
    pub(super) fn of(
        whole: &Quantity,
        ttft: Option<&Quantity>,
        per_token: Option<&Quantity>,
    ) -> Self {
        match ttft.zip(per_token) {
            Some((ttft, each)) => Self::Parts { first_s: ttft.mean().0, each_s: each.mean().0 },
            None => Self::Whole(whole.mean().0),
        }
    }

    /// The time of an answer with `tokens`; `None` where they are needed and missing.
    pub(super) fn seconds(self, tokens: Option<f64>) -> Option<f64> {
        match self {
            Self::Parts { first_s, each_s } => Some(first_s + each_s * tokens?),
            Self::Whole(s) => Some(s),
        }
    }

    /// Whole times over what they are expected to be.
    pub(super) fn paces(self, answers: &[LoggedAnswer]) -> Vec<f64> {
        let pace = |a: &LoggedAnswer| Some(a.end_to_end_s / self.seconds(a.output_tokens)?);
        answers.iter().filter_map(pace).collect()
    }
}

/// A quantity without a test of its fit.
pub(super) fn untested(name: &'static str, values: Vec<f64>) -> Option<Quantity> {
    (values.len() > 1).then(|| Quantity {
        name,
        fits: fit_all(&FAMILIES, &values),
        values,
        goodness: None,
        corrected_p: 1.0,
    })
}
