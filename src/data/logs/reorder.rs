//! Rows into order of arrival, holding no more than a window of them.
//!
//! Gateways write a request down when it ends, or from several workers at once, so that a log is nearly in order of arrival.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::LogRow;

/// Rows that wait for earlier ones.
#[derive(Debug)]
pub struct Reorder {
    window: usize,
    /// Arrival, number in order of reading, place in `held`.
    waiting: BinaryHeap<Reverse<(i64, u64, usize)>>,
    held: Vec<LogRow>,
    free: Vec<usize>,
    n_read: u64,
    last_ns: Option<i64>,
}

/// A row that comes later than the window can mend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TooLate {
    /// How long before a row that has already gone out it arrived, in seconds.
    pub behind_s: f64,
}

impl Reorder {
    /// Holds up to `window` rows: the order may be wrong by as many.
    #[must_use]
    pub fn new(window: usize) -> Self {
        Self {
            window,
            waiting: BinaryHeap::new(),
            held: Vec::new(),
            free: Vec::new(),
            n_read: 0,
            last_ns: None,
        }
    }

    /// Takes in a row; gives the earliest if the window is full. Rows of one instant keep their order.
    ///
    /// # Errors
    /// If a later row has already gone out.
    pub fn push(&mut self, row: LogRow) -> Result<Option<LogRow>, TooLate> {
        if let Some(last) = self.last_ns
            && row.arrived_ns < last
        {
            return Err(TooLate { behind_s: last.abs_diff(row.arrived_ns) as f64 / 1e9 });
        }
        let arrived_ns = row.arrived_ns;
        let place = match self.free.pop() {
            Some(place) => {
                self.held[place] = row;
                place
            }
            None => {
                self.held.push(row);
                self.held.len() - 1
            }
        };
        self.waiting.push(Reverse((arrived_ns, self.n_read, place)));
        self.n_read += 1;
        Ok(if self.waiting.len() > self.window { self.pop() } else { None })
    }

    /// The earliest of the rows that wait.
    pub fn pop(&mut self) -> Option<LogRow> {
        let Reverse((arrived_ns, _, place)) = self.waiting.pop()?;
        self.last_ns = Some(arrived_ns);
        self.free.push(place);
        Some(std::mem::take(&mut self.held[place]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(window: usize, arrivals: &[i64]) -> Result<Vec<(i64, u32)>, TooLate> {
        let mut reorder = Reorder::new(window);
        let mut out = Vec::new();
        for (n, &arrived_ns) in arrivals.iter().enumerate() {
            let row = LogRow { arrived_ns, input_tokens: Some(n as u32), ..LogRow::default() };
            out.extend(reorder.push(row)?);
            assert!(reorder.held.len() <= window + 1);
        }
        out.extend(std::iter::from_fn(|| reorder.pop()));
        Ok(out.iter().map(|row| (row.arrived_ns, row.input_tokens.unwrap_or(0))).collect())
    }

    #[test]
    fn a_window_mends_what_it_can_and_refuses_the_rest() {
        assert_eq!(sorted(2, &[3, 5, 1, 4]), Ok(vec![(1, 2), (3, 0), (4, 3), (5, 1)]));
        assert_eq!(sorted(1, &[7, 7, 7]), Ok(vec![(7, 0), (7, 1), (7, 2)]));
        let late = sorted(1, &[3_000_000_000, 5_000_000_000, 1_000_000_000]);
        assert_eq!(late, Err(TooLate { behind_s: 2.0 }));
    }
}
