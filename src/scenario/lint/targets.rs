//! Models that are named where they can never be called.

use super::{Finding, Setting, Stack};
use crate::registry::KeyState;
use crate::routing::fallback::FallbackPlan;
use crate::routing::order::OrderRule;
use crate::scenario::tree::{Node, Path};
use crate::units::{Level, ModelId};

/// A list of models that is written, with the level that it is for; none: for all.
struct Chain<'a> {
    path: String,
    level: Option<Level>,
    models: &'a [ModelId],
}

/// The chains of a stack.
fn chains<'a>(stack: &Stack<'a>) -> Vec<Chain<'a>> {
    let mut chains: Vec<Chain<'a>> = Vec::new();
    let mut levels = |prefix: &str, lists: &'a [Vec<ModelId>; 4]| {
        for level in Level::ALL {
            let path = format!("{prefix}.{}", level.name());
            chains.push(Chain { path, level: Some(level), models: &lists[level.index()] });
        }
    };
    match &stack.rule.fallback {
        FallbackPlan::Stage4 { order, .. } => levels("fallback.stage4", order),
        FallbackPlan::Chain(plan) => levels("fallback.chain", &plan.any),
        _ => {}
    }
    if let OrderRule::LevelTable(lists) = &stack.rule.order {
        levels("order.level_table", lists);
    }
    if let FallbackPlan::Chain(plan) = &stack.rule.fallback {
        // The list for all levels is that of each level without one of its own.
        let own =
            |level: &Level| stack.tree.at(&Path::of(&format!("fallback.chain.{level}"))).is_none();
        let all = Level::ALL.into_iter().find(own).map(|level| &plan.any[level.index()][..]);
        let all = all.map(|models| ("models".to_owned(), models));
        let typed = plan.typed.iter().map(|(class, models)| (class.name().to_owned(), &models[..]));
        chains.extend(all.into_iter().chain(typed).map(|(key, models)| Chain {
            path: format!("fallback.chain.{key}"),
            level: None,
            models,
        }));
    }
    // A name that is no model has been reported, and moves those behind it.
    chains.retain(|chain| {
        let written = stack.tree.at(&Path::of(&chain.path)).map_or(&[][..], Node::items);
        written.len() == chain.models.len()
    });
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

/// Why a model is never called for a level, or for any that tasks have.
fn never_for(setting: &Setting<'_>, model: ModelId, level: Option<Level>) -> Option<String> {
    let may = match level {
        Some(level) => setting.serving(level).contains(model),
        None => !setting.is_idle(model),
    };
    if may {
        return None;
    }
    let name = setting.name(model);
    Some(match (setting.registry.models[model.index()].key, level) {
        (KeyState::Missing, _) => format!("`{name}` has no key and is never called"),
        (_, Some(level)) => format!("`{name}` does not serve {level} and is never called for it"),
        (_, None) => format!("`{name}` serves no level of any task and is never called"),
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

/// A model in an order that serves no level of any task.
pub(super) fn order_off_level(stack: &Stack<'_>, setting: &Setting<'_>) -> Vec<Finding> {
    let path = "order.static_order.models";
    let OrderRule::Static(models) = &stack.rule.order else { return Vec::new() };
    if stack.tree.at(&Path::of(path)).is_none_or(|node| node.items().len() != models.len()) {
        return Vec::new();
    }
    let idle = models.iter().enumerate().filter(|(_, model)| setting.is_idle(**model));
    idle.map(|(at, model)| {
        let name = setting.name(*model);
        let message = format!("`{name}` serves no level of any task and is never called");
        Finding::new(format!("{path}[{at}]"), message, "leave it out, or name another model")
    })
    .collect()
}

/// A last resort that serves no level of any task.
pub(super) fn last_resort_off_level(stack: &Stack<'_>, setting: &Setting<'_>) -> Vec<Finding> {
    let Some(model) = stack.rule.last_resort.filter(|model| setting.is_idle(*model)) else {
        return Vec::new();
    };
    let message =
        format!("`{}` serves no level of any task and is no last resort", setting.name(model));
    vec![Finding::new("last_resort", message, "name another model, or none")]
}

/// A fallback where no level has a second model.
pub(super) fn nowhere_to_fall(stack: &Stack<'_>, setting: &Setting<'_>) -> Vec<Finding> {
    let is_alone = |level: Level| setting.serving(level).len() < 2;
    let plan = &stack.rule.fallback;
    let is_other = matches!(plan, FallbackPlan::None | FallbackPlan::Groups { .. });
    if is_other || !setting.levels().into_iter().all(is_alone) {
        return Vec::new();
    }
    let message = "no level of any task has a second model to fall back to";
    vec![Finding::new("fallback", message, "declare more models, or leave the fallback out")]
}

/// A fallback of at most 0 models or groups.
pub(super) fn of_none(stack: &Stack<'_>, _: &Setting<'_>) -> Vec<Finding> {
    let path = match stack.rule.fallback {
        FallbackPlan::Ranked { max_fallbacks: 0, .. } => "fallback.ranked.max_fallbacks",
        FallbackPlan::Groups { max_fallbacks: 0 } => "fallback.groups.max_fallbacks",
        _ => return Vec::new(),
    };
    let message = "no step ever falls back, as `max_fallbacks` is 0";
    vec![Finding::new(path, message, "write 1 or more, or `fallback = \"none\"`")]
}
