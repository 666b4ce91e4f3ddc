//! `list`: what a scenario can name, each with a line, or one of it in full.

use std::path::Path;

use clap::ValueEnum;

use super::{Stop, print};
use crate::analysis::measure::MEASURES;
use crate::learners::wrappers::{self, Wrappers};
use crate::learners::{CARDS, Card, LearnerConfig};
use crate::registry::Latency;
use crate::results::schema::TABLES;
use crate::scenario::lint::{RULES, Rule};
use crate::scenario::shipped::PRESETS;
use crate::scenario::written::{Breaker, Effect, Order, Outlier, RetryBudget, Workload};
use crate::scenario::{self, closest, schema};
use crate::units::Level;

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum What {
    /// Models of the shipped registries
    Models,
    /// Learning algorithms, and what may be put around them
    Learners,
    /// Router orders
    Routers,
    /// Stacks that come with the program, gateways among them, with all their keys
    Presets,
    /// Circuit breakers
    Breakers,
    /// Detectors that take models out of service by how their group does
    Outliers,
    /// Bounds on the retries of all steps together
    RetryBudgets,
    /// Workloads
    Workloads,
    /// Effects of faults
    Faults,
    /// Scenarios in the folder `scenarios` and in its folder `pains`
    Scenarios,
    /// Tables of a result, with their columns
    Tables,
    /// Measures of a run
    Measures,
    /// What `check` warns of
    Warnings,
}

/// Prints the list, or the description of `name`.
pub(super) fn print_list(what: What, name: Option<&str>) -> Result<(), Stop> {
    let entries = match what {
        What::Models => models()?,
        What::Learners => learners(),
        What::Routers => kinds::<Order>(),
        What::Presets => presets(),
        What::Breakers => kinds::<Breaker>(),
        What::Outliers => kinds::<Outlier>(),
        What::RetryBudgets => kinds::<RetryBudget>(),
        What::Workloads => kinds::<Workload>(),
        What::Faults => kinds::<Effect>(),
        What::Scenarios => scenarios(Path::new("scenarios"))?,
        What::Tables => tables(),
        What::Measures => measures(),
        What::Warnings => warnings(),
    };
    let Some(name) = name else {
        let width = entries.iter().map(|e| e.name.chars().count()).max().unwrap_or(0);
        let lines = entries.iter().map(|e| format!("{:<width$}  {}\n", e.name, e.line));
        return print(&lines.collect::<String>());
    };
    match entries.iter().find(|e| e.name == name) {
        Some(entry) => print(&entry.full),
        None => {
            let names: Vec<&str> = entries.iter().map(|e| e.name.as_str()).collect();
            let cure = match closest(name, &names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("expected one of {}", names.join(", ")),
            };
            Err(Stop::bad_input(format!("error: there is no `{name}` in this list; {cure}")))
        }
    }
}

struct Entry {
    name: String,
    line: String,
    full: String,
}

fn kinds<T: schemars::JsonSchema>() -> Vec<Entry> {
    schema::kinds::<T>()
        .into_iter()
        .map(|(name, line)| {
            let full = schema::describe::<T>(&name).unwrap_or_default();
            Entry { name, line, full }
        })
        .collect()
}

/// The learners, and what may be put around them.
fn learners() -> Vec<Entry> {
    let entry = |name: String, card: &Card, keys: &str| Entry {
        full: format!(
            "{name}: {}\n\nrule     {}\nsource   {}\nlimits   {}\n\n{keys}",
            card.summary, card.formula, card.source, card.fails
        ),
        name,
        line: card.summary.to_owned(),
    };
    let learners = CARDS.iter().map(|(name, card)| {
        let keys = schema::describe::<LearnerConfig>(name).unwrap_or_default();
        let keys: String = keys.split_inclusive('\n').skip(1).collect();
        entry((*name).to_owned(), card, &format!("keys of `order.learner.{name}`:\n{keys}"))
    });
    let wrappers = wrappers::CARDS.iter().map(|(key, card)| {
        let keys = schema::describe_key::<Wrappers>(key).unwrap_or_default();
        entry(
            format!("wrappers.{key}"),
            card,
            &format!("around any learner, in `[stack.wrappers]`:\n{keys}"),
        )
    });
    learners.chain(wrappers).collect()
}

/// The presets, each with its text; its line is what its first comment says, up to the first full stop.
fn presets() -> Vec<Entry> {
    let entry = |(name, text): &(&str, &str)| {
        let comment = text.lines().map_while(|line| line.strip_prefix("# "));
        let comment = comment.collect::<Vec<_>>().join(" ");
        let line = comment.split_once(". ").map_or(comment.as_str(), |(first, _)| first);
        Entry {
            name: (*name).to_owned(),
            line: line.trim_end_matches('.').to_owned(),
            full: (*text).to_owned(),
        }
    };
    PRESETS.iter().map(entry).collect()
}

fn warnings() -> Vec<Entry> {
    let entry = |rule: &Rule| Entry {
        name: rule.name.to_owned(),
        line: rule.of.to_owned(),
        full: format!("{}: {}\n", rule.name, rule.of),
    };
    RULES.iter().map(entry).collect()
}

fn tables() -> Vec<Entry> {
    TABLES
        .iter()
        .map(|table| {
            let columns = table.columns.iter().map(|column| {
                let null = if column.nullable { ", or null" } else { "" };
                let kind = column.kind.name();
                format!("  {} ({kind}{null})\n      {}\n", column.name, column.doc)
            });
            let full = format!("{}: {}\n{}", table.name, table.doc, columns.collect::<String>());
            Entry { name: table.name.to_owned(), line: table.doc.to_owned(), full }
        })
        .collect()
}

fn measures() -> Vec<Entry> {
    MEASURES
        .iter()
        .map(|measure| {
            let line =
                format!("{} ({}; better: {})", measure.doc, measure.unit, measure.better.name());
            let full = format!("{}: {line}\n", measure.name);
            Entry { name: measure.name.to_owned(), line, full }
        })
        .collect()
}

/// Models of every shipped registry, read as a scenario reads them.
fn models() -> Result<Vec<Entry>, Stop> {
    let mut entries = Vec::new();
    for (registry, _) in scenario::shipped::REGISTRIES {
        let declared = scenario::shipped_registry(registry).map_err(|report| {
            Stop::failed(format!("error: the shipped registry {registry} is broken:\n{report}"))
        })?;
        let (facts, source, assumed) = declared;
        for (model, (_, assumed)) in facts.models.iter().zip(&assumed) {
            let tokens = facts.accounts[model.account]
                .daily_tokens
                .map_or_else(|| "unlimited".to_owned(), |n| format!("{n} tokens a day"));
            let price = format!(
                "{} / {} USD per million tokens in / out",
                model.usd_per_mtok_input, model.usd_per_mtok_output
            );
            let levels = |values: [f64; 4]| {
                Level::ALL.map(|l| format!("{l} {}", values[l.index()])).join(", ")
            };
            let latency = match model.latency {
                Latency::Response(ms) => format!("mean response {} ms", levels(ms)),
                Latency::PerToken { ttft_ms, ms_per_output_token } => format!(
                    "{ttft_ms} ms to the first token, {ms_per_output_token} ms for each output token"
                ),
            };
            let full = format!(
                "{} (registry {registry}, provider {}, account {})\n\
                 score    {}\nsuccess  {}\nquality  {}\ntime     {latency}\nprice    {price}\n\
                 quota    {tokens}\nassumed  {}\nsource   {source}\n",
                model.name,
                model.provider,
                facts.accounts[model.account].name,
                levels(model.score),
                levels(model.success),
                levels(model.quality),
                if assumed.is_empty() { "nothing".to_owned() } else { assumed.join(", ") },
            );
            let line = format!("{registry}: {}, {price}, {tokens}", model.provider);
            entries.push(Entry { name: model.name.clone(), line, full });
        }
    }
    Ok(entries)
}

fn scenarios(folder: &Path) -> Result<Vec<Entry>, Stop> {
    let unreadable = |error: std::io::Error| {
        Stop::bad_input(format!(
            "error: cannot read the folder {}: {error}; call this where it is",
            folder.display()
        ))
    };
    let mut paths = Vec::new();
    let below = folder.join("pains");
    for folder in std::iter::once(folder).chain(below.is_dir().then_some(below.as_path())) {
        let from = paths.len();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|e| e == "toml") {
                paths.push(path);
            }
        }
        paths[from..].sort();
    }
    let entries = paths.into_iter().map(|path| {
        let within = path.strip_prefix(folder).unwrap_or(&path).with_extension("");
        let name = within.to_string_lossy().replace('\\', "/");
        match scenario::read(&path, false) {
            Ok(resolved) => {
                let text = resolved.texts.first().map(|(_, text)| text.clone());
                Entry { name, line: resolved.question, full: text.unwrap_or_default() }
            }
            Err(report) => {
                let n = report.count();
                Entry {
                    name,
                    line: format!("({n} mistakes: see `check`)"),
                    full: report.to_string(),
                }
            }
        }
    });
    Ok(entries.collect())
}
