//! What a scenario expects: verdicts on the console, in the summary and in the exit code, from `run` and `report` alike.

mod program;

use std::fs;

use program::{Desk, OUTAGE, Said, assert_same, files};
use reflexarc::analysis::expect::Target;
use reflexarc::results::manifest::Manifest;

/// An expectation of the variant `stage4`.
fn expect(keys: &str) -> String {
    format!("\n[[expect]]\nvariant = \"stage4\"\n{keys}\n")
}

/// Availability lies from 0 to 1: this is met whatever the runs show.
const SURE: &str = "metric = \"availability\"\nat_least = 0";
/// And this is not met as soon as calls are made at all.
const VAIN: &str = "metric = \"attempts_per_task\"\nat_most = 0";
/// Nothing of the kind happens at L4: the tasks start at L1 and L3.
const IDLE: &str = "metric = \"availability\"\nlevel = \"L4\"\nat_least = 0.5";

fn scenario(expectations: &[&str]) -> String {
    let all: String = expectations.iter().map(|keys| expect(keys)).collect();
    format!("{OUTAGE}{all}")
}

fn run(desk: &Desk, expectations: &[&str], flags: &[&str]) -> Said {
    desk.write("x.toml", &scenario(expectations));
    desk.run(&[&["run", "x.toml", "--quiet", "--out", "o"], flags].concat())
}

/// The lines of the table of verdicts.
fn verdicts(text: &str) -> Vec<Vec<String>> {
    let table = text.split_once("\nexpectations\n\n").expect("a table of verdicts").1;
    let lines = table.lines().skip(1).take_while(|line| !line.is_empty());
    let cells = |line: &str| -> Vec<String> {
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
    };
    lines.map(cells).collect()
}

#[test]
fn a_verdict_decides_the_exit_code_and_undecided_only_under_strict() {
    for (expectations, code, strict, said) in [
        (&[SURE][..], 0, 0, ""),
        (&[SURE, IDLE], 0, 99, "1 of 2 expectations undecided"),
        (&[IDLE], 0, 99, "1 of 1 expectation undecided"),
        (&[SURE, VAIN], 99, 99, "1 of 2 expectations not met, 0 undecided"),
        (&[VAIN, IDLE, VAIN], 99, 99, "2 of 3 expectations not met, 1 undecided"),
    ] {
        let desk = Desk::new();
        for (flags, code) in [(&[][..], code), (&["--strict"], strict)] {
            let run = run(&desk, expectations, flags);
            assert_eq!(run.code, Some(code), "{expectations:?} {flags:?}: {run:?}");
            assert_eq!(run.err.is_empty(), said.is_empty(), "{}", run.err);
            assert!(run.err.contains(said), "{}", run.err);
            let word = if code == 0 { "warning: " } else { "error: " };
            assert!(said.is_empty() || run.err.starts_with(word), "{}", run.err);
            assert_eq!(run.out.lines().last(), Some("o"));
            // The folder alone is enough to say it again.
            let before = files(&desk.path("o"));
            let again = desk.run(&[&["report", "o"], flags].concat());
            assert_eq!((again.code, &again.err), (run.code, &run.err));
            assert_eq!(verdicts(&again.out), verdicts(&run.out));
            assert_same(&before, &files(&desk.path("o")));
        }
    }
}

#[test]
fn a_result_is_whole_whatever_the_verdict() {
    let desk = Desk::new();
    let said = run(&desk, &[VAIN], &[]);
    assert_eq!(said.code, Some(99));
    let with = files(&desk.path("o"));
    desk.write("x.toml", OUTAGE);
    desk.done(&["run", "x.toml", "--quiet", "--out", "p"]);
    let without = files(&desk.path("p"));
    let told = ["manifest.json", "summary.md"];
    let tables = |files: &std::collections::BTreeMap<String, Vec<u8>>| {
        let mut files = files.clone();
        files.retain(|name, _| !told.contains(&name.as_str()) && !name.starts_with("reports/"));
        files
    };
    assert_same(&tables(&with), &tables(&without));
    assert!(told.iter().all(|name| with.contains_key(*name)));
}

#[test]
fn the_table_of_verdicts_names_all_that_was_asked() {
    let desk = Desk::new();
    let better = "metric = \"cost_per_task\"\nbetter_than = \"fixed order\"\nby = 5";
    let count = "metric = \"interrupted\"\nwindow = \"faults\"\nat_most = 0";
    let said = run(&desk, &[SURE, VAIN, IDLE, better, count], &[]);
    let found = verdicts(&said.out);
    let wanted = [
        ["availability, %", "stage4", "all", "run", "at least 0", "met"],
        ["attempts_per_task, calls", "stage4", "all", "run", "at most 0", "not met"],
        ["availability, %", "stage4", "L4", "run", "at least 50", "undecided"],
        ["cost_per_task, USD", "stage4", "all", "run", "lower than fixed order by 5", "not met"],
        ["interrupted, tasks", "stage4", "all", "faults", "at most 0", "met"],
    ];
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(wanted) {
        assert_eq!(found.len(), 8, "{found:?}");
        let asked = [0, 1, 2, 3, 4, 6].map(|at| found[at].as_str());
        assert_eq!(asked, wanted);
    }
    assert_eq!((found[2][5].as_str(), found[2][7].as_str()), ("-", "not exercised"));
    assert_eq!(found[4][5..], ["0.0 (0.0 to 0.0)", "met", "an exact count: so on every seed"]);
    // The same cells stand in the written summary.
    let summary = fs::read_to_string(desk.path("o/summary.md")).expect("a summary");
    let section = summary.split_once("\n## Expectations\n\n").expect("a section").1;
    for row in &found {
        assert!(section.contains(&format!("| {} |\n", row.join(" | "))), "{row:?}\n{section}");
    }
}

#[test]
fn one_seed_decides_an_exact_count_and_nothing_else() {
    let desk = Desk::new();
    let count = "metric = \"interrupted\"\nat_most = 0";
    let said = run(&desk, &[SURE, count], &["--seeds", "1"]);
    let why: Vec<[String; 2]> =
        verdicts(&said.out).iter().map(|row| [row[6].clone(), row[7].clone()]).collect();
    assert_eq!(why[0], ["undecided", "one seed has no interval"]);
    assert_eq!(why[1], ["met", "an exact count: so on every seed"]);
    assert_eq!(said.code, Some(0));
}

#[test]
fn seeds_that_all_agree_say_how_many_would_prove_it() {
    let desk = Desk::new();
    // Without a fault there is always a model left to call.
    let calm = OUTAGE.split_once("[[faults]]").expect("faults").0;
    let stack = "[stack]\npreset = \"stage4\"\n\n[record]\nbins = 6\n";
    let expectation = "[[expect]]\nmetric = \"shed\"\nat_most = 0.01\n";
    desk.write("x.toml", &format!("{calm}\n{stack}\n{expectation}"));
    let said = desk.run(&["run", "x.toml", "--quiet", "--out", "o", "--seeds", "1..20"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let row = &verdicts(&said.out)[0];
    // Clopper-Pearson for 0 of 20: 0.1684. ln 0.025 / ln 0.99 = 367.04.
    assert_eq!(
        row[5..],
        ["0.00 [0.00, 16.84]", "undecided", "all 20 seeds agree; 368 that do would tell"]
    );
    assert!(said.err.contains("--seeds"), "{}", said.err);
    // The only variant need not be named.
    assert_eq!(row[1], "stack");
}

#[test]
fn an_expectation_without_a_block_is_held_against_each() {
    let desk = Desk::new();
    let blocks = "\n[[blocks]]\nname = \"calm\"\n\n[[blocks]]\nname = \"wild\"\n";
    let one = format!("{IDLE}\nblock = \"wild\"");
    desk.write("x.toml", &format!("{}{blocks}", scenario(&[SURE, &one])));
    let said = desk.run(&["run", "x.toml", "--quiet", "--out", "o"]);
    let found = verdicts(&said.out);
    let places: Vec<[&str; 2]> =
        found.iter().map(|row| [row[1].as_str(), row[7].as_str()]).collect();
    assert_eq!(places, [["calm", "met"], ["wild", "met"], ["wild", "undecided"]], "{found:?}");
    let manifest = Manifest::read(&desk.path("o")).expect("a manifest");
    let expected: Vec<(&str, &str, &Target)> = manifest
        .expectations
        .iter()
        .map(|e| (e.metric.name, e.block.as_str(), &e.target))
        .collect();
    let wanted = [
        ("availability", "calm", &Target::AtLeast(0.0)),
        ("availability", "wild", &Target::AtLeast(0.0)),
        ("availability", "wild", &Target::AtLeast(0.5)),
    ];
    assert_eq!(expected, wanted);
}

#[test]
fn all_scenarios_of_a_call_run_before_the_verdict() {
    let desk = Desk::new();
    desk.write("a.toml", &scenario(&[VAIN]));
    desk.write("b.toml", &scenario(&[SURE, IDLE]));
    let said = desk.run(&["run", "a.toml", "b.toml", "--quiet"]);
    assert_eq!(said.code, Some(99));
    assert_eq!(said.err, "error: 1 of 3 expectations not met, 1 undecided\n");
    assert!(desk.path("results/a/summary.md").is_file());
    assert!(desk.path("results/b/summary.md").is_file());
}

#[test]
fn without_expectations_nothing_is_said_of_them() {
    let desk = Desk::new();
    let said = run(&desk, &[], &["--strict"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert!(!said.out.contains("expectation"));
    let summary = fs::read_to_string(desk.path("o/summary.md")).expect("a summary");
    assert!(!summary.contains("Expectation"));
}

#[test]
fn the_list_of_measures_shows_which_way_each_is_better() {
    let desk = Desk::new();
    let list = desk.done(&["list", "measures"]);
    for (name, better) in
        [("availability", "higher"), ("cost_per_task", "lower"), ("tasks", "neither")]
    {
        let line = list.lines().find(|line| line.starts_with(&format!("{name} "))).expect("a line");
        assert!(line.ends_with(&format!("; better: {better})")), "{line}");
        let full = desk.done(&["list", "measures", name]);
        assert!(full.contains(&format!("; better: {better})")), "{full}");
    }
}
