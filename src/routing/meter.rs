//! What a learner did: choices, exploration, rewards and the movement of its beliefs, period by period
//! (stage4.md section 12).

use std::collections::VecDeque;

use crate::domain::{CONVERGED_BELOW, LearningPeriod};
use crate::units::SimTime;

/// Updates over which the change of beliefs is averaged.
const WINDOW: usize = 50;

/// The meter in flight.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter {
    period: LearningPeriod,
    /// Sum of squared deviations of the period's rewards.
    squares: f64,
    changes: VecDeque<f64>,
    updates: u64,
}

impl Meter {
    /// A call ended whose model the learner chose.
    #[inline]
    pub(super) fn chose(&mut self, explored: bool) {
        self.period.choices += 1;
        self.period.explored += u64::from(explored);
    }

    /// A result was taken in, and moved a belief by `change` on a scale of 1.
    #[inline]
    pub(super) fn learned(&mut self, now: SimTime, reward: f64, change: Option<f64>) {
        let period = &mut self.period;
        let [least, most] = period.reward_range;
        period.reward_range =
            if period.updates == 0 { [reward; 2] } else { [least.min(reward), most.max(reward)] };
        period.updates += 1;
        let step = reward - period.reward_mean;
        period.reward_mean += step / period.updates as f64;
        self.squares += step * (reward - period.reward_mean);
        self.updates += 1;
        let Some(change) = change else { return };
        self.changes.push_back(change.abs());
        if self.changes.len() > WINDOW {
            self.changes.pop_front();
        }
        let is_still = self.mean_change().is_some_and(|mean| mean < CONVERGED_BELOW);
        if is_still && self.period.converged.is_none() {
            self.period.converged = Some((self.updates, now));
        }
    }

    fn mean_change(&self) -> Option<f64> {
        let sum: f64 = self.changes.iter().sum();
        (self.changes.len() == WINDOW).then(|| sum / WINDOW as f64)
    }

    /// The period ends with these beliefs held.
    pub(super) fn end_period(
        &mut self,
        now: SimTime,
        scale: &'static str,
        beliefs: &[f64],
    ) -> LearningPeriod {
        let mut ended = self.period;
        ended.to = now;
        ended.scale = scale;
        if ended.updates > 1 {
            ended.reward_sd = (self.squares / (ended.updates - 1) as f64).sqrt();
        }
        ended.recent_change = self.mean_change();
        let n = beliefs.len() as f64;
        if !beliefs.is_empty() {
            let mean = beliefs.iter().sum::<f64>() / n;
            let squares: f64 = beliefs.iter().map(|b| (b - mean) * (b - mean)).sum();
            ended.belief_mean = Some(mean);
            ended.belief_sd = Some((squares / (n - 1.0).max(1.0)).sqrt());
        }
        // Once converged, a learner stays so in the book: it is the first time that is asked for.
        self.period = LearningPeriod {
            nth: ended.nth + 1,
            from: now,
            converged: ended.converged,
            ..LearningPeriod::default()
        };
        self.squares = 0.0;
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_learner_converges_when_fifty_changes_are_small_on_average() {
        let mut meter = Meter::default();
        for i in 0..60 {
            // 49 changes of .02 and one of 0 still average .0196; the mean falls below .01 when 26 of 50 are 0.
            let change = if i < 40 { 0.02 } else { 0.0 };
            meter.learned(SimTime(i), 1.0, Some(change));
        }
        assert_eq!(meter.end_period(SimTime(60), "", &[]).converged, None);
        for i in 60..80 {
            meter.learned(SimTime(i), 0.0, Some(0.0));
        }
        // Changes 17..=66: the last window with 26 zeros ends at update 66, the first with a mean below .01.
        let period = meter.end_period(SimTime(80), "", &[1.0, 3.0]);
        assert_eq!(period.converged, Some((66, SimTime(65))));
        assert_eq!((period.updates, period.nth, period.from), (20, 1, SimTime(60)));
        assert_eq!((period.belief_mean, period.belief_sd), (Some(2.0), Some(2.0_f64.sqrt())));
    }

    #[test]
    fn rewards_of_a_period_are_described() {
        let mut meter = Meter::default();
        for (i, reward) in [1.0, 0.0, 0.5, 0.5].into_iter().enumerate() {
            meter.chose(i == 0);
            meter.learned(SimTime(i as u64), reward, None);
        }
        let period = meter.end_period(SimTime(4), "", &[]);
        assert_eq!((period.choices, period.explored, period.updates), (4, 1, 4));
        assert_eq!((period.reward_mean, period.reward_range), (0.5, [0.0, 1.0]));
        assert!((period.reward_sd - (0.5_f64 / 3.0).sqrt()).abs() < 1e-12);
    }
}
