//! Router orders: which of the eligible models is called first.

use super::features::{FeatureMap, usual_request};
use super::load::{Load, LoadRule};
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::{
    ChosenBy, KnownPrompts, ModelSet, PromptScores, Propensity, Request, Response,
};
use crate::learners::arms::first_largest;
use crate::learners::wrappers::{Wrapped, Wrappers};
use crate::learners::{
    BeliefScale, Card, Choice, Context, Exploration, Feedback, Learner, LearnerConfig, Prior, Reads,
};
use crate::registry::Registry;
use crate::sim::stream::Stream;
use crate::units::{Level, ModelId, PerLevel, SimTime};

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
    /// The first eligible model of the level's list.
    LevelTable(PerLevel<Vec<ModelId>>),
    /// A uniformly random eligible model.
    Random,
    /// Each eligible model in turn.
    RoundRobin,
    /// A random eligible model, in proportion to its weight.
    Weighted(Vec<f64>),
    /// The lowest price.
    Cheapest(CheapestRule),
    /// The lowest declared response time.
    Fastest,
    /// Whom calls in flight and what came back speak for.
    Load(LoadRule),
    /// The largest score of the recorded prompt, fitted to other prompts; the lowest id of equals. A model whose score is
    /// no number is not used.
    Predicted(Arc<PromptScores>),
    /// A cascade.
    Cascade(Arc<Cascade>),
    /// A learner's choice.
    Learner {
        /// The algorithm.
        config: LearnerConfig,
        /// What is put around it.
        wrappers: Box<Wrappers>,
        /// Which decisions share one.
        scope: LearnerScope,
        /// Models short of tokens stay eligible; the learner discounts them itself.
        keeps_short: bool,
    },
    /// Told the expected reward of every model by the simulator; a reference, not a router.
    InformedGreedy,
}

impl OrderRule {
    /// The name in scenarios; a learner's own where one decides.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Static(_) => "static",
            Self::LevelTable(_) => "level_table",
            Self::Random => "random",
            Self::RoundRobin => "round_robin",
            Self::Weighted(_) => "weighted",
            Self::Cheapest(_) => "cheapest",
            Self::Fastest => "fastest",
            Self::Load(rule) => rule.name(),
            Self::Predicted(_) => "predicted",
            Self::Cascade(_) => "cascade",
            Self::Learner { config, .. } => config.name(),
            Self::InformedGreedy => "informed_greedy",
        }
    }

    /// What the order reads of a request besides its level.
    #[must_use]
    pub fn reads(&self) -> Reads {
        match self {
            Self::Learner { config, .. } => config.card().reads,
            _ => Reads::Nothing,
        }
    }
}

/// What a price is to an order that goes by it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CheapestRule {
    /// Prices are those of the vendors' lists at the time, not the declared ones.
    pub follows: bool,
    /// What of a model's prices is compared.
    pub compares: PriceOf,
    /// Models whose prices the router does not know.
    pub unpriced: ModelSet,
    /// What an input token and an output token of theirs is taken to cost, each, in USD.
    pub unknown_price: f64,
}

impl Default for CheapestRule {
    fn default() -> Self {
        Self {
            follows: false,
            compares: PriceOf::default(),
            unpriced: ModelSet::EMPTY,
            unknown_price: 5.0,
        }
    }
}

/// What of a model's prices is compared.
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
pub enum PriceOf {
    /// The price of the request with 300 output tokens.
    #[default]
    Request,
    /// The price of one input token and one output token, whatever the request.
    TokenPair,
}

impl CheapestRule {
    /// What `model` would cost, in millionths of a USD.
    #[inline]
    fn price(&self, prices: &[[f64; 2]], request: &Request, model: ModelId) -> f64 {
        let [usd_in, usd_out] = if self.unpriced.contains(model) {
            [1e6 * self.unknown_price; 2]
        } else {
            prices[model.index()]
        };
        match self.compares {
            PriceOf::Request => {
                usd_in * f64::from(request.input_tokens) + usd_out * EXPECTED_OUTPUT_TOKENS
            }
            PriceOf::TokenPair => usd_in + usd_out,
        }
    }
}

/// Models from the cheapest to the dearest, each asked if the answer of the one before is not trusted (Chen, Zaharia, Zou,
/// "`FrugalGPT`", 2023).
#[derive(Clone, Debug, PartialEq)]
pub struct Cascade {
    /// The models, the first to be asked first.
    pub models: Vec<ModelId>,
    /// How far the answer of a model to a prompt is to be trusted.
    pub trust: Arc<PromptScores>,
    /// From which trust on an answer is taken.
    pub trusted_from: f64,
}

impl Cascade {
    /// Whom to ask next; `None` where the answer is trusted, or nobody eligible comes behind.
    fn next(&self, prompt: u32, model: ModelId, eligible: ModelSet) -> Option<ModelId> {
        let at = self.models.iter().position(|own| *own == model)?;
        if f64::from(self.trust.of(prompt)[model.index()]) >= self.trusted_from {
            return None;
        }
        self.models[at + 1..].iter().copied().find(|m| eligible.contains(*m))
    }
}

/// An order with its state.
#[derive(Clone, Debug)]
pub struct Order {
    kind: Kind,
    /// Makes the features that its learner reads; without it they are those of the view.
    features: Option<FeatureMap>,
}

#[derive(Clone, Debug)]
enum Kind {
    Static(Vec<ModelId>),
    LevelTable(PerLevel<Vec<ModelId>>),
    Random,
    RoundRobin { next: u16 },
    Weighted(Vec<f64>),
    Cheapest { prices: Vec<[f64; 2]>, rule: CheapestRule },
    Fastest(Vec<PerLevel<f64>>),
    Load(Load),
    Predicted(Arc<PromptScores>),
    Cascade(Arc<Cascade>),
    Learner { bank: Vec<Wrapped>, scope: LearnerScope, keeps_short: bool, card: Card },
    InformedGreedy,
}

/// Output tokens that the cheapest and fastest orders expect of an answer; the truth is not theirs to know.
pub(super) const EXPECTED_OUTPUT_TOKENS: f64 = 300.0;

/// What a learner believes of one model in one context.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Belief {
    /// The level, where beliefs are kept by level or follow from features.
    pub level: Option<Level>,
    /// The task type, where they are kept by task type.
    pub task_type: Option<u16>,
    /// First hour of the quarter of the day, where they are kept by it.
    pub hour: Option<u8>,
    /// The model.
    pub model: ModelId,
    /// The belief, on the scale of the learner's card.
    pub value: f64,
}

/// What an order may look at.
pub struct View<'a> {
    /// The request.
    pub request: &'a Request,
    /// The learner's context.
    pub context: Context<'a>,
    /// Expected reward per model as told by the simulator, for the informed reference only.
    pub told: Option<&'a [f64]>,
    /// The time of the choice.
    pub now: SimTime,
}

impl<'a> View<'a> {
    /// A request of which nobody tells anything, for what does not depend on the time.
    #[must_use]
    pub fn plain(request: &'a Request, context: Context<'a>) -> Self {
        Self { request, context, told: None, now: SimTime::ZERO }
    }
}

impl Order {
    /// The order of a stack with fresh state: its learner knows the registry, and features of requests.
    #[must_use]
    pub fn of_stack(
        rule: &OrderRule,
        registry: &Registry,
        n_task_types: usize,
        prompts: &Arc<KnownPrompts>,
        start: Timestamp,
    ) -> Self {
        if let OrderRule::Load(rule) = rule {
            let load = Load::new(rule, registry.models.len(), start);
            return Self { kind: Kind::Load(load), features: None };
        }
        let reads = rule.reads();
        let prior = Prior::of_registry(registry, reads, prompts);
        let order = Self::new(rule, registry, &prior, n_task_types);
        let features = (reads != Reads::Nothing).then(|| FeatureMap::new(registry, reads, prompts));
        Self { features, ..order }
    }

    /// The order with fresh state, its learner starting from `prior`.
    #[must_use]
    pub fn new(rule: &OrderRule, registry: &Registry, prior: &Prior, n_task_types: usize) -> Self {
        let kind = match rule {
            OrderRule::Static(models) => Kind::Static(models.clone()),
            OrderRule::LevelTable(levels) => Kind::LevelTable(levels.clone()),
            OrderRule::Random => Kind::Random,
            OrderRule::RoundRobin => Kind::RoundRobin { next: 0 },
            OrderRule::Weighted(weights) => Kind::Weighted(weights.clone()),
            OrderRule::Cheapest(rule) => Kind::Cheapest {
                prices: registry
                    .models
                    .iter()
                    .map(|m| [m.usd_per_mtok_input, m.usd_per_mtok_output])
                    .collect(),
                rule: *rule,
            },
            OrderRule::Fastest => Kind::Fastest(
                registry
                    .models
                    .iter()
                    .map(|m| Level::ALL.map(|l| m.latency.mean_ms(l, EXPECTED_OUTPUT_TOKENS)))
                    .collect(),
            ),
            OrderRule::Load(rule) => {
                Kind::Load(Load::new(rule, registry.models.len(), Timestamp::UNIX_EPOCH))
            }
            OrderRule::Predicted(scores) => Kind::Predicted(Arc::clone(scores)),
            OrderRule::Cascade(cascade) => Kind::Cascade(Arc::clone(cascade)),
            OrderRule::Learner { config, wrappers, scope, keeps_short } => {
                let n = match scope {
                    _ if config.card().keeps_levels => 1,
                    LearnerScope::All => 1,
                    LearnerScope::Level => Level::ALL.len(),
                    LearnerScope::TaskType => n_task_types,
                };
                let build = |at: usize| {
                    let is_of_level = n > 1 && *scope == LearnerScope::Level;
                    let level = is_of_level.then(|| Level::ALL[at]);
                    Wrapped::new(config, wrappers, &Prior { level, ..prior.clone() })
                };
                Kind::Learner {
                    bank: (0..n).map(build).collect(),
                    scope: *scope,
                    keeps_short: *keeps_short,
                    card: config.card(),
                }
            }
            OrderRule::InformedGreedy => Kind::InformedGreedy,
        };
        Self { kind, features: None }
    }

    /// The vendors' price lists as they are now: the prices of an input and an output token by model. An order that
    /// goes by declared prices does not look.
    pub fn read_prices(&mut self, now: impl Iterator<Item = [f64; 2]>) {
        if let Kind::Cheapest { prices, rule } = &mut self.kind
            && rule.follows
        {
            prices.clear();
            prices.extend(now);
        }
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
            Kind::Learner { bank, scope, card, .. } => {
                let learner = &bank[bank_index(bank.len(), *scope, view)];
                let context = with_features(&mut self.features, view);
                let mut choice = learner.choose(&context, eligible, stream);
                if card.exploration == Exploration::Inherent {
                    choice.explored = !is_believed_best(learner, &context, eligible, choice.model);
                }
                return Some(choice);
            }
            Kind::Static(models) => models.iter().copied().find(|m| eligible.contains(*m))?,
            Kind::LevelTable(levels) => {
                let models = &levels[view.request.level.index()];
                models.iter().copied().find(|m| eligible.contains(*m))?
            }
            Kind::Random => eligible.nth(stream.index(eligible.len()))?,
            Kind::RoundRobin { next } => {
                let after = eligible.iter().find(|m| m.0 >= *next);
                let model = after.or_else(|| eligible.nth(0))?;
                *next = model.0 + 1;
                model
            }
            Kind::Weighted(weights) => weighted(weights, eligible, stream)?,
            Kind::Cheapest { prices, rule } => {
                first_largest(eligible, |m| -rule.price(prices, view.request, m))
            }
            Kind::Fastest(ms) => {
                first_largest(eligible, |m| -ms[m.index()][view.request.level.index()])
            }
            Kind::Load(load) => load.pick(view.now, eligible, stream)?,
            Kind::Predicted(scores) => {
                let scores = scores.of(view.request.prompt?);
                let usable: ModelSet =
                    eligible.iter().filter(|m| !scores[m.index()].is_nan()).collect();
                if usable.is_empty() {
                    return None;
                }
                first_largest(usable, |m| f64::from(scores[m.index()]))
            }
            Kind::Cascade(cascade) => {
                cascade.models.iter().copied().find(|m| eligible.contains(*m))?
            }
            Kind::InformedGreedy => {
                let told = view.told.expect("the simulator tells this order what to expect");
                first_largest(eligible, |m| told[m.index()])
            }
        };
        Some(Choice { model, propensity: Propensity::Unknown, explored: false })
    }

    /// Whether it could ever pick `model` for the request.
    #[must_use]
    pub fn names(&self, request: &Request, model: ModelId) -> bool {
        match &self.kind {
            Kind::Static(models) => models.contains(&model),
            Kind::LevelTable(levels) => levels[request.level.index()].contains(&model),
            Kind::Weighted(weights) => weights.get(model.index()).is_some_and(|w| *w > 0.0),
            Kind::Predicted(scores) => {
                request.prompt.is_some_and(|prompt| !scores.of(prompt)[model.index()].is_nan())
            }
            Kind::Cascade(cascade) => cascade.models.contains(&model),
            Kind::Random
            | Kind::RoundRobin { .. }
            | Kind::Cheapest { .. }
            | Kind::Fastest(_)
            | Kind::Load(_)
            | Kind::Learner { .. }
            | Kind::InformedGreedy => true,
        }
    }

    /// The number by which it compares models, of one model: a learner's belief, a fitted score, a weight, the expected
    /// price in USD, the declared time in milliseconds, a load, a trust; `None` where it has none.
    #[must_use]
    pub fn number(&self, view: &View<'_>, model: ModelId) -> Option<f64> {
        let at = model.index();
        match &self.kind {
            Kind::Learner { bank, scope, .. } => {
                let learner = &bank[bank_index(bank.len(), *scope, view)];
                let mut features = self.features.clone();
                learner.belief(&with_features(&mut features, view), model)
            }
            Kind::Weighted(weights) => weights.get(at).copied(),
            Kind::Cheapest { prices, rule } => Some(rule.price(prices, view.request, model) / 1e6),
            Kind::Fastest(ms) => Some(ms[at][view.request.level.index()]),
            Kind::Load(load) => Some(load.number(view.now, model)),
            Kind::Predicted(scores) => Some(f64::from(scores.of(view.request.prompt?)[at])),
            Kind::Cascade(cascade) => Some(f64::from(cascade.trust.of(view.request.prompt?)[at])),
            Kind::InformedGreedy => view.told.map(|told| told[at]),
            Kind::Static(_) | Kind::LevelTable(_) | Kind::Random | Kind::RoundRobin { .. } => None,
        }
        .filter(|number| !number.is_nan())
    }

    /// Whether it follows calls in flight and what came back, and so has no favourite among models that take no calls.
    #[inline]
    #[must_use]
    pub fn follows_load(&self) -> bool {
        matches!(self.kind, Kind::Load(_))
    }

    /// A call of the stack to `model` has gone out, whoever chose it.
    #[inline]
    pub fn sent(&mut self, model: ModelId) {
        if let Kind::Load(load) = &mut self.kind {
            load.sent(model);
        }
    }

    /// A call of the stack to `model` is over.
    #[inline]
    pub fn ended(&mut self, now: SimTime, model: ModelId, response: &Response) {
        if let Kind::Load(load) = &mut self.kind {
            load.ended(now, model, response);
        }
    }

    /// Whether answers are weighed before they are taken.
    #[inline]
    #[must_use]
    pub fn is_cascade(&self) -> bool {
        matches!(self.kind, Kind::Cascade(_))
    }

    /// Whom a cascade asks after an answer of `model` that it does not trust, if it is one and anybody is left.
    #[inline]
    #[must_use]
    pub fn escalates(
        &self,
        request: &Request,
        model: ModelId,
        eligible: ModelSet,
    ) -> Option<ModelId> {
        let Kind::Cascade(cascade) = &self.kind else { return None };
        cascade.next(request.prompt?, model, eligible)
    }

    /// The order's choice of `model` was acted on.
    #[inline]
    pub fn chosen(&mut self, view: &View<'_>, model: ModelId) {
        if let Kind::Learner { bank, scope, .. } = &mut self.kind {
            let index = bank_index(bank.len(), *scope, view);
            bank[index].chosen(&with_features(&mut self.features, view), model);
        }
    }

    /// A model has been added that was not there before.
    pub fn model_added(&mut self, model: ModelId) {
        if let Kind::Learner { bank, .. } = &mut self.kind {
            bank.iter_mut().for_each(|learner| learner.model_added(model));
        }
    }

    /// A call that the order chose came back without a reward.
    pub fn refused(&mut self, view: &View<'_>, model: ModelId) {
        if let Kind::Learner { bank, scope, .. } = &mut self.kind {
            let index = bank_index(bank.len(), *scope, view);
            bank[index].refused(model);
        }
    }

    /// Feeds the learner, if there is one; then returns by how much its belief of the model moved, on a scale of 1, if it
    /// believed something before.
    #[inline]
    pub fn learn(&mut self, view: &View<'_>, feedback: &Feedback<'_>) -> Option<Option<f64>> {
        let Kind::Learner { bank, scope, card, .. } = &mut self.kind else { return None };
        let index = bank_index(bank.len(), *scope, view);
        let learner = &mut bank[index];
        let context = with_features(&mut self.features, view);
        let before = learner.belief(&context, feedback.model);
        learner.learn(&Feedback { context, ..*feedback });
        let after = learner.belief(&context, feedback.model);
        let unit = if card.belief == BeliefScale::Score { 100.0 } else { 1.0 };
        Some(before.zip(after).map(|(before, after)| (after - before) / unit))
    }

    /// What the learner's beliefs are; `None` where no learner decides.
    #[must_use]
    pub fn belief_scale(&self) -> Option<BeliefScale> {
        match &self.kind {
            Kind::Learner { card, .. } => Some(card.belief),
            _ => None,
        }
    }

    /// What the learner believes of each of `n_models` models in a context; nothing where learners are kept by task type.
    ///
    /// A learner that reads features is asked about a usual request of the context's level.
    #[must_use]
    pub fn level_beliefs(&self, context: &Context<'_>, n_models: usize) -> Vec<Option<f64>> {
        let mut features = self.features.clone();
        let request = usual_request(context.level);
        let context = with_features(&mut features, &View::plain(&request, *context));
        let learner = match &self.kind {
            Kind::Learner { bank, .. } if bank.len() == 1 => Some(&bank[0]),
            Kind::Learner { bank, scope: LearnerScope::Level, .. } => {
                Some(&bank[context.level.index()])
            }
            _ => None,
        };
        (0..n_models as u16)
            .map(|model| learner.and_then(|own| own.belief(&context, ModelId(model))))
            .collect()
    }

    /// All beliefs held, context by context; of a learner that reads features, those of a usual request of each level at
    /// noon.
    #[must_use]
    pub fn beliefs(&self, n_models: usize) -> Vec<Belief> {
        let Kind::Learner { bank, scope, card, .. } = &self.kind else { return Vec::new() };
        let hours: &[Option<u8>] =
            if card.keeps_hours { &[Some(0), Some(6), Some(12), Some(18)] } else { &[None] };
        let reads = self.features.is_some();
        let mut features = self.features.clone();
        let mut beliefs = Vec::new();
        for (at, learner) in bank.iter().enumerate() {
            let of_level = |level| (Some(level), None);
            let contexts: Vec<(Option<Level>, Option<u16>)> = match scope {
                _ if card.keeps_levels => Level::ALL.map(of_level).to_vec(),
                LearnerScope::Level => vec![of_level(Level::ALL[at])],
                LearnerScope::TaskType if reads => {
                    Level::ALL.map(|level| (Some(level), Some(at as u16))).to_vec()
                }
                LearnerScope::TaskType => vec![(None, Some(at as u16))],
                LearnerScope::All if reads => Level::ALL.map(of_level).to_vec(),
                LearnerScope::All => vec![(None, None)],
            };
            for (level, task_type) in contexts {
                for &hour in hours {
                    let level_asked = level.unwrap_or(Level::L1);
                    let request = usual_request(level_asked);
                    let context = Context::plain(level_asked, hour.unwrap_or(12));
                    let context = with_features(&mut features, &View::plain(&request, context));
                    beliefs.extend((0..n_models as u16).map(ModelId).filter_map(|model| {
                        let value = learner.belief(&context, model)?;
                        Some(Belief { level, task_type, hour, model, value })
                    }));
                }
            }
        }
        beliefs
    }
}

/// Whether a learner believes no eligible model better than one of which it believes something.
#[inline]
fn is_believed_best(
    learner: &Wrapped,
    context: &Context<'_>,
    eligible: ModelSet,
    model: ModelId,
) -> bool {
    let own = learner.belief(context, model);
    own.is_some() && eligible.iter().all(|other| learner.belief(context, other) <= own)
}

/// The view's context, with the features of its request where the order makes them.
#[inline]
fn with_features<'a>(features: &'a mut Option<FeatureMap>, view: &View<'a>) -> Context<'a> {
    match features {
        Some(map) => Context { features: map.of(view.request, view.context.hour), ..view.context },
        None => view.context,
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
