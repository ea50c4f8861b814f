//! Whose keys a copy has: those of one manager, and no others. Knows nothing of how they come into it.

use rusqlite::Connection;

use super::{
    keepsakes,
    meta::Meta,
    replica::{FRESH_AT, WHOLE_AT, clear},
};
use crate::keystore::{StoreError, Version};

/// Whose copy it is: what the manager's signatures are checked with.
const MANAGER: &str = "manager";

/// Has the store be a copy of what `manager` has: an empty one, where it was of another.
pub(super) fn claim(conn: &Connection, manager: &[u8]) -> Result<(), StoreError> {
    let meta = Meta::load(conn)?;
    match keepsakes::find(conn, MANAGER)? {
        Some(kept) if kept == manager => return Ok(()),
        None if meta.version != Version::default() => {
            return Err(StoreError::Io(
                "this is a store that keys are managed in, and no copy of one: name another file as `cache`".to_owned(),
            ));
        }
        Some(_) | None => {}
    }
    clear(conn)?;
    Meta::new(0).save(conn)?;
    keepsakes::keep_anew(conn, FRESH_AT, &0i64.to_be_bytes())?;
    keepsakes::keep_anew(conn, WHOLE_AT, &0u64.to_be_bytes())?;
    keepsakes::keep_anew(conn, MANAGER, manager)
}

/// That it is no copy.
pub(super) fn is_none(conn: &Connection) -> Result<(), StoreError> {
    match keepsakes::find(conn, MANAGER)? {
        None => Ok(()),
        Some(_) => Err(StoreError::Io(
            "this is the copy that a gate keeps of its manager's keys: nothing is managed in it; name another file".to_owned(),
        )),
    }
}
