//! SquareCB: probabilities that fall with the predicted gap to the best model.

use serde::{Deserialize, Serialize};

use super::ridge::Ridges;
use crate::bounded::{NonNegative, Positive};
use crate::domain::ModelSet;
use crate::learners::arms::in_proportion;
use crate::learners::{Card, Choice, Context, Exploration, Feedback, Learner, Prior, Reads};
use crate::math;
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `square_cb`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Factor of gamma = `gamma_scale` x t^`gamma_exponent`: a larger one explores less.
    pub gamma_scale: Positive,
    /// Exponent of gamma; 0.5 is the theory's.
    pub gamma_exponent: NonNegative,
    /// Weight of the prior that all coefficients are 0, in results.
    pub lambda: Positive,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            gamma_scale: Positive::of(10.0),
            gamma_exponent: NonNegative::of(0.5),
            lambda: Positive::of(1.0),
        }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Predicts each model's reward by a regression and plays the worse ones with a probability that falls with their gap.",
    formula: "p(a) = 1 / (K + gamma (y_best - y_a)), the rest to the best; y by ridge regression of each model; gamma = 10 sqrt(t), t = results seen + 1; K eligible models",
    source: "Foster, Rakhlin, \"Beyond UCB: optimal and efficient contextual bandits with regression oracles\", 2020; scale and exponent as in Vowpal Wabbit",
    fails: "Assumes that the regression can express the rewards; explores more than LinUCB where it can, and pays with sqrt(t) regret.",
    reads: Reads::Request,
    exploration: Exploration::Marked,
    forgets: true,
    ..Card::BLANK
};

/// SquareCB in flight.
#[derive(Clone, Debug)]
pub struct State {
    scale: f64,
    exponent: f64,
    ridges: Ridges,
    /// Results seen.
    n: f64,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        Self {
            scale: config.gamma_scale.get(),
            exponent: config.gamma_exponent.get(),
            ridges: Ridges::new(prior, config.lambda.get()),
            n: 0.0,
        }
    }
}

impl Learner for State {
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        let gamma = self.scale * math::powf(self.n + 1.0, self.exponent);
        let k = eligible.len() as f64;
        let predicted = |m| self.ridges.mean(context, m);
        let best = eligible.iter().map(predicted).fold(f64::NEG_INFINITY, f64::max);
        let of_worse = |y: f64| 1.0 / (k + gamma * (best - y));
        // What the worse models leave is shared by the best ones.
        let (mut left, mut n_best) = (1.0, 0.0);
        for y in eligible.iter().map(predicted) {
            if y == best {
                n_best += 1.0;
            } else {
                left -= of_worse(y);
            }
        }
        let choice = in_proportion(eligible, stream, |m| match predicted(m) {
            y if y == best => left / n_best,
            y => of_worse(y),
        });
        Choice { explored: predicted(choice.model) != best, ..choice }
    }

    fn learn(&mut self, feedback: &Feedback<'_>) {
        self.ridges.add(feedback);
        self.n += 1.0;
    }

    fn belief(&self, context: &Context<'_>, model: ModelId) -> Option<f64> {
        self.ridges.belief(context, model)
    }

    fn fade(&mut self, factor: f64) {
        self.ridges.fade(factor);
        self.n *= factor;
    }

    fn unlearn(&mut self, feedback: &Feedback<'_>) {
        self.ridges.remove(feedback);
        self.n = (self.n - 1.0).max(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Propensity;
    use crate::sim::stream::{Purpose, Streams};
    use crate::units::{Level, TaskId};

    #[test]
    fn probabilities_fall_with_the_gap_and_are_those_of_the_choices() {
        let mut learner = State::new(&Config::default(), &Prior::of_scores(vec![[50.0; 4]; 4]));
        let context = Context::plain(Level::L1, 0);
        // Without features a model's prediction is its sum of rewards over its results + 1: 0.45, 0.3, 0.45, 0.
        for (model, reward) in [(0, 0.9), (1, 0.6), (2, 0.9)] {
            learner.learn(&Feedback::answered(context, ModelId(model), reward));
        }
        // gamma = 10 sqrt(4), K = 3 of the eligible.
        let eligible: ModelSet = [0, 1, 3].into_iter().map(ModelId).collect();
        let (second, last) = (1.0 / (3.0 + 20.0 * 0.15), 1.0 / (3.0 + 20.0 * 0.45));
        let expected = [1.0 - second - last, second, 0.0, last];
        let mut counts = [0.0; 4];
        let n = 40_000;
        for t in 0..n {
            let mut draws = Streams::new(3).task(Purpose::Choice, TaskId(t));
            let choice = learner.choose(&context, eligible, &mut draws);
            let p = choice.propensity.value().expect("it is exact");
            assert!((p - expected[choice.model.index()]).abs() < 1e-12, "{choice:?}");
            assert_eq!(choice.explored, choice.model != ModelId(0));
            counts[choice.model.index()] += 1.0;
        }
        for (count, p) in counts.iter().zip(expected) {
            // z = 4 standard errors of a share: a false alarm in one of 16,000 for each.
            let allowed = 4.0 * (p * (1.0 - p) / n as f64).sqrt();
            assert!((count / n as f64 - p).abs() <= allowed, "{counts:?}, seed 3");
        }
        // Two best models share what is left.
        let best: ModelSet = [0, 2].into_iter().map(ModelId).collect();
        let choice = learner.choose(&context, best, &mut Streams::new(3).nth(Purpose::Choice, 1));
        assert_eq!(choice.propensity, Propensity::Exact(0.5));
    }
}
