//! How every model stood when a call was to be placed, told of the one task that somebody wants explained.

use super::order::View;
use super::{Chain, Stack};
use crate::domain::{Candidate, Decision, Request, Role, StackEvent, Standing};
use crate::learners::Context;
use crate::units::{ModelId, SimTime};

impl Stack {
    /// Tells the decision for a step's next call, before anything follows from it.
    pub(super) fn tell_decision(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &Chain,
        told: Option<&[f64]>,
        role: Role,
        chosen: Option<ModelId>,
    ) {
        if self.explains != Some(request.task) {
            return;
        }
        let hour = self.hour(now);
        let short = self.replicas[usize::from(chain.replica)].ledger.short(now);
        let mut candidates = Vec::new();
        for model in self.declared[request.level.index()].iter() {
            let context = Context { short, ..Context::plain(request.level, hour) };
            let order = &self.orders[usize::from(chain.arm)];
            let is_named = role == Role::Fallback || order.names(request, model);
            let score = order.number(&View { request, context, told, now }, model);
            let standing = match self.standing(now, request, chain, model) {
                Standing::Eligible if !is_named => Standing::NotNamed,
                standing => standing,
            };
            candidates.push(Candidate { model, standing, score });
        }
        self.log.push(StackEvent::Decision(Box::new(Decision {
            at: now,
            task: request.task,
            step: request.step,
            role,
            candidates,
            chosen,
        })));
    }
}
