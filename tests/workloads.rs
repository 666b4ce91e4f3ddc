//! Workloads against their laws: gaps, profiles, jumping rates, sessions; and recordings that keep their bursts.

#[path = "support/laws.rs"]
mod laws;
#[path = "support/record.rs"]
mod record;
mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use reflexarc::data::trace;
use reflexarc::engine::End;
use reflexarc::math;
use reflexarc::registry::Latency;
use reflexarc::scenario;
use reflexarc::sim::sample::LogNormal;
use reflexarc::sim::stream::Streams;
use reflexarc::units::{SimDuration, SimTime};
use reflexarc::world::workload::{
    Arrival, GapLaw, Modulation, OpenSpec, RateProfile, Recording, SessionSpec, Think, Turns,
    Workload, WorkloadSpec,
};
use reflexarc::world::{ServiceShape, Tokens};

use laws::{assert_frequencies, assert_law, assert_mean, assert_share, z};
use record::record;
use support::Draft;

const HOUR: u64 = 3_600_000_000_000;

fn seconds(s: f64) -> SimDuration {
    SimDuration::from_secs_f64(s)
}

/// The first `n` arrivals of a seed.
fn arrivals(spec: &OpenSpec, seed: u64, n: usize) -> Vec<SimTime> {
    let mut workload = Workload::new(WorkloadSpec::Open(spec.clone()), Streams::new(seed));
    (0..n).map(|_| workload.next_arrival().expect("open arrivals do not end").at).collect()
}

/// The arrivals of a seed before `end`.
fn arrivals_until(spec: &OpenSpec, seed: u64, end: SimTime) -> Vec<SimTime> {
    let mut workload = Workload::new(WorkloadSpec::Open(spec.clone()), Streams::new(seed));
    let all = std::iter::from_fn(|| workload.next_arrival());
    all.map(|arrival| arrival.at).take_while(|at| *at < end).collect()
}

/// The gaps behind the first arrival, in seconds.
fn gaps(times: &[SimTime]) -> Vec<f64> {
    times.windows(2).map(|pair| pair[1].since(pair[0]).as_secs_f64()).collect()
}

/// Regularised lower incomplete gamma function by its power series, whose terms are all positive.
fn gamma_p(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let (mut term, mut sum, mut n) = (1.0, 1.0, 0.0);
    while term > 1e-17 * sum {
        n += 1.0;
        term *= x / (a + n);
        sum += term;
    }
    (math::exp(a * math::ln(x) - x - math::ln_gamma(a + 1.0)) * sum).min(1.0)
}

#[test]
fn the_incomplete_gamma_function_has_its_values() {
    // scipy.special.gammainc.
    for (a, x, p) in [
        (1.0 / 9.0, 0.001, 0.490_105_028_945_306_5),
        (1.0 / 9.0, 2.0, 0.993_596_412_674_440_4),
        (0.5, 0.7, 0.763_276_429_362_142_8),
        (4.0, 3.0, 0.352_768_111_217_768_74),
        (16.0, 20.0, 0.843_486_865_360_257_1),
    ] {
        assert!((gamma_p(a, x) - p).abs() < 1e-12, "{a} {x}: {}", gamma_p(a, x));
    }
}

/// Distribution function of a gap with mean 1.
fn gap_law(law: GapLaw, x: f64) -> f64 {
    match law {
        GapLaw::Exponential => 1.0 - math::exp(-x),
        GapLaw::Gamma { shape } => gamma_p(shape, shape * x),
        GapLaw::Weibull { shape } => {
            let scale = math::exp(-math::ln_gamma(1.0 + 1.0 / shape));
            1.0 - math::exp(-math::powf(x.max(0.0) / scale, shape))
        }
    }
}

/// Distribution function of the time to the first arrival of the stationary process: the integral of 1 - F, which is
/// x (1 - P(k, kx)) + P(k + 1, kx) for gamma and P(1/k, (x/s)^k) for Weibull (Cox, Renewal Theory, 1962).
fn first_law(law: GapLaw, x: f64) -> f64 {
    let x = x.max(0.0);
    match law {
        GapLaw::Exponential => 1.0 - math::exp(-x),
        GapLaw::Gamma { shape } => {
            x * (1.0 - gamma_p(shape, shape * x)) + gamma_p(shape + 1.0, shape * x)
        }
        GapLaw::Weibull { shape } => {
            let scale = math::exp(-math::ln_gamma(1.0 + 1.0 / shape));
            gamma_p(1.0 / shape, math::powf(x / scale, shape))
        }
    }
}

fn laws_to_test() -> [GapLaw; 5] {
    [
        GapLaw::gamma(0.25),
        GapLaw::gamma(0.8),
        GapLaw::gamma(3.0),
        GapLaw::Weibull { shape: 0.6 },
        GapLaw::Weibull { shape: 2.0 },
    ]
}

#[test]
fn gaps_follow_their_law() {
    let rate_per_s = 2.5;
    for (at, law) in laws_to_test().into_iter().enumerate() {
        let seed = 82_001 + at as u64;
        let found = gaps(&arrivals(&OpenSpec::renewal(law, rate_per_s), seed, 100_001));
        assert_mean(&format!("{law:?}"), seed, &found, 1.0 / rate_per_s, law.cv() / rate_per_s);
        // Times are whole nanoseconds: with a cv of 3 one gap in eleven is shorter than half of one.
        let nanos = found.iter().map(|gap| (gap * 1e9).round()).collect();
        assert_law(&format!("{law:?}"), seed, nanos, |x| match x < 0.0 {
            true => 0.0,
            false => gap_law(law, rate_per_s * (x.floor() + 0.5) / 1e9),
        });
    }
}

#[test]
fn gaps_vary_as_much_as_is_asked_for() {
    // E X^2 = 1 + cv^2 for gamma, moments s^n Gamma(1 + n/k) for Weibull; the fourth moment gives the error of the second.
    let (seed, n) = (82_011, 100_001);
    let gamma = GapLaw::gamma(0.5);
    let squares = |law| {
        let found = gaps(&arrivals(&OpenSpec::renewal(law, 1.0), seed, n));
        found.iter().map(|gap| gap * gap).collect::<Vec<f64>>()
    };
    // Shape 4: E X^4 = 4 5 6 7 / 4^4.
    let fourth: f64 = 840.0 / 256.0;
    assert_mean("gamma squares", seed, &squares(gamma), 1.25, (fourth - 1.25 * 1.25).sqrt());
    let shape = 2.0;
    let scale = math::exp(-math::ln_gamma(1.0 + 1.0 / shape));
    let moment = |n: i32| {
        (0..n).fold(1.0, |power, _| power * scale)
            * math::exp(math::ln_gamma(1.0 + f64::from(n) / shape))
    };
    let sd = (moment(4) - moment(2) * moment(2)).sqrt();
    let weibull = squares(GapLaw::Weibull { shape });
    assert_mean("Weibull squares", seed, &weibull, moment(2), sd);
}

#[test]
fn the_first_arrival_comes_as_if_the_process_had_always_run() {
    for law in laws_to_test() {
        let first = |seed| arrivals(&OpenSpec::renewal(law, 1.0), seed, 1)[0].as_secs_f64();
        let found: Vec<f64> = (0..20_000).map(first).collect();
        assert_law(&format!("first arrival of {law:?}"), 0, found, |x| first_law(law, x));
    }
}

/// Weights that differ from hour to hour, and from day to day; nothing arrives from 03:00 to 04:00.
fn hours() -> Vec<f64> {
    (0..24).map(|hour| if hour == 3 { 0.0 } else { f64::from(2 + hour % 7) }).collect()
}

const WEEK: [f64; 7] = [1.0, 1.2, 1.1, 1.0, 0.9, 0.4, 0.3];

/// The rate in every hour from `start`, relative to its mean, computed without the product's calendar.
fn hourly_factors(start: Timestamp, zone: &TimeZone, n: usize) -> Vec<(usize, f64)> {
    let (daily, weekly) = (hours(), WEEK);
    let means = (daily.iter().sum::<f64>() / 24.0, weekly.iter().sum::<f64>() / 7.0);
    let hour = |n: usize| {
        let local = (start + (n as i64).hours()).to_zoned(zone.clone());
        let day = local.weekday().to_monday_zero_offset() as usize;
        let hour = local.hour() as usize;
        (24 * day + hour, daily[hour] / means.0 * weekly[day] / means.1)
    };
    (0..n).map(hour).collect()
}

#[test]
fn counts_by_hour_follow_the_profile_through_changes_of_the_clocks() {
    // Ten weeks in Berlin, from a Monday on; clocks change on 29 March 2026, and in the second case on 25 October.
    let zone = TimeZone::get("Europe/Berlin").expect("bundled zone");
    for (seed, start) in [(82_021, "2026-03-01T23:00:00Z"), (82_022, "2026-09-27T22:00:00Z")] {
        let start: Timestamp = start.parse().expect("an instant");
        let rate_per_s = 0.1;
        let profile = RateProfile::new(start, zone.clone(), hours(), WEEK);
        let spec = OpenSpec { profile: Some(profile), ..OpenSpec::poisson(rate_per_s) };
        let n_hours = 10 * 168;
        let factors = hourly_factors(start, &zone, n_hours);
        let found = arrivals_until(&spec, seed, SimTime(n_hours as u64 * HOUR));
        let mut counts = [0_u64; 168];
        for at in &found {
            counts[factors[(at.0 / HOUR) as usize].0] += 1;
        }
        let mut shares = [0.0; 168];
        for (place, factor) in &factors {
            shares[*place] += factor;
        }
        let total: f64 = shares.iter().sum();
        // The number of all arrivals is a Poisson variate.
        let mean = rate_per_s * 3600.0 * total;
        let off = (found.len() as f64 - mean).abs();
        assert!(
            off < z() * mean.sqrt(),
            "{} arrivals instead of {mean:.0}, seed {seed}",
            found.len()
        );
        let silent = (0..168).filter(|hour| shares[*hour] == 0.0);
        assert_eq!(silent.map(|hour| counts[hour]).sum::<u64>(), 0, "seed {seed}");
        let (counts, shares): (Vec<u64>, Vec<f64>) = counts
            .iter()
            .zip(shares)
            .filter(|(_, share)| *share > 0.0)
            .map(|(count, share)| (*count, share / total))
            .unzip();
        assert_frequencies("arrivals by hour of the week", seed, &counts, &shares);
    }
}

#[test]
fn days_of_25_and_23_hours_have_an_hour_more_or_less() {
    // Local midnights of Berlin; 02:00 comes twice on 25 October 2026, and not at all on 29 March.
    let zone = TimeZone::get("Europe/Berlin").expect("bundled zone");
    for (start, n_hours, at_two) in
        [("2026-10-24T22:00:00Z", 25, 2.0), ("2026-03-28T23:00:00Z", 23, 0.0)]
    {
        let start: Timestamp = start.parse().expect("an instant");
        let profile = RateProfile::new(start, zone.clone(), hours(), [1.0; 7]);
        let spec = OpenSpec { profile: Some(profile), ..OpenSpec::poisson(0.1) };
        let mut counts = [0_u64; 24];
        for seed in 0..100 {
            for at in arrivals_until(&spec, seed, SimTime(n_hours * HOUR)) {
                let local = (start + (at.0 as i64).nanoseconds()).to_zoned(zone.clone());
                counts[local.hour() as usize] += 1;
            }
        }
        let mut weights = hours();
        weights[2] *= at_two;
        let total: f64 = weights.iter().sum();
        let mean = 100.0 * 0.1 * 3600.0 * total / (hours().iter().sum::<f64>() / 24.0);
        let n: u64 = counts.iter().sum();
        assert!(
            (n as f64 - mean).abs() < z() * mean.sqrt(),
            "{n} instead of {mean:.0}, seeds 0..99"
        );
        assert!(weights.iter().zip(counts).all(|(weight, n)| *weight > 0.0 || n == 0));
        let (counts, shares): (Vec<u64>, Vec<f64>) = counts
            .iter()
            .zip(weights)
            .filter(|(_, weight)| *weight > 0.0)
            .map(|(count, weight)| (*count, weight / total))
            .unzip();
        assert_frequencies("arrivals by hour", 0, &counts, &shares);
    }
}

#[test]
fn a_sinusoid_has_its_integral_in_every_hour() {
    let (seed, peak_hour, amplitude) = (82_031, 15.5, 0.8);
    let daily = RateProfile::sinusoid((peak_hour * 3600.0) as u32, amplitude);
    let profile = RateProfile::new(Timestamp::UNIX_EPOCH, TimeZone::UTC, daily, [1.0; 7]);
    let spec = OpenSpec { profile: Some(profile), ..OpenSpec::poisson(0.2) };
    let mut counts = [0_u64; 24];
    for at in arrivals_until(&spec, seed, SimTime(28 * 24 * HOUR)) {
        counts[(at.0 / HOUR % 24) as usize] += 1;
    }
    let sine = |hour: f64| math::sin(std::f64::consts::TAU * (hour - peak_hour) / 24.0);
    let share = |hour: usize| {
        let (from, to) = (hour as f64, hour as f64 + 1.0);
        (1.0 + amplitude * 24.0 / std::f64::consts::TAU * (sine(to) - sine(from))) / 24.0
    };
    let shares: Vec<f64> = (0..24).map(share).collect();
    assert_frequencies("arrivals by hour of a sinusoid", seed, &counts, &shares);
}

#[test]
fn a_profile_keeps_the_bursts_of_the_gaps() {
    // Through the integral of the rate the arrivals become the renewal process again. One gap in 30 000 is below a
    // nanosecond at a cv of 1.5.
    let (seed, rate_per_s) = (82_041, 0.5);
    let zone = TimeZone::get("America/New_York").expect("bundled zone");
    let start: Timestamp = "2026-03-02T05:00:00Z".parse().expect("an instant");
    for law in [GapLaw::gamma(1.5), GapLaw::Weibull { shape: 0.6 }] {
        let profile = RateProfile::new(start, zone.clone(), hours(), WEEK);
        let spec = OpenSpec { profile: Some(profile), ..OpenSpec::renewal(law, rate_per_s) };
        let times = arrivals(&spec, seed, 50_001);
        let n_hours = (times[50_000].0 / HOUR) as usize + 1;
        let factors = hourly_factors(start, &zone, n_hours);
        let mut upto = vec![0.0];
        for (_, factor) in &factors {
            upto.push(upto[upto.len() - 1] + factor * 3600.0 * rate_per_s);
        }
        let operational: Vec<f64> = times
            .iter()
            .map(|at| {
                let hour = (at.0 / HOUR) as usize;
                let within = (at.0 % HOUR) as f64 / 1e9;
                upto[hour] + within * factors[hour].1 * rate_per_s
            })
            .collect();
        let gaps: Vec<f64> = operational.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_mean(&format!("{law:?}"), seed, &gaps, 1.0, law.cv());
        assert_law(&format!("{law:?} in operational time"), seed, gaps, |x| gap_law(law, x));
    }
}

#[test]
fn a_jumping_rate_has_the_mean_and_variance_of_its_closed_form() {
    // Counts in a window of a stationary process of two states, as Fischer and Meier-Hellstern (1993) give them:
    // mean m t, variance m t + 2 p1 p2 (l1 - l2)^2 (t / r - (1 - e^(-r t)) / r^2), r = 1/s1 + 1/s2.
    let (l1, l2, s1, s2) = (0.5, 9.0, 60.0, 10.0);
    let (modulation, rate_per_s) = Modulation::of_rates(&[(l1, seconds(s1)), (l2, seconds(s2))]);
    let dispersion = modulation.index_of_dispersion(rate_per_s);
    let spec = OpenSpec { modulation: Some(modulation), ..OpenSpec::poisson(rate_per_s) };
    let (p1, p2, r) = (s1 / (s1 + s2), s2 / (s1 + s2), 1.0 / s1 + 1.0 / s2);
    let variance = |t: f64| {
        let apart = l1 - l2;
        rate_per_s * t
            + 2.0 * p1 * p2 * apart * apart * (t / r - (1.0 - math::exp(-r * t)) / (r * r))
    };
    assert!((variance(1e9) / (rate_per_s * 1e9) / dispersion - 1.0).abs() < 1e-6);
    let n = 4000;
    for (from, t) in [(0.0, 2.0), (0.0, 40.0), (300.0, 40.0), (0.0, 600.0)] {
        let end = SimTime::ZERO + seconds(from + t);
        let count = |seed| {
            let all = arrivals_until(&spec, seed, end);
            (all.len() - all.partition_point(|at| at.as_secs_f64() < from)) as f64
        };
        let counts: Vec<f64> = (0..n).map(count).collect();
        let what = format!("count in {t} s from {from} s on, seeds 0..{n}");
        assert_mean(&what, 0, &counts, rate_per_s * t, variance(t).sqrt());
        let squares: Vec<f64> = counts
            .iter()
            .map(|count| (count - rate_per_s * t) * (count - rate_per_s * t))
            .collect();
        // The error of the mean square by its own spread.
        let mean = squares.iter().sum::<f64>() / squares.len() as f64;
        let spread = squares.iter().map(|s| (s - mean) * (s - mean)).sum::<f64>();
        let sd = (spread / (squares.len() as f64 - 1.0)).sqrt();
        assert_mean(&format!("variance of the {what}"), 0, &squares, variance(t), sd);
    }
}

/// A distribution function.
type Law = fn(f64) -> f64;

/// A turn as it was: number of the session, of the turn, arrival and end.
type Taken = (u64, u32, SimTime, SimTime);

/// Plays sessions that arrive before `end`; every task takes `service`.
fn play(spec: &SessionSpec, seed: u64, end: SimTime, service: SimDuration) -> Vec<Taken> {
    let mut workload = Workload::new(WorkloadSpec::Sessions(spec.clone()), Streams::new(seed));
    let mut events: BTreeMap<(SimTime, u64), Option<Arrival>> = BTreeMap::new();
    let mut n = 0_u64;
    let mut next = workload.next_arrival().filter(|arrival| arrival.at < end);
    let mut taken = Vec::new();
    loop {
        let event = events.first_key_value().map(|(key, _)| *key);
        let arrival = match (next, event) {
            (Some(first), Some((at, _))) if first.at <= at => first,
            (Some(first), None) => first,
            (_, Some(key)) => match events.remove(&key).expect("it is the first") {
                Some(ended) => {
                    let turn = ended.turn.expect("every arrival is a turn");
                    taken.push((turn.session, turn.nth, ended.at, key.0));
                    if let Some(at) = workload.after_end(ended, key.0, 0) {
                        events.insert((at, n), None);
                        n += 1;
                    }
                    continue;
                }
                None => workload.returning(key.0),
            },
            (None, None) => return taken,
        };
        if arrival.turn.is_some_and(|turn| turn.nth == 0) {
            next = workload.next_arrival().filter(|arrival| arrival.at < end);
        }
        events.insert((arrival.at + service, n), Some(arrival));
        n += 1;
    }
}

fn by_session(mut taken: Vec<Taken>) -> Vec<Vec<Taken>> {
    taken.sort();
    taken.chunk_by(|a, b| a.0 == b.0).map(<[Taken]>::to_vec).collect()
}

#[test]
fn sessions_have_their_turns_and_thoughts() {
    let (seed, mean_turns) = (82_051, 4.0);
    let thoughts: [(Think, Law); 2] = [
        (Think::Exponential { mean: seconds(20.0) }, |x| 1.0 - math::exp(-x / 20.0)),
        (Think::LogNormal(LogNormal::with_mean(20.0, 0.8)), |x| {
            math::normal_cdf(math::ln(x.max(1e-300) / 20.0) / 0.8 + 0.4)
        }),
    ];
    for (think, law) in thoughts {
        let arrivals = OpenSpec::poisson(1.0);
        let turns = Turns::Geometric { mean: mean_turns };
        let spec = SessionSpec { arrivals, turns, think, context_share: 0.0 };
        let end = SimTime::ZERO + seconds(20_000.0);
        let sessions = by_session(play(&spec, seed, end, seconds(0.5)));
        let counts: Vec<f64> = sessions.iter().map(|turns| turns.len() as f64).collect();
        let (n, p) = (counts.len(), 1.0 / mean_turns);
        assert_mean("turns", seed, &counts, mean_turns, ((1.0 - p) / (p * p)).sqrt());
        assert_share("one turn", seed, counts.iter().filter(|n| **n == 1.0).count(), n, p);
        let above_four = counts.iter().filter(|n| **n > 4.0).count();
        assert_share("over four turns", seed, above_four, n, 0.75 * 0.75 * 0.75 * 0.75);
        let mut gaps = Vec::new();
        for turns in &sessions {
            assert!(turns.iter().enumerate().all(|(nth, turn)| turn.1 == nth as u32));
            gaps.extend(turns.windows(2).map(|pair| pair[1].2.since(pair[0].3).as_secs_f64()));
        }
        assert_law("time of thought", seed, gaps, law);
    }
}

#[test]
fn sessions_in_progress_are_those_of_a_queue_with_enough_servers() {
    // M/G/infinity: their number at any time is a Poisson variate whose mean is the rate times the mean duration, here
    // m S + (m - 1) T (Little 1961; Takacs 1962).
    let (mean_turns, service, think, rate_per_s) = (3.0, 2.0, 15.0, 0.3);
    let spec = SessionSpec {
        arrivals: OpenSpec::poisson(rate_per_s),
        turns: Turns::Geometric { mean: mean_turns },
        think: Think::Exponential { mean: seconds(think) },
        context_share: 0.0,
    };
    // Long sessions have an exponential tail of about 50 s, so that 1000 s are ever enough.
    let at = SimTime::ZERO + seconds(1000.0);
    let count = |seed| {
        let sessions = by_session(play(&spec, seed, at, seconds(service)));
        sessions.iter().filter(|turns| turns[turns.len() - 1].3 > at).count() as f64
    };
    let counts: Vec<f64> = (0..2000).map(count).collect();
    let mean = rate_per_s * (mean_turns * service + (mean_turns - 1.0) * think);
    assert_mean("sessions in progress, seeds 0..2000", 0, &counts, mean, mean.sqrt());
    let squares: Vec<f64> = counts.iter().map(|n| (n - mean) * (n - mean)).collect();
    // Of a Poisson variate the fourth central moment is m + 3 m^2.
    let sd = (mean + 2.0 * mean * mean).sqrt();
    assert_mean("variance of the sessions in progress, seeds 0..2000", 0, &squares, mean, sd);
}

#[test]
fn the_engine_plays_the_turns_of_a_session_one_after_the_other() {
    let mut draft = Draft::new(1);
    draft.world.service = ServiceShape::Constant;
    draft.world.models[0].latency = Latency::Response([400.0; 4]);
    draft.world.models[0].success = [1.0; 4];
    draft.world.task_types[0].input_tokens = Tokens::Constant(100.0);
    draft.world.task_types[0].output_tokens = Tokens::Constant(50.0);
    draft.workload = WorkloadSpec::Sessions(SessionSpec {
        arrivals: OpenSpec::poisson(1e-4),
        turns: Turns::Constant(5),
        think: Think::Constant(seconds(20.0)),
        context_share: 0.5,
    });
    draft.end = End::At(SimTime::ZERO + seconds(1e6));
    let (record, _) = record(&draft.build(), 82_061);
    let mut tasks = record.tasks;
    tasks.sort_by_key(|task| task.arrived);
    // A hundred sessions are expected, of 82 s each; those that overlap are not looked at.
    let alone: Vec<_> = tasks
        .chunk_by(|a, b| b.arrived.since(a.ended) <= seconds(20.0))
        .filter(|turns| turns.len() == 5)
        .collect();
    assert!(alone.len() > 50, "{} sessions", alone.len());
    for turns in alone {
        for (nth, turn) in turns.iter().enumerate() {
            let due = turns[0].arrived + seconds(20.4 * nth as f64);
            assert_eq!(turn.arrived, due, "turn {nth}");
            assert_eq!(turn.input_tokens, 100 + 75 * nth as u64, "turn {nth}");
        }
    }
}

#[test]
fn open_arrivals_and_first_turns_do_not_depend_on_the_stack() {
    let (modulation, _) = Modulation::of_rates(&[(1.0, seconds(50.0)), (9.0, seconds(10.0))]);
    let profile = RateProfile::new(Timestamp::UNIX_EPOCH, TimeZone::UTC, hours(), [1.0; 7]);
    let spec = OpenSpec {
        law: GapLaw::gamma(2.0),
        rate_per_s: 0.5,
        profile: Some(profile),
        modulation: Some(modulation),
    };
    let cell = |slow: bool| {
        let mut draft = Draft::new(1);
        draft.world.models[0].latency = Latency::Response([if slow { 4000.0 } else { 40.0 }; 4]);
        draft.world.models[0].limits.slots = slow.then_some(1);
        draft.workload = WorkloadSpec::Open(spec.clone());
        draft.end = End::At(SimTime(2 * HOUR));
        draft.build()
    };
    let (slow, fast) = (record(&cell(true), 82_071).0, record(&cell(false), 82_071).0);
    assert!(slow.arrivals.len() > 500);
    assert_eq!(slow.arrivals, fast.arrivals);
    let sessions = SessionSpec {
        arrivals: spec,
        turns: Turns::Geometric { mean: 3.0 },
        think: Think::Exponential { mean: seconds(9.0) },
        context_share: 0.0,
    };
    // When a session begins, how many turns it has and how long is thought in it belong to the session alone.
    let played = |service: f64| {
        let end = SimTime(2 * HOUR);
        let all = by_session(play(&sessions, 82_072, end, seconds(service)));
        let own = |turns: &Vec<Taken>| {
            let thoughts = turns.windows(2).map(|pair| pair[1].2.since(pair[0].3));
            (turns[0].2, turns.len(), thoughts.collect::<Vec<SimDuration>>())
        };
        all.iter().map(own).collect::<Vec<_>>()
    };
    assert_eq!(played(0.1), played(30.0));
}

fn azure() -> Recording {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = path.join("scenarios/traces/azure-conversation-2023.parquet");
    Recording::new(Arc::new(trace::read(&path).expect("a good trace")), true)
}

/// Coefficient of variation of the gaps of the first pass.
fn cv(recording: &Recording) -> f64 {
    let n = recording.rows().len() as u64;
    let times: Vec<SimTime> = (0..n).map(|nth| recording.nth(nth).expect("a request").0).collect();
    let gaps = gaps(&times);
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let variance = gaps.iter().map(|gap| (gap - mean) * (gap - mean)).sum::<f64>();
    (variance / gaps.len() as f64).sqrt() / mean
}

#[test]
fn a_recording_at_another_rate_keeps_its_bursts() {
    let whole = azure();
    assert_eq!(whole.rows().len(), 19_366);
    for other in [whole.at_rate(0.2), whole.at_rate(100.0), whole.stretched(24.0)] {
        // Times are rounded to nanoseconds, gaps are milliseconds at least on average.
        let (own, now) = (cv(&whole), cv(&other));
        assert!((now / own - 1.0).abs() < 1e-6, "{now} instead of {own}");
    }
    assert!((whole.at_rate(0.2).rate_per_s() - 0.2).abs() < 1e-12);
    let last = whole.stretched(24.0).nth(19_365).expect("a request").0;
    assert_eq!(last, SimTime(3_501_721_937_000 * 24));
    // The second pass is the first, later.
    let (first, again) = (whole.nth(7).expect("a request"), whole.nth(7 + 19_366).expect("again"));
    assert_eq!(first.1, again.1);
    let pass = 19_366.0 / whole.rate_per_s();
    assert!((again.0.since(first.0).as_secs_f64() - pass).abs() < 1e-6);
    // Ten minutes of it.
    let at = |minutes: f64| SimTime::ZERO + seconds(60.0 * minutes);
    let part = whole.part(at(10.0), Some(at(20.0))).expect("requests");
    assert!(part.rows().iter().all(|row| row.arrived >= at(10.0) && row.arrived < at(20.0)));
    assert!((part.rate_per_s() - part.rows().len() as f64 / 600.0).abs() < 1e-9);
}

const SCENARIO: &str = r#"format = 1
question = "What arrives?"
seeds = "1..2"
[time]
start = "2026-03-28T12:00"
zone = "Europe/Berlin"
end.after = "24h"
[registry]
use = "stage4"
[[task_types]]
name = "t"
share = 1
level = "L1"
input_tokens = 100
output_tokens = 50
[stack]
order = "random"
"#;

/// The workload of a scenario with these lines, or the heads of what is wrong with it.
fn resolved(lines: &str) -> Result<WorkloadSpec, Vec<String>> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.toml");
    std::fs::write(&path, format!("{SCENARIO}{lines}\n")).expect("written");
    let trace = "arrived_s,input_tokens,output_tokens\n0,1,1\n1,2,2\n3,3,3\n6,4,4\n";
    std::fs::write(folder.path().join("t.csv"), trace).expect("written");
    match scenario::read(&path, false) {
        Ok(resolved) => Ok(resolved.blocks[0].workload.clone()),
        Err(report) => {
            let text = report.to_string();
            let heads = text.lines().filter_map(|line| line.strip_prefix("error: "));
            Err(heads
                .map(|head| head.split_once(": ").map_or(head, |(_, what)| what).to_owned())
                .collect())
        }
    }
}

/// The first `n` arrivals of a scenario with these lines, in seconds.
fn arrivals_of(lines: &str, n: usize) -> Vec<f64> {
    let spec = resolved(lines).unwrap_or_else(|heads| panic!("{lines}: {heads:?}"));
    let mut workload = Workload::new(spec, Streams::new(1));
    (0..n).map_while(|_| workload.next_arrival()).map(|arrival| arrival.at.as_secs_f64()).collect()
}

#[test]
fn every_kind_of_workload_is_read() {
    let poisson = arrivals_of("[workload.poisson]\nrate_per_s = 2", 5);
    // With a cv or a shape of 1 the law is the exponential one, though drawn in another way.
    let weibull = arrivals_of("[workload.weibull]\nrate_per_s = 2\nshape = 1", 5);
    for (a, b) in poisson.windows(2).zip(weibull.windows(2)) {
        assert!((a[1] - a[0] - (b[1] - b[0])).abs() < 1e-8, "{poisson:?} {weibull:?}");
    }
    // One state is no modulation, a flat profile no profile.
    let one = "[workload.markov_modulated]\nstates = [{ rate_per_s = 2, mean_sojourn = \"1d\" }]";
    assert_eq!(arrivals_of(one, 5), poisson);
    let scaled = "[workload.markov_modulated]\nrate_per_s = 2\nstates = [{ rate_per_s = 7, mean_sojourn = \"1d\" }]";
    assert_eq!(arrivals_of(scaled, 5), poisson);
    let flat = "[workload.poisson]\nrate_per_s = 2\nprofile = { weekly = [3, 3, 3, 3, 3, 3, 3] }";
    assert_eq!(arrivals_of(flat, 5), poisson);
    // All in the hour from 13:00 on, at 24 times the rate.
    let hour = format!(
        "hours = [{}]",
        (0..24).map(|h| if h == 13 { "1" } else { "0" }).collect::<Vec<_>>().join(", ")
    );
    let noon = arrivals_of(
        &format!("[workload.poisson]\nrate_per_s = 2\nprofile.diurnal = {{ {hour} }}"),
        5,
    );
    for (a, b) in poisson.iter().zip(&noon) {
        assert!((3600.0 + a / 24.0 - b).abs() < 1e-6, "{poisson:?} {noon:?}");
    }
    let sessions = "[workload.sessions]\narrivals.poisson = { rate_per_s = 2 }\nturns = 3\nthink.constant = \"9s\"";
    assert_eq!(arrivals_of(sessions, 5), poisson);
    let gamma = "[workload.sessions]\narrivals.gamma = { rate_per_s = 2, cv = 3 }\nturns.geometric = { mean = 2.5 }\n\
                 think.lognormal = { mean = \"9s\", sigma = 1 }\ncontext_share = 1";
    assert_eq!(arrivals_of(gamma, 5), arrivals_of("[workload.gamma]\nrate_per_s = 2\ncv = 3", 5));
}

#[test]
fn a_trace_is_cut_stretched_and_played_again() {
    let trace = |keys: &str| arrivals_of(&format!("[workload.trace]\nfile = \"t.csv\"\n{keys}"), 6);
    assert_eq!(trace(""), [0.0, 1.0, 3.0, 6.0]);
    // A pass lasts a mean gap longer.
    assert_eq!(trace("repeat = true"), [0.0, 1.0, 3.0, 6.0, 8.0, 9.0]);
    assert_eq!(trace("time_scale = 24"), [0.0, 24.0, 72.0, 144.0]);
    assert_eq!(
        trace("from = \"1s\"\nuntil = \"6s\"\nrepeat = true"),
        [0.0, 2.0, 5.0, 7.0, 10.0, 12.0]
    );
    // Four requests in eight seconds become one a second.
    assert_eq!(trace("rate_per_s = 1\nrepeat = true"), [0.0, 0.5, 1.5, 3.0, 4.0, 4.5]);
}

#[test]
fn what_is_wrong_with_a_workload_is_said_at_once() {
    let of = |lines: &str| resolved(lines).expect_err("it is wrong");
    let poisson = "[workload.poisson]\nrate_per_s = 1\n";
    for (lines, said) in [
        (format!("{poisson}profile.weekly = [1, 2, 3]"), "there are 3 weights for the 7 days of a week"),
        (format!("{poisson}profile.diurnal.hours = [1]"), "there are 1 weights for the 24 hours of a day"),
        (format!("{poisson}profile.weekly = [0, 0, 0, 0, 0, 0, 0]"), "all weights are 0"),
        (
            format!("{poisson}profile.weekly = [1, 1, -1, 1, 1, 1, 1]"),
            "`workload.poisson.profile.weekly` cannot be -1",
        ),
        (
            "[workload.gamma]\nrate_per_s = 1\ncv = 200".to_owned(),
            "the times between arrivals cannot have a coefficient of variation of",
        ),
        (
            "[workload.weibull]\nrate_per_s = 1\nshape = 0.01".to_owned(),
            "the times between arrivals cannot have a coefficient of variation of",
        ),
        (
            "[workload.gamma]\nrate_per_s = 1\ncv = 1e-200".to_owned(),
            "the times between arrivals cannot have a coefficient of variation of",
        ),
        ("[workload.gamma]\nrate_per_s = 1".to_owned(), "missing key `cv` in `workload.gamma`"),
        (
            "[workload.markov_modulated]\nstates = []".to_owned(),
            "there is no state in which anything arrives",
        ),
        (
            "[workload.markov_modulated]\nstates = [{ rate_per_s = 1, mean_sojourn = \"0s\" }]".to_owned(),
            "the state lasts no time",
        ),
        (
            "[workload.markov_modulated]\nstates = [{ rate_per_s = 1 }]".to_owned(),
            "missing key `mean_sojourn` in `workload.markov_modulated.states`",
        ),
        (
            "[workload.sessions]\narrivals.poisson = { rate_per_s = 1 }\nturns.geometric = { mean = 0.5 }\n\
             think.constant = \"1s\"".to_owned(),
            "a session cannot have 0.5 turns on average",
        ),
        (
            "[workload.trace]\nfile = \"t.csv\"\ntime_scale = 2\nrate_per_s = 1".to_owned(),
            "`time_scale` and `rate_per_s` both say how fast the trace runs",
        ),
        (
            "[workload.trace]\nfile = \"t.csv\"\nfrom = \"5s\"\nuntil = \"5s\"".to_owned(),
            "the part of the trace ends before it begins",
        ),
        (
            "[workload.trace]\nfile = \"t.csv\"\nfrom = \"1h\"".to_owned(),
            "no request lies in that part of the trace, whose last is at 6 s",
        ),
    ] {
        let heads = of(&lines);
        assert_eq!(heads.len(), 1, "{lines}: {heads:?}");
        assert!(heads[0].starts_with(said), "{lines}: {heads:?}");
    }
    // Several mistakes are told together.
    let many = "[workload.sessions]\narrivals.gamma = { rate_per_s = 1, cv = 200 }\nturns.geometric = { mean = 0.5 }\n\
                think.constant = \"1s\"";
    assert_eq!(of(many).len(), 2);
}
