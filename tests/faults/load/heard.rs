//! What a client heard on a WebSocket, read more strictly than any client must: every frame is one that a backend of [`super::Upstream`]
//! or the gate sends, whole, and nothing follows a Close (RFC 6455 sections 5.1, 5.2, 5.5). A Close inside another frame is found
//! because the bytes of a binary frame are all the same there.

use super::super::support::{Frame, frame_in};

/// No backend here sends a longer frame.
const MAX_PAYLOAD: usize = 64 * 1024;

/// The frames of one direction, as they come.
#[derive(Debug, Default)]
pub struct Heard {
    buffer: Vec<u8>,
    /// Data frames so far.
    pub messages: u64,
    /// The last text.
    pub text: String,
    /// The Close: its code and its reason.
    pub close: Option<(u16, String)>,
    /// What was no frame, or none that may be.
    pub broken: Option<String>,
}

impl Heard {
    /// Goes on by `bytes`.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        while self.broken.is_none() && !self.buffer.is_empty() {
            if let Err(broken) = self.check_start() {
                self.broken = Some(broken);
                return;
            }
            let Some((frame, end)) = frame_in(&self.buffer) else { return };
            self.take(frame);
            self.buffer.drain(..end);
        }
    }

    /// Whether nothing was begun and not ended.
    pub fn is_whole(&self) -> bool {
        self.buffer.is_empty()
    }

    /// What can be said of a frame before it is whole.
    fn check_start(&self) -> Result<(), String> {
        let (first, second) = (self.buffer[0], self.buffer.get(1).copied().unwrap_or_default());
        if self.close.is_some() {
            return Err(format!("{} bytes behind a Close", self.buffer.len()));
        }
        if !matches!(first, 0x81 | 0x82 | 0x88 | 0x89 | 0x8a) {
            return Err(format!("{first:#04x} begins no frame of ours, behind {} messages", self.messages));
        }
        let is_long = second & 0x7f > 125;
        let too_long =
            is_long && (first >= 0x88 || second == 127 && self.buffer.len() >= 10 && self.declared() > MAX_PAYLOAD as u64);
        if second & 0x80 != 0 || too_long { Err(format!("{second:#04x} is no length of ours")) } else { Ok(()) }
    }

    fn declared(&self) -> u64 {
        u64::from_be_bytes(self.buffer[2..10].try_into().expect("eight bytes"))
    }

    fn take(&mut self, frame: Frame) {
        if frame.is_close() {
            let reason = frame.payload.get(2..).unwrap_or_default().to_vec();
            match (frame.close_code(), String::from_utf8(reason)) {
                (Some(code), Ok(reason)) => self.close = Some((code, reason)),
                _ => self.broken = Some(format!("a Close of {:02x?}", frame.payload)),
            }
            return;
        }
        self.messages += 1;
        if frame.opcode == 1 {
            self.text = String::from_utf8_lossy(&frame.payload).into_owned();
        } else if frame.payload.iter().any(|byte| Some(byte) != frame.payload.first()) {
            self.broken = Some("something stands inside a binary frame".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::support::frame;
    use super::*;

    const GOODBYE: &[u8] = b"\x03\xf0bye";

    fn heard(bytes: &[u8], split: usize) -> Heard {
        let mut heard = Heard::default();
        bytes.chunks(split).for_each(|chunk| heard.feed(chunk));
        heard
    }

    #[test]
    fn a_close_between_frames_is_right_and_inside_one_is_counted() {
        let message = frame(2, &[b'x'; 300], false);
        let close = frame(8, GOODBYE, false);
        for split in [1, 2, 7, 1000] {
            let right = heard(&[&message[..], &message, &close].concat(), split);
            assert_eq!((right.messages, right.broken.as_deref(), right.is_whole()), (2, None, true));
            assert_eq!(right.close, Some((1008, "bye".to_owned())));
            for at in 1..message.len() {
                let inside = heard(&[&message[..at], &close, &message[at..]].concat(), split);
                assert!(inside.broken.is_some() || !inside.is_whole(), "at {at} of {}, in pieces of {split}", message.len());
            }
        }
    }

    #[test]
    fn what_a_server_may_not_send_is_counted() {
        let close = frame(8, GOODBYE, false);
        let twice = [close.clone(), close].concat();
        let extension = [&[0xc2], &frame(2, b"xx", false)[1..]].concat();
        for bytes in [twice, extension, frame(1, b"masked", true), frame(9, &[0; 126], false), frame(2, &[0; 70_000], false)] {
            assert!(heard(&bytes, 5).broken.is_some(), "{:02x?}", &bytes[..8]);
        }
    }
}
