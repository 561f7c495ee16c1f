//! The use case itself on both databases, when its unit of work goes on after the use of the refresh token.

#![expect(clippy::unwrap_used, reason = "tests")]

mod databases;

use std::sync::Arc;
use std::time::Duration;

use databases::samples::{session, user};
use databases::{Counter, Fresh};
use portcullis_domain::App;
use portcullis_domain::accounts::{AttemptPolicy, PasswordHash};
use portcullis_domain::app::{Ports, Settings};
use portcullis_domain::ids::SessionId;
use portcullis_domain::origin::Origin;
use portcullis_domain::ports::ambient::Clock;
use portcullis_domain::ports::security::{HashImport, HashRefused};
use portcullis_domain::ports::sessions::RefreshTokenCodec;
use portcullis_domain::ports::store::Store;
use portcullis_domain::secret::SecretString;
use portcullis_domain::sessions::{
    ClientRefresh, Refresh, RefreshError, RefreshOutcome, RevocationReason, Revoked, SessionPolicy, TokenFamily,
};
use portcullis_domain::tokens::{Algorithm, KeySchedule};
use portcullis_memory::{
    LaxPolicy, ManualClock, MemoryRevocations, PlainHasher, RecordingWebhooks, SeededRandomness, ToyMac,
    ToyRefreshTokens, ToyTokens, ToyVault,
};
use portcullis_sql::SqlStore;
use tokio::task::JoinSet;

const CLIENT: &str = "portcullis";
const CODEC: ToyRefreshTokens = ToyRefreshTokens::new([2; 32]);
const DAY: Duration = Duration::from_secs(86_400);

/// Nothing is imported here.
struct NoImport;

impl HashImport for NoImport {
    fn accept(&self, _: &str) -> Result<PasswordHash, HashRefused> {
        Err(HashRefused::Unknown(None))
    }
}

/// A replica whose access tokens say which roles their user has.
async fn replica(store: Arc<SqlStore>, announce_refreshes: bool) -> Arc<App> {
    let random = Arc::new(SeededRandomness::new(42));
    let tokens = Arc::new(ToyTokens::new(Algorithm::Es256, "https://id.example.com", "api", random.clone()));
    let ports = Ports {
        store: store.clone(),
        hasher: Arc::new(PlainHasher::new(random.clone())),
        policy: Arc::new(LaxPolicy),
        import: Arc::new(NoImport),
        vault: Arc::new(ToyVault::new([1; 32], random.clone())),
        mac: Arc::new(ToyMac::new([3; 32])),
        issuer: tokens.clone(),
        verifier: tokens.clone(),
        keys: tokens,
        refresh_tokens: Arc::new(CODEC),
        revocations: Arc::new(MemoryRevocations::new()),
        webhook_queue: store,
        webhook_sender: Arc::new(RecordingWebhooks::new()),
        clock: Arc::new(ManualClock::default()),
        random: Arc::new(Counter),
    };
    let sessions = SessionPolicy {
        access_ttl: DAY,
        idle_ttl: 30 * DAY,
        absolute_ttl: 90 * DAY,
        reuse_grace: Duration::from_secs(10),
        max_per_account: 100,
        announce_refreshes,
    };
    let settings = Settings {
        issuer: "https://id.example.com".to_owned(),
        audience: "api".to_owned(),
        sessions,
        attempts: AttemptPolicy { free: 20, first_wait: DAY, longest_wait: DAY, forgotten_after: DAY },
        staleness: None,
        keys: KeySchedule { every: None, ahead: DAY },
        first_party_client: CLIENT.to_owned(),
        roles_in_tokens: true,
        permissions_in_tokens: true,
        reserved_clients: vec![CLIENT.to_owned()],
        audit_retention: 400 * DAY,
    };
    let app = App::new(ports, settings);
    app.tokens.open_keys(&[Algorithm::Es256]).await.unwrap();
    Arc::new(app)
}

/// Five people who are signed in, and their refresh tokens.
async fn signed_in(store: &SqlStore, round: u64) -> Vec<(SessionId, SecretString)> {
    let now = ManualClock::default().now();
    let mut tx = store.begin().await.unwrap();
    let mut people = Vec::new();
    for name in ["ann", "ben", "cleo", "dora", "emil"] {
        let user = user(&format!("{name}{round}"));
        let mut session = session(&user);
        (session.created_at, session.last_seen_at, session.authenticated_at) = (now, now, now);
        (session.idle_expires_at, session.expires_at) = (now.plus(30 * DAY), now.plus(90 * DAY));
        let token = CODEC.first(session.id, [7; 32]);
        session.family = TokenFamily::new(token.digest);
        tx.users().insert(&user).await.unwrap();
        tx.sessions().insert(&session).await.unwrap();
        people.push((session.id, token.value));
    }
    tx.commit(now, Vec::new()).await.unwrap();
    people
}

/// What `uses` uses at once answer, and of which person's token each was.
async fn race(
    apps: &[Arc<App>],
    people: &[(SessionId, SecretString)],
    uses: usize,
) -> Vec<(usize, Result<(SecretString, RefreshOutcome), RefreshError>)> {
    let racing = (0..uses).map(|number| {
        let (person, app) = (number % people.len(), apps[number % apps.len()].clone());
        // Every other one at the token endpoint.
        let by = (number % 2 == 0).then(|| ClientRefresh { client_id: CLIENT.to_owned(), scope: None });
        let cmd = Refresh { token: people[person].1.clone(), by, origin: Origin::default() };
        async move { (person, app.sessions.refresh(cmd).await.map(|(pair, outcome)| (pair.refresh_token, outcome))) }
    });
    racing.collect::<JoinSet<_>>().join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a066_tokens_that_tell_roles_have_one_successor_whoever_races() {
    for fresh in Fresh::both().await {
        let mut people = signed_in(&*fresh.migrated().await, 0).await;
        for (round, uses) in [2, 20, 60].into_iter().cycle().take(18).enumerate() {
            // New ones each time: they do not know yet that their units go on.
            let stores = [fresh.connect().await, fresh.connect().await];
            let mut apps = Vec::new();
            for store in &stores[..1 + round % 2] {
                apps.push(replica(store.clone(), round >= 12).await);
            }
            // One person alone, or all of them.
            let racing = if round % 6 < 3 { 1 } else { people.len() };
            let mut successors: Vec<Option<SecretString>> = vec![None; racing];
            let mut rotated = vec![0; racing];
            for (person, answer) in race(&apps, &people[..racing], uses.max(racing)).await {
                let (token, outcome) = answer.unwrap();
                rotated[person] += usize::from(outcome == RefreshOutcome::Rotated);
                let first = successors[person].get_or_insert_with(|| token.clone());
                assert_eq!(first.expose(), token.expose(), "round {round}: one successor");
            }
            assert!(rotated.iter().all(|count| *count == 1), "round {round}: each is rotated once, not {rotated:?}");
            for (person, successor) in successors.into_iter().enumerate() {
                people[person].1 = successor.unwrap();
            }
            for store in stores {
                store.close().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_use_racing_the_end_of_its_session_is_refused_and_nothing_worse() {
    for fresh in Fresh::both().await {
        let patient = fresh.migrated().await;
        for round in 0..6 {
            let people = signed_in(&patient, round).await;
            let app = replica(fresh.connect().await, false).await;
            let (store, ended) = (patient.clone(), people.clone());
            let ending = tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(round)).await;
                for (session, _) in ended {
                    let mut tx = store.begin().await.unwrap();
                    let at = ManualClock::default().now();
                    tx.sessions().revoke(session, Revoked { at, reason: RevocationReason::Logout }).await.unwrap();
                    tx.commit(at, Vec::new()).await.unwrap();
                }
            });
            for (_, answer) in race(std::slice::from_ref(&app), &people, 40).await {
                assert!(matches!(answer, Ok(_) | Err(RefreshError::Invalid)), "round {round}: {answer:?}");
            }
            ending.await.unwrap();
            for (_, answer) in race(&[app], &people, 5).await {
                assert!(matches!(answer, Err(RefreshError::Invalid)), "round {round}: {answer:?}");
            }
        }
    }
}
