//! What a token says.

use portcullis_verifier::testing::{TestIssuer, TokenBuilder};
use portcullis_verifier::{Algorithm, Rejected, Subject};
use serde_json::{Value, json};

const BOTH: [Algorithm; 2] = [Algorithm::EdDsa, Algorithm::V4Public];

#[test]
fn every_claim_survives_the_way() {
    for algorithm in BOTH {
        let issuer = TestIssuer::with_algorithm("orders", algorithm);
        let at = issuer.clock().seconds();
        let token = issuer
            .token()
            .subject("alice")
            .session("s-1")
            .scope("openid orders:read")
            .roles(&["clerk"])
            .permissions(&["orders:*"])
            .claim("jti", "t-1")
            .claim("client_id", "web")
            .claim("acr", "aal2")
            .claim("tenant", json!({"id": 7}))
            .mint();
        let claims = issuer.verifier().verify(&token).expect("it is valid");
        assert_eq!((claims.issuer(), claims.audience()), ("https://issuer.test", "orders"));
        assert_eq!((claims.subject(), claims.session(), claims.id()), ("alice", Some("s-1"), "t-1"));
        assert_eq!((claims.issued_at(), claims.expires_at()), (at, at + 900));
        assert_eq!(claims.scope().collect::<Vec<_>>(), ["openid", "orders:read"]);
        assert_eq!((claims.roles(), claims.permissions()), (&["clerk".to_owned()][..], &["orders:*".to_owned()][..]));
        assert_eq!((claims.client_id(), claims.authenticated_at()), ("web", None));
        assert_eq!(claims.get::<String>("acr").as_deref(), Some("aal2"));
        assert_eq!(claims.get::<Value>("tenant"), Some(json!({"id": 7})));
        assert_eq!((claims.get::<u32>("acr"), claims.get::<Value>("none")), (None, None));
        assert!(claims.allow("orders:write") && claims.allow("openid") && !claims.allow("users:read"));
    }
}

#[test]
fn a_clients_own_token_has_no_session() {
    let issuer = TestIssuer::new("orders");
    let token = issuer.client_token("reports").claim("scope", json!(null)).mint();
    let claims = issuer.verifier().verify(&token).expect("it is valid");
    assert_eq!((claims.session(), claims.scope().count()), (None, 0));
}

#[test]
fn the_claims_tell_a_user_from_a_client() {
    for algorithm in BOTH {
        let issuer = TestIssuer::with_algorithm("orders", algorithm);
        let verifier = issuer.verifier();
        let users = issuer.token().subject("alice").session("s").client("reports").mint();
        let claims = verifier.verify(&users).expect("it is valid");
        assert_eq!(claims.speaks_for(), Subject::User { id: "alice", session: "s" });
        assert_eq!((claims.user(), claims.client_id()), (Some("alice"), "reports"));
        let clients = issuer.client_token("reports").scope("orders:read").mint();
        let claims = verifier.verify(&clients).expect("it is valid");
        assert_eq!(claims.speaks_for(), Subject::Client { id: "reports" });
        assert_eq!((claims.user(), claims.subject(), claims.client_id()), (None, "reports", "reports"));
        assert!(claims.allow("orders:read") && !claims.allow("orders:write"));
    }
}

/// RFC 9068 §5, RFC 9700 §4.15: a client must not be able to pass for a user.
#[test]
fn a_token_without_a_session_that_is_not_a_clients_own_is_refused() {
    const USER: &str = "019b0000-0000-7000-8000-00000000cccc";
    for algorithm in BOTH {
        let issuer = TestIssuer::with_algorithm("orders", algorithm);
        let verifier = issuer.verifier();
        let at = |builder: TokenBuilder| builder.mint();
        let signed_in = match algorithm {
            Algorithm::V4Public => json!("2026-01-01T12:00:00Z"),
            _ => json!(issuer.clock().seconds()),
        };
        for (what, token) in [
            ("a user without a session", at(issuer.token().claim("sid", json!(null)))),
            ("a user of a client", at(issuer.client_token("reports").subject(USER))),
            ("another client", at(issuer.client_token("reports").subject("billing"))),
            ("other letters", at(issuer.client_token("reports").subject("Reports"))),
            ("a client with the id of a user", at(issuer.client_token(USER))),
            ("the same in another spelling", at(issuer.client_token(&USER.to_uppercase()))),
            ("the same without hyphens", at(issuer.client_token(&USER.replace('-', "")))),
            ("a client that signed in", at(issuer.client_token("reports").claim("auth_time", signed_in))),
        ] {
            assert_eq!(verifier.verify(&token), Err(Rejected::Subject), "{what}");
        }
        assert_eq!(verifier.status().cached, 0);
        assert!(verifier.verify(&issuer.client_token("reports").mint()).is_ok());
    }
}

#[test]
fn a_claim_that_is_missing_or_of_another_type_is_refused() {
    for algorithm in BOTH {
        let issuer = TestIssuer::with_algorithm("orders", algorithm);
        let verifier = issuer.verifier();
        for name in ["iss", "sub", "aud", "jti", "client_id"] {
            let without = issuer.token().claim(name, json!(null)).mint();
            assert_eq!(verifier.verify(&without), Err(Rejected::Malformed), "{name}");
        }
        for name in [
            "iss",
            "sub",
            "aud",
            "jti",
            "client_id",
            "sid",
            "scope",
            "roles",
            "permissions",
            "exp",
            "iat",
            "nbf",
            "auth_time",
        ] {
            for value in [json!(true), json!({}), json!([1]), json!(1.5), json!([["a"]])] {
                let other = issuer.token().claim(name, &value).mint();
                assert_eq!(verifier.verify(&other), Err(Rejected::Malformed), "{name}: {value}");
            }
        }
        let list = issuer.token().claim("aud", ["orders"]).mint();
        assert_eq!(verifier.verify(&list), Err(Rejected::Malformed), "an audience is one string");
    }
}

#[test]
fn instants_as_texts_fractions_or_before_1970_are_refused() {
    let issuer = TestIssuer::with_algorithm("orders", Algorithm::EdDsa);
    let verifier = issuer.verifier();
    let later = issuer.clock().seconds() + 900;
    for name in ["exp", "nbf", "iat", "auth_time"] {
        for value in
            [json!(later.to_string()), json!(later as f64 + 0.5), json!(-1), json!(-1.0), json!(1e300), json!(u64::MAX)]
        {
            let token = issuer.token().claim(name, &value).mint();
            assert_eq!(verifier.verify(&token), Err(Rejected::Malformed), "{name}: {value}");
        }
    }
    let issuer = TestIssuer::with_algorithm("orders", Algorithm::V4Public);
    let verifier = issuer.verifier();
    for name in ["exp", "nbf", "iat", "auth_time"] {
        for value in [
            json!(later),
            json!("2026-01-01T12:15:00"),
            json!("2026-01-01T13:15:00+01:00"),
            json!("tomorrow"),
            json!(""),
        ] {
            let token = issuer.token().claim(name, &value).mint();
            assert_eq!(verifier.verify(&token), Err(Rejected::Malformed), "{name}: {value}");
        }
    }
}

#[test]
fn a_claim_that_comes_twice_is_refused() {
    let issuer = TestIssuer::with_algorithm("orders", Algorithm::EdDsa);
    let verifier = issuer.verifier();
    let header = format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"{}"}}"#, issuer.kid());
    let at = issuer.clock().seconds();
    let payload = json!({
        "iss": issuer.url(), "sub": "u", "aud": "orders", "jti": "t", "client_id": "c", "sid": "s", "scope": "",
        "iat": at, "exp": at + 900, "auth_time": at, "roles": [], "permissions": [], "nbf": at, "more": 1, "cnf2": 2,
    });
    assert!(verifier.verify(&issuer.sign(&header, &payload.to_string())).is_ok());
    for (name, value) in payload.as_object().unwrap() {
        let text = payload.to_string();
        let twice = format!("{},{}:{value}}}", &text[..text.len() - 1], json!(name));
        assert_eq!(verifier.verify(&issuer.sign(&header, &twice)), Err(Rejected::Malformed), "{name}");
    }
    let text = payload.to_string();
    for other in [
        format!("{text} x"),
        format!("[{text}]"),
        String::new(),
        "null".into(),
        text.replace('}', ",}"),
        "\"a\"".into(),
    ] {
        assert_eq!(verifier.verify(&issuer.sign(&header, &other)), Err(Rejected::Malformed), "{other}");
    }
    // A list of the values in their order, which serde might take for the same.
    let list = json!(payload.as_object().unwrap().values().collect::<Vec<_>>());
    assert_eq!(verifier.verify(&issuer.sign(&header, &list.to_string())), Err(Rejected::Malformed));
}

#[test]
fn a_token_that_is_bound_to_a_key_is_no_bearer_token() {
    for algorithm in BOTH {
        let issuer = TestIssuer::with_algorithm("orders", algorithm);
        let token = issuer.token().claim("cnf", json!({"jkt": "x"})).mint();
        assert_eq!(issuer.verifier().verify(&token), Err(Rejected::Bound));
    }
}

#[test]
fn a064_issuer_and_audience_are_compared_letter_for_letter() {
    for algorithm in BOTH {
        let issuer = TestIssuer::with_algorithm("orders", algorithm);
        let verifier = issuer.builder().audience("invoices").build().unwrap();
        for iss in [
            "https://issuer.test/",
            "https://ISSUER.test",
            "http://issuer.test",
            "",
            "https://issuer.test.evil",
            "issuer.test",
        ] {
            let token = issuer.token().claim("iss", iss).mint();
            assert_eq!(verifier.verify(&token), Err(Rejected::Issuer), "{iss}");
        }
        for aud in ["order", "orders ", "Orders", "", "*", "orders invoices"] {
            assert_eq!(verifier.verify(&issuer.token().audience(aud).mint()), Err(Rejected::Audience), "{aud}");
        }
        for aud in ["orders", "invoices"] {
            assert!(verifier.verify(&issuer.token().audience(aud).mint()).is_ok(), "{aud}");
        }
    }
}

#[test]
fn nothing_of_a_token_is_shown() {
    let issuer = TestIssuer::new("orders");
    let claims = issuer.verifier().verify(&issuer.token().claim("jti", "canary").mint()).unwrap();
    assert!(!format!("{claims:?}").contains("canary"));
}
