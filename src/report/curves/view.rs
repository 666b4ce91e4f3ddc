//! One block as charts see it: its points, its axes, its faults, and which variants have a colour.

use crate::analysis::band::band;
use crate::analysis::bootstrap::Bootstrap;
use crate::analysis::distribution::t_quantile;
use crate::analysis::interval::{Estimate, mean_over_seeds};
use crate::analysis::measure::{self, Better, Measure};
use crate::math;
use crate::report::charts::{Axis, Line, LineChart, Mark, Point, Window};
use crate::report::curves::tables::{CurvePoint, Tables};
use crate::report::frame::RunKey;
use crate::report::measured::Values;
use crate::results::manifest::{BlockEntry, Manifest};

/// Lines that a chart tells apart; of more variants those beyond are grey.
const MOST_COLOURS: usize = 12;
/// Resamples of a band: they move its half width by 2 % (one standard deviation), less than can be seen.
const BAND: Bootstrap = Bootstrap { resamples: 2_000, key: 0 };

/// A value of each seed at each place of a curve, where it has one.
pub(super) type BySeed = Vec<Vec<Option<f64>>>;

/// What the band around a mean curve is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Around {
    /// The 95 % t interval of each point alone.
    EachPoint { is_proportion: bool },
    /// A band that holds the whole curve in 95 % of studies.
    WholeCurve,
}

impl Around {
    /// As captions have it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::EachPoint { .. } => "band = 95 % interval of each point (t)",
            Self::WholeCurve => "band = 95 % for the whole curve at once",
        }
    }
}

/// One block.
pub(super) struct View<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) block: &'a BlockEntry,
    pub(super) tables: &'a Tables,
    pub(super) values: &'a Values,
    /// Points of every run: variant, seed, point.
    pub(super) curves: Vec<Vec<Vec<CurvePoint>>>,
    /// Both ends of each point: seconds or tasks.
    edges: Vec<(f64, f64)>,
    is_by_time: bool,
    /// The variant that others are compared with.
    pub(super) baseline: usize,
    /// Variants by their mean of the first measure, the best first.
    pub(super) ranking: Vec<usize>,
}

/// The measure that ranks the variants.
pub(super) fn first_measure(manifest: &Manifest) -> Measure {
    manifest.compare.measures.first().copied().unwrap_or(measure::REWARD)
}

impl<'a> View<'a> {
    pub(super) fn new(
        manifest: &'a Manifest,
        block: &'a BlockEntry,
        tables: &'a Tables,
        values: &'a Values,
    ) -> Self {
        let runs = |variant: &String| {
            let runs = RunKey::of_seeds(manifest, &block.name, variant);
            runs.map(|run| tables.curve(&run)).collect()
        };
        let (edges, is_by_time) = tables.edges(manifest, &block.name);
        let curves = manifest.variants.iter().map(runs).collect();
        let is_baseline = |name: &String| *name == manifest.compare.baseline;
        let baseline = manifest.variants.iter().position(is_baseline).unwrap_or(0);
        let ranking = Vec::new();
        let view =
            Self { manifest, block, tables, values, curves, edges, is_by_time, baseline, ranking };
        let first = first_measure(manifest);
        let worst = if first.better == Better::Lower { f64::INFINITY } else { f64::NEG_INFINITY };
        let means: Vec<f64> = (0..manifest.variants.len())
            .map(|v| view.measured(v, first).map_or(worst, |estimate| estimate.mean))
            .collect();
        let mut ranking: Vec<usize> = (0..means.len()).collect();
        ranking.sort_by(|a, b| match first.better {
            Better::Lower => means[*a].total_cmp(&means[*b]),
            _ => means[*b].total_cmp(&means[*a]),
        });
        Self { ranking, ..view }
    }

    pub(super) fn is_bandit(&self) -> bool {
        self.block.bandit.is_some()
    }

    /// The models or arms.
    pub(super) fn models(&self) -> &[String] {
        self.block.bandit.as_ref().map_or(&self.manifest.models, |problem| &problem.arms)
    }

    /// What a task is called.
    pub(super) fn task(&self) -> &'static str {
        if self.is_bandit() { "round" } else { "task" }
    }

    /// A measure of the whole run, of each seed that has it.
    pub(super) fn by_seed(&self, variant: usize, measure: Measure) -> Vec<f64> {
        let variant = &self.manifest.variants[variant];
        let values = self.values.get(&self.block.name, variant, "all", "run", measure);
        values.map(|values| values.values().copied().collect()).unwrap_or_default()
    }

    /// The same over seeds.
    pub(super) fn measured(&self, variant: usize, measure: Measure) -> Option<Estimate> {
        mean_over_seeds(&self.by_seed(variant, measure), measure.is_proportion)
    }

    /// Whether its points are spans of time.
    pub(super) fn is_by_time(&self) -> bool {
        self.is_by_time
    }

    pub(super) fn n_points(&self) -> usize {
        self.edges.len()
    }

    /// The axis of progress.
    pub(super) fn progress(&self) -> Axis {
        match (self.is_by_time, self.is_bandit()) {
            (true, _) => Axis::hours(),
            (false, false) => Axis::tasks(),
            (false, true) => Axis::new("Rounds", "").from_zero(),
        }
    }

    /// Place of a point on the axis: hours or tasks; its middle, or its end for sums.
    pub(super) fn place(&self, bin: usize, at_end: bool) -> f64 {
        let (from, to) = self.edges.get(bin).copied().unwrap_or_default();
        let place = if at_end { to } else { 0.5 * (from + to) };
        if self.is_by_time { place / 3600.0 } else { place }
    }

    pub(super) fn places(&self, at_end: bool) -> Vec<f64> {
        (0..self.n_points()).map(|bin| self.place(bin, at_end)).collect()
    }

    /// The scenario, its block where there are several, and `what` is drawn.
    pub(super) fn about(&self, what: &str) -> String {
        match self.manifest.blocks.len() {
            1 => format!("{}: {what}", self.manifest.scenario),
            _ => format!("{}, block {}: {what}", self.manifest.scenario, self.block.name),
        }
    }

    /// How many seeds, and `what` the chart shows of their spread.
    pub(super) fn subtitle(&self, what: &str) -> String {
        self.about(&match self.manifest.seeds.len() {
            1 => "one seed".to_owned(),
            n => format!("mean over {n} seeds, {what}"),
        })
    }

    /// When faults last, in hours: those that all seeds share, or those that the only seed met, of one model if asked.
    pub(super) fn windows(&self, model: Option<&str>) -> Vec<Window> {
        let Some(end) = self.manifest.end_s else { return Vec::new() };
        let shared = self.block.faults.iter().filter(|_| self.manifest.seeds.len() > 1);
        let shared = shared.map(|fault| (&fault.name, fault.from_s, fault.to_s));
        let met = self.tables.met.iter().filter(|met| met.block == self.block.name);
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

    /// Rounds from which on something is different.
    pub(super) fn changes(&self) -> Vec<Mark> {
        let changes = self.block.bandit.iter().flat_map(|problem| &problem.changes);
        changes.map(|round| Mark { x: *round as f64, label: "change".to_owned() }).collect()
    }

    /// Variants that have a colour: all, or of too many the baseline and the best.
    pub(super) fn told_apart(&self) -> Vec<usize> {
        told_apart(self.baseline, &self.ranking)
    }

    /// All variants but the baseline, the best first.
    pub(super) fn challengers(&self) -> impl Iterator<Item = usize> {
        self.ranking.iter().copied().filter(|variant| *variant != self.baseline)
    }

    /// One value of each point of each seed.
    pub(super) fn each(
        &self,
        variant: usize,
        of: impl Fn(&[CurvePoint], usize) -> Option<f64>,
    ) -> BySeed {
        let points = |curve: &Vec<CurvePoint>| (0..curve.len()).map(|at| of(curve, at)).collect();
        self.curves[variant].iter().map(points).collect()
    }

    /// A chart of one line per variant over progress: its faults and changes, colours for the variants told apart, and a
    /// legend in the order in which lines end.
    pub(super) fn chart(
        &self,
        title: &str,
        what: &str,
        y_axis: Axis,
        lines: Vec<Line>,
    ) -> LineChart {
        let mut chart = LineChart::new(title, "", self.progress(), y_axis);
        chart.windows = self.windows(None);
        chart.marks = self.changes();
        self.fill(&mut chart, what, lines);
        chart
    }

    /// Puts lines into a chart, by the value of their last point.
    pub(super) fn fill(&self, chart: &mut LineChart, what: &str, mut lines: Vec<Line>) {
        lines.retain(|line| !line.points.is_empty());
        let last = |line: &Line| line.points.last().map_or(0.0, |point| point.y);
        lines.sort_by(|a, b| last(b).total_cmp(&last(a)).then(a.colour.cmp(&b.colour)));
        self.keep_apart(chart, what, lines);
    }

    /// Puts lines into a chart in their order, those beyond the variants told apart in grey.
    pub(super) fn keep_apart(&self, chart: &mut LineChart, what: &str, lines: Vec<Line>) {
        put(chart, lines, &self.told_apart());
        chart.subtitle = self.subtitle(what) + &self.colours();
    }

    /// Which variants have a colour, where not all have.
    pub(super) fn colours(&self) -> String {
        colours(self.ranking.len(), first_measure(self.manifest).name)
    }

    /// The mean over seeds at each place, of the places that any seed has.
    pub(super) fn line(
        &self,
        variant: usize,
        places: &[f64],
        by_seed: &BySeed,
        around: Around,
    ) -> Line {
        let name = self.manifest.variants[variant].clone();
        Line { name, colour: variant, points: mean_curve(places, by_seed, around) }
    }
}

/// Of a ranking of all variants those that have a colour.
pub(super) fn told_apart(baseline: usize, ranking: &[usize]) -> Vec<usize> {
    if ranking.len() <= MOST_COLOURS {
        return (0..ranking.len()).collect();
    }
    let best = ranking.iter().copied().filter(|variant| *variant != baseline);
    std::iter::once(baseline).chain(best).take(MOST_COLOURS).collect()
}

/// Which of `n` variants have a colour, the best being so `by` something; empty where all have.
pub(super) fn colours(n: usize, by: &str) -> String {
    match n > MOST_COLOURS {
        true => format!(
            "; in colour the baseline and the {} best of {n} variants by {by}",
            MOST_COLOURS - 1
        ),
        false => String::new(),
    }
}

/// Puts lines into a chart in their order, those of variants that have no colour in grey.
pub(super) fn put(chart: &mut LineChart, lines: Vec<Line>, told_apart: &[usize]) {
    (chart.lines, chart.others) =
        lines.into_iter().partition(|line| told_apart.contains(&line.colour));
}

/// The mean over seeds at each place, with its band.
fn mean_curve(places: &[f64], by_seed: &BySeed, around: Around) -> Vec<Point> {
    let at = |place: usize| -> Vec<f64> {
        by_seed.iter().filter_map(|curve| curve.get(place).copied().flatten()).collect()
    };
    let whole: Option<Vec<Vec<f64>>> =
        by_seed.iter().map(|curve| curve.iter().copied().collect()).collect();
    let point = |place: usize, mean: f64, (low, high): (f64, f64)| Point {
        x: places[place],
        y: mean,
        low,
        high,
    };
    let found = match around {
        Around::WholeCurve => whole.and_then(|curves| band(&curves, BAND)),
        Around::EachPoint { .. } => None,
    };
    if let Some(found) = found {
        let points = found.points.iter().zip(found.simultaneous).enumerate();
        return points.map(|(at, (own, ends))| point(at, own.mean, ends)).collect();
    }
    let estimates = (0..places.len()).filter_map(|place| {
        let is_proportion = around == Around::EachPoint { is_proportion: true };
        mean_over_seeds(&at(place), is_proportion).map(|estimate| (place, estimate))
    });
    let estimates: Vec<(usize, Estimate)> = estimates.collect();
    // Where some seeds lack a point, no seed can be resampled as a whole: Šidák's bound (1967) holds for
    // normal means of any correlation.
    let p = 0.5 + 0.5 * math::powf(0.95, 1.0 / estimates.len().max(1) as f64);
    let ends = |estimate: &Estimate| match around {
        Around::WholeCurve if estimate.n > 1 => {
            let n = estimate.n as f64;
            let half = t_quantile(p, n - 1.0) * estimate.sd / n.sqrt();
            (estimate.mean - half, estimate.mean + half)
        }
        _ => (estimate.low, estimate.high),
    };
    estimates.iter().map(|(place, own)| point(*place, own.mean, ends(own))).collect()
}
