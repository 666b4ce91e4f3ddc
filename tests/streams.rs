//! Common random numbers: what a draw depends on, what it does not, and that keys next to each other share nothing.

#[path = "support/record.rs"]
mod record;
mod support;

use std::collections::BTreeMap;

use reflexarc::domain::{AttemptRecord, Outcome};
use reflexarc::engine::{Cell, End};
use reflexarc::learners::{CARDS, LearnerConfig};
use reflexarc::math;
use reflexarc::routing::fallback::{FallbackPlan, Ranking};
use reflexarc::routing::order::{LearnerScope, OrderRule};
use reflexarc::routing::retry::{Backoff, OnFailure, RetryPlan, RetryTarget};
use reflexarc::sim::sample::LogNormal;
use reflexarc::sim::stream::{Purpose, Stream, Streams};
use reflexarc::units::{Level, ModelId, SimDuration, SimTime, TaskId};
use reflexarc::world::conditions::Rejection;
use reflexarc::world::fault::{Effect, FaultSpec, Target};
use reflexarc::world::{ServiceShape, Spread, Tokens};

use record::{Record, record};
use support::Draft;

const SEED: u64 = 90_210;

/// Four models, two types of task, everything drawn, nobody queues.
fn draft() -> Draft {
    let mut draft = Draft::new(4);
    draft.end = End::Tasks(2_000);
    draft.world.service = ServiceShape::Lognormal;
    draft.world.spread = Spread { success: 0.3, quality: 0.3, latency: 0.2 };
    draft.world.partial_share = 0.2;
    draft.world.api_error_share = 0.3;
    for model in &mut draft.world.models {
        model.success = [0.7; 4];
    }
    let kind = &mut draft.world.task_types[0];
    kind.difficulty_correlation = 0.4;
    kind.input_tokens = Tokens::LogNormal(LogNormal::with_mean(500.0, 0.6));
    kind.output_tokens = Tokens::Uniform(50.0, 700.0);
    let mut second = kind.clone();
    second.steps = vec![Level::L2, Level::L4];
    draft.world.task_types.push(second);
    draft.stack.order = OrderRule::Random;
    draft.stack.retry = RetryPlan {
        max_retries: 2,
        target: RetryTarget::Another,
        backoff: Backoff::Exponential {
            first: SimDuration::from_secs_f64(0.5),
            factor: 2.0,
            max: SimDuration::MAX,
            spread: (0.5, 1.5),
            added: SimDuration::ZERO,
        },
        ..RetryPlan::none()
    };
    for outcome in [Outcome::Failure, Outcome::ApiError] {
        draft.stack.on = draft.stack.on.with(outcome, OnFailure::RETRY);
    }
    draft
}

fn learner(name: &str) -> OrderRule {
    let written = serde_json::json!({ name: {} });
    let config: LearnerConfig = serde_json::from_value(written).expect("it has defaults");
    OrderRule::Learner {
        config,
        wrappers: Default::default(),
        scope: LearnerScope::Level,
        keeps_short: false,
    }
}

/// What the world decided of a call.
type Fate = (Outcome, u64, u32, u32, u64, SimDuration);

/// Fates by task, step, model and how many calls of the step went to the model before.
fn fates(record: &Record) -> BTreeMap<(u64, u8, u16, u16), Fate> {
    let mut before: BTreeMap<(u64, u8, u16), u16> = BTreeMap::new();
    let mut calls: Vec<&AttemptRecord> = record.attempts.iter().collect();
    calls.sort_by_key(|a| (a.task, a.attempt));
    calls
        .into_iter()
        .map(|a| {
            let nth = before.entry((a.task.0, a.step, a.model.0)).or_default();
            *nth += 1;
            let r = &a.response;
            let (quality, cost) = (r.quality.to_bits(), r.cost_usd.to_bits());
            let fate = (r.outcome, quality, r.input_tokens, r.output_tokens, cost, r.duration);
            ((a.task.0, a.step, a.model.0, *nth), fate)
        })
        .collect()
}

/// Arrivals with the drawn type of each task.
fn arrivals(record: &Record) -> Vec<(SimTime, u64, u16)> {
    let mut tasks: Vec<_> =
        record.tasks.iter().map(|t| (t.arrived, t.task.0, t.task_type)).collect();
    tasks.sort_unstable();
    tasks
}

fn run(cell: &Cell) -> Record {
    record(cell, SEED).0
}

/// Runs two cells, asks that all they share is the same, and says how many calls they share.
fn assert_common(what: &str, a: &Draft, b: &Draft) -> usize {
    let [a, b] = [a, b].map(|draft| run(&draft.clone().build()));
    assert_eq!(arrivals(&a), arrivals(&b), "{what}: arrivals or types differ, seed {SEED}");
    let others = fates(&b);
    let mut shared = 0;
    for (key, fate) in fates(&a) {
        if let Some(other) = others.get(&key) {
            assert_eq!(fate, *other, "{what}: call {key:?} has two fates, seed {SEED}");
            shared += 1;
        }
    }
    shared
}

#[test]
fn stacks_that_make_the_same_call_meet_the_same_fate() {
    let base = draft();
    let mut stacks: Vec<(String, OrderRule)> = vec![
        ("round robin".to_owned(), OrderRule::RoundRobin),
        ("first".to_owned(), OrderRule::Static(vec![ModelId(0)])),
        ("weighted".to_owned(), OrderRule::Weighted(vec![1.0, 2.0, 3.0, 4.0])),
    ];
    stacks.extend(CARDS.iter().map(|(name, _)| ((*name).to_owned(), learner(name))));
    for (what, order) in stacks {
        let mut other = base.clone();
        other.stack.order = order;
        // Two orders over four models meet in a quarter of the 3000 first calls of steps.
        let shared = assert_common(&what, &base, &other);
        assert!(shared > 400, "{what}: only {shared} calls in common");
    }
}

#[test]
fn another_fallback_plan_moves_no_draw() {
    let base = draft();
    let mut other = base.clone();
    other.stack.retry.max_retries = 1;
    other.stack.fallback = FallbackPlan::Ranked { by: Ranking::Order, max_fallbacks: 3 };
    assert!(assert_common("fallback", &base, &other) > 2_000);
}

#[test]
fn a_model_at_the_end_of_the_registry_moves_no_draw() {
    let mut base = draft();
    base.stack.order = OrderRule::Static(vec![ModelId(2)]);
    base.stack.retry.target = RetryTarget::Same;
    let mut longer = base.clone();
    longer.world.models.push(base.world.models[0].clone());
    longer.world.models[4].account = 0;
    longer.levels.push([true; 4]);
    let shared = assert_common("fifth model", &base, &longer);
    assert_eq!(shared, run(&base.build()).attempts.len());
}

#[test]
fn a_task_type_without_a_share_and_a_longer_run_move_no_draw() {
    let base = draft();
    let mut longer = base.clone();
    let mut kind = base.world.task_types[1].clone();
    kind.share = 0.0;
    longer.world.task_types.push(kind);
    assert_eq!(
        assert_common("task type", &base, &longer),
        run(&base.clone().build()).attempts.len()
    );
    longer.end = End::Tasks(2_500);
    let (short, long) = (run(&base.build()), run(&longer.build()));
    assert_eq!(arrivals(&short)[..], arrivals(&long)[..2_000]);
}

#[test]
fn a_storm_refuses_calls_and_moves_no_draw_of_the_others() {
    let mut base = draft();
    base.stack.order = OrderRule::Static(vec![ModelId(1)]);
    base.stack.retry = RetryPlan::none();
    let mut stormy = base.clone();
    stormy.world.faults.push(FaultSpec {
        name: "storm".to_owned(),
        effect: Effect::Reject { rejection: Rejection::RateLimited, share: 0.4, retry_after: None },
        target: Target::Models(vec![ModelId(1)]),
        start: SimTime::ZERO,
        end: SimTime::NEVER,
        ramp: SimDuration::ZERO,
        kills_in_flight: false,
        first_calls: None,
    });
    let (calm, stormy) = (run(&base.build()), run(&stormy.build()));
    assert_eq!(arrivals(&calm), arrivals(&stormy));
    let (calm, stormy) = (fates(&calm), fates(&stormy));
    let refused = stormy.values().filter(|fate| fate.0 == Outcome::RateLimited).count();
    assert!(refused > 500, "the storm refused {refused} calls");
    for (key, fate) in stormy.iter().filter(|(_, fate)| fate.0 != Outcome::RateLimited) {
        assert_eq!(calm.get(key), Some(fate), "call {key:?}, seed {SEED}");
    }
}

#[test]
fn measuring_regret_changes_nothing() {
    let base = draft();
    let mut measured = base.clone();
    measured.regret = true;
    let shared = assert_common("regret", &base, &measured);
    assert_eq!(shared, run(&base.build()).attempts.len());
}

#[test]
fn seeds_give_different_runs() {
    let cell = draft().build();
    let mut hashes: Vec<u64> = (0..100).map(|seed| record(&cell, seed).1.event_hash).collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 100);
    let [a, b] = [1, 2].map(|seed| fates(&record(&cell, seed).0));
    // Without a bill nothing of a fate is drawn but the outcome.
    let billed = a.iter().filter(|(_, fate)| fate.2 > 0);
    let same = billed.filter(|(key, fate)| b.get(key) == Some(fate)).count();
    assert_eq!(same, 0, "calls of seeds 1 and 2 have the same fate");
}

/// First uniform numbers of many streams whose keys lie next to each other.
fn across_keys() -> Vec<(&'static str, Vec<f64>)> {
    const N: u64 = 65_536;
    let streams = Streams::new(SEED);
    let first = |mut stream: Stream| stream.uniform();
    let task = |t| streams.task(Purpose::Task, TaskId(t));
    let call = |t: u64, m, step, nth| streams.call(Purpose::Call, TaskId(t), ModelId(m), step, nth);
    let seeded = |seed| Streams::new(seed).task(Purpose::Task, TaskId(0));
    vec![
        ("tasks", (0..N).map(|t| first(task(t))).collect()),
        ("high tasks", (0..N).map(|t| first(task(t << 32))).collect()),
        ("seeds", (0..N).map(|s| first(seeded(s))).collect()),
        ("high seeds", (0..N).map(|s| first(seeded(s << 32))).collect()),
        ("models", (0..N).map(|k| first(call(k / 128, (k % 128) as u16, 0, 0))).collect()),
        ("calls", (0..N).map(|k| first(call(k / 64, 3, 0, (k % 64) as u32))).collect()),
        ("steps", (0..N).map(|k| first(call(k / 64, 3, (k % 64) as usize, 0))).collect()),
        ("arrivals", (0..N).map(|n| first(streams.nth(Purpose::Arrival, n))).collect()),
        (
            "purposes",
            (0..N)
                .map(|k| {
                    let all = [Purpose::Task, Purpose::Choice, Purpose::Backoff, Purpose::Call];
                    first(streams.task(all[(k % 4) as usize], TaskId(k / 4)))
                })
                .collect(),
        ),
        ("within a stream", {
            let mut stream = task(7);
            (0..N).map(|_| stream.uniform()).collect()
        }),
    ]
}

/// Quantile of chi-square at 1 - .001 by Wilson and Hilferty (1931), whose error is below .1 % at these degrees.
fn chi_square_limit(df: f64) -> f64 {
    let root = 1.0 - 2.0 / (9.0 * df) + math::normal_quantile(0.999) * (2.0 / (9.0 * df)).sqrt();
    df * root * root * root
}

fn chi_square(cells: &[u32], n: usize) -> f64 {
    let expected = n as f64 / cells.len() as f64;
    cells.iter().map(|c| (f64::from(*c) - expected) * (f64::from(*c) - expected) / expected).sum()
}

#[test]
fn draws_across_neighbouring_keys_are_uniform() {
    // 256 cells of 256 expected draws each; alpha = .001.
    for (what, draws) in across_keys() {
        let mut cells = [0_u32; 256];
        draws.iter().for_each(|u| cells[(u * 256.0) as usize] += 1);
        let (found, limit) = (chi_square(&cells, draws.len()), chi_square_limit(255.0));
        assert!(found < limit, "{what}: chi-square {found:.1} above {limit:.1}, seed {SEED}");
    }
}

#[test]
fn draws_of_neighbouring_keys_fill_the_square() {
    // Pairs that do not overlap, 16 x 16 cells of 128 expected pairs; alpha = .001.
    for (what, draws) in across_keys() {
        let mut cells = [0_u32; 256];
        for pair in draws.chunks_exact(2) {
            cells[(pair[0] * 16.0) as usize * 16 + (pair[1] * 16.0) as usize] += 1;
        }
        let (found, limit) = (chi_square(&cells, draws.len() / 2), chi_square_limit(255.0));
        assert!(found < limit, "{what}: chi-square {found:.1} above {limit:.1}, seed {SEED}");
    }
}

#[test]
fn draws_of_neighbouring_keys_are_uncorrelated() {
    // The serial correlation of n independent uniforms has sd 1 / sqrt(n); z = 3.29 at alpha = .001, for each lag.
    for (what, draws) in across_keys() {
        for lag in [1, 2, 4, 64, 128] {
            let n = draws.len() - lag;
            let sum: f64 = (0..n).map(|i| (draws[i] - 0.5) * (draws[i + lag] - 0.5)).sum();
            let (found, limit) = (12.0 * sum / n as f64, 3.29 / (n as f64).sqrt());
            assert!(found.abs() < limit, "{what}, lag {lag}: {found:.5} above {limit:.5}");
        }
    }
}
