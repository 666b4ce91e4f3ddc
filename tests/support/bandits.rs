//! Bandit problems and the cells that play them.

use std::sync::Arc;

use jiff::tz::TimeZone;
use reflexarc::engine::{Cell, End};
use reflexarc::learners::LearnerConfig;
use reflexarc::learners::wrappers::Wrappers;
use reflexarc::routing::order::{LearnerScope, OrderRule};
use reflexarc::world::bandit::{Delay, Law, Problem, Rewards, Stage};
use serde_json::Value;

use crate::support::Draft;

/// Bernoulli arms whose means change with the stages, in 10,000 rounds.
pub(crate) fn bernoulli(stages: Vec<Stage>, delay: Delay) -> Problem {
    let n_arms = stages[0].means.len();
    Problem {
        horizon: 10_000,
        n_arms,
        rewards: Rewards::Means { law: Law::Bernoulli, stages, in_lines: false, walk: 0.0 },
        awake: 1.0,
        present: Vec::new(),
        delay,
        budget: None,
        declared: vec![50.0; n_arms],
    }
}

/// Bernoulli arms of constant means, in 10,000 rounds.
pub(crate) fn stationary(means: &[f64], delay: Delay) -> Problem {
    bernoulli(vec![Stage { from: 0, means: means.to_vec() }], delay)
}

/// A learner as written in a scenario, as an order.
pub(crate) fn order(written: &Value) -> OrderRule {
    let config: LearnerConfig = serde_json::from_value(written.clone()).expect("it is a learner");
    let wrappers = Box::<Wrappers>::default();
    OrderRule::Learner { config, wrappers, scope: LearnerScope::All, keeps_short: false }
}

/// The cell in which an order plays a problem.
pub(crate) fn cell(problem: Problem, order: OrderRule) -> Cell {
    let mut draft = Draft::new(problem.n_arms);
    draft.stack.order = order;
    draft.end = End::Tasks(problem.horizon);
    Cell { bandit: Some(Arc::new(problem)), zone: TimeZone::UTC, ..draft.build() }
}
