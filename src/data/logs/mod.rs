//! Logs of gateways and public traces, read request by request, whatever their format.
//!
//! One file a format turns its rows into [`LogRow`]s; [`reorder`] brings those into order of arrival in bounded memory,
//! [`own`] is the table in which they are kept.

mod azure;
mod detect;
mod error_class;
mod json;
mod litellm;
mod mooncake;
mod names;
mod otel;
pub mod own;
mod plain;
pub mod reorder;
mod rows;
mod stamp;

use std::path::Path;
use std::sync::Arc;

use super::DataError;
use crate::analysis::traffic::Request;
use crate::domain::Outcome;

pub use error_class::outcome_of_error;

/// A format of logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// CSV or Parquet with `arrived_s`, `input_tokens`, `output_tokens`: also what an import writes.
    Plain,
    /// The Azure LLM inference traces of 2023 and 2024.
    Azure,
    /// The Mooncake traces.
    Mooncake,
    /// Spend logs of a LiteLLM proxy.
    LiteLlm,
    /// OpenTelemetry spans by the semantic conventions for generative AI.
    OTel,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 5] =
        [Self::Plain, Self::Azure, Self::Mooncake, Self::LiteLlm, Self::OTel];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Azure => "azure",
            Self::Mooncake => "mooncake",
            Self::LiteLlm => "litellm",
            Self::OTel => "otel",
        }
    }

    /// What a log in it is, and what it must hold.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Plain => {
                "CSV or Parquet with arrived_s, input_tokens, output_tokens; also model, provider, outcome, ttft_s, \
                 latency_s, cost_usd"
            }
            Self::Azure => "CSV with TIMESTAMP, ContextTokens, GeneratedTokens",
            Self::Mooncake => "JSON lines with timestamp (ms), input_length, output_length",
            Self::LiteLlm => {
                "spend logs of LiteLLM, JSON or CSV with startTime, endTime, prompt_tokens, completion_tokens, ..."
            }
            Self::OTel => {
                "OpenTelemetry spans, JSON lines: OTLP with resourceSpans, or a span a line with attributes gen_ai.*"
            }
        }
    }

    /// Its times count from a zero of its own, so that two logs in it cannot be put on one time line.
    #[must_use]
    pub fn has_own_zero(self) -> bool {
        matches!(self, Self::Plain | Self::Mooncake)
    }

    /// The field that holds the arrival, for messages.
    #[must_use]
    pub fn arrival_field(self) -> &'static str {
        match self {
            Self::Plain => "arrived_s",
            Self::Azure => "TIMESTAMP",
            Self::Mooncake => "timestamp",
            Self::LiteLlm => "startTime",
            Self::OTel => "startTimeUnixNano",
        }
    }
}

/// A name that many rows share.
pub type Name = Arc<str>;

/// One request of a log. What is not known is absent, never 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogRow {
    /// Arrival in nanoseconds, from the Unix epoch or the format's own zero.
    pub arrived_ns: i64,
    /// Model that was asked.
    pub model: Option<Name>,
    /// Provider that serves it.
    pub provider: Option<Name>,
    /// Tokens of the prompt.
    pub input_tokens: Option<u32>,
    /// Tokens of the answer.
    pub output_tokens: Option<u32>,
    /// From arrival to the first token, in seconds.
    pub ttft_s: Option<f64>,
    /// From arrival to the end of the answer, in seconds.
    pub latency_s: Option<f64>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// What it cost, in US dollars.
    pub cost_usd: Option<f64>,
}

impl LogRow {
    /// The request as statistics see it, its arrival counted from `first_ns`.
    #[must_use]
    pub fn request(&self, first_ns: i64) -> Request<'_> {
        Request {
            arrived_ns: self.arrived_ns.abs_diff(first_ns),
            model: self.model.as_deref(),
            provider: self.provider.as_deref(),
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            has_ttft: self.ttft_s.is_some(),
            has_latency: self.latency_s.is_some(),
            outcome: self.outcome,
            cost_usd: self.cost_usd,
        }
    }
}

/// What a row of a log holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Held {
    /// A request to a language model.
    Request(LogRow),
    /// Something else, and what.
    Other(&'static str),
}

/// A row of a log: its number, from 1, and what it holds. A row of JSON is one value: a line, or an element of an array.
pub type Entry = (u64, Held);

/// A log that is read row by row.
pub struct Log {
    /// Its format.
    pub format: Format,
    entries: Box<dyn Iterator<Item = Result<Entry, DataError>> + Send>,
}

impl Log {
    /// Opens a log in a format, or in the one that its content shows.
    ///
    /// # Errors
    /// If it cannot be read, is empty, or is in no known format.
    pub fn open(path: &Path, format: Option<Format>) -> Result<Self, DataError> {
        let format = match format {
            Some(format) => format,
            None => detect::format_of(path)?,
        };
        let entries: Box<dyn Iterator<Item = _> + Send> = match format {
            Format::Plain => Box::new(plain::open(path)?),
            Format::Azure => Box::new(azure::open(path)?),
            Format::Mooncake => Box::new(mooncake::open(path)?),
            Format::LiteLlm => litellm::open(path)?,
            Format::OTel => Box::new(otel::open(path)?),
        };
        Ok(Self { format, entries })
    }
}

impl Iterator for Log {
    type Item = Result<Entry, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.entries.next()
    }
}

/// Some for what is not nothing.
fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
