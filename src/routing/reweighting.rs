//! Re-weighting: how the weights of speed, efficiency and cost in a level's reward change over time.
//!
//! Only what learners are fed moves; results are measured in the scenario's own reward.

use crate::domain::WeightChange;
use crate::reward::{Account, Reward, components};
use crate::units::{Level, PerLevel, SimDuration, SimTime};

/// How the weights change.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Reweighting {
    /// They stay as the reward says.
    #[default]
    Fixed,
    /// At stated instants, in order of time.
    Scheduled(Vec<WeightChange>),
    /// By outcomes: see [`adapted`].
    Adapted {
        /// Time from one change to the next.
        every: SimDuration,
        /// How strongly a shortfall moves a weight.
        rate: f64,
        /// No weight falls below this.
        floor: f64,
    },
}

/// The weights after a period in which a level's answers had these mean components (each 0..1).
///
/// A weight grows with the shortfall of its component against the mean of the three, `w (1 + rate (mean - s))`, is held
/// at the floor and scaled so that the three sum to 1: the level is pushed towards what it lacks.
#[must_use]
pub fn adapted(weights: [f64; 3], components: [f64; 3], rate: f64, floor: f64) -> [f64; 3] {
    let mean = components.iter().sum::<f64>() / 3.0;
    let mut moved = [0.0; 3];
    for i in 0..3 {
        moved[i] = (weights[i] * (1.0 + rate * (mean - components[i]))).max(floor);
    }
    let sum: f64 = moved.iter().sum();
    moved.map(|w| w / sum)
}

/// Re-weighting in flight.
#[derive(Clone, Debug)]
pub(super) struct Reweighter {
    rule: Reweighting,
    reward: Reward,
    next: usize,
    due: SimTime,
    sums: PerLevel<([f64; 3], u64)>,
}

impl Reweighter {
    pub(super) fn new(rule: &Reweighting, reward: Reward) -> Self {
        let due = match rule {
            Reweighting::Fixed => SimTime::NEVER,
            Reweighting::Scheduled(changes) => changes.first().map_or(SimTime::NEVER, |c| c.at),
            Reweighting::Adapted { every, .. } => SimTime::ZERO + *every,
        };
        Self { rule: rule.clone(), reward, next: 0, due, sums: Default::default() }
    }

    /// The reward that learners are fed now.
    pub(super) fn reward(&self) -> &Reward {
        &self.reward
    }

    /// When the weights change next.
    pub(super) fn due(&self) -> SimTime {
        self.due
    }

    /// Takes in an ended call.
    #[inline]
    pub(super) fn record(&mut self, account: &Account) {
        if account.served && matches!(self.rule, Reweighting::Adapted { .. }) {
            let (sums, n) = &mut self.sums[account.level.index()];
            *n += 1;
            for (sum, component) in sums.iter_mut().zip(components(account)) {
                *sum += component;
            }
        }
    }

    /// Changes the weights that are due now, and tells of each change.
    pub(super) fn change(&mut self, now: SimTime, mut tell: impl FnMut(WeightChange)) {
        let Reward::LevelReward(weights) = &mut self.reward else {
            self.due = SimTime::NEVER;
            return;
        };
        match &self.rule {
            Reweighting::Fixed => self.due = SimTime::NEVER,
            Reweighting::Scheduled(changes) => {
                while let Some(change) = changes.get(self.next).filter(|c| c.at <= now) {
                    weights[change.level.index()] = change.weights;
                    tell(*change);
                    self.next += 1;
                }
                self.due = changes.get(self.next).map_or(SimTime::NEVER, |c| c.at);
            }
            Reweighting::Adapted { every, rate, floor } => {
                for level in Level::ALL {
                    let (sums, n) = std::mem::take(&mut self.sums[level.index()]);
                    if n > 0 {
                        let own = &mut weights[level.index()];
                        *own = adapted(*own, sums.map(|s| s / n as f64), *rate, *floor);
                        tell(WeightChange { at: now, level, weights: *own });
                    }
                }
                self.due += *every;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weight_moves_to_what_a_level_lacks() {
        // Shortfalls against the mean .6: speed .4, efficiency -.2, cost -.2; with rate 1 the weights become
        // .5 x 1.4 = .7, .3 x .8 = .24, .2 x .8 = .16, scaled by their sum 1.1.
        let moved = adapted([0.5, 0.3, 0.2], [0.2, 0.8, 0.8], 1.0, 0.05);
        for (own, expected) in moved.iter().zip([0.7 / 1.1, 0.24 / 1.1, 0.16 / 1.1]) {
            assert!((own - expected).abs() < 1e-12, "{moved:?}");
        }
        // The floor holds before scaling: .05 of .05 + .6 + .6.
        let held = adapted([0.0, 0.5, 0.5], [1.0, 0.4, 0.4], 1.0, 0.05);
        assert!((held[0] - 0.05 / 1.25).abs() < 1e-12 && held.iter().sum::<f64>() - 1.0 < 1e-12);
    }
}
