//! Exp3-IX: exponential weights with implicit exploration.

use serde::{Deserialize, Serialize};

use crate::bounded::{Count, NonNegative, Positive};
use crate::domain::ModelSet;
use crate::learners::adversarial::own_probability;
use crate::learners::arms::in_proportion;
use crate::learners::log_weights::LogWeights;
use crate::learners::{BeliefScale, Card, Choice, Context, Feedback, Learner, Prior};
use crate::math;
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `exp3_ix`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Rate of learning; by default sqrt(2 ln K / (K T)) for K models and a horizon of T, the theory's.
    #[schemars(example = 0.01)]
    pub eta: Option<Positive>,
    /// What is added to a choice's probability before a loss is divided by it; by default eta / 2.
    #[schemars(example = 0.005)]
    pub gamma: Option<NonNegative>,
    /// Decisions to come, T; by default what is known of the run, else 10,000.
    #[schemars(example = 10_000)]
    pub horizon: Option<Count>,
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Exp3 without uniform play: a small number added to each probability keeps its estimates from jumping.",
    formula: "p ~ exp(-eta L) over the eligible models; L <- L + (1 - reward) / (p + gamma) for the model played",
    source: "Neu, \"Explore no more: improved high-probability regret bounds for non-stochastic bandits\", 2015",
    fails: "Assumes rewards in 0..1; slow where means are steady; when the best model changes late it may take as long again to notice; learns only from its own choices.",
    belief: BeliefScale::Probability,
    forgets: true,
    ..Card::BLANK
};

/// Exp3-IX in flight.
#[derive(Clone, Debug)]
pub struct State {
    eta: f64,
    gamma: f64,
    /// exp(-eta L).
    weights: LogWeights,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        let k = prior.n_models() as f64;
        let horizon = prior.horizon(config.horizon.map(Count::get)) as f64;
        let theory = (2.0 * math::ln(k) / (k * horizon)).sqrt();
        let eta = config.eta.map_or(theory, Positive::get);
        let gamma = config.gamma.map_or(0.5 * eta, NonNegative::get);
        Self { eta, gamma, weights: LogWeights::new(prior.n_models()) }
    }

    #[inline]
    fn book(&mut self, feedback: &Feedback<'_>, weight: f64) {
        if let Some(p) = own_probability(feedback) {
            let loss = weight * (1.0 - feedback.reward) / (p + self.gamma);
            self.weights.set(feedback.model, self.weights.log(feedback.model) - self.eta * loss);
        }
    }
}

impl Learner for State {
    #[inline]
    fn choose(&self, _: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        in_proportion(eligible, stream, self.weights.among(eligible))
    }

    #[inline]
    fn learn(&mut self, feedback: &Feedback<'_>) {
        self.book(feedback, 1.0);
    }

    fn belief(&self, _: &Context<'_>, model: ModelId) -> Option<f64> {
        Some(self.weights.share(model))
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
