//! `run`: scenarios in, folders of results out.

use std::path::{Path, PathBuf};

use clap::Args;

use super::progress::Bar;
use super::{Stop, complain, diff, held, parse_seeds, print, said, warn};
use crate::analysis::expect::Tally;
use crate::experiment;
use crate::report::{self, Measured, Told};
use crate::results::folder::Staging;
use crate::scenario;
use crate::scenario::resolved::Resolved;
use crate::scenario::values::Seeds;

/// Where results go unless said otherwise.
const RESULTS: &str = "results";

#[derive(Args)]
pub(super) struct Run {
    /// Scenario files
    #[arg(required = true, value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,
    /// Seeds instead of the scenario's, such as 1..200 (both ends included)
    #[arg(long, value_parser = parse_seeds)]
    seeds: Option<Seeds>,
    /// Threads; the results do not depend on it [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Folder of the results [default: results/<scenario>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Compare the results with earlier ones of the same scenario, and leave the comparison beside the summary
    #[arg(long, value_name = "RESULTS_DIR")]
    baseline: Option<PathBuf>,
    /// An undecided expectation fails like one that is not met
    #[arg(long)]
    strict: bool,
    /// No progress on stderr
    #[arg(long)]
    quiet: bool,
    /// Let paths in a scenario lead out of its folder
    #[arg(long)]
    allow_outside: bool,
}

#[derive(Args)]
pub(super) struct Compare {
    #[command(flatten)]
    run: Run,
    /// Learners, plain orders or variants of the scenario, separated by commas; differences are to the first unless the
    /// scenario says so
    #[arg(long, required = true, value_delimiter = ',', value_name = "NAMES")]
    learners: Vec<String>,
}

impl Compare {
    pub(super) fn run(self) -> Result<(), Stop> {
        self.run.run_with(Some(&self.learners))
    }
}

fn failed(error: &dyn std::fmt::Display) -> Stop {
    Stop::failed(format!("error: {error}"))
}

impl Run {
    pub(super) fn run(self) -> Result<(), Stop> {
        self.run_with(None)
    }

    /// Runs the scenarios, with these variants if they are given.
    fn run_with(&self, variants: Option<&[String]>) -> Result<(), Stop> {
        for (flag, is_given) in [("out", self.out.is_some()), ("baseline", self.baseline.is_some())]
        {
            if is_given && self.scenarios.len() > 1 {
                return Err(Stop::bad_input(format!(
                    "error: --{flag} takes the results of one scenario; run them one by one, or leave --{flag} out",
                )));
            }
        }
        // All scenarios are read before the first one runs: a mistake in the last should not cost the work on the others.
        let mut studies = Vec::new();
        let mut reports = Vec::new();
        for path in &self.scenarios {
            match self.read(path, variants) {
                Ok(study) => studies.push(study),
                Err(report) => reports.push(report),
            }
        }
        if !reports.is_empty() {
            return Err(Stop::bad_input(reports.join("\n")));
        }
        for (at, study) in studies.iter().enumerate() {
            let twin = studies[..at].iter().find(|other| other.name == study.name);
            if let Some(twin) = twin {
                return Err(Stop::bad_input(format!(
                    "error: two scenarios are called {}; run them one by one with --out",
                    twin.name
                )));
            }
        }
        // Read before anything runs: it may be missing, or the very result that gives way.
        let baseline = self.baseline.as_deref().map(diff::read).transpose()?;
        // Every place is tried before the first scenario runs, for the same reason.
        let places: Vec<Staging> = studies
            .iter()
            .map(|study| Staging::beside(&self.place(study)).map_err(|e| failed(&e)))
            .collect::<Result<_, _>>()?;
        let mut tally = Tally::default();
        for (study, staging) in studies.iter().zip(places) {
            tally += self.run_one(study, staging, baseline.as_ref())?;
        }
        held(tally, self.strict)
    }

    fn place(&self, study: &Resolved) -> PathBuf {
        self.out.clone().unwrap_or_else(|| Path::new(RESULTS).join(&study.name))
    }

    fn read(&self, path: &Path, variants: Option<&[String]>) -> Result<Resolved, String> {
        let read = match variants {
            None => scenario::read(path, self.allow_outside),
            Some(names) => scenario::read_with_variants(path, self.allow_outside, names),
        };
        let mut study = read.map_err(|report| said(&report))?;
        if variants.is_some() {
            study.name.push_str("-compare");
        }
        if let Some(seeds) = &self.seeds {
            study.seeds = seeds.iter().collect();
            for variant in &study.variants {
                let both =
                    variant.best_fixed.iter().flatten().find(|seed| study.seeds.contains(seed));
                if let Some(both) = both {
                    return Err(format!(
                        "error: --seeds holds {both}, a selection seed of the variant {}; report on other seeds",
                        variant.name
                    ));
                }
            }
            let tuned_on = study.parameter_studies.iter().flat_map(|own| &own.selection_seeds);
            if let Some(both) = tuned_on.into_iter().find(|seed| study.seeds.contains(seed)) {
                return Err(format!(
                    "error: --seeds holds {both}, a selection seed of [[parameter_studies]]; report on other seeds"
                ));
            }
            let won_on = study.compare.selection_seeds.iter().flatten();
            if let Some(both) = won_on.into_iter().find(|seed| study.seeds.contains(seed)) {
                return Err(format!(
                    "error: --seeds holds {both}, a selection seed of [compare]; report on other seeds"
                ));
            }
            let chosen_on = study.criteria.as_ref().map(|criteria| &criteria.selection_seeds);
            let both = chosen_on.into_iter().flatten().find(|seed| study.seeds.contains(seed));
            if let Some(both) = both {
                return Err(format!(
                    "error: --seeds holds {both}, a selection seed of [criteria]; report on other seeds"
                ));
            }
        }
        Ok(study)
    }

    fn run_one(
        &self,
        study: &Resolved,
        staging: Staging,
        baseline: Option<&Measured>,
    ) -> Result<Tally, Stop> {
        if !self.quiet {
            complain(&format!("{}: {}", study.name, study.question));
        }
        warn(study);
        let bar = Bar::new(self.quiet);
        let threads = self.threads.map_or(0, usize::from);
        experiment::run(study, staging.path(), threads, &bar).map_err(|e| failed(&e))?;
        bar.finish();
        let Told { text, tally } = report::write(staging.path()).map_err(|e| failed(&e))?;
        let compared =
            baseline.map(|baseline| report::write_diff(baseline, staging.path())).transpose();
        let compared = compared.map_err(|e| failed(&e))?;
        let place = staging.put_in_place().map_err(|e| failed(&e))?;
        let path = match compared {
            Some(_) => format!("diff     {}\n", place.join(report::DIFF).display()),
            None => String::new(),
        };
        print(&format!(
            "{text}{}\ncharts   {}\nreports  {}\nsummary  {}\n{path}{}\n",
            compared.unwrap_or_default(),
            place.join(report::CHARTS).display(),
            place.join(report::REPORTS).display(),
            place.join(report::SUMMARY).display(),
            place.display()
        ))?;
        Ok(tally)
    }
}
