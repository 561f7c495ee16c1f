//! The few words in which the two databases differ.

use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};
use sea_orm_migration::{DbErr, SchemaManager};

/// Runs statements in which `{id}`, `{bytes}`, `{int}`, `{small}` and `{bool}` stand for column types, `{sequence}` for those of a
/// primary key whose numbers grow and are never given twice, `{end}` for what follows a table's columns, and
/// `{end_keyed}` for the same of a table that is kept in the order of its primary key.
pub(crate) async fn run(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    let backend = manager.get_database_backend();
    for statement in statements {
        manager.get_connection().execute_unprepared(&translate(backend, statement)).await?;
    }
    Ok(())
}

fn translate(backend: DbBackend, statement: &str) -> String {
    let words = match backend {
        DbBackend::Postgres => [
            ("{id}", "uuid"),
            ("{bytes}", "bytea"),
            ("{int}", "bigint"),
            ("{small}", "smallint"),
            ("{bool}", "boolean"),
            ("{sequence}", "bigserial NOT NULL PRIMARY KEY"),
            ("{end}", ""),
            ("{end_keyed}", ""),
        ],
        // STRICT: a value of another type is an error there too.
        _ => [
            ("{id}", "BLOB"),
            ("{bytes}", "BLOB"),
            ("{int}", "INTEGER"),
            ("{small}", "INTEGER"),
            ("{bool}", "INTEGER"),
            ("{sequence}", "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT"),
            ("{end}", "STRICT"),
            ("{end_keyed}", "STRICT, WITHOUT ROWID"),
        ],
    };
    words.iter().fold(statement.to_owned(), |text, (word, meaning)| text.replace(word, meaning))
}
