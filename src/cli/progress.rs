//! Progress on stderr: runs done, tasks per second, time left.

use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

use crate::experiment::Progress;

/// A progress bar; indicatif keeps it away from anything that is not a terminal.
pub(super) struct Bar {
    bar: ProgressBar,
    tasks: AtomicU64,
}

impl Bar {
    pub(super) fn new(quiet: bool) -> Self {
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(0) };
        let style = ProgressStyle::with_template(
            "{bar:40} {pos}/{len} runs  {per_sec}  {msg}  {elapsed} gone, {eta} left",
        );
        bar.set_style(style.expect("the template is a constant"));
        Self { bar, tasks: AtomicU64::new(0) }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Bar {
    fn runs(&self, n: u64) {
        self.bar.set_length(n);
    }

    fn run_ended(&self, tasks: u64) {
        let total = self.tasks.fetch_add(tasks, Ordering::Relaxed) + tasks;
        self.bar.set_message(format!("{total} tasks"));
        self.bar.inc(1);
    }
}
