//! Forgetting, for any learner whose statistics are sums over results: a discount (Garivier, Moulines, "On upper-confidence
//! bound policies for switching bandit problems", 2011) or a window of the last results (same paper).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::bounded::{Count, Share};
use crate::learners::{Card, Context, Features, Feedback, Learner};

/// How it is described.
pub const CARD: Card = Card {
    summary: "What lies back counts less (discount) or not at all (window).",
    formula: "discount: all statistics times g, then the new result; window: the oldest of w results is taken back as a new one comes",
    source: "Garivier, Moulines, \"On upper-confidence bound policies for switching bandit problems\", 2011",
    fails: "Needs statistics that are sums over results. Where nothing changes it explores for ever: regret grows linearly.",
    ..Card::BLANK
};

/// How what lies back is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Memory {
    /// With every result, all that came before counts this much of what it did.
    Discount(#[schemars(example = 0.99)] Share),
    /// Only the last so many results count.
    Window(#[schemars(example = 1000)] Count),
}

/// One result as it has to be known to be taken back.
#[derive(Clone, Debug)]
struct Kept {
    feedback: Feedback<'static>,
    features: Box<[f64]>,
}

/// The memory in flight.
#[derive(Clone, Debug)]
pub struct Remembered {
    rule: Memory,
    /// The results in the window, oldest first.
    results: VecDeque<Kept>,
}

impl Remembered {
    /// An empty memory.
    #[must_use]
    pub fn new(rule: Memory) -> Self {
        Self { rule, results: VecDeque::new() }
    }

    /// Forgets what it has remembered, for a learner that starts again.
    pub fn clear(&mut self) {
        self.results.clear();
    }

    /// Lets the learner forget what has to go before `feedback` comes in.
    pub fn make_room(&mut self, learner: &mut impl Learner, feedback: &Feedback<'_>) {
        let size = match self.rule {
            Memory::Discount(factor) => return learner.fade(factor.get()),
            Memory::Window(size) => size.get() as usize,
        };
        if self.results.len() >= size
            && let Some(Kept { feedback, features }) = self.results.pop_front()
        {
            let features = Features::of_request(&features);
            let context = Context { features, ..feedback.context };
            learner.unlearn(&Feedback { context, ..feedback });
        }
        let features = feedback.context.features.of(feedback.model).into();
        let context = Context { features: Features::NONE, pending: &[], ..feedback.context };
        self.results.push_back(Kept { feedback: Feedback { context, ..*feedback }, features });
    }
}
