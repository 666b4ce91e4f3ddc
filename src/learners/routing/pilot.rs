//! PILOT: `LinUCB` that starts from a preference fitted offline, with an online knapsack's threshold on worth for money.

use serde::{Deserialize, Serialize};

use crate::bounded::{Count, NonNegative, Positive};
use crate::domain::ModelSet;
use crate::learners::arms::{first_largest, greedy};
use crate::learners::contextual::ridge::{Ridge, estimate, inputs, n_inputs};
use crate::learners::{Card, Choice, Context, Feedback, Learner, Prior, Reads};
use crate::math;
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `pilot`. Costs are in USD on a stack, in cost units in bandit mode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Standard deviations between estimate and bound.
    pub alpha: NonNegative,
    /// Weight of the preference against results, in results. Without a preference the prior is that all coefficients are 0.
    pub lambda: Positive,
    /// The mean cost of a call that is aimed at; without it the known budget over the known decisions, or else no limit.
    #[schemars(example = 0.002)]
    pub cost_per_decision: Option<Positive>,
    /// Decisions that share a budget; what is left of it is carried on.
    pub decisions_per_bin: Count,
    /// The lowest reward for a cost of 1 that counts, by default a hundredth of the highest.
    #[schemars(example = 10)]
    pub lowest_ratio: Option<Positive>,
    /// The highest reward for a cost of 1 that is to be had, by default that of an answer worth 1 of the cheapest model.
    #[schemars(example = 1000)]
    pub highest_ratio: Option<Positive>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            alpha: NonNegative::of(1.0),
            lambda: Positive::of(1.0),
            cost_per_decision: None,
            decisions_per_bin: Count::of(100),
            lowest_ratio: None,
            highest_ratio: None,
        }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Starts each model's regression from one that was fitted offline, and plays the largest upper bound among the models that are worth their money.",
    formula: "argmax x'theta + alpha sqrt(x'A^-1 x) over models with cost <= bound / ((U e / L)^z L / e), z the share of the bin's budget that is spent, L and U the lowest and the highest ratio; A = lambda I + sum x x', b = lambda theta_0 + sum reward x; the cheapest model if none is worth it; ties at random",
    source: "Panda, Magazine, Devaguptapu, Takemori, Sharma, \"Adaptive LLM routing under budget constraints\" (PILOT), arXiv 2508.21141, 2025; its threshold from Chakrabarty, Zhou, Lukose, \"Online knapsack problems\", 2008",
    fails: "The original learns an embedding of prompts and models from preferences; here features of the request and a ridge regression on prompts set apart stand for it, and outside recorded outcomes there is no preference. The two ratios decide how early money is saved.",
    reads: Reads::Request,
    has_index: true,
    ..Card::BLANK
};

/// Money in the present bin.
#[derive(Clone, Copy, Debug)]
struct Bin {
    /// Money that a bin adds.
    budget: f64,
    /// Money of this bin, what was carried on included.
    available: f64,
    spent: f64,
    decisions: u64,
}

/// PILOT in flight.
#[derive(Clone, Debug)]
pub struct State {
    alpha: f64,
    models: Vec<Ridge>,
    /// Results and mean cost by model; the declared cost before the first result.
    costs: Vec<(f64, f64)>,
    lowest: f64,
    highest: f64,
    per_bin: u64,
    bin: Option<Bin>,
    has_preference: bool,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        let d = n_inputs(prior);
        let lambda = config.lambda.get();
        let has_preference = prior.coefficients.first().is_some_and(|theta| theta.len() == d);
        let models = match has_preference {
            true => prior.coefficients.iter().map(|theta| Ridge::around(theta, lambda)).collect(),
            false => vec![Ridge::new(d, lambda); prior.n_models()],
        };
        let per_bin = config.decisions_per_bin.get();
        let known = prior.budget.zip(prior.horizon).map(|(budget, n)| budget / n as f64);
        let target = config.cost_per_decision.map(|usd| usd.get() / prior.cost_unit).or(known);
        let cheapest = prior.costs.iter().copied().filter(|cost| *cost > 0.0).fold(1.0, f64::min);
        let in_units = |ratio: Positive| ratio.get() * prior.cost_unit;
        let highest = config.highest_ratio.map_or(1.0 / cheapest, in_units);
        let lowest = config.lowest_ratio.map_or(highest / 100.0, in_units);
        Self {
            alpha: config.alpha.get(),
            models,
            costs: prior.costs.iter().map(|cost| (0.0, *cost)).collect(),
            lowest: lowest.min(highest),
            highest,
            per_bin,
            bin: target.map(|target| {
                let budget = target * per_bin as f64;
                Bin { budget, available: budget, spent: 0.0, decisions: 0 }
            }),
            has_preference,
        }
    }

    fn bound(&self, context: &Context<'_>, model: ModelId) -> f64 {
        let (mean, deviation) = estimate(&self.models[model.index()], context, model);
        mean + self.alpha * deviation
    }

    /// The reward for a cost of 1 from which on a model is worth its money now.
    fn threshold(&self) -> Option<f64> {
        let bin = self.bin?;
        let spent = if bin.available > 0.0 { bin.spent / bin.available } else { 1.0 };
        let e = std::f64::consts::E;
        let z = spent.clamp(0.0, 1.0);
        Some(math::powf(self.highest * e / self.lowest, z) * self.lowest / e)
    }
}

impl Learner for State {
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        let Some(threshold) = self.threshold() else {
            return greedy(eligible, stream, |m| self.bound(context, m));
        };
        let cost = |model: ModelId| self.costs[model.index()].1;
        let is_worth_it = |m: &ModelId| cost(*m) * threshold <= self.bound(context, *m);
        let mut among: ModelSet = eligible.iter().filter(is_worth_it).collect();
        if among.is_empty() {
            among.insert(first_largest(eligible, |m| -cost(m)));
        }
        greedy(among, stream, |m| self.bound(context, m))
    }

    fn chosen(&mut self, _: &Context<'_>, _: ModelId) {
        if let Some(bin) = &mut self.bin {
            if bin.decisions == self.per_bin {
                let left = bin.available - bin.spent;
                *bin = Bin { available: bin.budget + left, spent: 0.0, decisions: 0, ..*bin };
            }
            bin.decisions += 1;
        }
    }

    fn learn(&mut self, feedback: &Feedback<'_>) {
        let x = inputs(&feedback.context, feedback.model);
        self.models[feedback.model.index()].add(x, feedback.reward);
        let (n, mean) = &mut self.costs[feedback.model.index()];
        *n += 1.0;
        *mean += (feedback.cost - *mean) / *n;
        if let Some(bin) = &mut self.bin {
            bin.spent += feedback.cost;
        }
    }

    fn belief(&self, context: &Context<'_>, model: ModelId) -> Option<f64> {
        let own = &self.models[model.index()];
        (self.has_preference || own.n > 0.0).then(|| own.mean(inputs(context, model)))
    }

    fn index(&self, context: &Context<'_>, model: ModelId, _: &mut Stream) -> f64 {
        self.bound(context, model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learners::Features;
    use crate::sim::stream::{Purpose, Streams};
    use crate::units::{Level, TaskId};

    fn prior() -> Prior {
        Prior {
            n_features: 2,
            coefficients: vec![vec![0.3, 0.4], vec![0.9, -0.5]],
            costs: vec![0.1, 1.0],
            ..Prior::of_scores(vec![[50.0; 4]; 2])
        }
    }

    fn context(x: &[f64]) -> Context<'_> {
        Context { features: Features::of_request(x), ..Context::plain(Level::L1, 0) }
    }

    fn still() -> Config {
        Config { alpha: NonNegative::of(0.0), ..Config::default() }
    }

    #[test]
    fn it_starts_from_the_preference_and_moves_by_results() {
        let mut learner = State::new(&still(), &prior());
        let both = context(&[1.0, 1.0]);
        let belief = |own: &State, m| own.belief(&both, ModelId(m)).expect("a preference");
        assert!((belief(&learner, 0) - 0.7).abs() < 1e-12);
        learner.learn(&Feedback::answered(both, ModelId(0), 0.1));
        // A = I + 1 1': theta moves by A^-1 1 (0.1 - 0.7) = -0.2 in both coefficients.
        assert!((belief(&learner, 0) - 0.3).abs() < 1e-12);
        assert!((belief(&learner, 1) - 0.4).abs() < 1e-12);
    }

    #[test]
    fn what_is_not_worth_its_money_is_left_out_as_the_bin_empties() {
        let config = Config {
            cost_per_decision: Some(Positive::of(0.5)),
            decisions_per_bin: Count::of(10),
            highest_ratio: Some(Positive::of(10.0)),
            lowest_ratio: Some(Positive::of(0.1)),
            ..still()
        };
        let mut learner = State::new(&config, &prior());
        let context = context(&[1.0, 0.0]);
        let eligible: ModelSet = [0, 1].into_iter().map(ModelId).collect();
        let choose = |learner: &State| {
            let mut stream = Streams::new(1).task(Purpose::Choice, TaskId(0));
            learner.choose(&context, eligible, &mut stream).model
        };
        let mut n = 0;
        while choose(&learner) == ModelId(1) {
            learner.chosen(&context, ModelId(1));
            let cost = 1.0;
            learner.learn(&Feedback { cost, ..Feedback::answered(context, ModelId(1), 0.9) });
            n += 1;
        }
        // It is out where (100 e)^z 0.1 / e > 0.9, so z > (ln 9 + 1) / (ln 100 + 1) = 0.57 of a budget of 5.
        assert_eq!(n, 3);
        // With a fresh bin it is back.
        (0..8).for_each(|_| learner.chosen(&context, ModelId(0)));
        assert_eq!(choose(&learner), ModelId(1));
    }
}
