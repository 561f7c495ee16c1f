//! Who logs out: a caller with an access token, or a browser whose access cookie has expired, by its refresh cookie.

use poem::http::header;
use poem::{Request, RequestBody};
use poem_openapi::registry::Registry;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use portcullis_domain::caller::UserSession;
use portcullis_domain::secret::SecretString;
use portcullis_domain::tokens::{ActiveToken, TokenKind};

use crate::caller::{BEARER_SCHEME, Signed, Transport};
use crate::cookies::{ACCESS_SCHEME, Cookies, Jar, REFRESH_SCHEME};
use crate::csrf::{self, Protects};
use crate::problem::{Code, Problem};
use crate::state::{State, Visit};

/// Somebody who logs out.
pub(crate) enum Leaving {
    /// With an access token.
    Signed(Signed),
    /// With nothing but a refresh token in its cookie.
    Refresh(SecretString),
}

impl Leaving {
    /// How the token came.
    pub(crate) const fn transport(&self) -> Transport {
        match self {
            Self::Signed(signed) => signed.transport,
            Self::Refresh(_) => Transport::Cookie,
        }
    }

    /// The caller. A refresh token speaks for its user only while it is the live one of its session: one that was
    /// used before may be in the hands of a thief.
    pub(crate) async fn caller(self, state: &State) -> Result<UserSession, Problem> {
        let token = match self {
            Self::Signed(signed) => return Ok(signed.caller),
            Self::Refresh(token) => token,
        };
        match state.app.tokens.introspect(token.expose(), Some(TokenKind::Refresh)).await? {
            Some(ActiveToken::Refresh(session)) => Ok(UserSession {
                user: session.user,
                session: session.id,
                client_id: session.client_id,
                scope: session.scope,
                roles: Vec::new(),
                expires_at: session.idle_expires_at,
                impersonation: session.impersonation,
            }),
            Some(ActiveToken::Access(_)) | None => Err(Problem::unauthenticated(true)),
        }
    }

    fn by_cookies(visit: &Visit, request: &Request) -> Result<Self, Problem> {
        let (headers, settings) = (request.headers(), &visit.state.settings);
        let cookies = Cookies::of(settings);
        let jar = Jar::read(headers, cookies)?;
        if jar.access.is_none() && jar.refresh.is_none() {
            // A foreign page's form comes without them: the answer must not take them away.
            return Err(Problem::unauthenticated(false));
        }
        csrf::check_source(headers, settings)?;
        Self::by_jar(visit, request, &jar).map_err(|refused| forgetting(refused, cookies))
    }

    fn by_jar(visit: &Visit, request: &Request, jar: &Jar<'_>) -> Result<Self, Problem> {
        let (headers, state) = (request.headers(), &visit.state);
        let signed = match jar.access {
            Some(token) => Signed::by_cookie(visit, request, token),
            None => Err(Problem::unauthenticated(false)),
        };
        let (refused, token) = match (signed, jar.refresh) {
            (Ok(signed), _) => return Ok(Self::Signed(signed)),
            (Err(refused), Some(token)) if refused.code == Code::Unauthenticated => (refused, token),
            (Err(refused), _) => return Err(refused),
        };
        let Some(session) = state.app.sessions.session_of(token) else { return Err(refused) };
        // The page cannot see which of its cookies has expired: either token of the session will do.
        csrf::check_token(headers, &*state.settings.mac, session, &[Protects::Refresh, Protects::Access])?;
        Ok(Self::Refresh(SecretString::from(token.to_owned())))
    }
}

impl<'a> ApiExtractor<'a> for Leaving {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        Signed::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![BEARER_SCHEME, ACCESS_SCHEME, REFRESH_SCHEME]
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        let visit = Visit::of(request)?;
        if let Some(signed) = Signed::by_header(visit, request.headers())? {
            return Ok(Self::Signed(signed));
        }
        Ok(Self::by_cookies(visit, request)?)
    }
}

/// Cookies that open nothing are of no more use to the browser either.
pub(crate) fn forgetting(refused: Problem, cookies: Cookies) -> Problem {
    if !matches!(refused.code, Code::Unauthenticated | Code::InvalidRefreshToken) {
        return refused;
    }
    cookies.forget().into_iter().fold(refused, |refused, cookie| refused.with_header(header::SET_COOKIE, cookie))
}
