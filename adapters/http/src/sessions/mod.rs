//! Sessions: signing in, staying signed in, the end of it, and the check that other services make.

mod browser;
mod browsing;
mod forms;
mod granted;
mod leaving;
mod pair;
mod presented;
mod refusals;
mod verified;
mod view;

use std::sync::Arc;

use poem::Request;
use poem_openapi::{OpenApi, Tags};
use portcullis_domain::accounts::{LoginName, Password};
use portcullis_domain::audit::Actor;
use portcullis_domain::ids::{SessionId, UserId};
use portcullis_domain::origin::Origin as DomainOrigin;
use portcullis_domain::sessions::{ListSessions, LogIn, Refresh, RevocationReason, RevokeSession};
use portcullis_domain::tokens::RevocationTarget;

use crate::answer::{Ended, Found, Refused};
use crate::body::{Body, NoBody};
use crate::caller::{Identified, Signed, Transport};
use crate::cookies::{Cookies, Jar};
use crate::csrf;
use crate::openapi::named;
use crate::origin::From as Origin;
use crate::page::{Cursor, Limit, List};
use crate::path::PathWord;
use crate::problem::{Code, Problem};
use crate::state::State;

use browser::{DeviceToken, held_session};
use browsing::Browsing;
use forms::{LoginForm, RefreshForm};
use granted::{LoggedIn, Refreshed};
use leaving::{Leaving, forgetting};
pub(crate) use pair::{CookieTokensView, CsrfView, TokensView, expires_in, refresh_expires_in};
use presented::Presented;
use refusals::{Calling, Ending, Identifying, LeavingAll, Leavings, Listing, LoggingIn, Refreshing};
use verified::Verified;
pub(crate) use view::{SessionPage, SessionView};

/// `/api/v1/auth/…` and `/api/v1/me/sessions`.
pub(crate) struct SessionApi(pub(crate) Arc<State>);

#[derive(Tags)]
enum Tag {
    /// Signing in, staying signed in, and the end of it.
    Sessions,
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Sessions")]
impl SessionApi {
    /// Log in
    ///
    /// The name is given once, as `login`, `username` or `email`: a username and an e-mail address are accepted in
    /// each. An unknown name and a wrong password get the same answer.
    ///
    /// With `transport: "cookie"` the tokens are in cookies that no script can read, and the body has the CSRF tokens of
    /// the session. Such a login must come from a page of this origin or an allowed one (`Sec-Fetch-Site`, `Origin`), and
    /// ends the session that the browser had before.
    ///
    /// With `new_password` the password is changed in the same step, and all other sessions end: whoever has to change it
    /// (403 `password-change-required`, only after the right password) logs in so.
    #[oai(path = "/auth/login", method = "post", operation_id = "login")]
    async fn log_in(
        &self,
        request: &Request,
        origin: Origin,
        /// What this device got at its last login; a browser has it in a cookie.
        #[oai(name = "X-Device-Token")]
        device: DeviceToken,
        body: Body<LoginForm>,
    ) -> Result<LoggedIn, Refused<LoggingIn>> {
        let settings = &self.0.settings;
        let mut fields = body.fields;
        let name = forms::login_name(&mut fields);
        let password = fields.required("password", Password::present);
        let min = self.0.app.accounts.password_min_chars();
        let new_password = fields.optional("new_password", |text| Password::choose(text, min));
        let transport = fields.optional("transport", |text| forms::transport(&text)).unwrap_or_default();
        if transport == Transport::Cookie {
            // Nobody shall be logged in to an account of an attacker's choice.
            csrf::check_source(request.headers(), settings)?;
        }
        fields.finish()?;
        let (Some(name), Some(password)) = (name, password) else {
            return Err(Problem::internal("a required member was neither read nor refused").into());
        };
        let jar = Jar::read(request.headers(), Cookies::of(settings))?;
        let replaces = if transport == Transport::Cookie { held_session(&self.0, jar).await? } else { None };
        let cmd = LogIn {
            name: LoginName::parse(&name),
            password,
            new_password,
            client_id: settings.first_party_client.clone(),
            scope: settings.first_party_scope.clone(),
            device_token: device.0.or_else(|| jar.device.map(|token| token.to_owned().into())),
            replaces,
            origin: origin.0.clone(),
        };
        let signed_in = self.0.app.sessions.log_in(cmd).await?;
        let (user, session) = (signed_in.user.id, signed_in.pair.session.id);
        match LoggedIn::new(settings, transport, signed_in) {
            Ok(answer) => Ok(answer),
            Err(problem) => {
                // Nobody will ever have its tokens.
                self.end(user, session, origin.0).await?;
                Err(problem.into())
            }
        }
    }

    /// Exchange a refresh token for new tokens
    ///
    /// A refresh token is good for one use. Within a few seconds its second use gives the same successor (two tabs, a
    /// lost answer); later it ends the session, for one of the two who used it stole it.
    ///
    /// The token is in the body, or in the refresh cookie: then the body is empty or `{}`, `X-CSRF-TOKEN` has
    /// `csrf_refresh_token`, and the answer is in cookies too. A token in the body is used even when there is a cookie. On
    /// 401 a browser forgets its cookies.
    #[oai(path = "/auth/refresh", method = "post", operation_id = "refresh")]
    async fn refresh(&self, origin: Origin, presented: Presented) -> Result<Refreshed, Refused<Refreshing>> {
        let (settings, transport) = (&self.0.settings, presented.transport);
        let refresh = Refresh { token: presented.token, by: None, origin: origin.0 };
        match self.0.app.sessions.refresh(refresh).await {
            Ok(granted) => Ok(Refreshed::new(settings, transport, granted)?),
            Err(error) if transport == Transport::Cookie => Err(forgetting(error.into(), Cookies::of(settings)).into()),
            Err(error) => Err(error.into()),
        }
    }

    /// The CSRF tokens of the session
    ///
    /// For a page that was reloaded: it asks with its cookies, of which either is enough. 401 when nobody is logged in.
    #[oai(path = "/auth/csrf", method = "get", operation_id = "csrfTokens")]
    async fn csrf_tokens(&self, browsing: Browsing) -> Result<Found<CsrfView>, Refused<Calling>> {
        let session = match browsing {
            Browsing::Access(session) => session,
            Browsing::Refresh(token) => match self.0.app.tokens.revocation_target(&token).await? {
                Some(RevocationTarget::Session { session, .. }) => session,
                Some(RevocationTarget::Token(_)) | None => return Err(Problem::unauthenticated(true).into()),
            },
        };
        Ok(Found(CsrfView::new(session, &*self.0.settings.mac)))
    }

    /// Log out
    ///
    /// This session ends: its access tokens and its refresh token are refused from now on. A browser whose access cookie
    /// has expired logs out by its refresh cookie; either CSRF token of the session will do then.
    #[oai(path = "/auth/logout", method = "post", operation_id = "logout")]
    async fn log_out(&self, leaving: Leaving, origin: Origin, _body: NoBody) -> Result<Ended, Refused<Leavings>> {
        let transport = leaving.transport();
        match leaving {
            Leaving::Signed(signed) => self.0.app.sessions.log_out(&signed.caller, origin.0).await?,
            Leaving::Refresh(token) => self.0.app.sessions.log_out_with(&token, origin.0).await?,
        }
        Ok(Ended::of(transport, Cookies::of(&self.0.settings)))
    }

    /// Log out everywhere
    ///
    /// All sessions of the account end.
    #[oai(path = "/auth/logout-all", method = "post", operation_id = "logoutAll")]
    async fn log_out_everywhere(
        &self,
        leaving: Leaving,
        origin: Origin,
        _body: NoBody,
    ) -> Result<Ended, Refused<LeavingAll>> {
        let transport = leaving.transport();
        let caller = leaving.caller(&self.0).await?;
        self.0.app.sessions.log_out_everywhere(&caller, origin.0).await?;
        Ok(Ended::of(transport, Cookies::of(&self.0.settings)))
    }

    /// Check an access token or an API key for a proxy
    ///
    /// Forward authentication for nginx, Traefik, Caddy and Envoy: who calls is said in headers, which the proxy
    /// passes on. All of them are always there, empty when there is nothing to say, so that a caller's own are replaced:
    /// a token that speaks for a client has no user and no session.
    /// A cookie says who asks, not that their page meant it: an application behind the proxy has to see to that itself.
    ///
    /// Somebody who acts as a user and may only look passes when the proxy says, once, in `X-Forwarded-Method` that the
    /// request is `GET`, `HEAD`, `OPTIONS` or `TRACE`: Traefik and Caddy always do. Otherwise the answer is 403 `read-only`.
    #[oai(path = "/auth/verify", method = "get", operation_id = "verify")]
    async fn verify(&self, identified: Identified) -> Result<Verified, Refused<Identifying>> {
        Ok(match identified {
            Identified::Token(claims, roles) => Verified::Token(claims, roles),
            Identified::Key(caller) => Verified::Key(caller),
        })
    }

    /// The devices that are signed in
    ///
    /// The live sessions of the account, the newest first.
    #[oai(path = "/me/sessions", method = "get", operation_id = "listSessions")]
    async fn list(
        &self,
        signed: Signed,
        /// At most so many items.
        limit: Limit,
        /// The `next_cursor` of the page before.
        cursor: Cursor,
    ) -> Result<Found<SessionPage>, Refused<Listing>> {
        let caller = signed.caller;
        let list = List::new("own sessions", &*self.0.settings.mac).of(caller.user.to_string());
        let after = cursor.read(&list)?;
        let query = ListSessions { user: caller.user, after, limit: limit.0 };
        let (sessions, more) = self.0.app.sessions.list(query).await?;
        let last = sessions.last().filter(|_| more);
        Ok(Found(SessionPage {
            next_cursor: last.map(|session| list.cursor(&session.id)).transpose()?,
            items: sessions.iter().map(|session| SessionView::new(session, Some(caller.session))).collect(),
        }))
    }

    /// Sign a device out
    ///
    /// Ends one session of the account. A session of somebody else is as little there as one that never was.
    #[oai(path = "/me/sessions/:id", method = "delete", operation_id = "revokeSession")]
    async fn revoke(
        &self,
        signed: Signed,
        origin: Origin,
        /// Which session.
        id: PathWord<SessionId>,
        _body: NoBody,
    ) -> Result<Ended, Refused<Ending>> {
        let Signed { caller, transport } = signed;
        let (user, session, reason) = (caller.user, id.0, RevocationReason::RevokedByOwner);
        let cmd = RevokeSession { user, session, reason, actor: Actor::User(user), origin: origin.0 };
        if !self.0.app.sessions.revoke(cmd).await? {
            return Err(Problem::new(Code::NotFound).into());
        }
        let transport = if session == caller.session { transport } else { Transport::Bearer };
        Ok(Ended::of(transport, Cookies::of(&self.0.settings)))
    }
}

impl SessionApi {
    async fn end(&self, user: UserId, session: SessionId, origin: DomainOrigin) -> Result<(), Problem> {
        let reason = RevocationReason::Displaced;
        self.0.app.sessions.revoke(RevokeSession { user, session, reason, actor: Actor::Service, origin }).await?;
        Ok(())
    }
}

/// The schemas of these operations.
pub(crate) fn schemas() -> serde_json::Value {
    [
        named::<TokensView>(),
        named::<CookieTokensView>(),
        named::<CsrfView>(),
        named::<SessionView>(),
        named::<SessionPage>(),
        named::<LoginForm>(),
        named::<RefreshForm>(),
    ]
    .into_iter()
    .collect()
}
