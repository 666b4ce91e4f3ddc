//! MOSS: the minimax optimal strategy in the stochastic case.

use serde::{Deserialize, Serialize};

use crate::bounded::Count;
use crate::domain::ModelSet;
use crate::learners::arms::{Arms, all_in_arms, greedy};
use crate::learners::{Card, Choice, Context, Feedback, Learner, Prior};
use crate::math;
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `moss`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Decisions to come; by default what is known of the run, else 10,000.
    #[schemars(example = 10_000)]
    pub horizon: Option<Count>,
    /// Whether the rewards seen so far stand in place of the horizon.
    pub anytime: bool,
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Plays an upper confidence bound that stops exploring models with more than their share of plays.",
    formula: "argmax mean + sqrt(max(0, ln(T / (K plays))) / plays), K models, T the horizon (anytime: rewards seen so far); every model once first; ties at random",
    source: "Audibert, Bubeck, \"Minimax policies for adversarial and stochastic bandits\", 2009",
    fails: "Assumes rewards in 0..1 that do not drift and a horizon that is known; beyond T / K plays a model's mean counts without a bound.",
    has_index: true,
    forgets: true,
    ..Card::BLANK
};

/// MOSS in flight.
#[derive(Clone, Debug)]
pub struct State {
    /// None: anytime.
    horizon: Option<f64>,
    arms: Arms,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        let horizon = prior.horizon(config.horizon.map(Count::get)) as f64;
        Self { horizon: (!config.anytime).then_some(horizon), arms: Arms::new(prior.n_models()) }
    }

    #[inline]
    fn bound(&self, context: &Context<'_>, model: ModelId) -> f64 {
        let share = self.horizon.unwrap_or(self.arms.total) / self.arms.plays.len() as f64;
        self.arms.index(context, model, |mean, n| {
            if n < share { mean + (math::ln(share / n) / n).sqrt() } else { mean }
        })
    }
}

impl Learner for State {
    #[inline]
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        greedy(eligible, stream, |m| self.bound(context, m))
    }

    fn index(&self, context: &Context<'_>, model: ModelId, _: &mut Stream) -> f64 {
        self.bound(context, model)
    }

    all_in_arms!();
}
