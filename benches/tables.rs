//! How fast a large table of outcomes is read, and in how much memory: it is streamed, and nothing but its answers is held.

#![expect(clippy::disallowed_types, reason = "a bench measures time")]
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::Instant;

use reflexarc::data::outcomes::{Source, read};
use reflexarc::world::outcomes::Answer;

/// Models of the table.
const MODELS: usize = 17;
/// Its rows, about.
const ROWS: usize = 10_000_000;

/// Writes the table, model by model or prompt by prompt.
fn write(path: &Path, n_prompts: usize, by_model: bool) {
    let file = std::fs::File::create(path).expect("a file");
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let head = "prompt_id,domain,model,quality,input_tokens,output_tokens,cost_usd,latency_s\n";
    out.write_all(head.as_bytes()).expect("written");
    let mut line = String::new();
    let mut row = |prompt: usize, model: usize| {
        line.clear();
        let tokens = 40 + (prompt * 7 + model * 31) % 400;
        let _ = writeln!(
            line,
            "prompt-{prompt},domain-{},model-{model},{},{},{tokens},0.000{tokens},1.{tokens}",
            prompt % 14,
            (prompt * 13 + model * 5) % 3 % 2,
            100 + prompt % 500,
        );
        out.write_all(line.as_bytes()).expect("written");
    };
    match by_model {
        true => (0..MODELS).for_each(|m| (0..n_prompts).for_each(|p| row(p, m))),
        false => (0..n_prompts).for_each(|p| (0..MODELS).for_each(|m| row(p, m))),
    }
}

/// The most memory that this process has had, in bytes.
fn peak() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").trim().parse().ok()?;
    Some(1024.0 * kib)
}

fn main() {
    let n_prompts = ROWS / MODELS;
    let rows = n_prompts * MODELS;
    let folder = tempfile::tempdir().expect("a folder for a while");
    println!(
        "| outcome table | rows | file, MB | rows/s | answers held, MB | peak memory, MB | ratio |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|");
    // The peak only grows, so the order that needs less comes first.
    for (name, by_model) in [("CSV by model", true), ("CSV by prompt", false)] {
        let path = folder.path().join("t.csv");
        write(&path, n_prompts, by_model);
        let bytes = std::fs::metadata(&path).expect("it was written").len() as f64;
        let begun = Instant::now();
        let loaded = read(&Source { file: path, ..Source::default() }).expect("a good table");
        let seconds = begun.elapsed().as_secs_f64();
        assert_eq!((loaded.rows, loaded.outcomes.n_prompts()), (rows as u64, n_prompts));
        let held = (rows * size_of::<Answer>()) as f64;
        let peak = peak().unwrap_or(f64::NAN);
        println!(
            "| {name} | {rows} | {:.0} | {:.0} | {:.0} | {:.0} | {:.2} |",
            bytes / 1e6,
            rows as f64 / seconds,
            held / 1e6,
            peak / 1e6,
            peak / held
        );
    }
}
