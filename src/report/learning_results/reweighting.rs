//! What re-weighting of levels did, out of the table `weights`.

use crate::analysis::measure;
use crate::report::dates;
use crate::report::document::Document;
use crate::report::frame::RunKey;
use crate::report::number::{rounded, signed};
use crate::report::table::TextTable;

use super::View;

impl View<'_> {
    pub(super) fn reweighting(&self, document: &mut Document) {
        let header = [
            "variant",
            "level",
            "changes per run",
            "after the first: speed / efficiency / cost",
            "after the last",
            "time of the last",
        ];
        let mut table = TextTable::with_texts(header, 2);
        let mut effects = Vec::new();
        for variant in &self.tables.manifest.variants {
            let rows: Vec<Vec<String>> = ["L1", "L2", "L3", "L4"]
                .into_iter()
                .filter_map(|level| self.weights(variant, level))
                .collect();
            if !rows.is_empty() {
                effects.push(self.effect(variant));
            }
            rows.into_iter().for_each(|row| table.push(row));
        }
        document.table(&table);
        document.list(effects);
    }

    /// Weights of a level, mean over seeds; `None` where they never changed.
    fn weights(&self, variant: &str, level: &str) -> Option<Vec<String>> {
        let columns = ["speed", "efficiency", "cost"];
        let (mut n, mut seeds) = (0, 0);
        let (mut first, mut last, mut until_s) = ([0.0; 3], [0.0; 3], 0.0_f64);
        for run in RunKey::of_seeds(self.tables.manifest, &self.block.name, variant) {
            let rows: Vec<_> =
                self.tables.weights.rows(&run).filter(|row| row.text("level") == level).collect();
            let (Some(one), Some(other)) = (rows.first(), rows.last()) else { continue };
            n += rows.len();
            seeds += 1;
            for (at, column) in columns.into_iter().enumerate() {
                first[at] += one.value(column);
                last[at] += other.value(column);
            }
            until_s = until_s.max(other.value("at_s"));
        }
        let mean =
            |sums: [f64; 3]| sums.map(|sum| format!("{:.2}", sum / f64::from(seeds))).join(" / ");
        (seeds > 0).then(|| {
            vec![
                variant.to_owned(),
                level.to_owned(),
                rounded(n as f64 / f64::from(seeds), 3),
                mean(first),
                mean(last),
                dates::local_time(&self.tables.evidence.clock, until_s),
            ]
        })
    }

    /// What it did to the reward that results are measured in, which stays fixed.
    fn effect(&self, variant: &str) -> String {
        let measure = measure::REWARD;
        let entries = &self.tables.evidence.entries;
        let entry = entries.get(&self.block.name, variant, "all", "run", measure);
        match entry.and_then(|entry| entry.difference) {
            None => format!(
                "`{variant}` is the first variant: what re-weighting did is seen against one that keeps its weights."
            ),
            Some((mean, ends)) => {
                let ends = ends.map_or_else(String::new, |(low, high)| {
                    format!(" [{}, {}]", signed(low, measure), signed(high, measure))
                });
                format!(
                    "`{variant}`: mean reward of a task by the scenario's own, fixed weights, less that of `{}`: {}{ends}.",
                    self.first(),
                    signed(mean, measure)
                )
            }
        }
    }
}
