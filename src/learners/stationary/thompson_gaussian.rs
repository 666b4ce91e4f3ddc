//! Thompson sampling with Gaussian beliefs.

use serde::{Deserialize, Serialize};

use crate::bounded::NonNegative;
use crate::domain::ModelSet;
use crate::learners::arms::{Arms, drawn_largest};
use crate::learners::{Card, Choice, Context, Feedback, Learner, Prior};
use crate::sim::sample::standard_normal;
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `thompson_gaussian`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Assumed standard deviation of one reward. 1 is the theory's for rewards in 0..1; smaller explores less.
    pub sigma: NonNegative,
}

impl Default for Config {
    fn default() -> Self {
        Self { sigma: NonNegative::of(1.0) }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Samples each model's mean reward from its Gaussian belief and plays the largest.",
    formula: "argmax theta, theta ~ N(mean, sigma^2 / (plays + 1)); every model once first, since a prior mean of 0 and a small sigma would never try some",
    source: "Agrawal, Goyal, \"Further optimal regret bounds for Thompson sampling\", 2013",
    fails: "Assumes a known spread of rewards and no drift; a sigma far above the true one explores long.",
    has_index: true,
    forgets: true,
    ..Card::BLANK
};

/// Thompson sampling in flight.
#[derive(Clone, Debug)]
pub struct State {
    arms: Arms,
    spread: Vec<f64>,
    sigma: f64,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        let n = prior.n_models();
        Self { arms: Arms::new(n), spread: vec![config.sigma.get(); n], sigma: config.sigma.get() }
    }

    fn narrow(&mut self, model: ModelId) {
        self.spread[model.index()] = self.sigma / (self.arms.plays[model.index()] + 1.0).sqrt();
    }
}

impl Learner for State {
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        drawn_largest(eligible, stream, |m, draws| self.index(context, m, draws))
    }

    fn learn(&mut self, feedback: &Feedback<'_>) {
        self.arms.book(feedback.model, feedback.reward);
        self.narrow(feedback.model);
    }

    fn belief(&self, _: &Context<'_>, model: ModelId) -> Option<f64> {
        self.arms.mean(model)
    }

    #[inline]
    fn index(&self, context: &Context<'_>, model: ModelId, stream: &mut Stream) -> f64 {
        let z = standard_normal(stream);
        self.arms.index(context, model, |mean, n| match context.pending(model) {
            0 => mean + self.spread[model.index()] * z,
            _ => mean + self.sigma / (n + 1.0).sqrt() * z,
        })
    }

    fn fade(&mut self, factor: f64) {
        self.arms.fade(factor);
        for (spread, n) in self.spread.iter_mut().zip(&self.arms.plays) {
            *spread = self.sigma / (n + 1.0).sqrt();
        }
    }

    fn unlearn(&mut self, feedback: &Feedback<'_>) {
        self.arms.unbook(feedback.model, feedback.reward);
        self.narrow(feedback.model);
    }
}
