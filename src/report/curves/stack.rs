//! Charts of stacks: availability, quotas, shares of models, beliefs.

use crate::analysis::interval::{binomial_interval, mean_over_seeds};
use crate::report::belief_chart::Shown;
use crate::report::beliefs::Beliefs;
use crate::report::charts::{
    AreaChart, AreaPanel, Bar, BarChart, Line, LineChart, Model, Panel, Point, Slice,
    SmallMultiples,
};
use crate::report::curves::tables::ModelPoint;
use crate::report::curves::view::{Around, View};
use crate::report::learned::learner;
use crate::report::subject::Subject;
use crate::units::Level;

/// Availability that a service is commonly held to, in percent.
const GOAL: f64 = 99.0;
/// Models that a chart of areas tells apart; more are drawn as one.
const MOST_AREAS: usize = 16;

impl View<'_> {
    pub(super) fn availability(&self) -> LineChart {
        let lines = (0..self.curves.len()).map(|variant| {
            let shares = self.each(variant, |curve, at| {
                (curve[at].tasks > 0.0).then(|| 100.0 * curve[at].in_time / curve[at].tasks)
            });
            let around = Around::EachPoint { is_proportion: false };
            let mut line = self.line(variant, &self.places(false), &shares, around);
            let sums = (0..self.n_points()).map(|at| {
                let points = self.curves[variant].iter().filter_map(|curve| curve.get(at));
                points.fold((0.0, 0.0), |sum, p| (sum.0 + p.in_time, sum.1 + p.tasks))
            });
            for (point, (in_time, tasks)) in
                line.points.iter_mut().zip(sums.filter(|(_, tasks)| *tasks > 0.0))
            {
                // Where all seeds agree, they say nothing of their spread: the tasks of all seeds together bound it.
                if in_time == tasks || in_time == 0.0 {
                    let (low, high) = binomial_interval(in_time as u64, tasks as u64);
                    (point.low, point.high) = (100.0 * low, 100.0 * high);
                }
                (point.low, point.high) = (point.low.max(0.0), point.high.min(100.0));
            }
            line
        });
        let lines = lines.collect();
        let mut chart = LineChart::availability("", Vec::new(), self.windows(None), GOAL);
        let what = "band = 95 % interval of each point (t; binomial where all seeds agree)";
        self.fill(&mut chart, what, lines);
        chart.x_axis = self.progress();
        chart
    }

    pub(super) fn model_points(
        &self,
        variant: &str,
        model: &str,
    ) -> impl Iterator<Item = (u64, &ModelPoint)> {
        let from = (self.block.name.clone(), variant.to_owned(), model.to_owned(), 0);
        let to = (from.0.clone(), from.1.clone(), from.2.clone(), u64::MAX);
        self.tables.models.range(from..=to).map(|(key, point)| (key.3, point))
    }

    /// Panels of the models that have a quota; `None` if there is none.
    pub(super) fn token_use(&self) -> Option<SmallMultiples> {
        let mut panels = Vec::new();
        for model in self.models() {
            let mut lines = Vec::new();
            for variant in self.told_apart() {
                let name = &self.manifest.variants[variant];
                let points = self.model_points(name, model).filter_map(|(bin, point)| {
                    let values: Vec<f64> = point.used_share.iter().copied().flatten().collect();
                    let mean = mean_over_seeds(&values, false)?.mean;
                    Some(Point::exact(self.place(bin as usize, true), 100.0 * mean))
                });
                let points: Vec<Point> = points.collect();
                if !points.is_empty() {
                    lines.push(Line { name: name.clone(), colour: variant, points });
                }
            }
            if !lines.is_empty() {
                let windows = self.windows(Some(model));
                panels.push(Panel { model: model.clone(), lines, windows });
            }
        }
        if panels.is_empty() {
            return None;
        }
        let subtitle = self.subtitle("as the provider counts") + &self.colours();
        let mut chart = SmallMultiples::quota_use(&subtitle, panels);
        chart.x_axis = self.progress();
        Some(chart)
    }

    /// What a subject's learner held over time; `None` where none decides, or nothing moved.
    pub(super) fn beliefs(
        &self,
        beliefs: &Beliefs,
        subject: &Subject<'_>,
    ) -> Option<SmallMultiples> {
        let points = beliefs.points(&subject.run);
        let (_, card) = learner(self.manifest, subject.variant)?;
        let shown = Shown {
            variant: subject.variant,
            scale: card.belief,
            points: &points,
            models: self.models(),
            windows: self.windows(None),
        };
        let subtitle = self.about(&format!("seed {} alone", subject.run.seed));
        shown.chart(&subtitle, self.progress(), |point| {
            point.bin.map_or(0.0, |bin| self.place(bin as usize, true))
        })
    }

    pub(super) fn model_share(&self) -> BarChart {
        let names = self.models();
        let models = names
            .iter()
            .enumerate()
            .map(|(colour, name)| Model { name: name.clone(), colour })
            .collect();
        let calls = |variant: &str, model: &str| -> f64 {
            self.model_points(variant, model).map(|(_, point)| point.calls).sum()
        };
        let bars = self.manifest.variants.iter().map(|variant| {
            let counts: Vec<f64> = names.iter().map(|model| calls(variant, model)).collect();
            Bar::from_counts(variant, &counts)
        });
        let bars = bars.collect();
        let what = format!("{}, {}", self.what_is_shared(), self.seeds_together());
        let mut chart = BarChart::model_share(&self.about(&what), models, bars);
        chart.label = format!("Share of {}", self.what_is_shared());
        if self.is_bandit() {
            chart.title = "Arm share".to_owned();
        }
        chart
    }

    fn what_is_shared(&self) -> &'static str {
        if self.is_bandit() { "rounds played" } else { "calls made" }
    }

    fn seeds_together(&self) -> String {
        match self.manifest.seeds.len() {
            1 => "one seed".to_owned(),
            n => format!("all {n} seeds together"),
        }
    }

    /// Which models answered at which level over time; `None` where nothing was answered.
    pub(super) fn shares_over_time(&self, variant: &str) -> Option<AreaChart> {
        let counts: Vec<Vec<[f64; 4]>> = self
            .models()
            .iter()
            .map(|model| {
                let mut counts = vec![[0.0; 4]; self.n_points()];
                for (bin, point) in self.model_points(variant, model) {
                    if let Some(own) = counts.get_mut(bin as usize) {
                        *own = point.served;
                    }
                }
                counts
            })
            .collect();
        let total = |model: &usize| counts[*model].iter().flatten().sum::<f64>();
        let mut used: Vec<usize> = (0..counts.len()).filter(|model| total(model) > 0.0).collect();
        used.sort_by(|a, b| total(b).total_cmp(&total(a)).then(a.cmp(b)));
        // Colours repeat after so many, so only those of the models that have one are told apart.
        let has_colour = |model: &usize| *model < MOST_AREAS;
        let (mut alone, rest): (Vec<usize>, Vec<usize>) = if counts.len() <= MOST_AREAS {
            (used, Vec::new())
        } else {
            used.into_iter().partition(has_colour)
        };
        alone.sort_unstable();
        let mut groups: Vec<Vec<usize>> = alone.iter().map(|model| vec![*model]).collect();
        let mut models: Vec<Model> = alone
            .iter()
            .map(|model| Model { name: self.models()[*model].clone(), colour: *model })
            .collect();
        if !rest.is_empty() {
            models.push(Model { name: format!("{} others", rest.len()), colour: Model::REST });
            groups.push(rest);
        }
        let slices = |level: usize| -> Vec<Slice> {
            (0..self.n_points())
                .filter_map(|bin| {
                    let sum = |group: &Vec<usize>| -> f64 {
                        group.iter().map(|model| counts[*model][bin][level]).sum()
                    };
                    let all: f64 = groups.iter().map(sum).sum();
                    let share = |group| 100.0 * sum(group) / all;
                    let shares = || groups.iter().map(share).collect();
                    (all > 0.0).then(|| Slice { x: self.place(bin, false), shares: shares() })
                })
                .collect()
        };
        let panels = Level::ALL.into_iter().enumerate().filter_map(|(at, level)| {
            let slices = slices(at);
            let name = match self.is_bandit() {
                true => String::new(),
                false => format!("{level} {}", level.label()),
            };
            (slices.len() > 1).then_some(AreaPanel { name, slices })
        });
        let panels: Vec<AreaPanel> = panels.collect();
        let what = if self.is_bandit() { "rounds played" } else { "steps answered" };
        (!panels.is_empty()).then(|| AreaChart {
            title: format!(
                "{} of {variant} over time",
                if self.is_bandit() { "Arm share" } else { "Model share" }
            ),
            subtitle: self.about(&format!("{what}, {}", self.seeds_together())),
            x_axis: self.progress(),
            label: format!("Share of {what}"),
            models,
            panels,
            marks: self.changes(),
        })
    }
}
