//! What SQLite complains of, as what a store says of it.

use std::fmt;

use rusqlite::{Error, ErrorCode, ffi, types::FromSqlError};

use crate::keystore::StoreError;

/// That the file is damaged: `what` was found.
pub(super) fn corrupt(what: impl fmt::Display) -> StoreError {
    StoreError::Corrupt(what.to_string())
}

impl From<FromSqlError> for StoreError {
    fn from(error: FromSqlError) -> Self {
        corrupt(format_args!("a value of another type than was written ({error})"))
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all others are about values, of which there are none but those written here")]
impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match &error {
            Error::SqliteFailure(failure, said) => of_sqlite(*failure, said.as_deref().unwrap_or("no more is known")),
            Error::SqlInputError { msg, .. } => corrupt(format_args!("its schema is not that of a key store ({msg})")),
            _ => corrupt(format_args!("a row that was never written ({error})")),
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "of all others only what is said of them is known, and their list may grow")]
fn of_sqlite(failure: ffi::Error, said: &str) -> StoreError {
    match failure.code {
        ErrorCode::DiskFull => StoreError::Full,
        ErrorCode::SystemIoFailure => match failure.extended_code {
            // SQLite calls a disk full only for ENOSPC. A write takes memory of the kernel, so that a disk that fails shows when it is
            // synced: what a write fails of is a quota (EDQUOT) or a limit on the size of files (EFBIG). The other is no room for the
            // index of the log, which grows before anything is written.
            ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_SHMSIZE => StoreError::Full,
            code => StoreError::Io(format!("cannot be read or written ({said}, {code})")),
        },
        ErrorCode::NotADatabase => corrupt("it is no SQLite database"),
        ErrorCode::DatabaseCorrupt => corrupt(said),
        // Statements are fixed, so one that does not fit its tables has met others than were made. That a row cannot be written for another
        // one is looked at before it is written; if it happens all the same, an index is wrong.
        ErrorCode::Unknown | ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch => {
            corrupt(format_args!("its tables are not those of a key store ({said})"))
        }
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            StoreError::Io("another process keeps it locked; ask again when that has ended".into())
        }
        ErrorCode::ReadOnly => StoreError::Io(format!("cannot be written ({said}): the file or its folder is read-only")),
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied => StoreError::Io(format!(
            "cannot be opened ({said}): the file and its folder must be readable and writable for this user, and not a link elsewhere"
        )),
        _ => StoreError::Io(format!("{said} ({})", failure.extended_code)),
    }
}
