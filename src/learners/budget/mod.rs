//! Learners that weigh rewards against costs, for runs that end when a budget is spent.

pub mod budgeted_thompson;
pub mod fractional_kube;
pub mod primal_dual_bwk;
