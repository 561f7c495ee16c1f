//! Several processes on one PostgreSQL are one service.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::account::{Account, Operation};
use crate::api::{Api, Person, Tokens};
use crate::broker::Broker;
use crate::client::Client;
use crate::judge::judge;
use crate::place::Place;
use crate::service::{Service, Settings};
use crate::settle::KNOWN_WITHIN;

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_one_replica_live_and_die_on_the_other() {
    let place = Place::postgres().await;
    let settings = Settings::on(&place);
    let (a, b) = (settings.start().await, settings.start().await);
    let (on_a, on_b) = (Api::at(&a.url), Api::at(&b.url));
    let who = Person::new();
    let tokens = on_a.join(&who).await;
    on_b.verify(&tokens.access).await.expect(204);
    let next = Tokens::of(&on_b.refresh(&tokens.refresh).await.expect(200));
    // The grace is one, too.
    let again = Tokens::of(&on_a.refresh(&tokens.refresh).await.expect(200));
    assert_eq!(next.refresh, again.refresh);

    on_a.logout(&next.access).await.expect(204);
    on_a.verify(&next.access).await.expect(401);
    on_b.refresh(&next.refresh).await.expect(401);
    let revoked = Instant::now();
    while on_b.verify(&next.access).await.status != 401 {
        assert!(revoked.elapsed() < KNOWN_WITHIN, "the other replica still accepts the token of an ended session");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_that_start_together_agree_on_schema_and_keys() {
    for _ in 0..3 {
        let place = Place::postgres().await;
        let settings = Settings::on(&place);
        let services = join_all((0..3).map(|_| settings.start())).await;
        let apis: Vec<Api> = services.iter().map(|service| Api::at(&service.url)).collect();
        let mut published = Vec::new();
        for api in &apis {
            published.push(api.get("/.well-known/jwks.json", None).await.expect(200).json);
        }
        assert!(published.windows(2).all(|pair| pair[0] == pair[1]), "{published:?}");
        for issuer in &apis {
            let tokens = issuer.join(&Person::new()).await;
            for verifier in &apis {
                verifier.verify(&tokens.access).await.expect(204);
            }
        }
        for service in services {
            service.stop().await;
        }
    }
}

/// Both relay; what a client does now here, now there, is told in its order.
#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_relay_in_order_and_take_over_from_a_dead_one() {
    let place = Place::postgres().await;
    let broker = Broker::fresh().await;
    let settings = Settings::on(&place).publishing_to(&broker).with("PORTCULLIS__EVENTS__ANNOUNCE_REFRESHES", "true");
    let (mut a, b) = (settings.start().await, settings.start().await);
    let accounts = work_on_both(&a, &b, place.dir()).await;
    let stories: Vec<_> = accounts.iter().map(|account| account.story.clone()).collect();
    let told = broker.wait("every event", Duration::from_secs(20), |events| judge(&stories, events).lost.is_empty());
    let verdict = judge(&stories, &told.await);
    assert_eq!(verdict.violations(), Vec::<String>::new());
    // Nobody died and no lease ran out: there is no reason for a second delivery.
    assert_eq!(verdict.duplicates, 0);

    // What the dead one had claimed is delivered by the other once the lease is over.
    let more = work_on_both(&a, &b, place.dir()).await;
    a.kill();
    let stories: Vec<_> = accounts.iter().chain(&more).map(|account| account.story.clone()).collect();
    let told = broker.wait("every event", Duration::from_secs(40), |events| judge(&stories, events).lost.is_empty());
    assert_eq!(judge(&stories, &told.await).violations(), Vec::<String>::new());
    b.stop().await;
}

async fn work_on_both(a: &Service, b: &Service, folder: &std::path::Path) -> Vec<Account> {
    let replicas = [Api::at(&a.url), Api::at(&b.url)];
    let clients = (0..12_u64).map(|number| {
        let replicas = &replicas;
        let mut client = Client::new(number, 0, folder);
        async move {
            client.accounts.push(Account::of(Person::new()));
            assert!(client.ask(&replicas[0], 0, Operation::Register).await, "the registration is answered");
            for step in 0..12_usize {
                let operation = match client.accounts[0].live.first() {
                    Some(held) if step % 4 == 3 => Operation::LogOut(held.session.clone()),
                    Some(held) if step % 4 != 0 => Operation::Refresh(held.session.clone()),
                    _ => Operation::LogIn,
                };
                let api = &replicas[(step + usize::try_from(number).expect("small")) % 2];
                assert!(client.ask(api, 0, operation).await, "every call is answered");
            }
            assert_eq!(client.violations, Vec::<String>::new());
            client.accounts
        }
    });
    join_all(clients).await.into_iter().flatten().collect()
}
