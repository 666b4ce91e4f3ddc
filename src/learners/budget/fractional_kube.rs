//! Fractional KUBE: the largest upper bound of the reward for the money.

use serde::{Deserialize, Serialize};

use crate::domain::ModelSet;
use crate::learners::arms::{Arms, greedy};
use crate::learners::{Card, Choice, Context, Feedback, Learner, Prior};
use crate::math;
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// `fractional_kube` has no keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Plays the model with the largest upper confidence bound of its mean reward for its mean cost.",
    formula: "argmax (mean + sqrt(2 ln t / plays)) / cost, t = rewards seen + 1, cost = mean cost seen (as declared while that is 0); every model once first; ties at random",
    source: "Tran-Thanh, Chapman, Rogers, Jennings, \"Knapsack based optimal policies for budget-limited multi-armed bandits\", 2012",
    fails: "Assumes rewards in 0..1, costs that hardly vary and no drift, and that the budget runs out; the paper knows the costs, here their means are learned; a model whose calls fail for nothing looks like a bargain.",
    forgets: true,
    ..Card::BLANK
};

/// Whatever costs less counts as this much, so that models that cost nothing are still told apart by their rewards.
const FREE: f64 = 1e-9;

/// Fractional KUBE in flight.
#[derive(Clone, Debug)]
pub struct State {
    rewards: Arms,
    costs: Arms,
    declared: Vec<f64>,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(_: &Config, prior: &Prior) -> Self {
        let arms = Arms::new(prior.n_models());
        Self { rewards: arms.clone(), costs: arms, declared: prior.costs.clone() }
    }

    fn cost(&self, model: ModelId) -> f64 {
        let cost = match self.costs.means[model.index()] {
            0.0 => self.declared[model.index()],
            seen => seen,
        };
        cost.max(FREE)
    }
}

impl Learner for State {
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        let log = 2.0 * math::ln(self.rewards.total + 1.0);
        greedy(eligible, stream, |m| {
            self.rewards.index(context, m, |mean, n| (mean + (log / n).sqrt()) / self.cost(m))
        })
    }

    fn learn(&mut self, feedback: &Feedback<'_>) {
        self.rewards.book(feedback.model, feedback.reward);
        self.costs.book(feedback.model, feedback.cost);
    }

    fn belief(&self, _: &Context<'_>, model: ModelId) -> Option<f64> {
        self.rewards.mean(model)
    }

    fn fade(&mut self, factor: f64) {
        self.rewards.fade(factor);
        self.costs.fade(factor);
    }

    fn unlearn(&mut self, feedback: &Feedback<'_>) {
        self.rewards.unbook(feedback.model, feedback.reward);
        self.costs.unbook(feedback.model, feedback.cost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Propensity;
    use crate::sim::stream::{Purpose, Streams};
    use crate::units::Level;

    #[test]
    fn the_index_is_bound_over_mean_cost() {
        let prior = Prior { costs: vec![0.5; 3], ..Prior::of_scores(vec![[50.0; 4]; 3]) };
        let mut learner = State::new(&Config {}, &prior);
        let context = Context::plain(Level::L1, 0);
        let mut play = |model, reward, cost, times| {
            for _ in 0..times {
                learner.learn(&Feedback {
                    cost,
                    ..Feedback::answered(context, ModelId(model), reward)
                });
            }
        };
        play(0, 0.9, 0.8, 60);
        play(1, 0.4, 0.2, 30);
        play(2, 0.1, 0.0, 9);
        // t = 100: (0.9 + 0.3918) / 0.8 = 1.61, (0.4 + 0.5541) / 0.2 = 4.77, and as declared (0.1 + 1.0116) / 0.5 = 2.22.
        let two: ModelSet = [0, 2].into_iter().map(ModelId).collect();
        for (eligible, best) in [(ModelSet::first(3), 1), (two, 2)] {
            let mut draws = Streams::new(1).nth(Purpose::Choice, 0);
            let choice = learner.choose(&context, eligible, &mut draws);
            assert_eq!((choice.model, choice.propensity), (ModelId(best), Propensity::Exact(1.0)));
        }
    }
}
