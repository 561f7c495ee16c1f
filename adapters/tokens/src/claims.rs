//! The claims of an access token as JSON (RFC 9068 §2.2), in both formats.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use portcullis_domain::Timestamp;
use portcullis_domain::clients::ClientId;
use portcullis_domain::ids::{SessionId, TokenId, UserId};
use portcullis_domain::tokens::{Claims, Scope, Subject};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::instant::Instant;

/// How far a clock elsewhere may be ahead of ours.
const LEEWAY: Duration = Duration::from_secs(60);

#[derive(Serialize)]
struct Written<'a, T> {
    iss: &'a str,
    sub: String,
    aud: &'a str,
    exp: T,
    iat: T,
    jti: TokenId,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<SessionId>,
    client_id: &'a str,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<WrittenActor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<&'a [String]>,
}

/// Who really acts (RFC 8693 §4.1).
#[derive(Serialize)]
struct WrittenActor {
    sub: UserId,
}

/// A claim that we do not write is refused rather than ignored: it could be a restriction (`nbf`, `cnf`) that this
/// version does not know how to honour. Claims that come twice are refused as well.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "T: Deserialize<'de>"))]
struct Read<'a, T> {
    #[serde(borrow)]
    iss: Cow<'a, str>,
    #[serde(borrow)]
    sub: Cow<'a, str>,
    #[serde(borrow)]
    aud: Cow<'a, str>,
    exp: T,
    iat: T,
    #[serde(borrow)]
    jti: Cow<'a, str>,
    #[serde(default, deserialize_with = "present")]
    sid: Option<String>,
    client_id: String,
    #[serde(borrow)]
    scope: Cow<'a, str>,
    #[serde(default, deserialize_with = "present")]
    auth_time: Option<T>,
    #[serde(default, deserialize_with = "present")]
    act: Option<Actor>,
    #[serde(default, deserialize_with = "present")]
    roles: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    permissions: Option<Vec<String>>,
}

/// Somebody who acts by somebody else (a nested `act`) is nobody that we know.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadActor {
    sub: String,
}

/// Written as an object, and read from nothing else.
struct Actor(UserId);

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OfActor)
    }
}

struct OfActor;

impl<'de> Visitor<'de> for OfActor {
    type Value = Actor;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the id of a user as `sub`")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Actor, A::Error> {
        let ReadActor { sub } = ReadActor::deserialize(MapAccessDeserializer::new(map))?;
        sub.parse().map(Actor).map_err(|_| A::Error::custom("not the id of a user"))
    }
}

/// What is there must have a value: `null` is refused.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

/// The JSON of `claims`, always in the same order.
pub(crate) fn write<T: Instant + Serialize>(claims: &Claims) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Written {
        iss: &claims.issuer,
        sub: claims.sub(),
        aud: &claims.audience,
        exp: T::spell(claims.expires_at),
        iat: T::spell(claims.issued_at),
        jti: claims.id,
        sid: match claims.subject {
            Subject::User { session, .. } => Some(session),
            Subject::Client => None,
        },
        client_id: &claims.client_id,
        scope: claims.scope.to_string(),
        auth_time: claims.authenticated_at.map(T::spell),
        act: claims.actor.map(|sub| WrittenActor { sub }),
        roles: claims.roles.as_deref(),
        permissions: claims.permissions.as_deref(),
    })
}

/// Reads what [`write`] wrote for this issuer and audience; `None` for anything else.
pub(crate) fn read<'a, T>(json: &'a [u8], issuer: &str, audience: &str) -> Option<Claims>
where
    T: Instant + Deserialize<'a>,
{
    // serde would read a list as well.
    if json.first() != Some(&b'{') {
        return None;
    }
    let read: Read<'a, T> = serde_json::from_slice(json).ok()?;
    if read.iss != issuer || read.aud != audience {
        return None;
    }
    let authenticated_at = match read.auth_time {
        Some(at) => Some(at.read()?),
        None => None,
    };
    let subject = subject(&read.sub, read.sid.as_deref(), &read.client_id, authenticated_at.is_some())?;
    // Nobody acts as a client.
    if read.act.is_some() && subject == Subject::Client {
        return None;
    }
    Some(Claims {
        issuer: read.iss.into_owned(),
        subject,
        audience: read.aud.into_owned(),
        expires_at: read.exp.read()?,
        issued_at: read.iat.read()?,
        id: read.jti.parse().ok()?,
        client_id: read.client_id,
        scope: Scope::parse(&read.scope).ok()?,
        authenticated_at,
        actor: read.act.map(|Actor(id)| id),
        roles: read.roles,
        permissions: read.permissions,
    })
}

/// Whom a token speaks for. Only a user has a session; a client speaks for itself, nobody has signed in, and its id is
/// never in the form of a user's: so neither is taken for the other (RFC 9068 §5, RFC 9700 §4.15).
fn subject(sub: &str, sid: Option<&str>, client_id: &str, authenticated: bool) -> Option<Subject> {
    match sid {
        Some(sid) => Some(Subject::User { id: sub.parse().ok()?, session: sid.parse().ok()? }),
        None if sub == client_id && !authenticated => ClientId::parse(sub).ok().map(|_| Subject::Client),
        None => None,
    }
}

/// Whether a token may be used at `now`: not expired, and not from the future.
pub(crate) fn are_current(claims: &Claims, now: Timestamp) -> bool {
    now < claims.expires_at && claims.issued_at <= now.plus(LEEWAY)
}
