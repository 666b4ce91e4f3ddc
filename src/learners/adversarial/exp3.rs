//! Exp3: exponential weights of importance-weighted rewards, mixed with uniform play.

use serde::{Deserialize, Serialize};

use crate::bounded::{Count, Share};
use crate::domain::ModelSet;
use crate::learners::adversarial::own_probability;
use crate::learners::arms::in_proportion;
use crate::learners::log_weights::LogWeights;
use crate::learners::{BeliefScale, Card, Choice, Context, Feedback, Learner, Prior};
use crate::math;
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `exp3`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Share of uniform play, and rate of learning; by default min(1, sqrt(K ln K / ((e - 1) T))) for K models and a
    /// horizon of T, the theory's.
    #[schemars(example = 0.1)]
    pub gamma: Option<Share>,
    /// Decisions to come, T; by default what is known of the run, else 10,000.
    #[schemars(example = 10_000)]
    pub horizon: Option<Count>,
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Plays in proportion to exponential weights of rewards, each divided by its choice's probability.",
    formula: "p = (1 - gamma) w / sum w + gamma / K, over the eligible models in proportion; w <- w exp(gamma reward / (K p)) for the model played",
    source: "Auer, Cesa-Bianchi, Freund, Schapire, \"The nonstochastic multiarmed bandit problem\", 2002, figure 1",
    fails: "Assumes rewards in 0..1; pays for its safety with slow learning where means are steady, and learns only from its own choices.",
    belief: BeliefScale::Probability,
    forgets: true,
    ..Card::BLANK
};

/// Exp3 in flight.
#[derive(Clone, Debug)]
pub struct State {
    gamma: f64,
    n_models: f64,
    weights: LogWeights,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        let k = prior.n_models() as f64;
        let horizon = prior.horizon(config.horizon.map(Count::get)) as f64;
        let theory = (k * math::ln(k) / ((std::f64::consts::E - 1.0) * horizon)).sqrt().min(1.0);
        let gamma = config.gamma.map_or(theory, Share::get);
        Self { gamma, n_models: k, weights: LogWeights::new(prior.n_models()) }
    }

    #[inline]
    fn probability(&self, model: ModelId) -> f64 {
        (1.0 - self.gamma) * self.weights.share(model) + self.gamma / self.n_models
    }

    #[inline]
    fn book(&mut self, feedback: &Feedback<'_>, weight: f64) {
        if let Some(p) = own_probability(feedback) {
            let gain = weight * self.gamma * feedback.reward / (p * self.n_models);
            self.weights.set(feedback.model, self.weights.log(feedback.model) + gain);
        }
    }
}

impl Learner for State {
    #[inline]
    fn choose(&self, _: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        in_proportion(eligible, stream, |m| self.probability(m))
    }

    #[inline]
    fn learn(&mut self, feedback: &Feedback<'_>) {
        self.book(feedback, 1.0);
    }

    fn belief(&self, _: &Context<'_>, model: ModelId) -> Option<f64> {
        Some(self.probability(model))
    }

    fn fade(&mut self, factor: f64) {
        self.weights.multiply_logs(factor);
    }

    fn unlearn(&mut self, feedback: &Feedback<'_>) {
        self.book(feedback, -1.0);
    }

    fn model_added(&mut self, model: ModelId) {
        self.weights.raise_to_largest(model);
    }
}
