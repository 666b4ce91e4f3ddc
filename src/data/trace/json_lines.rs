//! Traces of JSON lines: an object for each request, as the Mooncake traces have them.

use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::{Rows, after_seconds};
use crate::data::DataError;
use crate::data::table::open_text;
use crate::world::workload::TraceRow;

/// The keys of a Mooncake trace (Qin et al., "Mooncake", FAST 2025): milliseconds since the trace began, tokens of prompt
/// and answer. Others, such as `hash_ids`, are passed over.
const MOONCAKE: [&str; 3] = ["timestamp", "input_length", "output_length"];

/// Whether a path is named like a file of JSON lines.
pub(super) fn is_named_so(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.ends_with(".jsonl") || name.ends_with(".ndjson")
}

#[derive(Deserialize)]
struct Line {
    timestamp: Option<Value>,
    input_length: Option<Value>,
    output_length: Option<Value>,
}

/// Reads all lines; empty ones count, but say nothing.
pub(super) fn read(path: &Path) -> Result<Vec<TraceRow>, DataError> {
    let mut rows = Rows::of(MOONCAKE[0]);
    let mut text = BufReader::new(open_text(path)?);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let broken = |reason: String| DataError {
            row: Some(number),
            ..DataError::of_file(path, reason, "write one JSON object a line, in UTF-8")
        };
        let n = text.read_until(b'\n', &mut line);
        if n.map_err(|error| broken(format!("cannot be read: {error}")))? == 0 {
            break;
        }
        let content = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&line).trim_ascii();
        if content.is_empty() {
            continue;
        }
        if content[0] != b'{' {
            return Err(broken("is no JSON object".to_owned()));
        }
        let Line { timestamp, input_length, output_length } = serde_json::from_slice(content)
            .map_err(|error| broken(format!("is no JSON object: {error}")))?;
        let wrong = |key: usize, reason: String| {
            DataError::of_file(path, reason, "mend or remove the row").at(number, MOONCAKE[key])
        };
        let figure = |key: usize, value: Option<Value>| {
            let value = value.filter(|value| !value.is_null());
            let value = value.ok_or_else(|| wrong(key, "has no value".to_owned()))?;
            let figure = value.as_f64().filter(|figure| *figure >= 0.0);
            figure.ok_or_else(|| wrong(key, format!("is {value}, not a number of 0 or more")))
        };
        let count = |key: usize, value: Option<Value>| {
            let figure = figure(key, value)?;
            let whole = figure.fract() == 0.0 && figure <= f64::from(u32::MAX);
            whole
                .then_some(figure as u32)
                .ok_or_else(|| wrong(key, format!("is {figure}, not a whole number of 0 or more")))
        };
        let arrived = after_seconds(figure(0, timestamp)? / 1e3).map_err(|why| wrong(0, why))?;
        rows.push(path, number, arrived, (count(1, input_length)?, count(2, output_length)?))?;
    }
    Ok(rows.rows)
}
