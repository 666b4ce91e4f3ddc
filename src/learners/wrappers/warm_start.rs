//! A start from declared scores instead of from nothing.

use serde::{Deserialize, Serialize};

use crate::bounded::{Count, Probability};
use crate::domain::{Outcome, Propensity};
use crate::learners::{AnyLearner, Card, Context, Feedback, Learner, Prior};
use crate::units::{Level, ModelId};

/// How it is described.
pub const CARD: Card = Card {
    summary: "The learner starts with results that agree with the declared scores.",
    formula: "so many results of reward score / 100 x full_score per model, before the first decision",
    source: "pseudo-observations, as in Shivaswamy, Joachims, \"Multi-armed bandit problems with history\", 2012",
    fails: "Declared scores that are wrong mislead until as many real results outweigh them.",
    ..Card::BLANK
};

/// A learner that starts as if it had seen results that agree with the declared scores.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WarmStart {
    /// Results per model (and level, where the learner keeps levels itself): how much the declared scores weigh.
    pub results: Count,
    /// The reward that a declared score of 100 stands for; 0 is the reward of a score of 0.
    pub full_score: Probability,
}

impl Default for WarmStart {
    fn default() -> Self {
        Self { results: Count::of(5), full_score: Probability::of(1.0) }
    }
}

impl WarmStart {
    /// Feeds the results: each model's declared score as a reward, at every level that the learner tells apart.
    pub fn teach(&self, learner: &mut AnyLearner, keeps_levels: bool, prior: &Prior) {
        let levels: &[Option<Level>] =
            if keeps_levels { &Level::ALL.map(Some) } else { &[prior.level] };
        let models = || (0..prior.n_models() as u16).map(ModelId);
        for _ in 0..self.results.get() {
            for (&level, model) in levels.iter().flat_map(|l| models().map(move |m| (l, m))) {
                let declared = prior.declared_reward(model, level);
                learner.learn(&Feedback {
                    context: Context::plain(level.unwrap_or(Level::L1), 0),
                    model,
                    outcome: Outcome::Success,
                    served: true,
                    quality: 100.0 * declared,
                    reward: declared * self.full_score.get(),
                    cost: prior.costs[model.index()],
                    own: false,
                    propensity: Propensity::Unknown,
                });
            }
        }
    }
}
