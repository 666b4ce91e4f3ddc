//! What a log of requests looks like: how they arrive, how long they are, who answers them and how. One pass, in memory
//! that does not grow with the log.

mod counter;
mod lengths;
mod windows;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::Outcome;

pub use counter::TrafficCounter;
pub use lengths::Lengths;

/// One request, as far as the statistics need it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// Arrival in nanoseconds from the first request.
    pub arrived_ns: u64,
    /// Model that was asked.
    pub model: Option<&'a str>,
    /// Provider that serves it.
    pub provider: Option<&'a str>,
    /// Tokens of the prompt.
    pub input_tokens: Option<u32>,
    /// Tokens of the answer.
    pub output_tokens: Option<u32>,
    /// The time to the first token is known.
    pub has_ttft: bool,
    /// The time to the end is known.
    pub has_latency: bool,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// What it cost, in US dollars.
    pub cost_usd: Option<f64>,
}

/// Requests, described.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Traffic {
    /// How many.
    pub requests: u64,
    /// From the first arrival to the last, in seconds.
    pub duration_s: f64,
    /// One over the mean time between arrivals, per second; null where all arrive at once.
    pub rate_per_s: Option<f64>,
    /// Coefficient of variation of the times between arrivals (divisor n - 1): 1 for a Poisson process.
    pub interarrival_cv: Option<f64>,
    /// Index of dispersion of the counts in windows of several lengths.
    pub dispersion: Vec<Dispersion>,
    /// Tokens of prompts.
    pub input_tokens: Lengths,
    /// Tokens of answers.
    pub output_tokens: Lengths,
    /// How many requests lack a value.
    pub unknown: Unknown,
    /// The same by model, most requests first.
    pub models: Vec<ModelTraffic>,
    /// What a workload makes of it.
    pub replay: Replay,
}

/// The index of dispersion of counts (variance over mean, the Fano factor) in whole windows of one length, the first of
/// which begins with the first arrival. Cox and Lewis, "The statistical analysis of series of events", 1966.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Dispersion {
    /// Length of a window in seconds.
    pub window_s: u64,
    /// Whole windows.
    pub windows: u64,
    /// Mean of the counts.
    pub mean_count: f64,
    /// Their variance (divisor n - 1) over their mean: 1 for a Poisson process; null below two windows.
    pub index: Option<f64>,
    /// Where it lies for a Poisson process in 99 of 100 cases.
    pub poisson_99: Option<[f64; 2]>,
}

/// How many requests lack a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unknown {
    /// The model.
    pub model: u64,
    /// The provider.
    pub provider: u64,
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// Time to the first token.
    pub ttft_s: u64,
    /// Time to the end.
    pub latency_s: u64,
    /// How it ended.
    pub outcome: u64,
    /// What it cost.
    pub cost_usd: u64,
}

impl Unknown {
    /// The counts by column.
    #[must_use]
    pub fn by_column(&self) -> [(&'static str, u64); 8] {
        [
            ("model", self.model),
            ("provider", self.provider),
            ("input_tokens", self.input_tokens),
            ("output_tokens", self.output_tokens),
            ("ttft_s", self.ttft_s),
            ("latency_s", self.latency_s),
            ("outcome", self.outcome),
            ("cost_usd", self.cost_usd),
        ]
    }
}

/// Requests to one model.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ModelTraffic {
    /// Its provider, if the log tells it.
    pub provider: Option<String>,
    /// Its name, if the log tells it.
    pub model: Option<String>,
    /// How many.
    pub requests: u64,
    /// How many ended in which way.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Sum of the known tokens of prompts.
    pub input_tokens: u64,
    /// Sum of the known tokens of answers.
    pub output_tokens: u64,
    /// Sum of the known costs; null where none is known.
    pub cost_usd: Option<f64>,
}

/// What a workload makes of the requests: [`replayed`] of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Replay {
    /// Requests that are replayed.
    pub requests: u64,
    /// Requests that are left out, since the length of their prompt is not known.
    pub without_input: u64,
    /// Of those replayed, how many have an answer of 0 tokens, since its length is not known.
    pub without_output: u64,
}

/// Lengths of prompt and answer with which a workload replays a request of a log: a request whose prompt is of unknown
/// length is left out, an answer of unknown length (most often that of a failed call) has 0 tokens.
#[must_use]
pub fn replayed(input_tokens: Option<u32>, output_tokens: Option<u32>) -> Option<(u32, u32)> {
    input_tokens.map(|input| (input, output_tokens.unwrap_or(0)))
}
