//! The suite `signers`: [`TokenIssuer`](portcullis_domain::ports::tokens::TokenIssuer),
//! [`TokenVerifier`](portcullis_domain::ports::tokens::TokenVerifier) and
//! [`KeyRing`](portcullis_domain::ports::tokens::KeyRing).

use std::time::Duration;

use portcullis_domain::Timestamp;
use portcullis_domain::ids::{SessionId, TokenId, UserId};
use portcullis_domain::ports::tokens::{LiveKey, PrivateKey, TokenError};
use portcullis_domain::tokens::{Claims, Scope, SigningKey, Subject};

pub use super::signers_keys::*;

use super::Signers;
use super::samples::{RANDOM, at, kept, race, scope};

/// Runs the suite `signers` on what `async fn factory() -> contract::Signers` gives.
#[macro_export]
macro_rules! signers_contract {
    ($factory:expr) => {
        $crate::promises!(
            signers,
            $factory,
            every_claim_survives,
            two_tokens_are_never_the_same,
            a_token_holds_from_a_minute_before_its_issue_until_it_expires,
            a_token_of_another_issuer_is_refused,
            a_token_for_another_audience_is_refused,
            a_token_with_any_byte_changed_is_refused_a061,
            another_spelling_of_a_token_is_refused,
            what_is_no_token_is_refused,
            more_than_eight_kibibytes_are_refused,
            without_keys_nothing_is_signed_and_nothing_verified,
            a_token_of_an_unknown_key_is_refused,
            a_retired_key_is_refused_from_its_instant_on,
            the_key_that_is_active_at_the_issue_signs,
            a_key_that_cannot_be_read_changes_nothing,
            installing_replaces_all_keys,
            generated_keys_are_all_different,
            keys_are_published_until_they_retire_the_active_one_first,
            no_private_part_is_published,
            tokens_hold_while_keys_are_swapped,
        );
    };
}

/// A key pair of the subject's algorithm, ready to be installed.
pub(super) async fn pair(subject: &Signers, ordinal: u32) -> SpareKey {
    let pair = kept(subject.keys.generate(subject.algorithm).await, "a key pair is made");
    let key = SigningKey {
        kid: pair.kid,
        algorithm: subject.algorithm,
        ordinal,
        public: pair.public,
        sealed_private: Vec::new(),
        created_at: at(-1_000),
        activates_at: at(-1_000),
        retires_at: None,
    };
    SpareKey { key, private: pair.private }
}

/// A key that can be installed again and again.
#[derive(Clone)]
pub(super) struct SpareKey {
    pub(super) key: SigningKey,
    pub(super) private: PrivateKey,
}

impl SpareKey {
    pub(super) fn live(&self) -> LiveKey {
        LiveKey { key: self.key.clone(), private: self.private.clone() }
    }
}

pub(super) fn install(subject: &Signers, keys: &[&SpareKey]) {
    kept(subject.keys.install(keys.iter().map(|key| key.live()).collect()), "keys that were generated are installed");
}

/// A subject with one key.
async fn ready(subject: &Signers) {
    let key = pair(subject, 1).await;
    install(subject, &[&key]);
}

pub(super) fn claims(subject: &Signers) -> Claims {
    Claims {
        issuer: subject.issuer_url.clone(),
        subject: Subject::User { id: UserId::new(at(0), &RANDOM), session: SessionId::new(at(0), &RANDOM) },
        audience: subject.audience.clone(),
        expires_at: at(900),
        issued_at: at(0),
        id: TokenId::new(at(0), &RANDOM),
        client_id: "web".to_owned(),
        scope: scope("openid profile"),
        authenticated_at: Some(at(-60)),
        actor: None,
        roles: None,
        permissions: None,
    }
}

pub(super) fn issue(subject: &Signers, claims: &Claims) -> String {
    kept(subject.issuer.issue(claims), "with an active key a token is issued").expose().to_owned()
}

#[track_caller]
pub(super) fn invalid(subject: &Signers, token: &str, now: Timestamp, promise: &str) {
    match subject.verifier.verify(token, now) {
        Err(TokenError::Invalid) => {}
        Err(other) => panic!("broken promise: {promise}; the answer was {other:?} and not Invalid"),
        Ok(claims) => panic!("broken promise: {promise}; it was accepted as {claims:?}"),
    }
}

/// With and without each optional claim, and texts of all kinds.
pub async fn every_claim_survives(subject: &Signers) {
    ready(subject).await;
    let plain = claims(subject);
    let strange = "日本 \" \\ \u{7f} \u{1F600} </script>".to_owned();
    let many: Vec<_> = (0..40).map(|number| format!("role:{number}")).collect();
    let variants = [
        plain.clone(),
        Claims { authenticated_at: None, scope: scope(""), ..plain.clone() },
        Claims { roles: Some(Vec::new()), permissions: Some(Vec::new()), ..plain.clone() },
        Claims { roles: Some(vec![strange.clone()]), client_id: strange, ..plain.clone() },
        Claims { roles: Some(many.clone()), permissions: Some(many), ..plain.clone() },
        Claims { scope: scope("!#[]~ a:b https://api.example.com/x"), client_id: String::new(), ..plain.clone() },
        Claims { expires_at: Timestamp::from_unix_seconds(253_402_300_799), ..plain.clone() },
        Claims { subject: Subject::Client, client_id: "orders".to_owned(), authenticated_at: None, ..plain.clone() },
        Claims { actor: Some(UserId::new(at(1), &RANDOM)), scope: scope(Scope::READ_ONLY), ..plain.clone() },
        Claims { roles: Some(vec!["user".to_owned()]), permissions: None, ..plain.clone() },
        Claims { roles: None, permissions: Some(vec!["*:*".to_owned(), "api-keys:*".to_owned()]), ..plain.clone() },
        Claims { issued_at: at(-900), authenticated_at: Some(Timestamp::UNIX_EPOCH), ..plain },
    ];
    for written in variants {
        let read = kept(subject.verifier.verify(&issue(subject, &written), at(1)), "a token that was issued verifies");
        assert_eq!(read, written, "every claim survives");
    }
}

/// Different ids, different tokens.
pub async fn two_tokens_are_never_the_same(subject: &Signers) {
    ready(subject).await;
    let (one, two) = (issue(subject, &claims(subject)), issue(subject, &claims(subject)));
    assert_ne!(one, two, "two tokens are never the same");
}

/// `exp` and `iat` to the microsecond, by the `now` that is passed.
pub async fn a_token_holds_from_a_minute_before_its_issue_until_it_expires(subject: &Signers) {
    ready(subject).await;
    let token = issue(subject, &claims(subject));
    let micros = |seconds: i64, micros: i64| Timestamp::from_unix_micros(at(seconds).as_unix_micros() + micros);
    for now in [micros(-60, 0), at(0), at(899), micros(900, -1)] {
        kept(subject.verifier.verify(&token, now), "a token holds from a minute before its issue until it expires");
    }
    for now in [micros(-60, -1), at(-3_600), at(900), micros(900, 1), at(1_000_000)] {
        invalid(subject, &token, now, &format!("a token is refused outside its time, at {now}"));
    }
    let over = Claims { expires_at: at(0), ..claims(subject) };
    invalid(subject, &issue(subject, &over), at(0), "a token that expires when it is issued never holds");
}

/// `iss` is compared exactly.
pub async fn a_token_of_another_issuer_is_refused(subject: &Signers) {
    ready(subject).await;
    let url = &subject.issuer_url;
    for other in ["https://evil.example", "", &format!("{url}/"), &url.to_uppercase(), &format!("{url}.evil.example")] {
        let token = issue(subject, &Claims { issuer: other.to_owned(), ..claims(subject) });
        invalid(subject, &token, at(1), &format!("a token of the issuer {other:?} is refused"));
    }
}

/// `aud` is compared exactly.
pub async fn a_token_for_another_audience_is_refused(subject: &Signers) {
    ready(subject).await;
    let audience = &subject.audience;
    for other in ["somebody-else", "", &format!("{audience} x"), &format!("{audience}x"), &audience.to_uppercase()] {
        let token = issue(subject, &Claims { audience: other.to_owned(), ..claims(subject) });
        invalid(subject, &token, at(1), &format!("a token for {other:?} is refused"));
    }
}

/// Every byte in turn: each of its bits flipped, the byte left out, and a neighbour of the alphabet.
pub async fn a_token_with_any_byte_changed_is_refused_a061(subject: &Signers) {
    ready(subject).await;
    let token = issue(subject, &claims(subject));
    kept(subject.verifier.verify(&token, at(1)), "the untouched token verifies");
    for place in 0..token.len() {
        let original = token.as_bytes()[place];
        let flips = (0..7).map(|bit| original ^ (1 << bit));
        let neighbours = [original.wrapping_add(1), original.wrapping_sub(1), b'A', b'.', b'=', 0];
        for byte in flips.chain(neighbours).filter(|byte| *byte != original && byte.is_ascii()) {
            let mut forged = token.clone().into_bytes();
            forged[place] = byte;
            let forged = String::from_utf8_lossy(&forged);
            invalid(subject, &forged, at(1), &format!("a token with byte {place} changed to {byte:#04x} is refused"));
        }
        let shorter = format!("{}{}", &token[..place], &token[place + 1..]);
        invalid(subject, &shorter, at(1), &format!("a token without byte {place} is refused"));
        invalid(subject, &token[..place], at(1), "a token that is cut is refused");
    }
}

/// One spelling only.
pub async fn another_spelling_of_a_token_is_refused(subject: &Signers) {
    ready(subject).await;
    let token = issue(subject, &claims(subject));
    let padded = token.split('.').map(|part| format!("{part}=")).collect::<Vec<_>>().join(".");
    let with = |suffix: &str| format!("{token}{suffix}");
    let spellings = [
        with("="),
        with("=="),
        with("\n"),
        with("\r\n"),
        with(" "),
        with("\t"),
        with("\0"),
        with("."),
        with(".e30"),
        with("A"),
        with("%"),
        with("\u{feff}"),
        format!(" {token}"),
        format!("\n{token}"),
        format!("Bearer {token}"),
        format!(".{token}"),
        format!("\u{feff}{token}"),
        format!("{token}.{token}"),
        format!("{token} {token}"),
        token.replace('.', ".."),
        token.replace('.', ". "),
        token.replace('.', "\n."),
        token.replace('.', "%2E"),
        token.replace('.', ""),
        token.to_uppercase(),
        token.to_lowercase(),
        padded,
        token.chars().rev().collect(),
        format!("\"{token}\""),
    ];
    for spelling in spellings.iter().filter(|spelling| **spelling != token) {
        invalid(subject, spelling, at(1), &format!("another spelling of a token is refused: {spelling:?}"));
    }
}

/// Texts of all kinds.
pub async fn what_is_no_token_is_refused(subject: &Signers) {
    ready(subject).await;
    let deep = format!("{}{}", "[".repeat(2_000), "]".repeat(2_000));
    for text in [
        "",
        " ",
        ".",
        "..",
        "...",
        "a.b.c",
        "null",
        "{}",
        "v4.public.",
        "v4.local.AAAA",
        "eyJhbGciOiJub25lIn0.e30.",
        "eyJhbGciOiJub25lIn0.e30.AAAA",
        "日本.日本.日本",
        "\0.\0.\0",
        "e30.e30.e30",
        deep.as_str(),
    ] {
        invalid(subject, text, at(1), &format!("what is no token is refused: {text:?}"));
    }
}

/// However much comes, whatever it is.
pub async fn more_than_eight_kibibytes_are_refused(subject: &Signers) {
    ready(subject).await;
    let promise = "more than 8 KiB are refused";
    let large = Claims { roles: Some(vec!["r".repeat(8 * 1_024)]), ..claims(subject) };
    if let Ok(token) = subject.issuer.issue(&large) {
        invalid(subject, token.expose(), at(1), promise);
    }
    let token = issue(subject, &claims(subject));
    for size in [8 * 1_024 + 1, 1_024 * 1_024] {
        invalid(subject, &"A".repeat(size), at(1), promise);
        invalid(subject, &format!("{token}.{}", "A".repeat(size)), at(1), promise);
        invalid(subject, &".".repeat(size), at(1), promise);
    }
}

/// Issuing and verifying by many hands while the keys change order and company.
pub async fn tokens_hold_while_keys_are_swapped(subject: &Signers) {
    let (one, two, three) = (pair(subject, 1).await, pair(subject, 2).await, pair(subject, 3).await);
    install(subject, &[&one, &two]);
    race(24, |number| {
        let (issuer, verifier, keys) = (subject.issuer.clone(), subject.verifier.clone(), subject.keys.clone());
        let (one, two, three, claims) = (one.clone(), two.clone(), three.clone(), claims(subject));
        async move {
            for round in 0..40 {
                if number < 2 {
                    let order = if round % 2 == number { [&one, &two] } else { [&two, &one] };
                    let mut live: Vec<_> = order.iter().map(|key| key.live()).collect();
                    if round % 3 == 0 {
                        let mut late = three.live();
                        late.key.activates_at = at(500);
                        live.push(late);
                    }
                    kept(keys.install(live), "keys are installed at any time");
                } else {
                    let claims = Claims { id: TokenId::new(at(round as i64), &RANDOM), ..claims.clone() };
                    let token = kept(issuer.issue(&claims), "there is an active key at any time");
                    let read = kept(verifier.verify(token.expose(), at(1)), "a token holds while keys are swapped");
                    assert_eq!(read, claims, "a verifier never mixes up the claims of two tokens");
                    let later = claims.expires_at.plus(Duration::from_secs(1));
                    assert!(verifier.verify(token.expose(), later).is_err(), "an expired token is refused every time");
                }
                tokio::task::yield_now().await;
            }
        }
    })
    .await;
}
