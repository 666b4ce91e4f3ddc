//! KL-UCB: an upper confidence bound by the divergence of Bernoulli distributions.

use serde::{Deserialize, Serialize};

use crate::bounded::NonNegative;
use crate::domain::ModelSet;
use crate::learners::arms::{Arms, all_in_arms, greedy};
use crate::learners::kl::{klucb, klucb_above};
use crate::learners::{Card, Choice, Context, Feedback, Learner, Prior};
use crate::math;
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `kl_ucb`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Factor on ln ln t in the bound. 3 is the theory's, 0 the practical one.
    pub c: NonNegative,
}

impl Default for Config {
    fn default() -> Self {
        Self { c: NonNegative::of(0.0) }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Plays the largest upper confidence bound by the divergence of Bernoulli distributions, tight near 0 and 1.",
    formula: "argmax max{q: plays kl(mean, q) <= ln t + c ln ln t}, t = rewards seen so far + 1; every model once first; ties at random",
    source: "Garivier, Cappe, \"The KL-UCB algorithm for bounded stochastic bandits and beyond\", 2011",
    fails: "Assumes rewards in 0..1 (a mean outside is clamped) that do not drift; explores more than need be where rewards vary less than Bernoulli ones.",
    has_index: true,
    forgets: true,
    ..Card::BLANK
};

/// KL-UCB in flight.
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

    /// What a model's plays times the divergence may be.
    #[inline]
    fn exploration(&self) -> f64 {
        let ln_t = math::ln(self.arms.total + 1.0);
        match self.c {
            0.0 => ln_t,
            // Up to t = e the inner logarithm would take off, without bound.
            c => ln_t + c * math::ln(ln_t.max(1.0)),
        }
    }
}

impl Learner for State {
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        let level = self.exploration();
        let mut most = f64::NEG_INFINITY;
        greedy(eligible, stream, |m| {
            let index = self.arms.index(context, m, |mean, n| klucb_above(mean, level / n, most));
            most = most.max(index);
            index
        })
    }

    fn index(&self, context: &Context<'_>, model: ModelId, _: &mut Stream) -> f64 {
        self.arms.index(context, model, |mean, n| klucb(mean, self.exploration() / n))
    }

    all_in_arms!();
}
