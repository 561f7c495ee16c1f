//! The suite `rate_limiter`: [`RateLimiter`](portcullis_domain::ports::limits::RateLimiter).
//!
//! Some subjects live in real time on a busy machine, so nothing here says how fast a call is: where permits may come
//! back between two calls, the suite looks at how much time has passed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use portcullis_domain::ports::limits::{Permit, Quota};

use super::Limiter;
use super::samples::race;

/// Runs the suite `rate_limiter` on what `async fn factory() -> portcullis_memory::contract::Limiter` gives.
#[macro_export]
macro_rules! rate_limiter_contract {
    ($factory:expr) => {
        $crate::promises!(
            rate_limiter,
            $factory,
            a_full_bucket_grants_its_burst_and_no_more,
            b27_of_a_race_no_more_than_the_burst_is_granted,
            b27_a_race_for_the_last_permit_has_one_winner,
            buckets_of_different_keys_do_not_touch_each_other,
            any_text_is_a_key,
            another_quota_is_another_bucket,
            what_was_taken_stays_taken_however_many_other_quotas_are_used,
            what_is_given_back_can_be_taken_again,
            what_is_given_back_never_makes_more_than_the_burst,
            what_is_given_back_to_one_bucket_is_in_no_other,
            of_a_race_of_givers_each_counts_and_nobody_gets_more,
            of_a_race_that_takes_and_gives_back_nothing_is_lost_or_won,
            whoever_is_refused_takes_nothing,
            a_permit_is_there_after_retry_after,
            permits_come_back_one_by_one,
            the_bucket_is_full_after_reset,
            what_a_permit_says_is_true_at_every_level,
            a_bucket_never_holds_more_than_its_burst,
            the_quotas_at_the_ends_of_the_range_count_too,
        );
    };
}

/// Nothing worth mentioning comes back during a test.
const HOUR: Duration = Duration::from_secs(3_600);

const fn quota(burst: u32, period: Duration) -> Quota {
    Quota { burst, period }
}

async fn take(subject: &Limiter, key: &str, quota: Quota) -> Permit {
    match subject.limiter.take(key, quota).await {
        Ok(permit) => permit,
        Err(error) => panic!("the limiter answers: {error:?}"),
    }
}

/// Takes until it is refused; how many were granted, and the refusal.
async fn drain(subject: &Limiter, key: &str, quota: Quota) -> (u32, Permit) {
    let mut granted = 0;
    loop {
        let permit = take(subject, key, quota).await;
        if !permit.granted {
            return (granted, permit);
        }
        granted += 1;
        assert!(granted < 100_000, "a bucket of {quota:?} is empty at some time");
    }
}

/// To the last one.
pub async fn a_full_bucket_grants_its_burst_and_no_more(subject: &Limiter) {
    let quota = quota(10, HOUR);
    for left in (0..10).rev() {
        let permit = take(subject, "key", quota).await;
        assert!(permit.granted, "a full bucket grants its burst");
        assert_eq!(permit.remaining, left, "each permit leaves one less");
        assert_eq!(permit.retry_after, Duration::ZERO, "whoever was granted need not wait");
    }
    for _ in 0..5 {
        let permit = take(subject, "key", quota).await;
        assert!(!permit.granted, "an empty bucket grants nothing");
        assert_eq!(permit.remaining, 0, "an empty bucket has nothing left");
        assert!(permit.retry_after > Duration::ZERO, "whoever is refused has to wait");
    }
}

/// Fifty tasks, four times as many attempts as permits.
pub async fn b27_of_a_race_no_more_than_the_burst_is_granted(subject: &Limiter) {
    let granted = race(50, |_| {
        let limiter = subject.limiter.clone();
        async move {
            let mut granted = 0;
            for _ in 0..4 {
                let permit = limiter.take("key", quota(47, HOUR)).await.expect("the limiter answers in a race");
                granted += u32::from(permit.granted);
            }
            granted
        }
    })
    .await;
    assert_eq!(
        granted.into_iter().sum::<u32>(),
        47,
        "of concurrent calls exactly as many as the bucket holds are granted"
    );
}

/// Round after round.
pub async fn b27_a_race_for_the_last_permit_has_one_winner(subject: &Limiter) {
    for round in 0..10 {
        let granted = race(20, |_| {
            let (limiter, key) = (subject.limiter.clone(), format!("round {round}"));
            async move { limiter.take(&key, quota(1, HOUR)).await.expect("the limiter answers in a race").granted }
        })
        .await;
        assert_eq!(granted.into_iter().filter(|granted| *granted).count(), 1, "the last permit goes to one");
    }
}

/// An empty bucket beside full ones.
pub async fn buckets_of_different_keys_do_not_touch_each_other(subject: &Limiter) {
    let quota = quota(3, HOUR);
    drain(subject, "login:192.0.2.1", quota).await;
    for other in ["login:192.0.2.10", "login:192.0.2", "login:192.0.2.1 ", "LOGIN:192.0.2.1", "register:192.0.2.1", ""]
    {
        assert_eq!(take(subject, other, quota).await.remaining, 2, "{other:?} has a bucket of its own");
    }
    assert!(!take(subject, "login:192.0.2.1", quota).await.granted, "the others gave nothing back");
}

/// Whatever an address, an account or a client is called.
pub async fn any_text_is_a_key(subject: &Limiter) {
    let long = "x".repeat(10_000);
    let longer = format!("{long}y");
    let keys =
        ["", " ", "\0", "a\0", "a\r\nFLUSHALL\r\n", "*", "{a}b", "a:b:c", "%61", "ä", "a\u{308}", "🦀", &long, &longer];
    for round in [1, 0] {
        for key in keys {
            let permit = take(subject, key, quota(2, HOUR)).await;
            assert!(permit.granted && permit.remaining == round, "{key:.20?} is a key of its own");
        }
    }
    for key in keys {
        assert!(!take(subject, key, quota(2, HOUR)).await.granted, "{key:.20?} is the same key at every call");
    }
}

/// So a changed setting holds at once, and two rules may share a key.
pub async fn another_quota_is_another_bucket(subject: &Limiter) {
    drain(subject, "key", quota(5, HOUR)).await;
    assert_eq!(take(subject, "key", quota(6, HOUR)).await.remaining, 5, "another burst is another bucket");
    assert_eq!(take(subject, "key", quota(5, HOUR * 2)).await.remaining, 4, "another period is another bucket");
    assert!(!take(subject, "key", quota(5, HOUR)).await.granted, "a bucket is still what it was");
}

/// Keys of an account bring quotas of their own: nobody empties the memory of the others by that.
pub async fn what_was_taken_stays_taken_however_many_other_quotas_are_used(subject: &Limiter) {
    let login = quota(5, HOUR);
    drain(subject, "login:192.0.2.1", login).await;
    for number in 0..100 {
        for key in ["login:192.0.2.1", "api-key:7"] {
            let other = quota(6 + number, HOUR + Duration::from_secs(u64::from(number)));
            assert!(take(subject, key, other).await.granted, "another quota is another bucket");
        }
    }
    assert!(!take(subject, "login:192.0.2.1", login).await.granted, "what was taken stays taken");
}

async fn give_back(subject: &Limiter, key: &str, quota: Quota) {
    if let Err(error) = subject.limiter.give_back(key, quota).await {
        panic!("the limiter takes permits back: {error:?}");
    }
}

/// One for one.
pub async fn what_is_given_back_can_be_taken_again(subject: &Limiter) {
    let quota = quota(10, HOUR);
    drain(subject, "key", quota).await;
    for _ in 0..3 {
        give_back(subject, "key", quota).await;
    }
    for left in (0..3).rev() {
        let permit = take(subject, "key", quota).await;
        assert_eq!((permit.granted, permit.remaining), (true, left), "what is given back is there");
    }
    assert!(!take(subject, "key", quota).await.granted, "and no more than that");
    for _ in 0..100 {
        give_back(subject, "key", quota).await;
        assert!(take(subject, "key", quota).await.granted, "again and again");
    }
    assert!(!take(subject, "key", quota).await.granted, "and no more than that");
}

/// Neither to a bucket that nobody knows nor to a full one.
pub async fn what_is_given_back_never_makes_more_than_the_burst(subject: &Limiter) {
    let quota = quota(4, HOUR);
    for _ in 0..10 {
        give_back(subject, "unknown", quota).await;
    }
    assert_eq!(drain(subject, "unknown", quota).await.0, 4, "a bucket never holds more than its burst");
    take(subject, "key", quota).await;
    for _ in 0..10 {
        give_back(subject, "key", quota).await;
    }
    assert_eq!(drain(subject, "key", quota).await.0, 4, "a bucket never holds more than its burst");
}

/// Neither of another key nor of another quota.
pub async fn what_is_given_back_to_one_bucket_is_in_no_other(subject: &Limiter) {
    let (one, another) = (quota(3, HOUR), quota(3, HOUR * 2));
    drain(subject, "key", one).await;
    drain(subject, "key", another).await;
    drain(subject, "other", one).await;
    give_back(subject, "key", one).await;
    assert!(!take(subject, "key", another).await.granted, "another quota is another bucket");
    assert!(!take(subject, "other", one).await.granted, "another key is another bucket");
    assert!(take(subject, "key", one).await.granted, "what is given back is there");
}

/// Thirty give back, to an empty bucket, while fifty take.
pub async fn of_a_race_of_givers_each_counts_and_nobody_gets_more(subject: &Limiter) {
    let quota = quota(47, HOUR);
    drain(subject, "key", quota).await;
    let granted = race(80, |number| {
        let limiter = subject.limiter.clone();
        async move {
            if number % 8 < 3 {
                limiter.give_back("key", quota).await.expect("the limiter takes permits back in a race");
                return 0;
            }
            u32::from(limiter.take("key", quota).await.expect("the limiter answers in a race").granted)
        }
    })
    .await;
    let (meanwhile, (later, _)) = (granted.into_iter().sum::<u32>(), drain(subject, "key", quota).await);
    assert_eq!(meanwhile + later, 30, "each permit that was given back is taken once");
}

/// Forty tasks that hold a permit for a moment, eight times each.
pub async fn of_a_race_that_takes_and_gives_back_nothing_is_lost_or_won(subject: &Limiter) {
    let quota = quota(20, HOUR);
    let held = Arc::new(AtomicU32::new(0));
    race(40, |_| {
        let (limiter, held) = (subject.limiter.clone(), held.clone());
        async move {
            for _ in 0..8 {
                if limiter.take("key", quota).await.expect("the limiter answers in a race").granted {
                    assert!(held.fetch_add(1, Ordering::SeqCst) < 20, "no more are out than the bucket holds");
                    held.fetch_sub(1, Ordering::SeqCst);
                    limiter.give_back("key", quota).await.expect("the limiter takes permits back in a race");
                }
            }
        }
    })
    .await;
    assert_eq!(drain(subject, "key", quota).await.0, 20, "all that were out are back");
}

/// Nor does he make himself wait longer.
pub async fn whoever_is_refused_takes_nothing(subject: &Limiter) {
    let quota = quota(4, Duration::from_secs(4));
    let (_, refusal) = drain(subject, "key", quota).await;
    let (from, wait) = (subject.time.elapsed(), refusal.retry_after);
    let mut last = wait;
    while subject.time.elapsed() - from < wait / 2 {
        let permit = take(subject, "key", quota).await;
        if permit.granted {
            break; // the machine was busy for longer than the wait
        }
        assert!(permit.retry_after <= last, "a refusal does not prolong the wait");
        last = permit.retry_after;
        subject.time.pass(wait / 20).await;
    }
    subject.time.pass(wait).await;
    assert!(take(subject, "key", quota).await.granted, "whoever was refused took nothing");
}

/// Not a microsecond later.
pub async fn a_permit_is_there_after_retry_after(subject: &Limiter) {
    for (burst, period) in [(1, 700), (2, 1_000), (3, 1_000), (7, 1_000)] {
        let quota = quota(burst, Duration::from_millis(period));
        let (_, refusal) = drain(subject, "key", quota).await;
        assert!(refusal.retry_after > Duration::ZERO, "whoever is refused has to wait");
        let longest = quota.period / burst + Duration::from_micros(1);
        assert!(refusal.retry_after <= longest, "one permit is back after its part of the period");
        subject.time.pass(refusal.retry_after).await;
        assert!(take(subject, "key", quota).await.granted, "after retry_after of {quota:?} there is a permit");
    }
}

/// Not all at once.
pub async fn permits_come_back_one_by_one(subject: &Limiter) {
    let quota = quota(20, Duration::from_secs(2));
    let from = subject.time.elapsed();
    let (first, _) = drain(subject, "key", quota).await;
    subject.time.pass(Duration::from_secs(1)).await;
    let (second, _) = drain(subject, "key", quota).await;
    let passed = subject.time.elapsed() - from;
    let back = u32::try_from(passed.as_millis() / 100).unwrap_or(u32::MAX);
    assert!(second >= 10.min(first), "after half of the period half of the permits are back, not {second}");
    assert!(first + second <= 20_u32.saturating_add(back), "{first} and {second} permits in {passed:?} are too many");
}

/// Full is full.
pub async fn the_bucket_is_full_after_reset(subject: &Limiter) {
    let quota = quota(5, Duration::from_secs(1));
    let mut permit = take(subject, "key", quota).await;
    for _ in 0..2 {
        permit = take(subject, "key", quota).await;
    }
    subject.time.pass(permit.reset).await;
    assert_eq!(take(subject, "key", quota).await.remaining, 4, "after reset the bucket is full");
    let (_, refusal) = drain(subject, "key", quota).await;
    subject.time.pass(refusal.reset).await;
    assert_eq!(take(subject, "key", quota).await.remaining, 4, "after the reset of a refusal the bucket is full");
}

/// Remaining, reset and `retry_after` agree with each other.
pub async fn what_a_permit_says_is_true_at_every_level(subject: &Limiter) {
    let (quota, interval) = (quota(6, HOUR), HOUR / 6);
    let from = subject.time.elapsed();
    for level in 1..=7 {
        let permit = take(subject, "key", quota).await;
        let passed = subject.time.elapsed() - from;
        assert!(passed < interval, "the machine is too slow for this test: {passed:?}");
        let taken = level.min(6);
        assert_eq!((permit.granted, permit.remaining), (level <= 6, 6 - taken), "level {level}");
        assert!(permit.reset <= interval * taken, "{taken} permits are back after {taken} parts of the period");
        assert!(permit.reset + passed >= interval * taken, "and not before");
        if !permit.granted {
            assert!(permit.retry_after <= interval, "the next permit is back after one part of the period");
            assert!(permit.retry_after + passed >= interval, "and not before");
        }
    }
}

/// However long nobody came.
pub async fn a_bucket_never_holds_more_than_its_burst(subject: &Limiter) {
    let quota = quota(3, Duration::from_millis(600));
    for _ in 0..2 {
        let from = subject.time.elapsed();
        let (granted, _) = drain(subject, "key", quota).await;
        let back = (subject.time.elapsed() - from).as_millis() / 200;
        assert!(granted >= 3, "a full bucket grants its burst");
        assert!(u128::from(granted) <= 3 + back, "{granted} is more than a bucket holds");
        subject.time.pass(quota.period * 3).await;
    }
}

/// From the smallest to the largest that the port allows.
pub async fn the_quotas_at_the_ends_of_the_range_count_too(subject: &Limiter) {
    let (day, shortest) = (Duration::from_secs(86_400), Duration::from_millis(1));
    let large = take(subject, "key", quota(u32::MAX, day)).await;
    assert!(large.granted && large.remaining >= u32::MAX - 2, "a very large bucket grants: {large:?}");
    assert!(take(subject, "key", quota(u32::MAX, shortest)).await.granted, "a very fast bucket grants");
    assert!(take(subject, "key", quota(1, shortest)).await.granted, "a very short period grants");
    subject.time.pass(shortest).await;
    assert!(take(subject, "key", quota(1, shortest)).await.granted, "and again after it");

    let single = quota(1, day);
    assert!(take(subject, "key", single).await.granted, "a bucket of one grants one");
    let refused = take(subject, "key", single).await;
    assert!(!refused.granted && refused.remaining == 0, "a bucket of one grants one: {refused:?}");
    assert!(refused.retry_after <= day && refused.retry_after > day - HOUR, "the next one is there a day later");
}
