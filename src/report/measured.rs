//! A result read back: its manifest, and every measure by seed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::analysis::diff::BySeed;
use crate::analysis::measure::Measure;
use crate::results::ResultsError;
use crate::results::column::Table;
use crate::results::manifest::Manifest;
use crate::results::parquet::Rows;
use crate::results::schema::Measures;

/// A folder of results in memory, to be compared with another; the folder itself may go.
#[derive(Clone, Debug)]
pub struct Measured {
    pub(super) manifest: Manifest,
    pub(super) values: Values,
}

impl Measured {
    /// Reads manifest and measures of a folder of results.
    ///
    /// # Errors
    /// If one of them cannot be read.
    pub fn read(folder: &Path) -> Result<Self, ResultsError> {
        Ok(Self { manifest: Manifest::read(folder)?, values: Values::read(folder)? })
    }
}

/// The table `measures`; keys are block, variant, level, window and measure.
#[derive(Clone, Debug, Default)]
pub(super) struct Values(BTreeMap<[String; 5], BySeed>);

impl Values {
    pub(super) fn read(folder: &Path) -> Result<Self, ResultsError> {
        let mut all: BTreeMap<[String; 5], BySeed> = BTreeMap::new();
        let names = ["block", "variant", "level", "window", "measure"];
        let columns: Vec<&str> = names.into_iter().chain(["seed", "value"]).collect();
        for rows in Rows::by_part(folder, &Measures::DOC, &columns)? {
            let rows = rows?;
            let mut keys = Vec::new();
            for name in names {
                keys.push(rows.texts(name)?);
            }
            let (seeds, values) = (rows.wholes("seed")?, rows.numbers("value")?);
            for (at, (seed, value)) in seeds.into_iter().zip(values).enumerate() {
                let key = std::array::from_fn(|column| std::mem::take(&mut keys[column][at]));
                all.entry(key).or_default().extend(value.map(|value| (seed, value)));
            }
        }
        Ok(Self(all))
    }

    /// A measure by seed; `None` if no run measured it.
    pub(super) fn get(
        &self,
        block: &str,
        variant: &str,
        level: &str,
        window: &str,
        measure: Measure,
    ) -> Option<&BySeed> {
        self.0.get(&[block, variant, level, window, measure.name].map(str::to_owned))
    }

    /// The names of all measures.
    pub(super) fn measures(&self) -> BTreeSet<&str> {
        self.0.keys().map(|key| key[4].as_str()).collect()
    }
}
