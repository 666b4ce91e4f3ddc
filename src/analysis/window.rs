//! Windows: which tasks a measure is over, by the instant at which they arrive.

use crate::units::SimTime;

/// Which tasks a measure is over.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// All behind the warm-up.
    #[default]
    Run,
    /// Those that arrive while a fault lasts.
    Faults,
    /// Those that arrive while a fault leaves five models or more without tokens.
    Exhaustion,
}

impl Window {
    /// All windows.
    pub const ALL: [Self; 3] = [Self::Run, Self::Faults, Self::Exhaustion];

    /// The name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Faults => "faults",
            Self::Exhaustion => "exhaustion",
        }
    }
}

/// Spans of time over which tasks are measured apart, each from its first instant to before its last; `None` where the
/// world has nothing of the kind on any seed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spans {
    /// When a fault lasts: spans that do not touch, in order.
    pub faults: Option<Vec<(SimTime, SimTime)>>,
    /// When a fault leaves five models or more without tokens.
    pub exhaustion: Option<Vec<(SimTime, SimTime)>>,
    /// Instants from which on something is different, in order: a fault begins or ends, the means of a problem change.
    pub changes: Vec<SimTime>,
}

impl Spans {
    pub(super) fn may_hold(&self, window: Window) -> bool {
        match window {
            Window::Run => true,
            Window::Faults => self.faults.is_some(),
            Window::Exhaustion => self.exhaustion.is_some(),
        }
    }

    pub(super) fn holds(&self, window: Window, now: SimTime) -> bool {
        match window {
            Window::Run => true,
            Window::Faults => self.faults.as_ref().is_some_and(|spans| {
                let begun = spans.partition_point(|(from, _)| *from <= now);
                begun > 0 && now < spans[begun - 1].1
            }),
            Window::Exhaustion => {
                self.exhaustion.iter().flatten().any(|(from, to)| *from <= now && now < *to)
            }
        }
    }
}
