//! Power of two choices by Peak EWMA, as in Tower 0.5 (`load/peak_ewma.rs`, `balance/p2c`), which derives it from Finagle
//! and which Helicone's balanced latency runs.
//!
//! The load of a model is its estimated round-trip time by the calls in flight and one more. A longer time than the
//! estimate becomes the estimate at once; a shorter one draws it down by the time since the estimate was last touched,
//! and merely looking at a load draws it down towards 0 in the same way. Every end of a call is a round trip, however it
//! ended: a model that fails fast looks fast.

use crate::domain::ModelSet;
use crate::math;
use crate::sim::stream::Stream;
use crate::units::{ModelId, NANOS_PER_SECOND, SimDuration, SimTime};

/// How round-trip times are estimated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PeakEwmaRule {
    /// The time in which an estimate loses all but 1/e of what it is above the present.
    pub decay: SimDuration,
    /// The estimate before the first call, at the start of the run.
    pub default_rtt: SimDuration,
}

impl Default for PeakEwmaRule {
    fn default() -> Self {
        Self {
            decay: SimDuration(30 * NANOS_PER_SECOND),
            default_rtt: SimDuration(NANOS_PER_SECOND / 4),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Estimate {
    rtt_ms: f64,
    touched: SimTime,
    in_flight: u32,
}

#[derive(Clone, Debug)]
pub(super) struct PeakEwma {
    decay_s: f64,
    models: Vec<Estimate>,
}

impl PeakEwma {
    pub(super) fn new(rule: PeakEwmaRule, n_models: usize) -> Self {
        let rtt_ms = rule.default_rtt.as_millis_f64();
        let fresh = Estimate { rtt_ms, touched: SimTime::ZERO, in_flight: 0 };
        Self { decay_s: rule.decay.as_secs_f64(), models: vec![fresh; n_models] }
    }

    /// Draws two different models and takes the one with the lower load, the first drawn of equals.
    pub(super) fn pick(
        &mut self,
        now: SimTime,
        eligible: ModelSet,
        stream: &mut Stream,
    ) -> Option<ModelId> {
        let n = eligible.len();
        if n < 2 {
            return eligible.nth(0);
        }
        // Floyd's algorithm for a sample of two, as Tower has it.
        let (first, second) = (stream.index(n - 1), stream.index(n));
        let first = if first == second { n - 1 } else { first };
        let (a, b) = (eligible.nth(first)?, eligible.nth(second)?);
        let (load_a, load_b) = (self.look(now, a), self.look(now, b));
        Some(if load_a <= load_b { a } else { b })
    }

    fn look(&mut self, now: SimTime, model: ModelId) -> f64 {
        self.touch(now, model, 0.0);
        self.load_ms(now, model)
    }

    /// The load in milliseconds.
    pub(super) fn load_ms(&self, now: SimTime, model: ModelId) -> f64 {
        let own = &self.models[model.index()];
        own.after(now, 0.0, self.decay_s) * f64::from(own.in_flight + 1)
    }

    fn touch(&mut self, now: SimTime, model: ModelId, rtt_ms: f64) {
        let own = &mut self.models[model.index()];
        own.rtt_ms = own.after(now, rtt_ms, self.decay_s);
        own.touched = now;
    }

    pub(super) fn sent(&mut self, model: ModelId) {
        self.models[model.index()].in_flight += 1;
    }

    pub(super) fn ended(&mut self, now: SimTime, model: ModelId, rtt: SimDuration) {
        let own = &mut self.models[model.index()];
        own.in_flight = own.in_flight.saturating_sub(1);
        self.touch(now, model, rtt.as_millis_f64());
    }
}

impl Estimate {
    /// The estimate at `now` with a round trip of `rtt_ms`.
    fn after(&self, now: SimTime, rtt_ms: f64, decay_s: f64) -> f64 {
        if self.rtt_ms < rtt_ms {
            return rtt_ms;
        }
        let kept = math::exp(-now.since(self.touched).as_secs_f64() / decay_s);
        self.rtt_ms * kept + rtt_ms * (1.0 - kept)
    }
}
