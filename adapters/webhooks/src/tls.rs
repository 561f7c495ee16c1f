//! TLS towards receivers: rustls over aws-lc, whatever provider the process has installed.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// A connector for TLS 1.2 and 1.3 that trusts the public authorities, those of the system, and `more` (DER). It reads
/// files, so it is for a thread that may wait.
pub(crate) fn connector(more: &[Vec<u8>]) -> Result<TlsConnector, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let system = rustls_native_certs::load_native_certs();
    for error in system.errors {
        tracing::debug!(%error, "an authority of the system cannot be read");
    }
    // The system may keep old certificates that rustls does not take: the others count.
    let _counts = roots.add_parsable_certificates(system.certs);
    for authority in more {
        roots.add(CertificateDer::from_slice(authority))?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
