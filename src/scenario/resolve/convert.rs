//! Values as they are written, made into the numbers of rules.

use crate::scenario::problem::Problems;
use crate::scenario::tree::{Node, Path};
use crate::scenario::values::Duration;
use crate::units::SimDuration;

/// A time.
pub(super) fn span(time: Duration) -> SimDuration {
    SimDuration(time.nanos())
}

/// A count; one that is too large for a rule is as good as without end.
pub(super) fn small(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Reports a time that must not be zero; `key` is its path in the stack that `tree` is.
pub(super) fn must_last(key: &str, time: Duration, tree: &Node, problems: &mut Problems) {
    if time == Duration::ZERO {
        let message = format!("`{key}` is no time at all");
        problems.add(
            tree.span_at(&Path::of(key)),
            message,
            "write a time above 0, such as \"10s\"",
        );
    }
}
