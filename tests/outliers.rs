//! Pool-level detectors against recordings of the real LiteLLM Router, and at the edges of their rules.

use std::collections::BTreeMap;
use std::io::Read as _;

use flate2::read::GzDecoder;
use jiff::Timestamp;
use reflexarc::domain::{BreakerState, ModelSet, Outcome, StackEvent};
use reflexarc::routing::breaker::{CallEnd, Permit, Surroundings, Verdict};
use reflexarc::routing::outlier::{
    EnvoyRule, HeliconeRule, LitellmRule, OutlierRule, Outliers, PortkeyRule, Recool,
};
use reflexarc::sim::stream::{Purpose, Streams};
use reflexarc::units::{ModelId, SimDuration, SimTime};
use serde_json::Value;

const A: ModelId = ModelId(0);
const B: ModelId = ModelId(1);
const NOBODY: [u16; 0] = [];

fn at(seconds: f64) -> SimTime {
    SimTime(SimDuration::from_secs_f64(seconds).0)
}

fn span(seconds: f64) -> SimDuration {
    SimDuration::from_secs_f64(seconds)
}

/// Groups of models by their sizes; a model's peers are its group.
fn groups(sizes: &[u16]) -> Surroundings {
    let mut peers = Vec::new();
    for size in sizes {
        let first = peers.len() as u16;
        let group: ModelSet = (first..first + size).map(ModelId).collect();
        peers.extend((0..*size).map(|_| group));
    }
    Surroundings { peers, start: Timestamp::UNIX_EPOCH, streams: Streams::new(1) }
}

/// A detector with its log.
struct Pool {
    outliers: Outliers,
    log: Vec<StackEvent>,
}

impl Pool {
    fn new(rule: OutlierRule, sizes: &[u16]) -> Self {
        Self { outliers: Outliers::new(&rule, &groups(sizes)), log: Vec::new() }
    }

    fn passes(&mut self, now: f64, model: ModelId) -> bool {
        self.outliers.acquire(at(now), model, &mut self.log).is_some()
    }

    fn ends(&mut self, now: f64, model: ModelId, outcome: Outcome) {
        self.ends_advised(now, model, outcome, None);
    }

    fn ends_advised(&mut self, now: f64, model: ModelId, outcome: Outcome, wait: Option<f64>) {
        let verdict = if outcome == Outcome::Success { Verdict::Success } else { Verdict::Failure };
        let end = CallEnd { verdict, outcome, duration: span(0.05) };
        let wait = wait.map(span);
        let permit = Permit::default();
        self.outliers.settle_advised(at(now), model, permit, end, wait, &mut self.log);
    }

    /// The time goes by, with all that is due.
    fn goes_to(&mut self, now: f64) {
        while self.outliers.due() <= at(now) {
            let due = self.outliers.due();
            self.outliers.advance(due, &mut self.log);
        }
    }

    fn out(&self, now: f64) -> Vec<u16> {
        self.outliers.refusing(at(now)).iter().map(|model| model.0).collect()
    }

    /// Times in seconds at which `model` went out (true) or came back.
    fn turns(&self, model: ModelId) -> Vec<(f64, bool)> {
        let turns = self.log.iter().filter_map(|event| match event {
            StackEvent::Breaker(event) if event.model == model => {
                Some((event.at.as_secs_f64(), event.to == BreakerState::Open))
            }
            _ => None,
        });
        turns.collect()
    }
}

fn litellm(rule: LitellmRule) -> OutlierRule {
    OutlierRule::Litellm(rule)
}

// ---- LiteLLM 1.106.2 ----

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
