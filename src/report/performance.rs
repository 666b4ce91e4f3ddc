//! The performance metrics: service, latency, tokens, cost, fallbacks, health and models of every stack.

use std::collections::BTreeMap;
use std::path::Path;

use crate::analysis::interval::mean_over_seeds;
use crate::analysis::measure::{self, Measure};
use crate::domain::{AnomalyKind, PerformanceClass};
use crate::report::CHARTS;
use crate::report::criteria::Evidence;
use crate::report::document::{Document, Report};
use crate::report::entries::{Entries, with_interval};
use crate::report::frame::{Frame, RunKey};
use crate::report::number::{count, estimated, or_dash, percent, rounded, shown, usd};
use crate::report::table::TextTable;
use crate::results::ResultsError;
use crate::results::column::Table;
use crate::results::folder::REPORTS;
use crate::results::manifest::{BlockEntry, Manifest};
use crate::results::schema::{Anomalies, ModelCurves};

const DAY_S: f64 = 86_400.0;
const LEVELS: [&str; 4] = ["L1", "L2", "L3", "L4"];

/// What the document is made from.
struct Tables<'a> {
    manifest: &'a Manifest,
    entries: &'a Entries,
    monitor: &'a Frame,
    anomalies: Frame,
    models: Frame,
}

/// One block.
struct View<'a> {
    tables: &'a Tables<'a>,
    block: &'a BlockEntry,
}

/// The document.
pub(super) fn report(
    folder: &Path,
    evidence: &Evidence<'_>,
    charts: &[&str],
) -> Result<Report, ResultsError> {
    let manifest = evidence.manifest;
    let of_model = [
        "model",
        "calls",
        "served_l1",
        "served_l2",
        "served_l3",
        "served_l4",
        "tokens",
        "cost_usd",
    ];
    let tables = Tables {
        manifest,
        entries: &evidence.entries,
        monitor: &evidence.monitor,
        anomalies: Frame::read(folder, &Anomalies::DOC, &["kind"])?,
        models: Frame::read(folder, &ModelCurves::DOC, &of_model)?,
    };
    let mut document = Document::new(&format!("Neural performance metrics: {}", manifest.scenario));
    document.paragraph(&match manifest.seeds.len() {
        1 => format!("Seed {} alone, so no intervals.", manifest.seeds[0]),
        n => format!("Means over {n} seeds with 95 % intervals over seeds."),
    });
    for block in &manifest.blocks {
        View { tables: &tables, block }.write(&mut document);
    }
    document.section("Charts");
    document.list(charts.iter().map(|chart| format!("[{chart}](../{CHARTS}/{chart}.svg)")));
    words(&mut document);
    Ok(Report {
        group: "Performance metrics".to_owned(),
        path: format!("{REPORTS}/{}-Neural-Performance-Metrics.md", evidence.last_day()),
        text: document.finish(),
    })
}

impl View<'_> {
    fn write(&self, document: &mut Document) {
        let manifest = self.tables.manifest;
        document.block(manifest, self.block);
        document.section_of_block(manifest, "In short");
        document.list(self.in_short());
        document.section_of_block(manifest, "Service by level");
        self.service(document);
        document.section_of_block(manifest, "Latency by level");
        document.paragraph("p50 / p95 / p99 of the time from arrival to the task's end, answered or not, ms; means over seeds.");
        let latency = [measure::LATENCY_P50, measure::LATENCY_P95, measure::LATENCY_P99];
        document.table(&self.joined(&latency));
        document.section_of_block(manifest, "Tokens and cost by level");
        document.paragraph("Billed tokens per task; means over seeds with their interval.");
        document.table(&self.by_level(measure::TOKENS));
        document.paragraph(
            "Billed cost per task / of it for calls whose answer was not used, USD; means over seeds.",
        );
        document.table(&self.joined(&[measure::COST, measure::WASTED_COST]));
        document.section_of_block(manifest, "Fallbacks");
        self.fallbacks(document);
        document.section_of_block(manifest, "Health as the monitor saw it");
        self.health(document);
        document.section_of_block(manifest, "Models");
        self.models(document);
    }

    fn cell(&self, variant: &str, level: &str, measure: Measure) -> Option<f64> {
        let entry = self.tables.entries.get(&self.block.name, variant, level, "run", measure);
        entry.map(|entry| entry.mean)
    }

    fn interval(&self, variant: &str, level: &str, measure: Measure) -> String {
        let entry = self.tables.entries.get(&self.block.name, variant, level, "run", measure);
        with_interval(entry, measure)
    }

    /// What to know first.
    fn in_short(&self) -> Vec<String> {
        let mut lines = vec![
            self.overview(measure::AVAILABILITY, "tasks answered in time", " %", false),
            self.overview(measure::EFFICIENCY, "efficiency", " points", false),
            self.overview(measure::LATENCY_P95, "p95 latency", " ms", true),
            self.overview(measure::COST, "cost per task", " USD", true),
        ];
        lines.extend(self.waste());
        lines.extend(self.paid_for_failing());
        lines
    }

    /// A measure of the first variant, its worst level, and its range over all variants.
    fn overview(&self, measure: Measure, what: &str, unit: &str, less_is_better: bool) -> String {
        let variants = &self.tables.manifest.variants;
        let first = &variants[0];
        let show = |value| format!("{}{unit}", shown(value, measure));
        let mut text =
            format!("`{first}`: {what} {}", or_dash(self.cell(first, "all", measure), show));
        let sort = |values: &mut Vec<(&str, f64)>| {
            values.sort_by(|(_, a), (_, b)| a.total_cmp(b));
            if less_is_better {
                values.reverse();
            }
        };
        let mut levels: Vec<(&str, f64)> = LEVELS
            .into_iter()
            .filter_map(|level| Some((level, self.cell(first, level, measure)?)))
            .collect();
        sort(&mut levels);
        if levels.len() > 1 {
            text.push_str(&format!(", worst at {} ({})", levels[0].0, show(levels[0].1)));
        }
        let mut all: Vec<(&str, f64)> = variants
            .iter()
            .filter_map(|v| Some((v.as_str(), self.cell(v, "all", measure)?)))
            .collect();
        sort(&mut all);
        if let [worst, .., best] = all.as_slice()
            && show(worst.1) != show(best.1)
        {
            text.push_str(&format!(
                "; the variants from {} (`{}`) to {} (`{}`)",
                show(worst.1),
                worst.0,
                show(best.1),
                best.0
            ));
        }
        text + "."
    }

    /// What was paid for nothing.
    fn waste(&self) -> Option<String> {
        let first = &self.tables.manifest.variants[0];
        let [cost, wasted] =
            [measure::COST, measure::WASTED_COST].map(|m| self.cell(first, "all", m));
        let share = wasted? / cost.filter(|cost| *cost > 0.0)?;
        Some(format!(
            "`{first}`: {} of the cost is for calls whose answer was not used.",
            percent(share, 1)
        ))
    }

    /// Where the plan's efficiency pays most for unserved work.
    fn paid_for_failing(&self) -> Option<String> {
        let above = |variant: &String| {
            let [own, plans] = [measure::EFFICIENCY, measure::STAGE4_EFFICIENCY]
                .map(|m| self.cell(variant, "all", m));
            Some((variant.clone(), plans? - own?))
        };
        let all = self.tables.manifest.variants.iter().filter_map(above);
        let (variant, most) = all.reduce(|a, b| if b.1 > a.1 { b } else { a })?;
        (most >= 0.05).then(|| {
            format!(
                "The plan's own efficiency is up to {} points higher (`{variant}`): that is paid for work that was not served.",
                shown(most, measure::STAGE4_EFFICIENCY)
            )
        })
    }

    /// All levels together and each that has tasks.
    fn levels(&self) -> Vec<&'static str> {
        let has = |level: &&str| {
            let mut variants = self.tables.manifest.variants.iter();
            variants.any(|v| self.cell(v, level, measure::TASKS).is_some_and(|n| n > 0.0))
        };
        let levels: Vec<&str> = LEVELS.into_iter().filter(has).collect();
        let levels = if levels.len() > 1 { levels } else { Vec::new() };
        std::iter::once("all").chain(levels).collect()
    }

    fn table_of(&self, cell: impl Fn(&str, &str) -> String) -> TextTable {
        let levels = self.levels();
        let mut table = TextTable::new(std::iter::once("variant").chain(levels.iter().copied()));
        for variant in &self.tables.manifest.variants {
            let cells = levels.iter().map(|level| cell(variant, level));
            table.push(std::iter::once(variant.clone()).chain(cells).collect());
        }
        table
    }

    fn by_level(&self, measure: Measure) -> TextTable {
        self.table_of(|variant, level| self.interval(variant, level, measure))
    }

    /// Means of several measures in one cell.
    fn joined(&self, measures: &[Measure]) -> TextTable {
        self.table_of(|variant, level| {
            let cells =
                measures.iter().map(|m| or_dash(self.cell(variant, level, *m), |v| shown(v, *m)));
            cells.collect::<Vec<_>>().join(" / ")
        })
    }

    fn service(&self, document: &mut Document) {
        document.paragraph("`availability`, % of tasks answered within their deadline:");
        document.table(&self.by_level(measure::AVAILABILITY));
        document.paragraph("`efficiency`, points of 100 (0 for what was not answered):");
        document.table(&self.by_level(measure::EFFICIENCY));
        document.paragraph(
            "`stage4_efficiency`, points of 100: the plan's formula, beside the headline and never instead of it. It pays for failing fast: an instant refusal without tokens scores 60, more than many a good answer, so it rises where a stack gives up quickly.",
        );
        document.table(&self.by_level(measure::STAGE4_EFFICIENCY));
    }

    fn fallbacks(&self, document: &mut Document) {
        let has = |m: Measure| {
            let mut variants = self.tables.manifest.variants.iter();
            variants.any(|v| self.cell(v, "all", m).is_some())
        };
        if !has(measure::FALLBACK_SERVED_RATE) {
            document.paragraph("Not exercised: no task's chosen model was skipped or failed.");
            return;
        }
        document.paragraph("Tasks triggered / of them answered in time by another model (`fallback_served_rate`) / fallbacks that found a target (`fallback_selection_rate`, the plan's own), %; means over seeds.");
        let rates =
            [measure::TRIGGERED, measure::FALLBACK_SERVED_RATE, measure::FALLBACK_SELECTION_RATE];
        document.table(&self.joined(&rates));
        self.recovery(document);
        if !self.block.faults.is_empty() {
            document.paragraph("These are over the whole run; over the tasks that arrive while a fault lasts see the summary.");
        }
    }

    /// How long a task waits for its next call.
    fn recovery(&self, document: &mut Document) {
        let measures = [measure::RECOVERY_P50, measure::RECOVERY_P99];
        let levels = self.levels();
        let waits: Vec<f64> = self
            .tables
            .manifest
            .variants
            .iter()
            .flat_map(|v| levels.iter().map(move |level| (v, level)))
            .flat_map(|(v, level)| measures.map(|m| self.cell(v, level, m)))
            .flatten()
            .collect();
        if waits.is_empty() {
            document.paragraph("No failed call was followed by another.");
        } else if waits.iter().all(|ms| *ms == 0.0) {
            document.paragraph("Recovery: where a failed call was followed by another, it was sent at once (0 ms).");
        } else {
            document.paragraph("Recovery: time from a failed call's end to the task's next call, p50 / p99, ms; means over seeds, a dash where there was none.");
            document.table(&self.joined(&measures));
        }
    }

    fn health(&self, document: &mut Document) {
        let manifest = self.tables.manifest;
        let first = &manifest.variants[0];
        let classes = PerformanceClass::ALL.map(PerformanceClass::name);
        let mut table = TextTable::new(
            ["level", "days"]
                .into_iter()
                .map(str::to_owned)
                .chain(classes.iter().map(|class| format!("{class}, % of days"))),
        );
        for level in LEVELS {
            let mut days = BTreeMap::new();
            let mut n = 0;
            for run in RunKey::of_seeds(manifest, &self.block.name, first) {
                let rows = self.tables.monitor.rows(&run);
                for row in rows.filter(|r| r.text("level") == level && r.value("calls") > 0.0) {
                    *days.entry(row.text("class")).or_insert(0) += 1;
                    n += 1;
                }
            }
            if n == 0 {
                continue;
            }
            let share = |class: &&str| f64::from(*days.get(class).unwrap_or(&0)) / f64::from(n);
            let shares = classes.iter().map(|class| format!("{:.1}", 100.0 * share(class)));
            table.push([level.to_owned(), count(f64::from(n))].into_iter().chain(shares).collect());
        }
        document.paragraph(&format!(
            "Classes of `{first}`, level by level: days with calls over all seeds, by the router's view."
        ));
        document.table(&table);
        self.anomalies(document);
    }

    fn anomalies(&self, document: &mut Document) {
        let manifest = self.tables.manifest;
        let days = manifest.end_s.map(|end_s| end_s / DAY_S).filter(|days| *days >= 1.0);
        let kinds = AnomalyKind::ALL.map(AnomalyKind::name);
        let mut table = TextTable::new(std::iter::once("variant").chain(kinds.iter().copied()));
        let mut any = false;
        for variant in &manifest.variants {
            let mut row = vec![variant.clone()];
            for kind in kinds {
                let counts: Vec<f64> = RunKey::of_seeds(manifest, &self.block.name, variant)
                    .map(|run| {
                        let rows = self.tables.anomalies.rows(&run);
                        rows.filter(|row| row.text("kind") == kind).count() as f64
                            / days.unwrap_or(1.0)
                    })
                    .collect();
                any |= counts.iter().any(|n| *n > 0.0);
                let mean = mean_over_seeds(&counts, false);
                row.push(mean.map_or_else(
                    || "-".to_owned(),
                    |mut e| {
                        e.low = e.low.max(0.0);
                        estimated(&e, |v| rounded(v, 3))
                    },
                ));
            }
            table.push(row);
        }
        let per = if days.is_some() { "simulated day" } else { "run, which is shorter than a day" };
        if any {
            document.paragraph(&format!("Anomalies per {per}, means over seeds:"));
            document.table(&table);
        } else {
            document.paragraph("The monitor saw no anomaly.");
        }
    }

    fn models(&self, document: &mut Document) {
        let manifest = self.tables.manifest;
        let first = &manifest.variants[0];
        let n = manifest.seeds.len() as f64;
        let sums = self.sums(first);
        let all: f64 = sums.iter().map(|s| s.calls).sum();
        let mut table = TextTable::new([
            "model",
            "calls per run",
            "share of calls, %",
            "answered, % of calls",
            "tokens per run",
            "cost per run, USD",
            "USD per answer",
        ]);
        for (model, s) in manifest.models.iter().zip(&sums) {
            let answered = (s.calls > 0.0).then(|| s.served / s.calls);
            let per_answer = (s.served > 0.0).then(|| s.cost_usd / s.served);
            table.push(vec![
                model.clone(),
                count(s.calls / n),
                or_dash((all > 0.0).then(|| s.calls / all), |v| format!("{:.1}", 100.0 * v)),
                or_dash(answered, |v| format!("{:.1}", 100.0 * v)),
                count(s.tokens / n),
                rounded(s.cost_usd / n, 3),
                or_dash(per_answer, |v| rounded(v, 3)),
            ]);
        }
        document.paragraph(&format!(
            "`{first}`, all seeds together; per run is their mean. Calls of tasks by the task's arrival, retries and fallbacks included."
        ));
        document.table(&table);
        let cost: f64 = sums.iter().map(|s| s.cost_usd).sum();
        document.paragraph(&format!(
            "In all {} calls and {} per run.",
            count(all / n),
            usd(cost / n)
        ));
        if manifest.variants.len() > 1 {
            self.shares(document);
        }
    }

    /// Share of calls of every model, by variant.
    fn shares(&self, document: &mut Document) {
        let manifest = self.tables.manifest;
        let used: Vec<Vec<f64>> = manifest
            .variants
            .iter()
            .map(|variant| {
                let sums = self.sums(variant);
                let all: f64 = sums.iter().map(|s| s.calls).sum();
                sums.iter().map(|s| if all > 0.0 { s.calls / all } else { 0.0 }).collect()
            })
            .collect();
        let header = std::iter::once("variant".to_owned()).chain(manifest.models.iter().cloned());
        let mut table = TextTable::new(header);
        for (variant, shares) in manifest.variants.iter().zip(&used) {
            let cells = shares.iter().map(|share| format!("{:.1}", 100.0 * share));
            table.push(std::iter::once(variant.clone()).chain(cells).collect());
        }
        document.paragraph("Share of calls of every variant, %, all seeds together:");
        document.table(&table);
    }

    /// Sums over all seeds, by model.
    fn sums(&self, variant: &str) -> Vec<Sums> {
        let models = &self.tables.manifest.models;
        let place: BTreeMap<&str, usize> =
            models.iter().enumerate().map(|(at, model)| (model.as_str(), at)).collect();
        let mut sums = vec![Sums::default(); models.len()];
        for run in RunKey::of_seeds(self.tables.manifest, &self.block.name, variant) {
            for row in self.tables.models.rows(&run) {
                let Some(sum) = place.get(row.text("model")).map(|at| &mut sums[*at]) else {
                    continue;
                };
                sum.calls += row.value("calls");
                sum.served += ["served_l1", "served_l2", "served_l3", "served_l4"]
                    .map(|column| row.value(column))
                    .iter()
                    .sum::<f64>();
                sum.tokens += row.value("tokens");
                sum.cost_usd += row.value("cost_usd");
            }
        }
        sums
    }
}

/// What was asked of a model.
#[derive(Clone, Copy, Default)]
struct Sums {
    calls: f64,
    served: f64,
    tokens: f64,
    cost_usd: f64,
}

fn words(document: &mut Document) {
    document.section("How to read this");
    let measures = [
        measure::AVAILABILITY,
        measure::EFFICIENCY,
        measure::STAGE4_EFFICIENCY,
        measure::TRIGGERED,
        measure::FALLBACK_SERVED_RATE,
        measure::FALLBACK_SELECTION_RATE,
    ];
    document.list(measures.iter().map(|m| format!("`{}`: {}", m.name, m.doc)).chain([
        "Levels are those of a task's first step; in the monitor, those of the call. Tasks of the warm-up are left out, but not from the monitor and its anomalies.".to_owned(),
        "Monitor classes go by the success rate of a level's calls on one local day, by the day on which the call ended: excellent above 95 %, good above 85 %, normal above 70 %, poor above 50 %, else critical.".to_owned(),
        "Anomalies, by the plan's bounds: a response slower than 5,000 ms, more than 1,000 tokens in a call, a level's success rate below 80 % among the last 1,000 calls (told once when it sets in).".to_owned(),
    ]));
}
