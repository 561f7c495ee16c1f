//! Signatures (Standard Webhooks 1.0, "Signature scheme").

use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portcullis_domain::ports::tokens::PrivateKey;

/// The value of `webhook-signature`: `v1,<base64 of HMAC-SHA256 over id.timestamp.body>`, one for each secret.
pub(crate) fn signatures(secrets: &[PrivateKey], id: &str, timestamp: &str, body: &[u8]) -> String {
    let sign = |secret: &PrivateKey| {
        let mut context = Context::with_key(&Key::new(HMAC_SHA256, &secret.0));
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            context.update(part);
        }
        format!("v1,{}", STANDARD.encode(context.sign()))
    };
    secrets.iter().map(sign).collect::<Vec<_>>().join(" ")
}
