//! Weights that are exponentials, for learners that play in proportion to them: kept as logarithms, so that none is lost.

use crate::domain::ModelSet;
use crate::math;
use crate::units::ModelId;

/// A weight per model, up to a common factor.
#[derive(Clone, Debug)]
pub struct LogWeights {
    logs: Vec<f64>,
    /// exp(log - scale); 0 where a weight is lost beside the others.
    weights: Vec<f64>,
    /// Their sum.
    total: f64,
    scale: f64,
    /// Models whose weight has been set.
    seen: ModelSet,
}

impl LogWeights {
    /// A weight of 1 for each of `n_models` models.
    #[must_use]
    pub fn new(n_models: usize) -> Self {
        let (logs, weights) = (vec![0.0; n_models], vec![1.0; n_models]);
        Self { logs, weights, total: n_models as f64, scale: 0.0, seen: ModelSet::EMPTY }
    }

    /// The logarithm of a model's weight.
    #[must_use]
    pub fn log(&self, model: ModelId) -> f64 {
        self.logs[model.index()]
    }

    /// Sets the logarithm of a model's weight.
    #[inline]
    pub fn set(&mut self, model: ModelId, log: f64) {
        let i = model.index();
        self.logs[i] = log;
        self.seen.insert(model);
        self.weights[i] = math::exp(log - self.scale);
        self.total = self.weights.iter().sum();
        if !(1e-100..1e100).contains(&self.total) {
            self.rescale();
        }
    }

    /// Multiplies all logarithms.
    pub fn multiply_logs(&mut self, factor: f64) {
        self.logs.iter_mut().for_each(|log| *log *= factor);
        self.rescale();
    }

    /// Lets a new model start where the best stands, of those whose weights have been set.
    pub fn raise_to_largest(&mut self, model: ModelId) {
        if !self.seen.is_empty() {
            self.set(model, self.largest_log(self.seen));
        }
    }

    /// A model's share of all weights.
    #[inline]
    #[must_use]
    pub fn share(&self, model: ModelId) -> f64 {
        self.weights[model.index()] / self.total
    }

    /// The weights of some models, up to a factor of their own: not all are 0, whatever the others weigh.
    #[inline]
    pub fn among(&self, eligible: ModelSet) -> impl Fn(ModelId) -> f64 + '_ {
        let total: f64 = eligible.iter().map(|m| self.weights[m.index()]).sum();
        // So small a sum has lost digits, or all.
        let own_scale = (total < 1e-280).then(|| self.largest_log(eligible));
        move |m| match own_scale {
            None => self.weights[m.index()],
            Some(scale) => math::exp(self.log(m) - scale),
        }
    }

    fn largest_log(&self, models: ModelSet) -> f64 {
        models.iter().map(|m| self.log(m)).fold(f64::NEG_INFINITY, f64::max)
    }

    fn rescale(&mut self) {
        self.scale = self.largest_log(ModelSet::first(self.logs.len()));
        for (weight, log) in self.weights.iter_mut().zip(&self.logs) {
            *weight = math::exp(log - self.scale);
        }
        self.total = self.weights.iter().sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_weight_is_lost() {
        let mut weights = LogWeights::new(3);
        let models = [0, 1, 2].map(ModelId);
        // Far beyond the largest and smallest floats, up and down again.
        for log in [800.0, 2000.0, -3000.0, -9000.0] {
            for (i, model) in models.into_iter().enumerate() {
                weights.set(model, log - i as f64);
            }
            let shares = models.map(|m| weights.share(m));
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{shares:?}");
            assert!((shares[0] / shares[2] - crate::math::exp(2.0)).abs() < 1e-9, "{shares:?}");
        }
        // Among models that are nothing beside the best they keep their proportions.
        weights.set(models[0], 5000.0);
        assert_eq!(weights.share(models[1]), 0.0);
        let rest = weights.among(models[1..].iter().copied().collect());
        assert!((rest(models[1]) / rest(models[2]) - crate::math::exp(1.0)).abs() < 1e-12);
    }
}
