//! Recorded outcomes: for each prompt what every model answered, how good it was, how long it took and what it cost.

use std::sync::Arc;

use crate::domain::{KnownPrompts, PromptFeatures};
use crate::sim::stream::{Purpose, Streams};
use crate::units::ModelId;

/// What one model answered to one prompt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// Quality from 0 to 1; NaN where the pair was not recorded.
    pub quality: f32,
    /// Time of the whole response in seconds; NaN where it was not recorded.
    pub latency_s: f32,
    /// Prompt tokens; [`Answer::NO_TOKENS`] where they were not recorded.
    pub input_tokens: u32,
    /// Answer tokens; [`Answer::NO_TOKENS`] where they were not recorded.
    pub output_tokens: u32,
    /// Cost; NaN where it was not recorded. It is never taken for zero.
    pub cost_usd: f64,
}

impl Answer {
    /// Tokens that were not recorded.
    pub const NO_TOKENS: u32 = u32::MAX;
    /// A pair that was not recorded.
    pub const MISSING: Self = Self {
        quality: f32::NAN,
        latency_s: f32::NAN,
        input_tokens: Self::NO_TOKENS,
        output_tokens: Self::NO_TOKENS,
        cost_usd: f64::NAN,
    };

    /// Whether the pair was recorded.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        !self.quality.is_nan()
    }
}

/// A table of outcomes, complete: every prompt was answered by every model.
#[derive(Clone, Debug)]
pub struct Outcomes {
    /// Models, in order of id.
    pub models: Vec<String>,
    /// Domains of prompts, in order of first appearance.
    pub domains: Vec<String>,
    /// Names of the prompts.
    pub prompts: Vec<String>,
    /// Position of each prompt's domain.
    pub domain_of: Vec<u16>,
    /// By model, then prompt.
    pub answers: Vec<Vec<Answer>>,
    /// Features of the prompts.
    pub features: Option<Arc<PromptFeatures>>,
}

impl Outcomes {
    /// Number of prompts.
    #[must_use]
    pub fn n_prompts(&self) -> usize {
        self.prompts.len()
    }

    /// What `model` answered to a prompt.
    #[inline]
    #[must_use]
    pub fn answer(&self, prompt: u32, model: ModelId) -> &Answer {
        &self.answers[model.index()][prompt as usize]
    }

    /// Tokens of a prompt, as recorded with the first model that has them.
    #[must_use]
    pub fn input_tokens(&self, prompt: u32) -> Option<u32> {
        let recorded = |answers: &Vec<Answer>| answers[prompt as usize].input_tokens;
        self.answers.iter().map(recorded).find(|tokens| *tokens != Answer::NO_TOKENS)
    }

    /// The prompts in two parts, each in order: a share for training, and the rest.
    ///
    /// The order in which prompts are taken for training follows from a hash of their names alone, so a prompt that is
    /// added or left out moves no other but at the border.
    #[must_use]
    pub fn split(&self, train_share: f64) -> (Vec<u32>, Vec<u32>) {
        let mut order: Vec<u32> = (0..self.n_prompts() as u32).collect();
        order.sort_by_cached_key(|prompt| (scattered(&self.prompts[*prompt as usize]), *prompt));
        let n = (train_share * order.len() as f64 + 0.5) as usize;
        let mut rest = order.split_off(n.min(order.len()));
        order.sort_unstable();
        rest.sort_unstable();
        (order, rest)
    }
}

/// A world whose answers are recorded.
#[derive(Clone, Debug)]
pub struct RecordedWorld {
    /// The answers; its models are those of the world, in order of id.
    pub table: Arc<Outcomes>,
    /// The prompts that are asked, each once in a pass.
    pub prompts: Arc<Vec<u32>>,
    /// What the router may know of the prompts.
    pub known: Arc<KnownPrompts>,
    /// Position of the task type by domain.
    pub task_type_of: Vec<u16>,
    /// An answer of at least this quality is a success, any other a failure.
    pub success_from: f32,
}

impl RecordedWorld {
    /// Position of a prompt's task type.
    #[inline]
    #[must_use]
    pub fn task_type(&self, prompt: u32) -> u16 {
        self.task_type_of[usize::from(self.table.domain_of[prompt as usize])]
    }
}

/// The prompts of one seed in the order in which they are asked: all of them once in an order of their own, then all
/// again in another.
#[derive(Clone, Debug)]
pub struct PromptOrder {
    prompts: Arc<Vec<u32>>,
    streams: Streams,
    pass: u64,
    order: Vec<u32>,
}

impl PromptOrder {
    /// The order of one seed.
    #[must_use]
    pub fn new(prompts: Arc<Vec<u32>>, streams: Streams) -> Self {
        let mut order = Self { prompts, streams, pass: 0, order: Vec::new() };
        order.shuffle();
        order
    }

    fn shuffle(&mut self) {
        self.order.clone_from(&self.prompts);
        let mut stream = self.streams.nth(Purpose::Prompts, self.pass);
        for i in (1..self.order.len()).rev() {
            self.order.swap(i, stream.index(i + 1));
        }
    }

    /// The prompt of the `nth` task, from 0.
    pub fn of(&mut self, nth: u64) -> u32 {
        let n = self.prompts.len() as u64;
        if nth / n != self.pass {
            self.pass = nth / n;
            self.shuffle();
        }
        self.order[(nth % n) as usize]
    }
}

/// FNV-1a (Fowler, Noll, Vo 1991) with the finaliser of `SplitMix64` (Steele, Lea, Flood 2014), so that names that differ
/// in their last letter lie far apart.
fn scattered(name: &str) -> u64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
