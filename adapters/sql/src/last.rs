//! The last statements of a unit of work: its audit entries, its effects, and what waits for webhooks, written right
//! before the commit.

use portcullis_domain::Timestamp;
use portcullis_domain::audit::AuditEntry;
use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::store::{Effect, StoreError};
use sea_orm::{DbBackend, Statement};

use crate::{audit, outbox, webhook_queue};

/// The statements for what a unit leaves behind. On SQLite all of them go to the database in one text.
pub(crate) fn statements(
    backend: DbBackend,
    at: Timestamp,
    entries: &[AuditEntry],
    effects: Vec<Effect>,
    random: &dyn Randomness,
) -> Result<Vec<Statement>, StoreError> {
    let rows = outbox::rows(effects, at, random)?;
    let sent = webhook_queue::inserts(backend, &rows, at);
    let mut statements = match (backend, entries, rows.as_slice()) {
        (DbBackend::Postgres, [entry], [row]) => vec![outbox::on_postgres_with(entry, row, at)],
        (DbBackend::Postgres, ..) => {
            let noted = audit::inserts(DbBackend::Postgres, entries).into_iter();
            noted.chain(outbox::on_postgres(rows, at)).collect()
        }
        _ => {
            let noted = audit::inserts(DbBackend::Sqlite, entries).into_iter();
            noted.chain(outbox::on_sqlite(&rows, at)).collect()
        }
    };
    statements.extend(sent);
    Ok(statements)
}
