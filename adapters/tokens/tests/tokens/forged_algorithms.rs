//! Forged JWTs: the algorithm is that of the key, whatever the token says (A056, B01).

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portcullis_domain::ports::tokens::{KeyRing, TokenVerifier};
use portcullis_domain::tokens::Algorithm;
use serde_json::Value;

use crate::forger::{self, header, payload};
use crate::scene::{self, JWT, NOW, assert_refused, b64, private, scene, token, unb64};

#[tokio::test]
async fn a056_b01_alg_none_is_refused_in_every_spelling() {
    for algorithm in JWT {
        let (ring, pairs) = scene(algorithm).await;
        let good = token(&ring);
        let body = b64(payload(&good));
        let kid = scene::kid(pairs, algorithm);
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
        let kid = scene::kid(pairs, algorithm);
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

#[tokio::test]
async fn a056_another_key_or_algorithm_of_ours_is_refused() {
    let (ring, pairs) = scene(Algorithm::Es256).await;
    let payload = payload(&token(&ring));
    for signer in JWT {
        for named in JWT {
            for key in Algorithm::ALL {
                let header = header(named, scene::kid(pairs, key));
                let forged = forger::jwt(signer, private(pairs, signer), &header, &payload);
                if signer == named && signer == key {
                    ring.verify(&forged, NOW).expect("the forger's tools work");
                } else {
                    assert_refused(&ring, &forged, &header);
                }
            }
        }
        for alg in ["ES384", "ES512", "ES256K", "RS384", "RS512", "PS256", "Ed25519", "HS256", "es256", "RS256 ", "dir"]
        {
            let header = format!(r#"{{"typ":"at+jwt","alg":"{alg}","kid":"{}"}}"#, scene::kid(pairs, signer));
            assert_refused(&ring, &forger::jwt(signer, private(pairs, signer), &header, &payload), alg);
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
