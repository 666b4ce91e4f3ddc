//! What each library's breaker does by its defaults, with the numbers of its rule.

use reflexarc::domain::BreakerState::{Closed, HalfOpen, Open};
use reflexarc::routing::breaker::{
    BreakerRule, CockatielRule, FailsafeGoRule, FailsafeRsRule, FinagleRule, HystrixRule,
    OpossumRule, PollyRule, PurgatoryRule, PybreakerRule, RecloserRule, ReflexarcRule,
    Resilience4jRule, Stage4Rule, Verdict,
};
use reflexarc::units::SimDuration;

use super::Rule;
use super::breakers::{Ignored, Profile, Rig, Trials, millis, plural, row, seconds};
use crate::one_breaker::at;

/// A profile with what most libraries have in common.
fn profile(rule: BreakerRule, source: &'static str, opens: String) -> Profile {
    let n = rule.volume().map_or(1, |volume| volume.results as usize);
    let open = rule.opens_for().map_or([SimDuration::ZERO; 2], |span| [span; 2]);
    let not_opening = [row(&[(false, n - 1), (true, 1)]), row(&[(false, n - 1)])].concat();
    Profile {
        source,
        opens,
        opening: row(&[(false, n)]),
        not_opening,
        lag: SimDuration::ZERO,
        open,
        reopen: open,
        strict: false,
        timer: false,
        trials: Trials::InFlight(1),
        ignored: Ignored::Closes,
        successes_to_close: 1,
        failures_to_open: 1,
        late_failure_restarts: false,
        fails_open: false,
        beside: Vec::new(),
        rule,
    }
}

fn stage4() -> Profile {
    let own = Stage4Rule::default();
    let opens = format!("{} failures in a row", own.failures_to_open);
    Profile {
        trials: Trials::Unlimited,
        ignored: Ignored::GivesBack,
        successes_to_close: own.successes_to_close as usize,
        failures_to_open: own.failures_to_open as usize,
        late_failure_restarts: true,
        ..profile(BreakerRule::Stage4(own), "the Stage 4 plan, section 11", opens)
    }
}

fn reflexarc() -> Profile {
    let own = ReflexarcRule::default();
    let opens = format!(
        "{} failures in a row, or a failure rate >= {} over {} with {} results or more; at a failure alone",
        own.consecutive_failures,
        own.failure_rate,
        seconds(own.window),
        own.min_calls
    );
    let grown = SimDuration(2 * own.open_for.0);
    Profile {
        opening: row(&[(true, 1), (false, 1)]).repeat(own.min_calls as usize / 2),
        not_opening: row(&[(true, 3), (false, 2)]).repeat(own.min_calls as usize),
        reopen: [grown; 2],
        trials: Trials::InFlight(own.probes as usize),
        ignored: Ignored::GivesBack,
        successes_to_close: own.successes_to_close as usize,
        beside: vec![(
            Rule::LateResultWhileOpen,
            "nor does any result from before the last transition count in half-open",
            |rule| {
                let mut rig = Rig::new(rule);
                let stale = rig.one.acquire(rig.now).expect("closed lets pass");
                rig.open(&reflexarc());
                let probe = rig.trial();
                rig.end(stale, Verdict::Failure);
                assert_eq!(rig.state(), HalfOpen);
                rig.end(probe, Verdict::Success);
                assert_eq!(rig.state(), HalfOpen);
            },
        )],
        ..profile(BreakerRule::Reflexarc(own), "this module", opens)
    }
}

fn resilience4j() -> Profile {
    let own = Resilience4jRule::default();
    let n = own.sliding_window_size as usize;
    let opens = format!(
        "among the last {n} calls failures >= {} % or calls slower than {} >= {} %; at any result",
        own.failure_rate_threshold,
        seconds(own.slow_call_duration_threshold),
        own.slow_call_rate_threshold
    );
    Profile {
        opening: row(&[(false, n / 2), (true, n / 2)]),
        not_opening: row(&[(false, n / 2 - 1), (true, n / 2 + 1)]),
        strict: true,
        trials: Trials::Budget(own.permitted_in_half_open as usize),
        ignored: Ignored::GivesBack,
        successes_to_close: own.half_open_minimum() as usize,
        failures_to_open: own.half_open_minimum() as usize,
        beside: vec![
            (Rule::MinVolume, "a greater minimum is clamped to the window of calls", |_| {
                let rule =
                    Resilience4jRule { sliding_window_size: 5, ..Resilience4jRule::default() };
                let mut rig = Rig::new(&BreakerRule::Resilience4j(rule));
                assert_eq!(rig.results(&row(&[(false, 5)])), Open);
            }),
            (Rule::HalfOpenToClosed, "a smaller minimum number of calls decides earlier", |_| {
                let rule =
                    Resilience4jRule { minimum_number_of_calls: 2, ..Resilience4jRule::default() };
                let mut rig = Rig::new(&BreakerRule::Resilience4j(rule));
                assert_eq!(rig.results(&[false, false]), Open);
                let permit = rig.trial();
                rig.end(permit, Verdict::Success);
                assert_eq!(rig.state(), HalfOpen);
                assert!(rig.call(Verdict::Success));
                assert_eq!(rig.state(), Closed);
            }),
            (
                Rule::HalfOpenToOpen,
                "the thresholds are those of closed: 5 of 10 are enough",
                |rule| {
                    for (failures, end) in [(5, Open), (4, Closed)] {
                        let mut rig = Rig::new(rule);
                        rig.open(&resilience4j());
                        let permit = rig.trial();
                        rig.end(permit, Verdict::Success);
                        for nth in 1..10 {
                            let failed = nth > 9 - failures;
                            assert!(rig.call(if failed {
                                Verdict::Failure
                            } else {
                                Verdict::Success
                            }));
                        }
                        assert_eq!(rig.state(), end, "{failures} failures");
                    }
                },
            ),
            (Rule::LateResultWhileOpen, "in half-open it counts as a trial", |rule| {
                let mut rig = Rig::new(rule);
                let late: Vec<_> = (0..10).map(|_| rig.one.acquire(rig.now)).collect();
                rig.open(&resilience4j());
                rig.trial();
                for permit in late {
                    rig.end(permit.expect("closed lets pass"), Verdict::Success);
                }
                assert_eq!(rig.state(), Closed);
            }),
        ],
        ..profile(
            BreakerRule::Resilience4j(own),
            "resilience4j 2.4.0, `CircuitBreakerStateMachine`; recorded vectors; issues #1349, #1351, #1523",
            opens,
        )
    }
}

fn polly() -> Profile {
    let own = PollyRule::default();
    let n = own.minimum_throughput as usize;
    let opens = format!(
        "failures >= {} of the results of {}; at a failure alone",
        own.failure_ratio,
        seconds(own.sampling_duration)
    );
    Profile {
        opening: row(&[(true, n - n / 10), (false, n / 10)]),
        not_opening: row(&[(true, n - n / 10 + 1), (false, n / 10)]),
        ..profile(BreakerRule::Polly(own), "Polly v8, `CircuitStateController` (173d6d1d)", opens)
    }
}

fn hystrix() -> Profile {
    let own = HystrixRule::default();
    let n = own.request_volume_threshold as usize;
    let lag = own.health_snapshot_interval;
    let opens = format!(
        "errors >= {} % of the results of {}; looked at every {}",
        own.error_threshold_percentage,
        seconds(own.rolling_stats_time),
        seconds(lag)
    );
    Profile {
        opening: row(&[(false, n / 2), (true, n / 2)]),
        not_opening: row(&[(false, n / 2 - 1), (true, n / 2 + 1)]),
        lag,
        strict: true,
        ignored: Ignored::Opens,
        ..profile(
            BreakerRule::Hystrix(own),
            "Hystrix 1.5, `HystrixCircuitBreaker`, `HealthCountsStream`",
            opens,
        )
    }
}

fn finagle() -> Profile {
    let own = FinagleRule::default();
    let rate = own.policy.success_rate.clone().expect("a default");
    let run = own.policy.consecutive.clone().expect("a default");
    let opens = format!(
        "{} failures in a row, or a success rate < {} in a mean over {}",
        run.failures,
        rate.required,
        seconds(rate.window)
    );
    let base = profile(
        BreakerRule::Finagle(own),
        "Finagle, `FailureAccrualFactory`, `FailureAccrualPolicy`, `Backoff.equalJittered`",
        opens,
    );
    Profile {
        // Half of the first time doubled, and as much again at random.
        reopen: [base.open[0], SimDuration(2 * base.open[0].0)],
        timer: true,
        ignored: Ignored::GivesBack,
        fails_open: true,
        beside: vec![(Rule::OpenCondition, "not before that window has passed once", |rule| {
            let mut rig = Rig::new(rule);
            while rig.state() == Closed {
                rig.now += millis(100);
                rig.call(Verdict::Success);
                rig.now += millis(100);
                rig.call(Verdict::Failure);
                assert!(rig.now < at(40.0));
            }
            assert!(rig.now >= at(30.0), "{:?}", rig.now);
        })],
        ..base
    }
}

fn failsafe_go() -> Profile {
    let own = FailsafeGoRule::default();
    let opens = plural(own.failure_threshold as usize, "failure", "failures in a row");
    Profile {
        trials: Trials::InFlight(own.half_open_capacity() as usize),
        beside: vec![(
            Rule::OpenCondition,
            "a failure rate is rounded to two decimals first",
            |_| {
                let rule = FailsafeGoRule {
                    failure_rate: Some(0.33),
                    failure_executions: 3,
                    failure_period: Some(millis(10_000)),
                    ..FailsafeGoRule::default()
                };
                let mut rig = Rig::new(&BreakerRule::FailsafeGo(rule.clone()));
                assert_eq!(rig.results(&[true, true, false]), Open);
                let rule = FailsafeGoRule { failure_rate: Some(0.34), ..rule };
                let mut rig = Rig::new(&BreakerRule::FailsafeGo(rule));
                assert_eq!(rig.results(&[true, true, false]), Closed);
            },
        )],
        ..profile(
            BreakerRule::FailsafeGo(own),
            "failsafe-go 0.9.7, `circuitbreaker`; recorded vectors",
            opens,
        )
    }
}

fn opossum() -> Profile {
    let own = OpossumRule::default();
    let opens = format!(
        "failures > {} % of the calls of {}, refused ones included; at a failure alone",
        own.error_threshold_percentage,
        seconds(own.rolling_count_timeout)
    );
    Profile {
        not_opening: row(&[(true, 1), (false, 1)]),
        timer: true,
        beside: vec![(
            Rule::LateResultWhileOpen,
            "in half-open it decides, even before the trial call is sent",
            |rule| {
                let mut rig = Rig::new(rule);
                rig.now = at(25.0);
                rig.open(&opossum());
                let late = rig.clone();
                rig.now = at(56.0);
                assert_eq!(rig.state(), HalfOpen);
                // A call that was in flight at the opening, and has not timed out.
                let slow = OpossumRule { timeout: None, ..OpossumRule::default() };
                let mut rig = Rig::new(&BreakerRule::Opossum(slow));
                let early = rig.one.acquire(rig.now).expect("closed lets pass");
                rig.results(&[false, false]);
                rig.now = late.now + SimDuration(60_000_000_000);
                assert_eq!(rig.state(), HalfOpen);
                rig.end(early, Verdict::Success);
                assert_eq!(rig.state(), Closed);
            },
        )],
        ..profile(
            BreakerRule::Opossum(own),
            "opossum 9.0.0, `lib/circuit.js`, `lib/status.js`; recorded vectors",
            opens,
        )
    }
}

fn pybreaker() -> Profile {
    let own = PybreakerRule::default();
    let opens = format!("{} failures in a row", own.fail_max);
    Profile {
        trials: Trials::Unlimited,
        successes_to_close: own.success_threshold as usize,
        late_failure_restarts: true,
        beside: vec![(
            Rule::LateResultWhileOpen,
            "a success of a trial call closes it from open",
            |rule| {
                let mut rig = Rig::new(rule);
                rig.open(&pybreaker());
                let trial = rig.trial();
                assert!(rig.call(Verdict::Failure));
                assert_eq!(rig.state(), Open);
                rig.end(trial, Verdict::Success);
                assert_eq!(rig.state(), Closed);
            },
        )],
        ..profile(BreakerRule::Pybreaker(own), "pybreaker 1.4.1; recorded vectors", opens)
    }
}

fn cockatiel() -> Profile {
    let rule = BreakerRule::Cockatiel(CockatielRule::default());
    let n = rule.volume().expect("it opens").results;
    let opens = format!("{n} failures in a row (its README's values: the library has no defaults)");
    profile(
        rule,
        "cockatiel 3.2.1, `CircuitBreakerPolicy`; recorded vectors; a call that meets half-open waits there, here it is refused",
        opens,
    )
}

fn purgatory() -> Profile {
    let own = PurgatoryRule::default();
    let opens = format!("{} failures in a row", own.threshold);
    Profile {
        strict: true,
        trials: Trials::Unlimited,
        ..profile(BreakerRule::Purgatory(own), "purgatory 3.0.1; recorded vectors", opens)
    }
}

fn failsafe_rs() -> Profile {
    let own = FailsafeRsRule::default();
    let rate = own.policy.success_rate.clone().expect("a default");
    let run = own.policy.consecutive.clone().expect("a default");
    let opens = format!(
        "{} failures in a row, or a success rate < {} in a mean over {}",
        run.failures,
        rate.required,
        seconds(rate.window)
    );
    let base = profile(
        BreakerRule::FailsafeRs(own),
        "crate failsafe 1.3.0; recorded vectors (of its policies without jitter)",
        opens,
    );
    let half = base.open[0];
    Profile {
        open: [half, SimDuration(2 * half.0)],
        reopen: [SimDuration(2 * half.0), SimDuration(4 * half.0)],
        strict: true,
        trials: Trials::Unlimited,
        ..base
    }
}

fn recloser() -> Profile {
    let own = RecloserRule::default();
    let n = own.closed_len as usize;
    let opens = format!(
        "failures >= {} of the last {n} results, from result number {} on; at any result",
        own.error_rate_closed,
        n + 1
    );
    let half_open = own.half_open_len as usize + 1;
    Profile {
        opening: row(&[(true, 1), (false, n / 2), (true, n / 2)]),
        not_opening: row(&[(true, 1), (false, n / 2 - 1), (true, n / 2 + 1)]),
        strict: true,
        trials: Trials::Unlimited,
        ignored: Ignored::Counts,
        successes_to_close: half_open,
        failures_to_open: half_open,
        ..profile(BreakerRule::Recloser(own), "crate recloser 1.4.0; recorded vectors", opens)
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Profile> {
    vec![
        stage4(),
        reflexarc(),
        resilience4j(),
        polly(),
        hystrix(),
        finagle(),
        failsafe_go(),
        opossum(),
        pybreaker(),
        cockatiel(),
        purgatory(),
        failsafe_rs(),
        recloser(),
    ]
}
