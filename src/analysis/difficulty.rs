//! How much of what models get right is due to prompts that are easy or hard for all: the one-factor model of difficulty.
//!
//! A prompt has a difficulty z, normal as the models' own parts e are, and model m is right where
//! sqrt(rho) z + sqrt(1 - rho) e < Phi^-1(p), p being the share of prompts that it gets right. Then rho is the
//! correlation of any two models (the tetrachoric correlation of Pearson 1900; Bock and Lieberman, "Fitting a response
//! model for n dichotomously scored items", 1970).

use std::collections::BTreeMap;

use crate::math;

/// Half of the range over which difficulties are summed, and the step.
const FARTHEST: f64 = 8.0;
const STEP: f64 = 0.2;
const NODES: usize = 81;
/// The largest correlation that is looked for.
const MOST: f64 = 0.99;

/// The correlation that models share, and what follows from it for the best of all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difficulty {
    /// The correlation rho.
    pub correlation: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Share of prompts that some model got right.
    pub any_right: f64,
    /// The same as the one-factor model predicts it.
    pub any_right_predicted: f64,
    /// The same if models were independent.
    pub any_right_independent: f64,
}

/// Fits rho by maximum likelihood to what models got right, by model and then prompt; each p is the share that the model
/// got right. `None` with fewer than two models that are neither always right nor always wrong.
///
/// The interval is over prompts: the estimate plus and minus 1.96 standard errors of the infinitesimal jackknife (Efron,
/// The Jackknife, the Bootstrap and Other Resampling Plans, 1982), in which each prompt moves rho and all p.
#[must_use]
pub fn fit(right: &[Vec<bool>]) -> Option<Difficulty> {
    let n = right.first()?.len();
    let share = |own: &Vec<bool>| own.iter().filter(|right| **right).count() as f64 / n as f64;
    let all: Vec<f64> = right.iter().map(share).collect();
    let (informative, shares): (Vec<&Vec<bool>>, Vec<f64>) =
        right.iter().zip(&all).filter(|(_, p)| **p > 0.0 && **p < 1.0).unzip();
    if informative.len() < 2 {
        return None;
    }
    let mut counts: BTreeMap<Vec<bool>, f64> = BTreeMap::new();
    for prompt in 0..n {
        *counts.entry(informative.iter().map(|own| own[prompt]).collect()).or_default() += 1.0;
    }
    let sample = Sample { patterns: counts.into_iter().collect(), n: n as f64 };
    let correlation = largest(|rho| sample.mean(&sample.likelihoods(rho, &shares)));
    let error = sample.standard_error(correlation, &shares);
    let any = (0..n).filter(|prompt| right.iter().any(|own| own[*prompt])).count();
    let certain = all.iter().any(|p| *p >= 1.0);
    let independent = 1.0 - all.iter().map(|p| 1.0 - p).product::<f64>();
    Some(Difficulty {
        correlation,
        low: (correlation - 1.96 * error).max(0.0),
        high: (correlation + 1.96 * error).min(1.0),
        any_right: any as f64 / n as f64,
        any_right_predicted: if certain { 1.0 } else { any_right(correlation, &shares) },
        any_right_independent: independent,
    })
}

/// The probability that at least one of several models is right, each being so with its probability in `shares`, if all
/// pairs correlate with `rho` below 1.
#[must_use]
pub fn any_right(rho: f64, shares: &[f64]) -> f64 {
    let none = nodes().map(|(z, weight)| {
        weight * shares.iter().map(|p| 1.0 - right_at(z, rho, *p)).product::<f64>()
    });
    1.0 - none.sum::<f64>()
}

/// Difficulties with their weights: the trapezoid rule, whose error vanishes faster than any power of the step.
fn nodes() -> impl Iterator<Item = (f64, f64)> {
    (0..NODES).map(|k| {
        let z = STEP * k as f64 - FARTHEST;
        (z, STEP * math::normal_pdf(z))
    })
}

/// The probability that a model is right at difficulty `z`.
fn right_at(z: f64, rho: f64, share: f64) -> f64 {
    let limit = math::normal_quantile(share);
    math::normal_cdf((limit - rho.sqrt() * z) / (1.0 - rho).sqrt())
}

/// What models that are sometimes right got right.
struct Sample {
    /// Which of them are right, with the number of prompts of which that is so: prompts that are alike count together.
    patterns: Vec<(Vec<bool>, f64)>,
    n: f64,
}

impl Sample {
    /// The mean over prompts of what each pattern has.
    fn mean(&self, values: &[f64]) -> f64 {
        self.patterns.iter().zip(values).map(|((_, count), v)| count * v).sum::<f64>() / self.n
    }

    /// The log-likelihood of a prompt of each pattern.
    fn likelihoods(&self, rho: f64, shares: &[f64]) -> Vec<f64> {
        const LEAST: f64 = 1e-300;
        let mut base = [0.0; NODES];
        let mut gains = vec![[0.0; NODES]; shares.len()];
        for (k, (z, weight)) in nodes().enumerate() {
            base[k] = math::ln(weight);
            for (gain, share) in gains.iter_mut().zip(shares) {
                // Of the other side directly, so that nothing is lost where one of them is nearly 1.
                let wrong = math::ln(right_at(-z, rho, 1.0 - share).max(LEAST));
                gain[k] = math::ln(right_at(z, rho, *share).max(LEAST)) - wrong;
                base[k] += wrong;
            }
        }
        let of_pattern = |(right, _): &(Vec<bool>, f64)| {
            let mut sums = base;
            for (right, gain) in right.iter().zip(&gains) {
                if *right {
                    sums.iter_mut().zip(gain).for_each(|(sum, gain)| *sum += gain);
                }
            }
            let most = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            // What is below e^-40 of the largest cannot be seen.
            let parts = sums.iter().map(|sum| sum - most).filter(|off| *off > -40.0);
            most + math::ln(parts.map(math::exp).sum::<f64>())
        };
        self.patterns.iter().map(of_pattern).collect()
    }

    /// The derivative of each pattern's log-likelihood in rho.
    fn scores(&self, rho: f64, shares: &[f64]) -> Vec<f64> {
        let h = 1e-3 * (1.0 - rho).min(rho).max(1e-3);
        let [below, above] = [rho - h, rho + h].map(|rho| self.likelihoods(rho.max(0.0), shares));
        above.iter().zip(&below).map(|(above, below)| (above - below) / (2.0 * h)).collect()
    }

    fn standard_error(&self, rho: f64, shares: &[f64]) -> f64 {
        let mut influence = self.scores(rho, shares);
        let h = 0.01 * (1.0 - rho).min(rho).max(1e-2);
        let [below, above] = [(rho - h).max(0.0), rho + h];
        let [at_below, at_above] = [below, above].map(|rho| self.mean(&self.scores(rho, shares)));
        let bend = (at_above - at_below) / (above - below);
        for (model, share) in shares.iter().enumerate() {
            let h = 0.01 * share.min(1.0 - share);
            let [below, above] = [-h, h].map(|h| {
                let mut shares = shares.to_vec();
                shares[model] += h;
                self.mean(&self.scores(rho, &shares))
            });
            let slope = (above - below) / (2.0 * h);
            for (influence, (right, _)) in influence.iter_mut().zip(&self.patterns) {
                *influence += slope * (f64::from(u8::from(right[model])) - share);
            }
        }
        let centre = self.mean(&influence);
        let squares: Vec<f64> = influence.iter().map(|v| (v - centre) * (v - centre)).collect();
        (self.mean(&squares) / self.n).sqrt() / bend.abs()
    }
}

/// Where a function of one peak from 0 to [`MOST`] is largest, by golden sections.
fn largest(of: impl Fn(f64) -> f64) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let (mut low, mut high) = (0.0, MOST);
    let [mut left, mut right] = [high - GOLDEN * (high - low), low + GOLDEN * (high - low)];
    let [mut of_left, mut of_right] = [of(left), of(right)];
    while high - low > 1e-6 {
        if of_left > of_right {
            (high, right, of_right) = (right, left, of_left);
            left = high - GOLDEN * (high - low);
            of_left = of(left);
        } else {
            (low, left, of_left) = (left, right, of_right);
            right = low + GOLDEN * (high - low);
            of_right = of(right);
        }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::sample::standard_normal;
    use crate::sim::stream::{Purpose, Streams};

    /// Of two models that are right half of the time, both are at once with probability 1/4 + asin(rho) / 2 pi (Sheppard
    /// 1899): a third for rho = 1/2.
    #[test]
    fn two_models_have_their_tetrachoric_correlation() {
        let right = |rows: [u8; 6]| -> Vec<bool> { rows.iter().map(|r| *r == 1).collect() };
        let found = fit(&[right([1, 1, 1, 0, 0, 0]), right([1, 1, 0, 1, 0, 0])]).expect("fits");
        assert!((found.correlation - 0.5).abs() < 1e-5, "{found:?}");
        assert!((found.any_right - 2.0 / 3.0).abs() < 1e-12);
        assert!((found.any_right_predicted - 2.0 / 3.0).abs() < 1e-5, "{found:?}");
        assert!((found.any_right_independent - 0.75).abs() < 1e-12);
        assert!(fit(&[right([1, 1, 1, 0, 0, 0]), right([1; 6])]).is_none());
    }

    /// 40 worlds of 2,000 prompts and 5 models with rho = 0.4.
    #[test]
    fn the_correlation_of_a_made_world_is_found_with_its_error() {
        let shares = [0.2, 0.4, 0.6, 0.7, 0.9];
        let rho: f64 = 0.4;
        let fits: Vec<Difficulty> = (0..40)
            .map(|world| {
                let mut right = vec![Vec::new(); shares.len()];
                for prompt in 0..2_000 {
                    let mut draws = Streams::new(90 + world).nth(Purpose::Expectation, prompt);
                    let z = standard_normal(&mut draws);
                    for (own, share) in right.iter_mut().zip(shares) {
                        let e = standard_normal(&mut draws);
                        let level = rho.sqrt() * z + (1.0 - rho).sqrt() * e;
                        own.push(level < math::normal_quantile(share));
                    }
                }
                fit(&right).expect("fits")
            })
            .collect();
        let error = (fits[0].high - fits[0].low) / (2.0 * 1.96);
        let mean = fits.iter().map(|fit| fit.correlation).sum::<f64>() / 40.0;
        assert!(
            (mean - rho).abs() < 3.3 * error / 40.0_f64.sqrt(),
            "{mean} +- {error}, keys 90..130"
        );
        // 40 at 95 %: fewer than 33 has probability .0007.
        let covered = fits.iter().filter(|fit| fit.low <= rho && rho <= fit.high).count();
        assert!(covered >= 33, "{covered} of 40, keys 90..130");
        let predicted = fits[0].any_right_predicted - fits[0].any_right;
        assert!(predicted.abs() < 3.3 * (0.05 * 0.95 / 2_000.0_f64).sqrt(), "{:?}", fits[0]);
    }
}
