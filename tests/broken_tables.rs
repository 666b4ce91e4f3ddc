//! Outcome tables that are broken: one clear error each, with row and column; and oddities that are none.

#[expect(dead_code, reason = "a test of the program needs but some of this")]
mod program;

use std::fs;
use std::io::Write;
use std::path::Path;

use polars::prelude::{Column, DataFrame, IntoColumn, NamedFrom, ParquetWriter, Series};
use program::Desk;
use reflexarc::data::outcomes::{Source, read};

const HEAD: &str = "prompt_id,domain,model,quality,input_tokens,output_tokens,cost_usd,latency_s\n";
const GOOD: &str = "p1,math,a,1,10,20,0.001,0.5\np1,math,b,0,10,20,0.002,0.7\n";

const SCENARIO: &str = r#"format = 1
question = "Is the table whole?"
seeds = "1"

[time]
start = "2026-03-02T08:00"
zone = "UTC"
end.tasks = 10

[registry]
use = "outcomes"

[workload.poisson]
rate_per_s = 1

[world.outcomes]
file = "FILE"

[[variants]]
name = "random"
stack.order = "random"
"#;

/// What `check` says of a scenario with this table.
fn check(desk: &Desk, file: &str) -> String {
    desk.write("s.toml", &SCENARIO.replace("FILE", file));
    let said = desk.run(&["check", "s.toml"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    said.err
}

fn parquet(path: &Path, qualities: Series, tokens: &[i64]) {
    let n = tokens.len();
    let texts = |name: &str, values: &[&str]| Series::new(name.into(), &values[..n]).into_column();
    let columns: Vec<Column> = vec![
        texts("prompt_id", &["p1", "p1"]),
        texts("model", &["a", "b"]),
        qualities.into_column(),
        Series::new("input_tokens".into(), tokens).into_column(),
    ];
    let mut frame = DataFrame::new(n, columns).expect("equal lengths");
    let file = fs::File::create(path).expect("made");
    ParquetWriter::new(file).finish(&mut frame).expect("written");
}

fn assert_says(found: &str, wanted: &[&str]) {
    for text in wanted {
        assert!(found.contains(text), "no `{text}` in {found}");
    }
}

#[test]
fn each_break_of_a_csv_is_one_error_with_row_and_column() {
    let desk = Desk::new();
    for (row, wanted) in [
        ("p2,math,a,good,1,1,0,1", &["t.csv, row 3, column `quality`", "\"good\""][..]),
        ("p2,math,a,NaN,1,1,0,1", &["row 3, column `quality`", "\"NaN\""]),
        ("p2,math,a,1.5,1,1,0,1", &["row 3, column `quality`", "1.5"]),
        ("p2,math,a,1,-5,1,0,1", &["row 3, column `input_tokens`", "-5"]),
        ("p2,math,a,1,5,1.5,0,1", &["row 3, column `output_tokens`", "1.5"]),
        ("p2,math,a,1,5,1,-1,1", &["row 3, column `cost_usd`", "-1"]),
        ("p2,math,a,1,5,1,0,inf", &["row 3, column `latency_s`", "inf"]),
        (",math,a,1,5,1,0,1", &["row 3, column `prompt_id`", "has no value"]),
        ("p1,math,a,1,10,20,0.001,0.5", &["row 3, column `prompt_id`", "`p1`", "a second time"]),
        ("p1,law,a,1,10,20,0.001,0.5", &["row 3, column `domain`", "`math`"]),
        ("p2,math,a,1", &["row 3", "has 4 fields where the header has 8"]),
    ] {
        desk.write("t.csv", &format!("{HEAD}{GOOD}{row}\n"));
        assert_says(&check(&desk, "t.csv"), wanted);
    }
    desk.write("t.csv", "prompt_id,quality\np1,1\n");
    assert_says(&check(&desk, "t.csv"), &["lacks the column `model`"]);
}

#[test]
fn broken_parquet_and_gzip_are_told() {
    let desk = Desk::new();
    let path = desk.path("t.parquet");
    parquet(&path, Series::new("quality".into(), &["1", "good"]), &[1, 2]);
    assert_says(&check(&desk, "t.parquet"), &["row 1, column `quality`", "the text \"1\""]);
    parquet(&path, Series::new("quality".into(), &[1.0, f64::NAN]), &[1, 2]);
    assert_says(&check(&desk, "t.parquet"), &["row 2, column `quality`", "NaN"]);
    parquet(&path, Series::new("quality".into(), &[1.0, 0.5]), &[1, -2]);
    assert_says(&check(&desk, "t.parquet"), &["row 2, column `input_tokens`", "-2"]);
    parquet(&path, Series::new("quality".into(), &[1.0, 0.5]), &[1, 2]);
    let whole = fs::read(&path).expect("read");
    for n in [whole.len() - 5, whole.len() / 2, 3] {
        fs::write(&path, &whole[..n]).expect("written");
        assert_says(&check(&desk, "t.parquet"), &["t.parquet", "cut off or no Parquet"]);
    }
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(format!("{HEAD}{GOOD}").as_bytes()).expect("packed");
    let packed = packed.finish().expect("ended");
    fs::write(desk.path("t.csv.gz"), &packed[..packed.len() - 12]).expect("written");
    assert_says(&check(&desk, "t.csv.gz"), &["t.csv.gz", "cannot be read"]);
}

#[test]
fn a_byte_order_mark_and_either_line_end_are_read() {
    let desk = Desk::new();
    let text = format!("\u{feff}{HEAD}{GOOD}").replace('\n', "\r\n");
    desk.write("t.csv", &text);
    let source = Source { file: desk.path("t.csv"), ..Source::default() };
    let loaded = read(&source).expect("read");
    assert_eq!((loaded.rows, loaded.outcomes.models), (2, vec!["a".to_owned(), "b".to_owned()]));
}
