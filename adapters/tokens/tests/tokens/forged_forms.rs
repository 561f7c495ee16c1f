//! Forged JWTs: other forms, other signatures, other kinds of tokens (A060, A061, B07).

use portcullis_domain::ports::sessions::RefreshTokenCodec;
use portcullis_domain::ports::tokens::{KeyRing, TokenVerifier};
use portcullis_domain::tokens::Algorithm;
use portcullis_tokens::SealedRefreshTokens;
use serde_json::{Value, json};

use crate::forger::{self, header, payload};
use crate::scene::{self, JWT, NOW, assert_refused, b64, private, scene, token, unb64};

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
    let header = header(Algorithm::EdDsa, scene::kid(pairs, Algorithm::EdDsa));
    let sized = |pad: usize| {
        let payload = good.replace("portcullis", &"p".repeat(pad));
        forger::jwt(Algorithm::EdDsa, private(pairs, Algorithm::EdDsa), &header, &payload)
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
        let refresh = codec.first(scene::claims().grant().as_session(), [7; 32]);
        assert_refused(&ring, refresh.value.expose(), "a refresh token");
        assert_refused(&ring, &format!("v4.public.{}", refresh.value.expose()), "a refresh token in disguise");
        assert_eq!(codec.open(&token(&ring)), None);
    }
}
