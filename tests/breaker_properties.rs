//! What holds for every breaker, whatever comes in which order, and for the recommended one alone.

#[path = "support/one_breaker.rs"]
mod one_breaker;

use one_breaker::{MODEL, OneBreaker, at, breakers};
use proptest::prelude::*;
use reflexarc::domain::BreakerState::{self, Closed, HalfOpen, Open};
use reflexarc::domain::StackEvent;
use reflexarc::routing::breaker::{
    Accrual, BreakerRule, CockatielRule, Consecutive, DeadTime, FailsafeGoRule, FailsafeRsRule,
    FinagleRule, HystrixRule, Interval, OpossumRule, Permit, PollyRule, PurgatoryRule,
    PybreakerRule, RecloserRule, ReflexarcRule, Resilience4jRule, Stage4Rule, Synchronization,
    Trip, Verdict, WindowType,
};
use reflexarc::units::{SimDuration, SimTime};

fn millis(n: u64) -> SimDuration {
    SimDuration(n * 1_000_000)
}

/// Rules with small numbers, so that short scripts reach every state.
fn rules() -> Vec<BreakerRule> {
    let accrual = |dead: DeadTime| Accrual {
        consecutive: Some(Consecutive { failures: 2, dead }),
        success_rate: None,
    };
    let [start, max] = [millis(1000), millis(8000)];
    let resilience4j = Resilience4jRule {
        sliding_window_size: 4,
        minimum_number_of_calls: 2,
        permitted_in_half_open: 3,
        wait_in_open: Interval::Fixed(millis(1000)),
        ..Resilience4jRule::default()
    };
    let opossum = OpossumRule { reset_timeout: millis(1000), ..OpossumRule::default() };
    vec![
        BreakerRule::None,
        BreakerRule::Stage4(Stage4Rule {
            failures_to_open: 2,
            open_for: millis(1000),
            ..Stage4Rule::default()
        }),
        BreakerRule::Reflexarc(ReflexarcRule {
            min_calls: 4,
            consecutive_failures: 2,
            open_for: millis(500),
            probes: 2,
            ..ReflexarcRule::default()
        }),
        BreakerRule::Resilience4j(Resilience4jRule {
            automatic_transition: true,
            max_wait_in_half_open: millis(700),
            after_max_wait: Closed,
            ..resilience4j.clone()
        }),
        BreakerRule::Resilience4j(Resilience4jRule {
            sliding_window_type: WindowType::TimeBased,
            synchronization: Synchronization::LockFree,
            max_wait_in_half_open: millis(700),
            ..resilience4j.clone()
        }),
        BreakerRule::Resilience4j(resilience4j),
        BreakerRule::Polly(PollyRule { minimum_throughput: 2, ..PollyRule::default() }),
        BreakerRule::Hystrix(HystrixRule { request_volume_threshold: 2, ..HystrixRule::default() }),
        BreakerRule::Finagle(FinagleRule {
            policy: accrual(DeadTime::EqualJittered { start, max }),
            ..FinagleRule::default()
        }),
        BreakerRule::FailsafeGo(FailsafeGoRule {
            failure_threshold: 2,
            failure_capacity: 3,
            success_threshold: 2,
            success_capacity: 3,
            delay: millis(1000),
            ..FailsafeGoRule::default()
        }),
        BreakerRule::Opossum(OpossumRule {
            timeout: Some(millis(700)),
            capacity: Some(2),
            ..opossum.clone()
        }),
        BreakerRule::Opossum(opossum),
        BreakerRule::Pybreaker(PybreakerRule {
            fail_max: 2,
            reset_timeout: millis(1000),
            success_threshold: 2,
            ..PybreakerRule::default()
        }),
        BreakerRule::Cockatiel(CockatielRule {
            breaker: Trip::Count { threshold: 0.4, size: 4, minimum_number_of_calls: 2 },
            ..CockatielRule::default()
        }),
        BreakerRule::Purgatory(PurgatoryRule {
            threshold: 2,
            ttl: millis(1000),
            ..PurgatoryRule::default()
        }),
        BreakerRule::FailsafeRs(FailsafeRsRule {
            policy: accrual(DeadTime::FullJittered { start, max }),
            ..FailsafeRsRule::default()
        }),
        BreakerRule::Recloser(RecloserRule {
            closed_len: 2,
            half_open_len: 1,
            open_wait: millis(1000),
            ..RecloserRule::default()
        }),
    ]
}

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Op {
    /// Time passes.
    Wait(u64),
    /// A call is asked for.
    Acquire,
    /// One of the calls in flight ends.
    End(usize, Verdict),
}

fn op() -> impl Strategy<Value = Op> {
    let verdict = prop_oneof![
        2 => Just(Verdict::Success),
        3 => Just(Verdict::Failure),
        1 => Just(Verdict::Ignored),
    ];
    prop_oneof![
        3 => prop_oneof![0..300_u64, 900..1100_u64, 4900..11_000_u64].prop_map(Op::Wait),
        4 => Just(Op::Acquire),
        4 => (0..8_usize, verdict).prop_map(|(which, verdict)| Op::End(which, verdict)),
    ]
}

/// A breaker with its calls in flight.
struct Script {
    one: OneBreaker,
    now: SimTime,
    in_flight: Vec<Permit>,
}

impl Script {
    fn new(rule: &BreakerRule) -> Self {
        Self { one: OneBreaker::new(rule), now: SimTime::ZERO, in_flight: Vec::new() }
    }

    fn step(&mut self, op: Op) {
        match op {
            Op::Wait(ms) => self.now += millis(ms),
            Op::Acquire => {
                if let Some(permit) = self.one.acquire(self.now) {
                    assert_ne!(self.one.state(self.now), Open, "open lets a call pass");
                    self.in_flight.push(permit);
                }
            }
            Op::End(which, verdict) => {
                if !self.in_flight.is_empty() {
                    let permit = self.in_flight.swap_remove(which % self.in_flight.len());
                    self.one.end(self.now, permit, verdict, millis(10));
                }
            }
        }
        self.check_times();
    }

    /// What the breaker says of times to come is what it does then.
    fn check_times(&mut self) {
        let state = self.one.state(self.now);
        assert!(self.one.breakers.due() > self.now, "something was due");
        let Some(from) = self.one.breakers.passes_from(self.now, MODEL) else {
            assert!(!self.in_flight.is_empty(), "stuck in {state:?} with nothing in flight");
            return;
        };
        if from > self.now {
            assert_eq!(state, Open);
            assert!(
                self.one.clone().acquire(SimTime(from.0 - 1)).is_none(),
                "earlier than {from:?}"
            );
            assert!(self.one.clone().acquire(from).is_some(), "not at {from:?}");
        }
    }

    /// Every transition begins in the state where the last one ended, in order of time.
    fn check_log(&mut self) {
        let mut known = (Closed, SimTime::ZERO);
        for event in &self.one.log {
            let StackEvent::Breaker(event) = event else { panic!("{event:?}") };
            assert_eq!(event.from, known.0);
            assert!(event.at >= known.1 && event.from != event.to, "{event:?}");
            known = (event.to, event.at);
        }
        assert_eq!(self.one.state(self.now), known.0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn open_lets_no_call_pass_and_nothing_is_stuck_where_every_call_ends(
        which in 0..17_usize,
        ops in prop::collection::vec(op(), 1..150),
    ) {
        let rule = &rules()[which];
        let mut script = Script::new(rule);
        for op in ops {
            script.step(op);
        }
        // All calls end, some of them badly.
        while !script.in_flight.is_empty() {
            let verdict = if script.in_flight.len().is_multiple_of(2) { Verdict::Failure } else { Verdict::Ignored };
            script.step(Op::End(0, verdict));
        }
        script.check_log();
        let from = script.one.breakers.passes_from(script.now, MODEL);
        prop_assert!(from.is_some());
        script.now = from.unwrap();
        prop_assert!(script.one.acquire(script.now).is_some());
    }

    #[test]
    fn permits_of_the_recommended_breaker_never_leak(
        probes in 1..4_u32,
        successes_to_close in 1..4_u32,
        ops in prop::collection::vec(op(), 1..200),
    ) {
        let rule = BreakerRule::Reflexarc(ReflexarcRule {
            probes,
            successes_to_close,
            consecutive_failures: 2,
            open_for: millis(200),
            growth: 1.0,
            ..ReflexarcRule::default()
        });
        let mut script = Script::new(&rule);
        // Permits of the present half-open period that have not ended.
        let mut era: Vec<Permit> = Vec::new();
        for op in ops {
            let (before, known) = (script.one.state(script.now), script.in_flight.clone());
            script.step(op);
            let after = script.one.state(script.now);
            if before != after {
                era.clear();
            }
            if after == HalfOpen {
                if script.in_flight.len() > known.len() {
                    era.extend(script.in_flight.last());
                } else if script.in_flight.len() < known.len() && before == HalfOpen {
                    // Probes of one period have one permit.
                    let n = |permits: &[Permit], p: &Permit| permits.iter().filter(|q| *q == p).count();
                    if era.first().is_some_and(|p| n(&known, p) > n(&script.in_flight, p)) {
                        era.pop();
                    }
                }
                let figures = script.one.breakers.figures(script.now, MODEL);
                let (_, out) = figures.iter().find(|(name, _)| *name == "probes_in_flight").unwrap();
                prop_assert_eq!(*out, era.len() as f64);
                prop_assert!(era.len() <= probes as usize);
                let free = script.one.clone().acquire(script.now).is_some();
                prop_assert_eq!(free, era.len() < probes as usize);
            }
        }
    }
}

/// Drives a breaker to half-open with one call in flight that never ends, and looks a day later.
fn stuck(rule: &BreakerRule) -> bool {
    let mut one = OneBreaker::new(rule);
    let mut now = at(1.0);
    while one.state(now) != Open {
        now += millis(10);
        match one.acquire(now) {
            Some(permit) => one.end(now, permit, Verdict::Failure, SimDuration::ZERO),
            None => now = one.breakers.due().min(now + millis(1000)),
        }
    }
    now = one.breakers.passes_from(now, MODEL).expect("time opens it");
    while one.acquire(now).is_some() {
        assert_eq!(one.state(now), HalfOpen);
    }
    one.acquire(now + SimDuration(86_400_000_000_000)).is_none()
}

#[test]
fn what_can_get_stuck_says_so() {
    let hold = |rule: Resilience4jRule| BreakerRule::Resilience4j(rule);
    let bounded =
        Resilience4jRule { max_wait_in_half_open: millis(1000), ..Resilience4jRule::default() };
    let untimed = OpossumRule { timeout: None, ..OpossumRule::default() };
    for (rule, expected) in [
        (hold(Resilience4jRule::default()), true),
        (hold(bounded), false),
        (BreakerRule::Polly(PollyRule::default()), true),
        (BreakerRule::Hystrix(HystrixRule::default()), true),
        (BreakerRule::Cockatiel(CockatielRule::default()), true),
        (BreakerRule::Opossum(untimed), true),
        (BreakerRule::Opossum(OpossumRule::default()), false),
    ] {
        assert_eq!(stuck(&rule), expected, "{rule:?}");
        assert_eq!(rule.wedges().is_some(), expected, "{rule:?}");
    }
    let text = hold(Resilience4jRule::default()).wedges().expect("it can");
    assert!(text.contains("#903") && text.contains("#2172"), "{text}");
}

#[test]
fn traps_are_told_of_the_configurations_that_have_them() {
    let resilience4j = |size, minimum| {
        BreakerRule::Resilience4j(Resilience4jRule {
            sliding_window_size: size,
            minimum_number_of_calls: minimum,
            ..Resilience4jRule::default()
        })
    };
    assert_eq!(resilience4j(100, 100).traps().len(), 0);
    assert!(resilience4j(10, 100).traps()[0].contains("#1349"));
    assert!(resilience4j(10, 5).traps()[0].contains("#1351"));
    assert_eq!(BreakerRule::FailsafeGo(FailsafeGoRule::default()).traps().len(), 1);
    assert_eq!(BreakerRule::Reflexarc(ReflexarcRule::default()).traps().len(), 0);
    assert_eq!(BreakerRule::None.volume(), None);
}

#[test]
fn the_breaker_of_another_model_is_its_own() {
    let rule = BreakerRule::Pybreaker(PybreakerRule { fail_max: 1, ..PybreakerRule::default() });
    let mut both = breakers(&rule, 2, 1_700_000_000_000);
    let mut one = OneBreaker { breakers: both.clone(), log: Vec::new() };
    let permit = one.acquire(at(1.0)).expect("closed");
    one.end(at(1.0), permit, Verdict::Failure, SimDuration::ZERO);
    both = one.breakers;
    let other = reflexarc::units::ModelId(1);
    assert_eq!((both.state(MODEL), both.state(other)), (Open, BreakerState::Closed));
    assert_eq!(both.refusing(at(2.0)).iter().collect::<Vec<_>>(), [MODEL]);
}
