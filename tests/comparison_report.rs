//! What `compare` and `reports/comparison.md` say, against the rows they come from.

use std::collections::BTreeMap;

use reflexarc::analysis::distribution::t_quantile;
use reflexarc::results::column::Table;
use reflexarc::results::parquet::Rows;
use reflexarc::results::schema::{Measures, Tuning};

#[expect(dead_code, reason = "a test of the program needs but some of this")]
mod program;

use program::{Desk, OUTAGE};

const PROBLEMS: &str = "format = 1\nquestion = \"Which one loses least?\"\nseeds = \"1..12\"\n\
    [stack]\nlearner_scope = \"all\"\n\
    [compare]\nbaseline = \"ucb\"\npractical_share = 0.05\n\
    [[blocks]]\nname = \"easy\"\nbandit.rounds = 800\nbandit.rewards.bernoulli.means = [0.9, 0.3, 0.1]\n\
    [[blocks]]\nname = \"late\"\nbandit.rounds = 600\nbandit.delay.geometric = 20\n\
    bandit.rewards.bernoulli.means = [0.4, 0.6]\n\
    [[variants]]\nname = \"ucb\"\nstack.order.learner.ucb1 = {}\n\
    [[variants]]\nname = \"thompson\"\nstack.order.learner.thompson_beta = {}\n\
    [[variants]]\nname = \"random\"\nstack.order = \"random\"\n\
    [[variants]]\nname = \"told\"\nstack.order = \"informed_greedy\"\n\
    [[parameter_studies]]\nvariant = \"ucb\"\nparameter = \"c\"\nvalues = [0.1, 0.5, 2]\nselection_seeds = \"101..108\"\n";

/// Values of a measure by block and variant, in the order of the seeds.
fn values(desk: &Desk, folder: &str, measure: &str) -> BTreeMap<(String, String), Vec<f64>> {
    let rows = Rows::read(&desk.path(folder), &Measures::DOC).expect("read");
    let text = |name| rows.texts(name).expect("a text");
    let (blocks, variants, names) = (text("block"), text("variant"), text("measure"));
    let (levels, windows) = (text("level"), text("window"));
    let numbers = rows.numbers("value").expect("numbers");
    let mut all = BTreeMap::<_, Vec<f64>>::new();
    for at in 0..names.len() {
        if names[at] == measure && levels[at] == "all" && windows[at] == "run" {
            let key = (blocks[at].clone(), variants[at].clone());
            all.entry(key).or_default().extend(numbers[at]);
        }
    }
    all
}

/// The cells of a table's row that begins with `variant`, in the section below `heading`.
fn row(text: &str, heading: &str, variant: &str) -> Vec<String> {
    let section = text.split(heading).nth(1).unwrap_or_else(|| panic!("no `{heading}` in\n{text}"));
    let line = section
        .lines()
        .find(|line| line.starts_with(&format!("| {variant} |")))
        .unwrap_or_else(|| panic!("no row of {variant} in\n{section}"));
    line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()
}

/// The number that a cell begins with.
fn number(cell: &str) -> f64 {
    let first = cell.split(' ').next().expect("a cell has a word");
    first.parse().unwrap_or_else(|_| panic!("{cell}"))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Figures are shown with three digits.
fn agree(shown: f64, computed: f64) {
    let allowed = 0.006 * computed.abs() + 1e-9;
    assert!((shown - computed).abs() <= allowed, "shown {shown}, computed {computed}");
}

#[test]
fn a_comparison_says_what_the_rows_say() {
    let desk = Desk::new();
    desk.write("study.toml", PROBLEMS);
    let console = desk.done(&["run", "study.toml", "--out", "o", "--quiet"]);
    let text = std::fs::read_to_string(desk.path("o/reports/comparison.md")).expect("the document");
    let regrets = values(&desk, "o", "cumulative_regret");
    let of = |block: &str, variant: &str| &regrets[&(block.to_owned(), variant.to_owned())];
    for block in ["easy", "late"] {
        let heading = format!("## Block {block}");
        let best = ["ucb", "thompson", "random"]
            .into_iter()
            .min_by(|a, b| mean(of(block, a)).total_cmp(&mean(of(block, b))))
            .expect("there are some");
        let section = text.split(&heading).nth(1).expect("its section");
        assert!(section.contains(&format!("**`{best}` loses least")), "{section}");
        assert!(console.contains(&format!("`{best}` loses least")), "{console}");
        assert!(section.contains("`told` is told the truth"), "{section}");
        for variant in ["ucb", "thompson", "random", "told"] {
            let cells = row(&text, &heading, variant);
            let (own, base) = (of(block, variant), of(block, "ucb"));
            agree(number(&cells[1]), mean(own));
            if variant == "ucb" {
                assert_eq!(cells.last().map(String::as_str), Some("baseline"));
                continue;
            }
            let differences: Vec<f64> = own.iter().zip(base).map(|(a, b)| a - b).collect();
            let (n, centre) = (differences.len() as f64, mean(&differences));
            agree(number(&cells[3]), centre);
            agree(number(&cells[4]), (1000.0 * centre / mean(base)).round() / 10.0);
            let variance = |values: &[f64]| {
                let centre = mean(values);
                values.iter().map(|v| (v - centre) * (v - centre)).sum::<f64>() / (n - 1.0)
            };
            let reduction = (variance(own) + variance(base)) / variance(&differences);
            assert!((number(&cells[8]) - reduction).abs() <= 0.06 * reduction, "{cells:?}");
            // The verdict follows from the t interval and the region of practical equivalence.
            let half = t_quantile(0.975, n - 1.0) * (variance(&differences) / n).sqrt();
            let rope = 0.05 * mean(base).abs();
            let verdict = match (centre - half, centre + half) {
                (_, high) if high < -rope => "better",
                (low, _) if low > rope => "worse",
                (low, high) if low >= -rope && high <= rope => "practically equal",
                _ => "undecided",
            };
            assert_eq!(cells.last().map(String::as_str), Some(verdict), "{cells:?}");
        }
    }
    assert!(!text.contains("NaN") && !text.contains("inf "), "{text}");
    // Over blocks: the mean of the runs' scores, 1 - regret / mean regret of random play.
    let scores: Vec<f64> = ["easy", "late"]
        .iter()
        .flat_map(|block| {
            let reference = mean(of(block, "random"));
            of(block, "thompson").iter().map(move |regret| 1.0 - regret / reference)
        })
        .collect();
    agree(number(&row(&text, "## Over all blocks", "thompson")[2]), mean(&scores));
}

#[test]
fn a_parameter_is_chosen_on_its_own_seeds_and_reported_on_the_others() {
    let desk = Desk::new();
    desk.write("study.toml", PROBLEMS);
    desk.done(&["run", "study.toml", "--out", "o", "--quiet"]);
    let rows = Rows::read(&desk.path("o"), &Tuning::DOC).expect("read");
    let text = |name| rows.texts(name).expect("a text");
    let (blocks, stages) = (text("block"), text("stage"));
    let (seeds, values) =
        (rows.wholes("seed").expect("seeds"), rows.numbers("value").expect("values"));
    let chosen = rows.numbers("chosen").expect("marks");
    let defaults = rows.numbers("is_default").expect("marks");
    let regrets = rows.numbers("cumulative_regret").expect("regrets");
    for block in ["easy", "late"] {
        let mut sums = BTreeMap::<String, f64>::new();
        let (mut marked, mut reported) = (None, Vec::new());
        for at in (0..seeds.len()).filter(|at| blocks[*at] == block) {
            let value = format!("{:?}", values[at].expect("a value"));
            assert_eq!(defaults[at] == Some(1.0), value == "2.0");
            if stages[at] == "selection" {
                assert!((101..=108).contains(&seeds[at]));
                *sums.entry(value.clone()).or_default() += regrets[at].expect("a regret");
            } else {
                assert!((1..=12).contains(&seeds[at]));
                reported.push(value.clone());
            }
            if chosen[at] == Some(1.0) {
                marked = Some(value);
            }
        }
        let best = sums.iter().min_by(|a, b| a.1.total_cmp(b.1)).map(|(value, _)| value.clone());
        assert_eq!((marked, sums.len(), reported.len()), (best.clone(), 3, 12));
        assert!(reported.iter().all(|value| Some(value) == best.as_ref()));
    }
    let clash = PROBLEMS.replace("101..108", "8..20");
    desk.write("clash.toml", &clash);
    let said = desk.run(&["check", "clash.toml"]);
    assert!(said.code == Some(2) && said.err.contains("seed 8 is both"), "{}", said.err);
}

#[test]
fn a_list_of_learners_takes_the_place_of_the_variants() {
    let desk = Desk::new();
    desk.write("outage.toml", OUTAGE);
    let names = "random,ucb1,thompson_beta";
    desk.done(&["compare", "outage.toml", "--learners", names, "--quiet"]);
    let folder = "results/outage-compare";
    let rewards = values(&desk, folder, "reward");
    let variants: Vec<&str> = rewards.keys().map(|(_, variant)| variant.as_str()).collect();
    assert_eq!(variants, ["random", "thompson_beta", "ucb1"]);
    assert!(desk.path(folder).join("reports/comparison.md").exists());
    let said = desk.run(&["compare", "outage.toml", "--learners", "ucb1,tomson_beta"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("no variant, learner or order `tomson_beta`"), "{}", said.err);
    assert!(said.err.contains("thompson_beta"), "{}", said.err);
    let said = desk.run(&["compare", "outage.toml", "--learners", "ucb1,ucb1"]);
    assert!(said.code == Some(2) && said.err.contains("named twice"), "{}", said.err);
}

#[test]
fn mistakes_in_bandit_mode_are_told_with_their_cure() {
    let desk = Desk::new();
    let told = |text: &str, wanted: &[&str]| {
        desk.write("x.toml", text);
        let said = desk.run(&["check", "x.toml"]);
        assert_eq!(said.code, Some(2), "{}", said.err);
        for part in wanted {
            assert!(said.err.contains(part), "no `{part}` in {}", said.err);
        }
    };
    let head = "format = 1\nquestion = \"x\"\n[stack.order]\nrandom = {}\n";
    told(
        &format!(
            "{head}[bandit]\nrounds = 10\nrewards.bernoulli.means = [0.5, 1.5]\n[time]\nstart = \"2026-01-01T00:00\"\nzone = \"UTC\"\nend.after = \"1h\"\n"
        ),
        &["`time` has no meaning in bandit mode", "not a probability"],
    );
    told(
        &format!(
            "{head}[bandit]\nrounds = 10\nrewards.bernoulli.means = [0.5, 0.4]\ndeclared = [50]\npresent = [{{ arm = \"arm-9\" }}]\n"
        ),
        &["`bandit.declared` has 1 entries for 2 arms", "arm-9"],
    );
    told(
        &format!("{head}[bandit]\nrounds = 10\nrewards.bernoulli = {{}}\n"),
        &["exactly one of `means` and `stages`"],
    );
    told(
        &format!(
            "{head}[bandit]\nrounds = 10\nrewards.bernoulli.means = [0.5, 0.4]\n[stack.retry]\nmax_retries = 2\n"
        ),
        &["`stack.retry` has no meaning in bandit mode"],
    );
    told(
        "format = 1\nquestion = \"x\"\n[bandit]\nrounds = 10\nrewards.bernoulli.means = [0.5, 0.4]\n[stack]\norder.learner.stage4_q = {}\nwrappers.memory.window = 10\n",
        &["`wrappers.memory` needs", "list learners"],
    );
}
