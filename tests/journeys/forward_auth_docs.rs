//! `docs/forward-auth.md` quotes the files that proxies are run with; what cannot be run here is at least well formed.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_yaml::Value;

use crate::browser::{fences, read, root};
use crate::fronts::folder;

/// What tells the app who calls.
const OURS: [&str; 6] =
    ["X-Auth-User-Id", "X-Auth-Session-Id", "X-Auth-Client-Id", "X-Auth-Scopes", "X-Auth-Roles", "X-Auth-Actor-Id"];
/// What users copy.
const QUOTED: [&str; 4] = [
    "tests/proxies/caddy/forward-auth.caddy",
    "tests/proxies/envoy/envoy.yaml",
    "tests/proxies/nginx/forward-auth.conf",
    "tests/proxies/traefik/dynamic.yaml",
];

#[test]
fn the_documentation_of_forward_authentication_quotes_the_files_that_proxies_run_with() {
    let text = read(&root().join("docs/forward-auth.md"));
    let mut quoted = BTreeSet::new();
    for (marker, language, code) in fences(&text) {
        match marker {
            Some(path) => {
                assert!(code == read(&root().join(path)), "docs/forward-auth.md does not quote {path}: copy it again");
                quoted.insert(path);
            }
            // What is no configuration of a proxy may stand alone.
            None => {
                assert!(["toml", "sh", "http"].contains(&language), "a block of `{language}` quotes no file: {code}");
            }
        }
    }
    assert_eq!(quoted, BTreeSet::from(QUOTED));
    for name in OURS {
        assert!(text.contains(&format!("| `{name}` |")), "docs/forward-auth.md explains {name}");
    }
}

#[test]
fn every_configuration_takes_all_our_headers_and_asks_the_one_path() {
    for path in QUOTED {
        let text = read(&root().join(path));
        assert!(text.contains("/api/v1/auth/verify"), "{path}");
        let pattern = text.contains("^X[-_]Auth[-_]");
        for name in OURS {
            assert!(pattern || text.to_lowercase().contains(&name.to_lowercase()), "{path} takes {name}");
        }
    }
}

#[test]
fn the_configuration_of_traefik_is_well_formed_and_names_only_what_it_defines() {
    let traefik = yaml("traefik/dynamic.yaml");
    let http = &traefik["http"];
    for (name, router) in http["routers"].as_mapping().expect("routers") {
        let rule = router["rule"].as_str().expect("a rule");
        assert_eq!(rule.matches('`').count() % 2, 0, "{name:?}: {rule}");
        assert!(http["services"].get(&router["service"]).is_some(), "{name:?}");
        let used: Vec<&Value> = router["middlewares"].as_sequence().expect("middlewares").iter().collect();
        assert!(used.iter().all(|name| http["middlewares"].get(name).is_some()), "{name:?}: {used:?}");
        assert!(used.contains(&&Value::from("portcullis")), "{name:?} is closed");
    }
    let check = &http["middlewares"]["portcullis"]["forwardAuth"];
    assert_eq!(check["authRequestHeaders"], Value::from(vec!["Authorization", "X-Api-Key", "Cookie"]));
    for setting in ["forwardBody", "trustForwardHeader", "preserveRequestMethod"] {
        assert!(check.get(setting).is_none_or(|value| value.as_bool() == Some(false)), "{setting}");
    }
}

#[test]
fn the_filter_for_envoy_lets_through_what_portcullis_lets_through_and_nothing_else() {
    let setup = Command::new("sh").arg(folder().join("setup.sh")).output().expect("sh runs");
    assert!(setup.status.success(), "setup.sh: {}", String::from_utf8_lossy(&setup.stderr));

    let envoy = yaml("envoy/envoy.yaml");
    let resources = &envoy["static_resources"];
    let manager = &resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"];
    assert_eq!(manager["common_http_protocol_options"]["headers_with_underscores_action"], "DROP_HEADER");
    let filters = manager["http_filters"].as_sequence().expect("filters");
    let names: Vec<_> = filters.iter().map(|filter| filter["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["envoy.filters.http.lua", "envoy.filters.http.router"]);
    let script = filters[0]["typed_config"]["default_source_code"]["inline_string"].as_str().expect("a script");
    for cluster in resources["clusters"].as_sequence().expect("clusters") {
        assert_eq!(cluster["name"], cluster["load_assignment"]["cluster_name"]);
    }

    let mut lua = Command::new(folder().join(".bin/lua5.1"));
    lua.arg(folder().join("envoy/check.lua")).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut lua = lua.spawn().expect("Lua runs");
    lua.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("Lua reads");
    let output = lua.wait_with_output().expect("Lua ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stdout, b"ok\n");
}

fn yaml(path: &str) -> Value {
    serde_yaml::from_str(&read(&folder().join(path))).unwrap_or_else(|error| panic!("{path}: {error}"))
}
