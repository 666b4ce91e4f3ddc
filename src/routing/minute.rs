//! The router's own limits per minute, counted by the minutes of the clock.

use jiff::Timestamp;

use crate::calendar::ClockMinutes;
use crate::units::SimTime;

/// Limits of one model; `None` is unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MinuteLimit {
    /// Requests in a minute.
    pub requests: Option<u64>,
    /// Tokens in a minute.
    pub tokens: Option<u64>,
}

impl MinuteLimit {
    /// Whether nothing more fits beside `(requests, tokens)`.
    #[must_use]
    pub fn is_used_up(&self, (requests, tokens): (u64, u64)) -> bool {
        self.requests.is_some_and(|limit| requests >= limit)
            || self.tokens.is_some_and(|limit| tokens >= limit)
    }

    /// Whether there is a limit at all.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.requests.is_some() || self.tokens.is_some()
    }

    /// The larger share of a limit by which `(requests, tokens)` goes beyond it; 0 within.
    #[must_use]
    pub fn overshoot(&self, (requests, tokens): (u64, u64)) -> f64 {
        let beyond = |used: u64, limit: Option<u64>| {
            let limit = limit.filter(|limit| *limit > 0);
            limit.map_or(0.0, |limit| used.saturating_sub(limit) as f64 / limit as f64)
        };
        beyond(requests, self.requests).max(beyond(tokens, self.tokens))
    }
}

/// Requests and tokens of the present minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinuteCounts {
    clock: ClockMinutes,
    minute: u64,
    requests: u64,
    tokens: u64,
}

impl MinuteCounts {
    /// Nothing counted, for a run that starts at `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self { clock: ClockMinutes::new(start), minute: 0, requests: 0, tokens: 0 }
    }

    /// Requests and tokens counted in the minute of `now`.
    #[inline]
    #[must_use]
    pub fn at(&self, now: SimTime) -> (u64, u64) {
        if self.clock.of(now) == self.minute { (self.requests, self.tokens) } else { (0, 0) }
    }

    /// Requests and tokens counted in the minute of the last count.
    #[must_use]
    pub fn last(&self) -> (u64, u64) {
        (self.requests, self.tokens)
    }

    /// Counts; returns what an ended minute came to, if one has ended since the last count.
    pub fn book(&mut self, now: SimTime, requests: u64, tokens: u64) -> Option<(u64, u64)> {
        let minute = self.clock.of(now);
        let ended = (minute != self.minute).then_some((self.requests, self.tokens));
        if ended.is_some() {
            *self = Self { minute, requests: 0, tokens: 0, ..*self };
        }
        self.requests += requests;
        self.tokens += tokens;
        ended
    }

    /// Takes tokens back that were counted too many.
    pub fn give_back(&mut self, now: SimTime, tokens: u64) {
        if self.clock.of(now) == self.minute {
            self.tokens = self.tokens.saturating_sub(tokens);
        }
    }

    /// What several instances counted together, each given with what was common knowledge before.
    pub(super) fn merged(now: SimTime, counts: impl Iterator<Item = (Self, Self)>) -> Self {
        let mut merged: Option<Self> = None;
        for (own, shared) in counts {
            let merged = merged.get_or_insert_with(|| {
                let (requests, tokens) = shared.at(now);
                Self { minute: own.clock.of(now), requests, tokens, ..own }
            });
            let ((requests, tokens), (known, known_tokens)) = (own.at(now), shared.at(now));
            merged.requests += requests.saturating_sub(known);
            // What an instance gave back of what all knew of counts as well.
            merged.tokens = (merged.tokens + tokens).saturating_sub(known_tokens);
        }
        merged.expect("a stack has an instance")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::NANOS_PER_SECOND;

    fn seconds(s: u64) -> SimTime {
        SimTime(s * NANOS_PER_SECOND)
    }

    #[test]
    fn counts_begin_anew_with_the_minute_of_the_clock() {
        let start = Timestamp::from_second(60 * 1000 + 7).expect("in range");
        let mut counts = MinuteCounts::new(start);
        counts.book(seconds(1), 1, 40);
        assert_eq!(counts.book(seconds(52), 1, 70), None);
        let limit = MinuteLimit { requests: Some(5), tokens: Some(100) };
        assert!(limit.is_used_up(counts.at(seconds(52))));
        assert!((limit.overshoot(counts.at(seconds(52))) - 0.1).abs() < 1e-12);
        assert_eq!(counts.at(seconds(53)), (0, 0));
        assert_eq!(counts.book(seconds(53), 1, 0), Some((2, 110)));
    }

    #[test]
    fn instances_add_up_what_is_new() {
        let mut first = MinuteCounts::new(Timestamp::UNIX_EPOCH);
        let mut second = first;
        first.book(seconds(1), 2, 10);
        second.book(seconds(2), 3, 5);
        let none = MinuteCounts::new(Timestamp::UNIX_EPOCH);
        let all = MinuteCounts::merged(seconds(3), [(first, none), (second, none)].into_iter());
        assert_eq!(all.at(seconds(3)), (5, 15));
        let mut more = all;
        more.book(seconds(4), 1, 1);
        let again = MinuteCounts::merged(seconds(5), [(more, all), (all, all)].into_iter());
        assert_eq!(again.at(seconds(5)), (6, 16));
        let mut less = all;
        less.give_back(seconds(4), 4);
        let again = MinuteCounts::merged(seconds(5), [(less, all), (more, all)].into_iter());
        assert_eq!(again.at(seconds(5)), (6, 12));
    }
}
