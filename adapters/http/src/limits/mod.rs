//! How often somebody may ask: by the client's address before the body is read, at `/oauth2` by the client's id, for what
//! writes out everything by account.
//!
//! What a limit said goes into the answer, as draft-ietf-httpapi-ratelimit-headers has it. A limiter that cannot count
//! is a service that cannot serve: nothing is ever let through unseen.

mod document;
mod rule;

use std::fmt::Write;
use std::time::Duration;

use poem::http::{HeaderMap, HeaderName, HeaderValue};
use portcullis_domain::caller::{Caller, Identity};
use portcullis_domain::ids::ApiKeyId;
use portcullis_domain::ports::limits::{Permit, Quota};

use crate::client_address::network_of;
use crate::problem::{Code, Problem};
use crate::state::Visit;

pub(crate) use document::{describe, headers};
pub(crate) use rule::Rule;

/// What there is.
pub(crate) const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What is left.
pub(crate) const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// What a limit said about a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    rule: Rule,
    quota: Quota,
    permit: Permit,
}

/// Says in the headers of the answer what the limits said: one item each (RFC 9651 §3.1).
pub(crate) fn tell<'a>(counted: impl Iterator<Item = &'a Counted>, headers: &mut HeaderMap) {
    let (mut policy, mut limit) = (String::new(), String::new());
    for Counted { rule, quota, permit } in counted {
        let (name, comma) = (rule.name(), if policy.is_empty() { "" } else { ", " });
        let _ = write!(policy, "{comma}\"{name}\";q={};w={}", quota.burst, seconds(quota.period));
        let _ = write!(limit, "{comma}\"{name}\";r={};t={}", permit.remaining, seconds(permit.reset));
    }
    for (name, text) in [(POLICY, policy), (LIMIT, limit)] {
        if let Some(value) = HeaderValue::from_str(&text).ok().filter(|_| !text.is_empty()) {
            headers.insert(name, value);
        }
    }
}

/// Whole seconds, never too few.
const fn seconds(time: Duration) -> u64 {
    time.as_secs() + (time.subsec_nanos() > 0) as u64
}

/// Takes a permit for a request of this rule, by the client's address; what is counted by client or by account is counted
/// later.
pub(crate) async fn count(visit: &Visit, rule: Rule) -> Result<(), Problem> {
    match rule {
        Rule::Introspect => Ok(()),
        Rule::Export => count_address(visit, Rule::Other).await,
        _ => count_address(visit, rule).await,
    }
}

/// Counts an export, by the account that really asks for it; a client by its id.
pub(crate) async fn count_export(visit: &Visit, caller: &Caller) -> Result<(), Problem> {
    let Some(quota) = Rule::Export.quota(&visit.state.settings.quotas) else { return Ok(()) };
    let whom = match &caller.identity {
        Identity::User(session) => session.impersonation.map_or(session.user, |acting| acting.by).to_string(),
        Identity::ApiKey { owner, .. } => owner.to_string(),
        Identity::Client { id } => format!("client:{id}"),
        Identity::Operator => "operator".to_owned(),
    };
    let counted = ask(visit, Rule::Export, quota, &whom).await?;
    visit.note_export(counted);
    granted(&counted)
}

/// Counts a client that proved who it is, by its id.
pub(crate) async fn count_client(visit: &Visit, id: &str) -> Result<(), Problem> {
    match Rule::Introspect.quota(&visit.state.settings.quotas) {
        Some(quota) => take(visit, Rule::Introspect, quota, format!("client:{id}")).await,
        None => Ok(()),
    }
}

/// Counts a poll of a client that proved who it is: under the rule of clients, or as any other request when that is off.
pub(crate) async fn count_poll(visit: &Visit, id: &str) -> Result<(), Problem> {
    let quotas = &visit.state.settings.quotas;
    match Rule::Other.quota(quotas) {
        Some(quota) if Rule::Introspect.quota(quotas).is_none() => {
            take(visit, Rule::Other, quota, format!("client:{id}")).await
        }
        _ => Ok(()),
    }
}

/// Counts somebody who has not proved to be a client, by address. What the clients themselves may do is another matter:
/// each guess at a secret writes a row of the audit trail, as a guess at a password does.
pub(crate) async fn count_stranger(visit: &Visit) -> Result<(), Problem> {
    count_address(visit, Rule::Stranger).await
}

/// Counts somebody who may be guessing at a secret, as [`count_stranger`] does, while `proof` finds out. If it was no
/// guess, what was taken is given back: of an address no more than so many are looked up at a time, good or not.
pub(crate) async fn count_guess<T>(
    visit: &Visit,
    proof: impl Future<Output = T>,
    was_good: impl FnOnce(&T) -> bool,
) -> Result<T, Problem> {
    let Some(quota) = Rule::Stranger.quota(&visit.state.settings.quotas) else { return Ok(proof.await) };
    let whom = address_of(visit);
    let counted = ask(visit, Rule::Stranger, quota, &whom).await?;
    if !counted.permit.granted {
        visit.note(counted);
        return Err(refused(&counted));
    }
    let proved = proof.await;
    if was_good(&proved) {
        let given = visit.state.settings.limiter.give_back(&key(Rule::Stranger, &whom), quota).await;
        given.map_err(|error| Problem::caused(Code::Unavailable, error.into()))?;
    } else {
        visit.note(counted);
    }
    Ok(proved)
}

/// Takes a permit for a request of this rule, by the client's address.
pub(crate) async fn count_address(visit: &Visit, rule: Rule) -> Result<(), Problem> {
    let Some(quota) = rule.quota(&visit.state.settings.quotas) else { return Ok(()) };
    take(visit, rule, quota, address_of(visit)).await
}

/// Under what a client's address is counted. Requests that came from no socket share a bucket.
fn address_of(visit: &Visit) -> String {
    visit.client.map_or_else(|| "unknown".to_owned(), |client| network_of(client).to_string())
}

/// Counts a use of an API key that has a limit of its own.
pub(crate) async fn count_key(visit: &Visit, id: ApiKeyId, quota: Quota) -> Result<(), Problem> {
    let counted = ask(visit, Rule::Key, quota, &id.to_string()).await?;
    visit.note_key(counted);
    granted(&counted)
}

async fn take(visit: &Visit, rule: Rule, quota: Quota, whom: String) -> Result<(), Problem> {
    let counted = ask(visit, rule, quota, &whom).await?;
    visit.note(counted);
    granted(&counted)
}

async fn ask(visit: &Visit, rule: Rule, quota: Quota, whom: &str) -> Result<Counted, Problem> {
    let taken = visit.state.settings.limiter.take(&key(rule, whom), quota).await;
    let permit = taken.map_err(|error| Problem::caused(Code::Unavailable, error.into()))?;
    Ok(Counted { rule, quota, permit })
}

/// The bucket of somebody under a rule.
fn key(rule: Rule, whom: &str) -> String {
    format!("{}:{whom}", rule.name())
}

fn granted(counted: &Counted) -> Result<(), Problem> {
    if counted.permit.granted { Ok(()) } else { Err(refused(counted)) }
}

fn refused(Counted { rule, permit, .. }: &Counted) -> Problem {
    metrics::counter!("http_requests_limited_total", "rule" => rule.name()).increment(1);
    Problem::later(Code::RateLimited, permit.retry_after)
}

#[cfg(test)]
mod tests {
    use poem::http::Method;

    use super::*;

    #[test]
    fn the_headers_say_what_there_is_and_what_is_left() {
        let counted = |remaining, reset| Counted {
            rule: Rule::Login,
            quota: Quota { burst: 300, period: Duration::from_secs(150) },
            permit: Permit { granted: true, remaining, reset, retry_after: Duration::ZERO },
        };
        for (remaining, reset, expected) in [
            (299, Duration::from_millis(500), "\"login\";r=299;t=1"),
            (0, Duration::from_secs(150), "\"login\";r=0;t=150"),
            (300, Duration::ZERO, "\"login\";r=300;t=0"),
        ] {
            let mut headers = HeaderMap::new();
            tell([counted(remaining, reset)].iter(), &mut headers);
            assert_eq!(headers[POLICY], "\"login\";q=300;w=150");
            assert_eq!(headers[LIMIT], expected);
        }
    }

    #[test]
    fn each_limit_that_was_asked_has_its_item() {
        let counted = |rule, remaining| Counted {
            rule,
            quota: Quota { burst: 10, period: Duration::from_secs(60) },
            permit: Permit { granted: true, remaining, reset: Duration::from_secs(6), retry_after: Duration::ZERO },
        };
        let mut headers = HeaderMap::new();
        tell([counted(Rule::Other, 9), counted(Rule::Key, 1)].iter(), &mut headers);
        assert_eq!(headers[POLICY], "\"other\";q=10;w=60, \"api-key\";q=10;w=60");
        assert_eq!(headers[LIMIT], "\"other\";r=9;t=6, \"api-key\";r=1;t=6");
        tell([].iter(), &mut headers);
        assert_eq!(headers.len(), 2, "where nothing was counted nothing is said");
    }

    #[test]
    fn what_those_in_charge_change_has_a_limit_of_its_own() {
        for (method, pattern, rule) in [
            (Method::GET, "/api/v1/users", Rule::Other),
            (Method::POST, "/api/v1/users", Rule::Manage),
            (Method::POST, "/api/v1/users/{id}/disable", Rule::Manage),
            (Method::PUT, "/api/v1/users/{id}/roles/{role}", Rule::Manage),
            (Method::DELETE, "/api/v1/roles/{name}", Rule::Manage),
            (Method::PATCH, "/api/v1/api-keys/{id}", Rule::Manage),
            (Method::POST, "/api/v1/clients", Rule::Manage),
            (Method::POST, "/api/v1/usersx", Rule::Other),
            (Method::POST, "/api/v1/me/api-keys", Rule::Change),
            (Method::POST, "/api/v1/auth/set-password", Rule::Login),
            (Method::POST, "/api/v1/setup", Rule::Login),
            (Method::GET, "/setup", Rule::Other),
            (Method::GET, "/api/v1/users/export", Rule::Export),
            (Method::GET, "/api/v1/users/{id}/export", Rule::Export),
            (Method::GET, "/api/v1/audit/export", Rule::Export),
            (Method::GET, "/api/v1/audit", Rule::Other),
        ] {
            assert_eq!(Rule::of(&method, pattern), rule, "{method} {pattern}");
        }
    }

    #[test]
    fn a_route_that_nobody_thought_of_is_counted() {
        assert_eq!(Rule::of(&Method::GET, "/api/v1/brand-new"), Rule::Other);
        assert_eq!(Rule::of(&Method::GET, "/docsx"), Rule::Other);
        assert_eq!(Rule::of(&Method::GET, "/api/v1/auth/verify"), Rule::Free);
        assert_eq!(Rule::of(&Method::GET, "/api/v1/revocations/x"), Rule::Other);
        assert_eq!(Rule::of(&Method::POST, "/oauth2/brand-new"), Rule::Other);
    }

    #[test]
    fn what_changes_the_own_account_is_a_change_and_looking_at_it_is_none() {
        for (method, pattern, rule) in [
            (Method::GET, "/api/v1/me", Rule::Other),
            (Method::HEAD, "/api/v1/me", Rule::Other),
            (Method::PATCH, "/api/v1/me", Rule::Change),
            (Method::DELETE, "/api/v1/me", Rule::Change),
            (Method::PUT, "/api/v1/me/password", Rule::Change),
            (Method::GET, "/api/v1/me/export", Rule::Export),
            (Method::GET, "/api/v1/me/sessions", Rule::Other),
            (Method::DELETE, "/api/v1/me/sessions/{id}", Rule::Change),
            (Method::POST, "/api/v1/me/brand-new", Rule::Change),
            (Method::POST, "/api/v1/mess", Rule::Other),
            (Method::POST, "/api/v1/auth/logout-all", Rule::Change),
            (Method::POST, "/api/v1/auth/logout", Rule::Other),
        ] {
            assert_eq!(Rule::of(&method, pattern), rule, "{method} {pattern}");
        }
    }
}
