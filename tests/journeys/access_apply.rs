//! Roles from a file: what `portcullis access apply` prints and does, and what a first start seeds.

use std::path::Path;

use serde_json::{Value, json};

use crate::operator::{Called, argument, call, file, migrated};
use crate::place::Place;
use crate::service::Settings;

const FIRST: &str = "[roles.support]\ndescription = \"Answers customers\"\npermissions = [\"users:read\", \"audit:read\"]\n\
    [roles.billing]\npermissions = [\"invoices:*\"]\n";
const SECOND: &str =
    "[roles.support]\ndescription = \"Answers everybody\"\npermissions = [\"users:read\", \"stats:read\"]\n";

fn roles(settings: &Settings) -> Value {
    call(settings, &["roles", "list", "--json"]).expect(0).json()
}

fn names(roles: &Value) -> Vec<&str> {
    roles.as_array().expect("a list").iter().filter_map(|role| role["name"].as_str()).collect()
}

fn apply(settings: &Settings, file: &Path, flags: &[&str]) -> Called {
    call(settings, &[&["access", "apply", argument(file)], flags].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_roles_is_applied_once_and_again_changes_nothing_on_sqlite() {
    a_file_of_roles_is_applied(&Place::sqlite());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_roles_is_applied_once_and_again_changes_nothing_on_postgres() {
    a_file_of_roles_is_applied(&Place::postgres().await);
}

fn a_file_of_roles_is_applied(place: &Place) {
    let settings = migrated(place);
    let (first, second) = (file(place, "first.toml", FIRST), file(place, "second.toml", SECOND));
    let before = roles(&settings);
    assert_eq!(names(&before), ["admin", "user"]);

    let shown = apply(&settings, &first, &["--dry-run"]).expect(0);
    assert!(shown.out.contains("+ billing\n    + invoices:*\n+ support\n"), "{shown:?}");
    assert!(shown.out.contains("dry run"), "{shown:?}");
    apply(&settings, &first, &["--dry-run", "--detailed-exitcode"]).expect(3);
    assert_eq!(roles(&settings), before, "a dry run changes nothing");

    let done = apply(&settings, &first, &["--json"]).expect(0).json();
    assert_eq!((&done["applied"], &done["changes"][1]["change"]), (&json!(true), &json!("create")));
    assert_eq!(done["changes"][1]["to"]["permissions"], json!(["audit:read", "users:read"]));
    let applied = roles(&settings);
    assert_eq!(names(&applied), ["admin", "billing", "support", "user"]);
    let trail = call(&settings, &["audit", "tail", "--json", "--actor", "operator"]).expect(0).lines();

    let again = apply(&settings, &first, &["--detailed-exitcode"]).expect(0);
    assert_eq!(again.out, "the roles are as the file says\n");
    assert_eq!(roles(&settings), applied, "also the versions are the same");
    let later = call(&settings, &["audit", "tail", "--json", "--actor", "operator"]).expect(0).lines();
    assert_eq!(trail, later, "nothing happened, and nothing is recorded");

    let changed = apply(&settings, &second, &[]).expect(0);
    for line in ["~ support", "    - description \"Answers customers\"", "    + stats:read", "    - audit:read"] {
        assert!(changed.out.lines().any(|told| told == line), "{line}: {changed:?}");
    }
    assert!(changed.out.contains("billing: not in the file, stays"), "{changed:?}");
    let pruned = apply(&settings, &second, &["--prune"]).expect(0);
    assert!(pruned.out.contains("- billing\n    - invoices:*\n"), "{pruned:?}");
    assert_eq!(names(&roles(&settings)), ["admin", "support", "user"]);
}

#[tokio::test]
async fn a_file_that_is_wrong_changes_nothing_and_is_named_with_the_line() {
    let place = Place::sqlite();
    let settings = migrated(&place);
    let before = roles(&settings);
    for (text, complaint) in [
        (
            "[roles.a]\npermissions = [\"users:read\"]\n[roles.b]\npermissions = [\"users\"]\n",
            "line 4: a permission is",
        ),
        ("[roles.A]\npermissions = []\n", "the name of a role"),
        ("[role.a]\npermissions = []\n", "unknown field"),
        ("[roles.admin]\npermissions = [\"users:read\"]\n", "admin"),
        ("roles = ", "line 1"),
    ] {
        let path = file(&place, "wrong.toml", text);
        let told = apply(&settings, &path, &[]).expect(2);
        assert!(told.err.contains(complaint) && told.err.contains("wrong.toml"), "{told:?}");
        assert!(told.out.is_empty(), "{told:?}");
    }
    let told = apply(&settings, &place.dir().join("absent.toml"), &[]).expect(2);
    assert!(told.err.contains("absent.toml") && told.err.contains("cannot be read"), "{told:?}");
    assert_eq!(roles(&settings), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_takes_its_roles_from_a_file_and_later_ones_leave_them_alone() {
    let place = Place::sqlite();
    let first = file(&place, "roles.toml", FIRST);
    let settings = Settings::on(&place).with("PORTCULLIS__ACCESS__FILE", argument(&first));
    settings.start().await.stop().await;
    assert_eq!(names(&roles(&settings)), ["admin", "billing", "support", "user"]);
    call(&settings, &["roles", "delete", "billing"]).expect(0);
    file(&place, "roles.toml", format!("{FIRST}[roles.late]\npermissions = []\n"));
    settings.start().await.stop().await;
    assert_eq!(names(&roles(&settings)), ["admin", "support", "user"], "a file is for the first start");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_file_stops_the_start_with_the_setting_its_origin_and_the_line() {
    let place = Place::sqlite();
    for (text, complaint) in [
        ("[roles.support]\npermissions = [\"users\"]\n", "line 2"),
        ("[roles.admin]\npermissions = [\"users:read\"]\n", "admin"),
    ] {
        let path = file(&place, "roles.toml", text);
        let settings = Settings::on(&place).with("PORTCULLIS__ACCESS__FILE", argument(&path));
        let Err(failed) = settings.try_start().await else { panic!("it started with {text}") };
        for part in ["access.file", "PORTCULLIS__ACCESS__FILE", complaint] {
            assert!(failed.log.contains(part), "{part}: {}", failed.log);
        }
    }
}
