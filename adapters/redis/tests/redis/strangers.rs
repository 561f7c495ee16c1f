//! What others left under our names does no harm.

use std::time::Duration;

use portcullis_domain::ports::limits::Quota;
use portcullis_domain::ports::sessions::RevocationList;
use redis::aio::MultiplexedConnection;
use tokio::time::{Instant, sleep};

use crate::journal::Journal;
use crate::server::{HOUR, Replica, client, eventually, grant, keys, prefix, sweep, url};

const QUOTA: Quota = Quota { burst: 5, period: HOUR };

async fn put(client: &mut MultiplexedConnection, command: &[&str]) {
    let mut all = redis::cmd(command[0]);
    command[1..].iter().for_each(|argument| {
        all.arg(*argument);
    });
    all.exec_async(client).await.unwrap();
}

/// The one bucket that is not the trial's.
async fn bucket(client: &mut MultiplexedConnection, prefix: &str, replica: &Replica) -> String {
    let before = keys(client, prefix).await;
    replica.take("key", QUOTA).await;
    let mut after = keys(client, prefix).await;
    after.retain(|key| key.contains(":limit:"));
    for key in after {
        let value: String = redis::cmd("GET").arg(&key).query_async(client).await.unwrap();
        let debt: u64 = value.split_once(' ').unwrap().0.parse().unwrap();
        if !before.contains(&key) && debt == 3_600_000_000 {
            return key;
        }
    }
    panic!("the bucket has no key");
}

#[tokio::test]
async fn a_bucket_that_holds_something_else_is_overwritten_and_counts() {
    let (journal, _guard) = Journal::open();
    let prefix = prefix();
    let replica = Replica::ready(&prefix).await;
    let mut client = client(&url()).await;
    let key = bucket(&mut client, &prefix, &replica).await;
    for command in [
        &["RPUSH", "", "a", "b"][..],
        &["SADD", "", "a"],
        &["HSET", "", "a", "b"],
        &["SET", "", ""],
        &["SET", "", "nonsense"],
        &["SET", "", "-1 -1"],
        &["SET", "", "1e9 1e9"],
        &["SET", "", "nan inf"],
        &["SET", "", "12"],
        &["SET", "", "\u{0}\u{1}\u{ff}"],
    ] {
        put(&mut client, &["DEL", &key]).await;
        let mut command = command.to_vec();
        command[1] = &key;
        put(&mut client, &command).await;
        assert_eq!(replica.take("key", QUOTA).await.remaining, 4, "{command:?}");
        assert_eq!(replica.granted("key", QUOTA, 10).await, 4, "{command:?}");
    }
    assert!(replica.redis.is_ready(), "{:?}", replica.redis.last_error());
    assert_eq!(journal.count("held something else"), 1, "{}", journal.text());
    sweep(&prefix).await;
}

#[tokio::test]
async fn a_bucket_from_the_future_locks_nobody_out() {
    let prefix = prefix();
    let replica = Replica::ready(&prefix).await;
    let mut client = client(&url()).await;
    let key = bucket(&mut client, &prefix, &replica).await;
    // Written before the server's clock was set back, or by nobody: an instant far ahead, a debt without measure.
    for value in ["99999999999999999999999 99999999999999999999999", "18000000000 9000000000000000", "18000000000 0"] {
        put(&mut client, &["SET", &key, value]).await;
        let permit = replica.take("key", QUOTA).await;
        assert!(permit.granted || permit.retry_after <= QUOTA.period / 5, "{value}: {permit:?}");
        assert!(permit.reset <= QUOTA.period, "{value}: {permit:?}");
    }
    sweep(&prefix).await;
}

#[tokio::test]
async fn a_script_that_redis_forgot_is_loaded_again() {
    let server = crate::private::Private::start().await;
    let prefix = prefix();
    let replica = Replica::start(crate::server::patient(&server.url(), &prefix));
    crate::server::becomes_ready(&replica.redis).await;
    let mut client = client(&server.url()).await;
    for left in (0..5).rev() {
        put(&mut client, &["SCRIPT", "FLUSH"]).await;
        assert_eq!(replica.take("key", QUOTA).await.remaining, left);
    }
    assert!(replica.redis.is_ready());
}

#[tokio::test]
async fn messages_and_members_that_are_not_ours_are_ignored_with_one_warning() {
    let (journal, _guard) = Journal::open();
    let prefix = prefix();
    let (one, two) = (Replica::ready(&prefix).await, Replica::ready(&prefix).await);
    let mut client = client(&url()).await;
    let (channel, key) = (format!("{prefix}:revocations:0"), format!("{prefix}:revocations"));
    for nonsense in ["", "\n\n\n", "nonsense", "\u{0}", &"x".repeat(1_000_000), &format!("{} tomorrow", grant())] {
        put(&mut client, &["PUBLISH", &channel, nonsense]).await;
    }
    put(&mut client, &["ZADD", &key, "9e18", "nonsense", "inf", "\u{ff}", "-inf", &grant().to_string()]).await;
    let heard = one.revoke();
    two.learns(heard).await;
    assert!(two.redis.is_ready(), "{:?}", two.redis.last_error());
    let three = Replica::ready(&prefix).await; // reads the members
    assert!(three.revocations.is_revoked(heard));
    // One and two by messages, three by members: each says it once.
    assert_eq!(journal.count("is not ours and is ignored"), 3, "{}", journal.text());
    sweep(&prefix).await;
}

#[tokio::test]
async fn something_else_under_the_name_of_the_revocations_makes_way() {
    let (journal, _guard) = Journal::open();
    let prefix = prefix();
    let (one, two) = (Replica::ready(&prefix).await, Replica::ready(&prefix).await);
    let mut client = client(&url()).await;
    let key = format!("{prefix}:revocations");
    let first = one.revoke();
    two.learns(first).await;
    for command in [&["SET", &key, "nonsense"][..], &["RPUSH", &key, "a"]] {
        put(&mut client, &["DEL", &key]).await;
        put(&mut client, command).await;
        let grant = one.revoke();
        two.learns(grant).await;
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let kind: String = redis::cmd("TYPE").arg(&key).query_async(&mut client).await.unwrap();
            if kind == "zset" {
                break;
            }
            assert!(Instant::now() < until, "{key} is still a {kind}");
            sleep(Duration::from_millis(20)).await;
        }
    }
    eventually("all is well again", || one.redis.is_ready() && two.redis.is_ready()).await;
    let score: Option<f64> =
        redis::cmd("ZSCORE").arg(&key).arg(first.to_string()).query_async(&mut client).await.unwrap();
    assert!(score.is_some(), "what was there before is there again");
    assert!(journal.count("were overwritten by somebody else") >= 2, "{}", journal.text());
    sweep(&prefix).await;
}
