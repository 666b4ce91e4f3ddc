//! What is done after failures that never come, and retries that are never made.

use super::{Finding, Setting, Stack};
use crate::domain::Outcome;
use crate::registry::KeyState;
use crate::routing::retry::RetryAfter;
use crate::scenario::resolved::Block;
use crate::world::conditions::Down;
use crate::world::fault::Effect;

/// The classes of failures that a stack tells apart.
const CLASSES: [Outcome; 10] = [
    Outcome::RateLimited,
    Outcome::QuotaExhausted,
    Outcome::ApiError,
    Outcome::ConnectionError,
    Outcome::Timeout,
    Outcome::Auth,
    Outcome::ContextLength,
    Outcome::ContentPolicy,
    Outcome::Failure,
    Outcome::Partial,
];

/// What is done after an outcome that nothing brings about.
pub(super) fn cannot_occur(stack: &Stack<'_>, setting: &Setting<'_>) -> Vec<Finding> {
    let never = |outcome: &Outcome| setting.everywhere(|block| !may_occur(*outcome, block));
    let mut found = Vec::new();
    for outcome in CLASSES.into_iter().filter(never) {
        let name = outcome.name();
        let groups = (0..stack.rule.groups.len()).map(|at| format!("groups[{at}].{name}"));
        let paths = [format!("on.{name}"), format!("fallback.chain.{name}")];
        for path in paths.into_iter().chain(groups).filter(|path| stack.writes(path)) {
            let message = format!("no call ever ends in `{name}` in this scenario");
            found.push(Finding::new(path, message, "leave it out, or write what brings it about"));
        }
    }
    found
}

/// Whether anything in a world may end a call like this; true where nothing is certain.
fn may_occur(outcome: Outcome, block: &Block) -> bool {
    let world = &block.world;
    let faults = world.faults.iter().map(|fault| (&fault.effect, fault.kills_in_flight));
    let random = world.random_faults.iter().map(|fault| (&fault.effect, fault.kills_in_flight));
    let mut faults = faults.chain(random);
    let models = || world.models.iter();
    match outcome {
        Outcome::ApiError => {
            let fails = models().any(|m| m.success.iter().any(|p| *p < 1.0));
            (world.api_error_share > 0.0 && world.recorded.is_none() && fails)
                || faults.any(|(effect, kills)| {
                    kills
                        || matches!(
                            effect,
                            Effect::Outage { form: Down::Error } | Effect::BrownOut { .. }
                        )
                        || rejects(effect, outcome)
                        || lowers_success(effect)
                })
        }
        Outcome::ConnectionError => faults.any(|(effect, _)| {
            let cut = Down::Hang { closes_after: None };
            matches!(effect, Effect::Outage { form } if *form != Down::Error && *form != cut)
                || rejects(effect, outcome)
        }),
        Outcome::RateLimited => {
            let limited = models().any(|m| {
                m.limits.requests_per_minute.is_some() || m.limits.tokens_per_minute.is_some()
            });
            limited || faults.any(|(effect, _)| rejects(effect, outcome))
        }
        Outcome::QuotaExhausted => {
            world.accounts.iter().any(|account| account.daily_tokens.is_some())
                || faults.any(|(effect, _)| rejects(effect, outcome))
        }
        Outcome::Auth => {
            models().any(|m| m.key == KeyState::Invalid)
                || faults.any(|(effect, _)| {
                    matches!(effect, Effect::KeyRevoked) || rejects(effect, outcome)
                })
        }
        Outcome::ContextLength | Outcome::ContentPolicy => {
            faults.any(|(effect, _)| rejects(effect, outcome))
        }
        Outcome::Partial => world.partial_share > 0.0 && world.recorded.is_none(),
        _ => true,
    }
}

fn rejects(effect: &Effect, outcome: Outcome) -> bool {
    matches!(effect, Effect::Reject { rejection, share, .. } if *share > 0.0 && rejection.outcome() == outcome)
}

/// An answer that is no success may be an API error.
fn lowers_success(effect: &Effect) -> bool {
    matches!(effect, Effect::QualityDrift { success_factor, .. } if *success_factor < 1.0)
}

/// Keys of retries where there are none.
pub(super) fn of_none(stack: &Stack<'_>, _: &Setting<'_>) -> Vec<Finding> {
    let rule = stack.rule;
    if rule.retry.max_retries > 0 {
        return Vec::new();
    }
    let keys = [
        "per",
        "model",
        "retry_after",
        "longest_retry_after",
        "max_wait",
        "at_once_if_others",
        "wait_after_last",
        "backoff",
    ];
    let of_plan = keys.map(|key| format!("retry.{key}"));
    let of_classes = CLASSES
        .into_iter()
        .filter(|outcome| rule.on.of(*outcome).retry)
        .map(|outcome| format!("on.{}.retry", outcome.name()));
    let budget = rule.hedge.is_none().then(|| "retry_budget".to_owned());
    let paths = of_plan.into_iter().chain(of_classes).chain(budget);
    paths
        .filter(|path| stack.writes(path))
        .map(|path| {
            let message = format!("`{path}` has no effect, as no call is retried");
            Finding::new(path, message, "write `retry.max_retries` of at least 1, or leave it out")
        })
        .collect()
}

/// Retries of nothing that may occur.
pub(super) fn on_nothing(stack: &Stack<'_>, setting: &Setting<'_>) -> Vec<Finding> {
    let rule = stack.rule;
    let path = "retry.max_retries";
    let is_retried = |outcome: Outcome| {
        rule.on.of(outcome).retry && !setting.everywhere(|block| !may_occur(outcome, block))
    };
    if rule.retry.max_retries == 0 || CLASSES.into_iter().any(is_retried) || !stack.writes(path) {
        return Vec::new();
    }
    let message = "no call is retried: no class of failure that may occur is to be";
    vec![Finding::new(path, message, "write `retry = true` for one in `on`, or leave it out")]
}

/// A longest Retry-After where none is looked at.
pub(super) fn retry_after_ignored(stack: &Stack<'_>, _: &Setting<'_>) -> Vec<Finding> {
    let path = "retry.longest_retry_after";
    if stack.rule.retry.retry_after != RetryAfter::Ignored || !stack.writes(path) {
        return Vec::new();
    }
    let message = "`retry.retry_after` is \"ignored\", so no Retry-After is too long";
    vec![Finding::new(path, message, "leave it out, or take another `retry_after`")]
}
