//! The last statements of a unit of work: its audit entries and its effects, written right before the commit.

use portcullis_domain::Timestamp;
use portcullis_domain::audit::AuditEntry;
use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::store::{Effect, StoreError};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::link::Link;
use crate::{audit, outbox};

/// The statements for what a unit leaves behind. On SQLite all of them go to the database in one text.
pub(crate) fn statements(
    link: &Link,
    at: Timestamp,
    entries: &[AuditEntry],
    effects: Vec<Effect>,
    random: &dyn Randomness,
) -> Result<Vec<Statement>, StoreError> {
    let rows = outbox::rows(effects, at, random)?;
    Ok(match (link.get_database_backend(), entries, rows.as_slice()) {
        (DbBackend::Postgres, [entry], [row]) => vec![outbox::on_postgres_with(entry, row, at)],
        (DbBackend::Postgres, ..) => {
            let noted = audit::inserts(DbBackend::Postgres, entries).into_iter();
            noted.chain(outbox::on_postgres(rows, at)).collect()
        }
        _ => {
            let noted = audit::inserts(DbBackend::Sqlite, entries).into_iter();
            noted.chain(outbox::on_sqlite(&rows, at)).collect()
        }
    })
}
