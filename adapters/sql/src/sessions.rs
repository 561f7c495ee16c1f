//! Sessions.

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::accounts::PasswordHash;
use portcullis_domain::caller::Impersonation;
use portcullis_domain::ids::{SessionId, UserId};
use portcullis_domain::ports::sessions::SessionRepository;
use portcullis_domain::ports::store::StoreError;
use portcullis_domain::sessions::{RevocationReason, Revoked, Rotated, Rotation, Session, TokenDigest, TokenFamily};
use portcullis_domain::tokens::Scope;
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, ExprTrait, QueryFilter};
use sea_orm::{QueryOrder, QuerySelect, Select};

use crate::column::{corrupt, count, instant, maybe_instant, maybe_ip};
use crate::entity::session::{Column, Entity, Model};
use crate::error::store_error;
use crate::rotate::rotate;
use crate::start;
use crate::unit::Unit;

/// `{least}` and `{lock}` stand for the words of the database. Rows are locked in one order, so that two units do not
/// wait for each other; purging passes by rows that are in use.
pub(crate) const REVOKE: &str = "UPDATE sessions SET revoked_at = $1, revoked_reason = $2, ends_from = {least}(ends_from, $1) \
    WHERE id = $3 AND revoked_at IS NULL RETURNING id";
pub(crate) const REVOKE_ALL: &str = "UPDATE sessions SET revoked_at = $1, revoked_reason = $2, \
    ends_from = {least}(ends_from, $1) WHERE id IN (SELECT id FROM sessions WHERE user_id = $3 AND id <> $4 \
    AND revoked_at IS NULL AND idle_expires_at > $1 AND expires_at > $1 ORDER BY id {lock}) RETURNING id";
pub(crate) const REVOKE_IMPERSONATIONS: &str = "UPDATE sessions SET revoked_at = $1, revoked_reason = $2, \
    ends_from = {least}(ends_from, $1) WHERE id IN (SELECT id FROM sessions WHERE impersonator = $3 \
    AND revoked_at IS NULL AND idle_expires_at > $1 AND expires_at > $1 ORDER BY id {lock}) RETURNING id, user_id";
/// Sessions that seemed to end but have been refreshed since: their `ends_from` moves to where they end now.
pub(crate) const END_LATER: &str = "UPDATE sessions SET \
    ends_from = {least}(idle_expires_at, expires_at, COALESCE(revoked_at, expires_at)) \
    WHERE id IN (SELECT id FROM sessions WHERE ends_from < $1 AND idle_expires_at >= $1 AND expires_at >= $1 \
    AND COALESCE(revoked_at, expires_at) >= $1 ORDER BY ends_from LIMIT $2 {pass})";
pub(crate) const PURGE: &str = "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE ends_from < $1 \
    AND (idle_expires_at < $1 OR expires_at < $1 OR revoked_at < $1) ORDER BY ends_from LIMIT $2 {pass})";
/// A session of nobody's: keeps nothing when all are revoked.
const NIL: SessionId = SessionId::from_uuid(uuid::Uuid::nil());

#[async_trait]
impl SessionRepository for Unit {
    async fn insert(&mut self, session: &Session) -> Result<(), StoreError> {
        let link = self.writing().await?;
        let insert = start::insert(link.get_database_backend(), session);
        link.execute_raw(insert).await.map_err(store_error)?;
        self.keep(link);
        Ok(())
    }

    async fn start(&mut self, session: &Session, password: &PasswordHash) -> Result<Option<u32>, StoreError> {
        let link = self.writing().await?;
        let start = start::start(link.get_database_backend(), session, password);
        let started = link.query_one_raw(start).await.map_err(store_error)?;
        let others = started.map(|row| row.try_get_by_index::<i64>(0)).transpose().map_err(store_error)?;
        self.keep(link);
        Ok(others.map(|others| u32::try_from(others).unwrap_or(u32::MAX).saturating_add(1)))
    }

    async fn start_with_commit(
        &mut self,
        session: &Session,
        password: &PasswordHash,
        most: u32,
    ) -> Result<(), StoreError> {
        let link = self.reading()?;
        let backend = link.get_database_backend();
        self.keep(link);
        if backend == DbBackend::Sqlite {
            // A trip less to the one writer.
            self.run_late(start::start_last_on_sqlite(session, password, most));
            return Ok(());
        }
        let link = self.writing().await?;
        let start = start::start_on_postgres(session, password, most.into());
        let started = link.query_one_raw(start).await.map_err(store_error)?;
        // Without the link every later call is refused.
        started.ok_or(StoreError::Conflict)?;
        self.keep(link);
        Ok(())
    }

    async fn by_id(&mut self, id: SessionId) -> Result<Option<Session>, StoreError> {
        let link = self.reading()?;
        let found = Entity::find_by_id(*id.as_uuid()).one(&link).await.map_err(store_error)?;
        let found = found.map(session).transpose()?;
        self.keep(link);
        Ok(found)
    }

    async fn live_of(
        &mut self,
        user: UserId,
        now: Timestamp,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<Session>, StoreError> {
        self.newest(live(user, now, limit), user, after).await
    }

    async fn all_of(&mut self, user: UserId, after: Option<SessionId>, limit: u32) -> Result<Vec<Session>, StoreError> {
        self.newest(all(user, limit), user, after).await
    }

    async fn beyond(&mut self, user: UserId, now: Timestamp, keep: u32) -> Result<Vec<SessionId>, StoreError> {
        let link = self.reading()?;
        let query = live(user, now, 100).offset(u64::from(keep)).select_only().column(Column::Id);
        let ids: Vec<uuid::Uuid> = query.into_tuple().all(&link).await.map_err(store_error)?;
        self.keep(link);
        Ok(ids.into_iter().map(SessionId::from_uuid).collect())
    }

    async fn rotate(&mut self, rotation: &Rotation) -> Result<Rotated, StoreError> {
        let link = self.rotating()?;
        let rotated = rotate(&link, rotation).await?;
        self.keep(link);
        Ok(rotated)
    }

    async fn revoke(&mut self, id: SessionId, revoked: Revoked) -> Result<bool, StoreError> {
        let link = self.writing().await?;
        let (at, reason) = (revoked.at.as_unix_micros(), revoked.reason.as_str());
        let update = link
            .statement(&words(link.get_database_backend(), REVOKE), [at.into(), reason.into(), (*id.as_uuid()).into()]);
        let ended = link.query_one_raw(update).await.map_err(store_error)?;
        self.keep(link);
        Ok(ended.is_some())
    }

    async fn revoke_all_of(
        &mut self,
        user: UserId,
        keep: Option<SessionId>,
        revoked: Revoked,
    ) -> Result<Vec<SessionId>, StoreError> {
        let link = self.writing().await?;
        let (at, reason) = (revoked.at.as_unix_micros(), revoked.reason.as_str());
        let keep = *keep.unwrap_or(NIL).as_uuid();
        let values = [at.into(), reason.into(), (*user.as_uuid()).into(), keep.into()];
        let update = link.statement(&words(link.get_database_backend(), REVOKE_ALL), values);
        let ended = link.query_all_raw(update).await.map_err(store_error)?;
        let ended = ended.iter().map(|row| row.try_get_by_index(0).map(SessionId::from_uuid));
        let ended = ended.collect::<Result<_, _>>().map_err(store_error)?;
        self.keep(link);
        Ok(ended)
    }

    async fn revoke_impersonations(
        &mut self,
        by: UserId,
        revoked: Revoked,
    ) -> Result<Vec<(UserId, SessionId)>, StoreError> {
        let link = self.writing().await?;
        let (at, reason) = (revoked.at.as_unix_micros(), revoked.reason.as_str());
        let values = [at.into(), reason.into(), (*by.as_uuid()).into()];
        let update = link.statement(&words(link.get_database_backend(), REVOKE_IMPERSONATIONS), values);
        let ended = link.query_all_raw(update).await.map_err(store_error)?;
        let ended = ended.iter().map(|row| {
            let session = row.try_get_by_index(0).map(SessionId::from_uuid)?;
            Ok((row.try_get_by_index(1).map(UserId::from_uuid)?, session))
        });
        let ended = ended.collect::<Result<_, _>>().map_err(store_error)?;
        self.keep(link);
        Ok(ended)
    }

    async fn purge(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let link = self.writing().await?;
        let values = || [before.as_unix_micros().into(), i64::from(limit).into()];
        let later = link.statement(&words(link.get_database_backend(), END_LATER), values());
        link.execute_raw(later).await.map_err(store_error)?;
        let purge = link.statement(&words(link.get_database_backend(), PURGE), values());
        let gone = link.execute_raw(purge).await.map_err(store_error)?;
        self.keep(link);
        Ok(gone.rows_affected())
    }
}

impl Unit {
    /// The sessions of an account that a query with the newest first finds behind one of them.
    async fn newest(
        &mut self,
        mut query: Select<Entity>,
        user: UserId,
        after: Option<SessionId>,
    ) -> Result<Vec<Session>, StoreError> {
        let link = self.reading()?;
        if let Some(after) = after {
            // The last session of the page before is still there, live or not, unless it was purged: then its id,
            // which begins with its instant, has to do.
            let last = Entity::find_by_id(*after.as_uuid())
                .filter(Column::UserId.eq(*user.as_uuid()))
                .one(&link)
                .await
                .map_err(store_error)?;
            query = query.filter(match last {
                Some(last) => Column::CreatedAt
                    .lt(last.created_at)
                    .or(Column::CreatedAt.eq(last.created_at).and(Column::Id.lt(last.id))),
                None => Column::Id.lt(*after.as_uuid()),
            });
        }
        let rows = query.all(&link).await.map_err(store_error)?;
        let rows = rows.into_iter().map(session).collect::<Result<_, _>>()?;
        self.keep(link);
        Ok(rows)
    }
}

/// The sessions of an account, the newest first.
pub(crate) fn all(user: UserId, limit: u32) -> Select<Entity> {
    Entity::find()
        .filter(Column::UserId.eq(*user.as_uuid()))
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
        .limit(u64::from(limit))
}

/// Those of them that are live.
pub(crate) fn live(user: UserId, now: Timestamp, limit: u32) -> Select<Entity> {
    all(user, limit)
        .filter(Column::RevokedAt.is_null())
        .filter(Column::IdleExpiresAt.gt(now.as_unix_micros()))
        .filter(Column::ExpiresAt.gt(now.as_unix_micros()))
}

/// A statement in the words of the database.
pub(crate) fn words(backend: DbBackend, sql: &str) -> String {
    let (least, lock, pass) = match backend {
        DbBackend::Postgres => ("LEAST", "FOR UPDATE", "FOR UPDATE SKIP LOCKED"),
        _ => ("MIN", "", ""),
    };
    sql.replace("{least}", least).replace("{lock}", lock).replace("{pass}", pass)
}

/// The session that a row holds.
pub(crate) fn session(row: Model) -> Result<Session, StoreError> {
    let digest = row.refresh_digest.try_into().map_err(|_| corrupt("sessions.refresh_digest"))?;
    let used_at = [
        maybe_instant("sessions.used_at_1", row.used_at_1)?,
        maybe_instant("sessions.used_at_2", row.used_at_2)?,
        maybe_instant("sessions.used_at_3", row.used_at_3)?,
        maybe_instant("sessions.used_at_4", row.used_at_4)?,
    ];
    Ok(Session {
        id: SessionId::from_uuid(row.id),
        user: UserId::from_uuid(row.user_id),
        client_id: row.client_id,
        scope: Scope::parse(&row.scope).map_err(|_| corrupt("sessions.scope"))?,
        authenticated_at: instant("sessions.authenticated_at", row.authenticated_at)?,
        created_at: instant("sessions.created_at", row.created_at)?,
        last_seen_at: instant("sessions.last_seen_at", row.last_seen_at)?,
        idle_expires_at: instant("sessions.idle_expires_at", row.idle_expires_at)?,
        expires_at: instant("sessions.expires_at", row.expires_at)?,
        revoked: revoked(row.revoked_at, row.revoked_reason)?,
        ip: maybe_ip("sessions.ip", row.ip)?,
        user_agent: row.user_agent,
        impersonation: match (row.impersonator, row.impersonation_read_only) {
            (Some(by), Some(read_only)) => Some(Impersonation { by: UserId::from_uuid(by), read_only }),
            _ => None,
        },
        family: TokenFamily {
            generation: count("sessions.generation", row.generation)?,
            digest: TokenDigest(digest),
            used_at,
        },
    })
}

fn revoked(at: Option<i64>, reason: Option<String>) -> Result<Option<Revoked>, StoreError> {
    let (Some(at), Some(reason)) = (at, reason) else { return Ok(None) };
    let reason = RevocationReason::parse(&reason).ok_or_else(|| corrupt("sessions.revoked_reason"))?;
    Ok(Some(Revoked { at: instant("sessions.revoked_at", at)?, reason }))
}
