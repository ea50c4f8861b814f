//! Reading a parcel: first that it is whole and signed, then what is in it.

use std::{
    fmt,
    io::{self, BufRead},
};

use super::{
    FORMAT, Heading, MAX_LINE_BYTES, Seal, Total, Way,
    sign::{Hasher, is_signed},
    wire::Line,
};
use crate::{
    gate::{credential::VerifyKey, keys::Key},
    keystore::StoreError,
};

/// The keys of a parcel that was found to be whole and signed.
pub struct Opened<R> {
    from: R,
    line: Vec<u8>,
}

/// How the line of a key begins, and no other.
const KEY: &[u8] = b"{\"id\":";

/// Why a parcel is not believed.
#[derive(Debug)]
pub enum ParcelError {
    /// It cannot be read.
    Io(io::Error),
    /// It ends before it should, or goes on behind its end.
    Cut,
    /// It is no parcel, or of a version of this program that says other things; what was found.
    Strange(String),
    /// The manager that this gate follows did not sign it.
    NotSigned,
}

/// That a parcel is whole and signed by whom `verify` tells, what it is, and what it leads to. Reads it to its end.
///
/// # Errors
/// Why it is not.
pub fn verify(mut from: impl BufRead, verify: &VerifyKey) -> Result<(Heading, Way), ParcelError> {
    let (mut hasher, mut line) = (Hasher::new(), Vec::new());
    next_line(&mut from, &mut line)?;
    hasher.add(&line);
    let heading = heading(&line)?;
    let mut keys = 0;
    let total = loop {
        next_line(&mut from, &mut line)?;
        hasher.add(&line);
        if !line.starts_with(KEY) {
            break total(&line)?;
        }
        keys += 1;
    };
    next_line(&mut from, &mut line)?;
    let Seal { signature } = serde_json::from_slice(&line).map_err(|_| ParcelError::Cut)?;
    if !is_signed(verify, hasher, &signature) {
        return Err(ParcelError::NotSigned);
    }
    let way = total.way().ok_or_else(|| ParcelError::Strange("a hash that is none".to_owned()))?;
    if keys == total.keys && from.fill_buf()?.is_empty() { Ok((heading, way)) } else { Err(ParcelError::Cut) }
}

/// What is in a parcel, from its beginning; only of one that was [`verify`]-ed.
///
/// # Errors
/// If it is no parcel any more.
pub fn open<R: BufRead>(mut from: R) -> Result<Opened<R>, ParcelError> {
    let mut line = Vec::new();
    next_line(&mut from, &mut line)?;
    heading(&line)?;
    Ok(Opened { from, line })
}

impl<R: BufRead> Opened<R> {
    /// The next key; `None` behind the last.
    ///
    /// # Errors
    /// If this version does not know what its line says.
    pub fn next_key(&mut self) -> Result<Option<Key>, ParcelError> {
        next_line(&mut self.from, &mut self.line)?;
        if !self.line.starts_with(KEY) {
            return Ok(None);
        }
        let line: Line<'_> =
            serde_json::from_slice(&self.line).map_err(|error| ParcelError::Strange(format!("a key: {error}")))?;
        line.key().map(Some).ok_or_else(|| ParcelError::Strange("a key with a word that is not known here".to_owned()))
    }
}

fn heading(line: &[u8]) -> Result<Heading, ParcelError> {
    #[derive(serde::Deserialize)]
    struct Format {
        format: u32,
    }
    // A later version may say what is not known here: of the two, the version is what to tell.
    match serde_json::from_slice::<Format>(line) {
        Ok(Format { format: FORMAT }) => {}
        Ok(Format { format }) => return Err(ParcelError::Strange(format!("format {format}; this version reads {FORMAT}"))),
        Err(_) => return Err(ParcelError::Strange("no heading".to_owned())),
    }
    serde_json::from_slice(line).map_err(|error| ParcelError::Strange(format!("its heading: {error}")))
}

fn total(line: &[u8]) -> Result<Total, ParcelError> {
    serde_json::from_slice(line).map_err(|_| ParcelError::Cut)
}

/// The next line, with its end.
fn next_line(from: &mut impl BufRead, line: &mut Vec<u8>) -> Result<(), ParcelError> {
    line.clear();
    io::Read::take(from, MAX_LINE_BYTES).read_until(b'\n', line)?;
    if line.ends_with(b"\n") { Ok(()) } else { Err(ParcelError::Cut) }
}

impl From<io::Error> for ParcelError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ParcelError> for StoreError {
    fn from(error: ParcelError) -> Self {
        Self::Io(error.to_string())
    }
}

impl fmt::Display for ParcelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the keys cannot be read: {error}"),
            Self::Cut => f.write_str("the keys were cut short"),
            Self::Strange(what) => write!(f, "the keys are not as this version writes them ({what})"),
            Self::NotSigned => f.write_str(
                "the keys are not signed by the manager that `keys.verify` names: somebody else answers there, or its store was made anew",
            ),
        }
    }
}
