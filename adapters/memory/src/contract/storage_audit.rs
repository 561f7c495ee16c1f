//! The audit trail.

use std::net::IpAddr;
use std::time::Duration;

use portcullis_domain::Timestamp;
use portcullis_domain::audit::{Action, Actor, AuditEntry, AuditQuery, Outcome, Refusal};
use portcullis_domain::event::Event;
use portcullis_domain::ids::{ApiKeyId, AuditId, SessionId, UserId};

use super::Storage;
use super::samples::{
    RACERS, RANDOM, append, at, audited, begin, commit, entry, everything, kept, noted, race, refused, stored_user,
    user, user_in,
};

fn ids(entries: &[AuditEntry]) -> Vec<AuditId> {
    entries.iter().map(|entry| entry.id).collect()
}

fn newest_first(mut entries: Vec<AuditEntry>) -> Vec<AuditEntry> {
    entries.sort_by_key(|entry| std::cmp::Reverse((entry.at, entry.id)));
    entries
}

/// Round trip of every field, every word and every kind of actor, extremes included.
pub async fn every_field_of_an_audit_entry_survives(storage: &Storage) {
    let (ann, ben) = (user("ann"), user("ben"));
    let actors = [
        Actor::Anonymous,
        Actor::User(ann.id),
        Actor::User(ben.id),
        Actor::Client("web ελλ '\"\\%_".to_owned()),
        Actor::Client(String::new()),
        Actor::ApiKey(ApiKeyId::new(at(0), &RANDOM)),
        Actor::Operator,
        Actor::Service,
    ];
    let addresses = ["127.0.0.1", "255.255.255.255", "::", "2001:db8::8a2e:370:7334", "::ffff:192.0.2.1"];
    let mut written = Vec::new();
    for (number, action) in Action::ALL.iter().enumerate() {
        for (place, actor) in actors.iter().enumerate() {
            let refusal = Refusal::ALL.get(number % (Refusal::ALL.len() + 1));
            written.push(AuditEntry {
                outcome: refusal.map_or(Outcome::Success, |why| Outcome::Refused(*why)),
                subject: [None, Some(ann.id), Some(ben.id)][(number + place) % 3],
                session: (number % 2 == 0).then(|| SessionId::new(at(0), &RANDOM)),
                impersonator: (number % 3 == 0).then_some(ben.id),
                ip: addresses.get(place).and_then(|text| text.parse::<IpAddr>().ok()),
                user_agent: (place > 1).then(|| "Mozilla/5.0 (日本; 😀) \u{202E}x".repeat(number)),
                request_id: (place > 2).then(|| format!("request {number} '\"\\%_")),
                detail: (place > 3).then(|| format!("detail {number}\n")),
                ..entry(at(number as i64), actor.clone(), *action)
            });
        }
    }
    for (number, instant) in [i64::MIN, 1, i64::MAX].into_iter().enumerate() {
        let instant = Timestamp::from_unix_micros(instant);
        written.push(AuditEntry { at: instant, ..entry(at(number as i64), Actor::Service, Action::Register) });
    }
    append(&storage.store, &written).await;
    let read = audited(&storage.store, &everything()).await;
    assert_eq!(read.len(), written.len(), "every entry is there once");
    for (read, written) in read.into_iter().zip(newest_first(written)) {
        assert_eq!(read, written, "every field of an audit entry survives");
    }
}

/// With the commit, not before it, and not without it.
pub async fn an_entry_is_there_exactly_when_its_unit_is_committed(storage: &Storage) {
    let promise = "an audit entry is there exactly when its unit is committed";
    let written = |second| entry(at(second), Actor::Operator, Action::Import);
    let mut tx = begin(&storage.store).await;
    kept(tx.audit().append(written(1)).await, promise);
    drop(tx);
    assert_eq!(audited(&storage.store, &everything()).await, [], "{promise}: its unit was dropped");

    let mut tx = begin(&storage.store).await;
    kept(tx.users().insert(&user("ann")).await, promise);
    kept(tx.audit().append(written(2)).await, promise);
    assert_eq!(audited(&storage.store, &everything()).await, [], "{promise}: not yet");
    drop(tx);
    assert_eq!(audited(&storage.store, &everything()).await, [], "{promise}: its unit had written and was dropped");

    let ann = stored_user(&storage.store, "ann").await;
    let mut tx = begin(&storage.store).await;
    kept(tx.audit().append(written(3)).await, promise);
    refused(tx.users().insert(&user("ann")).await, "an address that is taken is refused");
    refused(tx.audit().append(written(4)).await, "after an error nothing is appended");
    refused(tx.commit(at(0), vec![noted(&ann, "never")]).await, "after an error the commit is refused");
    assert_eq!(audited(&storage.store, &everything()).await, [], "{promise}: its unit has failed");

    let alone = written(5);
    let mut tx = begin(&storage.store).await;
    kept(tx.audit().append(alone.clone()).await, promise);
    commit(tx).await;
    assert_eq!(audited(&storage.store, &everything()).await, [alone], "{promise}: its unit did nothing else");
}

/// Entries, effects and rows of one unit, few and many of each, with what is in them.
pub async fn entries_and_effects_are_true_together(storage: &Storage) {
    let promise = "all entries and effects of a unit are there after its commit";
    for (entries, effects) in [(1, 0), (0, 1), (1, 1), (1, 3), (3, 1), (3, 3), (600, 2), (2, 600)] {
        let ann = stored_user(&storage.store, &format!("ann{entries}x{effects}")).await;
        let mut tx = begin(&storage.store).await;
        kept(tx.users().update(&ann).await, promise);
        let mut written = Vec::new();
        for number in 0..entries {
            let one = entry(at(number), Actor::User(ann.id), Action::UpdateProfile).with(format!("entry {number}"));
            kept(tx.audit().append(one.clone()).await, promise);
            written.push(one);
        }
        kept(tx.commit(at(1), (0..effects).map(|number| noted(&ann, number)).collect()).await, promise);

        let of_ann = AuditQuery { actor: Some(Actor::User(ann.id)), ..everything() };
        assert_eq!(audited(&storage.store, &of_ann).await, newest_first(written), "{promise}: {entries} entries");
        let claimed = storage.outbox.claim(1_000, at(1), Duration::from_secs(60)).await;
        let claimed = kept(claimed, "deliveries are claimed");
        let events: Vec<_> = claimed.iter().map(|delivery| delivery.event.clone()).collect();
        let expected = |number: i32| Event::UserUpdated { user_id: ann.id, changed: vec![number.to_string()] };
        assert_eq!(events, (0..effects).map(expected).collect::<Vec<_>>(), "{promise}: {effects} effects");
        let done: Vec<_> = claimed.iter().map(|delivery| delivery.id).collect();
        kept(storage.outbox.done(&done).await, "deliveries are done");
        let version = user_in(&storage.store, ann.id).await.map(|user| user.version);
        assert_eq!(version, Some(2), "{promise}: the row");
    }
}

/// By instant, then by id, whatever the order of arrival.
pub async fn the_trail_comes_newest_first(storage: &Storage) {
    let micro = |micros| Timestamp::from_unix_micros(at(5).as_unix_micros() + micros);
    let mut written: Vec<_> = [at(1), micro(1), at(9), micro(0), at(5), micro(2), at(5), at(0)]
        .into_iter()
        .map(|instant| AuditEntry { at: instant, ..entry(at(3), Actor::Service, Action::CreateKey) })
        .collect();
    for one in &written {
        append(&storage.store, std::slice::from_ref(one)).await;
    }
    // Ids that sort against their instants.
    written.push(AuditEntry { at: at(0), ..entry(at(1_000), Actor::Service, Action::CreateKey) });
    append(&storage.store, &written[8..]).await;
    let read = audited(&storage.store, &everything()).await;
    assert_eq!(ids(&read), ids(&newest_first(written)), "the trail comes newest first, by instant, then by id");
}

/// The entries on which filters are tried.
fn sample(ann: UserId, ben: UserId) -> Vec<AuditEntry> {
    let client = Actor::Client(ann.to_string());
    let make = |second, actor, action, subject| AuditEntry { subject, ..entry(at(second), actor, action) };
    vec![
        make(0, Actor::User(ann), Action::LogIn, Some(ann)),
        make(1, Actor::User(ann), Action::Revoke, Some(ben)),
        make(2, Actor::User(ann), Action::LogIn, None),
        make(3, Actor::User(ben), Action::LogIn, Some(ben)),
        make(4, Actor::User(ben), Action::Revoke, Some(ann)),
        make(5, Actor::Anonymous, Action::LogIn, Some(ann)).refused(Refusal::WrongPassword),
        make(6, Actor::Anonymous, Action::LogIn, None).refused(Refusal::UnknownAccount),
        make(7, client, Action::Revoke, Some(ann)),
        make(8, Actor::Client("other".to_owned()), Action::Revoke, Some(ann)),
        make(9, Actor::Operator, Action::Import, Some(ann)),
        make(10, Actor::Operator, Action::ExportHashes, None),
        make(11, Actor::Service, Action::CreateKey, None),
        make(12, Actor::User(ann), Action::ChangePassword, Some(ann)),
    ]
}

fn matches(query: &AuditQuery, entry: &AuditEntry) -> bool {
    query.actor.as_ref().is_none_or(|actor| entry.actor == *actor)
        && query.subject.is_none_or(|subject| entry.subject == Some(subject))
        && query.action.is_none_or(|action| entry.action == action)
        && query.from.is_none_or(|from| from <= entry.at)
        && query.until.is_none_or(|until| entry.at < until)
}

/// Every combination of filters gives what matches all of them, in pages of every size.
pub async fn filters_of_the_trail_combine(storage: &Storage) {
    let (ann, ben) = (user("ann").id, user("ben").id);
    let written = sample(ann, ben);
    append(&storage.store, &written).await;
    let mut actors: Vec<Option<Actor>> = written.iter().map(|entry| Some(entry.actor.clone())).collect();
    actors.dedup();
    actors.extend([None, Some(Actor::User(user("cleo").id)), Some(Actor::Client("cleo".to_owned()))]);
    for actor in actors {
        for subject in [None, Some(ann), Some(ben), Some(user("cleo").id)] {
            for action in [None, Some(Action::LogIn), Some(Action::Revoke), Some(Action::Refresh)] {
                for (from, until) in
                    [(None, None), (Some(at(1)), Some(at(12))), (Some(at(4)), None), (None, Some(at(4)))]
                {
                    let query = AuditQuery { actor: actor.clone(), subject, action, from, until, ..everything() };
                    let expected: Vec<_> = written.iter().filter(|entry| matches(&query, entry)).cloned().collect();
                    let read = audited(&storage.store, &query).await;
                    assert_eq!(ids(&read), ids(&newest_first(expected)), "filters of the trail combine: {query:?}");
                }
            }
        }
    }
}

/// Every page size gives every entry once, with and without filters, also where instants are equal.
pub async fn pages_of_the_trail_are_complete(storage: &Storage) {
    let (ann, ben) = (user("ann").id, user("ben").id);
    let mut written = sample(ann, ben);
    for second in [3, 3, 3, 0, 12] {
        written.push(AuditEntry { subject: Some(ann), ..entry(at(second), Actor::User(ann), Action::Refresh) });
        written.push(AuditEntry { subject: Some(ben), ..entry(at(second), Actor::User(ann), Action::Refresh) });
    }
    append(&storage.store, &written).await;
    let queries = [
        everything(),
        AuditQuery { actor: Some(Actor::User(ann)), ..everything() },
        AuditQuery { subject: Some(ann), from: Some(at(1)), ..everything() },
        AuditQuery { actor: Some(Actor::Operator), ..everything() },
    ];
    for query in queries {
        let whole = newest_first(written.iter().filter(|entry| matches(&query, entry)).cloned().collect());
        for limit in [1, 2, 3, 5, 100] {
            let (mut paged, mut before) = (Vec::new(), None);
            loop {
                let page = audited(&storage.store, &AuditQuery { before, limit, ..query.clone() }).await;
                assert!(page.len() <= limit as usize, "a page has at most {limit} entries");
                let Some(last) = page.last() else { break };
                before = Some((last.at, last.id));
                paged.extend(ids(&page));
                assert!(paged.len() <= whole.len(), "pages of {limit} repeat entries: {query:?}");
            }
            assert_eq!(paged, ids(&whole), "pages of {limit} hold every entry once, in order: {query:?}");
        }
    }
}

/// The oldest first, at most the limit; the instant itself stays.
pub async fn purging_the_trail_takes_the_oldest_first(storage: &Storage) {
    let promise = "purging the trail takes the oldest entries from before the instant, at most the limit";
    let written: Vec<_> = (0..13).map(|second| entry(at(second), Actor::Service, Action::CreateKey)).collect();
    append(&storage.store, &written).await;
    for (gone, left) in [(4, 9), (4, 5), (2, 3), (0, 3)] {
        let mut tx = begin(&storage.store).await;
        assert_eq!(kept(tx.audit().purge(at(10), 4).await, promise), gone, "{promise}: it says how many");
        commit(tx).await;
        let mut read = ids(&audited(&storage.store, &everything()).await);
        read.reverse();
        assert_eq!(read, ids(&written[13 - left..]), "{promise}");
    }
    let mut tx = begin(&storage.store).await;
    assert_eq!(kept(tx.audit().purge(at(100), 100).await, promise), 3, "{promise}");
    drop(tx);
    assert_eq!(audited(&storage.store, &everything()).await.len(), 3, "a purge that is dropped has taken nothing");
}

/// Race: some commit, some give up, some fail.
pub async fn of_racing_units_each_leaves_its_entries_or_none(storage: &Storage) {
    let promise = "of racing units each leaves all of its entries, or none";
    let ann = stored_user(&storage.store, "ann").await;
    let committed = race(RACERS, |number| {
        let (store, ann) = (storage.store.clone(), ann.clone());
        async move {
            let mut written = Vec::new();
            let mut tx = begin(&store).await;
            for second in 0..4 {
                let one = entry(at(second), Actor::User(ann.id), Action::Refresh);
                kept(tx.audit().append(one.clone()).await, promise);
                written.push(one);
            }
            match number % 4 {
                0 => return Vec::new(),
                1 => {
                    refused(tx.users().insert(&user("ann")).await, "an address that is taken is refused");
                    return Vec::new();
                }
                2 => kept(tx.commit(at(0), vec![noted(&ann, number)]).await, promise),
                _ => commit(tx).await,
            }
            written
        }
    })
    .await;
    let expected = newest_first(committed.into_iter().flatten().collect());
    assert_eq!(ids(&audited(&storage.store, &everything()).await), ids(&expected), "{promise}");
}

/// What was done to an account is known after the account is gone.
pub async fn entries_outlive_their_accounts(storage: &Storage) {
    let promise = "audit entries outlive the accounts that they are about";
    let ann = stored_user(&storage.store, "ann").await;
    let written = entry(at(1), Actor::User(ann.id), Action::DeleteAccount).on(ann.id);
    let mut tx = begin(&storage.store).await;
    kept(tx.audit().append(written.clone()).await, promise);
    assert!(kept(tx.users().delete(ann.id).await, promise), "there was an account");
    commit(tx).await;
    let query = AuditQuery { subject: Some(ann.id), ..everything() };
    assert_eq!(audited(&storage.store, &query).await, [written], "{promise}");
}
