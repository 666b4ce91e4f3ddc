//! Epsilon-greedy whose epsilon decreases as rewards come in.

use serde::{Deserialize, Serialize};

use crate::bounded::Positive;
use crate::domain::ModelSet;
use crate::learners::arms::{Arms, all_in_arms};
use crate::learners::stationary::epsilon_greedy;
use crate::learners::{Card, Choice, Context, Exploration, Feedback, Learner, Prior};
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `epsilon_decreasing`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Rounds of pure exploration: in round t epsilon is c / t, at most 1. The theory's is 5 K / d^2 for K models of
    /// which the best leads by d.
    pub c: Positive,
}

impl Default for Config {
    fn default() -> Self {
        Self { c: Positive::of(100.0) }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Plays the model with the best mean reward, and ever more seldom a random one.",
    formula: "every model once first, then with probability min(1, c / t) uniform over the eligible models, else argmax mean; t = rewards seen so far + 1; ties at random",
    source: "Auer, Cesa-Bianchi, Fischer, \"Finite-time analysis of the multiarmed bandit problem\", 2002",
    fails: "A c that is too small for the gap between the best two stays with the wrong model for long; when means change it hardly explores any more.",
    exploration: Exploration::Marked,
    forgets: true,
    ..Card::BLANK
};

/// Epsilon-decreasing in flight.
#[derive(Clone, Debug)]
pub struct State {
    c: f64,
    arms: Arms,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        Self { c: config.c.get(), arms: Arms::new(prior.n_models()) }
    }
}

impl Learner for State {
    #[inline]
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        let epsilon = (self.c / (self.arms.total + 1.0)).min(1.0);
        epsilon_greedy::choose(&self.arms, epsilon, context, eligible, stream)
    }

    all_in_arms!();
}
