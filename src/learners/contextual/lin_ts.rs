//! Linear Thompson sampling, with one regression for each model.

use serde::{Deserialize, Serialize};

use super::ridge::Ridges;
use crate::bounded::{NonNegative, Positive};
use crate::domain::ModelSet;
use crate::learners::arms::drawn_largest;
use crate::learners::{Card, Choice, Context, Feedback, Learner, Prior, Reads};
use crate::sim::sample::standard_normal;
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `lin_ts`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Assumed standard deviation of one reward. Theory asks for R sqrt(9 d ln(t / delta)); 0.1 to 0.5 is what is used.
    pub v: NonNegative,
    /// Weight of the prior that all coefficients are 0, in results.
    pub lambda: Positive,
}

impl Default for Config {
    fn default() -> Self {
        Self { v: NonNegative::of(0.3), lambda: Positive::of(1.0) }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Samples each model's coefficients from the belief of its regression and plays the largest predicted reward.",
    formula: "argmax x'theta~, theta~ ~ N(theta, v^2 A^-1) by model, which is x'theta + v sqrt(x'A^-1 x) z with z ~ N(0, 1), as models share no coefficient",
    source: "Agrawal, Goyal, \"Thompson sampling for contextual bandits with linear payoffs\", 2013",
    fails: "Assumes rewards linear in the features and no drift; a small v settles on a wrong model for long; its propensity has no closed form.",
    reads: Reads::Request,
    has_index: true,
    forgets: true,
    ..Card::BLANK
};

/// Thompson sampling in flight.
#[derive(Clone, Debug)]
pub struct State {
    v: f64,
    ridges: Ridges,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        Self { v: config.v.get(), ridges: Ridges::new(prior, config.lambda.get()) }
    }
}

impl Learner for State {
    #[inline]
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        drawn_largest(eligible, stream, |m, draws| self.index(context, m, draws))
    }

    #[inline]
    fn learn(&mut self, feedback: &Feedback<'_>) {
        self.ridges.add(feedback);
    }

    fn belief(&self, context: &Context<'_>, model: ModelId) -> Option<f64> {
        self.ridges.belief(context, model)
    }

    #[inline]
    fn index(&self, context: &Context<'_>, model: ModelId, stream: &mut Stream) -> f64 {
        let (mean, deviation) = self.ridges.estimate(context, model);
        mean + self.v * deviation * standard_normal(stream)
    }

    fn fade(&mut self, factor: f64) {
        self.ridges.fade(factor);
    }

    fn unlearn(&mut self, feedback: &Feedback<'_>) {
        self.ridges.remove(feedback);
    }
}
