//! Charts and texts out of a folder of results: from its Parquet and manifest alone.

pub mod charts;
mod curves;
mod policies;
mod summary;
mod table;

use std::path::Path;

use crate::results::ResultsError;
use crate::results::manifest::Manifest;

pub use crate::results::folder::{CHARTS, SUMMARY};
pub use summary::console;

/// What stands in the way of a report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The results cannot be read, or the report not written.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// A chart cannot be drawn from what the tables hold.
    #[error("cannot draw {chart}: {cause}; the tables may be damaged: run the scenario again")]
    Chart {
        /// Which one.
        chart: String,
        /// Why.
        cause: String,
    },
}

/// Writes charts and summary into a folder of results; returns the text for the console.
///
/// # Errors
/// If tables or manifest cannot be read, or the disk refuses.
pub fn write(folder: &Path) -> Result<String, ReportError> {
    let manifest = Manifest::read(folder)?;
    let charts = curves::draw(folder, &manifest)?;
    let path = folder.join(CHARTS);
    std::fs::create_dir_all(&path).map_err(|e| ResultsError::write(&path, &e))?;
    for (name, rendered) in &charts {
        rendered.write(&path, name).map_err(|e| ResultsError::write(&path, &e))?;
    }
    let names: Vec<&str> = charts.iter().map(|(name, _)| name.as_str()).collect();
    let text = summary::markdown(folder, &manifest, &names)?;
    let path = folder.join(SUMMARY);
    std::fs::write(&path, text).map_err(|e| ResultsError::write(&path, &e))?;
    Ok(console(folder, &manifest)?)
}
