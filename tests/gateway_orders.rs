//! Orders that follow load against recordings of the gateways they are of, theory, and small cells.

#[path = "support/mod.rs"]
mod support;

#[path = "support/record.rs"]
mod record;

use std::io::Read as _;

use flate2::read::GzDecoder;
use jiff::Timestamp;
use record::record;
use reflexarc::domain::{ModelSet, Outcome, Response};
use reflexarc::engine::End;
use reflexarc::registry::Latency;
use reflexarc::routing::load::{Keeps, LatencyWindowRule, Load, LoadRule, PeakEwmaRule, Ties};
use reflexarc::routing::order::{CheapestRule, OrderRule, PriceOf};
use reflexarc::sim::stream::{Purpose, Stream, Streams};
use reflexarc::units::{ModelId, SimDuration, SimTime};
use reflexarc::world::ServiceShape;
use reflexarc::world::workload::WorkloadSpec;
use serde_json::Value;
use support::Draft;

const A: ModelId = ModelId(0);
const B: ModelId = ModelId(1);

const LEAST_BUSY: LoadRule = LoadRule::LeastBusy { ties: Ties::Random, choices: usize::MAX };

fn at(seconds: f64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs_f64(seconds)
}

fn stream(nth: u64) -> Stream {
    Streams::new(7).nth(Purpose::Choice, nth)
}

/// The models of a mask of bits.
fn models(mask: u64) -> ModelSet {
    (0..64).filter(|bit| mask >> bit & 1 == 1).map(ModelId).collect()
}

fn response(outcome: Outcome, millis: u64, input_tokens: u32, output_tokens: u32) -> Response {
    Response {
        outcome,
        quality: 80.0,
        input_tokens,
        output_tokens,
        cost_usd: 0.0,
        duration: SimDuration(millis * 1_000_000),
        retry_after: None,
    }
}

fn recordings() -> Value {
    let packed: &[u8] = include_bytes!("vectors/gateway_orders.json.gz");
    let mut text = String::new();
    GzDecoder::new(packed).read_to_string(&mut text).expect("the recordings are gzipped text");
    serde_json::from_str(&text).expect("the recordings are JSON")
}

/// Replays a recorded case: how often the models among which the choice was drawn differ, of how many choices.
fn contradictions(case: &Value, rule: LoadRule) -> (u32, u32) {
    let n = case["n"].as_u64().expect("a case has models") as usize;
    let start = Timestamp::from_second(1_000_027).expect("in range");
    let mut load = Load::new(&rule, n, start);
    let buffer = case["buffer"].as_f64().unwrap_or(0.0);
    let is_usage = case["kind"] == "usage";
    let (mut against, mut all) = (0, 0);
    for event in case["events"].as_array().expect("a case has events") {
        let now = at(event[0].as_f64().expect("an event has a time"));
        let number = |i: usize| event[i].as_u64().expect("a number");
        let outcome = match event[1].as_str() {
            Some("pick") => {
                let healthy = models(number(2));
                let picked = load.pick(now, healthy, &mut stream(all)).expect("one is healthy");
                let number_of = |model: &ModelId| load.number(now, *model);
                let lowest = healthy.iter().map(|m| number_of(&m)).fold(f64::INFINITY, f64::min);
                let highest = lowest + buffer * lowest;
                let drawn: ModelSet = healthy.iter().filter(|m| number_of(m) <= highest).collect();
                assert!(drawn.contains(picked), "{picked:?} was not among the lowest");
                against += u32::from(drawn != models(number(3)));
                all += 1;
                continue;
            }
            Some("ok") => Outcome::Success,
            Some("timeout") => Outcome::Timeout,
            Some("error") => Outcome::ApiError,
            other => panic!("unknown event {other:?}"),
        };
        let tokens = number(4) as u32;
        let (input, output) = if is_usage { (tokens, 0) } else { (10, tokens) };
        load.ended(now, ModelId(number(2) as u16), &response(outcome, number(3), input, output));
    }
    (against, all as u32)
}

fn window_of(case: &Value, window: Keeps) -> LoadRule {
    LoadRule::LatencyWindow(LatencyWindowRule {
        lowest_latency_buffer: case["buffer"].as_f64().expect("a buffer"),
        max_latency_list_size: case["size"].as_u64().expect("a size") as usize,
        ttl: SimDuration::from_secs_f64(case["ttl"].as_f64().expect("a time to live")),
        window,
    })
}

#[test]
fn choices_are_among_the_models_that_litellm_draws_from() {
    let recordings = recordings();
    for recorded in recordings["litellm"].as_array().expect("versions") {
        let version = recorded["version"].as_str().expect("a version");
        let (own, other) = match version {
            "1.80.0" => (Keeps::Frozen, Keeps::Rolling),
            "1.106.2" => (Keeps::Rolling, Keeps::Frozen),
            _ => panic!("unknown version {version}"),
        };
        let mut told_apart = 0;
        for case in recorded["cases"].as_array().expect("cases") {
            if case["kind"] == "usage" {
                let (against, all) = contradictions(case, LoadRule::LeastUsed);
                assert!(all > 100);
                assert_eq!(against, 0, "{version}: usage, of {all}");
                continue;
            }
            let (against, all) = contradictions(case, window_of(case, own));
            assert!(all > 100);
            assert_eq!(against, 0, "{version}: latency, ttl {}, of {all}", case["ttl"]);
            told_apart += contradictions(case, window_of(case, other)).0;
        }
        // The recordings would show it if the version kept its samples in the other way.
        assert!(told_apart > 10, "{version}: only {told_apart} choices tell the windows apart");
    }
}

#[test]
fn loads_are_those_of_tower() {
    let recordings = recordings();
    let mut load =
        Load::new(&LoadRule::PeakEwma(PeakEwmaRule::default()), 2, Timestamp::UNIX_EPOCH);
    let both: ModelSet = [A, B].into_iter().collect();
    let mut looks = 0;
    for (nth, event) in recordings["tower"]["events"].as_array().expect("events").iter().enumerate()
    {
        let millis = event[0].as_u64().expect("a time");
        let now = SimTime(millis * 1_000_000);
        match event[1].as_str() {
            Some("sent") => load.sent(A),
            Some("ended") => {
                let lasted = event[2].as_u64().expect("a time");
                load.ended(now, A, &response(Outcome::Success, lasted, 1, 1));
            }
            _ => {
                // A choice between two models looks at both.
                load.pick(now, both, &mut stream(nth as u64));
                let wanted = event[2].as_f64().expect("a load") / 1e6;
                let own = load.number(now, A);
                assert!((own / wanted - 1.0).abs() < 1e-12, "{millis} ms: {own}, not {wanted}");
                looks += 1;
            }
        }
    }
    assert!(looks > 30);
}

#[test]
fn a_frozen_window_stays_nine_tenths_what_it_was() {
    for (window, wanted) in [(Keeps::Frozen, 0.9 * 0.01 + 0.1 * 1.0), (Keeps::Rolling, 1.0)] {
        let rule = LatencyWindowRule { window, ..LatencyWindowRule::default() };
        let mut load = Load::new(&LoadRule::LatencyWindow(rule), 1, Timestamp::UNIX_EPOCH);
        // Ten answers of 10 ms per token, then a hundred of a second per token.
        for call in 0..110_u64 {
            let millis = if call < 10 { 1_000 } else { 100_000 };
            load.ended(at(call as f64), A, &response(Outcome::Success, millis, 10, 100));
        }
        let mean = load.number(at(110.0), A);
        assert!((mean - wanted).abs() < 1e-12, "{window:?}: {mean}");
        // An hour after the first sample, not after the last, all is forgotten.
        assert!(load.number(at(3600.0), A) > 0.0);
        assert!(load.number(at(3600.1), A).abs() < 1e-12);
    }
}

fn cell(n: usize, rule: LoadRule) -> Draft {
    let mut draft = Draft::new(n);
    draft.stack.order = OrderRule::Load(rule);
    draft
}

/// Every task calls the model without a sample until its first answer is there.
#[test]
fn a_cold_model_takes_the_whole_herd() {
    let mut draft = cell(2, LoadRule::LatencyWindow(LatencyWindowRule::default()));
    draft.world.service = ServiceShape::Constant;
    draft.world.models[0].latency = Latency::Response([500.0; 4]);
    draft.world.models[1].latency = Latency::Response([20_000.0; 4]);
    draft.workload = WorkloadSpec::FixedInterval { interval: SimDuration::from_secs_f64(0.1) };
    draft.end = End::Tasks(400);
    let (record, _) = record(&draft.build(), 3);
    let first_of = |model| {
        let own = record.attempts.iter().filter(|call| call.model == model);
        own.map(|call| call.dispatched + call.response.duration).min().expect("it was called")
    };
    let (fast, slow) = (first_of(A), first_of(B));
    let during = record.attempts.iter().filter(|c| c.dispatched > fast && c.dispatched < slow);
    let (herd, all) =
        during.fold((0, 0), |(herd, all), c| (herd + u32::from(c.model == B), all + 1));
    assert_eq!(herd, all);
    assert!(all > 190, "{all} calls from {fast:?} to {slow:?}");
    // Then it is known to be slow, and nobody calls it any more.
    assert!(record.attempts.iter().all(|c| c.dispatched <= slow || c.model == A));
}

/// How many calls of each model are out just before each call is sent, with the model called.
fn in_flight(record: &record::Record, n: usize) -> Vec<(ModelId, Vec<u32>)> {
    let mut calls: Vec<_> = record.attempts.iter().collect();
    calls.sort_by_key(|call| call.dispatched);
    let before = |now: SimTime| {
        let mut out = vec![0; n];
        for call in &calls {
            if call.dispatched < now && call.dispatched + call.response.duration > now {
                out[call.model.index()] += 1;
            }
        }
        out
    };
    calls.iter().map(|call| (call.model, before(call.dispatched))).collect()
}

#[test]
fn least_busy_calls_the_model_with_the_fewest_calls_in_flight() {
    for (ties, seed) in [(Ties::Random, 5), (Ties::First, 6)] {
        let mut draft = cell(4, LoadRule::LeastBusy { ties, choices: usize::MAX });
        draft.workload = WorkloadSpec::Poisson { rate_per_s: 6.0 };
        let (record, _) = record(&draft.build(), seed);
        let mut tied = 0;
        for (model, out) in in_flight(&record, 4) {
            let least = out.iter().min().expect("there are models");
            assert_eq!(out[model.index()], *least, "seed {seed}: {model:?} of {out:?}");
            let first = out.iter().position(|n| n == least).expect("one has the least");
            tied += u32::from(first != model.index());
        }
        // Those of equals that are not the first are called at random only.
        assert_eq!(tied > 0, ties == Ties::Random, "seed {seed}: {tied}");
    }
}

/// Time in the system by the fixed point of Mitzenmacher, "The power of two choices in randomized load balancing", 2001: the
/// share of queues with i or more is rho^(2^i - 1). That is the limit of many queues; what 100 queues have above it is of
/// the order of 1 in 100, for which 1.5 % are left.
#[test]
fn two_choices_of_least_busy_wait_as_theory_says() {
    for rho in [0.5, 0.7, 0.9] {
        let mut share = rho;
        let mut in_system = 0.0;
        while share > 1e-12 {
            in_system += share;
            share = rho * share * share;
        }
        let theory = in_system / rho;
        let means: Vec<f64> = (1..=5)
            .map(|seed| {
                let mut draft = cell(100, LoadRule::LeastBusy { ties: Ties::Random, choices: 2 });
                for model in &mut draft.world.models {
                    model.limits.slots = Some(1);
                }
                draft.workload = WorkloadSpec::Poisson { rate_per_s: 100.0 * rho };
                draft.end = End::Tasks(40_000);
                let (record, _) = record(&draft.build(), seed);
                let warm = record.attempts.iter().filter(|call| call.dispatched > at(60.0));
                let times = warm.map(|call| call.response.duration.as_secs_f64());
                let (sum, n) = times.fold((0.0, 0.0), |(sum, n), t| (sum + t, n + 1.0));
                sum / n
            })
            .collect();
        let mean = means.iter().sum::<f64>() / 5.0;
        let variance = means.iter().map(|m| (m - mean) * (m - mean)).sum::<f64>() / 4.0;
        // Student's t with 4 degrees of freedom at 0.9995.
        let error = 8.61 * (variance / 5.0).sqrt();
        let (low, high) = (theory - error, theory * 1.015 + error);
        println!("seeds 1..5, rho {rho}: {mean} +- {error}, theory {theory}");
        assert!(low < mean && mean < high, "rho {rho}: {mean} +- {error}, theory {theory}");
    }
}

#[test]
fn peak_ewma_leaves_a_slow_model_and_comes_back_to_it() {
    let mut draft = cell(2, LoadRule::PeakEwma(PeakEwmaRule::default()));
    draft.world.service = ServiceShape::Constant;
    draft.world.models[1].latency = Latency::Response([10_000.0; 4]);
    draft.workload = WorkloadSpec::FixedInterval { interval: SimDuration::from_secs_f64(0.5) };
    let (record, _) = record(&draft.build(), 4);
    let slow: Vec<_> = record.attempts.iter().filter(|call| call.model == B).collect();
    // Few calls; but the estimate decays, so that it is tried again and again.
    assert!(slow.len() < record.attempts.len() / 10, "{} of the slow", slow.len());
    let last = slow.iter().map(|call| call.dispatched).max().expect("it was called");
    assert!(last > at(300.0), "last called at {last:?}");
}

/// Errors that come fast look like a fast model: what all orders by load or round-trip time share.
#[test]
fn a_model_that_fails_fast_draws_the_traffic() {
    for rule in [LEAST_BUSY, LoadRule::PeakEwma(PeakEwmaRule::default())] {
        let mut draft = cell(2, rule);
        draft.world.models[0].success = [0.0; 4];
        draft.world.api_error_share = 1.0;
        draft.workload = WorkloadSpec::Poisson { rate_per_s: 3.0 };
        let (record, _) = record(&draft.build(), 8);
        let failing = record.attempts.iter().filter(|call| call.model == A).count();
        assert!(failing > 600, "{}: {failing} of 1000 calls to the failing model", rule.name());
    }
}

#[test]
fn least_used_balances_the_tokens_of_a_minute() {
    let mut draft = cell(3, LoadRule::LeastUsed);
    draft.world.service = ServiceShape::Constant;
    for model in &mut draft.world.models {
        model.latency = Latency::Response([100.0; 4]);
    }
    draft.workload = WorkloadSpec::FixedInterval { interval: SimDuration::from_secs_f64(0.7) };
    let (record, _) = record(&draft.build(), 2);
    // One call of 400 tokens is out at a time, so that the counts of a minute are never further apart than that.
    let mut minutes = std::collections::BTreeMap::<u64, [u64; 3]>::new();
    for call in &record.attempts {
        let ended = call.dispatched + call.response.duration;
        let minute = minutes.entry(ended.0 / 60_000_000_000).or_default();
        minute[call.model.index()] += call.response.tokens();
        let (least, most) = (minute.iter().min(), minute.iter().max());
        let apart = most.expect("three") - least.expect("three");
        assert!(apart <= 400, "{minute:?}");
    }
    assert!(minutes.len() > 10);
}

#[test]
fn two_runs_of_a_seed_are_equal() {
    let window = LatencyWindowRule { lowest_latency_buffer: 0.5, ..LatencyWindowRule::default() };
    let rules = [
        LEAST_BUSY,
        LoadRule::LatencyWindow(window),
        LoadRule::PeakEwma(PeakEwmaRule::default()),
        LoadRule::LeastUsed,
    ];
    for rule in rules {
        let run = |seed| record(&cell(3, rule).build(), seed).1.event_hash;
        assert_eq!(run(1), run(1), "{}", rule.name());
        assert_ne!(run(1), run(2), "{}", rule.name());
    }
}

#[test]
fn what_is_cheapest_depends_on_what_is_compared_and_known() {
    // 100 input and 300 output tokens: 1000 and 1060 millionths of a USD; a token of each, 4.0 and 3.6.
    let called = |rule| {
        let mut draft = Draft::new(2);
        draft.world.models[1].usd_per_mtok_input = 0.1;
        draft.world.models[1].usd_per_mtok_output = 3.5;
        draft.stack.order = OrderRule::Cheapest(rule);
        draft.end = End::Tasks(5);
        record(&draft.build(), 1).0.attempts[0].model
    };
    let plain = CheapestRule::default();
    let pair = CheapestRule { compares: PriceOf::TokenPair, ..plain };
    let unpriced = |model| [model].into_iter().collect();
    assert_eq!(called(plain), A);
    assert_eq!(called(pair), B);
    assert_eq!(called(CheapestRule { unpriced: unpriced(A), ..plain }), B);
    assert_eq!(called(CheapestRule { unpriced: unpriced(B), ..pair }), A);
    // A router that takes an unknown price for none calls that model first.
    assert_eq!(called(CheapestRule { unpriced: unpriced(B), unknown_price: 0.0, ..plain }), B);
}
