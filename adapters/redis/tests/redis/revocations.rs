//! Revocations that replicas share.

use std::time::Duration;

use portcullis_domain::ports::ambient::Clock;
use portcullis_domain::ports::sessions::RevocationList;
use tokio::time::Instant;

use crate::server::{HOUR, Replica, client, eventually, grant, keys, patient, prefix, sweep, url};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a042_a_session_revoked_on_one_replica_is_refused_by_all_within_a_second() {
    let prefix = prefix();
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(Replica::ready(&prefix).await);
    }
    let mut waits = Vec::new();
    for round in 0..21 {
        let grant = replicas[round % 3].revoke();
        let begun = Instant::now();
        for replica in &replicas {
            replica.learns(grant).await;
        }
        waits.push(begun.elapsed());
    }
    waits.sort();
    // A busy machine may stop a test for a second now and then, but not every other time.
    assert!(waits[10] < Duration::from_secs(1), "{waits:?}");
    sweep(&prefix).await;
}

#[tokio::test]
async fn a042_a_replica_that_starts_later_learns_what_was_revoked_before() {
    let prefix = prefix();
    let one = Replica::ready(&prefix).await;
    let grants: Vec<_> = (0..3_000).map(|_| one.revoke()).collect();
    one.redis.close().await; // tells the last ones
    let two = Replica::ready(&prefix).await;
    let missing = grants.iter().filter(|grant| !two.revocations.is_revoked(**grant)).count();
    assert_eq!(missing, 0, "a replica that is ready has read all");
    sweep(&prefix).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a042_more_revocations_than_fit_the_queue_all_arrive() {
    let prefix = prefix();
    let (one, two) = (Replica::ready(&prefix).await, Replica::ready(&prefix).await);
    let grants: Vec<_> = (0..25_000).map(|_| one.revoke()).collect();
    for grant in grants {
        two.learns(grant).await;
    }
    sweep(&prefix).await;
}

#[tokio::test]
async fn the_later_of_two_instants_stays_in_redis() {
    let prefix = prefix();
    let (one, two) = (Replica::ready(&prefix).await, Replica::ready(&prefix).await);
    let (grant, long, short) = (grant(), one.until(), one.clock.now().plus(HOUR / 2));
    one.revocations.revoke(grant, long);
    two.learns(grant).await;
    two.revocations.revoke(grant, short);
    let other = two.revoke();
    one.learns(other).await; // so the one before it has been told too
    let score: f64 = redis::cmd("ZSCORE")
        .arg(format!("{prefix}:revocations"))
        .arg(grant.to_string())
        .query_async(&mut client(&url()).await)
        .await
        .unwrap();
    assert_eq!(score, long.as_unix_micros() as f64);
    two.revocations.forget(short);
    assert!(two.revocations.is_revoked(grant), "a replica remembers the later of what it heard and what it said");
    sweep(&prefix).await;
}

#[tokio::test]
async fn what_matters_to_nobody_is_removed_and_what_may_matter_to_a_slow_clock_is_not() {
    let prefix = prefix();
    let one = Replica::ready(&prefix).await;
    let mut client = client(&url()).await;
    let key = format!("{prefix}:revocations");
    let (old, recent) = (grant(), grant());
    for (grant, until) in [(old, one.clock.now().minus(HOUR * 2)), (recent, one.clock.now().minus(HOUR / 2))] {
        redis::cmd("ZADD")
            .arg(&key)
            .arg(until.as_unix_micros())
            .arg(grant.to_string())
            .exec_async(&mut client)
            .await
            .unwrap();
    }
    let two = Replica::ready(&prefix).await; // reads, and tidies
    assert!(!two.revocations.is_revoked(old) && !two.revocations.is_revoked(recent), "neither matters any more");
    let left: Vec<String> = redis::cmd("ZRANGE").arg(&key).arg(0).arg(-1).query_async(&mut client).await.unwrap();
    assert_eq!(left, [recent.to_string()]);
    let lifetime: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut client).await.unwrap();
    assert!(lifetime > 0, "the set does not outlive the service for ever");
    sweep(&prefix).await;
}

#[tokio::test]
async fn closing_tells_the_last_revocations_and_then_leaves_the_list_working() {
    let prefix = prefix();
    let (one, two) = (Replica::ready(&prefix).await, Replica::ready(&prefix).await);
    let grants: Vec<_> = (0..1_000).map(|_| one.revoke()).collect();
    one.redis.close().await;
    assert_eq!(one.redis.last_error().as_deref(), Some("the Redis adapter is closed"));
    for grant in grants {
        two.learns(grant).await;
    }
    let late = one.revoke();
    assert!(one.revocations.is_revoked(late), "the list of this process goes on");
    one.redis.close().await; // a second time does no harm
    sweep(&prefix).await;
}

#[tokio::test]
async fn dropping_the_adapter_ends_its_tasks() {
    let prefix = prefix();
    let name = prefix.clone();
    let replica = Replica::start(patient(&url(), &prefix));
    crate::server::becomes_ready(&replica.redis).await;
    let mut client = client(&url()).await;
    let channel = format!("{name}:revocations:0");
    assert_eq!(subscribers(&mut client, &channel).await, 1);
    drop(replica);
    let until = Instant::now() + Duration::from_secs(10);
    while subscribers(&mut client, &channel).await > 0 {
        assert!(Instant::now() < until, "the subscription outlives the adapter");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    eventually("nothing is left", || true).await;
    assert!(keys(&mut client, &prefix).await.iter().all(|key| key.contains(":limit:")));
}

async fn subscribers(client: &mut redis::aio::MultiplexedConnection, channel: &str) -> u64 {
    let (_, count): (String, u64) = redis::cmd("PUBSUB").arg("NUMSUB").arg(channel).query_async(client).await.unwrap();
    count
}
