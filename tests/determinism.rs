//! The same scenario gives the same bytes, and what is added to it leaves the rest as it was.

mod program;

use std::fs;
use std::path::Path;

use program::{Desk, OUTAGE, assert_same, files, said};
use reflexarc::results::column::{Kind, TableDoc};
use reflexarc::results::manifest::{MANIFEST, Manifest};
use reflexarc::results::parquet::Rows;
use reflexarc::results::schema::TABLES;

const SMOKE: &str = include_str!("../scenarios/smoke-5.toml");

/// Runs a scenario in a folder of its own.
fn results(name: &str, text: &str, flags: &[&str]) -> Desk {
    let desk = Desk::new();
    let file = format!("{name}.toml");
    desk.write(&file, text);
    desk.done(&[&["run", &file, "--quiet", "--out", "o"], flags].concat());
    desk
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    let one = results("outage", OUTAGE, &["--threads", "1", "--seeds", "1..5"]);
    let one = files(&one.path("o"));
    for threads in ["2", "4", "13"] {
        let other = results("outage", OUTAGE, &["--threads", threads, "--seeds", "1..5"]);
        assert_same(&one, &files(&other.path("o")));
    }
}

#[test]
fn bytes_do_not_depend_on_place_time_or_surroundings() {
    let here = results("outage", OUTAGE, &[]);
    let there = Desk::new();
    there.write("deep/down/outage.toml", OUTAGE);
    fs::create_dir(there.path("work")).expect("made");
    // Timestamps of whole seconds would differ from here on.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_reflexarc"));
    let other = said(
        program
            .args(["run", "../deep/down/outage.toml", "--out", "../other/place"])
            .current_dir(there.path("work"))
            .env("TZ", "America/New_York")
            .env("LC_ALL", "de_DE.UTF-8")
            .env("RAYON_NUM_THREADS", "3"),
    );
    assert_eq!((other.code, other.err.lines().count()), (Some(0), 1), "{other:?}");
    assert_same(&files(&here.path("o")), &files(&there.path("other/place")));
}

/// All rows of a table as text, every bit of them, with the values of `variant` and `seed` in front.
fn rows(folder: &Path, doc: &TableDoc) -> Vec<(String, u64, String)> {
    let table = Rows::read(folder, doc).expect("the table is there");
    let columns: Vec<Vec<String>> = doc
        .columns
        .iter()
        .map(|column| match column.kind {
            Kind::Text => table.texts(column.name).expect("text"),
            _ => {
                let numbers = table.numbers(column.name).expect("numbers");
                numbers.iter().map(|n| format!("{:?}", n.map(f64::to_bits))).collect()
            }
        })
        .collect();
    let variants = table.texts("variant").expect("text");
    let seeds = table.numbers("seed").expect("numbers");
    let all = variants.into_iter().zip(seeds).enumerate().map(|(at, (variant, seed))| {
        let row: Vec<&str> = columns.iter().map(|column| column[at].as_str()).collect();
        (variant, seed.expect("a seed") as u64, row.join(" "))
    });
    all.collect()
}

/// The rows of `before` are those of `after` that `are_old`, in the same order.
fn assert_kept(before: &Desk, after: &Desk, are_old: impl Fn(&str, u64) -> bool) {
    // The other two are no tables of single runs.
    for doc in TABLES.iter().filter(|doc| doc.name != "summary" && doc.name != "faults") {
        let old = rows(&before.path("o"), doc);
        let all = rows(&after.path("o"), doc);
        let n_all = all.len();
        let kept: Vec<_> = all.into_iter().filter(|(v, seed, _)| are_old(v, *seed)).collect();
        // What a small study has nothing of, or was not asked for, shows nothing.
        let may_lack = [
            "breaker",
            "choices",
            "work_log",
            "allocations",
            "budgets",
            "weights",
            "policies",
            "controls",
            "tuning",
            "choices",
        ];
        if !may_lack.contains(&doc.name) {
            assert!(!old.is_empty(), "{} is empty and shows nothing", doc.name);
            assert!(n_all > kept.len(), "{}: nothing was added", doc.name);
        }
        assert_eq!(old.len(), kept.len(), "{}", doc.name);
        for (at, (one, other)) in old.iter().zip(&kept).enumerate() {
            assert_eq!(one, other, "{}, row {at}", doc.name);
        }
    }
}

#[test]
fn a_further_variant_changes_no_row_of_the_others() {
    let first = "[[variants]]\nname = \"stage4\"";
    let added = "[[variants]]\nname = \"added\"\nstack.order.learner.thompson_beta = {}\nstack.fallback.ranked = { max_fallbacks = 4 }\n";
    let before = results("outage", OUTAGE, &[]);
    // In front of the others, so that every number that is counted by variant moves.
    let text = OUTAGE.replace(first, &format!("{added}\n{first}"));
    let after = results("outage", &text, &[]);
    assert_kept(&before, &after, |variant, _| variant != "added");
}

#[test]
fn a_further_seed_changes_no_row_of_the_others() {
    let before = results("outage", OUTAGE, &[]);
    let after = results("outage", OUTAGE, &["--seeds", "0..3"]);
    assert_kept(&before, &after, |_, seed| seed == 1 || seed == 2);
}

#[test]
fn what_is_recorded_does_not_change_what_happens() {
    let bare = OUTAGE.replace("bins = 6", "bins = 3\nattempts = false\nregret = false");
    let hashes = |text| {
        let manifest = Manifest::read(&results("outage", text, &[]).path("o")).expect("read");
        manifest.cells.into_iter().map(|cell| cell.event_hash).collect::<Vec<_>>()
    };
    assert_eq!(hashes(OUTAGE), hashes(&bare));
}

/// Variant, seed, hash of all events and number of tasks of every run.
fn cells(name: &str, text: &str) -> Vec<String> {
    let manifest = Manifest::read(&results(name, text, &[]).path("o")).expect("a manifest");
    let cells = manifest
        .cells
        .iter()
        .map(|cell| format!("{}/{} {} {}", cell.variant, cell.seed, cell.event_hash, cell.tasks));
    cells.collect()
}

fn assert_golden(name: &str, text: &str, golden: &[&str]) {
    let found = cells(name, text);
    assert!(
        found == golden,
        "the events of {name} are no longer those that were recorded.\n\
         If nothing in the simulator was meant to change, this is a bug. Otherwise raise the version in Cargo.toml, \
         say so in the change log, and put these lines into {}:\n{}\n",
        file!(),
        found.iter().map(|line| format!("        \"{line}\",\n")).collect::<String>()
    );
}

#[test]
fn the_events_of_the_smallest_scenario_are_the_recorded_ones() {
    let golden = [
        "stage4/1 aa6f904212833896 5",
        "stage4/2 a68ab641e741651d 5",
        "stage4/3 3ccec1b13197ca6c 5",
        "stage4/4 4d114db6023e3319 5",
        "stage4/5 3ce5a9e4917c3fa5 5",
    ];
    assert_golden("smoke-5", SMOKE, &golden);
}

#[test]
fn the_events_of_an_outage_are_the_recorded_ones() {
    let golden = [
        "stage4/1 3ced4d3929c9e9c7 242",
        "stage4/2 fb519d4496ce1614 221",
        "fixed order/1 a60e647b344c252f 242",
        "fixed order/2 c197aa1a6db35d2f 221",
    ];
    assert_golden("outage", OUTAGE, &golden);
}

/// Calls `on` with every key and text of a JSON value.
fn walk(value: &serde_json::Value, on: &mut impl FnMut(&str)) {
    match value {
        serde_json::Value::Object(map) => map.iter().for_each(|(key, value)| {
            // Texts are copies of the scenario's own files.
            if key != "text" {
                on(key);
                walk(value, on);
            }
        }),
        serde_json::Value::Array(list) => list.iter().for_each(|value| walk(value, on)),
        serde_json::Value::String(text) => on(text),
        _ => {}
    }
}

#[test]
fn the_manifest_knows_no_path_thread_or_clock() {
    let desk = results("outage", OUTAGE, &["--threads", "3"]);
    let text = fs::read_to_string(desk.path("o").join(MANIFEST)).expect("read");
    let folder = desk.path("").display().to_string();
    for place in [folder.trim_end_matches('/'), env!("CARGO_MANIFEST_DIR")] {
        assert!(!text.contains(place), "{place} is in the manifest");
    }
    let manifest: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let mut dates = Vec::new();
    walk(&manifest, &mut |word| {
        for bad in ["thread", "path", "host", "user", "elapsed", "took", "created", "written"] {
            assert!(!word.to_lowercase().contains(bad), "`{word}` is in the manifest");
        }
        assert!(!word.starts_with('/') && !word.contains(":\\"), "the path {word}");
        if word.contains("T0") || word.contains("T1") || word.contains("T2") {
            dates.push(word.to_owned());
        }
    });
    assert_eq!(dates, ["2026-03-02T09:00:00"], "only the scenario's own start is a time");
}
