//! What a service links with this crate, and what it does not.

use std::process::Command;

/// The crates that a service builds with these features.
fn tree(features: &[&str]) -> Vec<String> {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let answer = Command::new(cargo)
        .args(["tree", "--offline", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"])
        .args(["--package", "portcullis-verifier", "--no-default-features", "--features", &features.join(",")])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo tree runs");
    assert!(answer.status.success(), "cargo tree: {}", String::from_utf8_lossy(&answer.stderr));
    let text = String::from_utf8(answer.stdout).expect("cargo speaks UTF-8");
    let mut crates: Vec<_> = text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    crates.sort();
    crates.dedup();
    crates
}

#[track_caller]
fn none_of(crates: &[String], unwanted: &[&str]) {
    assert!(crates.iter().any(|name| name == "portcullis-verifier"), "the tree is read: {crates:?}");
    let found: Vec<_> = crates.iter().filter(|name| unwanted.contains(&name.as_str())).collect();
    assert!(found.is_empty(), "{found:?} must not be in the tree of a service");
}

const EVERYTHING: [&str; 6] = ["discovery", "amqp", "poll", "poem", "tower", "testing"];
const NEVER: [&str; 12] = [
    "ring",
    "openssl",
    "openssl-sys",
    "native-tls",
    "sea-orm",
    "sqlx",
    "sqlx-core",
    "argon2",
    "redis",
    "poem-openapi",
    "rsa",
    "portcullis-domain",
];

#[test]
fn a_service_links_no_server_no_database_and_no_second_crypto_library() {
    let default = tree(&["discovery"]);
    none_of(&default, &NEVER);
    none_of(&default, &["poem", "axum", "amqprs", "clap", "criterion"]);
    none_of(&tree(&EVERYTHING), &NEVER);
    none_of(&tree(&["poll"]), &["poem", "axum", "amqprs"]);
}

#[test]
fn without_discovery_there_is_no_http_at_all() {
    let bare = tree(&[]);
    none_of(&bare, &NEVER);
    none_of(&bare, &["reqwest", "hyper", "http", "rustls", "h2"]);
    none_of(&tree(&["tower"]), &["tower", "tower-http", "hyper", "axum", "axum-core"]);
}

#[test]
fn no_crate_of_the_workspace_is_needed() {
    let all = tree(&EVERYTHING);
    let ours: Vec<_> = all.iter().filter(|name| name.starts_with("portcullis")).collect();
    assert_eq!(ours, ["portcullis-verifier"]);
}
