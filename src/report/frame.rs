//! A table of results in memory, by run: only the columns asked for, texts as codes.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use crate::results::ResultsError;
use crate::results::column::{Kind, Table, TableDoc};
use crate::results::manifest::Manifest;
use crate::results::parquet::{Coded, Rows};

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RunKey {
    /// Block.
    pub(super) block: String,
    /// Variant.
    pub(super) variant: String,
    /// Seed.
    pub(super) seed: u64,
}

impl RunKey {
    /// All runs of a variant in a block, seed by seed.
    pub(super) fn of_seeds(
        manifest: &Manifest,
        block: &str,
        variant: &str,
    ) -> impl Iterator<Item = Self> {
        let of_seed = |&seed| Self { block: block.to_owned(), variant: variant.to_owned(), seed };
        manifest.seeds.iter().map(of_seed)
    }
}

/// Columns of a table that has a run in every row.
pub(super) struct Frame {
    texts: BTreeMap<&'static str, Coded>,
    numbers: BTreeMap<&'static str, Vec<Option<f64>>>,
    runs: BTreeMap<RunKey, Vec<Range<usize>>>,
}

impl Frame {
    /// Reads `columns` of a table; block, variant and seed come with them.
    ///
    /// # Errors
    /// If a part or column is missing.
    pub(super) fn read(
        folder: &Path,
        doc: &TableDoc,
        columns: &[&str],
    ) -> Result<Self, ResultsError> {
        let wanted = |name: &str| columns.contains(&name);
        let of_run = ["block", "variant", "seed"];
        let all: Vec<&str> = of_run.into_iter().chain(columns.iter().copied()).collect();
        let rows = Rows::read_columns(folder, doc, &all)?;
        let (mut texts, mut numbers) = (BTreeMap::new(), BTreeMap::new());
        for column in doc.columns.iter().filter(|column| wanted(column.name)) {
            match column.kind {
                Kind::Text => drop(texts.insert(column.name, rows.coded(column.name)?)),
                _ => drop(numbers.insert(column.name, rows.numbers(column.name)?)),
            }
        }
        assert_eq!(texts.len() + numbers.len(), columns.len(), "columns of {}", doc.name);
        let (blocks, variants) = (rows.coded("block")?, rows.coded("variant")?);
        let seeds = rows.numbers("seed")?;
        let mut runs: BTreeMap<RunKey, Vec<Range<usize>>> = BTreeMap::new();
        let mut from = 0;
        let place = |at: usize| (blocks.codes[at], variants.codes[at], seeds[at].map(f64::to_bits));
        for at in 0..seeds.len() {
            if at + 1 == seeds.len() || place(at + 1) != place(at) {
                let key = RunKey {
                    block: blocks.text(at).to_owned(),
                    variant: variants.text(at).to_owned(),
                    seed: seeds[at].unwrap_or_default() as u64,
                };
                runs.entry(key).or_default().push(from..at + 1);
                from = at + 1;
            }
        }
        Ok(Self { texts, numbers, runs })
    }

    /// Reads all columns of a table.
    ///
    /// # Errors
    /// If a part or column is missing.
    pub(super) fn whole<T: Table>(folder: &Path) -> Result<Self, ResultsError> {
        // Block, variant and seed come by themselves.
        let columns: Vec<&str> = T::DOC.columns[3..].iter().map(|column| column.name).collect();
        Self::read(folder, &T::DOC, &columns)
    }

    /// The rows of one run, in order; none where it left none.
    pub(super) fn rows(&self, run: &RunKey) -> impl Iterator<Item = Row<'_>> {
        self.runs
            .get(run)
            .into_iter()
            .flatten()
            .flat_map(|range| range.clone())
            .map(|at| Row { frame: self, at })
    }
}

/// One row.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    frame: &'a Frame,
    at: usize,
}

impl<'a> Row<'a> {
    /// The text in a column that was read; empty for null.
    pub(super) fn text(&self, column: &str) -> &'a str {
        self.frame.texts[column].text(self.at)
    }

    /// The number in a column that was read.
    pub(super) fn number(&self, column: &str) -> Option<f64> {
        self.frame.numbers[column][self.at]
    }

    /// The number in a column that is never null.
    pub(super) fn value(&self, column: &str) -> f64 {
        self.number(column).unwrap_or(0.0)
    }
}
