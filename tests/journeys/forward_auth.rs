//! An app behind nginx and behind Caddy, with the configurations that `docs/forward-auth.md` quotes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{Method, RequestBuilder};
use rstest::rstest;
use serde_json::json;

use crate::api::{Answer, Api, Person};
use crate::fronts::{Front, Kind};
use crate::operator::call_with_input;
use crate::place::Place;
use crate::proxy::Proxy;
use crate::registered::Registered;
use crate::service::{Service, Settings};
use crate::witness::{App, Seen, Tap};

/// What tells the app who calls.
const OURS: [&str; 6] =
    ["x-auth-user-id", "x-auth-session-id", "x-auth-client-id", "x-auth-scopes", "x-auth-roles", "x-auth-actor-id"];
/// A body that nobody should carry to the token check.
const LARGE: usize = 20 << 20;

/// An app behind a proxy, and Portcullis behind a line that can be listened to and cut.
struct Scene {
    // Dropped in this order: what writes into the folder first.
    front: Front,
    service: Service,
    app: App,
    tap: Tap,
    line: Proxy,
    settings: Settings,
    /// Portcullis without the proxy.
    auth: Api,
    /// The app through the proxy.
    door: Api,
    _place: Place,
}

impl Scene {
    async fn open(kind: Kind) -> Self {
        let place = Place::sqlite();
        let settings = Settings::on(&place);
        let service = settings.start().await;
        let address: SocketAddr = service.url.trim_start_matches("http://").parse().expect("an address");
        let line = Proxy::to(address).await;
        let (tap, app) = (Tap::to(line.port()).await, App::start().await);
        let front = Front::start(kind, place.dir(), tap.address, app.address).await;
        let (auth, door) = (Api::at(&service.url), Api::at(&front.url));
        Self { front, service, app, tap, line, settings, auth, door, _place: place }
    }

    /// The access token of somebody who may do everything.
    async fn administrator(&self) -> String {
        let who = Person::new();
        let create = ["admin", "create-user", "--email", &who.email, "--role", "admin", "--password-stdin"];
        call_with_input(&self.settings, &create, who.password.as_bytes()).expect(0);
        self.auth.sign_in(&who).await.access
    }

    /// Sends a request that must get as far as the app.
    async fn pass(&self, request: RequestBuilder) -> (Answer, Seen) {
        let answer = self.door.send(request).await;
        let mut seen = self.app.seen();
        assert_eq!((answer.status, seen.len()), (200, 1), "{}\n{}", answer.text, self.front.log());
        (answer, seen.remove(0))
    }

    /// Sends a request that must not get as far as the app.
    async fn stop(&self, request: RequestBuilder) -> Answer {
        let answer = self.door.send(request).await;
        assert_eq!(self.app.seen().len(), 0, "{}", answer.text);
        answer
    }

    /// A login with cookies: what the browser sends back.
    async fn cookies(&self, who: &Person) -> String {
        self.auth.register(who).await.expect(201);
        let body = json!({ "login": who.email, "password": who.password, "transport": "cookie" });
        let answer = self.auth.call(Method::POST, "/api/v1/auth/login", None, &body).await.expect(200);
        let cookies = answer.headers.get_all("set-cookie").iter();
        let pairs = cookies.map(|line| line.to_str().expect("text").split(';').next().expect("a pair").to_owned());
        // The refresh cookie is for the paths of Portcullis only.
        let sent: Vec<String> = pairs.filter(|pair| !pair.contains("_refresh=")).collect();
        assert!(sent.iter().any(|pair| pair.contains("_access=")), "{sent:?}");
        sent.join("; ")
    }
}

/// With all that a client may try to pass for somebody else.
fn spoofed(mut request: RequestBuilder) -> RequestBuilder {
    for name in OURS {
        for name in [name.to_owned(), name.replace('-', "_")] {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            request = request.header(&name, "spoofed").header(&name, "twice");
        }
    }
    request.header("x-forwarded-for", "203.0.113.66")
}

/// The names that the app takes for ours, `_` and `-` alike, with what they say; without the empty ones.
fn told(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut told: Vec<(String, String)> = headers
        .iter()
        .map(|(name, value)| (name.as_str().replace('_', "-"), value.to_str().expect("text").to_owned()))
        .filter(|(name, value)| name.starts_with("x-auth-") && !value.is_empty())
        .collect();
    told.sort();
    told
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    let mut pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    pairs.sort();
    pairs
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_app_is_told_who_calls_by_portcullis_and_by_nobody_else(#[values(Kind::Nginx, Kind::Caddy)] kind: Kind) {
    let scene = Scene::open(kind).await;
    let person = Person::new();
    let tokens = scene.auth.join(&person).await;
    assert_eq!(scene.auth.verify(&tokens.access).await.headers["cache-control"], "no-store");
    let user = scene.auth.get("/api/v1/me", Some(&tokens.access)).await.expect(200).str("id").to_owned();
    let ours = pairs([
        ("x-auth-user-id", &user),
        ("x-auth-session-id", &tokens.session),
        ("x-auth-client-id", "portcullis"),
        ("x-auth-scopes", "account"),
    ]);

    for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let request = spoofed(scene.door.request(method.clone(), "/orders/7?page=2&sort=a%20b"));
        let (answer, seen) = scene.pass(request.bearer_auth(&tokens.access).body("three")).await;
        assert_eq!((&seen.method, seen.target.as_str(), seen.body), (&method, "/orders/7?page=2&sort=a%20b", 5));
        assert_eq!(told(&seen.headers), ours, "{method}");
        assert!(!seen.headers.contains_key("authorization"), "the app has no use for the token");
        assert_eq!(seen.headers["x-forwarded-for"], "127.0.0.1", "the client's claim is not passed on");
        assert_eq!(answer.text, if method == Method::HEAD { "" } else { "welcome" });

        // The check is a GET of one path, whatever the client asked for, and has nothing of what it claimed.
        let heard = scene.tap.heard();
        assert!(heard.starts_with("GET /api/v1/auth/verify HTTP/1.1\r\n"), "{heard}");
        assert_eq!(heard.matches(" HTTP/1.1\r\n").count(), 1, "{heard}");
        assert!(!heard.contains("spoofed") && !heard.contains("203.0.113.66"), "{heard}");
    }
    scene.service.stop().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_client_s_token_names_the_client_and_no_user(#[values(Kind::Nginx, Kind::Caddy)] kind: Kind) {
    let scene = Scene::open(kind).await;
    let orders = Registered::create(&scene.settings, "orders", "orders:read orders:write");
    let token = orders.token(&scene.auth, "orders:read").await;
    // Empty ones are there: a proxy that only copies what it gets replaces the client's own.
    let answer = scene.auth.verify(&token).await.expect(204);
    assert_eq!(
        OURS.map(|name| answer.headers[name].to_str().expect("text")),
        ["", "", "orders", "orders:read", "", ""]
    );
    let (_, seen) = scene.pass(spoofed(scene.door.request(Method::GET, "/")).bearer_auth(&token)).await;
    assert_eq!(told(&seen.headers), pairs([("x-auth-client-id", "orders"), ("x-auth-scopes", "orders:read")]));
    scene.service.stop().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_names_its_owner_and_itself_and_is_kept_from_the_app(
    #[values(Kind::Nginx, Kind::Caddy)] kind: Kind,
) {
    let scene = Scene::open(kind).await;
    let (owner, admin) = (Person::new(), scene.administrator().await);
    let user = scene.auth.join(&owner).await.access;
    let user = scene.auth.get("/api/v1/me", Some(&user)).await.expect(200).str("id").to_owned();
    let key = |network: &str| json!({ "user_id": user, "name": "nightly", "networks": [network] });
    let made = async |network: &str| {
        scene.auth.call(Method::POST, "/api/v1/api-keys", Some(&admin), &key(network)).await.expect(201)
    };
    let (good, elsewhere) = (made("127.0.0.0/8").await, made("203.0.113.0/24").await);
    let ask =
        |method: Method, key: &str| spoofed(scene.door.request(method, "/orders?page=2")).header("x-api-key", key);
    for method in [Method::GET, Method::POST, Method::DELETE] {
        let (_, seen) = scene.pass(ask(method.clone(), good.str("key"))).await;
        assert_eq!(told(&seen.headers), pairs([("x-auth-user-id", &user), ("x-auth-client-id", good.str("id"))]));
        assert!(!seen.headers.contains_key("x-api-key"), "the app has no use for the key");
    }
    let (_, seen) = scene.pass(ask(Method::GET, good.str("key")).header("cookie", "theme=dark")).await;
    assert_eq!(seen.headers["cookie"], "theme=dark");

    let heard = scene.tap.heard();
    assert!(heard.contains(good.str("key")), "{heard}");
    let mut wrong = good.str("key").to_owned();
    wrong.pop();
    for bad in [wrong.as_str(), "", "nonsense"] {
        scene.stop(ask(Method::GET, bad)).await.expect(401);
    }
    scene.stop(ask(Method::GET, elsewhere.str("key"))).await.expect(403);
    // Nobody could say who calls.
    let both = scene.stop(ask(Method::GET, good.str("key")).bearer_auth(&admin)).await;
    assert!([400, 500].contains(&both.status), "{}", both.status);

    let path = format!("/api/v1/api-keys/{}", good.str("id"));
    scene.auth.delete(&path, &admin).await.expect(204);
    scene.stop(ask(Method::GET, good.str("key"))).await.expect(401);
    scene.service.stop().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn support_looks_at_an_app_as_its_user_and_changes_nothing(#[values(Kind::Nginx, Kind::Caddy)] kind: Kind) {
    let scene = Scene::open(kind).await;
    let admin = scene.administrator().await;
    let me = async |token: &str| scene.auth.get("/api/v1/me", Some(token)).await.expect(200).str("id").to_owned();
    let user = me(&scene.auth.join(&Person::new()).await.access).await;
    let path = format!("/api/v1/users/{user}/impersonate");
    let acting =
        scene.auth.call(Method::POST, &path, Some(&admin), &json!({ "reason": "ticket 4711" })).await.expect(200);
    let ask = |method: Method| {
        let request = spoofed(scene.door.request(method, "/orders")).bearer_auth(acting.str("access_token"));
        request.header("x-forwarded-method", "GET")
    };
    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
        let (_, seen) = scene.pass(ask(method)).await;
        let told = told(&seen.headers);
        for (name, value) in [("x-auth-user-id", &user), ("x-auth-actor-id", &me(&admin).await)] {
            assert!(told.contains(&(name.to_owned(), value.clone())), "{name}: {told:?}");
        }
        assert!(seen.headers["x-auth-scopes"].to_str().expect("text").contains("read_only"));
    }
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        scene.stop(ask(method)).await.expect(403);
    }
    scene.service.stop().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a082_a_refusal_reaches_the_client_with_its_challenge_and_the_app_not_at_all(
    #[values(Kind::Nginx, Kind::Caddy)] kind: Kind,
) {
    let scene = Scene::open(kind).await;
    let tokens = scene.auth.join(&Person::new()).await;
    let ask = |method| spoofed(scene.door.request(method, "/orders"));
    let tampered = format!("{}x", tokens.access);
    for method in [Method::GET, Method::HEAD, Method::POST, Method::OPTIONS] {
        let answer = scene.stop(ask(method.clone())).await.expect(401);
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        for bad in [&tampered, &tokens.refresh, "nonsense"] {
            let answer = scene.stop(ask(method.clone()).bearer_auth(bad)).await.expect(401);
            assert_eq!(answer.headers["www-authenticate"], "Bearer error=\"invalid_token\"");
            assert!(!answer.text.contains(bad));
        }
        scene.stop(ask(method).basic_auth("ada", Some("password"))).await.expect(401);
    }
    // A token in the query is none, and is not carried to the check.
    scene.tap.heard();
    let request = scene.door.request(Method::GET, &format!("/orders?access_token={}", tokens.access));
    scene.stop(request).await.expect(401);
    assert!(!scene.tap.heard().contains(&tokens.access));
    scene.service.stop().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a054_two_credentials_never_speak_for_two_callers(#[values(Kind::Nginx, Kind::Caddy)] kind: Kind) {
    let scene = Scene::open(kind).await;
    let (ada, bob) = (scene.auth.join(&Person::new()).await, scene.auth.join(&Person::new()).await);
    let request = scene.door.request(Method::GET, "/").bearer_auth(&ada.access).bearer_auth(&bob.access);
    let answer = scene.stop(request).await;
    assert!([400, 401].contains(&answer.status), "{}", answer.status);
    scene.service.stop().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn b09_a_revoked_token_is_refused_by_the_very_next_request(#[values(Kind::Nginx, Kind::Caddy)] kind: Kind) {
    let scene = Scene::open(kind).await;
    let person = Person::new();
    let tokens = scene.auth.join(&person).await;
    let other = scene.auth.sign_in(&person).await;
    let ask = |token: &str| scene.door.request(Method::GET, "/").bearer_auth(token);
    for _ in 0..20 {
        scene.pass(ask(&tokens.access)).await;
    }
    scene.auth.logout(&tokens.access).await.expect(204);
    for _ in 0..20 {
        scene.stop(ask(&tokens.access)).await.expect(401);
    }
    scene.pass(ask(&other.access)).await;
    scene.service.stop().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a047_cookies_count_for_reads_and_for_what_the_apps_own_pages_send(
    #[values(Kind::Nginx, Kind::Caddy)] kind: Kind,
) {
    let scene = Scene::open(kind).await;
    let cookies = scene.cookies(&Person::new()).await;
    let ask = |method, site: Option<&str>| {
        let request = scene.door.request(method, "/").header("cookie", &cookies);
        site.into_iter().fold(request, |request, site| request.header("sec-fetch-site", site))
    };
    for site in [None, Some("same-origin"), Some("cross-site")] {
        for method in [Method::GET, Method::HEAD] {
            let (_, seen) = scene.pass(spoofed(ask(method, site))).await;
            assert!(told(&seen.headers).iter().any(|(name, value)| name == "x-auth-user-id" && value != "spoofed"));
        }
    }
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let (_, seen) = scene.pass(ask(method.clone(), Some("same-origin"))).await;
        assert_eq!(seen.headers["cookie"], cookies.as_str());
        for site in [None, Some("same-site"), Some("cross-site"), Some("none"), Some("x same-origin")] {
            scene.stop(ask(method.clone(), site)).await.expect(401);
        }
    }
    // A bearer token needs no such thing; the cookies that come with it do not count.
    let tokens = scene.auth.join(&Person::new()).await;
    let (_, seen) = scene.pass(ask(Method::POST, Some("cross-site")).bearer_auth(&tokens.access)).await;
    assert!(told(&seen.headers).contains(&("x-auth-session-id".to_owned(), tokens.session)));
    assert!(!seen.headers.contains_key("cookie"));
    scene.service.stop().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_goes_to_the_app_and_never_to_the_check(#[values(Kind::Nginx, Kind::Caddy)] kind: Kind) {
    let scene = Scene::open(kind).await;
    let token = scene.auth.join(&Person::new()).await.access;
    let ask = || scene.door.request(Method::POST, "/upload").body(vec![b'#'; LARGE]);
    let (_, seen) = scene.pass(ask().bearer_auth(&token)).await;
    assert_eq!(seen.body, LARGE);
    let heard = scene.tap.heard();
    assert!(heard.len() < 4096 && !heard.contains("##"), "{} bytes", heard.len());
    // The answer may come before all is sent; then the connection ends.
    if let Ok(answer) = scene.door.try_send(ask()).await {
        assert_eq!(answer.status, 401);
    }
    assert_eq!(scene.app.seen().len(), 0);
    let heard = scene.tap.heard();
    assert!(heard.len() < 4096 && !heard.contains("##"), "{} bytes", heard.len());
    scene.service.stop().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn without_an_answer_from_portcullis_the_door_is_closed(#[values(Kind::Nginx, Kind::Caddy)] kind: Kind) {
    let scene = Scene::open(kind).await;
    let token = scene.auth.join(&Person::new()).await.access;
    let ask = || spoofed(scene.door.request(Method::GET, "/")).bearer_auth(&token);
    scene.pass(ask()).await;

    scene.line.cut();
    let answer = scene.stop(ask()).await;
    assert!((500..=504).contains(&answer.status), "{}", answer.status);

    scene.line.silence();
    let since = Instant::now();
    let answer = scene.stop(ask()).await;
    assert!((500..=504).contains(&answer.status), "{}", answer.status);
    assert!(since.elapsed() < Duration::from_secs(15), "{:?}", since.elapsed());

    scene.line.resume();
    let deadline = Instant::now() + Duration::from_secs(20);
    while scene.door.send(ask()).await.status != 200 {
        assert!(Instant::now() < deadline, "the door opens again:\n{}", scene.front.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    scene.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_behind_nginx_is_open_to_nobody_s_name_and_opens_nothing_else() {
    let scene = Scene::open(Kind::Nginx).await;
    let token = scene.auth.join(&Person::new()).await.access;
    let raw = |target: &'static str| spoofed_line(&scene.front.url, target);

    let (_, seen) = scene.pass(spoofed(scene.door.request(Method::GET, "/public/logo")).bearer_auth(&token)).await;
    assert_eq!((told(&seen.headers), seen.target.as_str()), (pairs([]), "/public/logo"));
    assert_eq!(scene.tap.heard(), "", "nobody is asked");

    for target in
        ["/public/../admin", "/public/..%2fadmin", "/public/%2e%2e/admin", "/public/x/../../admin", "/Public/"]
    {
        assert_eq!(raw(target).await, 401, "{target}");
    }
    assert_eq!(scene.app.seen().len(), 0);
    // Where nginx sees an open path the app sees the same one.
    for target in ["/admin/..%2fpublic/logo", "/admin/../public/logo", "/admin/%2e%2e/public/logo", "//public/logo"] {
        assert_eq!(raw(target).await, 200, "{target}");
        assert_eq!(scene.app.seen()[0].target, "/public/logo", "{target}");
    }
    // The check itself is not a page.
    scene.stop(scene.door.request(Method::GET, "/_portcullis").bearer_auth(&token)).await.expect(404);
    scene.service.stop().await;
}

/// The status of a GET whose target is sent byte for byte.
async fn spoofed_line(url: &str, target: &str) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let address = url.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("the proxy listens");
    let request =
        format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nX-Auth-Roles: admin\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("the proxy reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the proxy answers");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status: {answer}"))
}
