//! Ridge regression of rewards on features, kept up to date result by result.

use crate::learners::{Context, Feedback, Prior};
use crate::units::ModelId;

/// Updates after which the inverse is computed anew, before rounding errors add up.
const REFACTOR_EVERY: u32 = 1000;

/// A square matrix, row by row, that is symmetric.
pub type Matrix = Vec<f64>;

/// Ridge regression: A = lambda I + sum of x x', b = sum of reward x, theta = A^-1 b.
///
/// The inverse moves by the formula of Sherman and Morrison (1950) and is computed anew by Cholesky's factors every
/// 1000 updates.
#[derive(Clone, Debug)]
pub struct Ridge {
    lambda: f64,
    /// A.
    pub matrix: Matrix,
    /// A^-1.
    pub inverse: Matrix,
    /// b.
    pub moments: Vec<f64>,
    /// The coefficients.
    pub theta: Vec<f64>,
    /// A^-1 x of the result that comes in.
    pull: Vec<f64>,
    updates: u32,
    /// Results that are in it.
    pub n: f64,
}

impl Ridge {
    /// Nothing seen yet of `d` features.
    #[must_use]
    pub fn new(d: usize, lambda: f64) -> Self {
        Self {
            lambda,
            matrix: diagonal(d, lambda),
            inverse: diagonal(d, 1.0 / lambda),
            moments: vec![0.0; d],
            theta: vec![0.0; d],
            pull: vec![0.0; d],
            updates: 0,
            n: 0.0,
        }
    }

    /// The prior that the coefficients are these, as if `lambda` results of every feature had said so.
    #[must_use]
    pub fn around(theta: &[f64], lambda: f64) -> Self {
        let moments = theta.iter().map(|theta| lambda * theta).collect();
        Self { moments, theta: theta.to_vec(), ..Self::new(theta.len(), lambda) }
    }

    /// The expected reward at `x`.
    #[inline]
    #[must_use]
    pub fn mean(&self, x: &[f64]) -> f64 {
        dot(&self.theta, x)
    }

    /// x' A^-1 x, the variance of the expected reward at `x` where rewards have variance 1.
    #[inline]
    #[must_use]
    pub fn variance(&self, x: &[f64]) -> f64 {
        quadratic(&self.inverse, x)
    }

    /// Takes in one result.
    #[inline]
    pub fn add(&mut self, x: &[f64], reward: f64) {
        self.update(x, reward, 1.0);
    }

    /// Takes back one result.
    pub fn remove(&mut self, x: &[f64], reward: f64) {
        self.update(x, reward, -1.0);
    }

    fn update(&mut self, x: &[f64], reward: f64, sign: f64) {
        assert_eq!(x.len(), self.theta.len(), "a result has other features than the regression");
        let error = reward - self.mean(x);
        for (pull, row) in self.pull.iter_mut().zip(self.inverse.chunks_exact(x.len())) {
            *pull = dot(row, x);
        }
        // (A + s x x')^-1 = A^-1 - s p p' / (1 + s x' p) with p = A^-1 x; theta moves by s p error / (1 + s x' p).
        let step = sign / (1.0 + sign * dot(x, &self.pull));
        for (i, (&x_i, &pull_i)) in x.iter().zip(&self.pull).enumerate() {
            let row = i * x.len()..(i + 1) * x.len();
            for (inverse, pull) in self.inverse[row.clone()].iter_mut().zip(&self.pull) {
                *inverse -= step * pull_i * pull;
            }
            for (entry, x_j) in self.matrix[row].iter_mut().zip(x) {
                *entry += sign * x_i * x_j;
            }
            self.moments[i] += sign * reward * x_i;
            self.theta[i] += step * error * pull_i;
        }
        self.n = (self.n + sign).max(0.0);
        self.updates += 1;
        if self.updates >= REFACTOR_EVERY {
            self.refactor();
        }
    }

    /// Lets all results count `factor` of what they did; lambda stays.
    pub fn fade(&mut self, factor: f64) {
        self.scale(factor, (1.0 - factor) * self.lambda);
    }

    /// Multiplies A and b by `factor` and adds `ridge` to A's diagonal.
    pub fn scale(&mut self, factor: f64, ridge: f64) {
        self.matrix.iter_mut().for_each(|entry| *entry *= factor);
        self.matrix.iter_mut().step_by(self.theta.len() + 1).for_each(|entry| *entry += ridge);
        self.moments.iter_mut().for_each(|entry| *entry *= factor);
        self.n *= factor;
        if ridge == 0.0 {
            self.inverse.iter_mut().for_each(|entry| *entry /= factor);
        } else {
            self.refactor();
        }
    }

    fn refactor(&mut self) {
        self.updates = 0;
        self.inverse.copy_from_slice(&self.matrix);
        invert(&mut self.inverse, self.theta.len());
        for (theta, row) in self.theta.iter_mut().zip(self.inverse.chunks_exact(self.pull.len())) {
            *theta = dot(row, &self.moments);
        }
    }
}

/// One regression for each model.
#[derive(Clone, Debug)]
pub struct Ridges(Vec<Ridge>);

impl Ridges {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(prior: &Prior, lambda: f64) -> Self {
        Self(vec![Ridge::new(n_inputs(prior), lambda); prior.n_models()])
    }

    /// The expected reward of a model.
    #[inline]
    #[must_use]
    pub fn mean(&self, context: &Context<'_>, model: ModelId) -> f64 {
        self.0[model.index()].mean(inputs(context, model))
    }

    /// The expected reward of a model, and its standard deviation where rewards have variance 1.
    #[inline]
    #[must_use]
    pub fn estimate(&self, context: &Context<'_>, model: ModelId) -> (f64, f64) {
        estimate(&self.0[model.index()], context, model)
    }

    /// The expected reward of a model that has been called.
    #[must_use]
    pub fn belief(&self, context: &Context<'_>, model: ModelId) -> Option<f64> {
        (self.0[model.index()].n > 0.0).then(|| self.mean(context, model))
    }

    /// Takes in one result.
    #[inline]
    pub fn add(&mut self, feedback: &Feedback<'_>) {
        let x = inputs(&feedback.context, feedback.model);
        self.0[feedback.model.index()].add(x, feedback.reward);
    }

    /// Takes back one result.
    pub fn remove(&mut self, feedback: &Feedback<'_>) {
        let x = inputs(&feedback.context, feedback.model);
        self.0[feedback.model.index()].remove(x, feedback.reward);
    }

    /// Lets all results count `factor` of what they did.
    pub fn fade(&mut self, factor: f64) {
        self.0.iter_mut().for_each(|ridge| ridge.fade(factor));
    }
}

/// The expected reward of a model by a regression, and its standard deviation where rewards have variance 1.
///
/// Pending choices count as results with the present features: k of them turn the variance v into v / (1 + k v).
#[inline]
#[must_use]
pub fn estimate(ridge: &Ridge, context: &Context<'_>, model: ModelId) -> (f64, f64) {
    let x = inputs(context, model);
    let variance = ridge.variance(x);
    let pending = f64::from(context.pending(model));
    (ridge.mean(x), (variance / (1.0 + pending * variance)).sqrt())
}

/// What a regression sees of a model: its features, or a constant where there are none.
#[inline]
#[must_use]
pub fn inputs<'a>(context: &Context<'a>, model: ModelId) -> &'a [f64] {
    match context.features.of(model) {
        [] => &[1.0],
        features => features,
    }
}

/// How many inputs there are.
#[must_use]
pub fn n_inputs(prior: &Prior) -> usize {
    prior.n_features.max(1)
}

/// The diagonal matrix with `value` on its diagonal.
#[must_use]
pub fn diagonal(d: usize, value: f64) -> Matrix {
    (0..d * d).map(|at| if at % (d + 1) == 0 { value } else { 0.0 }).collect()
}

#[inline]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// x' M x.
#[inline]
#[must_use]
pub fn quadratic(matrix: &[f64], x: &[f64]) -> f64 {
    matrix.chunks_exact(x.len()).zip(x).map(|(row, x_i)| x_i * dot(row, x)).sum()
}

/// Inverts a symmetric positive definite matrix in its place: Cholesky's factor L, its inverse, then L^-T L^-1.
pub fn invert(matrix: &mut [f64], d: usize) {
    let at = |i: usize, j: usize| i * d + j;
    for i in 0..d {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| matrix[at(i, k)] * matrix[at(j, k)]).sum();
            let rest = matrix[at(i, j)] - known;
            matrix[at(i, j)] = if i == j { rest.sqrt() } else { rest / matrix[at(j, j)] };
        }
    }
    for i in 0..d {
        let pivot = matrix[at(i, i)];
        for j in 0..i {
            let sum: f64 = (j..i).map(|k| matrix[at(i, k)] * matrix[at(k, j)]).sum();
            matrix[at(i, j)] = -sum / pivot;
        }
        matrix[at(i, i)] = 1.0 / pivot;
    }
    for i in 0..d {
        for j in 0..=i {
            let entry = (i..d).map(|k| matrix[at(k, i)] * matrix[at(k, j)]).sum();
            (matrix[at(i, j)], matrix[at(j, i)]) = (entry, entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::sample::standard_normal;
    use crate::sim::stream::{Purpose, Streams};

    /// 2,500 results with 6 features, of which the last three lie close together.
    fn results() -> Vec<(Vec<f64>, f64)> {
        let result = |n| {
            let mut draws = Streams::new(7).nth(Purpose::Expectation, n);
            let mut x: Vec<f64> = (0..6).map(|_| standard_normal(&mut draws)).collect();
            (x[4], x[5]) = (x[3] + 1e-3 * x[4], x[3] + 1e-3 * x[5]);
            (x, draws.uniform())
        };
        (0..2_500).map(result).collect()
    }

    fn assert_near(found: &[f64], expected: &[f64], what: &str) {
        for (found, expected) in found.iter().zip(expected) {
            let allowed = 1e-8 * expected.abs().max(1.0);
            assert!((found - expected).abs() < allowed, "{what}: {found}, {expected}");
        }
    }

    /// The same regression from all its sums at once.
    fn at_once(results: &[(Vec<f64>, f64)], weight: impl Fn(usize) -> f64) -> Ridge {
        let mut ridge = Ridge::new(6, 0.5);
        for (n, (x, reward)) in results.iter().enumerate() {
            for i in 0..6 {
                ridge.moments[i] += weight(n) * reward * x[i];
                for j in 0..6 {
                    ridge.matrix[6 * i + j] += weight(n) * x[i] * x[j];
                }
            }
        }
        ridge.refactor();
        ridge
    }

    #[test]
    fn updates_agree_with_the_regression_computed_at_once() {
        let results = results();
        let mut ridge = Ridge::new(6, 0.5);
        results.iter().for_each(|(x, reward)| ridge.add(x, *reward));
        let expected = at_once(&results, |_| 1.0);
        assert_near(&ridge.theta, &expected.theta, "theta");
        assert_near(&ridge.inverse, &expected.inverse, "inverse");
        let unit: Vec<f64> = (0..36)
            .map(|at| {
                (0..6).map(|k| ridge.matrix[at / 6 * 6 + k] * ridge.inverse[6 * k + at % 6]).sum()
            })
            .collect();
        assert_near(&unit, &diagonal(6, 1.0), "A A^-1");
    }

    #[test]
    fn results_are_taken_back_and_fade_without_a_trace() {
        let results = results();
        let mut ridge = Ridge::new(6, 0.5);
        for (n, (x, reward)) in results.iter().enumerate() {
            if n >= 800 {
                let (x, reward) = &results[n - 800];
                ridge.remove(x, *reward);
            }
            ridge.add(x, *reward);
        }
        assert_eq!(ridge.n, 800.0);
        assert_near(&ridge.theta, &at_once(&results[1_700..], |_| 1.0).theta, "window");

        let mut ridge = Ridge::new(6, 0.5);
        for (x, reward) in &results[..100] {
            ridge.fade(0.9);
            ridge.add(x, *reward);
        }
        let weight = |n: usize| (n..99).fold(1.0, |weight, _| weight * 0.9);
        assert_near(&ridge.theta, &at_once(&results[..100], weight).theta, "discount");
    }

    #[test]
    fn pending_choices_narrow_the_bound_as_results_would() {
        let x = [0.6, -0.3];
        let mut ridge = Ridge::new(2, 1.0);
        ridge.add(&[1.0, 0.5], 0.4);
        let context = Context {
            features: crate::learners::Features::of_request(&x),
            pending: &[3],
            ..Context::plain(crate::units::Level::L1, 0)
        };
        let (_, deviation) = estimate(&ridge, &context, ModelId(0));
        (0..3).for_each(|_| ridge.add(&x, 0.0));
        assert!((deviation * deviation - ridge.variance(&x)).abs() < 1e-14);
    }
}
