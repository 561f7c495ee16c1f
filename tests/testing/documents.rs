//! The documentation quotes what is compiled and run here, letter for letter.

use std::collections::BTreeSet;
use std::path::Path;

fn read(path: &str) -> String {
    let full = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(full).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The blocks of a language in a document.
fn blocks<'a>(document: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    let quoted = document.split(&fence).skip(1);
    quoted.map(|rest| rest.split_once("```\n").expect("a block has an end").0).collect()
}

#[test]
fn every_block_of_rust_about_testing_is_a_test_and_every_such_test_is_quoted() {
    let (document, file) = (read("docs/testing.md"), read("tests/testing/documented.rs"));
    let quoted = blocks(&document, "rust");
    for block in &quoted {
        assert!(
            file.contains(block),
            "docs/testing.md quotes what tests/testing/documented.rs does not hold:\n{block}"
        );
    }
    let tests = file.matches("\n#[tokio::test]\n").count() + file.matches("\n#[test]\n").count();
    assert!(tests >= 8);
    assert_eq!(quoted.len(), tests, "docs/testing.md quotes every test of tests/testing/documented.rs once");
}

#[test]
fn the_python_about_testing_is_the_script_that_is_run() {
    let document = read("docs/testing.md");
    assert_eq!(blocks(&document, "python"), [read("tests/testing/memory_service.py")]);
}

#[test]
fn the_adapter_in_the_documentation_is_the_one_that_is_tested() {
    let (document, file) = (read("docs/adapters.md"), read("adapters/memory/tests/elsewhere.rs"));
    let quoted = blocks(&document, "rust");
    assert_eq!(quoted.len(), 2, "the adapter, and its tests");
    let module = |name: &str| {
        let begin = format!("mod {name} {{\n");
        let rest = file.split_once(&begin).unwrap_or_else(|| panic!("there is no module {name}")).1;
        let inside = rest.split_once("\n}\n").expect("a module ends").0;
        let lines = inside.lines().map(|line| line.strip_prefix("    ").unwrap_or(line));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    for (block, name) in quoted.into_iter().zip(["json_lines", "contract"]) {
        // Where it has a crate of its own its names are public.
        let block =
            block.replace("use json_lines_publisher::", "use crate::json_lines::").replace("pub ", "pub(crate) ");
        assert_eq!(block, module(name), "docs/adapters.md differs from adapters/memory/tests/elsewhere.rs");
    }
}

#[test]
fn the_documentation_lists_every_contract_suite() {
    let document = read("docs/adapters.md");
    let listed: BTreeSet<String> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("_contract!`"))
        .map(|(suite, _)| suite.to_owned())
        .collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("adapters/memory/src/contract");
    let mut written = BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("the suites are there") {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("a file");
        written.extend(text.split("macro_rules! ").skip(1).filter_map(|rest| {
            let name = rest.split_whitespace().next()?;
            name.strip_suffix("_contract").map(str::to_owned)
        }));
    }
    assert!(written.len() >= 14, "the suites are found: {written:?}");
    assert_eq!(listed, written);
}
