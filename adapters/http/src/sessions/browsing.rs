//! A page that was reloaded, and what its browser still holds.

use poem::{Request, RequestBody};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use portcullis_domain::ids::SessionId;

use crate::caller::Signed;
use crate::cookies::{ACCESS_SCHEME, Cookies, Jar, REFRESH_SCHEME};
use crate::problem::{Code, Problem};
use crate::state::Visit;

/// A browser with a session: by its access cookie, or by its refresh cookie when the other has expired.
pub(crate) enum Browsing {
    Access(SessionId),
    Refresh(String),
}

impl<'a> ApiExtractor<'a> for Browsing {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn security_schemes() -> Vec<&'static str> {
        vec![ACCESS_SCHEME, REFRESH_SCHEME]
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        let visit = Visit::of(request)?;
        let state = &visit.state;
        let jar = Jar::credentials(request.headers(), Cookies::of(&state.settings))?;
        let refused = match jar.access.map(|token| Signed::by_cookie(visit, request, token)) {
            Some(Ok(signed)) => return Ok(Self::Access(signed.caller.session)),
            Some(Err(refused)) => refused,
            None => Problem::unauthenticated(false),
        };
        let token = jar.refresh.filter(|token| state.app.sessions.session_of(token).is_some());
        match token {
            Some(token) if refused.code == Code::Unauthenticated => Ok(Self::Refresh(token.to_owned())),
            _ => Err(refused.into()),
        }
    }
}
