//! Retry budgets: a bound on the retries of all requests together, against storms of retries.
//!
//! A request is a step of the stack from its begin to its end, with its waits; a retry is in flight from its grant to its
//! end. The budget sees both and grants or refuses each retry.

use super::sliding::Sliced;
use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};

/// Which budget retries have.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum BudgetRule {
    /// Every retry is granted.
    #[default]
    None,
    /// Finagle's token bucket.
    Finagle(FinagleBudget),
    /// Envoy's share of the requests in flight.
    Envoy(EnvoyBudget),
    /// failsafe-go's share of the executions in flight.
    FailsafeGo(FailsafeGoBudget),
    /// The Google SRE book's share of the requests of a client.
    Sre(SreBudget),
}

/// Finagle's `RetryBudget` (finagle-core, `service/RetryBudget.scala`): a request brings 1000 tokens, a retry takes
/// 1000 / `percent_can_retry`, and tokens expire after about `ttl` in ten slices. A reserve of `min_retries_per_sec` for each
/// second of `ttl` is always there. Retries take from the slice in which they are made, so that what they took comes back
/// with it.
#[derive(Clone, Debug, PartialEq)]
pub struct FinagleBudget {
    /// How long a deposit lasts (Finagle: 1 s to 60 s).
    pub ttl: SimDuration,
    /// Retries per second that need no deposit.
    pub min_retries_per_sec: u32,
    /// Retries per request, 0-1000; 0.2 is one for five.
    pub percent_can_retry: f64,
}

impl Default for FinagleBudget {
    fn default() -> Self {
        Self {
            ttl: SimDuration(10 * NANOS_PER_SECOND),
            min_retries_per_sec: 10,
            percent_can_retry: 0.2,
        }
    }
}

/// Envoy's retry budget (`source/common/upstream/resource_manager_impl.h`): retries in flight below `budget_percent` of the
/// requests in flight, rounded down, or below `min_retry_concurrency` if that is more. With `budget_interval` the share is
/// of the requests that began in that time instead, in ten slices.
#[derive(Clone, Debug, PartialEq)]
pub struct EnvoyBudget {
    /// Percent of the requests.
    pub budget_percent: f64,
    /// Retries in flight that are always granted.
    pub min_retry_concurrency: u32,
    /// Zero: the requests in flight count.
    pub budget_interval: SimDuration,
}

impl Default for EnvoyBudget {
    fn default() -> Self {
        Self { budget_percent: 20.0, min_retry_concurrency: 3, budget_interval: SimDuration::ZERO }
    }
}

/// failsafe-go's `budget` policy (0.9.7; before that, `min_concurrency` had no effect: issue 139): a retry is granted while
/// fewer than `min_concurrency` are in flight, or while they are at most `max_rate` of all executions in flight, themselves
/// included. The share is looked at before the retry is added, so that one more than the share may be in flight.
#[derive(Clone, Debug, PartialEq)]
pub struct FailsafeGoBudget {
    /// The share of retries, 0-1.
    pub max_rate: f64,
    /// Retries in flight that are always granted.
    pub min_concurrency: u32,
}

impl Default for FailsafeGoBudget {
    fn default() -> Self {
        Self { max_rate: 0.2, min_concurrency: 3 }
    }
}

/// The per-client budget of the Google SRE book (Beyer et al. 2016, chapter 21): retries are at most `ratio` of all that a
/// client sends, retries included, over `window`. The book names no window; it is the one of its client-side throttling.
#[derive(Clone, Debug, PartialEq)]
pub struct SreBudget {
    /// The share of retries, 0-1.
    pub ratio: f64,
    /// What is looked back on, in ten slices.
    pub window: SimDuration,
}

impl Default for SreBudget {
    fn default() -> Self {
        Self { ratio: 0.1, window: SimDuration(120 * NANOS_PER_SECOND) }
    }
}

/// Finagle's `WindowedAdder`: a slice is closed by the first access after its width, so that slices have no grid. In
/// milliseconds, as there.
#[derive(Clone, Debug)]
struct WindowedAdder {
    width: u64,
    writer: i64,
    closed: [i64; 9],
    at: usize,
    opened: u64,
}

impl WindowedAdder {
    fn new(range: SimDuration) -> Self {
        let width = (range.0 / 1_000_000 / 10).max(1);
        Self { width, writer: 0, closed: [0; 9], at: 0, opened: 0 }
    }

    fn expire(&mut self, now: SimTime) {
        let now = now.0 / 1_000_000;
        let slices = now.saturating_sub(self.opened) / self.width;
        if slices == 0 {
            return;
        }
        let n = self.closed.len();
        self.closed[self.at] = std::mem::take(&mut self.writer);
        self.at = (self.at + 1) % n;
        for _ in 0..(slices - 1).min(n as u64) {
            self.closed[self.at] = 0;
            self.at = (self.at + 1) % n;
        }
        self.opened = now;
    }

    fn add(&mut self, now: SimTime, tokens: i64) {
        self.expire(now);
        self.writer += tokens;
    }

    fn sum(&mut self, now: SimTime) -> i64 {
        self.expire(now);
        self.writer + self.closed.iter().sum::<i64>()
    }
}

#[derive(Clone, Debug)]
enum Account {
    None,
    Tokens { deposit: i64, withdrawal: i64, reserve: i64, adder: WindowedAdder },
    Envoy { rule: EnvoyBudget, begun: Option<Sliced> },
    FailsafeGo(FailsafeGoBudget),
    Sre { ratio: f64, requests: Sliced, retries: Sliced },
}

/// A budget in use.
#[derive(Clone, Debug)]
pub struct RetryBudget {
    account: Account,
    requests: u32,
    retries: u32,
}

impl RetryBudget {
    /// Nothing in flight.
    #[must_use]
    pub fn new(rule: &BudgetRule) -> Self {
        let account = match rule {
            BudgetRule::None => Account::None,
            BudgetRule::Finagle(own) => {
                let share = own.percent_can_retry;
                // With no share a retry costs one, and only time brings credit.
                let (deposit, withdrawal) =
                    if share > 0.0 { (1000, (1000.0 / share) as i64) } else { (0, 1) };
                let seconds = (own.ttl.0 / NANOS_PER_SECOND) as i64;
                let reserve = i64::from(own.min_retries_per_sec)
                    .saturating_mul(seconds)
                    .saturating_mul(withdrawal);
                let adder = WindowedAdder::new(own.ttl);
                Account::Tokens { deposit, withdrawal: withdrawal.max(1), reserve, adder }
            }
            BudgetRule::Envoy(own) => Account::Envoy {
                begun: (own.budget_interval > SimDuration::ZERO)
                    .then(|| Sliced::new(own.budget_interval, 10, SimDuration::ZERO)),
                rule: own.clone(),
            },
            BudgetRule::FailsafeGo(own) => Account::FailsafeGo(own.clone()),
            BudgetRule::Sre(own) => {
                let window = Sliced::new(own.window, 10, SimDuration::ZERO);
                Account::Sre { ratio: own.ratio, requests: window.clone(), retries: window }
            }
        };
        Self { account, requests: 0, retries: 0 }
    }

    /// A request begins.
    #[inline]
    pub fn request_begun(&mut self, now: SimTime) {
        self.requests += 1;
        match &mut self.account {
            Account::Tokens { deposit, adder, .. } => adder.add(now, *deposit),
            Account::Envoy { begun: Some(begun), .. } => begun.add(now),
            Account::Sre { requests, .. } => requests.add(now),
            Account::None | Account::Envoy { .. } | Account::FailsafeGo(_) => {}
        }
    }

    /// A request has ended, whatever it needed.
    #[inline]
    pub fn request_ended(&mut self, _now: SimTime) {
        self.requests = self.requests.saturating_sub(1);
    }

    /// Asks for a retry; granted, it is in flight until [`RetryBudget::retry_ended`].
    pub fn try_retry(&mut self, now: SimTime) -> bool {
        let (in_flight, retries) = (f64::from(self.requests), f64::from(self.retries));
        let granted = match &mut self.account {
            Account::None => true,
            Account::Tokens { withdrawal, reserve, adder, .. } => {
                let enough = adder.sum(now).saturating_add(*reserve) >= *withdrawal;
                if enough {
                    adder.add(now, -*withdrawal);
                }
                enough
            }
            Account::Envoy { rule, begun } => {
                let base = begun.as_mut().map_or(in_flight, |begun| {
                    begun.expire(now);
                    begun.total() as f64
                });
                let most = (rule.budget_percent / 100.0 * base).floor();
                retries < most.max(f64::from(rule.min_retry_concurrency))
            }
            Account::FailsafeGo(rule) => {
                let rate = retries / (in_flight + retries).max(1.0);
                self.retries < rule.min_concurrency || rate <= rule.max_rate
            }
            Account::Sre { ratio, requests, retries } => {
                requests.expire(now);
                retries.expire(now);
                let made = retries.total() as f64 + 1.0;
                let granted = made <= *ratio * (requests.total() as f64 + made);
                if granted {
                    retries.add(now);
                }
                granted
            }
        };
        self.retries += u32::from(granted);
        granted
    }

    /// A retry that was granted has ended, or was not made after all.
    #[inline]
    pub fn retry_ended(&mut self, _now: SimTime) {
        self.retries = self.retries.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cases of twitter/util's `WindowedAdderTest`, whose window is 3 s in three slices.
    #[test]
    fn a_windowed_adder_slides_as_finagles() {
        let second = |s: u64| SimTime(s * NANOS_PER_SECOND);
        // Ten slices of 1 s.
        let mut adder = WindowedAdder::new(SimDuration(10 * NANOS_PER_SECOND));
        adder.add(second(0), 1);
        assert_eq!(adder.sum(second(0)), 1);
        adder.add(second(1), 2);
        assert_eq!(adder.sum(second(8)), 3);
        // The first slice lives through nine others, then the second.
        assert_eq!(adder.sum(second(9)), 3);
        assert_eq!(adder.sum(second(10)), 2);
        assert_eq!(adder.sum(second(11)), 0);
        // Slices that are skipped are empty, however many they are.
        adder.add(second(20), 5);
        assert_eq!(adder.sum(second(1000)), 0);
    }
}
