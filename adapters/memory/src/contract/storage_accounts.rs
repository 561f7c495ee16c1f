//! Adding and finding accounts.

use portcullis_domain::Timestamp;
use portcullis_domain::accounts::{AttemptKey, Attempts, LoginName, User, UserStatus};
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::accounts::{LoginAccount, LoginFound, LoginLook};
use portcullis_domain::ports::store::{StoreError, Unique};

use super::Storage;
use super::samples::{
    RACERS, RANDOM, at, attempt_key, begin, commit, email, fail, hash, kept, race, refused, stored_user, user, user_in,
    username,
};

fn years_1_and_9999() -> (Timestamp, Timestamp) {
    (Timestamp::from_unix_micros(i64::MIN), Timestamp::from_unix_micros(i64::MAX))
}

fn extremes() -> Vec<User> {
    let (first, last) = years_1_and_9999();
    let id = || UserId::new(at(0), &RANDOM);
    let longest = format!("{}@{}.example", "l".repeat(64), "d".repeat(60));
    vec![
        User::new(id(), None, email("plain@example.com"), at(0)),
        User {
            id: id(),
            username: Some(username("Mixed.Case_Name-9")),
            email: email("Mixed.Case+tag@Example.COM"),
            email_verified: true,
            status: UserStatus::Disabled,
            status_reason: Some("ελλ 日本 😀 '\"\\%_ ".repeat(15).chars().take(200).collect()),
            must_change_password: true,
            created_at: first,
            updated_at: last,
            version: u32::MAX,
        },
        User {
            id: id(),
            username: Some(username(&"z".repeat(64))),
            email: email(&longest),
            email_verified: false,
            status: UserStatus::Active,
            status_reason: Some(String::new()),
            must_change_password: true,
            created_at: Timestamp::from_unix_micros(1_800_000_000_123_457),
            updated_at: Timestamp::from_unix_micros(-1),
            version: 1,
        },
        User::new(id(), Some(username("greta")), email("grüße.ελλάδα.日本@bücher.example"), last),
    ]
}

/// Round trip of every field, extremes included.
pub async fn every_field_of_an_account_survives(storage: &Storage) {
    for user in extremes() {
        let mut tx = begin(&storage.store).await;
        kept(tx.users().insert(&user).await, "an account whose names are free is added");
        commit(tx).await;
        let read = user_in(&storage.store, user.id).await;
        assert_eq!(read.as_ref(), Some(&user), "every field of an account survives");
        let read = read.map(|user| (user.email.as_str().to_owned(), user.username.map(|n| n.as_str().to_owned())));
        let written = (user.email.as_str().to_owned(), user.username.map(|n| n.as_str().to_owned()));
        assert_eq!(read, Some(written), "names keep the spelling of their owner");
    }
}

/// By any spelling with the same canonical form, and no other.
pub async fn an_account_is_found_by_every_spelling_of_its_names(storage: &Storage) {
    let promise = "an account is found by every spelling of its names";
    let ann = stored_user(&storage.store, "ann").await;
    stored_user(&storage.store, "ben").await;
    let mut tx = begin(&storage.store).await;
    for spelling in ["ann@example.com", "ANN@Example.com", " ann@example.com ", "\u{FF41}nn@example.com"] {
        let read = kept(tx.users().by_email(&email(spelling)).await, promise);
        assert_eq!(read.as_ref(), Some(&ann), "{promise}: {spelling:?}");
    }
    for spelling in ["ann", "ANN", "Ann ", "\u{FF21}nn"] {
        let read = kept(tx.users().by_username(&username(spelling)).await, promise);
        assert_eq!(read.as_ref(), Some(&ann), "{promise}: {spelling:?}");
    }
}

/// Unknown names and ids are `None`, also when they look like patterns.
pub async fn a_name_that_nobody_has_finds_nobody(storage: &Storage) {
    let promise = "a name that nobody has finds nobody";
    stored_user(&storage.store, "ann").await;
    let mut tx = begin(&storage.store).await;
    for nobody in ["ben@example.com", "a_n@example.com", "%@example.com", "ann@example.org", "an@example.com"] {
        assert_eq!(kept(tx.users().by_email(&email(nobody)).await, promise), None, "{promise}: {nobody}");
        let name = LoginName::Email(email(nobody));
        let found = kept(tx.users().for_login(&look(&name, &attempt_key())).await, promise);
        assert_eq!(found, LoginFound::default(), "{promise}: {nobody}");
    }
    for nobody in ["ben", "a_n", "annn"] {
        assert_eq!(kept(tx.users().by_username(&username(nobody)).await, promise), None, "{promise}: {nobody}");
    }
    let stranger = UserId::new(at(0), &RANDOM);
    assert_eq!(kept(tx.users().by_id(stranger).await, promise), None, "{promise}: a fresh id");
    assert_eq!(kept(tx.credentials().of(stranger).await, promise), None, "{promise}: the password of a fresh id");
}

fn look<'a>(name: &'a LoginName, key: &'a AttemptKey) -> LoginLook<'a> {
    LoginLook { name, key, hidden_after: None }
}

/// Under the key, whether somebody has the name or not; the unit's own count too.
pub async fn a_login_finds_what_was_counted_in_the_same_look(storage: &Storage) {
    let promise = "a login finds what was counted in the same look";
    let ann = stored_user(&storage.store, "ann").await;
    let (key, other) = (attempt_key(), attempt_key());
    fail(&storage.store, &key, at(1), at(0)).await;
    fail(&storage.store, &other, at(2), at(0)).await;
    for (name, there) in [("ann", true), ("ann@example.com", true), ("ben", false), ("ben@example.com", false)] {
        let name = LoginName::parse(name).unwrap_or_else(|| panic!("{name} is a login name"));
        let mut tx = begin(&storage.store).await;
        let found = kept(tx.users().for_login(&look(&name, &key)).await, promise);
        assert_eq!(found.attempts, Some(Attempts { failures: 1, last_at: at(1) }), "{promise}: {name:?}");
        assert_eq!(found.account.map(|account| account.user), there.then(|| ann.clone()), "{promise}: {name:?}");
        assert_eq!(kept(tx.attempts().fail(&key, at(3), at(0)).await, promise), 2, "{promise}");
        let found = kept(tx.users().for_login(&look(&name, &key)).await, promise);
        assert_eq!(found.attempts, Some(Attempts { failures: 2, last_at: at(3) }), "{promise}: the unit's own");
        let found = kept(tx.users().for_login(&look(&name, &attempt_key())).await, promise);
        assert_eq!(found.attempts, None, "{promise}: another key has none");
    }
}

/// The limit itself hides.
pub async fn after_many_failures_a_login_does_not_find_the_account(storage: &Storage) {
    let promise = "after so many failures a login does not find the account";
    stored_user(&storage.store, "ann").await;
    let key = attempt_key();
    for failures in 0..4 {
        for name in ["ann", "ann@example.com"] {
            let name = LoginName::parse(name).unwrap_or_else(|| panic!("{name} is a login name"));
            let mut tx = begin(&storage.store).await;
            let asked = LoginLook { hidden_after: Some(3), ..look(&name, &key) };
            let found = kept(tx.users().for_login(&asked).await, promise);
            assert_eq!(found.account.is_some(), failures < 3, "{promise}: {failures} of 3");
            assert_eq!(
                found.attempts.map_or(0, |attempts| attempts.failures),
                failures,
                "{promise}: the count is told"
            );
            let open = kept(tx.users().for_login(&look(&name, &key)).await, promise);
            assert!(open.account.is_some(), "{promise}: without a limit it is found");
        }
        fail(&storage.store, &key, at(i64::from(failures)), at(0)).await;
    }
}

/// `for_login` by both names, with and without a password.
pub async fn a_login_finds_account_and_password_in_one_look(storage: &Storage) {
    let promise = "a login finds account and password in one look";
    let key = attempt_key();
    let ann = stored_user(&storage.store, "ann").await;
    let ben = user("ben");
    let mut tx = begin(&storage.store).await;
    kept(tx.users().insert(&ben).await, promise);
    commit(tx).await;

    let mut tx = begin(&storage.store).await;
    for name in ["ann", "ANN", "ann@example.com", "Ann@EXAMPLE.com"] {
        let name = LoginName::parse(name).unwrap_or_else(|| panic!("{name} is a login name"));
        let found = kept(tx.users().for_login(&look(&name, &key)).await, promise);
        let account = LoginAccount { user: ann.clone(), password: Some(hash("current")) };
        assert_eq!(found, LoginFound { attempts: None, account: Some(account) }, "{promise}: {name:?}");
    }
    let found = kept(tx.users().for_login(&look(&LoginName::Username(username("ben")), &key)).await, promise);
    let account = LoginAccount { user: ben, password: None };
    assert_eq!(found.account, Some(account), "{promise}: an account without a password");
}

/// `Duplicate(Email)`, by the canonical form.
pub async fn an_address_belongs_to_one_account(storage: &Storage) {
    stored_user(&storage.store, "ann").await;
    for spelling in ["ann@example.com", "ANN@EXAMPLE.COM", "\u{FF21}nn@example.com"] {
        let mut tx = begin(&storage.store).await;
        let other = User::new(UserId::new(at(0), &RANDOM), None, email(spelling), at(0));
        let error = refused(tx.users().insert(&other).await, "an address belongs to one account");
        assert!(matches!(error, StoreError::Duplicate(Unique::Email)), "{spelling}: Duplicate(Email), not {error:?}");
    }
}

/// `Duplicate(Username)`, by the canonical form.
pub async fn a_username_belongs_to_one_account(storage: &Storage) {
    stored_user(&storage.store, "ann").await;
    for spelling in ["ann", "ANN", "\u{FF41}nn"] {
        let mut tx = begin(&storage.store).await;
        let mut other = user("ben");
        other.username = Some(username(spelling));
        let error = refused(tx.users().insert(&other).await, "a username belongs to one account");
        let expected = matches!(error, StoreError::Duplicate(Unique::Username));
        assert!(expected, "{spelling}: Duplicate(Username), not {error:?}");
    }
}

/// `Duplicate(Id)`.
pub async fn an_id_belongs_to_one_account(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let mut other = user("ben");
    other.id = ann.id;
    let mut tx = begin(&storage.store).await;
    let error = refused(tx.users().insert(&other).await, "an id belongs to one account");
    assert!(matches!(error, StoreError::Duplicate(Unique::Id)), "Duplicate(Id), not {error:?}");
}

/// No username is not a username.
pub async fn accounts_without_username_do_not_collide(storage: &Storage) {
    let mut tx = begin(&storage.store).await;
    for name in ["ann", "ben", "cleo"] {
        let mut user = user(name);
        user.username = None;
        kept(tx.users().insert(&user).await, "accounts without username do not collide");
    }
    commit(tx).await;
}

async fn rush(storage: &Storage, twin: impl Fn(usize) -> User, unique: Unique) -> Vec<User> {
    let answers = race(RACERS, |number| {
        let (store, user) = (storage.store.clone(), twin(number));
        async move {
            let mut tx = begin(&store).await;
            tx.users().insert(&user).await?;
            tx.commit(at(0), Vec::new()).await.map(|()| user)
        }
    })
    .await;
    let mut winners = Vec::new();
    for answer in answers {
        match answer {
            Ok(user) => winners.push(user),
            Err(StoreError::Duplicate(value)) if value == unique => {}
            Err(error) => panic!("of racing inserts the others get Duplicate({unique:?}), not {error:?}"),
        }
    }
    assert_eq!(winners.len(), 1, "among {RACERS} racing inserts exactly one succeeds");
    winners
}

/// Race for an address.
pub async fn of_racing_accounts_one_gets_the_address(storage: &Storage) {
    let twin = |number: usize| {
        let spelling = if number.is_multiple_of(2) { "same@example.com" } else { "SAME@example.com" };
        User::new(UserId::new(at(0), &RANDOM), None, email(spelling), at(0))
    };
    let winner = rush(storage, twin, Unique::Email).await;
    let mut tx = begin(&storage.store).await;
    let read = kept(tx.users().by_email(&email("same@example.com")).await, "the winner is found");
    assert_eq!(read.as_ref(), winner.first(), "the account that was told so has the address");
}

/// Race for a username.
pub async fn of_racing_accounts_one_gets_the_username(storage: &Storage) {
    let twin = |number: usize| {
        let mut user = user(&format!("racer{number}"));
        user.username = Some(username(if number.is_multiple_of(2) { "same" } else { "SAME" }));
        user
    };
    let winner = rush(storage, twin, Unique::Username).await;
    let mut tx = begin(&storage.store).await;
    let read = kept(tx.users().by_username(&username("same")).await, "the winner is found");
    assert_eq!(read.as_ref(), winner.first(), "the account that was told so has the username");
}
