//! Forged JWTs: whatever the header says, it does not choose how the token is verified (A056–A058, A060, A061, B01–B07).

use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portcullis_domain::ports::sessions::RefreshTokenCodec;
use portcullis_domain::ports::tokens::{KeyRing, TokenVerifier};
use portcullis_domain::tokens::Algorithm;
use portcullis_tokens::SealedRefreshTokens;
use serde_json::{Value, json};

use crate::forger::{self, header};
use crate::scene::{self, JWT, NOW, assert_refused, b64, private, scene, token, unb64};

/// The payload of a good token.
fn payload(token: &str) -> String {
    String::from_utf8(unb64(token.split('.').nth(1).expect("a payload"))).expect("text")
}

#[tokio::test]
async fn a056_b01_alg_none_is_refused_in_every_spelling() {
    for algorithm in JWT {
        let (ring, pairs) = scene(algorithm).await;
        let good = token(&ring);
        let body = b64(payload(&good));
        let kid = scene::kid(&pairs, algorithm);
        let signature = good.rsplit('.').next().expect("a signature");
        for alg in ["none", "None", "nOnE", "NONE", "", " none", "null"] {
            for header in [
                format!(r#"{{"alg":"{alg}"}}"#),
                format!(r#"{{"typ":"at+jwt","alg":"{alg}"}}"#),
                format!(r#"{{"typ":"at+jwt","alg":"{alg}","kid":"{kid}"}}"#),
            ] {
                for signature in ["", signature, "AA"] {
                    assert_refused(&ring, &format!("{}.{body}.{signature}", b64(&header)), &header);
                }
            }
        }
        let (signed, _) = good.rsplit_once('.').expect("a signature");
        assert_refused(&ring, &format!("{signed}."), "no signature");
        assert_refused(&ring, signed, "no signature segment");
    }
}

#[tokio::test]
async fn a056_b01_an_hmac_keyed_with_the_public_key_is_refused() {
    for algorithm in JWT {
        let (ring, pairs) = scene(algorithm).await;
        let good = token(&ring);
        let jwks: Value = serde_json::from_str(&ring.published(NOW).jwks).expect("JSON");
        let jwk = &jwks["keys"][0];
        let kid = scene::kid(&pairs, algorithm);
        let raw: Vec<u8> = match algorithm {
            Algorithm::Es256 => {
                let part = |name: &str| unb64(jwk[name].as_str().expect("a coordinate"));
                [vec![4], part("x"), part("y")].concat()
            }
            Algorithm::EdDsa => unb64(jwk["x"].as_str().expect("a point")),
            _ => unb64(jwk["n"].as_str().expect("a modulus")),
        };
        let der = spki(algorithm, &raw);
        let base64 = STANDARD.encode(&der);
        let lines: Vec<&str> = base64.as_bytes().chunks(64).map(|l| std::str::from_utf8(l).expect("ASCII")).collect();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", lines.join("\n"));
        let secrets: [Vec<u8>; 9] = [
            format!("{pem}\n").into_bytes(),
            pem.clone().into_bytes(),
            pem.replace('\n', "\r\n").into_bytes(),
            der,
            base64.into_bytes(),
            jwk.to_string().into_bytes(),
            raw,
            kid.as_bytes().to_vec(),
            Vec::new(),
        ];
        for secret in secrets {
            for (alg, hash) in
                [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
            {
                let key = hmac::Key::new(hash, &secret);
                for header in [
                    format!(r#"{{"typ":"at+jwt","alg":"{alg}","kid":"{kid}"}}"#),
                    format!(r#"{{"alg":"{alg}"}}"#),
                    header(algorithm, kid),
                ] {
                    let signed = format!("{}.{}", b64(&header), b64(payload(&good)));
                    let tag = hmac::sign(&key, signed.as_bytes());
                    assert_refused(&ring, &format!("{signed}.{}", b64(tag)), alg);
                }
            }
        }
    }
}

/// `SubjectPublicKeyInfo` (RFC 5280) of a raw public key; for RSA of its modulus, with exponent 65537.
fn spki(algorithm: Algorithm, raw: &[u8]) -> Vec<u8> {
    let prefix = match algorithm {
        Algorithm::Es256 => "3059301306072a8648ce3d020106082a8648ce3d030107034200",
        Algorithm::EdDsa => "302a300506032b6570032100",
        _ => "30820122300d06092a864886f70d01010105000382010f003082010a0282010100",
    };
    let suffix = if algorithm == Algorithm::Rs256 { "0203010001" } else { "" };
    [crate::vectors::unhex(prefix), raw.to_vec(), crate::vectors::unhex(suffix)].concat()
}

#[tokio::test]
async fn a056_another_key_or_algorithm_of_ours_is_refused() {
    let (ring, pairs) = scene(Algorithm::Es256).await;
    let payload = payload(&token(&ring));
    for signer in JWT {
        for named in JWT {
            for key in Algorithm::ALL {
                let header = header(named, scene::kid(&pairs, key));
                let forged = forger::jwt(signer, private(&pairs, signer), &header, &payload);
                if signer == named && signer == key {
                    ring.verify(&forged, NOW).expect("the forger's tools work");
                } else {
                    assert_refused(&ring, &forged, &header);
                }
            }
        }
        for alg in ["ES384", "ES512", "ES256K", "RS384", "RS512", "PS256", "Ed25519", "HS256", "es256", "RS256 ", "dir"]
        {
            let header = format!(r#"{{"typ":"at+jwt","alg":"{alg}","kid":"{}"}}"#, scene::kid(&pairs, signer));
            assert_refused(&ring, &forger::jwt(signer, private(&pairs, signer), &header, &payload), alg);
        }
    }
}

#[tokio::test]
async fn a057_b03_b04_b06_header_parameters_that_we_do_not_write_are_refused_though_we_signed_them() {
    for algorithm in JWT {
        let (ring, pairs) = scene(algorithm).await;
        let payload = payload(&token(&ring));
        let jwks: Value = serde_json::from_str(&ring.published(NOW).jwks).expect("JSON");
        let good: Value = serde_json::from_str(&header(algorithm, scene::kid(&pairs, algorithm))).expect("JSON");
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
            let forged = forger::jwt(algorithm, private(&pairs, algorithm), &header.to_string(), &payload);
            assert_refused(&ring, &forged, name);
        }
    }
}

#[tokio::test]
async fn a060_another_typ_is_refused_though_we_signed_it() {
    let (ring, pairs) = scene(Algorithm::EdDsa).await;
    let payload = payload(&token(&ring));
    let kid = scene::kid(&pairs, Algorithm::EdDsa);
    for typ in [r#""JWT""#, r#""jwt""#, r#""AT+JWT""#, r#""application/at+jwt""#, r#""""#, "null", "1", r#"["at+jwt"]"#]
    {
        let header = format!(r#"{{"typ":{typ},"alg":"EdDSA","kid":"{kid}"}}"#);
        assert_refused(
            &ring,
            &forger::jwt(Algorithm::EdDsa, private(&pairs, Algorithm::EdDsa), &header, &payload),
            typ,
        );
    }
    let header = format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#);
    assert_refused(&ring, &forger::jwt(Algorithm::EdDsa, private(&pairs, Algorithm::EdDsa), &header, &payload), "none");
}

#[tokio::test]
async fn a058_b05_a_kid_is_only_ever_compared_and_that_at_once() {
    let (ring, pairs) = scene(Algorithm::EdDsa).await;
    let payload = payload(&token(&ring));
    let key = private(&pairs, Algorithm::EdDsa);
    let good = scene::kid(&pairs, Algorithm::EdDsa);
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
        let kid = scene::kid(&pairs, algorithm);
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
            assert_refused(&ring, &forger::jwt(algorithm, private(&pairs, algorithm), &other, &payload), &other);
        }
    }
}

#[tokio::test]
async fn a061_only_the_compact_form_of_three_segments_is_read() {
    for algorithm in JWT {
        let (ring, _) = scene(algorithm).await;
        let good = token(&ring);
        let [h, p, s] = good.split('.').collect::<Vec<_>>()[..] else { panic!("three segments") };
        for other in [
            format!("{p}.{h}.{s}"),
            format!("{h}.{s}.{p}"),
            format!("{s}.{p}.{h}"),
            format!("{h}.{p}"),
            format!("{h}..{s}"),
            format!(".{p}.{s}"),
            format!("{good}."),
            format!(".{good}"),
            format!("{good}.{s}"),
            format!("{h}.{p}.{p}.{s}"),
            format!("{good} "),
            format!(" {good}"),
            format!("{good}\n"),
            format!("{good}\0"),
            format!("{good}="),
            format!("{good}=="),
            format!("Bearer {good}"),
            good.replace('.', ".\n"),
            good.replace('.', "%2E"),
            good.to_uppercase(),
            json!({ "payload": p, "protected": h, "signature": s }).to_string(),
            json!({ "payload": p, "signatures": [{ "protected": h, "signature": s }] }).to_string(),
            json!([good]).to_string(),
            String::new(),
            ".".into(),
            "..".into(),
            "...".into(),
            "eyJ".into(),
            "\u{1F511}.\u{1F511}.\u{1F511}".into(),
        ] {
            assert_refused(&ring, &other, "another form");
        }
    }
}

#[tokio::test]
async fn a061_more_than_8_kib_is_refused_unread() {
    let (ring, pairs) = scene(Algorithm::EdDsa).await;
    let good = payload(&token(&ring));
    let header = header(Algorithm::EdDsa, scene::kid(&pairs, Algorithm::EdDsa));
    let sized = |pad: usize| {
        let payload = good.replace("portcullis", &"p".repeat(pad));
        forger::jwt(Algorithm::EdDsa, private(&pairs, Algorithm::EdDsa), &header, &payload)
    };
    let fits = (1..8_192).rev().map(sized).find(|token| token.len() <= 8_192).expect("a token of 8 KiB");
    assert!(fits.len() > 8_188);
    ring.verify(&fits, NOW).expect("8 KiB are fine");
    assert_refused(&ring, &sized(8_192), "more than 8 KiB");
    assert_refused(&ring, &"A".repeat(100 << 20), "100 MiB");
}

#[tokio::test]
async fn b07_degenerate_signatures_are_refused() {
    let order = crate::vectors::unhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    let one = [vec![0; 31], vec![1]].concat();
    for algorithm in JWT {
        let (ring, _) = scene(algorithm).await;
        let good = token(&ring);
        let (signed, signature) = good.rsplit_once('.').expect("a signature");
        let length = unb64(signature).len();
        let mut bad = vec![vec![0; length], vec![0xFF; length], vec![], vec![0; length - 1], vec![0; length + 1]];
        bad.push([unb64(signature), vec![0]].concat());
        bad.push(unb64(signature)[..length - 1].to_vec());
        for r in [&[0; 32][..], &one, &order] {
            for s in [&[0; 32][..], &one, &order] {
                bad.push([r, s].concat());
            }
        }
        for signature in bad {
            assert_refused(&ring, &format!("{signed}.{}", b64(signature)), "a degenerate signature");
        }
    }
}

#[tokio::test]
async fn a061_the_second_signature_that_every_ecdsa_signature_has_is_refused() {
    let (ring, _) = scene(Algorithm::Es256).await;
    for _ in 0..20 {
        let good = token(&ring);
        let (signed, signature) = good.rsplit_once('.').expect("a signature");
        let mut twin = unb64(signature);
        let order = crate::vectors::unhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
        let mut borrow = 0;
        for at in (0..32).rev() {
            let digit = i32::from(order[at]) - i32::from(twin[32 + at]) - borrow;
            borrow = i32::from(digit < 0);
            twin[32 + at] = u8::try_from(digit.rem_euclid(256)).expect("a byte");
        }
        let jwks: Value = serde_json::from_str(&ring.published(NOW).jwks).expect("JSON");
        let key =
            portcullis_tokens::jws::JwsKey::from_jwk(Algorithm::Es256, &jwks["keys"][0].to_string()).expect("a key");
        assert!(key.accepts(signed.as_bytes(), &twin), "the twin is a valid signature");
        assert_refused(&ring, &format!("{signed}.{}", b64(twin)), "the twin");
    }
}

#[tokio::test]
async fn a060_a_refresh_token_is_no_access_token_and_the_other_way_round() {
    let codec = SealedRefreshTokens::new(&[1; 32]);
    for algorithm in Algorithm::ALL {
        let (ring, _) = scene(algorithm).await;
        let refresh = codec.first(scene::claims().session, [7; 32]);
        assert_refused(&ring, refresh.value.expose(), "a refresh token");
        assert_refused(&ring, &format!("v4.public.{}", refresh.value.expose()), "a refresh token in disguise");
        assert_eq!(codec.open(&token(&ring)), None);
    }
}
