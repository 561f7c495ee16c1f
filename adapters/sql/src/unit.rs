//! A unit of work.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::ports::accounts::{CredentialRepository, UserRepository};
use portcullis_domain::ports::sessions::{RevocationRepository, SessionRepository};
use portcullis_domain::ports::store::{Effect, StoreError, Tx};
use portcullis_domain::ports::tokens::KeyRepository;

use crate::error::{at, store_error};
use crate::link::{Kind, Link};
use crate::outbox;
use crate::store::Shared;

/// A unit of work: it reads where everybody reads until it writes, then in its own transaction or turn.
///
/// Each call takes the link out and puts it back when it has succeeded. So after a failure, or when a call is given up
/// half-way, there is none: the work is rolled back by dropping the link, and later calls are refused.
pub(crate) struct Unit {
    shared: Arc<Shared>,
    link: Option<Link>,
}

impl Unit {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let link = Some(shared.reading());
        Self { shared, link }
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

    fn keys(&mut self) -> &mut dyn KeyRepository {
        self
    }

    async fn commit(mut self: Box<Self>, at: Timestamp, effects: Vec<Effect>) -> Result<(), StoreError> {
        let link = if effects.is_empty() { self.reading()? } else { self.writing().await? };
        let announces = !effects.is_empty();
        let statements = outbox::inserts(&link, at, effects, &*self.shared.random)?;
        finish(link, statements).await?;
        if announces {
            self.shared.committed.notify_one();
        }
        Ok(())
    }
}

/// Runs the last statements of a unit and makes all of it true.
pub(crate) async fn finish(link: Link, last: Vec<sea_orm::Statement>) -> Result<(), StoreError> {
    let (kind, address) = link.into_parts();
    let outcome = match kind {
        Kind::Turn(turn) => turn.commit(last).await,
        Kind::Transaction(transaction) => crate::postgres::commit(transaction, last).await,
        // Nothing was written.
        Kind::Pool(_) | Kind::Readers(_) | Kind::Turns(_) => Ok(()),
    };
    outcome.map_err(|error| store_error(at(&address, error)))
}
