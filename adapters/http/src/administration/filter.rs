//! Filters of lists: query parameters that may be absent. Nothing but what a filter knows gets through.

use std::borrow::Cow;
use std::marker::PhantomData;

use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaParamIn, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use portcullis_domain::Timestamp;
use portcullis_domain::access::RoleName;
use portcullis_domain::accounts::{Email, UserStatus, Username};
use portcullis_domain::audit::{Action, Actor};
use portcullis_domain::ids::UserId;

use crate::oauth::decode;
use crate::page::parameter;
use crate::problem::{Code, Place, Problem, Reason};

/// A kind of filter.
pub(crate) trait Kind: Send + 'static {
    /// What it filters by.
    type Value: Send;

    /// The schema of the parameter.
    fn schema() -> MetaSchema;

    /// Reads a value; otherwise says what one is.
    fn read(text: &str) -> Result<Self::Value, Cow<'static, str>>;
}

/// A query parameter of this kind, if it is there. Its value is percent-decoded; a `+` is itself, for no value has spaces.
pub(crate) struct Filter<K: Kind>(pub(crate) Option<K::Value>, PhantomData<K>);

impl<'a, K: Kind> ApiExtractor<'a> for Filter<K> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

    type ParamType = ();
    type ParamRawType = ();

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Query)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(MetaSchemaRef::Inline(Box::new(K::schema())))
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let Some(raw) = parameter(request, options.name)? else { return Ok(Self(None, PhantomData)) };
        let wrong = |why| wrong(options.name, "malformed", why);
        let text = decode(&raw.replace('+', "%2B")).ok_or_else(|| wrong("it is not percent-encoded UTF-8".into()))?;
        Ok(Self(Some(K::read(&text).map_err(wrong)?), PhantomData))
    }
}

/// A parameter that has a value it cannot have.
pub(super) fn wrong(name: &'static str, code: &'static str, why: Cow<'static, str>) -> Problem {
    Problem::violations(Code::InvalidParameter, vec![Reason::new(code, why).at(Place::Parameter(name.into()))])
}

/// The beginning of an e-mail address.
pub(crate) struct EmailBeginning;

impl Kind for EmailBeginning {
    type Value = String;

    fn schema() -> MetaSchema {
        MetaSchema {
            min_length: Some(1),
            max_length: Some(Email::MAX_BYTES),
            pattern: Some(r"^[^\s\u0000-\u001F\u007F-\u009F]+$".to_owned()),
            ..MetaSchema::new("string")
        }
    }

    fn read(text: &str) -> Result<String, Cow<'static, str>> {
        Email::key_prefix(text).map_err(|_| "it is the beginning of an e-mail address".into())
    }
}

/// The beginning of a username.
pub(crate) struct UsernameBeginning;

impl Kind for UsernameBeginning {
    type Value = String;

    fn schema() -> MetaSchema {
        MetaSchema {
            min_length: Some(1),
            max_length: Some(Username::MAX_CHARS),
            pattern: Some("^[A-Za-z0-9._-]+$".to_owned()),
            ..MetaSchema::new("string")
        }
    }

    fn read(text: &str) -> Result<String, Cow<'static, str>> {
        Username::key_prefix(text).map_err(|_| "it is the beginning of a username".into())
    }
}

/// Whether an account may be used.
pub(crate) struct Status;

impl Kind for Status {
    type Value = UserStatus;

    fn schema() -> MetaSchema {
        choice([UserStatus::Active, UserStatus::Disabled].map(UserStatus::as_str))
    }

    fn read(text: &str) -> Result<UserStatus, Cow<'static, str>> {
        UserStatus::parse(text).ok_or_else(|| "it is `active` or `disabled`".into())
    }
}

/// A role, by name.
pub(crate) struct Role;

impl Kind for Role {
    type Value = RoleName;

    fn schema() -> MetaSchema {
        MetaSchema {
            min_length: Some(1),
            max_length: Some(RoleName::MAX),
            pattern: Some("^[a-z][a-z0-9._-]*$".to_owned()),
            ..MetaSchema::new("string")
        }
    }

    fn read(text: &str) -> Result<RoleName, Cow<'static, str>> {
        RoleName::parse(text).map_err(|error| error.to_string().into())
    }
}

/// An instant.
pub(crate) struct Instant;

impl Kind for Instant {
    type Value = Timestamp;

    fn schema() -> MetaSchema {
        MetaSchema::new_with_format("string", "date-time")
    }

    fn read(text: &str) -> Result<Timestamp, Cow<'static, str>> {
        Timestamp::parse_rfc3339(text).ok_or_else(|| "it is an instant like 2026-01-31T12:00:00Z (RFC 3339)".into())
    }
}

/// An account, by id.
pub(crate) struct Account;

impl Kind for Account {
    type Value = UserId;

    fn schema() -> MetaSchema {
        MetaSchema::new_with_format("string", "uuid")
    }

    fn read(text: &str) -> Result<UserId, Cow<'static, str>> {
        text.parse().map_err(|_| "it is the id of an account".into())
    }
}

/// Who acts, as the audit trail writes it.
pub(crate) struct ByActor;

impl Kind for ByActor {
    type Value = Actor;

    fn schema() -> MetaSchema {
        MetaSchema {
            max_length: Some(80),
            pattern: Some("^(anonymous|operator|service|(user|api_key|client):[A-Za-z0-9._-]+)$".to_owned()),
            ..MetaSchema::new("string")
        }
    }

    fn read(text: &str) -> Result<Actor, Cow<'static, str>> {
        let (kind, id) = text.split_once(':').map_or((text, None), |(kind, id)| (kind, Some(id)));
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let actor = Actor::parse(kind, id).filter(|_| id.is_none_or(|id| !id.is_empty() && id.bytes().all(plain)));
        actor.filter(|_| text.len() <= 80).ok_or_else(|| {
            "it is `user:<id>`, `api_key:<id>`, `client:<id>`, `operator`, `service` or `anonymous`".into()
        })
    }
}

/// What was done.
pub(crate) struct OfAction;

impl Kind for OfAction {
    type Value = Action;

    fn schema() -> MetaSchema {
        choice(Action::ALL.iter().map(|action| action.as_str()))
    }

    fn read(text: &str) -> Result<Action, Cow<'static, str>> {
        Action::parse(text).ok_or_else(|| "it is one of the actions that the document lists".into())
    }
}

/// One of these words.
pub(super) fn choice(words: impl IntoIterator<Item = &'static str>) -> MetaSchema {
    MetaSchema { enum_items: words.into_iter().map(Into::into).collect(), ..MetaSchema::new("string") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_is_written_as_in_the_trail() {
        let id = "01981f3e-7a60-7c1e-9d0b-52f1c1a6a001";
        for fine in
            [&format!("user:{id}"), &format!("api_key:{id}"), "client:orders", "operator", "service", "anonymous"]
        {
            assert_eq!(ByActor::read(fine).expect("an actor").to_string(), *fine);
        }
        for wrong in
            ["", "user", "user:", "user:x", "operator:", "operator:1", "client:a b", "client:", "root", "' OR 1=1--"]
        {
            assert!(ByActor::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_action_is_a_filter() {
        for action in Action::ALL {
            assert_eq!(OfAction::read(action.as_str()), Ok(*action));
        }
        assert!(OfAction::read("session.login'--").is_err());
    }
}
