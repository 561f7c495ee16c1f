//! The promises of the ports, as every adapter keeps them.

use std::sync::Arc;

use portcullis_domain::tokens::Algorithm;
use portcullis_memory::contract::Signers;
use portcullis_tokens::CachedVerifier;

use crate::scene::{AUDIENCE, ISSUER, ring};

fn signers(algorithm: Algorithm) -> Signers {
    let ring = Arc::new(ring(algorithm));
    Signers {
        issuer: ring.clone(),
        verifier: ring.clone(),
        keys: ring,
        algorithm,
        issuer_url: ISSUER.into(),
        audience: AUDIENCE.into(),
    }
}

mod es256 {
    async fn subject() -> super::Signers {
        super::signers(super::Algorithm::Es256)
    }
    portcullis_memory::signers_contract!(subject);
}

mod eddsa {
    async fn subject() -> super::Signers {
        super::signers(super::Algorithm::EdDsa)
    }
    portcullis_memory::signers_contract!(subject);
}

mod rs256 {
    async fn subject() -> super::Signers {
        super::signers(super::Algorithm::Rs256)
    }
    portcullis_memory::signers_contract!(subject);
}

mod v4_public {
    async fn subject() -> super::Signers {
        super::signers(super::Algorithm::V4Public)
    }
    portcullis_memory::signers_contract!(subject);
}

/// The cache keeps every promise of the verifier behind it.
mod cached {
    use std::sync::Arc;

    use super::{Algorithm, CachedVerifier, Signers};

    async fn subject() -> Signers {
        let ring = Arc::new(crate::scene::ring(Algorithm::EdDsa));
        let verifier = Arc::new(CachedVerifier::new(ring.clone(), ring.epochs(), 1_000));
        Signers { verifier, issuer: ring.clone(), keys: ring, ..super::signers(Algorithm::EdDsa) }
    }
    portcullis_memory::signers_contract!(subject);
}

mod refresh_tokens {
    use std::sync::Arc;

    use portcullis_domain::ports::sessions::RefreshTokenCodec;
    use portcullis_tokens::SealedRefreshTokens;

    async fn subject() -> Arc<dyn RefreshTokenCodec> {
        Arc::new(SealedRefreshTokens::new(&[3; 32]))
    }
    portcullis_memory::refresh_tokens_contract!(subject);
}

mod vault {
    use std::sync::Arc;

    use portcullis_domain::ports::security::Vault;
    use portcullis_tokens::MasterVault;

    async fn subject() -> Arc<dyn Vault> {
        Arc::new(MasterVault::new(&[3; 32]))
    }
    portcullis_memory::vault_contract!(subject);
}

mod mac {
    use std::sync::Arc;

    use portcullis_domain::ports::security::Mac;
    use portcullis_tokens::MasterMac;

    async fn subject(key: [u8; 32]) -> Arc<dyn Mac> {
        Arc::new(MasterMac::new(&key))
    }
    portcullis_memory::mac_contract!(subject);
}
