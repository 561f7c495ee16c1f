//! TLS towards the broker: rustls over aws-lc, whatever provider the process has installed.

use std::fmt::Display;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::AmqpFeedError;

/// A connector for TLS 1.2 and 1.3 that verifies the broker's certificate and name.
pub(crate) fn connector(authorities: Option<&str>) -> Result<TlsConnector, AmqpFeedError> {
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable("the provider", error))?
        .with_root_certificates(trusted(authorities)?)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn trusted(authorities: Option<&str>) -> Result<RootCertStore, AmqpFeedError> {
    let mut store = RootCertStore::empty();
    let Some(path) = authorities else {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Ok(store);
    };
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable("cacertfile", error))?;
    for certificate in certificates {
        store.add(certificate).map_err(|error| unusable("cacertfile", error))?;
    }
    if store.is_empty() { Err(unusable("cacertfile", "it holds no certificate")) } else { Ok(store) }
}

fn unusable(what: &str, why: impl Display) -> AmqpFeedError {
    AmqpFeedError::Tls(format!("{what}: {why}"))
}
