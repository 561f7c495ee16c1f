//! The suite `revocation_list`: [`RevocationList`](portcullis_domain::ports::sessions::RevocationList).

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::Timestamp;
use portcullis_domain::ids::{GrantId, SessionId, TokenId};
use portcullis_domain::ports::sessions::RevocationList;

use super::samples::{RACERS, RANDOM, at, race};

/// Runs the suite `revocation_list` on what `async fn factory() -> Arc<dyn RevocationList>` gives.
#[macro_export]
macro_rules! revocation_list_contract {
    ($factory:expr) => {
        $crate::promises!(
            revocation_list,
            $factory,
            a_revoked_grant_is_known_at_once,
            a_grant_that_was_not_revoked_is_not_in_the_list,
            a_token_of_no_session_is_revoked_like_a_session,
            a_revocation_is_remembered_until_its_instant,
            what_is_forgotten_does_not_come_back,
            a_second_revocation_never_shortens_the_first,
            ten_thousand_revocations_are_all_known,
            a_race_of_revocations_and_questions_forgets_nothing,
        );
    };
}

type List = Arc<dyn RevocationList>;

fn id() -> GrantId {
    SessionId::new(at(0), &RANDOM).into()
}

/// From the moment `revoke` returns.
pub async fn a_revoked_grant_is_known_at_once(list: &List) {
    let grant = id();
    list.revoke(grant, at(900));
    assert!(list.is_revoked(grant), "a revoked grant is known at once");
}

/// Others are not.
pub async fn a_grant_that_was_not_revoked_is_not_in_the_list(list: &List) {
    assert!(!list.is_revoked(id()), "an empty list holds nobody");
    for _ in 0..100 {
        list.revoke(id(), at(900));
    }
    for _ in 0..100 {
        assert!(!list.is_revoked(id()), "a grant that was not revoked is not in the list");
    }
}

/// Its grant is the token itself.
pub async fn a_token_of_no_session_is_revoked_like_a_session(list: &List) {
    let (one, other) = (TokenId::new(at(0), &RANDOM), TokenId::new(at(0), &RANDOM));
    list.revoke(one.into(), at(900));
    assert!(list.is_revoked(one.into()), "a revoked token is known at once");
    assert!(!list.is_revoked(other.into()), "another token is not revoked with it");
    list.forget(at(900));
    assert!(!list.is_revoked(one.into()), "at its instant the revocation of a token is forgotten");
}

/// `forget` takes those whose `until` is not after `now`.
pub async fn a_revocation_is_remembered_until_its_instant(list: &List) {
    let (short, long) = (id(), id());
    list.revoke(short, at(100));
    list.revoke(long, at(200));
    list.forget(Timestamp::from_unix_micros(at(100).as_unix_micros() - 1));
    assert!(list.is_revoked(short) && list.is_revoked(long), "before its instant a revocation stays");
    list.forget(at(100));
    assert!(!list.is_revoked(short), "at its instant a revocation is forgotten");
    assert!(list.is_revoked(long), "what is to be remembered longer MUST stay");
    list.forget(at(200));
    assert!(!list.is_revoked(long), "at its instant a revocation is forgotten");
}

/// Not even as an echo of what other replicas were told.
pub async fn what_is_forgotten_does_not_come_back(list: &List) {
    let grants: Vec<_> = (0..20).map(|_| id()).collect();
    for grant in &grants {
        list.revoke(*grant, at(100));
    }
    list.forget(at(100));
    for _ in 0..10 {
        assert!(!grants.iter().any(|grant| list.is_revoked(*grant)), "what is forgotten does not come back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// In either order the later instant counts.
pub async fn a_second_revocation_never_shortens_the_first(list: &List) {
    let (one, two) = (id(), id());
    list.revoke(one, at(200));
    list.revoke(one, at(100));
    list.revoke(two, at(100));
    list.revoke(two, at(200));
    list.forget(at(150));
    assert!(list.is_revoked(one), "a second revocation never shortens the first");
    assert!(list.is_revoked(two), "a second revocation may prolong the first");
}

/// No bound that silently drops.
pub async fn ten_thousand_revocations_are_all_known(list: &List) {
    let grants: Vec<_> = (0..10_000).map(|_| id()).collect();
    for grant in &grants {
        list.revoke(*grant, at(900));
    }
    let missing = grants.iter().filter(|grant| !list.is_revoked(**grant)).count();
    assert_eq!(missing, 0, "every revocation is known, however many there are");
}

/// Revoking, asking and forgetting at the same time.
pub async fn a_race_of_revocations_and_questions_forgets_nothing(list: &List) {
    let mine = race(RACERS, |number| {
        let list = list.clone();
        async move {
            let mut mine = Vec::new();
            for round in 0..200 {
                let grant = id();
                list.revoke(grant, at(1_000));
                assert!(list.is_revoked(grant), "a revoked grant is known at once, whoever else is busy");
                list.revoke(id(), at(1));
                if round % 20 == number % 20 {
                    list.forget(at(500));
                }
                mine.push(grant);
            }
            mine
        }
    })
    .await;
    let missing = mine.into_iter().flatten().filter(|grant| !list.is_revoked(*grant)).count();
    assert_eq!(missing, 0, "a race of revocations and questions forgets nothing");
}
