//! Thompson sampling with Beta beliefs.

use rand_distr::Distribution;
use serde::{Deserialize, Serialize};

use crate::bounded::Positive;
use crate::domain::ModelSet;
use crate::learners::arms::drawn_largest;
use crate::learners::{Card, Choice, Context, Feedback, Learner, Prior};
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
    has_index: true,
    forgets: true,
    ..Card::BLANK
};

/// Thompson sampling in flight.
#[derive(Clone, Debug)]
pub struct State {
    prior: (f64, f64),
    /// Rewards and what they lack of 1, summed per model.
    sums: Vec<(f64, f64)>,
    beliefs: Vec<Beta>,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        let (a, b) = (config.prior_successes.get(), config.prior_failures.get());
        let n = prior.n_models();
        Self { prior: (a, b), sums: vec![(0.0, 0.0); n], beliefs: vec![Beta::new(a, b); n] }
    }

    fn book(&mut self, feedback: &Feedback<'_>, weight: f64) {
        let i = feedback.model.index();
        let reward = feedback.reward.clamp(0.0, 1.0);
        let (successes, failures) = &mut self.sums[i];
        *successes = (*successes + weight * reward).max(0.0);
        *failures = (*failures + weight * (1.0 - reward)).max(0.0);
        self.believe(i);
    }

    fn believe(&mut self, i: usize) {
        let (a, b) = self.parameters(i);
        self.beliefs[i] = Beta::new(a, b);
    }

    /// The parameters of a model's Beta belief.
    #[must_use]
    pub fn parameters(&self, i: usize) -> (f64, f64) {
        (self.prior.0 + self.sums[i].0, self.prior.1 + self.sums[i].1)
    }
}

impl Learner for State {
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        drawn_largest(eligible, stream, |m, draws| self.index(context, m, draws))
    }

    fn learn(&mut self, feedback: &Feedback<'_>) {
        self.book(feedback, 1.0);
    }

    fn belief(&self, _: &Context<'_>, model: ModelId) -> Option<f64> {
        let (a, b) = self.parameters(model.index());
        Some(a / (a + b))
    }

    #[inline]
    fn index(&self, _: &Context<'_>, model: ModelId, stream: &mut Stream) -> f64 {
        self.beliefs[model.index()].sample(stream)
    }

    fn fade(&mut self, factor: f64) {
        for i in 0..self.sums.len() {
            let (successes, failures) = self.sums[i];
            self.sums[i] = (successes * factor, failures * factor);
            self.believe(i);
        }
    }

    fn unlearn(&mut self, feedback: &Feedback<'_>) {
        self.book(feedback, -1.0);
    }
}
