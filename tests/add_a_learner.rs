//! The README's own learner, added to a copy of the sources as the README says: one file, its `mod` line, one row.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The code blocks of the README's section on learners.
fn blocks() -> Vec<String> {
    let readme = include_str!("../README.md");
    let section = readme.split("\n## A learner of your own\n").nth(1).expect("the section");
    let section = section.split("\n## ").next().expect("its text");
    let blocks = section.split("```rust\n").skip(1);
    blocks.map(|block| block.split("```").next().expect("its end").to_owned()).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("done");
    for entry in fs::read_dir(from).expect("done").map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().expect("done").is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("done");
        }
    }
}

fn change(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).expect("done");
    assert!(text.contains(from), "{} has no `{from}`", path.display());
    fs::write(path, text.replacen(from, to, 1)).expect("done");
}

#[test]
#[ignore = "compiles the library once more; `.ci/acceptance` runs it"]
fn the_learner_of_the_readme_is_added_by_one_file_and_one_row() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let place = tempfile::tempdir().expect("done");
    let copied = place.path();
    for folder in ["src", "scenarios", "benches"] {
        copy(&root.join(folder), &copied.join(folder));
    }
    for file in ["Cargo.toml", "Cargo.lock"] {
        fs::copy(root.join(file), copied.join(file)).expect("done");
        // A package of another name leaves what is built of this one alone.
        change(&copied.join(file), "name = \"reflexarc\"", "name = \"one-more\"");
    }
    change(&copied.join("src/main.rs"), "reflexarc::", "one_more::");

    let [file, module, row] = blocks().try_into().expect("a file, its `mod` line and a row");
    let learners = copied.join("src/learners");
    fs::write(learners.join("stationary/follow_the_leader.rs"), file).expect("done");
    change(
        &learners.join("stationary/mod.rs"),
        "pub mod ",
        &format!("{}\npub mod ", module.trim()),
    );
    change(&learners.join("mod.rs"), "\nlearners! {\n", &format!("\nlearners! {{\n{row}"));

    // The libraries that were compiled for this package serve the other one as well.
    let target = Path::new(env!("CARGO_BIN_EXE_reflexarc")).ancestors().nth(2).expect("done");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--offline", "--bin", "one-more", "--target-dir"])
        .arg(target)
        .current_dir(copied)
        .output()
        .expect("done");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let program = target.join("release/one-more");
    let run = |arguments: &[&str]| {
        let said =
            Command::new(&program).args(arguments).current_dir(copied).output().expect("done");
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        assert!(said.status.success(), "{text}{}", String::from_utf8_lossy(&said.stderr));
        text
    };
    let described = run(&["list", "learners", "follow_the_leader"]);
    assert!(described.contains("argmax mean"), "{described}");
    let names = "follow_the_leader,thompson_beta";
    let compared = run(&[
        "compare",
        "scenarios/learners-classic.toml",
        "--learners",
        names,
        "--seeds",
        "1..3",
        "--quiet",
    ]);
    assert!(compared.contains("follow_the_leader"), "{compared}");
    fs::remove_file(&program).expect("done");
}
