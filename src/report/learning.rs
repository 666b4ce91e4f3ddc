//! The learning report: what a learner did in 14 local days, shown by one seed beside the mean over all.

use std::path::Path;

use crate::analysis::measure;
use crate::calendar::LocalClock;
use crate::domain::CONVERGED_BELOW;
use crate::learners::{BeliefScale, Card, Exploration};
use crate::report::beliefs::{Beliefs, Best, Point, State, belief_text, scale_name};
use crate::report::criteria::Evidence;
use crate::report::dates;
use crate::report::document::{Document, Report};
use crate::report::frame::{Frame, RunKey};
use crate::report::learned::{
    self, Learned, Record, exploration, exploration_note, learner, of_seeds,
};
use crate::report::number::{
    count, estimated, or_dash, percent, rounded, shown, signed, with_sign,
};
use crate::report::phases::{self, Period, Phases};
use crate::report::subject::{Subject, date_stamp};
use crate::report::table::TextTable;
use crate::results::ResultsError;
use crate::results::column::Table;
use crate::results::manifest::Manifest;
use crate::results::schema::ModelCurves;

/// The largest moves that are shown.
const MOST_MOVES: usize = 8;

/// What the reports are made from.
struct Tables<'a> {
    manifest: &'a Manifest,
    clock: &'a LocalClock,
    learned: &'a Learned,
    beliefs: &'a Beliefs,
    phases: &'a Phases<'a>,
    monitor: &'a Frame,
    answers: Frame,
}

/// One report in the making.
struct View<'a> {
    tables: &'a Tables<'a>,
    subject: &'a Subject<'a>,
    name: &'static str,
    card: &'static Card,
    record: Record<'a>,
    period: Period,
    /// The points at the period's start and at its end.
    points: Option<(Point<'a>, Point<'a>)>,
}

/// One report for every 14 local days of every subject that learns.
pub(super) fn reports(
    folder: &Path,
    evidence: &Evidence<'_>,
    learned: &Learned,
    beliefs: &Beliefs,
    phases: &Phases<'_>,
    subjects: &[Subject<'_>],
) -> Result<Vec<Report>, ResultsError> {
    let manifest = evidence.manifest;
    let served = ["model", "bin", "served_l1", "served_l2", "served_l3", "served_l4"];
    let tables = Tables {
        manifest,
        clock: &evidence.clock,
        learned,
        beliefs,
        phases,
        monitor: &evidence.monitor,
        answers: Frame::read(folder, &ModelCurves::DOC, &served)?,
    };
    let mut reports = Vec::new();
    for subject in subjects {
        let Some((name, card)) = learner(manifest, subject.variant) else { continue };
        let periods = tables.learned.periods(&subject.run);
        if periods.iter().all(|record| record.updates == 0.0) {
            continue;
        }
        let points = tables.beliefs.points(&subject.run);
        for record in periods {
            let period = Period::of(record.from_s, record.to_s, tables.clock);
            let held = |until: f64| points.iter().rev().find(|p| p.at_s <= until + 1e-6);
            let ends = held(record.from_s).or(points.first()).zip(held(record.to_s));
            let points = ends.map(|(from, to)| (from.clone(), to.clone()));
            let view = View { tables: &tables, subject, name, card, record, period, points };
            reports.push(view.report());
        }
    }
    Ok(reports)
}

impl View<'_> {
    fn report(&self) -> Report {
        let date = |day| self.tables.clock.date(day).to_string();
        let (first, last) = (date(self.period.first_day), date(self.period.last_day));
        let days = if first == last { first } else { format!("{first} to {last}") };
        let name = self.subject.name(self.tables.manifest);
        let mut document = Document::new(&format!("Learning report, {days}: {name}"));
        document.paragraph(&self.subject.why_this_seed(self.tables.manifest));
        document.list(self.in_short());
        self.metrics(&mut document);
        self.phases(&mut document);
        self.policy(&mut document);
        self.moves(&mut document);
        self.words(&mut document);
        Report {
            group: format!("Learning reports of {name}"),
            path: format!(
                "{}/{}-Learning-Report.md",
                self.subject.folder("learning"),
                date_stamp(&last)
            ),
            text: document.finish(),
        }
    }

    fn belief(&self, value: f64) -> String {
        belief_text(self.record.scale, value)
    }

    fn is_score(&self) -> bool {
        self.record.scale == BeliefScale::Score.name()
    }

    /// The period's own runs over all seeds.
    fn runs(&self) -> impl Iterator<Item = RunKey> {
        RunKey::of_seeds(self.tables.manifest, &self.subject.block.name, self.subject.variant)
    }

    fn records(&self) -> Vec<Record<'_>> {
        let of_period = |run| {
            let all = self.tables.learned.periods(&run);
            all.into_iter().find(|record| record.period == self.record.period)
        };
        self.runs().filter_map(of_period).collect()
    }

    /// What to know first.
    fn in_short(&self) -> Vec<String> {
        let mut lines = vec![self.trend(), self.convergence()];
        lines.push(self.decided());
        lines.push(self.ends_of_scale());
        lines.push(self.untouched());
        lines.push(exploration_note(self.card).to_owned());
        lines.retain(|line| !line.is_empty());
        lines
    }

    fn trend(&self) -> String {
        let points = |value| shown(value, measure::EFFICIENCY);
        let own = self.tables.phases.of_period(&self.subject.run, &self.period);
        let Some(own) = own.map(|thirds| thirds.efficiency) else { return String::new() };
        let mut text = format!(
            "Efficiency goes from {} points (early) to {} (late) on this seed",
            points(own[0]),
            points(own[2])
        );
        let disturbance = phases::disturbance(&self.disturbed());
        let seeds = self.thirds_of_seeds();
        if let Some((_, gain)) = phases::over_seeds(&seeds).filter(|_| seeds.len() > 1) {
            let verdict = match (gain.low > 0.0, gain.high < 0.0) {
                _ if !disturbance.is_empty() => "",
                (true, _) => ", a rise",
                (_, true) => ", a fall",
                _ => ", no change that the seeds agree on",
            };
            let gain_text = estimated(&gain, |v| signed(v, measure::EFFICIENCY));
            text.push_str(&format!(
                "; over {} seeds late less early is {gain_text} points{verdict}",
                gain.n
            ));
        }
        match disturbance.is_empty() {
            true => text + ".",
            false => format!("{text}. That is not learning alone: {disturbance}."),
        }
    }

    fn disturbed(&self) -> Vec<&'static str> {
        let phases = &self.tables.phases;
        let division = phases.division(&self.subject.run, &self.period, self.tables.clock);
        division.map_or_else(Vec::new, |division| {
            phases::disturbed(self.tables.manifest, self.subject.block, &division)
        })
    }

    fn thirds_of_seeds(&self) -> Vec<[f64; 3]> {
        let of_period = |run| self.tables.phases.of_period(&run, &self.period);
        self.runs().filter_map(of_period).map(|thirds| thirds.efficiency).collect()
    }

    fn convergence(&self) -> String {
        let change = |v: f64| rounded(v, 3);
        let Some(recent) = self.record.recent_change else {
            return "Fewer than 50 results, too few to speak of convergence.".to_owned();
        };
        let Some((update, at_s)) = self.record.converged else {
            return format!(
                "Not converged: over the last 50 results a belief still moves by {} on average (a scale of 1; converged is below {CONVERGED_BELOW}).",
                change(recent)
            );
        };
        let when = dates::local_time(self.tables.clock, at_s);
        let first = format!("Converged at result {} ({when})", count(update));
        match recent < CONVERGED_BELOW {
            true => format!("{first}, and still so at the end of the period: {}.", change(recent)),
            false => format!(
                "{first}, but not for good: over the last 50 results a belief again moves by {} on average (converged is below {CONVERGED_BELOW}).",
                change(recent)
            ),
        }
    }

    /// States of the period's end in which something happened.
    fn states(&self) -> Vec<&State<'_>> {
        let Some((_, last)) = &self.points else { return Vec::new() };
        let days = self.period.first_day..=self.period.last_day;
        let called: Vec<&str> = self
            .tables
            .monitor
            .rows(&self.subject.run)
            .filter(|row| days.contains(&(row.value("day") as u32)) && row.value("calls") > 0.0)
            .map(|row| row.text("level"))
            .collect();
        last.states.iter().filter(|s| s.level == "all" || called.contains(&s.level)).collect()
    }

    fn decided(&self) -> String {
        let states = self.states();
        if states.is_empty() {
            return "Beliefs were not recorded: the scenario has `record.scores = false`."
                .to_owned();
        }
        let n = states.len();
        let decided = |state: &&&State<'_>| matches!(state.best(), Some(Best::Decided { .. }));
        let open: Vec<String> =
            states.iter().filter(|state| !decided(state)).map(|state| state.name()).collect();
        let text = format!("Its beliefs name one best model in {} of {n} states", n - open.len());
        match open.len() {
            0 => text + ".",
            1..=4 => format!("{text}; undecided: {}.", open.join("; ")),
            k => format!("{text}; the other {k} are undecided."),
        }
    }

    /// What the ends of the scale do to scores.
    fn ends_of_scale(&self) -> String {
        if !self.is_score() {
            return String::new();
        }
        let states = self.states();
        let values: Vec<f64> =
            states.iter().flat_map(|s| s.beliefs.iter().map(|(_, belief)| *belief)).collect();
        let n = values.len();
        let high = values.iter().filter(|v| **v >= 100.0).count();
        let low = values.iter().filter(|v| **v <= 0.0).count();
        if high + low == 0 {
            return String::new();
        }
        let text = format!("Scores at 100 or above: {high} of {n}; at 0 or below: {low}");
        let alike = |is_there: fn(f64) -> bool| {
            let hits = |s: &&State<'_>| s.beliefs.iter().filter(|(_, v)| is_there(*v)).count();
            states.iter().any(|state| hits(state) > 1)
        };
        match alike(|v| v >= 100.0) || alike(|v| v <= 0.0) {
            true => format!(
                "{text}. Models at the same end look alike to the rule: do not read its scores as a ranking."
            ),
            false => text + ".",
        }
    }

    /// Beliefs that nothing has moved.
    fn untouched(&self) -> String {
        let Some((first, last)) = &self.points else { return String::new() };
        let names: Vec<String> = self.states().iter().map(|state| state.name()).collect();
        let moves: Vec<_> =
            last.moves_from(first).into_iter().filter(|m| names.contains(&m.state)).collect();
        let still = moves.iter().filter(|m| m.change() == Some(0.0)).count();
        match still {
            0 => String::new(),
            _ => format!(
                "Beliefs that have not moved in the period: {still} of {}; it has learned nothing new of those models there.",
                moves.len()
            ),
        }
    }

    fn metrics(&self, document: &mut Document) {
        document.section("Learning metrics");
        document.paragraph(&format!("`{}`: {}", self.name, self.card.summary));
        let records = self.records();
        let n = records.len();
        let mut header = vec!["figure".to_owned(), format!("seed {}", self.subject.run.seed)];
        if n > 1 {
            header.push(format!("mean over {n} seeds [95 %]"));
        }
        let mut table = TextTable::new(header);
        let mut add = |name: &str, own: String, all: String| {
            let mut row = vec![name.to_owned(), own];
            if n > 1 {
                row.push(all);
            }
            table.push(row);
        };
        let explored = self.card.exploration != Exploration::Never;
        for figure in FIGURES {
            let show = |value: f64| (figure.show)(self, value);
            let own = or_dash((figure.of)(&self.record), show);
            let seeds = learned::over_seeds(records.iter().map(figure.of));
            add(figure.name, own, seeds.map_or_else(|| "-".to_owned(), |e| estimated(&e, show)));
            if figure.name == CHOICES {
                let own = exploration(self.card, self.record.choices, self.record.explored);
                let share = |r: &Record<'_>| (r.choices > 0.0).then(|| r.explored / r.choices);
                let seeds = learned::over_seeds(records.iter().map(share)).filter(|_| explored);
                let show = |v| percent(v, 1);
                add("of them explored", own.clone(), seeds.map_or(own, |e| estimated(&e, show)));
            }
        }
        let converged: Vec<f64> = records.iter().filter_map(|r| r.converged).map(|c| c.0).collect();
        let own = self.record.converged.map_or_else(
            || "never".to_owned(),
            |(update, at_s)| {
                format!("result {}, {}", count(update), dates::local_time(self.tables.clock, at_s))
            },
        );
        let hits = of_seeds(converged.len(), n);
        let all = match learned::median(converged) {
            None => hits,
            Some(median) => format!("{hits}, median result {}", count(median)),
        };
        add("first below 0.01", own, all);
        let still =
            |r: &&Record<'_>| r.recent_change.is_some_and(|change| change < CONVERGED_BELOW);
        let own = match self.record.recent_change {
            None => "-",
            Some(_) if still(&&self.record) => "yes",
            Some(_) => "no",
        };
        add(
            "below 0.01 at the end",
            own.to_owned(),
            of_seeds(records.iter().filter(still).count(), n),
        );
        document.table(&table);
        document.paragraph(self.reward_note());
    }

    fn reward_note(&self) -> &'static str {
        match self.name.starts_with("stage4_") {
            true => {
                "The reward is what the stack feeds its learner; this one, as in the plan, goes by outcome and quality instead."
            }
            false => "",
        }
    }

    fn phases(&self, document: &mut Document) {
        let points = |value| shown(value, measure::EFFICIENCY);
        let phases = &self.tables.phases;
        let division = phases.division(&self.subject.run, &self.period, self.tables.clock);
        let own = phases.of_period(&self.subject.run, &self.period);
        document.section("Early, middle, late");
        let (Some(division), Some(own)) = (division, own) else {
            document.paragraph("Too few tasks to divide the period by.");
            return;
        };
        document.paragraph(&format!(
            "Mean headline efficiency of a task by its arrival, points of 100, from the table `{}` ({}).",
            division.table,
            phases::covers(&division)
        ));
        let header = ["runs", "early", "middle", "late", "late less early"];
        let mut table = TextTable::new(header);
        let [early, middle, late] = own.efficiency;
        let mut row = vec![format!("seed {}", self.subject.run.seed)];
        row.extend([early, middle, late].map(points));
        row.push(signed(late - early, measure::EFFICIENCY));
        table.push(row);
        let seeds = self.thirds_of_seeds();
        if let Some((thirds, gain)) = phases::over_seeds(&seeds).filter(|_| seeds.len() > 1) {
            let mut row = vec![format!("mean over {} seeds [95 %]", gain.n)];
            row.extend(thirds.map(|e| estimated(&e, points)));
            row.push(estimated(&gain, |v| signed(v, measure::EFFICIENCY)));
            table.push(row);
        }
        document.table(&table);
    }

    /// Answers of a state's level within the period, by model in the manifest's order; nothing where the state is a part of
    /// a level.
    fn answers(&self, state: &State<'_>) -> Option<Vec<f64>> {
        if state.time_of_day != "any" || !state.task_type.is_empty() {
            return None;
        }
        let columns: Vec<String> = match state.level {
            "all" => ["l1", "l2", "l3", "l4"].map(|level| format!("served_{level}")).to_vec(),
            level => vec![format!("served_{}", level.to_lowercase())],
        };
        let models = &self.tables.manifest.models;
        let bins = self.tables.phases.bins(&self.subject.run, &self.period);
        let mut sums = vec![0.0; models.len()];
        for row in self.tables.answers.rows(&self.subject.run) {
            if !bins.contains(&(row.value("bin") as u64)) {
                continue;
            }
            if let Some(at) = models.iter().position(|model| model == row.text("model")) {
                sums[at] += columns.iter().map(|column| row.value(column)).sum::<f64>();
            }
        }
        Some(sums)
    }

    fn policy(&self, document: &mut Document) {
        let Some((_, last)) = &self.points else { return };
        document.section("Best model by belief");
        let states = self.states();
        let has_shares = states.iter().any(|state| self.answers(state).is_some());
        let header = ["state", "best model", "runner-up", "belief", "runner-up's", "gap"];
        let share = has_shares.then_some("best model's share of answers");
        let mut table = TextTable::with_texts(header.into_iter().chain(share), 3);
        let mut silent = Vec::new();
        for state in &states {
            match self.policy_row(state) {
                None => silent.push(state.name()),
                Some(mut row) => {
                    row.truncate(header.len() + usize::from(has_shares));
                    table.push(row);
                }
            }
        }
        document.paragraph(&format!(
            "The largest belief ({}) of each state at {}. Which model is called follows from it only where the learner may choose freely: quota, breaker, retries, fallbacks and exploration decide the rest.",
            scale_name(self.record.scale),
            dates::local_time(self.tables.clock, last.at_s)
        ));
        document.table(&table);
        if !silent.is_empty() {
            document.paragraph(&format!("No opinion, all models alike: {}.", silent.join("; ")));
        }
        let left_out: Vec<&str> = ["L1", "L2", "L3", "L4"]
            .into_iter()
            .filter(|level| {
                last.states.iter().any(|s| s.level == *level)
                    && !states.iter().any(|s| s.level == *level)
            })
            .collect();
        if !left_out.is_empty() {
            document
                .paragraph(&format!("Left out, no call in the period: {}.", left_out.join(", ")));
        }
    }

    /// A state's best model, its runner-up and their beliefs; `None` where all models are alike.
    fn policy_row(&self, state: &State<'_>) -> Option<Vec<String>> {
        let (model, belief, next) = match state.best()? {
            Best::Tied { models, .. } if models.len() == state.beliefs.len() => return None,
            Best::Tied { models, belief } => {
                let names = format!("undecided: {}", models.join(", "));
                let [belief, gap] = [belief, 0.0].map(|v| self.belief(v));
                let none = "-".to_owned();
                return Some(vec![
                    state.name(),
                    names,
                    none.clone(),
                    belief.clone(),
                    belief,
                    gap,
                    none,
                ]);
            }
            Best::Decided { model, belief, next } => (model, belief, next),
        };
        let share = self.answers(state).and_then(|sums| {
            let all: f64 = sums.iter().sum();
            let at = self.tables.manifest.models.iter().position(|name| name == model)?;
            (all > 0.0).then(|| sums[at] / all)
        });
        Some(vec![
            state.name(),
            model.to_owned(),
            next.map_or_else(|| "-".to_owned(), |(name, _)| name.to_owned()),
            self.belief(belief),
            or_dash(next.map(|(_, value)| value), |v| self.belief(v)),
            or_dash(next.map(|(_, value)| belief - value), |v| self.belief(v)),
            or_dash(share, |v| percent(v, 0)),
        ])
    }

    fn moves(&self, document: &mut Document) {
        let Some((first, last)) = &self.points else { return };
        if first.at_s >= last.at_s {
            return;
        }
        let time = |at_s| dates::local_time(self.tables.clock, at_s);
        document.section("What changed");
        let moves = last.moves_from(first);
        let still = moves.iter().filter(|m| m.change() == Some(0.0)).count();
        let new = moves.iter().filter(|m| m.from.is_none()).count();
        let (from, to) = (time(first.at_s), time(last.at_s));
        let span = match from == to {
            true => format!("Within the minute of {to}"),
            false => format!("From {from} to {to}"),
        };
        let mut text = format!("{span}: {still} of {} beliefs are where they were", moves.len());
        if new > 0 {
            text.push_str(&format!(", {new} are of models not tried before"));
        }
        let mut moved: Vec<_> =
            moves.iter().filter_map(|m| Some((m, m.change().filter(|c| *c != 0.0)?))).collect();
        moved.sort_by(|(_, a), (_, b)| b.abs().total_cmp(&a.abs()));
        let mut table = TextTable::with_texts(["state", "model", "from", "to", "change"], 2);
        for (own, change) in moved.into_iter().take(MOST_MOVES) {
            table.push(vec![
                own.state.clone(),
                own.model.to_owned(),
                or_dash(own.from, |v| self.belief(v)),
                self.belief(own.to),
                with_sign(&self.belief(change)),
            ]);
        }
        let lead = if table.is_empty() { "." } else { ". The largest moves:" };
        document.paragraph(&(text + lead));
        document.table(&table);
    }

    fn words(&self, document: &mut Document) {
        document.section("What the words mean");
        let mut lines = vec![
            format!("Belief: {}. Mean and spread are over all states and models, those never met too.", scale_name(self.record.scale)),
            "Choices: calls whose model the learner chose and that ended. Results: all calls that it learned from, fallbacks and retries too.".to_owned(),
            "Converged: the mean absolute change of a belief over the last 50 results is below 0.01 on a scale of 1 (scores as shares of 100, action values as they are). Result 50 is the first at which it can be. A learner with a constant step falls below it by chance and leaves it again; a running mean always gets there, right or wrong.".to_owned(),
            format!("Where `{}` fails: {}", self.name, self.card.fails),
        ];
        if self.card.keeps_hours {
            lines.push("Quarters of the day: night 00-06, morning 06-12, afternoon 12-18, evening 18-24, local time.".to_owned());
        }
        document.list(lines);
    }
}

const CHOICES: &str = "choices, calls";

/// A row of the table of figures.
struct Figure {
    name: &'static str,
    of: fn(&Record<'_>) -> Option<f64>,
    show: fn(&View<'_>, f64) -> String,
}

const FIGURES: [Figure; 9] = [
    Figure { name: "beliefs, mean", of: |r| r.belief_mean, show: |view, v| view.belief(v) },
    Figure {
        name: "beliefs, standard deviation",
        of: |r| r.belief_sd,
        show: |view, v| view.belief(v),
    },
    Figure { name: CHOICES, of: |r| Some(r.choices), show: |_, v| count(v) },
    Figure { name: "results taken in", of: |r| Some(r.updates), show: |_, v| count(v) },
    Figure { name: "reward fed, mean", of: |r| r.reward[0], show: |_, v| rounded(v, 3) },
    Figure {
        name: "reward fed, standard deviation",
        of: |r| r.reward[1],
        show: |_, v| rounded(v, 3),
    },
    Figure { name: "reward fed, smallest", of: |r| r.reward[2], show: |_, v| rounded(v, 3) },
    Figure { name: "reward fed, largest", of: |r| r.reward[3], show: |_, v| rounded(v, 3) },
    Figure {
        name: "mean change of a belief, last 50 results",
        of: |r| r.recent_change,
        show: |_, v| rounded(v, 3),
    },
];
