//! How every model stood when a call was to be placed, told of the one task that somebody wants explained.

use super::order::View;
use super::{Chain, Stack};
use crate::domain::{Candidate, Decision, ModelSet, Request, Role, StackEvent, Standing};
use crate::learners::Context;
use crate::units::{ModelId, SimTime};

impl Stack {
    /// Tells the decision for a step's next call, before anything follows from it. `among` are the models from which the
    /// call was to come, where a group limits them.
    #[expect(clippy::too_many_arguments, reason = "a decision has that many sides")]
    pub(super) fn explain(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &Chain,
        told: Option<&[f64]>,
        role: Role,
        among: Option<ModelSet>,
        chosen: Option<ModelId>,
    ) {
        if self.explains != Some(request.task) {
            return;
        }
        let refusing = self.breakers.refusing(now);
        let short = self.ledger.short(now);
        let hour = self.hour(now);
        let mut candidates = Vec::new();
        for model in self.declared[request.level.index()].iter() {
            let context = Context { short, ..Context::plain(request.level, hour) };
            let order = &self.orders[usize::from(chain.arm)];
            let is_named = role == Role::Fallback || order.names(request, model);
            let score = order.number(&View { request, context, told }, model);
            let keeps_short = order.keeps_short();
            let held =
                self.held_back.iter().find(|(held, until, _)| *held == model && *until > now);
            let held = held.map(|(_, until, reason)| (*until, *reason));
            let standing = if self.roster.absent().contains(model) {
                Standing::Absent
            } else if let Some((until, reason)) = held {
                Standing::HeldBack { until, reason }
            } else if short.contains(model) && !keeps_short {
                let used = self.ledger.used(now, model);
                Standing::ShortOfTokens { used, limit: self.ledger.limit(model).unwrap_or(0) }
            } else if refusing.contains(model) {
                Standing::BreakerOpen { until: self.breakers.passes_from(now, model) }
            } else if chain.tried.contains(model) {
                Standing::Tried
            } else if among.is_some_and(|among| !among.contains(model)) {
                Standing::OutsideGroup
            } else if is_named {
                Standing::Eligible
            } else {
                Standing::NotNamed
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
