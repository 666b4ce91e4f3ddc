//! The world's samplers against their laws; `support/laws.rs` says when a test rejects.

#[path = "support/laws.rs"]
mod laws;
#[path = "support/record.rs"]
mod record;
mod support;

use reflexarc::domain::{AttemptRecord, Outcome};
use reflexarc::engine::{Cell, End};
use reflexarc::math;
use reflexarc::registry::Latency;
use reflexarc::routing::order::OrderRule;
use reflexarc::routing::retry::{Backoff, OnFailure};
use reflexarc::sim::sample::LogNormal;
use reflexarc::sim::stream::{Purpose, Streams};
use reflexarc::units::{Level, ModelId, SimDuration, SimTime, TaskId};
use reflexarc::world::conditions::Rejection;
use reflexarc::world::fault::{Effect, FaultSpec, Target};
use reflexarc::world::workload::{Workload, WorkloadSpec};
use reflexarc::world::{ServiceShape, Spread, Tokens, truth};

use laws::{assert_frequencies, assert_law, assert_mean, assert_share};
use record::record;
use support::Draft;

/// Draws per test.
const N: u64 = 100_000;

/// One model that never queues, `N` tasks.
fn draft() -> Draft {
    let mut draft = Draft::new(1);
    draft.end = End::Tasks(N);
    draft
}

/// The attempts of a cell, in order of task.
fn attempts(cell: &Cell, seed: u64) -> Vec<AttemptRecord> {
    let mut attempts = record(cell, seed).0.attempts;
    attempts.sort_by_key(|a| (a.task, a.attempt));
    attempts
}

#[test]
fn poisson_arrivals_have_exponential_gaps() {
    let seed = 81_001;
    let rate_per_s = 2.5;
    let mut workload = Workload::new(WorkloadSpec::Poisson { rate_per_s }, Streams::new(seed));
    let mut last = SimTime::ZERO;
    let gaps: Vec<f64> = (0..N)
        .map(|_| {
            let at = workload.next_arrival().expect("Poisson arrivals do not end").at;
            let gap = at.since(last).as_secs_f64();
            last = at;
            gap
        })
        .collect();
    assert_mean("gap", seed, &gaps, 1.0 / rate_per_s, 1.0 / rate_per_s);
    assert_law("gap", seed, gaps, |x| 1.0 - math::exp(-rate_per_s * x));
}

fn response_times(service: ServiceShape, sigma: f64, seed: u64) -> Vec<f64> {
    let mut draft = draft();
    draft.world.service = service;
    draft.world.latency_sigma = sigma;
    draft.world.models[0].latency = Latency::Response([400.0; 4]);
    let found = attempts(&draft.build(), seed);
    found.iter().map(|a| a.response.duration.as_secs_f64() / 0.4).collect()
}

#[test]
fn lognormal_response_times_have_mean_1_and_their_law() {
    let (seed, sigma) = (81_002, 0.7);
    let times = response_times(ServiceShape::Lognormal, sigma, seed);
    let sd = (math::exp(sigma * sigma) - 1.0).sqrt();
    assert_mean("response", seed, &times, 1.0, sd);
    assert_law("response", seed, times, |x| {
        math::normal_cdf(math::ln(x.max(1e-300)) / sigma + 0.5 * sigma)
    });
}

#[test]
fn exponential_response_times_have_mean_1_and_their_law() {
    let seed = 81_003;
    let times = response_times(ServiceShape::Exponential, 0.0, seed);
    assert_mean("response", seed, &times, 1.0, 1.0);
    assert_law("response", seed, times, |x| 1.0 - math::exp(-x));
}

#[test]
fn constant_response_times_are_the_mean() {
    let times = response_times(ServiceShape::Constant, 0.0, 81_004);
    assert!(times.iter().all(|t| (t - 1.0).abs() < 1e-12));
}

#[test]
fn response_times_per_token_grow_with_the_answer() {
    let mut draft = draft();
    draft.end = End::Tasks(1000);
    draft.world.service = ServiceShape::Constant;
    draft.world.models[0].latency = Latency::PerToken { ttft_ms: 250.0, ms_per_output_token: 12.5 };
    draft.world.models[0].output_tokens_factor = 1.5;
    draft.world.task_types[0].output_tokens = Tokens::Uniform(10.0, 500.0);
    for attempt in attempts(&draft.build(), 81_005) {
        let expected = 250.0 + 12.5 * f64::from(attempt.response.output_tokens);
        assert!((attempt.response.duration.as_millis_f64() - expected).abs() < 1e-6);
    }
}

/// Success of both models under the bivariate normal of the difficulty model, integrated over the difficulty.
fn joint_success(p: [f64; 2], rho: f64) -> f64 {
    let q = p.map(math::normal_quantile);
    let given = |q: f64, d: f64| math::normal_cdf((q - rho.sqrt() * d) / (1.0 - rho).sqrt());
    // The trapezoid rule on an analytic integrand that decays like a normal density: error far below 1e-12.
    let step = 1.0 / 256.0;
    (-2304..=2304)
        .map(|k| {
            let d = f64::from(k) * step;
            step * math::normal_pdf(d) * given(q[0], d) * given(q[1], d)
        })
        .sum()
}

#[test]
fn the_quadrature_gives_known_joint_probabilities() {
    // Independent; and both medians at correlation 1/2: 1/4 + asin(1/2) / (2 pi) = 1/3 (Sheppard 1899).
    assert!((joint_success([0.9, 0.6], 0.0) - 0.54).abs() < 1e-9);
    assert!((joint_success([0.5, 0.5], 0.5) - 1.0 / 3.0).abs() < 1e-9);
}

#[test]
fn success_keeps_its_frequency_and_its_correlation_across_models() {
    let p = [0.9, 0.6];
    for (k, rho) in [0.0, 0.3, 0.9].into_iter().enumerate() {
        let seed = 81_010 + k as u64;
        let outcomes = [0, 1].map(|m| {
            let mut draft = Draft::new(2);
            draft.end = End::Tasks(N);
            draft.stack.order = OrderRule::Static(vec![ModelId(m)]);
            draft.world.task_types[0].difficulty_correlation = rho;
            for (model, p) in draft.world.models.iter_mut().zip(p) {
                model.success = [p; 4];
            }
            let found = attempts(&draft.build(), seed);
            found.iter().map(|a| a.response.outcome == Outcome::Success).collect::<Vec<_>>()
        });
        let n = outcomes[0].len();
        for m in 0..2 {
            let hits = outcomes[m].iter().filter(|s| **s).count();
            assert_share(&format!("success of model {m}, rho {rho}"), seed, hits, n, p[m]);
        }
        let both = outcomes[0].iter().zip(&outcomes[1]).filter(|(a, b)| **a && **b).count();
        assert_share(&format!("joint success, rho {rho}"), seed, both, n, joint_success(p, rho));
    }
}

#[test]
fn repeated_calls_of_a_task_share_its_difficulty_and_nothing_else() {
    // The same model twice: the second call's success, given the first's, is the bivariate normal's again.
    let (seed, rho, p) = (81_014, 0.5, 0.7);
    let mut draft = draft();
    draft.world.task_types[0].difficulty_correlation = rho;
    draft.world.models[0].success = [p; 4];
    draft.stack.retry.max_retries = 1;
    draft.stack.on = draft.stack.on.with(Outcome::Failure, OnFailure::RETRY);
    let found = attempts(&draft.build(), seed);
    let second: Vec<_> = found.iter().filter(|a| a.attempt == 1).collect();
    let both = joint_success([p, p], rho);
    let hits = second.iter().filter(|a| a.response.outcome == Outcome::Success).count();
    assert_share("success after failure", seed, hits, second.len(), (p - both) / (1.0 - p));
}

#[test]
fn outcomes_have_their_shares_also_under_a_brown_out() {
    let (p, partial, api_error, brown) = (0.7, 0.3, 0.4, 0.25);
    for (seed, brown) in [(81_015, 0.0), (81_016, brown)] {
        let mut draft = draft();
        draft.world.models[0].success = [p; 4];
        draft.world.partial_share = partial;
        draft.world.api_error_share = api_error;
        draft.world.task_types[0].difficulty_correlation = 0.6;
        if brown > 0.0 {
            draft.world.faults.push(FaultSpec {
                name: "brown".to_owned(),
                effect: Effect::BrownOut { error_rate: brown },
                target: Target::Models(vec![ModelId(0)]),
                start: SimTime::ZERO,
                end: SimTime::NEVER,
                ramp: SimDuration::ZERO,
                kills_in_flight: false,
                first_calls: None,
            });
        }
        let found = attempts(&draft.build(), seed);
        let answered = 1.0 - brown;
        let of_partial = (1.0 - p) * partial;
        let of_error = (1.0 - p - of_partial) * api_error;
        let shares = [p, of_partial, 1.0 - p - of_partial - of_error, of_error]
            .map(|share| share * answered);
        let shares = [shares[0], shares[1], shares[2], shares[3] + brown];
        let kinds = [Outcome::Success, Outcome::Partial, Outcome::Failure, Outcome::ApiError];
        let count = |kind| found.iter().filter(|a| a.response.outcome == kind).count() as u64;
        assert_frequencies("outcomes", seed, &kinds.map(count), &shares);
    }
}

#[test]
fn a_storm_refuses_its_share() {
    let (seed, share) = (81_017, 0.35);
    let mut draft = draft();
    draft.world.faults.push(FaultSpec {
        name: "storm".to_owned(),
        effect: Effect::Reject { rejection: Rejection::RateLimited, share, retry_after: None },
        target: Target::Models(vec![ModelId(0)]),
        start: SimTime::ZERO,
        end: SimTime::NEVER,
        ramp: SimDuration::ZERO,
        kills_in_flight: false,
        first_calls: None,
    });
    let found = attempts(&draft.build(), seed);
    let hits = found.iter().filter(|a| a.response.outcome == Outcome::RateLimited).count();
    assert_share("refused", seed, hits, found.len(), share);
}

#[test]
fn answer_quality_is_a_clamped_normal() {
    let seed = 81_018;
    let (mean, sd) = (92.0, 9.0);
    let mut draft = draft();
    draft.world.quality_sd = sd;
    draft.world.models[0].quality = [mean; 4];
    let found = attempts(&draft.build(), seed);
    let quality = found.iter().map(|a| a.response.quality).collect();
    assert_law("quality", seed, quality, |x| {
        if x >= 100.0 { 1.0 } else { math::normal_cdf((x - mean) / sd) }
    });
}

/// Prompt lengths that a distribution gives through the engine.
fn lengths(tokens: Tokens, seed: u64) -> Vec<f64> {
    let mut draft = draft();
    draft.world.task_types[0].input_tokens = tokens;
    attempts(&draft.build(), seed).iter().map(|a| a.response.input_tokens.into()).collect()
}

#[test]
fn uniform_tokens_take_every_count_equally_often() {
    let seed = 81_020;
    let mut counts = [0_u64; 41];
    for n in lengths(Tokens::Uniform(10.0, 50.0), seed) {
        counts[n as usize - 10] += 1;
    }
    assert_frequencies("uniform tokens", seed, &counts, &[1.0 / 41.0; 41]);
}

#[test]
fn lognormal_tokens_follow_their_law_to_the_rounding() {
    let (seed, mean, sigma) = (81_021, 800.0, 0.9);
    let found = lengths(Tokens::LogNormal(LogNormal::with_mean(mean, sigma)), seed);
    let mu = math::ln(mean) - 0.5 * sigma * sigma;
    // A count of k means a value below k + 1/2, and none is below 1.
    assert_law("lognormal tokens", seed, found, |k| {
        math::normal_cdf((math::ln(k.floor() + 0.5) - mu) / sigma)
    });
    let small = lengths(Tokens::LogNormal(LogNormal::with_mean(0.1, 0.5)), seed);
    assert!(small.iter().all(|n| *n >= 1.0));
}

#[test]
fn constant_tokens_are_constant() {
    assert!(lengths(Tokens::Constant(321.0), 81_022).iter().all(|n| *n == 321.0));
}

#[test]
fn each_seeds_truth_spreads_around_the_declared_median() {
    // One level of one model over many seeds: normal on the logit scale (success, quality) and on the log scale.
    let first = 82_000;
    let n = 20_000;
    let mut draft = Draft::new(2);
    draft.world.spread = Spread { success: 0.4, quality: 0.3, latency: 0.25 };
    draft.world.models[1].success = [0.95; 4];
    draft.world.models[1].quality = [85.0; 4];
    let draws: Vec<_> = (first..first + n)
        .map(|seed| truth::draw(&draft.world, &Streams::new(seed)).swap_remove(1))
        .collect();
    let level = Level::L3.index();
    let ms = |latency: &Latency| latency.mean_ms(Level::L3, 0.0);
    let standard: [Vec<f64>; 3] = [
        draws.iter().map(|t| (math::logit(t.success[level]) - math::logit(0.95)) / 0.4).collect(),
        draws
            .iter()
            .map(|t| (math::logit(t.quality[level] / 100.0) - math::logit(0.85)) / 0.3)
            .collect(),
        draws.iter().map(|t| math::ln(ms(&t.latency) / 1000.0) / 0.25).collect(),
    ];
    for (what, sample) in ["success", "quality", "latency"].into_iter().zip(standard) {
        let above = sample.iter().filter(|z| **z > 0.0).count();
        assert_share(&format!("{what} above its median"), first, above, sample.len(), 0.5);
        assert_law(what, first, sample, math::normal_cdf);
    }
}

#[test]
fn task_types_arrive_in_their_shares() {
    let seed = 81_030;
    let mut draft = draft();
    let kind = draft.world.task_types[0].clone();
    let shares = [0.5, 2.0, 0.7, 0.0, 1.8];
    draft.world.task_types = shares
        .iter()
        .map(|share| {
            let mut kind = kind.clone();
            kind.share = *share;
            kind
        })
        .collect();
    let mut counts = [0; 5];
    for task in record(&draft.build(), seed).0.tasks {
        counts[usize::from(task.task_type)] += 1;
    }
    assert_eq!(counts[3], 0, "a type without a share arrives, seed {seed}");
    let kept = [0, 1, 2, 4];
    let counts = kept.map(|k| counts[k]);
    assert_frequencies("task types", seed, &counts, &kept.map(|k| shares[k] / 5.0));
}

#[test]
fn exponential_backoff_jitters_evenly_around_its_growing_wait() {
    let seed = 81_040;
    let streams = Streams::new(seed);
    let backoff = Backoff::Exponential {
        first: SimDuration::from_secs_f64(0.5),
        factor: 2.0,
        max: SimDuration::from_secs_f64(3.0),
        spread: (0.5, 1.5),
        added: SimDuration::ZERO,
    };
    for (k, base) in [0.5, 1.0, 2.0, 3.0, 3.0].into_iter().enumerate() {
        let waits: Vec<f64> = (0..N / 5)
            .map(|task| {
                let nth = k as u32;
                let mut stream = streams.call(Purpose::Backoff, TaskId(task), ModelId(0), 0, nth);
                backoff.delay(k as u16, SimDuration::ZERO, &mut stream).as_secs_f64() / base
            })
            .collect();
        assert!(waits.iter().all(|w| (0.5..=1.5).contains(w)), "retry {k}, seed {seed}");
        assert_law(&format!("wait before retry {k}"), seed, waits, |w| w - 0.5);
    }
}

#[test]
fn retries_come_after_their_backoff() {
    let seed = 81_041;
    let mut draft = draft();
    draft.end = End::Tasks(5_000);
    draft.world.models[0].success = [0.0; 4];
    draft.stack.retry.max_retries = 3;
    draft.stack.on = draft.stack.on.with(Outcome::Failure, OnFailure::RETRY);
    draft.stack.retry.backoff = Backoff::Exponential {
        first: SimDuration::from_secs_f64(0.5),
        factor: 2.0,
        max: SimDuration::from_secs_f64(60.0),
        spread: (0.5, 1.5),
        added: SimDuration::ZERO,
    };
    let found = attempts(&draft.build(), seed);
    assert_eq!(found.len(), 20_000, "one call and three retries each, seed {seed}");
    let mut waits = Vec::new();
    for pair in found.windows(2).filter(|pair| pair[0].task == pair[1].task) {
        let base = [0.5, 1.0, 2.0][usize::from(pair[0].attempt)];
        let ended = pair[0].dispatched + pair[0].response.duration;
        waits.push(pair[1].dispatched.since(ended).as_secs_f64() / base);
    }
    assert_law("wait before a retry", seed, waits, |w| w - 0.5);
}
