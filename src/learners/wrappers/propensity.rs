//! The probability of a choice that has no closed form, from the same choice drawn again and again.

use crate::domain::Propensity;
use crate::learners::Choice;
use crate::sim::stream::Stream;

/// Blocks of random numbers that one redraw may take.
const APART: u32 = 1 << 16;
/// The most redraws that streams can be told apart for.
pub const MOST: u32 = u32::MAX / APART - 1;

/// The choice with its probability, estimated from `n` redraws where it is unknown; the stream has not been read.
///
/// The choice itself is one more draw: (k + 1) / (n + 1) for k redraws that agree, so it is never 0.
pub fn estimated(n: u32, stream: &mut Stream, choose: impl Fn(&mut Stream) -> Choice) -> Choice {
    let fresh = stream.clone();
    let choice = choose(stream);
    if choice.propensity != Propensity::Unknown {
        return choice;
    }
    let agrees = |redraw: &u32| {
        let mut own = fresh.clone();
        own.skip_pairs(redraw * APART);
        choose(&mut own).model == choice.model
    };
    let same = (1..=n.min(MOST)).filter(agrees).count();
    let propensity = Propensity::Estimated((same + 1) as f64 / f64::from(n.min(MOST) + 1));
    Choice { propensity, ..choice }
}
