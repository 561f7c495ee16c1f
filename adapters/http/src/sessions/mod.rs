//! Sessions: signing in, staying signed in, the end of it, and the check that other services make.

mod forms;
mod pair;
mod view;

use std::sync::Arc;

use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaParamIn, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, OpenApi, Tags};
use portcullis_domain::accounts::{LoginName, Password};
use portcullis_domain::ids::SessionId;
use portcullis_domain::sessions::{ListSessions, LogIn, Refresh, RevocationReason, RevokeSession};

use crate::answer::{ALWAYS, BODY, Done, Found, HASHING, Refusals, Refused, SIGNED};
use crate::body::Body;
use crate::caller::Signed;
use crate::openapi::named;
use crate::origin::From as Origin;
use crate::page::{Cursor, Limit};
use crate::problem::{Code, Problem, Reason};
use crate::state::State;

use forms::{LoginForm, RefreshForm};
pub(crate) use pair::TokensView;
pub(crate) use view::{SessionPage, SessionView, Verified};

/// `/api/v1/auth/…` and `/api/v1/me/sessions`.
pub(crate) struct SessionApi(pub(crate) Arc<State>);

#[derive(Tags)]
enum Tag {
    /// Signing in, staying signed in, and the end of it.
    Sessions,
}

pub(crate) struct LoggingIn;
impl Refusals for LoggingIn {
    const CODES: &'static [&'static [Code]] = &[ALWAYS, HASHING, BODY, &[Code::InvalidCredentials]];
}

pub(crate) struct Refreshing;
impl Refusals for Refreshing {
    const CODES: &'static [&'static [Code]] = &[ALWAYS, BODY, &[Code::InvalidRefreshToken]];
}

pub(crate) struct Calling;
impl Refusals for Calling {
    const CODES: &'static [&'static [Code]] = &[ALWAYS, SIGNED];
}

pub(crate) struct Verifying;
impl Refusals for Verifying {
    // It asks no store.
    const CODES: &'static [&'static [Code]] = &[&[Code::Internal, Code::Timeout], SIGNED];
}

pub(crate) struct Listing;
impl Refusals for Listing {
    const CODES: &'static [&'static [Code]] = &[ALWAYS, SIGNED, &[Code::InvalidParameter]];
}

pub(crate) struct Ending;
impl Refusals for Ending {
    const CODES: &'static [&'static [Code]] = &[ALWAYS, SIGNED, &[Code::NotFound]];
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Sessions")]
impl SessionApi {
    /// Log in
    ///
    /// The name is given once, as `login`, `username` or `email`: a username and an e-mail address are accepted in
    /// each. An unknown name and a wrong password get the same answer.
    #[oai(path = "/auth/login", method = "post", operation_id = "login")]
    async fn log_in(&self, origin: Origin, body: Body<LoginForm>) -> Result<Found<TokensView>, Refused<LoggingIn>> {
        let mut fields = body.fields;
        let name = forms::login_name(&mut fields);
        let password = fields.required("password", Password::present);
        fields.optional("transport", |text| forms::transport(&text));
        fields.finish()?;
        let (Some(name), Some(password)) = (name, password) else {
            return Err(Problem::internal("a required member was neither read nor refused").into());
        };
        let cmd = LogIn {
            name: LoginName::parse(&name),
            password,
            client_id: self.0.settings.first_party_client.clone(),
            scope: self.0.settings.first_party_scope.clone(),
            origin: origin.0,
        };
        let (_, pair) = self.0.app.sessions.log_in(cmd).await?;
        Ok(Found(TokensView(pair)))
    }

    /// Exchange a refresh token for new tokens
    ///
    /// A refresh token is good for one use. Within a few seconds its second use gives the same successor (two tabs, a
    /// lost answer); later it ends the session, for one of the two who used it stole it.
    #[oai(path = "/auth/refresh", method = "post", operation_id = "refresh")]
    async fn refresh(&self, origin: Origin, body: Body<RefreshForm>) -> Result<Found<TokensView>, Refused<Refreshing>> {
        let mut fields = body.fields;
        let token = fields.required("refresh_token", Ok::<_, Reason>);
        fields.finish()?;
        let token = token.ok_or_else(|| Problem::internal("a required member was neither read nor refused"))?;
        let (pair, _) = self.0.app.sessions.refresh(Refresh { token: token.into(), origin: origin.0 }).await?;
        Ok(Found(TokensView(pair)))
    }

    /// Log out
    ///
    /// This session ends: its access tokens and its refresh token are refused from now on.
    #[oai(path = "/auth/logout", method = "post", operation_id = "logout")]
    async fn log_out(&self, caller: Signed, origin: Origin) -> Result<Done, Refused<Calling>> {
        self.0.app.sessions.log_out(&caller.0, origin.0).await?;
        Ok(Done)
    }

    /// Log out everywhere
    ///
    /// All sessions of the account end.
    #[oai(path = "/auth/logout-all", method = "post", operation_id = "logoutAll")]
    async fn log_out_everywhere(&self, caller: Signed, origin: Origin) -> Result<Done, Refused<Calling>> {
        self.0.app.sessions.log_out_everywhere(&caller.0, origin.0).await?;
        Ok(Done)
    }

    /// Check an access token for a proxy
    ///
    /// Forward authentication for nginx, Traefik, Caddy and Envoy: who calls is said in headers, which the proxy
    /// passes on. All four are always there, empty when there is nothing to say, so that a client's own are replaced.
    #[oai(path = "/auth/verify", method = "get", operation_id = "verify")]
    async fn verify(&self, caller: Signed) -> Result<Verified, Refused<Verifying>> {
        Ok(Verified(caller.0))
    }

    /// The devices that are signed in
    ///
    /// The live sessions of the account, the newest first.
    #[oai(path = "/me/sessions", method = "get", operation_id = "listSessions")]
    async fn list(
        &self,
        caller: Signed,
        /// At most so many items.
        limit: Limit,
        /// The `next_cursor` of the page before.
        cursor: Cursor,
    ) -> Result<Found<SessionPage>, Refused<Listing>> {
        let Signed(caller) = caller;
        let after = cursor.read(caller.user)?;
        let query = ListSessions { user: caller.user, after, limit: limit.0 };
        let (sessions, more) = self.0.app.sessions.list(query).await?;
        let last = sessions.last().filter(|_| more);
        Ok(Found(SessionPage {
            next_cursor: last.map(|session| Cursor::after(caller.user, session.id)),
            items: sessions.iter().map(|session| SessionView::new(session, &caller)).collect(),
        }))
    }

    /// Sign a device out
    ///
    /// Ends one session of the account. A session of somebody else is as little there as one that never was.
    #[oai(path = "/me/sessions/:id", method = "delete", operation_id = "revokeSession")]
    async fn revoke(
        &self,
        caller: Signed,
        origin: Origin,
        /// Which session.
        id: SessionPath,
    ) -> Result<Done, Refused<Ending>> {
        let reason = RevocationReason::RevokedByOwner;
        let cmd = RevokeSession { user: caller.0.user, session: id.0, reason, origin: origin.0 };
        if self.0.app.sessions.revoke(cmd).await? { Ok(Done) } else { Err(Problem::new(Code::NotFound).into()) }
    }
}

/// The last segment of the path: what is not the id of a session names nothing.
pub(crate) struct SessionPath(SessionId);

impl<'a> ApiExtractor<'a> for SessionPath {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    const PARAM_IS_REQUIRED: bool = true;

    type ParamType = ();
    type ParamRawType = ();

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Path)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "uuid"))))
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        let segment = request.uri().path().rsplit('/').next().unwrap_or_default();
        Ok(Self(segment.parse().map_err(|_| Problem::new(Code::NotFound))?))
    }
}

/// The schemas of these operations.
pub(crate) fn schemas() -> serde_json::Value {
    [
        named::<TokensView>(),
        named::<SessionView>(),
        named::<SessionPage>(),
        named::<LoginForm>(),
        named::<RefreshForm>(),
    ]
    .into_iter()
    .collect()
}
