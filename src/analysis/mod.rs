//! Numbers out of records: measures of one run, and summaries over seeds. Reads records only; knows no engine.

pub mod bootstrap;
pub mod histogram;
pub mod interval;
pub mod measure;
pub mod moments;
pub mod run;
pub mod sequential;
pub mod summary;
pub mod welch;
