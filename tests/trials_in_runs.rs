//! Orders on trial in whole runs: who serves which step, who learns from it, and how often a decision is wrong.

mod support;
#[path = "support/record.rs"]
mod recording;

use std::path::Path;

use reflexarc::domain::{Policy, PolicyDecision, PolicyEvent, PolicyReason, StackEvent};
use reflexarc::engine::{self, Cell, End, Observer};
use reflexarc::experiment::{self, Progress};
use reflexarc::learners::LearnerConfig;
use reflexarc::report;
use reflexarc::results::column::Table;
use reflexarc::results::parquet::Rows;
use reflexarc::results::schema::{Policies, Summary};
use reflexarc::routing::fallback::{FallbackPlan, Ranking};
use reflexarc::routing::order::{LearnerScope, OrderRule};
use reflexarc::routing::trial::{AbTestRule, AdaptiveRule, Then, TrialKind, TrialRule, Watch};
use reflexarc::scenario;
use reflexarc::sim::stream::{Purpose, Streams};
use reflexarc::units::{Level, ModelId, SimDuration, SimTime, TaskId};
use reflexarc::world::workload::WorkloadSpec;

use recording::{Record, record};
use support::Draft;

/// The plan's watch.
const PLAN: AdaptiveRule = AdaptiveRule {
    deploy_after: SimTime(1000),
    watch: 10,
    baseline_window: 10,
    calls_per_measurement: 1,
    tolerance: 0.05,
    shadow_learning: true,
};

const TEST: AbTestRule = AbTestRule {
    share_b: 0.5,
    min_samples: 30,
    samples: 30,
    alpha: 0.05,
    watch: Watch::Fixed,
    effect: 0.05,
    then: Then::KeepSplit,
};

fn seconds(s: f64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs_f64(s)
}

fn always(model: u16) -> OrderRule {
    OrderRule::Static(vec![ModelId(model)])
}

/// A learner that tries every model once and then calls the best so far.
fn greedy() -> OrderRule {
    let written = serde_json::json!({ "epsilon_greedy": { "epsilon": 0.0 } });
    let config: LearnerConfig = serde_json::from_value(written).expect("it is a learner");
    OrderRule::Learner {
        config,
        wrappers: Default::default(),
        scope: LearnerScope::All,
        keeps_short: false,
    }
}

fn on_trial(mut draft: Draft, orders: [OrderRule; 2], kind: TrialKind) -> Cell {
    let [order, challenger] = orders;
    draft.stack.order = order;
    draft.stack.trial = Some(TrialRule { challenger, kind });
    draft.build()
}

/// `n` models, one task at a time.
fn one_by_one(n: usize) -> Draft {
    let mut draft = Draft::new(n);
    draft.workload = WorkloadSpec::ClosedLoop {
        in_flight: 1,
        think: SimDuration::ZERO,
        interval: SimDuration::ZERO,
    };
    draft.end = End::Tasks(400);
    draft
}

fn decisions(record: &Record) -> Vec<PolicyEvent> {
    let of = |event: &StackEvent| match event {
        StackEvent::Policy(event) => Some(**event),
        _ => None,
    };
    record.events.iter().filter_map(of).collect()
}

/// Models of the first calls of the tasks that arrive from an instant on.
fn first_models(record: &Record, from: SimTime) -> Vec<u16> {
    let since = record.tasks.iter().filter(|task| task.arrived >= from);
    since.filter_map(|task| task.first_model).map(|model| model.0).collect()
}

#[test]
fn all_calls_of_a_task_stay_on_its_side() {
    // Orders a = 0, 1 and b = 2, 3; a call fails four times in ten, and then the order names the next model.
    let mut draft = Draft::new(4);
    draft.end = End::Tasks(4000);
    draft.world.task_types[0].steps = vec![Level::L1, Level::L3];
    draft.world.models.iter_mut().for_each(|model| model.success = [0.6; 4]);
    draft.stack.fallback = FallbackPlan::Ranked { by: Ranking::Order, max_fallbacks: 1 };
    let rule = AbTestRule { samples: 10_000, ..TEST };
    let of = |models: [u16; 2]| OrderRule::Static(models.map(ModelId).to_vec());
    let cell = on_trial(draft, [of([0, 1]), of([2, 3])], TrialKind::AbTest(rule));
    let (found, _) = record(&cell, 5);
    let streams = Streams::new(5);
    let on_b = |task: TaskId| streams.task(Purpose::Assignment, task).uniform() < 0.5;
    let mut fell_back = [0, 0];
    for call in &found.attempts {
        assert_eq!(call.model.0 >= 2, on_b(call.task), "a call of task {}", call.task.0);
        fell_back[usize::from(on_b(call.task))] += usize::from(call.model.0 % 2 == 1);
    }
    assert!(fell_back.iter().all(|n| *n > 500), "{fell_back:?}");
    // 4000 fair draws: 3.9 standard deviations are 123.
    let n_b = found.tasks.iter().filter(|task| on_b(task.task)).count();
    assert!(n_b.abs_diff(2000) <= 123, "{n_b} of 4000 tasks on side b, seed 5");
}

#[test]
fn the_side_of_a_task_depends_on_the_seed_alone() {
    let sides = |orders: [OrderRule; 2], watch, seed| -> Vec<bool> {
        let rule = AbTestRule { samples: 10_000, watch, ..TEST };
        let mut draft = Draft::new(4);
        draft.stack.fallback = FallbackPlan::Ranked { by: Ranking::Order, max_fallbacks: 2 };
        let cell = on_trial(draft, orders, TrialKind::AbTest(rule));
        let mut tasks = record(&cell, seed).0.tasks;
        tasks.sort_by_key(|task| task.task);
        tasks.iter().map(|task| task.first_model.expect("called").0 >= 2).collect()
    };
    let weighted = |weights: [f64; 4]| OrderRule::Weighted(weights.to_vec());
    let fixed = sides([always(0), always(2)], Watch::Fixed, 5);
    let other = sides(
        [weighted([1.0, 1.0, 0.0, 0.0]), weighted([0.0, 0.0, 1.0, 1.0])],
        Watch::Sequential,
        5,
    );
    assert_eq!(fixed, other);
    assert_ne!(fixed, sides([always(0), always(2)], Watch::Fixed, 6));
}

#[test]
fn equal_orders_draw_differently_and_side_a_as_if_it_were_alone() {
    let mut draft = Draft::new(5);
    draft.end = End::Tasks(4000);
    draft.stack.order = OrderRule::Random;
    let (alone, _) = record(&draft.clone().build(), 5);
    let rule = AbTestRule { samples: 10_000, ..TEST };
    let orders = [OrderRule::Random, OrderRule::Random];
    let (both, _) = record(&on_trial(draft, orders, TrialKind::AbTest(rule)), 5);
    let of = |found: &Record| {
        let mut first: Vec<_> = found.tasks.iter().map(|t| (t.task, t.first_model)).collect();
        first.sort();
        first
    };
    let streams = Streams::new(5);
    let (mut n_b, mut same) = (0, 0);
    for (one, other) in of(&alone).into_iter().zip(of(&both)) {
        if streams.task(Purpose::Assignment, one.0).uniform() < 0.5 {
            n_b += 1;
            same += u32::from(one == other);
        } else {
            assert_eq!(one, other);
        }
    }
    // Five models: one in five is the same by chance, 400 of 2000 with a standard deviation of 18.
    let chance = f64::from(n_b) / 5.0;
    assert!((f64::from(same) - chance).abs() < 3.9 * (chance * 0.8).sqrt(), "{same} of {n_b}");
}

#[test]
fn a_candidate_that_is_never_deployed_changes_no_event() {
    let plain = |order| {
        let mut draft = one_by_one(3);
        draft.stack.order = order;
        record(&draft.build(), 3).1
    };
    let never = AdaptiveRule { deploy_after: SimTime::NEVER, ..PLAN };
    let kind = TrialKind::Adaptive(never);
    let (found, digest) = record(&on_trial(one_by_one(3), [greedy(), OrderRule::Random], kind), 3);
    assert_eq!((digest, decisions(&found).len()), (plain(greedy()), 0));
    let kind = TrialKind::Adaptive(AdaptiveRule { deploy_after: seconds(100.0), ..PLAN });
    let (found, digest) = record(&on_trial(one_by_one(3), [always(0), always(0)], kind), 3);
    assert_eq!(decisions(&found)[0].decision, PolicyDecision::Deployed);
    assert_ne!(digest.event_hash, plain(always(0)).event_hash, "a deployment is an event");
}

#[test]
fn the_candidate_learns_in_the_shadow_and_the_baseline_keeps_what_it_knows() {
    let run = |orders: [OrderRule; 2], shadow_learning| {
        let mut draft = one_by_one(3);
        draft.world.models[1].quality = [95.0; 4];
        draft.world.models[2].success = [0.0; 4];
        // Measured by 40 calls, so that the baseline has found its model.
        let rule = AdaptiveRule {
            deploy_after: seconds(100.0),
            calls_per_measurement: 4,
            shadow_learning,
            ..PLAN
        };
        record(&on_trial(draft, orders, TrialKind::Adaptive(rule)), 3).0
    };
    // A learner tries each model once: what the baseline called need not be tried again.
    for (shadow_learning, tried) in [(true, vec![0, 2]), (false, vec![0, 1, 2])] {
        let found = run([always(1), greedy()], shadow_learning);
        let deployed = decisions(&found)[0];
        assert_eq!((deployed.decision, deployed.at), (PolicyDecision::Deployed, seconds(100.0)));
        let mut first = first_models(&found, deployed.at);
        first.truncate(tried.len());
        first.sort_unstable();
        assert_eq!(first, tried, "shadow learning {shadow_learning}");
    }
    // Model 2 never answers: rolled back after ten measurements, to a baseline that tries nothing anew.
    let found = run([greedy(), always(2)], true);
    let told = decisions(&found);
    let kinds: Vec<_> = told.iter().map(|event| event.decision).collect();
    assert_eq!(kinds, [PolicyDecision::Deployed, PolicyDecision::RolledBack]);
    let deployed = first_models(&found, told[0].at);
    let back = first_models(&found, told[1].at);
    assert_eq!(deployed.len() - back.len(), 40, "calls of the candidate");
    assert!(deployed[..40].iter().all(|model| *model == 2));
    assert!(back.len() > 100 && back.iter().all(|model| *model == 1), "{back:?}");
}

#[test]
fn the_winner_is_adopted_if_that_is_asked_for() {
    for then in [Then::KeepSplit, Then::AdoptWinner] {
        let mut draft = one_by_one(2);
        draft.world.models[0].success = [0.5; 4];
        let kind = TrialKind::AbTest(AbTestRule { then, samples: 60, ..TEST });
        let (found, _) = record(&on_trial(draft, [always(0), always(1)], kind), 3);
        let told = decisions(&found);
        assert_eq!((told[0].policy, told[0].reason), (Some(Policy::B), PolicyReason::Significant));
        let after = first_models(&found, told[0].at + SimDuration(1));
        assert!(after.len() > 100);
        let adopts = then == Then::AdoptWinner;
        assert_eq!(after.iter().all(|model| *model == 1), adopts);
        let adopted = told.get(1).map(|event| (event.decision, event.policy, event.reason));
        let wanted = (PolicyDecision::Adopted, Some(Policy::B), PolicyReason::Verdict);
        assert_eq!(adopted, adopts.then_some(wanted));
    }
}

#[test]
fn an_informed_order_on_trial_is_told_what_to_expect() {
    let mut draft = one_by_one(3);
    draft.world.models[2].quality = [95.0; 4];
    let rule = AdaptiveRule { deploy_after: seconds(100.0), ..PLAN };
    let orders = [always(0), OrderRule::InformedGreedy];
    let (found, _) = record(&on_trial(draft, orders, TrialKind::Adaptive(rule)), 3);
    let told = decisions(&found);
    let until = told.get(1).map_or(SimTime::NEVER, |event| event.at);
    let served = found.tasks.iter().filter(|t| t.arrived >= told[0].at && t.ended <= until);
    assert!(served.clone().count() >= 10);
    assert!(served.clone().all(|task| task.first_model == Some(ModelId(2))));
}

/// The verdict of a run.
#[derive(Default)]
struct Verdict(Option<Option<Policy>>);

impl Observer for Verdict {
    fn stack_event(&mut self, event: &StackEvent) {
        if let StackEvent::Policy(event) = event
            && event.decision == PolicyDecision::Verdict
        {
            self.0 = Some(event.policy);
        }
    }
}

#[test]
fn the_shipped_equal_pair_is_told_apart_too_often_only_by_looking_again_and_again() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/ab-test.toml");
    let study = scenario::read(&path, false).unwrap_or_else(|report| panic!("{report}"));
    let false_verdicts = |name: &str| {
        let variant = study.variants.iter().find(|v| v.name == name).expect("it is shipped");
        let cell = study.cell(&study.blocks[0], &variant.stack);
        let verdicts = (1..=200).map(|seed| {
            let mut verdict = Verdict::default();
            engine::run(&cell, seed, &mut verdict);
            verdict.0.expect("every test ends with a verdict")
        });
        verdicts.filter(Option::is_some).count()
    };
    // At alpha = .05, 200 equal pairs give more than 21 verdicts with probability below .001 (binomial).
    const BOUND: usize = 21;
    let counts =
        ["equal, fixed", "equal, continuous Welch", "equal, sequential"].map(false_verdicts);
    let [fixed, continuous, sequential] = counts;
    assert!(fixed <= BOUND && sequential <= BOUND && continuous > BOUND, "{counts:?}, seeds 1-200");
}

struct Quiet;

impl Progress for Quiet {
    fn runs(&self, _: u64) {}
    fn run_ended(&self, _: u64) {}
}

#[test]
fn the_summary_tells_what_came_of_the_candidates() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/rollback.toml");
    let mut study = scenario::read(&path, false).unwrap_or_else(|report| panic!("{report}"));
    study.seeds = vec![1, 2, 3];
    let folder = tempfile::tempdir().expect("a folder");
    experiment::run(&study, folder.path(), 2, &Quiet).expect("it runs");
    let said = report::write(folder.path()).expect("it is reported");
    let summary = std::fs::read_to_string(folder.path().join(report::SUMMARY)).expect("written");
    let title = "Candidates deployed and rolled back";
    assert!(said.text.contains(title) && summary.contains(&format!("### {title}\n")), "{said:?}");
    // All of 3: the Clopper-Pearson bound is the cube root of .025. Never deployed: no row.
    let row = |variant: &str, cells: &str| {
        let row = format!("\n| {variant} | {cells}");
        assert!(summary.contains(&row), "no row {row}\n{summary}");
    };
    row("equal, 10 x 1 call", "3 | 100.0 [29.2, 100.0] | 0.");
    row("worse, no rollback", "3 | 0.0 [0.0, 70.8] | beyond the run | 0 | 0 | 0 | - | - |");
    assert!(!summary.contains("\n| never deployed | 3 |"));
    // The measures say the same as the table of decisions.
    let rows = Rows::read(folder.path(), &Policies::DOC).expect("a table");
    let (variants, at) = (rows.texts("variant").unwrap(), rows.numbers("at_s").unwrap());
    let told = rows.texts("decision").unwrap();
    let hours = |kind: &str| -> Vec<f64> {
        let all = variants.iter().zip(&told).zip(&at);
        let of = all.filter(|((v, told), _)| *v == "worse, 10 x 50 calls" && *told == kind);
        of.map(|(_, at)| at.expect("a time") / 3600.0).collect()
    };
    let lasted: f64 =
        hours("rolled_back").iter().zip(hours("deployed")).map(|(to, from)| to - from).sum();
    let rows = Rows::read(folder.path(), &Summary::DOC).expect("a table");
    let (variants, measures) = (rows.texts("variant").unwrap(), rows.texts("measure").unwrap());
    let means = rows.numbers("mean").unwrap();
    let mean = |measure: &str| {
        let at = variants
            .iter()
            .zip(&measures)
            .position(|(v, m)| v == "worse, 10 x 50 calls" && m == measure);
        means[at.expect("it is measured")].expect("it has a value")
    };
    assert_eq!(hours("rolled_back").len(), 3);
    assert_eq!(mean("rolled_back"), 1.0);
    assert!((mean("rollback_time") - lasted / 3.0).abs() < 1e-9, "{lasted}");
    assert!(!measures.iter().any(|measure| measure.starts_with("verdict")));
}
