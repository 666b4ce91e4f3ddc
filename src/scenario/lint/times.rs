//! Times that shut one another out.

use super::{Finding, Setting, Stack, said};
use crate::domain::Outcome;
use crate::math;
use crate::routing::fallback::FallbackPlan;
use crate::routing::hedge::HedgeAfter;
use crate::routing::retry::{Backoff, RetryAfter, RetryTarget};
use crate::units::SimDuration;

/// The shortest wait before retry `k`, from 0.
fn shortest(backoff: Backoff, k: u16) -> SimDuration {
    match backoff {
        Backoff::Fixed(delay) => delay,
        Backoff::Exponential { first, factor, max, spread: (low, _), .. } => {
            let grown = first.as_secs_f64() * math::powf(factor, f64::from(k));
            SimDuration::from_secs_f64(grown.min(max.as_secs_f64()) * low)
        }
        Backoff::Decorrelated { first, max } => first.min(max),
    }
}

/// The time behind which nothing that a stack begins is of use, and whose it is: the longest deadline of any task, or the
/// stack's own.
fn last_use(stack: &Stack<'_>, setting: &Setting<'_>) -> Option<(SimDuration, &'static str)> {
    let own = Some(stack.rule.deadline.after).filter(|own| *own < SimDuration::MAX);
    let own = own.map(|own| (own, "the stack's own deadline"));
    let tasks = setting.longest_deadline().map(|time| (time, "the deadline of every task"));
    own.into_iter().chain(tasks).min_by_key(|(time, _)| *time)
}

/// A fallback behind retries of timeouts that comes too late for any task.
pub(super) fn late_fallback(stack: &Stack<'_>, setting: &Setting<'_>) -> Vec<Finding> {
    let (rule, plan) = (stack.rule, &stack.rule.retry);
    let on = rule.on.of(Outcome::Timeout);
    let Some((limit, whose)) = last_use(stack, setting) else { return Vec::new() };
    let goes_on = rule.fallback != FallbackPlan::None && on.fall_back;
    let retries = on.retry && !on.elsewhere && plan.target == RetryTarget::Same;
    let each = rule.call_timeout.min(rule.first_token_timeout);
    if !goes_on || !retries || plan.max_retries == 0 || each >= limit {
        return Vec::new();
    }
    let has_wait = on.waits && !plan.at_once_if_others;
    let n_waits = if plan.waits_after_last { plan.max_retries + 1 } else { plan.max_retries };
    let waits: Vec<SimDuration> = match has_wait {
        true => (0..n_waits).map(|k| shortest(plan.backoff, k)).collect(),
        false => Vec::new(),
    };
    // A wait that is not worth it ends the retries, and the fallback comes earlier.
    if waits.iter().any(|wait| *wait > plan.max_wait) {
        return Vec::new();
    }
    let tries = u64::from(plan.max_retries) + 1;
    let waited = waits.iter().fold(0_u64, |sum, wait| sum.saturating_add(wait.0));
    let takes = SimDuration(each.0.saturating_mul(tries).saturating_add(waited));
    if takes <= limit {
        return Vec::new();
    }
    let written = [
        "retry.max_retries",
        "on.timeout.retry",
        "call_timeout",
        "first_token_timeout",
        "retry.backoff",
        "deadline.after",
    ];
    let Some(path) = stack.first_written(&written) else { return Vec::new() };
    let message = format!(
        "where a model hangs, the fallback comes after {tries} tries of {} each and their waits, {} in all, behind {whose} \
         of at most {}",
        said(each),
        said(takes),
        said(limit)
    );
    vec![Finding::new(
        path,
        message,
        "retry less, shorten the timeout, or write `on.timeout.retry = false`",
    )]
}

/// A timeout that is longer than every deadline leaves no time for what would come after it.
pub(super) fn timeout_beyond_deadline(stack: &Stack<'_>, setting: &Setting<'_>) -> Vec<Finding> {
    let rule = stack.rule;
    let Some((limit, whose)) = last_use(stack, setting) else { return Vec::new() };
    let on = rule.on.of(Outcome::Timeout);
    let goes_on = (rule.fallback != FallbackPlan::None && on.fall_back)
        || (rule.retry.max_retries > 0 && on.retry);
    let path = "call_timeout";
    if rule.call_timeout.min(rule.first_token_timeout) <= limit || !goes_on || !stack.writes(path) {
        return Vec::new();
    }
    let message = format!(
        "a call is given up after {}, behind {whose} of at most {}: no retry and no fallback behind a timeout is in time",
        said(rule.call_timeout),
        said(limit)
    );
    vec![Finding::new(path, message, "write a `call_timeout` below the deadlines")]
}

/// A timeout of the first token that comes no earlier than that of the call.
pub(super) fn first_token_beyond_timeout(stack: &Stack<'_>, _: &Setting<'_>) -> Vec<Finding> {
    let rule = stack.rule;
    let path = "first_token_timeout";
    if rule.first_token_timeout < rule.call_timeout || !stack.writes(path) {
        return Vec::new();
    }
    let message = format!(
        "the whole call is given up after {} already, so `first_token_timeout` has no effect",
        said(rule.call_timeout)
    );
    vec![Finding::new(path, message, "write a time below `call_timeout`, or leave it out")]
}

/// A deadline of the stack's own behind that of every task, which it keeps as well.
pub(super) fn deadline_beyond_tasks(stack: &Stack<'_>, setting: &Setting<'_>) -> Vec<Finding> {
    let own = stack.rule.deadline;
    let path = "deadline.after";
    let Some(longest) = setting.longest_deadline() else { return Vec::new() };
    if !own.of_task || own.after < longest || !stack.writes(path) {
        return Vec::new();
    }
    let message = format!(
        "the stack keeps each task's own deadline, at most {}, so {} never comes",
        said(longest),
        said(own.after)
    );
    vec![Finding::new(path, message, "write a shorter time, or `deadline.of_task = false`")]
}

/// A hedge that would be sent when its call has been given up.
pub(super) fn hedge_beyond_timeout(stack: &Stack<'_>, setting: &Setting<'_>) -> Vec<Finding> {
    let Some(hedge) = stack.rule.hedge else { return Vec::new() };
    let HedgeAfter::Delay(delay) = hedge.after else { return Vec::new() };
    let (limit, whose) = match last_use(stack, setting) {
        Some((limit, whose)) if limit < stack.rule.call_timeout => (limit, whose),
        _ => (stack.rule.call_timeout, "`call_timeout`"),
    };
    if delay < limit {
        return Vec::new();
    }
    let Some(path) = stack.first_written(&["hedge.after", "hedge", "call_timeout"]) else {
        return Vec::new();
    };
    let message = format!(
        "no call is hedged in time: {} comes no earlier than {whose}, {}",
        said(delay),
        said(limit)
    );
    vec![Finding::new(path, message, "write a shorter `hedge.after.delay`")]
}

/// Retries whose wait is longer than is worth waiting are never made.
pub(super) fn max_wait_below_backoff(stack: &Stack<'_>, _: &Setting<'_>) -> Vec<Finding> {
    let (plan, on) = (&stack.rule.retry, &stack.rule.on);
    let wait = shortest(plan.backoff, 0);
    let may_be_shorter = matches!(plan.retry_after, RetryAfter::Exactly | RetryAfter::WithJitter);
    let at_once = plan.at_once_if_others
        || Outcome::ALL.iter().any(|outcome| on.of(*outcome).retry && !on.of(*outcome).waits);
    if plan.max_retries == 0 || wait <= plan.max_wait || may_be_shorter || at_once {
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
