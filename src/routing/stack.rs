//! The stack in flight: what it does when a step begins, a call ends or a wait is over.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::admission::AdmissionRule;
use super::allocator::Allocator;
use super::breaker::{BreakerRule, CallEnd, Permit, Surroundings};
use super::budget::BudgetRule;
use super::fallback::{FallbackPlan, Walk};
use super::hedge::Hedger;
use super::meter::Meter;
use super::minute::MinuteCounts;
use super::monitor::Monitor;
use super::order::{Order, View};
use super::outlier::OutlierRule;
use super::replica::{Assign, Replica};
use super::reweighting::Reweighter;
use super::roster::Roster;
use super::throttle::ThrottleRule;
use super::trial::Trial;
use super::{Call, Chain, Next, StackRule};
use crate::calendar::{DailyTimes, LocalClock};
use crate::domain::{
    ChosenBy, FallbackReason, KnownPrompts, ModelSet, Outcome, Overshoot, Propensity, Request,
    Response, Role, StackEvent,
};
use crate::learners::{Choice, Context, Prior, Reads};
use crate::registry::Registry;
use crate::sim::stream::{Purpose, Streams};
use crate::units::{Level, ModelId, PerLevel, SimTime, TaskId};

/// What a stack has of which most have nothing, so that those pay nothing for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Has {
    /// Something counts steps in flight: a limit or a budget.
    pub(super) step_counts: bool,
    /// Steps may be dropped.
    pub(super) throttle: bool,
    /// Breakers or detectors may change by time alone.
    pub(super) timers: bool,
}

impl Has {
    fn of(rule: &StackRule) -> Self {
        let counts = rule.admission != AdmissionRule::default();
        Self {
            step_counts: counts || rule.retry_budget != BudgetRule::None,
            throttle: rule.throttle != ThrottleRule::None,
            timers: rule.breaker != BreakerRule::None || rule.outliers != OutlierRule::None,
        }
    }
}

/// One routing stack in flight.
#[derive(Clone, Debug)]
pub struct Stack {
    pub(super) rule: Arc<StackRule>,
    pub(super) streams: Streams,
    /// Models with each level, of those that are there.
    pub(super) serving: PerLevel<ModelSet>,
    pub(super) declared: PerLevel<ModelSet>,
    pub(super) roster: Roster,
    pub(super) clock: LocalClock,
    /// The stack's own order, and the one on trial.
    pub(super) orders: Vec<Order>,
    /// What a cost of 1 is to learners, in USD.
    pub(super) cost_unit: f64,
    pub(super) trial: Option<Trial>,
    pub(super) replicas: Vec<Replica>,
    pub(super) has: Has,
    pub(super) sync_due: SimTime,
    /// What all instances together send in the present minute, where the router has limits of its own.
    minutes: Vec<MinuteCounts>,
    pub(super) hedger: Hedger,
    pub(super) scores: Vec<PerLevel<f64>>,
    /// Declared prices of a million input and output tokens.
    pub(super) prices: Vec<[f64; 2]>,
    pub(super) monitor: Monitor,
    pub(super) meter: Meter,
    pub(super) reweighter: Reweighter,
    pub(super) allocator: Option<(Allocator, DailyTimes)>,
    pub(super) midnight: DailyTimes,
    /// Local days that have ended.
    pub(super) days: u32,
    /// What happened since the engine last emptied this.
    pub log: Vec<StackEvent>,
    /// The task whose decisions are told in full.
    pub explains: Option<TaskId>,
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
        let surroundings = Surroundings { peers: peers(&rule, registry), start, streams };
        let replica = Replica::new(&rule, registry, start, &surroundings);
        Self {
            streams,
            serving: declared.map(|models| models.minus(roster.absent())),
            declared,
            roster,
            clock: LocalClock::new(start, zone.clone()),
            orders: std::iter::once(&rule.order)
                .chain(rule.trial.as_ref().map(|trial| &trial.challenger))
                .map(|order| Order::of_stack(order, registry, n_task_types, prompts, start))
                .collect(),
            cost_unit: Prior::of_registry(registry, Reads::Nothing, prompts).cost_unit,
            trial: rule.trial.as_ref().map(|trial| Trial::new(trial.kind)),
            replicas: vec![replica; usize::from(rule.replicas.n)],
            has: Has::of(&rule),
            sync_due: rule.replicas.sync_every.map_or(SimTime::NEVER, |t| SimTime::ZERO + t),
            minutes: vec![MinuteCounts::new(start); rule.ledger.per_minute.len()],
            hedger: Hedger::default(),
            scores: registry.models.iter().map(|m| m.score).collect(),
            prices: registry
                .models
                .iter()
                .map(|m| [m.usd_per_mtok_input, m.usd_per_mtok_output])
                .collect(),
            monitor: Monitor::new(rule.monitor),
            meter: Meter::default(),
            reweighter: Reweighter::new(&rule.reweighting, rule.reward),
            allocator: rule.allocator.as_ref().map(|own| {
                let times = DailyTimes::from_start(start, zone.clone(), own.times.clone());
                (Allocator::new(own, &registry.models), times)
            }),
            midnight: DailyTimes::midnights(start, zone),
            days: 0,
            log: Vec::new(),
            explains: None,
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

    /// What the router's first instance believes to have used of a model's account.
    pub fn believed_used(&mut self, now: SimTime, model: ModelId) -> u64 {
        self.replicas[0].ledger.used(now, model)
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
        chain.replica = self.replica_of(request);
        chain.deadline = self.rule.deadline.of(request);
        if now >= chain.deadline {
            return Next::Finish;
        }
        if !self.rule.groups.is_empty() {
            chain.walk = Walk::begin(&self.rule.groups, request.level);
        }
        if (self.has.step_counts || self.has.throttle) && !self.let_in(now, request, chain) {
            return Next::Finish;
        }
        self.begin(now, request, chain, told)
    }

    /// Whether the step may begin: throttle and limit on steps in flight.
    fn let_in(&mut self, now: SimTime, request: &Request, chain: &mut Chain) -> bool {
        let replica = &mut self.replicas[usize::from(chain.replica)];
        if !replica.admission.admits(request.priority) {
            return false;
        }
        if self.has.throttle {
            let step = usize::from(request.step);
            let none = ModelId(0);
            let mut stream = self.streams.call(Purpose::Throttle, request.task, none, step, 0);
            if replica.throttle.rejects(now, stream.uniform()) {
                return false;
            }
        }
        chain.begun = replica.admission.begun();
        replica.budget.request_begun(now);
        true
    }

    /// The instance that takes the step.
    fn replica_of(&self, request: &Request) -> u8 {
        let n = self.rule.replicas.n;
        match self.rule.replicas.assign {
            _ if n == 1 => 0,
            Assign::RoundRobin => (request.task.0 % u64::from(n)) as u8,
            Assign::Random => {
                let mut stream = self.streams.task(Purpose::Replica, request.task);
                stream.index(usize::from(n)) as u8
            }
        }
    }

    /// The step, or its next group, makes its first choice.
    pub(super) fn begin(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &mut Chain,
        told: Option<&[f64]>,
    ) -> Next {
        let all = self.serving(request, chain);
        let candidates = self.candidates(now, request, chain);
        let (eligible, short) = self.eligible(now, request, chain, candidates);
        let all_short = self.replicas[usize::from(chain.replica)].ledger.short(now).and(all);
        let allocated = self.allocated(request.level).filter(|model| all.contains(*model));
        let favourite = match allocated {
            Some(model) => Some(Choice { model, propensity: Propensity::Unknown, explored: false }),
            // Where load decides, a model that takes no calls is no choice that had to be given up.
            None if self.orders[usize::from(chain.arm)].follows_load() && !eligible.is_empty() => {
                self.pick(now, request, chain, told, eligible, short)
            }
            None => self.pick(now, request, chain, told, all, all_short),
        };
        let Some(favourite) = favourite else {
            // The order names no model of this level.
            self.tell_decision(now, request, chain, told, Role::First, None);
            return self.without_choice(now, request, chain, told);
        };
        let skipped = !eligible.contains(favourite.model);
        if skipped {
            let reason = self.skip_reason(chain, favourite.model, short);
            chain.trigger.get_or_insert((favourite.model, reason));
        }
        if eligible.is_empty() {
            self.tell_decision(now, request, chain, told, Role::First, None);
            return self.nobody_left(now, request, chain, told);
        }
        // A probability among all models is none among the eligible ones: such a choice is made anew.
        let choice = if skipped || (eligible != all && favourite.propensity != Propensity::Unknown)
        {
            self.pick(now, request, chain, told, eligible, short)
        } else {
            Some(favourite)
        };
        let role = if chain.reason.is_some() { Role::Fallback } else { Role::First };
        self.tell_decision(now, request, chain, told, role, choice.map(|choice| choice.model));
        match choice {
            Some(choice) => {
                let mut call = self.chosen(now, choice, role, chain.arm);
                call.fallback_reason = chain.reason;
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
            _ => self.nobody_left(now, request, chain, told),
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
        self.settle(now, chain, call, response, served);
        if served {
            if let Some(rule) = &self.rule.hedge {
                self.hedger.answered(rule, response.duration);
            }
            return (fed, self.escalate(now, request, chain, call));
        }
        let outcome = self.rule.reads_429.reads(response.outcome);
        self.leave_alone(now, chain, call.model, outcome, response.retry_after);
        let reason = FallbackReason::of(outcome);
        chain.trigger.get_or_insert((call.model, reason));
        if chain.in_flight > 0 {
            return (fed, Next::Pending);
        }
        (fed, self.recover(now, request, chain, told, call.model, outcome, response.retry_after))
    }

    /// A call was cancelled, since another one of the step had brought an answer: it was a choice and has its tokens, but
    /// says nothing of its model to monitor and learner.
    pub fn cancelled(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &mut Chain,
        call: &Call,
        response: &Response,
    ) {
        self.settle(now, chain, call, response, false);
        self.spend(now, request, call, response, chain.arm);
        if call.chosen_by == ChosenBy::Learner {
            let context = Context::plain(request.level, call.hour);
            let view = View::plain(request, context);
            self.orders[usize::from(chain.arm)].refused(&view, call.model);
        }
    }

    /// Ledger and breaker take in that a call is over.
    fn settle(
        &mut self,
        now: SimTime,
        chain: &mut Chain,
        call: &Call,
        response: &Response,
        served: bool,
    ) {
        chain.in_flight -= 1;
        self.orders.iter_mut().for_each(|order| order.ended(now, call.model, response));
        if let Some(counts) = self.minutes.get_mut(call.model.index()) {
            let ended = counts.book(now, 0, response.tokens());
            self.tell_overshoot(now, call.model, ended);
        }
        let replica = &mut self.replicas[usize::from(chain.replica)];
        replica.ledger.ended(now, call.model, response.tokens(), call.counted);
        if self.has.step_counts && matches!(call.role, Role::Retry | Role::Hedge) {
            replica.budget.retry_ended(now);
        }
        if self.has.throttle {
            let was_taken = matches!(
                response.outcome,
                Outcome::Success | Outcome::Partial | Outcome::Failure | Outcome::Cancelled
            );
            replica.throttle.ended(now, was_taken);
        }
        let end = CallEnd {
            verdict: self.rule.breaker.verdict(response.outcome, served),
            outcome: response.outcome,
            duration: response.duration,
        };
        replica.settle(now, call, end, response.retry_after, &mut self.log);
    }

    fn tell_overshoot(&mut self, now: SimTime, model: ModelId, ended: Option<(u64, u64)>) {
        let Some(counted) = ended else { return };
        let share = self.rule.ledger.per_minute[model.index()].overshoot(counted);
        if share > 0.0 {
            self.log.push(StackEvent::Overshoot(Overshoot { at: now, model, share }));
        }
    }

    /// Tells of the last minute of what is limited, whether or not it went beyond the limit.
    pub(super) fn close_minutes(&mut self, now: SimTime) {
        let limits = self.rule.ledger.per_minute.iter().zip(&self.minutes);
        for (model, (limit, counts)) in (0..).map(ModelId).zip(limits) {
            if !limit.is_limited() {
                continue;
            }
            let share = limit.overshoot(counts.last());
            self.log.push(StackEvent::Overshoot(Overshoot { at: now, model, share }));
        }
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
        if !self.orders[order].is_cascade() || now >= chain.deadline {
            return Next::Finish;
        }
        loop {
            let all = self.candidates(now, request, chain);
            let (eligible, _) = self.eligible(now, request, chain, all);
            let fresh = eligible.minus(chain.tried);
            let Some(model) = self.orders[order].escalates(request, call.model, fresh) else {
                return Next::Finish;
            };
            chain.tried.insert(model);
            if let Some(permit) = self.acquire(now, chain, model) {
                let choice = Choice { model, propensity: Propensity::Unknown, explored: false };
                let call = self.chosen(now, choice, Role::Escalation, chain.arm);
                return Next::Call(self.send(now, request, chain, Call { permit, ..call }));
            }
        }
    }

    /// Asks the breaker of `model` to let a call pass.
    pub(super) fn acquire(
        &mut self,
        now: SimTime,
        chain: &Chain,
        model: ModelId,
    ) -> Option<Permit> {
        let replica = &mut self.replicas[usize::from(chain.replica)];
        replica.acquire(now, model, &mut self.log)
    }

    /// The call that a choice of the order means.
    pub(super) fn chosen(&mut self, now: SimTime, choice: Choice, role: Role, arm: u8) -> Call {
        let chosen_by = self.orders[usize::from(arm)].chosen_by();
        let call = Call::of(choice.model, role, chosen_by, self.hour(now));
        Call { propensity: choice.propensity, explored: choice.explored, ..call }
    }

    pub(super) fn hour(&mut self, now: SimTime) -> u8 {
        self.clock.at(now).hour() as u8
    }

    /// Makes the call if the model's breaker lets it pass, else falls back.
    pub(super) fn place(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &mut Chain,
        told: Option<&[f64]>,
        call: Call,
    ) -> Next {
        chain.tried.insert(call.model);
        if let Some(permit) = self.acquire(now, chain, call.model) {
            if call.chosen_by == ChosenBy::Learner && self.rule.learning {
                let context = Context::plain(request.level, call.hour);
                let view = View::plain(request, context);
                self.orders[usize::from(chain.arm)].chosen(&view, call.model);
            }
            return Next::Call(self.send(now, request, chain, Call { permit, ..call }));
        }
        let reason = FallbackReason::ModelFailure;
        chain.trigger.get_or_insert((call.model, reason));
        self.fall_back(now, request, chain, told, call.model, reason)
    }

    /// A call that has its permit goes out.
    #[inline]
    pub(super) fn send(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &mut Chain,
        call: Call,
    ) -> Call {
        chain.in_flight += 1;
        self.orders.iter_mut().for_each(|order| order.sent(call.model));
        if let Some(counts) = self.minutes.get_mut(call.model.index()) {
            let ended = counts.book(now, 1, 0);
            self.tell_overshoot(now, call.model, ended);
        }
        let replica = &mut self.replicas[usize::from(chain.replica)];
        if self.has.throttle && chain.sent {
            // Only a step's first call may be dropped; the others are counted.
            replica.throttle.rejects(now, 1.0);
        }
        chain.sent = true;
        if call.role == Role::Retry {
            chain.granted = false;
        }
        let cut = if self.rule.deadline.cuts_calls { chain.deadline } else { SimTime::NEVER };
        Call {
            gives_up: (now + self.rule.call_timeout).min(cut),
            gives_up_on_first_token: now + self.rule.first_token_timeout,
            counted: replica.ledger.sent(now, call.model, request.input_tokens),
            hedge_after: self.hedge_after(chain),
            ..call
        }
    }

    /// The model that the allocation in force puts first at `level`, if it binds the router.
    fn allocated(&self, level: Level) -> Option<ModelId> {
        self.allocator.as_ref().and_then(|(allocator, _)| allocator.first_choice(level))
    }
}

/// By model, those that may take its place: its group, or those that serve a level that it serves.
fn peers(rule: &StackRule, registry: &Registry) -> Vec<ModelSet> {
    let of_level = Level::ALL.map(|level| registry.serving(level));
    let peers_of = |id: ModelId| {
        if let Some(group) = rule.groups.iter().find(|group| group.models.contains(id)) {
            return group.models;
        }
        let with_it = of_level.iter().filter(|models| models.contains(id));
        with_it.flat_map(|models| models.iter()).chain([id]).collect()
    };
    registry.ids().map(peers_of).collect()
}
