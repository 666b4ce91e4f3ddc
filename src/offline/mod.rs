//! Work on tables without a simulation.

pub mod import;
pub mod calibrate;
