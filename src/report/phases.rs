//! Early, middle and late: efficiency and reward in the thirds of a span, day by day or point by point.

use std::collections::BTreeSet;
use std::path::Path;

use crate::analysis::interval::{Estimate, mean_over_seeds};
use crate::calendar::LocalClock;
use crate::report::dates;
use crate::report::frame::{Frame, RunKey};
use crate::results::ResultsError;
use crate::results::column::Table;
use crate::results::manifest::{BlockEntry, Manifest};
use crate::results::schema::Curves;

/// What the thirds are called.
pub(super) const NAMES: [&str; 3] = ["early", "middle", "late"];
/// Local days from which on a span is divided by days rather than by the points of the curves.
const LEAST_DAYS: usize = 3;

/// One piece of a span: a day, or a point of the curves.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Piece {
    /// Tasks that arrived in it and ended.
    tasks: f64,
    /// Sum of their headline efficiency.
    efficiency: f64,
    /// Sum of their reward, where it is known.
    reward: f64,
}

/// The means of a span's thirds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Thirds {
    /// Headline efficiency of a task, 0-100.
    pub(super) efficiency: [f64; 3],
    /// The scenario's reward of a task; 0 where the pieces are days.
    pub(super) reward: [f64; 3],
}

/// How a span was divided.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Division {
    /// What each third covers, in words.
    pub(super) covers: [String; 3],
    /// Both ends of each third in seconds; nothing where thirds are spans of tasks.
    pub(super) times: Option<[(f64, f64); 3]>,
    /// The table it was taken from.
    pub(super) table: &'static str,
}

/// The tables that thirds are taken from.
pub(super) struct Phases<'a> {
    curves: Frame,
    days: &'a Frame,
}

/// The first pieces of the thirds of `n`, and `n`.
fn bounds(n: usize) -> [usize; 4] {
    [0, 1, 2, 3].map(|third| third * n / 3)
}

fn thirds(pieces: &[Piece]) -> Option<Thirds> {
    let bounds = bounds(pieces.len());
    let mut all = Thirds { efficiency: [0.0; 3], reward: [0.0; 3] };
    for third in 0..3 {
        let own = &pieces[bounds[third]..bounds[third + 1]];
        let sum = |of: fn(&Piece) -> f64| own.iter().map(of).sum::<f64>();
        let tasks = sum(|piece| piece.tasks);
        if tasks == 0.0 {
            return None;
        }
        all.efficiency[third] = sum(|piece| piece.efficiency) / tasks;
        all.reward[third] = sum(|piece| piece.reward) / tasks;
    }
    Some(all)
}

impl<'a> Phases<'a> {
    pub(super) fn read(folder: &Path, days: &'a Frame) -> Result<Self, ResultsError> {
        let spans = ["from_s", "to_s", "from_task", "to_task"];
        let of_curve = ["level", "bin", "tasks", "efficiency", "cumulative_reward"];
        let of_curve: Vec<&str> = of_curve.into_iter().chain(spans).collect();
        Ok(Self { curves: Frame::read(folder, &Curves::DOC, &of_curve)?, days })
    }

    /// The thirds of a whole run, warm-up left out; `None` if one of them has no task.
    pub(super) fn of_run(&self, run: &RunKey) -> Option<Thirds> {
        thirds(&self.points(run, f64::MIN, f64::MAX))
    }

    /// How runs like this one are divided; `None` without points.
    pub(super) fn division_of_run(&self, run: &RunKey) -> Option<Division> {
        self.division_by_points(run, f64::MIN, f64::MAX)
    }

    /// The thirds of a period's local days, from `days` if it has enough of them, else of its points.
    pub(super) fn of_period(&self, run: &RunKey, period: &Period) -> Option<Thirds> {
        match period.by_days() {
            true => thirds(&self.pieces_of_days(run, period)),
            false => thirds(&self.points(run, period.from_s, period.to_s)),
        }
    }

    /// How a period is divided.
    pub(super) fn division(
        &self,
        run: &RunKey,
        period: &Period,
        clock: &LocalClock,
    ) -> Option<Division> {
        if !period.by_days() {
            return self.division_by_points(run, period.from_s, period.to_s);
        }
        let (first, n) = (period.first_day, period.n_days());
        let bounds = bounds(n);
        let third = |at: usize| (first + bounds[at] as u32, first + bounds[at + 1] as u32 - 1);
        let covers = [0, 1, 2].map(|at| {
            let (from, to) = third(at);
            match from == to {
                true => clock.date(from).to_string(),
                false => format!("{} to {}", clock.date(from), clock.date(to)),
            }
        });
        let seconds = |day: u32| clock.begins(day).as_secs_f64();
        let times = [0, 1, 2].map(|at| {
            let (from, to) = third(at);
            (seconds(from), seconds(to + 1).min(period.to_s))
        });
        Some(Division { covers, times: Some(times), table: "days" })
    }

    fn pieces_of_days(&self, run: &RunKey, period: &Period) -> Vec<Piece> {
        let mut pieces = vec![Piece { tasks: 0.0, efficiency: 0.0, reward: 0.0 }; period.n_days()];
        for row in self.days.rows(run).filter(|row| row.text("level") == "all") {
            let day = row.value("day") as u32;
            if (period.first_day..=period.last_day).contains(&day) {
                let tasks = row.value("tasks") - row.value("interrupted");
                let efficiency = tasks * row.value("efficiency");
                pieces[(day - period.first_day) as usize] =
                    Piece { tasks, efficiency, reward: 0.0 };
            }
        }
        pieces
    }

    fn points(&self, run: &RunKey, from_s: f64, to_s: f64) -> Vec<Piece> {
        let mut before = 0.0;
        let mut pieces = Vec::new();
        for row in self.curves.rows(run).filter(|row| row.text("level") == "all") {
            let reward = row.value("cumulative_reward") - before;
            before = row.value("cumulative_reward");
            if is_within(row.number("from_s"), row.number("to_s"), from_s, to_s) {
                let tasks = row.value("tasks");
                pieces.push(Piece { tasks, efficiency: tasks * row.value("efficiency"), reward });
            }
        }
        pieces
    }

    /// Points of the curves within a period, by their number.
    pub(super) fn bins(&self, run: &RunKey, period: &Period) -> BTreeSet<u64> {
        self.curves
            .rows(run)
            .filter(|row| {
                let (from, to) = (row.number("from_s"), row.number("to_s"));
                is_within(from, to, period.from_s, period.to_s)
            })
            .map(|row| row.value("bin") as u64)
            .collect()
    }

    fn division_by_points(&self, run: &RunKey, from_s: f64, to_s: f64) -> Option<Division> {
        let rows: Vec<_> = self
            .curves
            .rows(run)
            .filter(|row| row.text("level") == "all")
            .filter(|row| is_within(row.number("from_s"), row.number("to_s"), from_s, to_s))
            .collect();
        if rows.len() < 3 {
            return None;
        }
        let bounds = bounds(rows.len());
        let ends = |from: &str, to: &str| {
            let ends = [0, 1, 2].map(|third| {
                let (first, last) = (&rows[bounds[third]], &rows[bounds[third + 1] - 1]);
                first.number(from).zip(last.number(to))
            });
            Some([ends[0]?, ends[1]?, ends[2]?])
        };
        let times = ends("from_s", "to_s");
        let covers = match (times, ends("from_task", "to_task")) {
            (Some(times), _) => times.map(|(from, to)| hours(from, to)),
            (None, Some(tasks)) => tasks.map(|(from, to)| match to - from {
                1.0 => format!("task {to}"),
                _ => format!("tasks {} to {to}", from + 1.0),
            }),
            (None, None) => return None,
        };
        Some(Division { covers, times, table: "curves" })
    }
}

fn hours(from_s: f64, to_s: f64) -> String {
    format!("hours {:.1} to {:.1}", from_s / 3600.0, to_s / 3600.0)
}

/// Whether a point lies in a span; spans of tasks have no time and belong to every one.
fn is_within(point_from: Option<f64>, point_to: Option<f64>, from_s: f64, to_s: f64) -> bool {
    match point_from.zip(point_to) {
        Some((from, to)) => from >= from_s && to <= to_s + 1e-6,
        None => true,
    }
}

/// A reporting period of whole local days.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Period {
    pub(super) from_s: f64,
    pub(super) to_s: f64,
    /// Its first local day, from 0.
    pub(super) first_day: u32,
    /// Its last local day that has time in the run.
    pub(super) last_day: u32,
}

impl Period {
    /// The local days from one instant to before another.
    pub(super) fn of(from_s: f64, to_s: f64, clock: &LocalClock) -> Self {
        let first_day = dates::day(clock, from_s);
        let last_day = dates::day(clock, to_s - 1e-6).max(first_day);
        Self { from_s, to_s, first_day, last_day }
    }

    fn n_days(&self) -> usize {
        (self.last_day + 1 - self.first_day) as usize
    }

    fn by_days(&self) -> bool {
        self.n_days() >= LEAST_DAYS
    }
}

/// Mean over seeds of each third, and of the last less the first, paired by seed.
pub(super) fn over_seeds(all: &[[f64; 3]]) -> Option<([Estimate; 3], Estimate)> {
    let of = |value: &dyn Fn(&[f64; 3]) -> f64| {
        mean_over_seeds(&all.iter().map(value).collect::<Vec<_>>(), false)
    };
    let thirds = [of(&|t| t[0])?, of(&|t| t[1])?, of(&|t| t[2])?];
    Some((thirds, of(&|t| t[2] - t[0])?))
}

/// The thirds on which faults weigh, where they do not weigh on all alike; empty where thirds are no spans of time.
pub(super) fn disturbed(
    manifest: &Manifest,
    block: &BlockEntry,
    division: &Division,
) -> Vec<&'static str> {
    let Some(times) = division.times else { return Vec::new() };
    let lasts = |(from_s, to_s): (f64, f64)| {
        block.faults.iter().any(|fault| {
            let until = fault.to_s.or(manifest.end_s).unwrap_or(f64::MAX);
            fault.from_s < to_s && until > from_s
        })
    };
    let hit: Vec<&str> =
        NAMES.into_iter().zip(times).filter(|(_, span)| lasts(*span)).map(|(n, _)| n).collect();
    if hit.len() == NAMES.len() { Vec::new() } else { hit }
}

/// What is said of a disturbed comparison; empty where it is none.
pub(super) fn disturbance(disturbed: &[&str]) -> String {
    match disturbed.is_empty() {
        true => String::new(),
        false => format!("faults weigh on {}", disturbed.join(" and ")),
    }
}

/// What each third covers, for the sentence above a table.
pub(super) fn covers(division: &Division) -> String {
    let parts =
        NAMES.iter().zip(&division.covers).map(|(name, covers)| format!("{name}: {covers}"));
    parts.collect::<Vec<_>>().join("; ")
}

/// A span from the start of the run, in minutes or hours.
pub(super) fn since_start(at_s: f64) -> String {
    match at_s {
        s if s < 3600.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}
