//! The door to polars: column slices in, Parquet out, and back. No polars aggregate ever reaches a result.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use polars::error::PolarsError;
use polars::prelude::{
    BatchedWriter, Column, DataFrame, DataType, Field, IntoColumn, NamedFrom, NewChunkedArray,
    ParquetCompression, ParquetReader, ParquetWriter, PlSmallStr, Schema, SerReader, Series,
    StringChunked,
};

use crate::results::ResultsError;
use crate::results::column::{Kind, Table, TableDoc, Values};

fn column(name: &'static str, values: Values<'_>) -> Column {
    let name = PlSmallStr::from_static(name);
    match values {
        Values::Text(v) => StringChunked::from_slice(name, v).into_column(),
        Values::OptText(v) => StringChunked::from_slice_options(name, v).into_column(),
        Values::Names(v) => StringChunked::from_slice(name, &v).into_column(),
        Values::OptNames(v) => StringChunked::from_slice_options(name, &v).into_column(),
        Values::SameU64(v, n) => Series::new(name, vec![v; n]).into_column(),
        Values::U32(v) => Series::new(name, v).into_column(),
        Values::U64(v) => Series::new(name, v).into_column(),
        Values::OptU64(v) => Series::new(name, v).into_column(),
        Values::F64(v) => Series::new(name, v).into_column(),
        Values::OptF64(v) => Series::new(name, v).into_column(),
        Values::Bool(v) => Series::new(name, v).into_column(),
    }
}

fn schema(doc: &TableDoc) -> Schema {
    doc.columns
        .iter()
        .map(|c| {
            let dtype = match c.kind {
                Kind::Text => DataType::String,
                Kind::U32 => DataType::UInt32,
                Kind::U64 => DataType::UInt64,
                Kind::F64 => DataType::Float64,
                Kind::Bool => DataType::Boolean,
            };
            Field::new(PlSmallStr::from_static(c.name), dtype)
        })
        .collect()
}

/// Writes one part of a table, row group by row group, under a temporary name until it is whole.
pub struct PartWriter {
    path: PathBuf,
    partial: PathBuf,
    writer: BatchedWriter<Sink>,
    sink: Sink,
    is_whole: bool,
}

/// The file, shared with polars, which wraps its errors beyond recognition and does not flush it.
#[derive(Clone)]
struct Sink(Arc<Mutex<Open>>);

struct Open {
    file: BufWriter<File>,
    error: Option<std::io::Error>,
}

impl Sink {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn watch<T>(&mut self, result: std::io::Result<T>) -> std::io::Result<T> {
        if let Err(error) = &result {
            self.error = Some(std::io::Error::new(error.kind(), error.to_string()));
        }
        result
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut open = self.open();
        let written = open.file.write(bytes);
        open.watch(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let mut open = self.open();
        let flushed = open.file.flush();
        open.watch(flushed)
    }
}

impl PartWriter {
    /// Opens part `part` of the table `T` below `folder`.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn create<T: Table>(folder: &Path, part: usize) -> Result<Self, ResultsError> {
        let dir = folder.join(T::DOC.name);
        std::fs::create_dir_all(&dir).map_err(|e| ResultsError::write(&dir, &e))?;
        Self::create_file::<T>(&dir.join(format!("part-{part:04}.parquet")))
    }

    /// Opens a file of the table `T` that stands alone.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn create_file<T: Table>(path: &Path) -> Result<Self, ResultsError> {
        let path = path.to_owned();
        let partial = path.with_extension("partial");
        let file = File::create(&partial).map_err(|e| ResultsError::write(&partial, &e))?;
        let open = Open { file: BufWriter::with_capacity(1 << 16, file), error: None };
        let sink = Sink(Arc::new(Mutex::new(open)));
        let writer = ParquetWriter::new(sink.clone())
            .with_compression(ParquetCompression::Zstd(None))
            .set_parallel(false)
            .batched(&schema(&T::DOC))
            .map_err(|e| failure(&path, &sink, &e))?;
        Ok(Self { path, partial, writer, sink, is_whole: false })
    }

    /// Writes the rows of `table` as one row group.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn write<T: Table>(&mut self, table: &T) -> Result<(), ResultsError> {
        if table.is_empty() {
            return Ok(());
        }
        let columns = table.columns().into_iter().map(|(doc, v)| column(doc.name, v)).collect();
        let frame = DataFrame::new(table.len(), columns)
            .expect("a table's columns have equal length and different names");
        self.writer.write_batch(&frame).map_err(|e| failure(&self.path, &self.sink, &e))
    }

    /// Ends the file and gives it its name.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn finish(mut self) -> Result<(), ResultsError> {
        self.writer.finish().map_err(|e| failure(&self.path, &self.sink, &e))?;
        self.sink.flush().map_err(|e| ResultsError::write(&self.path, &e))?;
        std::fs::rename(&self.partial, &self.path)
            .map_err(|e| ResultsError::write(&self.path, &e))?;
        self.is_whole = true;
        Ok(())
    }
}

impl Drop for PartWriter {
    fn drop(&mut self) {
        if !self.is_whole {
            // Nothing half-written stays; one that cannot be removed keeps its temporary name.
            let _ = std::fs::remove_file(&self.partial);
        }
    }
}

fn failure(path: &Path, sink: &Sink, cause: &PolarsError) -> ResultsError {
    let io = sink.open().error.take();
    ResultsError::write(path, &io.unwrap_or_else(|| std::io::Error::other(cause.to_string())))
}

/// A column of text, each different one kept once.
#[derive(Clone, Debug, Default)]
pub struct Coded {
    /// The different texts.
    pub dictionary: Vec<String>,
    /// For every row the position of its text.
    pub codes: Vec<u32>,
}

impl Coded {
    /// The text of a row.
    #[must_use]
    pub fn text(&self, row: usize) -> &str {
        &self.dictionary[self.codes[row] as usize]
    }
}

/// All rows of one table, read back.
pub struct Rows {
    path: PathBuf,
    parts: Vec<DataFrame>,
}

impl Rows {
    /// Reads every part of the table `doc` below `folder`, in order.
    ///
    /// # Errors
    /// If a part is missing or is no Parquet.
    pub fn read(folder: &Path, doc: &TableDoc) -> Result<Self, ResultsError> {
        let all: Vec<&str> = doc.columns.iter().map(|column| column.name).collect();
        Self::read_columns(folder, doc, &all)
    }

    /// Reads some columns of every part, in order.
    ///
    /// # Errors
    /// If a part is missing, is no Parquet or lacks a column.
    pub fn read_columns(
        folder: &Path,
        doc: &TableDoc,
        columns: &[&str],
    ) -> Result<Self, ResultsError> {
        let mut parts = Vec::new();
        for part in Self::by_part(folder, doc, columns)? {
            parts.extend(part?.parts);
        }
        Ok(Self { path: folder.join(doc.name), parts })
    }

    /// As [`Rows::read_columns`], one part after the other, for what need not be in memory at once.
    ///
    /// # Errors
    /// If a part is missing or, on its turn, is no Parquet or lacks a column.
    pub fn by_part(
        folder: &Path,
        doc: &TableDoc,
        columns: &[&str],
    ) -> Result<impl Iterator<Item = Result<Self, ResultsError>>, ResultsError> {
        let path = folder.join(doc.name);
        let mut names: Vec<PathBuf> = std::fs::read_dir(&path)
            .and_then(|dir| dir.map(|entry| entry.map(|e| e.path())).collect())
            .map_err(|e| unreadable(&path, &e.to_string()))?;
        names.retain(|name| name.extension().is_some_and(|e| e == "parquet"));
        names.sort();
        if names.is_empty() {
            return Err(unreadable(&path, "it holds no part"));
        }
        Ok(names.into_iter().map(move |name| {
            let part = read_file(&name, columns)?;
            Ok(Self { path: path.clone(), parts: vec![part] })
        }))
    }

    fn column<T>(
        &self,
        name: &str,
        of: impl Fn(&Column) -> Option<Vec<T>>,
    ) -> Result<Vec<T>, ResultsError> {
        let mut all = Vec::new();
        for part in &self.parts {
            let values = part.column(name).ok().and_then(&of);
            let cause = format!("column `{name}` is missing or of another type");
            all.extend(values.ok_or_else(|| unreadable(&self.path, &cause))?);
        }
        Ok(all)
    }

    /// A column of text; null becomes the empty string.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, ResultsError> {
        self.column(name, |c| {
            let texts = c.str().ok()?;
            Some(texts.iter().map(|t| t.unwrap_or_default().to_owned()).collect())
        })
    }

    /// A column of text as codes; null becomes the empty string.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn coded(&self, name: &str) -> Result<Coded, ResultsError> {
        let mut dictionary: Vec<String> = Vec::new();
        let mut code_of: BTreeMap<String, u32> = BTreeMap::new();
        let mut codes: Vec<u32> = Vec::new();
        for part in &self.parts {
            let cause = format!("column `{name}` is missing or of another type");
            let texts = part.column(name).ok().and_then(|c| c.str().ok());
            for text in texts.ok_or_else(|| unreadable(&self.path, &cause))?.iter() {
                let text = text.unwrap_or_default();
                // Most columns repeat themselves for long.
                if let Some(&last) = codes.last().filter(|last| dictionary[**last as usize] == text)
                {
                    codes.push(last);
                    continue;
                }
                let code = code_of.get(text).copied().unwrap_or_else(|| {
                    let code = dictionary.len() as u32;
                    dictionary.push(text.to_owned());
                    code_of.insert(text.to_owned(), code);
                    code
                });
                codes.push(code);
            }
        }
        Ok(Coded { dictionary, codes })
    }

    /// A column of numbers of any width, as real numbers.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn numbers(&self, name: &str) -> Result<Vec<Option<f64>>, ResultsError> {
        self.column(name, numbers)
    }

    /// A column of whole numbers without nulls.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn wholes(&self, name: &str) -> Result<Vec<u64>, ResultsError> {
        self.column(name, |c| c.u64().ok()?.iter().collect())
    }
}

fn numbers(column: &Column) -> Option<Vec<Option<f64>>> {
    let cast = column.cast(&DataType::Float64).ok()?;
    Some(cast.f64().ok()?.iter().collect())
}

/// Reads some columns of one Parquet file.
fn read_file(path: &Path, columns: &[&str]) -> Result<DataFrame, ResultsError> {
    let file = File::open(path).map_err(|e| unreadable(path, &e.to_string()))?;
    let columns = columns.iter().map(|&name| name.to_owned()).collect();
    ParquetReader::new(file)
        .with_columns(Some(columns))
        .finish()
        .map_err(|e| unreadable(path, &e.to_string()))
}

/// Why a Parquet file from outside cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError(pub String);

impl FileError {
    fn of(cause: &dyn std::fmt::Display) -> Self {
        Self(cause.to_string().lines().next().unwrap_or_default().to_owned())
    }
}

/// Values of one column of a Parquet file, whatever their width.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// Texts; null becomes the empty text.
    Texts(Vec<String>),
    /// Numbers and truth values (1 and 0).
    Numbers(Vec<Option<f64>>),
}

impl Cells {
    /// How many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            Self::Numbers(numbers) => numbers.len(),
        }
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Rows of a Parquet file that are in memory at once.
const BATCH_ROWS: usize = 1 << 18;

/// A Parquet file from outside, read some rows at a time: no row group over [`BATCH_ROWS`] is held whole.
pub struct Batches {
    file: File,
    columns: Vec<String>,
    /// Begin and length of the slices to come, in order.
    slices: std::collections::VecDeque<(usize, usize)>,
}

impl Batches {
    fn reader(path: &Path) -> Result<(File, ParquetReader<File>), FileError> {
        let file = File::open(path).map_err(|e| FileError::of(&e))?;
        let again = file.try_clone().map_err(|e| FileError::of(&e))?;
        Ok((file, ParquetReader::new(again)))
    }

    /// The names of a file's columns.
    ///
    /// # Errors
    /// If it is no Parquet.
    pub fn names(path: &Path) -> Result<Vec<String>, FileError> {
        let (_, mut reader) = Self::reader(path)?;
        let schema = reader.schema().map_err(|e| FileError::of(&e))?;
        Ok(schema.iter_names().map(|name| name.to_string()).collect())
    }

    /// Opens a file for some of its columns, which it must have.
    ///
    /// # Errors
    /// If it is no Parquet.
    pub fn open(path: &Path, columns: Vec<String>) -> Result<Self, FileError> {
        let (file, mut reader) = Self::reader(path)?;
        let about = reader.get_metadata().map_err(|e| FileError::of(&e))?;
        let mut slices = std::collections::VecDeque::new();
        let mut begin = 0;
        for group in &about.row_groups {
            let end = begin + group.num_rows();
            while begin < end {
                let n = BATCH_ROWS.min(end - begin);
                slices.push_back((begin, n));
                begin += n;
            }
        }
        Ok(Self { file, columns, slices })
    }

    /// The next rows: a column each, in the order asked for.
    ///
    /// # Errors
    /// If the file is damaged, or a column is neither text nor number.
    pub fn next_batch(&mut self) -> Result<Option<Vec<Cells>>, FileError> {
        let Some(slice) = self.slices.pop_front() else { return Ok(None) };
        let file = self.file.try_clone().map_err(|e| FileError::of(&e))?;
        let frame = ParquetReader::new(file)
            .with_columns(Some(self.columns.clone()))
            .with_slice(Some(slice))
            .finish()
            .map_err(|e| FileError::of(&e))?;
        let cells = self.columns.iter().map(|name| {
            let column = frame.column(name).map_err(|e| FileError::of(&e))?;
            if let Ok(texts) = column.str() {
                let texts = texts.iter().map(|t| t.unwrap_or_default().to_owned());
                return Ok(Cells::Texts(texts.collect()));
            }
            let kind = column.dtype();
            let plain = kind.is_primitive_numeric() || *kind == DataType::Boolean;
            match numbers(column).filter(|_| plain) {
                Some(numbers) => Ok(Cells::Numbers(numbers)),
                None => Err(FileError(format!("column `{name}` is neither text nor numbers"))),
            }
        });
        cells.collect::<Result<_, _>>().map(Some)
    }
}

fn unreadable(path: &Path, cause: &str) -> ResultsError {
    ResultsError::Read {
        path: path.display().to_string(),
        cause: cause.lines().next().unwrap_or_default().to_owned(),
        cure: "it should be written by `reflexarc run`",
    }
}
