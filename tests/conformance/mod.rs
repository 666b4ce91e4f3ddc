//! What each breaker does, rule by rule: every cell drives the machine, asserts at the edges, and only then says it.

pub(crate) mod breakers;
pub(crate) mod outliers;
mod profiles;

use std::fmt::Write as _;

/// One cell of the table: what a preset does by one rule.
pub(crate) struct Cell {
    /// The preset's name in scenarios.
    pub(crate) preset: &'static str,
    /// The rule.
    pub(crate) rule: Rule,
    /// What it does, with the numbers of the preset's defaults, read from them.
    pub(crate) says: String,
    /// The project, its version, and where it says so.
    pub(crate) source: &'static str,
}

/// The questions that a table of breakers answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// When it opens.
    OpenCondition,
    /// How many results it needs before it may open.
    MinVolume,
    /// How long it stays open.
    OpenDuration,
    /// What brings it from open to half-open, or back.
    OpenToHalfOpen,
    /// How many trial calls pass.
    Probes,
    /// What closes it.
    HalfOpenToClosed,
    /// What opens it again.
    HalfOpenToOpen,
    /// What a result does that comes while it is open.
    LateResultWhileOpen,
    /// What happens to a call when all that could take it are open.
    AllTargetsOpen,
}

impl Rule {
    /// All rules in the order of the table.
    pub(crate) const ALL: [Self; 9] = [
        Self::OpenCondition,
        Self::MinVolume,
        Self::OpenDuration,
        Self::OpenToHalfOpen,
        Self::Probes,
        Self::HalfOpenToClosed,
        Self::HalfOpenToOpen,
        Self::LateResultWhileOpen,
        Self::AllTargetsOpen,
    ];

    /// The heading of its row.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::OpenCondition => "opens when",
            Self::MinVolume => "results needed",
            Self::OpenDuration => "stays open",
            Self::OpenToHalfOpen => "leaves open",
            Self::Probes => "trial calls",
            Self::HalfOpenToClosed => "closes when",
            Self::HalfOpenToOpen => "opens again when",
            Self::LateResultWhileOpen => "late result while open",
            Self::AllTargetsOpen => "all targets open",
        }
    }
}

/// The table as Markdown: a section for each preset, a row for each rule, and the sources below it.
pub(crate) fn render(cells: &[Cell]) -> String {
    let mut presets: Vec<&str> = Vec::new();
    for cell in cells {
        if !presets.contains(&cell.preset) {
            presets.push(cell.preset);
        }
    }
    let mut text = String::from(
        "# What the breakers do\n\nEvery row is asserted by a test that drives the machine (`tests/breaker_conformance.rs`); numbers are the defaults.\n",
    );
    for preset in presets {
        let own: Vec<&Cell> = cells.iter().filter(|cell| cell.preset == preset).collect();
        let mut sources: Vec<&str> = Vec::new();
        let _ =
            writeln!(text, "\n## `{preset}`\n\n| rule | what it does | source |\n|---|---|---|");
        for rule in Rule::ALL {
            for cell in own.iter().filter(|cell| cell.rule == rule) {
                let known = sources.iter().position(|source| *source == cell.source);
                let nth = known.unwrap_or_else(|| {
                    sources.push(cell.source);
                    sources.len() - 1
                });
                let _ = writeln!(text, "| {} | {} | {} |", rule.title(), cell.says, nth + 1);
            }
        }
        let listed = sources.iter().enumerate();
        let listed: Vec<String> =
            listed.map(|(n, source)| format!("{}: {source}", n + 1)).collect();
        let _ = writeln!(text, "\nSources: {}.", listed.join("; "));
    }
    text
}
