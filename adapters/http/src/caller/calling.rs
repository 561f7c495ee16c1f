//! Whoever calls, with what they may do at this moment.

use std::marker::PhantomData;
use std::sync::Arc;

use futures_util::FutureExt;
use poem::{Request, RequestBody};
use poem_openapi::registry::Registry;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use portcullis_domain::access::{Recognized, ResolveError};
use portcullis_domain::caller::{Caller, Identity};
use portcullis_domain::tokens::{Claims, Subject};

use crate::csrf::{self, Protects};
use crate::limits;
use crate::origin::From as Origin;
use crate::problem::{Code, Problem};
use crate::routes::Matched;
use crate::state::Visit;

use super::{
    Credential, KEY_SCHEME, TOKEN_SCHEMES, in_person, is_harmless, may_change, register_keys, register_tokens,
};

/// What an operation takes as proof of who calls.
pub(crate) trait Takes: Send + Sync + 'static {
    /// Whether it takes access tokens, in the header or in the cookie.
    const TOKENS: bool;
    /// Whether it takes API keys.
    const KEYS: bool;
    /// Whether it is for users alone, and for nobody who acts as them.
    const IN_PERSON: bool = false;
}

/// An access token or an API key.
pub(crate) struct Either;
impl Takes for Either {
    const TOKENS: bool = true;
    const KEYS: bool = true;
}

/// An API key.
pub(crate) struct KeyOnly;
impl Takes for KeyOnly {
    const TOKENS: bool = false;
    const KEYS: bool = true;
}

/// An access token of a user, presented by that user.
pub(crate) struct InPerson;
impl Takes for InPerson {
    const TOKENS: bool = true;
    const KEYS: bool = false;
    const IN_PERSON: bool = true;
}

/// Whoever calls, if the operation is for them: who has not the permission that it asks for gets no further, and
/// nothing else of the request is read. What the body makes necessary besides the use case decides.
///
/// It stands before [`Origin`] among the arguments of an operation: who really acts is known only then.
pub(crate) struct Calling<K = Either> {
    /// Who, and what they may do.
    pub(crate) caller: Caller,
    kind: PhantomData<K>,
}

/// When it is asked who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Time {
    /// At the head of the request: whatever is counted is counted.
    First,
    /// Later in the same request, which goes on only if it would still begin.
    Again,
}

impl<K: Takes> Calling<K> {
    /// Whoever calls, at the head of a request. When its body took its time they are asked for again, and must not have lost
    /// anything meanwhile: what the handler was given is still true then.
    async fn first(request: &Request) -> Result<Self, Problem> {
        let calling = Self::of(request, Time::First).await?;
        if !is_harmless(request) {
            let held = Arc::new((calling.caller.permissions.clone(), calling.caller.roles.clone()));
            Visit::of(request)?.note_judge(move |request| {
                let held = held.clone();
                async move {
                    let now = Self::again(request).await?.caller;
                    let (permissions, roles) = &*held;
                    let still = now.permissions.cover(permissions) && roles.iter().all(|role| now.roles.contains(role));
                    if still { Ok(()) } else { Err(Problem::permitted_less()) }
                }
                .boxed()
            });
        }
        Ok(calling)
    }

    /// The same caller later on, judged as at the head, without another use of an API key or of any limit.
    pub(super) async fn again(request: &Request) -> Result<Self, Problem> {
        Self::of(request, Time::Again).await
    }

    async fn of(request: &Request, time: Time) -> Result<Self, Problem> {
        let visit = Visit::of(request)?;
        let caller = match Credential::of(request.headers(), &visit.state.settings)? {
            Some(Credential::Key(text)) if K::KEYS && time == Time::Again => by_key_again(visit, request, text).await?,
            Some(Credential::Key(text)) if K::KEYS => by_key(visit, request, text).await?,
            Some(Credential::Key(_)) => return Err(Problem::token_needed()),
            _ if !K::TOKENS => return Err(Problem::key_needed()),
            Some(Credential::Bearer(token)) => {
                let claims = visit.state.app.tokens.identify(token)?;
                by_claims(visit, &claims).await?
            }
            Some(Credential::Cookie(token)) => by_cookie(visit, request, token).await?,
            None => return Err(Problem::unauthenticated(false)),
        };
        if K::IN_PERSON {
            in_person(caller.session().ok_or_else(|| Problem::new(Code::UserRequired))?)?;
        }
        if let Some(session) = caller.session() {
            may_change(session, request)?;
        }
        if let Some(matched) = request.data::<Arc<Matched>>() {
            permitted(visit, request, &caller, matched).await?;
            if matched.is_export && time == Time::First {
                limits::count_export(visit, &caller).await?;
            }
        }
        Ok(Self { caller, kind: PhantomData })
    }
}

/// Refuses whoever lacks the permission that an operation asks for. That somebody tried to change something is put on
/// record, as the use cases do it: as often as the limit lets them try.
async fn permitted(visit: &Visit, request: &Request, caller: &Caller, matched: &Matched) -> Result<(), Problem> {
    let Some((operation, asked)) = matched.asked else { return Ok(()) };
    let Err(forbidden) = caller.require(asked) else { return Ok(()) };
    if !is_harmless(request) {
        visit.state.app.audit.deny(caller, operation, &Origin::of(request)).await?;
    }
    Err(forbidden.into())
}

async fn by_claims(visit: &Visit, claims: &Claims) -> Result<Caller, Problem> {
    let resolved = visit.state.app.access.resolve_token(claims).await;
    let caller = resolved.map_err(|error| unresolved(error, || Problem::unauthenticated(true)))?;
    visit.note_impersonator(caller.session().and_then(|session| session.impersonation))?;
    Ok(caller)
}

async fn by_cookie(visit: &Visit, request: &Request, token: &str) -> Result<Caller, Problem> {
    let (headers, settings) = (request.headers(), &visit.state.settings);
    let harmless = is_harmless(request);
    if !harmless {
        csrf::check_source(headers, settings)?;
    }
    let claims = visit.state.app.tokens.identify(token)?;
    // No client keeps its token in a cookie of ours.
    let Subject::User { session, .. } = claims.subject else { return Err(Problem::unauthenticated(true)) };
    if !harmless {
        csrf::check_token(headers, &*settings.mac, session, &[Protects::Access])?;
    }
    by_claims(visit, &claims).await
}

/// The caller behind an API key, counted by the limit that the key has. A key that nobody has used here is counted before
/// the database is asked, so that whoever guesses too often costs nothing there; one that is good is not counted for long.
pub(super) async fn by_key(visit: &Visit, request: &Request, text: &str) -> Result<Caller, Problem> {
    let (access, origin) = (&visit.state.app.access, Origin::of(request));
    let resolved = match access.recognize_key(text, &origin) {
        Recognized::Known(caller) => caller.map(|caller| *caller),
        Recognized::Before => access.resolve_key(text, &origin).await,
        Recognized::Stranger => {
            // Whoever holds a key that is good, and uses it from the wrong place, is not guessing.
            let is_good =
                |found: &Result<_, ResolveError>| matches!(found, Ok(_) | Err(ResolveError::AddressNotAllowed));
            limits::count_guess(visit, access.resolve_key(text, &origin), is_good).await?
        }
    };
    let caller = resolved.map_err(|error| unresolved(error, Problem::key_refused))?;
    if let Identity::ApiKey { id, quota: Some(quota), .. } = caller.identity {
        limits::count_key(visit, id, quota).await?;
    }
    Ok(caller)
}

/// The same caller once more: nothing is counted.
async fn by_key_again(visit: &Visit, request: &Request, text: &str) -> Result<Caller, Problem> {
    let resolved = visit.state.app.access.check_key(text, &Origin::of(request)).await;
    resolved.map_err(|error| unresolved(error, Problem::key_refused))
}

/// What it means that nobody was found behind a credential.
pub(super) fn unresolved(error: ResolveError, unauthenticated: impl FnOnce() -> Problem) -> Problem {
    match error {
        ResolveError::Unauthenticated => unauthenticated(),
        ResolveError::AddressNotAllowed => Problem::new(Code::AddressNotAllowed),
        ResolveError::Failure(failure) => failure.into(),
    }
}

impl<'a, K: Takes> ApiExtractor<'a> for Calling<K> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        if K::TOKENS {
            register_tokens(registry);
        }
        if K::KEYS {
            register_keys(registry);
        }
    }

    fn security_schemes() -> Vec<&'static str> {
        let tokens = TOKEN_SCHEMES.into_iter().filter(|_| K::TOKENS);
        tokens.chain(K::KEYS.then_some(KEY_SCHEME)).collect()
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        Ok(Self::first(request).await?)
    }
}
