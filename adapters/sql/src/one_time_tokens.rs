//! Secrets that work once.

use std::sync::LazyLock;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::access::{OneTimeToken, Purpose};
use portcullis_domain::audit::Actor;
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::access::OneTimeTokenRepository;
use portcullis_domain::ports::store::StoreError;
use portcullis_domain::secret::SecretDigest;
use sea_orm::{ConnectionTrait, FromQueryResult, Iterable, QueryResult, Value};

use crate::column::{corrupt, count, digest, instant};
use crate::entity::names;
use crate::entity::one_time_token::{Column, Model};
use crate::error::store_error;
use crate::sessions::words;
use crate::unit::Unit;

/// `{whose}` stands for the index that allows one token only: of racing ones the last stays.
const PUT: &str = "INSERT INTO one_time_tokens \
    (digest, purpose, user_id, user_version, maker_kind, maker_id, created_at, expires_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT {whose} DO UPDATE SET \
    digest = excluded.digest, user_version = excluded.user_version, maker_kind = excluded.maker_kind, \
    maker_id = excluded.maker_id, created_at = excluded.created_at, expires_at = excluded.expires_at";
const OF_USER: &str = "(user_id, purpose) WHERE user_id IS NOT NULL";
const OF_NOBODY: &str = "(purpose) WHERE user_id IS NULL";
const LIVE: &str = "WHERE digest = $1 AND purpose = $2 AND expires_at > $3";
pub(crate) static PEEK: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {} FROM one_time_tokens {LIVE}", names(Column::iter())));
/// Of racing ones the first gets it; the others find it gone.
pub(crate) static REDEEM: LazyLock<String> =
    LazyLock::new(|| format!("DELETE FROM one_time_tokens {LIVE} RETURNING {}", names(Column::iter())));
/// There are few, and it happens once.
const CLEAR: &str = "DELETE FROM one_time_tokens WHERE purpose = $1";
pub(crate) const PURGE: &str = "DELETE FROM one_time_tokens WHERE digest IN \
    (SELECT digest FROM one_time_tokens WHERE expires_at < $1 ORDER BY expires_at LIMIT $2 {pass})";

#[async_trait]
impl OneTimeTokenRepository for Unit {
    async fn put(&mut self, token: &OneTimeToken) -> Result<(), StoreError> {
        let link = self.writing().await?;
        let whose = if token.user.is_some() { OF_USER } else { OF_NOBODY };
        let values = [
            bytes(&token.digest),
            token.purpose.as_str().into(),
            token.user.map(|user| *user.as_uuid()).into(),
            token.version.map(i64::from).into(),
            token.maker.kind().into(),
            token.maker.id().into(),
            token.created_at.as_unix_micros().into(),
            token.expires_at.as_unix_micros().into(),
        ];
        link.execute_raw(link.statement(&PUT.replace("{whose}", whose), values)).await.map_err(store_error)?;
        self.keep(link);
        Ok(())
    }

    async fn peek(
        &mut self,
        digest: &SecretDigest,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError> {
        let link = self.reading()?;
        let peek = link.statement(PEEK.as_str(), live(digest, purpose, now));
        let found = link.query_one_raw(peek).await.map_err(store_error)?;
        let found = found.map(|row| token(&row)).transpose()?;
        self.keep(link);
        Ok(found)
    }

    async fn redeem(
        &mut self,
        digest: &SecretDigest,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError> {
        let link = self.writing().await?;
        let redeem = link.statement(REDEEM.as_str(), live(digest, purpose, now));
        let found = link.query_one_raw(redeem).await.map_err(store_error)?;
        let found = found.map(|row| token(&row)).transpose()?;
        self.keep(link);
        Ok(found)
    }

    async fn clear(&mut self, purpose: Purpose) -> Result<(), StoreError> {
        let link = self.writing().await?;
        link.execute_raw(link.statement(CLEAR, [purpose.as_str().into()])).await.map_err(store_error)?;
        self.keep(link);
        Ok(())
    }

    async fn purge(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let link = self.writing().await?;
        let values = [before.as_unix_micros().into(), i64::from(limit).into()];
        let purge = link.statement(&words(link.get_database_backend(), PURGE), values);
        let gone = link.execute_raw(purge).await.map_err(store_error)?;
        self.keep(link);
        Ok(gone.rows_affected())
    }
}

fn bytes(digest: &SecretDigest) -> Value {
    digest.0.to_vec().into()
}

fn live(digest: &SecretDigest, purpose: Purpose, now: Timestamp) -> [Value; 3] {
    [bytes(digest), purpose.as_str().into(), now.as_unix_micros().into()]
}

fn token(row: &QueryResult) -> Result<OneTimeToken, StoreError> {
    let row = Model::from_query_result(row, "").map_err(store_error)?;
    Ok(OneTimeToken {
        digest: SecretDigest(digest("one_time_tokens.digest", row.digest)?),
        purpose: Purpose::parse(&row.purpose).ok_or_else(|| corrupt("one_time_tokens.purpose"))?,
        user: row.user_id.map(UserId::from_uuid),
        version: row.user_version.map(|version| count("one_time_tokens.user_version", version)).transpose()?,
        maker: Actor::parse(&row.maker_kind, row.maker_id.as_deref())
            .ok_or_else(|| corrupt("one_time_tokens.maker_kind"))?,
        created_at: instant("one_time_tokens.created_at", row.created_at)?,
        expires_at: instant("one_time_tokens.expires_at", row.expires_at)?,
    })
}
