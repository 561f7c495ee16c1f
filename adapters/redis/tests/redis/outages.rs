//! A line that fails between us and the real server: nothing hangs, nothing is lost, one line in the log.

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::ports::limits::{Quota, RateLimiter};
use portcullis_domain::ports::sessions::RevocationList;
use portcullis_memory::MemoryLimiter;
use portcullis_redis::{RedisAdapter, RedisLimiter};
use tokio::time::{Instant, sleep};

use crate::journal::Journal;
use crate::line::Line;
use crate::private::Private;
use crate::server::{HOUR, Replica, address, becomes_ready, prefix, stops_being_ready, sweep, url_at, usual};

const QUOTA: Quota = Quota { burst: 40, period: HOUR };
/// No call may take longer, whatever Redis does.
const SOON: Duration = Duration::from_secs(1);

async fn behind(line: &Line, prefix: &str) -> Replica {
    let replica = Replica::start(usual(&url_at(line.address), prefix));
    becomes_ready(&replica.redis).await;
    replica
}

/// Fifty attempts at once, and fifty one after the other; none takes long.
async fn nothing_hangs(replica: &Arc<Replica>) -> u32 {
    let attempts: Vec<_> = (0..50)
        .map(|_| {
            let replica = Arc::clone(replica);
            tokio::spawn(async move {
                let begun = Instant::now();
                let granted = replica.take("key", QUOTA).await.granted;
                (granted, begun.elapsed())
            })
        })
        .collect();
    let mut granted = 0;
    for attempt in attempts {
        let (given, took) = attempt.await.unwrap();
        assert!(took < SOON, "a take took {took:?}");
        granted += u32::from(given);
    }
    let begun = Instant::now();
    granted += replica.granted("key", QUOTA, 50).await;
    assert!(begun.elapsed() < SOON, "once Redis is known to be away nobody waits for it: {:?}", begun.elapsed());
    let begun = Instant::now();
    let grant = replica.revoke();
    assert!(replica.revocations.is_revoked(grant));
    assert!(begun.elapsed() < SOON);
    granted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a015_a_redis_that_stalls_for_five_seconds_makes_nobody_wait_and_grants_nothing_unseen() {
    let (line, prefix) = (Line::to(address()).await, prefix());
    let replica = Arc::new(behind(&line, &prefix).await);
    let other = Replica::ready(&prefix).await;
    assert_eq!(replica.granted("key", QUOTA, 15).await, 15);
    let stalled = Instant::now();
    line.stall();
    assert_eq!(nothing_hangs(&replica).await, 25, "the fallback has seen the fifteen");
    assert!(!replica.redis.is_ready());
    let meanwhile = replica.revoke();
    sleep((stalled + Duration::from_secs(5)).saturating_duration_since(Instant::now())).await;
    assert!(!replica.redis.is_ready(), "{:?}", replica.redis.last_error());
    line.mend();
    becomes_ready(&replica.redis).await;
    other.learns(meanwhile).await;
    let grant = other.revoke();
    replica.learns(grant).await;
    sweep(&prefix).await;
}

#[tokio::test]
async fn what_was_given_back_is_there_while_redis_is_away_and_what_is_given_back_then_too() {
    let (line, prefix) = (Line::to(address()).await, prefix());
    let replica = behind(&line, &prefix).await;
    assert_eq!(replica.granted("key", QUOTA, 50).await, 40);
    for _ in 0..5 {
        replica.limiter.give_back("key", QUOTA).await.unwrap();
    }
    line.stall();
    stops_being_ready(&replica.redis).await;
    assert_eq!(replica.granted("key", QUOTA, 50).await, 5, "the fallback knows of it");
    let begun = Instant::now();
    for _ in 0..5 {
        replica.limiter.give_back("key", QUOTA).await.unwrap();
    }
    assert!(begun.elapsed() < SOON, "nobody waits for Redis: {:?}", begun.elapsed());
    assert_eq!(replica.granted("key", QUOTA, 50).await, 5);
    line.mend();
    becomes_ready(&replica.redis).await;
    sweep(&prefix).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a015_a_line_that_is_cut_again_and_again_loses_no_revocation() {
    let (line, prefix) = (Line::to(address()).await, prefix());
    let replica = Arc::new(behind(&line, &prefix).await);
    let other = Replica::ready(&prefix).await;
    let (mut there, mut here) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        for _ in 0..50 {
            there.push(replica.revoke());
            here.push(other.revoke());
        }
        line.cut();
        there.push(replica.revoke());
        here.push(other.revoke());
        stops_being_ready(&replica.redis).await;
        nothing_hangs(&replica).await;
        line.mend();
        becomes_ready(&replica.redis).await;
    }
    for grant in there {
        other.learns(grant).await;
    }
    for grant in here {
        replica.learns(grant).await;
    }
    sweep(&prefix).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_whose_answers_do_not_arrive_is_away() {
    let (line, prefix) = (Line::to(address()).await, prefix());
    let replica = Arc::new(behind(&line, &prefix).await);
    line.deafen();
    stops_being_ready(&replica.redis).await; // by the trials alone
    nothing_hangs(&replica).await;
    line.mend();
    becomes_ready(&replica.redis).await;
    sweep(&prefix).await;
}

#[tokio::test]
async fn a015_redis_may_be_absent_from_the_start_and_come_later() {
    let (journal, _guard) = Journal::open();
    let mut server = Private::absent();
    let begun = Instant::now();
    let replica = Arc::new(Replica::start(usual(&server.url(), &prefix())));
    assert!(begun.elapsed() < SOON, "the start does not wait for Redis");
    assert!(!replica.redis.is_ready());
    assert_eq!(nothing_hangs(&replica).await, 40);
    let before = replica.revoke();
    sleep(Duration::from_secs(3)).await;
    let trouble = replica.redis.last_error().unwrap();
    assert!(trouble.contains(&format!("127.0.0.1:{}/0", server.port)), "{trouble}");
    assert_eq!(journal.count("Redis is not available"), 1, "once an outage: {}", journal.text());

    server.come_back().await;
    becomes_ready(&replica.redis).await;
    assert_eq!(journal.count("Redis is back"), 1, "{}", journal.text());
    assert_eq!(replica.take("key", QUOTA).await.remaining, 39, "from here on Redis counts");
    let other = Replica::start(usual(&server.url(), "portcullis"));
    becomes_ready(&other.redis).await;
    assert!(!other.revocations.is_revoked(before), "under another prefix nobody knows");
    server.kill();
    stops_being_ready(&replica.redis).await;
    replica.redis.close().await;
    assert!(journal.count("disconnected from Redis") >= 1, "{}", journal.text());
}

#[tokio::test]
async fn a_limiter_alone_needs_no_revocations_to_be_ready() {
    let server = Private::start().await;
    let redis = RedisAdapter::start(usual(&server.url(), &prefix())).unwrap();
    let clock = Arc::new(portcullis_memory::ManualClock::default());
    let _limiter = RedisLimiter::new(&redis, Arc::new(MemoryLimiter::new(clock)));
    becomes_ready(&redis).await;
    redis.close().await;
}

#[tokio::test]
async fn an_outage_is_two_lines_in_the_log_however_many_calls_it_meets() {
    let (journal, _guard) = Journal::open();
    let (line, prefix) = (Line::to(address()).await, prefix());
    let replica = behind(&line, &prefix).await;
    assert_eq!(journal.count("connected to Redis"), 1, "{}", journal.text());
    line.stall();
    replica.granted("key", QUOTA, 100).await;
    sleep(Duration::from_secs(4)).await;
    line.mend();
    becomes_ready(&replica.redis).await;
    assert_eq!(journal.count("Redis is not available"), 1, "{}", journal.text());
    assert_eq!(journal.count("Redis is back"), 1, "{}", journal.text());
    sweep(&prefix).await;
}

#[tokio::test]
async fn closing_during_an_outage_does_not_wait_for_redis() {
    let (line, prefix) = (Line::to(address()).await, prefix());
    let replica = behind(&line, &prefix).await;
    line.stall();
    for _ in 0..100 {
        replica.revoke();
    }
    let begun = Instant::now();
    replica.redis.close().await;
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    sweep(&prefix).await;
}
