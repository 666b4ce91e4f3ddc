//! The summary that a person reads: on the console, and as Markdown beside the charts.

use std::fmt::Write;

use crate::analysis::measure::{self, MEASURES, Measure};
use crate::report::CHARTS;
use crate::report::comparison::Comparison;
use crate::report::criteria::Evidence;
use crate::report::document::{Report, links};
use crate::report::entries::{Entries, heading, with_interval};
use crate::report::expectations::Verdicts;
use crate::report::number::{rounded, signed};
use crate::report::policies::Policies;
use crate::report::recorded;
use crate::report::table::TextTable;
use crate::results::manifest::{BlockEntry, Manifest};

/// Measures of the main table, in order.
pub(super) const MAIN: [Measure; 8] = [
    measure::EFFICIENCY,
    measure::REWARD,
    measure::AVAILABILITY,
    measure::FALLBACK_SERVED_RATE,
    measure::DECISION_REGRET,
    measure::ATTEMPTS,
    measure::COST,
    measure::LATENCY_P95,
];

/// The default reward is the efficiency on another scale and not shown beside it.
pub(super) fn is_shown(measure: Measure, manifest: &Manifest) -> bool {
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

pub(super) fn seeds_text(manifest: &Manifest) -> String {
    match manifest.seeds.len() {
        1 => "one seed, so no intervals".to_owned(),
        n if manifest.recorded.is_some() => format!(
            "means over {n} orderings of the same prompts, with 95 % intervals over orderings alone; those over prompts stand in {}",
            recorded::PATH
        ),
        n => format!("means over {n} seeds with 95 % intervals"),
    }
}

/// The summary for the console, its first look below the title.
pub(super) fn console(
    evidence: &Evidence<'_>,
    policies: &Policies,
    comparison: Option<&Comparison<'_>>,
    dashboard: &str,
) -> String {
    let Evidence { manifest, entries, .. } = evidence;
    let mut text = String::new();
    put(&mut text, &format!("{}\n{}\n", manifest.scenario, manifest.question));
    put(&mut text, dashboard);
    for block in &manifest.blocks {
        let title = match manifest.blocks.len() {
            1 => String::new(),
            _ => format!("block {}: ", block.name),
        };
        put(&mut text, &format!("\n{title}{}\n\n", seeds_text(manifest)));
        put(&mut text, &main_table(entries, manifest, block, "run").console());
        if let Some((sentence, _)) = comparison.and_then(|own| own.told(block)) {
            line(&mut text, format_args!("\n{sentence}"));
        }
        put(&mut text, &policies.console(manifest, block));
        for (window, measure, title) in level_views(block) {
            // How often the plan merely named a target is left to the written summary.
            if measure == measure::FALLBACK_SELECTION_RATE {
                continue;
            }
            if let Some(table) = level_table(entries, manifest, block, window, measure) {
                put(&mut text, &format!("\n{title}\n\n{}", table.console()));
            }
        }
        if let Some(table) = reason_table(entries, manifest, block) {
            put(
                &mut text,
                "\ntriggered, and fallback_served_rate by reason, tasks arriving while a fault lasts\n\n",
            );
            put(&mut text, &table.console());
        }
    }
    text
}

/// Which measures are shown by level: over the faults where there are some.
fn level_views(block: &BlockEntry) -> Vec<(&'static str, Measure, &'static str)> {
    if block.faults.is_empty() && block.random_faults.is_empty() {
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
    evidence: &Evidence<'_>,
    policies: &Policies,
    comparison: Option<&Comparison<'_>>,
    charts: &[&str],
    reports: &[Report],
    verdicts: &Verdicts<'_>,
) -> String {
    let Evidence { manifest, entries, .. } = evidence;
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
    put(&mut text, &verdicts.markdown());
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
        random_faults(&mut text, block);
        put(&mut text, "\n");
        if let Some((sentence, _)) = comparison.and_then(|own| own.told(block)) {
            line(&mut text, format_args!("**{sentence}**\n"));
        }
        put(&mut text, &main_table(entries, manifest, block, "run").markdown());
        put(&mut text, &policies.markdown(manifest, block));
        for (window, measure, title) in level_views(block) {
            if let Some(table) = level_table(entries, manifest, block, window, measure) {
                line(&mut text, format_args!("\n### {title}\n"));
                put(&mut text, &table.markdown());
            }
        }
        if let Some(table) = reason_table(entries, manifest, block) {
            line(
                &mut text,
                format_args!(
                    "\n### triggered, and fallback_served_rate by reason, tasks arriving while a fault lasts\n"
                ),
            );
            put(&mut text, &table.markdown());
        }
        if let Some(table) = difference_table(entries, manifest, block) {
            line(
                &mut text,
                format_args!("\n### Difference to {}, paired by seed\n", manifest.variants[0]),
            );
            put(&mut text, &table.markdown());
        }
        selections(&mut text, manifest, block);
    }
    if !reports.is_empty() {
        put(&mut text, &format!("\n## Reports\n\n{}", links(reports)));
    }
    put(&mut text, "\n## Charts\n");
    for chart in charts {
        line(&mut text, format_args!("\n![{chart}]({CHARTS}/{chart}.svg)"));
    }
    meanings(&mut text, manifest);
    text
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a string takes everything");
    text.push('\n');
}

fn faults(text: &mut String, block: &BlockEntry) {
    if !block.faults.is_empty() {
        put(text, "\nFaults:\n\n");
    }
    for fault in &block.faults {
        let whom = match (fault.draw, fault.every_choice_of) {
            (_, Some(n)) => format!("every choice of {n} models"),
            (Some(n), None) => format!("{n} models, drawn by each seed"),
            (None, None) => fault.models.join(", "),
        };
        let until = match fault.to_s {
            Some(to) => span(to),
            None => "the end".to_owned(),
        };
        line(
            text,
            format_args!(
                "- {} ({}) from {} to {until}: {whom}",
                fault.name,
                fault.effect,
                span(fault.from_s)
            ),
        );
    }
}

fn random_faults(text: &mut String, block: &BlockEntry) {
    if block.random_faults.is_empty() {
        return;
    }
    let times = match block.random_faults.iter().all(|fault| fault.laws.is_none()) {
        true => "exponential times",
        false => "exponential times, unless other laws are named",
    };
    put(
        text,
        &format!(
            "\nFaults that each seed draws, the same for all variants ({times}; the table `faults` has what was drawn):\n\n"
        ),
    );
    for fault in &block.random_faults {
        let whom = match fault.sets.as_slice() {
            [one] => one.join(", "),
            all if all.iter().all(|set| set.len() == 1) => "each model on its own".to_owned(),
            all => {
                let larger = all.iter().filter(|set| set.len() > 1);
                let larger: Vec<String> = larger.map(|set| set.join(" with ")).collect();
                format!("each provider on its own ({})", larger.join(", "))
            }
        };
        let (between, lasts) = (fault.mean_time_between_s, fault.mean_duration_s);
        let within = match (fault.from_s, fault.to_s) {
            (0.0, None) => String::new(),
            (from, None) => format!(", from {} on", span(from)),
            (from, Some(to)) => format!(", from {} to {}", span(from), span(to)),
        };
        let apart = match fault.from_starts {
            true => format!("one starts every {}", span(between)),
            false => {
                let share = rounded(100.0 * lasts / (lasts + between), 2);
                format!("{} apart, {share} % of the time", span(between))
            }
        };
        let joint = if fault.from_starts { "," } else { " and" };
        let laws = match &fault.laws {
            Some([between, lasts]) => format!(" (between: {between}; duration: {lasts})"),
            None => String::new(),
        };
        line(
            text,
            format_args!(
                "- {} ({}): {whom}; on average {} long{joint} {apart}{laws}{within}",
                fault.name,
                fault.effect,
                span(lasts),
            ),
        );
    }
}

/// A span of seconds in the largest unit of which it has one.
fn span(seconds: f64) -> String {
    let (unit, length) = [("h", 3600.0), ("min", 60.0)]
        .into_iter()
        .find(|(_, length)| seconds >= *length)
        .unwrap_or(("s", 1.0));
    format!("{} {unit}", rounded(seconds / length, 4))
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
