//! Calibration: laws of time and length fitted to a log of requests, per model, with what does not fit or drifts named.

mod charts;
mod finding;
mod holdout;
mod measured;
mod registry;
mod scenario;
mod text;

use std::path::Path;

use crate::analysis::wilcoxon::holm;
use crate::data::requests::ModelLog;
use crate::report::charts::ChartError;

pub use finding::Finding;
pub use holdout::{Holdout, Prediction, Predictor, Split};
pub use measured::{Measured, Order, Quantity};

/// Answers below which a model is left out.
pub const LEAST_ANSWERS: usize = 10;

/// How a log is judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// Probability that a log without misfit, or without drift, has any model named for it.
    pub alpha: f64,
    /// Resamples of a test of fit; more are taken where a finding could not reach `alpha` otherwise.
    pub resamples: u32,
    /// Permutations of a test of order; more likewise.
    pub permutations: u32,
    /// Seed of all resampling.
    pub seed: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self { alpha: 0.05, resamples: 999, permutations: 9_999, seed: 1 }
    }
}

impl Plan {
    /// The plan with enough resamples for `n` tests at once: the least p value times `n` is half of alpha.
    fn enough_for(self, n: usize) -> Self {
        let least = (2.0 * n as f64 / self.alpha).ceil().min(1e6) as u32;
        let (resamples, permutations) = (self.resamples.max(least), self.permutations.max(least));
        Self { resamples, permutations, ..self }
    }
}

/// A log with all that was fitted to it.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// Name of the log.
    pub source: String,
    /// How it was judged.
    pub plan: Plan,
    /// The models that have enough answers, by name.
    pub models: Vec<Measured>,
    /// The others, with the number of their requests and answers.
    pub left_out: Vec<(String, u64, usize)>,
}

/// Why a calibration cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The disk refuses.
    #[error("cannot write {path}: {cause}")]
    Disk {
        /// The file.
        path: String,
        /// Why.
        cause: std::io::Error,
    },
    /// A chart cannot be drawn.
    #[error("the chart {chart} cannot be drawn: {cause}")]
    Chart {
        /// Its name.
        chart: String,
        /// Why.
        cause: ChartError,
    },
}

impl Calibration {
    /// Fits all models of a log.
    #[must_use]
    pub fn of(source: &str, logs: &[ModelLog], plan: Plan) -> Self {
        let (enough, few): (Vec<&ModelLog>, Vec<&ModelLog>) =
            logs.iter().partition(|log| measured::is_enough(log));
        let left_out =
            few.iter().map(|log| (log.name(), log.requests, log.answers.len())).collect();
        let plan = plan.enough_for(3 * enough.len());
        let mut models: Vec<Measured> = enough
            .iter()
            .enumerate()
            .map(|(at, log)| Measured::of(log, plan, plan.seed.wrapping_add(1_000 * at as u64)))
            .collect();
        correct(&mut models);
        for model in &mut models {
            model.findings = finding::findings(model, plan.alpha);
        }
        Self { source: source.to_owned(), plan, models, left_out }
    }

    /// Writes registry, scenario, report, table of fits and charts into a folder, which is made if need be.
    ///
    /// # Errors
    /// If the disk refuses or a chart cannot be drawn.
    pub fn write(&self, folder: &Path, holdouts: &[Holdout]) -> Result<(), WriteError> {
        let charts = folder.join(CHARTS);
        let disk =
            |path: &Path, cause| WriteError::Disk { path: path.display().to_string(), cause };
        std::fs::create_dir_all(&charts).map_err(|cause| disk(&charts, cause))?;
        for (name, text) in [
            ("registry.toml", registry::text(self)),
            ("scenario.toml", scenario::text(self)),
            ("report.md", text::report(self, holdouts)),
            ("fits.csv", text::fits(self)),
        ] {
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(|cause| disk(&path, cause))?;
        }
        for (name, rendered) in charts::draw(self)? {
            rendered.write(&charts, &name).map_err(|cause| disk(&charts.join(&name), cause))?;
        }
        Ok(())
    }

    /// What was found, for the console.
    #[must_use]
    pub fn console(&self, holdouts: &[Holdout]) -> String {
        text::console(self, holdouts)
    }
}

/// Name of the folder of charts.
const CHARTS: &str = "charts";

/// Corrects the p values of all tests of fit at once, and of all tests of order at once (Holm 1979).
fn correct(models: &mut [Measured]) {
    let mut fits: Vec<&mut f64> =
        models.iter_mut().flat_map(Measured::fit_p_values).collect::<Vec<_>>();
    let p: Vec<f64> = fits.iter().map(|p| **p).collect();
    for (p, corrected) in fits.iter_mut().zip(holm(&p)) {
        **p = corrected;
    }
    let mut orders: Vec<&mut f64> =
        models.iter_mut().flat_map(|model| model.order.p_values()).collect();
    let p: Vec<f64> = orders.iter().map(|p| **p).collect();
    for (p, corrected) in orders.iter_mut().zip(holm(&p)) {
        **p = corrected;
    }
}
