//! Logs of gateways into the project's own table of requests, with a description of the traffic. One pass; what is in
//! memory at once is bounded by the window of reordering, not by the log.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::analysis::traffic::{Traffic, TrafficCounter};
use crate::data::DataError;
use crate::data::logs::own::{Requests, requests};
use crate::data::logs::reorder::Reorder;
use crate::data::logs::{Format, Held, Log, LogRow};
use crate::data::table::is_parquet;
use crate::report::describe_traffic;
use crate::results::ResultsError;
use crate::results::parquet::PartWriter;

/// Rows of a row group.
const GROUP: usize = 65_536;

/// Rows that may wait for earlier ones, unless said otherwise.
pub const REORDER: usize = 100_000;

/// What stands in the way of an import.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A log cannot be used.
    #[error(transparent)]
    Log(#[from] DataError),
    /// The table cannot be written.
    #[error(transparent)]
    Table(#[from] ResultsError),
    /// The place of the table cannot be used.
    #[error("{place}: {reason}; {cure}")]
    Place {
        /// Where it should go.
        place: String,
        /// What is wrong with it.
        reason: &'static str,
        /// What to do.
        cure: &'static str,
    },
}

/// What an import found.
#[derive(Clone, Debug, Serialize)]
pub struct Imported {
    /// The logs in the order in which they were read.
    pub logs: Vec<ImportedLog>,
    /// Rows that are no request to a language model, by what they are.
    pub left_out: BTreeMap<&'static str, u64>,
    /// The requests, described.
    pub traffic: Traffic,
}

/// A log that was read.
#[derive(Clone, Debug, Serialize)]
pub struct ImportedLog {
    /// Its file.
    pub file: String,
    /// The name of its format.
    pub format: &'static str,
    /// Its rows, whatever they hold.
    pub rows: u64,
}

/// Reads logs, one after the other on one time line, and writes their requests to `out` in order of arrival: up to
/// `window` rows wait for earlier ones. Nothing is left at `out` unless all is well.
///
/// # Errors
/// If a log cannot be used, rows are further out of order than the window can mend, nothing is a request, or the table
/// cannot be written.
pub fn import(
    logs: &[PathBuf],
    format: Option<Format>,
    window: usize,
    out: &Path,
) -> Result<Imported, ImportError> {
    check_place(logs, out)?;
    let mut reading = Vec::new();
    for path in logs {
        let log = Log::open(path, format)?;
        if logs.len() > 1 && log.format.has_own_zero() {
            let reason = format!("is in the format {}, whose times are its own", log.format.name());
            let cure = "import it alone: two of its kind have no common time line";
            return Err(DataError::of_file(path, reason, cure).into());
        }
        reading.push((path, log));
    }
    let mut sink = Sink {
        writer: PartWriter::create_file::<Requests<'_>>(out)?,
        group: Vec::with_capacity(GROUP),
        first_ns: None,
        counter: TrafficCounter::default(),
    };
    let mut reorder = Reorder::new(window);
    let mut read = Vec::new();
    let mut left_out = BTreeMap::new();
    for (path, log) in reading {
        let format = log.format;
        let mut rows = 0;
        for entry in log {
            let (row, held) = entry?;
            rows += 1;
            match held {
                Held::Other(what) => *left_out.entry(what).or_default() += 1,
                Held::Request(request) => {
                    let earliest = reorder.push(request).map_err(|late| {
                        let reason = format!(
                            "lies {} s or more before over {window} rows that stand above it",
                            late.behind_s
                        );
                        let cure =
                            "raise --reorder, or sort the log and name the files in order of time";
                        DataError::of_file(path, reason, cure).at(row, format.arrival_field())
                    })?;
                    sink.take(earliest)?;
                }
            }
        }
        if rows == 0 {
            let cure = "name a log with requests in it";
            return Err(DataError::of_file(path, "has no rows", cure).into());
        }
        read.push(ImportedLog { file: path.display().to_string(), format: format.name(), rows });
    }
    while let Some(row) = reorder.pop() {
        sink.take(Some(row))?;
    }
    sink.write()?;
    let Some(traffic) = sink.counter.traffic() else {
        let what: Vec<&str> = left_out.keys().copied().collect();
        let reason = format!("holds no request to a language model, only {}", what.join(" and "));
        let cure = "name a log with requests in it, or its format with --format";
        return Err(DataError::of_file(&logs[0], reason, cure).into());
    };
    sink.writer.finish()?;
    Ok(Imported { logs: read, left_out, traffic })
}

fn check_place(logs: &[PathBuf], out: &Path) -> Result<(), ImportError> {
    let wrong =
        |reason, cure| ImportError::Place { place: out.display().to_string(), reason, cure };
    if !is_parquet(out) {
        return Err(wrong("does not end in .parquet", "name a Parquet file with --out"));
    }
    if out.is_dir() {
        return Err(wrong("is a folder", "name a file with --out"));
    }
    let place = |path: &Path| path.canonicalize().ok();
    if place(out).is_some_and(|own| logs.iter().any(|log| place(log).as_ref() == Some(&own))) {
        return Err(wrong("is one of the logs", "name another file with --out"));
    }
    Ok(())
}

/// Where the rows go in order of arrival.
struct Sink {
    writer: PartWriter,
    group: Vec<LogRow>,
    first_ns: Option<i64>,
    counter: TrafficCounter,
}

impl Sink {
    fn take(&mut self, row: Option<LogRow>) -> Result<(), ResultsError> {
        let Some(row) = row else { return Ok(()) };
        let first_ns = *self.first_ns.get_or_insert(row.arrived_ns);
        self.counter.push(&row.request(first_ns));
        self.group.push(row);
        if self.group.len() < GROUP { Ok(()) } else { self.write() }
    }

    /// Writes the rows that have come together.
    fn write(&mut self) -> Result<(), ResultsError> {
        self.writer.write(&requests(&self.group, self.first_ns.unwrap_or_default()))?;
        self.group.clear();
        Ok(())
    }
}

impl Imported {
    /// The text for the console.
    #[must_use]
    pub fn describe(&self) -> String {
        let logs = self.logs.iter().map(|log| {
            let rows = if log.rows == 1 { "row" } else { "rows" };
            format!("log       {} ({}, {} {rows})\n", log.file, log.format, log.rows)
        });
        let mut text = logs.collect::<String>() + &describe_traffic(&self.traffic);
        let left_out: Vec<String> =
            self.left_out.iter().map(|(what, n)| format!("{n} {what}")).collect();
        if !left_out.is_empty() {
            text.push_str(&format!("left out  {}\n", left_out.join(", ")));
        }
        text
    }
}
