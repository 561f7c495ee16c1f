//! Who calls, as far as an operation wants to know it.
//!
//! [`Signed`] is a user in a session, judged by the token alone; [`Personal`] the same, and nobody who acts as them.
//! [`Calling`] is whoever calls, with what they may do at this moment, and only those whom the operation is for.

mod calling;
mod credential;
mod identified;
mod staying;

use std::future::ready;

use futures_util::FutureExt;
use poem::http::{HeaderMap, Method};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use portcullis_domain::access::{Asked, Standing};
use portcullis_domain::accounts::UserStatus;
use portcullis_domain::caller::{Impersonation, UserSession};

use crate::cookies::{ACCESS_SCHEME, Cookies, Jar};
use crate::csrf::{self, Protects};
use crate::problem::{Code, Problem};
use crate::state::Visit;

pub(crate) use calling::{Calling, Either, InPerson, KeyOnly, Takes};
pub(crate) use credential::{API_KEY, Credential};
pub(crate) use identified::Identified;
pub(crate) use staying::Staying;

/// The name of the security scheme of access tokens in the OpenAPI document.
pub(crate) const BEARER_SCHEME: &str = "bearer";
/// The name of the security scheme of API keys.
pub(crate) const KEY_SCHEME: &str = "apiKey";

/// How tokens travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Transport {
    /// In bodies and in headers: the client keeps them.
    #[default]
    Bearer,
    /// In cookies: the browser keeps them.
    Cookie,
}

/// A user with a valid access token.
pub(crate) struct Signed {
    pub(crate) caller: UserSession,
    /// How the token came.
    pub(crate) transport: Transport,
}

impl Signed {
    /// The caller behind the headers; `None` where cookies may speak.
    pub(crate) fn by_header(visit: &Visit, headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let token = match Credential::in_headers(headers)? {
            Some(Credential::Bearer(token)) => token,
            Some(Credential::Key(_) | Credential::Cookie(_)) => return Err(Problem::token_needed()),
            None => return Ok(None),
        };
        let caller = visit.state.app.tokens.authenticate(token)?;
        visit.note_impersonator(caller.impersonation)?;
        Ok(Some(Self { caller, transport: Transport::Bearer }))
    }

    /// The caller behind an access cookie. What changes anything must come from one of our pages.
    pub(crate) fn by_cookie(visit: &Visit, request: &Request, token: &str) -> Result<Self, Problem> {
        let (headers, settings) = (request.headers(), &visit.state.settings);
        let harmless = is_harmless(request);
        if !harmless {
            csrf::check_source(headers, settings)?;
        }
        let caller = visit.state.app.tokens.authenticate(token)?;
        if !harmless {
            csrf::check_token(headers, &*settings.mac, caller.session, &[Protects::Access])?;
        }
        visit.note_impersonator(caller.impersonation)?;
        Ok(Self { caller, transport: Transport::Cookie })
    }

    /// The caller behind a request, whatever it wants to do.
    fn of(request: &Request) -> Result<Self, Problem> {
        let visit = Visit::of(request)?;
        if let Some(signed) = Self::by_header(visit, request.headers())? {
            return Ok(signed);
        }
        let jar = Jar::read(request.headers(), Cookies::of(&visit.state.settings))?;
        let token = jar.access.ok_or_else(|| Problem::unauthenticated(false))?;
        Self::by_cookie(visit, request, token)
    }

    /// The caller behind a request, if they may do what it wants.
    async fn judged(request: &Request) -> Result<Self, Problem> {
        let signed = Self::of(request)?;
        still_acts(Visit::of(request)?, signed.caller.impersonation).await?;
        may_change(&signed.caller, request)?;
        Ok(signed)
    }
}

impl<'a> ApiExtractor<'a> for Signed {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_tokens(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        TOKEN_SCHEMES.to_vec()
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        let signed = Self::judged(request).await?;
        Visit::of(request)?.note_judge(|request| async move { Self::judged(request).await.map(drop) }.boxed());
        Ok(signed)
    }
}

/// A user with a valid access token, in person.
pub(crate) struct Personal(pub(crate) Signed);

impl<'a> ApiExtractor<'a> for Personal {
    const TYPES: &'static [ApiExtractorType] = Signed::TYPES;

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        Signed::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        Signed::security_schemes()
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        let signed = Self::judged(request)?;
        Visit::of(request)?.note_judge(|request| ready(Self::judged(request).map(drop)).boxed());
        Ok(signed)
    }
}

impl Personal {
    fn judged(request: &Request) -> Result<Self, Problem> {
        let signed = Signed::of(request)?;
        in_person(&signed.caller)?;
        Ok(Self(signed))
    }
}

/// Refuses somebody who acts as the user.
pub(crate) const fn in_person(caller: &UserSession) -> Result<(), Problem> {
    match caller.impersonation {
        Some(_) => Err(Problem::new(Code::Impersonated)),
        None => Ok(()),
    }
}

/// Refuses somebody who acts as the user and may not do that any more. What is known of them is not older than a quarter
/// of a second.
async fn still_acts(visit: &Visit, impersonation: Option<Impersonation>) -> Result<(), Problem> {
    let Some(Impersonation { by, read_only }) = impersonation else { return Ok(()) };
    let asked = if read_only { Asked::Impersonate } else { Asked::ImpersonateWrite };
    let standing = visit.state.app.access.recent_standing(by).await?;
    let may = |standing: &Standing| standing.status == UserStatus::Active && standing.permissions.allow(&asked.into());
    standing.filter(may).map(|_| ()).ok_or_else(|| Problem::unauthenticated(true))
}

/// Refuses somebody who acts as the user, may only look, and wants more.
fn may_change(caller: &UserSession, request: &Request) -> Result<(), Problem> {
    match caller.impersonation {
        Some(impersonation) if impersonation.read_only && !is_harmless(request) => Err(Problem::new(Code::ReadOnly)),
        _ => Ok(()),
    }
}

/// Whether a request changes nothing.
fn is_harmless(request: &Request) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method())
}

/// The schemes of what takes an access token.
const TOKEN_SCHEMES: [&str; 2] = [BEARER_SCHEME, ACCESS_SCHEME];

fn register_tokens(registry: &mut Registry) {
    let scheme = MetaSecurityScheme {
        ty: "http",
        description: Some("The access token of a session, from login or refresh, or of a client."),
        name: None,
        key_in: None,
        scheme: Some("bearer"),
        bearer_format: Some("JWT or PASETO"),
        flows: None,
        openid_connect_url: None,
    };
    registry.create_security_scheme(BEARER_SCHEME, scheme);
}

fn register_keys(registry: &mut Registry) {
    let scheme = MetaSecurityScheme {
        ty: "apiKey",
        description: Some("An API key: `pk_<id>_<secret>`, from `POST /api/v1/me/api-keys`."),
        name: Some("X-API-Key"),
        key_in: Some("header"),
        scheme: None,
        bearer_format: None,
        flows: None,
        openid_connect_url: None,
    };
    registry.create_security_scheme(KEY_SCHEME, scheme);
}
