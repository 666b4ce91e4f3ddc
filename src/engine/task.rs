//! Tasks in flight: they arrive, go through their steps and end exactly once.

use super::Observer;
use super::run::{ARRIVE, Run, WAKE};
use crate::domain::{AttemptRecord, Outcome, Request, Response, Role, StepRecord, TaskRecord};
use crate::math;
use crate::reward::{Account, efficiency};
use crate::routing::{Chain, Stack};
use crate::sim::stream::Purpose;
use crate::units::{ModelId, SimTime, TaskId};
use crate::world::expectation::Expectations;
use crate::world::workload::Arrival;

/// One task in flight.
#[derive(Clone, Debug)]
pub(super) struct Active {
    pub(super) busy: bool,
    pub(super) task_type: u16,
    pub(super) record: TaskRecord,
    pub(super) gives_up_on_task: SimTime,
    pub(super) difficulty: f64,
    pub(super) request: Request,
    pub(super) output_tokens: u32,
    pub(super) arrival: Arrival,
    /// Tokens of the prompts' own part and of the answers, as drawn.
    pub(super) own_tokens: u64,
    pub(super) chain: Chain,
    /// Models called in this step.
    pub(super) called: Vec<ModelId>,
    /// Its calls in flight.
    pub(super) flights: Vec<u32>,
    /// When the youngest of them may be hedged.
    pub(super) hedge_at: SimTime,
    pub(super) step_started: SimTime,
    pub(super) step_tokens: u64,
    pub(super) step_cost_usd: f64,
    pub(super) last: Option<(Outcome, f64, ModelId)>,
    pub(super) sums: StepSums,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StepSums {
    pub(super) quality: f64,
    pub(super) efficiency: f64,
    pub(super) reward: f64,
}

impl<O: Observer> Run<'_, O> {
    pub(super) fn arrive(&mut self, now: SimTime, arrival: Arrival) {
        let task = TaskId(self.digest.n_tasks);
        self.digest.n_tasks += 1;
        self.note(now, 1, task.0);
        let mut stream = self.streams.task(Purpose::Task, task);
        let hardness = stream.uniform();
        let at = stream.uniform() * self.shares[self.shares.len() - 1];
        let prompt = self.prompts.as_mut().map(|prompts| prompts.of(task.0));
        let task_type = match (&self.cell.world.recorded, prompt) {
            (Some(world), Some(prompt)) => world.task_type(prompt).into(),
            _ => self.shares.partition_point(|upto| *upto <= at).min(self.shares.len() - 1),
        };
        let kind = &self.cell.world.task_types[task_type];
        let difficulty =
            if kind.difficulty_correlation > 0.0 { math::normal_quantile(hardness) } else { 0.0 };
        let record = TaskRecord {
            task,
            task_type: task_type as u16,
            level: kind.steps[0],
            priority: kind.priority,
            estimated_tokens: kind.mean_tokens(),
            prompt,
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
            rescued: false,
        };
        let gives_up_on_task = kind.deadline.map_or(SimTime::NEVER, |d| now + d);
        let slot = self.vacant.pop().map_or(self.slots.len(), |slot| slot as usize);
        let active = Active {
            busy: true,
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
                prompt,
                arrived: now,
                deadline: gives_up_on_task,
            },
            output_tokens: 0,
            arrival,
            own_tokens: 0,
            chain: Chain::default(),
            called: Vec::new(),
            flights: Vec::new(),
            hedge_at: SimTime::NEVER,
            step_started: now,
            step_tokens: 0,
            step_cost_usd: 0.0,
            last: None,
            sums: StepSums::default(),
        };
        if slot == self.slots.len() {
            assert!(slot < WAKE as usize, "more than {WAKE} tasks in flight");
            self.slots.push(active);
        } else {
            let called = std::mem::take(&mut self.slots[slot].called);
            let flights = std::mem::take(&mut self.slots[slot].flights);
            self.slots[slot] = Active { called, flights, ..active };
        }
        self.observer.task_arrived(&self.slots[slot].record);
        self.begin_step(now, slot);
    }

    pub(super) fn begin_step(&mut self, now: SimTime, slot: usize) {
        let active = &mut self.slots[slot];
        let kind = &self.cell.world.task_types[usize::from(active.task_type)];
        let step = active.record.n_steps;
        active.record.n_steps += 1;
        let (input, output) = active.arrival.tokens.unwrap_or_else(|| {
            // Behind the task's two draws, two for each step.
            let mut stream = self.streams.task(Purpose::Task, active.record.task);
            stream.skip_pairs(1 + u32::from(step));
            (kind.input_tokens.at(stream.uniform()), kind.output_tokens.at(stream.uniform()))
        });
        active.own_tokens += u64::from(input) + u64::from(output);
        let context = active.arrival.turn.map_or(0, |turn| turn.context_tokens);
        let input = input.saturating_add(context);
        active.request.step = step;
        active.request.level = kind.steps[usize::from(step)];
        let recorded = self.cell.world.recorded.as_ref().zip(active.request.prompt);
        active.request.input_tokens =
            recorded.and_then(|(world, prompt)| world.table.input_tokens(prompt)).unwrap_or(input);
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
    pub(super) fn with_stack<T>(
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
        self.tell(now);
        answer
    }

    /// Computes the expected reward of every model for the slot's step.
    pub(super) fn expect(&mut self, now: SimTime, slot: usize) {
        let active = &self.slots[slot];
        let tokens = u64::from(active.request.input_tokens) + u64::from(active.output_tokens);
        if let Some(expectations) = &mut self.expectations {
            expectations.of_models(
                now,
                &mut self.providers,
                active.task_type,
                (active.request.step, active.request.prompt),
                tokens,
                &mut self.expected,
            );
        }
    }

    /// Decision regret of choosing `model` (or none) for the slot's step now; books it on the task.
    pub(super) fn regret(
        &mut self,
        now: SimTime,
        slot: usize,
        model: Option<ModelId>,
    ) -> Option<f64> {
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

    pub(super) fn end_step(&mut self, now: SimTime, slot: usize) {
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
        self.log_step(now, slot, outcome, served, quality);
        if self.stack.counts_steps() {
            self.stack.step_ended(now, &self.slots[slot].chain, &account);
            self.tell(now);
        }
        let active = &mut self.slots[slot];
        active.sums.quality += quality;
        active.sums.efficiency += efficiency(&account);
        active.sums.reward += self.cell.reward.of(&account);
        if active.record.trigger.is_none() {
            active.record.trigger = active.chain.trigger;
            let other = |(from, _): (ModelId, _)| model.is_some_and(|by| by != from);
            active.record.rescued = served && active.chain.trigger.is_some_and(other);
        }
        let n_steps = self.cell.world.task_types[usize::from(active.task_type)].steps.len();
        if served && usize::from(active.record.n_steps) < n_steps {
            self.begin_step(now, slot);
            return;
        }
        active.record.served_by = model.filter(|_| served);
        self.end_task(now, slot, outcome, served);
    }

    /// Shows the observer a step that ends.
    pub(super) fn log_step(
        &mut self,
        now: SimTime,
        slot: usize,
        outcome: Outcome,
        served: bool,
        quality: f64,
    ) {
        let active = &self.slots[slot];
        self.observer.step_ended(&StepRecord {
            task: active.record.task,
            step: active.request.step,
            level: active.request.level,
            started: active.step_started,
            ended: now,
            outcome,
            served,
            quality,
            tokens: active.step_tokens,
        });
    }

    pub(super) fn end_task(&mut self, now: SimTime, slot: usize, outcome: Outcome, served: bool) {
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
        active.busy = false;
        let (record, arrival) = (active.record, active.arrival);
        let answered_tokens = if served { active.own_tokens } else { 0 };
        self.vacant.push(slot as u32);
        self.note(now, 5, record.task.0);
        self.observer.task_ended(&record);
        if outcome != Outcome::Interrupted
            && let Some(at) = self.workload.after_end(arrival, now, answered_tokens)
        {
            self.queue.push(at, ARRIVE);
        }
    }

    /// Books an ended call on its task and shows it to the observer.
    pub(super) fn book(&mut self, index: usize, response: &Response, fed: Option<f64>) {
        let flight = &self.flights[index];
        let call = &flight.call;
        let active = &mut self.slots[flight.slot as usize];
        let record = &mut active.record;
        let attempt = record.n_attempts;
        record.n_attempts += 1;
        record.input_tokens += u64::from(response.input_tokens);
        record.output_tokens += u64::from(response.output_tokens);
        record.cost_usd += response.cost_usd;
        active.step_tokens += response.tokens();
        active.step_cost_usd += response.cost_usd;
        self.observer.attempt_ended(&AttemptRecord {
            task: record.task,
            step: active.request.step,
            level: active.request.level,
            attempt,
            model: call.model,
            role: call.role,
            chosen_by: call.chosen_by,
            propensity: call.propensity,
            explored: call.explored,
            fallback_reason: call.fallback_reason.filter(|_| call.role == Role::Fallback),
            dispatched: flight.dispatched,
            wait: flight.service_began.since(flight.dispatched),
            response: *response,
            served: self.stack.served(response.outcome),
            reward: fed,
            decision_regret: flight.decision_regret,
        });
    }
}
