//! What learning brought against the same stack with learning frozen, out of the tables `controls` and `days`.

use crate::analysis::criteria::{Gain, LEARNING_TARGET, Verdict};
use crate::analysis::interval::mean_over_seeds;
use crate::analysis::measure;
use crate::report::criteria::signed_percent;
use crate::report::document::Document;
use crate::report::frame::RunKey;
use crate::report::number::{estimated, percent, signed};
use crate::report::table::TextTable;

use super::student::Student;
use super::{Side, View, side};

impl View<'_> {
    pub(super) fn gain(&self, student: &Student<'_>) -> Result<Gain, &'static str> {
        self.tables.evidence.gain(&self.block.name, student.variant)
    }

    /// The local day on which the gain is measured, counted from 1.
    fn gain_day(&self) -> u32 {
        self.tables.evidence.clock.gain_day() + 1
    }

    /// Whether learning pays, in one sentence for the block.
    pub(super) fn answer(&self) -> String {
        let mut sides: [Vec<String>; 3] = Default::default();
        let mut met = Vec::new();
        let mut reason = "";
        for student in &self.students {
            let name = format!("`{}`", student.variant);
            match self.gain(student) {
                Err(why) => reason = why,
                Ok(gain) => {
                    if gain.verdict() == Verdict::Met {
                        met.push(name.clone());
                    }
                    match side(&gain.gain) {
                        Side::Above => sides[0].push(name),
                        Side::Below => sides[1].push(name),
                        Side::Level | Side::Unknown => sides[2].push(name),
                    }
                }
            }
        }
        if sides.iter().all(Vec::is_empty) {
            if self.tables.evidence.reaches_gain_day() {
                reason = "the scenario asks for no `[criteria]`";
            }
            return format!(
                "There is no run with learning frozen to compare with ({reason}): below, late is compared with early, and stacks with each other."
            );
        }
        let list = |names: &[String]| match names {
            [] => "none".to_owned(),
            names => names.join(", "),
        };
        format!(
            "Efficiency on day {} against the same stack with learning frozen: higher for {}; lower for {}; no clear difference for {}. The plan's +{} is met by {}.",
            self.gain_day(),
            list(&sides[0]),
            list(&sides[1]),
            list(&sides[2]),
            percent(LEARNING_TARGET, 0),
            list(&met)
        )
    }

    pub(super) fn gains(&self, document: &mut Document) {
        let day = self.gain_day();
        let header = [
            "variant".to_owned(),
            "learner".to_owned(),
            format!("gain on day {day}"),
            "headroom (informed)".to_owned(),
            "against its own first whole day".to_owned(),
            "verdict on +5 %".to_owned(),
        ];
        let by_day = (1..=day).map(|day| format!("day {day}, points"));
        let mut table = TextTable::with_texts(header, 2);
        let names = ["variant", "learner"].map(str::to_owned);
        let mut days = TextTable::with_texts(names.into_iter().chain(by_day), 2);
        for student in &self.students {
            let Ok(gain) = self.gain(student) else { continue };
            let name = [student.variant.to_owned(), student.name.to_owned()];
            let cells = [&gain.gain, &gain.headroom, &gain.raw].map(signed_percent);
            let verdict = gain.verdict().name().to_owned();
            table.push(name.iter().cloned().chain(cells).chain([verdict]).collect());
            let cells = (0..day).map(|day| {
                let differences = self.above_frozen(student.variant, day);
                let mean = mean_over_seeds(&differences, false);
                mean.map_or_else(
                    || "-".to_owned(),
                    |e| estimated(&e, |v| signed(v, measure::EFFICIENCY)),
                )
            });
            days.push(name.iter().cloned().chain(cells).collect());
        }
        if table.is_empty() {
            return;
        }
        document.paragraph(&format!(
            "Headline efficiency of the tasks that arrived on local day {day}, the first that begins 48 hours after the start, relative to the same stack, seeds and world with learning frozen at its initial beliefs; intervals by a BCa bootstrap over seeds. Headroom is what the same stack gains when it is told the expected rewards; with less than 5 % of it the plan's target is out of reach in this world."
        ));
        document.table(&table);
        document
            .paragraph("The same stack learning less frozen, day by day, points of efficiency:");
        document.table(&days);
    }

    /// Efficiency of a day, learning less frozen, seed by seed.
    fn above_frozen(&self, variant: &str, day: u32) -> Vec<f64> {
        let evidence = self.tables.evidence;
        let pair = |run: RunKey| {
            let frozen = evidence.efficiency_of_control("frozen", &run, day)?;
            Some(evidence.efficiency(&run, day)? - frozen)
        };
        RunKey::of_seeds(evidence.manifest, &self.block.name, variant).filter_map(pair).collect()
    }
}
