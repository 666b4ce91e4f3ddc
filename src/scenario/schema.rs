//! The JSON Schema of a scenario file for editors, and the keys of each kind for the command line.

use std::fmt::Write;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json, json};

use super::shape::{
    FORM, Field, Kind, SHORT_FOR, Shape, followed, kind_of, texts_of, without_null,
};
use super::written::Scenario;

/// Schema key with the required keys of a part that may be spread over several layers.
const NEEDS: &str = "x-needs";

/// The JSON Schema of a whole scenario file.
pub fn json_schema() -> Json {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let schema = without_null(generator.into_root_schema_for::<Scenario>());
    let mut schema = Json::from(schema);
    let definitions = schema.get("$defs").and_then(Json::as_object).cloned();
    allow_short_forms(&mut schema, &definitions.unwrap_or_default());
    schema
}

/// Lets a choice be written as text where its kind has no required keys, and removes the marks for this program.
fn allow_short_forms(schema: &mut Json, definitions: &Map<String, Json>) {
    match schema {
        Json::Array(items) => {
            for item in items {
                allow_short_forms(item, definitions);
            }
        }
        Json::Object(keys) => {
            if let Some(Json::Array(branches)) = keys.get_mut("oneOf") {
                add_forms(branches, definitions);
            }
            for value in keys.values_mut() {
                allow_short_forms(value, definitions);
            }
            for mark in [FORM, SHORT_FOR, NEEDS] {
                keys.remove(mark);
            }
        }
        _ => {}
    }
}

fn add_forms(branches: &mut Vec<Json>, definitions: &Map<String, Json>) {
    if !branches.iter().any(|branch| kind_of(branch).is_some()) {
        return;
    }
    let optional = |keys: &&Json| {
        let keys = followed(keys, definitions);
        let required = keys.get("required").or_else(|| keys.get(NEEDS)).and_then(Json::as_array);
        let table = keys.get("type") == Some(&json!("object"));
        table && required.is_none_or(Vec::is_empty)
    };
    let mut added = Vec::new();
    for branch in branches.iter() {
        let about = branch.get("description").cloned();
        let form = |mut form: Json| {
            if let (Some(about), Some(keys)) = (about.clone(), form.as_object_mut()) {
                keys.insert("description".to_owned(), about);
            }
            form
        };
        if let Some((name, _)) = kind_of(branch).filter(|(_, keys)| optional(keys)) {
            added.push(form(json!({ "type": "string", "const": name })));
        }
        for name in texts_of(branch) {
            added.push(form(json!({
                "type": "object",
                "properties": { name: { "type": "object", "additionalProperties": false } },
                "required": [name],
                "additionalProperties": false,
            })));
        }
    }
    branches.append(&mut added);
}

/// Takes the required keys out of a schema, for a part whose keys may come from several layers.
pub(super) fn relax(schema: &mut Map<String, Json>) {
    if let Some(required) = schema.remove("required") {
        schema.insert(NEEDS.to_owned(), required);
    }
    for (key, value) in schema.iter_mut() {
        match (key.as_str(), value) {
            ("oneOf", Json::Array(branches)) => branches.iter_mut().for_each(relax_branch),
            ("properties", Json::Object(keys)) => {
                keys.values_mut().filter_map(Json::as_object_mut).for_each(relax);
            }
            (_, Json::Array(items)) => {
                items.iter_mut().filter_map(Json::as_object_mut).for_each(relax);
            }
            (_, Json::Object(inner)) => relax(inner),
            _ => {}
        }
    }
}

/// The one key of a choice stays required, as it tells the kinds apart.
fn relax_branch(branch: &mut Json) {
    let kind = kind_of(branch).map(|(name, _)| name.to_owned());
    match (kind, branch) {
        (Some(kind), branch) => {
            if let Some(keys) = branch["properties"][kind].as_object_mut() {
                relax(keys);
            }
        }
        (None, Json::Object(keys)) => relax(keys),
        _ => {}
    }
}

/// The kinds of a choice with what they mean, in the order in which they are declared.
pub fn kinds<T: JsonSchema>() -> Vec<(String, String)> {
    let shape = Shape::of::<T>();
    let about = |kind: &Kind| (kind.name.clone(), kind.description.clone());
    shape.kinds().iter().map(about).collect()
}

/// The description of one kind of a choice with its keys; none if there is no such kind.
pub fn describe<T: JsonSchema>(kind: &str) -> Option<String> {
    let shape = Shape::of::<T>();
    let kind = shape.kinds().iter().find(|known| known.name == kind)?;
    let mut text = format!("{}: {}\n", kind.name, kind.description);
    describe_keys(&kind.shape, &mut text);
    Some(text)
}

/// The keys of a table with what may be written, the default and the meaning.
pub fn describe_table<T: JsonSchema>() -> String {
    let mut text = String::new();
    describe_keys(&Shape::of::<T>(), &mut text);
    text
}

/// One key of a table with what may be written, the default and the meaning, and the keys or kinds below it.
pub fn describe_key<T: JsonSchema>(key: &str) -> Option<String> {
    let shape = Shape::of::<T>();
    let field = shape.fields().iter().find(|field| field.key == key)?;
    let mut text = String::new();
    describe_field(field, &mut text);
    if !field.shape.fields().is_empty() || !field.shape.kinds().is_empty() {
        describe_keys(&field.shape, &mut text);
    }
    Some(text)
}

fn describe_field(field: &Field, text: &mut String) {
    let need = match (&field.default, field.required) {
        (_, true) => "required".to_owned(),
        // The defaults of a table's keys are those of the single keys.
        (Some(default), false) if field.shape.fields().is_empty() => format!("default {default}"),
        _ => "optional".to_owned(),
    };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  {} ({}; {need})", field.key, field.shape.words);
    let _ = writeln!(text, "      {}", field.description);
}

fn describe_keys(shape: &Shape, text: &mut String) {
    for inner in shape.kinds() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {}: {}", inner.name, inner.description);
    }
    for field in shape.fields() {
        describe_field(field, text);
    }
    if shape.kinds().is_empty() && shape.fields().is_empty() {
        let what = match shape.sample().as_deref() {
            None | Some("{}") => "no keys".to_owned(),
            Some(sample) => format!("write {}, such as {sample}", shape.words),
        };
        let _ = writeln!(text, "  {what}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::written::{Order, Stack, Workload};

    #[test]
    fn the_schema_has_every_top_key_and_no_marks() {
        let schema = json_schema();
        let keys = schema["properties"].as_object().unwrap();
        let keys: Vec<&str> = keys.keys().map(String::as_str).collect();
        let wanted = [
            "format",
            "question",
            "base",
            "seeds",
            "reward",
            "partial_counts",
            "time",
            "registry",
            "world",
            "workload",
            "task_types",
            "faults",
            "random_faults",
            "bandit",
            "blocks",
            "stack",
            "variants",
            "expect",
            "record",
            "reports",
            "compare",
            "parameter_studies",
            "criteria",
        ];
        assert_eq!(keys, wanted);
        let text = schema.to_string();
        assert!(!text.contains("\"x-") && !text.contains("null"));
    }

    #[test]
    fn choices_may_be_text_where_no_key_is_required() {
        let schema = json_schema();
        let branches = schema["$defs"]["Part_Workload"]["oneOf"].as_array().unwrap();
        let texts: Vec<&str> = branches.iter().flat_map(texts_of).collect();
        assert_eq!(texts, ["closed_loop"]);
        let branches = schema["$defs"]["Reward"]["oneOf"].as_array().unwrap();
        let tables: Vec<&str> = branches.iter().filter_map(kind_of).map(|(name, _)| name).collect();
        assert_eq!(tables, ["efficiency", "stage4_efficiency", "level_reward", "utility"]);
    }

    #[test]
    fn parts_of_layers_have_no_required_keys() {
        let schema = json_schema();
        let kind = &schema["$defs"]["Part_Workload"]["oneOf"][0];
        assert_eq!(kind["required"], json!(["poisson"]));
        assert!(kind["properties"]["poisson"].get("required").is_none());
    }

    #[test]
    fn kinds_are_described_with_their_keys() {
        let names: Vec<String> = kinds::<Workload>().into_iter().map(|(name, _)| name).collect();
        let wanted = [
            "poisson",
            "gamma",
            "weibull",
            "markov_modulated",
            "fixed_interval",
            "closed_loop",
            "sessions",
            "trace",
        ];
        assert_eq!(names, wanted);
        let wanted = "closed_loop: A fixed number of users, each of whom sends the next task when the last one is done.\n\
            \x20 in_flight (a whole number of 1 or more; default 1)\n      The number of users.\n\
            \x20 think (a duration with its unit; default \"0s\")\n      The time a user waits before the next task.\n\
            \x20 interval (a duration with its unit; default \"0s\")\n      The pace of a user: task i, from 0, is sent no earlier than i times this, and not before the last one is done. By default there is none.\n";
        assert_eq!(describe::<Workload>("closed_loop").unwrap(), wanted);
        assert!(describe::<Order>("random").unwrap().ends_with("no keys\n"));
        assert!(describe::<Order>("learner").unwrap().contains("  ucb1: "));
        assert_eq!(describe::<Workload>("nothing"), None);
        assert!(
            describe_table::<Stack>()
                .contains("call_timeout (a duration with its unit; default \"30s\")")
        );
    }

    #[test]
    fn every_key_and_kind_has_a_description() {
        fn check(shape: &Shape, path: &str) {
            for field in shape.fields() {
                let path = format!("{path}.{}", field.key);
                assert!(field.description.ends_with('.'), "{path}: {:?}", field.description);
                check(&field.shape, &path);
            }
            for kind in shape.kinds() {
                let path = format!("{path}.{}", kind.name);
                assert!(kind.description.ends_with('.'), "{path}: {:?}", kind.description);
                check(&kind.shape, &path);
            }
            if let crate::scenario::shape::Form::List(inner)
            | crate::scenario::shape::Form::Map(inner) = &shape.form
            {
                check(inner, path);
            }
        }
        check(&Shape::of::<Scenario>(), "");
    }
}
