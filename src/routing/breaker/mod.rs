//! Circuit breakers: one for each model, refusing calls after failures. Every library is one file beside this one.
//!
//! A library's file holds its rule (its configuration, with its own defaults), its window where no other has the like, and
//! its machine, an implementation of `Machine`; what several have in common stands in `machine`, `window` and `accrual`.
//! To add one: write that file, add its row to `presets!`, its keys to the scenario's `written::Breaker`, its line to
//! `scenario::resolve::breaker`, its profile to `tests/conformance/breakers.rs`.
#![doc = include_str!("CONFORMANCE.md")]

mod accrual;
mod cockatiel;
mod failsafe_go;
mod failsafe_rs;
mod finagle;
mod hystrix;
mod machine;
mod opossum;
mod polly;
mod purgatory;
mod pybreaker;
mod recloser;
mod reflexarc;
mod resilience4j;
mod stage4;
mod window;

use jiff::Timestamp;

use crate::domain::{BreakerEvent, BreakerState, ModelSet, Outcome, StackEvent};
use crate::sim::stream::Streams;
use crate::units::{ModelId, SimDuration, SimTime};

pub use accrual::{Accrual, Consecutive, DeadTime, SuccessRate};
pub use cockatiel::{CockatielRule, HalfOpenAfter, Trip};
pub use failsafe_go::FailsafeGoRule;
pub use failsafe_rs::FailsafeRsRule;
pub use finagle::FinagleRule;
pub use hystrix::HystrixRule;
pub use machine::{Classes, Figure, OutcomeSet, Volume};
pub use opossum::OpossumRule;
pub use polly::PollyRule;
pub use purgatory::PurgatoryRule;
pub use pybreaker::PybreakerRule;
pub use recloser::RecloserRule;
pub use reflexarc::ReflexarcRule;
pub use resilience4j::{Interval, Resilience4jRule, Synchronization, WindowType};
pub use stage4::Stage4Rule;

use machine::{Birth, Machine};

/// What a breaker gave to a call that it let pass, to be handed back when the call ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permit(u32);

/// How a call ended, as a breaker takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It speaks for the model.
    Success,
    /// It speaks against it.
    Failure,
    /// It says nothing of it: cancelled, or an error of the caller's own.
    Ignored,
}

/// The end of a call.
#[derive(Clone, Copy, Debug)]
pub struct CallEnd {
    /// As the breaker takes it.
    pub verdict: Verdict,
    /// How it ended.
    pub outcome: Outcome,
    /// From its permit to its end.
    pub duration: SimDuration,
}

impl CallEnd {
    /// Whether the caller gave it up, so that a library may never hear of it.
    fn was_dropped(&self) -> bool {
        self.verdict == Verdict::Ignored
            && matches!(self.outcome, Outcome::Cancelled | Outcome::Interrupted)
    }
}

/// What breakers know of the stack that they stand in.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// By model, those that may take its place, itself among them: its group.
    pub peers: Vec<ModelSet>,
    /// The instant of virtual time zero, for windows that follow the clock.
    pub start: Timestamp,
    /// Random numbers of the run.
    pub streams: Streams,
}

/// Makes the rule, the breakers of all models and what goes to each kind from one list: variant, name in scenarios, breaker.
macro_rules! presets {
    ($($(#[$about:meta])* $name:ident = $key:literal, $machine:ty;)+) => {
        /// Which breaker a stack has.
        #[derive(Clone, Debug, PartialEq)]
        pub enum BreakerRule {
            /// Every call passes.
            None,
            $($(#[$about])* $name(<$machine as Machine>::Rule),)+
        }

        impl BreakerRule {
            /// The name in scenarios.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    Self::None => "none",
                    $(Self::$name(_) => $key,)+
                }
            }

            /// How it takes `outcome`, which the stack serves somebody with, or not.
            #[inline]
            #[must_use]
            pub fn verdict(&self, outcome: Outcome, served: bool) -> Verdict {
                match self {
                    Self::None if served => Verdict::Success,
                    Self::None => Verdict::Failure,
                    $(Self::$name(rule) => rule.classes.verdict(outcome, served),)+
                }
            }

            /// The fewest results that can open it; `None` if nothing can.
            #[must_use]
            pub fn volume(&self) -> Option<Volume> {
                match self {
                    Self::None => None,
                    $(Self::$name(rule) => Some(<$machine>::volume(rule)),)+
                }
            }

            /// How long it is open after the first opening, the shortest where that is drawn; `None` if nothing opens it.
            #[must_use]
            pub fn opens_for(&self) -> Option<SimDuration> {
                match self {
                    Self::None => None,
                    $(Self::$name(rule) => Some(<$machine>::opens_for(rule)),)+
                }
            }

            /// What surprises the users of this configuration, with the library's issue where there is one.
            #[must_use]
            pub fn traps(&self) -> Vec<&'static str> {
                match self {
                    Self::None => Vec::new(),
                    $(Self::$name(rule) => <$machine>::traps(rule),)+
                }
            }

            /// In which way this configuration can get stuck, when, and how to avoid it.
            #[must_use]
            pub fn wedges(&self) -> Option<&'static str> {
                match self {
                    Self::None => None,
                    $(Self::$name(rule) => <$machine>::wedges(rule),)+
                }
            }
        }

        #[derive(Clone, Debug)]
        enum Bank {
            None,
            $($name(Vec<$machine>),)+
        }

        impl Bank {
            fn new(rule: &BreakerRule, surroundings: &Surroundings) -> Self {
                match rule {
                    BreakerRule::None => Self::None,
                    $(BreakerRule::$name(rule) => Self::$name(births(surroundings)
                        .map(|birth| <$machine>::new(rule, birth))
                        .collect()),)+
                }
            }
        }

        /// Runs the same code on whichever breakers there are, or gives a value if there are none.
        macro_rules! each {
            ($bank:expr, $machines:ident => $do:expr, else $otherwise:expr) => {
                match $bank {
                    Bank::None => $otherwise,
                    $(Bank::$name($machines) => $do,)+
                }
            };
        }
    };
}

presets! {
    /// The recommended one.
    Reflexarc = "reflexarc", reflexarc::ReflexarcBreaker;
    /// The plan's breaker (stage4.md section 11).
    Stage4 = "stage4", stage4::Stage4Breaker;
    /// resilience4j 2.4.0.
    Resilience4j = "resilience4j", resilience4j::Resilience4jBreaker;
    /// Polly v8.
    Polly = "polly", polly::PollyBreaker;
    /// Hystrix 1.5.
    Hystrix = "hystrix", hystrix::HystrixBreaker;
    /// Finagle's failure accrual.
    Finagle = "finagle", finagle::FinagleBreaker;
    /// failsafe-go 0.9.7.
    FailsafeGo = "failsafe_go", failsafe_go::FailsafeGoBreaker;
    /// opossum 9.0.0.
    Opossum = "opossum", opossum::OpossumBreaker;
    /// pybreaker 1.4.1.
    Pybreaker = "pybreaker", pybreaker::PybreakerBreaker;
    /// cockatiel 3.2.1.
    Cockatiel = "cockatiel", cockatiel::CockatielBreaker;
    /// purgatory 3.0.1.
    Purgatory = "purgatory", purgatory::PurgatoryBreaker;
    /// The crate failsafe 1.3.0.
    FailsafeRs = "failsafe_rs", failsafe_rs::FailsafeRsBreaker;
    /// The crate recloser 1.4.0.
    Recloser = "recloser", recloser::RecloserBreaker;
}

fn births(surroundings: &Surroundings) -> impl Iterator<Item = Birth> {
    let ids = (0_u16..).map(ModelId).take(surroundings.peers.len());
    ids.map(|model| Birth::of(model, surroundings.start, surroundings.streams))
}

/// The breakers of all models, with their transitions.
#[derive(Clone, Debug)]
pub struct Breakers {
    bank: Bank,
    watch: Watch,
}

/// What is remembered of all breakers, so that most questions cost nothing.
#[derive(Clone, Debug)]
struct Watch {
    /// Those that may refuse.
    guarding: ModelSet,
    /// When the next timer of any fires.
    due: SimTime,
    peers: Vec<ModelSet>,
}

impl Watch {
    /// Acts on `model`'s breaker, logs its transition and notes what it has become.
    #[inline]
    fn with<M: Machine, T>(
        &mut self,
        machines: &mut [M],
        at: SimTime,
        model: ModelId,
        log: &mut Vec<StackEvent>,
        act: impl FnOnce(&mut M) -> T,
    ) -> T {
        let machine = &mut machines[model.index()];
        let from = machine.state();
        let result = act(machine);
        let to = machine.state();
        if from != to {
            log.push(StackEvent::Breaker(BreakerEvent { at, model, from, to }));
        }
        if machine.guards() {
            self.guarding.insert(model);
        } else {
            self.guarding.remove(model);
        }
        if M::TIMED {
            self.due = machines.iter().map(M::due).min().unwrap_or(SimTime::NEVER);
        }
        result
    }

    /// Fires all timers up to `now` in order of time.
    #[inline]
    fn fire<M: Machine>(&mut self, machines: &mut [M], now: SimTime, log: &mut Vec<StackEvent>) {
        while M::TIMED && self.due <= now {
            let due = self.due;
            let at = machines.iter().position(|machine| machine.due() == due);
            let Some(at) = at else { return };
            self.with(machines, due, ModelId(at as u16), log, |machine| machine.fire(due));
        }
    }

    #[inline]
    fn refusing<M: Machine>(&self, machines: &[M], now: SimTime) -> ModelSet {
        let mut refusing = self.guarding;
        for model in self.guarding.iter() {
            if machines[model.index()].would_pass(now) {
                refusing.remove(model);
            }
        }
        if M::FAILS_OPEN {
            let all = refusing;
            for model in all.iter() {
                if self.peers[model.index()].minus(all).is_empty() {
                    refusing.remove(model);
                }
            }
        }
        refusing
    }
}

impl Breakers {
    /// Breakers for all models, or none at all.
    #[must_use]
    pub fn new(rule: &BreakerRule, surroundings: &Surroundings) -> Self {
        let bank = Bank::new(rule, surroundings);
        let ids = || (0_u16..).map(ModelId).take(surroundings.peers.len());
        let (guarding, due) = each!(&bank, machines => {
            let guarding = ids().filter(|model| machines[model.index()].guards()).collect();
            (guarding, machines.iter().map(Machine::due).min().unwrap_or(SimTime::NEVER))
        }, else (ModelSet::EMPTY, SimTime::NEVER));
        Self { bank, watch: Watch { guarding, due, peers: surroundings.peers.clone() } }
    }

    /// The models whose breaker would refuse a call at `now`.
    #[inline]
    #[must_use]
    pub fn refusing(&self, now: SimTime) -> ModelSet {
        if self.watch.guarding.is_empty() {
            return ModelSet::EMPTY;
        }
        each!(&self.bank, machines => self.watch.refusing(machines, now), else ModelSet::EMPTY)
    }

    /// The first instant from `now` on at which `model`'s breaker may let a call pass, as far as time alone decides;
    /// `None` if it waits for something else.
    #[must_use]
    pub fn passes_from(&self, now: SimTime, model: ModelId) -> Option<SimTime> {
        if !self.refusing(now).contains(model) {
            return Some(now);
        }
        let from = each!(&self.bank, machines => machines[model.index()].passes_from(),
            else Some(now));
        from.map(|from| from.max(now))
    }

    /// Asks for a call to `model`.
    #[inline]
    pub fn acquire(
        &mut self,
        now: SimTime,
        model: ModelId,
        log: &mut Vec<StackEvent>,
    ) -> Option<Permit> {
        let watch = &mut self.watch;
        each!(&mut self.bank, machines => {
            watch.fire(machines, now, log);
            acquire(watch, machines, now, model, log)
        }, else Some(Permit::default()))
    }

    /// Takes the result of a call to `model` that had been let pass.
    #[inline]
    pub fn settle(
        &mut self,
        now: SimTime,
        model: ModelId,
        permit: Permit,
        end: CallEnd,
        log: &mut Vec<StackEvent>,
    ) {
        let watch = &mut self.watch;
        each!(&mut self.bank, machines => {
            watch.fire(machines, now, log);
            watch.with(machines, now, model, log, |machine| machine.settle(now, permit, &end));
        }, else ());
    }

    /// When a breaker changes by time alone next.
    #[inline]
    #[must_use]
    pub fn due(&self) -> SimTime {
        self.watch.due
    }

    /// Makes the changes that are due at `now`.
    pub fn advance(&mut self, now: SimTime, log: &mut Vec<StackEvent>) {
        let watch = &mut self.watch;
        each!(&mut self.bank, machines => watch.fire(machines, now, log), else ());
    }

    /// The state of `model`'s breaker.
    #[must_use]
    pub fn state(&self, model: ModelId) -> BreakerState {
        each!(&self.bank, machines => machines[model.index()].state(), else BreakerState::Closed)
    }

    /// What `model`'s breaker counts, with the library's names, as one reads it at `now`. Where the library moves a window
    /// by being read, so does this.
    pub fn figures(&mut self, now: SimTime, model: ModelId) -> Vec<Figure> {
        each!(&mut self.bank, machines => machines[model.index()].figures(now), else Vec::new())
    }
}

#[inline]
fn acquire<M: Machine>(
    watch: &mut Watch,
    machines: &mut [M],
    now: SimTime,
    model: ModelId,
    log: &mut Vec<StackEvent>,
) -> Option<Permit> {
    let permit = watch.with(machines, now, model, log, |machine| machine.acquire(now));
    if permit.is_some() || !M::FAILS_OPEN {
        return permit;
    }
    let passes = !watch.refusing(machines, now).contains(model);
    passes.then(|| watch.with(machines, now, model, log, Machine::pass_anyway))
}
