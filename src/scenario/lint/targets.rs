//! Models that are named where they can never be called.

use super::{Finding, Setting, Stack};
use crate::registry::KeyState;
use crate::routing::fallback::FallbackPlan;
use crate::routing::order::OrderRule;
use crate::scenario::tree::{Node, Path};
use crate::units::{Level, ModelId};

/// A list of models that is written, with the level that it is for.
struct Chain<'a> {
    path: String,
    level: Level,
    models: &'a [ModelId],
}

/// The chains of a stack, by level.
fn chains<'a>(stack: &Stack<'a>) -> Vec<Chain<'a>> {
    let rule = stack.rule;
    let mut chains = Vec::new();
    let mut add = |prefix: &str, lists: &'a [Vec<ModelId>; 4]| {
        for level in Level::ALL {
            let path = format!("{prefix}.{}", level.name());
            let models = &lists[level.index()][..];
            // A name that is no model has been reported, and moves those behind it.
            let written = stack.tree.at(&Path::of(&path)).map_or(&[][..], Node::items);
            if written.len() == models.len() {
                chains.push(Chain { path, level, models });
            }
        }
    };
    if let FallbackPlan::Stage4 { order, .. } = &rule.fallback {
        add("fallback.stage4", order);
    }
    if let OrderRule::LevelTable(lists) = &rule.order {
        add("order.level_table", lists);
    }
    chains
}

/// A model named twice, which is tried once.
pub(super) fn repeated(stack: &Stack<'_>, setting: &Setting<'_>) -> Vec<Finding> {
    let mut lists: Vec<(String, &[ModelId])> =
        chains(stack).into_iter().map(|chain| (chain.path, chain.models)).collect();
    let path = "order.static_order.models";
    if let OrderRule::Static(models) = &stack.rule.order
        && stack.tree.at(&Path::of(path)).is_some_and(|node| node.items().len() == models.len())
    {
        lists.push((path.to_owned(), models));
    }
    let mut found = Vec::new();
    for (path, models) in lists {
        for (at, model) in models.iter().enumerate() {
            if models[..at].contains(model) {
                let name = setting.name(*model);
                let message = format!("`{name}` stands here a second time, and is tried but once");
                found.push(Finding::new(format!("{path}[{at}]"), message, "leave it out"));
            }
        }
    }
    found
}

/// Why a model is never called for a level.
fn never_for(setting: &Setting<'_>, model: ModelId, level: Level) -> Option<String> {
    if setting.serving(level).contains(model) {
        return None;
    }
    let name = setting.name(model);
    Some(match setting.registry.models[model.index()].key {
        KeyState::Missing => format!("`{name}` has no key and is never called"),
        _ => format!("`{name}` does not serve {} and is never called for it", level.name()),
    })
}

/// A model in a level's chain that cannot serve the level.
pub(super) fn off_level(stack: &Stack<'_>, setting: &Setting<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for chain in chains(stack) {
        for (at, model) in chain.models.iter().enumerate() {
            if let Some(message) = never_for(setting, *model, chain.level) {
                let path = format!("{}[{at}]", chain.path);
                found.push(Finding::new(path, message, "leave it out, or name another model"));
            }
        }
    }
    found
}

/// Whether no task has a step that the model serves.
fn is_idle(setting: &Setting<'_>, model: ModelId) -> bool {
    !setting.levels().into_iter().any(|level| setting.serving(level).contains(model))
}

/// A model in an order that serves no level of any task.
pub(super) fn order_off_level(stack: &Stack<'_>, setting: &Setting<'_>) -> Vec<Finding> {
    let path = "order.static_order.models";
    let OrderRule::Static(models) = &stack.rule.order else { return Vec::new() };
    if stack.tree.at(&Path::of(path)).is_none_or(|node| node.items().len() != models.len()) {
        return Vec::new();
    }
    let idle = models.iter().enumerate().filter(|(_, model)| is_idle(setting, **model));
    idle.map(|(at, model)| {
        let name = setting.name(*model);
        let message = format!("`{name}` serves no level of any task and is never called");
        Finding::new(format!("{path}[{at}]"), message, "leave it out, or name another model")
    })
    .collect()
}

/// A last resort that serves no level of any task.
pub(super) fn last_resort_off_level(stack: &Stack<'_>, setting: &Setting<'_>) -> Vec<Finding> {
    let Some(model) = stack.rule.last_resort.filter(|model| is_idle(setting, *model)) else {
        return Vec::new();
    };
    let message =
        format!("`{}` serves no level of any task and is no last resort", setting.name(model));
    vec![Finding::new("last_resort", message, "name another model, or none")]
}

/// A fallback where no level has a second model.
pub(super) fn nowhere_to_fall(stack: &Stack<'_>, setting: &Setting<'_>) -> Vec<Finding> {
    let is_alone = |level: Level| setting.serving(level).len() < 2;
    let has_none = stack.rule.fallback == FallbackPlan::None;
    if has_none || !setting.levels().into_iter().all(is_alone) {
        return Vec::new();
    }
    let message = "no level of any task has a second model to fall back to";
    vec![Finding::new("fallback", message, "declare more models, or leave the fallback out")]
}
