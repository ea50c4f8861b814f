//! WebSocket frames (RFC 6455 section 5.2): where one ends and the next begins, in 14 bytes of state.

/// Follows the boundaries of frames in one direction of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameTracker {
    /// Bytes of the frame's header that were seen, or 0 between frames.
    header_seen: u8,
    /// Bytes of the header that there will be, as far as is known.
    header_len: u8,
    /// The extended length so far.
    length: u64,
    /// Bytes of the payload still to come; only while the header is whole.
    payload_left: u64,
    /// A Close frame began: nothing may follow it (section 5.5.1).
    closing: bool,
}

impl FrameTracker {
    /// Goes on by `bytes`.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while let Some((&first, rest)) = bytes.split_first() {
            if self.payload_left > 0 {
                let here = usize::try_from(self.payload_left).unwrap_or(usize::MAX).min(bytes.len());
                self.payload_left -= here as u64;
                bytes = &bytes[here..];
            } else {
                self.header_byte(first);
                bytes = rest;
            }
        }
    }

    /// Like [`FrameTracker::feed`], but no further than to the first frame that carries a message, or that is no control frame as section
    /// 5.5 has them (whole, without extension bits). Returns how many bytes that was.
    pub fn feed_controls(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while let Some(&first) = bytes.get(at) {
            if self.at_boundary() && !matches!(first, 0x88..=0x8a) {
                break;
            }
            // The second byte: a control frame's payload is at most 125 bytes.
            if self.header_seen == 1 && first & 0x7f > 125 {
                break;
            }
            let here = usize::try_from(self.payload_left).unwrap_or(usize::MAX).clamp(1, bytes.len() - at);
            self.feed(&bytes[at..at + here]);
            at += here;
        }
        at
    }

    /// Whether the last byte that was fed ended a frame (or none was fed): a frame of our own may go here.
    #[must_use]
    pub const fn at_boundary(&self) -> bool {
        self.header_seen == 0 && self.payload_left == 0
    }

    /// Whether a Close frame was seen to begin.
    #[must_use]
    pub const fn is_closing(&self) -> bool {
        self.closing
    }

    fn header_byte(&mut self, byte: u8) {
        match self.header_seen {
            0 => {
                self.closing |= byte & 0x0f == 0x8;
                (self.header_len, self.length) = (2, 0);
            }
            1 => {
                let mask_len = if byte & 0x80 == 0 { 0 } else { 4 };
                let (extended, length) = match byte & 0x7f {
                    126 => (2, 0),
                    127 => (8, 0),
                    length => (0, u64::from(length)),
                };
                self.header_len = 2 + extended + mask_len;
                self.length = length;
            }
            seen if seen < 2 + self.extended_len() => self.length = self.length << 8 | u64::from(byte),
            _ => {}
        }
        self.header_seen += 1;
        if self.header_seen == self.header_len {
            self.header_seen = 0;
            self.payload_left = self.length;
        }
    }

    /// The header's length less its fixed part and its mask: 2 + 0, 2 or 8, + 0 or 4.
    const fn extended_len(&self) -> u8 {
        match self.header_len {
            4 | 8 => 2,
            10 | 14 => 8,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests;
