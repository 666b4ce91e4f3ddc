//! The chart of cost and quality on the prompts held out.

use super::{Frontier, Setting};
use crate::analysis::frontier::{Point, hull};
use crate::math;
use crate::report::charts::{Axis, FrontierChart, Line, NamedDot, Point as Spot};

/// Points of a curve between its ends: what is straight in dollars is bent where factors are equally far apart.
const FINE: u32 = 160;

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
        lines.push(Line { name: name.to_owned(), colour, points: fine(&hull(&points)) });
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
    }
}

fn point(setting: &Setting) -> Point {
    Point { cost_usd: setting.cost_usd.value, quality: setting.quality.value }
}

/// The corners of a hull, and points between them.
fn fine(hull: &[Point]) -> Vec<Spot> {
    let hull: Vec<Point> = hull.iter().copied().filter(|corner| corner.cost_usd > 0.0).collect();
    let (Some(first), Some(last)) = (hull.first(), hull.last()) else { return Vec::new() };
    let factor = last.cost_usd / first.cost_usd;
    let mut spots: Vec<Spot> =
        hull.iter().map(|corner| Spot::exact(corner.cost_usd, corner.quality)).collect();
    for n in 1..FINE {
        let cost = first.cost_usd * math::powf(factor, f64::from(n) / f64::from(FINE));
        if let Some(pair) = hull.windows(2).find(|pair| cost < pair[1].cost_usd)
            && cost > pair[0].cost_usd
        {
            let part = (cost - pair[0].cost_usd) / (pair[1].cost_usd - pair[0].cost_usd);
            let quality = pair[0].quality + part * (pair[1].quality - pair[0].quality);
            spots.push(Spot::exact(cost, quality));
        }
    }
    spots.sort_by(|a, b| a.x.total_cmp(&b.x));
    spots
}
