//! SQLite's one writer: turns, savepoints and shared COMMITs.

#![expect(clippy::unwrap_used, reason = "tests")]

mod databases;

use std::time::Duration;

use databases::Fresh;
use databases::log::{commits, folder};
use databases::samples::{announced, at, generation, rotated, session, signed_in, user};
use portcullis_domain::ports::delivery::Outbox;
use portcullis_domain::ports::store::{Store, StoreError};
use portcullis_domain::sessions::{RevocationReason, Revoked};
use portcullis_sql::SqlSettings;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_unit_dropped_in_the_middle_of_a_batch_leaves_its_neighbours_alone() {
    let fresh = Fresh::sqlite();
    let store = fresh.migrated().await;
    let (ann, ben, cleo) = (user("ann"), user("ben"), user("cleo"));
    let before = commits(folder(&fresh));

    let mut first = store.begin().await.unwrap();
    first.users().insert(&ann).await.unwrap();
    let (waiting, dropped) = (store.clone(), ben.clone());
    let second = tokio::spawn(async move {
        let mut tx = waiting.begin().await.unwrap();
        tx.users().insert(&dropped).await.unwrap();
        drop(tx);
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (waiting, kept) = (store.clone(), cleo.clone());
    let third = tokio::spawn(async move {
        let mut tx = waiting.begin().await.unwrap();
        tx.users().insert(&kept).await.unwrap();
        tx.commit(at(0), vec![announced(&kept)]).await.unwrap();
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    first.commit(at(0), vec![announced(&ann)]).await.unwrap();
    second.await.unwrap();
    third.await.unwrap();

    let mut tx = store.begin().await.unwrap();
    assert_eq!(tx.users().by_id(ann.id).await.unwrap(), Some(ann));
    assert_eq!(tx.users().by_id(ben.id).await.unwrap(), None, "the dropped unit left a trace");
    assert_eq!(tx.users().by_id(cleo.id).await.unwrap(), Some(cleo));
    assert_eq!(store.backlog().await.unwrap().waiting, 2);
    assert!(commits(folder(&fresh)) - before <= 2, "the units that waited did not share a COMMIT");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_writers_share_commits_and_never_find_the_database_busy() {
    let fresh = Fresh::sqlite();
    let store = fresh.migrated().await;
    let before = commits(folder(&fresh));
    let mut writers = Vec::new();
    for writer in 0..64 {
        let store = store.clone();
        writers.push(tokio::spawn(async move {
            for round in 0..8 {
                let user = user(&format!("user-{writer}-{round}"));
                let mut tx = store.begin().await.unwrap();
                tx.users().insert(&user).await.unwrap();
                assert_eq!(tx.users().by_id(user.id).await.unwrap().as_ref(), Some(&user), "its own write");
                tx.sessions().insert(&session(&user)).await.unwrap();
                tx.commit(at(0), vec![announced(&user)]).await.unwrap();
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(store.backlog().await.unwrap().waiting, 512);
    let commits = commits(folder(&fresh)) - before;
    assert!(commits <= 256, "{commits} COMMITs for 512 units");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rotations_together_survive_those_that_are_dropped_or_go_on() {
    for fresh in Fresh::both().await {
        rotate_drop_and_go_on(&fresh).await;
    }
}

async fn rotate_drop_and_go_on(fresh: &Fresh) {
    let store = fresh.migrated().await;
    let mut tasks = Vec::new();
    for number in 0..48_u32 {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            let (user, session) = signed_in(&*store, &format!("user{number}")).await;
            let mut committed = 0;
            for round in 0..20 {
                let mut tx = rotated(&*store, session.id, committed).await;
                match (number + round) % 5 {
                    0 => drop(tx),
                    1 => {
                        // Something else after the rotation, and the announcement with it.
                        let again = tx.sessions().by_id(session.id).await.unwrap().unwrap();
                        assert_eq!(again.family.generation, committed + 1, "its own write");
                        tx.commit(at(10), vec![announced(&user)]).await.unwrap();
                        committed += 1;
                    }
                    _ => {
                        tx.commit(at(10), Vec::new()).await.unwrap();
                        committed += 1;
                    }
                }
            }
            assert_eq!(generation(&*store, session.id).await, committed, "user {number}");
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    // One at sign-in, four of the twenty rounds.
    assert_eq!(store.backlog().await.unwrap().waiting, 48 * 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn b12_of_many_uses_of_one_token_through_two_stores_one_is_first() {
    for fresh in Fresh::both().await {
        use_one_token(&fresh).await;
    }
}

async fn use_one_token(fresh: &Fresh) {
    let stores = [fresh.migrated().await, fresh.connect().await];
    let (_, session) = signed_in(&*stores[0], "ann").await;
    let mut uses = Vec::new();
    for number in 0..200 {
        let store = stores[number % 2].clone();
        uses.push(tokio::spawn(async move {
            let mut tx = store.begin().await.unwrap();
            let answer = tx.sessions().rotate(&databases::samples::rotation(session.id, 0)).await.unwrap();
            let first = matches!(answer, portcullis_domain::sessions::Rotated::First(_));
            if first {
                tx.commit(at(10), Vec::new()).await.unwrap();
            } else {
                assert!(matches!(answer, portcullis_domain::sessions::Rotated::Again(_)), "{answer:?}");
            }
            first
        }));
    }
    let mut first = 0;
    for one in uses {
        first += usize::from(one.await.unwrap());
    }
    assert_eq!(first, 1);
    assert_eq!(generation(&*stores[0], session.id).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_unit_that_stalls_is_rolled_back_and_closed() {
    let fresh = Fresh::sqlite();
    fresh.migrated().await.close().await;
    let stall_timeout = Duration::from_millis(200);
    let store = fresh.connect_with(SqlSettings { stall_timeout, ..SqlSettings::default() }).await;
    let (ann, ben) = (user("ann"), user("ben"));
    let mut stalling = store.begin().await.unwrap();
    stalling.users().insert(&ann).await.unwrap();

    let mut other = store.begin().await.unwrap();
    other.users().insert(&ben).await.unwrap();
    other.commit(at(0), Vec::new()).await.unwrap();

    let late = stalling.users().by_id(ann.id).await;
    assert!(matches!(late, Err(StoreError::Unavailable(_))), "{late:?}");
    let closed = stalling.commit(at(0), vec![announced(&ann)]).await;
    assert!(matches!(closed, Err(StoreError::Closed)), "{closed:?}");
    let mut tx = store.begin().await.unwrap();
    assert_eq!(tx.users().by_id(ann.id).await.unwrap(), None);
    assert_eq!(tx.users().by_id(ben.id).await.unwrap(), Some(ben));
    assert_eq!(store.backlog().await.unwrap().waiting, 0);
}

/// A store whose units wait only this long for their turn.
async fn impatient(fresh: &Fresh) -> std::sync::Arc<portcullis_sql::SqlStore> {
    fresh.migrated().await.close().await;
    let acquire_timeout = Duration::from_millis(200);
    fresh.connect_with(SqlSettings { acquire_timeout, ..SqlSettings::default() }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_commit_that_takes_long_is_answered_by_what_became_of_it() {
    let fresh = Fresh::sqlite();
    let store = impatient(&fresh).await;
    let (ann, _) = signed_in(&*store, "ann").await;
    let slow = databases::Busy::new(folder(&fresh)).await;
    let late = store.clone();
    // Its first word is the commit, as it is of most logins.
    let unit = tokio::spawn(async move { late.begin().await.unwrap().commit(at(1), vec![announced(&ann)]).await });
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert!(!unit.is_finished(), "the unit has its turn: nobody may say yet that nothing has changed");
    slow.end().await;
    unit.await.unwrap().expect("it was committed");
    assert_eq!(store.backlog().await.unwrap().waiting, 2, "one at sign-in, and this one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_waits_too_long_for_a_turn_changes_nothing() {
    let fresh = Fresh::sqlite();
    let store = impatient(&fresh).await;
    let (ann, ben) = (user("ann"), user("ben"));
    let mut ahead = store.begin().await.unwrap();
    ahead.users().insert(&ann).await.unwrap();
    let refused = store.begin().await.unwrap().commit(at(1), vec![announced(&ben)]).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    let mut writing = store.begin().await.unwrap();
    let refused = writing.users().insert(&ben).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    ahead.commit(at(0), vec![announced(&ann)]).await.unwrap();
    // Whatever was in the queue has been looked at after this one.
    store.begin().await.unwrap().commit(at(2), vec![announced(&ann)]).await.unwrap();
    assert_eq!(store.backlog().await.unwrap().waiting, 2);
    assert_eq!(store.begin().await.unwrap().users().by_id(ben.id).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rotation_that_stalls_does_not_take_the_others_along() {
    for fresh in Fresh::both().await {
        stall(&fresh).await;
    }
}

async fn stall(fresh: &Fresh) {
    fresh.migrated().await.close().await;
    let stall_timeout = Duration::from_millis(200);
    let store = fresh.connect_with(SqlSettings { stall_timeout, ..SqlSettings::default() }).await;
    let mut sessions = Vec::new();
    for number in 0..8 {
        sessions.push(signed_in(&*store, &format!("user{number}")).await.1.id);
    }
    // Keeps SQLite's writer busy until all the others wait.
    let mut ahead = store.begin().await.unwrap();
    ahead.sessions().revoke(sessions[7], Revoked { at: at(1), reason: RevocationReason::Logout }).await.unwrap();
    let mut uses = Vec::new();
    for (number, id) in sessions.iter().copied().take(7).enumerate() {
        let store = store.clone();
        uses.push(tokio::spawn(async move {
            let tx = rotated(&*store, id, 0).await;
            if number == 3 {
                tokio::time::sleep(Duration::from_millis(600)).await;
                return tx.commit(at(10), Vec::new()).await.is_err();
            }
            tx.commit(at(10), Vec::new()).await.is_ok()
        }));
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    ahead.commit(at(1), Vec::new()).await.unwrap();
    for one in uses {
        assert!(one.await.unwrap());
    }
    for (number, id) in sessions.into_iter().take(7).enumerate() {
        assert_eq!(generation(&*store, id).await, u32::from(number != 3), "session {number}");
    }
}

#[tokio::test]
async fn a_database_in_memory_works_alike() {
    let random = std::sync::Arc::new(databases::Counter);
    let store = portcullis_sql::SqlStore::connect("sqlite::memory:", SqlSettings::default(), random).await.unwrap();
    assert_eq!(store.migrate().await.unwrap().len(), portcullis_migration::Migrator::names().len());
    let (user, session) = signed_in(&store, "ann").await;
    rotated(&store, session.id, 0).await.commit(at(10), Vec::new()).await.unwrap();
    drop(rotated(&store, session.id, 1).await);
    assert_eq!(generation(&store, session.id).await, 1);
    let mut tx = store.begin().await.unwrap();
    assert_eq!(tx.users().by_email(&user.email).await.unwrap(), Some(user));
    assert_eq!(store.claim(10, at(0), Duration::from_secs(20)).await.unwrap().len(), 1);
    store.close().await;
}
