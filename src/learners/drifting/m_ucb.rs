//! M-UCB: UCB1 that starts again when the halves of a window differ.

use serde::{Deserialize, Serialize};

use crate::bounded::{Count, NonNegative, Probability};
use crate::domain::{ModelSet, Propensity};
use crate::learners::drifting::detect::Halves;
use crate::learners::drifting::{forced, forced_period};
use crate::learners::stationary::ucb1;
use crate::learners::{Card, Choice, Context, Feedback, Learner, Prior};
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `m_ucb`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Last rewards of a model, w, whose halves are compared; one less where it is odd.
    pub window: Count,
    /// Difference between the halves' sums, b, above which there was a change. By default sqrt(w/2 ln(2 K T^2)), T = horizon,
    /// K models.
    #[schemars(example = 45.0)]
    pub threshold: Option<NonNegative>,
    /// Share of rounds in which a model is played whatever its bound. By default sqrt(changes K (2 b + 3 sqrt(w)) / (2 T)).
    #[schemars(example = 0.1)]
    pub gamma: Option<Probability>,
    /// Changes expected over the horizon.
    pub changes: Count,
    /// Decisions to come; by default what is known of the run, else 10,000.
    #[schemars(example = 10_000)]
    pub horizon: Option<Count>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            window: Count::of(200),
            threshold: None,
            gamma: None,
            changes: Count::of(1),
            horizon: None,
        }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Plays the model with the largest upper confidence bound and forgets everything when the halves of a model's window of rewards differ.",
    formula: "argmax mean + sqrt(2 ln(t - restart) / plays); a share gamma of rounds plays each model in turn; restart when |sum of the last w/2 rewards - sum of the w/2 before| > b",
    source: "Cao, Wen, Kveton, Xie, \"Nearly optimal adaptive procedure with change detection for piecewise-stationary bandit\", 2019",
    fails: "Sees only changes larger than 2 b / w, and of a model only after w/2 plays of it; its forced plays cost a share gamma of all rounds for ever. Assumes rewards in 0..1.",
    has_index: true,
    ..Card::BLANK
};

/// M-UCB in flight.
#[derive(Clone, Debug)]
pub struct State {
    period: u64,
    /// Rewards seen since the last restart.
    seen: u64,
    fresh: ucb1::State,
    bounds: ucb1::State,
    tests: Vec<Halves>,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        let n = prior.n_models();
        let horizon = prior.horizon(config.horizon.map(Count::get));
        let window = config.window.get();
        let by_horizon = || Halves::threshold(window, n, horizon);
        let threshold = config.threshold.map_or_else(by_horizon, NonNegative::get);
        let by_threshold = || {
            let cost = 2.0 * threshold + 3.0 * (window as f64).sqrt();
            let share = config.changes.get() as f64 * n as f64 * cost / (2.0 * horizon as f64);
            share.sqrt().min(1.0)
        };
        let gamma = config.gamma.map_or_else(by_threshold, Probability::get);
        let clock = ucb1::Clock { ahead: 1.0, most: f64::INFINITY };
        let fresh = ucb1::State::with_clock(2.0, clock, prior);
        Self {
            period: forced_period(n, gamma),
            seen: 0,
            bounds: fresh.clone(),
            fresh,
            tests: vec![Halves::new(window, threshold); n],
        }
    }
}

impl Learner for State {
    #[inline]
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        match forced(self.seen, self.period, self.tests.len()) {
            Some(model) if eligible.contains(model) => {
                Choice { model, propensity: Propensity::Exact(1.0), explored: false }
            }
            _ => self.bounds.choose(context, eligible, stream),
        }
    }

    #[inline]
    fn learn(&mut self, feedback: &Feedback<'_>) {
        self.seen += 1;
        self.bounds.learn(feedback);
        if self.tests[feedback.model.index()].push(feedback.reward) {
            self.seen = 0;
            self.bounds.clone_from(&self.fresh);
            self.tests.iter_mut().for_each(Halves::clear);
        }
    }

    fn belief(&self, context: &Context<'_>, model: ModelId) -> Option<f64> {
        self.bounds.belief(context, model)
    }

    fn index(&self, context: &Context<'_>, model: ModelId, stream: &mut Stream) -> f64 {
        self.bounds.index(context, model, stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::stream::{Purpose, Streams};
    use crate::units::{Level, TaskId};

    #[test]
    fn a_change_is_forgotten_with_all_that_was_before_and_turns_begin_anew() {
        let config = Config {
            window: Count::of(10),
            threshold: Some(NonNegative::of(3.0)),
            gamma: Some(Probability::of(0.2)),
            ..Config::default()
        };
        let mut state = State::new(&config, &Prior::of_scores(vec![[50.0; 4]; 2]));
        let context = Context::plain(Level::L1, 0);
        let (mut plays, mut since) = (0, 0);
        for t in 0..200_u64 {
            let mut stream = Streams::new(3).task(Purpose::Choice, TaskId(t));
            let both = [ModelId(0), ModelId(1)].into_iter().collect();
            let choice = state.choose(&context, both, &mut stream);
            // gamma = 0.2 of two models: turns of 10 rounds, the first two of them forced.
            if (t - since) % 10 < 2 {
                assert_eq!(u64::from(choice.model.0), (t - since) % 10, "round {t}");
            }
            plays += u64::from(choice.model == ModelId(0));
            let reward = if choice.model == ModelId(0) && plays <= 50 { 1.0 } else { 0.0 };
            state.learn(&Feedback {
                propensity: choice.propensity,
                ..Feedback::answered(context, choice.model, reward)
            });
            // The fourth zero after fifty ones: 5 - 1 is above 3.
            let found = plays == 54 && choice.model == ModelId(0);
            if found {
                assert_eq!(since, 0, "it restarts once");
                since = t + 1;
            }
            let own = [0, 1].map(|i| state.belief(&context, ModelId(i)));
            assert_eq!(own == [None, None], found, "round {t}");
        }
        assert!(since > 0, "it restarts");
    }
}
