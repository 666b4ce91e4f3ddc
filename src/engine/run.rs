//! What comes next: the earliest of arrival, event, give-up time and kill.
//!
//! The next arrival stands in a register and is pulled one at a time; the event heap has one entry per call in service,
//! settled when its service starts; give-up times of waiting calls have a heap of their own, which mostly grows at its end.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use super::call::{Flight, Phase, flight_of};
use super::task::Active;
use super::{Cell, Digest, End, Observer, QuotaSample, Sample};
use crate::domain::{Outcome, PolicyDecision, StackEvent};
use crate::routing::Stack;
use crate::sim::queue::EventQueue;
use crate::sim::stream::Streams;
use crate::units::{ModelId, SimDuration, SimTime};
use crate::world::expectation::Expectations;
use crate::world::outcomes::PromptOrder;
use crate::world::provider::Providers;
use crate::world::workload::{Arrival, Workload};

/// The heap's payload is a call in flight, or with this bit the slot of a task whose wait is over.
pub(super) const WAKE: u32 = 1 << 22;
/// With this bit it is the slot of a task whose call may be hedged.
pub(super) const HEDGE: u32 = 1 << 23;
/// The heap's payload for an arrival of a closed loop.
pub(super) const ARRIVE: u32 = WAKE | HEDGE;

/// One run in flight.
pub(super) struct Run<'a, O> {
    pub(super) cell: &'a Cell,
    pub(super) observer: &'a mut O,
    pub(super) streams: Streams,
    pub(super) providers: Providers,
    pub(super) stack: Stack,
    pub(super) expectations: Option<Expectations>,
    pub(super) informed: bool,
    pub(super) expected: Vec<(f64, bool)>,
    pub(super) told: Vec<f64>,
    pub(super) workload: Workload,
    pub(super) prompts: Option<PromptOrder>,
    pub(super) shares: Vec<f64>,
    pub(super) arrival: Option<Arrival>,
    pub(super) queue: EventQueue,
    pub(super) give_ups: BinaryHeap<Reverse<(SimTime, u64)>>,
    pub(super) kills: VecDeque<(SimTime, Vec<ModelId>)>,
    pub(super) clock: SimTime,
    pub(super) slots: Vec<Active>,
    pub(super) vacant: Vec<u32>,
    pub(super) flights: Vec<Flight>,
    pub(super) free_flights: Vec<u32>,
    pub(super) tickets: u64,
    pub(super) digest: Digest,
}

impl<'a, O: Observer> Run<'a, O> {
    pub(super) fn new(cell: &'a Cell, seed: u64, observer: &'a mut O) -> Self {
        let streams = Streams::new(seed);
        let providers = Providers::new(Arc::clone(&cell.world), streams);
        let kills = providers.timeline().kills().into();
        let informed = cell.stack.is_informed();
        let expectations = (cell.regret || informed).then(|| {
            Expectations::new(
                &cell.world,
                &cell.lengths,
                cell.reward,
                cell.stack.partial_counts,
                cell.stack.call_timeout,
            )
            .with_first_token_timeout(
                Some(cell.stack.first_token_timeout).filter(|own| *own != SimDuration::MAX),
            )
        });
        let stack = Stack::new(
            Arc::clone(&cell.stack),
            &cell.registry,
            cell.world.task_types.len(),
            &cell.world.recorded.as_ref().map(|r| Arc::clone(&r.known)).unwrap_or_default(),
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
            prompts: cell
                .world
                .recorded
                .as_ref()
                .map(|recorded| PromptOrder::new(Arc::clone(&recorded.prompts), streams)),
            shares,
            arrival: None,
            queue: EventQueue::default(),
            give_ups: BinaryHeap::new(),
            kills,
            clock: SimTime::ZERO,
            slots: Vec::new(),
            vacant: Vec::new(),
            flights: Vec::new(),
            free_flights: Vec::new(),
            tickets: 0,
            digest: Digest { event_hash: 0, n_events: 0, n_tasks: 0, ended: SimTime::ZERO },
        };
        run.show_prices();
        run.pull_arrival();
        run
    }

    /// Runs until nothing is left to happen, and says what happened.
    pub(super) fn finish(mut self) -> Digest {
        self.observer.run_begins(&self.stack.beliefs());
        self.until_quiet();
        if let End::At(end) = self.cell.end {
            self.sample_until(end);
            self.advance_until(end);
        }
        if self.cell.cut {
            self.interrupt_all();
        }
        let ended = match self.cell.end {
            // What drains behind the end of arrivals belongs to the run.
            End::At(end) => end.max(self.digest.ended),
            // Spans of tasks have no instant of their own: the last one ends with the run.
            End::Tasks(_) => {
                self.sample(self.digest.ended);
                self.digest.ended
            }
        };
        self.stack.close(ended);
        self.tell(ended);
        self.digest
    }

    /// Whether a task that arrives at `at` comes behind the end.
    pub(super) fn is_over(&self, at: SimTime) -> bool {
        match self.cell.end {
            End::At(end) => at >= end,
            End::Tasks(n) => self.digest.n_tasks >= n,
        }
    }

    /// Pulls the next arrival that does not wait for a task's end.
    pub(super) fn pull_arrival(&mut self) {
        self.arrival = self.workload.next_arrival().filter(|arrival| !self.is_over(arrival.at));
    }

    pub(super) fn until_quiet(&mut self) {
        let stop = match self.cell.end {
            End::At(end) if self.cell.cut => end,
            _ => SimTime::NEVER,
        };
        loop {
            self.drop_stale_give_ups();
            let arrival = self.arrival.map_or(SimTime::NEVER, |a| a.at);
            let give_up = self.give_ups.peek().map_or(SimTime::NEVER, |Reverse((at, _))| *at);
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
            self.advance_until(now);
            self.advance_world(now);
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
    pub(super) fn drop_stale_give_ups(&mut self) {
        while let Some(Reverse((_, ticket))) = self.give_ups.peek() {
            let flight = &self.flights[flight_of(*ticket)];
            if flight.ticket == *ticket && flight.phase == Phase::Queued {
                return;
            }
            self.give_ups.pop();
        }
    }

    pub(super) fn note(&mut self, now: SimTime, kind: u64, id: u64) {
        self.digest.n_events += 1;
        self.digest.ended = now;
        let word = now.0 ^ kind.rotate_right(8) ^ id.rotate_left(20);
        let mixed = (self.digest.event_hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.digest.event_hash = mixed ^ (mixed >> 29);
    }

    pub(super) fn handle(&mut self, now: SimTime, payload: u32) {
        if payload == ARRIVE {
            if !self.is_over(now) {
                let arrival = self.workload.returning(now);
                self.arrive(now, arrival);
            }
            return;
        }
        let index = (payload & !ARRIVE) as usize;
        if payload & WAKE != 0 {
            self.note(now, 3, self.slots[index].record.task.0);
            let next = self.with_stack(now, index, |stack, active, told| {
                stack.resume(now, &active.request, &mut active.chain, told)
            });
            self.follow(now, index, next);
        } else if payload & HEDGE != 0 {
            self.hedge(now, index);
        } else if self.flights[index].phase == Phase::Serving
            && self.flights[index].ending.is_some_and(|ending| ending.at == now)
        {
            self.call_ended(now, index);
        }
    }

    /// Ends everything in flight at the end of a run that is cut.
    pub(super) fn interrupt_all(&mut self) {
        let End::At(now) = self.cell.end else { return };
        self.digest.ended = now;
        for slot in 0..self.slots.len() {
            if !self.slots[slot].busy {
                continue;
            }
            while let Some(&index) = self.slots[slot].flights.first() {
                self.interrupt(now, index as usize);
            }
            if self.slots[slot].record.trigger.is_none() {
                self.slots[slot].record.trigger = self.slots[slot].chain.trigger;
            }
            let quality = Outcome::Interrupted.nominal_quality();
            self.log_step(now, slot, Outcome::Interrupted, false, quality);
            self.end_task(now, slot, Outcome::Interrupted, false);
        }
    }

    /// Shows the observer the quotas at every instant up to `now` that it asked for.
    pub(super) fn sample_until(&mut self, now: SimTime) {
        while self.observer.sample_due() <= now {
            let due = self.observer.sample_due();
            self.sample(due);
        }
    }

    /// Moves the world to `now`.
    fn advance_world(&mut self, now: SimTime) {
        if !self.providers.advance(now) {
            return;
        }
        if let Some(expectations) = &mut self.expectations {
            expectations.expire();
        }
        self.show_prices();
    }

    /// Shows the stack the vendors' price lists, if it follows them.
    fn show_prices(&mut self) {
        if self.cell.stack.reads_prices() {
            let now = self.providers.live().iter().map(|m| [m.usd_per_input, m.usd_per_output]);
            self.stack.read_prices(now);
        }
    }

    pub(super) fn sample(&mut self, due: SimTime) {
        // A fault of a quota that began since the last event comes before the reset that may follow it.
        self.advance_world(due);
        let quotas: Vec<QuotaSample> = (0..self.cell.registry.models.len() as u16)
            .map(ModelId)
            .map(|model| {
                let (used, limit) = self.providers.quota(due, model);
                QuotaSample { used, limit, believed_used: self.stack.believed_used(due, model) }
            })
            .collect();
        let beliefs = self.stack.beliefs();
        self.observer.sample(due, Sample { quotas, beliefs });
    }

    /// Lets the stack do what is due of its own up to `now`; behind the end of the run nothing is, whatever stale events
    /// are still to come.
    pub(super) fn advance_until(&mut self, now: SimTime) {
        loop {
            let due = self.stack.due();
            let is_behind = match self.cell.end {
                End::At(end) => due >= end,
                End::Tasks(_) => self.is_over(due) && self.vacant.len() == self.slots.len(),
            };
            if due > now || is_behind {
                return;
            }
            self.stack.advance(due);
            self.tell(due);
        }
    }

    /// Passes on what the stack logged.
    pub(super) fn tell(&mut self, now: SimTime) {
        if self.stack.log.is_empty() {
            return;
        }
        let mut log = std::mem::take(&mut self.stack.log);
        for event in log.drain(..) {
            match &event {
                StackEvent::Allocated(allocation) => self.note(now, 6, allocation.nth.into()),
                StackEvent::Weights(change) => self.note(now, 7, change.level as u64),
                // A verdict alone changes nothing.
                StackEvent::Policy(event) if event.decision != PolicyDecision::Verdict => {
                    self.note(now, 8, event.decision as u64);
                }
                _ => {}
            }
            self.observer.stack_event(&event);
        }
        self.stack.log = log;
    }
}
