//! The console's first look: how the four levels of each block's first variant did, over the calls of all seeds.

use std::path::Path;

use crate::domain::PerformanceClass;
use crate::report::criteria::Evidence;
use crate::report::frame::{Frame, RunKey};
use crate::report::number::{count, counted, percent, rounded};
use crate::report::table::TextTable;
use crate::results::ResultsError;
use crate::results::column::Table;
use crate::results::manifest::{BlockEntry, Manifest};
use crate::results::schema::Costs;
use crate::units::Level;

/// Characters of a bar.
const BAR: usize = 10;

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    calls: f64,
    successes: f64,
    response_ms: f64,
    tokens: f64,
    cost_usd: f64,
}

/// What the monitor and the bills say, of the first variant in every block.
pub(super) fn dashboard(folder: &Path, evidence: &Evidence<'_>) -> Result<String, ResultsError> {
    let manifest = evidence.manifest;
    let costs = Frame::read(folder, &Costs::DOC, &["level", "cost_usd"])?;
    let Some(variant) = manifest.variants.first() else { return Ok(String::new()) };
    let mut text = String::new();
    for block in &manifest.blocks {
        let of_block = match manifest.blocks.len() {
            1 => String::new(),
            _ => format!("block {}, ", block.name),
        };
        let seeds = match manifest.seeds.len() {
            1 => "one seed".to_owned(),
            n => format!("all calls of {} together", counted(n as f64, "seed")),
        };
        text += &format!("\n{of_block}{variant}: {seeds}\n\n");
        text += &levels(&evidence.monitor, &costs, manifest, block, variant).console();
    }
    Ok(text)
}

fn levels(
    monitor: &Frame,
    costs: &Frame,
    manifest: &Manifest,
    block: &BlockEntry,
    variant: &str,
) -> TextTable {
    let mut table = TextTable::with_texts(
        [
            "level",
            "class",
            "success rate",
            "",
            "response, ms",
            "tokens per call",
            "cost per run, USD",
        ],
        3,
    );
    for level in Level::ALL {
        let mut sums = Sums::default();
        for run in RunKey::of_seeds(manifest, &block.name, variant) {
            for row in monitor.rows(&run).filter(|row| row.text("level") == level.name()) {
                let calls = row.value("calls");
                sums.calls += calls;
                sums.successes += row.value("successes");
                sums.response_ms += calls * row.value("response_ms");
                sums.tokens += calls * row.value("tokens_per_call");
            }
            for row in costs.rows(&run).filter(|row| row.text("level") == level.name()) {
                sums.cost_usd += row.value("cost_usd");
            }
        }
        let name = format!("{level} {}", level.label());
        let Some(class) = PerformanceClass::of(sums.successes as u64, sums.calls as u64) else {
            table.push([&name, "no calls", "", "", "", "", ""].map(str::to_owned).into());
            continue;
        };
        let share = sums.successes / sums.calls;
        table.push(vec![
            name,
            class.name().to_owned(),
            bar(share),
            percent(share, 1),
            count(sums.response_ms / sums.calls),
            count(sums.tokens / sums.calls),
            rounded(sums.cost_usd / manifest.seeds.len() as f64, 3),
        ]);
    }
    table
}

/// A share as a bar; full only where it is whole.
fn bar(share: f64) -> String {
    let filled = (share * BAR as f64 + 1e-9).floor().clamp(0.0, BAR as f64) as usize;
    format!("[{}{}]", "#".repeat(filled), ".".repeat(BAR - filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_full_only_where_all_was_answered() {
        let bars = [0.0, 0.099, 0.7, 0.999, 1.0].map(bar);
        let wanted =
            ["[..........]", "[..........]", "[#######...]", "[#########.]", "[##########]"];
        assert_eq!(bars, wanted);
    }
}
