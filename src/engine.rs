//! The loop: one stack lives in one world for one seed. Only here do truth and belief meet.
//!
//! Next in time is the earliest of four: the next arrival (a register, pulled one at a time), the event heap (one entry
//! per call in service, settled when service starts), the waiting calls' give-up times (constant timeout, so a monotone
//! queue), and the faults that kill running calls.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::domain::{
    AttemptRecord, BreakerEvent, FallbackEvent, Outcome, Request, Response, Role, TaskRecord,
};
use crate::math;
use crate::registry::Registry;
use crate::reward::{Account, Reward, efficiency};
use crate::routing::order::OrderRule;
use crate::routing::{Call, Chain, Next, Stack, StackRule};
use crate::sim::queue::EventQueue;
use crate::sim::stream::{Purpose, Streams};
use crate::units::{ModelId, SimTime, TaskId};
use crate::world::WorldSpec;
use crate::world::expectation::{Expectations, Lengths};
use crate::world::provider::{Admission, Ending, Job, Providers};
use crate::world::workload::{Arrival, Workload, WorkloadSpec};

/// When arrivals stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At this instant.
    At(SimTime),
    /// After this many tasks.
    Tasks(u64),
}

/// Everything that a run depends on but the seed.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The truth.
    pub world: Arc<WorldSpec>,
    /// Arrivals.
    pub workload: WorkloadSpec,
    /// Where the expectation takes lengths from.
    pub lengths: Lengths,
    /// The scenario's zone.
    pub zone: TimeZone,
    /// When arrivals stop.
    pub end: End,
    /// Work in flight at the end is interrupted instead of drained.
    pub cut: bool,
    /// What the router believes of models.
    pub registry: Arc<Registry>,
    /// The stack.
    pub stack: Arc<StackRule>,
    /// What results are measured in.
    pub reward: Reward,
    /// Decision regret is measured.
    pub regret: bool,
}

/// Watches a run; cannot act on it.
pub trait Observer {
    /// A task has arrived (and started).
    fn task_arrived(&mut self, _now: SimTime, _task: TaskId) {}
    /// A call has ended.
    fn attempt_ended(&mut self, _record: &AttemptRecord) {}
    /// A fallback was asked for.
    fn fallback_asked(&mut self, _event: &FallbackEvent) {}
    /// A breaker has changed.
    fn breaker_changed(&mut self, _event: &BreakerEvent) {}
    /// A task has ended.
    fn task_ended(&mut self, _record: &TaskRecord) {}
    /// The instant of the next [`Observer::sample`].
    fn sample_due(&self) -> SimTime {
        SimTime::NEVER
    }
    /// Tokens used and limit of every model's account as the provider counts them, and as the router believes.
    fn sample(&mut self, _quotas: &[QuotaSample]) {}
}

/// State of one model's daily quota.
#[derive(Clone, Copy, Debug)]
pub struct QuotaSample {
    /// Tokens used since the reset, as the provider counts them.
    pub used: u64,
    /// The limit; `None` is unlimited.
    pub limit: Option<u64>,
    /// Tokens used, as the router believes.
    pub believed_used: u64,
}

/// An observer that looks away.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {}

/// What a run leaves besides what observers saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Rolling hash of every event's time, kind and ids.
    pub event_hash: u64,
    /// Events handled.
    pub n_events: u64,
    /// Tasks that arrived.
    pub n_tasks: u64,
    /// The last event's time.
    pub ended: SimTime,
}

/// Runs one cell for one seed.
pub fn run<O: Observer>(cell: &Cell, seed: u64, observer: &mut O) -> Digest {
    let mut run = Run::new(cell, seed, observer);
    run.until_quiet();
    if cell.cut {
        run.interrupt_all();
    }
    match cell.end {
        End::At(end) => run.sample_until(end),
        // Spans of tasks have no instant of their own: the last one ends with the run.
        End::Tasks(_) => run.sample(run.digest.ended),
    }
    run.digest
}

/// The heap's payload: a slot, with this bit for the end of a wait before a retry.
const WAKE: u32 = 1 << 23;
/// The heap's payload for an arrival of a closed loop.
const ARRIVE: u32 = WAKE | (WAKE - 1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Vacant,
    Waiting,
    Queued,
    Serving,
}

/// One task in flight, with its one call in flight.
#[derive(Clone, Debug)]
struct Active {
    phase: Phase,
    ticket: u64,
    task_type: u16,
    record: TaskRecord,
    gives_up_on_task: SimTime,
    difficulty: f64,
    request: Request,
    output_tokens: u32,
    traced: Option<(u32, u32)>,
    chain: Chain,
    called: Vec<ModelId>,
    step_started: SimTime,
    step_tokens: u64,
    step_cost_usd: f64,
    last: Option<(Outcome, f64, ModelId)>,
    sums: StepSums,
    call: Option<Call>,
    dispatched: SimTime,
    service_began: SimTime,
    ending: Option<Ending>,
    decision_regret: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct StepSums {
    quality: f64,
    efficiency: f64,
    reward: f64,
}

struct Run<'a, O> {
    cell: &'a Cell,
    observer: &'a mut O,
    streams: Streams,
    providers: Providers,
    stack: Stack,
    expectations: Option<Expectations>,
    informed: bool,
    expected: Vec<(f64, bool)>,
    told: Vec<f64>,
    workload: Workload,
    shares: Vec<f64>,
    arrival: Option<Arrival>,
    queue: EventQueue,
    give_ups: VecDeque<(SimTime, u64)>,
    kills: VecDeque<(SimTime, Vec<ModelId>)>,
    clock: SimTime,
    slots: Vec<Active>,
    vacant: Vec<u32>,
    tickets: u64,
    digest: Digest,
}

impl<'a, O: Observer> Run<'a, O> {
    fn new(cell: &'a Cell, seed: u64, observer: &'a mut O) -> Self {
        let streams = Streams::new(seed);
        let providers = Providers::new(Arc::clone(&cell.world), streams);
        let kills = providers.timeline().kills().into();
        let informed = cell.stack.order == OrderRule::InformedGreedy;
        let expectations = (cell.regret || informed).then(|| {
            Expectations::new(
                &cell.world,
                &cell.lengths,
                cell.reward,
                cell.stack.partial_counts,
                cell.stack.call_timeout,
            )
        });
        let stack = Stack::new(
            Arc::clone(&cell.stack),
            &cell.registry,
            cell.world.task_types.len(),
            cell.world.start,
            cell.zone.clone(),
            streams,
        );
        let mut total = 0.0;
        let shares = cell
            .world
            .task_types
            .iter()
            .map(|t| {
                total += t.share;
                total
            })
            .collect();
        let mut run = Self {
            cell,
            observer,
            streams,
            providers,
            stack,
            expectations,
            informed,
            expected: Vec::new(),
            told: Vec::new(),
            workload: Workload::new(cell.workload.clone(), streams),
            shares,
            arrival: None,
            queue: EventQueue::default(),
            give_ups: VecDeque::new(),
            kills,
            clock: SimTime::ZERO,
            slots: Vec::new(),
            vacant: Vec::new(),
            tickets: 0,
            digest: Digest { event_hash: 0, n_events: 0, n_tasks: 0, ended: SimTime::ZERO },
        };
        run.pull_arrival();
        run
    }

    /// Whether a task that arrives at `at` comes behind the end.
    fn is_over(&self, at: SimTime) -> bool {
        match self.cell.end {
            End::At(end) => at >= end,
            End::Tasks(n) => self.digest.n_tasks >= n,
        }
    }

    /// Pulls the next arrival that does not wait for a task's end.
    fn pull_arrival(&mut self) {
        self.arrival = self.workload.next_arrival().filter(|arrival| !self.is_over(arrival.at));
    }

    fn until_quiet(&mut self) {
        let stop = match self.cell.end {
            End::At(end) if self.cell.cut => end,
            _ => SimTime::NEVER,
        };
        loop {
            self.drop_stale_give_ups();
            let arrival = self.arrival.map_or(SimTime::NEVER, |a| a.at);
            let give_up = self.give_ups.front().map_or(SimTime::NEVER, |(at, _)| *at);
            let kill = self.kills.front().map_or(SimTime::NEVER, |(at, _)| *at);
            let event = self.queue.next_time();
            let busy = event.min(give_up).min(arrival);
            let now = busy.min(kill);
            if busy == SimTime::NEVER || now >= stop {
                return;
            }
            assert!(now >= self.clock, "the clock went back from {:?} to {now:?}", self.clock);
            self.clock = now;
            self.sample_until(now);
            if self.providers.advance(now)
                && let Some(expectations) = &mut self.expectations
            {
                expectations.expire();
            }
            if now == kill {
                self.kill(now);
            } else if now == give_up {
                self.give_up(now);
            } else if now == event {
                let (_, payload) = self.queue.pop().expect("it has a next time");
                self.handle(now, payload);
            } else {
                let arrival = self.arrival.expect("it is the next in time");
                self.arrive(now, arrival);
                self.pull_arrival();
            }
        }
    }

    /// Waiting calls that have begun or ended since leave their give-up times behind.
    fn drop_stale_give_ups(&mut self) {
        while let Some((_, ticket)) = self.give_ups.front() {
            let active = &self.slots[slot_of(*ticket)];
            if active.ticket == *ticket && active.phase == Phase::Queued {
                return;
            }
            self.give_ups.pop_front();
        }
    }

    fn note(&mut self, now: SimTime, kind: u64, id: u64) {
        self.digest.n_events += 1;
        self.digest.ended = now;
        let word = now.0 ^ kind.rotate_right(8) ^ id.rotate_left(20);
        let mixed = (self.digest.event_hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.digest.event_hash = mixed ^ (mixed >> 29);
    }

    fn handle(&mut self, now: SimTime, payload: u32) {
        if payload == ARRIVE {
            if !self.is_over(now) {
                self.arrive(now, Arrival { at: now, tokens: None });
            }
            return;
        }
        let slot = (payload & !WAKE) as usize;
        if payload & WAKE != 0 {
            self.note(now, 3, self.slots[slot].record.task.0);
            let next = self.with_stack(now, slot, |stack, active, told| {
                stack.resume(now, &active.request, &mut active.chain, told)
            });
            self.follow(now, slot, next);
        } else if self.slots[slot].phase == Phase::Serving
            && self.slots[slot].ending.is_some_and(|ending| ending.at == now)
        {
            self.call_ended(now, slot);
        }
    }

    fn arrive(&mut self, now: SimTime, arrival: Arrival) {
        let task = TaskId(self.digest.n_tasks);
        self.digest.n_tasks += 1;
        self.note(now, 1, task.0);
        let mut stream = self.streams.task(Purpose::Task, task);
        let difficulty = math::normal_quantile(stream.uniform());
        let at = stream.uniform() * self.shares[self.shares.len() - 1];
        let task_type = self.shares.partition_point(|upto| *upto <= at).min(self.shares.len() - 1);
        let kind = &self.cell.world.task_types[task_type];
        let record = TaskRecord {
            task,
            task_type: task_type as u16,
            level: kind.steps[0],
            priority: kind.priority,
            arrived: now,
            ended: now,
            outcome: Outcome::Shed,
            served: false,
            in_time: false,
            quality: 0.0,
            input_tokens: 0,
            output_tokens: 0,
            cost_usd: 0.0,
            efficiency: 0.0,
            reward: 0.0,
            decision_regret: self.cell.regret.then_some(0.0),
            n_best: 0,
            n_decisions: 0,
            n_steps: 0,
            n_attempts: 0,
            first_model: None,
            served_by: None,
            trigger: None,
        };
        let gives_up_on_task = kind.deadline.map_or(SimTime::NEVER, |d| now + d);
        let slot = self.vacant.pop().map_or(self.slots.len(), |slot| slot as usize);
        let active = Active {
            phase: Phase::Waiting,
            ticket: 0,
            task_type: task_type as u16,
            record,
            gives_up_on_task,
            difficulty,
            request: Request {
                task,
                task_type: task_type as u16,
                step: 0,
                level: kind.steps[0],
                priority: kind.priority,
                input_tokens: 0,
            },
            output_tokens: 0,
            traced: arrival.tokens,
            chain: Chain::default(),
            called: Vec::new(),
            step_started: now,
            step_tokens: 0,
            step_cost_usd: 0.0,
            last: None,
            sums: StepSums::default(),
            call: None,
            dispatched: now,
            service_began: now,
            ending: None,
            decision_regret: None,
        };
        if slot == self.slots.len() {
            assert!(slot < (WAKE - 1) as usize, "more than {WAKE} tasks in flight");
            self.slots.push(active);
        } else {
            let called = std::mem::take(&mut self.slots[slot].called);
            self.slots[slot] = Active { called, ..active };
        }
        self.observer.task_arrived(now, task);
        self.begin_step(now, slot);
    }

    fn begin_step(&mut self, now: SimTime, slot: usize) {
        let active = &mut self.slots[slot];
        let kind = &self.cell.world.task_types[usize::from(active.task_type)];
        let step = active.record.n_steps;
        active.record.n_steps += 1;
        let (input, output) = active.traced.unwrap_or_else(|| {
            // Behind the task's two draws, two for each step.
            let mut stream = self.streams.task(Purpose::Task, active.record.task);
            (0..2 + 2 * usize::from(step)).for_each(|_| {
                stream.uniform();
            });
            (kind.input_tokens.at(stream.uniform()), kind.output_tokens.at(stream.uniform()))
        });
        active.request.step = step;
        active.request.level = kind.steps[usize::from(step)];
        active.request.input_tokens = input;
        active.output_tokens = output;
        active.chain = Chain::default();
        active.called.clear();
        active.step_started = now;
        active.step_tokens = 0;
        active.step_cost_usd = 0.0;
        active.last = None;
        let next = self.with_stack(now, slot, |stack, active, told| {
            stack.start(now, &active.request, &mut active.chain, told)
        });
        self.follow(now, slot, next);
    }

    /// Asks the stack; tells the informed reference what to expect, and passes on what the stack logged.
    fn with_stack<T>(
        &mut self,
        now: SimTime,
        slot: usize,
        ask: impl FnOnce(&mut Stack, &mut Active, Option<&[f64]>) -> T,
    ) -> T {
        if self.informed {
            self.expect(now, slot);
            self.told.clear();
            self.told.extend(
                self.expected.iter().map(
                    |(value, admitted)| {
                        if *admitted { *value } else { f64::NEG_INFINITY }
                    },
                ),
            );
        }
        let told = self.informed.then_some(self.told.as_slice());
        let answer = ask(&mut self.stack, &mut self.slots[slot], told);
        for event in self.stack.fallback_log.drain(..) {
            self.observer.fallback_asked(&event);
        }
        for event in self.stack.breaker_log.drain(..) {
            self.observer.breaker_changed(&event);
        }
        answer
    }

    /// Computes the expected reward of every model for the slot's step.
    fn expect(&mut self, now: SimTime, slot: usize) {
        let active = &self.slots[slot];
        let tokens = u64::from(active.request.input_tokens) + u64::from(active.output_tokens);
        if let Some(expectations) = &mut self.expectations {
            expectations.of_models(
                now,
                &mut self.providers,
                active.task_type,
                active.request.step,
                tokens,
                &mut self.expected,
            );
        }
    }

    /// Decision regret of choosing `model` (or none) for the slot's step now; books it on the task.
    fn regret(&mut self, now: SimTime, slot: usize, model: Option<ModelId>) -> Option<f64> {
        if !self.cell.regret {
            return None;
        }
        self.expect(now, slot);
        let refusal = self.expectations.as_ref().map_or(0.0, Expectations::refusal);
        let own = model.map_or(refusal, |m| self.expected[m.index()].0);
        let level = self.slots[slot].request.level.index();
        let best = self
            .expected
            .iter()
            .zip(&self.cell.registry.models)
            .filter(|((_, admitted), model)| *admitted && model.levels[level])
            .map(|((value, _), _)| *value)
            .fold(own, f64::max);
        let record = &mut self.slots[slot].record;
        record.n_decisions += 1;
        record.n_best += u16::from(best - own <= 1e-12);
        if let Some(sum) = &mut record.decision_regret {
            *sum += best - own;
        }
        Some(best - own)
    }

    fn follow(&mut self, now: SimTime, slot: usize, next: Next) {
        match next {
            Next::Call(call) => self.dispatch(now, slot, call),
            Next::Wait(wait) => {
                self.slots[slot].phase = Phase::Waiting;
                self.queue.push(now + wait, slot as u32 | WAKE);
            }
            Next::Finish => self.end_step(now, slot),
        }
    }

    fn dispatch(&mut self, now: SimTime, slot: usize, call: Call) {
        let regret = self.regret(now, slot, Some(call.model));
        self.tickets += 1;
        let ticket = self.tickets << 24 | slot as u64;
        let gives_up = now + self.cell.stack.call_timeout;
        let active = &mut self.slots[slot];
        let nth = active.called.iter().filter(|m| **m == call.model).count() as u16;
        active.called.push(call.model);
        active.ticket = ticket;
        active.call = Some(call);
        active.dispatched = now;
        active.decision_regret = regret;
        active.record.first_model.get_or_insert(call.model);
        let task = active.record.task.0;
        let job = self.job(slot, nth, gives_up);
        self.note(now, 2, task << 8 | u64::from(call.model.0));
        match self.providers.admit(now, &job, ticket) {
            Admission::Settled(ending) => self.settle(now, slot, ending),
            Admission::Queued => {
                self.slots[slot].phase = Phase::Queued;
                self.slots[slot].ending = None;
                self.give_ups.push_back((gives_up, ticket));
            }
        }
    }

    fn job(&self, slot: usize, nth: u16, gives_up: SimTime) -> Job {
        let active = &self.slots[slot];
        let kind = &self.cell.world.task_types[usize::from(active.task_type)];
        Job {
            task: active.record.task,
            step: active.request.step,
            level: active.request.level,
            model: active.call.expect("a job needs its call").model,
            nth,
            difficulty: active.difficulty,
            correlation: kind.difficulty_correlation,
            input_tokens: active.request.input_tokens,
            output_tokens: active.output_tokens,
            gives_up,
        }
    }

    fn settle(&mut self, now: SimTime, slot: usize, ending: Ending) {
        let active = &mut self.slots[slot];
        active.phase = Phase::Serving;
        active.service_began = now;
        active.ending = Some(ending);
        self.queue.push(ending.at, slot as u32);
    }

    /// Starts waiting calls of `model` while slots are free.
    fn serve_waiting(&mut self, now: SimTime, model: ModelId) {
        while let Some(ticket) = self.providers.next_waiting(model) {
            let slot = slot_of(ticket);
            if self.slots[slot].ticket != ticket || self.slots[slot].phase != Phase::Queued {
                continue;
            }
            let nth = self.slots[slot].called.iter().filter(|m| **m == model).count() as u16 - 1;
            let gives_up = self.slots[slot].dispatched + self.cell.stack.call_timeout;
            let job = self.job(slot, nth, gives_up);
            let ending = self.providers.begin(now, &job);
            self.settle(now, slot, ending);
        }
    }

    fn give_up(&mut self, now: SimTime) {
        let (_, ticket) = self.give_ups.pop_front().expect("the loop saw one");
        let slot = slot_of(ticket);
        let active = &mut self.slots[slot];
        self.providers.give_up(active.call.expect("a queued call").model);
        active.service_began = now;
        active.ending = Some(unbilled(now, Outcome::Timeout));
        self.call_ended(now, slot);
    }

    fn kill(&mut self, now: SimTime) {
        let (_, models) = self.kills.pop_front().expect("the loop saw one");
        for slot in 0..self.slots.len() {
            let active = &mut self.slots[slot];
            let hit = active.call.is_some_and(|call| models.contains(&call.model));
            if active.phase != Phase::Serving || !hit {
                continue;
            }
            let holds_slot = active.ending.is_some_and(|ending| ending.holds_slot);
            active.ending = Some(Ending { holds_slot, ..unbilled(now, Outcome::ApiError) });
            self.call_ended(now, slot);
        }
    }

    fn call_ended(&mut self, now: SimTime, slot: usize) {
        let active = &mut self.slots[slot];
        let call = active.call.take().expect("a call that ends was made");
        let ending = active.ending.take().expect("a call that ends was settled");
        active.phase = Phase::Waiting;
        let task = active.record.task.0;
        self.providers.end(now, call.model, &ending);
        self.note(now, 4, task << 8 | ending.outcome as u64);
        let response = self.response(now, slot, &ending);
        let (fed, next) = self.with_stack(now, slot, |stack, active, told| {
            stack.answered(now, &active.request, &mut active.chain, &call, &response, told)
        });
        self.book(slot, &call, &response, fed);
        if ending.holds_slot {
            self.serve_waiting(now, call.model);
        }
        self.follow(now, slot, next);
    }

    fn response(&self, now: SimTime, slot: usize, ending: &Ending) -> Response {
        Response {
            outcome: ending.outcome,
            quality: ending.quality,
            input_tokens: ending.input_tokens,
            output_tokens: ending.output_tokens,
            cost_usd: ending.cost_usd,
            duration: now.since(self.slots[slot].dispatched),
            retry_after: ending.retry_after,
        }
    }

    /// Books an ended call on its task and shows it to the observer.
    fn book(&mut self, slot: usize, call: &Call, response: &Response, fed: Option<f64>) {
        let active = &mut self.slots[slot];
        let record = &mut active.record;
        let attempt = record.n_attempts;
        record.n_attempts += 1;
        record.input_tokens += u64::from(response.input_tokens);
        record.output_tokens += u64::from(response.output_tokens);
        record.cost_usd += response.cost_usd;
        active.step_tokens += response.tokens();
        active.step_cost_usd += response.cost_usd;
        active.last = Some((response.outcome, response.quality, call.model));
        self.observer.attempt_ended(&AttemptRecord {
            task: record.task,
            step: active.request.step,
            level: active.request.level,
            attempt,
            model: call.model,
            role: call.role,
            chosen_by: call.chosen_by,
            propensity: call.propensity,
            fallback_reason: call.fallback_reason.filter(|_| call.role == Role::Fallback),
            dispatched: active.dispatched,
            wait: active.service_began.since(active.dispatched),
            response: *response,
            reward: fed,
            decision_regret: active.decision_regret,
        });
    }

    fn end_step(&mut self, now: SimTime, slot: usize) {
        if self.slots[slot].last.is_none() {
            self.regret(now, slot, None);
        }
        let active = &mut self.slots[slot];
        let (outcome, quality, model) = match active.last {
            Some((outcome, quality, model)) => (outcome, quality, Some(model)),
            None => (Outcome::Shed, Outcome::Shed.nominal_quality(), None),
        };
        let served = self.stack.served(outcome);
        let account = Account {
            outcome,
            served,
            level: active.request.level,
            quality,
            tokens: active.step_tokens as f64,
            duration_ms: now.since(active.step_started).as_millis_f64(),
            cost_usd: active.step_cost_usd,
        };
        active.sums.quality += quality;
        active.sums.efficiency += efficiency(&account);
        active.sums.reward += self.cell.reward.of(&account);
        if active.record.trigger.is_none() {
            active.record.trigger = active.chain.trigger;
        }
        let n_steps = self.cell.world.task_types[usize::from(active.task_type)].steps.len();
        if served && usize::from(active.record.n_steps) < n_steps {
            self.begin_step(now, slot);
            return;
        }
        active.record.served_by = model.filter(|_| served);
        self.end_task(now, slot, outcome, served);
    }

    fn end_task(&mut self, now: SimTime, slot: usize, outcome: Outcome, served: bool) {
        let active = &mut self.slots[slot];
        let steps = f64::from(active.record.n_steps);
        let record = &mut active.record;
        record.ended = now;
        record.outcome = outcome;
        record.served = served;
        record.in_time = served && now <= active.gives_up_on_task;
        record.quality = active.sums.quality / steps;
        if served {
            record.efficiency = active.sums.efficiency / steps;
        }
        if served || (self.cell.reward.pays_unserved() && outcome != Outcome::Interrupted) {
            record.reward = active.sums.reward / steps;
        }
        active.phase = Phase::Vacant;
        active.ticket = 0;
        let record = active.record;
        self.vacant.push(slot as u32);
        self.note(now, 5, record.task.0);
        self.observer.task_ended(&record);
        if outcome != Outcome::Interrupted
            && let Some(at) = self.workload.after_end(record.arrived, now)
        {
            self.queue.push(at, ARRIVE);
        }
    }

    /// Ends everything in flight at the end of a run that is cut.
    fn interrupt_all(&mut self) {
        let End::At(now) = self.cell.end else { return };
        self.digest.ended = now;
        for slot in 0..self.slots.len() {
            if self.slots[slot].phase == Phase::Vacant {
                continue;
            }
            if let Some(call) = self.slots[slot].call.take() {
                let response = self.response(now, slot, &unbilled(now, Outcome::Interrupted));
                if self.slots[slot].phase == Phase::Queued {
                    self.slots[slot].service_began = now;
                }
                self.book(slot, &call, &response, None);
            }
            if self.slots[slot].record.trigger.is_none() {
                self.slots[slot].record.trigger = self.slots[slot].chain.trigger;
            }
            self.end_task(now, slot, Outcome::Interrupted, false);
        }
    }

    /// Shows the observer the quotas at every instant up to `now` that it asked for.
    fn sample_until(&mut self, now: SimTime) {
        while self.observer.sample_due() <= now {
            let due = self.observer.sample_due();
            self.sample(due);
        }
    }

    fn sample(&mut self, due: SimTime) {
        let quotas: Vec<QuotaSample> = (0..self.cell.registry.models.len() as u16)
            .map(ModelId)
            .map(|model| {
                let (used, limit) = self.providers.quota(due, model);
                QuotaSample { used, limit, believed_used: self.stack.believed_used(model) }
            })
            .collect();
        self.observer.sample(&quotas);
    }
}

/// The slot that a ticket's low bits name.
fn slot_of(ticket: u64) -> usize {
    (ticket & 0xff_ffff) as usize
}

fn unbilled(at: SimTime, outcome: Outcome) -> Ending {
    Ending {
        at,
        outcome,
        quality: outcome.nominal_quality(),
        input_tokens: 0,
        output_tokens: 0,
        cost_usd: 0.0,
        retry_after: None,
        holds_slot: false,
    }
}
