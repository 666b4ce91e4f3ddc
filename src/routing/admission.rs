//! Admission: how many steps may be in flight at once, and which are shed first.

use crate::domain::Priority;
use crate::units::SimDuration;

/// A bound on the steps in flight.
#[derive(Clone, Debug, PartialEq)]
pub struct AdmissionRule {
    /// How the bound is found; none: everything is admitted.
    pub limit: Option<LimitRule>,
    /// The share of the bound up to which a priority may fill it, 0-1, by [`Priority`].
    pub shares: [f64; 4],
}

impl Default for AdmissionRule {
    fn default() -> Self {
        Self { limit: None, shares: [1.0; 4] }
    }
}

/// How the bound is found.
#[derive(Clone, Debug, PartialEq)]
pub enum LimitRule {
    /// It does not change.
    Fixed(u32),
    /// Netflix' Gradient2.
    Gradient(GradientRule),
}

/// `Gradient2Limit` of Netflix' concurrency-limits (0.4 and later): each call that ends moves the limit by the ratio of the
/// long average of durations to its own.
///
/// With gradient = clamp(tolerance * long / own, 0.5, 1) the new limit is limit * gradient + queue size, smoothed and kept
/// between its bounds. A call that began with fewer than half of the limit in flight moves nothing, so that an idle client
/// does not grow. A long average of more than twice the call's own shrinks by a twentieth. Dropped calls are samples like others.
#[derive(Clone, Debug, PartialEq)]
pub struct GradientRule {
    /// The limit at the start.
    pub initial: u32,
    /// The least limit.
    pub min: u32,
    /// The largest limit.
    pub max: u32,
    /// The weight of the new limit, 0-1.
    pub smoothing: f64,
    /// Calls that may wait somewhere: by this the limit grows at most, before smoothing.
    pub queue_size: u32,
    /// The long average is an exponential one over this many calls.
    pub long_window: u32,
    /// By how much calls may be slower than the long average before the limit falls.
    pub tolerance: f64,
}

impl Default for GradientRule {
    fn default() -> Self {
        Self {
            initial: 20,
            min: 20,
            max: 200,
            smoothing: 0.2,
            queue_size: 4,
            long_window: 600,
            tolerance: 1.5,
        }
    }
}

/// `ExpAvgMeasurement` of the same library: the mean of the first ten samples, exponential from there.
#[derive(Clone, Copy, Debug, Default)]
struct LongAverage {
    value: f64,
    sum: f64,
    n: u32,
}

impl LongAverage {
    const WARM_UP: u32 = 10;

    fn add(&mut self, sample: f64, window: u32) -> f64 {
        if self.n < Self::WARM_UP {
            self.n += 1;
            self.sum += sample;
            self.value = self.sum / f64::from(self.n);
        } else {
            let factor = 2.0 / (f64::from(window) + 1.0);
            self.value = self.value * (1.0 - factor) + sample * factor;
        }
        self.value
    }
}

/// The bound in use.
#[derive(Clone, Debug)]
pub struct Admission {
    rule: AdmissionRule,
    in_flight: u32,
    /// The gradient's limit with its fraction.
    estimate: f64,
    long: LongAverage,
}

impl Admission {
    /// Nothing in flight.
    #[must_use]
    pub fn new(rule: &AdmissionRule) -> Self {
        let estimate = match &rule.limit {
            Some(LimitRule::Gradient(own)) => f64::from(own.initial),
            Some(LimitRule::Fixed(limit)) => f64::from(*limit),
            None => f64::INFINITY,
        };
        Self { rule: rule.clone(), in_flight: 0, estimate, long: LongAverage::default() }
    }

    /// The present bound; `None` without one.
    #[must_use]
    pub fn limit(&self) -> Option<u32> {
        self.rule.limit.as_ref().map(|_| self.estimate as u32)
    }

    /// The steps in flight.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Whether a step of `priority` may begin.
    #[inline]
    #[must_use]
    pub fn admits(&self, priority: Priority) -> bool {
        let share = self.rule.shares[priority as usize];
        self.limit().is_none_or(|limit| f64::from(self.in_flight) < f64::from(limit) * share)
    }

    /// A step begins. Returns how many are in flight with it, to be handed back at its end.
    #[inline]
    pub fn begun(&mut self) -> u32 {
        self.in_flight += 1;
        self.in_flight
    }

    /// A step has ended that began with `begun` in flight; `lasted` is `None` if its duration says nothing, as when it was
    /// cut off.
    #[inline]
    pub fn ended(&mut self, begun: u32, lasted: Option<SimDuration>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let (Some(LimitRule::Gradient(own)), Some(lasted)) = (&self.rule.limit, lasted) {
            // A duration of nothing would be an infinite gradient.
            let short = lasted.0.max(1) as f64;
            let long = self.long.add(short, own.long_window);
            if long / short > 2.0 {
                self.long.value *= 0.95;
            }
            if f64::from(begun) < self.estimate / 2.0 {
                return;
            }
            let gradient = (own.tolerance * long / short).clamp(0.5, 1.0);
            let next = self.estimate * gradient + f64::from(own.queue_size);
            let next = self.estimate * (1.0 - own.smoothing) + next * own.smoothing;
            self.estimate = next.min(f64::from(own.max)).max(f64::from(own.min));
        }
    }
}
