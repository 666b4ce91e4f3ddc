//! Cells out of scenario texts.

use reflexarc::engine::Cell;
use reflexarc::scenario;

/// The first block with the first variant of a scenario, which must be without mistakes.
pub(crate) fn cell_of(text: &str) -> Cell {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.toml");
    std::fs::write(&path, text).expect("written");
    let resolved = scenario::read(&path, false).unwrap_or_else(|report| panic!("{report}"));
    resolved.cell(&resolved.blocks[0], &resolved.variants[0].stack)
}
