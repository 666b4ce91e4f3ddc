//! Learners for rewards whose means stay as they are.

pub mod epsilon_greedy;
pub mod thompson_beta;
pub mod thompson_gaussian;
pub mod ucb1;
