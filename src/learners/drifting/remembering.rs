//! A learner that is another one under a memory of its own.

use crate::domain::ModelSet;
use crate::learners::wrappers::memory::{Memory, Remembered};
use crate::learners::{Choice, Context, Feedback, Learner, Prior};
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys that stand for a learner and for what it remembers.
pub trait Remembers {
    /// The learner under the memory; its card has `forgets`.
    type Learner: Learner;

    /// It fresh, and its memory.
    fn parts(&self, prior: &Prior) -> (Self::Learner, Memory);
}

/// The learner and its memory in flight.
#[derive(Clone, Debug)]
pub struct Remembering<C: Remembers> {
    inner: C::Learner,
    memory: Remembered,
}

impl<C: Remembers> Remembering<C> {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &C, prior: &Prior) -> Self {
        let (inner, memory) = config.parts(prior);
        Self { inner, memory: Remembered::new(memory) }
    }

    /// The learner under the memory.
    #[must_use]
    pub fn inner(&self) -> &C::Learner {
        &self.inner
    }
}

impl<C: Remembers> Learner for Remembering<C> {
    #[inline]
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        self.inner.choose(context, eligible, stream)
    }

    #[inline]
    fn learn(&mut self, feedback: &Feedback<'_>) {
        self.memory.make_room(&mut self.inner, feedback);
        self.inner.learn(feedback);
    }

    fn belief(&self, context: &Context<'_>, model: ModelId) -> Option<f64> {
        self.inner.belief(context, model)
    }

    #[inline]
    fn index(&self, context: &Context<'_>, model: ModelId, stream: &mut Stream) -> f64 {
        self.inner.index(context, model, stream)
    }
}
