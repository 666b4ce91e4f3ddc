//! Two orders in one stack: a candidate that is watched after its deployment, or a test of one against the other
//! (stage4.md section 13).
//!
//! Each order has its own state. All choices of a step are made by the order that the step began with, and its results
//! are fed to that one.

mod ab_test;
mod adaptive;

use super::order::OrderRule;
use crate::domain::{PolicyEvent, PolicyFigures};
use crate::reward::{Account, efficiency};
use crate::sim::stream::{Purpose, Streams};
use crate::units::{SimTime, TaskId};

pub use ab_test::{AbTest, AbTestRule, LEAST_SAMPLES, Then, Watch};
pub use adaptive::{Adaptive, AdaptiveRule};

/// The second order of a stack and what it is there for, resolved. The stack's own order is the baseline, or side a.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialRule {
    /// The candidate, or side b.
    pub challenger: OrderRule,
    /// What is tried.
    pub kind: TrialKind,
}

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TrialKind {
    /// Whether the candidate, once deployed, is as good as the baseline was.
    Adaptive(AdaptiveRule),
    /// Which of the two is better.
    AbTest(AbTestRule),
}

/// A trial in flight.
#[derive(Clone, Debug)]
pub(super) enum Trial {
    Adaptive(Adaptive),
    AbTest(AbTest),
}

impl Trial {
    pub(super) fn new(kind: TrialKind) -> Self {
        match kind {
            TrialKind::Adaptive(rule) => Self::Adaptive(Adaptive::new(rule)),
            TrialKind::AbTest(rule) => Self::AbTest(AbTest::new(rule)),
        }
    }

    /// Which order a step that begins now is for: 0 is the stack's own, 1 the challenger.
    pub(super) fn arm(&self, task: TaskId, streams: &Streams) -> u8 {
        match self {
            Self::Adaptive(adaptive) => adaptive.serving(),
            Self::AbTest(test) => test
                .adopted()
                .unwrap_or_else(|| test.side(streams.task(Purpose::Assignment, task).uniform())),
        }
    }

    /// The order whose beliefs the stack shows: the one that serves; of an A/B test side a, until b is adopted.
    pub(super) fn in_service(&self) -> u8 {
        match self {
            Self::Adaptive(adaptive) => adaptive.serving(),
            Self::AbTest(test) => test.adopted().unwrap_or(0),
        }
    }

    /// The order that learns unseen from the results of `arm`.
    pub(super) fn shadow_of(&self, arm: u8) -> Option<u8> {
        match self {
            Self::Adaptive(adaptive) if adaptive.learns_in_shadow() => (arm == 0).then_some(1),
            _ => None,
        }
    }

    /// When [`Trial::advance`] is due.
    pub(super) fn due(&self) -> SimTime {
        match self {
            Self::Adaptive(adaptive) => adaptive.due(),
            Self::AbTest(_) => SimTime::NEVER,
        }
    }

    pub(super) fn advance(&mut self, now: SimTime) -> Option<PolicyEvent> {
        match self {
            Self::Adaptive(adaptive) => adaptive.advance(now),
            Self::AbTest(_) => None,
        }
    }

    /// A step of `arm` has ended.
    pub(super) fn step_ended(
        &mut self,
        now: SimTime,
        arm: u8,
        account: &Account,
        mut tell: impl FnMut(PolicyEvent),
    ) {
        let step = figures_of(account);
        match self {
            Self::Adaptive(adaptive) => {
                if let Some(event) = adaptive.step_ended(now, arm, &step) {
                    tell(event);
                }
            }
            Self::AbTest(test) => test.step_ended(now, arm, &step, tell),
        }
    }

    /// The run ends.
    pub(super) fn close(&mut self, now: SimTime) -> Option<PolicyEvent> {
        match self {
            Self::Adaptive(_) => None,
            Self::AbTest(test) => test.close(now),
        }
    }
}

fn figures_of(step: &Account) -> PolicyFigures {
    PolicyFigures {
        n: 1,
        success_rate: if step.served { 1.0 } else { 0.0 },
        efficiency: efficiency(step),
        latency_ms: step.duration_ms,
        token_efficiency: (1000.0 / step.tokens.max(1.0)).min(1.0),
    }
}
