//! Breakers that cannot trip, or open for nothing.

use super::{Finding, Setting, Stack, said};
use crate::engine::End;
use crate::routing::breaker::BreakerRule;
use crate::routing::fallback::RetryTarget;
use crate::scenario::resolved::Block;
use crate::units::SimDuration;
use crate::world::conditions::Rejection;
use crate::world::fault::Effect;
use crate::world::workload::WorkloadSpec;

/// A breaker that half-opens while what refuses still says to wait.
pub(super) fn open_below_retry_after(stack: &Stack<'_>, setting: &Setting<'_>) -> Vec<Finding> {
    let rule = stack.rule;
    let BreakerRule::Stage4(breaker) = rule.breaker else { return Vec::new() };
    // A model that is held back for its Retry-After is not called before.
    if rule.hold_after_429 > SimDuration::ZERO {
        return Vec::new();
    }
    let faults = || setting.blocks.iter().flat_map(|block| &block.world.faults);
    let advised = |effect: &Effect| match effect {
        Effect::Reject {
            rejection: Rejection::RateLimited | Rejection::QuotaExhausted,
            share,
            retry_after: Some(wait),
        } if *share >= 1.0 => Some(*wait),
        _ => None,
    };
    let waits: Vec<SimDuration> = faults()
        .filter(|fault| fault.first_calls.is_none())
        .filter_map(|fault| advised(&fault.effect))
        .collect();
    let Some(wait) = waits.into_iter().min().filter(|wait| breaker.open_for < *wait) else {
        return Vec::new();
    };
    let path = "breaker.stage4.open_for";
    let message = format!(
        "the breaker lets calls through again after {}, and the refusals say to wait for {}: its trial calls are refused too",
        said(breaker.open_for),
        said(wait)
    );
    vec![Finding::new(path, message, "write a longer `open_for`, or `hold_after_429`")]
}

/// A breaker that needs more calls than can come.
pub(super) fn volume_beyond_traffic(stack: &Stack<'_>, setting: &Setting<'_>) -> Vec<Finding> {
    let Some((path, volume, window)) = volume(stack) else { return Vec::new() };
    let most = |block: &Block| most_calls(stack, block, setting.end, window);
    if !setting.everywhere(|block| most(block).is_some_and(|most| volume > most)) {
        return Vec::new();
    }
    let most = setting.blocks.iter().filter_map(most).fold(0.0, f64::max);
    let within = window.map_or("the whole run".to_owned(), said);
    let message = format!(
        "the breaker never trips: it needs {volume} calls to a model, and in {within} no more than about {most:.0} can come"
    );
    vec![Finding::new(path, message, "write a lower number, or a longer window")]
}

/// How many calls to one model the breaker needs before it may trip, within what time, and the key that says so.
fn volume(stack: &Stack<'_>) -> Option<(&'static str, f64, Option<SimDuration>)> {
    match stack.rule.breaker {
        BreakerRule::None => None,
        BreakerRule::Stage4(rule) => {
            Some(("breaker.stage4.failures_to_open", rule.failures_to_open.into(), None))
        }
    }
}

/// An upper bound on the calls to one model within a time, or the whole run: all tasks, each step's first call and all
/// retries. Where the number of arrivals is random it lies ten standard deviations above the mean, at the largest rate.
/// None where there is no bound.
fn most_calls(
    stack: &Stack<'_>,
    block: &Block,
    end: End,
    window: Option<SimDuration>,
) -> Option<f64> {
    let steps = block.world.task_types.iter().map(|kind| kind.steps.len()).max()?;
    let retry = &stack.rule.retry;
    let tries = match retry.target {
        RetryTarget::Same => 1.0 + f64::from(retry.max_retries),
        RetryTarget::Another => 2.0,
    } + f64::from(u8::from(stack.rule.last_resort.is_some()));
    let whole = match end {
        End::At(end) => most_tasks(&block.workload, SimDuration(end.0)),
        End::Tasks(n) => Some(n as f64),
    };
    let within = window.and_then(|window| most_tasks(&block.workload, window));
    let tasks = match (whole, within) {
        (Some(whole), Some(within)) => whole.min(within),
        (whole, within) => within.or(whole)?,
    };
    Some(tasks * steps as f64 * tries)
}

fn most_tasks(workload: &WorkloadSpec, window: SimDuration) -> Option<f64> {
    let s = window.as_secs_f64();
    let poisson = |rate_per_s: f64| {
        let mean = rate_per_s * s;
        mean + 10.0 * mean.sqrt() + 10.0
    };
    match workload {
        WorkloadSpec::Poisson { rate_per_s } => Some(poisson(*rate_per_s)),
        WorkloadSpec::FixedInterval { interval } => Some(s / interval.as_secs_f64() + 1.0),
        // Who waits for nothing between tasks may send any number.
        WorkloadSpec::ClosedLoop { .. }
        | WorkloadSpec::Open(_)
        | WorkloadSpec::Sessions(_)
        | WorkloadSpec::Trace(_) => None,
    }
}

/// An order that is told of breakers where there is none.
pub(super) fn order_sees_none(stack: &Stack<'_>, _: &Setting<'_>) -> Vec<Finding> {
    let path = "order_sees_breaker";
    if stack.rule.breaker != BreakerRule::None || !stack.writes(path) {
        return Vec::new();
    }
    let message = "there is no breaker that an order could see or not see";
    vec![Finding::new(path, message, "leave it out, or write a `breaker`")]
}
