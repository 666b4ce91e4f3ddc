//! What may be put around any learner, whatever its algorithm.
//!
//! Choosing among open models only needs no wrapper: every learner is asked with the set of those that may be called. Nor do
//! late results: each carries the probability that was stored when its model was chosen.

pub mod memory;
pub mod pacing;
pub mod pending;
pub mod propensity;
pub mod restart;
pub mod warm_start;

use serde::{Deserialize, Serialize};

use self::memory::{Memory, Remembered};
use self::pacing::{Paced, Pacing};
use self::pending::Pending;
use self::restart::{Restart, Restarting};
use self::warm_start::WarmStart;
use super::{AnyLearner, Card, Choice, Context, Feedback, Learner, LearnerConfig, Prior, Reads};
use crate::bounded::Count;
use crate::domain::ModelSet;
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// What is put around a learner; nothing unless written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Wrappers {
    /// Whether choices whose results are still to come count as plays, so that a bound does not repeat one model while
    /// its results are late.
    pub count_pending: bool,
    /// What lies back counts less, or not at all.
    pub memory: Option<Memory>,
    /// The learner starts again from nothing.
    pub restart: Option<Restart>,
    /// Spending is held at a target rate.
    pub pacing: Option<Pacing>,
    /// The learner starts with results that agree with the declared scores.
    pub warm_start: Option<WarmStart>,
    /// The probability of a choice that has no closed form is estimated from so many choices drawn again.
    #[schemars(example = 200)]
    pub estimate_propensity: Option<Count>,
}

/// Key and card of every wrapper, in the order of [`Wrappers`].
pub const CARDS: &[(&str, Card)] = &[
    ("count_pending", pending::CARD),
    ("memory", memory::CARD),
    ("restart", restart::CARD),
    ("pacing", pacing::CARD),
    ("warm_start", warm_start::CARD),
    ("estimate_propensity", propensity::CARD),
];

/// A learner with what is put around it.
#[derive(Clone, Debug)]
pub struct Wrapped {
    inner: AnyLearner,
    pending: Option<Pending>,
    memory: Option<Remembered>,
    restart: Option<Restarting>,
    pacing: Option<Paced>,
    redraws: u32,
}

impl Wrapped {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &LearnerConfig, wrappers: &Wrappers, prior: &Prior) -> Self {
        let mut inner = config.build(prior);
        if let Some(warm_start) = &wrappers.warm_start {
            warm_start.teach(&mut inner, config.card().keeps_levels, prior);
        }
        Self {
            restart: wrappers.restart.map(|rule| Restarting::new(rule, inner.clone(), prior)),
            inner,
            pending: wrappers.count_pending.then(|| Pending::new(prior.n_models())),
            memory: wrappers.memory.map(Remembered::new),
            redraws: wrappers
                .estimate_propensity
                .map_or(0, |n| n.get().min(propensity::MOST.into()) as u32),
            pacing: wrappers.pacing.map(|rule| Paced::new(rule, prior)),
        }
    }

    /// The key of a wrapper that cannot be put around a learner, and what sort of learner it needs.
    #[must_use]
    pub fn objection(wrappers: &Wrappers, card: &Card) -> Option<(&'static str, &'static str)> {
        if wrappers.memory.is_some() && !card.forgets {
            return Some(("memory", "a learner whose statistics are sums over results"));
        }
        if wrappers.pacing.is_some() && !card.has_index {
            return Some(("pacing", "a learner that plays the largest index"));
        }
        // A declared score says nothing of how the reward follows from features.
        let warm_start = wrappers.warm_start.is_some() && card.reads != Reads::Nothing;
        warm_start.then_some(("warm_start", "a learner that reads no features"))
    }

    fn seen<'a>(&'a self, context: &Context<'a>) -> Context<'a> {
        match &self.pending {
            Some(pending) => Context { pending: pending.counts(), ..*context },
            None => *context,
        }
    }

    /// A call that the learner chose came back without a reward: a refusal.
    pub fn refused(&mut self, model: ModelId) {
        if let Some(pending) = &mut self.pending {
            pending.came_back(model);
        }
    }
}

impl Learner for Wrapped {
    #[inline]
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        let context = self.seen(context);
        let draw = |stream: &mut Stream| match &self.pacing {
            Some(pacing) => pacing.choose(&self.inner, &context, eligible, stream),
            None => self.inner.choose(&context, eligible, stream),
        };
        match self.redraws {
            0 => draw(stream),
            n => propensity::estimated(n, stream, draw),
        }
    }

    #[inline]
    fn learn(&mut self, feedback: &Feedback<'_>) {
        if let Some(pending) = &mut self.pending
            && feedback.own
        {
            pending.came_back(feedback.model);
        }
        if let Some(pacing) = &mut self.pacing {
            pacing.paid(feedback);
        }
        if let Some(memory) = &mut self.memory {
            memory.make_room(&mut self.inner, feedback);
        }
        self.inner.learn(feedback);
        if let Some(restart) = &mut self.restart
            && let Some(fresh) = restart.due(feedback)
        {
            self.inner.clone_from(fresh);
            self.memory.iter_mut().for_each(Remembered::clear);
        }
    }

    #[inline]
    fn belief(&self, context: &Context<'_>, model: ModelId) -> Option<f64> {
        self.inner.belief(context, model)
    }

    #[inline]
    fn chosen(&mut self, context: &Context<'_>, model: ModelId) {
        self.inner.chosen(context, model);
        if let Some(pending) = &mut self.pending {
            pending.sent(model);
        }
    }

    fn model_added(&mut self, model: ModelId) {
        self.inner.model_added(model);
        if let Some(restart) = &mut self.restart {
            restart.model_added(model);
        }
    }
}
