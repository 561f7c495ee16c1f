//! The OpenAPI document is valid, and the service keeps every promise in it whatever is sent.

use std::path::Path;
use std::process::Command;

use crate::broker::Broker;
use crate::place::Place;
use crate::service::{CLIENT, Settings, binary};

/// A108; what `run.sh` does as nobody, as a user, as an administrator and with an API key: at least 20,000 requests.
#[tokio::test(flavor = "multi_thread")]
async fn the_service_keeps_its_openapi_promises_against_a_fuzzer() {
    let (place, broker) = (Place::sqlite(), Broker::fresh().await);
    let settings = Settings::on(&place).publishing_to(&broker);
    let mut service = settings.start().await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis/run.sh");
    let mut command = Command::new("bash");
    command.arg(script).env("PORTCULLIS_BIN", binary());
    // The script opens administrators by the program, which needs all that the service was started with.
    command.envs(settings.command(&[]).get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("PORTCULLIS_URL", &service.url).env("PORTCULLIS_CLIENT", format!("{}:{}", CLIENT.0, CLIENT.1));
    let output = tokio::task::spawn_blocking(move || command.output().expect("bash runs")).await.expect("no panic");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    assert!(service.ended_within(std::time::Duration::ZERO).await.is_none(), "the service died: {}", service.log());
    let panics: Vec<String> =
        service.log().lines().filter(|line| line.contains("panicked")).map(str::to_owned).collect();
    assert_eq!(panics, Vec::<String>::new());
    report(&out);
    service.stop().await;
}

#[expect(clippy::print_stdout, reason = "the figures of a run are its result")]
fn report(out: &str) {
    for line in out.lines().filter(|line| line.contains(" requests: ") || line.ends_with(": valid")) {
        println!("{line}");
    }
}
