//! `diff`: two folders of results side by side.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{Stop, print};
use crate::report;

#[derive(Args)]
pub(super) struct Diff {
    /// A folder that `run` has written: A
    #[arg(value_name = "RESULTS_A")]
    a: PathBuf,
    /// Another: B
    #[arg(value_name = "RESULTS_B")]
    b: PathBuf,
    /// Every measure, level and window instead of the main measures over all tasks
    #[arg(long)]
    all: bool,
}

/// Reads a folder of results to be compared with another.
pub(super) fn read(folder: &Path) -> Result<report::Measured, Stop> {
    report::Measured::read(folder).map_err(|e| Stop::bad_input(format!("error: {e}")))
}

impl Diff {
    pub(super) fn run(&self) -> Result<(), Stop> {
        let text = report::Diff::of(&read(&self.a)?, &read(&self.b)?, self.all).console();
        print(&format!("A {}\nB {}\n\n{text}", self.a.display(), self.b.display()))
    }
}
