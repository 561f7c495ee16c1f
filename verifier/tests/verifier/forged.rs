//! Tokens that somebody made up (A056–A061, B01–B06).

use portcullis_verifier::testing::TestIssuer;
use portcullis_verifier::{Algorithm, Rejected, Verifier};
use serde_json::{Value, json};

const JWT: [Algorithm; 3] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.as_ref().chunks(3) {
        let number = chunk.iter().fold(0_u32, |number, &byte| number << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(LETTERS[(number >> (18 - 6 * place) & 63) as usize]));
        }
    }
    text
}

pub(crate) fn unb64(text: &str) -> Vec<u8> {
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (mut bytes, mut number, mut bits) = (Vec::new(), 0_u32, 0);
    for c in text.chars() {
        number = number << 6 | u32::try_from(letters.find(c).expect("base64url")).unwrap();
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((number >> bits) as u8);
            number &= (1 << bits) - 1;
        }
    }
    bytes
}

fn header(issuer: &TestIssuer) -> String {
    format!(r#"{{"typ":"at+jwt","alg":"{}","kid":"{}"}}"#, issuer.algorithm(), issuer.kid())
}

fn payload(token: &str) -> String {
    String::from_utf8(unb64(token.split('.').nth(1).expect("a payload"))).expect("text")
}

fn parts(token: &str) -> (&str, &str, &str) {
    let (signed, signature) = token.rsplit_once('.').expect("a signature");
    let (header, payload) = signed.split_once('.').expect("a payload");
    (header, payload, signature)
}

#[track_caller]
fn refused(verifier: &Verifier, token: &str, why: Rejected) {
    assert_eq!(verifier.verify(token), Err(why), "{token:.200}");
    // A refusal is not remembered as anything else.
    assert_eq!(verifier.verify(token), Err(why), "{token:.200}");
}

#[test]
fn a_valid_token_of_every_algorithm_is_accepted() {
    for algorithm in Algorithm::ALL {
        let issuer = TestIssuer::with_algorithm("orders", algorithm);
        let verifier = issuer.verifier();
        for _ in 0..3 {
            let token = issuer.token().subject("alice").mint();
            assert_eq!(verifier.verify(&token).expect("it is valid").subject(), "alice");
        }
    }
}

#[test]
fn a056_a_token_without_signature_is_refused() {
    for algorithm in JWT {
        let issuer = TestIssuer::with_algorithm("orders", algorithm);
        let verifier = issuer.verifier();
        let valid = issuer.valid();
        let (head, body, signature) = parts(&valid);
        for alg in ["none", "None", "NONE", "nOnE", ""] {
            let kid = issuer.kid();
            for none in [json!({"alg": alg, "typ": "at+jwt"}), json!({"alg": alg, "typ": "at+jwt", "kid": kid})] {
                let none = b64(none.to_string());
                for signature in ["", signature] {
                    assert!(verifier.verify(&format!("{none}.{body}.{signature}")).is_err());
                }
            }
        }
        refused(&verifier, &format!("{head}.{body}."), Rejected::Signature);
        refused(&verifier, &format!("{head}.{body}"), Rejected::Malformed);
    }
}

#[test]
fn a056_b01_hs256_with_the_public_key_as_secret_is_refused() {
    for algorithm in JWT {
        let issuer = TestIssuer::with_algorithm("orders", algorithm);
        let verifier = issuer.verifier();
        let (valid, jwks) = (issuer.valid(), issuer.jwks());
        let set: Value = serde_json::from_str(&jwks).unwrap();
        let one = set["keys"][0].to_string();
        let numbers = ["x", "y", "n"].iter().filter_map(|name| set["keys"][0][name].as_str()).map(unb64);
        let secrets = numbers.chain([jwks.clone().into_bytes(), one.into_bytes(), Vec::new()]);
        for secret in secrets {
            for alg in ["HS256", "HS384", "HS512"] {
                let header = b64(json!({"typ": "at+jwt", "alg": alg, "kid": issuer.kid()}).to_string());
                let signed = format!("{header}.{}", parts(&valid).1);
                let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &secret);
                let tag = b64(aws_lc_rs::hmac::sign(&key, signed.as_bytes()));
                refused(&verifier, &format!("{signed}.{tag}"), Rejected::Algorithm);
            }
        }
    }
}

#[test]
fn a056_the_algorithm_is_the_keys_whatever_the_token_says() {
    for algorithm in JWT {
        let issuer = TestIssuer::with_algorithm("orders", algorithm);
        let verifier = issuer.verifier();
        let payload = payload(&issuer.valid());
        for other in ["ES256", "EdDSA", "RS256", "Ed25519", "PS256", "ES384", "es256", "v4.public"] {
            if other != algorithm.as_str() {
                let header = json!({"typ": "at+jwt", "alg": other, "kid": issuer.kid()}).to_string();
                refused(&verifier, &issuer.sign(&header, &payload), Rejected::Algorithm);
            }
        }
    }
}

#[test]
fn an_algorithm_that_the_service_does_not_allow_is_refused_though_the_issuer_uses_it() {
    for algorithm in Algorithm::ALL {
        let issuer = TestIssuer::with_algorithm("orders", algorithm);
        let others: Vec<_> = Algorithm::ALL.into_iter().filter(|other| *other != algorithm).collect();
        let strict = issuer.builder().algorithms(&others).build().unwrap();
        refused(&strict, &issuer.valid(), Rejected::Algorithm);
        let fitting = issuer.builder().algorithms(&[algorithm]).build().unwrap();
        assert!(fitting.verify(&issuer.valid()).is_ok());
    }
}

#[test]
fn a057_b03_b04_b06_header_parameters_that_bring_keys_or_change_meanings_are_refused_though_properly_signed() {
    for algorithm in JWT {
        let issuer = TestIssuer::with_algorithm("orders", algorithm);
        let verifier = issuer.verifier();
        let payload = payload(&issuer.valid());
        let jwks: Value = serde_json::from_str(&issuer.jwks()).unwrap();
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
            let mut header: Value = serde_json::from_str(&header(&issuer)).unwrap();
            header[name] = value;
            refused(&verifier, &issuer.sign(&header.to_string(), &payload), Rejected::Malformed);
        }
    }
}

#[test]
fn b03_a_key_in_the_token_is_no_key() {
    let (issuer, thief) = (TestIssuer::new("orders"), TestIssuer::new("orders"));
    let verifier = issuer.verifier();
    let jwks: Value = serde_json::from_str(&thief.jwks()).unwrap();
    let jwk = &jwks["keys"][0];
    let payload = payload(&issuer.valid());
    for kid in [issuer.kid(), thief.kid(), "new".to_owned()] {
        let header = json!({"typ": "at+jwt", "alg": "ES256", "kid": kid, "jwk": jwk}).to_string();
        refused(&verifier, &thief.sign(&header, &payload), Rejected::Malformed);
    }
    let header = json!({"typ": "at+jwt", "alg": "ES256", "jwk": jwk}).to_string();
    refused(&verifier, &thief.sign(&header, &payload), Rejected::Malformed);
}

#[test]
fn a058_b05_a_kid_is_only_ever_compared() {
    let issuer = TestIssuer::with_algorithm("orders", Algorithm::EdDsa);
    let verifier = issuer.verifier();
    let (payload, good) = (payload(&issuer.valid()), issuer.kid());
    let texts = [
        "../../../../dev/null",
        "/etc/passwd",
        "' OR 1=1--",
        "\u{0}",
        "%00",
        "|sleep 9",
        "http://127.0.0.1:9/",
        "",
        "none",
    ];
    for kid in
        texts.map(str::to_owned).into_iter().chain([format!("{good}\u{0}"), format!(" {good}"), good.to_lowercase()])
    {
        let header = json!({"typ": "at+jwt", "alg": "EdDSA", "kid": kid}).to_string();
        refused(&verifier, &issuer.sign(&header, &payload), Rejected::UnknownKey);
    }
    for kid in [json!(null), json!(0), json!([]), json!({}), json!(true), json!([good])] {
        let header = json!({"typ": "at+jwt", "alg": "EdDSA", "kid": kid}).to_string();
        refused(&verifier, &issuer.sign(&header, &payload), Rejected::Malformed);
    }
    let header = json!({"typ": "at+jwt", "alg": "EdDSA", "kid": "A".repeat(1 << 20)}).to_string();
    refused(&verifier, &issuer.sign(&header, &payload), Rejected::TooLong);
    for header in [
        r#"{"typ":"at+jwt","alg":"EdDSA"}"#.to_owned(),
        format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"{good}","kid":"{good}"}}"#),
        format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"x","kid":"{good}"}}"#),
        format!(r#"{{"typ":"at+jwt","alg":"none","alg":"EdDSA","kid":"{good}"}}"#),
    ] {
        refused(&verifier, &issuer.sign(&header, &payload), Rejected::Malformed);
    }
}

#[test]
fn a059_another_key_of_that_name_and_a_key_of_another_name_are_refused() {
    for algorithm in Algorithm::ALL {
        let issuer = TestIssuer::with_algorithm("orders", algorithm);
        let verifier = issuer.verifier();
        refused(&verifier, &issuer.wrong_key(), Rejected::Signature);
        refused(&verifier, &issuer.unknown_key(), Rejected::UnknownKey);
        refused(&verifier, &TestIssuer::with_algorithm("orders", algorithm).valid(), Rejected::UnknownKey);
    }
}

#[test]
fn a060_another_typ_is_refused_though_properly_signed() {
    let issuer = TestIssuer::with_algorithm("orders", Algorithm::EdDsa);
    let verifier = issuer.verifier();
    let (payload, kid) = (payload(&issuer.valid()), issuer.kid());
    for typ in ["JWT", "jwt", "AT+JWT", "application/at+jwt", "", "logout+jwt", "dpop+jwt", "id+jwt"] {
        let header = json!({"typ": typ, "alg": "EdDSA", "kid": kid}).to_string();
        refused(&verifier, &issuer.sign(&header, &payload), Rejected::Type);
    }
    refused(&verifier, &issuer.sign(&json!({"alg": "EdDSA", "kid": kid}).to_string(), &payload), Rejected::Type);
    for typ in [json!(1), json!(["at+jwt"]), json!({})] {
        let header = json!({"typ": typ, "alg": "EdDSA", "kid": kid}).to_string();
        refused(&verifier, &issuer.sign(&header, &payload), Rejected::Malformed);
    }
}

#[test]
fn the_order_of_a_header_does_not_matter() {
    let issuer = TestIssuer::with_algorithm("orders", Algorithm::EdDsa);
    let header = format!(r#"{{ "kid":"{}", "alg":"EdDSA","typ":"at+jwt"}}"#, issuer.kid());
    assert!(issuer.verifier().verify(&issuer.sign(&header, &payload(&issuer.valid()))).is_ok());
}

#[test]
fn a061_a_token_has_one_spelling_only() {
    for algorithm in JWT {
        let issuer = TestIssuer::with_algorithm("orders", algorithm);
        let verifier = issuer.verifier();
        let valid = issuer.valid();
        let (head, body, signature) = parts(&valid);
        for other in [
            format!("{head}.{body}.{signature}="),
            format!("{head}.{body}.{signature}=="),
            format!("{head}=.{body}.{signature}"),
            format!("{head}.{body}=.{signature}"),
            format!("{valid}."),
            format!("{valid}.x"),
            format!(".{valid}"),
            format!("{head}..{body}.{signature}"),
            format!(" {valid}"),
            format!("{valid} "),
            format!("{valid}\n"),
            format!("\u{feff}{valid}"),
            format!("Bearer {valid}"),
            format!("{body}.{head}.{signature}"),
            format!("{head}.{signature}.{body}"),
            format!("{signature}.{body}.{head}"),
            format!("{head}.{head}.{signature}"),
            format!("v4.public.{valid}"),
            valid.replace('.', ","),
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            "...".to_owned(),
            "é".repeat(300),
        ] {
            assert!(verifier.verify(&other).is_err(), "{other:.200}");
        }
        assert!(verifier.verify(&valid).is_ok());
    }
}

#[test]
fn the_larger_signature_of_an_ecdsa_pair_is_refused() {
    let issuer = TestIssuer::new("orders");
    let verifier = issuer.verifier();
    // The order of P-256 (SP 800-186 §3.2.1.3).
    let order: Vec<u8> = (0..32)
        .map(|at| {
            u8::from_str_radix(
                &"FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551"[2 * at..2 * at + 2],
                16,
            )
            .unwrap()
        })
        .collect();
    for _ in 0..8 {
        let valid = issuer.valid();
        let (signed, signature) = valid.rsplit_once('.').unwrap();
        let mut signature = unb64(signature);
        let mut borrow = 0;
        for at in (0..32).rev() {
            let digit = i16::from(order[at]) - i16::from(signature[32 + at]) - borrow;
            borrow = i16::from(digit < 0);
            signature[32 + at] = digit.rem_euclid(256) as u8;
        }
        refused(&verifier, &format!("{signed}.{}", b64(signature)), Rejected::Signature);
        assert!(verifier.verify(&valid).is_ok());
    }
}

#[test]
fn a_jwt_kid_on_a_paseto_and_the_other_way_round_are_refused() {
    let (jwt, paseto) = (
        TestIssuer::with_algorithm("orders", Algorithm::EdDsa),
        TestIssuer::with_algorithm("orders", Algorithm::V4Public),
    );
    let both = portcullis_verifier::Verifier::builder("https://issuer.test")
        .audience("orders")
        .fixed_keys(Some(&jwt.jwks()), Some(&paseto.paserk()))
        .clock(std::sync::Arc::new(portcullis_verifier::testing::ManualClock::new()))
        .build()
        .unwrap();
    assert!(both.verify(&jwt.valid()).is_ok() && both.verify(&paseto.valid()).is_ok());
    let body = |issuer: &TestIssuer| payload(&issuer.token().mint());
    let footer = format!(r#"{{"kid":"{}"}}"#, jwt.kid());
    refused(&both, &paseto.sign(&footer, &body(&jwt)), Rejected::UnknownKey);
    let header = format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"{}"}}"#, paseto.kid());
    refused(&both, &jwt.sign(&header, &body(&jwt)), Rejected::UnknownKey);
    // The JWT's claims, in a proper PASETO: instants are spelled otherwise there.
    let footer = format!(r#"{{"kid":"{}"}}"#, paseto.kid());
    refused(&both, &paseto.sign(&footer, &body(&jwt)), Rejected::Malformed);
}

#[test]
fn a_paseto_of_another_version_or_form_is_refused() {
    let issuer = TestIssuer::with_algorithm("orders", Algorithm::V4Public);
    let verifier = issuer.verifier();
    let valid = issuer.valid();
    let (body, footer) = valid.strip_prefix("v4.public.").unwrap().split_once('.').unwrap();
    for other in [
        format!("v4.local.{body}.{footer}"),
        format!("v3.public.{body}.{footer}"),
        format!("v2.public.{body}.{footer}"),
        format!("V4.public.{body}.{footer}"),
        format!("v4.public.{body}"),
        format!("v4.public.{body}."),
        format!("v4.public.{body}.{footer}."),
        format!("v4.public.{body}.{footer}.{footer}"),
        format!("v4.public.{body}.{footer}="),
        format!("v4.public.{body}=.{footer}"),
        format!("v4.public..{footer}"),
        format!("v4.public.{footer}.{body}"),
        format!("v4.public.{footer}"),
        "v4.public.".to_owned(),
        "v4.public".to_owned(),
    ] {
        assert!(verifier.verify(&other).is_err(), "{other}");
    }
    let claims = issuer.token().mint();
    let bytes = unb64(claims.split('.').nth(2).unwrap());
    let payload = std::str::from_utf8(&bytes[..bytes.len() - 64]).unwrap();
    let kid = issuer.kid();
    for footer in [
        format!(r#"{{"kid":"{kid}","wpk":"x"}}"#),
        format!(r#"{{"kid":"{kid}","kid":"{kid}"}}"#),
        format!(r#"["{kid}"]"#),
        kid.clone(),
        String::new(),
    ] {
        refused(&verifier, &issuer.sign(&footer, payload), Rejected::Malformed);
    }
}

#[test]
fn more_than_8_kib_are_not_read() {
    for algorithm in [Algorithm::EdDsa, Algorithm::V4Public] {
        let issuer = TestIssuer::with_algorithm("orders", algorithm);
        let verifier = issuer.verifier();
        assert!(verifier.verify(&issuer.token().claim("x", "x".repeat(5_000)).mint()).is_ok());
        refused(&verifier, &issuer.token().claim("x", "x".repeat(8_000)).mint(), Rejected::TooLong);
        refused(&verifier, &"a".repeat(8 * 1024 + 1), Rejected::TooLong);
    }
}
