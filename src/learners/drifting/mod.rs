//! Learners for rewards whose means change: those that forget (a window, a discount) and those that start again when a
//! test finds a change.

pub mod d_ucb;
pub mod detect;
pub mod discounted_thompson;
pub mod glr_klucb;
pub mod m_ucb;
pub mod remembering;
pub mod sliding_window_thompson;
pub mod sw_ucb;

use crate::math;
use crate::units::ModelId;

/// The window `2 B sqrt(T ln T / Y)` for `changes` = Y over a `horizon` of T, in results, at least 1 (Garivier, Moulines,
/// "On upper-confidence bound policies for switching bandit problems", 2011).
fn window(range: f64, horizon: u64, changes: u64) -> u64 {
    let t = horizon as f64;
    let size = 2.0 * range * (t * math::ln(t) / changes as f64).sqrt();
    (size.round() as u64).max(1)
}

/// The model whose turn it is to be played whatever its index: of every `period` rounds, counted from 0, the first give
/// each model one.
fn forced(round: u64, period: u64, n_models: usize) -> Option<ModelId> {
    let turn = round % period;
    (turn < n_models as u64).then_some(ModelId(turn as u16))
}

/// Rounds from one forced play of a model to its next, for a share `alpha` of rounds that are forced; none for a share of 0.
fn forced_period(n_models: usize, alpha: f64) -> u64 {
    if alpha > 0.0 { (n_models as f64 / alpha) as u64 } else { u64::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_of_the_reference() {
        // Four segments in 10,000 rounds: 2 sqrt(10,000 ln 10,000 / 3) = 350.4.
        assert_eq!(window(1.0, 10_000, 3), 350);
        assert_eq!(window(1.0, 1, 1), 1);
    }

    #[test]
    fn a_share_of_rounds_is_forced_and_spread_over_the_models() {
        let period = forced_period(3, 0.25);
        assert_eq!(period, 12);
        let mut turns = [0; 3];
        for round in 0..1200 {
            if let Some(model) = forced(round, period, 3) {
                turns[model.index()] += 1;
            }
        }
        assert_eq!(turns, [100; 3]);
        assert_eq!(forced(5, forced_period(3, 0.0), 3), None);
    }
}
