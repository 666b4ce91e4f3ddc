//! The watch over a deployed candidate and the A/B test, step by step by hand, and mistakes in their keys.

use reflexarc::analysis::sequential::SAFE_FROM;
use reflexarc::domain::{Policy, PolicyDecision, PolicyEvent, PolicyFigures, PolicyReason};
use reflexarc::routing::trial::{AbTest, AbTestRule, Adaptive, AdaptiveRule, Then, Watch};
use reflexarc::scenario;
use reflexarc::units::SimTime;

/// The plan's watch.
const PLAN: AdaptiveRule = AdaptiveRule {
    deploy_after: SimTime(1000),
    watch: 10,
    baseline_window: 10,
    calls_per_measurement: 1,
    tolerance: 0.05,
    shadow_learning: true,
};

const GOOD: PolicyFigures = PolicyFigures {
    n: 1,
    success_rate: 1.0,
    efficiency: 80.0,
    latency_ms: 1000.0,
    token_efficiency: 1.0,
};

/// Feeds `n` equal steps, one a nanosecond from `from` on, and returns what was decided.
fn feed(
    watch: &mut Adaptive,
    from: u64,
    arm: u8,
    n: u64,
    step: PolicyFigures,
) -> Option<PolicyEvent> {
    (0..n).find_map(|i| watch.step_ended(SimTime(from + i), arm, &step))
}

/// A watch whose candidate has just been deployed after ten good measurements of the baseline.
fn deployed(rule: AdaptiveRule) -> Adaptive {
    let mut watch = Adaptive::new(rule);
    let steps = (10 * rule.calls_per_measurement) as u64;
    assert_eq!(feed(&mut watch, 0, 0, steps, GOOD), None);
    assert_eq!((watch.due(), watch.serving()), (SimTime(1000), 0));
    let event = watch.advance(SimTime(1000)).expect("the baseline is measured");
    assert_eq!(event.decision, PolicyDecision::Deployed);
    assert_eq!((event.policy, event.reason), (Some(Policy::Candidate), PolicyReason::Due));
    assert_eq!(event.figures, [Some(PolicyFigures { n: 10, ..GOOD }), None]);
    assert_eq!((watch.due(), watch.serving()), (SimTime::NEVER, 1));
    watch
}

#[test]
fn ten_measurements_bring_the_rollback_and_nine_do_not() {
    let mut watch = deployed(PLAN);
    let bad = PolicyFigures { success_rate: 0.0, efficiency: 0.0, ..GOOD };
    assert_eq!(feed(&mut watch, 1001, 1, 9, bad), None);
    let event = watch.step_ended(SimTime(1010), 1, &bad).expect("the tenth");
    assert_eq!(event.decision, PolicyDecision::RolledBack);
    assert_eq!((event.at, event.policy), (SimTime(1010), Some(Policy::Baseline)));
    assert_eq!(event.reason, PolicyReason::SuccessRate);
    assert_eq!(event.figures[1], Some(PolicyFigures { n: 10, ..bad }));
    // The baseline serves again, for good.
    assert_eq!((watch.serving(), watch.due()), (0, SimTime::NEVER));
    assert_eq!(feed(&mut watch, 2000, 0, 100, bad), None);
    assert_eq!(feed(&mut watch, 3000, 1, 100, bad), None);
}

#[test]
fn five_percent_is_tolerated_and_more_is_not() {
    let with = |change: &dyn Fn(&mut PolicyFigures)| {
        let mut step = GOOD;
        change(&mut step);
        let mut watch = deployed(PLAN);
        feed(&mut watch, 1001, 1, 50, step).map(|event| (event.at, event.reason))
    };
    let at_tenth = |reason| Some((SimTime(1010), reason));
    assert_eq!(with(&|s| s.success_rate = 0.95), None);
    assert_eq!(with(&|s| s.success_rate = 0.9499), at_tenth(PolicyReason::SuccessRate));
    assert_eq!(with(&|s| s.efficiency = 76.0), None);
    assert_eq!(with(&|s| s.efficiency = 75.99), at_tenth(PolicyReason::Efficiency));
    assert_eq!(with(&|s| s.latency_ms = 1050.0), None);
    assert_eq!(with(&|s| s.latency_ms = 1050.1), at_tenth(PolicyReason::Latency));
    // What becomes better is no reason, nor is the use of tokens.
    assert_eq!(with(&|s| (s.efficiency, s.latency_ms) = (160.0, 1.0)), None);
    assert_eq!(with(&|s| s.token_efficiency = 0.0), None);
    // Of several reasons the first is named.
    let all = with(&|s| (s.efficiency, s.latency_ms) = (0.0, 9000.0));
    assert_eq!(all, at_tenth(PolicyReason::Efficiency));
    // A tolerance that is no sum of powers of two, hit exactly by ten measurements of which one failed.
    let mut watch = deployed(AdaptiveRule { tolerance: 0.1, ..PLAN });
    let failed = PolicyFigures { success_rate: 0.0, ..GOOD };
    assert_eq!(watch.step_ended(SimTime(1001), 1, &failed), None);
    assert_eq!(feed(&mut watch, 1002, 1, 50, GOOD), None);
}

#[test]
fn only_the_last_ten_measurements_are_watched() {
    let mut watch = deployed(PLAN);
    let slow = PolicyFigures { latency_ms: 1400.0, ..GOOD };
    assert_eq!(feed(&mut watch, 1001, 1, 100, GOOD), None);
    // One of ten lifts the mean by 4 %, two by 8 %.
    assert_eq!(watch.step_ended(SimTime(1200), 1, &slow), None);
    assert_eq!(feed(&mut watch, 1201, 1, 10, GOOD), None);
    assert_eq!(watch.step_ended(SimTime(1300), 1, &slow), None);
    assert_eq!(feed(&mut watch, 1301, 1, 8, GOOD), None);
    let event = watch.step_ended(SimTime(1400), 1, &slow).expect("two of the last ten");
    assert_eq!(event.reason, PolicyReason::Latency);
    assert!((event.figures[1].expect("measured").latency_ms - 1080.0).abs() < 1e-9);
}

#[test]
fn a_measurement_is_the_mean_of_its_calls() {
    let mut watch = deployed(AdaptiveRule { calls_per_measurement: 4, ..PLAN });
    let failed = PolicyFigures { success_rate: 0.0, efficiency: 0.0, ..GOOD };
    // One call in four fails: 25 % worse, seen when the tenth measurement is complete.
    for i in 0..39 {
        let step = if i % 4 == 0 { failed } else { GOOD };
        assert_eq!(watch.step_ended(SimTime(1001 + i), 1, &step), None, "step {i}");
    }
    let event = watch.step_ended(SimTime(1040), 1, &GOOD).expect("forty calls");
    let seen = event.figures[1].expect("measured");
    assert_eq!((seen.n, seen.success_rate), (10, 0.75));
}

#[test]
fn the_deployment_waits_for_the_baselines_measurements() {
    let mut watch = Adaptive::new(PLAN);
    assert_eq!(feed(&mut watch, 0, 0, 9, GOOD), None);
    assert_eq!(watch.advance(SimTime(1000)), None);
    assert_eq!((watch.serving(), watch.due()), (0, SimTime::NEVER));
    let event = watch.step_ended(SimTime(1234), 0, &GOOD).expect("the tenth");
    assert_eq!((event.decision, event.at), (PolicyDecision::Deployed, SimTime(1234)));
    // Steps that the baseline began before and ends now are not the candidate's.
    let bad = PolicyFigures { success_rate: 0.0, ..GOOD };
    assert_eq!(feed(&mut watch, 1300, 0, 50, bad), None);
    assert_eq!(watch.serving(), 1);
    // The window is the baseline's last measurements.
    let mut watch = Adaptive::new(AdaptiveRule { baseline_window: 3, ..PLAN });
    assert_eq!(feed(&mut watch, 0, 0, 5, bad), None);
    assert_eq!(feed(&mut watch, 5, 0, 3, GOOD), None);
    let event = watch.advance(SimTime(1000)).expect("three measurements");
    assert_eq!(event.figures[0], Some(PolicyFigures { n: 3, ..GOOD }));
}

const TEST: AbTestRule = AbTestRule {
    share_b: 0.5,
    min_samples: 30,
    samples: 30,
    alpha: 0.05,
    watch: Watch::Fixed,
    effect: 0.05,
    then: Then::KeepSplit,
};

/// Feeds pairs of samples of a and b, each 10 points above and below its mean in turn, until something is decided.
fn pairs(test: &mut AbTest, means: [f64; 2], n: usize) -> Vec<PolicyEvent> {
    let mut told = Vec::new();
    for i in 0..n {
        for (side, mean) in [(0, means[0]), (1, means[1])] {
            let efficiency = if i % 2 == 0 { mean - 10.0 } else { mean + 10.0 };
            let step = PolicyFigures { efficiency, ..GOOD };
            test.step_ended(SimTime(i as u64), side, &step, |event| told.push(event));
        }
    }
    told
}

#[test]
fn a_fixed_test_gives_welchs_verdict_with_its_power() {
    // scipy 1.17.1: ttest_ind(b, a, equal_var=False) of 15 x [75, 95] and 15 x [70, 90]; power by its nct distribution.
    let mut test = AbTest::new(TEST);
    assert_eq!(pairs(&mut test, [80.0, 85.0], 29), []);
    let told = pairs(&mut test, [80.0, 85.0], 10);
    assert_eq!(told.len(), 1, "the test is over with its verdict");
    let verdict = told[0];
    assert_eq!((verdict.decision, verdict.policy), (PolicyDecision::Verdict, None));
    assert_eq!(verdict.reason, PolicyReason::NotSignificant);
    assert_eq!(verdict.figures.map(|side| side.map(|f| f.n)), [Some(30), Some(30)]);
    let mut test = AbTest::new(TEST);
    let told = pairs(&mut test, [80.0, 85.0], 30);
    let found = told[0].test.expect("a test was made");
    let near = |value: Option<f64>, wanted: f64| {
        let value = value.expect("the test tells it");
        assert!((value - wanted).abs() < 1e-6, "{value} is not {wanted}");
    };
    near(Some(found.difference), 5.0);
    near(Some(found.low), -0.256_767_65);
    near(Some(found.high), 10.256_767_65);
    near(found.p_value, 0.061_882_46);
    near(found.power, 0.322_312_22);
    near(found.smallest_effect, 0.093_524_59);
    // With 7 points between them p is 0.0099.
    let told = pairs(&mut AbTest::new(TEST), [80.0, 87.0], 30);
    assert_eq!((told[0].policy, told[0].reason), (Some(Policy::B), PolicyReason::Significant));
    let told = pairs(&mut AbTest::new(TEST), [87.0, 80.0], 30);
    assert_eq!((told[0].policy, told.len()), (Some(Policy::A), 1));
}

#[test]
fn no_verdict_before_thirty_a_side_however_far_apart() {
    for watch in [Watch::Fixed, Watch::ContinuousWelch, Watch::Sequential] {
        let mut test = AbTest::new(AbTestRule { watch, samples: 100, ..TEST });
        assert_eq!(pairs(&mut test, [10.0, 90.0], 29), [], "{watch:?}");
        let too_few = test.clone().close(SimTime(7)).expect("a test always ends with a verdict");
        assert_eq!((too_few.policy, too_few.reason), (None, PolicyReason::TooFewSamples));
        assert_eq!((too_few.at, too_few.test), (SimTime(7), None));
        let told = pairs(&mut test, [10.0, 90.0], 71);
        let n = told[0].figures[1].expect("sampled").n;
        assert_eq!(told[0].policy, Some(Policy::B), "{watch:?}");
        let wanted = match watch {
            Watch::Fixed => 100,
            Watch::ContinuousWelch => 30,
            Watch::Sequential => SAFE_FROM,
        };
        assert_eq!(n, wanted, "{watch:?}");
        assert_eq!(test.close(SimTime(9)), None);
    }
}

#[test]
fn a_test_that_the_run_cuts_short_is_undecided() {
    let mut test = AbTest::new(AbTestRule { samples: 100, ..TEST });
    assert_eq!(pairs(&mut test, [10.0, 90.0], 40), []);
    let verdict = test.close(SimTime(9)).expect("a verdict");
    assert_eq!((verdict.policy, verdict.reason), (None, PolicyReason::RunEnded));
    assert!(verdict.test.expect("there were enough to look").low > 70.0);
}

#[test]
fn samples_without_spread_tell_nothing() {
    let mut told = Vec::new();
    let mut test = AbTest::new(TEST);
    for _ in 0..30 {
        for side in [0, 1] {
            let step = PolicyFigures { efficiency: 50.0 + f64::from(side), ..GOOD };
            test.step_ended(SimTime(1), side, &step, |event| told.push(event));
        }
    }
    assert_eq!((told.len(), told[0].policy, told[0].test), (1, None, None));
}

/// What is said of a scenario whose only order is this.
fn said_of(order: &str) -> String {
    let text = format!(
        "format = 1\nquestion = \"?\"\n[time]\nstart = \"2026-03-02T00:00\"\nzone = \"UTC\"\nend.tasks = 10\n\
         [registry]\nuse = \"stage4\"\n[workload.poisson]\nrate_per_s = 1\n[[task_types]]\nname = \"t\"\nshare = 1\n\
         level = \"L1\"\ninput_tokens = 1\noutput_tokens = 1\n[stack.order]\n{order}\n"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.toml");
    std::fs::write(&path, text).expect("written");
    match scenario::read(&path, false) {
        Ok(_) => String::new(),
        Err(report) => report.to_string().replace(&format!("{}/", folder.path().display()), ""),
    }
}

#[test]
fn mistakes_in_trials_are_placed_and_cured() {
    let pair = "a.always = { model = \"Groq\" }, b = \"random\"";
    assert_eq!(said_of(&format!("ab_test = {{ {pair} }}")), "");
    let nested = "adaptive = { baseline = \"stage4\", candidate.adaptive = { baseline = \"random\", candidate = \"cheapest\" } }";
    for (order, place, caret) in [
        (
            nested.to_owned(),
            "x.toml:18:45: unknown kind `adaptive` of `stack.order.adaptive.candidate`",
            "^^^^^^^^ only `stack.order` itself can be `adaptive`: write one of `stage4`,",
        ),
        (
            "adaptive = { baseline = \"best_fixed\", candidate = \"random\" }".to_owned(),
            "x.toml:18:25: unknown kind `best_fixed` of `stack.order.adaptive.baseline`",
            "^^^^^^^^^^^^ only `stack.order` itself can be `best_fixed`:",
        ),
        (
            "adaptive = { baseline = \"stage4\" }".to_owned(),
            "x.toml:18:1: missing key `candidate` in `stack.order.adaptive`",
            "add it, such as `candidate = \"stage4\"`",
        ),
        (
            "adaptive = { baseline = \"stage4\", candidate = \"random\", watch = 0 }".to_owned(),
            "x.toml:18:65: `stack.order.adaptive.watch` cannot be 0",
            "^ write a whole number of 1 or more",
        ),
        (
            "adaptive = { baseline = \"stage4\", candidate.always = { model = \"Grok\" } }"
                .to_owned(),
            "x.toml:18:64: unknown model `Grok`",
            "^^^^^^ did you mean `Groq`?",
        ),
        (
            format!("ab_test = {{ {pair}, samples = 20 }}"),
            "x.toml:18:68: `samples` (20) is less than `min_samples` (30)",
            "^^ write 30 or more, or fewer `min_samples`",
        ),
        (
            format!("ab_test = {{ {pair}, min_samples = 10 }}"),
            "x.toml:18:72: `min_samples` cannot be 10: no verdict rests on so few",
            "^^ write 30 or more",
        ),
        (
            format!("ab_test = {{ {pair}, samples = 40, watch = \"sequential\" }}"),
            "x.toml:18:68: `samples` cannot be 40: a confidence sequence needs more",
            "^^ write 50 or more, or another `watch`",
        ),
        (
            format!("ab_test = {{ {pair}, share_b = 1 }}"),
            "x.toml:18:68: `share_b` cannot be 1: one side gets no task",
            "^ write a number between 0 and 1, such as 0.5",
        ),
        (
            format!("ab_test = {{ {pair}, alpha = 0.9 }}"),
            "x.toml:18:66: `alpha` cannot be 0.9",
            "^^^ write at most 0.5, such as 0.05",
        ),
        (
            format!("ab_test = {{ {pair}, watch = \"continuous\" }}"),
            "x.toml:18:66: `stack.order.ab_test.watch` cannot be \"continuous\"",
            "^^^^^^^^^^^^ expected one of \"fixed\", \"continuous_welch\", \"sequential\"",
        ),
        (
            format!("ab_test = {{ {pair}, smaples = 300 }}"),
            "x.toml:18:58: unknown key `smaples` in `stack.order.ab_test`",
            "^^^^^^^ did you mean `samples`?",
        ),
    ] {
        let said = said_of(&order);
        assert_eq!(said.matches("error: ").count(), 1, "{said}");
        assert!(said.contains(place) && said.contains(caret), "{place}\n{caret}\n{said}");
    }
}
