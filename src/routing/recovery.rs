//! What a stack does after an unserved call: leave the model alone, wait and try again, fall back, or give up.

use std::sync::Arc;

use super::breaker::Permit;
use super::fallback::{FallbackPlan, Ranking, Walk};
use super::order::EXPECTED_OUTPUT_TOKENS;
use super::retry::{RetriesPer, RetryTarget};
use super::{Call, Chain, Next, Stack, Then};
use crate::domain::{
    ChosenBy, FallbackEvent, FallbackReason, ModelSet, NoTarget, Outcome, Request, Role, StackEvent,
};
use crate::learners::arms::first_largest;
use crate::sim::stream::Purpose;
use crate::units::{ModelId, SimDuration, SimTime};

impl Stack {
    /// Takes in what a failed call says of its model.
    pub(super) fn leave_alone(
        &mut self,
        now: SimTime,
        chain: &Chain,
        model: ModelId,
        outcome: Outcome,
        retry_after: Option<SimDuration>,
    ) {
        let replica = &mut self.replicas[usize::from(chain.replica)];
        if outcome == Outcome::QuotaExhausted {
            replica.ledger.refused(now, model);
        }
        let hold = self.rule.on.of(outcome).hold;
        if hold > SimDuration::ZERO {
            let until = now + hold.max(retry_after.unwrap_or(SimDuration::ZERO));
            replica.hold(model, until, outcome);
        }
    }

    /// A step without a call in flight goes on after `failed` ended in `outcome`.
    pub(super) fn recover(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &mut Chain,
        told: Option<&[f64]>,
        failed: ModelId,
        outcome: Outcome,
        retry_after: Option<SimDuration>,
    ) -> Next {
        let on = *self.rule.on.of(outcome);
        let reason = FallbackReason::of(outcome);
        chain.failed = outcome;
        if now >= chain.deadline {
            return Next::Finish;
        }
        if on.retry && self.rule.retry.max_retries > 0 {
            let target = if on.elsewhere { RetryTarget::Another } else { self.rule.retry.target };
            let is_last = chain.retries >= self.rule.retry.max_retries;
            let others = self.others(now, request, chain, failed, target);
            let may = !is_last && (target == RetryTarget::Same || others != Others::None);
            if may || (is_last && self.rule.retry.waits_after_last) {
                let at_once = !on.waits
                    || (self.rule.retry.at_once_if_others && others == Others::InBigGroup);
                let wait = match at_once {
                    true => SimDuration::ZERO,
                    false => self.retry_wait(request, chain, retry_after),
                };
                let budget = &mut self.replicas[usize::from(chain.replica)].budget;
                if wait <= self.rule.retry.max_wait
                    && now + wait < chain.deadline
                    && (!may || budget.try_retry(now))
                {
                    chain.then = Some(if may {
                        chain.retries += 1;
                        chain.granted = true;
                        Then::Retry { failed, target, reason }
                    } else {
                        Then::FallBack { failed, reason }
                    });
                    chain.last_wait = wait;
                    if wait > SimDuration::ZERO {
                        return Next::Wait(wait);
                    }
                    return self.resume(now, request, chain, told);
                }
            }
        }
        self.go_on(now, request, chain, told, failed, reason)
    }

    /// A failed call is not tried again: the step falls back, if it does after a failure of that class.
    fn go_on(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &mut Chain,
        told: Option<&[f64]>,
        failed: ModelId,
        reason: FallbackReason,
    ) -> Next {
        if self.rule.on.of(chain.failed).fall_back {
            self.fall_back(now, request, chain, told, failed, reason)
        } else {
            Next::Finish
        }
    }

    /// Whom a retry that does not stay at `failed` could call.
    fn others(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &Chain,
        failed: ModelId,
        target: RetryTarget,
    ) -> Others {
        if target != RetryTarget::Any && !self.rule.retry.at_once_if_others {
            return Others::Some;
        }
        let group = self.serving(request, chain);
        let all = self.candidates(now, request, chain);
        let (eligible, _) = self.eligible(now, request, chain, all);
        let any = match target {
            RetryTarget::Another => {
                let mut others = eligible;
                others.remove(failed);
                others
            }
            _ => eligible,
        };
        match (any.is_empty(), group.len() > 1) {
            (true, _) => Others::None,
            (false, true) => Others::InBigGroup,
            (false, false) => Others::Some,
        }
    }

    /// The wait before the next retry.
    fn retry_wait(
        &self,
        request: &Request,
        chain: &Chain,
        retry_after: Option<SimDuration>,
    ) -> SimDuration {
        let mut stream = self.streams.call(
            Purpose::Backoff,
            request.task,
            ModelId(u16::from(chain.replans)),
            usize::from(request.step),
            u32::from(chain.retries),
        );
        self.rule.retry.wait(chain.retries, chain.last_wait, retry_after, &mut stream)
    }

    /// The wait of a step is over.
    pub fn resume(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &mut Chain,
        told: Option<&[f64]>,
    ) -> Next {
        match chain.then.take().expect("only a step that waits is resumed") {
            Then::Begin => {
                if !self.rule.groups.is_empty() {
                    chain.walk = Walk::begin(&self.rule.groups, request.level);
                }
                self.begin(now, request, chain, told)
            }
            Then::FallBack { failed, reason } => {
                self.go_on(now, request, chain, told, failed, reason)
            }
            Then::Retry { failed, target, reason } => {
                let call = self.retried(now, request, chain, told, failed, target);
                let next = match call {
                    Some(call) => self.place(now, request, chain, told, call),
                    None => self.go_on(now, request, chain, told, failed, reason),
                };
                if std::mem::take(&mut chain.granted) {
                    // The retry came to nothing, or became a fallback.
                    self.replicas[usize::from(chain.replica)].budget.retry_ended(now);
                }
                next
            }
        }
    }

    /// The call that a retry means, if there is whom to call.
    fn retried(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &mut Chain,
        told: Option<&[f64]>,
        failed: ModelId,
        target: RetryTarget,
    ) -> Option<Call> {
        if target == RetryTarget::Same {
            let is_there = self.serving[request.level.index()].contains(failed);
            let hour = self.hour(now);
            return is_there.then(|| Call::of(failed, Role::Retry, ChosenBy::Retry, hour));
        }
        let all = self.candidates(now, request, chain);
        let (eligible, short) = self.eligible(now, request, chain, all);
        let fresh = eligible.minus(chain.tried);
        let among = match target {
            RetryTarget::Another if !fresh.is_empty() => fresh,
            _ => eligible,
        };
        let choice = self.pick(now, request, chain, told, among, short);
        self.tell_decision(
            now,
            request,
            chain,
            told,
            Role::Retry,
            choice.map(|choice| choice.model),
        );
        Some(self.chosen(now, choice?, Role::Retry, chain.arm))
    }

    pub(super) fn fall_back(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &mut Chain,
        told: Option<&[f64]>,
        from: ModelId,
        reason: FallbackReason,
    ) -> Next {
        if self.rule.fallback == FallbackPlan::None || now >= chain.deadline {
            return Next::Finish;
        }
        chain.tried.insert(from);
        if let FallbackPlan::Groups { max_fallbacks } = self.rule.fallback {
            return self.next_group(now, request, chain, told, from, reason, max_fallbacks);
        }
        let target = self.fallback_target(now, request, chain, told);
        let to = target.map(|(model, _)| model);
        self.tell_decision(now, request, chain, told, Role::Fallback, to);
        let why_none = match to {
            None => Some(self.no_target(now, request, chain)),
            Some(_) => None,
        };
        self.log.push(StackEvent::Fallback(FallbackEvent {
            at: now,
            task: request.task,
            step: request.step,
            level: request.level,
            reason,
            from,
            to,
            why_none,
        }));
        let Some((model, permit)) = target else {
            return Next::Finish;
        };
        chain.tried.insert(model);
        self.new_target(chain);
        let call = Call::of(model, Role::Fallback, ChosenBy::Fallback, self.hour(now));
        let call = Call { fallback_reason: Some(reason), permit, ..call };
        Next::Call(self.send(now, request, chain, call))
    }

    /// The step goes to another model or group by its fallback plan.
    fn new_target(&mut self, chain: &mut Chain) {
        chain.fallbacks += 1;
        if self.rule.retry.per == RetriesPer::Target {
            chain.retries = 0;
            chain.replans = chain.replans.saturating_add(1);
        }
    }

    /// Begins anew in the next group of the fallback lists of which anybody is left. Groups that are passed over on the
    /// way are one fallback with it.
    fn next_group(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &mut Chain,
        told: Option<&[f64]>,
        from: ModelId,
        reason: FallbackReason,
        max_fallbacks: u16,
    ) -> Next {
        if std::mem::take(&mut chain.enters) {
            // Nobody is left of the group that the loop below enters, which goes on: ways through groups may be long, and
            // are not to be as deep.
            return Next::Pending;
        }
        let at = self.log.len();
        let mut why_none = NoTarget::AllTried;
        let found = loop {
            let next = chain.walk.next(&self.rule.groups, chain.failed, max_fallbacks);
            let Some(walk) = next.filter(|_| chain.fallbacks < MOST_GROUPS) else { break None };
            chain.walk = walk;
            chain.tried = ModelSet::EMPTY;
            chain.reason = Some(reason);
            self.new_target(chain);
            chain.enters = true;
            let next = self.begin(now, request, chain, told);
            if std::mem::take(&mut chain.enters) {
                break Some(next);
            }
            let group: Vec<ModelId> = self.serving(request, chain).iter().collect();
            why_none = self.why_none(now, request, chain, &group);
        };
        let to = match &found {
            Some(Next::Call(call)) => Some(call.model),
            _ => None,
        };
        let event = FallbackEvent {
            at: now,
            task: request.task,
            step: request.step,
            level: request.level,
            reason,
            from,
            to,
            why_none: to.is_none().then_some(why_none),
        };
        // Told before what became of it.
        self.log.insert(at, StackEvent::Fallback(event));
        match found {
            Some(next) => next,
            None => self.last_hope(now, request, chain, told),
        }
    }

    /// Why the fallback plan has nobody for the step.
    fn no_target(&mut self, now: SimTime, request: &Request, chain: &Chain) -> NoTarget {
        let rule = Arc::clone(&self.rule);
        let level = request.level;
        match &rule.fallback {
            FallbackPlan::Stage4 { order, .. } => {
                self.why_none(now, request, chain, &order[level.index()])
            }
            FallbackPlan::Chain(lists) => {
                self.why_none(now, request, chain, lists.after(chain.failed, level))
            }
            FallbackPlan::Ranked { max_fallbacks, .. } if chain.fallbacks >= *max_fallbacks => {
                NoTarget::AllTried
            }
            _ => {
                let all: Vec<ModelId> = self.serving(request, chain).iter().collect();
                self.why_none(now, request, chain, &all)
            }
        }
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
        let all = self.candidates(now, request, chain);
        match &rule.fallback {
            FallbackPlan::None | FallbackPlan::Groups { .. } => None,
            FallbackPlan::Stage4 { order, min_tokens_left } => {
                let list = &order[request.level.index()];
                self.first_of(now, chain, all, list, *min_tokens_left)
            }
            FallbackPlan::Chain(lists) => {
                let list = lists.after(chain.failed, request.level);
                let (eligible, _) = self.eligible(now, request, chain, all);
                self.first_of(now, chain, eligible, list, 0)
            }
            FallbackPlan::Ranked { by, max_fallbacks } => {
                if chain.fallbacks >= *max_fallbacks {
                    return None;
                }
                let (eligible, short) = self.eligible(now, request, chain, all);
                let mut left = eligible.minus(chain.tried);
                while !left.is_empty() {
                    let choice = match by {
                        Ranking::Order => self.pick(now, request, chain, told, left, short),
                        Ranking::Score | Ranking::Price => None,
                    };
                    let next = match choice {
                        Some(choice) => choice.model,
                        None => self.ranked_first(request, *by, left),
                    };
                    if let Some(permit) = self.acquire(now, chain, next) {
                        return Some((next, permit));
                    }
                    left.remove(next);
                }
                None
            }
        }
    }

    /// The first of a list that may be called, is untried, has tokens left and a breaker that lets the call pass.
    fn first_of(
        &mut self,
        now: SimTime,
        chain: &Chain,
        all: ModelSet,
        list: &[ModelId],
        min_tokens_left: u64,
    ) -> Option<(ModelId, Permit)> {
        list.iter().find_map(|&model| {
            let replica = &mut self.replicas[usize::from(chain.replica)];
            let left = replica.ledger.tokens_left(now, model);
            let may_be_called = all.contains(model)
                && !chain.tried.contains(model)
                && left.is_none_or(|left| left > 0 && left >= min_tokens_left);
            let permit = may_be_called.then(|| self.acquire(now, chain, model)).flatten();
            permit.map(|permit| (model, permit))
        })
    }

    /// The first of `left` by what is declared: by price, or else by score, which is also the order of the models that the
    /// router's order does not name.
    fn ranked_first(&self, request: &Request, by: Ranking, left: ModelSet) -> ModelId {
        let level = request.level.index();
        let price = |model: ModelId| {
            let [input, output] = self.prices[model.index()];
            input * f64::from(request.input_tokens) + output * EXPECTED_OUTPUT_TOKENS
        };
        match by {
            Ranking::Price => first_largest(left, |m| -price(m)),
            Ranking::Score | Ranking::Order => {
                first_largest(left, |m| self.scores[m.index()][level])
            }
        }
    }

    /// Nobody is left to choose: the step waits for one to come back, or takes the last resort if its key is not known to
    /// be dead.
    pub(super) fn nobody_left(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &mut Chain,
        told: Option<&[f64]>,
    ) -> Next {
        if let FallbackPlan::Groups { .. } = self.rule.fallback {
            // A group of which nobody is left, or nobody is there, has failed like any other.
            let group = chain.walk.group().map(|at| self.rule.groups[at].models);
            let absent = group.and_then(|models| models.iter().next());
            let absent = absent.map(|model| (model, FallbackReason::ModelFailure));
            if let Some((from, reason)) = chain.trigger.or(absent) {
                chain.trigger = Some((from, reason));
                return self.fall_back(now, request, chain, told, from, reason);
            }
        }
        self.last_hope(now, request, chain, told)
    }

    fn last_hope(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &mut Chain,
        told: Option<&[f64]>,
    ) -> Next {
        if let Some(longest) = self.rule.wait_for_model
            && let Some(back) = self.next_return(now, request, chain)
            && back <= request.arrived + longest
            && back < chain.deadline
        {
            chain.then = Some(Then::Begin);
            return Next::Wait(back.since(now));
        }
        let replica = &mut self.replicas[usize::from(chain.replica)];
        // Holds that are over are forgotten.
        replica.held(now);
        let serving = self.serving[request.level.index()];
        let resort = self.rule.last_resort.filter(|m| serving.contains(*m) && !replica.is_dead(*m));
        let Some(model) = resort.filter(|_| !chain.resorted) else {
            return Next::Finish;
        };
        chain.resorted = true;
        let call = Call::of(model, Role::First, ChosenBy::LastResort, self.hour(now));
        self.place(now, request, chain, told, call)
    }
}

/// Most groups that a step goes through. Where many fall back to one another the ways grow exponentially with
/// `max_fallbacks`.
const MOST_GROUPS: u16 = 1000;

/// Whom a retry could call besides the model that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Others {
    /// Nobody.
    None,
    /// Somebody.
    Some,
    /// Somebody, and the group has more than one model.
    InBigGroup,
}
