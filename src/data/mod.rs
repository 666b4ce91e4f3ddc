//! Tables from outside, read row by row: what is wrong with one is said with its row and column.

pub mod incidents;
pub mod logs;
pub mod outcomes;
pub mod prices;
pub mod requests;
pub mod table;
pub mod trace;

use std::path::Path;

/// What is wrong with a file of data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}; {cure}", self.place())]
pub struct DataError {
    /// The file.
    pub file: String,
    /// The row, from 1 behind the header; none where it is the file as a whole.
    pub row: Option<u64>,
    /// The column.
    pub column: Option<String>,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub cure: String,
}

impl DataError {
    /// Something that is wrong with a file as a whole.
    #[must_use]
    pub fn of_file(path: &Path, reason: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            file: path.display().to_string(),
            row: None,
            column: None,
            reason: reason.into(),
            cure: cure.into(),
        }
    }

    /// The same at a row (from 1) and column.
    #[must_use]
    pub fn at(self, row: u64, column: &str) -> Self {
        Self { row: Some(row), column: Some(column.to_owned()), ..self }
    }

    /// File, row and column, as far as they are known.
    #[must_use]
    pub fn place(&self) -> String {
        let mut place = self.file.clone();
        if let Some(row) = self.row {
            place.push_str(&format!(", row {row}"));
        }
        if let Some(column) = &self.column {
            place.push_str(&format!(", column `{column}`"));
        }
        place
    }
}
