//! `rediss`: a server that speaks TLS, with certificates made for the test.

use std::path::Path;

use portcullis_domain::ports::limits::Quota;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::journal::Journal;
use crate::private::Private;
use crate::server::{HOUR, Replica, becomes_ready, patient, says};

/// An authority of the test's own.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // A name of its own: OpenSSL takes a certificate whose issuer is called like its subject for self-signed.
        parameters.distinguished_name.push(DnType::CommonName, "authority");
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    /// Writes `<who>.pem` and `<who>.key` for `name`, and `ca.pem`.
    fn certify(&self, folder: &Path, who: &str, name: &str) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        std::fs::write(folder.join(format!("{who}.pem")), certificate.pem()).unwrap();
        std::fs::write(folder.join(format!("{who}.key")), key.serialize_pem()).unwrap();
        std::fs::write(folder.join("ca.pem"), self.0.pem()).unwrap();
    }
}

/// A server with a certificate for `name`, on a TLS port; with `clients`, only for those who have one too.
async fn server(authority: &Authority, name: &str, clients: bool) -> Private {
    let mut server = Private::absent();
    authority.certify(&server.folder, "server", name);
    authority.certify(&server.folder, "client", "client");
    let file = |name: &str| server.folder.join(name).to_string_lossy().into_owned();
    let arguments: Vec<String> = [
        ("--tls-port", server.port.to_string()),
        ("--tls-cert-file", file("server.pem")),
        ("--tls-key-file", file("server.key")),
        ("--tls-ca-cert-file", file("ca.pem")),
        ("--tls-auth-clients", if clients { "yes" } else { "no" }.to_owned()),
    ]
    .into_iter()
    .flat_map(|(option, value)| [option.to_owned(), value])
    .collect();
    server.come_back_with(arguments).await;
    server
}

fn url(server: &Private, host: &str, parameters: &[(&str, &str)]) -> String {
    let mut url = url::Url::parse(&format!("rediss://{host}:{}/0", server.port)).unwrap();
    for (parameter, name) in parameters {
        url.query_pairs_mut().append_pair(parameter, &server.folder.join(name).to_string_lossy());
    }
    url.into()
}

async fn works(url: &str) {
    let (one, two) = (Replica::start(patient(url, "p")), Replica::start(patient(url, "p")));
    becomes_ready(&one.redis).await;
    becomes_ready(&two.redis).await;
    let grant = one.revoke();
    two.learns(grant).await;
    assert_eq!(two.take("key", Quota { burst: 2, period: HOUR }).await.remaining, 1);
    one.redis.close().await;
    two.redis.close().await;
}

async fn is_refused(url: &str, words: &str) {
    let (journal, _guard) = Journal::open();
    let replica = Replica::start(patient(url, "p"));
    says(&replica.redis, words).await;
    assert!(!replica.redis.is_ready());
    assert_eq!(journal.count("connected to Redis"), 0, "{}", journal.text());
}

#[tokio::test]
async fn a_server_whose_authority_is_trusted_is_used_over_tls() {
    let authority = Authority::new();
    let server = server(&authority, "localhost", false).await;
    works(&url(&server, "localhost", &[("cacertfile", "ca.pem")])).await;
}

#[tokio::test]
async fn a_server_that_wants_a_client_certificate_gets_ours() {
    let authority = Authority::new();
    let server = server(&authority, "127.0.0.1", true).await;
    is_refused(&url(&server, "127.0.0.1", &[("cacertfile", "ca.pem")]), "Redis at 127.0.0.1").await;
    let with = [("cacertfile", "ca.pem"), ("certfile", "client.pem"), ("keyfile", "client.key")];
    works(&url(&server, "127.0.0.1", &with)).await;
}

#[tokio::test]
async fn a_server_that_cannot_prove_who_it_is_is_refused() {
    let authority = Authority::new();
    let server = server(&authority, "elsewhere.example", false).await;
    is_refused(&url(&server, "localhost", &[("cacertfile", "ca.pem")]), "certificate").await;
    is_refused(&url(&server, "localhost", &[]), "certificate").await; // the public authorities do not know it
}

#[tokio::test]
async fn a_plain_client_on_a_tls_port_and_the_reverse_are_told() {
    let authority = Authority::new();
    let tls = server(&authority, "localhost", false).await;
    is_refused(&format!("redis://localhost:{}/0", tls.port), "Redis at localhost").await;
    let plain = Private::start().await;
    is_refused(&format!("rediss://localhost:{}/0", plain.port), "no answer").await;
}
