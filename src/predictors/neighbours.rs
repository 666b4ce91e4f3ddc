//! The nearest prompts by exact search, a block of training prompts at a time.

use crate::domain::{PromptFeatures, PromptScores};
use crate::world::outcomes::Outcomes;

/// Training prompts that are measured at once: their features lie side by side, one feature behind the other.
const BLOCK: usize = 64;

/// Mean quality of every model on the `k` training prompts that are nearest to each prompt, itself left out; on all of
/// them where there are no more. Of training prompts equally far away those of lower id count as nearer.
///
/// A training set of a single prompt is its own neighbour.
pub(super) fn predict(
    outcomes: &Outcomes,
    features: &PromptFeatures,
    train: &[u32],
    k: usize,
) -> PromptScores {
    let width = features.width();
    assert!(width > 0, "nearest prompts without features");
    let mut train = train.to_vec();
    train.sort_unstable();
    let blocks: Vec<Vec<f32>> =
        train.chunks(BLOCK).map(|prompts| block(features, prompts)).collect();
    // Qualities of a training prompt lie together.
    let qualities: Vec<f32> = train
        .iter()
        .flat_map(|prompt| outcomes.answers.iter().map(|own| own[*prompt as usize].quality))
        .collect();
    let n_models = outcomes.models.len();
    let mut values = Vec::with_capacity(outcomes.n_prompts() * n_models);
    let mut nearest = Nearest { k: k.max(1), found: Vec::new() };
    let mut sums = vec![0.0_f64; n_models];
    for prompt in 0..outcomes.n_prompts() as u32 {
        let own = features.of(prompt);
        nearest.found.clear();
        for (at, block) in blocks.iter().enumerate() {
            let distances = distances(own, block);
            let prompts = train[at * BLOCK..].iter().zip(distances).enumerate();
            for (place, (&other, distance)) in prompts {
                if other != prompt || train.len() == 1 {
                    nearest.offer(distance, (at * BLOCK + place) as u32);
                }
            }
        }
        sums.fill(0.0);
        for (_, place) in &nearest.found {
            let own = &qualities[*place as usize * n_models..][..n_models];
            sums.iter_mut().zip(own).for_each(|(sum, quality)| *sum += f64::from(*quality));
        }
        let n = nearest.found.len() as f64;
        values.extend(sums.iter().map(|sum| (sum / n) as f32));
    }
    PromptScores { n_models, values }
}

/// The features of up to [`BLOCK`] prompts, feature by feature.
fn block(features: &PromptFeatures, prompts: &[u32]) -> Vec<f32> {
    let mut block = vec![0.0; features.width() * BLOCK];
    for (place, prompt) in prompts.iter().enumerate() {
        for (feature, value) in features.of(*prompt).iter().enumerate() {
            block[feature * BLOCK + place] = *value;
        }
    }
    block
}

/// Squared distances of a block's prompts.
#[inline]
fn distances(own: &[f32], block: &[f32]) -> [f32; BLOCK] {
    let mut sums = [0.0_f32; BLOCK];
    for (value, others) in own.iter().zip(block.chunks_exact(BLOCK)) {
        for (sum, other) in sums.iter_mut().zip(others) {
            let off = value - other;
            *sum += off * off;
        }
    }
    sums
}

/// The nearest so far, in order of distance.
struct Nearest {
    k: usize,
    found: Vec<(f32, u32)>,
}

impl Nearest {
    /// Takes one in, if it is nearer than the farthest; offered in order of id.
    #[inline]
    fn offer(&mut self, distance: f32, place: u32) {
        if self.found.len() == self.k {
            if distance >= self.found[self.k - 1].0 {
                return;
            }
            self.found.pop();
        }
        let at = self.found.partition_point(|(other, _)| *other <= distance);
        self.found.insert(at, (distance, place));
    }
}
