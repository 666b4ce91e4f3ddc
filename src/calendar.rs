//! Local time in virtual time: days, hours of the day and daily resets in any IANA zone.
//!
//! The one door to `jiff` besides the scenario's parsing; its time-zone database is bundled, so results do not depend
//! on the machine.

use jiff::civil::{self, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};

/// The instant that a local date and time means: a time that clocks skip means the first instant after the gap,
/// a time that occurs twice means the first.
#[must_use]
pub fn instant_of(zone: &TimeZone, local: DateTime) -> Timestamp {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let before_gap = match ambiguous.offset() {
        AmbiguousOffset::Gap { before, .. } => before.to_timestamp(local).ok(),
        _ => None,
    };
    let compatible = ambiguous
        .compatible()
        .expect("scenario times are checked to lie within the supported years");
    match before_gap {
        // A skipped local time, read with the offset before the gap, lies past the change itself.
        Some(past) => zone
            .preceding(past + SignedDuration::from_nanos(1))
            .next()
            .map_or(compatible, |change| change.timestamp()),
        None => compatible,
    }
}

/// Maps virtual time to local time of one zone; asked with times that never go back.
#[derive(Clone, Debug)]
pub struct LocalClock {
    start: Timestamp,
    /// The start as whole seconds and nanoseconds, so that an instant's second takes no 128-bit division.
    start_s: i64,
    start_nanos: u64,
    zone: TimeZone,
    offset_s: i64,
    valid_until: SimTime,
    first_day: i64,
}

/// A day and a time of day in local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// Days since the local date of the scenario's start.
    pub day: u32,
    /// Seconds since local midnight by the wall clock.
    pub second_of_day: u32,
}

impl LocalTime {
    /// Hour of the day, 0-23.
    #[must_use]
    pub fn hour(self) -> u32 {
        self.second_of_day / 3600
    }
}

fn sim_time(start: Timestamp, at: Timestamp) -> SimTime {
    let nanos = at.as_nanosecond() - start.as_nanosecond();
    SimTime(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
}

fn timestamp(start: Timestamp, at: SimTime) -> Timestamp {
    Timestamp::from_nanosecond(start.as_nanosecond() + i128::from(at.0)).unwrap_or(Timestamp::MAX)
}

impl LocalClock {
    /// A clock of `zone` for a run that starts at `start`.
    #[must_use]
    pub fn new(start: Timestamp, zone: TimeZone) -> Self {
        let nanos = start.as_nanosecond();
        let mut clock = Self {
            start,
            start_s: nanos.div_euclid(i128::from(NANOS_PER_SECOND)) as i64,
            start_nanos: nanos.rem_euclid(i128::from(NANOS_PER_SECOND)) as u64,
            zone,
            offset_s: 0,
            valid_until: SimTime::ZERO,
            first_day: 0,
        };
        clock.renew(SimTime::ZERO);
        clock.first_day = clock.local_seconds(SimTime::ZERO).div_euclid(86_400);
        clock
    }

    fn renew(&mut self, now: SimTime) {
        let here = timestamp(self.start, now);
        self.offset_s = i64::from(self.zone.to_offset(here).seconds());
        self.valid_until = self
            .zone
            .following(here)
            .next()
            .map_or(SimTime::NEVER, |change| sim_time(self.start, change.timestamp()));
    }

    fn local_seconds(&self, now: SimTime) -> i64 {
        let nanos = now.0.saturating_add(self.start_nanos);
        self.start_s + (nanos / NANOS_PER_SECOND) as i64 + self.offset_s
    }

    /// The local time at `now`, which must not lie before an earlier question.
    pub fn at(&mut self, now: SimTime) -> LocalTime {
        if now >= self.valid_until {
            self.renew(now);
        }
        let seconds = self.local_seconds(now);
        LocalTime {
            day: u32::try_from(seconds.div_euclid(86_400) - self.first_day).unwrap_or(0),
            second_of_day: seconds.rem_euclid(86_400) as u32,
        }
    }
}

/// The instants of a daily reset at local midnight.
#[derive(Clone, Debug)]
pub struct DailyReset {
    start: Timestamp,
    zone: TimeZone,
    day: civil::Date,
    next: SimTime,
}

impl DailyReset {
    /// Resets at 00:00 of `zone`, the first one after `start`.
    #[must_use]
    pub fn new(start: Timestamp, zone: TimeZone) -> Self {
        let day = zone.to_datetime(start).date();
        let mut reset = Self { start, zone, day, next: SimTime::ZERO };
        reset.advance();
        reset
    }

    fn advance(&mut self) {
        while let Ok(day) = self.day.tomorrow() {
            self.day = day;
            self.next = sim_time(
                self.start,
                instant_of(&self.zone, day.to_datetime(civil::Time::midnight())),
            );
            if self.next > SimTime::ZERO {
                return;
            }
        }
        self.next = SimTime::NEVER;
    }

    /// The next reset.
    #[must_use]
    pub fn next(&self) -> SimTime {
        self.next
    }

    /// Whether one or more resets lie at or before `now`; moves on past them.
    #[inline]
    pub fn passed(&mut self, now: SimTime) -> bool {
        if now < self.next {
            return false;
        }
        while self.next <= now && self.next != SimTime::NEVER {
            self.advance();
        }
        true
    }

    /// Time from `now` to the next reset.
    #[must_use]
    pub fn wait(&self, now: SimTime) -> SimDuration {
        self.next.since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).expect("bundled zone")
    }

    fn start(zone_name: &str, local: &str) -> Timestamp {
        instant_of(&zone(zone_name), local.parse().expect("date and time"))
    }

    fn resets(name: &str, from: &str, n: usize) -> Vec<f64> {
        let mut reset = DailyReset::new(start(name, from), zone(name));
        let mut hours = Vec::new();
        for _ in 0..n {
            let at = reset.next();
            hours.push(at.as_secs_f64() / 3600.0);
            assert!(reset.passed(at) && !reset.passed(at), "a reset comes once");
        }
        hours
    }

    #[test]
    fn resets_come_once_a_day_across_clock_changes() {
        assert_eq!(resets("Asia/Seoul", "2026-03-02T10:00", 2), [14.0, 38.0]);
        // Berlin loses an hour on 2026-03-29 and New York gains one on 2026-11-01.
        assert_eq!(resets("Europe/Berlin", "2026-03-29T00:00", 2), [23.0, 47.0]);
        assert_eq!(resets("America/New_York", "2026-11-01T00:00", 2), [25.0, 49.0]);
        // Cairo skips midnight itself on 2026-04-24: the day begins at 01:00, the same instant.
        assert_eq!(resets("Africa/Cairo", "2026-04-23T12:00", 2), [12.0, 35.0]);
        // Havana has midnight twice on 2025-11-02: the first one counts.
        assert_eq!(resets("America/Havana", "2025-11-01T12:00", 2), [12.0, 37.0]);
    }

    #[test]
    fn a_skipped_local_time_means_the_first_instant_after_the_gap() {
        assert_eq!(
            start("Europe/Berlin", "2026-03-29T02:30"),
            start("Europe/Berlin", "2026-03-29T03:00")
        );
        let twice = start("Europe/Berlin", "2026-10-25T02:30");
        assert_eq!(twice.to_string(), "2026-10-25T00:30:00Z");
    }

    #[test]
    fn local_time_follows_the_wall_clock() {
        let mut clock =
            LocalClock::new(start("Europe/Berlin", "2026-03-28T23:30"), zone("Europe/Berlin"));
        let hour = |h: f64| SimTime((h * 3.6e12) as u64);
        assert_eq!(clock.at(hour(0.0)), LocalTime { day: 0, second_of_day: 84_600 });
        assert_eq!(clock.at(hour(1.0)), LocalTime { day: 1, second_of_day: 1_800 });
        // Two hours on, the wall clock has gone from 01:30 to 03:30.
        assert_eq!(clock.at(hour(3.0)).hour(), 3);
    }
}
