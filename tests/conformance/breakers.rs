//! Cells of the breakers that stand before one model each.
//!
//! A profile says what a library does by its defaults, with the numbers of its rule; `drive` makes the machine do it.

use reflexarc::domain::BreakerState::{self, Closed, HalfOpen, Open};
use reflexarc::routing::breaker::{BreakerRule, Permit, Verdict};
use reflexarc::units::{ModelId, SimDuration, SimTime};

use super::{Cell, Rule, profiles};
use crate::one_breaker::{OneBreaker, breakers};

const NANO: SimDuration = SimDuration(1);

pub(crate) fn millis(n: u64) -> SimDuration {
    SimDuration(n * 1_000_000)
}

/// How many trial calls pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Trials {
    /// Any number.
    Unlimited,
    /// So many in flight.
    InFlight(usize),
    /// So many in all, until the period ends.
    Budget(usize),
}

/// What an ignored trial call does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ignored {
    Closes,
    Opens,
    /// Nothing is decided, and its permit is free again.
    GivesBack,
    /// It counts as a success, of which one does not close.
    Counts,
}

/// Something of a rule, its words, and what asserts it.
pub(crate) type Aside = (Rule, &'static str, fn(&BreakerRule));

/// What a library does by its defaults.
pub(crate) struct Profile {
    pub(crate) rule: BreakerRule,
    pub(crate) source: &'static str,
    /// When it opens, in words with its numbers.
    pub(crate) opens: String,
    /// Results of calls one after the other, `true` for a success: the last one opens it.
    pub(crate) opening: Vec<bool>,
    /// Results that do not open it.
    pub(crate) not_opening: Vec<bool>,
    /// How much after the result that opens it does it open at the latest.
    pub(crate) lag: SimDuration,
    /// The first time open, and that after a failed trial: least and most.
    pub(crate) open: [SimDuration; 2],
    pub(crate) reopen: [SimDuration; 2],
    /// A call at the very end of that time is refused.
    pub(crate) strict: bool,
    /// A timer ends it, not a call.
    pub(crate) timer: bool,
    pub(crate) trials: Trials,
    pub(crate) ignored: Ignored,
    pub(crate) successes_to_close: usize,
    pub(crate) failures_to_open: usize,
    /// A failure from before the opening makes it stay open longer.
    pub(crate) late_failure_restarts: bool,
    pub(crate) fails_open: bool,
    /// What is asserted apart, with its words.
    pub(crate) beside: Vec<Aside>,
}

pub(crate) fn row(parts: &[(bool, usize)]) -> Vec<bool> {
    parts.iter().flat_map(|(result, n)| std::iter::repeat_n(*result, *n)).collect()
}

/// A breaker on its way.
#[derive(Clone)]
pub(crate) struct Rig {
    pub(crate) one: OneBreaker,
    pub(crate) now: SimTime,
}

impl Rig {
    pub(crate) fn new(rule: &BreakerRule) -> Self {
        Self { one: OneBreaker::new(rule), now: SimTime::ZERO }
    }

    pub(crate) fn state(&mut self) -> BreakerState {
        self.one.state(self.now)
    }

    pub(crate) fn end(&mut self, permit: Permit, verdict: Verdict) {
        self.one.end(self.now, permit, verdict, SimDuration::ZERO);
    }

    /// A whole call that takes no time, if it passes.
    pub(crate) fn call(&mut self, verdict: Verdict) -> bool {
        let permit = self.one.acquire(self.now);
        if let Some(permit) = permit {
            self.end(permit, verdict);
        }
        permit.is_some()
    }

    /// Calls with these results, 10 ms apart; the state after them.
    pub(crate) fn results(&mut self, results: &[bool]) -> BreakerState {
        for success in results {
            self.now += millis(10);
            let verdict = if *success { Verdict::Success } else { Verdict::Failure };
            assert!(self.call(verdict), "refused after {} results", results.len());
        }
        self.state()
    }

    /// Opens it, and goes to that instant.
    pub(crate) fn open(&mut self, profile: &Profile) {
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
    pub(crate) fn trial(&mut self) -> Permit {
        self.now = self.passes_from();
        let permit = self.one.acquire(self.now).expect("it passes from here on");
        assert_eq!(self.state(), HalfOpen);
        permit
    }
}

pub(crate) fn seconds(span: SimDuration) -> String {
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

pub(crate) fn plural(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// The cells of all presets.
pub(crate) fn cells() -> Vec<Cell> {
    profiles::all().iter().flat_map(Profile::drive).collect()
}
