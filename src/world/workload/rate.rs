//! The rate of arrivals, constant over spans that the wall clock or chance ends; it turns operational time into time.

use crate::calendar::LocalClock;
use crate::sim::sample::standard_exponential;
use crate::sim::stream::{Purpose, Streams};
use crate::units::{SimDuration, SimTime};

use super::profile::RateProfile;

/// A rate that jumps at random: states that follow one another in a circle, each for an exponential time.
///
/// Over exponential gaps this is a Markov-modulated Poisson process (Fischer and Meier-Hellstern, "The Markov-modulated
/// Poisson process (MMPP) cookbook", Performance Evaluation 18, 1993).
#[derive(Clone, Debug, PartialEq)]
pub struct Modulation {
    states: Vec<State>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct State {
    /// The rate over the mean rate.
    factor: f64,
    mean_sojourn_s: f64,
}

impl Modulation {
    /// The states by their rates per second and mean times, and the rate over the long run, which is the mean of the rates
    /// weighted by the mean times.
    ///
    /// # Panics
    /// If there is no state, a mean time is not above 0, a rate is negative, or all rates are 0.
    #[must_use]
    pub fn of_rates(states: &[(f64, SimDuration)]) -> (Self, f64) {
        let total: f64 = states.iter().map(|(_, sojourn)| sojourn.as_secs_f64()).sum();
        let arrivals: f64 = states.iter().map(|(rate, s)| rate * s.as_secs_f64()).sum();
        let rate_per_s = arrivals / total;
        assert!(rate_per_s > 0.0 && states.iter().all(|(rate, s)| *rate >= 0.0 && s.0 > 0));
        let state = |(rate, sojourn): &(f64, SimDuration)| State {
            factor: rate / rate_per_s,
            mean_sojourn_s: sojourn.as_secs_f64(),
        };
        (Self { states: states.iter().map(state).collect() }, rate_per_s)
    }

    /// Variance over mean of the number of arrivals in a long window, where they come at a mean of `rate_per_s` and the gaps
    /// are exponential.
    ///
    /// With the long-run shares p of the states, their rates l around the mean m and their mean times s, it is
    /// 1 + 2 sum(p (l - m) g) / m, where g solves the Poisson equation of the chain: along the circle g falls by s (l - m)
    /// with each state. For two states this is the formula of Fischer and Meier-Hellstern (1993).
    #[must_use]
    pub fn index_of_dispersion(&self, rate_per_s: f64) -> f64 {
        let total: f64 = self.states.iter().map(|state| state.mean_sojourn_s).sum();
        let mut g = 0.0;
        let mut sum = 0.0;
        for state in &self.states {
            let above = (state.factor - 1.0) * rate_per_s;
            sum += state.mean_sojourn_s / total * above * g;
            g -= state.mean_sojourn_s * above;
        }
        1.0 + 2.0 * sum / rate_per_s
    }
}

/// A modulation of one seed.
#[derive(Clone, Debug)]
struct Jumps {
    states: Vec<State>,
    current: usize,
    n: u64,
    streams: Streams,
}

impl Jumps {
    /// Begins in a state drawn by its share of the time; what is left of an exponential time is exponential.
    fn new(modulation: Modulation, streams: Streams) -> Self {
        let total: f64 = modulation.states.iter().map(|state| state.mean_sojourn_s).sum();
        let at = streams.nth(Purpose::Modulation, 0).uniform() * total;
        let mut upto = 0.0;
        let begins = modulation.states.iter().position(|state| {
            upto += state.mean_sojourn_s;
            at < upto
        });
        let last = modulation.states.len() - 1;
        Self { current: begins.unwrap_or(last), states: modulation.states, n: 0, streams }
    }

    /// The factor from `now` on, and until when it holds.
    fn at(&mut self, now: SimTime) -> (f64, SimTime) {
        if self.n > 0 {
            self.current = (self.current + 1) % self.states.len();
        }
        self.n += 1;
        let state = self.states[self.current];
        let mut stream = self.streams.nth(Purpose::Modulation, self.n);
        let sojourn = standard_exponential(&mut stream) * state.mean_sojourn_s;
        (state.factor, now + SimDuration::from_secs_f64(sojourn))
    }
}

/// A rate in flight, asked with times that never go back.
#[derive(Clone, Debug)]
pub(super) struct Rate {
    mean_per_s: f64,
    profile: Option<(RateProfile, LocalClock)>,
    jumps: Option<Jumps>,
    /// Factor of the profile, and until when it holds; the same of the jumps.
    by_clock: (f64, SimTime),
    by_chance: (f64, SimTime),
    per_s: f64,
    until: SimTime,
}

impl Rate {
    pub(super) fn new(
        mean_per_s: f64,
        profile: Option<RateProfile>,
        modulation: Option<Modulation>,
        streams: Streams,
    ) -> Self {
        let held = |varies: bool| (1.0, if varies { SimTime::ZERO } else { SimTime::NEVER });
        let mut rate = Self {
            mean_per_s,
            by_clock: held(profile.is_some()),
            by_chance: held(modulation.is_some()),
            profile: profile.map(|profile| (profile.clone(), profile.clock())),
            jumps: modulation.map(|modulation| Jumps::new(modulation, streams)),
            per_s: mean_per_s,
            until: SimTime::ZERO,
        };
        rate.renew(SimTime::ZERO);
        rate
    }

    fn renew(&mut self, now: SimTime) {
        if self.by_clock.1 <= now
            && let Some((profile, clock)) = &mut self.profile
        {
            self.by_clock = profile.at(clock, now);
        }
        if self.by_chance.1 <= now
            && let Some(jumps) = &mut self.jumps
        {
            self.by_chance = jumps.at(now);
        }
        self.per_s = self.mean_per_s * self.by_clock.0 * self.by_chance.0;
        self.until = self.by_clock.1.min(self.by_chance.1);
    }

    /// When the integral of the rate from `from` on has reached `gap`; never, where it does not.
    #[inline]
    pub(super) fn after(&mut self, from: SimTime, gap: f64) -> SimTime {
        let (mut at, mut left) = (from, gap);
        loop {
            let in_span = self.until.since(at).as_secs_f64() * self.per_s;
            if left < in_span || self.until == SimTime::NEVER {
                let at = at + SimDuration::from_secs_f64(left / self.per_s);
                return at.min(self.until);
            }
            left -= in_span;
            at = self.until;
            self.renew(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(s: f64) -> SimDuration {
        SimDuration::from_secs_f64(s)
    }

    #[test]
    fn long_run_rate_and_dispersion_of_two_states_follow_the_published_formula() {
        // Fischer and Meier-Hellstern (1993): 1 + 2 r1 r2 (l1 - l2)^2 / ((r1 + r2)^2 (l1 r2 + l2 r1)), r the rates of leaving.
        let (l1, l2, s1, s2) = (0.5, 9.0, 600.0, 45.0);
        let (modulation, rate) = Modulation::of_rates(&[(l1, seconds(s1)), (l2, seconds(s2))]);
        assert!((rate - (l1 * s1 + l2 * s2) / (s1 + s2)).abs() < 1e-12);
        let (r1, r2) = (1.0 / s1, 1.0 / s2);
        let (sum, apart) = (r1 + r2, l1 - l2);
        let wanted = 1.0 + 2.0 * r1 * r2 * apart * apart / (sum * sum * (l1 * r2 + l2 * r1));
        let found = modulation.index_of_dispersion(rate);
        assert!((found / wanted - 1.0).abs() < 1e-12, "{found} instead of {wanted}");
    }

    #[test]
    fn dispersion_of_more_states_is_that_of_the_deviation_matrix() {
        // Computed with numpy: 1 + 2 p L D L 1 / m with D = (1 p - Q)^-1 - 1 p for the circle of these four states.
        let states = [(1.0, 100.0), (8.0, 20.0), (0.0, 50.0), (3.0, 7.0)];
        let states = states.map(|(rate, s)| (rate, seconds(s)));
        let (modulation, rate) = Modulation::of_rates(&states);
        assert!((rate - GOLDEN[0]).abs() < 1e-12, "{rate}");
        let found = modulation.index_of_dispersion(rate);
        assert!((found / GOLDEN[1] - 1.0).abs() < 1e-12, "{found}");
        // One state is a Poisson process.
        let (one, rate) = Modulation::of_rates(&[(2.0, seconds(5.0))]);
        assert_eq!((rate, one.index_of_dispersion(rate)), (2.0, 1.0));
    }

    const GOLDEN: [f64; 2] = [1.587_570_621_468_926_5, 94.590_023_637_326_71];
}
