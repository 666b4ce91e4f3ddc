//! The circuit breaker of opossum 9.0.0 (`lib/circuit.js`, `lib/status.js`).
//!
//! Kept as it is there: refused calls count as fired and so dilute the error rate; a failure stands in the bucket of its
//! end, its call in that of its start, so that the rate may be over 100 percent; the window is not emptied by opening; any
//! outcome decides half-open, also that of an older call; a call over the capacity counts as a failure.

use std::collections::VecDeque;

use super::machine::{Birth, Classes, Figure, Machine, Volume};
use super::{CallEnd, Permit, Verdict};
use crate::domain::BreakerState;
use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};

const MILLI: u64 = 1_000_000;

/// The options.
#[derive(Clone, Debug, PartialEq)]
pub struct OpossumRule {
    /// A call that takes longer counts as failed at that instant; `None`: no limit.
    pub timeout: Option<SimDuration>,
    /// How long it stays open.
    pub reset_timeout: SimDuration,
    /// The error rate in percent above which it opens.
    pub error_threshold_percentage: f64,
    /// The length of the window.
    pub rolling_count_timeout: SimDuration,
    /// The window's buckets.
    pub rolling_count_buckets: u32,
    /// Calls in the window without which it does not open.
    pub volume_threshold: u32,
    /// The most calls in flight; `None`: no limit.
    pub capacity: Option<u32>,
    /// Failures cannot open it during the first window.
    pub allow_warm_up: bool,
    /// How it takes outcomes; what is ignored passes its error filter and is a success.
    pub classes: Classes,
}

impl Default for OpossumRule {
    fn default() -> Self {
        Self {
            timeout: Some(SimDuration(10 * NANOS_PER_SECOND)),
            reset_timeout: SimDuration(30 * NANOS_PER_SECOND),
            error_threshold_percentage: 50.0,
            rolling_count_timeout: SimDuration(10 * NANOS_PER_SECOND),
            rolling_count_buckets: 10,
            volume_threshold: 0,
            capacity: None,
            allow_warm_up: false,
            classes: Classes::ALL_UNSERVED,
        }
    }
}

/// What is counted in a bucket.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    fires: u64,
    successes: u64,
    failures: u64,
    rejects: u64,
    timeouts: u64,
    semaphore_rejections: u64,
}

impl Tally {
    fn fields(&mut self) -> [&mut u64; 6] {
        [
            &mut self.fires,
            &mut self.successes,
            &mut self.failures,
            &mut self.rejects,
            &mut self.timeouts,
            &mut self.semaphore_rejections,
        ]
    }
}

/// A window of buckets that turn by the clock from time zero.
#[derive(Clone, Debug)]
struct Window {
    bucket: u64,
    n: u64,
    buckets: VecDeque<(u64, Tally)>,
    sum: Tally,
}

impl Window {
    /// Moves to `now` and adds to the current bucket.
    fn count(&mut self, now: SimTime, add: impl Fn(&mut Tally)) {
        let current = self.turn(now);
        if self.buckets.back().is_none_or(|(at, _)| *at != current) {
            self.buckets.push_back((current, Tally::default()));
        }
        if let Some((_, tally)) = self.buckets.back_mut() {
            add(tally);
        }
        add(&mut self.sum);
    }

    fn turn(&mut self, now: SimTime) -> u64 {
        let current = now.0 / self.bucket;
        while let Some((at, mut tally)) = self.buckets.front().copied()
            && at + self.n <= current
        {
            for (sum, gone) in self.sum.fields().into_iter().zip(tally.fields()) {
                *sum -= *gone;
            }
            self.buckets.pop_front();
        }
        current
    }
}

/// One breaker of opossum.
#[derive(Clone, Debug)]
pub struct OpossumBreaker {
    rule: OpossumRule,
    state: BreakerState,
    window: Window,
    /// The one trial call of half-open has not been made yet.
    pending_close: bool,
    /// When half-open comes, and the number of the timer: of two at one instant the older fires first.
    reset: (SimTime, u64),
    /// Calls in flight that may still time out, oldest first: their numbers, when, and of the timer.
    deadlines: VecDeque<(u32, SimTime, u64)>,
    in_flight: u32,
    calls: u32,
    timers: u64,
}

impl OpossumBreaker {
    fn succeed(&mut self, now: SimTime) {
        self.window.count(now, |tally| tally.successes += 1);
        if self.state == BreakerState::HalfOpen {
            self.state = BreakerState::Closed;
            self.pending_close = false;
        }
    }

    fn fail(&mut self, now: SimTime) {
        self.window.count(now, |tally| tally.failures += 1);
        if self.is_warming_up(now) {
            return;
        }
        let half_open = self.state == BreakerState::HalfOpen;
        let sum = self.window.sum;
        if sum.fires < u64::from(self.rule.volume_threshold) && !half_open {
            return;
        }
        // Without a call in the window it is infinite, and opens.
        let rate = sum.failures as f64 / sum.fires as f64 * 100.0;
        if rate > self.rule.error_threshold_percentage || half_open {
            self.open(now);
        }
    }

    fn open(&mut self, now: SimTime) {
        if self.state == BreakerState::Open {
            return;
        }
        self.state = BreakerState::Open;
        self.pending_close = false;
        self.timers += 1;
        self.reset = (now + self.rule.reset_timeout, self.timers);
    }

    fn is_warming_up(&self, now: SimTime) -> bool {
        self.rule.allow_warm_up && now.0 < self.rule.rolling_count_timeout.0
    }

    fn is_full(&self) -> bool {
        self.rule.capacity.is_some_and(|capacity| self.in_flight >= capacity)
    }

    fn next_timer(&self) -> (SimTime, u64) {
        let reset = match self.state {
            BreakerState::Open => self.reset,
            _ => (SimTime::NEVER, 0),
        };
        let deadline = self.deadlines.front();
        deadline.map_or(reset, |(_, at, timer)| reset.min((*at, *timer)))
    }
}

impl Machine for OpossumBreaker {
    type Rule = OpossumRule;
    const TIMED: bool = true;

    fn new(rule: &OpossumRule, _birth: Birth) -> Self {
        let n = u64::from(rule.rolling_count_buckets.max(1));
        // Timers of whole milliseconds, at least one.
        let bucket = (rule.rolling_count_timeout.0 / MILLI / n).max(1) * MILLI;
        Self {
            rule: rule.clone(),
            state: BreakerState::Closed,
            window: Window { bucket, n, buckets: VecDeque::new(), sum: Tally::default() },
            pending_close: false,
            reset: (SimTime::NEVER, 0),
            deadlines: VecDeque::new(),
            in_flight: 0,
            calls: 0,
            timers: 0,
        }
    }

    fn state(&self) -> BreakerState {
        self.state
    }

    fn guards(&self) -> bool {
        self.state != BreakerState::Closed || self.is_full()
    }

    fn would_pass(&self, now: SimTime) -> bool {
        let passes = match self.state {
            BreakerState::Closed => true,
            BreakerState::Open => now >= self.reset.0,
            BreakerState::HalfOpen => self.pending_close,
        };
        passes && !self.is_full()
    }

    fn passes_from(&self) -> Option<SimTime> {
        if self.is_full() {
            return None;
        }
        match self.state {
            BreakerState::Closed => Some(SimTime::ZERO),
            BreakerState::Open => Some(self.reset.0),
            BreakerState::HalfOpen => self.pending_close.then_some(SimTime::ZERO),
        }
    }

    fn due(&self) -> SimTime {
        self.next_timer().0
    }

    fn fire(&mut self, now: SimTime) {
        let due = self.next_timer();
        if self.state == BreakerState::Open && due == self.reset {
            self.state = BreakerState::HalfOpen;
            self.pending_close = true;
        } else if self.deadlines.pop_front().is_some() {
            self.in_flight -= 1;
            self.window.count(now, |tally| tally.timeouts += 1);
            self.fail(now);
        }
    }

    fn acquire(&mut self, now: SimTime) -> Option<Permit> {
        self.window.count(now, |tally| tally.fires += 1);
        if self.state != BreakerState::Closed && !self.pending_close {
            self.window.count(now, |tally| tally.rejects += 1);
            return None;
        }
        self.pending_close = false;
        if self.is_full() {
            self.window.count(now, |tally| tally.semaphore_rejections += 1);
            self.fail(now);
            return None;
        }
        let permit = Permit(self.calls);
        self.calls = self.calls.wrapping_add(1);
        self.in_flight += 1;
        if let Some(timeout) = self.rule.timeout {
            self.timers += 1;
            self.deadlines.push_back((permit.0, now + timeout, self.timers));
        }
        Some(permit)
    }

    fn settle(&mut self, now: SimTime, permit: Permit, end: &CallEnd) {
        if self.rule.timeout.is_some() {
            let at = self.deadlines.iter().position(|(call, ..)| *call == permit.0);
            // A call that timed out has been counted.
            let Some(at) = at else { return };
            self.deadlines.remove(at);
        }
        self.in_flight -= 1;
        match end.verdict {
            Verdict::Success | Verdict::Ignored => self.succeed(now),
            Verdict::Failure => self.fail(now),
        }
    }

    fn volume(rule: &OpossumRule) -> Volume {
        Volume::within(rule.volume_threshold, rule.rolling_count_timeout)
    }

    fn opens_for(rule: &OpossumRule) -> SimDuration {
        rule.reset_timeout
    }

    fn traps(rule: &OpossumRule) -> Vec<&'static str> {
        let single = rule.volume_threshold <= 1 && rule.error_threshold_percentage < 100.0;
        let trap = "without a `volume_threshold` the first failure in a quiet window opens the breaker: 1 of 1 is 100 \
                    percent";
        single.then_some(trap).into_iter().collect()
    }

    fn wedges(rule: &OpossumRule) -> Option<&'static str> {
        rule.timeout.is_none().then_some(
            "half-open waits for the end of its one call, and `timeout` is off: if that call never ends, the breaker \
             refuses for good",
        )
    }

    fn figures(&mut self, now: SimTime) -> Vec<Figure> {
        self.window.turn(now);
        let sum = self.window.sum;
        let figure = |n: u64| n as f64;
        vec![
            ("pending_close", figure(self.pending_close.into())),
            ("warm_up", figure(self.is_warming_up(now).into())),
            ("fires", figure(sum.fires)),
            ("successes", figure(sum.successes)),
            ("failures", figure(sum.failures)),
            ("rejects", figure(sum.rejects)),
            ("timeouts", figure(sum.timeouts)),
            ("semaphore_rejections", figure(sum.semaphore_rejections)),
        ]
    }
}
