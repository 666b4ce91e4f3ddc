//! A target known only by what it did: its frequencies in a log of its own, and what their chance adds to the error.

use super::estimators::spread;
use super::reward_model::RewardModel;
use super::{Log, Target};
use crate::analysis::moments::Moments;

/// Frequencies of actions in a log of the target's own, whose contexts and actions stand in the order of the evaluated log.
#[derive(Clone, Debug)]
pub struct Frequencies {
    /// How often each action was taken in each context, over how often the context came.
    pub target: Target,
    /// Decisions of each context.
    pub n: Vec<u64>,
}

/// Mean reward and its standard error in the target's own log.
#[must_use]
pub fn on_policy(log: &Log) -> (f64, f64) {
    let rewards: Moments = log.decisions.iter().map(|d| d.reward).collect();
    let off: Vec<f64> = log.decisions.iter().map(|d| d.reward - rewards.mean()).collect();
    (rewards.mean(), spread(log, &off).0)
}

impl Frequencies {
    /// Those of `own`; a context of which it knows nothing has frequencies of 0.
    #[must_use]
    pub fn of(own: &Log) -> Self {
        let n_actions = own.actions.len();
        let counts = super::support::counts(own);
        let n: Vec<u64> = counts.chunks(n_actions).map(|row| row.iter().sum()).collect();
        let share = |(at, &count): (usize, &u64)| count as f64 / n[at / n_actions].max(1) as f64;
        let cells = counts.iter().enumerate().map(share).collect();
        Self { target: Target::Table(cells), n }
    }

    /// What the chance of the frequencies adds to the standard error, by the delta method: of the estimate from `log`, and of
    /// its difference to the mean reward in `own`.
    ///
    /// The estimate is the sum over contexts of share(c) sum over actions of f(a | c) q(c, a); a decision of the target's log
    /// moves f by one over the number of its context, so its influence is share(c) (q(c, a) - v(c)) over the context's share
    /// of that log. In the difference the decision's own reward is taken off: what the frequencies and the mean reward of
    /// one log have in common cancels. q are the shrunken means of `log`; the chance in them makes both errors a little
    /// larger than they are.
    #[must_use]
    pub fn standard_errors(&self, log: &Log, own: &Log) -> (f64, f64) {
        let Target::Table(cells) = &self.target else { return (0.0, 0.0) };
        let n_actions = log.actions.len();
        let model = RewardModel::of(log, |_| true);
        let mut shares = vec![0.0; log.contexts.len()];
        log.decisions.iter().for_each(|d| shares[d.context as usize] += 1.0);
        let value = |context: usize| -> f64 {
            let own = &cells[context * n_actions..][..n_actions];
            own.iter().enumerate().map(|(a, p)| p * model.predict(context, a)).sum()
        };
        let values: Vec<f64> = (0..log.contexts.len()).map(value).collect();
        let (mean, _) = on_policy(own);
        let all = own.decisions.len() as f64;
        let (mut of_estimate, mut of_difference) = (Vec::new(), Vec::new());
        for d in &own.decisions {
            let context = d.context as usize;
            let share = shares[context] / log.decisions.len() as f64;
            let off = model.predict(context, d.action as usize) - values[context];
            let moved = share * off * all / self.n[context] as f64;
            of_estimate.push(moved);
            of_difference.push(moved - (d.reward - mean));
        }
        (spread(own, &of_estimate).0, spread(own, &of_difference).0)
    }
}
