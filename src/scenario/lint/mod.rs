//! What a scenario sets and what can never act: warnings, never errors.
//!
//! A rule speaks only where it is certain for every block, of keys that the scenario itself writes, and of a key that several
//! variants share only if it is idle in all of them.

mod breakers;
mod groups;
mod learners;
mod retries;
mod targets;
mod times;

use super::problem::Problems;
use super::resolved::{Block, Variant};
use super::source::{SourceMap, Span};
use super::tree::{Node, Path};
use crate::domain::ModelSet;
use crate::engine::End;
use crate::registry::Registry;
use crate::routing::StackRule;
use crate::units::{Level, ModelId, SimDuration};

/// A rule by its name, with what it finds.
pub struct Rule {
    /// The name, for documents and tests.
    pub name: &'static str,
    /// What it warns of.
    pub of: &'static str,
    find: fn(&Stack<'_>, &Setting<'_>) -> Vec<Finding>,
}

/// All rules.
pub const RULES: &[Rule] = &[
    Rule {
        name: "late_fallback",
        of: "a fallback behind timeouts that comes when every task, or the stack's own time, is past its deadline",
        find: times::late_fallback,
    },
    Rule {
        name: "timeout_beyond_deadline",
        of: "retries or fallbacks behind a `call_timeout` that is longer than every deadline",
        find: times::timeout_beyond_deadline,
    },
    Rule {
        name: "first_token_beyond_timeout",
        of: "a `first_token_timeout` that comes no earlier than `call_timeout`",
        find: times::first_token_beyond_timeout,
    },
    Rule {
        name: "deadline_beyond_tasks",
        of: "a `deadline.after` that is longer than the deadline of every task, which the stack keeps anyway",
        find: times::deadline_beyond_tasks,
    },
    Rule {
        name: "hedge_beyond_timeout",
        of: "a hedge that is sent when the call it stands beside has been given up",
        find: times::hedge_beyond_timeout,
    },
    Rule {
        name: "max_wait_below_backoff",
        of: "retries that are never made, since their wait is longer than `retry.max_wait`",
        find: times::max_wait_below_backoff,
    },
    Rule {
        name: "backoff_at_its_longest",
        of: "a growing wait whose first value is beyond its longest",
        find: times::backoff_at_its_longest,
    },
    Rule {
        name: "open_below_retry_after",
        of: "a breaker that half-opens while the refusals still say to wait",
        find: breakers::open_below_retry_after,
    },
    Rule {
        name: "volume_beyond_traffic",
        of: "a breaker that needs more calls than can come",
        find: breakers::volume_beyond_traffic,
    },
    Rule {
        name: "order_sees_no_breaker",
        of: "an order told of breakers where there is none",
        find: breakers::order_sees_none,
    },
    Rule {
        name: "breaker_may_stick",
        of: "a breaker that can stick in half-open, in a stack that gives up calls",
        find: breakers::may_stick,
    },
    Rule {
        name: "failure_ignored",
        of: "an outcome among a breaker's failures that it ignores",
        find: breakers::failure_ignored,
    },
    Rule {
        name: "outliers_idle",
        of: "a pool's detector that cannot take out any model of its groups",
        find: breakers::outliers_idle,
    },
    Rule {
        name: "ignored_allowed_fails",
        of: "LiteLLM's `allowed_fails = 3`, which LiteLLM takes for unset",
        find: breakers::ignored_allowed_fails,
    },
    Rule {
        name: "class_cannot_occur",
        of: "what is done after an outcome that nothing in the world brings about",
        find: retries::cannot_occur,
    },
    Rule {
        name: "retry_of_none",
        of: "keys of retries where `max_retries` is 0",
        find: retries::of_none,
    },
    Rule {
        name: "retry_on_nothing",
        of: "`max_retries` where no outcome that may occur is retried",
        find: retries::on_nothing,
    },
    Rule {
        name: "retry_after_ignored",
        of: "a longest Retry-After where none is looked at",
        find: retries::retry_after_ignored,
    },
    Rule {
        name: "repeated_target",
        of: "a model named twice in a chain, which is tried once",
        find: targets::repeated,
    },
    Rule {
        name: "target_off_level",
        of: "a model in a level's chain that does not serve the level, or has no key",
        find: targets::off_level,
    },
    Rule {
        name: "order_off_level",
        of: "a model in an order that serves no level of any task",
        find: targets::order_off_level,
    },
    Rule {
        name: "last_resort_off_level",
        of: "a last resort that serves no level of any task",
        find: targets::last_resort_off_level,
    },
    Rule {
        name: "nowhere_to_fall",
        of: "a fallback where no level has a second model",
        find: targets::nowhere_to_fall,
    },
    Rule {
        name: "fallback_of_none",
        of: "a fallback of at most 0 models or groups",
        find: targets::of_none,
    },
    Rule {
        name: "group_unreachable",
        of: "a group that no level asks for and no other falls back to",
        find: groups::unreachable,
    },
    Rule {
        name: "group_off_level",
        of: "a model in a group that serves no level of any task",
        find: groups::off_level,
    },
    Rule {
        name: "group_fallbacks_unread",
        of: "fallbacks of groups where `fallback.groups` is not the plan",
        find: groups::fallbacks_unread,
    },
    Rule {
        name: "group_circle",
        of: "groups that fall back to one another in a circle",
        find: groups::circle,
    },
    Rule {
        name: "replicas_of_one",
        of: "how instances share and are chosen where there is one",
        find: replicas_of_one,
    },
    Rule {
        name: "no_learner",
        of: "keys of a learner in a stack that has none",
        find: learners::no_learner,
    },
];

/// Something that can never act.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The key, in the stack.
    path: String,
    message: String,
    cure: &'static str,
}

impl Finding {
    fn new(path: impl Into<String>, message: impl Into<String>, cure: &'static str) -> Self {
        Self { path: path.into(), message: message.into(), cure }
    }
}

/// One stack, with what was written of it.
pub struct Stack<'a> {
    /// As it is run.
    pub rule: &'a StackRule,
    /// As written: preset, base and variant merged.
    pub tree: &'a Node,
    sources: &'a SourceMap,
}

impl Stack<'_> {
    /// Whether the scenario's own files write the key, rather than a preset.
    fn writes(&self, path: &str) -> bool {
        self.span(path).is_some()
    }

    /// The first of the keys that the scenario writes.
    fn first_written<'p>(&self, paths: &[&'p str]) -> Option<&'p str> {
        paths.iter().copied().find(|path| self.writes(path))
    }

    /// Where the scenario writes the key.
    fn span(&self, path: &str) -> Option<Span> {
        let span = self.tree.at(&Path::of(path))?.span;
        self.sources.path(span).map(|_| span)
    }
}

/// In which worlds the stacks are run.
pub struct Setting<'a> {
    /// The worlds.
    pub blocks: &'a [Block],
    /// What is declared of the models.
    pub registry: &'a Registry,
    /// When arrivals stop.
    pub end: End,
}

impl Setting<'_> {
    /// Whether it holds in every world.
    fn everywhere(&self, holds: impl Fn(&Block) -> bool) -> bool {
        self.blocks.iter().all(holds)
    }

    /// The longest time within which any task is to be done; none if one has no limit.
    fn longest_deadline(&self) -> Option<SimDuration> {
        let types = self.blocks.iter().flat_map(|block| &block.world.task_types);
        types.map(|kind| kind.deadline).collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// The levels of which any task has a step.
    fn levels(&self) -> Vec<Level> {
        let types = self.blocks.iter().flat_map(|block| &block.world.task_types);
        let mut levels: Vec<Level> = types.flat_map(|kind| kind.steps.iter().copied()).collect();
        levels.sort_unstable();
        levels.dedup();
        levels
    }

    /// The models that serve a level and have a key.
    fn serving(&self, level: Level) -> ModelSet {
        self.registry.serving(level)
    }

    /// Whether no task has a step that the model serves.
    fn is_idle(&self, model: ModelId) -> bool {
        !self.levels().into_iter().any(|level| self.serving(level).contains(model))
    }

    /// The name of a model.
    fn name(&self, model: ModelId) -> &str {
        &self.registry.models[model.index()].name
    }
}

/// Everything that can never act, each at its place; `stacks` are the variants with what was written of each.
pub fn find(
    variants: &[Variant],
    stacks: &[Node],
    setting: &Setting<'_>,
    sources: &SourceMap,
) -> Problems {
    let stacks: Vec<Stack<'_>> = variants
        .iter()
        .zip(stacks)
        .map(|(variant, tree)| Stack { rule: &variant.stack, tree, sources })
        .collect();
    let mut found = Problems::default();
    // In bandit mode there is no stack around the order.
    if setting.blocks.iter().any(|block| block.bandit.is_some()) {
        return found;
    }
    for rule in RULES {
        let by_stack: Vec<Vec<Finding>> =
            stacks.iter().map(|stack| (rule.find)(stack, setting)).collect();
        for (stack, findings) in stacks.iter().zip(&by_stack) {
            for finding in findings {
                let Some(span) = stack.span(&finding.path) else { continue };
                let acts_elsewhere = stacks.iter().zip(&by_stack).any(|(other, theirs)| {
                    other.span(&finding.path) == Some(span)
                        && !theirs.iter().any(|own| own.path == finding.path)
                });
                if !acts_elsewhere {
                    found.add(span, finding.message.clone(), finding.cure);
                }
            }
        }
    }
    found
}

/// How instances share what they know and are chosen, where there is one.
fn replicas_of_one(stack: &Stack<'_>, _: &Setting<'_>) -> Vec<Finding> {
    if stack.rule.replicas.n > 1 {
        return Vec::new();
    }
    ["replicas.sync_every", "replicas.assign"]
        .into_iter()
        .filter(|path| stack.writes(path))
        .map(|path| {
            let message = format!("`{path}` has no effect, as the stack runs in one instance");
            Finding::new(path, message, "write `replicas.n` of at least 2, or leave it out")
        })
        .collect()
}

/// A time for a message.
fn said(time: SimDuration) -> String {
    crate::scenario::values::Duration::from_nanos(time.0).to_string()
}
