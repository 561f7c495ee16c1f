//! Refresh tokens used at the same time by units of work that go on after it.

#![expect(clippy::unwrap_used, reason = "tests")]

mod databases;

use std::sync::Arc;
use std::time::Duration;

use databases::samples::{announced, at, generation, rotated, rotation, signed_in};
use databases::{Counter, Fresh};
use portcullis_domain::accounts::User;
use portcullis_domain::ids::SessionId;
use portcullis_domain::ports::store::{Store, StoreError};
use portcullis_domain::sessions::{RevocationReason, Revoked, Rotated};
use portcullis_sql::SqlStore;
use tokio::task::JoinSet;

/// How a unit goes on after the use of its token.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// It reads the account.
    Reads,
    /// It changes something.
    Changes,
    /// It announces something.
    Announces,
}

/// Uses the token of a generation as the use case does; whether this use was the first.
async fn used(store: Arc<SqlStore>, user: User, session: SessionId, live: u32, way: Way) -> Result<bool, StoreError> {
    let mut tx = store.begin().await?;
    let after = match tx.sessions().rotate(&rotation(session, live)).await? {
        Rotated::First(after) => after,
        Rotated::Again(after) => {
            assert_eq!(after.family.generation, live + 1, "the same successor");
            return Ok(false);
        }
        other => panic!("of racing uses of one token the others get Again, not {other:?}"),
    };
    assert_eq!(after.family.generation, live + 1, "the same successor");
    let mut effects = Vec::new();
    match way {
        Way::Reads => assert_eq!(tx.users().by_id(user.id).await?.as_ref(), Some(&user), "it reads on"),
        Way::Changes => assert!(!tx.sessions().revoke(SessionId::new(at(0), &Counter), revoked()).await?),
        Way::Announces => effects.push(announced(&user)),
    }
    tx.commit(at(10), effects).await?;
    Ok(true)
}

fn revoked() -> Revoked {
    Revoked { at: at(1), reason: RevocationReason::Logout }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_uses_of_one_token_that_go_on_one_is_first_and_none_fails() {
    for fresh in Fresh::both().await {
        let patient = fresh.migrated().await;
        for (number, way) in [Way::Reads, Way::Changes, Way::Announces].into_iter().enumerate() {
            let (user, session) = signed_in(&*patient, &format!("user{number}")).await;
            for round in 0..12_u32 {
                // A store that has seen nothing yet, and one that knows that units go on.
                let stores = [fresh.connect().await, patient.clone()];
                let uses = if round % 2 == 0 { 2 } else { 20 };
                let racing = (0..uses).map(|number| {
                    let store = if round % 3 == 0 { &stores[number % 2] } else { &stores[0] };
                    used(store.clone(), user.clone(), session.id, round, way)
                });
                let answers = racing.collect::<JoinSet<_>>().join_all().await;
                let firsts = answers.into_iter().filter(|answer| *answer.as_ref().unwrap()).count();
                assert_eq!(firsts, 1, "round {round}: exactly one use is the first");
                stores[0].close().await;
            }
            assert_eq!(generation(&*patient, session.id).await, 12);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_use_that_flew_with_others_meets_at_most_one_conflict() {
    for fresh in Fresh::both().await {
        let store = fresh.migrated().await;
        let mut people = Vec::new();
        for number in 0..5 {
            people.push(signed_in(&*store, &format!("user{number}")).await);
        }
        for round in 0..12 {
            let store = fresh.connect().await;
            let racing = (0..40).map(|number| {
                let (user, session) = people[number % 5].clone();
                let store = store.clone();
                async move {
                    let used = || used(store.clone(), user.clone(), session.id, round, Way::Reads);
                    let first = match used().await {
                        Err(StoreError::Conflict) => used().await.unwrap(),
                        answer => answer.unwrap(),
                    };
                    (number % 5, first)
                }
            });
            let mut firsts = [0; 5];
            for (person, first) in racing.collect::<JoinSet<_>>().join_all().await {
                firsts[person] += usize::from(first);
            }
            assert_eq!(firsts, [1; 5], "round {round}: exactly one use of each token is the first");
            store.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_session_ended_by_a_neighbour_of_its_use_is_a_conflict_of_that_use_alone() {
    let fresh = Fresh::sqlite();
    let store = fresh.migrated().await;
    let (_, ending) = signed_in(&*store, "ann").await;
    let (ben, ended) = signed_in(&*store, "ben").await;
    let (_, third) = signed_in(&*store, "cleo").await;
    // Keeps the writer busy until all the others wait.
    let mut ahead = store.begin().await.unwrap();
    assert!(!ahead.sessions().revoke(SessionId::new(at(0), &Counter), revoked()).await.unwrap());
    let (first, second, last) = (store.clone(), store.clone(), store.clone());
    let ends = tokio::spawn(async move {
        let mut tx = rotated(&*first, ending.id, 0).await;
        assert!(tx.sessions().revoke(ended.id, revoked()).await.unwrap());
        tx.commit(at(10), Vec::new()).await.unwrap();
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let goes_on = tokio::spawn(used(second, ben, ended.id, 0, Way::Changes));
    tokio::time::sleep(Duration::from_millis(50)).await;
    let commits = tokio::spawn(async move {
        rotated(&*last, third.id, 0).await.commit(at(10), Vec::new()).await.unwrap();
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    ahead.commit(at(1), Vec::new()).await.unwrap();

    let outcome = goes_on.await.unwrap();
    assert!(matches!(outcome, Err(StoreError::Conflict)), "{outcome:?}");
    ends.await.unwrap();
    commits.await.unwrap();
    assert_eq!(generation(&*store, ending.id).await, 1);
    assert_eq!(generation(&*store, third.id).await, 1);
    let mut tx = store.begin().await.unwrap();
    let again = tx.sessions().rotate(&rotation(ended.id, 0)).await.unwrap();
    assert_eq!(again, Rotated::Refused, "asked again, it hears that the session has ended");
}
