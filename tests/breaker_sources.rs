//! Polly, Hystrix and Finagle, of which there are no recordings, against what their sources and theory say.

#[path = "support/one_breaker.rs"]
mod one_breaker;

use jiff::Timestamp;
use one_breaker::{MODEL, OneBreaker, at, breakers};
use reflexarc::domain::BreakerState::{self, Closed, HalfOpen, Open};
use reflexarc::domain::{ModelSet, Outcome};
use reflexarc::routing::breaker::{
    Accrual, BreakerRule, Breakers, CallEnd, FinagleRule, HystrixRule, PollyRule, Surroundings,
    Verdict,
};
use reflexarc::sim::stream::Streams;
use reflexarc::units::{ModelId, SimDuration, SimTime};

fn span(seconds: f64) -> SimDuration {
    SimDuration::from_secs_f64(seconds)
}

/// `n` calls at once, which end so at once; the state after them.
fn calls(one: &mut OneBreaker, now: f64, n: usize, verdict: Verdict) -> BreakerState {
    for _ in 0..n {
        let permit = one.acquire(at(now)).expect("it lets pass");
        one.end(at(now), permit, verdict, SimDuration::ZERO);
    }
    one.state(at(now))
}

fn polly(minimum_throughput: u32, factor: f64) -> OneBreaker {
    let rule =
        PollyRule { minimum_throughput, break_duration_factor: factor, ..PollyRule::default() };
    OneBreaker::new(&BreakerRule::Polly(rule))
}

#[test]
fn windows_of_polly_begin_with_a_result_and_go_as_a_whole() {
    // A tenth of 30 s: the results of 0 s and 2.9 s share a window, which is over 30 s after its begin.
    for (last, state) in [(29.999, Open), (30.0, Closed)] {
        let mut one = polly(3, 1.0);
        assert_eq!(calls(&mut one, 0.0, 1, Verdict::Failure), Closed);
        assert_eq!(calls(&mut one, 2.9, 1, Verdict::Failure), Closed);
        assert_eq!(calls(&mut one, last, 1, Verdict::Failure), state, "{last}");
    }
    // 3 s begin another.
    let mut one = polly(3, 1.0);
    calls(&mut one, 0.0, 1, Verdict::Failure);
    calls(&mut one, 3.0, 2, Verdict::Success);
    assert_eq!(calls(&mut one, 30.0, 1, Verdict::Failure), Open, "1 of 3 are left");
}

#[test]
fn a_sampling_duration_below_a_fifth_of_a_second_is_one_window() {
    let rule =
        PollyRule { sampling_duration: span(0.199), minimum_throughput: 2, ..PollyRule::default() };
    for (last, state) in [(0.198, Open), (0.199, Closed)] {
        let mut one = OneBreaker::new(&BreakerRule::Polly(rule.clone()));
        calls(&mut one, 0.19, 1, Verdict::Failure);
        assert_eq!(calls(&mut one, last, 1, Verdict::Failure), state, "{last}");
    }
}

#[test]
fn the_break_of_polly_grows_with_half_open_attempts_until_it_closes() {
    let mut one = polly(2, 2.0);
    assert_eq!(calls(&mut one, 0.0, 2, Verdict::Failure), Open);
    let mut now = 0.0;
    for break_s in [5.0, 10.0, 20.0] {
        assert!(one.acquire(at(now + break_s - 1e-9)).is_none());
        now += break_s;
        assert_eq!(calls(&mut one, now, 1, Verdict::Failure), Open);
    }
    now += 40.0;
    // Not handled, and so a success.
    assert_eq!(calls(&mut one, now, 1, Verdict::Ignored), Closed);
    assert_eq!(calls(&mut one, now, 2, Verdict::Failure), Open);
    assert_eq!(one.breakers.passes_from(at(now), MODEL), Some(at(now + 5.0)));
}

#[test]
fn any_call_of_polly_that_ends_in_half_open_decides_it() {
    for (verdict, state) in [(Verdict::Success, Closed), (Verdict::Failure, Open)] {
        let mut one = polly(2, 1.0);
        let early = one.acquire(at(0.0)).expect("closed");
        calls(&mut one, 0.0, 2, Verdict::Failure);
        one.acquire(at(5.0)).expect("the trial call");
        assert_eq!(one.state(at(5.0)), HalfOpen);
        one.end(at(5.5), early, verdict, SimDuration::ZERO);
        assert_eq!(one.state(at(5.5)), state);
    }
}

fn hystrix() -> OneBreaker {
    OneBreaker::new(&BreakerRule::Hystrix(HystrixRule::default()))
}

#[test]
fn hystrix_opens_when_it_looks() {
    let mut one = hystrix();
    assert_eq!(calls(&mut one, 0.6, 20, Verdict::Failure), Closed);
    assert_eq!(one.breakers.due(), at(1.0));
    assert_eq!(one.state(at(0.999_999)), Closed);
    assert_eq!(one.state(at(1.0)), Open);
    // Its sleep begins then, and ends strictly after 5 s.
    assert!(one.acquire(at(6.0)).is_none());
    assert!(one.acquire(SimTime(at(6.0).0 + 1)).is_some());
}

#[test]
fn hystrix_opens_without_a_new_result_when_successes_leave_the_window() {
    let mut one = hystrix();
    calls(&mut one, 0.1, 21, Verdict::Success);
    calls(&mut one, 1.1, 20, Verdict::Failure);
    assert_eq!(one.state(at(10.4)), Closed, "20 of 41 are 48 percent");
    // The first bucket leaves the twenty that are looked at 10.5 s after its begin.
    assert_eq!(one.state(at(10.5)), Open);
    // With one failure fewer there are too few.
    let mut one = hystrix();
    calls(&mut one, 0.1, 21, Verdict::Success);
    calls(&mut one, 1.1, 19, Verdict::Failure);
    assert_eq!(one.state(at(30.0)), Closed);
    assert_eq!(one.breakers.due(), SimTime::NEVER, "it looks on in vain");
}

#[test]
fn the_error_percentage_of_hystrix_is_cut_off() {
    // 199 of 400 are 49.75 percent.
    for (failures, state) in [(199, Closed), (200, Open)] {
        let mut one = hystrix();
        calls(&mut one, 0.1, 400 - failures, Verdict::Success);
        calls(&mut one, 0.2, failures, Verdict::Failure);
        assert_eq!(one.state(at(0.5)), state);
    }
}

#[test]
fn closing_begins_the_buckets_of_hystrix_anew() {
    let mut one = hystrix();
    calls(&mut one, 0.1, 20, Verdict::Failure);
    assert_eq!(one.state(at(0.5)), Open);
    let trial = one.acquire(at(6.3)).expect("the trial call");
    assert!(one.acquire(at(6.3)).is_none());
    one.end(at(6.7), trial, Verdict::Success, SimDuration::ZERO);
    assert_eq!(one.state(at(6.7)), Closed);
    // The success that closed it is the first result of the new stream: 1 of 20.
    calls(&mut one, 6.8, 19, Verdict::Failure);
    assert_eq!((one.breakers.due(), one.state(at(7.19))), (at(7.2), Closed));
    assert_eq!(one.state(at(7.2)), Open);
}

/// Finagle's policy by success rate alone.
fn by_rate() -> FinagleRule {
    let own = FinagleRule::default();
    FinagleRule { policy: Accrual { consecutive: None, ..own.policy }, ..own }
}

#[test]
fn a_target_that_begins_to_fail_is_dead_after_the_time_that_the_mean_needs() {
    // Of all successes the mean falls to exp(-t / 30 s), below 0.8 after 30 s ln(1 / 0.8) = 6.694 s.
    let mut one = OneBreaker::new(&BreakerRule::Finagle(by_rate()));
    let mut tick = 0_u32;
    while tick < 600 {
        tick += 1;
        calls(&mut one, f64::from(tick) / 10.0, 1, Verdict::Success);
    }
    while calls(&mut one, f64::from(tick + 1) / 10.0, 1, Verdict::Failure) == Closed {
        tick += 1;
    }
    let failing = f64::from(tick + 1 - 600) / 10.0;
    assert!((failing - 6.7).abs() < 1e-9, "{failing}");
}

#[test]
fn a_failed_probe_without_a_dead_time_is_probed_again_at_once() {
    let mut one = OneBreaker::new(&BreakerRule::Finagle(by_rate()));
    calls(&mut one, 0.5, 1, Verdict::Failure);
    assert_eq!(calls(&mut one, 30.0, 3, Verdict::Failure), Closed, "4 of 5 requests");
    assert_eq!(calls(&mut one, 30.5, 2, Verdict::Failure), Open);
    // A dead time of 5 s; the requests of the last 30 s are enough for another one.
    assert_eq!(calls(&mut one, 35.5, 1, Verdict::Failure), Open);
    // Long after, the window is empty: the policy says nothing, and the next call is a probe again.
    let from = one.breakers.passes_from(at(35.5), MODEL).expect("a time");
    assert!(at(40.5) <= from && from < at(45.5), "{from:?}");
    assert_eq!(calls(&mut one, 200.0, 1, Verdict::Failure), HalfOpen);
    assert_eq!(calls(&mut one, 200.0, 1, Verdict::Success), Closed);
}

/// The dead times of one run, each after a failed probe.
fn dead_times(seed: u64, n: usize) -> Vec<f64> {
    let rule = BreakerRule::Finagle(FinagleRule::default());
    let around = Surroundings {
        peers: vec![ModelSet::first(2); 2],
        start: Timestamp::UNIX_EPOCH,
        streams: Streams::new(seed),
    };
    let mut all = Breakers::new(&rule, &around);
    let mut log = Vec::new();
    let mut now = SimTime::ZERO;
    let mut times = Vec::new();
    while times.len() < n {
        all.advance(now, &mut log);
        let permit = all.acquire(now, MODEL, &mut log).expect("alive or probing");
        let outcome = Outcome::ApiError;
        let end = CallEnd { verdict: Verdict::Failure, outcome, duration: SimDuration::ZERO };
        all.settle(now, MODEL, permit, end, &mut log);
        if all.state(MODEL) == Open {
            let from = all.passes_from(now, MODEL).expect("a time");
            times.push(from.since(now).as_secs_f64());
            now = from;
        }
    }
    times
}

#[test]
fn dead_times_of_finagle_keep_half_and_jitter_the_other() {
    const SEEDS: u64 = 400;
    let runs: Vec<Vec<f64>> = (1..=SEEDS).map(|seed| dead_times(seed, 9)).collect();
    for (nth, half) in [(1, 5.0), (2, 10.0), (3, 20.0), (4, 40.0)] {
        let times: Vec<f64> = runs.iter().map(|run| run[nth]).collect();
        assert!(times.iter().all(|t| (half..2.0 * half).contains(t)), "{nth}: {times:?}");
        // Uniform from the half to the whole, standard deviation half / sqrt 12; 3.9 errors of the mean.
        let mean = times.iter().sum::<f64>() / SEEDS as f64;
        let error = half / 12.0_f64.sqrt() / (SEEDS as f64).sqrt();
        let known = 1.5 * half;
        println!("seeds 1 to {SEEDS}, time {nth}: mean {mean}, expected {known} +- {error}");
        assert!((mean - known).abs() < 3.9 * error, "{nth}: {mean}");
    }
    for run in &runs {
        assert!((run[0] - 5.0).abs() < 1e-9, "{run:?}");
        assert!(run.iter().all(|time| *time <= 300.0), "{run:?}");
        // Seven doublings reach the longest, and it stays.
        assert!((run[8] - 300.0).abs() < 1e-9, "{run:?}");
    }
}

#[test]
fn finagle_sends_calls_where_all_are_dead() {
    let rule = BreakerRule::Finagle(FinagleRule::default());
    let mut all = breakers(&rule, 2, 0);
    let mut log = Vec::new();
    let mut fail = |all: &mut Breakers, now: f64, model: ModelId| {
        let permit = all.acquire(at(now), model, &mut log);
        let outcome = Outcome::ApiError;
        let end = CallEnd { verdict: Verdict::Failure, outcome, duration: SimDuration::ZERO };
        if let Some(permit) = permit {
            all.settle(at(now), model, permit, end, &mut log);
        }
        permit.is_some()
    };
    let other = ModelId(1);
    assert!((0..5).all(|_| fail(&mut all, 0.0, MODEL)));
    assert!(!fail(&mut all, 1.0, MODEL), "the other one is alive");
    assert!((0..5).all(|_| fail(&mut all, 2.0, other)));
    // Busy all of them: calls pass, and change neither state nor time.
    assert!(fail(&mut all, 3.0, MODEL) && fail(&mut all, 3.0, other));
    assert!(all.refusing(at(3.0)).is_empty());
    assert_eq!((all.state(MODEL), all.due()), (Open, at(5.0)));
}
