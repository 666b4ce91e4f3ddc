//! D-UCB: the upper confidence bound of the discounted mean.

use serde::{Deserialize, Serialize};

use crate::bounded::{Count, NonNegative, Positive, Share};
use crate::learners::drifting::remembering::{Remembering, Remembers};
use crate::learners::stationary::ucb1;
use crate::learners::wrappers::memory::Memory;
use crate::learners::{Card, Prior};

/// Keys of `d_ucb`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What a result counts after the next one. By default 1 - sqrt(changes / T) / (4 B), B = reward_range, T = horizon,
    /// where `changes` is written, else 0.99.
    #[schemars(example = 0.99)]
    pub gamma: Option<Share>,
    /// Width of the bound; the theory asks for more than 0.5.
    pub xi: NonNegative,
    /// B, the range of rewards.
    pub reward_range: Positive,
    /// Changes expected over the horizon.
    #[schemars(example = 3)]
    pub changes: Option<Count>,
    /// Decisions to come; by default what is known of the run, else 10,000.
    #[schemars(example = 10_000)]
    pub horizon: Option<Count>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            gamma: None,
            xi: NonNegative::of(0.6),
            reward_range: Positive::of(1.0),
            changes: None,
            horizon: None,
        }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Plays the model with the largest upper confidence bound of its mean reward, in which what lies back counts less.",
    formula: "N <- gamma N, X <- gamma X for all models, then +1 and +reward for the played one; argmax X/N + 2 B sqrt(xi ln(sum N) / N); every model once first; ties at random",
    source: "Garivier, Moulines, \"On upper-confidence bound policies for switching bandit problems\", 2011",
    fails: "The bound is wide: with gamma = 0.99 a model counts as unknown after some hundred plays of others, and most plays explore. Assumes rewards in 0..B.",
    has_index: true,
    ..Card::BLANK
};

/// D-UCB in flight.
pub type State = Remembering<Config>;

impl Config {
    fn discount(&self, prior: &Prior) -> Share {
        let by_changes = |changes: Count| {
            let horizon = prior.horizon(self.horizon.map(Count::get));
            let share = (changes.get() as f64 / horizon as f64).sqrt();
            // Below one half nothing would be remembered; the formula means horizons long against the changes.
            Share::of((1.0 - share / (4.0 * self.reward_range.get())).max(0.5))
        };
        self.gamma.or(self.changes.map(by_changes)).unwrap_or(Share::of(0.99))
    }
}

impl Remembers for Config {
    type Learner = ucb1::State;

    fn parts(&self, prior: &Prior) -> (ucb1::State, Memory) {
        let range = self.reward_range.get();
        let c = 4.0 * range * range * self.xi.get();
        let learner = ucb1::State::with_clock(c, ucb1::Clock::PLAYS, prior);
        (learner, Memory::Discount(self.discount(prior)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_discount_follows_the_changes() {
        let prior = Prior { horizon: Some(10_000), ..Prior::of_scores(vec![[50.0; 4]; 2]) };
        assert_eq!(Config::default().discount(&prior).get(), 0.99);
        let three = Config { changes: Some(Count::of(3)), ..Config::default() };
        // 1 - sqrt(3 / 10,000) / 4.
        assert!((three.discount(&prior).get() - 0.995_669_872_981_078).abs() < 1e-12);
        let written = Config { gamma: Some(Share::of(0.9)), ..three };
        assert_eq!(written.discount(&prior).get(), 0.9);
    }
}
