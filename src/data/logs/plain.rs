//! The plain table `arrived_s, input_tokens, output_tokens`, which is also what an import writes.

use std::path::Path;

use super::names::Names;
use super::rows::{Rows, TableRow};
use super::{Entry, Held, LogRow, given, stamp};
use crate::data::DataError;
use crate::data::table::{Kind, Table, Wanted};
use crate::domain::Outcome;

pub(super) fn open(
    path: &Path,
) -> Result<impl Iterator<Item = Result<Entry, DataError>> + Send + use<>, DataError> {
    let wanted = vec![
        Wanted::new("arrived_s", Kind::Number),
        Wanted::new("input_tokens", Kind::Count).nullable(),
        Wanted::new("output_tokens", Kind::Count).nullable(),
        Wanted::new("model", Kind::Text).optional(),
        Wanted::new("provider", Kind::Text).optional(),
        Wanted::new("ttft_s", Kind::NonNegative).optional(),
        Wanted::new("latency_s", Kind::NonNegative).optional(),
        Wanted::new("outcome", Kind::Text).optional(),
        Wanted::new("cost_usd", Kind::NonNegative).optional(),
    ];
    let mut names = Names::default();
    let turn = move |row: &TableRow<'_>| {
        let seconds = row.number(0).unwrap_or_default();
        let arrived_ns = stamp::of_seconds(seconds)
            .ok_or_else(|| row.error("arrived_s", format!("is {seconds}, beyond all time")))?;
        let outcome = given(row.text(7)).map(|name| {
            let known = Outcome::ALL.into_iter().find(|outcome| outcome.name() == name);
            known.ok_or_else(|| {
                let names = Outcome::ALL.map(Outcome::name).join(", ");
                row.error("outcome", format!("is \"{name}\", not one of {names}"))
            })
        });
        Ok(Held::Request(LogRow {
            arrived_ns,
            model: names.share(row.text(3)).map_err(|reason| row.error("model", reason))?,
            provider: names.share(row.text(4)).map_err(|reason| row.error("provider", reason))?,
            input_tokens: row.count(1),
            output_tokens: row.count(2),
            ttft_s: row.number(5),
            latency_s: row.number(6),
            outcome: outcome.transpose()?,
            cost_usd: row.number(8),
        }))
    };
    Ok(Rows::new(path.to_owned(), Table::open(path, wanted)?, turn))
}
