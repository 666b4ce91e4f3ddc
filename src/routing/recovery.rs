//! What a stack does after an unserved call: wait and try again, or fall back.

use std::sync::Arc;

use super::breaker::Permit;
use super::fallback::FallbackPlan;
use super::{Call, Chain, Next, Stack};
use crate::domain::{
    ChosenBy, FallbackEvent, FallbackReason, Propensity, Request, Response, Role, StackEvent,
};
use crate::learners::arms::first_largest;
use crate::sim::stream::Purpose;
use crate::units::{ModelId, SimDuration, SimTime};

impl Stack {
    pub(super) fn fall_back(
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
        self.log.push(StackEvent::Fallback(FallbackEvent {
            at: now,
            task: request.task,
            step: request.step,
            level: request.level,
            reason,
            from,
            to: target.map(|(model, _)| model),
            why_none: None,
        }));
        let Some((model, permit)) = target else {
            return Next::Finish;
        };
        chain.tried.insert(model);
        chain.fallbacks += 1;
        Next::Call(Call {
            model,
            role: Role::Fallback,
            chosen_by: ChosenBy::Fallback,
            propensity: Propensity::Unknown,
            explored: false,
            fallback_reason: Some(reason),
            hour: self.hour(now),
            permit,
        })
    }

    /// The first untried target whose breaker lets the call pass.
    fn fallback_target(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &mut Chain,
        told: Option<&[f64]>,
    ) -> Option<(ModelId, Permit)> {
        let rule = Arc::clone(&self.rule);
        let all = self.candidates(now, request.level);
        match &rule.fallback {
            FallbackPlan::None => None,
            FallbackPlan::Stage4 { order, min_tokens_left } => {
                order[request.level.index()].iter().find_map(|&model| {
                    let left = self.ledger.tokens_left(now, model);
                    let may_be_called = all.contains(model)
                        && !chain.tried.contains(model)
                        && left.is_none_or(|left| left > 0 && left >= *min_tokens_left);
                    let permit = || self.breakers.acquire(now, model, &mut self.log);
                    may_be_called.then(permit).flatten().map(|permit| (model, permit))
                })
            }
            FallbackPlan::Ranked { max_fallbacks } => {
                if chain.fallbacks >= *max_fallbacks {
                    return None;
                }
                let (eligible, short) = self.eligible(now, all, chain.arm);
                let mut left = eligible.minus(chain.tried);
                while !left.is_empty() {
                    let choice = self.pick(now, request, chain, told, left, short);
                    // Behind the models that an order names stand the others, by declared score.
                    let level = request.level.index();
                    let next = choice.map_or_else(
                        || first_largest(left, |m| self.scores[m.index()][level]),
                        |choice| choice.model,
                    );
                    if let Some(permit) = self.breakers.acquire(now, next, &mut self.log) {
                        return Some((next, permit));
                    }
                    left.remove(next);
                }
                None
            }
        }
    }

    pub(super) fn retry_wait(
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
}
