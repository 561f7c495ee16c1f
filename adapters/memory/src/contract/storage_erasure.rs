//! The audit trail: what is about one account, and the removal of a person's traces from it.

use portcullis_domain::audit::{Action, Actor, AuditEntry, AuditQuery};
use portcullis_domain::ids::{ApiKeyId, UserId};

use super::Storage;
use super::samples::{RACERS, RANDOM, append, at, audited, begin, commit, entry, everything, kept, race, refused};

fn somebody() -> UserId {
    UserId::new(at(0), &RANDOM)
}

fn some_key() -> ApiKeyId {
    ApiKeyId::new(at(0), &RANDOM)
}

/// An entry with traces of a person.
fn traced(second: i64, actor: Actor, subject: Option<UserId>, impersonator: Option<UserId>) -> AuditEntry {
    AuditEntry {
        subject,
        impersonator,
        ip: "192.0.2.7".parse().ok(),
        user_agent: Some("Mozilla/5.0".to_owned()),
        request_id: Some(format!("request {second}")),
        detail: Some("a detail".to_owned()),
        ..entry(at(second), actor, Action::UpdateProfile)
    }
}

/// On or by an account, or by it as somebody else; and others that are not.
fn about(ann: UserId, ben: UserId) -> (Vec<AuditEntry>, Vec<AuditEntry>) {
    let key = some_key();
    let hers = vec![
        traced(1, Actor::User(ann), None, None),
        traced(2, Actor::User(ann), Some(ben), None),
        traced(3, Actor::User(ben), Some(ann), None),
        traced(4, Actor::Operator, Some(ann), None),
        traced(5, Actor::ApiKey(key), Some(ann), None),
        traced(6, Actor::User(ben), Some(ben), Some(ann)),
        traced(7, Actor::User(ann), Some(ann), Some(ann)),
        AuditEntry { ip: None, ..traced(8, Actor::User(ann), Some(ann), Some(ben)) },
        AuditEntry { user_agent: None, ..traced(9, Actor::User(ann), Some(ann), None) },
        AuditEntry { ip: None, user_agent: None, ..traced(10, Actor::User(ann), None, None) },
    ];
    let others = vec![
        traced(1, Actor::User(ben), Some(ben), None),
        traced(5, Actor::User(ben), None, Some(ben)),
        traced(6, Actor::Client(ann.to_string()), Some(ben), None),
        traced(7, Actor::Anonymous, None, None),
        traced(8, Actor::ApiKey(key), None, None),
    ];
    (hers, others)
}

fn newest_first(mut entries: Vec<AuditEntry>) -> Vec<AuditEntry> {
    entries.sort_by_key(|entry| std::cmp::Reverse((entry.at, entry.id)));
    entries
}

async fn noted(storage: &Storage, user: UserId) {
    noted_with(storage, user, &[]).await;
}

async fn noted_with(storage: &Storage, user: UserId, keys: &[ApiKeyId]) {
    let mut tx = begin(&storage.store).await;
    kept(tx.audit().note_erasure(user, keys).await, "an erasure is noted");
    commit(tx).await;
}

async fn erasures(storage: &Storage) -> Vec<UserId> {
    let mut noted = kept(begin(&storage.store).await.audit().erasures(100).await, "erasures are read");
    noted.sort();
    noted
}

async fn erased(storage: &Storage, user: UserId, limit: u32) -> u64 {
    let mut tx = begin(&storage.store).await;
    let count = kept(tx.audit().erase(user, limit).await, "traces are removed");
    commit(tx).await;
    count
}

/// Alone, with every other filter, and with pages of every size.
pub async fn entries_about_an_account_are_found(storage: &Storage) {
    let promise = "entries on an account, by it, and by it as somebody else are about it";
    let (ann, ben) = (somebody(), somebody());
    let (hers, others) = about(ann, ben);
    append(&storage.store, &others).await;
    append(&storage.store, &hers).await;
    let hers = newest_first(hers);
    let query = AuditQuery { about: Some(ann), ..everything() };
    assert_eq!(audited(&storage.store, &query).await, hers, "{promise}");
    assert_eq!(audited(&storage.store, &AuditQuery { about: Some(somebody()), ..everything() }).await, [], "{promise}");
    let ways = [
        AuditQuery { actor: Some(Actor::User(ann)), ..query.clone() },
        AuditQuery { actor: Some(Actor::User(ben)), ..query.clone() },
        AuditQuery { subject: Some(ann), ..query.clone() },
        AuditQuery { subject: Some(ben), ..query.clone() },
        AuditQuery { action: Some(Action::Register), ..query.clone() },
        AuditQuery { from: Some(at(3)), until: Some(at(7)), ..query.clone() },
    ];
    for query in ways {
        let fits = |entry: &&AuditEntry| {
            query.actor.as_ref().is_none_or(|actor| entry.actor == *actor)
                && query.subject.is_none_or(|subject| entry.subject == Some(subject))
                && query.action.is_none_or(|action| entry.action == action)
                && query.from.is_none_or(|from| entry.at >= from)
                && query.until.is_none_or(|until| entry.at < until)
        };
        let expected: Vec<_> = hers.iter().filter(fits).cloned().collect();
        assert_eq!(audited(&storage.store, &query).await, expected, "{promise}: {query:?}");
    }
    for limit in [1, 3, 100] {
        let (mut page, mut paged) = (AuditQuery { limit, ..query.clone() }, Vec::new());
        loop {
            let entries = audited(&storage.store, &page).await;
            let Some(last) = entries.last() else { break };
            page.before = Some((last.at, last.id));
            paged.extend(entries);
            assert!(paged.len() <= hers.len(), "pages of {limit} repeat entries");
        }
        assert_eq!(paged, hers, "{promise}: pages of {limit}");
    }
}

/// Address and user agent go, batch by batch, and nothing else; then the note goes.
pub async fn an_erasure_removes_a_persons_traces_in_batches(storage: &Storage) {
    let promise = "an erasure removes address and user agent from the entries about an account";
    let (ann, ben) = (somebody(), somebody());
    let (hers, others) = about(ann, ben);
    append(&storage.store, &others).await;
    append(&storage.store, &hers).await;
    noted(storage, ann).await;
    let mut expected = 9;
    for step in [4, 4, 1] {
        assert_eq!(erasures(storage).await, [ann], "the note stays until all is done");
        assert_eq!(erased(storage, ann, 4).await, step, "{promise}: how many had any");
        expected -= step;
        let all = audited(&storage.store, &AuditQuery { about: Some(ann), ..everything() }).await;
        let left = all.iter().filter(|entry| entry.ip.is_some() || entry.user_agent.is_some()).count();
        assert_eq!(left as u64, expected, "{promise}: batch by batch");
    }
    assert_eq!(erasures(storage).await, [], "the note goes when fewer than the limit were left");
    assert_eq!(erased(storage, ann, 4).await, 0, "{promise}: once");
    let without = |entry: AuditEntry| AuditEntry { ip: None, user_agent: None, ..entry };
    let all = hers.into_iter().map(without).chain(others).collect();
    assert_eq!(audited(&storage.store, &everything()).await, newest_first(all), "{promise}: of no other, nothing else");
}

/// By a key on its account too, on others, and as somebody else: each is found once.
pub async fn entries_by_the_api_keys_of_an_account_are_found_with_it(storage: &Storage) {
    let promise = "entries by the API keys that are named are about the account as well";
    let (ann, ben, first, second) = (somebody(), somebody(), some_key(), some_key());
    let keys = vec![first, second];
    let (mut hers, others) = about(ann, ben);
    hers.extend([
        traced(11, Actor::ApiKey(first), None, None),
        traced(12, Actor::ApiKey(first), Some(ann), None),
        traced(13, Actor::ApiKey(second), Some(ben), Some(ann)),
        traced(14, Actor::ApiKey(second), Some(ben), None),
    ]);
    append(&storage.store, &others).await;
    append(&storage.store, &hers).await;
    let hers = newest_first(hers);
    let query = AuditQuery { about: Some(ann), keys: keys.clone(), ..everything() };
    assert_eq!(audited(&storage.store, &query).await, hers, "{promise}");
    let one = AuditQuery { keys: vec![first], actor: Some(Actor::ApiKey(first)), ..query.clone() };
    let by_first: Vec<_> = hers.iter().filter(|entry| entry.actor == Actor::ApiKey(first)).cloned().collect();
    assert_eq!(audited(&storage.store, &one).await, by_first, "{promise}: with other filters");
    let (mut page, mut paged) = (AuditQuery { limit: 3, ..query }, Vec::new());
    loop {
        let entries = audited(&storage.store, &page).await;
        let Some(last) = entries.last() else { break };
        page.before = Some((last.at, last.id));
        paged.extend(entries);
        assert!(paged.len() <= hers.len(), "pages repeat entries");
    }
    assert_eq!(paged, hers, "{promise}: in pages");
    let nobody = AuditQuery { keys, ..everything() };
    assert_eq!(audited(&storage.store, &nobody).await.len(), hers.len() + others.len(), "keys alone filter nothing");
}

/// What they did on others, batch by batch; no entry of another key.
pub async fn an_erasure_covers_the_api_keys_that_were_noted(storage: &Storage) {
    let promise = "an erasure covers what the API keys did that were noted with it";
    let (ann, ben, keys) = (somebody(), somebody(), [some_key(), some_key(), some_key()]);
    let hers: Vec<_> = (0..7).map(|n| traced(n, Actor::ApiKey(keys[usize::from(n > 3)]), Some(ben), None)).collect();
    let others = [traced(1, Actor::ApiKey(keys[2]), Some(ben), None), traced(2, Actor::User(ben), None, None)];
    append(&storage.store, &hers).await;
    append(&storage.store, &others).await;
    noted_with(storage, ben, &[]).await;
    noted_with(storage, ann, &keys[..1]).await;
    noted_with(storage, ann, &keys[..2]).await;
    noted_with(storage, ann, &[]).await;
    for step in [3, 3, 1] {
        assert!(erasures(storage).await.contains(&ann), "the note stays until all is done");
        assert_eq!(erased(storage, ann, 3).await, step, "{promise}: batch by batch");
    }
    assert_eq!(erasures(storage).await, [ben], "the note goes");
    let without = |entry: AuditEntry| AuditEntry { ip: None, user_agent: None, ..entry };
    let all = hers.iter().cloned().map(without).chain(others).collect();
    assert_eq!(audited(&storage.store, &everything()).await, newest_first(all), "{promise}: of no other, nothing else");
    append(&storage.store, &hers[..1].iter().map(|e| AuditEntry { at: at(99), ..e.clone() }).collect::<Vec<_>>()).await;
    assert_eq!(erased(storage, ann, 3).await, 0, "the keys are forgotten with the note");
}

/// Words about a person go with the person; what the person wrote about others stays.
pub async fn an_erasure_empties_the_reasons_given_about_an_account(storage: &Storage) {
    let promise = "an erasure removes why an account was disabled, and why somebody acted as its user";
    let (ann, ben) = (somebody(), somebody());
    let act = |second, actor, action, subject| AuditEntry { action, ..traced(second, actor, Some(subject), None) };
    let silent = |entry: AuditEntry| AuditEntry { ip: None, user_agent: None, ..entry };
    let hers = vec![
        act(1, Actor::User(ben), Action::DisableUser, ann),
        silent(act(2, Actor::Operator, Action::Impersonate, ann)),
        act(3, Actor::User(ann), Action::DisableUser, ann),
    ];
    let kept_words = vec![
        act(4, Actor::User(ben), Action::GrantRole, ann),
        act(5, Actor::User(ann), Action::DisableUser, ben),
        silent(act(6, Actor::User(ann), Action::Impersonate, ben)),
        AuditEntry { detail: None, ..silent(act(7, Actor::Operator, Action::DisableUser, ann)) },
    ];
    append(&storage.store, &hers).await;
    append(&storage.store, &kept_words).await;
    noted(storage, ann).await;
    assert_eq!(erased(storage, ann, 9).await, 5, "{promise}: each counts once");
    assert_eq!(erasures(storage).await, [], "and all is done");
    let emptied = hers.into_iter().map(|entry| AuditEntry { detail: None, ..silent(entry) });
    let all = emptied.chain(kept_words.into_iter().map(silent)).collect();
    assert_eq!(audited(&storage.store, &everything()).await, newest_first(all), "{promise}, and nothing else");
}

/// A batch that is just full may be the last one: the next one says so.
pub async fn a_full_batch_is_not_the_end_of_an_erasure(storage: &Storage) {
    let ann = somebody();
    append(&storage.store, &[traced(1, Actor::User(ann), None, None), traced(2, Actor::User(ann), None, None)]).await;
    noted(storage, ann).await;
    assert_eq!(erased(storage, ann, 2).await, 2, "a full batch");
    assert_eq!(erasures(storage).await, [ann], "the note stays after a full batch");
    append(&storage.store, &[traced(3, Actor::User(ann), None, None)]).await;
    assert_eq!(erased(storage, ann, 2).await, 1, "what came late goes too");
    assert_eq!(erasures(storage).await, [], "then the note goes");
}

/// Once each, at most so many, and exactly when the unit is committed.
pub async fn erasures_are_noted_with_their_unit(storage: &Storage) {
    let promise = "an erasure is noted exactly when its unit is committed";
    let (ann, ben) = (somebody(), somebody());
    append(&storage.store, &[traced(1, Actor::User(ann), None, None)]).await;
    let before = audited(&storage.store, &everything()).await;
    let mut tx = begin(&storage.store).await;
    kept(tx.audit().note_erasure(ann, &[some_key()]).await, promise);
    assert_eq!(kept(tx.audit().erasures(9).await, promise), [ann], "a unit sees its own note");
    drop(tx);
    assert_eq!(erasures(storage).await, [], "{promise}");
    noted(storage, ann).await;
    noted(storage, ann).await;
    noted(storage, ben).await;
    let mut both = [ann, ben];
    both.sort();
    assert_eq!(erasures(storage).await, both, "{promise}: once each");
    let mut tx = begin(&storage.store).await;
    assert_eq!(kept(tx.audit().erasures(1).await, promise).len(), 1, "at most so many are read");
    for fails in [false, true] {
        let mut tx = begin(&storage.store).await;
        assert_eq!(kept(tx.audit().erase(ann, 9).await, promise), 1, "one entry has traces");
        assert_eq!(kept(tx.audit().erase(ann, 9).await, promise), 0, "a unit sees what it has removed");
        if fails {
            let key = super::samples_access::api_key(ann, at(0));
            refused(tx.api_keys().insert(&key, u32::MAX).await, "an API key needs its account");
            refused(tx.audit().erase(ann, 9).await, "after an error nothing is removed");
            refused(tx.audit().note_erasure(ann, &[some_key()]).await, "after an error nothing is noted");
            refused(tx.audit().erasures(9).await, "after an error nothing is read");
            refused(tx.commit(at(0), Vec::new()).await, "after an error the commit is refused");
        } else {
            drop(tx);
        }
        assert_eq!(erasures(storage).await, both, "an erasure that is not committed never happened");
        assert_eq!(
            audited(&storage.store, &everything()).await,
            before,
            "an erasure that is not committed never happened"
        );
    }
}

/// Several replicas clean up at once: who gets fewer than the limit may be sure that nothing is left.
pub async fn of_racing_erasures_none_stops_early(storage: &Storage) {
    let promise = "fewer than the limit means that no trace is left, whoever else cleans up";
    let ann = somebody();
    let entries: Vec<_> = (0..200).map(|second| traced(second, Actor::User(ann), Some(ann), None)).collect();
    append(&storage.store, &entries).await;
    noted(storage, ann).await;
    let counts = race(RACERS, |_| {
        let store = storage.store.clone();
        async move {
            let mut total = 0;
            loop {
                let mut tx = begin(&store).await;
                let count = kept(tx.audit().erase(ann, 5).await, promise);
                commit(tx).await;
                total += count;
                if count < 5 {
                    let left = audited(&store, &AuditQuery { about: Some(ann), ..everything() }).await;
                    let left = left.iter().filter(|entry| entry.ip.is_some() || entry.user_agent.is_some()).count();
                    assert_eq!(left, 0, "{promise}");
                    return total;
                }
            }
        }
    })
    .await;
    assert_eq!(counts.into_iter().sum::<u64>(), 200, "each entry is counted by one");
    assert_eq!(erasures(storage).await, [], "the note is gone");
}
