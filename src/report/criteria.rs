//! The plan's success criteria, answered for one block and variant out of the tables.

use std::collections::BTreeSet;
use std::path::Path;

use crate::analysis::criteria::{AVAILABILITY_TARGET, FALLBACK_TARGET, Gain, GainDays, Verdict};
use crate::analysis::diff::BySeed;
use crate::analysis::expect::{Expectation, Judged, Target, judge};
use crate::analysis::interval::Estimate;
use crate::analysis::measure::{self, Measure};
use crate::analysis::window::Window;
use crate::calendar::LocalClock;
use crate::report::dates;
use crate::report::entries::{Entries, with_interval};
use crate::report::frame::{Frame, Row, RunKey};
use crate::report::measured::Values;
use crate::report::number::{count, percent};
use crate::report::subject::date_stamp;
use crate::results::ResultsError;
use crate::results::manifest::Manifest;
use crate::results::schema::{Controls, Days, Monitor};

/// The criteria in the plan's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Criterion {
    Allocation,
    Tracking,
    Monitoring,
    Fallback,
    Learning,
    Availability,
    Documents,
}

impl Criterion {
    pub(super) const ALL: [Self; 7] = [
        Self::Allocation,
        Self::Tracking,
        Self::Monitoring,
        Self::Fallback,
        Self::Learning,
        Self::Availability,
        Self::Documents,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Allocation => "allocation",
            Self::Tracking => "tracking",
            Self::Monitoring => "monitoring",
            Self::Fallback => "fallback success",
            Self::Learning => "learning",
            Self::Availability => "availability",
            Self::Documents => "documents",
        }
    }

    pub(super) fn target(self) -> &'static str {
        match self {
            Self::Allocation => "every task gets a model: 100 %",
            Self::Tracking => "every task has start and end record: 100 %",
            Self::Monitoring => "one report per simulated day",
            Self::Fallback => ">= 99 % while five models are out of tokens",
            Self::Learning => "efficiency >= +5 % after 2 days",
            Self::Availability => ">= 99 % over 24 h",
            Self::Documents => "execution report, performance metrics, learning results",
        }
    }

    pub(super) fn place(self) -> &'static str {
        match self {
            Self::Allocation => "`measures`: allocated; `tasks`",
            Self::Tracking => "`measures`: tracked; `tasks`, `work_log`",
            Self::Monitoring => "`monitor`, daily reports",
            Self::Fallback => "`summary`: fallback_served_rate, window exhaustion",
            Self::Learning => "`days`, `controls`, Learning-Results",
            Self::Availability => "`summary`: availability; `days`",
            Self::Documents => "this folder",
        }
    }
}

/// The answer to one criterion.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// What was measured, with its interval or as an exact count.
    pub(super) measured: String,
    /// The same as a number, to tell which of several comes closest.
    pub(super) value: Option<f64>,
    pub(super) verdict: Verdict,
    /// What a reader should know besides; may be empty.
    pub(super) note: String,
}

/// All that the answers are taken from. Other reports take these tables from here, so that each is read once.
pub(super) struct Evidence<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) clock: LocalClock,
    pub(super) entries: Entries,
    pub(super) values: Values,
    pub(super) days: Frame,
    pub(super) monitor: Frame,
    controls: Frame,
}

impl<'a> Evidence<'a> {
    pub(super) fn read(folder: &Path, manifest: &'a Manifest) -> Result<Self, ResultsError> {
        Ok(Self {
            manifest,
            clock: dates::clock(folder, manifest)?,
            entries: Entries::read(folder)?,
            values: Values::read(folder)?,
            days: Frame::whole::<Days<'_>>(folder)?,
            monitor: Frame::whole::<Monitor<'_>>(folder)?,
            controls: Frame::whole::<Controls<'_>>(folder)?,
        })
    }

    /// The answer to a criterion for one variant of one block.
    pub(super) fn answer(&self, criterion: Criterion, block: &str, variant: &str) -> Answer {
        match criterion {
            Criterion::Allocation => {
                let shed = "shed: no model was left to call";
                self.exact(measure::ALLOCATED, block, variant, shed)
            }
            Criterion::Tracking => self.exact(measure::TRACKED, block, variant, "without both"),
            Criterion::Monitoring => self.monitoring(block, variant),
            Criterion::Fallback => self.fallback(block, variant),
            Criterion::Learning => self.learning(block, variant),
            Criterion::Availability => self.availability(block, variant),
            Criterion::Documents => Answer {
                measured: "3 of 3 documents".to_owned(),
                value: Some(3.0),
                verdict: Verdict::Met,
                note: "written with this report".to_owned(),
            },
        }
    }

    fn by_seed(&self, measure: Measure, window: Window, block: &str, variant: &str) -> BySeed {
        self.values.get(block, variant, "all", window.name(), measure).cloned().unwrap_or_default()
    }

    /// A share that is an exact count over all runs.
    fn exact(&self, measure: Measure, block: &str, variant: &str, missing: &str) -> Answer {
        let of = |measure| self.by_seed(measure, Window::Run, block, variant);
        let (shares, ended, cut) = (of(measure), of(measure::TASKS), of(measure::INTERRUPTED));
        let (mut n, mut k) = (0.0, 0.0);
        for (seed, share) in &shares {
            let arrived = ended.get(seed).unwrap_or(&0.0) + cut.get(seed).unwrap_or(&0.0);
            n += arrived;
            k += (share * arrived).round();
        }
        let verdict = match n {
            0.0 => Verdict::NotExercised,
            _ if k == n => Verdict::Met,
            _ => Verdict::NotMet,
        };
        let note = match verdict {
            Verdict::NotMet => format!("{} {missing}", count(n - k)),
            _ => String::new(),
        };
        let measured = format!("{} of {} tasks", count(k), count(n));
        Answer { measured, value: (n > 0.0).then_some(k / n), verdict, note }
    }

    fn monitoring(&self, block: &str, variant: &str) -> Answer {
        let expected = self.n_days(block, variant);
        let (mut missing, mut n_runs) = (0, 0);
        for run in RunKey::of_seeds(self.manifest, block, variant) {
            let days: BTreeSet<u64> =
                self.monitor.rows(&run).map(|row| row.value("day") as u64).collect();
            n_runs += 1;
            missing += expected.abs_diff(days.len() as u64);
        }
        let total = expected * n_runs;
        Answer {
            measured: format!(
                "{} of {} days",
                count((total - missing) as f64),
                count(total as f64)
            ),
            value: None,
            verdict: if missing == 0 { Verdict::Met } else { Verdict::NotMet },
            note: match expected {
                1 => format!("one local day in each of {n_runs} runs"),
                _ => format!("{expected} local days in each of {n_runs} runs"),
            },
        }
    }

    /// The date of the simulated end as it begins the name of a report.
    pub(super) fn last_day(&self) -> String {
        let n_days = self.manifest.blocks.iter().flat_map(|block| {
            self.manifest.variants.iter().map(|variant| self.n_days(&block.name, variant))
        });
        let last = n_days.max().unwrap_or(1).saturating_sub(1) as u32;
        date_stamp(&self.clock.date(last).to_string())
    }

    /// Local days with time in the run.
    fn n_days(&self, block: &str, variant: &str) -> u64 {
        match self.manifest.end_s {
            Some(end_s) => u64::from(self.clock.days_until(dates::instant(end_s))),
            None => {
                let of_run = |run: RunKey| {
                    let days = self.days.rows(&run).map(|row| row.value("day") as u64);
                    days.max().map_or(0, |day| day + 1)
                };
                RunKey::of_seeds(self.manifest, block, variant).map(of_run).max().unwrap_or(0)
            }
        }
    }

    fn at_least(&self, measure: Measure, window: Window, target: f64, run: (&str, &str)) -> Judged {
        let expectation = Expectation {
            metric: measure,
            block: run.0.to_owned(),
            variant: run.1.to_owned(),
            level: None,
            window,
            target: Target::AtLeast(target),
        };
        judge(&expectation, &self.by_seed(measure, window, run.0, run.1), &BySeed::new())
    }

    fn shown(&self, measure: Measure, window: Window, block: &str, variant: &str) -> String {
        let entry = self.entries.get(block, variant, "all", window.name(), measure);
        format!("{} %", with_interval(entry, measure))
    }

    fn fallback(&self, block: &str, variant: &str) -> Answer {
        let (measure, window) = (measure::FALLBACK_SERVED_RATE, Window::Exhaustion);
        let judged = self.at_least(measure, window, FALLBACK_TARGET, (block, variant));
        let verdict = Verdict::from(judged);
        if verdict == Verdict::NotExercised {
            let no_fault = self.values.get(block, variant, "all", window.name(), measure).is_none();
            let note = match no_fault {
                true => "no fault leaves five models without tokens",
                false => "no task needed another model while it lasted",
            };
            let (measured, note) = ("-".to_owned(), note.to_owned());
            return Answer { measured, value: None, verdict, note };
        }
        let selection = measure::FALLBACK_SELECTION_RATE;
        let entry = self.entries.get(block, variant, "all", window.name(), selection);
        Answer {
            measured: self.shown(measure, window, block, variant),
            value: judged.measured.map(|e| e.mean),
            verdict,
            note: format!(
                "the plan's own reading, fallbacks that found a target: {}",
                entry.map_or("none was asked for".to_owned(), |entry| {
                    format!("{} %", with_interval(Some(entry), selection))
                })
            ),
        }
    }

    fn availability(&self, block: &str, variant: &str) -> Answer {
        let measure = measure::AVAILABILITY;
        let judged = self.at_least(measure, Window::Run, AVAILABILITY_TARGET, (block, variant));
        let (mut good, mut all, mut worst) = (0_u64, 0_u64, 1.0_f64);
        for run in RunKey::of_seeds(self.manifest, block, variant) {
            for row in self.days.rows(&run).filter(|row| row.text("level") == "all") {
                let ended = row.value("tasks") - row.value("interrupted");
                if ended > 0.0 {
                    let share = row.value("in_time") / ended;
                    all += 1;
                    good += u64::from(share >= AVAILABILITY_TARGET);
                    worst = worst.min(share);
                }
            }
        }
        Answer {
            measured: self.shown(measure, Window::Run, block, variant),
            value: judged.measured.map(|e| e.mean),
            verdict: judged.into(),
            note: format!(
                "{} of {} days reach 99 % (all seeds); the worst day has {}",
                count(good as f64),
                count(all as f64),
                percent(worst, 1)
            ),
        }
    }

    fn learning(&self, block: &str, variant: &str) -> Answer {
        match self.gain(block, variant) {
            Ok(gain) => Answer {
                measured: signed_percent(&gain.gain),
                value: Some(gain.gain.mean),
                verdict: gain.verdict(),
                note: format!(
                    "there was {} to gain (informed); against the variant's own first day {}",
                    signed_percent(&gain.headroom),
                    signed_percent(&gain.raw)
                ),
            },
            Err(note) => {
                let (measured, note) = ("-".to_owned(), note.to_owned());
                Answer { measured, value: None, verdict: Verdict::NotExercised, note }
            }
        }
    }

    /// The gain by learning after two days, or why there is none.
    pub(super) fn gain(&self, block: &str, variant: &str) -> Result<Gain, &'static str> {
        let day = self.clock.gain_day();
        // A run that starts within a day has its first whole one behind it.
        let first_whole = u32::from(!self.manifest.start.ends_with("T00:00:00"));
        let mut seeds = Vec::new();
        let mut has_control = false;
        for run in RunKey::of_seeds(self.manifest, block, variant) {
            let own = |day| self.efficiency(&run, day);
            let frozen = self.efficiency_of_control("frozen", &run, day);
            let informed = self.efficiency_of_control("informed", &run, day);
            has_control |= frozen.is_some();
            if let (Some(first), Some(learning), Some(frozen), Some(informed)) =
                (own(first_whole), own(day), frozen, informed)
            {
                seeds.push(GainDays { first, learning, frozen, informed });
            }
        }
        if !has_control {
            return Err(match self.reaches_gain_day() {
                true => "nothing in this variant learns, or the scenario asks for no [criteria]",
                false => "the run is over before a whole day behind the first 48 hours",
            });
        }
        Gain::of(&seeds).ok_or("no task was served")
    }

    /// Whether runs last into the day on which the gain by learning is measured.
    pub(super) fn reaches_gain_day(&self) -> bool {
        let n_days = self.manifest.end_s.map(|end_s| self.clock.days_until(dates::instant(end_s)));
        n_days.is_some_and(|n_days| n_days > self.clock.gain_day())
    }

    /// Efficiency of a run on a local day; `None` if no task of that day ended.
    pub(super) fn efficiency(&self, run: &RunKey, day: u32) -> Option<f64> {
        efficiency_on(day, self.days.rows(run).filter(|row| row.text("level") == "all"))
    }

    /// The same of a control run; `None` if there is none.
    pub(super) fn efficiency_of_control(&self, name: &str, run: &RunKey, day: u32) -> Option<f64> {
        efficiency_on(day, self.controls.rows(run).filter(|row| row.text("control") == name))
    }
}

fn efficiency_on<'a>(day: u32, mut rows: impl Iterator<Item = Row<'a>>) -> Option<f64> {
    rows.find(|row| row.value("day") == f64::from(day))?.number("efficiency")
}

/// A relative change with its interval in percent.
pub(super) fn signed_percent(estimate: &Estimate) -> String {
    let [mean, low, high] =
        [estimate.mean, estimate.low, estimate.high].map(|v| format!("{:+.1}", 100.0 * v));
    match estimate.n {
        1 => format!("{mean} %"),
        _ => format!("{mean} % [{low}, {high}]"),
    }
}
