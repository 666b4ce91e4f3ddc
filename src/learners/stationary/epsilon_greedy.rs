//! Epsilon-greedy: mostly the best mean so far, sometimes any model.

use serde::{Deserialize, Serialize};

use crate::bounded::Probability;
use crate::domain::{ModelSet, Propensity};
use crate::learners::arms::{Arms, all_in_arms, largest};
use crate::learners::{Card, Choice, Context, Exploration, Feedback, Learner, Prior};
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `epsilon_greedy`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Probability of a uniformly random eligible model.
    pub epsilon: Probability,
}

impl Default for Config {
    fn default() -> Self {
        Self { epsilon: Probability::of(0.1) }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Plays the model with the best mean reward, and with probability epsilon a random one.",
    formula: "every model once first, then with probability epsilon uniform over the eligible models, else argmax mean; ties at random",
    source: "Auer, Cesa-Bianchi, Fischer, \"Finite-time analysis of the multiarmed bandit problem\", 2002",
    fails: "A fixed epsilon never stops exploring: regret grows linearly, however long it runs.",
    exploration: Exploration::Marked,
    forgets: true,
    ..Card::BLANK
};

/// Epsilon-greedy in flight.
#[derive(Clone, Debug)]
pub struct State {
    epsilon: f64,
    arms: Arms,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        Self { epsilon: config.epsilon.get(), arms: Arms::new(prior.n_models()) }
    }
}

/// A choice that is random with probability `epsilon`.
#[inline]
pub(super) fn choose(
    arms: &Arms,
    epsilon: f64,
    context: &Context<'_>,
    eligible: ModelSet,
    stream: &mut Stream,
) -> Choice {
    if let Some(first) = arms.first_play(context, eligible, stream) {
        return Choice { explored: true, ..first };
    }
    let explored = stream.uniform() < epsilon;
    let any = stream.index(eligible.len());
    let mean = |m: ModelId| arms.means[m.index()];
    let (best, n_ties) = largest(eligible, stream, mean);
    let model = if explored { eligible.nth(any).expect("drawn below the count") } else { best };
    // A tied model is as likely as the drawn one, so the choice's probability follows from its mean alone.
    let is_best = mean(model) == mean(best);
    let greedy = if is_best { (1.0 - epsilon) / f64::from(n_ties) } else { 0.0 };
    let propensity = Propensity::Exact(greedy + epsilon / eligible.len() as f64);
    Choice { model, propensity, explored }
}

impl Learner for State {
    #[inline]
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        choose(&self.arms, self.epsilon, context, eligible, stream)
    }

    all_in_arms!();
}
