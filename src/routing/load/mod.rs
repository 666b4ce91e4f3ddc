//! Orders that follow what the stack has in flight and what came back: least busy, lowest latency, least used, Peak EWMA.
//!
//! They know every call of the stack, whoever chose it. What they know is one memory for all instances of the stack, as
//! with a shared store.

mod latency_window;
mod peak_ewma;

use jiff::Timestamp;

use super::minute::MinuteCounts;
use crate::domain::{ModelSet, Outcome, Response};
use crate::sim::stream::Stream;
use crate::units::{ModelId, SimTime};

pub use latency_window::{Keeps, LatencyWindowRule};
pub use peak_ewma::PeakEwmaRule;

use latency_window::LatencyWindow;
use peak_ewma::PeakEwma;

/// Which of them a stack has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LoadRule {
    /// The fewest calls in flight: `LiteLLM`'s least-busy.
    LeastBusy {
        /// Which of several.
        ties: Ties,
        /// How many models are drawn at random and compared; all if there are not more.
        choices: usize,
    },
    /// The lowest mean of the last samples: `LiteLLM`'s latency-based-routing.
    LatencyWindow(LatencyWindowRule),
    /// The lower load of two drawn at random: Tower's and Finagle's Peak EWMA, Helicone's balanced latency.
    PeakEwma(PeakEwmaRule),
    /// The fewest tokens of answers in the minute of the clock: `LiteLLM`'s usage-based-routing-v2.
    LeastUsed,
}

impl LoadRule {
    /// The name in scenarios.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::LeastBusy { .. } => "least_busy",
            Self::LatencyWindow(_) => "latency_window",
            Self::PeakEwma(_) => "peak_ewma",
            Self::LeastUsed => "least_used",
        }
    }
}

/// Which of several models is taken that are equally good.
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
pub enum Ties {
    /// One at random.
    #[default]
    Random,
    /// The first of the registry.
    First,
}

/// An order of this kind with what it knows.
#[derive(Clone, Debug)]
pub struct Load {
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    LeastBusy { in_flight: Vec<u32>, ties: Ties, choices: usize },
    LatencyWindow(LatencyWindow),
    PeakEwma(PeakEwma),
    LeastUsed { minutes: Vec<MinuteCounts> },
}

impl Load {
    /// An order over `n_models` models that knows of no call yet, in a run that starts at `start`.
    #[must_use]
    pub fn new(rule: &LoadRule, n_models: usize, start: Timestamp) -> Self {
        let state = match rule {
            LoadRule::LeastBusy { ties, choices } => {
                State::LeastBusy { in_flight: vec![0; n_models], ties: *ties, choices: *choices }
            }
            LoadRule::LatencyWindow(own) => {
                State::LatencyWindow(LatencyWindow::new(*own, n_models))
            }
            LoadRule::PeakEwma(own) => State::PeakEwma(PeakEwma::new(*own, n_models)),
            LoadRule::LeastUsed => {
                State::LeastUsed { minutes: vec![MinuteCounts::new(start); n_models] }
            }
        };
        Self { state }
    }

    /// Picks among `eligible`; `None` if there are none.
    pub fn pick(
        &mut self,
        now: SimTime,
        eligible: ModelSet,
        stream: &mut Stream,
    ) -> Option<ModelId> {
        match &mut self.state {
            State::LeastBusy { in_flight, ties, choices } => {
                let drawn = sample(eligible, *choices, stream);
                let least = fewest(drawn, |m| in_flight[m.index()].into());
                match ties {
                    Ties::Random => any(least, stream),
                    Ties::First => least.nth(0),
                }
            }
            State::LatencyWindow(own) => any(own.within_buffer(now, eligible), stream),
            State::PeakEwma(own) => own.pick(now, eligible, stream),
            State::LeastUsed { minutes } => {
                any(fewest(eligible, |m| minutes[m.index()].at(now).1), stream)
            }
        }
    }

    /// A call to `model` has gone out.
    pub fn sent(&mut self, model: ModelId) {
        match &mut self.state {
            State::LeastBusy { in_flight, .. } => in_flight[model.index()] += 1,
            State::PeakEwma(own) => own.sent(model),
            State::LatencyWindow(_) | State::LeastUsed { .. } => {}
        }
    }

    /// A call to `model` is over.
    pub fn ended(&mut self, now: SimTime, model: ModelId, response: &Response) {
        match &mut self.state {
            State::LeastBusy { in_flight, .. } => {
                let own = &mut in_flight[model.index()];
                *own = own.saturating_sub(1);
            }
            State::LatencyWindow(own) => own.ended(now, model, response),
            State::PeakEwma(own) => own.ended(now, model, response.duration),
            State::LeastUsed { minutes } => {
                if was_answered(response.outcome) {
                    minutes[model.index()].book(now, 0, response.tokens());
                }
            }
        }
    }

    /// The number by which it compares `model` at `now`; the lowest is called: calls in flight, seconds per answer token,
    /// milliseconds of load, or tokens of the minute.
    #[must_use]
    pub fn number(&self, now: SimTime, model: ModelId) -> f64 {
        match &self.state {
            State::LeastBusy { in_flight, .. } => in_flight[model.index()].into(),
            State::LatencyWindow(own) => own.latency(now, model),
            State::PeakEwma(own) => own.load_ms(now, model),
            State::LeastUsed { minutes } => minutes[model.index()].at(now).1 as f64,
        }
    }
}

/// Whether a gateway saw status 200: an answer, whatever it was worth.
fn was_answered(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Success | Outcome::Partial | Outcome::Failure)
}

/// Those of `models` with the smallest count.
fn fewest(models: ModelSet, count: impl Fn(ModelId) -> u64) -> ModelSet {
    let least = models.iter().map(&count).min();
    models.iter().filter(|model| Some(count(*model)) == least).collect()
}

/// So many different ones of `models` at random.
fn sample(models: ModelSet, n: usize, stream: &mut Stream) -> ModelSet {
    if models.len() <= n {
        return models;
    }
    let mut left = models;
    for _ in 0..n {
        let drawn = left.nth(stream.index(left.len()));
        left = left.minus(drawn.into_iter().collect());
    }
    models.minus(left)
}

/// One of `models` at random.
fn any(models: ModelSet, stream: &mut Stream) -> Option<ModelId> {
    match models.len() {
        0 => None,
        1 => models.nth(0),
        n => models.nth(stream.index(n)),
    }
}
