//! What learners believe, recomputed from the calls; and rewards whose weights move.

#[path = "support/record.rs"]
mod record;
#[path = "support/scenario.rs"]
mod scenarios;
#[path = "support/tables.rs"]
mod tables;

use std::collections::BTreeMap;

use reflexarc::analysis::run::Bins;
use reflexarc::domain::{AttemptRecord, ChosenBy, Outcome};
use reflexarc::engine::{Cell, End};
use reflexarc::learners::stage4::{executor_rule, router_rule};
use reflexarc::learners::{BeliefScale, CARDS, Reads};
use reflexarc::math;
use reflexarc::reward::STAGE4_WEIGHTS;
use reflexarc::units::{Level, SimTime};

use record::{Record, record};
use scenarios::cell_of;
use tables::{Row, Tables, tables_of};

const SEED: u64 = 11;
/// Points at which beliefs are sampled, besides the start.
const BINS: u32 = 6;

/// A day of ten models that fail in every way, and three types of task.
fn cell(stack: &str) -> Cell {
    cell_of(&format!(
        "format = 1\nquestion = \"?\"\nreward = \"level_reward\"\n[time]\nstart = \"2026-03-02T00:00\"\nzone = \"Asia/Seoul\"\n\
         end.after = \"24h\"\n[registry]\nuse = \"stage4\"\n[record]\nregret = false\n\
         [world]\nspread = {{ success = 1, quality = 1, latency = 1 }}\npartial_share = 0.3\n\
         [workload.poisson]\nrate_per_s = 0.03\n\
         [[task_types]]\nname = \"check\"\nshare = 2\nlevel = \"L1\"\ninput_tokens = 100\noutput_tokens.lognormal = {{ mean = 200, sigma = 0.6 }}\n\
         [[task_types]]\nname = \"report\"\nshare = 1\nsteps = [\"L3\", \"L1\"]\ninput_tokens = 300\noutput_tokens.lognormal = {{ mean = 600, sigma = 0.6 }}\n\
         [[task_types]]\nname = \"route\"\nshare = 1\nlevel = \"L4\"\ninput_tokens = 100\noutput_tokens = 100\n\
         [[faults]]\neffect.rate_limit_storm = {{ refused_share = 0.5 }}\neverything = true\nstart = \"03:00\"\nend = \"04:00\"\n\
         [[faults]]\neffect.slow_down = {{ factor = 30 }}\nmodels = [\"Claude\", \"Groq\"]\nstart = \"05:00\"\nend = \"08:00\"\n\
         [stack]\nfallback.ranked = {{ max_fallbacks = 2 }}\n{stack}"
    ))
}

fn run(cell: &Cell) -> (Record, Tables) {
    let End::At(to) = cell.end else { panic!("it ends at an instant") };
    let bins = Bins::Time { from: SimTime::ZERO, to, n: BINS };
    (record(cell, SEED).0, tables_of(cell, SEED, bins).0)
}

fn ended(call: &AttemptRecord) -> SimTime {
    call.dispatched + call.response.duration
}

fn number(row: &Row, column: &str) -> f64 {
    row.number(column).unwrap_or_else(|| panic!("`{column}` is null in {row:?}"))
}

/// Where a belief is kept: level (or all), task type, part of the day, model.
type Place = (String, Option<String>, String, String);

fn place(row: &Row) -> Place {
    let text = |column: &str| row.text(column).expect("a name").to_owned();
    let task_type = row.text("task_type").map(str::to_owned);
    (text("level"), task_type, text("time_of_day"), text("model"))
}

/// Beliefs of one point of time.
type Beliefs = BTreeMap<Place, f64>;

/// Sampled beliefs by point of time, the start first, with the last instant that they know of.
fn sampled(tables: &Tables) -> Vec<(SimTime, Beliefs)> {
    let mut points: Vec<(SimTime, Beliefs)> = vec![(SimTime::ZERO, Beliefs::new())];
    for row in tables.rows("scores") {
        let at = SimTime((number(row, "at_s") * 1e9).round() as u64);
        let bin = row.number("bin").map_or(0, |bin| bin as usize + 1);
        assert_eq!(bin == 0, at == SimTime::ZERO, "{row:?}");
        if points.len() == bin {
            points.push((at, Beliefs::new()));
        }
        let (of, beliefs) = &mut points[bin];
        assert_eq!(*of, at, "{row:?}");
        assert_eq!(beliefs.insert(place(row), number(row, "belief")), None, "{row:?}");
    }
    assert_eq!(points.len(), BINS as usize + 1);
    points
}

/// Moves `beliefs` call by call as `step` says, and compares them with what was sampled at every point of time.
fn assert_replayed(
    what: &str,
    (record, tables): &(Record, Tables),
    mut beliefs: Beliefs,
    mut step: impl FnMut(&mut Beliefs, &AttemptRecord),
    tolerance: f64,
) {
    let mut fed = record.attempts.iter().filter(|call| call.reward.is_some()).peekable();
    assert!(fed.clone().count() > 1000, "{what}");
    assert!(record.attempts.iter().any(|call| call.reward.is_none()), "{what}: nobody refused");
    for (at, found) in sampled(tables) {
        while let Some(call) = fed.next_if(|call| ended(call) <= at) {
            step(&mut beliefs, call);
        }
        let keys = |beliefs: &Beliefs| beliefs.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&found), keys(&beliefs), "{what} at {at:?}");
        for (place, belief) in &found {
            let expected = beliefs[place];
            assert!(
                (belief - expected).abs() <= tolerance,
                "{what}, {place:?}: {belief}, {expected}"
            );
        }
    }
}

fn models(cell: &Cell) -> Vec<String> {
    cell.registry.models.iter().map(|model| model.name.clone()).collect()
}

/// The place of a belief kept by level.
fn by_level(level: Level, model: &str) -> Place {
    (level.name().to_owned(), None, "any".to_owned(), model.to_owned())
}

#[test]
fn score_rules_believe_what_their_rule_makes_of_the_calls() {
    type Moved = fn(f64, Outcome, f64) -> f64;
    let rules: [(&str, Moved); 3] = [
        ("order = \"stage4\"", router_rule::moved),
        ("order.learner.stage4_router_rule = {}", router_rule::moved),
        ("order.stage4.variant = \"executor\"", executor_rule::moved),
    ];
    for (order, moved) in rules {
        // A rule keeps levels apart whatever the scope says.
        let cell = cell(&format!("{order}\nlearner_scope = \"task_type\"\n"));
        let names = models(&cell);
        let mut declared = Beliefs::new();
        for (model, name) in cell.registry.models.iter().zip(&names) {
            for level in Level::ALL {
                declared.insert(by_level(level, name), model.score[level.index()]);
            }
        }
        let step = |beliefs: &mut Beliefs, call: &AttemptRecord| {
            let place = by_level(call.level, &names[call.model.index()]);
            let score = beliefs.get_mut(&place).expect("every level has a score");
            *score = moved(*score, call.response.outcome, call.response.quality);
        };
        assert_replayed(order, &run(&cell), declared, step, 0.0);
    }
}

#[test]
fn the_q_learner_believes_four_quarters_of_the_day() {
    let quarters = ["night", "morning", "afternoon", "evening"];
    let cell = cell("order.learner.stage4_q = {}\n");
    let names = models(&cell);
    let at = |level: Level, quarter: usize, model: &str| -> Place {
        (level.name().to_owned(), None, quarters[quarter].to_owned(), model.to_owned())
    };
    let mut zero = Beliefs::new();
    for level in Level::ALL {
        for quarter in 0..4 {
            for name in &names {
                zero.insert(at(level, quarter, name), 0.0);
            }
        }
    }
    let mut moved = [0; 4];
    // stage4 section 12, with the plan's rate .1 and discount .95; the run starts at midnight.
    let step = |q: &mut Beliefs, call: &AttemptRecord| {
        let quarter = (call.dispatched.0 / (6 * 3_600_000_000_000)) as usize;
        moved[quarter] += 1;
        let values = names.iter().map(|name| q[&at(call.level, quarter, name)]);
        let most = values.fold(f64::NEG_INFINITY, f64::max);
        let performance = if call.served { call.response.quality / 100.0 } else { 0.0 };
        let reward = match performance {
            p if p > 0.95 => 1.0,
            p if p > 0.85 => 0.5,
            p if p > 0.5 => 0.0,
            _ => -0.5,
        };
        let place = at(call.level, quarter, &names[call.model.index()]);
        let own = q.get_mut(&place).expect("every state has a value");
        *own += 0.1 * (reward + 0.95 * most - *own);
    };
    assert_replayed("stage4_q", &run(&cell), zero, step, 1e-12);
    assert!(moved.iter().all(|n| *n > 100), "{moved:?}");
}

/// How much a result counts, by how many results of its scope came after it.
enum Weight {
    Same,
    Last(usize),
    Fading(f64),
}

impl Weight {
    fn of(&self, later: usize) -> f64 {
        match *self {
            Self::Same => 1.0,
            Self::Last(n) => f64::from(u8::from(later < n)),
            Self::Fading(factor) => math::powf(factor, later as f64),
        }
    }
}

#[test]
fn learners_of_means_believe_the_mean_reward_of_their_scope() {
    // The learner, the successes and failures that it starts from (each so many), and what results count.
    let means = [
        ("epsilon_greedy = {}", 0.0, Weight::Same),
        ("epsilon_decreasing = {}", 0.0, Weight::Same),
        ("ucb1 = {}", 0.0, Weight::Same),
        ("ucb1_tuned = {}", 0.0, Weight::Same),
        ("ucb_v = {}", 0.0, Weight::Same),
        ("kl_ucb = {}", 0.0, Weight::Same),
        ("moss = {}", 0.0, Weight::Same),
        ("bayes_ucb = {}", 0.0, Weight::Same),
        ("imed = {}", 0.0, Weight::Same),
        ("boltzmann = {}", 0.0, Weight::Same),
        ("boltzmann_gumbel = {}", 0.0, Weight::Same),
        ("thompson_gaussian = {}", 0.0, Weight::Same),
        ("thompson_beta = {}", 1.0, Weight::Same),
        ("sw_ucb = { window = 60 }", 0.0, Weight::Last(60)),
        ("d_ucb = { gamma = 0.98 }", 0.0, Weight::Fading(0.98)),
        ("discounted_thompson = {}", 1.0, Weight::Fading(0.99)),
        ("sliding_window_thompson = { window = 60 }", 1.0, Weight::Last(60)),
        // So that they never start again.
        ("glr_klucb = { delta = 1e-300 }", 0.0, Weight::Same),
        ("m_ucb = { threshold = 1000, gamma = 0.1 }", 0.0, Weight::Same),
        ("budgeted_thompson = {}", 1.0, Weight::Same),
        ("fractional_kube = {}", 0.0, Weight::Same),
        ("primal_dual_bwk = {}", 0.0, Weight::Same),
        ("track_and_stop = {}", 0.0, Weight::Same),
    ];
    // Whatever is added to the list of learners must be looked at here, or among those that read features.
    let all = CARDS
        .iter()
        .filter(|(_, card)| card.belief == BeliefScale::Reward && card.reads == Reads::Nothing);
    assert_eq!(all.count(), means.len());
    for (learner, prior, weight) in means {
        for scope in ["level", "task_type", "all"] {
            let what = format!("{learner} by {scope}");
            let cell = cell(&format!("order.learner.{learner}\nlearner_scope = \"{scope}\"\n"));
            let names = models(&cell);
            let types = ["check", "report", "route"];
            let run = run(&cell);
            let type_of: BTreeMap<u64, u16> =
                run.0.tasks.iter().map(|task| (task.task.0, task.task_type)).collect();
            let kept = |level: Level, task_type: usize, model: &str| -> Place {
                let (level, task_type) = match scope {
                    "level" => (level.name(), None),
                    "task_type" => ("all", Some(types[task_type].to_owned())),
                    _ => ("all", None),
                };
                (level.to_owned(), task_type, "any".to_owned(), model.to_owned())
            };
            let mut before = Beliefs::new();
            if prior > 0.0 {
                for level in Level::ALL {
                    for task_type in 0..types.len() {
                        for name in &names {
                            before.insert(kept(level, task_type, name), 0.5);
                        }
                    }
                }
            }
            // Results by scope, in order: those that share a place but for the model.
            let mut seen: BTreeMap<Place, Vec<(usize, f64)>> = BTreeMap::new();
            let step = |beliefs: &mut Beliefs, call: &AttemptRecord| {
                let task_type = type_of[&call.task.0].into();
                let results = seen.entry(kept(call.level, task_type, "")).or_default();
                results.push((call.model.index(), call.reward.expect("it was fed")));
                let mut sums = vec![(prior, 2.0 * prior); names.len()];
                for (later, &(model, reward)) in results.iter().rev().enumerate() {
                    let weight = weight.of(later);
                    sums[model].0 += weight * reward;
                    sums[model].1 += weight;
                }
                for (name, (sum, n)) in names.iter().zip(sums) {
                    let place = kept(call.level, task_type, name);
                    if n > 0.0 {
                        beliefs.insert(place, sum / n);
                    } else {
                        beliefs.remove(&place);
                    }
                }
            };
            assert_replayed(&what, &run, before, step, 1e-12);
        }
    }
}

/// A ridge regression by its normal equations; lambda is 1.
#[derive(Clone)]
struct Regression {
    rows: Vec<Vec<f64>>,
}

impl Regression {
    fn new(d: usize) -> Self {
        let unit = |i| (0..=d).map(|j| f64::from(u8::from(i == j && j < d))).collect();
        Self { rows: (0..d).map(unit).collect() }
    }

    fn add(&mut self, x: &[f64], reward: f64) {
        for (row, x_i) in self.rows.iter_mut().zip(x) {
            row.iter_mut().zip(x.iter().chain([&reward])).for_each(|(a, x_j)| *a += x_i * x_j);
        }
    }

    /// The coefficients, by elimination.
    fn coefficients(&self) -> Vec<f64> {
        let mut rows = self.rows.clone();
        let d = rows.len();
        for i in 0..d {
            let pivot: Vec<f64> = rows[i].iter().map(|a| a / rows[i][i]).collect();
            for row in rows.iter_mut() {
                let factor = row[i];
                row.iter_mut().zip(&pivot).for_each(|(a, p)| *a -= factor * p);
            }
            rows[i] = pivot;
        }
        rows.iter().map(|row| row[d]).collect()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Features of a request of normal priority at an hour.
fn request_features(level: Level, tokens: f64, hour: f64) -> Vec<f64> {
    let of_level = Level::ALL.map(|other| f64::from(u8::from(other == level)));
    let rest = [math::ln(1.0 + tokens) / 10.0, 1.0 / 3.0, 1.0 - (hour - 12.0).abs() / 12.0];
    of_level.into_iter().chain(rest).collect()
}

/// What the registry declares of a model, with largest cost and response time of 300 tokens each way as units, and which
/// model it is.
fn pair_features(cell: &Cell, level: Level, model: usize) -> Vec<f64> {
    let models = &cell.registry.models;
    let costs = models.iter().map(|m| m.usd_per_mtok_input + m.usd_per_mtok_output);
    let costs: Vec<f64> = costs.collect();
    let most = costs.iter().copied().fold(0.0, f64::max);
    let slowest = models.iter().flat_map(|m| Level::ALL.map(|l| m.latency.mean_ms(l, 300.0)));
    let slowest = slowest.fold(0.0, f64::max);
    let own = &models[model];
    let time = own.latency.mean_ms(level, 300.0) / slowest;
    let declared = [1.0, own.score[level.index()] / 100.0, costs[model] / most, time];
    let which = (0..models.len()).map(|other| f64::from(u8::from(other == model)));
    declared.into_iter().chain(which).collect()
}

#[test]
fn learners_of_linear_rewards_believe_their_regression_of_a_usual_request() {
    let by_model = ["lin_ucb", "lin_ts", "square_cb", "pilot"].map(|name| (name, false));
    let learners: Vec<(&str, bool)> =
        by_model.into_iter().chain([("lin_ucb_shared", true)]).collect();
    // `d_lin_ucb` and `pareto_bandit` forget; their own tests follow their figures.
    let all = CARDS.iter().filter(|(_, card)| card.reads != Reads::Nothing);
    assert_eq!(all.count(), learners.len() + 2);
    for (learner, is_shared) in learners {
        for scope in ["level", "task_type", "all"] {
            let cell =
                cell(&format!("order.learner.{learner} = {{}}\nlearner_scope = \"{scope}\"\n"));
            let (names, types) = (models(&cell), ["check", "report", "route"]);
            let run = run(&cell);
            let type_of: BTreeMap<u64, usize> =
                run.0.tasks.iter().map(|task| (task.task.0, task.task_type.into())).collect();
            // Regressions by scope and model, or one model for all.
            let mut kept: BTreeMap<(usize, usize), Regression> = BTreeMap::new();
            let step = |beliefs: &mut Beliefs, call: &AttemptRecord| {
                let (task_type, model) = (type_of[&call.task.0], call.model.index());
                let hour = (call.dispatched.0 / 3_600_000_000_000) as f64;
                let tokens = [100.0, 300.0, 100.0][task_type];
                let (x, regressed) = match is_shared {
                    true => (pair_features(&cell, call.level, model), 0),
                    false => (request_features(call.level, tokens, hour), model),
                };
                let (bank, levels) = match scope {
                    "level" => (call.level.index(), vec![call.level]),
                    "task_type" => (task_type, Level::ALL.to_vec()),
                    _ => (0, Level::ALL.to_vec()),
                };
                let fresh = || Regression::new(x.len());
                let regression = kept.entry((bank, regressed)).or_insert_with(fresh);
                regression.add(&x, call.reward.expect("it was fed"));
                let theta = regression.coefficients();
                for level in levels {
                    for (at, name) in names.iter().enumerate() {
                        let usual = match is_shared {
                            true => pair_features(&cell, level, at),
                            false if at == model => request_features(level, 300.0, 12.0),
                            false => continue,
                        };
                        let task_type = (scope == "task_type").then(|| types[task_type].to_owned());
                        let (level, _, hour, name) = by_level(level, name);
                        beliefs.insert((level, task_type, hour, name), dot(&theta, &usual));
                    }
                }
            };
            assert_replayed(&format!("{learner} by {scope}"), &run, Beliefs::new(), step, 1e-9);
        }
    }
}

/// Probabilities in proportion to the exponentials of `logs`, with a part `gamma` of uniform play.
fn exponential(logs: &[f64], gamma: f64) -> Vec<f64> {
    let total: f64 = logs.iter().map(|log| math::exp(*log)).sum();
    let uniform = gamma / logs.len() as f64;
    logs.iter().map(|log| (1.0 - gamma) * math::exp(*log) / total + uniform).collect()
}

/// What Exp3.S does to the logarithms of its weights, with gamma 0.1 and alpha 0.01.
fn share(logs: &mut [f64], model: usize, gain: f64) {
    let n = logs.len() as f64;
    let given =
        std::f64::consts::E * 0.01 / n * logs.iter().map(|log| math::exp(*log)).sum::<f64>();
    logs[model] += 0.1 * gain / n;
    logs.iter_mut().for_each(|log| *log = math::ln(math::exp(*log) + given));
}

/// The probabilities of Tsallis-INF in round t, whose normaliser is searched for by halves.
fn tsallis(losses: &[f64], t: f64) -> Vec<f64> {
    let eta = 2.0 / t.sqrt();
    let least = losses.iter().copied().fold(f64::MAX, f64::min);
    let at = |x: f64| losses.iter().map(move |loss| 4.0 / (eta * eta * (loss - x) * (loss - x)));
    let (mut low, mut high) = (least - 2.0 * (losses.len() as f64).sqrt() / eta, least);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        *if at(middle).sum::<f64>() < 1.0 { &mut low } else { &mut high } = middle;
    }
    at(low).collect()
}

#[test]
fn learners_of_probabilities_weigh_their_own_choices() {
    // What a result (model, reward, probability) does to the figures kept, one per model and 0 at first.
    type Learn = fn(&mut Vec<f64>, usize, f64, f64);
    // Probabilities of models in round t.
    type Play = fn(&[f64], f64) -> Vec<f64>;
    let learners: [(&str, Learn, Play); 4] = [
        (
            "exp3 = { gamma = 0.1 }",
            |logs, m, r, p| logs[m] += 0.1 * r / (p * logs.len() as f64),
            |logs, _| exponential(logs, 0.1),
        ),
        (
            "exp3_ix = { eta = 0.05 }",
            |logs, m, r, p| logs[m] -= 0.05 * (1.0 - r) / (p + 0.025),
            |logs, _| exponential(logs, 0.0),
        ),
        (
            "exp3_s = { gamma = 0.1, alpha = 0.01 }",
            |logs, m, r, p| share(logs, m, r / p),
            |logs, _| exponential(logs, 0.1),
        ),
        ("tsallis_inf = {}", |losses, m, r, p| losses[m] += (1.0 - r) / p, tsallis),
    ];
    // Whatever is added to the list of learners must be looked at here.
    let all = CARDS.iter().filter(|(_, card)| card.belief == BeliefScale::Probability);
    assert_eq!(all.count(), learners.len());
    for (learner, learn, play) in learners {
        let cell = cell(&format!("order.learner.{learner}\nlearner_scope = \"level\"\n"));
        let names = models(&cell);
        let before: Beliefs = Level::ALL
            .iter()
            .flat_map(|&level| names.iter().map(move |name| by_level(level, name)))
            .map(|place| (place, 1.0 / names.len() as f64))
            .collect();
        let mut kept = [(); 4].map(|()| (vec![0.0; names.len()], 1.0));
        let mut n_foreign = 0;
        let step = |beliefs: &mut Beliefs, call: &AttemptRecord| {
            let (ChosenBy::Learner, Some(p)) = (call.chosen_by, call.propensity.value()) else {
                n_foreign += 1;
                return;
            };
            let (figures, t) = &mut kept[call.level.index()];
            learn(figures, call.model.index(), call.reward.expect("it was fed"), p);
            *t += 1.0;
            for (name, p) in names.iter().zip(play(figures, *t)) {
                beliefs.insert(by_level(call.level, name), p);
            }
        };
        assert_replayed(learner, &run(&cell), before, step, 1e-9);
        assert!(n_foreign > 20, "{learner}: {n_foreign} fallbacks");
    }
}

#[test]
fn a_frozen_learner_stays_at_its_start_and_an_order_believes_nothing() {
    let (_, tables) = run(&cell("order = \"stage4\"\nlearning = false\n"));
    let points = sampled(&tables);
    assert!(!points[0].1.is_empty());
    assert!(points.iter().all(|(_, beliefs)| *beliefs == points[0].1));
    let learning = tables.rows("learning");
    assert_eq!((learning.len(), number(&learning[0], "updates")), (1, 0.0));
    let (_, tables) = run(&cell("order = \"random\"\n"));
    assert!(tables.rows("scores").is_empty() && tables.rows("learning").is_empty());
}

/// Speed, efficiency and cost of a call, each from 0 to 1 (measures: `level_reward`), worked out from its record.
fn components(call: &AttemptRecord) -> [f64; 3] {
    let response = &call.response;
    if !call.served {
        return [0.0; 3];
    }
    let (ms, tokens) = (response.duration.as_millis_f64(), response.tokens() as f64);
    let efficiency = 0.4 * response.quality / 100.0
        + 0.3 * (1000.0 / tokens.max(1.0)).min(1.0)
        + 0.3 * (1000.0 / ms.max(1.0)).min(1.0);
    let usd_per_1k = 1000.0 * response.cost_usd / tokens.max(1.0);
    [(1.0 - ms / 5000.0).max(0.0), efficiency, (1.0 - usd_per_1k / 0.01).max(0.0)]
}

fn weighed(weights: [f64; 3], components: [f64; 3]) -> f64 {
    weights.iter().zip(components).map(|(w, c)| w * c).sum()
}

/// Weight rows: instant in seconds, level, weights.
fn weight_rows(tables: &Tables) -> Vec<(f64, usize, [f64; 3])> {
    let rows = tables.rows("weights").iter().map(|row| {
        let level = Level::ALL.iter().position(|level| Some(level.name()) == row.text("level"));
        let weights = ["speed", "efficiency", "cost"].map(|column| number(row, column));
        (number(row, "at_s"), level.expect("a level"), weights)
    });
    rows.collect()
}

/// What learners are fed is weighed by the rows of the table `weights`; what tasks are worth by the plan's weights.
fn assert_fed_by(what: &str, (record, tables): &(Record, Tables)) {
    let rows = weight_rows(tables);
    let mut moved = 0;
    for call in &record.attempts {
        let Some(reward) = call.reward else { continue };
        let level = call.level.index();
        let mut changes = rows.iter().filter(|(at_s, of, _)| {
            *of == level && SimTime((at_s * 1e9).round() as u64) <= ended(call)
        });
        let changed = changes.next_back().map(|(_, _, weights)| *weights);
        let weights = changed.unwrap_or(STAGE4_WEIGHTS[level]);
        let expected = weighed(weights, components(call));
        assert!((reward - expected).abs() < 1e-12, "{what}: {call:?}, {expected}");
        moved += usize::from(changed.is_some() && call.served);
    }
    assert_eq!(moved > 500, !rows.is_empty(), "{what}: {moved}");
    let mut single = 0;
    for task in record.tasks.iter().filter(|task| task.n_attempts == 1 && task.n_steps == 1) {
        let call = record.attempts.iter().find(|call| call.task == task.task).expect("its call");
        let own = weighed(STAGE4_WEIGHTS[task.level.index()], components(call));
        assert!((task.reward - own).abs() < 1e-12, "{what}: {task:?}, {own}");
        single += 1;
    }
    assert!(single > 500, "{what}: {single}");
}

#[test]
fn scheduled_weights_reach_what_is_fed_and_not_what_is_measured() {
    let stack = "order.learner.thompson_gaussian = { sigma = 0.3 }\n[[stack.reweighting.scheduled.changes]]\n\
        after = \"16h\"\nlevel = \"L1\"\nspeed = 0\nefficiency = 0\ncost = 5\n\
        [[stack.reweighting.scheduled.changes]]\nafter = \"2h\"\nlevel = \"L1\"\nspeed = 3\nefficiency = 1\ncost = 0\n\
        [[stack.reweighting.scheduled.changes]]\nafter = \"2h\"\nlevel = \"L4\"\nspeed = 1\nefficiency = 1\ncost = 2\n";
    let run = run(&cell(stack));
    // In order of time, scaled to sum to 1.
    let expected = [
        (7200.0, 0, [0.75, 0.25, 0.0]),
        (7200.0, 3, [0.25, 0.25, 0.5]),
        (57_600.0, 0, [0.0, 0.0, 1.0]),
    ];
    assert_eq!(weight_rows(&run.1), expected);
    assert_fed_by("scheduled", &run);
}

#[test]
fn adapted_weights_follow_the_shortfalls_of_their_level() {
    let (rate, floor) = (2.0, 0.15);
    let stack = "order.learner.thompson_gaussian = { sigma = 0.3 }\n\
        reweighting.adapted = { every = \"5h\", rate = 2, floor = 0.15 }\n";
    let run = run(&cell(stack));
    let mut weights = STAGE4_WEIGHTS;
    let mut expected = Vec::new();
    let mut at_floor = 0;
    for period in 1..=4_u64 {
        let [from, to] = [period - 1, period].map(|n| SimTime(n * 5 * 3_600_000_000_000));
        for level in Level::ALL {
            let own = run.0.attempts.iter().filter(|call| {
                call.level == level && call.served && from <= ended(call) && ended(call) < to
            });
            let n = own.clone().count() as f64;
            if n == 0.0 {
                continue;
            }
            let mut means = [0.0; 3];
            for call in own {
                means.iter_mut().zip(components(call)).for_each(|(sum, c)| *sum += c / n);
            }
            let middle = means.iter().sum::<f64>() / 3.0;
            let old = weights[level.index()];
            let moved: [f64; 3] = std::array::from_fn(|i| {
                let moved = old[i] * (1.0 + rate * (middle - means[i]));
                at_floor += usize::from(moved < floor);
                moved.max(floor)
            });
            let sum: f64 = moved.iter().sum();
            weights[level.index()] = moved.map(|w| w / sum);
            expected.push((18_000.0 * period as f64, level.index(), weights[level.index()]));
        }
    }
    // L2 has no tasks here: its weights stay.
    let found = weight_rows(&run.1);
    assert_eq!((found.len(), expected.len()), (12, 12));
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!((found.0, found.1), (expected.0, expected.1));
        assert!(found.2.iter().zip(expected.2).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?}");
    }
    assert!(at_floor > 0, "the floor was never met");
    assert_fed_by("adapted", &run);
}

#[test]
fn weights_stay_without_reweighting_and_where_nothing_is_learnt() {
    let learner = "order.learner.thompson_gaussian = { sigma = 0.3 }\n";
    let fixed = run(&cell(learner));
    assert!(weight_rows(&fixed.1).is_empty());
    assert_fed_by("fixed", &fixed);
    let adapted = "reweighting.adapted = { every = \"5h\" }\nlearning = false\n";
    let frozen = run(&cell(&format!("{learner}{adapted}")));
    assert!(weight_rows(&frozen.1).is_empty());
}
