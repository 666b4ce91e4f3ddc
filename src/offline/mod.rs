//! Recorded tables measured without a simulation.

pub mod frontier;
