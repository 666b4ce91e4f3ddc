//! A stack's allocation, monitor and re-weighting, with names resolved.

use super::Models;
use crate::domain::WeightChange;
use crate::reward::Reward;
use crate::routing::allocator::{AllocateBy, AllocatorRule};
use crate::routing::monitor::MonitorRule;
use crate::routing::order::LearnerScope;
use crate::routing::reweighting::Reweighting as Rule;
use crate::scenario::problem::Problems;
use crate::scenario::source::{Span, Spanned};
use crate::scenario::tree::{Node, Path};
use crate::scenario::written::{
    AllocationRule, Monitor, Name, Order, Reweighting, Stack, WeightsFrom,
};
use crate::units::{ModelId, SimDuration, SimTime};

/// Where the value of a key of the stack is written; the stack as `tree` still knows.
fn span(tree: &Node, key: &str) -> Span {
    tree.span_at(&Path::of(key))
}

pub(super) fn allocator(
    stack: &Stack,
    tree: &Node,
    models: &Models,
    problems: &mut Problems,
) -> Option<AllocatorRule> {
    let written = stack.allocation.as_ref()?;
    let by = match &written.rule {
        AllocationRule::None {} => return None,
        AllocationRule::Stage4 {} => AllocateBy::Stage4,
        AllocationRule::Beliefs {} => {
            check_beliefs(stack, span(tree, "allocation.rule"), problems);
            AllocateBy::Beliefs
        }
        AllocationRule::Static { L1, L2, L3, L4 } => {
            let mut id = |name: &Option<Name>| -> Option<ModelId> {
                name.as_ref().and_then(|name| models.id(name, problems))
            };
            AllocateBy::Static([id(L1), id(L2), id(L3), id(L4)])
        }
    };
    let mut times: Vec<_> = written.times.iter().map(|time| time.0).collect();
    times.sort();
    times.dedup();
    // A list whose times are all wrong has been reported.
    let at = Path::of("allocation.times");
    if tree.at(&at).is_some_and(|list| list.items().is_empty()) {
        let cure = "write at least one, such as `times = [\"08:00\"]`, or `rule = \"none\"`";
        problems.add(tree.span_at(&at), "an allocation has no `times`", cure);
    }
    let budgets = &written.budgets;
    let budgets = [budgets.morning, budgets.afternoon, budgets.evening, budgets.night];
    Some(AllocatorRule {
        times,
        by,
        binding: written.binding,
        budgets: budgets.map(|levels| levels.0.map(|tokens| tokens.get())),
    })
}

/// Reports a stack without beliefs of levels: it would never allocate anything.
fn check_beliefs(stack: &Stack, at: Span, problems: &mut Problems) {
    let config = match &stack.order {
        // Its score rules keep a score for each level.
        None | Some(Order::Stage4(_)) => return,
        Some(Order::Learner(config)) => config,
        Some(_) => {
            let cure = "write an order that learns, or another rule, such as `rule = \"stage4\"`";
            problems.add(at, "the order believes nothing by which models could be allocated", cure);
            return;
        }
    };
    if stack.learner_scope == LearnerScope::TaskType && !config.card().keeps_levels {
        let cure =
            "write `learner_scope = \"level\"`, or another rule, such as `rule = \"stage4\"`";
        problems.add(at, "a learner for each task type believes nothing of a level", cure);
    }
}

pub(super) fn monitor(written: &Monitor) -> MonitorRule {
    let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    MonitorRule {
        slow_response: SimDuration(written.slow_response.nanos()),
        high_token_usage: written.high_token_usage.get(),
        low_success_rate: written.low_success_rate.get(),
        min_calls: count(written.min_calls.get()),
        keep: count(written.keep.get()),
    }
}

pub(super) fn reweighting(
    written: &Stack,
    tree: &Node,
    reward: Reward,
    problems: &mut Problems,
) -> Rule {
    let rule = match &written.reweighting {
        None | Some(Reweighting::Fixed {}) => return Rule::Fixed,
        Some(Reweighting::Scheduled { changes }) => {
            let mut resolved: Vec<WeightChange> =
                changes.iter().map(|change| weights_from(change, problems)).collect();
            resolved.sort_by_key(|change| change.at);
            Rule::Scheduled(resolved)
        }
        Some(Reweighting::Adapted(adapted)) => {
            if adapted.every.nanos() == 0 {
                let cure = "write the time from one change to the next, such as \"24h\"";
                let at = span(tree, "reweighting.adapted.every");
                problems.add(at, "`reweighting.adapted.every` is zero", cure);
            }
            if adapted.floor.get() <= 0.0 {
                let cure = "write a share above 0, such as 0.05";
                let at = span(tree, "reweighting.adapted.floor");
                problems.add(at, "`reweighting.adapted.floor` is zero", cure);
            }
            Rule::Adapted {
                every: SimDuration(adapted.every.nanos().max(1)),
                rate: adapted.rate.get(),
                floor: adapted.floor.get(),
            }
        }
    };
    if !matches!(reward, Reward::LevelReward(_)) {
        let message =
            format!("`reweighting` has no weights to change in the reward `{}`", reward.name());
        let cure = "write `reward = \"level_reward\"`, or leave `reweighting` out";
        problems.add(span(tree, "reweighting"), message, cure);
    }
    rule
}

fn weights_from(change: &Spanned<WeightsFrom>, problems: &mut Problems) -> WeightChange {
    let weights = [change.speed.get(), change.efficiency.get(), change.cost.get()];
    let sum: f64 = weights.iter().sum();
    if sum <= 0.0 {
        let message = format!("the weights of {} are all 0", change.level);
        problems.add(change.span, message, "give one of them a weight above 0");
    }
    let scale = if sum > 0.0 { sum } else { 1.0 };
    WeightChange {
        at: SimTime(change.after.nanos()),
        level: change.level,
        weights: weights.map(|w| w / scale),
    }
}
