//! The registry: a shipped one or a file, under the scenario's changes.

use jiff::tz::TimeZone;

use super::recorded::FROM_TABLE;
use super::{Clock, Declared, Models, Resolver};
use crate::domain::ModelSet;
use crate::registry::{Account, Latency, Model, Registry};
use crate::scenario::decode::decode;
use crate::scenario::layer::merge;
use crate::scenario::problem::{Problems, Report, name_cure};
use crate::scenario::shipped::{REGISTRIES, names_of, text_of};
use crate::scenario::source::{SourceMap, Span};
use crate::scenario::tree::{Node, Path as TreePath, parse};
use crate::scenario::values::{Level, Named, NonNegative, PerLevel, Positive};
use crate::scenario::written::{Model as WrittenModel, Name, RegistryFile};

impl Resolver<'_> {
    /// Reads the registry; the names are known even where it is wrong.
    ///
    /// `from_table` is the text of a registry that was made from a table of outcomes.
    pub(super) fn registry(
        &mut self,
        clock: Option<&Clock>,
        from_table: Option<&str>,
    ) -> (Option<Declared>, Models) {
        let written = self.loaded.scenario.registry.clone();
        let used = written.as_ref().and_then(|registry| registry.used.clone());
        let file = match from_table {
            Some(text) => {
                self.loaded.add_text::<RegistryFile>("registry from outcomes", None, text)
            }
            None => used.as_ref().and_then(|name| self.registry_file(name)),
        };
        if used.is_some() && file.is_none() {
            return (None, Models { names: Vec::new(), broken: Vec::new(), are_all: false });
        }
        let mut source = "the scenario file".to_owned();
        if let Some(file) = &file
            && let Some(head) = decode::<RegistryFile>(file, "", self.problems()).value
        {
            source = head.source.unwrap_or(source);
        }
        let under = file.as_ref().and_then(|file| file.child("models")).cloned();
        let over = self.loaded.tree.at(&TreePath::of("registry.models")).cloned();
        let merged = match (&under, &over) {
            (Some(under), Some(over)) => Some(merge(under, over)),
            _ => under.clone().or_else(|| over.clone()),
        };
        let Some(mut merged) = merged else {
            let was_wrong = self.loaded.dropped.touches("registry") || used.is_some();
            self.require(
                !was_wrong,
                "registry",
                "write `registry.use = \"stage4\"`, or `[registry.models.NAME]` tables",
            );
            return (None, Models { names: Vec::new(), broken: Vec::new(), are_all: false });
        };
        let all: Vec<String> = merged
            .table()
            .map(|table| table.entries.iter().map(|entry| entry.key.clone()).collect())
            .unwrap_or_default();
        if let Some(prices) = written.as_ref().and_then(|registry| registry.prices.as_ref()) {
            let fixed = own_prices(over.as_ref());
            let Some(layer) = self.price_layer(prices, &all, &fixed) else {
                return (None, Models { names: Vec::new(), broken: Vec::new(), are_all: false });
            };
            let under = under.map_or_else(|| layer.clone(), |under| merge(&under, &layer));
            merged = over.map_or_else(|| under.clone(), |over| merge(&under, &over));
            let (file, snapshot) = (&prices.file.value, &prices.snapshot.value);
            source =
                format!("{}. Prices: {file}, snapshot {snapshot}.", source.trim_end_matches('.'));
        }
        let decoded = decode::<Named<WrittenModel>>(&merged, "registry.models", self.problems());
        let models = decoded.value.unwrap_or_default();
        let names: Vec<String> = models.names().map(str::to_owned).collect();
        if names.len() > ModelSet::CAPACITY {
            let message = format!("the registry has {} models", names.len());
            self.problems().add(merged.span, message, "at most 128 are supported: leave some out");
            return (None, Models { names, broken: all, are_all: true });
        }
        let small = written.is_some_and(|registry| registry.small_plan);
        let zone = clock.map_or(TimeZone::UTC, |clock| clock.zone.clone());
        let registry = resolve(&models, &merged, small, &zone, self.problems());
        let assumed = assumed(&models);
        let broken = all.into_iter().filter(|name| !names.contains(name)).collect();
        (Some((registry, source, assumed)), Models { names, broken, are_all: true })
    }

    fn registry_file(&mut self, name: &Name) -> Option<Node> {
        if let Some(text) = text_of(&REGISTRIES, &name.value) {
            let shown = format!("registry {}", name.value);
            return self.loaded.add_text::<RegistryFile>(&shown, None, text);
        }
        if name.value == FROM_TABLE {
            let message = "the registry is to be taken from outcomes, and there are none";
            let cure = "write `[world.outcomes]` with the `file` of a table";
            self.problems().add(name.span, message, cure);
            return None;
        }
        let is_path = name.value.contains(['/', '.']);
        if is_path && self.loaded.path(name).is_ok() || name.value.ends_with(".toml") {
            return self.loaded.read_file::<RegistryFile>(name);
        }
        let cure = name_cure(&name.value, &names_of(&REGISTRIES));
        let message = format!("there is no shipped registry `{}`", name.value);
        let cure = format!("{cure} (or write the path of a registry file)");
        self.problems().add(name.span, message, cure);
        None
    }
}

/// Reads a shipped registry on its own, with quotas that reset in UTC.
pub(super) fn shipped(name: &str) -> Result<Declared, Report> {
    let mut sources = SourceMap::default();
    let mut problems = Problems::default();
    let text = text_of(&REGISTRIES, name).unwrap_or_default();
    let start = sources.add(&format!("registry {name}"), None, text);
    let tree =
        parse(&sources, start, &mut problems).unwrap_or_else(|| Node::empty(Span::default()));
    let head = decode::<RegistryFile>(&tree, "", &mut problems).value;
    let models = tree.child("models").cloned().unwrap_or_else(|| Node::empty(Span::default()));
    let written = decode::<Named<WrittenModel>>(&models, "registry.models", &mut problems).value;
    let written = written.unwrap_or_default();
    let registry = resolve(&written, &models, false, &TimeZone::UTC, &mut problems);
    if !problems.is_empty() {
        return Err(problems.report(&sources));
    }
    Ok((registry, head.and_then(|h| h.source).unwrap_or_default(), assumed(&written)))
}

/// The models whose two prices the scenario itself writes.
fn own_prices(models: Option<&Node>) -> Vec<String> {
    let entries = models.and_then(Node::table).map_or(&[][..], |table| &table.entries);
    let keys = ["usd_per_mtok_input", "usd_per_mtok_output"];
    let has_both = |model: &Node| keys.iter().all(|key| model.child(key).is_some());
    let own = entries.iter().filter(|entry| has_both(&entry.node));
    own.map(|entry| entry.key.clone()).collect()
}

fn assumed(models: &Named<WrittenModel>) -> Vec<(String, Vec<String>)> {
    let keys = |model: &WrittenModel| model.assumed.iter().map(|key| key.value.clone()).collect();
    models.entries.iter().map(|(name, model)| (name.value.clone(), keys(model))).collect()
}

/// The response time that keys of a model or of its truth give.
///
/// # Errors
/// What is wrong with them, in words.
pub(super) fn latency(
    response_ms: Option<PerLevel<Positive>>,
    ttft_ms: Option<NonNegative>,
    ms_per_output_token: Option<NonNegative>,
) -> Result<Option<Latency>, &'static str> {
    match (response_ms, ttft_ms, ms_per_output_token) {
        (None, None, None) => Ok(None),
        (Some(ms), None, None) => Ok(Some(Latency::Response(ms.0.map(Positive::get)))),
        (None, Some(ttft), Some(each)) => {
            Ok(Some(Latency::PerToken { ttft_ms: ttft.get(), ms_per_output_token: each.get() }))
        }
        (Some(_), _, _) => Err("`response_ms` stands beside `ttft_ms` or `ms_per_output_token`"),
        (None, _, _) => Err("`ttft_ms` and `ms_per_output_token` need each other"),
    }
}

/// The cure that goes with [`latency`]'s errors.
pub(super) const LATENCY_CURE: &str =
    "write either `response_ms`, or both `ttft_ms` and `ms_per_output_token`";

fn resolve(
    written: &Named<WrittenModel>,
    tree: &Node,
    small: bool,
    zone: &TimeZone,
    problems: &mut Problems,
) -> Registry {
    let mut registry = Registry { models: Vec::new(), accounts: Vec::new() };
    for (name, model) in &written.entries {
        let span = name.span;
        let latency = latency(model.response_ms, model.ttft_ms, model.ms_per_output_token)
            .unwrap_or_else(|reason| {
                problems.add(span, format!("`{}`: {reason}", name.value), LATENCY_CURE);
                None
            });
        if latency.is_none() && !problems.iter().any(|p| p.span == Some(span)) {
            let message = format!("`{}` has no response time", name.value);
            problems.add(span, message, LATENCY_CURE);
        }
        check_assumed(model, tree, &name.value, problems);
        let account = account(&mut registry, name, model, small, zone, span, problems);
        let mut levels = [false; 4];
        model.levels.iter().for_each(|level: &Level| levels[level.index()] = true);
        registry.models.push(Model {
            name: name.value.clone(),
            provider: model.provider.value.clone(),
            account,
            levels,
            score: model.score.0.map(|v| v.get()),
            success: model.success.0.map(|v| v.get()),
            quality: model.quality.0.map(|v| v.get()),
            latency: latency.unwrap_or(Latency::Response([1.0; 4])),
            usd_per_mtok_input: model.usd_per_mtok_input.get(),
            usd_per_mtok_output: model.usd_per_mtok_output.get(),
            plan_usd_per_mtok: model.plan_usd_per_mtok.get(),
            key: model.key,
        });
    }
    registry
}

fn account(
    registry: &mut Registry,
    name: &Name,
    model: &WrittenModel,
    small: bool,
    zone: &TimeZone,
    span: Span,
    problems: &mut Problems,
) -> usize {
    let account_name = model.account.as_ref().map_or(&name.value, |account| &account.value);
    let daily = if small { model.daily_tokens_small } else { model.daily_tokens };
    let own = Account {
        name: account_name.clone(),
        daily_tokens: daily.map(|tokens| tokens.get()),
        reset_zone: model.reset_zone.as_ref().map_or(zone, |z| z.rules()).clone(),
    };
    let Some(known) = registry.accounts.iter().position(|a| a.name == own.name) else {
        registry.accounts.push(own);
        return registry.accounts.len() - 1;
    };
    if registry.accounts[known].daily_tokens != own.daily_tokens
        || registry.accounts[known].reset_zone != own.reset_zone
    {
        let message = format!("models of the account `{}` disagree on its quota", own.name);
        problems.add(span, message, "give them the same `daily_tokens` and `reset_zone`");
    }
    known
}

fn check_assumed(model: &WrittenModel, tree: &Node, name: &str, problems: &mut Problems) {
    let keys: Vec<&str> = tree
        .child(name)
        .and_then(Node::table)
        .map(|table| table.entries.iter().map(|entry| entry.key.as_str()).collect())
        .unwrap_or_default();
    for assumed in &model.assumed {
        if !keys.contains(&assumed.value.as_str()) {
            let message =
                format!("`assumed` names `{}`, which is no key of `{name}`", assumed.value);
            problems.add(assumed.span, message, name_cure(&assumed.value, &keys));
        }
    }
}
