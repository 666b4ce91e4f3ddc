//! Cascades: models by rising cost, the next one asked where the answer so far looks wrong.
//!
//! After Chen, Zaharia and Zou, "FrugalGPT" (2023): up to three models, an answer is accepted from a score on, every call
//! that is made is paid for, and models and thresholds are those of the highest quality on the training prompts within a
//! budget. Their scorer reads the answer; ours sees of it how long it is.

use super::Study;
use super::evaluation::{Evaluation, Got};
use super::families::LAMBDA;
use crate::domain::PromptScores;
use crate::math;
use crate::predictors::{answer_scores, expected_costs};

/// Budgets that are looked at, from the cheapest to the dearest model's mean cost in equal factors.
const BUDGETS: usize = 24;
/// Thresholds of a model: its training scores' quantiles at 1/8, 2/8, ..., 7/8.
const LEVELS: usize = 7;

/// One cascade: models, each but the last with the least score of an answer that is accepted.
#[derive(Clone, Debug, Default)]
struct Chain {
    stages: Vec<(usize, f32)>,
    last: usize,
}

/// The best cascade within a budget, so far.
#[derive(Clone, Debug)]
struct Best {
    budget_usd: f64,
    quality: f64,
    cost_usd: f64,
    chain: Chain,
}

/// Adds the best cascade for each budget.
pub(super) fn add(study: &Study<'_>, all: &mut Evaluation) {
    let outcomes = study.outcomes;
    let scores = answer_scores(outcomes, &study.features, &study.train, LAMBDA);
    let mut chosen = Search::new(study, &scores).best();
    chosen.dedup_by(|later, earlier| later.chain.is(&earlier.chain));
    for best in chosen {
        let got = |prompt: &u32| {
            let answer = |model: usize| Got::from(&outcomes.answers[model][*prompt as usize]);
            let mut cost_usd = 0.0;
            for (model, least) in &best.chain.stages {
                let own = answer(*model);
                cost_usd += own.cost_usd;
                if scores.of(*prompt)[*model] >= *least {
                    return Got { cost_usd, quality: own.quality };
                }
            }
            let last = answer(best.chain.last);
            Got { cost_usd: cost_usd + last.cost_usd, quality: last.quality }
        };
        let names =
            best.chain.stages.iter().map(|(model, least)| {
                format!("{} from {least:.3} on, else ", outcomes.models[*model])
            });
        let label = names.collect::<String>() + &outcomes.models[best.chain.last];
        all.add(label, study.test.iter().map(got));
    }
}

impl Chain {
    fn is(&self, other: &Self) -> bool {
        let same =
            |(a, b): (&(usize, f32), &(usize, f32))| a.0 == b.0 && a.1.total_cmp(&b.1).is_eq();
        self.last == other.last
            && self.stages.len() == other.stages.len()
            && self.stages.iter().zip(&other.stages).all(same)
    }
}

/// All cascades on the training prompts.
struct Search {
    /// Models by rising mean cost.
    order: Vec<usize>,
    /// Costs and qualities of a prompt by place in that order.
    costs: Vec<f64>,
    qualities: Vec<f64>,
    scores: Vec<f32>,
    /// By place.
    levels: Vec<Vec<f32>>,
    n: usize,
    best: Vec<Best>,
}

impl Search {
    fn new(study: &Study<'_>, scores: &PromptScores) -> Self {
        let Study { outcomes, train, .. } = study;
        let means = expected_costs(outcomes, train);
        let mut order: Vec<usize> = (0..means.len()).collect();
        order.sort_by(|a, b| means[*a].total_cmp(&means[*b]).then(a.cmp(b)));
        let by_place = |of: &dyn Fn(u32, usize) -> f64| -> Vec<f64> {
            train.iter().flat_map(|p| order.iter().map(move |m| of(*p, *m))).collect()
        };
        let costs = by_place(&|p, m| outcomes.answers[m][p as usize].cost_usd);
        let qualities = by_place(&|p, m| f64::from(outcomes.answers[m][p as usize].quality));
        let scores: Vec<f32> =
            train.iter().flat_map(|p| order.iter().map(|m| scores.of(*p)[*m])).collect();
        let (n, n_models) = (train.len(), order.len());
        let levels = (0..n_models)
            .map(|place| {
                let mut own: Vec<f32> =
                    scores.iter().skip(place).step_by(n_models).copied().collect();
                own.sort_unstable_by(f32::total_cmp);
                let mut levels: Vec<f32> =
                    (1..=LEVELS).map(|k| own[k * n / (LEVELS + 1)]).collect();
                levels.dedup();
                levels
            })
            .collect();
        let (low, high) = (means[order[0]], means[order[n_models - 1]]);
        // The ends are the models' own means, whatever rounding says; a model may be free.
        let least = low.max(1e-4 * high);
        let budget = |k: usize| match k {
            0 => low,
            k if k + 1 == BUDGETS => high,
            k => least * math::powf(high / least, k as f64 / (BUDGETS - 1) as f64),
        };
        let best = (0..BUDGETS)
            .map(|k| Best {
                budget_usd: budget(k),
                quality: f64::NEG_INFINITY,
                cost_usd: f64::INFINITY,
                chain: Chain::default(),
            })
            .collect();
        Self { order, costs, qualities, scores, levels, n, best }
    }

    /// The best cascade for each budget.
    fn best(mut self) -> Vec<Best> {
        let all: Vec<u32> = (0..self.n as u32).collect();
        self.stage(&all, 0, (0.0, 0.0), &mut Vec::new());
        // What a smaller budget reaches a larger one does too.
        for k in 1..self.best.len() {
            let (before, own) = self.best.split_at_mut(k);
            let (before, own) = (&before[k - 1], &mut own[0]);
            if before.quality > own.quality
                || before.quality == own.quality && before.cost_usd <= own.cost_usd
            {
                let budget_usd = own.budget_usd;
                *own = Best { budget_usd, ..before.clone() };
            }
        }
        self.best.retain(|best| best.quality.is_finite());
        self.best
    }

    /// Tries all that may follow for the prompts that are left: `spent` are sums of cost and quality so far.
    fn stage(
        &mut self,
        left: &[u32],
        from: usize,
        spent: (f64, f64),
        stages: &mut Vec<(usize, f32)>,
    ) {
        let m = self.order.len();
        let mut sums = vec![(0.0, 0.0); m];
        for prompt in left {
            let row = *prompt as usize * m..(*prompt as usize + 1) * m;
            let values = self.costs[row.clone()].iter().zip(&self.qualities[row]);
            for ((cost, quality), (own_cost, own_quality)) in sums.iter_mut().zip(values) {
                *cost += own_cost;
                *quality += own_quality;
            }
        }
        let n = self.n as f64;
        for (place, (cost, quality)) in sums.iter().enumerate().skip(from) {
            let (cost, quality) = ((spent.0 + cost) / n, (spent.1 + quality) / n);
            self.offer(cost, quality, stages, place);
        }
        if stages.len() == 2 {
            return;
        }
        for (place, (own_cost, _)) in sums.iter().enumerate().take(m - 1).skip(from) {
            for level in 0..self.levels[place].len() {
                let least = self.levels[place][level];
                let mut rest = Vec::with_capacity(left.len());
                let mut accepted = 0.0;
                for &prompt in left {
                    let at = prompt as usize * m + place;
                    if self.scores[at] >= least {
                        accepted += self.qualities[at];
                    } else {
                        rest.push(prompt);
                    }
                }
                let spent = (spent.0 + own_cost, spent.1 + accepted);
                stages.push((self.order[place], least));
                self.stage(&rest, place + 1, spent, stages);
                stages.pop();
            }
        }
    }

    fn offer(&mut self, cost_usd: f64, quality: f64, stages: &[(usize, f32)], last: usize) {
        // The mean of a model alone is summed here in another order than where budgets come from.
        let fits = |best: &Best| cost_usd <= best.budget_usd * (1.0 + 1e-12);
        let Some(best) = self.best.iter_mut().find(|best| fits(best)) else { return };
        if quality > best.quality || quality == best.quality && cost_usd < best.cost_usd {
            let chain = Chain { stages: stages.to_vec(), last: self.order[last] };
            *best = Best { budget_usd: best.budget_usd, quality, cost_usd, chain };
        }
    }
}
