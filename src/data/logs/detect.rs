//! Which format a log is in, by its content.

use std::path::Path;

use super::Format;
use super::json::{self, Values};
use crate::data::DataError;
use crate::data::table;

/// The format that the first row or the header shows.
pub(super) fn format_of(path: &Path) -> Result<Format, DataError> {
    let (what, names) = if !table::is_parquet(path) && json::looks_like_json(path)? {
        let mut values = Values::open(path)?;
        let Some(first) = values.next_value::<serde_json::Value>()? else {
            return Err(DataError::of_file(path, "has no rows", "name a log with requests in it"));
        };
        let first = match first.get("data").and_then(|data| data.get(0)) {
            Some(inner) => inner.clone(),
            None => first,
        };
        let names = first.as_object().map(|object| object.keys().cloned().collect::<Vec<_>>());
        ("its first row", names.unwrap_or_default())
    } else {
        ("it", table::column_names(path)?)
    };
    let has = |name: &str| names.iter().any(|known| known == name);
    if has("arrived_s") {
        return Ok(Format::Plain);
    }
    if has("TIMESTAMP") && has("ContextTokens") {
        return Ok(Format::Azure);
    }
    if has("timestamp") && has("input_length") {
        return Ok(Format::Mooncake);
    }
    if has("startTime") && (has("prompt_tokens") || has("spend") || has("call_type")) {
        return Ok(Format::LiteLlm);
    }
    let is_span = ["startTimeUnixNano", "start_time_unix_nano", "start_time", "startTime"];
    if has("resourceSpans") || has("attributes") && is_span.into_iter().any(has) {
        return Ok(Format::OTel);
    }
    let known: Vec<String> =
        Format::ALL.iter().map(|f| format!("{} ({})", f.name(), f.describe())).collect();
    let has = if names.is_empty() {
        "is no object of named values".to_owned()
    } else {
        format!("has `{}`", names.join("`, `"))
    };
    Err(DataError::of_file(
        path,
        format!("is in no known format: {what} {has}"),
        format!("bring it into one of {}", known.join("; ")),
    ))
}
