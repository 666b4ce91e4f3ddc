//! The command line from end to end: every verb, what it prints where, and what it leaves.

mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use program::{Desk, OUTAGE, assert_same, files, said};
use reflexarc::results::manifest::{MANIFEST, Manifest};
use reflexarc::results::schema::TABLES;

/// Of a study of one variant.
const CHARTS: [&str; 8] = [
    "availability",
    "beliefs",
    "learning-curve",
    "model-share",
    "model-share-stage4",
    "regret",
    "regret-log",
    "token-use",
];
/// Of a world with faults besides.
const OF_FAULTS: [&str; 1] = ["timeline-stage4"];
/// Of two variants on one seed besides.
const COMPARISON: [&str; 5] =
    ["best-model-share", "cost", "paired-difference", "quality-cost", "rolling-regret"];

/// A file of the repository.
fn shipped(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name).display().to_string()
}

fn shipped_scenarios() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(shipped("scenarios"))
        .expect("the folder is there")
        .map(|entry| entry.expect("read").path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    paths.sort();
    paths
}

fn smoke() -> String {
    shipped("scenarios/smoke-5.toml")
}

fn manifest(folder: &Path) -> Manifest {
    Manifest::read(folder).expect("a manifest")
}

/// What lies directly in a folder.
fn entries(folder: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(folder).expect("read").map(|entry| entry.expect("read").file_name());
    names.map(|name| name.to_string_lossy().into_owned()).collect()
}

#[test]
fn every_verb_explains_itself_and_its_flags() {
    let desk = Desk::new();
    let verbs: [(&str, &[&str]); 7] = [
        (
            "run",
            &[
                "<SCENARIO>",
                "--seeds <SEEDS>",
                "--threads <N>",
                "--out <DIR>",
                "--baseline <RESULTS_DIR>",
                "--strict",
                "--quiet",
                "--allow-outside",
            ],
        ),
        ("check", &["<SCENARIO>", "--allow-outside"]),
        ("new", &["<FILE>"]),
        ("schema", &[]),
        (
            "list",
            &[
                "[NAME]",
                "models",
                "learners",
                "routers",
                "breakers",
                "workloads",
                "faults",
                "scenarios",
            ],
        ),
        ("report", &["<RESULTS_DIR>", "--strict"]),
        ("diff", &["<RESULTS_A>", "<RESULTS_B>", "--all"]),
    ];
    let overview = desk.done(&["--help"]);
    for (verb, flags) in verbs {
        assert!(overview.contains(&format!("\n  {verb} ")), "{verb} is not in {overview}");
        let help = desk.run(&[verb, "--help"]);
        assert_eq!((help.code, help.err.as_str()), (Some(0), ""), "{verb}");
        assert!(help.out.contains(&format!("Usage: reflexarc {verb}")), "{}", help.out);
        for flag in flags.iter().chain(&["-h, --help"]) {
            assert!(help.out.contains(flag), "{verb}: {flag} is not in {}", help.out);
        }
    }
    let version = desk.done(&["--version"]);
    assert_eq!(version, format!("reflexarc {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(entries(&desk.path("")), BTreeSet::new());
}

#[test]
fn a_call_without_a_verb_or_with_an_unknown_one_is_bad_input() {
    let desk = Desk::new();
    for arguments in [&[][..], &["rnu"], &["run"], &["run", "x.toml", "--sedes", "1"]] {
        let said = desk.run(arguments);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(said.err.contains("Usage: reflexarc"), "{}", said.err);
    }
}

#[test]
fn every_shipped_scenario_passes_the_check() {
    let desk = Desk::new();
    let paths = shipped_scenarios();
    assert!(paths.len() >= 5, "{paths:?}");
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let said = desk
        .run(&["check"].into_iter().chain(names.iter().map(String::as_str)).collect::<Vec<_>>());
    // What is warned of is held in tests/lint.rs.
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(!said.err.contains("error"), "{}", said.err);
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines.len(), names.len(), "{}", said.out);
    for (line, name) in lines.iter().zip(&names) {
        assert!(line.starts_with(&format!("{name}: ok, ")), "{line}");
        let (sizes, runs) = line.split_once(" = ").expect("the number of runs");
        let numbers = |text: &str| -> Vec<u64> {
            text.split(' ').filter_map(|word| word.parse().ok()).collect()
        };
        let sizes = sizes.rsplit_once(": ok, ").expect("sizes").1;
        assert_eq!(numbers(sizes).iter().product::<u64>(), numbers(runs)[0], "{line}");
    }
}

#[test]
fn a_run_leaves_exactly_the_documented_files() {
    let desk = Desk::new();
    let said = desk.run(&["run", &smoke(), "--out", "o"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let mut wanted: BTreeSet<String> = [MANIFEST, "summary.md"].map(str::to_owned).into();
    wanted.insert("reports/daily/stage4/260302-Daily-Report.md".to_owned());
    for chart in CHARTS {
        wanted.extend([format!("charts/{chart}.svg"), format!("charts/{chart}.png")]);
    }
    for table in TABLES {
        wanted.insert(format!("{}/part-0000.parquet", table.name));
        // Five runs are five parts, of which the first has every table and the others those with rows.
        if ["tasks", "attempts", "days", "measures"].contains(&table.name) {
            wanted.extend((1..5).map(|n| format!("{}/part-{n:04}.parquet", table.name)));
        }
    }
    let found = files(&desk.path("o"));
    let missing: Vec<_> = wanted.iter().filter(|name| !found.contains_key(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for name in found.keys().filter(|name| !wanted.contains(*name)) {
        let table = TABLES.iter().any(|t| name.starts_with(&format!("{}/part-000", t.name)));
        let report = name.starts_with("reports/") && name.ends_with(".md");
        assert!(table || report, "{name} is no documented file");
    }
    for (name, bytes) in &found {
        let start: &[u8] = match name.rsplit_once('.').expect("an extension").1 {
            "png" => b"\x89PNG\r\n\x1a\n",
            "svg" => b"<svg",
            "parquet" => b"PAR1",
            "json" => b"{",
            _ => b"# ",
        };
        assert!(bytes.starts_with(start), "{name} starts otherwise");
    }
    assert_eq!(entries(&desk.path("")), ["o".to_owned()].into(), "nothing else is left");
}

#[test]
fn a_run_prints_its_summary_and_last_the_path_of_its_results() {
    let desk = Desk::new();
    let loud = desk.run(&["run", &smoke(), "--out", "o"]);
    assert_eq!(loud.out.lines().last(), Some("o"));
    // The text is the one that `report` prints; behind it there are only paths.
    let again = desk.done(&["report", "o"]);
    let text = again.strip_suffix("o/charts\no/reports\n").expect("paths are its last lines");
    let paths = "charts   o/charts\nreports  o/reports\nsummary  o/summary.md\no\n";
    assert_eq!(loud.out, format!("{text}{paths}"));
    assert!(text.starts_with("smoke-5\n"), "{text}");
    // Without a terminal there is no bar, and nothing of it on stdout.
    let question = &manifest(&desk.path("o")).question;
    assert_eq!(loud.err, format!("smoke-5: {question}\n"));
    let quiet = desk.run(&["run", &smoke(), "--out", "o", "--quiet"]);
    assert_eq!((quiet.code, quiet.err.as_str()), (Some(0), ""));
    assert_eq!(quiet.out, loud.out);
}

#[test]
fn seeds_of_the_command_line_include_both_ends() {
    let desk = Desk::new();
    let seeds_of = |range: &str| {
        desk.done(&["run", &smoke(), "--quiet", "--out", "o", "--seeds", range]);
        let manifest = manifest(&desk.path("o"));
        assert_eq!(manifest.cells.len(), manifest.seeds.len());
        manifest.seeds
    };
    assert_eq!(seeds_of("3..4"), [3, 4]);
    assert_eq!(seeds_of("7"), [7]);
    assert_eq!(seeds_of("9, 1..2"), [9, 1, 2]);
}

#[test]
fn bad_seeds_and_threads_are_bad_input_and_nothing_runs() {
    let desk = Desk::new();
    for (flag, value, cure) in [
        ("--seeds", "4..3", "write \"3..4\""),
        ("--seeds", "x", "such as \"1..20\""),
        ("--seeds", "", "such as \"1..20\""),
        ("--seeds", "1..=3", "such as \"1..20\""),
        ("--seeds", "1..3, 2", "write each seed once"),
        ("--threads", "0", "--threads"),
        ("--threads", "two", "--threads"),
    ] {
        let said = desk.run(&["run", &smoke(), flag, value]);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{flag} {value}");
        assert!(said.err.contains(cure), "{flag} {value}: {}", said.err);
    }
    assert_eq!(entries(&desk.path("")), BTreeSet::new());
}

#[test]
fn seeds_that_a_reference_was_chosen_on_are_refused() {
    let desk = Desk::new();
    let variant = "[[variants]]\nname = \"best\"\nstack.order.best_fixed = { selection_seeds = \"101..102\" }\n";
    desk.write("x.toml", &format!("{OUTAGE}\n{variant}"));
    let said = desk.run(&["run", "x.toml", "--seeds", "100..101"]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    assert!(said.err.contains("101") && said.err.contains("variant best"), "{}", said.err);
}

#[test]
fn a_new_scenario_passes_the_check_and_runs() {
    let desk = Desk::new();
    assert_eq!(desk.done(&["new", "mine.toml"]), "mine.toml\n");
    assert!(desk.done(&["check", "mine.toml"]).starts_with("mine.toml: ok, "));
    let out = desk.done(&["run", "mine.toml", "--quiet", "--seeds", "1"]);
    assert_eq!(out.lines().last(), Some("results/mine"));
    assert!(desk.path("results/mine/summary.md").is_file());
}

#[test]
fn a_new_scenario_never_overwrites_a_file() {
    let desk = Desk::new();
    desk.write("mine.toml", "years of work");
    let said = desk.run(&["new", "mine.toml"]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    assert!(said.err.contains("mine.toml") && said.err.contains("name a new file"), "{said:?}");
    assert_eq!(fs::read_to_string(desk.path("mine.toml")).expect("read"), "years of work");
    let said = desk.run(&["new", "no/mine.toml"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("make its folder first"), "{said:?}");
}

#[test]
fn the_schema_is_json_and_knows_every_table_and_key() {
    let text = Desk::new().done(&["schema"]);
    let schema: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let keys = schema["properties"].as_object().expect("keys");
    let names: BTreeSet<&str> = keys.keys().map(String::as_str).collect();
    let wanted = [
        "format",
        "question",
        "base",
        "seeds",
        "reward",
        "partial_counts",
        "time",
        "registry",
        "world",
        "workload",
        "task_types",
        "faults",
        "random_faults",
        "bandit",
        "blocks",
        "criteria",
        "compare",
        "parameter_studies",
        "stack",
        "variants",
        "expect",
        "record",
        "reports",
    ];
    assert_eq!(names, wanted.into());
    for (name, key) in keys {
        let described = key["description"].as_str().is_some_and(|text| text.len() > 10);
        assert!(described, "{name} is not described: {key}");
    }
    // Every reference leads somewhere.
    for part in text.split("\"$ref\": \"#/$defs/").skip(1) {
        let name = part.split('"').next().expect("a name");
        assert!(schema["$defs"].get(name).is_some(), "there is no {name}");
    }
}

/// The names in a list, each with its line.
fn listed(desk: &Desk, what: &str) -> Vec<(String, String)> {
    let text = desk.done(&["list", what]);
    let lines = text.lines().map(|line| {
        let (name, line) = line.split_once("  ").expect("a name and its line");
        (name.to_owned(), line.trim().to_owned())
    });
    lines.collect()
}

#[test]
fn every_list_names_what_there_is_and_describes_each_of_it() {
    let desk = Desk::new();
    desk.write("scenarios/outage.toml", OUTAGE);
    for (what, some) in [
        ("models", "Groq"),
        ("learners", "thompson_beta"),
        ("routers", "static_order"),
        ("breakers", "stage4"),
        ("presets", "litellm"),
        ("outliers", "envoy"),
        ("retry-budgets", "finagle"),
        ("workloads", "closed_loop"),
        ("faults", "brown_out"),
        ("scenarios", "outage"),
        ("warnings", "late_fallback"),
    ] {
        let entries = listed(&desk, what);
        assert!(entries.iter().any(|(name, _)| name == some), "{what}: {entries:?}");
        let names: BTreeSet<&String> = entries.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), entries.len(), "{what}: a name is there twice");
        for (name, line) in &entries {
            assert!(line.len() > 10, "{what} {name}: {line}");
            let full = desk.done(&["list", what, name]);
            match what {
                "scenarios" => assert_eq!(full, OUTAGE),
                "presets" => assert!(full.contains("\norder"), "{full}"),
                "models" => {
                    let registry = line.split(':').next().expect("a registry");
                    let first = format!("{name} (registry {registry}, provider ");
                    assert!(full.starts_with(&first), "{full}");
                    for figure in [
                        "score", "success", "quality", "time", "price", "quota", "assumed",
                        "source",
                    ] {
                        assert!(full.contains(&format!("\n{figure} ")), "{figure}: {full}");
                    }
                }
                _ => assert!(full.starts_with(&format!("{name}: {line}\n")), "{full}"),
            }
        }
    }
}

#[test]
fn a_learner_is_described_by_rule_source_limits_and_keys_with_defaults() {
    let desk = Desk::new();
    for (name, _) in listed(&desk, "learners") {
        let full = desk.done(&["list", "learners", &name]);
        for part in ["rule", "source", "limits"] {
            let line = full.lines().find(|line| line.starts_with(&format!("{part} ")));
            let text = line.map(|line| line[part.len()..].trim());
            assert!(text.is_some_and(|text| text.len() > 10), "{name}: no {part} in {full}");
        }
        if let Some(key) = name.strip_prefix("wrappers.") {
            assert!(full.contains(&format!("in `[stack.wrappers]`:\n  {key} (")), "{full}");
            continue;
        }
        let head = format!("\nkeys of `order.learner.{name}`:\n");
        let keys = full.split_once(&head).expect("a list of keys").1;
        for key in keys.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
            // The text below an optional key says what holds without it.
            let is_told = ["default ", "required", "optional"].iter().any(|w| key.contains(w));
            assert!(is_told || keys == "  no keys\n", "{name}: {key}");
        }
    }
    let ucb1 = desk.done(&["list", "learners", "ucb1"]);
    assert!(ucb1.contains("\n  c (a number of 0 or more; default 2.0)\n"), "{ucb1}");
}

#[test]
fn an_unknown_name_in_a_list_is_bad_input_with_the_nearest_one() {
    let desk = Desk::new();
    desk.write("scenarios/outage.toml", OUTAGE);
    for (what, name, near) in [
        ("models", "Gorq", "Groq"),
        ("learners", "ucb2", "ucb1"),
        ("routers", "randm", "random"),
        ("breakers", "stage5", "stage4"),
        ("workloads", "poison", "poisson"),
        ("faults", "brownout", "brown_out"),
        ("scenarios", "outages", "outage"),
    ] {
        let said = desk.run(&["list", what, name]);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{what} {name}");
        assert!(said.err.contains(&format!("did you mean `{near}`?")), "{}", said.err);
    }
    let said = desk.run(&["list", "breakers", "zebra"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("expected one of none, stage4"), "{}", said.err);
    let said = desk.run(&["list", "modells"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("'models'"), "{}", said.err);
    let said = Desk::new().run(&["list", "scenarios"]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    assert!(said.err.contains("cannot read the folder scenarios"), "{}", said.err);
}

#[test]
fn a_report_recreates_charts_reports_and_summary_byte_for_byte() {
    let desk = Desk::new();
    desk.write("outage.toml", OUTAGE);
    let run = desk.done(&["run", "outage.toml", "--quiet", "--out", "o"]);
    let before = files(&desk.path("o"));
    fs::remove_dir_all(desk.path("o/charts")).expect("removed");
    fs::remove_dir_all(desk.path("o/reports")).expect("removed");
    fs::remove_file(desk.path("o/summary.md")).expect("removed");
    let report = desk.done(&["report", "o"]);
    assert_same(&before, &files(&desk.path("o")));
    let text = report.strip_suffix("o/charts\no/reports\n").expect("paths are its last lines");
    assert!(run.starts_with(text), "{run}\nis not\n{text}");
}

#[test]
fn a_report_on_what_is_no_result_is_bad_input_with_path_and_cure() {
    let desk = Desk::new();
    desk.write("thesis/thesis.txt", "years of work");
    desk.write("torn/manifest.json", "{ \"schema_version\": 1");
    for (folder, file, cure) in [
        ("thesis", "thesis/manifest.json", "name a folder that `reflexarc run` has written"),
        ("nowhere", "nowhere/manifest.json", "name a folder that `reflexarc run` has written"),
        ("torn", "torn/manifest.json", "run the scenario again"),
    ] {
        let said = desk.run(&["report", folder]);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{folder}");
        assert_eq!(said.err.lines().count(), 1, "{}", said.err);
        assert!(said.err.contains(file) && said.err.contains(cure), "{}", said.err);
    }
    assert_eq!(entries(&desk.path("thesis")), ["thesis.txt".to_owned()].into());
}

#[test]
fn a_report_on_a_result_without_a_table_names_the_table() {
    let desk = Desk::new();
    desk.done(&["run", &smoke(), "--quiet", "--out", "o"]);
    fs::remove_dir_all(desk.path("o/curves")).expect("removed");
    let said = desk.run(&["report", "o"]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    assert!(said.err.contains("o/curves") && said.err.lines().count() == 1, "{}", said.err);
}

#[test]
fn a_second_run_replaces_the_result_of_the_first() {
    let desk = Desk::new();
    desk.done(&["run", &smoke(), "--quiet", "--out", "o"]);
    desk.done(&["run", &smoke(), "--quiet", "--out", "o", "--seeds", "11..12"]);
    desk.done(&["run", &smoke(), "--quiet", "--out", "fresh", "--seeds", "11..12"]);
    assert_same(&files(&desk.path("fresh")), &files(&desk.path("o")));
    assert_eq!(entries(&desk.path("")), ["fresh", "o"].map(str::to_owned).into());
}

#[test]
fn what_a_killed_run_left_behind_does_not_stop_the_next() {
    let desk = Desk::new();
    desk.done(&["run", &smoke(), "--quiet", "--out", "o"]);
    let good = files(&desk.path("o"));
    desk.write(".o.partial/tasks/part-0000.partial", "half");
    desk.write(".o.old/manifest.json", "{}");
    desk.done(&["run", &smoke(), "--quiet", "--out", "o"]);
    assert_same(&good, &files(&desk.path("o")));
    assert_eq!(entries(&desk.path("")), ["o".to_owned()].into());
}

#[test]
fn a_folder_with_foreign_files_is_refused_and_left_untouched() {
    let desk = Desk::new();
    desk.write("work/thesis.txt", "years of work");
    // A manifest of another program does not make a folder ours, nor does ours make a stranger's file so.
    desk.write("extension/manifest.json", "{ \"name\": \"my extension\" }");
    desk.write("page/manifest.json", "{ \"name\": \"my page\" }");
    desk.write("page/index.html", "<html>");
    desk.done(&["run", &smoke(), "--quiet", "--out", "noted"]);
    desk.write("noted/notes.txt", "what I think of it");
    for folder in ["work", "extension", "page", "noted"] {
        let before = files(&desk.path(""));
        let said = desk.run(&["run", &smoke(), "--quiet", "--out", folder]);
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{folder}: {said:?}");
        assert_eq!(said.err.lines().count(), 1, "{}", said.err);
        assert!(said.err.contains(folder) && said.err.contains("--out"), "{}", said.err);
        assert_same(&before, &files(&desk.path("")));
    }
}

#[test]
fn an_empty_folder_is_taken_and_one_without_a_name_is_refused_before_the_work() {
    let desk = Desk::new();
    fs::create_dir(desk.path("o")).expect("made");
    desk.done(&["run", &smoke(), "--quiet", "--out", "o/"]);
    assert!(desk.path("o/manifest.json").is_file());
    let empty = Desk::new();
    for folder in [".", ".."] {
        let said = empty.run(&["run", &smoke(), "--out", folder]);
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{said:?}");
        assert!(said.err.contains("folder") && said.err.contains("--out"), "{}", said.err);
        assert!(!said.err.contains("smoke-5"), "the work has begun: {}", said.err);
        assert_eq!(entries(&empty.path("")), BTreeSet::new());
    }
}

#[test]
fn paths_out_of_the_scenarios_folder_are_refused_unless_allowed() {
    let desk = Desk::new();
    desk.write("base.toml", OUTAGE);
    desk.write("t.csv", "arrived_s,input_tokens,output_tokens\n1,200,100\n2,300,100\n");
    desk.write("in/based.toml", "base = \"../base.toml\"\n");
    let traced = OUTAGE
        .replace("[workload.poisson]\nrate_per_s = 0.2", "[workload.trace]\nfile = \"../t.csv\"");
    assert_ne!(traced, OUTAGE);
    desk.write("in/traced.toml", &traced);
    for (scenario, path) in [("in/based.toml", "../base.toml"), ("in/traced.toml", "../t.csv")] {
        for verb in ["check", "run"] {
            let said = desk.run(&[verb, scenario]);
            assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{verb} {scenario}");
            let wanted = format!("\"{path}\" is outside of the scenario's folder");
            assert!(said.err.contains(&wanted), "{}", said.err);
        }
        desk.done(&["check", scenario, "--allow-outside"]);
        desk.done(&["run", scenario, "--allow-outside", "--quiet", "--seeds", "1"]);
    }
    let found: BTreeSet<String> = ["based", "traced"].map(str::to_owned).into();
    assert_eq!(entries(&desk.path("results")), found);
}

#[test]
fn several_scenarios_run_in_one_call_each_in_its_own_folder() {
    let desk = Desk::new();
    desk.write("outage.toml", OUTAGE);
    let out = desk.done(&["run", &smoke(), "outage.toml", "--quiet", "--seeds", "1..2"]);
    let paths: Vec<&str> = out.lines().filter(|line| line.starts_with("results/")).collect();
    assert_eq!(paths, ["results/smoke-5", "results/outage"]);
    assert_eq!(out.lines().last(), Some("results/outage"));
    for name in ["smoke-5", "outage"] {
        let manifest = manifest(&desk.path("results").join(name));
        assert_eq!((manifest.scenario.as_str(), manifest.seeds), (name, vec![1, 2]));
    }
}

#[test]
fn two_scenarios_of_one_name_or_one_place_are_refused_before_the_work() {
    let desk = Desk::new();
    desk.write("a/twin.toml", OUTAGE);
    desk.write("b/twin.toml", OUTAGE);
    let said = desk.run(&["run", "a/twin.toml", "b/twin.toml"]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    assert!(said.err.contains("twin") && said.err.contains("--out"), "{}", said.err);
    let said = desk.run(&["run", "a/twin.toml", &smoke(), "--out", "o"]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    assert!(said.err.contains("--out"), "{}", said.err);
    assert_eq!(entries(&desk.path("")), ["a", "b"].map(str::to_owned).into());
}

#[test]
fn a_mistake_in_the_last_scenario_stops_the_call_before_the_first_runs() {
    let desk = Desk::new();
    desk.write("outage.toml", OUTAGE);
    desk.write("bad.toml", &OUTAGE.replace("seeds = \"1..2\"", "seeds = 2"));
    desk.write("worse.toml", "format = 1\n[[");
    let said = desk.run(&["run", "outage.toml", "bad.toml", "worse.toml"]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    assert!(said.err.contains("bad.toml:4:") && said.err.contains("worse.toml:2:"), "{said:?}");
    assert!(!desk.path("results").exists());
}

#[test]
fn the_name_of_a_block_is_in_the_names_of_its_charts() {
    let desk = Desk::new();
    desk.write(
        "two.toml",
        &format!("{OUTAGE}\n[[blocks]]\nname = \"calm\"\n\n[[blocks]]\nname = \"wild one\"\n"),
    );
    desk.done(&["run", "two.toml", "--quiet", "--seeds", "1", "--out", "o"]);
    let mut wanted: BTreeSet<String> =
        ["performance-profile.png", "performance-profile.svg"].map(str::to_owned).into();
    for block in ["calm", "wild-one"] {
        for chart in CHARTS.into_iter().chain(OF_FAULTS).chain(COMPARISON) {
            wanted.extend(["svg", "png"].map(|kind| format!("{block}-{chart}.{kind}")));
        }
    }
    assert_eq!(entries(&desk.path("o/charts")), wanted);
}

#[test]
fn a_reader_that_has_gone_away_is_no_failure() {
    let desk = Desk::new();
    let line = format!("\"{}\" schema | head -c 1", env!("CARGO_BIN_EXE_reflexarc"));
    let text =
        said(std::process::Command::new("sh").args(["-c", &line]).current_dir(desk.path("")));
    assert_eq!((text.out.as_str(), text.err.as_str()), ("{", ""));
    let found: BTreeMap<String, Vec<u8>> = files(&desk.path(""));
    assert!(found.is_empty());
}
