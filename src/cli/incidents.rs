//! `incidents`: the laws of a history of incidents, and the faults that follow from them.

use std::path::PathBuf;

use clap::Args;

use super::{Stop, print};
use crate::analysis::bootstrap::Bootstrap;
use crate::analysis::incidents::history;
use crate::calendar::seconds_of;
use crate::data;
use crate::report;

/// Resamples of the tests of fit.
const RESAMPLES: u32 = 999;

/// The window where none is asked for: the last year of the history, since rates change.
const YEAR_S: f64 = 365.0 * 86_400.0;

#[derive(Args)]
pub(super) struct Incidents {
    /// A table (CSV, CSV.gz or Parquet) with `start`, `close` and perhaps `provider`, a row for each incident
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Leave out incidents that start before this date [default: a year before the end]
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Leave out incidents that start at this date or later [default: the end of the history]
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
}

impl Incidents {
    pub(super) fn run(&self) -> Result<(), Stop> {
        let histories = data::incidents::read(&self.file)
            .map_err(|error| Stop::bad_input(format!("error: {error}")))?;
        let last_s = histories.values().flatten().map(|i| i.start_s).fold(f64::MIN, f64::max);
        // The last one belongs to it.
        let until_s = date(self.until.as_deref())?.unwrap_or(last_s + 1.0);
        let from_s = date(self.from.as_deref())?.unwrap_or(until_s - YEAR_S);
        let bootstrap = Bootstrap { resamples: RESAMPLES, key: 0 };
        let mut reports = Vec::new();
        for (provider, incidents) in &histories {
            let window = (from_s, until_s);
            reports.push(match history(incidents, window, bootstrap) {
                Some(history) => report::incidents(provider, window, &history),
                None => format!("{provider}: fewer than 3 incidents in this time\n"),
            });
        }
        print(&reports.join("\n"))
    }
}

fn date(written: Option<&str>) -> Result<Option<f64>, Stop> {
    let Some(written) = written else { return Ok(None) };
    seconds_of(written).map(Some).ok_or_else(|| {
        Stop::bad_input(format!(
            "error: \"{written}\" is no date; write one such as 2024-09-01 or 2024-09-01T12:00Z"
        ))
    })
}
