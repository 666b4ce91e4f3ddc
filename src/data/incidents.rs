//! Histories of incidents: when each began and when it was closed, by provider.

use std::collections::BTreeMap;
use std::path::Path;

use super::DataError;
use super::table::{Kind, Table, Wanted};
use crate::analysis::incidents::Incident;
use crate::calendar::seconds_of;

/// Incidents by provider, in order of their starts.
pub type Histories = BTreeMap<String, Vec<Incident>>;

/// Reads a table with the columns `start` and `close` (dates with times; UTC where they name no offset; `close` may be
/// empty) and perhaps `provider`; without it all are of one.
///
/// # Errors
/// If the file cannot be read, a time is none, or an incident is closed before its start.
pub fn read(path: &Path) -> Result<Histories, DataError> {
    let wanted = vec![
        Wanted::new("provider", Kind::Text).optional(),
        Wanted::new("start", Kind::Text),
        Wanted::new("close", Kind::Text).nullable(),
    ];
    let mut table = Table::open(path, wanted)?;
    let mut histories = Histories::new();
    while let Some(batch) = table.next().transpose()? {
        let [provider, start, close] = &batch.columns[..] else {
            unreachable!("as many columns come back as were asked for");
        };
        for row in 0..batch.rows {
            let number = batch.first + row as u64;
            let time = |name: &str, text: &str| {
                seconds_of(text).ok_or_else(|| {
                    let reason =
                        format!("\"{text}\" is no date and time such as 2024-05-01T12:00Z");
                    table.error(number, name, reason)
                })
            };
            let start_s = time("start", start.text(row))?;
            let close_s = match close.text(row) {
                "" => None,
                text => Some(time("close", text)?),
            };
            if close_s.is_some_and(|close_s| close_s < start_s) {
                return Err(table.error(number, "close", "lies before the start"));
            }
            let name = match provider.text(row) {
                "" => "all",
                name => name,
            };
            histories.entry(name.to_owned()).or_default().push(Incident { start_s, close_s });
        }
    }
    if histories.is_empty() {
        return Err(DataError::of_file(path, "has no rows", "name a table with incidents"));
    }
    for history in histories.values_mut() {
        history.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
    }
    Ok(histories)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_csv(text: &str) -> Result<Histories, DataError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("i.csv");
        std::fs::write(&path, text).expect("written");
        read(&path)
    }

    #[test]
    fn times_are_read_in_their_usual_forms_and_put_in_order() {
        let read = of_csv(
            "provider,start,close\na,2024-02-26 17:09:00+00:00,2024-02-26T18:09:00Z\n\
             a,2024-02-26T16:09:00,\nb,2024-02-26T18:09+02:00,2024-02-26 16:10:30\n",
        )
        .expect("good");
        let a = &read["a"];
        assert_eq!((a[1].start_s - a[0].start_s, a[0].close_s), (3600.0, None));
        assert_eq!(a[1].close_s, Some(a[1].start_s + 3600.0));
        assert_eq!(read["b"][0].start_s, a[0].start_s);
        assert_eq!(read["b"][0].close_s, Some(a[0].start_s + 90.0));
        // 2024-02-26T16:09:00Z, from `date -u +%s`.
        assert_eq!(a[0].start_s, 1_708_963_740.0);
        assert_eq!(of_csv("start,close\n2024-01-01,2024-01-02\n").expect("good")["all"].len(), 1);
    }

    #[test]
    fn a_broken_history_is_refused_with_row_and_column() {
        for (rows, said) in [
            ("2024-01-02,2024-01-03\nsoon,\n", "row 2, column `start`: \"soon\" is no date"),
            ("2024-01-02,2024-01-01\n", "row 1, column `close`: lies before the start"),
            (",2024-01-01\n", "row 1, column `start`: has no value"),
            ("", "has no rows"),
        ] {
            let error = of_csv(&format!("start,close\n{rows}")).expect_err("bad").to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
