//! Pool-level detectors at the edges of their rules, and what all of them have in common.

use proptest::prelude::*;
use reflexarc::domain::Outcome;
use reflexarc::routing::outlier::{
    EnvoyRule, HeliconeRule, LitellmRule, OutlierRule, PortkeyRule, Recool,
};
use reflexarc::units::{ModelId, SimTime};

#[path = "support/pool.rs"]
mod pool;

use pool::{A, B, NOBODY, Pool, at, span};

fn litellm(rule: LitellmRule) -> OutlierRule {
    OutlierRule::Litellm(rule)
}

// ---- Envoy ----

fn envoy(rule: EnvoyRule) -> OutlierRule {
    OutlierRule::Envoy(rule)
}

#[test]
fn envoy_ejects_for_longer_each_time_and_forgets_slowly() {
    let mut pool = Pool::new(envoy(EnvoyRule::default()), &[10]);
    let fail =
        |pool: &mut Pool, now: f64| (0..5).for_each(|_| pool.ends(now, A, Outcome::ApiError));
    fail(&mut pool, 12.0);
    assert_eq!(pool.out(12.0), [0]);
    assert_eq!(pool.outliers.passes_from(at(12.0), A), Some(at(50.0)));
    pool.goes_to(49.9);
    assert_eq!(pool.out(49.9), [0]);
    pool.goes_to(50.0);
    assert_eq!(pool.out(50.0), NOBODY);
    // The second time it takes 60 s: from 55 s to the sweep at 120 s.
    fail(&mut pool, 55.0);
    pool.goes_to(120.0);
    // Two healthy sweeps take two times off, so that it is 30 s again.
    pool.goes_to(141.0);
    fail(&mut pool, 141.0);
    pool.goes_to(200.0);
    assert_eq!(
        pool.turns(A),
        [(12.0, true), (50.0, false), (55.0, true), (120.0, false), (141.0, true), (180.0, false)]
    );
    // Nothing is left to do: no more sweeps once the multiplier is back at 0.
    pool.goes_to(1000.0);
    assert_eq!(pool.outliers.due(), SimTime::NEVER);
}

#[test]
fn the_longest_ejection_of_envoy_is_300_s() {
    let mut pool = Pool::new(envoy(EnvoyRule::default()), &[10]);
    let mut now = 0.0;
    let mut lasted = Vec::new();
    for _ in 0..14 {
        (0..5).for_each(|_| pool.ends(now, A, Outcome::ApiError));
        let back = pool.outliers.passes_from(at(now), A).expect("time alone decides");
        lasted.push(back.as_secs_f64() - now);
        now = back.as_secs_f64();
        pool.goes_to(now);
    }
    let wanted = [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300, 300, 300].map(f64::from);
    assert_eq!(lasted, wanted);
}

#[test]
fn only_5xx_in_a_row_eject_from_envoy() {
    let mut pool = Pool::new(envoy(EnvoyRule::default()), &[10]);
    for outcome in [Outcome::Success, Outcome::RateLimited, Outcome::Auth, Outcome::ContextLength] {
        (0..4).for_each(|_| pool.ends(1.0, A, Outcome::ApiError));
        pool.ends(1.0, A, outcome);
    }
    assert_eq!(pool.out(1.0), NOBODY);
    // Timeouts and broken connections are 504 and 503.
    pool.ends(1.0, A, Outcome::Timeout);
    pool.ends(1.0, A, Outcome::ConnectionError);
    (0..2).for_each(|_| pool.ends(1.0, A, Outcome::ApiError));
    assert_eq!(pool.out(1.0), NOBODY);
    pool.ends(1.0, A, Outcome::ApiError);
    assert_eq!(pool.out(1.0), [0]);
}

#[test]
fn gateway_errors_in_a_row_eject_only_where_that_is_enforced() {
    let gateway = |enforced| EnvoyRule {
        consecutive_5xx: 0,
        enforcing_consecutive_gateway_failure: enforced,
        ..EnvoyRule::default()
    };
    for (enforced, out) in [(0.0, vec![]), (100.0, vec![0])] {
        let mut pool = Pool::new(envoy(gateway(enforced)), &[10]);
        (0..4).for_each(|_| pool.ends(1.0, A, Outcome::Timeout));
        pool.ends(1.0, A, Outcome::ApiError);
        (0..4).for_each(|_| pool.ends(1.0, A, Outcome::Timeout));
        assert_eq!(pool.out(1.0), NOBODY);
        pool.ends(1.0, A, Outcome::ConnectionError);
        assert_eq!(pool.out(1.0), out, "{enforced}");
    }
}

#[test]
fn envoy_ejects_a_tenth_of_a_cluster_or_one_host() {
    let fail_all = |pool: &mut Pool, n: u16| {
        for model in (0..n).map(ModelId) {
            (0..5).for_each(|_| pool.ends(1.0, model, Outcome::ApiError));
        }
    };
    // (hosts, always one, ejected)
    for (n, always, out) in
        [(2, true, 1), (9, false, 0), (10, false, 1), (19, true, 1), (20, true, 2)]
    {
        let own = EnvoyRule { always_eject_one_host: always, ..EnvoyRule::default() };
        let mut pool = Pool::new(envoy(own), &[n]);
        fail_all(&mut pool, n);
        assert_eq!(pool.out(1.0).len(), out, "{n} hosts, always one {always}");
    }
}

#[test]
fn envoy_panics_below_half_of_a_cluster() {
    let own = EnvoyRule { max_ejection_percent: 100.0, ..EnvoyRule::default() };
    let mut pool = Pool::new(envoy(own.clone()), &[4]);
    let fail =
        |pool: &mut Pool, model| (0..5).for_each(|_| pool.ends(1.0, model, Outcome::ApiError));
    fail(&mut pool, A);
    fail(&mut pool, B);
    // Half is not below half.
    assert_eq!(pool.out(1.0), [0, 1]);
    fail(&mut pool, ModelId(2));
    assert_eq!(pool.out(1.0), NOBODY);
    assert!(pool.passes(1.0, A));
    // Three are out all the same, and return together.
    pool.goes_to(40.0);
    assert_eq!(pool.turns(A), [(1.0, true), (40.0, false)]);
    let calm = EnvoyRule { healthy_panic_threshold: 0.0, ..own };
    let mut pool = Pool::new(envoy(calm), &[2]);
    fail(&mut pool, A);
    fail(&mut pool, B);
    assert_eq!(pool.out(1.0), [0, 1]);
}

/// Sends `n` results to each host, of which the first host's have `bad` errors, never five in a row.
fn interval(pool: &mut Pool, from: f64, hosts: u16, n: u32, bad: u32) {
    for model in (0..hosts).map(ModelId) {
        let bad = if model == A { bad } else { 0 };
        for nth in 0..n {
            let fails = (nth + 1) * bad / n > nth * bad / n;
            pool.ends(from, model, if fails { Outcome::ApiError } else { Outcome::Success });
        }
    }
}

#[test]
fn envoy_compares_success_rates_over_one_interval() {
    // One of n equal hosts is below the mean by sqrt(n - 1) standard deviations: 2 for five hosts, 1.73 for four, which
    // the rule does not look at anyway.
    for (hosts, n, bad, out) in
        [(5, 100, 20, vec![0]), (5, 99, 20, vec![]), (4, 100, 70, vec![]), (5, 100, 0, vec![])]
    {
        let mut pool = Pool::new(envoy(EnvoyRule::default()), &[hosts]);
        interval(&mut pool, 5.0, hosts, n, bad);
        assert_eq!(pool.out(9.9), NOBODY);
        pool.goes_to(10.0);
        assert_eq!(pool.out(10.0), out, "{hosts} hosts, {n} results, {bad} bad");
    }
    // A hundred results over two intervals are not a hundred in one.
    let mut pool = Pool::new(envoy(EnvoyRule::default()), &[5]);
    interval(&mut pool, 5.0, 5, 60, 20);
    pool.goes_to(10.0);
    interval(&mut pool, 15.0, 5, 60, 20);
    pool.goes_to(30.0);
    assert!(pool.turns(A).is_empty());
}

#[test]
fn the_example_of_envoys_documentation_has_threshold_52() {
    // Success rates 50, 100, 100, 100, 100: mean 90, deviation 20, threshold 90 - 1.9 * 20 = 52.
    let own = |factor| EnvoyRule { success_rate_stdev_factor: factor, ..EnvoyRule::default() };
    for (factor, out) in [(1900, vec![0]), (1999, vec![0]), (2000, vec![])] {
        let mut pool = Pool::new(envoy(own(factor)), &[5]);
        interval(&mut pool, 5.0, 5, 100, 50);
        pool.goes_to(10.0);
        assert_eq!(pool.out(10.0), out, "{factor}");
    }
}

#[test]
fn a_failure_percentage_ejects_at_its_threshold_where_enforced() {
    for (bad, enforced, out) in [(42, 100.0, vec![]), (43, 100.0, vec![0]), (43, 0.0, vec![])] {
        let own = EnvoyRule {
            consecutive_5xx: 0,
            enforcing_success_rate: 0.0,
            enforcing_failure_percentage: enforced,
            ..EnvoyRule::default()
        };
        let mut pool = Pool::new(envoy(own), &[5]);
        interval(&mut pool, 5.0, 5, 50, bad);
        pool.goes_to(10.0);
        assert_eq!(pool.out(10.0), out, "{bad} of 50, enforced {enforced}");
    }
}

#[test]
fn a_part_of_the_ejections_is_enforced() {
    const HOSTS: u16 = 100;
    let own = EnvoyRule {
        enforcing_consecutive_5xx: 30.0,
        max_ejection_percent: 100.0,
        healthy_panic_threshold: 0.0,
        ..EnvoyRule::default()
    };
    let mut pool = Pool::new(envoy(own), &[HOSTS]);
    for model in (0..HOSTS).map(ModelId) {
        (0..5).for_each(|_| pool.ends(1.0, model, Outcome::ApiError));
    }
    // Binomial(100, 0.3): 3.9 standard deviations are 17.9. Seed 1.
    let out = pool.out(1.0).len() as f64;
    assert!((out - 30.0).abs() < 17.9, "{out} of {HOSTS} were ejected");
}

// ---- Helicone ----

#[test]
fn helicone_judges_every_five_seconds_and_forgets_with_its_lap() {
    let mut pool = Pool::new(OutlierRule::Helicone(HeliconeRule::default()), &[2]);
    for nth in 0..20 {
        assert!(pool.passes(3.0, A));
        pool.ends(3.0, A, if nth < 3 { Outcome::ApiError } else { Outcome::Success });
    }
    assert_eq!(pool.out(4.9), NOBODY);
    pool.goes_to(5.0);
    assert_eq!(pool.out(5.0), [0]);
    // No more calls: its counters end with the minute of the gateway, not 60 s after the calls.
    assert_eq!(pool.outliers.passes_from(at(5.0), A), Some(at(60.0)));
    pool.goes_to(70.0);
    assert_eq!(pool.turns(A), [(5.0, true), (60.0, false)]);
}

#[test]
fn helicone_needs_twenty_requests_and_more_than_a_tenth() {
    for (n, bad, out) in [(19, 19, vec![]), (20, 2, vec![]), (20, 3, vec![0])] {
        let mut pool = Pool::new(OutlierRule::Helicone(HeliconeRule::default()), &[2]);
        for nth in 0..n {
            assert!(pool.passes(3.0, A));
            pool.ends(3.0, A, if nth < bad { Outcome::ApiError } else { Outcome::RateLimited });
        }
        pool.goes_to(5.0);
        assert_eq!(pool.out(5.0), out, "{bad} of {n}");
    }
}

#[test]
fn a_window_that_rolls_forgets_after_its_length() {
    let own = HeliconeRule { rolling: true, ..HeliconeRule::default() };
    let mut pool = Pool::new(OutlierRule::Helicone(own), &[2]);
    for _ in 0..20 {
        assert!(pool.passes(50.0, A));
        pool.ends(50.0, A, Outcome::ApiError);
    }
    pool.goes_to(200.0);
    // The part from 48 s to 54 s is covered until 108 s.
    assert_eq!(pool.turns(A), [(55.0, true), (110.0, false)]);
}

// ---- Portkey ----

#[test]
fn portkey_opens_above_its_thresholds_and_closes_by_itself() {
    let own = PortkeyRule {
        failure_threshold: Some(3),
        failure_threshold_percentage: None,
        ..PortkeyRule::default()
    };
    let mut pool = Pool::new(OutlierRule::Portkey(own), &[2]);
    (0..3).for_each(|_| pool.ends(1.0, A, Outcome::ApiError));
    assert_eq!(pool.out(1.0), NOBODY);
    pool.ends(2.0, A, Outcome::ApiError);
    assert_eq!((pool.out(61.9), pool.out(62.0)), (vec![0], vec![]));
    pool.goes_to(70.0);
    // The counts begin anew.
    (0..3).for_each(|_| pool.ends(71.0, A, Outcome::ApiError));
    assert_eq!(pool.out(71.0), NOBODY);

    let mut pool = Pool::new(OutlierRule::Portkey(PortkeyRule::default()), &[2]);
    (0..8).for_each(|_| pool.ends(1.0, A, Outcome::Timeout));
    (0..2).for_each(|_| pool.ends(1.0, A, Outcome::ApiError));
    // 2 of 10 are 20 %, which does not exceed 20 %.
    assert_eq!(pool.out(1.0), NOBODY);
    pool.ends(1.0, A, Outcome::ApiError);
    assert_eq!(pool.out(1.0), [0]);
}

#[test]
fn portkey_bypasses_its_breaker_when_all_targets_are_open() {
    let own = PortkeyRule { failure_threshold: Some(0), ..PortkeyRule::default() };
    let mut pool = Pool::new(OutlierRule::Portkey(own), &[2, 1]);
    pool.ends(1.0, A, Outcome::ApiError);
    assert_eq!(pool.out(1.0), [0]);
    pool.ends(2.0, B, Outcome::ApiError);
    assert_eq!(pool.out(2.0), NOBODY);
    assert_eq!(pool.outliers.passes_from(at(2.0), A), Some(at(2.0)));
    // A closes first; then B alone is out.
    pool.goes_to(61.0);
    assert_eq!(pool.out(61.0), [1]);
    // A target without others is called though it is open.
    pool.ends(61.0, ModelId(2), Outcome::ApiError);
    assert_eq!(pool.out(61.0), [1]);
}

// ---- all of them ----

fn rules() -> Vec<OutlierRule> {
    let quick = span(3.0);
    vec![
        litellm(LitellmRule::default()),
        litellm(LitellmRule { allowed_fails: 1, recool: Recool::Restarts, ..Default::default() }),
        envoy(EnvoyRule {
            interval: quick,
            base_ejection_time: span(4.0),
            success_rate_request_volume: 5,
            failure_percentage_request_volume: 5,
            enforcing_failure_percentage: 50.0,
            max_ejection_percent: 50.0,
            max_ejection_time_jitter: span(2.0),
            consecutive_5xx: 2,
            ..EnvoyRule::default()
        }),
        OutlierRule::Helicone(HeliconeRule {
            min_requests: 3,
            window: span(20.0),
            ..Default::default()
        }),
        OutlierRule::Portkey(PortkeyRule { minimum_requests: 3, ..PortkeyRule::default() }),
    ]
}

/// A call: the wait before it, its model, how it ends and how long it takes (both in ms).
fn script() -> impl Strategy<Value = Vec<(u64, u16, Outcome, u64)>> {
    let outcome = prop_oneof![
        3 => Just(Outcome::Success),
        3 => Just(Outcome::ApiError),
        1 => Just(Outcome::RateLimited),
        1 => Just(Outcome::Timeout),
        1 => Just(Outcome::Cancelled),
    ];
    let gap = prop_oneof![8 => 0_u64..300, 1 => 0_u64..40_000];
    prop::collection::vec((gap, 0_u16..6, outcome, 0_u64..3000), 1..300)
}

/// Plays a script: who was let pass, and the log. An eager engine makes all changes when they are due, a lazy one never asks.
fn play(
    rule: &OutlierRule,
    script: &[(u64, u16, Outcome, u64)],
    eager: bool,
) -> Result<(Vec<bool>, Vec<String>), TestCaseError> {
    let mut pool = Pool::new(rule.clone(), &[5, 1]);
    let mut now = 0;
    let mut passed = Vec::new();
    let mut ends: Vec<(u64, u16, Outcome)> = Vec::new();
    let seconds = |ms: u64| ms as f64 / 1000.0;
    for (gap, model, outcome, lasts) in script {
        now += gap;
        ends.sort_by_key(|(at, ..)| *at);
        while ends.first().is_some_and(|(at, ..)| *at <= now) {
            let (at, model, outcome) = ends.remove(0);
            if eager {
                pool.goes_to(seconds(at));
            }
            pool.ends(seconds(at), ModelId(model), outcome);
        }
        if eager {
            pool.goes_to(seconds(now));
        }
        let model_id = ModelId(*model);
        let passes = pool.passes(seconds(now), model_id);
        // Advanced to now, the three questions agree.
        prop_assert_eq!(passes, !pool.out(seconds(now)).contains(model));
        let from = pool.outliers.passes_from(at(seconds(now)), model_id).expect("time decides");
        prop_assert_eq!(passes, from == at(seconds(now)));
        prop_assert!(pool.outliers.due() > at(seconds(now)));
        if passes {
            ends.push((now + lasts, *model, *outcome));
        }
        passed.push(passes);
    }
    for model in (0..6).map(ModelId) {
        let turns = pool.turns(model);
        let alternate = turns.iter().enumerate().all(|(n, (_, out))| *out == n.is_multiple_of(2));
        prop_assert!(alternate, "{:?}", turns);
        prop_assert!(turns.is_sorted_by(|a, b| a.0 <= b.0), "{:?}", turns);
    }
    Ok((passed, pool.log.iter().map(|event| format!("{event:?}")).collect()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// It does not matter when the engine comes round, and the log is one of models that go out and come back.
    #[test]
    fn changes_happen_at_their_time_whenever_they_are_asked_for(script in script()) {
        for rule in rules() {
            let eager = play(&rule, &script, true)?;
            let lazy = play(&rule, &script, false)?;
            prop_assert_eq!(&eager.0, &lazy.0, "{:?}", rule);
            // The lazy log lacks only what came after the last call.
            prop_assert!(eager.1.starts_with(&lazy.1), "{:?}", rule);
        }
    }

    /// A refused model comes back at the instant that was named for it, if nothing else happens.
    #[test]
    fn a_model_comes_back_when_it_was_said(script in script()) {
        for rule in rules() {
            let mut pool = Pool::new(rule.clone(), &[5, 1]);
            let mut now = 0.0;
            for (gap, model, outcome, _) in &script {
                now += *gap as f64 / 1000.0;
                if pool.passes(now, ModelId(*model)) {
                    pool.ends(now, ModelId(*model), *outcome);
                }
            }
            let first = (0..6).map(ModelId).filter(|m| pool.outliers.refusing(at(now)).contains(*m));
            let first = first.map(|m| (pool.outliers.passes_from(at(now), m), m)).min();
            if let Some((Some(back), model)) = first {
                let just_before = SimTime(back.0 - 1);
                let mut log = Vec::new();
                prop_assert!(pool.outliers.acquire(just_before, model, &mut log).is_none());
                prop_assert!(pool.outliers.acquire(back, model, &mut log).is_some(), "{:?}", rule);
            }
        }
    }
}

#[test]
fn a_rule_that_cannot_act_says_why() {
    let strict = EnvoyRule { always_eject_one_host: false, ..EnvoyRule::default() };
    assert!(envoy(strict.clone()).is_idle(9).is_some());
    assert!(envoy(strict).is_idle(10).is_none());
    assert!(envoy(EnvoyRule::default()).is_idle(2).is_none());
    assert!(litellm(LitellmRule::default()).is_idle(1).is_some());
    assert!(litellm(LitellmRule::default()).is_idle(2).is_none());
    let own = LitellmRule { allowed_fails: 2, ..LitellmRule::default() };
    assert!(litellm(own).is_idle(1).is_none());
}
