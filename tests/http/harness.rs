//! A service in memory, and a client that sends exactly what a test says.

use std::sync::Arc;
use std::time::Duration;

use poem::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use poem::{Body, Endpoint, Request, Response};
use portcullis_domain::App;
use portcullis_domain::accounts::{AttemptPolicy, PasswordHash};
use portcullis_domain::app::{Ports, Settings};
use portcullis_domain::caller::Caller;
use portcullis_domain::clients::CreateClient;
use portcullis_domain::origin::Origin;
use portcullis_domain::ports::ambient::Clock;
use portcullis_domain::ports::security::{HashImport, HashRefused};
use portcullis_domain::ports::sessions::RevocationList;
use portcullis_domain::ports::store::Store;
use portcullis_domain::ports::tokens::{KeyRing, TokenIssuer, TokenVerifier};
use portcullis_domain::secret::SecretString;
use portcullis_domain::sessions::SessionPolicy;
use portcullis_domain::tokens::{Algorithm, KeySchedule, Scope};
use portcullis_http::{Client, EventExchange, Health, HttpSettings, Quotas};
use portcullis_memory::{
    LaxPolicy, ManualClock, MemoryLimiter, MemoryRevocations, MemoryStore, PlainHasher, RecordingWebhooks,
    SeededRandomness, ToyMac, ToyRefreshTokens, ToyTokens, ToyVault,
};
use portcullis_tokens::{TokenRing, TokenSettings};
use serde_json::{Value, json};

use crate::jar::cookies_of;

pub(crate) const ISSUER: &str = "https://auth.example.com";
pub(crate) const PASSWORD: &str = "a quiet harbour at dawn";
pub(crate) const OTHER_PASSWORD: &str = "seven grey herons wading";
pub(crate) const CLIENT: (&str, &str) = ("gateway", "s:e%c+r et/ü-0123456789abcdef");
pub(crate) const FIRST_PARTY: (&str, &str) = ("portcullis", "first-party-secret-0123456789abcdef");

/// The service: what the composition root builds, with every port in memory.
pub(crate) struct House {
    pub(crate) app: Arc<App>,
    pub(crate) endpoint: Arc<dyn Door>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) hasher: Arc<PlainHasher>,
    pub(crate) health: Arc<Health>,
}

/// Takes nothing over.
struct NoImport;

impl HashImport for NoImport {
    fn accept(&self, _: &str) -> Result<PasswordHash, HashRefused> {
        Err(HashRefused::Unknown(None))
    }
}

/// An endpoint whose type nobody needs to know.
#[async_trait::async_trait]
pub(crate) trait Door: Send + Sync {
    async fn answer(&self, request: Request) -> Response;
}

#[async_trait::async_trait]
impl<E: Endpoint> Door for E {
    async fn answer(&self, request: Request) -> Response {
        self.get_response(request).await
    }
}

/// What a test changes before the house is built.
pub(crate) struct Plan {
    pub(crate) store: Option<Arc<dyn Store>>,
    pub(crate) health: Vec<portcullis_http::Check>,
    pub(crate) request_timeout: Duration,
    pub(crate) body_limit: usize,
    /// How old the knowledge of revocations may be.
    pub(crate) staleness: Option<Duration>,
    /// Signs access tokens for good, with this algorithm.
    pub(crate) signing: Option<Algorithm>,
    /// Whether tokens tell roles and permissions.
    pub(crate) standing_in_tokens: bool,
    /// Changes the other settings.
    pub(crate) adjust: Box<dyn Fn(&mut HttpSettings) + Send + Sync>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            store: None,
            health: Vec::new(),
            request_timeout: Duration::from_secs(10),
            body_limit: 64 * 1024,
            staleness: None,
            signing: None,
            standing_in_tokens: false,
            adjust: Box::new(|_| ()),
        }
    }
}

pub(crate) fn settings(plan: &Plan, clock: Arc<ManualClock>, random: Arc<SeededRandomness>) -> HttpSettings {
    let client =
        |(id, secret): (&str, &str)| Client { id: id.to_owned(), secret: SecretString::new(secret.to_owned()) };
    let mut settings = HttpSettings {
        allowed_origins: Vec::new(),
        trusted_proxies: Vec::new(),
        limiter: Arc::new(MemoryLimiter::new(clock.clone())),
        quotas: Quotas::default(),
        mac: Arc::new(ToyMac::new([3; 32])),
        issuer: ISSUER.to_owned(),
        first_party_client: FIRST_PARTY.0.to_owned(),
        first_party_scope: Scope::parse("account profile").unwrap(),
        clients: vec![client(CLIENT), client(FIRST_PARTY)],
        body_limit: plan.body_limit,
        request_timeout: plan.request_timeout,
        access_log: false,
        events: EventExchange {
            name: "auth.events".to_owned(),
            queue: Some("auth-events".to_owned()),
            protocol: Some("amqp"),
        },
        version: "0.0.0",
        clock,
        random,
    };
    (plan.adjust)(&mut settings);
    settings
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::build(Plan::default()).await
    }

    pub(crate) async fn build(plan: Plan) -> Self {
        let clock = Arc::new(ManualClock::default());
        let random = Arc::new(SeededRandomness::new(7));
        let hasher = Arc::new(PlainHasher::new(random.clone()));
        let algorithm = plan.signing.unwrap_or(Algorithm::Es256);
        let toys = Arc::new(ToyTokens::new(algorithm, ISSUER, "api", random.clone()));
        let settings_of_ring = TokenSettings { algorithm, issuer: ISSUER.to_owned(), audience: "api".to_owned() };
        let ring = Arc::new(TokenRing::new(settings_of_ring, random.clone()));
        let (issuer, verifier, keys): (Arc<dyn TokenIssuer>, Arc<dyn TokenVerifier>, Arc<dyn KeyRing>) =
            if plan.signing.is_some() {
                (ring.clone(), ring.clone(), ring)
            } else {
                (toys.clone(), toys.clone(), toys)
            };
        let store = plan.store.clone().unwrap_or_else(|| Arc::new(MemoryStore::new(random.clone())));
        let revocations: Arc<dyn RevocationList> = Arc::new(MemoryRevocations::new());
        let ports = Ports {
            store,
            hasher: hasher.clone(),
            policy: Arc::new(LaxPolicy),
            import: Arc::new(NoImport),
            mac: Arc::new(ToyMac::new([3; 32])),
            vault: Arc::new(ToyVault::new([1; 32], random.clone())),
            issuer,
            verifier,
            keys,
            refresh_tokens: Arc::new(ToyRefreshTokens::new([2; 32])),
            revocations,
            webhook_queue: Arc::new(MemoryStore::new(random.clone())),
            webhook_sender: Arc::new(RecordingWebhooks::new()),
            clock: clock.clone(),
            random: random.clone(),
        };
        let day = Duration::from_secs(24 * 3600);
        let sessions = SessionPolicy {
            access_ttl: Duration::from_secs(900),
            idle_ttl: 30 * day,
            absolute_ttl: 90 * day,
            reuse_grace: Duration::from_secs(10),
            max_per_account: 100,
            announce_refreshes: false,
        };
        let settings_of_app = Settings {
            issuer: ISSUER.to_owned(),
            audience: "api".to_owned(),
            sessions,
            attempts: AttemptPolicy {
                free: 20,
                first_wait: Duration::from_secs(1),
                longest_wait: Duration::from_secs(3600),
                forgotten_after: day,
            },
            staleness: plan.staleness,
            keys: KeySchedule { every: Some(90 * day), ahead: day },
            first_party_client: FIRST_PARTY.0.to_owned(),
            roles_in_tokens: plan.standing_in_tokens,
            permissions_in_tokens: plan.standing_in_tokens,
            reserved_clients: vec![CLIENT.0.to_owned(), FIRST_PARTY.0.to_owned()],
            audit_retention: 400 * day,
        };
        let app = Arc::new(App::new(ports, settings_of_app));
        app.tokens.open_keys(&[algorithm]).await.unwrap();
        app.access.seed(&[]).await.unwrap();
        let health = Arc::new(Health::new(plan.health.clone()));
        let settings = Arc::new(settings(&plan, clock.clone(), random));
        let endpoint = Arc::new(portcullis_http::public(app.clone(), settings, health.clone()));
        Self { app, endpoint, clock, hasher, health }
    }

    /// Sends a request.
    pub(crate) async fn send(&self, ask: Ask) -> Answer {
        Answer::read(self.endpoint.answer(ask.into_request()).await).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Ask::post(path).json(body)).await
    }

    /// Opens an account and logs in.
    pub(crate) async fn user(&self, name: &str) -> Tokens {
        let email = format!("{name}@example.com");
        let body = json!({ "username": name, "email": email, "password": PASSWORD });
        self.post("/api/v1/auth/register", body).await.is(StatusCode::CREATED);
        self.login(name, PASSWORD).await
    }

    pub(crate) async fn login(&self, login: &str, password: &str) -> Tokens {
        let answer = self.post("/api/v1/auth/login", json!({ "login": login, "password": password })).await;
        Tokens::of(&answer.is(StatusCode::OK))
    }

    /// Creates a client in the store; its secret.
    pub(crate) async fn client(&self, id: &str, scope: &str) -> String {
        let cmd = CreateClient {
            id: Some(id.parse().unwrap()),
            name: None,
            scope: Scope::parse(scope).unwrap(),
            caller: Caller::operator(),
            origin: Origin::default(),
        };
        self.app.clients.create(cmd).await.unwrap().1.expose().to_owned()
    }

    /// A token of a client in its own name.
    pub(crate) async fn client_token(&self, client: (&str, &str)) -> String {
        let ask = Ask::post("/oauth2/token").basic(client).form("grant_type=client_credentials");
        let answer = self.send(ask).await.is(StatusCode::OK);
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// Whether the access token is still good.
    pub(crate) async fn accepts(&self, access: &str) -> bool {
        let status = self.send(Ask::get("/api/v1/auth/verify").bearer(access)).await.status;
        assert!([StatusCode::NO_CONTENT, StatusCode::UNAUTHORIZED].contains(&status), "{status}");
        status == StatusCode::NO_CONTENT
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.post("/api/v1/auth/refresh", json!({ "refresh_token": token })).await
    }
}

/// A request in the making.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Ask {
    pub(crate) fn new(method: Method, path: &str) -> Self {
        Self { method, path: path.to_owned(), headers: HeaderMap::new(), body: Vec::new() }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: &str) -> Self {
        Self::new(Method::POST, path)
    }

    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        self.headers.append(name, HeaderValue::from_bytes(value.as_ref()).unwrap());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub(crate) fn basic(self, (id, secret): (&str, &str)) -> Self {
        use base64::Engine;
        let pair = format!("{}:{}", encoded(id), encoded(secret));
        self.header("authorization", format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
    }

    #[expect(clippy::needless_pass_by_value, reason = "a body is written where it is sent")]
    pub(crate) fn json(self, body: Value) -> Self {
        self.raw("application/json", body.to_string())
    }

    pub(crate) fn form(self, body: &str) -> Self {
        self.raw("application/x-www-form-urlencoded", body)
    }

    pub(crate) fn raw(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.header("content-type", content_type).body(body)
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn into_request(self) -> Request {
        let mut request =
            Request::builder().method(self.method).uri(self.path.parse::<Uri>().unwrap()).body(Body::from(self.body));
        *request.headers_mut() = self.headers;
        // What every HTTP/1.1 client sends.
        request.headers_mut().entry("host").or_insert(HeaderValue::from_static("auth.example.com"));
        request
    }
}

/// Percent-encodes everything that is not a letter or digit.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) async fn read(mut response: Response) -> Self {
        let body = response.take_body().into_vec().await.unwrap();
        let answer = Self { status: response.status(), headers: response.headers().clone(), body };
        // Whatever a test looks at: no cookie is ever less than A045 and A046 ask for.
        cookies_of(&answer);
        answer
    }

    #[track_caller]
    pub(crate) fn is(self, status: StatusCode) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The code of the problem that it must be, with everything that every problem has.
    #[track_caller]
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text());
        let problem = self.json();
        let code = problem["code"].as_str().unwrap().to_owned();
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(problem["type"], format!("{ISSUER}/docs/problems#{code}"));
        assert_eq!(problem["instance"], format!("urn:portcullis:request:{}", self.header("x-request-id").unwrap()));
        assert!(problem["title"].is_string());
        code
    }

    /// `pointer code` of each violation.
    #[track_caller]
    pub(crate) fn violations(&self) -> Vec<String> {
        assert_eq!(self.problem(), "validation-failed");
        let problem = self.json();
        let line = |error: &Value| {
            assert!(error["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
            format!("{} {}", error["pointer"].as_str().unwrap(), error["code"].as_str().unwrap())
        };
        problem["errors"].as_array().unwrap().iter().map(line).collect()
    }

    /// The headers but for those that differ from request to request.
    pub(crate) fn steady_headers(&self) -> Vec<(String, String)> {
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| *name != "x-request-id" && *name != "date")
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        headers.sort();
        headers
    }

    /// The body of a problem but for its instance.
    pub(crate) fn steady_problem(&self) -> Value {
        let mut problem = self.json();
        problem["instance"] = Value::Null;
        problem
    }
}

/// The tokens of a session.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) session: String,
}

impl Tokens {
    pub(crate) fn of(answer: &Answer) -> Self {
        let body = answer.json();
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token"), session: text("session_id") }
    }
}

/// Fails the test when the clock port and the harness disagree about what time is.
pub(crate) fn now(house: &House) -> String {
    house.clock.now().to_rfc3339()
}
