//! Learners for rewards whose means stay as they are.

pub mod bayes_ucb;
pub mod boltzmann;
pub mod boltzmann_gumbel;
pub mod epsilon_decreasing;
pub mod epsilon_greedy;
pub mod imed;
pub mod kl_ucb;
pub mod moss;
pub mod thompson_beta;
pub mod thompson_gaussian;
pub mod ucb1;
pub mod ucb1_tuned;
pub mod ucb_v;
