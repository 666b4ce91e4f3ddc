//! The probability of a choice that has no closed form, from the same choice drawn again and again.

use crate::domain::Propensity;
use crate::learners::{Card, Choice};
use crate::sim::stream::Stream;

/// How it is described.
pub const CARD: Card = Card {
    summary: "The probability of a choice that has no closed form is estimated from choices drawn again.",
    formula: "(k + 1) / (n + 1) for k of n redraws that agree; marked as estimated",
    source: "Monte Carlo, the choice itself counted, as in Phipson, Smyth, \"Permutation P-values should never be zero\", 2010",
    fails: "Costs n choices for each; a probability below 1 / n is not told from 0.",
    ..Card::BLANK
};

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
