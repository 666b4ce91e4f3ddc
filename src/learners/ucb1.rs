//! UCB1: the largest upper confidence bound of the mean.

use serde::{Deserialize, Serialize};

use crate::bounded::NonNegative;
use crate::domain::ModelSet;
use crate::learners::arms::{Arms, greedy};
use crate::learners::{BeliefScale, Card, Choice, Context, Exploration, Feedback, Learner, Prior};
use crate::math;
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `ucb1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Width of the bound: the index is mean + sqrt(c ln n / plays). 2 is the theory's, 0.5 the practical one.
    pub c: NonNegative,
}

impl Default for Config {
    fn default() -> Self {
        Self { c: NonNegative::of(2.0) }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Plays the model with the largest upper confidence bound of its mean reward.",
    formula: "argmax mean + sqrt(c ln n / plays), n = rewards seen so far; every model once first; ties at random",
    source: "Auer, Cesa-Bianchi, Fischer, \"Finite-time analysis of the multiarmed bandit problem\", 2002",
    fails: "Assumes rewards in 0..1 that do not drift; repeats one model while feedback is delayed.",
    keeps_levels: false,
    keeps_hours: false,
    belief: BeliefScale::Reward,
    exploration: Exploration::Inherent,
};

/// UCB1 in flight.
#[derive(Clone, Debug)]
pub struct State {
    c: f64,
    arms: Arms,
    /// 1 / sqrt(plays), kept so that a decision takes one logarithm and no division.
    narrowing: Vec<f64>,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        let n = prior.n_models();
        Self { c: config.c.get(), arms: Arms::new(n), narrowing: vec![0.0; n] }
    }
}

impl Learner for State {
    #[inline]
    fn choose(&self, _: &Context, eligible: ModelSet, stream: &mut Stream) -> Choice {
        let width = (self.c * math::ln(self.arms.total.max(1) as f64)).sqrt();
        greedy(eligible, stream, |m| {
            self.arms.index(m, |mean, _| mean + width * self.narrowing[m.index()])
        })
    }

    #[inline]
    fn learn(&mut self, feedback: &Feedback) {
        self.arms.book(feedback.model, feedback.reward);
        let i = feedback.model.index();
        self.narrowing[i] = 1.0 / f64::from(self.arms.plays[i]).sqrt();
    }

    fn belief(&self, _: &Context, model: ModelId) -> Option<f64> {
        self.arms.mean(model)
    }
}
