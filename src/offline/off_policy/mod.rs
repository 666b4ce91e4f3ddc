//! Off-policy evaluation of a table of logged decisions, or of what a learner logged in a folder of results.

mod results;
mod rule;
mod table;
mod text;

pub use results::{ContextOf, OfResults, evaluate_results};
pub use rule::TargetRule;
pub use table::{Columns, OfTable, evaluate_table};

use crate::analysis::off_policy::{Fit, Refusal};
use crate::data::DataError;
use crate::results::ResultsError;

/// Folds of the cross-fitted reward model.
const FOLDS: usize = 5;

/// What stands in the way of an evaluation.
#[derive(Debug, thiserror::Error)]
pub enum OffPolicyError {
    /// A table cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Results cannot be read.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The log cannot tell what the target is worth.
    #[error("{log} cannot tell what `{target}` is worth: {refusal}{cure}")]
    Refused {
        /// Which log.
        log: String,
        /// Which target.
        target: String,
        /// Why.
        refusal: Refusal,
        /// What else to do, on lines of its own.
        cure: String,
    },
    /// The question cannot be put to this log.
    #[error("{0}")]
    Question(String),
}

/// What is the same for tables and results.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Decisions at the beginning that are left out: of a table rows, of results tasks of every run.
    pub skip: u64,
    /// Whether a target without support is evaluated within the support of the log.
    pub within_support: bool,
    /// Whether each decision is predicted by those before it alone; by default of results, but not of tables.
    pub past: Option<bool>,
}

impl Settings {
    fn fit(&self, of_learner: bool) -> Fit {
        if self.past.unwrap_or(of_learner) { Fit::Past } else { Fit::Folds(FOLDS) }
    }
}

/// The cure that a refusal's own text cannot name, since it depends on how it is asked.
fn cure_of(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Deterministic { .. } => {
            " (--within-support); where only the first choices are forced, leave them out (--skip)"
        }
        Refusal::NeverTaken { .. } => " (--within-support)",
        _ => "",
    }
}
