//! Logistic regression of each model's quality, by Newton's method.

use super::linear::Inputs;
use super::symmetric::{Factor, add_square, dot};
use crate::domain::{PromptFeatures, PromptScores};
use crate::math;
use crate::world::outcomes::{Answer, Outcomes};

/// Steps of Newton's method at most; it takes about six.
const MOST_STEPS: usize = 50;

/// Predictions by logistic regression, penalised as in "Ridge estimators in logistic regression" (le Cessie and van
/// Houwelingen, 1992). Qualities between 0 and 1 count as that share of a success.
pub(super) fn predict(
    outcomes: &Outcomes,
    features: &PromptFeatures,
    train: &[u32],
    lambda: f64,
    domains: bool,
) -> PromptScores {
    let inputs = Inputs::new(outcomes, features, domains);
    let d = inputs.width();
    let mut rows = vec![0.0; d * train.len()];
    for (row, prompt) in rows.chunks_exact_mut(d).zip(train) {
        inputs.fill(*prompt, row);
    }
    let own = |answers: &Vec<Answer>| {
        let quality = |prompt: &u32| f64::from(answers[*prompt as usize].quality);
        fit(&rows, d, &train.iter().map(quality).collect::<Vec<f64>>(), lambda)
    };
    let coefficients: Vec<Vec<f64>> = outcomes.answers.iter().map(own).collect();
    inputs.scores(outcomes.n_prompts(), &coefficients, math::logistic)
}

/// Coefficients that minimise the negative log-likelihood plus `lambda / 2` times the sum of squared coefficients; the
/// first, for the input that is always 1, is free.
///
/// A model that was always right, or always wrong, gets an intercept alone: the share (sum + 1/2) / (n + 1).
pub(crate) fn fit(rows: &[f64], d: usize, qualities: &[f64], lambda: f64) -> Vec<f64> {
    let n = qualities.len() as f64;
    let mut theta = vec![0.0; d];
    let sum: f64 = qualities.iter().sum();
    theta[0] = math::logit((sum + 0.5) / (n + 1.0));
    if sum <= 0.0 || sum >= n {
        return theta;
    }
    let mut loss = penalised(rows, d, qualities, lambda, &theta);
    for _ in 0..MOST_STEPS {
        let mut matrix = vec![0.0; d * d];
        matrix.iter_mut().step_by(d + 1).skip(1).for_each(|entry| *entry = lambda);
        let mut step: Vec<f64> = theta.iter().map(|theta| -lambda * theta).collect();
        step[0] = 0.0;
        for (row, quality) in rows.chunks_exact(d).zip(qualities) {
            let p = math::logistic(dot(&theta, row));
            add_square(&mut matrix, row, p * (1.0 - p));
            step.iter_mut().zip(row).for_each(|(step, x)| *step += (quality - p) * x);
        }
        let Some(factor) = Factor::of(matrix, d) else { break };
        factor.solve(&mut step);
        // The step is halved as long as it leads up.
        let mut scale = 1.0;
        let (next, smaller) = loop {
            let next: Vec<f64> = theta.iter().zip(&step).map(|(t, s)| t + scale * s).collect();
            let found = penalised(rows, d, qualities, lambda, &next);
            if found <= loss {
                break (next, found);
            }
            scale *= 0.5;
            if scale < 1e-6 {
                return theta;
            }
        };
        let moved = step.iter().fold(0.0_f64, |most, step| most.max((scale * step).abs()));
        (theta, loss) = (next, smaller);
        if moved < 1e-9 {
            break;
        }
    }
    theta
}

/// What [`fit`] minimises.
fn penalised(rows: &[f64], d: usize, qualities: &[f64], lambda: f64, theta: &[f64]) -> f64 {
    let own = |(row, quality): (&[f64], &f64)| {
        let x = dot(theta, row);
        // ln(1 + e^x) - quality x, without overflow.
        x.max(0.0) + math::ln(1.0 + math::exp(-x.abs())) - quality * x
    };
    let likelihood: f64 = rows.chunks_exact(d).zip(qualities).map(own).sum();
    likelihood + 0.5 * lambda * dot(&theta[1..], &theta[1..])
}
