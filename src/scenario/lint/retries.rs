//! Retries that are never made.

use super::{Finding, Setting, Stack};
use crate::domain::Outcome;
use crate::registry::KeyState;
use crate::scenario::resolved::Block;
use crate::scenario::tree::{Node, Path};
use crate::world::conditions::Down;
use crate::world::fault::Effect;

/// A retry on an outcome that nothing brings about.
pub(super) fn cannot_occur(stack: &Stack<'_>, setting: &Setting<'_>) -> Vec<Finding> {
    let plan = &stack.rule.retry;
    let written = stack.tree.at(&Path::of("retry.on")).map_or(&[][..], Node::items);
    if plan.max_retries == 0 || written.len() != plan.on.len() {
        return Vec::new();
    }
    let idle = plan
        .on
        .iter()
        .enumerate()
        .filter(|(_, outcome)| setting.everywhere(|block| !may_occur(**outcome, block)));
    idle.map(|(at, outcome)| {
        let message = format!(
            "no call ever ends in `{}` in this scenario, so none is retried for it",
            outcome.name()
        );
        Finding::new(
            format!("retry.on[{at}]"),
            message,
            "leave it out, or write what brings it about",
        )
    })
    .collect()
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
    if stack.rule.retry.max_retries > 0 {
        return Vec::new();
    }
    let keys = ["model", "on", "honour_retry_after", "max_wait", "backoff"];
    let paths = keys.map(|key| format!("retry.{key}"));
    let written = paths.into_iter().filter(|path| stack.writes(path));
    written
        .map(|path| {
            let message = format!("`{path}` has no effect, as no call is retried");
            Finding::new(path, message, "write `max_retries` of at least 1, or leave it out")
        })
        .collect()
}

/// Retries of nothing.
pub(super) fn on_nothing(stack: &Stack<'_>, _: &Setting<'_>) -> Vec<Finding> {
    let plan = &stack.rule.retry;
    let path = "retry.on";
    if plan.max_retries == 0 || !plan.on.is_empty() || !stack.writes(path) {
        return Vec::new();
    }
    vec![Finding::new(
        path,
        "no call is retried, as no outcome is",
        "name outcomes, or leave it out",
    )]
}
