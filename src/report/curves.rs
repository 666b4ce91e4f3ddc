//! The five charts of a block, from the tables `curves` and `model_curves`.

use std::collections::BTreeMap;
use std::path::Path;

use crate::analysis::interval::{binomial_interval, mean_over_seeds};
use crate::report::ReportError;
use crate::report::belief_chart::Shown;
use crate::report::beliefs::Beliefs;
use crate::report::charts::{
    Axis, Bar, BarChart, ChartError, Line, LineChart, Model, Panel, Point, Rendered,
    SmallMultiples, Window,
};
use crate::report::learned::learner;
use crate::report::subject::Subject;
use crate::results::ResultsError;
use crate::results::column::Table;
use crate::results::manifest::{BlockEntry, Manifest};
use crate::results::parquet::Rows;
use crate::results::schema::{Curves, Faults, ModelCurves};

/// Availability that a service is commonly held to, in percent.
const GOAL: f64 = 99.0;

/// Draws all charts of a result: file stem and pictures.
pub(super) fn draw(
    folder: &Path,
    manifest: &Manifest,
    subjects: &[Subject<'_>],
    beliefs: &Beliefs,
) -> Result<Vec<(String, Rendered)>, ReportError> {
    let curves = CurveTable::read(folder)?;
    let models = ModelTable::read(folder)?;
    let met = Met::read(folder, manifest)?;
    let mut charts = Vec::new();
    let stems = file_stems(manifest);
    for (block, prefix) in manifest.blocks.iter().zip(&stems) {
        let mut add = |stem: &str, rendered: Result<Rendered, ChartError>| {
            let chart = format!("{prefix}{stem}");
            match rendered {
                Ok(rendered) => {
                    charts.push((chart, rendered));
                    Ok(())
                }
                Err(error) => Err(ReportError::Chart { chart, cause: error.to_string() }),
            }
        };
        let view = View { manifest, block, curves: &curves, models: &models, met: &met };
        add("learning-curve", view.learning_curve().render())?;
        if manifest.regret {
            add("decision-regret", view.decision_regret().render())?;
        }
        add("availability", view.availability().render())?;
        if let Some(chart) = view.token_use() {
            add("token-use", chart.render())?;
        }
        add("model-share", view.model_share().render())?;
        let subject = subjects.iter().find(|subject| subject.block.name == block.name);
        if let Some(chart) = subject.and_then(|subject| view.beliefs(beliefs, subject)) {
            add("beliefs", chart.render())?;
        }
    }
    Ok(charts)
}

/// What each block's chart files begin with: its name as letters that any file system takes, numbered where two
/// names come out alike; nothing where there is one block.
fn file_stems(manifest: &Manifest) -> Vec<String> {
    let plain = |name: &str| -> String {
        name.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect()
    };
    let all: Vec<String> = manifest.blocks.iter().map(|block| plain(&block.name)).collect();
    match all.len() {
        1 => vec![String::new()],
        _ => all
            .iter()
            .enumerate()
            .map(|(at, stem)| match all.iter().filter(|other| *other == stem).count() {
                1 => format!("{stem}-"),
                _ => format!("{stem}-{}-", at + 1),
            })
            .collect(),
    }
}

/// A fault of a study of one seed, which has met all of them at known times.
struct Met {
    block: String,
    model: String,
    name: String,
    from_s: f64,
    to_s: Option<f64>,
}

impl Met {
    /// All faults of a study of one seed; none of one of more seeds.
    fn read(folder: &Path, manifest: &Manifest) -> Result<Vec<Self>, ResultsError> {
        if manifest.seeds.len() != 1 {
            return Ok(Vec::new());
        }
        let rows = Rows::read(folder, &Faults::DOC)?;
        let (blocks, models) = (rows.texts("block")?, rows.texts("model")?);
        let (from, to) = (rows.numbers("from_s")?, rows.numbers("to_s")?);
        let texts = rows.texts("fault")?.into_iter().zip(blocks.into_iter().zip(models));
        let all =
            texts.zip(from.into_iter().zip(to)).map(|((name, (block, model)), (from, to))| {
                let from_s = from.unwrap_or(0.0);
                Self { block, model, name, from_s, to_s: to }
            });
        Ok(all.collect())
    }
}

/// Key of a series: block, variant, bin. Values are kept by seed, in the order of the table.
type ByBin = BTreeMap<(String, String, u64), Vec<Option<f64>>>;

struct CurveTable {
    efficiency: ByBin,
    regret: ByBin,
    available: ByBin,
    /// Tasks answered in time, and all tasks, over all seeds.
    counts: BTreeMap<(String, String, u64), (f64, f64)>,
    /// Both edges of each bin: seconds or tasks.
    edges: BTreeMap<u64, (f64, f64)>,
}

impl CurveTable {
    fn read(folder: &Path) -> Result<Self, ResultsError> {
        let rows = Rows::read(folder, &Curves::DOC)?;
        let (block, variant) = (rows.texts("block")?, rows.texts("variant")?);
        let (level, bin) = (rows.texts("level")?, rows.numbers("bin")?);
        let edges: Vec<Vec<Option<f64>>> = ["from_s", "to_s", "from_task", "to_task"]
            .into_iter()
            .map(|name| rows.numbers(name))
            .collect::<Result<_, _>>()?;
        let (tasks, in_time) = (rows.numbers("tasks")?, rows.numbers("in_time")?);
        let efficiency = rows.numbers("efficiency")?;
        let regret = rows.numbers("cumulative_decision_regret")?;
        let mut table = Self {
            efficiency: ByBin::new(),
            regret: ByBin::new(),
            available: ByBin::new(),
            counts: BTreeMap::new(),
            edges: BTreeMap::new(),
        };
        for at in (0..block.len()).filter(|at| level[*at] == "all") {
            let bin = bin[at].unwrap_or(0.0) as u64;
            let key = (block[at].clone(), variant[at].clone(), bin);
            let from = edges[0][at].or(edges[2][at]).unwrap_or(0.0);
            let to = edges[1][at].or(edges[3][at]).unwrap_or(0.0);
            table.edges.insert(bin, (from, to));
            let counts = table.counts.entry(key.clone()).or_default();
            counts.0 += in_time[at].unwrap_or(0.0);
            counts.1 += tasks[at].unwrap_or(0.0);
            let share = match (in_time[at], tasks[at]) {
                (Some(in_time), Some(tasks)) if tasks > 0.0 => Some(in_time / tasks),
                _ => None,
            };
            table.available.entry(key.clone()).or_default().push(share);
            table.efficiency.entry(key.clone()).or_default().push(efficiency[at]);
            table.regret.entry(key).or_default().push(regret[at]);
        }
        Ok(table)
    }
}

#[derive(Default)]
struct ModelSums {
    used_share: Vec<Option<f64>>,
    calls: f64,
}

/// Key: block, variant, model, bin.
struct ModelTable(BTreeMap<(String, String, String, u64), ModelSums>);

impl ModelTable {
    fn read(folder: &Path) -> Result<Self, ResultsError> {
        let rows = Rows::read(folder, &ModelCurves::DOC)?;
        let (block, variant) = (rows.texts("block")?, rows.texts("variant")?);
        let (model, bin) = (rows.texts("model")?, rows.numbers("bin")?);
        let used = rows.numbers("quota_used_tokens")?;
        let limit = rows.numbers("quota_limit_tokens")?;
        let calls = rows.numbers("calls")?;
        let mut sums: BTreeMap<_, ModelSums> = BTreeMap::new();
        for at in 0..block.len() {
            let bin = bin[at].unwrap_or(0.0) as u64;
            let key = (block[at].clone(), variant[at].clone(), model[at].clone(), bin);
            let entry = sums.entry(key).or_default();
            entry.used_share.push(match (used[at], limit[at]) {
                (Some(used), Some(limit)) if limit > 0.0 => Some(used / limit),
                _ => None,
            });
            entry.calls += calls[at].unwrap_or(0.0);
        }
        Ok(Self(sums))
    }
}

/// One block's charts.
struct View<'a> {
    manifest: &'a Manifest,
    block: &'a BlockEntry,
    curves: &'a CurveTable,
    models: &'a ModelTable,
    met: &'a [Met],
}

impl View<'_> {
    fn by_time(&self) -> bool {
        self.manifest.end_s.is_some()
    }

    fn progress(&self) -> Axis {
        if self.by_time() { Axis::hours() } else { Axis::tasks() }
    }

    /// Place of a bin on the axis: hours or tasks; its middle, or its end for sums.
    fn place(&self, bin: u64, at_end: bool) -> f64 {
        let (from, to) = self.curves.edges.get(&bin).copied().unwrap_or_default();
        let place = if at_end { to } else { 0.5 * (from + to) };
        if self.by_time() { place / 3600.0 } else { place }
    }

    fn subtitle(&self, what: &str) -> String {
        let n = self.manifest.seeds.len();
        let seeds = match n {
            1 => "one seed".to_owned(),
            n => format!("mean over {n} seeds, {what}"),
        };
        match self.manifest.blocks.len() {
            1 => format!("{}: {seeds}", self.manifest.scenario),
            _ => format!("{}, block {}: {seeds}", self.manifest.scenario, self.block.name),
        }
    }

    /// When faults last, in hours: those that all seeds share, or those that the only seed met, of one model if asked.
    fn windows(&self, model: Option<&str>) -> Vec<Window> {
        let Some(end) = self.manifest.end_s else { return Vec::new() };
        let shared = self.block.faults.iter().filter(|_| self.manifest.seeds.len() > 1);
        let shared = shared.map(|fault| (&fault.name, fault.from_s, fault.to_s));
        let met = self.met.iter().filter(|met| met.block == self.block.name);
        let met = met.filter(|met| model.is_none_or(|model| met.model == model));
        let mut windows: Vec<Window> = Vec::new();
        for (name, from, to) in shared.chain(met.map(|met| (&met.name, met.from_s, met.to_s))) {
            let (from, to) = (from / 3600.0, to.unwrap_or(end).min(end) / 3600.0);
            let same = |w: &Window| (w.from - from).abs() < 1e-9 && w.label == *name;
            if from < to && !windows.iter().any(same) {
                windows.push(Window { label: name.clone(), from, to });
            }
        }
        windows
    }

    /// One line per variant: mean over seeds with its interval, times `scale`.
    fn lines(&self, of: &ByBin, scale: f64, is_proportion: bool, at_end: bool) -> Vec<Line> {
        let n_bins = self.curves.edges.len() as u64;
        self.manifest
            .variants
            .iter()
            .enumerate()
            .map(|(colour, variant)| {
                let points = (0..n_bins)
                    .filter_map(|bin| {
                        let key = (self.block.name.clone(), variant.clone(), bin);
                        let values: Vec<f64> = of.get(&key)?.iter().copied().flatten().collect();
                        let estimate = mean_over_seeds(&values, is_proportion)?;
                        Some(Point {
                            x: self.place(bin, at_end),
                            y: estimate.mean * scale,
                            low: estimate.low * scale,
                            high: estimate.high * scale,
                        })
                    })
                    .collect();
                Line { name: variant.clone(), colour, points }
            })
            .collect()
    }

    fn learning_curve(&self) -> LineChart {
        let lines = self.lines(&self.curves.efficiency, 1.0, false, false);
        let subtitle = self.subtitle("band = 95 % interval (t)");
        let mut chart = LineChart::learning_curve(&subtitle, self.progress(), lines);
        chart.windows = self.windows(None);
        chart
    }

    fn decision_regret(&self) -> LineChart {
        let lines = self.lines(&self.curves.regret, 1.0, false, true);
        let subtitle = self.subtitle("band = 95 % interval (t)");
        let mut chart = LineChart::decision_regret(&subtitle, self.progress(), lines);
        chart.windows = self.windows(None);
        chart
    }

    fn availability(&self) -> LineChart {
        let mut lines = self.lines(&self.curves.available, 100.0, true, false);
        for line in &mut lines {
            let bins = (0..self.curves.edges.len() as u64).filter_map(|bin| {
                let key = (self.block.name.clone(), line.name.clone(), bin);
                self.curves.counts.get(&key).filter(|(_, tasks)| *tasks > 0.0)
            });
            // Where all seeds agree, they say nothing of their spread: the tasks of all seeds together bound it.
            for (point, (in_time, tasks)) in line.points.iter_mut().zip(bins) {
                if *in_time == *tasks || *in_time == 0.0 {
                    let (low, high) = binomial_interval(*in_time as u64, *tasks as u64);
                    (point.low, point.high) = (100.0 * low, 100.0 * high);
                }
            }
        }
        let subtitle = self.subtitle("band = 95 % interval (t; binomial where all seeds agree)");
        let mut chart = LineChart::availability(&subtitle, lines, self.windows(None), GOAL);
        chart.x_axis = self.progress();
        chart
    }

    /// Panels of the models that have a quota; `None` if there is none.
    fn token_use(&self) -> Option<SmallMultiples> {
        let n_bins = self.curves.edges.len() as u64;
        let mut panels = Vec::new();
        for model in &self.manifest.models {
            let mut lines = Vec::new();
            for (colour, variant) in self.manifest.variants.iter().enumerate() {
                let points: Vec<Point> = (0..n_bins)
                    .filter_map(|bin| {
                        let key = (self.block.name.clone(), variant.clone(), model.clone(), bin);
                        let shares = &self.models.0.get(&key)?.used_share;
                        let values: Vec<f64> = shares.iter().copied().flatten().collect();
                        let mean = mean_over_seeds(&values, false)?.mean;
                        Some(Point::exact(self.place(bin, true), 100.0 * mean))
                    })
                    .collect();
                if !points.is_empty() {
                    lines.push(Line { name: variant.clone(), colour, points });
                }
            }
            if !lines.is_empty() {
                panels.push(Panel {
                    model: model.clone(),
                    lines,
                    windows: self.windows(Some(model)),
                });
            }
        }
        if panels.is_empty() {
            return None;
        }
        let mut chart = SmallMultiples::quota_use(&self.subtitle("as the provider counts"), panels);
        chart.x_axis = self.progress();
        Some(chart)
    }

    /// What a subject's learner held over time; `None` where none decides, or nothing moved.
    fn beliefs(&self, beliefs: &Beliefs, subject: &Subject<'_>) -> Option<SmallMultiples> {
        let points = beliefs.points(&subject.run);
        let (_, card) = learner(self.manifest, subject.variant)?;
        let shown = Shown {
            variant: subject.variant,
            scale: card.belief,
            points: &points,
            models: &self.manifest.models,
            windows: self.windows(None),
        };
        let subtitle = match self.manifest.blocks.len() {
            1 => format!("{}: seed {} alone", self.manifest.scenario, subject.run.seed),
            _ => format!(
                "{}, block {}: seed {} alone",
                self.manifest.scenario, self.block.name, subject.run.seed
            ),
        };
        shown.chart(&subtitle, self.progress(), |point| {
            point.bin.map_or(0.0, |bin| self.place(bin, true))
        })
    }

    fn model_share(&self) -> BarChart {
        let names = &self.manifest.models;
        let models = names
            .iter()
            .enumerate()
            .map(|(colour, name)| Model { name: name.clone(), colour })
            .collect();
        let bars = self
            .manifest
            .variants
            .iter()
            .map(|variant| {
                let counts: Vec<f64> = names
                    .iter()
                    .map(|model| {
                        let from = (self.block.name.clone(), variant.clone(), model.clone(), 0);
                        let to = (from.0.clone(), from.1.clone(), from.2.clone(), u64::MAX);
                        self.models.0.range(from..=to).map(|(_, sums)| sums.calls).sum()
                    })
                    .collect();
                Bar::from_counts(variant, &counts)
            })
            .collect();
        let n = self.manifest.seeds.len();
        let seeds = if n == 1 { "one seed".to_owned() } else { format!("all {n} seeds together") };
        let what = match self.manifest.blocks.len() {
            1 => format!("{}: calls made, {seeds}", self.manifest.scenario),
            _ => format!(
                "{}, block {}: calls made, {seeds}",
                self.manifest.scenario, self.block.name
            ),
        };
        let mut chart = BarChart::model_share(&what, models, bars);
        chart.label = "Share of calls".to_owned();
        chart
    }
}
