//! A large database beside a nearly empty one: the same questions to both, in turns, on the same machine.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Plan;
use crate::closed::Measured;
use crate::place::{Place, variable};
use crate::plans::Watch;
use crate::populate::{Population, connect, populate};
use crate::seed::{self, PASSWORD, Tokens};
use crate::service::{Service, Settings, binary};
use crate::table::{Table, Target, tell};
use crate::wire::{JSON, Wire, request, text};

/// How often each question is asked, of each database.
const ASKED: usize = 1_000;
/// The largest ratio of the p99 that is fine.
const RATIO: f64 = 2.0;
/// The administrator, whose password all accounts share.
const ADMIN: &str = "admin@example.com";

/// One of the two databases, with a service on it.
struct Side {
    place: Place,
    service: Service,
    wire: Wire,
    token: String,
    users: u32,
    admin: String,
}

impl Side {
    async fn new(population: Population) -> Self {
        let place = Place::postgres().await;
        let settings = Settings::on(&place).with_cheap_passwords().with("PORTCULLIS__LIMITS__MANAGE", "off");
        let service = settings.start().await;
        let mut child = Command::new(binary())
            .args(["admin", "create-user", "--email", ADMIN, "--role", "admin", "--password-stdin"])
            .env_clear()
            .envs(settings.vars())
            .current_dir(place.dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let mut input = child.stdin.take().expect("a pipe");
        writeln!(input, "{PASSWORD}").expect("the child reads");
        drop(input);
        assert!(child.wait().expect("the child ends").success(), "the administrator was not created");
        let mut wire = Wire::to(&service.address).await.expect("the service accepts");
        let token = log_in(&mut wire, ADMIN).await.access;
        let mut side = Self { place, service, wire, token, users: population.users, admin: String::new() };
        let role = r#"{"name":"support","description":"","permissions":["users:read"]}"#;
        side.call("POST", "/api/v1/roles", JSON, role).await;
        let me = side.call("GET", "/api/v1/me", "", "").await;
        side.admin = text(me.as_bytes(), "id").expect("an id").to_owned();
        populate(&side.place.url(), population, ADMIN).await;
        side
    }

    /// A fresh connection: the one before was idle for too long.
    async fn reconnect(&mut self) {
        self.wire = Wire::to(&self.service.address).await.expect("the service accepts");
    }

    /// Asks as the administrator, and returns the body.
    async fn call(&mut self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let mut out = Vec::new();
        request(&mut out, method, path, &format!("authorization: Bearer {}\r\n{headers}", self.token), body);
        let reply = self.wire.call(&out).await.expect("the service answers");
        let said = String::from_utf8_lossy(reply.body).into_owned();
        assert!((200..300).contains(&reply.status), "{method} {path}: {} {said}", reply.status);
        said
    }

    /// A number out of those of the accounts, another one for each `turn`.
    fn number(&self, turn: usize) -> u32 {
        let turn = u32::try_from(turn).expect("few turns");
        1 + turn.wrapping_mul(2_654_435_761) % self.users
    }

    async fn end(self) {
        self.service.kill();
        self.place.remove().await;
    }
}

async fn log_in(wire: &mut Wire, login: &str) -> Tokens {
    let mut out = Vec::new();
    let body = format!(r#"{{"login":"{login}","password":"{PASSWORD}"}}"#);
    request(&mut out, "POST", "/api/v1/auth/login", JSON, &body);
    let reply = wire.call(&out).await.expect("the service answers");
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(reply.body));
    Tokens::of(reply.body).expect("tokens")
}

/// What is asked, and how the path depends on the side and the turn.
type Question = (&'static str, fn(&Side, usize) -> String);

const QUESTIONS: [Question; 14] = [
    ("list", |_, _| "/api/v1/users?limit=50".to_owned()),
    ("list, newest first", |_, _| "/api/v1/users?limit=50&sort=-created_at".to_owned()),
    ("list by e-mail", |_, _| "/api/v1/users?limit=50&sort=email".to_owned()),
    ("list, disabled", |_, _| "/api/v1/users?limit=50&status=disabled".to_owned()),
    ("list by role", |_, _| "/api/v1/users?limit=50&role=support".to_owned()),
    ("search e-mail", |side, turn| format!("/api/v1/users?email=load{}", side.number(turn))),
    ("search username", |side, turn| format!("/api/v1/users?username=load{}", side.number(turn))),
    ("audit", |_, _| "/api/v1/audit?limit=50".to_owned()),
    ("audit by subject", |side, _| format!("/api/v1/audit?limit=50&subject={}", side.admin)),
    ("audit by actor", |side, _| format!("/api/v1/audit?limit=50&actor=user:{}", side.admin)),
    ("audit, logins", |_, _| "/api/v1/audit?limit=50&action=session.login".to_owned()),
    ("audit, registrations", |_, _| "/api/v1/audit?limit=50&action=account.register".to_owned()),
    // Of which there are none.
    ("audit, tokens of clients", |_, _| "/api/v1/audit?limit=50&action=token.grant".to_owned()),
    ("audit, roles", |_, _| "/api/v1/audit?limit=50&action=role.create".to_owned()),
];

/// `scale`, with 1,000,000 accounts, or as many thousands as `PORTCULLIS_BENCH_THOUSANDS` says.
pub(crate) async fn run(plan: &Plan, table: &mut Table) {
    if !plan.wants("scale") {
        return;
    }
    let thousands = variable("PORTCULLIS_BENCH_THOUSANDS").and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let begun = Instant::now();
    let mut small = Side::new(Population { users: 100, sessions_each: 5, audit_each: 3 }).await;
    let mut large = Side::new(Population { users: thousands * 1_000, sessions_each: 5, audit_each: 3 }).await;
    small.reconnect().await;
    large.reconnect().await;
    tell(&format!("{thousands},000 accounts after {:.0} s", begun.elapsed().as_secs_f64()));
    for (name, path) in QUESTIONS {
        let (mut near, mut far) = (Vec::with_capacity(ASKED), Vec::with_capacity(ASKED));
        let watch = Watch::begin(connect(&large.place.url()).await).await;
        for turn in 0..ASKED + 20 {
            for (side, latencies) in [(&mut small, &mut near), (&mut large, &mut far)] {
                let path = path(side, turn);
                let asked = Instant::now();
                side.call("GET", &path, "", "").await;
                // The first ones fill caches.
                if turn >= 20 {
                    latencies.push(asked.elapsed());
                }
            }
        }
        report(table, name, near, far, watch).await;
    }
    logins(table, &mut small, &mut large).await;
    small.end().await;
    large.end().await;
}

async fn logins(table: &mut Table, small: &mut Side, large: &mut Side) {
    let (mut near, mut far) = (Vec::with_capacity(ASKED), Vec::with_capacity(ASKED));
    let watch = Watch::begin(connect(&large.place.url()).await).await;
    let mut out = Vec::new();
    for turn in 0..ASKED + 20 {
        for (side, latencies) in [(&mut *small, &mut near), (&mut *large, &mut far)] {
            // The disabled ones are multiples of 1,000.
            let number = side.number(turn);
            seed::login(&mut out, usize::try_from(if number % 1_000 == 0 { 1 } else { number }).expect("a number"));
            let asked = Instant::now();
            let status = side.wire.call(&out).await.expect("the service answers").status;
            assert_eq!(status, 200, "a login of account {number}");
            if turn >= 20 {
                latencies.push(asked.elapsed());
            }
        }
    }
    report(table, "login", near, far, watch).await;
}

async fn report(table: &mut Table, name: &str, near: Vec<Duration>, far: Vec<Duration>, watch: Watch) {
    let whole = Duration::from_secs(1);
    let (near, far) = (Measured::of(near, 0, whole), Measured::of(far, 0, whole));
    let (plans, scanned) = watch.end().await;
    for plan in plans {
        tell(&format!("  {name}: {plan}"));
    }
    let notes = format!(
        "p99 {:.2} ms against {:.2} ms, p50 {:.2} against {:.2}, whole tables read {scanned} times",
        far.ms(99.0),
        near.ms(99.0),
        far.ms(50.0),
        near.ms(50.0),
    );
    table.add(&format!("scale: {name}"), far.ms(99.0) / near.ms(99.0), "×", Target::AtMost(RATIO), &notes);
}
