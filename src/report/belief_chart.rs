//! The chart of beliefs: what the learner of one run held of every model over time, a panel for each state.

use crate::learners::BeliefScale;
use crate::report::beliefs::{Point as Instant, State};
use crate::report::charts::{Axis, Line, Panel, Point, SmallMultiples, Window};

/// What is drawn.
pub(super) struct Shown<'a> {
    pub(super) variant: &'a str,
    /// What beliefs are.
    pub(super) scale: BeliefScale,
    /// In order of time.
    pub(super) points: &'a [Instant<'a>],
    pub(super) models: &'a [String],
    pub(super) windows: Vec<Window>,
}

impl Shown<'_> {
    /// The chart; `None` where no belief moved. `place` is a point's place on `axis`.
    pub(super) fn chart(
        &self,
        subtitle: &str,
        axis: Axis,
        place: impl Fn(&Instant<'_>) -> f64,
    ) -> Option<SmallMultiples> {
        let (first, last) = (self.points.first()?, self.points.last()?);
        let is_met = |state: &&State<'_>| {
            let before = first.states.iter().find(|other| other.is_same(state));
            before.is_none_or(|before| before.beliefs != state.beliefs)
        };
        let panels: Vec<Panel> = last
            .states
            .iter()
            .filter(is_met)
            .map(|state| Panel {
                model: state.name(),
                lines: self.lines(state, &place),
                windows: self.windows.clone(),
            })
            .collect();
        if panels.is_empty() {
            return None;
        }
        let up = match self.scale {
            BeliefScale::Score => Axis::new("Score", "points").within(0.0, 100.0),
            BeliefScale::Reward => Axis::new("Mean reward of a call", ""),
            BeliefScale::Value => Axis::new("Action value", ""),
            BeliefScale::Probability => Axis::new("Probability of a choice", "").within(0.0, 1.0),
        };
        let title = format!("Beliefs of {}", self.variant);
        let mut chart = SmallMultiples::new(&title, subtitle, axis, up);
        chart.panels = panels;
        Some(chart)
    }

    /// One line for every model that is believed anything of.
    fn lines(&self, state: &State<'_>, place: impl Fn(&Instant<'_>) -> f64) -> Vec<Line> {
        let held = |instant: &Instant<'_>, model: &str| {
            let own = instant.states.iter().find(|other| other.is_same(state))?;
            own.beliefs.iter().find(|(name, _)| *name == model).map(|(_, belief)| *belief)
        };
        self.models
            .iter()
            .enumerate()
            .map(|(colour, model)| Line {
                name: model.clone(),
                colour,
                points: self
                    .points
                    .iter()
                    .filter_map(|instant| Some(Point::exact(place(instant), held(instant, model)?)))
                    .collect(),
            })
            .filter(|line| !line.points.is_empty())
            .collect()
    }
}
