//! The project's own table of requests, in which an import keeps a log.

use super::LogRow;
use crate::domain::Outcome;
use crate::results::column::table;

table! {
    /// One row per request of a log, in order of arrival. What the log does not tell is null.
    Requests of RequestRow, "requests" {
        /// Arrival in seconds from the first request.
        arrived_s: f64,
        /// Model that was asked.
        model: Option<&'n str>,
        /// Provider that serves it.
        provider: Option<&'n str>,
        /// Tokens of the prompt.
        input_tokens: Option<u64>,
        /// Tokens of the answer.
        output_tokens: Option<u64>,
        /// From arrival to the first token of a streamed answer, in seconds.
        ttft_s: Option<f64>,
        /// From arrival to the end of the answer or the error, in seconds.
        latency_s: Option<f64>,
        /// How it ended, in the words of the results: success, api_error, timeout, rate_limited, ...
        outcome: Option<Outcome>,
        /// What it cost, in US dollars.
        cost_usd: Option<f64>,
    }
}

/// The table of some rows, arrivals counted from `first_ns`.
#[must_use]
pub fn requests(rows: &[LogRow], first_ns: i64) -> Requests<'_> {
    let mut table = Requests::default();
    for row in rows {
        table.push(RequestRow {
            arrived_s: row.arrived_ns.abs_diff(first_ns) as f64 / 1e9,
            model: row.model.as_deref(),
            provider: row.provider.as_deref(),
            input_tokens: row.input_tokens.map(u64::from),
            output_tokens: row.output_tokens.map(u64::from),
            ttft_s: row.ttft_s,
            latency_s: row.latency_s,
            outcome: row.outcome,
            cost_usd: row.cost_usd,
        });
    }
    table
}
