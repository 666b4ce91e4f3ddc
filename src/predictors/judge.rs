//! Scores that routers between models use: how probably a strong model does better, and how probably an answer is right.

use super::linear::Inputs;
use super::logistic;
use super::symmetric::dot;
use crate::domain::{PromptFeatures, PromptScores};
use crate::math;
use crate::units::ModelId;
use crate::world::outcomes::{Answer, Outcomes};

/// For every prompt the probability that `strong` does better than `weak`, a tie counting half: a logistic regression of
/// features and domains with penalty `lambda` (what RouteLLM's routers compare with their threshold; Ong et al. 2024).
#[must_use]
pub fn win_probabilities(
    outcomes: &Outcomes,
    features: &PromptFeatures,
    train: &[u32],
    (strong, weak): (ModelId, ModelId),
    lambda: f64,
) -> Vec<f32> {
    let inputs = Inputs::new(outcomes, features, true);
    let quality = |prompt: u32, model| f64::from(outcomes.answer(prompt, model).quality);
    let won = |prompt: &u32| 0.5 + 0.5 * (quality(*prompt, strong) - quality(*prompt, weak));
    let won: Vec<f64> = train.iter().map(won).collect();
    let theta = logistic::fit(
        &rows_of(&inputs, train, inputs.width(), |_, _| ()),
        inputs.width(),
        &won,
        lambda,
    );
    inputs.scores(outcomes.n_prompts(), &[theta], math::logistic).values
}

/// For every prompt and model the probability that its answer is good, as judged by someone who has seen how long it is: a
/// logistic regression for each model of features, domains and the logarithm of the answer's tokens, with penalty
/// `lambda`. It is what a cascade decides by (the scorer of FrugalGPT, Chen, Zaharia and Zou 2023, which reads the answer).
///
/// Where a model's tokens are not recorded for all prompts, they are left out.
#[must_use]
pub fn answer_scores(
    outcomes: &Outcomes,
    features: &PromptFeatures,
    train: &[u32],
    lambda: f64,
) -> PromptScores {
    let inputs = Inputs::new(outcomes, features, true);
    let width = inputs.width();
    let (n, n_models) = (outcomes.n_prompts(), outcomes.models.len());
    let mut values = vec![0.0_f32; n * n_models];
    for (model, answers) in outcomes.answers.iter().enumerate() {
        let lengths = lengths(answers, train);
        let d = width + usize::from(lengths.is_some());
        let with_length = |prompt: u32, row: &mut [f64]| {
            if let Some(lengths) = &lengths {
                row[width] = lengths[prompt as usize];
            }
        };
        let qualities: Vec<f64> =
            train.iter().map(|prompt| f64::from(answers[*prompt as usize].quality)).collect();
        let seen = rows_of(&inputs, train, d, with_length);
        let theta = logistic::fit(&seen, d, &qualities, lambda);
        let mut row = vec![0.0; d];
        for prompt in 0..n as u32 {
            inputs.fill(prompt, &mut row[..width]);
            with_length(prompt, &mut row);
            values[prompt as usize * n_models + model] = math::logistic(dot(&theta, &row)) as f32;
        }
    }
    PromptScores { n_models, values }
}

/// Logarithms of 1 + the tokens of all answers, standardised over `train`.
fn lengths(answers: &[Answer], train: &[u32]) -> Option<Vec<f64>> {
    if answers.iter().any(|answer| answer.output_tokens == Answer::NO_TOKENS) {
        return None;
    }
    let length = |answer: &Answer| math::ln(1.0 + f64::from(answer.output_tokens));
    let lengths: Vec<f64> = answers.iter().map(length).collect();
    let n = train.len() as f64;
    let own = || train.iter().map(|prompt| lengths[*prompt as usize]);
    let mean = own().sum::<f64>() / n;
    let sd = (own().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt();
    let scale = if sd > 1e-9 { 1.0 / sd } else { 0.0 };
    Some(lengths.iter().map(|v| (v - mean) * scale).collect())
}

/// The inputs of some prompts one behind the other, `d` wide: what follows those of [`Inputs`] is filled by `more`.
fn rows_of(
    inputs: &Inputs<'_>,
    prompts: &[u32],
    d: usize,
    more: impl Fn(u32, &mut [f64]),
) -> Vec<f64> {
    let mut rows = vec![0.0; d * prompts.len()];
    for (row, prompt) in rows.chunks_exact_mut(d).zip(prompts) {
        inputs.fill(*prompt, &mut row[..inputs.width()]);
        more(*prompt, row);
    }
    rows
}
