//! What holds in every run, whatever the cell: nothing is lost, nothing is counted twice, no limit is passed.

#[path = "support/cells.rs"]
mod cells;
#[path = "support/record.rs"]
mod record;
mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::{Just, any, prop_oneof};
use proptest::proptest;
use proptest::test_runner::TestRunner;
use reflexarc::domain::{
    AttemptRecord, BreakerState, ChosenBy, Outcome, Propensity, Role, TaskRecord,
};
use reflexarc::engine::{Cell, Digest, End};
use reflexarc::registry::{KeyState, Latency};
use reflexarc::routing::breaker::{BreakerRule, Stage4Rule};
use reflexarc::routing::order::{LearnerScope, OrderRule};
use reflexarc::units::{ModelId, SimDuration, SimTime};
use reflexarc::world::ServiceShape;
use reflexarc::world::fault::{Effect, FaultSpec, Target};
use reflexarc::world::limits::{QuotaCharge, Rate, RateWindow};
use reflexarc::world::workload::{Recording, TraceRow, WorkloadSpec};

use cells::{always, cell, instant, seconds, start};
use record::{Record, record};
use support::Draft;

/// Cells tried, always the same ones.
const CASES: u32 = 256;
/// Seed of the cells (and of each cell's own seed).
const SEED: u64 = 20_260_301;
fn ended(attempt: &AttemptRecord) -> SimTime {
    attempt.dispatched + attempt.response.duration
}

/// The provider worked on the answer to the end, so the call surely held a slot and passed every limit.
fn was_answered(attempt: &AttemptRecord) -> bool {
    matches!(attempt.response.outcome, Outcome::Success | Outcome::Partial | Outcome::Failure)
}

/// Every task that arrived ended once, at the end of a chain of calls that adds up to it.
fn check_tasks(cell: &Cell, record: &Record, digest: &Digest) {
    assert_eq!(record.arrivals.len() as u64, digest.n_tasks);
    assert_eq!(record.tasks.len(), record.arrivals.len(), "tasks are lost or end twice");
    assert!(record.arrivals.windows(2).all(|w| w[0].0 <= w[1].0), "arrivals go back in time");
    assert!(record.tasks.windows(2).all(|w| w[0].ended <= w[1].ended), "ends go back in time");
    assert!(record.attempts.windows(2).all(|w| ended(&w[0]) <= ended(&w[1])));
    let mut attempts: BTreeMap<u64, Vec<&AttemptRecord>> = BTreeMap::new();
    for attempt in &record.attempts {
        attempts.entry(attempt.task.0).or_default().push(attempt);
    }
    let mut tasks: Vec<&TaskRecord> = record.tasks.iter().collect();
    tasks.sort_by_key(|task| task.task);
    for (n, (task, (arrived, id))) in tasks.iter().zip(&record.arrivals).enumerate() {
        assert_eq!((task.task.0, task.task), (n as u64, *id), "a task ends twice or never");
        assert_eq!(task.arrived, *arrived);
        let calls = attempts.remove(&task.task.0).unwrap_or_default();
        check_task(cell, task, &calls);
    }
    assert!(attempts.is_empty(), "calls of no task: {attempts:?}");
}

fn check_task(cell: &Cell, task: &TaskRecord, calls: &[&AttemptRecord]) {
    let stack = &cell.stack;
    assert!(task.ended >= task.arrived, "{task:?}");
    assert_eq!(usize::from(task.n_attempts), calls.len(), "{task:?}");
    let input: u64 = calls.iter().map(|c| u64::from(c.response.input_tokens)).sum();
    let output: u64 = calls.iter().map(|c| u64::from(c.response.output_tokens)).sum();
    let cost: f64 = calls.iter().map(|c| c.response.cost_usd).sum();
    assert_eq!((task.input_tokens, task.output_tokens), (input, output), "{task:?}");
    assert!((task.cost_usd - cost).abs() <= 1e-9 * cost, "{task:?}, calls cost {cost}");
    let first = calls.iter().min_by_key(|c| (c.dispatched, c.role == Role::Hedge));
    assert!(stack.hedge.is_some() || task.first_model == first.map(|c| c.model), "{task:?}");
    let counts = |outcome| {
        outcome == Outcome::Success || (stack.partial_counts && outcome == Outcome::Partial)
    };
    assert_eq!(task.served, counts(task.outcome), "{task:?}");
    let last = calls.iter().rev().find(|c| c.response.outcome != Outcome::Cancelled);
    let last = last.filter(|_| task.served);
    assert_eq!(task.served_by, last.map(|c| c.model), "{task:?}");
    assert!(task.served || !task.in_time, "{task:?}");
    assert!((0.0..=100.0).contains(&task.efficiency), "{task:?}");
    assert!(task.served || task.efficiency == 0.0, "{task:?}");
    assert_eq!(task.decision_regret.is_some(), cell.regret, "{task:?}");
    assert!(task.decision_regret.is_none_or(|r| r >= 0.0), "{task:?}");
    assert!(task.n_best <= task.n_decisions, "{task:?}");
    let regret: f64 = calls.iter().filter_map(|c| c.decision_regret).sum();
    assert!(task.decision_regret.is_none_or(|r| r >= regret - 1e-9), "{task:?}, {regret}");
    let may_be_cut = cell.cut && matches!(cell.end, End::At(_));
    assert!(may_be_cut || task.outcome != Outcome::Interrupted, "{task:?}");
    if let End::At(end) = cell.end {
        assert!(task.arrived < end && (!cell.cut || task.ended <= end), "{task:?}");
    }
    let mut free = task.arrived;
    let mut step = 0;
    for (k, call) in calls.iter().enumerate() {
        assert_eq!(usize::from(call.attempt), k, "{call:?}");
        let hedged = stack.hedge.is_some();
        assert!(call.dispatched >= free || hedged, "{call:?}");
        assert!(call.wait <= call.response.duration, "{call:?}");
        assert!(call.response.duration <= stack.call_timeout, "{call:?}");
        let deadline = task.arrived + stack.deadline.after;
        assert!(call.dispatched <= deadline, "{call:?}");
        assert!(ended(call) <= deadline || !stack.deadline.cuts_calls, "{call:?}");
        // A breaker that refuses the order's choice makes a fallback the first call of a step.
        let begins_step = k == 0 || call.step == step + 1;
        let resorts = call.chosen_by == ChosenBy::LastResort || stack.wait_for_model.is_some();
        let role = if begins_step { Role::Retry } else { Role::First };
        assert!(call.role != role || hedged || (resorts && !begins_step), "{call:?}");
        assert!(call.step == step || call.step == step + 1, "{call:?}");
        (free, step) = (ended(call), call.step);
        let model = &cell.registry.models[call.model.index()];
        assert!(model.levels[call.level.index()], "its level is not served: {call:?}");
        assert!(model.key != KeyState::Missing, "it has no key: {call:?}");
        match call.propensity {
            Propensity::Exact(p) | Propensity::Estimated(p) => {
                assert!(p > 0.0 && p <= 1.0 && call.chosen_by == ChosenBy::Learner, "{call:?}");
            }
            Propensity::Unknown => {}
        }
        assert!(call.decision_regret.is_none_or(|r| r >= 0.0), "{call:?}");
        assert!((0.0..=100.0).contains(&call.response.quality) || !was_answered(call));
        assert!(!call.response.outcome.is_refusal() || call.response.tokens() == 0, "{call:?}");
        assert_eq!(call.role == Role::Fallback, call.fallback_reason.is_some(), "{call:?}");
    }
    assert!(free <= task.ended, "{task:?}");
}

/// Instants strictly inside a breaker's open period see no call to its model.
fn check_breakers(cell: &Cell, record: &Record) {
    for event in &record.fallbacks {
        assert_eq!(event.to.is_none(), event.why_none.is_some(), "{event:?}");
    }
    if cell.stack.replicas.n > 1 {
        return; // Each instance has its own, and none is told apart from outside.
    }
    let mut open: BTreeMap<ModelId, Vec<(SimTime, SimTime)>> = BTreeMap::new();
    for event in &record.breaker {
        let periods = open.entry(event.model).or_default();
        if event.to == BreakerState::Open {
            periods.push((event.at, SimTime::NEVER));
        } else if event.from == BreakerState::Open {
            let period = periods.last_mut().expect("it opened before");
            period.1 = event.at;
            if let BreakerRule::Stage4(rule) = &cell.stack.breaker {
                assert!(event.at.since(period.0) >= rule.open_for, "open too short: {event:?}");
                assert_eq!(event.to, BreakerState::HalfOpen, "{event:?}");
            }
        }
    }
    let is_open = |model, at| {
        open.get(&model).is_some_and(|p| p.iter().any(|(from, to)| *from < at && at < *to))
    };
    for attempt in &record.attempts {
        assert!(!is_open(attempt.model, attempt.dispatched), "{attempt:?}");
    }
    for event in &record.fallbacks {
        assert!(event.to.is_none_or(|model| !is_open(model, event.at)), "{event:?}");
    }
}

/// Slots are never overbooked, and serve in order of arrival.
fn check_slots(cell: &Cell, record: &Record) {
    for (i, model) in cell.world.models.iter().enumerate() {
        let Some(slots) = model.limits.slots else { continue };
        let mut served: Vec<_> = record
            .attempts
            .iter()
            .filter(|a| a.model.index() == i && was_answered(a))
            .map(|a| (a.dispatched, a.dispatched + a.wait, ended(a)))
            .collect();
        let mut changes: Vec<(SimTime, i32)> =
            served.iter().flat_map(|(_, from, to)| [(*from, 1), (*to, -1)]).collect();
        changes.sort_unstable();
        let mut busy = 0;
        for (at, change) in changes {
            busy += change;
            assert!(busy <= slots as i32, "{busy} calls on {slots} slots of {i} at {at:?}");
        }
        served.sort_unstable();
        // Two calls of one instant may have come in either order.
        for pair in served.windows(2).filter(|pair| pair[0].0 < pair[1].0) {
            assert!(pair[0].1 <= pair[1].1, "model {i} serves out of order: {pair:?}");
        }
    }
}

/// Answered calls stay within the limits per minute of the clock, and within a day's reserved tokens.
fn check_rates(cell: &Cell, record: &Record) {
    let second = |at: SimTime| start().as_second() as u64 + at.0 / 1_000_000_000;
    let mut minutes: BTreeMap<(ModelId, u64), (f64, f64)> = BTreeMap::new();
    let mut days: BTreeMap<(usize, u64), u64> = BTreeMap::new();
    for attempt in record.attempts.iter().filter(|a| was_answered(a)) {
        let at = second(attempt.dispatched);
        let sums = minutes.entry((attempt.model, at / 60)).or_default();
        sums.0 += 1.0;
        sums.1 += attempt.response.tokens() as f64;
        let account = cell.world.models[attempt.model.index()].account;
        *days.entry((account, at / 86_400)).or_default() += attempt.response.tokens();
    }
    for ((model, minute), (calls, tokens)) in minutes {
        let limits = &cell.world.models[model.index()].limits;
        // A bucket that was full at the minute's start lets through another minute's worth in it.
        let share = if limits.window == RateWindow::CalendarMinute { 1.0 } else { 2.0 };
        let within = |sum: f64, limit: Option<f64>| limit.is_none_or(|l| sum <= share * l + 1e-6);
        assert!(within(calls, limits.requests_per_minute), "{model:?}, minute {minute}: {calls}");
        assert!(within(tokens, limits.tokens_per_minute), "{model:?}, minute {minute}: {tokens}");
    }
    for ((account, day), tokens) in days {
        let mut models = cell.world.models.iter().filter(|m| m.account == account);
        let reserved = models.all(|m| m.limits.quota_charged == QuotaCharge::Reserved);
        let limit = cell.world.accounts[account].daily_tokens.filter(|_| reserved);
        assert!(limit.is_none_or(|l| tokens <= l), "account {account}, day {day}: {tokens}");
    }
}

proptest! {
    #![proptest_config(always(CASES, SEED))]

    #[test]
    fn whatever_the_cell_nothing_is_lost_and_no_limit_is_passed(cell in cell(), seed in any::<u64>()) {
        let (first, digest) = record(&cell, seed);
        check_tasks(&cell, &first, &digest);
        check_breakers(&cell, &first);
        check_slots(&cell, &first);
        check_rates(&cell, &first);
        let (second, again) = record(&cell, seed);
        assert_eq!(digest, again, "the same seed gives another run");
        assert_eq!(format!("{first:?}"), format!("{second:?}"), "the same seed gives other rows");
    }
}

#[test]
fn a_fault_kills_the_calls_that_run_and_not_those_that_wait() {
    // One slot, four tasks at once, ten seconds each; all running calls die after five.
    let mut draft = Draft::new(1);
    draft.world.service = ServiceShape::Constant;
    draft.world.models[0].latency = Latency::Response([10_000.0; 4]);
    draft.world.models[0].limits.slots = Some(1);
    draft.world.faults.push(FaultSpec {
        name: "blip".to_owned(),
        effect: Effect::SlowDown { factor: 1.0 },
        target: Target::Models(vec![ModelId(0)]),
        start: instant(5.0),
        end: instant(6.0),
        ramp: SimDuration::ZERO,
        kills_in_flight: true,
        first_calls: None,
    });
    let rows = [0.0, 0.1, 0.2, 0.3].map(|s| TraceRow {
        arrived: instant(s),
        input_tokens: 1,
        output_tokens: 1,
    });
    draft.workload = WorkloadSpec::Trace(Recording::new(Arc::new(rows.to_vec()), false));
    let (record, _) = record(&draft.build(), 1);
    let ends: Vec<_> =
        record.attempts.iter().map(|a| (a.task.0, a.response.outcome, ended(a))).collect();
    let expected = [
        (0, Outcome::ApiError, instant(5.0)),
        (1, Outcome::Success, instant(15.0)),
        (2, Outcome::Success, instant(25.0)),
        (3, Outcome::Success, instant(35.0)),
    ];
    assert_eq!(ends, expected);
}

#[test]
fn the_order_steps_around_an_open_breaker_only_if_it_sees_it() {
    // The first model always fails: from its first failure to the end of the open time it gets nothing.
    let calls = |order_sees_breaker| {
        let mut draft = Draft::new(2);
        draft.workload = WorkloadSpec::FixedInterval { interval: seconds(1.0) };
        draft.end = End::Tasks(50);
        draft.world.service = ServiceShape::Constant;
        draft.world.models[0].latency = Latency::Response([10.0; 4]);
        draft.world.models[0].success = [0.0; 4];
        draft.stack.order = OrderRule::Static(vec![ModelId(0), ModelId(1)]);
        draft.stack.order_sees_breaker = order_sees_breaker;
        draft.stack.breaker = BreakerRule::Stage4(Stage4Rule {
            failures_to_open: 1,
            open_for: seconds(1e6),
            successes_to_close: 1,
            ..Stage4Rule::default()
        });
        let (record, _) = record(&draft.build(), 1);
        let to = |m| record.attempts.iter().filter(|a| a.model == ModelId(m)).count();
        let shed = record.tasks.iter().filter(|t| t.outcome == Outcome::Shed).count();
        [to(0), to(1), shed]
    };
    assert_eq!(calls(true), [1, 49, 0]);
    assert_eq!(calls(false), [1, 0, 49]);
}

#[test]
fn a_learners_propensity_is_the_probability_of_its_choice_where_a_model_is_not_eligible() {
    // The first model's answers use its quota up at once, so that the learner's favourite is not eligible any more.
    let mut draft = Draft::new(3);
    draft.end = End::Tasks(20_000);
    draft.world.models[0].quality = [100.0; 4];
    draft.world.models[0].latency = Latency::Response([10.0; 4]);
    draft.world.models[2].quality = [60.0; 4];
    draft.world.models[0].account = 0;
    draft.world.accounts[0].daily_tokens = Some(4_000);
    draft.workload = WorkloadSpec::FixedInterval { interval: seconds(3.0) };
    draft.stack.order = OrderRule::Learner {
        config: serde_json::from_value(serde_json::json!({ "epsilon_greedy": { "epsilon": 0.3 } }))
            .expect("a learner"),
        wrappers: Default::default(),
        scope: LearnerScope::All,
        keeps_short: false,
    };
    let seed = 5;
    let (record, _) = record(&draft.build(), seed);
    // The first model is short from the tenth task or so to midnight; look at tasks in between.
    let among: Vec<&AttemptRecord> =
        record.attempts.iter().filter(|a| (100..20_000).contains(&a.task.0)).collect();
    assert!(among.iter().all(|a| a.model != ModelId(0)), "seed {seed}");
    // With p the probability of the choice, 1/p has mean 2 over two eligible models and the variance below.
    let weights: Vec<f64> =
        among.iter().map(|a| 1.0 / a.propensity.value().expect("it has a closed form")).collect();
    let n = weights.len() as f64;
    let mean = weights.iter().sum::<f64>() / n;
    // Probabilities .85 and .15: E 1/p^2 = 1/.85 + 1/.15, less 4. z = 3.29 at alpha = .001.
    let sd = (1.0 / 0.85 + 1.0 / 0.15 - 4.0_f64).sqrt();
    let tolerance = 3.29 * sd / n.sqrt();
    assert!((mean - 2.0).abs() <= tolerance, "{mean} +- {tolerance}, seed {seed}");
}

#[test]
fn a_call_that_comes_back_after_the_advised_wait_fits() {
    // No other call in between: the advice must be enough, to the nanosecond.
    let mut runner = TestRunner::new(always(2_000, SEED));
    let window = prop_oneof![Just(RateWindow::CalendarMinute), Just(RateWindow::TokenBucket)];
    let case = (window, 1..20_000_u32, 0.0..=1.0, 0.0..=1.0, 0.0..120.0);
    let result = runner.run(&case, |(window, limit, used, more, at)| {
        let limit = f64::from(limit);
        let [used, more] = [used, more].map(|share: f64| (share * limit).ceil());
        let mut rate = Rate::new(limit, window, start());
        rate.book(instant(3.0), limit);
        let now = instant(3.0 + at);
        if rate.fits(now, used) {
            rate.book(now, used);
        }
        if !rate.fits(now, more) {
            let back = now + rate.wait(now, more);
            assert!(rate.fits(back, more), "{more} of {limit} do not fit at {back:?}");
        }
        Ok(())
    });
    assert!(result.is_ok(), "{}", result.expect_err("checked"));
}
