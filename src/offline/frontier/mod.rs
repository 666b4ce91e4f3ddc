//! What routers reach on recorded outcomes, in cost and quality: fitted to one half of the prompts, measured on the other.

mod cascade;
mod chart;
mod evaluation;
mod families;
mod pair;
mod text;
mod whole;

use serde::Serialize;

use crate::analysis::bootstrap::Bootstrap;
use crate::analysis::difficulty::{self, Difficulty};
use crate::analysis::frontier::Measured;
use crate::data::outcomes::Loaded;
use crate::domain::PromptFeatures;
use crate::units::ModelId;
use crate::world::outcomes::Outcomes;

pub use chart::chart;
pub use text::console;

/// What is asked of a table.
#[derive(Clone, Debug)]
pub struct Options {
    /// The share of prompts to which routers are fitted.
    pub train_share: f64,
    /// The strong model of routers between two; by default the best single model of the training prompts.
    pub strong: Option<String>,
    /// The weak model; by default the best of those that cost at most a tenth of the strong one there, or else the
    /// cheapest.
    pub weak: Option<String>,
    /// Resamples of prompts behind each interval.
    pub resamples: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { train_share: 0.5, strong: None, weak: None, resamples: 1_000 }
    }
}

/// Which rows and prompts were used.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    /// Rows that were read.
    pub rows: u64,
    /// Prompts that are used.
    pub prompts: usize,
    /// Prompts left out because a model did not answer them, or has no cost there.
    pub incomplete: usize,
    /// Prompts left out because they have no features.
    pub featureless: usize,
    /// Models left out because no cost of theirs is recorded.
    pub unpriced: Vec<String>,
    /// Prompts to which routers are fitted.
    pub train: usize,
    /// Prompts on which they are measured.
    pub test: usize,
}

/// A router at one setting.
#[derive(Clone, Debug, Serialize)]
pub struct Setting {
    /// Which setting it is.
    pub label: String,
    /// Mean quality.
    pub quality: Measured,
    /// Mean cost of a prompt in USD.
    pub cost_usd: Measured,
}

/// What is measured on all prompts; nothing is fitted but where it is said.
#[derive(Clone, Debug, Serialize)]
pub struct Whole {
    /// Each model alone, in order of id.
    pub singles: Vec<Setting>,
    /// Position of the best of them; of equally good ones the cheapest.
    pub best: usize,
    /// The cheapest model that is right, for each prompt. Where none is right the cheapest of all is paid.
    pub oracle: Setting,
    /// The best model of each domain, chosen by looking at the same prompts.
    pub domain_best: Setting,
}

/// A kind of router with all its settings.
#[derive(Clone, Debug, Serialize)]
pub struct Family {
    /// Its name.
    pub name: String,
    /// What it does.
    pub about: String,
    /// Its settings.
    pub settings: Vec<Setting>,
    /// Average quality over the range of costs.
    pub average_quality: Measured,
    /// The same less that of single models and mixtures of them.
    pub average_quality_gain: Measured,
    /// The quality of its best setting.
    pub best_quality: Measured,
    /// That less the best single model's, which is chosen on the training prompts.
    pub gain_over_best_single: Measured,
    /// The realised oracle's quality less that of its best setting.
    pub gap_to_oracle: Measured,
    /// The least cost at which it is as good as the best single model, as a share of that model's cost; infinite where it
    /// never is.
    pub cost_at_equal_quality: Measured,
    /// The mean distance of its Pareto settings to those of all routers.
    pub pareto_distance: Measured,
}

/// A router between two models.
#[derive(Clone, Debug, Serialize)]
pub struct Between {
    /// Its name.
    pub name: String,
    /// The average performance gap recovered.
    pub apgr: Measured,
    /// The share of strong calls that recovers half of the gap.
    pub cpt50: Measured,
    /// The share that recovers 80 % of it.
    pub cpt80: Measured,
    /// The share that gives 95 % of the strong model's quality.
    pub share_for_95: Measured,
}

/// Routers between a strong and a weak model.
#[derive(Clone, Debug, Serialize)]
pub struct Pair {
    /// The strong model.
    pub strong: String,
    /// The weak model.
    pub weak: String,
    /// The random mixture, on all prompts.
    pub whole: Between,
    /// Routers on the prompts that are held out.
    pub held_out: Vec<Between>,
}

/// All that was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Frontier {
    /// Which rows and prompts were used.
    pub account: Account,
    /// What holds on all prompts.
    pub whole: Whole,
    /// The best single model of the training prompts.
    pub best_single: String,
    /// The range of costs of the average quality: the cheapest and the dearest single model on the prompts held out, in
    /// USD.
    pub cost_range_usd: (f64, f64),
    /// Routers on the prompts that are held out; the first are the single models.
    pub families: Vec<Family>,
    /// The realised oracle there.
    pub oracle: Setting,
    /// Routers between two models.
    pub pair: Pair,
    /// How much of what is right is due to easy prompts, on all prompts.
    pub difficulty: Option<Correlation>,
}

/// The correlation of what models get right, with what follows from it.
#[derive(Clone, Debug, Serialize)]
pub struct Correlation {
    /// The correlation.
    pub correlation: Measured,
    /// Share of prompts that some model got right.
    pub any_right: f64,
    /// The same as predicted by the correlation.
    pub any_right_predicted: f64,
    /// The same as predicted by independence.
    pub any_right_independent: f64,
}

/// A table with what is fitted to its training prompts.
struct Study<'a> {
    outcomes: &'a Outcomes,
    /// Standardised over the training prompts.
    features: PromptFeatures,
    train: Vec<u32>,
    test: Vec<u32>,
    bootstrap: Bootstrap,
    /// Best single model of the training prompts.
    best: ModelId,
    strong: ModelId,
    weak: ModelId,
}

/// Measures routers on a table.
///
/// # Errors
/// In one sentence, if a model lacks costs or is not in the table, or if there are too few prompts to hold some out.
pub fn measure(loaded: &Loaded, options: &Options) -> Result<Frontier, String> {
    let outcomes = &loaded.outcomes;
    let costless = |answers: &Vec<crate::world::outcomes::Answer>| {
        answers.iter().any(|answer| answer.cost_usd.is_nan())
    };
    if let Some(model) = outcomes.answers.iter().position(costless) {
        let name = &outcomes.models[model];
        return Err(format!("no cost of the model `{name}` is recorded; leave it out"));
    }
    if outcomes.models.len() < 2 {
        return Err("there is only one model, between which nothing can be routed".to_owned());
    }
    let (train, test) = outcomes.split(options.train_share);
    if train.is_empty() || test.is_empty() {
        let n = outcomes.n_prompts();
        return Err(format!("of {n} prompts the training share leaves none on one side"));
    }
    let features = outcomes.features.as_ref().map(|all| all.standardised(&train));
    let best = evaluation::best_single(outcomes, &train);
    let (strong, weak) = pair::models(outcomes, &train, best, options)?;
    let study = Study {
        outcomes,
        features: features.unwrap_or_default(),
        train,
        test,
        bootstrap: Bootstrap { resamples: options.resamples, key: 0 },
        best,
        strong,
        weak,
    };
    let measured = families::measure(&study);
    let right: Vec<Vec<bool>> = outcomes
        .answers
        .iter()
        .map(|own| own.iter().map(|answer| answer.quality >= evaluation::RIGHT).collect())
        .collect();
    Ok(Frontier {
        account: Account {
            rows: loaded.rows,
            prompts: outcomes.n_prompts(),
            incomplete: loaded.incomplete,
            featureless: loaded.featureless,
            unpriced: loaded.unpriced.clone(),
            train: study.train.len(),
            test: study.test.len(),
        },
        whole: whole::measure(&study),
        best_single: outcomes.models[study.best.index()].clone(),
        cost_range_usd: measured.cost_range_usd,
        families: measured.families,
        oracle: measured.oracle,
        pair: pair::measure(&study, measured.threshold),
        difficulty: difficulty::fit(&right).map(Correlation::from),
    })
}

impl From<Difficulty> for Correlation {
    fn from(found: Difficulty) -> Self {
        let Difficulty { correlation: value, low, high, .. } = found;
        Self {
            correlation: Measured { value, low, high },
            any_right: found.any_right,
            any_right_predicted: found.any_right_predicted,
            any_right_independent: found.any_right_independent,
        }
    }
}
