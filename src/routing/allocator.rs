//! The daily allocator: gives every level a model and a token budget at stated local times (stage4.md section 3).

use jiff::civil;

use crate::calendar::Occurrence;
use crate::domain::{Allocation, AllocationUse, LevelAllocation, ModelSet, Slot};
use crate::registry::Model;
use crate::units::{Level, ModelId, PerLevel, SimTime};

/// Output tokens that a declared response time is read at, for models whose time grows with the answer.
const EXPECTED_OUTPUT_TOKENS: f64 = 300.0;

/// An allocator as configured.
#[derive(Clone, Debug, PartialEq)]
pub struct AllocatorRule {
    /// Local times of day, in order.
    pub times: Vec<civil::Time>,
    /// How models are chosen.
    pub by: AllocateBy,
    /// What an allocation means to the router.
    pub binding: Binding,
    /// Token budgets by slot, in the order of [`Slot::ALL`], and level.
    pub budgets: [PerLevel<u64>; 4],
}

/// How an allocator chooses.
#[derive(Clone, Debug, PartialEq)]
pub enum AllocateBy {
    /// The plan's rule: the level score, adjusted for tokens left, speed, cost and quality by slot.
    Stage4,
    /// What the learner believes at that moment.
    Beliefs,
    /// Always these.
    Static(PerLevel<Option<ModelId>>),
}

/// What an allocation means to the router.
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
pub enum Binding {
    /// A plan: recorded, its budgets watched; the order decides call by call.
    #[default]
    None,
    /// The allocated model is called first, the order decides where it is not eligible.
    FirstChoice,
    /// The same, until the level's budget is used up; then the order decides.
    WithinBudget,
}

/// The plan's preferences of a slot: speed first, cost first, quality first.
#[must_use]
pub fn preferences(slot: Slot) -> [bool; 3] {
    match slot {
        Slot::Morning => [false, false, true],
        Slot::Afternoon => [false, true, true],
        Slot::Evening => [true, false, false],
        Slot::Night => [false, true, false],
    }
}

/// The plan's levels in focus of a slot.
#[must_use]
pub fn in_focus(slot: Slot, level: Level) -> bool {
    match slot {
        Slot::Morning => matches!(level, Level::L2 | Level::L3),
        Slot::Afternoon => matches!(level, Level::L3 | Level::L4),
        Slot::Evening => matches!(level, Level::L1 | Level::L4),
        Slot::Night => level == Level::L4,
    }
}

/// The plan's token budgets by slot and level.
pub const STAGE4_BUDGETS: [PerLevel<u64>; 4] = [
    [2000, 5000, 8000, 3000],
    [3000, 4000, 10_000, 5000],
    [5000, 2000, 3000, 8000],
    [1000, 1000, 1000, 10_000],
];

/// The number by which the plan compares models at a level.
///
/// `score` 0-100; `short`: 90 % of the tokens or more are used; `response_ms` and `usd_per_1k` as declared.
#[must_use]
pub fn stage4_number(
    score: f64,
    short: bool,
    response_ms: f64,
    usd_per_1k: f64,
    slot: Slot,
) -> f64 {
    let [speed, cost, quality] = preferences(slot);
    let mut number = if short { 0.3 * score } else { score };
    if speed {
        number = 0.6 * number + 0.4 * 100.0 * (5000.0 - response_ms) / 5000.0;
    }
    if cost {
        number = 0.6 * number + 0.4 * 100.0 * (0.01 - usd_per_1k) / 0.01;
    }
    if quality {
        number *= 0.9;
    }
    number
}

/// What the allocator's rules may look at for one level.
pub(super) struct View<'a> {
    /// Models that serve the level.
    pub(super) serving: ModelSet,
    /// Of all models, those short of tokens.
    pub(super) short: ModelSet,
    /// Level score of each model: the learner's where it keeps scores, else the declared one.
    pub(super) scores: &'a [f64],
    /// What the learner believes of each model, if anything.
    pub(super) beliefs: &'a [Option<f64>],
}

/// Declared facts of a model that the plan's rule reads.
#[derive(Clone, Debug)]
struct Declared {
    response_ms: PerLevel<f64>,
    usd_per_1k: f64,
}

/// The allocator in flight.
#[derive(Clone, Debug)]
pub(super) struct Allocator {
    rule: AllocatorRule,
    declared: Vec<Declared>,
    current: Option<Current>,
    n: u32,
}

#[derive(Clone, Debug)]
struct Current {
    models: PerLevel<Option<ModelId>>,
    budgets: PerLevel<u64>,
    used: AllocationUse,
}

impl Allocator {
    pub(super) fn new(rule: &AllocatorRule, models: &[Model]) -> Self {
        let declared = |model: &Model| Declared {
            response_ms: Level::ALL.map(|l| model.latency.mean_ms(l, EXPECTED_OUTPUT_TOKENS)),
            // A thousand tokens, half of them prompt.
            usd_per_1k: (model.usd_per_mtok_input + model.usd_per_mtok_output) / 2000.0,
        };
        Self {
            rule: rule.clone(),
            declared: models.iter().map(declared).collect(),
            current: None,
            n: 0,
        }
    }

    /// Makes the next allocation.
    pub(super) fn allocate(&mut self, due: &Occurrence, views: &PerLevel<View<'_>>) -> Allocation {
        let at = due.at;
        let time = self.rule.times[due.which];
        let slot = Slot::of(time.hour().unsigned_abs().into());
        let budgets = self.rule.budgets[slot as usize];
        let levels = Level::ALL.map(|level| {
            let (model, numbers) = self.choose(slot, level, &views[level.index()]);
            LevelAllocation {
                in_focus: in_focus(slot, level),
                budget_tokens: budgets[level.index()],
                model,
                numbers,
            }
        });
        let nth = self.n;
        self.n += 1;
        self.current = Some(Current {
            models: Level::ALL.map(|l| levels[l.index()].model),
            budgets,
            used: AllocationUse {
                nth,
                ended: at,
                used_tokens: [0; 4],
                over_budget: [None; 4],
                calls: [0; 4],
                calls_allocated: [0; 4],
            },
        });
        let (date, time) = (due.date.to_string(), time.strftime("%H:%M").to_string());
        Allocation { nth, at, date, time, slot, levels }
    }

    fn choose(
        &self,
        slot: Slot,
        level: Level,
        view: &View<'_>,
    ) -> (Option<ModelId>, Vec<Option<f64>>) {
        let number = |model: ModelId| {
            let i = model.index();
            match &self.rule.by {
                AllocateBy::Stage4 => {
                    let Declared { response_ms, usd_per_1k } = &self.declared[i];
                    let short = view.short.contains(model);
                    let ms = response_ms[level.index()];
                    Some(stage4_number(view.scores[i], short, ms, *usd_per_1k, slot))
                }
                AllocateBy::Beliefs => view.beliefs[i].filter(|_| !view.short.contains(model)),
                AllocateBy::Static(_) => None,
            }
        };
        let numbers: Vec<Option<f64>> = (0..self.declared.len() as u16)
            .map(ModelId)
            .map(|model| if view.serving.contains(model) { number(model) } else { None })
            .collect();
        if let AllocateBy::Static(models) = &self.rule.by {
            return (models[level.index()].filter(|m| view.serving.contains(*m)), numbers);
        }
        let mut best: Option<(ModelId, f64)> = None;
        for (i, number) in numbers.iter().enumerate() {
            if let Some(number) = *number
                && best.is_none_or(|(_, most)| number > most)
            {
                best = Some((ModelId(i as u16), number));
            }
        }
        (best.map(|(model, _)| model), numbers)
    }

    /// The model that is to be called first at `level`, if the allocation binds the router.
    pub(super) fn first_choice(&self, level: Level) -> Option<ModelId> {
        let current = self.current.as_ref()?;
        let level = level.index();
        match self.rule.binding {
            Binding::None => None,
            Binding::FirstChoice => current.models[level],
            Binding::WithinBudget => {
                let is_left = current.used.used_tokens[level] < current.budgets[level];
                current.models[level].filter(|_| is_left)
            }
        }
    }

    /// Books a call's tokens on the level's budget.
    pub(super) fn book(&mut self, now: SimTime, level: Level, model: ModelId, tokens: u64) {
        let Some(current) = &mut self.current else { return };
        let level = level.index();
        let used = &mut current.used;
        used.used_tokens[level] += tokens;
        used.calls[level] += 1;
        used.calls_allocated[level] += u64::from(current.models[level] == Some(model));
        if used.used_tokens[level] > current.budgets[level] {
            used.over_budget[level].get_or_insert(now);
        }
    }

    /// Ends the allocation in force.
    pub(super) fn end(&mut self, now: SimTime) -> Option<AllocationUse> {
        let current = self.current.take()?;
        Some(AllocationUse { ended: now, ..current.used })
    }
}
