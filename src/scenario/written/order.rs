//! Router orders: which of the eligible models is called first, and trials of one order against another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Name;
use crate::learners::LearnerConfig;
use crate::predictors::Predictor;
use crate::routing::load::{Keeps, Ties};
use crate::routing::order::{CheapestRule, PriceOf};
use crate::routing::trial::{Then, Watch};
use crate::scenario::values::{
    Count, Duration, Fraction, Named, NonNegative, Positive, Seeds, Share,
};

/// Declares the plain orders once: they may be written as an order, and within one that holds others.
macro_rules! orders {
    ($($(#[doc = $about:literal])+ $kind:ident($keys:ty),)+) => {
        /// Which of the eligible models is called first.
        #[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
        #[serde(rename_all = "snake_case", deny_unknown_fields)]
        pub enum Order {
            $($(#[doc = $about])+ $kind($keys),)+
            /// A reference: `always` with the model whose mean reward is highest on the selection seeds.
            BestFixed(BestFixed),
            /// The Stage 4 plan's adaptive system: a candidate is deployed beside a baseline, watched, and rolled back if it does worse than the baseline did. After a rollback it is not deployed again.
            Adaptive(Box<Adaptive>),
            /// An A/B test of two orders: each task belongs to one side, and a test of the efficiency of their steps gives a verdict. The tests take samples as independent; those of a learner are not, since what it finds out early lasts.
            AbTest(Box<AbTest>),
        }

        /// Which of the eligible models an order on trial calls first.
        #[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
        #[serde(rename_all = "snake_case", deny_unknown_fields)]
        pub enum PlainOrder {
            $($(#[doc = $about])+ $kind($keys),)+
        }

        impl Order {
            /// The order without what only a stack's own may be; `None` for those kinds.
            #[must_use]
            pub fn plain(&self) -> Option<PlainOrder> {
                match self {
                    $(Self::$kind(keys) => Some(PlainOrder::$kind(keys.clone())),)+
                    Self::BestFixed(_) | Self::Adaptive(_) | Self::AbTest(_) => None,
                }
            }
        }
    };
}

orders! {
    /// The Stage 4 plan's router: the largest score of the level, moved by the plan's score rule after every result.
    Stage4(Stage4Order),
    /// The first eligible model of a list; others are never picked.
    StaticOrder(StaticOrder),
    /// The first eligible model of the level's own list; at a level without a list none is picked.
    LevelTable(LevelTable),
    /// One model first, always; what follows if it fails is up to retries and fallback.
    Always(AlwaysOrder),
    /// A uniformly random eligible model.
    Random(NoKeys),
    /// Each eligible model in its turn.
    RoundRobin(NoKeys),
    /// A random eligible model, in proportion to its weight.
    Weighted(WeightedOrder),
    /// The model with the lowest price of the request (300 output tokens assumed).
    Cheapest(CheapestOrder),
    /// The model with the lowest declared response time at the level.
    Fastest(NoKeys),
    /// The model with the fewest calls of this stack in flight (LiteLLM's least-busy).
    LeastBusy(LeastBusyOrder),
    /// The model with the lowest mean of its last seconds per answer token (LiteLLM's latency-based-routing, 1.106).
    LatencyWindow(LatencyWindowOrder),
    /// Of two models drawn at random, the one with the lower Peak EWMA of its response times by its calls in flight and one more (Finagle, Tower, Helicone's balanced latency).
    PeakEwma(PeakEwmaOrder),
    /// The model with the fewest tokens counted in this minute of the clock, one at random of several (LiteLLM's usage-based-routing-v2). A call counts when its answer is there, so those in flight do not.
    LeastUsed(NoKeys),
    /// The model whose predicted quality less its expected cost is largest. Predictions are fitted to the recorded prompts that are set apart.
    Predicted(PredictedOrder),
    /// The dear model where it is predicted to gain enough over the cheap one, the cheap one elsewhere (RouteLLM). Predictions are fitted to the recorded prompts that are set apart.
    Threshold(ThresholdOrder),
    /// Models one after the other, from the cheapest on, until an answer is trusted (FrugalGPT); all calls are paid. Trust is predicted from the prompt and the length of the answer, by a logistic regression fitted to the recorded prompts that are set apart.
    Cascade(CascadeOrder),
    /// The model that a learner chooses among the eligible ones.
    Learner(LearnerConfig),
    /// A reference, not a router: told the true expected reward of every model in the present state, it takes the largest. It can be beaten, since it spends scarce quota on tasks that did not need it.
    InformedGreedy(NoKeys),
}

/// An order without keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoKeys {}

/// The order by price; of equals the first of the registry.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CheapestOrder {
    /// Declared: the registry's prices, whatever has become of them. Current: the vendors' lists as they are at the time of the choice, which a router has to fetch.
    pub prices: PricesRead,
    /// Request: the price of the request, with 300 output tokens. Token pair: the price of one input token and one output token, whatever the request, as in LiteLLM's cost-based routing.
    pub compares: PriceOf,
    /// Models whose price the router does not know, as LiteLLM's does not know one under a name that is not in its price map (issue 35787).
    pub unpriced: Vec<Name>,
    /// What a token of theirs, input or output, is taken to cost in USD. The default, 5 USD for a single token, is LiteLLM's: they are called last.
    pub unknown_price: NonNegative,
}

impl Default for CheapestOrder {
    fn default() -> Self {
        let rule = CheapestRule::default();
        Self {
            prices: PricesRead::Declared,
            compares: rule.compares,
            unpriced: Vec::new(),
            unknown_price: NonNegative::of(5.0),
        }
    }
}

/// The order by calls in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LeastBusyOrder {
    /// Which of several with as few. Random: one of them at random. First: the first of the registry, as in LiteLLM, where a model that comes first takes all calls of a calm time.
    pub ties: Ties,
    /// How many of the eligible models are drawn at random and compared, by default all; 2 is the power of two choices.
    pub choices: Option<Count>,
}

/// LiteLLM's latency-based routing, with its names. An answer leaves its duration by its output tokens as a sample, a timeout 1000 s; other failures leave none. A model without a sample counts as 0 and is called first.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LatencyWindowOrder {
    /// By which share of the lowest mean another one may be larger; of those within it one is called at random.
    pub lowest_latency_buffer: NonNegative,
    /// How many samples of a model are kept.
    pub max_latency_list_size: Count,
    /// All samples of all models are forgotten this long after the first of them, as in LiteLLM's own memory; later ones do not put it off.
    pub ttl: Duration,
    /// What makes room in a full list. Rolling: the oldest sample goes. Frozen: the newest goes, so that the others stay until all are forgotten, as in LiteLLM 1.80 (mended by pull request 25548; 1.83.14 rolls); an answer without tokens counts as 0 there.
    pub window: Keeps,
}

impl Default for LatencyWindowOrder {
    fn default() -> Self {
        Self {
            lowest_latency_buffer: NonNegative::of(0.0),
            max_latency_list_size: Count::of(10),
            ttl: Duration::from_millis(3_600_000),
            window: Keeps::Rolling,
        }
    }
}

/// Power of two choices by Peak EWMA. A response time above the estimate becomes the estimate at once; the estimate decays towards a lower one, and towards 0 while the model is not called. Failures count like answers: a model that fails fast looks fast.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PeakEwmaOrder {
    /// The time in which the estimate comes nearer by all but 1/e.
    pub decay: Duration,
    /// The estimate at the start.
    pub default_rtt: Duration,
}

impl Default for PeakEwmaOrder {
    fn default() -> Self {
        Self { decay: Duration::from_millis(30_000), default_rtt: Duration::from_millis(250) }
    }
}

/// Which prices a router reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PricesRead {
    /// Those of the registry.
    #[default]
    Declared,
    /// Those that hold at the time.
    Current,
}

/// The Stage 4 plan's router.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Stage4Order {
    /// Router: a model short of tokens is left out, and the router rule moves the scores. Executor: its score counts 0.3, and the executor rule moves the scores.
    pub variant: RouterVariant,
}

/// A part of Stage 4 that sets an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RouterVariant {
    /// The router.
    #[default]
    Router,
    /// The executor.
    Executor,
}

/// A list of models.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StaticOrder {
    /// The models, the first choice first.
    #[schemars(extend("examples" = [["Groq", "Gemini"]]))]
    pub models: Vec<Name>,
}

/// A list of models for each level.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(non_snake_case, reason = "the keys are the names of the levels")]
pub struct LevelTable {
    /// The models for steps of level L1, the first choice first.
    pub L1: Vec<Name>,
    /// The models for steps of level L2.
    pub L2: Vec<Name>,
    /// The models for steps of level L3.
    pub L3: Vec<Name>,
    /// The models for steps of level L4.
    pub L4: Vec<Name>,
}

/// One model.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlwaysOrder {
    /// The model.
    #[schemars(example = &"Groq")]
    pub model: Name,
}

/// Models with weights.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightedOrder {
    /// The weights of the models, by name. A model that is not named is not used.
    #[schemars(extend("examples" = [{ "Groq": 3, "Gemini": 1 }]))]
    pub weights: Named<NonNegative>,
}

/// Predicted quality less expected cost.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PredictedOrder {
    /// How quality is predicted.
    pub by: Predictor,
    /// The quality, from 0 to 1, that a US dollar is worth; a model's expected cost is its mean over the domain.
    #[serde(default)]
    #[schemars(example = 100)]
    pub quality_per_usd: NonNegative,
}

/// A dear model where it pays.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThresholdOrder {
    /// The dear model.
    #[schemars(example = &"gemini-1.5-pro-002")]
    pub strong: Name,
    /// The cheap model.
    #[schemars(example = &"gemini-1.5-flash-002")]
    pub weak: Name,
    /// The share of the prompts for the dear model: it is called where it is probable enough to do better than the cheap
    /// one, by a logistic regression, and the threshold is the one that gives it this share of the prompts set apart.
    pub strong_share: Fraction,
}

/// Models one after the other.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CascadeOrder {
    /// The models, the first to be asked first.
    #[schemars(extend("examples" = [["gemini-1.5-flash-002", "gemini-1.5-pro-002"]]))]
    pub models: Vec<Name>,
    /// The predicted quality from which an answer is taken; the last model's always is.
    #[schemars(example = 0.7)]
    pub trusted_from: Fraction,
}

/// The best fixed model.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BestFixed {
    /// The seeds on which the model is chosen, which must not be those of the study.
    pub selection_seeds: Seeds,
}

impl Default for BestFixed {
    fn default() -> Self {
        let selection_seeds = "100001..100020".parse();
        Self { selection_seeds: selection_seeds.expect("the constant is a range of seeds") }
    }
}

/// A candidate that is deployed beside a baseline, watched and perhaps rolled back.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Adaptive {
    /// The order that serves until the deployment and after a rollback; it keeps what it has learned.
    pub baseline: PlainOrder,
    /// The order on trial.
    pub candidate: PlainOrder,
    /// The time after the start at which the candidate is deployed. If the baseline does not have `baseline_window` measurements by then, it is deployed as soon as there are as many.
    #[serde(default = "two_days")]
    pub deploy_after: Duration,
    /// How many of the candidate's last measurements are watched; a rollback needs as many.
    #[serde(default = "ten")]
    pub watch: Count,
    /// How many of the baseline's last measurements before the deployment are its figures, by default as many as are watched.
    pub baseline_window: Option<Count>,
    /// How many ended steps one measurement is the mean of.
    #[serde(default = "one")]
    pub calls_per_measurement: Count,
    /// The share of the baseline's figure by which success rate or efficiency may fall, or latency rise, without a rollback.
    #[serde(default = "five_percent")]
    pub tolerance: NonNegative,
    /// Whether the candidate learns from the baseline's results until it is deployed.
    #[serde(default = "yes")]
    pub shadow_learning: bool,
}

fn two_days() -> Duration {
    Duration::from_millis(172_800_000)
}

fn ten() -> Count {
    Count::of(10)
}

fn one() -> Count {
    Count::of(1)
}

fn five_percent() -> NonNegative {
    NonNegative::of(0.05)
}

fn yes() -> bool {
    true
}

/// A test of two orders; the sample is the efficiency of a step, fallbacks and retries included.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AbTest {
    /// One side.
    pub a: PlainOrder,
    /// The other side.
    pub b: PlainOrder,
    /// The probability that a task belongs to side b.
    #[serde(default = "half")]
    pub share_b: Fraction,
    /// There is no verdict before both sides have as many samples, 30 or more; a confidence sequence waits for 50 at least.
    #[serde(default = "thirty")]
    pub min_samples: Count,
    /// The test is over when both sides have as many samples.
    #[serde(default = "two_hundred")]
    pub samples: Count,
    /// The probability of a verdict for either side where both are equal, if the test keeps what it promises.
    #[serde(default = "one_in_twenty")]
    pub alpha: Share,
    /// When and how the samples are looked at. Fixed: by one Welch test of all samples. Continuous Welch: by a Welch test after every sample from `min_samples` on until one is significant, a common mistake that is here to show what it costs. Sequential: by a confidence sequence, which may be looked at after every sample.
    #[serde(default)]
    pub watch: Watch,
    /// The difference for which the power of the test is told, as a share of the mean of side a.
    #[serde(default = "effect")]
    pub effect: Positive,
    /// What follows from a verdict for one side. Keep split: nothing. Adopt winner: it takes over all steps that begin from then on.
    #[serde(default)]
    pub then: Then,
}

fn half() -> Fraction {
    Fraction::of(0.5)
}

fn thirty() -> Count {
    Count::of(30)
}

fn two_hundred() -> Count {
    Count::of(200)
}

fn one_in_twenty() -> Share {
    Share::of(0.05)
}

fn effect() -> Positive {
    Positive::of(0.05)
}
