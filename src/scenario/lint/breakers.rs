//! Breakers and detectors that cannot trip, open for nothing, or stick.

use super::{Finding, Setting, Stack, said};
use crate::domain::Outcome;
use crate::engine::End;
use crate::routing::breaker::{BreakerRule, HalfOpenAfter, Interval, Trip, Verdict, WindowType};
use crate::routing::outlier::{LitellmRule, OutlierRule};
use crate::routing::retry::RetryTarget;
use crate::scenario::resolved::Block;
use crate::scenario::tree::{Node, Path};
use crate::units::{NANOS_PER_SECOND, SimDuration};
use crate::world::conditions::Rejection;
use crate::world::fault::Effect;
use crate::world::workload::WorkloadSpec;

/// A time that a breaker stays open, with its key; none where it has no longest one.
fn open_for(rule: &BreakerRule) -> Option<(&'static str, SimDuration)> {
    match rule {
        BreakerRule::Stage4(own) => Some(("breaker.stage4.open_for", own.open_for)),
        BreakerRule::Reflexarc(own) => {
            let longest = if own.growth > 1.0 { own.max_open } else { own.open_for };
            Some(("breaker.reflexarc.open_for", longest))
        }
        BreakerRule::Resilience4j(own) => match own.wait_in_open {
            Interval::Fixed(wait) => Some(("breaker.resilience4j", wait)),
            Interval::Exponential { .. } => None,
        },
        BreakerRule::Polly(own) if own.break_duration_factor <= 1.0 => {
            Some(("breaker.polly.break_duration", own.break_duration))
        }
        BreakerRule::Hystrix(own) => Some(("breaker.hystrix.sleep_window", own.sleep_window)),
        BreakerRule::FailsafeGo(own) if own.delay_step.is_none() => {
            Some(("breaker.failsafe_go.delay", own.delay))
        }
        BreakerRule::Opossum(own) => Some(("breaker.opossum.reset_timeout", own.reset_timeout)),
        BreakerRule::Pybreaker(own) => Some(("breaker.pybreaker.reset_timeout", own.reset_timeout)),
        BreakerRule::Purgatory(own) => Some(("breaker.purgatory.ttl", own.ttl)),
        BreakerRule::Cockatiel(own) => match &own.half_open_after {
            HalfOpenAfter::List(times) => {
                Some(("breaker.cockatiel.half_open_after", times.iter().copied().max()?))
            }
            HalfOpenAfter::Exponential { max, .. } => {
                Some(("breaker.cockatiel.half_open_after", *max))
            }
        },
        _ => None,
    }
}

/// A breaker that half-opens while what refuses still says to wait.
pub(super) fn open_below_retry_after(stack: &Stack<'_>, setting: &Setting<'_>) -> Vec<Finding> {
    let rule = stack.rule;
    let Some((path, open)) = open_for(&rule.breaker) else { return Vec::new() };
    let counts = |outcome| rule.breaker.verdict(outcome, false) == Verdict::Failure;
    // A model that is held back for its Retry-After is not called before.
    let is_free = |outcome| rule.on.of(outcome).hold == SimDuration::ZERO && counts(outcome);
    let advised = |effect: &Effect| match effect {
        Effect::Reject { rejection, share, retry_after: Some(wait) }
            if *share >= 1.0 && *rejection != Rejection::ConnectionError =>
        {
            is_free(rejection.outcome()).then_some(*wait)
        }
        _ => None,
    };
    let faults = setting.blocks.iter().flat_map(|block| &block.world.faults);
    let waits: Vec<SimDuration> = faults
        .filter(|fault| fault.first_calls.is_none())
        .filter_map(|fault| advised(&fault.effect))
        .collect();
    let Some(wait) = waits.into_iter().min().filter(|wait| open < *wait) else {
        return Vec::new();
    };
    let message = format!(
        "the breaker lets calls through again after {}, and the refusals say to wait for {}: its trial calls are refused too",
        said(open),
        said(wait)
    );
    vec![Finding::new(path, message, "stay open for longer, or write a `hold` in `on`")]
}

/// A way in which a breaker trips: the key, the calls to a model that it needs, within what time or at all.
type Way = (&'static str, f64, Option<SimDuration>);

/// A breaker that needs more calls than can come.
pub(super) fn volume_beyond_traffic(stack: &Stack<'_>, setting: &Setting<'_>) -> Vec<Finding> {
    let ways = ways(&stack.rule.breaker);
    let cannot = |(_, calls, window): &Way| {
        let most = |block: &Block| most_calls(stack, block, setting.end, *window);
        setting.everywhere(|block| most(block).is_some_and(|most| *calls > most))
    };
    if ways.is_empty() || !ways.iter().all(cannot) {
        return Vec::new();
    }
    // The number may be the library's own: then its kind is what is written.
    let kind = format!("breaker.{}", stack.rule.breaker.name());
    let own = ways.iter().find(|(path, ..)| stack.writes(path));
    let Some((path, calls, window)) = own.or(ways.first().filter(|_| stack.writes(&kind))) else {
        return Vec::new();
    };
    let path = if stack.writes(path) { (*path).to_owned() } else { kind };
    let (calls, window) = (*calls, *window);
    let most = setting.blocks.iter().filter_map(|b| most_calls(stack, b, setting.end, window));
    let most = most.fold(0.0, f64::max);
    let within = window.map_or("the whole run".to_owned(), said);
    let message = format!(
        "the breaker never trips: it needs {calls} calls to a model, and in {within} no more than about {most:.0} can come"
    );
    vec![Finding::new(path, message, "write a lower number, or a longer window")]
}

/// The ways in which a breaker trips; none where its keys do not tell.
fn ways(rule: &BreakerRule) -> Vec<Way> {
    let way = |path, calls: u32, window| vec![(path, f64::from(calls), window)];
    match rule {
        BreakerRule::None => Vec::new(),
        BreakerRule::Stage4(own) => {
            way("breaker.stage4.failures_to_open", own.failures_to_open, None)
        }
        BreakerRule::Reflexarc(own) => {
            let rate = way("breaker.reflexarc.min_calls", own.min_calls, Some(own.window));
            let run = match own.consecutive_failures {
                0 => Vec::new(),
                n => way("breaker.reflexarc.consecutive_failures", n, None),
            };
            [rate, run].concat()
        }
        BreakerRule::Resilience4j(own) => {
            let path = "breaker.resilience4j.minimum_number_of_calls";
            match own.sliding_window_type {
                WindowType::TimeBased => {
                    let window = SimDuration(u64::from(own.sliding_window_size) * NANOS_PER_SECOND);
                    way(path, own.minimum_number_of_calls, Some(window))
                }
                WindowType::CountBased => {
                    way(path, own.minimum_number_of_calls.min(own.sliding_window_size), None)
                }
            }
        }
        BreakerRule::Polly(own) => way(
            "breaker.polly.minimum_throughput",
            own.minimum_throughput,
            Some(own.sampling_duration),
        ),
        BreakerRule::Hystrix(own) => way(
            "breaker.hystrix.request_volume_threshold",
            own.request_volume_threshold,
            Some(own.rolling_stats_time),
        ),
        BreakerRule::FailsafeGo(own) => match own.failure_period {
            Some(period) => way(
                "breaker.failsafe_go.failure_execution_threshold",
                own.failure_executions,
                Some(period),
            ),
            None => way("breaker.failsafe_go.failure_threshold", own.failure_threshold, None),
        },
        BreakerRule::Opossum(own) => way(
            "breaker.opossum.volume_threshold",
            own.volume_threshold,
            Some(own.rolling_count_timeout),
        ),
        BreakerRule::Pybreaker(own) => way("breaker.pybreaker.fail_max", own.fail_max, None),
        BreakerRule::Purgatory(own) => way("breaker.purgatory.threshold", own.threshold, None),
        BreakerRule::Recloser(own) => way("breaker.recloser.closed_len", own.closed_len, None),
        BreakerRule::Cockatiel(own) => match own.breaker {
            Trip::Consecutive { threshold } => {
                way("breaker.cockatiel.breaker.consecutive.threshold", threshold, None)
            }
            Trip::Count { minimum_number_of_calls, .. } => {
                way("breaker.cockatiel.breaker.count", minimum_number_of_calls, None)
            }
            Trip::Sampling { .. } => Vec::new(),
        },
        BreakerRule::Finagle(_) | BreakerRule::FailsafeRs(_) => Vec::new(),
    }
}

/// An upper bound on the calls to one model within a time, or the whole run: all tasks, each step's first call and all
/// retries. Where the number of arrivals is random it lies ten standard deviations above the mean. None where there is no
/// bound.
fn most_calls(
    stack: &Stack<'_>,
    block: &Block,
    end: End,
    window: Option<SimDuration>,
) -> Option<f64> {
    let steps = block.world.task_types.iter().map(|kind| kind.steps.len()).max()?;
    let (rule, retry) = (stack.rule, &stack.rule.retry);
    let tries = match retry.target {
        RetryTarget::Same | RetryTarget::Any => 1.0 + f64::from(retry.max_retries),
        RetryTarget::Another => 2.0 + f64::from(retry.max_retries),
    } + f64::from(u8::from(rule.last_resort.is_some()))
        + rule.hedge.map_or(0.0, |hedge| f64::from(hedge.max));
    let whole = match end {
        End::At(end) => most_tasks(&block.workload, SimDuration(end.0)),
        End::Tasks(n) => Some(n as f64),
    };
    let within = window.and_then(|window| most_tasks(&block.workload, window));
    let tasks = match (whole, within) {
        (Some(whole), Some(within)) => whole.min(within),
        (whole, within) => within.or(whole)?,
    };
    // What a step does again later may fall into the same window.
    Some(tasks * steps as f64 * tries)
}

fn most_tasks(workload: &WorkloadSpec, window: SimDuration) -> Option<f64> {
    let s = window.as_secs_f64();
    match workload {
        WorkloadSpec::Poisson { rate_per_s } => {
            let mean = rate_per_s * s;
            Some(mean + 10.0 * mean.sqrt() + 10.0)
        }
        WorkloadSpec::FixedInterval { interval } => {
            Some((s / interval.as_secs_f64()).floor() + 1.0)
        }
        // Whose gaps may be of any length, or who waits for nothing between tasks, may send any number.
        WorkloadSpec::ClosedLoop { .. }
        | WorkloadSpec::Open(_)
        | WorkloadSpec::Sessions(_)
        | WorkloadSpec::Trace(_) => None,
    }
}

/// An order that is told of breakers where there is none.
pub(super) fn order_sees_none(stack: &Stack<'_>, _: &Setting<'_>) -> Vec<Finding> {
    let rule = stack.rule;
    let path = "order_sees_breaker";
    let has_none = rule.breaker == BreakerRule::None && rule.outliers == OutlierRule::None;
    if !has_none || !stack.writes(path) {
        return Vec::new();
    }
    let message = "there is no breaker that an order could see or not see";
    vec![Finding::new(path, message, "leave it out, or write a `breaker`")]
}

/// A breaker that can stick in half-open, in a stack that gives up calls.
pub(super) fn may_stick(stack: &Stack<'_>, _: &Setting<'_>) -> Vec<Finding> {
    let rule = stack.rule;
    let Some(why) = rule.breaker.wedges() else { return Vec::new() };
    let gives_up =
        rule.hedge.is_some() || rule.breaker.verdict(Outcome::Timeout, false) == Verdict::Ignored;
    if !gives_up {
        return Vec::new();
    }
    let message = format!("the real library's breaker can stick: {why}");
    vec![Finding::new("breaker", message, "bound it, or take another breaker")]
}

/// An outcome among a breaker's failures that it ignores.
pub(super) fn failure_ignored(stack: &Stack<'_>, _: &Setting<'_>) -> Vec<Finding> {
    let breaker = &stack.rule.breaker;
    let path = format!("breaker.{}.failures", breaker.name());
    let written = stack.tree.at(&Path::of(&path)).map_or(&[][..], Node::items);
    let outcome = |node: &Node| {
        let text = node.literal();
        Outcome::ALL.into_iter().find(|outcome| text.trim_matches('"') == outcome.name())
    };
    let mut found = Vec::new();
    for (at, outcome) in
        written.iter().enumerate().filter_map(|(at, node)| Some((at, outcome(node)?)))
    {
        if breaker.verdict(outcome, false) == Verdict::Ignored {
            let message = format!(
                "`{}` stands among the outcomes that the breaker ignores, and counts for nothing",
                outcome.name()
            );
            let cure = "leave it out, or write `ignored` without it";
            found.push(Finding::new(format!("{path}[{at}]"), message, cure));
        }
    }
    found
}

/// A pool's detector that cannot take out any model.
pub(super) fn outliers_idle(stack: &Stack<'_>, setting: &Setting<'_>) -> Vec<Finding> {
    let rule = stack.rule;
    let mut sizes: Vec<usize> = match rule.groups.is_empty() {
        true => setting.levels().into_iter().map(|level| setting.serving(level).len()).collect(),
        false => rule.groups.iter().map(|group| group.models.len()).collect(),
    };
    sizes.sort_unstable();
    let reasons: Option<Vec<&str>> = sizes.iter().map(|n| rule.outliers.is_idle(*n)).collect();
    let Some(why) = reasons.and_then(|reasons| reasons.first().copied()) else { return Vec::new() };
    let message = format!("no model is ever taken out: {why}");
    vec![Finding::new("outliers", message, "change the key, or leave the detector out")]
}

/// The one value of LiteLLM's `allowed_fails` that it takes for unset.
pub(super) fn ignored_allowed_fails(stack: &Stack<'_>, _: &Setting<'_>) -> Vec<Finding> {
    let path = "outliers.litellm.allowed_fails";
    match &stack.rule.outliers {
        OutlierRule::Litellm(own)
            if own.allowed_fails == LitellmRule::IGNORED_ALLOWED_FAILS && stack.writes(path) =>
        {
            let message = format!(
                "LiteLLM takes `allowed_fails = {}` for its default and goes by its other rules",
                own.allowed_fails
            );
            vec![Finding::new(path, message, "write another number, or leave it out")]
        }
        _ => Vec::new(),
    }
}
