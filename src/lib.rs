//! reflexarc: a deterministic simulator of LLM routing stacks.
//!
//! The modules below are the layers, bottom-up: a module may use only those listed above its own line.
//! `ARCHITECTURE.md` shows them, `tests/architecture.rs` holds the code to them.

// Numbers with limits, as they may be written in a scenario.
pub mod bounded;
// Virtual time, levels, ids.
pub mod units;
// The one door to transcendental functions.
pub mod math;
// The field's nouns as plain data.
pub mod domain;
// Local time and daily times in any IANA zone.
pub mod calendar;
// What is declared of every model.
pub mod registry;
// What an answer is worth.
pub mod reward;
// Event queue, keyed random streams, samplers.
pub mod sim;
// Records in, numbers out.
pub mod analysis;
// Learning algorithms, one file each.
pub mod learners;
// The routing stack: belief.
pub mod routing;
// Providers, limits, faults, workloads: truth.
pub mod world;
// The loop: one stack in one world for one seed.
pub mod engine;
// Tables, Parquet, manifest.
pub mod results;
// Tables from outside, read row by row.
pub mod data;
// What a router expects of every model for every prompt, fitted to recorded outcomes.
pub mod predictors;
// Scenario files: as written, then resolved.
pub mod scenario;
// The grid of blocks, variants and seeds.
pub mod experiment;
// Charts and texts from results alone.
pub mod report;
// Work on tables without a simulation.
pub mod offline;
// The command line.
pub mod cli;
