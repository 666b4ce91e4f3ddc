//! `explain`: one task told again from the results alone, and as the run's own tables have it.

#[expect(dead_code, reason = "a test of the program needs but some of this")]
mod program;

use std::fs;

use program::{Desk, OUTAGE};
use reflexarc::results::column::Table;
use reflexarc::results::manifest::Manifest;
use reflexarc::results::parquet::Rows;
use reflexarc::results::schema::{Attempts, Fallbacks, Tasks};

const BEST_FIXED: &str = r#"
[[variants]]
name = "best fixed"
stack.order.best_fixed = { selection_seeds = "11..12" }
"#;

/// Runs a scenario that is then gone: what the results keep has to be enough.
fn run(desk: &Desk, text: &str) {
    desk.write("x.toml", &text.replace("bins = 6", "bins = 6\nattempts = true"));
    desk.done(&["run", "x.toml", "--out", "o", "--quiet"]);
    fs::remove_file(desk.path("x.toml")).expect("removed");
}

/// The rows of a table of one run, by task: some of their columns as text.
fn rows_of<T: Table>(
    desk: &Desk,
    variant: &str,
    seed: f64,
    columns: [&str; 2],
) -> Vec<(u64, [String; 2])> {
    let rows = Rows::read(&desk.path("o"), &T::DOC).expect("read");
    let text = |name| rows.texts(name).expect(name);
    let (variants, seeds) = (text("variant"), rows.numbers("seed").expect("seed"));
    let tasks = rows.numbers("task").expect("task");
    let columns = columns.map(text);
    (0..tasks.len())
        .filter(|at| variants[*at] == variant && seeds[*at] == Some(seed))
        .map(|at| {
            (tasks[at].expect("a task") as u64, [columns[0][at].clone(), columns[1][at].clone()])
        })
        .collect()
}

fn of_task(rows: &[(u64, [String; 2])], task: u64) -> Vec<&[String; 2]> {
    rows.iter().filter(|(own, _)| *own == task).map(|(_, row)| row).collect()
}

#[test]
fn what_is_told_is_what_the_tables_have() {
    let desk = Desk::new();
    run(&desk, &format!("{OUTAGE}{BEST_FIXED}"));
    let (mut n_calls, mut n_fallbacks) = (0, 0);
    for variant in ["stage4", "fixed order", "best fixed"] {
        let attempts = rows_of::<Attempts>(&desk, variant, 2.0, ["model", "outcome"]);
        let fallbacks = rows_of::<Fallbacks>(&desk, variant, 2.0, ["from_model", "to_model"]);
        let tasks = rows_of::<Tasks>(&desk, variant, 2.0, ["outcome", "first_model"]);
        // Every fifteenth, and of those that had a fallback every third.
        let told = tasks.iter().filter(|(task, _)| {
            task % 15 == 0 || task % 3 == 0 && !of_task(&fallbacks, *task).is_empty()
        });
        for (task, [outcome, first_model]) in told {
            let n = task.to_string();
            let text =
                desk.done(&["explain", "o", "--task", &n, "--variant", variant, "--seed", "2"]);
            let head = format!("task {task} of block main, variant {variant}, seed 2\n");
            assert!(text.contains(&head) && !text.contains("warning"), "{text}");
            let calls = of_task(&attempts, *task);
            for (at, [model, outcome]) in calls.iter().enumerate() {
                assert!(text.contains(&format!("call {at} goes to {model} (")), "{text}");
                assert!(
                    text.contains(&format!("call {at} to {model} ends: {outcome}, ")),
                    "{text}"
                );
            }
            assert_eq!(text.matches(" goes to ").count(), calls.len(), "{text}");
            let own = of_task(&fallbacks, *task);
            let lines = text.lines().filter(|line| line.contains("falls back from "));
            let lines: Vec<&str> = lines.collect();
            assert_eq!(lines.len(), own.len(), "{text}");
            for (line, [from, to]) in lines.iter().zip(&own) {
                let target = if to.is_empty() { "no target" } else { to.as_str() };
                let is_it = line.contains(&format!("from {from} (")) && line.contains(target);
                assert!(is_it, "{from} to {to}: {text}");
            }
            let last = text.lines().last().unwrap_or_default();
            assert!(last.contains(&format!("ends: {outcome}, ")), "{text}");
            // The first decision takes the first model called, unless its breaker has the last word.
            if !first_model.is_empty() && own.is_empty() && text.contains("decision for") {
                assert!(text.contains(&format!(": takes {first_model}\n")), "{text}");
            }
            // Times never go back.
            let times: Vec<f64> = text
                .lines()
                .filter_map(|line| {
                    line.trim_start().strip_prefix('+')?.split(' ').next()?.parse().ok()
                })
                .collect();
            assert!(times.len() > 2 && times.is_sorted(), "{times:?} in {text}");
            n_calls += calls.len();
            n_fallbacks += own.len();
        }
    }
    assert!(n_calls > 60 && n_fallbacks > 5, "{n_calls} calls, {n_fallbacks} fallbacks: too few");
}

#[test]
fn bases_and_put_variants_are_told_from_what_was_kept() {
    let desk = Desk::new();
    desk.write("parts/outage.toml", OUTAGE);
    desk.write("x.toml", "format = 1\nbase = \"parts/outage.toml\"\nquestion = \"Again?\"\n");
    desk.done(&["compare", "x.toml", "--learners", "ucb1,fixed order", "--out", "o", "--quiet"]);
    fs::remove_file(desk.path("parts/outage.toml")).expect("removed");
    fs::remove_file(desk.path("x.toml")).expect("removed");
    let text = desk.done(&["explain", "o", "--task", "30"]);
    assert!(text.contains("variant ucb1, seed 1") && !text.contains("warning"), "{text}");
    assert!(text.contains("its order (ucb1) compares models"), "{text}");
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let desk = Desk::new();
    run(&desk, OUTAGE);
    let refused = |arguments: &[&str]| {
        let said = desk.run(&[&["explain", "o"], arguments].concat());
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
        said.err
    };
    let n = Manifest::read(&desk.path("o")).expect("read").cells[0].tasks;
    let text = refused(&["--task", "100000"]);
    assert!(text.contains(&format!("no task 100000; its tasks are 0 to {}", n - 1)), "{text}");
    let text = refused(&["--task", "1", "--variant", "stage5"]);
    assert!(text.contains("no variant stage5; there is `stage4`, `fixed order`"), "{text}");
    let text = refused(&["--task", "1", "--seed", "7"]);
    assert!(text.contains("no seed 7; there is `1`, `2`"), "{text}");
    let text = refused(&["--task", "1", "--block", "other"]);
    assert!(text.contains("no block other; there is `main`"), "{text}");
}

#[test]
fn another_hash_is_said() {
    let desk = Desk::new();
    run(&desk, OUTAGE);
    let path = desk.path("o/manifest.json");
    let mut manifest = Manifest::read(&desk.path("o")).expect("read");
    "0000000000000000".clone_into(&mut manifest.cells[0].event_hash);
    manifest.write(path.parent().expect("a folder")).expect("written");
    let text = desk.done(&["explain", "o", "--task", "1"]);
    assert!(
        text.contains("warning: this run's hash of events is not that of the results"),
        "{text}"
    );
}

#[test]
fn tables_are_read_again_where_the_scenario_stood() {
    let desk = Desk::new();
    let (rate, trace) =
        ("[workload.poisson]\nrate_per_s = 0.2", "[workload.trace]\nfile = \"t.csv\"");
    assert!(OUTAGE.contains(rate));
    desk.write("here/x.toml", &OUTAGE.replace(rate, trace));
    let rows: String = (0..200).map(|k| format!("{}.5,300,100\n", 6 * k)).collect();
    desk.write("here/t.csv", &format!("arrived_s,input_tokens,output_tokens\n{rows}"));
    desk.done(&["run", "here/x.toml", "--out", "o", "--quiet"]);
    let said = desk.run(&["explain", "o", "--task", "4"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("t.csv") && said.err.contains("--beside"), "{}", said.err);
    let text = desk.done(&["explain", "o", "--task", "4", "--beside", "here"]);
    assert!(text.contains("arrives at 2026-03-02 09:00:24.500"), "{text}");
    assert!(!text.contains("warning"), "{text}");
}
