//! Numbers out of records: measures of one run, summaries over seeds, verdicts on them. Reads records only; knows no engine.

pub mod aggregate;
pub mod band;
pub mod bootstrap;
pub mod criteria;
pub mod day;
pub mod design;
pub mod diff;
pub mod difficulty;
pub mod distribution;
pub mod expect;
pub mod frontier;
pub mod histogram;
pub mod improvement;
pub mod interval;
pub mod learning;
pub mod measure;
pub mod moments;
pub mod paired;
pub mod ranks;
pub mod run;
pub mod sequential;
pub mod summary;
pub mod welch;
pub mod wilcoxon;
pub mod window;
pub mod work;
