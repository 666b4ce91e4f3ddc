//! The circuit breaker of failsafe-go (`circuitbreaker/`, commit 5759a5e6, as in 0.9.7).
//!
//! Kept as it is there: rates are rounded to two decimals before they are compared; half-open limits the calls in flight,
//! not their number; every result gives a permit back, also those of calls from before half-open; a window of time
//! forgets only when a result is recorded.

use super::machine::{Birth, Classes, Figure, Machine, Volume, Wait};
use super::window::{Counts, Ring, Slices};
use super::{CallEnd, Permit, Verdict};
use crate::domain::BreakerState;
use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};

/// Buckets of a window of time.
const BUCKETS: u32 = 10;

/// What opens it, and what closes it.
#[derive(Clone, Debug, PartialEq)]
pub struct FailsafeGoRule {
    /// Failures that open it.
    pub failure_threshold: u32,
    /// Among so many results, where no window of time is set.
    pub failure_capacity: u32,
    /// The share of failures that opens it, in the place of their number; needs a window of time.
    pub failure_rate: Option<f64>,
    /// Results without which it does not open.
    pub failure_executions: u32,
    /// The window of time.
    pub failure_period: Option<SimDuration>,
    /// Successes that close it; 0: what does not open it closes it.
    pub success_threshold: u32,
    /// Among so many results, and the most calls in flight in half-open.
    pub success_capacity: u32,
    /// How long it stays open.
    pub delay: SimDuration,
    /// A delay function in its place: so long, times how often it has been asked.
    pub delay_step: Option<SimDuration>,
    /// How it takes outcomes.
    pub classes: Classes,
}

impl Default for FailsafeGoRule {
    fn default() -> Self {
        Self {
            failure_threshold: 1,
            failure_capacity: 1,
            failure_rate: None,
            failure_executions: 0,
            failure_period: None,
            success_threshold: 0,
            success_capacity: 0,
            delay: SimDuration(60 * NANOS_PER_SECOND),
            delay_step: None,
            classes: Classes::ALL_UNSERVED,
        }
    }
}

impl FailsafeGoRule {
    /// Calls that may be in flight in half-open, and results that it remembers.
    #[must_use]
    pub fn half_open_capacity(&self) -> u32 {
        [self.success_capacity, self.failure_executions]
            .into_iter()
            .find(|capacity| *capacity > 0)
            .unwrap_or(self.failure_capacity)
    }
}

#[derive(Clone, Debug)]
enum Stats {
    Calls(Ring),
    /// Buckets of so many nanoseconds, in step with the clock.
    Time(Slices, u64),
}

impl Stats {
    fn closed(rule: &FailsafeGoRule) -> Self {
        match rule.failure_period {
            Some(period) => {
                Self::Time(Slices::new(BUCKETS), (period.0 / u64::from(BUCKETS)).max(1))
            }
            None if rule.failure_executions > 0 => Self::Calls(Ring::new(rule.failure_executions)),
            None => Self::Calls(Ring::new(rule.failure_capacity)),
        }
    }

    fn record(&mut self, birth: &Birth, now: SimTime, failed: bool) {
        let result = Counts::one(failed, false);
        match self {
            Self::Calls(ring) => {
                ring.push(result);
            }
            Self::Time(slices, bucket) => {
                let bucket = birth.since_epoch(now).div_euclid(i128::from(*bucket));
                slices.push(bucket as i64, result);
            }
        }
    }

    fn counts(&self) -> Counts {
        match self {
            Self::Calls(ring) => ring.sum,
            Self::Time(slices, _) => slices.sum,
        }
    }
}

/// `n` of `all`, rounded to two decimals as the library has it.
fn rate(n: u32, all: u32) -> f64 {
    if all == 0 {
        return 0.0;
    }
    (f64::from(n) / f64::from(all) * 100.0).round() / 100.0
}

/// One breaker of failsafe-go.
#[derive(Clone, Debug)]
pub struct FailsafeGoBreaker {
    rule: FailsafeGoRule,
    birth: Birth,
    state: BreakerState,
    stats: Stats,
    wait: Wait,
    permits: u32,
    /// How often the delay function has been asked.
    asked: u64,
}

impl FailsafeGoBreaker {
    fn open(&mut self, now: SimTime) {
        let delay = match self.rule.delay_step {
            Some(step) => {
                self.asked += 1;
                SimDuration(step.0.saturating_mul(self.asked))
            }
            None => self.rule.delay,
        };
        self.state = BreakerState::Open;
        self.wait = Wait::inclusive(now, delay);
    }

    fn close(&mut self) {
        self.state = BreakerState::Closed;
        self.stats = Stats::closed(&self.rule);
    }

    fn judge_closed(&mut self, now: SimTime) {
        let counts = self.stats.counts();
        let opens = match self.rule.failure_rate {
            Some(threshold) => rate(counts.failed, counts.calls) >= threshold,
            None => counts.failed >= self.rule.failure_threshold,
        };
        if counts.calls >= self.rule.failure_executions && opens {
            self.open(now);
        }
    }

    fn judge_half_open(&mut self, now: SimTime) {
        let rule = &self.rule;
        let counts = self.stats.counts();
        let (closes, opens) = if rule.success_threshold > 0 {
            let spare = rule.success_capacity.saturating_sub(rule.success_threshold);
            (counts.successes() >= rule.success_threshold, counts.failed > spare)
        } else if let Some(threshold) = rule.failure_rate {
            let enough = counts.calls >= rule.failure_executions;
            let closes = rate(counts.successes(), counts.calls) > 1.0 - threshold;
            (enough && closes, enough && rate(counts.failed, counts.calls) >= threshold)
        } else {
            let spare = rule.failure_capacity.saturating_sub(rule.failure_threshold);
            (counts.successes() > spare, counts.failed >= rule.failure_threshold)
        };
        self.permits += 1;
        if closes {
            self.close();
        } else if opens {
            self.open(now);
        }
    }
}

impl Machine for FailsafeGoBreaker {
    type Rule = FailsafeGoRule;

    fn new(rule: &FailsafeGoRule, birth: Birth) -> Self {
        Self {
            rule: rule.clone(),
            birth,
            state: BreakerState::Closed,
            stats: Stats::closed(rule),
            wait: Wait::default(),
            permits: 0,
            asked: 0,
        }
    }

    fn state(&self) -> BreakerState {
        self.state
    }

    fn would_pass(&self, now: SimTime) -> bool {
        match self.state {
            BreakerState::Closed => true,
            BreakerState::Open => self.wait.is_over(now),
            BreakerState::HalfOpen => self.permits > 0,
        }
    }

    fn passes_from(&self) -> Option<SimTime> {
        match self.state {
            BreakerState::Closed => Some(SimTime::ZERO),
            BreakerState::Open => Some(self.wait.over_from()),
            BreakerState::HalfOpen => (self.permits > 0).then_some(SimTime::ZERO),
        }
    }

    fn acquire(&mut self, now: SimTime) -> Option<Permit> {
        if !self.would_pass(now) {
            return None;
        }
        if self.state == BreakerState::Open {
            self.state = BreakerState::HalfOpen;
            self.permits = self.rule.half_open_capacity();
            self.stats = Stats::Calls(Ring::new(self.permits));
        }
        if self.state == BreakerState::HalfOpen {
            self.permits -= 1;
        }
        Some(Permit::default())
    }

    fn settle(&mut self, now: SimTime, _permit: Permit, end: &CallEnd) {
        // What is not handled as a failure is a success.
        self.stats.record(&self.birth, now, end.verdict == Verdict::Failure);
        match self.state {
            BreakerState::Closed => self.judge_closed(now),
            BreakerState::Open => {}
            BreakerState::HalfOpen => self.judge_half_open(now),
        }
    }

    fn volume(rule: &FailsafeGoRule) -> Volume {
        let results = match rule.failure_rate {
            Some(_) => rule.failure_executions,
            None => rule.failure_threshold.max(rule.failure_executions),
        };
        Volume { results: results.max(1), within: rule.failure_period }
    }

    fn opens_for(rule: &FailsafeGoRule) -> SimDuration {
        rule.delay_step.unwrap_or(rule.delay)
    }

    fn traps(rule: &FailsafeGoRule) -> Vec<&'static str> {
        let single = rule.failure_rate.is_none() && rule.failure_threshold <= 1;
        let trap = "a single failure opens the breaker, which is the default of failsafe-go: set `failure_threshold`";
        single.then_some(trap).into_iter().collect()
    }

    fn figures(&mut self, now: SimTime) -> Vec<Figure> {
        let counts = self.stats.counts();
        let open = self.state == BreakerState::Open;
        let left = if open { self.wait.until.since(now) } else { SimDuration::ZERO };
        vec![
            ("failure_rate", rate(counts.failed, counts.calls)),
            ("success_rate", rate(counts.successes(), counts.calls)),
            ("executions", counts.calls.into()),
            ("failures", counts.failed.into()),
            ("successes", counts.successes().into()),
            ("remaining_delay_ms", left.as_millis_f64()),
        ]
    }
}
