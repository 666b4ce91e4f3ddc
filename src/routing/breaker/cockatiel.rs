//! The circuit breaker of cockatiel 3.2.1 (`CircuitBreakerPolicy.ts`, `breaker/`).
//!
//! Kept as it is there: a result is judged by the state that let its call pass, and moves the state that it finds; an error
//! that the policy does not handle closes half-open; the sampling window drops one slice for each result at most, however
//! long nothing came; the counting window keeps its place when it is emptied.
//! Other here: a call that meets half-open is refused, where the library lets it wait for the one test call and asks again.

use super::machine::{Birth, Classes, Figure, Machine, Volume, Wait};
use super::{CallEnd, Permit, Verdict};
use crate::domain::BreakerState;
use crate::math::powf;
use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};

const MILLI: u64 = 1_000_000;

/// When it opens.
#[derive(Clone, Debug, PartialEq)]
pub enum Trip {
    /// After consecutive failures.
    Consecutive {
        /// How many.
        threshold: u32,
    },
    /// By the share of failures among the last results.
    Count {
        /// The share above which it opens.
        threshold: f64,
        /// How many results.
        size: u32,
        /// Results without which it does not open.
        minimum_number_of_calls: u32,
    },
    /// By the share of failures over a time.
    Sampling {
        /// The share above which it opens.
        threshold: f64,
        /// The time.
        duration: SimDuration,
        /// Results a second without which it does not open; `None`: 5 over the threshold.
        minimum_rps: Option<f64>,
    },
}

/// How long it stays open.
#[derive(Clone, Debug, PartialEq)]
pub enum HalfOpenAfter {
    /// As the list has it for each re-opening in a row; the last one stays.
    List(Vec<SimDuration>),
    /// Longer with each re-opening in a row.
    Exponential {
        /// The first time.
        initial: SimDuration,
        /// By how much each is longer than the last.
        exponent: f64,
        /// The longest.
        max: SimDuration,
    },
}

impl HalfOpenAfter {
    /// The time of the `n`th opening in a row, from 0.
    #[must_use]
    pub fn of(&self, n: u32) -> SimDuration {
        match self {
            Self::List(spans) => {
                let nth = spans.get(n as usize).or(spans.last());
                nth.copied().unwrap_or(SimDuration::ZERO)
            }
            Self::Exponential { initial, exponent, max } => {
                let grown = initial.0 as f64 * powf(*exponent, n.into());
                SimDuration((grown as u64).min(max.0))
            }
        }
    }
}

/// The options.
#[derive(Clone, Debug, PartialEq)]
pub struct CockatielRule {
    /// When it opens.
    pub breaker: Trip,
    /// How long it stays open.
    pub half_open_after: HalfOpenAfter,
    /// How it takes outcomes; what is ignored is an error that its policy does not handle.
    pub classes: Classes,
}

impl Default for CockatielRule {
    /// The library has none: these are the values of its README.
    fn default() -> Self {
        let open = SimDuration(10 * NANOS_PER_SECOND);
        Self {
            breaker: Trip::Consecutive { threshold: 5 },
            half_open_after: HalfOpenAfter::List(vec![open]),
            classes: Classes::ALL_UNSERVED,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Slice {
    started: Option<SimTime>,
    failures: u32,
    successes: u32,
}

#[derive(Clone, Debug)]
enum Sampler {
    Consecutive { threshold: u32, failures: u32 },
    Count { threshold: f64, minimum: u32, results: Vec<Option<bool>>, at: usize },
    Sampling { threshold: f64, least: f64, span: SimDuration, slices: Vec<Slice>, at: usize },
}

impl Sampler {
    fn new(trip: &Trip) -> Self {
        match *trip {
            Trip::Consecutive { threshold } => Self::Consecutive { threshold, failures: 0 },
            Trip::Count { threshold, size, minimum_number_of_calls: minimum } => {
                Self::Count { threshold, minimum, results: vec![None; size.max(1) as usize], at: 0 }
            }
            Trip::Sampling { threshold, duration, minimum_rps } => {
                let millis = duration.0 as f64 / MILLI as f64;
                let n = (millis / 1000.0).ceil().max(5.0);
                let span = (millis / n).round().max(1.0);
                let per_milli = match minimum_rps {
                    Some(rps) if rps > 0.0 => rps / 1000.0,
                    _ => 5.0 / (threshold * 1000.0),
                };
                Self::Sampling {
                    threshold,
                    least: span * n * per_milli,
                    span: SimDuration(span as u64 * MILLI),
                    slices: vec![Slice::default(); n as usize],
                    at: 0,
                }
            }
        }
    }

    /// Failures and successes that it counts.
    fn counts(&self) -> (u32, u32) {
        match self {
            Self::Consecutive { failures, .. } => (*failures, 0),
            Self::Count { results, .. } => {
                let n = |wanted| results.iter().filter(|r| **r == Some(wanted)).count() as u32;
                (n(false), n(true))
            }
            Self::Sampling { slices, .. } => slices
                .iter()
                .fold((0, 0), |(f, s), slice| (f + slice.failures, s + slice.successes)),
        }
    }

    fn push(&mut self, now: SimTime, success: bool) {
        match self {
            Self::Consecutive { failures, .. } => {
                *failures = if success { 0 } else { *failures + 1 };
            }
            Self::Count { results, at, .. } => {
                results[*at] = Some(success);
                *at = (*at + 1) % results.len();
            }
            Self::Sampling { span, slices, at, .. } => {
                if slices[*at].started.is_none_or(|started| now.since(started) >= *span) {
                    *at = (*at + 1) % slices.len();
                    slices[*at] = Slice { started: Some(now), ..Slice::default() };
                }
                let slice = &mut slices[*at];
                *(if success { &mut slice.successes } else { &mut slice.failures }) += 1;
            }
        }
    }

    fn succeed(&mut self, now: SimTime, test: bool) {
        match self {
            Self::Count { results, .. } if test => results.fill(None),
            Self::Sampling { slices, .. } if test => slices.fill(Slice::default()),
            _ => {}
        }
        self.push(now, true);
    }

    /// Takes in a failure of a call from closed; says whether it opens.
    fn fail(&mut self, now: SimTime) -> bool {
        self.push(now, false);
        let (failures, successes) = self.counts();
        let all = f64::from(failures + successes);
        match self {
            Self::Consecutive { threshold, .. } => failures >= *threshold,
            Self::Count { threshold, minimum, .. } => {
                failures + successes >= *minimum && f64::from(failures) > *threshold * all
            }
            Self::Sampling { threshold, least, .. } => {
                all >= *least && f64::from(failures) > *threshold * all
            }
        }
    }
}

/// The permit of the test call.
const TEST: Permit = Permit(1);

/// One breaker of cockatiel.
#[derive(Clone, Debug)]
pub struct CockatielBreaker {
    rule: CockatielRule,
    state: BreakerState,
    sampler: Sampler,
    wait: Wait,
    /// Openings in a row without a close between them.
    openings: u32,
}

impl CockatielBreaker {
    fn open(&mut self, now: SimTime) {
        if self.state == BreakerState::Open {
            return;
        }
        if self.state == BreakerState::Closed {
            self.openings = 0;
        }
        self.state = BreakerState::Open;
        self.wait = Wait::inclusive(now, self.rule.half_open_after.of(self.openings));
        self.openings += 1;
    }

    fn close(&mut self) {
        if self.state == BreakerState::HalfOpen {
            self.state = BreakerState::Closed;
        }
    }
}

impl Machine for CockatielBreaker {
    type Rule = CockatielRule;

    fn new(rule: &CockatielRule, _birth: Birth) -> Self {
        Self {
            rule: rule.clone(),
            state: BreakerState::Closed,
            sampler: Sampler::new(&rule.breaker),
            wait: Wait::default(),
            openings: 0,
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

    fn acquire(&mut self, now: SimTime) -> Option<Permit> {
        if !self.would_pass(now) {
            return None;
        }
        if self.state == BreakerState::Closed {
            return Some(Permit::default());
        }
        self.state = BreakerState::HalfOpen;
        Some(TEST)
    }

    fn settle(&mut self, now: SimTime, permit: Permit, end: &CallEnd) {
        let test = permit == TEST;
        match end.verdict {
            Verdict::Success => self.sampler.succeed(now, test),
            Verdict::Failure => {
                if self.sampler.fail(now) || test {
                    self.open(now);
                }
                return;
            }
            Verdict::Ignored => {}
        }
        if test {
            self.close();
        }
    }

    fn volume(rule: &CockatielRule) -> Volume {
        match (&rule.breaker, Sampler::new(&rule.breaker)) {
            (Trip::Consecutive { threshold }, _) => Volume::ever(*threshold),
            (Trip::Count { minimum_number_of_calls, .. }, _) => {
                Volume::ever(*minimum_number_of_calls)
            }
            // Old results live on until new ones come, so that no time bounds them.
            (_, Sampler::Sampling { least, .. }) => Volume::ever(least.ceil() as u32),
            (_, _) => Volume::ever(1),
        }
    }

    fn opens_for(rule: &CockatielRule) -> SimDuration {
        rule.half_open_after.of(0)
    }

    fn traps(rule: &CockatielRule) -> Vec<&'static str> {
        let guessed = matches!(rule.breaker, Trip::Sampling { minimum_rps: None, .. });
        let trap = "without `minimum_rps` the sampling breaker needs 5 / `threshold` results a second over its whole \
                    `duration` before it can open";
        guessed.then_some(trap).into_iter().collect()
    }

    fn wedges(_rule: &CockatielRule) -> Option<&'static str> {
        Some(
            "half-open waits for the end of its one test call and has no time limit of its own: bound that call's time \
             (`call_timeout`)",
        )
    }

    fn figures(&mut self, _now: SimTime) -> Vec<Figure> {
        let (failures, successes) = self.sampler.counts();
        vec![("failures", failures.into()), ("successes", successes.into())]
    }
}
