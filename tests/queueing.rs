//! Queueing through the whole engine against theory: M/M/1 and M/M/c (Erlang C), waits, sojourn times, numbers present.

mod support;

use reflexarc::analysis::distribution::t_quantile;
use reflexarc::domain::{AttemptRecord, TaskRecord};
use reflexarc::engine::{self, Cell, End, Observer};
use reflexarc::units::SimTime;
use reflexarc::world::workload::WorkloadSpec;

use support::Draft;

/// Independent replications, one seed each.
const REPLICATIONS: u64 = 40;
/// First seed.
const FIRST_SEED: u64 = 71_000;
/// Tasks before the measured ones. The slowest cell here (rho 0.8, one slot) forgets its empty start with a relaxation
/// time of 1 / (1 - sqrt(rho))^2 = 90 mean service times = 72 arrivals, so that 3000 arrivals leave e^-41 of it.
const WARM_UP: u64 = 3_000;
/// Measured tasks of a replication.
const MEASURED: u64 = 20_000;
/// Probability that any of the comparisons of this file fails though the engine is right: four cells, three means each.
const ALPHA: f64 = 0.001;
const COMPARISONS: f64 = 12.0;

/// Means of one replication over the tasks behind the warm-up.
#[derive(Default)]
struct Means {
    wait_s: f64,
    sojourn_s: f64,
    tasks: u64,
    present: u64,
    changed: SimTime,
    from: Option<SimTime>,
    to: SimTime,
    area: f64,
}

impl Means {
    /// Adds to the area under the number of tasks present, from the first to the last measured arrival.
    fn change(&mut self, now: SimTime) {
        if self.from.is_some() && self.to == SimTime::ZERO {
            self.area += self.present as f64 * now.since(self.changed).as_secs_f64();
        }
        self.changed = now;
    }
}

impl Observer for Means {
    fn task_arrived(&mut self, record: &TaskRecord) {
        let (now, task) = (record.arrived, record.task);
        self.change(now);
        self.present += 1;
        if task.0 == WARM_UP {
            self.from = Some(now);
        }
        if task.0 == WARM_UP + MEASURED - 1 {
            self.to = now;
        }
    }

    fn attempt_ended(&mut self, record: &AttemptRecord) {
        if record.task.0 >= WARM_UP {
            self.wait_s += record.wait.as_secs_f64();
        }
    }

    fn task_ended(&mut self, record: &TaskRecord) {
        self.change(record.ended);
        self.present -= 1;
        if record.task.0 >= WARM_UP {
            self.tasks += 1;
            self.sojourn_s += record.ended.since(record.arrived).as_secs_f64();
        }
    }
}

/// One model with `slots` slots and exponential response times of mean 1 s, under Poisson arrivals.
fn cell(rate_per_s: f64, slots: u32) -> Cell {
    let mut draft = Draft::new(1);
    draft.world.models[0].limits.slots = Some(slots);
    draft.workload = WorkloadSpec::Poisson { rate_per_s };
    draft.end = End::Tasks(WARM_UP + MEASURED);
    draft.build()
}

/// Mean wait in M/M/c with service rate 1: Erlang's C over the free capacity (Erlang 1917).
fn erlang_wait(rate: f64, slots: u32) -> f64 {
    let c = f64::from(slots);
    // Erlang's B by its recursion, then C from B.
    let blocked = (1..=slots).fold(1.0, |b, k| rate * b / (f64::from(k) + rate * b));
    let waits = blocked / (1.0 - rate / c * (1.0 - blocked));
    waits / (c - rate)
}

fn compare(what: &str, found: &[f64], theory: f64) {
    let n = found.len() as f64;
    let mean = found.iter().sum::<f64>() / n;
    let variance = found.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0);
    // Student's t over independent replications; two sides, shared among all comparisons (Bonferroni).
    let t = t_quantile(1.0 - ALPHA / COMPARISONS / 2.0, n - 1.0);
    let tolerance = t * (variance / n).sqrt();
    assert!(
        (mean - theory).abs() <= tolerance,
        "{what}: {mean:.5} instead of {theory:.5} +- {tolerance:.5}, seeds {FIRST_SEED}..{}",
        FIRST_SEED + REPLICATIONS
    );
    // A tolerance that lets anything pass would test nothing.
    assert!(tolerance < 0.1 * theory, "{what}: the tolerance {tolerance} is wide, {theory}");
}

fn check(rho: f64, slots: u32) {
    let rate = rho * f64::from(slots);
    let cell = cell(rate, slots);
    let mut figures: [Vec<f64>; 3] = Default::default();
    for seed in FIRST_SEED..FIRST_SEED + REPLICATIONS {
        let mut means = Means::default();
        engine::run(&cell, seed, &mut means);
        assert_eq!(means.tasks, MEASURED, "seed {seed}");
        let span = means.to.since(means.from.expect("the warm-up ends")).as_secs_f64();
        figures[0].push(means.wait_s / means.tasks as f64);
        figures[1].push(means.sojourn_s / means.tasks as f64);
        figures[2].push(means.area / span);
    }
    let wait = erlang_wait(rate, slots);
    let cell = format!("rho {rho}, {slots} slots");
    compare(&format!("wait, {cell}"), &figures[0], wait);
    compare(&format!("sojourn, {cell}"), &figures[1], wait + 1.0);
    // Little's law: tasks present on average = rate of arrival x mean sojourn time.
    compare(&format!("tasks present, {cell}"), &figures[2], rate * (wait + 1.0));
}

#[test]
fn erlangs_formula_gives_the_known_waits() {
    // One slot: rho / (1 - rho). Two slots at a = 1: C = 1/3, wait 1/3.
    assert!((erlang_wait(0.5, 1) - 1.0).abs() < 1e-12);
    assert!((erlang_wait(0.8, 1) - 4.0).abs() < 1e-12);
    assert!((erlang_wait(1.0, 2) - 1.0 / 3.0).abs() < 1e-12);
}

#[test]
fn one_slot_at_half_load_waits_as_theory_says() {
    check(0.5, 1);
}

#[test]
fn one_slot_at_high_load_waits_as_theory_says() {
    check(0.8, 1);
}

#[test]
fn four_slots_at_half_load_wait_as_theory_says() {
    check(0.5, 4);
}

#[test]
fn four_slots_at_high_load_wait_as_theory_says() {
    check(0.8, 4);
}
