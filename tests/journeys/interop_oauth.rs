//! OAuth clients that we did not write find everything by themselves and get along.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::api::{Api, Person};
use crate::fronts::free_address;
use crate::place::Place;
use crate::registered::Registered;
use crate::service::{Service, Settings};

#[tokio::test(flavor = "multi_thread")]
async fn openid_client_and_oauth4webapi_discover_get_introspect_revoke_and_refresh_tokens() {
    install();
    let place = Place::sqlite();
    let (settings, service) = at_its_issuer(&Settings::on(&place)).await;
    let api = Api::at(&service.url);
    let clients = [("orders", "orders:read orders:write"), ("billing", "orders:read")].map(|(id, scope)| {
        let client = Registered::create(&settings, id, scope);
        json!({ "id": client.id, "secret": client.secret, "scope": scope })
    });
    let mut refresh_tokens = Vec::new();
    for _ in 0..4 {
        refresh_tokens.push(api.join(&Person::new()).await.refresh);
    }

    let mut command = Command::new("node");
    command.arg(folder().join("oauth.mjs")).current_dir(folder());
    command.env("ISSUER", &service.url).env("AUDIENCE", "portcullis");
    command.env("CLIENT", clients[0].to_string()).env("OTHER", clients[1].to_string());
    command.env("REFRESH_TOKENS", json!(refresh_tokens).to_string());
    let story = must_succeed("oauth.mjs", &tokio::task::spawn_blocking(move || command.output()).await);
    // Four stories: two libraries, two ways to discover.
    for step in ["discovery", "client_credentials by basic", "client_credentials by post", "revocation by post"] {
        assert_eq!(story.matches(&format!(" {step}\n")).count(), 4, "{step}:\n{story}");
    }
    for (step, times) in [("introspection by basic", 4), ("introspection by post", 4), ("refresh_token", 4)] {
        assert_eq!(story.matches(&format!(" {step}\n")).count(), times, "{step}:\n{story}");
    }
    assert!(!service.log().contains("\"level\":\"ERROR\""), "{}", service.log());
    for client in &clients {
        assert!(!service.log().contains(client["secret"].as_str().expect("a secret")), "secrets are not logged");
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a083_the_metadata_say_where_things_are_and_do_not_listen_to_the_host_header() {
    let place = Place::sqlite();
    let (_, service) = at_its_issuer(&Settings::on(&place)).await;
    let api = Api::at(&service.url);
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"] {
        let honest = api.get(path, None).await.expect(200);
        assert_eq!(honest.str("issuer"), service.url);
        for (key, value) in honest.json.as_object().expect("an object") {
            let Some(url) = value.as_str().filter(|_| key.ends_with("_endpoint") || key == "jwks_uri") else {
                continue;
            };
            let path = url.strip_prefix(&service.url).unwrap_or_else(|| panic!("{key} is not at the issuer: {url}"));
            // Whatever is named is there: a GET is answered, or refused for its method.
            let status = api.get(path, None).await.status;
            assert!([200, 405].contains(&status), "{key}: {status}");
        }
        for host in ["evil.example", "127.0.0.1", "localhost:1", "[::1]"] {
            let request = api.request(reqwest::Method::GET, path).header("host", host);
            let answer = api.send(request.header("x-forwarded-host", host).header("x-forwarded-proto", "https")).await;
            assert_eq!(answer.expect(200).json, honest.json, "{host}");
        }
    }
    service.stop().await;
}

/// A service whose issuer is the address where it listens, with the settings that it was started with.
pub(crate) async fn at_its_issuer(settings: &Settings) -> (Settings, Service) {
    for _ in 0..5 {
        let address = free_address();
        let url = format!("http://{address}");
        let settings = settings.clone().with("PORT", &address.port().to_string());
        let settings = settings.with("PORTCULLIS__TOKENS__ISSUER", &url);
        match settings.try_start().await {
            Ok(service) => {
                assert_eq!(service.url, url);
                return (settings, service);
            }
            // Somebody else has got the port first.
            Err(failed) if failed.log.contains("in use") => {}
            Err(failed) => panic!("the service did not start ({}):\n{}", failed.how, failed.log),
        }
    }
    panic!("no port stays free");
}

/// Where the clients are.
pub(crate) fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop")
}

/// Installs what `setup.sh` names, if it is not there yet.
pub(crate) fn install() {
    let output = Command::new("bash").arg(folder().join("setup.sh")).output();
    must_succeed("setup.sh", &Ok::<_, std::convert::Infallible>(output));
}

/// What a program printed, which must have succeeded.
#[track_caller]
pub(crate) fn must_succeed<E: std::fmt::Debug>(what: &str, ran: &Result<std::io::Result<Output>, E>) -> String {
    let output = ran.as_ref().expect("a thread").as_ref().expect("the program runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what}: {}\n{out}\n{err}", output.status);
    out.into_owned()
}

/// The claims of a JWT, unverified.
pub(crate) fn claims(token: &str) -> Value {
    use base64::Engine;

    let payload = token.split('.').nth(1).expect("a payload");
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).expect("base64");
    serde_json::from_slice(&payload).expect("JSON")
}
