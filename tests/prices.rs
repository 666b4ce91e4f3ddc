//! Prices from a table of snapshots: what is declared, what a price change bills, and what a wrong table or name says.

#[expect(dead_code, reason = "a test of the program needs but some of this")]
mod program;

use program::Desk;
use reflexarc::results::column::Table;
use reflexarc::results::parquet::Rows;
use reflexarc::results::schema::Attempts;
use reflexarc::scenario;

const TABLE: &str = "snapshot,model,provider,usd_per_token_in,usd_per_token_out\n\
     2024-09-06,one,x,0.000005,0.000015\n2024-09-06,vendor/two,x,2e-6,2e-6\n2024-09-06,bare,x,1e-6,\n\
     2025-02-19,one,x,2.5e-6,0.00001\n2025-02-19,vendor/two,x,4e-6,1e-6\n2025-02-19,vendor/two-long,x,1,1\n\
     2026-08-01,one,x,1e-6,1e-6\n";

/// A day of two models, a call every hour, prices from the table.
const DAY: &str = "format = 1
question = \"?\"
seeds = \"1\"

[time]
start = \"2026-03-02T00:00\"
zone = \"UTC\"
end.after = \"24h\"

[registry]
prices = { file = \"p.csv\", snapshot = \"2024-09-06\", models = { two = \"vendor/two\" } }

[registry.models.one]
provider = \"x\"
score = 80
success = 1
quality = 80
response_ms = 1000

[registry.models.two]
provider = \"y\"
score = 70
success = 1
quality = 70
response_ms = 1000

[workload.fixed_interval]
interval = \"1h\"

[[task_types]]
name = \"t\"
share = 1
level = \"L1\"
input_tokens = 1000
output_tokens = 100

[[faults]]
effect.price_change = { to_snapshot = \"2025-02-19\" }
everything = true
start = \"08:00\"
end = \"16:00\"

[stack]
order = \"round_robin\"
";

fn desk(text: &str) -> Desk {
    let desk = Desk::new();
    desk.write("p.csv", TABLE);
    desk.write("x.toml", text);
    desk
}

/// Start in hours, model and cost in millionths of a dollar of every call.
fn bills(desk: &Desk) -> Vec<(f64, String, f64)> {
    desk.done(&["run", "x.toml", "--quiet", "--out", "o"]);
    let rows = Rows::read(&desk.path("o"), &Attempts::DOC).expect("read");
    let numbers = |name| rows.numbers(name).expect("numbers");
    let (at, usd) = (numbers("dispatched_s"), numbers("cost_usd"));
    let models = rows.texts("model").expect("text");
    (0..models.len())
        .map(|i| {
            let hours = at[i].expect("a start") / 3600.0;
            (hours, models[i].clone(), 1e6 * usd[i].expect("a cost"))
        })
        .collect()
}

fn assert_bill(found: f64, expected: f64, call: &(f64, String, f64)) {
    assert!((found - expected).abs() < 1e-6, "{call:?}: {expected} expected");
}

#[test]
fn calls_are_billed_at_the_prices_of_the_snapshot_that_holds() {
    let calls = bills(&desk(DAY));
    assert!(calls.len() >= 23);
    for call in &calls {
        // 1000 tokens in and 100 out, by hand from the table.
        let changed = (8.0..16.0).contains(&call.0);
        let expected = match (call.1.as_str(), changed) {
            ("one", false) => 5000.0 + 1500.0,
            ("one", true) => 2500.0 + 1000.0,
            ("two", false) => 2000.0 + 200.0,
            _ => 4000.0 + 100.0,
        };
        assert_bill(call.2, expected, call);
    }
    assert!(calls.iter().any(|call| call.1 == "two" && (8.0..16.0).contains(&call.0)));
}

#[test]
fn a_factor_beside_another_list_multiplies_it_and_the_last_list_counts() {
    let more = "[[faults]]\neffect.price_change = { factor = 2 }\nmodels = [\"two\"]\nstart = \"12:00\"\n\n\
         [[faults]]\neffect.price_change = { to_snapshot = \"2026-08-01\" }\nmodels = [\"one\"]\nstart = \"14:00\"\n\n[stack]";
    for call in &bills(&desk(&DAY.replacen("[stack]", more, 1))) {
        let doubled = if call.0 >= 12.0 { 2.0 } else { 1.0 };
        let changed = (8.0..16.0).contains(&call.0);
        let expected = match call.1.as_str() {
            "one" if call.0 >= 14.0 => 1100.0,
            "one" => {
                if changed {
                    3500.0
                } else {
                    6500.0
                }
            }
            _ => doubled * if changed { 4100.0 } else { 2200.0 },
        };
        assert_bill(call.2, expected, call);
    }
}

#[test]
fn the_cheapest_order_follows_todays_list_only_if_it_reads_it() {
    // 1000 in and 300 out, as the order expects: one costs 9500 and then 5500, two 2600 and then 4300; at the third date
    // one costs 1300.
    let faults = DAY.replacen(
        "[stack]\norder = \"round_robin\"",
        "[[faults]]\neffect.price_change = { to_snapshot = \"2026-08-01\" }\nmodels = [\"one\"]\nstart = \"16:00\"\nend = \"20:00\"\n\n\
         [stack]\norder = \"cheapest\"",
        1,
    );
    assert!(bills(&desk(&faults)).iter().all(|call| call.1 == "two"));
    let reads =
        faults.replacen("order = \"cheapest\"", "order.cheapest = { prices = \"current\" }", 1);
    for call in &bills(&desk(&reads)) {
        let expected = if (16.0..20.0).contains(&call.0) { "one" } else { "two" };
        assert_eq!(call.1, expected, "{call:?}");
    }
}

#[test]
fn recorded_bills_give_way_to_tokens_at_the_new_prices() {
    let desk = Desk::new();
    desk.write("p.csv", TABLE);
    let mut table = "prompt_id,model,quality,input_tokens,output_tokens,cost_usd\n".to_owned();
    for prompt in 0..40 {
        table += &format!("p{prompt},one,1,{},50,0.123\n", 100 + prompt);
        table += &format!("p{prompt},two,1,{},70,0.456\n", 100 + prompt);
    }
    desk.write("t.csv", &table);
    let (head, tail) = DAY.split_once("[[task_types]]").expect("task types");
    let (_, tail) = tail.split_once("[[faults]]").expect("faults");
    let text =
        format!("{head}[world.outcomes]\nfile = \"t.csv\"\ntrain_share = 0\n\n[[faults]]{tail}");
    desk.write("x.toml", &text);
    let calls = bills(&desk);
    let rows = Rows::read(&desk.path("o"), &Attempts::DOC).expect("read");
    let tokens = rows.numbers("input_tokens").expect("numbers");
    let mut n_changed = 0;
    for (call, tokens) in calls.iter().zip(tokens) {
        let tokens = tokens.expect("billed");
        let changed = (8.0..16.0).contains(&call.0);
        n_changed += u32::from(changed);
        let expected = match (call.1.as_str(), changed) {
            ("one", false) => 123_000.0,
            ("two", false) => 456_000.0,
            ("one", true) => 2.5 * tokens + 10.0 * 50.0,
            _ => 4.0 * tokens + 70.0,
        };
        assert_bill(call.2, expected, call);
    }
    assert_eq!(n_changed, 8);
}

#[test]
fn a_registry_takes_its_prices_by_name_and_keeps_what_is_written_beside() {
    let own = DAY.replacen(
        "provider = \"y\"",
        "provider = \"y\"\nusd_per_mtok_input = 7\nusd_per_mtok_output = 8",
        1,
    );
    // A model with prices of its own needs no row of the table.
    let own = own.replacen(", models = { two = \"vendor/two\" }", "", 1).replacen(
        "everything = true",
        "models = [\"one\"]",
        1,
    );
    let desk = desk(&own);
    let read = scenario::read(&desk.path("x.toml"), false).expect("good");
    let prices: Vec<[f64; 2]> = read
        .registry
        .models
        .iter()
        .map(|m| [m.usd_per_mtok_input, m.usd_per_mtok_output])
        .collect();
    assert_eq!(prices, [[5.0, 15.0], [7.0, 8.0]]);
    assert!(
        read.registry_source.contains("p.csv, snapshot 2024-09-06"),
        "{}",
        read.registry_source
    );
}

#[test]
fn the_shipped_registry_and_the_shipped_table_agree() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/prices/litellm.csv");
    let desk = Desk::new();
    desk.write("p.csv", &std::fs::read_to_string(shipped).expect("shipped"));
    let (head, tail) = DAY.split_once("[registry]").expect("a registry");
    let (_, tail) = tail.split_once("[workload").expect("a workload");
    let (tail, _) = tail.split_once("[[faults]]").expect("faults");
    let names = "\"gemini-2.5-flash\" = \"gemini/gemini-2.5-flash\", \
         \"llama-3.3-70b-versatile\" = \"groq/llama-3.3-70b-versatile\", \"llama-3.1-8b-instant\" = \"groq/llama-3.1-8b-instant\"";
    let registry = |prices: &str| {
        let text = format!(
            "{head}[registry]\nuse = \"vendors-2026-08\"\n{prices}\n[workload{tail}[stack]\norder = \"random\"\n"
        );
        desk.write("x.toml", &text);
        let read = scenario::read(&desk.path("x.toml"), false).unwrap_or_else(|e| panic!("{e}"));
        let models = read.registry.models.iter();
        models
            .map(|m| (m.name.clone(), m.usd_per_mtok_input, m.usd_per_mtok_output))
            .collect::<Vec<_>>()
    };
    let declared = registry("");
    assert_eq!(declared.len(), 8);
    let table = format!(
        "prices = {{ file = \"p.csv\", snapshot = \"2026-08-01\", models = {{ {names} }} }}"
    );
    assert_eq!(registry(&table), declared);
}

#[test]
fn what_is_wrong_with_prices_is_said_at_its_place() {
    for (right, wrong, place, message, cure) in [
        ("p.csv", "q.csv", "11:19", "q.csv", ""),
        (
            "\"2024-09-06\"",
            "\"2024-09-07\"",
            "11:39",
            "unknown snapshot `2024-09-07`",
            "`2024-09-06`?",
        ),
        (
            "\"vendor/two\"",
            "\"vendor/twos\"",
            "11:70",
            "has no `vendor/twos`",
            "near ones are `vendor/two`",
        ),
        (
            ", models = { two = \"vendor/two\" }",
            "",
            "11:39",
            "has no `two`",
            "near ones are `vendor/two`",
        ),
        ("\"vendor/two\"", "\"bare\"", "11:70", "has `bare` without a price", "another entry"),
        ("{ two =", "{ tow = \"one\", two =", "11:64", "unknown model `tow`", "`two`?"),
        (
            "\"2025-02-19\"",
            "\"2025-02-20\"",
            "38:39",
            "unknown snapshot `2025-02-20`",
            "`2025-02-19`?",
        ),
        (
            "\"2025-02-19\"",
            "\"2026-08-01\"",
            "11:70",
            "2026-08-01 of p.csv has no `vendor/two`",
            "",
        ),
        (
            "{ to_snapshot =",
            "{ factor = 2, to_snapshot =",
            "38:1",
            "one of `factor` and `to_snapshot`",
            "exactly one",
        ),
        (
            "{ to_snapshot = \"2025-02-19\" }",
            "{}",
            "38:1",
            "one of `factor` and `to_snapshot`",
            "exactly one",
        ),
        (
            "start = \"08:00\"",
            "start = \"08:00\"\nramp = \"1h\"",
            "41:8",
            "at once",
            "leave `ramp` out",
        ),
        (
            "prices = { file = \"p.csv\", snapshot = \"2024-09-06\", models = { two = \"vendor/two\" } }\n",
            "models.three = { provider = \"x\", score = 1, success = 1, quality = 1, response_ms = 1 }\n",
            "38:39",
            "there is no price table",
            "`registry.prices`",
        ),
    ] {
        let mut text = DAY.replacen(right, wrong, 1);
        if message == "there is no price table" {
            let prices = "response_ms = 1000\nusd_per_mtok_input = 1\nusd_per_mtok_output = 1\n";
            text = text.replace("response_ms = 1000\n", prices);
            text = text.replacen(
                "response_ms = 1 }",
                "response_ms = 1, usd_per_mtok_input = 1, usd_per_mtok_output = 1 }",
                1,
            );
        }
        let desk = desk(&text);
        let said = desk.run(&["check", "x.toml"]);
        assert_eq!(said.code, Some(2), "{wrong}: {said:?}");
        assert!(said.err.contains("\n1 problem"), "{wrong}: {}", said.err);
        let place = match message {
            // Four more lines of prices stand above it.
            "there is no price table" => "42:39",
            _ => place,
        };
        assert!(said.err.contains(&format!("x.toml:{place}: ")), "{wrong}: {}", said.err);
        assert!(said.err.contains(message) && said.err.contains(cure), "{wrong}: {}", said.err);
    }
}

#[test]
fn the_shipped_study_shows_who_notices() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/price-change.toml");
    let desk = Desk::new();
    let said = desk.run(&["run", path, "--quiet", "--out", "o", "--seeds", "1..4", "--strict"]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
}
