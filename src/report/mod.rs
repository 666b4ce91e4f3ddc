//! Charts and texts out of result tables.

pub mod charts;
