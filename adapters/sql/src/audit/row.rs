//! An entry as a row.

use portcullis_domain::audit::{Action, Actor, AuditEntry, Outcome, Refusal};
use portcullis_domain::ids::{AuditId, SessionId, UserId};
use portcullis_domain::ports::store::StoreError;
use sea_orm::{DbBackend, Statement, Value};

use crate::column::{corrupt, instant, maybe_ip};
use crate::entity::audit::Model;

/// The columns, in the order of [`values`].
pub(crate) const COLUMNS: &str = "at, id, actor_kind, actor_id, action, refusal, subject_id, session_id, ip, user_agent, \
    request_id, detail, impersonator";
/// How many there are.
pub(crate) const WIDTH: usize = 13;
/// The kind of an actor who is the subject.
pub(super) const OWN: &str = "self";
/// How many rows one statement adds.
const CHUNK: usize = 500;

/// The statements that add entries.
pub(crate) fn inserts(backend: DbBackend, entries: &[AuditEntry]) -> Vec<Statement> {
    let insert = |entries: &[AuditEntry]| {
        let rows: Vec<String> = (0..entries.len()).map(|row| places(backend, row * WIDTH)).collect();
        let sql = format!("INSERT INTO audit ({COLUMNS}) VALUES {}", rows.join(", "));
        Statement::from_sql_and_values(backend, sql, entries.iter().flat_map(values))
    };
    entries.chunks(CHUNK).map(insert).collect()
}

/// The places of a row's values after `taken` others. On SQLite they have no numbers, so that other statements can come
/// before and after in one text.
pub(crate) fn places(backend: DbBackend, taken: usize) -> String {
    let place = |number: usize| match backend {
        DbBackend::Postgres => format!("${}", taken + number),
        _ => "?".to_owned(),
    };
    format!("({})", (1..=WIDTH).map(place).collect::<Vec<_>>().join(", "))
}

/// The values of a row.
pub(crate) fn values(entry: &AuditEntry) -> [Value; WIDTH] {
    let own = entry.subject.is_some_and(|subject| entry.actor == Actor::User(subject));
    let (kind, actor) = if own { (OWN, None) } else { (entry.actor.kind(), entry.actor.id()) };
    [
        entry.at.as_unix_micros().into(),
        (*entry.id.as_uuid()).into(),
        kind.into(),
        actor.into(),
        entry.action.as_str().into(),
        entry.outcome.refusal().map(Refusal::as_str).into(),
        entry.subject.map(|subject| *subject.as_uuid()).into(),
        entry.session.map(|session| *session.as_uuid()).into(),
        entry.ip.map(|ip| ip.to_string()).into(),
        entry.user_agent.as_deref().into(),
        entry.request_id.as_deref().into(),
        entry.detail.as_deref().into(),
        entry.impersonator.map(|user| *user.as_uuid()).into(),
    ]
}

/// The entry that a row holds.
pub(super) fn entry(row: Model) -> Result<AuditEntry, StoreError> {
    let subject = row.subject_id.map(UserId::from_uuid);
    let actor = match (row.actor_kind.as_str(), subject) {
        (OWN, subject) => subject.map(Actor::User),
        (kind, _) => Actor::parse(kind, row.actor_id.as_deref()),
    };
    let refusal = row.refusal.map(|text| Refusal::parse(&text).ok_or_else(|| corrupt("audit.refusal"))).transpose()?;
    Ok(AuditEntry {
        id: AuditId::from_uuid(row.id),
        at: instant("audit.at", row.at)?,
        actor: actor.ok_or_else(|| corrupt("audit.actor_kind"))?,
        action: Action::parse(&row.action).ok_or_else(|| corrupt("audit.action"))?,
        outcome: refusal.map_or(Outcome::Success, Outcome::Refused),
        subject,
        session: row.session_id.map(SessionId::from_uuid),
        impersonator: row.impersonator.map(UserId::from_uuid),
        ip: maybe_ip("audit.ip", row.ip)?,
        user_agent: row.user_agent,
        request_id: row.request_id,
        detail: row.detail,
    })
}
