//! `import`: logs of gateways in, the project's own table of requests out.

use std::path::PathBuf;

use clap::Args;

use super::{Stop, print};
use crate::data::logs::Format;
use crate::data::logs::own::Requests;
use crate::offline::import::{self, ImportError};
use crate::results::column::Table;

#[derive(Args)]
#[command(after_long_help = long_help())]
pub(super) struct Import {
    /// Logs, gzipped where the name ends in .gz; several in order of time
    #[arg(required = true, value_name = "LOG")]
    logs: Vec<PathBuf>,
    /// The Parquet file to write
    #[arg(long, value_name = "FILE.parquet")]
    out: PathBuf,
    /// Format of the logs [default: told from their content]
    #[arg(long, value_name = "NAME", value_parser = parse_format)]
    format: Option<Format>,
    /// Rows that are held back to bring a log into order of arrival
    #[arg(long, value_name = "N", default_value_t = import::REORDER as u32, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    reorder: u32,
    /// Print the description as JSON
    #[arg(long)]
    json: bool,
}

fn parse_format(text: &str) -> Result<Format, String> {
    let known = Format::ALL.into_iter().find(|format| format.name() == text);
    known.ok_or_else(|| format!("expected one of {}", Format::ALL.map(Format::name).join(", ")))
}

fn long_help() -> String {
    let formats = Format::ALL.map(|f| format!("  {:<9} {}\n", f.name(), f.describe())).concat();
    let columns = Requests::DOC.columns.iter().map(|column| {
        let null = if column.nullable { ", or null" } else { "" };
        format!("  {:<14} {} ({}{null})\n", column.name, column.doc, column.kind.name())
    });
    format!("Formats:\n{formats}\nColumns of the table:\n{}", columns.collect::<String>())
}

impl Import {
    pub(super) fn run(&self) -> Result<(), Stop> {
        let imported = import::import(&self.logs, self.format, self.reorder as usize, &self.out);
        let imported = imported.map_err(|error| match &error {
            ImportError::Table(_) => Stop::failed(format!("error: {error}")),
            _ => Stop::bad_input(format!("error: {error}")),
        })?;
        if self.json {
            let text = serde_json::to_string_pretty(&imported).expect("figures are plain JSON");
            return print(&format!("{text}\n"));
        }
        print(&format!("{}table     {}\n", imported.describe(), self.out.display()))
    }
}
