//! The plan's executor score rule: as the router's, without bonus and clamp.

use serde::{Deserialize, Serialize};

use crate::domain::{ModelSet, Outcome, Propensity};
use crate::learners::arms::first_largest;
use crate::learners::{BeliefScale, Card, Choice, Context, Exploration, Feedback, Learner, Prior};
use crate::sim::stream::Stream;
use crate::units::{ModelId, PerLevel};

/// `stage4_executor_rule` has no keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Plays the largest level score; scores start as declared and are moving averages of quality.",
    formula: "score <- keep score + (1 - keep) quality: keep .8 success, .9 partial, .5 failure, .3 api_error, .4 timeout, else .5; ties to the first model",
    source: "Stage 4 plan, executor (stage4 section 6)",
    fails: "Never explores: a model that lost its lead by bad luck is not asked again while another's score stays above.",
    keeps_levels: true,
    belief: BeliefScale::Score,
    exploration: Exploration::Never,
    ..Card::BLANK
};

/// The executor does not leave out a model short of tokens; it multiplies its score by this (stage4 section 4).
const SHORT_FACTOR: f64 = 0.3;

/// The scores in flight.
#[derive(Clone, Debug)]
pub struct State {
    scores: Vec<PerLevel<f64>>,
}

impl State {
    /// Scores as declared.
    #[must_use]
    pub fn new(_: &Config, prior: &Prior) -> Self {
        Self { scores: prior.scores.clone() }
    }
}

/// The score after one result.
#[must_use]
pub fn moved(score: f64, outcome: Outcome, quality: f64) -> f64 {
    let keep = match outcome {
        Outcome::Success => 0.8,
        Outcome::Partial => 0.9,
        Outcome::ApiError | Outcome::ConnectionError => 0.3,
        Outcome::Timeout => 0.4,
        _ => 0.5,
    };
    keep * score + (1.0 - keep) * quality
}

impl Learner for State {
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, _: &mut Stream) -> Choice {
        let level = context.level.index();
        let model = first_largest(eligible, |m| {
            let score = self.scores[m.index()][level];
            if context.short.contains(m) { SHORT_FACTOR * score } else { score }
        });
        Choice { model, propensity: Propensity::Exact(1.0), explored: false }
    }

    fn learn(&mut self, feedback: &Feedback<'_>) {
        let score = &mut self.scores[feedback.model.index()][feedback.context.level.index()];
        *score = moved(*score, feedback.outcome, feedback.quality);
    }

    fn belief(&self, context: &Context<'_>, model: ModelId) -> Option<f64> {
        Some(self.scores[model.index()][context.level.index()])
    }
}
