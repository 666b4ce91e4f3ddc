//! Exp3.S: Exp3 that shares weight among models, so that it can follow a best model that changes.

use std::f64::consts::E;

use serde::{Deserialize, Serialize};

use crate::bounded::{Count, Fraction, Share, Whole};
use crate::domain::ModelSet;
use crate::learners::adversarial::own_probability;
use crate::learners::arms::in_proportion;
use crate::learners::{BeliefScale, Card, Choice, Context, Feedback, Learner, Prior};
use crate::math;
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `exp3_s`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Share of uniform play, and rate of learning; by default min(1, sqrt(K (S ln(K T) + e) / ((e - 1) T))) for K models,
    /// S = `changes` + 1 and a horizon of T, the theory's.
    #[schemars(example = 0.1)]
    pub gamma: Option<Share>,
    /// What every model is given of the weights with each result, over K and times e; by default 1 / T.
    #[schemars(example = 0.001)]
    pub alpha: Option<Fraction>,
    /// Changes of the best model that are expected.
    pub changes: Whole,
    /// Decisions to come, T; by default what is known of the run, else 10,000.
    #[schemars(example = 10_000)]
    pub horizon: Option<Count>,
}

impl Default for Config {
    fn default() -> Self {
        Self { gamma: None, alpha: None, changes: Whole::of(1), horizon: None }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Exp3 that gives every model a little of all weights with each result, so that a change is noticed.",
    formula: "p = (1 - gamma) w / W + gamma / K, over the eligible models in proportion, W = sum w; with each result w <- w + e alpha W / K, after w <- w exp(gamma reward / (K p)) for the model played",
    source: "Auer, Cesa-Bianchi, Freund, Schapire, \"The nonstochastic multiarmed bandit problem\", 2002, figure 4",
    fails: "Assumes rewards in 0..1 and about as many changes as were expected; never stops exploring; learns only from its own choices.",
    belief: BeliefScale::Probability,
    ..Card::BLANK
};

/// Exp3.S in flight.
#[derive(Clone, Debug)]
pub struct State {
    gamma: f64,
    alpha: f64,
    /// w / W. Sharing keeps them away from 0.
    shares: Vec<f64>,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        let n = prior.n_models();
        let (k, horizon) = (n as f64, prior.horizon(config.horizon.map(Count::get)) as f64);
        let segments = (config.changes.get() + 1) as f64;
        let exploration = k * (segments * math::ln(k * horizon) + E);
        let theory = (exploration / ((E - 1.0) * horizon)).sqrt().min(1.0);
        Self {
            gamma: config.gamma.map_or(theory, Share::get),
            alpha: config.alpha.map_or(1.0 / horizon, Fraction::get),
            shares: vec![1.0 / k; n],
        }
    }

    #[inline]
    fn probability(&self, model: ModelId) -> f64 {
        (1.0 - self.gamma) * self.shares[model.index()] + self.gamma / self.shares.len() as f64
    }
}

impl Learner for State {
    #[inline]
    fn choose(&self, _: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        in_proportion(eligible, stream, |m| self.probability(m))
    }

    #[inline]
    fn learn(&mut self, feedback: &Feedback<'_>) {
        let Some(p) = own_probability(feedback) else { return };
        let k = self.shares.len() as f64;
        self.shares[feedback.model.index()] *= math::exp(self.gamma * feedback.reward / (k * p));
        let given = E * self.alpha / k;
        let total: f64 = self.shares.iter().sum::<f64>() + E * self.alpha;
        self.shares.iter_mut().for_each(|share| *share = (*share + given) / total);
    }

    fn belief(&self, _: &Context<'_>, model: ModelId) -> Option<f64> {
        Some(self.probability(model))
    }
}
