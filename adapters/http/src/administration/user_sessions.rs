//! The sessions of an account.

use std::sync::Arc;

use poem_openapi::OpenApi;
use portcullis_domain::administration::Manage;
use portcullis_domain::ids::{SessionId, UserId};

use crate::answer::{Done, Found, Refused};
use crate::body::NoBody;
use crate::caller::Calling;
use crate::origin::From as Origin;
use crate::page::{Cursor, Limit, List};
use crate::path::PathWord;
use crate::sessions::{SessionPage, SessionView};
use crate::state::State;

use super::Tag;
use super::refusals::{Managing, ReadingPages};

/// The sessions of accounts.
pub(crate) struct UserSessionApi(pub(crate) Arc<State>);

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Users")]
impl UserSessionApi {
    /// The devices that are signed in to an account
    ///
    /// Its live sessions, the newest first.
    #[oai(path = "/users/:id/sessions", method = "get", operation_id = "listUserSessions")]
    async fn list(
        &self,
        calling: Calling,
        /// Which account.
        id: PathWord<UserId>,
        /// At most so many items.
        limit: Limit,
        /// The `next_cursor` of the page before.
        cursor: Cursor,
    ) -> Result<Found<SessionPage>, Refused<ReadingPages>> {
        let list = List::new("user sessions", &*self.0.settings.mac).of(id.0.to_string());
        let after = cursor.read::<SessionId>(&list)?;
        let caller = &calling.caller;
        let (sessions, more) = self.0.app.administration.sessions(caller, id.0, after, limit.0).await?;
        let last = sessions.last().filter(|_| more);
        let own = caller.session().map(|session| session.session);
        Ok(Found(SessionPage {
            next_cursor: last.map(|session| list.cursor(&session.id)).transpose()?,
            items: sessions.iter().map(|session| SessionView::new(session, own)).collect(),
        }))
    }

    /// Sign an account out everywhere
    ///
    /// All its sessions end: their access tokens and refresh tokens are refused from now on.
    #[oai(path = "/users/:id/sessions", method = "delete", operation_id = "revokeUserSessions")]
    async fn revoke_all(
        &self,
        calling: Calling,
        origin: Origin,
        /// Which account.
        id: PathWord<UserId>,
        _body: NoBody,
    ) -> Result<Done, Refused<Managing>> {
        let cmd = Manage { caller: calling.caller, user: id.0, origin: origin.0 };
        self.0.app.administration.revoke_sessions(cmd, None).await?;
        Ok(Done)
    }

    /// Sign a device out of an account
    #[oai(path = "/users/:id/sessions/:session", method = "delete", operation_id = "revokeUserSession")]
    async fn revoke(
        &self,
        calling: Calling,
        origin: Origin,
        /// Which account.
        id: PathWord<UserId>,
        /// Which session.
        session: PathWord<SessionId>,
        _body: NoBody,
    ) -> Result<Done, Refused<Managing>> {
        let cmd = Manage { caller: calling.caller, user: id.0, origin: origin.0 };
        self.0.app.administration.revoke_sessions(cmd, Some(session.0)).await?;
        Ok(Done)
    }
}
