//! Reading a request's head: with deadlines, within sizes, and only in ways that leave no room for a second reading.

mod read;
mod strict;

pub use read::{HeadEnd, ReadError, read_head};
pub use strict::{Body, HeadError, MAX_HEADERS, Parsed, parse_strictly};

/// The largest head: as large as nginx and Envoy take in common set-ups, small enough to hold for each slow client.
pub const MAX_HEAD_BYTES: usize = 16 * 1024;
