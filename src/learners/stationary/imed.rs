//! IMED: indexed minimum empirical divergence.

use serde::{Deserialize, Serialize};

use crate::domain::ModelSet;
use crate::learners::arms::{Arms, all_in_arms, greedy};
use crate::learners::kl::kl;
use crate::learners::{Card, Choice, Context, Feedback, Learner, Prior};
use crate::math;
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// `imed` has no keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Plays the model against whose being the best there is least evidence for its number of plays.",
    formula: "argmin plays kl(mean, best mean of an eligible model) + ln plays; every model once first; ties at random",
    source: "Honda, Takemura, \"Non-asymptotic analysis of a new bandit algorithm for semi-bounded rewards\", 2015",
    fails: "Assumes rewards in 0..1 (a mean outside is clamped) that do not drift; spreads too evenly where rewards vary less than Bernoulli ones.",
    forgets: true,
    ..Card::BLANK
};

/// IMED in flight.
#[derive(Clone, Debug)]
pub struct State {
    arms: Arms,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(_: &Config, prior: &Prior) -> Self {
        Self { arms: Arms::new(prior.n_models()) }
    }
}

impl Learner for State {
    #[inline]
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        let means = eligible.iter().filter_map(|m| self.arms.mean(m));
        let best = means.fold(0.0, f64::max).min(1.0);
        greedy(eligible, stream, |m| {
            self.arms.index(context, m, |mean, n| {
                let mean = mean.max(0.0);
                let evidence = if mean < best { n * kl(mean, best) } else { 0.0 };
                -(evidence + math::ln(n))
            })
        })
    }

    all_in_arms!();
}
