//! All rows that a recorder writes of a run, by table and column.

use std::collections::BTreeMap;

use reflexarc::analysis::run::{Bins, RunStatistics};
use reflexarc::analysis::window::Spans;
use reflexarc::calendar::LocalClock;
use reflexarc::engine::{self, Cell};
use reflexarc::results::column::{Table, Values};
use reflexarc::results::recorder::{Names, Recorder, Recording, RowSink};
use reflexarc::sim::stream::Streams;

/// A value of a row; yes and no are 1 and 0.
#[derive(Clone, Debug, PartialEq)]
enum Entry {
    Null,
    Text(String),
    Number(f64),
}

/// One row by column.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row(BTreeMap<&'static str, Entry>);

impl Row {
    fn entry(&self, column: &str) -> &Entry {
        self.0.get(column).unwrap_or_else(|| panic!("no column `{column}` in {self:?}"))
    }

    /// The text of a column; null is `None`.
    pub(crate) fn text(&self, column: &str) -> Option<&str> {
        match self.entry(column) {
            Entry::Null => None,
            Entry::Text(text) => Some(text),
            Entry::Number(_) => panic!("`{column}` is a number in {self:?}"),
        }
    }

    /// The number of a column; null is `None`.
    pub(crate) fn number(&self, column: &str) -> Option<f64> {
        match self.entry(column) {
            Entry::Null => None,
            Entry::Number(number) => Some(*number),
            Entry::Text(_) => panic!("`{column}` is a text in {self:?}"),
        }
    }
}

/// Keeps all rows.
#[derive(Default)]
pub(crate) struct Tables(BTreeMap<&'static str, Vec<Row>>);

impl Tables {
    /// All rows of a table.
    pub(crate) fn rows(&self, table: &str) -> &[Row] {
        self.0.get(table).unwrap_or_else(|| panic!("no table `{table}`"))
    }
}

fn entries(values: Values<'_>) -> Vec<Entry> {
    let text = |text: &str| Entry::Text(text.to_owned());
    match values {
        Values::Text(all) => all.iter().map(|t| text(t)).collect(),
        Values::OptText(all) => all.iter().map(|t| t.map_or(Entry::Null, text)).collect(),
        Values::Names(all) => all.into_iter().map(text).collect(),
        Values::OptNames(all) => all.into_iter().map(|t| t.map_or(Entry::Null, text)).collect(),
        Values::U32(all) => all.iter().map(|n| Entry::Number((*n).into())).collect(),
        Values::U64(all) => all.iter().map(|n| Entry::Number(*n as f64)).collect(),
        Values::SameU64(n, len) => vec![Entry::Number(n as f64); len],
        Values::OptU64(all) => {
            all.iter().map(|n| n.map_or(Entry::Null, |n| Entry::Number(n as f64))).collect()
        }
        Values::F64(all) => all.iter().map(|n| Entry::Number(*n)).collect(),
        Values::OptF64(all) => all.iter().map(|n| n.map_or(Entry::Null, Entry::Number)).collect(),
        Values::Bool(all) => all.iter().map(|b| Entry::Number(f64::from(u8::from(*b)))).collect(),
    }
}

impl RowSink for Tables {
    fn take<T: Table>(&mut self, table: &T) {
        let mut rows = vec![Row::default(); table.len()];
        for (doc, values) in table.columns() {
            for (row, entry) in rows.iter_mut().zip(entries(values)) {
                row.0.insert(doc.name, entry);
            }
        }
        self.0.entry(T::DOC.name).or_default().extend(rows);
    }
}

/// Runs `cell` for `seed` and keeps every table, the optional ones as well.
pub(crate) fn tables_of(cell: &Cell, seed: u64, bins: Bins) -> (Tables, RunStatistics) {
    let models: Vec<String> = cell.registry.models.iter().map(|m| m.name.clone()).collect();
    let task_types: Vec<String> = cell.world.task_types.iter().map(|t| t.name.clone()).collect();
    let names =
        Names { block: "b", variant: "v", models: &models, task_types: &task_types, prompts: &[] };
    let clock = LocalClock::new(cell.world.start, cell.zone.clone());
    let mut tables = Tables::default();
    let recording = Recording {
        attempts: true,
        work_log: true,
        scores: true,
        regret: cell.regret,
        spans: Spans {
            faults: Some(cell.world.timeline(&Streams::new(seed)).windows()),
            ..Spans::default()
        },
        plan_usd_per_mtok: cell.registry.models.iter().map(|m| m.plan_usd_per_mtok).collect(),
        ..Recording::plain(names, bins, clock)
    };
    let mut recorder = Recorder::new(recording, seed, &mut tables);
    engine::run(cell, seed, &mut recorder);
    let statistics = recorder.finish();
    (tables, statistics)
}
