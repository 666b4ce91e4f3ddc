//! Faults as a script: what the first calls meet and what comes after, how a model is silent, and what a call costs that is
//! cut off.

#[path = "support/record.rs"]
mod record;
mod support;

use std::sync::Arc;

use reflexarc::domain::Outcome;
use reflexarc::engine::End;
use reflexarc::registry::Latency;
use reflexarc::routing::retry::{Backoff, OnFailure, OnFailures, RetryPlan, RetryTarget};
use reflexarc::sim::stream::Streams;
use reflexarc::units::{Level, ModelId, SimDuration, SimTime, TaskId};
use reflexarc::world::ServiceShape;
use reflexarc::world::conditions::{Down, Rejection};
use reflexarc::world::expectation::{Expectations, Lengths};
use reflexarc::world::fault::{Effect, FaultSpec, Target};
use reflexarc::world::limits::QuotaCharge;
use reflexarc::world::provider::{Admission, Ending, Job, Providers};
use reflexarc::world::workload::WorkloadSpec;

use record::record;
use support::Draft;

fn seconds(s: f64) -> SimDuration {
    SimDuration::from_secs_f64(s)
}

fn instant(s: f64) -> SimTime {
    SimTime::ZERO + seconds(s)
}

fn fault(effect: Effect, first_calls: Option<u32>) -> FaultSpec {
    FaultSpec {
        name: effect.name().to_owned(),
        effect,
        target: Target::Models(vec![ModelId(0)]),
        start: SimTime::ZERO,
        end: SimTime::NEVER,
        ramp: SimDuration::ZERO,
        kills_in_flight: false,
        first_calls,
    }
}

/// One model: its first token after 1 s, an answer of 300 tokens after 4 s, at 1 USD for a million tokens in and 3 out.
fn draft(faults: Vec<FaultSpec>) -> Draft {
    let mut draft = Draft::new(1);
    draft.world.service = ServiceShape::Constant;
    draft.world.models[0].latency =
        Latency::PerToken { ttft_ms: 1_000.0, ms_per_output_token: 10.0 };
    draft.world.error_time = seconds(0.0);
    draft.world.refusal_time = seconds(0.0);
    draft.world.faults = faults;
    draft.end = End::Tasks(1);
    draft.workload = WorkloadSpec::FixedInterval { interval: seconds(1.0) };
    draft
}

fn providers(draft: &Draft) -> Providers {
    Providers::new(Arc::new(draft.world.clone()), Streams::new(1))
}

fn job() -> Job {
    Job {
        task: TaskId(0),
        step: 0,
        level: Level::L1,
        model: ModelId(0),
        nth: 0,
        difficulty: 0.0,
        correlation: 0.0,
        prompt: None,
        input_tokens: 100,
        output_tokens: 300,
        gives_up: instant(30.0),
        gives_up_on_first_token: SimTime::NEVER,
    }
}

fn ending(faults: Vec<FaultSpec>, job: &Job) -> Ending {
    match providers(&draft(faults)).admit(SimTime::ZERO, job, 0) {
        Admission::Settled(ending) => ending,
        Admission::Queued => panic!("there are slots"),
    }
}

fn outage(form: Down) -> Vec<FaultSpec> {
    vec![fault(Effect::Outage { form }, None)]
}

#[test]
fn a_call_meets_each_form_of_outage() {
    let at = |form, job: &Job| {
        let ending = ending(outage(form), job);
        assert!(ending.cost_usd == 0.0 && !ending.holds_slot, "{ending:?}");
        (ending.at, ending.outcome)
    };
    let hang = |s: Option<f64>| Down::Hang { closes_after: s.map(seconds) };
    let job = job();
    assert_eq!(at(Down::Error, &job), (SimTime::ZERO, Outcome::ApiError));
    assert_eq!(at(Down::Reset, &job), (SimTime::ZERO, Outcome::ConnectionError));
    assert_eq!(at(hang(None), &job), (instant(30.0), Outcome::Timeout));
    assert_eq!(at(hang(Some(29.0)), &job), (instant(29.0), Outcome::ConnectionError));
    assert_eq!(at(hang(Some(120.0)), &job), (instant(30.0), Outcome::Timeout));
    let impatient = Job { gives_up_on_first_token: instant(10.0), ..job };
    assert_eq!(at(hang(Some(29.0)), &impatient), (instant(10.0), Outcome::Timeout));
}

#[test]
fn a_rejection_is_told_at_once_with_its_advice() {
    for rejection in Rejection::ALL {
        let retry_after = Some(seconds(2.0));
        let effect = Effect::Reject { rejection, share: 1.0, retry_after };
        let ending = ending(vec![fault(effect, None)], &job());
        assert_eq!((ending.at, ending.outcome), (SimTime::ZERO, rejection.outcome()));
        let has_headers = rejection != Rejection::ConnectionError;
        assert_eq!(ending.retry_after, retry_after.filter(|_| has_headers), "{rejection:?}");
        assert_eq!((ending.cost_usd, ending.input_tokens), (0.0, 0));
    }
}

#[test]
fn the_first_attempt_is_refused_and_the_next_one_is_not() {
    // Failover Bench S01: the first attempt answers 429 with Retry-After 2 s, later ones are healthy.
    let effect = Effect::Reject {
        rejection: Rejection::RateLimited,
        share: 1.0,
        retry_after: Some(seconds(2.0)),
    };
    let mut draft = draft(vec![fault(effect, Some(1))]);
    draft.stack.retry = RetryPlan {
        max_retries: 2,
        target: RetryTarget::Same,
        max_wait: seconds(60.0),
        backoff: Backoff::Fixed(seconds(0.5)),
        ..RetryPlan::none()
    };
    draft.stack.on = OnFailures::all(OnFailure::RETRY);
    let calls = record(&draft.build(), 1).0.attempts;
    let told: Vec<_> = calls.iter().map(|c| (c.response.outcome, c.dispatched)).collect();
    assert_eq!(told, [(Outcome::RateLimited, SimTime::ZERO), (Outcome::Success, instant(2.0))]);
}

#[test]
fn a_stall_moves_the_first_token_and_a_caller_may_give_up_on_it() {
    let stall = || vec![fault(Effect::Stall { first_token: seconds(20.0) }, None)];
    let end = |ending: Ending| (ending.at, ending.outcome, ending.output_tokens);
    let patient = Job { gives_up: instant(60.0), ..job() };
    assert_eq!(end(ending(stall(), &patient)), (instant(24.0), Outcome::Success, 300));
    // What is written from 20 s to 24 s is half there at 22 s.
    let cut = end(ending(stall(), &Job { gives_up: instant(22.0), ..job() }));
    assert_eq!(cut, (instant(22.0), Outcome::Timeout, 150));
    let on_token = |s| Job { gives_up_on_first_token: instant(s), ..patient };
    assert_eq!(end(ending(stall(), &on_token(21.0))), (instant(24.0), Outcome::Success, 300));
    let given_up = ending(stall(), &on_token(10.0));
    assert_eq!(end(given_up), (instant(10.0), Outcome::Timeout, 0));
    assert!((given_up.cost_usd - 100e-6).abs() < 1e-15 && given_up.holds_slot, "{given_up:?}");
    // Without a stall the first token comes after a second.
    assert_eq!(end(ending(vec![], &on_token(1.0))).1, Outcome::Success);
    assert_eq!(end(ending(vec![], &on_token(0.9))), (instant(0.9), Outcome::Timeout, 0));
    // Where only the whole response is known, nothing comes before it.
    let mut whole = draft(vec![]);
    whole.world.models[0].latency = Latency::Response([4_000.0; 4]);
    let Admission::Settled(ending) = providers(&whole).admit(SimTime::ZERO, &on_token(3.0), 0)
    else {
        panic!("there are slots")
    };
    assert_eq!(end(ending), (instant(3.0), Outcome::Timeout, 0));
}

#[test]
fn a_cancelled_call_pays_for_its_prompt_and_for_what_was_written() {
    let mut draft = draft(vec![]);
    draft.world.models[0].limits.slots = Some(1);
    draft.world.models[0].limits.quota_charged = QuotaCharge::AfterResponse;
    draft.world.accounts[0].daily_tokens = Some(1_000_000);
    let mut providers = providers(&draft);
    let Admission::Settled(whole) = providers.admit(SimTime::ZERO, &job(), 0) else {
        panic!("the slot is free")
    };
    let near = |usd: f64, expected: f64| (usd - expected).abs() < 1e-15;
    assert!(near(whole.cost_usd, 1_000e-6) && near(whole.input_usd, 100e-6), "{whole:?}");
    assert_eq!(providers.load(ModelId(0)), (Some(0), 0));
    let cancelled = providers.cancel(instant(1.0), ModelId(0), &whole, SimTime::ZERO);
    assert_eq!((cancelled.at, cancelled.outcome), (instant(1.0), Outcome::Cancelled));
    // A quarter of the time, a quarter of the answer.
    assert_eq!((cancelled.input_tokens, cancelled.output_tokens), (100, 75));
    assert!(near(cancelled.cost_usd, 325e-6), "{cancelled:?}");
    assert_eq!(providers.load(ModelId(0)), (Some(1), 0));
    assert_eq!(providers.quota(instant(1.0), ModelId(0)).0, 175);
    // At its start nothing of the answer is there, and what nobody bills costs nothing when it is cancelled either.
    let Admission::Settled(again) = providers.admit(instant(2.0), &job(), 0) else {
        panic!("the slot is free")
    };
    let at_once = providers.cancel(instant(2.0), ModelId(0), &again, instant(2.0));
    assert!(at_once.output_tokens == 0 && near(at_once.cost_usd, 100e-6), "{at_once:?}");
    let hanging = ending(outage(Down::Hang { closes_after: None }), &job());
    let gone = providers.cancel(instant(5.0), ModelId(0), &hanging, instant(3.0));
    assert_eq!((gone.at, gone.input_tokens, gone.cost_usd), (instant(5.0), 0, 0.0));
    assert_eq!(providers.load(ModelId(0)), (Some(1), 0));
}

#[test]
fn a_fault_of_first_calls_is_left_out_of_what_is_expected() {
    let down = |n| vec![fault(Effect::Outage { form: Down::Error }, n)];
    let expected = |faults| {
        let draft = draft(faults);
        let mut providers = providers(&draft);
        let mut table =
            Expectations::new(&draft.world, &Lengths::Drawn, draft.reward, false, seconds(1e9));
        let mut out = Vec::new();
        table.of_models(SimTime::ZERO, &mut providers, 0, (0, None), 400, &mut out);
        out[0].0
    };
    assert_eq!(expected(down(Some(3))), expected(vec![]));
    assert!(expected(down(None)) < expected(vec![]));
}

/// Expected rewards against the mean of calls that are really made, under what turns calls away, delays them or cuts them off.
#[test]
fn expected_rewards_are_those_of_calls() {
    let reject = |rejection, share| Effect::Reject { rejection, share, retry_after: None };
    let stall = Effect::Stall { first_token: seconds(2.0) };
    let first_token = Some(seconds(2.5));
    for (faults, first_token) in [
        (vec![reject(Rejection::ContextLength, 0.3), reject(Rejection::ApiError, 0.4)], None),
        (vec![stall], None),
        (vec![stall], first_token),
        (vec![Effect::Outage { form: Down::Reset }], None),
        (vec![Effect::Outage { form: Down::Hang { closes_after: Some(seconds(2.0)) } }], None),
        (vec![Effect::Outage { form: Down::Hang { closes_after: None } }], first_token),
    ] {
        let mut draft = draft(faults.iter().map(|effect| fault(*effect, None)).collect());
        draft.world.error_time = seconds(0.2);
        draft.world.service = ServiceShape::Exponential;
        let mut providers = providers(&draft);
        let timeout = seconds(8.0);
        let mut table =
            Expectations::new(&draft.world, &Lengths::Drawn, draft.reward, false, timeout)
                .with_first_token_timeout(first_token);
        let mut out = Vec::new();
        table.of_models(SimTime::ZERO, &mut providers, 0, (0, None), 400, &mut out);
        let n = 40_000;
        let rewards: Vec<f64> = (0..n)
            .map(|task| {
                let job = Job {
                    task: TaskId(task),
                    gives_up: SimTime::ZERO + timeout,
                    gives_up_on_first_token: first_token
                        .map_or(SimTime::NEVER, |after| SimTime::ZERO + after),
                    ..job()
                };
                let Admission::Settled(ending) = providers.admit(SimTime::ZERO, &job, 0) else {
                    panic!("there are slots")
                };
                draft.reward.of(&reflexarc::reward::Account {
                    outcome: ending.outcome,
                    served: ending.outcome == Outcome::Success,
                    level: Level::L1,
                    quality: ending.quality,
                    tokens: f64::from(ending.input_tokens + ending.output_tokens),
                    duration_ms: ending.at.since(SimTime::ZERO).as_millis_f64(),
                    cost_usd: ending.cost_usd,
                })
            })
            .collect();
        let mean = rewards.iter().sum::<f64>() / n as f64;
        let sd = (rewards.iter().map(|r| (r - mean) * (r - mean)).sum::<f64>() / n as f64).sqrt();
        // 4 standard errors of the mean, and a 128th of the spread for the points of the table (ARCHITECTURE, decisions).
        let tolerance = 4.0 * sd / (n as f64).sqrt() + sd / 128.0 + 1e-9;
        assert!(
            (out[0].0 - mean).abs() < tolerance,
            "{faults:?}: expected {}, mean {mean} +- {tolerance}, seed 1",
            out[0].0
        );
    }
}
