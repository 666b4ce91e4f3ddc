//! The models that are out of service, each until an instant.

use crate::domain::{BreakerEvent, BreakerState, ModelSet, StackEvent};
use crate::units::{ModelId, SimTime};

/// Who is out of service, and until when.
#[derive(Clone, Debug)]
pub(super) struct Bench {
    out: ModelSet,
    until: Vec<SimTime>,
    /// The earliest of those instants.
    next: SimTime,
}

impl Bench {
    /// Nobody of `n` models.
    pub(super) fn new(n: usize) -> Self {
        Self { out: ModelSet::EMPTY, until: vec![SimTime::ZERO; n], next: SimTime::NEVER }
    }

    /// Those who are out, whether or not their time has just come.
    pub(super) fn out(&self) -> ModelSet {
        self.out
    }

    /// Those who are still out at `now`.
    #[inline]
    pub(super) fn still_out(&self, now: SimTime) -> ModelSet {
        if now < self.next {
            return self.out;
        }
        self.out.iter().filter(|model| self.until[model.index()] > now).collect()
    }

    /// Until when `model` is out, if it is.
    pub(super) fn until(&self, model: ModelId) -> Option<SimTime> {
        self.out.contains(model).then(|| self.until[model.index()])
    }

    /// Takes `model` out until an instant, or moves the instant.
    pub(super) fn take_out(
        &mut self,
        now: SimTime,
        model: ModelId,
        until: SimTime,
        log: &mut Vec<StackEvent>,
    ) {
        if !self.out.contains(model) {
            self.out.insert(model);
            log.push(event(now, model, BreakerState::Open));
        }
        self.until[model.index()] = until;
        self.find_next();
    }

    /// Brings `model` back.
    pub(super) fn bring_back(&mut self, now: SimTime, model: ModelId, log: &mut Vec<StackEvent>) {
        if self.out.contains(model) {
            self.out.remove(model);
            log.push(event(now, model, BreakerState::Closed));
            self.find_next();
        }
    }

    /// The first instant at which somebody comes back.
    #[inline]
    pub(super) fn due(&self) -> SimTime {
        self.next
    }

    /// Brings back those whose time has come by `now`, in order of time, and names them.
    pub(super) fn advance(&mut self, now: SimTime, log: &mut Vec<StackEvent>) -> ModelSet {
        let mut back = ModelSet::EMPTY;
        while self.next <= now && self.next < SimTime::NEVER {
            let at = self.next;
            let first = self.out.iter().find(|model| self.until[model.index()] == at);
            let model = first.expect("the earliest instant is somebody's");
            back.insert(model);
            self.bring_back(at, model, log);
        }
        back
    }

    fn find_next(&mut self) {
        let times = self.out.iter().map(|model| self.until[model.index()]);
        self.next = times.min().unwrap_or(SimTime::NEVER);
    }
}

fn event(at: SimTime, model: ModelId, to: BreakerState) -> StackEvent {
    let from = match to {
        BreakerState::Closed => BreakerState::Open,
        _ => BreakerState::Closed,
    };
    StackEvent::Breaker(BreakerEvent { at, model, from, to })
}
