//! TLS towards Redis: rustls over aws-lc, whatever provider the process has installed.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::settings::RedisConfigError;

/// PEM files that the URL names.
#[derive(Default, PartialEq, Eq)]
pub(crate) struct Files {
    /// Whom to trust; the public authorities when absent.
    pub(crate) authorities: Option<PathBuf>,
    /// Our certificate with its chain; it needs `key`.
    pub(crate) certificate: Option<PathBuf>,
    /// The key of `certificate`.
    pub(crate) key: Option<PathBuf>,
}

/// A connector for TLS 1.2 and 1.3 that verifies the server's certificate and name.
pub(crate) fn connector(files: &Files) -> Result<TlsConnector, RedisConfigError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| RedisConfigError::Tls(error.to_string()))?
        .with_root_certificates(trusted(files.authorities.as_deref())?);
    let config = match (&files.certificate, &files.key) {
        (None, None) => builder.with_no_client_auth(),
        (Some(certificate), Some(key)) => {
            let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable("keyfile", error))?;
            builder
                .with_client_auth_cert(certificates("certfile", certificate)?, private)
                .map_err(|error| unusable("certfile", error))?
        }
        _ => return Err(RedisConfigError::Url("certfile and keyfile go together")),
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

fn trusted(authorities: Option<&Path>) -> Result<RootCertStore, RedisConfigError> {
    let mut store = RootCertStore::empty();
    match authorities {
        None => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            for certificate in certificates("cacertfile", path)? {
                store.add(certificate).map_err(|error| unusable("cacertfile", error))?;
            }
        }
    }
    Ok(store)
}

fn certificates(parameter: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, RedisConfigError> {
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(parameter, error))?;
    if found.is_empty() { Err(unusable(parameter, "it holds no certificate")) } else { Ok(found) }
}

fn unusable(parameter: &str, why: impl Display) -> RedisConfigError {
    RedisConfigError::Tls(format!("{parameter}: {why}"))
}
