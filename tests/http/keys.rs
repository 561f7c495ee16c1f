//! The public keys.

use poem::http::StatusCode;
use serde_json::Value;

use crate::harness::{Ask, House};

#[tokio::test]
async fn a084_both_key_sets_are_published_cacheable_and_without_private_parts() {
    let house = House::new().await;
    for (path, entries) in [("/.well-known/jwks.json", "keys"), ("/.well-known/paserk.json", "keys")] {
        let answer = house.send(Ask::get(path)).await.is(StatusCode::OK);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        let tag = answer.header("etag").unwrap();
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 10);
        let keys = answer.json()[entries].as_array().unwrap().clone();
        for key in &keys {
            for private in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
                assert_eq!(key.get(private), None::<&Value>);
            }
        }
    }
    assert!(!house.send(Ask::get("/.well-known/jwks.json")).await.json()["keys"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn who_has_the_keys_already_is_told_so() {
    let house = House::new().await;
    for path in ["/.well-known/jwks.json", "/.well-known/paserk.json"] {
        let first = house.send(Ask::get(path)).await;
        let tag = first.header("etag").unwrap();
        for condition in [tag.to_owned(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let answer = house.send(Ask::get(path).header("if-none-match", &condition)).await;
            let answer = answer.is(StatusCode::NOT_MODIFIED);
            assert!(answer.body.is_empty());
            for header in ["etag", "cache-control", "access-control-allow-origin"] {
                assert_eq!(answer.header(header), first.header(header), "{condition}");
            }
        }
        for condition in ["\"x\"", "x", ""] {
            house.send(Ask::get(path).header("if-none-match", condition)).await.is(StatusCode::OK);
        }
    }
}
