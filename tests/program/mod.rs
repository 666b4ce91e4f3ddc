//! Runs the program as its user does: in a folder of its own, with stdout and stderr apart.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// Twenty minutes with an outage, two seeds, two variants.
pub(crate) const OUTAGE: &str = include_str!("../data/outage.toml");

/// A folder to work in, removed at the end of its test.
pub(crate) struct Desk {
    folder: TempDir,
}

/// What the program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder for the test") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and the folders above it.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    /// Runs the program in this folder.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        let mut program = Command::new(env!("CARGO_BIN_EXE_reflexarc"));
        said(program.args(arguments).current_dir(self.folder.path()))
    }

    /// Runs the program in this folder; it has to succeed. Returns stdout.
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.code, Some(0), "{arguments:?}: {said:?}");
        said.out
    }
}

/// Runs a command to its end.
pub(crate) fn said(command: &mut Command) -> Said {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
    Said { code: status.code(), out: text(stdout), err: text(stderr) }
}

/// Every file below a folder, by its path within it; a folder without entries is one without bytes.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        let entries: Vec<PathBuf> =
            fs::read_dir(&next).expect("read").map(|e| e.expect("read").path()).collect();
        if entries.is_empty() && next != folder {
            all.insert(within(folder, &next) + "/", Vec::new());
        }
        for path in entries {
            if path.is_dir() {
                waiting.push(path);
            } else {
                all.insert(within(folder, &path), fs::read(&path).expect("read"));
            }
        }
    }
    all
}

fn within(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).expect("it is below").to_string_lossy().into_owned()
}

/// Panics, naming the first difference, unless two folders hold the same files byte for byte.
pub(crate) fn assert_same(one: &BTreeMap<String, Vec<u8>>, other: &BTreeMap<String, Vec<u8>>) {
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(one), names(other));
    for (name, bytes) in one {
        assert!(*bytes == other[name], "{name} differs");
    }
}
