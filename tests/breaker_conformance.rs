//! What each breaker does by its defaults, driven, asserted and written down: `src/routing/breaker/CONFORMANCE.md`.
//!
//! `REFLEXARC_WRITE_TABLES=1` writes the table anew.

mod conformance;
#[path = "support/one_breaker.rs"]
mod one_breaker;

use conformance::{Cell, Rule};

fn all() -> Vec<Cell> {
    [conformance::breakers::cells(), conformance::outliers::cells()].into_iter().flatten().collect()
}

#[test]
fn the_table_says_what_the_breakers_do() {
    let text = conformance::render(&all());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/routing/breaker/CONFORMANCE.md");
    if std::env::var_os("REFLEXARC_WRITE_TABLES").is_some() {
        std::fs::write(path, &text).expect("the table can be written");
    }
    let known = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(text, known, "run it with REFLEXARC_WRITE_TABLES=1 and read what changed");
}

#[test]
fn every_breaker_answers_every_rule() {
    let cells = conformance::breakers::cells();
    for cell in &cells {
        for rule in Rule::ALL {
            let of = |other: &&Cell| other.preset == cell.preset && other.rule == rule;
            assert_eq!(cells.iter().filter(of).count(), 1, "{} {rule:?}", cell.preset);
        }
        assert!(!cell.says.is_empty() && !cell.source.is_empty());
    }
}
