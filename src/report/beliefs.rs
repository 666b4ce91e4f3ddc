//! What learners believed: points in time out of the table `scores`, and what can be read from one or two of them.

use std::collections::BTreeSet;
use std::path::Path;

use crate::learners::BeliefScale;
use crate::report::frame::{Frame, RunKey};
use crate::results::ResultsError;
use crate::results::column::Table;
use crate::results::schema::Scores;

/// What beliefs are, in words.
pub(super) fn scale_name(scale: &str) -> &str {
    match scale {
        _ if scale == BeliefScale::Score.name() => "score, 0-100",
        _ if scale == BeliefScale::Reward.name() => "mean reward of a call",
        _ if scale == BeliefScale::Value.name() => "action value: rewards to come, discounted",
        _ if scale == BeliefScale::Probability.name() => "probability of being chosen",
        other => other,
    }
}

/// A belief, or a difference of two, with the digits that its scale is worth.
pub(super) fn belief_text(scale: &str, value: f64) -> String {
    if scale == BeliefScale::Score.name() { format!("{value:.1}") } else { format!("{value:.3}") }
}

/// The table `scores`.
pub(super) struct Beliefs(Frame);

/// What a learner held at one instant, state by state.
#[derive(Clone, Debug)]
pub(super) struct Point<'a> {
    pub(super) at_s: f64,
    /// The curves' point that it ends; `None` before any task.
    pub(super) bin: Option<u64>,
    pub(super) states: Vec<State<'a>>,
}

/// What a learner tells apart, and its beliefs there: model by model, in the table's order.
#[derive(Clone, Debug)]
pub(super) struct State<'a> {
    /// L1 to L4, or all.
    pub(super) level: &'a str,
    /// Empty where task types are not told apart.
    pub(super) task_type: &'a str,
    /// A quarter of the day, or any.
    pub(super) time_of_day: &'a str,
    pub(super) beliefs: Vec<(&'a str, f64)>,
}

/// What a state's beliefs say of the model to take.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Best<'a> {
    /// One model's belief is the largest; the runner-up with its own, if there is one.
    Decided { model: &'a str, belief: f64, next: Option<(&'a str, f64)> },
    /// These share the largest belief.
    Tied { models: Vec<&'a str>, belief: f64 },
}

/// How a belief moved from one point to another.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Move<'a> {
    pub(super) state: String,
    pub(super) model: &'a str,
    /// `None` where nothing was believed yet.
    pub(super) from: Option<f64>,
    pub(super) to: f64,
}

impl Move<'_> {
    /// By how much; `None` where nothing was believed before.
    pub(super) fn change(&self) -> Option<f64> {
        self.from.map(|from| self.to - from)
    }
}

impl Beliefs {
    pub(super) fn read(folder: &Path) -> Result<Self, ResultsError> {
        let columns = ["bin", "at_s", "level", "task_type", "time_of_day", "model", "belief"];
        Frame::read(folder, &Scores::DOC, &columns).map(Self)
    }

    /// All points of one run in order of time; none where beliefs were not recorded.
    pub(super) fn points(&self, run: &RunKey) -> Vec<Point<'_>> {
        let mut points: Vec<Point<'_>> = Vec::new();
        for row in self.0.rows(run) {
            let at_s = row.value("at_s");
            if points.last().is_none_or(|point| point.at_s != at_s) {
                let bin = row.number("bin").map(|bin| bin as u64);
                points.push(Point { at_s, bin, states: Vec::new() });
            }
            let states = &mut points.last_mut().expect("one was pushed").states;
            let place = (row.text("level"), row.text("task_type"), row.text("time_of_day"));
            if states.last().is_none_or(|s| (s.level, s.task_type, s.time_of_day) != place) {
                let (level, task_type, time_of_day) = place;
                states.push(State { level, task_type, time_of_day, beliefs: Vec::new() });
            }
            let state = states.last_mut().expect("one was pushed");
            state.beliefs.push((row.text("model"), row.value("belief")));
        }
        points
    }
}

impl<'a> Point<'a> {
    fn state(&self, like: &State<'_>) -> Option<&State<'a>> {
        self.states.iter().find(|state| state.is_same(like))
    }

    /// The states of these levels in which something has happened since an earlier point: left out are those in which all
    /// models are alike, as they were.
    pub(super) fn met_since(&self, earlier: &Point<'_>, levels: &BTreeSet<&str>) -> Self {
        let is_met = |state: &&State<'_>| {
            let beliefs = &state.beliefs;
            let alike = beliefs.iter().all(|(_, belief)| *belief == beliefs[0].1);
            let as_before = earlier.state(state).is_some_and(|before| before.beliefs == *beliefs);
            (state.level == "all" || levels.contains(state.level)) && !(alike && as_before)
        };
        Self { states: self.states.iter().filter(is_met).cloned().collect(), ..*self }
    }

    /// All beliefs held.
    pub(super) fn values(&self) -> impl Iterator<Item = f64> {
        self.states.iter().flat_map(|state| state.beliefs.iter().map(|(_, belief)| *belief))
    }

    /// How every belief of this point came from an earlier one, in the table's order.
    pub(super) fn moves_from(&self, earlier: &Point<'_>) -> Vec<Move<'a>> {
        let mut moves = Vec::new();
        for state in &self.states {
            let before = earlier.state(state);
            for &(model, to) in &state.beliefs {
                let held = before.and_then(|s| s.beliefs.iter().find(|(name, _)| *name == model));
                let from = held.map(|(_, belief)| *belief);
                moves.push(Move { state: state.name(), model, from, to });
            }
        }
        moves
    }

    /// The share of states whose model of the largest belief differs from an earlier point's; a tie that is not the same
    /// tie differs. `None` without states in common.
    pub(super) fn switched_since(&self, earlier: &Point<'_>) -> Option<f64> {
        let pairs: Vec<bool> = self
            .states
            .iter()
            .filter_map(|state| {
                Some(state.best()?.names() != earlier.state(state)?.best()?.names())
            })
            .collect();
        let switched = pairs.iter().filter(|switched| **switched).count();
        (!pairs.is_empty()).then(|| switched as f64 / pairs.len() as f64)
    }
}

impl<'a> State<'a> {
    /// Whether another is the same state, whatever its beliefs.
    pub(super) fn is_same(&self, other: &State<'_>) -> bool {
        self.level == other.level
            && self.task_type == other.task_type
            && self.time_of_day == other.time_of_day
    }

    /// What people call it.
    pub(super) fn name(&self) -> String {
        let mut parts = Vec::new();
        if !self.task_type.is_empty() {
            parts.push(self.task_type);
        }
        if self.level != "all" {
            parts.push(self.level);
        } else if self.task_type.is_empty() {
            parts.push("all levels");
        }
        if self.time_of_day != "any" {
            parts.push(self.time_of_day);
        }
        parts.join(", ")
    }

    /// The model to take; `None` where nothing is believed.
    pub(super) fn best(&self) -> Option<Best<'a>> {
        let most = self.beliefs.iter().map(|(_, belief)| *belief).reduce(f64::max)?;
        let (top, rest): (Vec<_>, Vec<_>) =
            self.beliefs.iter().copied().partition(|(_, belief)| *belief == most);
        if top.len() > 1 {
            let models = top.into_iter().map(|(model, _)| model).collect();
            return Some(Best::Tied { models, belief: most });
        }
        let next = rest.into_iter().reduce(|a, b| if b.1 > a.1 { b } else { a });
        Some(Best::Decided { model: top[0].0, belief: most, next })
    }
}

impl Best<'_> {
    /// The same model or the same tie, whatever the beliefs.
    fn names(&self) -> Vec<&str> {
        match self {
            Self::Decided { model, .. } => vec![model],
            Self::Tied { models, .. } => models.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at_s: f64, l1: &[(&'static str, f64)], l2: &[(&'static str, f64)]) -> Point<'static> {
        let state = |level, beliefs: &[(&'static str, f64)]| State {
            level,
            task_type: "",
            time_of_day: "any",
            beliefs: beliefs.to_vec(),
        };
        Point { at_s, bin: None, states: vec![state("L1", l1), state("L2", l2)] }
    }

    #[test]
    fn the_best_model_has_the_largest_belief_and_ties_are_told() {
        let point = point(0.0, &[("a", 1.0), ("b", 3.0), ("c", 2.0)], &[("a", 5.0), ("b", 5.0)]);
        let decided = Best::Decided { model: "b", belief: 3.0, next: Some(("c", 2.0)) };
        assert_eq!(point.states[0].best(), Some(decided));
        let tied = Best::Tied { models: vec!["a", "b"], belief: 5.0 };
        assert_eq!(point.states[1].best(), Some(tied));
        let nothing = State { beliefs: Vec::new(), ..point.states[0].clone() };
        assert_eq!(nothing.best(), None);
    }

    #[test]
    fn moves_are_by_state_and_model_and_new_beliefs_have_no_past() {
        let first = point(0.0, &[("a", 1.0), ("b", 3.0)], &[("a", 5.0), ("b", 5.0)]);
        let last = point(9.0, &[("a", 4.0), ("b", 3.0)], &[("a", 5.0), ("b", 5.0), ("c", 1.0)]);
        let changes: Vec<_> = last.moves_from(&first).iter().map(Move::change).collect();
        assert_eq!(changes, [Some(3.0), Some(0.0), Some(0.0), Some(0.0), None]);
        // L1 goes from b to a; the tie of L2 stays.
        assert_eq!(last.switched_since(&first), Some(0.5));
    }
}
