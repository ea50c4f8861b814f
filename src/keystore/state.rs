//! The state file: text that a gate keeps over its restarts, read whole and replaced as a whole.
//!
//! Knows how not to lose it: whoever reads finds the old text or the new one, never half of either, and what was answered as kept is
//! on the disk. What the text means is the configuration's affair.

use std::{
    fs::File,
    io::{self, Write as _},
    path::Path,
};

use super::read_text;

/// The largest state file: as many blocks as there can be, each with the longest reason.
const MAX_STATE_BYTES: u64 = 16 * 1024 * 1024;

/// Reads the state file at `path`; `None` where there is none yet. A link that leads nowhere is not none: something was there.
///
/// # Errors
/// What is wrong, with the path.
pub fn read_state(path: &Path) -> io::Result<Option<String>> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Ok(_) | Err(_) => read_text(path, MAX_STATE_BYTES).map(Some),
    }
}

/// Replaces the state file at `path`, for its owner only. When this returns, the new text is on the disk and under that name: a file
/// beside it is written and synced and takes its name, and then the folder is synced, which is what keeps the name (`fsync(2)`).
///
/// # Errors
/// The system's, with the path; the old text stays then.
pub fn write_state(path: &Path, text: &str) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    let written = || {
        // Readable by its owner alone from the beginning.
        let mut new = tempfile::Builder::new().prefix(".keygate-state-").tempfile_in(folder)?;
        new.write_all(text.as_bytes())?;
        new.as_file().sync_all()?;
        new.persist(path)?;
        File::open(folder)?.sync_all()
    };
    written().map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_is_written_is_read_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        assert_eq!(read_state(&path).unwrap(), None);
        for text in ["one", "a longer one", ""] {
            write_state(&path, text).unwrap();
            assert_eq!(read_state(&path).unwrap().as_deref(), Some(text));
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        let names: Vec<_> = folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["state.json"], "nothing is left beside it");
    }

    #[test]
    fn what_cannot_be_written_leaves_the_old_text() {
        let folder = tempfile::tempdir().unwrap();
        let nowhere = folder.path().join("none/state.json");
        let told = write_state(&nowhere, "text").unwrap_err();
        assert!(told.to_string().contains("none/state.json"), "{told}");
        // A folder cannot be replaced by a file, whoever asks.
        let taken = folder.path().join("taken");
        std::fs::create_dir(&taken).unwrap();
        assert!(write_state(&taken, "text").is_err());
        assert!(read_state(&taken).is_err());
        assert_eq!(folder.path().read_dir().unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_link_that_leads_nowhere_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        std::os::unix::fs::symlink("gone", &path).unwrap();
        assert!(read_state(&path).is_err());
    }
}
