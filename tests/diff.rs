//! Two results side by side: `diff`, and `run --baseline`.

mod program;

use std::fs;
use std::path::Path;

use program::{Desk, OUTAGE, assert_same, files};
use reflexarc::results::column::Run;
use reflexarc::results::parquet::PartWriter;
use reflexarc::results::schema::{MeasureRow, Measures};

/// Leaves a result of these seeds.
fn result(desk: &Desk, text: &str, seeds: &str, out: &str) {
    desk.write("x.toml", text);
    desk.done(&["run", "x.toml", "--quiet", "--seeds", seeds, "--out", out]);
}

/// Puts hand-made values in place of a result's measures: variant, measure and the values by seed from 1 on.
fn remeasure(folder: &Path, values: &[(&str, &str, &[f64])]) {
    fs::remove_dir_all(folder.join("measures")).expect("removed");
    let mut part = PartWriter::create::<Measures<'_>>(folder, 0).expect("made");
    for (variant, measure, values) in values {
        for (seed, value) in (1..).zip(*values) {
            let mut rows = Measures::of(Run { block: "main", variant, seed });
            rows.push(MeasureRow {
                level: "all",
                window: "run",
                measure,
                unit: "",
                value: Some(*value),
            });
            part.write(&rows).expect("written");
        }
    }
    part.finish().expect("finished");
}

/// The cells of the line that starts with these.
fn row(text: &str, start: &[&str]) -> Vec<String> {
    let cells = |line: &str| -> Vec<String> {
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
    };
    let mut rows = text.lines().map(cells);
    let found =
        rows.find(|row| row.len() > start.len() && row.iter().zip(start).all(|(a, b)| a == b));
    found.unwrap_or_else(|| panic!("no line {start:?} in {text}")).split_off(start.len())
}

#[test]
fn a_result_is_the_same_as_itself() {
    let desk = Desk::new();
    result(&desk, OUTAGE, "1..2", "o");
    let before = files(&desk.path("o"));
    for flags in [&[][..], &["--all"]] {
        let text = desk.done(&[&["diff", "o", "o"], flags].concat());
        assert!(text.starts_with("A o\nB o\n\nscenario: x\nscenario text: the same\n"), "{text}");
        assert!(text.contains("\nseeds: 2 common, 0 only in A, 0 only in B\n"), "{text}");
        assert!(text.contains("\nevents: the same in 4 of 4 common runs\n"), "{text}");
        let counts = text.lines().last().expect("a line");
        let n = counts.split(' ').next().expect("a number");
        assert_eq!(counts, format!("{n} compared: {n} same"));
        assert_eq!(text.matches(" same\n").count(), n.parse::<usize>().expect("a number") + 2);
        assert!(!text.contains(" only in A: ") && !text.contains(" only in B: "));
    }
    assert_same(&before, &files(&desk.path("o")));
}

#[test]
fn differences_are_paired_by_seed_and_told_in_the_measures_direction() {
    let desk = Desk::new();
    result(&desk, OUTAGE, "1..3", "a");
    result(&desk, OUTAGE, "1..3", "b");
    let (a, b) = ([10.0, 20.0, 30.0], [12.0, 22.1, 31.9]);
    let names = ["efficiency", "latency_p95", "attempts_per_task"];
    let of = |values| names.map(|name| ("stage4", name, values));
    remeasure(&desk.path("a"), &[&of(&a[..])[..], &[("fixed order", "efficiency", &a)]].concat());
    remeasure(&desk.path("b"), &[&of(&b[..])[..], &[("fixed order", "efficiency", &[])]].concat());
    let text = desk.done(&["diff", "a", "b"]);
    // 2, 2.1, 1.9: mean 2, sd 0.1, half width 4.30265 * 0.1 / sqrt(3) = 0.24841. Unpaired it would be 28.
    assert_eq!(
        row(&text, &["stage4", "efficiency, points"]),
        ["20.0", "22.0", "+2.0 [+1.8, +2.2]", "better"]
    );
    assert_eq!(row(&text, &["stage4", "latency_p95, ms"]), ["20", "22", "+2 [+2, +2]", "worse"]);
    assert_eq!(
        row(&text, &["stage4", "attempts_per_task, calls"]),
        ["20.000", "22.000", "+2.000 [+1.752, +2.248]", "higher"]
    );
    assert_eq!(
        row(&text, &["fixed order", "efficiency, points"]),
        ["20.0", "-", "-", "nothing to compare"]
    );
    assert!(text.contains("\n4 compared: 1 better, 1 worse, 1 higher, 1 nothing to compare\n"));
    let back = desk.done(&["diff", "b", "a"]);
    assert_eq!(
        row(&back, &["stage4", "efficiency, points"]),
        ["22.0", "20.0", "-2.0 [-2.2, -1.8]", "worse"]
    );
    assert_eq!(text, desk.done(&["diff", "a", "b"]), "it says the same again");
}

#[test]
fn what_is_only_in_one_is_listed_and_the_rest_compared() {
    let desk = Desk::new();
    result(&desk, OUTAGE, "1..3", "a");
    let other = OUTAGE.replace("name = \"stage4\"", "name = \"plan\"");
    let other = other.replace("rate_per_s = 0.2", "rate_per_s = 0.3");
    let blocks = "\n[[blocks]]\nname = \"main\"\n\n[[blocks]]\nname = \"wild\"\n";
    result(&desk, &format!("{other}{blocks}"), "2..5", "b");
    let text = desk.done(&["diff", "a", "b"]);
    for line in [
        "scenario text: differs (x.toml)",
        "seeds: 2 common, 1 only in A, 2 only in B",
        "blocks only in B: wild",
        "variants only in A: stage4",
        "variants only in B: plan",
        "events: the same in 0 of 2 common runs",
        "block main",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}\n{text}");
    }
    assert!(!text.contains("block wild\n") && !text.contains("\nstage4 "), "{text}");
    assert_eq!(row(&text, &["fixed order", "efficiency, points"]).len(), 4);
}

#[test]
fn without_common_seeds_there_are_no_intervals_and_no_verdicts() {
    let desk = Desk::new();
    result(&desk, OUTAGE, "1..2", "a");
    result(&desk, OUTAGE, "3..5", "b");
    let text = desk.done(&["diff", "a", "b"]);
    assert!(text.contains("\nseeds: 0 common, 2 only in A, 3 only in B\n"), "{text}");
    assert!(text.contains("Without common seeds the differences are not paired"), "{text}");
    let cells = row(&text, &["stage4", "efficiency, points"]);
    assert_eq!(cells[3], "unpaired, no verdict");
    assert!(!cells[2].contains('['), "{cells:?}");
}

#[test]
fn all_shows_every_level_window_and_measure() {
    let desk = Desk::new();
    result(&desk, OUTAGE, "1..2", "o");
    let brief = desk.done(&["diff", "o", "o"]);
    let full = desk.done(&["diff", "o", "o", "--all"]);
    assert!(full.lines().count() > 5 * brief.lines().count());
    let tasks = row(&full, &["stage4", "all", "run", "tasks, tasks"]);
    assert_eq!(tasks[2..], ["0.0", "same"]);
    let available = row(&full, &["fixed order", "L3", "faults", "availability, %"]);
    assert_eq!(available[2..], ["0.00", "same"]);
    assert!(!brief.contains("faults") && !brief.contains("tasks, tasks"), "{brief}");
}

#[test]
fn a_folder_that_is_no_result_is_bad_input_with_path_and_cure() {
    let desk = Desk::new();
    result(&desk, OUTAGE, "1", "o");
    desk.write("thesis/thesis.txt", "years of work");
    for (a, b) in [("thesis", "o"), ("o", "thesis"), ("nowhere", "o"), ("o", "nowhere")] {
        let said = desk.run(&["diff", a, b]);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
        let wrong = if a == "o" { b } else { a };
        assert!(said.err.contains(&format!("{wrong}/manifest.json")), "{}", said.err);
        assert!(said.err.contains("name a folder that `reflexarc run` has written"), "{said:?}");
    }
}

#[test]
fn a_run_is_compared_with_its_baseline_and_leaves_the_comparison() {
    let desk = Desk::new();
    result(&desk, OUTAGE, "1..2", "base");
    let plain = desk.done(&["run", "x.toml", "--quiet", "--out", "o"]);
    let said = desk.done(&["run", "x.toml", "--quiet", "--out", "o", "--baseline", "base"]);
    let text = plain.split_once("\ncharts ").expect("paths").0;
    let (before, paths) = said.split_once("\ncharts ").expect("paths");
    let diff = before.strip_prefix(text).expect("the summary comes first");
    assert!(diff.starts_with("\nComparison: A is the baseline, B this run\n\nscenario: x\n"));
    assert!(diff.contains("events: the same in 4 of 4 common runs\n"), "{diff}");
    assert!(paths.ends_with("\ndiff     o/diff.md\no\n"), "{paths}");
    let written = fs::read_to_string(desk.path("o/diff.md")).expect("a comparison");
    assert!(written.starts_with("# Comparison: A is the baseline, B this run\n\n- scenario: x\n"));
    assert!(written.contains("| variant | metric | A | B | B - A | verdict |\n"), "{written}");
    // Beside it nothing is different, no path is in it, and a report leaves it alone.
    let mut with = files(&desk.path("o"));
    desk.done(&["report", "o"]);
    assert_same(&with, &files(&desk.path("o")));
    with.remove("diff.md").expect("it is there");
    assert_same(&with, &files(&desk.path("base")));
    assert!(!written.contains("base/") && !written.contains("`base`"), "{written}");
}

#[test]
fn the_baseline_may_be_the_result_that_gives_way() {
    let desk = Desk::new();
    result(&desk, OUTAGE, "1..2", "o");
    let faster = OUTAGE.replace("rate_per_s = 0.2", "rate_per_s = 0.4");
    desk.write("x.toml", &faster);
    for (common, events) in [("0 of 4", "differs (x.toml)"), ("4 of 4", "the same")] {
        // The second round finds a folder with a comparison in it.
        let said = desk.done(&["run", "x.toml", "--quiet", "--out", "o", "--baseline", "o"]);
        assert!(said.contains(&format!("events: the same in {common} common runs\n")), "{said}");
        assert!(said.contains(&format!("scenario text: {events}\n")), "{said}");
    }
}

#[test]
fn a_baseline_that_cannot_be_read_stops_the_call_before_the_work() {
    let desk = Desk::new();
    result(&desk, OUTAGE, "1", "o");
    let before = files(&desk.path(""));
    let said = desk.run(&["run", "x.toml", "--out", "p", "--baseline", "nowhere"]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    assert_eq!(said.err.lines().count(), 1, "the work has begun: {}", said.err);
    assert!(said.err.contains("nowhere/manifest.json"), "{}", said.err);
    desk.write("y.toml", OUTAGE);
    let said = desk.run(&["run", "x.toml", "y.toml", "--baseline", "o"]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    assert!(said.err.contains("--baseline takes the results of one scenario"), "{}", said.err);
    fs::remove_file(desk.path("y.toml")).expect("removed");
    assert_same(&before, &files(&desk.path("")));
}
