//! Whoever calls, for a proxy that asks: nothing is looked up that a token says itself.

use poem::http::HeaderName;
use poem::{Request, RequestBody};
use poem_openapi::registry::Registry;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use portcullis_domain::access::RoleName;
use portcullis_domain::caller::{Caller, Impersonation, UserSession};
use portcullis_domain::tokens::{Claims, Scope};

use crate::problem::{Code, Problem};
use crate::state::Visit;

use super::calling::{by_key, unresolved};
use super::{Calling, Credential, Either, still_acts};

/// Where a proxy says which method the request has that it asks for.
const FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");

/// Whoever a valid credential speaks for: a user, a client in its own name, or an API key. It is for operations that
/// change nothing: a cookie is enough, whichever page sent it.
pub(crate) enum Identified {
    /// By an access token, and the roles that its user has now, as far as the token tells of any.
    Token(Box<Claims>, Vec<RoleName>),
    /// By an API key.
    Key(Caller),
}

impl Identified {
    async fn of(request: &Request) -> Result<Self, Problem> {
        let visit = Visit::of(request)?;
        let token = match Credential::of(request.headers(), &visit.state.settings)? {
            Some(Credential::Key(text)) => return Ok(Self::Key(by_key(visit, request, text).await?)),
            Some(Credential::Bearer(token) | Credential::Cookie(token)) => token,
            None => return Err(Problem::unauthenticated(false)),
        };
        let claims = visit.state.app.tokens.identify(token)?;
        let read_only = claims.scope.contains(Scope::READ_ONLY);
        let impersonation = claims.actor.map(|by| Impersonation { by, read_only });
        still_acts(visit, impersonation).await?;
        if impersonation.is_some_and(|acting| acting.read_only) && !is_to_look(request) {
            return Err(Problem::new(Code::ReadOnly));
        }
        let session = claims.roles.is_some().then(|| UserSession::of(claims.clone())).flatten();
        let roles = match session {
            Some(session) => roles_now(visit, session).await?,
            None => Vec::new(),
        };
        Ok(Self::Token(Box::new(claims), roles))
    }
}

/// The roles that count in a session, not older than a quarter of a second.
async fn roles_now(visit: &Visit, session: UserSession) -> Result<Vec<RoleName>, Problem> {
    let resolved = visit.state.app.access.recent_caller(session).await;
    let caller = resolved.map_err(|error| unresolved(error, || Problem::unauthenticated(true)))?;
    Ok(caller.roles)
}

/// Whether a proxy says that it asks for a request that changes nothing. One that says nothing is not believed to.
fn is_to_look(request: &Request) -> bool {
    let mut methods = request.headers().get_all(FORWARDED_METHOD).iter();
    let (Some(method), None) = (methods.next(), methods.next()) else { return false };
    ["GET", "HEAD", "OPTIONS", "TRACE"].iter().any(|harmless| method == harmless)
}

impl<'a> ApiExtractor<'a> for Identified {
    const TYPES: &'static [ApiExtractorType] = Calling::<Either>::TYPES;

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        Calling::<Either>::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        Calling::<Either>::security_schemes()
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        Ok(Self::of(request).await?)
    }
}
