//! The registry: what is declared of every model. The router believes it; the world draws its truth around it.

use jiff::tz::TimeZone;

use crate::domain::ModelSet;
use crate::units::{Level, ModelId, PerLevel};

/// How long a model takes to answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Latency {
    /// Mean response time in milliseconds per level, whatever the answer's length.
    Response(PerLevel<f64>),
    /// Time to the first token, then a time for every output token, in milliseconds.
    PerToken {
        /// Time to the first token.
        ttft_ms: f64,
        /// Time for each output token.
        ms_per_output_token: f64,
    },
}

impl Latency {
    /// Mean time of an answer with `output_tokens` at `level`.
    #[inline]
    #[must_use]
    pub fn mean_ms(&self, level: Level, output_tokens: f64) -> f64 {
        match self {
            Self::Response(ms) => ms[level.index()],
            Self::PerToken { ttft_ms, ms_per_output_token } => {
                ttft_ms + ms_per_output_token * output_tokens
            }
        }
    }

    /// The share of the time of an answer with `output_tokens` that passes before its first token; all of it where no time to
    /// the first token is declared, since nothing is known to come before the whole.
    #[must_use]
    pub fn first_token_share(&self, output_tokens: f64) -> f64 {
        match *self {
            Self::Response(_) => 1.0,
            Self::PerToken { ttft_ms, ms_per_output_token } => {
                let whole = ttft_ms + ms_per_output_token * output_tokens;
                if whole > 0.0 { ttft_ms / whole } else { 1.0 }
            }
        }
    }
}

/// What is known of a provider's key at the start.
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
pub enum KeyState {
    /// Calls may be made.
    #[default]
    Present,
    /// No key: the router knows, and lists the model as unavailable.
    Missing,
    /// A key that the provider refuses; the router finds out.
    Invalid,
}

/// Declared facts of one model.
#[derive(Clone, Debug)]
pub struct Model {
    /// Name.
    pub name: String,
    /// Who runs it; an outage may hit all models of a provider.
    pub provider: String,
    /// Position of the account whose token quota it uses.
    pub account: usize,
    /// Levels it serves.
    pub levels: PerLevel<bool>,
    /// Score per level, 0-100.
    pub score: PerLevel<f64>,
    /// Success probability per level.
    pub success: PerLevel<f64>,
    /// Mean quality of a successful answer per level, 0-100.
    pub quality: PerLevel<f64>,
    /// Response time.
    pub latency: Latency,
    /// Price of a million input tokens in USD.
    pub usd_per_mtok_input: f64,
    /// Price of a million output tokens in USD.
    pub usd_per_mtok_output: f64,
    /// Price of a million tokens in the Stage 4 plan's own cost table; nothing is billed by it.
    pub plan_usd_per_mtok: f64,
    /// State of the key at the start.
    pub key: KeyState,
}

/// A quota account: one model's own, or shared by several.
#[derive(Clone, Debug)]
pub struct Account {
    /// Name.
    pub name: String,
    /// Daily tokens as declared; `None` is unlimited.
    pub daily_tokens: Option<u64>,
    /// The quota resets at 00:00 of this zone.
    pub reset_zone: TimeZone,
}

/// All models and accounts.
#[derive(Clone, Debug)]
pub struct Registry {
    /// Models in order of id.
    pub models: Vec<Model>,
    /// Quota accounts.
    pub accounts: Vec<Account>,
}

impl Registry {
    /// The models that serve `level` and have a key as far as the router knows.
    #[must_use]
    pub fn serving(&self, level: Level) -> ModelSet {
        self.ids()
            .filter(|m| {
                let model = &self.models[m.index()];
                model.levels[level.index()] && model.key != KeyState::Missing
            })
            .collect()
    }

    /// All ids.
    pub fn ids(&self) -> impl Iterator<Item = ModelId> + use<> {
        (0..self.models.len() as u16).map(ModelId)
    }
}
