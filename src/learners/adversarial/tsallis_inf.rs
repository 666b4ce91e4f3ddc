//! Tsallis-INF: follow the regularised leader, with Tsallis entropy of power 1/2.

use serde::{Deserialize, Serialize};

use crate::domain::ModelSet;
use crate::learners::adversarial::own_probability;
use crate::learners::arms::in_proportion;
use crate::learners::{BeliefScale, Card, Choice, Context, Feedback, Learner, Prior};
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// `tsallis_inf` has no keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Draws from probabilities that fall with the square of a model's loss: near the best possible whether rewards follow a law or not.",
    formula: "p = 4 (eta (L - x))^-2 with x below every L such that p sums to 1, over the eligible models in proportion; eta = 2 / sqrt(t), t = own results so far + 1; L <- L + (1 - reward) / p for the model played",
    source: "Zimmert, Seldin, \"Tsallis-INF: an optimal algorithm for stochastic and adversarial bandits\", 2021 (importance-weighted estimates)",
    fails: "Assumes rewards in 0..1; when the best model changes it takes as long to notice as the lead was built; learns only from its own choices.",
    belief: BeliefScale::Probability,
    forgets: true,
    ..Card::BLANK
};

/// Tsallis-INF in flight.
#[derive(Clone, Debug)]
pub struct State {
    /// Importance-weighted losses.
    losses: Vec<f64>,
    /// Results taken in.
    taken: f64,
    /// Models of which there was a result.
    seen: ModelSet,
    probabilities: Vec<f64>,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(_: &Config, prior: &Prior) -> Self {
        let n = prior.n_models();
        let probabilities = vec![1.0 / n as f64; n];
        Self { losses: vec![0.0; n], taken: 0.0, seen: ModelSet::EMPTY, probabilities }
    }

    fn book(&mut self, feedback: &Feedback<'_>, weight: f64) {
        if let Some(p) = own_probability(feedback) {
            self.losses[feedback.model.index()] += weight * (1.0 - feedback.reward) / p;
            self.taken = (self.taken + weight).max(0.0);
            self.seen.insert(feedback.model);
            self.balance();
        }
    }

    /// Finds y = (least loss) - x by Newton's method.
    ///
    /// The sum of p falls in y and is convex, and is at least 1 at y = 2 / eta, where the best model alone has a probability
    /// of 1: from there the steps never pass the root. From beyond it they may jump to a negative y, where there is a root too,
    /// but a false one.
    fn balance(&mut self) {
        // 2 / eta.
        let scale = (self.taken + 1.0).sqrt();
        let least = self.losses.iter().copied().fold(f64::INFINITY, f64::min);
        let mut y = scale;
        for _ in 0..100 {
            let (mut sum, mut slope) = (0.0, 0.0);
            for (p, loss) in self.probabilities.iter_mut().zip(&self.losses) {
                let inverse = 1.0 / (loss - least + y);
                *p = (scale * inverse) * (scale * inverse);
                sum += *p;
                slope += *p * inverse;
            }
            let excess = sum - 1.0;
            if excess < 1e-13 {
                break;
            }
            y += 0.5 * excess / slope;
        }
    }
}

impl Learner for State {
    #[inline]
    fn choose(&self, _: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        in_proportion(eligible, stream, |m| self.probabilities[m.index()])
    }

    fn learn(&mut self, feedback: &Feedback<'_>) {
        self.book(feedback, 1.0);
    }

    fn belief(&self, _: &Context<'_>, model: ModelId) -> Option<f64> {
        Some(self.probabilities[model.index()])
    }

    fn fade(&mut self, factor: f64) {
        self.losses.iter_mut().for_each(|loss| *loss *= factor);
        self.taken *= factor;
        self.balance();
    }

    fn unlearn(&mut self, feedback: &Feedback<'_>) {
        self.book(feedback, -1.0);
    }

    /// It starts where the best model stands: from nothing it would be played until its losses have caught up.
    fn model_added(&mut self, model: ModelId) {
        let losses = self.seen.iter().map(|m| self.losses[m.index()]);
        if let Some(least) = losses.reduce(f64::min) {
            self.losses[model.index()] = least;
            self.balance();
        }
    }
}
