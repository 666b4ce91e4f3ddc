//! The charts of a result, from its tables of curves, checkpoints, measures and parameter studies.
//!
//! | chart | shows | written where |
//! | --- | --- | --- |
//! | `learning-curve` | efficiency, in bandit mode reward, against progress | always |
//! | `regret`, `regret-log` | cumulative regret against progress, and against the logarithm of tasks | regret is measured |
//! | `availability`, `token-use` | answers in time, tokens against quota | not in bandit mode |
//! | `model-share`, `model-share-VARIANT` | calls by model; over time and by level for the variants reported | always |
//! | `timeline-VARIANT` | one run: tasks, and breaker, calls, quota and faults of each model | not in bandit mode, there are faults or breakers |
//! | `beliefs` | what the learner of the first variant reported held | a learner decides |
//! | `rolling-regret`, `best-model-share`, `regret-ecdf` | regret per task, best decisions, regret of runs | two variants, regret is measured |
//! | `paired-difference` | cumulative regret or reward less that of the baseline | two variants |
//! | `cost`, `quality-cost` | cumulative cost, quality against cost | two variants, something costs |
//! | `performance-profile`, `critical-difference` | scores of runs, mean ranks over blocks | two blocks and two variants; three of both |
//! | `sensitivity-VARIANT-PARAMETER` | a parameter study | two values were tried |

mod blocks;
mod progress;
mod spread;
mod stack;
mod tables;
mod timeline;
mod tuning;
mod view;

use std::path::Path;

use crate::report::ReportError;
use crate::report::beliefs::Beliefs;
use crate::report::charts::{ChartError, Rendered};
use crate::report::criteria::Evidence;
use crate::report::subject::Subject;
use crate::results::manifest::Manifest;

use tables::Tables;
use view::View;

/// Charts drawn so far: file stem and pictures.
#[derive(Default)]
struct Drawn(Vec<(String, Rendered)>);

impl Drawn {
    /// Keeps a chart under a stem that no other has.
    fn add(
        &mut self,
        stem: &str,
        rendered: Result<Rendered, ChartError>,
    ) -> Result<(), ReportError> {
        let numbered = std::iter::once(stem.to_owned()).chain((2..).map(|n| format!("{stem}-{n}")));
        let is_taken = |stem: &String| self.0.iter().any(|(other, _)| other == stem);
        let chart = numbered.into_iter().find(|stem| !is_taken(stem)).expect("numbers go on");
        match rendered {
            Ok(rendered) => self.0.push((chart, rendered)),
            Err(error) => return Err(ReportError::Chart { chart, cause: error.to_string() }),
        }
        Ok(())
    }
}

/// Draws all charts of a result: file stem and pictures.
pub(super) fn draw(
    folder: &Path,
    evidence: &Evidence<'_>,
    subjects: &[Subject<'_>],
    beliefs: &Beliefs,
) -> Result<Vec<(String, Rendered)>, ReportError> {
    let manifest = evidence.manifest;
    let tables = Tables::read(folder, manifest)?;
    let of_block = |block| View::new(manifest, block, &tables, &evidence.values);
    let views: Vec<View<'_>> = manifest.blocks.iter().map(of_block).collect();
    let mut drawn = Drawn::default();
    for (view, prefix) in views.iter().zip(file_stems(manifest)) {
        draw_block(&mut drawn, view, &prefix, subjects, beliefs)?;
        if manifest.variants.len() > 1 {
            draw_comparison(&mut drawn, view, &prefix)?;
        }
        for (variant, parameter, chart) in view.sensitivity() {
            let stem = format!("{prefix}sensitivity-{}-{}", plain(&variant), plain(&parameter));
            drawn.add(&stem, chart.render())?;
        }
    }
    if manifest.variants.len() > 1 {
        if let Some(chart) = blocks::profile(&views) {
            drawn.add("performance-profile", chart.render())?;
        }
        if let Some(chart) = blocks::ranks(&views) {
            drawn.add("critical-difference", chart.render())?;
        }
    }
    Ok(drawn.0)
}

/// What a block shows whatever the number of variants.
fn draw_block(
    drawn: &mut Drawn,
    view: &View<'_>,
    prefix: &str,
    subjects: &[Subject<'_>],
    beliefs: &Beliefs,
) -> Result<(), ReportError> {
    drawn.add(&format!("{prefix}learning-curve"), view.learning_curve().render())?;
    if view.manifest.regret {
        drawn.add(&format!("{prefix}regret"), view.regret().render())?;
        drawn.add(&format!("{prefix}regret-log"), view.regret_log().render())?;
    }
    if !view.is_bandit() {
        drawn.add(&format!("{prefix}availability"), view.availability().render())?;
        if let Some(chart) = view.token_use() {
            drawn.add(&format!("{prefix}token-use"), chart.render())?;
        }
    }
    drawn.add(&format!("{prefix}model-share"), view.model_share().render())?;
    for variant in &view.manifest.reported {
        if let Some(chart) = view.shares_over_time(variant) {
            drawn.add(&format!("{prefix}model-share-{}", plain(variant)), chart.render())?;
        }
        if let Some(chart) = view.timeline(variant) {
            drawn.add(&format!("{prefix}timeline-{}", plain(variant)), chart.render())?;
        }
    }
    let subject = subjects.iter().find(|subject| subject.block.name == view.block.name);
    if let Some(chart) = subject.and_then(|subject| view.beliefs(beliefs, subject)) {
        drawn.add(&format!("{prefix}beliefs"), chart.render())?;
    }
    Ok(())
}

/// What tells variants of a block apart.
fn draw_comparison(drawn: &mut Drawn, view: &View<'_>, prefix: &str) -> Result<(), ReportError> {
    if view.manifest.regret {
        drawn.add(&format!("{prefix}rolling-regret"), view.rolling_regret().render())?;
        drawn.add(&format!("{prefix}best-model-share"), view.best_model_share().render())?;
        if let Some(chart) = view.regret_spread() {
            drawn.add(&format!("{prefix}regret-ecdf"), chart.render())?;
        }
    }
    if let Some(chart) = view.paired_difference() {
        drawn.add(&format!("{prefix}paired-difference"), chart.render())?;
    }
    if let Some(chart) = view.cost() {
        drawn.add(&format!("{prefix}cost"), chart.render())?;
    }
    if let Some(chart) = view.quality_cost() {
        drawn.add(&format!("{prefix}quality-cost"), chart.render())?;
    }
    Ok(())
}

/// A name as letters that any file system takes.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect()
}

/// What each block's chart files begin with: its name, numbered where two names come out alike; nothing where there is
/// one block.
fn file_stems(manifest: &Manifest) -> Vec<String> {
    let all: Vec<String> = manifest.blocks.iter().map(|block| plain(&block.name)).collect();
    match all.len() {
        1 => vec![String::new()],
        _ => all
            .iter()
            .enumerate()
            .map(|(at, stem)| match all.iter().filter(|other| *other == stem).count() {
                1 => format!("{stem}-"),
                _ => format!("{stem}-{}-", at + 1),
            })
            .collect(),
    }
}
