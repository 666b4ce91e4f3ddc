//! Recorded workloads: when requests arrived and how long they were, in the formats of public traces.
//!
//! Which format a file has is told by its name and its columns: CSV or Parquet with `arrived_s, input_tokens,
//! output_tokens`, the same with the columns of the Azure LLM inference traces, or JSON lines as the Mooncake traces are.

mod json_lines;

use std::path::Path;

use super::DataError;
use super::table::{Kind, Table, Wanted, column_names};
use crate::calendar::logged_nanos;
use crate::units::{SimDuration, SimTime};
use crate::world::workload::TraceRow;

/// The columns of a plain table: seconds since the recording began, tokens of prompt and answer.
pub const PLAIN: [&str; 3] = ["arrived_s", "input_tokens", "output_tokens"];
/// The columns of the Azure LLM inference traces of 2023 and 2024 (Patel et al., "Splitwise", ISCA 2024): date and time,
/// tokens of prompt and answer.
pub const AZURE: [&str; 3] = ["TIMESTAMP", "ContextTokens", "GeneratedTokens"];

/// The longest recording, in seconds: more than a century.
const LONGEST_S: f64 = 4e9;

/// Reads a trace, in order of arrival; besides its rows no more than a batch of it is held.
///
/// Where a format gives dates, time begins with the first request.
///
/// # Errors
/// If the file cannot be read, has no format that is known, no row, a value that is impossible, or arrivals out of order.
pub fn read(path: &Path) -> Result<Vec<TraceRow>, DataError> {
    let rows = match json_lines::is_named_so(path) {
        true => json_lines::read(path)?,
        false => read_table(path)?,
    };
    if rows.is_empty() {
        let cure = "name a trace with at least one request";
        return Err(DataError::of_file(path, "has no rows", cure));
    }
    Ok(rows)
}

fn read_table(path: &Path) -> Result<Vec<TraceRow>, DataError> {
    let is_azure = column_names(path)?.iter().any(|name| name == AZURE[0]);
    let [at, input, output] = if is_azure { AZURE } else { PLAIN };
    let wanted = vec![
        Wanted::new(at, if is_azure { Kind::Text } else { Kind::NonNegative }),
        Wanted::new(input, Kind::Count),
        Wanted::new(output, Kind::Count),
    ];
    let mut table = Table::open(path, wanted)?;
    let mut rows = Rows::of(at);
    let mut began = None;
    while let Some(batch) = table.next().transpose()? {
        for row in 0..batch.rows {
            let number = batch.first + row as u64;
            let arrived = match is_azure {
                true => since_first(batch.columns[0].text(row), &mut began),
                false => after_seconds(batch.columns[0].number(row).unwrap_or_default()),
            };
            let arrived = arrived.map_err(|reason| table.error(number, at, reason))?;
            // Counts fit and are there, or the table would have refused them.
            let tokens = |at: usize| batch.columns[at].number(row).unwrap_or_default() as u32;
            rows.push(path, number, arrived, (tokens(1), tokens(2)))?;
        }
    }
    Ok(rows.rows)
}

/// The time of a row with a date, from that of the first.
fn since_first(text: &str, began: &mut Option<i64>) -> Result<SimTime, String> {
    let nanos = logged_nanos(text).ok_or_else(|| format!("is \"{text}\", not a date and time"))?;
    let began = *began.get_or_insert(nanos);
    // Before the first is out of order, and is refused as that.
    u64::try_from(nanos - began)
        .map(SimTime)
        .map_err(|_| format!("goes back to \"{text}\", before the first request"))
}

/// A time in seconds.
fn after_seconds(seconds: f64) -> Result<SimTime, String> {
    if seconds > LONGEST_S {
        return Err(format!("is {seconds} s, more than a century"));
    }
    Ok(SimTime::ZERO + SimDuration::from_secs_f64(seconds))
}

/// The rows read so far.
struct Rows {
    rows: Vec<TraceRow>,
    /// The column of the arrivals.
    column: &'static str,
}

impl Rows {
    fn of(column: &'static str) -> Self {
        Self { rows: Vec::new(), column }
    }

    /// Adds a row that does not lie before the last.
    fn push(
        &mut self,
        path: &Path,
        number: u64,
        arrived: SimTime,
        (input_tokens, output_tokens): (u32, u32),
    ) -> Result<(), DataError> {
        if let Some(last) = self.rows.last()
            && arrived < last.arrived
        {
            let (before, at) = (last.arrived.as_secs_f64(), arrived.as_secs_f64());
            let reason = format!("time goes back from {before} s to {at} s");
            let cure = format!("sort its rows by {}", self.column);
            return Err(DataError::of_file(path, reason, cure).at(number, self.column));
        }
        self.rows.push(TraceRow { arrived, input_tokens, output_tokens });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, text: &str) -> Result<Vec<TraceRow>, DataError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        read(&path)
    }

    fn plain(rows: &[TraceRow]) -> Vec<(u64, u32, u32)> {
        rows.iter().map(|row| (row.arrived.0, row.input_tokens, row.output_tokens)).collect()
    }

    #[test]
    fn a_plain_table_is_read_with_any_order_of_columns_line_ends_and_a_mark() {
        let text = "\u{feff}output_tokens,arrived_s,x,input_tokens\r\n7,0.5,a,3\r\n8,0.5,b,4\r\n";
        let rows = of("t.csv", text).expect("good");
        assert_eq!(plain(&rows), [(500_000_000, 3, 7), (500_000_000, 4, 8)]);
    }

    #[test]
    fn the_first_rows_of_the_azure_trace_are_read_to_the_last_digit() {
        // The conversation trace of 2023 begins with these rows, with CRLF.
        let text = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.6805900,374,44\r\n\
                    2023-11-16 18:15:50.9951690,396,109\r\n2023-11-16 18:15:51.2224670,879,55\r\n";
        let rows = of("t.csv", text).expect("good");
        let wanted = [(0, 374, 44), (4_314_579_000, 396, 109), (4_541_877_000, 879, 55)];
        assert_eq!(plain(&rows), wanted);
        // That of 2024 writes offsets.
        let text = "TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-10 00:00:00.009930+00:00,2162,5\n\
                    2024-05-10 00:00:00.017335+00:00,2399,6\n";
        let rows = of("t.csv", text).expect("good");
        assert_eq!(plain(&rows), [(0, 2162, 5), (7_405_000, 2399, 6)]);
    }

    #[test]
    fn the_first_rows_of_a_mooncake_trace_are_read() {
        let text = "{\"timestamp\": 0, \"input_length\": 6955, \"output_length\": 52, \"hash_ids\": [46, 47]}\n\
                    {\"timestamp\": 27482, \"input_length\": 6472, \"output_length\": 26, \"hash_ids\": [46, 62]}\r\n\n";
        let rows = of("t.jsonl", text).expect("good");
        assert_eq!(plain(&rows), [(0, 6955, 52), (27_482_000_000, 6472, 26)]);
    }

    #[test]
    fn a_bad_trace_is_refused_with_its_row_and_column() {
        let table = "arrived_s,input_tokens,output_tokens\n";
        let azure = "TIMESTAMP,ContextTokens,GeneratedTokens\n";
        let line = "{\"timestamp\": 5, \"input_length\": 1, \"output_length\": 1}\n";
        for (name, head, rows, said) in [
            ("t.csv", table, "", "has no rows"),
            (
                "t.csv",
                table,
                "2,1,1\n1,1,1\n",
                "row 2, column `arrived_s`: time goes back from 2 s to 1 s",
            ),
            (
                "t.csv",
                table,
                "1,x,1\n",
                "row 1, column `input_tokens`: is \"x\", not a whole number",
            ),
            ("t.csv", table, "1,-5,1\n", "row 1, column `input_tokens`: is -5"),
            ("t.csv", table, "NaN,5,1\n", "row 1, column `arrived_s`: is \"NaN\""),
            ("t.csv", table, "5e9,5,1\n", "row 1, column `arrived_s`: is 5000000000 s"),
            ("t.csv", table, "1,1\n", "row 1: has 2 fields where the header has 3"),
            ("t.csv", "a,b\n", "1,2\n", "lacks the columns `arrived_s`"),
            ("t.csv", "", "", "is empty"),
            (
                "t.csv",
                azure,
                "18:15:46,1,1\n",
                "row 1, column `TIMESTAMP`: is \"18:15:46\", not a date",
            ),
            (
                "t.csv",
                azure,
                "2023-11-16 18:15:47,1,1\n2023-11-16 18:15:46,1,1\n",
                "row 2, column `TIMESTAMP`: goes back to",
            ),
            (
                "t.csv",
                azure,
                "2023-11-16 18:15:47,1,1\n2023-11-16 18:15:49,1,1\n2023-11-16 18:15:48,1,1\n",
                "row 3, column `TIMESTAMP`: time goes back from 2 s to 1 s",
            ),
            (
                "t.jsonl",
                line,
                "{\"timestamp\": 4, \"input_length\": 1, \"output_length\": 1}",
                "row 2, column `timestamp`: time goes back",
            ),
            (
                "t.jsonl",
                line,
                "{\"timestamp\": 6, \"input_length\": -1, \"output_length\": 1}",
                "row 2, column `input_length`: is -1",
            ),
            (
                "t.jsonl",
                line,
                "{\"timestamp\": 6, \"input_length\": 1}",
                "row 2, column `output_length`: has no value",
            ),
            ("t.jsonl", line, "{\"timestamp\": 6, \"inp", "row 2: is no JSON object"),
            ("t.jsonl", line, "[1, 2]\n", "row 2: is no JSON object"),
            ("t.jsonl", "\n", "\n", "has no rows"),
        ] {
            let error = of(name, &format!("{head}{rows}")).expect_err("bad").to_string();
            assert!(error.contains(said), "{rows:?} gave {error}");
        }
        assert!(read(Path::new("no.parquet")).is_err());
        assert!(of("t.parquet", "no parquet").is_err());
    }
}
