//! Where a body ends, a request's or an answer's (RFC 9112 section 6.3), followed without keeping any of it.

/// The framing of a body, and how far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFraming {
    /// So many bytes are still to come.
    Length(u64),
    /// Chunks, and where in them we are.
    Chunked(Chunk),
    /// Until the connection ends.
    UntilClose,
}

/// What ends a chunked body.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// `content` as the last that a chunked body holds, and its end.
#[must_use]
pub fn last_chunks(content: &[u8]) -> Vec<u8> {
    if content.is_empty() {
        return LAST_CHUNK.to_vec();
    }
    [format!("{:x}\r\n", content.len()).as_bytes(), content, b"\r\n", LAST_CHUNK].concat()
}

/// A place in a chunked body (RFC 9112 section 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// Before a chunk: one of ours may go here.
    Start,
    /// In the size, so far.
    Size(u64),
    /// After the size, before its line ends.
    Extension(u64),
    /// After the CR of the size's line.
    SizeEnd(u64),
    /// In the data, with so many bytes to come.
    Data(u64),
    /// After the data, before its CR.
    DataEnd,
    /// After the CR behind the data.
    DataLast,
    /// After the last chunk, at the start of a line of trailers.
    TrailerStart,
    /// In a line of trailers.
    Trailer,
    /// After the CR that ends a line of trailers.
    TrailerEnd,
    /// After the CR of the last, empty line.
    LastLine,
    /// The body is whole.
    Done,
}

/// What feeding bytes came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fed {
    /// All of them belong to the body, and more will come.
    All,
    /// The body ended after so many of them.
    Ended(usize),
    /// They are not a body of this framing.
    Broken,
}

impl BodyFraming {
    /// Whether the body is whole.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunk::Done))
    }

    /// Goes on by `bytes`.
    pub fn feed(&mut self, bytes: &[u8]) -> Fed {
        self.feed_to(bytes, |_| {})
    }

    /// [`BodyFraming::feed`], showing what of `bytes` is content to `see`, piece by piece.
    pub fn feed_to(&mut self, bytes: &[u8], mut see: impl FnMut(&[u8])) -> Fed {
        match self {
            Self::UntilClose => {
                see(bytes);
                Fed::All
            }
            Self::Length(left) => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= here as u64;
                see(&bytes[..here]);
                if *left == 0 { Fed::Ended(here) } else { Fed::All }
            }
            Self::Chunked(place) => feed_chunks(place, bytes, see),
        }
    }

    /// Whether the body can be ended here so that the client sees a whole one: by [`LAST_CHUNK`] where it is chunked.
    #[must_use]
    pub const fn at_boundary(&self) -> bool {
        matches!(self, Self::Chunked(Chunk::Start) | Self::UntilClose)
    }
}

/// The largest chunk size that is believed, 2⁶⁰: what is larger is an attack on somebody's arithmetic.
const MAX_CHUNK: u64 = 1 << 60;

fn feed_chunks(place: &mut Chunk, bytes: &[u8], mut see: impl FnMut(&[u8])) -> Fed {
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if let Chunk::Data(left) = place {
            let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len() - at);
            *left -= here as u64;
            see(&bytes[at..at + here]);
            if *left == 0 {
                *place = Chunk::DataEnd;
            }
            at += here;
            continue;
        }
        let next = match (*place, byte) {
            (Chunk::Start, _) => digit(byte).map(Chunk::Size),
            (Chunk::Size(size) | Chunk::Extension(size), b'\r') => Some(Chunk::SizeEnd(size)),
            (Chunk::Size(size), b';' | b' ' | b'\t') => Some(Chunk::Extension(size)),
            (Chunk::Size(size), _) => digit(byte).filter(|_| size < MAX_CHUNK / 16).map(|digit| Chunk::Size(size * 16 + digit)),
            // A line ends with CRLF and nothing else, here as in a head: LF alone ends it for some readers only.
            (Chunk::Extension(_) | Chunk::TrailerStart | Chunk::Trailer, b'\n' | b'\0') => None,
            (Chunk::Extension(size), _) => Some(Chunk::Extension(size)),
            (Chunk::SizeEnd(0), b'\n') => Some(Chunk::TrailerStart),
            (Chunk::SizeEnd(size), b'\n') => Some(Chunk::Data(size)),
            (Chunk::DataEnd, b'\r') => Some(Chunk::DataLast),
            (Chunk::DataLast, b'\n') => Some(Chunk::Start),
            (Chunk::TrailerStart, b'\r') => Some(Chunk::LastLine),
            // A folded line, or no name: to some readers it belongs to what stands before it.
            (Chunk::TrailerStart, b' ' | b'\t' | b':') => None,
            (Chunk::Trailer, b'\r') => Some(Chunk::TrailerEnd),
            (Chunk::TrailerEnd, b'\n') => Some(Chunk::TrailerStart),
            (Chunk::TrailerStart | Chunk::Trailer, _) => Some(Chunk::Trailer),
            (Chunk::LastLine, b'\n') => Some(Chunk::Done),
            (
                Chunk::SizeEnd(_)
                | Chunk::DataEnd
                | Chunk::DataLast
                | Chunk::TrailerEnd
                | Chunk::LastLine
                | Chunk::Done
                | Chunk::Data(_),
                _,
            ) => None,
        };
        let Some(next) = next else { return Fed::Broken };
        *place = next;
        at += 1;
        if next == Chunk::Done {
            return Fed::Ended(at);
        }
    }
    Fed::All
}

fn digit(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}

#[cfg(test)]
mod tests;
