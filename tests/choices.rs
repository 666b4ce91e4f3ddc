//! A block that is run for every choice of models: its choices, its means, and what is refused.

#[expect(dead_code, reason = "a test of the program needs but some of this")]
mod program;

use std::collections::BTreeMap;
use std::fs;

use program::{Desk, assert_same, files};
use reflexarc::results::column::{Table, TableDoc};
use reflexarc::results::manifest::{ChoiceEntry, Manifest};
use reflexarc::results::parquet::Rows;
use reflexarc::results::schema::{Choices, Measures, Tasks};

/// Every choice of five of the plan's ten models out of tokens for half an hour, beside an ordinary block.
const STUDY: &str = r#"
format = 1
question = "What survives every choice?"
seeds = "1..2"
time = { start = "2026-03-02T08:00", zone = "UTC", end.after = "30min" }
registry.use = "stage4"
workload.poisson.rate_per_s = 0.1
[[task_types]]
name = "diagnosis"
share = 1
level = "L1"
input_tokens = 200
output_tokens = 100
deadline = "10s"
[[task_types]]
name = "decision"
share = 1
level = "L2"
input_tokens = 200
output_tokens = 100
deadline = "20s"
[[task_types]]
name = "analysis"
share = 1
level = "L3"
input_tokens = 200
output_tokens = 100
deadline = "30s"
[[task_types]]
name = "routing"
share = 1
level = "L4"
input_tokens = 200
output_tokens = 100
deadline = "20s"
[stack]
preset = "stage4"
[[variants]]
name = "stage4"
[[variants]]
name = "next in order"
stack.fallback.ranked = { max_fallbacks = 4 }
[record]
regret = false
[[blocks]]
name = "calm"
[[blocks]]
name = "any"
question = "Which five?"
[[blocks.faults]]
name = "out of tokens"
effect.quota = { used_share = 1.0 }
every_choice_of = 5
start = "+10min"
"#;

fn read(desk: &Desk, doc: &TableDoc) -> Rows {
    Rows::read(&desk.path("o"), doc).expect("read")
}

fn ran(text: &str) -> (Desk, String) {
    let desk = Desk::new();
    desk.write("study.toml", text);
    let out = desk.done(&["run", "study.toml", "--quiet", "--out", "o"]);
    (desk, out)
}

#[test]
fn every_choice_is_run_and_the_block_is_told_of_as_one() {
    let (desk, out) = ran(STUDY);
    let manifest = Manifest::read(&desk.path("o")).expect("read");
    let names: Vec<&str> = manifest.blocks.iter().map(|block| block.name.as_str()).collect();
    assert_eq!(names, ["calm", "any"]);
    assert_eq!(manifest.blocks[1].question.as_deref(), Some("Which five?"));
    // 10 over 5 choices, and the ordinary block.
    assert_eq!(manifest.cells.len(), (252 + 1) * 2 * 2);
    let [family] = &manifest.choices[..] else { panic!("{:?}", manifest.choices) };
    let mut all: Vec<&Vec<String>> = family.choices.iter().map(|choice| &choice.models).collect();
    assert!(all.iter().all(|models| models.len() == 5));
    all.sort();
    all.dedup();
    assert_eq!((all.len(), family.n_models), (252, 5));
    // Each of the plan's lists has four of the ten models, and is emptied by 6 choices: the four and one of the other six.
    // Those of L2 and L4 are the same four; L1 and L2 share three, as do L2 and L3, so that one choice empties both; L1 and L3
    // share two. 6 + 6 + 6 - 1 - 1 = 16.
    let lacking = |variant: &str| {
        let lacks =
            |choice: &&ChoiceEntry| choice.without_target.iter().any(|(name, _)| name == variant);
        family.choices.iter().filter(lacks).count()
    };
    assert_eq!((lacking("stage4"), lacking("next in order")), (16, 0));
    // One section and one row of a variant for the block, whatever it has of choices.
    assert_eq!(out.matches("means over 2 seeds").count(), 2, "{out}");
    assert!(out.contains("hits 5 of 10 models, in each of the 252 choices"), "{out}");
    let report = fs::read_to_string(desk.path("o/reports/choices.md")).expect("written");
    assert_eq!(report.lines().filter(|line| line.starts_with("| 2")).count(), 64, "{report}");
    let tasks = read(&desk, &Tasks::DOC).texts("block").expect("a column");
    assert!(tasks.iter().all(|block| block == "calm") && !tasks.is_empty());
}

#[test]
fn the_measures_of_the_block_are_means_over_its_choices() {
    let (desk, _) = ran(STUDY);
    let choices = read(&desk, &Choices::DOC);
    let column = |name| choices.texts(name).expect("a column");
    let (variants, levels) = (column("variant"), column("level"));
    let seeds = choices.wholes("seed").expect("a column");
    let shares = choices.numbers("availability").expect("a column");
    let mut sums: BTreeMap<(String, String, u64), (f64, f64)> = BTreeMap::new();
    for at in 0..seeds.len() {
        let Some(share) = shares[at] else { continue };
        let key = (variants[at].clone(), levels[at].clone(), seeds[at]);
        let own = sums.entry(key).or_default();
        *own = (own.0 + share, own.1 + 1.0);
    }
    assert_eq!(sums.len(), 2 * 5 * 2);
    let measures = read(&desk, &Measures::DOC);
    let column = |name| measures.texts(name).expect("a column");
    let keys = ["block", "window", "measure", "variant", "level"].map(column);
    let seeds = measures.wholes("seed").expect("a column");
    let values = measures.numbers("value").expect("a column");
    let mut found = 0;
    for at in 0..seeds.len() {
        let [block, window, measure, variant, level] = keys.each_ref().map(|own| own[at].as_str());
        if (block, window, measure) == ("any", "faults", "availability") {
            let (sum, n) = sums[&(variant.to_owned(), level.to_owned(), seeds[at])];
            assert!((values[at].expect("a value") - sum / n).abs() < 1e-12, "{variant} {level}");
            found += 1;
        }
        assert!(["calm", "any"].contains(&block), "{block}");
    }
    assert_eq!(found, sums.len());
}

#[test]
fn results_do_not_depend_on_threads_and_a_choice_is_what_its_models_make_it() {
    let short = STUDY.replace("every_choice_of = 5", "every_choice_of = 1");
    let (desk, _) = ran(&short);
    desk.done(&["run", "study.toml", "--quiet", "--out", "p", "--threads", "1"]);
    assert_same(&files(&desk.path("o")), &files(&desk.path("p")));
    // The same world written by hand makes the same runs.
    let written = short.replace("every_choice_of = 1", "models = [\"Claude\"]");
    let (by_hand, _) = ran(&written);
    let hashes = |desk: &Desk, block: &str| -> Vec<String> {
        let manifest = Manifest::read(&desk.path("o")).expect("read");
        let own = manifest.cells.into_iter().filter(|cell| cell.block == block);
        own.map(|cell| cell.event_hash).collect()
    };
    assert_eq!(hashes(&desk, "any: Claude"), hashes(&by_hand, "any"));
    assert_ne!(hashes(&desk, "any: Groq"), hashes(&by_hand, "any"));
}

#[test]
fn what_cannot_be_chosen_is_refused_at_its_place() {
    let refused = |from: &str, to: &str, message: &str| {
        let desk = Desk::new();
        let text = STUDY.replace(from, to);
        assert_ne!(text, STUDY, "{from}");
        desk.write("study.toml", &text);
        let said = desk.run(&["check", "study.toml"]);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.err.contains(message), "{message}\n{}", said.err);
    };
    let key = "every_choice_of = 5";
    refused(key, "every_choice_of = 11", "the fault takes 11 of 10 models");
    refused(key, "every_choice_of = 5\ndraw = 2", "does not say whom it hits, or says it twice");
    refused(
        "[record]",
        "[criteria]\nselection_seeds = \"9\"\n[record]",
        "`criteria` chooses in every block",
    );
    let more = "every_choice_of = 5\nstart = \"+1min\"\n[[blocks.faults]]\neffect = \"outage\"\nevery_choice_of = 2";
    refused(key, more, "two faults of a block hit every choice of so many models");
    let one =
        "[[variants]]\nname = \"one\"\nstack.order.best_fixed.selection_seeds = \"9\"\n[record]";
    refused("[record]", one, "the variant `one` has its model chosen in every block");
    let mut registry = String::new();
    for at in 0..20 {
        registry.push_str(&format!(
            "[registry.models.m{at}]\nprovider = \"p\"\nlevels = [\"L1\", \"L2\", \"L3\", \"L4\"]\nscore = 90\nsuccess = 0.9\n\
             quality = 90\nresponse_ms = 500\nusd_per_mtok_input = 1\nusd_per_mtok_output = 1\n"
        ));
    }
    let text = STUDY
        .replace("registry.use = \"stage4\"\n", "")
        .replace("[stack]\npreset = \"stage4\"", &format!("{registry}[stack]\norder = \"random\""));
    let desk = Desk::new();
    desk.write("study.toml", &text);
    let said = desk.run(&["check", "study.toml"]);
    assert!(said.err.contains("there are 15504 choices of 5 of 20 models"), "{}", said.err);
}
