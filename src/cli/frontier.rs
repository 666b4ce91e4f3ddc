//! `frontier`: routers on a table of recorded outcomes.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{Stop, print};
use crate::data::outcomes::{self, Source};
use crate::offline::frontier::{self, Options};

#[derive(Args)]
pub(super) struct Frontier {
    /// A table of recorded outcomes: CSV or Parquet with prompt_id, model, quality, cost_usd, and where known domain and
    /// tokens
    #[arg(value_name = "TABLE")]
    table: PathBuf,
    /// A table of features: prompt_id and columns of numbers
    #[arg(long, value_name = "FILE")]
    features: Option<PathBuf>,
    /// Only these models, by default all whose cost is recorded
    #[arg(long, value_delimiter = ',', value_name = "MODEL,...")]
    models: Vec<String>,
    /// Only rows with this value of a column; may be given several times
    #[arg(long, value_name = "COLUMN=VALUE", value_parser = parse_only)]
    only: Vec<(String, String)>,
    /// Leave out models of which a single cost is missing, rather than the prompts where it is
    #[arg(long, conflicts_with = "models")]
    fully_priced: bool,
    /// The share of prompts to which routers are fitted; they are measured on the others
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, value_parser = parse_share)]
    train_share: f64,
    /// The strong model of routers between two, by default the best one of the training prompts
    #[arg(long, value_name = "MODEL")]
    strong: Option<String>,
    /// The weak model, by default the best one at a tenth of the strong one's cost
    #[arg(long, value_name = "MODEL")]
    weak: Option<String>,
    /// Resamples of prompts behind each interval
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    resamples: u32,
    /// Where to write the chart and all settings (frontier.svg, frontier.png, frontier.json)
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn parse_only(text: &str) -> Result<(String, String), String> {
    let (column, value) = text.split_once('=').ok_or("write it as column=value")?;
    Ok((column.to_owned(), value.to_owned()))
}

fn parse_share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| *share > 0.0 && *share < 1.0);
    share.ok_or_else(|| "a number between 0 and 1".to_owned())
}

impl Frontier {
    pub(super) fn run(self) -> Result<(), Stop> {
        let bad = |cause: &dyn std::fmt::Display| Stop::bad_input(format!("error: {cause}"));
        let source = Source {
            file: self.table.clone(),
            features: self.features,
            priced: self.models.is_empty() && !self.fully_priced,
            models: self.models,
            only: self.only,
            fully_priced: self.fully_priced,
        };
        let loaded = outcomes::read(&source).map_err(|error| bad(&error))?;
        let options = Options {
            train_share: self.train_share,
            strong: self.strong,
            weak: self.weak,
            resamples: self.resamples,
        };
        let found = frontier::measure(&loaded, &options)
            .map_err(|reason| bad(&format!("{}: {reason}", self.table.display())))?;
        print(&frontier::console(&found))?;
        match &self.out {
            Some(folder) => write(&found, &self.table, folder),
            None => Ok(()),
        }
    }
}

fn write(found: &frontier::Frontier, table: &Path, folder: &Path) -> Result<(), Stop> {
    let failed = |cause: &dyn std::fmt::Display| {
        Stop::failed(format!("error: cannot write to {}: {cause}", folder.display()))
    };
    std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    let name = table.file_stem().unwrap_or_default().to_string_lossy();
    let chart = frontier::chart(found, &name).render().map_err(|error| failed(&error))?;
    chart.write(folder, "frontier").map_err(|error| failed(&error))?;
    let json = serde_json::to_string_pretty(found).expect("figures are plain JSON");
    std::fs::write(folder.join("frontier.json"), json + "\n").map_err(|error| failed(&error))?;
    let names = ["frontier.svg", "frontier.png", "frontier.json"];
    let paths = names.map(|name| format!("{}\n", folder.join(name).display()));
    print(&format!("\n{}", paths.concat()))
}
