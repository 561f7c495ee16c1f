//! Six weeks of three replicas whose clocks differ: keys follow each other, operators rotate and revoke, everything
//! restarts with other settings, and not one valid token is refused, nor one accepted that is not (A063).

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::app::Settings;
use portcullis_domain::audit::Actor;
use portcullis_domain::ports::ambient::{Clock, Randomness};
use portcullis_domain::tokens::KeySchedule;
use portcullis_domain::{App, Timestamp};
use portcullis_memory::{ManualClock, SeededRandomness};

use crate::keys_scene::{BOTH, replica_at, signer_of, with_ttl, world_with_both};
use crate::world::{DAY, HOUR, PASSWORD, SECOND, World, login, origin};

/// A clock that is so many seconds ahead of the one that the test holds.
struct Ahead(Arc<ManualClock>, i64);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_micros(self.0.now().as_unix_micros() + self.1 * 1_000_000)
    }
}

const CLOCKS: [i64; 3] = [-25, 0, 25];

struct Held {
    token: String,
    kid: String,
    until: Timestamp,
}

struct Life {
    world: World,
    dice: SeededRandomness,
    replicas: Vec<App>,
    started: u64,
    held: Vec<Held>,
    revoked: Vec<String>,
    signers: Vec<String>,
}

fn settings(access_ttl: Duration) -> Settings {
    Settings { keys: KeySchedule { every: Some(2 * DAY), ahead: 12 * HOUR }, ..with_ttl(access_ttl) }
}

impl Life {
    async fn new(seed: u64) -> Self {
        let world = world_with_both().await;
        world.register("ann").await;
        let dice = SeededRandomness::new(seed);
        let (held, revoked, signers) = (Vec::new(), Vec::new(), Vec::new());
        Self { world, dice, replicas: Vec::new(), started: 0, held, revoked, signers }
    }

    fn throw(&self, sides: u64) -> u64 {
        let mut bytes = [0; 8];
        self.dice.fill(&mut bytes);
        u64::from_le_bytes(bytes) % sides
    }

    async fn start_all(&mut self, access_ttl: Duration) {
        self.replicas.clear();
        for ahead in CLOCKS {
            self.started += 1;
            let clock = Arc::new(Ahead(self.world.clock.clone(), ahead));
            let app = replica_at(&self.world, 1_000 + self.started, clock, settings(access_ttl));
            app.tokens.open_keys(&BOTH).await.expect("keys");
            self.replicas.push(app);
        }
        self.learn().await;
    }

    async fn learn(&self) {
        for app in &self.replicas {
            app.learn(None).await.expect("all is known");
        }
    }

    /// What the service does by itself, on every replica.
    async fn tick(&self) {
        for app in &self.replicas {
            app.tokens.rotate_if_due().await.expect("next keys");
            app.tokens.destroy_retired().await.expect("retired keys go");
        }
        self.learn().await;
    }

    async fn operate(&mut self) {
        let app = usize::try_from(self.throw(3)).expect("a small number");
        let tokens = &self.replicas[app].tokens;
        match self.throw(24) {
            0 => drop(tokens.rotate(Actor::Operator, &origin()).await.expect("next keys")),
            1 => {
                let keys = tokens.stored_keys().await.expect("keys");
                let kid = keys[usize::try_from(self.throw(keys.len() as u64)).expect("a small number")].kid.clone();
                tokens.revoke_key(&kid, Actor::Operator, &origin()).await.expect("it is revoked");
                self.revoked.push(kid);
            }
            _ => {}
        }
        self.learn().await;
    }

    /// Each replica signs, with a key whose time has come.
    async fn log_in(&mut self) {
        for (app, ahead) in self.replicas.iter().zip(CLOCKS) {
            let pair =
                app.sessions.log_in(login("ann", PASSWORD)).await.expect("there is always a key that signs").pair;
            let token = pair.access_token.expose().to_owned();
            let kid = signer_of(&token);
            let keys = app.tokens.stored_keys().await.expect("keys");
            let key = keys.iter().find(|key| key.kid == kid).expect("the key is stored");
            let now = Ahead(self.world.clock.clone(), ahead).now();
            assert!(key.activates_at <= now, "signed before its time: {key:?} at {now}");
            assert!(!self.revoked.contains(&kid), "signed with a revoked key");
            if self.signers.last() != Some(&kid) {
                self.signers.push(kid.clone());
            }
            self.held.push(Held { token, kid, until: pair.access_expires_at });
        }
    }

    fn check(&mut self) {
        let now = self.world.clock.now();
        self.held.retain(|held| held.until > now.minus(HOUR));
        for (app, ahead) in self.replicas.iter().zip(CLOCKS) {
            let now = Ahead(self.world.clock.clone(), ahead).now();
            for held in &self.held {
                let valid = now < held.until && !self.revoked.contains(&held.kid);
                let accepted = app.tokens.authenticate(&held.token).is_ok();
                assert_eq!(accepted, valid, "by {} at {now}, until {}", held.kid, held.until);
            }
        }
    }
}

#[tokio::test]
async fn keys_come_and_go_and_no_valid_token_is_ever_refused_a063() {
    for seed in [1, 2] {
        let mut life = Life::new(seed).await;
        let mut access_ttl = 9 * HOUR;
        life.start_all(access_ttl).await;
        for step in 1..42 * 6 {
            life.world.clock.advance(4 * HOUR - SECOND * u32::try_from(life.throw(3)).expect("a small number"));
            if life.throw(40) == 0 {
                // A shorter lifetime would refuse tokens that say otherwise.
                access_ttl += 2 * HOUR;
                life.start_all(access_ttl).await;
            }
            life.tick().await;
            life.operate().await;
            life.log_in().await;
            life.check();
            if step % 6 == 0 {
                life.world.events().await;
                let stored = life.world.app.tokens.stored_keys().await.expect("keys").len();
                assert!(stored <= 16, "old keys go: {stored} are stored");
            }
        }
        assert!(life.signers.len() > 12, "keys followed each other: {:?}", life.signers);
        assert!(life.revoked.len() > 5, "and were revoked: {:?}", life.revoked);
    }
}
