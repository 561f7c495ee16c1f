//! What the commands say of a database that cannot be used now.

use sea_orm::ConnectionTrait;

use crate::admin_commands::create;
use crate::api::Person;
use crate::operator::{call, migrated};
use crate::place::{Place, connect};
use crate::service::Settings;

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_a_newer_release_has_migrated_is_left_alone() {
    for place in [Place::sqlite(), Place::postgres().await] {
        let settings = migrated(&place);
        let connection = connect(&place.url()).await;
        let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29990101_000000_later', 0)";
        connection.execute_unprepared(newer).await.expect("the list can be written");
        connection.close().await.expect("the connection closes");
        let ada = Person::new();
        for told in [call(&settings, &["users", "list"]), create(&settings, &ada, &[]), call(&settings, &["stats"])] {
            let told = told.expect(1);
            let said = ["is newer than this program", "m29990101_000000_later", "start the release that made it"];
            assert!(said.iter().all(|part| told.err.contains(part)) && told.out.is_empty(), "{told:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_file_that_another_program_holds_is_reported_as_locked() {
    let place = Place::sqlite();
    let settings = migrated(&place);
    let ada = Person::new();
    // The first command puts the roles in that are always there.
    call(&settings, &["users", "list"]).expect(0);
    let connection = connect(&place.url()).await;
    connection.execute_unprepared("BEGIN IMMEDIATE").await.expect("the lock is free");
    // Whoever only looks is not in its way.
    call(&settings, &["users", "list"]).expect(0);
    let told = create(&settings, &ada, &[]).expect(1);
    assert!(told.err.contains("is locked by another program") && told.out.is_empty(), "{told:?}");
    connection.execute_unprepared("ROLLBACK").await.expect("the lock is given back");
    create(&settings, &ada, &[]).expect(0);
    connection.close().await.expect("the connection closes");
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_named_without_its_password() {
    let place = Place::sqlite();
    let port = crate::secrets::free_port();
    let url = format!("postgres://someone:database-canary-password@127.0.0.1:{port}/auth");
    let settings = Settings::on(&place).with("DATABASE_URL", &url).with("PORTCULLIS__DATABASE__ACQUIRE_TIMEOUT", "1s");
    for arguments in [&["users", "list"][..], &["admin", "setup-link"], &["stats", "--json"]] {
        let told = call(&settings, arguments).expect(1);
        let said = [format!("127.0.0.1:{port}"), "cannot be used".to_owned(), "check that it runs".to_owned()];
        assert!(said.iter().all(|part| told.err.contains(part)) && told.out.is_empty(), "{told:?}");
        assert!(!told.err.contains("canary"), "{told:?}");
    }
}
