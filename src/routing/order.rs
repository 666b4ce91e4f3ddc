//! Router orders: which of the eligible models is called first.

use crate::domain::{ChosenBy, ModelSet, Propensity, Request};
use crate::learners::arms::first_largest;
use crate::learners::{AnyLearner, Choice, Context, Feedback, Learner, LearnerConfig, Prior};
use crate::registry::Registry;
use crate::sim::stream::Stream;
use crate::units::{Level, ModelId, PerLevel};

/// Which decisions share one learner.
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
pub enum LearnerScope {
    /// One learner for each level.
    #[default]
    Level,
    /// One learner for each task type.
    TaskType,
    /// One learner for everything.
    All,
}

/// Which order a stack has, resolved.
#[derive(Clone, Debug, PartialEq)]
pub enum OrderRule {
    /// The first eligible model of a list; models outside it are never picked.
    Static(Vec<ModelId>),
    /// A uniformly random eligible model.
    Random,
    /// Each eligible model in turn.
    RoundRobin,
    /// A random eligible model, in proportion to its weight.
    Weighted(Vec<f64>),
    /// The lowest declared price of the request.
    Cheapest,
    /// The lowest declared response time.
    Fastest,
    /// A learner's choice.
    Learner {
        /// The algorithm.
        config: LearnerConfig,
        /// Which decisions share one.
        scope: LearnerScope,
        /// Models short of tokens stay eligible; the learner discounts them itself.
        keeps_short: bool,
    },
    /// Told the expected reward of every model by the simulator; a reference, not a router.
    InformedGreedy,
}

/// An order with its state.
#[derive(Clone, Debug)]
pub struct Order {
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Static(Vec<ModelId>),
    Random,
    RoundRobin { next: u16 },
    Weighted(Vec<f64>),
    Cheapest(Vec<[f64; 2]>),
    Fastest(Vec<PerLevel<f64>>),
    Learner { bank: Vec<AnyLearner>, scope: LearnerScope, keeps_short: bool },
    InformedGreedy,
}

/// Output tokens that the cheapest and fastest orders expect of an answer; the truth is not theirs to know.
const EXPECTED_OUTPUT_TOKENS: f64 = 300.0;

/// What an order may look at.
pub struct View<'a> {
    /// The request.
    pub request: &'a Request,
    /// The learner's context.
    pub context: Context,
    /// Expected reward per model as told by the simulator, for the informed reference only.
    pub told: Option<&'a [f64]>,
}

impl Order {
    /// The order with fresh state.
    #[must_use]
    pub fn new(rule: &OrderRule, registry: &Registry, n_task_types: usize) -> Self {
        let kind = match rule {
            OrderRule::Static(models) => Kind::Static(models.clone()),
            OrderRule::Random => Kind::Random,
            OrderRule::RoundRobin => Kind::RoundRobin { next: 0 },
            OrderRule::Weighted(weights) => Kind::Weighted(weights.clone()),
            OrderRule::Cheapest => Kind::Cheapest(
                registry
                    .models
                    .iter()
                    .map(|m| [m.usd_per_mtok_input, m.usd_per_mtok_output])
                    .collect(),
            ),
            OrderRule::Fastest => Kind::Fastest(
                registry
                    .models
                    .iter()
                    .map(|m| Level::ALL.map(|l| m.latency.mean_ms(l, EXPECTED_OUTPUT_TOKENS)))
                    .collect(),
            ),
            OrderRule::Learner { config, scope, keeps_short } => {
                let prior = Prior { scores: registry.models.iter().map(|m| m.score).collect() };
                let n = match scope {
                    _ if config.card().keeps_levels => 1,
                    LearnerScope::All => 1,
                    LearnerScope::Level => Level::ALL.len(),
                    LearnerScope::TaskType => n_task_types,
                };
                let bank = (0..n).map(|_| config.build(&prior)).collect();
                Kind::Learner { bank, scope: *scope, keeps_short: *keeps_short }
            }
            OrderRule::InformedGreedy => Kind::InformedGreedy,
        };
        Self { kind }
    }

    /// Whether models short of tokens stay eligible.
    #[must_use]
    pub fn keeps_short(&self) -> bool {
        matches!(self.kind, Kind::Learner { keeps_short: true, .. } | Kind::InformedGreedy)
    }

    /// Who the choice is booked to.
    #[must_use]
    pub fn chosen_by(&self) -> ChosenBy {
        match self.kind {
            Kind::Learner { .. } => ChosenBy::Learner,
            _ => ChosenBy::Order,
        }
    }

    /// Picks among `eligible`; `None` if the order names none of them.
    #[inline]
    pub fn pick(
        &mut self,
        view: &View<'_>,
        eligible: ModelSet,
        stream: &mut Stream,
    ) -> Option<Choice> {
        if eligible.is_empty() {
            return None;
        }
        let model = match &mut self.kind {
            Kind::Learner { bank, scope, .. } => {
                let learner = &bank[bank_index(bank.len(), *scope, view)];
                return Some(learner.choose(&view.context, eligible, stream));
            }
            Kind::Static(models) => models.iter().copied().find(|m| eligible.contains(*m))?,
            Kind::Random => eligible.nth(stream.index(eligible.len()))?,
            Kind::RoundRobin { next } => {
                let after = eligible.iter().find(|m| m.0 >= *next);
                let model = after.or_else(|| eligible.nth(0))?;
                *next = model.0 + 1;
                model
            }
            Kind::Weighted(weights) => weighted(weights, eligible, stream)?,
            Kind::Cheapest(prices) => {
                let input = f64::from(view.request.input_tokens);
                first_largest(eligible, |m| {
                    let [usd_in, usd_out] = prices[m.index()];
                    -(usd_in * input + usd_out * EXPECTED_OUTPUT_TOKENS)
                })
            }
            Kind::Fastest(ms) => {
                first_largest(eligible, |m| -ms[m.index()][view.request.level.index()])
            }
            Kind::InformedGreedy => {
                let told = view.told.expect("the simulator tells this order what to expect");
                first_largest(eligible, |m| told[m.index()])
            }
        };
        Some(Choice { model, propensity: Propensity::Unknown, explored: false })
    }

    /// Feeds the learner, if there is one.
    #[inline]
    pub fn learn(&mut self, view: &View<'_>, feedback: &Feedback) {
        if let Kind::Learner { bank, scope, .. } = &mut self.kind {
            let index = bank_index(bank.len(), *scope, view);
            bank[index].learn(feedback);
        }
    }
}

#[inline]
fn bank_index(len: usize, scope: LearnerScope, view: &View<'_>) -> usize {
    match scope {
        _ if len == 1 => 0,
        LearnerScope::All => 0,
        LearnerScope::Level => view.request.level.index(),
        LearnerScope::TaskType => usize::from(view.request.task_type),
    }
}

fn weighted(weights: &[f64], eligible: ModelSet, stream: &mut Stream) -> Option<ModelId> {
    let total: f64 = eligible.iter().map(|m| weights[m.index()]).sum();
    let mut left = stream.uniform() * total;
    let mut last = None;
    for model in eligible.iter().filter(|m| weights[m.index()] > 0.0) {
        last = Some(model);
        left -= weights[model.index()];
        if left < 0.0 {
            break;
        }
    }
    last
}
