//! Workloads: when tasks arrive, and how long a replayed one's prompt and answer are.

use std::sync::Arc;

use crate::sim::sample::standard_exponential;
use crate::sim::stream::{Purpose, Streams};
use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};

/// A recorded request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TraceRow {
    /// When it arrived, from the first request.
    pub arrived: SimTime,
    /// Prompt length.
    pub input_tokens: u32,
    /// Answer length.
    pub output_tokens: u32,
}

/// How tasks arrive.
#[derive(Clone, Debug)]
pub enum WorkloadSpec {
    /// Independent arrivals at a constant rate.
    Poisson {
        /// Mean arrivals per second.
        rate_per_s: f64,
    },
    /// One arrival every `interval`.
    FixedInterval {
        /// Time between arrivals.
        interval: SimDuration,
    },
    /// A constant number of tasks in flight: the next arrives as one ends.
    ClosedLoop {
        /// Tasks in flight.
        in_flight: u32,
        /// Pause before the next one.
        think: SimDuration,
    },
    /// Recorded arrivals and lengths.
    Trace {
        /// The recording, in order of arrival.
        rows: Arc<Vec<TraceRow>>,
        /// Starts anew at its end.
        repeat: bool,
    },
}

/// One arrival.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival {
    /// When.
    pub at: SimTime,
    /// Recorded lengths of prompt and answer, in a replay.
    pub tokens: Option<(u32, u32)>,
}

/// A workload in flight: arrivals are pulled one at a time.
#[derive(Clone, Debug)]
pub struct Workload {
    spec: WorkloadSpec,
    streams: Streams,
    issued: u64,
    last: SimTime,
}

impl Workload {
    /// The arrivals of one seed.
    #[must_use]
    pub fn new(spec: WorkloadSpec, streams: Streams) -> Self {
        Self { spec, streams, issued: 0, last: SimTime::ZERO }
    }

    /// The next arrival that does not wait for a task's end.
    #[inline]
    pub fn next_arrival(&mut self) -> Option<Arrival> {
        let n = self.issued;
        let (at, tokens) = match &self.spec {
            WorkloadSpec::Poisson { rate_per_s } => {
                let mut stream = self.streams.nth(Purpose::Arrival, n);
                let gap = standard_exponential(&mut stream) / rate_per_s;
                (self.last + SimDuration::from_secs_f64(gap), None)
            }
            WorkloadSpec::FixedInterval { interval } => {
                (SimTime::ZERO + SimDuration(interval.0.saturating_mul(n)), None)
            }
            WorkloadSpec::ClosedLoop { in_flight, .. } => {
                if n >= u64::from(*in_flight) {
                    return None;
                }
                (SimTime::ZERO, None)
            }
            WorkloadSpec::Trace { rows, repeat } => {
                let len = rows.len() as u64;
                if n >= len && !repeat {
                    return None;
                }
                let row = rows[(n % len) as usize];
                // A pass lasts to its last arrival and one mean gap more, a recorded instant one second.
                let span = match rows[rows.len() - 1].arrived.0 {
                    0 => NANOS_PER_SECOND,
                    span => span + span / (len - 1).max(1),
                };
                let pass = SimDuration(span.saturating_mul(n / len));
                (row.arrived + pass, Some((row.input_tokens, row.output_tokens)))
            }
        };
        self.issued += 1;
        self.last = at;
        Some(Arrival { at, tokens })
    }

    /// When the next task of a closed loop arrives, if one that arrived at `arrived` ended at `now`.
    ///
    /// A task that is turned away in no time at all is followed after at least a second, or the loop would spin.
    #[inline]
    #[must_use]
    pub fn after_end(&self, arrived: SimTime, now: SimTime) -> Option<SimTime> {
        match self.spec {
            WorkloadSpec::ClosedLoop { think, .. } if now == arrived => {
                Some(now + think.max(SimDuration(NANOS_PER_SECOND)))
            }
            WorkloadSpec::ClosedLoop { think, .. } => Some(now + think),
            _ => None,
        }
    }
}
