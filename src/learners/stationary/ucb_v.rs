//! UCB-V: an upper confidence bound by Bernstein's inequality, from the variance of rewards.

use serde::{Deserialize, Serialize};

use crate::bounded::NonNegative;
use crate::domain::ModelSet;
use crate::learners::arms::{Arms, all_in_arms, greedy};
use crate::learners::{Card, Choice, Context, Feedback, Learner, Prior};
use crate::math;
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `ucb_v`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Factor on ln n. The theory asks for more than 1, which is the edge of it; smaller explores less.
    pub zeta: NonNegative,
}

impl Default for Config {
    fn default() -> Self {
        Self { zeta: NonNegative::of(1.0) }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Plays the largest upper confidence bound by Bernstein's inequality, which knows the variance of rewards.",
    formula: "argmax mean + sqrt(2 variance e / plays) + 3 e / plays, e = zeta ln n, n = rewards seen so far; every model once first; ties at random",
    source: "Audibert, Munos, Szepesvari, \"Exploration-exploitation tradeoff using variance estimates in multi-armed bandits\", 2009",
    fails: "Assumes rewards in 0..1 that do not drift; its term 3 e / plays explores long where few results are in.",
    has_index: true,
    forgets: true,
    ..Card::BLANK
};

/// UCB-V in flight.
#[derive(Clone, Debug)]
pub struct State {
    zeta: f64,
    arms: Arms,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        Self { zeta: config.zeta.get(), arms: Arms::new(prior.n_models()) }
    }

    #[inline]
    fn bound(&self, context: &Context<'_>, model: ModelId, e: f64) -> f64 {
        self.arms.index(context, model, |mean, n| {
            let rate = e / n;
            mean + (2.0 * self.arms.variance(model) * rate).sqrt() + 3.0 * rate
        })
    }

    #[inline]
    fn exploration(&self) -> f64 {
        self.zeta * math::ln(self.arms.total.max(1.0))
    }
}

impl Learner for State {
    #[inline]
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        let e = self.exploration();
        greedy(eligible, stream, |m| self.bound(context, m, e))
    }

    fn index(&self, context: &Context<'_>, model: ModelId, _: &mut Stream) -> f64 {
        self.bound(context, model, self.exploration())
    }

    all_in_arms!();
}
