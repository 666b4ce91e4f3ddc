//! Boltzmann exploration: in proportion to the exponential of mean rewards.

use serde::{Deserialize, Serialize};

use crate::bounded::Positive;
use crate::domain::ModelSet;
use crate::learners::arms::{Arms, in_proportion};
use crate::learners::log_weights::LogWeights;
use crate::learners::{Card, Choice, Context, Feedback, Learner, Prior};
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `boltzmann`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Temperature: a lead of tau in mean reward makes a model e times as likely.
    pub tau: Positive,
}

impl Default for Config {
    fn default() -> Self {
        Self { tau: Positive::of(0.1) }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Plays models at random, the likelier the better their mean reward (softmax).",
    formula: "p ~ exp(mean / tau) over the eligible models; every model once first, in random order",
    source: "Sutton, Barto, \"Reinforcement learning: an introduction\", 1998, section 2.3; Cesa-Bianchi, Gentile, Lugosi, Neu, \"Boltzmann exploration done right\", 2017",
    fails: "A fixed temperature never stops exploring, and does not know how sure a mean is: one bad first result may hide a model.",
    forgets: true,
    ..Card::BLANK
};

/// Boltzmann exploration in flight.
#[derive(Clone, Debug)]
pub struct State {
    tau: f64,
    arms: Arms,
    weights: LogWeights,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        let n = prior.n_models();
        Self { tau: config.tau.get(), arms: Arms::new(n), weights: LogWeights::new(n) }
    }

    fn weigh(&mut self, model: ModelId) {
        self.weights.set(model, self.arms.means[model.index()] / self.tau);
    }
}

impl Learner for State {
    #[inline]
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        let first = self.arms.first_play(context, eligible, stream);
        first.unwrap_or_else(|| in_proportion(eligible, stream, self.weights.among(eligible)))
    }

    #[inline]
    fn learn(&mut self, feedback: &Feedback<'_>) {
        self.arms.book(feedback.model, feedback.reward);
        self.weigh(feedback.model);
    }

    fn belief(&self, _: &Context<'_>, model: ModelId) -> Option<f64> {
        self.arms.mean(model)
    }

    fn fade(&mut self, factor: f64) {
        self.arms.fade(factor);
    }

    fn unlearn(&mut self, feedback: &Feedback<'_>) {
        self.arms.unbook(feedback.model, feedback.reward);
        self.weigh(feedback.model);
    }
}
