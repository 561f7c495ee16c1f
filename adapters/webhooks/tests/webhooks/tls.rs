//! Over TLS: the certificate must be the receiver's.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use portcullis_webhooks::{Names, WebhookClient, WebhookSettings};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::receiver::{LocalReceiver, refused, send, settings, url};

/// Every name is this machine.
struct Here;

#[async_trait]
impl Names for Here {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec![[127, 0, 0, 1].into()])
    }
}

/// A receiver with a certificate for `hooks.example.com`, and the authority that signed it.
async fn start() -> (LocalReceiver, Vec<u8>) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let names = vec!["hooks.example.com".to_owned()];
    let leaf = CertificateParams::new(names).expect("a name").signed_by(&key, &authority).expect("a certificate");
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], private))
        .expect("a server");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let receiver = LocalReceiver::at(listener.local_addr().expect("an address"));
    let (serving, acceptor) = (receiver.clone(), TlsAcceptor::from(Arc::new(config)));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Whoever does not trust us goes away.
            if let Ok(stream) = acceptor.accept(stream).await {
                tokio::spawn(serving.clone().serve(stream));
            }
        }
    });
    (receiver, authority.der().to_vec())
}

fn trusting(authorities: Vec<Vec<u8>>) -> WebhookClient {
    let settings = WebhookSettings { allow_http: false, authorities, ..settings() };
    WebhookClient::with_names(settings, Arc::new(Here))
}

#[tokio::test]
async fn a_receiver_with_its_own_certificate_is_sent_to() {
    let (receiver, authority) = start().await;
    let url = url(&format!("https://hooks.example.com:{}/", receiver.address().port()));
    send(&trusting(vec![authority]), &url).await.expect("it is who it says it is");
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn a_receiver_with_a_certificate_for_another_name_gets_nothing() {
    let (receiver, authority) = start().await;
    let port = receiver.address().port();
    for host in ["hooks.example.org", "example.com", "127.0.0.1"] {
        let why = refused(&trusting(vec![authority.clone()]), &url(&format!("https://{host}:{port}/"))).await;
        assert!(why.starts_with("no TLS connection: "), "{host}: {why}");
    }
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn a_receiver_whose_authority_nobody_trusts_gets_nothing() {
    let (receiver, _) = start().await;
    let url = url(&format!("https://hooks.example.com:{}/", receiver.address().port()));
    let why = refused(&trusting(Vec::new()), &url).await;
    assert!(why.starts_with("no TLS connection: "), "{why}");
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn a_receiver_that_speaks_no_tls_gets_nothing() {
    let receiver = LocalReceiver::start().await;
    let url = url(&format!("https://hooks.example.com:{}/", receiver.address().port()));
    refused(&trusting(Vec::new()), &url).await;
    assert_eq!(receiver.count(), 0);
}
