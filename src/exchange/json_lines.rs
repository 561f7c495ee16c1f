//! JSON lines: one object a line (<https://jsonlines.org>). Our own has the members of [`Record`](super::Record).

use std::io::BufRead;

use portcullis_domain::accounts::Import;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

use super::draft::{Draft, Field};
use super::lines::Lines;
use super::members::Members;
use super::{Broken, Place, Row, Taker};

/// Reads one account a line.
pub(super) fn read<T: DeserializeOwned>(
    input: impl BufRead,
    account: &dyn Fn(T) -> Result<Import, String>,
    take: Taker<'_>,
) -> Result<(), Broken> {
    let mut lines = Lines::new(input);
    while let Some((number, text)) = lines.next()? {
        let account = text.and_then(parse).and_then(account);
        if !take(Row { place: Place::Line(number), account }) {
            return Err(Broken::Stopped);
        }
    }
    Ok(())
}

/// The parser's own words would repeat values, and with them a hash.
fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| match error.classify() {
        Category::Data => "is not a JSON object".to_owned(),
        Category::Eof => "is not JSON: it ends too early".to_owned(),
        Category::Syntax | Category::Io => format!("is not JSON, from column {} on", error.column()),
    })
}

/// An account as we write it: every member is known and there once.
pub(super) fn account(members: Members) -> Result<Import, String> {
    let (mut draft, mut seen) = (Draft::default(), Vec::new());
    for (name, value) in members.0 {
        let field = match Field::parse(&name) {
            Ok(field) => field,
            Err(unknown) => {
                draft.complain(unknown);
                continue;
            }
        };
        if seen.contains(&field) {
            draft.refuse(field, "is there twice");
            continue;
        }
        seen.push(field);
        match (field, value) {
            (_, Value::Null) => {}
            (Field::EmailVerified, Value::Bool(verified)) => draft.verified(verified),
            (Field::EmailVerified, _) => draft.refuse(field, "must be true or false"),
            (_, Value::String(text)) => draft.set(field, &text),
            _ => draft.refuse(field, "must be a text"),
        }
    }
    draft.finish()
}
