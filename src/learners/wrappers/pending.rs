//! Choices whose results are still to come, per model.

use crate::learners::Card;
use crate::units::ModelId;

/// How it is described.
pub const CARD: Card = Card {
    summary: "Choices whose results are late count as plays, so that a bound does not repeat one model until they come.",
    formula: "index of mean and plays + pending; a model without any result goes by its pending choices, the fewest first",
    source: "optimism with in-flight counts, as in Joulani, Gyorgy, Szepesvari, \"Online learning under delayed feedback\", 2013",
    fails: "Does nothing where results come at once, and little for learners that draw: they spread their choices of themselves.",
    ..Card::BLANK
};

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
