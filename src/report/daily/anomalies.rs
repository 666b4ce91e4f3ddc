//! What the monitor found out of bounds.

use super::Day;
use super::work::most;
use crate::domain::AnomalyKind;
use crate::report::document::Document;
use crate::report::frame::Row;
use crate::report::number::{count, counted};
use crate::report::table::TextTable;
use crate::units::Level;

/// The kinds that are about one call.
const OF_CALLS: [AnomalyKind; 2] = [AnomalyKind::SlowResponse, AnomalyKind::HighTokenUsage];

fn unit(kind: AnomalyKind) -> &'static str {
    match kind {
        AnomalyKind::SlowResponse => "ms",
        AnomalyKind::HighTokenUsage => "tokens",
        AnomalyKind::LowSuccessRate => "%",
    }
}

pub(super) fn section(day: &Day<'_>, document: &mut Document) {
    document.section("Anomalies");
    if day.anomalies.is_empty() {
        document.paragraph("The monitor found nothing out of bounds.");
        return;
    }
    let of = |kind: AnomalyKind| -> Vec<&Row<'_>> {
        day.anomalies.iter().filter(|row| row.text("kind") == kind.name()).collect()
    };
    let mut table =
        TextTable::with_texts(["kind", "first at", "worst", "where", "bound", "count"], 4);
    let place = |row: &Row<'_>| {
        let at = day.wall.when(row.value("at_s"), day.day);
        match row.text("model") {
            "" => format!("{} at {at}", row.text("level")),
            model => format!("{} at {}, {at}", model, row.text("level")),
        }
    };
    for kind in OF_CALLS {
        let rows = of(kind);
        let worst = rows.iter().copied().reduce(|worst, row| {
            if row.value("value") > worst.value("value") { row } else { worst }
        });
        let Some((first, worst)) = rows.first().zip(worst) else { continue };
        table.push(vec![
            kind.name().to_owned(),
            day.wall.when(first.value("at_s"), day.day),
            format!("{} {}", count(worst.value("value")), unit(kind)),
            place(worst),
            format!("{} {}", count(first.value("threshold")), unit(kind)),
            count(rows.len() as f64),
        ]);
    }
    document.paragraph("What the monitor found out of bounds in the calls that ended on this day.");
    document.table(&table);
    let by_place = OF_CALLS.into_iter().filter_map(|kind| {
        let rows = of(kind);
        let by = |column: &'static str, n| most(rows.iter().map(|row| row.text(column)), n);
        // Where the only one was stands in the table.
        (rows.len() > 1).then(|| {
            format!("{} by level: {}; by model: {}", kind.name(), by("level", 4), by("model", 5))
        })
    });
    let low = of(AnomalyKind::LowSuccessRate);
    let onsets = Level::ALL.into_iter().filter_map(|level| {
        let of_level: Vec<&&Row<'_>> =
            low.iter().filter(|row| row.text("level") == level.name()).collect();
        let first = of_level.first()?;
        Some(format!(
            "low_success_rate at {level}: below {} % of the calls that the monitor keeps, {}, first at {} with {:.1} %",
            count(first.value("threshold")),
            counted(of_level.len() as f64, "onset"),
            day.wall.when(first.value("at_s"), day.day),
            first.value("value"),
        ))
    });
    document.list(by_place.chain(onsets));
}
