//! Files that hold one secret: a pepper, or the text of a key.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

/// More than any pepper or key, and too little to hurt where somebody names the wrong file.
const MAX_BYTES: u64 = 4096;

/// The content, without the newline that editors and `echo` put at its end. The errors name no path: it may be a secret in the wrong
/// place.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    // To open a pipe would wait for whoever writes to it.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("too long to be a secret"));
    }
    let newline = [&b"\r\n"[..], b"\n"].into_iter().find(|newline| bytes.ends_with(newline));
    bytes.truncate(bytes.len() - newline.map_or(0, <[u8]>::len));
    Ok(bytes)
}
