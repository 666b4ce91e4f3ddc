//! Questions to tables and results that need no simulation.

pub mod off_policy;
