//! Outcome tables: a row for each prompt and model, in any order, as CSV or Parquet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::DataError;
use super::table::{Column, Kind, Table, Wanted, column_names};
use crate::domain::PromptFeatures;
use crate::world::outcomes::{Answer, Outcomes};

/// Which table is read, and what of it.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// The table: `prompt_id, model, quality`, and where it has them `domain, input_tokens, output_tokens, cost_usd,
    /// latency_s`.
    pub file: PathBuf,
    /// A table of features: `prompt_id` and columns of numbers.
    pub features: Option<PathBuf>,
    /// The models that are wanted, in this order; all that the table has if none are named.
    pub models: Vec<String>,
    /// Only rows with these values of columns.
    pub only: Vec<(String, String)>,
    /// Only models whose cost is recorded with some answer; prompts where it is not are then incomplete.
    pub priced: bool,
    /// Only models whose cost is recorded with every answer.
    pub fully_priced: bool,
}

/// A table as it was read, with what was left out of it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The prompts that all models answered.
    pub outcomes: Outcomes,
    /// Rows read.
    pub rows: u64,
    /// Prompts that some model did not answer, or whose cost is missing for a model that has costs.
    pub incomplete: usize,
    /// Prompts without features, where features were asked for.
    pub featureless: usize,
    /// Models that were left out because no cost of theirs is recorded, though only priced ones were asked for.
    pub unpriced: Vec<String>,
}

/// The table while it is read.
struct Reading {
    models: Vec<String>,
    /// New models may come up.
    open: bool,
    /// Models of the table that are not wanted.
    others: Vec<String>,
    domains: Vec<String>,
    prompts: Vec<String>,
    domain_of: Vec<u16>,
    place_of: BTreeMap<String, u32>,
    /// The last row's prompt: tables are mostly in order of prompts or of models, so the next is this or the one behind.
    last: usize,
    answers: Vec<Vec<Answer>>,
    rows: u64,
}

/// Reads a table, batch by batch: nothing but the answers is held whole.
///
/// # Errors
/// If a file cannot be read, lacks a column or a wanted model, holds a pair twice or a value that is impossible, or if no
/// prompt was answered by all models.
pub fn read(source: &Source) -> Result<Loaded, DataError> {
    let path = &source.file;
    let mut reading = Reading {
        models: source.models.clone(),
        open: source.models.is_empty(),
        others: Vec::new(),
        domains: Vec::new(),
        prompts: Vec::new(),
        domain_of: Vec::new(),
        place_of: BTreeMap::new(),
        last: 0,
        answers: vec![Vec::new(); source.models.len()],
        rows: 0,
    };
    let mut wanted = vec![
        Wanted::new("prompt_id", Kind::Text),
        Wanted::new("model", Kind::Text),
        Wanted::new("quality", Kind::Share).nullable(),
        Wanted::new("domain", Kind::Text).optional(),
        Wanted::new("input_tokens", Kind::Count).optional(),
        Wanted::new("output_tokens", Kind::Count).optional(),
        Wanted::new("cost_usd", Kind::NonNegative).optional(),
        Wanted::new("latency_s", Kind::NonNegative).optional(),
    ];
    let n_own = wanted.len();
    wanted.extend(source.only.iter().map(|(column, _)| Wanted::new(column, Kind::Text).nullable()));
    let mut table = Table::open(path, wanted)?;
    while let Some(batch) = table.next().transpose()? {
        let only: Vec<(&Column, &str)> = batch.columns[n_own..]
            .iter()
            .zip(&source.only)
            .map(|(column, (_, value))| (column, plain(value)))
            .collect();
        for row in 0..batch.rows {
            if only.iter().all(|(column, value)| plain(column.text(row)) == *value) {
                reading.add(&batch.columns[..n_own], row, batch.first + row as u64, &table)?;
            }
        }
    }
    if let Some(at) = reading.answers.iter().position(Vec::is_empty) {
        let known = reading.models.iter().zip(&reading.answers).filter(|(_, own)| !own.is_empty());
        let mut known: Vec<String> = known.map(|(name, _)| name.clone()).collect();
        known.append(&mut reading.others);
        let cure = format!("it has `{}`", known.join("`, `"));
        let reason = format!("has no answer of the model `{}`", reading.models[at]);
        return Err(DataError::of_file(path, reason, cure));
    }
    if reading.rows == 0 {
        return Err(DataError::of_file(path, "has no row that is wanted", "give it rows"));
    }
    let unpriced = if source.priced || source.fully_priced {
        reading.drop_unpriced(source.fully_priced)
    } else {
        Vec::new()
    };
    if reading.models.is_empty() {
        let reason = "has no model whose cost is recorded";
        return Err(DataError::of_file(path, reason, "give it the column cost_usd"));
    }
    let mut keep = reading.complete();
    let incomplete = keep.iter().filter(|keep| !**keep).count();
    let features = source.features.as_ref().map(|path| features(path, &reading)).transpose()?;
    let mut featureless = 0;
    if let Some((_, found)) = &features {
        for (keep, found) in keep.iter_mut().zip(found) {
            featureless += usize::from(*keep && !found);
            *keep &= found;
        }
    }
    if !keep.contains(&true) {
        let reason = format!(
            "has no prompt that all of {} models answered{}",
            reading.models.len(),
            if featureless > 0 { " and that has features" } else { "" }
        );
        return Err(DataError::of_file(path, reason, "name fewer models"));
    }
    let rows = reading.rows;
    let outcomes = reading.kept(&keep, features.map(|(features, _)| features));
    Ok(Loaded { outcomes, rows, incomplete, featureless, unpriced })
}

/// Truth values have two spellings, depending on where they come from.
fn plain(text: &str) -> &str {
    match text {
        "true" | "True" => "1",
        "false" | "False" => "0",
        other => other,
    }
}

/// The position of a name in a short list, added if it is new.
fn place(names: &mut Vec<String>, name: &str) -> usize {
    names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    })
}

impl Reading {
    fn add(
        &mut self,
        columns: &[Column],
        row: usize,
        number: u64,
        table: &Table,
    ) -> Result<(), DataError> {
        let model = columns[1].text(row);
        let model = match self.models.iter().position(|known| known == model) {
            Some(at) => at,
            None if self.open => {
                self.models.push(model.to_owned());
                self.answers.push(Vec::new());
                self.models.len() - 1
            }
            None => {
                place(&mut self.others, model);
                return Ok(());
            }
        };
        self.rows += 1;
        let domain = match &columns[3] {
            Column::Absent => "all",
            column => column.text(row),
        };
        let name = columns[0].text(row);
        let domain = place(&mut self.domains, domain) as u16;
        let is_at = |at: &usize| self.prompts.get(*at).is_some_and(|own| own == name);
        let near = [self.last, self.last + 1].into_iter().find(is_at);
        let prompt = match near.or_else(|| self.place_of.get(name).map(|at| *at as usize)) {
            Some(prompt) => prompt,
            None => {
                self.place_of.insert(name.to_owned(), self.prompts.len() as u32);
                self.prompts.push(name.to_owned());
                self.domain_of.push(domain);
                self.prompts.len() - 1
            }
        };
        self.last = prompt;
        if self.domain_of[prompt] != domain {
            let own = &self.domains[usize::from(self.domain_of[prompt])];
            let reason = format!("puts the prompt `{name}` elsewhere than before, in `{own}`");
            return Err(table.error(number, "domain", reason));
        }
        let answers = &mut self.answers[model];
        if answers.len() <= prompt {
            answers.resize(prompt + 1, Answer::MISSING);
        }
        if answers[prompt].is_recorded() {
            let reason = format!(
                "holds the pair of prompt `{name}` and model `{}` a second time",
                self.models[model]
            );
            return Err(table.error(number, "prompt_id", reason));
        }
        let tokens = |at: usize| columns[at].number(row).map_or(Answer::NO_TOKENS, |n| n as u32);
        answers[prompt] = Answer {
            quality: columns[2].number(row).map_or(f32::NAN, |v| v as f32),
            latency_s: columns[7].number(row).map_or(f32::NAN, |v| v as f32),
            input_tokens: tokens(4),
            output_tokens: tokens(5),
            cost_usd: columns[6].number(row).unwrap_or(f64::NAN),
        };
        Ok(())
    }

    /// Takes out models of which no cost is recorded, or with `fully` one is missing; returns their names.
    fn drop_unpriced(&mut self, fully: bool) -> Vec<String> {
        let has_cost = |answer: &Answer| !answer.cost_usd.is_nan();
        let priced = |answers: &Vec<Answer>| {
            let mut recorded = answers.iter().filter(|answer| answer.is_recorded());
            if fully { recorded.all(has_cost) } else { recorded.any(has_cost) }
        };
        let keep: Vec<bool> = self.answers.iter().map(priced).collect();
        let mut at = keep.iter();
        self.answers.retain(|_| *at.next().expect("as many"));
        let names = std::mem::take(&mut self.models);
        let (kept, unpriced): (Vec<_>, Vec<_>) =
            names.into_iter().zip(keep).partition(|(_, keep)| *keep);
        self.models = kept.into_iter().map(|(name, _)| name).collect();
        unpriced.into_iter().map(|(name, _)| name).collect()
    }

    /// Which prompts all models answered, with a cost where the model has costs.
    fn complete(&self) -> Vec<bool> {
        let mut keep = vec![true; self.prompts.len()];
        for answers in &self.answers {
            let has_costs = answers.iter().any(|answer| !answer.cost_usd.is_nan());
            for (prompt, keep) in keep.iter_mut().enumerate() {
                *keep &= answers.get(prompt).is_some_and(|answer| {
                    answer.is_recorded() && !(has_costs && answer.cost_usd.is_nan())
                });
            }
        }
        keep
    }

    fn kept(self, keep: &[bool], features: Option<PromptFeatures>) -> Outcomes {
        fn retain<T>(values: &mut Vec<T>, keep: &[bool]) {
            let mut at = keep.iter();
            values.retain(|_| at.next().is_some_and(|keep| *keep));
            values.shrink_to_fit();
        }
        let Self { models, domains, mut prompts, mut domain_of, mut answers, .. } = self;
        retain(&mut prompts, keep);
        retain(&mut domain_of, keep);
        answers.iter_mut().for_each(|answers| retain(answers, keep));
        let features = features.map(|features| {
            let kept = (0..keep.len() as u32).filter(|prompt| keep[*prompt as usize]);
            let values = kept.flat_map(|prompt| features.of(prompt).to_vec()).collect();
            Arc::new(PromptFeatures::new(features.names.clone(), values))
        });
        Outcomes { models, domains, prompts, domain_of, answers, features }
    }
}

/// Features of the prompts that were read, and which of them have any.
fn features(path: &Path, reading: &Reading) -> Result<(PromptFeatures, Vec<bool>), DataError> {
    let names: Vec<String> =
        column_names(path)?.into_iter().filter(|name| name != "prompt_id").collect();
    if names.is_empty() {
        let cure = "give it columns of numbers besides prompt_id";
        return Err(DataError::of_file(path, "has no feature", cure));
    }
    let mut wanted = vec![Wanted::new("prompt_id", Kind::Text)];
    wanted.extend(names.iter().map(|name| Wanted::new(name, Kind::Number)));
    let n = reading.prompts.len();
    let mut found = vec![false; n];
    let mut values = vec![0.0_f32; n * names.len()];
    let mut table = Table::open(path, wanted)?;
    while let Some(batch) = table.next().transpose()? {
        for row in 0..batch.rows {
            let name = batch.columns[0].text(row);
            let Some(&prompt) = reading.place_of.get(name) else { continue };
            let prompt = prompt as usize;
            if std::mem::replace(&mut found[prompt], true) {
                let reason = format!("holds the prompt `{name}` a second time");
                return Err(table.error(batch.first + row as u64, "prompt_id", reason));
            }
            let own = &mut values[prompt * names.len()..][..names.len()];
            for (value, column) in own.iter_mut().zip(&batch.columns[1..]) {
                *value = column.number(row).unwrap_or_default() as f32;
            }
        }
    }
    Ok((PromptFeatures::new(names, values), found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str, more: impl FnOnce(&mut Source)) -> Result<Loaded, DataError> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("t.csv");
        std::fs::write(&file, text).expect("written");
        let mut source = Source { file, ..Source::default() };
        more(&mut source);
        read(&source)
    }

    const HEAD: &str = "prompt_id,domain,model,quality,cost_usd\n";

    #[test]
    fn only_prompts_that_all_models_answered_are_kept_and_null_costs_are_never_zero() {
        let text = format!("{HEAD}p,d,a,1,0.5\np,d,b,0,\nq,e,a,1,\nq,e,b,1,\nr,d,a,1,0.1\n");
        let loaded = read_text(&text, |_| ()).expect("good");
        // q lacks a cost of a, which has costs; r lacks b; b has no costs at all.
        assert_eq!((&loaded.outcomes.prompts[..], loaded.incomplete), (&["p".to_owned()][..], 2));
        assert!(loaded.outcomes.answer(0, crate::units::ModelId(1)).cost_usd.is_nan());
        let priced = read_text(&text, |source| source.priced = true).expect("good");
        assert_eq!((priced.outcomes.models.len(), priced.unpriced[0].as_str()), (1, "b"));
        assert_eq!(priced.outcomes.prompts, ["p", "r"]);
        let fully = read_text(&text, |source| source.fully_priced = true).expect_err("a lacks one");
        assert!(fully.to_string().contains("has no model whose cost is recorded"), "{fully}");
    }

    #[test]
    fn rows_and_models_are_chosen_by_name() {
        let text = "prompt_id,model,quality,old\np,a,1,true\np,b,1,true\nq,b,0,false\n";
        let loaded = read_text(text, |source| {
            source.models = vec!["b".into()];
            source.only = vec![("old".into(), "false".into())];
        });
        assert_eq!(loaded.expect("good").outcomes.prompts, ["q"]);
        let none = read_text(text, |source| source.models = vec!["c".into()]);
        assert!(none.expect_err("bad").to_string().contains("no answer of the model `c`"));
    }

    #[test]
    fn a_broken_table_is_refused_with_row_and_column() {
        for (rows, said) in [
            ("p,d,a,2,1\n", "row 1, column `quality`: is 2, not a number from 0 to 1"),
            ("p,d,a,1,-1\n", "row 1, column `cost_usd`: is -1, not a number of 0 or more"),
            ("p,d,a,1,1\np,d,a,0,1\n", "row 2, column `prompt_id`: holds the pair of prompt `p`"),
            ("p,d,a,1,1\np,e,b,0,1\n", "row 2, column `domain`: puts the prompt `p` elsewhere"),
            ("p,d,a,1,1\nq,d,b,0,1\n", "has no prompt that all of 2 models answered"),
        ] {
            let error = read_text(&format!("{HEAD}{rows}"), |_| ()).expect_err("bad").to_string();
            assert!(error.contains(said), "{rows:?} gave {error}");
        }
    }

    #[test]
    fn the_split_follows_from_names_alone() {
        let rows: String = (0..100).map(|n| format!("p{n},d,a,1,1\n")).collect();
        let loaded = read_text(&format!("{HEAD}{rows}"), |_| ()).expect("good");
        let (train, rest) = loaded.outcomes.split(0.3);
        assert_eq!((train.len(), rest.len()), (30, 70));
        let mut reversed: Vec<String> = rows.lines().rev().map(str::to_owned).collect();
        reversed.push(String::new());
        let other = read_text(&format!("{HEAD}{}", reversed.join("\n")), |_| ()).expect("good");
        let names = |o: &Outcomes, train: &[u32]| {
            let mut names: Vec<String> =
                train.iter().map(|p| o.prompts[*p as usize].clone()).collect();
            names.sort();
            names
        };
        let again = other.outcomes.split(0.3).0;
        assert_eq!(names(&loaded.outcomes, &train), names(&other.outcomes, &again));
    }
}
