//! A damaged copy, put out of the way of the next one. Knows nothing of what is in it.

use std::{fs, io, path::Path};

use super::place::beside;

/// Moves the copy at `copy`, with what is beside it, to the same name with `.damaged`; what an earlier one left there is replaced.
///
/// The log goes first: wherever the machine stops, there is no log without its file, which the next copy would take for its own. The head
/// stays: of how far this copy had come, it is all that the next one knows.
pub(super) fn put_aside(copy: &Path) -> io::Result<()> {
    let kept = beside(copy, ".damaged");
    for ending in ["-wal", "-shm", ""] {
        match fs::rename(beside(copy, ending), beside(&kept, ending)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}
