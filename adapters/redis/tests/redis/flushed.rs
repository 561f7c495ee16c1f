//! A Redis that loses everything.

use portcullis_domain::ports::limits::Quota;
use portcullis_domain::ports::sessions::RevocationList;

use crate::private::Private;
use crate::server::{HOUR, Replica, becomes_ready, client, patient, prefix, stops_being_ready, usual};

const QUOTA: Quota = Quota { burst: 10, period: HOUR };

#[tokio::test]
async fn a_flushed_redis_gets_its_revocations_back_and_nobody_is_let_in() {
    let server = Private::start().await;
    let prefix = prefix();
    let (one, two) = (Replica::start(patient(&server.url(), &prefix)), Replica::start(patient(&server.url(), &prefix)));
    becomes_ready(&one.redis).await;
    becomes_ready(&two.redis).await;
    let grant = one.revoke();
    two.learns(grant).await;

    redis::cmd("FLUSHALL").exec_async(&mut client(&server.url()).await).await.unwrap();
    assert!(one.revocations.is_revoked(grant) && two.revocations.is_revoked(grant), "the lists are in the processes");
    let after = two.revoke();
    one.learns(after).await;
    // Redis has `after` only, until somebody notices; whoever comes then still learns of both.
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let late = Replica::start(patient(&server.url(), &prefix));
        becomes_ready(&late.redis).await;
        if late.revocations.is_revoked(grant) && late.revocations.is_revoked(after) {
            break;
        }
        assert!(tokio::time::Instant::now() < until, "what was revoked before the flush is not in Redis again");
        late.redis.close().await;
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}

#[tokio::test]
async fn a_redis_that_was_killed_and_comes_back_empty_gets_its_revocations_back() {
    let mut server = Private::start().await;
    let prefix = prefix();
    let one = Replica::start(usual(&server.url(), &prefix));
    becomes_ready(&one.redis).await;
    let before = one.revoke();
    server.kill();
    stops_being_ready(&one.redis).await;
    let meanwhile = one.revoke();
    assert!(one.revocations.is_revoked(meanwhile), "a revocation holds here whether Redis is there or not");
    server.come_back().await;
    becomes_ready(&one.redis).await;
    let two = Replica::start(usual(&server.url(), &prefix));
    two.learns(before).await;
    two.learns(meanwhile).await;
}

#[tokio::test]
async fn a015_what_this_process_saw_taken_stays_taken_when_redis_is_killed() {
    let mut server = Private::start().await;
    let replica = Replica::start(patient(&server.url(), &prefix()));
    becomes_ready(&replica.redis).await;
    assert_eq!(replica.granted("key", QUOTA, 7).await, 7);
    server.kill();
    assert_eq!(replica.granted("key", QUOTA, 7).await, 3, "the limit is reached at the same count");
    server.come_back().await;
    becomes_ready(&replica.redis).await;
    // The documented slack: Redis has lost its memory, so the bucket is full once more, and not more than that.
    assert_eq!(replica.granted("key", QUOTA, 20).await, 10);
}
