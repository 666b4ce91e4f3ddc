//! What users of gateways report: each study shows the failure and its cure on its own seeds.

#[expect(dead_code, reason = "a test of the program needs but some of this")]
mod program;

use std::fs;
use std::path::Path;

use program::Desk;

#[test]
fn every_report_is_reproduced_and_mended() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/pains");
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("read").path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 10, "{paths:?}");
    let desk = Desk::new();
    for path in paths {
        let text = fs::read_to_string(&path).expect("read");
        let name = path.display().to_string();
        // The first line names the report, and a study without an expectation shows nothing.
        assert!(text.starts_with("# ") && text.contains('#'), "{name}");
        assert!(text.matches("[[expect]]").count() >= 2, "{name}");
        let out = desk.path("o").display().to_string();
        desk.done(&["run", &name, "--quiet", "--strict", "--out", &out]);
    }
}
