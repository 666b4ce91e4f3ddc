//! Reads a scenario file with the files it builds on.

use std::fs;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::compare::put_variants;
use super::decode::{Decoded, Dropped, check, decode};
use super::folder::Folder;
use super::layer::{merge, normalise, study_of};
use super::problem::{Problem, Problems, Refusal, Report, quoted};
use super::shape::Shape;
use super::source::{SourceMap, Spanned};
use super::tree::{Entry, Node, Value, parse};
use super::values::Named;
use super::written::{Model, Scenario, Stack, Study};

/// More bases than this are a mistake.
const DEEPEST: usize = 20;

/// A scenario file with the files it builds on, merged and checked part by part, before names are resolved.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The texts that were read.
    pub sources: SourceMap,
    /// The merged tree, with the short forms of choices written out.
    pub tree: Node,
    /// What is not overridden by blocks or variants.
    pub scenario: Scenario,
    /// The parts of `scenario` that were wrong and reported.
    pub dropped: Dropped,
    /// What is wrong so far; names and what depends on several keys are not yet checked.
    pub problems: Problems,
    /// The folder that the paths in the files may not leave.
    pub folder: Folder,
}

/// Reads a scenario file and the files it builds on.
///
/// With `allow_outside`, the paths in the files may lead out of the folder of the scenario file. What is wrong in
/// single parts is in [`Loaded::problems`], so that later checks can add theirs before all is reported. With `variants`, there
/// is one variant for each of these names in the place of those written.
///
/// # Errors
///
/// If a file cannot be read or is not TOML. The report has all other problems that could be found as well.
pub fn load(
    path: &Path,
    allow_outside: bool,
    variants: Option<&[String]>,
) -> Result<Loaded, Report> {
    load_in(Folder::of(path, allow_outside), path, variants)
}

/// Reads a scenario again from the texts that were kept of its files, the scenario's own first. `folder` is where the
/// tables are that it names besides.
///
/// # Errors
///
/// As [`load`].
pub fn load_kept(
    texts: &[(String, String)],
    folder: &Path,
    allow_outside: bool,
    variants: Option<&[String]>,
) -> Result<Loaded, Report> {
    let path = folder.join(texts.first().map_or("", |(name, _)| name));
    let within = Folder::of(&path, allow_outside).map(|folder| folder.with_kept(texts));
    load_in(within, &path, variants)
}

fn load_in(
    folder: Result<Folder, Refusal>,
    path: &Path,
    variants: Option<&[String]>,
) -> Result<Loaded, Report> {
    let mut sources = SourceMap::default();
    let mut problems = Problems::default();
    let folder = match folder {
        Ok(folder) => folder,
        Err(Refusal { reason, cure }) => {
            problems.add_unplaced(reason, cure);
            return Err(problems.report(&sources));
        }
    };
    let mut reader = Reader {
        sources: &mut sources,
        problems: &mut problems,
        folder: &folder,
        shape: Shape::of::<Scenario>(),
        chain: Vec::new(),
        failed: false,
    };
    let tree = reader.file(path, None);
    let failed = reader.failed;
    let Some(mut tree) = tree else {
        return Err(problems.report(&sources));
    };
    if let Some(names) = variants {
        put_variants(&mut tree, names, &mut problems);
    }
    let Decoded { value, dropped } = decode::<Scenario>(&tree, "", &mut problems);
    check_parts(&tree, &mut problems);
    if failed {
        return Err(problems.report(&sources));
    }
    Ok(Loaded {
        sources,
        tree,
        // All keys of a scenario are optional here, so that the rest is read whatever is wrong.
        scenario: value.unwrap_or_default(),
        dropped,
        problems,
        folder,
    })
}

/// Checks the parts that are later merged with others. What is wrong there is found again in each merged tree, but
/// reported once; what is overridden everywhere is found only here.
fn check_parts(tree: &Node, problems: &mut Problems) {
    check::<Study>(&study_of(tree), "", problems);
    for block in tree.child("blocks").map_or(&[][..], Node::items) {
        check::<Study>(&study_of(block), "", problems);
    }
    let variants = tree.child("variants").map_or(&[][..], Node::items);
    for holder in std::iter::once(tree).chain(variants) {
        if let Some(stack) = holder.child("stack") {
            check::<Stack>(stack, "stack", problems);
        }
    }
    if let Some(models) = tree.child("registry").and_then(|registry| registry.child("models")) {
        check::<Named<Model>>(models, "registry.models", problems);
    }
}

struct Reader<'a> {
    sources: &'a mut SourceMap,
    problems: &'a mut Problems,
    folder: &'a Folder,
    shape: Shape,
    /// The files from the scenario down to the one being read, without symbolic links.
    chain: Vec<PathBuf>,
    failed: bool,
}

impl Reader<'_> {
    /// Reads a file over its base. `named` is the base key that led here.
    fn file(&mut self, path: &Path, named: Option<&Entry>) -> Option<Node> {
        let text = match self.folder.read(path) {
            Ok(text) => text,
            Err(refusal) => {
                self.fail(named, refusal);
                return None;
            }
        };
        let name = path.display().to_string();
        let start = self.sources.add(&name, Some(path), &text);
        let Some(mut tree) = parse(self.sources, start, self.problems) else {
            self.failed = true;
            return None;
        };
        normalise(&mut tree, &self.shape);
        self.chain.push(fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()));
        let base = self.base(path, &tree);
        self.chain.pop();
        Some(match base {
            Some(base) => merge(&base, &tree),
            None => tree,
        })
    }

    /// Reads the file that the `base` key of a tree names.
    fn base(&mut self, path: &Path, tree: &Node) -> Option<Node> {
        let entry = tree.table()?.entry("base")?;
        // A base that is not text is reported when the scenario is read.
        let Value::Text(written) = &entry.node.value else {
            return None;
        };
        let base = match self.folder.beside(path).resolve(written) {
            Ok(base) => base,
            Err(refusal) => {
                self.fail(Some(entry), refusal);
                return None;
            }
        };
        let real = fs::canonicalize(&base).unwrap_or_else(|_| base.clone());
        if self.chain.contains(&real) || self.chain.len() > DEEPEST {
            let reason = format!("{} builds on itself", quoted(written));
            self.fail(Some(entry), Refusal::new(reason, "name another base, or none"));
            return None;
        }
        let mut node = self.file(&base, Some(entry))?;
        if let Value::Table(table) = &mut node.value {
            // The base of a base is already in it.
            table.entries.retain(|entry| entry.key != "base");
        }
        Some(node)
    }

    fn fail(&mut self, named: Option<&Entry>, refusal: Refusal) {
        self.failed = true;
        let Refusal { reason, cure } = refusal;
        let message = match named {
            Some(_) => format!("`base` cannot be read: {reason}"),
            None => reason,
        };
        let span = named.map(|entry| entry.node.span);
        self.problems.push(Problem { span, message, cure });
    }
}

impl Loaded {
    /// The file that a path written in the scenario names, relative to the file in which it is written.
    ///
    /// # Errors
    ///
    /// If there is no such file or it may not be used.
    pub fn path(&self, written: &Spanned<String>) -> Result<PathBuf, Refusal> {
        let folder = match self.sources.path(written.span) {
            Some(file) => self.folder.beside(file),
            None => self.folder.clone(),
        };
        folder.resolve(&written.value)
    }

    /// Reads another file into the sources as a tree, to be decoded as a `T`; what is wrong is reported.
    pub fn read_file<T: DeserializeOwned + JsonSchema>(
        &mut self,
        written: &Spanned<String>,
    ) -> Option<Node> {
        let read = self.path(written).and_then(|path| {
            let text = self.folder.read(&path)?;
            Ok((path, text))
        });
        match read {
            Ok((path, text)) => self.add_text::<T>(&path.display().to_string(), Some(&path), &text),
            Err(Refusal { reason, cure }) => {
                self.problems.add(written.span, reason, cure);
                None
            }
        }
    }

    /// Takes a text that comes with the program into the sources as a tree, to be decoded as a `T`.
    pub fn add_text<T: DeserializeOwned + JsonSchema>(
        &mut self,
        name: &str,
        path: Option<&Path>,
        text: &str,
    ) -> Option<Node> {
        let start = self.sources.add(name, path, text);
        let mut tree = parse(&self.sources, start, &mut self.problems)?;
        normalise(&mut tree, &Shape::of::<T>());
        Some(tree)
    }
}
