//! `PrimalDualBwK`: rewards against what they cost in money and time, at prices that follow use.

use serde::{Deserialize, Serialize};

use crate::bounded::{Count, Positive};
use crate::domain::ModelSet;
use crate::learners::arms::{Arms, greedy};
use crate::learners::{Card, Choice, Context, Feedback, Learner, Prior};
use crate::math;
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `primal_dual_bwk`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What may be spent in all, in cost units: USD over the declared cost of the dearest model's usual call. By default
    /// what is known of the run, else what the decisions to come cost on average over the models, as declared.
    #[schemars(example = 1000.0)]
    pub budget: Option<Positive>,
    /// Decisions to come; by default what is known of the run, else 10,000.
    #[schemars(example = 10_000)]
    pub horizon: Option<Count>,
    /// How cautious bounds are: C in sqrt(C mean / plays) + C / plays. By default the theory's ln(2 K horizon) for K models,
    /// which is very cautious.
    #[schemars(example = 1.0)]
    pub caution: Option<Positive>,
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Plays the largest bound of reward over priced use of money and time; a resource's price grows with its use.",
    formula: "argmax UCB_r / (y LCB_c + (1 - y) B / T), bounds mean +- (sqrt(C mean / plays) + C / plays) within 0..1; y = v_c / (v_c + v_t), v_c *= (1 + eps)^LCB_c, v_t *= (1 + eps)^(B/T), eps = sqrt(ln 2 / B); every model once first; ties at random",
    source: "Badanidiyuru, Kleinberg, Slivkins, \"Bandits with knapsacks\", 2013 (time is the second resource, as there)",
    fails: "Assumes rewards and costs in 0..1 (costs are clamped), no drift, and a budget known beforehand; its bounds need some hundred plays of each model; it does not stop when the budget is spent.",
    ..Card::BLANK
};

/// `PrimalDualBwK` in flight.
#[derive(Clone, Debug)]
pub struct State {
    rewards: Arms,
    costs: Arms,
    caution: f64,
    /// What time a decision uses, in the budget's unit: B / T.
    time: f64,
    /// ln(1 + eps).
    step: f64,
    /// ln(v_c / v_t).
    log_price: f64,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        let (n, horizon) = (prior.n_models(), prior.horizon(config.horizon.map(Count::get)));
        let mean_cost = match prior.costs.iter().sum::<f64>() / n as f64 {
            0.0 => 0.5,
            declared => declared,
        };
        let known = config.budget.map(Positive::get).or(prior.budget);
        let budget = known.unwrap_or(mean_cost * horizon as f64);
        let theory = math::ln(2.0 * n as f64 * horizon as f64);
        Self {
            rewards: Arms::new(n),
            costs: Arms::new(n),
            caution: config.caution.map_or(theory, Positive::get),
            time: budget / horizon as f64,
            step: math::ln(1.0 + (std::f64::consts::LN_2 / budget).sqrt()),
            log_price: 0.0,
        }
    }

    fn radius(&self, mean: f64, n: f64) -> f64 {
        (self.caution * mean / n).sqrt() + self.caution / n
    }

    fn least_cost(&self, model: ModelId, n: f64) -> f64 {
        let mean = self.costs.means[model.index()];
        (mean - self.radius(mean, n)).max(0.0)
    }
}

impl Learner for State {
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        let (of_cost, of_time) = (math::logistic(self.log_price), math::logistic(-self.log_price));
        greedy(eligible, stream, |m| {
            self.rewards.index(context, m, |mean, n| {
                let most = (mean + self.radius(mean.max(0.0), n)).min(1.0);
                most / (of_cost * self.least_cost(m, n) + of_time * self.time)
            })
        })
    }

    fn chosen(&mut self, _: &Context<'_>, model: ModelId) {
        let n = self.rewards.plays[model.index()];
        if n > 0.0 {
            self.log_price += self.step * (self.least_cost(model, n) - self.time);
        }
    }

    fn learn(&mut self, feedback: &Feedback<'_>) {
        self.rewards.book(feedback.model, feedback.reward);
        self.costs.book(feedback.model, feedback.cost.clamp(0.0, 1.0));
    }

    fn belief(&self, _: &Context<'_>, model: ModelId) -> Option<f64> {
        self.rewards.mean(model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::stream::{Purpose, Streams};
    use crate::units::{Level, TaskId};

    /// Reward until `budget` or the decisions run out, of two models: 0.9 for 0.8 and 0.4 for 0.1 (all Bernoulli).
    fn reward(config: &str, horizon: u64, budget: f64, seed: u64) -> f64 {
        let prior = Prior {
            costs: vec![0.8, 0.1],
            horizon: Some(horizon),
            budget: Some(budget),
            ..Prior::of_scores(vec![[50.0; 4]; 2])
        };
        let config: Config = serde_json::from_str(config).expect("keys");
        let (mut learner, streams) = (State::new(&config, &prior), Streams::new(seed));
        let context = Context::plain(Level::L1, 0);
        let (mut reward, mut left) = (0.0, budget);
        for t in (0..horizon).map(TaskId) {
            let mut draws = streams.task(Purpose::Choice, t);
            let model = learner.choose(&context, ModelSet::first(2), &mut draws).model;
            learner.chosen(&context, model);
            let mut call = streams.call(Purpose::Call, t, model, 0, 0);
            let mut bernoulli = |p: f64| f64::from(u8::from(call.uniform() < p));
            let (mean, cost) = [(0.9, 0.8), (0.4, 0.1)][model.index()];
            let (got, paid) = (bernoulli(mean), bernoulli(cost));
            left -= paid;
            if left < 0.0 {
                break;
            }
            reward += got;
            learner.learn(&Feedback { cost: paid, ..Feedback::answered(context, model, got) });
        }
        reward
    }

    #[test]
    fn it_mixes_models_where_no_single_one_is_best() {
        let (horizon, budget) = (40_000, 12_000.0_f64);
        let t = horizon as f64;
        // x models at 0.9 for 0.8, the rest at 0.4 for 0.1: 0.7 x + 0.1 = B / T, x = 2 / 7. One model alone gets 0.4 t.
        let optimum = t * (0.4 + 0.5 * 2.0 / 7.0);
        // The paper's theorem 3, its constant taken to be 1: sqrt(ln(d K T)) (sqrt(K OPT) + OPT sqrt(K / B)).
        let regret =
            math::ln(4.0 * t).sqrt() * ((2.0 * optimum).sqrt() + optimum * (2.0 / budget).sqrt());
        // Rewards vary by less than sqrt(t) / 2; z = 3.9.
        let luck = 3.9 * 0.5 * t.sqrt();
        assert!(optimum - regret - luck > 0.4 * t);
        for (config, seed) in [("{}", 1), ("{}", 2), (r#"{ "caution": 1 }"#, 1)] {
            let found = reward(config, horizon, budget, seed);
            let range = optimum - regret - luck..optimum + luck;
            assert!(range.contains(&found), "{config}: {found} outside {range:?}, seed {seed}");
        }
    }
}
