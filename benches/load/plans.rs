//! What PostgreSQL does for a statement of the service.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

use crate::populate::run;

/// The tables that are large.
const LARGE: [&str; 4] = ["users", "sessions", "audit", "user_roles"];

/// What was seen of the service's statements.
pub(crate) struct Watch {
    connection: DatabaseConnection,
    scans_before: i64,
}

impl Watch {
    /// Counts the whole-table scans from here on.
    pub(crate) async fn begin(connection: DatabaseConnection) -> Self {
        let scans_before = scans(&connection).await;
        Self { connection, scans_before }
    }

    /// The last statements of the service's connections, each with the indexes that a plan for any parameters uses, and how
    /// often a large table was read as a whole meanwhile.
    pub(crate) async fn end(self) -> (Vec<String>, i64) {
        let mut plans = Vec::new();
        for statement in statements(&self.connection).await {
            plans.push(explain(&self.connection, &statement).await);
        }
        let scanned = scans(&self.connection).await - self.scans_before;
        self.connection.close().await.expect("the connection closes");
        (plans, scanned)
    }
}

fn ask(text: &str) -> Statement {
    Statement::from_string(DbBackend::Postgres, text)
}

async fn scans(connection: &DatabaseConnection) -> i64 {
    // What other connections did is told a moment later.
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    let names = LARGE.map(|name| format!("'{name}'")).join(", ");
    let text = format!(
        "SELECT coalesce(sum(seq_scan), 0)::bigint AS scans FROM pg_stat_user_tables WHERE relname IN ({names})"
    );
    let row = connection.query_one_raw(ask(&text)).await.expect("the statistics can be read").expect("a row");
    row.try_get("", "scans").expect("a number")
}

async fn statements(connection: &DatabaseConnection) -> BTreeSet<String> {
    let text = "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
        AND backend_type = 'client backend'";
    let rows = connection.query_all_raw(ask(text)).await.expect("the activity can be read");
    let queries = rows.iter().filter_map(|row| row.try_get::<String>("", "query").ok());
    queries.filter(|query| LARGE.iter().any(|name| query.contains(name))).collect()
}

/// The nodes of the generic plan that read something.
async fn explain(connection: &DatabaseConnection, statement: &str) -> String {
    let parameters = (1..100).take_while(|number| statement.contains(&format!("${number}"))).count();
    run(connection, "SET plan_cache_mode = force_generic_plan").await;
    run(connection, &format!("PREPARE watched AS {statement}")).await;
    let nulls = vec!["NULL"; parameters].join(", ");
    let arguments = if parameters == 0 { String::new() } else { format!("({nulls})") };
    let rows = connection.query_all_raw(ask(&format!("EXPLAIN EXECUTE watched{arguments}"))).await;
    let rows = rows.unwrap_or_else(|error| panic!("{statement}: {error}"));
    run(connection, "DEALLOCATE watched").await;
    let lines = rows.iter().filter_map(|row| row.try_get::<String>("", "QUERY PLAN").ok());
    let reads = lines.filter(|line| line.contains("Scan"));
    let reads: Vec<String> = reads
        .map(|line| line.trim_start_matches(['-', '>', ' ']).split("  (").next().unwrap_or("").to_owned())
        .collect();
    reads.join("; ")
}
