//! The summary that a person reads: on the console, and as Markdown beside the charts.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use crate::analysis::measure::{self, MEASURES, Measure};
use crate::math;
use crate::report::CHARTS;
use crate::report::policies::Policies;
use crate::report::table::TextTable;
use crate::results::ResultsError;
use crate::results::column::Table;
use crate::results::manifest::{BlockEntry, Manifest};
use crate::results::parquet::Rows;
use crate::results::schema::Summary;

/// Measures of the main table, in order.
const MAIN: [Measure; 8] = [
    measure::EFFICIENCY,
    measure::REWARD,
    measure::AVAILABILITY,
    measure::FALLBACK_SERVED_RATE,
    measure::DECISION_REGRET,
    measure::ATTEMPTS,
    measure::COST,
    measure::LATENCY_P95,
];

#[derive(Clone, Copy)]
struct Entry {
    mean: f64,
    /// Both ends of the interval, where there is one.
    interval: Option<(f64, f64)>,
    sd: f64,
    n: f64,
    /// Difference to the first variant, and both ends of its interval where there is one.
    difference: Option<(f64, Option<(f64, f64)>)>,
}

/// Key: block, variant, level, window, measure.
struct Entries(BTreeMap<(String, String, String, String, String), Entry>);

impl Entries {
    fn read(folder: &Path) -> Result<Self, ResultsError> {
        let rows = Rows::read(folder, &Summary::DOC)?;
        let keys: Vec<Vec<String>> = ["block", "variant", "level", "window", "measure"]
            .into_iter()
            .map(|name| rows.texts(name))
            .collect::<Result<_, _>>()?;
        let names = ["mean", "n_seeds", "sd", "low", "high"];
        let values: Vec<Vec<Option<f64>>> =
            names.into_iter().map(|name| rows.numbers(name)).collect::<Result<_, _>>()?;
        let names = ["difference", "difference_low", "difference_high"];
        let differences: Vec<Vec<Option<f64>>> =
            names.into_iter().map(|name| rows.numbers(name)).collect::<Result<_, _>>()?;
        let mut entries = BTreeMap::new();
        for at in 0..keys[0].len() {
            let [Some(mean), Some(n), Some(sd)] = std::array::from_fn(|column| values[column][at])
            else {
                continue;
            };
            let interval = values[3][at].zip(values[4][at]);
            let [block, variant, level, window, measure] =
                std::array::from_fn(|column| keys[column][at].clone());
            let ends = differences[1][at].zip(differences[2][at]);
            let difference = differences[0][at].map(|mean| (mean, ends));
            entries.insert(
                (block, variant, level, window, measure),
                Entry { mean, interval, sd, n, difference },
            );
        }
        Ok(Self(entries))
    }

    fn get(
        &self,
        block: &str,
        variant: &str,
        level: &str,
        window: &str,
        measure: Measure,
    ) -> Option<Entry> {
        let key = (
            block.to_owned(),
            variant.to_owned(),
            level.to_owned(),
            window.to_owned(),
            measure.name.to_owned(),
        );
        self.0.get(&key).copied()
    }
}

/// A number with `digits` significant ones, without an exponent where that can be avoided.
fn rounded(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = math::log10(value.abs()).floor() as i32;
    let decimals = (digits as i32 - 1 - magnitude).clamp(0, 12) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A value in the measure's unit as people read it.
fn shown(value: f64, measure: Measure) -> String {
    if measure.is_proportion {
        return format!("{:.2}", 100.0 * value);
    }
    match measure.unit {
        "points" | "tasks" => format!("{value:.1}"),
        "ms" | "tokens" => format!("{value:.0}"),
        "calls" => format!("{value:.3}"),
        _ => rounded(value, 3),
    }
}

fn with_interval(entry: Option<Entry>, measure: Measure) -> String {
    match entry {
        None => "-".to_owned(),
        // Seeds that all agree say nothing of a spread: their number is all there is.
        Some(e) if measure.is_proportion && e.sd == 0.0 && e.n > 1.0 => {
            format!("{} (all {} seeds)", shown(e.mean, measure), e.n)
        }
        Some(e) => match e.interval {
            None => shown(e.mean, measure),
            Some((low, high)) => format!(
                "{} [{}, {}]",
                shown(e.mean, measure),
                shown(low, measure),
                shown(high, measure)
            ),
        },
    }
}

/// Name and unit of a column.
fn heading(measure: Measure) -> String {
    let unit = if measure.is_proportion { "%" } else { measure.unit };
    format!("{}, {unit}", measure.name)
}

/// The default reward is the efficiency on another scale and not shown beside it.
fn is_shown(measure: Measure, manifest: &Manifest) -> bool {
    measure != measure::REWARD || manifest.reward != "efficiency"
}

fn main_table(
    entries: &Entries,
    manifest: &Manifest,
    block: &BlockEntry,
    window: &str,
) -> TextTable {
    let measures: Vec<Measure> = MAIN
        .into_iter()
        .filter(|m| is_shown(*m, manifest))
        .filter(|m| {
            manifest
                .variants
                .iter()
                .any(|v| entries.get(&block.name, v, "all", window, *m).is_some())
        })
        .collect();
    let columns = measures.iter().map(|m| (heading(*m), "all", *m)).collect();
    filled(entries, manifest, block, window, columns)
}

/// A row for each variant; a column is its heading, level and measure.
fn filled(
    entries: &Entries,
    manifest: &Manifest,
    block: &BlockEntry,
    window: &str,
    columns: Vec<(String, &str, Measure)>,
) -> TextTable {
    let headings = columns.iter().map(|(heading, _, _)| heading.clone());
    let mut table = TextTable::new(std::iter::once("variant".to_owned()).chain(headings));
    for variant in &manifest.variants {
        let cells = columns.iter().map(|(_, level, measure)| {
            with_interval(entries.get(&block.name, variant, level, window, *measure), *measure)
        });
        table.push(std::iter::once(variant.clone()).chain(cells).collect());
    }
    table
}

fn level_table(
    entries: &Entries,
    manifest: &Manifest,
    block: &BlockEntry,
    window: &str,
    measure: Measure,
) -> Option<TextTable> {
    let levels: Vec<&str> = ["L1", "L2", "L3", "L4"]
        .into_iter()
        .filter(|level| {
            manifest
                .variants
                .iter()
                .any(|v| entries.get(&block.name, v, level, window, measure).is_some())
        })
        .collect();
    if levels.len() < 2 {
        return None;
    }
    let columns = levels.iter().map(|level| (format!("{level}, %"), *level, measure)).collect();
    Some(filled(entries, manifest, block, window, columns))
}

/// Fallback success over tasks that arrive while a fault lasts, by the reason of the trigger.
fn reason_table(entries: &Entries, manifest: &Manifest, block: &BlockEntry) -> Option<TextTable> {
    let measures: Vec<Measure> = std::iter::once(measure::TRIGGERED)
        .chain(measure::FALLBACK_SERVED_RATE_BY_REASON)
        .filter(|m| {
            let of = |v: &String| entries.get(&block.name, v, "all", "faults", *m);
            manifest.variants.iter().any(|v| of(v).is_some())
        })
        .collect();
    if measures.len() < 2 {
        return None;
    }
    let columns = measures
        .iter()
        .map(|m| {
            let short = m.name.trim_start_matches("fallback_served_rate_");
            (format!("{short}, %"), "all", *m)
        })
        .collect();
    Some(filled(entries, manifest, block, "faults", columns))
}

fn difference_table(
    entries: &Entries,
    manifest: &Manifest,
    block: &BlockEntry,
) -> Option<TextTable> {
    let measures = [measure::EFFICIENCY, measure::AVAILABILITY, measure::COST];
    let mut header = vec!["variant".to_owned()];
    header.extend(measures.iter().map(|m| {
        let unit = if m.is_proportion { "percentage points" } else { m.unit };
        format!("{}, {unit}", m.name)
    }));
    let mut table = TextTable::new(header);
    let signed = |value: f64, m: Measure| {
        let text = shown(value, m);
        if value > 0.0 { format!("+{text}") } else { text }
    };
    for variant in manifest.variants.iter().skip(1) {
        let mut row = vec![variant.clone()];
        row.extend(measures.iter().map(|m| {
            match entries.get(&block.name, variant, "all", "run", *m).and_then(|e| e.difference) {
                None => "-".to_owned(),
                Some((mean, None)) => signed(mean, *m),
                Some((mean, Some((low, high)))) => {
                    format!("{} [{}, {}]", signed(mean, *m), signed(low, *m), signed(high, *m))
                }
            }
        }));
        table.push(row);
    }
    (manifest.variants.len() > 1 && manifest.seeds.len() > 1).then_some(table)
}

fn seeds_text(manifest: &Manifest) -> String {
    match manifest.seeds.len() {
        1 => "one seed, so no intervals".to_owned(),
        n => format!("means over {n} seeds with 95 % intervals"),
    }
}

/// The summary for the console.
///
/// # Errors
/// If the table `summary` cannot be read.
pub fn console(folder: &Path, manifest: &Manifest) -> Result<String, ResultsError> {
    let entries = Entries::read(folder)?;
    let policies = Policies::read(folder)?;
    let mut text = String::new();
    put(&mut text, &format!("{}\n{}\n", manifest.scenario, manifest.question));
    for block in &manifest.blocks {
        let title = match manifest.blocks.len() {
            1 => String::new(),
            _ => format!("block {}: ", block.name),
        };
        put(&mut text, &format!("\n{title}{}\n\n", seeds_text(manifest)));
        put(&mut text, &main_table(&entries, manifest, block, "run").console());
        put(&mut text, &policies.console(manifest, block));
        for (window, measure, title) in level_views(block) {
            // How often the plan merely named a target is left to the written summary.
            if measure == measure::FALLBACK_SELECTION_RATE {
                continue;
            }
            if let Some(table) = level_table(&entries, manifest, block, window, measure) {
                put(&mut text, &format!("\n{title}\n\n{}", table.console()));
            }
        }
        if let Some(table) = reason_table(&entries, manifest, block) {
            put(
                &mut text,
                "\ntriggered, and fallback_served_rate by reason, tasks arriving while a fault lasts\n\n",
            );
            put(&mut text, &table.console());
        }
    }
    Ok(text)
}

/// Which measures are shown by level: over the faults where there are some.
fn level_views(block: &BlockEntry) -> Vec<(&'static str, Measure, &'static str)> {
    if block.faults.is_empty() {
        return vec![("run", measure::AVAILABILITY, "availability by level")];
    }
    vec![
        (
            "faults",
            measure::AVAILABILITY,
            "availability by level, tasks arriving while a fault lasts",
        ),
        (
            "faults",
            measure::FALLBACK_SERVED_RATE,
            "fallback_served_rate by level, tasks arriving while a fault lasts",
        ),
        (
            "faults",
            measure::FALLBACK_SELECTION_RATE,
            "fallback_selection_rate by level (fallbacks for which the plan found a target)",
        ),
    ]
}

fn put(text: &mut String, more: &str) {
    text.push_str(more);
}

/// The summary as Markdown.
pub(super) fn markdown(
    folder: &Path,
    manifest: &Manifest,
    charts: &[&str],
) -> Result<String, ResultsError> {
    let entries = Entries::read(folder)?;
    let policies = Policies::read(folder)?;
    let mut text = format!("# {}\n\n**{}**\n\n", manifest.scenario, manifest.question);
    let length = match (manifest.end_s, manifest.end_tasks) {
        (Some(s), _) => format!("{} h", rounded(s / 3600.0, 4)),
        (_, Some(n)) => format!("{n} tasks"),
        _ => String::new(),
    };
    line(
        &mut text,
        format_args!(
            "{length} from {} in {}, {}. Reward: `{}`.",
            manifest.start,
            manifest.zone,
            seeds_text(manifest),
            manifest.reward
        ),
    );
    for block in &manifest.blocks {
        if manifest.blocks.len() > 1 {
            line(&mut text, format_args!("\n## Block {}", block.name));
            if let Some(question) = &block.question {
                line(&mut text, format_args!("\n{question}"));
            }
        } else {
            line(&mut text, format_args!("\n## Results"));
        }
        faults(&mut text, block);
        put(&mut text, "\n");
        put(&mut text, &main_table(&entries, manifest, block, "run").markdown());
        put(&mut text, &policies.markdown(manifest, block));
        for (window, measure, title) in level_views(block) {
            if let Some(table) = level_table(&entries, manifest, block, window, measure) {
                line(&mut text, format_args!("\n### {title}\n"));
                put(&mut text, &table.markdown());
            }
        }
        if let Some(table) = reason_table(&entries, manifest, block) {
            line(
                &mut text,
                format_args!(
                    "\n### triggered, and fallback_served_rate by reason, tasks arriving while a fault lasts\n"
                ),
            );
            put(&mut text, &table.markdown());
        }
        if let Some(table) = difference_table(&entries, manifest, block) {
            line(
                &mut text,
                format_args!("\n### Difference to {}, paired by seed\n", manifest.variants[0]),
            );
            put(&mut text, &table.markdown());
        }
        selections(&mut text, manifest, block);
    }
    put(&mut text, "\n## Charts\n");
    for chart in charts {
        line(&mut text, format_args!("\n![{chart}]({CHARTS}/{chart}.svg)"));
    }
    meanings(&mut text, manifest);
    Ok(text)
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a string takes everything");
    text.push('\n');
}

fn faults(text: &mut String, block: &BlockEntry) {
    if block.faults.is_empty() {
        return;
    }
    put(text, "\nFaults:\n\n");
    for fault in &block.faults {
        let whom = match fault.draw {
            Some(n) => format!("{n} models, drawn by each seed"),
            None => fault.models.join(", "),
        };
        let until = match fault.to_s {
            Some(to) => format!("{} h", rounded(to / 3600.0, 4)),
            None => "the end".to_owned(),
        };
        line(
            text,
            format_args!(
                "- {} ({}) from {} h to {until}: {whom}",
                fault.name,
                fault.effect,
                rounded(fault.from_s / 3600.0, 4)
            ),
        );
    }
}

fn selections(text: &mut String, manifest: &Manifest, block: &BlockEntry) {
    for selection in manifest.selections.iter().filter(|s| s.block == block.name) {
        line(
            text,
            format_args!(
                "\n`{}` is always {} first: the highest mean reward on {} selection seeds, none of them reported here.",
                selection.variant,
                selection.model,
                selection.seeds.len()
            ),
        );
    }
}

fn meanings(text: &mut String, manifest: &Manifest) {
    put(text, "\n## What the numbers mean\n\n");
    for measure in MEASURES.into_iter().filter(|m| MAIN.contains(m) && is_shown(*m, manifest)) {
        line(text, format_args!("- `{}` ({}): {}", measure.name, measure.unit, measure.doc));
    }
    let selection = measure::FALLBACK_SELECTION_RATE;
    line(text, format_args!("- `{}` ({}): {}", selection.name, selection.unit, selection.doc));
    put(
        text,
        "\nThe unit of inference is the seed, a whole simulated world. A dash means that nothing of the kind happened. \
         Intervals are Student's t over seeds; where all seeds agree on a proportion, their number stands instead.\n",
    );
    line(text, format_args!("\nWhere the models' figures come from: {}", manifest.registry_source));
    put(
        text,
        "\nThe world's own figures (spread of the truth, noise of response times and quality, difficulty correlation, \
         share of errors, limits) are assumptions of the scenario; what it does not write has the format's defaults.\n",
    );
    let assumed: Vec<String> = manifest
        .assumed
        .iter()
        .filter(|(_, keys)| !keys.is_empty())
        .map(|(model, keys)| format!("{model} ({})", keys.join(", ")))
        .collect();
    if !assumed.is_empty() {
        line(text, format_args!("\nAssumed, not measured: {}.", assumed.join("; ")));
    }
    line(
        text,
        format_args!(
            "\nreflexarc {}, scenario SHA-256 {}, time-zone database {}.",
            manifest.reflexarc_version,
            manifest.texts.first().map_or("", |text| &text.sha256),
            manifest.time_zone_database
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_to_what_they_are_worth() {
        let texts = [0.0, 0.000_123_456, 0.12, 1.0, 1234.5, -0.05].map(|v| rounded(v, 3));
        assert_eq!(texts, ["0", "0.000123", "0.12", "1", "1234", "-0.05"]);
        assert_eq!(shown(0.991_23, measure::AVAILABILITY), "99.12");
    }
}
