//! Looking through the trail.

use portcullis_domain::audit::{Actor, AuditQuery};
use sea_orm::{DbBackend, Statement, Value};

use super::row::{COLUMNS, OWN};

/// The condition of the index by actors, in its very words.
const INDEXED: &str = "actor_kind NOT IN ('self', 'anonymous')";
const NEWEST_FIRST: &str = "ORDER BY at DESC, id DESC";

/// A statement in the making.
#[derive(Default)]
struct Draft {
    terms: Vec<String>,
    values: Vec<Value>,
}

impl Draft {
    /// A place for a value.
    fn place(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// A condition on a column.
    fn term(&mut self, column: &str, value: impl Into<Value>) {
        let place = self.place(value);
        self.terms.push(format!("{column} {place}"));
    }
}

/// The statement for a page.
pub(crate) fn statement(backend: DbBackend, query: &AuditQuery) -> Statement {
    let mut draft = Draft::default();
    if let Some(subject) = query.subject {
        draft.term("subject_id =", *subject.as_uuid());
    }
    if let Some(action) = query.action {
        draft.term("action =", action.as_str());
    }
    if let Some(from) = query.from {
        draft.term("at >=", from.as_unix_micros());
    }
    if let Some(until) = query.until {
        draft.term("at <", until.as_unix_micros());
    }
    if let Some((at, id)) = query.before {
        let (at, id) = (draft.place(at.as_unix_micros()), draft.place(*id.as_uuid()));
        draft.terms.push(format!("(at, id) < ({at}, {id})"));
    }
    let branches = branches(&mut draft, query.actor.as_ref());
    let limit = draft.place(i64::from(query.limit));
    let selects: Vec<String> = branches.iter().map(|branch| select(&draft.terms, branch, &limit)).collect();
    let sql = match selects.as_slice() {
        [only] => only.clone(),
        several => {
            let tables = several.iter().enumerate();
            let tables = tables.map(|(place, select)| format!("SELECT {COLUMNS} FROM ({select}) AS part_{place}"));
            format!("{} {NEWEST_FIRST} LIMIT {limit}", tables.collect::<Vec<_>>().join(" UNION ALL "))
        }
    };
    Statement::from_sql_and_values(backend, sql, draft.values)
}

/// What an actor did: each way has an index.
fn branches(draft: &mut Draft, actor: Option<&Actor>) -> Vec<Vec<String>> {
    let Some(actor) = actor else { return vec![Vec::new()] };
    let kind = format!("actor_kind = '{}'", actor.kind());
    let others = match (actor, actor.id()) {
        (Actor::Anonymous, _) => return vec![vec![kind]],
        (_, Some(id)) => vec![INDEXED.to_owned(), kind, format!("actor_id = {}", draft.place(id))],
        (_, None) => vec![INDEXED.to_owned(), kind, "actor_id IS NULL".to_owned()],
    };
    match actor {
        Actor::User(user) => {
            let own = format!("subject_id = {}", draft.place(*user.as_uuid()));
            vec![vec![own, format!("actor_kind = '{OWN}'")], others]
        }
        _ => vec![others],
    }
}

fn select(terms: &[String], branch: &[String], limit: &str) -> String {
    let all: Vec<&str> = terms.iter().chain(branch).map(String::as_str).collect();
    let condition = if all.is_empty() { String::new() } else { format!("WHERE {} ", all.join(" AND ")) };
    format!("SELECT {COLUMNS} FROM audit {condition}{NEWEST_FIRST} LIMIT {limit}")
}
