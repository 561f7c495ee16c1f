//! The claims of an access token as JSON (RFC 9068 §2.2), in both formats.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Map;

use crate::claims::Body;
use crate::instant::Instant;
use crate::rejected::Rejected;

/// The claims that have a meaning here; others are kept for the service to look at (RFC 7519 §4).
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Name {
    Iss,
    Sub,
    Aud,
    Exp,
    Iat,
    Nbf,
    Jti,
    Sid,
    ClientId,
    Scope,
    AuthTime,
    Act,
    Roles,
    Permissions,
    Cnf,
    Other(String),
}

/// Who really acts (RFC 8693 §4.1). Other members are passed over, those that acted before them as well.
struct Actor(String);

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OfActor)
    }
}

struct OfActor;

impl<'de> Visitor<'de> for OfActor {
    type Value = Actor;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object that names who acts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Actor, A::Error> {
        let mut sub: Option<String> = None;
        while let Some(name) = map.next_key::<String>()? {
            if name == "sub" {
                once(&mut sub, map.next_value()?)?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        let sub = there(sub)?;
        if sub.is_empty() { Err(A::Error::custom("nobody acts")) } else { Ok(Actor(sub)) }
    }
}

struct Read {
    body: Body,
    /// There is a `cnf` (RFC 7800): the token is no bearer token.
    is_bound: bool,
}

/// Reads the claims. A claim that comes twice, is `null`, or is of another JSON type is `Malformed`.
pub(crate) fn read<'a, T: Instant<'a>>(json: &'a [u8]) -> Result<Body, Rejected> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let read = deserializer.deserialize_map(Payload::<T>(PhantomData)).map_err(|_| Rejected::Malformed)?;
    deserializer.end().map_err(|_| Rejected::Malformed)?;
    if read.is_bound { Err(Rejected::Bound) } else { Ok(read.body) }
}

struct Payload<T>(PhantomData<T>);

impl<'de, T: Instant<'de>> Visitor<'de> for Payload<T> {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the claims of an access token")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Read, A::Error> {
        let (mut iss, mut sub, mut aud, mut jti, mut client_id) = (None, None, None, None, None);
        let (mut exp, mut iat, mut nbf, mut auth_time) = (None, None, None, None);
        let (mut sid, mut scope, mut act, mut roles, mut permissions) = (None, None, None, None, None);
        let (mut others, mut is_bound) = (Map::new(), false);
        while let Some(name) = map.next_key::<Name>()? {
            match name {
                Name::Iss => once(&mut iss, map.next_value()?)?,
                Name::Sub => once(&mut sub, map.next_value()?)?,
                Name::Aud => once(&mut aud, map.next_value()?)?,
                Name::Exp => once(&mut exp, map.next_value::<T>()?)?,
                Name::Iat => once(&mut iat, map.next_value::<T>()?)?,
                Name::Nbf => once(&mut nbf, map.next_value::<T>()?)?,
                Name::Jti => once(&mut jti, map.next_value()?)?,
                Name::Sid => once(&mut sid, map.next_value()?)?,
                Name::ClientId => once(&mut client_id, map.next_value()?)?,
                Name::Scope => once(&mut scope, map.next_value()?)?,
                Name::AuthTime => once(&mut auth_time, map.next_value::<T>()?)?,
                Name::Act => once(&mut act, map.next_value()?)?,
                Name::Roles => once(&mut roles, map.next_value()?)?,
                Name::Permissions => once(&mut permissions, map.next_value()?)?,
                Name::Cnf => {
                    map.next_value::<IgnoredAny>()?;
                    is_bound = true;
                }
                Name::Other(name) => {
                    if others.insert(name, map.next_value()?).is_some() {
                        return Err(twice());
                    }
                }
            }
        }
        let body = Body {
            issuer: there(iss)?,
            subject: there(sub)?,
            audience: there(aud)?,
            expires_at: there(exp)?.seconds(),
            issued_at: there(iat)?.seconds(),
            not_before: nbf.map(Instant::seconds),
            id: there(jti)?,
            session: sid,
            client_id: there(client_id)?,
            scope: scope.unwrap_or_default(),
            authenticated_at: auth_time.map(Instant::seconds),
            actor: act.map(|Actor(id)| id),
            roles,
            permissions,
            others,
            heard: Default::default(),
        };
        Ok(Read { body, is_bound })
    }
}

/// Takes the value of a claim that must not have come before.
fn once<V, E: Error>(place: &mut Option<V>, value: V) -> Result<(), E> {
    if place.replace(value).is_some() { Err(twice()) } else { Ok(()) }
}

fn twice<E: Error>() -> E {
    E::custom("a claim comes twice")
}

fn there<V, E: Error>(place: Option<V>) -> Result<V, E> {
    place.ok_or_else(|| E::custom("a claim is missing"))
}
