//! The daily allocator: numbers worked out by hand from the plan's table, when they are taken, and what they do.
//!
//! The plan's four measured models, score at L1 to L4 / mean response in ms / USD per 1k tokens:
//!
//! | model    | score                  | response               | price  |
//! |----------|------------------------|------------------------|--------|
//! | Groq     | 92.3, 72.5, 65.8, 68.1 |  230,  400,  600,  350 | 0.0001 |
//! | Gemini   | 71.2, 87.1, 90.5, 89.2 |  850, 1200, 1500, 2000 | 0.001  |
//! | Claude   | 64.8, 83.4, 91.2, 76.5 | 1200, 1800, 2100, 1900 | 0.003  |
//! | DeepSeek | 85.7, 78.2, 86.3, 83.1 |  450,  800,  950, 1100 | 0.0005 |

#[path = "support/record.rs"]
mod record;
#[path = "support/scenario.rs"]
mod scenarios;
#[path = "support/tables.rs"]
mod tables;

use std::sync::Arc;

use reflexarc::analysis::run::Bins;
use reflexarc::domain::{
    Allocation, AllocationUse, AttemptRecord, ChosenBy, FallbackReason, Role, Slot, StackEvent,
    TaskRecord,
};
use reflexarc::engine::Cell;
use reflexarc::learners::stage4::router_rule::moved;
use reflexarc::routing::allocator::{STAGE4_BUDGETS, in_focus, preferences, stage4_number};
use reflexarc::units::{Level, ModelId, PerLevel, SimTime, TaskId};
use reflexarc::world::workload::{Recording, TraceRow, WorkloadSpec};

use record::{Record, record};
use scenarios::cell_of;
use tables::{Row, tables_of};

const SEED: u64 = 7;

const GROQ: usize = 0;
const GEMINI: usize = 1;
const CLAUDE: usize = 2;
const DEEPSEEK: usize = 3;

const SCORES: [PerLevel<f64>; 4] = [
    [92.3, 72.5, 65.8, 68.1],
    [71.2, 87.1, 90.5, 89.2],
    [64.8, 83.4, 91.2, 76.5],
    [85.7, 78.2, 86.3, 83.1],
];
const RESPONSE_MS: [PerLevel<f64>; 4] = [
    [230.0, 400.0, 600.0, 350.0],
    [850.0, 1200.0, 1500.0, 2000.0],
    [1200.0, 1800.0, 2100.0, 1900.0],
    [450.0, 800.0, 950.0, 1100.0],
];
const USD_PER_1K: [f64; 4] = [0.0001, 0.001, 0.003, 0.0005];

/// By slot and model, nobody short of tokens; below each slot the models that win L1 to L4.
///
/// Morning: .9 s. Afternoon: .9 (.6 s + 40 (1 - c / .01)), whose second term is 39.6, 36, 28 and 38.
/// Evening: .6 s + 40 - ms / 125. Night: .6 s + the same term of the price.
const NUMBERS: [[PerLevel<f64>; 4]; 4] = [
    [
        [83.07, 65.25, 59.22, 61.29],
        [64.08, 78.39, 81.45, 80.28],
        [58.32, 75.06, 82.08, 68.85],
        [77.13, 70.38, 77.67, 74.79],
    ],
    [
        [85.482, 74.79, 71.172, 72.414],
        [70.848, 79.434, 81.27, 80.568],
        [60.192, 70.236, 74.448, 66.51],
        [80.478, 76.428, 80.802, 79.074],
    ],
    [
        [93.54, 80.3, 74.68, 78.06],
        [75.92, 82.66, 82.3, 77.52],
        [69.28, 75.64, 77.92, 70.7],
        [87.82, 80.52, 84.18, 81.06],
    ],
    [
        [94.98, 83.1, 79.08, 80.46],
        [78.72, 88.26, 90.3, 89.52],
        [66.88, 78.04, 82.72, 73.9],
        [89.42, 84.92, 89.78, 87.86],
    ],
];
const WINNERS: [PerLevel<usize>; 4] = [
    [GROQ, GEMINI, CLAUDE, GEMINI],
    [GROQ, GEMINI, GEMINI, GEMINI],
    [GROQ, GEMINI, DEEPSEEK, DEEPSEEK],
    [GROQ, GEMINI, GEMINI, GEMINI],
];

/// Gemini's numbers by slot with 90 % of its tokens used: .3 s in the place of s.
const GEMINI_SHORT: [PerLevel<f64>; 4] = [
    [19.224, 23.517, 24.435, 24.084],
    [43.9344, 46.5102, 47.061, 46.8504],
    [46.016, 46.078, 44.29, 40.056],
    [48.816, 51.678, 52.29, 52.056],
];
const WINNERS_WITHOUT_GEMINI: [PerLevel<usize>; 4] = [
    [GROQ, CLAUDE, CLAUDE, DEEPSEEK],
    [GROQ, DEEPSEEK, DEEPSEEK, DEEPSEEK],
    [GROQ, DEEPSEEK, DEEPSEEK, DEEPSEEK],
    [GROQ, DEEPSEEK, DEEPSEEK, DEEPSEEK],
];

/// A scenario in Seoul of the four models, which always succeed, with a task of a random level every ten minutes.
fn scenario(start: &str, hours: u32, rest: &str) -> Cell {
    let mut text = format!(
        "format = 1\nquestion = \"?\"\n[time]\nstart = \"2026-03-02T{start}\"\nzone = \"Asia/Seoul\"\n\
         end.after = \"{hours}h\"\n[world]\nservice = \"constant\"\n[workload.fixed_interval]\ninterval = \"10min\"\n"
    );
    let names = ["Groq", "Gemini", "Claude", "DeepSeek"];
    for (m, name) in names.into_iter().enumerate() {
        let (score, ms, usd) = (SCORES[m], RESPONSE_MS[m], 1000.0 * USD_PER_1K[m]);
        text += &format!(
            "[registry.models.{name}]\nprovider = \"{name}\"\nscore = {score:?}\nsuccess = 1\nquality = 80\n\
             response_ms = {ms:?}\nusd_per_mtok_input = {usd}\nusd_per_mtok_output = {usd}\ndaily_tokens = 1_000_000\n"
        );
    }
    for level in Level::ALL {
        text += &format!(
            "[[task_types]]\nname = \"{level}\"\nshare = 1\nlevel = \"{level}\"\ninput_tokens = 100\noutput_tokens = 200\n"
        );
    }
    cell_of(&(text + rest))
}

fn allocations(record: &Record) -> Vec<&Allocation> {
    let all = record.events.iter().filter_map(|event| match event {
        StackEvent::Allocated(allocation) => Some(allocation),
        _ => None,
    });
    all.collect()
}

fn uses(record: &Record) -> Vec<&AllocationUse> {
    let all = record.events.iter().filter_map(|event| match event {
        StackEvent::AllocationEnded(used) => Some(used),
        _ => None,
    });
    all.collect()
}

fn hours(h: f64) -> SimTime {
    SimTime((h * 3.6e12) as u64)
}

fn ended(attempt: &AttemptRecord) -> SimTime {
    attempt.dispatched + attempt.response.duration
}

/// The rows of one table of a day's run.
fn rows(cell: &Cell, table: &str) -> Vec<Row> {
    let bins = Bins::Time { from: SimTime::ZERO, to: hours(24.0), n: 4 };
    tables_of(cell, SEED, bins).0.rows(table).to_vec()
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9
}

#[test]
fn the_rule_gives_the_numbers_worked_out_by_hand() {
    for (at, slot) in Slot::ALL.into_iter().enumerate() {
        for (model, by_level) in NUMBERS[at].iter().enumerate() {
            for (level, expected) in by_level.iter().enumerate() {
                let (score, ms) = (SCORES[model][level], RESPONSE_MS[model][level]);
                let number = |is_short| stage4_number(score, is_short, ms, USD_PER_1K[model], slot);
                assert!(close(number(false), *expected), "{slot:?} {model} {level}");
                if model == GEMINI {
                    let expected = GEMINI_SHORT[at][level];
                    assert!(close(number(true), expected), "{slot:?} {level}: {}", number(true));
                }
            }
        }
    }
}

/// Four allocations from midnight on, one in each slot, with the order calling nobody but Gemini: `tokens` for each of
/// three tasks, then it has no more work.
fn four_allocations(tokens: u32) -> Record {
    let mut cell = scenario(
        "00:00",
        24,
        "[stack]\norder.always = { model = \"Gemini\" }\nquota.short_at_share = 0.9\n\
         [stack.allocation]\ntimes = [\"23:30\", \"12:00\", \"08:00\", \"17:00\"]\n",
    );
    Arc::make_mut(&mut cell.registry).accounts[GEMINI].daily_tokens = Some(20_000);
    let rows = (1..=3).map(|hour| TraceRow {
        arrived: hours(f64::from(hour)),
        input_tokens: 100,
        output_tokens: tokens - 100,
    });
    cell.workload = WorkloadSpec::Trace(Recording::new(Arc::new(rows.collect()), false));
    record(&cell, SEED).0
}

#[test]
fn a_run_allocates_at_its_local_times_with_those_numbers() {
    // 3 x 5999 of 20,000 tokens are less than 90 %, 3 x 6000 are 90 %.
    for (tokens, is_short) in [(5999, false), (6000, true)] {
        let record = four_allocations(tokens);
        let allocations = allocations(&record);
        assert_eq!(allocations.len(), 4);
        for (nth, (allocation, at)) in allocations.iter().zip([8.0, 12.0, 17.0, 23.5]).enumerate() {
            assert_eq!((allocation.nth as usize, allocation.at), (nth, hours(at)));
            assert_eq!(allocation.slot, Slot::ALL[nth]);
            assert_eq!(allocation.date, "2026-03-02");
            assert_eq!(allocation.time, ["08:00", "12:00", "17:00", "23:30"][nth]);
            for level in Level::ALL {
                let own = &allocation.levels[level.index()];
                let (slot, l) = (allocation.slot, level.index());
                assert_eq!(own.budget_tokens, STAGE4_BUDGETS[nth][l]);
                assert_eq!(own.in_focus, in_focus(slot, level));
                for (model, number) in own.numbers.iter().enumerate() {
                    let expected = match (model, is_short) {
                        (GEMINI, true) => GEMINI_SHORT[nth][l],
                        _ => NUMBERS[nth][model][l],
                    };
                    let found = number.expect("every model serves every level");
                    assert!(close(found, expected), "{slot:?} {level} {model}: {found}");
                }
                let winner = if is_short { WINNERS_WITHOUT_GEMINI } else { WINNERS }[nth][l];
                assert_eq!(own.model, Some(ModelId(winner as u16)), "{slot:?} {level}");
            }
        }
    }
}

#[test]
fn slots_change_at_their_hours_and_bring_their_budgets() {
    let times = ["05:59", "06:00", "10:59", "11:00", "16:59", "17:00", "22:59", "23:00"];
    let rest = format!("[stack]\norder = \"random\"\nallocation.times = {times:?}\n");
    let (record, _) = record(&scenario("00:00", 24, &rest), SEED);
    let found: Vec<(String, Slot)> =
        allocations(&record).iter().map(|a| (a.time.clone(), a.slot)).collect();
    use Slot::{Afternoon, Evening, Morning, Night};
    let slots = [Night, Morning, Morning, Afternoon, Afternoon, Evening, Evening, Night];
    let expected: Vec<(String, Slot)> = times.into_iter().map(str::to_owned).zip(slots).collect();
    assert_eq!(found, expected);
    // The plan's table, row by row.
    let rows = [
        (Morning, [false, false, true], [2000, 5000, 8000, 3000], [false, true, true, false]),
        (Afternoon, [false, true, true], [3000, 4000, 10_000, 5000], [false, false, true, true]),
        (Evening, [true, false, false], [5000, 2000, 3000, 8000], [true, false, false, true]),
        (Night, [false, true, false], [1000, 1000, 1000, 10_000], [false, false, false, true]),
    ];
    for (slot, prefers, budgets, focus) in rows {
        assert_eq!(preferences(slot), prefers);
        for allocation in allocations(&record).iter().filter(|a| a.slot == slot) {
            assert_eq!(allocation.levels.each_ref().map(|level| level.budget_tokens), budgets);
            assert_eq!(allocation.levels.each_ref().map(|level| level.in_focus), focus);
        }
    }
    // Budgets of one's own.
    let own = "[stack]\norder = \"random\"\nallocation.budgets.morning = [1, 2, 3, 4]\n";
    let (record, _) = self::record(&scenario("00:00", 24, own), SEED);
    let budgets = allocations(&record)[0].levels.each_ref().map(|level| level.budget_tokens);
    assert_eq!(budgets, [1, 2, 3, 4]);
}

#[test]
fn the_rule_takes_the_scores_that_the_router_has_by_then() {
    // At 12:00 the score rule has moved what was declared: .9 (.6 s + 40 (1 - c / .01)) of the moved scores.
    let rest = "[stack]\norder = \"stage4\"\nallocation.times = [\"00:00\", \"12:00\"]\n";
    let (record, _) = record(&scenario("00:00", 24, rest), SEED);
    let [first, noon] = allocations(&record)[..] else { panic!("two allocations") };
    assert_eq!(first.at, SimTime::ZERO, "a time that falls on the start counts");
    let mut scores = SCORES;
    for attempt in record.attempts.iter().filter(|a| ended(a) < noon.at) {
        let score = &mut scores[attempt.model.index()][attempt.level.index()];
        *score = moved(*score, attempt.response.outcome, attempt.response.quality);
    }
    assert_ne!(scores, SCORES);
    for (model, by_level) in scores.iter().enumerate() {
        for (level, score) in by_level.iter().enumerate() {
            let expected = 0.9 * (0.6 * score + 40.0 * (1.0 - USD_PER_1K[model] / 0.01));
            let found = noon.levels[level].numbers[model].expect("a number");
            assert!(close(found, expected), "{level} {model}: {found}, {expected}");
        }
    }
}

#[test]
fn beliefs_allocate_the_largest_mean_reward_so_far_among_models_with_tokens() {
    let rest = "[stack]\norder.learner.epsilon_greedy = { epsilon = 0.5 }\n\
        [stack.allocation]\nrule = \"beliefs\"\ntimes = [\"00:00\", \"08:00\", \"12:00\", \"23:59\"]\n";
    let mut was_short = 0;
    let mut cell = scenario("00:00", 24, rest);
    for account in &mut Arc::make_mut(&mut cell.registry).accounts {
        account.daily_tokens = Some(13_000);
    }
    let (record, _) = record(&cell, SEED);
    for allocation in allocations(&record) {
        for level in Level::ALL {
            let own = &allocation.levels[level.index()];
            let before = |attempt: &&AttemptRecord| ended(attempt) < allocation.at;
            let tokens = |model: u16| -> u64 {
                let of = record.attempts.iter().filter(before).filter(|a| a.model.0 == model);
                of.map(|a| a.response.tokens()).sum()
            };
            let mean = |model: u16| {
                let rewards: Vec<f64> = record
                    .attempts
                    .iter()
                    .filter(before)
                    .filter(|a| a.model.0 == model && a.level == level)
                    .filter_map(|a| a.reward)
                    .collect();
                let is_short = tokens(model) >= 11_700;
                was_short += usize::from(is_short);
                let n = rewards.len() as f64;
                (!rewards.is_empty() && !is_short).then(|| rewards.iter().sum::<f64>() / n)
            };
            let means: Vec<Option<f64>> = (0..4).map(mean).collect();
            for (found, expected) in own.numbers.iter().zip(&means) {
                assert_eq!(found.is_some(), expected.is_some(), "{level}: {own:?}, {means:?}");
                let both = found.zip(*expected);
                assert!(both.is_none_or(|(found, expected)| close(found, expected)), "{level}");
            }
            let best = means.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
            let winner = own.model.map(|model| means[model.index()].expect("it has a number"));
            assert_eq!(winner.is_some(), allocation.at > SimTime::ZERO, "{level}: {own:?}");
            assert!(winner.is_none_or(|mean| close(mean, best)), "{level}: {own:?}");
        }
    }
    assert!(was_short > 0, "nobody was short of tokens, seed {SEED}");
}

#[test]
fn static_allocations_are_as_written_and_none_allocates_nothing() {
    let fixed = "[stack]\norder = \"random\"\nallocation.rule.static = { L1 = \"DeepSeek\", L3 = \"Gemini\" }\n";
    let cell = scenario("00:00", 24, fixed);
    let (own, _) = record(&cell, SEED);
    let [allocation] = allocations(&own)[..] else { panic!("one at 08:00") };
    let models = allocation.levels.each_ref().map(|level| level.model.map(ModelId::index));
    assert_eq!(models, [Some(DEEPSEEK), None, Some(GEMINI), None]);
    assert!(allocation.levels.iter().all(|level| level.numbers == [None; 4]));
    // One row for each level that got a model, without a number; budgets are watched at all four.
    let allocated = rows(&cell, "allocations");
    let allocated: Vec<_> = allocated
        .iter()
        .map(|row| (row.text("level"), row.text("model"), row.number("number")))
        .collect();
    let expected = [(Some("L1"), Some("DeepSeek"), None), (Some("L3"), Some("Gemini"), None)];
    assert_eq!(allocated, expected);
    let watched = rows(&cell, "budgets");
    let watched: Vec<_> = watched.iter().map(|row| row.text("model")).collect();
    assert_eq!(watched, [Some("DeepSeek"), None, Some("Gemini"), None]);
    let none = "[stack]\norder = \"random\"\nallocation.rule = \"none\"\n";
    let (none, _) = record(&scenario("00:00", 24, none), SEED);
    assert!(allocations(&none).is_empty() && uses(&none).is_empty());
}

/// A day with two allocations of fixed models, none of them the order's, and budgets of some tasks each.
fn bound(binding: &str, keys: &str, tables: &str) -> Cell {
    let rest = format!(
        "[stack]\norder.always = {{ model = \"Claude\" }}\n{keys}[stack.allocation]\nbinding = \"{binding}\"\n\
         rule.static = {{ L1 = \"Groq\", L2 = \"Gemini\", L4 = \"DeepSeek\" }}\ntimes = [\"08:00\", \"17:00\"]\n\
         budgets = {{ morning = [1000, 2000, 9000, 100_000], evening = [0, 4000, 9000, 600] }}\n{tables}"
    );
    scenario("00:00", 24, &rest)
}

/// The allocation in force at `at`, its number, and the tokens billed since then for a level, up to and without `at`.
fn in_force(record: &Record, at: SimTime, level: Level) -> Option<(&Allocation, u64)> {
    let allocation = allocations(record).into_iter().rfind(|a| a.at <= at)?;
    let since = |a: &&AttemptRecord| allocation.at <= ended(a) && ended(a) < at;
    let used = record.attempts.iter().filter(since).filter(|a| a.level == level);
    Some((allocation, used.map(|a| a.response.tokens()).sum()))
}

#[test]
fn bindings_do_what_they_say() {
    for binding in ["none", "first_choice", "within_budget"] {
        let (record, _) = record(&bound(binding, "", ""), SEED);
        let mut booked = [0; 2];
        for attempt in &record.attempts {
            assert_eq!(attempt.role, Role::First, "all succeed");
            let force = in_force(&record, attempt.dispatched, attempt.level);
            let own = force.map(|(allocation, used)| {
                let level = &allocation.levels[attempt.level.index()];
                (level.model, used < level.budget_tokens)
            });
            let bound = match (binding, own) {
                ("first_choice", Some((model, _))) => model,
                ("within_budget", Some((model, true))) => model,
                _ => None,
            };
            let by = if bound.is_some() { ChosenBy::Allocation } else { ChosenBy::Order };
            let model = bound.unwrap_or(ModelId(CLAUDE as u16));
            assert_eq!((attempt.chosen_by, attempt.model), (by, model), "{binding}: {attempt:?}");
            booked[usize::from(bound.is_some())] += 1;
        }
        assert_eq!(booked[1] > 0, binding != "none", "{binding}");
        assert!(booked[0] > 0, "before 08:00, and at L3, the order decides");
        assert!(record.tasks.iter().all(|task| task.served && task.trigger.is_none()));
    }
}

#[test]
fn a_learner_has_no_propensity_for_what_was_allocated_and_learns_from_it() {
    let rest = "[stack]\norder.learner.epsilon_greedy = { epsilon = 1 }\n\
        [stack.allocation]\nbinding = \"first_choice\"\nrule.static = { L1 = \"Claude\" }\ntimes = [\"08:00\"]\n";
    let (record, _) = record(&scenario("00:00", 24, rest), SEED);
    let bound = |a: &AttemptRecord| a.level == Level::L1 && a.dispatched >= hours(8.0);
    for attempt in &record.attempts {
        assert_eq!(attempt.propensity.value().is_none(), bound(attempt), "{attempt:?}");
        assert!(attempt.reward.is_some(), "{attempt:?}");
    }
    let period = record.events.iter().find_map(|event| match event {
        StackEvent::Learning(period) => Some(period),
        _ => None,
    });
    let period = period.expect("the run's end ends a period");
    let n_bound = record.attempts.iter().filter(|a| bound(a)).count() as u64;
    assert!(n_bound > 10, "{n_bound}");
    assert_eq!(period.updates, record.attempts.len() as u64);
    assert_eq!(
        (period.choices, period.explored),
        (period.updates - n_bound, period.updates - n_bound)
    );
}

#[test]
fn budgets_book_what_attempts_were_billed_and_tell_when_they_are_exceeded() {
    // A brown-out, so that unserved and repeated calls count as well.
    let brown_out =
        "[[faults]]\neffect.brown_out = { error_rate = 0.3 }\neverything = true\nstart = \"+1h\"\n";
    let ranked = "fallback.ranked = { max_fallbacks = 2 }\n";
    for (binding, keys) in [("none", ""), ("first_choice", ranked)] {
        let cell = bound(binding, keys, brown_out);
        let (record, _) = record(&cell, SEED);
        let (allocations, uses) = (allocations(&record), uses(&record));
        assert_eq!((allocations.len(), uses.len()), (2, 2));
        assert_eq!(uses[0].ended, hours(17.0));
        assert!(uses[1].ended >= hours(24.0));
        let mut n_over = 0;
        for (allocation, used) in allocations.iter().zip(&uses) {
            assert_eq!(allocation.nth, used.nth);
            for level in Level::ALL {
                let l = level.index();
                let budget = allocation.levels[l].budget_tokens;
                let within = |a: &&AttemptRecord| {
                    a.level == level
                        && allocation.at <= ended(a)
                        && (ended(a) < used.ended || used.nth == 1)
                };
                let (mut tokens, mut calls, mut to_allocated, mut over) = (0, 0, 0, None);
                for attempt in record.attempts.iter().filter(within) {
                    tokens += attempt.response.tokens();
                    calls += 1;
                    to_allocated += u64::from(allocation.levels[l].model == Some(attempt.model));
                    if tokens > budget && over.is_none() {
                        over = Some(ended(attempt));
                    }
                }
                assert_eq!((used.used_tokens[l], used.calls[l]), (tokens, calls), "{level}");
                assert_eq!(used.calls_allocated[l], to_allocated, "{level}");
                assert_eq!(used.over_budget[l], over, "{level}");
                assert!(tokens > 0, "{level}");
                n_over += usize::from(over.is_some());
            }
        }
        assert!((1..8).contains(&n_over), "{n_over}");
        // The table says the same.
        for (row, used) in rows(&cell, "budgets").chunks(4).zip(&uses) {
            for (row, l) in row.iter().zip(0..) {
                assert_eq!(row.number("used_tokens"), Some(used.used_tokens[l] as f64));
                assert_eq!(
                    row.number("over_budget_at_s"),
                    used.over_budget[l].map(SimTime::as_secs_f64)
                );
                assert_eq!(row.number("ended_s"), Some(used.ended.as_secs_f64()));
                assert_eq!(row.text("level"), Some(Level::ALL[l].name()));
            }
        }
    }
}

#[test]
fn a_budget_that_is_met_exactly_is_not_exceeded() {
    // Tasks of 300 tokens: the fourth of a level meets 1200, the fifth exceeds it.
    let rest = "[stack]\norder.always = { model = \"Groq\" }\n[stack.allocation]\nrule = \"stage4\"\ntimes = [\"00:00\"]\n\
        budgets.night = 1200\n";
    let (record, _) = record(&scenario("00:00", 24, rest), SEED);
    let [used] = uses(&record)[..] else { panic!("one allocation") };
    for level in Level::ALL {
        let mut of_level = record.attempts.iter().filter(|a| a.level == level);
        assert_eq!(used.over_budget[level.index()], of_level.nth(4).map(ended), "{level}");
    }
}

#[test]
fn an_allocation_that_is_not_eligible_gives_way_to_the_order_and_counts_as_trigger() {
    // From 09:00 on Groq's key is refused.
    let fault = "[[faults]]\neffect = \"key_revoked\"\nmodels = [\"Groq\"]\nstart = \"09:00\"\n";
    let (revoked, _) = record(&bound("first_choice", "", fault), SEED);
    let by_order: Vec<TaskId> = revoked
        .attempts
        .iter()
        .filter(|attempt| attempt.chosen_by == ChosenBy::Order)
        .map(|attempt| attempt.task)
        .collect();
    let revoked: Vec<_> = revoked
        .tasks
        .iter()
        .filter(|task| task.level == Level::L1 && task.arrived >= hours(9.0))
        .collect();
    // The first call finds out, then the key is asked again once an hour.
    let (asked, spared): (Vec<&TaskRecord>, Vec<&TaskRecord>) =
        revoked.iter().copied().partition(|task| task.first_model == Some(ModelId(GROQ as u16)));
    assert!(!asked.is_empty() && asked.len() <= 15 && spared.len() > 5, "{}", asked.len());
    for task in &revoked {
        let reason = FallbackReason::ModelFailure;
        assert_eq!(task.trigger, Some((ModelId(GROQ as u16), reason)), "{task:?}");
    }
    for task in &spared {
        assert_eq!(task.served_by, Some(ModelId(CLAUDE as u16)), "{task:?}");
        assert!(task.served && task.rescued && by_order.contains(&task.task), "{task:?}");
    }
    // Short of tokens is another reason: the router believes in 1000 a day of Gemini, of which three tasks take 90 %.
    let mut cell = bound("first_choice", "", "");
    Arc::make_mut(&mut cell.registry).accounts[GEMINI].daily_tokens = Some(1000);
    let (record, _) = record(&cell, SEED);
    let late: Vec<_> =
        record.tasks.iter().filter(|t| t.level == Level::L2 && t.arrived > hours(20.0)).collect();
    assert!(!late.is_empty());
    for task in late {
        let trigger = Some((ModelId(GEMINI as u16), FallbackReason::TokenExhausted));
        assert_eq!((task.trigger, task.served_by), (trigger, Some(ModelId(CLAUDE as u16))));
    }
}
