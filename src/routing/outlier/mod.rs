//! Pool-level detectors: which models of a group are taken out of service for a while, by their results and by those of
//! their group.
//!
//! Unlike a breaker, a detector has no half-open state: a model is in or out, and comes back with its whole traffic.
//! Whether calls pass when all or most of a group are out is the rule's own. A detector sees what a gateway sees, the
//! status of a call: an answer that is incomplete or wrong came with status 200.

mod bench;
mod envoy;
mod helicone;
mod litellm;
mod portkey;

use super::breaker::{CallEnd, Permit, Surroundings};
use crate::domain::{ModelSet, Outcome, StackEvent};
use crate::units::{ModelId, SimDuration, SimTime};

pub use envoy::EnvoyRule;
pub use helicone::HeliconeRule;
pub use litellm::{LitellmRule, Recool};
pub use portkey::PortkeyRule;

use envoy::Envoy;
use helicone::Helicone;
use litellm::Litellm;
use portkey::Portkey;

/// Which detector a stack has.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum OutlierRule {
    /// No model is ever taken out.
    #[default]
    None,
    /// LiteLLM's cooldown of deployments.
    Litellm(LitellmRule),
    /// Envoy's outlier detection, with its panic threshold.
    Envoy(EnvoyRule),
    /// The health monitor of Helicone's AI gateway.
    Helicone(HeliconeRule),
    /// Portkey's circuit breaker as documented.
    Portkey(PortkeyRule),
}

impl OutlierRule {
    /// Why the rule can never take a model of a group of `n` out, or hardly ever, where that is certain; for the check of
    /// scenarios.
    #[must_use]
    pub fn is_idle(&self, n: usize) -> Option<&'static str> {
        match self {
            Self::None | Self::Helicone(_) | Self::Portkey(_) => None,
            Self::Litellm(own)
                if own.disable_cooldowns || own.cooldown_time == SimDuration::ZERO =>
            {
                Some("its cooldowns are switched off")
            }
            Self::Litellm(own)
                if n <= 1 && own.allowed_fails == LitellmRule::IGNORED_ALLOWED_FAILS =>
            {
                Some(
                    "a lone deployment is cooled only by 401, or when 1000 calls of a minute all failed (litellm issue 40405); `allowed_fails` other than 3 cools it",
                )
            }
            Self::Litellm(_) => None,
            Self::Envoy(own) => {
                let one = 100.0 / n.max(1) as f64;
                (!own.always_eject_one_host && one > own.max_ejection_percent).then_some(
                    "one host is a larger part of the group than `max_ejection_percent`, and `always_eject_one_host` is false (envoy issue 34666)",
                )
            }
        }
    }
}

/// What a call looked like to a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    /// An answer, whatever it was worth.
    Ok,
    /// 5xx of the provider.
    ServerError,
    /// No connection, or one that broke before an answer.
    Disconnected,
    /// No answer in time.
    TimedOut,
    /// 429.
    TooMany,
    /// 401.
    Unauthorized,
    /// 400: the request itself was at fault.
    BadRequest,
}

impl Status {
    /// The status that an outcome had; none for calls that did not come to an end of their own.
    fn of(outcome: Outcome) -> Option<Self> {
        match outcome {
            Outcome::Success | Outcome::Partial | Outcome::Failure => Some(Self::Ok),
            Outcome::ApiError => Some(Self::ServerError),
            Outcome::ConnectionError => Some(Self::Disconnected),
            Outcome::Timeout => Some(Self::TimedOut),
            Outcome::RateLimited | Outcome::QuotaExhausted => Some(Self::TooMany),
            Outcome::Auth => Some(Self::Unauthorized),
            Outcome::ContextLength | Outcome::ContentPolicy => Some(Self::BadRequest),
            Outcome::Cancelled | Outcome::Shed | Outcome::Interrupted => None,
        }
    }
}

/// The end of a call, as a detector takes it.
#[derive(Clone, Copy, Debug)]
struct End {
    model: ModelId,
    status: Status,
    /// The wait that the refusal advised.
    retry_after: Option<SimDuration>,
}

/// What every detector does.
trait Detector {
    /// The models that take no call at `now`.
    fn refusing(&self, now: SimTime) -> ModelSet;
    /// The first instant from `now` on at which `model` takes calls, if nothing but time goes by.
    fn passes_from(&self, now: SimTime, model: ModelId) -> SimTime;
    /// Books that a call was let pass.
    fn sent(&mut self, _now: SimTime, _model: ModelId) {}
    /// Books the end of a call.
    fn settle(&mut self, now: SimTime, end: End, log: &mut Vec<StackEvent>);
    /// When something changes by time alone next.
    fn due(&self) -> SimTime;
    /// Makes the changes that are due by `now`.
    fn advance(&mut self, now: SimTime, log: &mut Vec<StackEvent>);
}

/// The detector of a stack over all its models, with their transitions.
#[derive(Clone, Debug)]
pub struct Outliers {
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    None,
    Litellm(Litellm),
    Envoy(Envoy),
    Helicone(Helicone),
    Portkey(Portkey),
}

impl Outliers {
    /// All models in service.
    #[must_use]
    pub fn new(rule: &OutlierRule, surroundings: &Surroundings) -> Self {
        let kind = match rule {
            OutlierRule::None => Kind::None,
            OutlierRule::Litellm(rule) => Kind::Litellm(Litellm::new(rule.clone(), surroundings)),
            OutlierRule::Envoy(rule) => Kind::Envoy(Envoy::new(rule.clone(), surroundings)),
            OutlierRule::Helicone(rule) => {
                Kind::Helicone(Helicone::new(rule.clone(), surroundings))
            }
            OutlierRule::Portkey(rule) => Kind::Portkey(Portkey::new(rule.clone(), surroundings)),
        };
        Self { kind }
    }

    fn detector(&self) -> Option<&dyn Detector> {
        match &self.kind {
            Kind::None => None,
            Kind::Litellm(own) => Some(own),
            Kind::Envoy(own) => Some(own),
            Kind::Helicone(own) => Some(own),
            Kind::Portkey(own) => Some(own),
        }
    }

    fn detector_mut(&mut self) -> Option<&mut dyn Detector> {
        match &mut self.kind {
            Kind::None => None,
            Kind::Litellm(own) => Some(own),
            Kind::Envoy(own) => Some(own),
            Kind::Helicone(own) => Some(own),
            Kind::Portkey(own) => Some(own),
        }
    }

    /// The models that take no call at `now`.
    #[inline]
    #[must_use]
    pub fn refusing(&self, now: SimTime) -> ModelSet {
        self.detector().map_or(ModelSet::EMPTY, |detector| detector.refusing(now))
    }

    /// The first instant from `now` on at which `model` takes calls, if nothing but time goes by.
    #[must_use]
    pub fn passes_from(&self, now: SimTime, model: ModelId) -> Option<SimTime> {
        Some(self.detector().map_or(now, |detector| detector.passes_from(now, model)))
    }

    /// Asks for a call to `model`.
    #[inline]
    pub fn acquire(
        &mut self,
        now: SimTime,
        model: ModelId,
        log: &mut Vec<StackEvent>,
    ) -> Option<Permit> {
        let Some(detector) = self.detector_mut() else { return Some(Permit::default()) };
        detector.advance(now, log);
        if detector.refusing(now).contains(model) {
            return None;
        }
        detector.sent(now, model);
        Some(Permit::default())
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
        self.settle_advised(now, model, permit, end, None, log);
    }

    /// The same of a call whose refusal advised to wait for `retry_after`, which is how long LiteLLM then leaves the
    /// deployment alone.
    #[inline]
    pub fn settle_advised(
        &mut self,
        now: SimTime,
        model: ModelId,
        _permit: Permit,
        end: CallEnd,
        retry_after: Option<SimDuration>,
        log: &mut Vec<StackEvent>,
    ) {
        let Some(detector) = self.detector_mut() else { return };
        detector.advance(now, log);
        if let Some(status) = Status::of(end.outcome) {
            detector.settle(now, End { model, status, retry_after }, log);
        }
    }

    /// Lets the detectors of several instances know whom each of them has taken out, as far as their gateways share that:
    /// LiteLLM keeps its cooldowns in a cache that all instances read.
    pub fn share<'a>(
        detectors: impl Iterator<Item = &'a mut Self>,
        now: SimTime,
        log: &mut Vec<StackEvent>,
    ) {
        let cooldowns = |own: &'a mut Self| match &mut own.kind {
            Kind::Litellm(own) => Some(own),
            _ => None,
        };
        let mut all: Vec<&mut Litellm> = detectors.filter_map(cooldowns).collect();
        let known: Vec<_> = all.iter().flat_map(|own| own.cooldowns(now)).collect();
        for own in &mut all {
            own.adopt(now, &known, log);
        }
    }

    /// When something changes by time alone next.
    #[inline]
    #[must_use]
    pub fn due(&self) -> SimTime {
        self.detector().map_or(SimTime::NEVER, Detector::due)
    }

    /// Makes the changes that are due at `now`.
    pub fn advance(&mut self, now: SimTime, log: &mut Vec<StackEvent>) {
        if let Some(detector) = self.detector_mut() {
            detector.advance(now, log);
        }
    }
}
