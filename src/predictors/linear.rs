//! Ridge regression of all models' qualities at once: one factor for all.

use super::symmetric::{Factor, add_square, dot};
use crate::domain::{PromptFeatures, PromptScores};
use crate::world::outcomes::Outcomes;

/// What a regression reads of a prompt: 1, its features, and 1 at its domain where domains are features.
pub(super) struct Inputs<'a> {
    features: &'a PromptFeatures,
    domain_of: Option<&'a [u16]>,
    n_domains: usize,
}

impl<'a> Inputs<'a> {
    /// The inputs of a table's prompts. A single domain says nothing and is left out.
    pub(super) fn new(outcomes: &'a Outcomes, features: &'a PromptFeatures, domains: bool) -> Self {
        let n = outcomes.domains.len();
        let domains = domains && n > 1;
        let domain_of = domains.then_some(&outcomes.domain_of[..]);
        Self { features, domain_of, n_domains: if domains { n } else { 0 } }
    }

    /// Number of inputs.
    pub(super) fn width(&self) -> usize {
        1 + self.features.width() + self.n_domains
    }

    /// Writes those of a prompt.
    pub(super) fn fill(&self, prompt: u32, row: &mut [f64]) {
        row[0] = 1.0;
        let width = self.features.width();
        if width > 0 {
            let (own, features) = (&mut row[1..=width], self.features.of(prompt));
            own.iter_mut().zip(features).for_each(|(x, feature)| *x = f64::from(*feature));
        }
        row[1 + width..].fill(0.0);
        if let Some(domain_of) = self.domain_of {
            row[1 + width + usize::from(domain_of[prompt as usize])] = 1.0;
        }
    }

    /// Predictions of all prompts of the table: `link` of the inner product of inputs and each model's coefficients.
    pub(super) fn scores(
        &self,
        n_prompts: usize,
        coefficients: &[Vec<f64>],
        link: impl Fn(f64) -> f64,
    ) -> PromptScores {
        let mut row = vec![0.0; self.width()];
        let mut values = Vec::with_capacity(n_prompts * coefficients.len());
        for prompt in 0..n_prompts as u32 {
            self.fill(prompt, &mut row);
            values.extend(coefficients.iter().map(|own| link(dot(own, &row)) as f32));
        }
        PromptScores { n_models: coefficients.len(), values }
    }
}

/// Predictions by ridge regression.
pub(super) fn predict(
    outcomes: &Outcomes,
    features: &PromptFeatures,
    train: &[u32],
    lambda: f64,
    domains: bool,
) -> PromptScores {
    let inputs = Inputs::new(outcomes, features, domains);
    inputs.scores(outcomes.n_prompts(), &fit(outcomes, &inputs, train, lambda), |mean| mean)
}

/// Coefficients of a ridge regression of quality on the features alone, by model: the intercept, then one for each
/// feature.
///
/// They minimise the sum over `train` of squared errors plus `lambda` times the sum of squared coefficients; the intercept
/// is free (Hoerl and Kennard, "Ridge regression", 1970). `lambda` must be positive.
#[must_use]
pub fn ridge_coefficients(
    outcomes: &Outcomes,
    features: &PromptFeatures,
    train: &[u32],
    lambda: f64,
) -> Vec<Vec<f64>> {
    fit(outcomes, &Inputs::new(outcomes, features, false), train, lambda)
}

fn fit(outcomes: &Outcomes, inputs: &Inputs<'_>, train: &[u32], lambda: f64) -> Vec<Vec<f64>> {
    let d = inputs.width();
    let mut matrix = vec![0.0; d * d];
    matrix.iter_mut().step_by(d + 1).skip(1).for_each(|entry| *entry = lambda);
    let mut moments = vec![vec![0.0; d]; outcomes.models.len()];
    let mut row = vec![0.0; d];
    for &prompt in train {
        inputs.fill(prompt, &mut row);
        add_square(&mut matrix, &row, 1.0);
        for (moments, answers) in moments.iter_mut().zip(&outcomes.answers) {
            let quality = f64::from(answers[prompt as usize].quality);
            if quality != 0.0 {
                moments.iter_mut().zip(&row).for_each(|(moment, x)| *moment += quality * x);
            }
        }
    }
    let factor = Factor::of(matrix, d).expect("a positive penalty and a training prompt");
    moments.iter_mut().for_each(|own| factor.solve(own));
    moments
}
