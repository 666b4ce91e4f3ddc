//! The Stage 4 plan's criteria: controls, the alternative chosen on other seeds, and the execution report.

#[expect(dead_code, reason = "a test of the program needs but some of this")]
mod program;

use std::fs;
use std::path::Path;

use program::Desk;
use reflexarc::results::column::{Table, TableDoc};
use reflexarc::results::manifest::Manifest;
use reflexarc::results::parquet::Rows;
use reflexarc::results::schema::{Controls, Days, Measures};

/// Four days that begin at 06:00, so that the first whole local day behind 48 hours is day 3; on the fourth, five models
/// are out of tokens from noon.
const STUDY: &str = concat!(
    "seeds = \"1..4\"\n",
    include_str!("data/learning.toml"),
    r#"end.after = "96h"
[workload.poisson]
rate_per_s = 0.002
[[faults]]
effect.quota = { used_share = 1.0 }
models = ["Groq", "Gemini", "Claude", "DeepSeek", "OpenAI"]
start = "2026-03-05T12:00"
[criteria]
selection_seeds = "101..103"
[[variants]]
name = "stage4"
[[variants]]
name = "thompson"
stack.order.learner.thompson_beta = {}
stack.fallback.ranked = { max_fallbacks = 4 }
[[variants]]
name = "random"
stack.order = "random"
[[variants]]
name = "told"
stack.order = "informed_greedy"
"#
);

fn study(text: &str, flags: &[&str]) -> Desk {
    let desk = Desk::new();
    desk.write("study.toml", text);
    desk.done(&[&["run", "study.toml", "--quiet", "--out", "o"], flags].concat());
    desk
}

/// Rows of a table as texts and numbers, of the columns asked for.
fn rows(folder: &Path, doc: &TableDoc, texts: &[&str], number: &str) -> Vec<(Vec<String>, f64)> {
    let table = Rows::read(folder, doc).expect("read");
    let columns: Vec<Vec<String>> = texts
        .iter()
        .map(|name| {
            table.texts(name).unwrap_or_else(|_| {
                let numbers = table.numbers(name).expect("a column");
                numbers.into_iter().map(|n| n.map_or("-".into(), |n| n.to_string())).collect()
            })
        })
        .collect();
    let numbers = table.numbers(number).expect("a column");
    let keys = |at: usize| columns.iter().map(|column| column[at].clone()).collect();
    numbers.into_iter().enumerate().filter_map(|(at, n)| Some((keys(at), n?))).collect()
}

fn report(desk: &Desk) -> String {
    let path = desk.path("o/reports/260306-Stage4-Execution-Report.md");
    fs::read_to_string(path).expect("dated by the last local day")
}

#[test]
fn the_frozen_control_is_the_same_stack_without_learning() {
    let desk = study(STUDY, &[]);
    let key = ["variant", "seed", "day"];
    let controls =
        rows(&desk.path("o"), &Controls::DOC, &["variant", "seed", "day", "control"], "efficiency");
    // Two variants learn, four seeds, two controls, and days 0 to 3: the control ends with the day of the gain.
    assert_eq!(controls.len(), 2 * 4 * 2 * 4);
    let frozen = STUDY
        .replace("preset = \"stage4\"", "preset = \"stage4\"\nlearning = false")
        .replace("96h", "4d");
    let days = rows(
        &study(&frozen, &[]).path("o"),
        &Days::DOC,
        &[&key[..], &["level"]].concat(),
        "efficiency",
    );
    let informed = STUDY
        .replace("[stack]\n", "[stack]\norder = \"informed_greedy\"\n")
        .replace("stack.order.learner.thompson_beta = {}\n", "");
    let told = rows(
        &study(&informed, &[]).path("o"),
        &Days::DOC,
        &[&key[..], &["level"]].concat(),
        "efficiency",
    );
    let mut n_compared = 0;
    for (own, efficiency) in &controls {
        let (place, control) = own.split_at(3);
        let against = if control[0] == "frozen" { &days } else { &told };
        let same = against.iter().find(|(k, _)| k[..3] == *place && k[3] == "all");
        let (_, expected) = same.unwrap_or_else(|| panic!("no day for {own:?}"));
        assert_eq!(efficiency, expected, "{own:?}");
        n_compared += 1;
    }
    assert_eq!(n_compared, 64);
}

#[test]
fn the_gain_is_recomputed_from_days_and_controls() {
    let desk = study(STUDY, &[]);
    let of = |doc, column, name: &str, variant: &str| -> Vec<f64> {
        rows(&desk.path("o"), doc, &["variant", "day", column], "efficiency")
            .into_iter()
            .filter(|(k, _)| k[0] == variant && k[1] == "3" && k[2] == name)
            .map(|(_, efficiency)| efficiency)
            .collect()
    };
    for variant in ["stage4", "thompson"] {
        let mean = |values: Vec<f64>| {
            assert_eq!(values.len(), 4, "{variant}: four seeds have a day 3");
            values.iter().sum::<f64>() / 4.0
        };
        let own = mean(of(&Days::DOC, "level", "all", variant));
        let frozen = mean(of(&Controls::DOC, "control", "frozen", variant));
        let informed = mean(of(&Controls::DOC, "control", "informed", variant));
        let gain = format!("| {:+.1} % [", 100.0 * (own - frozen) / frozen);
        let headroom = format!("there was {:+.1} % [", 100.0 * (informed - frozen) / frozen);
        let report = report(&desk);
        assert!(report.contains(&gain), "{variant}: {gain} in\n{report}");
        assert!(report.contains(&headroom), "{variant}: {headroom} in\n{report}");
    }
}

#[test]
fn the_best_alternative_is_chosen_on_other_seeds() {
    let desk = study(STUDY, &[]);
    let manifest = Manifest::read(&desk.path("o")).expect("read");
    let [chosen] = &manifest.alternatives[..] else { panic!("one block, one choice") };
    assert_eq!(chosen.seeds, [101, 102, 103]);
    // A study that reports the selection seeds has the same mean rewards.
    let there = study(&STUDY.replace("101..103", "201..203"), &["--seeds", "101..103"]);
    let rewards: Vec<(Vec<String>, f64)> =
        rows(&there.path("o"), &Measures::DOC, &["variant", "measure", "level", "window"], "value")
            .into_iter()
            .filter(|(k, _)| k[1] == "reward" && k[2] == "all" && k[3] == "run")
            .collect();
    for (name, mean) in &chosen.mean_rewards {
        let own: Vec<f64> =
            rewards.iter().filter(|(k, _)| k[0] == *name).map(|(_, v)| *v).collect();
        assert!((own.iter().sum::<f64>() / 3.0 - mean).abs() < 1e-12, "{name}");
    }
    // The first variant and the reference that is told the truth are no candidates.
    let names: Vec<&str> = chosen.mean_rewards.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["thompson", "random"]);
    let best = chosen.mean_rewards.iter().max_by(|a, b| a.1.total_cmp(&b.1)).expect("two");
    assert_eq!(chosen.chosen.as_deref(), Some(best.0.as_str()));
}

#[test]
fn selection_seeds_are_never_reported() {
    let desk = Desk::new();
    desk.write("study.toml", &STUDY.replace("101..103", "4..6"));
    let said = desk.run(&["check", "study.toml"]);
    assert_eq!(said.code, Some(2));
    assert!(
        said.err.contains("seed 4 is both a selection seed and a reported one"),
        "{}",
        said.err
    );
    assert!(said.err.contains("selection_seeds = \"4..6\""), "{}", said.err);
    desk.write("study.toml", STUDY);
    let said = desk.run(&["run", "study.toml", "--seeds", "100..102"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("--seeds holds 101"), "{}", said.err);
}

#[test]
fn counts_are_exact_and_what_did_not_happen_is_said() {
    let desk = study(STUDY, &[]);
    let text = report(&desk);
    let manifest = Manifest::read(&desk.path("o")).expect("read");
    let n_tasks: u64 =
        manifest.cells.iter().filter(|c| c.variant == "stage4").map(|c| c.tasks).sum();
    let grouped = format!("{},{:03}", n_tasks / 1000, n_tasks % 1000);
    assert!(text.contains(&format!("{grouped} of {grouped} tasks | met")), "{text}");
    // From Monday 06:00 to Friday 06:00 there are five local days.
    assert!(text.contains("20 of 20 days (5 local days in each of 4 runs) | met"), "{text}");
    assert!(!text.contains("not exercised: fallback"), "{text}");

    let short = STUDY.replace("96h", "24h").replace("2026-03-05T12:00", "2026-03-02T12:00");
    let text =
        fs::read_to_string(study(&short, &[]).path("o/reports/260303-Stage4-Execution-Report.md"))
            .expect("dated by the last local day");
    assert!(
        text.contains("the run is over before a whole day behind the first 48 hours"),
        "{text}"
    );

    let calm = STUDY.replace("[[faults]]", "[[random_faults]]\nname = \"x\"\nmean_time_between = \"9000h\"\nmean_duration = \"1s\"\neach_model = true\n#").replace("effect.quota = { used_share = 1.0 }\nmodels = [\"Groq\", \"Gemini\", \"Claude\", \"DeepSeek\", \"OpenAI\"]\nstart = \"2026-03-05T12:00\"", "effect = \"outage\"");
    let text = report(&study(&calm, &[]));
    assert!(text.contains("no fault leaves five models without tokens"), "{text}");
}
