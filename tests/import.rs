//! `import`: logs of every format, the table they become, the description of the traffic, and what is said of broken ones.

#[expect(dead_code, reason = "a test of the program needs but some of this")]
mod program;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use program::{Desk, OUTAGE, Said};
use reflexarc::data::table::{Kind, Table, Wanted};
use serde_json::Value;

/// Runs an import with `--json`; it has to succeed.
fn import(desk: &Desk, arguments: &[&str]) -> Value {
    let all = [&["import"], arguments, &["--json"]].concat();
    serde_json::from_str(&desk.done(&all)).expect("JSON")
}

/// Runs an import that has to be refused, and leaves nothing.
fn refused(desk: &Desk, arguments: &[&str]) -> Said {
    let said = desk.run(&[&["import"], arguments, &["--out", "out.parquet"]].concat());
    assert_eq!(said.code, Some(2), "{said:?}");
    assert_eq!(said.err.matches("error: ").count(), 1, "{said:?}");
    for left in ["out.parquet", "out.partial"] {
        assert!(!desk.path(left).exists(), "{left} was left: {said:?}");
    }
    said
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    std::io::Write::write_all(&mut packed, text).expect("packed");
    packed.finish().expect("packed")
}

/// The rows of a table, each as one text; null is empty.
fn rows(path: &Path) -> Vec<String> {
    let text = |name: &str| Wanted::new(name, Kind::Text).nullable();
    let number = |name: &str| Wanted::new(name, Kind::NonNegative).nullable();
    let wanted = vec![
        number("arrived_s"),
        text("model"),
        text("provider"),
        number("input_tokens"),
        number("output_tokens"),
        number("ttft_s"),
        number("latency_s"),
        text("outcome"),
        number("cost_usd"),
    ];
    let mut all = Vec::new();
    for batch in Table::open(path, wanted).expect("a table") {
        let batch = batch.expect("good rows");
        for row in 0..batch.rows {
            let cells = batch.columns.iter().map(|column| match column.number(row) {
                Some(number) => number.to_string(),
                None => column.text(row).to_owned(),
            });
            all.push(cells.collect::<Vec<_>>().join("|"));
        }
    }
    all
}

fn assert_near(found: &Value, wanted: f64) {
    let found = found.as_f64().expect("a number");
    assert!((found / wanted - 1.0).abs() < 1e-12, "{found} instead of {wanted}");
}

/// Two thousand requests out of a linear congruential generator, in milliseconds: whole numbers that any program can make.
fn made() -> Vec<(u64, u64, u64)> {
    let mut x = 1_u64;
    let mut next = move || {
        x = (x * 1_103_515_245 + 12_345) % (1 << 31);
        x >> 8
    };
    let mut at = 0;
    (0..2000)
        .map(|i| {
            let gap = next() % 900 + if i % 250 == 249 { 5000 } else { 1 };
            at += if i > 0 { gap } else { 0 };
            (at, next() % 4000 + 1, next() % 800)
        })
        .collect()
}

fn made_csv() -> String {
    made().iter().fold("arrived_s,input_tokens,output_tokens\n".to_owned(), |mut text, row| {
        let _ = writeln!(text, "{},{},{}", row.0 as f64 / 1e3, row.1, row.2);
        text
    })
}

#[test]
fn the_description_has_the_values_that_numpy_computes() {
    let desk = Desk::new();
    desk.write("log.csv", &made_csv());
    let found = import(&desk, &["log.csv", "--out", "out.parquet"]);
    let traffic = &found["traffic"];
    assert_eq!(traffic["requests"], 2000);
    assert_eq!(traffic["duration_s"], 956.646);
    // numpy on the same rows: 1 / diff.mean(), diff.std(ddof=1) / diff.mean(), var(ddof=1) / mean of bincount over the
    // whole windows, and percentile.
    assert_near(&traffic["rate_per_s"], 2.089_592_179_343_247_5);
    assert_near(&traffic["interarrival_cv"], 0.859_372_518_299_161_1);
    for (at, windows, mean, index) in [
        (0, 956, 2.091_004_184_100_418_3, 0.483_288_240_979_128_25),
        (1, 95, 21.021_052_631_578_947, 0.665_977_689_939_164_1),
        (2, 15, 126.266_666_666_666_67, 0.527_756_826_067_280_1),
    ] {
        let own = &traffic["dispersion"][at];
        assert_eq!(own["windows"], windows);
        assert_near(&own["mean_count"], mean);
        assert_near(&own["index"], index);
    }
    for (column, total, wanted) in [
        ("input_tokens", 4_011_029, [1977.0, 3595.5, 3819.05, 3957.01, 3999.0]),
        ("output_tokens", 811_335, [412.0, 723.0, 763.0, 795.0, 799.0]),
    ] {
        assert_eq!(traffic[column]["total"], total);
        for (name, wanted) in ["p50", "p90", "p95", "p99", "max"].into_iter().zip(wanted) {
            assert_near(&traffic[column][name], wanted);
        }
    }
    assert_eq!(traffic["replay"]["requests"], 2000);
}

#[test]
fn what_was_imported_imports_again_and_is_a_workload() {
    let desk = Desk::new();
    desk.write("log.csv", &made_csv());
    let first = import(&desk, &["log.csv", "--out", "a.parquet"]);
    let again = import(&desk, &["a.parquet", "--out", "b.parquet"]);
    assert_eq!(first["traffic"], again["traffic"]);
    assert_eq!(rows(&desk.path("a.parquet")), rows(&desk.path("b.parquet")));
    let text = desk.done(&["import", "a.parquet", "--out", "b.parquet"]);
    for said in ["a.parquet (plain, 2000 rows)", "requests  2,000 in 15 min 57 s", "b.parquet\n"] {
        assert!(text.contains(said), "{said:?} is not in\n{text}");
    }
    let trace = "[workload.trace]\nfile = \"a.parquet\"";
    let replay = OUTAGE.replace("[workload.poisson]\nrate_per_s = 0.2", trace);
    assert_ne!(replay, OUTAGE);
    desk.write("replay.toml", &replay);
    desk.done(&["check", "replay.toml"]);
}

const AZURE: &str = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n\
                     2026-03-02 09:00:00.0000000,374,44\r\n\
                     2026-03-02 09:00:04.3145790,396,109\r\n\
                     2026-03-02 09:00:04.5418771,879,55\r\n";

#[test]
fn azure_traces_keep_their_last_digit() {
    let desk = Desk::new();
    let wanted = ["0|||374|44||||", "4.314579|||396|109||||", "4.5418771|||879|55||||"];
    desk.write("azure.csv", AZURE);
    fs::write(desk.path("azure.csv.gz"), gzip(AZURE.as_bytes())).expect("written");
    desk.write("marked.csv", &format!("\u{feff}{}", AZURE.replace("\r\n", "\n")));
    for log in ["azure.csv", "azure.csv.gz", "marked.csv"] {
        let found = import(&desk, &[log, "--out", "out.parquet"]);
        assert_eq!(found["logs"][0]["format"], "azure");
        assert_eq!(rows(&desk.path("out.parquet")), wanted, "{log}");
    }
}

#[test]
fn mooncake_traces_are_in_milliseconds() {
    let desk = Desk::new();
    let log = "{\"timestamp\": 27482, \"input_length\": 6955, \"output_length\": 52, \"hash_ids\": [46]}\n\
               {\"timestamp\": 30535, \"input_length\": 6472, \"output_length\": 26, \"hash_ids\": []}\n";
    desk.write("trace.jsonl", log);
    let found = import(&desk, &["trace.jsonl", "--out", "out.parquet"]);
    assert_eq!(found["logs"][0]["format"], "mooncake");
    assert_eq!(rows(&desk.path("out.parquet")), ["0|||6955|52||||", "3.053|||6472|26||||"]);
}

/// Three calls to a model and one embedding, in order of their ends: the second row arrived first.
const SPEND: [&str; 4] = [
    r#"{"request_id":"b","call_type":"acompletion","startTime":"2026-03-02T09:00:01Z","endTime":"2026-03-02T09:00:02Z","completionStartTime":"2026-03-02T09:00:02Z","model":"gpt-4o","custom_llm_provider":"openai","prompt_tokens":30,"completion_tokens":7,"total_tokens":37,"spend":0.25,"status":"success","metadata":{}}"#,
    r#"{"request_id":"a","call_type":"acompletion","startTime":"2026-03-02T09:00:00.500000+00:00","endTime":"2026-03-02T09:00:03+00:00","completionStartTime":"2026-03-02T09:00:00.750000+00:00","model":"gpt-4o","custom_llm_provider":"openai","prompt_tokens":100,"completion_tokens":20,"total_tokens":120,"spend":0.5,"status":"success","metadata":null}"#,
    r#"{"request_id":"c","call_type":"aembedding","startTime":"2026-03-02T09:00:02Z","endTime":"2026-03-02T09:00:03Z","model":"e","prompt_tokens":5,"completion_tokens":0}"#,
    r#"{"request_id":"d","call_type":"acompletion","startTime":"2026-03-02T09:00:04Z","endTime":"2026-03-02T09:00:04.250Z","completionStartTime":null,"model":"gpt-4o","custom_llm_provider":null,"prompt_tokens":0,"completion_tokens":0,"total_tokens":0,"spend":0,"status":"failure","metadata":"{\"error_information\":{\"error_code\":\"429\",\"error_class\":\"RateLimitError\"}}"}"#,
];

const SPEND_CSV: &str = "\"request_id\",\"call_type\",\"spend\",\"prompt_tokens\",\"completion_tokens\",\"startTime\",\"endTime\",\"completionStartTime\",\"model\",\"custom_llm_provider\",\"status\",\"metadata\"
b,acompletion,0.25,30,7,2026-03-02 09:00:01,2026-03-02 09:00:02,2026-03-02 09:00:02,gpt-4o,openai,success,{}
a,acompletion,0.5,100,20,2026-03-02 09:00:00.5,2026-03-02 09:00:03,2026-03-02 09:00:00.75,gpt-4o,openai,success,
c,aembedding,0,5,0,2026-03-02 09:00:02,2026-03-02 09:00:03,,e,,success,{}
d,acompletion,0,0,0,2026-03-02 09:00:04,2026-03-02 09:00:04.25,,gpt-4o,,failure,\"{\"\"error_information\"\": {\"\"error_code\"\": \"\"429\"\"}}\"
";

#[test]
fn spend_logs_of_litellm_are_the_same_as_lines_array_page_and_csv() {
    let desk = Desk::new();
    desk.write("lines.jsonl", &SPEND.join("\n"));
    desk.write("array.json", &format!("[{}]", SPEND.join(",\n ")));
    desk.write("page.json", &format!("{{\"data\":[{}],\"total\":4}}", SPEND.join(",")));
    desk.write("table.csv", SPEND_CSV);
    let wanted = [
        "0|gpt-4o|openai|100|20|0.25|2.5|success|0.5",
        "0.5|gpt-4o|openai|30|7||1|success|0.25",
        "3.5|gpt-4o|||||0.25|rate_limited|",
    ];
    for log in ["lines.jsonl", "array.json", "page.json", "table.csv"] {
        let found = import(&desk, &[log, "--out", "out.parquet"]);
        assert_eq!(found["logs"][0]["format"], "litellm");
        assert_eq!(found["logs"][0]["rows"], 4);
        assert_eq!(found["left_out"]["calls that ask no language model for an answer"], 1);
        assert_eq!(rows(&desk.path("out.parquet")), wanted, "{log}");
        assert_eq!(found["traffic"]["models"][0]["outcomes"]["success"], 2);
        assert_eq!(found["traffic"]["models"][0]["cost_usd"], 0.75);
        let replay = &found["traffic"]["replay"];
        assert_eq!(replay["requests"], 2);
        assert_eq!(replay["without_input"], 1);
    }
    let text = desk.done(&["import", "table.csv", "--out", "out.parquet"]);
    for said in [
        "left out  1 calls that ask no language model",
        "input_tokens in 1 (33.33 %)",
        "a workload replays 2 of them; 1 without input tokens are left out",
    ] {
        assert!(text.contains(said), "{said:?} is not in\n{text}");
    }
}

#[test]
fn spans_of_opentelemetry_are_the_same_in_both_forms() {
    let desk = Desk::new();
    // 2026-03-02 09:00:00 UTC.
    let otlp = r#"{"resourceSpans":[{"resource":{"attributes":[]},"scopeSpans":[{"scope":{"name":"gateway"},"spans":[{"traceId":"5b8e","spanId":"eee1","name":"chat gpt-4o","kind":3,"startTimeUnixNano":"1772442000000000000","endTimeUnixNano":"1772442001500000000","attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.provider.name","value":{"stringValue":"openai"}},{"key":"gen_ai.request.model","value":{"stringValue":"gpt-4o"}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":"100"}},{"key":"gen_ai.usage.output_tokens","value":{"intValue":"20"}},{"key":"gen_ai.response.time_to_first_chunk","value":{"doubleValue":0.25}},{"key":"gen_ai.response.finish_reasons","value":{"arrayValue":{"values":[{"stringValue":"stop"}]}}}],"status":{}},{"spanId":"eee2","name":"GET","startTimeUnixNano":"1772442000000000000","endTimeUnixNano":"1772442001500000000","attributes":[{"key":"http.request.method","value":{"stringValue":"GET"}}]}]}]}]}
{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"eee3","startTimeUnixNano":"1772442002000000000","endTimeUnixNano":"1772442032000000000","attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.request.model","value":{"stringValue":"gpt-4o"}},{"key":"error.type","value":{"stringValue":"timeout"}}],"status":{"code":2}}]}]}]}
"#;
    let flat = r#"{
    "name": "chat gpt-4o",
    "context": {"trace_id": "0x5b8e", "span_id": "0xeee1"},
    "start_time": "2026-03-02T09:00:00.000000Z",
    "end_time": "2026-03-02T09:00:01.500000Z",
    "status": {"status_code": "UNSET"},
    "attributes": {"gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.prompt_tokens": 100,
        "gen_ai.usage.completion_tokens": 20, "gen_ai.server.time_to_first_token": 0.25}
}
{"name": "GET", "start_time": "2026-03-02T09:00:00Z", "attributes": {"http.request.method": "GET"}}
{"start_time": "2026-03-02T09:00:02Z", "end_time": "2026-03-02T09:00:32Z", "status": {"status_code": "ERROR"},
 "attributes": {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "error.type": "timeout"}}
"#;
    desk.write("otlp.jsonl", otlp);
    desk.write("flat.jsonl", flat);
    for log in ["otlp.jsonl", "flat.jsonl"] {
        let found = import(&desk, &[log, "--out", "out.parquet"]);
        assert_eq!(found["logs"][0]["format"], "otel");
        assert_eq!(found["logs"][0]["rows"], 3);
        assert_eq!(found["left_out"]["spans that are not of generative AI"], 1);
        let wanted = ["0|gpt-4o|openai|100|20|0.25|1.5|success|", "2|gpt-4o|||||30|timeout|"];
        assert_eq!(rows(&desk.path("out.parquet")), wanted, "{log}");
    }
}

#[test]
fn logs_of_one_clock_go_on_one_time_line() {
    let desk = Desk::new();
    desk.write("a.csv", AZURE);
    desk.write("b.csv", &AZURE.replace("09:00:0", "09:10:0"));
    let found = import(&desk, &["a.csv", "b.csv", "--out", "out.parquet"]);
    assert_eq!(found["traffic"]["requests"], 6);
    assert_eq!(found["traffic"]["duration_s"], 604.541_877_1);
    fs::remove_file(desk.path("out.parquet")).expect("removed");
    desk.write("plain.csv", "arrived_s,input_tokens,output_tokens\n0,1,1\n");
    let said = refused(&desk, &["plain.csv", "plain.csv"]);
    assert!(said.err.contains("whose times are its own; import it alone"), "{said:?}");
}

#[test]
fn a_long_log_streams_and_its_order_is_mended_within_the_window() {
    let desk = Desk::new();
    let n = 300_000_u64;
    // Every block of 1000 rows is written backwards.
    let mut text = "arrived_s,input_tokens,output_tokens\n".to_owned();
    for i in 0..n {
        let at = i / 1000 * 1000 + 999 - i % 1000;
        let _ = writeln!(text, "{},{},{}", at as f64 / 8.0, at % 977, at % 389);
    }
    desk.write("log.csv", &text);
    let found = import(&desk, &["log.csv", "--out", "out.parquet", "--reorder", "999"]);
    let traffic = &found["traffic"];
    assert_eq!(traffic["requests"], n);
    assert_eq!(traffic["rate_per_s"], 8.0);
    assert_eq!(traffic["interarrival_cv"], 0.0);
    let mut next = 0_u64;
    let wanted =
        vec![Wanted::new("arrived_s", Kind::Number), Wanted::new("input_tokens", Kind::Count)];
    for batch in Table::open(&desk.path("out.parquet"), wanted).expect("a table") {
        let batch = batch.expect("good rows");
        for row in 0..batch.rows {
            assert_eq!(batch.columns[0].number(row), Some(next as f64 / 8.0));
            assert_eq!(batch.columns[1].number(row), Some((next % 977) as f64));
            next += 1;
        }
    }
    assert_eq!(next, n);
    fs::remove_file(desk.path("out.parquet")).expect("removed");
    let said = refused(&desk, &["log.csv", "--reorder", "900"]);
    let wanted = "log.csv, row 902, column `arrived_s`: lies 0.125 s or more before over 900 rows that stand above it; \
                  raise --reorder";
    assert!(said.err.contains(wanted), "{said:?}");
}

#[test]
fn broken_logs_give_one_error_with_its_place_and_leave_nothing() {
    let desk = Desk::new();
    let plain = "arrived_s,input_tokens,output_tokens\n";
    let spend = |old: &str, new: &str| format!("{}\n{}", SPEND[0], SPEND[1].replace(old, new));
    for (name, text, said) in [
        ("a.csv", String::new(), "a.csv: is empty"),
        ("b.csv", plain.to_owned(), "b.csv: has no rows"),
        (
            "c.csv",
            format!("{plain}0,1,1\n1,-5,1\n"),
            "row 2, column `input_tokens`: is -5, not a whole number",
        ),
        (
            "d.csv",
            format!("{plain}0,1,1\n1,1,NaN\n"),
            "row 2, column `output_tokens`: is \"NaN\", not a whole number",
        ),
        (
            "e.csv",
            format!("\u{feff}{plain}x,1,1\n").replace('\n', "\r\n"),
            "row 1, column `arrived_s`: is \"x\", not a number",
        ),
        (
            "f.csv",
            "arrived_s,input_tokens,output_tokens,outcome\n0,1,1,fine\n".to_owned(),
            "row 1, column `outcome`: is \"fine\", not one of success, partial",
        ),
        (
            "g.csv",
            "time,tokens\n1,2\n".to_owned(),
            "g.csv: is in no known format: it has `time`, `tokens`; bring it into one of plain (",
        ),
        (
            "h.csv",
            "TIMESTAMP,ContextTokens,GeneratedTokens\nnoon,1,1\n".to_owned(),
            "row 1, column `TIMESTAMP`: is \"noon\", not a date and time",
        ),
        (
            "i.jsonl",
            "{\"timestamp\": 1, \"input_length\": 1.5, \"output_length\": 1}".to_owned(),
            "row 1, column `input_length`: is 1.5, not a whole number",
        ),
        (
            "j.jsonl",
            "{\"timestamp\": 1, \"input_length\": NaN, \"output_length\": 1}".to_owned(),
            "row 1, column `input_length`: is NaN",
        ),
        ("k.json", "[]".to_owned(), "k.json: has no rows"),
        ("l.json", "[{\"a\": 1}]".to_owned(), "is in no known format: its first row has `a`"),
        (
            "m.jsonl",
            spend("\"prompt_tokens\":100", "\"prompt_tokens\":-100"),
            "row 2, column `prompt_tokens`: is -100, not a whole number",
        ),
        (
            "n.jsonl",
            spend("\"prompt_tokens\":100", "\"prompt_tokens\":\"many\""),
            "row 2, column `prompt_tokens`: is \"many\", not a number",
        ),
        (
            "o.jsonl",
            spend("T09:00:03+00:00", "T08:00:03+00:00"),
            "row 2, column `endTime`: lies before startTime",
        ),
        ("p.jsonl", SPEND[0][..100].to_owned(), "row 1: is cut off"),
        (
            "q.jsonl",
            SPEND[2].to_owned(),
            "holds no request to a language model, only calls that ask no language model",
        ),
    ] {
        desk.write(name, &text);
        let found = refused(&desk, &[name]);
        assert!(found.err.contains(said), "{said:?} is not in {}", found.err);
    }
    // Cut off: packed text, and Parquet.
    let packed = gzip(made_csv().as_bytes());
    fs::write(desk.path("cut.csv.gz"), &packed[..packed.len() / 2]).expect("written");
    desk.write("log.csv", &made_csv());
    import(&desk, &["log.csv", "--out", "whole.parquet"]);
    let whole = fs::read(desk.path("whole.parquet")).expect("read");
    fs::write(desk.path("cut.parquet"), &whole[..whole.len() / 2]).expect("written");
    for name in ["cut.csv.gz", "cut.parquet", "none.csv"] {
        let found = refused(&desk, &[name]);
        assert!(found.err.contains(&format!("{name}: cannot be read: ")), "{}", found.err);
    }
}

#[test]
fn places_that_would_lose_something_are_refused() {
    let desk = Desk::new();
    desk.write("log.csv", &made_csv());
    import(&desk, &["log.csv", "--out", "log.parquet"]);
    let before = fs::read(desk.path("log.parquet")).expect("read");
    for (log, out, said) in [
        ("log.csv", "log.csv", "does not end in .parquet"),
        ("log.parquet", "log.parquet", "is one of the logs"),
    ] {
        let found = desk.run(&["import", log, "--out", out]);
        assert_eq!(found.code, Some(2));
        assert!(found.err.contains(said), "{found:?}");
    }
    let found = desk.run(&["import", "log.csv", "--out", "none/out.parquet"]);
    assert_eq!(found.code, Some(1), "{found:?}");
    // A log that breaks off leaves the earlier table.
    desk.write("bad.csv", &format!("{}9999,x,1\n", made_csv()));
    assert_eq!(desk.run(&["import", "bad.csv", "--out", "log.parquet"]).code, Some(2));
    assert_eq!(fs::read(desk.path("log.parquet")).expect("read"), before);
    assert!(!desk.path("log.partial").exists());
}
