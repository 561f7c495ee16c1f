//! The answers of login and refresh: tokens in the body or in cookies, and what is said beside them.

use poem::http::{HeaderName, HeaderValue, header};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use portcullis_domain::secret::SecretString;
use portcullis_domain::sessions::{RefreshOutcome, SignedIn, TokenPair};

use crate::answer::{DEVICE_TOKEN, Found, REFRESH_OUTCOME, header as described, refresh_outcome, set_cookie};
use crate::body::JSON;
use crate::caller::Transport;
use crate::cookies::Cookies;
use crate::problem::Problem;
use crate::schema::{register, schema_ref};
use crate::settings::HttpSettings;

use super::{CookieTokensView, TokensView};

/// The body with its headers.
struct Granted {
    body: Response,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Granted {
    fn new(settings: &HttpSettings, transport: Transport, pair: TokenPair) -> Result<Self, Problem> {
        match transport {
            Transport::Bearer => Ok(Self { body: Found(TokensView(pair)).into_response(), headers: Vec::new() }),
            Transport::Cookie => {
                let cookies = Cookies::of(settings).keep(&pair)?;
                let body = Found(CookieTokensView::new(&pair, &*settings.mac)).into_response();
                let headers = cookies.map(|cookie| (header::SET_COOKIE, cookie)).to_vec();
                Ok(Self { body, headers })
            }
        }
    }

    fn into_response(self) -> Response {
        let mut response = self.body;
        for (name, value) in self.headers {
            response.headers_mut().append(name, value);
        }
        response
    }
}

/// The answer to a login.
pub(crate) struct LoggedIn(Granted);

impl LoggedIn {
    pub(crate) fn new(settings: &HttpSettings, transport: Transport, signed_in: SignedIn) -> Result<Self, Problem> {
        let SignedIn { pair, device_token, .. } = signed_in;
        let mut granted = Granted::new(settings, transport, pair)?;
        granted.headers.push(match transport {
            Transport::Bearer => (DEVICE_TOKEN, secret(&device_token)?),
            Transport::Cookie => (header::SET_COOKIE, Cookies::of(settings).keep_device(&device_token)?),
        });
        Ok(Self(granted))
    }
}

fn secret(token: &SecretString) -> Result<HeaderValue, Problem> {
    let mut value = HeaderValue::from_str(token.expose()).map_err(Problem::internal)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The answer to a refresh.
pub(crate) struct Refreshed(Granted);

impl Refreshed {
    pub(crate) fn new(
        settings: &HttpSettings,
        transport: Transport,
        (pair, outcome): (TokenPair, RefreshOutcome),
    ) -> Result<Self, Problem> {
        let mut granted = Granted::new(settings, transport, pair)?;
        granted.headers.push((REFRESH_OUTCOME, refresh_outcome(outcome)));
        Ok(Self(granted))
    }
}

impl IntoResponse for LoggedIn {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl IntoResponse for Refreshed {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl ApiResponse for LoggedIn {
    fn meta() -> MetaResponses {
        let device = "With `transport: \"bearer\"`: to be sent in `X-Device-Token` of later logins from this device, so \
                      that failed attempts of others do not hold it up.";
        meta(vec![
            set_cookie("With `transport: \"cookie\"`: the access cookie, the refresh cookie and the device cookie."),
            described("X-Device-Token", device, false),
        ])
    }

    fn register(registry: &mut Registry) {
        register::<TokensView>(registry);
        register::<CookieTokensView>(registry);
    }
}

impl ApiResponse for Refreshed {
    fn meta() -> MetaResponses {
        let outcome = "`rotated`: the token was good, and has its successor. `replayed`: it had been used a moment \
                       before, this is the same successor. On 401 `reuse`: it had been used long before, its session has ended.";
        meta(vec![
            set_cookie("When the refresh token came in its cookie: the next access cookie and refresh cookie."),
            described("X-Refresh-Outcome", outcome, true),
        ])
    }

    fn register(registry: &mut Registry) {
        LoggedIn::register(registry);
    }
}

fn meta(headers: Vec<MetaHeader>) -> MetaResponses {
    let one_of = vec![schema_ref::<TokensView>(), schema_ref::<CookieTokensView>()];
    let schema = MetaSchemaRef::Inline(Box::new(MetaSchema { one_of, ..MetaSchema::ANY }));
    let response = MetaResponse {
        description: "The tokens, or what a page needs when they are in cookies.",
        status: Some(200),
        status_range: None,
        content: vec![MetaMediaType { content_type: JSON, schema }],
        headers,
    };
    MetaResponses { responses: vec![response] }
}
