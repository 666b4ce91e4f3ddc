//! Cells of the breakers that stand before one model each.
//!
//! A profile says what a library does by its defaults, with the numbers of its rule; `drive` makes the machine do it.

use reflexarc::domain::BreakerState::{self, Closed, HalfOpen, Open};
use reflexarc::routing::breaker::{
    BreakerRule, CockatielRule, FailsafeGoRule, FailsafeRsRule, FinagleRule, HystrixRule,
    OpossumRule, Permit, PollyRule, PurgatoryRule, PybreakerRule, RecloserRule, ReflexarcRule,
    Resilience4jRule, Stage4Rule, Verdict,
};
use reflexarc::units::{ModelId, SimDuration, SimTime};

use super::{Cell, Rule};
use crate::one_breaker::{OneBreaker, at, breakers};

const NANO: SimDuration = SimDuration(1);

fn millis(n: u64) -> SimDuration {
    SimDuration(n * 1_000_000)
}

/// How many trial calls pass.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trials {
    /// Any number.
    Unlimited,
    /// So many in flight.
    InFlight(usize),
    /// So many in all, until the period ends.
    Budget(usize),
}

/// What an ignored trial call does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ignored {
    Closes,
    Opens,
    /// Nothing is decided, and its permit is free again.
    GivesBack,
    /// It counts as a success, of which one does not close.
    Counts,
}

/// Something of a rule, its words, and what asserts it.
type Aside = (Rule, &'static str, fn(&BreakerRule));

/// What a library does by its defaults.
struct Profile {
    rule: BreakerRule,
    source: &'static str,
    /// When it opens, in words with its numbers.
    opens: String,
    /// Results of calls one after the other, `true` for a success: the last one opens it.
    opening: Vec<bool>,
    /// Results that do not open it.
    not_opening: Vec<bool>,
    /// How much after the result that opens it does it open at the latest.
    lag: SimDuration,
    /// The first time open, and that after a failed trial: least and most.
    open: [SimDuration; 2],
    reopen: [SimDuration; 2],
    /// A call at the very end of that time is refused.
    strict: bool,
    /// A timer ends it, not a call.
    timer: bool,
    trials: Trials,
    ignored: Ignored,
    successes_to_close: usize,
    failures_to_open: usize,
    /// A failure from before the opening makes it stay open longer.
    late_failure_restarts: bool,
    fails_open: bool,
    /// What is asserted apart, with its words.
    beside: Vec<Aside>,
}

fn row(parts: &[(bool, usize)]) -> Vec<bool> {
    parts.iter().flat_map(|(result, n)| std::iter::repeat_n(*result, *n)).collect()
}

/// A breaker on its way.
#[derive(Clone)]
struct Rig {
    one: OneBreaker,
    now: SimTime,
}

impl Rig {
    fn new(rule: &BreakerRule) -> Self {
        Self { one: OneBreaker::new(rule), now: SimTime::ZERO }
    }

    fn state(&mut self) -> BreakerState {
        self.one.state(self.now)
    }

    fn end(&mut self, permit: Permit, verdict: Verdict) {
        self.one.end(self.now, permit, verdict, SimDuration::ZERO);
    }

    /// A whole call that takes no time, if it passes.
    fn call(&mut self, verdict: Verdict) -> bool {
        let permit = self.one.acquire(self.now);
        if let Some(permit) = permit {
            self.end(permit, verdict);
        }
        permit.is_some()
    }

    /// Calls with these results, 10 ms apart; the state after them.
    fn results(&mut self, results: &[bool]) -> BreakerState {
        for success in results {
            self.now += millis(10);
            let verdict = if *success { Verdict::Success } else { Verdict::Failure };
            assert!(self.call(verdict), "refused after {} results", results.len());
        }
        self.state()
    }

    /// Opens it, and goes to that instant.
    fn open(&mut self, profile: &Profile) {
        self.results(&profile.opening);
        self.settle_to(Open, profile.lag);
    }

    fn settle_to(&mut self, wanted: BreakerState, lag: SimDuration) {
        if self.state() != wanted {
            self.now = self.one.breakers.due();
        }
        assert_eq!(self.state(), wanted, "within {lag:?}");
    }

    /// The first instant at which a call would pass, found on copies.
    fn passes_from(&self) -> SimTime {
        let passes = |at: u64| self.clone().one.acquire(SimTime(at)).is_some();
        let (mut low, mut high) = (self.now.0, self.now.0 + 86_400_000_000_000);
        assert!(!passes(low) && passes(high));
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if passes(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        SimTime(high)
    }

    /// Half-opens it with one trial call, which is in flight.
    fn trial(&mut self) -> Permit {
        self.now = self.passes_from();
        let permit = self.one.acquire(self.now).expect("it passes from here on");
        assert_eq!(self.state(), HalfOpen);
        permit
    }
}

fn seconds(span: SimDuration) -> String {
    format!("{} s", span.as_secs_f64())
}

fn between(span: [SimDuration; 2]) -> String {
    if span[0] == span[1] {
        return seconds(span[0]);
    }
    format!("{} to {}", span[0].as_secs_f64(), seconds(span[1]))
}

impl Profile {
    fn opened(&self) -> Rig {
        let mut rig = Rig::new(&self.rule);
        rig.open(self);
        rig
    }

    fn open_condition(&self) -> String {
        let mut rig = Rig::new(&self.rule);
        assert_eq!(rig.results(&self.opening[..self.opening.len() - 1]), Closed, "too early");
        rig.results(&self.opening[self.opening.len() - 1..]);
        rig.settle_to(Open, self.lag);
        let mut rig = Rig::new(&self.rule);
        assert_eq!(rig.results(&self.not_opening), Closed);
        rig.now += self.lag;
        assert_eq!(rig.state(), Closed);
        self.opens.clone()
    }

    fn min_volume(&self) -> String {
        let volume = self.rule.volume().expect("something opens it");
        let n = volume.results as usize;
        let mut rig = Rig::new(&self.rule);
        if n > 1 {
            assert_eq!(rig.results(&row(&[(false, n - 1)])), Closed);
            rig.now += self.lag;
            assert_eq!(rig.state(), Closed);
        }
        let mut rig = Rig::new(&self.rule);
        rig.results(&row(&[(false, n)]));
        rig.settle_to(Open, self.lag);
        let within = volume.within.map(|time| format!(" within {}", seconds(time)));
        format!("{n}{}", within.unwrap_or_default())
    }

    fn open_duration(&self) -> String {
        assert_eq!(self.rule.opens_for(), Some(self.open[0]));
        let edge = if self.strict { NANO } else { SimDuration::ZERO };
        let mut rig = self.opened();
        let lasts = |rig: &Rig| rig.passes_from().since(rig.now);
        let first = lasts(&rig);
        assert!(self.open[0] + edge <= first && first <= self.open[1] + edge, "{first:?}");
        // So often as it takes to open it again.
        let mut permit = rig.trial();
        for _ in 1..self.failures_to_open {
            rig.end(permit, Verdict::Failure);
            permit = rig.one.acquire(rig.now).expect("more trials are allowed");
        }
        rig.end(permit, Verdict::Failure);
        assert_eq!(rig.state(), Open);
        let second = lasts(&rig);
        assert!(self.reopen[0] + edge <= second && second <= self.reopen[1] + edge, "{second:?}");
        let again = if self.open == self.reopen {
            String::new()
        } else {
            format!(", {} after a failed trial", between(self.reopen))
        };
        let edge = if self.strict { "refused" } else { "let pass" };
        format!("{}{again}; a call at the very end is {edge}", between(self.open))
    }

    fn open_to_half_open(&self) -> String {
        let mut rig = self.opened();
        rig.now = rig.passes_from();
        let by_itself = rig.state();
        assert_eq!(by_itself, if self.timer { HalfOpen } else { Open });
        let who = if self.timer { "by a timer" } else { "by the first call after that time" };
        who.to_owned()
    }

    fn probes(&self) -> String {
        let mut rig = self.opened();
        let mut permits = vec![rig.trial()];
        while let Some(permit) = rig.one.acquire(rig.now).filter(|_| permits.len() < 1000) {
            permits.push(permit);
        }
        let text = match self.trials {
            Trials::Unlimited => {
                assert_eq!(permits.len(), 1000);
                "no limit".to_owned()
            }
            Trials::InFlight(n) => {
                assert_eq!(permits.len(), n);
                format!("{n} in flight")
            }
            Trials::Budget(n) => {
                assert_eq!(permits.len(), n);
                rig.end(permits[0], Verdict::Success);
                assert_eq!((rig.state(), rig.one.acquire(rig.now)), (HalfOpen, None));
                format!("{n} in all")
            }
        };
        let mut rig = self.opened();
        let permit = rig.trial();
        rig.end(permit, Verdict::Ignored);
        let (state, ignored) = match self.ignored {
            Ignored::Closes => (Closed, "closes it"),
            Ignored::Opens => (Open, "opens it again"),
            Ignored::GivesBack => (HalfOpen, "decides nothing and gives its permit back"),
            Ignored::Counts => (HalfOpen, "counts as a success"),
        };
        assert_eq!(rig.state(), state);
        if state == HalfOpen {
            assert!(rig.one.acquire(rig.now).is_some(), "its permit is gone");
        }
        format!("{text}; one whose outcome is ignored {ignored}")
    }

    fn half_open_to(&self, verdict: Verdict, end: BreakerState, n: usize) {
        let mut rig = self.opened();
        let mut permit = rig.trial();
        for nth in 1..=n {
            rig.end(permit, verdict);
            assert_eq!(rig.state(), if nth == n { end } else { HalfOpen }, "after {nth}");
            if nth < n {
                permit = rig.one.acquire(rig.now).expect("more trials are allowed");
            }
        }
    }

    fn half_open_to_closed(&self) -> String {
        self.half_open_to(Verdict::Success, Closed, self.successes_to_close);
        plural(self.successes_to_close, "success", "successes")
    }

    fn half_open_to_open(&self) -> String {
        self.half_open_to(Verdict::Failure, Open, self.failures_to_open);
        plural(self.failures_to_open, "failure", "failures")
    }

    fn late_result(&self) -> String {
        let mut rig = Rig::new(&self.rule);
        let early = [rig.one.acquire(rig.now), rig.one.acquire(rig.now)];
        rig.open(self);
        let before = rig.passes_from();
        rig.now += millis(1000);
        rig.end(early[0].expect("closed lets pass"), Verdict::Failure);
        assert_eq!(rig.state(), Open);
        let after = rig.passes_from();
        assert_eq!(after > before, self.late_failure_restarts, "{before:?} {after:?}");
        rig.end(early[1].expect("closed lets pass"), Verdict::Success);
        assert_eq!(rig.state(), Open);
        let what = if self.late_failure_restarts {
            "a failure starts the time anew; a success does not close it"
        } else {
            "changes neither state nor time"
        };
        what.to_owned()
    }

    fn all_open(&self) -> String {
        let mut all = breakers(&self.rule, 2, 1_700_000_000_000);
        let mut log = Vec::new();
        let mut now = SimTime::ZERO;
        for model in [ModelId(0), ModelId(1)] {
            for success in &self.opening {
                now += millis(1);
                let permit = all.acquire(now, model, &mut log).expect("closed lets pass");
                let verdict = if *success { Verdict::Success } else { Verdict::Failure };
                let outcome = reflexarc::domain::Outcome::ApiError;
                let duration = SimDuration::ZERO;
                let end = reflexarc::routing::breaker::CallEnd { verdict, outcome, duration };
                all.settle(now, model, permit, end, &mut log);
            }
        }
        now += self.lag;
        all.advance(now, &mut log);
        let states = [ModelId(0), ModelId(1)].map(|model| all.state(model));
        assert_eq!(states, [Open, Open]);
        let passes = all.acquire(now, ModelId(0), &mut log).is_some();
        assert_eq!(passes, self.fails_open);
        assert_eq!(all.refusing(now).is_empty(), self.fails_open);
        if passes { "the call passes" } else { "the call is refused" }.to_owned()
    }

    /// Drives the machine through every rule.
    fn drive(&self) -> Vec<Cell> {
        let says = |rule| match rule {
            Rule::OpenCondition => self.open_condition(),
            Rule::MinVolume => self.min_volume(),
            Rule::OpenDuration => self.open_duration(),
            Rule::OpenToHalfOpen => self.open_to_half_open(),
            Rule::Probes => self.probes(),
            Rule::HalfOpenToClosed => self.half_open_to_closed(),
            Rule::HalfOpenToOpen => self.half_open_to_open(),
            Rule::LateResultWhileOpen => self.late_result(),
            Rule::AllTargetsOpen => self.all_open(),
        };
        let cell = |rule| {
            let mut text = says(rule);
            for (_, words, check) in self.beside.iter().filter(|(of, ..)| *of == rule) {
                check(&self.rule);
                text = format!("{text}; {words}");
            }
            Cell { preset: self.rule.name(), rule, says: text, source: self.source }
        };
        Rule::ALL.into_iter().map(cell).collect()
    }
}

fn plural(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

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

/// The cells of all presets.
pub(crate) fn cells() -> Vec<Cell> {
    let profiles = [
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
    ];
    profiles.iter().flat_map(Profile::drive).collect()
}
