//! The registry: what is declared of each model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Format, Name, Part};
use crate::registry::KeyState;
use crate::scenario::values::{
    Level, Named, NonNegative, PerLevel, Points, Positive, Probability, Whole, Zone,
};

/// A file with the declared figures of models.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryFile {
    /// The version of the format, which is 1.
    pub format: Option<Format>,
    /// Where the figures come from.
    pub source: Option<String>,
    /// The models by name, to be read when the scenario's changes lie over them.
    pub models: Option<Part<Named<Model>>>,
}

/// Prices from a table.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// The table, as CSV (may be gzipped) or Parquet, with a row for each snapshot and model: `snapshot`, `model`,
    /// `usd_per_token_in`, `usd_per_token_out`. The path is relative to this file.
    #[schemars(example = &"prices/litellm.csv")]
    pub file: Name,
    /// The snapshot that is declared: its name in the table.
    #[schemars(example = &"2025-02-19")]
    pub snapshot: Name,
    /// The name in the table of each model that has another one there.
    #[serde(default)]
    #[schemars(extend("examples" = [{ "llama-3.1-8b-instant": "groq/llama-3.1-8b-instant" }]))]
    pub models: Named<Name>,
}

/// The declared figures of a model.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The company that serves the model.
    #[schemars(example = &"groq")]
    pub provider: Name,
    /// The account that the calls are charged to. Models with one account share its quota; by default each model has
    /// its own.
    #[schemars(example = &"groq-main")]
    pub account: Option<Name>,
    /// The name for people, by default the model's own name.
    pub label: Option<String>,
    /// The declared performance, in points.
    pub performance: Option<Performance>,
    /// The levels for which the model may be used, by default all four.
    #[serde(default = "all_levels")]
    pub levels: Vec<Level>,
    /// The score by which the router ranks the model, in points.
    pub score: PerLevel<Points>,
    /// The declared probability that an answer is a success.
    pub success: PerLevel<Probability>,
    /// The declared quality of an answer, in points.
    pub quality: PerLevel<Points>,
    /// The mean time of a whole response in milliseconds. Write either this, or `ttft_ms` with `ms_per_output_token`.
    pub response_ms: Option<PerLevel<Positive>>,
    /// The mean time to the first token in milliseconds.
    pub ttft_ms: Option<NonNegative>,
    /// The mean time of each output token in milliseconds.
    pub ms_per_output_token: Option<NonNegative>,
    /// The price of a million input tokens in US dollars.
    pub usd_per_mtok_input: NonNegative,
    /// The price of a million output tokens in US dollars.
    pub usd_per_mtok_output: NonNegative,
    /// The price of a million tokens in the cost table of the Stage 4 plan's daily report, in US dollars. It only fills
    /// `plan_cost_usd`, beside the billed cost.
    #[serde(default = "plan_price")]
    pub plan_usd_per_mtok: NonNegative,
    /// The tokens of a day on the usual plan, by default without limit.
    pub daily_tokens: Option<Whole>,
    /// The tokens of a day on the small plan.
    pub daily_tokens_small: Option<Whole>,
    /// The zone at whose midnight the daily tokens are reset, by default the scenario's.
    pub reset_zone: Option<Zone>,
    /// The state of the API key.
    #[serde(default)]
    pub key: KeyState,
    /// The keys of this table whose figures are assumed, not measured.
    #[serde(default)]
    pub assumed: AssumedKeys,
}

/// The names of keys whose figures are assumed.
pub type AssumedKeys = Vec<Name>;

/// What the plan's cost table says of a model that it does not name (stage4.md section 9).
fn plan_price() -> NonNegative {
    NonNegative::of(0.1)
}

fn all_levels() -> Vec<Level> {
    Level::ALL.to_vec()
}

/// The declared performance, each from 0 to 100.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Performance {
    /// How fast the model is, in points.
    pub speed: Points,
    /// How efficient the model is, in points.
    pub efficiency: Points,
    /// How cheap the model is, in points.
    pub cost: Points,
}
