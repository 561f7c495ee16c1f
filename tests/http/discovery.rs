//! What the protocol endpoints can do, as clients read it.

use poem::http::StatusCode;
use portcullis_domain::tokens::Scope;
use serde_json::{Value, json};

use crate::harness::{Answer, Ask, CLIENT, House, ISSUER, Plan};

const PATHS: [&str; 2] = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];

/// The path of a URL of the document.
fn path(url: &Value) -> String {
    url.as_str().unwrap().strip_prefix(ISSUER).unwrap().to_owned()
}

fn list(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

#[tokio::test]
async fn a083_the_document_says_what_there_is() {
    let house = House::new().await;
    let expected = json!({
        "issuer": "https://auth.example.com",
        "token_endpoint": "https://auth.example.com/oauth2/token",
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "introspection_endpoint": "https://auth.example.com/oauth2/introspect",
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "revocation_endpoint": "https://auth.example.com/oauth2/revoke",
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "jwks_uri": "https://auth.example.com/.well-known/jwks.json",
        "grant_types_supported": ["client_credentials", "refresh_token"],
        "response_types_supported": [],
        "scopes_supported": ["account", "profile"],
        "service_documentation": "https://auth.example.com/docs",
    });
    for path in PATHS {
        let answer = house.send(Ask::get(path)).await.is(StatusCode::OK);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.json(), expected, "{path}");
    }
}

#[tokio::test]
async fn a083_b17_the_issuer_is_the_configured_one_whatever_the_request_says() {
    let house = House::new().await;
    for path in PATHS {
        let plain = house.send(Ask::get(path)).await.is(StatusCode::OK);
        for host in ["evil.example", "auth.example.com:8443", "127.0.0.1", "[::1]:80", "AUTH.EXAMPLE.COM."] {
            let forged = Ask::get(path)
                .header("host", host)
                .header("x-forwarded-host", "evil.example")
                .header("x-forwarded-proto", "http")
                .header("x-forwarded-port", "1")
                .header("x-forwarded-prefix", "/evil")
                .header("forwarded", "host=evil.example;proto=http");
            let answer = house.send(forged).await.is(StatusCode::OK);
            assert_eq!(
                (answer.body, answer.headers.get("etag")),
                (plain.body.clone(), plain.headers.get("etag")),
                "{host}"
            );
        }
        let absolute = house.send(Ask::get(&format!("http://evil.example{path}"))).await.is(StatusCode::OK);
        assert_eq!(absolute.body, plain.body);
    }
}

#[tokio::test]
async fn a083_every_endpoint_grant_and_method_that_is_listed_works() {
    let house = House::new().await;
    let secret = house.client("orders", "stock:read").await;
    let ada = house.user("ada").await;
    let document = house.send(Ask::get(PATHS[0])).await.json();
    let with = |to: &str, method: &str, form: &str| -> Ask {
        match method {
            "client_secret_basic" => Ask::post(to).basic(("orders", &secret)).form(form),
            "client_secret_post" => Ask::post(to).form(&format!("{form}&client_id=orders&client_secret={secret}")),
            "none" => Ask::post(to).form(&format!("{form}&client_id=portcullis")),
            other => panic!("nobody has tried {other}"),
        }
    };
    let mut refresh = ada.refresh.clone();
    let token = path(&document["token_endpoint"]);
    let mut worked = Vec::new();
    for method in list(&document["token_endpoint_auth_methods_supported"]) {
        for grant in list(&document["grant_types_supported"]) {
            let form = match grant {
                "client_credentials" => "grant_type=client_credentials".to_owned(),
                "refresh_token" => format!("grant_type=refresh_token&refresh_token={refresh}"),
                other => panic!("nobody has tried {other}"),
            };
            let answer = house.send(with(&token, method, &form)).await;
            if answer.status == StatusCode::OK {
                worked.push((method, grant));
                if let Some(next) = answer.json()["refresh_token"].as_str() {
                    next.clone_into(&mut refresh);
                }
            }
        }
    }
    let expected = [
        ("client_secret_basic", "client_credentials"),
        ("client_secret_post", "client_credentials"),
        ("none", "refresh_token"),
    ];
    assert_eq!(worked, expected, "each method and each grant works with the client that it is for");
    for endpoint in ["introspection", "revocation"] {
        let to = path(&document[format!("{endpoint}_endpoint")]);
        for method in list(&document[format!("{endpoint}_endpoint_auth_methods_supported")]) {
            house.send(with(&to, method, "token=x")).await.is(StatusCode::OK);
        }
        let answer = house.send(with(&to, "none", "token=x")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "what is not listed fails");
    }
    for url in ["jwks_uri", "service_documentation"] {
        house.send(Ask::get(&path(&document[url]))).await.is(StatusCode::OK);
    }
    let scopes = list(&document["scopes_supported"]).join("+");
    let form = format!("grant_type=refresh_token&refresh_token={refresh}&scope={scopes}");
    house.send(with(&token, "none", &form)).await.is(StatusCode::OK);
}

#[tokio::test]
async fn a083_what_is_not_listed_fails() {
    let house = House::new().await;
    let secret = house.client("orders", "").await;
    for grant in ["authorization_code", "password", "implicit", "urn:ietf:params:oauth:grant-type:device_code"] {
        let ask = Ask::post("/oauth2/token").basic(("orders", &secret)).form(&format!("grant_type={grant}"));
        assert_eq!(house.send(ask).await.json()["error"], "unsupported_grant_type");
    }
    let document = house.send(Ask::get(PATHS[1])).await.json();
    for absent in [
        "authorization_endpoint",
        "userinfo_endpoint",
        "registration_endpoint",
        "end_session_endpoint",
        "id_token_signing_alg_values_supported",
        "code_challenge_methods_supported",
    ] {
        assert_eq!(document.get(absent), None, "{absent}");
    }
    for there_is_none in ["/oauth2/authorize", "/oauth2/userinfo", "/oauth2/register", "/oauth2/device"] {
        house.send(Ask::get(there_is_none)).await.is(StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn the_document_is_cacheable_and_for_everybody_as_the_keys_are() {
    let house = House::new().await;
    let keys = house.send(Ask::get("/.well-known/jwks.json")).await;
    let steady = |answer: &Answer| -> Vec<(String, String)> {
        answer.steady_headers().into_iter().filter(|(name, _)| name != "etag" && name != "content-length").collect()
    };
    for path in PATHS {
        let first = house.send(Ask::get(path).header("origin", "https://anybody.example")).await.is(StatusCode::OK);
        assert_eq!(
            steady(&first),
            steady(&house.send(Ask::get("/.well-known/jwks.json").header("origin", "https://anybody.example")).await)
        );
        assert_eq!(first.header("access-control-allow-origin"), Some("*"));
        assert_eq!(first.header("cache-control"), keys.header("cache-control"));
        let tag = first.header("etag").unwrap();
        let again = house.send(Ask::get(path).header("if-none-match", tag)).await.is(StatusCode::NOT_MODIFIED);
        assert!(again.body.is_empty());
        assert_eq!(again.header("etag"), Some(tag));
        house.send(Ask::get(path).header("if-none-match", "\"x\"")).await.is(StatusCode::OK);
        house.send(Ask::get(&format!("{path}/"))).await.is(StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a083_an_issuer_with_a_path_is_found_where_rfc_8414_says() {
    let issuer = "https://example.com/auth/eu";
    let adjust = move |settings: &mut portcullis_http::HttpSettings| {
        settings.issuer = issuer.to_owned();
        settings.first_party_scope = Scope::default();
    };
    let house = House::build(Plan { adjust: Box::new(adjust), ..Plan::default() }).await;
    let plain = house.send(Ask::get(PATHS[0])).await.is(StatusCode::OK).json();
    assert_eq!(
        (&plain["issuer"], &plain["token_endpoint"]),
        (&json!(issuer), &json!(format!("{issuer}/oauth2/token")))
    );
    assert_eq!(plain.get("scopes_supported"), None, "RFC 8414 §3.2: no empty lists");
    let inserted = house.send(Ask::get(&format!("{}/auth/eu", PATHS[0]))).await.is(StatusCode::OK);
    assert_eq!(inserted.json(), plain);
    house.send(Ask::get(&format!("{}/auth", PATHS[0]))).await.is(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_document_needs_no_client_and_shows_none() {
    let house = House::new().await;
    house.client("orders", "stock:read secret:scope").await;
    for path in PATHS {
        let text = house.send(Ask::get(path)).await.text();
        for inside in ["orders", "stock:read", CLIENT.0, CLIENT.1] {
            assert!(!text.contains(inside), "{inside}");
        }
    }
}
