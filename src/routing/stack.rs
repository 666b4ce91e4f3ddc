//! The stack in flight: what it does when a step begins, a call ends or a wait is over.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::allocator::{Allocator, View as AllocatorView};
use super::breaker::{Breakers, CallEnd, Permit, Surroundings, Verdict};
use super::fallback::{FallbackPlan, RetryTarget};
use super::ledger::Ledger;
use super::meter::Meter;
use super::monitor::{Metric, Monitor};
use super::order::{Belief, Order, View};
use super::reweighting::Reweighter;
use super::roster::Roster;
use super::trial::Trial;
use super::{Call, Chain, Next, StackRule};
use crate::calendar::{DailyTimes, LocalClock};
use crate::domain::{
    ChosenBy, FallbackReason, KnownPrompts, ModelSet, Outcome, Propensity, Request, Response, Role,
    StackEvent,
};
use crate::learners::{BeliefScale, Choice, Context, Feedback, Prior, Reads};
use crate::registry::Registry;
use crate::reward::Account;
use crate::sim::stream::{Purpose, Streams};
use crate::units::{Level, ModelId, PerLevel, SimDuration, SimTime, TaskId};

/// Local days of a reporting period of the learner (stage4.md section 12).
const DAYS_PER_PERIOD: u32 = 14;

/// One routing stack in flight.
#[derive(Clone, Debug)]
pub struct Stack {
    pub(super) rule: Arc<StackRule>,
    pub(super) streams: Streams,
    /// Models with each level, of those that are there.
    serving: PerLevel<ModelSet>,
    pub(super) declared: PerLevel<ModelSet>,
    pub(super) roster: Roster,
    clock: LocalClock,
    /// The stack's own order, and the one on trial.
    pub(super) orders: Vec<Order>,
    /// What a cost of 1 is to learners, in USD.
    cost_unit: f64,
    trial: Option<Trial>,
    pub(super) ledger: Ledger,
    pub(super) breakers: Breakers,
    pub(super) scores: Vec<PerLevel<f64>>,
    monitor: Monitor,
    meter: Meter,
    reweighter: Reweighter,
    allocator: Option<(Allocator, DailyTimes)>,
    midnight: DailyTimes,
    /// Local days that have ended.
    days: u32,
    /// Models left alone until an instant, and why.
    pub(super) held_back: Vec<(ModelId, SimTime, FallbackReason)>,
    /// The task whose decisions are told.
    pub explains: Option<TaskId>,
    /// What happened since the engine last emptied this.
    pub log: Vec<StackEvent>,
}

impl Stack {
    /// A fresh stack.
    #[must_use]
    pub fn new(
        rule: Arc<StackRule>,
        registry: &Registry,
        n_task_types: usize,
        prompts: &Arc<KnownPrompts>,
        start: Timestamp,
        zone: TimeZone,
        streams: Streams,
    ) -> Self {
        let roster = Roster::new(&rule.present);
        let declared = Level::ALL.map(|l| registry.serving(l));
        Self {
            streams,
            serving: declared.map(|models| models.minus(roster.absent())),
            declared,
            roster,
            clock: LocalClock::new(start, zone.clone()),
            orders: std::iter::once(&rule.order)
                .chain(rule.trial.as_ref().map(|trial| &trial.challenger))
                .map(|order| Order::of_stack(order, registry, n_task_types, prompts))
                .collect(),
            cost_unit: Prior::of_registry(registry, Reads::Nothing, prompts).cost_unit,
            trial: rule.trial.as_ref().map(|trial| Trial::new(trial.kind)),
            ledger: Ledger::new(rule.ledger, registry, start),
            breakers: Breakers::new(
                &rule.breaker,
                &Surroundings { peers: peers(registry), start, streams },
            ),
            scores: registry.models.iter().map(|m| m.score).collect(),
            monitor: Monitor::new(rule.monitor),
            meter: Meter::default(),
            reweighter: Reweighter::new(&rule.reweighting, rule.reward),
            allocator: rule.allocator.as_ref().map(|own| {
                let times = DailyTimes::from_start(start, zone.clone(), own.times.clone());
                (Allocator::new(own, &registry.models), times)
            }),
            midnight: DailyTimes::midnights(start, zone),
            days: 0,
            held_back: Vec::new(),
            explains: None,
            log: Vec::new(),
            rule,
        }
    }

    /// The vendors' price lists as they are now: the prices of an input and an output token by model.
    pub fn read_prices(&mut self, now: impl Iterator<Item = [f64; 2]> + Clone) {
        self.orders.iter_mut().for_each(|order| order.read_prices(now.clone()));
    }

    /// Whether `outcome` counts as an answer.
    #[inline]
    #[must_use]
    pub fn served(&self, outcome: Outcome) -> bool {
        outcome == Outcome::Success || (self.rule.partial_counts && outcome == Outcome::Partial)
    }

    /// What the router believes to have used of a model's account.
    pub fn believed_used(&mut self, now: SimTime, model: ModelId) -> u64 {
        self.ledger.used(now, model)
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
        if let Some(trial) = &self.trial {
            chain.arm = trial.arm(request.task, &self.streams);
        }
        let all = self.serving[request.level.index()];
        let candidates = self.candidates(now, request.level);
        let (eligible, short) = self.eligible(now, candidates, chain.arm);
        let all_short = self.ledger_short(now, all);
        let allocated = self.allocated(request.level).filter(|model| all.contains(*model));
        let favourite = match allocated {
            Some(model) => Some(Choice { model, propensity: Propensity::Unknown, explored: false }),
            None => self.pick(now, request, chain, told, all, all_short),
        };
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
        let chosen = choice.map(|choice| choice.model);
        self.explain(now, request, chain, told, Role::First, None, chosen);
        match choice {
            Some(choice) => {
                let mut call = self.chosen(now, choice, Role::First, chain.arm);
                if allocated == Some(call.model) && !skipped {
                    call.chosen_by = ChosenBy::Allocation;
                }
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
        let fed = self.learn(now, request, call, response, served, chain.arm);
        self.watch(now, request, call, response, served, chain.arm);
        self.ledger.charge(now, call.model, response.tokens());
        let end = CallEnd {
            verdict: if served { Verdict::Success } else { Verdict::Failure },
            outcome: response.outcome,
            duration: response.duration,
        };
        self.breakers.settle(now, call.model, call.permit, end, &mut self.log);
        if served {
            return (fed, self.escalate(now, request, chain, call));
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

    /// Takes an answer, or asks the next model of a cascade that does not trust it.
    #[inline]
    fn escalate(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &mut Chain,
        call: &Call,
    ) -> Next {
        let order = usize::from(chain.arm);
        if !self.orders[order].is_cascade() {
            return Next::Finish;
        }
        loop {
            let all = self.candidates(now, request.level);
            let (eligible, _) = self.eligible(now, all, chain.arm);
            let fresh = eligible.minus(chain.tried);
            let Some(model) = self.orders[order].escalates(request, call.model, fresh) else {
                return Next::Finish;
            };
            chain.tried.insert(model);
            if let Some(permit) = self.breakers.acquire(now, model, &mut self.log) {
                let choice = Choice { model, propensity: Propensity::Unknown, explored: false };
                let call = self.chosen(now, choice, Role::Escalation, chain.arm);
                return Next::Call(Call { permit, ..call });
            }
        }
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
                explored: false,
                fallback_reason: None,
                hour: self.hour(now),
                permit: Permit::default(),
            }),
            RetryTarget::Another => {
                let all = self.candidates(now, request.level);
                let (eligible, short) = self.eligible(now, all, chain.arm);
                let fresh = eligible.minus(chain.tried);
                let among = if fresh.is_empty() { eligible } else { fresh };
                let choice = self.pick(now, request, chain, told, among, short);
                choice.map(|choice| self.chosen(now, choice, Role::Retry, chain.arm))
            }
        };
        match call {
            Some(call) => self.place(now, request, chain, told, call),
            None => self.fall_back(now, request, chain, told, failed, reason),
        }
    }

    /// Models with the level that are not held back.
    pub(super) fn candidates(&mut self, now: SimTime, level: Level) -> ModelSet {
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

    /// Of `all`, those that the order `arm` may pick, and those short of tokens.
    pub(super) fn eligible(
        &mut self,
        now: SimTime,
        all: ModelSet,
        arm: u8,
    ) -> (ModelSet, ModelSet) {
        let short = self.ledger_short(now, all);
        let keeps_short = self.orders[usize::from(arm)].keeps_short();
        let mut eligible = if keeps_short { all } else { all.minus(short) };
        if self.rule.order_sees_breaker {
            eligible = eligible.minus(self.breakers.refusing(now));
        }
        (eligible, short)
    }

    pub(super) fn pick(
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
        // Choices are told apart from calls by their purpose, so the key's model field is free for the order: two equal
        // ones on trial draw differently.
        let mut stream = self.streams.call(
            Purpose::Choice,
            request.task,
            ModelId(chain.arm.into()),
            usize::from(request.step),
            nth,
        );
        let hour = self.hour(now);
        let context = Context { short, ..Context::plain(request.level, hour) };
        let order = &mut self.orders[usize::from(chain.arm)];
        order.pick(&View { request, context, told }, among, &mut stream)
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
                explored: false,
                fallback_reason: None,
                hour,
                permit: Permit::default(),
            },
        )
    }

    /// The call that a choice of the order means.
    fn chosen(&mut self, now: SimTime, choice: Choice, role: Role, arm: u8) -> Call {
        Call {
            model: choice.model,
            role,
            chosen_by: self.orders[usize::from(arm)].chosen_by(),
            propensity: choice.propensity,
            explored: choice.explored,
            fallback_reason: None,
            hour: self.hour(now),
            permit: Permit::default(),
        }
    }

    pub(super) fn hour(&mut self, now: SimTime) -> u8 {
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
        if let Some(permit) = self.breakers.acquire(now, call.model, &mut self.log) {
            if call.chosen_by == ChosenBy::Learner && self.rule.learning {
                let context = Context::plain(request.level, call.hour);
                let view = View::plain(request, context);
                self.orders[usize::from(chain.arm)].chosen(&view, call.model);
            }
            return Next::Call(Call { permit, ..call });
        }
        let reason = FallbackReason::ModelFailure;
        chain.trigger.get_or_insert((call.model, reason));
        self.fall_back(now, request, chain, told, call.model, reason)
    }

    /// The model that the allocation in force puts first at `level`, if it binds the router.
    fn allocated(&self, level: Level) -> Option<ModelId> {
        self.allocator.as_ref().and_then(|(allocator, _)| allocator.first_choice(level))
    }

    /// Monitor, meter and allocator take in one call.
    fn watch(
        &mut self,
        now: SimTime,
        request: &Request,
        call: &Call,
        response: &Response,
        served: bool,
        arm: u8,
    ) {
        let metric = Metric {
            level: request.level,
            model: call.model,
            served,
            response: response.duration,
            tokens: response.tokens(),
        };
        let is_metered = self.trial.as_ref().is_none_or(|trial| arm == trial.in_service());
        if is_metered && call.chosen_by == ChosenBy::Learner {
            self.meter.chose(call.explored);
        }
        let log = &mut self.log;
        self.monitor.record(now, metric, |anomaly| log.push(StackEvent::Anomaly(anomaly)));
        if let Some((allocator, _)) = &mut self.allocator {
            allocator.book(now, request.level, call.model, response.tokens());
        }
    }

    /// The order whose beliefs are shown and whose learning is metered.
    fn in_service(&self) -> &Order {
        let arm = self.trial.as_ref().map_or(0, Trial::in_service);
        &self.orders[usize::from(arm)]
    }

    /// Feeds the learner of the order `arm` with one call; refusals only where the rule says so.
    fn learn(
        &mut self,
        now: SimTime,
        request: &Request,
        call: &Call,
        response: &Response,
        served: bool,
        arm: u8,
    ) -> Option<f64> {
        if !self.rule.learning {
            return None;
        }
        let own = call.chosen_by == ChosenBy::Learner;
        let context = Context::plain(request.level, call.hour);
        let view = View::plain(request, context);
        let refusal = response.outcome.is_refusal().then_some(self.rule.refusal_reward);
        let reward = match refusal {
            Some(Some(reward)) => reward,
            Some(None) => {
                if own {
                    self.orders[usize::from(arm)].refused(&view, call.model);
                }
                return None;
            }
            None => {
                let account = Account {
                    outcome: response.outcome,
                    served,
                    level: request.level,
                    quality: response.quality,
                    tokens: response.tokens() as f64,
                    duration_ms: response.duration.as_millis_f64(),
                    cost_usd: response.cost_usd,
                };
                self.reweighter.record(&account);
                self.reweighter.reward().of(&account)
            }
        };
        let feedback = Feedback {
            context,
            model: call.model,
            outcome: response.outcome,
            served,
            quality: response.quality,
            reward,
            cost: response.cost_usd / self.cost_unit,
            own,
            propensity: if own { call.propensity } else { Propensity::Unknown },
        };
        let (is_metered, shadow) = match &self.trial {
            None => (true, None),
            Some(trial) => (arm == trial.in_service(), trial.shadow_of(arm)),
        };
        if let Some(change) = self.orders[usize::from(arm)].learn(&view, &feedback)
            && is_metered
        {
            self.meter.learned(now, reward, change);
        }
        if let Some(shadow) = shadow {
            // Another order chose, so the probability is not that of this one.
            let feedback = Feedback { own: false, propensity: Propensity::Unknown, ..feedback };
            self.orders[usize::from(shadow)].learn(&view, &feedback);
        }
        Some(reward)
    }

    /// A step that was not cut off by the end of the run has ended.
    #[inline]
    pub fn step_ended(&mut self, now: SimTime, chain: &Chain, step: &Account) {
        if let Some(trial) = &mut self.trial {
            let log = &mut self.log;
            let tell = |event| log.push(StackEvent::Policy(Box::new(event)));
            trial.step_ended(now, chain.arm, step, tell);
        }
    }

    /// When something of the stack's own is due next: an allocation, a change of weights, a deployment, a local midnight.
    #[inline]
    #[must_use]
    pub fn due(&self) -> SimTime {
        let allocation = self.allocator.as_ref().map_or(SimTime::NEVER, |(_, times)| times.next());
        let trial = self.trial.as_ref().map_or(SimTime::NEVER, Trial::due);
        let others = self.reweighter.due().min(self.roster.due());
        allocation.min(others).min(trial).min(self.midnight.next())
    }

    /// Does what is due at `now`, which is what [`Stack::due`] said.
    pub fn advance(&mut self, now: SimTime) {
        while self.midnight.next() <= now && self.midnight.pop().is_some() {
            self.end_day(now);
            if self.days.is_multiple_of(DAYS_PER_PERIOD) {
                self.end_period(now);
            }
        }
        if self.roster.due() <= now {
            for model in self.roster.advance(now).iter() {
                self.orders.iter_mut().for_each(|order| order.model_added(model));
            }
            self.serving = self.declared.map(|models| models.minus(self.roster.absent()));
        }
        if self.reweighter.due() <= now {
            let log = &mut self.log;
            self.reweighter.change(now, |change| log.push(StackEvent::Weights(change)));
        }
        while self.allocator.as_ref().is_some_and(|(_, times)| times.next() <= now) {
            self.allocate(now);
        }
        if let Some(trial) = self.trial.as_mut().filter(|trial| trial.due() <= now) {
            let event = trial.advance(now);
            self.log.extend(event.map(|event| StackEvent::Policy(Box::new(event))));
        }
    }

    /// The run ends: whatever lasts until then is told.
    pub fn close(&mut self, now: SimTime) {
        self.end_day(now);
        self.end_period(now);
        if let Some((allocator, _)) = &mut self.allocator {
            self.log.extend(allocator.end(now).map(StackEvent::AllocationEnded));
        }
        let verdict = self.trial.as_mut().and_then(|trial| trial.close(now));
        self.log.extend(verdict.map(|event| StackEvent::Policy(Box::new(event))));
    }

    fn end_day(&mut self, now: SimTime) {
        let healths = self.monitor.end_day(now, self.days);
        self.log.extend(healths.map(StackEvent::Health));
        self.days += 1;
    }

    fn end_period(&mut self, now: SimTime) {
        if let Some(scale) = self.in_service().belief_scale() {
            let beliefs: Vec<f64> = self.beliefs().iter().map(|belief| belief.value).collect();
            let period = self.meter.end_period(now, scale.name(), &beliefs);
            self.log.push(StackEvent::Learning(period));
        }
    }

    fn allocate(&mut self, now: SimTime) {
        let Some(due) = self.allocator.as_mut().and_then(|(_, times)| times.pop()) else { return };
        let hour = self.clock.at(now).hour();
        let short = self.ledger.short(now);
        let of_level: Vec<(Vec<f64>, Vec<Option<f64>>)> = Level::ALL
            .iter()
            .map(|&level| {
                let context = Context::plain(level, hour as u8);
                let order = self.in_service();
                let beliefs = order.level_beliefs(&context, self.scores.len());
                let declared = self.scores.iter().map(|score| score[level.index()]);
                let scores = match order.belief_scale() == Some(BeliefScale::Score) {
                    true => declared.zip(&beliefs).map(|(d, b)| b.unwrap_or(d)).collect(),
                    false => declared.collect(),
                };
                (scores, beliefs)
            })
            .collect();
        let views = Level::ALL.map(|level| AllocatorView {
            serving: self.serving[level.index()],
            short,
            scores: &of_level[level.index()].0,
            beliefs: &of_level[level.index()].1,
        });
        let Some((allocator, _)) = &mut self.allocator else { return };
        self.log.extend(allocator.end(now).map(StackEvent::AllocationEnded));
        self.log.push(StackEvent::Allocated(allocator.allocate(&due, &views)));
    }

    /// All that the learner in service believes now, context by context.
    #[must_use]
    pub fn beliefs(&self) -> Vec<Belief> {
        self.in_service().beliefs(self.scores.len())
    }
}

/// By model, those that serve a level that it serves.
fn peers(registry: &Registry) -> Vec<ModelSet> {
    let of_level = Level::ALL.map(|level| registry.serving(level));
    let peers_of = |id: ModelId| {
        let with_it = of_level.iter().filter(|models| models.contains(id));
        with_it.flat_map(|models| models.iter()).chain([id]).collect()
    };
    registry.ids().map(peers_of).collect()
}
