//! The refresh token that a request presents: in its body, or in the refresh cookie with a CSRF token.

use poem::http::header;
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use portcullis_domain::secret::SecretString;

use crate::body::{Fields, Form, Json, read, read_any};
use crate::caller::Transport;
use crate::cookies::{Cookies, Jar, REFRESH_SCHEME};
use crate::csrf::{self, Protects};
use crate::problem::{Code, Problem, Reason};
use crate::schema::{register, schema_ref};
use crate::state::{State, Visit};

use super::forms::RefreshForm;
use super::leaving::forgetting;

/// A refresh token, and how it came.
pub(crate) struct Presented {
    pub(crate) token: SecretString,
    pub(crate) transport: Transport,
}

impl Presented {
    /// The token in the cookie, of a request that one of our pages meant to send.
    fn by_cookie(state: &State, request: &Request, token: Option<&str>) -> Result<Self, Problem> {
        let (headers, settings) = (request.headers(), &state.settings);
        csrf::check_source(headers, settings)?;
        let refused = Problem::new(Code::InvalidRefreshToken);
        let Some(token) = token else { return Err(refused) };
        let Some(session) = state.app.sessions.session_of(token) else {
            return Err(forgetting(refused, Cookies::of(settings)));
        };
        csrf::check_token(headers, &*settings.mac, session, &[Protects::Refresh])?;
        Ok(Self { token: SecretString::from(token.to_owned()), transport: Transport::Cookie })
    }
}

impl<'a> ApiExtractor<'a> for Presented {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject, ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register::<RefreshForm>(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![REFRESH_SCHEME]
    }

    /// The token can be in the body.
    fn has_security_fallback() -> bool {
        true
    }

    fn request_meta() -> Option<MetaRequest> {
        let media = |&content_type| MetaMediaType { content_type, schema: schema_ref::<RefreshForm>() };
        let content = RefreshForm::MEDIA_TYPES.iter().map(media).collect();
        Some(MetaRequest { description: Some("Not needed with the refresh cookie."), content, required: false })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let state = &Visit::of(request)?.state;
        let headers = request.headers();
        let jar = Jar::credentials(headers, Cookies::of(&state.settings))?;
        let typed = headers.contains_key(header::CONTENT_TYPE);
        let bytes =
            if typed { read(request, body, RefreshForm::MEDIA_TYPES).await? } else { read_any(request, body).await? };
        // A page whose cookie has expired is told so, and not how to write a body.
        let by_cookie = jar.refresh.is_some() || csrf::is_attempted(headers) || !typed;
        if bytes.is_empty() && by_cookie {
            return Ok(Self::by_cookie(state, request, jar.refresh)?);
        }
        if !typed {
            return Err(Problem::detailed(Code::UnsupportedMediaType, "a body has a Content-Type").into());
        }
        let mut fields = Fields::of(Json::parse(&bytes)?)?;
        let token = if by_cookie {
            fields.optional("refresh_token", Ok::<_, Reason>)
        } else {
            fields.required("refresh_token", Ok::<_, Reason>)
        };
        fields.finish()?;
        match token {
            Some(token) => Ok(Self { token: token.into(), transport: Transport::Bearer }),
            None => Ok(Self::by_cookie(state, request, jar.refresh)?),
        }
    }
}
