//! Which files a scenario may name: those in its own folder, unless the user allows others.

use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::problem::{Refusal, quoted};

/// No scenario, registry or trace description comes near this size; a larger file is a mistake.
const LARGEST: u64 = 64 * 1024 * 1024;

/// The folder of a scenario file, which the paths written in it may not leave.
#[derive(Clone, Debug)]
pub struct Folder {
    /// The folder of the scenario, without symbolic links.
    limit: PathBuf,
    /// The folder against which paths are read, as the user wrote it.
    here: PathBuf,
    allow_outside: bool,
    /// Texts that were kept of files, by the files' names without folders; they stand for the files.
    kept: Arc<Vec<(String, String)>>,
}

impl Folder {
    /// The folder that holds the scenario file. With `allow_outside`, paths may lead anywhere.
    ///
    /// # Errors
    ///
    /// If the folder does not exist.
    pub fn of(scenario: &Path, allow_outside: bool) -> Result<Self, Refusal> {
        let here = parent(scenario);
        let limit = real(&here).map_err(|error| {
            let reason = format!("cannot open the folder {}: {error}", here.display());
            Refusal::new(reason, "check the path")
        })?;
        Ok(Self { limit, here, allow_outside, kept: Arc::default() })
    }

    /// The same with texts that were kept of files in the place of the files.
    #[must_use]
    pub fn with_kept(self, texts: &[(String, String)]) -> Self {
        Self { kept: Arc::new(texts.to_vec()), ..self }
    }

    /// Reads a text file, or what was kept of it.
    ///
    /// # Errors
    /// As [`read_text`]; also if texts of several files of its name were kept.
    pub fn read(&self, path: &Path) -> Result<String, Refusal> {
        let name = path.file_name().map(|name| name.to_string_lossy());
        let mut own = self.kept.iter().filter(|(kept, _)| name.as_deref() == Some(kept));
        match (own.next(), own.next()) {
            (None, _) => read_text(path),
            (Some((_, text)), None) => Ok(text.clone()),
            (Some((_, text)), Some((_, other))) if text == other => Ok(text.clone()),
            _ => {
                let shown = path.display();
                let reason = format!("texts of several files named as {shown} were kept");
                Err(Refusal::new(reason, "run the scenario again with files of different names"))
            }
        }
    }

    fn keeps(&self, path: &Path) -> bool {
        let name = path.file_name().map(|name| name.to_string_lossy());
        self.kept.iter().any(|(kept, _)| name.as_deref() == Some(kept))
    }

    /// The same limits for the paths written in another file, such as a base in a folder below.
    pub fn beside(&self, file: &Path) -> Self {
        Self { here: parent(file), ..self.clone() }
    }

    /// The file that a written path names, in the form in which messages show it.
    ///
    /// # Errors
    ///
    /// If there is no such file, or if it is outside of the scenario's folder and that is not allowed.
    pub fn resolve(&self, written: &str) -> Result<PathBuf, Refusal> {
        let path = self.here.join(written);
        if self.keeps(&path) {
            return Ok(path);
        }
        let outside = || {
            Refusal::new(
                format!("{} is outside of the scenario's folder", quoted(written)),
                "move the file into the folder, or allow files outside of it",
            )
        };
        let real = match real(&path) {
            Ok(real) => real,
            Err(_) if !self.allow_outside && self.would_leave(written) => return Err(outside()),
            Err(error) => return Err(unreadable(&path, &error)),
        };
        if !self.allow_outside && !real.starts_with(&self.limit) {
            return Err(outside());
        }
        if !real.is_file() {
            let reason = format!("{} is not a file", path.display());
            return Err(Refusal::new(reason, "name a file"));
        }
        Ok(path)
    }

    /// Whether a path that does not exist would be outside.
    fn would_leave(&self, written: &str) -> bool {
        let Ok(mut path) = real(&self.here) else {
            return true;
        };
        for part in Path::new(written).components() {
            match part {
                Component::Normal(name) => path.push(name),
                Component::ParentDir => {
                    path.pop();
                }
                Component::CurDir => {}
                Component::RootDir | Component::Prefix(_) => return true,
            }
        }
        !path.starts_with(&self.limit)
    }
}

/// Reads a text file.
///
/// # Errors
///
/// If it cannot be read, is no file, or is not text in UTF-8.
pub fn read_text(path: &Path) -> Result<String, Refusal> {
    let about = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if !about.is_file() {
        let reason = format!("{} is not a file", path.display());
        return Err(Refusal::new(reason, "name a file"));
    }
    if about.len() > LARGEST {
        let reason = format!("{} has {} bytes", path.display(), about.len());
        return Err(Refusal::new(reason, format!("keep it under {LARGEST} bytes")));
    }
    let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let reason = format!("{} is not text in UTF-8 (byte {at})", path.display());
        Refusal::new(reason, "save it as UTF-8")
    })
}

fn unreadable(path: &Path, error: &std::io::Error) -> Refusal {
    let shown = path.display();
    match error.kind() {
        ErrorKind::NotFound => Refusal::new(format!("there is no file {shown}"), "check the path"),
        ErrorKind::PermissionDenied => {
            let cure = "give yourself the right to read it";
            Refusal::new(format!("{shown} may not be read"), cure)
        }
        _ => Refusal::new(format!("cannot read {shown}: {error}"), "check the path"),
    }
}

/// The path without symbolic links; the empty path is the current folder.
fn real(path: &Path) -> std::io::Result<PathBuf> {
    let empty = path == Path::new("");
    fs::canonicalize(if empty { Path::new(".") } else { path })
}

fn parent(file: &Path) -> PathBuf {
    file.parent().map(Path::to_owned).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_folder() {
        let root = std::env::temp_dir().join(format!("reflexarc-folder-{}", std::process::id()));
        fs::create_dir_all(root.join("in/sub")).unwrap();
        fs::write(root.join("in/a.toml"), "").unwrap();
        fs::write(root.join("out.toml"), "").unwrap();
        let scenario = root.join("in/x.toml");
        let folder = Folder::of(&scenario, false).unwrap();
        assert_eq!(folder.resolve("a.toml").unwrap(), root.join("in/a.toml"));
        assert_eq!(
            folder.resolve("../out.toml").unwrap_err().reason,
            "\"../out.toml\" is outside of the scenario's folder"
        );
        assert!(folder.resolve("../no.toml").unwrap_err().reason.contains("outside"));
        assert!(folder.resolve("/no/such").unwrap_err().reason.contains("outside"));
        assert!(folder.resolve("no.toml").unwrap_err().reason.contains("there is no file"));
        assert!(folder.resolve("sub").unwrap_err().reason.contains("is not a file"));
        let below = folder.beside(&root.join("in/sub/b.toml"));
        assert!(below.resolve("../a.toml").is_ok());
        assert!(below.resolve("../no.toml").unwrap_err().reason.contains("there is no file"));
        #[cfg(unix)]
        {
            let link = root.join("in/link.toml");
            std::os::unix::fs::symlink(root.join("out.toml"), &link).unwrap();
            assert!(folder.resolve("link.toml").unwrap_err().reason.contains("outside"));
        }
        let open = Folder::of(&scenario, true).unwrap();
        assert!(open.resolve("../out.toml").is_ok());
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn unreadable_files_are_explained() {
        let root = std::env::temp_dir().join(format!("reflexarc-text-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        let file = root.join("latin.toml");
        fs::write(&file, b"a = \"\xe9\"").unwrap();
        assert!(read_text(&file).unwrap_err().reason.contains("not text in UTF-8 (byte 5)"));
        assert!(read_text(&root).unwrap_err().reason.contains("is not a file"));
        assert!(read_text(&root.join("no")).unwrap_err().reason.contains("there is no file"));
        fs::remove_dir_all(root).unwrap();
    }
}
