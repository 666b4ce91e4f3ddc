//! OpenTelemetry spans by the semantic conventions for generative AI, as JSON lines.
//!
//! Either OTLP (`resourceSpans`, `scopeSpans`, `spans`, attributes as an array of key and value: the file exporter of the
//! OpenTelemetry collector), or a span a line with its attributes as an object (the SDKs' console exporters). Names as of
//! the conventions' version 1.41, and the older ones that they replaced.
//!
//! The model is the one that was asked for: a failed call has no other, and one model should not appear under two names.

use std::collections::VecDeque;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::json::{Place, Values};
use super::names::Names;
use super::{Entry, Held, LogRow, given, outcome_of_error, stamp};
use crate::data::DataError;
use crate::domain::Outcome;

/// Operations that ask a language model for an answer; embeddings, tools and agents are none.
const ANSWERS: [&str; 3] = ["chat", "text_completion", "generate_content"];

const MODEL: [&str; 2] = ["gen_ai.request.model", "gen_ai.response.model"];
const PROVIDER: [&str; 2] = ["gen_ai.provider.name", "gen_ai.system"];
const INPUT_TOKENS: [&str; 2] = ["gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"];
const OUTPUT_TOKENS: [&str; 2] = ["gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"];
const TTFT: [&str; 2] =
    ["gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token"];
const ERROR: [&str; 1] = ["error.type"];
const HTTP_STATUS: [&str; 2] = ["http.response.status_code", "http.status_code"];
const OPERATION: [&str; 1] = ["gen_ai.operation.name"];
const COST: [&str; 1] = ["gen_ai.usage.cost"];

#[derive(Default, Deserialize)]
#[serde(default)]
struct ResourceSpans {
    #[serde(rename = "scopeSpans", alias = "instrumentationLibrarySpans")]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ScopeSpans {
    spans: Vec<Span>,
}

/// A span, or an export with many.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Span {
    #[serde(rename = "resourceSpans")]
    resource_spans: Option<Vec<ResourceSpans>>,
    #[serde(rename = "startTimeUnixNano", alias = "start_time_unix_nano")]
    start_nano: Option<Value>,
    #[serde(rename = "endTimeUnixNano", alias = "end_time_unix_nano")]
    end_nano: Option<Value>,
    #[serde(rename = "startTime", alias = "start_time")]
    start: Option<Value>,
    #[serde(rename = "endTime", alias = "end_time")]
    end: Option<Value>,
    attributes: Value,
    status: Value,
}

pub(super) fn open(
    path: &Path,
) -> Result<impl Iterator<Item = Result<Entry, DataError>> + Send + use<>, DataError> {
    let mut values = Values::open(path)?;
    let mut names = Names::default();
    let mut spans = VecDeque::new();
    let mut read = move || {
        while spans.is_empty() {
            let Some(mut line) = values.next_value::<Span>()? else { return Ok(None) };
            match line.resource_spans.take() {
                Some(resources) => {
                    let scopes = resources.into_iter().flat_map(|resource| resource.scope_spans);
                    spans.extend(scopes.flat_map(|scope| scope.spans));
                }
                None => spans.push_back(line),
            }
        }
        let span: Option<Span> = spans.pop_front();
        let place = values.place();
        let held = span.map(|span| held(&place, &span, &mut names)).transpose()?;
        Ok(held.map(|held| (place.row, held)))
    };
    Ok(std::iter::from_fn(move || read().transpose()))
}

/// The first of some attributes that a span has, and its name.
fn attribute<'a>(
    attributes: &'a Value,
    names: &[&'static str],
) -> Option<(&'static str, &'a Value)> {
    let find = |name: &str| match attributes {
        Value::Object(object) => object.get(name),
        Value::Array(pairs) => {
            let pair = pairs.iter().find(|pair| pair["key"] == name)?;
            // The value is an object of one entry, named by its type: `{"intValue": "12"}`.
            pair["value"].as_object()?.values().next()
        }
        _ => None,
    };
    names.iter().find_map(|name| find(name).filter(|v| !v.is_null()).map(|value| (*name, value)))
}

fn held(place: &Place<'_>, span: &Span, names: &mut Names) -> Result<Held, DataError> {
    let found = |wanted: &[&'static str]| attribute(&span.attributes, wanted);
    let text = |wanted: &[&'static str]| match found(wanted) {
        Some((name, value)) => place.text(name, Some(value)),
        None => Ok(String::new()),
    };
    let operation = text(&OPERATION)?;
    let model = text(&MODEL)?;
    if operation.is_empty() && model.is_empty() {
        return Ok(Held::Other("spans that are not of generative AI"));
    }
    if !operation.is_empty() && !ANSWERS.contains(&operation.as_str()) {
        return Ok(Held::Other("spans that ask no language model for an answer"));
    }
    let count = |wanted: &[&'static str]| match found(wanted) {
        Some((name, value)) => place.count(name, Some(value)),
        None => Ok(None),
    };
    let amount = |wanted: &[&'static str]| match found(wanted) {
        Some((name, value)) => place.non_negative(name, Some(value)),
        None => Ok(None),
    };
    let start = time(place, ("startTimeUnixNano", &span.start_nano), ("startTime", &span.start))?;
    let start = start.ok_or_else(|| place.error("startTimeUnixNano", "has no value"))?;
    let end = time(place, ("endTimeUnixNano", &span.end_nano), ("endTime", &span.end))?;
    if end.is_some_and(|end| end < start) {
        return Err(place.error("endTimeUnixNano", "lies before startTimeUnixNano"));
    }
    let provider = text(&PROVIDER)?;
    let status = amount(&HTTP_STATUS)?.map(|status| status as u16);
    let class = text(&ERROR)?;
    let outcome = if !class.is_empty() || is_error(&span.status) {
        outcome_of_error(&class, status)
    } else {
        Outcome::Success
    };
    Ok(Held::Request(LogRow {
        arrived_ns: start,
        model: names.share(&model).map_err(|reason| place.error(MODEL[0], reason))?,
        provider: names.share(&provider).map_err(|reason| place.error(PROVIDER[0], reason))?,
        input_tokens: count(&INPUT_TOKENS)?,
        output_tokens: count(&OUTPUT_TOKENS)?,
        ttft_s: amount(&TTFT)?,
        latency_s: end.map(|end| stamp::seconds_between(start, end)),
        outcome: Some(outcome),
        cost_usd: amount(&COST)?,
    }))
}

/// A time: whole nanoseconds, or else a date and time. 0 is what is not set.
fn time(
    place: &Place<'_>,
    (nano_name, nano): (&str, &Option<Value>),
    (name, written): (&str, &Option<Value>),
) -> Result<Option<i64>, DataError> {
    let text = place.text(nano_name, nano.as_ref())?;
    if let Some(text) = given(&text) {
        let nanos: Option<i64> = text.parse().ok().filter(|nanos| *nanos >= 0);
        let wrong = || place.error(nano_name, format!("is \"{text}\", not whole nanoseconds"));
        return Ok(Some(nanos.ok_or_else(wrong)?).filter(|nanos| *nanos > 0));
    }
    let text = place.text(name, written.as_ref())?;
    let wrong = || place.error(name, format!("is \"{text}\", not a date and time"));
    given(&text).map(|text| stamp::parse(text).ok_or_else(wrong)).transpose()
}

/// Whether a span's status is an error: code 2 in OTLP, a name elsewhere.
fn is_error(status: &Value) -> bool {
    let code = ["code", "status_code"].into_iter().map(|key| &status[key]);
    code.chain([status]).any(|code| match code {
        Value::Number(number) => number.as_u64() == Some(2),
        Value::String(name) => name.to_ascii_uppercase().ends_with("ERROR"),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(span: &str) -> Result<Held, DataError> {
        let span: Span = serde_json::from_str(span).expect("a span");
        held(&Place::of(Path::new("spans.jsonl"), 4), &span, &mut Names::default())
    }

    fn request(span: &str) -> LogRow {
        match of(span).expect("good") {
            Held::Request(row) => row,
            Held::Other(what) => panic!("{what}"),
        }
    }

    #[test]
    fn both_forms_of_a_span_say_the_same() {
        let otlp = r#"{"startTimeUnixNano": "1772442000000000000", "endTimeUnixNano": "1772442001500000000",
            "status": {}, "attributes": [
            {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
            {"key": "gen_ai.provider.name", "value": {"stringValue": "openai"}},
            {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-4o"}},
            {"key": "gen_ai.response.model", "value": {"stringValue": "gpt-4o-2024-08-06"}},
            {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "100"}},
            {"key": "gen_ai.usage.output_tokens", "value": {"intValue": 20}},
            {"key": "gen_ai.response.time_to_first_chunk", "value": {"doubleValue": 0.25}}]}"#;
        // 2026-03-02 09:00:00 UTC, by `date -u -d @1772442000`.
        let flat = r#"{"start_time": "2026-03-02T09:00:00.000000Z", "end_time": "2026-03-02T09:00:01.500000Z",
            "status": {"status_code": "UNSET"}, "attributes": {"gen_ai.system": "openai",
            "gen_ai.request.model": "gpt-4o", "gen_ai.usage.prompt_tokens": 100,
            "gen_ai.usage.completion_tokens": 20, "gen_ai.server.time_to_first_token": 0.25}}"#;
        let row = request(otlp);
        assert_eq!(row, request(flat));
        assert_eq!(
            (row.model.as_deref(), row.provider.as_deref()),
            (Some("gpt-4o"), Some("openai"))
        );
        assert_eq!((row.input_tokens, row.output_tokens), (Some(100), Some(20)));
        assert_eq!((row.ttft_s, row.latency_s), (Some(0.25), Some(1.5)));
        assert_eq!(row.outcome, Some(Outcome::Success));
    }

    #[test]
    fn errors_and_other_spans_are_told_apart() {
        let start = r#""startTimeUnixNano": "5", "endTimeUnixNano": "0""#;
        let timeout = format!(
            r#"{{{start}, "attributes": {{"gen_ai.request.model": "m", "error.type": "timeout"}}}}"#
        );
        let row = request(&timeout);
        assert_eq!((row.outcome, row.latency_s), (Some(Outcome::Timeout), None));
        let status = format!(
            r#"{{{start}, "status": {{"code": 2}}, "attributes": {{"gen_ai.request.model": "m", "http.response.status_code": 429}}}}"#
        );
        assert_eq!(request(&status).outcome, Some(Outcome::RateLimited));
        for attributes in [
            r#"{"http.request.method": "GET"}"#,
            r#"{"gen_ai.operation.name": "execute_tool"}"#,
            r#"{"gen_ai.operation.name": "embeddings", "gen_ai.request.model": "m"}"#,
        ] {
            let span = format!(r#"{{{start}, "attributes": {attributes}}}"#);
            assert!(matches!(of(&span), Ok(Held::Other(_))), "{attributes}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_attribute() {
        for (span, said) in [
            (
                r#"{"startTimeUnixNano": 5, "attributes": {"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": -3}}"#,
                "row 4, column `gen_ai.usage.input_tokens`: is -3, not a whole number of 0 or more",
            ),
            (
                r#"{"startTimeUnixNano": "x", "attributes": {"gen_ai.request.model": "m"}}"#,
                "row 4, column `startTimeUnixNano`: is \"x\", not whole nanoseconds",
            ),
            (
                r#"{"attributes": {"gen_ai.request.model": "m"}}"#,
                "row 4, column `startTimeUnixNano`: has no value",
            ),
            (
                r#"{"startTimeUnixNano": 5, "endTimeUnixNano": 4, "attributes": {"gen_ai.request.model": "m"}}"#,
                "row 4, column `endTimeUnixNano`: lies before startTimeUnixNano",
            ),
        ] {
            let error = of(span).expect_err("bad").to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
