//! Faults as the measures of resilience need them: when each one hits whom, and spans of time that do not touch.

use crate::domain::ModelSet;
use crate::units::SimTime;

/// One fault of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultSpan {
    /// Its first instant.
    pub from: SimTime,
    /// Its end, exclusive; [`SimTime::NEVER`] lasts to the end of the run.
    pub to: SimTime,
    /// The models that it hits.
    pub models: ModelSet,
    /// It leaves its models little use to anyone, so that a stack does well to leave them alone.
    pub stops: bool,
    /// It cuts the limit of their quota: what was used before may then be above the limit without anyone's doing.
    pub cuts_quota: bool,
}

/// Spans of time that do not touch, in order; each from its first instant to before its last.
#[derive(Clone, Debug, Default)]
pub(in crate::analysis) struct Spread(Vec<(SimTime, SimTime)>);

impl Spread {
    /// The time that any of `spans` covers.
    pub(in crate::analysis) fn of(spans: impl Iterator<Item = (SimTime, SimTime)>) -> Self {
        let mut all: Vec<(SimTime, SimTime)> = spans.filter(|(from, to)| from < to).collect();
        all.sort_unstable();
        let mut apart: Vec<(SimTime, SimTime)> = Vec::new();
        for (from, to) in all {
            match apart.last_mut().filter(|(_, end)| from <= *end) {
                Some((_, end)) => *end = to.max(*end),
                None => apart.push((from, to)),
            }
        }
        Self(apart)
    }

    /// The span in which `at` lies.
    pub(super) fn at(&self, at: SimTime) -> Option<usize> {
        let begun = self.0.partition_point(|(from, _)| *from <= at);
        let last = begun.checked_sub(1)?;
        (at < self.0[last].1).then_some(last)
    }

    /// Their first instants.
    pub(super) fn starts(&self) -> impl Iterator<Item = SimTime> {
        self.0.iter().map(|(from, _)| *from)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Nanoseconds that they share with the span from `from` to `to`.
    pub(in crate::analysis) fn shared(&self, from: SimTime, to: SimTime) -> u64 {
        let first = self.0.partition_point(|(_, end)| *end <= from);
        let reached = self.0[first..].iter().take_while(|(start, _)| *start < to);
        reached.map(|(start, end)| to.min(*end).since(from.max(*start)).0).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_that_touch_are_one_and_time_is_shared_once() {
        let at = |n| SimTime(n);
        let spans = [(30, 40), (0, 10), (5, 20), (20, 25), (50, u64::MAX)];
        let spread = Spread::of(spans.into_iter().map(|(from, to)| (at(from), at(to))));
        assert_eq!(spread.len(), 3);
        let within = [0, 24, 25, 29, 30, 40, 50, 1 << 60].map(|n| spread.at(at(n)));
        assert_eq!(within, [Some(0), Some(0), None, None, Some(1), None, Some(2), Some(2)]);
        assert_eq!(spread.shared(at(0), at(60)), 25 + 10 + 10);
        assert_eq!(spread.shared(at(24), at(31)), 1 + 1);
        assert_eq!(spread.shared(at(41), at(50)), 0);
    }
}
