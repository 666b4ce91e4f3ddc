//! What an answer is worth: efficiency and the rewards that learners and measures are computed in.

use crate::domain::Outcome;
use crate::units::{Level, PerLevel};

/// What a call or a step brought, as a reward sees it.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    /// How it ended.
    pub outcome: Outcome,
    /// The outcome counts as an answer.
    pub served: bool,
    /// The work's level.
    pub level: Level,
    /// Quality, 0-100 (nominal where there is no answer).
    pub quality: f64,
    /// Billed tokens of both directions.
    pub tokens: f64,
    /// Time it took in milliseconds.
    pub duration_ms: f64,
    /// Billed cost in USD.
    pub cost_usd: f64,
}

/// The plan's efficiency of a step, 0-100, unrounded (stage4.md section 7).
///
/// It pays for failing fast: an instant refusal without tokens scores 60.
#[inline]
#[must_use]
pub fn stage4_efficiency(quality: f64, tokens: f64, duration_ms: f64) -> f64 {
    100.0
        * (0.4 * (quality / 100.0)
            + 0.3 * (1000.0 / tokens.max(1.0)).min(1.0)
            + 0.3 * (1000.0 / duration_ms.max(1.0)).min(1.0))
}

/// The headline efficiency, 0-100: the plan's formula for what was served, 0 for what was not.
#[inline]
#[must_use]
pub fn efficiency(account: &Account) -> f64 {
    if account.served {
        stage4_efficiency(account.quality, account.tokens, account.duration_ms)
    } else {
        0.0
    }
}

/// What a learner is fed and what decision regret is measured in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Reward {
    /// Headline efficiency / 100: the plan's formula for served work, 0 for the rest.
    #[default]
    Efficiency,
    /// The plan's own formula / 100, paid for unserved work as well; it rewards failing fast.
    Stage4Efficiency,
    /// Speed, efficiency and cost with these weights by level, / 100; 0 for unserved work.
    LevelReward(PerLevel<[f64; 3]>),
    /// `quality * q/100 - cost_per_usd * usd - latency_per_s * seconds`; unserved work has no quality.
    Utility {
        /// Worth of a perfect answer.
        quality: f64,
        /// Worth of one US dollar.
        cost_per_usd: f64,
        /// Worth of one second.
        latency_per_s: f64,
    },
}

/// The plan's weights of speed, efficiency and cost by level (stage4.md section 1).
pub const STAGE4_WEIGHTS: PerLevel<[f64; 3]> =
    [[0.5, 0.3, 0.2], [0.3, 0.5, 0.2], [0.2, 0.6, 0.2], [0.4, 0.4, 0.2]];

impl Reward {
    /// The reward of one call or step; between 0 and 1 for all but `utility`.
    #[inline]
    #[must_use]
    pub fn of(&self, account: &Account) -> f64 {
        match *self {
            Self::Efficiency => efficiency(account) / 100.0,
            Self::Stage4Efficiency => {
                stage4_efficiency(account.quality, account.tokens, account.duration_ms) / 100.0
            }
            Self::LevelReward(weights) => level_reward(account, &weights[account.level.index()]),
            Self::Utility { quality, cost_per_usd, latency_per_s } => {
                let answer = if account.served { quality * account.quality / 100.0 } else { 0.0 };
                answer - cost_per_usd * account.cost_usd - latency_per_s * account.duration_ms / 1e3
            }
        }
    }

    /// Whether unserved work earns anything.
    #[must_use]
    pub fn pays_unserved(&self) -> bool {
        matches!(self, Self::Stage4Efficiency | Self::Utility { .. })
    }

    /// The name in scenarios and reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Efficiency => "efficiency",
            Self::Stage4Efficiency => "stage4_efficiency",
            Self::LevelReward(_) => "level_reward",
            Self::Utility { .. } => "utility",
        }
    }
}

/// Speed, efficiency and cost of a call or step, each between 0 and 1; all 0 for unserved work.
#[must_use]
pub fn components(account: &Account) -> [f64; 3] {
    if !account.served {
        return [0.0; 3];
    }
    let usd_per_1k = 1000.0 * account.cost_usd / account.tokens.max(1.0);
    [
        (1.0 - account.duration_ms / 5000.0).max(0.0),
        efficiency(account) / 100.0,
        (1.0 - usd_per_1k / 0.01).max(0.0),
    ]
}

fn level_reward(account: &Account, weights: &[f64; 3]) -> f64 {
    let [speed, efficient, cheap] = components(account);
    weights[0] * speed + weights[1] * efficient + weights[2] * cheap
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(outcome: Outcome, quality: f64, tokens: f64, duration_ms: f64) -> Account {
        let served = outcome == Outcome::Success;
        Account { outcome, served, level: Level::L1, quality, tokens, duration_ms, cost_usd: 0.0 }
    }

    #[test]
    fn stage4_efficiency_pays_for_failing_fast_and_the_headline_does_not() {
        // The three figures that measures.md names.
        let refusal = account(Outcome::RateLimited, 0.0, 0.0, 0.0);
        let error = account(Outcome::ApiError, -10.0, 0.0, 0.0);
        let good = account(Outcome::Success, 90.0, 2000.0, 4000.0);
        let plan = Reward::Stage4Efficiency;
        assert!((plan.of(&refusal) - 0.60).abs() < 1e-12);
        assert!((plan.of(&error) - 0.56).abs() < 1e-12);
        assert!((plan.of(&good) - 0.585).abs() < 1e-12);
        let headline = Reward::Efficiency;
        assert_eq!((headline.of(&refusal), headline.of(&error)), (0.0, 0.0));
        assert!((headline.of(&good) - 0.585).abs() < 1e-12);
    }

    #[test]
    fn level_reward_weighs_speed_efficiency_and_cost() {
        let mut served = account(Outcome::Success, 100.0, 1000.0, 1000.0);
        served.cost_usd = 0.005;
        // 0.5 * (1 - 1000/5000) + 0.3 * 1.0 + 0.2 * (1 - 0.005/0.01)
        let reward = Reward::LevelReward(STAGE4_WEIGHTS);
        assert!((reward.of(&served) - (0.4 + 0.3 + 0.1)).abs() < 1e-12);
        assert_eq!(reward.of(&account(Outcome::Auth, 0.0, 0.0, 0.0)), 0.0);
    }

    #[test]
    fn utility_charges_unserved_work_for_its_time_and_cost() {
        let utility = Reward::Utility { quality: 1.0, cost_per_usd: 10.0, latency_per_s: 0.1 };
        let mut lost = account(Outcome::Timeout, 25.0, 500.0, 2000.0);
        lost.cost_usd = 0.01;
        assert!((utility.of(&lost) + 0.3).abs() < 1e-12);
    }
}
