//! Charts and texts out of a folder of results: from its Parquet and manifest alone.

pub mod charts;
mod bandit;
mod belief_chart;
mod beliefs;
mod choices;
mod comparison;
mod criteria;
mod curves;
mod daily;
mod dashboard;
mod dates;
mod diff;
mod document;
mod entries;
mod execution;
mod expectations;
mod frame;
mod incidents;
mod learned;
mod learning;
mod learning_results;
mod measured;
pub(crate) mod number;
mod performance;
mod phases;
mod policies;
mod recorded;
mod resilience;
mod subject;
mod summary;
pub(crate) mod table;
mod traffic;

use std::path::Path;

use crate::analysis::expect::Tally;
use crate::results::ResultsError;
use crate::results::manifest::Manifest;

pub use crate::results::folder::{CHARTS, DIFF, REPORTS, SUMMARY};
pub use diff::Diff;
pub use incidents::incidents;
pub use measured::Measured;
pub use traffic::describe_traffic;

use beliefs::Beliefs;
use choices::EveryChoice;
use comparison::Comparison;
use criteria::Evidence;
use document::Report;
use expectations::Verdicts;
use learned::Learned;
use phases::Phases;
use policies::Policies;
use recorded::RecordedReport;

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

/// What a report says.
#[derive(Clone, Debug)]
pub struct Told {
    /// The text for the console.
    pub text: String,
    /// What became of the expectations.
    pub tally: Tally,
}

/// Writes charts, reports and summary into a folder of results.
///
/// # Errors
/// If tables or manifest cannot be read, or the disk refuses.
pub fn write(folder: &Path) -> Result<Told, ReportError> {
    let manifest = Manifest::read(folder)?;
    let evidence = Evidence::read(folder, &manifest)?;
    let verdicts = Verdicts::of(&manifest, &evidence.values);
    // Charts and reports of what happened within runs are of the blocks whose runs left rows.
    let with_rows = manifest.with_rows();
    let own = match with_rows.blocks.len() == manifest.blocks.len() {
        true => None,
        false => Some(Evidence::read(folder, &with_rows)?),
    };
    let of_runs = own.as_ref().unwrap_or(&evidence);
    let has_runs = !of_runs.manifest.blocks.is_empty();
    let subjects = subject::subjects(of_runs.manifest, &evidence.values);
    let (learned, beliefs) = (Learned::read(folder)?, Beliefs::read(folder)?);
    let phases = Phases::read(folder, &evidence.days)?;
    let policies = Policies::read(folder)?;
    let recorded = RecordedReport::read(folder, &manifest)?;
    let choices = EveryChoice::read(folder, &manifest)?;
    let mut charts = match has_runs {
        true => curves::draw(folder, of_runs, &subjects, &beliefs)?,
        false => Vec::new(),
    };
    for (name, chart) in recorded.iter().flat_map(RecordedReport::charts) {
        let rendered = chart.render().map_err(|cause| ReportError::Chart {
            chart: name.clone(),
            cause: cause.to_string(),
        })?;
        charts.push((name, rendered));
    }
    let path = folder.join(CHARTS);
    std::fs::create_dir_all(&path).map_err(|e| ResultsError::write(&path, &e))?;
    for (name, rendered) in &charts {
        rendered.write(&path, name).map_err(|e| ResultsError::write(&path, &e))?;
    }
    let names: Vec<&str> = charts.iter().map(|(name, _)| name.as_str()).collect();
    let comparison = Comparison::read(folder, &evidence)?;
    let comparison = comparison.as_ref();
    let mut reports: Vec<Report> = comparison.map(Comparison::report).into_iter().collect();
    reports.extend(recorded.as_ref().map(RecordedReport::report));
    reports.extend(choices.as_ref().map(EveryChoice::report));
    let is_bandit = comparison::is_bandit(&manifest);
    let mut criteria = String::new();
    if !is_bandit && has_runs {
        let execution;
        (execution, criteria) = execution::report(of_runs);
        reports.push(execution);
        reports.push(performance::report(folder, of_runs, &names)?);
        reports.extend(resilience::report(of_runs, &names));
        reports.push(learning_results::report(folder, of_runs, &learned, &beliefs, &phases)?);
        reports.extend(daily::reports(folder, of_runs, &subjects)?);
        let own = learning::reports(folder, of_runs, &learned, &beliefs, &phases, &subjects)?;
        reports.extend(own);
    }
    for report in &reports {
        let path = folder.join(&report.path);
        let above = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(above).map_err(|e| ResultsError::write(above, &e))?;
        std::fs::write(&path, &report.text).map_err(|e| ResultsError::write(&path, &e))?;
    }
    let text = match is_bandit {
        true => bandit::markdown(&evidence, comparison, &names, &reports, &verdicts),
        false => summary::markdown(&evidence, &policies, comparison, &names, &reports, &verdicts),
    };
    let path = folder.join(SUMMARY);
    std::fs::write(&path, text).map_err(|e| ResultsError::write(&path, &e))?;
    let text = match is_bandit {
        true => bandit::console(&evidence, comparison),
        false => {
            let dashboard = dashboard::dashboard(folder, of_runs)?;
            summary::console(&evidence, &policies, comparison, &dashboard)
        }
    };
    let prompts = recorded.as_ref().map(RecordedReport::console).unwrap_or_default();
    let every = choices.as_ref().map(EveryChoice::console).unwrap_or_default();
    let text = text + &prompts + &every + &verdicts.console() + "\n" + &criteria;
    Ok(Told { text, tally: verdicts.tally() })
}

/// Writes a comparison of the results in `folder` (B) with a baseline (A) beside the summary; returns its text for the
/// console.
///
/// # Errors
/// If the results cannot be read, or the disk refuses.
pub fn write_diff(baseline: &Measured, folder: &Path) -> Result<String, ReportError> {
    const HEADING: &str = "Comparison: A is the baseline, B this run";
    let diff = Diff::of(baseline, &Measured::read(folder)?, false);
    let path = folder.join(DIFF);
    std::fs::write(&path, diff.markdown(HEADING)).map_err(|e| ResultsError::write(&path, &e))?;
    Ok(format!("\n{HEADING}\n\n{}", diff.console()))
}
