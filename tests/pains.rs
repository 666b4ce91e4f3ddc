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

#[test]
fn storms_black_holes_and_gateways_show_what_they_promise() {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let desk = Desk::new();
    // Of the large studies some of their seeds.
    for (name, seeds) in [
        ("black-hole", None),
        ("cascade-five-of-ten", None),
        ("flapping-provider", None),
        ("retry-storm", None),
        ("thundering-recovery", None),
        ("gateways-bad-day", Some("1..10")),
        ("token-exhaustion-gateways", Some("1..20")),
    ] {
        let path = scenarios.join(format!("{name}.toml")).display().to_string();
        let out = desk.path("o").display().to_string();
        let mut words = vec!["run", &path, "--quiet", "--strict", "--out", &out];
        words.extend(seeds.into_iter().flat_map(|seeds| ["--seeds", seeds]));
        desk.done(&words);
    }
}
