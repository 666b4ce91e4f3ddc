//! The world: what is true of the models, whatever the registry says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RecordedOutcomes;
use crate::scenario::values::{
    Count, Fraction, Named, NonNegative, PerLevel, Points, Positive, Probability, Whole,
};
use crate::world::limits::{QuotaCharge, RateWindow};
use crate::world::{ModelService, ServiceShape};

/// What is true of the models. Figures that are not given here are those of the registry.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct World {
    /// How far each seed's truth lies around the declared figures.
    pub spread: Spread,
    /// How strongly the models find the same tasks hard, by default for all task types: 0 is not at all, 1 is fully.
    pub difficulty_correlation: Fraction,
    /// The sigma of the lognormal time of a response.
    pub latency_sigma: NonNegative,
    /// The standard deviation of an answer's quality in points.
    pub quality_sd: NonNegative,
    /// Of the answers that are not a success, the share that is partial.
    pub partial_share: Fraction,
    /// Of the rest, the share that is an API error instead of a wrong answer.
    pub api_error_share: Fraction,
    /// The time of an API error in milliseconds.
    pub error_ms: NonNegative,
    /// The time in milliseconds of a refusal, be it for a rate limit or a key.
    pub refusal_ms: NonNegative,
    /// The distribution of the time of a response around its mean.
    pub service: ServiceShape,
    /// The limits of every model, unless its own table says otherwise.
    pub limits: Limits,
    /// What is true of single models, by name.
    pub models: Named<ModelTruth>,
    /// What the models really answered, from a table, by default nothing: answers follow from the figures above.
    pub outcomes: Option<RecordedOutcomes>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            spread: Spread::default(),
            difficulty_correlation: Fraction::of(0.3),
            latency_sigma: NonNegative::of(0.5),
            quality_sd: NonNegative::of(5.0),
            partial_share: Fraction::of(0.0),
            api_error_share: Fraction::of(0.5),
            error_ms: NonNegative::of(100.0),
            refusal_ms: NonNegative::of(20.0),
            service: ServiceShape::Lognormal,
            limits: Limits::default(),
            models: Named::default(),
            outcomes: None,
        }
    }
}

/// The standard deviations of each seed's truth around the declared figures.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Spread {
    /// The spread of the success probabilities on the logit scale.
    pub success: NonNegative,
    /// The spread of the qualities on the logit scale.
    pub quality: NonNegative,
    /// The spread of the response times on the log scale.
    pub latency: NonNegative,
}

/// The limits of a model. What is absent is without limit.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// How many calls run at once; more wait in line. By default there is no limit.
    pub slots: Option<Count>,
    /// How many requests are admitted in a minute. By default there is no limit.
    pub requests_per_minute: Option<Count>,
    /// How many tokens are admitted in a minute. By default there is no limit.
    pub tokens_per_minute: Option<Count>,
    /// How a minute is counted, by default by the clock.
    pub window: Option<RateWindow>,
    /// When tokens are charged to the quota, by default after the response.
    pub quota_charged: Option<QuotaCharge>,
    /// Whether a refusal for a rate limit says when to try again, by default true.
    pub retry_after: Option<bool>,
}

/// What is true of one model, and its own limits.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModelTruth {
    /// The probability that an answer is a success, by default the declared one.
    pub success: Option<PerLevel<Probability>>,
    /// The quality of an answer in points, by default the declared one.
    pub quality: Option<PerLevel<Points>>,
    /// The mean time of a whole response in milliseconds, by default the declared one.
    pub response_ms: Option<PerLevel<Positive>>,
    /// The mean time to the first token in milliseconds, by default the declared one.
    pub ttft_ms: Option<NonNegative>,
    /// The mean time of each output token in milliseconds, by default the declared one.
    pub ms_per_output_token: Option<NonNegative>,
    /// The distribution of the time of a response around its mean, by default as in `[world]`.
    pub service: Option<ModelService>,
    /// The sigma of a lognormal time of a response, by default as in `[world]`.
    pub latency_sigma: Option<NonNegative>,
    /// The shape of a gamma or Weibull time of a response.
    pub latency_shape: Option<Positive>,
    /// The price of a million input tokens in US dollars, by default the declared one.
    pub usd_per_mtok_input: Option<NonNegative>,
    /// The price of a million output tokens in US dollars, by default the declared one.
    pub usd_per_mtok_output: Option<NonNegative>,
    /// The tokens of a day, by default the declared ones.
    pub daily_tokens: Option<Whole>,
    /// By how much this model's answers are longer than the task type says, by default 1.
    pub output_tokens_factor: Option<Positive>,
    /// How many calls run at once; more wait in line. By default as in `[world.limits]`.
    pub slots: Option<Count>,
    /// How many requests are admitted in a minute. By default as in `[world.limits]`.
    pub requests_per_minute: Option<Count>,
    /// How many tokens are admitted in a minute. By default as in `[world.limits]`.
    pub tokens_per_minute: Option<Count>,
    /// How a minute is counted, by default as in `[world.limits]`.
    pub window: Option<RateWindow>,
    /// When tokens are charged to the quota, by default as in `[world.limits]`.
    pub quota_charged: Option<QuotaCharge>,
    /// Whether a refusal for a rate limit says when to try again, by default as in `[world.limits]`.
    pub retry_after: Option<bool>,
}

impl ModelTruth {
    /// The model's own limits over those of all models.
    pub fn limits(&self, all: &Limits) -> Limits {
        Limits {
            slots: self.slots.or(all.slots),
            requests_per_minute: self.requests_per_minute.or(all.requests_per_minute),
            tokens_per_minute: self.tokens_per_minute.or(all.tokens_per_minute),
            window: self.window.or(all.window),
            quota_charged: self.quota_charged.or(all.quota_charged),
            retry_after: self.retry_after.or(all.retry_after),
        }
    }
}
