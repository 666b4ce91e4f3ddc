//! Whether laws fitted to one half of a log predict the other: medians and 95th percentiles of end-to-end times.
//!
//! How many predictions should fail? The interval is that of the held-out quantile alone, so that it is left out by 1 % of
//! *known* laws' quantiles; a fitted quantile has an error of its own. For a lognormal law and halves of equal size the median
//! is fitted with variance sigma^2 / n, that of the held-out one is pi sigma^2 / (2 n): a prediction from the true family lies
//! outside with probability 2 Phi(-2.576 / sqrt(1 + 2 / pi)) = 4.4 %, not 1 %. The table says for every model what
//! share of such pairs of halves fail though nothing is wrong, by simulation of the fitted law, and what their sum makes likely.

use crate::analysis::fit::{Family, Law, fit};
use crate::analysis::quantile::{bootstrap_interval, quantile};
use crate::data::requests::{LoggedAnswer, ModelLog};
use crate::offline::calibrate::measured::{Expected, is_enough, untested};
use crate::sim::stream::{Purpose, Streams};

/// What is predicted.
pub(super) const QUANTILES: [f64; 2] = [0.5, 0.95];
/// What the bootstrap interval of a held-out quantile holds.
pub(super) const LEVEL: f64 = 0.99;
/// Draws of a prediction by simulation.
const DRAWS: u64 = 20_001;
/// Simulated pairs of halves.
const PAIRS: u64 = 400;
/// First streams of draws and of pairs, apart from each other.
const FIRST_PAIR: u64 = 1 << 32;

/// Which half is held out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// The second in order of the log: tests the fit and that nothing changed.
    SecondHalf,
    /// Every second answer: tests the fit alone.
    Alternate,
}

impl Split {
    /// Name in reports and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SecondHalf => "second-half",
            Self::Alternate => "alternate",
        }
    }

    /// The answers that are fitted, and those held out.
    fn halves(self, answers: &[LoggedAnswer]) -> (Vec<LoggedAnswer>, Vec<LoggedAnswer>) {
        match self {
            Self::SecondHalf => {
                let (first, second) = answers.split_at(answers.len() / 2);
                (first.to_vec(), second.to_vec())
            }
            Self::Alternate => (
                answers.iter().copied().step_by(2).collect(),
                answers.iter().copied().skip(1).step_by(2).collect(),
            ),
        }
    }
}

/// How end-to-end times are predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predictor {
    /// The law fitted to whole times. It has its parameters where the prediction is made, and is the headline.
    Whole,
    /// What the scenario that is written simulates: (mean time to first token + tokens x mean time per token) x noise.
    Simulated,
    /// Independent draws of time to first token, tokens and time per token, each of its own law.
    Parts,
}

impl Predictor {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Whole, Self::Simulated, Self::Parts];

    /// Name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Whole => "fit of the whole",
            Self::Simulated => "as simulated",
            Self::Parts => "independent parts",
        }
    }
}

/// A predicted quantile beside the held-out one.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// `provider/model`.
    pub model: String,
    /// Answers that were fitted, and held out.
    pub n: (usize, usize),
    /// Which quantile.
    pub p: f64,
    /// The predictions in seconds, in the order of [`Predictor::ALL`]; those that a log lacks the columns for are missing.
    pub predicted: [Option<f64>; 3],
    /// The held-out quantile in seconds.
    pub held_out: f64,
    /// Its 99 % bootstrap interval.
    pub interval: (f64, f64),
    /// Share of simulated pairs of halves of the fitted law in which the prediction fails though the law is true.
    pub chance: f64,
}

impl Prediction {
    /// Whether a prediction lies inside the interval.
    #[must_use]
    pub fn holds(&self, predictor: Predictor) -> Option<bool> {
        let value = self.predicted[predictor as usize]?;
        Some(value >= self.interval.0 && value <= self.interval.1)
    }

    /// Whether the held-out half is too small for this quantile: fewer than three values are expected beyond it, so that the
    /// upper end of the interval is the sample's largest value, and the interval too short.
    #[must_use]
    pub fn is_weak(&self) -> bool {
        (self.n.1 as f64) * (1.0 - self.p) < 3.0
    }
}

/// All predictions of one split.
#[derive(Clone, Debug, PartialEq)]
pub struct Holdout {
    /// The split.
    pub split: Split,
    /// Predictions by model and quantile.
    pub predictions: Vec<Prediction>,
}

impl Holdout {
    /// Fits one half of each model's answers and predicts the other.
    #[must_use]
    pub fn of(split: Split, logs: &[ModelLog], seed: u64) -> Self {
        let mut predictions = Vec::new();
        for (at, log) in logs.iter().filter(|log| is_enough(log)).enumerate() {
            let (fitted, held) = split.halves(&log.answers);
            predictions.extend(predict(&log.name(), &fitted, &held, seed, at as u64));
        }
        Self { split, predictions }
    }

    /// How many predictions fail, of how many.
    #[must_use]
    pub fn failures(&self, predictor: Predictor) -> (usize, usize) {
        let held: Vec<bool> = self.predictions.iter().filter_map(|p| p.holds(predictor)).collect();
        (held.iter().filter(|holds| !**holds).count(), held.len())
    }

    /// How many fail by chance alone: the expected number, and the least that is passed in no more than 1 % of logs.
    #[must_use]
    pub fn by_chance(&self) -> (f64, usize) {
        // Distribution of a sum of unlike yes-or-no draws, taken as independent.
        let mut shares = vec![1.0];
        for prediction in &self.predictions {
            let mut next = vec![0.0; shares.len() + 1];
            for (k, share) in shares.iter().enumerate() {
                next[k] += share * (1.0 - prediction.chance);
                next[k + 1] += share * prediction.chance;
            }
            shares = next;
        }
        let mut beyond = 1.0;
        let most = shares.iter().position(|share| {
            beyond -= share;
            beyond <= 0.01
        });
        (self.predictions.iter().map(|p| p.chance).sum(), most.unwrap_or(shares.len() - 1))
    }
}

fn predict(
    name: &str,
    fitted: &[LoggedAnswer],
    held: &[LoggedAnswer],
    seed: u64,
    at: u64,
) -> Vec<Prediction> {
    let mut held: Vec<f64> = held.iter().map(|a| a.end_to_end_s).collect();
    held.sort_unstable_by(f64::total_cmp);
    let values = |of: fn(&LoggedAnswer) -> Option<f64>| fitted.iter().filter_map(of).collect();
    let whole = untested("end-to-end time", values(|a| Some(a.end_to_end_s)));
    let Some((whole, law)) = whole.and_then(|whole| {
        let law = whole.best()?.law;
        Some((whole, law))
    }) else {
        return Vec::new();
    };
    let tokens: Vec<f64> = values(|a| a.output_tokens);
    let ttft = untested("time to first token", values(|a| a.ttft_s));
    let per_token = untested("time per token", values(LoggedAnswer::per_token_s));
    let expected = Expected::of(&whole, ttft.as_ref(), per_token.as_ref());
    let noise = untested("noise", expected.paces(fitted)).and_then(|q| Some(q.best()?.law));
    let parts = ttft.zip(per_token).and_then(|(a, b)| Some((a.best()?.law, b.best()?.law)));
    let streams = Streams::new(seed);
    let (mut simulated, mut by_parts) = (Vec::new(), Vec::new());
    for k in 0..DRAWS {
        let mut stream = streams.nth(Purpose::Resample, at << 16 | k);
        let pick = (stream.uniform() * tokens.len() as f64) as usize;
        let tokens = tokens.get(pick).copied();
        let mean = expected.seconds(tokens);
        simulated.extend(mean.zip(noise).map(|(mean, noise)| mean * noise.draw(&mut stream)));
        by_parts.extend(parts.zip(tokens).map(|((first, each), tokens)| {
            first.draw(&mut stream) + tokens * each.draw(&mut stream)
        }));
    }
    simulated.sort_unstable_by(f64::total_cmp);
    by_parts.sort_unstable_by(f64::total_cmp);
    let n = (fitted.len(), held.len());
    let chances = chances(&law, n, &streams, at);
    let one = |(p, chance): (f64, f64)| {
        Some(Prediction {
            model: name.to_owned(),
            n,
            p,
            predicted: [Some(law.quantile(p)), quantile(&simulated, p), quantile(&by_parts, p)],
            held_out: quantile(&held, p)?,
            interval: bootstrap_interval(&held, p, LEVEL)?,
            chance,
        })
    };
    QUANTILES.into_iter().zip(chances).filter_map(one).collect()
}

/// How often the prediction of each quantile fails though both halves are of `law` and its family is known.
fn chances(law: &Law, n: (usize, usize), streams: &Streams, at: u64) -> [f64; 2] {
    let family: Family = law.family();
    let mut failures = [0.0; 2];
    for k in 0..PAIRS {
        let mut stream = streams.nth(Purpose::Resample, FIRST_PAIR + (at << 16 | k));
        let fitted: Vec<f64> = (0..n.0).map(|_| law.draw(&mut stream)).collect();
        let mut held: Vec<f64> = (0..n.1).map(|_| law.draw(&mut stream)).collect();
        held.sort_unstable_by(f64::total_cmp);
        let Ok(fitted) = fit(family, &fitted) else { continue };
        for (failures, p) in failures.iter_mut().zip(QUANTILES) {
            let predicted = fitted.law.quantile(p);
            let interval = bootstrap_interval(&held, p, LEVEL);
            let holds = interval.is_some_and(|(low, high)| predicted >= low && predicted <= high);
            *failures += f64::from(u8::from(!holds));
        }
    }
    failures.map(|n| n / PAIRS as f64)
}
