//! The routing stack: order, quota ledger, breakers, retries and fallbacks, composed without clock, queue or generator.
//!
//! Facts and `now` go in, steps come out: call a model, wait, or finish. What is true of the world cannot be imported
//! here; a policy knows the registry and what came back.

pub mod admission;
pub mod allocator;
pub mod breaker;
pub mod budget;
mod eligibility;
mod explain;
pub mod fallback;
mod features;
mod feedback;
pub mod hedge;
pub mod ledger;
pub mod load;
pub mod meter;
pub mod minute;
pub mod monitor;
pub mod order;
pub mod outlier;
mod own_time;
pub mod ramp;
mod recovery;
pub mod replica;
pub mod retry;
pub mod reweighting;
pub mod roster;
mod sliding;
mod stack;
pub mod throttle;
pub mod trial;

use crate::domain::{ChosenBy, FallbackReason, ModelSet, Outcome, Propensity, Request, Role};
use crate::reward::Reward;
use crate::units::{ModelId, SimDuration, SimTime};

use admission::AdmissionRule;
use allocator::AllocatorRule;
use breaker::{BreakerRule, Permit};
use budget::BudgetRule;
use fallback::{FallbackPlan, Group, Walk};
use hedge::HedgeRule;
use ledger::LedgerRule;
use monitor::MonitorRule;
use order::OrderRule;
use outlier::OutlierRule;
use ramp::RampRule;
use replica::ReplicaRule;
use retry::{OnFailures, Reads429, RetryPlan, RetryTarget};
use reweighting::Reweighting;
use roster::Presence;
use throttle::ThrottleRule;
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
    /// A call of whose answer nothing has come by then is given up.
    pub first_token_timeout: SimDuration,
    /// The time for a task and all its steps.
    pub deadline: DeadlineRule,
    /// Models that are there only for a part of the run.
    pub present: Vec<Presence>,
    /// Called when no model is eligible.
    pub last_resort: Option<ModelId>,
    /// A step for which nobody is left waits for the first model that comes back within this time from its arrival.
    pub wait_for_model: Option<SimDuration>,
    /// How a 429 is read.
    pub reads_429: Reads429,
    /// What is done after each class of failure.
    pub on: OnFailures,
    /// Models that answer to one name; without any, those that serve a level.
    pub groups: Vec<Group>,
    /// The ledger's counts and judgement.
    pub ledger: LedgerRule,
    /// Retries.
    pub retry: RetryPlan,
    /// Fallbacks.
    pub fallback: FallbackPlan,
    /// Hedged calls, if there are any.
    pub hedge: Option<HedgeRule>,
    /// A bound on the retries and hedges of all steps together.
    pub retry_budget: BudgetRule,
    /// Whether steps are dropped while providers refuse.
    pub throttle: ThrottleRule,
    /// How many steps may be in flight.
    pub admission: AdmissionRule,
    /// How a model comes back.
    pub ramp: Option<RampRule>,
    /// How many instances the stack runs in.
    pub replicas: ReplicaRule,
    /// Breakers.
    pub breaker: BreakerRule,
    /// What takes models out of service by their group.
    pub outliers: OutlierRule,
    /// Daily allocation of models and budgets to levels, if there is one.
    pub allocator: Option<AllocatorRule>,
    /// The monitor's bounds.
    pub monitor: MonitorRule,
}

impl StackRule {
    /// Whether an order of it follows the vendors' price lists.
    #[must_use]
    pub fn reads_prices(&self) -> bool {
        let follows = |order: &OrderRule| matches!(order, OrderRule::Cheapest(own) if own.follows);
        follows(&self.order) || self.trial.as_ref().is_some_and(|t| follows(&t.challenger))
    }

    /// Whether an order of it has to be told what to expect.
    #[must_use]
    pub fn is_informed(&self) -> bool {
        let informed = OrderRule::InformedGreedy;
        self.order == informed || self.trial.as_ref().is_some_and(|t| t.challenger == informed)
    }
}

/// The time that a stack gives itself for a task and all its steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeadlineRule {
    /// From the task's arrival.
    pub after: SimDuration,
    /// The task's own deadline counts as well.
    pub of_task: bool,
    /// A call that is out at the deadline is given up; if not, it may come to its end.
    pub cuts_calls: bool,
}

impl DeadlineRule {
    /// No deadline.
    pub const NONE: Self = Self { after: SimDuration::MAX, of_task: false, cuts_calls: true };

    /// The instant from which on nothing more is begun.
    #[inline]
    #[must_use]
    pub fn of(&self, request: &Request) -> SimTime {
        let own = request.arrived + self.after;
        if self.of_task { own.min(request.deadline) } else { own }
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
    /// The instant at which the stack gives it up.
    pub gives_up: SimTime,
    /// The instant at which the stack gives it up if nothing has come of an answer.
    pub gives_up_on_first_token: SimTime,
    /// Tokens that the ledger has counted already.
    pub counted: u64,
    /// After this time it may be hedged.
    pub hedge_after: Option<SimDuration>,
}

impl Call {
    /// A call that has not gone out yet.
    #[inline]
    fn of(model: ModelId, role: Role, chosen_by: ChosenBy, hour: u8) -> Self {
        Self {
            model,
            role,
            chosen_by,
            propensity: Propensity::Unknown,
            explored: false,
            fallback_reason: None,
            hour,
            permit: Permit::default(),
            gives_up: SimTime::NEVER,
            gives_up_on_first_token: SimTime::NEVER,
            counted: 0,
            hedge_after: None,
        }
    }
}

/// What the stack wants next for a step.
#[derive(Clone, Copy, Debug)]
pub enum Next {
    /// Make this call.
    Call(Call),
    /// Come back with [`Stack::resume`] after this time.
    Wait(SimDuration),
    /// Nothing yet: another call of the step is still out.
    Pending,
    /// Nothing more: the step ends as its last call did, or shed if there was none.
    Finish,
}

/// What follows when a step has waited.
#[derive(Clone, Copy, Debug)]
enum Then {
    /// It begins again.
    Begin,
    /// It tries again.
    Retry { failed: ModelId, target: RetryTarget, reason: FallbackReason },
    /// It falls back.
    FallBack { failed: ModelId, reason: FallbackReason },
}

/// What the stack remembers of one step in flight.
#[derive(Clone, Copy, Debug)]
pub struct Chain {
    /// Which order the step began with: 0 is the stack's own, 1 the one on trial.
    arm: u8,
    /// The instance that has it.
    replica: u8,
    /// Where it stands among the groups.
    walk: Walk,
    /// From then on nothing more is begun.
    deadline: SimTime,
    tried: ModelSet,
    in_flight: u8,
    hedges: u8,
    decisions: u16,
    /// Retries of the present budget, and how many budgets there were before.
    retries: u16,
    replans: u8,
    fallbacks: u16,
    /// How the last failed call ended.
    failed: Outcome,
    last_wait: SimDuration,
    then: Option<Then>,
    /// Why the present group is not the first.
    reason: Option<FallbackReason>,
    /// A group is being entered of which it is not known yet whether anybody is left.
    enters: bool,
    /// The last resort has been asked for.
    resorted: bool,
    /// How many steps were in flight when it began, itself among them; 0 if it was not let in.
    begun: u32,
    /// A retry that the budget has granted has not been sent yet.
    granted: bool,
    /// A call of it has been sent.
    sent: bool,
    /// The model whose skipping or failing first made another one necessary, and why.
    pub trigger: Option<(ModelId, FallbackReason)>,
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            arm: 0,
            replica: 0,
            walk: Walk::default(),
            deadline: SimTime::NEVER,
            tried: ModelSet::EMPTY,
            in_flight: 0,
            hedges: 0,
            decisions: 0,
            retries: 0,
            replans: 0,
            fallbacks: 0,
            failed: Outcome::Shed,
            last_wait: SimDuration::ZERO,
            then: None,
            reason: None,
            enters: false,
            resorted: false,
            begun: 0,
            granted: false,
            sent: false,
            trigger: None,
        }
    }
}
