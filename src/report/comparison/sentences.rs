//! The comparison in sentences: one on each block, the same in the document, in the summary and on the console.

use crate::analysis::interval::Estimate;
use crate::analysis::measure::{self, Better, Measure};
use crate::analysis::paired::Verdict;
use crate::report::comparison::block::{BlockComparison, Leader};
use crate::report::comparison::ranking::{Against, Ranking};
use crate::report::entries::{heading, with_interval};
use crate::report::number::{estimated, percent, signed, with_sign};
use crate::report::table::TextTable;

/// Names listed before the rest is counted.
const MOST_NAMES: usize = 6;
/// Rows of a table on the console.
const MOST_ROWS: usize = 20;

/// What a measure is called in a sentence: what the best does, and what it has an amount of.
fn claim(measure: Measure, is_bandit: bool) -> (String, String) {
    if measure == measure::CUMULATIVE_REGRET {
        let what = if is_bandit { "pseudo-regret" } else { "decision regret" };
        return ("loses least".to_owned(), format!(" of {what}"));
    }
    if measure == measure::REWARD {
        let per = if is_bandit { "round" } else { "task" };
        return ("earns most".to_owned(), format!(" of reward per {per}"));
    }
    let end = if measure.better == Better::Lower { "lowest" } else { "highest" };
    (format!("has the {end} `{}`", measure.name), format!(" {}", unit(measure, is_bandit)))
}

/// The unit of a measure, in the words of the mode.
pub(super) fn unit(measure: Measure, is_bandit: bool) -> &'static str {
    match measure.unit {
        _ if measure.is_proportion => "%",
        "USD" if is_bandit => "cost units",
        "tasks" if is_bandit => "rounds",
        unit => unit,
    }
}

/// Names in code, the rest counted.
pub(super) fn names(all: &[&str]) -> String {
    let shown = if all.len() > MOST_NAMES { MOST_NAMES - 1 } else { all.len() };
    let texts: Vec<String> = all[..shown].iter().map(|name| format!("`{name}`")).collect();
    let rest = match all.len() - shown {
        0 => String::new(),
        rest => format!(" and {rest} more"),
    };
    texts.join(", ") + &rest
}

/// A difference with its interval.
pub(super) fn difference(estimate: &Estimate, measure: Measure) -> String {
    estimated(estimate, |value| signed(value, measure))
}

/// A place: `1st`, `2nd`, `14th`.
fn ordinal(n: usize) -> String {
    let ending = match (n % 100, n % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{n}{ending}")
}

/// A share of the baseline's mean with its sign; a dash where that is 0.
pub(super) fn relative(against: &Against) -> String {
    let share = |share: f64| with_sign(percent(share, 1).trim_end_matches(" %"));
    against.paired.relative.map_or_else(|| "-".to_owned(), share)
}

impl BlockComparison<'_> {
    fn is_bandit(&self) -> bool {
        self.block.bandit.is_some()
    }

    /// Who is best, by how much, and from whom it cannot be told apart.
    pub(super) fn sentence(&self, baseline: &str, n_seeds: usize) -> String {
        let ranking = self.first();
        let measure = ranking.measure;
        let Some(leader) = &self.leader else {
            return "None of the variants could be deployed.".to_owned();
        };
        if ranking.agreed().is_some() {
            let value = with_interval(Some(leader.mean), measure);
            let unit = unit(measure, self.is_bandit());
            return format!("All variants have the same `{}`: {value} {unit}.", measure.name);
        }
        let (does, of) = claim(measure, self.is_bandit());
        let value = with_interval(Some(leader.mean), measure);
        let mut text = format!("`{}` {does}: {value}{of}", leader.variant);
        text += &beside_baseline(leader, ranking, baseline);
        text += &match &leader.next {
            Some((next, behind)) if *next != baseline => {
                format!("; next is `{next}`, {}", difference(behind, measure))
            }
            _ => String::new(),
        };
        text.push('.');
        if n_seeds == 1 {
            text += " One seed tells no two variants apart.";
        } else {
            text += &apart(leader);
        }
        if let Some(learner) = leader.learner {
            text += &format!(" The best learner is `{learner}`.");
        }
        let plan: Vec<String> = leader
            .plan
            .iter()
            .map(|(variant, place)| format!("`{variant}` is {}", ordinal(*place)))
            .collect();
        if !plan.is_empty() {
            text += &format!(" {} of {}.", plan.join(", "), leader.of);
        }
        text
    }

    /// A few columns of the ranking: at most as many rows as a console has room for.
    pub(super) fn short_table(&self, baseline: &str, on_console: bool) -> TextTable {
        let ranking = self.first();
        let is_bandit = self.is_bandit();
        let others: Vec<&Ranking<'_>> = self.rankings[1..].iter().collect();
        let mut header = vec!["variant".to_owned(), in_words(ranking.measure, is_bandit)];
        let holds = ranking.standings.iter().any(|s| s.against.is_some());
        if holds {
            let columns = [&format!("less {baseline}"), "relative, %", "verdict"];
            header.extend(columns.map(str::to_owned));
        }
        header.extend(others.iter().map(|other| in_words(other.measure, is_bandit)));
        let mut table = TextTable::new(header);
        let n = ranking.standings.len();
        let shown = if on_console && n > MOST_ROWS { MOST_ROWS - 1 } else { n };
        for standing in &ranking.standings[..shown] {
            let mut row = vec![
                standing.variant.to_owned(),
                with_interval(Some(standing.mean), ranking.measure),
            ];
            if holds {
                row.extend(match &standing.against {
                    None if standing.variant == baseline => ["baseline", "", ""].map(str::to_owned),
                    None => ["-", "-", "-"].map(str::to_owned),
                    Some(against) => [
                        difference(&against.paired.difference, ranking.measure),
                        relative(against),
                        against.verdict.name().to_owned(),
                    ],
                });
            }
            row.extend(others.iter().map(|other| {
                let own = other.standings.iter().find(|s| s.variant == standing.variant);
                with_interval(own.map(|own| own.mean), other.measure)
            }));
            table.push(row);
        }
        if shown < n {
            let mut row = vec![String::new(); table.n_columns()];
            row[0] = format!("and {} more", n - shown);
            table.push(row);
        }
        table
    }
}

/// Name and unit of a column.
pub(in crate::report) fn in_words(measure: Measure, is_bandit: bool) -> String {
    match is_bandit {
        false => heading(measure),
        true => format!("{}, {}", measure.name, unit(measure, true)),
    }
}

fn beside_baseline(leader: &Leader<'_>, ranking: &Ranking<'_>, baseline: &str) -> String {
    if leader.variant == baseline {
        return ", the baseline".to_owned();
    }
    let of = |variant: &str| ranking.standings.iter().find(|s| s.variant == variant);
    let (Some(own), Some(base)) = (of(leader.variant), of(baseline)) else {
        return String::new();
    };
    let Some(against) = &own.against else { return String::new() };
    let mut notes = Vec::new();
    if against.paired.relative.is_some() {
        notes.push(format!("{} %", relative(against)));
    }
    if against.paired.difference.n > 1 {
        notes.push(against.verdict.name().to_owned());
    }
    let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
    let value = with_interval(Some(base.mean), ranking.measure);
    format!(", against {value} of the baseline `{baseline}`{notes}")
}

fn apart(leader: &Leader<'_>) -> String {
    let mut text = String::new();
    if !leader.equal.is_empty() {
        text += &format!(" Practically equal to it: {}.", names(&leader.equal));
    }
    if !leader.undecided.is_empty() {
        text += &format!(" Not told apart from it: {}.", names(&leader.undecided));
    }
    if text.is_empty() && leader.of > 1 {
        text += " It is told apart from all others.";
    }
    text
}

/// What a verdict says, in the order of a legend.
pub(super) const VERDICTS: [(Verdict, &str); 4] = [
    (Verdict::Better, "the whole interval is on the better side, beyond what counts as equal"),
    (Verdict::Worse, "the whole interval is on the worse side, beyond what counts as equal"),
    (Verdict::PracticallyEqual, "the whole interval counts as equal"),
    (Verdict::Undecided, "none of these: more seeds would tell"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_names_are_told_in_words() {
        let places = [1, 2, 3, 4, 11, 12, 13, 21, 102, 111].map(ordinal);
        let wanted = ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"];
        assert_eq!(places, wanted);
        assert_eq!(names(&["a", "b"]), "`a`, `b`");
        let all = ["a", "b", "c", "d", "e", "f", "g"];
        assert_eq!(names(&all), "`a`, `b`, `c`, `d`, `e` and 2 more");
        assert_eq!(names(&all[..6]), "`a`, `b`, `c`, `d`, `e`, `f`");
    }
}
