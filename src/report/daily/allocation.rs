//! What the allocator gave each level, and what became of it.

use super::Day;
use super::work::rate;
use crate::report::document::Document;
use crate::report::frame::Row;
use crate::report::number::{count, or_dash};
use crate::report::table::TextTable;

/// One allocation of one level, and its use until the next.
pub(super) struct Given<'a> {
    /// When it came into force, and when it ceased.
    pub(super) span: [f64; 2],
    pub(super) slot: &'a str,
    pub(super) level: &'a str,
    in_focus: bool,
    /// Empty where the rule had no opinion.
    model: &'a str,
    number: Option<f64>,
    pub(super) budget: f64,
    pub(super) used: f64,
    pub(super) over_budget_at_s: Option<f64>,
    calls: f64,
    calls_allocated: f64,
}

/// The allocations that came into force on the day, by time and level.
pub(super) fn given<'a>(day: &Day<'a>) -> Vec<Given<'a>> {
    let of_budget = |budget: &Row<'a>| {
        let is_same = |row: &&Row<'a>| {
            row.value("allocation") == budget.value("allocation")
                && row.text("level") == budget.text("level")
                && row.value("allocated") > 0.0
        };
        let allocated = day.allocations.iter().find(is_same);
        Given {
            span: [budget.value("at_s"), budget.value("ended_s")],
            slot: budget.text("slot"),
            level: budget.text("level"),
            in_focus: allocated.is_some_and(|row| row.value("in_focus") > 0.0),
            model: budget.text("model"),
            number: allocated.and_then(|row| row.number("number")),
            budget: budget.value("budget_tokens"),
            used: budget.value("used_tokens"),
            over_budget_at_s: budget.number("over_budget_at_s"),
            calls: budget.value("calls"),
            calls_allocated: budget.value("calls_allocated"),
        }
    };
    day.budgets.iter().map(of_budget).collect()
}

pub(super) fn section(day: &Day<'_>, document: &mut Document) {
    let all = given(day);
    let Some(last) = all.last() else { return };
    document.section("Allocation");
    let mut table = TextTable::with_texts(
        [
            "from",
            "slot",
            "level",
            "model",
            "number",
            "budget, tokens",
            "used, tokens",
            "used, %",
            "over budget at",
            "calls",
            "to the allocated model, %",
        ],
        4,
    );
    for given in &all {
        let model = if given.model.is_empty() { "-" } else { given.model };
        table.push(vec![
            day.wall.when(given.span[0], day.day),
            given.slot.to_owned(),
            format!("{}{}", given.level, if given.in_focus { " *" } else { "" }),
            model.to_owned(),
            or_dash(given.number, |number| format!("{number:.1}")),
            count(given.budget),
            count(given.used),
            or_dash((given.budget > 0.0).then(|| given.used / given.budget), |share| {
                count(100.0 * share)
            }),
            or_dash(given.over_budget_at_s, |at| day.wall.when(at, day.day)),
            count(given.calls),
            rate(given.calls_allocated, given.calls),
        ]);
    }
    let ceased = day.wall.when(last.span[1], day.day);
    let until = match day.nth {
        (nth, of) if nth == of => format!("the end of the run, {ceased}"),
        _ => ceased,
    };
    document.paragraph(&format!(
        "Each allocation holds until the next one, the last of the day until {until}. A star marks the levels in the \
         slot's focus; models are compared by the number."
    ));
    document.table(&table);
}
