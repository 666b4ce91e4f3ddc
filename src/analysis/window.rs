//! Windows: which tasks a measure is over, by the instant at which they arrive.

use super::resilience::{FaultSpan, Spread};
use crate::units::{SimDuration, SimTime};

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
    /// Those that arrive while no fault lasts, in a world with faults.
    Calm,
}

impl Window {
    /// Number of windows.
    pub const COUNT: usize = 4;
    /// All windows.
    pub const ALL: [Self; Self::COUNT] = [Self::Run, Self::Faults, Self::Exhaustion, Self::Calm];

    /// The name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Faults => "faults",
            Self::Exhaustion => "exhaustion",
            Self::Calm => "calm",
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
    /// The faults that make a model worse, in any order.
    pub hits: Option<Vec<FaultSpan>>,
    /// Instants from which on something is different, in order: a fault begins or ends, the means of a problem change.
    pub changes: Vec<SimTime>,
}

impl Spans {
    pub(super) fn may_hold(&self, window: Window) -> bool {
        match window {
            Window::Run => true,
            Window::Faults | Window::Calm => self.faults.is_some(),
            Window::Exhaustion => self.exhaustion.is_some(),
        }
    }

    /// The spans of a window, within those of [`Window::Run`].
    fn of(&self, window: Window) -> &[(SimTime, SimTime)] {
        match window {
            Window::Run => &[],
            Window::Faults | Window::Calm => self.faults.as_deref().unwrap_or_default(),
            Window::Exhaustion => self.exhaustion.as_deref().unwrap_or_default(),
        }
    }

    /// By window, whether it holds `now`.
    pub(super) fn holding(&self, now: SimTime) -> [bool; Window::COUNT] {
        let spans = self.of(Window::Faults);
        let begun = spans.partition_point(|(from, _)| *from <= now);
        let faults = begun > 0 && now < spans[begun - 1].1;
        let exhausted = self.of(Window::Exhaustion);
        let exhaustion = exhausted.iter().any(|(from, to)| *from <= now && now < *to);
        [true, faults, exhaustion, self.faults.is_some() && !faults]
    }

    /// Seconds of a window between two instants.
    pub(super) fn seconds(&self, window: Window, from: SimTime, to: SimTime) -> f64 {
        let whole = to.since(from).as_secs_f64();
        let spread = Spread::of(self.of(window).iter().copied());
        let covered = SimDuration(spread.shared(from, to)).as_secs_f64();
        match window {
            Window::Run => whole,
            Window::Faults | Window::Exhaustion => covered,
            Window::Calm => whole - covered,
        }
    }
}
