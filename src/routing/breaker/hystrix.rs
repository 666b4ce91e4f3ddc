//! The circuit breaker of Hystrix 1.5 (`HystrixCircuitBreaker`, `HealthCountsStream`).
//!
//! Kept as it is there: health is looked at every half second, over whole buckets that are complete, so that it opens up to
//! that much late; refused calls are not counted; half-open lets one call pass, any call's success closes it and anything
//! else that ends opens it again; closing starts the buckets anew from that instant.

use super::machine::{Birth, Classes, Figure, Machine, Volume, Wait};
use super::window::{Counts, Slices};
use super::{CallEnd, Permit, Verdict};
use crate::domain::BreakerState;
use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};

/// The command's properties.
#[derive(Clone, Debug, PartialEq)]
pub struct HystrixRule {
    /// Results in the window without which it does not open.
    pub request_volume_threshold: u32,
    /// The percentage of errors, in whole percent cut off, from which it opens.
    pub error_threshold_percentage: u32,
    /// How long it stays open.
    pub sleep_window: SimDuration,
    /// The length of the window.
    pub rolling_stats_time: SimDuration,
    /// How often health is looked at, and the length of a bucket.
    pub health_snapshot_interval: SimDuration,
    /// How it takes outcomes; what is ignored is not counted.
    pub classes: Classes,
}

impl Default for HystrixRule {
    fn default() -> Self {
        Self {
            request_volume_threshold: 20,
            error_threshold_percentage: 50,
            sleep_window: SimDuration(5 * NANOS_PER_SECOND),
            rolling_stats_time: SimDuration(10 * NANOS_PER_SECOND),
            health_snapshot_interval: SimDuration(NANOS_PER_SECOND / 2),
            classes: Classes::UNSERVED,
        }
    }
}

/// One breaker of Hystrix.
#[derive(Clone, Debug)]
pub struct HystrixBreaker {
    rule: HystrixRule,
    state: BreakerState,
    wait: Wait,
    /// One span more than the window, for the bucket that is not complete.
    buckets: Slices,
    /// When the first bucket began.
    begun: SimTime,
    /// When health is looked at next, where that may change anything.
    look: SimTime,
}

impl HystrixBreaker {
    fn interval(&self) -> u64 {
        self.rule.health_snapshot_interval.0.max(1)
    }

    fn bucket(&self, now: SimTime) -> i64 {
        (now.since(self.begun).0 / self.interval()) as i64
    }

    fn fresh(rule: &HystrixRule) -> Slices {
        let n = rule.rolling_stats_time.0 / rule.health_snapshot_interval.0.max(1);
        Slices::new(n.max(1) as u32 + 1)
    }

    fn open(&mut self, now: SimTime) {
        self.state = BreakerState::Open;
        self.wait = Wait::strict(now, self.rule.sleep_window);
        self.look = SimTime::NEVER;
    }

    /// Health is looked at as long as there are enough results for an opening.
    fn plan_look(&mut self, now: SimTime) {
        let closed = self.state == BreakerState::Closed;
        let enough = self.buckets.sum.calls >= self.rule.request_volume_threshold.max(1);
        let next = (self.bucket(now) as u64 + 1).saturating_mul(self.interval());
        self.look = if closed && enough { self.begun + SimDuration(next) } else { SimTime::NEVER };
    }

    fn errors_in_percent(counts: Counts) -> u32 {
        (f64::from(counts.failed) / f64::from(counts.calls) * 100.0) as u32
    }
}

impl Machine for HystrixBreaker {
    type Rule = HystrixRule;
    const TIMED: bool = true;

    fn new(rule: &HystrixRule, _birth: Birth) -> Self {
        Self {
            rule: rule.clone(),
            state: BreakerState::Closed,
            wait: Wait::default(),
            buckets: Self::fresh(rule),
            begun: SimTime::ZERO,
            look: SimTime::NEVER,
        }
    }

    fn state(&self) -> BreakerState {
        self.state
    }

    fn would_pass(&self, now: SimTime) -> bool {
        self.wait.lets_pass(self.state, now, false)
    }

    fn passes_from(&self) -> Option<SimTime> {
        self.wait.lets_pass_from(self.state, false)
    }

    fn due(&self) -> SimTime {
        self.look
    }

    fn fire(&mut self, now: SimTime) {
        let current = self.bucket(now);
        self.buckets.move_to(current);
        let counts = self.buckets.before(current);
        let threshold = self.rule.error_threshold_percentage;
        if counts.calls >= self.rule.request_volume_threshold.max(1)
            && Self::errors_in_percent(counts) >= threshold
        {
            self.open(now);
        } else {
            self.plan_look(now);
        }
    }

    fn acquire(&mut self, now: SimTime) -> Option<Permit> {
        if !self.would_pass(now) {
            return None;
        }
        if self.state == BreakerState::Open {
            self.state = BreakerState::HalfOpen;
        }
        Some(Permit::default())
    }

    fn settle(&mut self, now: SimTime, _permit: Permit, end: &CallEnd) {
        if self.state == BreakerState::HalfOpen {
            if end.verdict == Verdict::Success {
                self.state = BreakerState::Closed;
                self.buckets.clear();
                self.begun = now;
            } else {
                self.open(now);
            }
        }
        if end.verdict != Verdict::Ignored {
            let failed = end.verdict == Verdict::Failure;
            self.buckets.push(self.bucket(now), Counts::one(failed, false));
            self.plan_look(now);
        }
    }

    fn volume(rule: &HystrixRule) -> Volume {
        Volume::within(rule.request_volume_threshold, rule.rolling_stats_time)
    }

    fn opens_for(rule: &HystrixRule) -> SimDuration {
        rule.sleep_window
    }

    fn figures(&mut self, now: SimTime) -> Vec<Figure> {
        let current = self.bucket(now);
        self.buckets.move_to(current);
        let counts = self.buckets.before(current);
        vec![("total_requests", counts.calls.into()), ("error_count", counts.failed.into())]
    }

    fn wedges(_rule: &HystrixRule) -> Option<&'static str> {
        Some(
            "half-open waits for the end of its one call; Hystrix ends it by its command timeout: keep `call_timeout` \
             short, or the breaker refuses as long as that call hangs",
        )
    }
}
