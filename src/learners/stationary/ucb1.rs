//! UCB1: the largest upper confidence bound of the mean.

use serde::{Deserialize, Serialize};

use crate::bounded::NonNegative;
use crate::domain::ModelSet;
use crate::learners::arms::{Arms, greedy};
use crate::learners::{Card, Choice, Context, Feedback, Learner, Prior};
use crate::math;
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `ucb1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Width of the bound: the index is mean + sqrt(c ln n / plays). 2 is the theory's, 0.5 the practical one.
    pub c: NonNegative,
}

impl Default for Config {
    fn default() -> Self {
        Self { c: NonNegative::of(2.0) }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Plays the model with the largest upper confidence bound of its mean reward.",
    formula: "argmax mean + sqrt(c ln n / plays), n = rewards seen so far; every model once first; ties at random",
    source: "Auer, Cesa-Bianchi, Fischer, \"Finite-time analysis of the multiarmed bandit problem\", 2002",
    fails: "Assumes rewards in 0..1 that do not drift; repeats one model while feedback is delayed (`count_pending` mends that).",
    has_index: true,
    forgets: true,
    ..Card::BLANK
};

/// The count whose logarithm widens the bounds.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// How far it is ahead of the rewards that are counted: 1 where it is the round that they are counted for.
    pub ahead: f64,
    /// Where it stops: at the size of a window.
    pub most: f64,
}

impl Clock {
    /// The rewards counted.
    pub const PLAYS: Self = Self { ahead: 0.0, most: f64::INFINITY };
}

/// UCB1 in flight.
#[derive(Clone, Debug)]
pub struct State {
    c: f64,
    clock: Clock,
    arms: Arms,
    /// 1 / sqrt(plays), kept so that a decision takes one logarithm and no division.
    narrowing: Vec<f64>,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        Self::with_clock(config.c.get(), Clock::PLAYS, prior)
    }

    /// A fresh learner with the bound mean + sqrt(c ln(clock) / plays), for learners that are made of this one.
    #[must_use]
    pub fn with_clock(c: f64, clock: Clock, prior: &Prior) -> Self {
        let n = prior.n_models();
        Self { c, clock, arms: Arms::new(n), narrowing: vec![0.0; n] }
    }

    #[inline]
    fn width(&self) -> f64 {
        let n = (self.arms.total + self.clock.ahead).min(self.clock.most);
        (self.c * math::ln(n.max(1.0))).sqrt()
    }

    #[inline]
    fn bound(&self, context: &Context<'_>, model: ModelId, width: f64) -> f64 {
        self.arms.index(context, model, |mean, n| {
            let is_counted = context.pending(model) > 0;
            let narrowing = if is_counted { 1.0 / n.sqrt() } else { self.narrowing[model.index()] };
            mean + width * narrowing
        })
    }

    fn narrow(&mut self, model: ModelId) {
        self.narrowing[model.index()] = 1.0 / self.arms.plays[model.index()].sqrt();
    }
}

impl Learner for State {
    #[inline]
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        let width = self.width();
        greedy(eligible, stream, |m| self.bound(context, m, width))
    }

    #[inline]
    fn learn(&mut self, feedback: &Feedback<'_>) {
        self.arms.book(feedback.model, feedback.reward);
        self.narrow(feedback.model);
    }

    fn belief(&self, _: &Context<'_>, model: ModelId) -> Option<f64> {
        self.arms.mean(model)
    }

    fn index(&self, context: &Context<'_>, model: ModelId, _: &mut Stream) -> f64 {
        self.bound(context, model, self.width())
    }

    fn fade(&mut self, factor: f64) {
        self.arms.fade(factor);
        self.narrowing.iter_mut().for_each(|n| *n /= factor.sqrt());
    }

    fn unlearn(&mut self, feedback: &Feedback<'_>) {
        self.arms.unbook(feedback.model, feedback.reward);
        self.narrow(feedback.model);
    }
}
