//! Charts of comparison: which are drawn, what they say, and that their order is that of the tables.

mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use program::{Desk, OUTAGE, assert_same, files};
use reflexarc::math::ln;
use reflexarc::results::column::Table;
use reflexarc::results::manifest::Manifest;
use reflexarc::results::parquet::{PartWriter, Rows};
use reflexarc::results::schema::{Curves, Measures, Tuning, TuningRow};

/// Three problems of bandit mode: one that stays, one with a change, one with a budget.
const BANDIT: &str = r#"
format = 1
question = "Which of these?"
seeds = "1..6"

[stack]
learner_scope = "all"

[[blocks]]
name = "stays"
bandit.rounds = 600
bandit.rewards.bernoulli.means = [0.9, 0.4]

[[blocks]]
name = "jumps"
bandit.rounds = 400
[[blocks.bandit.rewards.bernoulli.stages]]
from = 0
means = [0.9, 0.1, 0.5]
[[blocks.bandit.rewards.bernoulli.stages]]
from = 200
means = [0.1, 0.9, 0.5]

[[blocks]]
name = "costs"
bandit.rounds = 300
bandit.rewards.bernoulli.means = [0.9, 0.3]
bandit.budget = { total = 2000, costs = [0.9, 0.1] }
"#;

const ORDERS: [(&str, &str); 5] = [
    ("ucb1", "stack.order.learner.ucb1 = {}"),
    ("thompson", "stack.order.learner.thompson_beta = {}"),
    ("greedy", "stack.order.learner.epsilon_greedy = {}"),
    ("random", "stack.order = \"random\""),
    ("told", "stack.order = \"informed_greedy\""),
];

fn with_variants(text: &str, variants: impl Iterator<Item = (String, String)>) -> String {
    let all = variants.map(|(name, order)| format!("\n[[variants]]\nname = \"{name}\"\n{order}\n"));
    text.to_owned() + &all.collect::<String>()
}

fn orders(n: usize) -> impl Iterator<Item = (String, String)> {
    ORDERS.into_iter().take(n).map(|(name, order)| (name.to_owned(), order.to_owned()))
}

fn study(text: &str) -> Desk {
    let desk = Desk::new();
    desk.write("x.toml", text);
    let said = desk.run(&["run", "x.toml", "--quiet", "--out", "o"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    desk
}

/// The SVG of every chart, by its stem. Each is whole: no number that is none, no empty plot; each has a PNG.
fn charts(desk: &Desk) -> BTreeMap<String, String> {
    let all = files(&desk.path("o/charts"));
    let svgs = all.iter().filter_map(|(name, bytes)| {
        let stem = name.strip_suffix(".svg")?;
        assert!(all.contains_key(&format!("{stem}.png")), "{stem}");
        let svg = String::from_utf8(bytes.clone()).expect("text");
        for bad in ["NaN", "inf", "No data"] {
            assert!(!svg.contains(bad), "{bad} in {stem}");
        }
        Some((stem.to_owned(), svg))
    });
    svgs.collect()
}

fn stems(charts: &BTreeMap<String, String>) -> BTreeSet<String> {
    charts.keys().cloned().collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// All texts of a chart, in order.
fn texts(svg: &str) -> Vec<String> {
    let texts = svg.split("<text ").skip(1).map(|text| {
        let (_, text) = text.split_once('>').expect("a tag ends");
        text.split_once("</text>").expect("a text ends").0.trim().to_owned()
    });
    texts.collect()
}

/// The names of variants in the order of a legend.
fn legend(svg: &str, variants: &[String]) -> Vec<String> {
    texts(svg).into_iter().filter(|text| variants.contains(text)).collect()
}

#[test]
fn a_study_of_bandit_mode_has_its_charts_and_none_that_says_nothing() {
    let desk = study(&with_variants(BANDIT, orders(5)));
    let before = files(&desk.path("o/charts"));
    desk.done(&["report", "o"]);
    assert_same(&before, &files(&desk.path("o/charts")));
    let charts = charts(&desk);
    let of_block = [
        "beliefs",
        "best-model-share",
        "learning-curve",
        "model-share",
        "model-share-ucb1",
        "paired-difference",
        "regret",
        "regret-ecdf",
        "regret-log",
        "rolling-regret",
    ];
    let mut wanted = set(&["performance-profile", "critical-difference"]);
    for block in ["stays", "jumps", "costs"] {
        wanted.extend(of_block.iter().map(|chart| format!("{block}-{chart}")));
    }
    wanted.extend(set(&["costs-cost", "costs-quality-cost"]));
    assert_eq!(stems(&charts), wanted);
    for (stem, svg) in &charts {
        let says = texts(svg).join(" ");
        let seeds = if stem.ends_with("-beliefs") { "seed " } else { "6 seeds" };
        assert!(says.contains(seeds), "{stem}: {says}");
        let (changes, jumps) = (says.contains("change"), stem.starts_with("jumps-"));
        let whole_runs = ["jumps-model-share", "jumps-regret-ecdf", "jumps-beliefs"];
        let is_over_rounds = !whole_runs.contains(&stem.as_str());
        assert_eq!(changes, jumps && is_over_rounds, "{stem}: {says}");
    }
    // (0.9 - 0.4) / kl(0.4, 0.9), in natural logarithms.
    let bound = 0.5 / (0.4 * ln(0.4 / 0.9) + 0.6 * ln(0.6 / 0.1));
    let says = |stem: &str| texts(&charts[stem]).join("; ");
    assert!(says("stays-regret-log").contains(&format!("Lai-Robbins, {bound:.3} ln t")));
    assert!(!says("jumps-regret-log").contains(", ln t"));
    assert!(says("costs-cost").contains("budget"));
    assert!(says("performance-profile").contains("mean regret of `random` in the same block"));
    assert!(says("critical-difference").contains("3 blocks are the scenarios"));
    // Blocks of different lengths have axes of their own.
    let has_tick = |stem: &str, tick: &str| texts(&charts[stem]).contains(&tick.to_owned());
    assert!(has_tick("stays-regret", "600") && !has_tick("costs-regret", "600"));
}

#[test]
fn legends_stand_in_the_order_of_the_tables() {
    let desk = study(&with_variants(BANDIT, orders(5)));
    let charts = charts(&desk);
    let manifest = Manifest::read(&desk.path("o")).expect("read");
    let rows = Rows::read(&desk.path("o"), &Measures::DOC).expect("read");
    let [block, variant, level, window, measure] =
        ["block", "variant", "level", "window", "measure"].map(|c| rows.texts(c).expect("texts"));
    let values = rows.numbers("value").expect("numbers");
    let mean = |of: &str, name: &str, what: &str| {
        let own: Vec<f64> = (0..values.len())
            .filter(|at| block[*at] == of && variant[*at] == name && measure[*at] == what)
            .filter(|at| level[*at] == "all" && window[*at] == "run")
            .filter_map(|at| values[at])
            .collect();
        assert_eq!(own.len(), 6);
        own.iter().sum::<f64>() / 6.0
    };
    for of in ["stays", "jumps"] {
        let regret = |name: &String| mean(of, name, "cumulative_regret");
        let mut wanted = manifest.variants.clone();
        wanted.sort_by(|a, b| regret(b).total_cmp(&regret(a)));
        let shown = legend(&charts[&format!("{of}-regret")], &manifest.variants);
        assert_eq!(shown, wanted, "{of}");
        // The baseline is a reference here, behind the lines.
        let shown = legend(&charts[&format!("{of}-paired-difference")], &manifest.variants);
        let first = &manifest.variants[0];
        let mut wanted: Vec<String> = wanted.into_iter().filter(|name| name != first).collect();
        wanted.push(first.clone());
        assert_eq!(shown, wanted, "{of}");
    }
    // A learning curve ends with the mean reward of all rounds.
    let rows = Rows::read(&desk.path("o"), &Curves::DOC).expect("read");
    let [block, variant, level] =
        ["block", "variant", "level"].map(|c| rows.texts(c).expect("texts"));
    let reward = rows.numbers("cumulative_reward").expect("numbers");
    let total = |name: &String| -> f64 {
        let own: Vec<f64> = (0..reward.len())
            .filter(|at| block[*at] == "jumps" && variant[*at] == *name && level[*at] == "all")
            .filter_map(|at| reward[at])
            .collect();
        own.chunks(own.len() / 6).map(|seed| seed[seed.len() - 1]).sum()
    };
    let shown = legend(&charts["jumps-learning-curve"], &manifest.variants);
    assert!(shown.windows(2).all(|pair| total(&pair[0]) >= total(&pair[1]) - 1e-9), "{shown:?}");
}

#[test]
fn many_variants_leave_some_in_grey_and_all_in_the_shares() {
    let many = (0..15).map(|k| {
        let order = format!("stack.order.learner.ucb1 = {{ c = {} }}", 0.1 + f64::from(k) * 0.2);
        (format!("c{k}"), order)
    });
    let desk = study(&with_variants(BANDIT, many));
    let charts = charts(&desk);
    let variants: Vec<String> = (0..15).map(|k| format!("c{k}")).collect();
    for chart in ["regret", "regret-log", "learning-curve", "rolling-regret", "best-model-share"] {
        let svg = &charts[&format!("stays-{chart}")];
        let says = texts(svg);
        assert_eq!(legend(svg, &variants).len(), 12, "{chart}");
        assert!(says.contains(&"3 others".to_owned()), "{chart}: {says:?}");
        let caption = "in colour the baseline and the 11 best of 15 variants by cumulative_regret";
        assert!(says.join(" ").contains(caption), "{chart}: {says:?}");
        assert!(legend(svg, &variants).contains(&"c0".to_owned()), "{chart}");
    }
    assert_eq!(legend(&charts["stays-model-share"], &variants).len(), 15);
    let differences = &charts["stays-paired-difference"];
    assert_eq!(legend(differences, &variants).len(), 9, "eight and the baseline");
    assert!(texts(differences).join(" ").contains("the 8 best of 14 variants"));
}

#[test]
fn one_variant_is_compared_with_nothing() {
    let one = with_variants(BANDIT, orders(1)).replace("seeds = \"1..6\"", "seeds = \"4\"");
    let charts = charts(&study(&one));
    let of_block =
        ["beliefs", "learning-curve", "model-share", "model-share-ucb1", "regret", "regret-log"];
    let blocks = ["stays", "jumps", "costs"].into_iter();
    let wanted = blocks.flat_map(|b| of_block.iter().map(move |chart| format!("{b}-{chart}")));
    assert_eq!(stems(&charts), wanted.collect());
}

#[test]
fn a_stack_has_the_charts_of_both() {
    let charts = charts(&study(OUTAGE));
    let wanted = [
        "availability",
        "beliefs",
        "best-model-share",
        "cost",
        "learning-curve",
        "model-share",
        "model-share-stage4",
        "paired-difference",
        "quality-cost",
        "regret",
        "regret-ecdf",
        "regret-log",
        "rolling-regret",
        "timeline-stage4",
        "token-use",
    ];
    assert_eq!(stems(&charts), set(&wanted));
    for chart in ["regret", "rolling-regret", "learning-curve", "paired-difference", "cost"] {
        assert!(charts[chart].contains("Simulated time (h)"), "{chart}");
    }
    let levels = texts(&charts["model-share-stage4"]);
    let named = ["L1", "L2", "L3", "L4"].map(|l| levels.iter().any(|text| text.starts_with(l)));
    assert_eq!(named, [true, false, true, true], "no task is of L2");
    assert!(texts(&charts["learning-curve"]).join(" ").contains("for the whole curve at once"));
}

#[test]
fn a_parameter_study_shows_its_candidates_with_default_and_choice() {
    let desk = study(&with_variants(BANDIT, orders(2)));
    let mut rows = Tuning::default();
    let mut put = |parameter: &'static str, value: f64, seed, regret, is_default, chosen| {
        rows.push(TuningRow {
            block: "stays",
            variant: "ucb1",
            parameter,
            value,
            stage: "selection",
            seed,
            is_default,
            chosen,
            reward: 0.5,
            cumulative_regret: Some(regret),
        });
    };
    for seed in 0..5 {
        let noise = seed as f64;
        for (value, regret) in [(0.01, 90.0), (0.1, 20.0), (1.0, 40.0), (10.0, 300.0)] {
            put("c", value, seed, regret + noise, value == 1.0, value == 0.1);
        }
        put("a share", 0.5, seed, 30.0 + noise, true, true);
        put("a share", 0.25, seed, 35.0 + noise, false, false);
        put("alone", 1.0, seed, 35.0, true, true);
    }
    let folder = desk.path("o");
    fs::remove_dir_all(folder.join(Tuning::DOC.name)).expect("removed");
    let mut writer = PartWriter::create::<Tuning<'_>>(&folder, 0).expect("made");
    writer.write(&rows).expect("written");
    writer.finish().expect("finished");
    desk.done(&["report", "o"]);
    let charts = charts(&desk);
    let own: Vec<&String> = charts.keys().filter(|stem| stem.contains("sensitivity")).collect();
    assert_eq!(own, ["stays-sensitivity-ucb1-a-share", "stays-sensitivity-ucb1-c"]);
    let wide = texts(&charts["stays-sensitivity-ucb1-c"]);
    for text in ["0.01", "0.1", "1", "10", "default", "chosen", "Cumulative regret (reward)"] {
        assert!(wide.contains(&text.to_owned()), "{text} is not in {wide:?}");
    }
    assert!(wide.join(" ").contains("mean over 5 seeds for selection"), "{wide:?}");
    let narrow = texts(&charts["stays-sensitivity-ucb1-a-share"]);
    assert!(narrow.contains(&"default, chosen".to_owned()), "{narrow:?}");
}
