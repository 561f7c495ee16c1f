//! Forged JWTs: a header that we do not write, though we signed it (A057, A058, A060, A061, B03–B06).

use std::time::{Duration, Instant};

use portcullis_domain::ports::tokens::KeyRing;
use portcullis_domain::tokens::Algorithm;
use serde_json::{Value, json};

use crate::forger::{self, header, payload};
use crate::scene::{self, JWT, NOW, assert_refused, private, scene, token};

#[tokio::test]
async fn a057_b03_b04_b06_header_parameters_that_we_do_not_write_are_refused_though_we_signed_them() {
    for algorithm in JWT {
        let (ring, pairs) = scene(algorithm).await;
        let payload = payload(&token(&ring));
        let jwks: Value = serde_json::from_str(&ring.published(NOW).jwks).expect("JSON");
        let good: Value = serde_json::from_str(&header(algorithm, scene::kid(pairs, algorithm))).expect("JSON");
        for (name, value) in [
            ("jku", json!("http://127.0.0.1:9/jwks.json")),
            ("x5u", json!("http://127.0.0.1:9/cert.pem")),
            ("jwk", jwks["keys"][0].clone()),
            ("x5c", json!(["MIIB"])),
            ("x5t", json!("AAAA")),
            ("crit", json!(["x"])),
            ("crit", json!([])),
            ("crit", json!(["exp", "alg"])),
            ("b64", json!(false)),
            ("b64", json!(true)),
            ("zip", json!("DEF")),
            ("cty", json!("JWT")),
            ("enc", json!("A256GCM")),
            ("extra", json!(null)),
        ] {
            let mut header = good.clone();
            header[name] = value;
            let forged = forger::jwt(algorithm, private(pairs, algorithm), &header.to_string(), &payload);
            assert_refused(&ring, &forged, name);
        }
    }
}

#[tokio::test]
async fn a060_another_typ_is_refused_though_we_signed_it() {
    let (ring, pairs) = scene(Algorithm::EdDsa).await;
    let payload = payload(&token(&ring));
    let kid = scene::kid(pairs, Algorithm::EdDsa);
    for typ in [r#""JWT""#, r#""jwt""#, r#""AT+JWT""#, r#""application/at+jwt""#, r#""""#, "null", "1", r#"["at+jwt"]"#]
    {
        let header = format!(r#"{{"typ":{typ},"alg":"EdDSA","kid":"{kid}"}}"#);
        assert_refused(&ring, &forger::jwt(Algorithm::EdDsa, private(pairs, Algorithm::EdDsa), &header, &payload), typ);
    }
    let header = format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#);
    assert_refused(&ring, &forger::jwt(Algorithm::EdDsa, private(pairs, Algorithm::EdDsa), &header, &payload), "none");
}

#[tokio::test]
async fn a058_b05_a_kid_is_only_ever_compared_and_that_at_once() {
    let (ring, pairs) = scene(Algorithm::EdDsa).await;
    let payload = payload(&token(&ring));
    let key = private(pairs, Algorithm::EdDsa);
    let good = scene::kid(pairs, Algorithm::EdDsa);
    let huge = format!("\"{}\"", "A".repeat(1 << 20));
    let mut kids: Vec<String> = [
        "../../../../dev/null",
        "/etc/passwd",
        "' OR 1=1--",
        "\\u0000",
        "%00",
        "|sleep 9",
        "http://127.0.0.1:9/",
        "",
        "none",
    ]
    .map(|kid| format!("\"{kid}\""))
    .to_vec();
    kids.extend(["null", "0", "[]", "{}", "true"].map(str::to_owned));
    kids.extend([format!("\"{good}\\u0000\""), format!("[\"{good}\"]"), format!("\" {good}\""), huge]);
    for kid in kids {
        let header = format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":{kid}}}"#);
        let forged = forger::jwt(Algorithm::EdDsa, key, &header, &payload);
        assert_refused(&ring, &forged, &kid[..kid.len().min(60)]);
        // The best of three: a busy machine may interrupt one.
        let took = (0..3).map(|_| {
            let start = Instant::now();
            assert_refused(&ring, &forged, "again");
            start.elapsed()
        });
        assert!(took.min() < Some(Duration::from_millis(10)), "{kid:.60}");
    }
    for header in [
        r#"{"typ":"at+jwt","alg":"EdDSA"}"#.to_owned(),
        format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"{good}","kid":"{good}"}}"#),
        format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"x","kid":"{good}"}}"#),
        format!(r#"{{"typ":"at+jwt","alg":"none","alg":"EdDSA","kid":"{good}"}}"#),
    ] {
        assert_refused(&ring, &forger::jwt(Algorithm::EdDsa, key, &header, &payload), &header);
    }
}

#[tokio::test]
async fn a061_another_spelling_of_our_header_is_refused_though_we_signed_it() {
    for algorithm in JWT {
        let (ring, pairs) = scene(algorithm).await;
        let payload = payload(&token(&ring));
        let kid = scene::kid(pairs, algorithm);
        let alg = algorithm.as_str();
        let good = header(algorithm, kid);
        for other in [
            format!(r#"{{"alg":"{alg}","typ":"at+jwt","kid":"{kid}"}}"#),
            format!("{good} "),
            format!(" {good}"),
            good.replace(':', ": "),
            good.replace("at+jwt", "at\\u002bjwt"),
            format!("\u{FEFF}{good}"),
            good.replace('}', ",}"),
        ] {
            assert_refused(&ring, &forger::jwt(algorithm, private(pairs, algorithm), &other, &payload), &other);
        }
    }
}
