//! The tables of a store: how they are made, brought up to date, and told from those of another program.

use rusqlite::{Connection, TransactionBehavior};

use super::fault::corrupt;
use crate::keystore::StoreError;

/// What makes version 1 of an empty file, version 2 of version 1, and so on.
const MIGRATIONS: [&str; 2] = [include_str!("schema/1.sql"), include_str!("schema/2.sql")];

/// Tells a key store from other databases: `KgKS`.
const APPLICATION_ID: i64 = 0x4b67_4b53;

/// That the file is a store of a version that is known here. Changes nothing in it.
pub(super) fn recognise(conn: &Connection) -> Result<(), StoreError> {
    if number(conn, "application_id")? != APPLICATION_ID {
        return Err(corrupt("it is a database, but not a key store"));
    }
    let (found, known) = (version(conn)?, MIGRATIONS.len() as i64);
    match found {
        _ if found > known => Err(StoreError::TooNew { found, known }),
        1.. => Ok(()),
        _ => Err(corrupt("its schema has no version")),
    }
}

/// Takes a store to the newest version, and makes sure that its tables are those of that version and no others.
pub(super) fn migrate(conn: &mut Connection) -> Result<(), StoreError> {
    for (behind, migration) in MIGRATIONS.iter().enumerate() {
        let change = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Asked inside: another process may have done it meanwhile.
        if version(&change)? == behind as i64 {
            change.execute_batch(migration)?;
            change.pragma_update(None, "application_id", APPLICATION_ID)?;
            change.pragma_update(None, "user_version", behind as i64 + 1)?;
            change.commit()?;
        }
    }
    let blank = Connection::open_in_memory()?;
    MIGRATIONS.iter().try_for_each(|migration| blank.execute_batch(migration))?;
    if tables(conn)? == tables(&blank)? { Ok(()) } else { Err(corrupt("its tables are not those that were made")) }
}

fn tables(conn: &Connection) -> Result<Vec<[Option<String>; 3]>, StoreError> {
    let mut asked = conn.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY name")?;
    let rows = asked.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn version(conn: &Connection) -> Result<i64, StoreError> {
    number(conn, "user_version")
}

fn number(conn: &Connection, pragma: &str) -> Result<i64, StoreError> {
    Ok(conn.pragma_query_value(None, pragma, |row| row.get(0))?)
}
