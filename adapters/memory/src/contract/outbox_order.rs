//! The outbox under many hands: order per subject, one claimer a delivery, nothing lost.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use portcullis_domain::accounts::User;
use portcullis_domain::event::Event;
use portcullis_domain::ids::EventId;
use portcullis_domain::ports::delivery::{Delivery, Outbox};
use portcullis_domain::ports::store::{Store, StoreError};

use super::Storage;
use super::outbox::{LEASE, announce, claim, notes};
use super::samples::{RACERS, at, begin, kept, noted, publish, race, session, stored_user, user};

/// Race of claimers over one backlog.
pub async fn of_racing_claimers_no_two_share_a_delivery(storage: &Storage) {
    for number in 0..100 {
        let about = user(&format!("user{}", number % 40));
        announce(storage, at(0), vec![noted(&about, number)]).await;
    }
    let claims = race(RACERS, |_| {
        let outbox = storage.outbox.clone();
        async move {
            let mut mine = Vec::new();
            for _ in 0..10 {
                mine.extend(kept(outbox.claim(3, at(1), LEASE).await, "of racing claimers none fails"));
            }
            mine
        }
    })
    .await;
    let all: Vec<EventId> = claims.iter().flatten().map(|delivery| delivery.id).collect();
    let unique: HashSet<_> = all.iter().copied().collect();
    assert_eq!(all.len(), unique.len(), "two claimers never share a delivery while its lease holds");
    assert_eq!(unique.len(), 100, "everything that nobody holds back is claimed");
}

/// Adds one to the version of the account and says so, again and again until nobody was faster.
async fn bump(store: &Arc<dyn Store>, about: &User) {
    loop {
        let mut tx = begin(store).await;
        let user = kept(tx.users().by_id(about.id).await, "an account is looked up");
        let user = user.unwrap_or_else(|| panic!("the account is there"));
        match tx.users().update(&user).await {
            Ok(()) => {}
            Err(StoreError::Conflict) => continue,
            Err(error) => panic!("of racing updates the others get Conflict, not {error:?}"),
        }
        match tx.commit(at(0), vec![noted(&user, user.version + 1)]).await {
            Ok(()) => return,
            Err(StoreError::Conflict) => {}
            Err(error) => panic!("a commit that lost is a Conflict, not {error:?}"),
        }
    }
}

/// The version of the row tells the order of the commits; the deliveries must say the same.
pub async fn the_order_of_a_subject_is_the_order_of_its_commits(storage: &Storage) {
    let (ann, ben) = (stored_user(&storage.store, "ann").await, stored_user(&storage.store, "ben").await);
    race(RACERS, |number| {
        let (store, about) = (storage.store.clone(), if number % 2 == 0 { ann.clone() } else { ben.clone() });
        async move {
            for _ in 0..3 {
                bump(&store, &about).await;
            }
        }
    })
    .await;
    let claimed = claim(storage, 1_000, at(1)).await;
    for about in [&ann, &ben] {
        let subject = format!("users/{}", about.id);
        let his: Vec<Delivery> = claimed.iter().filter(|delivery| delivery.subject == subject).cloned().collect();
        let expected: Vec<_> = (2..2 + 3 * RACERS / 2).map(|version| version.to_string()).collect();
        assert_eq!(notes(&his), expected, "the order of a subject is the order of its commits");
        assert!(his.windows(2).all(|pair| pair[0].sequence < pair[1].sequence), "the sequence grows in that order");
    }
}

/// Claims until `expected` deliveries have been seen, and notes the order in which they came.
async fn drain(outbox: Arc<dyn Outbox>, seen: Arc<Mutex<Vec<Delivery>>>, count: Arc<AtomicUsize>, expected: usize) {
    while count.load(Ordering::SeqCst) < expected {
        let claimed = kept(outbox.claim(4, at(1), LEASE).await, "deliveries are claimed");
        if claimed.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            continue;
        }
        let ids: Vec<_> = claimed.iter().map(|delivery| delivery.id).collect();
        count.fetch_add(claimed.len(), Ordering::SeqCst);
        seen.lock().unwrap_or_else(PoisonError::into_inner).extend(claimed);
        kept(outbox.done(&ids).await, "deliveries are done");
    }
}

async fn storm(storage: &Storage, people: &[User], each: usize) -> Vec<Delivery> {
    let (seen, count) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
    let expected = RACERS * each;
    race(RACERS + 4, |number| {
        let (store, outbox) = (storage.store.clone(), storage.outbox.clone());
        let (seen, count) = (seen.clone(), count.clone());
        let about = people[number % people.len()].clone();
        async move {
            if number >= RACERS {
                return drain(outbox, seen, count, expected).await;
            }
            for _ in 0..each {
                let web = session(&about, at(0));
                let mut tx = begin(&store).await;
                kept(tx.sessions().insert(&web).await, "a session is added");
                let event = Event::SessionStarted { user_id: about.id, session_id: web.id, ip: None, user_agent: None };
                kept(tx.commit(at(0), vec![publish(event)]).await, "units that share no row do not fail");
            }
        }
    })
    .await;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    seen.clone()
}

/// Units that share no row but a subject: what is claimed later was committed later, although claimers work all the
/// while. An outbox whose numbers are given out before the commit fails here.
pub async fn a_subject_keeps_its_order_while_it_is_claimed(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let seen = storm(storage, &[ann], 10).await;
    let in_order = seen.windows(2).all(|pair| pair[0].sequence < pair[1].sequence);
    assert!(in_order, "a delivery came after a later one of its subject had been claimed");
}

/// Committers and claimers on several subjects: everything comes, once.
pub async fn nothing_is_lost_while_committers_and_claimers_race(storage: &Storage) {
    let mut people = Vec::new();
    for name in ["ann", "ben", "cleo", "dora", "eve"] {
        people.push(stored_user(&storage.store, name).await);
    }
    let seen = storm(storage, &people, 10).await;
    let ids: HashSet<_> = seen.iter().map(|delivery| delivery.id).collect();
    assert_eq!(seen.len(), ids.len(), "a delivery came twice although its lease held");
    assert_eq!(ids.len(), RACERS * 10, "every committed effect comes");
    let mut last: HashMap<&str, u64> = HashMap::new();
    for delivery in &seen {
        let before = last.insert(&delivery.subject, delivery.sequence);
        assert!(before.is_none_or(|before| before < delivery.sequence), "a subject lost its order");
    }
    let backlog = kept(storage.outbox.backlog().await, "the backlog is counted");
    assert_eq!(backlog.waiting, 0, "nothing is left");
}
