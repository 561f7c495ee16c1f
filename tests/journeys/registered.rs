//! A client of the database, made by the command line, and its tokens.

use reqwest::Method;
use serde_json::Value;

use crate::api::{Answer, Api};
use crate::service::Settings;

/// A client and its secret.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl Registered {
    /// Created beside a running service.
    pub(crate) fn create(settings: &Settings, id: &str, scope: &str) -> Self {
        let arguments = ["clients", "create", "--id", id, "--scope", scope, "--json"];
        let output = settings.command(&arguments).output().expect("the program runs");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "clients create: {}\n{complaint}", output.status);
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let text = |key: &str| told[key].as_str().unwrap_or_else(|| panic!("no {key}: {told}")).to_owned();
        let client = Self { id: text("client_id"), secret: text("client_secret") };
        assert_eq!((client.id.as_str(), told["scope"].as_str()), (id, Some(scope)));
        client
    }

    /// Asks for a token with client credentials.
    async fn ask(&self, api: &Api, scope: &str) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("scope", scope)
            .finish();
        let request = api.request(Method::POST, "/oauth2/token").basic_auth(&self.id, Some(&self.secret));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        api.send(request.body(body)).await
    }

    /// A token with this scope.
    pub(crate) async fn token(&self, api: &Api, scope: &str) -> String {
        self.ask(api, scope).await.expect(200).str("access_token").to_owned()
    }
}
