//! What a part of the format looks like, as taken from its JSON Schema: keys, kinds, defaults and descriptions.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value as Json, json};

use super::problem::quoted;
use super::tree::Step;

/// Schema key with the words that say what a value may be, such as "a number above 0".
pub(super) use crate::bounded::FORM;
/// Schema key of a short form: the kind that a bare number stands for.
pub(super) const SHORT_FOR: &str = "x-short-for";

/// What may be written in one place.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// What is to be written, in words that follow "write".
    pub words: String,
    /// A value as TOML that may be written.
    pub example: Option<String>,
    /// How it is built.
    pub form: Form,
}

/// How a part of the format is built.
#[derive(Clone, Debug, Default)]
pub enum Form {
    /// A number, text or truth, or anything else without keys of its own.
    #[default]
    Leaf,
    /// A table with known keys.
    Table(Vec<Field>),
    /// A table whose keys are the user's own names.
    Map(Box<Shape>),
    /// An array.
    List(Box<Shape>),
    /// A table with exactly one key, which names one of several kinds.
    Choice(Vec<Kind>),
}

/// A key of a table.
#[derive(Clone, Debug)]
pub struct Field {
    /// The key.
    pub key: String,
    /// Whether it must be written.
    pub required: bool,
    /// What counts if it is not written, as TOML.
    pub default: Option<String>,
    /// What it means.
    pub description: String,
    /// What may be written.
    pub shape: Shape,
}

/// One kind of a choice.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Its name.
    pub name: String,
    /// What it means.
    pub description: String,
    /// Its keys.
    pub shape: Shape,
    /// Whether a bare number stands for this kind with that number.
    pub from_number: bool,
}

impl Shape {
    /// The shape of a written struct.
    pub fn of<T: JsonSchema>() -> Self {
        let mut settings = SchemaSettings::draft2020_12();
        settings.meta_schema = None;
        let schema = settings.into_generator().into_root_schema_for::<T>();
        let schema = without_null(schema);
        let root = schema.as_value();
        let empty = Map::new();
        let definitions = root.get("$defs").and_then(Json::as_object);
        build(root, definitions.unwrap_or(&empty))
    }

    /// The keys of a table; none for anything else.
    pub fn fields(&self) -> &[Field] {
        match &self.form {
            Form::Table(fields) => fields,
            _ => &[],
        }
    }

    /// The kinds of a choice; none for anything else.
    pub fn kinds(&self) -> &[Kind] {
        match &self.form {
            Form::Choice(kinds) => kinds,
            _ => &[],
        }
    }

    /// What may be written at the end of a path.
    pub fn at(&self, path: &[Step]) -> Option<&Shape> {
        path.iter().try_fold(self, |shape, step| match (&shape.form, step) {
            (Form::Table(fields), Step::Key(key)) => {
                Some(&fields.iter().find(|field| field.key == *key)?.shape)
            }
            (Form::Choice(kinds), Step::Key(key)) => {
                Some(&kinds.iter().find(|kind| kind.name == *key)?.shape)
            }
            (Form::Map(inner), Step::Key(_)) | (Form::List(inner), Step::Index(_)) => {
                Some(inner.as_ref())
            }
            _ => None,
        })
    }

    /// A value as TOML that may be written here.
    pub fn sample(&self) -> Option<String> {
        if self.example.is_some() {
            return self.example.clone();
        }
        match &self.form {
            Form::Leaf => None,
            Form::Table(fields) => {
                let required = fields.iter().filter(|field| field.required);
                let keys = required.map(|field| {
                    let sample = field.shape.sample()?;
                    Some(format!("{} = {sample}", field.key))
                });
                let keys: Option<Vec<String>> = keys.collect();
                keys.map(|keys| match keys.as_slice() {
                    [] => "{}".to_owned(),
                    _ => format!("{{ {} }}", keys.join(", ")),
                })
            }
            Form::Map(_) => Some("{}".to_owned()),
            Form::List(inner) => inner.sample().map(|sample| format!("[{sample}]")),
            Form::Choice(kinds) => {
                let first = kinds.first()?;
                let keys = first.shape.sample()?;
                Some(match keys.as_str() {
                    "{}" => quoted(&first.name),
                    _ => format!("{{ {} = {keys} }}", first.name),
                })
            }
        }
    }
}

/// Removes `null` everywhere: TOML has none, an optional key is just left out.
pub(super) fn without_null(mut schema: Schema) -> Schema {
    #[derive(Clone)]
    struct WithoutNull;

    impl Transform for WithoutNull {
        fn transform(&mut self, schema: &mut Schema) {
            transform_subschemas(self, schema);
            let Some(object) = schema.as_object_mut() else {
                return;
            };
            let null = Json::from("null");
            if let Some(Json::Array(types)) = object.get_mut("type") {
                types.retain(|kind| *kind != null);
                if let [single] = types.as_mut_slice() {
                    let single = single.take();
                    object.insert("type".to_owned(), single);
                }
            }
            if let Some(Json::Array(values)) = object.get_mut("enum") {
                values.retain(|value| !value.is_null());
            }
            if object.get("default").is_some_and(Json::is_null) {
                object.remove("default");
            }
            if let Some(default) = object.get_mut("default") {
                drop_nulls(default);
            }
            let is_null = |branch: &Json| branch.get("type") == Some(&null);
            if let Some(Json::Array(branches)) = object.get_mut("anyOf") {
                branches.retain(|branch| !is_null(branch));
                if let [Json::Object(single)] = branches.as_mut_slice() {
                    let single = std::mem::take(single);
                    object.remove("anyOf");
                    for (key, value) in single {
                        object.entry(key).or_insert(value);
                    }
                }
            }
        }
    }

    WithoutNull.transform(&mut schema);
    schema
}

/// Drops the keys without a value, in tables within tables as well.
fn drop_nulls(value: &mut Json) {
    if let Json::Object(keys) = value {
        keys.retain(|_, value| !value.is_null());
        keys.values_mut().for_each(drop_nulls);
    }
}

/// A schema with what it refers to. The keys beside a reference, such as the description, are not taken along.
pub(super) fn followed<'a>(schema: &'a Json, definitions: &'a Map<String, Json>) -> &'a Json {
    let name = schema
        .get("$ref")
        .and_then(Json::as_str)
        .and_then(|reference| reference.strip_prefix("#/$defs/"));
    let target = name.and_then(|name| definitions.get(name));
    target.map_or(schema, |target| followed(target, definitions))
}

/// The branches of a choice that are written as a table: the kind's name and the schema of its keys.
pub(super) fn kind_of(branch: &Json) -> Option<(&str, &Json)> {
    let properties = branch.get("properties")?.as_object()?;
    let required = branch.get("required")?.as_array()?;
    let (name, keys) = properties.iter().next()?;
    let wraps = properties.len() == 1 && required.len() == 1 && required[0] == name.as_str();
    wraps.then_some((name, keys))
}

/// The names that a branch allows as plain text.
pub(super) fn texts_of(branch: &Json) -> Vec<&str> {
    let listed = branch.get("enum").and_then(Json::as_array);
    let single = branch.get("const");
    let all = listed.into_iter().flatten().chain(single);
    all.filter_map(Json::as_str).collect()
}

fn build(schema: &Json, definitions: &Map<String, Json>) -> Shape {
    let target = followed(schema, definitions);
    let branches = ["oneOf", "anyOf"].iter().find_map(|key| target.get(key)?.as_array());
    let kinds = branches.map(|branches| kinds_of(branches, definitions)).unwrap_or_default();
    let form = if !kinds.is_empty() {
        Form::Choice(kinds)
    } else if let Some(properties) = target.get("properties").and_then(Json::as_object) {
        Form::Table(fields_of(target, properties, definitions))
    } else if let Some(names) = target.get("additionalProperties").filter(|p| p.is_object()) {
        Form::Map(Box::new(build(names, definitions)))
    } else if let Some(items) = target.get("items") {
        Form::List(Box::new(build(items, definitions)))
    } else if target.get("type") == Some(&Json::from("object")) {
        Form::Table(Vec::new())
    } else {
        Form::Leaf
    };
    let allowed: Vec<&str> = match branches {
        Some(branches) => branches.iter().flat_map(texts_of).collect(),
        None => texts_of(target),
    };
    let example = [schema, target].iter().find_map(|place| place.get("examples")?.get(0));
    let example = example.map(literal).or_else(|| allowed.first().map(|text| quoted(text)));
    Shape { words: words(target, &form, &allowed), example, form }
}

fn words(schema: &Json, form: &Form, allowed: &[&str]) -> String {
    if let Some(words) = schema.get(FORM).and_then(Json::as_str) {
        return words.to_owned();
    }
    let named = |names: Vec<&str>| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    match form {
        Form::Choice(kinds) => {
            let names = kinds.iter().map(|kind| kind.name.as_str()).collect();
            format!("one of {}", named(names))
        }
        Form::Table(fields) if fields.is_empty() => "an empty table".to_owned(),
        Form::Table(fields) => {
            let keys = fields.iter().map(|field| field.key.as_str()).collect();
            format!("a table with the keys {}", named(keys))
        }
        Form::Map(_) => "a table by name".to_owned(),
        Form::List(inner) => match inner.form {
            Form::Leaf => format!("an array, each {}", inner.words),
            _ => "an array of tables".to_owned(),
        },
        Form::Leaf if !allowed.is_empty() => {
            let texts: Vec<String> = allowed.iter().map(|text| quoted(text)).collect();
            texts.join(" or ")
        }
        Form::Leaf => match schema.get("type").and_then(Json::as_str) {
            Some("boolean") => "true or false".to_owned(),
            Some("string") => "text in quotes".to_owned(),
            Some("integer") => "a whole number".to_owned(),
            Some("number") => "a number".to_owned(),
            _ => "a value".to_owned(),
        },
    }
}

fn kinds_of(branches: &[Json], definitions: &Map<String, Json>) -> Vec<Kind> {
    if !branches.iter().any(|branch| kind_of(branch).is_some()) {
        return Vec::new();
    }
    let short = branches.iter().find_map(|branch| branch.get(SHORT_FOR)?.as_str());
    let mut kinds = Vec::new();
    for branch in branches {
        let empty = Shape {
            words: "an empty table".to_owned(),
            example: None,
            form: Form::Table(Vec::new()),
        };
        let tables = kind_of(branch).map(|(name, keys)| (name, build(keys, definitions)));
        let texts = texts_of(branch).into_iter().map(|name| (name, empty.clone()));
        for (name, shape) in tables.into_iter().chain(texts) {
            kinds.push(Kind {
                name: name.to_owned(),
                description: description(branch, definitions),
                shape,
                from_number: short == Some(name),
            });
        }
    }
    kinds
}

fn fields_of(
    schema: &Json,
    properties: &Map<String, Json>,
    definitions: &Map<String, Json>,
) -> Vec<Field> {
    let required = schema.get("required").and_then(Json::as_array);
    let field = |(key, property): (&String, &Json)| Field {
        key: key.clone(),
        required: required.is_some_and(|names| names.iter().any(|name| name == key.as_str())),
        default: property.get("default").map(literal),
        description: description(property, definitions),
        shape: build(property, definitions),
    };
    properties.iter().map(field).collect()
}

fn description(schema: &Json, definitions: &Map<String, Json>) -> String {
    let own = schema.get("description");
    let text = own.or_else(|| followed(schema, definitions).get("description"));
    // A line break in a doc comment is only there for the width of the source.
    let text = text.and_then(Json::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A JSON value as TOML.
fn literal(value: &Json) -> String {
    match value {
        Json::String(text) => quoted(text),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(literal).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Object(keys) if keys.is_empty() => "{}".to_owned(),
        Json::Object(keys) => {
            let mut kinds = keys.iter().filter(|_| keys.len() == 1);
            if let Some((kind, Json::Object(_))) = kinds.find(|(_, inner)| **inner == json!({})) {
                // A kind without keys has a short form.
                return quoted(kind);
            }
            let live = keys.iter().filter(|(_, value)| !value.is_null());
            let keys: Vec<String> = live.map(|(k, v)| format!("{k} = {}", literal(v))).collect();
            format!("{{ {} }}", keys.join(", "))
        }
        other => other.to_string(),
    }
}
