//! Choices whose results are still to come, per model.

use crate::units::ModelId;

/// Counts of pending choices.
#[derive(Clone, Debug)]
pub struct Pending {
    counts: Vec<u32>,
}

impl Pending {
    /// Nothing pending of `n_models` models.
    #[must_use]
    pub fn new(n_models: usize) -> Self {
        Self { counts: vec![0; n_models] }
    }

    /// Pending choices by model.
    #[must_use]
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// A choice was acted on.
    #[inline]
    pub fn sent(&mut self, model: ModelId) {
        self.counts[model.index()] += 1;
    }

    /// Its result has come.
    #[inline]
    pub fn came_back(&mut self, model: ModelId) {
        let count = &mut self.counts[model.index()];
        *count = count.saturating_sub(1);
    }
}
