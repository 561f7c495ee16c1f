//! The sentences about the shape of this house, held as tests. A failure says what to do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Which crates of the workspace a crate may use; the composition root may use all.
const IMPORTS: [(&str, &[&str]); 11] = [
    ("portcullis-domain", &[]),
    ("portcullis-migration", &[]),
    ("portcullis-http", &["portcullis-domain"]),
    ("portcullis-sql", &["portcullis-domain", "portcullis-migration"]),
    ("portcullis-memory", &["portcullis-domain"]),
    ("portcullis-tokens", &["portcullis-domain"]),
    ("portcullis-system", &["portcullis-domain"]),
    ("portcullis-amqp", &["portcullis-domain"]),
    ("portcullis-redis", &["portcullis-domain"]),
    ("portcullis-webhooks", &["portcullis-domain"]),
    // A service links it: it knows the formats, not the server.
    ("portcullis-verifier", &[]),
];

/// What the tests of a crate may use besides the memory adapter, with the reason beside it.
const TESTED_WITH: [(&str, &[&str]); 1] = [
    // Its own features; and what makes tokens and events in production, which it must read without importing it.
    ("portcullis-verifier", &["portcullis-verifier", "portcullis-domain", "portcullis-tokens"]),
];

/// The technologies that only their owners use.
const OWNERS: [(&str, &[&str]); 18] = [
    ("sea-orm", &["portcullis-sql"]),
    ("sqlx", &["portcullis-sql"]),
    ("sea-orm-migration", &["portcullis-migration"]),
    ("poem", &["portcullis-http", "portcullis", "portcullis-verifier"]),
    ("poem-openapi", &["portcullis-http"]),
    ("amqprs", &["portcullis-amqp", "portcullis-verifier"]),
    ("jsonwebtoken", &["portcullis-tokens", "portcullis-verifier"]),
    ("pasetors", &["portcullis-tokens", "portcullis-verifier"]),
    ("argon2", &["portcullis-system"]),
    ("argon2-rust", &["portcullis-system"]),
    ("zxcvbn", &["portcullis-system"]),
    ("getrandom", &["portcullis-system"]),
    ("clap", &["portcullis"]),
    ("confique", &["portcullis"]),
    ("redis", &["portcullis-redis"]),
    ("csv", &["portcullis"]),
    ("rustls-native-certs", &["portcullis-webhooks"]),
    ("indicatif", &["portcullis"]),
];

/// All that the pure core may use from outside: no runtime, web, database, broker or crypto implementation.
const PURE: [&str; 17] = [
    "async-trait",
    "base64",
    "crc32fast",
    "email_address",
    "event-listener",
    "futures-util",
    "ipnet",
    "schemars",
    "serde",
    "serde_json",
    "subtle",
    "thiserror",
    "time",
    "unicode-normalization",
    "url",
    "uuid",
    "zeroize",
];

/// Folder names that say nothing about what is in them.
const EMPTY_WORDS: [&str; 8] = ["services", "models", "dto", "utils", "common", "helpers", "impl", "infrastructure"];

const ADAPTERS: [&str; 8] = ["http", "sql", "memory", "tokens", "system", "amqp", "redis", "webhooks"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[track_caller]
fn none(broken: &[String]) {
    assert!(broken.is_empty(), "the architecture is broken:\n- {}\n", broken.join("\n- "));
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()))
}

/// Every file below `folder`, by its path from the root; what is installed or hidden is not ours.
fn files(folder: &str) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.map(|entry| entry.expect("a folder is listed")) {
            let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
            if name.starts_with('.') || matches!(name.as_str(), "target" | "node_modules" | "__pycache__") {
                continue;
            }
            if entry.file_type().expect("an entry has a type").is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(root()).expect("a file lies below the root").to_owned());
            }
        }
    }
    found.sort();
    found
}

fn rust_files(folder: &str) -> Vec<PathBuf> {
    files(folder).into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

struct Dependency {
    name: String,
    for_tests: bool,
}

/// The crates of the workspace with what they ask for.
fn crates() -> BTreeMap<String, Vec<Dependency>> {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let answer = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo metadata runs");
    assert!(answer.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&answer.stderr));
    let metadata: Value = serde_json::from_slice(&answer.stdout).expect("cargo metadata answers JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let dependency = |one: &Value| Dependency { name: text(&one["name"]), for_tests: one["kind"] == "dev" };
    let packages = metadata["packages"].as_array().expect("packages");
    let all = packages.iter().map(|package| {
        let dependencies = package["dependencies"].as_array().expect("dependencies");
        (text(&package["name"]), dependencies.iter().map(dependency).collect())
    });
    all.collect()
}

#[test]
fn no_crate_imports_what_the_table_forbids() {
    let (crates, table, tested_with) = (crates(), BTreeMap::from(IMPORTS), BTreeMap::from(TESTED_WITH));
    let mut broken = Vec::new();
    for (name, dependencies) in crates.iter().filter(|(name, _)| *name != "portcullis") {
        let Some(allowed) = table.get(name.as_str()) else {
            broken.push(format!("{name} is not in the import table: add a row to DESIGN and to IMPORTS in this test"));
            continue;
        };
        for dependency in dependencies.iter().filter(|dependency| crates.contains_key(&dependency.name)) {
            let used = dependency.name.as_str();
            if dependency.for_tests {
                // The contract suites, and the domain's use cases, need the memory adapter.
                let besides = tested_with.get(name.as_str()).is_some_and(|besides| besides.contains(&used));
                if used != "portcullis-memory" && !besides {
                    broken.push(format!(
                        "the tests of {name} use {used}: move them to tests/, where the whole is tested"
                    ));
                }
            } else if !allowed.contains(&used) {
                broken.push(format!(
                    "{name} uses {used}: ask for a port in the domain, and let src/wiring.rs join the two"
                ));
            }
        }
    }
    for (name, _) in IMPORTS {
        if !crates.contains_key(name) {
            broken.push(format!("{name} is in the import table but not in the workspace: remove its row"));
        }
    }
    none(&broken);
}

#[test]
fn the_domain_names_no_technology() {
    let crates = crates();
    let used = crates["portcullis-domain"].iter().filter(|dependency| !dependency.for_tests);
    let broken: Vec<_> = used
        .filter(|dependency| !PURE.contains(&dependency.name.as_str()))
        .map(|dependency| {
            let name = &dependency.name;
            format!("the domain uses {name}: put a port in domain/src/ports and {name} behind it, in an adapter")
        })
        .collect();
    none(&broken);
}

#[test]
fn every_technology_has_its_owner() {
    let (owners, mut broken) = (BTreeMap::from(OWNERS), Vec::new());
    for (name, dependencies) in crates() {
        for dependency in dependencies.iter().filter(|dependency| !dependency.for_tests) {
            let used = dependency.name.as_str();
            if owners.get(used).is_some_and(|owners| !owners.contains(&name.as_str())) {
                let owner = owners[used][0];
                broken.push(format!("{name} uses {used}, which belongs to {owner}: go through a port instead"));
            }
        }
    }
    none(&broken);
}

/// What the table in the doc of the ports says: port → adapters, suite.
fn port_table() -> BTreeMap<String, (Vec<String>, String)> {
    let text = read(&root().join("domain/src/ports/mod.rs"));
    let mut table = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("//! | [`")) {
        let cells: Vec<&str> = line.trim_start_matches("//! |").split('|').map(str::trim).collect();
        let [ports, _promise, adapters, suite, ..] = cells.as_slice() else { panic!("a row has four cells: {line}") };
        let mut plain = String::new();
        let mut depth = 0;
        for c in adapters.chars() {
            depth += i32::from(c == '(');
            if depth == 0 {
                plain.push(c);
            }
            depth -= i32::from(c == ')');
        }
        let adapters: Vec<_> = plain.split(',').map(|adapter| adapter.trim().to_owned()).collect();
        for port in ports.split("[`").skip(1).filter_map(|rest| rest.split('`').next()) {
            let name = port.rsplit("::").next().unwrap_or(port).to_owned();
            table.insert(name, (adapters.clone(), suite.trim_matches('`').to_owned()));
        }
    }
    table
}

/// Whether an adapter's tests run a suite.
fn runs(adapter: &str, suite: &str) -> bool {
    let line = format!("{suite}_contract!(");
    let tests = rust_files(&format!("adapters/{adapter}/tests"));
    let own = tests.into_iter().chain(rust_files(&format!("adapters/{adapter}/src")));
    own.filter(|path| !path.starts_with("adapters/memory/src/contract"))
        .any(|path| read(&root().join(path)).contains(&line))
}

#[test]
fn every_port_has_a_contract_suite_that_every_adapter_runs() {
    let (table, mut broken) = (port_table(), Vec::new());
    let mut ports = BTreeSet::new();
    for path in rust_files("domain/src/ports") {
        for line in read(&root().join(&path)).lines() {
            let Some(rest) = line.strip_prefix("pub trait ") else { continue };
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
            ports.insert(name);
        }
    }
    assert!(ports.len() >= 18, "the ports are found: {ports:?}");
    for port in &ports {
        let Some((adapters, suite)) = table.get(port) else {
            broken.push(format!(
                "the port {port} has no row in the table of domain/src/ports/mod.rs: add it, with its suite"
            ));
            continue;
        };
        let file = format!("adapters/memory/src/contract/{suite}.rs");
        let defined = std::fs::read_to_string(root().join(&file))
            .is_ok_and(|text| text.contains(&format!("macro_rules! {suite}_contract")));
        if !defined {
            broken.push(format!("the port {port} has no contract suite: write {file} with {suite}_contract!"));
        }
        for adapter in adapters {
            if !ADAPTERS.contains(&adapter.as_str()) {
                broken.push(format!(
                    "the table of the ports names an adapter {adapter} that is not there: correct the row of {port}"
                ));
            } else if !runs(adapter, suite) {
                broken.push(format!("adapters/{adapter} stands behind {port}: run {suite}_contract! in its tests"));
            }
        }
    }
    for port in table.keys().filter(|port| !ports.contains(*port)) {
        broken.push(format!("the table of the ports has a row for {port}, which is no port: remove it"));
    }
    none(&broken);
}

/// The code of a file without its tests.
fn code(path: &Path) -> String {
    let text = read(&root().join(path));
    let is_tests = path.file_stem().is_some_and(|stem| stem == "tests");
    if is_tests { String::new() } else { text.split("#[cfg(test)]").next().unwrap_or_default().to_owned() }
}

#[test]
fn every_adapter_of_a_port_is_in_the_table() {
    let (table, mut broken) = (port_table(), Vec::new());
    for (port, (adapters, suite)) in &table {
        for adapter in ADAPTERS.iter().filter(|adapter| !adapters.iter().any(|known| known == *adapter)) {
            for path in rust_files(&format!("adapters/{adapter}/src")) {
                if code(&path).contains(&format!("impl {port} for ")) && !runs(adapter, suite) {
                    let path = path.display();
                    broken.push(format!(
                        "{path} stands behind {port}: run {suite}_contract! on it and name {adapter} in the table of the ports"
                    ));
                }
            }
        }
    }
    none(&broken);
}

#[test]
fn every_promise_of_a_suite_is_run() {
    let (mut broken, mut promises) = (Vec::new(), 0);
    let suites: BTreeSet<String> = port_table().into_values().map(|(_, suite)| suite).collect();
    for path in rust_files("adapters/memory/src/contract") {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let Some(suite) = suites.iter().filter(|suite| stem.starts_with(*suite)).max_by_key(|suite| suite.len()) else {
            continue;
        };
        let listed = read(&root().join(format!("adapters/memory/src/contract/{suite}.rs")));
        for line in read(&root().join(&path)).lines() {
            let Some(rest) = line.strip_prefix("pub async fn ") else { continue };
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            promises += 1;
            if !listed.contains(&format!("            {name},\n")) {
                broken.push(format!("{name} is written but never run: add it to {suite}_contract!"));
            }
        }
    }
    assert!(promises >= 100, "the promises are found: {promises}");
    none(&broken);
}

#[test]
fn the_tree_is_never_deeper_than_crate_source_folder_file() {
    let mut broken = Vec::new();
    for path in
        ["src", "domain", "migration", "adapters", "verifier", "tests", "benches"].into_iter().flat_map(rust_files)
    {
        let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        let source = parts.iter().position(|part| ["src", "tests", "benches", "examples"].contains(&part.as_str()));
        let depth = source.map(|source| parts.len() - source);
        if depth.is_none_or(|depth| depth > 3) {
            broken.push(format!(
                "{} lies too deep: at most crate/src/folder/file.rs; split by verb or noun",
                path.display()
            ));
        }
    }
    none(&broken);
}

#[test]
fn no_folder_has_an_empty_name() {
    let mut broken = BTreeSet::new();
    for path in ["src", "domain", "migration", "adapters", "verifier", "tests", "benches", "deploy", "docs"]
        .into_iter()
        .flat_map(files)
    {
        for part in path.iter().map(|part| part.to_string_lossy()) {
            let word = part.trim_end_matches(".rs");
            // A file may tell of common passwords; one called helpers tells of nothing.
            if EMPTY_WORDS.contains(&&*part) || ["utils.rs", "helpers.rs"].contains(&&*part) {
                broken.insert(format!(
                    "{} says nothing about its content: name `{word}` by its verb or noun",
                    path.display()
                ));
            }
        }
    }
    none(&broken.into_iter().collect::<Vec<_>>());
}

#[test]
fn only_the_wiring_names_concrete_adapters() {
    let mut broken = Vec::new();
    // The second list is for tests that run the whole service.
    let lists = ["src/wiring.rs", "src/testing/wiring.rs"].map(Path::new);
    for path in rust_files("src").into_iter().filter(|path| !lists.contains(&path.as_path())) {
        for (number, line) in read(&root().join(&path)).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for adapter in ADAPTERS.iter().filter(|adapter| code.contains(&format!("portcullis_{adapter}::"))) {
                let place = format!("{}:{}", path.display(), number + 1);
                broken
                    .push(format!("{place} names the adapter {adapter}: let src/wiring.rs choose it and hand it over"));
            }
        }
    }
    none(&broken);
}

#[test]
fn no_test_is_switched_off() {
    let mut broken = Vec::new();
    for path in ["src", "domain", "migration", "adapters", "verifier", "tests"].into_iter().flat_map(rust_files) {
        for (number, line) in read(&root().join(&path)).lines().enumerate() {
            if line.trim_start().starts_with("#[ignore") {
                broken.push(format!("{}:{} is switched off: make it pass or remove it", path.display(), number + 1));
            }
        }
    }
    none(&broken);
}
