//! The routing stack: order, quota ledger, breakers, retries and fallbacks, composed without clock, queue or generator.
//!
//! Facts and `now` go in, steps come out: call a model, wait, or finish. What is true of the world cannot be imported
//! here; a policy knows the registry and what came back.

pub mod allocator;
pub mod breaker;
mod explain;
pub mod fallback;
mod features;
pub mod ledger;
pub mod meter;
pub mod monitor;
pub mod order;
pub mod reweighting;
pub mod roster;
mod recovery;
mod stack;
pub mod trial;

use crate::domain::{ChosenBy, FallbackReason, ModelSet, Propensity, Role};
use crate::reward::Reward;
use crate::units::{ModelId, SimDuration};

use allocator::AllocatorRule;
use breaker::{BreakerRule, Permit};
use fallback::{FallbackPlan, RetryPlan};
use ledger::LedgerRule;
use monitor::MonitorRule;
use order::OrderRule;
use reweighting::Reweighting;
use roster::Presence;
use trial::TrialRule;

pub use stack::Stack;

/// A stack as configured, all names resolved.
#[derive(Clone, Debug)]
pub struct StackRule {
    /// Which model first.
    pub order: OrderRule,
    /// A second order on trial beside it, if there is one.
    pub trial: Option<TrialRule>,
    /// The learner takes in results; if not, it stays at its initial beliefs.
    pub learning: bool,
    /// What the learner is fed.
    pub reward: Reward,
    /// How the weights of a level reward change.
    pub reweighting: Reweighting,
    /// What a refusal feeds the learner; nothing unless set.
    pub refusal_reward: Option<f64>,
    /// An incomplete answer counts as an answer.
    pub partial_counts: bool,
    /// The order leaves out models with an open breaker.
    pub order_sees_breaker: bool,
    /// A call without an answer by then is given up.
    pub call_timeout: SimDuration,
    /// Models that are there only for a part of the run.
    pub present: Vec<Presence>,
    /// Called when no model is eligible.
    pub last_resort: Option<ModelId>,
    /// A model whose key was refused is asked again after this time.
    pub auth_recheck: SimDuration,
    /// A model that answered 429 is left alone for this time, or for its Retry-After if that is longer; zero: not at all.
    pub hold_after_429: SimDuration,
    /// The ledger's judgement.
    pub ledger: LedgerRule,
    /// Retries.
    pub retry: RetryPlan,
    /// Fallbacks.
    pub fallback: FallbackPlan,
    /// Breakers.
    pub breaker: BreakerRule,
    /// Daily allocation of models and budgets to levels, if there is one.
    pub allocator: Option<AllocatorRule>,
    /// The monitor's bounds.
    pub monitor: MonitorRule,
}

impl StackRule {
    /// Whether an order of it follows the vendors' price lists.
    #[must_use]
    pub fn reads_prices(&self) -> bool {
        let follows = OrderRule::CheapestNow;
        self.order == follows || self.trial.as_ref().is_some_and(|t| t.challenger == follows)
    }

    /// Whether an order of it has to be told what to expect.
    #[must_use]
    pub fn is_informed(&self) -> bool {
        let informed = OrderRule::InformedGreedy;
        self.order == informed || self.trial.as_ref().is_some_and(|t| t.challenger == informed)
    }
}

/// A call that the stack wants made.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Whom to call.
    pub model: ModelId,
    /// Why.
    pub role: Role,
    /// Who picked the model.
    pub chosen_by: ChosenBy,
    /// With which probability.
    pub propensity: Propensity,
    /// Chosen in order to learn.
    pub explored: bool,
    /// Why a fallback was needed, for calls with that role.
    pub fallback_reason: Option<FallbackReason>,
    /// Local hour of the decision, for the learner's context.
    pub hour: u8,
    /// What the model's breaker gave it.
    pub permit: Permit,
}

/// What the stack wants next for a step.
#[derive(Clone, Copy, Debug)]
pub enum Next {
    /// Make this call.
    Call(Call),
    /// Come back with [`Stack::resume`] after this time.
    Wait(SimDuration),
    /// Nothing more: the step ends as its last call did, or shed if there was none.
    Finish,
}

/// What the stack remembers of one step in flight.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chain {
    /// Which order the step began with: 0 is the stack's own, 1 the one on trial.
    arm: u8,
    tried: ModelSet,
    decisions: u16,
    retries: u16,
    fallbacks: u16,
    retry: Option<ModelId>,
    /// The model whose skipping or failing first made another one necessary, and why.
    pub trigger: Option<(ModelId, FallbackReason)>,
}
