//! What a learner logged in a folder of results, and what the target earned itself where the study has it as a variant.
//!
//! A decision is a first call that the learner chose itself, outside the warm-up, with its reward. Its propensity is
//! among the models that could be called at that instant, so an estimate is conditional on them: breakers and quotas
//! are as the logging stack left them. What choices do to queues, quotas and later tasks is not in it, nor are retries
//! and fallbacks; the truth beside it has all that.

use std::collections::BTreeMap;
use std::path::Path;

use super::rule::TargetRule;
use super::table::Names;
use super::{OffPolicyError, Settings, cure_of, text};
use crate::analysis::off_policy::{
    Decision, Evaluation, Frequencies, Log, Refusal, Supported, Target, evaluate, on_policy,
    within_support,
};
use crate::domain::{ChosenBy, Propensity, Role};
use crate::results::ResultsError;
use crate::results::column::Table;
use crate::results::manifest::Manifest;
use crate::results::parquet::Rows;
use crate::results::schema::{Attempts, Tasks};

/// Learners whose every choice has a probability in closed form that leaves each model a chance.
const EXPLORING: &str =
    "`epsilon_greedy`, `exp3`, `exp3_ix`, `exp3_s`, `tsallis_inf`, `boltzmann`, `square_cb`";

/// What tells the contexts of decisions apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContextOf {
    /// Nothing.
    Nothing,
    /// The level of the step.
    Level,
    /// The type of the task, and the level of the step.
    TaskType,
}

/// A question to a folder of results.
#[derive(Clone, Debug)]
pub struct OfResults {
    /// Whose log; may be left out where only one variant has decisions of a learner.
    pub variant: Option<String>,
    /// In which block; may be left out where there is one.
    pub block: Option<String>,
    /// The policies to evaluate; all other variants if none are named.
    pub targets: Vec<TargetRule>,
    /// What tells contexts apart.
    pub context: ContextOf,
    /// How.
    pub settings: Settings,
}

/// One seed's log.
pub(super) struct SeedResult {
    pub(super) seed: u64,
    pub(super) evaluation: Evaluation,
    /// What the target earned itself on this seed, and its standard error.
    pub(super) truth: Option<(f64, f64)>,
    pub(super) supported: Option<Supported>,
}

/// A target on all seeds.
pub(super) struct Scored {
    pub(super) seeds: Vec<SeedResult>,
    /// All first calls of the logging variant.
    pub(super) n_first_calls: usize,
    /// The variant that does what the target does.
    pub(super) truth_of: Option<String>,
    /// Share of decisions whose propensity is an estimate.
    pub(super) estimated_share: f64,
}

/// First calls of one run.
#[derive(Default)]
struct Run {
    /// Those that have a reward, with the learner's own marked.
    calls: Vec<(Decision, bool)>,
    /// All.
    n_first: usize,
}

/// First calls of every run of a block, by variant and seed.
struct Calls {
    contexts: Names,
    models: Names,
    runs: BTreeMap<(String, u64), Run>,
}

/// Type of every task that counts, by variant, seed and number.
type Types = BTreeMap<(String, u64), Vec<Option<u32>>>;

fn read_types(
    folder: &Path,
    block: &str,
    skip: u64,
    names: &mut Names,
) -> Result<Types, ResultsError> {
    let columns = ["block", "variant", "seed", "task", "task_type", "in_warm_up"];
    let mut types = Types::new();
    for rows in Rows::by_part(folder, &Tasks::DOC, &columns)? {
        let rows = rows?;
        let [blocks, variants, kinds] =
            [rows.coded("block")?, rows.coded("variant")?, rows.coded("task_type")?];
        let (seeds, tasks) = (rows.wholes("seed")?, rows.wholes("task")?);
        let warm_up = rows.numbers("in_warm_up")?;
        for at in 0..tasks.len() {
            if blocks.text(at) != block {
                continue;
            }
            let run = types.entry((variants.text(at).to_owned(), seeds[at])).or_default();
            let task = tasks[at] as usize;
            run.resize(run.len().max(task + 1), None);
            let counts = warm_up[at] != Some(1.0) && tasks[at] >= skip;
            run[task] = counts.then(|| names.place(kinds.text(at)));
        }
    }
    Ok(types)
}

fn read_calls(folder: &Path, block: &str, question: &OfResults) -> Result<Calls, ResultsError> {
    let mut kinds = Names::default();
    let types = read_types(folder, block, question.settings.skip, &mut kinds)?;
    let columns = [
        "block",
        "variant",
        "seed",
        "task",
        "level",
        "model",
        "role",
        "chosen_by",
        "propensity",
        "propensity_kind",
        "reward",
    ];
    let mut calls =
        Calls { contexts: Names::default(), models: Names::default(), runs: BTreeMap::new() };
    for rows in Rows::by_part(folder, &Attempts::DOC, &columns)? {
        let rows = rows?;
        let [blocks, variants, levels, models] = [
            rows.coded("block")?,
            rows.coded("variant")?,
            rows.coded("level")?,
            rows.coded("model")?,
        ];
        let [roles, chosen_by, how_known] =
            [rows.coded("role")?, rows.coded("chosen_by")?, rows.coded("propensity_kind")?];
        let (seeds, tasks) = (rows.wholes("seed")?, rows.wholes("task")?);
        let (propensities, rewards) = (rows.numbers("propensity")?, rows.numbers("reward")?);
        for at in 0..tasks.len() {
            if blocks.text(at) != block || roles.text(at) != Role::First.name() {
                continue;
            }
            let key = (variants.text(at).to_owned(), seeds[at]);
            let kind = types.get(&key).and_then(|run| *run.get(tasks[at] as usize)?);
            let Some(kind) = kind else { continue };
            let run = calls.runs.entry(key).or_default();
            run.n_first += 1;
            let Some(reward) = rewards[at] else { continue };
            let context = match question.context {
                ContextOf::Nothing => String::new(),
                ContextOf::Level => levels.text(at).to_owned(),
                ContextOf::TaskType => {
                    format!("{} | {}", kinds.all()[kind as usize], levels.text(at))
                }
            };
            let propensity = match (propensities[at], how_known.text(at)) {
                (Some(p), "estimated") => Propensity::Estimated(p),
                (Some(p), "exact") => Propensity::Exact(p),
                _ => Propensity::Unknown,
            };
            let decision = Decision {
                row: tasks[at],
                context: calls.contexts.place(&context),
                action: calls.models.place(models.text(at)),
                reward,
                propensity,
                group: 0,
            };
            run.calls.push((decision, chosen_by.text(at) == ChosenBy::Learner.name()));
        }
    }
    // Rows stand in order of their end, decisions in that of their tasks.
    for run in calls.runs.values_mut() {
        run.calls.sort_by_key(|(decision, _)| decision.row);
    }
    Ok(calls)
}

impl Calls {
    /// The decisions of a run: the learner's own, or all.
    fn log(&self, variant: &str, seed: u64, own: bool) -> Log {
        let calls = self.runs.get(&(variant.to_owned(), seed)).map_or(&[][..], |run| &run.calls);
        let wanted = calls.iter().filter(|(_, by_learner)| *by_learner || !own);
        let decisions = wanted.enumerate().map(|(at, (d, _))| Decision { group: at as u32, ..*d });
        Log {
            contexts: self.contexts.all().to_vec(),
            actions: self.models.all().to_vec(),
            decisions: decisions.collect(),
        }
    }

    fn of<'a>(&'a self, variant: &'a str) -> impl Iterator<Item = &'a Run> {
        self.runs.iter().filter(move |((name, _), _)| name == variant).map(|(_, run)| run)
    }

    fn has_learner(&self, variant: &str) -> bool {
        self.of(variant).any(|run| run.calls.iter().any(|(_, by_learner)| *by_learner))
    }

    /// Whether all first calls of a variant went to one model.
    fn always(&self, variant: &str, model: usize) -> bool {
        let mut calls = self.of(variant).flat_map(|run| &run.calls).peekable();
        calls.peek().is_some() && calls.all(|(d, _)| d.action as usize == model)
    }
}

fn question_error<T>(text: String) -> Result<T, OffPolicyError> {
    Err(OffPolicyError::Question(text))
}

/// One of the names of a study, or its only one.
fn named(
    wanted: Option<&str>,
    names: &[String],
    flag: &str,
    what: &str,
) -> Result<String, OffPolicyError> {
    match (wanted, names) {
        (Some(name), _) if names.iter().any(|n| n == name) => Ok(name.to_owned()),
        (Some(name), _) => question_error(format!(
            "there is no {what} `{name}`; it is one of `{}`",
            names.join("`, `")
        )),
        (None, [only]) => Ok(only.clone()),
        (None, []) => question_error(format!(
            "no {what} of the study is a learner's; run it with one that explores: {EXPLORING}"
        )),
        (None, _) => {
            question_error(format!("name the {what} with {flag}: one of `{}`", names.join("`, `")))
        }
    }
}

/// Evaluates targets on the log of a variant, seed by seed; returns the text for the console.
///
/// # Errors
/// If the results cannot be read, or a log cannot tell what a target is worth.
pub fn evaluate_results(folder: &Path, question: &OfResults) -> Result<String, OffPolicyError> {
    let manifest = Manifest::read(folder)?;
    let blocks: Vec<String> = manifest.blocks.iter().map(|block| block.name.clone()).collect();
    let block = named(question.block.as_deref(), &blocks, "--block", "block")?;
    let is_bandit = manifest.blocks.iter().any(|b| b.name == block && b.bandit.is_some());
    let calls = read_calls(folder, &block, question)?;
    if manifest.variants.iter().all(|v| calls.of(v).all(|run| run.calls.is_empty())) {
        return question_error(format!(
            "the results hold no calls of block `{block}`; run the scenario with `[record] attempts = true`"
        ));
    }
    let variant = match &question.variant {
        Some(_) => named(question.variant.as_deref(), &manifest.variants, "--variant", "variant")?,
        None => {
            let learners: Vec<String> =
                manifest.variants.iter().filter(|v| calls.has_learner(v)).cloned().collect();
            named(None, &learners, "--variant", "variant")?
        }
    };
    if !calls.has_learner(&variant) {
        return question_error(format!(
            "`{variant}` has no decision of a learner, so no propensities; name a variant of a learner that explores: \
             {EXPLORING}"
        ));
    }
    let others =
        || manifest.variants.iter().filter(|v| **v != variant && calls.of(v).next().is_some());
    let targets = match question.targets.as_slice() {
        [] => others().cloned().map(TargetRule::Variant).collect(),
        named => named.to_vec(),
    };
    let mut text = format!(
        "log     {}, variant `{variant}`{}\n",
        manifest.scenario,
        if blocks.len() > 1 { format!(", block `{block}`") } else { String::new() }
    );
    if !is_bandit {
        text += "\
decisions are first calls that the learner chose itself; propensities and targets are conditional on the models that could
be called at that instant: where breakers or quotas shut the target's model out, IPS counts 0, and SNIPS and replay leave
the decision out. What choices do to queues, quotas and later tasks, retries and fallbacks are not in the estimates.\n";
    }
    for rule in &targets {
        let scored = score(&manifest, &calls, &variant, rule, question)?;
        text += &format!("\ntarget  {rule}\n{}", text::of_results(&scored));
    }
    Ok(text)
}

fn score(
    manifest: &Manifest,
    calls: &Calls,
    variant: &str,
    rule: &TargetRule,
    question: &OfResults,
) -> Result<Scored, OffPolicyError> {
    let settings = &question.settings;
    let mut others = manifest.variants.iter().zip(&manifest.orders);
    let truth_of = match rule {
        TargetRule::Uniform => others.find(|(_, order)| *order == "random").map(|(v, _)| v.clone()),
        TargetRule::Always(model) => match calls.models.find(model) {
            Some(model) => others.find(|(v, _)| calls.always(v, model)).map(|(v, _)| v.clone()),
            None => {
                return question_error(format!(
                    "nobody called `{model}`; models called are `{}`",
                    calls.models.all().join("`, `")
                ));
            }
        },
        TargetRule::Variant(name) => {
            Some(named(Some(name), &manifest.variants, "--target", "variant")?)
        }
        _ => {
            return question_error(format!(
                "`{rule}` is a target for a table of decisions; for a folder of results write uniform, always:MODEL or \
                 variant:NAME"
            ));
        }
    };
    let (mut seeds, mut n_decisions, mut n_estimated) = (Vec::new(), 0.0, 0.0);
    for &seed in &manifest.seeds {
        let log = calls.log(variant, seed, true);
        if log.decisions.is_empty() {
            continue;
        }
        let own = truth_of.as_ref().map(|name| calls.log(name, seed, false));
        let target = match (rule, &own) {
            (TargetRule::Always(model), _) => {
                Target::always(&log, calls.models.find(model).unwrap_or_default())
            }
            (TargetRule::Variant(_), Some(own)) => Frequencies::of(own).target,
            _ => Target::uniform(&log),
        };
        let supported = settings.within_support.then(|| within_support(&log, &target));
        let (log, target) = match &supported {
            Some(supported) => (&supported.log, &supported.target),
            None => (&log, &target),
        };
        let found = evaluate(log, target, &settings.fit(true), seed);
        let evaluation = found.map_err(|refusal| OffPolicyError::Refused {
            log: format!("variant `{variant}` on seed {seed} (rows are tasks)"),
            target: rule.to_string(),
            cure: match refusal {
                Refusal::Unknown { .. } => format!(
                    ": let it be estimated (`stack.wrappers.estimate_propensity`), or log with a learner that knows it: \
                     {EXPLORING}"
                ),
                _ => cure_of(&refusal).to_owned(),
            },
            refusal,
        })?;
        n_decisions += log.decisions.len() as f64;
        n_estimated += log.decisions.len() as f64 * log.estimated_share();
        let truth = own.filter(|own| !own.decisions.is_empty()).map(|own| on_policy(&own));
        seeds.push(SeedResult { seed, evaluation, truth, supported });
    }
    if seeds.is_empty() {
        return question_error(format!("`{variant}` has no decisions left; skip fewer (--skip)"));
    }
    let n_first_calls = calls.of(variant).map(|run| run.n_first).sum();
    Ok(Scored { seeds, n_first_calls, truth_of, estimated_share: n_estimated / n_decisions })
}
