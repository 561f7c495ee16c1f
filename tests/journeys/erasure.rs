//! A deleted account leaves nothing behind that names its owner.

use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

use crate::api::{Api, Person};
use crate::place::{Place, connect};
use crate::service::Settings;

#[tokio::test(flavor = "multi_thread")]
async fn a116_no_row_names_the_owner_of_a_deleted_account() {
    let place = Place::sqlite();
    let service = Settings::on(&place).start().await;
    let api = Api::at(&service.url);
    let (ada, bob) = (Person::new(), Person::new());
    api.join(&bob).await;
    let tokens = api.join(&ada).await;
    api.login(&ada.email, "not-the-password").await.expect(401);
    api.refresh(&tokens.refresh).await.expect(200);
    let database = connect(&place.url()).await;
    assert!(rows(&database).await.contains(&ada.email), "the search finds what is there");

    api.delete_account(&tokens.access, &ada.password).await.expect(204);
    let patience = Instant::now() + Duration::from_secs(20);
    // Events that have not been told yet still name their account.
    while rows(&database).await.contains(&ada.email) && Instant::now() < patience {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let left = rows(&database).await;
    for name in [&ada.email, &ada.username, &ada.password] {
        assert!(!left.contains(name.as_str()), "{name} is still in the database");
    }
    assert!(left.contains(&bob.email), "others stay");
    database.close().await.expect("the connection closes");
    service.stop().await;
}

/// Every value of every row, as text.
async fn rows(database: &DatabaseConnection) -> String {
    let mut all = String::new();
    for table in texts(database, "SELECT name AS x FROM sqlite_master WHERE type = 'table'").await {
        for column in texts(database, &format!("SELECT name AS x FROM pragma_table_info('{table}')")).await {
            let values =
                format!("SELECT CAST(\"{column}\" AS TEXT) AS x FROM \"{table}\" WHERE \"{column}\" IS NOT NULL");
            all.extend(texts(database, &values).await.into_iter().map(|value| value + "\n"));
        }
    }
    all
}

async fn texts(database: &DatabaseConnection, query: &str) -> Vec<String> {
    // In hexadecimal: a blob that is cast need not be text.
    let query = format!("SELECT hex(q.x) FROM (SELECT * FROM ({query})) AS q");
    let statement = Statement::from_string(database.get_database_backend(), query);
    let rows = database.query_all_raw(statement).await.expect("the database answers");
    let bytes = rows.iter().map(|row| unhex(&row.try_get_by_index::<String>(0).expect("a text")));
    bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit =
        |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).expect("hexadecimal");
    text.as_bytes().chunks_exact(2).map(|pair| digit(pair[0]) * 16 + digit(pair[1])).collect()
}
