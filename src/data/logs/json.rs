//! JSON values one after the other: lines, an array, or values spread over several lines; never the file as a whole.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::data::DataError;
use crate::data::table::open_text;

/// The longest single value, in bytes.
const LONGEST: usize = 64 << 20;

const MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether a text begins as JSON does.
pub(super) fn looks_like_json(path: &Path) -> Result<bool, DataError> {
    let mut start = Vec::new();
    let text = open_text(path)?;
    text.take(4096).read_to_end(&mut start).map_err(|e| unreadable(path, &e))?;
    let start = start.strip_prefix(MARK).unwrap_or(&start).trim_ascii_start();
    Ok(matches!(start.first(), Some(b'{' | b'[')))
}

fn unreadable(path: &Path, error: &std::io::Error) -> DataError {
    let cure = "it may be cut off: write it again, gzipped if its name ends in .gz";
    DataError::of_file(path, format!("cannot be read: {error}"), cure)
}

/// The objects of a file in order.
pub(super) struct Values {
    path: PathBuf,
    reader: BufReader<Box<dyn Read + Send>>,
    in_array: bool,
    begun: bool,
    row: u64,
    value: Vec<u8>,
}

/// Where a value stands.
pub(super) struct Place<'p> {
    path: &'p Path,
    /// Its number, from 1.
    pub(super) row: u64,
}

impl Values {
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let reader = BufReader::with_capacity(1 << 16, open_text(path)?);
        let path = path.to_owned();
        Ok(Self { path, reader, in_array: false, begun: false, row: 0, value: Vec::new() })
    }

    /// Where the last value stands.
    pub(super) fn place(&self) -> Place<'_> {
        Place { path: &self.path, row: self.row }
    }

    /// The next value; none at the end. After an error, none.
    pub(super) fn next_value<T: DeserializeOwned>(&mut self) -> Result<Option<T>, DataError> {
        match self.find() {
            Ok(false) => Ok(None),
            Ok(true) => serde_json::from_slice(&self.value).map(Some).map_err(|e| self.broken(&e)),
            Err(error) => {
                self.reader = BufReader::new(Box::new(std::io::empty()));
                self.in_array = false;
                Err(error)
            }
        }
    }

    /// Fills `value` with the next object; false at the end.
    fn find(&mut self) -> Result<bool, DataError> {
        self.value.clear();
        if !self.begun {
            self.begun = true;
            let start = self.reader.fill_buf().map_err(|e| unreadable(&self.path, &e))?;
            if start.starts_with(MARK) {
                self.reader.consume(MARK.len());
            }
        }
        let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
        loop {
            let bytes = self.reader.fill_buf().map_err(|e| unreadable(&self.path, &e))?;
            if bytes.is_empty() {
                if depth > 0 || self.in_array {
                    return Err(self.wrong("is cut off: the file ends within it"));
                }
                return Ok(false);
            }
            let mut from = 0;
            for (at, &byte) in bytes.iter().enumerate() {
                if depth == 0 {
                    from = at + 1;
                    match byte {
                        b' ' | b'\t' | b'\r' | b'\n' => {}
                        b',' | b'[' | b']' if self.in_array != (byte == b'[') => {
                            self.in_array = byte != b']';
                        }
                        b'{' => {
                            depth = 1;
                            self.row += 1;
                            from = at;
                        }
                        _ => {
                            self.row += 1;
                            return Err(self.wrong("is no JSON object"));
                        }
                    }
                } else if in_text {
                    in_text = escaped || byte != b'"';
                    escaped = !escaped && byte == b'\\';
                } else {
                    match byte {
                        b'"' => in_text = true,
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => depth -= 1,
                        _ => {}
                    }
                    if depth == 0 {
                        self.value.extend_from_slice(&bytes[from..=at]);
                        self.reader.consume(at + 1);
                        return Ok(true);
                    }
                }
            }
            self.value.extend_from_slice(&bytes[from..]);
            let n = bytes.len();
            self.reader.consume(n);
            if self.value.len() > LONGEST {
                return Err(self.wrong(&format!("is longer than {} MiB", LONGEST >> 20)));
            }
        }
    }

    fn wrong(&self, reason: &str) -> DataError {
        let cure = "write an object a line, or an array of objects";
        let error = DataError::of_file(&self.path, reason, cure);
        DataError { row: Some(self.row.max(1)), ..error }
    }

    fn broken(&self, error: &serde_json::Error) -> DataError {
        let line = self.value.split(|&byte| byte == b'\n').nth(error.line().saturating_sub(1));
        let before = line.map(|line| &line[..error.column().min(line.len())]).unwrap_or_default();
        let said = error.to_string();
        let what = said.split(" at line").next().unwrap_or_default();
        let (column, value) = last_pair(before).unzip();
        let reason = if value.is_some_and(|value| value.starts_with(b"N")) {
            "is NaN, which is no JSON".to_owned()
        } else {
            format!("is no valid JSON: {what} at character {}", error.column())
        };
        let wrong = DataError::of_file(&self.path, reason, "mend or remove the row");
        DataError { row: Some(self.row), column, ..wrong }
    }
}

/// The key whose value a text ends in, and what there is of the value.
fn last_pair(text: &[u8]) -> Option<(String, &[u8])> {
    let colon = text.windows(2).rposition(|two| two == b"\":")?;
    let begin = text[..colon].iter().rposition(|&byte| byte == b'"')?;
    let key = String::from_utf8(text[begin + 1..colon].to_vec()).ok()?;
    Some((key, text[colon + 2..].trim_ascii()))
}

impl<'p> Place<'p> {
    #[cfg(test)]
    pub(super) fn of(path: &'p Path, row: u64) -> Self {
        Self { path, row }
    }

    /// The place `n` rows further.
    pub(super) fn later(self, n: u64) -> Self {
        Self { row: self.row + n, ..self }
    }

    /// Something that is wrong with a field here.
    pub(super) fn error(&self, column: &str, reason: impl Into<String>) -> DataError {
        DataError::of_file(self.path, reason, "mend or remove the row").at(self.row, column)
    }

    fn not(&self, column: &str, found: &Value, expected: &str) -> DataError {
        self.error(column, format!("is {found}, not {expected}"))
    }

    /// A number, written as one or as a text.
    pub(super) fn number(
        &self,
        column: &str,
        value: Option<&Value>,
    ) -> Result<Option<f64>, DataError> {
        let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(None) };
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        let finite = number.filter(|number| number.is_finite());
        finite.map(Some).ok_or_else(|| self.not(column, value, "a number"))
    }

    /// A number of 0 or more.
    pub(super) fn non_negative(
        &self,
        column: &str,
        value: Option<&Value>,
    ) -> Result<Option<f64>, DataError> {
        match self.number(column, value)? {
            Some(number) if number < 0.0 => {
                Err(self.error(column, format!("is {number}, not a number of 0 or more")))
            }
            number => Ok(number),
        }
    }

    /// A whole number of 0 or more.
    pub(super) fn count(
        &self,
        column: &str,
        value: Option<&Value>,
    ) -> Result<Option<u32>, DataError> {
        let Some(number) = self.number(column, value)? else { return Ok(None) };
        if (0.0..=4_294_967_295.0).contains(&number) && number.fract() == 0.0 {
            return Ok(Some(number as u32));
        }
        Err(self.error(column, format!("is {number}, not a whole number of 0 or more")))
    }

    /// A text; a number or truth value as it is written. Empty if it is missing.
    pub(super) fn text(&self, column: &str, value: Option<&Value>) -> Result<String, DataError> {
        match value {
            None | Some(Value::Null) => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(plain @ (Value::Number(_) | Value::Bool(_))) => Ok(plain.to_string()),
            Some(other) => Err(self.not(column, other, "a text")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Vec<(u64, Value)>, DataError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.json");
        std::fs::write(&path, text).expect("written");
        let mut values = Values::open(&path)?;
        let mut all = Vec::new();
        while let Some(value) = values.next_value()? {
            all.push((values.row, value));
        }
        Ok(all)
    }

    #[test]
    fn lines_arrays_and_values_over_several_lines_are_the_same() {
        let one = r#"{"a":"}\"{","b":[{},[]]}"#;
        let two = "{\"a\":\n 1}";
        let wanted = read(format!("{one}\n{two}\n").as_bytes()).expect("lines");
        assert_eq!(wanted.len(), 2);
        assert_eq!(wanted[1], (2, serde_json::json!({"a": 1})));
        for text in [
            format!("\u{feff}{one}\r\n\r\n{two}"),
            format!("[{one},{two}]"),
            format!(" [\n{one} ,\n {two}\n]\n"),
            format!("[{one}]\n[{two}]"),
        ] {
            assert_eq!(read(text.as_bytes()).as_ref(), Ok(&wanted), "{text}");
        }
        // A value longer than the reader's buffer.
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(200_000));
        assert_eq!(read(format!("{long}\n{long}").as_bytes()).expect("long").len(), 2);
    }

    #[test]
    fn what_is_wrong_is_said_with_row_and_column() {
        for (text, said) in [
            ("{\"a\":1}\n{\"a\":", "row 2: is cut off"),
            ("[{\"a\":1},", "row 1: is cut off"),
            ("{\"a\":1}\nx", "row 2: is no JSON object"),
            ("{\"a\":1}]", "row 2: is no JSON object"),
            ("{\"b\":2,\"a\":NaN}", "row 1, column `a`: is NaN"),
            ("{\"a\":1 2}", "row 1, column `a`: is no valid JSON"),
        ] {
            let error = read(text.as_bytes()).expect_err("bad").to_string();
            assert!(error.contains(said), "{text} gave {error}");
        }
    }
}
