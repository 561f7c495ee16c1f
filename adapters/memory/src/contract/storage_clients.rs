//! OAuth 2 clients.

use portcullis_domain::Timestamp;
use portcullis_domain::clients::{Client, ClientId};
use portcullis_domain::ports::store::{StoreError, Unique};
use portcullis_domain::secret::SecretDigest;

use super::Storage;
use super::samples::{
    RACERS, at, begin, client, client_id, client_in, commit, digest, kept, race, refused, scope, stored_client,
};

/// Round trip of every field, extremes included.
pub async fn every_field_of_a_client_survives(storage: &Storage) {
    let (first, last) = (Timestamp::from_unix_micros(i64::MIN), Timestamp::from_unix_micros(i64::MAX));
    let micro = Timestamp::from_unix_micros(at(0).as_unix_micros() + 1);
    let variants = [
        Client { name: None, scope: scope(""), ..client("abc") },
        Client { previous: Some((SecretDigest([0; 32]), last)), version: u32::MAX, ..client("rotated") },
        Client { created_at: first, updated_at: micro, deleted_at: Some(last), ..client("deleted") },
        Client { secret: SecretDigest([0xFF; 32]), name: Some("日本 '\"% \\ ".repeat(10)), ..client("0.-_9") },
        Client { scope: scope("!#[]~ a:b https://api.example.com/x"), ..client(&"z".repeat(64)) },
    ];
    for written in variants {
        stored_client(&storage.store, &written).await;
        let read = client_in(&storage.store, &written.id).await;
        assert_eq!(read, Some(written), "every field of a client survives");
    }
}

/// Ids are compared exactly.
pub async fn a_client_that_nobody_created_is_not_found(storage: &Storage) {
    stored_client(&storage.store, &client("orders")).await;
    for stranger in ["order", "orders1", "0rders", "orders.", "orders_"] {
        assert_eq!(client_in(&storage.store, &client_id(stranger)).await, None, "nobody created {stranger}");
    }
}

async fn taken(storage: &Storage, id: &ClientId) {
    let mut tx = begin(&storage.store).await;
    let twin = Client { name: None, ..client(id.as_str()) };
    let error = refused(tx.clients().insert(&twin).await, "a client id is given once");
    assert!(matches!(error, StoreError::Duplicate(Unique::Id)), "Duplicate(Id), not {error:?}");
}

/// `Duplicate(Id)`.
pub async fn a_client_id_is_given_once(storage: &Storage) {
    let orders = client("orders");
    stored_client(&storage.store, &orders).await;
    taken(storage, &orders.id).await;
    assert_eq!(client_in(&storage.store, &orders.id).await, Some(orders), "a refused client leaves no trace");
}

/// `Duplicate(Id)` for ever.
pub async fn the_id_of_a_deleted_client_is_not_given_again(storage: &Storage) {
    let orders = client("orders");
    stored_client(&storage.store, &orders).await;
    let deleted = Client { updated_at: at(5), deleted_at: Some(at(5)), ..orders };
    let mut tx = begin(&storage.store).await;
    kept(tx.clients().update(&deleted).await, "a client is deleted by an update");
    commit(tx).await;
    taken(storage, &deleted.id).await;
    let kept_row = Client { version: 2, ..deleted };
    assert_eq!(client_in(&storage.store, &kept_row.id).await.as_ref(), Some(&kept_row), "a deleted client stays");
    let all = kept(begin(&storage.store).await.clients().changed_since(at(0)).await, "the clients are read");
    assert_eq!(all, [kept_row], "and every replica can learn of it");
}

/// Every field but `id` and `created_at`, and the version counts.
pub async fn an_update_of_a_client_writes_every_field_but_id_and_birth(storage: &Storage) {
    let mut orders = client("orders");
    let bystander = client("orders2");
    stored_client(&storage.store, &orders).await;
    stored_client(&storage.store, &bystander).await;
    for round in 0..4 {
        let next = Client {
            name: (round != 1).then(|| format!("round {round}")),
            secret: SecretDigest(digest().0),
            previous: (round % 2 == 0).then_some((orders.secret, at(100 + round))),
            scope: scope(if round == 1 { "" } else { "orders:read" }),
            created_at: at(999),
            updated_at: Timestamp::from_unix_micros(at(round).as_unix_micros() + 1),
            deleted_at: (round == 3).then_some(at(50)),
            ..orders.clone()
        };
        let mut tx = begin(&storage.store).await;
        kept(tx.clients().update(&next).await, "the newest version is updated");
        commit(tx).await;
        orders = Client { created_at: orders.created_at, version: orders.version + 1, ..next };
        let read = client_in(&storage.store, &orders.id).await;
        assert_eq!(read.as_ref(), Some(&orders), "an update writes every field");
    }
    assert_eq!(client_in(&storage.store, &bystander.id).await, Some(bystander), "and no other client");
}

/// `Conflict` for an older or newer version, and when there is no client.
pub async fn an_update_of_an_old_version_of_a_client_is_a_conflict(storage: &Storage) {
    let orders = client("orders");
    stored_client(&storage.store, &orders).await;
    let mut tx = begin(&storage.store).await;
    kept(tx.clients().update(&orders).await, "the newest version is updated");
    commit(tx).await;
    let newer = Client { version: 3, ..orders.clone() };
    let ways = [("an older version", &orders), ("a version yet to come", &newer), ("a stranger", &client("nobody"))];
    for (what, client) in ways {
        let mut tx = begin(&storage.store).await;
        let error = refused(tx.clients().update(client).await, "only the newest version of a client is updated");
        assert!(matches!(error, StoreError::Conflict), "{what}: Conflict, not {error:?}");
    }
    let read = client_in(&storage.store, &orders.id).await;
    assert_eq!(read.map(|client| client.version), Some(2), "a refused update changes nothing");
}

/// Two that rotate the secret at the same time: one of the secrets would never work.
pub async fn of_racing_updates_of_a_client_one_succeeds(storage: &Storage) {
    let orders = client("orders");
    stored_client(&storage.store, &orders).await;
    let answers = race(RACERS, |_| {
        let (store, next) = (storage.store.clone(), Client { secret: SecretDigest(digest().0), ..orders.clone() });
        async move {
            let mut tx = begin(&store).await;
            tx.clients().update(&next).await?;
            tx.commit(at(0), Vec::new()).await.map(|()| next.secret)
        }
    })
    .await;
    let mut winners = Vec::new();
    for answer in answers {
        match answer {
            Ok(secret) => winners.push(secret),
            Err(StoreError::Conflict) => {}
            Err(error) => panic!("of racing updates the others get Conflict, not {error:?}"),
        }
    }
    assert_eq!(winners.len(), 1, "of {RACERS} racing updates of one version exactly one succeeds");
    let read = client_in(&storage.store, &orders.id).await.map(|client| (client.secret, client.version));
    assert_eq!(read, winners.pop().map(|secret| (secret, 2)), "what is stored is what the winner wrote");
}

/// From the instant on, to the microsecond, deleted ones included.
pub async fn clients_are_found_by_their_last_change(storage: &Storage) {
    let just_before = Timestamp::from_unix_micros(at(20).as_unix_micros() - 1);
    let early = Client { updated_at: just_before, ..client("early") };
    let edge = Client { updated_at: at(20), ..client("edge") };
    let late = Client { updated_at: at(30), deleted_at: Some(at(30)), ..client("late") };
    for client in [&early, &edge, &late] {
        stored_client(&storage.store, client).await;
    }
    let since = |instant| async move {
        let mut tx = begin(&storage.store).await;
        let mut found = kept(tx.clients().changed_since(instant).await, "the clients are read");
        found.sort_by(|a, b| a.id.cmp(&b.id));
        found
    };
    let promise = "clients are found by their last change";
    let all = [early.clone(), edge.clone(), late.clone()];
    assert_eq!(since(Timestamp::UNIX_EPOCH).await, all, "{promise}: all of them");
    assert_eq!(since(just_before).await, all, "{promise}: the instant itself included");
    assert_eq!(since(at(20)).await, [edge.clone(), late.clone()], "{promise}: not before it");
    assert_eq!(since(at(31)).await, [], "{promise}: none since");
    let mut tx = begin(&storage.store).await;
    kept(tx.clients().update(&Client { updated_at: at(40), ..early.clone() }).await, "a client changes");
    commit(tx).await;
    assert_eq!(since(at(31)).await, [Client { updated_at: at(40), version: 2, ..early }], "{promise}: a change since");
}

/// Race for an id.
pub async fn of_racing_clients_one_gets_the_id(storage: &Storage) {
    let answers = race(RACERS, |_| {
        let (store, client) = (storage.store.clone(), client("orders"));
        async move {
            let mut tx = begin(&store).await;
            tx.clients().insert(&client).await?;
            tx.commit(at(0), Vec::new()).await.map(|()| client)
        }
    })
    .await;
    let mut winners = Vec::new();
    for answer in answers {
        match answer {
            Ok(client) => winners.push(client),
            Err(StoreError::Duplicate(Unique::Id)) => {}
            Err(error) => panic!("of racing clients the others get Duplicate(Id), not {error:?}"),
        }
    }
    assert_eq!(winners.len(), 1, "of {RACERS} racing clients exactly one gets the id");
    assert_eq!(client_in(&storage.store, &client_id("orders")).await, winners.pop(), "it is the one that was told so");
}
