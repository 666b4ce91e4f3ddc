//! D-LinUCB: LinUCB for rewards that drift, by discounted regressions.

use serde::{Deserialize, Serialize};

use super::ridge::{Matrix, Ridge, diagonal, inputs, n_inputs, quadratic};
use crate::bounded::{NonNegative, Positive, Share};
use crate::domain::ModelSet;
use crate::learners::arms::greedy;
use crate::learners::{Card, Choice, Context, Feedback, Learner, Prior, Reads};
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `d_lin_ucb`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What a result counts after one more result, of any model. Theory asks for 1 - (B / (d T))^(2/3), where B is how far
    /// the coefficients move in T results; 0.997 remembers about 300.
    pub gamma: Share,
    /// Standard deviations between estimate and bound.
    pub beta: NonNegative,
    /// Weight of the prior that all coefficients are 0, in results.
    pub lambda: Positive,
}

impl Default for Config {
    fn default() -> Self {
        Self { gamma: Share::of(0.997), beta: NonNegative::of(1.0), lambda: Positive::of(1.0) }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Predicts each model's reward by a regression in which old results count less, and plays the largest upper bound.",
    formula: "argmax x'theta + beta sqrt(x'V^-1 V2 V^-1 x); with each result, for every model: V <- gamma V + x x' + (1 - gamma) lambda I, V2 likewise with gamma^2, b <- gamma b + reward x; x = 0 for models not called",
    source: "Russac, Vernade, Cappe, \"Weighted linear bandits for non-stationary environments\", 2019",
    fails: "Assumes rewards linear in the features; what has not been called for a while is tried again for ever, which costs where nothing drifts.",
    reads: Reads::Request,
    has_index: true,
    ..Card::BLANK
};

/// The discounted regression of one model.
#[derive(Clone, Debug)]
struct Discounted {
    /// V and b.
    ridge: Ridge,
    /// V2.
    squares: Matrix,
    /// V^-1 V2 V^-1.
    spread: Matrix,
}

/// D-LinUCB in flight.
#[derive(Clone, Debug)]
pub struct State {
    gamma: f64,
    beta: f64,
    lambda: f64,
    models: Vec<Discounted>,
    /// V^-1 V2 of the model that is computed.
    product: Matrix,
}

impl Discounted {
    /// Takes in a result of this model, or that there was one of another.
    fn step(&mut self, gamma: f64, lambda: f64, result: Option<(&[f64], f64)>) {
        let d = self.ridge.theta.len();
        self.ridge.fade(gamma);
        self.squares.iter_mut().for_each(|entry| *entry *= gamma * gamma);
        let kept = (1.0 - gamma * gamma) * lambda;
        self.squares.iter_mut().step_by(d + 1).for_each(|entry| *entry += kept);
        if let Some((x, reward)) = result {
            self.ridge.add(x, reward);
            let entries = x.iter().flat_map(|x_i| x.iter().map(move |x_j| x_i * x_j));
            self.squares.iter_mut().zip(entries).for_each(|(entry, more)| *entry += more);
        }
    }

    /// V^-1 V2 V^-1, from products of rows, since the matrices are symmetric.
    fn spread_out(&mut self, product: &mut Matrix) {
        let d = self.ridge.theta.len();
        multiply(&self.ridge.inverse, &self.squares, product, d);
        multiply(product, &self.ridge.inverse, &mut self.spread, d);
    }
}

/// A B' into `product`.
fn multiply(a: &[f64], b: &[f64], product: &mut [f64], d: usize) {
    for (row, left) in product.chunks_exact_mut(d).zip(a.chunks_exact(d)) {
        for (entry, right) in row.iter_mut().zip(b.chunks_exact(d)) {
            *entry = left.iter().zip(right).map(|(l, r)| l * r).sum();
        }
    }
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        let (d, lambda) = (n_inputs(prior), config.lambda.get());
        let fresh = Discounted {
            ridge: Ridge::new(d, lambda),
            squares: diagonal(d, lambda),
            spread: diagonal(d, 1.0 / lambda),
        };
        Self {
            gamma: config.gamma.get(),
            beta: config.beta.get(),
            lambda,
            models: vec![fresh; prior.n_models()],
            product: diagonal(d, 0.0),
        }
    }

    #[inline]
    fn bound(&self, context: &Context<'_>, model: ModelId) -> f64 {
        let own = &self.models[model.index()];
        let x = inputs(context, model);
        own.ridge.mean(x) + self.beta * quadratic(&own.spread, x).max(0.0).sqrt()
    }
}

impl Learner for State {
    #[inline]
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        greedy(eligible, stream, |m| self.bound(context, m))
    }

    fn learn(&mut self, feedback: &Feedback<'_>) {
        let result = (inputs(&feedback.context, feedback.model), feedback.reward);
        for (at, model) in self.models.iter_mut().enumerate() {
            let own = (at == feedback.model.index()).then_some(result);
            model.step(self.gamma, self.lambda, own);
            model.spread_out(&mut self.product);
        }
    }

    fn belief(&self, context: &Context<'_>, model: ModelId) -> Option<f64> {
        let ridge = &self.models[model.index()].ridge;
        (ridge.n > 0.0).then(|| ridge.mean(inputs(context, model)))
    }

    fn index(&self, context: &Context<'_>, model: ModelId, _: &mut Stream) -> f64 {
        self.bound(context, model)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ridge::invert;
    use super::*;
    use crate::learners::Features;
    use crate::sim::sample::standard_normal;
    use crate::sim::stream::{Purpose, Streams};
    use crate::units::Level;

    const D: usize = 3;

    #[test]
    fn the_bound_is_that_of_all_results_weighed_by_age() {
        let (gamma, beta, lambda) = (0.95_f64, 0.7, 0.4);
        let config = Config {
            gamma: Share::of(gamma),
            beta: NonNegative::of(beta),
            lambda: Positive::of(lambda),
        };
        let prior = Prior { n_features: D, ..Prior::of_scores(vec![[50.0; 4]; 2]) };
        let mut learner = State::new(&config, &prior);
        let mut seen: Vec<([f64; D], f64, u16)> = Vec::new();
        let mut draws = Streams::new(9).nth(Purpose::Expectation, 0);
        for n in 0..120 {
            let x = [(); D].map(|()| standard_normal(&mut draws));
            // Model 1 has not been called for a while at the end.
            let (reward, model) = (draws.uniform(), u16::from(n < 90 && n % 3 == 0));
            seen.push((x, reward, model));
            learner.learn(&Feedback::answered(
                Context { features: Features::of_request(&x), ..Context::plain(Level::L1, 0) },
                ModelId(model),
                reward,
            ));
        }
        let query = [0.3, -1.1, 0.8];
        let context =
            Context { features: Features::of_request(&query), ..Context::plain(Level::L1, 0) };
        for model in [0, 1] {
            let (mut v, mut squares) = (diagonal(D, lambda), diagonal(D, lambda));
            let mut moments = [0.0; D];
            let mut weight = 1.0;
            for (x, reward, own) in seen.iter().rev() {
                if *own == model {
                    for i in 0..D {
                        moments[i] += weight * reward * x[i];
                        for j in 0..D {
                            v[D * i + j] += weight * x[i] * x[j];
                            squares[D * i + j] += weight * weight * x[i] * x[j];
                        }
                    }
                }
                weight *= gamma;
            }
            invert(&mut v, D);
            let row = |i: usize| (0..D).map(|j| v[D * i + j] * query[j]).sum::<f64>();
            let pulled = [row(0), row(1), row(2)];
            let mean: f64 = pulled.iter().zip(&moments).map(|(p, m)| p * m).sum();
            let expected = mean + beta * quadratic(&squares, &pulled).sqrt();
            let found = learner.bound(&context, ModelId(model));
            assert!((found - expected).abs() < 1e-10, "model {model}: {found}, {expected}");
        }
    }
}
