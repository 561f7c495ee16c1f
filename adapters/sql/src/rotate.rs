//! The use of a refresh token: the statement that runs most.

use portcullis_domain::ports::store::StoreError;
use portcullis_domain::sessions::{Rotated, Rotation};
use sea_orm::{ConnectionTrait, EntityTrait, FromQueryResult};

use crate::entity::session;
use crate::error::store_error;
use crate::link::Link;
use crate::sessions::session;

/// `Rotation::apply`, on the condition that the token is the live one of a live session.
const ROTATE: &str = "UPDATE sessions SET generation = generation + 1, refresh_digest = $1, \
    used_at_4 = used_at_3, used_at_3 = used_at_2, used_at_2 = used_at_1, used_at_1 = $2, last_seen_at = $2, \
    idle_expires_at = CASE WHEN expires_at < $3 THEN expires_at ELSE $3 END \
    WHERE id = $4 AND generation = $5 AND refresh_digest = $6 \
    AND revoked_at IS NULL AND idle_expires_at > $2 AND expires_at > $2 RETURNING *";

/// Follows the end of a session that now comes sooner than when it began.
const END_SOONER: &str = "UPDATE sessions SET ends_from = idle_expires_at WHERE id = $1";

pub(crate) async fn rotate(link: &Link, rotation: &Rotation) -> Result<Rotated, StoreError> {
    let update = link.statement(
        ROTATE,
        [
            rotation.successor.0.to_vec().into(),
            rotation.at.as_unix_micros().into(),
            rotation.idle_expires_at.as_unix_micros().into(),
            (*rotation.session.as_uuid()).into(),
            i64::from(rotation.generation).into(),
            rotation.presented.0.to_vec().into(),
        ],
    );
    let Some(row) = link.query_one_raw(update).await.map_err(store_error)? else {
        let row = session::Entity::find_by_id(*rotation.session.as_uuid()).one(link).await.map_err(store_error)?;
        return Ok(rotation.verdict(row.map(session).transpose()?));
    };
    let row = session::Model::from_query_result(&row, "").map_err(store_error)?;
    if row.idle_expires_at < row.ends_from {
        link.execute_raw(link.statement(END_SOONER, [row.id.into()])).await.map_err(store_error)?;
    }
    session(row).map(Rotated::First)
}
