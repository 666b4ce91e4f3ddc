//! Calls in flight: dispatched, queued, served, given up, killed, hedged, cancelled, ended.

use std::cmp::Reverse;

use super::Observer;
use super::run::{HEDGE, Run, WAKE};
use crate::domain::{Outcome, Response};
use crate::routing::{Call, Next};
use crate::units::{ModelId, SimTime};
use crate::world::provider::{Admission, Ending, Job};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Over,
    Queued,
    Serving,
}

/// One call in flight. A step has one, and more where calls are hedged.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    pub(super) phase: Phase,
    pub(super) ticket: u64,
    /// Where its task stands.
    pub(super) slot: u32,
    pub(super) call: Call,
    /// How many calls of this step went to this model before.
    pub(super) nth: u16,
    pub(super) dispatched: SimTime,
    pub(super) service_began: SimTime,
    pub(super) ending: Option<Ending>,
    pub(super) decision_regret: Option<f64>,
}

impl<O: Observer> Run<'_, O> {
    pub(super) fn follow(&mut self, now: SimTime, slot: usize, next: Next) {
        match next {
            Next::Call(call) => self.dispatch(now, slot, call),
            Next::Wait(wait) => self.queue.push(now + wait, slot as u32 | WAKE),
            Next::Pending => {}
            Next::Finish => self.end_step(now, slot),
        }
    }

    pub(super) fn dispatch(&mut self, now: SimTime, slot: usize, call: Call) {
        let decision_regret = self.regret(now, slot, Some(call.model));
        self.tickets += 1;
        let index = self.free_flights.pop().map_or(self.flights.len(), |index| index as usize);
        let ticket = self.tickets << 24 | index as u64;
        let active = &mut self.slots[slot];
        let nth = active.called.iter().filter(|m| **m == call.model).count() as u16;
        active.called.push(call.model);
        active.flights.push(index as u32);
        active.record.first_model.get_or_insert(call.model);
        let task = active.record.task.0;
        let flight = Flight {
            phase: Phase::Queued,
            ticket,
            slot: slot as u32,
            call,
            nth,
            dispatched: now,
            service_began: now,
            ending: None,
            decision_regret,
        };
        if index == self.flights.len() {
            assert!(index < WAKE as usize, "more than {WAKE} calls in flight");
            self.flights.push(flight);
        } else {
            self.flights[index] = flight;
        }
        self.slots[slot].hedge_at = call.hedge_after.map_or(SimTime::NEVER, |after| now + after);
        if call.hedge_after.is_some() {
            self.queue.push(self.slots[slot].hedge_at, slot as u32 | HEDGE);
        }
        let job = self.job(index);
        self.note(now, 2, task << 8 | u64::from(call.model.0));
        match self.providers.admit(now, &job, ticket) {
            Admission::Settled(ending) => self.settle(now, index, ending),
            Admission::Queued => {
                self.give_ups.push(Reverse((job.gives_up_unanswered(), ticket)));
            }
        }
    }

    pub(super) fn job(&self, index: usize) -> Job {
        let flight = &self.flights[index];
        let active = &self.slots[flight.slot as usize];
        let kind = &self.cell.world.task_types[usize::from(active.task_type)];
        Job {
            task: active.record.task,
            step: active.request.step,
            level: active.request.level,
            model: flight.call.model,
            nth: flight.nth,
            difficulty: active.difficulty,
            correlation: kind.difficulty_correlation,
            prompt: active.request.prompt,
            input_tokens: active.request.input_tokens,
            output_tokens: active.output_tokens,
            gives_up: flight.call.gives_up,
            gives_up_on_first_token: flight.call.gives_up_on_first_token,
        }
    }

    fn settle(&mut self, now: SimTime, index: usize, ending: Ending) {
        let flight = &mut self.flights[index];
        flight.phase = Phase::Serving;
        flight.service_began = now;
        flight.ending = Some(ending);
        self.queue.push(ending.at, index as u32);
    }

    /// Starts waiting calls of `model` while slots are free.
    fn serve_waiting(&mut self, now: SimTime, model: ModelId) {
        while let Some(ticket) = self.providers.next_waiting(model) {
            let index = flight_of(ticket);
            let flight = &self.flights[index];
            if flight.ticket != ticket || flight.phase != Phase::Queued {
                continue;
            }
            let ending = self.providers.begin(now, &self.job(index));
            self.settle(now, index, ending);
        }
    }

    pub(super) fn give_up(&mut self, now: SimTime) {
        let Reverse((_, ticket)) = self.give_ups.pop().expect("the loop saw one");
        let index = flight_of(ticket);
        let flight = &mut self.flights[index];
        self.providers.give_up(flight.call.model);
        flight.service_began = now;
        flight.ending = Some(Ending::unbilled(now, Outcome::Timeout));
        self.call_ended(now, index);
    }

    pub(super) fn kill(&mut self, now: SimTime) {
        let (_, models) = self.kills.pop_front().expect("the loop saw one");
        // All that run now, before the first of them frees a slot and a waiting call begins in it.
        let running: Vec<u32> = self
            .slots
            .iter()
            .flat_map(|active| &active.flights)
            .copied()
            .filter(|&index| {
                let flight = &self.flights[index as usize];
                flight.phase == Phase::Serving && models.contains(&flight.call.model)
            })
            .collect();
        for index in running {
            let flight = &mut self.flights[index as usize];
            // A call that was cancelled by the end of one killed before it is over.
            if flight.phase != Phase::Serving {
                continue;
            }
            let holds_slot = flight.ending.is_some_and(|ending| ending.holds_slot);
            flight.ending = Some(Ending { holds_slot, ..Ending::unbilled(now, Outcome::ApiError) });
            self.call_ended(now, index as usize);
        }
    }

    pub(super) fn call_ended(&mut self, now: SimTime, index: usize) {
        let (slot, ending) = self.release(index);
        let ending = ending.expect("a call that ends was settled");
        let model = self.flights[index].call.model;
        let task = self.slots[slot].record.task.0;
        self.providers.end(now, model, &ending);
        self.note(now, 4, task << 8 | ending.outcome as u64);
        let response = self.response(now, index, &ending);
        let call = self.flights[index].call;
        let (fed, next) = self.with_stack(now, slot, |stack, active, told| {
            stack.answered(now, &active.request, &mut active.chain, &call, &response, told)
        });
        let active = &mut self.slots[slot];
        active.last = Some((response.outcome, response.quality, model));
        self.book(index, &response, fed);
        // Before a waiting call of the step's own would begin in the slot that is free now.
        if !matches!(next, Next::Pending) {
            self.cancel_others(now, slot);
        }
        if ending.holds_slot {
            self.serve_waiting(now, model);
        }
        self.follow(now, slot, next);
    }

    /// Takes a call out of flight; says where its task stands, and how it would have ended.
    fn release(&mut self, index: usize) -> (usize, Option<Ending>) {
        let flight = &mut self.flights[index];
        flight.phase = Phase::Over;
        flight.ticket = 0;
        let slot = flight.slot as usize;
        let ending = flight.ending.take();
        self.slots[slot].flights.retain(|own| *own as usize != index);
        self.free_flights.push(index as u32);
        (slot, ending)
    }

    /// The step has its answer, or goes on without the calls that are still out.
    fn cancel_others(&mut self, now: SimTime, slot: usize) {
        while let Some(&index) = self.slots[slot].flights.first() {
            let index = index as usize;
            let phase = self.flights[index].phase;
            let began = self.flights[index].service_began;
            let model = self.flights[index].call.model;
            let (_, ending) = self.release(index);
            let ending = if phase == Phase::Queued {
                self.providers.give_up(model);
                self.flights[index].service_began = now;
                Ending::unbilled(now, Outcome::Cancelled)
            } else {
                let ending = ending.expect("a call in service was settled");
                self.providers.cancel(now, model, &ending, began)
            };
            let task = self.slots[slot].record.task.0;
            self.note(now, 4, task << 8 | ending.outcome as u64);
            let response = self.response(now, index, &ending);
            let call = self.flights[index].call;
            self.with_stack(now, slot, |stack, active, _| {
                stack.cancelled(now, &active.request, &mut active.chain, &call, &response);
            });
            self.book(index, &response, None);
            if ending.holds_slot {
                self.serve_waiting(now, model);
            }
        }
    }

    /// The end of the run cuts a call off.
    pub(super) fn interrupt(&mut self, now: SimTime, index: usize) {
        let phase = self.flights[index].phase;
        self.release(index);
        if phase == Phase::Queued {
            self.flights[index].service_began = now;
        }
        let response = self.response(now, index, &Ending::unbilled(now, Outcome::Interrupted));
        self.book(index, &response, None);
    }

    /// The time has come at which a step does not wait for its one call alone.
    pub(super) fn hedge(&mut self, now: SimTime, slot: usize) {
        let active = &self.slots[slot];
        let Some(&index) = active.flights.last().filter(|_| active.hedge_at == now) else { return };
        let beside = self.flights[index as usize].call.model;
        self.slots[slot].hedge_at = SimTime::NEVER;
        let call = self.with_stack(now, slot, |stack, active, told| {
            stack.hedge(now, &active.request, &mut active.chain, told, beside)
        });
        if let Some(call) = call {
            self.dispatch(now, slot, call);
        }
    }

    pub(super) fn response(&self, now: SimTime, index: usize, ending: &Ending) -> Response {
        Response {
            outcome: ending.outcome,
            quality: ending.quality,
            input_tokens: ending.input_tokens,
            output_tokens: ending.output_tokens,
            cost_usd: ending.cost_usd,
            duration: now.since(self.flights[index].dispatched),
            retry_after: ending.retry_after,
        }
    }
}

/// The flight that a ticket's low bits name.
pub(super) fn flight_of(ticket: u64) -> usize {
    (ticket & 0xff_ffff) as usize
}
