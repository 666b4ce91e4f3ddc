//! Hedged calls: a second call beside one that has not come back in time; the first answer counts, the rest is cancelled
//! (Dean, Barroso, "The tail at scale", 2013).

use std::collections::VecDeque;

use super::{Call, Chain, Stack};
use crate::domain::{ChosenBy, Request, Role};
use crate::units::{ModelId, SimDuration, SimTime};

/// When a call is hedged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum HedgeAfter {
    /// After a fixed time.
    Delay(SimDuration),
    /// After this quantile of the last answers' times, once there are enough of them.
    Quantile(f64),
}

/// Whom a hedge calls.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum HedgeTarget {
    /// Another eligible model by the router's order.
    #[default]
    Another,
    /// The same model again.
    Same,
}

/// How calls are hedged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HedgeRule {
    /// When.
    pub after: HedgeAfter,
    /// Most hedges of one step.
    pub max: u8,
    /// Whom they call.
    pub target: HedgeTarget,
}

/// Answers of which a quantile is taken.
const WINDOW: usize = 200;
/// Answers from which on it is.
const ENOUGH: usize = 20;
/// After so many more it is taken anew.
const RENEWED_AFTER: usize = 20;

/// The times of the last answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Hedger {
    last: VecDeque<SimDuration>,
    since: usize,
    delay: Option<SimDuration>,
}

impl Hedger {
    /// An answer came after `duration`.
    pub(super) fn answered(&mut self, rule: &HedgeRule, duration: SimDuration) {
        let HedgeAfter::Quantile(quantile) = rule.after else { return };
        if self.last.len() == WINDOW {
            self.last.pop_front();
        }
        self.last.push_back(duration);
        self.since += 1;
        if self.last.len() >= ENOUGH && (self.delay.is_none() || self.since >= RENEWED_AFTER) {
            self.since = 0;
            let mut sorted: Vec<SimDuration> = self.last.iter().copied().collect();
            sorted.sort_unstable();
            let at = (quantile * sorted.len() as f64).ceil() as usize;
            self.delay = Some(sorted[at.clamp(1, sorted.len()) - 1]);
        }
    }

    /// How long to wait for a call before it is hedged, as far as that is known.
    fn delay(&self, rule: &HedgeRule) -> Option<SimDuration> {
        match rule.after {
            HedgeAfter::Delay(delay) => Some(delay),
            HedgeAfter::Quantile(_) => self.delay,
        }
    }
}

impl Stack {
    /// After which time a call that is sent now is hedged, if it is.
    pub(super) fn hedge_after(&self, chain: &Chain) -> Option<SimDuration> {
        let rule = self.rule.hedge.as_ref().filter(|rule| chain.hedges < rule.max)?;
        self.hedger.delay(rule)
    }

    /// A call to `beside` has not come back in time: another one beside it, if there is whom to call.
    pub fn hedge(
        &mut self,
        now: SimTime,
        request: &Request,
        chain: &mut Chain,
        told: Option<&[f64]>,
        beside: ModelId,
    ) -> Option<Call> {
        let rule = self.rule.hedge.filter(|rule| chain.hedges < rule.max)?;
        if now >= chain.deadline {
            return None;
        }
        let all = self.candidates(now, request, chain);
        let (eligible, short) = self.eligible(now, request, chain, all);
        let model = match rule.target {
            HedgeTarget::Same => eligible.contains(beside).then_some(beside)?,
            HedgeTarget::Another => {
                let fresh = eligible.minus(chain.tried);
                self.pick(now, request, chain, told, fresh, short)?.model
            }
        };
        if !self.replicas[usize::from(chain.replica)].budget.try_retry(now) {
            return None;
        }
        let Some(permit) = self.acquire(now, chain, model) else {
            self.replicas[usize::from(chain.replica)].budget.retry_ended(now);
            return None;
        };
        chain.hedges += 1;
        chain.tried.insert(model);
        let call = Call::of(model, Role::Hedge, ChosenBy::Hedge, self.hour(now));
        Some(self.send(now, request, chain, Call { permit, ..call }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantile_is_that_of_the_last_answers() {
        let rule =
            HedgeRule { after: HedgeAfter::Quantile(0.9), max: 1, target: HedgeTarget::Another };
        let mut hedger = Hedger::default();
        for ms in 1..20_u64 {
            hedger.answered(&rule, SimDuration(ms));
            assert_eq!(hedger.delay(&rule), None);
        }
        hedger.answered(&rule, SimDuration(20));
        assert_eq!(hedger.delay(&rule), Some(SimDuration(18)));
        (0..WINDOW as u64).for_each(|i| hedger.answered(&rule, SimDuration(1000 + i)));
        assert_eq!(hedger.delay(&rule), Some(SimDuration(1179)));
    }
}
