//! The chart of cost and quality on the prompts held out.

use super::{Frontier, Setting};
use crate::analysis::frontier::{Point, hull};
use crate::report::charts::{Axis, FrontierChart, Line, NamedDot, Point as Spot};

/// The hulls of all routers with several settings, single models and the oracle.
#[must_use]
pub fn chart(frontier: &Frontier, table: &str) -> FrontierChart {
    let mut lines = Vec::new();
    for (colour, family) in frontier.families.iter().enumerate() {
        let points: Vec<Point> = family.settings.iter().map(point).collect();
        let name = match colour {
            0 => "single models, mixed",
            _ => &family.name,
        };
        lines.push(Line {
            name: name.to_owned(),
            colour,
            points: FrontierChart::curve(&hull(&points)),
        });
    }
    let dot = |setting: &Setting, is_reference| NamedDot {
        name: setting.label.clone(),
        point: Spot {
            x: setting.cost_usd.value,
            y: setting.quality.value,
            low: setting.quality.low,
            high: setting.quality.high,
        },
        is_reference,
    };
    let mut singles = frontier.families[0].settings.clone();
    singles.sort_by(|a, b| b.quality.value.total_cmp(&a.quality.value));
    let mut dots = vec![dot(&frontier.oracle, true)];
    dots.extend(singles.iter().map(|single| dot(single, false)));
    dots.retain(|dot| dot.point.x > 0.0);
    let account = &frontier.account;
    FrontierChart {
        title: format!("Cost and quality of routers on {table}"),
        subtitle: format!(
            "fitted to {} prompts, measured on {} others; lines: convex hulls; bars: 95 % intervals over prompts",
            account.train, account.test
        ),
        x_axis: Axis::new("Mean cost of a prompt", "USD").logarithmic(),
        y_axis: Axis::new("Mean quality", ""),
        lines,
        dots,
        dots_name: "single model".to_owned(),
    }
}

fn point(setting: &Setting) -> Point {
    Point { cost_usd: setting.cost_usd.value, quality: setting.quality.value }
}
