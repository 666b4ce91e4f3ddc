//! The performance monitor and the work tracker on sequences made by hand.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use reflexarc::analysis::measure::TRACKED;
use reflexarc::analysis::run::{Bins, RunStatistics};
use reflexarc::analysis::window::Spans;
use reflexarc::analysis::work::{WorkPhase, WorkTracker, step_efficiency};
use reflexarc::calendar::LocalClock;
use reflexarc::domain::{
    Anomaly, AnomalyKind, Outcome, PerformanceClass, Priority, StepRecord, TaskRecord,
};
use reflexarc::routing::monitor::{Metric, Monitor, MonitorRule};
use reflexarc::units::{Level, ModelId, SimDuration, SimTime, TaskId};

/// A call that is out of no bounds.
fn metric(level: Level, served: bool) -> Metric {
    let response = SimDuration::from_secs_f64(1.0);
    Metric { level, model: ModelId(3), served, response, tokens: 400 }
}

/// Records calls one second after another; returns what was told, with the number of the call, from 0.
fn told(monitor: &mut Monitor, calls: impl IntoIterator<Item = Metric>) -> Vec<(usize, Anomaly)> {
    let mut all = Vec::new();
    for (n, call) in calls.into_iter().enumerate() {
        let now = SimTime(n as u64 * 1_000_000_000);
        monitor.record(now, call, |anomaly| {
            assert_eq!((anomaly.at, anomaly.level), (now, call.level));
            all.push((n, anomaly));
        });
    }
    all
}

/// Calls of one level, answered (`S`) or not (`F`).
fn calls(level: Level, results: &str) -> impl Iterator<Item = Metric> {
    results.chars().map(move |result| metric(level, result == 'S'))
}

#[test]
fn classes_change_just_above_their_percentages() {
    use PerformanceClass::{Critical, Excellent, Good, Normal, Poor};
    let bounds =
        [(95, Good, Excellent), (85, Normal, Good), (70, Poor, Normal), (50, Critical, Poor)];
    for (percent, at, above) in bounds {
        assert_eq!(PerformanceClass::of(percent, 100), Some(at), "{percent} %");
        assert_eq!(PerformanceClass::of(10 * percent + 1, 1000), Some(above), "{percent}.1 %");
        // The same through the monitor, a day's calls and all of them.
        let mut monitor = Monitor::new(MonitorRule::STAGE4);
        let results = "S".repeat(percent as usize) + &"F".repeat(100 - percent as usize);
        told(&mut monitor, calls(Level::L2, &results));
        let health = monitor.end_day(SimTime(1), 0)[Level::L2.index()];
        assert_eq!((health.today.class(), health.since_start.class()), (Some(at), Some(at)));
    }
    assert_eq!(PerformanceClass::of(0, 0), None);
    assert_eq!(PerformanceClass::of(0, 3), Some(Critical));
    assert_eq!(PerformanceClass::of(3, 3), Some(Excellent));
}

#[test]
fn a_day_begins_anew_and_the_start_is_remembered() {
    let mut monitor = Monitor::new(MonitorRule::STAGE4);
    let with = |seconds: f64, tokens| Metric {
        response: SimDuration::from_secs_f64(seconds),
        tokens,
        ..metric(Level::L1, true)
    };
    told(&mut monitor, [with(1.0, 100), with(4.0, 500)]);
    let first = monitor.end_day(SimTime(10), 0)[0];
    assert_eq!((first.day, first.level, first.at), (0, Level::L1, SimTime(10)));
    assert_eq!(first.today, first.since_start);
    assert_eq!((first.today.response_ms, first.today.tokens), (5000.0, 600));
    told(&mut monitor, calls(Level::L1, "FS"));
    let second = monitor.end_day(SimTime(20), 1);
    assert_eq!((second[0].today.calls, second[0].today.successes), (2, 1));
    assert_eq!((second[0].since_start.calls, second[0].since_start.successes), (4, 3));
    assert_eq!((second[0].since_start.response_ms, second[0].since_start.tokens), (7000.0, 1400));
    assert_eq!((second[3].since_start.calls, second[3].today.class()), (0, None));
}

#[test]
fn what_lies_exactly_on_a_bound_is_no_anomaly() {
    let mut monitor = Monitor::new(MonitorRule::STAGE4);
    let call =
        |nanos, tokens| Metric { response: SimDuration(nanos), tokens, ..metric(Level::L4, true) };
    let both = [call(5_000_000_000, 1000), call(5_000_000_001, 1000), call(5_000_000_000, 1001)];
    let told = told(&mut monitor, both);
    let kinds: Vec<_> = told.iter().map(|(n, anomaly)| (*n, anomaly.kind)).collect();
    assert_eq!(kinds, [(1, AnomalyKind::SlowResponse), (2, AnomalyKind::HighTokenUsage)]);
    let figures = |at: usize| (told[at].1.model, told[at].1.value, told[at].1.threshold);
    assert_eq!(figures(0), (Some(ModelId(3)), 5_000.000_001, 5000.0));
    assert_eq!(figures(1), (Some(ModelId(3)), 1001.0, 1000.0));
}

#[test]
fn a_low_success_rate_is_told_when_it_sets_in_and_again_after_it_recovered() {
    let mut monitor = Monitor::new(MonitorRule::STAGE4);
    // 4 of 5 are exactly 80 %; 4 of 6 are less, and so is all until 12 of 15; then 12 of 16 are less again.
    let told = told(&mut monitor, calls(Level::L1, "SSSSFFFSSSSSSSSF"));
    let kinds: Vec<_> = told.iter().map(|(n, anomaly)| (*n, anomaly.kind, anomaly.model)).collect();
    assert_eq!(
        kinds,
        [(5, AnomalyKind::LowSuccessRate, None), (15, AnomalyKind::LowSuccessRate, None)]
    );
    assert!((told[0].1.value - 100.0 * 4.0 / 6.0).abs() < 1e-9);
    assert_eq!((told[1].1.value, told[1].1.threshold), (75.0, 80.0));
}

#[test]
fn levels_are_judged_apart_and_only_from_enough_calls_on() {
    let rule = MonitorRule { min_calls: 5, ..MonitorRule::STAGE4 };
    let mut monitor = Monitor::new(rule);
    // Each level by its own calls: L2 has a fifth of them at number 9, of which none was answered.
    let mixed = calls(Level::L3, "SSSSS").zip(calls(Level::L2, "FFFFF")).flat_map(|(a, b)| [a, b]);
    let told = told(&mut monitor, mixed);
    let found: Vec<_> =
        told.iter().map(|(n, anomaly)| (*n, anomaly.level, anomaly.value)).collect();
    assert_eq!(found, [(9, Level::L2, 0.0)]);
}

#[test]
fn the_last_thousand_calls_are_kept_and_no_more() {
    // Ten failures of L3, then calls of L4 that push them out one by one from the 1001st call on, as do the last two.
    for (pushed_before, told_again) in [(8, false), (9, true)] {
        let mut monitor = Monitor::new(MonitorRule::STAGE4);
        let failures = calls(Level::L3, "FFFFFFFFFF");
        let others = "S".repeat(990 + pushed_before);
        let sequence = failures.chain(calls(Level::L4, &others)).chain(calls(Level::L3, "SF"));
        let told = told(&mut monitor, sequence);
        // Pushed out by the S: 9 failures leave 1 of 2 answered, still low; 10 leave 1 of 1, so the next one sets in anew.
        let found: Vec<usize> = told.iter().map(|(n, _)| *n).collect();
        let last = 1001 + pushed_before;
        assert_eq!(found, if told_again { vec![0, last] } else { vec![0] }, "{pushed_before}");
    }
}

/// A step that ends at `ended` seconds.
fn step(task: u64, started: f64, ended: f64, quality: f64, tokens: u64) -> StepRecord {
    let at = |seconds| SimTime::ZERO + SimDuration::from_secs_f64(seconds);
    StepRecord {
        task: TaskId(task),
        step: 0,
        level: Level::L2,
        started: at(started),
        ended: at(ended),
        outcome: Outcome::Success,
        served: true,
        quality,
        tokens,
    }
}

fn task(task: u64, ended: f64, served: bool) -> TaskRecord {
    TaskRecord {
        task: TaskId(task),
        task_type: 0,
        level: Level::L2,
        priority: Priority::Normal,
        prompt: None,
        estimated_tokens: 4000.0,
        arrived: SimTime::ZERO,
        ended: SimTime::ZERO + SimDuration::from_secs_f64(ended),
        outcome: if served { Outcome::Success } else { Outcome::Shed },
        served,
        in_time: served,
        quality: 0.0,
        input_tokens: 0,
        output_tokens: 0,
        cost_usd: 0.0,
        efficiency: 0.0,
        reward: 0.0,
        decision_regret: None,
        n_best: 0,
        n_decisions: 0,
        n_steps: 3,
        n_attempts: 3,
        first_model: None,
        served_by: None,
        trigger: None,
        rescued: false,
    }
}

#[test]
fn a_work_of_three_steps_comes_to_what_was_worked_out_by_hand() {
    // 36 + 30 + 15; 20 + 20 + 10; 30.8 + 10 + 30/7 = 45.0857, to one decimal.
    let steps = [
        (step(0, 0.0, 2.0, 90.0, 500), 81.0),
        (step(0, 2.0, 5.0, 50.0, 1500), 50.0),
        (step(0, 5.0, 12.0, 77.0, 3000), 45.1),
    ];
    let mut tracker = WorkTracker::default();
    assert_eq!(tracker.phase(TaskId(0)), None);
    tracker.start_work(TaskId(0), SimTime::ZERO);
    assert_eq!(tracker.phase(TaskId(0)), Some(WorkPhase::Started));
    for (step, efficiency) in steps {
        assert_eq!(step_efficiency(&step), efficiency);
        tracker.log_step(&step);
        assert_eq!(tracker.phase(TaskId(0)), Some(WorkPhase::InProgress));
    }
    let work = tracker.end_work(&task(0, 12.0, true)).expect("it was started");
    assert_eq!(tracker.phase(TaskId(0)), None);
    assert_eq!((work.phase, work.n_steps), (WorkPhase::Completed, 3));
    // 217 / 3 and 176.1 / 3; 5000 tokens in 12 s; 4 s a step; 5000 of 4000 estimated.
    assert!((work.quality - 217.0 / 3.0).abs() < 1e-9);
    assert!((work.efficiency - 58.7).abs() < 1e-9);
    assert!((work.tokens_per_minute.expect("it took time") - 25_000.0).abs() < 1e-9);
    assert_eq!((work.seconds_per_step, work.tokens_per_estimate), (4.0, 1.25));
    assert_eq!(
        (tracker.n_started, tracker.n_ended, tracker.n_open(), tracker.n_stray),
        (1, 1, 0, 0)
    );
}

#[test]
fn a_work_that_is_turned_away_at_once_has_no_tokens_per_minute() {
    let mut tracker = WorkTracker::default();
    tracker.start_work(TaskId(0), SimTime::ZERO);
    tracker.log_step(&step(0, 0.0, 0.0, 0.0, 0));
    let work = tracker.end_work(&task(0, 0.0, false)).expect("it was started");
    assert_eq!((work.phase, work.tokens_per_minute), (WorkPhase::Failed, None));
    assert_eq!(
        (work.efficiency, work.seconds_per_step, work.tokens_per_estimate),
        (60.0, 0.0, 0.0)
    );
}

#[test]
fn works_overlap_and_what_belongs_to_none_is_stray() {
    let mut tracker = WorkTracker::default();
    for id in 0..3 {
        tracker.start_work(TaskId(id), SimTime::ZERO);
    }
    tracker.log_step(&step(1, 0.0, 1.0, 80.0, 10));
    tracker.log_step(&step(2, 0.0, 1.0, 60.0, 10));
    assert!(tracker.end_work(&task(1, 1.0, true)).is_some());
    let phases = [0, 1, 2].map(|id| tracker.phase(TaskId(id)));
    assert_eq!(phases, [Some(WorkPhase::Started), None, Some(WorkPhase::InProgress)]);
    // A second end, a step behind the end, a task that was never started.
    assert_eq!(tracker.end_work(&task(1, 1.0, true)), None);
    tracker.log_step(&step(1, 0.0, 1.0, 80.0, 10));
    assert_eq!(tracker.end_work(&task(9, 1.0, true)), None);
    assert_eq!(
        (tracker.n_started, tracker.n_ended, tracker.n_open(), tracker.n_stray),
        (3, 1, 2, 3)
    );
    let zero = tracker.end_work(&task(0, 1.0, false)).expect("it was started");
    assert_eq!((zero.n_steps, zero.phase), (0, WorkPhase::Failed));
    let two = tracker.end_work(&task(2, 1.0, true)).expect("it was started");
    assert_eq!((two.quality, two.n_steps), (60.0, 1));
    assert_eq!((tracker.n_open(), tracker.n_stray), (0, 3));
    // All are closed: the next work begins a new count.
    tracker.start_work(TaskId(3), SimTime::ZERO);
    assert_eq!(
        (tracker.phase(TaskId(2)), tracker.phase(TaskId(3))),
        (None, Some(WorkPhase::Started))
    );
}

#[test]
fn a_task_that_is_lost_or_has_no_step_is_not_tracked() {
    let clock = LocalClock::new(Timestamp::UNIX_EPOCH, TimeZone::UTC);
    let bins = Bins::Tasks { from: 0, to: 4, n: 1 };
    let mut run = RunStatistics::new(bins, 1, 1, false, Spans::default(), clock);
    let tracked = |run: &RunStatistics| {
        let all = run.values().into_iter().find(|v| v.measure == TRACKED && v.level.is_none());
        all.expect("the measure is there").value
    };
    assert_eq!(tracked(&run), None);
    for id in 0..4 {
        run.task_arrived(&task(id, 1.0, true));
    }
    // One of four is whole, one ends without a step, two never end.
    run.step_ended(&step(2, 0.0, 1.0, 80.0, 10));
    run.step_ended(&step(3, 0.0, 1.0, 80.0, 10));
    run.task_ended(&task(1, 1.0, true));
    run.task_ended(&task(2, 1.0, true));
    assert_eq!(tracked(&run), Some(0.25));
}
