//! Clients that we did not write verify our tokens unmodified, in every format.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use reqwest::Method;

use crate::api::{Api, Person};
use crate::interop_tokens::acting_as;
use crate::place::Place;
use crate::service::{ISSUER, Settings};

#[tokio::test(flavor = "multi_thread")]
async fn foreign_clients_verify_tokens_of_every_format() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
    must_succeed("setup.sh", &Command::new("bash").arg(folder.join("setup.sh")).output().expect("bash runs"));
    for algorithm in ["ES256", "EdDSA", "RS256"] {
        let place = Place::sqlite();
        let jwt = Settings::on(&place)
            .with("PORTCULLIS__TOKENS__ALGORITHM", algorithm)
            .with("PORTCULLIS__TOKENS__ROLES", "true")
            .with("PORTCULLIS__TOKENS__PERMISSIONS", "true");
        let paseto = jwt.clone().with("PORTCULLIS__TOKENS__FORMAT", "paseto");

        // The format may change under a running database: tokens of both are accepted and both key sets published.
        let service = jwt.start().await;
        let jwt_tokens = of_a_login_and_of_support(&jwt, &Api::at(&service.url)).await;
        service.stop().await;
        let service = paseto.start().await;
        let api = Api::at(&service.url);
        let paseto_tokens = of_a_login_and_of_support(&paseto, &api).await;
        for (jwt_token, paseto_token) in jwt_tokens.iter().zip(&paseto_tokens) {
            assert!(paseto_token.starts_with("v4.public.") && !jwt_token.starts_with("v4."));
            for token in [jwt_token, paseto_token] {
                let ask = api.request(Method::GET, "/api/v1/auth/verify").header("x-forwarded-method", "GET");
                api.send(ask.bearer_auth(token)).await.expect(204);
            }
        }

        for (more, jwt_token, paseto_token) in [
            ("roles permissions", &jwt_tokens[0], &paseto_tokens[0]),
            ("act roles permissions", &jwt_tokens[1], &paseto_tokens[1]),
        ] {
            for verify in verifiers(&folder) {
                let mut command = verify;
                command.env("PORTCULLIS_URL", &service.url).env("PORTCULLIS_ISSUER", ISSUER).env("JWT_ALG", algorithm);
                command.env("JWT_TOKEN", jwt_token).env("PASETO_TOKEN", paseto_token).env("MORE_CLAIMS", more);
                let name = format!("{algorithm}: {command:?}");
                must_succeed(&name, &command.output().expect("the verifier runs"));
            }
        }
        service.stop().await;
    }
}

/// The access token of a login, and that of somebody in charge who acts in the name of its user.
async fn of_a_login_and_of_support(settings: &Settings, api: &Api) -> [String; 2] {
    let user = api.join(&Person::new()).await.access;
    let id = api.get("/api/v1/me", Some(&user)).await.expect(200).json["id"].clone();
    let acting = acting_as(api, settings, &id).await;
    [user, acting]
}

/// Each with the tools that `setup.sh` installed.
fn verifiers(folder: &Path) -> Vec<Command> {
    let python: PathBuf = folder.join(".venv/bin/python");
    let mut py = Command::new(python);
    py.arg(folder.join("verify.py"));
    let mut node = Command::new("node");
    node.arg(folder.join("verify.mjs")).current_dir(folder);
    vec![py, node]
}

#[track_caller]
fn must_succeed(what: &str, output: &Output) {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what}: {}\n{out}\n{err}", output.status);
}
