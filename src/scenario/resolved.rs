//! A scenario with all names resolved: what an experiment runs.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::analysis::expect::Expectation;
use crate::analysis::measure::Measure;
use crate::analysis::resilience::FaultSpan;
use crate::analysis::run::Bins;
use crate::analysis::window::Spans;
use crate::calendar::DailyTimes;
use crate::engine::{Cell, End};
use crate::registry::Registry;
use crate::reward::Reward;
use crate::routing::StackRule;
use crate::routing::order::OrderRule;
use crate::scenario::problem::Report;
pub use crate::scenario::resolve::{LeftOut, Recorded};
use crate::sim::stream::Streams;
use crate::units::{ModelId, NANOS_PER_SECOND, SimTime};
use crate::world::WorldSpec;
use crate::world::bandit::Problem;
use crate::world::expectation::Lengths;
use crate::world::fault::{Effect, FaultSpec};
use crate::world::workload::WorkloadSpec;

/// A resolved scenario.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// Name: the file's stem.
    pub name: String,
    /// What the study is to answer.
    pub question: String,
    /// Every text that was read: name and content, the scenario first.
    pub texts: Vec<(String, String)>,
    /// The instant of virtual time zero.
    pub start: Timestamp,
    /// The start as written, in local time.
    pub start_local: String,
    /// The zone's name.
    pub zone_name: String,
    /// The zone.
    pub zone: TimeZone,
    /// When arrivals stop.
    pub end: End,
    /// Passes over the recorded prompts after which they stop, where that is when.
    pub passes: Option<u64>,
    /// Work in flight at the end is interrupted.
    pub cut: bool,
    /// First instant that counts.
    pub warm_up: SimTime,
    /// Seeds, in order.
    pub seeds: Vec<u64>,
    /// What results are measured in.
    pub reward: Reward,
    /// Recorded outcomes, if they are the truth.
    pub recorded: Option<Recorded>,
    /// What the router believes.
    pub registry: Arc<Registry>,
    /// Where the registry's figures come from.
    pub registry_source: String,
    /// Models with keys whose figures are assumed.
    pub assumed: Vec<(String, Vec<String>)>,
    /// Worlds.
    pub blocks: Vec<Block>,
    /// Stacks.
    pub variants: Vec<Variant>,
    /// What the study is expected to show, one for each block.
    pub expectations: Vec<Expectation>,
    /// Names of the variants that get daily and learning reports, in order of the variants.
    pub reported: Vec<String>,
    /// What is recorded.
    pub record: Record,
    /// How the variants are compared.
    pub compare: Compare,
    /// The names that the variants were made from, where they are not those of the scenario.
    pub put_variants: Option<Vec<String>>,
    /// Parameters of learners that are tried at several values.
    pub parameter_studies: Vec<ParameterStudy>,
    /// How the Stage 4 plan's criteria are answered, if the study asks for it.
    pub criteria: Option<Criteria>,
    /// What is set and can never act.
    pub warnings: Report,
}

/// What answering the plan's criteria takes besides the study itself.
#[derive(Clone, Debug)]
pub struct Criteria {
    /// Seeds on which the best alternative to the first variant is chosen.
    pub selection_seeds: Vec<u64>,
}

/// How the variants are compared.
#[derive(Clone, Debug)]
pub struct Compare {
    /// The variant that the others are compared with.
    pub baseline: String,
    /// The share of its mean within which a difference does not matter in practice.
    pub practical_share: f64,
    /// The measures, the one that ranks the variants first.
    pub measures: Vec<Measure>,
    /// Seeds on which a winner is chosen, if one is.
    pub selection_seeds: Option<Vec<u64>>,
}

/// A parameter of a variant's learner, tried at several values.
#[derive(Clone, Debug)]
pub struct ParameterStudy {
    /// Position of the variant.
    pub variant: usize,
    /// The parameter.
    pub parameter: String,
    /// The value that the variant has as written, where it is a number.
    pub default: Option<f64>,
    /// The values with the stacks that have them.
    pub candidates: Vec<(f64, Arc<StackRule>)>,
    /// Seeds on which the best value is chosen.
    pub selection_seeds: Vec<u64>,
}

/// One of all choices of so many models for a fault to hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The block as it is written.
    pub of: String,
    /// Position of the fault in the world.
    pub fault: usize,
    /// Whom it hits, in order of id.
    pub models: Vec<ModelId>,
}

/// One world.
#[derive(Clone, Debug)]
pub struct Block {
    /// Name.
    pub name: String,
    /// The choice that it is, where a block is run for every choice of models.
    pub choice: Option<Choice>,
    /// What this block is to answer, if it has a question of its own.
    pub question: Option<String>,
    /// The truth.
    pub world: Arc<WorldSpec>,
    /// The truth with the recorded prompts that are set apart, where answers are recorded: what is chosen by looking is
    /// chosen there.
    pub training_world: Option<Arc<WorldSpec>>,
    /// Arrivals.
    pub workload: WorkloadSpec,
    /// Where expectations take lengths from.
    pub lengths: Lengths,
    /// What the router believes of the block's models: in bandit mode a block may have fewer than others.
    pub registry: Arc<Registry>,
    /// The bandit problem that is played instead, in bandit mode.
    pub bandit: Option<Arc<Problem>>,
}

impl Block {
    /// The name of the block as it is written, under which all its choices are reported.
    #[must_use]
    pub fn written(&self) -> &str {
        self.choice.as_ref().map_or(&self.name, |choice| &choice.of)
    }
}

/// One stack.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Name.
    pub name: String,
    /// The family of settings that it belongs to.
    pub family: String,
    /// The stack.
    pub stack: Arc<StackRule>,
    /// Its model is first to be chosen as the best fixed one on these seeds.
    pub best_fixed: Option<Vec<u64>>,
}

impl Variant {
    /// Whether it could be deployed: a reference that is told the truth could not.
    #[must_use]
    pub fn is_router(&self) -> bool {
        self.stack.order != OrderRule::InformedGreedy
    }
}

/// What is recorded.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// The table of tasks is written.
    pub tasks: bool,
    /// The table of attempts is written.
    pub attempts: bool,
    /// The work tracker's log is written.
    pub work_log: bool,
    /// What learners believe is sampled.
    pub scores: bool,
    /// Decision regret is measured.
    pub regret: bool,
    /// Points of a curve.
    pub bins: u32,
}

impl Resolved {
    /// The cell of a block with a stack.
    #[must_use]
    pub fn cell(&self, block: &Block, stack: &Arc<StackRule>) -> Cell {
        Cell {
            world: Arc::clone(&block.world),
            workload: block.workload.clone(),
            lengths: block.lengths.clone(),
            zone: self.zone.clone(),
            end: self.end_of(block),
            cut: self.cut,
            registry: Arc::clone(&block.registry),
            stack: Arc::clone(stack),
            reward: self.reward,
            regret: self.record.regret,
            bandit: block.bandit.clone(),
        }
    }

    /// The same block with the recorded prompts that are set apart; itself where no answers are recorded.
    #[must_use]
    pub fn training_block(block: &Block) -> Block {
        match &block.training_world {
            Some(world) => Block { world: Arc::clone(world), ..block.clone() },
            None => block.clone(),
        }
    }

    /// The same study with only what every run leaves recorded: for runs whose rows nobody keeps.
    #[must_use]
    pub fn unrecorded(&self) -> Self {
        let record = Record {
            tasks: false,
            attempts: false,
            work_log: false,
            scores: false,
            regret: false,
            bins: 1,
        };
        Self { record, ..self.clone() }
    }

    /// When a block's run ends.
    #[must_use]
    pub fn end_of(&self, block: &Block) -> End {
        match (&block.bandit, self.passes, &block.world.recorded) {
            (Some(problem), _, _) => End::Tasks(problem.horizon),
            (None, Some(n), Some(recorded)) => {
                End::Tasks(n.saturating_mul(recorded.prompts.len() as u64))
            }
            (None, _, _) => self.end,
        }
    }

    /// The points of a block's curves: no more than there are tasks.
    #[must_use]
    pub fn bins(&self, block: &Block) -> Bins {
        match self.end_of(block) {
            End::At(to) => Bins::Time { from: self.warm_up, to, n: self.record.bins },
            End::Tasks(to) => {
                let n = u64::from(self.record.bins).min(to) as u32;
                Bins::Tasks { from: 0, to, n }
            }
        }
    }

    /// The spans of a block's run that are measured apart, for a seed.
    #[must_use]
    pub fn spans(&self, block: &Block, seed: u64) -> Spans {
        if let Some(problem) = &block.bandit {
            let instant = |round| SimTime(round * NANOS_PER_SECOND);
            let changes = problem.changes().into_iter().map(instant).collect();
            return Spans { changes, ..Spans::default() };
        }
        let world = &block.world;
        if world.faults.is_empty() && world.random_faults.is_empty() {
            return Spans::default();
        }
        let timeline = world.timeline(&Streams::new(seed));
        // How long a fault leaves the models that it hits without tokens.
        let exhausts = |fault: &FaultSpec| match fault.effect {
            // The quota's own reset clears it: the next midnight of the scenario's zone is taken for it.
            Effect::QuotaUsed { share } if share >= 1.0 => {
                let mut midnights = DailyTimes::midnights(self.start, self.zone.clone());
                midnights.passed(fault.start);
                Some((fault.start, fault.end.min(midnights.next())))
            }
            Effect::QuotaCut { factor } if factor <= 0.0 => Some((fault.start, fault.end)),
            _ => None,
        };
        let exhaustion: Vec<(SimTime, SimTime)> = timeline
            .faults()
            .iter()
            .filter(|(_, hit)| hit.len() >= 5)
            .filter_map(|(fault, _)| exhausts(fault))
            .collect();
        let hits = timeline.faults().iter().filter(|(fault, _)| !fault.effect.is_price());
        let hits = hits.map(|(fault, hit)| FaultSpan {
            from: fault.start,
            to: exhausts(fault).map_or(fault.end, |(_, end)| end),
            models: hit.iter().copied().collect(),
            stops: fault.effect.stops(),
            cuts_quota: matches!(fault.effect, Effect::QuotaCut { .. }),
        });
        let windows = timeline.windows();
        let edges = windows.iter().flat_map(|(from, to)| [*from, *to]);
        let ends = |at: &SimTime| *at > SimTime::ZERO && *at != SimTime::NEVER;
        Spans {
            changes: edges.filter(ends).collect(),
            hits: Some(hits.collect()),
            faults: Some(windows),
            exhaustion: (!exhaustion.is_empty()).then_some(exhaustion),
        }
    }

    /// Names of the models, by id.
    #[must_use]
    pub fn model_names(&self) -> Vec<String> {
        self.registry.models.iter().map(|m| m.name.clone()).collect()
    }
}
