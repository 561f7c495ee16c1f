//! Roles and permissions in tokens: what they allow, and when what they say holds no more.

use std::time::Duration;

use portcullis_domain::access::Permission;
use portcullis_verifier::testing::{TestIssuer, TokenBuilder};
use portcullis_verifier::{Algorithm, Claims, Denied, Rejected, Verifier};
use serde_json::{Value, json};

const BOTH: [Algorithm; 2] = [Algorithm::EdDsa, Algorithm::V4Public];
/// The noon of the test issuer's clock, in milliseconds.
const NOON: i64 = 1_767_268_800_000;

/// As the issuer writes it, `millis` after noon.
fn event(issuer: &TestIssuer, kind: &str, millis: i64, data: &Value) -> Vec<u8> {
    let time = format!("2026-01-01T12:00:{:02}.{:03}Z", millis / 1_000, millis % 1_000);
    let kind = format!("portcullis.{kind}.v1");
    json!({"specversion": "1.0", "id": "1", "source": issuer.url(), "type": kind, "time": time, "data": data})
        .to_string()
        .into_bytes()
}

/// A token of alice, issued `millis` after noon; the `jti` says so to the millisecond, as the service's does.
fn token(issuer: &TestIssuer, millis: i64) -> TokenBuilder {
    let hex = format!("{:012x}", NOON + millis);
    let id = format!("{}-{}-7000-8000-{:012x}", &hex[..8], &hex[8..], millis);
    issuer.token().subject("alice").id(&id).issued_at((NOON + millis).div_euclid(1_000))
}

fn verified(verifier: &Verifier, token: &TokenBuilder) -> Result<Claims, Rejected> {
    verifier.verify(&token.mint())
}

#[test]
fn a104_roles_in_tokens_do_not_outlive_their_withdrawal_and_whoever_refreshes_goes_on() {
    for algorithm in BOTH {
        let issuer = TestIssuer::with_algorithm("orders", algorithm);
        let verifier = issuer.verifier();
        issuer.clock().advance(Duration::from_secs(1));
        let (before, after) = (token(&issuer, 399).roles(&["clerk"]), token(&issuer, 1_001).roles(&[]));
        assert!(verified(&verifier, &before).is_ok());
        let changed = event(&issuer, "user.roles_changed", 400, &json!({"user_id": "alice", "roles": ["user"]}));
        assert_eq!(issuer.feed().event(&changed), Ok(true));
        assert_eq!(verified(&verifier, &before), Err(Rejected::RolesChanged));
        assert!(!Rejected::RolesChanged.is_unavailable());
        assert!(verified(&verifier, &after).is_ok(), "a token of after the change");
        let by_permissions = token(&issuer, 400).permissions(&["orders:*"]);
        assert_eq!(verified(&verifier, &by_permissions), Err(Rejected::RolesChanged));
        assert!(verified(&verifier, &token(&issuer, 0)).is_ok(), "a token that says nothing of roles");
        let of_bob = token(&issuer, 0).subject("bob").roles(&["clerk"]);
        assert!(verified(&verifier, &of_bob).is_ok(), "nothing of this concerns others");
        assert!(verifier.verify(&issuer.client_token("alice-reports").mint()).is_ok());
    }
}

#[test]
fn a104_a_token_that_was_in_the_making_while_roles_changed_is_refused_as_well() {
    let issuer = TestIssuer::new("orders");
    let verifier = issuer.verifier();
    issuer.clock().advance(Duration::from_secs(3));
    // Heard three seconds after the change: what was issued meanwhile may tell of before.
    let changed = event(&issuer, "user.roles_changed", 0, &json!({"user_id": "alice", "roles": []}));
    issuer.feed().event(&changed).unwrap();
    let issued_at = |millis| verified(&verifier, &token(&issuer, millis).roles(&["clerk"])).err();
    assert_eq!([issued_at(2_999), issued_at(3_000)], [Some(Rejected::RolesChanged); 2]);
    assert_eq!(issued_at(3_001), None);
    // Heard much later, say again: by then nothing of before can have been in the making for so long.
    issuer.clock().advance(Duration::from_secs(40));
    issuer.feed().event(&changed).unwrap();
    assert_eq!((issued_at(10_000), issued_at(10_001)), (Some(Rejected::RolesChanged), None));
}

#[test]
fn a_role_that_changes_or_goes_concerns_whoever_has_it() {
    let data = json!({"role": "clerk", "permissions": ["orders:read"]});
    for kind in ["role.updated", "role.deleted"] {
        let issuer = TestIssuer::new("orders");
        let verifier = issuer.verifier();
        assert_eq!(issuer.feed().event(&event(&issuer, kind, 0, &data)), Ok(true));
        let verdict = |token: TokenBuilder| verified(&verifier, &token).err();
        let refused = Some(Rejected::RolesChanged);
        assert_eq!(verdict(token(&issuer, 0).roles(&["user", "clerk"])), refused, "{kind}");
        assert_eq!(verdict(token(&issuer, 0).permissions(&["orders:*"])), refused, "it does not say by which role");
        assert_eq!(verdict(token(&issuer, 0).roles(&["user", "guard"]).permissions(&["gates:*"])), None);
        assert_eq!(verdict(token(&issuer, 0)), None);
        assert_eq!(verdict(token(&issuer, 1).roles(&["user", "clerk"])), None, "a later token");
    }
    let issuer = TestIssuer::new("orders");
    assert_eq!(issuer.feed().event(&event(&issuer, "role.created", 0, &data)), Ok(false));
    assert!(verified(&issuer.verifier(), &token(&issuer, 0).roles(&["clerk"])).is_ok());
}

#[test]
fn who_acts_in_anothers_name_loses_with_their_own_roles_what_the_token_allows() {
    let issuer = TestIssuer::new("orders");
    let verifier = issuer.verifier();
    let acting = || token(&issuer, 0).roles(&["clerk"]).permissions(&["orders:read"]).actor("bob").read_only();
    assert_eq!(verified(&verifier, &acting()).unwrap().actor(), Some("bob"));
    issuer.change_roles_of("bob");
    assert_eq!(verified(&verifier, &acting()), Err(Rejected::RolesChanged));
    let names_nothing = token(&issuer, 0).actor("bob");
    assert!(verified(&verifier, &names_nothing).is_ok());
    issuer.delete_user("bob");
    assert_eq!(verified(&verifier, &names_nothing), Err(Rejected::Revoked), "nobody acts any more");
}

#[test]
fn a_token_without_an_id_of_the_issuers_form_counts_from_the_beginning_of_its_second() {
    let issuer = TestIssuer::new("orders");
    let verifier = issuer.verifier();
    let token = |at: i64| issuer.token().subject("alice").roles(&["clerk"]).issued_at(NOON / 1_000 + at).mint();
    let before = token(0);
    issuer.change_roles_of("alice");
    assert_eq!(verifier.verify(&before), Err(Rejected::RolesChanged));
    assert_eq!(verifier.verify(&token(0)), Err(Rejected::RolesChanged));
    assert!(verifier.verify(&token(1)).is_ok());
    issuer.change_role("user");
    issuer.clock().advance(Duration::from_secs(1));
    assert_eq!(verifier.verify(&before), Err(Rejected::RolesChanged));
}

/// A feed that asks the issuer does not tell of roles: webhooks may, for one.
#[test]
fn a_service_may_pass_on_what_it_hears_besides() {
    let issuer = TestIssuer::new("orders");
    let verifier = Verifier::builder(issuer.url())
        .audience("orders")
        .fixed_keys(Some(&issuer.jwks()), None)
        .clock(std::sync::Arc::new(portcullis_verifier::testing::ManualClock::new()))
        .build()
        .unwrap();
    let before = token(&issuer, 0).roles(&["clerk"]);
    assert!(verified(&verifier, &before).is_ok());
    let body = event(&issuer, "user.roles_changed", 0, &json!({"user_id": "alice", "roles": []}));
    assert_eq!(verifier.sink().event(&body), Ok(true));
    assert_eq!(verified(&verifier, &before), Err(Rejected::RolesChanged));
    assert_eq!(verifier.status().revocations, 1);
    assert!(verifier.sink().event(b"{}").is_err());
}

#[test]
fn what_is_said_of_roles_is_forgotten_when_no_token_of_then_can_be_alive() {
    let issuer = TestIssuer::new("orders");
    let verifier = issuer.verifier();
    for round in 0..60 {
        for one in 0..200 {
            issuer.change_roles_of(&format!("{round}/{one}"));
        }
        issuer.clock().advance(Duration::from_secs(60 * 60));
    }
    let kept = verifier.status().revocations;
    assert!((24 * 200..=52 * 200).contains(&kept), "{kept} of 12 000");
}

/// The verifier links nothing of the issuer's, and must judge alike.
#[test]
fn a_permission_means_here_what_it_means_to_the_issuer() {
    let words = ["*", "users", "orders", "read", "write", "a", "api-keys", "write_all", &"a".repeat(32)];
    let mut texts: Vec<String> = words.iter().flat_map(|a| words.iter().map(move |b| format!("{a}:{b}"))).collect();
    let odd = ["", ":", "users", "*", "users:", ":read", "Users:read", "users:read:all", "us*:read", "users: read"];
    texts.extend(odd.map(str::to_owned));
    texts.extend(["1a:b", "users:**", "users:réad", "-a:b", "a:_b"].map(str::to_owned));
    texts.push(format!("{}:read", "a".repeat(33)));

    let issuer = TestIssuer::new("orders");
    let verifier = issuer.verifier();
    for held in &texts {
        let of_user = verifier.verify(&issuer.token().permissions(&[held]).mint()).unwrap();
        let is_a_scope = !held.is_empty() && held.is_ascii() && !held.contains(' ');
        let of_client = is_a_scope.then(|| verifier.verify(&issuer.client_token("c").scope(held).mint()).unwrap());
        for needed in &texts {
            let theirs = Permission::parse(held)
                .and_then(|held| Ok(held.covers(&Permission::parse(needed)?)))
                .unwrap_or_default();
            assert_eq!(of_user.permits(needed), theirs, "{held} and {needed}");
            if let Some(client) = &of_client {
                assert_eq!(client.permits(needed), theirs, "{held} and {needed}");
            }
        }
    }
}

#[test]
fn a_scope_gives_a_user_no_permission_and_permissions_give_a_client_none() {
    let issuer = TestIssuer::new("orders");
    let verifier = issuer.verifier();
    let user = verifier.verify(&issuer.token().scope("users:read").mint()).unwrap();
    assert!(user.allow("users:read") && !user.permits("users:read"));
    let client = verifier.verify(&issuer.client_token("reports").permissions(&["users:read"]).mint()).unwrap();
    assert!(!client.permits("users:read") && !client.allow("users:read"));
    let clerk = verifier.verify(&issuer.token().roles(&["clerk"]).mint()).unwrap();
    assert!(clerk.has_role("clerk") && !clerk.has_role("cler") && !user.has_role("clerk"));
}

#[test]
fn who_really_acts_is_named_by_an_object_and_never_acts_as_a_client() {
    for algorithm in BOTH {
        let issuer = TestIssuer::with_algorithm("orders", algorithm);
        let verifier = issuer.verifier();
        let with = |act: Value| verifier.verify(&issuer.token().claim("act", act).mint());
        assert_eq!(verifier.verify(&issuer.valid()).unwrap().actor(), None);
        let before = json!({"sub": "bob", "iss": "https://issuer.test", "act": {"sub": "carol"}});
        assert_eq!(with(before).unwrap().actor(), Some("bob"), "the last one in the chain acts (RFC 8693 §4.1)");
        for act in [json!("bob"), json!(["bob"]), json!({}), json!({"sub": null}), json!({"sub": ""}), json!(true)] {
            assert_eq!(with(act.clone()), Err(Rejected::Malformed), "{act}");
        }
        for act in [r#"{"sub":"bob","sub":"carol"}"#, "null", r#"{"sub":"bob"},"act":{"sub":"bob"}"#] {
            let payload = issuer.token().claim("act", "here").mint();
            let part = payload.split('.').nth(if algorithm == Algorithm::V4Public { 2 } else { 1 }).unwrap();
            let payload = crate::forged::unb64(part);
            let end = payload.len() - if algorithm == Algorithm::V4Public { 64 } else { 0 };
            let payload = String::from_utf8(payload[..end].to_vec()).unwrap().replace(r#""here""#, act);
            let header = match algorithm {
                Algorithm::V4Public => format!(r#"{{"kid":"{}"}}"#, issuer.kid()),
                jwt => format!(r#"{{"typ":"at+jwt","alg":"{jwt}","kid":"{}"}}"#, issuer.kid()),
            };
            assert_eq!(verifier.verify(&issuer.sign(&header, &payload)), Err(Rejected::Malformed), "{act}");
        }
        let as_client = issuer.client_token("reports").actor("bob").mint();
        assert_eq!(verifier.verify(&as_client), Err(Rejected::Subject));
    }
}

#[test]
fn a_token_for_reading_lets_only_safe_methods_pass() {
    let issuer = TestIssuer::new("orders");
    let verifier = issuer.verifier();
    let read_only = verifier.verify(&issuer.token().scope("openid").actor("bob").read_only().mint()).unwrap();
    let full = verifier.verify(&issuer.token().scope("read_only_mail").mint()).unwrap();
    assert!(read_only.is_read_only() && !full.is_read_only());
    for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
        assert_eq!(read_only.may_use(method), Ok(()), "{method}");
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "get", "QUERY", ""] {
        assert_eq!(read_only.may_use(method), Err(Denied::ReadOnly), "{method}");
        assert_eq!(full.may_use(method), Ok(()), "{method}");
    }
}
