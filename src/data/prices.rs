//! Tables of model prices: what a token costs by model, at one or more dates.

use std::collections::BTreeMap;
use std::path::Path;

use super::DataError;
use super::table::{Kind, Table, Wanted};

/// Prices of a million tokens in USD, input and output; `None` where the table leaves one of them out.
pub type Pair = Option<[f64; 2]>;

/// The prices of a table, by snapshot and model.
#[derive(Clone, Debug, PartialEq)]
pub struct PriceTable {
    snapshots: BTreeMap<String, BTreeMap<String, Pair>>,
}

impl PriceTable {
    /// Reads a table with the columns `snapshot`, `model`, `usd_per_token_in` and `usd_per_token_out`; others are not
    /// read. Prices of a token are kept as prices of a million, to the nearest millionth of a dollar.
    ///
    /// # Errors
    /// If the file cannot be read, or a model stands twice in a snapshot.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let wanted = vec![
            Wanted::new("snapshot", Kind::Text),
            Wanted::new("model", Kind::Text),
            Wanted::new("usd_per_token_in", Kind::NonNegative).nullable(),
            Wanted::new("usd_per_token_out", Kind::NonNegative).nullable(),
        ];
        let mut table = Table::open(path, wanted)?;
        let mut snapshots: BTreeMap<String, BTreeMap<String, Pair>> = BTreeMap::new();
        while let Some(batch) = table.next().transpose()? {
            let [snapshot, model, input, output] = &batch.columns[..] else {
                unreachable!("as many columns come back as were asked for");
            };
            for row in 0..batch.rows {
                let pair = input.number(row).zip(output.number(row));
                let pair = pair.map(|(input, output)| [input, output].map(per_million));
                let models = snapshots.entry(snapshot.text(row).to_owned()).or_default();
                if models.insert(model.text(row).to_owned(), pair).is_some() {
                    let reason = format!(
                        "`{}` stands twice in the snapshot {}",
                        model.text(row),
                        snapshot.text(row)
                    );
                    return Err(table.error(batch.first + row as u64, "model", reason));
                }
            }
        }
        if snapshots.is_empty() {
            return Err(DataError::of_file(path, "has no rows", "name a table with prices"));
        }
        Ok(Self { snapshots })
    }

    /// The snapshots in their order.
    pub fn snapshots(&self) -> impl Iterator<Item = &str> {
        self.snapshots.keys().map(String::as_str)
    }

    /// What a snapshot has, by model.
    #[must_use]
    pub fn snapshot(&self, name: &str) -> Option<&BTreeMap<String, Pair>> {
        self.snapshots.get(name)
    }
}

/// A price of a million tokens; rounding takes the error of the multiplication away.
fn per_million(usd_per_token: f64) -> f64 {
    (usd_per_token * 1e12).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_csv(text: &str) -> Result<PriceTable, DataError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("p.csv");
        std::fs::write(&path, text).expect("written");
        PriceTable::read(&path)
    }

    #[test]
    fn prices_are_per_million_and_a_missing_one_is_not_zero() {
        let table = of_csv(
            "snapshot,model,mode,usd_per_token_in,usd_per_token_out\n\
             2025-02-19,a,chat,1.5e-7,6e-7\n2026-08-01,a,chat,0.0000025,0.00001\n\
             2026-08-01,b,chat,0.0000025,\n2026-08-01,c,chat,0,0\n",
        )
        .expect("good");
        assert_eq!(table.snapshots().collect::<Vec<_>>(), ["2025-02-19", "2026-08-01"]);
        assert_eq!(table.snapshot("2025-02-19").expect("there")["a"], Some([0.15, 0.6]));
        let later = table.snapshot("2026-08-01").expect("there");
        assert_eq!(
            (later["a"], later["b"], later["c"]),
            (Some([2.5, 10.0]), None, Some([0.0, 0.0]))
        );
        assert_eq!(table.snapshot("2024-01-01"), None);
    }

    #[test]
    fn a_broken_table_is_refused_with_row_and_column() {
        let head = "snapshot,model,usd_per_token_in,usd_per_token_out\n";
        let row = "2025-02-19,a,1e-6,2e-6\n";
        for (rows, said) in [
            (format!("{head}{row}{row}"), "row 2, column `model`: `a` stands twice"),
            (format!("{head}{row}2025-02-19,b,-1,0\n"), "row 2, column `usd_per_token_in`"),
            (head.to_owned(), "has no rows"),
            ("model,snapshot\na,b\n".to_owned(), "lacks the columns `usd_per_token_in"),
        ] {
            let error = of_csv(&rows).expect_err("bad").to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
