//! Reading a file whole: a regular one, of a bounded size, as text.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

/// Reads the file at `path`, following links (a Kubernetes volume is links), if what they lead to is a regular file of at most
/// `max` bytes of UTF-8.
///
/// # Errors
/// What is wrong, with the path. A pipe or a device is refused before a byte of it is read.
pub fn read_text(path: &Path, max: u64) -> io::Result<String> {
    let wrong = |kind, what: &dyn std::fmt::Display| io::Error::new(kind, format!("{}: {what}", path.display()));
    // Asked before opening: opening a pipe that nobody writes to would wait for ever.
    let about = std::fs::metadata(path).map_err(|error| wrong(error.kind(), &error))?;
    if !about.is_file() {
        return Err(wrong(io::ErrorKind::InvalidInput, &"is not a regular file"));
    }
    let too_large = || wrong(io::ErrorKind::FileTooLarge, &format_args!("is larger than {} MiB", max / 1024 / 1024));
    if about.len() > max {
        return Err(too_large());
    }
    let mut text = String::new();
    let file = File::open(path).map_err(|error| wrong(error.kind(), &error))?;
    // One byte more than is allowed, for a file that grows while it is read.
    file.take(max + 1).read_to_string(&mut text).map_err(|error| wrong(error.kind(), &error))?;
    if text.len() as u64 > max { Err(too_large()) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_a_bounded_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.yaml");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read_text(&path, 5).unwrap(), "12345");
        assert_eq!(read_text(&path, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert!(read_text(folder.path(), 5).unwrap_err().to_string().contains("not a regular file"));
        assert!(read_text(Path::new("/dev/zero"), 5).unwrap_err().to_string().contains("not a regular file"));
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert_eq!(read_text(&path, 5).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert!(read_text(&folder.path().join("none"), 5).unwrap_err().to_string().contains("none"));
    }
}
