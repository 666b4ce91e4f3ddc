//! What the recorder writes of quotas, bin by bin.

mod support;

use reflexarc::analysis::run::Bins;
use reflexarc::calendar::LocalClock;
use reflexarc::engine::{self, End};
use reflexarc::results::column::{Table, Values};
use reflexarc::results::recorder::{Names, Recorder, Recording, RowSink};
use reflexarc::units::{SimDuration, SimTime};
use reflexarc::world::workload::WorkloadSpec;

use support::Draft;

/// Keeps the quota column of the model curves.
#[derive(Default)]
struct Quotas(Vec<u64>);

impl RowSink for Quotas {
    fn take<T: Table>(&mut self, table: &T) {
        for (doc, values) in table.columns() {
            if let ("model_curves", "quota_used_tokens", Values::U64(used)) =
                (T::DOC.name, doc.name, values)
            {
                self.0.extend_from_slice(used);
            }
        }
    }
}

fn quotas(end: End, bins: Bins) -> Vec<u64> {
    let mut draft = Draft::new(1);
    draft.workload = WorkloadSpec::FixedInterval { interval: SimDuration::from_secs_f64(100.0) };
    draft.end = end;
    let mut sink = Quotas::default();
    let (models, task_types) = (["m0".to_owned()], ["task".to_owned()]);
    let names =
        Names { block: "b", variant: "v", models: &models, task_types: &task_types, prompts: &[] };
    let cell = draft.build();
    let clock = LocalClock::new(cell.world.start, cell.zone.clone());
    let mut recorder = Recorder::new(Recording::plain(names, bins, clock), 1, &mut sink);
    engine::run(&cell, 1, &mut recorder);
    recorder.finish();
    sink.0
}

#[test]
fn every_bin_of_time_has_its_quota() {
    // 25 tasks of 400 tokens in each quarter.
    let to = SimTime::ZERO + SimDuration::from_secs_f64(10_000.0);
    assert_eq!(
        quotas(End::At(to), Bins::Time { from: SimTime::ZERO, to, n: 4 }),
        [10_000, 20_000, 30_000, 40_000]
    );
}

#[test]
fn every_bin_of_tasks_has_its_quota() {
    // Sampled as a bin's last task arrives, before it is billed.
    let bins = Bins::Tasks { from: 0, to: 100, n: 4 };
    assert_eq!(quotas(End::Tasks(100), bins), [9_600, 19_600, 29_600, 39_600]);
}
