//! What is set for a learner where there is none.

use super::{Finding, Setting, Stack};
use crate::routing::order::OrderRule;
use crate::routing::reweighting::Reweighting;

/// Keys of a learner in a stack that has none.
pub(super) fn no_learner(stack: &Stack<'_>, _: &Setting<'_>) -> Vec<Finding> {
    let rule = stack.rule;
    let learns = |order: &OrderRule| matches!(order, OrderRule::Learner { .. });
    let trial = rule.trial.as_ref().map(|trial| &trial.challenger);
    if learns(&rule.order) || trial.is_some_and(learns) || rule.reweighting != Reweighting::Fixed {
        return Vec::new();
    }
    ["refusal_reward", "learner_scope", "wrappers"]
        .into_iter()
        .filter(|path| stack.writes(path))
        .map(|path| {
            let message = format!("`{path}` has no effect, as no order of the stack learns");
            Finding::new(path, message, "leave it out, or write a learner as the order")
        })
        .collect()
}
