//! Budgeted Thompson sampling: Beta beliefs of rewards and of costs.

use serde::{Deserialize, Serialize};

use crate::domain::ModelSet;
use crate::learners::arms::drawn_largest;
use crate::learners::stationary::thompson_beta;
use crate::learners::{Card, Choice, Context, Feedback, Learner, Prior};
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// `budgeted_thompson` has no keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Samples each model's mean reward and mean cost from Beta beliefs and plays the largest ratio.",
    formula: "argmax theta_r / theta_c, theta_r ~ Beta(1 + sum of rewards, 1 + sum of (1 - reward)), theta_c likewise of costs; fractions count as fractions",
    source: "Xia, Li, Qin, Yu, Liu, \"Thompson sampling for budgeted multi-armed bandits\", 2015",
    fails: "Assumes rewards and costs in 0..1 (others are clamped; a cost of 1 is the declared cost of the dearest model's usual call) and that the budget runs out: where it does not, the best ratio is not the best reward.",
    forgets: true,
    ..Card::BLANK
};

/// Budgeted Thompson sampling in flight.
#[derive(Clone, Debug)]
pub struct State {
    rewards: thompson_beta::State,
    costs: thompson_beta::State,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(_: &Config, prior: &Prior) -> Self {
        let uniform = thompson_beta::State::new(&thompson_beta::Config::default(), prior);
        Self { rewards: uniform.clone(), costs: uniform }
    }
}

impl Learner for State {
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        drawn_largest(eligible, stream, |m, draws| {
            self.rewards.index(context, m, draws) / self.costs.index(context, m, draws)
        })
    }

    fn learn(&mut self, feedback: &Feedback<'_>) {
        self.rewards.learn(feedback);
        self.costs.learn(&Feedback { reward: feedback.cost, ..*feedback });
    }

    fn belief(&self, context: &Context<'_>, model: ModelId) -> Option<f64> {
        self.rewards.belief(context, model)
    }

    fn fade(&mut self, factor: f64) {
        self.rewards.fade(factor);
        self.costs.fade(factor);
    }

    fn unlearn(&mut self, feedback: &Feedback<'_>) {
        self.rewards.unlearn(feedback);
        self.costs.unlearn(&Feedback { reward: feedback.cost, ..*feedback });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Propensity;
    use crate::sim::stream::{Purpose, Streams};
    use crate::units::{Level, TaskId};

    #[test]
    fn it_finds_the_best_ratio_and_not_the_best_reward() {
        let mut learner = State::new(&Config {}, &Prior::of_scores(vec![[50.0; 4]; 3]));
        let (streams, context) = (Streams::new(17), Context::plain(Level::L1, 0));
        let mut counts = [0; 3];
        for t in (0..4_000).map(TaskId) {
            let mut draws = streams.task(Purpose::Choice, t);
            let choice = learner.choose(&context, ModelSet::first(3), &mut draws);
            assert_eq!(choice.propensity, Propensity::Unknown);
            counts[choice.model.index()] += 1;
            let mut call = streams.call(Purpose::Call, t, choice.model, 0, 0);
            let mut bernoulli = |p: f64| f64::from(u8::from(call.uniform() < p));
            // Ratios 1, 2 and 0.5.
            let (mean, cost) = [(0.9, 0.9), (0.5, 0.25), (0.2, 0.4)][choice.model.index()];
            learner.learn(&Feedback {
                cost: bernoulli(cost),
                propensity: choice.propensity,
                ..Feedback::answered(context, choice.model, bernoulli(mean))
            });
        }
        // A ratio of 2 lies several standard deviations of either belief above the others after some ten plays.
        assert!(counts[1] > 3_600, "{counts:?}, seed 17");
    }
}
