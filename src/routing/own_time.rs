//! What a stack does of its own at its own times: allocations, local midnights, changes of weights, deployments, models
//! added and taken away, breakers that change by time alone, instances that speak to one another.

use super::Stack;
use super::allocator::View as AllocatorView;
use super::order::Belief;
use super::replica::{self, Replica};
use super::trial::Trial;
use crate::domain::StackEvent;
use crate::learners::{BeliefScale, Context};
use crate::units::{Level, SimTime};

/// Local days of a reporting period of the learner (stage4.md section 12).
const DAYS_PER_PERIOD: u32 = 14;

impl Stack {
    /// When something of the stack's own is due next: an allocation, a change of weights, a deployment, a local midnight.
    #[inline]
    #[must_use]
    pub fn due(&self) -> SimTime {
        let allocation = self.allocator.as_ref().map_or(SimTime::NEVER, |(_, times)| times.next());
        let trial = self.trial.as_ref().map_or(SimTime::NEVER, Trial::due);
        let others = self.reweighter.due().min(self.roster.due()).min(self.sync_due);
        let breakers = if self.has.timers {
            self.replicas.iter().map(Replica::due).min().unwrap_or(SimTime::NEVER)
        } else {
            SimTime::NEVER
        };
        let others = others.min(breakers);
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
        for replica in &mut self.replicas {
            if replica.due() <= now {
                replica.advance(now, &mut self.log);
            }
        }
        if self.sync_due <= now {
            replica::sync(&mut self.replicas, now, &mut self.log);
            let every = self.rule.replicas.sync_every.expect("only what is shared is due");
            self.sync_due = now + every;
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
        self.close_minutes(now);
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
        let short = self.replicas[0].ledger.short(now);
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
