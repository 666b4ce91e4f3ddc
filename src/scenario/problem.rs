//! What is wrong with a scenario, and how it is printed.

use std::fmt::{self, Display, Write};

use super::source::{Place, SourceMap, Span};

/// One thing that is wrong with a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it is; none if it has no place in a text, such as a file that cannot be read.
    pub span: Option<Span>,
    /// What is wrong: the key, the value found and what is expected.
    pub message: String,
    /// What to write instead.
    pub cure: String,
}

/// Everything that is wrong with a scenario, so that it is reported at once.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    list: Vec<Problem>,
}

impl Problems {
    /// Adds a problem at a place. The message starts in lower case and has no full stop.
    pub fn add(&mut self, span: Span, message: impl Into<String>, cure: impl Into<String>) {
        self.push(Problem { span: Some(span), message: message.into(), cure: cure.into() });
    }

    /// Adds a problem that has no place in a text.
    pub fn add_unplaced(&mut self, message: impl Into<String>, cure: impl Into<String>) {
        self.push(Problem { span: None, message: message.into(), cure: cure.into() });
    }

    /// Adds a name that does not exist: "unknown model `Grok`", with the nearest of the names that do.
    pub fn add_unknown<'a>(
        &mut self,
        span: Span,
        what: &str,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        let known: Vec<&str> = known.into_iter().collect();
        self.add(span, format!("unknown {what} {}", ticked(name)), name_cure(name, &known));
    }

    /// Adds a problem of the scenario file as a whole, placed at its first line.
    pub fn add_of_file(&mut self, message: impl Into<String>, cure: impl Into<String>) {
        // The scenario is the first text that is read.
        self.add(Span::new(0, 0), message, cure);
    }

    /// Adds a problem unless the same is already known.
    pub fn push(&mut self, problem: Problem) {
        if !self.list.contains(&problem) {
            self.list.push(problem);
        }
    }

    /// Adds all problems of another collection.
    pub fn extend(&mut self, other: Problems) {
        for problem in other.list {
            self.push(problem);
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many problems there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The problems in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter()
    }

    /// Prints all problems, sorted by file and position; those without a place come first.
    pub fn report(&self, sources: &SourceMap) -> Report {
        self.printed("error", sources)
    }

    /// The same for what is no error.
    pub fn warnings(&self, sources: &SourceMap) -> Report {
        self.printed("warning", sources)
    }

    fn printed(&self, what: &str, sources: &SourceMap) -> Report {
        let mut sorted: Vec<&Problem> = self.list.iter().collect();
        sorted.sort_by_key(|problem| problem.span);
        let texts = sorted.into_iter().map(|p| print(what, p, sources)).collect();
        Report { texts }
    }
}

/// The printed problems of a scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    texts: Vec<String>,
}

impl Report {
    /// How many problems it has.
    pub fn count(&self) -> usize {
        self.texts.len()
    }
}

impl Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for text in &self.texts {
            formatter.write_str(text)?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}

fn print(what: &str, problem: &Problem, sources: &SourceMap) -> String {
    let Problem { message, cure, .. } = problem;
    let Some(place) = problem.span.and_then(|span| sources.place(span)) else {
        return format!("{what}: {message}; {cure}\n");
    };
    let Place { name, line, column, text, marked } = place;
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{what}: {name}:{line}:{column}: {message}");
    let _ = writeln!(out, "{line:>5} | {}", text.replace(hidden, "\u{fffd}"));
    let gutter = " ".repeat(line.to_string().len().max(5));
    let _ = write!(out, "{gutter} | ");
    for character in text[..marked.start].chars() {
        match character {
            '\t' => out.push('\t'),
            _ => out.extend(std::iter::repeat_n(' ', width(character))),
        }
    }
    let carets: usize = text[marked].chars().map(width).sum();
    out.extend(std::iter::repeat_n('^', carets.max(1)));
    if !cure.is_empty() {
        let _ = write!(out, " {cure}");
    }
    out.push('\n');
    out
}

/// Characters that a terminal could take for a command.
fn hidden(character: char) -> bool {
    character.is_control() && character != '\t'
}

/// How many columns of a terminal a character takes.
fn width(character: char) -> usize {
    match u32::from(character) {
        0x300..=0x36F | 0x200B..=0x200F | 0x20D0..=0x20FF | 0xFE00..=0xFE0F => 0,
        0x1100..=0x115F
        | 0x2E80..=0xA4CF
        | 0xAC00..=0xD7A3
        | 0xF900..=0xFAFF
        | 0xFE30..=0xFE6F
        | 0xFF00..=0xFF60
        | 0xFFE0..=0xFFE6
        | 0x1F300..=0x1F64F
        | 0x1F680..=0x1F6FF
        | 0x1F900..=0x1F9FF
        | 0x20000..=0x3FFFD => 2,
        _ => 1,
    }
}

/// Why a written value is refused; the parsers of values return it.
///
/// Either text may be empty: the reader of the scenario then says in general what the key takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong with the value.
    pub reason: String,
    /// What to write instead.
    pub cure: String,
}

impl Refusal {
    /// A refusal with its cure.
    pub fn new(reason: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { reason: reason.into(), cure: cure.into() }
    }

    /// The refusal as an error of serde, which carries nothing but one text: the cure is its second line.
    pub fn into_error<E: serde::de::Error>(self) -> E {
        E::custom(format_args!("{}\n{}", self.reason, self.cure))
    }
}

impl Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.reason.as_str(), self.cure.as_str()) {
            (reason, "") => formatter.write_str(reason),
            ("", cure) => formatter.write_str(cure),
            (reason, cure) => write!(formatter, "{reason}; {cure}"),
        }
    }
}

impl std::error::Error for Refusal {}

/// The known name that is nearest to a mistyped one.
pub fn closest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', ' '], "_");
    let written = plain(name);
    known
        .iter()
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&written, &plain(candidate));
            (distance, *candidate)
        })
        .filter(|(distance, candidate)| {
            let longest = candidate.chars().count().max(written.chars().count());
            *distance == 0 || *distance <= (longest / 3).min(3)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The cure for a name that does not exist: the nearest one, or all there are.
pub fn name_cure(name: &str, known: &[&str]) -> String {
    match (closest(name, known), known) {
        (Some(near), _) => format!("did you mean {}?", ticked(near)),
        (None, []) => "there are none".to_owned(),
        (None, _) => format!("expected {}", one_of(known)),
    }
}

/// "one of `a`, `b`", or "`a`" if there is but one.
pub fn one_of(names: &[&str]) -> String {
    let list: Vec<String> = names.iter().map(|name| ticked(name)).collect();
    match list.as_slice() {
        [single] => single.clone(),
        _ => format!("one of {}", list.join(", ")),
    }
}

/// A key or name for a message, in backticks.
pub fn ticked(name: &str) -> String {
    format!("`{}`", shortened(name))
}

/// A text for a message, in quotes.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", shortened(text))
}

/// Keeps a message on one line and readable, whatever is in the file.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    let visible = text.replace(char::is_control, "\u{fffd}");
    if visible.chars().count() <= LONGEST {
        return visible;
    }
    let start: String = visible.chars().take(LONGEST).collect();
    format!("{start}...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_text_whatever_is_before_it() {
        let mut sources = SourceMap::default();
        sources.add("x.toml", None, "\ta = \"한é\", b = 1\n");
        let mut problems = Problems::default();
        problems.add(Span::new(14, 15), "unknown key `b`", "remove it");
        let text = problems.report(&sources).to_string();
        let wanted = "error: x.toml:1:12: unknown key `b`\n    1 | \ta = \"한é\", b = 1\n      | \t           ^ remove it\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn problems_are_sorted_and_not_repeated() {
        let mut sources = SourceMap::default();
        sources.add("x", None, "a = 1\nb = 2\n");
        let mut problems = Problems::default();
        problems.add(Span::new(6, 7), "second", "cure");
        problems.add(Span::new(0, 1), "first", "cure");
        problems.add(Span::new(6, 7), "second", "cure");
        problems.add_unplaced("cannot read y", "check the path");
        let report = problems.report(&sources);
        assert_eq!(report.count(), 3);
        let text = report.to_string();
        assert!(text.starts_with("error: cannot read y; check the path\nerror: x:1:1: first"));
    }

    #[test]
    fn a_near_name_is_suggested() {
        assert_eq!(closest("rate_per_ss", &["think", "rate_per_s"]), Some("rate_per_s"));
        assert_eq!(closest("groq", &["Gemini", "Groq"]), Some("Groq"));
        assert_eq!(closest("zebra", &["Gemini", "Groq"]), None);
        assert_eq!(name_cure("zebra", &["a", "b"]), "expected one of `a`, `b`");
        assert_eq!(name_cure("zebra", &[]), "there are none");
    }
}
