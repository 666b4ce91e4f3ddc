//! Reads a recorded workload: CSV or Parquet with `arrived_s`, `input_tokens`, `output_tokens`, in order of arrival.

use std::path::Path;

use super::problem::Refusal;
use crate::results::parquet::read_numbers;
use crate::units::{SimDuration, SimTime};
use crate::world::workload::TraceRow;

/// The columns of a trace.
pub(super) const COLUMNS: [&str; 3] = ["arrived_s", "input_tokens", "output_tokens"];

/// Reads a trace whole.
///
/// # Errors
/// If the file cannot be read, lacks a column, has no row, a value that is impossible, or arrivals out of order.
pub(super) fn read(path: &Path) -> Result<Vec<TraceRow>, Refusal> {
    let is_parquet = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("parquet"));
    let rows = if is_parquet { from_parquet(path)? } else { from_csv(path)? };
    if rows.is_empty() {
        let reason = format!("the trace {} has no rows", path.display());
        return Err(Refusal::new(reason, "name a trace with at least one request"));
    }
    Ok(rows)
}

fn from_parquet(path: &Path) -> Result<Vec<TraceRow>, Refusal> {
    let columns = read_numbers(path, &COLUMNS).map_err(|error| {
        let cure = format!("give it the columns {}", COLUMNS.join(", "));
        Refusal::new(format!("the trace cannot be used: {error}"), cure)
    })?;
    let [arrived, input, output] = &columns[..] else {
        unreachable!("as many columns come back as were asked for");
    };
    let mut rows = Vec::with_capacity(arrived.len());
    for at in 0..arrived.len() {
        let given = [arrived[at], input[at], output[at]].map(|v| v.unwrap_or(f64::NAN));
        push(&mut rows, given, path, at + 1)?;
    }
    Ok(rows)
}

fn from_csv(path: &Path) -> Result<Vec<TraceRow>, Refusal> {
    let broken = |cause: &dyn std::fmt::Display| {
        let reason = format!("the trace {} cannot be read: {cause}", path.display());
        Refusal::new(
            reason,
            "write it as CSV with the columns arrived_s,input_tokens,output_tokens",
        )
    };
    if std::fs::metadata(path).is_ok_and(|about| about.len() == 0) {
        let reason = format!("the trace {} is empty", path.display());
        return Err(Refusal::new(reason, "name a trace with at least one request"));
    }
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).map_err(|e| broken(&e))?;
    let header = reader.headers().map_err(|e| broken(&e))?.clone();
    let mut places = [0; 3];
    for (place, name) in places.iter_mut().zip(COLUMNS) {
        // A byte order mark sticks to the first name.
        let found = header.iter().position(|h| h.trim_start_matches('\u{feff}') == name);
        *place = found.ok_or_else(|| broken(&format!("there is no column `{name}`")))?;
    }
    let mut rows = Vec::new();
    for (at, record) in reader.records().enumerate() {
        let record = record.map_err(|e| broken(&e))?;
        let mut given = [0.0; 3];
        for ((value, place), name) in given.iter_mut().zip(places).zip(COLUMNS) {
            let text = record.get(place).unwrap_or_default();
            *value = text.parse().map_err(|_| {
                broken(&format!("row {}: `{name}` is \"{text}\", not a number", at + 1))
            })?;
        }
        push(&mut rows, given, path, at + 1)?;
    }
    Ok(rows)
}

/// Adds one row if it is possible and does not lie before the last.
fn push(
    rows: &mut Vec<TraceRow>,
    given: [f64; 3],
    path: &Path,
    number: usize,
) -> Result<(), Refusal> {
    let shown = path.display();
    for (value, name) in given.iter().zip(COLUMNS) {
        if !value.is_finite() || *value < 0.0 || *value > 4e9 {
            let reason = format!("the trace {shown}, row {number}: `{name}` cannot be {value}");
            return Err(Refusal::new(reason, "write a number of 0 or more"));
        }
    }
    let [arrived_s, input_tokens, output_tokens] = given;
    let arrived = SimTime::ZERO + SimDuration::from_secs_f64(arrived_s);
    if let Some(last) = rows.last()
        && arrived < last.arrived
    {
        let before = last.arrived.as_secs_f64();
        let reason = format!(
            "the trace {shown}, row {number}: time goes back from {before} s to {arrived_s} s"
        );
        return Err(Refusal::new(reason, "sort its rows by arrived_s"));
    }
    rows.push(TraceRow {
        arrived,
        input_tokens: input_tokens as u32,
        output_tokens: output_tokens as u32,
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_csv(text: &str) -> Result<Vec<TraceRow>, Refusal> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).expect("written");
        read(&path)
    }

    #[test]
    fn a_csv_is_read_with_any_order_of_columns_line_ends_and_a_mark() {
        let rows =
            of_csv("\u{feff}output_tokens,arrived_s,x,input_tokens\r\n7,0.5,a,3\r\n8,0.5,b,4\r\n");
        let rows = rows.expect("good");
        assert_eq!(rows[1].arrived, SimTime(500_000_000));
        assert_eq!((rows[0].input_tokens, rows[1].output_tokens), (3, 8));
    }

    #[test]
    fn a_bad_trace_is_refused_with_its_row() {
        let head = "arrived_s,input_tokens,output_tokens\n";
        for (rows, said) in [
            ("", "has no rows"),
            ("2,1,1\n1,1,1\n", "row 2: time goes back from 2 s to 1 s"),
            ("1,x,1\n", "row 1: `input_tokens` is \"x\", not a number"),
            ("1,-5,1\n", "row 1: `input_tokens` cannot be -5"),
            ("1,1\n", "found record with 2 fields"),
        ] {
            let refusal = of_csv(&format!("{head}{rows}")).expect_err("bad");
            assert!(refusal.reason.contains(said), "{}", refusal.reason);
        }
        assert!(of_csv("a,b\n1,2\n").expect_err("bad").reason.contains("no column `arrived_s`"));
        assert!(of_csv("").expect_err("bad").reason.contains("is empty"));
        assert!(read(Path::new("no.parquet")).is_err());
    }
}
