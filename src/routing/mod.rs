//! The routing stack: order, quota ledger, breakers, retries and fallbacks, composed without clock, queue or generator.
//!
//! Facts and `now` go in, steps come out: call a model, wait, or finish. What is true of the world cannot be imported
//! here; a policy knows the registry and what came back.

pub mod breaker;
pub mod fallback;
pub mod ledger;
pub mod order;

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::calendar::LocalClock;
use crate::domain::{
    BreakerEvent, ChosenBy, FallbackEvent, FallbackReason, ModelSet, Outcome, Propensity, Request,
    Response, Role,
};
use crate::learners::arms::first_largest;
use crate::learners::{Choice, Context, Feedback};
use crate::registry::Registry;
use crate::reward::{Account, Reward};
use crate::sim::stream::{Purpose, Streams};
use crate::units::{Level, ModelId, PerLevel, SimDuration, SimTime};

use breaker::{BreakerRule, Breakers};
use fallback::{FallbackPlan, RetryPlan, RetryTarget};
use ledger::{Ledger, LedgerRule};
use order::{Order, OrderRule, View};

/// A stack as configured, all names resolved.
#[derive(Clone, Debug)]
pub struct StackRule {
    /// Which model first.
    pub order: OrderRule,
    /// What the learner is fed.
    pub reward: Reward,
    /// What a refusal feeds the learner; nothing unless set.
    pub refusal_reward: Option<f64>,
    /// An incomplete answer counts as an answer.
    pub partial_counts: bool,
    /// The order leaves out models with an open breaker.
    pub order_sees_breaker: bool,
    /// A call without an answer by then is given up.
    pub call_timeout: SimDuration,
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
    /// Why a fallback was needed, for calls with that role.
    pub fallback_reason: Option<FallbackReason>,
    /// Local hour of the decision, for the learner's context.
    pub hour: u8,
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
    tried: ModelSet,
    decisions: u16,
    retries: u16,
    fallbacks: u16,
    retry: Option<ModelId>,
    /// The model whose skipping or failing first made another one necessary, and why.
    pub trigger: Option<(ModelId, FallbackReason)>,
}

/// One routing stack in flight.
#[derive(Clone, Debug)]
pub struct Stack {
    rule: Arc<StackRule>,
    streams: Streams,
    serving: PerLevel<ModelSet>,
    clock: LocalClock,
    order: Order,
    ledger: Ledger,
    breakers: Breakers,
    scores: Vec<PerLevel<f64>>,
    /// Models left alone until an instant, and why.
    held_back: Vec<(ModelId, SimTime, FallbackReason)>,
    /// Fallbacks since the engine last emptied this.
    pub fallback_log: Vec<FallbackEvent>,
    /// Breaker transitions since the engine last emptied this.
    pub breaker_log: Vec<BreakerEvent>,
}

impl Stack {
    /// A fresh stack.
    #[must_use]
    pub fn new(
        rule: Arc<StackRule>,
        registry: &Registry,
        n_task_types: usize,
        start: Timestamp,
        zone: TimeZone,
        streams: Streams,
    ) -> Self {
        let n_models = registry.models.len();
        Self {
            streams,
            serving: Level::ALL.map(|l| registry.serving(l)),
            clock: LocalClock::new(start, zone),
            order: Order::new(&rule.order, registry, n_task_types),
            ledger: Ledger::new(rule.ledger, registry, start),
            breakers: Breakers::new(&rule.breaker, n_models),
            scores: registry.models.iter().map(|m| m.score).collect(),
            held_back: Vec::new(),
            fallback_log: Vec::new(),
            breaker_log: Vec::new(),
            rule,
        }
    }

    /// Whether `outcome` counts as an answer.
    #[inline]
    #[must_use]
    pub fn served(&self, outcome: Outcome) -> bool {
        outcome == Outcome::Success || (self.rule.partial_counts && outcome == Outcome::Partial)
    }

    /// What the router believes to have used of a model's account.
    #[must_use]
    pub fn believed_used(&self, model: ModelId) -> u64 {
        self.ledger.used(model)
    }

    /// A step begins. `told` are expected rewards, for the informed reference only.
    #[inline]
    pub fn start(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &mut Chain,
        told: Option<&[f64]>,
    ) -> Next {
        let all = self.serving[request.level.index()];
        let candidates = self.candidates(now, request.level);
        let (eligible, short) = self.eligible(now, candidates);
        let all_short = self.ledger_short(now, all);
        let favourite = self.pick(now, request, chain, told, all, all_short);
        let Some(favourite) = favourite else {
            // The order names no model of this level.
            return self.without_choice(now, request, chain, told);
        };
        let skipped = !eligible.contains(favourite.model);
        if skipped {
            chain.trigger = Some((favourite.model, self.skip_reason(favourite.model, short)));
        }
        if eligible.is_empty() {
            return self.call_last_resort(now, request, chain, told);
        }
        // A probability among all models is none among the eligible ones: such a choice is made anew.
        let choice = if skipped || (eligible != all && favourite.propensity != Propensity::Unknown)
        {
            self.pick(now, request, chain, told, eligible, short)
        } else {
            Some(favourite)
        };
        match choice {
            Some(choice) => {
                let call = self.chosen(now, choice, Role::First);
                self.place(now, request, chain, told, call)
            }
            None => self.without_choice(now, request, chain, told),
        }
    }

    /// The order has nobody to call: the fallback plan goes on from whom it would have called, or the last resort.
    fn without_choice(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &mut Chain,
        told: Option<&[f64]>,
    ) -> Next {
        match chain.trigger {
            Some((from, reason)) if self.rule.fallback != FallbackPlan::None => {
                self.fall_back(now, request, chain, told, from, reason)
            }
            _ => self.call_last_resort(now, request, chain, told),
        }
    }

    /// A call ended. Returns what the learner was fed, and what comes next.
    #[inline]
    pub fn answered(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &mut Chain,
        call: &Call,
        response: &Response,
        told: Option<&[f64]>,
    ) -> (Option<f64>, Next) {
        let served = self.served(response.outcome);
        let fed = self.learn(request, call, response, served);
        self.ledger.charge(now, call.model, response.tokens());
        self.breakers.record(now, call.model, served, &mut self.breaker_log);
        if served {
            return (fed, Next::Finish);
        }
        match response.outcome {
            Outcome::QuotaExhausted => self.ledger.refused(now, call.model),
            Outcome::Auth => {
                let until = now + self.rule.auth_recheck;
                self.held_back.push((call.model, until, FallbackReason::ModelFailure));
            }
            Outcome::RateLimited if self.rule.hold_after_429 > SimDuration::ZERO => {
                let advised = response.retry_after.unwrap_or(SimDuration::ZERO);
                let until = now + self.rule.hold_after_429.max(advised);
                self.held_back.push((call.model, until, FallbackReason::RateLimit));
            }
            _ => {}
        }
        let reason = FallbackReason::of(response.outcome);
        chain.trigger.get_or_insert((call.model, reason));
        if let Some(wait) = self.retry_wait(request, chain, response) {
            chain.retry = Some(call.model);
            if wait > SimDuration::ZERO {
                return (fed, Next::Wait(wait));
            }
            return (fed, self.resume(now, request, chain, told));
        }
        (fed, self.fall_back(now, request, chain, told, call.model, reason))
    }

    /// The wait before a retry is over.
    pub fn resume(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &mut Chain,
        told: Option<&[f64]>,
    ) -> Next {
        let failed = chain.retry.take().expect("only a step that waits for a retry is resumed");
        let reason = chain.trigger.map_or(FallbackReason::ModelFailure, |(_, reason)| reason);
        let call = match self.rule.retry.target {
            RetryTarget::Same => Some(Call {
                model: failed,
                role: Role::Retry,
                chosen_by: ChosenBy::Retry,
                propensity: Propensity::Unknown,
                fallback_reason: None,
                hour: self.hour(now),
            }),
            RetryTarget::Another => {
                let all = self.candidates(now, request.level);
                let (eligible, short) = self.eligible(now, all);
                let fresh = eligible.minus(chain.tried);
                let among = if fresh.is_empty() { eligible } else { fresh };
                let choice = self.pick(now, request, chain, told, among, short);
                choice.map(|choice| self.chosen(now, choice, Role::Retry))
            }
        };
        match call {
            Some(call) => self.place(now, request, chain, told, call),
            None => self.fall_back(now, request, chain, told, failed, reason),
        }
    }

    /// Models with the level that are not held back.
    fn candidates(&mut self, now: SimTime, level: Level) -> ModelSet {
        let mut set = self.serving[level.index()];
        if !self.held_back.is_empty() {
            self.held_back.retain(|(_, until, _)| *until > now);
            self.held_back.iter().for_each(|(model, _, _)| set.remove(*model));
        }
        set
    }

    /// Of `all`, those believed to be short of tokens.
    fn ledger_short(&mut self, now: SimTime, all: ModelSet) -> ModelSet {
        self.ledger.short(now).and(all)
    }

    /// Why a model that the order would have called is not eligible.
    fn skip_reason(&self, model: ModelId, short: ModelSet) -> FallbackReason {
        let held = self.held_back.iter().find(|(held, _, _)| *held == model);
        match held {
            Some((_, _, reason)) => *reason,
            None if short.contains(model) => FallbackReason::TokenExhausted,
            None => FallbackReason::ModelFailure,
        }
    }

    /// Of `all`, those that the order may pick, and those short of tokens.
    fn eligible(&mut self, now: SimTime, all: ModelSet) -> (ModelSet, ModelSet) {
        let short = self.ledger_short(now, all);
        let mut eligible = if self.order.keeps_short() { all } else { all.minus(short) };
        if self.rule.order_sees_breaker {
            eligible = eligible.minus(self.breakers.refusing(now));
        }
        (eligible, short)
    }

    fn pick(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &mut Chain,
        told: Option<&[f64]>,
        among: ModelSet,
        short: ModelSet,
    ) -> Option<Choice> {
        let nth = u32::from(chain.decisions);
        chain.decisions += 1;
        // The key's model field tells the choices of one task apart from its calls' streams by purpose already.
        let mut stream = self.streams.call(
            Purpose::Choice,
            request.task,
            ModelId(0),
            usize::from(request.step),
            nth,
        );
        let context = Context { level: request.level, hour: self.hour(now), short };
        self.order.pick(&View { request, context, told }, among, &mut stream)
    }

    /// Nobody is left to choose: the last resort, if there is one and its key is not known to be dead.
    fn call_last_resort(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &mut Chain,
        told: Option<&[f64]>,
    ) -> Next {
        let dead = |model: ModelId| {
            let reason = FallbackReason::ModelFailure;
            self.held_back.iter().any(|(held, _, why)| *held == model && *why == reason)
        };
        let serving = self.serving[request.level.index()];
        let resort = self.rule.last_resort.filter(|m| serving.contains(*m) && !dead(*m));
        let Some(model) = resort else {
            return Next::Finish;
        };
        let hour = self.hour(now);
        self.place(
            now,
            request,
            chain,
            told,
            Call {
                model,
                role: Role::First,
                chosen_by: ChosenBy::LastResort,
                propensity: Propensity::Unknown,
                fallback_reason: None,
                hour,
            },
        )
    }

    /// The call that a choice of the order means.
    fn chosen(&mut self, now: SimTime, choice: Choice, role: Role) -> Call {
        Call {
            model: choice.model,
            role,
            chosen_by: self.order.chosen_by(),
            propensity: choice.propensity,
            fallback_reason: None,
            hour: self.hour(now),
        }
    }

    fn hour(&mut self, now: SimTime) -> u8 {
        self.clock.at(now).hour() as u8
    }

    /// Makes the call if the model's breaker lets it pass, else falls back.
    fn place(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &mut Chain,
        told: Option<&[f64]>,
        call: Call,
    ) -> Next {
        chain.tried.insert(call.model);
        if self.breakers.acquire(now, call.model, &mut self.breaker_log) {
            return Next::Call(call);
        }
        let reason = FallbackReason::ModelFailure;
        chain.trigger.get_or_insert((call.model, reason));
        self.fall_back(now, request, chain, told, call.model, reason)
    }

    fn fall_back(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &mut Chain,
        told: Option<&[f64]>,
        from: ModelId,
        reason: FallbackReason,
    ) -> Next {
        if self.rule.fallback == FallbackPlan::None {
            return Next::Finish;
        }
        chain.tried.insert(from);
        let target = self.fallback_target(now, request, chain, told);
        self.fallback_log.push(FallbackEvent {
            at: now,
            task: request.task,
            step: request.step,
            level: request.level,
            reason,
            from,
            to: target,
        });
        let Some(model) = target else {
            return Next::Finish;
        };
        chain.tried.insert(model);
        chain.fallbacks += 1;
        Next::Call(Call {
            model,
            role: Role::Fallback,
            chosen_by: ChosenBy::Fallback,
            propensity: Propensity::Unknown,
            fallback_reason: Some(reason),
            hour: self.hour(now),
        })
    }

    /// The first untried target whose breaker lets the call pass.
    fn fallback_target(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &mut Chain,
        told: Option<&[f64]>,
    ) -> Option<ModelId> {
        let rule = Arc::clone(&self.rule);
        let all = self.candidates(now, request.level);
        match &rule.fallback {
            FallbackPlan::None => None,
            FallbackPlan::Stage4 { order, min_tokens_left } => {
                order[request.level.index()].iter().copied().find(|&model| {
                    all.contains(model)
                        && !chain.tried.contains(model)
                        && self
                            .ledger
                            .tokens_left(now, model)
                            .is_none_or(|left| left > 0 && left >= *min_tokens_left)
                        && self.breakers.acquire(now, model, &mut self.breaker_log)
                })
            }
            FallbackPlan::Ranked { max_fallbacks } => {
                if chain.fallbacks >= *max_fallbacks {
                    return None;
                }
                let (eligible, short) = self.eligible(now, all);
                let mut left = eligible.minus(chain.tried);
                while !left.is_empty() {
                    let choice = self.pick(now, request, chain, told, left, short);
                    // Behind the models that an order names stand the others, by declared score.
                    let level = request.level.index();
                    let next = choice.map_or_else(
                        || first_largest(left, |m| self.scores[m.index()][level]),
                        |choice| choice.model,
                    );
                    if self.breakers.acquire(now, next, &mut self.breaker_log) {
                        return Some(next);
                    }
                    left.remove(next);
                }
                None
            }
        }
    }

    fn retry_wait(
        &self,
        request: &Request,
        chain: &mut Chain,
        response: &Response,
    ) -> Option<SimDuration> {
        let plan = &self.rule.retry;
        if chain.retries >= plan.max_retries || !plan.on.contains(&response.outcome) {
            return None;
        }
        let mut stream = self.streams.call(
            Purpose::Backoff,
            request.task,
            ModelId(0),
            usize::from(request.step),
            u32::from(chain.retries),
        );
        let own = plan.backoff.delay(chain.retries, &mut stream);
        let advised = response.retry_after.filter(|_| plan.honour_retry_after);
        let wait = own.max(advised.unwrap_or(SimDuration::ZERO));
        if wait > plan.max_wait {
            return None;
        }
        chain.retries += 1;
        Some(wait)
    }

    /// Feeds the learner with one call; refusals only where the rule says so.
    fn learn(
        &mut self,
        request: &Request,
        call: &Call,
        response: &Response,
        served: bool,
    ) -> Option<f64> {
        let reward = if response.outcome.is_refusal() {
            self.rule.refusal_reward?
        } else {
            self.rule.reward.of(&Account {
                outcome: response.outcome,
                served,
                level: request.level,
                quality: response.quality,
                tokens: response.tokens() as f64,
                duration_ms: response.duration.as_millis_f64(),
                cost_usd: response.cost_usd,
            })
        };
        let context = Context { level: request.level, hour: call.hour, short: ModelSet::EMPTY };
        let propensity = match call.chosen_by {
            ChosenBy::Learner => call.propensity,
            _ => Propensity::Unknown,
        };
        let feedback = Feedback {
            context,
            model: call.model,
            outcome: response.outcome,
            served,
            quality: response.quality,
            reward,
            propensity,
        };
        self.order.learn(&View { request, context, told: None }, &feedback);
        Some(reward)
    }
}
