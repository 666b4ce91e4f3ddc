//! `calibrate`: a registry and a world fitted to a log of requests.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Stop, print};
use crate::data::requests;
use crate::offline::calibrate::{Calibration, Holdout, Plan, Split};

#[derive(Args)]
pub(super) struct Calibrate {
    /// A log of requests as CSV, CSV.gz or Parquet: model, latency_s or end_to_end_s, and where it
    /// has them provider, ttft_s, input_tokens, output_tokens, and error_code or outcome
    #[arg(value_name = "LOG")]
    log: PathBuf,
    /// Folder for registry.toml, scenario.toml, report.md, fits.csv and charts
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Also fit one half of each model's answers and predict the other; may be given twice
    #[arg(long, value_enum, value_name = "HALF")]
    holdout: Vec<Half>,
    /// Probability that any of a log's models is named for a misfit, or for a drift, without one
    #[arg(long, default_value_t = Plan::default().alpha, value_parser = parse_alpha)]
    alpha: f64,
    /// Resamples of each test of fit; more are taken where so many models are tested that none could fail
    #[arg(long, default_value_t = Plan::default().resamples)]
    resamples: u32,
    /// Seed of all resampling
    #[arg(long, default_value_t = Plan::default().seed)]
    seed: u64,
}

/// Which half is held out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Half {
    /// The second half in order of the log: tests the fit, and that nothing changed
    SecondHalf,
    /// Every second answer: tests the fit alone
    Alternate,
}

impl From<Half> for Split {
    fn from(half: Half) -> Self {
        match half {
            Half::SecondHalf => Self::SecondHalf,
            Half::Alternate => Self::Alternate,
        }
    }
}

fn parse_alpha(text: &str) -> Result<f64, String> {
    let alpha: f64 = text.parse().map_err(|_| "write a number such as 0.05".to_owned())?;
    if alpha > 0.0 && alpha < 1.0 {
        Ok(alpha)
    } else {
        Err("write a number above 0 and below 1, such as 0.05".to_owned())
    }
}

impl Calibrate {
    pub(super) fn run(&self) -> Result<(), Stop> {
        let logs = requests::read(&self.log).map_err(|e| Stop::bad_input(format!("error: {e}")))?;
        let source = self.log.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let plan = Plan {
            alpha: self.alpha,
            resamples: self.resamples,
            seed: self.seed,
            ..Plan::default()
        };
        let calibration = Calibration::of(&source, &logs, plan);
        if calibration.models.is_empty() {
            let message = "error: no model of the log has enough answers for a law; \
                           give it at least 10 for each model";
            return Err(Stop::bad_input(message));
        }
        let mut holdouts: Vec<Holdout> = Vec::new();
        for half in &self.holdout {
            let split = Split::from(*half);
            if holdouts.iter().all(|known| known.split != split) {
                holdouts.push(Holdout::of(split, &logs, self.seed));
            }
        }
        calibration.write(&self.out, &holdouts).map_err(|e| Stop::failed(format!("error: {e}")))?;
        let written = ["registry.toml", "scenario.toml", "report.md", "fits.csv", "charts"]
            .map(|name| self.out.join(name).display().to_string())
            .join("\n");
        print(&format!("{}\n{written}\n", calibration.console(&holdouts)))
    }
}
