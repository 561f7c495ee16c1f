//! What a token says, and what it may not say (A059, A062, B02).

use std::time::Duration;

use portcullis_domain::ids::UserId;
use portcullis_domain::ports::tokens::{TokenIssuer, TokenVerifier};
use portcullis_domain::tokens::{Algorithm, Claims, Scope};
use serde_json::{Value, json};

use crate::forger;
use crate::scene::{self, Dice, JWT, NOW, assert_refused, claims, client_claims, scene, token, unb64};

fn segment(token: &str, at: usize) -> Value {
    let text = token.split('.').nth(at).expect("a segment");
    serde_json::from_slice(&unb64(text)).expect("JSON")
}

#[tokio::test]
async fn every_claim_survives_in_every_format() {
    for algorithm in Algorithm::ALL {
        let (ring, _) = scene(algorithm).await;
        for full in [false, true] {
            let mut claims = claims();
            claims.client_id = "a \"quoted\" \\ client, ünïcode".into();
            if full {
                claims.roles = Some(vec!["admin".into(), "editor \u{1F511}".into()]);
                claims.permissions = Some(vec![]);
                claims.actor = Some(UserId::new(NOW, &Dice::default()));
            } else {
                claims.authenticated_at = None;
                claims.scope = Scope::default();
            }
            let token = ring.issue(&claims).expect("a token");
            assert_eq!(ring.verify(token.expose(), NOW).expect("our own token"), claims, "{algorithm:?}");
        }
    }
}

#[tokio::test]
async fn a062_a_jwt_follows_rfc_9068() {
    for algorithm in JWT {
        let (ring, pairs) = scene(algorithm).await;
        let token = token(&ring);
        let header = String::from_utf8(unb64(token.split('.').next().expect("a header"))).expect("text");
        assert_eq!(header, forger::header(algorithm, scene::kid(pairs, algorithm)));
        let said = claims();
        assert_eq!(
            String::from_utf8(unb64(token.split('.').nth(1).expect("a payload"))).expect("text"),
            format!(
                r#"{{"iss":"{}","sub":"{}","aud":"{}","exp":1763722500,"iat":1763721600,"jti":"{}","sid":"{}","client_id":"portcullis","scope":"openid profile","auth_time":1763721570}}"#,
                said.issuer,
                said.sub(),
                said.audience,
                said.id,
                said.grant()
            )
        );
    }
}

#[tokio::test]
async fn a_paseto_says_the_same_with_rfc_3339_instants() {
    let (ring, pairs) = scene(Algorithm::V4Public).await;
    let token = token(&ring);
    let text = unb64(token.split('.').nth(2).expect("a payload"));
    let payload: Value = serde_json::from_slice(&text[..text.len() - 64]).expect("JSON");
    let said = claims();
    assert_eq!(
        payload,
        json!({
            "iss": said.issuer, "sub": said.sub(), "aud": said.audience, "exp": "2025-11-21T10:55:00Z",
            "iat": "2025-11-21T10:40:00Z", "jti": said.id, "sid": said.grant(), "client_id": "portcullis",
            "scope": "openid profile", "auth_time": "2025-11-21T10:39:30Z"
        })
    );
    assert_eq!(segment(&token, 3), json!({ "kid": scene::kid(pairs, Algorithm::V4Public) }));
}

#[tokio::test]
async fn a062_the_token_of_a_client_has_its_id_as_sub_and_neither_sid_nor_auth_time() {
    for algorithm in Algorithm::ALL {
        let (ring, _) = scene(algorithm).await;
        for roles in [None, Some(vec!["writer".to_owned()])] {
            let claims = Claims { permissions: roles.clone(), roles, ..client_claims() };
            let token = ring.issue(&claims).expect("a token");
            assert_eq!(ring.verify(token.expose(), NOW).expect("our own token"), claims, "{algorithm:?}");
            let said = said(token.expose());
            assert_eq!((&said["sub"], &said["client_id"]), (&json!("orders"), &json!("orders")));
            assert!(said.get("sid").is_none() && said.get("auth_time").is_none(), "{said}");
        }
    }
}

#[tokio::test]
async fn who_really_acts_is_an_object_with_their_id_and_nothing_else_is_read() {
    for algorithm in Algorithm::ALL {
        let (ring, pairs) = scene(algorithm).await;
        let admin = UserId::new(NOW, &Dice::default());
        let of_user = ring.issue(&Claims { actor: Some(admin), ..claims() }).expect("a token");
        let good = said(of_user.expose());
        assert_eq!(good["act"], json!({ "sub": admin }), "{algorithm:?}");
        assert!(said(&token(&ring)).get("act").is_none(), "nobody else acts");

        let with = |act: &str| {
            let text = good.to_string();
            let act_before = format!(r#""act":{}"#, good["act"]);
            forged(algorithm, pairs, &text.replace(&act_before, &format!(r#""act":{act}"#)))
        };
        ring.verify(&with(&format!(r#"{{"sub":"{admin}"}}"#)), NOW).expect("the forger's tools work");
        for act in [
            "null".to_owned(),
            "true".to_owned(),
            "{}".to_owned(),
            format!(r#""{admin}""#),
            format!(r#"["{admin}"]"#),
            format!(r#"[{{"sub":"{admin}"}}]"#),
            r#"{"sub":null}"#.to_owned(),
            r#"{"sub":""}"#.to_owned(),
            r#"{"sub":"orders"}"#.to_owned(),
            format!(r#"{{"sub":"{}"}}"#, admin.to_string().to_uppercase()),
            format!(r#"{{"sub":["{admin}"]}}"#),
            format!(r#"{{"sub":"{admin}","iss":"https://auth.example.com"}}"#),
            format!(r#"{{"sub":"{admin}","act":{{"sub":"{admin}"}}}}"#),
            format!(r#"{{"sub":"{admin}","sub":"{admin}"}}"#),
            format!(r#"{{"sub":"{admin}"}},"act":{{"sub":"{admin}"}}"#),
        ] {
            assert_refused(&ring, &with(&act), &act);
        }
        let of_client = ring.issue(&Claims { actor: Some(admin), ..client_claims() }).expect("a token");
        assert_refused(&ring, of_client.expose(), "nobody acts as a client");
    }
}

#[tokio::test]
async fn instants_are_whole_seconds_and_a_token_lives_from_iat_to_exp() {
    for algorithm in Algorithm::ALL {
        let (ring, _) = scene(algorithm).await;
        let mut claims = claims();
        claims.issued_at = NOW.plus(Duration::from_micros(999_999));
        let token = ring.issue(&claims).expect("a token");
        let said = ring.verify(token.expose(), NOW).expect("our own token");
        assert_eq!(said.issued_at, NOW);
        let exp = said.expires_at;
        let valid = |at| ring.verify(token.expose(), at).is_ok();
        assert!(valid(exp.minus(Duration::from_micros(1))) && !valid(exp) && !valid(exp.plus(Duration::from_secs(60))));
        assert!(valid(NOW.minus(Duration::from_secs(60))) && !valid(NOW.minus(Duration::from_micros(60_000_001))));
    }
}

#[tokio::test]
async fn a_token_for_somebody_else_is_refused() {
    for algorithm in Algorithm::ALL {
        let (ring, _) = scene(algorithm).await;
        for (issuer, audience) in [("https://auth.example.com/", scene::AUDIENCE), (scene::ISSUER, "other"), ("", "")] {
            let mut claims = claims();
            (claims.issuer, claims.audience) = (issuer.into(), audience.into());
            let token = ring.issue(&claims).expect("a token");
            assert_refused(&ring, token.expose(), "another issuer or audience");
        }
    }
}

/// Values that are wrong for every instant, in either format.
fn wrong_instants() -> Vec<Value> {
    serde_json::from_str(
        r#"["1763722500", "soon", "", "2025-11-21", "2025-11-21T10:55:00", "2025-11-21T10:55:00+00:00", 1763722500.5,
            1763722500.0, 1.7e9, -1, 0, 18446744073709551616, 9223372036854775807, 253402300800, -9223372036854775808,
            [1763722500], {}, null, true, "\u0000"]"#,
    )
    .expect("JSON")
}

/// Signs, with our own key, our own claims after `change`.
fn forged(algorithm: Algorithm, pairs: crate::scene::Pairs, payload: &str) -> String {
    let private = scene::private(pairs, algorithm);
    let kid = scene::kid(pairs, algorithm);
    if algorithm == Algorithm::V4Public {
        return forger::paseto(private, payload, Some(&format!(r#"{{"kid":"{kid}"}}"#)), None);
    }
    forger::jwt(algorithm, private, &forger::header(algorithm, kid), payload)
}

fn said(token: &str) -> Value {
    serde_json::from_str(&forger::payload(token)).expect("JSON")
}

#[tokio::test]
async fn a059_b02_a_claim_that_is_missing_or_of_another_type_is_refused_though_we_signed_it() {
    for algorithm in Algorithm::ALL {
        let (ring, pairs) = scene(algorithm).await;
        let good = said(&token(&ring));
        ring.verify(&forged(algorithm, pairs, &good.to_string()), NOW).expect("the forger's tools work");

        let refused = |change: &dyn Fn(&mut Value), what: &str| {
            let mut bad = good.clone();
            change(&mut bad);
            assert_refused(&ring, &forged(algorithm, pairs, &bad.to_string()), what);
        };
        for claim in ["iss", "sub", "aud", "exp", "iat", "jti", "sid", "client_id", "scope"] {
            refused(&|c| drop(c.as_object_mut().expect("claims").remove(claim)), claim);
            for wrong in [json!(null), json!(true), json!([good[claim]]), json!({}), json!("\u{0}")] {
                if claim == "client_id" && wrong.is_string() {
                    continue;
                }
                refused(&|c| c[claim] = wrong.clone(), &format!("{claim}: {wrong}"));
            }
        }
        for claim in ["iss", "sub", "aud", "jti", "sid", "client_id", "scope"] {
            refused(&|c| c[claim] = json!(1), &format!("{claim}: 1"));
        }
        // A client id may be any text, ids and scopes may not.
        for (claim, wrong) in [("sub", "7"), ("jti", ""), ("sid", "0"), ("scope", " a"), ("scope", "\"")] {
            refused(&|c| c[claim] = json!(wrong), &format!("{claim}: {wrong}"));
        }
        refused(&|c| c["sub"] = json!(c["sub"].as_str().expect("text").to_uppercase()), "an id in capitals");
        refused(&|c| c["aud"] = json!([scene::AUDIENCE]), "a list of audiences");
        for wrong in wrong_instants() {
            // Any past is fine for the time of authentication.
            let past = wrong == json!(-1) || wrong == json!(0);
            for claim in ["exp", "auth_time"].into_iter().take(if past { 1 } else { 2 }) {
                refused(&|c| c[claim] = wrong.clone(), &format!("{claim}: {wrong}"));
            }
        }
        for wrong in [json!("x"), json!(null), json!([1]), json!({})] {
            refused(&|c| c["roles"] = wrong.clone(), "roles");
            refused(&|c| c["permissions"] = wrong.clone(), "permissions");
        }
    }
}

#[tokio::test]
async fn a_client_is_never_taken_for_a_user_nor_a_user_for_a_client_though_we_signed_it() {
    for algorithm in Algorithm::ALL {
        let (ring, pairs) = scene(algorithm).await;
        let said_of = |claims: &Claims| said(ring.issue(claims).expect("a token").expose());
        let (user, client) = (said_of(&claims()), said_of(&client_claims()));
        let id = user["sub"].clone();
        let auth_time = user["auth_time"].clone();
        let checked = |from: &Value, changes: &[(&str, Value)], gone: &[&str]| {
            let mut claims = from.clone();
            for (claim, value) in changes {
                claims[*claim] = value.clone();
            }
            gone.iter().for_each(|claim| drop(claims.as_object_mut().expect("claims").remove(*claim)));
            forged(algorithm, pairs, &claims.to_string())
        };
        let refused = |from: &Value, changes: &[(&str, Value)], gone: &[&str], what: &str| {
            assert_refused(&ring, &checked(from, changes, gone), what);
        };
        for good in [&user, &client] {
            ring.verify(&checked(good, &[], &[]), NOW).expect("the forger's tools work");
        }

        refused(&user, &[], &["sid"], "a user without a session");
        refused(&user, &[("client_id", id.clone())], &["sid", "auth_time"], "a client that has a user's id");
        refused(&client, &[("sub", id.clone())], &[], "a client that speaks for a user");
        refused(&client, &[("sub", id.clone()), ("auth_time", auth_time.clone())], &[], "and says when they signed in");
        refused(&client, &[("sid", user["sid"].clone())], &[], "a client with a session");
        refused(&client, &[("sid", json!("orders"))], &[], "a client as its own session");
        refused(&client, &[("sid", json!(null))], &[], "a session that is null");
        refused(&client, &[("sid", json!(""))], &[], "a session without a name");
        refused(&client, &[("auth_time", auth_time)], &[], "a client that signed in");
        refused(&client, &[("auth_time", json!(null))], &[], "a client with an empty time of signing in");
        refused(&client, &[("sub", json!("billing"))], &[], "a client that speaks for another one");
        refused(&client, &[("client_id", json!("billing"))], &[], "a client that another one speaks for");
        refused(&client, &[], &["sub"], "a client without sub");
        refused(&client, &[], &["client_id"], "a client without an id");
        let id = id.as_str().expect("text");
        let plain = id.replace('-', "");
        for name in [id, &plain, "", "or", "Orders", "orders ", " orders", "a/b", "a\u{0}b"] {
            let both = [("sub", json!(name)), ("client_id", json!(name))];
            refused(&client, &both, &[], &format!("a client called {name:?}"));
        }
        for name in [plain.to_uppercase(), format!("{{{id}}}"), format!("urn:uuid:{id}")] {
            let both = [("sub", json!(name)), ("client_id", json!(name))];
            refused(&client, &both, &[], &format!("a client in a user's form: {name:?}"));
        }
    }
}

#[tokio::test]
async fn a059_an_iat_of_another_type_or_from_the_future_is_refused() {
    for algorithm in Algorithm::ALL {
        let (ring, pairs) = scene(algorithm).await;
        let good = said(&token(&ring));
        // An old iat is fine, so -1 and 0 are not wrong for a JWT.
        let wrong = wrong_instants().into_iter().filter(|v| *v != json!(-1) && *v != json!(0));
        let future =
            if algorithm == Algorithm::V4Public { json!("2025-11-21T10:41:01Z") } else { json!(1_763_721_661) };
        for wrong in wrong.chain([future]) {
            let mut bad = good.clone();
            bad["iat"] = wrong.clone();
            assert_refused(&ring, &forged(algorithm, pairs, &bad.to_string()), &format!("iat: {wrong}"));
        }
    }
}

#[tokio::test]
async fn a059_b02_nbf_and_other_claims_that_we_do_not_write_are_refused() {
    for algorithm in Algorithm::ALL {
        let (ring, pairs) = scene(algorithm).await;
        let good = said(&token(&ring));
        for (claim, value) in [
            ("nbf", json!("99999999999")),
            ("nbf", json!(0)),
            ("nbf", json!(null)),
            ("nbf", json!("2025-11-21T10:40:00Z")),
            ("cnf", json!({ "jkt": "x" })),
            ("admin", json!(true)),
            ("", json!("")),
        ] {
            let mut bad = good.clone();
            bad[claim] = value;
            assert_refused(&ring, &forged(algorithm, pairs, &bad.to_string()), claim);
        }
    }
}

#[tokio::test]
async fn a061_claims_that_come_twice_or_in_another_shape_are_refused() {
    for algorithm in Algorithm::ALL {
        let (ring, pairs) = scene(algorithm).await;
        let good = said(&token(&ring)).to_string();
        let object = good.as_str();
        let inner = &object[1..object.len() - 1];
        let values: Value = serde_json::from_str(object).expect("JSON");
        let list = json!(values.as_object().expect("claims").values().collect::<Vec<_>>()).to_string();
        let mut bad = vec![
            format!("{{{inner},{inner}}}"),
            format!("{object}{object}"),
            format!("{object} x"),
            format!("[{object}]"),
            list,
            format!("\u{FEFF}{object}"),
            "null".into(),
            "{}".into(),
            "[".repeat(2_000),
        ];
        for (claim, value) in values.as_object().expect("claims") {
            bad.push(format!(r#"{{{inner},"{claim}":{value}}}"#));
        }
        for payload in bad {
            assert_refused(&ring, &forged(algorithm, pairs, &payload), &payload);
        }
    }
}
