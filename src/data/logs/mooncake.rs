//! The Mooncake traces: JSON lines with `timestamp` in milliseconds, `input_length` and `output_length`.
//!
//! Qin et al., "Mooncake: A KVCache-centric disaggregated architecture for LLM serving", FAST 2025.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::json::Values;
use super::{Entry, Held, LogRow, stamp};
use crate::data::DataError;

#[derive(Deserialize)]
struct Line {
    timestamp: Option<Value>,
    input_length: Option<Value>,
    output_length: Option<Value>,
}

pub(super) fn open(
    path: &Path,
) -> Result<impl Iterator<Item = Result<Entry, DataError>> + Send + use<>, DataError> {
    let mut values = Values::open(path)?;
    Ok(std::iter::from_fn(move || read(&mut values).transpose()))
}

fn read(values: &mut Values) -> Result<Option<Entry>, DataError> {
    let Some(line) = values.next_value::<Line>()? else { return Ok(None) };
    let place = values.place();
    let needed = |column: &str| place.error(column, "has no value");
    let ms = place.number("timestamp", line.timestamp.as_ref())?;
    let ms = ms.ok_or_else(|| needed("timestamp"))?;
    let arrived_ns = stamp::of_seconds(ms / 1e3)
        .ok_or_else(|| place.error("timestamp", format!("is {ms}, beyond all time")))?;
    let input = place.count("input_length", line.input_length.as_ref())?;
    let output = place.count("output_length", line.output_length.as_ref())?;
    let row = LogRow {
        arrived_ns,
        input_tokens: Some(input.ok_or_else(|| needed("input_length"))?),
        output_tokens: Some(output.ok_or_else(|| needed("output_length"))?),
        ..LogRow::default()
    };
    Ok(Some((place.row, Held::Request(row))))
}
