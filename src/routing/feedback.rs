//! What a stack learns from calls and steps: its learner, monitor, meter, allocator and order on trial.

use super::monitor::Metric;
use super::order::Order;
use super::order::View;
use super::trial::Trial;
use super::{Call, Chain, Stack};
use crate::domain::{ChosenBy, Propensity, Request, Response, StackEvent};
use crate::learners::{Context, Feedback};
use crate::reward::Account;
use crate::units::{SimDuration, SimTime};

impl Stack {
    /// Monitor, meter and allocator take in one call.
    pub(super) fn watch(
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
        self.spend(now, request, call, response, arm);
        let log = &mut self.log;
        self.monitor.record(now, metric, |anomaly| log.push(StackEvent::Anomaly(anomaly)));
    }

    /// Meter and allocator take in one call: a choice was made and tokens were used, whatever came of it.
    pub(super) fn spend(
        &mut self,
        now: SimTime,
        request: &Request,
        call: &Call,
        response: &Response,
        arm: u8,
    ) {
        let is_metered = self.trial.as_ref().is_none_or(|trial| arm == trial.in_service());
        if is_metered && call.chosen_by == ChosenBy::Learner {
            self.meter.chose(call.explored);
        }
        if let Some((allocator, _)) = &mut self.allocator {
            allocator.book(now, request.level, call.model, response.tokens());
        }
    }

    /// The order whose beliefs are shown and whose learning is metered.
    pub(super) fn in_service(&self) -> &Order {
        let arm = self.trial.as_ref().map_or(0, Trial::in_service);
        &self.orders[usize::from(arm)]
    }

    /// Feeds the learner of the order `arm` with one call; refusals only where the rule says so.
    pub(super) fn learn(
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

    /// Whether [`Stack::step_ended`] has anything to do.
    #[inline]
    #[must_use]
    pub fn counts_steps(&self) -> bool {
        self.has.step_counts || self.trial.is_some()
    }

    /// A step that was not cut off by the end of the run has ended.
    #[inline]
    pub fn step_ended(&mut self, now: SimTime, chain: &Chain, step: &Account) {
        if chain.begun > 0 {
            let replica = &mut self.replicas[usize::from(chain.replica)];
            let lasted = SimDuration::from_millis_f64(step.duration_ms);
            replica.admission.ended(chain.begun, step.served.then_some(lasted));
            replica.budget.request_ended(now);
        }
        if let Some(trial) = &mut self.trial {
            let log = &mut self.log;
            let tell = |event| log.push(StackEvent::Policy(Box::new(event)));
            trial.step_ended(now, chain.arm, step, tell);
        }
    }
}
