//! Work on tables without a simulation.

pub mod calibrate;
pub mod frontier;
pub mod import;
pub mod off_policy;
