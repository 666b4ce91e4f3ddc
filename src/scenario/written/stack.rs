//! The routing stack: in which order models are tried, and what is done when a call fails.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Allocation, Breaker, Monitor, Name, Order, Reward, Reweighting};
use crate::learners::wrappers::Wrappers;
use crate::routing::fallback::RetryTarget;
use crate::routing::order::LearnerScope;
use crate::scenario::values::{Duration, Finite, Fraction, Positive, Share, Whole};

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
    /// Models that are there only for a part of the run; one that is not named is there all the time.
    pub present: Vec<Presence>,
    /// The model that is called when no other is left, by default none.
    #[schemars(example = &"Groq")]
    pub last_resort: Option<Name>,
    /// The reward that the learner is fed for a refusal. By default a refusal is no reward at all.
    #[schemars(example = 0.0)]
    pub refusal_reward: Option<Finite>,
    /// How long a model whose key was refused is left alone.
    pub auth_recheck: Duration,
    /// How long a model that answered 429 for a rate limit is left alone, or for its Retry-After if that is longer.
    /// Zero: not at all, as in the Stage 4 plan.
    pub hold_after_429: Duration,
    /// The router's own account of the tokens used.
    pub quota: QuotaLedger,
    /// How often and how a failed call is tried again.
    pub retry: Retry,
    /// Which models are tried when the first one fails, by default none.
    pub fallback: Option<Fallback>,
    /// When a failing model is left alone for a while, by default never.
    pub breaker: Option<Breaker>,
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
            present: Vec::new(),
            last_resort: None,
            refusal_reward: None,
            auth_recheck: Duration::from_millis(3_600_000),
            hold_after_429: Duration::from_millis(1000),
            quota: QuotaLedger::default(),
            retry: Retry::default(),
            fallback: None,
            breaker: None,
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

/// The router's own account of the tokens used.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QuotaLedger {
    /// The used share of the daily tokens at which a model is left out.
    pub short_at_share: Share,
    /// Whether a refusal for an exhausted quota marks the account as used up until its reset.
    pub learn_from_refusals: bool,
}

impl Default for QuotaLedger {
    fn default() -> Self {
        Self { short_at_share: Share::of(0.9), learn_from_refusals: true }
    }
}

/// How a failed call is tried again.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// How often a call is tried again at most.
    pub max_retries: Whole,
    /// Whether the same model or another is tried.
    pub model: RetryTarget,
    /// After which failures a call is tried again.
    pub on: Vec<RetryCause>,
    /// Whether the wait is at least what the refusal says.
    pub honour_retry_after: bool,
    /// A longer wait than this is not worth it: the step falls back at once.
    pub max_wait: Duration,
    /// How long to wait before the next try.
    pub backoff: Backoff,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_retries: Whole::of(0),
            model: RetryTarget::Same,
            on: vec![RetryCause::RateLimited, RetryCause::ApiError, RetryCause::Timeout],
            honour_retry_after: true,
            max_wait: Duration::from_millis(30_000),
            backoff: Backoff::Fixed { delay: Duration::ZERO },
        }
    }
}

/// A failure after which a call may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetryCause {
    /// The call was refused for a rate limit.
    RateLimited,
    /// The model gave an error.
    ApiError,
    /// The call took too long.
    Timeout,
    /// The answer was wrong.
    Failure,
}

/// How long to wait before the next try.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Backoff {
    /// Always the same time.
    Fixed {
        /// The time to wait.
        #[serde(default)]
        delay: Duration,
    },
    /// A time that grows with each try.
    Exponential(Exponential),
}

/// A wait that grows with each try.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Exponential {
    /// The first wait.
    pub first: Duration,
    /// By how much each wait is longer than the last.
    pub factor: Positive,
    /// Half width of the random factor on each wait: 0.5 draws it from 0.5 to 1.5.
    pub jitter: Fraction,
    /// The longest wait.
    pub max: Duration,
}

impl Default for Exponential {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            factor: Positive::of(2.0),
            jitter: Fraction::of(0.5),
            max: Duration::from_millis(30_000),
        }
    }
}

/// Which models are tried when the first one fails.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fallback {
    /// Nowhere.
    None {},
    /// The Stage 4 plan's fallback manager: a fixed chain for each level.
    Stage4(Stage4Fallback),
    /// The router's order again, over the models not yet tried; behind those that it names, the others by declared score.
    Ranked(RankedFallback),
}

/// The fixed chains of Stage 4.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(non_snake_case, reason = "the levels are written in capitals everywhere")]
pub struct Stage4Fallback {
    /// The models for tasks of level L1, in order.
    pub L1: Option<Vec<Name>>,
    /// The models for tasks of level L2, in order.
    pub L2: Option<Vec<Name>>,
    /// The models for tasks of level L3, in order.
    pub L3: Option<Vec<Name>>,
    /// The models for tasks of level L4, in order.
    pub L4: Option<Vec<Name>>,
    /// A model with fewer daily tokens left is passed over.
    pub min_tokens_left: Whole,
}

impl Default for Stage4Fallback {
    fn default() -> Self {
        Self { L1: None, L2: None, L3: None, L4: None, min_tokens_left: Whole::of(100) }
    }
}

/// The router's order again.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RankedFallback {
    /// How many further models a step tries at most.
    pub max_fallbacks: Whole,
}

impl Default for RankedFallback {
    fn default() -> Self {
        Self { max_fallbacks: Whole::of(2) }
    }
}
