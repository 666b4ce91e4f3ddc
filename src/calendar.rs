//! Local time in virtual time: days, hours of the day and daily times in any IANA zone.
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

/// Seconds of the Unix epoch that a date, perhaps with a time and an offset, means; without an offset it is UTC. `None`
/// for other texts.
#[must_use]
pub fn seconds_of(text: &str) -> Option<f64> {
    let instant = text.parse::<Timestamp>().ok().or_else(|| {
        let local = text.parse::<DateTime>().ok()?;
        local.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })?;
    Some(instant.as_nanosecond() as f64 / NANOS_PER_SECOND as f64)
}

/// The date in UTC of a second of the Unix epoch, such as 2024-05-01.
#[must_use]
pub fn date_of(seconds: f64) -> String {
    let instant = Timestamp::from_second(seconds as i64).unwrap_or(Timestamp::MAX);
    instant.to_zoned(TimeZone::UTC).date().to_string()
}

/// Date and time in a zone, to the millisecond, of an instant of a run that starts at `start`.
#[must_use]
pub fn local_text(start: Timestamp, zone: &TimeZone, at: SimTime) -> String {
    let local = timestamp(start, at).to_zoned(zone.clone());
    local.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
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

    /// Hour and minute, such as 08:05.
    #[must_use]
    pub fn hour_minute(self) -> String {
        format!("{:02}:{:02}", self.hour(), self.second_of_day / 60 % 60)
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

    /// The clock of a run by what its manifest says: the start in local time, and the zone's name.
    ///
    /// `None` if one of them cannot be read.
    #[must_use]
    pub fn of_manifest(start: &str, zone: &str) -> Option<Self> {
        let zone = TimeZone::get(zone).ok()?;
        Some(Self::new(instant_of(&zone, start.parse().ok()?), zone))
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

    /// The first instant after `now` at which the wall clock shows a multiple of `step_s` seconds since midnight, or the
    /// clocks change; `now` must not lie before an earlier question, and `step_s` divides a day.
    pub fn next_step(&mut self, now: SimTime, step_s: u32) -> SimTime {
        let second = self.at(now).second_of_day;
        let into_second = now.0.saturating_add(self.start_nanos) % NANOS_PER_SECOND;
        let rest_s = u64::from(step_s - second % step_s);
        let next = now.0.saturating_add(rest_s * NANOS_PER_SECOND - into_second);
        SimTime(next).min(self.valid_until)
    }

    /// The local date of a day, counted as in [`LocalTime::day`].
    #[must_use]
    pub fn date(&self, day: u32) -> civil::Date {
        let first = self.zone.to_datetime(self.start).date();
        first.saturating_add(SignedDuration::from_hours(24 * i64::from(day)))
    }

    /// Its day of the week.
    #[must_use]
    pub fn weekday(&self, day: u32) -> &'static str {
        match self.date(day).weekday() {
            civil::Weekday::Monday => "Monday",
            civil::Weekday::Tuesday => "Tuesday",
            civil::Weekday::Wednesday => "Wednesday",
            civil::Weekday::Thursday => "Thursday",
            civil::Weekday::Friday => "Friday",
            civil::Weekday::Saturday => "Saturday",
            civil::Weekday::Sunday => "Sunday",
        }
    }

    /// Whether that local day has any time: a zone that moved across the date line skipped one.
    #[must_use]
    pub fn has_time(&self, day: u32) -> bool {
        self.begins(day) < self.begins(day + 1)
    }

    /// The instant at which that local day begins, zero for the first: its 00:00, or the first instant after a gap
    /// that skips it.
    #[must_use]
    pub fn begins(&self, day: u32) -> SimTime {
        let midnight = self.date(day).to_datetime(civil::Time::midnight());
        sim_time(self.start, instant_of(&self.zone, midnight))
    }

    /// The number of local days that have time before `end`, the day of the start included: the day of that number is the
    /// first to begin at `end` or later.
    #[must_use]
    pub fn days_until(&self, end: SimTime) -> u32 {
        (1..).find(|&day| self.begins(day) >= end).unwrap_or(u32::MAX)
    }

    /// The first local day that begins at least 48 hours after the start: the one on which a gain by learning is measured.
    #[must_use]
    pub fn gain_day(&self) -> u32 {
        self.days_until(SimTime(48 * 3600 * NANOS_PER_SECOND))
    }
}

/// One of the daily times, on one local day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// When.
    pub at: SimTime,
    /// Which of the times, by its position in the list.
    pub which: usize,
    /// The local day that it belongs to.
    pub date: civil::Date,
}

/// The instants of local times of day, each once on every local day, in order. A time that clocks skip happens at the
/// first instant after the gap, together with others that are skipped; a time that occurs twice happens at the first.
#[derive(Clone, Debug)]
pub struct DailyTimes {
    start: Timestamp,
    zone: TimeZone,
    times: Vec<civil::Time>,
    /// The next one; never, where there is none.
    next: Occurrence,
}

impl DailyTimes {
    /// The `times` of day in `zone`, from `start` on: one that falls on the start counts.
    ///
    /// # Panics
    /// If the times are not in order and distinct.
    #[must_use]
    pub fn from_start(start: Timestamp, zone: TimeZone, times: Vec<civil::Time>) -> Self {
        Self::new(start, zone, times, |at| at >= start)
    }

    /// The `times` of day in `zone`, after `start`: one that falls on the start does not count.
    ///
    /// # Panics
    /// If the times are not in order and distinct.
    #[must_use]
    pub fn after_start(start: Timestamp, zone: TimeZone, times: Vec<civil::Time>) -> Self {
        Self::new(start, zone, times, |at| at > start)
    }

    /// Every 00:00 of `zone` after `start`, as daily quotas reset.
    #[must_use]
    pub fn midnights(start: Timestamp, zone: TimeZone) -> Self {
        Self::after_start(start, zone, vec![civil::Time::midnight()])
    }

    fn new(
        start: Timestamp,
        zone: TimeZone,
        times: Vec<civil::Time>,
        counts: impl Fn(Timestamp) -> bool,
    ) -> Self {
        assert!(times.is_sorted_by(|a, b| a < b), "daily times are in order and distinct");
        let today = zone.to_datetime(start).date();
        // A gap that begins before midnight moves the last times of a day into the next one.
        let date = today.yesterday().unwrap_or(today);
        let next = Occurrence { at: SimTime::ZERO, which: 0, date };
        let mut daily = Self { start, zone, times, next };
        if daily.times.is_empty() {
            daily.next.at = SimTime::NEVER;
            return daily;
        }
        daily.next.at = loop {
            let at = daily.instant();
            if counts(at) {
                break sim_time(start, at);
            }
            if !daily.step() {
                break SimTime::NEVER;
            }
        };
        daily
    }

    fn instant(&self) -> Timestamp {
        instant_of(&self.zone, self.next.date.to_datetime(self.times[self.next.which]))
    }

    /// Moves to the next time of the day or the first of the next day; `false` at the end of the calendar.
    fn step(&mut self) -> bool {
        if self.next.which + 1 < self.times.len() {
            self.next.which += 1;
            return true;
        }
        let tomorrow = self.next.date.tomorrow();
        if let Ok(tomorrow) = tomorrow {
            (self.next.which, self.next.date) = (0, tomorrow);
        }
        tomorrow.is_ok()
    }

    /// When the next one happens; [`SimTime::NEVER`] if there is none.
    #[must_use]
    pub fn next(&self) -> SimTime {
        self.next.at
    }

    /// Takes the next one.
    pub fn pop(&mut self) -> Option<Occurrence> {
        let taken = (self.next.at != SimTime::NEVER).then_some(self.next)?;
        self.next.at =
            if self.step() { sim_time(self.start, self.instant()) } else { SimTime::NEVER };
        Some(taken)
    }

    /// Whether one or more lie at or before `now`; moves on past them.
    #[inline]
    pub fn passed(&mut self, now: SimTime) -> bool {
        if now < self.next.at {
            return false;
        }
        while self.next.at <= now && self.pop().is_some() {}
        true
    }

    /// Time from `now` to the next one.
    #[must_use]
    pub fn wait(&self, now: SimTime) -> SimDuration {
        self.next.at.since(now)
    }
}

/// Nanoseconds in one minute.
const MINUTE: u64 = 60 * NANOS_PER_SECOND;

/// The minutes of the clock, by virtual time; they are the same in every zone whose offset is whole minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockMinutes {
    /// Offset of virtual time zero within its minute, in nanoseconds.
    phase: u64,
}

impl ClockMinutes {
    /// The minutes of a run that starts at `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self { phase: start.as_nanosecond().rem_euclid(i128::from(MINUTE)) as u64 }
    }

    /// The number of the minute in which `now` lies; that of the start is 0.
    #[inline]
    #[must_use]
    pub fn of(self, now: SimTime) -> u64 {
        (now.0 + self.phase) / MINUTE
    }

    /// Time until the next minute begins.
    #[must_use]
    pub fn left(self, now: SimTime) -> SimDuration {
        SimDuration(MINUTE - (now.0 + self.phase) % MINUTE)
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
    fn steps_of_the_wall_clock_end_at_its_multiples_and_changes() {
        // 23:29:59.5 local time, so that the first step is a part of one.
        let start = start("Europe/Berlin", "2026-03-28T23:29:59.5");
        let mut clock = LocalClock::new(start, zone("Europe/Berlin"));
        let mut now = SimTime::ZERO;
        let mut steps = Vec::new();
        for step_s in [3600, 1800, 3600, 3600, 86_400] {
            let next = clock.next_step(now, step_s);
            steps.push(next.since(now).as_secs_f64());
            now = next;
        }
        // To 00:00, 00:30, 01:00, 02:00 where the clocks go to 03:00, and midnight.
        assert_eq!(steps, [1800.5, 1800.0, 1800.0, 3600.0, 21.0 * 3600.0]);
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
