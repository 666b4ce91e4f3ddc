//! How every variant bore the faults of a scenario, side by side: service, detection and recovery, waste, cascade.

use crate::analysis::diff::{paired_difference, pairs};
use crate::analysis::interval::Estimate;
use crate::analysis::measure::{self, Better, Measure};
use crate::analysis::paired::Verdict;
use crate::analysis::wilcoxon::{holm, signed_rank};
use crate::analysis::window::Window;
use crate::report::CHARTS;
use crate::report::criteria::Evidence;
use crate::report::document::{Document, Report};
use crate::report::entries::{Entry, with_interval};
use crate::report::number::{counted, estimated, percent, rounded, signed};
use crate::report::table::TextTable;
use crate::results::folder::REPORTS;
use crate::results::manifest::BlockEntry;

/// Level at which tests tell a variant from the baseline, all variants of a measure together.
const ALPHA: f64 = 0.05;
/// Names in a sentence before the rest is counted.
const MOST_NAMES: usize = 4;

/// A measure over the tasks of a window, as a column.
type Asked = (Measure, Window);

const SERVICE: [Asked; 6] = [
    (measure::AVAILABILITY, Window::Faults),
    (measure::AVAILABILITY, Window::Calm),
    (measure::SERVED_LATENCY[2], Window::Faults),
    (measure::SERVED_LATENCY[2], Window::Calm),
    (measure::GOODPUT, Window::Faults),
    (measure::DEADLINE_MISSES, Window::Faults),
];
const DETECTION: [Asked; 5] = [
    (measure::TIME_TO_DETECT, Window::Run),
    (measure::DETECTED_SHARE, Window::Run),
    (measure::TIME_TO_RECOVER, Window::Run),
    (measure::RECOVERED_SHARE, Window::Run),
    (measure::FALSE_OPEN_TIME, Window::Run),
];
const COST: [Asked; 6] = [
    (measure::ATTEMPTS, Window::Faults),
    (measure::ATTEMPTS, Window::Calm),
    (measure::WASTED_TOKENS_SHARE, Window::Faults),
    (measure::WASTED_TOKENS_SHARE, Window::Calm),
    (measure::WASTED_COST, Window::Faults),
    (measure::WASTED_COST, Window::Calm),
];
const CASCADE: [Asked; 4] = [
    (measure::SURVIVOR_LOAD, Window::Run),
    (measure::FELL_AFTER_FIRST, Window::Run),
    (measure::QUOTA_OVERSHOOT, Window::Run),
    (measure::LIMIT_OVERSHOOT, Window::Run),
];
/// What sentences are about.
const SENTENCES: [Asked; 8] = [
    (measure::AVAILABILITY, Window::Faults),
    (measure::SERVED_LATENCY[2], Window::Faults),
    (measure::ATTEMPTS, Window::Faults),
    (measure::WASTED_COST, Window::Faults),
    (measure::TIME_TO_DETECT, Window::Run),
    (measure::TIME_TO_RECOVER, Window::Run),
    (measure::SURVIVOR_LOAD, Window::Run),
    (measure::FELL_AFTER_FIRST, Window::Run),
];

/// The report; `None` where no block has a fault.
pub(super) fn report(evidence: &Evidence<'_>, charts: &[&str]) -> Option<Report> {
    let manifest = evidence.manifest;
    let has_faults =
        |block: &&BlockEntry| !block.faults.is_empty() || !block.random_faults.is_empty();
    let blocks: Vec<&BlockEntry> = manifest.blocks.iter().filter(has_faults).collect();
    if blocks.is_empty() {
        return None;
    }
    let mut document = Document::new(&format!("Resilience: {}", manifest.scenario));
    document.paragraph(&match manifest.seeds.len() {
        1 => format!("Seed {} alone, so no intervals.", manifest.seeds[0]),
        n => format!("Means over {n} seeds with 95 % intervals over seeds."),
    });
    for block in blocks {
        View { evidence, block }.write(&mut document);
    }
    document.section("Charts");
    let timelines = charts.iter().filter(|chart| chart.contains("timeline"));
    document.list(timelines.map(|chart| format!("[{chart}](../{CHARTS}/{chart}.svg)")));
    document.section("What the measures are");
    let mut told: Vec<Measure> = Vec::new();
    for (measure, _) in SERVICE.iter().chain(&DETECTION).chain(&COST).chain(&CASCADE) {
        if !told.contains(measure) {
            told.push(*measure);
        }
    }
    document.list(told.iter().map(|m| format!("`{}` ({}): {}", m.name, m.unit, m.doc)));
    Some(Report {
        group: "Resilience".to_owned(),
        path: format!("{REPORTS}/resilience.md"),
        text: document.finish(),
    })
}

/// One block.
struct View<'a> {
    evidence: &'a Evidence<'a>,
    block: &'a BlockEntry,
}

impl View<'_> {
    fn write(&self, document: &mut Document) {
        let manifest = self.evidence.manifest;
        document.block(manifest, self.block);
        document.section_of_block(manifest, "In short");
        document.list(self.in_short());
        document.section_of_block(manifest, "Service");
        document.paragraph(
            "Tasks that arrive while a fault lasts, and tasks that arrive while none does.",
        );
        document.table(&self.table(&SERVICE));
        document.section_of_block(manifest, "Detection and recovery");
        document.paragraph(
            "What is never detected or never recovers counts up to the end of the fault or of arrivals, so each time is to be read beside its share.",
        );
        document.table(&self.table(&DETECTION));
        document.section_of_block(manifest, "Calls and waste");
        document.paragraph("Billed for calls whose answer was not the one used.");
        document.table(&self.table(&COST));
        document.section_of_block(manifest, "Cascade");
        document.table(&self.table(&CASCADE));
    }

    fn entry(&self, variant: &str, (measure, window): Asked) -> Option<Entry> {
        self.evidence.entries.get(&self.block.name, variant, "all", window.name(), measure)
    }

    /// One row for each variant; measures without any value are left out.
    fn table(&self, asked: &[Asked]) -> TextTable {
        let variants = &self.evidence.manifest.variants;
        let has_value = |own: &&Asked| variants.iter().any(|v| self.entry(v, **own).is_some());
        let asked: Vec<&Asked> = asked.iter().filter(has_value).collect();
        if asked.is_empty() {
            return TextTable::default();
        }
        let scales: Vec<Scale> = asked.iter().map(|own| self.scale(**own)).collect();
        let heads = asked.iter().zip(&scales).map(|(own, scale)| heading(**own, *scale));
        let mut table = TextTable::new(std::iter::once("variant".to_owned()).chain(heads));
        for variant in variants {
            let cells = asked.iter().zip(&scales).map(|(own, scale)| {
                with_interval(self.entry(variant, **own).map(|entry| scale.of_entry(entry)), own.0)
            });
            table.push(std::iter::once(variant.clone()).chain(cells).collect());
        }
        table
    }

    /// How a measure is written, the same in all windows, so that no mean needs more than four decimals.
    fn scale(&self, (measure, _): Asked) -> Scale {
        let variants = self.evidence.manifest.variants.iter();
        let means = variants.flat_map(|variant| {
            let own = COST.iter().filter(move |(other, _)| *other == measure);
            own.filter_map(move |asked| Some(self.entry(variant, *asked)?.mean))
        });
        Scale::of(measure, means)
    }

    fn in_short(&self) -> Vec<String> {
        let manifest = self.evidence.manifest;
        if manifest.variants.len() > 1 && manifest.seeds.len() > 1 {
            let mut lines: Vec<String> =
                SENTENCES.iter().filter_map(|asked| self.against_baseline(*asked)).collect();
            if !lines.is_empty() {
                lines.push(format!(
                    "A variant is named where the 95 % interval of its difference by seed excludes 0 and Wilcoxon's signed-rank test of the differences, adjusted for all variants (Holm), is below {}.",
                    percent(ALPHA, 0)
                ));
            }
            return lines;
        }
        let variants = manifest.variants.iter();
        variants.filter_map(|variant| self.alone(variant)).collect()
    }

    /// What faults did to one variant.
    fn alone(&self, variant: &str) -> Option<String> {
        let mean = |asked| self.entry(variant, asked).map(|entry| entry.mean);
        let inside = mean(SENTENCES[0])?;
        let outside = mean((measure::AVAILABILITY, Window::Calm));
        let outside = outside
            .map_or(String::new(), |share| format!(", against {} outside", percent(share, 2)));
        let detect = mean((measure::TIME_TO_DETECT, Window::Run))
            .zip(mean((measure::DETECTED_SHARE, Window::Run)))
            .map_or(String::new(), |(s, share)| {
                format!(
                    "; what stops a model is left alone after {} s (in {} of the cases)",
                    rounded(s, 3),
                    percent(share, 0)
                )
            });
        Some(format!(
            "`{variant}`: {} of tasks answered in time while a fault lasts{outside}{detect}.",
            percent(inside, 2)
        ))
    }

    /// Which variants do better or worse than the baseline, where the seeds say so of any.
    fn against_baseline(&self, asked: Asked) -> Option<String> {
        let manifest = self.evidence.manifest;
        let (measure, window) = asked;
        let baseline = manifest.compare.baseline.as_str();
        let scale = self.scale(asked);
        let values = |variant: &str| {
            self.evidence.values.get(&self.block.name, variant, "all", window.name(), measure)
        };
        let mut compared: Vec<(&str, Estimate)> = Vec::new();
        let mut p_values = Vec::new();
        for variant in manifest.variants.iter().filter(|variant| *variant != baseline) {
            let (Some(own), Some(other)) = (values(baseline), values(variant)) else { continue };
            let pairs = pairs(own, other);
            let differences: Vec<f64> = pairs.iter().map(|(a, b)| b - a).collect();
            let Some((difference, test)) =
                paired_difference(measure, &pairs).zip(signed_rank(&differences))
            else {
                continue;
            };
            compared.push((variant, difference));
            p_values.push(test.p);
        }
        let adjusted = holm(&p_values);
        let with = |wanted: Verdict| -> Vec<String> {
            let told = compared.iter().zip(&adjusted).filter(|((_, difference), p)| {
                **p < ALPHA && Verdict::of(difference, measure.better, 0.0) == wanted
            });
            told.map(|((variant, difference), _)| {
                let shown = estimated(difference, |d| signed(scale.of_number(d), measure));
                format!("`{variant}` ({shown})")
            })
            .collect()
        };
        let sides = match measure.better {
            Better::Neither => [("lower", with(Verdict::Lower)), ("higher", with(Verdict::Higher))],
            _ => [("better", with(Verdict::Better)), ("worse", with(Verdict::Worse))],
        };
        let n_told: usize = sides.iter().map(|(_, names)| names.len()).sum();
        if n_told == 0 {
            return None;
        }
        let own = self.entry(baseline, asked).map(|entry| scale.of_entry(entry));
        let own = with_interval(own, measure);
        let sides: Vec<String> = sides
            .iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(word, names)| format!("{word}: {}", listed(names)))
            .collect();
        let rest = match compared.len() - n_told {
            0 => String::new(),
            n => format!("; {} not told apart", counted(n as f64, "variant")),
        };
        Some(format!(
            "{}: `{baseline}` has {own}; {}{rest}.",
            heading(asked, scale),
            sides.join("; ")
        ))
    }
}

/// Names of which those beyond the first few are counted.
fn listed(names: &[String]) -> String {
    let shown = if names.len() > MOST_NAMES { MOST_NAMES - 1 } else { names.len() };
    let rest = match names.len() - shown {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    names[..shown].join(", ") + &rest
}

/// How a measure's values are written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scale {
    /// As they are.
    One,
    /// A share that is not part of a whole, in percent.
    Percent,
    /// A cost for 1,000 tasks.
    Thousand,
    /// A cost for a million tasks.
    Million,
}

impl Scale {
    /// The first at which three digits of every mean need four decimals at most.
    fn of(measure: Measure, means: impl Iterator<Item = f64>) -> Self {
        let least = means.filter(|mean| *mean > 0.0).fold(f64::INFINITY, f64::min);
        let fits = |scale: &Self| least * scale.factor() >= 0.01;
        match measure.unit {
            "USD" => [Self::One, Self::Thousand].into_iter().find(fits).unwrap_or(Self::Million),
            "share" if !measure.is_proportion => Self::Percent,
            _ => Self::One,
        }
    }

    fn factor(self) -> f64 {
        match self {
            Self::One => 1.0,
            Self::Percent => 100.0,
            Self::Thousand => 1e3,
            Self::Million => 1e6,
        }
    }

    fn unit(self, measure: Measure) -> String {
        match self {
            Self::One if measure.is_proportion => "%".to_owned(),
            Self::One => measure.unit.to_owned(),
            Self::Percent => "%".to_owned(),
            Self::Thousand => format!("{} for 1,000 tasks", measure.unit),
            Self::Million => format!("{} for a million tasks", measure.unit),
        }
    }

    /// Beyond the fourth decimal there is nothing to read in an interval's end.
    fn of_number(self, value: f64) -> f64 {
        match self {
            Self::One => value,
            _ => (value * self.factor() * 1e4).round() / 1e4,
        }
    }

    fn of_entry(self, entry: Entry) -> Entry {
        let interval =
            entry.interval.map(|(low, high)| (self.of_number(low), self.of_number(high)));
        Entry { mean: self.of_number(entry.mean), interval, ..entry }
    }
}

/// Name, unit and window of a column.
fn heading((measure, window): Asked, scale: Scale) -> String {
    let within = match window {
        Window::Run => "",
        Window::Faults => " in faults",
        Window::Exhaustion => " in exhaustion",
        Window::Calm => " outside",
    };
    format!("`{}`{within}, {}", measure.name, scale.unit(measure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_given_for_so_many_tasks_that_they_can_be_read() {
        let scale = |means: &[f64]| Scale::of(measure::WASTED_COST, means.iter().copied());
        assert_eq!(scale(&[0.0, 0.012]), Scale::One);
        assert_eq!(scale(&[0.2, 0.000_02]), Scale::Thousand);
        assert_eq!(scale(&[0.000_002_03, 0.000_4]), Scale::Million);
        assert_eq!(scale(&[]), Scale::One);
        assert_eq!(Scale::of(measure::GOODPUT, [1e-6].into_iter()), Scale::One);
        let excess = Scale::of(measure::QUOTA_OVERSHOOT, [0.000_064].into_iter());
        assert_eq!((excess, excess.of_number(0.000_064)), (Scale::Percent, 0.0064));
        let entry = Entry {
            mean: 0.000_002_034,
            interval: Some((0.0, 0.000_003_120_04)),
            sd: 1.0,
            n: 20.0,
            difference: None,
        };
        let shown = with_interval(Some(Scale::Million.of_entry(entry)), measure::WASTED_COST);
        assert_eq!(shown, "2.03 [0, 3.12]");
        assert_eq!(
            heading((measure::WASTED_COST, Window::Calm), Scale::Million),
            "`wasted_cost_per_task` outside, USD for a million tasks"
        );
    }
}
