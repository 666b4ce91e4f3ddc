//! Measures over seeds out of the table `summary`, and how they are shown.

use std::collections::BTreeMap;
use std::path::Path;

use crate::analysis::interval::Estimate;
use crate::analysis::measure::Measure;
use crate::report::number::shown;
use crate::results::ResultsError;
use crate::results::column::Table;
use crate::results::parquet::Rows;
use crate::results::schema::Summary;

/// A measure over seeds.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) mean: f64,
    /// Both ends of the interval, where there is one.
    pub(super) interval: Option<(f64, f64)>,
    pub(super) sd: f64,
    pub(super) n: f64,
    /// Difference to the first variant, and both ends of its interval where there is one.
    pub(super) difference: Option<(f64, Option<(f64, f64)>)>,
}

impl From<Estimate> for Entry {
    fn from(estimate: Estimate) -> Self {
        let Estimate { n, mean, sd, low, high } = estimate;
        let interval = (n > 1).then_some((low, high));
        Self { mean, interval, sd, n: n as f64, difference: None }
    }
}

/// All of them. Key: block, variant, level, window, measure.
pub(super) struct Entries(BTreeMap<(String, String, String, String, String), Entry>);

impl Entries {
    pub(super) fn read(folder: &Path) -> Result<Self, ResultsError> {
        let rows = Rows::read(folder, &Summary::DOC)?;
        let keys: Vec<Vec<String>> = ["block", "variant", "level", "window", "measure"]
            .into_iter()
            .map(|name| rows.texts(name))
            .collect::<Result<_, _>>()?;
        let names = ["mean", "n_seeds", "sd", "low", "high"];
        let values: Vec<Vec<Option<f64>>> =
            names.into_iter().map(|name| rows.numbers(name)).collect::<Result<_, _>>()?;
        let names = ["difference", "difference_low", "difference_high"];
        let differences: Vec<Vec<Option<f64>>> =
            names.into_iter().map(|name| rows.numbers(name)).collect::<Result<_, _>>()?;
        let mut entries = BTreeMap::new();
        for at in 0..keys[0].len() {
            let [Some(mean), Some(n), Some(sd)] = std::array::from_fn(|column| values[column][at])
            else {
                continue;
            };
            let interval = values[3][at].zip(values[4][at]);
            let [block, variant, level, window, measure] =
                std::array::from_fn(|column| keys[column][at].clone());
            let ends = differences[1][at].zip(differences[2][at]);
            let difference = differences[0][at].map(|mean| (mean, ends));
            entries.insert(
                (block, variant, level, window, measure),
                Entry { mean, interval, sd, n, difference },
            );
        }
        Ok(Self(entries))
    }

    pub(super) fn get(
        &self,
        block: &str,
        variant: &str,
        level: &str,
        window: &str,
        measure: Measure,
    ) -> Option<Entry> {
        let key = (
            block.to_owned(),
            variant.to_owned(),
            level.to_owned(),
            window.to_owned(),
            measure.name.to_owned(),
        );
        self.0.get(&key).copied()
    }
}

/// A value with its interval, or with the number of seeds that all agree; a dash where nothing happened.
pub(super) fn with_interval(entry: Option<Entry>, measure: Measure) -> String {
    match entry {
        None => "-".to_owned(),
        // Seeds that all agree say nothing of a spread: their number is all there is.
        Some(e) if measure.is_proportion && e.sd == 0.0 && e.n > 1.0 => {
            format!("{} (all {} seeds)", shown(e.mean, measure), e.n)
        }
        Some(e) => match e.interval {
            None => shown(e.mean, measure),
            Some((low, high)) => format!(
                "{} [{}, {}]",
                shown(e.mean, measure),
                shown(low, measure),
                shown(high, measure)
            ),
        },
    }
}

/// Name and unit of a column.
pub(super) fn heading(measure: Measure) -> String {
    let unit = if measure.is_proportion { "%" } else { measure.unit };
    format!("{}, {unit}", measure.name)
}
