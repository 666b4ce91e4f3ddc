//! `ParetoBandit`: discounted `LinUCB` with a penalty on log cost and a budget pacer.

use serde::{Deserialize, Serialize};

use crate::bounded::{NonNegative, Positive, Share};
use crate::domain::ModelSet;
use crate::learners::arms::greedy;
use crate::learners::contextual::ridge::{Ridge, inputs, n_inputs};
use crate::learners::{Card, Choice, Context, Feedback, Learner, Prior, Reads};
use crate::math;
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `pareto_bandit`. Costs are in USD on a stack, in cost units in bandit mode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Standard deviations between estimate and bound. 0.01 is meant for a start from offline priors, of which there are none
    /// here; its authors use 0.05 without.
    pub alpha: NonNegative,
    /// What a model's results count after one more decision; they are discounted when its next result comes.
    pub gamma: Share,
    /// Weight of the prior that all coefficients are 0, in results.
    pub lambda: Positive,
    /// The reward that the dearest models lose against the cheapest, whatever is spent.
    pub cost_penalty: NonNegative,
    /// The mean cost of a call that is aimed at; without it the known budget over the known decisions, or else no pacing.
    #[schemars(example = 0.002)]
    pub cost_per_decision: Option<Positive>,
    /// Step of the price.
    pub eta: Positive,
    /// Weight of the last cost in the moving average of costs.
    pub smoothing: Share,
    /// The largest price.
    pub max_price: Positive,
    /// Declared cost of a call from which the penalty begins; by default a thousandth of `cost_ceiling`.
    #[schemars(example = 0.00006)]
    pub cost_floor: Option<Positive>,
    /// Declared cost of a call from which the penalty is whole; by default that of the dearest model.
    #[schemars(example = 0.06)]
    pub cost_ceiling: Option<Positive>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            alpha: NonNegative::of(0.01),
            gamma: Share::of(0.997),
            lambda: Positive::of(1.0),
            cost_penalty: NonNegative::of(0.3),
            cost_per_decision: None,
            eta: Positive::of(0.05),
            smoothing: Share::of(0.05),
            max_price: Positive::of(5.0),
            cost_floor: None,
            cost_ceiling: None,
        }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Predicts each model's reward by a discounted regression and plays the largest bound less a price on the model's log cost.",
    formula: "argmax x'theta + alpha sqrt(x'A^-1 x / max(gamma^idle, 1/200)) - (cost_penalty + price) c, c = ln(cost / floor) / ln(ceiling / floor) within 0..1, over models that cost at most dearest / (1 + price); with a result A <- gamma^dt A + x x', b <- gamma^dt b + reward x, dt = decisions since the model's last result (at most 1000), lambda restored where less than a tenth of it is left; average <- (1 - smoothing) average + smoothing cost, price <- price + eta (average / target - 1) within 0..max_price",
    source: "ParetoBandit 0.1.1 (arXiv 2604.00136), as its code does it, without its offline priors",
    fails: "Assumes rewards in 0..1 (clamped) that are linear in the features; an alpha of 0.01 without priors stays with the first model that earns anything; declared costs decide what is penalised, real ones only how much.",
    reads: Reads::Request,
    has_index: true,
    ..Card::BLANK
};

/// Decisions after which a model grows no older.
const OLDEST: usize = 1000;
/// The most by which idleness multiplies a variance.
const MOST_INFLATION: f64 = 200.0;
/// The share of lambda that is left when it is restored.
const RESTORED_BELOW: f64 = 0.1;

/// The regression of one model.
#[derive(Clone, Debug)]
struct Regression {
    ridge: Ridge,
    /// What is left of lambda.
    prior_left: f64,
    /// Decisions made when its last result came.
    updated: u64,
    /// Decisions made when it was last called, that call among them.
    called: u64,
}

/// Spending against its target.
#[derive(Clone, Copy, Debug)]
struct Pacer {
    target: f64,
    average: f64,
}

/// `ParetoBandit` in flight.
#[derive(Clone, Debug)]
pub struct State {
    config: Config,
    models: Vec<Regression>,
    /// gamma^n.
    powers: Vec<f64>,
    /// Decisions made.
    now: u64,
    /// Declared costs in cost units.
    declared: Vec<f64>,
    /// The same between 0 and 1, on a log scale.
    log_costs: Vec<f64>,
    dearest: f64,
    pacer: Option<Pacer>,
    price: f64,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        let units = |cost: Positive| cost.get() / prior.cost_unit;
        let dearest = prior.costs.iter().copied().fold(0.0, f64::max);
        let whole = if dearest > 0.0 { dearest } else { 1.0 };
        let ceiling = config.cost_ceiling.map_or(whole, units);
        let floor = config.cost_floor.map_or(ceiling / 1000.0, units);
        let known = prior.budget.zip(prior.horizon).map(|(budget, t)| budget / t as f64);
        let target = config.cost_per_decision.map(units).or(known);
        let regression = Regression {
            ridge: Ridge::new(n_inputs(prior), config.lambda.get()),
            prior_left: config.lambda.get(),
            updated: 0,
            called: 0,
        };
        let power = |power: &mut f64| {
            let now = *power;
            *power *= config.gamma.get();
            Some(now)
        };
        Self {
            models: vec![regression; prior.n_models()],
            powers: (0..=OLDEST).scan(1.0, |last, _| power(last)).collect(),
            now: 0,
            log_costs: prior.costs.iter().map(|cost| log_cost(*cost, floor, ceiling)).collect(),
            declared: prior.costs.clone(),
            dearest,
            pacer: target.map(|target| Pacer { target, average: target }),
            price: 0.0,
            config: config.clone(),
        }
    }

    fn discount(&self, since: u64) -> f64 {
        self.powers[((self.now - since) as usize).min(OLDEST)]
    }

    #[inline]
    fn score(&self, context: &Context<'_>, model: ModelId) -> f64 {
        let own = &self.models[model.index()];
        let x = inputs(context, model);
        let discount = self.discount(own.updated.max(own.called)).max(1.0 / MOST_INFLATION);
        let deviation = (own.ridge.variance(x) / discount).max(1e-12).sqrt();
        own.ridge.mean(x) + self.config.alpha.get() * deviation
            - (self.config.cost_penalty.get() + self.price) * self.log_costs[model.index()]
    }
}

/// A cost between 0 (at the floor or below) and 1 (at the ceiling or above), on a log scale.
fn log_cost(cost: f64, floor: f64, ceiling: f64) -> f64 {
    let range = math::ln(ceiling / floor);
    if range <= 0.0 {
        return 0.5;
    }
    (math::ln(cost.max(floor) / floor) / range).clamp(0.0, 1.0)
}

impl Learner for State {
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        let ceiling = self.dearest / (1.0 + self.price);
        let affordable: ModelSet =
            eligible.iter().filter(|m| self.declared[m.index()] <= ceiling).collect();
        let open = if affordable.is_empty() { eligible } else { affordable };
        greedy(open, stream, |m| self.score(context, m))
    }

    fn chosen(&mut self, _: &Context<'_>, model: ModelId) {
        self.now += 1;
        self.models[model.index()].called = self.now;
    }

    fn learn(&mut self, feedback: &Feedback<'_>) {
        let lambda = self.config.lambda.get();
        let discount = self.discount(self.models[feedback.model.index()].updated);
        let own = &mut self.models[feedback.model.index()];
        own.updated = self.now;
        let left = own.prior_left * discount;
        let is_low = left < RESTORED_BELOW * lambda;
        own.prior_left = if is_low { lambda } else { left };
        own.ridge.scale(discount, own.prior_left - left);
        let x = inputs(&feedback.context, feedback.model);
        own.ridge.add(x, feedback.reward.clamp(0.0, 1.0));
        if let Some(pacer) = &mut self.pacer {
            pacer.average += self.config.smoothing.get() * (feedback.cost - pacer.average);
            let moved = self.config.eta.get() * (pacer.average / pacer.target - 1.0);
            self.price = (self.price + moved).clamp(0.0, self.config.max_price.get());
        }
    }

    fn belief(&self, context: &Context<'_>, model: ModelId) -> Option<f64> {
        let ridge = &self.models[model.index()].ridge;
        (ridge.n > 0.0).then(|| ridge.mean(inputs(context, model)))
    }

    fn index(&self, context: &Context<'_>, model: ModelId, _: &mut Stream) -> f64 {
        self.score(context, model)
    }

    /// A model that is new has not been idle.
    fn model_added(&mut self, model: ModelId) {
        let own = &mut self.models[model.index()];
        (own.updated, own.called) = (self.now, self.now);
    }
}
