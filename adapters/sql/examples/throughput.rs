//! How much the store alone can do: `throughput [tasks] [seconds] [url …]`; without addresses a SQLite file in the
//! temporary folder. The databases are filled: use ones that may be thrown away.

#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use portcullis_domain::Timestamp;
use portcullis_domain::accounts::{AttemptKey, Email, LoginName, PasswordHash, User};
use portcullis_domain::audit::{Action, Actor, AuditEntry};
use portcullis_domain::event::Event;
use portcullis_domain::failure::BoxError;
use portcullis_domain::ids::{SessionId, UserId};
use portcullis_domain::origin::Origin;
use portcullis_domain::ports::accounts::{LoginAccount, LoginLook};
use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::delivery::Outbox;
use portcullis_domain::ports::store::{Effect, Store};
use portcullis_domain::sessions::{RevocationReason, Revoked, Rotated, Rotation, Session, TokenDigest, TokenFamily};
use portcullis_domain::tokens::Scope;
use portcullis_sql::{SqlSettings, SqlStore};

/// Rows a claim.
const BATCH: u32 = 512;

/// Bytes that differ at each call and in each run.
struct Counter(AtomicU64);

impl Randomness for Counter {
    fn fill(&self, buf: &mut [u8]) {
        for chunk in buf.chunks_mut(8) {
            let next = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            for (to, from) in chunk.iter_mut().zip(next.to_le_bytes()) {
                *to = from;
            }
        }
    }
}

struct Bench {
    store: SqlStore,
    random: Arc<Counter>,
    tasks: usize,
    length: Duration,
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut arguments = std::env::args().skip(1);
    let tasks = arguments.next().map_or(Ok(64), |text| text.parse())?;
    let seconds = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let mut urls: Vec<String> = arguments.collect();
    if urls.is_empty() {
        let file = std::env::temp_dir().join(format!("portcullis-throughput-{}.db", std::process::id()));
        urls.push(format!("sqlite://{}", file.display()));
    }
    for url in urls {
        let started = Instant::now();
        let random = Arc::new(Counter(AtomicU64::new(now().as_unix_micros().unsigned_abs())));
        let store = SqlStore::connect(&url, SqlSettings::default(), random.clone()).await?;
        let applied = store.migrate().await?.len();
        let scheme = url.split(':').next().unwrap_or_default();
        println!("{scheme}: ready in {:?}, {applied} migrations applied, {tasks} tasks", started.elapsed());
        let bench = Arc::new(Bench { store, random, tasks, length: Duration::from_secs(seconds) });
        let sessions = bench.fill().await?;
        println!("  rotate + commit            {:>8.0}/s", bench.clone().rotate(sessions).await?);
        bench.logins().await?;
        println!("  session + event + commit   {:>8.0}/s", bench.clone().start_sessions().await?);
        let writers = bench.clone();
        let writing = tokio::spawn(async move { writers.start_sessions().await });
        println!("  claim + done, writers busy {:>8.0}/s", bench.drain().await?);
        println!("  meanwhile the writers      {:>8.0}/s", writing.await??);
        println!("  claim + done, writers idle {:>8.0}/s", bench.drain().await?);
        bench.store.close().await;
    }
    Ok(())
}

fn now() -> Timestamp {
    let time = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Timestamp::UNIX_EPOCH.plus(time)
}

impl Bench {
    /// An account and a session for each task.
    async fn fill(&self) -> Result<Vec<Session>, BoxError> {
        let mut sessions = Vec::new();
        for _ in 0..self.tasks {
            let id = UserId::new(now(), &*self.random);
            let user = User::new(id, None, Email::parse(&format!("{id}@example.com"))?, now());
            let session = self.session(id);
            let mut tx = self.store.begin().await?;
            tx.users().insert(&user).await?;
            tx.sessions().insert(&session).await?;
            tx.commit(now(), Vec::new()).await?;
            sessions.push(session);
        }
        Ok(sessions)
    }

    fn session(&self, user: UserId) -> Session {
        let at = now();
        Session {
            id: SessionId::new(at, &*self.random),
            user,
            client_id: "portcullis".to_owned(),
            scope: Scope::default(),
            authenticated_at: at,
            created_at: at,
            last_seen_at: at,
            idle_expires_at: at.plus(Duration::from_secs(30 * 24 * 3600)),
            expires_at: at.plus(Duration::from_secs(90 * 24 * 3600)),
            revoked: None,
            ip: Some(std::net::Ipv4Addr::LOCALHOST.into()),
            user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".to_owned()),
            impersonation: None,
            family: TokenFamily::new(TokenDigest([0; 32])),
        }
    }

    async fn rotate(self: Arc<Self>, sessions: Vec<Session>) -> Result<f64, BoxError> {
        let started = Instant::now();
        let mut running = Vec::new();
        for mut session in sessions {
            let bench = self.clone();
            running.push(tokio::spawn(async move {
                let mut count = 0_u64;
                while started.elapsed() < bench.length {
                    session = bench.rotate_once(&session).await?;
                    count += 1;
                }
                Ok::<_, BoxError>(count)
            }));
        }
        total(running, started).await
    }

    async fn rotate_once(&self, session: &Session) -> Result<Session, BoxError> {
        let mut successor = TokenDigest([0; 32]);
        self.random.fill(&mut successor.0);
        let rotation = Rotation {
            session: session.id,
            generation: session.family.generation,
            presented: session.family.digest,
            successor,
            at: now(),
            idle_expires_at: now().plus(Duration::from_secs(30 * 24 * 3600)),
            grace: Duration::from_secs(10),
        };
        let mut tx = self.store.begin().await?;
        let Rotated::First(next) = tx.sessions().rotate(&rotation).await? else { return Err("lost a token".into()) };
        tx.commit(rotation.at, Vec::new()).await?;
        Ok(next)
    }

    /// What a login asks of the store, one after the other: without others there is nothing to share a trip with.
    async fn logins(&self) -> Result<(), BoxError> {
        let id = UserId::new(now(), &*self.random);
        let name = LoginName::Email(Email::parse(&format!("{id}@example.com"))?);
        let hash = PasswordHash::new("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$".to_owned());
        let mut tx = self.store.begin().await?;
        tx.users().insert(&User::new(id, None, Email::parse(&format!("{id}@example.com"))?, now())).await?;
        tx.credentials().insert(id, &hash).await?;
        tx.commit(now(), Vec::new()).await?;

        let (started, before) = (Instant::now(), Spent::now());
        let mut count = 0_u64;
        while started.elapsed() < self.length {
            let mut key = AttemptKey([0; 32]);
            self.random.fill(&mut key.0);
            let mut tx = self.store.begin().await?;
            let look = LoginLook { name: &name, key: &key, hidden_after: Some(5) };
            let found = tx.users().for_login(&look).await?.account;
            let Some(LoginAccount { user, password: Some(password) }) = found else {
                return Err("lost an account".into());
            };
            // It is over when the next one begins, so that the account keeps few sessions.
            let over = Some(Revoked { at: now(), reason: RevocationReason::Logout });
            let session = Session { revoked: over, ..self.session(user.id) };
            let event = Event::SessionStarted {
                user_id: session.user,
                session_id: session.id,
                ip: session.ip,
                user_agent: session.user_agent.clone(),
            };
            let origin = Origin { ip: session.ip, user_agent: session.user_agent.clone(), ..Origin::default() };
            let mut tx = self.store.begin().await?;
            tx.sessions().start_with_commit(&session, &password, 100).await?;
            let entry = AuditEntry::new(now(), &*self.random, Actor::User(user.id), Action::LogIn, &origin);
            tx.audit().append(entry.on(user.id).in_session(session.id)).await?;
            tx.commit(now(), vec![Effect::Publish { event, traceparent: None, webhooks: Vec::new() }]).await?;
            count += 1;
        }
        let spent = Spent::now();
        let each =
            |spent: u64, before: u64| f64::from(u32::try_from(spent - before).unwrap_or(u32::MAX)) / count as f64;
        println!("  login, one by one          {:>8.0}/s", rate(count, started));
        println!("    of CPU time              {:>8.0} us", each(spent.micros, before.micros));
        println!("    waits of a thread        {:>8.1}", each(spent.waits, before.waits));
        Ok(())
    }

    async fn start_sessions(self: Arc<Self>) -> Result<f64, BoxError> {
        let users = self.fill().await?;
        let started = Instant::now();
        let mut running = Vec::new();
        for user in users {
            let bench = self.clone();
            running.push(tokio::spawn(async move {
                let mut count = 0_u64;
                while started.elapsed() < bench.length {
                    let session = bench.session(user.user);
                    let event = Event::SessionStarted {
                        user_id: session.user,
                        session_id: session.id,
                        ip: session.ip,
                        user_agent: session.user_agent.clone(),
                    };
                    let mut tx = bench.store.begin().await?;
                    tx.sessions().insert(&session).await?;
                    tx.commit(now(), vec![Effect::Publish { event, traceparent: None, webhooks: Vec::new() }]).await?;
                    count += 1;
                }
                Ok::<_, BoxError>(count)
            }));
        }
        total(running, started).await
    }

    /// Until nothing is left, or the time is over.
    async fn drain(&self) -> Result<f64, BoxError> {
        let started = Instant::now();
        let mut count = 0;
        while started.elapsed() < self.length {
            let claimed = self.store.claim(BATCH, now(), Duration::from_secs(20)).await?;
            if claimed.is_empty() {
                break;
            }
            let ids: Vec<_> = claimed.iter().map(|delivery| delivery.id).collect();
            self.store.done(&ids).await?;
            count += ids.len();
        }
        Ok(rate(u64::try_from(count)?, started))
    }
}

/// What the process has used up, as far as the system tells.
#[derive(Clone, Copy, Default)]
struct Spent {
    micros: u64,
    waits: u64,
}

impl Spent {
    fn now() -> Self {
        let mut spent = Self::default();
        for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
            let file = |name| std::fs::read_to_string(task.path().join(name)).unwrap_or_default();
            let nanos = file("schedstat").split(' ').next().and_then(|text| text.parse::<u64>().ok());
            spent.micros += nanos.unwrap_or_default() / 1_000;
            let status = file("status");
            let waits = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            spent.waits += waits.and_then(|text| text.trim().parse::<u64>().ok()).unwrap_or_default();
        }
        spent
    }
}

async fn total(
    running: Vec<tokio::task::JoinHandle<Result<u64, BoxError>>>,
    started: Instant,
) -> Result<f64, BoxError> {
    let mut count = 0;
    for task in running {
        count += task.await??;
    }
    Ok(rate(count, started))
}

fn rate(count: u64, started: Instant) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / started.elapsed().as_secs_f64()
}
