//! How a service begins, and what is refused before anything is opened.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sea_orm::ConnectionTrait;

use crate::api::{Api, Person};
use crate::operator::call;
use crate::place::{Place, connect};
use crate::service::Settings;

fn files(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("the folder can be read");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_migrated_by_hand_gets_its_key_at_the_first_start() {
    let place = Place::sqlite();
    let settings = Settings::on(&place).without("SECRET_KEY");
    call(&settings, &["migrate", "up"]).expect(0);
    call(&settings, &["migrate", "status"]).expect(0);
    call(&settings, &["keys", "list"]).expect(0);
    let service = settings.start().await;
    let tokens = Api::at(&service.url).join(&Person::new()).await;
    service.stop().await;
    let service = settings.start().await;
    Api::at(&service.url).verify(&tokens.access).await.expect(204);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_with_sealed_keys_whose_key_file_is_lost_is_refused_and_gets_no_other_key() {
    let place = Place::sqlite();
    let settings = Settings::on(&place).without("SECRET_KEY");
    settings.start().await.stop().await;
    let key = place.dir().join("portcullis.key");
    let away = place.dir().join("away");
    std::fs::rename(&key, &away).expect("the key is there");
    let failed = settings.try_start().await.err().expect("it has no key");
    assert!(failed.log.contains("restore the file, or set SECRET_KEY"), "{}", failed.log);
    call(&settings, &["stats"]).expect(1);
    assert!(!key.exists(), "no other key takes its place");
    std::fs::rename(&away, &key).expect("the key comes back");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("it is ours");
    let service = settings.start().await;
    let log = service.log();
    service.stop().await;
    assert!(log.contains("chmod 600") && log.contains("0644"), "{log}");
}

#[test]
fn a_command_in_a_wrong_folder_makes_no_database() {
    let place = Place::sqlite();
    for settings in
        [Settings::on(&place).without("SECRET_KEY"), Settings::on(&place).without("SECRET_KEY").without("DATABASE_URL")]
    {
        for arguments in [
            &["users", "list"][..],
            &["stats"],
            &["audit", "tail"],
            &["migrate", "status"],
            &["keys", "list"],
            &["roles", "list"],
            &["clients", "list"],
            &["admin", "setup-link"],
        ] {
            let told = call(&settings, arguments).expect(1);
            assert!(told.err.contains("there is no database at /") && told.err.contains("portcullis.db"), "{told:?}");
            assert!(told.err.contains("(database.url, ") && told.err.contains("migrate up"), "{told:?}");
            assert_eq!(files(place.dir()), Vec::<String>::new(), "{arguments:?}");
        }
    }
}

#[tokio::test]
async fn an_address_that_is_refused_leaves_nothing_behind() {
    let place = Place::sqlite();
    let settings = Settings::on(&place).without("SECRET_KEY").with("DATABASE_URL", "sqlite://x.db?mode=ro");
    for arguments in [["config", "check"], ["migrate", "up"]] {
        let told = call(&settings, &arguments).expect(1);
        assert!(told.err.contains("database.url (from DATABASE_URL)"), "{told:?}");
    }
    call(&settings, &["serve"]).expect(1);
    assert_eq!(files(place.dir()), Vec::<String>::new());
}

#[test]
fn what_is_refused_at_the_start_is_refused_by_the_check_of_the_configuration_in_the_same_words() {
    let place = Place::sqlite();
    for (name, value) in [
        ("AMQP_URL", "amqp://u:Pa55-canary@:x"),
        ("REDIS_URL", "redis://h:Pa55-canary"),
        ("PORTCULLIS__LOG__LEVEL", "inof"),
        ("PORTCULLIS__SERVER__DRAIN_TIMEOUT", "1m"),
        ("PORTCULLIS_SERVER_HOST", "0.0.0.0"),
    ] {
        let settings = Settings::on(&place).with(name, value);
        let (checked, served) =
            (call(&settings, &["config", "check"]).expect(1), call(&settings, &["serve"]).expect(1));
        assert!(checked.err.contains(&format!("(from {name})")) && !checked.err.contains("canary"), "{checked:?}");
        assert_eq!((checked.err, files(place.dir())), (served.err, Vec::new()), "{name}");
    }
    let told = call(&Settings::on(&place), &["config", "check", "--log-level", "warning"]).expect(1);
    assert!(told.err.contains("log.level (from --log-level): 'warning' is not valid"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_warning_about_the_issuer_names_the_real_one() {
    let settings_place = Place::sqlite();
    let service = Settings::on(&settings_place).without("PORTCULLIS__TOKENS__ISSUER").start().await;
    let port = service.url.rsplit(':').next().expect("a port").to_owned();
    let log = service.log();
    service.stop().await;
    assert!(log.contains(&format!("tokens name http://localhost:{port} as their issuer")), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_database_that_does_not_exist_is_to_be_created_and_a_missing_right_is_named() {
    let place = Place::postgres().await;
    let mut url = url::Url::parse(&place.url()).expect("a URL");
    let settings = Settings::on(&place);
    let role = format!("{}_reader", url.path().trim_start_matches('/'));
    let connection = connect(&place.url()).await;
    for statement in ["REVOKE CREATE ON SCHEMA public FROM PUBLIC", &format!("CREATE ROLE {role} LOGIN")] {
        connection.execute_unprepared(statement).await.expect("we may do everything");
    }
    let mut foreign = url.clone();
    foreign.set_username(&role).expect("a server has users");
    let told = call(&settings.clone().with("DATABASE_URL", foreign.as_str()), &["migrate", "up"]).expect(1);
    connection.execute_unprepared(&format!("DROP ROLE {role}")).await.expect("it owns nothing");
    connection.close().await.expect("the connection closes");
    assert!(told.err.contains("permission denied") && told.err.contains("CREATE on the schema"), "{told:?}");
    assert!(!told.err.contains("at line"), "{told:?}");

    url.set_path("/there_is_no_such_database");
    let told = call(&settings.with("DATABASE_URL", url.as_str()), &["serve"]).expect(1);
    assert!(told.err.contains("there_is_no_such_database") && told.err.contains("create the database"), "{told:?}");
    assert!(told.err.contains("(database.url, DATABASE_URL)") && !told.err.contains("at line"), "{told:?}");
}

#[test]
fn a_health_check_of_a_port_that_never_answers_names_the_address_and_the_time() {
    let place = Place::sqlite();
    let mute = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = mute.local_addr().expect("an address").port().to_string();
    let told = call(&Settings::on(&place).with("PORT", &port), &["healthcheck"]).expect(1);
    assert!(told.err.contains(&format!("127.0.0.1:{port} gave no answer within 3 s")), "{told:?}");
    assert!(told.err.contains("look whether the service runs"), "{told:?}");
}

#[test]
fn an_address_of_another_machine_is_told_from_a_port_that_is_taken() {
    let place = Place::sqlite();
    let told = call(&Settings::on(&place), &["serve", "--host", "192.0.2.1"]).expect(1);
    assert!(told.err.contains("192.0.2.1 is no address of this machine"), "{told:?}");
}
