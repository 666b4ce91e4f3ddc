//! Arrivals that wait for nothing: a law of the gaps in operational time, which runs as fast as the rate.
//!
//! Operational time is the integral of the rate, so a burst at night is as much of a burst as at noon, only rarer: a
//! renewal process through a change of time (Cinlar, *Introduction to Stochastic Processes*, 1975, section 4.7; thinning
//! would make it Poisson instead).

use crate::sim::stream::{Purpose, Streams};
use crate::units::SimTime;

use super::gaps::GapLaw;
use super::profile::RateProfile;
use super::rate::{Modulation, Rate};

/// Arrivals that wait for nothing.
#[derive(Clone, Debug)]
pub struct OpenSpec {
    /// Law of the gaps.
    pub law: GapLaw,
    /// Mean arrivals per second over the long run.
    pub rate_per_s: f64,
    /// How the rate changes with local time.
    pub profile: Option<RateProfile>,
    /// How the rate jumps at random.
    pub modulation: Option<Modulation>,
}

impl OpenSpec {
    /// Independent arrivals at a constant rate.
    #[must_use]
    pub fn poisson(rate_per_s: f64) -> Self {
        Self::renewal(GapLaw::Exponential, rate_per_s)
    }

    /// Independent gaps of one law at a constant rate.
    #[must_use]
    pub fn renewal(law: GapLaw, rate_per_s: f64) -> Self {
        Self { law, rate_per_s, profile: None, modulation: None }
    }
}

/// Open arrivals of one seed; their law is stationary from the start of the run on.
#[derive(Clone, Debug)]
pub(super) struct OpenArrivals {
    law: GapLaw,
    rate: Rate,
    streams: Streams,
    issued: u64,
    last: SimTime,
}

impl OpenArrivals {
    pub(super) fn new(spec: OpenSpec, streams: Streams) -> Self {
        let rate = Rate::new(spec.rate_per_s, spec.profile, spec.modulation, streams);
        Self { law: spec.law, rate, streams, issued: 0, last: SimTime::ZERO }
    }

    /// When the next one comes; `None` if none ever does.
    #[inline]
    pub(super) fn next(&mut self) -> Option<SimTime> {
        let mut stream = self.streams.nth(Purpose::Arrival, self.issued);
        let gap = match self.issued {
            0 => self.law.first(&mut stream),
            _ => self.law.gap(&mut stream),
        };
        self.issued += 1;
        self.last = self.rate.after(self.last, gap);
        (self.last < SimTime::NEVER).then_some(self.last)
    }
}
