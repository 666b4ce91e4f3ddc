//! Discounted Thompson sampling: Beta beliefs that fade towards their prior.

use serde::{Deserialize, Serialize};

use crate::bounded::{Positive, Share};
use crate::learners::drifting::remembering::{Remembering, Remembers};
use crate::learners::stationary::thompson_beta;
use crate::learners::wrappers::memory::Memory;
use crate::learners::{Card, Prior};

/// Keys of `discounted_thompson`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What a result counts after the next one.
    pub gamma: Share,
    /// Prior successes of every model.
    pub prior_successes: Positive,
    /// Prior failures of every model.
    pub prior_failures: Positive,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            gamma: Share::of(0.99),
            prior_successes: Positive::of(1.0),
            prior_failures: Positive::of(1.0),
        }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Samples each model's mean reward from a Beta belief that fades towards its prior, and plays the largest.",
    formula: "S <- gamma S, F <- gamma F for all models, then +reward and +(1 - reward) for the played one; argmax theta, theta ~ Beta(a + S, b + F)",
    source: "Raj, Kalyani, \"Taming non-stationary bandits: a Bayesian approach\", 2017",
    fails: "Fading never ends, so exploration does not either: regret grows linearly where nothing changes. Assumes rewards in 0..1 (others are clamped).",
    has_index: true,
    ..Card::BLANK
};

/// Discounted Thompson sampling in flight.
pub type State = Remembering<Config>;

impl Remembers for Config {
    type Learner = thompson_beta::State;

    fn parts(&self, prior: &Prior) -> (thompson_beta::State, Memory) {
        let beliefs = thompson_beta::Config {
            prior_successes: self.prior_successes,
            prior_failures: self.prior_failures,
        };
        (thompson_beta::State::new(&beliefs, prior), Memory::Discount(self.gamma))
    }
}
