//! `LiteLLM`'s latency-based-routing: the lowest mean of the last seconds per completion token.
//!
//! As in `router_strategy/lowest_latency.py` of 1.106.2, requests without streaming and the in-memory cache, where
//! - an answer adds its duration by its completion tokens (its duration if it has none), a timeout adds 1000 s, every
//!   other failure adds nothing; in 1.80, whose window is the frozen one, an answer without tokens counts as 0;
//! - all samples are one entry of the cache, whose time to live runs from the first one and is not renewed by later ones:
//!   at its end everything is forgotten at once;
//! - a model without a sample counts as 0 and is called first, by all requests until its first answer is there;
//! - once another model has a sample, looking at one without puts a 0 into its list, which stays there as a sample: it
//!   halves the mean of two, and counts a tenth in a full list until it leaves;
//! - of the models within the buffer of the lowest, one is called at random.

use super::was_answered;
use crate::domain::{ModelSet, Outcome, Response};
use crate::units::{ModelId, NANOS_PER_SECOND, SimDuration, SimTime};

/// The sample, in seconds per token, that a call leaves which was given up.
const TIMED_OUT: f64 = 1000.0;

/// How models are compared by their last samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatencyWindowRule {
    /// By which share of the lowest mean another one may be larger.
    pub lowest_latency_buffer: f64,
    /// Samples of a model at most.
    pub max_latency_list_size: usize,
    /// After this time from the first sample all are forgotten.
    pub ttl: SimDuration,
    /// What makes room in a full list.
    pub window: Keeps,
}

impl Default for LatencyWindowRule {
    fn default() -> Self {
        Self {
            lowest_latency_buffer: 0.0,
            max_latency_list_size: 10,
            ttl: SimDuration(3_600 * NANOS_PER_SECOND),
            window: Keeps::default(),
        }
    }
}

/// What makes room for a new sample in a full list.
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
pub enum Keeps {
    /// The oldest sample goes.
    #[default]
    Rolling,
    /// The newest sample goes, so that nine of ten are the first ones until all are forgotten; as in 1.80.
    Frozen,
}

#[derive(Clone, Debug)]
pub(super) struct LatencyWindow {
    rule: LatencyWindowRule,
    /// By model, the oldest first; a model without any is not in the cache's entry.
    samples: Vec<Vec<f64>>,
    /// When the entry expires, if there is one.
    expires: Option<SimTime>,
}

impl LatencyWindow {
    pub(super) fn new(rule: LatencyWindowRule, n_models: usize) -> Self {
        Self { rule, samples: vec![Vec::new(); n_models], expires: None }
    }

    fn is_live(&self, now: SimTime) -> bool {
        self.expires.is_some_and(|expires| now <= expires)
    }

    /// Those of `eligible` whose mean is within the buffer of the lowest.
    pub(super) fn within_buffer(&mut self, now: SimTime, eligible: ModelSet) -> ModelSet {
        if self.is_live(now) {
            for model in eligible.iter() {
                let own = &mut self.samples[model.index()];
                if own.is_empty() {
                    own.push(0.0);
                }
            }
        }
        let latency = |model: ModelId| self.latency(now, model);
        let lowest = eligible.iter().map(latency).fold(f64::INFINITY, f64::min);
        let highest = lowest + self.rule.lowest_latency_buffer * lowest;
        eligible.iter().filter(|model| latency(*model) <= highest).collect()
    }

    /// The mean of a model's samples in seconds per token; 0 without any.
    pub(super) fn latency(&self, now: SimTime, model: ModelId) -> f64 {
        let own = &self.samples[model.index()];
        if own.is_empty() || !self.is_live(now) {
            return 0.0;
        }
        own.iter().sum::<f64>() / own.len() as f64
    }

    pub(super) fn ended(&mut self, now: SimTime, model: ModelId, response: &Response) {
        let sample = match response.outcome {
            Outcome::Timeout => TIMED_OUT,
            outcome if !was_answered(outcome) => return,
            // 1.80 adds a value here that its sum leaves out and its count does not.
            _ if response.output_tokens == 0 && self.rule.window == Keeps::Frozen => 0.0,
            _ => response.duration.as_secs_f64() / f64::from(response.output_tokens.max(1)),
        };
        if !self.is_live(now) {
            self.samples.iter_mut().for_each(Vec::clear);
            self.expires = Some(now + self.rule.ttl);
        }
        let own = &mut self.samples[model.index()];
        if own.len() >= self.rule.max_latency_list_size {
            match self.rule.window {
                Keeps::Rolling => own.remove(0),
                Keeps::Frozen => own.remove(own.len() - 1),
            };
        }
        own.push(sample);
    }
}
