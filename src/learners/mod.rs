//! Learning algorithms: each in one file (`Config`, `State`, `CARD`) and one row of the table below.
//!
//! A learner sees contexts, what it chose and what came of it; it knows no world, no clock and no generator of its own.

pub mod arms;
pub mod epsilon_greedy;
pub mod stage4_executor_rule;
pub mod stage4_q;
pub mod stage4_router_rule;
pub mod thompson_beta;
pub mod thompson_gaussian;
pub mod ucb1;

use serde::{Deserialize, Serialize};

use crate::domain::{ModelSet, Outcome, Propensity};
use crate::sim::stream::Stream;
use crate::units::{Level, ModelId, PerLevel};

/// What is known when a decision is due.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// The step's level.
    pub level: Level,
    /// Local hour of the day, 0-23.
    pub hour: u8,
    /// Models believed to be short of tokens (they are eligible only where the order keeps them).
    pub short: ModelSet,
}

/// A decision.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// The model chosen.
    pub model: ModelId,
    /// The probability with which it was chosen.
    pub propensity: Propensity,
    /// Chosen in order to learn rather than for its estimate, where the algorithm knows the difference.
    pub explored: bool,
}

/// What came of one call.
#[derive(Clone, Copy, Debug)]
pub struct Feedback {
    /// The context of the decision.
    pub context: Context,
    /// The model called.
    pub model: ModelId,
    /// How the call ended.
    pub outcome: Outcome,
    /// The outcome counts as an answer.
    pub served: bool,
    /// Quality, 0-100 (nominal where there is no answer).
    pub quality: f64,
    /// The reward that the stack feeds its learner.
    pub reward: f64,
    /// Probability with which the learner chose the model, if it did.
    pub propensity: Propensity,
}

/// What a learner may start from.
#[derive(Clone, Debug)]
pub struct Prior {
    /// Declared score of every model at every level, 0-100.
    pub scores: Vec<PerLevel<f64>>,
}

impl Prior {
    /// Number of models.
    #[must_use]
    pub fn n_models(&self) -> usize {
        self.scores.len()
    }
}

/// An online learning algorithm.
///
/// `choose` may not change the learner, so that a router can ask what it would choose; all state changes in `learn`.
pub trait Learner {
    /// Chooses among `eligible`, which is never empty.
    fn choose(&self, context: &Context, eligible: ModelSet, stream: &mut Stream) -> Choice;
    /// Takes in what came of one call.
    fn learn(&mut self, feedback: &Feedback);
    /// What it believes of a model, on the scale of its card; `None` as long as it believes nothing.
    fn belief(&self, context: &Context, model: ModelId) -> Option<f64>;
}

/// How a learner is described to people.
#[derive(Clone, Copy, Debug)]
pub struct Card {
    /// One sentence.
    pub summary: &'static str,
    /// The rule in formulas.
    pub formula: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// What it assumes, and when it fails.
    pub fails: &'static str,
    /// It keeps a table per level itself, so `learner_scope` does not split it.
    pub keeps_levels: bool,
    /// It keeps a table per quarter of the day.
    pub keeps_hours: bool,
    /// What a belief is.
    pub belief: BeliefScale,
    /// How it comes to call a model that it does not think best.
    pub exploration: Exploration,
}

/// How a learner comes to call a model that it does not think best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exploration {
    /// Not of its own accord: what it thinks worse is called when others are not to be had.
    Never,
    /// By choices of their own, which are marked.
    Marked,
    /// In every choice: a bound or a draw in place of the estimate; none is marked.
    Inherent,
}

/// What a learner's belief of a model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeliefScale {
    /// A score of 0-100 or thereabouts.
    Score,
    /// The mean reward of a call.
    Reward,
    /// The value of an action: rewards to come, discounted.
    Value,
}

impl BeliefScale {
    /// The name in tables and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Score => "score",
            Self::Reward => "mean_reward",
            Self::Value => "action_value",
        }
    }
}

macro_rules! learners {
    ($($(#[doc = $doc:literal])+ $variant:ident = $module:ident, $name:literal;)+) => {
        /// A learner as written in a scenario: exactly one of these, with its keys.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub enum LearnerConfig {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $variant($module::Config),)+
        }

        /// Any of the learners, without indirection in the hot loop.
        #[derive(Clone, Debug)]
        pub enum AnyLearner {
            $($(#[doc = $doc])+ $variant($module::State),)+
        }

        /// Name and card of every learner, in the order of the table.
        pub const CARDS: &[(&str, Card)] = &[$(($name, $module::CARD),)+];

        impl LearnerConfig {
            /// A fresh learner.
            #[must_use]
            pub fn build(&self, prior: &Prior) -> AnyLearner {
                match self {
                    $(Self::$variant(config) => AnyLearner::$variant($module::State::new(config, prior)),)+
                }
            }

            /// Name in scenarios.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)+ }
            }

            /// Its card.
            #[must_use]
            pub fn card(&self) -> Card {
                match self { $(Self::$variant(_) => $module::CARD,)+ }
            }
        }

        impl Learner for AnyLearner {
            #[inline]
            fn choose(&self, context: &Context, eligible: ModelSet, stream: &mut Stream) -> Choice {
                match self { $(Self::$variant(state) => state.choose(context, eligible, stream),)+ }
            }

            #[inline]
            fn learn(&mut self, feedback: &Feedback) {
                match self { $(Self::$variant(state) => state.learn(feedback),)+ }
            }

            #[inline]
            fn belief(&self, context: &Context, model: ModelId) -> Option<f64> {
                match self { $(Self::$variant(state) => state.belief(context, model),)+ }
            }
        }
    };
}

learners! {
    /// The plan's router score rule: a clamped moving score with bonuses.
    Stage4RouterRule = stage4_router_rule, "stage4_router_rule";
    /// The plan's executor score rule: a moving score without bonus or clamp.
    Stage4ExecutorRule = stage4_executor_rule, "stage4_executor_rule";
    /// The plan's tabular Q-learning over level x time of day.
    Stage4Q = stage4_q, "stage4_q";
    /// Mostly the best mean so far, sometimes any model.
    EpsilonGreedy = epsilon_greedy, "epsilon_greedy";
    /// The largest upper confidence bound of the mean.
    Ucb1 = ucb1, "ucb1";
    /// Posterior sampling with Beta beliefs.
    ThompsonBeta = thompson_beta, "thompson_beta";
    /// Posterior sampling with Gaussian beliefs.
    ThompsonGaussian = thompson_gaussian, "thompson_gaussian";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::stream::{Purpose, Streams};
    use crate::units::TaskId;

    fn every_learner() -> impl Iterator<Item = (&'static str, AnyLearner)> {
        let prior = Prior { scores: vec![[50.0; 4]; 5] };
        CARDS.iter().map(move |(name, _)| {
            let written = serde_json::json!({ *name: {} });
            let config: LearnerConfig =
                serde_json::from_value(written).expect("every learner has defaults");
            assert_eq!(config.name(), *name);
            (*name, config.build(&prior))
        })
    }

    #[test]
    fn every_learner_prefers_the_better_model_and_stays_eligible() {
        for (name, mut learner) in every_learner() {
            let streams = Streams::new(11);
            let eligible: ModelSet = [1, 2, 4].into_iter().map(ModelId).collect();
            let context = Context { level: Level::L2, hour: 9, short: ModelSet::EMPTY };
            let mut good = 0;
            let n = 3000_u32;
            for t in 0..n {
                let mut stream = streams.task(Purpose::Choice, TaskId(t.into()));
                let choice = learner.choose(&context, eligible, &mut stream);
                assert!(eligible.contains(choice.model), "{name} chose a closed model");
                if let Propensity::Exact(p) = choice.propensity {
                    assert!(p > 0.0 && p <= 1.0, "{name} gives probability {p}");
                }
                let served = choice.model == ModelId(4) || t % 5 == 0;
                good += u32::from(choice.model == ModelId(4));
                learner.learn(&Feedback {
                    context,
                    model: choice.model,
                    outcome: if served { Outcome::Success } else { Outcome::Failure },
                    served,
                    quality: if served { 96.0 } else { 0.0 },
                    reward: f64::from(u8::from(served)),
                    propensity: choice.propensity,
                });
            }
            assert!(good > n * 7 / 10, "{name} found the best model {good} times of {n}, seed 11");
        }
    }

    #[test]
    fn cards_are_complete() {
        for (name, card) in CARDS {
            for text in [card.summary, card.formula, card.source, card.fails] {
                assert!(text.len() > 10, "{name} has an empty line in its card");
            }
        }
    }
}
