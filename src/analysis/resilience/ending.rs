//! What became of a task, in the few kinds that a chart can tell apart.

use crate::domain::{Outcome, TaskRecord};

/// What became of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Answered within its deadline.
    InTime,
    /// Answered after its deadline.
    Late,
    /// Its last answer was wrong or incomplete.
    Wrong,
    /// Its last call ended in an error of the provider or the connection.
    Error,
    /// Its last call did not answer in time.
    Timeout,
    /// Its last call was refused: a limit, the key, the prompt.
    Refused,
    /// No call was made for its last step.
    Shed,
}

impl Ending {
    /// Number of endings.
    pub const COUNT: usize = 7;

    /// What became of a task that has ended; `None` if the end of the run cut it off.
    #[must_use]
    pub fn of(task: &TaskRecord) -> Option<Self> {
        Some(match task.outcome {
            Outcome::Interrupted => return None,
            _ if task.in_time => Self::InTime,
            _ if task.served => Self::Late,
            Outcome::Success | Outcome::Partial | Outcome::Failure => Self::Wrong,
            Outcome::ApiError | Outcome::ConnectionError | Outcome::Cancelled => Self::Error,
            Outcome::Timeout => Self::Timeout,
            Outcome::RateLimited
            | Outcome::QuotaExhausted
            | Outcome::Auth
            | Outcome::ContextLength
            | Outcome::ContentPolicy => Self::Refused,
            Outcome::Shed => Self::Shed,
        })
    }
}
