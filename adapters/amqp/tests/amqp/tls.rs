//! `amqps`: the real broker behind a door that speaks TLS, with certificates made for the test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use portcullis_amqp::{AmqpPublisher, AmqpSettings};
use portcullis_domain::ports::delivery::EventPublisher;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsAcceptor;
use url::Url;

use crate::delivery::delivery;
use crate::journal::Journal;
use crate::rabbit::{Rabbit, address, ready, url};

/// An authority of the test's own.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for `name` and its key.
    fn certify(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        (CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap(), key)
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }
}

/// A TLS door to the test broker with a certificate for `name`; with `clients`, only for those whom that authority vouches for.
async fn door(authority: &Authority, name: &str, clients: Option<&Authority>) -> (SocketAddr, JoinSet<()>) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(Arc::new(clients.roots()), provider).build().unwrap(),
        ),
    };
    let (certificate, key) = authority.certify(name);
    let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let acceptor = TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).unwrap()));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut task = JoinSet::new();
    task.spawn(async move {
        let mut calls = JoinSet::new();
        while let Ok((near, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            calls.spawn(async move {
                let Ok(mut near) = acceptor.accept(near).await else { return };
                let mut far = TcpStream::connect(crate::rabbit::address()).await.unwrap();
                drop(copy_bidirectional(&mut near, &mut far).await); // one side has hung up
            });
        }
    });
    (address, task)
}

/// A file in the test's own folder that goes when the test does.
struct Pem(PathBuf);

impl Pem {
    fn new(rabbit: &Rabbit, what: &str, content: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.{what}.pem", rabbit.name));
        std::fs::write(&path, content).unwrap();
        Self(path)
    }
}

impl Drop for Pem {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

fn settings(rabbit: &Rabbit, host: &str, port: u16, files: &[(&str, &Pem)]) -> AmqpSettings {
    let plain = url();
    let mut url = Url::parse(&plain.replacen("amqp:", "amqps:", 1)).unwrap();
    url.set_host(Some(host)).unwrap();
    url.set_port(Some(port)).unwrap();
    for (parameter, file) in files {
        url.query_pairs_mut().append_pair(parameter, file.0.to_str().unwrap());
    }
    AmqpSettings { url: String::from(url).into(), ..rabbit.settings() }
}

async fn complains(settings: AmqpSettings, about: &[&str]) {
    let (journal, _guard) = Journal::open();
    let publisher = AmqpPublisher::start(settings).unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    while journal.count("RabbitMQ is not available") == 0 {
        assert!(Instant::now() < until, "no complaint: {}", journal.text());
        sleep(Duration::from_millis(20)).await;
    }
    for words in about {
        assert!(journal.text().contains(words), "{words} is not in {}", journal.text());
    }
    assert!(!publisher.is_ready().await);
    publisher.close().await;
}

#[tokio::test]
async fn amqps_publishes_when_the_broker_s_authority_is_trusted() {
    let (rabbit, authority) = (Rabbit::fresh().await, Authority::new());
    let trusted = Pem::new(&rabbit, "ca", &authority.0.pem());
    for (name, host) in [("localhost", "localhost"), ("127.0.0.1", "127.0.0.1")] {
        let (door, _task) = door(&authority, name, None).await;
        let publisher = ready(settings(&rabbit, host, door.port(), &[("cacertfile", &trusted)])).await;
        publisher.publish(&delivery(1)).await.unwrap();
        publisher.close().await;
    }
}

#[tokio::test]
async fn amqps_shows_a_client_certificate_to_a_broker_that_asks_for_one() {
    let (rabbit, authority, clients) = (Rabbit::fresh().await, Authority::new(), Authority::new());
    let (certificate, key) = clients.certify("portcullis");
    let trusted = Pem::new(&rabbit, "ca", &authority.0.pem());
    let (ours, our_key) =
        (Pem::new(&rabbit, "cert", &certificate.pem()), Pem::new(&rabbit, "key", &key.serialize_pem()));
    let (door, _task) = door(&authority, "localhost", Some(&clients)).await;
    let files = [("cacertfile", &trusted), ("certfile", &ours), ("keyfile", &our_key)];
    let publisher = ready(settings(&rabbit, "localhost", door.port(), &files)).await;
    publisher.publish(&delivery(1)).await.unwrap();
    publisher.close().await;
    complains(settings(&rabbit, "localhost", door.port(), &[("cacertfile", &trusted)]), &["TLS"]).await;
}

#[tokio::test]
async fn a_broker_whose_authority_is_not_trusted_is_told_with_a_remedy() {
    let (rabbit, authority) = (Rabbit::fresh().await, Authority::new());
    let (door, _task) = door(&authority, "localhost", None).await;
    complains(settings(&rabbit, "localhost", door.port(), &[]), &["UnknownIssuer", "cacertfile"]).await;
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let (rabbit, authority) = (Rabbit::fresh().await, Authority::new());
    let trusted = Pem::new(&rabbit, "ca", &authority.0.pem());
    let (door, _task) = door(&authority, "broker.example", None).await;
    complains(
        settings(&rabbit, "localhost", door.port(), &[("cacertfile", &trusted)]),
        &["certificate", "issued for this host"],
    )
    .await;
}

#[tokio::test]
async fn a_plain_port_is_not_mistaken_for_a_tls_one() {
    let rabbit = Rabbit::fresh().await;
    let (host, port) = address().rsplit_once(':').map(|(host, port)| (host.to_owned(), port.parse().unwrap())).unwrap();
    complains(settings(&rabbit, &host, port, &[]), &["check that the port speaks TLS"]).await;
}
