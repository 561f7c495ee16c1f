//! What whoever made something may do by now.

use crate::Timestamp;
use crate::accounts::UserStatus;
use crate::audit::Actor;
use crate::clients::ClientId;
use crate::ports::store::{StoreError, Tx};

use super::known::KeyStanding;
use super::{Permissions, standing_in};

/// What `maker` may do at this moment, within a unit of work; nothing at all when they are disabled, revoked or gone.
pub(crate) async fn held_by(tx: &mut dyn Tx, maker: &Actor, now: Timestamp) -> Result<Permissions, StoreError> {
    let held = match maker {
        Actor::Operator => Some(Permissions::all()),
        Actor::User(id) => {
            let standing = standing_in(tx, *id).await?;
            standing.filter(|standing| standing.status == UserStatus::Active).map(|standing| standing.permissions)
        }
        Actor::ApiKey(id) => {
            let found = tx.api_keys().in_use(*id).await?;
            let roles = tx.roles().all().await?;
            let live = found.filter(|found| found.key.is_live(now) && found.owner_status == UserStatus::Active);
            live.map(|found| KeyStanding::new(found, &roles).permissions)
        }
        Actor::Client(id) => match ClientId::parse(id) {
            Ok(id) => {
                let client = tx.clients().by_id(&id).await?;
                client.filter(|client| client.is_live()).map(|client| client.scope.permissions())
            }
            Err(_) => None,
        },
        Actor::Anonymous | Actor::Service => None,
    };
    Ok(held.unwrap_or_default())
}
