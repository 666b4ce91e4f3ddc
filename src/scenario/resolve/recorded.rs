//! Recorded outcomes: the table of `[world.outcomes]`, its two parts, and a registry made from it.

use std::fmt::Write as _;
use std::sync::Arc;

use super::Resolver;
use crate::data::outcomes::{self, Loaded, Source};
use crate::domain::{KnownPrompts, Priority};
use crate::predictors::ridge_coefficients;
use crate::registry::Registry;
use crate::scenario::decode::decode;
use crate::scenario::tree::{Node, Path as TreePath};
use crate::scenario::written::{RecordedOutcomes, TaskType as WrittenTaskType};
use crate::units::{Level, ModelId};
use crate::world::outcomes::{Answer, Outcomes, RecordedWorld};
use crate::world::{TaskType, Tokens};

/// The name under which a registry is taken from the outcome table.
pub(super) const FROM_TABLE: &str = "outcomes";

/// Response times of a registry from a table without times: to the first token, and for each output token.
const ASSUMED_MS: [f64; 2] = [500.0, 20.0];

/// A table of outcomes as a scenario uses it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The answers.
    pub table: Arc<Outcomes>,
    /// Prompts that are set apart.
    pub train: Arc<Vec<u32>>,
    /// Prompts that reported runs ask.
    pub asked: Arc<Vec<u32>>,
    /// What the router may know of them.
    pub known: Arc<KnownPrompts>,
    /// The quality from which an answer is a success.
    pub success_from: f64,
    /// What was left out of the table.
    pub left_out: LeftOut,
}

/// What was read of a table and left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The file as written.
    pub file: String,
    /// Rows read.
    pub rows: u64,
    /// Prompts that some model did not answer, or whose cost is missing.
    pub incomplete: usize,
    /// Prompts without features.
    pub featureless: usize,
    /// Models without costs.
    pub unpriced: Vec<String>,
}

impl Resolver<'_> {
    /// The outcome table as it is written, if there is one. It belongs to the scenario: blocks share it.
    pub(super) fn written_outcomes(&mut self) -> Option<RecordedOutcomes> {
        let tree = self.loaded.tree.clone();
        for (at, block) in tree.child("blocks").map_or(&[][..], Node::items).iter().enumerate() {
            if let Some(node) = block.at(&TreePath::of("world.outcomes")) {
                let message = format!("block {} has outcomes of its own", at + 1);
                let cure = "write `[world.outcomes]` once, or a scenario for each table";
                self.problems().add(node.span, message, cure);
            }
        }
        let node = tree.at(&TreePath::of("world.outcomes"))?;
        // What is wrong with it is reported where the world is read.
        decode::<RecordedOutcomes>(node, "world.outcomes", &mut Default::default()).value
    }

    /// Reads the table for the models of a registry, or for those that it names itself.
    pub(super) fn recorded(
        &mut self,
        written: &RecordedOutcomes,
        registry: Option<&Registry>,
    ) -> Option<Recorded> {
        let names = match (registry, &written.models) {
            (Some(registry), None) => registry.models.iter().map(|m| m.name.clone()).collect(),
            (None, named) => named.iter().flatten().map(|name| name.value.clone()).collect(),
            (Some(_), Some(named)) => {
                let span = named.first().map_or(written.file.span, |name| name.span);
                let message = "`models` stands beside a registry that says which models there are";
                let cure = "leave `models` out, or write `registry.use = \"outcomes\"`";
                self.problems().add(span, message, cure);
                return None;
            }
        };
        let file = self.loaded.path(&written.file);
        let features = written.features.as_ref().map(|name| self.loaded.path(name)).transpose();
        let mut refuse = |span, reason: String, cure: String| {
            self.loaded.problems.add(span, reason, cure);
            None
        };
        let file = match file {
            Ok(file) => file,
            Err(refusal) => return refuse(written.file.span, refusal.reason, refusal.cure),
        };
        let features_span = written.features.as_ref().map_or(written.file.span, |name| name.span);
        let features = match features {
            Ok(features) => features,
            Err(refusal) => return refuse(features_span, refusal.reason, refusal.cure),
        };
        let only = written.only.entries.iter().map(|(k, v)| (k.value.clone(), v.clone())).collect();
        let priced = registry.is_none();
        let source = Source {
            file: file.clone(),
            features,
            models: names,
            only,
            priced,
            ..Source::default()
        };
        let Loaded { outcomes, rows, incomplete, featureless, unpriced } =
            match outcomes::read(&source) {
                Ok(loaded) => loaded,
                Err(error) => {
                    let own = error.file == file.display().to_string();
                    let span = if own { written.file.span } else { features_span };
                    return refuse(
                        span,
                        format!("{}: {}", error.place(), error.reason),
                        error.cure,
                    );
                }
            };
        if let (Some(named), Some(without)) = (&written.models, unpriced.first()) {
            let name = named.iter().find(|name| name.value == *without);
            let message = format!("no cost of `{without}` is recorded");
            let cure = "leave it out, or write a registry with its prices";
            let span = name.map_or(written.file.span, |name| name.span);
            return refuse(span, message, cure.to_owned());
        }
        let (train, asked) = outcomes.split(written.train_share.get());
        if asked.is_empty() {
            let message = format!("all {} prompts are set apart", train.len());
            let cure = "write a smaller `train_share`, such as 0.5";
            return refuse(written.file.span, message, cure.to_owned());
        }
        let features = outcomes.features.as_ref().map(|features| {
            let all: Vec<u32> = (0..features.len() as u32).collect();
            features.standardised(if train.is_empty() { &all } else { &train })
        });
        let features = features.unwrap_or_default();
        let coefficients = match features.is_empty() || train.is_empty() {
            true => Vec::new(),
            false => ridge_coefficients(&outcomes, &features, &train, 1.0),
        };
        Some(Recorded {
            table: Arc::new(outcomes),
            train: Arc::new(train),
            asked: Arc::new(asked),
            known: Arc::new(KnownPrompts { coefficients, features }),
            success_from: written.success_from.get(),
            left_out: LeftOut {
                file: written.file.value.clone(),
                rows,
                incomplete,
                featureless,
                unpriced,
            },
        })
    }

    /// Reports domains that belong to no task type or to two, and task types whose domains do not exist; returns the
    /// position of the type by domain.
    pub(super) fn domains(
        &mut self,
        recorded: &Recorded,
        task_types: &[WrittenTaskType],
    ) -> Vec<u16> {
        let domains = &recorded.table.domains;
        let mut type_of: Vec<Option<u16>> = vec![None; domains.len()];
        let mut all_else = None;
        for (at, task_type) in task_types.iter().enumerate() {
            let Some(names) = &task_type.domains else {
                // One type without domains takes what no other does.
                all_else = all_else.or(Some(at as u16));
                continue;
            };
            for name in names {
                match domains.iter().position(|known| *known == name.value) {
                    Some(domain) if type_of[domain].is_some_and(|own| own != at as u16) => {
                        let message = format!("the domain `{}` has two task types", name.value);
                        self.problems().add(name.span, message, "write it in one of them");
                    }
                    Some(domain) => type_of[domain] = Some(at as u16),
                    None => {
                        let known = domains.iter().map(String::as_str);
                        self.problems().add_unknown(name.span, "domain", &name.value, known);
                    }
                }
            }
        }
        let homeless: Vec<&str> = domains
            .iter()
            .zip(&type_of)
            .filter(|(_, own)| own.or(all_else).is_none())
            .map(|(name, _)| name.as_str())
            .collect();
        if !homeless.is_empty() {
            let message = format!("no task type has the domain `{}`", homeless.join("`, `"));
            let known: Vec<&str> = task_types.iter().map(|t| t.name.value.as_str()).collect();
            let cure = match known.is_empty() {
                true => "leave `[[task_types]]` out for one type a domain".to_owned(),
                false => {
                    "add it to the `domains` of one, or write one type without `domains`".to_owned()
                }
            };
            let span = task_types.first().map_or_else(Default::default, |t| t.name.span);
            self.problems().add(span, message, cure);
        }
        type_of.into_iter().map(|own| own.or(all_else).unwrap_or(0)).collect()
    }

    /// The task types of recorded prompts, one for each domain if none is written, and the world of what is recorded.
    pub(super) fn recorded_tasks(
        &mut self,
        recorded: &Recorded,
        written: &[WrittenTaskType],
        mut task_types: Vec<TaskType>,
    ) -> (Vec<TaskType>, Option<RecordedWorld>) {
        let table = &recorded.table;
        let task_type_of: Vec<u16> = if written.is_empty() {
            task_types = table.domains.iter().map(|name| of_domain(name)).collect();
            (0..table.domains.len() as u16).collect()
        } else {
            self.domains(recorded, written)
        };
        for (at, task_type) in task_types.iter_mut().enumerate() {
            let is_own = |prompt: &&u32| {
                usize::from(task_type_of[usize::from(table.domain_of[**prompt as usize])]) == at
            };
            let own: Vec<u32> = recorded.asked.iter().filter(is_own).copied().collect();
            task_type.share = own.len() as f64;
            let known = |of: fn(&Answer) -> u32| {
                let answers = table.answers.iter();
                let tokens =
                    answers.flat_map(|answers| own.iter().map(|p| of(&answers[*p as usize])));
                let (n, sum) = tokens
                    .filter(|tokens| *tokens != Answer::NO_TOKENS)
                    .fold((0.0, 0.0), |(n, sum), tokens| (n + 1.0, sum + f64::from(tokens)));
                (n == own.len() as f64 * table.models.len() as f64, sum / f64::max(n, 1.0))
            };
            let written = written.get(at);
            let sides: [Side<'_>; 2] = [
                (
                    "input_tokens",
                    written.is_some_and(|own| own.input_tokens.is_some()),
                    |answer| answer.input_tokens,
                    &mut task_type.input_tokens,
                ),
                (
                    "output_tokens",
                    written.is_some_and(|own| own.output_tokens.is_some()),
                    |answer| answer.output_tokens,
                    &mut task_type.output_tokens,
                ),
            ];
            for (key, is_written, of, tokens) in sides {
                let (all_known, mean) = known(of);
                if !all_known && !is_written {
                    let message = format!(
                        "`{key}` of the task type `{}` are not all recorded",
                        task_type.name
                    );
                    let cure = format!("write `{key}` in its `[[task_types]]` table");
                    let span = written.map_or_else(Default::default, |own| own.name.span);
                    self.loaded.problems.add(span, message, cure);
                }
                if all_known {
                    *tokens = Tokens::Constant(mean.round().max(1.0));
                }
            }
        }
        let world = RecordedWorld {
            table: Arc::clone(table),
            prompts: Arc::clone(&recorded.asked),
            known: Arc::clone(&recorded.known),
            task_type_of,
            success_from: recorded.success_from as f32,
        };
        (task_types, Some(world))
    }

    /// Whether the registry is to be made from the outcome table.
    pub(super) fn registry_from_table(&self) -> bool {
        let registry = self.loaded.scenario.registry.as_ref();
        let used = registry.and_then(|registry| registry.used.as_ref());
        used.is_some_and(|used| used.value == FROM_TABLE)
    }
}

/// A key of a task type's tokens: whether it is written, what is recorded of it, and where it goes.
type Side<'t> = (&'static str, bool, fn(&Answer) -> u32, &'t mut Tokens);

/// The sort of a domain's prompts, where nothing is written of it.
fn of_domain(name: &str) -> TaskType {
    TaskType {
        name: name.to_owned(),
        share: 1.0,
        steps: vec![Level::L1],
        priority: Priority::Normal,
        input_tokens: Tokens::Constant(1.0),
        output_tokens: Tokens::Constant(1.0),
        deadline: None,
        difficulty_correlation: 0.0,
    }
}

/// A registry file with what the set-apart prompts show of each model: scores and qualities are their mean quality, prices
/// those that their tokens and costs show, times their mean.
pub(super) fn registry_text(recorded: &Recorded) -> String {
    let table = &recorded.table;
    let all: Vec<u32> = (0..table.n_prompts() as u32).collect();
    let train = if recorded.train.is_empty() { &all } else { recorded.train.as_ref() };
    let n = train.len() as f64;
    let mut text = format!(
        "source = \"means over {} prompts of {}\"\n",
        train.len(),
        recorded.left_out.file.replace(['"', '\\'], "_")
    );
    for (at, name) in table.models.iter().enumerate() {
        let answer = |prompt: &u32| table.answer(*prompt, ModelId(at as u16));
        let mean =
            |of: &dyn Fn(&Answer) -> f64| train.iter().map(|p| of(answer(p))).sum::<f64>() / n;
        let quality = mean(&|answer| f64::from(answer.quality));
        let seconds = mean(&|answer| f64::from(answer.latency_s));
        let [usd_in, usd_out] = prices(train.iter().map(answer));
        let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
        let score = (1e4 * quality).round() / 100.0;
        let levels = Level::ALL.map(|level| format!("\"{level}\"")).join(", ");
        let _ = write!(
            text,
            "\n[models.\"{quoted}\"]\nprovider = \"{quoted}\"\nlevels = [{levels}]\nscore = {score:.2}\n\
             success = 1.0\nquality = {score:.2}\nusd_per_mtok_input = {usd_in}\n\
             usd_per_mtok_output = {usd_out}\nplan_usd_per_mtok = 0\n"
        );
        let [ttft_ms, ms_each] = ASSUMED_MS;
        let _ = match seconds.is_nan() {
            true => write!(
                text,
                "ttft_ms = {ttft_ms}\nms_per_output_token = {ms_each}\n\
                 assumed = [\"ttft_ms\", \"ms_per_output_token\"]\n"
            ),
            false => writeln!(text, "response_ms = {:.3}", (1e3 * seconds).max(0.001)),
        };
    }
    text
}

/// Prices of a million input and output tokens by least squares over answers; where those cannot be told apart, the same
/// for both.
fn prices<'a>(answers: impl Iterator<Item = &'a Answer> + Clone) -> [f64; 2] {
    let known = answers.filter(|answer| {
        answer.input_tokens != Answer::NO_TOKENS
            && answer.output_tokens != Answer::NO_TOKENS
            && !answer.cost_usd.is_nan()
    });
    let mut sums = [0.0; 5];
    let (mut usd, mut tokens) = (0.0, 0.0);
    for answer in known {
        let (x, y) = (f64::from(answer.input_tokens), f64::from(answer.output_tokens));
        for (sum, value) in
            sums.iter_mut().zip([x * x, x * y, y * y, x * answer.cost_usd, y * answer.cost_usd])
        {
            *sum += value;
        }
        usd += answer.cost_usd;
        tokens += x + y;
    }
    let [xx, xy, yy, xc, yc] = sums;
    let determinant = xx * yy - xy * xy;
    let solved = [(xc * yy - yc * xy) / determinant, (yc * xx - xc * xy) / determinant];
    let one = if tokens > 0.0 { usd / tokens } else { 0.0 };
    let usable = determinant > 1e-9 * xx * yy && solved.iter().all(|price| *price >= 0.0);
    // A millionth of a USD per million tokens is below any price.
    (if usable { solved } else { [one; 2] }).map(|usd| (usd * 1e12).round() / 1e6)
}
