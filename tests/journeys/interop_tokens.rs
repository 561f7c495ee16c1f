//! Apps that are protected by libraries we did not write take our access tokens as they are, and no others.

use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::api::{Api, Person};
use crate::interop_oauth::{at_its_issuer, claims, folder, install, must_succeed};
use crate::operator::call_with_input;
use crate::place::Place;
use crate::registered::Registered;
use crate::service::{Service, Settings};

/// A running service and the tokens that apps are shown.
struct Scene {
    service: Service,
    /// Of a login, of somebody who acts in its user's name, and of a client.
    good: [(&'static str, String); 3],
    /// What is wrong, and such a token.
    bad: Vec<(&'static str, String)>,
    _place: Place,
}

impl Scene {
    async fn open(algorithm: &str) -> Self {
        let place = Place::sqlite();
        let settings = Settings::on(&place)
            .with("PORTCULLIS__TOKENS__ALGORITHM", algorithm)
            .with("PORTCULLIS__TOKENS__ROLES", "true")
            .with("PORTCULLIS__TOKENS__PERMISSIONS", "true");
        let (settings, service) = at_its_issuer(&settings).await;
        let api = Api::at(&service.url);
        let user = api.join(&Person::new()).await.access;
        let acting = acting_as(&api, &settings, &claims(&user)["sub"]).await;
        let client = Registered::create(&settings, "orders", "orders:read");
        let client = client.token(&api, "orders:read").await;

        // The same keys and the same issuer, and all is as it should be but for one thing.
        let elsewhere = settings.with("PORT", "0");
        let stranger = Place::sqlite();
        let [to_billing, short, evil, strange] = [
            ("PORTCULLIS__TOKENS__AUDIENCE", "billing"),
            ("PORTCULLIS__TOKENS__ACCESS_TTL", "1s"),
            ("PORTCULLIS__TOKENS__ISSUER", "https://evil.example"),
            ("DATABASE_URL", &stranger.url()),
        ]
        .map(|(name, value)| elsewhere.clone().with(name, value));
        let (other_audience, expired, other_issuer, other_key) =
            tokio::join!(signed_by(&to_billing), signed_by(&short), signed_by(&evil), signed_by(&strange));
        tokio::time::sleep(Duration::from_millis(2_100)).await;
        let bad = vec![
            ("expired", expired),
            ("for another audience", other_audience),
            ("of another issuer", other_issuer),
            ("signed by another key", other_key),
            ("tampered with", tampered(&user)),
            ("unsigned", unsigned(&user)),
            ("no token", "nonsense".to_owned()),
        ];
        Self {
            service,
            good: [("of a login", user), ("of support", acting), ("of a client", client)],
            bad,
            _place: place,
        }
    }

    /// The rows that the apps read: what becomes of a call with each token.
    fn rows(&self) -> String {
        let good = self.good.iter().map(|(name, token)| {
            let allowed =
                claims(token)["scope"].as_str().is_some_and(|scope| scope.split(' ').any(|one| one == "account"));
            let scoped = if allowed { 204 } else { 403 };
            json!({ "name": name, "token": token, "status": 200, "sub": claims(token)["sub"], "scoped": scoped })
        });
        let bad = self.bad.iter().map(|(name, token)| json!({ "name": name, "token": token, "status": 401 }));
        let rows: Vec<Value> = good.chain(bad).chain([json!({ "name": "nothing at all", "status": 401 })]).collect();
        json!(rows).to_string()
    }

    /// Runs an app against the tokens; each must be named in its story as often as it has ways to check.
    async fn play(&self, mut app: Command, algorithm: &str) {
        let name = format!("{app:?}");
        app.env("ISSUER", &self.service.url).env("AUDIENCE", "portcullis").env("JWT_ALG", algorithm);
        app.env("TOKENS", self.rows()).current_dir(folder());
        let story = must_succeed(&name, &tokio::task::spawn_blocking(move || app.output()).await);
        let rows = self.good.len() + self.bad.len() + 1;
        assert_eq!(story.lines().filter(|line| line.starts_with("ok ")).count(), 2 * rows, "{story}");
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn express_oauth2_jwt_bearer_and_flask_jwt_extended_and_jsonwebtoken_protect_apps_with_our_tokens(
    #[values("ES256", "RS256")] algorithm: &str,
) {
    install();
    let scene = Scene::open(algorithm).await;
    let mut express = Command::new("node");
    express.arg(folder().join("protect.mjs"));
    scene.play(express, algorithm).await;
    let mut flask = Command::new(folder().join(".venv/bin/python"));
    flask.arg(folder().join("protect.py"));
    scene.play(flask, algorithm).await;

    let keys = Api::at(&scene.service.url).get("/.well-known/jwks.json", None).await.expect(200).text;
    let keys: JwkSet = serde_json::from_str(&keys).expect("a set of keys");
    let algorithm: Algorithm = algorithm.parse().expect("an algorithm");
    let (issuer, audience) = (scene.service.url.as_str(), "portcullis");
    let acting = claims(&scene.good[1].1);
    assert_eq!((&acting["roles"], &acting["permissions"]), (&json!(["user"]), &json!([])));
    assert!(acting["act"]["sub"].is_string() && acting["act"]["sub"] != acting["sub"], "{acting}");
    for (name, token) in &scene.good {
        let told = by_jsonwebtoken(&keys, algorithm, issuer, audience, token);
        assert_eq!(told.unwrap_or_else(|error| panic!("{name}: {error}")), claims(token));
        assert!(by_jsonwebtoken(&keys, algorithm, issuer, "somebody-else", token).is_err());
    }
    for (name, token) in &scene.bad {
        assert!(by_jsonwebtoken(&keys, algorithm, issuer, audience, token).is_err(), "{name}");
    }
    scene.service.stop().await;
}

/// The claims of a token that the Rust crate `jsonwebtoken` accepts.
fn by_jsonwebtoken(
    keys: &JwkSet,
    algorithm: Algorithm,
    issuer: &str,
    audience: &str,
    token: &str,
) -> Result<Value, Box<dyn std::error::Error>> {
    let header = jsonwebtoken::decode_header(token)?;
    if header.typ.as_deref() != Some("at+jwt") {
        return Err("typ".into());
    }
    let key = keys.find(header.kid.as_deref().ok_or("no kid")?).ok_or("an unknown key")?;
    let mut validation = Validation::new(algorithm);
    validation.leeway = 0;
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    Ok(jsonwebtoken::decode(token, &DecodingKey::from_jwk(key)?, &validation)?.claims)
}

/// An access token of somebody in charge who acts in a user's name: with `act`, `roles` and `permissions`.
pub(crate) async fn acting_as(api: &Api, settings: &Settings, user: &Value) -> String {
    let admin = Person::new();
    let create = ["admin", "create-user", "--email", &admin.email, "--role", "admin", "--password-stdin"];
    call_with_input(settings, &create, admin.password.as_bytes()).expect(0);
    let session = api.sign_in(&admin).await;
    let path = format!("/api/v1/users/{}/impersonate", user.as_str().expect("an id"));
    let acting = api.call(Method::POST, &path, Some(&session.access), &json!({ "reason": "ticket 4711" })).await;
    acting.expect(200).str("access_token").to_owned()
}

/// The access token of a login at a service with these settings, which is stopped again.
async fn signed_by(settings: &Settings) -> String {
    let service = settings.start().await;
    let token = Api::at(&service.url).join(&Person::new()).await.access;
    service.stop().await;
    token
}

/// The same token for somebody else, with the signature that it had.
fn tampered(token: &str) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let mut claims = claims(token);
    claims["sub"] = "00000000-0000-7000-8000-000000000000".into();
    parts[1] = URL_SAFE_NO_PAD.encode(claims.to_string());
    parts.join(".")
}

/// The same claims with `alg: none`.
fn unsigned(token: &str) -> String {
    let payload = token.split('.').nth(1).expect("a payload");
    format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(r#"{"typ":"at+jwt","alg":"none"}"#))
}
