//! The daily reports: one for every local day of the run that stands for a variant in a block.

mod actions;
mod allocation;
mod anomalies;
mod cost;
mod work;

use std::collections::BTreeMap;
use std::path::Path;

use crate::calendar::LocalClock;
use crate::report::criteria::Evidence;
use crate::report::dates;
use crate::report::document::{Document, Report};
use crate::report::frame::{Frame, Row, RunKey};
use crate::report::number::{count, counted, percent, rounded, usd};
use crate::report::subject::{Subject, date_stamp};
use crate::results::ResultsError;
use crate::results::column::Table;
use crate::results::manifest::Manifest;
use crate::results::schema::{Allocations, Anomalies, Budgets, Costs, Fallbacks};
use crate::units::SimTime;

/// The folder of these reports.
const KIND: &str = "daily";

/// The tables that they are made of.
struct Tables<'a> {
    days: &'a Frame,
    monitor: &'a Frame,
    costs: Frame,
    fallbacks: Frame,
    anomalies: Frame,
    allocations: Frame,
    budgets: Frame,
}

impl<'a> Tables<'a> {
    fn read(folder: &Path, evidence: &'a Evidence<'_>) -> Result<Self, ResultsError> {
        Ok(Self {
            days: &evidence.days,
            monitor: &evidence.monitor,
            costs: Frame::whole::<Costs<'_>>(folder)?,
            fallbacks: Frame::read(
                folder,
                &Fallbacks::DOC,
                &["at_s", "level", "reason", "from_model", "found"],
            )?,
            anomalies: Frame::whole::<Anomalies<'_>>(folder)?,
            allocations: Frame::whole::<Allocations<'_>>(folder)?,
            budgets: Frame::whole::<Budgets<'_>>(folder)?,
        })
    }
}

/// The rows of one run by local day.
type ByDay<'a> = BTreeMap<u32, Vec<Row<'a>>>;

fn by_day<'a>(rows: impl Iterator<Item = Row<'a>>, day: impl Fn(&Row<'a>) -> u32) -> ByDay<'a> {
    let mut days = ByDay::new();
    for row in rows {
        days.entry(day(&row)).or_default().push(row);
    }
    days
}

fn day_of(row: &Row<'_>) -> u32 {
    row.value("day") as u32
}

fn is_of_all_levels(row: &Row<'_>) -> bool {
    row.text("level") == "all"
}

/// The wall clock of the scenario.
struct Wall(LocalClock);

impl Wall {
    fn at(&self, seconds: f64) -> crate::calendar::LocalTime {
        self.0.clone().at(dates::instant(seconds))
    }

    /// Hour and minute; with the date where that is not of `day`.
    fn when(&self, seconds: f64, day: u32) -> String {
        let at = self.at(seconds);
        if at.day == day {
            return at.hour_minute();
        }
        format!("{} {}", self.0.date(at.day), at.hour_minute())
    }
}

/// One local day of one run.
struct Day<'a> {
    day: u32,
    date: &'a str,
    wall: &'a Wall,
    manifest: &'a Manifest,
    subject: &'a Subject<'a>,
    /// Tasks that arrived: all levels, then each.
    work: &'a [Row<'a>],
    /// The same of every seed, all levels together.
    seeds: &'a [Row<'a>],
    /// Calls that ended, by level, as the router saw them.
    monitor: &'a [Row<'a>],
    /// Calls for tasks that arrived, by model, level and task type.
    costs: &'a [Row<'a>],
    fallbacks: &'a [Row<'a>],
    anomalies: &'a [Row<'a>],
    allocations: &'a [Row<'a>],
    budgets: &'a [Row<'a>],
    /// Billed since the start of the run, this day included.
    cost_to_date: f64,
    /// The day's number among those of the run, from 1, and how many there are.
    nth: (usize, usize),
}

/// Daily reports of every subject, in the order of their days.
pub(super) fn reports(
    folder: &Path,
    evidence: &Evidence<'_>,
    subjects: &[Subject<'_>],
) -> Result<Vec<Report>, ResultsError> {
    let (wall, tables) = (Wall(evidence.clock.clone()), Tables::read(folder, evidence)?);
    let of_subject = |subject| of_subject(evidence.manifest, subject, &tables, &wall);
    Ok(subjects.iter().flat_map(of_subject).collect())
}

fn of_subject<'a>(
    manifest: &'a Manifest,
    subject: &'a Subject<'a>,
    tables: &'a Tables<'_>,
    wall: &'a Wall,
) -> Vec<Report> {
    let run = &subject.run;
    let work = by_day(tables.days.rows(run), day_of);
    let last = work.keys().last().copied().unwrap_or(0);
    // What still ends behind the end of the run belongs to its last day, as in the monitor.
    let at = |row: &Row<'_>| wall.at(row.value("at_s")).day.min(last);
    let seeds = RunKey::of_seeds(manifest, &run.block, &run.variant);
    let seeds = by_day(
        seeds.flat_map(|run| tables.days.rows(&run).collect::<Vec<_>>()).filter(is_of_all_levels),
        day_of,
    );
    let monitor = by_day(tables.monitor.rows(run), day_of);
    let costs = by_day(tables.costs.rows(run), day_of);
    let fallbacks = by_day(tables.fallbacks.rows(run), at);
    let anomalies = by_day(tables.anomalies.rows(run), day_of);
    let allocations = by_day(tables.allocations.rows(run), at);
    let budgets = by_day(tables.budgets.rows(run), at);
    fn on<'r, 'a>(days: &'r ByDay<'a>, day: u32) -> &'r [Row<'a>] {
        days.get(&day).map_or(&[], Vec::as_slice)
    }
    let mut cost_to_date = 0.0;
    let folder = subject.folder(KIND);
    let mut reports = Vec::new();
    for (nth, (&day, rows)) in (1..).zip(&work) {
        cost_to_date += rows[0].value("cost_usd");
        let date = rows[0].text("date");
        let view = Day {
            day,
            date,
            wall,
            manifest,
            subject,
            work: rows,
            seeds: on(&seeds, day),
            monitor: on(&monitor, day),
            costs: on(&costs, day),
            fallbacks: on(&fallbacks, day),
            anomalies: on(&anomalies, day),
            allocations: on(&allocations, day),
            budgets: on(&budgets, day),
            cost_to_date,
            nth: (nth, work.len()),
        };
        reports.push(Report {
            group: format!("Daily reports of {}", subject.name(manifest)),
            path: format!("{folder}/{}-Daily-Report.md", date_stamp(date)),
            text: view.report(),
        });
    }
    reports
}

impl Day<'_> {
    fn report(&self) -> String {
        let weekday = self.wall.0.weekday(self.day);
        let mut document = Document::new(&format!("Daily report, {weekday} {}", self.date));
        let actions = actions::of(self);
        document.paragraph(&format!("**{} {}**", self.verdict(), actions::in_short(&actions)));
        document.paragraph(&self.about());
        document.section("Recommended actions");
        match actions.is_empty() {
            true => document.paragraph("Nothing to do."),
            false => document.list(actions.iter().map(|action| &action.text)),
        }
        work::health(self, &mut document);
        work::work(self, &mut document);
        work::fallbacks(self, &mut document);
        cost::ranking(self, &mut document);
        allocation::section(self, &mut document);
        cost::costs(self, &mut document);
        anomalies::section(self, &mut document);
        document.finish()
    }

    /// The day in one line.
    fn verdict(&self) -> String {
        let all = &self.work[0];
        let (tasks, cut) = (all.value("tasks"), all.value("interrupted"));
        if tasks == 0.0 {
            return "No task arrived.".to_owned();
        }
        let in_time = all.value("in_time");
        let mut text = counted(tasks, "task");
        if tasks > cut {
            let share = percent(in_time / (tasks - cut), 1);
            text += &format!(", {} answered in time ({share})", count(in_time));
        }
        if cut > 0.0 {
            text += &format!(", {} cut off by the end of the run", count(cut));
        }
        format!("{text}, {}.", usd(all.value("cost_usd")))
    }

    /// What the report is about: scenario, variant, which part of the day, seed.
    fn about(&self) -> String {
        let (nth, of) = self.nth;
        let block = match self.manifest.blocks.len() {
            1 => String::new(),
            _ => format!(", block `{}`", self.subject.block.name),
        };
        format!(
            "{}, variant `{}`{}, day {nth} of {of} in {}{}. {}{}",
            self.manifest.scenario,
            self.subject.variant,
            block,
            self.manifest.zone,
            self.hours(),
            self.subject.why_this_seed(self.manifest),
            if self.manifest.warm_up_s > 0.0 { " Warm-up included." } else { "" },
        )
    }

    /// Which hours of the day belong to the run, where these are not the usual 24.
    fn hours(&self) -> String {
        let seconds = |at: SimTime| at.as_secs_f64();
        let (begins, ends) = (self.wall.0.begins(self.day), self.wall.0.begins(self.day + 1));
        let from = self.wall.at(seconds(begins));
        let end_s = self.manifest.end_s.filter(|end| *end < seconds(ends));
        let mut text = String::new();
        if self.nth.0 == 1 && from.second_of_day > 0 {
            text += &format!(", from {}", from.hour_minute());
        }
        if let Some(end) = end_s {
            text += &format!(" until {}", self.wall.at(end).hour_minute());
        }
        let hours = ends.since(begins).as_secs_f64() / 3600.0;
        if text.is_empty() && self.nth.0 > 1 && hours != 24.0 {
            text += &format!(", {} hours long (clock change)", rounded(hours, 3));
        }
        text
    }
}
