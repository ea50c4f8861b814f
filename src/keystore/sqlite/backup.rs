//! A copy of a store, of one moment, which was read once before it has a name.

use std::{path::Path, sync::Arc};

use super::{apps, audit, connection, keys, meta::Meta, place};
use crate::keystore::StoreError;

/// Writes a copy of the store at `from` to a new file at `to`. Changes go on meanwhile.
pub(super) fn write(from: &Arc<place::Place>, to: &Path) -> Result<(), StoreError> {
    place::make(to, |new| {
        // Not one of those that read: SQLite takes the copy for a write.
        connection::open(from.path())?.execute("VACUUM INTO ?1", [new.to_string_lossy()])?;
        verify(&connection::open(new)?)
    })
}

/// That all of a store can be read, and its audit trail is whole.
pub(super) fn verify(conn: &rusqlite::Connection) -> Result<(), StoreError> {
    let whole = conn.unchecked_transaction()?;
    connection::check(&whole)?;
    keys::read_all(&whole, &mut |_| {})?;
    apps::list(&whole)?;
    apps::operators(&whole)?;
    audit::verify(&whole, &Meta::load(&whole)?.audit)?;
    Ok(whole.rollback()?)
}
