//! Counts over the last stretch of time, in slices.

use crate::units::{SimDuration, SimTime};

/// A count over a window that is divided into equal slices on a fixed grid: the present slice and the ones before it.
#[derive(Clone, Debug)]
pub(super) struct Sliced {
    width: u64,
    /// How far into a slice of the grid virtual time zero lies.
    phase: u64,
    /// The slice that is written to.
    slice: u64,
    counts: Vec<u64>,
    total: u64,
}

impl Sliced {
    /// An empty window; `phase` is how long before virtual time zero a slice of the grid began.
    pub(super) fn new(window: SimDuration, slices: u32, phase: SimDuration) -> Self {
        let slices = slices.max(1);
        let width = (window.0 / u64::from(slices)).max(1);
        Self { width, phase: phase.0 % width, slice: 0, counts: vec![0; slices as usize], total: 0 }
    }

    /// Forgets what lies before the window that ends at `now`.
    pub(super) fn expire(&mut self, now: SimTime) {
        let slice = now.0.saturating_add(self.phase) / self.width;
        let n = self.counts.len() as u64;
        for gone in 1..=slice.saturating_sub(self.slice).min(n) {
            let at = ((self.slice + gone) % n) as usize;
            self.total -= std::mem::take(&mut self.counts[at]);
        }
        self.slice = self.slice.max(slice);
    }

    /// Counts one.
    pub(super) fn add(&mut self, now: SimTime) {
        self.expire(now);
        let at = (self.slice % self.counts.len() as u64) as usize;
        self.counts[at] += 1;
        self.total += 1;
    }

    /// The count as of the last time that this was written to or expired.
    pub(super) fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_leave_the_window_one_by_one() {
        let mut window = Sliced::new(SimDuration(100), 10, SimDuration(5));
        // Slices begin at 5, 15, ...: time zero is in the middle of one.
        for t in [0, 4, 5, 14, 15, 99] {
            window.add(SimTime(t));
        }
        for (t, total) in [(94, 6), (99, 4), (104, 4), (105, 2), (115, 1), (194, 1), (195, 0)] {
            let mut own = window.clone();
            own.expire(SimTime(t));
            // What was written at 99 has moved the window there already.
            let total = if t < 99 { 4 } else { total };
            assert_eq!(own.total(), total, "{t}");
        }
    }
}
