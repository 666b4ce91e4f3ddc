//! A learner that starts again from nothing, at intervals or when a test finds that a model's rewards have changed.

use serde::{Deserialize, Serialize};

use crate::bounded::{Count, NonNegative, Positive, Share};
use crate::learners::drifting::detect::{Glr, Halves, PageHinkley};
use crate::learners::{AnyLearner, Card, Feedback, Learner, Prior};
use crate::units::ModelId;

/// How it is described.
pub const CARD: Card = Card {
    summary: "The learner starts again from nothing, at intervals or when a test finds a change.",
    formula: "every n results; or a generalised likelihood ratio (glr), the halves of a window, or Page-Hinkley's test on each model's rewards",
    source: "Besson, Kaufmann, Maillard, Seznec, \"Efficient change-point detection for tackling piecewise-stationary bandits\", 2022; Cao, Wen, Kveton, Xie 2019; Page 1954",
    fails: "A change of a model that is no longer called is not seen; slow drift may never be found.",
    ..Card::BLANK
};

/// When a learner starts again, as fresh as at the beginning (with its warm start, if it has one).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Restart {
    /// After every so many results.
    Every(#[schemars(example = 1000)] Count),
    /// When a likelihood ratio test finds a change of a model's rewards, as in `glr_klucb`.
    Glr(LikelihoodRatio),
    /// When the halves of a window of a model's rewards differ, as in `m_ucb`.
    Window(Window),
    /// When a sum of a model's rewards above or below their mean grows too large (Page, 1954; Hinkley, 1971).
    PageHinkley(Sum),
}

/// Keys of the likelihood ratio test; it assumes rewards in 0..1 (others are clamped).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LikelihoodRatio {
    /// Probability of a false alarm per model. By default 1 / sqrt(decisions of the run), or of 10,000.
    #[schemars(example = 0.01)]
    pub delta: Option<Share>,
    /// A model's rewards from one test of them to the next.
    pub test_every: Count,
    /// Rewards from one point that is looked at as a change to the next.
    pub split_every: Count,
}

impl Default for LikelihoodRatio {
    fn default() -> Self {
        Self { delta: None, test_every: Count::of(10), split_every: Count::of(5) }
    }
}

/// Keys of the test of a window's halves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Window {
    /// Last rewards of a model, w, whose halves are compared; one less where it is odd.
    pub size: Count,
    /// Difference between the halves' sums above which there was a change. By default sqrt(w/2 ln(2 K T^2)), for K models and
    /// T decisions of the run, or 10,000.
    #[schemars(example = 45.0)]
    pub threshold: Option<NonNegative>,
}

impl Default for Window {
    fn default() -> Self {
        Self { size: Count::of(200), threshold: None }
    }
}

/// Keys of the Page-Hinkley test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sum {
    /// Half of the smallest change of the mean that should be found.
    pub tolerance: NonNegative,
    /// The sum at which there was a change. With the defaults rewards of 0 or 1 with mean 1/2 raise a false alarm about once in
    /// 95,000.
    pub threshold: Positive,
}

impl Default for Sum {
    fn default() -> Self {
        Self { tolerance: NonNegative::of(0.05), threshold: Positive::of(20.0) }
    }
}

/// The rule and the fresh learner.
#[derive(Clone, Debug)]
pub struct Restarting {
    fresh: AnyLearner,
    rule: Rule,
}

#[derive(Clone, Debug)]
enum Rule {
    Every { results: u64, seen: u64 },
    Glr(Vec<Glr>),
    Window(Vec<Halves>),
    PageHinkley(Vec<PageHinkley>),
}

impl Restarting {
    /// Nothing seen yet; `fresh` is the learner to start again with.
    #[must_use]
    pub fn new(rule: Restart, fresh: AnyLearner, prior: &Prior) -> Self {
        let n = prior.n_models();
        let horizon = prior.horizon(None);
        let rule = match rule {
            Restart::Every(results) => Rule::Every { results: results.get(), seen: 0 },
            Restart::Glr(LikelihoodRatio { delta, test_every, split_every }) => {
                let delta = delta.map_or_else(|| 1.0 / (horizon as f64).sqrt(), Share::get);
                Rule::Glr(vec![Glr::new(delta, test_every.get(), split_every.get()); n])
            }
            Restart::Window(Window { size, threshold }) => {
                let by_horizon = || Halves::threshold(size.get(), n, horizon);
                let threshold = threshold.map_or_else(by_horizon, NonNegative::get);
                Rule::Window(vec![Halves::new(size.get(), threshold); n])
            }
            Restart::PageHinkley(Sum { tolerance, threshold }) => {
                Rule::PageHinkley(vec![PageHinkley::new(tolerance.get(), threshold.get()); n])
            }
        };
        Self { fresh, rule }
    }

    /// Takes in a result; the fresh learner, if it is time to start again.
    pub fn due(&mut self, feedback: &Feedback<'_>) -> Option<&AnyLearner> {
        let (i, reward) = (feedback.model.index(), feedback.reward);
        let is_due = match &mut self.rule {
            Rule::Every { results, seen } => {
                *seen += 1;
                *seen == *results
            }
            Rule::Glr(tests) => tests[i].push(reward),
            Rule::Window(tests) => tests[i].push(reward),
            Rule::PageHinkley(tests) => tests[i].push(reward),
        };
        if !is_due {
            return None;
        }
        match &mut self.rule {
            Rule::Every { seen, .. } => *seen = 0,
            Rule::Glr(tests) => tests.iter_mut().for_each(Glr::clear),
            Rule::Window(tests) => tests.iter_mut().for_each(Halves::clear),
            Rule::PageHinkley(tests) => tests.iter_mut().for_each(PageHinkley::clear),
        }
        Some(&self.fresh)
    }

    /// A model has been added: the learner to start again with knows of it too.
    pub fn model_added(&mut self, model: ModelId) {
        self.fresh.model_added(model);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learners::wrappers::{Wrapped, Wrappers};
    use crate::learners::{Context, LearnerConfig};
    use crate::units::Level;

    fn ucb1(wrappers: serde_json::Value) -> Wrapped {
        let config: LearnerConfig =
            serde_json::from_value(serde_json::json!({ "ucb1": {} })).expect("it has defaults");
        let wrappers: Wrappers = serde_json::from_value(wrappers).expect("the keys are right");
        Wrapped::new(&config, &wrappers, &Prior::of_scores(vec![[50.0; 4]; 2]))
    }

    fn feed(learner: &mut Wrapped, model: u16, reward: f64) {
        learner.learn(&Feedback::answered(Context::plain(Level::L1, 0), ModelId(model), reward));
    }

    fn beliefs(learner: &Wrapped) -> [Option<f64>; 2] {
        [0, 1].map(|model| learner.belief(&Context::plain(Level::L1, 0), ModelId(model)))
    }

    #[test]
    fn a_learner_starts_again_after_so_many_results() {
        let mut learner = ucb1(serde_json::json!({ "restart": { "every": 3 } }));
        for round in 0..3 {
            feed(&mut learner, 0, 1.0);
            feed(&mut learner, 1, 0.0);
            assert_eq!(beliefs(&learner), [Some(1.0), Some(0.0)], "round {round}");
            feed(&mut learner, 0, 1.0);
            assert_eq!(beliefs(&learner), [None, None], "round {round}");
        }
    }

    #[test]
    fn every_test_finds_that_a_model_has_failed_and_all_is_learnt_anew() {
        // From 1 to 0 at once, after 200 rewards. The ratio test needs n (entropy of the mean) above ln(n^1.5 / 0.01) = 12.6, thus
        // 3 zeros, and looks every 10; the window wants a difference above sqrt(100 ln(4e8)) = 44.5; the sum of 200 / (200 + k) -
        // 0.05 over k zeros passes 20 at the 23rd.
        for (rule, after) in [
            (serde_json::json!({ "glr": {} }), 10),
            (serde_json::json!({ "window": {} }), 45),
            (serde_json::json!({ "page_hinkley": {} }), 23),
        ] {
            let mut learner = ucb1(serde_json::json!({ "restart": rule }));
            for _ in 0..200 {
                feed(&mut learner, 0, 1.0);
                feed(&mut learner, 1, 0.5);
            }
            let found = (1..=200).find(|_| {
                feed(&mut learner, 0, 0.0);
                beliefs(&learner) == [None, None]
            });
            assert_eq!(found, Some(after), "{rule}");
        }
    }

    #[test]
    fn a_restart_empties_the_memory_and_repeats_the_warm_start() {
        let mut learner = ucb1(serde_json::json!({
            "restart": { "every": 2 },
            "memory": { "window": 2 },
            "warm_start": { "results": 1 },
        }));
        for _ in 0..3 {
            assert_eq!(beliefs(&learner), [Some(0.5), Some(0.5)]);
            feed(&mut learner, 0, 1.0);
            assert_eq!(beliefs(&learner), [Some(0.75), Some(0.5)]);
            feed(&mut learner, 0, 1.0);
        }
    }
}
