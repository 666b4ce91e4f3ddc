//! The plan's router score rule: the largest score of the level is called, and every result moves it.

use serde::{Deserialize, Serialize};

use crate::domain::{ModelSet, Outcome, Propensity};
use crate::learners::arms::first_largest;
use crate::learners::{BeliefScale, Card, Choice, Context, Exploration, Feedback, Learner, Prior};
use crate::sim::stream::Stream;
use crate::units::{ModelId, PerLevel};

/// `stage4_router_rule` has no keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Plays the largest level score; scores start as declared, move with every result and are clamped to 0..100.",
    formula: "score <- clamp(keep score + (1 - keep) quality + bonus): success .8, its quality, +10; partial .9, 50, 0; failure .5, 0, -20; api_error .3, -10, -30; else .7, 25, 0; ties to the first model",
    source: "Stage 4 plan, router (stage4 section 6)",
    fails: "With successes of mean quality >= 50 every score ends at 100: the rule saturates and cannot tell models apart.",
    keeps_levels: true,
    belief: BeliefScale::Score,
    exploration: Exploration::Never,
    ..Card::BLANK
};

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
    let (keep, quality, bonus) = match outcome {
        Outcome::Success => (0.8, quality, 10.0),
        Outcome::Partial => (0.9, 50.0, 0.0),
        Outcome::Failure => (0.5, 0.0, -20.0),
        Outcome::ApiError | Outcome::ConnectionError => (0.3, -10.0, -30.0),
        _ => (0.7, 25.0, 0.0),
    };
    (keep * score + (1.0 - keep) * quality + bonus).clamp(0.0, 100.0)
}

impl Learner for State {
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, _: &mut Stream) -> Choice {
        let level = context.level.index();
        let model = first_largest(eligible, |m| self.scores[m.index()][level]);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn successes_of_quality_above_50_saturate() {
        // Fixed point 50 + quality, clamped: stage4 section 6.
        for (quality, fixed_point) in [(30.0, 80.0), (50.0, 100.0), (90.0, 100.0)] {
            let mut score = 10.0;
            for _ in 0..200 {
                score = moved(score, Outcome::Success, quality);
            }
            assert!((score - fixed_point).abs() < 1e-9, "quality {quality} ends at {score}");
        }
    }
}
