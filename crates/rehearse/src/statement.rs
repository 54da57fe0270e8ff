//! The statements that writers send. All of them are the same in MariaDB and in PostgreSQL, but the one that creates
//! the table. They hold nothing but numbers, so nothing in them needs quoting.

use crate::target::RunId;

/// The table that rows are written to. It stays; the rows of a run are removed by [`clear`](crate::clear).
pub const TABLE: &str = "stanchion_rehearsal";

/// Returns the statement that writes a row.
pub fn insert(run: RunId, number: u64) -> String {
    format!("INSERT INTO {TABLE} (run, number) VALUES ({run}, {number})")
}

/// Returns the query for the ids and numbers of some rows.
pub fn page(run: RunId, after: i64, most: u32) -> String {
    format!("SELECT id, number FROM {TABLE} WHERE run = {run} AND id > {after} ORDER BY id LIMIT {most}")
}

/// Returns the statement that removes rows.
pub fn remove(run: RunId, up_to: i64) -> String {
    format!("DELETE FROM {TABLE} WHERE run = {run} AND id <= {up_to}")
}
