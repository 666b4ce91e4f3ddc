//! Faults that come at random, drawn anew by each seed.

use crate::analysis::fit::Law;
use crate::sim::sample::standard_exponential;
use crate::sim::stream::{Purpose, Streams};
use crate::units::{ModelId, SimDuration, SimTime};
use crate::world::fault::{Effect, FaultSpec, Target};

/// What the time to the next fault counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountsFrom {
    /// The end of the last: an alternating renewal process, whose faults never overlap.
    End,
    /// The start of the last: a renewal process of starts, whose faults may overlap.
    Start,
}

/// A fault that comes and goes: a renewal process (Cox, *Renewal Theory*, 1962) that begins calm.
#[derive(Clone, Debug)]
pub struct RandomFaultSpec {
    /// Name, for charts and reports; its draws are keyed by it, so no two of a world share one.
    pub name: String,
    /// What it does.
    pub effect: Effect,
    /// Sets of models, none of them empty. Each set is hit as one and has a sequence of faults of its own.
    pub sets: Vec<Vec<ModelId>>,
    /// Time to the next fault in seconds. Its mean is finite, as is that of the duration.
    pub time_between: Law,
    /// What that time counts from.
    pub counts_from: CountsFrom,
    /// Time that one lasts in seconds.
    pub duration: Law,
    /// The time to the first one counts from here.
    pub start: SimTime,
    /// Until this instant; what still lasts ends then. [`SimTime::NEVER`] is without limit.
    pub end: SimTime,
    /// None starts at or after this instant, the end of arrivals; what lasts goes on.
    pub last_start: SimTime,
    /// Calls running as one starts end at once with `api_error`.
    pub kills_in_flight: bool,
}

impl RandomFaultSpec {
    /// Mean time from the start of one fault to the start of the next.
    #[must_use]
    pub fn mean_cycle_s(&self) -> f64 {
        let mean_s = |law: &Law| law.mean().unwrap_or(f64::INFINITY);
        match self.counts_from {
            CountsFrom::End => mean_s(&self.time_between) + mean_s(&self.duration),
            CountsFrom::Start => mean_s(&self.time_between),
        }
    }

    /// How many faults come in a run, all sets together, at the long-run rate: one in each mean cycle (the elementary
    /// renewal theorem).
    #[must_use]
    pub fn expected_number(&self) -> f64 {
        let time = self.last_start.min(self.end).since(self.start).as_secs_f64();
        self.sets.len() as f64 * time / self.mean_cycle_s()
    }

    /// The faults of one seed, set by set in order of their starts.
    #[must_use]
    pub fn draw(&self, streams: &Streams) -> Vec<FaultSpec> {
        let mut drawn = Vec::new();
        for set in &self.sets {
            let mut stream = streams.named(Purpose::RandomFault, &self.name, set[0]);
            let mut time = |law: &Law| {
                SimDuration::from_secs_f64(match law {
                    // The first law that faults had: what it drew stays as it was.
                    Law::Exponential { mean } => mean * standard_exponential(&mut stream),
                    other => other.draw(&mut stream),
                })
            };
            let mut calm_since = self.start;
            loop {
                let start = calm_since + time(&self.time_between);
                if start >= self.last_start.min(self.end) {
                    break;
                }
                let lasts = time(&self.duration).max(SimDuration(1));
                let end = (start + lasts).min(self.end);
                drawn.push(FaultSpec {
                    name: self.name.clone(),
                    effect: self.effect,
                    target: Target::Models(set.clone()),
                    start,
                    end,
                    ramp: SimDuration::ZERO,
                    kills_in_flight: self.kills_in_flight,
                    first_calls: None,
                });
                calm_since = match self.counts_from {
                    CountsFrom::End => end,
                    CountsFrom::Start => start,
                };
            }
        }
        drawn
    }
}
