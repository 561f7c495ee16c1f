//! Who has which role, and that somebody always has the last one.

use std::time::Duration;

use portcullis_domain::access::{ApiKey, RoleName};
use portcullis_domain::accounts::{User, UserStatus};
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::store::{StoreError, Tx};

use super::Storage;
use super::samples::{RACERS, RANDOM, at, begin, commit, kept, race, refused, stored_user, user_in};
use super::samples_access::{
    api_key, disabled, granted, key_in, one_time, one_time_in, role_in, role_name, roles_of, stored_holder, stored_key,
    stored_one_time, stored_role,
};

/// The second time nothing changes; the account counts the changes.
pub async fn a_role_is_granted_and_withdrawn_once(storage: &Storage) {
    let promise = "a role is granted and withdrawn once";
    let clerk = stored_role(&storage.store, "clerk").await;
    let ann = stored_user(&storage.store, "ann").await;
    let ben = stored_holder(&storage.store, "ben", &clerk).await;
    let mut tx = begin(&storage.store).await;
    assert!(!kept(tx.roles().withdraw(ann.id, &clerk.name, at(1)).await, promise), "{promise}: she has not got it");
    assert!(kept(tx.roles().grant(ann.id, &clerk.name, at(2)).await, promise), "{promise}");
    assert!(!kept(tx.roles().grant(ann.id, &clerk.name, at(3)).await, promise), "{promise}: she has it");
    assert_eq!(
        kept(tx.roles().of(ann.id).await, promise),
        std::slice::from_ref(&clerk.name),
        "{promise}: as the unit sees it"
    );
    commit(tx).await;
    let expected = User { updated_at: at(2), version: 2, ..ann.clone() };
    assert_eq!(user_in(&storage.store, ann.id).await, Some(expected), "the account counts what changed, and only that");
    assert_eq!(roles_of(&storage.store, ann.id).await, std::slice::from_ref(&clerk.name), "{promise}");

    let mut tx = begin(&storage.store).await;
    assert!(!kept(tx.roles().withdraw(ann.id, &role_name("nothing"), at(4)).await, promise), "{promise}: no such role");
    let nobody = UserId::new(at(0), &RANDOM);
    assert!(!kept(tx.roles().withdraw(nobody, &clerk.name, at(4)).await, promise), "{promise}: no such account");
    assert!(kept(tx.roles().withdraw(ann.id, &clerk.name, at(5)).await, promise), "{promise}");
    assert!(!kept(tx.roles().withdraw(ann.id, &clerk.name, at(6)).await, promise), "{promise}: it is taken");
    commit(tx).await;
    let expected = User { updated_at: at(5), version: 3, ..ann.clone() };
    assert_eq!(user_in(&storage.store, ann.id).await, Some(expected), "the account counts what changed, and only that");
    assert_eq!(roles_of(&storage.store, ann.id).await, [], "{promise}");
    assert_eq!(roles_of(&storage.store, ben.id).await, [clerk.name], "{promise}: others keep theirs");
    assert_eq!(user_in(&storage.store, ben.id).await, Some(ben), "{promise}: others do not change");
}

/// `Conflict` without account or role, also when one was deleted a moment ago.
pub async fn a_grant_needs_its_account_and_its_role(storage: &Storage) {
    let (clerk, gone) = (stored_role(&storage.store, "clerk").await, stored_role(&storage.store, "gone").await);
    let (ann, ben) = (stored_user(&storage.store, "ann").await, stored_user(&storage.store, "ben").await);
    let mut tx = begin(&storage.store).await;
    kept(tx.users().delete(ben.id).await, "an account is deleted");
    kept(tx.roles().delete(&gone.name, at(1)).await, "a role is deleted");
    commit(tx).await;
    let never = role_name("never");
    let ghost = UserId::new(at(0), &RANDOM);
    for (user, role) in [(ghost, &clerk.name), (ben.id, &clerk.name), (ann.id, &never), (ann.id, &gone.name)] {
        let mut tx = begin(&storage.store).await;
        let error = refused(tx.roles().grant(user, role, at(2)).await, "a grant needs its account and its role");
        assert!(matches!(error, StoreError::Conflict), "Conflict, not {error:?}");
    }
    assert_eq!(user_in(&storage.store, ann.id).await, Some(ann), "a refused grant changes nothing");
}

/// One list for each, in the order asked for.
pub async fn the_roles_of_many_accounts_come_in_the_order_asked_for(storage: &Storage) {
    let promise = "the roles of many accounts come in the order asked for";
    let (clerk, admin) = (stored_role(&storage.store, "clerk").await, stored_role(&storage.store, "admin").await);
    let ann = stored_holder(&storage.store, "ann", &clerk).await;
    let ben = stored_holder(&storage.store, "ben", &admin).await;
    let cat = stored_user(&storage.store, "cat").await;
    granted(&storage.store, ann.id, &admin, at(1)).await;
    let ghost = UserId::new(at(0), &RANDOM);
    let (hers, his) = (vec![admin.name.clone(), clerk.name], vec![admin.name]);
    let mut tx = begin(&storage.store).await;
    let asked = [ben.id, ghost, ann.id, cat.id, ben.id];
    let expected = [his.clone(), Vec::new(), hers.clone(), Vec::new(), his.clone()];
    assert_eq!(kept(tx.roles().of_all(&asked).await, promise), expected, "{promise}");
    let expected = [hers, Vec::new(), his];
    assert_eq!(kept(tx.roles().of_all(&[ann.id, cat.id, ben.id]).await, promise), expected, "{promise}");
    assert_eq!(kept(tx.roles().of_all(&[]).await, promise), Vec::<Vec<RoleName>>::new(), "{promise}: of none");
}

/// Everything that belongs to the account.
pub async fn a_deleted_account_takes_its_roles_keys_and_tokens_along(storage: &Storage) {
    use portcullis_domain::access::Purpose::SetPassword;
    let promise = "a deleted account takes its roles, API keys and one-time tokens along";
    let clerk = stored_role(&storage.store, "clerk").await;
    let ann = stored_holder(&storage.store, "ann", &clerk).await;
    let ben = stored_holder(&storage.store, "ben", &clerk).await;
    let hers = ApiKey { roles: vec![clerk.name.clone()], ..api_key(ann.id, at(0)) };
    let his = ApiKey { roles: vec![clerk.name.clone()], ..api_key(ben.id, at(0)) };
    let (her_link, his_link) = (one_time(SetPassword, Some(ann.id), at(0)), one_time(SetPassword, Some(ben.id), at(0)));
    for (key, link) in [(&hers, &her_link), (&his, &his_link)] {
        stored_key(&storage.store, key).await;
        stored_one_time(&storage.store, link).await;
    }
    let mut tx = begin(&storage.store).await;
    assert!(kept(tx.users().delete(ann.id).await, promise), "there was an account");
    assert_eq!(kept(tx.api_keys().in_use(hers.id).await, promise), None, "{promise}: as the unit sees it");
    commit(tx).await;
    assert_eq!(roles_of(&storage.store, ann.id).await, [], "{promise}: the roles");
    assert_eq!(key_in(&storage.store, hers.id).await, None, "{promise}: the API keys");
    assert_eq!(one_time_in(&storage.store, &her_link, at(1)).await, None, "{promise}: the tokens");
    assert_eq!(
        roles_of(&storage.store, ben.id).await,
        std::slice::from_ref(&clerk.name),
        "another account keeps its roles"
    );
    assert!(key_in(&storage.store, his.id).await.is_some(), "another account keeps its API keys");
    assert_eq!(one_time_in(&storage.store, &his_link, at(1)).await, Some(his_link), "and its tokens");
    assert!(role_in(&storage.store, &clerk.name).await.is_some(), "the role is nobody's own");
}

/// Different roles of one account, given and taken at the same time.
pub async fn of_racing_grants_and_withdrawals_all_take_effect(storage: &Storage) {
    let promise = "concurrent grants and withdrawals all take effect";
    let ann = stored_user(&storage.store, "ann").await;
    let mut expected = Vec::new();
    for number in 0..RACERS {
        let role = stored_role(&storage.store, &format!("role{number:02}")).await;
        if number % 2 == 0 {
            granted(&storage.store, ann.id, &role, at(0)).await;
        } else {
            expected.push(role.name);
        }
    }
    let answers = race(RACERS, |number| {
        let (store, name) = (storage.store.clone(), role_name(&format!("role{number:02}")));
        async move {
            let mut tx = begin(&store).await;
            let roles = tx.roles();
            let done = if number % 2 == 0 {
                roles.withdraw(ann.id, &name, at(1)).await
            } else {
                roles.grant(ann.id, &name, at(1)).await
            };
            commit(tx).await;
            kept(done, promise)
        }
    })
    .await;
    assert!(answers.into_iter().all(|done| done), "{promise}: each is told so");
    assert_eq!(roles_of(&storage.store, ann.id).await, expected, "{promise}");
    let version = user_in(&storage.store, ann.id).await.map(|user| user.version);
    assert_eq!(version.map(|version| version as usize), Some(1 + RACERS / 2 + RACERS), "the account counts them all");
}

/// Race for one grant.
pub async fn of_racing_grants_of_a_role_one_is_new(storage: &Storage) {
    let clerk = stored_role(&storage.store, "clerk").await;
    let ann = stored_user(&storage.store, "ann").await;
    for (grants, version) in [(true, 2), (false, 3)] {
        let answers = race(RACERS, |_| {
            let (store, name) = (storage.store.clone(), clerk.name.clone());
            async move {
                let mut tx = begin(&store).await;
                let roles = tx.roles();
                let done = if grants {
                    roles.grant(ann.id, &name, at(1)).await
                } else {
                    roles.withdraw(ann.id, &name, at(1)).await
                };
                commit(tx).await;
                kept(done, "a grant or withdrawal may come second")
            }
        })
        .await;
        let new = answers.into_iter().filter(|new| *new).count();
        assert_eq!(new, 1, "of {RACERS} racing grants, or withdrawals, of a role exactly one changes something");
        let read = user_in(&storage.store, ann.id).await.map(|user| user.version);
        assert_eq!(read, Some(version), "the account counts one change");
    }
}

/// Whoever was granted it before loses it, whoever comes after is refused.
pub async fn a_role_deleted_while_it_is_granted_is_nobodys(storage: &Storage) {
    let promise = "a role that is deleted while it is granted is nobody's";
    let clerk = stored_role(&storage.store, "clerk").await;
    let mut users = Vec::new();
    for number in 0..RACERS {
        users.push(stored_user(&storage.store, &format!("user{number:02}")).await.id);
    }
    let answers = race(RACERS, |number| {
        let (store, name, user) = (storage.store.clone(), clerk.name.clone(), users[number]);
        async move {
            let mut tx = begin(&store).await;
            if number == RACERS / 2 {
                assert!(kept(tx.roles().delete(&name, at(1)).await, promise), "nobody else deletes the role");
                commit(tx).await;
                return None;
            }
            match tx.roles().grant(user, &name, at(1)).await {
                Ok(new) => {
                    assert!(new, "{promise}: nobody else grants it to this account");
                    commit(tx).await;
                    Some(user)
                }
                Err(StoreError::Conflict) => None,
                Err(error) => panic!("{promise}: whoever comes late gets Conflict, not {error:?}"),
            }
        }
    })
    .await;
    stored_role(&storage.store, "clerk").await;
    for user in users {
        assert_eq!(roles_of(&storage.store, user).await, [], "{promise}");
        let version = user_in(&storage.store, user).await.map(|user| user.version);
        let expected = if answers.contains(&Some(user)) { 3 } else { 1 };
        assert_eq!(version, Some(expected), "{promise}: an account counts the grant and the deletion");
    }
}

/// Active, another one, this role.
pub async fn holders_are_active_accounts_other_than_the_one(storage: &Storage) {
    let promise = "a role is held without an account when another active account has it";
    let (admin, clerk) = (stored_role(&storage.store, "admin").await, stored_role(&storage.store, "clerk").await);
    let ann = stored_holder(&storage.store, "ann", &admin).await.id;
    let ben = stored_holder(&storage.store, "ben", &clerk).await.id;
    let held = |user, expected: bool, why| {
        let (store, name) = (storage.store.clone(), admin.name.clone());
        async move {
            let mut tx = begin(&store).await;
            assert_eq!(kept(tx.roles().held_without(&name, user).await, promise), expected, "{promise}: {why}");
        }
    };
    held(ann, false, "she alone has it").await;
    held(ben, true, "she has it").await;
    held(UserId::new(at(0), &RANDOM), true, "she has it, whoever asks").await;
    granted(&storage.store, ben, &admin, at(1)).await;
    held(ann, true, "he has it too").await;
    disabled(&storage.store, ben).await;
    held(ann, false, "he may not be served").await;
    held(ben, true, "she may").await;
    let mut tx = begin(&storage.store).await;
    kept(tx.users().delete(ann).await, "an account is deleted");
    commit(tx).await;
    held(ben, false, "nobody else is left").await;
    let mut tx = begin(&storage.store).await;
    let unknown = kept(tx.roles().held_without(&role_name("unknown"), ben).await, promise);
    assert!(!unknown, "{promise}: nobody has a role that is not there");
}

/// Who asks second waits for who asked first, and sees what that has done, however it began.
pub async fn who_asks_for_holders_waits_for_those_who_asked_before(storage: &Storage) {
    let promise = "who asks for the holders of a role waits for those who asked before";
    let admin = stored_role(&storage.store, "admin").await;
    let ann = stored_holder(&storage.store, "ann", &admin).await.id;
    let ben = stored_holder(&storage.store, "ben", &admin).await.id;
    let mut early = begin(&storage.store).await;
    assert_eq!(kept(early.roles().of(ann).await, promise), std::slice::from_ref(&admin.name), "{promise}");
    let mut tx = begin(&storage.store).await;
    assert!(kept(tx.roles().held_without(&admin.name, ann).await, promise), "{promise}: he has it");
    let name = admin.name.clone();
    let other = tokio::spawn(async move { kept(early.roles().held_without(&name, ben).await, "it waits") });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!other.is_finished(), "{promise}: another unit has got an answer");
    assert!(kept(tx.roles().withdraw(ann, &admin.name, at(1)).await, promise), "{promise}: she had it");
    commit(tx).await;
    assert!(!kept(other.await, promise), "{promise}: and sees what they have done");
    let mut tx = begin(&storage.store).await;
    assert!(!kept(tx.roles().held_without(&admin.name, ben).await, promise), "a dropped unit holds nothing back");
}

/// Whether this racer takes the role away from its holder, after having asked.
async fn leave(tx: &mut dyn Tx, way: usize, admin: &RoleName, user: UserId) -> bool {
    let promise = "of many who leave at once one holder stays";
    if !kept(tx.roles().held_without(admin, user).await, promise) {
        return false;
    }
    match way % 3 {
        0 => assert!(kept(tx.roles().withdraw(user, admin, at(1)).await, promise), "{promise}: it was held"),
        1 => assert!(kept(tx.users().delete(user).await, promise), "{promise}: there was an account"),
        _ => {
            let account = kept(tx.users().by_id(user).await, promise);
            let account = kept(account.ok_or("nobody"), promise);
            kept(tx.users().update(&User { status: UserStatus::Disabled, ..account }).await, promise);
        }
    }
    true
}

/// All holders lose the role at once, in all ways; whoever asked and was told that there is another may go on.
pub async fn of_racing_leavers_the_last_holder_stays(storage: &Storage) {
    let promise = "of many who leave at once one holder stays";
    for round in 0..3 {
        let admin = stored_role(&storage.store, &format!("admin{round}")).await;
        let mut holders = Vec::new();
        for number in 0..RACERS {
            holders.push(stored_holder(&storage.store, &format!("admin{round}x{number}"), &admin).await.id);
        }
        let left = race(RACERS, |number| {
            let (store, name, user) = (storage.store.clone(), admin.name.clone(), holders[number]);
            async move {
                let mut tx = begin(&store).await;
                let left = leave(tx.as_mut(), number, &name, user).await;
                commit(tx).await;
                left
            }
        })
        .await;
        assert_eq!(left.into_iter().filter(|left| *left).count(), RACERS - 1, "{promise}: all the others leave");
        let mut active = 0;
        for user in holders {
            let serves = user_in(&storage.store, user).await.is_some_and(|user| user.status == UserStatus::Active);
            active += usize::from(serves && roles_of(&storage.store, user).await == std::slice::from_ref(&admin.name));
        }
        assert_eq!(active, 1, "{promise}: exactly one");
    }
}
