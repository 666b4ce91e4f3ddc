//! Limits as the provider enforces them: slots, requests and tokens per minute, daily token quotas.

use jiff::Timestamp;

use crate::calendar::{ClockMinutes, DailyTimes};
use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};
use crate::world::AccountSpec;

/// How a limit per minute is counted.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RateWindow {
    /// Counts start anew with every minute of the clock.
    #[default]
    CalendarMinute,
    /// A bucket of one minute's worth that refills evenly.
    TokenBucket,
}

/// When a call's tokens are charged to the daily quota.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum QuotaCharge {
    /// When the response has been sent; calls in flight may overshoot the limit.
    #[default]
    AfterResponse,
    /// When the call is admitted.
    AtAdmission,
    /// When the call is admitted, and only if all its tokens still fit.
    Reserved,
}

/// Limits of one model; `None` is unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Concurrent calls; more wait in a FIFO queue.
    pub slots: Option<u32>,
    /// Requests per minute.
    pub requests_per_minute: Option<f64>,
    /// Tokens per minute, both directions, counted at admission.
    pub tokens_per_minute: Option<f64>,
    /// How the two are counted.
    pub window: RateWindow,
    /// When the daily quota is charged.
    pub quota_charged: QuotaCharge,
    /// A 429 carries Retry-After.
    pub retry_after: bool,
}

const MINUTE: u64 = 60 * NANOS_PER_SECOND;

/// One rate limit in flight.
#[derive(Clone, Debug)]
pub struct Rate {
    per_minute: f64,
    window: RateWindow,
    clock: ClockMinutes,
    minute: u64,
    used: f64,
    updated: SimTime,
}

impl Rate {
    /// A limit of `per_minute` for a run that starts at `start`.
    #[must_use]
    pub fn new(per_minute: f64, window: RateWindow, start: Timestamp) -> Self {
        let clock = ClockMinutes::new(start);
        Self { per_minute, window, clock, minute: 0, used: 0.0, updated: SimTime::ZERO }
    }

    /// Units used and not yet free again at `now`.
    fn used_at(&self, now: SimTime) -> f64 {
        match self.window {
            RateWindow::CalendarMinute => {
                if self.clock.of(now) == self.minute {
                    self.used
                } else {
                    0.0
                }
            }
            RateWindow::TokenBucket => {
                let refilled = now.since(self.updated).0 as f64 * self.per_minute / MINUTE as f64;
                (self.used - refilled).max(0.0)
            }
        }
    }

    /// Whether `units` more fit at `now`.
    #[must_use]
    pub fn fits(&self, now: SimTime, units: f64) -> bool {
        self.used_at(now) + units <= self.per_minute
    }

    /// Time until `units` more may fit.
    #[must_use]
    pub fn wait(&self, now: SimTime, units: f64) -> SimDuration {
        match self.window {
            RateWindow::CalendarMinute => self.clock.left(now),
            RateWindow::TokenBucket => {
                let excess = self.used_at(now) + units - self.per_minute;
                let wait = SimDuration((excess / self.per_minute * MINUTE as f64).ceil() as u64);
                // Rounding may leave a trace of the excess, which the next nanosecond clears.
                if self.fits(now + wait, units) { wait } else { wait + SimDuration(1) }
            }
        }
    }

    /// Books `units` at `now`.
    pub fn book(&mut self, now: SimTime, units: f64) {
        self.used = self.used_at(now) + units;
        self.updated = now;
        self.minute = self.clock.of(now);
    }
}

/// A daily token quota in flight.
#[derive(Clone, Debug)]
pub struct Quota {
    limit: Option<u64>,
    used: u64,
    reset: DailyTimes,
}

impl Quota {
    /// Nothing used yet.
    #[must_use]
    pub fn new(spec: &AccountSpec, start: Timestamp) -> Self {
        Self {
            limit: spec.daily_tokens,
            used: 0,
            reset: DailyTimes::midnights(start, spec.reset_zone.clone()),
        }
    }

    fn refresh(&mut self, now: SimTime) {
        if self.reset.passed(now) {
            self.used = 0;
        }
    }

    /// Tokens used since the last reset, and the limit times a fault's `factor`.
    pub fn state(&mut self, now: SimTime, factor: f64) -> (u64, Option<u64>) {
        self.refresh(now);
        (self.used, self.limit.map(|limit| (limit as f64 * factor) as u64))
    }

    /// Raises the tokens used to `share` of the limit, as somebody else's calls on the same account would.
    pub fn use_up(&mut self, now: SimTime, share: f64) {
        self.refresh(now);
        if let Some(limit) = self.limit {
            self.used = self.used.max((limit as f64 * share).ceil() as u64);
        }
    }

    /// Charges tokens.
    pub fn charge(&mut self, now: SimTime, tokens: u64) {
        self.refresh(now);
        self.used += tokens;
    }

    /// Time until the next reset.
    #[must_use]
    pub fn wait(&self, now: SimTime) -> SimDuration {
        self.reset.wait(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(s: f64) -> SimTime {
        SimTime((s * 1e9) as u64)
    }

    #[test]
    fn calendar_minutes_start_with_the_clock() {
        // The run starts 7 s into a minute, so the first window ends after 53 s.
        let start = Timestamp::from_second(60 * 1000 + 7).expect("in range");
        let mut rate = Rate::new(2.0, RateWindow::CalendarMinute, start);
        rate.book(seconds(1.0), 1.0);
        rate.book(seconds(2.0), 1.0);
        assert!(!rate.fits(seconds(52.9), 1.0));
        assert_eq!(rate.wait(seconds(3.0), 1.0), SimDuration::from_secs_f64(50.0));
        assert!(rate.fits(seconds(53.0), 2.0));
    }

    #[test]
    fn a_bucket_refills_evenly() {
        let mut rate = Rate::new(60.0, RateWindow::TokenBucket, Timestamp::UNIX_EPOCH);
        rate.book(seconds(0.0), 60.0);
        assert!(!rate.fits(seconds(0.5), 1.0));
        assert_eq!(rate.wait(seconds(0.5), 1.0), SimDuration::from_secs_f64(0.5));
        assert!(rate.fits(seconds(1.0), 1.0) && !rate.fits(seconds(1.0), 2.0));
    }
}
