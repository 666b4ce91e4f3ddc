//! reflexarc: a deterministic simulator of LLM routing stacks.

pub mod analysis;
pub mod bounded;
pub mod calendar;
pub mod domain;
pub mod engine;
pub mod learners;
pub mod math;
pub mod registry;
pub mod experiment;
pub mod report;
pub mod cli;
pub mod results;
pub mod reward;
pub mod routing;
pub mod scenario;
pub mod sim;
pub mod units;
pub mod world;
