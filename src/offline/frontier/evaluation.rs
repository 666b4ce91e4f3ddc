//! Cost and quality of routers at many settings, prompt by prompt.

use super::Setting;
use crate::analysis::frontier::{Columns, Measured, Point};
use crate::predictors::expected_costs;
use crate::units::ModelId;
use crate::world::outcomes::{Answer, Outcomes};

/// An answer of at least this quality is right.
pub(super) const RIGHT: f32 = 0.5;

/// What a prompt cost, and how good its answer was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Got {
    pub(super) cost_usd: f64,
    pub(super) quality: f64,
}

impl From<&Answer> for Got {
    fn from(answer: &Answer) -> Self {
        Self { cost_usd: answer.cost_usd, quality: f64::from(answer.quality) }
    }
}

/// Settings as they are measured on some prompts: each has two columns, cost and quality.
#[derive(Debug, Default)]
pub(super) struct Evaluation {
    columns: Vec<Vec<f32>>,
    labels: Vec<String>,
}

impl Evaluation {
    /// Adds a setting: what each prompt gets.
    pub(super) fn add(&mut self, label: String, got: impl Iterator<Item = Got>) {
        let (costs, qualities) = got.map(|got| (got.cost_usd as f32, got.quality as f32)).unzip();
        self.columns.push(costs);
        self.columns.push(qualities);
        self.labels.push(label);
    }

    /// Number of settings so far.
    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    /// The columns of all settings, with others behind them.
    pub(super) fn columns(&self, others: &[Vec<f32>]) -> Columns {
        Columns::new(&[&self.columns[..], others].concat())
    }

    /// The labels of settings with their intervals, of which cost and quality alternate.
    pub(super) fn settings(&self, intervals: &[Measured]) -> Vec<Setting> {
        let pairs = self.labels.iter().zip(intervals.chunks_exact(2));
        pairs
            .map(|(label, pair)| Setting {
                label: label.clone(),
                cost_usd: pair[0],
                quality: pair[1],
            })
            .collect()
    }
}

/// The points of settings out of the means of their columns.
pub(super) fn points(means: &[f64]) -> Vec<Point> {
    means.chunks_exact(2).map(|pair| Point { cost_usd: pair[0], quality: pair[1] }).collect()
}

/// What one model gave to some prompts.
pub(super) fn alone<'a>(
    outcomes: &'a Outcomes,
    prompts: &'a [u32],
    model: ModelId,
) -> impl Iterator<Item = Got> + 'a {
    prompts.iter().map(move |prompt| outcomes.answer(*prompt, model).into())
}

/// What the cheapest model that is right gave to a prompt; where none is right the cheapest of all is paid. Of equally
/// cheap ones the first counts.
pub(super) fn oracle(outcomes: &Outcomes, prompt: u32) -> Got {
    let answers = || outcomes.answers.iter().map(|own| &own[prompt as usize]);
    let cheapest = |a: &&Answer, b: &&Answer| a.cost_usd.total_cmp(&b.cost_usd);
    let right = answers().filter(|answer| answer.quality >= RIGHT).min_by(cheapest);
    let chosen = right.or_else(|| answers().min_by(cheapest)).expect("there are models");
    chosen.into()
}

/// The models of a table.
pub(super) fn models(outcomes: &Outcomes) -> impl Iterator<Item = ModelId> + use<> {
    (0..outcomes.models.len() as u16).map(ModelId)
}

/// Mean quality of a model.
pub(super) fn quality(outcomes: &Outcomes, prompts: &[u32], model: ModelId) -> f64 {
    alone(outcomes, prompts, model).map(|got| got.quality).sum::<f64>() / prompts.len() as f64
}

/// The model of the highest mean quality; of equally good ones the cheapest, then the first.
pub(super) fn best_single(outcomes: &Outcomes, prompts: &[u32]) -> ModelId {
    let costs = expected_costs(outcomes, prompts);
    let of = |model: ModelId| (quality(outcomes, prompts, model), costs[model.index()]);
    let better = |one: &ModelId, other: &ModelId| {
        let (one, other) = (of(*one), of(*other));
        other.0.total_cmp(&one.0).then_with(|| one.1.total_cmp(&other.1))
    };
    models(outcomes).min_by(better).expect("there are models")
}
