//! Retry budgets, throttles and limits against their formulas and the steady states that follow from them.

use std::collections::VecDeque;

use proptest::prelude::*;
use reflexarc::domain::Priority;
use reflexarc::routing::admission::{Admission, AdmissionRule, GradientRule, LimitRule};
use reflexarc::routing::budget::{
    BudgetRule, EnvoyBudget, FailsafeGoBudget, FinagleBudget, RetryBudget, SreBudget,
};
use reflexarc::routing::throttle::{FailsafeGoThrottle, SreThrottle, Throttle, ThrottleRule};
use reflexarc::sim::stream::{Purpose, Streams};
use reflexarc::units::{SimDuration, SimTime};

fn at(seconds: f64) -> SimTime {
    SimTime(SimDuration::from_secs_f64(seconds).0)
}

fn span(seconds: f64) -> SimDuration {
    SimDuration::from_secs_f64(seconds)
}

// ---- budgets ----

/// How many retries in a row are granted at `now`.
fn granted(budget: &mut RetryBudget, now: f64) -> u32 {
    let mut n = 0;
    while n < 100_000 && budget.try_retry(at(now)) {
        n += 1;
    }
    n
}

#[test]
fn finagle_grants_a_fifth_of_the_requests_and_ten_a_second() {
    let rule = BudgetRule::Finagle(FinagleBudget::default());
    let mut budget = RetryBudget::new(&rule);
    // The reserve: 10 per second for 10 s.
    assert_eq!(granted(&mut budget.clone(), 0.0), 100);
    (0..50).for_each(|_| budget.request_begun(at(0.5)));
    assert_eq!(granted(&mut budget.clone(), 0.5), 110);
    // Deposits expire with their slice.
    assert_eq!(granted(&mut budget.clone(), 9.9), 110);
    assert_eq!(granted(&mut budget.clone(), 10.9), 100);
    // What was taken comes back with its slice.
    assert_eq!(granted(&mut budget, 0.5), 110);
    assert_eq!(granted(&mut budget.clone(), 5.0), 0);
    assert_eq!(granted(&mut budget.clone(), 10.9), 100);
}

#[test]
fn finagles_shares_may_be_above_one_or_nothing() {
    let own = |percent_can_retry, min_retries_per_sec| {
        let rule = FinagleBudget { percent_can_retry, min_retries_per_sec, ..Default::default() };
        RetryBudget::new(&BudgetRule::Finagle(rule))
    };
    let mut twice = own(2.0, 0);
    assert_eq!(granted(&mut twice, 0.0), 0);
    (0..3).for_each(|_| twice.request_begun(at(0.0)));
    assert_eq!(granted(&mut twice, 0.0), 6);
    let mut by_time = own(0.0, 1);
    (0..100).for_each(|_| by_time.request_begun(at(0.0)));
    assert_eq!(granted(&mut by_time, 0.0), 10);
    assert_eq!(granted(&mut own(0.0, 0), 0.0), 0);
}

#[test]
fn envoy_grants_a_fifth_of_the_requests_in_flight_rounded_down_or_three() {
    let mut budget = RetryBudget::new(&BudgetRule::Envoy(EnvoyBudget::default()));
    assert_eq!(granted(&mut budget.clone(), 0.0), 3);
    (0..24).for_each(|_| budget.request_begun(at(0.0)));
    assert_eq!(granted(&mut budget.clone(), 0.0), 4);
    // The example of Envoy's pull request 9069: 5 for 25.
    budget.request_begun(at(0.0));
    assert_eq!(granted(&mut budget, 0.0), 5);
    budget.retry_ended(at(1.0));
    assert_eq!(granted(&mut budget, 1.0), 1);
    // With a window it is the requests that began in it that count, ended or not.
    let rule = EnvoyBudget { budget_interval: span(10.0), ..EnvoyBudget::default() };
    let mut budget = RetryBudget::new(&BudgetRule::Envoy(rule));
    for _ in 0..50 {
        budget.request_begun(at(0.5));
        budget.request_ended(at(0.6));
    }
    assert_eq!(granted(&mut budget.clone(), 9.9), 10);
    assert_eq!(granted(&mut budget.clone(), 10.0), 3);
}

#[test]
fn failsafe_go_looks_at_the_share_before_it_adds() {
    let mut budget = RetryBudget::new(&BudgetRule::FailsafeGo(FailsafeGoBudget::default()));
    assert_eq!(granted(&mut budget.clone(), 0.0), 3);
    // r of 20 + r are at most a fifth up to r = 5, and one more is added.
    (0..20).for_each(|_| budget.request_begun(at(0.0)));
    assert_eq!(granted(&mut budget.clone(), 0.0), 6);
    (0..20).for_each(|_| budget.request_ended(at(0.0)));
    assert_eq!(granted(&mut budget, 0.0), 3);
}

#[test]
fn the_sre_budget_is_a_tenth_of_all_that_is_sent() {
    let mut budget = RetryBudget::new(&BudgetRule::Sre(SreBudget::default()));
    (0..8).for_each(|_| budget.request_begun(at(0.0)));
    assert_eq!(granted(&mut budget.clone(), 0.0), 0);
    budget.request_begun(at(0.0));
    assert_eq!(granted(&mut budget.clone(), 0.0), 1);
    (0..81).for_each(|_| budget.request_begun(at(60.0)));
    assert_eq!(granted(&mut budget.clone(), 60.0), 10);
    // The first nine requests have left the window, the others have not.
    assert_eq!(granted(&mut budget.clone(), 120.0), 9);
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Begin,
    End,
    Retry,
    RetryEnd,
}

fn ops() -> impl Strategy<Value = Vec<(u64, Op)>> {
    let op = prop_oneof![
        4 => Just(Op::Begin),
        3 => Just(Op::End),
        6 => Just(Op::Retry),
        2 => Just(Op::RetryEnd),
    ];
    // Milliseconds since the last one: bursts, and now and then a long pause.
    let gap = prop_oneof![6 => 0_u64..50, 2 => 0_u64..2000, 1 => 0_u64..30_000];
    prop::collection::vec((gap, op), 1..400)
}

/// Plays a script; `check` sees the time, the requests and the retries in flight at each grant (the granted one included)
/// and the milliseconds of all requests and grants so far.
fn play(
    rule: &BudgetRule,
    script: &[(u64, Op)],
    mut check: impl FnMut(u64, u32, u32, &[u64], &[u64]) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let mut budget = RetryBudget::new(rule);
    let (mut now, mut requests, mut retries) = (0, 0_u32, 0_u32);
    let (mut begun, mut grants) = (Vec::new(), Vec::new());
    for (gap, op) in script {
        now += gap;
        let time = SimTime(now * 1_000_000);
        match op {
            Op::Begin => {
                budget.request_begun(time);
                requests += 1;
                begun.push(now);
            }
            Op::End if requests > 0 => {
                budget.request_ended(time);
                requests -= 1;
            }
            Op::RetryEnd if retries > 0 => {
                budget.retry_ended(time);
                retries -= 1;
            }
            Op::Retry if budget.try_retry(time) => {
                retries += 1;
                grants.push(now);
                check(now, requests, retries, &begun, &grants)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn since(times: &[u64], from: u64) -> f64 {
    times.iter().filter(|t| **t > from).count() as f64
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// A token lives for at least nine of the ten slices, and a slice for less than two widths: in each 0.9 ttl no more is
    /// spent than what came in during the last 2 ttl, and the reserve.
    #[test]
    fn finagles_budget_is_not_exceeded(script in ops()) {
        let own = FinagleBudget { min_retries_per_sec: 1, ..FinagleBudget::default() };
        play(&BudgetRule::Finagle(own), &script, |now, _, _, begun, grants| {
            let earlier = |ms: u64| now.checked_sub(ms).map_or(0.0, |from| since(begun, from));
            let came = if now < 20_000 { begun.len() as f64 } else { earlier(20_000) };
            let spent = now.checked_sub(9000).map_or(grants.len() as f64, |from| since(grants, from));
            prop_assert!(spent <= 0.2 * came + 10.0, "{spent} retries for {came} requests");
            Ok(())
        })?;
    }

    #[test]
    fn envoys_budget_is_not_exceeded(script in ops()) {
        play(&BudgetRule::Envoy(EnvoyBudget::default()), &script, |_, requests, retries, _, _| {
            prop_assert!(f64::from(retries) <= (0.2 * f64::from(requests)).max(3.0));
            Ok(())
        })?;
    }

    #[test]
    fn failsafe_gos_budget_is_exceeded_by_one_at_most(script in ops()) {
        let rule = BudgetRule::FailsafeGo(FailsafeGoBudget::default());
        play(&rule, &script, |_, requests, retries, _, _| {
            let before = f64::from(retries - 1);
            let within = before <= 0.2 * (f64::from(requests) + before) + 1e-9;
            prop_assert!(retries <= 3 || within, "{retries} retries, {requests} requests");
            Ok(())
        })?;
    }

    /// Over the whole window, and over the part of it that is never cut off.
    #[test]
    fn the_sre_budget_is_not_exceeded(script in ops()) {
        play(&BudgetRule::Sre(SreBudget::default()), &script, |now, _, _, begun, grants| {
            let from = now / 12_000 * 12_000;
            let (sent, made) = match from.checked_sub(108_001) {
                Some(from) => (since(begun, from), since(grants, from)),
                None => (begun.len() as f64, grants.len() as f64),
            };
            prop_assert!(made <= 0.1 * (sent + made) + 1e-9, "{made} retries for {sent} requests");
            Ok(())
        })?;
    }
}

// ---- throttles ----

/// `rate` requests a second for `seconds` against a backend that answers after 100 ms; `accepts` says of the nth request
/// that is sent, at a time, whether it is accepted. Returns the shares of the last half that were dropped and sent.
fn drive(
    rule: &ThrottleRule,
    rate: u32,
    seconds: u32,
    mut accepts: impl FnMut(f64, f64) -> bool,
) -> f64 {
    let mut throttle = Throttle::new(rule);
    let streams = Streams::new(7);
    let mut draws = streams.nth(Purpose::Choice, 0);
    let mut answers: VecDeque<(f64, bool)> = VecDeque::new();
    let all = rate * seconds;
    let mut dropped = 0;
    for n in 0..all {
        let now = f64::from(n) / f64::from(rate);
        while answers.front().is_some_and(|(t, _)| *t <= now) {
            let (t, accepted) = answers.pop_front().expect("there is one");
            throttle.ended(at(t), accepted);
        }
        if throttle.rejects(at(now), draws.uniform()) {
            dropped += u32::from(n >= all / 2);
        } else {
            answers.push_back((now + 0.1, accepts(now, draws.uniform())));
        }
    }
    f64::from(dropped) / f64::from(all - all / 2)
}

/// A backend that accepts `capacity` requests in each second.
fn capacity(capacity: u32) -> impl FnMut(f64, f64) -> bool {
    let (mut second, mut left) = (0.0, capacity);
    move |now, _| {
        if now.floor() > second {
            (second, left) = (now.floor(), capacity);
        }
        let accepted = left > 0;
        left -= u32::from(accepted);
        accepted
    }
}

#[test]
fn the_sre_throttle_follows_its_formula() {
    let mut throttle = Throttle::new(&ThrottleRule::Sre(SreThrottle::default()));
    for n in 0..100_u32 {
        let wanted = ((f64::from(n) - 2.0 * f64::from(n.min(10))) / (f64::from(n) + 1.0)).max(0.0);
        assert!((throttle.probability(at(1.0)) - wanted).abs() < 1e-12, "{n}");
        // Dropped or not, it counts as it is sent.
        assert_eq!(throttle.rejects(at(1.0), 0.5), wanted > 0.5);
        if n < 10 {
            throttle.ended(at(1.0), true);
        }
    }
    // All is forgotten after the window.
    assert!(throttle.probability(at(125.0)) < 1e-12);
}

#[test]
fn the_sre_throttle_sends_k_times_what_a_backend_can_take() {
    // In the steady state rate * (1 - p) = K * capacity. 60,000 draws: 3.9 standard errors of p are below 0.008; the
    // window's slices move p by at most 1/40 of its size.
    for (k, takes, wanted) in [(2.0, 30, 0.4), (1.1, 30, 0.67), (2.0, 60, 0.0)] {
        let rule = ThrottleRule::Sre(SreThrottle { k, ..SreThrottle::default() });
        let p = drive(&rule, 100, 1200, capacity(takes));
        assert!((p - wanted).abs() < 0.02, "K {k}, capacity {takes}: {p} against {wanted}, seed 7");
    }
}

#[test]
fn the_sre_throttle_starves_a_backend_that_refuses_a_fixed_share() {
    let share =
        |a: f64| drive(&ThrottleRule::Sre(SreThrottle::default()), 100, 1800, move |_, u| u < a);
    // K a >= 1: nothing is dropped but what chance refuses in the beginning.
    assert!(share(0.6) < 0.01);
    // K a < 1: accepts fall with what is sent, and the throttle closes.
    let p = share(0.3);
    assert!(p > 0.9, "{p}, seed 7");
}

#[test]
fn failsafe_gos_throttle_settles_at_the_share_of_failures_above_its_threshold() {
    // p = 1 - a / 0.9 of a backend that accepts a share a, at most 0.9. 30,000 draws of p, and a window of 60 s with some
    // 100 * 60 * (1 - p) results: 3.9 standard errors of both are below 0.06.
    for (a, wanted) in [(0.45, 0.5), (0.72, 0.2), (0.95, 0.0), (0.0, 0.9)] {
        let rule = ThrottleRule::FailsafeGo(FailsafeGoThrottle::default());
        let p = drive(&rule, 100, 600, move |_, u| u < a);
        assert!((p - wanted).abs() < 0.06, "share {a}: {p} against {wanted}, seed 7");
    }
}

#[test]
fn failsafe_gos_throttle_holds_what_it_knows_until_a_result_comes() {
    let mut throttle = Throttle::new(&ThrottleRule::FailsafeGo(FailsafeGoThrottle::default()));
    (0..99).for_each(|_| throttle.ended(at(1.0), false));
    let single = f64::from(0.9_f32);
    assert!((throttle.probability(at(3600.0)) - single).abs() < 1e-9);
    throttle.ended(at(3600.0), true);
    assert!(throttle.probability(at(3600.0)) < 1e-9);
}

// ---- admission ----

fn gradient(rule: GradientRule) -> Admission {
    let limit = Some(LimitRule::Gradient(rule));
    Admission::new(&AdmissionRule { limit, ..AdmissionRule::default() })
}

/// Fills the limit and lets one step end after `seconds`.
fn one(admission: &mut Admission, seconds: f64) {
    while admission.admits(Priority::Normal) {
        admission.begun();
    }
    let begun = admission.in_flight();
    admission.ended(begun, Some(span(seconds)));
}

#[test]
fn a_fixed_limit_holds_and_sheds_low_priorities_first() {
    let rule = AdmissionRule { limit: Some(LimitRule::Fixed(10)), shares: [0.5, 0.8, 1.0, 1.0] };
    let mut admission = Admission::new(&rule);
    let mut filled = [0; 4];
    for (nth, priority) in [Priority::Low, Priority::Normal, Priority::High, Priority::Critical]
        .into_iter()
        .enumerate()
    {
        while admission.admits(priority) {
            admission.begun();
            filled[nth] += 1;
        }
    }
    assert_eq!(filled, [5, 3, 2, 0]);
    (0..6).for_each(|_| admission.ended(10, None));
    assert!(admission.admits(Priority::Low));
    let free = Admission::new(&AdmissionRule::default());
    assert!(free.admits(Priority::Low) && free.limit().is_none());
}

#[test]
fn gradient2_grows_by_a_fifth_of_its_queue_while_durations_hold() {
    let mut admission = gradient(GradientRule::default());
    // limit * 1 + 4, smoothed by 0.2: 0.8 more with each call.
    for n in 1..=300 {
        one(&mut admission, 1.0);
        let wanted = (20.0 + 0.8 * f64::from(n)).min(200.0);
        let limit = f64::from(admission.limit().expect("there is a limit"));
        assert!((limit - wanted.floor()).abs() <= 1.0, "{n}: {limit} against {wanted}");
    }
    assert_eq!(admission.limit(), Some(200));
}

#[test]
fn gradient2_halves_at_most_and_keeps_its_bounds() {
    let mut admission = gradient(GradientRule::default());
    (0..300).for_each(|_| one(&mut admission, 1.0));
    // Ten times slower: gradient 0.5, so that a fifth of the way to 104 is gone: 180.8.
    one(&mut admission, 10.0);
    assert_eq!(admission.limit(), Some(180));
    (0..200).for_each(|_| one(&mut admission, 1000.0));
    assert_eq!(admission.limit(), Some(20));
}

#[test]
fn gradient2_tolerates_half_as_slow_again() {
    for (slower, grows) in [(1.49, true), (1.8, false)] {
        let mut admission = gradient(GradientRule { initial: 100, ..GradientRule::default() });
        (0..10).for_each(|_| one(&mut admission, 1.0));
        let before = admission.limit();
        one(&mut admission, slower);
        assert_eq!(admission.limit() >= before, grows, "{slower}");
    }
}

#[test]
fn gradient2_does_not_grow_when_half_of_it_lies_idle() {
    let mut admission = gradient(GradientRule { initial: 100, ..GradientRule::default() });
    for _ in 0..49 {
        let begun = admission.begun();
        assert!(begun < 50);
        admission.ended(begun, Some(span(1.0)));
    }
    assert_eq!(admission.limit(), Some(100));
    (0..49).for_each(|_| {
        admission.begun();
    });
    let begun = admission.begun();
    admission.ended(begun, Some(span(1.0)));
    // 100.8 by now, of which 50 are less than half.
    assert_eq!((begun, admission.limit()), (50, Some(100)));
    let begun = admission.begun();
    admission.ended(begun, Some(span(1.0)));
    assert_eq!((begun, admission.limit()), (50, Some(100)));
    admission.begun();
    let begun = admission.begun();
    admission.ended(begun, Some(span(1.0)));
    assert_eq!(admission.limit(), Some(101));
}

/// The long average as the library computes it, beside the limit that follows from it.
#[test]
fn gradient2_agrees_with_its_recursion() {
    let rule = GradientRule { initial: 50, long_window: 20, ..GradientRule::default() };
    let mut admission = gradient(rule);
    let streams = Streams::new(3);
    let mut draws = streams.nth(Purpose::Choice, 0);
    let (mut long, mut sum, mut limit) = (0.0_f64, 0.0_f64, 50.0_f64);
    for n in 1..=500_u32 {
        let short = (0.2 + 4.0 * draws.uniform()) * if n > 250 { 0.2 } else { 1.0 };
        let short = span(short);
        let own = short.0 as f64;
        if n <= 10 {
            sum += own;
            long = sum / f64::from(n);
        } else {
            long += (own - long) * 2.0 / 21.0;
        }
        let ratio = long / own;
        if ratio > 2.0 {
            long *= 0.95;
        }
        let next = limit * (1.5 * ratio).clamp(0.5, 1.0) + 4.0;
        limit = (0.8 * limit + 0.2 * next).clamp(20.0, 200.0);
        one(&mut admission, short.as_secs_f64());
        let got = f64::from(admission.limit().expect("there is a limit"));
        assert!((got - limit.floor()).abs() <= 1.0, "call {n}: {got} against {limit}, seed 3");
    }
}
