//! A detector of outliers over groups of models, in seconds.

use jiff::Timestamp;
use reflexarc::domain::{BreakerState, ModelSet, Outcome, StackEvent};
use reflexarc::routing::breaker::{CallEnd, Permit, Surroundings, Verdict};
use reflexarc::routing::outlier::{OutlierRule, Outliers};
use reflexarc::sim::stream::Streams;
use reflexarc::units::{ModelId, SimDuration, SimTime};

pub(crate) const A: ModelId = ModelId(0);
pub(crate) const B: ModelId = ModelId(1);
/// For comparisons with [`Pool::out`].
pub(crate) const NOBODY: [u16; 0] = [];

pub(crate) fn at(seconds: f64) -> SimTime {
    SimTime(SimDuration::from_secs_f64(seconds).0)
}

pub(crate) fn span(seconds: f64) -> SimDuration {
    SimDuration::from_secs_f64(seconds)
}

/// Groups of models by their sizes; a model's peers are its group.
fn groups(sizes: &[u16]) -> Surroundings {
    let mut peers = Vec::new();
    for size in sizes {
        let first = peers.len() as u16;
        let group: ModelSet = (first..first + size).map(ModelId).collect();
        peers.extend((0..*size).map(|_| group));
    }
    Surroundings { peers, start: Timestamp::UNIX_EPOCH, streams: Streams::new(1) }
}

/// A detector with its log.
pub(crate) struct Pool {
    pub(crate) outliers: Outliers,
    pub(crate) log: Vec<StackEvent>,
}

impl Pool {
    pub(crate) fn new(rule: OutlierRule, sizes: &[u16]) -> Self {
        Self { outliers: Outliers::new(&rule, &groups(sizes)), log: Vec::new() }
    }

    pub(crate) fn passes(&mut self, now: f64, model: ModelId) -> bool {
        self.outliers.acquire(at(now), model, &mut self.log).is_some()
    }

    pub(crate) fn ends(&mut self, now: f64, model: ModelId, outcome: Outcome) {
        self.ends_advised(now, model, outcome, None);
    }

    pub(crate) fn ends_advised(
        &mut self,
        now: f64,
        model: ModelId,
        outcome: Outcome,
        wait: Option<f64>,
    ) {
        let verdict = if outcome == Outcome::Success { Verdict::Success } else { Verdict::Failure };
        let end = CallEnd { verdict, outcome, duration: span(0.05) };
        let wait = wait.map(span);
        let permit = Permit::default();
        self.outliers.settle_advised(at(now), model, permit, end, wait, &mut self.log);
    }

    /// The time goes by, with all that is due.
    pub(crate) fn goes_to(&mut self, now: f64) {
        while self.outliers.due() <= at(now) {
            let due = self.outliers.due();
            self.outliers.advance(due, &mut self.log);
        }
    }

    pub(crate) fn out(&self, now: f64) -> Vec<u16> {
        self.outliers.refusing(at(now)).iter().map(|model| model.0).collect()
    }

    /// Times in seconds at which `model` went out (true) or came back.
    pub(crate) fn turns(&self, model: ModelId) -> Vec<(f64, bool)> {
        let turns = self.log.iter().filter_map(|event| match event {
            StackEvent::Breaker(event) if event.model == model => {
                Some((event.at.as_secs_f64(), event.to == BreakerState::Open))
            }
            _ => None,
        });
        turns.collect()
    }
}
