//! What index learners share: counts and means per model, and the choice of the largest index.

use crate::domain::{ModelSet, Propensity};
use crate::learners::Choice;
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Plays and mean reward of each model.
#[derive(Clone, Debug)]
pub struct Arms {
    /// Rewards seen per model.
    pub plays: Vec<u32>,
    /// Mean reward per model; 0 where there is none.
    pub means: Vec<f64>,
    /// Rewards seen over all models.
    pub total: u64,
}

impl Arms {
    /// Nothing seen yet of `n_models` models.
    #[must_use]
    pub fn new(n_models: usize) -> Self {
        Self { plays: vec![0; n_models], means: vec![0.0; n_models], total: 0 }
    }

    /// Books one reward.
    #[inline]
    pub fn book(&mut self, model: ModelId, reward: f64) {
        let i = model.index();
        self.plays[i] += 1;
        self.total += 1;
        self.means[i] += (reward - self.means[i]) / f64::from(self.plays[i]);
    }

    /// Mean reward of a model; `None` before its first.
    #[must_use]
    pub fn mean(&self, model: ModelId) -> Option<f64> {
        let i = model.index();
        (self.plays[i] > 0).then(|| self.means[i])
    }

    /// The index of a model: infinite before its first reward, so that every model is tried once.
    #[inline]
    pub fn index(&self, model: ModelId, index: impl FnOnce(f64, f64) -> f64) -> f64 {
        match self.plays[model.index()] {
            0 => f64::INFINITY,
            n => index(self.means[model.index()], f64::from(n)),
        }
    }
}

/// The eligible model with the largest `index`, and how many share it; a tie is broken uniformly at random.
#[inline]
pub fn largest(
    eligible: ModelSet,
    stream: &mut Stream,
    mut index: impl FnMut(ModelId) -> f64,
) -> (ModelId, u32) {
    let mut best = None;
    let mut value = f64::NEG_INFINITY;
    let mut ties = ModelSet::EMPTY;
    let mut n_ties = 0;
    for model in eligible.iter() {
        let this = index(model);
        if best.is_none() || this > value {
            (best, value) = (Some(model), this);
            ties = ModelSet::EMPTY;
            ties.insert(model);
            n_ties = 1;
        } else if this == value {
            ties.insert(model);
            n_ties += 1;
        }
    }
    let best = best.expect("a learner is asked only when a model is eligible");
    if n_ties == 1 {
        return (best, 1);
    }
    let pick = ties.nth(stream.index(n_ties as usize)).expect("the index is below the count");
    (pick, n_ties)
}

/// The choice of an index policy: certain, but for ties.
#[inline]
pub fn greedy(
    eligible: ModelSet,
    stream: &mut Stream,
    index: impl FnMut(ModelId) -> f64,
) -> Choice {
    let (model, n_ties) = largest(eligible, stream, index);
    Choice { model, propensity: Propensity::Exact(1.0 / f64::from(n_ties)), explored: false }
}

/// The eligible model with the largest value; a tie goes to the lowest id.
#[must_use]
pub fn first_largest(eligible: ModelSet, mut value: impl FnMut(ModelId) -> f64) -> ModelId {
    let mut best: Option<(ModelId, f64)> = None;
    for model in eligible.iter() {
        let this = value(model);
        if best.is_none_or(|(_, most)| this > most) {
            best = Some((model, this));
        }
    }
    best.expect("asked only when a model is eligible").0
}
