//! Rows of a log that is a table.

use std::path::PathBuf;

use super::{Entry, Held};
use crate::data::DataError;
use crate::data::table::{Batch, Table};

/// A row of a table, and where it stands.
pub(super) struct TableRow<'b> {
    batch: &'b Batch,
    at: usize,
    path: &'b PathBuf,
}

impl TableRow<'_> {
    /// Its text in the column wanted as number `column`, empty if it has none.
    pub(super) fn text(&self, column: usize) -> &str {
        self.batch.columns[column].text(self.at)
    }

    /// Its number there.
    pub(super) fn number(&self, column: usize) -> Option<f64> {
        self.batch.columns[column].number(self.at)
    }

    /// Its count there: the table has checked that it is one.
    pub(super) fn count(&self, column: usize) -> Option<u32> {
        self.number(column).map(|value| value as u32)
    }

    /// Something that is wrong with it.
    pub(super) fn error(&self, column: &str, reason: impl Into<String>) -> DataError {
        let row = self.batch.first + self.at as u64;
        DataError::of_file(self.path, reason, "mend or remove the row").at(row, column)
    }
}

/// The rows of a table one by one, turned by `turn`.
pub(super) struct Rows<F> {
    path: PathBuf,
    table: Table,
    turn: F,
    batch: Option<Batch>,
    at: usize,
}

impl<F> Rows<F>
where
    F: FnMut(&TableRow<'_>) -> Result<Held, DataError>,
{
    pub(super) fn new(path: PathBuf, table: Table, turn: F) -> Self {
        Self { path, table, turn, batch: None, at: 0 }
    }
}

impl<F> Iterator for Rows<F>
where
    F: FnMut(&TableRow<'_>) -> Result<Held, DataError>,
{
    type Item = Result<Entry, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(batch) = &self.batch
                && self.at < batch.rows
            {
                let row = TableRow { batch, at: self.at, path: &self.path };
                let number = batch.first + self.at as u64;
                self.at += 1;
                return Some((self.turn)(&row).map(|held| (number, held)));
            }
            // Let go of the old one before the next is read.
            self.batch = None;
            self.at = 0;
            match self.table.next()? {
                Ok(batch) => self.batch = Some(batch),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
