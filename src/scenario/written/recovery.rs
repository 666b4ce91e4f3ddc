//! What a stack does when calls fail: accounts and limits, retries, fallbacks, groups, hedges, deadlines, instances.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Name;
use crate::routing::fallback::Ranking;
use crate::routing::hedge::HedgeTarget;
use crate::routing::ledger::Charged;
use crate::routing::replica::Assign;
use crate::routing::retry::{RetriesPer, RetryAfter, RetryTarget};
use crate::scenario::values::{
    Count, Duration, Fraction, Level, Named, NonNegative, Positive, Share, Whole,
};

/// The router's own account of the tokens used.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QuotaLedger {
    /// Whether the router watches daily tokens at all. If not, it finds out by refusals alone.
    pub watched: bool,
    /// The used share of the daily tokens at which a model is left out.
    pub short_at_share: Share,
    /// Whether a refusal for an exhausted quota marks the account as used up until its reset.
    pub learn_from_refusals: bool,
    /// When the tokens of a call are counted. After response: when it has come, so that calls in flight at once may overshoot. At admission: when the call is sent, as many as are expected, for good. Reserved: when it is sent, and put right by the response.
    pub charged: Charged,
    /// How many output tokens a call is expected to take, where they are counted before it is made.
    pub expected_output_tokens: Whole,
}

impl Default for QuotaLedger {
    fn default() -> Self {
        Self {
            watched: true,
            short_at_share: Share::of(0.9),
            learn_from_refusals: true,
            charged: Charged::AfterResponse,
            expected_output_tokens: Whole::of(300),
        }
    }
}

/// The router's own limits in a minute of the clock: an order does not pick a model at its limit (a retry of the same model does not ask). Tokens are counted as `quota.charged` says.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RouterLimits {
    /// How many requests a model gets in a minute, by default any number.
    #[schemars(example = 60)]
    pub requests_per_minute: Option<Count>,
    /// How many tokens a model gets in a minute, by default any number.
    #[schemars(example = 100_000)]
    pub tokens_per_minute: Option<Count>,
    /// The limits of single models, by name.
    pub models: Named<RouterLimit>,
}

/// The router's own limits of one model in a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RouterLimit {
    /// How many requests it gets in a minute, by default as for every model.
    #[schemars(example = 60)]
    pub requests_per_minute: Option<Count>,
    /// How many tokens it gets in a minute, by default as for every model.
    #[schemars(example = 100_000)]
    pub tokens_per_minute: Option<Count>,
}

/// What is done after each class of failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OnFailures {
    /// After a 429 for a limit per minute. By default it is tried again, and the model is left alone for 1 s.
    pub rate_limited: OnFailure,
    /// After a 429 for a daily quota. By default the step falls back.
    pub quota_exhausted: OnFailure,
    /// After an error of the provider (5xx). By default it is tried again.
    pub api_error: OnFailure,
    /// After a connection that broke before any byte of an answer. By default it is tried again.
    pub connection_error: OnFailure,
    /// After no answer in time. By default it is tried again.
    pub timeout: OnFailure,
    /// After a refused key. By default the step falls back, and the model is left alone for an hour.
    pub auth: OnFailure,
    /// After a prompt that is too long for the model. By default the step falls back.
    pub context_length: OnFailure,
    /// After a refusal by a content filter. By default the step falls back.
    pub content_policy: OnFailure,
    /// After a wrong answer. By default the step falls back.
    pub failure: OnFailure,
    /// After an incomplete answer, where it does not count as one. By default the step falls back.
    pub partial: OnFailure,
}

/// What is done after one class of failure; what is not written stays as it is by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OnFailure {
    /// Whether it is tried again, as far as `[stack.retry]` allows.
    #[schemars(example = true)]
    pub retry: Option<bool>,
    /// Whether a retry waits as `[stack.retry]` says (the default), or is made at once.
    #[schemars(example = false)]
    pub wait: Option<bool>,
    /// Whether a retry goes to another model, whatever `[stack.retry]` says; by default not.
    #[schemars(example = true)]
    pub other_model: Option<bool>,
    /// Whether the fallback plan goes on (the default), or the step ends.
    #[schemars(example = false)]
    pub fall_back: Option<bool>,
    /// How long the model is left alone, or for its Retry-After if that is longer. Zero: not at all.
    #[schemars(example = &"5s")]
    pub hold: Option<Duration>,
}

/// How a failed call is tried again.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// How often a call is tried again at most.
    pub max_retries: Whole,
    /// What has a budget of so many retries: the step, or every model or group that it falls back to anew.
    pub per: RetriesPer,
    /// Whether the same model, another, or any that the order picks is tried.
    pub model: RetryTarget,
    /// How a provider's Retry-After is taken. At least: the wait is as long, or longer by the backoff. Exactly: as long, whatever the backoff says. With jitter: as long plus the backoff's added jitter. Ignored: not at all.
    pub retry_after: RetryAfter,
    /// A Retry-After longer than this is ignored, by default none is.
    #[schemars(example = &"60s")]
    pub longest_retry_after: Option<Duration>,
    /// A longer wait than this is not worth it: the step falls back at once.
    pub max_wait: Duration,
    /// Whether a retry is made at once where another model of the group is eligible.
    pub at_once_if_others: bool,
    /// Whether the step also waits after the last failed try, before it falls back.
    pub wait_after_last: bool,
    /// How long to wait before the next try.
    pub backoff: Backoff,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_retries: Whole::of(0),
            per: RetriesPer::Step,
            model: RetryTarget::Same,
            retry_after: RetryAfter::AtLeast,
            longest_retry_after: None,
            max_wait: Duration::from_millis(30_000),
            at_once_if_others: false,
            wait_after_last: false,
            backoff: Backoff::Fixed { delay: Duration::ZERO },
        }
    }
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
    /// A random time between the first wait and three times the last one (decorrelated jitter).
    Decorrelated(Decorrelated),
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
    /// The low end of the random factor, by default 1 - jitter.
    #[schemars(example = 0.75)]
    pub jitter_low: Option<NonNegative>,
    /// The high end of the random factor, by default 1 + jitter.
    #[schemars(example = 1.0)]
    pub jitter_high: Option<NonNegative>,
    /// The longest random time that is added to each wait.
    pub added_jitter: Duration,
    /// The longest wait before jitter.
    pub max: Duration,
}

impl Default for Exponential {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            factor: Positive::of(2.0),
            jitter: Fraction::of(0.5),
            jitter_low: None,
            jitter_high: None,
            added_jitter: Duration::ZERO,
            max: Duration::from_millis(30_000),
        }
    }
}

/// A random wait that follows from the last one.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Decorrelated {
    /// The shortest wait.
    pub first: Duration,
    /// The longest wait.
    pub max: Duration,
}

impl Default for Decorrelated {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), max: Duration::from_millis(30_000) }
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
    /// The models not yet tried, one after the other: by the router's order (behind those that it names, the others by declared score), by declared score, or by declared price.
    Ranked(RankedFallback),
    /// Lists of models, for all levels or for each, and for single classes of failures.
    Chain(ChainFallback),
    /// The fallbacks of the step's group in `[[stack.groups]]`, one group after the other; without groups nothing.
    Groups(GroupsFallback),
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

/// The models not yet tried.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RankedFallback {
    /// By what they are ranked: the router's order, the declared score of the level, or the declared price of the request.
    pub by: Ranking,
    /// How many further models a step tries at most.
    pub max_fallbacks: Whole,
}

impl Default for RankedFallback {
    fn default() -> Self {
        Self { by: Ranking::Order, max_fallbacks: Whole::of(2) }
    }
}

/// Lists of models to fall back to. A class of failure with a list of its own takes that, every other one the level's, or else the list for all.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(non_snake_case, reason = "the levels are written in capitals everywhere")]
pub struct ChainFallback {
    /// The models for tasks of every level without a list of its own, in order.
    #[schemars(extend("examples" = [["Gemini", "Claude"]]))]
    pub models: Vec<Name>,
    /// The models for tasks of level L1.
    pub L1: Option<Vec<Name>>,
    /// The models for tasks of level L2.
    pub L2: Option<Vec<Name>>,
    /// The models for tasks of level L3.
    pub L3: Option<Vec<Name>>,
    /// The models for tasks of level L4.
    pub L4: Option<Vec<Name>>,
    /// The models after a prompt that is too long, by default as after any failure.
    pub context_length: Option<Vec<Name>>,
    /// The models after a refusal by a content filter, by default as after any failure.
    pub content_policy: Option<Vec<Name>>,
    /// The models after a 429 for a limit per minute, by default as after any failure.
    pub rate_limited: Option<Vec<Name>>,
    /// The models after a 429 for a daily quota, by default as after any failure.
    pub quota_exhausted: Option<Vec<Name>>,
    /// The models after no answer in time, by default as after any failure.
    pub timeout: Option<Vec<Name>>,
}

/// The fallbacks of groups.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GroupsFallback {
    /// How deep fallbacks of fallbacks may go, at most 7.
    pub max_fallbacks: Whole,
}

impl Default for GroupsFallback {
    fn default() -> Self {
        Self { max_fallbacks: Whole::of(5) }
    }
}

/// Models that answer to one name.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The name of the group.
    #[schemars(example = &"fast")]
    pub name: Name,
    /// Its models.
    #[schemars(extend("examples" = [["Groq", "Groq-Extended"]]))]
    pub models: Vec<Name>,
    /// The levels whose steps ask for it, by default all; of two groups of a level the first is asked, and the first of all by a level that none names.
    #[schemars(extend("examples" = [["L1", "L2"]]))]
    pub levels: Option<Vec<Level>>,
    /// The groups to fall back to, in order, by default none.
    #[serde(default)]
    #[schemars(extend("examples" = [["careful"]]))]
    pub fallbacks: Vec<Name>,
    /// The groups to fall back to after a prompt that is too long, by default as after any failure.
    pub context_length: Option<Vec<Name>>,
    /// The groups to fall back to after a refusal by a content filter, by default as after any failure.
    pub content_policy: Option<Vec<Name>>,
}

/// The time that the stack gives itself.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Deadline {
    /// The time from the task's arrival, by default none but the task's own deadline.
    #[schemars(example = &"20s")]
    pub after: Option<Duration>,
    /// Whether the stack is told the task's own deadline and keeps that as well.
    pub of_task: bool,
    /// Whether a call that is out at the deadline is given up. If not, it may come to its end.
    pub cuts_calls: bool,
}

impl Default for Deadline {
    fn default() -> Self {
        Self { after: None, of_task: true, cuts_calls: true }
    }
}

/// A second call beside one that has not come back in time. The first answer counts; the other call is cancelled and billed for what it had done.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Hedge {
    /// When a call is hedged.
    pub after: HedgeAfter,
    /// How many hedges a step makes at most.
    pub max: Count,
    /// Whether a hedge goes to another model by the router's order, or to the same.
    pub model: HedgeTarget,
}

impl Default for Hedge {
    fn default() -> Self {
        Self {
            after: HedgeAfter::Delay(Duration::from_millis(2000)),
            max: Count::of(1),
            model: HedgeTarget::Another,
        }
    }
}

/// When a call is hedged.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum HedgeAfter {
    /// After a fixed time.
    Delay(#[schemars(example = &"2s")] Duration),
    /// After this quantile of the times of the last 200 answers, once there are 20.
    Quantile(#[schemars(example = 0.95)] Share),
}

/// In how many instances the stack runs. Each has its own ledger, holds, breakers, detectors, budgets and limits; learner, monitor and allocation are one. What they tell one another is what the ledger counted, who is held, and the cooldowns of LiteLLM; breakers stay their own.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Replicas {
    /// The number of instances.
    pub n: Count,
    /// How often they tell one another what they have counted and whom they leave alone, by default never.
    #[schemars(example = &"10s")]
    pub sync_every: Option<Duration>,
    /// Whether tasks go to them in turn or at random.
    pub assign: Assign,
}

impl Default for Replicas {
    fn default() -> Self {
        Self { n: Count::of(1), sync_every: None, assign: Assign::RoundRobin }
    }
}
