//! What each action is expected to earn in each context: shrunken means of the log, fitted so that no decision helps to
//! predict itself.

use super::{Decision, Log, Target};

/// Observations that a mean is worth before it has any: means of pairs lean on those of actions, these on that of all.
const PRIOR_WEIGHT: f64 = 5.0;

/// Where the predictions of the doubly robust estimate come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Fit {
    /// Decision `i` is predicted by the decisions outside fold `i mod k` (cross-fitting; Chernozhukov et al. 2018): for
    /// logs whose policy did not learn from what it logged.
    Folds(usize),
    /// Each decision is predicted by those before it. Its correction then has the right mean given the past, whatever
    /// the logging policy learned from it: for logs of learners.
    Past,
    /// Predictions from elsewhere, context by context for each action.
    Given(Vec<f64>),
}

/// Sums of rewards by pair, by action and in all.
#[derive(Clone, Debug)]
pub(super) struct RewardModel {
    n_actions: usize,
    cells: Vec<(f64, f64)>,
    actions: Vec<(f64, f64)>,
    all: (f64, f64),
}

impl RewardModel {
    pub(super) fn empty(log: &Log) -> Self {
        let n_actions = log.actions.len();
        Self {
            n_actions,
            cells: vec![(0.0, 0.0); n_actions * log.contexts.len()],
            actions: vec![(0.0, 0.0); n_actions],
            all: (0.0, 0.0),
        }
    }

    /// The model of the decisions that are wanted.
    pub(super) fn of(log: &Log, wanted: impl Fn(usize) -> bool) -> Self {
        let mut model = Self::empty(log);
        let decisions = log.decisions.iter().enumerate().filter(|(at, _)| wanted(*at));
        decisions.for_each(|(_, decision)| model.push(decision));
        model
    }

    fn push(&mut self, decision: &Decision) {
        let cell = decision.context as usize * self.n_actions + decision.action as usize;
        for sums in
            [&mut self.cells[cell], &mut self.actions[decision.action as usize], &mut self.all]
        {
            sums.0 += decision.reward;
            sums.1 += 1.0;
        }
    }

    /// The expected reward of an action in a context.
    pub(super) fn predict(&self, context: usize, action: usize) -> f64 {
        let shrunk = |(sum, n): (f64, f64), to: f64| (sum + PRIOR_WEIGHT * to) / (n + PRIOR_WEIGHT);
        let (sum, n) = self.all;
        let all = if n > 0.0 { sum / n } else { 0.0 };
        let action_mean = shrunk(self.actions[action], all);
        shrunk(self.cells[context * self.n_actions + action], action_mean)
    }

    /// What a row of the target's probabilities is expected to earn in a context.
    fn value(&self, cells: &[f64], context: usize) -> f64 {
        let own = &cells[context * self.n_actions..][..self.n_actions];
        let taken = own.iter().enumerate().filter(|(_, p)| **p > 0.0);
        taken.map(|(action, p)| p * self.predict(context, action)).sum()
    }
}

/// For every decision the expected reward of the target in its context, and of the action taken; `None` where only the
/// target's probability of the action taken is known.
pub(super) fn predictions(log: &Log, target: &Target, fit: &Fit) -> Option<Vec<(f64, f64)>> {
    let Target::Table(cells) = target else { return None };
    let of = |model: &RewardModel, d: &Decision| {
        let context = d.context as usize;
        (model.value(cells, context), model.predict(context, d.action as usize))
    };
    let decisions = &log.decisions;
    Some(match fit {
        Fit::Folds(k) => {
            let k = (*k).clamp(2, decisions.len().max(2));
            let models: Vec<RewardModel> =
                (0..k).map(|fold| RewardModel::of(log, |at| at % k != fold)).collect();
            decisions.iter().enumerate().map(|(at, d)| of(&models[at % k], d)).collect()
        }
        Fit::Past => {
            let mut model = RewardModel::empty(log);
            let one = |d: &Decision| {
                let predicted = of(&model, d);
                model.push(d);
                predicted
            };
            decisions.iter().map(one).collect()
        }
        Fit::Given(given) => {
            let n_actions = log.actions.len();
            let value = |context: usize| -> f64 {
                let range = context * n_actions..(context + 1) * n_actions;
                let pairs = cells[range.clone()].iter().zip(&given[range]);
                pairs.filter(|(p, _)| **p > 0.0).map(|(p, q)| p * q).sum()
            };
            let values: Vec<f64> = (0..log.contexts.len()).map(value).collect();
            decisions.iter().map(|d| (values[d.context as usize], given[log.cell(d)])).collect()
        }
    })
}

/// The same with one model of all decisions, for the direct method.
pub(super) fn in_sample(log: &Log, target: &Target, fit: &Fit) -> Option<Vec<(f64, f64)>> {
    if let Fit::Given(_) = fit {
        return predictions(log, target, fit);
    }
    let Target::Table(cells) = target else { return None };
    let model = RewardModel::of(log, |_| true);
    let one = |d: &Decision| {
        let context = d.context as usize;
        (model.value(cells, context), model.predict(context, d.action as usize))
    };
    Some(log.decisions.iter().map(one).collect())
}
