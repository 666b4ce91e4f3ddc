//! The routing stack: in which order models are tried, and what is done when a call fails.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Admission, Allocation, Breaker, Deadline, Fallback, Group, Hedge, Monitor, Name, OnFailures,
    Order, Outlier, QuotaLedger, Ramp, Replicas, Retry, RetryBudget, Reward, Reweighting,
    RouterLimits, Throttle,
};
use crate::learners::wrappers::Wrappers;
use crate::routing::order::LearnerScope;
use crate::routing::retry::Reads429;
use crate::scenario::values::{Duration, Finite};

/// A routing stack.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Stack {
    /// A stack that comes with the program, whose keys lie under the ones written here.
    #[schemars(example = &"stage4")]
    pub preset: Option<Name>,
    /// Which model is called first.
    pub order: Option<Order>,
    /// Whether the learner takes in results. If not, it stays at its initial beliefs, as a control.
    pub learning: bool,
    /// What the learner is fed, by default the scenario's reward.
    pub reward: Option<Reward>,
    /// How the weights of the reward `level_reward` change, by default not at all.
    pub reweighting: Option<Reweighting>,
    /// What has a learner of its own: each level, each task type, or all tasks together.
    pub learner_scope: LearnerScope,
    /// What is put around the learner, whatever its algorithm.
    pub wrappers: Wrappers,
    /// Whether the order leaves out models whose breaker is open. If not, such a call is refused by the breaker.
    pub order_sees_breaker: bool,
    /// The time after which a call is given up.
    pub call_timeout: Duration,
    /// The time after which a call is given up if nothing of its answer has come, by default none of its own.
    #[schemars(example = &"10s")]
    pub first_token_timeout: Option<Duration>,
    /// The time that the stack gives itself for a task with all its steps, retries and fallbacks, by default none.
    pub deadline: Option<Deadline>,
    /// Models that are there only for a part of the run; one that is not named is there all the time.
    pub present: Vec<Presence>,
    /// The model that is called when no other is left, by default none.
    #[schemars(example = &"Groq")]
    pub last_resort: Option<Name>,
    /// A step for which no model is left waits for the first one that comes back from a hold or an open breaker, if that is
    /// within this time from the task's arrival. By default it does not wait.
    #[schemars(example = &"10s")]
    pub wait_for_model: Option<Duration>,
    /// The reward that the learner is fed for a refusal. By default a refusal is no reward at all.
    #[schemars(example = 0.0)]
    pub refusal_reward: Option<Finite>,
    /// How a 429 is read. Exactly: as what it is, a limit per minute or a daily quota. As rate limit: always as the one. As
    /// quota: always as the other.
    pub reads_429: Reads429,
    /// What is done after each class of failure.
    pub on: OnFailures,
    /// Models that answer to one name, with the groups that are tried when all of one fail. Without any, all models with a
    /// level are one group.
    pub groups: Vec<Group>,
    /// The router's own account of the tokens used.
    pub quota: QuotaLedger,
    /// The router's own limits per minute, by default none.
    pub limits: RouterLimits,
    /// How often and how a failed call is tried again.
    pub retry: Retry,
    /// Which models are tried when the first one fails, by default none.
    pub fallback: Option<Fallback>,
    /// Whether a call that has not come back in time gets a second one beside it, by default not.
    pub hedge: Option<Hedge>,
    /// In how many instances the stack runs, by default in one.
    pub replicas: Replicas,
    /// When a failing model is left alone for a while, by default never.
    pub breaker: Option<Breaker>,
    /// When a model is taken out of service by how its group does, as gateways do it, by default never.
    pub outliers: Option<Outlier>,
    /// A bound on the retries and hedges of all steps together, by default none.
    pub retry_budget: Option<RetryBudget>,
    /// Whether steps are dropped while providers refuse, by default not.
    pub throttle: Option<Throttle>,
    /// How many steps may be in flight, by default any number.
    pub admission: Admission,
    /// How a model that has been left alone comes back, by default at once.
    pub ramp: Option<Ramp>,
    /// The daily allocation of models and token budgets to levels, by default none.
    pub allocation: Option<Allocation>,
    /// The bounds of the performance monitor.
    pub monitor: Monitor,
}

impl Default for Stack {
    fn default() -> Self {
        Self {
            preset: None,
            order: None,
            learning: true,
            reward: None,
            reweighting: None,
            learner_scope: LearnerScope::Level,
            wrappers: Wrappers::default(),
            order_sees_breaker: true,
            call_timeout: Duration::from_millis(30_000),
            first_token_timeout: None,
            deadline: None,
            present: Vec::new(),
            last_resort: None,
            wait_for_model: None,
            refusal_reward: None,
            reads_429: Reads429::default(),
            on: OnFailures::default(),
            groups: Vec::new(),
            quota: QuotaLedger::default(),
            limits: RouterLimits::default(),
            retry: Retry::default(),
            fallback: None,
            hedge: None,
            replicas: Replicas::default(),
            breaker: None,
            outliers: None,
            retry_budget: None,
            throttle: None,
            admission: Admission::default(),
            ramp: None,
            allocation: None,
            monitor: Monitor::default(),
        }
    }
}

/// A model that is added to the stack, or taken away, in the middle of the run.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    /// The model.
    #[schemars(example = &"Groq")]
    pub model: Name,
    /// The time after the start at which it is added.
    #[serde(default)]
    pub from: Duration,
    /// The time after the start at which it is taken away, by default never.
    #[schemars(example = &"36h")]
    pub until: Option<Duration>,
}
