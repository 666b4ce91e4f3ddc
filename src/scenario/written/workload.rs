//! How tasks arrive.

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use super::Name;
use crate::scenario::shape::SHORT_FOR;
use crate::scenario::values::{Count, Duration, Fraction, NonNegative, Positive, TimeOfDay};

/// How tasks arrive.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Workload {
    /// Tasks arrive independently of one another, at a mean rate that is constant or follows a profile.
    Poisson(Poisson),
    /// Tasks arrive with gamma times between them: in bursts with a `cv` above 1, more evenly with one below.
    Gamma(Gamma),
    /// Tasks arrive with Weibull times between them: in bursts with a `shape` below 1, more evenly with one above.
    Weibull(Weibull),
    /// Bursts: tasks arrive independently at a rate that jumps at random between states (a Markov-modulated Poisson
    /// process).
    MarkovModulated(MarkovModulated),
    /// Tasks arrive one after another at a fixed interval.
    FixedInterval {
        /// The time from one arrival to the next.
        #[schemars(example = &"1s")]
        interval: Duration,
    },
    /// A fixed number of users, each of whom sends the next task when the last one is done.
    ClosedLoop {
        /// The number of users.
        #[serde(default = "one")]
        in_flight: Count,
        /// The time a user waits before the next task.
        #[serde(default)]
        think: Duration,
        /// The pace of a user: task i, from 0, is sent no earlier than i times this, and not before the last one is done. By
        /// default there is none.
        #[serde(default)]
        #[schemars(example = &"4s")]
        interval: Duration,
    },
    /// Sessions arrive, and each sends one task after another: the next turn comes a time of thought after the last one's
    /// end, however it ended.
    Sessions(Sessions),
    /// Tasks arrive as a file says.
    Trace(Replay),
}

fn one() -> Count {
    Count::of(1)
}

/// Independent arrivals.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Poisson {
    /// The mean number of arrivals in a second.
    #[schemars(example = 0.5)]
    pub rate_per_s: Positive,
    /// How the rate follows the local time, by default not at all.
    pub profile: Option<RateProfile>,
}

/// Arrivals with gamma times between them.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gamma {
    /// The mean number of arrivals in a second.
    #[schemars(example = 0.5)]
    pub rate_per_s: Positive,
    /// The coefficient of variation of the times between arrivals, which is their standard deviation over their mean; with
    /// 1 the arrivals are Poisson.
    #[schemars(example = 3.0)]
    pub cv: Positive,
    /// How the rate follows the local time, by default not at all.
    pub profile: Option<RateProfile>,
}

/// Arrivals with Weibull times between them.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Weibull {
    /// The mean number of arrivals in a second.
    #[schemars(example = 0.5)]
    pub rate_per_s: Positive,
    /// The shape of the times between arrivals: with 1 the arrivals are Poisson, with 0.5 their coefficient of variation is
    /// 2.24.
    #[schemars(example = 0.6)]
    pub shape: Positive,
    /// How the rate follows the local time, by default not at all.
    pub profile: Option<RateProfile>,
}

/// Arrivals at a rate that jumps at random.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MarkovModulated {
    /// The states, which follow one another in a circle. Each seed begins in one of them by its share of the time.
    #[schemars(extend("examples" = [[
        { "rate_per_s": 0.5, "mean_sojourn": "9min" },
        { "rate_per_s": 5.0, "mean_sojourn": "1min" },
    ]]))]
    pub states: Vec<RateState>,
    /// The mean number of arrivals in a second over the long run, to which the rates of all states are scaled. By default
    /// they hold as they are written: their mean then is sum(rate x mean_sojourn) / sum(mean_sojourn).
    #[schemars(example = 1.0)]
    pub rate_per_s: Option<Positive>,
    /// How the rate follows the local time, by default not at all.
    pub profile: Option<RateProfile>,
}

/// A state of a rate that jumps at random.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateState {
    /// The mean number of arrivals in a second while it lasts.
    #[schemars(example = 5.0)]
    pub rate_per_s: NonNegative,
    /// The mean time that it lasts at a stretch; the times are exponential.
    #[schemars(example = &"1min")]
    pub mean_sojourn: Duration,
}

/// How a rate follows the local time of the run's zone. Its mean over a week of 168 hours stays as written; on a day on
/// which clocks change, an hour that comes twice has its rate twice, and one that is skipped is missing.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateProfile {
    /// How the rate changes within a day, by default not at all.
    pub diurnal: Option<Diurnal>,
    /// The weights of the seven days of the week from Monday to Sunday, by default all alike.
    #[schemars(extend("examples" = [[1.0, 1.0, 1.0, 1.0, 1.0, 0.4, 0.3]]))]
    pub weekly: Option<Vec<NonNegative>>,
}

/// How a rate changes within a day.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Diurnal {
    /// The weights of the 24 hours from 00:00 on; within an hour the rate is constant.
    Hours(
        #[schemars(extend("examples" = [[
            1, 1, 1, 1, 1, 1, 2, 4, 7, 9, 9, 8, 8, 9, 9, 9, 8, 7, 5, 4, 3, 3, 2, 1
        ]]))]
        Vec<NonNegative>,
    ),
    /// A sinusoid: the rate is 1 + amplitude x cos(2 pi (time - peak) / 24 h) times its mean, in steps of five minutes.
    Sinusoid {
        /// The local time of day at which the rate is largest.
        #[schemars(example = &"15:00")]
        peak: TimeOfDay,
        /// How far the rate goes above and below its mean, as a share of it.
        #[schemars(example = 0.6)]
        amplitude: Fraction,
    },
}

/// Sessions of several turns.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sessions {
    /// When sessions arrive; the first task of each comes at once.
    pub arrivals: SessionArrivals,
    /// How many turns a session has.
    pub turns: Turns,
    /// How long a user thinks, from the end of a task to the next one of the session.
    pub think: ThinkTime,
    /// The share of what was said before that a prompt repeats: with 1 a turn sends the whole conversation again. Said are
    /// the tokens of the answered turns, prompts' own part and answers, as `[[task_types]]` gives them; regret is measured
    /// without what is repeated.
    #[serde(default)]
    pub context_share: Fraction,
}

/// When sessions arrive.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SessionArrivals {
    /// Independently of one another.
    Poisson(Poisson),
    /// With gamma times between them.
    Gamma(Gamma),
    /// With Weibull times between them.
    Weibull(Weibull),
    /// Independently at a rate that jumps at random between states.
    MarkovModulated(MarkovModulated),
}

/// How many turns a session has: always the same number, which may be written without a table, or drawn.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[schemars(transform = allow_number)]
pub enum Turns {
    /// Always the same number.
    Constant(#[schemars(example = 4)] Count),
    /// Drawn from a geometric distribution: after each turn another follows with the same probability.
    Geometric {
        /// The mean number of turns, at least 1.
        #[schemars(example = 4.0)]
        mean: Positive,
    },
}

/// Adds the short form, in which a number stands for the constant.
fn allow_number(schema: &mut Schema) {
    let number = serde_json::json!({ "type": "integer", "minimum": 1, SHORT_FOR: "constant" });
    if let Some(serde_json::Value::Array(branches)) = schema.get_mut("oneOf") {
        branches.push(number);
    }
    let words = "a number of turns, or a table with `geometric`";
    schema.insert(crate::scenario::shape::FORM.to_owned(), words.into());
    schema.insert("examples".to_owned(), serde_json::json!([4]));
}

/// How long a user thinks.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ThinkTime {
    /// Always the same time.
    Constant(#[schemars(example = &"20s")] Duration),
    /// Drawn from an exponential distribution.
    Exponential {
        /// The mean time.
        #[schemars(example = &"20s")]
        mean: Duration,
    },
    /// Drawn from a lognormal distribution.
    Lognormal {
        /// The mean time.
        #[schemars(example = &"20s")]
        mean: Duration,
        /// The sigma, which is the standard deviation on the log scale.
        #[schemars(example = 1.0)]
        sigma: NonNegative,
    },
}

/// A recorded workload: arrivals, and the lengths of prompts and answers.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// The path of the file, relative to the file in which it is written: CSV (may be gzipped) or Parquet with the columns
    /// `arrived_s`, `input_tokens`, `output_tokens`, or with those of the Azure LLM inference traces, `TIMESTAMP`,
    /// `ContextTokens`, `GeneratedTokens`; or `.jsonl` (may be gzipped) with `timestamp` in milliseconds, `input_length`,
    /// `output_length` as the Mooncake traces have them.
    #[schemars(example = &"traces/azure.parquet")]
    pub file: Name,
    /// Whether the trace starts again when it is at its end.
    #[serde(default)]
    pub repeat: bool,
    /// Where in the trace the replay begins, as a time from its start; by default at its start.
    #[schemars(example = &"10min")]
    pub from: Option<Duration>,
    /// Where in the trace the replay ends, or starts again with `repeat`; by default at its end.
    #[schemars(example = &"40min")]
    pub until: Option<Duration>,
    /// By how much time is stretched: with 24 an hour of the trace lasts a day, with 0.5 it runs at double speed.
    #[schemars(example = 24)]
    pub time_scale: Option<Positive>,
    /// The mean number of arrivals in a second, which stretches time as it must: bursts stay as they are. Write at most one
    /// of `time_scale` and `rate_per_s`.
    #[schemars(example = 2.0)]
    pub rate_per_s: Option<Positive>,
}
