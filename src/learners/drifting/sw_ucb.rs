//! SW-UCB: the upper confidence bound of the mean over a window of the last plays.

use serde::{Deserialize, Serialize};

use crate::bounded::{Count, NonNegative, Positive};
use crate::learners::drifting::remembering::{Remembering, Remembers};
use crate::learners::drifting::window;
use crate::learners::stationary::ucb1;
use crate::learners::wrappers::memory::Memory;
use crate::learners::{Card, Prior};

/// Keys of `sw_ucb`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Last plays that count, over all models. By default 2 B sqrt(T ln T / changes), B = reward_range, T = horizon.
    #[schemars(example = 1000)]
    pub window: Option<Count>,
    /// Width of the bound; the theory asks for more than 0.5.
    pub xi: NonNegative,
    /// B, the range of rewards.
    pub reward_range: Positive,
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
            xi: NonNegative::of(0.6),
            reward_range: Positive::of(1.0),
            changes: Count::of(1),
            horizon: None,
        }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Plays the model with the largest upper confidence bound of its mean reward over the last plays.",
    formula: "argmax mean + B sqrt(xi ln min(t, window) / plays), mean and plays over the last `window` plays; models without a play in them first; ties at random",
    source: "Garivier, Moulines, \"On upper-confidence bound policies for switching bandit problems\", 2011",
    fails: "A window far from the time between changes: too short, it explores for ever; too long, it follows late. Assumes rewards in 0..B.",
    has_index: true,
    ..Card::BLANK
};

/// SW-UCB in flight.
pub type State = Remembering<Config>;

impl Remembers for Config {
    type Learner = ucb1::State;

    fn parts(&self, prior: &Prior) -> (ucb1::State, Memory) {
        let range = self.reward_range.get();
        let by_horizon = || {
            let horizon = prior.horizon(self.horizon.map(Count::get));
            Count::of(window(range, horizon, self.changes.get()))
        };
        let size = self.window.unwrap_or_else(by_horizon);
        let c = range * range * self.xi.get();
        let clock = ucb1::Clock { ahead: 1.0, most: size.get() as f64 };
        (ucb1::State::with_clock(c, clock, prior), Memory::Window(size))
    }
}
