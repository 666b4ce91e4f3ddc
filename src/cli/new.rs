//! `new`: writes a commented scenario to start from.

use std::path::Path;

use super::{Stop, print};

const TEMPLATE: &str = include_str!("new.toml");

/// Writes the template to `path`, never over a file.
pub(super) fn write(path: &Path) -> Result<(), Stop> {
    let shown = path.display();
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = file.map_err(|error| {
        let cure = match error.kind() {
            std::io::ErrorKind::AlreadyExists => "name a new file",
            std::io::ErrorKind::NotFound => "make its folder first",
            _ => "name a file in a folder you may write to",
        };
        Stop::bad_input(format!("error: cannot write {shown}: {error}; {cure}"))
    })?;
    std::io::Write::write_all(&mut file, TEMPLATE.as_bytes())
        .map_err(|error| Stop::failed(format!("error: cannot write {shown}: {error}")))?;
    print(&format!("{shown}\n"))
}
