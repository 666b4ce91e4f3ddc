//! The chart of one run on a time axis: tasks, breakers, calls, quotas and faults.

use crate::domain::{BreakerState, Gates};
use crate::report::charts::{Axis, CallBin, Gate, Strip, TaskBin, TimelineChart, Window};
use crate::report::curves::tables::Change;
use crate::report::curves::view::View;

/// Bars that fit beside each other; points of curves are put together until no more are left.
const MOST_BARS: usize = 144;
/// Models that have a strip, those with the most calls; the chart says how many more there are.
const MOST_STRIPS: usize = 24;

impl View<'_> {
    /// What happened in the run of the first seed; `None` where there is no time, or neither fault nor breaker to see.
    pub(super) fn timeline(&self, variant: &str) -> Option<TimelineChart> {
        let at = self.manifest.variants.iter().position(|name| name == variant)?;
        let end = self.manifest.end_s?;
        if self.is_bandit() || !self.is_by_time() || self.n_points() == 0 {
            return None;
        }
        let run = (self.block.name.clone(), variant.to_owned());
        let changes = self.tables.first_seed.breakers.get(&run).map_or(&[][..], Vec::as_slice);
        let faults = self.met_by_first_seed(None, end);
        if changes.is_empty() && faults.is_empty() {
            return None;
        }
        let each = self.n_points().div_ceil(MOST_BARS);
        let curve = self.curves[at].first()?;
        let bins: Vec<(usize, usize)> = (0..curve.len())
            .step_by(each)
            .map(|from| (from, (from + each).min(curve.len())))
            .collect();
        let ends = |(from, to): (usize, usize)| (self.hours(from).0, self.hours(to - 1).1);
        let tasks: Vec<TaskBin> = bins
            .iter()
            .map(|bin| {
                let mut counts = [0.0; 7];
                for point in &curve[bin.0..bin.1] {
                    counts[0] += point.in_time;
                    counts[1..].iter_mut().zip(point.others).for_each(|(sum, n)| *sum += n);
                }
                let (from, to) = ends(*bin);
                TaskBin { from, to, counts }
            })
            .collect();
        let mut strips: Vec<Strip> = self
            .models()
            .iter()
            .map(|model| {
                let mut calls: Vec<CallBin> = bins
                    .iter()
                    .map(|bin| {
                        let (from, to) = ends(*bin);
                        CallBin { from, to, calls: 0.0, answered: 0.0, quota: None }
                    })
                    .collect();
                for (nth, point) in self.model_points(variant, model) {
                    if let Some(own) = calls.get_mut(nth as usize / each) {
                        own.calls += point.of_first_seed[0];
                        own.answered += point.of_first_seed[1];
                        own.quota = point.used_share.first().copied().flatten();
                    }
                }
                let own = changes.iter().filter(|change| change.model == *model);
                Strip {
                    model: model.clone(),
                    gates: gates(own, end / 3600.0),
                    calls,
                    windows: self.met_by_first_seed(Some(model), end),
                }
            })
            .collect();
        let left_out = keep_what_shows(&mut strips);
        let (from, to) = (self.hours(0).0, self.hours(self.n_points() - 1).1);
        let seed = self.manifest.seeds.first()?;
        let minutes = tasks.first().map_or(0.0, |bin| 60.0 * (bin.to - bin.from));
        Some(TimelineChart {
            title: format!("What happened to {variant}"),
            subtitle: self.about(&format!("seed {seed} alone{left_out}")),
            x_axis: Axis { zero: false, ..Axis::hours() },
            span: (from, to),
            label: format!("Tasks per {}", width(minutes)),
            tasks,
            windows: faults,
            strips,
        })
    }

    /// Both ends of a point in hours.
    fn hours(&self, bin: usize) -> (f64, f64) {
        let to = self.place(bin, true);
        let middle = self.place(bin, false);
        (2.0 * middle - to, to)
    }

    /// The faults that the first seed met, in hours, each once; those of one model if asked.
    fn met_by_first_seed(&self, model: Option<&str>, end: f64) -> Vec<Window> {
        let met = self.tables.first_seed.met.iter().filter(|met| met.block == self.block.name);
        let mut windows: Vec<Window> = Vec::new();
        for met in met.filter(|met| model.is_none_or(|model| met.model == model)) {
            let (from, to) = (met.from_s / 3600.0, met.to_s.unwrap_or(end).min(end) / 3600.0);
            let window = Window { label: met.name.clone(), from, to };
            if from < to && !windows.contains(&window) {
                windows.push(window);
            }
        }
        windows
    }
}

/// When a model's breakers were not all closed, in hours, out of their changes in order of time.
fn gates<'a>(changes: impl Iterator<Item = &'a Change>, end: f64) -> Vec<(f64, f64, Gate)> {
    let mut spans = Vec::new();
    let (mut gates, mut shown, mut since) = (Gates::default(), None, 0.0);
    for change in changes {
        gates.change(change.from, change.to);
        let next = match gates.state() {
            BreakerState::Open => Some(Gate::Open),
            BreakerState::HalfOpen => Some(Gate::HalfOpen),
            BreakerState::Closed => None,
        };
        let at = change.at_s / 3600.0;
        if next != shown {
            spans.extend(shown.map(|gate| (since, at, gate)));
            (shown, since) = (next, at);
        }
    }
    spans.extend(shown.map(|gate| (since, end.max(since), gate)));
    spans
}

/// Leaves out the strips of models that got no call and met neither fault nor breaker, and of many others those with the
/// fewest calls; says how many of each.
fn keep_what_shows(strips: &mut Vec<Strip>) -> String {
    let models = |n: usize| if n == 1 { "model" } else { "models" };
    let n_all = strips.len();
    strips.retain(|strip| {
        calls_to(strip) > 0.0 || !strip.windows.is_empty() || !strip.gates.is_empty()
    });
    let n_shown = strips.len();
    let mut text = match n_all - n_shown {
        0 => String::new(),
        n => format!("; {n} {} without calls left out", models(n)),
    };
    keep_busiest(strips);
    if let n @ 1.. = n_shown - strips.len() {
        text += &format!("; {n} more {} not shown", models(n));
    }
    text
}

fn calls_to(strip: &Strip) -> f64 {
    strip.calls.iter().map(|bin| bin.calls).sum()
}

/// Of many strips those with the most calls, in their order.
fn keep_busiest(strips: &mut Vec<Strip>) {
    if strips.len() <= MOST_STRIPS {
        return;
    }
    let mut order: Vec<(usize, f64)> = strips.iter().map(calls_to).enumerate().collect();
    order.sort_by(|one, other| other.1.total_cmp(&one.1));
    let kept: Vec<usize> = order[..MOST_STRIPS].iter().map(|(at, _)| *at).collect();
    let mut at = 0;
    strips.retain(|_| {
        at += 1;
        kept.contains(&(at - 1))
    });
}

/// A span of minutes as people say it.
fn width(minutes: f64) -> String {
    let (value, unit) = match minutes {
        _ if minutes < 1.0 => (60.0 * minutes, "s"),
        _ if minutes < 120.0 => (minutes, "min"),
        _ => (minutes / 60.0, "h"),
    };
    let rounded = (10.0 * value).round() / 10.0;
    format!("{rounded} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breaker_that_is_open_at_the_end_stays_so() {
        use BreakerState::{Closed, HalfOpen, Open};
        let change = |at, from, to| Change { model: "m".to_owned(), at_s: 3600.0 * at, from, to };
        // The second instance opens before the first closes, and half-opens and closes after it.
        let changes = [
            change(1.0, Closed, Open),
            change(1.5, Closed, Open),
            change(2.0, Open, HalfOpen),
            change(2.5, HalfOpen, Closed),
            change(3.0, Open, HalfOpen),
            change(4.0, HalfOpen, Closed),
            change(5.0, Closed, Open),
        ];
        assert_eq!(
            gates(changes.iter(), 6.0),
            [(1.0, 3.0, Gate::Open), (3.0, 4.0, Gate::HalfOpen), (5.0, 6.0, Gate::Open)]
        );
    }

    #[test]
    fn models_that_nothing_happens_to_have_no_strip() {
        let strip = |nth: usize, calls: f64, is_hit: bool| Strip {
            model: format!("m{nth}"),
            gates: Vec::new(),
            calls: vec![CallBin { from: 0.0, to: 1.0, calls, answered: 0.0, quota: Some(0.5) }],
            windows: vec![
                Window { label: "fault".to_owned(), from: 0.0, to: 1.0 };
                usize::from(is_hit)
            ],
        };
        let kept = |mut strips: Vec<Strip>| {
            let text = keep_what_shows(&mut strips);
            (strips.into_iter().map(|strip| strip.model).collect::<Vec<_>>(), text)
        };
        let (names, text) = kept(vec![
            strip(0, 0.0, false),
            strip(1, 0.0, true),
            strip(2, 3.0, false),
            strip(3, 0.0, false),
        ]);
        assert_eq!(names, ["m1", "m2"]);
        assert_eq!(text, "; 2 models without calls left out");
        assert_eq!(kept(vec![strip(0, 1.0, false)]).1, "");
        let (names, text) = kept((0..27).map(|nth| strip(nth, nth as f64, false)).collect());
        assert_eq!(names.len(), MOST_STRIPS);
        assert_eq!(text, "; 1 model without calls left out; 2 more models not shown");
    }

    #[test]
    fn widths_are_said_in_their_unit() {
        assert_eq!([0.5, 10.0, 7.2, 240.0].map(width), ["30 s", "10 min", "7.2 min", "4 h"]);
    }
}
