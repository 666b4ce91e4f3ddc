//! Thompson sampling with Beta beliefs.

use rand_distr::Distribution;
use serde::{Deserialize, Serialize};

use crate::bounded::Positive;
use crate::domain::{ModelSet, Propensity};
use crate::learners::arms::largest;
use crate::learners::{BeliefScale, Card, Choice, Context, Exploration, Feedback, Learner, Prior};
use crate::sim::sample::Beta;
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `thompson_beta`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Prior successes of every model.
    pub prior_successes: Positive,
    /// Prior failures of every model.
    pub prior_failures: Positive,
}

impl Default for Config {
    fn default() -> Self {
        Self { prior_successes: Positive::of(1.0), prior_failures: Positive::of(1.0) }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Samples each model's mean reward from its Beta belief and plays the largest.",
    formula: "argmax theta, theta ~ Beta(a + sum of rewards, b + sum of (1 - reward)); rewards in 0..1 count as fractions",
    source: "Agrawal, Goyal, \"Analysis of Thompson sampling for the multi-armed bandit problem\", 2012; fractional update as in Raj, Kalyani 2017",
    fails: "Assumes rewards in 0..1 (others are clamped) that do not drift; its propensity has no closed form.",
    keeps_levels: false,
    keeps_hours: false,
    belief: BeliefScale::Reward,
    exploration: Exploration::Inherent,
};

/// Thompson sampling in flight.
#[derive(Clone, Debug)]
pub struct State {
    counts: Vec<(f64, f64)>,
    beliefs: Vec<Beta>,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        let (a, b) = (config.prior_successes.get(), config.prior_failures.get());
        let n = prior.n_models();
        Self { counts: vec![(a, b); n], beliefs: vec![Beta::new(a, b); n] }
    }
}

impl Learner for State {
    fn choose(&self, _: &Context, eligible: ModelSet, stream: &mut Stream) -> Choice {
        let mut draws = stream.clone();
        let (model, _) = largest(eligible, stream, |m| self.beliefs[m.index()].sample(&mut draws));
        Choice { model, propensity: Propensity::Unknown, explored: false }
    }

    fn learn(&mut self, feedback: &Feedback) {
        let i = feedback.model.index();
        let reward = feedback.reward.clamp(0.0, 1.0);
        self.counts[i].0 += reward;
        self.counts[i].1 += 1.0 - reward;
        self.beliefs[i] = Beta::new(self.counts[i].0, self.counts[i].1);
    }

    fn belief(&self, _: &Context, model: ModelId) -> Option<f64> {
        let (a, b) = self.counts[model.index()];
        Some(a / (a + b))
    }
}
