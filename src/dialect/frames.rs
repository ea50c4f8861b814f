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

/// Why the gate closes a WebSocket (RFC 6455 section 7.4.1; IANA WebSocket close code registry).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCode {
    /// 1001: one side is not there any more.
    GoingAway,
    /// 1008: the key no longer allows the stream.
    PolicyViolation,
    /// 1012: the gate restarts; connect again.
    ServiceRestart,
}

impl CloseCode {
    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::GoingAway => 1001,
            Self::PolicyViolation => 1008,
            Self::ServiceRestart => 1012,
        }
    }
}

/// A Close frame with `code` and `reason`, which is cut to the 123 bytes that a control frame leaves it. With `masked`, as a
/// client sends it (section 5.3; the key is zero: the text is no secret and no attacker chooses it).
#[must_use]
pub fn close_frame(code: CloseCode, reason: &str, masked: bool) -> Vec<u8> {
    let reason = &reason[..reason.floor_char_boundary(123)];
    let length = u8::try_from(2 + reason.len()).unwrap_or(2);
    let mut frame = vec![0x88, length | if masked { 0x80 } else { 0 }];
    if masked {
        frame.extend([0; 4]);
    }
    frame.extend(code.number().to_be_bytes());
    frame.extend(reason.as_bytes());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    };

    fn frame(payload: usize, masked: bool) -> Vec<u8> {
        let mut frame = Frame::message(vec![0x88; payload], OpCode::Data(Data::Binary), true);
        if masked {
            frame.header_mut().mask = Some([1, 2, 3, 4]);
        }
        let mut bytes = Vec::new();
        frame.format(&mut bytes).unwrap();
        bytes
    }

    proptest! {
        #[test]
        fn boundaries_are_tungstenites_however_the_bytes_are_split(
            frames in proptest::collection::vec((prop_oneof![0usize..130, 65_530usize..65_540, Just(126), Just(127)], any::<bool>()), 1..6),
            split in 1usize..50,
        ) {
            let (mut bytes, mut ends) = (Vec::new(), vec![0]);
            for (payload, masked) in frames {
                bytes.extend(frame(payload, masked));
                ends.push(bytes.len());
            }
            let (mut tracker, mut whole) = (FrameTracker::default(), FrameTracker::default());
            for (at, chunk) in bytes.chunks(split).enumerate() {
                tracker.feed(chunk);
                let seen = (at * split + chunk.len()).min(bytes.len());
                prop_assert_eq!(tracker.at_boundary(), ends.contains(&seen), "after {} bytes", seen);
            }
            whole.feed(&bytes);
            prop_assert_eq!(tracker, whole);
            prop_assert!(!tracker.is_closing());
        }

        #[test]
        fn any_bytes_can_be_fed(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            FrameTracker::default().feed(&bytes);
        }
    }

    #[test]
    fn a_close_frame_is_one_frame_that_tungstenite_reads() {
        for masked in [false, true] {
            let bytes = close_frame(CloseCode::ServiceRestart, &"é".repeat(100), masked);
            let mut tracker = FrameTracker::default();
            tracker.feed(&bytes);
            assert!(tracker.at_boundary() && tracker.is_closing());
            assert!(bytes.len() <= 2 + 4 + 125);
            let text = bytes[if masked { 8 } else { 4 }..].to_vec();
            assert!(String::from_utf8(text).is_ok());
        }
    }
}
