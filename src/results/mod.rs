//! What a run leaves: tables of documented columns as Parquet, and a manifest.

pub mod column;
pub mod folder;
pub mod manifest;
pub mod parquet;
pub mod part_files;
pub mod recorder;
pub mod schema;

/// Version of the tables' schema, in the manifest of every result.
pub const SCHEMA_VERSION: u32 = 5;

/// What stands in the way of writing or reading results.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// A file or folder could not be written.
    #[error("cannot write {path}: {cause}; {cure}")]
    Write {
        /// Which one.
        path: String,
        /// Why.
        cause: String,
        /// What to do.
        cure: &'static str,
    },
    /// A file or folder could not be read.
    #[error("cannot read {path}: {cause}; {cure}")]
    Read {
        /// Which one.
        path: String,
        /// Why.
        cause: String,
        /// What to do.
        cure: &'static str,
    },
}

impl ResultsError {
    /// A failed write, with the cure that fits its cause.
    #[must_use]
    pub fn write(path: &std::path::Path, cause: &std::io::Error) -> Self {
        let cure = match cause.kind() {
            std::io::ErrorKind::StorageFull
            | std::io::ErrorKind::QuotaExceeded
            | std::io::ErrorKind::FileTooLarge => {
                "free some space or choose another disk with --out"
            }
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                "choose a folder you may write to with --out"
            }
            std::io::ErrorKind::NotADirectory | std::io::ErrorKind::AlreadyExists => {
                "a file stands where the folder should be: choose another with --out"
            }
            _ => "choose another folder with --out",
        };
        Self::Write { path: path.display().to_string(), cause: cause.to_string(), cure }
    }
}
