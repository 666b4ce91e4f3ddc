//! The truth: what providers really do. The router's side cannot be imported here, nor this from there.

pub mod bandit;
pub mod conditions;
pub mod expectation;
pub mod fault;
pub mod limits;
pub mod outcomes;
pub mod provider;
pub mod random_fault;
pub mod truth;
pub mod workload;

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::analysis::distribution::gamma_quantile;
use crate::domain::Priority;
use crate::math;
use crate::registry::{KeyState, Latency};
use crate::sim::sample::LogNormal;
use crate::sim::stream::Streams;
use crate::units::{Level, ModelId, PerLevel, SimDuration};

use fault::{FaultSpec, Timeline};
use limits::Limits;
use outcomes::RecordedWorld;
use random_fault::RandomFaultSpec;

/// Shape of a response time around its mean.
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
pub enum ServiceShape {
    /// Lognormal with log-scale standard deviation `latency_sigma`.
    #[default]
    Lognormal,
    /// Exponential.
    Exponential,
    /// Always the mean.
    Constant,
}

/// Shape of one model's response time around its mean.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ModelService {
    /// Lognormal with log-scale standard deviation `latency_sigma`.
    Lognormal,
    /// Exponential.
    Exponential,
    /// Always the mean.
    Constant,
    /// Gamma with shape `latency_shape`.
    Gamma,
    /// Weibull with shape `latency_shape`.
    Weibull,
}

/// Law of a response time's factor around its mean of 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Lognormal with this log-scale standard deviation.
    Lognormal(f64),
    /// Exponential.
    Exponential,
    /// Always 1.
    Constant,
    /// Gamma with this shape.
    Gamma(f64),
    /// Weibull.
    Weibull {
        /// Its shape.
        shape: f64,
        /// The scale with which its mean is 1.
        scale: f64,
    },
}

impl Pace {
    /// Weibull with `shape` > 0 and mean 1.
    #[must_use]
    pub fn weibull(shape: f64) -> Self {
        Self::Weibull { shape, scale: math::exp(-math::ln_gamma(1.0 + 1.0 / shape)) }
    }

    /// The factor at quantile `u` of (0, 1).
    #[inline]
    #[must_use]
    pub fn at(&self, u: f64) -> f64 {
        match *self {
            Self::Lognormal(sigma) => math::exp(sigma * (math::normal_quantile(u) - 0.5 * sigma)),
            Self::Exponential => -math::ln(u),
            Self::Constant => 1.0,
            Self::Gamma(shape) => gamma_quantile(shape, u) / shape,
            Self::Weibull { shape, scale } => scale * math::powf(-math::ln_1p(-u), 1.0 / shape),
        }
    }
}

/// How many tokens a prompt or an answer has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tokens {
    /// Always the same.
    Constant(f64),
    /// Lognormal, rounded to whole tokens, at least 1.
    LogNormal(LogNormal),
    /// Uniform between two counts, both included.
    Uniform(f64, f64),
}

impl Tokens {
    /// The count at quantile `u` of (0, 1).
    #[inline]
    #[must_use]
    pub fn at(&self, u: f64) -> u32 {
        match self {
            Self::Constant(n) => *n as u32,
            Self::LogNormal(law) => (law.at(math::normal_quantile(u)) + 0.5).max(1.0) as u32,
            Self::Uniform(low, high) => (low + (high - low + 1.0) * u) as u32,
        }
    }

    /// The mean count, before rounding.
    #[must_use]
    pub fn mean(&self) -> f64 {
        match self {
            Self::Constant(n) => *n,
            Self::LogNormal(law) => law.mean(),
            Self::Uniform(low, high) => 0.5 * (low + high),
        }
    }
}

/// A kind of task.
#[derive(Clone, Debug)]
pub struct TaskType {
    /// Name.
    pub name: String,
    /// Weight among the types.
    pub share: f64,
    /// Level of each step, at least one.
    pub steps: Vec<Level>,
    /// Urgency.
    pub priority: Priority,
    /// Prompt length of each step.
    pub input_tokens: Tokens,
    /// Answer length of each step.
    pub output_tokens: Tokens,
    /// Time from arrival within which an answer counts.
    pub deadline: Option<SimDuration>,
    /// Correlation of different models' outcomes on one task.
    pub difficulty_correlation: f64,
}

impl TaskType {
    /// Tokens of both directions that such a task takes on average, all steps answered at the first call.
    #[must_use]
    pub fn mean_tokens(&self) -> f64 {
        (self.input_tokens.mean() + self.output_tokens.mean()) * self.steps.len() as f64
    }
}

/// Spread of each seed's truth around the declared figures.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    /// Standard deviation on the logit scale of success probabilities.
    pub success: f64,
    /// Standard deviation on the logit scale of quality / 100.
    pub quality: f64,
    /// Standard deviation on the log scale of response times.
    pub latency: f64,
}

/// The truth of one model before a seed draws around it.
#[derive(Clone, Debug)]
pub struct ModelSpec {
    /// Success probability per level.
    pub success: PerLevel<f64>,
    /// Mean quality of a successful answer per level.
    pub quality: PerLevel<f64>,
    /// Response time.
    pub latency: Latency,
    /// Law of a response time around its mean, where it is not the world's.
    pub pace: Option<Pace>,
    /// Price of a million input tokens.
    pub usd_per_mtok_input: f64,
    /// Price of a million output tokens.
    pub usd_per_mtok_output: f64,
    /// Answer length as a multiple of the task's.
    pub output_tokens_factor: f64,
    /// State of the key.
    pub key: KeyState,
    /// Position of the quota account.
    pub account: usize,
    /// Slots and rates.
    pub limits: Limits,
}

/// A quota account as the provider keeps it.
#[derive(Clone, Debug)]
pub struct AccountSpec {
    /// Daily tokens, `None` is unlimited.
    pub daily_tokens: Option<u64>,
    /// The quota resets at 00:00 of this zone.
    pub reset_zone: TimeZone,
}

/// Everything that is true in a block, before a seed draws.
#[derive(Clone, Debug)]
pub struct WorldSpec {
    /// The instant of virtual time zero.
    pub start: Timestamp,
    /// Models in order of id.
    pub models: Vec<ModelSpec>,
    /// Quota accounts.
    pub accounts: Vec<AccountSpec>,
    /// Kinds of tasks.
    pub task_types: Vec<TaskType>,
    /// Spread of the truth.
    pub spread: Spread,
    /// Shape of response times.
    pub service: ServiceShape,
    /// Log-scale standard deviation of a response time.
    pub latency_sigma: f64,
    /// Standard deviation of an answer's quality in points, before clamping to 0..100.
    pub quality_sd: f64,
    /// Of the answers that are no success, the share that is partial.
    pub partial_share: f64,
    /// Of the rest, the share that is an `api_error`.
    pub api_error_share: f64,
    /// Time of an `api_error`.
    pub error_time: SimDuration,
    /// Time of a refusal.
    pub refusal_time: SimDuration,
    /// The answers, where they are recorded; then success, quality and lengths of the models and task types do not count.
    pub recorded: Option<RecordedWorld>,
    /// Price lists that faults put in the place of the models' own: the prices of a million input and output tokens by
    /// model.
    pub price_lists: Vec<Vec<[f64; 2]>>,
    /// Faults on the timeline.
    pub faults: Vec<FaultSpec>,
    /// Faults that each seed draws.
    pub random_faults: Vec<RandomFaultSpec>,
}

impl WorldSpec {
    /// The law of a model's response time around its mean.
    #[inline]
    #[must_use]
    pub fn pace(&self, model: ModelId) -> Pace {
        self.models[model.index()].pace.unwrap_or(match self.service {
            ServiceShape::Lognormal => Pace::Lognormal(self.latency_sigma),
            ServiceShape::Exponential => Pace::Exponential,
            ServiceShape::Constant => Pace::Constant,
        })
    }

    /// The same world in which other recorded prompts are asked; `None` where none is, or no answers are recorded.
    #[must_use]
    pub fn on(&self, prompts: Option<&Arc<Vec<u32>>>) -> Option<Self> {
        let prompts = prompts.filter(|prompts| !prompts.is_empty())?;
        let recorded = self.recorded.as_ref()?;
        let recorded = RecordedWorld { prompts: Arc::clone(prompts), ..recorded.clone() };
        Some(Self { recorded: Some(recorded), ..self.clone() })
    }

    /// The faults of one seed: those of the timeline in their order, then what came at random.
    #[must_use]
    pub fn timeline(&self, streams: &Streams) -> Timeline {
        let random = self.random_faults.iter().flat_map(|random| random.draw(streams));
        let faults = self.faults.iter().cloned().chain(random).collect();
        Timeline::new(faults, self.models.len(), streams)
    }
}
