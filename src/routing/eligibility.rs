//! Whom a step may call: models that are there, not left alone, not short, not broken; and what the order picks of them.

use super::fallback::FallbackPlan;
use super::order::View;
use super::{Chain, Stack};
use crate::domain::{FallbackReason, ModelSet, NoTarget, Request, Standing};
use crate::learners::{Choice, Context};
use crate::sim::stream::Purpose;
use crate::units::{ModelId, SimTime};

impl Stack {
    /// Models of the step's group, or with its level, that are there.
    #[inline]
    pub(super) fn serving(&self, request: &Request, chain: &Chain) -> ModelSet {
        let all = self.serving[request.level.index()];
        match chain.walk.group() {
            Some(group) => all.and(self.rule.groups[group].models),
            None => all,
        }
    }

    /// Of them, those that are not left alone.
    #[inline]
    pub(super) fn candidates(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &Chain,
    ) -> ModelSet {
        let held = self.replicas[usize::from(chain.replica)].held(now);
        self.serving(request, chain).minus(held)
    }

    /// Why a model that the order would have called is not eligible.
    pub(super) fn skip_reason(
        &self,
        chain: &Chain,
        model: ModelId,
        short: ModelSet,
    ) -> FallbackReason {
        let replica = &self.replicas[usize::from(chain.replica)];
        match replica.hold_of(model) {
            Some(hold) => hold.reason(),
            None if short.contains(model) => FallbackReason::TokenExhausted,
            None => FallbackReason::ModelFailure,
        }
    }

    /// Of `all`, those that the step's order may pick, and those short of tokens.
    pub(super) fn eligible(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &Chain,
        all: ModelSet,
    ) -> (ModelSet, ModelSet) {
        let replica = &mut self.replicas[usize::from(chain.replica)];
        let short = replica.ledger.short(now).and(all);
        let keeps_short = self.orders[usize::from(chain.arm)].keeps_short();
        let mut eligible = if keeps_short { all } else { all.minus(short) };
        if !self.rule.ledger.per_minute.is_empty() {
            eligible = eligible.minus(replica.ledger.over_limit(now));
        }
        if self.rule.order_sees_breaker {
            eligible = eligible.minus(replica.refusing(now));
        }
        if self.rule.ramp.is_some() {
            eligible = self.ramped(now, request, chain, eligible);
        }
        (eligible, short)
    }

    /// Of `eligible`, those of models on their way back whose share of the choices the step falls into; all if none does.
    fn ramped(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &Chain,
        eligible: ModelSet,
    ) -> ModelSet {
        let replica = &mut self.replicas[usize::from(chain.replica)];
        let out = replica.held(now).or(replica.refusing(now)).or(replica.ledger.short(now));
        for model in replica.out.minus(out).iter() {
            replica.ramps.recovered(now, model);
        }
        replica.out = out;
        let admits = |model: &ModelId| {
            let step = usize::from(request.step);
            let mut stream = self.streams.call(Purpose::Ramp, request.task, *model, step, 0);
            replica.ramps.admits(now, *model, stream.uniform())
        };
        let ramped: ModelSet = eligible.iter().filter(admits).collect();
        if ramped.is_empty() { eligible } else { ramped }
    }

    /// Whom the step's order picks of `among`.
    pub(super) fn pick(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &mut Chain,
        told: Option<&[f64]>,
        among: ModelSet,
        short: ModelSet,
    ) -> Option<Choice> {
        let nth = u32::from(chain.decisions);
        chain.decisions += 1;
        // Choices are told apart from calls by their purpose, so the key's model field is free for the order: two equal
        // ones on trial draw differently.
        let mut stream = self.streams.call(
            Purpose::Choice,
            request.task,
            ModelId(chain.arm.into()),
            usize::from(request.step),
            nth,
        );
        let hour = self.hour(now);
        let context = Context { short, ..Context::plain(request.level, hour) };
        let order = &mut self.orders[usize::from(chain.arm)];
        order.pick(&View { request, context, told, now }, among, &mut stream)
    }

    /// When the first of the step's models that only time keeps away comes back.
    pub(super) fn next_return(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &Chain,
    ) -> Option<SimTime> {
        let serving = self.serving(request, chain);
        let replica = &mut self.replicas[usize::from(chain.replica)];
        replica.held(now);
        let short = replica.ledger.short(now);
        let back = |model: ModelId| {
            let held = replica.holds.iter().filter(|hold| hold.model == model);
            let free = held.map(|hold| hold.until).max().unwrap_or(now);
            Some(replica.passes_from(now, model)?.max(free))
        };
        serving.minus(short).iter().filter_map(back).filter(|at| *at > now).min()
    }

    /// How `model` stands for the step now.
    pub(super) fn standing(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &Chain,
        model: ModelId,
    ) -> Standing {
        let level = request.level.index();
        if !self.serving[level].contains(model) {
            return Standing::Absent;
        }
        if !self.serving(request, chain).contains(model) {
            return Standing::OutsideGroup;
        }
        let keeps_short = self.orders[usize::from(chain.arm)].keeps_short();
        let replica = &mut self.replicas[usize::from(chain.replica)];
        replica.held(now);
        if let Some(hold) = replica.hold_of(model) {
            return Standing::HeldBack { until: hold.until, reason: hold.reason() };
        }
        if !keeps_short && replica.ledger.short(now).contains(model) {
            let used = replica.ledger.used(now, model);
            let limit = replica.ledger.limit(model).unwrap_or(0);
            return Standing::ShortOfTokens { used, limit };
        }
        if replica.ledger.over_limit(now).contains(model) {
            return Standing::OverLimit;
        }
        if replica.refusing(now).contains(model) {
            return Standing::BreakerOpen { until: replica.passes_from(now, model) };
        }
        if chain.tried.contains(model) {
            return Standing::Tried;
        }
        let alone: ModelSet = [model].into_iter().collect();
        let all = self.serving(request, chain);
        if self.rule.ramp.is_some() && self.ramped(now, request, chain, all).and(alone).is_empty() {
            return Standing::Ramping;
        }
        Standing::Eligible
    }

    /// Why none of `targets` could be fallen back to: what keeps out the last of them that was not tried.
    pub(super) fn why_none(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &Chain,
        targets: &[ModelId],
    ) -> NoTarget {
        if targets.is_empty() {
            return NoTarget::ListEmpty;
        }
        let untried = targets.iter().rev().find(|model| !chain.tried.contains(**model));
        let Some(&model) = untried else { return NoTarget::AllTried };
        match self.standing(now, request, chain, model) {
            Standing::HeldBack { .. } => NoTarget::HeldBack,
            Standing::OverLimit => NoTarget::OverLimit,
            Standing::BreakerOpen { .. } => NoTarget::BreakerOpen,
            Standing::Absent | Standing::OutsideGroup => NoTarget::NotThere,
            // What is left is a list that asks for more tokens than the order does, or a plan that allows no more.
            Standing::ShortOfTokens { .. } => NoTarget::ShortOfTokens,
            _ if self.is_short_for_lists(now, chain, model) => NoTarget::ShortOfTokens,
            _ => NoTarget::AllTried,
        }
    }

    fn is_short_for_lists(&mut self, now: SimTime, chain: &Chain, model: ModelId) -> bool {
        let least = match self.rule.fallback {
            FallbackPlan::Stage4 { min_tokens_left, .. } => min_tokens_left.max(1),
            _ => 1,
        };
        let ledger = &mut self.replicas[usize::from(chain.replica)].ledger;
        ledger.tokens_left(now, model).is_some_and(|left| left < least)
    }
}
