//! Sliding-window Thompson sampling: Beta beliefs made of the last plays alone.

use serde::{Deserialize, Serialize};

use crate::bounded::{Count, Positive};
use crate::learners::drifting::remembering::{Remembering, Remembers};
use crate::learners::drifting::window;
use crate::learners::stationary::thompson_beta;
use crate::learners::wrappers::memory::Memory;
use crate::learners::{Card, Prior};

/// Keys of `sliding_window_thompson`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Last plays that count, over all models. By default 2 sqrt(T ln T / changes), T = horizon, as for `sw_ucb`.
    #[schemars(example = 1000)]
    pub window: Option<Count>,
    /// Prior successes of every model.
    pub prior_successes: Positive,
    /// Prior failures of every model.
    pub prior_failures: Positive,
    /// Changes expected over the horizon.
    pub changes: Count,
    /// Decisions to come; by default what is known of the run, else 10,000.
    #[schemars(example = 10_000)]
    pub horizon: Option<Count>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            window: None,
            prior_successes: Positive::of(1.0),
            prior_failures: Positive::of(1.0),
            changes: Count::of(1),
            horizon: None,
        }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Samples each model's mean reward from its Beta belief over the last plays and plays the largest.",
    formula: "argmax theta, theta ~ Beta(a + sum of rewards, b + sum of (1 - reward)), sums over the last `window` plays",
    source: "Trovo, Paladino, Restelli, Gatti, \"Sliding-window Thompson sampling for non-stationary environments\", 2020",
    fails: "A window far from the time between changes: too short, it explores for ever; too long, it follows late. Assumes rewards in 0..1 (others are clamped).",
    has_index: true,
    ..Card::BLANK
};

/// Sliding-window Thompson sampling in flight.
pub type State = Remembering<Config>;

impl Remembers for Config {
    type Learner = thompson_beta::State;

    fn parts(&self, prior: &Prior) -> (thompson_beta::State, Memory) {
        let by_horizon = || {
            let horizon = prior.horizon(self.horizon.map(Count::get));
            Count::of(window(1.0, horizon, self.changes.get()))
        };
        let beliefs = thompson_beta::Config {
            prior_successes: self.prior_successes,
            prior_failures: self.prior_failures,
        };
        let size = self.window.unwrap_or_else(by_horizon);
        (thompson_beta::State::new(&beliefs, prior), Memory::Window(size))
    }
}
