//! The command line: its verbs, and what they print where. Results go to stdout, everything else to stderr.

mod calibrate;
mod diff;
mod explain;
mod import;
mod incidents;
mod frontier;
mod list;
mod new;
mod off_policy;
mod progress;
mod run;

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::analysis::expect::Tally;
use crate::report;
use crate::scenario::resolved::Resolved;
use crate::scenario::{self, values::Seeds};

/// Exit code of bad input: a scenario, a flag or a file that cannot be used.
const BAD_INPUT: u8 = 2;
/// Exit code of work that could not be finished.
const FAILED: u8 = 1;
/// Exit code of an expectation that is not met.
const NOT_MET: u8 = 99;

#[derive(Parser)]
#[command(name = "reflexarc", version, about, long_about = None, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run scenarios and leave tables, charts and a summary
    Run(run::Run),
    /// Run a scenario with a list of learners as its variants, and compare them
    Compare(run::Compare),
    /// Check scenarios: report every mistake, and warn of settings that can never act
    Check {
        /// Scenario files
        #[arg(required = true, value_name = "SCENARIO")]
        scenarios: Vec<PathBuf>,
        /// A warning fails like a mistake
        #[arg(long)]
        strict: bool,
        /// Let paths in a scenario lead out of its folder
        #[arg(long)]
        allow_outside: bool,
    },
    /// Write a commented scenario to start from
    New {
        /// Where to write it
        #[arg(value_name = "FILE")]
        path: PathBuf,
    },
    /// Print the JSON Schema of the scenario format, for editors
    Schema,
    /// List what a scenario can name, or describe one of it
    List {
        /// What to list
        #[arg(value_enum)]
        what: list::What,
        /// One of the listed names
        name: Option<String>,
    },
    /// Write charts, reports and summary again from a folder of results
    Report {
        /// A folder that `run` has written
        #[arg(value_name = "RESULTS_DIR")]
        results: PathBuf,
        /// An undecided expectation fails like one that is not met
        #[arg(long)]
        strict: bool,
    },
    /// Fit a history of incidents, and print the faults that follow from it
    Incidents(incidents::Incidents),
    /// Compare two folders of results, paired by seed
    Diff(diff::Diff),
    /// Tell the whole story of one task: decisions, calls, waits, fallbacks, breakers
    Explain(explain::Explain),
    /// Turn logs of a gateway into a table of requests, and describe the traffic
    Import(import::Import),
    /// Fit a registry and a world to a log of requests
    Calibrate(calibrate::Calibrate),
    /// Estimate from the decisions of one policy what another would have earned
    OffPolicy(off_policy::OffPolicy),
    /// Measure routers on a table of recorded outcomes: cost, quality, frontier
    Frontier(frontier::Frontier),
}

/// Runs the command line and returns its exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // A reader that has gone away is no reason to fail.
            let _ = error.print();
            return if error.use_stderr() { BAD_INPUT.into() } else { ExitCode::SUCCESS };
        }
    };
    let done = match arguments.verb {
        Verb::Run(run) => run.run(),
        Verb::Compare(compare) => compare.run(),
        Verb::Check { scenarios, strict, allow_outside } => {
            check(&scenarios, strict, allow_outside)
        }
        Verb::New { path } => new::write(&path),
        Verb::Schema => {
            let schema = scenario::schema::json_schema();
            let text = serde_json::to_string_pretty(&schema).expect("a schema is plain JSON");
            print(&format!("{text}\n"))
        }
        Verb::List { what, name } => list::print_list(what, name.as_deref()),
        Verb::Report { results, strict } => report_again(&results, strict),
        Verb::Incidents(incidents) => incidents.run(),
        Verb::Diff(diff) => diff.run(),
        Verb::Explain(explain) => explain.run(),
        Verb::Import(import) => import.run(),
        Verb::Calibrate(calibrate) => calibrate.run(),
        Verb::OffPolicy(off_policy) => off_policy.run(),
        Verb::Frontier(frontier) => frontier.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop { message, code }) => {
            complain(&message);
            code.into()
        }
    }
}

/// Why a verb stopped, and with which exit code.
struct Stop {
    message: String,
    code: u8,
}

impl Stop {
    fn bad_input(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: BAD_INPUT }
    }

    fn failed(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: FAILED }
    }
}

/// Prints to stdout; a reader that has gone away ends the work quietly.
fn print(text: &str) -> Result<(), Stop> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Stop::failed(format!("error: cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints to stderr.
fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text.trim_end());
}

fn check(paths: &[PathBuf], strict: bool, allow_outside: bool) -> Result<(), Stop> {
    let mut reports = Vec::new();
    let mut n_warnings = 0;
    for path in paths {
        match scenario::read(path, allow_outside) {
            Ok(resolved) => {
                let runs = resolved.blocks.len() * resolved.variants.len() * resolved.seeds.len();
                print(&format!(
                    "{}: ok, {} variants x {} seeds x {} blocks = {runs} runs\n",
                    path.display(),
                    resolved.variants.len(),
                    resolved.seeds.len(),
                    resolved.blocks.len()
                ))?;
                warn(&resolved);
                n_warnings += resolved.warnings.count();
            }
            Err(report) => reports.push(said(&report)),
        }
    }
    if strict && n_warnings > 0 {
        let s = if n_warnings == 1 { "" } else { "s" };
        reports.push(format!("error: {n_warnings} warning{s} under --strict"));
    }
    if reports.is_empty() { Ok(()) } else { Err(Stop::bad_input(reports.join("\n"))) }
}

/// Warns of what is set and can never act.
fn warn(study: &Resolved) {
    if study.warnings.count() > 0 {
        complain(&study.warnings.to_string());
    }
}

/// A report with the number of its problems at the end.
fn said(report: &scenario::Report) -> String {
    let n = report.count();
    format!("{}\n{n} problem{}", report.to_string().trim_end(), if n == 1 { "" } else { "s" })
}

fn report_again(results: &Path, strict: bool) -> Result<(), Stop> {
    let report::Told { text, tally } =
        report::write(results).map_err(|e| Stop::bad_input(format!("error: {e}")))?;
    print(&format!(
        "{text}\n{}\n{}\n",
        results.join(report::CHARTS).display(),
        results.join(report::REPORTS).display()
    ))?;
    held(tally, strict)
}

/// Fails where an expectation is not met, or with `strict` is undecided; warns of one that is undecided.
fn held(tally: Tally, strict: bool) -> Result<(), Stop> {
    let Tally { n, n_not_met, n_undecided } = tally;
    let of = format!("of {n} expectation{}", if n == 1 { "" } else { "s" });
    let more = "more seeds may decide (--seeds)";
    match (n_not_met, n_undecided) {
        (0, 0) => Ok(()),
        (0, _) if strict => {
            let message = format!("error: {n_undecided} {of} undecided, under --strict; {more}");
            Err(Stop { message, code: NOT_MET })
        }
        (0, _) => {
            complain(&format!("warning: {n_undecided} {of} undecided; {more}"));
            Ok(())
        }
        (_, _) => {
            let message = format!("error: {n_not_met} {of} not met, {n_undecided} undecided");
            Err(Stop { message, code: NOT_MET })
        }
    }
}

/// Reads seeds from the command line, in the words of the scenario format.
fn parse_seeds(text: &str) -> Result<Seeds, String> {
    text.parse::<Seeds>().map_err(|refusal| refusal.to_string())
}
