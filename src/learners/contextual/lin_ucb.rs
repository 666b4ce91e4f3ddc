//! LinUCB: an upper confidence bound of a linear reward, with one regression for each model.

use serde::{Deserialize, Serialize};

use super::ridge::Ridges;
use crate::bounded::{NonNegative, Positive};
use crate::domain::ModelSet;
use crate::learners::arms::greedy;
use crate::learners::{Card, Choice, Context, Feedback, Learner, Prior, Reads};
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `lin_ucb`.
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
    summary: "Predicts each model's reward from the request by a regression of its own and plays the largest upper bound.",
    formula: "argmax x'theta + alpha sqrt(x'A^-1 x), A = lambda I + sum x x', theta = A^-1 sum reward x, by model; ties at random",
    source: "Li, Chu, Langford, Schapire, \"A contextual-bandit approach to personalized news article recommendation\", 2010",
    fails: "Assumes rewards linear in the features and no drift; nothing learned of one model helps with another; bounds are in units of alpha whatever the noise.",
    reads: Reads::Request,
    has_index: true,
    forgets: true,
    ..Card::BLANK
};

/// LinUCB in flight.
#[derive(Clone, Debug)]
pub struct State {
    alpha: f64,
    ridges: Ridges,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        Self { alpha: config.alpha.get(), ridges: Ridges::new(prior, config.lambda.get()) }
    }

    #[inline]
    fn bound(&self, context: &Context<'_>, model: ModelId) -> f64 {
        let (mean, deviation) = self.ridges.estimate(context, model);
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
        self.ridges.add(feedback);
    }

    fn belief(&self, context: &Context<'_>, model: ModelId) -> Option<f64> {
        self.ridges.belief(context, model)
    }

    fn index(&self, context: &Context<'_>, model: ModelId, _: &mut Stream) -> f64 {
        self.bound(context, model)
    }

    fn fade(&mut self, factor: f64) {
        self.ridges.fade(factor);
    }

    fn unlearn(&mut self, feedback: &Feedback<'_>) {
        self.ridges.remove(feedback);
    }
}
