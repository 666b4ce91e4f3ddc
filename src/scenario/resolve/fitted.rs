//! Orders that are fitted to the recorded prompts set apart.

use std::cell::RefCell;
use std::sync::Arc;

use super::{Models, Recorded};
use crate::domain::PromptScores;
use crate::predictors::{Predictor, answer_scores, expected_costs_by_domain, win_probabilities};
use crate::routing::order::{Cascade, OrderRule};
use crate::scenario::problem::Problems;
use crate::scenario::source::Span;
use crate::scenario::tree::{Node, Path};
use crate::scenario::written::{CascadeOrder, PredictedOrder, ThresholdOrder};
use crate::units::ModelId;

/// Folds in which training prompts are predicted.
const FOLDS: usize = 5;
/// The penalty of the regressions behind thresholds and cascades.
const LAMBDA: f64 = 1.0;

/// What orders are fitted to, and what was fitted: it is done once however many orders read it.
pub(super) struct Fits {
    recorded: Recorded,
    known: RefCell<Vec<(Rule, Arc<PromptScores>)>>,
}

/// What is predicted, and how.
#[derive(Clone, Debug, PartialEq)]
enum Rule {
    /// The quality of every model.
    Quality(Predictor),
    /// Whether one model does better than another: a score for one model alone.
    Win(ModelId, ModelId),
    /// Whether an answer of every model is good, given its length.
    Answers,
}

impl Fits {
    pub(super) fn new(recorded: Recorded) -> Self {
        Self { recorded, known: RefCell::default() }
    }

    /// Predictions for all prompts. One that is set apart is predicted from the others of them, so that what is chosen there
    /// is not chosen for having seen it.
    fn scores(&self, rule: &Rule) -> Arc<PromptScores> {
        let found = self.known.borrow().iter().find(|(own, _)| own == rule).map(|(_, s)| s.clone());
        found.unwrap_or_else(|| {
            let scores = Arc::new(self.cross_fitted(rule));
            self.known.borrow_mut().push((rule.clone(), Arc::clone(&scores)));
            scores
        })
    }

    fn cross_fitted(&self, rule: &Rule) -> PromptScores {
        let Recorded { table, known, train, .. } = &self.recorded;
        let features = &known.features;
        let fit = |to: &[u32]| match rule {
            Rule::Quality(by) => by.predict(table, features, to),
            Rule::Win(strong, weak) => PromptScores {
                n_models: 1,
                values: win_probabilities(table, features, to, (*strong, *weak), LAMBDA),
            },
            Rule::Answers => answer_scores(table, features, to, LAMBDA),
        };
        let mut scores = fit(train);
        // The nearest prompts of a training prompt leave it out, and a mean over all hardly knows it.
        let is_apart = matches!(rule, Rule::Quality(Predictor::Knn(_) | Predictor::Mean {}));
        if is_apart || train.len() < FOLDS {
            return scores;
        }
        for fold in 0..FOLDS {
            let is_in = |at: usize| at % FOLDS == fold;
            let places = || train.iter().enumerate();
            let others: Vec<u32> =
                places().filter(|(at, _)| !is_in(*at)).map(|(_, prompt)| *prompt).collect();
            let own = fit(&others);
            for (_, &prompt) in places().filter(|(at, _)| is_in(*at)) {
                let from = prompt as usize * scores.n_models;
                scores.values[from..from + scores.n_models].copy_from_slice(own.of(prompt));
            }
        }
        scores
    }
}

/// What there is to fit to, or why an order cannot be fitted.
fn fits<'m>(
    models: &'m Models,
    by: Option<&Predictor>,
    span: Span,
    problems: &mut Problems,
) -> Option<&'m Fits> {
    let refuse = |problems: &mut Problems, message: &str, cure: &str| {
        // Without a registry nothing is known of the table either.
        if models.are_all {
            problems.add(span, message, cure);
        }
        None
    };
    let Some(fits) = &models.fits else {
        let cure = "write `[world.outcomes]` with the `file` of a table";
        return refuse(
            problems,
            "the order is fitted to recorded outcomes, and there are none",
            cure,
        );
    };
    if fits.recorded.train.is_empty() {
        let cure = "write `train_share = 0.5` in `[world.outcomes]`";
        return refuse(
            problems,
            "the order is fitted to prompts set apart, and there are none",
            cure,
        );
    }
    if by.is_some_and(Predictor::needs_features) && fits.recorded.known.features.is_empty() {
        let cure = "write `features` in `[world.outcomes]`, or predict by another rule";
        return refuse(problems, "nearest prompts are found by features, and there are none", cure);
    }
    Some(fits)
}

/// The largest predicted quality less what the expected cost is worth.
pub(super) fn predicted(
    written: &PredictedOrder,
    tree: &Node,
    models: &Models,
    problems: &mut Problems,
) -> Option<OrderRule> {
    let span = tree.span_at(&Path::of("order.predicted"));
    let fits = fits(models, Some(&written.by), span, problems)?;
    let Recorded { table, train, .. } = &fits.recorded;
    let mut scores = (*fits.scores(&Rule::Quality(written.by.clone()))).clone();
    let price = written.quality_per_usd.get();
    if price > 0.0 {
        let costs = expected_costs_by_domain(table, train);
        for (at, score) in scores.values.iter_mut().enumerate() {
            let (prompt, model) = (at / scores.n_models, at % scores.n_models);
            let usd = costs[usize::from(table.domain_of[prompt])][model];
            *score = (f64::from(*score) - price * usd) as f32;
        }
    }
    Some(OrderRule::Predicted(Arc::new(scores)))
}

/// The strong model where it is probable enough to do better.
pub(super) fn threshold(
    written: &ThresholdOrder,
    models: &Models,
    problems: &mut Problems,
) -> Option<OrderRule> {
    let fits = fits(models, None, written.strong.span, problems)?;
    let strong = models.id(&written.strong, problems);
    let weak = models.id(&written.weak, problems);
    let (strong, weak) = (strong?, weak?);
    let wins = fits.scores(&Rule::Win(strong, weak));
    let win = |prompt: u32| wins.of(prompt)[0];
    let mut known: Vec<f32> = fits.recorded.train.iter().map(|prompt| win(*prompt)).collect();
    known.sort_by(|a, b| b.total_cmp(a));
    let n = (written.strong_share.get() * known.len() as f64).round() as usize;
    // Halfway between the last probability that is enough and the first that is not.
    let from = match n {
        0 => f32::INFINITY,
        n if n == known.len() => f32::NEG_INFINITY,
        n => 0.5 * (known[n - 1] + known[n]),
    };
    let n_models = models.names.len();
    let mut values = vec![f32::NAN; fits.recorded.table.n_prompts() * n_models];
    for (prompt, own) in values.chunks_exact_mut(n_models).enumerate() {
        let dear = win(prompt as u32) >= from;
        own[weak.index()] = f32::from(u8::from(!dear));
        own[strong.index()] = f32::from(u8::from(dear));
    }
    Some(OrderRule::Predicted(Arc::new(PromptScores { n_models, values })))
}

/// Models one after the other.
pub(super) fn cascade(
    written: &CascadeOrder,
    tree: &Node,
    models: &Models,
    problems: &mut Problems,
) -> Option<OrderRule> {
    let span = tree.span_at(&Path::of("order.cascade"));
    let fits = fits(models, None, span, problems)?;
    let ids = models.ids(&written.models, problems);
    if written.models.len() < 2 {
        let cure = "name two models or more, the cheapest first";
        problems.add(span, "a cascade of one model never goes on", cure);
    }
    if ids.len() != written.models.len() || ids.len() < 2 {
        return None;
    }
    Some(OrderRule::Cascade(Arc::new(Cascade {
        models: ids,
        trust: fits.scores(&Rule::Answers),
        trusted_from: written.trusted_from.get(),
    })))
}
