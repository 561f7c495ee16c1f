//! RFC 7638 §3.1 and RFC 8037 appendix A.3.

use portcullis_tokens::jws::thumbprint;

use crate::vectors::{list, load, text};

#[test]
fn thumbprints_are_those_of_the_rfcs() {
    let Some(file) = load("rfc/rfc7638_thumbprint.json") else { return };
    let rows = list(&file, "vectors");
    for row in rows {
        assert_eq!(thumbprint(&row["jwk"].to_string()).expect("a JWK"), text(row, "sha256_thumbprint"));
    }
    assert!(rows.len() >= 2);
}
