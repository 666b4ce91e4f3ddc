//! Learners for rewards that follow no law: they draw from probabilities, and weigh what they see by them.
//!
//! What has no stored probability of the learner's own choice (retries, fallbacks, a warm start) tells them nothing.

pub mod exp3;
pub mod exp3_ix;
pub mod exp3_s;
pub mod tsallis_inf;

use super::Feedback;

/// The probability with which the learner itself chose the model, if it did.
#[inline]
fn own_probability(feedback: &Feedback<'_>) -> Option<f64> {
    feedback.propensity.value().filter(|_| feedback.own)
}
