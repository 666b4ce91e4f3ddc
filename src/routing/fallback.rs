//! Fallback plans: where a step goes after a call that was not served.

use crate::domain::{ModelSet, Outcome};
use crate::units::{Level, ModelId, PerLevel};

/// Where else to try.
#[derive(Clone, Debug, PartialEq)]
pub enum FallbackPlan {
    /// Nowhere.
    None,
    /// The plan's fixed order per level (stage4.md section 10).
    Stage4 {
        /// Targets per level, first to last.
        order: PerLevel<Vec<ModelId>>,
        /// A target needs at least this many tokens left.
        min_tokens_left: u64,
    },
    /// The models not yet tried, one after the other.
    Ranked {
        /// By what.
        by: Ranking,
        /// Most fallbacks of one step.
        max_fallbacks: u16,
    },
    /// Lists of models, typed by what went wrong.
    Chain(Chain),
    /// The fallbacks of the step's group, one group after the other.
    Groups {
        /// How deep fallbacks of fallbacks may go.
        max_fallbacks: u16,
    },
}

/// By what the models not yet tried are ranked.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Ranking {
    /// By the router's order; behind those that it names, the others by declared score.
    #[default]
    Order,
    /// By declared score of the level, the largest first.
    Score,
    /// By declared price of the request, the lowest first.
    Price,
}

/// Lists of models to fall back to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chain {
    /// After any failure that has no list of its own, by level.
    pub any: PerLevel<Vec<ModelId>>,
    /// After single classes of failures.
    pub typed: Vec<(Outcome, Vec<ModelId>)>,
}

impl Chain {
    /// The targets after `outcome`.
    #[must_use]
    pub fn after(&self, outcome: Outcome, level: Level) -> &[ModelId] {
        let typed = self.typed.iter().find(|(class, _)| *class == outcome);
        typed.map_or(&self.any[level.index()], |(_, models)| models)
    }
}

/// Models that answer to one name, with the groups that are tried when all of that fails.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its models.
    pub models: ModelSet,
    /// The levels whose steps ask for it; the first such group of a level is the one.
    pub levels: PerLevel<bool>,
    /// Groups to fall back to, by position.
    pub fallbacks: Vec<u8>,
    /// Groups to fall back to after single classes of failures.
    pub typed: Vec<(Outcome, Vec<u8>)>,
}

impl Group {
    fn after(&self, outcome: Outcome) -> &[u8] {
        let typed = self.typed.iter().find(|(class, _)| *class == outcome);
        typed.map_or(&self.fallbacks, |(_, groups)| groups)
    }
}

/// Deepest nesting of fallbacks of fallbacks.
const DEEPEST: usize = 8;

/// Where a step stands among the groups.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Walk {
    /// Positions in the groups, and how far each one's fallbacks have been tried; the present group is the last.
    path: [(u8, u8); DEEPEST],
    /// What each of them failed with, which says whose list is gone through.
    failed: [Outcome; DEEPEST],
    depth: u8,
}

impl Default for Walk {
    fn default() -> Self {
        Self { path: [(0, 0); DEEPEST], failed: [Outcome::Shed; DEEPEST], depth: 0 }
    }
}

impl Walk {
    /// A walk that begins at the group of `level`; at the first one if none names the level.
    #[must_use]
    pub fn begin(groups: &[Group], level: Level) -> Self {
        let at = groups.iter().position(|group| group.levels[level.index()]).unwrap_or(0);
        let mut walk = Self { depth: 1, ..Self::default() };
        walk.path[0] = (at as u8, 0);
        walk
    }

    /// The position of the present group, if there are groups.
    #[must_use]
    pub fn group(&self) -> Option<usize> {
        let (group, _) = *self.path.get(usize::from(self.depth.checked_sub(1)?))?;
        Some(usize::from(group))
    }

    /// Goes on to the next group after `outcome`: a fallback of the present one, or else the next of the one before it, by
    /// the list that it has begun. The first group is never tried again.
    #[must_use]
    pub fn next(mut self, groups: &[Group], outcome: Outcome, max_depth: u16) -> Option<Self> {
        let origin = self.path[0].0;
        while let Some(top) = usize::from(self.depth).checked_sub(1) {
            let (owner, tried) = self.path[top];
            if tried == 0 {
                self.failed[top] = outcome;
            }
            let list = groups[usize::from(owner)].after(self.failed[top]);
            match list.get(usize::from(tried)) {
                Some(&next)
                    if usize::from(self.depth) < DEEPEST.min(usize::from(max_depth) + 1) =>
                {
                    self.path[top].1 += 1;
                    if next == origin {
                        continue;
                    }
                    self.path[top + 1] = (next, 0);
                    self.depth += 1;
                    return Some(self);
                }
                _ => self.depth -= 1,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(fallbacks: &[u8]) -> Group {
        Group {
            name: String::new(),
            models: ModelSet::EMPTY,
            levels: [true; 4],
            fallbacks: fallbacks.to_vec(),
            typed: vec![(Outcome::ContextLength, vec![2])],
        }
    }

    fn walk(groups: &[Group], outcome: Outcome, max: u16) -> Vec<usize> {
        let first = Walk::begin(groups, Level::L1);
        let next = |walk: &Walk| walk.next(groups, outcome, max);
        std::iter::successors(Some(first), next).filter_map(|walk| walk.group()).collect()
    }

    #[test]
    fn fallbacks_of_fallbacks_come_before_the_rest_and_the_first_group_never_again() {
        let groups = [group(&[1, 2]), group(&[3, 0]), group(&[]), group(&[])];
        assert_eq!(walk(&groups, Outcome::ApiError, 5), [0, 1, 3, 2]);
        assert_eq!(walk(&groups, Outcome::ApiError, 1), [0, 1, 2]);
        assert_eq!(walk(&groups, Outcome::ApiError, 0), [0]);
        assert_eq!(walk(&groups[..1], Outcome::Timeout, 0), [0]);
    }

    #[test]
    fn a_circle_ends_at_the_depth_allowed() {
        let groups = [group(&[1]), group(&[2]), group(&[1])];
        assert_eq!(walk(&groups, Outcome::ApiError, 5), [0, 1, 2, 1, 2, 1]);
    }

    #[test]
    fn a_class_with_a_list_of_its_own_takes_that() {
        let groups = [group(&[1]), group(&[]), group(&[]), group(&[])];
        assert_eq!(walk(&groups, Outcome::ContextLength, 1), [0, 2]);
    }

    #[test]
    fn a_list_that_has_been_begun_is_gone_through_whatever_fails_behind_it() {
        let mut groups = [group(&[1, 3]), group(&[]), group(&[]), group(&[])];
        groups[1].typed.clear();
        let first = Walk::begin(&groups, Level::L1).next(&groups, Outcome::ApiError, 5);
        let second = first.and_then(|walk| walk.next(&groups, Outcome::ContextLength, 5));
        assert_eq!(first.and_then(|walk| walk.group()), Some(1));
        assert_eq!(second.and_then(|walk| walk.group()), Some(3));
    }
}
