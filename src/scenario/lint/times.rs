//! Times that shut one another out.

use super::{Finding, Setting, Stack, said};
use crate::domain::Outcome;
use crate::routing::fallback::{Backoff, FallbackPlan, RetryTarget};
use crate::units::SimDuration;

/// The shortest wait before retry `k`, from 0.
fn shortest(backoff: Backoff, k: u16) -> SimDuration {
    match backoff {
        Backoff::Fixed(delay) => delay,
        Backoff::Exponential { first, factor, jitter, max } => {
            let grown = (0..k).fold(first.as_secs_f64(), |wait, _| wait * factor);
            SimDuration::from_secs_f64(grown.min(max.as_secs_f64()) * (1.0 - jitter))
        }
    }
}

/// A fallback behind retries of timeouts comes when every task is past its deadline.
pub(super) fn late_fallback(stack: &Stack<'_>, setting: &Setting<'_>) -> Vec<Finding> {
    let (rule, plan) = (stack.rule, &stack.rule.retry);
    let Some(deadline) = setting.longest_deadline() else { return Vec::new() };
    let retries_timeouts = plan.on.contains(&Outcome::Timeout)
        && plan.target == RetryTarget::Same
        && plan.max_retries > 0;
    if rule.fallback == FallbackPlan::None || !retries_timeouts || rule.call_timeout >= deadline {
        return Vec::new();
    }
    // Waits may end the retries before; then the fallback comes earlier.
    let waits: Vec<SimDuration> =
        (0..plan.max_retries).map(|k| shortest(plan.backoff, k)).collect();
    if waits.iter().any(|wait| *wait > plan.max_wait) {
        return Vec::new();
    }
    let tries = u64::from(plan.max_retries) + 1;
    let waited = waits.iter().fold(0_u64, |sum, wait| sum.saturating_add(wait.0));
    let takes = SimDuration(rule.call_timeout.0.saturating_mul(tries).saturating_add(waited));
    if takes <= deadline {
        return Vec::new();
    }
    let written = ["retry.max_retries", "call_timeout", "retry.backoff", "retry.on", "retry"];
    let Some(path) = stack.first_written(&written) else { return Vec::new() };
    let message = format!(
        "where a model hangs, the fallback comes after {tries} tries of {} each and their waits, {} in all, when every \
         task is past its deadline of at most {}",
        said(rule.call_timeout),
        said(takes),
        said(deadline)
    );
    vec![Finding::new(
        path,
        message,
        "retry less, shorten `call_timeout`, or take `timeout` out of `retry.on`",
    )]
}

/// A timeout that is longer than every deadline leaves no time for what would come after it.
pub(super) fn timeout_beyond_deadline(stack: &Stack<'_>, setting: &Setting<'_>) -> Vec<Finding> {
    let rule = stack.rule;
    let Some(deadline) = setting.longest_deadline() else { return Vec::new() };
    let goes_on = rule.fallback != FallbackPlan::None
        || (rule.retry.max_retries > 0 && rule.retry.on.contains(&Outcome::Timeout));
    let path = "call_timeout";
    if rule.call_timeout <= deadline || !goes_on || !stack.writes(path) {
        return Vec::new();
    }
    let message = format!(
        "a call is given up after {}, when every task is past its deadline of at most {}: no retry and no fallback \
         behind a timeout is in time",
        said(rule.call_timeout),
        said(deadline)
    );
    vec![Finding::new(path, message, "write a `call_timeout` below the deadlines")]
}

/// Retries whose wait is longer than is worth waiting are never made.
pub(super) fn max_wait_below_backoff(stack: &Stack<'_>, _: &Setting<'_>) -> Vec<Finding> {
    let plan = &stack.rule.retry;
    let wait = shortest(plan.backoff, 0);
    if plan.max_retries == 0 || wait <= plan.max_wait {
        return Vec::new();
    }
    let Some(path) = stack.first_written(&["retry.max_wait", "retry.backoff"]) else {
        return Vec::new();
    };
    let message = format!(
        "no retry is ever made: the first waits for at least {}, and a wait above `max_wait`, {}, is not worth it",
        said(wait),
        said(plan.max_wait)
    );
    vec![Finding::new(path, message, "write a longer `max_wait` or a shorter backoff")]
}

/// A wait that begins beyond its longest never grows.
pub(super) fn backoff_at_its_longest(stack: &Stack<'_>, _: &Setting<'_>) -> Vec<Finding> {
    let Backoff::Exponential { first, factor, max, .. } = stack.rule.retry.backoff else {
        return Vec::new();
    };
    let path = "retry.backoff.exponential";
    if stack.rule.retry.max_retries < 2 || first < max || factor <= 1.0 || !stack.writes(path) {
        return Vec::new();
    }
    let message = format!(
        "the wait never grows: its first value, {}, is already its longest, {}",
        said(first),
        said(max)
    );
    vec![Finding::new(path, message, "write a longer `max`, or `backoff.fixed`")]
}
