//! Control runs: a learning variant with its learning frozen, and the same stack told the expected rewards, on the same
//! seeds, up to the day on which the gain by learning is measured.

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use super::{Place, Progress, run_cell};
use crate::analysis::day::DaySums;
use crate::calendar::LocalClock;
use crate::engine::End;
use crate::results::ResultsError;
use crate::results::parquet::PartWriter;
use crate::results::recorder::Discarded;
use crate::results::schema::{ControlRow, Controls};
use crate::routing::StackRule;
use crate::routing::order::OrderRule;
use crate::scenario::resolved::{Block, Resolved, Variant};
use crate::units::SimTime;

/// The controls by name.
const CONTROLS: [&str; 2] = ["frozen", "informed"];

/// The end of the first whole local day behind two days, if the run lasts as long.
fn end_of_gain_day(scenario: &Resolved) -> Option<SimTime> {
    let End::At(end) = scenario.end else { return None };
    let clock = LocalClock::new(scenario.start, scenario.zone.clone());
    let after = clock.begins(clock.gain_day() + 1);
    (after <= end).then_some(after)
}

fn learns(stack: &StackRule) -> bool {
    matches!(stack.order, OrderRule::Learner { .. })
}

/// The number of control runs of a study.
pub(super) fn count(scenario: &Resolved) -> usize {
    if scenario.criteria.is_none() || end_of_gain_day(scenario).is_none() {
        return 0;
    }
    let n_variants = scenario.variants.iter().filter(|v| learns(&v.stack)).count();
    scenario.blocks.len() * n_variants * scenario.seeds.len() * CONTROLS.len()
}

/// Makes the control runs and writes their table, empty where there is nothing to control.
pub(super) fn write(
    scenario: &Resolved,
    stacks: &[(&Block, &Variant, Arc<StackRule>)],
    folder: &Path,
    progress: &dyn Progress,
) -> Result<(), ResultsError> {
    let mut rows = Controls::default();
    if let (Some(_), Some(end)) = (&scenario.criteria, end_of_gain_day(scenario)) {
        let short = Resolved { end: End::At(end), warm_up: SimTime::ZERO, ..scenario.unrecorded() };
        let learners = stacks.iter().filter(|(_, _, stack)| learns(stack));
        for (block, variant, stack) in learners {
            for control in CONTROLS {
                let controlled = Arc::new(match control {
                    "frozen" => StackRule { learning: false, ..(**stack).clone() },
                    _ => StackRule { order: OrderRule::InformedGreedy, ..(**stack).clone() },
                });
                let of_seed = |&seed: &u64| {
                    let place = Place { block, variant, stack: &controlled, seed };
                    let (digest, statistics) = run_cell(&short, place, &mut Discarded);
                    progress.run_ended(digest.n_tasks);
                    let days = statistics.days.work.iter().map(|levels| levels[0]);
                    (seed, days.collect())
                };
                let runs: Vec<(u64, Vec<DaySums>)> =
                    scenario.seeds.par_iter().map(of_seed).collect();
                for (seed, days) in &runs {
                    for (day, sums) in (0..).zip(days) {
                        rows.push(ControlRow {
                            block: &block.name,
                            variant: &variant.name,
                            seed: *seed,
                            control,
                            day,
                            tasks: sums.ended(),
                            efficiency: sums.mean(sums.efficiency),
                        });
                    }
                }
            }
        }
    }
    let mut writer = PartWriter::create::<Controls<'_>>(folder, 0)?;
    writer.write(&rows)?;
    writer.finish()
}
