//! The Azure LLM inference traces: `TIMESTAMP, ContextTokens, GeneratedTokens`.
//!
//! Patel et al., "Splitwise: Efficient generative LLM inference using phase splitting", ISCA 2024; the traces of 2024 have
//! the same columns.

use std::path::Path;

use super::rows::{Rows, TableRow};
use super::{Entry, Held, LogRow, stamp};
use crate::data::DataError;
use crate::data::table::{Kind, Table, Wanted};

pub(super) fn open(
    path: &Path,
) -> Result<impl Iterator<Item = Result<Entry, DataError>> + Send + use<>, DataError> {
    let wanted = vec![
        Wanted::new("TIMESTAMP", Kind::Text),
        Wanted::new("ContextTokens", Kind::Count),
        Wanted::new("GeneratedTokens", Kind::Count),
    ];
    let turn = |row: &TableRow<'_>| {
        let text = row.text(0);
        let arrived_ns = stamp::parse(text)
            .ok_or_else(|| row.error("TIMESTAMP", format!("is \"{text}\", not a date and time")))?;
        Ok(Held::Request(LogRow {
            arrived_ns,
            input_tokens: row.count(1),
            output_tokens: row.count(2),
            ..LogRow::default()
        }))
    };
    Ok(Rows::new(path.to_owned(), Table::open(path, wanted)?, turn))
}
