//! A proxy in the environment, as many containers have one.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis_verifier::poll::PollFeed;
use portcullis_verifier::testing::{ManualClock, TestIssuer};
use portcullis_verifier::{Algorithm, FeedStatus, Rejected, Verifier};
use tokio::time::{sleep, timeout};

use crate::issuer_server::{IssuerServer, JWKS, PASERK, Page};
use crate::poll_server::{PollServer, item};

const PATIENCE: Duration = Duration::from_secs(10);
/// This one is run again, in a process with a proxy.
const CHILD: &str = "proxied::over_plain_http_the_issuer_itself_is_asked";

/// The heads of the requests that came to a proxy, which refuses them all.
fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heads = Arc::<Mutex<Vec<String>>>::default();
    let seen = heads.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            seen.lock().unwrap().push(refuse(stream));
        }
    });
    (url, heads)
}

fn refuse(mut stream: TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(2))).expect("not zero");
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
        head.extend(byte);
    }
    // Who has gone gets no answer.
    drop(stream.write_all(b"HTTP/1.1 502 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
    String::from_utf8_lossy(&head).into_owned()
}

#[tokio::test]
async fn over_plain_http_the_issuer_itself_is_asked() {
    let (documents, server) = (IssuerServer::start().await, PollServer::start().await);
    let issuer = TestIssuer::at(&documents.url(), "orders", Algorithm::Es256);
    documents.serve(JWKS, Page::of(issuer.jwks()));
    documents.serve(PASERK, Page::of(issuer.paserk()));
    for plain in [PollFeed::new, PollFeed::over_plain_http] {
        let feed = plain(&server.url(), "orders", "pcs_canary").expect("a URL");
        let builder = Verifier::builder(issuer.url()).audience("orders").clock(Arc::new(ManualClock::new())).feed(feed);
        let verifier = builder.allow_plain_http().build().expect("these settings are valid");
        assert!(verifier.verify_async(&issuer.valid()).await.is_ok(), "its keys are there");
        server.tell(&[item("grant", "s")], "1");
        let heard = async {
            while verifier.status().feed != FeedStatus::Current {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, heard).await.expect("its revocations are heard");
        assert_eq!(verifier.verify(&issuer.token().session("s").mint()), Err(Rejected::Revoked));
    }
    // Nobody speaks TLS here: whoever is asked, there are no keys.
    let secure = documents.url().replace("http://", "https://");
    let issuer = TestIssuer::at(&secure, "orders", Algorithm::Es256);
    let verifier = Verifier::builder(issuer.url()).audience("orders").allow_plain_http().build().expect("valid");
    assert_eq!(verifier.verify_async(&issuer.valid()).await, Err(Rejected::NoKeys));
}

#[test]
fn a_proxy_of_the_environment_sees_nothing_but_tunnels_for_https() {
    let (url, heads) = proxy();
    let mut child = Command::new(std::env::current_exe().expect("this test has a file"));
    child.args(["--exact", CHILD]);
    for name in ["NO_PROXY", "no_proxy", "REQUEST_METHOD"] {
        child.env_remove(name);
    }
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(name, &url);
    }
    let output = child.output().expect("the child runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let heads = heads.lock().unwrap().clone();
    assert!(output.status.success() && said.contains("1 passed"), "{said}{heads:?}");
    // The environment does count, or nothing would be proven.
    assert!(!heads.is_empty(), "https goes through the proxy");
    assert!(heads.iter().all(|head| head.starts_with("CONNECT ")), "{heads:?}");
    assert!(heads.iter().all(|head| !head.to_ascii_lowercase().contains("\r\nauthorization:")), "{heads:?}");
}
