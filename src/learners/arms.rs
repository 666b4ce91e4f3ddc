//! What learners share: counts and means per model, and the choice of the largest index or by probabilities.

use crate::domain::{ModelSet, Propensity};
use crate::learners::{Choice, Context};
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Plays, mean reward and mean squared reward of each model. Counts are real numbers, since they may fade.
#[derive(Clone, Debug)]
pub struct Arms {
    /// Rewards seen per model.
    pub plays: Vec<f64>,
    /// Mean reward per model; 0 where there is none.
    pub means: Vec<f64>,
    /// Mean squared reward per model; 0 where there is none.
    pub squares: Vec<f64>,
    /// Rewards seen over all models.
    pub total: f64,
}

impl Arms {
    /// Nothing seen yet of `n_models` models.
    #[must_use]
    pub fn new(n_models: usize) -> Self {
        let none = vec![0.0; n_models];
        Self { plays: none.clone(), means: none.clone(), squares: none, total: 0.0 }
    }

    /// Books one reward.
    #[inline]
    pub fn book(&mut self, model: ModelId, reward: f64) {
        let i = model.index();
        self.plays[i] += 1.0;
        self.total += 1.0;
        self.means[i] += (reward - self.means[i]) / self.plays[i];
        self.squares[i] += (reward * reward - self.squares[i]) / self.plays[i];
    }

    /// Takes back one reward that was booked.
    pub fn unbook(&mut self, model: ModelId, reward: f64) {
        let i = model.index();
        self.total = (self.total - 1.0).max(0.0);
        self.plays[i] = (self.plays[i] - 1.0).max(0.0);
        if self.plays[i] > 0.0 {
            self.means[i] -= (reward - self.means[i]) / self.plays[i];
            self.squares[i] -= (reward * reward - self.squares[i]) / self.plays[i];
        } else {
            (self.means[i], self.squares[i]) = (0.0, 0.0);
        }
    }

    /// Forgets a model's rewards.
    pub fn clear(&mut self, model: ModelId) {
        let i = model.index();
        self.total = (self.total - self.plays[i]).max(0.0);
        (self.plays[i], self.means[i], self.squares[i]) = (0.0, 0.0, 0.0);
    }

    /// Multiplies all counts by `factor`; means stay.
    pub fn fade(&mut self, factor: f64) {
        self.plays.iter_mut().for_each(|n| *n *= factor);
        self.total *= factor;
    }

    /// Mean reward of a model; `None` before its first.
    #[must_use]
    pub fn mean(&self, model: ModelId) -> Option<f64> {
        let i = model.index();
        (self.plays[i] > 0.0).then(|| self.means[i])
    }

    /// Variance of a model's rewards (divided by their number).
    #[must_use]
    pub fn variance(&self, model: ModelId) -> f64 {
        let i = model.index();
        (self.squares[i] - self.means[i] * self.means[i]).max(0.0)
    }

    /// A choice among the eligible models without a reward, if there are any: each is tried once first, in random order.
    #[inline]
    pub fn first_play(
        &self,
        context: &Context<'_>,
        eligible: ModelSet,
        stream: &mut Stream,
    ) -> Option<Choice> {
        let untried = |m: &ModelId| self.plays[m.index()] == 0.0;
        eligible.iter().find(untried)?;
        let untried = eligible.iter().filter(untried).collect();
        Some(greedy(untried, stream, |m| self.index(context, m, |mean, _| mean)))
    }

    /// The index of a model from its mean and plays: infinite before its first play, so that every model is tried once.
    ///
    /// Where pending choices are counted they are plays, without a mean until the first result: of the models without any
    /// result, the one with the fewest pending comes first.
    #[inline]
    pub fn index(
        &self,
        context: &Context<'_>,
        model: ModelId,
        index: impl FnOnce(f64, f64) -> f64,
    ) -> f64 {
        let n = self.plays[model.index()];
        let pending = f64::from(context.pending(model));
        if n > 0.0 {
            index(self.means[model.index()], n + pending)
        } else if pending == 0.0 {
            f64::INFINITY
        } else {
            f64::MAX / (1.0 + pending)
        }
    }
}

/// All of `Learner` but choice and index, for a learner of which nothing moves but its field `arms`.
macro_rules! all_in_arms {
    () => {
        #[inline]
        fn learn(&mut self, feedback: &Feedback<'_>) {
            self.arms.book(feedback.model, feedback.reward);
        }

        fn belief(&self, _: &Context<'_>, model: ModelId) -> Option<f64> {
            self.arms.mean(model)
        }

        fn fade(&mut self, factor: f64) {
            self.arms.fade(factor);
        }

        fn unlearn(&mut self, feedback: &Feedback<'_>) {
            self.arms.unbook(feedback.model, feedback.reward);
        }
    };
}
pub(crate) use all_in_arms;

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

/// The choice of a policy that draws its indices: the largest, with an unknown probability.
#[inline]
pub fn drawn_largest(
    eligible: ModelSet,
    stream: &mut Stream,
    mut index: impl FnMut(ModelId, &mut Stream) -> f64,
) -> Choice {
    let mut draws = stream.clone();
    let (model, _) = largest(eligible, stream, |m| index(m, &mut draws));
    Choice { model, propensity: Propensity::Unknown, explored: false }
}

/// A choice in proportion to weights, of which at least one is above 0.
///
/// A model whose probability rounds to nothing is never chosen, so the probability of what is chosen is above 0.
#[inline]
pub fn in_proportion(
    eligible: ModelSet,
    stream: &mut Stream,
    weight: impl Fn(ModelId) -> f64,
) -> Choice {
    let total: f64 = eligible.iter().map(&weight).sum();
    let mut left = stream.uniform() * total;
    let mut last = None;
    for model in eligible.iter() {
        let own = weight(model);
        if own > 0.0 {
            last = Some((model, own));
            left -= own;
            if left < 0.0 {
                break;
            }
        }
    }
    let (model, own) = last.expect("one eligible model has a weight above 0");
    Choice { model, propensity: Propensity::Exact(own / total), explored: false }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learners::Features;
    use crate::units::Level;

    #[test]
    fn what_is_taken_back_leaves_no_trace() {
        let mut arms = Arms::new(2);
        let model = ModelId(1);
        for reward in [0.3, 0.9, 0.1] {
            arms.book(model, reward);
        }
        arms.unbook(model, 0.3);
        assert!((arms.means[1] - 0.5).abs() < 1e-12 && (arms.squares[1] - 0.41).abs() < 1e-12);
        assert!((arms.variance(model) - 0.16).abs() < 1e-12);
        arms.unbook(model, 0.9);
        arms.unbook(model, 0.1);
        assert_eq!((arms.mean(model), arms.total), (None, 0.0));
    }

    #[test]
    fn pending_choices_are_plays() {
        let mut arms = Arms::new(3);
        arms.book(ModelId(0), 0.5);
        let pending = [3, 0, 2];
        let context = Context { pending: &pending, ..Context::plain(Level::L1, 0) };
        let index = |i| arms.index(&context, ModelId(i), |mean, n| mean + 1.0 / n);
        assert_eq!(index(0), 0.75);
        assert_eq!(index(1), f64::INFINITY);
        assert!(index(2) > 1e300 && index(2) < f64::INFINITY);
        assert_eq!(Features::of_pairs(&[1.0, 2.0, 3.0, 4.0], 2).of(ModelId(1)), [3.0, 4.0]);
    }
}
