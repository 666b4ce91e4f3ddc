//! Bandit mode: problems in the place of world and workload, arms in the place of models.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Clock, Models, ONLY_BLOCK, Resolver, Setting};
use crate::domain::{ModelSet, Priority};
use crate::engine::End;
use crate::registry::{KeyState, Latency, Model, Registry};
use crate::scenario::decode::decode;
use crate::scenario::layer::Block as MergedBlock;
use crate::scenario::problem::Problems;
use crate::scenario::resolved::Block;
use crate::scenario::source::Span;
use crate::scenario::tree::{Node, Path};
use crate::scenario::values::Finite;
use crate::scenario::written::{
    Bandit, Change, Delay as WrittenDelay, Means, Rewards as WrittenRewards, Study,
};
use crate::units::{Level, NANOS_PER_SECOND, SimDuration};
use crate::world::bandit::{Budget, Delay, Law, Presence, Problem, Rewards, Stage};
use crate::world::expectation::Lengths;
use crate::world::workload::WorkloadSpec;
use crate::world::{ServiceShape, Spread, TaskType, Tokens, WorldSpec};

/// What has no meaning in bandit mode, of the scenario and of a stack.
const MEANINGLESS: [&str; 10] = [
    "time",
    "registry",
    "world",
    "workload",
    "task_types",
    "faults",
    "random_faults",
    "reward",
    "partial_counts",
    "criteria",
];
/// The keys of a stack that have one.
const STACK: [&str; 4] = ["order", "wrappers", "learner_scope", "learning"];
/// The orders that choose among arms.
const ORDERS: [&str; 8] = [
    "learner",
    "random",
    "round_robin",
    "weighted",
    "static_order",
    "always",
    "best_fixed",
    "informed_greedy",
];

impl Resolver<'_> {
    /// Whether rounds of a bandit problem are played: the scenario or a block of it has one.
    pub(super) fn is_bandit(&self, merged: &[MergedBlock]) -> bool {
        merged.iter().any(|block| block.tree.child("bandit").is_some())
    }

    /// What bandit mode has in the place of clock, registry and worlds; a problem for each block.
    pub(super) fn bandit_setting(&mut self, merged: &[MergedBlock]) -> (Models, Option<Setting>) {
        self.refuse_meaningless();
        let problems: Vec<Option<(Problem, Vec<String>)>> =
            merged.iter().map(|block| self.problem_of(block)).collect();
        let most = problems.iter().flatten().max_by_key(|(problem, _)| problem.n_arms);
        let names = most.map(|(_, names)| names.clone()).unwrap_or_default();
        let are_all = problems.iter().all(Option::is_some);
        let models = Models { names: names.clone(), broken: Vec::new(), are_all, fits: None };
        let Some(problems) = problems.into_iter().collect::<Option<Vec<_>>>() else {
            return (models, None);
        };
        for ((_, own), block) in problems.iter().zip(merged) {
            if !names.starts_with(own) {
                let message = "the blocks name their arms differently";
                let cure = "use the same names in the same order; a block may have fewer";
                let at = block.tree.span_at(&Path::of("bandit.arms"));
                self.problems().add(at, message, cure);
            }
        }
        let longest = problems.iter().map(|(problem, _)| problem.horizon).max().unwrap_or(1);
        let blocks = merged.iter().zip(problems).map(|(block, (problem, names))| Block {
            name: block.name.as_ref().map_or(ONLY_BLOCK.to_owned(), |name| name.value.clone()),
            choice: None,
            question: None,
            world: Arc::new(empty_world()),
            workload: WorkloadSpec::FixedInterval { interval: SimDuration(NANOS_PER_SECOND) },
            lengths: Lengths::Drawn,
            training_world: None,
            registry: Arc::new(registry(&names, &problem.declared)),
            bandit: Some(Arc::new(problem)),
        });
        let start = Timestamp::UNIX_EPOCH;
        let setting = Setting {
            clock: Clock {
                start,
                start_local: TimeZone::UTC.to_datetime(start),
                zone: TimeZone::UTC,
                end: End::Tasks(longest),
            },
            zone_name: "UTC".to_owned(),
            cut: false,
            warm_up: crate::units::SimTime::ZERO,
            registry: registry(&names, &vec![50.0; names.len()]),
            registry_source: "arms of bandit problems".to_owned(),
            assumed: Vec::new(),
            recorded: None,
            passes: None,
            blocks: blocks.collect(),
        };
        (models, Some(setting))
    }

    fn refuse_meaningless(&mut self) {
        let tree = self.loaded.tree.clone();
        let cure = "leave it out; in bandit mode `[bandit]` says all of the world";
        let blocks = tree.child("blocks").map_or(&[][..], Node::items);
        for holder in std::iter::once(&tree).chain(blocks) {
            for key in MEANINGLESS {
                if holder.child(key).is_some() {
                    let at = holder.key_span_at(&Path::of(key));
                    let message = format!("`{key}` has no meaning in bandit mode");
                    self.problems().add(at, message, cure);
                }
            }
        }
        let variants = tree.child("variants").map_or(&[][..], Node::items);
        let stacks = std::iter::once(&tree).chain(variants).filter_map(|at| at.child("stack"));
        for stack in stacks {
            for entry in stack.table().map_or(&[][..], |table| &table.entries) {
                if !STACK.contains(&entry.key.as_str()) {
                    let message = format!("`stack.{}` has no meaning in bandit mode", entry.key);
                    let cure = format!("leave it out; a stack has only {} there", STACK.join(", "));
                    self.problems().add(entry.key_span, message, cure);
                }
            }
            let order = stack.child("order").and_then(Node::table);
            for entry in order.map_or(&[][..], |table| &table.entries) {
                let is_known = crate::scenario::schema::kinds::<crate::scenario::written::Order>()
                    .iter()
                    .any(|(name, _)| *name == entry.key);
                if is_known && !ORDERS.contains(&entry.key.as_str()) {
                    let message =
                        format!("the order `{}` has no meaning in bandit mode", entry.key);
                    let cure = format!("take one of {}", ORDERS.join(", "));
                    self.problems().add(entry.key_span, message, cure);
                }
            }
        }
    }

    fn problem_of(&mut self, block: &MergedBlock) -> Option<(Problem, Vec<String>)> {
        let problems = self.problems();
        let study = decode::<Study>(&block.tree, "", problems);
        let written = match study.value?.bandit {
            Some(written) => written,
            None => {
                if !study.dropped.touches("bandit") {
                    let at = block.name.as_ref().map_or(Span::default(), |name| name.span);
                    let message = "this block has no bandit problem, and others have";
                    problems.add(at, message, "write a table `bandit` in the block or above");
                }
                return None;
            }
        };
        let mut reader = Reader { tree: &block.tree, problems, n_wrong: 0 };
        let read = reader.problem(&written);
        (reader.n_wrong == 0).then_some(read)?
    }
}

/// Reads one problem; counts what is wrong.
struct Reader<'a> {
    tree: &'a Node,
    problems: &'a mut Problems,
    n_wrong: usize,
}

impl Reader<'_> {
    fn wrong(&mut self, path: &str, message: impl Into<String>, cure: &str) {
        let at = self.tree.span_at(&Path::of(&format!("bandit.{path}")));
        self.problems.add(at, message, cure);
        self.n_wrong += 1;
    }

    fn problem(&mut self, written: &Bandit) -> Option<(Problem, Vec<String>)> {
        let horizon = written.rounds.get();
        let (rewards, n_arms) = self.rewards(&written.rewards)?;
        if n_arms > ModelSet::CAPACITY {
            let most = ModelSet::CAPACITY;
            self.wrong(
                "rewards",
                format!("there are {n_arms} arms, at most {most} fit"),
                "take fewer",
            );
            return None;
        }
        let names: Vec<String> = match &written.arms {
            Some(names) => names.iter().map(|name| name.value.clone()).collect(),
            None => (1..=n_arms).map(|arm| format!("arm-{arm}")).collect(),
        };
        self.has_length("arms", names.len(), n_arms);
        let declared: Vec<f64> = match &written.declared {
            Some(scores) => scores.iter().map(|score| score.get()).collect(),
            None => vec![50.0; n_arms],
        };
        self.has_length("declared", declared.len(), n_arms);
        let present = written.present.iter().enumerate().filter_map(|(at, own)| {
            let Some(arm) = names.iter().position(|name| *name == own.arm.value) else {
                let known = names.iter().map(String::as_str);
                self.problems.add_unknown(own.arm.span, "arm", &own.arm.value, known);
                self.n_wrong += 1;
                return None;
            };
            let (from, until) = (own.from.get(), own.until.map_or(horizon, |round| round.get()));
            if from >= until {
                let path = format!("present[{at}]");
                self.wrong(&path, "the arm is never there", "let `until` come after `from`");
            }
            Some(Presence { arm: crate::units::ModelId(arm as u16), from, until })
        });
        let present = present.collect();
        let budget = written.budget.as_ref().map(|own| Budget {
            total: own.total.get(),
            costs: own.costs.iter().map(|cost| cost.get()).collect(),
            is_drawn: own.drawn,
        });
        if let Some(budget) = &budget {
            self.has_length("budget.costs", budget.costs.len(), n_arms);
            let is_still = matches!(&rewards, Rewards::Means { stages, walk, .. } if stages.len() == 1 && *walk == 0.0);
            if !is_still {
                let message =
                    "a budget needs means that do not change: there is no reference otherwise";
                self.wrong("budget", message, "write `means`, or leave the budget out");
            }
        }
        let problem = Problem {
            horizon,
            n_arms,
            rewards,
            awake: written.awake.get(),
            present,
            delay: match written.delay {
                None => Delay::Constant(0),
                Some(WrittenDelay::Constant(rounds)) => Delay::Constant(rounds.get()),
                Some(WrittenDelay::Geometric(mean)) => Delay::Geometric(mean.get()),
            },
            budget,
            declared,
        };
        Some((problem, names))
    }

    fn has_length(&mut self, path: &str, found: usize, n_arms: usize) {
        if found != n_arms {
            let message = format!("`bandit.{path}` has {found} entries for {n_arms} arms");
            self.wrong(path, message, "write one for each arm");
        }
    }

    fn rewards(&mut self, written: &WrittenRewards) -> Option<(Rewards, usize)> {
        let (law, means, path) = match written {
            WrittenRewards::Bernoulli(means) => (Law::Bernoulli, means, "rewards.bernoulli"),
            WrittenRewards::Gaussian { sd, means } => {
                (Law::Gaussian(sd.get()), means, "rewards.gaussian.means")
            }
            WrittenRewards::Linear { theta, sd, arms_with_features } => {
                return self.linear(theta, sd.get(), arms_with_features.map(|n| n.get() as usize));
            }
        };
        let (stages, n_arms) = self.stages(means, path)?;
        let is_probability = |mean: &f64| (0.0..=1.0).contains(mean);
        if law == Law::Bernoulli && !stages.iter().flat_map(|s| &s.means).all(is_probability) {
            self.wrong(path, "a Bernoulli mean is not a probability", "write means of 0 to 1");
        }
        let in_lines = means.change == Change::Line;
        let walk = means.walk_sd.get();
        Some((Rewards::Means { law, stages, in_lines, walk }, n_arms))
    }

    fn stages(&mut self, written: &Means, path: &str) -> Option<(Vec<Stage>, usize)> {
        let plain = |means: &[Finite]| means.iter().map(|mean| mean.get()).collect::<Vec<f64>>();
        let stages: Vec<Stage> = match (&written.means, &written.stages) {
            (Some(means), None) => vec![Stage { from: 0, means: plain(means) }],
            (None, Some(stages)) => stages
                .iter()
                .map(|stage| Stage { from: stage.from.get(), means: plain(&stage.means) })
                .collect(),
            _ => {
                let message = "exactly one of `means` and `stages` is to be written";
                self.wrong(path, message, "write `means = [0.9, 0.8]`, or `stages`");
                return None;
            }
        };
        let n_arms = stages.first().map_or(0, |stage| stage.means.len());
        if n_arms == 0 {
            self.wrong(path, "there is no arm", "write the mean of at least one arm");
            return None;
        }
        if stages[0].from != 0 {
            self.wrong(path, "the first stage does not start at round 0", "write `from = 0`");
        }
        if stages.windows(2).any(|pair| pair[0].from >= pair[1].from) {
            self.wrong(path, "the stages are not in order", "let each start after the one before");
        }
        if stages.iter().any(|stage| stage.means.len() != n_arms) {
            self.wrong(
                path,
                "the stages have different numbers of arms",
                "write one mean for each arm in every stage",
            );
        }
        Some((stages, n_arms))
    }

    fn linear(
        &mut self,
        theta: &[Vec<Finite>],
        sd: f64,
        with_features: Option<usize>,
    ) -> Option<(Rewards, usize)> {
        let path = "rewards.linear.theta";
        let theta: Vec<Vec<f64>> =
            theta.iter().map(|own| own.iter().map(|x| x.get()).collect()).collect();
        let d = theta.first().map_or(0, Vec::len);
        if d == 0 || theta.iter().any(|own| own.len() != d) {
            self.wrong(
                path,
                "the vectors are empty or differ in length",
                "write vectors of one length",
            );
            return None;
        }
        if with_features.is_some() && theta.len() != 1 {
            let cure = "write a single vector, or leave `arms_with_features` out";
            self.wrong(path, "arms with features of their own share one vector", cure);
        }
        let n_arms = with_features.unwrap_or(theta.len());
        Some((Rewards::Linear { theta, sd, per_arm: with_features.is_some() }, n_arms))
    }
}

/// The arms as models of which nothing is declared but a score.
fn registry(names: &[String], declared: &[f64]) -> Registry {
    let model = |(name, score): (&String, &f64)| Model {
        name: name.clone(),
        provider: String::new(),
        account: 0,
        levels: [true; Level::ALL.len()],
        score: [*score; Level::ALL.len()],
        success: [0.5; Level::ALL.len()],
        quality: [50.0; Level::ALL.len()],
        latency: Latency::Response([0.0; Level::ALL.len()]),
        usd_per_mtok_input: 0.0,
        usd_per_mtok_output: 0.0,
        plan_usd_per_mtok: 0.0,
        key: KeyState::Present,
    };
    Registry { models: names.iter().zip(declared).map(model).collect(), accounts: Vec::new() }
}

/// A world without models: rounds are of one sort.
fn empty_world() -> WorldSpec {
    WorldSpec {
        price_lists: Vec::new(),
        start: Timestamp::UNIX_EPOCH,
        models: Vec::new(),
        accounts: Vec::new(),
        task_types: vec![TaskType {
            name: "round".to_owned(),
            share: 1.0,
            steps: vec![Level::L1],
            priority: Priority::Normal,
            input_tokens: Tokens::Constant(0.0),
            output_tokens: Tokens::Constant(0.0),
            deadline: None,
            difficulty_correlation: 0.0,
        }],
        spread: Spread::default(),
        service: ServiceShape::Constant,
        latency_sigma: 0.0,
        quality_sd: 0.0,
        partial_share: 0.0,
        api_error_share: 0.0,
        error_time: SimDuration::ZERO,
        refusal_time: SimDuration::ZERO,
        recorded: None,
        faults: Vec::new(),
        random_faults: Vec::new(),
    }
}
