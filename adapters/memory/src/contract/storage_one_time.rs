//! Secrets that work once.

use portcullis_domain::Timestamp;
use portcullis_domain::access::OneTimeToken;
use portcullis_domain::access::Purpose::{SetPassword, Setup};
use portcullis_domain::audit::Actor;
use portcullis_domain::ids::{ApiKeyId, UserId};
use portcullis_domain::ports::store::StoreError;
use portcullis_domain::secret::SecretDigest;

use super::Storage;
use super::samples::{RACERS, RANDOM, at, begin, commit, kept, race, refused, stored_user};
use super::samples_access::{one_time, one_time_in, secret, stored_one_time};

/// Redeems a token in a unit of its own.
async fn redeemed(storage: &Storage, token: &OneTimeToken, now: Timestamp) -> Option<OneTimeToken> {
    let mut tx = begin(&storage.store).await;
    let got = kept(tx.one_time_tokens().redeem(&token.digest, token.purpose, now).await, "a token is redeemed");
    commit(tx).await;
    got
}

/// Round trip of every field, extremes included, looked at and used.
pub async fn every_field_of_a_one_time_token_survives(storage: &Storage) {
    let promise = "every field of a one-time token survives";
    let (first, last) = (Timestamp::from_unix_micros(i64::MIN), Timestamp::from_unix_micros(i64::MAX));
    let micro = Timestamp::from_unix_micros(at(1).as_unix_micros() + 1);
    let ann = stored_user(&storage.store, "ann").await;
    let ben = stored_user(&storage.store, "ben").await;
    for written in [
        one_time(SetPassword, Some(ann.id), at(0)),
        OneTimeToken { digest: SecretDigest([0; 32]), ..one_time(Setup, None, at(0)) },
        OneTimeToken { digest: SecretDigest([0xFF; 32]), created_at: first, ..one_time(Setup, Some(ben.id), at(0)) },
        OneTimeToken { created_at: last, expires_at: micro, ..one_time(SetPassword, Some(ben.id), at(0)) },
        OneTimeToken { created_at: micro, expires_at: last, ..one_time(SetPassword, None, at(0)) },
        OneTimeToken { version: Some(u32::MAX), ..one_time(SetPassword, Some(ann.id), at(0)) },
        OneTimeToken { version: None, ..one_time(SetPassword, Some(ann.id), at(0)) },
        OneTimeToken { maker: Actor::User(ben.id), ..one_time(SetPassword, Some(ann.id), at(0)) },
        OneTimeToken {
            maker: Actor::ApiKey(ApiKeyId::new(at(0), &RANDOM)),
            ..one_time(SetPassword, Some(ann.id), at(0))
        },
        OneTimeToken { maker: Actor::Client("röntgen 'x'".to_owned()), ..one_time(SetPassword, Some(ann.id), at(0)) },
        OneTimeToken { maker: Actor::Service, ..one_time(SetPassword, Some(ann.id), at(0)) },
    ] {
        stored_one_time(&storage.store, &written).await;
        assert_eq!(one_time_in(&storage.store, &written, at(1)).await.as_ref(), Some(&written), "{promise}");
        assert_eq!(one_time_in(&storage.store, &written, at(1)).await.as_ref(), Some(&written), "a look uses nothing");
        assert_eq!(redeemed(storage, &written, at(1)).await.as_ref(), Some(&written), "{promise}");
        assert_eq!(one_time_in(&storage.store, &written, at(1)).await, None, "what was used is gone");
    }
}

/// `Conflict` without an account, also when it was deleted a moment ago.
pub async fn a_one_time_token_needs_its_account(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let mut tx = begin(&storage.store).await;
    kept(tx.users().delete(ann.id).await, "an account is deleted");
    commit(tx).await;
    for user in [UserId::new(at(0), &RANDOM), ann.id] {
        let token = one_time(SetPassword, Some(user), at(0));
        let mut tx = begin(&storage.store).await;
        let error = refused(tx.one_time_tokens().put(&token).await, "a one-time token needs its account");
        assert!(matches!(error, StoreError::Conflict), "Conflict, not {error:?}");
        drop(tx);
        assert_eq!(one_time_in(&storage.store, &token, at(1)).await, None, "a refused token leaves no trace");
    }
}

/// The same purpose and account; nobody counts as one.
pub async fn a_new_one_time_token_takes_the_place_of_the_old_one(storage: &Storage) {
    let promise = "a new one-time token takes the place of the old one";
    let (ann, ben) = (stored_user(&storage.store, "ann").await.id, stored_user(&storage.store, "ben").await.id);
    let owners = [(SetPassword, Some(ann)), (SetPassword, Some(ben)), (SetPassword, None), (Setup, None)];
    let mut newest = Vec::new();
    for (purpose, user) in owners {
        let token = one_time(purpose, user, at(0));
        stored_one_time(&storage.store, &token).await;
        newest.push(token);
    }
    for place in 0..newest.len() {
        let next = one_time(newest[place].purpose, newest[place].user, at(5));
        let next = OneTimeToken { version: next.version.map(|_| 7), maker: Actor::Client("hr".to_owned()), ..next };
        stored_one_time(&storage.store, &next).await;
        let old = std::mem::replace(&mut newest[place], next);
        assert_eq!(one_time_in(&storage.store, &old, at(6)).await, None, "{promise}");
        assert_eq!(redeemed(storage, &old, at(6)).await, None, "{promise}: it works no more");
        for token in &newest {
            let there = one_time_in(&storage.store, token, at(6)).await;
            assert_eq!(there.as_ref(), Some(token), "{promise}: and of no other purpose or account");
        }
    }
}

/// To the microsecond, for its purpose, by its digest.
pub async fn a_one_time_token_works_for_its_purpose_until_it_expires(storage: &Storage) {
    let promise = "a one-time token works for its purpose until it expires";
    let ann = stored_user(&storage.store, "ann").await.id;
    let token = OneTimeToken { expires_at: at(100), ..one_time(SetPassword, Some(ann), at(0)) };
    stored_one_time(&storage.store, &token).await;
    let mut almost = token.digest;
    almost.0[31] ^= 1;
    let just_before = Timestamp::from_unix_micros(at(100).as_unix_micros() - 1);
    let mut tx = begin(&storage.store).await;
    for (digest, purpose, now) in [
        (token.digest, SetPassword, at(100)),
        (token.digest, SetPassword, at(1_000_000)),
        (token.digest, Setup, at(1)),
        (almost, SetPassword, at(1)),
        (secret(), SetPassword, at(1)),
    ] {
        let tokens = tx.one_time_tokens();
        assert_eq!(kept(tokens.peek(&digest, purpose, now).await, promise), None, "{promise}");
        assert_eq!(kept(tokens.redeem(&digest, purpose, now).await, promise), None, "{promise}");
    }
    commit(tx).await;
    assert_eq!(one_time_in(&storage.store, &token, just_before).await.as_ref(), Some(&token), "nothing used it");
    assert_eq!(redeemed(storage, &token, just_before).await, Some(token), "{promise}: to the last microsecond");
}

/// Race for a token: one gets it.
pub async fn of_racing_redemptions_one_gets_the_token(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await.id;
    for token in [one_time(Setup, None, at(0)), one_time(SetPassword, Some(ann), at(0))] {
        stored_one_time(&storage.store, &token).await;
        let answers = race(RACERS, |_| {
            let (store, token) = (storage.store.clone(), token.clone());
            async move {
                let mut tx = begin(&store).await;
                let got = tx.one_time_tokens().redeem(&token.digest, token.purpose, at(1)).await;
                commit(tx).await;
                kept(got, "a redemption may come second")
            }
        })
        .await;
        let got: Vec<_> = answers.into_iter().flatten().collect();
        assert_eq!(got, [token], "of {RACERS} racing redemptions exactly one gets the token");
    }
}

/// Links made at the same time for one account: the last one works, and no other.
pub async fn of_racing_one_time_tokens_one_stays(storage: &Storage) {
    let promise = "of one-time tokens made at the same time for one account one stays";
    let ann = stored_user(&storage.store, "ann").await.id;
    for (purpose, user) in [(SetPassword, Some(ann)), (Setup, None)] {
        for old in [false, true] {
            if old {
                stored_one_time(&storage.store, &one_time(purpose, user, at(0))).await;
            }
            let tokens = race(RACERS, |_| {
                let (store, token) = (storage.store.clone(), one_time(purpose, user, at(1)));
                async move {
                    stored_one_time(&store, &token).await;
                    token
                }
            })
            .await;
            let mut working = 0;
            for token in tokens {
                working += usize::from(one_time_in(&storage.store, &token, at(2)).await.is_some());
            }
            assert_eq!(working, 1, "{promise}: {purpose:?}");
        }
    }
}

/// Dropped, and after an error: the token works still.
pub async fn a_redemption_dropped_never_happened(storage: &Storage) {
    let promise = "what a unit does to one-time tokens that is not committed never happened";
    let ann = stored_user(&storage.store, "ann").await.id;
    let (setup, link) = (one_time(Setup, None, at(0)), one_time(SetPassword, Some(ann), at(0)));
    stored_one_time(&storage.store, &setup).await;
    stored_one_time(&storage.store, &link).await;
    for fails in [false, true] {
        let next = one_time(Setup, None, at(5));
        let mut tx = begin(&storage.store).await;
        let tokens = tx.one_time_tokens();
        let got = kept(tokens.redeem(&link.digest, SetPassword, at(1)).await, promise);
        assert_eq!(got.as_ref(), Some(&link), "{promise}: the unit gets it");
        assert_eq!(kept(tokens.redeem(&link.digest, SetPassword, at(1)).await, promise), None, "a unit gets it once");
        kept(tokens.put(&next).await, promise);
        assert_eq!(kept(tokens.peek(&next.digest, Setup, at(6)).await, promise).as_ref(), Some(&next), "its own");
        assert_eq!(kept(tokens.peek(&setup.digest, Setup, at(6)).await, promise), None, "a unit sees what it replaced");
        kept(tokens.clear(Setup).await, promise);
        if fails {
            let ghost = one_time(SetPassword, Some(UserId::new(at(0), &RANDOM)), at(0));
            refused(tokens.put(&ghost).await, "a one-time token needs its account");
            refused(tokens.peek(&setup.digest, Setup, at(1)).await, "after an error nothing is read");
            refused(tokens.redeem(&setup.digest, Setup, at(1)).await, "after an error nothing is used");
            refused(tx.commit(at(0), Vec::new()).await, "after an error the commit is refused");
        } else {
            drop(tx);
        }
        assert_eq!(one_time_in(&storage.store, &next, at(6)).await, None, "{promise}");
        for token in [&setup, &link] {
            assert_eq!(one_time_in(&storage.store, token, at(1)).await.as_ref(), Some(token), "{promise}");
        }
    }
    assert_eq!(redeemed(storage, &link, at(1)).await, Some(link), "{promise}: it works still");
}

/// Of this purpose, whoever's.
pub async fn clearing_forgets_all_tokens_of_a_purpose(storage: &Storage) {
    let promise = "clearing forgets all one-time tokens of a purpose";
    let (ann, ben) = (stored_user(&storage.store, "ann").await.id, stored_user(&storage.store, "ben").await.id);
    let setup = [one_time(Setup, None, at(0)), one_time(Setup, Some(ann), at(0))];
    let links = [one_time(SetPassword, Some(ann), at(0)), one_time(SetPassword, Some(ben), at(0))];
    for token in setup.iter().chain(&links) {
        stored_one_time(&storage.store, token).await;
    }
    let mut tx = begin(&storage.store).await;
    kept(tx.one_time_tokens().clear(Setup).await, promise);
    commit(tx).await;
    for token in setup {
        assert_eq!(one_time_in(&storage.store, &token, at(1)).await, None, "{promise}");
    }
    for token in links {
        assert_eq!(one_time_in(&storage.store, &token, at(1)).await, Some(token), "{promise}: of no other");
    }
}

/// No more than the limit at once.
pub async fn purging_forgets_one_time_tokens_that_expired_before(storage: &Storage) {
    let promise = "purging forgets one-time tokens that expired before the instant";
    let mut tokens = Vec::new();
    for (number, expires) in [97, 98, 99, 100, 101].into_iter().enumerate() {
        let user = stored_user(&storage.store, &format!("user{number}")).await.id;
        let token = OneTimeToken { expires_at: at(expires), ..one_time(SetPassword, Some(user), at(0)) };
        stored_one_time(&storage.store, &token).await;
        tokens.push(token);
    }
    for expected in [2, 1, 0] {
        let mut tx = begin(&storage.store).await;
        assert_eq!(kept(tx.one_time_tokens().purge(at(100), 2).await, promise), expected, "{promise}: how many");
        commit(tx).await;
    }
    for (number, token) in tokens.into_iter().enumerate() {
        let there = one_time_in(&storage.store, &token, at(1)).await.is_some();
        assert_eq!(there, number >= 3, "{promise}: and no other");
    }
}
