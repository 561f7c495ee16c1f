//! What the commands have in common that work on the database as the operator.

use std::io::{self, IsTerminal, Read, Write};
use std::process::ExitCode;

use portcullis::{Config, StartError, open_app};
use portcullis_domain::App;
use portcullis_domain::Timestamp;
use portcullis_domain::accounts::Password;
use portcullis_domain::origin::Origin;
use portcullis_domain::secret::SecretString;
use serde::Serialize;

use super::{Outcome, runtime, say};
use crate::exchange::json_line;

/// The most bytes of standard input that can be a password.
const LONGEST_INPUT: u64 = 4_096;

/// Does `work` with the use cases over the database that the configuration names, if its signing keys can be opened.
pub(super) fn on_app(config: &Config, work: impl AsyncFnOnce(&App) -> Outcome) -> Outcome {
    let lack = "holds nothing that a command could work on";
    runtime(1)?.block_on(on_app_of_any_keys(config, lack, async |app| {
        // Links and keys that are bound to another master key than the service's would never work.
        match app.tokens.open_keys(&[]).await {
            Ok(()) => work(app).await,
            Err(error) => Err(StartError::from(error).into()),
        }
    }))
}

/// As `on_app`, also where the signing keys cannot be opened: for work that binds nothing to the master key. `lack`: what
/// a database in memory "has no" or "holds no".
pub(super) async fn on_app_of_any_keys(
    config: &Config,
    lack: &str,
    work: impl AsyncFnOnce(&App) -> Outcome,
) -> Outcome {
    let (app, sql) = open_app(config).await?;
    let Some(sql) = sql else {
        return Err(format!("a database in memory {lack}: set DATABASE_URL").into());
    };
    let outcome = work(&app).await;
    sql.close().await;
    outcome
}

/// Where the operator's acts come from: nowhere that a network knows.
pub(super) fn origin() -> Origin {
    Origin::default()
}

/// Says `value` as JSON on a line, or `text`.
pub(super) fn tell(json: bool, value: &impl Serialize, text: &str) -> Outcome {
    if json { say(&format!("{}\n", json_line(value)?)) } else { say(text) }
}

/// Says what is never shown again, as JSON or as `text`, on standard output, and what to know about it on standard error.
/// When it cannot be said, `remedy` tells how to get another one.
pub(super) fn tell_once(json: bool, value: &impl Serialize, text: &str, hint: &str, remedy: &str) -> Outcome {
    let told = if json { format!("{}\n", json_line(value)?) } else { text.to_owned() };
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(told.as_bytes()).and_then(|()| out.flush()) {
        return Err(format!("it is done, but could not be printed ({error}): {remedy}").into());
    }
    // Who has closed standard error does not want to know.
    drop(writeln!(io::stderr(), "{hint}"));
    Ok(ExitCode::SUCCESS)
}

/// Asks whoever sits at the terminal. A script that names what it is about means it.
pub(super) fn may_go_on(question: &str) -> io::Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(true);
    }
    let mut err = io::stderr().lock();
    write!(err, "{question} Go on? [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// A new password from standard input, all of it but the end of its line: arguments are seen by everybody on the
/// machine, and kept by shells.
pub(super) fn password(min: usize) -> Result<Password, String> {
    let mut text = String::new();
    let read = io::stdin().lock().take(LONGEST_INPUT).read_to_string(&mut text);
    read.map_err(|error| format!("the password on standard input: {error}"))?;
    let text = SecretString::new(text);
    let line = text.expose().strip_suffix('\n').unwrap_or(text.expose());
    let line = line.strip_suffix('\r').unwrap_or(line);
    Password::choose(line.to_owned(), min).map_err(|error| format!("the password on standard input: {error}"))
}

/// An instant as an argument.
pub(super) fn instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text).ok_or_else(|| "must be an RFC 3339 instant like 2026-11-21T10:00:00Z".to_owned())
}

/// Rows for people: each column as wide as its widest cell.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let widths: [usize; N] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or_default()
    });
    let line = |cells: [&str; N]| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    let rows = rows.iter().map(|row| line(std::array::from_fn(|column| row[column].as_str())));
    std::iter::once(line(head)).chain(rows).collect()
}

/// Pairs for people, a line each.
pub(super) fn sheet(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    pairs.iter().map(|(name, value)| format!("{name:<width$}  {value}\n")).collect()
}

/// Words one after the other; a dash when there is none.
pub(super) fn listed<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() { "-".to_owned() } else { items.join(" ") }
}

/// An instant that need not be there.
pub(super) fn shown(instant: Option<Timestamp>) -> String {
    instant.map_or_else(|| "-".to_owned(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_as_wide_as_its_widest_cells_and_has_no_blanks_at_its_end() {
        let rows = [["a".to_owned(), "é".to_owned()], ["longer".to_owned(), String::new()]];
        assert_eq!(table(["ID", "NAME"], &rows), "ID      NAME\na       é\nlonger\n");
        assert_eq!(table(["ID"], &[]), "ID\n");
        assert_eq!(sheet(&[("id", "1".to_owned()), ("name", "x".to_owned())]), "id    1\nname  x\n");
        assert_eq!((listed(Vec::<u8>::new()), listed([1, 2])), ("-".to_owned(), "1 2".to_owned()));
    }
}
