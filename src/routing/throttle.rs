//! Client-side adaptive throttling: a client that sees its requests refused drops a part of them itself.

use super::sliding::Sliced;
use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};

/// Which throttle stands before the calls.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ThrottleRule {
    /// Nothing is dropped.
    #[default]
    None,
    /// The Google SRE book's.
    Sre(SreThrottle),
    /// failsafe-go's form of it.
    FailsafeGo(FailsafeGoThrottle),
}

/// The Google SRE book (Beyer et al. 2016, chapter 21): with the requests and the accepted ones of the last two minutes, a
/// request is dropped with probability max(0, (requests - K accepts) / (requests + 1)).
///
/// Requests count when they are sent, dropped ones too: counted at their end, a slow backend looks like an accepting one
/// (go-zero issue 5011). Against a backend with a fixed capacity C the rate that is sent settles at K C. Against one that
/// refuses a fixed share of more than 1 - 1/K, whatever is sent, everything is dropped in the end.
#[derive(Clone, Debug, PartialEq)]
pub struct SreThrottle {
    /// K: how many times what is accepted may be sent, 1 or more.
    pub k: f64,
    /// What is looked back on, in `slices`.
    pub window: SimDuration,
    /// Parts of the window.
    pub slices: u32,
}

impl Default for SreThrottle {
    fn default() -> Self {
        Self { k: 2.0, window: SimDuration(120 * NANOS_PER_SECOND), slices: 40 }
    }
}

/// failsafe-go's `adaptivethrottler` (0.9): the same with K = 1 / (1 - failure rate threshold), over executions that have
/// *ended* in the last minute, dropped ones not among them, and at most `max_rejection_rate`. Its counts expire only when a
/// result comes in. In single precision, as there.
#[derive(Clone, Debug, PartialEq)]
pub struct FailsafeGoThrottle {
    /// The share of failures that is let be, 0-1.
    pub failure_rate_threshold: f32,
    /// The largest probability of a drop, 0-1.
    pub max_rejection_rate: f32,
    /// What is looked back on, in 20 slices.
    pub window: SimDuration,
}

impl Default for FailsafeGoThrottle {
    fn default() -> Self {
        Self {
            failure_rate_threshold: 0.1,
            max_rejection_rate: 0.9,
            window: SimDuration(60 * NANOS_PER_SECOND),
        }
    }
}

/// A throttle in use.
#[derive(Clone, Debug)]
pub struct Throttle {
    rule: ThrottleRule,
    requests: Sliced,
    accepts: Sliced,
}

impl Throttle {
    /// Nothing counted.
    #[must_use]
    pub fn new(rule: &ThrottleRule) -> Self {
        let (window, slices) = match rule {
            ThrottleRule::None => (SimDuration::MAX, 1),
            ThrottleRule::Sre(own) => (own.window, own.slices),
            ThrottleRule::FailsafeGo(own) => (own.window, 20),
        };
        let empty = Sliced::new(window, slices, SimDuration::ZERO);
        Self { rule: rule.clone(), requests: empty.clone(), accepts: empty }
    }

    /// The probability that a request at `now` is dropped.
    #[must_use]
    pub fn probability(&mut self, now: SimTime) -> f64 {
        match &self.rule {
            ThrottleRule::None => 0.0,
            ThrottleRule::Sre(own) => {
                self.requests.expire(now);
                self.accepts.expire(now);
                let (sent, accepted) = (self.requests.total() as f64, self.accepts.total() as f64);
                ((sent - own.k * accepted) / (sent + 1.0)).max(0.0)
            }
            ThrottleRule::FailsafeGo(own) => {
                let (ended, accepted) = (self.requests.total() as f32, self.accepts.total() as f32);
                let kept = (1.0 - own.failure_rate_threshold).clamp(0.0, 1.0);
                let rate = (ended - accepted / kept).max(0.0) / (ended + 1.0);
                f64::from(rate.min(own.max_rejection_rate))
            }
        }
    }

    /// Whether the request that is about to be sent is dropped instead, by a number that is uniform in 0-1. Ask once for
    /// each: it counts.
    pub fn rejects(&mut self, now: SimTime, uniform: f64) -> bool {
        let rejects = self.probability(now) > uniform;
        if let ThrottleRule::Sre(_) = self.rule {
            self.requests.add(now);
        }
        rejects
    }

    /// A request that was sent has ended: accepted by the backend, or refused by it.
    pub fn ended(&mut self, now: SimTime, accepted: bool) {
        match self.rule {
            ThrottleRule::None => return,
            ThrottleRule::Sre(_) => {}
            ThrottleRule::FailsafeGo(_) => {
                self.requests.add(now);
                self.accepts.expire(now);
            }
        }
        if accepted {
            self.accepts.add(now);
        }
    }
}
