//! The files of one part: a table's file is made with its first row, but for the first part, which has every table.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use crate::results::ResultsError;
use crate::results::column::Table;
use crate::results::parquet::PartWriter;
use crate::results::recorder::RowSink;

/// The files of one part.
pub struct PartFiles {
    folder: PathBuf,
    part: usize,
    writers: BTreeMap<&'static str, PartWriter>,
    error: Option<ResultsError>,
}

impl PartFiles {
    /// Part `part` below `folder`.
    #[must_use]
    pub fn new(folder: &Path, part: usize) -> Self {
        Self { folder: folder.to_owned(), part, writers: BTreeMap::new(), error: None }
    }

    /// Ends all files.
    ///
    /// # Errors
    /// The first thing that went wrong since they were opened.
    pub fn finish(self) -> Result<(), ResultsError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        self.writers.into_values().try_for_each(PartWriter::finish)
    }

    /// Whether a write has failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.error.is_some()
    }

    fn write<T: Table>(&mut self, table: &T) -> Result<(), ResultsError> {
        self.writer::<T>()?.write(table)
    }

    /// The table's file, which is made where it is not there yet.
    fn writer<T: Table>(&mut self) -> Result<&mut PartWriter, ResultsError> {
        Ok(match self.writers.entry(T::DOC.name) {
            Entry::Occupied(writer) => writer.into_mut(),
            Entry::Vacant(place) => place.insert(PartWriter::create::<T>(&self.folder, self.part)?),
        })
    }
}

/// The same files without the rows of a run: those of its tables that the first part has are there all the same.
pub struct Muted<'f>(pub &'f mut PartFiles);

impl RowSink for Muted<'_> {
    fn take<T: Table>(&mut self, _: &T) {
        let files = &mut *self.0;
        if files.error.is_none() && files.part == 0 {
            files.error = files.writer::<T>().err();
        }
    }
}

impl RowSink for PartFiles {
    fn take<T: Table>(&mut self, table: &T) {
        if self.error.is_none() && (self.part == 0 || !table.is_empty()) {
            self.error = self.write(table).err();
        }
    }
}
