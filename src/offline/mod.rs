//! Work on tables without a simulation.

pub mod calibrate;
