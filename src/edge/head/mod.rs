//! Reading a request's head: with deadlines, within sizes, and only in ways that leave no room for a second reading.

mod read;
mod strict;

use std::sync::LazyLock;

use memchr::memmem::Finder;

pub use self::{
    read::{HeadEnd, ReadError, read_head},
    strict::{Body, HeadError, MAX_HEADERS, Parsed, parse_strictly},
};

/// The largest head: as large as nginx and Envoy take in common set-ups, small enough to hold for each slow client.
pub const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Made once, for to prepare a search takes longer than to go through a head.
static EMPTY_LINE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\r\n\r\n"));

/// The length of the head at the start of `bytes`, its empty line included, if its end is among them.
#[must_use]
pub fn end_of_head(bytes: &[u8]) -> Option<usize> {
    EMPTY_LINE.find(bytes).map(|at| at + 4)
}
