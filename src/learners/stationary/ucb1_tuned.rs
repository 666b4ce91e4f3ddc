//! UCB1-Tuned: UCB1 whose bound knows the variance of rewards.

use serde::{Deserialize, Serialize};

use crate::domain::ModelSet;
use crate::learners::arms::{Arms, all_in_arms, greedy};
use crate::learners::{Card, Choice, Context, Feedback, Learner, Prior};
use crate::math;
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// `ucb1_tuned` has no keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// How it is described.
pub const CARD: Card = Card {
    summary: "UCB1 with a bound that narrows where a model's rewards vary little.",
    formula: "argmax mean + sqrt(ln n / plays min(1/4, V)), V = variance + sqrt(2 ln n / plays), n = rewards seen so far; every model once first; ties at random",
    source: "Auer, Cesa-Bianchi, Fischer, \"Finite-time analysis of the multiarmed bandit problem\", 2002, section 4",
    fails: "Assumes rewards in 0..1 that do not drift; has no bound on its regret that is proved, and now and then leaves the best model early for long.",
    has_index: true,
    forgets: true,
    ..Card::BLANK
};

/// UCB1-Tuned in flight.
#[derive(Clone, Debug)]
pub struct State {
    arms: Arms,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(_: &Config, prior: &Prior) -> Self {
        Self { arms: Arms::new(prior.n_models()) }
    }

    #[inline]
    fn bound(&self, context: &Context<'_>, model: ModelId, ln_n: f64) -> f64 {
        self.arms.index(context, model, |mean, n| {
            let rate = ln_n / n;
            let variance = self.arms.variance(model) + (2.0 * rate).sqrt();
            mean + (rate * variance.min(0.25)).sqrt()
        })
    }

    #[inline]
    fn ln_n(&self) -> f64 {
        math::ln(self.arms.total.max(1.0))
    }
}

impl Learner for State {
    #[inline]
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        let ln_n = self.ln_n();
        greedy(eligible, stream, |m| self.bound(context, m, ln_n))
    }

    fn index(&self, context: &Context<'_>, model: ModelId, _: &mut Stream) -> f64 {
        self.bound(context, model, self.ln_n())
    }

    all_in_arms!();
}
