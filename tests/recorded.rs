//! Worlds whose answers are recorded: what is asked, what comes back, what is chosen apart.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use reflexarc::domain::TaskRecord;
use reflexarc::engine::{self, Observer};
use reflexarc::scenario;
use reflexarc::scenario::resolved::{Block, Resolved};
use reflexarc::units::ModelId;
use reflexarc::world::outcomes::Answer;

/// Prompts of the small table.
const N: usize = 200;
/// Models of it.
const MODELS: [&str; 3] = ["a", "b", "c"];

/// Quality, tokens of the answer, cost and time of a pair, all by arithmetic.
fn answer(prompt: usize, model: usize) -> (u32, usize, f64, f64) {
    let right = (prompt * 7 + model * 5 + prompt * prompt * (model + 1)) % 10 < 3 + 2 * model;
    let tokens = 20 + (prompt * 13 + model * 29) % 100;
    let usd = 1e-5 * (model * model + 1) as f64 * (10 + tokens) as f64;
    (u32::from(right), tokens, usd, 0.5 + 0.01 * tokens as f64)
}

/// A folder with the small table, its features and a scenario.
fn folder(more: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut table = String::from(
        "prompt_id,domain,model,quality,input_tokens,output_tokens,cost_usd,latency_s\n",
    );
    let mut features = String::from("prompt_id,x,y\n");
    for prompt in 0..N {
        let domain = ["u", "v"][prompt % 2];
        for (at, model) in MODELS.iter().enumerate() {
            let (quality, tokens, usd, seconds) = answer(prompt, at);
            let _ = writeln!(
                table,
                "p{prompt},{domain},{model},{quality},{},{tokens},{usd},{seconds}",
                10 + prompt % 3
            );
        }
        let _ = writeln!(features, "p{prompt},{},{}", prompt % 7, (prompt * prompt) % 11);
    }
    std::fs::write(folder.path().join("t.csv"), table).expect("written");
    std::fs::write(folder.path().join("f.csv"), features).expect("written");
    let text = format!(
        "format = 1\nquestion = \"which?\"\nseeds = \"1..3\"\n\
         reward.utility = {{ quality = 1, cost_per_usd = 50, latency_per_s = 0 }}\n\
         time = {{ start = \"2026-03-02T08:00\", zone = \"UTC\", end.passes = 1 }}\n\
         registry.use = \"outcomes\"\n\
         [world.outcomes]\nfile = \"t.csv\"\nfeatures = \"f.csv\"\n\
         [workload.fixed_interval]\ninterval = \"60s\"\n{more}"
    );
    let path = folder.path().join("s.toml");
    std::fs::write(&path, text).expect("written");
    (folder, path)
}

fn read(path: &Path) -> Resolved {
    scenario::read(path, false).unwrap_or_else(|report| panic!("{report}"))
}

/// All tasks of a run.
#[derive(Default)]
struct Ended(Vec<TaskRecord>);

impl Observer for Ended {
    fn task_ended(&mut self, record: &TaskRecord) {
        self.0.push(*record);
    }
}

fn run(resolved: &Resolved, block: &Block, variant: usize, seed: u64) -> Vec<TaskRecord> {
    let mut ended = Ended::default();
    engine::run(&resolved.cell(block, &resolved.variants[variant].stack), seed, &mut ended);
    ended.0
}

/// Answers of the prompts that a block asks.
fn asked(block: &Block) -> Vec<(u32, Vec<Answer>)> {
    let recorded = block.world.recorded.as_ref().expect("recorded");
    let of = |p: &u32| (0..3).map(|m| *recorded.table.answer(*p, ModelId(m))).collect();
    recorded.prompts.iter().map(|prompt| (*prompt, of(prompt))).collect()
}

const VARIANTS: &str = "[stack]\ncall_timeout = \"10min\"\n\
    [[variants]]\nname = \"always b\"\nstack.order.always.model = \"b\"\n\
    [[variants]]\nname = \"oracle\"\nstack.order = \"informed_greedy\"\n\
    [[variants]]\nname = \"random\"\nstack.order = \"random\"\n";

#[test]
fn a_pass_asks_every_prompt_once_in_an_order_of_the_seed_alone() {
    let (_folder, path) = folder(VARIANTS);
    let resolved = read(&path);
    let block = &resolved.blocks[0];
    let prompts = |variant, seed| -> Vec<u32> {
        let tasks = run(&resolved, block, variant, seed);
        tasks.iter().map(|task| task.prompt.expect("a prompt")).collect()
    };
    let first = prompts(0, 1);
    assert_eq!(first.len(), N / 2);
    let mut sorted = first.clone();
    sorted.sort_unstable();
    let all: Vec<u32> = asked(block).iter().map(|(prompt, _)| *prompt).collect();
    assert_eq!(sorted, all, "each prompt that is not set apart, once");
    assert_eq!(prompts(2, 1), first, "another stack meets the same order");
    assert_ne!(prompts(0, 2), first, "another seed asks in another order");
}

#[test]
fn a_second_pass_asks_them_all_again_in_another_order() {
    let (_folder, path) = folder(VARIANTS);
    let text = std::fs::read_to_string(&path).expect("text").replace("passes = 1", "passes = 2");
    std::fs::write(&path, text).expect("written");
    let resolved = read(&path);
    let tasks = run(&resolved, &resolved.blocks[0], 0, 1);
    let prompts: Vec<u32> = tasks.iter().map(|task| task.prompt.expect("a prompt")).collect();
    let (one, two) = prompts.split_at(N / 2);
    assert_ne!(one, two);
    let sorted = |part: &[u32]| {
        let mut part = part.to_vec();
        part.sort_unstable();
        part
    };
    assert_eq!(sorted(one), sorted(two));
}

#[test]
fn a_call_brings_the_recorded_answer_to_the_last_digit() {
    let (_folder, path) = folder(VARIANTS);
    let resolved = read(&path);
    let block = &resolved.blocks[0];
    let recorded: BTreeMap<u32, Vec<Answer>> = asked(block).into_iter().collect();
    for task in run(&resolved, block, 0, 7) {
        let own = recorded[&task.prompt.expect("a prompt")][1];
        assert!(task.served && task.n_attempts == 1);
        assert_eq!(task.quality, 100.0 * f64::from(own.quality));
        assert_eq!(task.cost_usd, own.cost_usd);
        assert_eq!(task.input_tokens, u64::from(own.input_tokens));
        assert_eq!(task.output_tokens, u64::from(own.output_tokens));
        let seconds = task.ended.since(task.arrived).as_secs_f64();
        // Virtual time counts nanoseconds.
        assert!((seconds - f64::from(own.latency_s)).abs() < 1e-8, "{seconds}");
    }
}

#[test]
fn the_informed_reference_is_the_realised_oracle() {
    let (_folder, path) = folder(VARIANTS);
    let resolved = read(&path);
    let block = &resolved.blocks[0];
    let worth = |answer: &Answer| f64::from(answer.quality) - 50.0 * answer.cost_usd;
    let best: f64 = asked(block)
        .iter()
        .map(|(_, answers)| answers.iter().map(worth).fold(f64::NEG_INFINITY, f64::max))
        .sum();
    let tasks = run(&resolved, block, 1, 3);
    let reward: f64 = tasks.iter().map(|task| task.reward).sum();
    assert!((reward - best).abs() < 1e-9, "{reward} instead of {best}");
    assert!(tasks.iter().all(|task| task.decision_regret.expect("measured").abs() < 1e-12));
    // Whatever another router gets, its regret is what it misses of that.
    let random = run(&resolved, block, 2, 3);
    let missed: f64 = random.iter().map(|task| task.decision_regret.expect("measured")).sum();
    let got: f64 = random.iter().map(|task| task.reward).sum();
    assert!((got + missed - best).abs() < 1e-9, "{got} and {missed} instead of {best}");
}

#[test]
fn what_is_chosen_by_looking_is_chosen_on_the_prompts_set_apart() {
    let more = "[stack]\ncall_timeout = \"10min\"\n[compare]\nselection_seeds = \"100..101\"\n\
        [[variants]]\nname = \"single\"\nstack.order.best_fixed.selection_seeds = \"100..100\"\n\
        [[variants]]\nname = \"domain\"\nstack.order.predicted = { by.domain_mean = {}, quality_per_usd = 50 }\n\
        [[variants]]\nname = \"oracle\"\nstack.order = \"informed_greedy\"\n";
    let (place, path) = folder(more);
    let resolved = read(&path);
    struct Quiet;
    impl reflexarc::experiment::Progress for Quiet {
        fn runs(&self, _: u64) {}
        fn run_ended(&self, _: u64) {}
    }
    let out = place.path().join("out");
    std::fs::create_dir(&out).expect("made");
    let manifest =
        reflexarc::experiment::run(&resolved, &out, 1, &Quiet).expect("a study that runs");
    let apart = resolved.blocks[0].training_world.as_ref().expect("prompts set apart");
    let recorded = apart.recorded.as_ref().expect("recorded");
    let mean = |model: u16| {
        let worth = |prompt: &u32| {
            let answer = recorded.table.answer(*prompt, ModelId(model));
            f64::from(answer.quality) - 50.0 * answer.cost_usd
        };
        recorded.prompts.iter().map(worth).sum::<f64>() / recorded.prompts.len() as f64
    };
    let selection = &manifest.selections[0];
    for (model, chosen_by) in selection.mean_rewards.iter().enumerate() {
        let expected = mean(model as u16);
        assert!((chosen_by - expected).abs() < 1e-9, "{model}: {chosen_by}, not {expected}");
    }
    let winner = &manifest.winners[0];
    let names: Vec<&str> = winner.mean_rewards.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["single", "domain"], "what is told the truth is no candidate");
    let about = manifest.recorded.expect("an account");
    assert_eq!((about.rows, about.train, about.asked), (600, 100, 100));
    reflexarc::report::write(&out).expect("reports");
    let report = std::fs::read_to_string(out.join("reports/recorded-outcomes.md")).expect("one");
    let best = asked(&resolved.blocks[0]);
    let model = MODELS.iter().position(|name| *name == selection.model).expect("a model");
    let quality = best.iter().map(|(_, own)| f64::from(own[model].quality)).sum::<f64>();
    let shown = format!("| {:.2} [", 100.0 * quality / best.len() as f64);
    assert!(report.contains("(best single)") && report.contains(&shown), "{shown}\n{report}");
    assert!(out.join("charts/frontier.svg").exists());
}

#[test]
fn faults_act_on_recorded_answers() {
    let fault = |effect: &str| {
        format!("{VARIANTS}[[faults]]\neffect = {effect}\neverything = true\nstart = \"+0s\"\n")
    };
    let sums = |effect: &str| {
        let (_folder, path) = folder(&fault(effect));
        let resolved = read(&path);
        let tasks = run(&resolved, &resolved.blocks[0], 0, 5);
        let sum = |of: fn(&TaskRecord) -> f64| tasks.iter().map(of).sum::<f64>();
        (
            tasks.iter().filter(|task| task.served).count(),
            sum(|task| task.cost_usd),
            sum(|task| task.quality),
            sum(|task| task.ended.since(task.arrived).as_secs_f64()),
        )
    };
    let (n, usd, quality, seconds) = sums("{ slow_down = { factor = 1 } }");
    assert_eq!(n, N / 2);
    let dearer = sums("{ price_change = { factor = 3 } }");
    assert!((dearer.1 - 3.0 * usd).abs() < 1e-12 && dearer.2 == quality);
    let slower = sums("{ slow_down = { factor = 2 } }");
    assert!((slower.3 - 2.0 * seconds).abs() < 1e-6);
    assert_eq!(sums("{ outage = {} }").0, 0);
    assert_eq!(sums("{ quality_drift = { success_factor = 0 } }").2, 0.0);
    let worse = sums("{ quality_drift = { success_factor = 0.5 } }").2;
    // Half of some 50 right answers are lost, one in two each: sd 3.5; 3.3 sd hold at alpha = 0.001.
    assert!((worse - 0.5 * quality).abs() < 100.0 * 3.3 * 3.6, "{worse} of {quality}, seed 5");
}

#[test]
fn wrong_answers_are_seen_by_the_stack_only_where_the_scenario_says_so() {
    let more = format!("{VARIANTS}[stack.fallback.ranked]\nmax_fallbacks = 2\n");
    let (_folder, path) = folder(&more);
    let resolved = read(&path);
    let tasks = run(&resolved, &resolved.blocks[0], 0, 1);
    assert!(tasks.iter().all(|task| task.n_attempts == 1 && task.served));
    let text = std::fs::read_to_string(&path).expect("text");
    let text = text.replace("features = \"f.csv\"", "features = \"f.csv\"\nsuccess_from = 0.5");
    std::fs::write(&path, text).expect("written");
    let resolved = read(&path);
    let block = &resolved.blocks[0];
    let recorded: BTreeMap<u32, Vec<Answer>> = asked(block).into_iter().collect();
    for task in run(&resolved, block, 0, 1) {
        let own = &recorded[&task.prompt.expect("a prompt")];
        assert_eq!(task.n_attempts == 1, own[1].quality == 1.0, "a wrong answer falls back");
        assert_eq!(task.served, own.iter().any(|answer| answer.quality == 1.0));
    }
}

#[test]
fn a_cascade_pays_for_every_answer_and_keeps_the_last() {
    let of = |trusted_from: &str| {
        let more = format!(
            "[stack]\ncall_timeout = \"10min\"\n\
             [[variants]]\nname = \"cascade\"\nstack.order.cascade = {{ models = [\"a\", \"c\"], trusted_from = {trusted_from} }}\n"
        );
        let (_folder, path) = folder(&more);
        let resolved = read(&path);
        let block = resolved.blocks[0].clone();
        (run(&resolved, &block, 0, 1), asked(&block).into_iter().collect::<BTreeMap<_, _>>())
    };
    let (all, recorded) = of("1");
    for task in &all {
        let own = &recorded[&task.prompt.expect("a prompt")];
        assert_eq!((task.n_attempts, task.served_by), (2, Some(ModelId(2))));
        assert!((task.cost_usd - own[0].cost_usd - own[2].cost_usd).abs() < 1e-15);
        assert_eq!(task.quality, 100.0 * f64::from(own[2].quality));
    }
    assert!(of("0").0.iter().all(|task| task.n_attempts == 1));
    let some = of("0.35").0.iter().filter(|task| task.n_attempts == 2).count();
    assert!(some > 0 && some < N / 2, "{some} of {} go on", N / 2);
}

#[test]
fn fitted_orders_do_not_look_at_the_answers_that_are_asked() {
    let orders = [
        "predicted = { by.domain_mean = {}, quality_per_usd = 50 }",
        "predicted = { by.knn.k = 5 }",
        "predicted = { by.ridge = {} }",
        "predicted = { by.logistic = {} }",
        "threshold = { strong = \"c\", weak = \"a\", strong_share = 0.4 }",
    ];
    let mut more = String::from("[stack]\ncall_timeout = \"10min\"\n");
    for (at, order) in orders.iter().enumerate() {
        let _ = write!(more, "[[variants]]\nname = \"v{at}\"\nstack.order.{order}\n");
    }
    let (place, path) = folder(&more);
    let resolved = read(&path);
    let choices = |resolved: &Resolved, variant| -> Vec<(u32, Option<ModelId>)> {
        let mut all: Vec<_> = run(resolved, &resolved.blocks[0], variant, 1)
            .iter()
            .map(|task| (task.prompt.expect("a prompt"), task.first_model))
            .collect();
        all.sort_unstable();
        all
    };
    let before: Vec<_> = (0..orders.len()).map(|variant| choices(&resolved, variant)).collect();
    // Every answer to a prompt that is asked is turned round.
    let asked: Vec<u32> = asked(&resolved.blocks[0]).iter().map(|(prompt, _)| *prompt).collect();
    let names = &resolved.blocks[0].world.recorded.as_ref().expect("recorded").table.prompts;
    let turned: Vec<&String> = asked.iter().map(|prompt| &names[*prompt as usize]).collect();
    let table = std::fs::read_to_string(place.path().join("t.csv")).expect("text");
    let table: String = table
        .lines()
        .map(|line| {
            let mut fields: Vec<String> = line.split(',').map(str::to_owned).collect();
            if turned.contains(&&fields[0]) {
                fields[3] = if fields[3] == "1" { "0" } else { "1" }.to_owned();
            }
            fields.join(",") + "\n"
        })
        .collect();
    std::fs::write(place.path().join("t.csv"), table).expect("written");
    let resolved = read(&path);
    for (variant, before) in before.iter().enumerate() {
        assert_eq!(&choices(&resolved, variant), before, "{}", orders[variant]);
    }
    let dear = before[4].iter().filter(|(_, model)| *model == Some(ModelId(2))).count();
    // 40 of the 100 set apart; of 100 others as many within 3.3 sd of 7 (sampling on both sides) at alpha = 0.001.
    assert!((17..=63).contains(&dear), "{dear}");
}

#[test]
fn mistakes_are_told_with_their_place_and_cure() {
    for (from, to, said) in [
        ("t.csv", "no.csv", "no.csv"),
        ("file = \"t.csv\"", "file = \"t.csv\"\ntrain_share = 1", "all 200 prompts are set apart"),
        ("registry.use = \"outcomes\"", "registry.use = \"stage4\"", "has no answer of the model"),
        ("end.passes = 1", "end.passes = 0", "end.passes"),
        ("model = \"b\"", "model = \"d\"", "unknown model `d`"),
        (
            "stack.order = \"random\"",
            "stack.order.predicted.by.knn.k = 0",
            "stack.order.predicted.by.knn.k",
        ),
        ("features = \"f.csv\"\n", "models = [\"a\", \"z\"]\n", "has no answer of the model `z`"),
        (
            "[workload",
            "[[task_types]]\nname = \"x\"\nlevel = \"L1\"\ndomains = [\"u\", \"w\"]\n[workload",
            "unknown domain `w`",
        ),
    ] {
        let (_folder, path) = folder(VARIANTS);
        let text = std::fs::read_to_string(&path).expect("text");
        assert!(text.contains(from), "{from}");
        std::fs::write(&path, text.replacen(from, to, 1)).expect("written");
        let report = scenario::read(&path, false).expect_err("a mistake").to_string();
        assert!(report.contains(said), "{to}:\n{report}");
    }
    let (_folder, path) = folder(VARIANTS);
    let text = std::fs::read_to_string(&path).expect("text");
    let without = text.replace("[world.outcomes]\nfile = \"t.csv\"\nfeatures = \"f.csv\"\n", "");
    std::fs::write(&path, without).expect("written");
    let report = scenario::read(&path, false).expect_err("a mistake").to_string();
    assert!(report.contains("the registry is to be taken from outcomes"), "{report}");
    assert!(report.contains("the run ends by passes over recorded prompts"), "{report}");
}
