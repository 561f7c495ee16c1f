//! What a browser still holds when it logs in: a session that ends now, and the token of its device.

use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaParamIn, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use portcullis_domain::ids::SessionId;
use portcullis_domain::secret::SecretString;
use portcullis_domain::tokens::{ActiveToken, AuthenticateError, TokenKind};

use crate::answer::DEVICE_TOKEN;
use crate::cookies::Jar;
use crate::problem::Problem;
use crate::state::State;

/// The session whose cookies a login overwrites, whosever it is: nobody could end it from this browser any more. A
/// refresh token that was used before speaks for nobody: a thief may hold it.
pub(crate) async fn held_session(state: &State, jar: Jar<'_>) -> Result<Option<SessionId>, Problem> {
    if let Some(token) = jar.refresh
        && let Some(ActiveToken::Refresh(session)) =
            state.app.tokens.introspect(token, Some(TokenKind::Refresh)).await?
    {
        return Ok(Some(session.id));
    }
    match jar.access.map(|token| state.app.tokens.authenticate(token)) {
        Some(Ok(caller)) => Ok(Some(caller.session)),
        Some(Err(AuthenticateError::Failure(failure))) => Err(failure.into()),
        Some(Err(AuthenticateError::Unauthenticated | AuthenticateError::NotAUser)) | None => Ok(None),
    }
}

/// The device token in the header of a login. What is none of ours makes the device a new one.
pub(crate) struct DeviceToken(pub(crate) Option<SecretString>);

impl<'a> ApiExtractor<'a> for DeviceToken {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

    type ParamType = ();
    type ParamRawType = ();

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))))
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        let mut sent = request.headers().get_all(DEVICE_TOKEN).iter();
        let token = sent.next().filter(|_| sent.next().is_none());
        Ok(Self(token.and_then(|token| token.to_str().ok()).map(|token| SecretString::from(token.to_owned()))))
    }
}
