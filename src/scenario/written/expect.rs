//! What a study is expected to show.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Name;
use crate::analysis::window::Window;
use crate::scenario::values::{Finite, Level, NonNegative};

/// What a study is expected to show: a run says whether it is met.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The measure, by its name in tables and reports.
    #[schemars(example = &"availability")]
    pub metric: Name,
    /// The variant of which it is expected; it may be left out where there is but one.
    pub variant: Option<Name>,
    /// The block in which it is expected, by default each.
    pub block: Option<Name>,
    /// The level of the tasks, by default all.
    pub level: Option<Level>,
    /// Over which tasks: all behind the warm-up, or those that arrive while a fault lasts.
    #[serde(default)]
    pub window: Window,
    /// What it is at least, in the measure's unit; a share counts from 0 to 1. Write exactly one of `at_least`,
    /// `at_most` and `better_than`.
    #[schemars(example = 0.99)]
    pub at_least: Option<Finite>,
    /// What it is at most, in the measure's unit; a share counts from 0 to 1.
    #[schemars(example = 0.01)]
    pub at_most: Option<Finite>,
    /// Another variant than which it is better on the same seeds.
    pub better_than: Option<Name>,
    /// By how much it is better at least, in the measure's unit; by default by anything at all.
    #[schemars(example = 0.05)]
    pub by: Option<NonNegative>,
}
