//! Thompson sampling with Gaussian beliefs.

use serde::{Deserialize, Serialize};

use crate::bounded::NonNegative;
use crate::domain::{ModelSet, Propensity};
use crate::learners::arms::{Arms, largest};
use crate::learners::{BeliefScale, Card, Choice, Context, Exploration, Feedback, Learner, Prior};
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
    keeps_levels: false,
    keeps_hours: false,
    belief: BeliefScale::Reward,
    exploration: Exploration::Inherent,
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
}

impl Learner for State {
    fn choose(&self, _: &Context, eligible: ModelSet, stream: &mut Stream) -> Choice {
        let mut draws = stream.clone();
        let (model, _) = largest(eligible, stream, |m| {
            let noise = self.spread[m.index()] * standard_normal(&mut draws);
            self.arms.index(m, |mean, _| mean + noise)
        });
        Choice { model, propensity: Propensity::Unknown, explored: false }
    }

    fn learn(&mut self, feedback: &Feedback) {
        self.arms.book(feedback.model, feedback.reward);
        let i = feedback.model.index();
        self.spread[i] = self.sigma / (f64::from(self.arms.plays[i]) + 1.0).sqrt();
    }

    fn belief(&self, _: &Context, model: ModelId) -> Option<f64> {
        self.arms.mean(model)
    }
}
