//! Spending at a target rate: a price on cost, by dual ascent, over any learner that plays the largest index (Balseiro, Gur,
//! "Learning in repeated auctions with budgets: regret minimization and equilibrium", 2019).

use serde::{Deserialize, Serialize};

use crate::bounded::Positive;
use crate::domain::{ModelSet, Propensity};
use crate::learners::arms::largest;
use crate::learners::{Card, Choice, Context, Feedback, Learner, Prior};
use crate::sim::stream::Stream;

/// How it is described.
pub const CARD: Card = Card {
    summary: "Spending is held at a target rate by a price on cost.",
    formula: "argmax index - price x cost / target; price <- min(max_price, max(0, price + eta (cost / target - 1)))",
    source: "Balseiro, Gur, \"Learning in repeated auctions with budgets\", 2019",
    fails: "Needs a learner with an index; spends too much until the price has risen, at most target x max_price / eta more.",
    ..Card::BLANK
};

/// Spending at a target rate: the model with the largest index less price x cost / target is played.
///
/// The price rises with every result that cost more than the target and falls with every one that cost less: price <-
/// price + eta (cost / target - 1), between 0 and `max_price`. While it stays below `max_price`, n results cost at most
/// target x (n + max_price / eta).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pacing {
    /// The mean cost of a call that is aimed at: in USD on a stack, in cost units in bandit mode. Calls by retries and
    /// fallbacks count like the learner's own.
    #[schemars(example = 0.002)]
    pub cost_per_decision: Positive,
    /// Step of the price.
    #[serde(default = "one_twentieth")]
    pub eta: Positive,
    /// The largest price: the index that a cost of one target may take off. 5 is more than rewards in 0..1 can outweigh.
    #[serde(default = "five")]
    pub max_price: Positive,
}

fn one_twentieth() -> Positive {
    Positive::of(0.05)
}

fn five() -> Positive {
    Positive::of(5.0)
}

/// The price in flight.
#[derive(Clone, Debug)]
pub struct Paced {
    rule: Pacing,
    /// The target in cost units.
    target: f64,
    price: f64,
    /// Results seen and mean cost by model, as a multiple of the target; the declared cost before the first result.
    costs: Vec<(f64, f64)>,
}

impl Paced {
    /// A price of 0.
    #[must_use]
    pub fn new(rule: Pacing, prior: &Prior) -> Self {
        let target = rule.cost_per_decision.get() / prior.cost_unit;
        let costs = prior.costs.iter().map(|cost| (0.0, cost / target)).collect();
        Self { rule, target, price: 0.0, costs }
    }

    /// The choice that the learner's indices and the price make.
    pub fn choose(
        &self,
        learner: &impl Learner,
        context: &Context<'_>,
        eligible: ModelSet,
        stream: &mut Stream,
    ) -> Choice {
        let undrawn = stream.clone();
        let mut draws = stream.clone();
        let (model, n_ties) = largest(eligible, stream, |m| {
            learner.index(context, m, &mut draws) - self.price * self.costs[m.index()].1
        });
        // Indices that drew nothing leave nothing to chance but ties.
        let propensity = match draws == undrawn {
            true => Propensity::Exact(1.0 / f64::from(n_ties)),
            false => Propensity::Unknown,
        };
        Choice { model, propensity, explored: false }
    }

    /// A call has been paid.
    pub fn paid(&mut self, feedback: &Feedback<'_>) {
        let cost = feedback.cost / self.target;
        let (n, mean) = &mut self.costs[feedback.model.index()];
        *n += 1.0;
        *mean += (cost - *mean) / *n;
        let moved = self.price + self.rule.eta.get() * (cost - 1.0);
        self.price = moved.clamp(0.0, self.rule.max_price.get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learners::{AnyLearner, LearnerConfig};
    use crate::sim::stream::{Purpose, Streams};
    use crate::units::{Level, ModelId, TaskId};

    const SEED: u64 = 20_261_122;
    const TARGET: f64 = 0.4;

    fn prior() -> Prior {
        Prior { costs: vec![1.0, 0.2], ..Prior::of_scores(vec![[50.0; 4]; 2]) }
    }

    fn learner(name: &str) -> AnyLearner {
        let config: LearnerConfig =
            serde_json::from_value(serde_json::json!({ name: {} })).expect("it has defaults");
        config.build(&prior())
    }

    fn paced() -> Paced {
        let written = serde_json::json!({ "cost_per_decision": TARGET });
        Paced::new(serde_json::from_value(written).expect("a pacing"), &prior())
    }

    fn result(model: ModelId, reward: f64, cost: f64) -> Feedback<'static> {
        Feedback { cost, ..Feedback::answered(Context::plain(Level::L1, 0), model, reward) }
    }

    #[test]
    fn spending_keeps_to_the_target_between_a_dear_and_a_cheap_model() {
        let (streams, eligible) = (Streams::new(SEED), ModelSet::first(2));
        for name in ["ucb1", "thompson_beta"] {
            let (mut learner, mut paced) = (learner(name), paced());
            let (from, to) = (1_000, 20_000);
            let (mut spent, mut price_at_start) = (0.0, 0.0);
            for t in 0..to {
                if t == from {
                    (spent, price_at_start) = (0.0, paced.price);
                }
                let mut draws = streams.task(Purpose::Choice, TaskId(t));
                let context = Context::plain(Level::L1, 0);
                let choice = paced.choose(&learner, &context, eligible, &mut draws);
                assert_eq!(choice.propensity == Propensity::Unknown, name == "thompson_beta");
                let (mean, cost) = [(0.9, 1.0), (0.5, 0.2)][choice.model.index()];
                let mut call = streams.call(Purpose::Call, TaskId(t), choice.model, 0, 0);
                let reward = f64::from(u8::from(call.uniform() < mean));
                let feedback = result(choice.model, reward, cost);
                paced.paid(&feedback);
                learner.learn(&feedback);
                spent += cost;
                // Inside its limits the price is the sum of what was overspent, which makes the last figure exact.
                assert!(t < from || (paced.price > 0.0 && paced.price < 5.0), "{name} at {t}");
            }
            let n = (to - from) as f64;
            let overspent = (paced.price - price_at_start) / 0.05;
            assert!((spent / TARGET - n - overspent).abs() < 1e-6, "{name} spent {spent}");
            assert!((spent / n / TARGET - 1.0).abs() <= 5.0 / 0.05 / n, "{name} spent {spent}");
        }
    }

    #[test]
    fn a_model_costs_what_was_declared_until_it_is_called_and_then_what_was_paid() {
        let mut paced = paced();
        paced.paid(&result(ModelId(0), 1.0, 0.8));
        paced.paid(&result(ModelId(0), 1.0, 0.4));
        // 0.05 x (0.8 / 0.4 - 1) + 0.05 x (0.4 / 0.4 - 1)
        assert!((paced.price - 0.05).abs() < 1e-12);
        let costs: Vec<f64> = paced.costs.iter().map(|(_, cost)| cost * TARGET).collect();
        assert!((costs[0] - 0.6).abs() < 1e-12 && (costs[1] - 0.2).abs() < 1e-12, "{costs:?}");
        // A free call takes 0.05 off, and a price is never below 0.
        paced.paid(&result(ModelId(1), 1.0, 0.0));
        paced.paid(&result(ModelId(1), 1.0, 0.0));
        assert_eq!(paced.price, 0.0);
    }

    #[test]
    fn a_target_in_usd_is_turned_into_cost_units() {
        let prior = Prior { cost_unit: 0.01, ..prior() };
        let rule = Pacing {
            cost_per_decision: Positive::of(0.004),
            eta: one_twentieth(),
            max_price: five(),
        };
        assert!((Paced::new(rule, &prior).target - TARGET).abs() < 1e-12);
    }
}
