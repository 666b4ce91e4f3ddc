//! What a log can say of a target at all: the checks that come before any estimate, and why a log is refused.

use super::{Decision, Log, Target};
use crate::domain::Propensity;

/// A probability this close to 1, or to that of a fair draw, is it.
const CLOSE: f64 = 1e-6;

/// Why a log cannot tell what a target is worth.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// There is nothing in it.
    #[error("the log holds no decision; name one that does")]
    Empty,
    /// Propensities are not known.
    #[error(
        "{rows}: no propensity is logged; only a log that says how probable each of its choices was can tell what another \
         policy is worth"
    )]
    Unknown {
        /// Where.
        rows: Rows,
    },
    /// A propensity that is no probability of what happened.
    #[error(
        "{rows}: the propensity is {value}, not above 0 and at most 1; log the probability with which the action taken was \
         chosen"
    )]
    OutOfRange {
        /// Where.
        rows: Rows,
        /// The first such value.
        value: f64,
    },
    /// A reward that is no number.
    #[error("{rows}: the reward is not a finite number; mend or remove it")]
    Reward {
        /// Where.
        rows: Rows,
    },
    /// A target that is no probability.
    #[error(
        "{rows}: the target's probability of the action taken is {value}, not from 0 to 1; mend the target"
    )]
    TargetOutOfRange {
        /// Where.
        rows: Rows,
        /// The first such value.
        value: f64,
    },
    /// Decisions that could have had one end only, where the target may decide otherwise.
    #[error(
        "{rows}: the propensity is 1, so no other action could have been taken there, but the target gives others a \
         probability of {elsewhere}; log with a policy that explores, or evaluate the decisions that had a choice only"
    )]
    Deterministic {
        /// Where.
        rows: Rows,
        /// What the target gives to other actions at the first such decision.
        elsewhere: f64,
    },
    /// The target takes actions that the log never took in their context.
    #[error(
        "{} of context and action that the target takes {} never in the log: {pairs}, {:.2} % of the target's choices; log \
         them too, take coarser contexts, or evaluate the target within the actions that the log took",
        if *.n == 1 { "1 pair".to_owned() } else { format!("{} pairs", .n) },
        if *.n == 1 { "is" } else { "are" },
        100.0 * .share
    )]
    NeverTaken {
        /// How many pairs.
        n: usize,
        /// Some of them, as text.
        pairs: String,
        /// Their share of the target's choices in the contexts of the log.
        share: f64,
    },
    /// Replay needs a log whose actions were drawn alike.
    #[error(
        "{rows}: the propensity is {value}, but a fair draw among the {n_actions} actions taken there would have {}; replay \
         takes logs of uniformly random choices only: read the other estimators",
        1.0 / *.n_actions as f64
    )]
    NotUniform {
        /// Where.
        rows: Rows,
        /// The first such value.
        value: f64,
        /// Actions that were taken in that context.
        n_actions: usize,
    },
    /// No logged action is one that the target takes.
    #[error("no action in the log is one that the target takes; log a policy that takes them too")]
    NoMatch,
}

/// Rows of a log, the first named and the others counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// The first row.
    pub first: u64,
    /// How many there are.
    pub n: usize,
}

impl std::fmt::Display for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.n {
            1 => write!(f, "row {}", self.first),
            n => write!(f, "row {} and {} more", self.first, n - 1),
        }
    }
}

/// The rows of the decisions of which something is true.
fn rows(log: &Log, is: impl Fn(usize, &Decision) -> bool) -> Option<(Rows, usize)> {
    let mut found = log.decisions.iter().enumerate().filter(|(at, decision)| is(*at, decision));
    let (at, first) = found.next()?;
    Some((Rows { first: first.row, n: 1 + found.count() }, at))
}

/// Whether the decision could have had no other end.
fn is_forced(decision: &Decision) -> bool {
    decision.propensity.value().is_some_and(|p| p >= 1.0 - CLOSE)
}

/// How often each action was taken in each context, context by context.
pub(super) fn counts(log: &Log) -> Vec<u64> {
    let mut counts = vec![0; log.contexts.len() * log.actions.len()];
    for decision in &log.decisions {
        counts[log.cell(decision)] += 1;
    }
    counts
}

/// Checks that the log can tell what the target is worth.
///
/// # Errors
/// If it cannot, with the rows and the cure.
pub fn check(log: &Log, target: &Target) -> Result<(), Refusal> {
    if log.decisions.is_empty() {
        return Err(Refusal::Empty);
    }
    if let Some((rows, _)) = rows(log, |_, d| d.propensity == Propensity::Unknown) {
        return Err(Refusal::Unknown { rows });
    }
    let value = |at: usize| log.decisions[at].propensity.value().unwrap_or(f64::NAN);
    // A NaN is in no range.
    if let Some((rows, at)) = rows(log, |at, _| !(value(at) > 0.0 && value(at) <= 1.0)) {
        return Err(Refusal::OutOfRange { rows, value: value(at) });
    }
    if let Some((rows, _)) = rows(log, |_, d| !d.reward.is_finite()) {
        return Err(Refusal::Reward { rows });
    }
    let of = |at: usize| target.of_row(log, at);
    if let Some((rows, at)) = rows(log, |at, _| !(0.0..=1.0 + CLOSE).contains(&of(at))) {
        return Err(Refusal::TargetOutOfRange { rows, value: of(at) });
    }
    let is_elsewhere = |at: usize, d: &Decision| is_forced(d) && of(at) < 1.0 - CLOSE;
    if let Some((rows, at)) = rows(log, is_elsewhere) {
        return Err(Refusal::Deterministic { rows, elsewhere: 1.0 - of(at) });
    }
    let Target::Table(cells) = target else { return Ok(()) };
    let counts = counts(log);
    let n_actions = log.actions.len();
    let (mut n, mut share, mut named) = (0, 0.0, Vec::new());
    for (at, (&probability, &count)) in cells.iter().zip(&counts).enumerate() {
        let (context, action) = (at / n_actions, at % n_actions);
        let of_context: u64 = counts[context * n_actions..][..n_actions].iter().sum();
        if count > 0 || probability <= 0.0 || of_context == 0 {
            continue;
        }
        n += 1;
        share += probability * of_context as f64 / log.decisions.len() as f64;
        if named.len() < 3 {
            let context = log.contexts[context].as_str();
            let action = log.actions[action].as_str();
            named.push(match context {
                "" => format!("`{action}`"),
                _ => format!("`{action}` in `{context}`"),
            });
        } else if named.len() == 3 {
            named.push("...".to_owned());
        }
    }
    match n {
        0 => Ok(()),
        _ => Err(Refusal::NeverTaken { n, pairs: named.join(", "), share }),
    }
}

/// What [`within_support`] left.
#[derive(Clone, Debug)]
pub struct Supported {
    /// Decisions that had a choice.
    pub log: Log,
    /// The target within the actions that the log took in each context, renormalised.
    pub target: Target,
    /// Decisions left out, because no other action could have been taken.
    pub n_forced: usize,
    /// Decisions left out, because the target takes none of the actions that the log took in their context.
    pub n_outside: usize,
    /// Share of the target's choices that were moved to other actions.
    pub moved: f64,
}

/// The part of the question that the log can answer: decisions that had a choice, and the target within the actions that
/// were taken in each context. Whether a decision had a choice was settled before its action was drawn, so leaving out
/// those that had none does not select by what came of them. It is another target, and another mean, than was asked for.
#[must_use]
pub fn within_support(log: &Log, target: &Target) -> Supported {
    let n = log.decisions.len();
    let mut keep: Vec<bool> = log.decisions.iter().map(|d| !is_forced(d)).collect();
    let n_forced = keep.iter().filter(|keep| !**keep).count();
    let taken = |keep: &[bool]| Log {
        decisions: log.decisions.iter().zip(keep).filter(|(_, k)| **k).map(|(d, _)| *d).collect(),
        ..log.clone()
    };
    let mut supported =
        Supported { log: taken(&keep), target: target.clone(), n_forced, n_outside: 0, moved: 0.0 };
    match target {
        Target::Rows(rows) => {
            let rows = rows.iter().zip(&keep).filter(|(_, keep)| **keep).map(|(p, _)| *p);
            supported.target = Target::Rows(rows.collect());
        }
        Target::Table(cells) => {
            let counts = counts(&supported.log);
            let n_actions = log.actions.len();
            let mut cells = cells.clone();
            let mut outside = vec![false; log.contexts.len()];
            let mut lost = vec![0.0; log.contexts.len()];
            for context in 0..log.contexts.len() {
                let own = &mut cells[context * n_actions..][..n_actions];
                let counts = &counts[context * n_actions..][..n_actions];
                own.iter_mut().zip(counts).filter(|(_, n)| **n == 0).for_each(|(p, _)| *p = 0.0);
                let left: f64 = own.iter().sum();
                outside[context] = left <= 0.0;
                lost[context] = 1.0 - left;
                own.iter_mut().for_each(|p| *p /= if left > 0.0 { left } else { 1.0 });
            }
            for (keep, decision) in keep.iter_mut().zip(&log.decisions) {
                if *keep && outside[decision.context as usize] {
                    *keep = false;
                    supported.n_outside += 1;
                }
            }
            supported.log = taken(&keep);
            let kept = supported.log.decisions.iter();
            let moved: f64 = kept.map(|d| lost[d.context as usize]).sum();
            supported.moved = moved / (n - n_forced - supported.n_outside).max(1) as f64;
            supported.target = Target::Table(cells);
        }
    }
    supported
}

/// Checks that every action was drawn with the same probability as the others of its context.
///
/// # Errors
/// If not, with the rows.
pub(super) fn check_uniform(log: &Log) -> Result<(), Refusal> {
    let counts = counts(log);
    let n_actions: Vec<usize> = counts
        .chunks(log.actions.len())
        .map(|own| own.iter().filter(|count| **count > 0).count())
        .collect();
    let of = |d: &Decision| n_actions[d.context as usize];
    let value = |d: &Decision| d.propensity.value().unwrap_or(f64::NAN);
    let is_other = |_: usize, d: &Decision| (value(d) * of(d) as f64 - 1.0).abs() > CLOSE;
    match rows(log, is_other) {
        None => Ok(()),
        Some((rows, at)) => {
            let first = &log.decisions[at];
            Err(Refusal::NotUniform { rows, value: value(first), n_actions: of(first) })
        }
    }
}
