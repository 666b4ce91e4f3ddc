//! A run on one time axis: what became of its tasks, and a strip for each model with its breaker, calls, quota and faults.

use super::fault;
use super::legend::{self, Entry, Sample};
use super::plot::{self, Plot};
use super::scene::{Anchor, Frame, Scene};
use super::series::{self, Window};
use super::theme::{self, Colour};
use super::typeface;
use super::{Axis, ChartError, Rendered};

/// The height of the plot of tasks in pixels.
const TASKS_HEIGHT: f64 = 150.0;
/// The height of the line above the strips in pixels.
const HEAD: f64 = 30.0;
/// The distance from one strip to the next in pixels.
const PITCH: f64 = 40.0;
/// The height of the breaker's bar within a strip in pixels.
const BREAKER: f64 = 10.0;
/// The height of the calls within a strip in pixels.
const CALLS: f64 = 22.0;
/// The widest name of a model in pixels; longer names are shortened.
const WIDEST_NAME: f64 = 140.0;
/// The narrowest stretch of a breaker's state in pixels: half a minute within a day has to be seen.
const NARROWEST: f64 = 1.6;

/// The share of a quota from which on its line is drawn.
const LEAST_QUOTA: f64 = 0.1;

/// What became of tasks, from bottom to top: name, colour, hatched or not.
const ENDINGS: [(&str, Colour, bool); 7] = [
    ("answered in time", (186, 208, 232), false),
    ("answered late", (240, 184, 104), false),
    ("wrong answer", (126, 84, 144), false),
    ("error", (188, 70, 8), false),
    ("timeout", (0, 58, 134), false),
    ("refused", (96, 14, 44), true),
    ("no call made", (26, 26, 26), false),
];
const ANSWERED: Colour = (132, 176, 150);
const NOT_ANSWERED: Colour = (120, 44, 10);
const OPEN: Colour = (176, 20, 30);
const HALF_OPEN: Colour = (250, 214, 120);
const CLOSED: Colour = (150, 150, 150);

/// State of a breaker within a strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// It refuses calls: a solid bar.
    Open,
    /// It lets some pass on probation: a lower, hatched bar.
    HalfOpen,
}

/// Tasks that arrived within a span of time.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskBin {
    /// Its start on the horizontal axis.
    pub from: f64,
    /// Its end.
    pub to: f64,
    /// Tasks by what became of them: in time, late, wrong, error, timeout, refused, no call made.
    pub counts: [f64; 7],
}

/// Calls to a model by tasks that arrived within a span of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CallBin {
    /// Its start on the horizontal axis.
    pub from: f64,
    /// Its end.
    pub to: f64,
    /// Calls.
    pub calls: f64,
    /// Of them, answered.
    pub answered: f64,
    /// Share of the daily quota used at its end, where there is one: 1 is all of it.
    pub quota: Option<f64>,
}

/// What a model went through.
#[derive(Clone, Debug, PartialEq)]
pub struct Strip {
    /// The model's name.
    pub model: String,
    /// When its breaker was not closed: start, end, state.
    pub gates: Vec<(f64, f64, Gate)>,
    /// Calls to it.
    pub calls: Vec<CallBin>,
    /// Faults that hit it.
    pub windows: Vec<Window>,
}

/// A run on one time axis.
#[derive(Clone, Debug, PartialEq)]
pub struct TimelineChart {
    /// The title, in two lines at most.
    pub title: String,
    /// A small line below the title.
    pub subtitle: String,
    /// The axis of time.
    pub x_axis: Axis,
    /// Both ends of it.
    pub span: (f64, f64),
    /// What a bar of tasks is, such as "Tasks per 10 min".
    pub label: String,
    /// The tasks from left to right.
    pub tasks: Vec<TaskBin>,
    /// The faults of all models, each once.
    pub windows: Vec<Window>,
    /// The models from top to bottom.
    pub strips: Vec<Strip>,
}

impl TimelineChart {
    /// Draws the chart.
    ///
    /// # Errors
    ///
    /// Returns an error when a number cannot be drawn, or a fault window is upside down.
    pub fn render(&self) -> Result<Rendered, ChartError> {
        self.scene()?.render()
    }

    fn check(&self) -> Result<(), ChartError> {
        series::check(&[], &self.windows, &[])?;
        let number = |value: f64, what: &str| {
            series::check_number(value, || format!("{what} of '{}'", self.title))
        };
        for bin in &self.tasks {
            for value in bin.counts.iter().chain([&bin.from, &bin.to]) {
                number(*value, "a bar of tasks")?;
            }
        }
        for strip in &self.strips {
            series::check(&[], &strip.windows, &[])?;
            for bin in &strip.calls {
                let quota = bin.quota.unwrap_or(0.0);
                for value in [bin.from, bin.to, bin.calls, bin.answered, quota] {
                    number(value, "a bar of calls")?;
                }
            }
            for (from, to, _) in &strip.gates {
                number(*from, "a breaker's state")?;
                number(*to, "a breaker's state")?;
            }
        }
        Ok(())
    }

    fn scene(&self) -> Result<Scene, ChartError> {
        self.check()?;
        let mut scene = Scene::new(&self.title);
        let top = scene.heading(&self.title, &self.subtitle);
        let most = self.tasks.iter().map(|bin| bin.counts.iter().sum()).fold(1.0, f64::max);
        let up = Axis::new(&self.label, "").from_zero().scale(Some((0.0, most)), 4, true);
        let name_width = |name: &str| {
            typeface::width(&typeface::one_line(name), theme::TEXT_SIZE) * typeface::SLACK
        };
        let names = self.strips.iter().map(|strip| name_width(&strip.model)).fold(0.0, f64::max);
        let room = (plot::LABEL_ROOM + plot::widest_tick(&up)).max(names.min(WIDEST_NAME));
        let left = (theme::MARGIN + room + 10.0).round();
        let right = scene.width - theme::MARGIN - 6.0;
        let across = plot::scale_across(&self.x_axis, Some(self.span), right - left);
        let faults = fault::stretches(&self.windows, |value| across.part(value), left, right);
        let lanes = fault::lanes(&faults, left, right);
        let top = (top + lanes.height()).round();
        let frame = Frame { left, top, right, bottom: top + TASKS_HEIGHT };
        let strips = Frame { top: frame.bottom + HEAD, ..frame };
        let strips = Frame { bottom: strips.top + self.strips.len() as f64 * PITCH, ..strips };
        for (value, _) in &across.ticks {
            let x = (left + across.part(*value) * (right - left)).round();
            scene.rule((x, frame.top), (x, strips.bottom), theme::GRID);
        }
        lanes.draw(&mut scene, right, top);
        fault::shade(&mut scene, &faults, frame.top, frame.bottom);
        let tasks = Plot { frame, across: &across, up: &up };
        tasks.draw_grid(&mut scene, true);
        self.draw_tasks(&mut scene, &tasks);
        tasks.draw_base(&mut scene, false);
        plot::label_up(&mut scene, &up.title, frame);

        let most = self.strips.iter().flat_map(|strip| &strip.calls);
        let most = most.map(|bin| bin.calls).fold(1.0, f64::max);
        let head = format!(
            "Models: breaker above, calls below (full height: {most:.0}{})",
            self.label.strip_prefix("Tasks").unwrap_or_default()
        );
        let spot = (left, strips.top - 8.0);
        scene.text(spot, &head, theme::SMALL_SIZE, theme::SOFT_INK, Anchor::Start);
        for (index, strip) in self.strips.iter().enumerate() {
            let top = strips.top + index as f64 * PITCH;
            let place = Frame { top, bottom: top + PITCH, ..strips };
            let x = |value: f64| left + across.part(value).clamp(0.0, 1.0) * (right - left);
            draw_strip(&mut scene, strip, place, &x, most);
        }
        let base = Plot { frame: strips, across: &across, up: &up };
        base.draw_base(&mut scene, true);
        plot::label_across(&mut scene, &across.title, strips);
        let below = strips.bottom + plot::TICK_ROOM + plot::LABEL_ROOM + 12.0;
        let room = scene.width - 2.0 * theme::MARGIN;
        let height = legend::below(&mut scene, &self.entries(), theme::MARGIN, below, room);
        scene.height = below + height + 14.0;
        Ok(scene)
    }

    fn draw_tasks(&self, scene: &mut Scene, plot: &Plot<'_>) {
        for bin in &self.tasks {
            let mut sum = 0.0;
            for (count, (_, colour, hatched)) in bin.counts.iter().zip(ENDINGS) {
                let (left, bottom) = plot.spot(bin.from, sum);
                sum += count;
                let (right, top) = plot.spot(bin.to, sum);
                let gap = if right - left > 3.0 { 0.6 } else { 0.0 };
                let bar = Frame { left, top, right: right - gap, bottom };
                scene.rect(bar, colour, 1.0);
                if hatched && bar.height() > 2.0 && *count > 0.0 {
                    legend::hatch(scene, bar, colour);
                }
            }
        }
    }

    /// What is drawn, and nothing that is not.
    fn entries(&self) -> Vec<Entry> {
        let area = |name: &str, colour, hatched| Entry {
            sample: Sample::Area(colour, hatched),
            name: name.to_owned(),
        };
        let happened = |at: usize| self.tasks.iter().any(|bin| bin.counts[at] > 0.0);
        let mut entries: Vec<Entry> = ENDINGS
            .iter()
            .enumerate()
            .filter(|(at, _)| happened(*at))
            .map(|(_, (name, colour, hatched))| area(&format!("task {name}"), *colour, *hatched))
            .collect();
        let gates = || self.strips.iter().flat_map(|strip| &strip.gates);
        for (name, colour, gate) in
            [("breaker open", OPEN, Gate::Open), ("breaker half-open", HALF_OPEN, Gate::HalfOpen)]
        {
            if gates().any(|(_, _, own)| *own == gate) {
                entries.push(area(name, colour, gate == Gate::HalfOpen));
            }
        }
        if gates().next().is_some() {
            entries.push(Entry { sample: Sample::Thin(CLOSED), name: "breaker closed".to_owned() });
        }
        let calls = || self.strips.iter().flat_map(|strip| &strip.calls);
        if calls().any(|bin| bin.answered > 0.0) {
            entries.push(area("calls answered", ANSWERED, false));
        }
        if calls().any(|bin| bin.calls > bin.answered) {
            entries.push(area("calls not answered", NOT_ANSWERED, false));
        }
        if self.strips.iter().any(shows_quota) {
            entries.push(Entry {
                sample: Sample::Reference,
                name: "daily quota used (full height: all)".to_owned(),
            });
        }
        if !self.windows.is_empty() {
            entries.push(area("a fault lasts (at a model: hits it)", theme::FAULT_BAR, false));
        }
        entries
    }
}

fn draw_strip(scene: &mut Scene, strip: &Strip, place: Frame, x: &dyn Fn(f64) -> f64, most: f64) {
    let name = typeface::shorten(&strip.model, theme::TEXT_SIZE, WIDEST_NAME / typeface::SLACK);
    let bottom = place.bottom - 2.0;
    let spot = (place.left - 10.0, bottom - CALLS / 2.0);
    scene.text(spot, &name, theme::TEXT_SIZE, theme::INK, Anchor::End);
    for window in &strip.windows {
        let right = x(window.to).max(x(window.from) + NARROWEST);
        let shade = Frame { left: x(window.from), right, top: place.top + 2.0, bottom };
        scene.rect(shade, theme::FAULT_BAR, 0.75);
    }
    scene.rule((place.left, place.bottom - 2.0), (place.right, place.bottom - 2.0), theme::GRID);
    for bin in &strip.calls {
        let (left, right) = (x(bin.from), x(bin.to));
        let gap = if right - left > 3.0 { 0.6 } else { 0.0 };
        let high = |calls: f64| bottom - calls / most * CALLS;
        let (answered, all) = (high(bin.answered.min(bin.calls)), high(bin.calls));
        let bar = Frame { left, top: answered, right: right - gap, bottom };
        scene.rect(bar, ANSWERED, 1.0);
        scene.rect(Frame { top: all, bottom: answered, ..bar }, NOT_ANSWERED, 1.0);
    }
    draw_quota(scene, strip, x, bottom);
    let middle = place.top + 2.0 + BREAKER / 2.0;
    let bar = |from: f64, to: f64, height: f64| Frame {
        left: from,
        right: to,
        top: middle - height / 2.0,
        bottom: middle + height / 2.0,
    };
    scene.rect(bar(place.left, place.right, 1.6), CLOSED, 1.0);
    // What refuses calls is drawn last: it is what is looked for.
    for (wanted, colour) in [(Gate::HalfOpen, HALF_OPEN), (Gate::Open, OPEN)] {
        for (from, to, gate) in &strip.gates {
            if *gate != wanted {
                continue;
            }
            let left = x(*from);
            let right = x(*to).max(left + NARROWEST).min(place.right);
            match gate {
                Gate::Open => scene.rect(bar(left, right, BREAKER), colour, 1.0),
                Gate::HalfOpen => {
                    let area = bar(left, right, BREAKER * 0.6);
                    scene.rect(area, colour, 1.0);
                    if area.width() > 5.0 {
                        legend::hatch(scene, area, colour);
                    }
                }
            }
        }
    }
}

/// Whether the quota is used enough to tell its line from the base.
fn shows_quota(strip: &Strip) -> bool {
    let shares = strip.calls.iter().filter_map(|bin| bin.quota);
    shares.fold(0.0, f64::max) >= LEAST_QUOTA
}

/// Draws the share of the quota as a line that falls at each reset.
fn draw_quota(scene: &mut Scene, strip: &Strip, x: &dyn Fn(f64) -> f64, bottom: f64) {
    if !shows_quota(strip) {
        return;
    }
    let points = strip.calls.iter().filter_map(|bin| {
        let share = bin.quota?;
        Some((x(bin.to), bottom - share.clamp(0.0, 1.0) * CALLS))
    });
    let spots: Vec<(f64, f64)> = points.collect();
    scene.stroke(&spots, theme::GUIDE_WIDTH, theme::REFERENCE, theme::REFERENCE_DASH);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(n: usize) -> TimelineChart {
        let hours = |bin: usize| bin as f64 * 0.2;
        let windows: Vec<Window> = (0..4)
            .map(|fault| Window {
                label: format!("fault {fault}"),
                from: 2.0 * f64::from(fault),
                to: 2.0 * f64::from(fault) + 3.0,
            })
            .collect();
        TimelineChart {
            title: "What happened".to_owned(),
            subtitle: "seed 1 alone".to_owned(),
            x_axis: Axis::hours(),
            span: (0.0, 24.0),
            label: "Tasks per 12 min".to_owned(),
            tasks: (0..120)
                .map(|bin| TaskBin {
                    from: hours(bin),
                    to: hours(bin + 1),
                    counts: [9.0, 1.0, 0.0, 2.0, 1.0, (bin % 5) as f64, 1.0],
                })
                .collect(),
            windows: windows.clone(),
            strips: (0..n)
                .map(|model| Strip {
                    model: format!("a-provider/a-model-with-a-long-name-{model}b"),
                    gates: vec![
                        (1.0, 2.0, Gate::Open),
                        (2.0, 2.2, Gate::HalfOpen),
                        (20.0, 20.001, Gate::Open),
                    ],
                    calls: (0..120)
                        .map(|bin| CallBin {
                            from: hours(bin),
                            to: hours(bin + 1),
                            calls: (bin % 7) as f64,
                            answered: (bin % 3) as f64,
                            quota: (model % 2 == 0).then(|| bin as f64 / 100.0),
                        })
                        .collect(),
                    windows: windows[..model % 4].to_vec(),
                })
                .collect(),
        }
    }

    #[test]
    fn every_text_is_legible_for_any_number_of_models() {
        for n in [0, 1, 2, 10, 24] {
            chart(n).scene().unwrap().assert_legible();
        }
        let empty = TimelineChart { tasks: Vec::new(), windows: Vec::new(), ..chart(1) };
        empty.scene().unwrap().assert_legible();
    }

    #[test]
    fn equal_input_gives_equal_bytes() {
        assert_eq!(chart(3).render(), chart(3).render());
    }

    #[test]
    fn only_what_is_drawn_is_in_the_legend() {
        let names = |chart: &TimelineChart| -> Vec<String> {
            chart.entries().into_iter().map(|entry| entry.name).collect()
        };
        assert!(!names(&chart(2)).contains(&"task wrong answer".to_owned()));
        assert!(names(&chart(2)).contains(&"breaker half-open".to_owned()));
        let mut calm = chart(1);
        (calm.windows, calm.strips[0].gates) = (Vec::new(), Vec::new());
        let calm = names(&calm);
        assert!(calm.iter().all(|name| !name.contains("breaker") && !name.contains("fault")));
    }

    #[test]
    fn the_shortest_opening_can_be_seen() {
        let scene = chart(1).scene().unwrap();
        let bars = scene.shapes.iter().filter_map(|shape| match shape {
            super::super::scene::Shape::Rect { frame, colour, .. } if *colour == OPEN => {
                Some(frame.width())
            }
            _ => None,
        });
        let widths: Vec<f64> = bars.collect();
        assert!(widths.iter().all(|width| *width >= NARROWEST), "{widths:?}");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let mut chart = chart(1);
        chart.tasks[3].counts[0] = f64::NAN;
        assert!(matches!(chart.render(), Err(ChartError::Number(_))));
    }
}
