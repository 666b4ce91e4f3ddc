//! Dates and times of a run in its own zone, out of the manifest.

use std::path::Path;

use crate::calendar::LocalClock;
use crate::results::ResultsError;
use crate::results::manifest::{MANIFEST, Manifest};
use crate::units::{SimDuration, SimTime};

/// The clock of the runs.
pub(super) fn clock(folder: &Path, manifest: &Manifest) -> Result<LocalClock, ResultsError> {
    LocalClock::of_manifest(&manifest.start, &manifest.zone).ok_or_else(|| ResultsError::Read {
        path: folder.join(MANIFEST).display().to_string(),
        cause: format!("there is no local time {} in {}", manifest.start, manifest.zone),
        cure: "run the scenario again with this program",
    })
}

/// The instant so many seconds after the start.
pub(super) fn instant(at_s: f64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs_f64(at_s)
}

/// The local day on which an instant falls.
pub(super) fn day(clock: &LocalClock, at_s: f64) -> u32 {
    clock.clone().at(instant(at_s)).day
}

/// Local date and time of day, to the minute.
pub(super) fn local_time(clock: &LocalClock, at_s: f64) -> String {
    let local = clock.clone().at(instant(at_s));
    format!("{} {}", clock.date(local.day), local.hour_minute())
}
