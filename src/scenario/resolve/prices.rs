//! Prices from a table: those that are declared, and those that faults put in their place.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Resolver;
use crate::data::prices::{Pair, PriceTable};
use crate::registry::Registry;
use crate::scenario::problem::ticked;
use crate::scenario::source::Span;
use crate::scenario::tree::Node;
use crate::scenario::written::{Name, Prices, RegistryFile};
use crate::units::ModelId;
use crate::world::fault::{Effect, Target};

/// How many near names a message gives of a long table.
const NEAR_NAMES: usize = 3;

/// A price table in use.
pub(super) struct Priced {
    table: PriceTable,
    written: Prices,
}

impl Priced {
    /// The name that a model has in the table, and where it is written.
    fn key<'a>(&'a self, model: &'a str) -> (&'a str, Option<Span>) {
        match self.written.models.get(model) {
            Some(key) => (&key.value, Some(key.span)),
            None => (model, None),
        }
    }
}

impl Resolver<'_> {
    /// Reads the price table, and returns a registry with its prices of `models`, of which those in `fixed` have prices of
    /// their own; what is missing in it is reported.
    pub(super) fn price_layer(
        &mut self,
        written: &Prices,
        models: &[String],
        fixed: &[String],
    ) -> Option<Node> {
        for (name, _) in &written.models.entries {
            if !models.contains(&name.value) {
                let known = models.iter().map(String::as_str);
                self.problems().add_unknown(name.span, "model", &name.value, known);
            }
        }
        let path = match self.loaded.path(&written.file) {
            Ok(path) => path,
            Err(refusal) => {
                self.problems().add(written.file.span, refusal.reason, refusal.cure);
                return None;
            }
        };
        let table = match PriceTable::read(&path) {
            Ok(table) => table,
            Err(error) => {
                let message = format!("{}: {}", error.place(), error.reason);
                self.problems().add(written.file.span, message, error.cure);
                return None;
            }
        };
        let priced = Priced { table, written: written.clone() };
        let wanted: Vec<&str> =
            models.iter().filter(|model| !fixed.contains(model)).map(String::as_str).collect();
        let found = self.prices_of(&priced, &written.snapshot, &wanted);
        self.priced = Some(priced);
        let mut text = String::new();
        for (model, [usd_in, usd_out]) in wanted.iter().zip(found?) {
            let quoted = model.replace('\\', "\\\\").replace('"', "\\\"");
            let _ = write!(
                text,
                "[models.\"{quoted}\"]\nusd_per_mtok_input = {usd_in}\nusd_per_mtok_output = {usd_out}\n"
            );
        }
        let shown = format!("prices of {} in {}", written.snapshot.value, written.file.value);
        self.loaded.add_text::<RegistryFile>(&shown, None, &text)?.child("models").cloned()
    }

    /// The prices of models in a snapshot; what is missing is reported at the model's own key, or at the snapshot.
    fn prices_of(
        &mut self,
        priced: &Priced,
        snapshot: &Name,
        models: &[&str],
    ) -> Option<Vec<[f64; 2]>> {
        let Some(listed) = priced.table.snapshot(&snapshot.value) else {
            let known = priced.table.snapshots();
            self.problems().add_unknown(snapshot.span, "snapshot", &snapshot.value, known);
            return None;
        };
        let found: Vec<Option<[f64; 2]>> = models
            .iter()
            .map(|model| {
                let (key, span) = priced.key(model);
                let place =
                    format!("the snapshot {} of {}", snapshot.value, priced.written.file.value);
                let (message, cure) = match listed.get(key) {
                    Some(Some(pair)) => return Some(*pair),
                    Some(None) => (
                        format!("{place} has {} without a price", ticked(key)),
                        "name another entry of the table, or write the model's prices in \
                         `[registry.models]`"
                            .to_owned(),
                    ),
                    None => (
                        format!(
                            "{place} has no {}, which is to price the model `{model}`",
                            ticked(key)
                        ),
                        format!(
                            "write its name there in `registry.prices.models`; near ones are {}",
                            near(key, listed)
                        ),
                    ),
                };
                self.loaded.problems.add(span.unwrap_or(snapshot.span), message, cure);
                None
            })
            .collect();
        found.into_iter().collect()
    }

    /// The effect of prices of another snapshot on the models that a fault may hit.
    pub(super) fn price_list(
        &mut self,
        snapshot: &Name,
        target: &Target,
        registry: &Registry,
    ) -> Option<Effect> {
        let Some(priced) = self.priced.take() else {
            // A table that cannot be read has been reported.
            let is_written =
                self.loaded.scenario.registry.as_ref().is_some_and(|r| r.prices.is_some());
            if !is_written {
                let message = "there is no price table with a snapshot to change to";
                let cure = "write `registry.prices` with `file` and `snapshot`, or a `factor` here";
                self.problems().add(snapshot.span, message, cure);
            }
            return None;
        };
        let hit: Vec<ModelId> = match target {
            Target::Models(models) => models.clone(),
            Target::Draw(_) => registry.ids().collect(),
        };
        let names: Vec<&str> =
            hit.iter().map(|model| registry.models[model.index()].name.as_str()).collect();
        let found = self.prices_of(&priced, snapshot, &names);
        self.priced = Some(priced);
        let mut list: Vec<[f64; 2]> =
            registry.models.iter().map(|m| [m.usd_per_mtok_input, m.usd_per_mtok_output]).collect();
        for (model, pair) in hit.iter().zip(found?) {
            list[model.index()] = pair;
        }
        self.price_lists.push(list);
        Some(Effect::PriceList { list: self.price_lists.len() - 1 })
    }
}

/// The names of a table that are nearest to one it lacks: first those that contain it or are contained in it.
fn near(name: &str, listed: &BTreeMap<String, Pair>) -> String {
    let wanted = name.to_lowercase();
    let mut known: Vec<(bool, usize, &str)> = listed
        .keys()
        .map(|key| {
            let plain = key.to_lowercase();
            let apart = !plain.contains(&wanted) && !wanted.contains(&plain);
            (apart, strsim::damerau_levenshtein(&wanted, &plain), key.as_str())
        })
        .collect();
    known.sort_unstable();
    let names: Vec<String> = known.iter().take(NEAR_NAMES).map(|(_, _, key)| ticked(key)).collect();
    names.join(", ")
}
