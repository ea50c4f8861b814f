//! Whose keys a copy has: those of one manager, and no others. Knows nothing of how they come into it.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::{
    connection,
    head::{Head, HeadFile},
    keepsakes,
    meta::Meta,
    place::{self, Place},
    replica::{FLOOR, FRESH_AT, WHOLE_AT, clear},
    schema,
};
use crate::keystore::{StoreError, Version};

/// Whose copy it is: what the manager's signatures are checked with.
const MANAGER: &str = "manager";

/// Makes an empty copy of what `manager` has at `path`, where there is none. Where there was one, whose head is still there, what has not come
/// as far is not taken into the new one: keys that were revoked since would be good again.
pub(super) fn make(path: &Path, manager: &[u8]) -> Result<(), StoreError> {
    let floor = Head::read(path);
    place::make(path, |new| {
        let mut conn = connection::open(new)?;
        schema::migrate(&mut conn)?;
        begin(&conn, manager)?;
        floor.iter().try_for_each(|floor| keepsakes::keep_anew(&conn, FLOOR, &floor.bytes()))
    })
}

/// Has the store be a copy of what `manager` has: an empty one, where it was nobody's. Whether it is that manager's now: of another's, nothing
/// has changed.
pub(super) fn claim(conn: &Connection, manager: &[u8]) -> Result<bool, StoreError> {
    match keepsakes::find(conn, MANAGER)? {
        Some(kept) => Ok(kept == manager),
        None if Meta::load(conn)?.version == Version::default() => begin(conn, manager).map(|()| true),
        None => Err(StoreError::Io(
            "this is a store that keys are managed in, and no copy of one: name another file as `cache`".to_owned(),
        )),
    }
}

/// Empties the copy at `place`, which is another manager's, and has it be that of `manager`. A gate that has it open would be left without
/// keys, and without what it knows of revocations: so there must be none.
///
/// # Errors
/// If somebody has it open, or it cannot be written. Nothing has changed then.
pub(super) fn take_over(place: &Place, manager: &[u8]) -> Result<(), StoreError> {
    let mut head = HeadFile::alone(place.path())?.ok_or_else(|| {
        StoreError::Io(
            "this is a copy of the keys of another manager than `verify` says, and a gate uses it: name another file as `cache`, or stop \
             that gate"
                .to_owned(),
        )
    })?;
    let mut conn = connection::writing(place)?;
    let change = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // It may have been taken over meanwhile.
    if keepsakes::find(&change, MANAGER)?.is_some_and(|kept| kept != manager) {
        begin(&change, manager)?;
        // Before the commit: if the machine stopped between, the head of what was there would say of an empty copy that it has lost changes.
        head.keep((&Meta::load(&change)?).into());
        head.sync();
    }
    change.commit()?;
    Ok(())
}

fn begin(conn: &Connection, manager: &[u8]) -> Result<(), StoreError> {
    clear(conn)?;
    keepsakes::forget(conn, FLOOR)?;
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
