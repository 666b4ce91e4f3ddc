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

#[cfg(test)]
mod tests {
    use crate::domain::Propensity;
    use crate::learners::{Context, Feedback, Learner, LearnerConfig, Prior};
    use crate::units::{Level, ModelId};

    #[test]
    fn a_new_model_starts_where_the_best_stands_and_what_others_chose_tells_nothing() {
        let context = Context::plain(Level::L1, 0);
        for written in [r#"{"exp3": {}}"#, r#"{"exp3_ix": {}}"#, r#"{"tsallis_inf": {}}"#] {
            let config: LearnerConfig = serde_json::from_str(written).expect("a learner");
            let mut learner = config.build(&Prior::of_scores(vec![[50.0; 4]; 4]));
            let p = |learner: &crate::learners::AnyLearner, m: u16| {
                learner.belief(&context, ModelId(m)).expect("a probability")
            };
            let mut feedback =
                Feedback { own: false, ..Feedback::answered(context, ModelId(0), 0.9) };
            learner.learn(&feedback);
            assert_eq!(p(&learner, 0), p(&learner, 1), "{written}");
            (feedback.own, feedback.propensity) = (true, Propensity::Exact(0.5));
            for _ in 0..200 {
                learner.learn(&Feedback { model: ModelId(0), reward: 0.9, ..feedback });
                learner.learn(&Feedback { model: ModelId(1), reward: 0.2, ..feedback });
            }
            // Models 2 and 3 were not there yet; only one of them comes.
            learner.model_added(ModelId(2));
            assert!((p(&learner, 2) / p(&learner, 0) - 1.0).abs() < 1e-12, "{written}");
            assert!(p(&learner, 0) > 1.1 * p(&learner, 1), "{written}");
        }
    }
}
