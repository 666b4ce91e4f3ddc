//! LinUCB with one regression for all models, over features of the request together with the model.

use serde::{Deserialize, Serialize};

use super::ridge::{Ridge, estimate, inputs, n_inputs};
use crate::bounded::{NonNegative, Positive};
use crate::domain::ModelSet;
use crate::learners::arms::greedy;
use crate::learners::{Card, Choice, Context, Feedback, Learner, Prior, Reads};
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `lin_ucb_shared`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Standard deviations between estimate and bound. Theory asks for 1 + sqrt(ln(2 / delta) / 2); 1 is the usual choice.
    pub alpha: NonNegative,
    /// Weight of the prior that all coefficients are 0, in results.
    pub lambda: Positive,
}

impl Default for Config {
    fn default() -> Self {
        Self { alpha: NonNegative::of(1.0), lambda: Positive::of(1.0) }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Predicts rewards from features of request and model by one regression for all models and plays the largest upper bound.",
    formula: "argmax x_a'theta + alpha sqrt(x_a'A^-1 x_a), A = lambda I + sum x x', theta = A^-1 sum reward x, over all models; ties at random",
    source: "Chu, Li, Reyzin, Schapire, \"Contextual bandits with linear payoff functions\", 2011",
    fails: "Assumes rewards linear in what is declared of the models (a constant for each model takes up the rest) and no drift; without features all models look alike.",
    reads: Reads::Pair,
    has_index: true,
    forgets: true,
    ..Card::BLANK
};

/// LinUCB in flight.
#[derive(Clone, Debug)]
pub struct State {
    alpha: f64,
    ridge: Ridge,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        let ridge = Ridge::new(n_inputs(prior), config.lambda.get());
        Self { alpha: config.alpha.get(), ridge }
    }

    #[inline]
    fn bound(&self, context: &Context<'_>, model: ModelId) -> f64 {
        let (mean, deviation) = estimate(&self.ridge, context, model);
        mean + self.alpha * deviation
    }
}

impl Learner for State {
    #[inline]
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        greedy(eligible, stream, |m| self.bound(context, m))
    }

    #[inline]
    fn learn(&mut self, feedback: &Feedback<'_>) {
        self.ridge.add(inputs(&feedback.context, feedback.model), feedback.reward);
    }

    fn belief(&self, context: &Context<'_>, model: ModelId) -> Option<f64> {
        (self.ridge.n > 0.0).then(|| self.ridge.mean(inputs(context, model)))
    }

    fn index(&self, context: &Context<'_>, model: ModelId, _: &mut Stream) -> f64 {
        self.bound(context, model)
    }

    fn fade(&mut self, factor: f64) {
        self.ridge.fade(factor);
    }

    fn unlearn(&mut self, feedback: &Feedback<'_>) {
        self.ridge.remove(inputs(&feedback.context, feedback.model), feedback.reward);
    }
}
