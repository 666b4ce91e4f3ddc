//! Off-policy evaluation of logs as users have them: hand-sized ones, the Open Bandit Dataset, and those of learners of ours.

#[expect(dead_code, reason = "each test uses its part of it")]
mod program;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use program::Desk;
use reflexarc::analysis::off_policy::{
    Decision, Estimated, Estimator, Evaluation, Fit, Frequencies, Log, Refusal, Target, evaluate,
    on_policy, within_support,
};
use reflexarc::data::table::{Kind, Table, Wanted};
use reflexarc::domain::Propensity;

fn log(rows: &[(u32, u32, f64, f64)], n_contexts: usize, n_actions: usize) -> Log {
    let named = |n: usize| (0..n).map(|at| format!("{at}")).collect();
    let decision = |(at, &(context, action, reward, p)): (usize, &(u32, u32, f64, f64))| Decision {
        row: at as u64 + 1,
        context,
        action,
        reward,
        propensity: Propensity::Exact(p),
        group: at as u32,
    };
    Log {
        contexts: named(n_contexts),
        actions: named(n_actions),
        decisions: rows.iter().enumerate().map(decision).collect(),
    }
}

fn of(evaluation: &Evaluation, estimator: Estimator) -> Estimated {
    *evaluation.all().find(|e| e.estimator == estimator).expect("an estimate")
}

fn near(found: f64, wanted: f64) {
    assert!((found - wanted).abs() <= 1e-9 * wanted.abs().max(1.0), "{found} instead of {wanted}");
}

/// Four decisions of a fair coin, and a target of .8 and .2.
fn coin() -> (Log, Target) {
    let rows = [(0, 0, 1.0, 0.5), (0, 1, 2.0, 0.5), (0, 0, 3.0, 0.5), (0, 1, 0.0, 0.5)];
    (log(&rows, 1, 2), Target::Table(vec![0.8, 0.2]))
}

#[test]
fn estimates_by_hand() {
    // Weights 1.6, .4, 1.6, .4: w r = 1.6, .8, 4.8, 0; mean 1.8, sd 2.10397, t(.975, 3) = 3.182446.
    let (log, target) = coin();
    let found = evaluate(&log, &target, &Fit::Given(vec![0.0, 0.0]), 1).expect("support");
    let ips = of(&found, Estimator::Ips);
    near(ips.value, 1.8);
    near(ips.standard_error, (4.426_666_666_666_667_f64 / 4.0).sqrt());
    assert!((ips.high - 1.8 - 3.182_446_305 * ips.standard_error).abs() < 1e-6, "{ips:?}");
    near(found.weights.mean, 1.0);
    near(found.weights.effective, 16.0 / 5.44);
    near(of(&found, Estimator::Snips).value, 1.8);
    // Predictions of 0 leave nothing but IPS.
    assert_eq!(of(&found, Estimator::DoublyRobust).value, ips.value);
    near(of(&found, Estimator::Direct).value, 0.0);
    // With predictions of 2 and 1: 1.8 expected, and w (r - q) of -1.6, .4, 1.6, -.4.
    let found = evaluate(&log, &target, &Fit::Given(vec![2.0, 1.0]), 1).expect("support");
    near(of(&found, Estimator::DoublyRobust).value, 1.8);
    near(of(&found, Estimator::DoublyRobust).standard_error, (5.44_f64 / 3.0 / 4.0).sqrt());
    near(of(&found, Estimator::Direct).value, 1.8);
}

#[test]
fn replay_of_a_fixed_choice_is_the_mean_of_what_agrees() {
    let (log, _) = coin();
    let found = evaluate(&log, &Target::always(&log, 0), &Fit::Folds(2), 1).expect("support");
    let replay = found.replay.expect("a uniform log");
    assert_eq!((replay.value, replay.n_used), (2.0, 2));
    near(
        of(
            &evaluate(&log, &Target::always(&log, 0), &Fit::Past, 1).expect("support"),
            Estimator::Snips,
        )
        .value,
        2.0,
    );
}

#[test]
fn decisions_of_a_group_count_once() {
    let (single, target) = coin();
    let mut twice = single.clone();
    twice.decisions = single.decisions.iter().flat_map(|d| [*d, *d]).collect();
    let fit = Fit::Given(vec![2.0, 1.0]);
    let (single, twice) = (evaluate(&single, &target, &fit, 1), evaluate(&twice, &target, &fit, 1));
    let (single, twice) = (single.expect("support"), twice.expect("support"));
    for estimator in [Estimator::Ips, Estimator::Snips, Estimator::DoublyRobust] {
        near(of(&twice, estimator).standard_error, of(&single, estimator).standard_error);
        near(of(&twice, estimator).high, of(&single, estimator).high);
    }
}

#[test]
fn logs_without_support_are_refused_with_row_and_cure() {
    let (good, target) = coin();
    let changed = |change: &dyn Fn(&mut Log)| {
        let mut log = good.clone();
        change(&mut log);
        evaluate(&log, &target, &Fit::Past, 1).expect_err("no support")
    };
    let with = |propensity| changed(&move |log: &mut Log| log.decisions[2].propensity = propensity);
    for (refusal, said) in [
        (with(Propensity::Exact(0.0)), "row 3: the propensity is 0, not above 0"),
        (with(Propensity::Exact(1.5)), "row 3: the propensity is 1.5, not above 0"),
        (with(Propensity::Exact(f64::NAN)), "row 3: the propensity is NaN"),
        (with(Propensity::Unknown), "row 3: no propensity is logged"),
        (with(Propensity::Exact(1.0)), "row 3: the propensity is 1, so no other action"),
        (changed(&|log| log.decisions[1].reward = f64::NAN), "row 2: the reward is not a finite"),
        (changed(&|log| log.decisions.retain(|d| d.action == 0)), "`1` in `0`, 20.00 % of the"),
        (changed(&|log| log.decisions.clear()), "holds no decision"),
    ] {
        assert!(refusal.to_string().contains(said), "{refusal}");
    }
    let estimated = |log: &mut Log| log.decisions[0].propensity = Propensity::Estimated(0.5);
    let mut log = good.clone();
    estimated(&mut log);
    evaluate(&log, &target, &Fit::Past, 1).expect("estimates are taken");
    near(log.estimated_share(), 0.25);
    // Replay alone refuses what was not drawn alike.
    log.decisions[3].propensity = Propensity::Exact(0.4);
    let found = evaluate(&log, &target, &Fit::Past, 1).expect("support");
    let refusal = found.replay.expect_err("not uniform");
    assert!(matches!(refusal, Refusal::NotUniform { value: 0.4, n_actions: 2, .. }), "{refusal}");
    assert!(refusal.to_string().contains("row 4: the propensity is 0.4"), "{refusal}");
}

#[test]
fn within_support_leaves_the_part_that_the_log_can_tell() {
    let rows =
        [(0, 0, 1.0, 1.0), (0, 0, 1.0, 0.5), (0, 1, 0.0, 0.5), (1, 1, 0.0, 0.5), (1, 0, 1.0, 0.5)];
    let log = log(&rows, 2, 3);
    let target = Target::Table(vec![0.5, 0.0, 0.5, 0.0, 0.0, 1.0]);
    evaluate(&log, &target, &Fit::Past, 1).expect_err("no support");
    let supported = within_support(&log, &target);
    assert_eq!((supported.n_forced, supported.n_outside), (1, 2));
    near(supported.moved, 0.5);
    let found = evaluate(&supported.log, &supported.target, &Fit::Past, 1).expect("support");
    near(of(&found, Estimator::Snips).value, 1.0);
}

/// A log of the Open Bandit Dataset: position is the context, the item the action.
fn open_bandit(name: &str, actions: &mut BTreeMap<String, u32>) -> Log {
    let path = obd(name);
    let wanted = ["position", "item_id"].map(|name| Wanted::new(name, Kind::Text));
    let numbers = ["click", "propensity_score"].map(|name| Wanted::new(name, Kind::Share));
    let mut decisions = Vec::new();
    for batch in Table::open(&path, wanted.into_iter().chain(numbers).collect()).expect("opened") {
        let batch = batch.expect("good");
        for at in 0..batch.rows {
            let n = actions.len() as u32;
            let number = |column: usize| batch.columns[column].number(at).expect("a number");
            decisions.push(Decision {
                row: batch.first + at as u64,
                context: batch.columns[0].text(at).parse::<u32>().expect("1 to 3") - 1,
                action: *actions.entry(batch.columns[1].text(at).to_owned()).or_insert(n),
                reward: number(2),
                propensity: Propensity::Exact(number(3)),
                group: decisions.len() as u32,
            });
        }
    }
    Log { contexts: vec!["1".into(), "2".into(), "3".into()], actions: Vec::new(), decisions }
}

fn obd(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/obd").join(format!("{name}.csv.gz"))
}

#[test]
fn the_random_log_of_the_open_bandit_dataset_tells_the_click_rate_of_the_other_policy() {
    // IPS with its standard error, SNIPS, mean weight, largest weight and effective sample size from numpy; the other log's
    // click rate.
    for (campaign, wanted, clicks) in [
        (
            "men",
            [
                0.005_656_266_700_835_461,
                0.001_397_599_532_373_880_5,
                0.005_739_864_701_951_365,
                0.985_435_545_007_274_4,
                7.484_276_729_559_749,
                2_869.275_271_787_956,
            ],
            0.0069,
        ),
        (
            "women",
            [
                0.005_805_691_782_949_787,
                0.001_204_755_643_130_141_9,
                0.005_833_036_087_191_038,
                0.995_312_166_111_669_3,
                6.366_071_428_571_429,
                3_491.957_542_828_274,
            ],
            0.0046,
        ),
    ] {
        let mut actions = BTreeMap::new();
        let mut random = open_bandit(&format!("random_{campaign}"), &mut actions);
        let mut other = open_bandit(&format!("bts_{campaign}"), &mut actions);
        let names: Vec<String> = (0..actions.len()).map(|at| at.to_string()).collect();
        (random.actions, other.actions) = (names.clone(), names);
        let frequencies = Frequencies::of(&other);
        let found = evaluate(&random, &frequencies.target, &Fit::Folds(5), 1).expect("support");
        let (ips, snips) = (of(&found, Estimator::Ips), of(&found, Estimator::Snips));
        let weights = found.weights;
        let all = [
            ips.value,
            ips.standard_error,
            snips.value,
            weights.mean,
            weights.max,
            weights.effective,
        ];
        all.into_iter().zip(wanted).for_each(|(found, wanted)| near(found, wanted));
        let (rate, _) = on_policy(&other);
        near(rate, clicks);
        let (of_target, of_difference) = frequencies.standard_errors(&random, &other);
        assert!(of_target > 0.0 && of_target < ips.standard_error, "{of_target}");
        for estimate in found.all() {
            let error = (estimate.standard_error * estimate.standard_error
                + of_difference * of_difference)
                .sqrt();
            // Within the combined standard error would fail once in three times for an honest estimator; here it holds for
            // all within two, and for IPS, SNIPS and DR within one.
            let off = (estimate.value - rate) / error;
            let most = if estimate.estimator == Estimator::Replay { 1.96 } else { 1.0 };
            assert!(off.abs() <= most, "{campaign}: {estimate:?} is {off} errors off {rate}");
        }
    }
}

const OBD: [&str; 8] = [
    "--context",
    "position",
    "--action",
    "item_id",
    "--reward",
    "click",
    "--propensity",
    "propensity_score",
];

fn asked(log: &Path, target: &str, more: &[&str]) -> program::Said {
    let log = log.display().to_string();
    let mut arguments = vec!["off-policy", &log, "--target", target];
    arguments.extend(more);
    Desk::new().run(&arguments)
}

#[test]
fn the_verb_reads_tables_and_compares_with_the_log_of_the_target() {
    let target = format!("frequencies:{}", obd("bts_men").display());
    let said = asked(&obd("random_men"), &target, &OBD);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    for text in [
        "10,000 decisions, 3 contexts, 34 actions",
        "0.005656",
        "replay",
        "DM (biased)",
        "target's own log: 0.0069 over 10,000 decisions",
        "effective sample size 2,869 of 10,000",
    ] {
        assert!(said.out.contains(text), "no {text} in {}", said.out);
    }
    // The other way the weights are heavy, and the log is no uniform one.
    let said = asked(&obd("bts_women"), "uniform", &OBD);
    assert_eq!(said.code, Some(0), "{said:?}");
    for text in ["no replay: row", "warning: an effective sample size of 2.08 is below 100"] {
        assert!(said.out.contains(text), "no {text} in {}", said.out);
    }
}

#[test]
fn the_verb_refuses_with_row_and_cure() {
    let desk = Desk::new();
    let head = "context,action,reward,propensity,p_target,propensity_kind\n";
    let run = |rows: &str, target: &str, more: &[&str]| {
        desk.write("log.csv", &format!("{head}{rows}"));
        let arguments =
            [&["off-policy", "log.csv", "--target", target, "--context", "context"][..], more];
        desk.run(&arguments.concat())
    };
    let two = "x,a,1,.5,.9,\nx,b,0,.5,.1,\n";
    for (rows, target, said) in [
        ("x,a,1,.5,.9,\nx,b,0,,.1,\n", "uniform", "row 2: no propensity is logged"),
        ("x,a,1,.5,.9,\nx,b,0,.5,.1,none\n", "uniform", "row 2: no propensity is logged"),
        ("x,a,1,.5,.9,\nx,b,0,0,.1,\n", "uniform", "row 2: the propensity is 0, not above 0"),
        (
            "x,a,1,.5,.9,\nx,b,0,.5,.1,guess\n",
            "uniform",
            "row 2, column `propensity_kind`: is \"guess\"",
        ),
        ("x,a,1,.5,.9,\nx,b,0,.5,1.1,\n", "column:p_target", "row 2, column `p_target`: is 1.1"),
        ("x,a,1,1,.9,\nx,b,0,.5,.1,\n", "uniform", "(--within-support)"),
        ("x,a,1,.5,.9,\ny,b,0,.5,.1,\n", "uniform", "`b` in `x`, `a` in `y`, 50.00 %"),
        (two, "always:c", "no action of log.csv is `c`; it has `a`, `b`"),
        (two, "sometimes:c", "is no target; write uniform, always:ACTION"),
        (two, "variant:c", "is a target for a folder of results"),
    ] {
        let found = run(rows, target, &[]);
        assert_eq!(found.code, Some(2), "{found:?}");
        assert!(found.err.contains(said), "no {said} in {}", found.err);
    }
    let found = run(two, "column:p_target", &[]);
    assert!(found.code == Some(0) && !found.out.contains("DM"), "{found:?}");
    desk.write("t.csv", "context,action,probability,predicted_reward\nx,a,.9,1\nx,b,.1,0\n");
    let found = run(two, "probabilities:t.csv", &[]);
    // Predictions that are right leave 0.9 without error.
    assert!(found.code == Some(0) && found.out.contains("[0.9, 0.9]"), "{found:?}");
    desk.write("t.csv", "context,action,probability\nx,a,.9\nx,b,.2\n");
    let found = run(two, "probabilities:t.csv", &[]);
    assert!(found.code == Some(2) && found.err.contains("add up to 1.1"), "{found:?}");
}

#[test]
fn the_log_of_a_learner_tells_what_other_variants_earned() {
    let desk = Desk::new();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/off-policy.toml");
    let scenario = path.display().to_string();
    desk.done(&["run", &scenario, "--seeds", "1..12", "--out", "o", "--quiet"]);
    let text = desk.done(&["off-policy", "o", "--variant", "exp3"]);
    for wanted in [
        "target  variant:best arm",
        "target  variant:ucb1",
        "truth: 0.",
        "intervals that hold it",
        "12 seeds",
    ] {
        assert!(text.contains(wanted), "no {wanted} in {text}");
    }
    let always =
        desk.done(&["off-policy", "o", "--variant", "uniform", "--target", "always:arm-5"]);
    assert!(
        always.contains("what `best arm` earned itself") && always.contains("replay"),
        "{always}"
    );
    let estimated = desk.done(&[
        "off-policy",
        "o",
        "--variant",
        "thompson, estimated",
        "--target",
        "uniform",
        "--skip",
        "50",
        "--within-support",
    ]);
    assert!(estimated.contains("the propensities are estimates"), "{estimated}");
    for (variant, said) in [
        ("ucb1", "the propensity is 1, so no other action could have been taken"),
        ("best arm", "has no decision of a learner"),
        ("none", "there is no variant `none`"),
    ] {
        let found = desk.run(&["off-policy", "o", "--variant", variant, "--target", "uniform"]);
        assert_eq!(found.code, Some(2), "{found:?}");
        assert!(found.err.contains(said), "no {said} in {}", found.err);
    }
}
