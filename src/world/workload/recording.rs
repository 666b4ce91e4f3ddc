//! A recorded workload as it is replayed: whole or a part of it, once or again and again, at its own pace or another.

use std::sync::Arc;

use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};

/// A recorded request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TraceRow {
    /// When it arrived, from the first request.
    pub arrived: SimTime,
    /// Prompt length.
    pub input_tokens: u32,
    /// Answer length.
    pub output_tokens: u32,
}

/// A part of a recording and how it is replayed. The rows are shared: neither part nor pace copies them.
#[derive(Clone, Debug)]
pub struct Recording {
    rows: Arc<Vec<TraceRow>>,
    repeat: bool,
    /// The rows that are replayed.
    first: usize,
    n: usize,
    /// Where the part begins in the time of the recording, and how long it lasts there.
    from: SimTime,
    lasts: SimDuration,
    /// Time of the replay over that of the recording.
    stretch: f64,
}

impl Recording {
    /// A whole recording, in order of arrival, at its own pace; with `repeat` it begins anew at its end.
    ///
    /// It lasts to its last arrival and one mean gap more, a recorded instant one second.
    ///
    /// # Panics
    /// If it has no rows.
    #[must_use]
    pub fn new(rows: Arc<Vec<TraceRow>>, repeat: bool) -> Self {
        let n = rows.len();
        let lasts = match rows[n - 1].arrived.0 {
            0 => NANOS_PER_SECOND,
            span => span + span / (n as u64 - 1).max(1),
        };
        let lasts = SimDuration(lasts);
        Self { rows, repeat, first: 0, n, from: SimTime::ZERO, lasts, stretch: 1.0 }
    }

    /// The part of a whole recording from `from` on and before `until`, where it ends even if the last request came
    /// earlier; by default at the end of the recording. `None` if no request lies there.
    #[must_use]
    pub fn part(&self, from: SimTime, until: Option<SimTime>) -> Option<Self> {
        let until = until.unwrap_or(SimTime::ZERO + self.lasts);
        let first = self.rows.partition_point(|row| row.arrived < from);
        let end = self.rows.partition_point(|row| row.arrived < until);
        let n = end.checked_sub(first).filter(|n| *n > 0)?;
        Some(Self { first, n, from, lasts: until.since(from), ..self.clone() })
    }

    /// The same over `stretch` times the time: every gap grows alike, so its coefficient of variation stays.
    #[must_use]
    pub fn stretched(&self, stretch: f64) -> Self {
        Self { stretch: self.stretch * stretch, ..self.clone() }
    }

    /// The same with `rate_per_s` requests per second on average, by stretching it. Leaving requests out would do so as
    /// well, but even out bursts.
    #[must_use]
    pub fn at_rate(&self, rate_per_s: f64) -> Self {
        self.stretched(self.rate_per_s() / rate_per_s)
    }

    /// Requests per second of one pass.
    #[must_use]
    pub fn rate_per_s(&self) -> f64 {
        self.n as f64 / (self.lasts.as_secs_f64() * self.stretch)
    }

    /// The rows that are replayed, at their recorded times.
    #[must_use]
    pub fn rows(&self) -> &[TraceRow] {
        &self.rows[self.first..self.first + self.n]
    }

    /// When the request of number `nth` arrives over all passes, and its lengths; `None` behind the last.
    #[inline]
    #[must_use]
    pub fn nth(&self, nth: u64) -> Option<(SimTime, (u32, u32))> {
        let n = self.n as u64;
        if nth >= n && !self.repeat {
            return None;
        }
        let row = self.rows[self.first + (nth % n) as usize];
        let pass = SimDuration(self.replayed(self.lasts).0.saturating_mul(nth / n));
        let at = SimTime::ZERO + self.replayed(row.arrived.since(self.from));
        Some((at + pass, (row.input_tokens, row.output_tokens)))
    }

    /// A time of the recording as it is replayed, to the nearest nanosecond.
    #[inline]
    fn replayed(&self, recorded: SimDuration) -> SimDuration {
        if self.stretch == 1.0 {
            return recorded;
        }
        // The cast saturates.
        SimDuration((recorded.0 as f64 * self.stretch + 0.5) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(seconds: &[f64], repeat: bool) -> Recording {
        let rows = seconds.iter().enumerate().map(|(n, s)| TraceRow {
            arrived: SimTime::ZERO + SimDuration::from_secs_f64(*s),
            input_tokens: n as u32,
            output_tokens: 1,
        });
        Recording::new(Arc::new(rows.collect()), repeat)
    }

    fn times(recording: &Recording, n: u64) -> Vec<f64> {
        (0..n).map_while(|nth| recording.nth(nth)).map(|(at, _)| at.as_secs_f64()).collect()
    }

    #[test]
    fn a_pass_lasts_one_mean_gap_beyond_its_last_request() {
        let repeated = recording(&[0.0, 1.0, 4.0], true);
        assert_eq!(times(&repeated, 7), [0.0, 1.0, 4.0, 6.0, 7.0, 10.0, 12.0]);
        assert_eq!(times(&recording(&[0.0, 1.0, 4.0], false), 7), [0.0, 1.0, 4.0]);
        assert_eq!(times(&recording(&[0.0, 0.0], true), 4), [0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn a_part_begins_at_its_own_zero_and_lasts_to_its_own_end() {
        let whole = recording(&[0.0, 1.0, 4.0, 5.0, 9.0], true);
        let at = |s: f64| SimTime::ZERO + SimDuration::from_secs_f64(s);
        let part = whole.part(at(1.0), Some(at(5.0))).expect("it has requests");
        assert_eq!(times(&part, 5), [0.0, 3.0, 4.0, 7.0, 8.0]);
        assert_eq!(part.rate_per_s(), 0.5);
        assert_eq!(part.nth(2).expect("it repeats").1, (1, 1));
        let rest = whole.part(at(5.0), None).expect("it has requests");
        // The recording lasts 9 s and a mean gap of 2.25 s.
        assert_eq!(times(&rest, 4), [0.0, 4.0, 6.25, 10.25]);
        assert!(whole.part(at(1.5), Some(at(3.0))).is_none());
        assert!(whole.part(at(20.0), None).is_none());
        assert!(whole.part(at(5.0), Some(at(1.0))).is_none());
    }

    #[test]
    fn stretching_is_exact_and_gives_the_rate_asked_for() {
        let whole = recording(&[0.0, 0.123_456_789, 3_501.721_937], true);
        let day = whole.stretched(24.0);
        assert_eq!(day.nth(1).expect("a request").0, SimTime(123_456_789 * 24));
        assert_eq!(day.nth(2).expect("a request").0, SimTime(3_501_721_937_000 * 24));
        let (pass, stretched) = (whole.nth(3).expect("again").0, day.nth(3).expect("again").0);
        assert_eq!(stretched.0, pass.0 * 24);
        let fast = whole.at_rate(50.0);
        assert!((fast.rate_per_s() - 50.0).abs() < 1e-9);
        let hundred = fast.nth(300).expect("again").0.as_secs_f64();
        // A hundred passes of three requests, each rounded to a nanosecond.
        assert!((hundred - 300.0 / 50.0).abs() < 1e-7, "{hundred}");
    }
}
