//! A statement whose conditions depend on what is asked for.

use sea_orm::{DbBackend, Statement, Value};

/// A statement in the making: its conditions, and the values in their places.
#[derive(Default)]
pub(crate) struct Draft {
    terms: Vec<String>,
    values: Vec<Value>,
}

impl Draft {
    /// A place for a value.
    pub(crate) fn place(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// A condition without a value.
    pub(crate) fn words(&mut self, condition: impl Into<String>) {
        self.terms.push(condition.into());
    }

    /// A condition that ends with a value.
    pub(crate) fn term(&mut self, condition: &str, value: impl Into<Value>) {
        let place = self.place(value);
        self.terms.push(format!("{condition} {place}"));
    }

    /// All conditions, and `more` of them, as a clause with a space behind it; nothing when there is none.
    pub(crate) fn condition(&self, more: &[String]) -> String {
        let all: Vec<&str> = self.terms.iter().chain(more).map(String::as_str).collect();
        if all.is_empty() { String::new() } else { format!("WHERE {} ", all.join(" AND ")) }
    }

    /// The statement with these words.
    pub(crate) fn statement(self, backend: DbBackend, sql: impl Into<String>) -> Statement {
        Statement::from_sql_and_values(backend, sql, self.values)
    }
}
