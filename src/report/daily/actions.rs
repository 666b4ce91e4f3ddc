//! What to do: the plan's rules over the monitor's view of the day (stage4.md section 9), then what the plan has bounds
//! but no rules for: fallbacks that found no target, and budgets that were exceeded.

use super::Day;
use super::allocation::given;
use super::cost::by;
use super::work::most;
use crate::report::frame::Row;
use crate::report::number::{count, counted, percent};
use crate::units::Level;

/// Below this success rate of a level its model is to be replaced, or its reset awaited.
const REPLACE_BELOW: f64 = 0.70;
/// Below this one it is to be watched.
const WATCH_BELOW: f64 = 0.85;
/// Above these tokens per call prompts are to be shortened, or another model to be used.
const MOST_TOKENS: f64 = 500.0;

/// Below this share of fallbacks with a target there are too few of these: the plan's goal for fallback success.
const TARGETS_BELOW: f64 = 0.99;

/// What a rule asks for, the most urgent first: answers, then tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Replace,
    Targets,
    Watch,
    Shorten,
    Budget,
}

pub(super) struct Action {
    kind: Kind,
    levels: Vec<Level>,
    pub(super) text: String,
}

/// All that is to be done, the most urgent first.
pub(super) fn of(day: &Day<'_>) -> Vec<Action> {
    let mut actions = Vec::new();
    for level in Level::ALL {
        if let Some(row) = day.monitor.iter().find(|row| row.text("level") == level.name()) {
            actions.extend(success(day, level, row));
            actions.extend(tokens(level, row));
        }
    }
    actions.extend(targets(day));
    actions.extend(budgets(day));
    actions.sort_by(|a, b| (a.kind, &a.levels).cmp(&(b.kind, &b.levels)));
    actions
}

/// The actions in a sentence.
pub(super) fn in_short(actions: &[Action]) -> String {
    if actions.is_empty() {
        return "Nothing to do.".to_owned();
    }
    let words = [
        (Kind::Replace, "replace models or wait for the reset at"),
        (Kind::Targets, "find more fallback targets for"),
        (Kind::Watch, "keep watching"),
        (Kind::Shorten, "shorten prompts or fall back at"),
        (Kind::Budget, "raise the budgets of"),
    ];
    let parts: Vec<String> = words
        .into_iter()
        .filter_map(|(kind, what)| {
            let is_in = |level: &Level| {
                actions.iter().any(|action| action.kind == kind && action.levels.contains(level))
            };
            let levels: Vec<&str> = Level::ALL.into_iter().filter(is_in).map(Level::name).collect();
            (!levels.is_empty()).then(|| format!("{what} {}", levels.join(", ")))
        })
        .collect();
    format!("To do: {}.", parts.join("; "))
}

fn success(day: &Day<'_>, level: Level, row: &Row<'_>) -> Option<Action> {
    let (calls, answered) = (row.value("calls"), row.value("successes"));
    let share = answered / calls;
    if calls == 0.0 || share >= WATCH_BELOW {
        return None;
    }
    let (kind, bound, advice) = match share < REPLACE_BELOW {
        true => (Kind::Replace, REPLACE_BELOW, "replace its model, or wait for the reset"),
        false => (Kind::Watch, WATCH_BELOW, "keep watching"),
    };
    let mut text = format!(
        "{level} {}: {advice}. {} of {} calls were answered, {} (threshold {}).",
        level.label(),
        count(answered),
        count(calls),
        percent(share, 1),
        percent(bound, 0)
    );
    let mut models = by(day.costs.iter().filter(|row| row.text("level") == level.name()), "model");
    models.sort_by(|(_, a), (_, b)| (b.calls - b.served).total_cmp(&(a.calls - a.served)));
    if let Some((model, spent)) = models.first().filter(|(_, spent)| spent.served < spent.calls) {
        text += &format!(
            " Most unanswered: {model}, {} of {} calls.",
            count(spent.calls - spent.served),
            count(spent.calls)
        );
    }
    let reasons = day.fallbacks.iter().filter(|row| row.text("level") == level.name());
    let reasons = most(reasons.map(|row| row.text("reason")), usize::MAX);
    if !reasons.is_empty() {
        text += &format!(" Fallbacks by reason: {reasons}.");
    }
    Some(Action { kind, levels: vec![level], text })
}

fn tokens(level: Level, row: &Row<'_>) -> Option<Action> {
    let tokens = row.number("tokens_per_call").filter(|tokens| *tokens > MOST_TOKENS)?;
    let shown = if tokens.round() > MOST_TOKENS { count(tokens) } else { format!("{tokens:.1}") };
    let text = format!(
        "{level} {}: shorten prompts, or fall back to another model. {shown} tokens per call (threshold {}).",
        level.label(),
        count(MOST_TOKENS)
    );
    Some(Action { kind: Kind::Shorten, levels: vec![level], text })
}

/// One action for the fallbacks of all levels that found too few targets.
fn targets(day: &Day<'_>) -> Option<Action> {
    let (mut levels, mut missed) = (Vec::new(), Vec::new());
    for level in Level::ALL {
        let of_level: Vec<&Row<'_>> =
            day.fallbacks.iter().filter(|row| row.text("level") == level.name()).collect();
        let found = of_level.iter().filter(|row| row.value("found") > 0.0).count() as f64;
        let asked = of_level.len() as f64;
        if found < TARGETS_BELOW * asked {
            levels.push(level);
            missed.push(format!("{level} {} of {}", count(asked - found), count(asked)));
        }
    }
    let text = format!(
        "Fallbacks: find more targets for them, or wait for the reset. Without one: {} (goal: {} with one).",
        missed.join(", "),
        percent(TARGETS_BELOW, 0)
    );
    (!levels.is_empty()).then_some(Action { kind: Kind::Targets, levels, text })
}

/// One action for all budgets of an allocation.
fn budgets(day: &Day<'_>) -> Vec<Action> {
    let all = given(day);
    let mut actions = Vec::new();
    for of_allocation in all.chunk_by(|a, b| a.span == b.span) {
        let (mut levels, mut used) = (Vec::new(), Vec::new());
        for given in of_allocation {
            let Some(at) = given.over_budget_at_s else { continue };
            levels.extend(Level::ALL.into_iter().filter(|level| level.name() == given.level));
            used.push(format!(
                "{} {} of {}, over at {}",
                given.level,
                count(given.used),
                counted(given.budget, "token"),
                day.wall.when(at, day.day)
            ));
        }
        if levels.is_empty() {
            continue;
        }
        let [from, to] = of_allocation[0].span.map(|at| day.wall.when(at, day.day));
        let text = format!(
            "Budgets of the {} allocation ({from} to {to}) exceeded: raise them, allocate more often, or send less work there. {}.",
            of_allocation[0].slot,
            used.join("; ")
        );
        actions.push(Action { kind: Kind::Budget, levels, text });
    }
    actions
}
