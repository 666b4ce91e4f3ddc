//! One decision of a stack, with all whom it could have called and how each stood.

use super::{FallbackReason, Role};
use crate::units::{ModelId, SimTime, TaskId};

/// A step's next call was chosen, or none.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// When.
    pub at: SimTime,
    /// The task.
    pub task: TaskId,
    /// The task's step.
    pub step: u8,
    /// Why a call was wanted.
    pub role: Role,
    /// The models of the step's level, by id.
    pub candidates: Vec<Candidate>,
    /// The model chosen, if any.
    pub chosen: Option<ModelId>,
}

/// A model that could have been chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Which.
    pub model: ModelId,
    /// How it stood.
    pub standing: Standing,
    /// What the order compares it by, where the order has such a number.
    pub score: Option<f64>,
}

/// How a model stood when a call was to be placed. Of several reasons against it, the first in this order is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Standing {
    /// It could be chosen.
    Eligible,
    /// It is not there yet, or no longer.
    Absent,
    /// It is left alone after a refusal.
    HeldBack {
        /// Until when.
        until: SimTime,
        /// What the refusal was.
        reason: FallbackReason,
    },
    /// The ledger believes that too few of its tokens are left.
    ShortOfTokens {
        /// Tokens used of its account, as believed.
        used: u64,
        /// The limit that the router knows.
        limit: u64,
    },
    /// The router's own limit per minute is used up.
    OverLimit,
    /// Its breaker refuses calls.
    BreakerOpen {
        /// From when on it may let one pass, where time alone decides.
        until: Option<SimTime>,
    },
    /// The step has called it already.
    Tried,
    /// It does not belong to the group from which the call is to come.
    OutsideGroup,
    /// It has recovered and takes only a share of the choices as yet.
    Ramping,
    /// The order or plan does not name it.
    NotNamed,
}
