//! Kinds of routers with their settings, fitted to the training prompts and measured on those held out.

use super::cascade;
use super::evaluation::{Evaluation, Got, alone, models, oracle, points};
use super::pair::SHARES;
use super::{Family, Setting, Study};
use crate::analysis::frontier::{Point, average_quality, cost_at, hull, measured, pareto_distance};
use crate::math;
use crate::predictors::{
    Knn, Logistic, Predictor, Ridge, expected_costs_by_domain, win_probabilities,
};

/// Penalty of the threshold router's regression and of the cascade's.
pub(super) const LAMBDA: f64 = 1.0;
/// Thresholds of the threshold router: shares of strong calls on the training prompts, in steps of one in so many.
const THRESHOLDS: u32 = 40;
/// Statistics of each family.
const STATISTICS: usize = 7;

/// Columns of the threshold router: strong calls and quality of each setting, by rising share.
pub(super) struct Threshold {
    pub(super) columns: Vec<Vec<f32>>,
}

/// What is measured on the prompts held out.
pub(super) struct HeldOut {
    pub(super) families: Vec<Family>,
    pub(super) oracle: Setting,
    pub(super) cost_range_usd: (f64, f64),
    pub(super) threshold: Threshold,
}

/// A family while its settings are collected.
struct Begun {
    name: &'static str,
    about: String,
    /// Its settings, from and to.
    settings: (usize, usize),
}

/// Settings of all families on the prompts held out.
struct Sweep<'a> {
    study: &'a Study<'a>,
    all: Evaluation,
    families: Vec<Begun>,
}

impl Sweep<'_> {
    fn family(
        &mut self,
        name: &'static str,
        about: impl Into<String>,
        add: impl FnOnce(&Study<'_>, &mut Evaluation),
    ) {
        let from = self.all.len();
        add(self.study, &mut self.all);
        let settings = (from, self.all.len());
        self.families.push(Begun { name, about: about.into(), settings });
    }

    /// A router that takes the model with the largest predicted quality less its price times expected cost.
    fn predicted(&mut self, name: &'static str, about: &str, predictor: &Predictor) {
        self.family(name, about, |study, all| {
            let outcomes = study.outcomes;
            let scores = predictor.predict(outcomes, &study.features, &study.train);
            let costs = expected_costs_by_domain(outcomes, &study.train);
            for price in prices(study) {
                let chosen = |prompt: &u32| {
                    let costs = &costs[usize::from(outcomes.domain_of[*prompt as usize])];
                    let (mut best, mut most) = (0, f64::NEG_INFINITY);
                    for (model, (score, cost)) in scores.of(*prompt).iter().zip(costs).enumerate() {
                        let value = f64::from(*score) - price * cost;
                        if value > most {
                            (best, most) = (model, value);
                        }
                    }
                    Got::from(&outcomes.answers[best][*prompt as usize])
                };
                let label = format!("{price:.4e} quality per USD");
                all.add(label, study.test.iter().map(chosen));
            }
        });
    }
}

/// What quality may cost, from nothing to what leaves only the cheapest models: 0, and 28 prices per USD that range from
/// .003 to 100 of quality over the difference in cost between the dearest and the cheapest model.
fn prices(study: &Study<'_>) -> Vec<f64> {
    let costs = crate::predictors::expected_costs(study.outcomes, &study.train);
    let (low, high) =
        costs.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), c| (low.min(*c), high.max(*c)));
    let span = if high > low { high - low } else { 1.0 };
    let price = |n: u32| 0.003 * math::powf(10.0, f64::from(n) / 6.0) / span;
    std::iter::once(0.0).chain((0..28).map(price)).collect()
}

/// Measures all families.
pub(super) fn measure(study: &Study<'_>) -> HeldOut {
    let Study { outcomes, test, .. } = study;
    let mut sweep = Sweep { study, all: Evaluation::default(), families: Vec::new() };
    sweep.family("single models", "one model for all prompts", |_, all| {
        for model in models(outcomes) {
            let name = outcomes.models[model.index()].clone();
            all.add(name, alone(outcomes, test, model));
        }
    });
    sweep.family("random mixture", "the strong model at random, else the weak one", mixture);
    sweep.predicted(
        "domain means",
        "the model of the best mean quality in the prompt's domain",
        &Predictor::DomainMean {},
    );
    if study.features.width() > 0 {
        sweep.predicted(
            "nearest prompts",
            "the model of the best mean quality on the 40 nearest prompts",
            &Predictor::Knn(Knn::default()),
        );
    }
    sweep.predicted(
        "ridge regression",
        "the model of the best quality by linear regression of features and domain",
        &Predictor::Ridge(Ridge::default()),
    );
    sweep.predicted(
        "logistic regression",
        "the model of the best quality by logistic regression of features and domain",
        &Predictor::Logistic(Logistic::default()),
    );
    let mut columns = Vec::new();
    sweep.family(
        "threshold",
        "the strong model where it is likely enough to do better than the weak one",
        |study, all| columns = threshold(study, all),
    );
    sweep.family(
        "cascade",
        "up to three models by rising cost, the next where the answer looks wrong",
        cascade::add,
    );
    let Sweep { mut all, families, .. } = sweep;
    let at_oracle = all.len();
    all.add("realised oracle".to_owned(), test.iter().map(|prompt| oracle(outcomes, *prompt)));
    let n = all.len();
    let held_out = all.columns(&[]);
    let singles = families[0].settings;
    let range = |points: &[Point]| {
        let costs = || points[singles.0..singles.1].iter().map(|point| point.cost_usd);
        (costs().fold(f64::INFINITY, f64::min), costs().fold(0.0, f64::max))
    };
    let cost_range_usd = range(&points(&held_out.means()));
    let best = study.best.index();
    let intervals = measured(&held_out, &study.bootstrap, |means| {
        let points = points(means);
        let mut values = means.to_vec();
        let routers = &points[..at_oracle];
        let quality_of_singles =
            average_quality(&hull(&points[singles.0..singles.1]), cost_range_usd);
        for family in &families {
            let own = &points[family.settings.0..family.settings.1];
            let curve = hull(own);
            let highest = curve.last().map_or(f64::NAN, |corner| corner.quality);
            let average = average_quality(&curve, cost_range_usd);
            let single = points[best];
            values.extend([
                average,
                average - quality_of_singles,
                highest,
                highest - single.quality,
                points[at_oracle].quality - highest,
                cost_at(&curve, single.quality).map_or(f64::NAN, |cost| cost / single.cost_usd),
                pareto_distance(own, routers),
            ]);
        }
        values
    });
    let settings = all.settings(&intervals[..2 * n]);
    let statistics = intervals[2 * n..].chunks_exact(STATISTICS);
    let families = families
        .into_iter()
        .zip(statistics)
        .map(|(family, statistics)| Family {
            name: family.name.to_owned(),
            about: family.about,
            settings: settings[family.settings.0..family.settings.1].to_vec(),
            average_quality: statistics[0],
            average_quality_gain: statistics[1],
            best_quality: statistics[2],
            gain_over_best_single: statistics[3],
            gap_to_oracle: statistics[4],
            cost_at_equal_quality: statistics[5],
            pareto_distance: statistics[6],
        })
        .collect();
    let oracle = settings[at_oracle].clone();
    HeldOut { families, oracle, cost_range_usd, threshold: Threshold { columns } }
}

/// The strong model at random, in expectation.
fn mixture(study: &Study<'_>, all: &mut Evaluation) {
    for n in 0..=SHARES {
        let share = f64::from(n) / f64::from(SHARES);
        let both = alone(study.outcomes, &study.test, study.weak).zip(alone(
            study.outcomes,
            &study.test,
            study.strong,
        ));
        let mixed = both.map(|(weak, strong)| Got {
            cost_usd: weak.cost_usd + share * (strong.cost_usd - weak.cost_usd),
            quality: weak.quality + share * (strong.quality - weak.quality),
        });
        all.add(format!("{:.0} % strong", 100.0 * share), mixed);
    }
}

/// The strong model where its probability to do better reaches a threshold, which is the one that sends a share of the
/// training prompts there. Returns strong calls and quality of each setting.
fn threshold(study: &Study<'_>, all: &mut Evaluation) -> Vec<Vec<f32>> {
    let Study { outcomes, train, test, strong, weak, .. } = study;
    let wins = win_probabilities(outcomes, &study.features, train, (*strong, *weak), LAMBDA);
    let mut sorted: Vec<f32> = train.iter().map(|prompt| wins[*prompt as usize]).collect();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let mut columns = Vec::new();
    for n in 0..=THRESHOLDS {
        let share = f64::from(n) / f64::from(THRESHOLDS);
        let calls = (share * sorted.len() as f64 + 0.5) as usize;
        let least = match n {
            0 => f32::INFINITY,
            THRESHOLDS => f32::NEG_INFINITY,
            _ => sorted[calls.clamp(1, sorted.len()) - 1],
        };
        let is_strong = |prompt: &u32| wins[*prompt as usize] >= least;
        let got = |prompt: &u32| {
            let model = if is_strong(prompt) { *strong } else { *weak };
            Got::from(outcomes.answer(*prompt, model))
        };
        columns.push(test.iter().map(|prompt| f32::from(u8::from(is_strong(prompt)))).collect());
        columns.push(test.iter().map(|prompt| got(prompt).quality as f32).collect());
        all.add(format!("{:.1} % strong in training", 100.0 * share), test.iter().map(got));
    }
    columns
}
