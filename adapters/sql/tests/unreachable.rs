//! A server that is not there, goes away, or was restarted.

#![expect(clippy::unwrap_used, reason = "tests")]

mod databases;

use std::sync::Arc;
use std::time::Duration;

use databases::samples::{at, signed_in, user};
use databases::{Counter, Fresh, Schema, server};
use portcullis_domain::ports::store::{Store, StoreError};
use portcullis_sql::{ConnectError, SqlSettings, SqlStore};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Between the store and the server.
struct Proxy {
    port: u16,
    running: JoinHandle<()>,
    connections: Arc<std::sync::Mutex<Vec<JoinHandle<()>>>>,
}

impl Proxy {
    async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(std::sync::Mutex::new(Vec::new()));
        let list: Arc<std::sync::Mutex<Vec<JoinHandle<()>>>> = connections.clone();
        let running = tokio::spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let target = target.clone();
                list.lock().unwrap().push(tokio::spawn(async move {
                    let mut server = TcpStream::connect(target).await.unwrap();
                    // However it ends, both ends are closed.
                    let _ended = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                }));
            }
        });
        Self { port, running, connections }
    }

    async fn cut(&self) {
        let connections: Vec<_> = std::mem::take(&mut *self.connections.lock().unwrap());
        for connection in connections {
            connection.abort();
            assert!(connection.await.is_err_and(|end| end.is_cancelled()));
        }
    }
}

fn through(proxy: &Proxy, schema: &Schema) -> String {
    let mut url: sqlx::postgres::PgConnectOptions = schema.url().parse().unwrap();
    url = url.host("127.0.0.1").port(proxy.port);
    let database = url.get_database().unwrap_or("postgres").to_owned();
    let user = url.get_username().to_owned();
    format!("postgres://{user}:hunter2@127.0.0.1:{}/{database}?options=-csearch_path%3D{}", proxy.port, schema.0)
}

fn target() -> String {
    let options: sqlx::postgres::PgConnectOptions = server().parse().unwrap();
    format!("{}:{}", options.get_host(), options.get_port())
}

#[tokio::test]
async fn a_refused_connection_names_the_address_but_not_the_password() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let url = format!("postgres://gate:hunter2@127.0.0.1:{free}/auth");
    let settings = SqlSettings { acquire_timeout: Duration::from_millis(300), ..SqlSettings::default() };
    let refused = SqlStore::connect(&url, settings, Arc::new(Counter)).await.err().unwrap();
    let text = format!("{refused} {refused:?}");
    assert!(matches!(refused, ConnectError::Server { .. }), "{text}");
    assert!(text.contains(&format!("127.0.0.1:{free}")) && text.contains("refused"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let refused = SqlStore::connect("sqlite:///dev/null/x/portcullis.db", SqlSettings::default(), Arc::new(Counter));
    let text = refused.await.err().unwrap().to_string();
    assert!(text.contains("/dev/null/x/portcullis.db"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_went_away_makes_the_store_unavailable_and_names_the_address() {
    let schema = Schema::new().await;
    let proxy = Proxy::to(target()).await;
    let settings = SqlSettings { acquire_timeout: Duration::from_millis(300), ..SqlSettings::default() };
    let store = SqlStore::connect(&through(&proxy, &schema), settings, Arc::new(Counter)).await.unwrap();
    store.migrate().await.unwrap();
    proxy.running.abort();
    proxy.cut().await;
    let mut reading = store.begin().await.unwrap();
    let mut writing = store.begin().await.unwrap();
    for answer in [
        store.ping().await,
        reading.users().by_id(user("ann").id).await.map(drop),
        writing.users().insert(&user("ann")).await,
    ] {
        let Err(StoreError::Unavailable(cause)) = answer else { panic!("{answer:?}") };
        let text = format!("{cause} {cause:?}");
        assert!(text.contains(&format!("127.0.0.1:{}", proxy.port)) && !text.contains("hunter2"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_restart_of_the_server_nothing_fails_that_had_not_begun() {
    let schema = Schema::new().await;
    let proxy = Proxy::to(target()).await;
    let url = through(&proxy, &schema);
    let store = Arc::new(SqlStore::connect(&url, SqlSettings::default(), Arc::new(Counter)).await.unwrap());
    store.migrate().await.unwrap();
    for round in 0..3 {
        // Fills the pool, so that many connections break.
        let busy: Vec<_> = (0..16)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move {
                    signed_in(&*store, &format!("user-{round}-{number}")).await;
                })
            })
            .collect();
        for one in busy {
            one.await.unwrap();
        }
        proxy.cut().await;
        let mut tx = store.begin().await.unwrap();
        assert_eq!(tx.users().by_id(user("nobody").id).await.unwrap(), None);
        drop(tx);
        let mut tx = store.begin().await.unwrap();
        tx.users().insert(&user(&format!("after-{round}"))).await.unwrap();
        tx.commit(at(0), Vec::new()).await.unwrap();
    }
    drop(store);
}

#[tokio::test]
async fn a_sqlite_file_that_is_none_is_refused() {
    let fresh = Fresh::sqlite();
    let Fresh::Sqlite(folder) = &fresh else { panic!("a SQLite database") };
    std::fs::create_dir_all(folder.file().parent().unwrap()).unwrap();
    std::fs::write(folder.file(), vec![b'x'; 8192]).unwrap();
    let refused = SqlStore::connect(&fresh.url(), SqlSettings::default(), Arc::new(Counter)).await.err().unwrap();
    assert!(refused.to_string().contains("not a database"), "{refused}");
}
