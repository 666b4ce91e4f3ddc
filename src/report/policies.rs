//! What came of orders on trial: deployments with their rollbacks, and verdicts of A/B tests, over seeds.

use std::collections::BTreeMap;
use std::path::Path;

use crate::analysis::interval::binomial_interval;
use crate::domain::{Policy, PolicyDecision, PolicyReason};
use crate::report::table::TextTable;
use crate::results::ResultsError;
use crate::results::column::Table;
use crate::results::manifest::{BlockEntry, Manifest};
use crate::results::parquet::Rows;
use crate::results::schema::Policies as PolicyTable;

const DEPLOYMENTS: &str = "Candidates deployed and rolled back";
const VERDICTS: &str = "Verdicts of the A/B tests";
const ABOUT_DEPLOYMENTS: &str = "Shares of runs with 95 % Clopper-Pearson intervals. The median counts a run without a \
    rollback as longer than all others. Each rollback has one cause: the first of success rate, efficiency and latency \
    that was worse than the baseline's figure by more than the tolerance. Overall: the plan's score of the baseline and of \
    the candidate, 0-1, mean over rollbacks; it decides nothing.";
const ABOUT_VERDICTS: &str = "Shares of runs with 95 % Clopper-Pearson intervals; difference: efficiency of b less that \
    of a, mean over runs. Power: the probability that one Welch test of the planned samples finds the scenario's \
    `effect`; smallest effect: the difference, as a share of a, that it finds with probability 80 %; means over runs.";

/// One decision.
struct Decision {
    seed: u64,
    at_s: f64,
    decision: String,
    policy: String,
    reason: String,
    samples: [Option<f64>; 2],
    overall: [Option<f64>; 2],
    difference: Option<f64>,
    power: Option<f64>,
    smallest_effect: Option<f64>,
}

/// The decisions of every block and variant.
pub(super) struct Policies(BTreeMap<(String, String), Vec<Decision>>);

impl Policies {
    /// # Errors
    /// If the table `policies` cannot be read.
    pub(super) fn read(folder: &Path) -> Result<Self, ResultsError> {
        let rows = Rows::read(folder, &PolicyTable::DOC)?;
        let texts: Vec<Vec<String>> = ["block", "variant", "decision", "policy", "reason"]
            .into_iter()
            .map(|name| rows.texts(name))
            .collect::<Result<_, _>>()?;
        let names = [
            "seed",
            "at_s",
            "a_n",
            "b_n",
            "a_overall",
            "b_overall",
            "difference",
            "power",
            "smallest_effect",
        ];
        let numbers: Vec<Vec<Option<f64>>> =
            names.into_iter().map(|name| rows.numbers(name)).collect::<Result<_, _>>()?;
        let mut decisions: BTreeMap<(String, String), Vec<Decision>> = BTreeMap::new();
        for at in 0..texts[0].len() {
            let [block, variant, decision, policy, reason] =
                std::array::from_fn(|column| texts[column][at].clone());
            let [seed, at_s, a_n, b_n, a, b, difference, power, smallest_effect] =
                std::array::from_fn(|column| numbers[column][at]);
            decisions.entry((block, variant)).or_default().push(Decision {
                seed: seed.unwrap_or(0.0) as u64,
                at_s: at_s.unwrap_or(0.0),
                decision,
                policy,
                reason,
                samples: [a_n, b_n],
                overall: [a, b],
                difference,
                power,
                smallest_effect,
            });
        }
        Ok(Self(decisions))
    }

    /// The tables of a block for the console; nothing where no order was on trial.
    pub(super) fn console(&self, manifest: &Manifest, block: &BlockEntry) -> String {
        let tables = self.tables(manifest, block).into_iter();
        tables.map(|(title, _, table)| format!("\n{title}\n\n{}", table.console())).collect()
    }

    /// The tables of a block as Markdown.
    pub(super) fn markdown(&self, manifest: &Manifest, block: &BlockEntry) -> String {
        let tables = self.tables(manifest, block).into_iter();
        tables
            .map(|(title, about, table)| {
                format!("\n### {title}\n\n{}\n{about}\n", table.markdown())
            })
            .collect()
    }

    fn tables(
        &self,
        manifest: &Manifest,
        block: &BlockEntry,
    ) -> Vec<(&'static str, &'static str, TextTable)> {
        let mut deployments = TextTable::new([
            "variant",
            "deployed, runs",
            "rolled_back, %",
            "median time to it, h",
            "success_rate, runs",
            "efficiency, runs",
            "latency, runs",
            "overall before",
            "overall at rollback",
        ]);
        let mut verdicts = TextTable::new([
            "variant",
            "tests, runs",
            "verdict_a, %",
            "verdict_b, %",
            "undecided, %",
            "samples a side",
            "difference, points",
            "power, %",
            "smallest effect, %",
        ]);
        for variant in &manifest.variants {
            let key = (block.name.clone(), variant.clone());
            let decisions = self.0.get(&key).map_or(&[][..], Vec::as_slice);
            let named = std::iter::once(variant.clone());
            if let Some(cells) = deployment(decisions) {
                deployments.push(named.chain(cells).collect());
            } else if let Some(cells) = verdict(decisions) {
                verdicts.push(named.chain(cells).collect());
            }
        }
        [(DEPLOYMENTS, ABOUT_DEPLOYMENTS, deployments), (VERDICTS, ABOUT_VERDICTS, verdicts)]
            .into_iter()
            .filter(|(_, _, table)| !table.is_empty())
            .collect()
    }
}

fn of_kind(decisions: &[Decision], kind: PolicyDecision) -> Vec<&Decision> {
    decisions.iter().filter(|d| d.decision == kind.name()).collect()
}

fn deployment(decisions: &[Decision]) -> Option<[String; 8]> {
    let deployed = of_kind(decisions, PolicyDecision::Deployed);
    let rolled_back = of_kind(decisions, PolicyDecision::RolledBack);
    let n = deployed.len();
    if n == 0 {
        return None;
    }
    let mut hours: Vec<f64> = rolled_back
        .iter()
        .filter_map(|back| {
            let from = deployed.iter().find(|deployed| deployed.seed == back.seed)?;
            Some((back.at_s - from.at_s) / 3600.0)
        })
        .collect();
    hours.sort_unstable_by(f64::total_cmp);
    let median = match hours.get((n - 1) / 2).zip(hours.get(n / 2)) {
        Some((low, high)) => format!("{:.2}", 0.5 * (low + high)),
        None => "beyond the run".to_owned(),
    };
    let [success, efficiency, latency] =
        [PolicyReason::SuccessRate, PolicyReason::Efficiency, PolicyReason::Latency]
            .map(|reason| rolled_back.iter().filter(|d| d.reason == reason.name()).count());
    Some([
        n.to_string(),
        share(rolled_back.len(), n),
        median,
        success.to_string(),
        efficiency.to_string(),
        latency.to_string(),
        mean(&rolled_back, |d| d.overall[0], 1.0, 3),
        mean(&rolled_back, |d| d.overall[1], 1.0, 3),
    ])
}

fn verdict(decisions: &[Decision]) -> Option<[String; 8]> {
    let all = of_kind(decisions, PolicyDecision::Verdict);
    let n = all.len();
    if n == 0 {
        return None;
    }
    let named = |policy: &str| all.iter().filter(|d| d.policy == policy).count();
    let samples = |d: &Decision| match d.samples {
        [Some(a), Some(b)] => Some(0.5 * (a + b)),
        _ => None,
    };
    Some([
        n.to_string(),
        share(named(Policy::A.name()), n),
        share(named(Policy::B.name()), n),
        share(named(""), n),
        mean(&all, samples, 1.0, 0),
        mean(&all, |d| d.difference, 1.0, 2),
        mean(&all, |d| d.power, 100.0, 0),
        mean(&all, |d| d.smallest_effect, 100.0, 1),
    ])
}

/// The mean of a figure over the decisions that have it, times `scale`.
fn mean(
    decisions: &[&Decision],
    of: impl Fn(&Decision) -> Option<f64>,
    scale: f64,
    decimals: usize,
) -> String {
    let values: Vec<f64> = decisions.iter().filter_map(|d| of(d)).collect();
    match values.len() {
        0 => "-".to_owned(),
        n => format!("{:.decimals$}", scale * values.iter().sum::<f64>() / n as f64),
    }
}

/// `k` of `n` in percent with its interval.
fn share(k: usize, n: usize) -> String {
    let (low, high) = binomial_interval(k as u64, n as u64);
    let percent = 100.0 * k as f64 / n as f64;
    format!("{percent:.1} [{:.1}, {:.1}]", 100.0 * low, 100.0 * high)
}
