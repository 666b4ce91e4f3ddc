//! Calls in flight: dispatched, queued, served, given up, killed, ended.

use super::Observer;
use super::run::{Run, WAKE, slot_of};
use super::task::Phase;
use crate::domain::{Outcome, Response};
use crate::routing::{Call, Next};
use crate::units::{ModelId, SimTime};
use crate::world::provider::{Admission, Ending, Job};

impl<O: Observer> Run<'_, O> {
    pub(super) fn follow(&mut self, now: SimTime, slot: usize, next: Next) {
        match next {
            Next::Call(call) => self.dispatch(now, slot, call),
            Next::Wait(wait) => {
                self.slots[slot].phase = Phase::Waiting;
                self.queue.push(now + wait, slot as u32 | WAKE);
            }
            Next::Finish => self.end_step(now, slot),
        }
    }

    pub(super) fn dispatch(&mut self, now: SimTime, slot: usize, call: Call) {
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

    pub(super) fn job(&self, slot: usize, nth: u16, gives_up: SimTime) -> Job {
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
            prompt: active.request.prompt,
            input_tokens: active.request.input_tokens,
            output_tokens: active.output_tokens,
            gives_up,
            gives_up_on_first_token: SimTime::NEVER,
        }
    }

    pub(super) fn settle(&mut self, now: SimTime, slot: usize, ending: Ending) {
        let active = &mut self.slots[slot];
        active.phase = Phase::Serving;
        active.service_began = now;
        active.ending = Some(ending);
        self.queue.push(ending.at, slot as u32);
    }

    /// Starts waiting calls of `model` while slots are free.
    pub(super) fn serve_waiting(&mut self, now: SimTime, model: ModelId) {
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

    pub(super) fn give_up(&mut self, now: SimTime) {
        let (_, ticket) = self.give_ups.pop_front().expect("the loop saw one");
        let slot = slot_of(ticket);
        let active = &mut self.slots[slot];
        self.providers.give_up(active.call.expect("a queued call").model);
        active.service_began = now;
        active.ending = Some(Ending::unbilled(now, Outcome::Timeout));
        self.call_ended(now, slot);
    }

    pub(super) fn kill(&mut self, now: SimTime) {
        let (_, models) = self.kills.pop_front().expect("the loop saw one");
        // All that run now, before the first of them frees a slot and a waiting call begins in it.
        let running: Vec<usize> = (0..self.slots.len())
            .filter(|&slot| {
                let active = &self.slots[slot];
                active.phase == Phase::Serving
                    && active.call.is_some_and(|call| models.contains(&call.model))
            })
            .collect();
        for slot in running {
            let active = &mut self.slots[slot];
            let holds_slot = active.ending.is_some_and(|ending| ending.holds_slot);
            active.ending = Some(Ending { holds_slot, ..Ending::unbilled(now, Outcome::ApiError) });
            self.call_ended(now, slot);
        }
    }

    pub(super) fn call_ended(&mut self, now: SimTime, slot: usize) {
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

    pub(super) fn response(&self, now: SimTime, slot: usize, ending: &Ending) -> Response {
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
}
