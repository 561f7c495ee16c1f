//! The search for accounts: every order, and the beginning of every name, is one that an index has.

use std::sync::LazyLock;

use portcullis_domain::access::RoleName;
use portcullis_domain::accounts::UserStatus;
use portcullis_domain::administration::{UserPlace, UserQuery, UserSort};
use sea_orm::{DbBackend, Iterable, Statement, Value};

use crate::draft::Draft;
use crate::entity::{names, user};

static COLUMNS: LazyLock<String> = LazyLock::new(|| names(user::Column::iter()));

/// How names are compared byte by byte, whatever the collation of the database.
struct Words {
    from: &'static str,
    above: &'static str,
    below: &'static str,
    ascending: &'static str,
    descending: &'static str,
}

/// The operators of the indexes on names.
const ON_POSTGRES: Words =
    Words { from: "~>=~", above: "~>~", below: "~<~", ascending: "USING ~<~", descending: "USING ~>~" };
const ON_SQLITE: Words = Words { from: ">=", above: ">", below: "<", ascending: "ASC", descending: "DESC" };

/// The statement; `None` when nothing can match.
pub(crate) fn statement(backend: DbBackend, query: &UserQuery) -> Option<Statement> {
    let words = if backend == DbBackend::Postgres { &ON_POSTGRES } else { &ON_SQLITE };
    let mut draft = Draft::default();
    for (column, prefix) in [("email_key", &query.email), ("username_key", &query.username)] {
        if let Some(prefix) = prefix {
            beginning(&mut draft, words, column, prefix)?;
        }
    }
    if let Some(status) = query.status {
        // Written out, for there is an index on one of them.
        draft.words(match status {
            UserStatus::Active => "status = 'active'",
            UserStatus::Disabled => "status = 'disabled'",
        });
    }
    let source = if let Some(role) = &query.role { holders(&mut draft, role) } else { ALL };
    if let Some(from) = query.created_from {
        draft.term(&format!("{} >=", source.created_at), from.as_unix_micros());
    }
    if let Some(until) = query.created_until {
        draft.term(&format!("{} <", source.created_at), until.as_unix_micros());
    }
    let order = order(&mut draft, words, &source, query)?;
    let limit = draft.place(i64::from(query.limit));
    let condition = draft.condition(&[]);
    let sql = format!("SELECT {} FROM {} {condition}ORDER BY {order} LIMIT {limit}", *COLUMNS, source.tables);
    Some(draft.statement(backend, sql))
}

/// Where accounts are looked for, and what tells their age there.
struct Source {
    tables: &'static str,
    created_at: &'static str,
    id: &'static str,
}

const ALL: Source = Source { tables: "users", created_at: "created_at", id: "id" };

/// The holders of a role.
fn holders(draft: &mut Draft, role: &RoleName) -> Source {
    draft.term("role =", role.as_str());
    Source { tables: "user_roles JOIN users ON id = user_id", created_at: "user_created_at", id: "user_id" }
}

/// The names that begin so: from that text on, and before the first one that comes after all of them.
fn beginning(draft: &mut Draft, words: &Words, column: &str, prefix: &str) -> Option<()> {
    draft.term(&format!("{column} {}", words.from), text(prefix)?);
    if let Some(end) = after_all(prefix) {
        draft.term(&format!("{column} {}", words.below), end);
    }
    Some(())
}

/// The order, and the condition that leaves out what is before the place where it begins.
fn order(draft: &mut Draft, words: &Words, source: &Source, query: &UserQuery) -> Option<String> {
    let (beyond, direction) = if query.descending { ("<", "DESC") } else { (">", "ASC") };
    let (named_beyond, named) =
        if query.descending { (words.below, words.descending) } else { (words.above, words.ascending) };
    let column = match query.sort {
        UserSort::CreatedAt => source.created_at,
        UserSort::Email => "email_key",
        UserSort::Username => "username_key",
    };
    match (query.sort, &query.after) {
        (_, None) => {}
        (UserSort::CreatedAt, Some(UserPlace::CreatedAt(at, id))) => {
            let (at, id) = (draft.place(at.as_unix_micros()), draft.place(*id.as_uuid()));
            draft.words(format!("({column}, {}) {beyond} ({at}, {id})", source.id));
        }
        (UserSort::Email, Some(UserPlace::Email(name))) | (UserSort::Username, Some(UserPlace::Username(name))) => {
            draft.term(&format!("{column} {named_beyond}"), text(name)?);
        }
        // A place of another order.
        (_, Some(_)) => return None,
    }
    Some(match query.sort {
        UserSort::CreatedAt => format!("{column} {direction}, {} {direction}", source.id),
        UserSort::Email => format!("{column} {named}"),
        UserSort::Username => {
            draft.words(format!("{column} IS NOT NULL"));
            format!("{column} {named}")
        }
    })
}

/// A text that a column can hold: PostgreSQL stores no NUL, so that no name has one.
fn text(text: &str) -> Option<Value> {
    (!text.contains('\0')).then(|| text.into())
}

/// The first text after all that begin with `prefix`, in the order of bytes, which for UTF-8 is that of characters;
/// `None` when there is none.
fn after_all(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        // A step over the surrogates, which are no characters.
        if let Some(next) = (last..=char::MAX).nth(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_the_first_text_after_all_that_begin_so() {
        for (prefix, end) in [
            ("ann", Some("ano")),
            ("a_%\\", Some("a_%]")),
            ("\u{d7ff}", Some("\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}\u{10ffff}", None),
            ("\u{7f}", Some("\u{80}")),
            ("", None),
        ] {
            assert_eq!(after_all(prefix).as_deref(), end, "{prefix:?}");
            let longest = format!("{prefix}\u{10ffff}");
            assert!(end.is_none_or(|end| longest.as_bytes() < end.as_bytes()), "{prefix:?}");
        }
    }

    #[test]
    fn b52_filters_and_places_never_become_words_of_the_statement() {
        let evil = "x' OR 1=1; DROP TABLE users; --".to_owned();
        for backend in [DbBackend::Postgres, DbBackend::Sqlite] {
            for (sort, after) in [
                (UserSort::Email, UserPlace::Email(evil.clone())),
                (UserSort::Username, UserPlace::Username(evil.clone())),
            ] {
                let (email, username) = (Some(evil.clone()), Some(evil.clone()));
                let query = UserQuery { email, username, sort, after: Some(after), ..UserQuery::default() };
                let statement = statement(backend, &query).expect("a statement");
                assert!(!statement.sql.contains("DROP"), "{}", statement.sql);
            }
            let query = UserQuery { email: Some("a\0".to_owned()), ..UserQuery::default() };
            assert!(statement(backend, &query).is_none(), "no name holds a NUL");
        }
    }
}
