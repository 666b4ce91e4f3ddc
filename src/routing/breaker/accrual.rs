//! The failure accrual of Finagle, by which finagle and the crate failsafe decide when a target is dead and for how long.

use super::machine::{Birth, Volume};
use super::window::{Ema, WindowedAdder};
use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};

/// How long a target stays dead, from one time to the next.
#[derive(Clone, Debug, PartialEq)]
pub enum DeadTime {
    /// Always as long.
    Constant(SimDuration),
    /// Twice as long each time, up to a longest.
    Exponential {
        /// The first time.
        start: SimDuration,
        /// The longest.
        max: SimDuration,
    },
    /// Half of the exponential time, and a random time up to that half.
    EqualJittered {
        /// The first time.
        start: SimDuration,
        /// The longest.
        max: SimDuration,
    },
    /// A random time between both, of whole seconds (the crate failsafe alone).
    FullJittered {
        /// The shortest.
        start: SimDuration,
        /// The longest.
        max: SimDuration,
    },
}

impl DeadTime {
    /// The first dead time, or the shortest that it can be.
    fn first(&self, dialect: Dialect) -> SimDuration {
        match (self, dialect) {
            (Self::EqualJittered { start, .. }, Dialect::FailsafeRs) => {
                SimDuration(start.0 / NANOS_PER_SECOND / 2 * NANOS_PER_SECOND)
            }
            (Self::Constant(time), _) => *time,
            (
                Self::Exponential { start, .. }
                | Self::EqualJittered { start, .. }
                | Self::FullJittered { start, .. },
                _,
            ) => *start,
        }
    }
}

/// Whose arithmetic is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Finagle: jitter in nanoseconds on top of a first time that has none.
    Finagle,
    /// The crate failsafe: whole seconds, jitter from the first time on, and a mean that takes stamp 0 for empty.
    FailsafeRs,
}

/// The conditions of failure accrual; with both the longer time counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Accrual {
    /// Too low a share of successes in an exponentially weighted mean.
    pub success_rate: Option<SuccessRate>,
    /// Consecutive failures.
    pub consecutive: Option<Consecutive>,
}

/// A share of successes over a window of time.
#[derive(Clone, Debug, PartialEq)]
pub struct SuccessRate {
    /// The share below which the target is dead.
    pub required: f64,
    /// Results in the window without which it is not.
    pub min_requests: u32,
    /// The window, and the time since creation or revival before which it is not.
    pub window: SimDuration,
    /// How long it is dead.
    pub dead: DeadTime,
}

/// A number of failures in a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Consecutive {
    /// How many.
    pub failures: u32,
    /// How long it is dead.
    pub dead: DeadTime,
}

impl Accrual {
    /// The fewest results that can open it.
    pub(super) fn volume(&self) -> Volume {
        match (&self.consecutive, &self.success_rate) {
            (Some(run), _) => Volume::ever(run.failures),
            (None, Some(rate)) => Volume::within(rate.min_requests, rate.window),
            (None, None) => Volume::ever(u32::MAX),
        }
    }

    /// The shortest first dead time.
    pub(super) fn opens_for(&self, dialect: Dialect) -> SimDuration {
        let rate = self.success_rate.as_ref().map(|rate| rate.dead.first(dialect));
        let run = self.consecutive.as_ref().map(|run| run.dead.first(dialect));
        rate.into_iter().chain(run).min().unwrap_or(SimDuration::MAX)
    }

    /// Finagle's defaults, with the dead times of a library.
    pub(super) fn with(dead: &DeadTime) -> Self {
        Self {
            success_rate: Some(SuccessRate {
                required: 0.8,
                min_requests: 5,
                window: SimDuration(30 * NANOS_PER_SECOND),
                dead: dead.clone(),
            }),
            consecutive: Some(Consecutive { failures: 5, dead: dead.clone() }),
        }
    }
}

/// Dead times as they are drawn one after the other.
#[derive(Clone, Debug)]
struct Backoff {
    law: DeadTime,
    dialect: Dialect,
    birth: Birth,
    /// Times taken since the last revival.
    taken: u32,
    /// Numbers drawn since time zero, twice as many as there are streams of one breaker, to keep both policies apart.
    drawn: u32,
    /// Finagle: the time that comes next was the longest.
    at_longest: bool,
}

impl Backoff {
    fn new(law: &DeadTime, dialect: Dialect, birth: Birth, which: u32) -> Self {
        let law = law.clone();
        Self { law, dialect, birth, taken: 0, drawn: which, at_longest: false }
    }

    fn reset(&mut self) {
        self.taken = 0;
        self.at_longest = false;
    }

    fn draw(&mut self) -> f64 {
        let uniform = self.birth.uniform(self.drawn);
        self.drawn += 2;
        uniform
    }

    /// A whole number below `n`.
    fn below(&mut self, n: u64) -> u64 {
        ((self.draw() * n as f64) as u64).min(n.saturating_sub(1))
    }

    fn next(&mut self) -> SimDuration {
        let nth = self.taken;
        self.taken = (self.taken + 1).min(62);
        match (self.law.clone(), self.dialect) {
            (DeadTime::Constant(time), _) => time,
            (DeadTime::Exponential { start, max }, _) => doubled(start, nth, max),
            (DeadTime::EqualJittered { start, max }, Dialect::Finagle) => {
                self.next_jittered(nth, start, max)
            }
            (DeadTime::EqualJittered { start, max }, Dialect::FailsafeRs) => {
                let half = doubled(start, nth, max).0 / NANOS_PER_SECOND / 2;
                SimDuration((half + self.below(half + 1)) * NANOS_PER_SECOND)
            }
            (DeadTime::FullJittered { start, max }, _) => {
                let [start, max] = [start, max].map(|span| span.0 / NANOS_PER_SECOND);
                let spread = max.saturating_sub(start) + 1;
                SimDuration((start + self.below(spread)) * NANOS_PER_SECOND)
            }
        }
    }

    /// Finagle computes each time from the first one: half of it grows, and once the sum reaches the longest it stays.
    fn next_jittered(&mut self, nth: u32, start: SimDuration, max: SimDuration) -> SimDuration {
        if nth == 0 {
            return start;
        }
        if !self.at_longest {
            let half = doubled(start, nth - 1, max);
            let jitter = self.below(half.0);
            if half.0.saturating_add(jitter) < max.0 && half < max {
                return SimDuration(half.0 + jitter);
            }
            self.at_longest = true;
        }
        max
    }
}

/// `start` doubled `n` times, at most `max`.
fn doubled(start: SimDuration, n: u32, max: SimDuration) -> SimDuration {
    SimDuration(start.0.saturating_mul(1 << n.min(62)).min(max.0))
}

#[derive(Clone, Debug)]
struct RatePolicy {
    rule: SuccessRate,
    mean: Ema,
    requests: WindowedAdder,
    born: SimTime,
    backoff: Backoff,
}

#[derive(Clone, Debug)]
struct ConsecutivePolicy {
    threshold: u32,
    failures: u32,
    backoff: Backoff,
}

/// Failure accrual in progress.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    dialect: Dialect,
    rate: Option<RatePolicy>,
    consecutive: Option<ConsecutivePolicy>,
}

impl RatePolicy {
    /// Takes in a result; gives the mean and the milliseconds since creation or revival.
    fn update(&mut self, now: SimTime, dialect: Dialect, value: f64) -> (f64, u64) {
        self.requests.add_one(now);
        let stamp = now.since(self.born).0 / 1_000_000;
        if dialect == Dialect::FailsafeRs && self.mean.last() == Some(0) {
            self.mean.reset();
        }
        (self.mean.update(stamp, value), stamp)
    }

    fn fail(&mut self, now: SimTime, dialect: Dialect) -> Option<SimDuration> {
        let (mean, stamp) = self.update(now, dialect, 0.0);
        let dead = stamp >= self.rule.window.0 / 1_000_000
            && mean < self.rule.required
            && self.requests.sum(now) >= u64::from(self.rule.min_requests);
        dead.then(|| self.backoff.next())
    }
}

impl Policy {
    pub(super) fn new(rule: &Accrual, dialect: Dialect, birth: Birth) -> Self {
        let rate = rule.success_rate.as_ref().map(|rule| RatePolicy {
            rule: rule.clone(),
            mean: Ema::new(rule.window.0 / 1_000_000),
            requests: WindowedAdder::new(rule.window, SimTime::ZERO),
            born: SimTime::ZERO,
            backoff: Backoff::new(&rule.dead, dialect, birth, 0),
        });
        let consecutive = rule.consecutive.as_ref().map(|rule| ConsecutivePolicy {
            threshold: rule.failures,
            failures: 0,
            backoff: Backoff::new(&rule.dead, dialect, birth, 1),
        });
        Self { dialect, rate, consecutive }
    }

    /// Takes in a success.
    pub(super) fn succeed(&mut self, now: SimTime) {
        if let Some(rate) = &mut self.rate {
            rate.update(now, self.dialect, 1.0);
        }
        if let Some(consecutive) = &mut self.consecutive {
            consecutive.failures = 0;
        }
    }

    /// Takes in a failure; says how long the target is dead if it is.
    pub(super) fn fail(&mut self, now: SimTime) -> Option<SimDuration> {
        let dialect = self.dialect;
        let by_rate = self.rate.as_mut().and_then(|rate| rate.fail(now, dialect));
        let by_number = self.consecutive.as_mut().and_then(|policy| {
            policy.failures = policy.failures.saturating_add(1);
            (policy.failures >= policy.threshold).then(|| policy.backoff.next())
        });
        by_rate.max(by_number)
    }

    /// The target is alive again: all of the past is forgotten.
    pub(super) fn revive(&mut self, now: SimTime) {
        if let Some(rate) = &mut self.rate {
            rate.born = now;
            rate.mean.reset();
            rate.requests.reset(now);
            rate.backoff.reset();
        }
        if let Some(consecutive) = &mut self.consecutive {
            consecutive.failures = 0;
            consecutive.backoff.reset();
        }
    }

    /// Failures in a row.
    pub(super) fn failures(&self) -> u32 {
        self.consecutive.as_ref().map_or(0, |policy| policy.failures)
    }
}
