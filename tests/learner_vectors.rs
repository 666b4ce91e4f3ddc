//! Golden values of learners: figures without any randomness, recorded from independent implementations.

use reflexarc::learners::kl::{kl, klucb};
use serde_json::Value;

/// The values are printed in double precision and computed in other orders of the same operations.
const EXACT: f64 = 1e-9;

/// The golden values of one entry: rows of inputs with the result last, or an object.
fn golden(entry: &str) -> Value {
    let file: Value = serde_json::from_str(include_str!("vectors/learner_golden_vectors.json"))
        .expect("the vectors are JSON");
    file.get(entry).unwrap_or_else(|| panic!("no entry `{entry}`")).clone()
}

/// Numbers of a JSON list.
fn numbers(list: &Value) -> Vec<f64> {
    let number = |v: &Value| v.as_f64().unwrap_or_else(|| panic!("{v} is no number"));
    list.as_array().unwrap_or_else(|| panic!("{list} is no list")).iter().map(number).collect()
}

/// Whether a computed value is the recorded one.
fn agree(what: &str, computed: f64, recorded: f64) {
    let allowed = EXACT * recorded.abs().max(1.0);
    assert!((computed - recorded).abs() <= allowed, "{what}: {computed}, recorded {recorded}");
}

#[test]
fn divergence_and_its_upper_bound() {
    for (entry, function) in [("kl_bern", kl as fn(f64, f64) -> f64), ("klucb_bern(p,d)", klucb)] {
        let rows = golden(entry);
        for row in rows.as_array().expect("rows").iter().map(numbers) {
            agree(&format!("{entry} {row:?}"), function(row[0], row[1]), row[2]);
        }
    }
}
