//! Single models and references on all prompts.

use super::evaluation::{self, Evaluation, alone, models, oracle};
use super::{Study, Whole};
use crate::analysis::frontier::measured;

/// Measures them.
pub(super) fn measure(study: &Study<'_>) -> Whole {
    let outcomes = study.outcomes;
    let prompts: Vec<u32> = (0..outcomes.n_prompts() as u32).collect();
    let mut all = Evaluation::default();
    for model in models(outcomes) {
        let name = outcomes.models[model.index()].clone();
        all.add(name, alone(outcomes, &prompts, model));
    }
    let mut of_domain = vec![Vec::new(); outcomes.domains.len()];
    for &prompt in &prompts {
        of_domain[usize::from(outcomes.domain_of[prompt as usize])].push(prompt);
    }
    // A domain without prompts is asked for by none.
    let best: Vec<_> = of_domain
        .iter()
        .map(|own| (!own.is_empty()).then(|| evaluation::best_single(outcomes, own)))
        .collect();
    all.add(
        "best model of each domain".to_owned(),
        prompts.iter().map(|&prompt| {
            let domain = usize::from(outcomes.domain_of[prompt as usize]);
            let model = best[domain].expect("the prompt is of it");
            outcomes.answer(prompt, model).into()
        }),
    );
    all.add("realised oracle".to_owned(), prompts.iter().map(|prompt| oracle(outcomes, *prompt)));
    let intervals = measured(&all.columns(&[]), &study.bootstrap, <[f64]>::to_vec);
    let mut settings = all.settings(&intervals);
    let oracle = settings.pop().expect("the last");
    let domain_best = settings.pop().expect("the one before it");
    let best = evaluation::best_single(outcomes, &prompts).index();
    Whole { singles: settings, best, oracle, domain_best }
}
