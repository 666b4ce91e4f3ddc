//! Windows over the last results that several libraries have in common.

use std::collections::VecDeque;

use crate::math::exp;
use crate::units::{SimDuration, SimTime};

/// Counts of results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// All.
    pub calls: u32,
    /// Those that failed.
    pub failed: u32,
    /// Those that took too long.
    pub slow: u32,
}

impl Counts {
    /// One result.
    pub(super) fn one(failed: bool, slow: bool) -> Self {
        Self { calls: 1, failed: failed.into(), slow: slow.into() }
    }

    /// Results that did not fail.
    pub(super) fn successes(&self) -> u32 {
        self.calls - self.failed
    }

    pub(super) fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.slow += other.slow;
    }

    pub(super) fn take_off(&mut self, other: Self) {
        self.calls -= other.calls;
        self.failed -= other.failed;
        self.slow -= other.slow;
    }
}

/// The last results, up to a number of them.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    size: usize,
    results: VecDeque<Counts>,
    /// Their sum.
    pub sum: Counts,
}

impl Ring {
    pub(super) fn new(size: u32) -> Self {
        let size = size.max(1) as usize;
        Self { size, results: VecDeque::new(), sum: Counts::default() }
    }

    /// Adds a result; says whether the window was full before.
    pub(super) fn push(&mut self, result: Counts) -> bool {
        let full = self.results.len() == self.size;
        if full && let Some(oldest) = self.results.pop_front() {
            self.sum.take_off(oldest);
        }
        self.results.push_back(result);
        self.sum.add(result);
        full
    }

    pub(super) fn size(&self) -> u32 {
        self.size as u32
    }
}

/// Results by numbered spans of time, the last few of them.
#[derive(Clone, Debug)]
pub(super) struct Slices {
    n: i64,
    slices: VecDeque<(i64, Counts)>,
    /// Their sum, as of the last move.
    pub sum: Counts,
}

impl Slices {
    /// A window of the current span and the `n - 1` before it.
    pub(super) fn new(n: u32) -> Self {
        Self { n: n.max(1).into(), slices: VecDeque::new(), sum: Counts::default() }
    }

    /// Forgets what is older than the window that ends with span `current`.
    pub(super) fn move_to(&mut self, current: i64) {
        while let Some((at, counts)) = self.slices.front().copied()
            && at <= current - self.n
        {
            self.sum.take_off(counts);
            self.slices.pop_front();
        }
    }

    /// Adds to span `current`.
    pub(super) fn push(&mut self, current: i64, result: Counts) {
        self.move_to(current);
        match self.slices.back_mut() {
            Some((at, counts)) if *at == current => counts.add(result),
            _ => self.slices.push_back((current, result)),
        }
        self.sum.add(result);
    }

    /// The sum of the spans before `current`.
    pub(super) fn before(&self, current: i64) -> Counts {
        let mut sum = self.sum;
        if let Some((at, counts)) = self.slices.back()
            && *at >= current
        {
            sum.take_off(*counts);
        }
        sum
    }

    pub(super) fn clear(&mut self) {
        self.slices.clear();
        self.sum = Counts::default();
    }
}

/// A count over a window in five slices whose grid moves to the instant of every rotation (`WindowedAdder` of Twitter's
/// util, of which failsafe-rs has a port).
#[derive(Clone, Debug)]
pub(super) struct WindowedAdder {
    slice: SimDuration,
    written: u64,
    slices: [u64; 4],
    at: usize,
    turned: SimTime,
}

impl WindowedAdder {
    pub(super) fn new(window: SimDuration, now: SimTime) -> Self {
        // Both count whole milliseconds.
        let slice = SimDuration((window.0 / 1_000_000 / 5).max(1) * 1_000_000);
        Self { slice, written: 0, slices: [0; 4], at: 0, turned: now }
    }

    fn expire(&mut self, now: SimTime) {
        let passed = now.since(self.turned);
        if passed < self.slice {
            return;
        }
        self.slices[self.at] = self.written;
        self.written = 0;
        self.at = (self.at + 1) % self.slices.len();
        for _ in 0..(passed.0 / self.slice.0 - 1).min(self.slices.len() as u64) {
            self.slices[self.at] = 0;
            self.at = (self.at + 1) % self.slices.len();
        }
        self.turned = now;
    }

    pub(super) fn add_one(&mut self, now: SimTime) {
        self.expire(now);
        self.written += 1;
    }

    pub(super) fn sum(&mut self, now: SimTime) -> u64 {
        self.expire(now);
        self.written + self.slices.iter().sum::<u64>()
    }

    /// Empties it; the slice that is written next stays.
    pub(super) fn reset(&mut self, now: SimTime) {
        self.slices = [0; 4];
        self.written = 0;
        self.turned = now;
    }
}

/// An exponentially weighted mean over time (`Ema` of Twitter's util): a value weighs `exp(-age / window)`.
#[derive(Clone, Debug)]
pub(super) struct Ema {
    window: u64,
    last: Option<u64>,
    value: f64,
}

impl Ema {
    /// A mean over `window`, in the unit of the stamps.
    pub(super) fn new(window: u64) -> Self {
        Self { window, last: None, value: 0.0 }
    }

    pub(super) fn update(&mut self, stamp: u64, value: f64) -> f64 {
        self.value = match self.last {
            None => value,
            Some(last) => {
                let age = stamp.saturating_sub(last) as f64;
                let kept = if self.window == 0 { 0.0 } else { exp(-age / self.window as f64) };
                value * (1.0 - kept) + self.value * kept
            }
        };
        self.last = Some(stamp);
        self.value
    }

    pub(super) fn reset(&mut self) {
        self.last = None;
        self.value = 0.0;
    }

    /// The stamp of the last value.
    pub(super) fn last(&self) -> Option<u64> {
        self.last
    }
}
