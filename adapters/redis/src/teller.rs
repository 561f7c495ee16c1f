//! Tells other replicas what was revoked here, and reads what they left in Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use portcullis_domain::Timestamp;
use portcullis_domain::ids::GrantId;
use portcullis_domain::ports::ambient::Clock;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::board::Part;
use crate::cause::Cause;
use crate::connect::PATIENCE;
use crate::heard::Heard;
use crate::link::{Link, Phase, Shared, reached};
use crate::own::Own;

/// How often everything is read, and what is ours put there again.
const READ_EVERY: Duration = Duration::from_secs(30);

/// How often to look whether Redis was emptied, which is healed at once.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How long to leave a Redis alone that refuses.
const AFTER_REFUSAL: Duration = Duration::from_secs(1);

/// How many revocations go into one command or one message.
const CHUNK: usize = 500;

/// How long a revocation stays after it has ceased to matter: the clocks of replicas may differ by so much.
const SLACK: Duration = Duration::from_secs(3_600);

/// How long the sorted set outlives the last replica, in milliseconds.
const KEY_LIFETIME: u64 = 2 * 86_400_000;

/// Asks the teller to read everything.
#[derive(Default)]
pub(crate) struct Request {
    made: AtomicBool,
    news: Notify,
}

impl Request {
    pub(crate) fn make(&self) {
        self.made.store(true, Ordering::SeqCst);
        self.news.notify_one();
    }

    fn take(&self) -> bool {
        self.made.swap(false, Ordering::SeqCst)
    }
}

/// Writes and reads revocations.
pub(crate) struct Teller {
    pub(crate) shared: Arc<Shared>,
    pub(crate) own: Arc<Own>,
    pub(crate) heard: Arc<Heard>,
    pub(crate) request: Arc<Request>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Teller {
    /// Works until the adapter leaves, and tells the last news.
    pub(crate) async fn run(self, mut phase: watch::Receiver<Phase>) {
        tokio::select! {
            () = reached(&mut phase, Phase::Leaving) => {}
            () = self.work() => {}
        }
        if let Some(mut link) = self.shared.link()
            && let Err(cause) = self.tell(&mut link.connection).await
        {
            tracing::warn!(reason = %cause, "the last revocations were not told; others learn them from the database");
        }
    }

    async fn work(&self) {
        let mut links = self.shared.links();
        let (mut read_on, mut due, mut look) = (0, Instant::now(), Instant::now());
        loop {
            if links.borrow().is_none() {
                self.shared.board.expect(Part::Revocations, "revocations have not been read since the last connection");
            }
            let link = links.wait_for(Option::is_some).await.map(|link| link.clone());
            let Ok(Some(link)) = link else { return };
            let mut all = self.request.take() || link.number != read_on || Instant::now() >= due;
            if !all && Instant::now() >= look {
                look = Instant::now() + LOOK_EVERY;
                all = self.is_emptied(&link).await;
            }
            match self.exchange(&link, all).await {
                Ok(()) if all => (read_on, due) = (link.number, Instant::now() + READ_EVERY),
                Ok(()) => {}
                Err(cause) => {
                    self.failed(&link, &cause);
                    sleep(if cause.is_refusal() { AFTER_REFUSAL } else { Duration::ZERO }).await;
                    continue;
                }
            }
            tokio::select! {
                () = self.own.news() => {}
                () = self.request.news.notified() => {}
                _ = links.changed() => {}
                () = sleep_until(due.min(look)) => {}
            }
        }
    }

    /// Tells the news and, if `all`, reads what there is.
    async fn exchange(&self, link: &Link, all: bool) -> Result<(), Cause> {
        let mut connection = link.connection.clone();
        if all {
            self.clear(&mut connection).await?;
        }
        self.tell(&mut connection).await?;
        if all {
            self.keep(&mut connection).await?;
            self.read(&mut connection).await?;
            self.tidy(&mut connection).await?;
            self.shared.board.works(Part::Revocations);
        }
        Ok(())
    }

    /// The next exchange is about everything.
    fn failed(&self, link: &Link, cause: &Cause) {
        self.request.make();
        self.shared.board.fails(Part::Revocations, cause);
        if !cause.is_refusal() {
            self.shared.lost(link.number, cause);
        }
    }

    /// Whether what is ours has vanished. No answer is no sign of it; the next exchange shows what is the matter.
    async fn is_emptied(&self, link: &Link) -> bool {
        let mut connection = link.connection.clone();
        let key = self.shared.plan.revocations_key();
        !self.own.is_empty() && matches!(self.ask(&mut connection, redis::cmd("EXISTS").arg(key)).await, Ok(0_u8))
    }

    /// Whatever else is under our name makes way: it is of no use to anybody.
    async fn clear(&self, connection: &mut MultiplexedConnection) -> Result<(), Cause> {
        let key = self.shared.plan.revocations_key();
        let kind: String = self.ask(connection, redis::cmd("TYPE").arg(&key)).await?;
        if kind != "zset" && kind != "none" {
            tracing::warn!(
                key,
                kind,
                "the revocations in Redis were overwritten by somebody else; they are put there again"
            );
            let _removed: u64 = self.ask(connection, redis::cmd("DEL").arg(&key)).await?;
        }
        Ok(())
    }

    /// Leaves and announces what is untold.
    async fn tell(&self, connection: &mut MultiplexedConnection) -> Result<(), Cause> {
        let untold = self.own.take_untold();
        self.put(connection, untold.batch(), true).await?;
        untold.told();
        Ok(())
    }

    /// Leaves what is ours once more.
    async fn keep(&self, connection: &mut MultiplexedConnection) -> Result<(), Cause> {
        self.put(connection, &self.own.all(), false).await
    }

    async fn put(
        &self,
        connection: &mut MultiplexedConnection,
        batch: &[(GrantId, Timestamp)],
        announce: bool,
    ) -> Result<(), Cause> {
        let (key, channel) = (self.shared.plan.revocations_key(), self.shared.plan.revocations_channel());
        for chunk in batch.chunks(CHUNK) {
            let mut pipeline = Pipeline::new();
            // GT: a later instant stays (Redis 6.2).
            pipeline.cmd("ZADD").arg(&key).arg("GT");
            let mut lines = Vec::new();
            for (grant, until) in chunk {
                pipeline.arg(until.as_unix_micros()).arg(grant.to_string());
                lines.push(format!("{grant} {}", until.as_unix_micros()));
            }
            pipeline.ignore();
            if announce {
                pipeline.cmd("PUBLISH").arg(&channel).arg(lines.join("\n")).ignore();
            }
            self.shared.answer(PATIENCE, pipeline.exec_async(connection)).await?;
        }
        Ok(())
    }

    /// Reads all members; those that are there all the time are met at least once.
    async fn read(&self, connection: &mut MultiplexedConnection) -> Result<(), Cause> {
        let key = self.shared.plan.revocations_key();
        let mut cursor = 0_u64;
        loop {
            let (next, members): (u64, Vec<(Vec<u8>, f64)>) =
                self.ask(connection, redis::cmd("ZSCAN").arg(&key).arg(cursor).arg("COUNT").arg(2 * CHUNK)).await?;
            for (member, score) in members {
                self.heard.member(&member, score);
            }
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
    }

    /// Removes what matters to nobody.
    async fn tidy(&self, connection: &mut MultiplexedConnection) -> Result<(), Cause> {
        let key = self.shared.plan.revocations_key();
        let over = self.clock.now().minus(SLACK).as_unix_micros();
        let mut pipeline = Pipeline::new();
        pipeline.cmd("ZREMRANGEBYSCORE").arg(&key).arg("-inf").arg(over).ignore();
        pipeline.cmd("PEXPIRE").arg(&key).arg(KEY_LIFETIME).ignore();
        self.shared.answer(PATIENCE, pipeline.exec_async(connection)).await
    }

    async fn ask<T: redis::FromRedisValue>(
        &self,
        connection: &mut MultiplexedConnection,
        command: &Cmd,
    ) -> Result<T, Cause> {
        self.shared.answer(PATIENCE, command.query_async(connection)).await
    }
}
