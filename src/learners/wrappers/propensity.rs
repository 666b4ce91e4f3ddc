//! The probability of a choice that has no closed form, from the same choice drawn again and again.

use crate::domain::Propensity;
use crate::learners::Choice;
use crate::sim::stream::Stream;

/// The choice with its probability, estimated from `n` redraws where it is unknown.
///
/// The choice itself is one more draw: (k + 1) / (n + 1) for k redraws that agree, so it is never 0.
pub fn estimated(n: u32, stream: &mut Stream, choose: impl Fn(&mut Stream) -> Choice) -> Choice {
    let choice = choose(stream);
    if choice.propensity != Propensity::Unknown {
        return choice;
    }
    let same = (0..n).filter(|_| choose(stream).model == choice.model).count();
    let propensity = Propensity::Estimated((same + 1) as f64 / f64::from(n + 1));
    Choice { propensity, ..choice }
}
