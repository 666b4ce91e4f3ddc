//! Recorded prompts as a router may know them.

/// Numeric features of recorded prompts, a row each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PromptFeatures {
    /// Names of the features.
    pub names: Vec<String>,
    values: Vec<f32>,
}

impl PromptFeatures {
    /// Features from rows that stand one behind the other, each as wide as there are names.
    #[must_use]
    pub fn new(names: Vec<String>, values: Vec<f32>) -> Self {
        assert!(names.is_empty() == values.is_empty(), "features without names");
        assert!(names.is_empty() || values.len().is_multiple_of(names.len()), "a ragged row");
        Self { names, values }
    }

    /// Features of one prompt.
    #[must_use]
    pub fn width(&self) -> usize {
        self.names.len()
    }

    /// Number of prompts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.width()).unwrap_or(0)
    }

    /// Whether there is no prompt.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The features of a prompt.
    #[inline]
    #[must_use]
    pub fn of(&self, prompt: u32) -> &[f32] {
        &self.values[prompt as usize * self.width()..][..self.width()]
    }

    /// The same with mean 0 and standard deviation 1 over `prompts`; a feature that is constant over them becomes 0.
    #[must_use]
    pub fn standardised(&self, prompts: &[u32]) -> Self {
        let (width, n) = (self.width(), prompts.len().max(1) as f64);
        let mut values = self.values.clone();
        for feature in 0..width {
            let value = |prompt: &u32| f64::from(self.of(*prompt)[feature]);
            let mean = prompts.iter().map(value).sum::<f64>() / n;
            let squares = prompts.iter().map(|p| (value(p) - mean) * (value(p) - mean));
            let sd = (squares.sum::<f64>() / n).sqrt();
            let scale = if sd > 1e-9 { 1.0 / sd } else { 0.0 };
            for value in values.iter_mut().skip(feature).step_by(width.max(1)) {
                *value = ((f64::from(*value) - mean) * scale) as f32;
            }
        }
        Self { names: self.names.clone(), values }
    }
}

/// A number for every prompt and model, as a predicted quality.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PromptScores {
    /// Number of models.
    pub n_models: usize,
    /// By prompt, then model.
    pub values: Vec<f32>,
}

impl PromptScores {
    /// The numbers of a prompt, in order of the models' ids.
    #[inline]
    #[must_use]
    pub fn of(&self, prompt: u32) -> &[f32] {
        &self.values[prompt as usize * self.n_models..][..self.n_models]
    }
}

/// What a router may know of recorded prompts before it asks any.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KnownPrompts {
    /// Features of all prompts, with mean 0 and standard deviation 1 over those set apart; without any they have no width.
    pub features: PromptFeatures,
    /// By model the regression of quality on features over the prompts set apart: intercept, then a coefficient for each
    /// feature. Empty where none was fitted.
    pub coefficients: Vec<Vec<f64>>,
}
