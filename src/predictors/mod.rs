//! Predictions of every model's quality for every prompt, fitted to training prompts only.

mod cost;
mod judge;
mod linear;
mod logistic;
mod neighbours;
mod symmetric;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bounded::{Count, Positive};
use crate::domain::{PromptFeatures, PromptScores};
use crate::world::outcomes::{Answer, Outcomes};

pub use cost::{expected_costs, expected_costs_by_domain};
pub use judge::{answer_scores, win_probabilities};
pub use linear::ridge_coefficients;

/// How good every model's answer to a prompt will be, as predicted from the recorded answers to other prompts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Predictor {
    /// The model's mean quality, the same for every prompt.
    Mean {},
    /// The model's mean quality on prompts of the same domain; its mean over all where the domain has none.
    DomainMean {},
    /// The model's mean quality on the nearest prompts, by Euclidean distance of standardised features.
    Knn(Knn),
    /// A linear regression of quality on the features, with a penalty on the squares of its coefficients.
    Ridge(Ridge),
    /// A logistic regression of quality on the features for each model, with a penalty on the squares of its coefficients.
    Logistic(Logistic),
}

/// Keys of `knn`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Knn {
    /// The number of neighbours.
    pub k: Count,
}

impl Default for Knn {
    fn default() -> Self {
        Self { k: Count::of(40) }
    }
}

/// Keys of `ridge`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ridge {
    /// Weight of the sum of squared coefficients beside the sum of squared errors; the intercept is free.
    pub lambda: Positive,
    /// Whether each domain is a feature of its own, 1 for its prompts and 0 for others.
    pub domains: bool,
}

impl Default for Ridge {
    fn default() -> Self {
        Self { lambda: Positive::of(1.0), domains: true }
    }
}

/// Keys of `logistic`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Logistic {
    /// Weight of half the sum of squared coefficients beside the negative log-likelihood; the intercept is free.
    pub lambda: Positive,
    /// Whether each domain is a feature of its own, 1 for its prompts and 0 for others.
    pub domains: bool,
}

impl Default for Logistic {
    fn default() -> Self {
        Self { lambda: Positive::of(1.0), domains: true }
    }
}

impl Predictor {
    /// Its name, as it is written.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Mean {} => "mean",
            Self::DomainMean {} => "domain_mean",
            Self::Knn(_) => "knn",
            Self::Ridge(_) => "ridge",
            Self::Logistic(_) => "logistic",
        }
    }

    /// Whether it can say nothing without features.
    #[must_use]
    pub fn needs_features(&self) -> bool {
        matches!(self, Self::Knn(_))
    }

    /// Quality of every model for every prompt of the table, by prompt and then model.
    ///
    /// `features` are standardised over `train`, the prompts to which it is fitted: no other answer is looked at. Training
    /// prompts get a prediction as well, by `knn` without themselves, by the others from a fit that has seen them.
    /// Predictions of `ridge` may leave 0..1.
    ///
    /// # Panics
    /// Without training prompts, and in `knn` without features ([`Predictor::needs_features`]).
    #[must_use]
    pub fn predict(
        &self,
        outcomes: &Outcomes,
        features: &PromptFeatures,
        train: &[u32],
    ) -> PromptScores {
        assert!(!train.is_empty(), "a prediction without training prompts");
        match self {
            Self::Mean {} => spread(outcomes, |_| 0, &[means(outcomes, train)]),
            Self::DomainMean {} => {
                let rows = by_domain(outcomes, train, means);
                spread(outcomes, |prompt| usize::from(outcomes.domain_of[prompt]), &rows)
            }
            Self::Knn(Knn { k }) => {
                let k = usize::try_from(k.get()).unwrap_or(usize::MAX);
                neighbours::predict(outcomes, features, train, k)
            }
            Self::Ridge(Ridge { lambda, domains }) => {
                linear::predict(outcomes, features, train, lambda.get(), *domains)
            }
            Self::Logistic(Logistic { lambda, domains }) => {
                logistic::predict(outcomes, features, train, lambda.get(), *domains)
            }
        }
    }
}

/// Mean quality by model.
fn means(outcomes: &Outcomes, prompts: &[u32]) -> Vec<f64> {
    let n = prompts.len() as f64;
    let mean = |answers: &Vec<Answer>| {
        let quality = |prompt: &u32| f64::from(answers[*prompt as usize].quality);
        prompts.iter().map(quality).sum::<f64>() / n
    };
    outcomes.answers.iter().map(mean).collect()
}

/// `of` the training prompts of each domain; of all where a domain has none.
fn by_domain(
    outcomes: &Outcomes,
    train: &[u32],
    of: impl Fn(&Outcomes, &[u32]) -> Vec<f64>,
) -> Vec<Vec<f64>> {
    let mut prompts = vec![Vec::new(); outcomes.domains.len()];
    for &prompt in train {
        prompts[usize::from(outcomes.domain_of[prompt as usize])].push(prompt);
    }
    let own = |own: &Vec<u32>| of(outcomes, if own.is_empty() { train } else { own });
    prompts.iter().map(own).collect()
}

/// Gives every prompt the row that is its own.
fn spread(outcomes: &Outcomes, row_of: impl Fn(usize) -> usize, rows: &[Vec<f64>]) -> PromptScores {
    let prompts = 0..outcomes.n_prompts();
    let values = prompts.flat_map(|prompt| rows[row_of(prompt)].iter().map(|v| *v as f32));
    PromptScores { n_models: outcomes.models.len(), values: values.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 40 prompts, 3 models, 3 domains, 4 features, all by arithmetic; each fourth prompt is held out.
    fn made() -> (Outcomes, PromptFeatures, Vec<u32>) {
        let quality = |p: u32, m: u32| (p * p * 5 + m * 7 + p * 3 + p * m) % 11 < 5 + 2 * m;
        let feature = |p: i32, f: i32| ((p * 37 + f * 11 + p * p * (f + 1)) % 29 - 14) as f32 / 7.0;
        let answer = |p, m| Answer {
            quality: f32::from(u8::from(quality(p, m))),
            cost_usd: f64::from(p + 10 * m),
            ..Answer::MISSING
        };
        let outcomes = Outcomes {
            models: ["a", "b", "c"].map(String::from).to_vec(),
            domains: ["x", "y", "z"].map(String::from).to_vec(),
            prompts: (0..40).map(|p| format!("p{p}")).collect(),
            domain_of: (0..40).map(|p| p / 3 % 3).collect(),
            answers: (0..3).map(|m| (0..40).map(|p| answer(p, m)).collect()).collect(),
            features: None,
        };
        let train: Vec<u32> = (0..40).filter(|p| p % 4 != 3).collect();
        let values = (0..40).flat_map(|p| (0..4).map(move |f| feature(p, f))).collect();
        let features = PromptFeatures::new((0..4).map(|f| format!("f{f}")).collect(), values);
        let features = features.standardised(&train);
        (outcomes, features, train)
    }

    fn check(written: &str, expected: &[(u32, [f64; 3])]) {
        let (outcomes, features, train) = made();
        let predictor: Predictor = toml::from_str(written).expect("good");
        let scores = predictor.predict(&outcomes, &features, &train);
        assert_eq!(scores.values.len(), 120);
        for (prompt, expected) in expected {
            for (found, expected) in scores.of(*prompt).iter().zip(expected) {
                let off = (f64::from(*found) - expected).abs();
                // Features and predictions are stored in single precision.
                assert!(off < 2e-6, "{written}, prompt {prompt}: {found} instead of {expected}");
            }
        }
    }

    #[test]
    fn means_are_those_of_the_training_prompts() {
        let all = [0.7, 7.0 / 15.0, 0.9];
        check("mean = {}", &[(0, all), (3, all)]);
        let second = [2.0 / 3.0, 1.0 / 3.0, 8.0 / 9.0];
        check("domain_mean = {}", &[(3, second), (0, [0.75, 0.5, 11.0 / 12.0])]);
    }

    /// NumPy 2.4: stable sort of distances rounded to five digits, the prompt itself left out; 20 is a training prompt.
    #[test]
    fn nearest_prompts_are_those_of_an_exhaustive_search() {
        check(
            "knn = { k = 5 }",
            &[(3, [0.6, 0.6, 1.0]), (7, [0.8, 0.2, 1.0]), (20, [0.2, 0.2, 0.4])],
        );
        check("knn = { k = 1000 }", &[(3, [0.7, 7.0 / 15.0, 0.9])]);
    }

    /// scikit-learn 1.9.1, `Ridge(alpha=1)` on features and one-hot domains.
    #[test]
    fn ridge_regression_is_that_of_other_software() {
        check(
            "ridge = {}",
            &[
                (3, [0.651_899_842_619, 0.339_195_148_327, 0.981_514_730_894]),
                (7, [0.401_556_864_785, 0.437_636_419_119, 0.816_224_954_666]),
                (20, [0.587_298_609_614, 0.343_315_474_310, 0.782_336_494_405]),
            ],
        );
        // `Ridge(alpha=2.5)` on the features alone.
        let (outcomes, features, train) = made();
        let coefficients = ridge_coefficients(&outcomes, &features, &train, 2.5);
        let expected = [
            [0.7, 0.029_281_112, -0.091_985_324, -0.068_397_275, -0.095_605_002],
            [0.466_666_667, 0.099_766_210, -0.059_846_068, -0.030_608_100, -0.107_736_244],
            [0.9, 0.050_403_226, 0.019_587_454, -0.043_985_886, -0.115_584_345],
        ];
        for (found, expected) in coefficients.iter().flatten().zip(expected.iter().flatten()) {
            assert!((found - expected).abs() < 1e-8, "{found} instead of {expected}");
        }
    }

    /// scikit-learn 1.9.1, `LogisticRegression(C=1, solver="newton-cholesky", tol=1e-12)` on features and one-hot domains.
    #[test]
    fn logistic_regression_is_that_of_other_software() {
        check(
            "logistic = {}",
            &[
                (3, [0.639_572_641_322, 0.342_016_518_331, 0.967_016_479_003]),
                (7, [0.431_652_951_049, 0.419_451_700_138, 0.879_011_970_758]),
                (20, [0.610_168_665_465, 0.343_257_655_937, 0.817_079_355_342]),
            ],
        );
    }

    #[test]
    fn no_answer_to_a_prompt_that_is_held_out_is_looked_at() {
        let (outcomes, features, train) = made();
        let mut other = outcomes.clone();
        for answer in other.answers.iter_mut().flat_map(|own| own.iter_mut().skip(3).step_by(4)) {
            answer.quality = 1.0 - answer.quality;
            answer.cost_usd *= 2.0;
        }
        for written in ["mean = {}", "domain_mean = {}", "knn = {}", "ridge = {}", "logistic = {}"]
        {
            let predictor: Predictor = toml::from_str(written).expect("good");
            let [one, two] = [&outcomes, &other].map(|o| predictor.predict(o, &features, &train));
            assert_eq!(one, two, "{}", predictor.name());
        }
        assert_eq!(expected_costs(&outcomes, &train), expected_costs(&other, &train));
        let costs = expected_costs_by_domain(&outcomes, &train);
        // Of the first domain are the prompts 0, 1, 2, 9, 10, 18, 20, 28, 29, 36, 37 and 38: 19 in the mean.
        assert!((costs[0][1] - 29.0).abs() < 1e-12, "{costs:?}");
    }

    #[test]
    fn a_model_that_is_always_right_has_a_finite_prediction() {
        let (mut outcomes, features, train) = made();
        outcomes.answers[0].iter_mut().for_each(|answer| answer.quality = 1.0);
        let scores = Predictor::Logistic(Logistic::default()).predict(&outcomes, &features, &train);
        assert!((f64::from(scores.of(3)[0]) - 30.5 / 31.0).abs() < 1e-6, "{:?}", scores.of(3));
    }
}
