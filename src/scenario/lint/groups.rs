//! Groups that are never asked, and groups that ask one another in a circle.

use super::{Finding, Setting, Stack};
use crate::routing::fallback::{FallbackPlan, Group};
use crate::scenario::tree::{Node, Path};

/// The groups that a group falls back to, whatever went wrong.
fn next(group: &Group) -> impl Iterator<Item = usize> {
    let typed = group.typed.iter().flat_map(|(_, list)| list);
    group.fallbacks.iter().chain(typed).map(|at| usize::from(*at))
}

/// Whether steps go from group to group.
fn falls_back(stack: &Stack<'_>) -> bool {
    matches!(stack.rule.fallback, FallbackPlan::Groups { .. })
}

/// Which groups a step may come to.
fn reached(stack: &Stack<'_>, setting: &Setting<'_>) -> Vec<bool> {
    let groups = &stack.rule.groups;
    let mut reached = vec![false; groups.len()];
    let first = |level: crate::units::Level| {
        groups.iter().position(|group| group.levels[level.index()]).unwrap_or(0)
    };
    let mut open: Vec<usize> = setting.levels().into_iter().map(first).collect();
    while let Some(at) = open.pop() {
        if at < groups.len() && !std::mem::replace(&mut reached[at], true) && falls_back(stack) {
            open.extend(next(&groups[at]));
        }
    }
    reached
}

/// A group that no level asks for and no other falls back to.
pub(super) fn unreachable(stack: &Stack<'_>, setting: &Setting<'_>) -> Vec<Finding> {
    let groups = &stack.rule.groups;
    let reached = reached(stack, setting);
    let missed = reached.iter().enumerate().filter(|(_, reached)| !**reached);
    missed
        .map(|(at, _)| {
            let message = format!(
                "no step comes to the group `{}`: no level of any task asks for it first, and none falls back to it",
                groups[at].name
            );
            let cure = "name it in the `fallbacks` of another group, or leave it out";
            Finding::new(format!("groups[{at}].name"), message, cure)
        })
        .collect()
}

/// A model in a group that serves no level of any task.
pub(super) fn off_level(stack: &Stack<'_>, setting: &Setting<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (at, group) in stack.rule.groups.iter().enumerate() {
        let path = format!("groups[{at}].models");
        let names = stack.tree.at(&Path::of(&path)).map_or(&[][..], Node::items);
        for model in group.models.iter().filter(|model| setting.is_idle(*model)) {
            let name = setting.name(model);
            let literal = format!("\"{name}\"");
            let Some(nth) = names.iter().position(|own| own.literal() == literal) else { continue };
            let message = format!("`{name}` serves no level of any task and is never called");
            let path = format!("{path}[{nth}]");
            found.push(Finding::new(path, message, "leave it out, or name another model"));
        }
    }
    found
}

/// Fallbacks of groups that no plan reads.
pub(super) fn fallbacks_unread(stack: &Stack<'_>, _: &Setting<'_>) -> Vec<Finding> {
    if falls_back(stack) {
        return Vec::new();
    }
    let keys = ["fallbacks", "context_length", "content_policy"];
    let paths =
        (0..stack.rule.groups.len()).flat_map(|at| keys.map(|key| format!("groups[{at}].{key}")));
    paths
        .filter(|path| stack.writes(path))
        .map(|path| {
            let message = "no step goes from group to group, as the fallback is another";
            Finding::new(path, message, "write `fallback = \"groups\"`, or leave it out")
        })
        .collect()
}

/// Groups that fall back to one another in a circle.
pub(super) fn circle(stack: &Stack<'_>, _: &Setting<'_>) -> Vec<Finding> {
    let groups = &stack.rule.groups;
    if !falls_back(stack) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (at, group) in groups.iter().enumerate() {
        let path = format!("groups[{at}].fallbacks");
        // Each circle is told of once, at the first group in it.
        let Some(circle) = way_back(groups, at).filter(|way| way.iter().all(|own| *own >= at))
        else {
            continue;
        };
        let names: Vec<String> =
            circle.iter().map(|own| format!("`{}`", groups[*own].name)).collect();
        let message = format!(
            "the groups fall back in a circle: `{}` to {}: groups that have failed are tried again until `max_fallbacks` \
             ends it",
            group.name,
            names.join(" to ")
        );
        found.push(Finding::new(path, message, "take one of them out of the circle"));
    }
    found
}

/// The shortest way from a group back to itself, without its start.
fn way_back(groups: &[Group], start: usize) -> Option<Vec<usize>> {
    let mut ways = vec![vec![start]];
    let mut seen = vec![false; groups.len()];
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for to in next(&groups[*way.last()?]) {
                if to == start {
                    return Some([&way[1..], &[start]].concat());
                }
                if !std::mem::replace(&mut seen[to], true) {
                    longer.push([&way[..], &[to]].concat());
                }
            }
        }
        ways = longer;
    }
    None
}
