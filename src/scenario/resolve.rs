//! Turns a loaded scenario into what an experiment runs: names become ids, and what no single table can tell is checked.

mod admission;
mod bandit;
mod breaker;
mod choices;
mod convert;
mod daily;
mod expect;
mod fitted;
mod load_order;
mod outlier;
mod pace;
mod prices;
mod random_fault;
mod recorded;
mod recovery;
mod registry;
mod stack;
mod study;
mod trial;
mod workload;
mod world;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use self::choices::ToChoose;
use self::expect::World;
use self::fitted::Fits;
use self::prices::Priced;
pub use self::recorded::{LeftOut, Recorded};
use super::decode::decode;
use super::layer::{self, Block as MergedBlock};
use super::lint;
use super::load::{Loaded, load, load_kept};
use super::problem::{Problems, Report, closest};
use super::resolved::{Block, Criteria, Record, Resolved, Variant};
use super::source::{Span, Spanned};
use super::tree::{Node, Path as TreePath};
use super::values::{FaultTime, LocalDateTime, Seeds};
use super::written::{End as WrittenEnd, Name, Stack, Study, Time, WrittenBlock};
use crate::calendar::instant_of;
use crate::engine::End;
use crate::registry::Registry;
use crate::units::{ModelId, SimTime};
use crate::world::workload::TraceRow;

/// Reads and resolves a scenario file.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn read(path: &Path, allow_outside: bool) -> Result<Resolved, Report> {
    resolve(path, load(path, allow_outside, None)?)
}

/// The same with one variant for each name in the place of the scenario's variants: a variant of the scenario, or its
/// `[stack]` with a learner or a plain order of that name.
///
/// # Errors
/// The same, and names that are none of these.
pub fn read_with_variants(
    path: &Path,
    allow_outside: bool,
    names: &[String],
) -> Result<Resolved, Report> {
    let resolved = resolve(path, load(path, allow_outside, Some(names))?)?;
    Ok(Resolved { put_variants: Some(names.to_vec()), ..resolved })
}

/// Reads a scenario again from the texts that were kept of its files, the scenario's own first; tables that it names are
/// looked for in `folder`.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn read_kept(
    texts: &[(String, String)],
    folder: &Path,
    allow_outside: bool,
    variants: Option<&[String]>,
) -> Result<Resolved, Report> {
    let path = folder.join(texts.first().map_or("", |(name, _)| name));
    let resolved = resolve(&path, load_kept(texts, folder, allow_outside, variants)?)?;
    Ok(Resolved { put_variants: variants.map(<[String]>::to_vec), ..resolved })
}

fn resolve(path: &Path, mut loaded: Loaded) -> Result<Resolved, Report> {
    let resolved = Resolver::new(&mut loaded).resolve(path);
    match resolved {
        Some(resolved) if loaded.problems.is_empty() => Ok(resolved),
        _ => Err(loaded.problems.report(&loaded.sources)),
    }
}

/// A registry, where its figures come from, and which keys of which model are assumed.
pub type Declared = (Registry, String, Vec<(String, Vec<String>)>);

/// Reads a shipped registry: its facts, where its figures come from, and the assumed keys of each model.
///
/// # Errors
/// What is wrong with it.
pub fn shipped_registry(name: &str) -> Result<Declared, Report> {
    registry::shipped(name)
}

/// The block of a scenario that writes none.
const ONLY_BLOCK: &str = "main";
/// The variant of a scenario that writes none.
const ONLY_VARIANT: &str = "stack";

/// What the parts of the resolver share.
struct Resolver<'a> {
    loaded: &'a mut Loaded,
    /// Traces that were read, by path.
    traces: BTreeMap<PathBuf, Arc<Vec<TraceRow>>>,
    /// The registry's price table.
    priced: Option<Priced>,
    /// The price lists that faults of the block at hand use.
    price_lists: Vec<Vec<[f64; 2]>>,
    /// The faults of the block at hand that hit every choice of so many models.
    to_choose: Vec<ToChoose>,
}

fn name_of(block: &MergedBlock) -> String {
    block.name.as_ref().map_or_else(|| ONLY_BLOCK.to_owned(), |name| name.value.clone())
}

/// The run's clock: start, zone and end.
#[derive(Clone)]
struct Clock {
    start: Timestamp,
    start_local: jiff::civil::DateTime,
    zone: TimeZone,
    end: End,
}

/// In which clock, registry and worlds the stacks are run.
struct Setting {
    clock: Clock,
    zone_name: String,
    cut: bool,
    warm_up: SimTime,
    registry: Registry,
    registry_source: String,
    assumed: Vec<(String, Vec<String>)>,
    recorded: Option<Recorded>,
    passes: Option<u64>,
    blocks: Vec<Block>,
}

/// The models that may be named.
struct Models {
    names: Vec<String>,
    /// Names of models that were written but are wrong, so that naming them is not wrong as well.
    broken: Vec<String>,
    /// Whether these are all; no name is unknown to a registry that could not be read.
    are_all: bool,
    /// Recorded answers of theirs, to which orders are fitted.
    fits: Option<Fits>,
}

impl Models {
    fn id(&self, name: &Name, problems: &mut Problems) -> Option<ModelId> {
        let found = self.names.iter().position(|known| *known == name.value);
        if found.is_none() && self.are_all && !self.broken.contains(&name.value) {
            let known = self.names.iter().map(String::as_str);
            problems.add_unknown(name.span, "model", &name.value, known);
        }
        found.map(|at| ModelId(at as u16))
    }

    fn ids(&self, names: &[Name], problems: &mut Problems) -> Vec<ModelId> {
        names.iter().filter_map(|name| self.id(name, problems)).collect()
    }
}

impl<'a> Resolver<'a> {
    fn new(loaded: &'a mut Loaded) -> Self {
        Self {
            loaded,
            traces: BTreeMap::new(),
            priced: None,
            price_lists: Vec::new(),
            to_choose: Vec::new(),
        }
    }

    fn problems(&mut self) -> &mut Problems {
        &mut self.loaded.problems
    }

    /// Whether the file has a key that looks like `key` with a slip, which is reported as unknown.
    fn is_misspelt(&self, key: &str) -> bool {
        let entries = self.loaded.tree.table().map_or(&[][..], |table| &table.entries);
        entries.iter().any(|entry| entry.key != key && closest(&entry.key, &[key]).is_some())
    }

    /// Reports a required part of the file that is missing, unless it was there and wrong.
    fn require(&mut self, missing: bool, key: &str, cure: &str) {
        if missing && !self.loaded.dropped.touches(key) && !self.is_misspelt(key) {
            let message = format!("the scenario has no `{key}`");
            self.problems().add_of_file(message, cure);
        }
    }

    fn resolve(mut self, path: &Path) -> Option<Resolved> {
        let written = self.loaded.scenario.clone();
        self.require(written.format.is_none(), "format", "write `format = 1` as its first line");
        self.require(
            written.question.as_ref().is_none_or(|q| q.trim().is_empty()),
            "question",
            "write what the study is to answer, such as `question = \"Which router survives the outage?\"`",
        );
        let merged = layer::blocks(&self.loaded.tree);
        let (models, setting, worlds) = if self.is_bandit(&merged) {
            let (models, setting) = self.bandit_setting(&merged);
            let world = |block| World { name: name_of(block), has_faults: Some(false) };
            (models, setting, merged.iter().map(world).collect())
        } else {
            self.stack_setting(&merged)
        };
        self.different(merged.iter().filter_map(|b| b.name.as_ref()), "block");
        let expectations = self.expectations(&worlds);
        let seeds: Vec<u64> = match &written.seeds {
            Some(seeds) => seeds.iter().collect(),
            None => (1..=20).collect(),
        };
        let variants = self.variants(&models, &seeds);
        let reported = self.reported(variants.as_deref());
        let reward = written.reward.as_ref().map(|r| r.resolved()).unwrap_or_default();
        let criteria = written.criteria.as_ref().map(|criteria| {
            let written = &criteria.selection_seeds;
            Criteria { selection_seeds: self.selection(&written.value, written.span, &seeds) }
        });
        // A row for every round is kept only where it is asked for.
        let asks = self.loaded.tree.at(&TreePath::of("record.attempts")).is_some();
        let setting = setting?;
        let variants = variants?;
        let compare = self.compare(&variants, &setting.blocks, &seeds);
        let parameter_studies = self.parameter_studies(&models, &variants, &seeds);
        self.without_selection(&setting.blocks, &variants);
        let records_tasks = asks || setting.blocks.iter().all(|block| block.bandit.is_none());
        let warnings = self.warnings(&variants, &setting);
        let clock = setting.clock;
        let recorded = setting.recorded;
        let mut texts = self.loaded.sources.texts();
        // A preset is read for every variant that has it.
        let mut seen = Vec::new();
        texts.retain(|text| {
            !seen.contains(text) && {
                seen.push(text.clone());
                true
            }
        });
        Some(Resolved {
            name: path.file_stem()?.to_string_lossy().into_owned(),
            question: written.question?,
            texts,
            start: clock.start,
            start_local: LocalDateTime(clock.start_local).to_string(),
            zone_name: setting.zone_name,
            zone: clock.zone,
            end: clock.end,
            passes: setting.passes,
            cut: setting.cut,
            warm_up: setting.warm_up,
            seeds,
            reward,
            recorded,
            registry: Arc::new(setting.registry),
            registry_source: setting.registry_source,
            assumed: setting.assumed,
            blocks: setting
                .blocks
                .into_iter()
                .map(|block| {
                    let own = |b: &&WrittenBlock| b.name.value == block.written();
                    let question = written.blocks.iter().find(own).and_then(|b| b.question.clone());
                    Block { question, ..block }
                })
                .collect(),
            variants,
            compare: compare?,
            put_variants: None,
            parameter_studies,
            expectations,
            reported,
            record: Record {
                tasks: records_tasks,
                attempts: written.record.attempts && records_tasks,
                work_log: written.record.work_log,
                scores: written.record.scores,
                regret: written.record.regret,
                bins: u32::try_from(written.record.bins.get()).ok()?,
            },
            criteria,
            warnings,
        })
    }

    /// What is set and can never act; nothing is said of a scenario that is wrong.
    fn warnings(&mut self, variants: &[Variant], setting: &Setting) -> Report {
        if !self.loaded.problems.is_empty() {
            return Report::default();
        }
        let tree = self.loaded.tree.clone();
        let base = tree.child("stack");
        let written = tree.child("variants").map_or(&[][..], Node::items);
        let stacks: Vec<Node> = (0..variants.len())
            .map(|at| {
                let over = written.get(at).and_then(|node| node.child("stack"));
                let preset = self.preset(base, over);
                layer::stack(preset.as_ref(), base, over)
            })
            .collect();
        let setting = lint::Setting {
            blocks: &setting.blocks,
            registry: &setting.registry,
            end: setting.clock.end,
        };
        let found = lint::find(variants, &stacks, &setting, &self.loaded.sources);
        found.warnings(&self.loaded.sources)
    }

    /// The registry and the table of outcomes, each of which may say what is in the other.
    fn registry_and_table(
        &mut self,
        clock: Option<&Clock>,
    ) -> (Option<Declared>, Models, Option<Option<Recorded>>) {
        let Some(outcomes) = self.written_outcomes() else {
            let (registry, models) = self.registry(clock, None);
            return (registry, models, None);
        };
        if self.registry_from_table() {
            let recorded = self.recorded(&outcomes, None);
            let Some(table) = recorded else {
                let models =
                    Models { names: Vec::new(), broken: Vec::new(), are_all: false, fits: None };
                return (None, models, Some(None));
            };
            let text = recorded::registry_text(&table);
            let (registry, models) = self.registry(clock, Some(&text));
            return (registry, models, Some(Some(table)));
        }
        let (registry, models) = self.registry(clock, None);
        let recorded = match &registry {
            Some((registry, _, _)) => self.recorded(&outcomes, Some(registry)),
            None => None,
        };
        (registry, models, Some(recorded))
    }

    /// Clock, registry and worlds of a scenario of stacks.
    fn stack_setting(&mut self, merged: &[MergedBlock]) -> (Models, Option<Setting>, Vec<World>) {
        let time = self.loaded.scenario.time.clone();
        self.require(
            time.is_none(),
            "time",
            "write a table `[time]` with `start`, `zone` and `end`",
        );
        let clock = time.as_ref().map(|time| self.clock(time));
        let (registry, models, recorded) = self.registry_and_table(clock.as_ref());
        let passes = time.as_ref().and_then(|time| match time.end {
            WrittenEnd::Passes(n) => Some(n.get()),
            _ => None,
        });
        if passes.is_some() && recorded.is_none() {
            let span = self.loaded.tree.span_at(&TreePath::of("time.end"));
            let message = "the run ends by passes over recorded prompts, and there are none";
            let cure = "write `[world.outcomes]`, or `end.tasks` or `end.after`";
            self.problems().add(span, message, cure);
        }
        // What is wrong with a table is reported once, not for every block that would use it.
        let is_readable = recorded.as_ref().is_none_or(Option::is_some);
        let recorded = recorded.flatten();
        let models = Models { fits: recorded.clone().map(Fits::new), ..models };
        let mut blocks: Vec<Option<Block>> = Vec::new();
        let mut worlds = Vec::new();
        for block in merged {
            let name = name_of(block);
            let of_choice =
                self.block(block, clock.as_ref(), registry.as_ref(), &models, recorded.as_ref());
            let has_faults = of_choice.as_ref().map(|block| !block.world.faults.is_empty());
            worlds.push(World { name, has_faults });
            match of_choice {
                Some(block) => blocks.extend(self.chosen(block).into_iter().map(Some)),
                None => blocks.push(None),
            }
        }
        let setting = || {
            let time = time?;
            let (registry, registry_source, assumed) = registry?;
            if !is_readable {
                return None;
            }
            Some(Setting {
                recorded,
                passes,
                clock: clock?,
                zone_name: time.zone.name().to_owned(),
                cut: time.cut,
                warm_up: SimTime(time.warm_up.nanos()),
                registry,
                registry_source,
                assumed,
                blocks: blocks.into_iter().collect::<Option<_>>()?,
            })
        };
        (models, setting(), worlds)
    }

    fn clock(&mut self, time: &Time) -> Clock {
        let zone = time.zone.rules().clone();
        let start = instant_of(&zone, time.start.0);
        let tree = &self.loaded.tree;
        let span_of = |key: &str| tree.span_at(&TreePath::of(key));
        let (warm_up, cut) = (span_of("time.warm_up"), span_of("time.cut"));
        let end = match &time.end {
            WrittenEnd::After(after) => End::At(SimTime(after.nanos())),
            WrittenEnd::Tasks(n) => End::Tasks(n.get()),
            // How many that are follows from the table.
            WrittenEnd::Passes(n) => End::Tasks(n.get()),
        };
        match end {
            End::At(end) if time.warm_up.nanos() >= end.0 => self.problems().add(
                warm_up,
                "the warm-up lasts as long as the run",
                "make it shorter than `time.end`",
            ),
            End::Tasks(_) if time.warm_up.nanos() > 0 => self.problems().add(
                warm_up,
                "a run that ends by its number of tasks has no warm-up",
                "write `end.after`, or leave the warm-up out",
            ),
            _ => {}
        }
        if matches!(end, End::Tasks(_)) && time.cut {
            self.problems().add(
                cut,
                "a run that ends by its number of tasks cannot be cut",
                "write `end.after`, or leave `cut` out",
            );
        }
        Clock { start, start_local: time.start.0, zone, end }
    }

    /// Resolves a time of a fault to virtual time; a time after the start needs no clock.
    fn instant(&mut self, clock: Option<&Clock>, time: &FaultTime, span: Span) -> Option<SimTime> {
        let local = match time {
            FaultTime::After(after) => return Some(SimTime(after.nanos())),
            FaultTime::OnFirstDay(time) => clock?.start_local.date().to_datetime(*time),
            FaultTime::At(local) => *local,
        };
        let clock = clock?;
        let nanos = instant_of(&clock.zone, local).as_nanosecond() - clock.start.as_nanosecond();
        if nanos < 0 {
            let message =
                format!("{local} lies before the start of the run, {}", clock.start_local);
            self.problems().add(span, message, "write a later time, or start the run earlier");
        }
        u64::try_from(nanos).ok().map(SimTime)
    }

    fn block(
        &mut self,
        merged: &MergedBlock,
        clock: Option<&Clock>,
        registry: Option<&Declared>,
        models: &Models,
        recorded: Option<&Recorded>,
    ) -> Option<Block> {
        let study = decode::<Study>(&merged.tree, "", self.problems());
        let dropped = study.dropped;
        let study = study.value?;
        self.require(
            study.workload.is_none() && !dropped.touches("workload"),
            "workload",
            "write a table such as `[workload.poisson]` with `rate_per_s = 0.5`",
        );
        self.require(
            study.task_types.is_empty()
                && !dropped.touches("task_types")
                && study.world.outcomes.is_none(),
            "task_types",
            "write at least one `[[task_types]]` table",
        );
        self.different(study.task_types.iter().map(|t| &t.name), "task type");
        self.different(study.random_faults.iter().map(|f| &f.name), "random fault");
        self.to_choose.clear();
        let (registry, _, _) = registry?;
        let world = self.world(&study, (&merged.tree, &dropped), clock, registry, models, recorded);
        let workload = self.workload(
            study.workload.as_ref()?,
            (&merged.tree, &dropped),
            clock,
            recorded.is_some(),
        );
        let (workload, lengths) = workload?;
        let world = world?;
        Some(Block {
            name: name_of(merged),
            choice: None,
            question: None,
            training_world: world.on(recorded.map(|own| &own.train)).map(Arc::new),
            world: Arc::new(world),
            workload,
            lengths,
            registry: Arc::new(registry.clone()),
            bandit: None,
        })
    }

    fn variants(&mut self, models: &Models, seeds: &[u64]) -> Option<Vec<Variant>> {
        let tree = self.loaded.tree.clone();
        let base = tree.child("stack");
        let written = self.loaded.scenario.variants.clone();
        self.different(written.iter().map(|v| &v.name), "variant");
        let nodes = tree.child("variants").map_or(&[][..], Node::items);
        if written.is_empty() && !self.loaded.dropped.touches("variants") {
            let stack = self.stack(base, None, models, seeds);
            let name = ONLY_VARIANT.to_owned();
            return stack.map(|stack| vec![Variant { family: name.clone(), name, ..stack }]);
        }
        let resolved: Vec<Option<Variant>> = nodes
            .iter()
            .map(|node| {
                let name = node.child("name").map(Node::literal).unwrap_or_default();
                let stack = self.stack(base, node.child("stack"), models, seeds)?;
                Some(Variant { name: name.trim_matches('"').to_owned(), ..stack })
            })
            .collect();
        let named = written.into_iter().map(|v| {
            let family = v.family.map_or_else(|| v.name.value.clone(), |family| family.value);
            (v.name.value, family)
        });
        let resolved: Option<Vec<Variant>> = resolved.into_iter().collect();
        resolved.map(|list| {
            let named = list.into_iter().zip(named);
            named.map(|(v, (name, family))| Variant { name, family, ..v }).collect()
        })
    }

    /// The variants that get reports of their own; nothing is unknown to variants that could not be read.
    fn reported(&mut self, variants: Option<&[Variant]>) -> Vec<String> {
        let Some(variants) = variants else { return Vec::new() };
        let names = || variants.iter().map(|variant| variant.name.as_str());
        let Some(written) = self.loaded.scenario.reports.variants.clone() else {
            return names().take(1).map(str::to_owned).collect();
        };
        for name in written.iter().filter(|name| !names().any(|known| known == name.value)) {
            self.problems().add_unknown(name.span, "variant", &name.value, names());
        }
        let is_reported = |name: &&str| written.iter().any(|wanted| wanted.value == *name);
        names().filter(is_reported).map(str::to_owned).collect()
    }

    /// One stack; its name is filled in by the caller.
    fn stack(
        &mut self,
        base: Option<&Node>,
        over: Option<&Node>,
        models: &Models,
        seeds: &[u64],
    ) -> Option<Variant> {
        let preset = self.preset(base, over);
        let mut merged = layer::stack(preset.as_ref(), base, over);
        merged.span = over.or(base).map_or(Span::default(), |node| node.span);
        self.stack_of(&merged, preset.is_some(), models, seeds)
    }

    /// One stack from its merged layers.
    fn stack_of(
        &mut self,
        merged: &Node,
        has_preset: bool,
        models: &Models,
        seeds: &[u64],
    ) -> Option<Variant> {
        let partial_counts = self.loaded.scenario.partial_counts;
        let decoded = decode::<Stack>(merged, "stack", self.problems());
        let touched = |key| decoded.dropped.touches(key);
        let order_was_wrong = touched("order") || touched("preset");
        let stack = decoded.value?;
        let preset_was_wrong = stack.preset.is_some() && !has_preset;
        if stack.order.is_none() && !order_was_wrong && !preset_was_wrong {
            let cure = "write one, such as `order = \"random\"`, or `preset = \"stage4\"`";
            match merged.span == Span::default() {
                false => self.problems().add(merged.span, "the stack has no `order`", cure),
                true => self.problems().add_of_file("the stack has no `order`", cure),
            }
        }
        let reward = self.loaded.scenario.reward.as_ref().map(|r| r.resolved());
        let problems = self.problems();
        let rule = stack::resolve(&stack, merged, models, partial_counts, reward, problems);
        let (rule, selection) = rule?;
        let span = merged.span_at(&TreePath::of("order.best_fixed"));
        let best_fixed = selection.map(|written| self.selection(&written, span, seeds));
        Some(Variant {
            name: String::new(),
            family: String::new(),
            stack: Arc::new(rule),
            best_fixed,
        })
    }

    fn selection(&mut self, written: &Seeds, span: Span, seeds: &[u64]) -> Vec<u64> {
        let chosen: Vec<u64> = written.iter().collect();
        if let Some(both) = chosen.iter().find(|seed| seeds.contains(seed)) {
            let message = format!("seed {both} is both a selection seed and a reported one");
            self.problems().add(span, message, "choose on other seeds than the study reports");
        }
        chosen
    }

    /// Reports names that occur twice.
    fn different<'n>(&mut self, names: impl Iterator<Item = &'n Spanned<String>>, what: &str) {
        let mut seen: Vec<&str> = Vec::new();
        for name in names {
            if seen.contains(&name.value.as_str()) {
                let message = format!("the {what} `{}` is written twice", name.value);
                self.problems().add(name.span, message, "give each its own name");
            }
            seen.push(&name.value);
        }
    }
}
