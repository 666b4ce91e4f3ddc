//! Work on tables without a simulation.

pub mod calibrate;
pub mod import;
pub mod off_policy;
//! Recorded tables measured without a simulation.

pub mod frontier;
