//! Bayes-UCB: a quantile of the Beta belief that moves towards 1.

use serde::{Deserialize, Serialize};

use crate::analysis::distribution::{beta_cdf, beta_quantile};
use crate::bounded::{Count, NonNegative};
use crate::domain::ModelSet;
use crate::learners::arms::{Arms, all_in_arms, greedy};
use crate::learners::{Card, Choice, Context, Feedback, Learner, Prior};
use crate::math;
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `bayes_ucb`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Power of ln T in the quantile's level. 5 is the theory's, 0 the practical one, which needs no horizon.
    pub c: NonNegative,
    /// Decisions to come, T; by default what is known of the run, else 10,000.
    #[schemars(example = 10_000)]
    pub horizon: Option<Count>,
}

impl Default for Config {
    fn default() -> Self {
        Self { c: NonNegative::of(0.0), horizon: None }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Plays the model whose Beta belief has the largest upper quantile.",
    formula: "argmax quantile 1 - 1 / (t (ln T)^c) of Beta(1 + sum of rewards, 1 + sum of (1 - reward)), t = rewards seen so far + 1, T the horizon; every model once first; ties at random",
    source: "Kaufmann, Cappe, Garivier, \"On Bayesian upper confidence bounds for bandit problems\", 2012",
    fails: "Assumes rewards in 0..1 (a mean outside is clamped) that do not drift; a decision takes longer than with other bounds.",
    has_index: true,
    forgets: true,
    ..Card::BLANK
};

/// Bayes-UCB in flight.
#[derive(Clone, Debug)]
pub struct State {
    /// (ln T)^c.
    factor: f64,
    arms: Arms,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        let ln_horizon = math::ln(prior.horizon(config.horizon.map(Count::get)) as f64);
        let factor = math::powf(ln_horizon.max(1.0), config.c.get());
        Self { factor, arms: Arms::new(prior.n_models()) }
    }

    #[inline]
    fn level(&self) -> f64 {
        1.0 - 1.0 / ((self.arms.total + 1.0) * self.factor)
    }
}

/// Shapes of the belief after `n` plays.
#[inline]
fn shapes(mean: f64, n: f64) -> (f64, f64) {
    let mean = mean.clamp(0.0, 1.0);
    (1.0 + mean * n, 1.0 + (1.0 - mean) * n)
}

impl Learner for State {
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        let level = self.level();
        let mut most = f64::NEG_INFINITY;
        greedy(eligible, stream, |m| {
            let index = self.arms.index(context, m, |mean, n| {
                let (a, b) = shapes(mean, n);
                // A quantile that lies below the largest so far need not be solved for; a hair's breadth keeps ties.
                if beta_cdf(a, b, most - 1e-9) > level {
                    f64::NEG_INFINITY
                } else {
                    beta_quantile(a, b, level)
                }
            });
            most = most.max(index);
            index
        })
    }

    fn index(&self, context: &Context<'_>, model: ModelId, _: &mut Stream) -> f64 {
        self.arms.index(context, model, |mean, n| {
            let (a, b) = shapes(mean, n);
            beta_quantile(a, b, self.level())
        })
    }

    all_in_arms!();
}
