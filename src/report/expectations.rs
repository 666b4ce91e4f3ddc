//! The verdicts on what a study is expected to show, as a table.

use crate::analysis::diff::BySeed;
use crate::analysis::expect::{Expectation, Judged, Tally, Target, Verdict, Why, judge};
use crate::analysis::measure::{Better, Measure};
use crate::report::entries::heading;
use crate::report::measured::Values;
use crate::report::number::{rounded, shown, signed};
use crate::report::table::TextTable;
use crate::results::manifest::Manifest;
use crate::units::Level;

/// The expectations of a result, held against its runs.
pub(super) struct Verdicts<'m> {
    has_blocks: bool,
    n_seeds: usize,
    judged: Vec<(&'m Expectation, Judged)>,
}

impl<'m> Verdicts<'m> {
    pub(super) fn of(manifest: &'m Manifest, values: &Values) -> Self {
        let nothing = BySeed::new();
        let judged = manifest.expectations.iter().map(|expectation| {
            let Expectation { metric, block, variant, level, window, target } = expectation;
            let level = level.map_or("all", Level::name);
            let of = |variant: &str| {
                values.get(block, variant, level, window.name(), *metric).unwrap_or(&nothing)
            };
            let other = match target {
                Target::BetterThan { variant, .. } => of(variant),
                _ => &nothing,
            };
            (expectation, judge(expectation, of(variant), other))
        });
        Self {
            has_blocks: manifest.blocks.len() > 1,
            n_seeds: manifest.seeds.len(),
            judged: judged.collect(),
        }
    }

    pub(super) fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        self.judged.iter().for_each(|(_, judged)| tally.count(judged.verdict));
        tally
    }

    /// Empty where nothing is expected.
    pub(super) fn console(&self) -> String {
        if self.judged.is_empty() {
            return String::new();
        }
        format!("\nexpectations\n\n{}", self.table().console())
    }

    /// Empty where nothing is expected.
    pub(super) fn markdown(&self) -> String {
        if self.judged.is_empty() {
            return String::new();
        }
        format!(
            "\n## Expectations\n\n{}\nMet if the unfavourable end of the 95 % interval over seeds reaches the target, not met \
             if even the favourable end does not, undecided otherwise. What is expected of an exact count is expected of \
             every seed.\n",
            self.table().markdown()
        )
    }

    fn table(&self) -> TextTable {
        let block = self.has_blocks.then_some("block");
        let columns = ["variant", "level", "window", "target", "measured", "verdict", "why"];
        let header: Vec<&str> = std::iter::once("metric").chain(block).chain(columns).collect();
        let n_columns = header.len();
        let mut table = TextTable::with_texts(header, n_columns);
        for (expectation, judged) in &self.judged {
            let mut row = vec![metric(expectation)];
            row.extend(self.has_blocks.then(|| expectation.block.clone()));
            row.extend([
                expectation.variant.clone(),
                expectation.level.map_or("all", Level::name).to_owned(),
                expectation.window.name().to_owned(),
                target(expectation),
                measured(expectation, judged, self.n_seeds),
                judged.verdict.name().to_owned(),
                why(judged),
            ]);
            table.push(row);
        }
        table
    }
}

fn metric(expectation: &Expectation) -> String {
    let metric = expectation.metric;
    match expectation.target {
        Target::BetterThan { .. } if metric.is_proportion => {
            format!("{}, percentage points", metric.name)
        }
        _ => heading(metric),
    }
}

/// A number of the scenario as it was written, a share in percent.
fn mark(value: f64, metric: Measure) -> String {
    rounded(if metric.is_proportion { 100.0 * value } else { value }, 6)
}

fn target(expectation: &Expectation) -> String {
    let metric = expectation.metric;
    match &expectation.target {
        Target::AtLeast(value) => format!("at least {}", mark(*value, metric)),
        Target::AtMost(value) => format!("at most {}", mark(*value, metric)),
        Target::BetterThan { variant, by } => {
            let way = if metric.better == Better::Lower { "lower" } else { "higher" };
            let by = if *by > 0.0 { format!(" by {}", mark(*by, metric)) } else { String::new() };
            format!("{way} than {variant}{by}")
        }
    }
}

/// Says on how many seeds, where not on all.
fn measured(expectation: &Expectation, judged: &Judged, n_seeds: usize) -> String {
    let metric = expectation.metric;
    let shown = match expectation.target {
        Target::BetterThan { .. } => signed,
        _ => shown,
    };
    let Some(e) = judged.measured else { return "-".to_owned() };
    let [mean, low, high] = [e.mean, e.low, e.high].map(|value| shown(value, metric));
    let text = match (e.n, metric.is_exact) {
        (1, _) => mean,
        (_, true) => format!("{mean} ({low} to {high})"),
        (_, false) => format!("{mean} [{low}, {high}]"),
    };
    match e.n == n_seeds {
        true => text,
        false => format!("{text} on {} of {n_seeds} seeds", e.n),
    }
}

fn why(judged: &Judged) -> String {
    let n = judged.measured.map_or(0, |e| e.n);
    match (judged.why, judged.verdict) {
        (Why::Interval, Verdict::Met) => "even the unfavourable end reaches it".to_owned(),
        (Why::Interval, _) => "not even the favourable end reaches it".to_owned(),
        (Why::SeedsThatMiss(0), _) => "an exact count: so on every seed".to_owned(),
        (Why::SeedsThatMiss(k), _) => format!("an exact count: not so on {k} of {n} seeds"),
        (Why::Straddles(Some(enough)), _) => {
            format!("the interval holds the target; about {enough} seeds would tell")
        }
        (Why::Straddles(None), _) => "the interval holds the target".to_owned(),
        (Why::FewAgree(Some(enough)), _) => {
            format!("all {n} seeds agree; {enough} that do would tell")
        }
        (Why::FewAgree(None), _) => format!("all {n} seeds agree; no number of them would tell"),
        (Why::OneSeed, _) => "one seed has no interval".to_owned(),
        (Why::NotExercised, _) => "not exercised".to_owned(),
    }
}
