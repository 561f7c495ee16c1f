//! Refresh tokens in the store: one live token in a family, whoever races.

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::Timestamp;
use portcullis_domain::ids::{SessionId, UserId};
use portcullis_domain::ports::store::{Store, StoreError};
use portcullis_domain::sessions::{RevocationReason, Revoked, Rotated, Rotation, Session};

use super::Storage;
use super::samples::{
    RACERS, at, begin, commit, digest, kept, race, rotation, session, session_in, stored_session, stored_user,
};

async fn fresh(storage: &Storage) -> Session {
    let ann = stored_user(&storage.store, "ann").await;
    let web = session(&ann, at(0));
    stored_session(&storage.store, &web).await;
    web
}

/// Rotates and commits as the use case does: only a `First` is committed.
async fn rotate(store: &Arc<dyn Store>, rotation: &Rotation) -> Rotated {
    let mut tx = begin(store).await;
    let rotated = kept(tx.sessions().rotate(rotation).await, "a rotation is answered");
    if matches!(rotated, Rotated::First(_)) {
        commit(tx).await;
    }
    rotated
}

/// `First`, with `Rotation::apply` done and stored.
pub async fn the_live_token_is_rotated(storage: &Storage) {
    let web = fresh(storage).await;
    let first_use = rotation(&web, at(60));
    let expected = first_use.apply(&web).unwrap_or_else(|| panic!("the live token can be rotated"));
    let rotated = rotate(&storage.store, &first_use).await;
    assert_eq!(rotated, Rotated::First(expected.clone()), "the use of the live token is the first, applied");
    assert_eq!(session_in(&storage.store, web.id).await, Some(expected), "what was answered is stored");
}

/// `Again` up to the last microsecond of the grace; nothing changes.
pub async fn a_token_used_again_within_the_grace_changes_nothing(storage: &Storage) {
    let web = fresh(storage).await;
    let used = rotation(&web, at(60));
    let Rotated::First(after) = rotate(&storage.store, &used).await else { panic!("the first use is the first") };
    for late in [Duration::ZERO, Duration::from_micros(1), Duration::from_secs(10)] {
        let again = Rotation { at: at(60).plus(late), ..used.clone() };
        let rotated = rotate(&storage.store, &again).await;
        assert_eq!(rotated, Rotated::Again(after.clone()), "used again after {late:?}, a token gives its successor");
    }
    assert_eq!(session_in(&storage.store, web.id).await, Some(after), "a use within the grace changes nothing");
}

/// `Reused` one microsecond after the grace; the store itself revokes nothing.
pub async fn a_token_used_again_after_the_grace_is_reuse(storage: &Storage) {
    let web = fresh(storage).await;
    let used = rotation(&web, at(60));
    let Rotated::First(after) = rotate(&storage.store, &used).await else { panic!("the first use is the first") };
    for late in [Duration::from_micros(10_000_001), Duration::from_secs(600)] {
        let again = Rotation { at: at(60).plus(late), ..used.clone() };
        let rotated = rotate(&storage.store, &again).await;
        assert_eq!(rotated, Rotated::Reused(after.clone()), "used again after {late:?}, a token is reuse");
    }
    assert_eq!(session_in(&storage.store, web.id).await, Some(after), "the verdict changes nothing");
}

/// Unknown, revoked, idle, ended: `Refused`, used before or not.
pub async fn a_token_of_no_live_session_is_refused(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let mut idle = session(&ann, at(0));
    idle.idle_expires_at = at(60);
    let mut over = session(&ann, at(0));
    (over.idle_expires_at, over.expires_at) = (at(60), at(60));
    let mut revoked = session(&ann, at(0));
    revoked.revoked = Some(Revoked { at: at(1), reason: RevocationReason::Logout });
    let mut used = revoked.clone();
    used.id = session(&ann, at(0)).id;
    used.family.generation = 1;
    used.family.used_at[0] = Some(at(59));
    for one in [&idle, &over, &revoked, &used] {
        stored_session(&storage.store, one).await;
    }
    let unknown = session(&ann, at(0));
    let just_before = Timestamp::from_unix_micros(at(60).as_unix_micros() - 1);
    for (what, one) in [("idle", &idle), ("ended", &over), ("revoked", &revoked), ("unknown", &unknown)] {
        let rotated = rotate(&storage.store, &rotation(one, at(60))).await;
        assert_eq!(rotated, Rotated::Refused, "a token of an {what} session is refused");
    }
    let before = Rotation { generation: 0, ..rotation(&used, at(60)) };
    assert_eq!(rotate(&storage.store, &before).await, Rotated::Refused, "a used token of a revoked session is refused");
    for one in [idle.clone(), over.clone(), revoked, used] {
        assert_eq!(session_in(&storage.store, one.id).await, Some(one), "a refusal changes nothing");
    }
    for one in [&idle, &over] {
        let rotated = rotate(&storage.store, &rotation(one, just_before)).await;
        assert!(matches!(rotated, Rotated::First(_)), "a session is live until the instant of its end");
    }
}

/// A digest that is not the live one, or a generation yet to come.
pub async fn a_token_that_is_not_of_the_family_is_refused(storage: &Storage) {
    let web = fresh(storage).await;
    let live = rotation(&web, at(60));
    let forged = Rotation { presented: digest(), ..live.clone() };
    assert_eq!(rotate(&storage.store, &forged).await, Rotated::Refused, "a foreign digest is refused");
    for generation in [1, 2, u32::MAX] {
        let early = Rotation { generation, ..live.clone() };
        assert_eq!(rotate(&storage.store, &early).await, Rotated::Refused, "generation {generation} is yet to come");
    }
    assert_eq!(session_in(&storage.store, web.id).await, Some(web), "a refusal changes nothing");
}

/// The cap at the session's own end.
pub async fn the_idle_end_never_passes_the_end(storage: &Storage) {
    let web = fresh(storage).await;
    let greedy = Rotation { idle_expires_at: web.expires_at.plus(Duration::from_secs(1)), ..rotation(&web, at(60)) };
    let Rotated::First(after) = rotate(&storage.store, &greedy).await else { panic!("the first use is the first") };
    assert_eq!(after.idle_expires_at, web.expires_at, "the idle end never passes the end");
    assert_eq!(after.expires_at, web.expires_at, "a refresh never moves the end");
    assert_eq!(session_in(&storage.store, web.id).await, Some(after), "what was answered is stored");
}

/// Only the last generations are remembered with their instant.
pub async fn a_generation_forgotten_long_ago_is_reuse(storage: &Storage) {
    let mut live = fresh(storage).await;
    let mut uses = Vec::new();
    for _ in 0..5 {
        let step = rotation(&live, at(60));
        let Rotated::First(after) = rotate(&storage.store, &step).await else { panic!("each first use is the first") };
        (live, _) = (after, uses.push(step));
    }
    for (generation, step) in uses.iter().enumerate() {
        let rotated = rotate(&storage.store, step).await;
        if generation == 0 {
            assert_eq!(rotated, Rotated::Reused(live.clone()), "a generation too old to be remembered is reuse");
        } else {
            assert_eq!(rotated, Rotated::Again(live.clone()), "generation {generation} is remembered with its instant");
        }
    }
}

/// A long life.
pub async fn a_hundred_rotations_follow_one_another(storage: &Storage) {
    let mut live = fresh(storage).await;
    for step in 1..=100 {
        let next = rotation(&live, at(60 * step));
        let expected = next.apply(&live);
        let Rotated::First(after) = rotate(&storage.store, &next).await else { panic!("use {step} is the first") };
        assert_eq!(Some(&after), expected.as_ref(), "rotation {step} is applied");
        live = after;
    }
    assert_eq!(live.family.generation, 100, "a hundred rotations follow one another");
    assert_eq!(session_in(&storage.store, live.id).await, Some(live), "the last one is stored");
}

/// Without a commit the token is as good as new.
pub async fn a_rotation_dropped_never_happened_b14(storage: &Storage) {
    let web = fresh(storage).await;
    let step = rotation(&web, at(60));
    let mut tx = begin(&storage.store).await;
    let rotated = kept(tx.sessions().rotate(&step).await, "a rotation is answered");
    assert!(matches!(rotated, Rotated::First(_)), "the first use is the first");
    drop(tx);
    assert_eq!(session_in(&storage.store, web.id).await, Some(web), "a rotation dropped never happened");
    assert!(matches!(rotate(&storage.store, &step).await, Rotated::First(_)), "and the token is still the live one");
}

/// Race: exactly one `First`, everybody else `Again` with the same successor.
pub async fn of_racing_rotations_of_one_token_one_is_first(storage: &Storage) {
    let mut live = fresh(storage).await;
    for round in 1..=5 {
        let step = rotation(&live, at(60 * round));
        let answers = race(2 * RACERS, |_| {
            let (store, step) = (storage.store.clone(), step.clone());
            async move { rotate(&store, &step).await }
        })
        .await;
        let mut firsts = 0;
        for answer in answers {
            let after = match answer {
                Rotated::First(after) => {
                    firsts += 1;
                    after
                }
                Rotated::Again(after) => after,
                other => panic!("of racing uses of one token the others get Again, not {other:?}"),
            };
            assert_eq!(after.family.digest, step.successor, "everybody gets the same successor");
            assert_eq!(after.family.generation, live.family.generation + 1, "one race is one rotation");
            live.family.used_at = after.family.used_at;
        }
        assert_eq!(firsts, 1, "of {} racing uses of one token exactly one is First", 2 * RACERS);
        live = session_in(&storage.store, live.id).await.unwrap_or_else(|| panic!("the session is there"));
        assert_eq!(live.family.digest, step.successor, "what everybody was told is stored");
    }
}

/// Rotates and reads on before it commits, as the use case does when access tokens say what their user may do.
async fn rotate_and_go_on(store: &Arc<dyn Store>, step: &Rotation, user: UserId) -> Result<Rotated, StoreError> {
    let mut tx = begin(store).await;
    let rotated = tx.sessions().rotate(step).await?;
    if matches!(rotated, Rotated::First(_)) {
        tx.users().by_id(user).await?;
        tx.commit(at(0), Vec::new()).await?;
    }
    Ok(rotated)
}

/// Race of units that go on after the use: the same, and whoever meets a conflict is told when it asks again.
pub async fn of_racing_rotations_that_go_on_one_is_first(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    for families in [1, 4, 1] {
        let mut steps = Vec::new();
        for _ in 0..families {
            let one = session(&ann, at(0));
            stored_session(&storage.store, &one).await;
            steps.push(rotation(&one, at(60)));
        }
        let answers = race(2 * RACERS, |number| {
            let (store, step, user) = (storage.store.clone(), steps[number % families].clone(), ann.id);
            async move {
                let answer = match rotate_and_go_on(&store, &step, user).await {
                    Err(StoreError::Conflict) => rotate_and_go_on(&store, &step, user).await,
                    answer => answer,
                };
                (number % families, kept(answer, "after a conflict the token is live no more, and there is none again"))
            }
        })
        .await;
        let mut firsts = vec![0; families];
        for (family, answer) in answers {
            firsts[family] += usize::from(matches!(answer, Rotated::First(_)));
            let (Rotated::First(after) | Rotated::Again(after)) = answer else {
                panic!("of racing uses of one token the others get Again, not {answer:?}")
            };
            assert_eq!(after.family.digest, steps[family].successor, "everybody gets the same successor");
        }
        assert_eq!(firsts, vec![1; families], "of racing uses of one token exactly one is First");
        for step in steps {
            let live = session_in(&storage.store, step.session).await.map(|session| session.family.digest);
            assert_eq!(live, Some(step.successor), "what everybody was told is stored");
        }
    }
}

/// Families rotate side by side.
pub async fn racing_families_do_not_meet(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let mut families = Vec::new();
    for _ in 0..RACERS {
        let one = session(&ann, at(0));
        stored_session(&storage.store, &one).await;
        families.push(one);
    }
    let ends = race(RACERS, |number| {
        let (store, mut live) = (storage.store.clone(), families[number].clone());
        async move {
            for step in 1..=5 {
                match rotate(&store, &rotation(&live, at(step))).await {
                    Rotated::First(after) => live = after,
                    other => panic!("a family alone with its token is rotated, not {other:?}"),
                }
            }
            live
        }
    })
    .await;
    for live in ends {
        assert_eq!(live.family.generation, 5, "every family made its own way");
        assert_eq!(session_in(&storage.store, live.id).await, Some(live), "racing families do not meet");
    }
}

async fn revoke(store: &Arc<dyn Store>, id: SessionId) -> bool {
    let mut tx = begin(store).await;
    let revoked = Revoked { at: at(60), reason: RevocationReason::Logout };
    let ended = kept(tx.sessions().revoke(id, revoked).await, "a revocation is answered");
    commit(tx).await;
    ended
}

/// A revocation in the middle of rotations stands.
pub async fn a_rotation_racing_a_revocation_never_revives_a_session(storage: &Storage) {
    let promise = "a rotation never revives a session that is revoked at the same time";
    let ann = stored_user(&storage.store, "ann").await;
    for _ in 0..10 {
        let web = session(&ann, at(0));
        stored_session(&storage.store, &web).await;
        let step = rotation(&web, at(60));
        let ended = race(RACERS, |number| {
            let (store, step) = (storage.store.clone(), step.clone());
            async move {
                if number == RACERS / 2 {
                    revoke(&store, step.session).await
                } else {
                    rotate(&store, &step).await;
                    false
                }
            }
        })
        .await;
        assert_eq!(ended.into_iter().filter(|ended| *ended).count(), 1, "the revocation ends the session");
        let live = session_in(&storage.store, web.id).await.is_some_and(|session| session.is_live(at(61)));
        assert!(!live, "{promise}");
        let after = Rotation { at: at(61), ..step };
        assert_eq!(rotate(&storage.store, &after).await, Rotated::Refused, "{promise}");
    }
}
