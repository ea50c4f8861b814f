//! The Close frame (RFC 6455 section 5.5.1): the last word of a WebSocket, and why it was said.

/// Why the gate closes a WebSocket (RFC 6455 section 7.4.1; IANA WebSocket close code registry).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCode {
    /// 1001: one side is not there any more.
    GoingAway,
    /// 1008: the key no longer allows the stream.
    PolicyViolation,
    /// 1009: a message is larger than may pass.
    MessageTooBig,
    /// 1012: the gate restarts; connect again.
    ServiceRestart,
    /// 4000 and an HTTP status, for private use (section 7.4.2): what the handshake would have been answered.
    Refused {
        /// The status, below 1000.
        status: u16,
    },
}

impl CloseCode {
    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::GoingAway => 1001,
            Self::PolicyViolation => 1008,
            Self::MessageTooBig => 1009,
            Self::ServiceRestart => 1012,
            Self::Refused { status } => 4000 + status % 1000,
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
    use crate::dialect::FrameTracker;

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
