//! The vectors of the Stage 4 rules, replayed: every recorded row must come out again.

use std::collections::BTreeMap;

use reflexarc::analysis::work::step_efficiency;
use reflexarc::domain::{Outcome, Propensity, StepRecord};
use reflexarc::learners::{
    Context, Feedback, Learner, Prior, stage4::executor_rule, stage4::q, stage4::router_rule,
};
use reflexarc::reward::stage4_efficiency;
use reflexarc::routing::breaker::{BreakerRule, Permit, Stage4Rule, Verdict};
use reflexarc::units::{Level, ModelId, SimDuration, SimTime, TaskId};
use serde_json::Value;

#[expect(dead_code, reason = "other tests need more of it")]
#[path = "support/one_breaker.rs"]
mod one_breaker;

use one_breaker::OneBreaker;

/// The vectors are decimal figures of double precision; sums of a few of them agree to this.
const EXACT: f64 = 1e-9;

/// Rows of one file, which must be as many as its README says.
fn rows(text: &str, n: usize) -> Vec<Value> {
    let file: Value = serde_json::from_str(text).expect("a vector file is JSON");
    let rows = file["rows"].as_array().expect("a vector file has rows").clone();
    assert_eq!(rows.len(), n, "{}", file["what"]);
    rows
}

fn number(row: &Value, key: &str) -> f64 {
    row[key].as_f64().unwrap_or_else(|| panic!("no number `{key}` in {row}"))
}

fn text<'r>(row: &'r Value, key: &str) -> &'r str {
    row[key].as_str().unwrap_or_else(|| panic!("no text `{key}` in {row}"))
}

fn level(row: &Value) -> Level {
    let name = text(row, "level");
    Level::ALL.into_iter().find(|l| l.name() == name).expect("a vector has one of four levels")
}

/// The outcomes that a status stands for; an unknown status is whatever has no rule of its own.
fn outcomes(status: &str) -> Vec<Outcome> {
    match Outcome::ALL.into_iter().find(|o| o.name() == status) {
        Some(outcome) => vec![outcome],
        None => vec![
            Outcome::Timeout,
            Outcome::RateLimited,
            Outcome::QuotaExhausted,
            Outcome::Auth,
            Outcome::Shed,
        ],
    }
}

fn replay_scores(rows: &[Value], moved: impl Fn(f64, Outcome, f64) -> f64) {
    let mut last: BTreeMap<(String, String), f64> = BTreeMap::new();
    for (i, row) in rows.iter().enumerate() {
        let (before, after) = (number(row, "before"), number(row, "after"));
        let key = (text(row, "level").to_owned(), text(row, "model").to_owned());
        let chained = last.insert(key, after).unwrap_or(before);
        assert!((chained - before).abs() <= EXACT, "row {i} does not go on from {chained}: {row}");
        for outcome in outcomes(text(row, "status")) {
            let found = moved(before, outcome, number(row, "quality"));
            assert!((found - after).abs() <= EXACT, "row {i}, {outcome:?} gives {found}: {row}");
        }
    }
}

#[test]
fn the_router_score_rule_follows_its_vectors() {
    let rows = rows(include_str!("vectors/stage4_router_score_rule.json"), 30);
    replay_scores(&rows, router_rule::moved);
}

#[test]
fn the_executor_score_rule_follows_its_vectors() {
    let rows = rows(include_str!("vectors/stage4_executor_score_rule.json"), 20);
    replay_scores(&rows, executor_rule::moved);
}

#[test]
fn the_efficiency_follows_its_vectors() {
    // Recorded to one decimal: the formula within half a unit of it, the tracker's step to the decimal.
    for row in rows(include_str!("vectors/stage4_efficiency.json"), 15) {
        let [quality, tokens, ms] = ["quality", "tokens", "ms"].map(|key| number(&row, key));
        let found = stage4_efficiency(quality, tokens, ms);
        assert!((found - number(&row, "efficiency")).abs() <= 0.05 + EXACT, "{found}: {row}");
        let step = step_efficiency(&StepRecord {
            task: TaskId(0),
            step: 0,
            level: Level::L1,
            started: SimTime(3),
            ended: SimTime(3) + SimDuration::from_millis_f64(ms),
            outcome: Outcome::Success,
            served: true,
            quality,
            tokens: tokens as u64,
        });
        assert_eq!(step, number(&row, "efficiency"), "{row}");
    }
}

#[test]
fn the_q_learner_follows_its_vectors() {
    let rows = rows(include_str!("vectors/stage4_q_learning.json"), 60);
    let mut models: Vec<&str> = rows.iter().map(|row| text(row, "action")).collect();
    models.sort_unstable();
    models.dedup();
    let prior = Prior::of_scores(vec![[50.0; 4]; models.len()]);
    let mut learner = q::State::new(&q::Config::default(), &prior);
    for (i, row) in rows.iter().enumerate() {
        let hour = row["hour"].as_u64().expect("an hour") as u8;
        let context = Context::plain(level(row), hour);
        let part = ["night", "morning", "afternoon", "evening"][usize::from(hour) / 6];
        assert_eq!(format!("{}_{part}", context.level), text(row, "state"), "row {i}");
        let performance = number(row, "performance");
        let reward = q::reward(performance);
        assert!((reward - number(row, "reward")).abs() <= EXACT, "row {i} gives {reward}: {row}");
        let model = models.binary_search(&text(row, "action")).expect("it was collected");
        learner.learn(&Feedback {
            context,
            model: ModelId(model as u16),
            outcome: Outcome::Success,
            served: true,
            quality: 100.0 * performance,
            reward,
            cost: 0.0,
            own: true,
            propensity: Propensity::Unknown,
        });
        let (q, epsilon) = (learner.values(&context)[model], learner.epsilon());
        assert!((q - number(row, "q")).abs() <= EXACT, "row {i} gives {q}: {row}");
        assert!((epsilon - number(row, "epsilon_after")).abs() <= EXACT, "row {i}: {epsilon}");
    }
}

/// The plan's breaker: five failures open it, a minute later it may half-open, three successes close it.
fn breaker() -> OneBreaker {
    OneBreaker::new(&BreakerRule::Stage4(Stage4Rule {
        failures_to_open: 5,
        open_for: SimDuration::from_secs_f64(60.0),
        successes_to_close: 3,
        ..Stage4Rule::default()
    }))
}

fn instant(row: &Value) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs_f64(number(row, "t"))
}

fn assert_state(breaker: &mut OneBreaker, row: &Value, place: &str) {
    let recorded = text(row, "state").replace('-', "_");
    assert_eq!(breaker.state(instant(row)).name(), recorded, "{place}: {row}");
}

#[test]
fn the_breaker_follows_its_vectors() {
    let mut breaker = breaker();
    for (i, row) in rows(include_str!("vectors/stage4_breaker.json"), 100).iter().enumerate() {
        let now = instant(row);
        let permit = breaker.acquire(now);
        assert_eq!(Some(permit.is_some()), row["admitted"].as_bool(), "row {i}: {row}");
        assert_eq!(permit.is_some(), !row["ok"].is_null(), "row {i} has a result if admitted");
        if let Some((permit, ok)) = permit.zip(row["ok"].as_bool()) {
            let verdict = if ok { Verdict::Success } else { Verdict::Failure };
            breaker.end(now, permit, verdict, SimDuration::ZERO);
        }
        assert_state(&mut breaker, row, &format!("row {i}"));
    }
}

#[test]
fn the_breaker_with_calls_in_flight_follows_its_vectors() {
    for case in rows(include_str!("vectors/stage4_breaker_in_flight.json"), 3) {
        let mut breaker = breaker();
        // This breaker's permits are all alike, and scripts end calls that they did not begin.
        let mut permit = Permit::default();
        let steps = case["steps"].as_array().expect("a case has steps");
        for (i, row) in steps.iter().enumerate() {
            let place = format!("case {}, step {i}", case["case"]);
            let now = instant(row);
            let verdict = match text(row, "op") {
                "acquire" => {
                    let passed = breaker.acquire(now);
                    assert_eq!(Some(passed.is_some()), row["admitted"].as_bool(), "{place}: {row}");
                    permit = passed.unwrap_or(permit);
                    None
                }
                "success" => Some(Verdict::Success),
                "failure" => Some(Verdict::Failure),
                other => panic!("{place}: unknown operation {other}"),
            };
            if let Some(verdict) = verdict {
                breaker.end(now, permit, verdict, SimDuration::ZERO);
            }
            assert_state(&mut breaker, row, &place);
        }
    }
}
