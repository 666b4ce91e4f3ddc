//! Recorded workloads: when requests arrived and how long they were, out of any log that can be read.

use std::path::Path;

use super::DataError;
use super::logs::{Held, Log};
use crate::analysis::traffic::replayed;
use crate::units::SimTime;
use crate::world::workload::TraceRow;

/// The longest recording, in nanoseconds: a century.
const LONGEST_NS: i64 = 100 * 365 * 86_400 * 1_000_000_000;

/// Reads a trace, in order of arrival; besides its rows no more than a batch of it is held.
///
/// Where a format gives dates, time begins with the first request. A request whose prompt is of unknown length is left
/// out, an answer of unknown length has 0 tokens.
///
/// # Errors
/// If the file cannot be read, has no format that is known, no request, a value that is impossible, or arrivals out of order.
pub fn read(path: &Path) -> Result<Vec<TraceRow>, DataError> {
    let log = Log::open(path, None)?;
    let column = log.format.arrival_field();
    let has_own_zero = log.format.has_own_zero();
    let mut rows: Vec<TraceRow> = Vec::new();
    let mut began = None;
    let mut last = 0;
    for entry in log {
        let (number, held) = entry?;
        let Held::Request(request) = held else { continue };
        let zero = if has_own_zero { 0 } else { request.arrived_ns };
        let since = request.arrived_ns.saturating_sub(*began.get_or_insert(zero));
        let wrong = |reason: String, cure: &str| {
            Err(DataError::of_file(path, reason, cure).at(number, column))
        };
        let seconds = |ns: i64| ns as f64 / 1e9;
        if since < 0 && rows.is_empty() {
            let reason = format!("is {} s, before the begin", seconds(since));
            return wrong(reason, "mend or remove the row");
        }
        if since < last {
            let reason = format!("time goes back from {} s to {} s", seconds(last), seconds(since));
            return wrong(reason, &format!("sort its rows by {column}, or `reflexarc import` it"));
        }
        if since > LONGEST_NS {
            let reason = format!("is {} s behind the begin, more than a century", seconds(since));
            return wrong(reason, "mend or remove the row");
        }
        last = since;
        if let Some((input, output)) = replayed(request.input_tokens, request.output_tokens) {
            let arrived = SimTime(since.unsigned_abs());
            rows.push(TraceRow { arrived, input_tokens: input, output_tokens: output });
        }
    }
    if rows.is_empty() {
        let cure = "name a trace with at least one request";
        return Err(DataError::of_file(path, "has no rows", cure));
    }
    Ok(rows)
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
    fn what_a_failed_request_left_unknown_is_nothing_or_leaves_it_out() {
        let text =
            "arrived_s,input_tokens,output_tokens,outcome\n0,5,7,success\n1,5,,timeout\n2,,,auth\n";
        assert_eq!(plain(&of("t.csv", text).expect("good")), [(0, 5, 7), (1_000_000_000, 5, 0)]);
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
        let back = "row 2, column `arrived_s`: time goes back from 2 s to 1 s";
        let third = "row 3, column `TIMESTAMP`: time goes back from 2 s to 1 s";
        for (name, head, rows, said) in [
            ("t.csv", table, "", "has no rows"),
            ("t.csv", table, "2,1,1\n1,1,1\n", back),
            ("t.csv", table, "-1,1,1\n", "row 1, column `arrived_s`: is -1 s, before the begin"),
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
            ("t.csv", "a,b\n", "1,2\n", "is in no known format"),
            ("t.csv", "", "", "is empty"),
            ("t.csv", azure, "yesterday,1,1\n", "row 1, column `TIMESTAMP`: is \"yesterday\""),
            (
                "t.csv",
                azure,
                "2023-11-16 18:15:47,1,1\n2023-11-16 18:15:49,1,1\n2023-11-16 18:15:48,1,1\n",
                third,
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
        ] {
            let error = of(name, &format!("{head}{rows}")).expect_err("bad").to_string();
            assert!(error.contains(said), "{rows:?} gave {error}");
        }
        for (name, text) in [("t.jsonl", "{\"timestamp\": 6, \"inp"), ("t.parquet", "no parquet")] {
            assert!(of(name, text).is_err(), "{name}");
        }
        assert!(read(Path::new("no.parquet")).is_err());
    }
}
