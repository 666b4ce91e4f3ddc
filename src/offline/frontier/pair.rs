//! Routers between a strong and a weak model, by the share of strong calls.

use super::evaluation::{self, alone, quality};
use super::families::Threshold;
use super::{Between, Options, Pair, Study};
use crate::analysis::frontier::{
    Columns, Measured, Share, average_gap_recovered, gap_recovered, measured, share_needed,
};
use crate::predictors::expected_costs;
use crate::units::ModelId;
use crate::world::outcomes::Outcomes;

/// The shares of strong calls in a random mixture.
pub(super) const SHARES: u32 = 20;

/// The strong and the weak model.
pub(super) fn models(
    outcomes: &Outcomes,
    train: &[u32],
    best: ModelId,
    options: &Options,
) -> Result<(ModelId, ModelId), String> {
    let named = |name: &Option<String>| {
        let of = |name: &String| {
            evaluation::models(outcomes)
                .find(|model| outcomes.models[model.index()] == *name)
                .ok_or_else(|| format!("the table has no model `{name}` that is used"))
        };
        name.as_ref().map(of).transpose()
    };
    let strong = named(&options.strong)?.unwrap_or(best);
    let weak = match named(&options.weak)? {
        Some(weak) => weak,
        None => weak_beside(outcomes, train, strong),
    };
    if strong == weak {
        return Err("the strong and the weak model are the same".to_owned());
    }
    if quality(outcomes, train, strong) <= quality(outcomes, train, weak) {
        let [strong, weak] = [strong, weak].map(|model| &outcomes.models[model.index()]);
        return Err(format!(
            "`{strong}` is no better than `{weak}` on the training prompts: name another pair"
        ));
    }
    Ok((strong, weak))
}

/// The best of the models that cost at most a tenth of `strong`, or else the cheapest.
fn weak_beside(outcomes: &Outcomes, train: &[u32], strong: ModelId) -> ModelId {
    let costs = expected_costs(outcomes, train);
    let cost = |model: ModelId| costs[model.index()];
    let others = || evaluation::models(outcomes).filter(move |model| *model != strong);
    let cheap = others().filter(|model| cost(*model) <= 0.1 * cost(strong));
    let quality_of = |model: &ModelId| quality(outcomes, train, *model);
    cheap
        .min_by(|one, other| quality_of(other).total_cmp(&quality_of(one)))
        .or_else(|| others().min_by(|one, other| cost(*one).total_cmp(&cost(*other))))
        .expect("there are two models")
}

/// Measures the random mixture on all prompts, and it and the threshold router on those held out.
pub(super) fn measure(study: &Study<'_>, threshold: Threshold) -> Pair {
    let Study { outcomes, strong, weak, bootstrap, .. } = study;
    let all: Vec<u32> = (0..outcomes.n_prompts() as u32).collect();
    let qualities = |prompts: &[u32]| {
        [*weak, *strong].map(|model| -> Vec<f32> {
            alone(outcomes, prompts, model).map(|got| got.quality as f32).collect()
        })
    };
    let whole = measured(&Columns::new(&qualities(&all)), bootstrap, |means| {
        statistics(&mixture(means[0], means[1]), means[0], means[1])
    });
    let mut columns = qualities(&study.test).to_vec();
    columns.extend(threshold.columns);
    let held_out = measured(&Columns::new(&columns), bootstrap, |means| {
        let (weak, strong) = (means[0], means[1]);
        let settings: Vec<Share> = means[2..]
            .chunks_exact(2)
            .map(|pair| Share { strong: pair[0], quality: pair[1] })
            .collect();
        let mut all = statistics(&mixture(weak, strong), weak, strong);
        all.extend(statistics(&settings, weak, strong));
        all
    });
    let [of_mixture, of_threshold] =
        [("random mixture", &held_out[..4]), ("threshold", &held_out[4..])].map(between);
    let name = |model: &ModelId| outcomes.models[model.index()].clone();
    Pair {
        strong: name(strong),
        weak: name(weak),
        whole: between(("random mixture", &whole)),
        held_out: vec![of_mixture, of_threshold],
    }
}

/// A random mixture, in expectation.
fn mixture(weak: f64, strong: f64) -> Vec<Share> {
    let at = |n: u32| {
        let share = f64::from(n) / f64::from(SHARES);
        Share { strong: share, quality: weak + share * (strong - weak) }
    };
    (0..=SHARES).map(at).collect()
}

fn statistics(settings: &[Share], weak: f64, strong: f64) -> Vec<f64> {
    let needed = |recovered| share_needed(settings, weak, strong, recovered).unwrap_or(f64::NAN);
    let apgr = average_gap_recovered(settings, weak, strong);
    vec![apgr, needed(0.5), needed(0.8), needed(gap_recovered(0.95 * strong, weak, strong))]
}

fn between((name, measured): (&str, &[Measured])) -> Between {
    let [apgr, cpt50, cpt80, share_for_95] = [0, 1, 2, 3].map(|at| measured[at]);
    Between { name: name.to_owned(), apgr, cpt50, cpt80, share_for_95 }
}
