//! What a learner on a stack is told besides the level: its prior from the registry, and features of a request.

use std::sync::Arc;

use crate::domain::{KnownPrompts, Priority, Request};
use crate::learners::{Features, Prior, Reads};
use crate::math;
use crate::registry::Registry;
use crate::units::{Level, SimTime, TaskId};

/// Tokens of a usual call in either direction, for declared prices; the truth is not the router's to know.
const USUAL_TOKENS: f64 = 300.0;
/// Features of a request before those of a recorded prompt: the level (one of four is 1), the prompt's length, the
/// priority, the time of day.
const N_REQUEST: usize = Level::ALL.len() + 3;
/// Features of a pair before the model itself (one of all is 1): a constant, declared score, price and response time.
const N_PAIR: usize = 4;

/// What the registry declares of one model, on scales of about 1.
#[derive(Clone, Debug)]
struct Declared {
    score: [f64; 4],
    cost: f64,
    time: [f64; 4],
}

/// Makes the features that an order reads.
#[derive(Clone, Debug)]
pub(super) struct FeatureMap {
    reads: Reads,
    models: Vec<Declared>,
    prompts: Arc<KnownPrompts>,
    values: Vec<f64>,
}

/// A request of a level of which nothing else is known: as long and as urgent as usual.
pub(super) fn usual_request(level: Level) -> Request {
    Request {
        task: TaskId(0),
        task_type: 0,
        step: 0,
        level,
        priority: Priority::Normal,
        input_tokens: USUAL_TOKENS as u32,
        prompt: None,
        arrived: SimTime::ZERO,
        deadline: SimTime::NEVER,
    }
}

/// Declared cost of a usual call by model, in USD.
fn usual_costs(registry: &Registry) -> Vec<f64> {
    let cost = |usd_in: f64, usd_out: f64| (usd_in + usd_out) * USUAL_TOKENS / 1e6;
    let models = registry.models.iter();
    models.map(|m| cost(m.usd_per_mtok_input, m.usd_per_mtok_output)).collect()
}

/// The largest of some values, or 1 if none is above 0.
fn unit(values: impl Iterator<Item = f64>) -> f64 {
    let most = values.fold(0.0, f64::max);
    if most > 0.0 { most } else { 1.0 }
}

impl Prior {
    /// What a registry declares and what is known of recorded prompts, for a learner that reads `reads` of a request.
    #[must_use]
    pub fn of_registry(registry: &Registry, reads: Reads, prompts: &KnownPrompts) -> Self {
        let usd = usual_costs(registry);
        let cost_unit = unit(usd.iter().copied());
        Self {
            costs: usd.iter().map(|usd| usd / cost_unit).collect(),
            cost_unit,
            n_features: match reads {
                Reads::Nothing => 0,
                Reads::Request => N_REQUEST + prompts.features.width(),
                Reads::Pair => N_PAIR + registry.models.len(),
            },
            coefficients: match reads {
                Reads::Request => prompts.coefficients.iter().map(|own| of_request(own)).collect(),
                Reads::Nothing | Reads::Pair => Vec::new(),
            },
            ..Self::of_scores(registry.models.iter().map(|m| m.score).collect())
        }
    }
}

/// Coefficients of a regression on a prompt's features, as those of a request's: the intercept is that of its level.
fn of_request(coefficients: &[f64]) -> Vec<f64> {
    let (intercept, others) = coefficients.split_first().expect("an intercept comes first");
    let mut all = vec![*intercept; Level::ALL.len()];
    all.resize(N_REQUEST, 0.0);
    all.extend(others);
    all
}

impl FeatureMap {
    pub(super) fn new(registry: &Registry, reads: Reads, prompts: &Arc<KnownPrompts>) -> Self {
        let prior = Prior::of_registry(registry, reads, prompts);
        let times: Vec<[f64; 4]> = registry
            .models
            .iter()
            .map(|m| Level::ALL.map(|level| m.latency.mean_ms(level, USUAL_TOKENS)))
            .collect();
        let slowest = unit(times.iter().flatten().copied());
        let models = registry.models.iter().zip(prior.costs).zip(times);
        Self {
            reads,
            models: models
                .map(|((model, cost), time)| Declared {
                    score: model.score.map(|score| score / 100.0),
                    cost,
                    time: time.map(|ms| ms / slowest),
                })
                .collect(),
            prompts: Arc::clone(prompts),
            values: Vec::new(),
        }
    }

    /// The features of a request at a local hour.
    pub(super) fn of(&mut self, request: &Request, hour: u8) -> Features<'_> {
        let values = &mut self.values;
        values.clear();
        match self.reads {
            Reads::Nothing => Features::NONE,
            Reads::Request => {
                values.extend(Level::ALL.map(|l| f64::from(u8::from(l == request.level))));
                values.push(math::ln(1.0 + f64::from(request.input_tokens)) / 10.0);
                values.push(f64::from(request.priority as u8) / 3.0);
                values.push(1.0 - (f64::from(hour) - 12.0).abs() / 12.0);
                match request.prompt {
                    Some(prompt) => values
                        .extend(self.prompts.features.of(prompt).iter().map(|v| f64::from(*v))),
                    // A usual prompt: features have mean 0.
                    None => values.resize(N_REQUEST + self.prompts.features.width(), 0.0),
                }
                Features::of_request(values)
            }
            Reads::Pair => {
                let level = request.level.index();
                let n = self.models.len();
                for (at, model) in self.models.iter().enumerate() {
                    values.extend([1.0, model.score[level], model.cost, model.time[level]]);
                    values.extend((0..n).map(|other| f64::from(u8::from(other == at))));
                }
                Features::of_pairs(values, N_PAIR + n)
            }
        }
    }
}
