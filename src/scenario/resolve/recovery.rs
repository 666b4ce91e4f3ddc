//! What a stack does when calls fail, with names resolved.

use super::Models;
use super::convert::span;
use crate::domain::Outcome;
use crate::routing::DeadlineRule;
use crate::routing::fallback::{Chain, FallbackPlan, Group};
use crate::routing::hedge::{HedgeAfter, HedgeRule};
use crate::routing::ledger::LedgerRule;
use crate::routing::minute::MinuteLimit;
use crate::routing::replica::ReplicaRule;
use crate::routing::retry::{Backoff, OnFailure, OnFailures, RetryPlan};
use crate::scenario::problem::Problems;
use crate::scenario::tree::{Node, Path};
use crate::scenario::values::Duration;
use crate::scenario::written::{
    Backoff as WrittenBackoff, Deadline, Exponential, Fallback, Group as WrittenGroup, Hedge,
    HedgeAfter as WrittenAfter, Name, OnFailure as WrittenOn, OnFailures as WrittenOns, Replicas,
    Retry, Stack,
};
use crate::units::{Level, NANOS_PER_SECOND, SimDuration};

/// Most retries and fallbacks of a step.
const MOST: u64 = 1000;
/// Most hedges of a step.
const MOST_HEDGES: u64 = 20;
/// Most instances of a stack.
const MOST_REPLICAS: u64 = 100;

/// How long a model is left alone by default after a 429 for a limit per minute, and after a refused key.
const HOLD_AFTER_429: SimDuration = SimDuration(NANOS_PER_SECOND);
const HOLD_AFTER_AUTH: SimDuration = SimDuration(3600 * NANOS_PER_SECOND);

pub(super) fn on_failures(written: &WrittenOns) -> OnFailures {
    let retry = OnFailure::RETRY;
    let on = OnFailure::FALL_BACK;
    let classes: [(Outcome, &WrittenOn, OnFailure); 10] = [
        (Outcome::RateLimited, &written.rate_limited, OnFailure { hold: HOLD_AFTER_429, ..retry }),
        (Outcome::QuotaExhausted, &written.quota_exhausted, on),
        (Outcome::ApiError, &written.api_error, retry),
        (Outcome::ConnectionError, &written.connection_error, retry),
        (Outcome::Timeout, &written.timeout, retry),
        (Outcome::Auth, &written.auth, OnFailure { hold: HOLD_AFTER_AUTH, ..on }),
        (Outcome::ContextLength, &written.context_length, on),
        (Outcome::ContentPolicy, &written.content_policy, on),
        (Outcome::Failure, &written.failure, on),
        (Outcome::Partial, &written.partial, on),
    ];
    classes.iter().fold(OnFailures::all(on), |all, (outcome, written, default)| {
        let own = OnFailure {
            retry: written.retry.unwrap_or(default.retry),
            waits: written.wait.unwrap_or(default.waits),
            elsewhere: written.other_model.unwrap_or(default.elsewhere),
            fall_back: written.fall_back.unwrap_or(default.fall_back),
            hold: written.hold.map_or(default.hold, span),
        };
        all.with(*outcome, own)
    })
}

/// Reports what goes beyond what a step may do.
pub(super) fn bounds(stack: &Stack, tree: &Node, problems: &mut Problems) {
    let mut refuse = |path: &str, message: String, cure: &str| {
        problems.add(tree.span_at(&Path::of(path)), message, cure);
    };
    if stack.retry.max_retries.get() > MOST {
        let message = format!("a step makes at most {MOST} retries");
        refuse("retry.max_retries", message, "write fewer");
    }
    if let Some(Fallback::Ranked(plan)) = &stack.fallback
        && plan.max_fallbacks.get() > MOST
    {
        let message = format!("a step makes at most {MOST} fallbacks");
        refuse("fallback.ranked.max_fallbacks", message, "write fewer");
    }
    if stack.hedge.as_ref().is_some_and(|hedge| hedge.max.get() > MOST_HEDGES) {
        let message = format!("a step makes at most {MOST_HEDGES} hedges");
        refuse("hedge.max", message, "write fewer");
    }
    if let WrittenBackoff::Exponential(grows) = &stack.retry.backoff {
        let (low, high) = spread(grows);
        if low > high {
            let message = format!("the random factor of a wait goes from {low} down to {high}");
            let cure =
                "let `jitter_high` be no less than `jitter_low`, which is 1 - `jitter` by default";
            refuse("retry.backoff.exponential", message, cure);
        }
    }
}

/// The ends of the random factor on a wait.
fn spread(grows: &Exponential) -> (f64, f64) {
    let jitter = grows.jitter.get();
    let low = grows.jitter_low.map_or(1.0 - jitter, |low| low.get());
    (low, grows.jitter_high.map_or(1.0 + jitter, |high| high.get()))
}

pub(super) fn retry(written: &Retry) -> RetryPlan {
    RetryPlan {
        max_retries: written.max_retries.get().min(MOST) as u16,
        per: written.per,
        target: written.model,
        retry_after: written.retry_after,
        longest_retry_after: written.longest_retry_after.map_or(SimDuration::MAX, span),
        max_wait: span(written.max_wait),
        at_once_if_others: written.at_once_if_others,
        waits_after_last: written.wait_after_last,
        backoff: match &written.backoff {
            WrittenBackoff::Fixed { delay } => Backoff::Fixed(span(*delay)),
            WrittenBackoff::Exponential(grows) => {
                let (low, high) = spread(grows);
                Backoff::Exponential {
                    first: span(grows.first),
                    factor: grows.factor.get(),
                    max: span(grows.max),
                    spread: (low.min(high), high.max(low)),
                    added: span(grows.added_jitter),
                }
            }
            WrittenBackoff::Decorrelated(own) => {
                Backoff::Decorrelated { first: span(own.first), max: span(own.max) }
            }
        },
    }
}

pub(super) fn fallback(stack: &Stack, models: &Models, problems: &mut Problems) -> FallbackPlan {
    match &stack.fallback {
        None | Some(Fallback::None {}) => FallbackPlan::None,
        Some(Fallback::Stage4(plan)) => {
            let mut chain = |names: &Option<Vec<Name>>| {
                names.as_ref().map(|names| models.ids(names, problems)).unwrap_or_default()
            };
            FallbackPlan::Stage4 {
                order: [chain(&plan.L1), chain(&plan.L2), chain(&plan.L3), chain(&plan.L4)],
                min_tokens_left: plan.min_tokens_left.get(),
            }
        }
        Some(Fallback::Ranked(plan)) => FallbackPlan::Ranked {
            by: plan.by,
            max_fallbacks: plan.max_fallbacks.get().min(MOST) as u16,
        },
        Some(Fallback::Chain(plan)) => {
            let all = models.ids(&plan.models, problems);
            let mut of_level = |names: &Option<Vec<Name>>| match names {
                Some(names) => models.ids(names, problems),
                None => all.clone(),
            };
            let any = [&plan.L1, &plan.L2, &plan.L3, &plan.L4].map(&mut of_level);
            let typed = [
                (Outcome::ContextLength, &plan.context_length),
                (Outcome::ContentPolicy, &plan.content_policy),
                (Outcome::RateLimited, &plan.rate_limited),
                (Outcome::QuotaExhausted, &plan.quota_exhausted),
                (Outcome::Timeout, &plan.timeout),
            ];
            let typed = typed.into_iter().filter_map(|(outcome, names)| {
                names.as_ref().map(|names| (outcome, models.ids(names, problems)))
            });
            FallbackPlan::Chain(Chain { any, typed: typed.collect() })
        }
        Some(Fallback::Groups(_)) if stack.groups.is_empty() => FallbackPlan::None,
        Some(Fallback::Groups(plan)) => {
            FallbackPlan::Groups { max_fallbacks: plan.max_fallbacks.get().min(7) as u16 }
        }
    }
}

pub(super) fn groups(
    written: &[WrittenGroup],
    models: &Models,
    problems: &mut Problems,
) -> Vec<Group> {
    let names: Vec<&str> = written.iter().map(|group| group.name.value.as_str()).collect();
    let positions = |list: &[Name], problems: &mut Problems| -> Vec<u8> {
        let position = |name: &Name| {
            let at = names.iter().position(|known| *known == name.value);
            if at.is_none() {
                problems.add_unknown(name.span, "group", &name.value, names.iter().copied());
            }
            at.map(|at| at as u8)
        };
        list.iter().filter_map(position).collect()
    };
    let mut groups = Vec::new();
    for (at, group) in written.iter().enumerate() {
        let name = &group.name;
        if names[..at].contains(&name.value.as_str()) {
            let message = format!("there are two groups `{}`", name.value);
            problems.add(name.span, message, "give one of them another name");
        }
        if at == usize::from(u8::MAX) {
            problems.add(name.span, "there are more than 255 groups", "write fewer groups");
            break;
        }
        let ids = models.ids(&group.models, problems);
        if group.models.is_empty() {
            let message = format!("group `{}` has no models", name.value);
            problems.add(name.span, message, "name at least one model in `models`");
        }
        let typed = [
            (Outcome::ContextLength, &group.context_length),
            (Outcome::ContentPolicy, &group.content_policy),
        ];
        let levels = |level: Level| group.levels.as_ref().is_none_or(|own| own.contains(&level));
        groups.push(Group {
            name: name.value.clone(),
            models: ids.into_iter().collect(),
            levels: Level::ALL.map(levels),
            fallbacks: positions(&group.fallbacks, problems),
            typed: typed
                .into_iter()
                .filter_map(|(outcome, list)| {
                    list.as_ref().map(|list| (outcome, positions(list, problems)))
                })
                .collect(),
        });
    }
    groups
}

pub(super) fn ledger(stack: &Stack, models: &Models, problems: &mut Problems) -> LedgerRule {
    let (quota, limits) = (&stack.quota, &stack.limits);
    let count = |n: Option<crate::scenario::values::Count>| n.map(|n| n.get());
    let all = MinuteLimit {
        requests: count(limits.requests_per_minute),
        tokens: count(limits.tokens_per_minute),
    };
    let mut per_minute = vec![all; models.names.len()];
    for (name, own) in &limits.models.entries {
        if let Some(id) = models.id(name, problems) {
            per_minute[id.index()] = MinuteLimit {
                requests: count(own.requests_per_minute).or(all.requests),
                tokens: count(own.tokens_per_minute).or(all.tokens),
            };
        }
    }
    if per_minute.iter().all(|limit| *limit == MinuteLimit::default()) {
        per_minute.clear();
    }
    LedgerRule {
        watched: quota.watched,
        short_at_share: quota.short_at_share.get(),
        learn_from_refusals: quota.learn_from_refusals,
        charged: quota.charged,
        expected_output_tokens: quota.expected_output_tokens.get().min(1 << 30) as u32,
        per_minute,
    }
}

pub(super) fn deadline(written: Option<&Deadline>) -> DeadlineRule {
    written.map_or(DeadlineRule::NONE, |written| DeadlineRule {
        after: written.after.map_or(SimDuration::MAX, span),
        of_task: written.of_task,
        cuts_calls: written.cuts_calls,
    })
}

pub(super) fn hedge(written: &Hedge) -> HedgeRule {
    HedgeRule {
        after: match &written.after {
            WrittenAfter::Delay(delay) => HedgeAfter::Delay(span(*delay)),
            WrittenAfter::Quantile(quantile) => HedgeAfter::Quantile(quantile.get()),
        },
        max: written.max.get().min(MOST_HEDGES) as u8,
        target: written.model,
    }
}

pub(super) fn replicas(written: &Replicas, tree: &Node, problems: &mut Problems) -> ReplicaRule {
    if written.n.get() > MOST_REPLICAS {
        let at = tree.span_at(&Path::of("replicas.n"));
        let message = format!("a stack runs in at most {MOST_REPLICAS} instances");
        problems.add(at, message, "write fewer");
    }
    if written.sync_every.is_some_and(|every| every == Duration::ZERO) {
        let at = tree.span_at(&Path::of("replicas.sync_every"));
        let cure = "write a time, or `n = 1` for one common memory";
        problems.add(at, "instances cannot speak to one another all the time", cure);
    }
    let every = written.sync_every.filter(|every| *every != Duration::ZERO);
    ReplicaRule {
        n: written.n.get().min(MOST_REPLICAS) as u8,
        sync_every: every.map(span),
        assign: written.assign,
    }
}
