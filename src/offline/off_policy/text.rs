//! What an evaluation says, for the console.

use super::results::{Scored, SeedResult};
use crate::analysis::interval::{Estimate, binomial_interval, mean_over_seeds};
use crate::analysis::off_policy::{
    Estimated, Estimator, Evaluation, FEW_EFFECTIVE, FEW_REWARDS, Log, Supported,
};
use crate::report::number::{count, percent, rounded};
use crate::report::table::TextTable;

/// The target's own log beside the estimates.
pub(super) struct Compared {
    /// Standard error that the chance of the target's frequencies adds to an estimate.
    pub(super) of_target: f64,
    /// That of both its frequencies and its own mean reward in their difference, what they have in common cancelled.
    pub(super) of_difference: f64,
    /// Decisions in the target's own log.
    pub(super) n: usize,
    /// Its mean reward there, with standard error.
    pub(super) truth: Option<(f64, f64)>,
}

fn number(value: f64) -> String {
    rounded(value, 4)
}

fn interval(low: f64, high: f64) -> String {
    format!("[{}, {}]", number(low), number(high))
}

fn within(estimate: &Estimate) -> String {
    format!("{} {}", number(estimate.mean), interval(estimate.low, estimate.high))
}

/// What was left out to stay within the support of the log.
fn left_out(supported: &Supported) -> String {
    format!(
        "within the support of the log only: {} decisions without a choice and {} outside the target's actions left out, \
         {} of the target's choices moved to actions that the log took; this is another target than was asked for\n",
        count(supported.n_forced as f64),
        count(supported.n_outside as f64),
        percent(supported.moved, 2)
    )
}

/// A warning where intervals are known to be short.
fn few(effective: f64, effective_rewards: f64) -> String {
    let (what, found, least) = if effective < FEW_EFFECTIVE {
        ("an effective sample size", effective, FEW_EFFECTIVE)
    } else if effective_rewards < FEW_REWARDS {
        ("an effective number of rewards", effective_rewards, FEW_REWARDS)
    } else {
        return String::new();
    };
    format!(
        "warning: {what} of {} is below {least}: the intervals hold the truth less often than in 95 % of logs; log more, or \
         with a policy closer to the target\n",
        rounded(found, 3)
    )
}

const ESTIMATED: &str = "the propensities are estimates, and their error is not in the intervals";
const DIRECT: &str = "DM is the reward model's prediction alone: biased as the model is, by an amount that its interval \
                      leaves out; shown beside, not to be relied on\n";

/// A table of estimates, with weights and warnings below.
pub(super) fn of_table(
    log: &Log,
    evaluation: &Evaluation,
    compared: Option<&Compared>,
    supported: Option<&Supported>,
) -> String {
    let mut header = vec!["estimator", "estimate", "95 %", "standard error", "decisions used"];
    let truth = compared.and_then(|c| c.truth);
    if truth.is_some() {
        header.extend(["less own log", "combined error", "in errors"]);
    }
    let mut table = TextTable::new(header);
    for estimate in evaluation.all() {
        let extra = compared.map_or(0.0, |c| c.of_target);
        let Estimated { estimator, value, standard_error, low, high, n_used } =
            estimate.widened(extra);
        let mut row = vec![
            estimator.name().to_owned(),
            number(value),
            interval(low, high),
            number(standard_error),
            count(n_used as f64),
        ];
        if let (Some(compared), Some((mean, _))) = (compared, truth) {
            let error = combined(estimate.standard_error, compared.of_difference);
            let off = value - mean;
            row.extend([number(off), number(error), format!("{:+.2}", off / error)]);
        }
        table.push(row);
    }
    let weights = &evaluation.weights;
    let mut text = format!("\n{}\n", table.console());
    if let (Some(compared), Some((mean, standard_error))) = (compared, truth) {
        text += &format!(
            "target's own log: {} over {} decisions, standard error {}; the combined error is that of the difference: the \
             estimate's own, and that of the target's frequencies and mean together (delta method)\n",
            number(mean),
            count(compared.n as f64),
            number(standard_error)
        );
    }
    text += &format!(
        "weights: mean {} (1 where propensities are right), largest {}, effective sample size {} of {} ({})\n",
        number(weights.mean),
        number(weights.max),
        count(weights.effective),
        count(weights.n as f64),
        percent(weights.effective / weights.n as f64, 1)
    );
    if let Err(refusal) = &evaluation.replay {
        text += &format!("no replay: {refusal}\n");
    }
    text += supported.map(left_out).unwrap_or_default().as_str();
    if evaluation.all().any(|e| e.estimator == Estimator::Direct) {
        text += DIRECT;
    }
    let share = log.estimated_share();
    if share > 0.0 {
        text += &format!("{} of {ESTIMATED}\n", percent(share, 1));
    }
    if weights.are_off() {
        text += "warning: the mean weight differs from 1 by more than chance explains once in 1,000 logs: propensities are \
                 not those of the choices, or the target takes actions that could not be taken\n";
    }
    text + &few(weights.effective, weights.effective_rewards)
}

/// The error of a sum of two independent errors.
fn combined(a: f64, b: f64) -> f64 {
    (a * a + b * b).sqrt()
}

/// Estimates over seeds, and how they compare with the target's own runs where the study has them.
pub(super) fn of_results(scored: &Scored) -> String {
    let Scored { seeds, n_first_calls, truth_of, .. } = scored;
    let mut header = vec!["estimator", "estimate [95 %]"];
    if truth_of.is_some() {
        header.extend(["less truth, paired [95 %]", "rmse", "intervals that hold it"]);
    }
    let mut table = TextTable::with_texts(header, 2);
    let mut estimators: Vec<Estimator> =
        seeds.iter().flat_map(|s| s.evaluation.all().map(|e| e.estimator)).collect();
    estimators.sort_unstable();
    estimators.dedup();
    for estimator in estimators {
        let own: Vec<(&SeedResult, &Estimated)> = seeds
            .iter()
            .filter_map(|s| Some((s, s.evaluation.all().find(|e| e.estimator == estimator)?)))
            .collect();
        table.push(row(estimator, &own, truth_of.is_some()));
    }
    let mut text = format!("\n{}\n", table.console());
    let truths: Vec<f64> = seeds.iter().filter_map(|s| s.truth.map(|(mean, _)| mean)).collect();
    match (truth_of, mean_over_seeds(&truths, false)) {
        (Some(variant), Some(truth)) => {
            text += &format!(
                "truth: {}, what `{variant}` earned itself on the same seeds; an interval holds it where the two differ by \
                 no more than both their errors, taken as independent\n",
                within(&truth)
            );
        }
        _ => {
            text += "no variant of the study does what the target does, so there is no truth to compare with\n"
        }
    }
    let weights: Vec<_> = seeds.iter().map(|s| s.evaluation.weights).collect();
    let mut effective: Vec<f64> = weights.iter().map(|w| w.effective).collect();
    effective.sort_unstable_by(f64::total_cmp);
    let n: usize = weights.iter().map(|w| w.n).sum();
    text += &format!(
        "log: {} seeds, {} decisions of the learner, {} of all first calls\n",
        seeds.len(),
        count(n as f64),
        percent(n as f64 / (*n_first_calls).max(1) as f64, 1)
    );
    let least = effective.first().copied().unwrap_or_default();
    text += &format!(
        "weights: mean {}, largest {}, effective sample size {} to {} a seed, median {}\n",
        number(weights.iter().map(|w| w.mean).sum::<f64>() / weights.len() as f64),
        number(weights.iter().map(|w| w.max).fold(0.0, f64::max)),
        count(least),
        count(effective.last().copied().unwrap_or_default()),
        count(effective[effective.len() / 2])
    );
    let refused =
        seeds.iter().find_map(|s| s.evaluation.replay.as_ref().err().map(|r| (s.seed, r)));
    if let Some((seed, refusal)) = refused {
        text += &format!("no replay on seed {seed}: {refusal}\n");
    }
    let supported: Vec<&Supported> = seeds.iter().filter_map(|s| s.supported.as_ref()).collect();
    if !supported.is_empty() {
        let of = |f: &dyn Fn(&Supported) -> f64| supported.iter().map(|s| f(s)).sum::<f64>();
        text += &format!(
            "within the support of each log only: {} decisions without a choice left out, {} of the target's choices moved \
             to models that the log took; this is another target than was asked for\n",
            count(of(&|s| (s.n_forced + s.n_outside) as f64)),
            percent(of(&|s| s.moved) / supported.len() as f64, 2)
        );
    }
    text += DIRECT;
    if scored.estimated_share > 0.0 {
        text += &format!("{} of {ESTIMATED}\n", percent(scored.estimated_share, 1));
    }
    let n_off = weights.iter().filter(|w| w.are_off()).count();
    if n_off > 0 {
        text += &format!(
            "warning: on {n_off} of {} seeds the mean weight differs from 1 by more than chance explains once in 1,000: the \
             target's models could not always be taken\n",
            seeds.len()
        );
    }
    let least_rewards = weights.iter().map(|w| w.effective_rewards).fold(f64::INFINITY, f64::min);
    text + &few(least, least_rewards)
}

fn row(estimator: Estimator, own: &[(&SeedResult, &Estimated)], has_truth: bool) -> Vec<String> {
    let values: Vec<f64> = own.iter().map(|(_, e)| e.value).collect();
    let over_seeds = match (own, mean_over_seeds(&values, false)) {
        ([(_, only)], _) => format!("{} {}", number(only.value), interval(only.low, only.high)),
        (_, Some(estimate)) => within(&estimate),
        (_, None) => "-".to_owned(),
    };
    let mut row = vec![estimator.name().to_owned(), over_seeds];
    if !has_truth {
        return row;
    }
    let pairs: Vec<(f64, f64)> = own
        .iter()
        .filter_map(|(seed, e)| {
            let (mean, error) = seed.truth?;
            let half = 0.5 * (e.high - e.low);
            let ratio = if e.standard_error > 0.0 { half / e.standard_error } else { 0.0 };
            Some((e.value - mean, ratio * combined(e.standard_error, error)))
        })
        .collect();
    let off: Vec<f64> = pairs.iter().map(|(off, _)| *off).collect();
    let k = pairs.iter().filter(|(off, half)| off.abs() <= *half).count();
    let (low, high) = binomial_interval(k as u64, pairs.len() as u64);
    let squares: f64 = off.iter().map(|off| off * off).sum();
    let difference = mean_over_seeds(&off, false);
    row.extend([
        difference
            .map_or_else(|| "-".to_owned(), |d| if d.n == 1 { number(d.mean) } else { within(&d) }),
        number((squares / off.len().max(1) as f64).sqrt()),
        format!("{k} of {} [{}, {}]", pairs.len(), percent(low, 0), percent(high, 0)),
    ]);
    row
}
