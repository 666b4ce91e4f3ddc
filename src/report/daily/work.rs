//! How the levels did, and what was worked: the monitor's view of calls, and tasks by the day they arrived.

use super::Day;
use crate::analysis::interval::mean_over_seeds;
use crate::analysis::measure::{self, Measure};
use crate::domain::FallbackReason;
use crate::report::document::Document;
use crate::report::entries::{Entry, heading, with_interval};
use crate::report::frame::Row;
use crate::report::number::{count, counted, or_dash, rounded, shown};
use crate::report::table::TextTable;
use crate::units::Level;

/// `part` of `whole` in percent; a dash of nothing.
pub(super) fn rate(part: f64, whole: f64) -> String {
    or_dash((whole > 0.0).then(|| part / whole), |share| format!("{:.1}", 100.0 * share))
}

fn ended(row: &Row<'_>) -> f64 {
    row.value("tasks") - row.value("interrupted")
}

fn efficiency(row: &Row<'_>) -> String {
    or_dash(row.number("efficiency"), |value| shown(value, measure::EFFICIENCY))
}

pub(super) fn health(day: &Day<'_>, document: &mut Document) {
    document.section("Level health");
    let mut table = TextTable::with_texts(
        [
            "level",
            "class",
            "calls",
            "success rate, %",
            "since start, %",
            "mean response, ms",
            "tokens per call",
            "tasks",
            "completion rate, %",
            "efficiency, points",
        ],
        2,
    );
    let mut idle = Vec::new();
    for level in Level::ALL {
        let of_level = |row: &&Row<'_>| row.text("level") == level.name();
        let monitor = day.monitor.iter().find(of_level);
        let Some((calls, work)) = monitor.zip(day.work.iter().find(of_level)) else { continue };
        let n = calls.value("calls");
        if n + work.value("tasks") == 0.0 {
            idle.push(level.name());
            continue;
        }
        let class = calls.text("class");
        table.push(vec![
            format!("{level} {}", level.label()),
            if class.is_empty() { "-".to_owned() } else { class.to_owned() },
            count(n),
            rate(calls.value("successes"), n),
            rate(calls.value("total_successes"), calls.value("total_calls")),
            or_dash(calls.number("response_ms"), count),
            or_dash(calls.number("tokens_per_call"), count),
            count(work.value("tasks")),
            rate(work.value("completed"), ended(work)),
            efficiency(work),
        ]);
    }
    if table.is_empty() {
        document.paragraph("No call ended and no task arrived.");
        return;
    }
    document.paragraph(
        "Calls up to `tokens per call` are the router's own view, by the day they ended; tasks, completion rate and \
         efficiency are of the tasks that arrived on this day, by the level of their first step.",
    );
    document.table(&table);
    if !idle.is_empty() {
        document.paragraph(&format!("No work at {}.", idle.join(", ")));
    }
}

pub(super) fn work(day: &Day<'_>, document: &mut Document) {
    document.section("Daily work");
    let all = &day.work[0];
    if all.value("tasks") == 0.0 {
        document.paragraph("No task arrived.");
        return;
    }
    let has_cut = all.value("interrupted") > 0.0;
    let mut header = vec!["level", "tasks", "completed", "failed"];
    header.extend(has_cut.then_some("interrupted"));
    header.extend(["completion rate, %", "hours", "tokens", "mean quality, points"]);
    let mut table = TextTable::new(header);
    for row in day.work.iter().filter(|row| row.value("tasks") > 0.0) {
        let mut cells = vec![row.text("level").to_owned()];
        cells.extend(["tasks", "completed", "failed"].map(|name| count(row.value(name))));
        cells.extend(has_cut.then(|| count(row.value("interrupted"))));
        cells.extend([
            rate(row.value("completed"), ended(row)),
            rounded(row.value("hours"), 3),
            count(row.value("tokens")),
            or_dash(row.number("quality"), |points| format!("{points:.1}")),
        ]);
        table.push(cells);
    }
    document
        .paragraph("Tasks that arrived on this day; hours from arrival to end, summed over tasks.");
    document.table(&table);
    document.table(&over_seeds(day));
}

pub(super) fn fallbacks(day: &Day<'_>, document: &mut Document) {
    document.section("Fallbacks");
    if day.fallbacks.is_empty() {
        document.paragraph("No fallback was asked for.");
        return;
    }
    let header = ["reason", "away from", "first at", "fallbacks", "with a target"];
    let mut table = TextTable::with_texts(header, 3);
    for reason in FallbackReason::ALL {
        let rows: Vec<&Row<'_>> =
            day.fallbacks.iter().filter(|row| row.text("reason") == reason.name()).collect();
        let Some(first) = rows.first() else { continue };
        table.push(vec![
            reason.name().to_owned(),
            most(rows.iter().map(|row| row.text("from_model")), 5),
            day.wall.when(first.value("at_s"), day.day),
            count(rows.len() as f64),
            count(rows.iter().filter(|row| row.value("found") > 0.0).count() as f64),
        ]);
    }
    document.table(&table);
}

/// The `n` texts that occur most often, each with how often, and how many more there are.
pub(super) fn most<'a>(texts: impl Iterator<Item = &'a str>, n: usize) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for text in texts {
        match counts.iter_mut().find(|(known, _)| *known == text) {
            Some((_, times)) => *times += 1,
            None => counts.push((text, 1)),
        }
    }
    counts.sort_by(|(a, m), (b, n)| n.cmp(m).then(a.cmp(b)));
    let mut named: Vec<String> = counts
        .iter()
        .take(n)
        .map(|(text, times)| format!("{text} ({})", count(*times as f64)))
        .collect();
    if counts.len() > n {
        named.push(format!("{} more", counts.len() - n));
    }
    named.join(", ")
}

/// The day's headline figures, beside those of all seeds where there are several.
fn over_seeds(day: &Day<'_>) -> TextTable {
    let n_seeds = day.manifest.seeds.len();
    let mut header = vec!["all levels".to_owned(), format!("seed {}", day.subject.run.seed)];
    if n_seeds > 1 {
        header.push(format!("mean over {n_seeds} seeds [95 % interval]"));
    }
    let mut table = TextTable::new(header);
    let completed = Measure { name: "completion rate", ..measure::SERVED };
    let cost = Measure { name: "cost of the day", ..measure::COST };
    let of = |measure: Measure, row: &Row<'_>| match measure.name {
        name if name == completed.name => {
            (ended(row) > 0.0).then(|| row.value("completed") / ended(row))
        }
        name if name == cost.name => Some(row.value("cost_usd")),
        name => row.number(name),
    };
    for measure in [measure::EFFICIENCY, completed, cost] {
        let here = or_dash(of(measure, &day.work[0]), |value| match measure.is_proportion {
            true => rate(value, 1.0),
            false => shown(value, measure),
        });
        let values: Vec<f64> = day.seeds.iter().filter_map(|row| of(measure, row)).collect();
        let estimate = mean_over_seeds(&values, measure.is_proportion);
        let mut over = with_interval(estimate.map(Entry::from), measure);
        if values.len() < n_seeds {
            over += &format!(" ({} with tasks)", counted(values.len() as f64, "seed"));
        }
        table.push(
            [heading(measure), here].into_iter().chain((n_seeds > 1).then_some(over)).collect(),
        );
    }
    table
}
