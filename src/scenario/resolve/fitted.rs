//! Orders that are fitted to the recorded prompts set apart.

use std::cell::RefCell;
use std::sync::Arc;

use super::{Models, Recorded};
use crate::domain::{PromptFeatures, PromptScores};
use crate::math;
use crate::predictors::{Logistic, Predictor, expected_costs_by_domain};
use crate::routing::order::{Cascade, OrderRule};
use crate::scenario::problem::Problems;
use crate::scenario::source::Span;
use crate::scenario::tree::{Node, Path};
use crate::scenario::written::{CascadeOrder, PredictedOrder, ThresholdOrder};
use crate::units::ModelId;
use crate::world::outcomes::{Answer, Outcomes};

/// Folds in which training prompts are predicted.
const FOLDS: usize = 5;

/// Predictions of a table, each fitted once however many orders read it.
pub(super) struct Fits {
    recorded: Recorded,
    known: RefCell<Vec<(Predictor, Arc<PromptScores>)>>,
    trust: RefCell<Vec<(ModelId, Arc<Vec<f32>>)>>,
}

impl Fits {
    pub(super) fn new(recorded: Recorded) -> Self {
        Self { recorded, known: RefCell::default(), trust: RefCell::default() }
    }

    /// Predicted quality. A prompt set apart is predicted from the others of them, so that what is chosen there is not
    /// chosen for having seen it.
    fn quality(&self, by: &Predictor) -> Arc<PromptScores> {
        let found = self.known.borrow().iter().find(|(own, _)| own == by).map(|(_, s)| s.clone());
        found.unwrap_or_else(|| {
            let Recorded { table, known, train, .. } = &self.recorded;
            let scores = Arc::new(cross_fitted(by, table, &known.features, train));
            self.known.borrow_mut().push((by.clone(), Arc::clone(&scores)));
            scores
        })
    }

    /// How far a model's answers are to be trusted, prompt by prompt: a logistic regression on the features of the prompt
    /// and the logarithm of the answer's tokens.
    fn trust(&self, model: ModelId) -> Arc<Vec<f32>> {
        let found =
            self.trust.borrow().iter().find(|(own, _)| *own == model).map(|(_, t)| t.clone());
        found.unwrap_or_else(|| {
            let Recorded { table, known, train, .. } = &self.recorded;
            let answers = &table.answers[model.index()];
            let tokens = |answer: &Answer| match answer.output_tokens {
                Answer::NO_TOKENS => 0.0,
                tokens => math::ln(1.0 + f64::from(tokens)) as f32,
            };
            let mut names = known.features.names.clone();
            names.push("ln_output_tokens".to_owned());
            let values = (0..table.n_prompts() as u32).flat_map(|prompt| {
                let own = if known.features.is_empty() { &[] } else { known.features.of(prompt) };
                own.iter().copied().chain([tokens(&answers[prompt as usize])]).collect::<Vec<f32>>()
            });
            let features = PromptFeatures::new(names, values.collect()).standardised(train);
            let one = Outcomes {
                models: vec![table.models[model.index()].clone()],
                answers: vec![answers.clone()],
                features: None,
                ..(**table).clone()
            };
            let by = Predictor::Logistic(Logistic::default());
            let trust = Arc::new(cross_fitted(&by, &one, &features, train).values);
            self.trust.borrow_mut().push((model, Arc::clone(&trust)));
            trust
        })
    }
}

/// Predictions for all prompts: those set apart from the other folds of them, the others from all.
fn cross_fitted(
    by: &Predictor,
    table: &Outcomes,
    features: &PromptFeatures,
    train: &[u32],
) -> PromptScores {
    let mut scores = by.predict(table, features, train);
    // The nearest prompts of a training prompt leave it out, and a mean over all hardly knows it.
    if matches!(by, Predictor::Knn(_) | Predictor::Mean {}) || train.len() < FOLDS {
        return scores;
    }
    for fold in 0..FOLDS {
        let is_in = |at: usize| at % FOLDS == fold;
        let place = || train.iter().enumerate();
        let others: Vec<u32> = place().filter(|(at, _)| !is_in(*at)).map(|(_, p)| *p).collect();
        let own = by.predict(table, features, &others);
        for (_, &prompt) in place().filter(|(at, _)| is_in(*at)) {
            let from = prompt as usize * scores.n_models;
            scores.values[from..from + scores.n_models].copy_from_slice(own.of(prompt));
        }
    }
    scores
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
    let mut scores = (*fits.quality(&written.by)).clone();
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

/// The strong model where its predicted gain is large enough.
pub(super) fn threshold(
    written: &ThresholdOrder,
    models: &Models,
    problems: &mut Problems,
) -> Option<OrderRule> {
    let fits = fits(models, Some(&written.by), written.strong.span, problems)?;
    let strong = models.id(&written.strong, problems);
    let weak = models.id(&written.weak, problems);
    let (strong, weak) = (strong?, weak?);
    let quality = fits.quality(&written.by);
    let gain = |prompt: u32| quality.of(prompt)[strong.index()] - quality.of(prompt)[weak.index()];
    let mut gains: Vec<f32> = fits.recorded.train.iter().map(|prompt| gain(*prompt)).collect();
    gains.sort_by(|a, b| b.total_cmp(a));
    let n = (written.strong_share.get() * gains.len() as f64).round() as usize;
    // Halfway between the last gain that is enough and the first that is not.
    let from = match n {
        0 => f32::INFINITY,
        n if n == gains.len() => f32::NEG_INFINITY,
        n => 0.5 * (gains[n - 1] + gains[n]),
    };
    let n_models = models.names.len();
    let mut values = vec![f32::NAN; fits.recorded.table.n_prompts() * n_models];
    for (prompt, own) in values.chunks_exact_mut(n_models).enumerate() {
        let dear = gain(prompt as u32) >= from;
        own[strong.index()] = f32::from(u8::from(dear));
        own[weak.index()] = f32::from(u8::from(!dear));
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
    let n_models = models.names.len();
    let mut values = vec![f32::NAN; fits.recorded.table.n_prompts() * n_models];
    let (last, others) = ids.split_last()?;
    for model in others {
        let trust = fits.trust(*model);
        for (own, trust) in values.chunks_exact_mut(n_models).zip(trust.iter()) {
            own[model.index()] = *trust;
        }
    }
    values.chunks_exact_mut(n_models).for_each(|own| own[last.index()] = 1.0);
    let thresholds = vec![written.trusted_from.get(); ids.len()];
    let trust = PromptScores { n_models, values };
    Some(OrderRule::Cascade(Arc::new(Cascade { models: ids, trust, thresholds })))
}
