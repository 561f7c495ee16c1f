//! SIGKILL under load, again and again: nothing that was acknowledged may be missing, and nothing told that never was.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, Statement};

use crate::account::{Account, Operation};
use crate::api::{Api, Tokens};
use crate::broker::Broker;
use crate::client::Client;
use crate::judge::{Verdict, judge};
use crate::place::{Place, connect};
use crate::random::Random;
use crate::service::{Service, Settings};
use crate::settle::{Settled, settle, verify};
use crate::story::Story;
use crate::surroundings::variable;

const CLIENTS: u64 = 24;
/// The fewest answers of a cycle, unless the machine takes too long for them.
const ANSWERS: u64 = 2 * CLIENTS;
/// I10.
const READY_WITHIN: Duration = Duration::from_secs(2);
/// I2.
const EVENTS_WITHIN: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn kill_nine_loses_nothing_on_sqlite() {
    kill_nine(Place::sqlite(), cycles().div_ceil(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_nine_loses_nothing_on_postgres() {
    kill_nine(Place::postgres().await, cycles() / 2).await;
}

/// `PORTCULLIS_KILL_CYCLES`, in all.
fn cycles() -> u32 {
    variable("PORTCULLIS_KILL_CYCLES").map_or(50, |text| text.parse().expect("a number of cycles"))
}

async fn kill_nine(place: Place, planned: u32) {
    let broker = Broker::fresh().await;
    let settings = Settings::on(&place)
        .publishing_to(&broker)
        .with("PORTCULLIS__EVENTS__ANNOUNCE_REFRESHES", "true")
        .with("PORTCULLIS__TOKENS__ACCESS_TTL", "24h")
        .with("PORTCULLIS__SESSIONS__REUSE_GRACE", "60s");
    let seed = Random::seed_from("PORTCULLIS_KILL_SEED");
    let mut run = Run::new(seed, &place);
    while run.cycles < planned {
        run.cycle(&settings, &place).await;
    }
    let service = run.finish(&settings, &place).await;
    let verdict = run.await_events(&broker).await;
    service.stop().await;
    let violations = run.report(&place, &verdict);
    assert_eq!(run.cycles, planned, "fewer cycles ran than planned");
    assert!(violations.is_empty(), "seed {seed}: {} violations:\n{}", violations.len(), violations.join("\n"));
}

struct Run {
    seed: u64,
    random: Random,
    clients: Vec<Client>,
    cycles: u32,
    killed_starts: u32,
    settled: BTreeMap<(&'static str, bool), u64>,
    starts: Vec<Duration>,
    violations: Vec<String>,
}

impl Run {
    fn new(seed: u64, place: &Place) -> Self {
        Self {
            seed,
            random: Random::seeded(seed),
            clients: (0..CLIENTS).map(|number| Client::new(number, seed, place.dir())).collect(),
            cycles: 0,
            killed_starts: 0,
            settled: BTreeMap::new(),
            starts: Vec::new(),
            violations: Vec::new(),
        }
    }

    /// Start, settle what the last crash left open, load, SIGKILL.
    async fn cycle(&mut self, settings: &Settings, place: &Place) {
        if self.cycles.is_multiple_of(5) {
            // K7, K14: also in the middle of a start, the very first one included.
            let mut starting = settings.spawn();
            tokio::time::sleep(self.random.millis(1, 80)).await;
            starting.kill();
            self.killed_starts += 1;
        }
        let mut service = self.start(settings, place).await;
        let api = Api::at(&service.url);
        self.settle_and_verify(&api, false).await;

        let answered = AtomicU64::new(0);
        let moment = self.random.millis(100, 900);
        let clients = std::mem::take(&mut self.clients);
        let work = join_all(clients.into_iter().map(|client| client.work(api.clone(), &answered)));
        let death = async {
            tokio::time::sleep(moment).await;
            // On a busy machine that may have been the time of a few answers only.
            let patience = Instant::now() + Duration::from_secs(5);
            while answered.load(Ordering::Relaxed) < ANSWERS && Instant::now() < patience {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            service.kill();
        };
        let (clients, ()) = tokio::join!(work, death);
        self.clients = clients;
        self.cycles += 1;
        if let Some(file) = place.file() {
            self.check_file(place, &file).await;
        }
    }

    async fn start(&mut self, settings: &Settings, place: &Place) -> Service {
        let service = settings.start().await;
        self.starts.push(service.ready_after);
        place.until_left_alone_by_the_dead(service.started()).await;
        service
    }

    async fn settle_and_verify(&mut self, api: &Api, everything: bool) {
        let clients = std::mem::take(&mut self.clients);
        let checked = clients.into_iter().map(|mut client| async move {
            let mut settled = Vec::new();
            for account in client.accounts.iter_mut().filter(|account| everything || account.touched) {
                if let Err(violation) = check(api, account, &mut settled).await {
                    account.open = false;
                    account.touched = false;
                    client.violations.push(violation);
                }
            }
            (client, settled)
        });
        for (client, settled) in join_all(checked).await {
            self.clients.push(client);
            for (name, outcome) in settled {
                *self.settled.entry((name, outcome == Settled::Done)).or_default() += 1;
            }
        }
    }

    /// I9, on a copy, so that the service itself recovers what the crash left.
    async fn check_file(&mut self, place: &Place, file: &std::path::Path) {
        let copy = place.dir().join("copy.db");
        for suffix in ["", "-wal"] {
            let part = |path: &std::path::Path| format!("{}{suffix}", path.display());
            match std::fs::copy(part(file), part(&copy)) {
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && !suffix.is_empty() => {}
                Err(error) => panic!("the database cannot be copied: {error}"),
            }
        }
        let connection = connect(&format!("sqlite://{}", copy.display())).await;
        for (pragma, fine) in [("PRAGMA integrity_check", vec!["ok".to_owned()]), ("PRAGMA foreign_key_check", vec![])]
        {
            let statement = Statement::from_string(connection.get_database_backend(), pragma);
            let rows = connection.query_all_raw(statement).await.expect("the copy can be read");
            let said: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).expect("a text")).collect();
            if said != fine {
                self.violations.push(format!("I9: {pragma}: {said:?}"));
            }
        }
        connection.close().await.expect("the copy closes");
        for suffix in ["", "-wal", "-shm"] {
            // The last connection has removed what it could.
            let _gone = std::fs::remove_file(format!("{}{suffix}", copy.display()));
        }
    }

    /// I1, I6, I7 over everything: a last crash between a rotation and the reuse of the old token, then a look at
    /// every account.
    async fn finish(&mut self, settings: &Settings, place: &Place) -> Service {
        let mut service = self.start(settings, place).await;
        let api = Api::at(&service.url);
        self.settle_and_verify(&api, false).await;
        let mut stolen = Vec::new();
        for (number, client) in self.clients.iter_mut().enumerate() {
            let usable = |account: &Account| account.open && !account.live.is_empty();
            let Some(index) = client.accounts.iter().position(usable) else { continue };
            let old = client.accounts[index].live[0].clone();
            assert!(client.ask(&api, index, Operation::Refresh(old.session.clone())).await, "a refresh is answered");
            stolen.push((number, index, old));
        }
        service.kill();

        let settings = settings.clone().with("PORTCULLIS__SESSIONS__REUSE_GRACE", "1s");
        let service = self.start(&settings, place).await;
        let api = Api::at(&service.url);
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        for (number, index, old) in stolen {
            self.reuse(&api, number, index, &old).await;
        }
        self.settle_and_verify(&api, true).await;
        self.refresh_everything(&api).await;
        service
    }

    /// I6, A069, B13: the old token is refused, and takes the family with it.
    async fn reuse(&mut self, api: &Api, number: usize, index: usize, old: &Tokens) {
        let client = &mut self.clients[number];
        let account = &mut client.accounts[index];
        let Some(newest) = account.live.iter().find(|tokens| tokens.session == old.session).cloned() else { return };
        let statuses = [api.refresh(&old.refresh).await.status, api.refresh(&newest.refresh).await.status];
        if statuses != [401, 401] {
            client
                .violations
                .push(format!("I6: {}: old and live token after reuse: {statuses:?}", account.story.email));
        }
        account.story.tell("session.reuse_detected", &old.session);
        account.ended(&old.session);
    }

    /// I1: every live session goes on.
    async fn refresh_everything(&mut self, api: &Api) {
        for client in &mut self.clients {
            let sessions: Vec<(usize, String)> = client
                .accounts
                .iter()
                .enumerate()
                .filter(|(_, account)| account.open)
                .flat_map(|(index, account)| account.live.iter().map(move |held| (index, held.session.clone())))
                .collect();
            for (index, session) in sessions {
                if client.accounts[index].open {
                    client.ask(api, index, Operation::Refresh(session)).await;
                }
            }
        }
    }

    fn stories(&self) -> Vec<Story> {
        self.clients.iter().flat_map(|client| &client.accounts).map(|account| account.story.clone()).collect()
    }

    /// Waits until no event is missing, then a moment longer for what should not come.
    async fn await_events(&self, broker: &Broker) -> Verdict {
        let stories = self.stories();
        let deadline = Instant::now() + EVENTS_WITHIN;
        while !judge(&stories, &broker.received()).lost.is_empty() && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        judge(&stories, &broker.received())
    }

    #[expect(clippy::print_stdout, reason = "the figures of a run are its result")]
    fn report(&self, place: &Place, verdict: &Verdict) -> Vec<String> {
        let mut acknowledged: BTreeMap<&str, u64> = BTreeMap::new();
        let mut violations = self.violations.clone();
        for client in &self.clients {
            violations.extend(client.violations.iter().cloned());
            for (name, count) in &client.acknowledged {
                *acknowledged.entry(name).or_default() += count;
            }
        }
        violations.extend(verdict.violations());
        let mut starts = self.starts.clone();
        starts.sort();
        let (usual, slowest) = (starts[starts.len() / 2], starts[starts.len() - 1]);
        // A busy machine may delay one start; it does not delay the half of them.
        if usual > READY_WITHIN {
            violations.push(format!("I10: usually ready only after {usual:?}"));
        }
        let unanswered: u64 = self.settled.values().sum();
        let done: u64 = self.settled.iter().filter(|((_, done), _)| *done).map(|(_, count)| count).sum();
        let turned_away: u64 = self.clients.iter().map(|client| client.turned_away).sum();
        println!(
            "kill -9 on {}: seed {}, {} cycles and {} interrupted starts; {} operations acknowledged {acknowledged:?}, \
             {unanswered} unanswered ({done} were done), {turned_away} turned away; {} events, {} duplicates; ready after {usual:?}, at most {slowest:?}; {} violations",
            place.kind(),
            self.seed,
            self.cycles,
            self.killed_starts,
            acknowledged.values().sum::<u64>(),
            verdict.distinct,
            verdict.duplicates,
            violations.len(),
        );
        violations
    }
}

async fn check(api: &Api, account: &mut Account, settled: &mut Vec<(&'static str, Settled)>) -> Result<(), String> {
    if let Some(name) = account.pending.as_ref().map(Operation::name) {
        settled.push((name, settle(api, account).await?));
    }
    verify(api, account).await
}
