//! Simulation ground: the event queue with its clock, keyed random streams, samplers.

pub mod queue;
pub mod sample;
pub mod stream;
