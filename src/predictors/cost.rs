//! What a call is expected to cost: means over training prompts.

use super::by_domain;
use crate::world::outcomes::{Answer, Outcomes};

/// Mean cost of an answer in USD, by model; NaN for a model whose cost is not recorded.
#[must_use]
pub fn expected_costs(outcomes: &Outcomes, train: &[u32]) -> Vec<f64> {
    let mean = |answers: &Vec<Answer>| {
        train.iter().map(|prompt| answers[*prompt as usize].cost_usd).sum::<f64>()
            / train.len() as f64
    };
    outcomes.answers.iter().map(mean).collect()
}

/// Mean cost of an answer in USD, by domain and then model; where no training prompt is of a domain, the mean over all.
#[must_use]
pub fn expected_costs_by_domain(outcomes: &Outcomes, train: &[u32]) -> Vec<Vec<f64>> {
    by_domain(outcomes, train, expected_costs)
}
