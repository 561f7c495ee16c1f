//! Looking through the trail.

use portcullis_domain::audit::{Actor, AuditQuery};
use sea_orm::{DbBackend, Statement};

use super::row::{COLUMNS, OWN};
use crate::draft::Draft;

/// The condition of the index by actors, in its very words.
pub(super) const BY_OTHERS: &str = "actor_kind NOT IN ('self', 'anonymous')";
const NEWEST_FIRST: &str = "ORDER BY at DESC, id DESC";

/// The statement for a page.
pub(crate) fn statement(backend: DbBackend, query: &AuditQuery) -> Statement {
    let mut draft = Draft::default();
    if let Some(subject) = query.subject {
        draft.term("subject_id =", *subject.as_uuid());
    }
    if let Some(action) = query.action {
        let somebody = query.subject.is_some() || query.about.is_some() || query.actor.is_some();
        // Whoever is named has fewer entries than there are acts of a kind: SQLite, which does not count, is kept from the
        // index by actions (the plus changes nothing else).
        let column = if somebody && backend == DbBackend::Sqlite { "+action =" } else { "action =" };
        draft.term(column, action.as_str());
    }
    if let Some(from) = query.from {
        draft.term("at >=", from.as_unix_micros());
    }
    if let Some(until) = query.until {
        draft.term("at <", until.as_unix_micros());
    }
    if let Some((at, id)) = query.before {
        let (at, id) = (draft.place(at.as_unix_micros()), draft.place(*id.as_uuid()));
        draft.words(format!("(at, id) < ({at}, {id})"));
    }
    let about = about(backend, &mut draft, query);
    let branches: Vec<Vec<String>> = actor(&mut draft, query.actor.as_ref())
        .iter()
        .flat_map(|actor| about.iter().map(move |about| [actor.as_slice(), about].concat()))
        .collect();
    let limit = draft.place(i64::from(query.limit));
    let selects: Vec<String> = branches.iter().map(|branch| select(&draft, branch, &limit)).collect();
    let sql = match selects.as_slice() {
        [only] => only.clone(),
        several => {
            let tables = several.iter().enumerate();
            let tables = tables.map(|(place, select)| format!("SELECT {COLUMNS} FROM ({select}) AS part_{place}"));
            format!("{} {NEWEST_FIRST} LIMIT {limit}", tables.collect::<Vec<_>>().join(" UNION ALL "))
        }
    };
    draft.statement(backend, sql)
}

/// What an actor did: each way has an index.
fn actor(draft: &mut Draft, actor: Option<&Actor>) -> Vec<Vec<String>> {
    let Some(actor) = actor else { return vec![Vec::new()] };
    let kind = format!("actor_kind = '{}'", actor.kind());
    let others = match (actor, actor.id()) {
        (Actor::Anonymous, _) => return vec![vec![kind]],
        (_, Some(id)) => vec![BY_OTHERS.to_owned(), kind, format!("actor_id = {}", draft.place(id))],
        (_, None) => vec![BY_OTHERS.to_owned(), kind, "actor_id IS NULL".to_owned()],
    };
    match actor {
        Actor::User(user) => {
            let own = format!("subject_id = {}", draft.place(*user.as_uuid()));
            vec![vec![own, format!("actor_kind = '{OWN}'")], others]
        }
        _ => vec![others],
    }
}

/// What was done on or by an account, in its own name, as somebody else, or by its API keys: no entry is found in two ways.
fn about(backend: DbBackend, draft: &mut Draft, query: &AuditQuery) -> Vec<Vec<String>> {
    let Some(user) = query.about else { return vec![Vec::new()] };
    let (id, text) = (draft.place(*user.as_uuid()), draft.place(user.to_string()));
    let on = format!("subject_id = {id}");
    // Where the actor is the subject, the row says so instead of who it is.
    let by = [BY_OTHERS.to_owned(), "actor_kind = 'user'".to_owned(), format!("actor_id = {text}")];
    let on_others = format!("(subject_id IS NULL OR subject_id <> {id})");
    let as_another =
        [format!("impersonator = {id}"), on_others.clone(), format!("(actor_id IS NULL OR actor_id <> {text})")];
    let mut all = vec![vec![on], by.to_vec(), as_another.to_vec()];
    if !query.keys.is_empty() {
        let keys: Vec<String> = query.keys.iter().map(|key| format!("\"{key}\"")).collect();
        let keys = draft.place(format!("[{}]", keys.join(",")));
        let each = match backend {
            DbBackend::Postgres => format!("jsonb_array_elements_text({keys}::jsonb)"),
            _ => format!("value FROM json_each({keys})"),
        };
        all.push(vec![
            BY_OTHERS.to_owned(),
            "actor_kind = 'api_key'".to_owned(),
            format!("actor_id IN (SELECT {each})"),
            on_others,
            format!("(impersonator IS NULL OR impersonator <> {id})"),
        ]);
    }
    all
}

fn select(draft: &Draft, branch: &[String], limit: &str) -> String {
    let condition = draft.condition(branch);
    format!("SELECT {COLUMNS} FROM audit {condition}{NEWEST_FIRST} LIMIT {limit}")
}
