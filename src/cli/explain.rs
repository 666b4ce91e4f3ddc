//! `explain`: one task of a run, told from arrival to end.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::{Stop, print, said};
use crate::calendar::local_text;
use crate::domain::{
    AttemptRecord, BreakerState, Candidate, ChosenBy, Decision, FallbackEvent, ModelSet, Role,
    Standing,
};
use crate::experiment::{Entry, Story, replay};
use crate::results::manifest::{CellEntry, Manifest};
use crate::scenario;
use crate::scenario::resolved::Resolved;
use crate::units::{SimDuration, SimTime, TaskId};

/// Width of the column of times.
const MARGIN: usize = 12;

#[derive(Args)]
pub(super) struct Explain {
    /// A folder that `run` has written
    #[arg(value_name = "RESULTS_DIR")]
    results: PathBuf,
    /// Number of the task within its run, from 0 in order of arrival
    #[arg(long, value_name = "N")]
    task: u64,
    /// Variant of the stack [default: the first]
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// Block of the scenario [default: the first]
    #[arg(long, value_name = "NAME")]
    block: Option<String>,
    /// Seed [default: the first]
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
    /// Folder of the scenario, where it names tables (outcomes, traces, prices): the results keep its texts, but not those
    #[arg(long, value_name = "DIR", default_value = ".")]
    beside: PathBuf,
    /// Let paths in the scenario lead out of that folder
    #[arg(long)]
    allow_outside: bool,
}

impl Explain {
    pub(super) fn run(self) -> Result<(), Stop> {
        let bad = |error: &dyn std::fmt::Display| Stop::bad_input(format!("error: {error}"));
        let manifest = Manifest::read(&self.results).map_err(|e| bad(&e))?;
        let cell = self.cell(&manifest)?;
        let scenario = self.scenario(&manifest)?;
        let story = replay(&scenario, &manifest, cell, TaskId(self.task)).map_err(|e| bad(&e))?;
        print(&Teller::new(&scenario, &story).told(&manifest, cell))
    }

    /// The run that is meant.
    fn cell<'m>(&self, manifest: &'m Manifest) -> Result<&'m CellEntry, Stop> {
        let blocks: Vec<&String> = manifest.blocks.iter().map(|block| &block.name).collect();
        let variants: Vec<&String> = manifest.variants.iter().collect();
        let block = named("block", self.block.as_ref(), &blocks)?;
        let variant = named("variant", self.variant.as_ref(), &variants)?;
        let mut own = manifest.cells.iter().filter(|c| &c.block == block && &c.variant == variant);
        let cell = match self.seed {
            None => own.next(),
            Some(seed) => own.find(|cell| cell.seed == seed),
        };
        let cell = cell.ok_or_else(|| {
            let seed = self.seed.unwrap_or_default();
            let seeds = manifest.seeds.iter().map(u64::to_string);
            no_such("seed", &seed.to_string(), &listed(seeds))
        })?;
        if self.task >= cell.tasks {
            let there_are = match cell.tasks {
                0 => "no task arrived in that run".to_owned(),
                n => format!("its tasks are 0 to {}", n - 1),
            };
            return Err(no_such("task", &self.task.to_string(), &there_are));
        }
        Ok(cell)
    }

    /// The scenario as it was when the results were made.
    fn scenario(&self, manifest: &Manifest) -> Result<Resolved, Stop> {
        let texts: Vec<(String, String)> =
            manifest.texts.iter().map(|text| (text.name.clone(), text.text.clone())).collect();
        let variants = manifest.put_variants.as_deref();
        scenario::read_kept(&texts, &self.beside, self.allow_outside, variants).map_err(|report| {
            let about = "error: the scenario of these results cannot be read again; if it names tables (outcomes, traces, \
                         prices), give the folder in which it stood with --beside";
            Stop::bad_input(format!("{about}\n{}", said(&report)))
        })
    }
}

fn named<'m>(what: &str, given: Option<&String>, all: &[&'m String]) -> Result<&'m String, Stop> {
    match given {
        None => Ok(all[0]),
        Some(name) => all
            .iter()
            .find(|own| **own == name)
            .copied()
            .ok_or_else(|| no_such(what, name, &listed(all.iter().map(|own| (*own).clone())))),
    }
}

fn no_such(what: &str, name: &str, there_is: &str) -> Stop {
    Stop::bad_input(format!("error: the results have no {what} {name}; {there_is}"))
}

/// The first of what there is, and how many more.
fn listed(all: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = all.map(|name| format!("`{name}`")).collect();
    match all.len() {
        0..=12 => format!("there is {}", all.join(", ")),
        n => format!("there is {} and {} more, up to {}", all[..10].join(", "), n - 10, all[n - 1]),
    }
}

/// Tells a story in lines of text.
struct Teller<'a> {
    scenario: &'a Resolved,
    story: &'a Story,
    models: Vec<String>,
    text: String,
}

impl<'a> Teller<'a> {
    fn new(scenario: &'a Resolved, story: &'a Story) -> Self {
        Self { scenario, story, models: scenario.model_names(), text: String::new() }
    }

    fn told(mut self, manifest: &Manifest, cell: &CellEntry) -> String {
        let task = &self.story.task;
        let at = format!("block {}, variant {}, seed {}", cell.block, cell.variant, cell.seed);
        self.line(format_args!("{}: task {} of {at}", manifest.scenario, task.task.0));
        if !self.story.is_same {
            self.line(format_args!(
                "warning: this run's hash of events is not that of the results, which version {} wrote: what follows is what \
                 this program makes of it (tables that the scenario names may have changed as well)",
                manifest.reflexarc_version
            ));
        }
        let kind = self.scenario.blocks.iter().find(|block| block.name == cell.block);
        let kind = kind.map(|block| &block.world.task_types[usize::from(task.task_type)]);
        if let Some(kind) = kind {
            let n = kind.steps.len();
            let levels: Vec<&str> = kind.steps.iter().map(|level| level.name()).collect();
            let deadline = match kind.deadline {
                Some(deadline) => format!("deadline {} after arrival", duration(deadline)),
                None => "no deadline".to_owned(),
            };
            self.line(format_args!(
                "type {}: {n} step{} ({}), priority {}, about {:.0} tokens, {deadline}",
                kind.name,
                if n == 1 { "" } else { "s" },
                levels.join(", "),
                task.priority.name(),
                task.estimated_tokens
            ));
        }
        let at = manifest.variants.iter().position(|name| *name == cell.variant);
        let has_numbers = self.story.entries.iter().any(|entry| match entry {
            Entry::Decision(own) => own.candidates.iter().any(|c| c.score.is_some()),
            _ => false,
        });
        if let Some(order) = at.and_then(|at| manifest.orders.get(at)).filter(|_| has_numbers) {
            self.line(format_args!(
                "in brackets the numbers by which its order ({order}) compares models"
            ));
        }
        self.line(format_args!(""));
        let concerned = self.concerned();
        let mut last_end: Option<SimTime> = None;
        for entry in &self.story.entries {
            if let Entry::Breaker(event) = entry
                && !concerned.contains(event.model)
            {
                continue;
            }
            // Told when it is over, so that times never go back.
            let next = match entry {
                Entry::Decision(decision) => Some(decision.role),
                Entry::Sent(call) => Some(call.role),
                Entry::Fallback(_) => Some(Role::Fallback),
                _ => None,
            };
            if let (Some(next @ (Role::Retry | Role::Fallback)), Some(since)) = (next, last_end) {
                let waited = entry.at(task).since(since);
                if waited > SimDuration::ZERO {
                    let line = format!("waited {} for the {}", duration(waited), role(next));
                    self.row(entry.at(task), &line);
                    last_end = None;
                }
            }
            if let Entry::Ended(call) = entry {
                last_end = Some(call.dispatched + call.response.duration);
            }
            self.entry(entry, concerned);
        }
        self.text
    }

    /// Models that were called or could have been.
    fn concerned(&self) -> ModelSet {
        let mut models = ModelSet::EMPTY;
        for entry in &self.story.entries {
            match entry {
                Entry::Sent(call) => models.insert(call.model),
                Entry::Decision(decision) => {
                    decision.candidates.iter().for_each(|own| models.insert(own.model));
                }
                Entry::Fallback(event) => models.insert(event.from),
                _ => {}
            }
        }
        models
    }

    fn entry(&mut self, entry: &Entry, concerned: ModelSet) {
        let task = self.story.task;
        let at = entry.at(&task);
        match entry {
            Entry::Arrived => {
                let Resolved { start, zone, .. } = self.scenario;
                let when = local_text(*start, zone, at);
                let after = duration(SimDuration(at.0));
                self.row(at, &format!("arrives at {when} ({after} after the start)"));
                for (model, state, since) in &self.story.not_closed {
                    if concerned.contains(*model) {
                        let ago = duration(at.since(*since));
                        let line = format!(
                            "  breaker of {} is {}, since {ago}",
                            self.models[model.index()],
                            words(*state)
                        );
                        self.row(at, &line);
                    }
                }
            }
            Entry::Decision(decision) => self.decision(at, decision),
            Entry::Sent(call) => {
                let line = format!(
                    "call {} goes to {} ({}, chosen by {})",
                    call.attempt,
                    self.models[call.model.index()],
                    role(call.role),
                    chooser(call)
                );
                self.row(at, &line);
            }
            Entry::Ended(call) => self.ended(at, call),
            Entry::Breaker(event) => {
                let model = &self.models[event.model.index()];
                let line =
                    format!("breaker of {model}: {} -> {}", words(event.from), words(event.to));
                self.row(at, &line);
            }
            Entry::Fallback(event) => self.fallback(at, event),
            Entry::Step(step) => {
                let line = format!(
                    "step {} at {} ends: {}{}",
                    step.step,
                    step.level.name(),
                    step.outcome.name(),
                    if step.served { ", answered" } else { ", not answered" }
                );
                self.row(at, &line);
            }
            Entry::Done => self.done(at),
        }
    }

    fn decision(&mut self, at: SimTime, decision: &Decision) {
        let chosen = match decision.chosen {
            Some(model) => format!("takes {}", self.models[model.index()]),
            None => "takes nobody".to_owned(),
        };
        let wanted = role(decision.role);
        self.row(at, &format!("decision for the {wanted} of step {}: {chosen}", decision.step));
        let own = &decision.candidates;
        let width = own.iter().map(|c| self.models[c.model.index()].chars().count()).max();
        for candidate in own {
            let name = self.models[candidate.model.index()].clone();
            let mark = if decision.chosen == Some(candidate.model) { '>' } else { ' ' };
            let score = candidate.score.map_or(String::new(), |score| format!("  [{score:.4}]"));
            let width = width.unwrap_or(0);
            let line = format!("{mark} {name:width$}  {}{score}", standing(at, candidate));
            self.row_of("", &line);
        }
    }

    fn ended(&mut self, at: SimTime, call: &AttemptRecord) {
        let response = &call.response;
        let mut line = format!(
            "call {} to {} ends: {}",
            call.attempt,
            self.models[call.model.index()],
            response.outcome.name()
        );
        let _ = write!(line, ", took {}", duration(response.duration));
        if call.wait > SimDuration::ZERO {
            let _ = write!(line, " ({} of it in the provider's queue)", duration(call.wait));
        }
        match response.tokens() {
            0 => line.push_str(", nothing billed"),
            n => {
                let _ = write!(line, ", {n} tokens, {} USD", usd(response.cost_usd));
            }
        }
        if call.served {
            let _ = write!(line, ", quality {:.0}", response.quality);
        }
        if let Some(wait) = response.retry_after {
            let _ = write!(line, ", Retry-After {}", duration(wait));
        }
        if let Some(reward) = call.reward {
            let _ = write!(line, "; the learner is fed {reward:.3}");
        }
        self.row(at, &line);
    }

    fn fallback(&mut self, at: SimTime, event: &FallbackEvent) {
        let from = &self.models[event.from.index()];
        let reason = event.reason.name();
        let line = match (event.to, event.why_none) {
            (Some(to), _) => {
                format!("falls back from {from} ({reason}) to {}", self.models[to.index()])
            }
            (None, Some(why)) => {
                format!("falls back from {from} ({reason}): no target, {}", why.name())
            }
            (None, None) => format!("falls back from {from} ({reason}): no target"),
        };
        self.row(at, &line);
    }

    fn done(&mut self, at: SimTime) {
        let task = self.story.task;
        let answered = match (task.served, task.in_time) {
            (true, true) => "answered in time",
            (true, false) => "answered too late",
            (false, _) => "not answered",
        };
        let line = format!(
            "ends: {}, {answered}, after {}; {} call{}, {} tokens, {} USD; efficiency {:.1}, reward {:.3}",
            task.outcome.name(),
            duration(task.ended.since(task.arrived)),
            task.n_attempts,
            if task.n_attempts == 1 { "" } else { "s" },
            task.input_tokens + task.output_tokens,
            usd(task.cost_usd),
            task.efficiency,
            task.reward
        );
        self.row(at, &line);
    }

    fn row(&mut self, at: SimTime, what: &str) {
        let since = at.since(self.story.task.arrived).as_secs_f64();
        self.row_of(&format!("+{since:.3} s"), what);
    }

    fn row_of(&mut self, time: &str, what: &str) {
        self.line(format_args!("{time:>MARGIN$}  {what}"));
    }

    fn line(&mut self, what: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.text, "{what}");
    }
}

/// How a candidate stood, in words.
fn standing(now: SimTime, candidate: &Candidate) -> String {
    match candidate.standing {
        Standing::Eligible => "eligible".to_owned(),
        Standing::Absent => "not there".to_owned(),
        Standing::HeldBack { until, reason } => {
            format!("held back after {} for another {}", reason.name(), duration(until.since(now)))
        }
        Standing::ShortOfTokens { used, limit } => {
            format!("believed short of tokens: {used} of {limit} used")
        }
        Standing::BreakerOpen { until: Some(until) } if until > now => {
            format!("breaker open, for another {}", duration(until.since(now)))
        }
        Standing::BreakerOpen { .. } => "breaker refuses".to_owned(),
        Standing::OverLimit => "own limit per minute used up".to_owned(),
        Standing::Tried => "tried already".to_owned(),
        Standing::OutsideGroup => "outside of the group".to_owned(),
        Standing::Ramping => "recovering: not its share yet".to_owned(),
        Standing::NotNamed => "not named by the order".to_owned(),
    }
}

fn words(state: BreakerState) -> &'static str {
    match state {
        BreakerState::HalfOpen => "half-open",
        other => other.name(),
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::First => "first call",
        other => other.name(),
    }
}

/// Who chose a call, with the probability where it is known.
fn chooser(call: &AttemptRecord) -> String {
    let who = match call.chosen_by {
        ChosenBy::LastResort => "last resort",
        other => other.name(),
    };
    let explored = if call.explored { ", exploring" } else { "" };
    match call.propensity.value() {
        Some(p) => format!("{who} with probability {p:.3}{explored}"),
        None => format!("{who}{explored}"),
    }
}

/// A duration as people say it.
fn duration(time: SimDuration) -> String {
    let s = time.as_secs_f64();
    match s {
        _ if s < 1.0 => format!("{:.0} ms", s * 1e3),
        _ if s < 120.0 => format!("{s:.2} s"),
        _ if s < 7200.0 => {
            let whole = s.round() as u64;
            format!("{} min {} s", whole / 60, whole % 60)
        }
        _ => {
            let minutes = (s / 60.0).round() as u64;
            format!("{} h {} min", minutes / 60, minutes % 60)
        }
    }
}

fn usd(amount: f64) -> String {
    format!("{amount:.6}")
}
