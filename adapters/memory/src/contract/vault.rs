//! The suite `vault`: [`Vault`](portcullis_domain::ports::security::Vault).

use std::collections::HashSet;
use std::sync::Arc;

use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::security::Vault;

use super::samples::{RACERS, RANDOM, kept, race};

/// Runs the suite `vault` on what `async fn factory() -> Arc<dyn Vault>` gives.
#[macro_export]
macro_rules! vault_contract {
    ($factory:expr) => {
        $crate::promises!(
            vault,
            $factory,
            what_is_sealed_opens_for_the_same_context,
            another_context_does_not_open,
            a_seal_with_any_bit_flipped_does_not_open,
            what_was_not_sealed_does_not_open,
            sealing_twice_gives_different_bytes,
            a_seal_does_not_show_its_secret,
            a_race_of_seals_never_mixes_them_up,
        );
    };
}

fn secret(length: usize) -> Vec<u8> {
    let mut secret = vec![0; length];
    RANDOM.fill(&mut secret);
    secret
}

/// Secrets and contexts of all sizes.
pub async fn what_is_sealed_opens_for_the_same_context(vault: &Arc<dyn Vault>) {
    let promise = "what is sealed opens for the same context";
    for length in [0, 1, 31, 32, 33, 1_217, 65_537] {
        for context in ["", "k4.pid.abc", "日本\0\n", &"long".repeat(300)] {
            let secret = secret(length);
            let sealed = kept(vault.seal(context, &secret), "a small secret is sealed");
            assert_eq!(kept(vault.open(context, &sealed), promise).0, secret, "{promise}: {length} bytes");
        }
    }
}

/// The context is authenticated.
pub async fn another_context_does_not_open(vault: &Arc<dyn Vault>) {
    let sealed = kept(vault.seal("kid-1", &secret(48)), "a small secret is sealed");
    for other in ["", "kid-2", "kid-", "kid-11", "KID-1", "kid-1\0", " kid-1"] {
        assert!(vault.open(other, &sealed).is_err(), "another context does not open: {other:?}");
    }
}

/// Every bit.
pub async fn a_seal_with_any_bit_flipped_does_not_open(vault: &Arc<dyn Vault>) {
    let sealed = kept(vault.seal("kid", &secret(48)), "a small secret is sealed");
    for place in 0..sealed.len() {
        for bit in 0..8 {
            let mut forged = sealed.clone();
            forged[place] ^= 1 << bit;
            assert!(vault.open("kid", &forged).is_err(), "a seal with bit {bit} of byte {place} flipped does not open");
        }
        assert!(vault.open("kid", &sealed[..place]).is_err(), "a seal cut after {place} bytes does not open");
    }
    let mut longer = sealed;
    longer.push(0);
    assert!(vault.open("kid", &longer).is_err(), "a seal with a byte too many does not open");
}

/// Anything else.
pub async fn what_was_not_sealed_does_not_open(vault: &Arc<dyn Vault>) {
    for length in [0, 1, 11, 12, 16, 28, 29, 64, 1_000] {
        assert!(vault.open("kid", &vec![0; length]).is_err(), "{length} zero bytes do not open");
        assert!(vault.open("kid", &secret(length)).is_err(), "{length} random bytes do not open");
    }
    let (one, two) = (
        kept(vault.seal("kid", &secret(32)), "a small secret is sealed"),
        kept(vault.seal("kid", &secret(32)), "a small secret is sealed"),
    );
    let half = one.len() / 2;
    let mixed: Vec<u8> = one[..half].iter().chain(&two[half..]).copied().collect();
    assert!(vault.open("kid", &mixed).is_err(), "two halves do not open");
}

/// A fresh nonce each time.
pub async fn sealing_twice_gives_different_bytes(vault: &Arc<dyn Vault>) {
    let secret = secret(32);
    let seals: HashSet<_> = (0..500).map(|_| kept(vault.seal("kid", &secret), "a small secret is sealed")).collect();
    assert_eq!(seals.len(), 500, "sealing twice gives different bytes");
}

/// Neither in the bytes, nor in Debug.
pub async fn a_seal_does_not_show_its_secret(vault: &Arc<dyn Vault>) {
    let secret = secret(32);
    let sealed = kept(vault.seal("kid", &secret), "a small secret is sealed");
    for piece in secret.windows(4) {
        assert!(!sealed.windows(4).any(|window| window == piece), "a seal does not show its secret");
    }
    let opened = kept(vault.open("kid", &sealed), "what is sealed opens");
    assert_eq!(format!("{opened:?}"), "[redacted]", "what was opened is not shown by Debug");
}

/// Many hands.
pub async fn a_race_of_seals_never_mixes_them_up(vault: &Arc<dyn Vault>) {
    race(RACERS, |number| {
        let vault = vault.clone();
        async move {
            for round in 0..50 {
                let (context, secret) = (format!("kid-{number}"), format!("secret {number} {round}"));
                let sealed = kept(vault.seal(&context, secret.as_bytes()), "a small secret is sealed");
                let opened = kept(vault.open(&context, &sealed), "what is sealed opens");
                assert_eq!(opened.0, secret.as_bytes(), "a race of seals never mixes them up");
            }
        }
    })
    .await;
}
