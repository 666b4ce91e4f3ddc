//! The estimators, each with a 95 % interval of its own influence function.

use super::reward_model::{in_sample, predictions};
use super::support::{check, check_uniform, counts};
use super::{Decision, Fit, Log, Refusal, Target};
use crate::analysis::distribution::t_quantile;
use crate::analysis::interval::TAIL;
use crate::sim::stream::{Purpose, Streams};

/// Below this effective sample size the intervals are not to be trusted: see the table in [`super`].
pub const FEW_EFFECTIVE: f64 = 100.0;

/// The same for the effective size of the weighted rewards: few of them carry the estimate, such as rare clicks.
pub const FEW_REWARDS: f64 = 50.0;

/// How the log is turned into an estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Estimator {
    /// Inverse propensity scoring: mean of w r, where w is the target's probability over the logged one (Horvitz and
    /// Thompson 1952). Unbiased.
    Ips,
    /// Self-normalised: sum of w r over sum of w (Swaminathan and Joachims, "The self-normalized estimator for
    /// counterfactual learning", 2015). A bias of order 1 / n, far less variance where rewards are not near 0.
    Snips,
    /// Doubly robust: prediction of a reward model, and the weighted error of the prediction (Dudik, Langford, Li, "Doubly
    /// robust policy evaluation and learning", 2011). Unbiased whatever the model where propensities are right.
    DoublyRobust,
    /// Direct method: the prediction alone. Biased as the model is, by an unknown amount that its interval leaves out.
    Direct,
    /// Replay: mean reward of the decisions in which the target would have done the same (Li, Chu, Langford, Wang, "Unbiased
    /// offline evaluation of contextual-bandit-based news article recommendation algorithms", 2011).
    Replay,
}

impl Estimator {
    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ips => "IPS",
            Self::Snips => "SNIPS",
            Self::DoublyRobust => "DR",
            Self::Direct => "DM (biased)",
            Self::Replay => "replay",
        }
    }
}

/// An estimate of the target's mean reward.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimated {
    /// How it was made.
    pub estimator: Estimator,
    /// The estimate.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
    /// Decisions with a weight above 0; of the direct method all, of replay those accepted.
    pub n_used: usize,
}

impl Estimated {
    /// The same with a further, independent error.
    #[must_use]
    pub fn widened(self, standard_error: f64) -> Self {
        let both =
            (self.standard_error * self.standard_error + standard_error * standard_error).sqrt();
        if self.standard_error <= 0.0 {
            return Self { standard_error: both, ..self };
        }
        let half = 0.5 * (self.high - self.low) * both / self.standard_error;
        let (low, high) = (self.value - half, self.value + half);
        Self { standard_error: both, low, high, ..self }
    }
}

/// The importance weights, target over logged probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// Decisions.
    pub n: usize,
    /// Their mean: 1 where propensities are right and the log has support.
    pub mean: f64,
    /// Its standard error.
    pub mean_standard_error: f64,
    /// The largest.
    pub max: f64,
    /// Effective sample size, (sum w)^2 / sum w^2 (Kish, Survey Sampling, 1965).
    pub effective: f64,
    /// The same of the weighted rewards, (sum of abs(w r))^2 / sum of (w r)^2: how many rewards carry the estimate. 0 without
    /// any.
    pub effective_rewards: f64,
}

impl Weights {
    /// Whether their mean differs from 1 by more than chance explains once in 1,000 logs.
    #[must_use]
    pub fn are_off(&self) -> bool {
        (self.mean - 1.0).abs() > 3.29 * self.mean_standard_error + 1e-9
    }
}

/// What a log says of a target.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// The weights.
    pub weights: Weights,
    /// IPS and SNIPS, and DR and DM where the target's probabilities are known for every action.
    pub estimates: Vec<Estimated>,
    /// Replay, or why it cannot be used.
    pub replay: Result<Estimated, Refusal>,
}

impl Evaluation {
    /// All estimates that there are.
    pub fn all(&self) -> impl Iterator<Item = &Estimated> {
        self.estimates.iter().chain(self.replay.as_ref().ok())
    }
}

/// Estimates the target's mean reward. `key` is that of the random streams with which replay draws the target's actions.
///
/// Intervals are Student's, of the influence functions' standard errors; the variance is that between groups where the
/// log has fewer groups than decisions.
///
/// # Errors
/// If the log cannot tell.
pub fn evaluate(log: &Log, target: &Target, fit: &Fit, key: u64) -> Result<Evaluation, Refusal> {
    check(log, target)?;
    let decisions = &log.decisions;
    let n = decisions.len() as f64;
    let weights: Vec<f64> = decisions
        .iter()
        .enumerate()
        .map(|(at, d)| target.of_row(log, at) / d.propensity.value().unwrap_or(f64::NAN))
        .collect();
    let sum: f64 = weights.iter().sum();
    if sum <= 0.0 {
        return Err(Refusal::NoMatch);
    }
    let squares: f64 = weights.iter().map(|w| w * w).sum();
    let influence = |of: &dyn Fn(usize, &Decision) -> f64| -> Vec<f64> {
        decisions.iter().enumerate().map(|(at, d)| of(at, d)).collect()
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / n;
    let mean_weight = sum / n;
    let rewards = weights.iter().zip(decisions).map(|(w, d)| (w * d.reward).abs());
    let (size, size_squares) = rewards.fold((0.0, 0.0), |(s, q), x| (s + x, q + x * x));
    let about = Weights {
        n: decisions.len(),
        mean: mean_weight,
        mean_standard_error: spread(log, &influence(&|at, _| weights[at] - mean_weight)).0,
        max: weights.iter().copied().fold(0.0, f64::max),
        effective: sum * sum / squares,
        effective_rewards: if size > 0.0 { size * size / size_squares } else { 0.0 },
    };
    let n_used = weights.iter().filter(|w| **w > 0.0).count();
    let made = |estimator, value, influence: &[f64], n_used| {
        let (standard_error, df) = spread(log, influence);
        let half = if df > 0.0 { t_quantile(1.0 - TAIL, df) * standard_error } else { 0.0 };
        Estimated {
            estimator,
            value,
            standard_error,
            low: value - half,
            high: value + half,
            n_used,
        }
    };
    let terms = influence(&|at, d| weights[at] * d.reward);
    let ips = mean(&terms);
    let mut estimates =
        vec![made(Estimator::Ips, ips, &influence(&|at, _| terms[at] - ips), n_used)];
    let snips = ips / mean_weight;
    let of_ratio = influence(&|at, d| weights[at] * (d.reward - snips) / mean_weight);
    estimates.push(made(Estimator::Snips, snips, &of_ratio, n_used));
    if let Some(predicted) = predictions(log, target, fit) {
        let terms = influence(&|at, d| {
            let (value, own) = predicted[at];
            value + weights[at] * (d.reward - own)
        });
        let robust = mean(&terms);
        let of_robust = influence(&|at, _| terms[at] - robust);
        estimates.push(made(Estimator::DoublyRobust, robust, &of_robust, n_used));
    }
    if let Some(predicted) = in_sample(log, target, fit) {
        estimates.push(direct(log, target, fit, &predicted, made));
    }
    let replay = replay(log, target, key, made);
    Ok(Evaluation { weights: about, estimates, replay })
}

/// The direct method. Of means of the log, what they would have been on another log is part of its error: an action's share
/// of its context takes the propensity's place.
fn direct(
    log: &Log,
    target: &Target,
    fit: &Fit,
    predicted: &[(f64, f64)],
    made: impl Fn(Estimator, f64, &[f64], usize) -> Estimated,
) -> Estimated {
    let n = log.decisions.len();
    let value = predicted.iter().map(|(value, _)| value).sum::<f64>() / n as f64;
    let counts = counts(log);
    let of_context: Vec<u64> =
        counts.chunks(log.actions.len()).map(|own| own.iter().sum()).collect();
    let influence: Vec<f64> = log
        .decisions
        .iter()
        .enumerate()
        .map(|(at, d)| {
            let (expected, own) = predicted[at];
            let share = counts[log.cell(d)] as f64 / of_context[d.context as usize] as f64;
            let fitted = match fit {
                Fit::Given(_) => 0.0,
                _ => target.of_row(log, at) / share * (d.reward - own),
            };
            expected - value + fitted
        })
        .collect();
    made(Estimator::Direct, value, &influence, n)
}

/// Replay: an action is drawn from the target, and the decision counts where it is the one taken.
fn replay(
    log: &Log,
    target: &Target,
    key: u64,
    made: impl Fn(Estimator, f64, &[f64], usize) -> Estimated,
) -> Result<Estimated, Refusal> {
    check_uniform(log)?;
    let streams = Streams::new(key);
    let accepted: Vec<bool> = (0..log.decisions.len())
        .map(|at| {
            let p = target.of_row(log, at);
            p >= 1.0 || p > 0.0 && streams.nth(Purpose::Resample, at as u64).uniform() < p
        })
        .collect();
    let n = accepted.iter().filter(|accepted| **accepted).count();
    if n == 0 {
        return Err(Refusal::NoMatch);
    }
    let rewards = log.decisions.iter().zip(&accepted).filter(|(_, accepted)| **accepted);
    let value = rewards.map(|(d, _)| d.reward).sum::<f64>() / n as f64;
    let share = n as f64 / accepted.len() as f64;
    let influence: Vec<f64> = log
        .decisions
        .iter()
        .zip(&accepted)
        .map(|(d, accepted)| if *accepted { (d.reward - value) / share } else { 0.0 })
        .collect();
    Ok(made(Estimator::Replay, value, &influence, n))
}

/// Standard error of a mean from the values of its influence function, and its degrees of freedom: over groups where there
/// are fewer of them than decisions.
pub(super) fn spread(log: &Log, influence: &[f64]) -> (f64, f64) {
    let n = influence.len() as f64;
    let n_groups = log.decisions.iter().map(|d| d.group as usize + 1).max().unwrap_or(0);
    let mut sums = vec![0.0; n_groups];
    let mut sizes = vec![0_u32; n_groups];
    for (d, value) in log.decisions.iter().zip(influence) {
        sums[d.group as usize] += value;
        sizes[d.group as usize] += 1;
    }
    let groups = sizes.iter().filter(|size| **size > 0).count() as f64;
    if groups < 2.0 {
        return (0.0, 0.0);
    }
    let squares: f64 = sums.iter().map(|sum| sum * sum).sum();
    ((squares * groups / (groups - 1.0)).sqrt() / n, groups - 1.0)
}
