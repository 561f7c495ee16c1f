//! The vault opens what it sealed, for the same context, and nothing else.

use portcullis_domain::ports::security::{Vault, VaultError};
use portcullis_tokens::MasterVault;
use proptest::prelude::*;

const KEY: [u8; 32] = [5; 32];

fn opened(vault: &MasterVault, context: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
    vault.open(context, sealed).map(|secret| secret.0.clone())
}

#[test]
fn what_is_sealed_opens_on_every_replica() {
    for secret in [&b""[..], b"x", &[0; 5_000]] {
        for context in ["", "kid", "k4.pid.x"] {
            let sealed = MasterVault::new(&KEY).seal(context, secret).expect("sealed");
            assert_eq!(opened(&MasterVault::new(&KEY), context, &sealed).expect("opened"), secret);
        }
    }
}

#[test]
fn the_secret_does_not_show_and_no_two_seals_are_alike() {
    let vault = MasterVault::new(&KEY);
    let secret = b"-----BEGIN PRIVATE KEY-----";
    let (one, two) = (vault.seal("kid", secret).expect("sealed"), vault.seal("kid", secret).expect("sealed"));
    assert_ne!(one, two);
    assert!(!one.windows(8).any(|window| secret.windows(8).any(|s| s == window)));
    assert_eq!(one[0], 1, "the version comes first");
    assert_eq!(one.len(), 1 + 12 + secret.len() + 16);
}

#[test]
fn another_context_or_master_key_does_not_open() {
    let sealed = MasterVault::new(&KEY).seal("kid", b"secret").expect("sealed");
    for context in ["", "Kid", "kid ", "ki", "kid\0"] {
        assert_eq!(opened(&MasterVault::new(&KEY), context, &sealed), Err(VaultError), "{context:?}");
    }
    for key in [&[6; 32][..], &[5; 31], &[5; 33], b""] {
        assert_eq!(opened(&MasterVault::new(key), "kid", &sealed), Err(VaultError));
    }
}

#[test]
fn every_bit_counts() {
    let vault = MasterVault::new(&KEY);
    let sealed = vault.seal("kid", b"a secret of some length").expect("sealed");
    for bit in 0..sealed.len() * 8 {
        let mut other = sealed.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(opened(&vault, "kid", &other), Err(VaultError), "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert_eq!(opened(&vault, "kid", &sealed[..length]), Err(VaultError), "{length} bytes");
    }
    assert_eq!(opened(&vault, "kid", &[&sealed[..], &[0]].concat()), Err(VaultError));
}

proptest! {
    #[test]
    fn any_secret_survives(secret in any::<Vec<u8>>(), context in ".*", key in any::<Vec<u8>>()) {
        let vault = MasterVault::new(&key);
        prop_assert_eq!(opened(&vault, &context, &vault.seal(&context, &secret).expect("sealed")), Ok(secret));
    }

    #[test]
    fn nothing_else_opens(bytes in any::<Vec<u8>>()) {
        prop_assert_eq!(opened(&MasterVault::new(&KEY), "kid", &bytes), Err(VaultError));
        prop_assert_eq!(opened(&MasterVault::new(&KEY), "kid", &[&[1], &bytes[..]].concat()), Err(VaultError));
    }
}
