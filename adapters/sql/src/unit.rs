//! A unit of work.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::audit::AuditEntry;
use portcullis_domain::ports::access::{ApiKeyRepository, OneTimeTokenRepository, RoleRepository};
use portcullis_domain::ports::accounts::{AttemptRepository, CredentialRepository, UserRepository};
use portcullis_domain::ports::audit::AuditRepository;
use portcullis_domain::ports::clients::ClientRepository;
use portcullis_domain::ports::sessions::{RevocationRepository, SessionRepository};
use portcullis_domain::ports::stats::StatsRepository;
use portcullis_domain::ports::store::{Effect, StoreError, Tx};
use portcullis_domain::ports::tokens::KeyRepository;
use portcullis_domain::ports::webhooks::WebhookRepository;
use sea_orm::{ConnectionTrait, Statement};

use crate::error::{at, store_error};
use crate::last;
use crate::link::{Kind, Link};
use crate::store::Shared;

/// A unit of work: it reads where everybody reads until it writes, then in its own transaction or turn.
///
/// Each call takes the link out and puts it back when it has succeeded. So after a failure, or when a call is given up
/// half-way, there is none: the work is rolled back by dropping the link, and later calls are refused.
pub(crate) struct Unit {
    shared: Arc<Shared>,
    link: Option<Link>,
    /// What the audit trail gets at the commit.
    entries: Vec<AuditEntry>,
    /// What is run before it.
    late: Vec<Statement>,
}

impl Unit {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let link = Some(shared.reading());
        Self { shared, link, entries: Vec::new(), late: Vec::new() }
    }

    /// The link for a read.
    pub(crate) fn reading(&mut self) -> Result<Link, StoreError> {
        self.link.take().ok_or(StoreError::Closed)
    }

    /// The link for a write, or for a read that has to hold until the end.
    pub(crate) async fn writing(&mut self) -> Result<Link, StoreError> {
        let link = self.reading()?;
        if link.is_writing() { Ok(link) } else { self.shared.writing().await.map_err(store_error) }
    }

    /// The link for the use of a refresh token.
    pub(crate) fn rotating(&mut self) -> Result<Link, StoreError> {
        let link = self.reading()?;
        Ok(if link.is_writing() { link } else { self.shared.rotating() })
    }

    /// Keeps an entry of the audit trail for the commit.
    pub(crate) fn note(&mut self, entry: AuditEntry) -> Result<(), StoreError> {
        if self.link.is_none() {
            return Err(StoreError::Closed);
        }
        self.entries.push(entry);
        Ok(())
    }

    /// Keeps a statement for the commit.
    pub(crate) fn run_late(&mut self, statement: Statement) {
        self.late.push(statement);
    }

    /// Puts the link back after a success.
    pub(crate) fn keep(&mut self, link: Link) {
        self.link = Some(link);
    }
}

#[async_trait]
impl Tx for Unit {
    fn users(&mut self) -> &mut dyn UserRepository {
        self
    }

    fn credentials(&mut self) -> &mut dyn CredentialRepository {
        self
    }

    fn sessions(&mut self) -> &mut dyn SessionRepository {
        self
    }

    fn revocations(&mut self) -> &mut dyn RevocationRepository {
        self
    }

    fn attempts(&mut self) -> &mut dyn AttemptRepository {
        self
    }

    fn audit(&mut self) -> &mut dyn AuditRepository {
        self
    }

    fn keys(&mut self) -> &mut dyn KeyRepository {
        self
    }

    fn clients(&mut self) -> &mut dyn ClientRepository {
        self
    }

    fn roles(&mut self) -> &mut dyn RoleRepository {
        self
    }

    fn api_keys(&mut self) -> &mut dyn ApiKeyRepository {
        self
    }

    fn one_time_tokens(&mut self) -> &mut dyn OneTimeTokenRepository {
        self
    }

    fn stats(&mut self) -> &mut dyn StatsRepository {
        self
    }

    fn webhooks(&mut self) -> &mut dyn WebhookRepository {
        self
    }

    async fn commit(mut self: Box<Self>, at: Timestamp, effects: Vec<Effect>) -> Result<(), StoreError> {
        let announces = !effects.is_empty();
        let writes = announces || !self.entries.is_empty() || !self.late.is_empty();
        let link = if writes { self.writing().await? } else { self.reading()? };
        let mut statements = self.late;
        statements.extend(last::statements(
            link.get_database_backend(),
            at,
            &self.entries,
            effects,
            &*self.shared.random,
        )?);
        finish(link, statements).await?;
        if announces {
            self.shared.announced.store(true, Ordering::SeqCst);
            self.shared.committed.notify_one();
        }
        Ok(())
    }
}

/// Runs the last statements of a unit and makes all of it true.
pub(crate) async fn finish(link: Link, last: Vec<Statement>) -> Result<(), StoreError> {
    let (kind, address) = link.into_parts();
    let outcome = match kind {
        Kind::Turn(turn) => turn.commit(last).await,
        Kind::Transaction(transaction) => crate::postgres::commit(transaction, last).await,
        // Nothing was written.
        Kind::Pool(_) | Kind::Readers(_) | Kind::Turns(_) => Ok(()),
    };
    outcome.map_err(|error| store_error(at(&address, error)))
}

/// Runs the last statement of a unit, makes all of it true, and gives the rows that it found.
pub(crate) async fn finish_with_rows(link: Link, last: Statement) -> Result<Vec<sea_orm::QueryResult>, StoreError> {
    let (kind, address) = link.into_parts();
    let outcome = match kind {
        Kind::Turn(turn) => turn.query_last(last).await,
        Kind::Transaction(transaction) => match transaction.query_all_raw(last).await {
            Ok(rows) => transaction.commit().await.map(|()| rows),
            Err(error) => Err(error),
        },
        Kind::Pool(pool) => pool.query_all(last).await,
        Kind::Readers(readers) => readers.query_all(last).await,
        Kind::Turns(turns) => turns.take().query_last(last).await,
    };
    outcome.map_err(|error| store_error(at(&address, error)))
}
