//! Charts of simulation results as SVG and PNG, byte-identical for equal input.
//!
//! | chart | made with |
//! | --- | --- |
//! | lines over tasks, time or a parameter, with bands or error bars | [`LineChart`] |
//! | lines in panels of the same axes, one panel per model | [`SmallMultiples`] |
//! | shares as one stacked bar per variant | [`BarChart`] |
//! | shares over time as stacked areas, one panel per level | [`AreaChart`] |
//! | two measures against each other, one dot per variant | [`ScatterChart`] |
//! | cost-quality curves of routers, with named dots of single models | [`FrontierChart`] |
//! | a run on one time axis: tasks, and breaker, calls, quota and faults of each model | [`TimelineChart`] |
//! | mean ranks over scenarios with groups not told apart | [`RankChart`] |
//!
//! A chart is plain data with public fields; its `render` returns both pictures in memory.
//! Charts without data say "No data"; data that cannot be drawn is a [`ChartError`].

mod area;
mod axis;
mod fault;
mod frontier;
mod geometry;
mod legend;
mod line;
mod number;
mod output;
mod panel;
mod plot;
mod ranks;
mod raster;
mod scatter;
mod scene;
mod series;
mod share;
mod theme;
mod timeline;
mod typeface;
mod vector;

use std::error::Error;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

pub use area::{AreaChart, AreaPanel, Slice};
pub use axis::Axis;
pub use frontier::{FrontierChart, NamedDot};
pub use line::LineChart;
pub use panel::{Panel, SmallMultiples};
pub use ranks::RankChart;
pub use scatter::{Dot, ScatterChart};
pub use series::{Guide, Line, Mark, Point, Reference, Window};
pub use share::{Bar, BarChart, Model};
pub use timeline::{CallBin, Gate, Strip, TaskBin, TimelineChart};

/// A chart as two pictures of the same size and content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The SVG document, 900 pixels wide; texts are stored as text.
    pub svg: String,
    /// The PNG file, 1800 dots wide (two dots per pixel of the SVG).
    pub png: Vec<u8>,
}

impl Rendered {
    /// Writes `<stem>.svg` and `<stem>.png` into a folder that exists.
    ///
    /// # Errors
    ///
    /// Returns the error of the first file that could not be written.
    pub fn write(&self, folder: &Path, stem: &str) -> io::Result<()> {
        fs::write(folder.join(format!("{stem}.svg")), &self.svg)?;
        fs::write(folder.join(format!("{stem}.png")), &self.png)
    }
}

/// Why a chart could not be drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChartError {
    /// A number is not finite or is beyond ±10³⁰; the text says where it stands.
    Number(String),
    /// A point lies to the left of the point ahead of it.
    Order {
        /// The name of the line.
        line: String,
        /// The index of the point in the line.
        point: usize,
    },
    /// A point has its lower bound above its upper bound.
    Interval {
        /// The name of the line.
        line: String,
        /// The index of the point in the line.
        point: usize,
    },
    /// The fault window named ends before it starts.
    Window(String),
    /// The bar named has a share for more or fewer models than the chart, or shares that are
    /// negative or add up to more than 100 %.
    Shares(String),
    /// The picture could not be made; the text is that of the drawing library.
    Drawing(String),
}

impl fmt::Display for ChartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(place) => write!(f, "{place} is not a number that can be drawn"),
            Self::Order { line, point } => {
                write!(f, "point {point} of line '{line}' lies before the point ahead of it")
            }
            Self::Interval { line, point } => write!(
                f,
                "point {point} of line '{line}' has its lower bound above its upper bound"
            ),
            Self::Window(label) => write!(f, "fault window '{label}' ends before it starts"),
            Self::Shares(bar) => write!(
                f,
                "bar '{bar}' needs one share per model, none negative, at most 100 % in all"
            ),
            Self::Drawing(message) => write!(f, "the chart could not be drawn: {message}"),
        }
    }
}

impl Error for ChartError {}
