//! Issues one token of an algorithm and publishes the keys into a folder that any static server can serve:
//! `issue <algorithm> <folder> <issuer> <audience>` prints the token. For trying clients without the service.
#![expect(clippy::print_stdout, reason = "the token is the output")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use portcullis_domain::Timestamp;
use portcullis_domain::ids::{SessionId, TokenId, UserId};
use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::tokens::{KeyRing, LiveKey, TokenIssuer};
use portcullis_domain::tokens::{Algorithm, Claims, Scope, SigningKey, Subject};
use portcullis_tokens::{TokenRing, TokenSettings};

struct Dice;

impl Randomness for Dice {
    fn fill(&self, buf: &mut [u8]) {
        aws_lc_rs::rand::fill(buf).expect("the system has randomness");
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [algorithm, folder, issuer, audience] = &arguments[..] else {
        return Err("issue <algorithm> <folder> <issuer> <audience>".into());
    };
    let algorithm = Algorithm::parse(algorithm).ok_or("ES256, EdDSA, RS256 or v4.public")?;
    let now = Timestamp::from_unix_seconds(SystemTime::UNIX_EPOCH.elapsed()?.as_secs().try_into()?);
    let ring =
        TokenRing::new(TokenSettings { algorithm, issuer: issuer.clone(), audience: audience.clone() }, Arc::new(Dice));
    let mut keys = Vec::new();
    for algorithm in Algorithm::ALL {
        let pair = ring.generate(algorithm).await?;
        let key = SigningKey {
            kid: pair.kid,
            algorithm,
            ordinal: 1,
            public: pair.public,
            sealed_private: Vec::new(),
            created_at: now,
            activates_at: now,
            retires_at: None,
        };
        keys.push(LiveKey { key, private: pair.private });
    }
    ring.install(keys)?;

    let well_known = Path::new(folder).join(".well-known");
    std::fs::create_dir_all(&well_known)?;
    let published = ring.published(now);
    std::fs::write(well_known.join("jwks.json"), published.jwks)?;
    std::fs::write(well_known.join("paserk.json"), published.paserk)?;
    let token = ring.issue(&Claims {
        issuer: issuer.clone(),
        subject: Subject::User { id: UserId::new(now, &Dice), session: SessionId::new(now, &Dice) },
        audience: audience.clone(),
        expires_at: now.plus(Duration::from_secs(900)),
        issued_at: now,
        id: TokenId::new(now, &Dice),
        client_id: "portcullis".into(),
        scope: Scope::parse("openid")?,
        authenticated_at: Some(now),
        actor: None,
        roles: None,
        permissions: None,
    })?;
    println!("{}", token.expose());
    Ok(())
}
