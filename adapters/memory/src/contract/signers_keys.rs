//! The key ring: which key signs, which is accepted, which is published.

use std::collections::HashSet;

use portcullis_domain::Timestamp;
use portcullis_domain::ports::tokens::{LiveKey, PrivateKey, TokenError};
use portcullis_domain::tokens::Claims;
use serde_json::Value;

use super::Signers;
use super::samples::{at, kept};
use super::signers::{claims, install, invalid, issue, pair};

/// Before the first installation, and after an empty one.
pub async fn without_keys_nothing_is_signed_and_nothing_verified(subject: &Signers) {
    let promise = "without an active key nothing is signed";
    let no_key = |what: &str| match subject.issuer.issue(&claims(subject)) {
        Err(TokenError::NoActiveKey) => {}
        other => panic!("broken promise: {promise} ({what}): NoActiveKey, not {other:?}"),
    };
    no_key("before the first installation");
    invalid(subject, "a.b.c", at(1), "without keys nothing verifies");
    assert_eq!(kids(subject, at(0)), Vec::<String>::new(), "without keys nothing is published");
    let mut key = pair(subject, 1).await;
    install(subject, &[&key]);
    let token = issue(subject, &claims(subject));
    install(subject, &[]);
    no_key("after the keys were taken away");
    invalid(subject, &token, at(1), "the token of a key that was taken away is refused");
    key.key.activates_at = at(1);
    install(subject, &[&key]);
    no_key("before the only key is active");
}

/// Signed well, but not by us.
pub async fn a_token_of_an_unknown_key_is_refused(subject: &Signers) {
    let (ours, theirs) = (pair(subject, 1).await, pair(subject, 1).await);
    install(subject, &[&theirs]);
    let foreign = issue(subject, &claims(subject));
    install(subject, &[&ours]);
    invalid(subject, &foreign, at(1), "a token of an unknown key is refused");
    // The foreign key under the name of ours: the signature is good for the wrong key.
    let mut disguised = theirs.clone();
    disguised.key.kid = ours.key.kid.clone();
    if subject.keys.install(vec![disguised.live()]).is_ok() {
        let token = issue(subject, &claims(subject));
        install(subject, &[&ours]);
        invalid(subject, &token, at(1), "a token of a foreign key under the kid of ours is refused");
    }
}

/// `retires_at` to the microsecond, by the `now` that is passed.
pub async fn a_retired_key_is_refused_from_its_instant_on(subject: &Signers) {
    let (mut old, new) = (pair(subject, 1).await, pair(subject, 2).await);
    old.key.activates_at = at(-1_001);
    install(subject, &[&old]);
    let token = issue(subject, &claims(subject));
    old.key.retires_at = Some(at(100));
    install(subject, &[&old, &new]);
    let last = Timestamp::from_unix_micros(at(100).as_unix_micros() - 1);
    kept(subject.verifier.verify(&token, last), "a key is accepted until it retires");
    for now in [at(100), at(101)] {
        invalid(subject, &token, now, "a retired key is refused from its instant on");
    }
    assert!(kids(subject, last).contains(&old.key.kid), "a key is published until it retires");
    assert_eq!(kids(subject, at(100)), std::slice::from_ref(&new.key.kid), "a retired key is not published");
    let read = kept(subject.verifier.verify(&issue(subject, &claims(subject)), at(200)), "the new key is accepted");
    assert_eq!(read.issued_at, at(0), "the key that became active last signs, so its tokens outlive the old key");
}

/// The newest of those active at `issued_at` signs.
pub async fn the_key_that_is_active_at_the_issue_signs(subject: &Signers) {
    let promise = "the active key at the instant of issue signs";
    let (mut old, mut new) = (pair(subject, 1).await, pair(subject, 2).await);
    (old.key.activates_at, new.key.activates_at) = (at(-500), at(100));
    install(subject, &[&old, &new]);
    let early = issue(subject, &Claims { issued_at: at(99), ..claims(subject) });
    let late = issue(subject, &Claims { issued_at: at(100), ..claims(subject) });
    for token in [&early, &late] {
        kept(subject.verifier.verify(token, at(100)), "tokens of all keys in use verify");
    }
    install(subject, &[&old]);
    kept(subject.verifier.verify(&early, at(100)), promise);
    invalid(subject, &late, at(100), promise);
    install(subject, &[&new]);
    kept(subject.verifier.verify(&late, at(100)), promise);
    invalid(subject, &early, at(100), promise);
}

/// Garbage in either part, alone or among good keys.
pub async fn a_key_that_cannot_be_read_changes_nothing(subject: &Signers) {
    let promise = "a key that cannot be read changes nothing";
    let (good, other) = (pair(subject, 1).await, pair(subject, 2).await);
    install(subject, &[&good]);
    let token = issue(subject, &claims(subject));
    let published = subject.keys.published(at(0));

    let mut broken: Vec<(&str, LiveKey)> = Vec::new();
    for (what, bytes) in [("no", Vec::new()), ("some", vec![7]), ("32 zero", vec![0; 32]), ("many", vec![0xA5; 5_000])]
    {
        if what != "32 zero" {
            broken.push((what, LiveKey { key: other.key.clone(), private: PrivateKey(bytes.clone()) }));
        }
        let mut key = other.key.clone();
        key.public = bytes;
        broken.push((what, LiveKey { key, private: other.private.clone() }));
    }
    let mut cut = other.private.0.clone();
    cut.pop();
    broken.push(("cut", LiveKey { key: other.key.clone(), private: PrivateKey(cut) }));
    let mut mixed = other.key.clone();
    mixed.public.clone_from(&good.key.public);
    broken.push(("mixed up", LiveKey { key: mixed, private: other.private.clone() }));
    for (what, key) in broken {
        let installed = subject.keys.install(vec![other.live(), key]);
        let refused = matches!(installed, Err(TokenError::Invalid));
        assert!(refused, "a key with {what} bytes is Invalid, not {installed:?}");
        kept(subject.verifier.verify(&token, at(1)), promise);
        kept(subject.verifier.verify(&issue(subject, &claims(subject)), at(1)), promise);
        assert_eq!(subject.keys.published(at(0)), published, "{promise}");
    }
}

/// Instead of those before, not beside them.
pub async fn installing_replaces_all_keys(subject: &Signers) {
    let (old, new) = (pair(subject, 1).await, pair(subject, 2).await);
    install(subject, &[&old]);
    let token = issue(subject, &claims(subject));
    install(subject, &[&new]);
    invalid(subject, &token, at(1), "installing replaces all keys");
    assert_eq!(kids(subject, at(0)), [new.key.kid], "installing replaces all keys");
}

/// No two alike.
pub async fn generated_keys_are_all_different(subject: &Signers) {
    let (mut kids, mut publics) = (HashSet::new(), HashSet::new());
    for _ in 0..4 {
        let key = pair(subject, 1).await;
        assert!(!key.key.kid.is_empty() && key.key.kid.is_ascii(), "a kid is a word: {:?}", key.key.kid);
        assert!(!key.private.0.is_empty(), "a key pair has a private part");
        kids.insert(key.key.kid);
        publics.insert(key.key.public);
    }
    assert_eq!((kids.len(), publics.len()), (4, 4), "generated keys are all different");
}

/// The documents that are not for this algorithm are well formed and empty.
fn documents(subject: &Signers, now: Timestamp) -> (Vec<Value>, Vec<Value>) {
    let published = subject.keys.published(now);
    let keys = |text: &str| {
        let document: Value = kept(serde_json::from_str(text), "a published document is JSON");
        document["keys"].as_array().unwrap_or_else(|| panic!("a published document has `keys`: {text}")).clone()
    };
    (keys(&published.jwks), keys(&published.paserk))
}

fn kids(subject: &Signers, now: Timestamp) -> Vec<String> {
    let (jwks, paserk) = documents(subject, now);
    let kid = |key: &Value| key["kid"].as_str().unwrap_or_else(|| panic!("a published key has a kid")).to_owned();
    jwks.iter().chain(&paserk).map(kid).collect()
}

/// The next one is published before it signs; the one that signs comes first (python-jose takes the first).
pub async fn keys_are_published_until_they_retire_the_active_one_first(subject: &Signers) {
    let promise = "keys are published until they retire, the active one first";
    let (mut old, mut active, mut next) = (pair(subject, 1).await, pair(subject, 2).await, pair(subject, 3).await);
    (old.key.activates_at, old.key.retires_at) = (at(-900), Some(at(600)));
    active.key.activates_at = at(-100);
    next.key.activates_at = at(300);
    for order in [[&old, &active, &next], [&next, &active, &old], [&active, &old, &next]] {
        install(subject, &order);
        for (now, first, count) in
            [(0, &active, 3), (299, &active, 3), (300, &next, 3), (599, &next, 3), (600, &next, 2)]
        {
            let published = kids(subject, at(now));
            assert_eq!(published.len(), count, "{promise}: at {now} s");
            assert_eq!(published.first(), Some(&first.key.kid), "{promise}: at {now} s");
        }
    }
    let read = kept(subject.verifier.verify(&issue(subject, &claims(subject)), at(1)), "all in use are accepted");
    assert_eq!(read.issuer, subject.issuer_url, "all in use are accepted");
}

/// RFC 7517 and PASERK: the public members, and only these.
pub async fn no_private_part_is_published(subject: &Signers) {
    let promise = "no private part is published";
    let key = pair(subject, 1).await;
    install(subject, &[&key]);
    let (jwks, paserk) = documents(subject, at(0));
    assert_eq!(jwks.len() + paserk.len(), 1, "one key is published once, in the document of its format");
    for jwk in &jwks {
        let members: Vec<_> = jwk.as_object().into_iter().flat_map(|members| members.keys()).cloned().collect();
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert!(!members.iter().any(|member| member == private), "{promise}: {private} in {members:?}");
        }
        assert_eq!(jwk["alg"], subject.algorithm.as_str(), "a JWK names its algorithm");
        assert_eq!(jwk["use"], "sig", "a JWK says that it is for signatures");
        let needed: &[&str] = match jwk["kty"].as_str() {
            Some("EC") => &["crv", "x", "y"],
            Some("OKP") => &["crv", "x"],
            Some("RSA") => &["n", "e"],
            other => panic!("a JWK has a key type that verifiers know, not {other:?}"),
        };
        for member in needed {
            assert!(jwk[*member].as_str().is_some_and(|value| !value.is_empty()), "a JWK has its {member}");
        }
    }
    for entry in &paserk {
        let text = entry["paserk"].as_str().unwrap_or_default();
        assert!(text.starts_with("k4.public."), "{promise}: a PASERK of the public kind, not {text:.12}");
        assert!(key.key.kid.starts_with("k4.pid."), "the kid of a PASETO key is its PASERK id");
        assert_eq!(entry.as_object().map(|members| members.len()), Some(2), "an entry has `kid` and `paserk` only");
    }
    let shown = format!("{:?}", key.live());
    assert!(shown.contains("[redacted]"), "a private key is not shown by Debug");
}
