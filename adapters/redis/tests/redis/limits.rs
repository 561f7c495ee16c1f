//! Limits that replicas share.

use std::sync::Arc;

use portcullis_domain::ports::limits::{Quota, RateLimiter};

use crate::server::{HOUR, Replica, client, keys, patient, prefix, sweep, url};

const QUOTA: Quota = Quota { burst: 50, period: HOUR };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b27_five_hundred_parallel_attempts_on_three_replicas_are_granted_the_burst_and_no_more() {
    let prefix = prefix();
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(Arc::new(Replica::ready(&prefix).await));
    }
    let attempts: Vec<_> = (0..500)
        .map(|number| {
            let replica = Arc::clone(&replicas[number % 3]);
            tokio::spawn(async move { replica.take("login:192.0.2.1", QUOTA).await.granted })
        })
        .collect();
    let mut granted = 0;
    for attempt in attempts {
        granted += u32::from(attempt.await.unwrap());
    }
    assert_eq!(granted, 50);
    sweep(&prefix).await;
}

#[tokio::test]
async fn two_replicas_take_from_one_bucket() {
    let prefix = prefix();
    let (one, two) = (Replica::ready(&prefix).await, Replica::ready(&prefix).await);
    for left in (0..50).rev() {
        let replica = if left % 2 == 0 { &one } else { &two };
        assert_eq!(replica.take("key", QUOTA).await.remaining, left);
    }
    assert!(!one.take("key", QUOTA).await.granted && !two.take("key", QUOTA).await.granted);
    sweep(&prefix).await;
}

#[tokio::test]
async fn what_one_replica_gives_back_another_can_take() {
    let prefix = prefix();
    let (one, two) = (Replica::ready(&prefix).await, Replica::ready(&prefix).await);
    assert_eq!(one.granted("key", QUOTA, 60).await, 50);
    for _ in 0..10 {
        two.limiter.give_back("key", QUOTA).await.unwrap();
    }
    assert_eq!(one.granted("key", QUOTA, 60).await, 10);
    sweep(&prefix).await;
}

#[tokio::test]
async fn another_prefix_is_another_service() {
    let (mine, theirs) = (prefix(), prefix());
    let (one, two) = (Replica::ready(&mine).await, Replica::ready(&theirs).await);
    assert_eq!(one.granted("key", QUOTA, 60).await, 50);
    assert_eq!(two.take("key", QUOTA).await.remaining, 49);
    sweep(&mine).await;
    sweep(&theirs).await;
}

#[tokio::test]
async fn a015_a_limit_survives_the_restart_of_the_service() {
    let prefix = prefix();
    let before = Replica::ready(&prefix).await;
    assert_eq!(before.granted("key", QUOTA, 30).await, 30);
    before.redis.close().await;
    drop(before);
    let after = Replica::ready(&prefix).await;
    assert_eq!(after.granted("key", QUOTA, 50).await, 20, "30 were taken before");
    sweep(&prefix).await;
}

#[tokio::test]
async fn a_bucket_expires_when_it_is_full_again() {
    let prefix = prefix();
    let replica = Replica::ready(&prefix).await;
    let mut client = client(&url()).await;
    replica.take("key", Quota { burst: 2, period: HOUR }).await;
    for key in keys(&mut client, &prefix).await.iter().filter(|key| key.contains(":limit:")) {
        let left: i64 = redis::cmd("PTTL").arg(key).query_async(&mut client).await.unwrap();
        assert!((0..=1_802_000).contains(&left), "{key} lives {left} ms longer");
    }
    sweep(&prefix).await;
}

#[tokio::test]
async fn keys_say_nothing_about_addresses_and_accounts() {
    let prefix = prefix();
    let replica = Replica::ready(&prefix).await;
    replica.take("login:192.0.2.1:ada@example.com", QUOTA).await;
    let keys = keys(&mut client(&url()).await, &prefix).await;
    assert!(keys.iter().any(|key| key.contains(":limit:")), "{keys:?}");
    assert!(keys.iter().all(|key| !key.contains("192.0.2.1") && !key.contains("ada")), "{keys:?}");
    sweep(&prefix).await;
}

#[tokio::test]
async fn another_database_is_another_service() {
    let prefix = prefix();
    let mut elsewhere = url::Url::parse(&url()).unwrap();
    elsewhere.set_path("/1");
    let (one, two) = (Replica::ready(&prefix).await, Replica::start(patient(elsewhere.as_str(), &prefix)));
    crate::server::becomes_ready(&two.redis).await;
    assert_eq!(one.granted("key", QUOTA, 60).await, 50);
    assert_eq!(two.take("key", QUOTA).await.remaining, 49);
    let grant = one.revoke();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(!portcullis_domain::ports::sessions::RevocationList::is_revoked(&two.revocations, grant));
    two.redis.close().await;
    sweep(&prefix).await;
    let mut client = client(elsewhere.as_str()).await;
    for key in keys(&mut client, &prefix).await {
        redis::cmd("DEL").arg(key).exec_async(&mut client).await.unwrap();
    }
}
