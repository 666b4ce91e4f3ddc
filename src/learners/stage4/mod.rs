//! The three rules of the Stage 4 plan.

pub mod executor_rule;
pub mod q;
pub mod router_rule;
