//! A table of CSV or Parquet in batches of rows: typed columns by name, each value checked as it is read.
//!
//! CSV may be gzipped (`.gz`), begin with a byte order mark, have either line end and its columns in any order.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::DataError;
use crate::results::parquet::{Batches, Cells, FileError};

/// Rows of a batch that is read from CSV.
const CSV_BATCH: usize = 65_536;

/// What a column must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text; an empty field is null.
    Text,
    /// A finite number.
    Number,
    /// A finite number of 0 or more.
    NonNegative,
    /// A number from 0 to 1.
    Share,
    /// A whole number from 0 to 4294967295.
    Count,
}

impl Kind {
    /// What is expected, for messages.
    fn expects(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Number => "a number",
            Self::NonNegative => "a number of 0 or more",
            Self::Share => "a number from 0 to 1",
            Self::Count => "a whole number of 0 or more",
        }
    }
}

/// A column that is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// What it must hold.
    pub kind: Kind,
    /// The table may lack it.
    pub optional: bool,
    /// Single values may be missing.
    pub nullable: bool,
}

impl Wanted {
    /// A column that must be there, with a value in every row.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind, optional: false, nullable: false }
    }

    /// The same, of which single values may be missing.
    #[must_use]
    pub fn nullable(self) -> Self {
        Self { nullable: true, ..self }
    }

    /// The same, which the table may lack; single values may then be missing too.
    #[must_use]
    pub fn optional(self) -> Self {
        Self { optional: true, nullable: true, ..self }
    }
}

/// Values of one column of a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// The table lacks it.
    Absent,
    /// Texts; null is the empty text.
    Texts(Vec<String>),
    /// Numbers; null is NaN, and nothing else is.
    Numbers(Vec<f64>),
}

impl Column {
    /// A row's text, empty where it is missing.
    #[must_use]
    pub fn text(&self, row: usize) -> &str {
        match self {
            Self::Texts(texts) => &texts[row],
            _ => "",
        }
    }

    /// A row's number, if it has one.
    #[must_use]
    pub fn number(&self, row: usize) -> Option<f64> {
        match self {
            Self::Numbers(numbers) => Some(numbers[row]).filter(|value| !value.is_nan()),
            _ => None,
        }
    }
}

/// Some consecutive rows of a table, the wanted columns in the order in which they were wanted.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Number of its first row, from 1.
    pub first: u64,
    /// How many rows it has.
    pub rows: usize,
    /// The columns.
    pub columns: Vec<Column>,
}

/// A table that is read batch by batch.
pub struct Table {
    path: PathBuf,
    wanted: Vec<Wanted>,
    source: Source,
    next: u64,
    failed: bool,
}

enum Source {
    Csv { reader: csv::Reader<Box<dyn Read + Send>>, places: Vec<Option<usize>> },
    Parquet { batches: Batches, present: Vec<bool> },
}

/// Whether a path is that of a Parquet file.
#[must_use]
pub fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("parquet"))
}

/// Opens a text file, unpacking it if its name ends in `.gz`.
///
/// # Errors
/// If it cannot be opened or is empty.
pub fn open_text(path: &Path) -> Result<Box<dyn Read + Send>, DataError> {
    let cannot = |error: &std::io::Error| {
        DataError::of_file(path, format!("cannot be read: {error}"), "name a file that is there")
    };
    let file = File::open(path).map_err(|e| cannot(&e))?;
    let about = file.metadata().map_err(|e| cannot(&e))?;
    if about.is_dir() {
        return Err(DataError::of_file(path, "is a folder", "name a file"));
    }
    if about.len() == 0 {
        return Err(DataError::of_file(path, "is empty", "name a file with at least one row"));
    }
    let packed = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz"));
    let buffered = BufReader::with_capacity(1 << 16, file);
    Ok(if packed { Box::new(MultiGzDecoder::new(buffered)) } else { Box::new(buffered) })
}

/// The names of a table's columns.
///
/// # Errors
/// If the file cannot be read.
pub fn column_names(path: &Path) -> Result<Vec<String>, DataError> {
    if is_parquet(path) {
        return Batches::names(path).map_err(|e| of_parquet(path, e));
    }
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(open_text(path)?);
    header(path, &mut reader)
}

fn header(
    path: &Path,
    reader: &mut csv::Reader<Box<dyn Read + Send>>,
) -> Result<Vec<String>, DataError> {
    let header = reader.headers().map_err(|e| of_csv(path, &e))?;
    // A byte order mark sticks to the first name.
    Ok(header
        .iter()
        .map(|name| name.trim_start_matches('\u{feff}').trim_matches('"').to_owned())
        .collect())
}

fn of_csv(path: &Path, error: &csv::Error) -> DataError {
    let row = error.position().map(csv::Position::record);
    let reason = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("has {len} fields where the header has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "is not UTF-8 text".to_owned(),
        csv::ErrorKind::Io(error) => format!("cannot be read: {error}"),
        other => format!("cannot be read: {other:?}"),
    };
    let cure = "write it as CSV in UTF-8 with one header line, gzipped if its name ends in .gz";
    DataError { row: row.filter(|row| *row > 0), ..DataError::of_file(path, reason, cure) }
}

fn of_parquet(path: &Path, error: FileError) -> DataError {
    let cure = match path.is_file() {
        true => "it may be cut off or no Parquet: write it again",
        false => "name a file that is there",
    };
    DataError::of_file(path, format!("cannot be read: {}", error.0), cure)
}

impl Table {
    /// Opens a table and finds the wanted columns in it.
    ///
    /// # Errors
    /// If the file cannot be read or lacks a column that is not optional.
    pub fn open(path: &Path, wanted: Vec<Wanted>) -> Result<Self, DataError> {
        let names;
        let mut source;
        if is_parquet(path) {
            names = column_names(path)?;
            let has = |wanted: &Wanted| names.contains(&wanted.name);
            let present: Vec<bool> = wanted.iter().map(has).collect();
            let columns = wanted.iter().filter(|w| has(w)).map(|w| w.name.clone()).collect();
            let batches = Batches::open(path, columns).map_err(|e| of_parquet(path, e))?;
            source = Source::Parquet { batches, present };
        } else {
            let mut reader =
                csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(open_text(path)?);
            names = header(path, &mut reader)?;
            source = Source::Csv { reader, places: Vec::new() };
        }
        let missing: Vec<&str> = wanted
            .iter()
            .filter(|w| !w.optional && !names.contains(&w.name))
            .map(|w| w.name.as_str())
            .collect();
        if !missing.is_empty() {
            let what = if missing.len() == 1 { "the column" } else { "the columns" };
            let reason = format!("lacks {what} `{}`", missing.join("`, `"));
            let cure = format!("it has `{}`: rename or add what is missing", names.join("`, `"));
            return Err(DataError::of_file(path, reason, cure));
        }
        if let Source::Csv { places, .. } = &mut source {
            let place = |w: &Wanted| names.iter().position(|name| *name == w.name);
            *places = wanted.iter().map(place).collect();
        }
        Ok(Self { path: path.to_owned(), wanted, source, next: 1, failed: false })
    }

    /// Something that is wrong at a row and column of this table.
    #[must_use]
    pub fn error(&self, row: u64, column: &str, reason: impl Into<String>) -> DataError {
        DataError::of_file(&self.path, reason, "mend or remove the row").at(row, column)
    }

    fn read(&mut self) -> Result<Option<Batch>, DataError> {
        let (path, wanted) = (&self.path, &self.wanted);
        let first = self.next;
        let columns = match &mut self.source {
            Source::Csv { reader, places } => {
                let mut columns: Vec<Column> = wanted
                    .iter()
                    .zip(places.iter())
                    .map(|(w, place)| match (place, w.kind) {
                        (None, _) => Column::Absent,
                        (_, Kind::Text) => Column::Texts(Vec::new()),
                        _ => Column::Numbers(Vec::new()),
                    })
                    .collect();
                let mut record = csv::StringRecord::new();
                let mut n = 0;
                while n < CSV_BATCH
                    && reader.read_record(&mut record).map_err(|e| of_csv(path, &e))?
                {
                    let row = first + n as u64;
                    for ((column, place), w) in columns.iter_mut().zip(places.iter()).zip(wanted) {
                        let field = place.and_then(|place| record.get(place)).unwrap_or_default();
                        match column {
                            Column::Absent => {}
                            Column::Texts(texts) => texts.push(field.to_owned()),
                            Column::Numbers(numbers) => {
                                numbers.push(
                                    parsed(field).map_err(|()| {
                                        wrong(path, w, row, &format!("\"{field}\""))
                                    })?,
                                );
                            }
                        }
                    }
                    n += 1;
                }
                if n == 0 {
                    return Ok(None);
                }
                self.next += n as u64;
                columns
            }
            Source::Parquet { batches, present } => {
                let Some(cells) = batches.next_batch().map_err(|e| of_parquet(path, e))? else {
                    return Ok(None);
                };
                let n = cells.first().map_or(0, Cells::len);
                let mut cells = cells.into_iter();
                let mut columns = Vec::new();
                for (w, present) in wanted.iter().zip(present.iter()) {
                    let column = present.then(|| cells.next()).flatten();
                    columns.push(match (column, w.kind) {
                        (None, _) => Column::Absent,
                        (Some(Cells::Texts(texts)), Kind::Text) => Column::Texts(texts),
                        (Some(Cells::Numbers(numbers)), Kind::Text) => Column::Texts(
                            numbers
                                .into_iter()
                                .map(|v| v.map(|v| v.to_string()).unwrap_or_default())
                                .collect(),
                        ),
                        (Some(Cells::Numbers(numbers)), _) => {
                            let mut plain = Vec::with_capacity(numbers.len());
                            for (at, value) in numbers.into_iter().enumerate() {
                                if value.is_some_and(f64::is_nan) {
                                    return Err(wrong(path, w, first + at as u64, "NaN"));
                                }
                                plain.push(value.unwrap_or(f64::NAN));
                            }
                            Column::Numbers(plain)
                        }
                        (Some(Cells::Texts(texts)), _) => {
                            let found = texts.first().map(String::as_str).unwrap_or_default();
                            return Err(wrong(path, w, first, &format!("the text \"{found}\"")));
                        }
                    });
                }
                self.next += n as u64;
                columns
            }
        };
        let rows = (self.next - first) as usize;
        for (column, w) in columns.iter().zip(wanted) {
            check(path, column, w, first)?;
        }
        Ok(Some(Batch { first, rows, columns }))
    }
}

impl Iterator for Table {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let batch = self.read().transpose();
        self.failed = matches!(batch, Some(Err(_)));
        batch
    }
}

/// A field of a CSV as a number; empty and the usual words for null are NaN, a written NaN is none.
fn parsed(field: &str) -> Result<f64, ()> {
    match field {
        "" | "null" | "NULL" | "None" => Ok(f64::NAN),
        "true" | "True" => Ok(1.0),
        "false" | "False" => Ok(0.0),
        _ => field.parse::<f64>().ok().filter(|value| !value.is_nan()).ok_or(()),
    }
}

fn wrong(path: &Path, wanted: &Wanted, row: u64, found: &str) -> DataError {
    let reason = format!("is {found}, not {}", wanted.kind.expects());
    DataError::of_file(path, reason, "mend or remove the row").at(row, &wanted.name)
}

fn check(path: &Path, column: &Column, wanted: &Wanted, first: u64) -> Result<(), DataError> {
    let missing = |row: usize| {
        let error = DataError::of_file(path, "has no value", "fill it in, or remove the row");
        error.at(first + row as u64, &wanted.name)
    };
    match column {
        Column::Absent => {}
        Column::Texts(texts) => {
            if let Some(row) = texts.iter().position(|text| !wanted.nullable && text.is_empty()) {
                return Err(missing(row));
            }
        }
        Column::Numbers(numbers) => {
            for (row, &value) in numbers.iter().enumerate() {
                if value.is_nan() {
                    if wanted.nullable {
                        continue;
                    }
                    return Err(missing(row));
                }
                let possible = match wanted.kind {
                    Kind::Text | Kind::Number => value.is_finite(),
                    Kind::NonNegative => value.is_finite() && value >= 0.0,
                    Kind::Share => (0.0..=1.0).contains(&value),
                    Kind::Count => (0.0..=4_294_967_295.0).contains(&value) && value.fract() == 0.0,
                };
                if !possible {
                    return Err(wrong(path, wanted, first + row as u64, &value.to_string()));
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], wanted: Vec<Wanted>) -> Result<Vec<Batch>, DataError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).expect("written");
        Table::open(&path, wanted)?.collect()
    }

    fn both() -> Vec<Wanted> {
        vec![Wanted::new("n", Kind::Count), Wanted::new("name", Kind::Text).optional()]
    }

    #[test]
    fn a_mark_either_line_end_any_order_and_missing_optional_columns_are_read() {
        let read_one = |text: &str| read(text.as_bytes(), both()).expect("good").remove(0);
        let batch = read_one("\u{feff}name,x,n\r\na,1,3\r\n,2,4\r\n");
        assert_eq!((batch.first, batch.rows), (1, 2));
        assert_eq!((batch.columns[0].number(1), batch.columns[1].text(0)), (Some(4.0), "a"));
        assert_eq!(read_one("n\n7\n").columns[1], Column::Absent);
    }

    #[test]
    fn gzipped_text_is_unpacked() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.csv.gz");
        let file = File::create(&path).expect("made");
        let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::default());
        std::io::Write::write_all(&mut packed, b"n\n7\n").expect("written");
        packed.finish().expect("ended");
        let batches: Vec<Batch> =
            Table::open(&path, both()).expect("opened").collect::<Result<_, _>>().expect("good");
        assert_eq!(batches[0].columns[0].number(0), Some(7.0));
    }

    #[test]
    fn what_is_wrong_is_said_with_row_and_column() {
        for (text, said) in [
            ("n\n1\nx\n", "row 2, column `n`: is \"x\", not a whole number of 0 or more"),
            ("n\n1\n-2\n", "row 2, column `n`: is -2, not a whole number"),
            ("n\n1.5\n", "row 1, column `n`: is 1.5, not a whole number"),
            ("n\nNaN\n", "row 1, column `n`: is \"NaN\", not a whole number"),
            ("n,m\n1,\n,2\n", "row 2, column `n`: has no value"),
            ("n,m\n1\n", "row 1: has 1 fields where the header has 2"),
            ("m\n1\n", "lacks the column `n`; it has `m`"),
            ("", "is empty"),
        ] {
            let error = read(text.as_bytes(), both()).expect_err("bad").to_string();
            assert!(error.contains(said), "{text:?} gave {error}");
        }
        assert!(read(b"n\n\xff\n", both()).expect_err("bad").to_string().contains("UTF-8"));
    }
}
