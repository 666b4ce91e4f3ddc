//! Learning algorithms: each in one file (`Config`, `State`, `CARD`) and one row of the table below.
//!
//! A learner sees contexts, what it chose and what came of it; it knows no world, no clock and no generator of its own.
//! What does not depend on the algorithm (pending calls, forgetting, restarts, ...) is a wrapper.

pub mod adversarial;
pub mod arms;
pub mod budget;
pub mod card;
pub mod contextual;
pub mod drifting;
pub mod kl;
pub mod log_weights;
pub mod routing;
pub mod stage4;
pub mod stationary;
pub mod wrappers;

use serde::{Deserialize, Serialize};

pub use self::card::{BeliefScale, Card, Exploration, Reads};
use crate::domain::{ModelSet, Outcome, Propensity};
use crate::sim::stream::Stream;
use crate::units::{Level, ModelId, PerLevel};

/// What is known when a decision is due.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The step's level.
    pub level: Level,
    /// Local hour of the day, 0-23.
    pub hour: u8,
    /// Models believed to be short of tokens (they are eligible only where the order keeps them).
    pub short: ModelSet,
    /// Features, for learners whose card says that they read them.
    pub features: Features<'a>,
    /// Own choices per model whose results are still to come; empty where they are not counted.
    pub pending: &'a [u32],
}

impl Context<'_> {
    /// A context of which nothing but level and hour is known.
    #[must_use]
    pub fn plain(level: Level, hour: u8) -> Self {
        Self { level, hour, short: ModelSet::EMPTY, features: Features::NONE, pending: &[] }
    }

    /// Own choices of a model whose results are still to come.
    #[inline]
    #[must_use]
    pub fn pending(&self, model: ModelId) -> u32 {
        self.pending.get(model.index()).copied().unwrap_or(0)
    }
}

/// Features of a request: one vector for all models, or one for each.
#[derive(Clone, Copy, Debug)]
pub struct Features<'a> {
    values: &'a [f64],
    /// Features of one model; 0 where all models share them.
    width: usize,
}

impl<'a> Features<'a> {
    /// No features.
    pub const NONE: Self = Self { values: &[], width: 0 };

    /// The same features for every model.
    #[must_use]
    pub fn of_request(values: &'a [f64]) -> Self {
        Self { values, width: 0 }
    }

    /// `width` features for each model, in order of id.
    #[must_use]
    pub fn of_pairs(values: &'a [f64], width: usize) -> Self {
        Self { values, width }
    }

    /// The features of one model.
    #[inline]
    #[must_use]
    pub fn of(&self, model: ModelId) -> &'a [f64] {
        match self.width {
            0 => self.values,
            width => &self.values[model.index() * width..][..width],
        }
    }
}

/// A decision.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// The model chosen.
    pub model: ModelId,
    /// The probability with which it was chosen.
    pub propensity: Propensity,
    /// Chosen in order to learn rather than for its estimate; where that is in every choice, the order tells it by the beliefs.
    pub explored: bool,
}

/// What came of one call.
#[derive(Clone, Copy, Debug)]
pub struct Feedback<'a> {
    /// The context of the decision.
    pub context: Context<'a>,
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
    /// What the call cost, in the unit of [`Prior::cost_unit`].
    pub cost: f64,
    /// The learner itself chose the model (and no retry or fallback).
    pub own: bool,
    /// Probability with which the learner chose the model, if it did.
    pub propensity: Propensity,
}

impl<'a> Feedback<'a> {
    /// A full answer to a call that the learner chose, with an unknown probability and at no cost.
    #[must_use]
    pub fn answered(context: Context<'a>, model: ModelId, reward: f64) -> Self {
        Self {
            context,
            model,
            outcome: Outcome::Success,
            served: true,
            quality: 100.0 * reward,
            reward,
            cost: 0.0,
            own: true,
            propensity: Propensity::Unknown,
        }
    }
}

/// What a learner may start from.
#[derive(Clone, Debug)]
pub struct Prior {
    /// Declared score of every model at every level, 0-100.
    pub scores: Vec<PerLevel<f64>>,
    /// The level that the learner is for, if it is for one alone.
    pub level: Option<Level>,
    /// Declared cost of a usual call of every model, in cost units.
    pub costs: Vec<f64>,
    /// What a cost of 1 is: 1 in bandit mode; on a stack, in USD, the declared cost of a usual call of the dearest model.
    pub cost_unit: f64,
    /// Features of a request, of the kind that the learner's card asks for.
    pub n_features: usize,
    /// By model a regression of quality on these features that was fitted offline; empty where there is none.
    pub coefficients: Vec<Vec<f64>>,
    /// Decisions to come, where that is known.
    pub horizon: Option<u64>,
    /// What may be spent on them, in cost units, where that is limited and known.
    pub budget: Option<f64>,
}

impl Prior {
    /// Nothing known but scores.
    #[must_use]
    pub fn of_scores(scores: Vec<PerLevel<f64>>) -> Self {
        let costs = vec![0.0; scores.len()];
        Self {
            scores,
            level: None,
            costs,
            cost_unit: 1.0,
            n_features: 0,
            coefficients: Vec::new(),
            horizon: None,
            budget: None,
        }
    }

    /// Number of models.
    #[must_use]
    pub fn n_models(&self) -> usize {
        self.scores.len()
    }

    /// The decisions to come: as written, else as known, else 10,000.
    #[must_use]
    pub fn horizon(&self, written: Option<u64>) -> u64 {
        written.or(self.horizon).unwrap_or(10_000)
    }

    /// Declared score of a model as a reward, 0..1: at a level, or on average over levels.
    #[must_use]
    pub fn declared_reward(&self, model: ModelId, level: Option<Level>) -> f64 {
        let scores = &self.scores[model.index()];
        let score = match level {
            Some(level) => scores[level.index()],
            None => scores.iter().sum::<f64>() / scores.len() as f64,
        };
        score / 100.0
    }
}

/// An online learning algorithm.
///
/// `choose` may not change the learner, so that a router can ask what it would choose; what it does change for is a choice
/// that was acted on (`chosen`) and a result (`learn`).
pub trait Learner {
    /// Chooses among `eligible`, which is never empty.
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice;

    /// Takes in what came of one call.
    fn learn(&mut self, feedback: &Feedback<'_>);

    /// What it believes of a model, on the scale of its card; `None` as long as it believes nothing.
    fn belief(&self, context: &Context<'_>, model: ModelId) -> Option<f64>;

    /// Its choice of `model` was acted on: the call was made.
    fn chosen(&mut self, _context: &Context<'_>, _model: ModelId) {}

    /// The index of which it plays the largest, drawn where it is a draw; for learners whose card has `has_index`.
    fn index(&self, _context: &Context<'_>, _model: ModelId, _stream: &mut Stream) -> f64 {
        unreachable!("only learners with an index are asked for it")
    }

    /// Multiplies its statistics, so that what lies back counts less; for learners whose card has `forgets`.
    fn fade(&mut self, _factor: f64) {
        unreachable!("only learners that can forget are asked to")
    }

    /// Takes back a result that it had taken in; for learners whose card has `forgets`.
    fn unlearn(&mut self, _feedback: &Feedback<'_>) {
        unreachable!("only learners that can forget are asked to")
    }

    /// A model has been added that was not there before.
    fn model_added(&mut self, _model: ModelId) {}
}

macro_rules! learners {
    ($($(#[doc = $doc:literal])+ $variant:ident = $family:ident :: $module:ident, $name:literal;)+) => {
        /// A learner as written in a scenario: exactly one of these, with its keys.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub enum LearnerConfig {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $variant($family::$module::Config),)+
        }

        /// Any of the learners, without indirection in the hot loop.
        #[derive(Clone, Debug)]
        pub enum AnyLearner {
            $($(#[doc = $doc])+ $variant($family::$module::State),)+
        }

        /// Name and card of every learner, in the order of the table.
        pub const CARDS: &[(&str, Card)] = &[$(($name, $family::$module::CARD),)+];

        impl LearnerConfig {
            /// A fresh learner.
            #[must_use]
            pub fn build(&self, prior: &Prior) -> AnyLearner {
                match self {
                    $(Self::$variant(config) => AnyLearner::$variant($family::$module::State::new(config, prior)),)+
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
                match self { $(Self::$variant(_) => $family::$module::CARD,)+ }
            }
        }

        impl Learner for AnyLearner {
            #[inline]
            fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
                match self { $(Self::$variant(state) => state.choose(context, eligible, stream),)+ }
            }

            #[inline]
            fn learn(&mut self, feedback: &Feedback<'_>) {
                match self { $(Self::$variant(state) => state.learn(feedback),)+ }
            }

            #[inline]
            fn belief(&self, context: &Context<'_>, model: ModelId) -> Option<f64> {
                match self { $(Self::$variant(state) => state.belief(context, model),)+ }
            }

            #[inline]
            fn chosen(&mut self, context: &Context<'_>, model: ModelId) {
                match self { $(Self::$variant(state) => state.chosen(context, model),)+ }
            }

            fn index(&self, context: &Context<'_>, model: ModelId, stream: &mut Stream) -> f64 {
                match self { $(Self::$variant(state) => state.index(context, model, stream),)+ }
            }

            fn fade(&mut self, factor: f64) {
                match self { $(Self::$variant(state) => state.fade(factor),)+ }
            }

            fn unlearn(&mut self, feedback: &Feedback<'_>) {
                match self { $(Self::$variant(state) => state.unlearn(feedback),)+ }
            }

            fn model_added(&mut self, model: ModelId) {
                match self { $(Self::$variant(state) => state.model_added(model),)+ }
            }
        }
    };
}

learners! {
    /// The plan's router score rule: a clamped moving score with bonuses.
    Stage4RouterRule = stage4::router_rule, "stage4_router_rule";
    /// The plan's executor score rule: a moving score without bonus or clamp.
    Stage4ExecutorRule = stage4::executor_rule, "stage4_executor_rule";
    /// The plan's tabular Q-learning over level x time of day.
    Stage4Q = stage4::q, "stage4_q";
    /// Mostly the best mean so far, sometimes any model.
    EpsilonGreedy = stationary::epsilon_greedy, "epsilon_greedy";
    /// Mostly the best mean so far, and ever more seldom any model.
    EpsilonDecreasing = stationary::epsilon_decreasing, "epsilon_decreasing";
    /// The largest upper confidence bound of the mean.
    Ucb1 = stationary::ucb1, "ucb1";
    /// UCB1 with a bound that knows the variance of rewards.
    Ucb1Tuned = stationary::ucb1_tuned, "ucb1_tuned";
    /// The largest upper confidence bound by Bernstein's inequality.
    UcbV = stationary::ucb_v, "ucb_v";
    /// The largest upper confidence bound by the Bernoulli divergence.
    KlUcb = stationary::kl_ucb, "kl_ucb";
    /// The minimax optimal upper confidence bound.
    Moss = stationary::moss, "moss";
    /// The largest upper quantile of Beta beliefs.
    BayesUcb = stationary::bayes_ucb, "bayes_ucb";
    /// The least evidence against a model for its plays.
    Imed = stationary::imed, "imed";
    /// Posterior sampling with Beta beliefs.
    ThompsonBeta = stationary::thompson_beta, "thompson_beta";
    /// Posterior sampling with Gaussian beliefs.
    ThompsonGaussian = stationary::thompson_gaussian, "thompson_gaussian";
    /// In proportion to the exponential of mean rewards.
    Boltzmann = stationary::boltzmann, "boltzmann";
    /// The largest mean after Gumbel noise that shrinks with plays.
    BoltzmannGumbel = stationary::boltzmann_gumbel, "boltzmann_gumbel";
    /// Exponential weights of importance-weighted rewards, mixed with uniform play.
    Exp3 = adversarial::exp3, "exp3";
    /// Exponential weights with implicit exploration.
    Exp3Ix = adversarial::exp3_ix, "exp3_ix";
    /// Exponential weights that are shared, for a best model that changes.
    Exp3S = adversarial::exp3_s, "exp3_s";
    /// Probabilities that fall with the square of losses.
    TsallisInf = adversarial::tsallis_inf, "tsallis_inf";
    /// The largest upper confidence bound of the mean over a window.
    SwUcb = drifting::sw_ucb, "sw_ucb";
    /// The largest upper confidence bound of the discounted mean.
    DUcb = drifting::d_ucb, "d_ucb";
    /// Posterior sampling with Beta beliefs that fade.
    DiscountedThompson = drifting::discounted_thompson, "discounted_thompson";
    /// Posterior sampling with Beta beliefs over a window.
    SlidingWindowThompson = drifting::sliding_window_thompson, "sliding_window_thompson";
    /// KL upper confidence bounds that start again at a change.
    GlrKlucb = drifting::glr_klucb, "glr_klucb";
    /// Upper confidence bounds that start again at a change.
    MUcb = drifting::m_ucb, "m_ucb";
    /// The largest upper bound of a linear reward, one regression for each model.
    LinUcb = contextual::lin_ucb, "lin_ucb";
    /// The largest upper bound of a linear reward, one regression for all models.
    LinUcbShared = contextual::lin_ucb_shared, "lin_ucb_shared";
    /// Posterior sampling with linear rewards.
    LinTs = contextual::lin_ts, "lin_ts";
    /// LinUCB with discounted regressions, for rewards that drift.
    DLinUcb = contextual::d_lin_ucb, "d_lin_ucb";
    /// Probabilities that fall with the predicted gap to the best model.
    SquareCb = contextual::square_cb, "square_cb";
    /// Posterior sampling of reward over cost.
    BudgetedThompson = budget::budgeted_thompson, "budgeted_thompson";
    /// The largest upper confidence bound of reward over cost.
    FractionalKube = budget::fractional_kube, "fractional_kube";
    /// Reward against money and time at prices that follow their use.
    PrimalDualBwk = budget::primal_dual_bwk, "primal_dual_bwk";
    /// Finds the best model with the fewest calls, then plays it (as in TensorZero).
    TrackAndStop = routing::track_and_stop, "track_and_stop";
    /// A discounted linear bound less a price on cost (as in ParetoBandit).
    ParetoBandit = routing::pareto_bandit, "pareto_bandit";
    /// An upper bound from a preference, among the models that are worth their money.
    Pilot = routing::pilot, "pilot";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::stream::{Purpose, Streams};
    use crate::units::TaskId;

    /// Which of five models it is.
    const WHICH: [f64; 25] = {
        let mut which = [0.0; 25];
        let mut model = 0;
        while model < 5 {
            which[6 * model] = 1.0;
            model += 1;
        }
        which
    };

    fn context() -> Context<'static> {
        Context { features: Features::of_pairs(&WHICH, 5), ..Context::plain(Level::L2, 9) }
    }

    fn every_learner() -> impl Iterator<Item = (&'static str, AnyLearner)> {
        let prior = Prior { n_features: 5, ..Prior::of_scores(vec![[50.0; 4]; 5]) };
        CARDS.iter().map(move |(name, _)| {
            // Its alpha is made for a start from priors; without them it stays for long with what first earns anything.
            let keys = match *name {
                "pareto_bandit" => serde_json::json!({ "alpha": 0.5 }),
                _ => serde_json::json!({}),
            };
            let written = serde_json::json!({ *name: keys });
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
            let context = context();
            let mut good = 0;
            let n = 3000_u32;
            for t in 0..n {
                let mut stream = streams.task(Purpose::Choice, TaskId(t.into()));
                let choice = learner.choose(&context, eligible, &mut stream);
                assert!(eligible.contains(choice.model), "{name} chose a closed model");
                learner.chosen(&context, choice.model);
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
                    cost: 0.5,
                    own: true,
                    propensity: choice.propensity,
                });
            }
            assert!(good > n * 7 / 10, "{name} found the best model {good} times of {n}, seed 11");
        }
    }

    fn result(model: u16, reward: f64) -> Feedback<'static> {
        Feedback {
            cost: 0.5,
            propensity: Propensity::Exact(0.4),
            ..Feedback::answered(context(), ModelId(model), reward)
        }
    }

    /// Beliefs, and indices drawn from the same stream.
    fn state(learner: &AnyLearner, card: &Card) -> Vec<Option<f64>> {
        let context = context();
        let models = (0..5).map(ModelId);
        let beliefs = models.clone().map(|m| learner.belief(&context, m));
        let index = |m| {
            let mut stream = Streams::new(5).task(Purpose::Choice, TaskId(0));
            learner.index(&context, m, &mut stream)
        };
        beliefs.chain(models.filter(|_| card.has_index).map(|m| Some(index(m)))).collect()
    }

    fn assert_same(what: &str, card: &Card, a: &AnyLearner, b: &AnyLearner) {
        for (a, b) in state(a, card).into_iter().zip(state(b, card)) {
            let is_same = match (a, b) {
                // Rounding leaves a variance of up to 1e-16 where there is none; bounds take its root.
                (Some(a), Some(b)) => a == b || (a - b).abs() < 1e-7,
                _ => a == b,
            };
            assert!(is_same, "{what}: {a:?} and {b:?}");
        }
    }

    #[test]
    fn what_is_taken_back_or_fades_was_never_there() {
        let results = [result(0, 0.3), result(1, 0.9), result(0, 0.6), result(2, 0.2)];
        for ((name, fresh), (_, card)) in every_learner().zip(CARDS).filter(|(_, c)| c.1.forgets) {
            let (mut all, mut rest) = (fresh.clone(), fresh.clone());
            results.iter().for_each(|r| all.learn(r));
            all.unlearn(&results[0]);
            all.unlearn(&results[3]);
            results[1..3].iter().for_each(|r| rest.learn(r));
            assert_same(&format!("{name}, taken back"), card, &all, &rest);
            // Every result twice, each counting half.
            let (mut twice, mut once) = (fresh.clone(), fresh);
            for r in &results {
                twice.learn(r);
                twice.learn(r);
                once.learn(r);
            }
            twice.fade(0.5);
            assert_same(&format!("{name}, faded"), card, &twice, &once);
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
