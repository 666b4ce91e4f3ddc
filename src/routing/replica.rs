//! One instance of the stack's short memory: quota ledger, breakers, models left alone. A stack runs in one, or in several
//! that know of one another late or never.

use jiff::Timestamp;

use super::admission::Admission;
use super::breaker::{Breakers, CallEnd, Permit, Surroundings};
use super::budget::RetryBudget;
use super::ledger::Ledger;
use super::outlier::Outliers;
use super::ramp::Ramps;
use super::throttle::Throttle;
use super::{Call, StackRule};
use crate::domain::{FallbackReason, ModelSet, Outcome, StackEvent};
use crate::registry::Registry;
use crate::units::{ModelId, SimDuration, SimTime};

/// How many instances a stack runs in, and what they know of one another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReplicaRule {
    /// Instances, each with its own counters.
    pub n: u8,
    /// How often they learn what the others counted; `None`: never.
    pub sync_every: Option<SimDuration>,
    /// How tasks are spread.
    pub assign: Assign,
}

impl ReplicaRule {
    /// One instance.
    pub const ONE: Self = Self { n: 1, sync_every: None, assign: Assign::RoundRobin };
}

/// How tasks are spread over instances.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Assign {
    /// One after the other.
    #[default]
    RoundRobin,
    /// At random.
    Random,
}

/// A model that is left alone for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Hold {
    pub(super) model: ModelId,
    pub(super) until: SimTime,
    /// How the call ended that brought it.
    pub(super) outcome: Outcome,
}

impl Hold {
    pub(super) fn reason(&self) -> FallbackReason {
        FallbackReason::of(self.outcome)
    }
}

/// One instance.
#[derive(Clone, Debug)]
pub(super) struct Replica {
    pub(super) ledger: Ledger,
    breakers: Breakers,
    outliers: Outliers,
    pub(super) holds: Vec<Hold>,
    pub(super) budget: RetryBudget,
    pub(super) throttle: Throttle,
    pub(super) admission: Admission,
    pub(super) ramps: Ramps,
    /// The models that took no calls when the ramps were last looked at.
    pub(super) out: ModelSet,
}

impl Replica {
    pub(super) fn new(
        rule: &StackRule,
        registry: &Registry,
        start: Timestamp,
        surroundings: &Surroundings,
    ) -> Self {
        Self {
            ledger: Ledger::new(&rule.ledger, registry, start),
            breakers: Breakers::new(&rule.breaker, surroundings),
            outliers: Outliers::new(&rule.outliers, surroundings),
            holds: Vec::new(),
            budget: RetryBudget::new(&rule.retry_budget),
            throttle: Throttle::new(&rule.throttle),
            admission: Admission::new(&rule.admission),
            ramps: Ramps::new(rule.ramp, registry.models.len()),
            out: ModelSet::EMPTY,
        }
    }

    /// The models whose breaker or whose group's detector would refuse a call at `now`.
    #[inline]
    pub(super) fn refusing(&self, now: SimTime) -> ModelSet {
        self.breakers.refusing(now).or(self.outliers.refusing(now))
    }

    /// When `model` may be called again, as far as time alone decides.
    pub(super) fn passes_from(&self, now: SimTime, model: ModelId) -> Option<SimTime> {
        let breaker = self.breakers.passes_from(now, model)?;
        Some(breaker.max(self.outliers.passes_from(now, model)?))
    }

    /// Asks for a call to `model`.
    #[inline]
    pub(super) fn acquire(
        &mut self,
        now: SimTime,
        model: ModelId,
        log: &mut Vec<StackEvent>,
    ) -> Option<Permit> {
        if self.outliers.refusing(now).contains(model) {
            return None;
        }
        let permit = self.breakers.acquire(now, model, log)?;
        self.outliers.acquire(now, model, log)?;
        Some(permit)
    }

    /// Breaker and detector take in how a call ended.
    #[inline]
    pub(super) fn settle(
        &mut self,
        now: SimTime,
        call: &Call,
        end: CallEnd,
        retry_after: Option<SimDuration>,
        log: &mut Vec<StackEvent>,
    ) {
        self.breakers.settle(now, call.model, call.permit, end, log);
        self.outliers.settle_advised(now, call.model, call.permit, end, retry_after, log);
    }

    /// When a breaker or detector changes by time alone next.
    #[inline]
    pub(super) fn due(&self) -> SimTime {
        self.breakers.due().min(self.outliers.due())
    }

    /// Makes the changes that are due at `now`.
    pub(super) fn advance(&mut self, now: SimTime, log: &mut Vec<StackEvent>) {
        self.breakers.advance(now, log);
        self.outliers.advance(now, log);
    }

    /// The models left alone at `now`.
    pub(super) fn held(&mut self, now: SimTime) -> ModelSet {
        if self.holds.is_empty() {
            return ModelSet::EMPTY;
        }
        self.holds.retain(|hold| hold.until > now);
        self.holds.iter().map(|hold| hold.model).collect()
    }

    /// Leaves `model` alone until an instant.
    pub(super) fn hold(&mut self, model: ModelId, until: SimTime, outcome: Outcome) {
        self.holds.push(Hold { model, until, outcome });
    }

    /// Whether the key of `model` is known to be dead.
    pub(super) fn is_dead(&self, model: ModelId) -> bool {
        self.holds.iter().any(|hold| hold.model == model && hold.outcome == Outcome::Auth)
    }

    /// Why `model` is left alone, if it is.
    pub(super) fn hold_of(&self, model: ModelId) -> Option<&Hold> {
        self.holds.iter().find(|hold| hold.model == model)
    }
}

/// Lets all instances know what each of them knows.
pub(super) fn sync(replicas: &mut [Replica], now: SimTime, log: &mut Vec<StackEvent>) {
    let mut holds: Vec<Hold> = Vec::new();
    for replica in &mut *replicas {
        replica.held(now);
        for hold in &replica.holds {
            if !holds.contains(hold) {
                holds.push(*hold);
            }
        }
    }
    Outliers::share(replicas.iter_mut().map(|replica| &mut replica.outliers), now, log);
    Ledger::share(replicas.iter_mut().map(|replica| &mut replica.ledger), now);
    for replica in replicas {
        replica.holds.clone_from(&holds);
    }
}
