//! The file of a store and those beside it: made for their owner only, and found to be what they were.
//!
//! Knows nothing of what is in them.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use crate::keystore::StoreError;

/// Where a store is.
pub(super) struct Place {
    path: PathBuf,
    /// Device and number of the file: another one under its name is another store.
    identity: (u64, u64),
}

impl Place {
    /// The store at `path`, which is there. It and what is beside it are closed to others from here on.
    pub fn find(path: &Path) -> Result<Self, StoreError> {
        let wrong = |error: &dyn std::fmt::Display| StoreError::Io(format!("{}: {error}", path.display()));
        // Whole, because SQLite takes a name that begins with `file:` for a URI.
        let path = path.canonicalize().map_err(|error| wrong(&error))?;
        let about = path.metadata().map_err(|error| wrong(&error))?;
        if !about.is_file() {
            return Err(wrong(&"is not a regular file"));
        }
        if about.len() == 0 {
            return Err(StoreError::Corrupt(format!("{}: it is empty; {WAY_OUT}", path.display())));
        }
        let place = Self { identity: (about.dev(), about.ino()), path };
        close_to_others(&place.path).map_err(|error| wrong(&error))?;
        for ending in ["-wal", "-shm", "-head"] {
            close_to_others(&beside(&place.path, ending)).map_err(|error| wrong(&error))?;
        }
        Ok(place)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// That the file is still the one that was found: what is written to one that lost its name is lost with the process.
    pub fn is_still_there(&self) -> Result<(), StoreError> {
        match self.path.metadata() {
            Ok(about) if (about.dev(), about.ino()) == self.identity => Ok(()),
            Ok(_) => Err(StoreError::Io("another file has taken its name; restart to use that one".into())),
            Err(error) => Err(StoreError::Io(error.to_string())),
        }
    }

    /// `result`, with the file and the way out in what an error says.
    pub fn told<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        result.map_err(|error| told_of(&self.path, error))
    }
}

/// `error`, with the file that it is about and the way out.
pub(super) fn told_of(store: &Path, error: StoreError) -> StoreError {
    let path = store.display();
    match error {
        StoreError::Corrupt(what) => StoreError::Corrupt(format!("{path}: {what}; {WAY_OUT}")),
        StoreError::Io(what) => StoreError::Io(format!("{path}: {what}")),
        said @ (StoreError::NotFound(_)
        | StoreError::Exists(_)
        | StoreError::SameText(_)
        | StoreError::Changed(_)
        | StoreError::TooFarBack
        | StoreError::Refused(_)
        | StoreError::Reused
        | StoreError::Full
        | StoreError::TooNew { .. }) => said,
    }
}

const WAY_OUT: &str = "restore a copy of the store, and keep this file to find out what happened";

/// The file beside `store` with this ending; SQLite's own are `-wal` and `-shm`.
pub(super) fn beside(store: &Path, ending: &str) -> PathBuf {
    let mut name = store.to_owned().into_os_string();
    name.push(ending);
    name.into()
}

/// The folder that `path` is in, whole.
pub(super) fn folder(path: &Path) -> io::Result<PathBuf> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    }
    .canonicalize()
}

/// Makes the file at `path`, which is not there, with what `fill` writes into it: all of it or none, for its owner only, and on the
/// disk when this returns. What `fill` says.
pub(super) fn make<T>(path: &Path, fill: impl FnOnce(&Path) -> Result<T, StoreError>) -> Result<T, StoreError> {
    let wrong = |error: io::Error| StoreError::Io(format!("{}: {error}", path.display()));
    let folder = folder(path).map_err(wrong)?;
    if path.symlink_metadata().is_ok() {
        return Err(wrong(io::ErrorKind::AlreadyExists.into()));
    }
    let new = tempfile::Builder::new().prefix(".keygate-store-").tempfile_in(&folder).map_err(wrong)?;
    let filled = fill(new.path())?;
    new.as_file().sync_all().map_err(wrong)?;
    new.persist_noclobber(path).map_err(|error| wrong(error.error))?;
    sync(&folder).map_err(wrong)?;
    Ok(filled)
}

/// Has the names in `folder` on the disk.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Who reads the store has what keys are found by, and what snapshots are signed with.
fn close_to_others(path: &Path) -> io::Result<()> {
    match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(about) if about.permissions().mode() & 0o077 == 0 => Ok(()),
        Ok(_) => fs::set_permissions(path, fs::Permissions::from_mode(0o600)),
    }
}
