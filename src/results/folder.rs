//! A folder of results: filled beside its place, put there whole, never half.

use std::fs;
use std::path::{Path, PathBuf};

use crate::results::ResultsError;
use crate::results::manifest::MANIFEST;
use crate::results::schema::TABLES;

/// The folder of charts within a folder of results.
pub const CHARTS: &str = "charts";
/// The folder of written reports.
pub const REPORTS: &str = "reports";
/// The summary's file name.
pub const SUMMARY: &str = "summary.md";
/// The file name of a comparison with an earlier result.
pub const DIFF: &str = "diff.md";

/// A folder being filled; it vanishes unless it is put in place.
pub struct Staging {
    place: PathBuf,
    path: PathBuf,
}

impl Staging {
    /// Makes an empty folder beside `place`.
    ///
    /// # Errors
    /// If `place` holds something that is not a result of this program, or the folder cannot be made.
    pub fn beside(place: &Path) -> Result<Self, ResultsError> {
        if place.exists() && !is_result_or_empty(place) {
            return Err(ResultsError::Write {
                path: place.display().to_string(),
                cause: "it holds files that are not results of reflexarc".to_owned(),
                cure: "choose another folder with --out, or move them away",
            });
        }
        // The current folder, or one given as `..`, cannot give way to another.
        let Some(name) = place.file_name() else {
            return Err(ResultsError::Write {
                path: place.display().to_string(),
                cause: "it has no name".to_owned(),
                cure: "name a folder with --out",
            });
        };
        let name = name.to_string_lossy();
        let parent = match place.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let path = parent.join(format!(".{name}.partial"));
        fs::create_dir_all(&parent).map_err(|e| ResultsError::write(&parent, &e))?;
        if path.exists() {
            // Left behind by a run that was killed; nothing in it was ever whole.
            fs::remove_dir_all(&path).map_err(|e| ResultsError::write(&path, &e))?;
        }
        fs::create_dir(&path).map_err(|e| ResultsError::write(&path, &e))?;
        Ok(Self { place: place.to_owned(), path })
    }

    /// The folder to fill.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts the folder in its place; an earlier result there gives way.
    ///
    /// # Errors
    /// If it cannot be moved; an earlier result then stays.
    pub fn put_in_place(self) -> Result<PathBuf, ResultsError> {
        let old = self.path.with_extension("old");
        let had_old = self.place.exists();
        if had_old {
            // Left behind by a run that was killed here; its successor is in place.
            if old.exists() {
                fs::remove_dir_all(&old).map_err(|e| ResultsError::write(&old, &e))?;
            }
            fs::rename(&self.place, &old).map_err(|e| ResultsError::write(&self.place, &e))?;
        }
        if let Err(error) = fs::rename(&self.path, &self.place) {
            if had_old {
                let _ = fs::rename(&old, &self.place);
            }
            return Err(ResultsError::write(&self.place, &error));
        }
        if old.exists() {
            fs::remove_dir_all(&old).map_err(|e| ResultsError::write(&old, &e))?;
        }
        Ok(self.place.clone())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // After `put_in_place` there is nothing left to remove.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Whether nothing but a result would be lost with the folder.
fn is_result_or_empty(place: &Path) -> bool {
    let names = fs::read_dir(place).and_then(|entries| {
        entries.map(|e| e.map(|e| e.file_name())).collect::<Result<Vec<_>, _>>()
    });
    let Ok(names) = names else { return false };
    let ours: Vec<&str> = [MANIFEST, CHARTS, REPORTS, SUMMARY, DIFF]
        .into_iter()
        .chain(TABLES.iter().map(|t| t.name))
        .collect();
    let is_result = || {
        names.iter().all(|name| ours.iter().any(|our| name == our))
            && fs::read_to_string(place.join(MANIFEST))
                .is_ok_and(|text| text.contains("\"reflexarc_version\""))
    };
    names.is_empty() || is_result()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("study");
        let staging = Staging::beside(&place).expect("made");
        fs::write(staging.path().join(MANIFEST), "{}").expect("written");
        drop(staging);
        assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 0);
        for round in ["1", "2"] {
            let staging = Staging::beside(&place).expect("made");
            let text = format!("{{ \"reflexarc_version\": \"{round}\" }}");
            fs::write(staging.path().join(MANIFEST), &text).expect("written");
            staging.put_in_place().expect("moved");
            assert_eq!(fs::read_to_string(place.join(MANIFEST)).expect("read"), text);
            assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 1);
        }
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("thesis.txt"), "years of work").expect("written");
        assert!(Staging::beside(folder.path()).is_err());
        let file = folder.path().join("thesis.txt");
        assert!(Staging::beside(&file).is_err());
        assert!(Staging::beside(&file.join("below")).is_err());
    }
}
