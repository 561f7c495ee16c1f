//! Access tokens and their keys for tests.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::tokens::{
    KeyPair, KeyRing, LiveKey, PrivateKey, PublishedKeys, TokenError, TokenIssuer, TokenVerifier,
};
use portcullis_domain::secret::SecretString;
use portcullis_domain::tokens::{Algorithm, Claims, Scope, SigningKey, Subject};
use serde_json::{Value, json};

use crate::toy::{from_hex, mix, to_hex};

const LONGEST: usize = 8 * 1024;
const SKEW: Duration = Duration::from_secs(60);

/// Access tokens without cryptography, for tests only: issuer, verifier and key ring in one. They behave like real
/// ones, but whoever has a public key can sign.
///
/// A token is `toy.<claims as JSON in hexadecimal>.<checksum>`.
pub struct ToyTokens {
    algorithm: Algorithm,
    issuer: String,
    audience: String,
    random: Arc<dyn Randomness>,
    keys: RwLock<Arc<[SigningKey]>>,
}

impl ToyTokens {
    /// Tokens of `issuer` for `audience`; the keys are said to be of `algorithm`. None is installed.
    pub fn new(
        algorithm: Algorithm,
        issuer: impl Into<String>,
        audience: impl Into<String>,
        random: Arc<dyn Randomness>,
    ) -> Self {
        let keys = RwLock::new(Arc::from([]));
        Self { algorithm, issuer: issuer.into(), audience: audience.into(), random, keys }
    }

    fn keys(&self) -> Arc<[SigningKey]> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The key that signs at `now`: the one that became active last.
    fn active(&self, keys: &[SigningKey], now: Timestamp) -> Option<SigningKey> {
        let usable = keys.iter().filter(|key| {
            key.algorithm == self.algorithm && key.activates_at <= now && key.retires_at.is_none_or(|at| now < at)
        });
        usable.max_by_key(|key| (key.activates_at, key.ordinal)).cloned()
    }

    fn read(&self, token: &str, now: Timestamp) -> Option<Claims> {
        if token.len() > LONGEST {
            return None;
        }
        let (content, signature) = token.strip_prefix("toy.")?.split_once('.')?;
        let content = from_hex(content)?;
        let json: Value = serde_json::from_slice(&content).ok()?;
        let keys = self.keys();
        let key = keys.iter().find(|key| json["kid"] == key.kid && key.retires_at.is_none_or(|at| now < at))?;
        if signature != to_hex(&mix(&key.public, "signature", &[&content])) {
            return None;
        }
        let claims = from_json(&json)?;
        let ours = claims.issuer == self.issuer && claims.audience == self.audience;
        let timely = now < claims.expires_at && claims.issued_at <= now.plus(SKEW);
        (ours && timely).then_some(claims)
    }
}

fn kid_of(algorithm: Algorithm, public: &[u8]) -> String {
    let prefix = if algorithm == Algorithm::V4Public { "k4.pid." } else { "" };
    format!("{prefix}{}", to_hex(&mix(public, "kid", &[algorithm.as_str().as_bytes()])))
}

fn to_json(claims: &Claims, kid: &str) -> Value {
    let session = match claims.subject {
        Subject::User { session, .. } => Some(session),
        Subject::Client => None,
    };
    json!({
        "kid": kid, "iss": claims.issuer, "sub": claims.sub(), "aud": claims.audience,
        "exp": claims.expires_at.as_unix_seconds(), "iat": claims.issued_at.as_unix_seconds(),
        "jti": claims.id, "sid": session, "client_id": claims.client_id, "scope": claims.scope.to_string(),
        "auth_time": claims.authenticated_at.map(Timestamp::as_unix_seconds),
        "act": claims.actor.map(|actor| json!({"sub": actor})),
        "roles": claims.roles, "permissions": claims.permissions,
    })
}

fn from_json(json: &Value) -> Option<Claims> {
    let text = |name: &str| json[name].as_str().map(str::to_owned);
    let seconds = |name: &str| json[name].as_i64().map(Timestamp::from_unix_seconds);
    let list = |name: &str| {
        let items = json[name].as_array()?.iter();
        items.map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
    };
    let client_id = text("client_id")?;
    let subject = match text("sid") {
        Some(session) => Subject::User { id: text("sub")?.parse().ok()?, session: session.parse().ok()? },
        None if json["sid"].is_null() && text("sub")? == client_id => Subject::Client,
        None => return None,
    };
    let actor = match &json["act"] {
        Value::Null => None,
        act => Some(act["sub"].as_str()?.parse().ok()?),
    };
    Some(Claims {
        issuer: text("iss")?,
        subject,
        audience: text("aud")?,
        expires_at: seconds("exp")?,
        issued_at: seconds("iat")?,
        id: text("jti")?.parse().ok()?,
        client_id,
        scope: Scope::parse(&text("scope")?).ok()?,
        authenticated_at: seconds("auth_time"),
        actor,
        roles: list("roles"),
        permissions: list("permissions"),
    })
}

impl TokenIssuer for ToyTokens {
    fn issue(&self, claims: &Claims) -> Result<SecretString, TokenError> {
        let key = self.active(&self.keys(), claims.issued_at).ok_or(TokenError::NoActiveKey)?;
        let content = to_json(claims, &key.kid).to_string();
        let signature = to_hex(&mix(&key.public, "signature", &[content.as_bytes()]));
        Ok(SecretString::new(format!("toy.{}.{signature}", to_hex(content.as_bytes()))))
    }
}

impl TokenVerifier for ToyTokens {
    fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        self.read(token, now).ok_or(TokenError::Invalid)
    }
}

#[async_trait]
impl KeyRing for ToyTokens {
    async fn generate(&self, algorithm: Algorithm) -> Result<KeyPair, TokenError> {
        let mut private = vec![0; 32];
        self.random.fill(&mut private);
        let public = mix(&private, "public", &[]).to_vec();
        Ok(KeyPair { kid: kid_of(algorithm, &public), public, private: PrivateKey(private) })
    }

    fn install(&self, keys: Vec<LiveKey>) -> Result<(), TokenError> {
        let fits = |live: &LiveKey| {
            live.private.0.len() == 32
                && live.key.public == mix(&live.private.0, "public", &[])
                && live.key.kid == kid_of(live.key.algorithm, &live.key.public)
        };
        if !keys.iter().all(fits) {
            return Err(TokenError::Invalid);
        }
        let keys: Arc<[SigningKey]> = keys.iter().map(|live| live.key.clone()).collect();
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    fn published(&self, now: Timestamp) -> PublishedKeys {
        let keys = self.keys();
        let active = self.active(&keys, now).map(|key| key.kid);
        let mut shown: Vec<_> = keys.iter().filter(|key| key.retires_at.is_none_or(|at| now < at)).collect();
        shown.sort_by_key(|key| (Some(&key.kid) != active.as_ref(), std::cmp::Reverse(key.ordinal)));
        let (paseto, jwt): (Vec<_>, Vec<_>) = shown.into_iter().partition(|key| key.algorithm == Algorithm::V4Public);
        let jwk = |key: &SigningKey| {
            let (alg, x) = (key.algorithm.as_str(), to_hex(&key.public));
            json!({"kty": "OKP", "crv": "toy", "x": x, "alg": alg, "use": "sig", "kid": key.kid})
        };
        let paserk = |key: &SigningKey| json!({"kid": key.kid, "paserk": format!("k4.public.{}", to_hex(&key.public))});
        PublishedKeys {
            jwks: json!({"keys": jwt.into_iter().map(jwk).collect::<Vec<_>>()}).to_string(),
            paserk: json!({"keys": paseto.into_iter().map(paserk).collect::<Vec<_>>()}).to_string(),
        }
    }
}
