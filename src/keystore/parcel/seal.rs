//! Writing a parcel.

use std::io::{self, Write};

use serde::Serialize;

use super::{
    Heading, Seal, Total, Way,
    sign::{Hasher, Signer},
    wire::Line,
};
use crate::gate::keys::Key;

/// Writes the parcel of `heading` to `into`, with the keys that `give` gives until it says what they lead to, and signs it. Returns that.
///
/// # Errors
/// Those of writing, and of `give`: what is written then is no parcel.
pub fn seal<E: From<io::Error>>(
    signer: &Signer,
    heading: &Heading,
    into: &mut dyn Write,
    give: impl FnOnce(&mut dyn FnMut(&Key)) -> Result<Way, E>,
) -> Result<Way, E> {
    let mut writing = Writing { into, hasher: Hasher::new(), line: Vec::new(), failed: None };
    writing.line(heading);
    let mut keys = 0;
    let way = give(&mut |key| {
        keys += 1;
        writing.line(&Line::from(key));
    })?;
    writing.line(&Total::new(way, keys));
    let Writing { into, hasher, failed, .. } = writing;
    if let Some(error) = failed {
        return Err(error.into());
    }
    let seal = Seal { signature: signer.sign(hasher) };
    serde_json::to_writer(&mut *into, &seal).map_err(io::Error::from)?;
    into.write_all(b"\n")?;
    Ok(way)
}

struct Writing<'w> {
    into: &'w mut dyn Write,
    hasher: Hasher,
    line: Vec<u8>,
    /// After the first, nothing more is written.
    failed: Option<io::Error>,
}

impl Writing<'_> {
    fn line(&mut self, said: &impl Serialize) {
        if self.failed.is_some() {
            return;
        }
        self.line.clear();
        let written = serde_json::to_writer(&mut self.line, said).map_err(io::Error::from);
        self.line.push(b'\n');
        self.hasher.add(&self.line);
        self.failed = written.and_then(|()| self.into.write_all(&self.line)).err();
    }
}
