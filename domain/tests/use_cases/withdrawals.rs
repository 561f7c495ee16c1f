//! What verifiers must stop to trust, as they are told of it.

use std::collections::HashSet;
use std::slice::from_ref;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, pin_mut};
use portcullis_domain::caller::Caller;
use portcullis_domain::ids::GrantId;
use portcullis_domain::ports::sessions::Revocation;
use portcullis_domain::sessions::{Cursor, NotACursor, RevocationLog, Withdrawal, Withdrawn};
use portcullis_domain::tokens::{Bulletin, RevocationTarget};
use portcullis_domain::{App, Failure, Timestamp};

use crate::clients::{client, id, replica};
use crate::world::{HOUR, MINUTE, SECOND, World, origin};

const MICRO: Duration = Duration::from_micros(1);

fn news(app: &App, cursor: Option<Cursor>) -> Bulletin {
    app.tokens.withdrawals(cursor).expect("an answer")
}

fn what(bulletin: &Bulletin) -> Vec<Withdrawn> {
    bulletin.items.iter().map(|item| item.what.clone()).collect()
}

/// Signs somebody in and out again; which grant that ended.
async fn ended(world: &World, name: &str) -> Withdrawn {
    let (_, pair) = world.signed_in(name).await;
    world.app.sessions.log_out(&world.calls(&pair), origin()).await.expect("a logout");
    Withdrawn::Grant(pair.session.id.into())
}

#[tokio::test]
async fn a_verifier_is_told_everything_that_matters_and_then_what_is_new() {
    let world = World::new().await;
    assert_eq!(news(&world.app, None).items, []);
    let first = ended(&world, "ann").await;
    world.clock.advance(SECOND);
    let second = ended(&world, "ben").await;
    let all = news(&world.app, None);
    assert_eq!(what(&all), [first, second], "the oldest first");
    let line = &all.items[1];
    assert_eq!((line.at, line.until), (world.now(), world.now().plus(16 * MINUTE)));
    assert_eq!(news(&world.app, Some(all.cursor)).items, [], "nothing is new");
    let third = ended(&world, "eve").await;
    let more = news(&world.app, Some(all.cursor));
    assert_eq!(what(&more), [third]);
    assert_eq!(news(&world.app, Some(more.cursor)).items, []);
    assert_eq!(news(&world.app, None).items.len(), 3, "a newcomer is told all of it");
}

#[tokio::test]
async fn every_kind_is_told() {
    let world = World::new().await;
    let (orders, _) = client(&world, "orders", "stock:read").await;
    let token = world.app.clients.grant(&orders, None, &origin()).await.expect("a token");
    let target = world.app.tokens.revocation_target(token.access_token.expose()).await.expect("an answer");
    let Some(RevocationTarget::Token(claims)) = target else { panic!("{target:?}") };
    world.app.clients.revoke_token(&claims, &origin()).await.expect("a revocation");
    world.app.clients.delete(&Caller::operator(), &id("orders"), &origin()).await.expect("the end of a client");
    let session = ended(&world, "ann").await;
    let expected = [Withdrawn::Grant(claims.id.into()), Withdrawn::Client("orders".to_owned()), session];
    let told = news(&world.app, None);
    assert_eq!(what(&told), expected);
    let until = world.now().plus(16 * MINUTE);
    assert!(told.items.iter().all(|item| item.at == world.now() && item.until == until));

    let elsewhere = replica(&world, None);
    elsewhere.learn(None).await.expect("a look");
    let there: HashSet<_> = what(&news(&elsewhere, None)).into_iter().collect();
    assert_eq!(there, HashSet::from(expected), "every replica tells it");
}

#[tokio::test]
async fn what_no_token_can_outlive_is_not_told() {
    let world = World::new().await;
    let (_, _) = client(&world, "orders", "").await;
    world.app.clients.delete(&Caller::operator(), &id("orders"), &origin()).await.expect("the end of a client");
    ended(&world, "ann").await;
    let cursor = news(&replica(&world, None), None).cursor;
    world.clock.advance(16 * MINUTE - MICRO);
    assert_eq!(news(&world.app, None).items.len(), 2);
    world.clock.advance(MICRO);
    for cursor in [None, Some(cursor)] {
        assert_eq!(news(&world.app, cursor).items, []);
    }
    let elsewhere = replica(&world, None);
    elsewhere.learn(None).await.expect("a look");
    assert_eq!(news(&elsewhere, None).items, []);
}

#[tokio::test]
async fn knowledge_that_is_too_old_tells_nothing() {
    let world = World::new().await;
    let elsewhere = replica(&world, Some(5 * SECOND));
    let stale = |app: &App| matches!(app.tokens.withdrawals(None), Err(Failure::Unavailable(_)));
    assert!(stale(&elsewhere), "before the first look");
    let at = elsewhere.learn(None).await.expect("a look");
    assert_eq!(news(&elsewhere, None).complete_until, at, "a verifier learns how far it goes");
    world.clock.advance(5 * SECOND);
    assert_eq!(news(&elsewhere, None).complete_until, at);
    world.clock.advance(MICRO);
    assert!(stale(&elsewhere));
}

#[tokio::test]
async fn after_a_clock_was_set_back_a_verifier_is_told_how_far_it_goes_by_the_right_time() {
    let world = World::new().await;
    for bound in [Some(5 * SECOND), None] {
        let (elsewhere, right) = (replica(&world, bound), world.now());
        world.clock.advance(HOUR);
        assert_eq!(elsewhere.learn(None).await.expect("a look"), right.plus(HOUR));
        world.clock.set(right);
        let told = elsewhere.tokens.withdrawals(None);
        assert_eq!(told.is_err(), bound.is_some(), "nobody vouches for the time that is to come");
        for _ in 0..3 {
            world.clock.advance(SECOND);
            elsewhere.learn(None).await.expect("a look");
            assert_eq!(news(&elsewhere, None).complete_until, world.now(), "each look goes further");
        }
    }
}

#[tokio::test]
async fn a_reader_that_changes_the_replica_misses_nothing() {
    let world = World::new().await;
    let elsewhere = replica(&world, None);
    let known = ended(&world, "ann").await;
    let last = elsewhere.learn(None).await.expect("a look");
    let here = news(&world.app, None);
    assert_eq!(what(&here), from_ref(&known));
    assert_eq!(news(&elsewhere, Some(here.cursor)).items, [], "the other replica knows just the same");

    let fresh = ended(&world, "ben").await;
    let ahead = news(&world.app, Some(here.cursor));
    assert_eq!(what(&ahead), from_ref(&fresh));
    let behind = news(&elsewhere, Some(ahead.cursor));
    assert_eq!(what(&behind), from_ref(&known), "a replica that is behind tells what it knows, once more");
    elsewhere.learn(Some(last)).await.expect("a look");
    assert_eq!(what(&news(&elsewhere, Some(behind.cursor))), from_ref(&fresh), "and then what it learned");
    let told: HashSet<_> = what(&news(&elsewhere, Some(here.cursor))).into_iter().collect();
    assert!(told.contains(&fresh), "who has not read it is told");
}

#[tokio::test]
async fn a_reader_of_a_replica_that_is_gone_is_told_what_it_may_have_missed() {
    let world = World::new().await;
    world.app.learn(None).await.expect("a look");
    ended(&world, "ann").await;
    world.clock.advance(10 * MINUTE);
    world.app.learn(None).await.expect("a look");
    let cursor = news(&world.app, None).cursor;
    let missed = ended(&world, "ben").await;
    let successor = replica(&world, None);
    successor.learn(None).await.expect("a look");
    let told = what(&news(&successor, Some(cursor)));
    assert!(told.contains(&missed), "a new replica does not know when the others learned of what: it tells everything");
}

#[test]
fn what_was_revoked_by_a_clock_far_behind_is_told_on_every_replica() {
    let (first, second) = (RevocationLog::new(1), RevocationLog::new(2));
    let (_, cursor) = first.after(None, at(10_000), at(10_000));
    // Its clock is an hour behind; the second replica hears of it a moment after the reader has asked the first.
    let late = Revocation { until: at(20_000), ..revocation(1, 6_400) };
    second.note(&[late], at(10_001));
    let (told, cursor) = second.after(Some(cursor), at(10_001), at(10_001));
    assert_eq!(told.len(), 1);
    first.note(&[late], at(10_002));
    assert_eq!(first.after(Some(cursor), at(10_002), at(10_002)).0, [], "who has read it waits");
}

#[test]
fn a_cursor_has_one_spelling_a107() {
    let log = RevocationLog::new(u64::MAX);
    log.note(&[revocation(1, 100)], at(100));
    let (_, cursor) = log.after(None, at(100), at(100));
    let text = cursor.to_string();
    assert_eq!(text.parse(), Ok(cursor));
    let upper = text.to_uppercase();
    let long = format!("{text}-1");
    let zero = format!("0{text}");
    let plus = format!("+{text}");
    let huge = format!("{}-0-{}-0", "f".repeat(17), "f".repeat(16));
    for wrong in ["", "-", "---", "1-2-3", "x-1-1-1", "1-1-ffffffffffffffff-1", &upper, &long, &zero, &plus, &huge] {
        assert_eq!(wrong.parse::<Cursor>(), Err(NotACursor), "{wrong}");
    }
    assert_eq!("x".repeat(1 << 20).parse::<Cursor>(), Err(NotACursor));
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds)
}

fn revocation(number: u128, seconds: i64) -> Revocation {
    let grant = GrantId::from_uuid(uuid::Uuid::from_u128(number));
    Revocation { grant, at: at(seconds), until: at(seconds).plus(HOUR) }
}

fn line(number: u128, seconds: i64) -> Withdrawal {
    let Revocation { grant, at, until } = revocation(number, seconds);
    Withdrawal { what: Withdrawn::Grant(grant), at, until }
}

#[test]
fn the_order_is_that_of_learning_and_nothing_is_noted_twice() {
    let log = RevocationLog::new(7);
    log.note(&[revocation(2, 20)], at(20));
    log.note(&[revocation(1, 10), revocation(2, 20)], at(20));
    log.note_key("kid", at(5), at(4_000), at(20));
    log.note_key("kid", at(5), at(4_000), at(20));
    let key = Withdrawal { what: Withdrawn::Key("kid".to_owned()), at: at(5), until: at(4_000) };
    let (lines, cursor) = log.after(None, at(30), at(30));
    assert_eq!(lines, [line(2, 20), line(1, 10), key]);
    log.note(&[revocation(1, 10)], at(30));
    assert_eq!(log.after(Some(cursor), at(30), at(30)).0, []);
}

#[test]
fn what_is_forgotten_is_gone_and_readers_go_on() {
    let log = RevocationLog::new(7);
    log.note(&[revocation(1, 10), revocation(2, 20)], at(20));
    let (_, cursor) = log.after(None, at(20), at(20));
    log.forget(at(10).plus(HOUR));
    assert_eq!(log.after(None, at(20), at(20)).0, [line(2, 20)]);
    log.note(&[revocation(3, 30)], at(30));
    assert_eq!(log.after(Some(cursor), at(30), at(30)).0, [line(3, 30)]);
    log.forget(at(30).plus(HOUR));
    assert_eq!(log.after(None, at(30), at(30)).0, []);
    log.note(&[revocation(4, 40)], at(40));
    assert_eq!(log.after(Some(cursor), at(40), at(40)).0, [line(4, 40)], "its lines go on counting");
}

#[tokio::test]
async fn who_waits_is_woken_by_news_and_by_nothing_else() {
    let world = World::new().await;
    ended(&world, "ann").await;
    let cursor = news(&world.app, None).cursor;
    let waiting = world.app.tokens.more_withdrawals(cursor);
    pin_mut!(waiting);
    assert!(waiting.as_mut().now_or_never().is_none(), "there is no news");
    let (_, pair) = world.signed_in("ben").await;
    world.app.learn(None).await.expect("a look");
    assert!(waiting.as_mut().now_or_never().is_none(), "a look that finds nothing new is no news");
    world.app.sessions.log_out(&world.calls(&pair), origin()).await.expect("a logout");
    let told = waiting.now_or_never().expect("woken").expect("an answer");
    assert_eq!(what(&told), [Withdrawn::Grant(pair.session.id.into())]);
    let at_once = world.app.tokens.more_withdrawals(cursor).now_or_never().expect("at once").expect("an answer");
    assert_eq!(at_once.items, told.items, "who comes late does not wait");
}

#[tokio::test]
async fn a_reader_of_another_replica_waits_too_while_there_is_no_news() {
    let world = World::new().await;
    let elsewhere = replica(&world, None);
    ended(&world, "ann").await;
    let last = elsewhere.learn(None).await.expect("a look");
    let cursor = news(&world.app, None).cursor;
    let waiting = elsewhere.tokens.more_withdrawals(cursor);
    pin_mut!(waiting);
    assert!(waiting.as_mut().now_or_never().is_none(), "behind a load balancer nobody asks in circles");
    let fresh = ended(&world, "ben").await;
    assert!(waiting.as_mut().now_or_never().is_none(), "it has not heard");
    elsewhere.learn(Some(last)).await.expect("a look");
    let told = waiting.now_or_never().expect("woken").expect("an answer");
    assert!(what(&told).contains(&fresh));
}

#[tokio::test]
async fn an_old_look_that_finds_only_what_is_over_wakes_nobody() {
    let world = World::new().await;
    client(&world, "orders", "").await;
    world.app.clients.delete(&Caller::operator(), &id("orders"), &origin()).await.expect("the end of a client");
    world.clock.advance(HOUR);
    world.app.learn(None).await.expect("a look");
    let cursor = news(&world.app, None).cursor;
    let waiting = world.app.tokens.more_withdrawals(cursor);
    pin_mut!(waiting);
    assert!(waiting.as_mut().now_or_never().is_none());
    world.app.learn(None).await.expect("a look at everything, as there is now and then");
    assert!(waiting.now_or_never().is_none(), "a client that ended long ago is no news");
}

#[test]
fn whoever_waits_can_be_woken_without_news() {
    let log = RevocationLog::new(7);
    let waiting = log.more();
    pin_mut!(waiting);
    assert!(waiting.as_mut().now_or_never().is_none());
    log.wake();
    assert!(waiting.now_or_never().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_twenty_that_wait_none_misses_a_word() {
    const ROUNDS: usize = 60;
    let world = Arc::new(World::new().await);
    let mut pairs = Vec::new();
    for round in 0..ROUNDS {
        pairs.push(world.signed_in(&format!("user-{round}")).await.1);
    }
    let everything: HashSet<_> = pairs.iter().map(|pair| Withdrawn::Grant(pair.session.id.into())).collect();
    let mut cursor = news(&world.app, None).cursor;
    let readers: Vec<_> = (0..20)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move {
                let mut told = Vec::new();
                while told.len() < ROUNDS {
                    let more = world.app.tokens.more_withdrawals(cursor).await.expect("an answer");
                    told.extend(what(&more));
                    cursor = more.cursor;
                }
                told
            })
        })
        .collect();
    for pair in &pairs {
        world.app.sessions.log_out(&world.calls(pair), origin()).await.expect("a logout");
        tokio::task::yield_now().await;
    }
    for reader in readers {
        let told =
            tokio::time::timeout(Duration::from_secs(30), reader).await.expect("nobody sleeps on").expect("a task");
        assert_eq!(told.len(), ROUNDS, "nobody is told twice");
        assert_eq!(told.into_iter().collect::<HashSet<_>>(), everything);
    }
}
