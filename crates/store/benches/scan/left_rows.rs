//! The rows that a scan left in its database, ready to be inserted into an empty one. Knows no table
//! by name.

use std::path::Path;

use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous,
};
use sqlx::{
    Arguments as _, AssertSqlSafe, Connection as _, Row as _, SqliteConnection, TypeInfo as _,
    ValueRef as _,
};

/// More to a statement gain nothing.
const ROWS: usize = 500;

/// The most values that SQLite takes in one statement.
const VALUES: usize = 32_766;

/// Rows with the statements that insert them.
pub(crate) struct LeftRows {
    statements: Vec<(String, SqliteArguments)>,
    count: Vec<(String, i64)>,
}

/// A database as the program's own: durable to the last commit.
pub(crate) async fn connect(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // The rows refer to each other as they did where they come from.
        .foreign_keys(false);
    SqliteConnection::connect_with(&options).await.unwrap()
}

impl LeftRows {
    /// All rows of `source` in tables that are empty in `target`.
    pub(crate) async fn read(source: &Path, target: &mut SqliteConnection) -> Self {
        let mut source = connect(source).await;
        let mut left = Self {
            statements: Vec::new(),
            count: Vec::new(),
        };
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' \
                      AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_sqlx_%' ORDER BY rowid";
        let tables: Vec<String> = sqlx::query_scalar(tables)
            .fetch_all(&mut source)
            .await
            .unwrap();
        for table in tables {
            if count(target, &table).await == 0 {
                let select = AssertSqlSafe(format!("SELECT * FROM {table}"));
                let rows = sqlx::query(select).fetch_all(&mut source).await.unwrap();
                left.add(&table, &rows);
            }
        }
        source.close().await.unwrap();
        left
    }

    fn add(&mut self, table: &str, rows: &[SqliteRow]) {
        let Some(first) = rows.first() else {
            return;
        };
        let columns = first.len();
        let row = format!("({})", vec!["?"; columns].join(", "));
        for rows in rows.chunks(ROWS.min(VALUES / columns)) {
            let all = vec![row.as_str(); rows.len()].join(", ");
            let mut values = SqliteArguments::default();
            for row in rows {
                for column in 0..columns {
                    add_value(&mut values, row, column);
                }
            }
            // What triggers insert is there already.
            let statement = format!("INSERT OR IGNORE INTO {table} VALUES {all}");
            self.statements.push((statement, values));
        }
        let rows = i64::try_from(rows.len()).unwrap();
        self.count.push((table.to_owned(), rows));
    }

    /// Inserts them in one transaction.
    pub(crate) async fn insert(&mut self, target: &mut SqliteConnection) {
        let mut transaction = target.begin_with("BEGIN IMMEDIATE").await.unwrap();
        for (statement, values) in self.statements.drain(..) {
            let query = sqlx::query_with(AssertSqlSafe(statement), values);
            query.execute(&mut *transaction).await.unwrap();
        }
        transaction.commit().await.unwrap();
    }

    /// Makes sure that they are there.
    pub(crate) async fn check(&self, target: &mut SqliteConnection) {
        assert!(!self.count.is_empty());
        for (table, rows) in &self.count {
            assert_eq!(count(target, table).await, *rows, "{table}");
        }
    }
}

async fn count(connection: &mut SqliteConnection, table: &str) -> i64 {
    let select = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    sqlx::query_scalar(select)
        .fetch_one(connection)
        .await
        .unwrap()
}

fn add_value(values: &mut SqliteArguments, row: &SqliteRow, column: usize) {
    let kind = row.try_get_raw(column).unwrap().type_info().into_owned();
    let added = match kind.name() {
        "NULL" => values.add(None::<i64>),
        "INTEGER" => values.add(row.get::<i64, _>(column)),
        "REAL" => values.add(row.get::<f64, _>(column)),
        "TEXT" => values.add(row.get::<String, _>(column)),
        "BLOB" => values.add(row.get::<Vec<u8>, _>(column)),
        other => panic!("a value of the type {other}"),
    };
    added.unwrap();
}
