//! Forged PASETOs (A056, A058, A061, B03).

use portcullis_domain::ports::tokens::TokenVerifier;
use portcullis_domain::tokens::Algorithm;

use crate::forger::{self, payload};
use crate::scene::{self, NOW, Pairs, assert_refused, b64, private, scene, token, unb64};

fn footer(pairs: Pairs) -> String {
    format!(r#"{{"kid":"{}"}}"#, scene::kid(pairs, Algorithm::V4Public))
}

#[tokio::test]
async fn a058_a_footer_that_we_do_not_write_is_refused_though_we_signed_it() {
    let (ring, pairs) = scene(Algorithm::V4Public).await;
    let payload = payload(&token(&ring));
    let key = private(pairs, Algorithm::V4Public);
    let good = footer(pairs);
    ring.verify(&forger::paseto(key, &payload, Some(&good), None), NOW).expect("the forger's tools work");
    let mut others: Vec<Option<String>> = vec![
        None,
        Some("{}".into()),
        Some(" ".into()),
        Some(format!("{good} ")),
        Some(good.replace(':', ": ")),
        Some(good.replace('}', r#","wpk":"k4.local-wrap.pie.x"}"#)),
        Some(good.replace('}', r#","kid":"x"}"#)),
        Some(r#"{"kid":"../../../../dev/null"}"#.into()),
        Some(format!(r#"{{"kid":"{}"}}"#, "A".repeat(4_000))),
        Some(scene::kid(pairs, Algorithm::V4Public).into()),
    ];
    for jwt in scene::JWT {
        others.push(Some(format!(r#"{{"kid":"{}"}}"#, scene::kid(pairs, jwt))));
    }
    for other in others {
        let forged = forger::paseto(key, &payload, other.as_deref(), None);
        assert_refused(&ring, &forged, other.as_deref().unwrap_or("no footer"));
    }
}

#[tokio::test]
async fn an_implicit_assertion_is_refused() {
    let (ring, pairs) = scene(Algorithm::V4Public).await;
    let payload = payload(&token(&ring));
    let forged = forger::paseto(private(pairs, Algorithm::V4Public), &payload, Some(&footer(pairs)), Some("tenant"));
    assert_refused(&ring, &forged, "an implicit assertion");
}

#[tokio::test]
async fn a056_another_version_or_purpose_is_refused() {
    let (ring, pairs) = scene(Algorithm::V4Public).await;
    let good = token(&ring);
    for header in [
        "v1.public.",
        "v2.public.",
        "v3.public.",
        "v4.local.",
        "v2.local.",
        "V4.public.",
        "v4.PUBLIC.",
        "v5.public.",
        "v4.public",
        "v4..",
        "",
    ] {
        assert_refused(&ring, &good.replacen("v4.public.", header, 1), header);
    }
    // The header is signed with the rest: our signature over another header is of no use.
    let (body, foot) = good["v4.public.".len()..].split_once('.').expect("a footer");
    assert_refused(&ring, &format!("v2.public.{body}.{foot}"), "v2");
    let jwt = forger::jwt(
        Algorithm::EdDsa,
        private(pairs, Algorithm::EdDsa),
        &forger::header(Algorithm::EdDsa, scene::kid(pairs, Algorithm::V4Public)),
        &payload(&good),
    );
    assert_refused(&ring, &jwt, "a PASETO key id on a JWT");
}

#[tokio::test]
async fn a061_another_form_is_refused() {
    let (ring, pairs) = scene(Algorithm::V4Public).await;
    let good = token(&ring);
    let segments: Vec<&str> = good.split('.').collect();
    let [v, p, body, foot] = segments[..] else { panic!("four segments") };
    let bytes = unb64(body);
    for other in [
        format!("{v}.{p}.{body}"),
        format!("{v}.{p}.{body}."),
        format!("{v}.{p}.{foot}.{body}"),
        format!("{v}.{p}..{foot}"),
        format!("{good}.{foot}"),
        format!("{v}.{p}.{body}.{body}.{foot}"),
        format!("{good}="),
        format!("{good} "),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{v}.{p}.{body}=.{foot}"),
        format!("{v}.{p}.{}.{foot}", b64(&bytes[bytes.len() - 64..])),
        format!("{v}.{p}.{}.{foot}", b64(&bytes[bytes.len() - 63..])),
        format!("{v}.{p}.{}.{foot}", b64([&bytes[..bytes.len() - 64], &[0; 64]].concat())),
        format!("{v}.{p}.{}.{foot}", b64([&bytes[..], &[0]].concat())),
        format!("{v}.{p}.{}.{foot}", "A".repeat(9_000)),
        format!("{{\"token\":\"{good}\"}}"),
        scene::kid(pairs, Algorithm::V4Public).to_owned(),
    ] {
        assert_refused(&ring, &other, "another form");
    }
}
