//! Faults that come at random, drawn anew by each seed.

use crate::sim::sample::standard_exponential;
use crate::sim::stream::{Purpose, Streams};
use crate::units::{ModelId, SimDuration, SimTime};
use crate::world::fault::{Effect, FaultSpec, Target};

/// A fault that comes and goes: an alternating renewal process (Cox, *Renewal Theory*, 1962) that begins calm, with
/// exponential times between faults and exponential durations.
#[derive(Clone, Debug)]
pub struct RandomFaultSpec {
    /// Name, for charts and reports; its draws are keyed by it, so no two of a world share one.
    pub name: String,
    /// What it does.
    pub effect: Effect,
    /// Sets of models, none of them empty. Each set is hit as one and has a sequence of faults of its own.
    pub sets: Vec<Vec<ModelId>>,
    /// Mean time from the end of one fault to the start of the next.
    pub mean_time_between: SimDuration,
    /// Mean time that one lasts.
    pub mean_duration: SimDuration,
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
    /// How many faults come in a run, all sets together, at the long-run rate.
    #[must_use]
    pub fn expected_number(&self) -> f64 {
        let time = self.last_start.min(self.end).since(self.start).as_secs_f64();
        let cycle = self.mean_time_between.as_secs_f64() + self.mean_duration.as_secs_f64();
        self.sets.len() as f64 * time / cycle
    }

    /// The faults of one seed, set by set in order of time.
    #[must_use]
    pub fn draw(&self, streams: &Streams) -> Vec<FaultSpec> {
        let mut drawn = Vec::new();
        for set in &self.sets {
            let mut stream = streams.named(Purpose::RandomFault, &self.name, set[0]);
            let mut time = |mean: SimDuration| {
                SimDuration::from_secs_f64(mean.as_secs_f64() * standard_exponential(&mut stream))
            };
            let mut calm_since = self.start;
            loop {
                let start = calm_since + time(self.mean_time_between);
                if start >= self.last_start.min(self.end) {
                    break;
                }
                let lasts = time(self.mean_duration).max(SimDuration(1));
                let end = (start + lasts).min(self.end);
                drawn.push(FaultSpec {
                    name: self.name.clone(),
                    effect: self.effect,
                    target: Target::Models(set.clone()),
                    start,
                    end,
                    ramp: SimDuration::ZERO,
                    kills_in_flight: self.kills_in_flight,
                });
                calm_since = end;
            }
        }
        drawn
    }
}
