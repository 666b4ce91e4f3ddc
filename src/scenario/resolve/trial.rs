//! Orders that hold two others: their keys with names resolved.

use crate::analysis::sequential::SAFE_FROM;
use crate::routing::trial::{AbTestRule, AdaptiveRule, LEAST_SAMPLES, TrialKind, Watch};
use crate::scenario::problem::Problems;
use crate::scenario::tree::{Node, Path};
use crate::scenario::values::Count;
use crate::scenario::written::{AbTest, Adaptive};
use crate::units::SimTime;

/// The largest alpha that a test may have; nobody means more than even odds of being wrong.
const LARGEST_ALPHA: f64 = 0.5;

pub(super) fn adaptive(written: &Adaptive) -> TrialKind {
    let count = |n: Count| usize::try_from(n.get()).unwrap_or(usize::MAX);
    TrialKind::Adaptive(AdaptiveRule {
        deploy_after: SimTime(written.deploy_after.nanos()),
        watch: count(written.watch),
        baseline_window: count(written.baseline_window.unwrap_or(written.watch)),
        calls_per_measurement: count(written.calls_per_measurement),
        tolerance: written.tolerance.get(),
        shadow_learning: written.shadow_learning,
    })
}

/// `stack` is the tree that the test was read from.
pub(super) fn ab_test(written: &AbTest, stack: &Node, problems: &mut Problems) -> TrialKind {
    let mut refuse = |key: &str, message: String, cure: String| {
        let span = stack.span_at(&Path::of(&format!("order.ab_test.{key}")));
        problems.add(span, message, cure);
    };
    let (share, least, most) =
        (written.share_b.get(), written.min_samples.get(), written.samples.get());
    if share == 0.0 || share == 1.0 {
        let message = format!("`share_b` cannot be {share}: one side gets no task");
        refuse("share_b", message, "write a number between 0 and 1, such as 0.5".to_owned());
    }
    if least < LEAST_SAMPLES {
        let message = format!("`min_samples` cannot be {least}: no verdict rests on so few");
        refuse("min_samples", message, format!("write {LEAST_SAMPLES} or more"));
    }
    if written.watch == Watch::Sequential && most < SAFE_FROM {
        let message = format!("`samples` cannot be {most}: a confidence sequence needs more");
        refuse("samples", message, format!("write {SAFE_FROM} or more, or another `watch`"));
    }
    if most < least {
        let message = format!("`samples` ({most}) is less than `min_samples` ({least})");
        refuse("samples", message, format!("write {least} or more, or fewer `min_samples`"));
    }
    if written.alpha.get() > LARGEST_ALPHA {
        let message = format!("`alpha` cannot be {}", written.alpha.get());
        refuse("alpha", message, format!("write at most {LARGEST_ALPHA}, such as 0.05"));
    }
    TrialKind::AbTest(AbTestRule {
        share_b: share,
        min_samples: least,
        samples: most,
        alpha: written.alpha.get().min(LARGEST_ALPHA),
        watch: written.watch,
        effect: written.effect.get(),
        then: written.then,
    })
}
