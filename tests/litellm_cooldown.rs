//! LiteLLM's cooldown against recordings of the real Router (1.106.2), and at the edges of its rules.

use std::collections::BTreeMap;
use std::io::Read as _;

use flate2::read::GzDecoder;
use reflexarc::domain::Outcome;
use reflexarc::routing::outlier::{LitellmRule, OutlierRule, Recool};
use reflexarc::sim::stream::{Purpose, Streams};
use reflexarc::units::ModelId;
use serde_json::Value;

#[path = "support/pool.rs"]
mod pool;

use pool::{A, B, NOBODY, Pool, at, span};

fn litellm(rule: LitellmRule) -> OutlierRule {
    OutlierRule::Litellm(rule)
}

/// A recorded case: its deployments' groups, the rule and what the script did.
struct Case {
    name: &'static str,
    sizes: &'static [u16],
    rule: LitellmRule,
    retries: u32,
    weights: [f64; 2],
    requests: u32,
    /// Who fails, how, from when until when (seconds).
    fails: (ModelId, Outcome, f64, f64),
}

fn cases() -> Vec<Case> {
    let plain = |name, outcome| Case {
        name,
        sizes: &[2],
        rule: LitellmRule::default(),
        retries: 2,
        weights: [1.0, 1.0],
        requests: 90,
        fails: (A, outcome, 10.0, 60.0),
    };
    let five_hundred = || plain("two_deployments_500_outage", Outcome::ApiError);
    vec![
        five_hundred(),
        plain("two_deployments_429_outage", Outcome::RateLimited),
        Case {
            name: "single_500_with_fallback",
            sizes: &[1, 1],
            requests: 60,
            fails: (A, Outcome::ApiError, 10.0, 40.0),
            ..five_hundred()
        },
        Case {
            name: "allowed_fails_1",
            rule: LitellmRule {
                allowed_fails: 1,
                cooldown_time: span(30.0),
                ..LitellmRule::default()
            },
            retries: 0,
            requests: 120,
            ..five_hundred()
        },
        Case {
            name: "no_retries_no_cooldown",
            rule: LitellmRule { disable_cooldowns: true, ..LitellmRule::default() },
            retries: 0,
            requests: 60,
            fails: (A, Outcome::ApiError, 10.0, 40.0),
            ..five_hundred()
        },
        Case {
            name: "weighted_9_1",
            weights: [9.0, 1.0],
            requests: 120,
            fails: (B, Outcome::ApiError, 20.0, 80.0),
            ..five_hundred()
        },
    ]
}

fn samples() -> Value {
    let packed: &[u8] = include_bytes!("vectors/litellm_samples.json.gz");
    let mut text = String::new();
    GzDecoder::new(packed).read_to_string(&mut text).expect("the samples are gzipped text");
    serde_json::from_str(&text).expect("the samples are JSON")
}

/// Feeds a recording to the detector: how many calls went to a deployment that it holds to be in cooldown, of how many.
fn contradictions(case: &Case, rule: LitellmRule, recorded: &Value) -> (u32, u32) {
    let mut pool = Pool::new(litellm(rule), case.sizes);
    let (mut against, mut all) = (0, 0);
    for request in recorded.as_array().expect("a case is a list of requests") {
        for call in request["calls"].as_array().expect("a request has calls") {
            let now = call["t"].as_f64().expect("a call has a time");
            let model = if call["deployment"] == "a" { A } else { B };
            against += u32::from(!pool.passes(now, model));
            all += 1;
            let (lasts, outcome) = match call["outcome"].as_str() {
                Some("ok") => (0.2, Outcome::Success),
                Some("429") => (0.05, Outcome::RateLimited),
                Some("500") => (0.05, Outcome::ApiError),
                other => panic!("unknown outcome {other:?}"),
            };
            pool.ends(now + lasts, model, outcome);
        }
    }
    (against, all)
}

#[test]
fn no_recorded_call_of_litellm_went_to_a_deployment_in_cooldown() {
    let samples = samples();
    for case in cases() {
        let recorded = &samples["cases"][case.name];
        let (against, all) = contradictions(&case, case.rule.clone(), recorded);
        assert!(all >= case.requests, "{}: only {all} calls", case.name);
        assert_eq!(against, 0, "{}: calls to deployments in cooldown, of {all}", case.name);
    }
}

#[test]
fn the_recordings_tell_other_rules_from_this_one() {
    let samples = samples();
    let all = cases();
    let against = |name: &str, change: &dyn Fn(&mut LitellmRule)| {
        let case = all.iter().find(|case| case.name == name).expect("a case of that name");
        let mut rule = case.rule.clone();
        change(&mut rule);
        contradictions(case, rule, &samples["cases"][name]).0
    };
    assert!(against("two_deployments_429_outage", &|rule| rule.cooldown_time = span(8.0)) > 0);
    assert!(against("two_deployments_500_outage", &|rule| rule.failure_share = 0.2) > 0);
    assert!(against("allowed_fails_1", &|rule| rule.allowed_fails = 0) > 0);
    // A fail counter that lived 60 s, as documented, would have cooled at 45 s.
    assert!(against("allowed_fails_1", &|rule| rule.cooldown_time = span(60.0)) > 0);
}

/// The router around the detector, as the cases describe it: simple shuffle by weight, retries at once.
fn shuffle(case: &Case, streams: &Streams, seed: u64) -> BTreeMap<String, f64> {
    let mut pool = Pool::new(litellm(case.rule.clone()), case.sizes);
    let mut stream = streams.nth(Purpose::Choice, seed);
    let mut counts: BTreeMap<String, f64> = BTreeMap::new();
    let mut count = |name: String| *counts.entry(name).or_default() += 1.0;
    let (bad, outcome, from, until) = case.fails;
    let mut now = 0.0_f64;
    for request in 0..case.requests {
        now = now.max(f64::from(request));
        count("requests".into());
        for _ in 0..=case.retries {
            let refusing = pool.outliers.refusing(at(now));
            let weight = |model: ModelId| {
                if refusing.contains(model) { 0.0 } else { case.weights[model.index()] }
            };
            let (a, b) = (weight(A), weight(B));
            if a + b == 0.0 {
                break;
            }
            let model = if stream.uniform() * (a + b) < a { A } else { B };
            assert!(pool.passes(now, model));
            count("calls".into());
            let fails = model == bad && (from..until).contains(&now);
            now += if fails { 0.05 } else { 0.2 };
            pool.ends(now, model, if fails { outcome } else { Outcome::Success });
            let name = if model == A { "a" } else { "b" };
            if !fails {
                count(format!("{name}:ok"));
                count("ok".into());
                break;
            }
            let status = if outcome == Outcome::RateLimited { "429" } else { "500" };
            count(format!("{name}:{status}"));
        }
    }
    counts
}

#[test]
fn the_means_are_those_of_the_real_router() {
    const RUNS: u64 = 400;
    const SEED: u64 = 20_261_130;
    let means: Value = serde_json::from_str(include_str!("vectors/litellm_means.json"))
        .expect("the means are JSON");
    let streams = Streams::new(SEED);
    for case in cases() {
        // Its retries wait for random times, which are the router's, not the detector's.
        if case.name == "single_500_with_fallback" {
            continue;
        }
        let runs: Vec<_> = (0..RUNS).map(|run| shuffle(&case, &streams, run)).collect();
        for (name, theirs) in means["cases"][case.name].as_object().expect("a case has figures") {
            let ours = runs.iter().map(|run| run.get(name).copied().unwrap_or(0.0));
            let mean = ours.clone().sum::<f64>() / RUNS as f64;
            let variance = ours.map(|x| (x - mean) * (x - mean)).sum::<f64>() / (RUNS - 1) as f64;
            let number = |key: &str| theirs[key].as_f64().expect("a figure has a mean, sd and n");
            let (other, sd, n) = (number("mean"), number("sd"), number("n"));
            // 3.9 standard errors: 1 in 10,000 for each of the 27 figures.
            let allowed = 3.9 * (variance / RUNS as f64 + sd * sd / n).sqrt();
            assert!(
                (mean - other).abs() <= allowed,
                "{} {name}: {mean} against {other} +- {allowed}, seed {SEED}",
                case.name
            );
        }
    }
}

#[test]
fn litellm_counts_sixty_seconds_from_the_first_of_each_kind() {
    let mut pool = Pool::new(litellm(LitellmRule::default()), &[2]);
    // Four successes at 0 s live to 60 s, failures from 50 s to 110 s: a calendar minute would forget both at 60 s.
    (0..4).for_each(|_| pool.ends(0.0, A, Outcome::Success));
    (0..4).for_each(|_| pool.ends(50.0, A, Outcome::ApiError));
    assert_eq!(pool.out(50.0), NOBODY);
    // 5 of 9.
    pool.ends(59.0, A, Outcome::ApiError);
    assert_eq!(pool.out(59.0), [0]);
    assert_eq!((pool.out(63.9), pool.out(64.0)), (vec![0], vec![]));
    // The successes are forgotten, five failures remain.
    pool.ends(100.0, A, Outcome::ApiError);
    assert_eq!(pool.out(100.0), [0]);
    // Now the failures are forgotten as well.
    (0..4).for_each(|_| pool.ends(110.1, A, Outcome::ApiError));
    pool.goes_to(120.0);
    assert_eq!(pool.turns(A), [(59.0, true), (64.0, false), (100.0, true), (105.0, false)]);
}

#[test]
fn litellm_leaves_lone_deployments_alone_but_for_hopeless_errors() {
    let mut pool = Pool::new(litellm(LitellmRule::default()), &[1, 2]);
    let second = ModelId(1);
    (0..999).for_each(|_| pool.ends(1.0, A, Outcome::ApiError));
    pool.ends(1.0, A, Outcome::RateLimited);
    // The thousandth call of a minute in which all failed cools it after all.
    assert_eq!(pool.out(1.0), [0]);
    let mut pool = Pool::new(litellm(LitellmRule::default()), &[1, 2]);
    pool.ends(1.0, A, Outcome::RateLimited);
    assert_eq!(pool.out(1.0), NOBODY);
    pool.ends(1.0, second, Outcome::RateLimited);
    assert_eq!(pool.out(1.0), [1]);
    pool.ends(1.0, A, Outcome::Auth);
    assert_eq!(pool.out(1.0), [0, 1]);
    // With `allowed_fails` a lone deployment has no privilege.
    let own = LitellmRule { allowed_fails: 2, ..LitellmRule::default() };
    let mut pool = Pool::new(litellm(own), &[1]);
    (0..2).for_each(|_| pool.ends(1.0, A, Outcome::ApiError));
    assert_eq!(pool.out(1.0), NOBODY);
    pool.ends(1.0, A, Outcome::ApiError);
    assert_eq!(pool.out(1.0), [0]);
}

#[test]
fn litellm_never_cools_for_broken_connections_or_bad_requests_yet_counts_them() {
    let mut pool = Pool::new(litellm(LitellmRule::default()), &[2]);
    for outcome in [Outcome::ConnectionError, Outcome::ContextLength, Outcome::ContentPolicy] {
        (0..3).for_each(|_| pool.ends(1.0, A, outcome));
    }
    // Nor does what the caller made of an answer matter.
    (0..8).for_each(|_| pool.ends(1.0, A, Outcome::Failure));
    (0..3).for_each(|_| pool.ends(1.0, A, Outcome::Cancelled));
    assert_eq!(pool.out(1.0), NOBODY);
    // 10 failures of 18.
    pool.ends(1.0, A, Outcome::Timeout);
    assert_eq!(pool.out(1.0), [0]);
}

#[test]
fn an_allowed_fails_of_three_is_no_setting() {
    let own = |allowed_fails| litellm(LitellmRule { allowed_fails, ..LitellmRule::default() });
    let mut three = Pool::new(own(3), &[2]);
    let mut four = Pool::new(own(4), &[2]);
    for pool in [&mut three, &mut four] {
        (0..20).for_each(|_| pool.ends(1.0, A, Outcome::Success));
        (0..5).for_each(|_| pool.ends(1.0, A, Outcome::ApiError));
    }
    // 5 of 25 is no majority; five failures are more than four.
    assert_eq!((three.out(1.0), four.out(1.0)), (vec![], vec![0]));
    // A 429 cools at once only where `allowed_fails` is not in force.
    three.ends(1.0, B, Outcome::RateLimited);
    four.ends(1.0, B, Outcome::RateLimited);
    assert_eq!((three.out(1.0), four.out(1.0)), (vec![1], vec![0]));
}

#[test]
fn a_retry_after_is_the_length_of_litellms_cooldown() {
    let mut pool = Pool::new(litellm(LitellmRule::default()), &[2]);
    pool.ends_advised(0.0, A, Outcome::RateLimited, Some(40.0));
    assert_eq!((pool.out(39.9), pool.out(40.0)), (vec![0], vec![]));
    pool.ends_advised(50.0, A, Outcome::RateLimited, Some(0.0));
    assert_eq!(pool.out(50.0), NOBODY);
}

#[test]
fn a_late_failure_does_not_prolong_litellms_cooldown() {
    for (recool, back) in [(Recool::KeepsFirst, 2.0), (Recool::Restarts, 6.0)] {
        let own = LitellmRule { recool, ..LitellmRule::default() };
        let mut pool = Pool::new(litellm(own), &[2]);
        pool.ends_advised(0.0, A, Outcome::RateLimited, Some(2.0));
        pool.ends(1.0, A, Outcome::RateLimited);
        pool.goes_to(10.0);
        assert_eq!(pool.turns(A), [(0.0, true), (back, false)], "{recool:?}");
    }
}

#[test]
fn litellm_with_all_in_cooldown_calls_nobody() {
    let mut pool = Pool::new(litellm(LitellmRule::default()), &[2]);
    pool.ends(0.0, A, Outcome::RateLimited);
    pool.ends(1.0, B, Outcome::RateLimited);
    assert!(!pool.passes(4.9, A) && !pool.passes(4.9, B));
    assert_eq!(pool.outliers.passes_from(at(2.0), B), Some(at(6.0)));
    assert!(pool.passes(5.0, A) && !pool.passes(5.0, B) && pool.passes(6.0, B));
}
