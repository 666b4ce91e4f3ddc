//! The circuit breaker of resilience4j 2.4.0 (`CircuitBreakerStateMachine`).
//!
//! Kept as it is there: a result is booked in the state that it finds, whichever state let its call pass; half-open
//! permits are a trial budget that only an ignored call gives back, without a look at whose permit it was; the minimum
//! number of calls is clamped to the window for windows of calls, not for windows of seconds; open lets a call pass only
//! after its deadline, while the timer of the automatic transition fires at it.

use super::machine::{Birth, Classes, Figure, Machine, Volume, Wait};
use super::window::{Counts, Ring, Slices};
use super::{CallEnd, Permit, Verdict};
use crate::domain::BreakerState;
use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};

/// Of what the sliding window consists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowType {
    /// The last calls.
    CountBased,
    /// The calls of the last seconds.
    TimeBased,
}

/// How the window of seconds lies in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronization {
    /// In whole seconds of the clock.
    Synchronized,
    /// In seconds from the creation of the state's window.
    LockFree,
}

/// How long it stays open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Interval {
    /// Always as long.
    Fixed(SimDuration),
    /// Longer with each re-opening, in whole milliseconds, cut after each step.
    Exponential {
        /// The first time.
        initial: SimDuration,
        /// By how much each is longer than the last.
        multiplier: f64,
        /// The longest; zero: none.
        max: SimDuration,
    },
}

impl Interval {
    /// The time for the `attempt`th opening in a row, from 1.
    #[must_use]
    pub fn of(self, attempt: u32) -> SimDuration {
        match self {
            Self::Fixed(wait) => wait,
            Self::Exponential { initial, multiplier, max } => {
                const MILLI: u64 = 1_000_000;
                let cap = if max == SimDuration::ZERO { u64::MAX } else { max.0 / MILLI };
                let mut millis = initial.0 / MILLI;
                for _ in 1..attempt {
                    if millis >= cap {
                        break;
                    }
                    millis = (millis as f64 * multiplier) as u64;
                }
                SimDuration(millis.min(cap).saturating_mul(MILLI))
            }
        }
    }
}

/// The configuration, with the library's names.
#[derive(Clone, Debug, PartialEq)]
pub struct Resilience4jRule {
    /// Of what the window consists.
    pub sliding_window_type: WindowType,
    /// Its size in calls or seconds.
    pub sliding_window_size: u32,
    /// Results without which no rate is computed.
    pub minimum_number_of_calls: u32,
    /// The share of failures in percent that opens it.
    pub failure_rate_threshold: f32,
    /// The share of slow calls in percent that opens it.
    pub slow_call_rate_threshold: f32,
    /// A call is slow that takes longer.
    pub slow_call_duration_threshold: SimDuration,
    /// Trial calls of one half-open period, and the size of its window.
    pub permitted_in_half_open: u32,
    /// How long it stays open.
    pub wait_in_open: Interval,
    /// A timer half-opens it, not the next call.
    pub automatic_transition: bool,
    /// A half-open period that lasts longer is ended; zero: never.
    pub max_wait_in_half_open: SimDuration,
    /// The state that follows then: open or closed.
    pub after_max_wait: BreakerState,
    /// How windows of seconds lie in time.
    pub synchronization: Synchronization,
    /// The state that it begins with.
    pub initial_state: BreakerState,
    /// How it takes outcomes.
    pub classes: Classes,
}

impl Default for Resilience4jRule {
    fn default() -> Self {
        Self {
            sliding_window_type: WindowType::CountBased,
            sliding_window_size: 100,
            minimum_number_of_calls: 100,
            failure_rate_threshold: 50.0,
            slow_call_rate_threshold: 100.0,
            slow_call_duration_threshold: SimDuration(60 * NANOS_PER_SECOND),
            permitted_in_half_open: 10,
            wait_in_open: Interval::Fixed(SimDuration(60 * NANOS_PER_SECOND)),
            automatic_transition: false,
            max_wait_in_half_open: SimDuration::ZERO,
            after_max_wait: BreakerState::Open,
            synchronization: Synchronization::Synchronized,
            initial_state: BreakerState::Closed,
            classes: Classes::UNSERVED,
        }
    }
}

impl Resilience4jRule {
    /// Results that a closed breaker needs.
    #[must_use]
    pub fn effective_minimum(&self) -> u32 {
        match self.sliding_window_type {
            WindowType::CountBased => self.minimum_number_of_calls.min(self.sliding_window_size),
            WindowType::TimeBased => self.minimum_number_of_calls,
        }
    }

    /// Results that decide a half-open period.
    #[must_use]
    pub fn half_open_minimum(&self) -> u32 {
        self.minimum_number_of_calls.min(self.permitted_in_half_open)
    }
}

/// The window of one state, with what it counts beside.
#[derive(Clone, Debug)]
struct Metrics {
    window: Window,
    minimum: u32,
    not_permitted: u32,
}

#[derive(Clone, Debug)]
enum Window {
    Calls(Ring),
    /// Seconds of the clock.
    Seconds(Slices),
    /// Seconds from `anchor`, which moves to the instant of the first use after a long rest.
    OwnSeconds {
        slices: Slices,
        anchor: SimTime,
        current: i64,
        n: i64,
    },
}

/// How the rates stand to the thresholds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Judgement {
    TooFew,
    Below,
    Exceeded,
}

impl Metrics {
    fn closed(rule: &Resilience4jRule, now: SimTime) -> Self {
        let n = rule.sliding_window_size.max(1);
        let window = match (rule.sliding_window_type, rule.synchronization) {
            (WindowType::CountBased, _) => Window::Calls(Ring::new(n)),
            (WindowType::TimeBased, Synchronization::Synchronized) => {
                Window::Seconds(Slices::new(n))
            }
            (WindowType::TimeBased, Synchronization::LockFree) => {
                Window::OwnSeconds { slices: Slices::new(n), anchor: now, current: 0, n: n.into() }
            }
        };
        Self { window, minimum: rule.effective_minimum(), not_permitted: 0 }
    }

    fn half_open(rule: &Resilience4jRule) -> Self {
        let window = Window::Calls(Ring::new(rule.permitted_in_half_open));
        Self { window, minimum: rule.half_open_minimum(), not_permitted: 0 }
    }

    /// Moves the window to `now`, and adds a result if there is one.
    fn at(&mut self, birth: &Birth, now: SimTime, result: Option<Counts>) -> Counts {
        const SECOND: u64 = NANOS_PER_SECOND;
        match &mut self.window {
            Window::Calls(ring) => {
                if let Some(result) = result {
                    ring.push(result);
                }
                ring.sum
            }
            Window::Seconds(slices) => {
                let second = birth.since_epoch(now).div_euclid(i128::from(SECOND)) as i64;
                slices.move_to(second);
                if let Some(result) = result {
                    slices.push(second, result);
                }
                slices.sum
            }
            Window::OwnSeconds { slices, anchor, current, n } => {
                let second = (now.since(*anchor).0 / SECOND) as i64;
                if second - *current > *n {
                    slices.clear();
                    (*anchor, *current) = (now, 0);
                } else {
                    *current = second;
                    slices.move_to(second);
                }
                if let Some(result) = result {
                    slices.push(*current, result);
                }
                slices.sum
            }
        }
    }

    /// Failure rate and slow-call rate in percent, -1 below the minimum; Java's `float` arithmetic.
    fn rates(&self, counts: Counts) -> (f32, f32) {
        if counts.calls == 0 || counts.calls < self.minimum {
            return (-1.0, -1.0);
        }
        let percent = |n: u32| n as f32 * 100.0 / counts.calls as f32;
        (percent(counts.failed), percent(counts.slow))
    }

    fn judge(&self, rule: &Resilience4jRule, counts: Counts) -> Judgement {
        let (failed, slow) = self.rates(counts);
        if failed < 0.0 {
            Judgement::TooFew
        } else if failed >= rule.failure_rate_threshold || slow >= rule.slow_call_rate_threshold {
            Judgement::Exceeded
        } else {
            Judgement::Below
        }
    }
}

/// One breaker of resilience4j.
#[derive(Clone, Debug)]
pub struct Resilience4jBreaker {
    rule: Resilience4jRule,
    birth: Birth,
    state: BreakerState,
    metrics: Metrics,
    wait: Wait,
    /// Openings in a row without a close between them.
    attempts: u32,
    /// Half-open permits that are left.
    permits: u32,
    /// When half-open is given up.
    half_open_until: SimTime,
}

impl Resilience4jBreaker {
    fn close(&mut self, now: SimTime) {
        self.state = BreakerState::Closed;
        self.attempts = 0;
        self.metrics = Metrics::closed(&self.rule, now);
    }

    /// Opens; the window of the state before stays and takes in late results.
    fn open(&mut self, now: SimTime) {
        self.state = BreakerState::Open;
        self.attempts += 1;
        self.wait = Wait::strict(now, self.rule.wait_in_open.of(self.attempts));
    }

    fn half_open(&mut self, now: SimTime) {
        self.state = BreakerState::HalfOpen;
        self.metrics = Metrics::half_open(&self.rule);
        self.permits = self.rule.permitted_in_half_open;
        let longest = self.rule.max_wait_in_half_open;
        self.half_open_until =
            if longest == SimDuration::ZERO { SimTime::NEVER } else { now + longest };
    }

    fn record(&mut self, now: SimTime, failed: bool, duration: SimDuration) {
        let slow = duration > self.rule.slow_call_duration_threshold;
        let counts = self.metrics.at(&self.birth, now, Some(Counts::one(failed, slow)));
        let judgement = self.metrics.judge(&self.rule, counts);
        match (self.state, judgement) {
            (BreakerState::Closed | BreakerState::HalfOpen, Judgement::Exceeded) => self.open(now),
            (BreakerState::HalfOpen, Judgement::Below) => self.close(now),
            _ => {}
        }
    }
}

impl Machine for Resilience4jBreaker {
    type Rule = Resilience4jRule;
    const TIMED: bool = true;

    fn new(rule: &Resilience4jRule, birth: Birth) -> Self {
        let mut breaker = Self {
            rule: rule.clone(),
            birth,
            state: BreakerState::Closed,
            metrics: Metrics::closed(rule, SimTime::ZERO),
            wait: Wait::default(),
            attempts: 0,
            permits: 0,
            half_open_until: SimTime::NEVER,
        };
        match rule.initial_state {
            BreakerState::Closed => {}
            BreakerState::Open => breaker.open(SimTime::ZERO),
            BreakerState::HalfOpen => breaker.half_open(SimTime::ZERO),
        }
        breaker
    }

    fn state(&self) -> BreakerState {
        self.state
    }

    fn would_pass(&self, now: SimTime) -> bool {
        match self.state {
            BreakerState::Closed => true,
            BreakerState::Open => {
                let timed = self.rule.automatic_transition && now >= self.wait.until;
                (timed || self.wait.is_over(now)) && self.rule.permitted_in_half_open > 0
            }
            BreakerState::HalfOpen => self.permits > 0,
        }
    }

    fn passes_from(&self) -> Option<SimTime> {
        match self.state {
            BreakerState::Closed => Some(SimTime::ZERO),
            BreakerState::Open if self.rule.automatic_transition => Some(self.wait.until),
            BreakerState::Open => Some(self.wait.over_from()),
            BreakerState::HalfOpen => (self.permits > 0).then_some(SimTime::ZERO),
        }
    }

    fn due(&self) -> SimTime {
        match self.state {
            BreakerState::Open if self.rule.automatic_transition => self.wait.until,
            BreakerState::HalfOpen => self.half_open_until,
            _ => SimTime::NEVER,
        }
    }

    fn fire(&mut self, now: SimTime) {
        match self.state {
            BreakerState::Open => self.half_open(now),
            BreakerState::HalfOpen if self.rule.after_max_wait == BreakerState::Closed => {
                self.close(now);
            }
            _ => self.open(now),
        }
    }

    fn acquire(&mut self, now: SimTime) -> Option<Permit> {
        if self.state == BreakerState::Open && self.wait.is_over(now) {
            self.half_open(now);
        }
        let passes = match self.state {
            BreakerState::Closed => true,
            BreakerState::Open => false,
            BreakerState::HalfOpen => self.permits > 0,
        };
        if !passes {
            self.metrics.not_permitted += 1;
            return None;
        }
        if self.state == BreakerState::HalfOpen {
            self.permits -= 1;
        }
        Some(Permit::default())
    }

    fn settle(&mut self, now: SimTime, _permit: Permit, end: &CallEnd) {
        match end.verdict {
            Verdict::Success => self.record(now, false, end.duration),
            Verdict::Failure => self.record(now, true, end.duration),
            Verdict::Ignored => {
                if self.state == BreakerState::HalfOpen {
                    self.permits += 1;
                }
            }
        }
    }

    fn volume(rule: &Resilience4jRule) -> Volume {
        match rule.sliding_window_type {
            WindowType::CountBased => Volume::ever(rule.effective_minimum()),
            WindowType::TimeBased => {
                let seconds = u64::from(rule.sliding_window_size);
                Volume::within(rule.effective_minimum(), SimDuration(seconds * NANOS_PER_SECOND))
            }
        }
    }

    fn opens_for(rule: &Resilience4jRule) -> SimDuration {
        rule.wait_in_open.of(1)
    }

    fn traps(rule: &Resilience4jRule) -> Vec<&'static str> {
        let mut traps = Vec::new();
        if rule.effective_minimum() < rule.minimum_number_of_calls {
            traps.push(
                "`minimum_number_of_calls` is above `sliding_window_size` and is clamped to it: the breaker may open \
                 after as few calls as the window holds (resilience4j #1349)",
            );
        }
        if rule.minimum_number_of_calls < rule.permitted_in_half_open {
            traps.push(
                "half-open is decided at the result number `minimum_number_of_calls`, before all permitted trial calls \
                 have ended (resilience4j #1351, #1523)",
            );
        }
        traps
    }

    fn figures(&mut self, now: SimTime) -> Vec<Figure> {
        let counts = self.metrics.at(&self.birth, now, None);
        let (failed, slow) = self.metrics.rates(counts);
        vec![
            ("failure_rate", failed.into()),
            ("slow_call_rate", slow.into()),
            ("buffered_calls", counts.calls.into()),
            ("failed_calls", counts.failed.into()),
            ("slow_calls", counts.slow.into()),
            ("not_permitted_calls", self.metrics.not_permitted.into()),
        ]
    }

    fn wedges(rule: &Resilience4jRule) -> Option<&'static str> {
        (rule.max_wait_in_half_open == SimDuration::ZERO).then_some(
            "half-open hands out a fixed number of permits; if a permitted call never reports its end, the breaker \
             stays half-open and refuses for good (resilience4j #903, #2172): set `max_wait_duration_in_half_open_state`",
        )
    }
}
