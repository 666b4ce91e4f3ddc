//! Request logs: a row for each request, in the order in which they were sent, as CSV or Parquet.

use std::collections::BTreeMap;
use std::path::Path;

use super::DataError;
use super::table::{Column, Kind, Table, Wanted, column_names};

/// What a log says of one model of one provider.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelLog {
    /// The provider; empty where the log has no such column.
    pub provider: String,
    /// The model.
    pub model: String,
    /// Requests in all.
    pub requests: u64,
    /// Requests that were refused for a rate limit.
    pub rate_limited: u64,
    /// Requests that failed otherwise, by the word or code of the log.
    pub errors: BTreeMap<String, u64>,
    /// Requests that were answered, in order.
    pub answers: Vec<LoggedAnswer>,
}

impl ModelLog {
    /// `provider/model`, or the model alone where there is no provider.
    #[must_use]
    pub fn name(&self) -> String {
        match self.provider.as_str() {
            "" => self.model.clone(),
            provider => format!("{provider}/{}", self.model),
        }
    }
}

/// A request that was answered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoggedAnswer {
    /// Time from the request to the end of the answer in seconds, above 0.
    pub end_to_end_s: f64,
    /// Time to the first token in seconds, above 0 and no longer than the whole.
    pub ttft_s: Option<f64>,
    /// Time between tokens in seconds as the log has it, whatever it means by that.
    pub inter_token_latency_s: Option<f64>,
    /// Tokens of the prompt.
    pub input_tokens: Option<f64>,
    /// Tokens of the answer.
    pub output_tokens: Option<f64>,
}

impl LoggedAnswer {
    /// Time of each output token behind the first one's wait: what is left of the whole time, over the answer's tokens, so
    /// that time to first token + tokens x this is the whole time again, as in a registry. `None` where the log lacks a part
    /// or nothing is left.
    #[must_use]
    pub fn per_token_s(&self) -> Option<f64> {
        let tokens = self.output_tokens.filter(|tokens| *tokens > 0.0)?;
        Some((self.end_to_end_s - self.ttft_s?) / tokens).filter(|s| *s > 0.0)
    }
}

/// Codes and words for a refusal because of a rate limit.
const RATE_LIMITED: [&str; 4] = ["429", "rate_limited", "rate_limit", "ratelimiterror"];
/// Codes and words for an answer.
const ANSWERED: [&str; 6] = ["", "200", "ok", "success", "completed", "0"];

/// Reads a log: `model`, `latency_s` or `end_to_end_s`, and where it has them `provider`, `ttft_s`,
/// `inter_token_latency_s`, `input_tokens`, `output_tokens`, and `error_code` or `outcome`.
///
/// A request counts as answered where its outcome or error code is empty, 200, 0, ok, success or completed; as refused for
/// a rate limit where it is 429 or a word for it. Times of what was not answered are not looked at. Models come in the order of
/// their names.
///
/// # Errors
/// If the file cannot be read, lacks a column, holds an impossible value, or an answered request has no time above 0 or a
/// first token after its end.
pub fn read(path: &Path) -> Result<Vec<ModelLog>, DataError> {
    let names = column_names(path)?;
    let has = |name: &str| names.iter().any(|known| known == name);
    let time = if has("end_to_end_s") { "end_to_end_s" } else { "latency_s" };
    let outcome = if has("error_code") { "error_code" } else { "outcome" };
    let wanted = vec![
        Wanted::new("model", Kind::Text),
        Wanted::new("provider", Kind::Text).optional(),
        Wanted::new(time, Kind::NonNegative).nullable(),
        Wanted::new("ttft_s", Kind::NonNegative).optional(),
        Wanted::new("inter_token_latency_s", Kind::NonNegative).optional(),
        Wanted::new("input_tokens", Kind::Count).optional(),
        Wanted::new("output_tokens", Kind::Count).optional(),
        Wanted::new(outcome, Kind::Text).optional(),
    ];
    let mut table = Table::open(path, wanted)?;
    let mut logs: BTreeMap<(String, String), ModelLog> = BTreeMap::new();
    while let Some(batch) = table.next().transpose()? {
        let columns = &batch.columns;
        for row in 0..batch.rows {
            let (model, provider) = (columns[0].text(row), columns[1].text(row));
            let log = logs.entry((provider.to_owned(), model.to_owned())).or_insert_with(|| {
                let (provider, model) = (provider.to_owned(), model.to_owned());
                ModelLog { provider, model, ..ModelLog::default() }
            });
            log.requests += 1;
            let class = class(columns[7].text(row));
            if RATE_LIMITED.contains(&class.as_str()) {
                log.rate_limited += 1;
            } else if ANSWERED.contains(&class.as_str()) {
                let at = batch.first + row as u64;
                log.answers.push(answer(columns, row, &table, (at, time))?);
            } else {
                *log.errors.entry(class).or_default() += 1;
            }
        }
    }
    if logs.is_empty() {
        return Err(DataError::of_file(path, "has no rows", "give it a row for each request"));
    }
    Ok(logs.into_values().collect())
}

/// A code or word as it is counted: in small letters, a number without its empty decimals.
fn class(text: &str) -> String {
    let text = text.trim();
    let whole = text.strip_suffix(".0").unwrap_or(text);
    whole.to_lowercase()
}

fn answer(
    columns: &[Column],
    row: usize,
    table: &Table,
    (at, time): (u64, &str),
) -> Result<LoggedAnswer, DataError> {
    let Some(end_to_end_s) = columns[2].number(row).filter(|s| *s > 0.0) else {
        let reason = "an answered request has no time above 0";
        return Err(table.error(at, time, reason));
    };
    let ttft_s = columns[3].number(row);
    if let Some(first) = ttft_s.filter(|first| !(*first > 0.0 && *first <= end_to_end_s)) {
        let reason =
            format!("is {first}, not above 0 and at most `{time}`, which is {end_to_end_s}");
        return Err(table.error(at, "ttft_s", reason));
    }
    Ok(LoggedAnswer {
        end_to_end_s,
        ttft_s,
        inter_token_latency_s: columns[4].number(row),
        input_tokens: columns[5].number(row),
        output_tokens: columns[6].number(row),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<ModelLog>, DataError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log.csv");
        std::fs::write(&path, text).expect("written");
        read(&path)
    }

    #[test]
    fn requests_are_parted_by_model_and_outcome() {
        let logs = read_text(
            "provider,model,ttft_s,end_to_end_s,input_tokens,output_tokens,error_code\n\
             b,m,0.5,2.5,10,4,\na,m,0,0,10,1,429.0\na,m,0.1,0.2,10,1,-100.0\nb,m,0.5,0.5,10,4,200\n",
        )
        .expect("good");
        let names: Vec<String> = logs.iter().map(ModelLog::name).collect();
        assert_eq!(names, ["a/m", "b/m"]);
        assert_eq!((logs[0].requests, logs[0].rate_limited, logs[0].answers.len()), (2, 1, 0));
        assert_eq!(logs[0].errors.iter().collect::<Vec<_>>(), [(&"-100".to_owned(), &1)]);
        let per_token: Vec<Option<f64>> =
            logs[1].answers.iter().map(LoggedAnswer::per_token_s).collect();
        assert_eq!(per_token, [Some(0.5), None]);
        let plain =
            read_text("model,latency_s,outcome\nm,1.5,success\nm,,Timeout\n").expect("good");
        assert_eq!((plain[0].name().as_str(), plain[0].answers.len()), ("m", 1));
        assert_eq!(plain[0].errors.keys().collect::<Vec<_>>(), ["timeout"]);
    }

    #[test]
    fn what_is_wrong_is_said_with_row_and_column() {
        for (text, said) in [
            (
                "model,latency_s\nm,1\nm,0\n",
                "row 2, column `latency_s`: an answered request has no",
            ),
            ("model,latency_s\nm,\n", "row 1, column `latency_s`: an answered request has no"),
            ("model,ttft_s,latency_s\nm,2,1\n", "row 1, column `ttft_s`: is 2, not above 0 and at"),
            ("model,latency_s\nm,-1\n", "row 1, column `latency_s`: is -1, not a number of 0 or"),
            ("model,latency_s,output_tokens\nm,1,-3\n", "row 1, column `output_tokens`: is -3"),
            ("model,latency_s\n,1\n", "row 1, column `model`: has no value"),
            ("model,ttft_s\nm,1\n", "lacks the column `latency_s`"),
            ("provider,latency_s\np,1\n", "lacks the column `model`"),
            ("model,latency_s\n", "has no rows"),
        ] {
            let error = read_text(text).expect_err("bad").to_string();
            assert!(error.contains(said), "{text:?} gave {error}");
        }
    }
}
