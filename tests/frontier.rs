//! Routers on recorded outcomes, held to figures that were computed from the same tables by other software.

use std::path::{Path, PathBuf};

use reflexarc::data::outcomes::{Source, read};
use reflexarc::offline::frontier::{Family, Frontier, Options, console, measure};

fn table(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/outcomes").join(name)
}

fn measured(source: Source) -> Frontier {
    let loaded = read(&Source { priced: true, ..source }).expect("a shipped table");
    measure(&loaded, &Options { resamples: 100, ..Options::default() }).expect("it can be measured")
}

fn near(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found - expected).abs() <= tolerance, "{what}: {found} instead of {expected}");
}

fn family<'a>(frontier: &'a Frontier, name: &str) -> &'a Family {
    frontier.families.iter().find(|family| family.name == name).expect("there is such a family")
}

/// All prompts: pandas. Held out: pandas and scikit-learn 1.9.1 on the same halves.
#[test]
fn mmlu_pro_gives_the_figures_of_other_software() {
    let frontier = measured(Source {
        file: table("mmlu-pro.parquet"),
        features: Some(table("mmlu-pro-features.parquet")),
        ..Source::default()
    });
    let whole = &frontier.whole;
    assert_eq!((frontier.account.prompts, whole.singles.len()), (10_326, 17));
    let best = &whole.singles[whole.best];
    assert_eq!(best.label, "gemini-1.5-pro-002");
    near(best.quality.value, 0.718_187, 1e-6, "best single");
    near(best.cost_usd.value, 6.043_45e-4, 1e-9, "its cost");
    near(whole.oracle.quality.value, 0.929_208, 1e-6, "oracle");
    near(whole.oracle.cost_usd.value, 6.138_13e-5, 1e-10, "its cost");
    near(whole.domain_best.quality.value, 0.7341, 5e-5, "best of each domain");
    assert!(best.quality.low < 0.7182 && best.quality.high > 0.7182);

    assert_eq!((frontier.account.train, frontier.account.test), (5_163, 5_163));
    assert_eq!(frontier.best_single, "gemini-1.5-pro-002");
    near(frontier.oracle.quality.value, 0.931_242, 1e-6, "oracle held out");
    near(frontier.oracle.cost_usd.value, 6.312_39e-5, 1e-10, "its cost");
    near(frontier.cost_range_usd.0, 2.669_906e-5, 1e-11, "cheapest model");
    near(frontier.cost_range_usd.1, 8.191_886e-4, 1e-10, "dearest model");
    // The first setting has no price: the model of the best predicted quality. Of 5,163 prompts a few may tip where
    // predictions, which are kept in single precision, all but tie.
    let tipped = 3.0 / 5_163.0;
    for (name, quality, average, at_equal) in [
        ("domain means", 0.737_749, 0.714_431, Some(0.568_05)),
        ("nearest prompts", 0.708_696, 0.693_937, None),
        ("ridge regression", 0.731_939, 0.712_333, Some(0.605_49)),
        ("logistic regression", 0.733_876, 0.712_957, Some(0.604_37)),
    ] {
        let found = family(&frontier, name);
        near(found.settings[0].quality.value, quality, tipped, name);
        near(found.average_quality.value, average, tipped, name);
        match at_equal {
            Some(share) => near(found.cost_at_equal_quality.value, share, 0.005, name),
            None => assert!(found.cost_at_equal_quality.value.is_nan(), "{name}"),
        }
    }
    let singles = family(&frontier, "single models");
    near(singles.average_quality.value, 0.691_752, 1e-6, "single models");
    assert!(family(&frontier, "cascade").settings.len() > 5);

    // Maximum likelihood with SciPy: .5594, which predicts .9326 where independence predicts .99998.
    let difficulty = frontier.difficulty.as_ref().expect("many models");
    near(difficulty.correlation.value, 0.559_36, 1e-4, "difficulty correlation");
    near(difficulty.any_right_predicted, 0.932_57, 1e-4, "predicted");
    near(difficulty.any_right_independent, 0.999_977, 1e-6, "independent");
    near(difficulty.any_right, 0.929_208, 1e-6, "recorded");
    let text = console(&frontier);
    assert!(text.contains("world.difficulty_correlation = 0.559"), "{text}");
}

#[test]
fn routellm_gives_the_published_figures_and_a_random_mix_recovers_what_it_pays_for() {
    // Quality of either model, oracle, share of strong calls for 95 % of the strong model's quality, and the tetrachoric
    // correlation by SciPy.
    for (benchmark, prompts, strong, weak, oracle, share, correlation) in [
        ("mmlu", 14_037, 0.8059, 0.6809, 0.8587, 0.678, 0.677_40),
        ("gsm8k", 1_307, 0.8577, 0.6373, 0.9296, 0.805, 0.213_92),
    ] {
        let only = [("benchmark", benchmark), ("contaminated", "false")];
        let only = only.map(|(column, value)| (column.to_owned(), value.to_owned())).to_vec();
        let frontier =
            measured(Source { file: table("routellm.parquet"), only, ..Source::default() });
        let whole = &frontier.whole;
        assert_eq!(frontier.account.prompts, prompts, "{benchmark}");
        let of = |name: &str| {
            let found = whole.singles.iter().find(|single| single.label.contains(name));
            found.expect("the model is there").quality.value
        };
        near(of("gpt-4"), strong, 5e-5, benchmark);
        near(of("Mixtral"), weak, 5e-5, benchmark);
        near(whole.oracle.quality.value, oracle, 5e-5, benchmark);
        let mix = &frontier.pair.whole;
        near(mix.apgr.value, 0.5, 1e-12, "APGR");
        near(mix.cpt50.value, 0.5, 1e-12, "CPT(50 %)");
        near(mix.cpt80.value, 0.8, 1e-12, "CPT(80 %)");
        near(mix.share_for_95.value, share, 5e-4, "95 % of the strong model's quality");
        let found = frontier.difficulty.as_ref().expect("two models").correlation.value;
        near(found, correlation, 1e-4, "difficulty correlation");
    }
}

#[test]
fn what_cannot_be_measured_is_said_in_one_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("t.csv");
    let text = "prompt_id,model,quality,cost_usd\np,a,1,1\np,b,0,\nq,a,1,1\nq,b,1,\n";
    std::fs::write(&file, text).expect("written");
    let refused = |source: Source, options: Options| {
        let loaded = read(&Source { file: file.clone(), ..source }).expect("a table");
        measure(&loaded, &options).expect_err("it lacks costs")
    };
    let said = refused(Source::default(), Options::default());
    assert_eq!(said, "no cost of the model `b` is recorded; leave it out");
    let priced = Source { priced: true, ..Source::default() };
    assert!(refused(priced, Options::default()).starts_with("there is only one model"));
}
