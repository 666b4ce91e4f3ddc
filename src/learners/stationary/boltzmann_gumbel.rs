//! Boltzmann-Gumbel exploration: Gumbel noise that shrinks with each model's plays.

use serde::{Deserialize, Serialize};

use crate::bounded::NonNegative;
use crate::domain::ModelSet;
use crate::learners::arms::{Arms, all_in_arms, drawn_largest};
use crate::learners::{Card, Choice, Context, Feedback, Learner, Prior};
use crate::math;
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `boltzmann_gumbel`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Size of the noise, in rewards. The theory's is the rewards' own spread: at most 0.5 for rewards in 0..1.
    pub c: NonNegative,
}

impl Default for Config {
    fn default() -> Self {
        Self { c: NonNegative::of(0.5) }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Plays the largest mean reward after a Gumbel noise that shrinks with each model's plays.",
    formula: "argmax mean + c / sqrt(plays) Z, Z standard Gumbel; every model once first",
    source: "Cesa-Bianchi, Gentile, Lugosi, Neu, \"Boltzmann exploration done right\", 2017",
    fails: "Assumes rewards that do not drift and a known spread; its propensity has no closed form.",
    has_index: true,
    forgets: true,
    ..Card::BLANK
};

/// Boltzmann-Gumbel exploration in flight.
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
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        drawn_largest(eligible, stream, |m, draws| self.index(context, m, draws))
    }

    #[inline]
    fn index(&self, context: &Context<'_>, model: ModelId, stream: &mut Stream) -> f64 {
        let z = -math::ln(-math::ln(stream.uniform()));
        self.arms.index(context, model, |mean, n| mean + self.c / n.sqrt() * z)
    }

    all_in_arms!();
}
