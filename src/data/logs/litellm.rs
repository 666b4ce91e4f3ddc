//! Spend logs of a LiteLLM proxy (table `LiteLLM_SpendLogs`), as JSON or CSV.
//!
//! The table has no nulls for numbers: 0 prompt tokens and a spend of 0 are its defaults, which stand for "not known".
//! `completionStartTime` of an answer that was not streamed is its `endTime`. JSON may also be the payload that LiteLLM
//! writes to buckets (`StandardLoggingPayload`), or a page of its HTTP interface (`{"data": [...]}`).

use std::collections::VecDeque;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::json::{Place, Values, looks_like_json};
use super::names::Names;
use super::rows::{Rows, TableRow};
use super::{Entry, Held, LogRow, given, outcome_of_error, stamp};
use crate::data::DataError;
use crate::data::table::{Kind, Table, Wanted, is_parquet};
use crate::domain::Outcome;

/// Calls that ask a language model for an answer; embeddings, images and the like are none.
const ANSWERS: [&str; 13] = [
    "completion",
    "acompletion",
    "text_completion",
    "atext_completion",
    "responses",
    "aresponses",
    "anthropic_messages",
    "generate_content",
    "agenerate_content",
    "generate_content_stream",
    "agenerate_content_stream",
    "pass_through_endpoint",
    "allm_passthrough_route",
];

#[derive(Default, Deserialize)]
#[serde(default)]
struct Line {
    #[serde(rename = "startTime")]
    start: Option<Value>,
    #[serde(rename = "endTime")]
    end: Option<Value>,
    #[serde(rename = "completionStartTime")]
    first: Option<Value>,
    model: Option<Value>,
    model_group: Option<Value>,
    custom_llm_provider: Option<Value>,
    prompt_tokens: Option<Value>,
    completion_tokens: Option<Value>,
    total_tokens: Option<Value>,
    spend: Option<Value>,
    response_cost: Option<Value>,
    status: Option<Value>,
    call_type: Option<Value>,
    cache_hit: Option<Value>,
    metadata: Option<Value>,
    error_information: Option<Value>,
    data: Option<Vec<Line>>,
}

/// A row, whichever way it was written.
struct Spend<'a> {
    start_ns: i64,
    end_ns: Option<i64>,
    first_ns: Option<i64>,
    model: &'a str,
    model_group: &'a str,
    provider: &'a str,
    input_tokens: u32,
    output_tokens: u32,
    total_tokens: u32,
    spend: f64,
    status: &'a str,
    call_type: &'a str,
    cache_hit: &'a str,
    metadata: &'a Value,
    error_information: &'a Value,
}

impl Spend<'_> {
    /// The row; what is wrong with it comes with the column.
    fn held(&self, names: &mut Names) -> Result<Held, (&'static str, String)> {
        if !self.call_type.is_empty() && !ANSWERS.contains(&self.call_type) {
            return Ok(Held::Other("calls that ask no language model for an answer"));
        }
        let is_cached = self.cache_hit.eq_ignore_ascii_case("true");
        let mut latency_s = None;
        let mut ttft_s = None;
        if let Some(end) = self.end_ns {
            if end < self.start_ns {
                return Err(("endTime", "lies before startTime".to_owned()));
            }
            // What the proxy answers from its cache says nothing about the model.
            if !is_cached {
                latency_s = Some(stamp::seconds_between(self.start_ns, end));
                let first = self.first_ns.filter(|&first| first >= self.start_ns && first < end);
                ttft_s = first.map(|first| stamp::seconds_between(self.start_ns, first));
            }
        }
        let total_input = self.total_tokens.saturating_sub(self.output_tokens);
        let input = if self.input_tokens > 0 { self.input_tokens } else { total_input };
        let outcome = self.outcome();
        let is_known = input > 0 || self.output_tokens > 0;
        let model = given(self.model).unwrap_or(self.model_group);
        Ok(Held::Request(LogRow {
            arrived_ns: self.start_ns,
            model: names.share(model).map_err(|reason| ("model", reason))?,
            provider: names
                .share(self.provider)
                .map_err(|reason| ("custom_llm_provider", reason))?,
            input_tokens: Some(input).filter(|n| *n > 0),
            output_tokens: Some(self.output_tokens).filter(|_| is_known),
            ttft_s,
            latency_s,
            outcome,
            cost_usd: Some(self.spend).filter(|usd| *usd > 0.0),
        }))
    }

    /// How it ended; older proxies keep the status in the metadata, or none of what was answered.
    fn outcome(&self) -> Option<Outcome> {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        let older = text(&self.metadata["status"]);
        match given(self.status).unwrap_or(&older) {
            "success" => Some(Outcome::Success),
            "" if self.output_tokens > 0 => Some(Outcome::Success),
            "" => None,
            _ => {
                let error = match &self.metadata["error_information"] {
                    Value::Null => self.error_information,
                    error => error,
                };
                let code = text(&error["error_code"]);
                let class = format!("{} {}", text(&error["error_class"]), code);
                Some(outcome_of_error(&class, code.trim().parse().ok()))
            }
        }
    }
}

pub(super) fn open(
    path: &Path,
) -> Result<Box<dyn Iterator<Item = Result<Entry, DataError>> + Send>, DataError> {
    if is_parquet(path) || !looks_like_json(path)? {
        return Ok(Box::new(open_table(path)?));
    }
    let mut lines = Lines {
        values: Values::open(path)?,
        names: Names::default(),
        page: VecDeque::new(),
        n_before: 0,
    };
    Ok(Box::new(std::iter::from_fn(move || lines.read().transpose())))
}

/// Rows of JSON, those of a page one by one.
struct Lines {
    values: Values,
    names: Names,
    page: VecDeque<Line>,
    /// Rows of pages beyond the one that each page counts for.
    n_before: u64,
}

impl Lines {
    fn read(&mut self) -> Result<Option<Entry>, DataError> {
        let line = match self.page.pop_front() {
            Some(line) => {
                self.n_before += 1;
                line
            }
            None => loop {
                let Some(mut line) = self.values.next_value::<Line>()? else { return Ok(None) };
                let Some(page) = line.data.take() else { break line };
                self.page = page.into();
                if let Some(first) = self.page.pop_front() {
                    break first;
                }
            },
        };
        let place = self.values.place().later(self.n_before);
        let held = of_line(&place, &line, &mut self.names)?;
        Ok(Some((place.row, held)))
    }
}

fn of_line(place: &Place<'_>, line: &Line, names: &mut Names) -> Result<Held, DataError> {
    let time = |column: &str, value: &Option<Value>| {
        let text = place.text(column, value.as_ref())?;
        let parse = |text: &str| {
            let parsed = stamp::parse(text);
            parsed.ok_or_else(|| place.error(column, format!("is \"{text}\", not a date and time")))
        };
        given(&text).map(parse).transpose()
    };
    let count = |column: &str, value: &Option<Value>| {
        place.count(column, value.as_ref()).map(Option::unwrap_or_default)
    };
    let text = |column: &str, value: &Option<Value>| place.text(column, value.as_ref());
    let start = time("startTime", &line.start)?;
    let spend = line.spend.as_ref().or(line.response_cost.as_ref());
    let metadata = unpacked(line.metadata.as_ref());
    let spend = Spend {
        start_ns: start.ok_or_else(|| place.error("startTime", "has no value"))?,
        end_ns: time("endTime", &line.end)?,
        first_ns: time("completionStartTime", &line.first)?,
        model: &text("model", &line.model)?,
        model_group: &text("model_group", &line.model_group)?,
        provider: &text("custom_llm_provider", &line.custom_llm_provider)?,
        input_tokens: count("prompt_tokens", &line.prompt_tokens)?,
        output_tokens: count("completion_tokens", &line.completion_tokens)?,
        total_tokens: count("total_tokens", &line.total_tokens)?,
        spend: place.non_negative("spend", spend)?.unwrap_or_default(),
        status: &text("status", &line.status)?,
        call_type: &text("call_type", &line.call_type)?,
        cache_hit: &text("cache_hit", &line.cache_hit)?,
        metadata: &metadata,
        error_information: line.error_information.as_ref().unwrap_or(&Value::Null),
    };
    spend.held(names).map_err(|(column, reason)| place.error(column, reason))
}

/// The metadata, which may be an object or one written as a text.
fn unpacked(metadata: Option<&Value>) -> Value {
    match metadata {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        Some(value) => value.clone(),
        None => Value::Null,
    }
}

fn open_table(
    path: &Path,
) -> Result<impl Iterator<Item = Result<Entry, DataError>> + Send + use<>, DataError> {
    let text = |name: &str| Wanted::new(name, Kind::Text).optional();
    let wanted = vec![
        Wanted::new("startTime", Kind::Text),
        text("endTime"),
        text("completionStartTime"),
        text("model"),
        text("model_group"),
        text("custom_llm_provider"),
        text("status"),
        text("call_type"),
        text("cache_hit"),
        text("metadata"),
        Wanted::new("prompt_tokens", Kind::Count).nullable(),
        Wanted::new("completion_tokens", Kind::Count).nullable(),
        Wanted::new("total_tokens", Kind::Count).optional(),
        Wanted::new("spend", Kind::NonNegative).optional(),
    ];
    let mut names = Names::default();
    let turn = move |row: &TableRow<'_>| {
        let time = |column: usize, name: &str| {
            let text = row.text(column);
            let wrong = || row.error(name, format!("is \"{text}\", not a date and time"));
            let written = given(text).filter(|text| !is_null(text));
            written.map(|text| stamp::parse(text).ok_or_else(wrong)).transpose()
        };
        let start = time(0, "startTime")?;
        let metadata = serde_json::from_str(row.text(9)).unwrap_or_default();
        let plain = |column| Some(row.text(column)).filter(|t| !is_null(t)).unwrap_or_default();
        let spend = Spend {
            start_ns: start.ok_or_else(|| row.error("startTime", "has no value"))?,
            end_ns: time(1, "endTime")?,
            first_ns: time(2, "completionStartTime")?,
            model: plain(3),
            model_group: plain(4),
            provider: plain(5),
            status: plain(6),
            call_type: plain(7),
            cache_hit: plain(8),
            metadata: &metadata,
            error_information: &Value::Null,
            input_tokens: row.count(10).unwrap_or_default(),
            output_tokens: row.count(11).unwrap_or_default(),
            total_tokens: row.count(12).unwrap_or_default(),
            spend: row.number(13).unwrap_or_default(),
        };
        spend.held(&mut names).map_err(|(column, reason)| row.error(column, reason))
    };
    Ok(Rows::new(path.to_owned(), Table::open(path, wanted)?, turn))
}

/// A null as databases export it.
fn is_null(text: &str) -> bool {
    matches!(text, "NULL" | "null" | "None" | "\\N")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(line: Value) -> Held {
        let place = Place::of(Path::new("spend.json"), 1);
        let line: Line = serde_json::from_value(line).expect("a line");
        of_line(&place, &line, &mut Names::default()).expect("good")
    }

    fn request(line: Value) -> LogRow {
        match held(line) {
            Held::Request(row) => row,
            Held::Other(what) => panic!("{what}"),
        }
    }

    #[test]
    fn a_streamed_answer_has_all_its_figures() {
        let row = request(serde_json::json!({
            "startTime": "2026-03-02T09:00:00+00:00", "endTime": "2026-03-02T09:00:02.5Z",
            "completionStartTime": "2026-03-02T09:00:00.400000+00:00", "call_type": "acompletion",
            "model": "gpt-4o", "custom_llm_provider": "openai", "prompt_tokens": 100,
            "completion_tokens": 20, "spend": 0.01, "status": "success", "messages": {"a": [1]},
        }));
        assert_eq!(
            (row.model.as_deref(), row.provider.as_deref()),
            (Some("gpt-4o"), Some("openai"))
        );
        assert_eq!((row.input_tokens, row.output_tokens), (Some(100), Some(20)));
        assert_eq!((row.ttft_s, row.latency_s), (Some(0.4), Some(2.5)));
        assert_eq!((row.outcome, row.cost_usd), (Some(Outcome::Success), Some(0.01)));
    }

    #[test]
    fn defaults_stand_for_what_is_not_known() {
        let start = "2026-03-02T09:00:00";
        // Not streamed: the first token is said to come with the end.
        let row = request(serde_json::json!({
            "startTime": start, "endTime": "2026-03-02T09:00:01", "prompt_tokens": 0,
            "completionStartTime": "2026-03-02T09:00:01", "completion_tokens": 0, "spend": 0.0,
            "model": "", "model_group": "fast", "status": "failure",
            "metadata": "{\"error_information\": {\"error_code\": \"429\", \"error_class\": \"\"}}",
        }));
        assert_eq!((row.input_tokens, row.output_tokens, row.cost_usd), (None, None, None));
        assert_eq!((row.ttft_s, row.latency_s), (None, Some(1.0)));
        assert_eq!(row.model.as_deref(), Some("fast"));
        assert_eq!(row.outcome, Some(Outcome::RateLimited));
        // No status, from a proxy before it had one.
        let row = request(
            serde_json::json!({"startTime": start, "total_tokens": 9, "completion_tokens": 2}),
        );
        assert_eq!((row.input_tokens, row.outcome), (Some(7), Some(Outcome::Success)));
        assert_eq!(request(serde_json::json!({"startTime": start})).outcome, None);
        // From the proxy's cache: a request, but no time of a model.
        let row = request(serde_json::json!({
            "startTime": start, "endTime": "2026-03-02T09:00:01", "cache_hit": "True", "prompt_tokens": 5,
        }));
        assert_eq!((row.input_tokens, row.latency_s), (Some(5), None));
        let other = held(serde_json::json!({"startTime": start, "call_type": "aembedding"}));
        assert!(matches!(other, Held::Other(_)));
    }
}
